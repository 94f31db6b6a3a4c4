//===-- WaveKernels.cpp - GPU kernels for states with inner dims ----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The kernel around the steps: its blocks, segments and points, and the
/// launch's description. Values are computed in WaveStep.cpp; shared memory is
/// in WaveMemory.cpp.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/WaveKernels.h"

#include "compiler/Analysis/Waves.h"
#include "compiler/Conversion/Reductions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Threads of a multiprocessor for which registers are left.
static constexpr int64_t kResidentThreads = 512;
/// Shared memory of a multiprocessor, in bytes.
static constexpr int64_t kSharedBytes = 226 << 10;

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

/// The 90 of `sm_90a`.
static unsigned getCapability(StringRef target) {
  unsigned capability = 0;
  target.consume_front("sm_");
  target.consumeInteger(10, capability);
  return capability;
}

WaveKernels::WaveKernels(ScanOp scan, ScheduleAttr schedule,
                         const Signature &signature)
    : GpuKernels(scan, schedule, signature), width(schedule.getWidth()),
      steps(schedule.getSteps()), group(schedule.getGroup()),
      parts(kWarp / group), warps(schedule.getWarps()), laneTile(group * width),
      ownSteps(steps / parts), threads(kWarp * warps),
      unroll(width > 1 ? 8 : 4), isTight(warps > 8),
      hasHalves(isTight && segmentsArgument < 0),
      writesPairs(width == 2 && getCapability(schedule.getTarget()) >= 90),
      hasFinal(
          llvm::any_of(scan.getOutputs().getAsRange<ResultAttr>(),
                       [](ResultAttr output) { return output.isFinal(); })),
      hasNarrowResults(llvm::all_of(scan->getResultTypes(), [](Type type) {
        return getElementTypeOrSelf(type).getIntOrFloatBitWidth() <= 16;
      })) {}

LogicalResult WaveKernels::emit(gpu::GPUModuleOp gpuModule, StringRef name) {
  if (laneDim < 0 || !hasWaves(scan, laneDim))
    return scan.emitError()
           << "schedule 'wave' needs f32 states that all vary over the same "
              "reduced dims, each point by itself, and lanes along a dim of "
              "every state and result";
  if (steps % kRowsAtOnce != 0 || steps % parts != 0)
    return scan.emitError()
           << "schedule 'wave' needs steps that are a multiple of "
           << kRowsAtOnce << " and of the " << parts
           << " lanes of a channel, found " << steps;
  if (width > (schedule.getContiguous() ? 2 : 1))
    return scan.emitError()
           << "schedule 'wave' needs a width of at most 2, and of 1 with any "
              "strides, found "
           << width;
  module = gpuModule;
  prefix = name.str();
  collect();
  layOut();
  gpu::GPUFuncOp function = createKernel(module, name, threads);
  describeWave(function);
  function->setAttr("nvvm.minctasm", b.getI32IntegerAttr(std::max<int64_t>(
                                         1, kResidentThreads / threads)));
  readParameters(function);
  locateThread();
  if (hasHalves)
    locateHalf();
  else
    locateUnit(getBlockId());
  emitSegments();
  b.setInsertionPointToEnd(&function.front());
  gpu::ReturnOp::create(b, loc);
  return success();
}

