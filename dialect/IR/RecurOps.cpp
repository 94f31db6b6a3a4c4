//===-- RecurOps.cpp - verification of the ops ----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The numbered constraints of the ops, and the index sets of step values.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

#define GET_OP_CLASSES
#include "dialect/IR/RecurOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

/// Splits `dim + offset`; false for any other form.
static bool matchShiftedDim(AffineExpr expr, unsigned &dim, int64_t &offset) {
  offset = 0;
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
      sum && sum.getKind() == AffineExprKind::Add) {
    auto constant = dyn_cast<AffineConstantExpr>(sum.getRHS());
    if (!constant)
      return false;
    offset = constant.getValue();
    expr = sum.getLHS();
  }
  auto plain = dyn_cast<AffineDimExpr>(expr);
  if (!plain)
    return false;
  dim = plain.getPosition();
  return true;
}

int64_t recur::getTimeLag(AffineMap map, SpaceAttr space) {
  for (AffineExpr expr : map.getResults()) {
    unsigned dim;
    int64_t offset;
    if (matchShiftedDim(expr, dim, offset) && dim == space.getTime())
      return -offset;
  }
  return -1;
}

SmallBitVector recur::getMapDims(AffineMap map, SpaceAttr space) {
  SmallBitVector dims(space.getRank());
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    if (map.isFunctionOfDim(dim))
      dims.set(dim);
  return dims;
}

AffineMap recur::getDimsMap(SpaceAttr space, ArrayRef<StringAttr> names) {
  SmallVector<AffineExpr> exprs;
  for (StringAttr name : names)
    exprs.push_back(getAffineDimExpr(space.find(name.getValue()),
                                     space.getContext()));
  return AffineMap::get(space.getRank(), 0, exprs, space.getContext());
}

//===----------------------------------------------------------------------===//
// IndexSets
//===----------------------------------------------------------------------===//

static SmallBitVector getStateDims(StateAttr state, SpaceAttr space) {
  SmallBitVector dims(space.getRank());
  for (StringAttr name : state.getDims())
    if (int dim = space.find(name.getValue()); dim >= 0)
      dims.set(dim);
  return dims;
}

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

IndexSets::IndexSets(Region &region, RecurrenceOpInterface recurrence,
                     ArrayRef<SmallBitVector> argumentDims)
    : recurrence(recurrence) {
  for (auto [argument, dims] : llvm::zip(region.getArguments(), argumentDims))
    sets[argument] = dims;
  for (Operation &op : region.front())
    add(op);
}

void IndexSets::add(Operation &op) {
  SpaceAttr space = recurrence.getSpace();
  SmallBitVector dims(space.getRank());
  for (Value operand : op.getOperands())
    if (auto it = sets.find(operand); it != sets.end())
      dims |= it->second;
  if (auto prev = dyn_cast<PrevOp>(op)) {
    dims.set(space.getTime());
    if (std::optional<ArrayAttr> indices = prev.getIndices()) {
      for (auto name : indices->getAsRange<Attribute>())
        if (auto text = dyn_cast<StringAttr>(name))
          if (int dim = space.find(text.getValue()); dim >= 0)
            dims.set(dim);
    } else if (int state = recurrence.findState(prev.getState());
               state >= 0) {
      dims |= getStateDims(recurrence.getState(state), space);
    }
  } else if (auto reduce = dyn_cast<ReduceOp>(op)) {
    for (auto name : reduce.getDims().getAsRange<StringAttr>())
      if (int dim = space.find(name.getValue()); dim >= 0)
        dims.reset(dim);
  } else if (auto at = dyn_cast<AtOp>(op)) {
    SmallBitVector renamed = dims;
    for (auto name : at.getFrom().getAsRange<StringAttr>())
      if (int dim = space.find(name.getValue()); dim >= 0)
        renamed.reset(dim);
    for (auto [from, to] : llvm::zip(at.getFrom(), at.getTo())) {
      int source = space.find(cast<StringAttr>(from).getValue());
      if (auto text = dyn_cast<StringAttr>(to))
        if (int dim = space.find(text.getValue());
            dim >= 0 && source >= 0 && dims.test(source))
          renamed.set(dim);
    }
    dims = renamed;
  }
  for (Value result : op.getResults())
    sets[result] = dims;
}

