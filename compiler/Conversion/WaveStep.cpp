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
  auto &op = const_cast<ScanLikeOpInterface &>(scan);
  if (!argument || argument.getArgNumber() >= op.getInputs().size())
    return value;
  return op.getElements().getArgument(argument.getArgNumber());
}

bool WaveKernels::isState(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument &&
         argument.getArgNumber() >=
             const_cast<ScanLikeOpInterface &>(scan).getInputs().size();
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
    if (isTileInput(i))
      staged.push_back(i);
    else if (isRawInput(i))
      rawInputs.push_back(i);
  }
}

/// Whether rows of an input along the points may be brought to shared memory,
/// in vectors, where its strides allow.
bool WaveKernels::isRawInput(unsigned input) const {
  auto &op = const_cast<ScanLikeOpInterface &>(scan);
  Value argument = op.getElements().getArgument(input);
  Type element = signature.arguments[inputArguments[input]].element;
  if (!schedule.getContiguous() || steps % kRowsAtOnce != 0 ||
      op.getInputLag(input) > 0 || !overTime(argument) ||
      !overInner(argument) || overLane(argument) ||
      (element.getIntOrFloatBitWidth() != 16 &&
       element.getIntOrFloatBitWidth() != 32))
    return false;
  AffineMap map = op.getInputMap(input);
  for (unsigned dim : dims.inner) {
    unsigned axes = 0;
    for (AffineExpr expr : map.getResults())
      if (expr.isFunctionOfDim(dim)) {
        SignatureAccess access = splitIndex(expr);
        axes += access.divisor == 1 && access.modulus == 0 ? 1 : 2;
      }
    if (axes > 1 || (axes == 0 && dim == dims.inner.back()))
      return false;
  }
  return true;
}

/// The value that a sum may begin with, as nothing but it is added to the sum;
/// null if there is none.
Value WaveKernels::getStart(Operation *reduction) const {
  auto reduce = cast<ReduceOp>(reduction);
  if (parts > 1 || reduce.getKind() != ReductionKind::Sum ||
      !reduction->hasOneUse())
    return {};
  auto sum = dyn_cast<arith::AddFOp>(*reduction->user_begin());
  if (!sum)
    return {};
  Value other =
      sum.getLhs() == reduce.getResult() ? sum.getRhs() : sum.getLhs();
  return stateful.contains(other) || overInner(other) ? Value() : other;
}

/// Whether rows of an input along the channels are brought to shared memory.
bool WaveKernels::isTileInput(unsigned input) const {
  auto &op = const_cast<ScanLikeOpInterface &>(scan);
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
  if (rowsOfPoint && part == Part::Whole)
    if (auto *entry = llvm::find(rows, Entry(value, part));
        entry != rows.end()) {
      loadRow(entry - rows.begin(), row);
      return scopes.back().at(key);
    }
  Value result = compute(value, row, channel, part);
  scopes.back()[key] = result;
  return result;
}

/// The product of two factors; a null one is 1.
static Value multiplyFactors(OpBuilder &b, Location loc, Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::MulFOp::create(b, loc, x, y, arith::FastMathFlags::contract);
}

Value WaveKernels::computeProduct(ArrayRef<Value> factors, int64_t row,
                                  int64_t channel) {
  Value product;
  for (Value factor : factors)
    product = multiplyFactors(b, loc, product, get(factor, row, channel));
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
  Value result = multiplyFactors(b, loc, outer, invariant);
  for (Value factor : factors.rest)
    result = multiplyFactors(b, loc, result, get(factor, row, channel));
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
    return multiplyFactors(b, loc, product, log2e);
  }
  case Part::Whole:
    break;
  }
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    assert(!isState(value) && "states are known at their point");
    return readInput(argument.getArgNumber(), row, channel);
  }
  Operation *op = value.getDefiningOp();
  if (Value wide = readWide(op, row, channel))
    return wide;
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

/// The f32 of one half of a word of two bf16.
Value WaveKernels::widen(Value word, bool isHigh) {
  Value bits =
      isHigh ? arith::AndIOp::create(b, loc, word, i32(-65536)).getResult()
             : arith::ShLIOp::create(b, loc, word, i32(16)).getResult();
  return arith::BitcastOp::create(b, loc, b.getF32Type(), bits);
}

/// An extension of an input's bf16 that lie in pairs: one operation each.
Value WaveKernels::readWide(Operation *op, int64_t row, int64_t channel) {
  auto extension = dyn_cast<arith::ExtFOp>(op);
  if (!extension || !extension.getIn().getType().isBF16() ||
      !extension.getType().isF32())
    return {};
  auto argument = dyn_cast<BlockArgument>(getInput(extension.getIn()));
  if (!argument || isState(argument))
    return {};
  unsigned input = argument.getArgNumber();
  if (auto *raw = llvm::find(rawInputs, input);
      rawNow >= 0 && raw != rawInputs.end()) {
    Value pair = rawValues[raw - rawInputs.begin()];
    Value word = LLVM::ExtractElementOp::create(b, loc, pair, i32(rawNow / 2));
    return widen(word, rawNow % 2);
  }
  if (ownRows && width == 2 && llvm::is_contained(staged, input))
    return widen(getTileVector(input, row), channel);
  return {};
}

/// The thread's channels of a step of the warp's tile.
Value WaveKernels::getTileVector(unsigned input, int64_t row) {
  Value argument = scan.getElements().getArgument(input);
  Value &vector = scopes.back()[{argument.getAsOpaquePointer(), -1, row, 0}];
  if (!vector)
    vector = loadTile(llvm::find(staged, input) - staged.begin(), row);
  return vector;
}

/// Element `number` of what holds several: a vector, or words of two bf16.
Value WaveKernels::extract(Value vector, Type element, int64_t number) {
  if (!element.isBF16() || vector.getType().isBF16())
    return isa<VectorType>(vector.getType())
               ? LLVM::ExtractElementOp::create(b, loc, vector, i32(number))
                     .getResult()
               : vector;
  if (isa<VectorType>(vector.getType()))
    vector = LLVM::ExtractElementOp::create(b, loc, vector, i32(number / 2));
  if (number % 2)
    vector = arith::ShRUIOp::create(b, loc, vector, i32(16));
  Value half = arith::TruncIOp::create(b, loc, b.getI16Type(), vector);
  return arith::BitcastOp::create(b, loc, element, half);
}

/// An element of an input: of the warp's tile, or of global memory.
Value WaveKernels::readInput(unsigned input, int64_t row, int64_t channel) {
  AffineMap map = scan.getInputMap(input);
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  if (ownRows && llvm::is_contained(staged, input))
    return extract(getTileVector(input, row), element, channel);
  if (auto *raw = llvm::find(rawInputs, input);
      rawNow >= 0 && raw != rawInputs.end())
    return extract(rawValues[raw - rawInputs.begin()], element, rawNow);
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
