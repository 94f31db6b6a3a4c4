//===-- GpuKernels.cpp - the kernels of a GPU schedule --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The phases of the engine on the GPU, and the kernels made of them.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/GpuKernels.h"
#include "compiler/Analysis/StepLatency.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Static inner dims up to this size are unrolled, and states of up to so many
/// values stay in registers (a thread has 255).
static constexpr int64_t kUnrollLimit = 64, kRegisterLimit = 64;

/// Threads of a block: whole warps, and few, so that little work still spreads
/// over many processors.
static constexpr int32_t kBlockThreads = 64;

/// Steps of a segment when the schedule leaves them open.
static constexpr int64_t kDefaultSegmentSteps = 256;

/// Cycles from one segment to the next where segments are combined.
static constexpr int64_t kSummaryLatency = 1500;

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

bool recur::hasCoarseTanh(ScanLikeOpInterface scan) {
  if (scan.isAffine())
    return false;
  unsigned time = scan.getSpace().getTime();
  auto isWide = [](Type type) {
    return getBytes(getElementTypeOrSelf(type)) > 2;
  };
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    if (scan.getInputMap(i).isFunctionOfDim(time) && isWide(input.getType()))
      return false;
  for (auto [i, type] : llvm::enumerate(scan->getResultTypes()))
    if (!scan.getOutput(i).isFinal() && isWide(type))
      return false;
  return scan->walk([](math::TanhOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

GpuKernels::GpuKernels(ScanLikeOpInterface scan, ScheduleAttr schedule,
                       const Signature &signature)
    : scan(scan), schedule(schedule), signature(signature),
      space(scan.getSpace()), dims(scan),
      laneDim(space.find(schedule.getLanes())),
      emitter(scan, *this, /*laneDim=*/-1, /*width=*/1, kUnrollLimit),
      b(scan.getContext()), loc(scan.getLoc()), i64Type(b.getI64Type()),
      ptrType(LLVM::LLVMPointerType::get(b.getContext(), 1)) {
  // The lane dim is counted fastest: neighbouring threads, neighbouring items.
  if (laneDim >= 0 && dims.isParallel(laneDim)) {
    llvm::erase(dims.parallel, unsigned(laneDim));
    dims.parallel.push_back(laneDim);
  }
  auto number = [](OperandRange range, SmallVectorImpl<unsigned> &list) {
    for (Value value : range)
      list.push_back(cast<BlockArgument>(value).getArgNumber());
  };
  number(scan.getInputs(), inputArguments);
  number(scan.getInits(), initArguments);
  number(scan.getHistories(), historyArguments);
  if (Value cumulative = scan.getSegments())
    segmentsArgument = cast<BlockArgument>(cumulative).getArgNumber();
  auto function = scan->getParentOfType<func::FuncOp>();
  auto returned = cast<func::ReturnOp>(function.front().getTerminator());
  resultArguments.resize(scan->getNumResults());
  for (auto [i, value] : llvm::enumerate(returned.getOperands()))
    resultArguments[cast<OpResult>(value).getResultNumber()] =
        function.getNumArguments() + i;

  carriers = emitter.getCarriers();
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    carrierOf.append(carrier.states, number);
    SmallVector<unsigned> inner = emitter.getInnerDims(carrier);
    int64_t count = 1;
    for (unsigned dim : inner)
      count = space.isStatic(dim) && space.getSizes()[dim] <= kUnrollLimit
                  ? count * space.getSizes()[dim]
                  : kRegisterLimit + 1;
    pointCount.push_back(
        count * std::max(carrier.size, carrier.product.count()) <=
                kRegisterLimit
            ? count
            : 0);
    innerDims.push_back(std::move(inner));
  }
}

LogicalResult GpuKernels::emit(gpu::GPUModuleOp module, StringRef prefix) {
  if (schedule.getAlgorithm() == "serial")
    return emitKernel(module, prefix, Kernel::Serial);
  return failure(
      failed(emitKernel(module, (prefix + "_fold").str(), Kernel::Fold)) ||
      failed(
          emitKernel(module, (prefix + "_combine").str(), Kernel::Combine)) ||
      failed(emitKernel(module, (prefix + "_replay").str(), Kernel::Replay)));
}

//===----------------------------------------------------------------------===//
// The kernel around the phases
//===----------------------------------------------------------------------===//

LogicalResult GpuKernels::emitKernel(gpu::GPUModuleOp module, StringRef name,
                                     Kernel kernel) {
  gpu::GPUFuncOp function = createKernel(module, name, kBlockThreads);
  describePhase(function, kernel);
  readParameters(function);
  bool bySegments = kernel == Kernel::Fold || kernel == Kernel::Replay;
  LogicalResult result = forEachItem(bySegments, [&]() -> LogicalResult {
    if (kernel == Kernel::Fold)
      return emitFold();
    if (kernel == Kernel::Combine) {
      emitCombine();
      return success();
    }
    Registers carry = makeRegisters(Summary::State);
    if (kernel == Kernel::Serial)
      emitStart(carry);
    else
      for (const Carrier &carrier : carriers)
        if (inRegisters(carrier))
          forEachPoint(carrier, [&](const InnerPoint &point) {
            SmallVector<Value> entry;
            for (unsigned i = 0; i < carrier.size; ++i)
              entry.push_back(
                  load(getSlot(Summary::State, carrier, point, i64(i)),
                       carrier.type));
            writeVector(carry, Summary::State, carrier, point, entry);
          });
    if (failed(emitReplay(carry)))
      return failure();
    if (kernel == Kernel::Serial)
      emitFinish(carry);
    return success();
  });
  gpu::ReturnOp::create(b, loc);
  return result;
}

gpu::GPUFuncOp GpuKernels::createKernel(gpu::GPUModuleOp module, StringRef name,
                                        int32_t threads) {
  unsigned numArguments = signature.arguments.size();
  SmallVector<Type> types(numArguments + 1, ptrType);
  size_t words = 1 + space.getRank();
  for (const SignatureArgument &argument : signature.arguments)
    words += argument.dims.size();
  types.append(words, i64Type);
  b.setInsertionPointToEnd(module.getBody());
  auto function =
      gpu::GPUFuncOp::create(b, loc, name, b.getFunctionType(types, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({threads, 1, 1}));

  // A final state may be written over the initial state it continues; nothing
  // else may overlap what is written.
  bool hasInitial = llvm::any_of(signature.arguments, [](auto &argument) {
    return argument.role == Role::Initial;
  });
  Attribute unit = b.getUnitAttr();
  StringAttr noAlias = b.getStringAttr("llvm.noalias"),
             readOnly = b.getStringAttr("llvm.readonly");
  for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
    bool isInput =
        argument.role == Role::Input || argument.role == Role::Segments;
    if (isInput || argument.role == Role::Initial)
      function.setArgAttr(i, readOnly, unit);
    if (isInput || argument.role == Role::Result ||
        (argument.role == Role::Final && !hasInitial))
      function.setArgAttr(i, noAlias, unit);
  }
  function.setArgAttr(numArguments, noAlias, unit);
  return function;
}

void GpuKernels::readParameters(gpu::GPUFuncOp function) {
  Block &entry = function.front();
  b.setInsertionPointToStart(&entry);
  auto next = entry.args_begin();
  data.clear();
  strides.clear();
  sizes.clear();
  for (size_t i = 0; i < signature.arguments.size(); ++i)
    data.push_back(*next++);
  workspace = *next++;
  segmentSteps = *next++;
  for (unsigned dim = 0; dim < space.getRank(); ++dim, ++next)
    sizes.push_back(space.isStatic(dim) ? i64(space.getSizes()[dim]) : *next);
  for (const SignatureArgument &argument : signature.arguments) {
    strides.emplace_back();
    for (size_t axis = 0; axis < argument.dims.size(); ++axis)
      strides.back().push_back(*next++);
  }
}

/// Emits `body` for every item that falls to this thread, or for every
/// segment of one. Any grid does.
LogicalResult
GpuKernels::forEachItem(bool bySegments,
                        llvm::function_ref<LogicalResult()> body) {
  auto toI64 = [&](Value index) {
    return arith::IndexCastOp::create(b, loc, i64Type, index).getResult();
  };
  Value width = toI64(gpu::BlockDimOp::create(b, loc, gpu::Dimension::x));
  Value block = getBlockId();
  Value thread = getThreadId();
  Value blocks = toI64(gpu::GridDimOp::create(b, loc, gpu::Dimension::x));
  items = i64(1);
  for (unsigned dim : dims.parallel)
    items = mul(items, sizes[dim]);
  if (segmentsArgument >= 0)
    items = mul(items, sizes[space.getSegment()]);
  Value total = items;
  segments = {};
  if (schedule.getAlgorithm() == "segments" || bySegments) {
    Value last = sub(add(sizes[space.getTime()], segmentSteps), i64(1));
    segments = arith::DivUIOp::create(b, loc, last, segmentSteps);
    if (bySegments)
      total = mul(items, segments);
  }
  Value first = add(mul(block, width), thread), stride = mul(blocks, width);
  if (channels > 1) {
    first = mul(first, i64(channels));
    stride = mul(stride, i64(channels));
  }
  auto loop = scf::ForOp::create(b, loc, first, total, stride);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  locateItem(loop.getInductionVar(), bySegments);
  return body();
}

LogicalResult
GpuKernels::forEachChannel(llvm::function_ref<LogicalResult()> body) {
  if (channels == 1)
    return body();
  Value first = position[laneDim], firstItem = item;
  LogicalResult result = success();
  for (channel = 0; channel < channels && succeeded(result); ++channel) {
    position[laneDim] = add(first, i64(channel));
    item = add(firstItem, i64(channel));
    result = body();
  }
  channel = 0;
  position[laneDim] = first;
  item = firstItem;
  return result;
}

/// Splits the number of an item into its position, and finds its steps.
void GpuKernels::locateItem(Value number, bool bySegments) {
  item = number;
  segment = {};
  if (bySegments) {
    item = arith::RemUIOp::create(b, loc, number, items);
    segment = arith::DivUIOp::create(b, loc, number, items);
  }
  position.assign(space.getRank(), Value());
  SmallVector<unsigned> order(dims.parallel);
  if (segmentsArgument >= 0)
    order.insert(order.begin(), space.getSegment());
  spread(item, order, [&](unsigned dim) { return sizes[dim]; }, position);

  locateSequence();
  stepBegin = i64(0);
  stepEnd = sub(sequenceEnd, sequenceBegin);
  if (bySegments) {
    stepBegin = mul(segment, segmentSteps);
    stepEnd =
        arith::MinSIOp::create(b, loc, stepEnd, add(stepBegin, segmentSteps));
  }
}

void GpuKernels::spread(Value number, ArrayRef<unsigned> order,
                        llvm::function_ref<Value(unsigned)> getExtent,
                        SmallVectorImpl<Value> &positions) {
  for (auto [i, dim] : llvm::enumerate(llvm::reverse(order))) {
    if (i + 1 == order.size()) {
      positions[dim] = number;
      return;
    }
    Value extent = getExtent(dim);
    positions[dim] = arith::RemUIOp::create(b, loc, number, extent);
    number = arith::DivUIOp::create(b, loc, number, extent);
  }
}

Value GpuKernels::getUnits(unsigned dim, int64_t laneTile) {
  if (int(dim) != laneDim)
    return sizes[dim];
  return arith::DivUIOp::create(b, loc, add(sizes[dim], i64(laneTile - 1)),
                                i64(laneTile));
}

/// Cumulative lengths come from the device's memory unchecked.
Value GpuKernels::readBound(Value number) {
  Type element = signature.arguments[segmentsArgument].element;
  Value pointer = LLVM::GEPOp::create(
      b, loc, ptrType, element, data[segmentsArgument],
      ArrayRef<LLVM::GEPArg>{mul(number, strides[segmentsArgument][0])},
      LLVM::GEPNoWrapFlags::inbounds);
  Value bound = load(pointer, element, /*isInput=*/true);
  if (element != i64Type)
    bound = arith::ExtSIOp::create(b, loc, i64Type, bound);
  bound = arith::MaxSIOp::create(b, loc, bound, i64(0));
  return arith::MinSIOp::create(b, loc, bound, sizes[space.getTime()]);
}

/// Finds where the item's sequence begins and ends.
void GpuKernels::locateSequence() {
  sequenceBegin = i64(0);
  sequenceEnd = sizes[space.getTime()];
  if (segmentsArgument < 0)
    return;
  Value sequence = position[space.getSegment()];
  sequenceBegin = readBound(sequence);
  sequenceEnd = readBound(add(sequence, i64(1)));
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

/// Arithmetic takes about 6 cycles, and a special function with what belongs to
/// it 56 (measured on an H200).
int64_t GpuKernels::getStepLatency() {
  Operation *yield = scan.getElements().front().getTerminator();
  return std::max<int64_t>(
      int64_t(recur::getStepLatency(scan, yield->getOperands(), 6, 56)), 10);
}

uint64_t GpuKernels::getUnitStrideMask() const {
  uint64_t mask = 0;
  for (auto [i, argument] : llvm::enumerate(signature.arguments))
    for (unsigned axis = 0; axis < argument.dims.size(); ++axis)
      if (isContiguous(i, axis))
        mask |= uint64_t(1) << i;
  return mask;
}

void GpuKernels::describe(gpu::GPUFuncOp function, const Launch &launch) {
  SmallVector<int32_t> parallel(dims.parallel.begin(), dims.parallel.end());
  if (launch.bySequence && segmentsArgument >= 0)
    parallel.insert(parallel.begin(), space.getSegment());
  NamedAttrList list;
  auto number = [&](StringRef key, int64_t value) {
    list.append(key, b.getI64IntegerAttr(value));
  };
  list.append("phase", b.getStringAttr(launch.phase));
  list.append("variant", b.getStringAttr(launch.variant));
  list.append("parallel_dims", b.getDenseI32ArrayAttr(parallel));
  number("lane_dim", launch.laneDim);
  number("lane_tile", launch.laneTile);
  number("items_per_block", launch.itemsPerBlock);
  number("time_tile", launch.timeTile);
  number("block", launch.block);
  number("shared", launch.shared);
  if (launch.sharedPerPoint >= 0)
    number("shared_per_point", launch.sharedPerPoint);
  list.append("persistent", b.getBoolAttr(launch.persistent));
  number("contiguous_dim", schedule.getContiguous() ? laneDim : -1);
  number("unit_stride_mask", getUnitStrideMask());
  number("vector_bytes", launch.vectorBytes);
  number("vector_mask", launch.vectors);
  number("size_multiple", launch.sizeMultiple);
  number("zeroed_constant", launch.zeroedConstant);
  number("zeroed_per_tile", launch.zeroedPerTile);
  list.append("workspace", b.getArrayAttr(launch.workspace));
  number("step_cost", launch.stepCost);
  if (launch.pointCost >= 0) {
    SmallVector<int32_t> inner(dims.inner.begin(), dims.inner.end());
    list.append("point_dims", b.getDenseI32ArrayAttr(inner));
    number("point_cost", launch.pointCost);
  }
  number("registers", launch.registers);
  if (launch.halvesFrom > 0)
    number("halves_from", launch.halvesFrom);
  if (launch.stepsInFlight >= 0)
    number("steps_in_flight", launch.stepsInFlight);
  function->setAttr(kLaunchAttr, b.getDictionaryAttr(list));
}

int64_t GpuKernels::getSegmentSteps() const {
  int64_t segment = schedule.getSegment();
  return segment > 0 ? segment : kDefaultSegmentSteps;
}

void GpuKernels::describePhase(gpu::GPUFuncOp function, Kernel kernel) {
  static constexpr StringRef phases[] = {"scan", "fold", "combine", "replay"};
  bool segmented = schedule.getAlgorithm() == "segments";
  Launch launch;
  launch.phase = phases[int(kernel)];
  for (const Carrier &carrier : carriers)
    for (Summary summary : {Summary::State, Summary::Transition})
      if (usesWorkspace(carrier, summary)) {
        ArrayRef<unsigned> inner = innerDims[getNumber(carrier)];
        SmallVector<int64_t> part{segmented, getCount(carrier, summary) *
                                                 getBytes(carrier.type)};
        part.append(inner.begin(), inner.end());
        launch.workspace.push_back(b.getDenseI64ArrayAttr(part));
      }
  launch.bySequence = true;
  launch.variant =
      (schedule.getAlgorithm() + ", lanes along " + schedule.getLanes() +
       (schedule.getContiguous() ? ", unit stride" : ", any strides"))
          .str();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = launch.block = kBlockThreads;
  if (kernel == Kernel::Fold || kernel == Kernel::Replay)
    launch.timeTile = getSegmentSteps();
  if (!dims.inner.empty() && kernel != Kernel::Combine)
    launch.pointCost = 80;
  if (getMonoidOp(scan))
    launch.stepCost = std::max(launch.stepCost, getStepLatency());
  // One segment after the other: its summary comes from memory.
  if (kernel == Kernel::Combine)
    launch.stepCost = kSummaryLatency / getSegmentSteps() + 1;
  if (!scan.isAffine()) {
    launch.stepCost = getStepLatency();
    SmallVector<unsigned> inputs = findLoadedAhead();
    launch.stepsInFlight = inputs.empty() ? 1 : 2 * getStepsAhead(inputs);
  }
  describe(function, launch);
}