/// The segments of the block's unit, or its half of them.
void WaveKernels::emitSegments() {
  // Segment s is entered through words that say s.
  Value far = i64(warps * steps);
  Value first = mul(toI64(warp), i64(steps));
  if (hasHalves)
    first = add(first, mul(partBegin, i64(steps)));
  auto hasSegment = [&](Value begin) {
    return compare(arith::CmpIPredicate::slt, begin, stop);
  };
  // What is carried: the stage of the tile, and addresses.
  SmallVector<Value> carried{i32(0)};
  llvm::append_range(carried, getTilePointers(first));
  llvm::append_range(carried, getRowPointers(first));
  when(hasSegment(first), [&] {
    if (!staged.empty())
      fetch(first, i32(0), {});
    segmentBegin = first;
    if (!rawInputs.empty())
      when(hasVectors, [&] { fetchRows(i32(0), {}); });
  });
  // The first inputs are on their way meanwhile.
  emitEnter();
  SmallVector<Value> results = getResultPointers(first);
  llvm::append_range(carried, results);
  auto loop = scf::ForOp::create(b, loc, first, stop, far, carried);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value stage = loop.getRegionIterArg(0);
    Value other = arith::XOrIOp::create(b, loc, stage, i32(1));
    // From a warp's segment to its next.
    SmallVector<Value> next{other};
    auto arguments = loop.getRegionIterArgs().drop_front();
    for (unsigned input : staged)
      next.push_back(advance(arguments[next.size() - 1], input, far));
    for (unsigned input : rawInputs)
      next.push_back(advance(arguments[next.size() - 1], input, far));
    size_t sent = next.size() - 1;
    if (sent > 0) {
      callIntrinsic("llvm.nvvm.cp.async.wait.group", {i32(0)});
      syncWarp();
      Value begin = add(loop.getInductionVar(), far);
      if (!staged.empty())
        when(hasSegment(begin), [&] {
          fetch(begin, other, ArrayRef(next).slice(1, staged.size()));
        });
    }
    rowPointers.assign(arguments.begin() + staged.size(),
                       arguments.begin() + sent);
    resultPointers.assign(arguments.begin() + sent, arguments.end());
    unsigned pointer = 0;
    for (unsigned i = 0; i < scan->getNumResults(); ++i)
      if (hasResultPointer(i))
        next.push_back(advance(resultPointers[pointer++], resultArguments[i],
                               getResultMap(i), far));
    emitSegment(loop.getInductionVar(), stage);
    scf::YieldOp::create(b, loc, next);
  }
}

//===----------------------------------------------------------------------===//
// Where a thread is
//===----------------------------------------------------------------------===//

void WaveKernels::locateThread() {
  thread = toI32(getThreadId());
  lane = arith::AndIOp::create(b, loc, thread, i32(kWarp - 1));
  warp = arith::ShRUIOp::create(b, loc, thread, i32(5));
  own = arith::AndIOp::create(b, loc, lane, i32(group - 1));
  part = arith::DivUIOp::create(b, loc, lane, i32(group));
  Value product = i64(1);
  for (unsigned dim : dims.inner)
    product = mul(product, sizes[dim]);
  points = toI32(product);
  position.assign(space.getRank(), Value());
  point.assign(space.getRank(), Value());

  Value shared = createDynamicShared(module, prefix);
  rowsBase = at(shared, mul(toI64(warp), i64(rowBytes)));
  tilesBase =
      at(shared, add(mul(toI64(warp), i64(tileBytes)), i64(warps * rowBytes)));
  rawBase = at(shared, add(mul(toI64(warp), i64(rawBytes)),
                           i64(warps * (rowBytes + tileBytes))));
  pointsBase = at(shared, i64(fixedBytes));
  if (!rawInputs.empty())
    hasVectors = areRowsVectors();
}

/// The dims that the units of the blocks run over.
SmallVector<unsigned> WaveKernels::getUnitDims() const {
  SmallVector<unsigned> order(dims.parallel);
  if (segmentsArgument >= 0)
    order.insert(order.begin(), space.getSegment());
  return order;
}

/// Goes to a unit: a tile of the lane dim at one position of the others.
void WaveKernels::locateUnit(Value number) {
  spread(
      number, getUnitDims(),
      [&](unsigned dim) { return getUnits(dim, laneTile); }, position);
  channelBase = mul(position[laneDim], i64(laneTile));
  locateSequence();
  stop = length = sub(sequenceEnd, sequenceBegin);
  last = arith::MaxSIOp::create(b, loc, sub(length, i64(1)), i64(0));
  Value channel = add(channelBase, mul(toI64(own), i64(width)));
  isChannel = compare(arith::CmpIPredicate::slt, channel, sizes[laneDim]);
  // Threads past the last channel work on it again and write nothing.
  threadChannel =
      arith::MinSIOp::create(b, loc, channel, sub(sizes[laneDim], i64(width)));

  scopes.clear();
  scopes.emplace_back();
  for (int64_t channel = 0; channel < width; ++channel) {
    goToChannel(channel);
    for (const Entry &entry : constants)
      get(entry.first, 0, channel, entry.second);
  }
}

