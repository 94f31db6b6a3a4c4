//===-- Structure.cpp - structure of a step -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads the structure of the transition off the forms of the new states.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Structure.h"

#include "compiler/Analysis/Economy.h"
#include "compiler/Analysis/Expressions.h"
#include "compiler/Analysis/Monoids.h"

#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

/// The largest matrix, and the largest tuple, that kernels keep in registers.
static constexpr int64_t kLargestOrder = 8, kLargestTuple = 32;

std::string recur::describe(AlgebraAttr algebra) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << stringifyStructure(algebra.getStructure());
  if (algebra.getOrder() != 1)
    os << ' ' << algebra.getOrder();
  if (algebra.getSemiring() != Semiring::PlusTimes)
    os << " over " << stringifySemiring(algebra.getSemiring());
  return text;
}

/// Whether y is -x by the way it is written.
static bool isOpposite(Value x, Value y, unsigned depth = 0) {
  auto negates = [](Value x, Value y) {
    auto negation = y.getDefiningOp<arith::NegFOp>();
    return negation && negation.getOperand() == x;
  };
  if (negates(x, y) || negates(y, x))
    return true;
  FloatAttr a, b;
  if (matchPattern(x, m_Constant(&a)) && matchPattern(y, m_Constant(&b)))
    return a.getValueAsDouble() == -b.getValueAsDouble() &&
           (depth > 0 || a.getValueAsDouble() != 0);
  auto first = x.getDefiningOp<arith::SelectOp>(),
       second = y.getDefiningOp<arith::SelectOp>();
  if (first && second && depth < 4)
    return first.getCondition() == second.getCondition() &&
           isOpposite(first.getTrueValue(), second.getTrueValue(), depth + 1) &&
           isOpposite(first.getFalseValue(), second.getFalseValue(), depth + 1);
  auto p = x.getDefiningOp<arith::MulFOp>(),
       q = y.getDefiningOp<arith::MulFOp>();
  if (!p || !q || depth > 4)
    return false;
  for (unsigned i : {0, 1})
    for (unsigned j : {0, 1})
      if (p->getOperand(i) == q->getOperand(j) &&
          isOpposite(p->getOperand(1 - i), q->getOperand(1 - j), depth + 1))
        return true;
  return false;
}

bool recur::isRotation(ScanLikeOpInterface scan) {
  AlgebraAttr algebra = scan.getAlgebra();
  if (!scan.isAffine() || algebra.getStructure() != Structure::Block ||
      algebra.getOrder() != 2 || algebra.getSemiring() != Semiring::PlusTimes ||
      scan.getBlockDims() ||
      !isa<FloatType>(cast<StateAttr>(scan.getStates()[0]).getType()))
    return false;
  Operation *yield = scan.getElements().front().getTerminator();
  return yield->getOperand(0) == yield->getOperand(3) &&
         isOpposite(yield->getOperand(1), yield->getOperand(2));
}

/// `'c'` or `'c' and 'h'`.
static std::string listStates(RecurrenceOpInterface recurrence) {
  std::string text;
  unsigned count = recurrence.getNumStates();
  for (unsigned i = 0; i < count; ++i) {
    if (i > 0)
      text += i + 1 == count ? " and " : ", ";
    text += "'" + recurrence.getState(i).getName().getValue().str() + "'";
  }
  return text;
}

