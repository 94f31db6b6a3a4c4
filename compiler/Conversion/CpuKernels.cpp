//===-- CpuKernels.cpp - the five kernels of a CPU schedule ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The loops of the kernels. With lanes along a channel dim an item is one
/// vector of channels; neighbouring items form a run that is walked inside the
/// loop over time, so that rows are read in long pieces. With lanes along time
/// an item is one channel, and each vector of steps is an in-register scan
/// (Hillis and Steele 1986) of the steps' maps.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "compiler/Conversion/ExpandMath.h"
#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Lines are asked for this many elements before they are used: those that a
/// replay writes, because stores wait for their lines in order and few of them
/// fit the store buffer; and those that a fold reads, because its products are
/// a long chain behind which few loads are issued.
static constexpr int64_t kElementsAhead = 512;

/// Lanes of a run, and bytes of its states: the longer the pieces of rows, the
/// faster memory is read (in pieces of half a page half as fast), and the
/// states stay in the L2 cache. States with inner dims are larger: a selective
/// scan of 16 points has 32 KB then, and is a fifth faster than with 128 lanes.
static constexpr int64_t kRunLanes = 4096, kRunBytes = 64 << 10,
                         kRunLanesInner = 512;

/// Channels that are walked together where lanes are segments of time: their
/// neighbours lie in the lines that a step of each lane reads.
static constexpr int64_t kRunSegments = 16;

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

CpuKernels::CpuKernels(ScanLikeOpInterface scan, ScheduleAttr schedule,
                       const Signature &signature)
    : scan(scan), schedule(schedule), signature(signature),
      space(scan.getSpace()), dims(scan), width(schedule.getWidth()),
      b(scan.getContext()), loc(scan.getLoc()), i64Type(b.getI64Type()),
      ptrType(LLVM::LLVMPointerType::get(b.getContext())) {
  laneDim = width > 1 ? space.find(schedule.getLanes()) : -1;
  timeLanes = laneDim == int(space.getTime());
  segmentLanes = timeLanes && schedule.getAlgorithm() == "shooting";
  // AVX-512 masks cost nothing; elsewhere full blocks get code without masks.
  splitTail = schedule.getTarget() != "x86-64-v4";
  // The lane dim is walked fastest, so that a run of items is one row.
  if (laneDim >= 0 && !timeLanes) {
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
  auto function = scan->getParentOfType<func::FuncOp>();
  auto returned = cast<func::ReturnOp>(function.front().getTerminator());
  resultArguments.resize(scan->getNumResults());
  for (auto [i, value] : llvm::enumerate(returned.getOperands()))
    resultArguments[cast<OpResult>(value).getResultNumber()] =
        function.getNumArguments() + i;
}

bool CpuKernels::isLaneState(unsigned state) const {
  auto attr = cast<StateAttr>(
      const_cast<ScanLikeOpInterface &>(scan).getStates()[state]);
  return laneDim >= 0 && !timeLanes &&
         llvm::is_contained(attr.getDims(), space.getNames()[laneDim]);
}

Type CpuKernels::getStateType(unsigned state) const {
  auto attr = cast<StateAttr>(
      const_cast<ScanLikeOpInterface &>(scan).getStates()[state]);
  if (isInSquare() || segmentLanes || isLaneState(state))
    return getKernelType(attr.getType(), width);
  return getKernelType(attr.getType());
}

void CpuKernels::computeExtents(StepEmitter &emitter) {
  auto include = [&](ItemExtent &extent, ArrayRef<unsigned> inner,
                     int64_t bytes) {
    (inner.empty() ? extent.constant : extent.perProduct) += bytes;
    for (unsigned dim : inner)
      extent.dimMask |= uint64_t(1) << dim;
  };
  carry = transition = summary = scratch = ItemExtent();
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    int64_t slot = getSlotLanes() * getBytes(carrier.type);
    include(carry, innerDims[number], carrier.size * slot);
    include(transition, innerDims[number], carrier.product.count() * slot);
  }
  summary = {transition.constant + carry.constant,
             transition.perProduct + carry.perProduct, carry.dimMask};
  if (segmentLanes)
    runItems = kRunSegments;
  else if (laneDim < 0 || timeLanes)
    runItems = 1;
  else if (!dims.inner.empty())
    runItems = std::max<int64_t>(1, kRunLanesInner / width);
  else
    runItems = std::clamp<int64_t>(
        kRunBytes / std::max<int64_t>(carry.constant, 1), 1, kRunLanes / width);
  for (Value value : emitter.getInvariants())
    include(scratch, getInnerList(emitter, value),
            runItems * getInvariantLanes() * getBytes(value.getType()));

  computeCosts(emitter);
}

