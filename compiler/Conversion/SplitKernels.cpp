//===-- SplitKernels.cpp - GPU kernels that share a channel's states ------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The kernel around the phases of GpuPhases.cpp, and who has which states.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/SplitKernels.h"

#include "compiler/Conversion/PairValues.h"
#include "compiler/Conversion/Reductions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

static constexpr int32_t kBlockThreads = 128;
/// Blocks of a multiprocessor for which registers are left, at least.
static constexpr int32_t kResidentBlocks = 4;
/// States of so many values stay in a thread's registers.
static constexpr int64_t kRegisterLimit = 64;
/// Of an input so many are read ahead.
static constexpr int64_t kInputLimit = 32;

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

SplitKernels::SplitKernels(ScanOp scan, ScheduleAttr schedule,
                           const Signature &signature)
    : GpuKernels(scan, schedule, signature), group(schedule.getGroup()),
      width(schedule.getWidth()) {
  if (laneDim < 0 || !space.isStatic(laneDim))
    return;
  count = space.getSizes()[laneDim] / group;
  emitter.splitDim(laneDim, unsigned(count));
  for (const Carrier &carrier : carriers) {
    int64_t points = 1;
    for (unsigned dim : innerDims[getNumber(carrier)])
      points =
          space.isStatic(dim) && points <= kRegisterLimit
              ? points * (int(dim) == laneDim ? count : space.getSizes()[dim])
              : kRegisterLimit + 1;
    pointCount[getNumber(carrier)] =
        points * carrier.size <= kRegisterLimit ? points : 0;
  }
  if (width == 1)
    return;
  for (const SignatureArgument &argument : signature.arguments)
    if (llvm::is_contained(argument.dims, laneDim) &&
        !isPair(getStorageType(argument.element)))
      vectorBytes = std::max<int64_t>(
          vectorBytes,
          width * getStorageType(argument.element).getIntOrFloatBitWidth() / 8);
}

bool SplitKernels::isSplittable(ScanLikeOpInterface scan, unsigned dim) {
  SpaceAttr space = scan.getSpace();
  if (scan.getSegments() || !space.isStatic(dim) ||
      !ScanDims(scan).isInner(dim))
    return false;
  for (Region *region : {&scan.getElements(), &scan.getReadout()})
    for (auto at : region->getOps<AtOp>())
      for (ArrayAttr names : {at.getFrom(), at.getTo()})
        if (llvm::is_contained(names, Attribute(space.getNames()[dim])))
          return false;
  return llvm::any_of(
      scan.getStates().getAsRange<StateAttr>(), [&](StateAttr state) {
        return llvm::is_contained(state.getDims(), space.getNames()[dim]);
      });
}

LogicalResult SplitKernels::emit(gpu::GPUModuleOp module, StringRef name) {
  if (laneDim < 0 || !isSplittable(scan, laneDim))
    return scan.emitError()
           << "schedule 'split' needs a reduced dim of static size that a "
              "state "
              "has, at the step's own positions, and no packed segments; '"
           << schedule.getLanes() << "' is none";
  int64_t size = space.getSizes()[laneDim];
  if (size % (group * width) != 0)
    return scan.emitError()
           << "schedule 'split' expects a size of '" << schedule.getLanes()
           << "' that group times width divides, found " << size << " and "
           << group << " times " << width;
  if (llvm::is_contained(pointCount, 0))
    return scan.emitError()
           << "schedule 'split' needs states that fit in registers, at most "
           << kRegisterLimit << " values a thread";
  gpu::GPUFuncOp function = createKernel(module, name, kBlockThreads);
  describeSplit(function);
  // Without a number of blocks the assembler takes as few registers as it can,
  // and loads one value after the other for it.
  function->setAttr("nvvm.minctasm", b.getI32IntegerAttr(kResidentBlocks));
  readParameters(function);
  locate();
  Registers carry = makeRegisters(Summary::State);
  emitStart(carry);
  if (failed(emitReplay(carry)))
    return failure();
  emitFinish(carry);
  gpu::ReturnOp::create(b, loc);
  return success();
}