std::optional<std::string>
recur::findUnsupported(AlgebraAttr algebra, RecurrenceOpInterface recurrence) {
  int64_t order = algebra.getOrder();
  bool isMonoid = algebra.getStructure() == Structure::Monoid;
  if (isMonoid && order > kLargestTuple)
    return "a tuple of " + std::to_string(order) + " numbers (state " +
           listStates(recurrence) +
           ") does not fit the registers, expected at most " +
           std::to_string(kLargestTuple);
  if (!isMonoid && order > kLargestOrder)
    return "structure '" + describe(algebra) + "' (state " +
           listStates(recurrence) + ") has a matrix of " +
           std::to_string(order) + " x " + std::to_string(order) +
           " numbers, expected at most " + std::to_string(kLargestOrder) +
           " x " + std::to_string(kLargestOrder) +
           ", which fit the registers: make blocks of fewer states, or run it "
           "with --target interpreter";
  for (unsigned i = 0, e = recurrence.getNumStates(); i < e; ++i) {
    StateAttr state = recurrence.getState(i);
    Type number = state.getType();
    if (auto complex = dyn_cast<ComplexType>(number))
      number = complex.getElementType();
    if (number.isF32() || number.isF64() ||
        algebra.getSemiring() == Semiring::OrAnd)
      continue;
    std::string type;
    llvm::raw_string_ostream(type) << state.getType();
    return "state '" + state.getName().getValue().str() + "' of type " + type +
           " has no kernels yet, expected f32 or f64";
  }
  return std::nullopt;
}

namespace {
/// One attempt, over one semiring.
class Attempt {
public:
  Attempt(RecurrenceOp recurrence, Semiring semiring)
      : step(cast<RecurrenceOp>(recurrence->clone())), semiring(semiring),
        space(recurrence.getSpace()), forms(*step, semiring) {}

  Classification run();

private:
  StateAttr getState(unsigned i) { return (*step).getState(i); }
  StringRef getName(unsigned i) { return getState(i).getName().getValue(); }
  Value getUpdate(unsigned i) {
    return (*step).getStep().front().getTerminator()->getOperand(i);
  }
  void refuse(Operation *at, std::string message) {
    if (!refusal)
      refusal = Refusal{at->getLoc(), std::move(message)};
  }
  bool checkAffine();
  bool checkFinite();
  std::string showTerm(Operation *op);
  void setAlgebra(Structure structure, int64_t order = 1) {
    algebra =
        AlgebraAttr::get((*step)->getContext(), structure, order, semiring);
  }
  Value find(unsigned row, unsigned column, int64_t lag);
  void inferDimPair();
  void inferCompanion(int64_t order);
  void inferBlock();
  void inferDiagonal();
  bool isOuterProduct(unsigned state);

  OwningOpRef<RecurrenceOp> step;
  Semiring semiring;
  SpaceAttr space;
  StepForms forms;
  AlgebraAttr algebra;
  std::optional<std::pair<StringAttr, StringAttr>> blockDims;
  SmallVector<Value> elements;
  std::optional<Refusal> refusal;
};
} // namespace

/// The coefficient of `column` at `lag` in the new `row`, or null.
Value Attempt::find(unsigned row, unsigned column, int64_t lag) {
  for (const Term &term : forms.get(getUpdate(row)).terms)
    if (term.read.state == column && term.read.lag == lag)
      return term.coefficient;
  return {};
}

bool Attempt::checkAffine() {
  for (unsigned i = 0, e = (*step).getNumStates(); i < e; ++i) {
    const Obstacle &obstacle = forms.get(getUpdate(i)).obstacle;
    if (!obstacle)
      continue;
    refuse(obstacle.op, ("the step is not affine in state '" + getName(i) +
                         "': " + obstacle.reason)
                                .str() +
                            showTerm(obstacle.op));
    return false;
  }
  return true;
}

/// `, in EXPRESSION`, the offending term of the step.
std::string Attempt::showTerm(Operation *op) {
  if (op->getNumResults() != 1)
    return "";
  std::string advice;
  // Clamped maps h -> max(a h + b, c) compose where a is not negative.
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(op) &&
      semiring == Semiring::PlusTimes)
    advice = "; such maps compose where the factors of the state are not "
             "negative: declare them as a monoid";
  return ", in '" + printExpression(op->getResult(0), getArgumentNames(*step)) +
         "'" + advice;
}