IndexSets IndexSets::compute(Region &region, RecurrenceOpInterface recurrence) {
  SpaceAttr space = recurrence.getSpace();
  SmallVector<SmallBitVector> dims;
  for (unsigned i = 0, e = recurrence.getInputs().size(); i < e; ++i)
    dims.push_back(getMapDims(recurrence.getInputMap(i), space));
  // A readout also has each state one step ago and now, a tangent the former.
  auto scan = dyn_cast<ScanOp>(recurrence.getOperation());
  auto newton = dyn_cast<NewtonOp>(recurrence.getOperation());
  unsigned copies = scan && &region == &scan.getReadout() ? 1 + scan.getReadLags()
                    : newton && &region == &newton.getTangent() ? 1
                                                                 : 0;
  for (unsigned i = 0; i < recurrence.getNumStates(); ++i)
    for (unsigned copy = 0; copy < copies; ++copy)
      dims.push_back(withTime(getStateDims(recurrence.getState(i), space), space));
  return IndexSets(region, recurrence, dims);
}

//===----------------------------------------------------------------------===//
// Constraints common to recurrence, scan and newton
//===----------------------------------------------------------------------===//

/// (R1), (R2), (R3), (R12) for one operand.
static LogicalResult verifyMap(Operation *op, SpaceAttr space, StringRef kind,
                               unsigned number, Value tensor, Attribute attr) {
  auto mapAttr = dyn_cast<AffineMapAttr>(attr);
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!mapAttr || mapAttr.getValue().getNumDims() != space.getRank() ||
      mapAttr.getValue().getNumSymbols() != 0)
    return op->emitOpError() << "expected the map of " << kind << " " << number
                             << " to have " << space.getRank() << " dims";
  AffineMap map = mapAttr.getValue();
  if (map.getNumResults() != type.getRank())
    return op->emitOpError()
           << kind << " " << number << " is read at " << map.getNumResults()
           << " indices but has rank " << type.getRank();
  bool isInput = kind == "input";
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
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
    if (dim == space.getTime()) {
      if (!isInput)
        return op->emitOpError()
               << kind << " " << number << " varies over time";
      if (!shifted || offset > 0)
        return op->emitOpError() << "input " << number
                                 << " reads time at other than t or t - k";
    }
    bool isScanInput = isInput && isa<ScanOp>(op);
    if (int(dim) == space.getSegment() && kind != "init" && !isScanInput)
      return op->emitOpError() << kind << " " << number
                               << " varies over segments, only an init may";
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
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (StringAttr name : state.getDims()) {
    int dim = space.find(name.getValue());
    if (dim < 0 || dim == int(space.getTime()) || dim == space.getSegment())
      return op->emitOpError()
             << "state '" << state.getName().getValue() << "' has index '"
             << name.getValue()
             << "', expected a dim other than time and segments";
    if (!seen.insert(name).second)
      return op->emitOpError() << "state '" << state.getName().getValue()
                               << "' has index '" << name.getValue()
                               << "' twice";
  }
  for (unsigned other = 0; other < number; ++other)
    if (op.getState(other).getName() == state.getName())
      return op->emitOpError() << "two states are called '"
                               << state.getName().getValue() << "'";
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
    int64_t have = type.getDimSize(axis), want = space.getSizes()[dim];
    if (!ShapedType::isDynamic(have) && !ShapedType::isDynamic(want) &&
        have != want)
      return op->emitOpError()
             << "dim " << axis << " of result '" << output.getName().getValue()
             << "' has size " << have << ", expected " << want << " for '"
             << name.getValue() << "'";
  }
  if (!output.isFinal())
    return success();
  int state = op.findState(output.getFinalState().getValue());
  if (state < 0)
    return op->emitOpError()
           << "result '" << output.getName().getValue()
           << "' is the final value of unknown state '"
           << output.getFinalState().getValue() << "'";
  if (type.getElementType() != op.getState(state).getType())
    return op->emitOpError()
           << "result '" << output.getName().getValue()
           << "' has elements of type " << type.getElementType()
           << ", expected " << op.getState(state).getType() << " of state '"
           << output.getFinalState().getValue() << "'";
  if (output.getLag() < 1)
    return op->emitOpError()
           << "expected the lag of a final result to be at least 1";
  return success();
}