void WaveKernels::goToChannel(int64_t channel) {
  position[laneDim] = add(threadChannel, i64(channel));
}

/// Goes to a step of the segment, an i64; those after the last are the last,
/// where there may be some.
void WaveKernels::goToRow(Value row) {
  step = add(segmentBegin, row);
  if (isClamped)
    step = arith::MinSIOp::create(b, loc, step, last);
  time = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), step)
                            : add(sequenceBegin, step);
}

/// Goes to a point of the inner dims by its number in row-major order.
void WaveKernels::goToPoint(Value number) {
  spread(
      toI64(number), dims.inner, [&](unsigned dim) { return sizes[dim]; },
      point);
}

//===----------------------------------------------------------------------===//
// A segment
//===----------------------------------------------------------------------===//

void WaveKernels::emitSegment(Value begin, Value stage) {
  segmentBegin = begin;
  segmentNumber =
      toI32(arith::DivUIOp::create(b, loc, segmentBegin, i64(steps)));
  remaining = toI32(
      arith::MinSIOp::create(b, loc, sub(length, segmentBegin), i64(steps)));
  isFull = compare(arith::CmpIPredicate::eq, remaining, i32(steps));
  tile = at(tilesBase, mul(toI64(stage), i64(tileBytes / 2)));

  auto getChunkSize = [&](Value begin) -> Value {
    Value size = arith::SubIOp::create(b, loc, points, begin);
    return arith::MinSIOp::create(b, loc, size, i32(kChunk));
  };
  // Where warps wait for each other, before all else; there it is worth that
  // much code.
  if (isTight && !rows.empty())
    bringRows(i32(0), getChunkSize(i32(0)));

  // What the points share. Each lane of a channel computes it for its own
  // steps, and gives it to the others.
  ownRows = true;
  scopes.emplace_back();
  for (int64_t row = 0; row < ownSteps; ++row)
    for (const Entry &entry : frontier)
      for (int64_t channel = 0; channel < width; ++channel)
        get(entry.first, row, channel, entry.second);
  SmallVector<Value> sums;
  for (Operation *op : reductions) {
    Value start = getStart(op);
    for (int64_t row = 0; row < steps; ++row)
      for (int64_t channel = 0; channel < width; ++channel)
        sums.push_back(start ? get(start, row, channel)
                             : createReductionIdentity(
                                   b, loc, cast<ReduceOp>(op).getKind(),
                                   op->getResult(0).getType()));
  }
  ownRows = false;
  Memo computed = scopes.pop_back_val();
  scopes.emplace_back();
  for (const Entry &entry : frontier)
    for (int64_t row = 0; row < steps; ++row)
      for (int64_t channel = 0; channel < width; ++channel) {
        Key target = getKey(entry.first, row, channel, entry.second);
        if (scopes.back().count(target))
          continue;
        Value value = computed.at(
            getKey(entry.first, row % ownSteps, channel, entry.second));
        if (parts > 1) {
          Value source =
              arith::AddIOp::create(b, loc, own, i32(row / ownSteps * group));
          value = shuffle(value, source, gpu::ShuffleMode::IDX);
        }
        scopes.back()[target] = value;
      }

  auto chunks = scf::ForOp::create(b, loc, i32(0), points, i32(kChunk), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    if (sums.empty())
      b.setInsertionPoint(chunks.getBody()->getTerminator());
    else
      b.setInsertionPointToEnd(chunks.getBody());
    Value begin = chunks.getInductionVar();
    Value size = getChunkSize(begin);
    if (!rows.empty() && isTight)
      when(compare(arith::CmpIPredicate::ne, begin, i32(0)), [&] {
        // Few scans have a second chunk: nothing of its addresses is to be
        // computed for the others.
        Value here = segmentBegin;
        segmentBegin = hide(here);
        bringRows(begin, size);
        segmentBegin = here;
      });
    else if (!rows.empty())
      bringRows(begin, size);
    sums.assign(chunks.getRegionIterArgs().begin(),
                chunks.getRegionIterArgs().end());
    // Turns of several points, and the rest one by one.
    Value stride = i32(parts * unroll);
    Value turns = arith::DivSIOp::create(b, loc, size, stride);
    Value middle = arith::MulIOp::create(b, loc, turns, stride);
    emitPoints(begin, i32(0), middle, unroll, sums);
    emitPoints(begin, middle, size, 1, sums);
    if (!sums.empty())
      scf::YieldOp::create(b, loc, sums);
  }
  sums.assign(chunks.getResults().begin(), chunks.getResults().end());
  scopes.pop_back();
  emitOutputs(sums);
  if (hasHalves) {
    Value isLast =
        compare(arith::CmpIPredicate::sge, add(segmentBegin, i64(steps)), stop);
    when(isAny(arith::AndIOp::create(b, loc, isLast, isLeft)),
         [&] { keepStates(); });
  }
}