SmallVector<unsigned> CpuKernels::getInnerList(StepEmitter &emitter,
                                               Value value) {
  SmallVector<unsigned> list;
  for (unsigned dim : dims.inner)
    if (emitter.getIndexSet(value).test(dim))
      list.push_back(dim);
  return list;
}

//===----------------------------------------------------------------------===//
// Small builders
//===----------------------------------------------------------------------===//

Value CpuKernels::i64(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
}
Value CpuKernels::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value CpuKernels::sub(Value x, Value y) {
  return arith::SubIOp::create(b, loc, x, y);
}
Value CpuKernels::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}
Value CpuKernels::gep(Value pointer, Type element, Value offset) {
  return LLVM::GEPOp::create(b, loc, ptrType, element, pointer,
                             ArrayRef<LLVM::GEPArg>{offset});
}
Value CpuKernels::loadField(Value pointer, unsigned index, Type type) {
  Value field = LLVM::GEPOp::create(b, loc, ptrType, i64Type, pointer,
                                    ArrayRef<LLVM::GEPArg>{int32_t(index)});
  return LLVM::LoadOp::create(b, loc, type, field);
}
Value CpuKernels::loadAligned(Value slot, Type type) {
  if (isPair(type)) {
    Type part = getPartType(type);
    Value re = loadAligned(slot, part);
    return makePair(b, loc, re, loadAligned(gep(slot, part, i64(1)), part));
  }
  return LLVM::LoadOp::create(b, loc, type, slot, getBytes(type));
}
void CpuKernels::storeAligned(Value slot, Value value) {
  if (isPair(value.getType())) {
    storeAligned(slot, getPart(b, loc, value, 0));
    slot = gep(slot, getPartType(value.getType()), i64(1));
    value = getPart(b, loc, value, 1);
  }
  LLVM::StoreOp::create(b, loc, value, slot, getBytes(value.getType()));
}

Value CpuKernels::lanesBelow(Value count) {
  // Counts are at most a run long: 32-bit lanes compare in one instruction.
  SmallVector<int32_t> lanes;
  for (int32_t lane = 0; lane < width; ++lane)
    lanes.push_back(lane);
  auto type = VectorType::get({width}, b.getI32Type());
  Value numbers = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(type, ArrayRef<int32_t>(lanes)));
  Value narrow = arith::TruncIOp::create(b, loc, b.getI32Type(), count);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, numbers,
                               vectorOf(narrow));
}

Value CpuKernels::getSize(OpBuilder &, Location, unsigned dim) {
  return sizes[dim];
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void CpuKernels::loadFrame() {
  Block *entry = kernel.addEntryBlock();
  b.setInsertionPointToStart(entry);
  Value frame = entry->getArgument(0), tile = entry->getArgument(1);
  carryPtr = entry->getArgument(2);
  summaryPtr = entry->getArgument(3);
  scratchPtr = entry->getArgument(4);
  Value dataPtr = loadField(frame, 0, ptrType);
  Value stridePtr = loadField(frame, 1, ptrType);
  Value sizePtr = loadField(frame, 2, ptrType);
  data.clear();
  strides.clear();
  sizes.clear();
  unsigned next = 0, first = 0;
  bool inResults = false;
  for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
    if (!inResults && argument.isWritten()) {
      inResults = true;
      dataPtr = loadField(frame, 3, ptrType);
      stridePtr = loadField(frame, 4, ptrType);
      first = i;
      next = 0;
    }
    data.push_back(loadField(dataPtr, i - first, ptrType));
    auto &list = strides.emplace_back();
    for (unsigned axis = 0; axis < argument.dims.size(); ++axis)
      list.push_back(loadField(stridePtr, next++, i64Type));
  }
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    sizes.push_back(space.isStatic(dim) ? i64(space.getSizes()[dim])
                                        : loadField(sizePtr, dim, i64Type));
  itemBegin = loadField(tile, 0, i64Type);
  itemEnd = loadField(tile, 1, i64Type);
  segment = loadField(tile, 2, i64Type);
  sequenceBegin = loadField(tile, 3, i64Type);
  sequenceEnd = loadField(tile, 4, i64Type);
  begin = loadField(tile, 5, i64Type);
  end = loadField(tile, 6, i64Type);
  block = time = mask = laneSteps = {};
  if (segmentLanes)
    laneSteps = mul(createLaneNumbers(), vectorOf(loadField(tile, 7, i64Type)));
}

