//===-- CpuStrips.cpp - lanes whose steps lie together --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// With lanes along a dim that is not innermost in memory, such as sequences, a
/// vector of one step would be collected from as many lines as it has lanes,
/// and each line read again at the steps after it. Where as many steps as there
/// are lanes lie together in memory, every lane reads and writes its own in
/// whole vectors instead: a strip. The strips of all lanes are turned into one
/// vector for each number of a step, and kept in a table.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

#include <utility>

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Numbers of a step in the tables of all tensors, which are on the stack: 64
/// KB with 16 lanes of f32.
static constexpr int64_t kMostNumbers = 64;

/// Whether steps are worth it: those of few numbers take lanes along time.
bool CpuKernels::canUseStrips() {
  return schedule.getTarget() == "x86-64-v4" && !schedule.getContiguous() &&
         laneDim >= 0 && !timeLanes && (width == 8 || width == 16) &&
         llvm::any_of(carriers, [](const Carrier &carrier) {
           return carrier.size > 1 || !carrier.isAffine;
         });
}

/// How what `map` reads or writes of a tensor lies in strips; none where they
/// cannot be used.
std::optional<CpuKernels::Strip>
CpuKernels::findStrip(unsigned argument, AffineMap map, Type element) {
  Strip strip;
  strip.argument = argument;
  strip.map = map;
  strip.element = element;
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() < 32)
    return std::nullopt;
  SmallVector<AffineExpr> first(map.getResults());
  bool hasLanes = false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    SignatureAccess access = splitIndex(expr);
    bool isConstant = access.dim < 0;
    if (access.divisor != 1 || access.modulus || (access.offset && !isConstant))
      return std::nullopt;
    if (isConstant || dims.isInner(access.dim)) {
      const SignatureArgument &declared = signature.arguments[argument];
      strip.inner.push_back(
          {unsigned(axis), signature.dims[declared.dims[axis]].size});
      // Either all numbers of a step lie together, or the steps of a number.
      if (strip.inner.back().size < 1 ||
          (strip.timeAxis >= 0 && strip.isTimeLast))
        return std::nullopt;
      strip.numbers *= strip.inner.back().size;
      first[axis] = b.getAffineConstantExpr(0);
    } else if (access.dim == int(space.getTime())) {
      if (strip.timeAxis >= 0)
        return std::nullopt;
      strip.timeAxis = axis;
      strip.isTimeLast = !strip.inner.empty();
    } else if (access.dim == laneDim) {
      if (std::exchange(hasLanes, true))
        return std::nullopt;
      strip.laneAxis = axis;
    } else if (!llvm::is_contained(dims.parallel, unsigned(access.dim))) {
      return std::nullopt;
    }
  }
  if (strip.timeAxis < 0 || !hasLanes)
    return std::nullopt;
  strip.first = AffineMap::get(map.getNumDims(), map.getNumSymbols(), first,
                               b.getContext());
  return strip;
}

/// Whether, at run time, the strip's numbers are neighbours in memory.
Value CpuKernels::liesTogether(const Strip &strip) {
  ArrayRef<Value> axes = strides[strip.argument];
  auto is = [&](Value stride, int64_t value) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, stride,
                                 i64(value));
  };
  if (strip.isTimeLast)
    return is(axes[strip.timeAxis], 1);
  Value all = is(axes[strip.timeAxis], strip.numbers);
  int64_t stride = 1;
  for (auto [axis, size] : llvm::reverse(strip.inner)) {
    all = arith::AndIOp::create(b, loc, all, is(axes[axis], stride));
    stride *= size;
  }
  return all;
}

/// The slot of a number of the current step in the strip's table.
Value CpuKernels::getStripSlot(const Strip &strip, const InnerPoint &point) {
  Value number = i64(0);
  for (auto [axis, size] : strip.inner) {
    SignatureAccess access = splitIndex(strip.map.getResult(axis));
    number = add(mul(number, i64(size)),
                 access.dim < 0 ? i64(access.offset) : point[access.dim]);
  }
  Value step = stripStep;
  if (space.getReverse())
    step = sub(i64(width - 1), step);
  Value slot = strip.isTimeLast ? add(mul(number, i64(width)), step)
                                : add(mul(step, i64(strip.numbers)), number);
  return gep(strip.table, VectorType::get({width}, strip.element), slot);
}

Value CpuKernels::loadFromStrip(const Strip &strip, const InnerPoint &point) {
  return loadAligned(getStripSlot(strip, point),
                     VectorType::get({width}, strip.element));
}

void CpuKernels::storeToStrip(const Strip &strip, const InnerPoint &point,
                              Value value) {
  storeAligned(getStripSlot(strip, point), vectorOf(value));
}