/// The points [begin, end) of a chunk, `count` of this lane in a turn.
void WaveKernels::emitPoints(Value chunkBegin, Value begin, Value end,
                             int64_t count, SmallVectorImpl<Value> &sums) {
  auto loop = scf::ForOp::create(b, loc, begin, end, i32(parts * count), sums);
  OpBuilder::InsertionGuard guard(b);
  if (sums.empty())
    b.setInsertionPoint(loop.getBody()->getTerminator());
  else
    b.setInsertionPointToEnd(loop.getBody());
  sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  Value inChunk = loop.getInductionVar(), isActive;
  if (parts > 1) {
    inChunk = arith::AddIOp::create(b, loc, inChunk, part);
    if (count == 1) {
      isActive = compare(arith::CmpIPredicate::slt, inChunk, end);
      Value final = arith::SubIOp::create(b, loc, end, i32(1));
      inChunk = arith::MinSIOp::create(b, loc, inChunk, final);
    }
  }
  // Addresses of the turn's first point; those of the others are known
  // distances from them.
  Value number = arith::AddIOp::create(b, loc, chunkBegin, inChunk);
  Value memory = getPointMemory(number), rows = getRowsOfPoint(inChunk);
  for (int64_t k = 0; k < count; ++k) {
    Value next;
    if (k + 1 < count)
      next = at(memory, i64((k + 1) * parts * pointBytes));
    rowsOfPoint = at(rows, i64(k * parts * getRowBytesOfPoint()));
    emitPoint(arith::AddIOp::create(b, loc, number, i32(k * parts)),
              at(memory, i64(k * parts * pointBytes)), next, isActive, sums);
  }
  if (!sums.empty())
    scf::YieldOp::create(b, loc, sums);
  b.setInsertionPointAfter(loop);
  sums.assign(loop.getResults().begin(), loop.getResults().end());
}

