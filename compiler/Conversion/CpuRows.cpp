//===-- CpuRows.cpp - vectors of several rows -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where all channels fill at most half a vector and rows lie next to each
/// other in memory, a vector holds as many whole rows as fit: lane j is step
/// j / channels, channel j % channels. The number of channels is known at run
/// time only, so lanes are moved by permutations.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"
#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Bits of a register, whose lanes one instruction permutes.
static constexpr int64_t kRegisterBits = 512;

/// Whether the loop over time has a version for vectors of several rows.
bool CpuKernels::canPackRows() {
  if (!scan.isAffine() || schedule.getTarget() != "x86-64-v4" ||
      !schedule.getContiguous() || laneDim < 0 || timeLanes ||
      !dims.inner.empty() || (width != 8 && width != 16))
    return false;
  auto fits = [&](Type type) {
    Type element = getPartType(getKernelType(getElementTypeOrSelf(type)));
    return element.isIntOrFloat() &&
           element.getIntOrFloatBitWidth() <= kRegisterBits / width;
  };
  for (unsigned i = 0; i < scan.getNumStates(); ++i)
    if (!isLaneState(i) || !fits(scan.getState(i).getType()))
      return false;
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal() &&
        (!getResultMap(i).isFunctionOfDim(laneDim) ||
         !getResultMap(i).isFunctionOfDim(space.getTime()) ||
         !fits(scan->getResult(i).getType())))
      return false;
  if (!llvm::all_of(scan.getInputs().getTypes(), fits))
    return false;
  for (Region *region : {&scan.getElements(), &scan.getReadout()})
    for (Operation &op : region->front())
      if (!llvm::all_of(op.getResultTypes(), fits))
        return false;
  if (MonoidOp monoid = getMonoidOp(scan))
    for (Operation &op : monoid.getCombine().front())
      if (!llvm::all_of(op.getResultTypes(), fits))
        return false;
  return true;
}

/// Whether, at run time, two rows fit a vector and lie next to each other in
/// every argument that is read or written by whole rows.
Value CpuKernels::haveFewChannels() {
  Value channels = sizes[laneDim];
  Value few = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, channels,
                                    i64(width / 2));
  // One step is one row.
  few = arith::AndIOp::create(b, loc, few,
                              arith::CmpIOp::create(b, loc,
                                                    arith::CmpIPredicate::sgt,
                                                    sub(end, begin), i64(1)));
  auto require = [&](unsigned argument, AffineMap map) {
    for (auto [axis, expr] : llvm::enumerate(map.getResults()))
      if (splitIndex(expr).dim == int(space.getTime()))
        few = arith::AndIOp::create(
            b, loc, few,
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                  strides[argument][axis], channels));
  };
  for (unsigned i = 0; i < scan.getInputs().size(); ++i)
    if (isContiguous(inputArguments[i], scan.getInputMap(i)))
      require(inputArguments[i], scan.getInputMap(i));
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal())
      require(resultArguments[i], getResultMap(i));
  return few;
}

/// Lane i of the result is lane `lanes`[i] of `vector`.
Value CpuKernels::permuteLanes(Value vector, Value lanes) {
  if (isPair(vector.getType()))
    return mapParts(b, loc, vector, [&](ArrayRef<Value> part) {
      return permuteLanes(part[0], lanes);
    });
  auto type = cast<VectorType>(vector.getType());
  Type element = type.getElementType();
  unsigned bits = element.getIntOrFloatBitWidth();
  unsigned laneBits = kRegisterBits / width;
  auto withElement = [&](Type of) { return VectorType::get({width}, of); };
  auto integers = withElement(b.getIntegerType(bits));
  auto wide = withElement(b.getIntegerType(laneBits));
  auto floats =
      withElement(laneBits == 32 ? Type(b.getF32Type()) : Type(b.getF64Type()));
  if (isa<FloatType>(element) && bits < laneBits)
    vector = arith::BitcastOp::create(b, loc, integers, vector);
  if (bits < laneBits)
    vector = arith::ExtUIOp::create(b, loc, wide, vector);
  if (vector.getType() != floats)
    vector = arith::BitcastOp::create(b, loc, floats, vector);
  StringRef name = laneBits == 32 ? "llvm.x86.avx512.permvar.sf.512"
                                  : "llvm.x86.avx512.permvar.df.512";
  vector = LLVM::CallIntrinsicOp::create(b, loc, floats, b.getStringAttr(name),
                                         ValueRange{vector, lanes})
               .getResult(0);
  if (type == floats)
    return vector;
  vector = arith::BitcastOp::create(b, loc, wide, vector);
  if (bits < laneBits)
    vector = arith::TruncIOp::create(b, loc, integers, vector);
  if (isa<FloatType>(element))
    vector = arith::BitcastOp::create(b, loc, type, vector);
  return vector;
}

