//===-- RecurConstraints.cpp - verification of the ops --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The numbered constraints of the ops.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallPtrSet.h"

#include <cmath>
#include <utility>

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

static SmallBitVector withTime(SmallBitVector dims, SpaceAttr space) {
  dims.set(space.getTime());
  return dims;
}

/// Adds the dims that what is computed at one step may always vary over.
static SmallBitVector withStep(SmallBitVector dims, SpaceAttr space) {
  if (space.getSegment() >= 0)
    dims.set(space.getSegment());
  return withTime(dims, space);
}

//===----------------------------------------------------------------------===//
// Constraints common to recurrence, scan and newton
//===----------------------------------------------------------------------===//

/// (R1), (R2), (R3), (R12) for one operand.
static LogicalResult verifyMap(Operation *op, SpaceAttr space, StringRef kind,
                               unsigned number, Value tensor, Attribute attr) {
  auto mapAttr = dyn_cast<AffineMapAttr>(attr);
  auto type = cast<RankedTensorType>(tensor.getType());
  // (R16)
  if (!isElementType(type.getElementType()))
    return op->emitOpError()
           << kind << " " << number << " has elements of type "
           << type.getElementType()
           << ", expected floats, signless integers or complex numbers";
  // (R1)
  if (!mapAttr || mapAttr.getValue().getNumDims() != space.getRank() ||
      mapAttr.getValue().getNumSymbols() != 0)
    return op->emitOpError() << "expected the map of " << kind << " " << number
                             << " to have " << space.getRank() << " dims";
  AffineMap map = mapAttr.getValue();
  if (map.getNumResults() != type.getRank())
    return op->emitOpError()
           << kind << " " << number << " is read at " << map.getNumResults()
           << " indices but has rank " << type.getRank();
  bool isInput = kind == "input", readsTime = false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    // (R2), (R12)
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      int64_t size = type.getDimSize(axis);
      if (constant.getValue() < 0 ||
          (!ShapedType::isDynamic(size) && constant.getValue() >= size))
        return op->emitOpError()
               << "constant index " << constant.getValue() << " of " << kind
               << " " << number << " is outside its dim of size " << size;
      continue;
    }
    unsigned dim;
    int64_t offset;
    bool shifted = matchShiftedDim(expr, dim, offset);
    if (!shifted) {
      auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
      auto constant =
          binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : nullptr;
      if (!constant || constant.getValue() <= 0 ||
          (binary.getKind() != AffineExprKind::FloorDiv &&
           binary.getKind() != AffineExprKind::Mod) ||
          !matchShiftedDim(binary.getLHS(), dim, offset))
        return op->emitOpError()
               << "index " << axis << " of " << kind << " " << number
               << " is not a dim, a shifted, divided or wrapped dim, or a "
                  "constant";
    }
    // (R2), (R3)
    if (dim == space.getTime()) {
      if (!isInput)
        return op->emitOpError()
               << kind << " " << number << " varies over time";
      if (!shifted || offset > 0)
        return op->emitOpError()
               << "input " << number << " reads time at other than t or t - k";
      if (std::exchange(readsTime, true))
        return op->emitOpError()
               << "input " << number << " reads time at two of its dims";
    }
    // A scan may read, where a reset brings it back, the start of a sequence.
    bool isScanInput = isInput && isa<ScanLikeOpInterface>(op);
    if (int(dim) == space.getSegment() && kind != "init" && !isScanInput)
      return op->emitOpError() << kind << " " << number
                               << " varies over segments, only an init may";
    // (R12)
    int64_t have = type.getDimSize(axis), want = space.getSizes()[dim];
    if (shifted && offset == 0 && !ShapedType::isDynamic(have) &&
        !ShapedType::isDynamic(want) && have != want)
      return op->emitOpError()
             << "dim " << axis << " of " << kind << " " << number
             << " has size " << have << ", expected " << want << " for '"
             << space.getName(dim) << "'";
  }
  return success();
}