/// All steps of the segment at the point that shared memory has at `memory`;
/// `nextMemory` is that of the point after it in the same turn, or null.
void WaveKernels::emitPoint(Value number, Value memory, Value nextMemory,
                            Value isActive, SmallVectorImpl<Value> &sums) {
  scopes.emplace_back(std::move(nextInvariants));
  nextInvariants.clear();
  goToPoint(number);
  if (scopes.back().empty())
    loadInvariants(memory);
  auto elements = cast<YieldOp>(scan.getElements().front().getTerminator());
  unsigned numStates = scan.getNumStates();
  auto forEachChannel = [&](int64_t begin, int64_t end, auto body) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t channel = 0; channel < width; ++channel)
        for (unsigned state = 0; state < numStates; ++state)
          body(row, channel, state);
  };
  auto getTransition = [&](int64_t row, int64_t channel, unsigned state) {
    return get(elements.getOperand(2 * state), row, channel);
  };
  auto getOffset = [&](int64_t row, int64_t channel, unsigned state) {
    return get(elements.getOperand(2 * state + 1), row, channel);
  };

  // What waits for nobody: where the next warp waits for this one, all that can
  // be; else some transitions are left, so that special functions and sums take
  // turns.
  int64_t ahead = isTight ? steps : kStepsAhead;
  forEachChannel(0, ahead, getTransition);
  if (isTight)
    forEachChannel(0, steps, getOffset);
  else
    for (size_t i = 0; i < rows.size(); ++i)
      loadRow(i, 0);
  if (nextMemory) {
    scopes.emplace_back();
    loadInvariants(nextMemory);
    nextInvariants = scopes.pop_back_val();
  }
  SmallVector<Value> states = awaitEntry(memory);
  forEachChannel(ahead, steps, getTransition);

  Block &readout = scan.getReadout().front();
  auto results = cast<YieldOp>(readout.getTerminator());
  unsigned numInputs = scan.getInputs().size();
  auto getAnew = [&](int64_t row, int64_t channel) -> Value {
    if (elements.getNumOperands() == 2 * numStates)
      return {};
    return get(elements.getOperand(2 * numStates), row, channel);
  };
  auto advanceStates = [&](int64_t row) {
    Value isInside;
    if (hasFinal)
      isInside = compare(arith::CmpIPredicate::slt, i32(row), remaining);
    forEachChannel(row, row + 1, [&](int64_t, int64_t channel, unsigned state) {
      Value a = getTransition(row, channel, state);
      Value c = getOffset(row, channel, state);
      Value &now = states[state * width + channel];
      Value previous = now;
      auto contract = arith::FastMathFlags::contract;
      Value next = arith::AddFOp::create(
          b, loc, arith::MulFOp::create(b, loc, a, previous, contract), c,
          contract);
      // A state that is no number ends too.
      if (Value anew = getAnew(row, channel))
        next = arith::SelectOp::create(b, loc, anew, c, next);
      now = hasFinal ? arith::SelectOp::create(b, loc, isInside, next, previous)
                           .getResult()
                     : next;
      unsigned argument = numInputs + 2 * state;
      remember({readout.getArgument(argument), Part::Whole}, row, channel,
               previous);
      remember({readout.getArgument(argument + 1), Part::Whole}, row, channel,
               next);
    });
  };
  auto addToSums = [&](int64_t row) {
    for (int64_t channel = 0; channel < width; ++channel)
      for (auto [i, op] : llvm::enumerate(reductions)) {
        Value &sum = sums[(i * steps + row) * width + channel];
        Value value = get(op->getOperand(0), row, channel);
        Value next = createReductionStep(b, loc, cast<ReduceOp>(op).getKind(),
                                         sum, value);
        sum = isActive ? arith::SelectOp::create(b, loc, isActive, next, sum)
                             .getResult()
                       : next;
      }
  };
  Value next = arith::AddIOp::create(b, loc, segmentNumber, i32(1));
  auto handOverAll = [&] {
    auto leave = [&] {
      for (unsigned state = 0; state < numStates; ++state)
        handOver(memory, state, ArrayRef(states).slice(state * width, width),
                 next);
    };
    if (isActive)
      when(isActive, leave);
    else
      leave();
  };
  for (int64_t row = 0; row < steps; ++row) {
    advanceStates(row);
    if (!isTight)
      addToSums(row);
  }
  handOverAll();
  if (isTight)
    for (int64_t row = 0; row < steps; ++row)
      addToSums(row);

  // Results at every point.
  unsigned operand = 0;
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    if (scan.getOutput(i).isFinal())
      continue;
    Value value = results.getOperand(operand++);
    if (!isPointResult(i))
      continue;
    SmallVector<SmallVector<Value>> values(steps);
    for (int64_t row = 0; row < steps; ++row)
      for (int64_t channel = 0; channel < width; ++channel)
        values[row].push_back(get(value, row, channel));
    // Not bounded by the last step: nothing is written there.
    isClamped = false;
    goToRow(i64(0));
    isClamped = true;
    goToChannel(0);
    storeResultRows(i, i64(0), isActive, values,
                    getPointer(resultArguments[i], getResultMap(i), point));
  }
  if (hasFinal) {
    Value isLast = compare(arith::CmpIPredicate::sge,
                           add(segmentBegin, i64(steps)), length);
    isLast = arith::AndIOp::create(b, loc, isLast, isChannel);
    if (isActive)
      isLast = arith::AndIOp::create(b, loc, isLast, isActive);
    when(isLast, [&] {
      for (unsigned state = 0; state < numStates; ++state)
        for (int64_t channel = 0; channel < width; ++channel) {
          goToChannel(channel);
          storeFinal(state, states[state * width + channel]);
        }
    });
  }
  rowsOfPoint = {};
  scopes.pop_back();
}