/// The number that a value is, or may be where it selects, and that is no
/// element of the semiring: of the reals all infinities, of the others the
/// opposite of their zero, and NaN of all; nothing if there is none. The sign
/// is that of what the value becomes in the end.
static std::optional<double> findForeign(Value value, Semiring semiring,
                                         bool isFactor, double sign = 1) {
  Operation *op = value.getDefiningOp();
  if (FloatAttr constant; op && matchPattern(value, m_Constant(&constant))) {
    double number = sign * constant.getValueAsDouble();
    bool isElement =
        std::isfinite(number) || (semiring != Semiring::PlusTimes &&
                                  number == getSemiringZero(semiring));
    return isElement ? std::nullopt : std::optional(number);
  }
  // What a step adds may be infinite at times: -inf for what cannot be.
  if (!isFactor || !isa_and_present<arith::SelectOp, arith::NegFOp,
                                    arith::ExtFOp, arith::TruncFOp>(op))
    return std::nullopt;
  if (isa<arith::NegFOp>(op))
    sign = -sign;
  for (Value operand : op->getOperands().take_back(
           isa<arith::SelectOp>(op) ? 2 : op->getNumOperands()))
    if (auto found = findForeign(operand, semiring, isFactor, sign))
      return found;
  return std::nullopt;
}

/// A factor, or a number that is always added, that is no element of the
/// semiring makes products with its zero that are no numbers.
bool Attempt::checkFinite() {
  auto check = [&](Value value, unsigned state, Operation *at,
                   const Twine &what, bool isFactor) {
    auto found = value ? findForeign(value, semiring, isFactor) : std::nullopt;
    if (!found)
      return true;
    std::string text =
        (what +
         (value.getDefiningOp<arith::ConstantOp>() ? " is " : " can be "))
            .str();
    text += std::isnan(*found) ? "nan" : *found > 0 ? "inf" : "-inf";
    bool isReal = semiring == Semiring::PlusTimes;
    text += ", expected a finite number";
    if (!isReal)
      text += getSemiringZero(semiring) < 0 ? " or -inf" : " or inf";
    text += std::isnan(*found) ? ": every later state would be nan"
            : isReal           ? ": its product with 0 is none"
                               : ": its product with an infinite state is none";
    text += showTerm(getUpdate(state).getDefiningOp());
    text += std::isnan(*found) || (isReal && isFactor)
                ? "; to mark a step, select a result instead of the state"
                : "; a large finite number has the same effect";
    refuse(at, text);
    return false;
  };
  for (unsigned i = 0, e = (*step).getNumStates(); i < e; ++i) {
    const Form &form = forms.get(getUpdate(i));
    for (const Term &term : form.terms)
      if (!check(term.coefficient, i, term.origin,
                 "the factor of state '" + getName(term.read.state) + "'",
                 /*isFactor=*/true))
        return false;
    // Without a state before it there is nothing to multiply with.
    if (form.dependsOnState() &&
        !check(form.rest, i, getUpdate(i).getDefiningOp(),
               "what is added to state '" + getName(i) + "'",
               /*isFactor=*/false))
      return false;
  }
  return true;
}

/// h[.., i] = sum(j: A[.., i, j] * h[.., j]) + b.
void Attempt::inferDimPair() {
  RecurrenceOp op = *step;
  for (unsigned i = 0, e = op.getNumStates(); i < e; ++i) {
    const Form &form = forms.get(getUpdate(i));
    for (const Term &term : form.terms) {
      if (term.read.isPlain(getState(term.read.state)))
        continue;
      auto elsewhere = [&](const Twine &what) {
        refuse(term.origin,
               ("state '" + getName(term.read.state) +
                "' is read at other indices than its own, which is supported "
                "only as one sum over a column dim of a small static size: " +
                what)
                   .str());
      };
      if (e != 1)
        return elsewhere("there is more than one state");
      if (form.terms.size() != 1)
        return elsewhere("it is read in more than one way");
      if (term.read.lag != 1)
        return elsewhere("it is read more than one step ago");
      int row = -1, column = -1;
      for (auto [index, own] :
           llvm::zip(term.read.indices, getState(0).getDims())) {
        if (index == own)
          continue;
        auto name = dyn_cast<StringAttr>(index);
        if (row >= 0 || !name)
          return elsewhere(name ? "two indices differ"
                                : "a position is constant");
        row = space.find(own.getValue());
        column = space.find(name.getValue());
      }
      SmallBitVector want(space.getRank());
      if (column >= 0)
        want.set(column);
      if (row < 0 || term.read.summed != want)
        return elsewhere("the sum does not run over one other dim");
      int64_t size = space.getSizes()[row];
      if (ShapedType::isDynamic(size) || size != space.getSizes()[column] ||
          size < 1)
        return elsewhere("dims '" + space.getName(row) + "' and '" +
                         space.getName(column) +
                         "' do not have the same static size");
      setAlgebra(Structure::Block, size);
      blockDims = {space.getNames()[row], space.getNames()[column]};
      elements = {term.coefficient, form.rest};
    }
  }
}