static LogicalResult verifyState(RecurrenceOpInterface op, unsigned number) {
  StateAttr state = op.getState(number);
  SpaceAttr space = op.getSpace();
  // (R5)
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (StringAttr name : state.getDims()) {
    int dim = space.find(name.getValue());
    if (dim < 0 || dim == int(space.getTime()) || dim == space.getSegment())
      return op->emitOpError()
             << "state '" << state.getName().getValue() << "' has index '"
             << name.getValue()
             << "', expected a dim other than time and segments";
    if (!seen.insert(name).second)
      return op->emitOpError()
             << "state '" << state.getName().getValue() << "' has index '"
             << name.getValue() << "' twice";
  }
  for (unsigned other = 0; other < number; ++other)
    if (op.getState(other).getName() == state.getName())
      return op->emitOpError()
             << "two states are called '" << state.getName().getValue() << "'";
  // (R6)
  for (Attribute start : state.getStarts()) {
    int init = StateAttr::getInitOperand(start);
    if (init < 0)
      continue;
    if (init >= int(op.getInits().size()))
      return op->emitOpError()
             << "state '" << state.getName().getValue() << "' starts at init "
             << init << ", but there are " << op.getInits().size();
    Type element =
        cast<RankedTensorType>(op.getInits()[init].getType()).getElementType();
    if (element != state.getType())
      return op->emitOpError()
             << "init " << init << " has elements of type " << element
             << ", expected " << state.getType() << " for state '"
             << state.getName().getValue() << "'";
  }
  return success();
}

static LogicalResult verifyResult(RecurrenceOpInterface op, unsigned number) {
  ResultAttr output = op.getOutput(number);
  SpaceAttr space = op.getSpace();
  auto type = cast<RankedTensorType>(op->getResult(number).getType());
  // (R16)
  if (!isElementType(type.getElementType()))
    return op->emitOpError()
           << "result '" << output.getName().getValue()
           << "' has elements of type " << type.getElementType()
           << ", expected floats, signless integers or complex numbers";
  for (unsigned other = 0; other < number; ++other)
    if (op.getOutput(other).getName() == output.getName())
      return op->emitOpError() << "two results are called '"
                               << output.getName().getValue() << "'";
  // (R8)
  SmallBitVector dims(space.getRank());
  if (type.getRank() != int64_t(output.getDims().size()))
    return op->emitOpError()
           << "result '" << output.getName().getValue() << "' has "
           << output.getDims().size() << " indices but rank " << type.getRank();
  for (auto [axis, name] : llvm::enumerate(output.getDims())) {
    int dim = space.find(name.getValue());
    bool misplaced = dim == int(space.getTime()) ? output.isFinal()
                     : dim == space.getSegment() ? !output.isFinal()
                                                 : false;
    if (dim < 0 || misplaced)
      return op->emitOpError()
             << "result '" << output.getName().getValue()
             << "' cannot have index '" << name.getValue() << "'";
    dims.set(dim);
    int64_t have = type.getDimSize(axis), want = space.getSizes()[dim];
    if (!ShapedType::isDynamic(have) && !ShapedType::isDynamic(want) &&
        have != want)
      return op->emitOpError()
             << "dim " << axis << " of result '" << output.getName().getValue()
             << "' has size " << have << ", expected " << want << " for '"
             << name.getValue() << "'";
  }
  if (!output.isFinal()) {
    if (!dims.test(space.getTime()))
      return op->emitOpError()
             << "result '" << output.getName().getValue() << "' lacks index '"
             << space.getName(space.getTime()) << "'";
    return success();
  }
  // (R13)
  int position = op.findState(output.getFinalState().getValue());
  if (position < 0)
    return op->emitOpError() << "result '" << output.getName().getValue()
                             << "' is the final value of unknown state '"
                             << output.getFinalState().getValue() << "'";
  StateAttr state = op.getState(position);
  if (type.getElementType() != state.getType())
    return op->emitOpError()
           << "result '" << output.getName().getValue()
           << "' has elements of type " << type.getElementType()
           << ", expected " << state.getType() << " of state '"
           << output.getFinalState().getValue() << "'";
  SmallBitVector want = getStateDims(state, space);
  if (space.getSegment() >= 0)
    want.set(space.getSegment());
  if (dims != want)
    return op->emitOpError()
           << "result '" << output.getName().getValue()
           << "' must have the indices of state '"
           << output.getFinalState().getValue() << "'"
           << (space.getSegment() >= 0 ? " and that of segments" : "");
  if (state.getStarts().size() != 1 &&
      output.getLag() > state.getStarts().size())
    return op->emitOpError()
           << "result '" << output.getName().getValue() << "' has lag "
           << output.getLag() << " but state '" << state.getName().getValue()
           << "' has " << state.getStarts().size() << " start values";
  return success();
}

