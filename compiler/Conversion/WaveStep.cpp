//===-- WaveStep.cpp - what a wave computes, and when ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Splits a step by what its values vary over: nothing but the channel (once),
/// the points (once for a block), time (once for a segment), both. Products
/// are split too: in dt * B * u it is (dt * u) that the points share, and
/// exp(dt * A) is 2^(dt * (A log2(e))), where A log2(e) does not vary over
/// time.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ExpandMath.h"
#include "compiler/Conversion/WaveKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

//===----------------------------------------------------------------------===//
// What varies over what
//===----------------------------------------------------------------------===//

/// An input has an argument in both regions: here it is that of the elements.
Value WaveKernels::getInput(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  auto &op = const_cast<ScanOp &>(scan);
  if (!argument || argument.getArgNumber() >= op.getInputs().size())
    return value;
  return op.getElements().getArgument(argument.getArgNumber());
}

bool WaveKernels::isState(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getArgNumber() >=
                         const_cast<ScanOp &>(scan).getInputs().size();
}

bool WaveKernels::overTime(Value value) const {
  return emitter.getIndexSet(value).test(space.getTime()) ||
         stateful.contains(value);
}

bool WaveKernels::overInner(Value value) const {
  const llvm::SmallBitVector &set = emitter.getIndexSet(value);
  return llvm::any_of(dims.inner, [&](unsigned dim) { return set.test(dim); });
}

bool WaveKernels::overLane(Value value) const {
  return emitter.getIndexSet(value).test(laneDim) || stateful.contains(value);
}

bool WaveKernels::isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  return op && op->hasTrait<OpTrait::ConstantLike>();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

WaveKernels::Factors WaveKernels::getFactors(Value product) const {
  Factors factors;
  auto split = [&](auto &self, Value value, bool isRoot) -> void {
    auto op = value.getDefiningOp<arith::MulFOp>();
    if (op && op.getType().isF32() && overInner(value) && overTime(value) &&
        (isRoot || value.hasOneUse())) {
      self(self, op.getLhs(), false);
      self(self, op.getRhs(), false);
      return;
    }
    bool inner = overInner(value);
    (!inner            ? factors.outer
     : overTime(value) ? factors.rest
                       : factors.invariant)
        .push_back(value);
  };
  split(split, product, true);
  return factors;
}

/// Whether the product of some factors is computed before the points.
bool WaveKernels::isAhead(ArrayRef<Value> factors) const {
  return factors.size() > 1 &&
         llvm::any_of(factors, [&](Value factor) { return overTime(factor); });
}

/// The argument of an exponential function some of whose factors vary over the
/// points alone; null if the value is none.
Value WaveKernels::getScaledArgument(Value value) const {
  auto exp = value.getDefiningOp<math::ExpOp>();
  if (!exp || !exp.getType().isF32() || !overInner(value) || !overTime(value) ||
      getFactors(exp.getOperand()).invariant.empty())
    return {};
  return exp.getOperand();
}

//===----------------------------------------------------------------------===//
// What is computed ahead
//===----------------------------------------------------------------------===//

static void addOnce(SmallVectorImpl<std::pair<Value, WavePart>> &list,
                    Value value, WavePart part) {
  std::pair<Value, WavePart> entry(value, part);
  if (!llvm::is_contained(list, entry))
    list.push_back(entry);
}

/// Notes what a value without inner dims needs that does not vary over time.
void WaveKernels::collectConstants(Value value) {
  if (isConstant(value) || isState(value))
    return;
  if (!overTime(value) && !overInner(value))
    return addOnce(constants, getInput(value), Part::Whole);
  Operation *op = value.getDefiningOp();
  // What a reduction reads is noted with the points.
  if (!op || isa<ReduceOp>(op))
    return;
  for (Value operand : op->getOperands())
    collectConstants(operand);
}

/// Notes what a value needs ahead of the loop over the points.
void WaveKernels::collectAhead(Value value) {
  if (isConstant(value) || isState(value))
    return;
  value = getInput(value);
  if (!overInner(value)) {
    collectConstants(value);
    if (overTime(value))
      addOnce(frontier, value, Part::Whole);
    return;
  }
  if (!overTime(value))
    return addOnce(invariants, value, Part::Whole);
  if (!overLane(value))
    return addOnce(rows, value, Part::Whole);
  Operation *op = value.getDefiningOp();
  if (!op)
    return;
  if (Value argument = getScaledArgument(value))
    return collectFactors(argument, value);
  if (isa<arith::MulFOp>(op) && op->getResult(0).getType().isF32())
    return collectFactors(value, {});
  for (Value operand : op->getOperands())
    collectAhead(operand);
}