/// Sets `position` and `runLength` of the run that begins at `item`.
void CpuKernels::locateRun() {
  position.assign(space.getRank(), Value());
  Value rest = item;
  runLength = i64(1);
  for (unsigned dim : llvm::reverse(dims.parallel)) {
    bool lanes = int(dim) == laneDim;
    Value extent =
        lanes ? arith::CeilDivSIOp::create(b, loc, sizes[dim], i64(width))
              : sizes[dim];
    Value index = arith::RemSIOp::create(b, loc, rest, extent);
    rest = arith::DivSIOp::create(b, loc, rest, extent);
    if (lanes || (segmentLanes && dim == dims.parallel.back())) {
      runLength = arith::MinSIOp::create(b, loc, sub(extent, index),
                                         sub(itemEnd, item));
      runLength = arith::MinSIOp::create(b, loc, runLength, i64(runItems));
    }
    if (lanes)
      index = mul(index, i64(width));
    position[dim] = index;
  }
}

/// Emits `body` for runs of items: `item`, `position` and `runLength` are set.
LogicalResult CpuKernels::emitRuns(llvm::function_ref<LogicalResult()> body) {
  auto loop =
      scf::WhileOp::create(b, loc, TypeRange{i64Type}, ValueRange{itemBegin});
  Block *before = b.createBlock(&loop.getBefore(), {}, {i64Type}, {loc});
  b.setInsertionPointToStart(before);
  Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                     before->getArgument(0), itemEnd);
  scf::ConditionOp::create(b, loc, more, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, {i64Type}, {loc});
  b.setInsertionPointToStart(after);
  item = after->getArgument(0);
  locateRun();
  LogicalResult result = body();
  scf::YieldOp::create(b, loc, ValueRange{add(item, runLength)});
  b.setInsertionPointAfter(loop);
  return result;
}

/// Elements of the run along the lane dim.
Value CpuKernels::countLanes() {
  if (laneDim < 0 || timeLanes)
    return i64(1);
  return arith::MinSIOp::create(b, loc, sub(sizes[laneDim], position[laneDim]),
                                mul(runLength, i64(width)));
}

/// Emits `body` for each vector block of the run; sets `block` and `mask`.
LogicalResult
CpuKernels::forEachBlock(llvm::function_ref<LogicalResult()> body) {
  block = mask = {};
  if (segmentLanes && !dims.parallel.empty()) {
    // Channels, each a vector of segments.
    auto loop = scf::ForOp::create(b, loc, i64(0), runLength, i64(1));
    b.setInsertionPoint(loop.getBody()->getTerminator());
    block = loop.getInductionVar();
    Value &channel = position[dims.parallel.back()];
    llvm::SaveAndRestore first(channel, add(channel, block));
    LogicalResult result = body();
    b.setInsertionPointAfter(loop);
    block = {};
    return result;
  }
  if (laneDim < 0 || timeLanes)
    return body();
  Value lanes = countLanes();
  auto loopOver = [&](Value from, Value to, bool masked) {
    auto loop = scf::ForOp::create(b, loc, from, to, i64(1));
    b.setInsertionPoint(loop.getBody()->getTerminator());
    block = loop.getInductionVar();
    mask = masked ? lanesBelow(sub(lanes, mul(block, i64(width)))) : Value();
    LogicalResult result = body();
    b.setInsertionPointAfter(loop);
    block = mask = {};
    return result;
  };
  if (!splitTail)
    return loopOver(i64(0), runLength, true);
  Value full = arith::DivSIOp::create(b, loc, lanes, i64(width));
  return failure(failed(loopOver(i64(0), full, false)) ||
                 failed(loopOver(full, runLength, true)));
}

/// The time of the tile's step `step`.
Value CpuKernels::timeAt(Value step) {
  return space.getReverse() ? sub(sub(end, i64(1)), step) : add(begin, step);
}

