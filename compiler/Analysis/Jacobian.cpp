//===-- Jacobian.cpp - derivative of a step -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Forward mode, one direction for each state. A state that is read along
/// another dim, as h[j] in sum(j: A[i,j] * h[j]), has k directions, one for
/// each position: a tangent then stands for the column of its own position j,
/// which the sum over j, being over all others zero, hands on as it is.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Jacobian.h"

#include "dialect/IR/Scalars.h"

using namespace mlir;
using namespace recur;

namespace {

/// A value's derivative by one state h; null parts are zero.
struct Tangent {
  Value plain;  ///< by h at the value's own indices
  Value inside; ///< by h[j], of a value that is computed for each j
  Value column; ///< by h[j], of a value that no longer is: a matrix over i, j
  bool isZero() const { return !plain && !inside && !column; }
};

class Differentiation {
public:
  Differentiation(RecurrenceOpInterface op, Block &elements,
                  ArrayRef<Value> updates)
      : op(op), space(op.getSpace()), elements(elements), updates(updates),
        builder(OpBuilder::atBlockEnd(&elements)) {
    for (Operation &inside : elements)
      primal.push_back(&inside);
  }

  Jacobian run();

private:
  void refuse(Operation *at, const Twine &message) {
    if (!result.refusal)
      result.refusal = Refusal{at->getLoc(), message.str()};
  }
  std::string getStateName() {
    return "'" + op.getState(state).getName().getValue().str() + "'";
  }
  void push(unsigned number);
  Tangent pushThrough(Operation *inside);
  Tangent pushElementwise(StepOpInterface inside, ValueRange operands);
  Tangent pushThroughAt(AtOp at);
  Tangent pushThroughReduce(ReduceOp reduce);
  bool setColumn(AtOp at);
  bool isStateDim(Attribute name);
  void assemble();
  void assembleDimPair();

  RecurrenceOpInterface op;
  SpaceAttr space;
  Block &elements;
  ArrayRef<Value> updates;
  OpBuilder builder;
  SmallVector<Operation *> primal;

  unsigned state = 0; // by which is differentiated
  DenseMap<Value, Tangent> tangents;
  StringAttr row, column;
  /// By row and column.
  SmallVector<SmallVector<Tangent>> matrix;
  Jacobian result;
};

} // namespace

bool Differentiation::isStateDim(Attribute name) {
  return llvm::is_contained(op.getState(state).getDims(), name);
}

//===----------------------------------------------------------------------===//
// Tangents
//===----------------------------------------------------------------------===//

Tangent Differentiation::pushElementwise(StepOpInterface inside,
                                         ValueRange operands) {
  Tangent made;
  for (Value Tangent::*part :
       {&Tangent::plain, &Tangent::inside, &Tangent::column}) {
    SmallVector<Value> directions;
    for (Value operand : operands)
      directions.push_back(tangents.lookup(operand).*part);
    if (llvm::none_of(directions, [](Value v) { return bool(v); }))
      continue;
    FailureOr<Value> pushed = inside.pushforward(builder, operands, directions);
    if (failed(pushed)) {
      refuse(inside, "'" + inside.getSpelling() +
                         "' of a value that depends on state " +
                         getStateName() + " has no derivative");
      return {};
    }
    made.*part = *pushed;
  }
  return made;
}

/// The state's row dim and the dim along which it is read there: [i -> j].
bool Differentiation::setColumn(AtOp at) {
  auto elsewhere = [&](const Twine &what) {
    refuse(at, "state " + getStateName() +
                   " is read at other indices than its own, which is supported "
                   "only along one other dim of the same small static size, "
                   "under a reduction over it: " +
                   what);
    return false;
  };
  if (op.getNumStates() != 1)
    return elsewhere("there is more than one state");
  auto from = cast<StringAttr>(at.getFrom()[0]);
  auto to = dyn_cast<StringAttr>(at.getTo()[0]);
  if (at.getFrom().size() != 1)
    return elsewhere("two indices differ");
  if (!to)
    return elsewhere("a position is constant");
  if (!isStateDim(from) || isStateDim(to) || (row && row != from) ||
      (column && column != to))
    return elsewhere("'" + from.getValue() + "' becomes '" + to.getValue() +
                     "'");
  int64_t size = space.getSizes()[space.find(from.getValue())];
  if (ShapedType::isDynamic(size) ||
      size != space.getSizes()[space.find(to.getValue())])
    return elsewhere("dims '" + from.getValue() + "' and '" + to.getValue() +
                     "' do not have the same static size");
  row = from;
  column = to;
  return true;
}

