//===-- Forms.cpp - affine forms of step values ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Propagates affine forms through a step. Over the reals an op's derivatives
/// are the coefficients, and it is affine if they do not depend on a state;
/// over the other semirings the op must be (+), or (x) with a value that does
/// not depend on a state.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Forms.h"

#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/CastInterfaces.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

bool StateRead::isPlain(StateAttr attr) const {
  return summed.none() &&
         llvm::equal(indices, attr.getDims(),
                     [](Attribute x, StringAttr y) { return x == y; });
}

/// The dims of the space that a read varies over.
static SmallBitVector getFreeDims(const StateRead &read, SpaceAttr space) {
  SmallBitVector dims(space.getRank());
  for (Attribute index : read.indices)
    if (auto name = dyn_cast<StringAttr>(index))
      dims.set(space.find(name.getValue()));
  return dims.reset(read.summed);
}

StepForms::StepForms(RecurrenceOp recurrence, Semiring semiring)
    : recurrence(recurrence), semiring(semiring),
      builder(recurrence.getStep().front().getTerminator()),
      sets(IndexSets::compute(recurrence.getStep(), recurrence)) {
  Block &block = recurrence.getStep().front();
  for (BlockArgument argument : block.getArguments())
    forms[argument].rest = argument;
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator())
    ops.push_back(&op);
  for (Operation *op : ops) {
    Operation *last = block.getTerminator()->getPrevNode();
    visit(*op);
    for (Operation *added = last->getNextNode(); added != block.getTerminator();
         added = added->getNextNode())
      sets.add(*added);
  }
}