/// Whether a result has the inner dims.
bool WaveKernels::isPointResult(unsigned result) {
  AffineMap map = getResultMap(result);
  return llvm::any_of(dims.inner,
                      [&](unsigned dim) { return map.isFunctionOfDim(dim); });
}

/// What follows the reductions: each lane of a channel for its own steps.
void WaveKernels::emitOutputs(ArrayRef<Value> sums) {
  scopes.emplace_back();
  ownRows = true;
  for (auto [i, op] : llvm::enumerate(reductions)) {
    ReductionKind kind = cast<ReduceOp>(op).getKind();
    SmallVector<Value> all(sums.slice(i * steps * width, steps * width));
    for (Value &value : all)
      for (int64_t distance = group; distance < kWarp; distance *= 2) {
        Value other = shuffle(value, i32(distance), gpu::ShuffleMode::XOR);
        value = createReductionStep(b, loc, kind, value, other);
      }
    for (int64_t row = 0; row < ownSteps; ++row)
      for (int64_t channel = 0; channel < width; ++channel) {
        Value value = all[row * width + channel];
        for (int64_t p = 1; p < parts; ++p) {
          Value here = compare(arith::CmpIPredicate::eq, part, i32(p));
          value = arith::SelectOp::create(
              b, loc, here, all[(p * ownSteps + row) * width + channel], value);
        }
        Operation *whole = getStart(op) ? *op->user_begin() : op;
        remember({whole->getResult(0), Part::Whole}, row, channel, value);
      }
  }
  auto results = cast<YieldOp>(scan.getReadout().front().getTerminator());
  unsigned operand = 0, pointer = 0;
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    if (scan.getOutput(i).isFinal())
      continue;
    Value value = results.getOperand(operand++);
    if (isPointResult(i))
      continue;
    SmallVector<SmallVector<Value>> values(ownSteps);
    for (int64_t row = 0; row < ownSteps; ++row)
      for (int64_t channel = 0; channel < width; ++channel)
        values[row].push_back(get(value, row, channel));
    storeResultRows(i, getOwnRow(), {}, values, resultPointers[pointer++]);
  }
  ownRows = false;
  scopes.pop_back();
}

/// Whether a result is written after the points, once a step.
bool WaveKernels::hasResultPointer(unsigned result) {
  return !scan.getOutput(result).isFinal() && !isPointResult(result);
}

/// The first of this lane's rows of a segment, an i64.
Value WaveKernels::getOwnRow() {
  return parts > 1 ? mul(toI64(part), i64(ownSteps)) : i64(0);
}

/// Where this lane writes its rows of the segment that begins at a step.
SmallVector<Value> WaveKernels::getResultPointers(Value begin) {
  SmallVector<Value> pointers;
  segmentBegin = begin;
  isClamped = false;
  goToRow(getOwnRow());
  isClamped = true;
  goToChannel(0);
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (hasResultPointer(i))
      pointers.push_back(
          getPointer(resultArguments[i], getResultMap(i), point));
  return pointers;
}