/// (R7) for one input that reads a history, and (R14).
static LogicalResult verifyHistory(RecurrenceOpInterface op, unsigned input) {
  int32_t history = op.getInputHistories()[input];
  if (history < -1 || history >= int(op.getHistories().size()))
    return op->emitOpError() << "input " << input << " has history " << history
                             << ", but there are " << op.getHistories().size();
  if (history == -1)
    return success();
  int64_t lag = op.getInputLag(input);
  if (lag < 1)
    return op->emitOpError()
           << "input " << input << " has a history but no lag";
  auto type = cast<RankedTensorType>(op.getHistories()[history].getType());
  auto inputType = cast<RankedTensorType>(op.getInputs()[input].getType());
  if (type.getElementType() != inputType.getElementType())
    return op->emitOpError()
           << "history " << history << " has another element type than input "
           << input;
  // (R14)
  if (type.getRank() == inputType.getRank() - 1) {
    if (lag != 1)
      return op->emitOpError()
             << "input " << input << " has lag " << lag << ", but history "
             << history << " holds one step";
    return success();
  }
  if (type.getRank() != inputType.getRank())
    return op->emitOpError()
           << "expected history " << history << " to have rank "
           << inputType.getRank() << " or " << inputType.getRank() - 1
           << ", found " << type.getRank();
  AffineMap inputMap = op.getInputMap(input);
  AffineMap map = op.getHistoryMap(history);
  for (unsigned axis = 0; axis < map.getNumResults(); ++axis) {
    if (!inputMap.getResult(axis).isFunctionOfDim(op.getSpace().getTime()))
      continue;
    auto first = dyn_cast<AffineConstantExpr>(map.getResult(axis));
    int64_t steps = type.getDimSize(axis);
    if (!first || first.getValue() != steps - lag)
      return op->emitOpError()
             << "expected history " << history << " to be read at its size - "
             << lag << " on dim " << axis;
  }
  return success();
}

/// (R15)
static LogicalResult verifyReset(RecurrenceOpInterface op) {
  if (op.getInputs().empty())
    return op->emitOpError() << "expected a reset tensor, found no inputs";
  unsigned reset = op.getInputs().size() - 1;
  if (isa<ComplexType>(getElementTypeOrSelf(op.getInputs()[reset])))
    return op->emitOpError() << "expected the reset tensor to be real";
  if (op.getInputLag(reset) != 0)
    return op->emitOpError()
           << "expected the reset tensor to be read at time t";
  SpaceAttr space = op.getSpace();
  for (unsigned i = 0; i < op.getNumStates(); ++i) {
    SmallBitVector surplus = getMapDims(op.getInputMap(reset), space);
    surplus.reset(withTime(getStateDims(op.getState(i), space), space));
    if (int dim = surplus.find_first(); dim >= 0)
      return op->emitOpError()
             << "the reset tensor varies over '" << space.getName(dim)
             << "', which state '" << op.getState(i).getName().getValue()
             << "' does not have";
  }
  return success();
}