/// h = a_1 prev(h) + ... + a_k prev(h, k) + b.
void Attempt::inferCompanion(int64_t order) {
  setAlgebra(Structure::Companion, order);
  for (int64_t lag = 1; lag <= order; ++lag)
    elements.push_back(find(0, 0, lag));
  elements.push_back(forms.get(getUpdate(0)).rest);
}

/// States that depend on each other: a dense matrix over the states.
void Attempt::inferBlock() {
  RecurrenceOp op = *step;
  unsigned count = op.getNumStates();
  for (unsigned i = 1; i < count; ++i)
    if (getState(i).getDims() != getState(0).getDims() ||
        getState(i).getType() != getState(0).getType())
      return refuse(op, ("states '" + getName(0) + "' and '" + getName(i) +
                         "' depend on each other or on a third one but differ "
                         "in indices or type")
                            .str());
  setAlgebra(Structure::Block, count);
  for (unsigned row = 0; row < count; ++row)
    for (unsigned column = 0; column < count; ++column)
      elements.push_back(find(row, column, 1));
  for (unsigned row = 0; row < count; ++row)
    elements.push_back(forms.get(getUpdate(row)).rest);
}

/// Whether a does not vary over two or more dims of the state and b is a
/// product of factors none of which varies over two of these.
bool Attempt::isOuterProduct(unsigned state) {
  Value a = elements[2 * state], b = elements[2 * state + 1];
  if (semiring != Semiring::PlusTimes || !a || !b)
    return false;
  IndexSets sets = IndexSets::compute((*step).getStep(), *step);
  SmallBitVector outer(space.getRank());
  for (StringAttr name : getState(state).getDims())
    if (int dim = space.find(name.getValue()); !sets.get(a).test(dim))
      outer.set(dim);
  outer &= sets.get(b);
  if (outer.count() < 2)
    return false;
  SmallVector<Value> factors = {b};
  bool varies = false;
  while (!factors.empty()) {
    Value factor = factors.pop_back_val();
    SmallBitVector dims = sets.get(factor);
    dims &= outer;
    varies |= dims.any();
    if (dims.count() < 2)
      continue;
    auto op = factor.getDefiningOp<StepOpInterface>();
    if (!op || !op.isSemiringProduct(Semiring::PlusTimes))
      return false;
    llvm::append_range(factors, op->getOperands());
  }
  return varies;
}

void Attempt::inferDiagonal() {
  unsigned count = (*step).getNumStates();
  for (unsigned i = 0; i < count; ++i) {
    elements.push_back(find(i, i, 1));
    elements.push_back(forms.get(getUpdate(i)).rest);
  }
  bool outer = count > 0;
  for (unsigned i = 0; i < count; ++i)
    outer = outer && isOuterProduct(i);
  setAlgebra(outer ? Structure::OuterProduct : Structure::Diagonal);
}