/// Writes rows of a result for the thread's channels, those that are there:
/// the `first` and those after it, each by channel; the first at `base`.
void WaveKernels::storeResultRows(unsigned result, Value first, Value isActive,
                                  ArrayRef<SmallVector<Value>> values,
                                  Value base) {
  AffineMap map = getResultMap(result);
  unsigned argument = resultArguments[result];
  Type element = getStorageType(signature.arguments[argument].element);
  // Rounded in pairs.
  SmallVector<Value> vectors;
  if (width > 1)
    for (const SmallVector<Value> &row : values) {
      Value vector =
          LLVM::UndefOp::create(b, loc, VectorType::get({width}, element));
      for (auto [channel, value] : llvm::enumerate(row))
        vector =
            LLVM::InsertElementOp::create(b, loc, vector, value, i32(channel));
      vectors.push_back(vector);
    }
  auto write = [&](int64_t row) {
    Value pointer = advance(base, argument, map, i64(row));
    if (width == 1)
      return store(pointer, values[row].front());
    LLVM::StoreOp::create(b, loc, vectors[row], pointer,
                          width * element.getIntOrFloatBitWidth() / 8);
  };
  Value writes = isChannel;
  if (isActive)
    writes = arith::AndIOp::create(b, loc, writes, isActive);
  if (Value isFirst = isFirstInMissingDims(map))
    writes = arith::AndIOp::create(b, loc, writes, isFirst);
  when(writes, [&] {
    auto branch = scf::IfOp::create(b, loc, isFull, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    // In another order than below, so that no row is taken out of the branches
    // to be computed and written behind them.
    for (size_t row = values.size(); row-- > 0;)
      write(row);
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    for (size_t row = 0; row < values.size(); ++row) {
      Value number = arith::AddIOp::create(b, loc, toI32(first), i32(row));
      when(compare(arith::CmpIPredicate::slt, number, remaining),
           [&] { write(row); });
    }
  });
}

void WaveKernels::storeFinal(unsigned state, Value value) {
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (ResultAttr output = scan.getOutput(i);
        output.isFinal() &&
        scan.findState(output.getFinalState().getValue()) == int(state))
      storeResult(i, point, value);
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

void WaveKernels::describeWave(gpu::GPUFuncOp function) {
  uint64_t vectors = 0;
  int64_t vectorBytes = 0, multiple = width;
  for (unsigned input : staged) {
    unsigned argument = inputArguments[input];
    vectors |= uint64_t(1) << argument;
    vectorBytes = 16;
    multiple = std::max<int64_t>(
        multiple,
        128 / signature.arguments[argument].element.getIntOrFloatBitWidth());
  }
  if (width > 1)
    for (unsigned i = 0; i < scan->getNumResults(); ++i)
      if (!scan.getOutput(i).isFinal()) {
        vectors |= uint64_t(1) << resultArguments[i];
        vectorBytes = 16;
      }
  Launch launch;
  llvm::raw_string_ostream os(launch.variant);
  os << "wave along " << schedule.getLanes() << ", " << warps << " x " << steps
     << " x " << laneTile << (schedule.getContiguous() ? "" : ", any strides");
  launch.bySequence = true;
  launch.laneDim = laneDim;
  launch.laneTile = laneTile;
  launch.block = threads;
  launch.shared = fixedBytes;
  launch.sharedPerPoint = pointBytes;
  launch.vectorBytes = vectorBytes;
  launch.vectors = vectors;
  launch.sizeMultiple = multiple;
  // A selective scan with 16 points on an H200: 750 cycles a step with two
  // channels a thread, 760 with one where warps wait for each other, else 1130;
  // 410 where shared memory leaves no room for a block beside this one, which
  // two channels a thread bring about.
  bool isAlone =
      width > 1 && fixedBytes + kChunk * pointBytes > kSharedBytes / 2;
  launch.stepCost = isAlone ? 120 : isTight ? 310 : 240;
  launch.pointCost = isAlone ? 18 : width > 1 ? 32 : isTight ? 28 : 55;
  launch.registers = 128;
  launch.stepsInFlight = steps * width;
  if (hasHalves)
    describeHalves(launch);
  describe(function, launch);
}