/// (R18)
static LogicalResult verifyGuesses(RecurrenceOpInterface op, bool hasReset) {
  SpaceAttr space = op.getSpace();
  int inputs = op.getInputs().size() - hasReset;
  for (NamedAttribute guess : op.getGuesses().value_or(DictionaryAttr::get(
           op->getContext()))) {
    int state = op.findState(guess.getName().getValue());
    if (state < 0)
      return op->emitOpError() << "guesses '" << guess.getName().getValue()
                               << "', which is no state";
    auto number = dyn_cast<IntegerAttr>(guess.getValue());
    if (!number || number.getInt() < 0 || number.getInt() >= inputs)
      return op->emitOpError()
             << "expected the guess of '" << guess.getName().getValue()
             << "' to be one of " << inputs << " inputs, found "
             << guess.getValue();
    unsigned input = number.getInt();
    SmallBitVector dims = withTime(getStateDims(op.getState(state), space),
                                   space);
    if (op.getInputLag(input) < 1 ||
        getMapDims(op.getInputMap(input), space) != dims ||
        op.getInputMap(input).getNumResults() != dims.count() ||
        !isa<FloatType>(getElementTypeOrSelf(op.getInputs()[input])))
      return op->emitOpError()
             << "expected the guess of '" << guess.getName().getValue()
             << "' to be floats at the dims of the state and an earlier time";
  }
  return success();
}

/// (R1) to (R3), (R5) to (R8), (R11) to (R14), (R16).
static LogicalResult verifyHead(RecurrenceOpInterface op) {
  SpaceAttr space = op.getSpace();
  auto verifyGroup = [&](StringRef kind, OperandRange tensors,
                         ArrayAttr maps) -> LogicalResult {
    if (tensors.size() != maps.size())
      return op->emitOpError()
             << "expected a map for each " << kind << ", found " << maps.size()
             << " for " << tensors.size();
    for (unsigned i = 0; i < tensors.size(); ++i)
      if (failed(verifyMap(op, space, kind, i, tensors[i], maps[i])))
        return failure();
    return success();
  };
  if (failed(verifyGroup("input", op.getInputs(), op.getInputMaps())) ||
      failed(verifyGroup("init", op.getInits(), op.getInitMaps())) ||
      failed(verifyGroup("history", op.getHistories(), op.getHistoryMaps())))
    return failure();

  // (R7)
  ArrayRef<int32_t> histories = op.getInputHistories();
  if (histories.size() != op.getInputs().size())
    return op->emitOpError() << "expected a history number for each input";
  for (unsigned i = 0; i < histories.size(); ++i)
    if (failed(verifyHistory(op, i)))
      return failure();
  if (!llvm::all_of(op.getStates(), llvm::IsaPred<StateAttr>) ||
      !llvm::all_of(op.getOutputs(), llvm::IsaPred<ResultAttr>))
    return op->emitOpError() << "expected states to be #recur.state and "
                                "outputs to be #recur.result attributes";
  for (unsigned i = 0; i < op.getNumStates(); ++i)
    if (failed(verifyState(op, i)))
      return failure();
  if (op->getNumResults() != op.getOutputs().size())
    return op->emitOpError()
           << "has " << op->getNumResults() << " results but describes "
           << op.getOutputs().size();
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (failed(verifyResult(op, i)))
      return failure();

  // (R11)
  Value segments = op.getSegments();
  if (bool(segments) != (space.getSegment() >= 0))
    return op->emitOpError() << "expected a segments tensor exactly when the "
                                "space has a segment dim";
  if (segments) {
    auto type = cast<RankedTensorType>(segments.getType());
    if (type.getRank() != 1 || !(type.getElementType().isInteger(32) ||
                                 type.getElementType().isInteger(64)))
      return op->emitOpError()
             << "expected segments to be a rank-1 tensor of i32 or i64, found "
             << type;
  }
  return success();
}