/// Notes the parts of a product; `scaled` is the exponential function whose
/// argument it is.
void WaveKernels::collectFactors(Value product, Value scaled) {
  Factors factors = getFactors(product);
  if (isAhead(factors.outer))
    addOnce(frontier, product, Part::Outer);
  for (Value factor : factors.outer)
    if (isAhead(factors.outer))
      collectConstants(factor);
    else
      collectAhead(factor);
  if (scaled)
    addOnce(invariants, scaled, Part::InvariantLog2);
  else if (factors.invariant.size() > 1)
    addOnce(invariants, product, Part::Invariant);
  else
    for (Value factor : factors.invariant)
      collectAhead(factor);
  for (Value factor : factors.rest)
    collectAhead(factor);
}

void WaveKernels::collect() {
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    for (BlockArgument argument : region->getArguments())
      if (isState(argument))
        stateful.insert(argument);
    for (Operation &op : region->front())
      if (llvm::any_of(op.getOperands(),
                       [&](Value v) { return stateful.contains(v); }))
        stateful.insert(op.result_begin(), op.result_end());
  }
  for (Value value : scan.getElements().front().getTerminator()->getOperands())
    collectAhead(value);
  for (auto reduce : scan.getReadout().getOps<ReduceOp>()) {
    reductions.push_back(reduce);
    collectAhead(reduce.getOperand());
  }
  auto results = cast<YieldOp>(scan.getReadout().front().getTerminator());
  unsigned operand = 0;
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    if (scan.getOutput(i).isFinal())
      continue;
    Value value = results.getOperand(operand++);
    if (isPointResult(i))
      collectAhead(value);
    else
      collectConstants(value);
  }
  for (unsigned i = 0; i < scan.getInputs().size(); ++i) {
    Value argument = scan.getElements().getArgument(i);
    if (isTileInput(i))
      staged.push_back(i);
    else if (overTime(argument) && overInner(argument) && !overLane(argument) &&
             scan.getInputLag(i) == 0)
      rowInputs.push_back(i);
  }
}

/// Whether rows of an input along the channels are brought to shared memory.
bool WaveKernels::isTileInput(unsigned input) const {
  auto &op = const_cast<ScanOp &>(scan);
  AffineMap map = op.getInputMap(input);
  unsigned argument = inputArguments[input];
  Type element = signature.arguments[argument].element;
  if (op.getInputLag(input) > 0 || element.getIntOrFloatBitWidth() < 16 ||
      laneTile * element.getIntOrFloatBitWidth() % 128 != 0 ||
      !map.isFunctionOfDim(space.getTime()) ||
      llvm::any_of(dims.inner,
                   [&](unsigned dim) { return map.isFunctionOfDim(dim); }))
    return false;
  bool found = false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(laneDim))
      continue;
    SignatureAccess access = splitIndex(expr);
    if (found || !isContiguous(argument, axis) || access.dim != laneDim ||
        access.offset != 0 || access.divisor != 1 || access.modulus != 0)
      return false;
    found = true;
  }
  return found;
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

WaveKernels::Key WaveKernels::getKey(Value value, int64_t row, int64_t channel,
                                     Part part) const {
  value = getInput(value);
  bool varies =
      overTime(value) && part != Part::Invariant && part != Part::InvariantLog2;
  return {value.getAsOpaquePointer(), int(part), varies ? row : 0,
          overLane(value) ? channel : 0};
}

void WaveKernels::remember(const Entry &entry, int64_t row, int64_t channel,
                           Value value) {
  scopes.back()[getKey(entry.first, row, channel, entry.second)] = value;
}

Value WaveKernels::get(Value value, int64_t row, int64_t channel, Part part) {
  value = getInput(value);
  if (isConstant(value))
    return b.clone(*value.getDefiningOp())->getResult(0);
  Key key = getKey(value, row, channel, part);
  for (Memo &memo : llvm::reverse(scopes))
    if (auto found = memo.find(key); found != memo.end())
      return found->second;
  Value result = compute(value, row, channel, part);
  scopes.back()[key] = result;
  return result;
}

static Value multiply(OpBuilder &b, Location loc, Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::MulFOp::create(b, loc, x, y, arith::FastMathFlags::contract);
}