/// Emits the steps of the tile, the same number in all lanes' segments, from
/// their entry states.
LogicalResult CpuKernels::emitSegments(StepEmitter &emitter, bool writes) {
  Sink sink(*this, /*fold=*/false);
  folding = false;
  prefixes.assign(carriers.size(), {});
  stepsAhead = {};
  auto loop = scf::ForOp::create(b, loc, i64(0), sub(end, begin), i64(1));
  b.setInsertionPoint(loop.getBody()->getTerminator());
  time = timeAt(loop.getInductionVar());
  LogicalResult result =
      forEachBlock([&]() { return emitter.emitStep(b, sink, writes); });
  b.setInsertionPointAfter(loop);
  return result;
}

/// Emits the steps of the tile from its entry state.
LogicalResult CpuKernels::emitTime(StepEmitter &emitter, bool fold) {
  if (segmentLanes)
    return emitSegments(emitter, /*writes=*/!fold);
  Sink sink(*this, fold);
  Value count = sub(end, begin);
  auto emitStep = [&]() {
    if (failed(emitter.emitStep(b, sink, !fold)))
      return failure();
    if (fold && !rows)
      addExponents(emitter);
    return success();
  };
  folding = fold;
  prefixes.assign(carriers.size(), {});
  stepsAhead = timeLanes ? i64(kElementsAhead)
                         : arith::CeilDivSIOp::create(
                               b, loc, i64(kElementsAhead), countLanes());
  auto loopOver = [&](Value to, Value step, bool masked = false,
                      Value from = {}) {
    auto loop = scf::ForOp::create(b, loc, from ? from : i64(0), to, step);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    time = timeAt(loop.getInductionVar());
    if (masked)
      mask = lanesBelow(arith::MinSIOp::create(
          b, loc, sub(to, loop.getInductionVar()), step));
    LogicalResult result = timeLanes ? emitStep() : forEachBlock(emitStep);
    b.setInsertionPointAfter(loop);
    mask = {};
    return result;
  };
  auto loopOverSteps = [&]() {
    auto forAll = [&](void (CpuKernels::*emit)(StepEmitter &)) {
      return fold ? forEachBlock([&]() {
        (this->*emit)(emitter);
        return success();
      })
                  : success();
    };
    if (failed(forAll(&CpuKernels::clearExponents)))
      return failure();
    FailureOr<Value> done = i64(0);
    if (canUseStrips())
      done = emitStrips(fold, count, emitStep);
    if (failed(done) ||
        failed(loopOver(count, i64(1), /*masked=*/false, *done)))
      return failure();
    return forAll(&CpuKernels::finishExponents);
  };
  if (!timeLanes && !canPackRows())
    return loopOverSteps();
  if (!timeLanes) {
    auto branch = scf::IfOp::create(b, loc, haveFewChannels(), true);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    if (failed(emitRows(sink, fold)))
      return failure();
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    LogicalResult result = loopOverSteps();
    b.setInsertionPointAfter(branch);
    return result;
  }
  mask = {};
  planPrefixes(emitter, sink);
  // Where lanes wait for the loops over inner dims anyway, masks cost nothing,
  // and the code is there once.
  if (!splitTail && !dims.inner.empty())
    return loopOver(count, i64(width), /*masked=*/true);
  Value rest = arith::RemSIOp::create(b, loc, count, i64(width));
  Value full = sub(count, rest), from;
  if (canUseSquares(emitter)) {
    from = arith::RemSIOp::create(b, loc, count,
                                  i64(width * chooseSquare(emitter)));
    from = sub(count, from);
    if (failed(emitSquares(emitter, sink, fold, from)))
      return failure();
  }
  if (failed(loopOver(full, i64(width), /*masked=*/false, from)))
    return failure();
  Value any =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, rest, i64(0));
  auto branch = scf::IfOp::create(b, loc, any, /*withElse=*/false);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  time = timeAt(full);
  mask = lanesBelow(rest);
  LogicalResult result = emitStep();
  b.setInsertionPointAfter(branch);
  mask = {};
  return result;
}

//===----------------------------------------------------------------------===//
// The phases
//===----------------------------------------------------------------------===//

/// Emits loops over the inner dims of a carrier.
void CpuKernels::forEachPoint(
    StepEmitter &emitter, const Carrier &carrier,
    llvm::function_ref<void(const InnerPoint &)> body) {
  emitter.emitLoops(b, loc, innerDims[carrierOf[carrier.state]],
                    [&](OpBuilder &builder, const InnerPoint &point) {
                      b.restoreInsertionPoint(builder.saveInsertionPoint());
                      body(point);
                    });
}