/// (R1) to (R3), (R5) to (R8), (R11), (R12).
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

  ArrayRef<int32_t> histories = op.getInputHistories();
  if (histories.size() != op.getInputs().size())
    return op->emitOpError() << "expected a history number for each input";
  for (auto [i, history] : llvm::enumerate(histories)) {
    if (history < 0)
      continue;
    if (history >= int(op.getHistories().size()))
      return op->emitOpError() << "input " << i << " has history " << history
                               << ", but there are "
                               << op.getHistories().size();
    if (op.getInputLag(i) < 1)
      return op->emitOpError()
             << "input " << i << " has a history but no lag";
    if (getElementTypeOrSelf(op.getHistories()[history]) !=
        getElementTypeOrSelf(op.getInputs()[i]))
      return op->emitOpError() << "history " << history
                               << " has another element type than input " << i;
  }
  if (!llvm::all_of(op.getStates(), llvm::IsaPred<StateAttr>) ||
      !llvm::all_of(op.getOutputs(), llvm::IsaPred<ResultAttr>))
    return op->emitOpError() << "expected states to be #recur.state and "
                                "outputs to be #recur.result attributes";
  for (unsigned i = 0; i < op.getNumStates(); ++i)
    if (failed(verifyState(op, i)))
      return failure();
  if (op->getNumResults() != op.getOutputs().size())
    return op->emitOpError() << "has " << op->getNumResults()
                             << " results but describes "
                             << op.getOutputs().size();
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (failed(verifyResult(op, i)))
      return failure();

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