Value WaveKernels::computeProduct(ArrayRef<Value> factors, int64_t row,
                                  int64_t channel) {
  Value product;
  for (Value factor : factors)
    product = multiply(b, loc, product, get(factor, row, channel));
  return product;
}

/// A product by its parts; `scaled` has those that vary over points alone.
Value WaveKernels::computeByParts(Value product, Value scaled, int64_t row,
                                  int64_t channel) {
  Factors factors = getFactors(product);
  Value outer = isAhead(factors.outer)
                    ? get(product, row, channel, Part::Outer)
                    : computeProduct(factors.outer, row, channel);
  Value invariant = scaled;
  if (!invariant)
    invariant = factors.invariant.size() > 1
                    ? get(product, row, channel, Part::Invariant)
                    : computeProduct(factors.invariant, row, channel);
  Value result = multiply(b, loc, outer, invariant);
  for (Value factor : factors.rest)
    result = multiply(b, loc, result, get(factor, row, channel));
  return result;
}

Value WaveKernels::compute(Value value, int64_t row, int64_t channel,
                           Part which) {
  switch (which) {
  case Part::Outer:
    return computeProduct(getFactors(value).outer, row, channel);
  case Part::Invariant:
    return computeProduct(getFactors(value).invariant, row, channel);
  case Part::InvariantLog2: {
    Value product = computeProduct(
        getFactors(getScaledArgument(value)).invariant, row, channel);
    Value log2e = arith::ConstantOp::create(
        b, loc, b.getF32FloatAttr(1.4426950408889634f));
    return multiply(b, loc, product, log2e);
  }
  case Part::Whole:
    break;
  }
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    assert(!isState(value) && "states are known at their point");
    return readInput(argument.getArgNumber(), row, channel);
  }
  Operation *op = value.getDefiningOp();
  if (Value argument = getScaledArgument(value)) {
    Value scaled = get(value, row, channel, Part::InvariantLog2);
    return math::Exp2Op::create(b, loc,
                                computeByParts(argument, scaled, row, channel));
  }
  if (isa<arith::MulFOp>(op) && value.getType().isF32() && overInner(value) &&
      overTime(value))
    return computeByParts(value, {}, row, channel);
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, get(operand, row, channel));
  Operation *created = b.clone(*op, mapping);
  // A product that feeds a sum may be fused with it.
  auto fast = dyn_cast<arith::ArithFastMathInterface>(created);
  if (fast && fast.getFastMathFlagsAttr())
    created->setAttr(
        fast.getFastMathAttrName(),
        arith::FastMathFlagsAttr::get(
            created->getContext(), arith::FastMathFlags::contract |
                                       fast.getFastMathFlagsAttr().getValue()));
  // Rounding to 16 bits is a hundred times larger than what this gives up.
  if (hasNarrowResults)
    created->setDiscardableAttr(kApproximateAttr, b.getUnitAttr());
  return created->getResult(0);
}

/// An element of an input: of the warp's tile, or of global memory.
Value WaveKernels::readInput(unsigned input, int64_t row, int64_t channel) {
  AffineMap map = scan.getInputMap(input);
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  if (auto *found = llvm::find(staged, input);
      ownRows && found != staged.end()) {
    // One vector for the thread's channels.
    Value argument = scan.getElements().getArgument(input);
    Value &vector = scopes.back()[{argument.getAsOpaquePointer(), -1, row, 0}];
    if (!vector)
      vector = loadTile(found - staged.begin(), row);
    if (width == 1)
      return vector;
    return LLVM::ExtractElementOp::create(b, loc, vector, i32(channel));
  }
  if (auto *found = llvm::find(rowInputs, input);
      rowNow >= 0 && found != rowInputs.end())
    return load(
        advance(rowPointers[found - rowInputs.begin()], input, i64(rowNow)),
        element, /*isInput=*/true);
  if (!isPlaced) {
    Value number = i64(row);
    if (ownRows && parts > 1)
      number = add(mul(toI64(part), i64(ownSteps)), number);
    if (map.isFunctionOfDim(space.getTime()))
      goToRow(number);
    if (map.isFunctionOfDim(laneDim))
      goToChannel(channel);
  }
  if (int64_t lag = scan.getInputLag(input); lag > 0)
    return loadLagged(input, lag, point);
  return load(getPointer(inputArguments[input], map, point), element,
              /*isInput=*/true);
}