/// (R4): `region` takes the elements of the inputs and then `extra`. (R17): its
/// ops can be evaluated in any order at every point.
static LogicalResult verifyArguments(RecurrenceOpInterface op, Region &region,
                                     StringRef name, ArrayRef<Type> extra) {
  SmallVector<Type> expected;
  for (Value input : op.getInputs())
    expected.push_back(getElementTypeOrSelf(input));
  llvm::append_range(expected, extra);
  if (region.getNumArguments() != expected.size())
    return op->emitOpError()
           << "expected the " << name << " region to have " << expected.size()
           << " arguments, found " << region.getNumArguments();
  for (auto [i, type] : llvm::enumerate(expected))
    if (region.getArgument(i).getType() != type)
      return op->emitOpError()
             << "argument " << i << " of the " << name << " region has type "
             << region.getArgument(i).getType() << ", expected " << type;
  for (Operation &inner : region.front())
    if (inner.getNumRegions() != 0 || !isMemoryEffectFree(&inner))
      return inner.emitOpError()
             << "cannot occur in a step: it has a region or side effects";
  return success();
}

namespace {
/// What one yielded value must be.
struct Expected {
  std::string what;
  Type type;
  SmallBitVector dims;
};
} // namespace

/// (R9), (R10): `region` yields what is `expected`.
static LogicalResult verifyYield(RecurrenceOpInterface op, Region &region,
                                 StringRef name, ArrayRef<Expected> expected) {
  auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
  if (!yield)
    return op->emitOpError()
           << "expected the " << name << " region to end in recur.yield";
  if (yield.getNumOperands() != expected.size())
    return op->emitOpError()
           << "expected the " << name << " region to yield " << expected.size()
           << " values, found " << yield.getNumOperands();
  IndexSets sets = IndexSets::compute(region, op);
  for (auto [value, want] : llvm::zip(yield.getValues(), expected)) {
    if (value.getType() != want.type)
      return op->emitOpError() << "expected " << want.what << " to have type "
                               << want.type << ", found " << value.getType();
    SmallBitVector surplus = sets.get(value);
    surplus.reset(want.dims);
    if (int dim = surplus.find_first(); dim >= 0)
      return op->emitOpError()
             << want.what << " varies over '" << op.getSpace().getName(dim)
             << "', which is not one of its indices";
  }
  return success();
}

static void appendStates(RecurrenceOpInterface op,
                         SmallVectorImpl<Expected> &expected) {
  for (unsigned i = 0; i < op.getNumStates(); ++i) {
    StateAttr state = op.getState(i);
    expected.push_back(
        {("state '" + state.getName().getValue() + "'").str(), state.getType(),
         withStep(getStateDims(state, op.getSpace()), op.getSpace())});
  }
}

static void appendOutputs(RecurrenceOpInterface op,
                          SmallVectorImpl<Expected> &expected) {
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    ResultAttr output = op.getOutput(i);
    if (output.isFinal())
      continue;
    SmallBitVector dims(op.getSpace().getRank());
    for (StringAttr name : output.getDims())
      dims.set(op.getSpace().find(name.getValue()));
    if (op.getSpace().getSegment() >= 0)
      dims.set(op.getSpace().getSegment());
    expected.push_back({("output '" + output.getName().getValue() + "'").str(),
                        getElementTypeOrSelf(op->getResult(i)), dims});
  }
}

//===----------------------------------------------------------------------===//
// RecurrenceOp
//===----------------------------------------------------------------------===//

LogicalResult RecurrenceOp::verify() {
  if (failed(verifyHead(*this)) || failed(verifyGuesses(*this, getHasReset())))
    return failure();
  return getHasReset() ? verifyReset(*this) : success();
}

LogicalResult RecurrenceOp::verifyRegions() {
  SmallVector<Expected> expected;
  appendStates(*this, expected);
  appendOutputs(*this, expected);
  return failure(failed(verifyArguments(*this, getStep(), "step", {})) ||
                 failed(verifyYield(*this, getStep(), "step", expected)));
}

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