/// Turns the strips of `present` lanes, the steps from `time` on as they lie in
/// memory, into the vectors of the table or the other way around, by squares of
/// as many numbers as there are lanes.
void CpuKernels::turnStrip(const Strip &strip, Value present, bool writes) {
  unsigned argument = strip.argument;
  auto vector = VectorType::get({width}, strip.element);
  int64_t bytes = strip.element.getIntOrFloatBitWidth() / 8;
  Address address =
      getAddress(argument, strip.first, InnerPoint(space.getRank()),
                 /*contiguous=*/false);
  auto loop = scf::ForOp::create(b, loc, i64(0), i64(strip.numbers), i64(1));
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value group = loop.getInductionVar(), offset = mul(group, i64(width));
  if (strip.isTimeLast) {
    // The group is a number of all steps: its point, the last axis fastest.
    offset = i64(0);
    Value rest = group;
    for (auto [axis, size] : llvm::reverse(strip.inner)) {
      Value index = arith::RemUIOp::create(b, loc, rest, i64(size));
      rest = arith::DivUIOp::create(b, loc, rest, i64(size));
      offset = add(offset, mul(index, strides[argument][axis]));
    }
  }
  offset = add(address.offset, offset);
  Value laneStride = strides[argument][strip.laneAxis];
  auto isThere = [&](int64_t lane) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, i64(lane),
                                 present);
  };
  auto slot = [&](int64_t number) {
    return gep(strip.table, vector, add(mul(group, i64(width)), i64(number)));
  };
  SmallVector<Value> rows;
  for (int64_t lane = 0; lane < width; ++lane) {
    if (writes) {
      rows.push_back(loadAligned(slot(lane), vector));
      continue;
    }
    // Lanes that are not there read what the first one does.
    Value distance = arith::SelectOp::create(
        b, loc, isThere(lane), mul(i64(lane), laneStride), i64(0));
    Value pointer = gep(data[argument], strip.element, add(offset, distance));
    rows.push_back(LLVM::LoadOp::create(b, loc, vector, pointer, bytes));
  }
  transpose(rows);
  for (int64_t lane = 0; lane < width; ++lane) {
    if (!writes) {
      storeAligned(slot(lane), rows[lane]);
      continue;
    }
    // Those of lanes that are not there go back into the table.
    Value pointer = gep(data[argument], strip.element,
                        add(offset, mul(i64(lane), laneStride)));
    pointer =
        arith::SelectOp::create(b, loc, isThere(lane), pointer, slot(lane));
    LLVM::StoreOp::create(b, loc, rows[lane], pointer, bytes);
  }
  b.setInsertionPointAfter(loop);
}

/// Emits as many of the tile's `count` steps as strips hold, and gives their
/// number: 0 at run time where the numbers of a tensor do not lie together.
FailureOr<Value>
CpuKernels::emitStrips(bool fold, Value count,
                       llvm::function_ref<LogicalResult()> emitStep) {
  Value canTurn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge,
                                        count, i64(width));
  llvm::MapVector<unsigned, Strip> inputs, results;
  SmallVector<Strip> read, written; // each tensor once
  int64_t room = kMostNumbers;
  auto use = [&](llvm::MapVector<unsigned, Strip> &list,
                 SmallVectorImpl<Strip> &tensors, unsigned number,
                 unsigned argument, AffineMap map, Type tensor) {
    std::optional<Strip> strip =
        findStrip(argument, map, getElementTypeOrSelf(tensor));
    if (!strip)
      return;
    auto *other = llvm::find_if(tensors, [&](const Strip &tensor) {
      return tensor.argument == argument && tensor.first == strip->first;
    });
    if (other == tensors.end()) {
      if (strip->numbers > room)
        return;
      room -= strip->numbers;
      strip->table = createTable(strip->element, width * strip->numbers);
      canTurn = arith::AndIOp::create(b, loc, canTurn, liesTogether(*strip));
      tensors.push_back(*strip);
    } else {
      strip->table = other->table;
    }
    list[number] = *strip;
  };
  for (unsigned i = 0; i < scan.getInputs().size(); ++i)
    if (scan.getInputLag(i) == 0)
      use(inputs, read, i, inputArguments[i], scan.getInputMap(i),
          scan.getInputs()[i].getType());
  for (unsigned i = 0; i < scan->getNumResults() && !fold; ++i) {
    AffineMap map = getResultMap(i);
    if (!scan.getOutput(i).isFinal() &&
        llvm::all_of(dims.parallel,
                     [&](unsigned dim) { return map.isFunctionOfDim(dim); }) &&
        llvm::none_of(map.getResults(), [](AffineExpr expr) {
          return isa<AffineConstantExpr>(expr); // else all numbers are written
        }))
      use(results, written, i, resultArguments[i], map,
          scan->getResult(i).getType());
  }
  if (inputs.empty() && results.empty())
    return i64(0);
  Value whole = sub(count, arith::RemSIOp::create(b, loc, count, i64(width)));
  whole = arith::SelectOp::create(b, loc, canTurn, whole, i64(0));
  auto loop = scf::ForOp::create(b, loc, i64(0), whole, i64(width));
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value first = loop.getInductionVar();
  LogicalResult result = forEachBlock([&]() {
    Value present = sub(countLanes(), mul(block, i64(width)));
    // The first step in memory.
    Value start =
        timeAt(space.getReverse() ? add(first, i64(width - 1)) : first);
    auto turn = [&](ArrayRef<Strip> tensors, bool writes) {
      time = start;
      for (const Strip &strip : tensors)
        turnStrip(strip, present, writes);
    };
    turn(read, /*writes=*/false);
    auto steps = scf::ForOp::create(b, loc, i64(0), i64(width), i64(1));
    b.setInsertionPoint(steps.getBody()->getTerminator());
    stripStep = steps.getInductionVar();
    time = timeAt(add(first, stripStep));
    inputStrips = inputs;
    resultStrips = results;
    LogicalResult done = emitStep();
    inputStrips.clear();
    resultStrips.clear();
    b.setInsertionPointAfter(steps);
    turn(written, /*writes=*/true);
    return done;
  });
  b.setInsertionPointAfter(loop);
  if (failed(result))
    return failure();
  return whole;
}