/// Emits the steps of the tile by vectors of rows. A state's slot holds the
/// state of channel j % channels in lane j, whatever its lanes beyond the
/// channels held before.
LogicalResult CpuKernels::emitRows(Sink &sink, bool fold) {
  Type indexType = b.getIntegerType(kRegisterBits / width);
  auto indices = VectorType::get({width}, indexType);
  auto splat = [&](Value number) -> Value {
    if (indexType != i64Type)
      number = arith::TruncIOp::create(b, loc, indexType, number);
    return vectorOf(number);
  };
  auto wide = [&](Value vector) -> Value {
    if (indexType == i64Type)
      return vector;
    return arith::ExtUIOp::create(b, loc, VectorType::get({width}, i64Type),
                                  vector);
  };
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  SmallVector<Attribute> numbers;
  for (int64_t i = 0; i < width; ++i)
    numbers.push_back(b.getIntegerAttr(indexType, i));
  Value lane = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(indices, numbers));
  Value channels = sizes[laneDim];
  Value channelsOfLanes = splat(channels);
  Rows layout;
  layout.count = arith::DivUIOp::create(b, loc, i64(width), channels);
  Value used = mul(layout.count, channels);
  Value step = arith::DivUIOp::create(b, loc, lane, channelsOfLanes);
  Value channel = sub(lane, mul(step, channelsOfLanes));
  auto laneOfRow = [&](Value row) {
    return add(mul(splat(row), channelsOfLanes), channel);
  };
  Value lastRow = splat(sub(layout.count, i64(1)));
  layout.step = wide(step);
  layout.channel = wide(channel);
  layout.channelLane = channel;
  // Lanes that hold no row stay where they are, and masked.
  layout.mirroredLane = arith::SelectOp::create(
      b, loc, compare(arith::CmpIPredicate::ult, lane, splat(used)),
      add(mul(sub(lastRow, step), channelsOfLanes), channel), lane);
  for (int64_t distance = 1; distance < width; distance *= 2) {
    Value lanes = mul(i64(distance), channels);
    layout.shifts.push_back(
        {sub(lane, splat(lanes)),
         compare(arith::CmpIPredicate::uge, lane, splat(lanes)),
         compare(arith::CmpIPredicate::slt, i64(distance), layout.count)});
  }
  rows = layout;
  for (const Carrier &carrier : carriers)
    for (unsigned i = 0; i < carrier.size && !fold; ++i) {
      Value slot = getComponentSlot(carrier, carrySlots(),
                                    InnerPoint(space.getRank()), i64(i));
      storeAligned(slot, permuteLanes(loadAligned(slot, getType(carrier)),
                                      rows->channelLane));
    }

  StepEmitter emitter(scan, *this, laneDim, width, /*unrollLimit=*/0);
  emitter.addLaneDim(space.getTime());
  planPrefixes(emitter, sink);
  Value count = sub(end, begin);
  // All vectors but the last hold as many rows as fit.
  Value rest = arith::RemSIOp::create(b, loc, count, rows->count);
  Value full = sub(count, rest);
  auto emitStep = [&](Value first, Value present) {
    time = timeAt(first);
    mask = lanesBelow(mul(present, channels));
    rows->lastLane = laneOfRow(sub(present, i64(1)));
    return emitter.emitStep(b, sink, !fold);
  };
  auto loop = scf::ForOp::create(b, loc, i64(0), full, rows->count);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  LogicalResult result = emitStep(loop.getInductionVar(), rows->count);
  b.setInsertionPointAfter(loop);
  Value any =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, rest, i64(0));
  auto branch = scf::IfOp::create(b, loc, any, /*withElse=*/false);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  if (succeeded(result))
    result = emitStep(full, rest);
  b.setInsertionPointAfter(branch);
  mask = {};
  rows.reset();
  return result;
}