Tangent Differentiation::pushThroughAt(AtOp at) {
  auto isElsewhere = [&](Attribute position) {
    return position == row || position == column || isStateDim(position);
  };
  if (llvm::none_of(at.getFrom(), isElsewhere) &&
      llvm::none_of(at.getTo(), isElsewhere))
    return pushElementwise(cast<StepOpInterface>(at.getOperation()),
                           at->getOperands());
  Tangent before = tangents.lookup(at.getOperand());
  if (before.inside || before.column) {
    refuse(at, "a value that sums over state " + getStateName() +
                   " is read at other indices than its own");
    return {};
  }
  if (!setColumn(at))
    return {};
  // A derivative that is the same everywhere needs no renaming.
  Value renamed = before.plain;
  if (!renamed.getDefiningOp() ||
      !renamed.getDefiningOp()->hasTrait<OpTrait::ConstantLike>())
    renamed = AtOp::create(builder, at.getLoc(), renamed.getType(), renamed,
                           at.getFrom(), at.getTo());
  return {{}, renamed, {}};
}

Tangent Differentiation::pushThroughReduce(ReduceOp reduce) {
  Tangent before = tangents.lookup(reduce.getOperand());
  bool overColumn = llvm::is_contained(reduce.getDims(), column);
  for (Attribute dim : reduce.getDims())
    if (before.plain && isStateDim(dim)) {
      refuse(reduce, "'" + reduce.getSpelling() + "' over '" +
                         cast<StringAttr>(dim).getValue() +
                         "' makes every position of state " + getStateName() +
                         " depend on all, expected a dim of a small static "
                         "size that is read under another name, as h[j] in "
                         "sum(j: ...)");
      return {};
    }
  if (before.column && overColumn) {
    refuse(reduce, "'" + reduce.getSpelling() + "' over '" + column.getValue() +
                       "' of a value that already sums state " +
                       getStateName() + " over it");
    return {};
  }
  auto inside = cast<StepOpInterface>(reduce.getOperation());
  Tangent made = pushElementwise(inside, reduce->getOperands());
  if (!made.inside || !overColumn)
    return made;
  // The sum over all directions' positions has one term that is not zero.
  auto sum = made.inside.getDefiningOp<ReduceOp>();
  SmallVector<Attribute> rest;
  for (Attribute dim : reduce.getDims())
    if (dim != column)
      rest.push_back(dim);
  Value term = sum.getOperand();
  if (!rest.empty())
    term =
        ReduceOp::create(builder, reduce.getLoc(), term.getType(),
                         sum.getKindAttr(), builder.getArrayAttr(rest), term);
  sum.erase();
  made.inside = {};
  made.column = term;
  return made;
}

Tangent Differentiation::pushThrough(Operation *inside) {
  if (auto at = dyn_cast<AtOp>(inside))
    return pushThroughAt(at);
  if (auto reduce = dyn_cast<ReduceOp>(inside))
    return pushThroughReduce(reduce);
  if (auto step = dyn_cast<StepOpInterface>(inside))
    return pushElementwise(step, inside->getOperands());
  refuse(inside, "'" + inside->getName().getStringRef() +
                     "' of a value that depends on state " + getStateName() +
                     " has no derivative rule");
  return {};
}

/// The tangents of all values by state `number`.
void Differentiation::push(unsigned number) {
  state = number;
  tangents.clear();
  BlockArgument before = elements.getArgument(op.getInputs().size() + number);
  tangents[before].plain =
      buildConstant(builder, op->getLoc(), before.getType(), 1);
  for (Operation *inside : primal) {
    if (llvm::all_of(inside->getOperands(), [&](Value operand) {
          return tangents.lookup(operand).isZero();
        }))
      continue;
    tangents[inside->getResult(0)] = pushThrough(inside);
    if (result.refusal)
      return;
  }
  for (auto [i, update] : llvm::enumerate(updates))
    matrix[i].push_back(tangents.lookup(update));
}

//===----------------------------------------------------------------------===//
// The matrix
//===----------------------------------------------------------------------===//

/// A[i, j] = column part + (i == j ? plain part : 0).
void Differentiation::assembleDimPair() {
  const Tangent &tangent = matrix[0][0];
  int64_t size = space.getSizes()[space.find(row.getValue())];
  Location loc = op->getLoc();
  Value entry = tangent.column;
  if (tangent.plain) {
    Value same = SameOp::create(builder, loc, builder.getI1Type(),
                                row.getValue(), column.getValue());
    entry = buildAdd(builder, loc, entry,
                     buildSelect(builder, loc, same, tangent.plain, Value()));
  }
  result.blockDims = {row, column};
  result.entries = {entry};
  result.structure = AlgebraAttr::get(op->getContext(), Structure::Block, size,
                                      Semiring::PlusTimes);
}