bool StepForms::dependsOnState(Value value) {
  if (auto it = dependence.find(value); it != dependence.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  bool depends = op && (isa<PrevOp>(op) ||
                        llvm::any_of(op->getOperands(), [&](Value operand) {
                          return dependsOnState(operand);
                        }));
  dependence[value] = depends;
  return depends;
}

Form StepForms::obstruct(Operation *op, ArrayRef<const Form *> operands) {
  Form form;
  std::string name = op->getName().stripDialect().str();
  if (auto step = dyn_cast<StepOpInterface>(op);
      step && !step.getSpelling().empty())
    name = step.getSpelling();
  unsigned dependent = llvm::count_if(
      operands, [](const Form *operand) { return operand->dependsOnState(); });
  form.obstacle = {
      op, "'" + name + "' of " +
              (dependent > 1 ? "values that depend" : "a value that depends") +
              " on it"};
  return form;
}

/// A value that sums a state over a dim must not meet one that varies over the
/// same dim: their indices would be confused.
Obstacle StepForms::findClash(Operation &op, ArrayRef<const Form *> operands) {
  for (auto [i, form] : llvm::enumerate(operands))
    for (const Term &term : form->terms)
      for (auto [j, other] : llvm::enumerate(op.getOperands()))
        if (i != j && term.read.summed.anyCommon(sets.get(other))) {
          SmallBitVector common = term.read.summed;
          common &= sets.get(other);
          StringRef dim = recurrence.getSpace().getName(common.find_first());
          return {&op, ("it sums over '" + dim + "' and varies over '" + dim +
                        "' elsewhere in the same term")
                           .str()};
        }
  return {};
}

void StepForms::visit(Operation &op) {
  Value result = op.getResult(0);
  if (auto prev = dyn_cast<PrevOp>(op)) {
    forms[result] = read(prev);
    return;
  }
  SmallVector<const Form *> operands;
  for (Value operand : op.getOperands())
    operands.push_back(&get(operand));
  Form form;
  auto step = dyn_cast<StepOpInterface>(op);
  auto *obstructed = llvm::find_if(
      operands, [](const Form *operand) { return bool(operand->obstacle); });
  // The value itself counts, not the forms: 0 * prev(h) reads a state although
  // its form does not.
  if (!dependsOnState(result))
    form.rest = result;
  else if (obstructed != operands.end())
    form.obstacle = (*obstructed)->obstacle;
  else if (Obstacle clash = findClash(op, operands))
    form.obstacle = clash;
  else if (auto at = dyn_cast<AtOp>(op))
    form = rename(at, *operands[0]);
  else if (auto reduction = dyn_cast<ReduceOp>(op))
    form = reduce(reduction, *operands[0]);
  else if (!step || !step.isHolomorphic())
    form = obstruct(&op, operands);
  else if (semiring == Semiring::PlusTimes)
    form = differentiate(step, operands);
  else
    form = distribute(step, operands);
  forms[result] = std::move(form);
}

Form StepForms::read(PrevOp op) {
  SpaceAttr space = recurrence.getSpace();
  unsigned state = recurrence.findState(op.getState());
  Term term{{state, int64_t(op.getLag()), {}, SmallBitVector(space.getRank())},
            {},
            op};
  if (std::optional<ArrayAttr> indices = op.getIndices())
    llvm::append_range(term.read.indices, *indices);
  else
    llvm::append_range(term.read.indices, recurrence.getState(state).getDims());
  term.coefficient =
      buildSemiringOne(builder, op.getLoc(), semiring, op.getType());
  Form form;
  form.terms.push_back(term);
  return form;
}

void StepForms::addTerm(Operation *op, Form &form, Term term) {
  for (Term &have : form.terms)
    if (have.read == term.read) {
      have.coefficient = buildSemiringSum(builder, op->getLoc(), semiring,
                                          have.coefficient, term.coefficient);
      return;
    }
  form.terms.push_back(std::move(term));
}

Form StepForms::rename(AtOp op, const Form &operand) {
  SpaceAttr space = recurrence.getSpace();
  auto apply = [&](Value value) -> Value {
    return value ? cloneWithZeros(op, builder, value) : value;
  };
  Form form;
  form.rest = apply(operand.rest);
  for (const Term &term : operand.terms) {
    Term renamed = term;
    for (auto [from, to] : llvm::zip(op.getFrom(), op.getTo())) {
      int source = space.find(cast<StringAttr>(from).getValue());
      auto name = dyn_cast<StringAttr>(to);
      if (term.read.summed.test(source) ||
          (name && term.read.summed.test(space.find(name.getValue()))))
        return obstruct(op, &operand);
    }
    for (Attribute &index : renamed.read.indices)
      for (auto [from, to] : llvm::zip(op.getFrom(), op.getTo()))
        if (index == from) {
          index = to;
          break;
        }
    renamed.coefficient = apply(term.coefficient);
    addTerm(op, form, std::move(renamed));
  }
  return form;
}

Form StepForms::reduce(ReduceOp op, const Form &operand) {
  if (!op.isSemiringSum(semiring))
    return obstruct(op, &operand);
  SpaceAttr space = recurrence.getSpace();
  SmallBitVector reduced(space.getRank());
  for (auto name : op.getDims().getAsRange<StringAttr>())
    reduced.set(space.find(name.getValue()));
  Form form;
  if (operand.rest)
    form.rest = cloneWithZeros(op, builder, operand.rest);
  for (const Term &term : operand.terms) {
    if (term.read.summed.anyCommon(reduced))
      return obstruct(op, &operand);
    // Dims of the state itself stay symbolic; the coefficient is reduced over
    // the others.
    SmallBitVector own = getFreeDims(term.read, space);
    own &= reduced;
    SmallBitVector others = reduced;
    others.reset(own);
    Term now = term;
    now.read.summed |= own;
    SmallVector<Attribute> names;
    for (unsigned dim : others.set_bits())
      names.push_back(space.getNames()[dim]);
    if (!names.empty())
      now.coefficient = ReduceOp::create(
          builder, op.getLoc(), now.coefficient.getType(), op.getKindAttr(),
          builder.getArrayAttr(names), now.coefficient);
    addTerm(op, form, std::move(now));
  }
  return form;
}

/// Over the reals: the coefficient of a state is the derivative.
Form StepForms::differentiate(StepOpInterface op,
                              ArrayRef<const Form *> operands) {
  // Reads of all operands, in order.
  SmallVector<Term> reads;
  for (const Form *operand : operands)
    for (const Term &term : operand->terms)
      if (llvm::none_of(
              reads, [&](const Term &have) { return have.read == term.read; }))
        reads.push_back(term);
  // A condition or an index that depends on a state has no tangent to show it.
  for (auto [operand, form] : llvm::zip(op->getOperands(), operands))
    if (form->dependsOnState() &&
        !isa<FloatType, ComplexType>(operand.getType()))
      return obstruct(op, operands);
  Form form;
  for (Term &term : reads) {
    SmallVector<Value> tangents;
    for (const Form *operand : operands) {
      const Term *match = llvm::find_if(operand->terms, [&](const Term &have) {
        return have.read == term.read;
      });
      tangents.push_back(match == operand->terms.end() ? Value()
                                                       : match->coefficient);
    }
    FailureOr<Value> slope =
        op.pushforward(builder, op->getOperands(), tangents);
    // A zero derivative of a value that varies: piecewise constant, not affine.
    if (failed(slope) || !*slope || dependsOnState(*slope))
      return obstruct(op, operands);
    if (isConstant(*slope, 0))
      continue;
    term.coefficient = *slope;
    form.terms.push_back(term);
  }
  SmallVector<Value> rests;
  for (const Form *operand : operands)
    rests.push_back(operand->rest);
  FailureOr<Value> rest = op.evaluateWithZeros(builder, rests);
  if (failed(rest))
    return obstruct(op, operands);
  form.rest = *rest;
  return form;
}

Form StepForms::multiply(Operation *op, const Form &form, Value factor) {
  Form product = form;
  auto scale = [&](Value value) {
    return buildSemiringProduct(builder, op->getLoc(), semiring, value, factor);
  };
  for (Term &term : product.terms)
    term.coefficient = scale(term.coefficient);
  product.rest = scale(product.rest);
  return product;
}

/// select with a condition that does not depend on a state.
Form StepForms::choose(Operation *op, ArrayRef<const Form *> operands) {
  Value condition = op->getOperand(0);
  Type type = op->getResult(0).getType();
  auto pick = [&](Value x, Value y) {
    auto orZero = [&](Value value) {
      return value ? value
                   : buildSemiringZero(builder, op->getLoc(), semiring, type);
    };
    return builder.createOrFold<arith::SelectOp>(op->getLoc(), condition,
                                                 orZero(x), orZero(y));
  };
  Form form;
  for (const Term &term : operands[1]->terms) {
    const Term *other =
        llvm::find_if(operands[2]->terms,
                      [&](const Term &have) { return have.read == term.read; });
    Term both = term;
    both.coefficient =
        pick(term.coefficient,
             other == operands[2]->terms.end() ? Value() : other->coefficient);
    form.terms.push_back(both);
  }
  for (const Term &term : operands[2]->terms)
    if (llvm::none_of(operands[1]->terms, [&](const Term &have) {
          return have.read == term.read;
        })) {
      Term one = term;
      one.coefficient = pick(Value(), term.coefficient);
      form.terms.push_back(one);
    }
  if (operands[1]->rest || operands[2]->rest)
    form.rest = pick(operands[1]->rest, operands[2]->rest);
  return form;
}

/// Over the other semirings: by distributivity.
Form StepForms::distribute(StepOpInterface op,
                           ArrayRef<const Form *> operands) {
  Location loc = op->getLoc();
  if (op.isSemiringSum(semiring)) {
    Form form;
    for (const Form *operand : operands) {
      for (const Term &term : operand->terms)
        addTerm(op, form, term);
      form.rest =
          buildSemiringSum(builder, loc, semiring, form.rest, operand->rest);
    }
    return form;
  }
  SmallVector<unsigned> dependent;
  for (auto [i, operand] : llvm::enumerate(operands))
    if (operand->dependsOnState())
      dependent.push_back(i);
  // Rounding to another width keeps the order and, up to rounding, sums.
  if (isa<CastOpInterface>(*op) &&
      isa<FloatType>(op->getOperand(0).getType()) &&
      isa<FloatType>(op->getResult(0).getType())) {
    Form form = *operands[0];
    for (Term &term : form.terms)
      term.coefficient = cloneWithZeros(op, builder, term.coefficient);
    if (form.rest)
      form.rest = cloneWithZeros(op, builder, form.rest);
    return form;
  }
  if (isa<arith::SelectOp>(*op) && !operands[0]->dependsOnState())
    return choose(op, operands);
  if (dependent.size() != 1)
    return obstruct(op, operands);
  const Form &form = *operands[dependent[0]];
  if (op.isSemiringProduct(semiring))
    return multiply(op, form, op->getOperand(1 - dependent[0]));
  // f(h, x) = h + f(0, x), as a difference is, multiplies by f(0, x).
  if (isProductAddition(semiring)) {
    SmallVector<Value> tangents(op->getNumOperands());
    SmallVector<Value> values(op->getOperands());
    tangents[dependent[0]] =
        buildConstant(builder, loc, op->getOperand(dependent[0]).getType(), 1);
    values[dependent[0]] = {};
    FailureOr<Value> slope =
        op.pushforward(builder, op->getOperands(), tangents);
    if (succeeded(slope) && *slope && isConstant(*slope, 1)) {
      FailureOr<Value> shift = op.evaluateWithZeros(builder, values);
      if (succeeded(shift) && *shift)
        return multiply(op, form, *shift);
      if (succeeded(shift))
        return form;
    }
  }
  return obstruct(op, operands);
}