/// carry := start state.
LogicalResult CpuKernels::emitStart(StepEmitter &emitter) {
  return forEachBlock([&]() {
    for (const Carrier &carrier : carriers)
      forEachPoint(emitter, carrier, [&](const InnerPoint &point) {
        for (unsigned i = 0; i < carrier.size; ++i) {
          InnerPoint at = point;
          if (carrier.row >= 0)
            at[carrier.row] = i64(i);
          Value start = createStart(carrier.getState(i),
                                    carrier.lags > 1 ? i + 1 : 1, at);
          storeAligned(getComponentSlot(carrier, carrySlots(), point, i64(i)),
                       start);
        }
      });
    return success();
  });
}

Value CpuKernels::createStart(unsigned state, int64_t lag,
                              const InnerPoint &point) {
  Attribute start = scan.getState(state).getStart(lag);
  Type type = getStateType(state);
  int init = StateAttr::getInitOperand(start);
  if (init < 0) {
    Value literal = makeLiteral(b, loc, start);
    return isVector(type) ? vectorOf(literal) : literal;
  }
  Address address = getAddress(initArguments[init], scan.getInitMap(init),
                               point, /*contiguous=*/false);
  Value value = load(initArguments[init], address,
                     scan.getState(state).getType(), mask, {});
  return isVector(type) ? vectorOf(value) : value;
}

/// summary := the identity, then the tile's steps. Segments that are lanes run
/// from carry.
LogicalResult CpuKernels::emitFold(StepEmitter &emitter) {
  if (segmentLanes) {
    packInvariants(emitter);
    return emitTime(emitter, /*fold=*/true);
  }
  LogicalResult cleared = forEachBlock([&]() {
    for (const Carrier &carrier : carriers)
      forEachPoint(emitter, carrier, [&](const InnerPoint &point) {
        Type type = getType(carrier);
        AlgebraEmitter algebra = getAlgebra(carrier, type);
        storeTransition(carrier, point, algebra.identity(carrier).entries);
        storeVector(carrier, exitSlots(), point, algebra.neutral(carrier));
      });
    return success();
  });
  if (failed(cleared))
    return failure();
  packInvariants(emitter);
  return success(succeeded(emitTime(emitter, /*fold=*/true)) &&
                 succeeded(storePowers(emitter)));
}

/// carry := P (x) carry (+) E.
LogicalResult CpuKernels::emitAdvance(StepEmitter &emitter) {
  return forEachBlock([&]() {
    for (const Carrier &carrier : carriers)
      forEachPoint(emitter, carrier, [&](const InnerPoint &point) {
        Type type = getType(carrier);
        Transition map = loadTransition(carrier, point, type);
        std::vector<Value> exit = loadVector(carrier, exitSlots(), point, type);
        map.rest.assign(exit.begin(), exit.end());
        AlgebraEmitter algebra(b, loc, carrier.semiring, type);
        storeVector(
            carrier, carrySlots(), point,
            algebra.apply(carrier, map,
                          loadVector(carrier, carrySlots(), point, type)));
      });
    return success();
  });
}

LogicalResult CpuKernels::emitReplay(StepEmitter &emitter) {
  packInvariants(emitter);
  return emitTime(emitter, /*fold=*/false);
}

/// Writes the final states from carry.
LogicalResult CpuKernels::emitFinish(StepEmitter &emitter) {
  return forEachBlock([&]() {
    for (unsigned result = 0; result < scan->getNumResults(); ++result) {
      ResultAttr output = scan.getOutput(result);
      if (!output.isFinal())
        continue;
      unsigned state = scan.findState(output.getFinalState().getValue());
      emitter.emitLoops(
          b, loc, emitter.getInnerDims(state),
          [&](OpBuilder &builder, const InnerPoint &point) {
            b.restoreInsertionPoint(builder.saveInsertionPoint());
            AffineMap map = getResultMap(result);
            Value value = loadAligned(
                getStateSlot(state, point, carrySlots(), output.getLag()),
                getStateType(state));
            if (segmentLanes) // the last one's
              value = vector::ExtractOp::create(b, loc, value, width - 1);
            OpBuilder::InsertionGuard keep(b);
            if (Value guard = isFirstInMissingDims(map)) {
              auto branch = scf::IfOp::create(b, loc, guard, false);
              b.setInsertionPoint(branch.thenBlock()->getTerminator());
            }
            unsigned argument = resultArguments[result];
            Address address = getAddress(argument, map, point, false);
            store(argument, address, value, mask);
          });
    }
    return success();
  });
}