/// The item of this thread, and its positions along the split dim.
void SplitKernels::locate() {
  Value thread = getThreadId();
  Value lane = arith::RemUIOp::create(b, loc, thread, i64(group));
  auto divide = [&](Value x, Value y) -> Value {
    return arith::DivUIOp::create(b, loc, x, y);
  };
  isFirst = compare(arith::CmpIPredicate::eq, lane, i64(0));
  // A warp has neighbours along the last dim; neighbouring warps have the same
  // place there, of other rows: what does not vary over rows is in their
  // cache.
  Value unit = add(mul(getBlockId(), i64(kBlockThreads / kWarp)),
                   divide(thread, i64(kWarp)));
  position.assign(space.getRank(), Value());
  isInside = {};
  Value row = i64(0), rows = i64(1);
  if (!dims.parallel.empty()) {
    unsigned last = dims.parallel.back();
    for (unsigned dim : ArrayRef(dims.parallel).drop_back())
      rows = mul(rows, sizes[dim]);
    Value tile = divide(unit, rows);
    row = arith::RemUIOp::create(b, loc, unit, rows);
    Value at = add(
        mul(tile, i64(kWarp / group)),
        divide(arith::RemUIOp::create(b, loc, thread, i64(kWarp)), i64(group)));
    isInside = compare(arith::CmpIPredicate::slt, at, sizes[last]);
    position[last] =
        arith::MinSIOp::create(b, loc, at, sub(sizes[last], i64(1)));
  }
  if (!isInside) // one item
    isInside =
        compare(arith::CmpIPredicate::slt,
                add(mul(getBlockId(), i64(kBlockThreads)), thread), i64(group));
  if (!dims.parallel.empty())
    spread(
        row, ArrayRef(dims.parallel).drop_back(),
        [&](unsigned dim) { return sizes[dim]; }, position);
  sequenceBegin = stepBegin = i64(0);
  sequenceEnd = stepEnd = sizes[space.getTime()];
  // Vector v of thread l is number v * group + l of all.
  Value first = mul(lane, i64(width));
  positions.clear();
  for (int64_t k = 0; k < count; ++k)
    positions.push_back(add(first, i64(k / width * group * width + k % width)));
}

//===----------------------------------------------------------------------===//
// Hooks
//===----------------------------------------------------------------------===//

Value SplitKernels::getSplitPosition(unsigned number) {
  return positions[number];
}

Value SplitKernels::combineSplit(OpBuilder &builder, Location where,
                                 ReductionKind kind, Value value) {
  b.restoreInsertionPoint(builder.saveInsertionPoint());
  // Both of a pair compute the same from the same: all threads end up with
  // equal bits.
  for (int64_t distance = group / 2; distance > 0; distance /= 2) {
    auto move = [&](Value part) {
      return shuffle(part, distance, gpu::ShuffleMode::XOR);
    };
    Value other = isPair(value.getType())
                      ? makePair(b, where, move(getPart(b, where, value, 0)),
                                 move(getPart(b, where, value, 1)))
                      : move(value);
    value = createReductionStep(b, where, kind, value, other);
  }
  builder.restoreInsertionPoint(b.saveInsertionPoint());
  return value;
}