/// (S6)
static LogicalResult verifySchedules(ScanLikeOpInterface op) {
  for (Attribute attr :
       op.getSchedules().value_or(ArrayAttr::get(op->getContext(), {}))) {
    auto schedule = dyn_cast<ScheduleAttr>(attr);
    if (!schedule)
      return op->emitOpError() << "expected schedules to be #recur.schedule "
                                  "attributes, found "
                               << attr;
    int lanes = op.getSpace().find(schedule.getLanes());
    if (lanes < 0 || lanes == op.getSpace().getSegment())
      return op->emitOpError()
             << "expected the lanes of a schedule to be a dim, found '"
             << schedule.getLanes() << "'";
  }
  return success();
}

LogicalResult ScanOp::verify() {
  if (failed(verifyHead(*this)) || failed(verifySchedules(*this)))
    return failure();
  // (S8)
  bool isMonoid = getAlgebra().getStructure() == Structure::Monoid;
  if (isMonoid != bool(getMonoidAttr()))
    return emitOpError() << "expected a monoid exactly for the structure "
                            "monoid, found "
                         << getAlgebra();
  if (isMonoid && getAlgebra().getOrder() != int64_t(getStates().size()))
    return emitOpError() << "expected a monoid of order "
                         << getAlgebra().getOrder()
                         << " to have as many states, found "
                         << getStates().size();
  return success();
}

/// The values that `elements` yields, in order (S2).
static FailureOr<SmallVector<Expected>>
getElementValues(ScanLikeOpInterface op) {
  SpaceAttr space = op.getSpace();
  SmallVector<Expected> states, expected;
  appendStates(op, states);
  int64_t order = op.getAlgebra().getOrder();
  auto push = [&](StringRef letter, const Expected &state) {
    expected.push_back(
        {(letter + " of " + state.what).str(), state.type, state.dims});
  };
  switch (op.getAlgebra().getStructure()) {
  case Structure::Diagonal:
  case Structure::OuterProduct:
    for (const Expected &state : states) {
      push("a", state);
      push("b", state);
    }
    return expected;
  case Structure::Companion:
    if (states.size() != 1)
      return op->emitOpError() << "expected a companion scan to have one "
                                  "state, found "
                               << states.size();
    for (int64_t k = 0; k < order; ++k)
      push("a", states[0]);
    push("b", states[0]);
    return expected;
  case Structure::Monoid: {
    // (S8) says that there is a state for each member.
    for (const Expected &state : states)
      push("the member", state);
    auto yield = dyn_cast<YieldOp>(op.getElements().front().getTerminator());
    if (yield && !states.empty() && yield.getNumOperands() == states.size() + 1)
      expected.push_back(
          {"whether it is combined", states[0].type, states[0].dims});
    return expected;
  }
  case Structure::Block:
    break;
  }
  if (std::optional<ArrayAttr> pair = op.getBlockDims()) {
    // (S7)
    auto find = [&](unsigned i) {
      return i < pair->size()
                 ? space.find(cast<StringAttr>((*pair)[i]).getValue())
                 : -1;
    };
    int row = find(0), column = find(1);
    if (states.size() != 1 || pair->size() != 2 || row < 0 || column < 0 ||
        row == int(space.getTime()) || column == int(space.getTime()) ||
        !states[0].dims.test(row) || states[0].dims.test(column))
      return op->emitOpError()
             << "expected a block over dims to have one state with the row's "
                "dim and without the column's";
    push("a", states[0]);
    expected.back().dims.set(column);
    push("b", states[0]);
    return expected;
  }
  if (int64_t(states.size()) != order)
    return op->emitOpError()
           << "expected a block of order " << order
           << " to have as many states, found " << states.size();
  for (const Expected &row : states)
    for (int64_t column = 0; column < order; ++column)
      push("a", row);
  for (const Expected &row : states)
    push("b", row);
  return expected;
}