LogicalResult CpuKernels::emitKernel(StringRef name, Phase phase) {
  auto module = scan->getParentOfType<ModuleOp>();
  b.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> types(5, ptrType);
  if (phase == Pack)
    types.push_back(i64Type); // the item at which the run begins
  kernel =
      func::FuncOp::create(b, loc, name, b.getFunctionType(types, TypeRange()));
  // The runtime finds kernels through the info struct alone.
  kernel.setPrivate();
  auto strings = [&](StringRef key, StringRef value) -> Attribute {
    return b.getStrArrayAttr({key, value});
  };
  bool wide = schedule.getTarget() == "x86-64-v4";
  kernel->setAttr(kTargetAttr, b.getStringAttr(schedule.getTarget()));
  kernel->setAttr(
      "passthrough",
      b.getArrayAttr({strings("target-cpu", schedule.getTarget()),
                      strings("prefer-vector-width", wide ? "512" : "256")}));
  kernel->setAttr("llvm.linkage", LLVM::LinkageAttr::get(
                                      b.getContext(), LLVM::Linkage::Internal));
  // The states and the scratch are the runtime's own: a store to a result
  // cannot change them.
  for (unsigned i = 2; i < 5; ++i)
    kernel.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                      b.getUnitAttr());
  // What is handed on to another kernel stays as it is.
  for (unsigned i = 0; i < 5; ++i)
    kernel.setArgAttr(i, LLVM::LLVMDialect::getNoCaptureAttrName(),
                      b.getUnitAttr());
  loadFrame();
  StepEmitter emitter(scan, *this, laneDim, width, /*unrollLimit=*/0);
  emitterSets = &emitter;
  packed.clear();
  LogicalResult result = success();
  if (phase == Pack) {
    item = kernel.getArgument(5);
    locateRun();
    result = emitPack(emitter);
  } else {
    result = emitRuns([&]() {
      switch (phase) {
      case Start:
        return emitStart(emitter);
      case Fold:
        return emitFold(emitter);
      case Advance:
        return emitAdvance(emitter);
      case Replay:
        return emitReplay(emitter);
      case Finish:
        return emitFinish(emitter);
      default:
        llvm_unreachable("all phases of a run are handled");
      }
    });
  }
  func::ReturnOp::create(b, loc);
  if (failed(result))
    return failure();
  symbols[phase] = shareKernel(kernel).str();
  return success();
}

FailureOr<bool> CpuKernels::readsStatesApart() {
  return StepEmitter(scan, *this, laneDim, width, 0).readsStatesApart();
}

void CpuKernels::findCarriers(StepEmitter &emitter) {
  carriers.assign(emitter.getCarriers().begin(), emitter.getCarriers().end());
  carrierOf.clear();
  innerDims.clear();
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    carrierOf.append(carrier.states, number);
    innerDims.push_back(emitter.getInnerDims(carrier));
  }
}

CpuKernels::Savings CpuKernels::getSavings() {
  StepEmitter emitter(scan, *this, laneDim, width, 0);
  findCarriers(emitter);
  emitterSets = &emitter;
  Savings savings;
  for (const Carrier &carrier : carriers) {
    savings.powers |= scan.isAffine() && emitter.isUniform(carrier);
    savings.exponents |= bool(getDecay(carrier).sum);
  }
  if (scan.isAffine() && canUseSquares(emitter))
    savings.squareSteps = chooseSquare(emitter);
  emitterSets = nullptr;
  return savings;
}

LogicalResult CpuKernels::emit(StringRef prefix, const Symbols *common) {
  StepEmitter emitter(scan, *this, laneDim, width, 0);
  findCarriers(emitter);
  computeExtents(emitter);
  bool oneStep = scan->getParentOfType<func::FuncOp>()->hasAttr("recur.step");
  for (auto [i, suffix] : llvm::enumerate(kPhaseNames)) {
    auto phase = Phase(i);
    // One step is never split over time.
    if ((oneStep || !scan.isAffine()) &&
        ((phase == Fold && !segmentLanes) || phase == Advance))
      continue;
    if (phase == Pack && scratch.constant == 0 && scratch.perProduct == 0)
      continue;
    if (common && phase != Fold && phase != Replay)
      symbols[phase] = (*common)[phase];
    else if (failed(emitKernel((prefix + "_" + suffix).str(), phase)))
      return failure();
  }
  return success();
}