void Differentiation::assemble() {
  unsigned count = matrix.size();
  if (column)
    return assembleDimPair();
  bool coupled = false;
  for (unsigned i = 0; i < count; ++i)
    for (unsigned j = 0; j < count; ++j)
      coupled |= i != j && !matrix[i][j].isZero();
  for (unsigned i = 0; i < count; ++i) {
    StateAttr first = op.getState(0), other = op.getState(i);
    if (coupled && (first.getDims() != other.getDims() ||
                    first.getType() != other.getType()))
      return refuse(op, "states '" + first.getName().getValue() + "' and '" +
                            other.getName().getValue() +
                            "' depend on each other or on a third one but "
                            "differ in indices or type");
    for (unsigned j = 0; j < count; ++j)
      if (coupled || i == j)
        result.entries.push_back(matrix[i][j].plain);
  }
  result.structure = AlgebraAttr::get(
      op->getContext(), coupled ? Structure::Block : Structure::Diagonal,
      coupled ? count : 1, Semiring::PlusTimes);
}

Jacobian Differentiation::run() {
  matrix.resize(updates.size());
  for (unsigned i = 0; i < updates.size() && !result.refusal; ++i)
    push(i);
  if (result.refusal)
    return result;
  assemble();
  if (result.refusal)
    return result;
  if (std::optional<std::string> reason = findUnsupported(result.structure, op))
    refuse(op, *reason);
  return result;
}

Jacobian recur::differentiate(RecurrenceOpInterface op, Block &elements,
                              ArrayRef<Value> updates) {
  return Differentiation(op, elements, updates).run();
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// The states that `value`, of the elements of a newton, is computed from;
/// those that it may jump with, because something is chosen by them, in
/// `jumps`.
static llvm::SmallBitVector
getStatesRead(NewtonOp newton, Value value,
              llvm::SmallBitVector *jumps = nullptr) {
  unsigned inputs = newton.getInputs().size();
  llvm::SmallBitVector states(newton.getNumStates());
  SmallVector<Value> pending{value};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    if (jumps && !isa<FloatType>(next.getType()))
      *jumps |= getStatesRead(newton, next);
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      if (argument.getArgNumber() >= inputs)
        states.set(argument.getArgNumber() - inputs);
    } else if (seen.insert(next.getDefiningOp()).second) {
      llvm::append_range(pending, next.getDefiningOp()->getOperands());
    }
  }
  return states;
}

StateParts recur::findParts(NewtonOp newton) {
  unsigned count = newton.getNumStates();
  StateParts parts{{}, SmallVector<bool>(count, false)};
  for (unsigned i = 0; i < count; ++i)
    parts.part.push_back(i);
  bool isBlock = newton.getJacobian().getStructure() == Structure::Block;
  if (newton.getBlockDims())
    return parts; // one state
  Operation *yield = newton.getElements().front().getTerminator();
  auto getEntry = [&](unsigned row, unsigned column) -> Value {
    if (isBlock)
      return yield->getOperand(row * count + column);
    return row == column ? yield->getOperand(2 * row) : Value();
  };
  auto isEntry = [&](unsigned row, unsigned column) {
    Value entry = getEntry(row, column);
    return entry && !isSemiringZero(Semiring::PlusTimes, entry);
  };
  // Warshall's closure of what the new states read.
  std::vector<llvm::SmallBitVector> needs, jumps;
  for (unsigned i = 0; i < count; ++i) {
    jumps.emplace_back(count);
    needs.push_back(getStatesRead(
        newton, yield->getOperand(isBlock ? count * count + i : 2 * i + 1),
        &jumps.back()));
  }
  for (unsigned k = 0; k < count; ++k)
    for (unsigned i = 0; i < count; ++i)
      if (needs[i].test(k))
        needs[i] |= needs[k];
  for (unsigned i = 0; i < count; ++i) {
    llvm::SmallBitVector members(count);
    members.set(i);
    for (unsigned j = 0; j < count; ++j)
      if (needs[i].test(j) && needs[j].test(i))
        members.set(j);
    parts.part[i] = members.find_first();
    bool isLinear = true;
    for (unsigned row : members.set_bits()) {
      isLinear &= !jumps[row].anyCommon(members);
      for (unsigned column : members.set_bits())
        if (isEntry(row, column) &&
            getStatesRead(newton, getEntry(row, column)).anyCommon(members))
          isLinear = false;
    }
    parts.isLinear[i] = isLinear;
  }
  for (unsigned i = 0; i < count; ++i)
    for (unsigned j : needs[i].set_bits())
      parts.readsLinear |= !parts.isLinear[i] && parts.isLinear[j];
  return parts;
}