/// With a reset, also whether the states start anew, which varies over dims
/// that they all have (S9).
static void appendAnew(ScanLikeOpInterface op,
                       SmallVectorImpl<Expected> &expected) {
  auto yield = dyn_cast<YieldOp>(op.getElements().front().getTerminator());
  if (!yield || !op.isAffine() || op.getNumStates() == 0 ||
      op.getAlgebra().getStructure() == Structure::Monoid ||
      yield.getNumOperands() != expected.size() + 1)
    return;
  SmallBitVector dims(op.getSpace().getRank(), true);
  for (unsigned i = 0; i < op.getNumStates(); ++i)
    dims &=
        withStep(getStateDims(op.getState(i), op.getSpace()), op.getSpace());
  expected.push_back({"whether the states start anew",
                      IntegerType::get(op->getContext(), 1), dims});
}

/// The types of the arguments behind the inputs that stand for states, each
/// `copies` times.
static SmallVector<Type> getStateTypes(RecurrenceOpInterface op,
                                       unsigned copies) {
  SmallVector<Type> types;
  for (unsigned i = 0; i < op.getNumStates(); ++i)
    types.append(copies, op.getState(i).getType());
  return types;
}

/// (S2) to (S5), (N4)
static LogicalResult verifyElementsAndReadout(ScanLikeOpInterface op) {
  FailureOr<SmallVector<Expected>> elements = getElementValues(op);
  if (failed(elements))
    return failure();
  appendAnew(op, *elements);
  SmallVector<Type> before = getStateTypes(op, op.isAffine() ? 0 : 1);
  SmallVector<Type> states = getStateTypes(op, 1 + op.getReadLags());
  if (failed(verifyArguments(op, op.getElements(), "elements", before)) ||
      failed(verifyArguments(op, op.getReadout(), "readout", states)))
    return failure();
  for (Region *region : {&op.getElements(), &op.getReadout()})
    for (Operation &inside : region->front())
      if (isa<PrevOp>(inside)) // (S5)
        return inside.emitOpError()
               << "cannot occur in a " << op->getName().stripDialect();
  SmallVector<Expected> outputs;
  appendOutputs(op, outputs);
  return failure(
      failed(verifyYield(op, op.getElements(), "elements", *elements)) ||
      failed(verifyYield(op, op.getReadout(), "readout", outputs)));
}

LogicalResult ScanOp::verifyRegions() {
  return verifyElementsAndReadout(*this);
}

//===----------------------------------------------------------------------===//
// NewtonOp
//===----------------------------------------------------------------------===//

LogicalResult NewtonOp::verify() {
  if (failed(verifyHead(*this)) || failed(verifySchedules(*this)) ||
      failed(verifyGuesses(*this, /*hasReset=*/false)))
    return failure();
  // (N2)
  AlgebraAttr jacobian = getJacobian();
  if ((jacobian.getStructure() != Structure::Block &&
       jacobian.getStructure() != Structure::Diagonal) ||
      jacobian.getSemiring() != Semiring::PlusTimes)
    return emitOpError() << "expected a Jacobian that is diagonal or a block "
                            "over the reals, found "
                         << jacobian;
  double resolution = 0;
  for (auto state : getStates().getAsRange<StateAttr>()) {
    Type type = state.getType();
    if (!type.isF32() && !type.isF64())
      return emitOpError() << "expected state '" << state.getName().getValue()
                           << "' to be f32 or f64, found " << type;
    resolution =
        std::max(resolution, std::ldexp(1.0, type.isF32() ? -23 : -52));
  }
  // (N3)
  double tolerance = getTolerance().convertToDouble();
  if (!(tolerance >= resolution))
    return emitOpError() << "expected a tolerance of at least " << resolution
                         << ", the resolution of the states, found "
                         << tolerance;
  if (int64_t(getMaxIterations()) < 1)
    return emitOpError() << "expected at least 1 iteration, found "
                         << int64_t(getMaxIterations());
  return success();
}

LogicalResult NewtonOp::verifyRegions() {
  return verifyElementsAndReadout(*this);
}