Classification Attempt::run() {
  SmallVector<bool> depends;
  for (unsigned i = 0, e = (*step).getNumStates(); i < e; ++i)
    depends.push_back(forms.get(getUpdate(i)).dependsOnState());
  bool isAffine = checkAffine();
  if (isAffine && checkFinite()) {
    bool plain = true, coupled = false;
    int64_t order = 1;
    for (unsigned i = 0, e = (*step).getNumStates(); i < e; ++i)
      for (const Term &term : forms.get(getUpdate(i)).terms) {
        plain &= term.read.isPlain(getState(term.read.state));
        coupled |= term.read.state != i;
        order = std::max(order, term.read.lag);
      }
    // Outputs may look further back than the step itself.
    (*step).getStep().walk(
        [&](PrevOp prev) { order = std::max(order, int64_t(prev.getLag())); });
    for (auto output : (*step).getOutputs().getAsRange<ResultAttr>())
      if (output.isFinal())
        order = std::max(order, int64_t(output.getLag()));
    if (!plain)
      inferDimPair();
    else if (order > 1)
      inferCompanion(order);
    else if (coupled)
      inferBlock();
    else
      inferDiagonal();
  }
  Classification result;
  result.step = std::move(step);
  result.refusal = refusal;
  result.isFinal = isAffine && semiring != Semiring::PlusTimes;
  result.isNonlinear =
      !isAffine &&
      llvm::all_of((*result.step).getStates().getAsRange<StateAttr>(),
                   [](StateAttr state) {
                     return state.getType().isF32() || state.getType().isF64();
                   });
  result.dependsOnState = std::move(depends);
  if (refusal)
    return result;
  result.algebra = algebra;
  result.blockDims = blockDims;
  result.elements = std::move(elements);
  return result;
}

/// Whether the values of every state can be numbers of the semiring.
static bool fitsTypes(RecurrenceOp recurrence, Semiring semiring) {
  return llvm::all_of(
      recurrence.getStates().getAsRange<StateAttr>(), [&](StateAttr state) {
        Type type = state.getType();
        if (semiring == Semiring::OrAnd)
          return type.isInteger(1);
        return isa<FloatType>(type) ||
               (semiring == Semiring::PlusTimes && isa<ComplexType>(type));
      });
}

/// Guesses `state` where the guess of `of` was `lag` steps before.
static void addGuess(RecurrenceOp step, StringAttr of, StringAttr state,
                     int64_t lag) {
  NamedAttrList guesses(step.getGuessesAttr());
  auto known = dyn_cast_if_present<IntegerAttr>(guesses.get(of));
  if (!known)
    return;
  unsigned input = known.getInt(), time = step.getSpace().getTime();
  // The reset stays the last input.
  unsigned place = step.getInputs().size() - step.getHasReset();
  Builder builder(step.getContext());
  AffineExpr now = builder.getAffineDimExpr(time);
  SmallVector<Value> inputs(step.getInputs());
  SmallVector<Attribute> maps(step.getInputMaps().getValue());
  SmallVector<int32_t> histories(step.getInputHistories());
  Type element = getElementTypeOrSelf(inputs[input]);
  inputs.insert(inputs.begin() + place, inputs[input]);
  maps.insert(maps.begin() + place,
              AffineMapAttr::get(step.getInputMap(input).replace(
                  {{now, now - lag}}, step.getSpace().getRank(), 0)));
  histories.insert(histories.begin() + place, -1);
  step.getInputsMutable().assign(inputs);
  step.setInputMapsAttr(builder.getArrayAttr(maps));
  step.setInputHistories(histories);
  step.getStep().front().insertArgument(place, element, step.getLoc());
  guesses.set(state, builder.getI64IntegerAttr(place));
  step.setGuessesAttr(guesses.getDictionary(step.getContext()));
}