std::optional<std::vector<int64_t>>
SplitKernels::getNumbers(unsigned input, const InnerPoint &point) {
  std::vector<int64_t> numbers;
  AffineMap map = scan.getInputMap(input);
  for (unsigned dim : dims.inner) {
    if (!map.isFunctionOfDim(dim))
      continue;
    auto *found = llvm::find(positions, point[dim]);
    std::optional<int64_t> number =
        int(dim) != laneDim        ? getConstantIntValue(point[dim])
        : found == positions.end() ? std::optional<int64_t>()
                                   : found - positions.begin();
    if (!number)
      return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

void SplitKernels::beginStep() {
  inputs.clear();
  for (unsigned input = 0; input < scan.getInputs().size(); ++input) {
    AffineMap map = scan.getInputMap(input);
    SmallVector<unsigned> inner;
    int64_t values = 1;
    for (unsigned dim : dims.inner)
      if (map.isFunctionOfDim(dim)) {
        inner.push_back(dim);
        int64_t size = int(dim) == laneDim   ? count
                       : space.isStatic(dim) ? space.getSizes()[dim]
                                             : kInputLimit + 1;
        values = std::min(values * size, kInputLimit + 1);
      }
    if (scan.getInputLag(input) > 0 || values > kInputLimit)
      continue;
    unsigned argument = inputArguments[input];
    Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
    emitter.emitLoops(
        b, loc, inner, [&](OpBuilder &builder, const InnerPoint &point) {
          b.restoreInsertionPoint(builder.saveInsertionPoint());
          // Not as an invariant: the compiler would move its load behind the
          // shuffles, to where the value is used.
          inputs[{input, *getNumbers(input, point)}] =
              load(getPointer(argument, map, point), element,
                   /*isInput=*/false, getAlignment(argument, map, point));
          builder.restoreInsertionPoint(b.saveInsertionPoint());
        });
  }
}

Value SplitKernels::loadInput(OpBuilder &builder, Location where,
                              unsigned input, const InnerPoint &point) {
  if (auto numbers = getNumbers(input, point))
    if (auto found = inputs.find({input, *numbers}); found != inputs.end())
      return found->second;
  return GpuKernels::loadInput(builder, where, input, point);
}

int64_t SplitKernels::getPointNumber(const Carrier &carrier,
                                     const InnerPoint &point) {
  int64_t number = 0;
  for (unsigned dim : innerDims[getNumber(carrier)]) {
    if (int(dim) == laneDim) {
      auto *found = llvm::find(positions, point[dim]);
      if (found == positions.end())
        return -1;
      number = number * count + (found - positions.begin());
      continue;
    }
    std::optional<int64_t> index = getConstantIntValue(point[dim]);
    if (!index)
      return -1;
    number = number * space.getSizes()[dim] + *index;
  }
  return number;
}

/// Along the split dim, whether or not the tensor varies over time.
bool SplitKernels::isContiguous(unsigned argument, unsigned axis) const {
  const SignatureArgument &declared = signature.arguments[argument];
  return schedule.getContiguous() && declared.role != Role::Segments &&
         declared.dims[axis] == laneDim;
}

bool SplitKernels::isVector(unsigned argument, AffineMap map) const {
  bool found = false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(laneDim))
      continue;
    if (found || !isa<AffineDimExpr>(expr) || !isContiguous(argument, axis))
      return false;
    found = true;
  }
  return found;
}

unsigned SplitKernels::getAlignment(unsigned argument, AffineMap map,
                                    const InnerPoint &point) {
  Type element = getStorageType(signature.arguments[argument].element);
  if (!vectorBytes || isPair(element) || !isVector(argument, map))
    return 0;
  auto *found = llvm::find(positions, point[laneDim]);
  bool isFirstOfVector =
      found != positions.end() && (found - positions.begin()) % width == 0;
  return isFirstOfVector ? unsigned(width) * element.getIntOrFloatBitWidth() / 8
                         : 0;
}

Value SplitKernels::isWriter(AffineMap map) {
  Value writes = isInside;
  if (Value first = GpuKernels::isWriter(map))
    writes = arith::AndIOp::create(b, loc, writes, first);
  if (!map.isFunctionOfDim(laneDim))
    writes = arith::AndIOp::create(b, loc, writes, isFirst);
  return writes;
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

void SplitKernels::describeSplit(gpu::GPUFuncOp function) {
  uint64_t vectors = 0;
  for (auto [i, argument] : llvm::enumerate(signature.arguments))
    if (vectorBytes && llvm::is_contained(argument.dims, laneDim) &&
        !isPair(getStorageType(argument.element)))
      vectors |= uint64_t(1) << i;
  Launch launch;
  llvm::raw_string_ostream os(launch.variant);
  os << "split along " << schedule.getLanes() << ", " << group << " x " << width
     << (schedule.getContiguous() ? "" : ", any strides");
  if (!dims.parallel.empty()) {
    launch.laneDim = dims.parallel.back();
    launch.laneTile = kWarp / group;
  }
  launch.itemsPerBlock = kBlockThreads / kWarp;
  launch.block = kBlockThreads;
  launch.vectorBytes = vectorBytes;
  launch.vectors = vectors;
  launch.registers = 48;
  describe(function, launch);
}