//===----------------------------------------------------------------------===//
// prev, reduce, at
//===----------------------------------------------------------------------===//

/// Checks that `position` is a dim of the space that is neither time nor
/// segments, or, in the place of dim `of`, a constant within that dim.
static LogicalResult verifyPosition(Operation *op, SpaceAttr space,
                                    Attribute position,
                                    std::optional<StringRef> of = {}) {
  if (auto constant = dyn_cast<IntegerAttr>(position); constant && of) {
    int64_t size = space.getSizes()[space.find(*of)];
    if (constant.getInt() < 0 ||
        (!ShapedType::isDynamic(size) && constant.getInt() >= size))
      return op->emitOpError() << "position " << constant.getInt()
                               << " is outside dim '" << *of << "'";
    return success();
  }
  auto name = dyn_cast<StringAttr>(position);
  int dim = name ? space.find(name.getValue()) : -1;
  if (dim < 0 || dim == int(space.getTime()) || dim == space.getSegment())
    return op->emitOpError()
           << "expected a dim of the space other than time and segments, found "
           << position;
  return success();
}

LogicalResult PrevOp::verify() {
  auto parent =
      dyn_cast_if_present<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  // (P1)
  int number = parent.findState(getState());
  if (number < 0)
    return emitOpError() << "names unknown state '" << getState() << "'";
  StateAttr state = parent.getState(number);
  if (getType() != state.getType())
    return emitOpError() << "expected type " << state.getType() << " of state '"
                         << getState() << "', found " << getType();
  // (P2)
  if (int64_t(getLag()) < 1)
    return emitOpError() << "expected a lag of at least 1, found "
                         << int64_t(getLag());
  if (state.getStarts().size() != 1 && getLag() > state.getStarts().size())
    return emitOpError() << "has lag " << getLag() << " but state '"
                         << getState() << "' has " << state.getStarts().size()
                         << " start values";
  // (P3)
  if (std::optional<ArrayAttr> indices = getIndices()) {
    if (indices->size() != state.getDims().size())
      return emitOpError() << "expected " << state.getDims().size()
                           << " indices of state '" << getState() << "', found "
                           << indices->size();
    for (auto [position, dim] : llvm::zip(*indices, state.getDims()))
      if (failed(verifyPosition(*this, parent.getSpace(), position,
                                dim.getValue())))
        return failure();
  }
  return success();
}

LogicalResult ReduceOp::verify() {
  auto parent =
      dyn_cast_if_present<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  // (D1)
  if (getDims().empty())
    return emitOpError() << "expected at least one dim";
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (Attribute dim : getDims()) {
    if (failed(verifyPosition(*this, parent.getSpace(), dim)))
      return failure();
    if (!seen.insert(dim).second)
      return emitOpError() << "has dim " << dim << " twice";
  }
  return success();
}

LogicalResult AtOp::verify() {
  auto parent =
      dyn_cast_if_present<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  // (T1)
  if (getFrom().size() != getTo().size())
    return emitOpError() << "expected as many new positions as dims, found "
                         << getTo().size() << " for " << getFrom().size();
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (auto [from, to] : llvm::zip(getFrom(), getTo())) {
    if (failed(verifyPosition(*this, parent.getSpace(), from)) ||
        failed(verifyPosition(*this, parent.getSpace(), to,
                              cast<StringAttr>(from).getValue())))
      return failure();
    if (!seen.insert(from).second)
      return emitOpError() << "has dim " << from << " twice";
  }
  return success();
}

LogicalResult SameOp::verify() {
  auto parent =
      dyn_cast_if_present<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  // (E1)
  for (StringAttr dim : {getFirstAttr(), getSecondAttr()})
    if (failed(verifyPosition(*this, parent.getSpace(), dim)))
      return failure();
  if (getFirst() == getSecond())
    return emitOpError() << "expected two dims, found '" << getFirst()
                         << "' twice";
  return success();
}