/// Gives each value of more than one step ago a state of its own, which is
/// where one step ago the state of one step less was: several states, or a
/// reset, then need no more than one earlier step.
void recur::spreadLags(RecurrenceOp step) {
  OpBuilder builder(step.getStep().front().getTerminator());
  SmallVector<StateAttr> states(step.getStates().getAsRange<StateAttr>());
  unsigned count = states.size();
  SmallVector<SmallVector<StringAttr>> names(count); // by state and lag
  SmallVector<unsigned> deepest(count, 1);
  auto find = [&](StringRef name) {
    return llvm::find_if(states,
                         [&](StateAttr state) {
                           return state.getName().getValue() == name;
                         }) -
           states.begin();
  };
  SmallVector<PrevOp> reads(step.getStep().getOps<PrevOp>());
  for (PrevOp prev : reads) {
    unsigned &lag = deepest[find(prev.getState())];
    lag = std::max<unsigned>(lag, prev.getLag());
  }
  SmallVector<Attribute> outputs(step.getOutputs().begin(),
                                 step.getOutputs().end());
  for (Attribute attr : outputs)
    if (auto output = cast<ResultAttr>(attr); output.isFinal()) {
      unsigned &lag = deepest[find(output.getFinalState().getValue())];
      lag = std::max(lag, output.getLag());
    }
  Operation *yield = step.getStep().front().getTerminator();
  SmallVector<Value> values(yield->getOperands());
  for (unsigned i = 0; i < count; ++i) {
    StateAttr state = states[i];
    names[i].push_back(state.getName());
    for (unsigned lag = 2; lag <= deepest[i]; ++lag) {
      std::string name = state.getName().getValue().str();
      do
        name += "_" + std::to_string(lag);
      while (find(name) < std::ptrdiff_t(states.size()));
      StringAttr before = names[i].back();
      names[i].push_back(builder.getStringAttr(name));
      states.push_back(StateAttr::get(builder.getContext(), names[i].back(),
                                      state.getDims(), state.getType(),
                                      state.getStart(lag)));
      addGuess(step, state.getName(), names[i].back(), lag - 1);
      values.insert(values.begin() + states.size() - 1,
                    PrevOp::create(builder, step.getLoc(), state.getType(),
                                   before.getValue(), 1, ArrayAttr()));
    }
    states[i] =
        StateAttr::get(builder.getContext(), state.getName(), state.getDims(),
                       state.getType(), state.getStart(1));
  }
  yield->setOperands(values);
  for (PrevOp prev : reads) {
    prev.setState(names[find(prev.getState())][prev.getLag() - 1].getValue());
    prev.setLag(1);
  }
  for (Attribute &attr : outputs)
    if (auto output = cast<ResultAttr>(attr); output.isFinal())
      attr = ResultAttr::get(
          builder.getContext(), output.getName(), output.getDims(),
          names[find(output.getFinalState().getValue())][output.getLag() - 1],
          1);
  step.setOutputsAttr(builder.getArrayAttr(outputs));
  step.setStatesAttr(builder.getArrayAttr(
      SmallVector<Attribute>(states.begin(), states.end())));
}

/// Whether some state is read, or returned, as it was before the last step.
bool recur::hasLags(RecurrenceOp recurrence) {
  return llvm::any_of(recurrence.getStep().getOps<PrevOp>(),
                      [](PrevOp prev) { return prev.getLag() > 1; }) ||
         llvm::any_of(recurrence.getOutputs().getAsRange<ResultAttr>(),
                      [](ResultAttr output) {
                        return output.isFinal() && output.getLag() > 1;
                      });
}

Classification recur::classify(RecurrenceOp original) {
  if (usesMonoid(original))
    return classifyMonoid(original);
  OwningOpRef<RecurrenceOp> changed;
  RecurrenceOp recurrence = original;
  SmallVector<std::string> removed;
  if (mayRemoveStates(original)) {
    changed = cast<RecurrenceOp>(original->clone());
    recurrence = *changed;
    removed = removeStates(recurrence);
  }
  if (hasLags(recurrence) &&
      (recurrence.getHasReset() || recurrence.getNumStates() > 1)) {
    if (!changed)
      changed = cast<RecurrenceOp>(recurrence->clone());
    recurrence = *changed;
    spreadLags(recurrence);
  }
  std::optional<Classification> first;
  for (Semiring semiring :
       {Semiring::PlusTimes, Semiring::MaxPlus, Semiring::MinPlus,
        Semiring::LogSumExp, Semiring::OrAnd}) {
    if (!fitsTypes(recurrence, semiring))
      continue;
    Classification found = Attempt(recurrence, semiring).run();
    found.removed = removed;
    if (!found.refusal || found.isFinal)
      return found;
    // What keeps it from being affine over the reals is what users understand;
    // a refusal for another reason is final.
    if (!first)
      first = std::move(found);
  }
  if (first)
    return std::move(*first);
  Classification none;
  none.refusal = Refusal{recurrence.getLoc(),
                         "the states are neither all real or complex numbers "
                         "nor all bools"};
  return none;
}