/// Checks that `region` takes the elements of the inputs and then `extra`.
static LogicalResult verifyArguments(RecurrenceOpInterface op, Region &region,
                                     StringRef name, ArrayRef<Type> extra) {
  SmallVector<Type> expected;
  for (Value input : op.getInputs())
    expected.push_back(getElementTypeOrSelf(input));
  llvm::append_range(expected, extra);
  if (region.getNumArguments() != expected.size())
    return op->emitOpError() << "expected the " << name << " region to have "
                             << expected.size() << " arguments, found "
                             << region.getNumArguments();
  for (auto [i, type] : llvm::enumerate(expected))
    if (region.getArgument(i).getType() != type)
      return op->emitOpError()
             << "argument " << i << " of the " << name << " region has type "
             << region.getArgument(i).getType() << ", expected " << type;
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

static LogicalResult verifyYield(RecurrenceOpInterface op, Region &region,
                                 StringRef name, ArrayRef<Expected> expected) {
  auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
  if (!yield)
    return op->emitOpError() << "expected the " << name
                             << " region to end in recur.yield";
  if (yield.getNumOperands() != expected.size())
    return op->emitOpError() << "expected the " << name << " region to yield "
                             << expected.size() << " values, found "
                             << yield.getNumOperands();
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
    expected.push_back({("state '" + state.getName().getValue() + "'").str(),
                        state.getType(),
                        withStep(getStateDims(state, op.getSpace()),
                                 op.getSpace())});
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

LogicalResult RecurrenceOp::verify() { return verifyHead(*this); }

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

LogicalResult ScanOp::verify() {
  if (failed(verifyHead(*this)))
    return failure();
  if (std::optional<ArrayAttr> schedules = getSchedules())
    if (!llvm::all_of(*schedules, llvm::IsaPred<ScheduleAttr>))
      return emitOpError() << "expected schedules to be #recur.schedule "
                              "attributes";
  return success();
}

/// The values that `elements` yields, in order (S2).
static FailureOr<SmallVector<Expected>> getElementValues(ScanOp op) {
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
      return op.emitOpError() << "expected a companion scan to have one "
                                 "state, found "
                              << states.size();
    for (int64_t k = 0; k < order; ++k)
      push("a", states[0]);
    push("b", states[0]);
    return expected;
  case Structure::Block:
    break;
  }
  if (std::optional<ArrayAttr> pair = op.getBlockDims()) {
    int column = pair->size() == 2
                     ? space.find(cast<StringAttr>((*pair)[1]).getValue())
                     : -1;
    if (states.size() != 1 || column < 0)
      return op.emitOpError() << "expected a block over dims to have one "
                                 "state and a row and a column dim";
    push("a", states[0]);
    expected.back().dims.set(column);
    push("b", states[0]);
    return expected;
  }
  if (int64_t(states.size()) != order)
    return op.emitOpError() << "expected a block of order " << order
                            << " to have as many states, found "
                            << states.size();
  for (const Expected &row : states)
    for (int64_t column = 0; column < order; ++column)
      push("a", row);
  for (const Expected &row : states)
    push("b", row);
  return expected;
}

LogicalResult ScanOp::verifyRegions() {
  FailureOr<SmallVector<Expected>> elements = getElementValues(*this);
  if (failed(elements))
    return failure();
  SmallVector<Type> states;
  for (StateAttr state : getStates().getAsRange<StateAttr>())
    states.append(1 + getReadLags(), state.getType());
  if (failed(verifyArguments(*this, getElements(), "elements", {})) ||
      failed(verifyArguments(*this, getReadout(), "readout", states)))
    return failure();
  for (Region *region : {&getElements(), &getReadout()})
    for (Operation &op : region->front())
      if (isa<PrevOp>(op))
        return op.emitOpError() << "cannot occur in a scan";
  SmallVector<Expected> outputs;
  appendOutputs(*this, outputs);
  return failure(
      failed(verifyYield(*this, getElements(), "elements", *elements)) ||
      failed(verifyYield(*this, getReadout(), "readout", outputs)));
}

//===----------------------------------------------------------------------===//
// NewtonOp
//===----------------------------------------------------------------------===//

LogicalResult NewtonOp::verify() {
  if (failed(verifyHead(*this)))
    return failure();
  if (!(getTolerance().convertToDouble() > 0))
    return emitOpError() << "expected a positive tolerance, found "
                         << getTolerance().convertToDouble();
  if (int64_t(getMaxIterations()) < 1)
    return emitOpError() << "expected at least 1 iteration, found "
                         << int64_t(getMaxIterations());
  return success();
}

LogicalResult NewtonOp::verifyRegions() {
  SmallVector<Expected> values, entries, states;
  appendStates(*this, values);
  states = values;
  appendOutputs(*this, values);
  bool block = getJacobian().getStructure() == Structure::Block;
  for (const Expected &row : states)
    for (unsigned column = 0; column < (block ? states.size() : 1); ++column)
      entries.push_back({"the Jacobian of " + row.what, row.type, row.dims});
  SmallVector<Type> types;
  for (const Expected &state : states)
    types.push_back(state.type);
  return failure(failed(verifyArguments(*this, getStep(), "step", {})) ||
                 failed(verifyArguments(*this, getTangent(), "tangent", types)) ||
                 failed(verifyYield(*this, getStep(), "step", values)) ||
                 failed(verifyYield(*this, getTangent(), "tangent", entries)));
}

//===----------------------------------------------------------------------===//
// prev, reduce, at
//===----------------------------------------------------------------------===//

/// Checks that `position` is a constant of at least 0 or a dim of the space
/// that is neither time nor segments.
static LogicalResult verifyPosition(Operation *op, SpaceAttr space,
                                    Attribute position, bool allowConstant) {
  if (auto constant = dyn_cast<IntegerAttr>(position);
      constant && allowConstant) {
    if (constant.getInt() < 0)
      return op->emitOpError()
             << "expected a position of at least 0, found "
             << constant.getInt();
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
  auto parent = dyn_cast<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  int number = parent.findState(getState());
  if (number < 0)
    return emitOpError() << "names unknown state '" << getState() << "'";
  StateAttr state = parent.getState(number);
  if (getType() != state.getType())
    return emitOpError() << "expected type " << state.getType()
                         << " of state '" << getState() << "', found "
                         << getType();
  if (int64_t(getLag()) < 1)
    return emitOpError() << "expected a lag of at least 1, found "
                         << int64_t(getLag());
  if (state.getStarts().size() != 1 && getLag() > state.getStarts().size())
    return emitOpError() << "has lag " << getLag() << " but state '"
                         << getState() << "' has " << state.getStarts().size()
                         << " start values";
  if (std::optional<ArrayAttr> indices = getIndices()) {
    if (indices->size() != state.getDims().size())
      return emitOpError() << "expected " << state.getDims().size()
                           << " indices of state '" << getState()
                           << "', found " << indices->size();
    for (Attribute position : *indices)
      if (failed(verifyPosition(*this, parent.getSpace(), position,
                                /*allowConstant=*/true)))
        return failure();
  }
  return success();
}

LogicalResult ReduceOp::verify() {
  auto parent = dyn_cast<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  if (getDims().empty())
    return emitOpError() << "expected at least one dim";
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (Attribute dim : getDims()) {
    if (failed(verifyPosition(*this, parent.getSpace(), dim,
                              /*allowConstant=*/false)))
      return failure();
    if (!seen.insert(dim).second)
      return emitOpError() << "has dim " << dim << " twice";
  }
  return success();
}

LogicalResult AtOp::verify() {
  auto parent = dyn_cast<RecurrenceOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError() << "expected to be in a recurrence";
  if (getFrom().size() != getTo().size())
    return emitOpError() << "expected as many new positions as dims, found "
                         << getTo().size() << " for " << getFrom().size();
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (auto [from, to] : llvm::zip(getFrom(), getTo())) {
    if (failed(verifyPosition(*this, parent.getSpace(), from, false)) ||
        failed(verifyPosition(*this, parent.getSpace(), to, true)))
      return failure();
    if (!seen.insert(from).second)
      return emitOpError() << "has dim " << from << " twice";
  }
  return success();
}
