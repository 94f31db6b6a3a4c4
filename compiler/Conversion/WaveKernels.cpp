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

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Threads of a multiprocessor for which registers are left.
static constexpr int64_t kResidentThreads = 512;

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

WaveKernels::WaveKernels(ScanOp scan, ScheduleAttr schedule,
                         const Signature &signature)
    : GpuKernels(scan, schedule, signature), width(schedule.getWidth()),
      steps(schedule.getSteps()), group(schedule.getGroup()),
      parts(kWarp / group), warps(schedule.getWarps()), laneTile(group * width),
      ownSteps(steps / parts), threads(kWarp * warps),
      unroll(width > 1 ? 8 : 4),
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
  if (steps % 4 != 0 || steps % parts != 0)
    return scan.emitError()
           << "schedule 'wave' needs steps that are a multiple of 4 and of the "
           << parts << " lanes of a channel, found " << steps;
  if (!schedule.getContiguous() && width != 1)
    return scan.emitError() << "schedule 'wave' with any strides needs a width "
                               "of 1, found "
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
  locate();
  emitEnter();

  // Segment s is entered through words that say s.
  Value first = toI64(warp);
  auto isAny = [&](Value number) {
    return compare(arith::CmpIPredicate::slt, number, segmentCount);
  };
  SmallVector<Value> carried{i32(0)};
  llvm::append_range(carried, getTilePointers(first));
  ArrayRef<Value> tiles = ArrayRef(carried).drop_front();
  if (!staged.empty())
    when(isAny(first), [&] { fetch(mul(first, i64(steps)), i32(0), tiles); });
  llvm::append_range(carried, getRowPointers(first));
  auto loop =
      scf::ForOp::create(b, loc, first, segmentCount, i64(warps), carried);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value stage = loop.getRegionIterArg(0);
    Value other = arith::XOrIOp::create(b, loc, stage, i32(1));
    // From a warp's segment to its next.
    SmallVector<Value> next{other};
    Value far = i64(warps * steps);
    auto arguments = loop.getRegionIterArgs().drop_front();
    for (auto [i, input] : llvm::enumerate(staged))
      next.push_back(advance(arguments[i], input, far));
    if (!staged.empty()) {
      callIntrinsic("llvm.nvvm.cp.async.wait.group", {i32(0)});
      syncWarp();
      Value segment = add(loop.getInductionVar(), i64(warps));
      when(isAny(segment), [&] {
        fetch(mul(segment, i64(steps)), other, ArrayRef(next).drop_front());
      });
    }
    arguments = arguments.drop_front(staged.size());
    rowPointers.assign(arguments.begin(), arguments.end());
    for (auto [i, input] : llvm::enumerate(rowInputs))
      next.push_back(advance(arguments[i], input, far));
    emitSegment(loop.getInductionVar(), stage);
    scf::YieldOp::create(b, loc, next);
  }
  b.setInsertionPointToEnd(&function.front());
  gpu::ReturnOp::create(b, loc);
  return success();
}

//===----------------------------------------------------------------------===//
// Where a thread is
//===----------------------------------------------------------------------===//

void WaveKernels::locate() {
  thread = toI32(getThreadId());
  lane = arith::AndIOp::create(b, loc, thread, i32(kWarp - 1));
  warp = arith::ShRUIOp::create(b, loc, thread, i32(5));
  own = arith::AndIOp::create(b, loc, lane, i32(group - 1));
  part = arith::DivUIOp::create(b, loc, lane, i32(group));
  Value product = i64(1);
  for (unsigned dim : dims.inner)
    product = mul(product, sizes[dim]);
  points = toI32(product);

  // The block's unit: a tile of the lane dim at one position of the others.
  position.assign(space.getRank(), Value());
  point.assign(space.getRank(), Value());
  SmallVector<unsigned> order(dims.parallel);
  if (segmentsArgument >= 0)
    order.insert(order.begin(), space.getSegment());
  auto getExtent = [&](unsigned dim) -> Value {
    if (int(dim) != laneDim)
      return sizes[dim];
    return arith::DivUIOp::create(b, loc, add(sizes[dim], i64(laneTile - 1)),
                                  i64(laneTile));
  };
  spread(getBlockId(), order, getExtent, position);
  channelBase = mul(position[laneDim], i64(laneTile));
  locateSequence();
  length = sub(sequenceEnd, sequenceBegin);
  last = arith::MaxSIOp::create(b, loc, sub(length, i64(1)), i64(0));
  segmentCount =
      arith::DivSIOp::create(b, loc, add(length, i64(steps - 1)), i64(steps));
  Value channel = add(channelBase, mul(toI64(own), i64(width)));
  isChannel = compare(arith::CmpIPredicate::slt, channel, sizes[laneDim]);
  // Threads past the last channel work on it again and write nothing.
  threadChannel =
      arith::MinSIOp::create(b, loc, channel, sub(sizes[laneDim], i64(width)));

  Value shared = getSharedMemory();
  rowsBase = at(shared, mul(toI64(warp), i64(rowBytes)));
  tilesBase =
      at(shared, add(mul(toI64(warp), i64(tileBytes)), i64(warps * rowBytes)));
  pointsBase = at(shared, i64(fixedBytes));

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

void WaveKernels::emitSegment(Value segment, Value stage) {
  segmentNumber = toI32(segment);
  segmentBegin = mul(segment, i64(steps));
  remaining = toI32(
      arith::MinSIOp::create(b, loc, sub(length, segmentBegin), i64(steps)));
  isFull = compare(arith::CmpIPredicate::eq, remaining, i32(steps));
  tile = at(tilesBase, mul(toI64(stage), i64(tileBytes / 2)));

  // Rows of the first points are on their way meanwhile.
  auto getChunkSize = [&](Value begin) -> Value {
    Value size = arith::SubIOp::create(b, loc, points, begin);
    return arith::MinSIOp::create(b, loc, size, i32(kChunk));
  };
  scopes.emplace_back();
  SmallVector<Value> firstRows =
      readRows(i32(0), getChunkSize(i32(0)), /*isLater=*/false);
  scopes.pop_back();

  // What the points share. Each lane of a channel computes it for its own
  // steps, and gives it to the others.
  ownRows = true;
  scopes.emplace_back();
  for (int64_t row = 0; row < ownSteps; ++row)
    for (const Entry &entry : frontier)
      for (int64_t channel = 0; channel < width; ++channel)
        get(entry.first, row, channel, entry.second);
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

  storeRows(firstRows);
  SmallVector<Value> sums;
  for (Operation *op : reductions)
    sums.append(steps * width,
                createReductionIdentity(b, loc, cast<ReduceOp>(op).getKind(),
                                        op->getResult(0).getType()));
  auto chunks = scf::ForOp::create(b, loc, i32(0), points, i32(kChunk), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    if (sums.empty())
      b.setInsertionPoint(chunks.getBody()->getTerminator());
    else
      b.setInsertionPointToEnd(chunks.getBody());
    Value begin = chunks.getInductionVar();
    Value size = getChunkSize(begin);
    if (!rows.empty())
      when(compare(arith::CmpIPredicate::ne, begin, i32(0)), [&] {
        scopes.emplace_back();
        storeRows(readRows(begin, size, /*isLater=*/true));
        scopes.pop_back();
      });
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
  for (int64_t k = 0; k < count; ++k) {
    Value inChunk =
        arith::AddIOp::create(b, loc, loop.getInductionVar(), i32(k * parts));
    Value isActive;
    if (parts > 1) {
      inChunk = arith::AddIOp::create(b, loc, inChunk, part);
      if (count == 1) {
        isActive = compare(arith::CmpIPredicate::slt, inChunk, end);
        Value final = arith::SubIOp::create(b, loc, end, i32(1));
        inChunk = arith::MinSIOp::create(b, loc, inChunk, final);
      }
    }
    Value number = arith::AddIOp::create(b, loc, chunkBegin, inChunk);
    emitPoint(inChunk, number, isActive, sums);
  }
  if (!sums.empty())
    scf::YieldOp::create(b, loc, sums);
  b.setInsertionPointAfter(loop);
  sums.assign(loop.getResults().begin(), loop.getResults().end());
}

/// All steps of the segment at one point.
void WaveKernels::emitPoint(Value inChunk, Value number, Value isActive,
                            SmallVectorImpl<Value> &sums) {
  scopes.emplace_back();
  goToPoint(number);
  loadInvariants(number);
  loadRows(inChunk);
  auto elements = cast<YieldOp>(scan.getElements().front().getTerminator());
  unsigned numStates = scan.getNumStates();
  // The transitions wait for nobody: they are computed before the entry state
  // is there.
  for (unsigned state = 0; state < numStates; ++state)
    for (int64_t row = 0; row < steps; ++row)
      for (int64_t channel = 0; channel < width; ++channel)
        get(elements.getOperand(2 * state), row, channel);
  SmallVector<Value> states = awaitEntry(number);

  Block &readout = scan.getReadout().front();
  auto results = cast<YieldOp>(readout.getTerminator());
  unsigned numInputs = scan.getInputs().size();
  for (int64_t row = 0; row < steps; ++row) {
    Value isInside;
    if (hasFinal)
      isInside = compare(arith::CmpIPredicate::slt, i32(row), remaining);
    for (int64_t channel = 0; channel < width; ++channel) {
      for (unsigned state = 0; state < numStates; ++state) {
        Value a = get(elements.getOperand(2 * state), row, channel);
        Value c = get(elements.getOperand(2 * state + 1), row, channel);
        Value &now = states[state * width + channel];
        Value previous = now;
        auto contract = arith::FastMathFlags::contract;
        Value next = arith::AddFOp::create(
            b, loc, arith::MulFOp::create(b, loc, a, previous, contract), c,
            contract);
        now = hasFinal
                  ? arith::SelectOp::create(b, loc, isInside, next, previous)
                        .getResult()
                  : next;
        unsigned argument = numInputs + 2 * state;
        remember({readout.getArgument(argument), Part::Whole}, row, channel,
                 previous);
        remember({readout.getArgument(argument + 1), Part::Whole}, row, channel,
                 next);
      }
      for (auto [i, op] : llvm::enumerate(reductions)) {
        Value &sum = sums[(i * steps + row) * width + channel];
        Value value = get(op->getOperand(0), row, channel);
        Value next = createReductionStep(b, loc, cast<ReduceOp>(op).getKind(),
                                         sum, value);
        sum = isActive ? arith::SelectOp::create(b, loc, isActive, next, sum)
                             .getResult()
                       : next;
      }
    }
  }
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
    storeResultRows(i, i64(0), isActive, values);
  }
  Value next = arith::AddIOp::create(b, loc, segmentNumber, i32(1));
  auto leave = [&] {
    for (unsigned state = 0; state < numStates; ++state)
      for (int64_t channel = 0; channel < width; ++channel)
        handOver(number, state, channel, states[state * width + channel], next);
  };
  if (isActive)
    when(isActive, leave);
  else
    leave();
  if (hasFinal) {
    Value isLast = compare(arith::CmpIPredicate::eq, toI64(next), segmentCount);
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
        remember({op->getResult(0), Part::Whole}, row, channel, value);
      }
  }
  auto results = cast<YieldOp>(scan.getReadout().front().getTerminator());
  unsigned operand = 0;
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
    Value first = i64(0);
    if (parts > 1)
      first = mul(toI64(part), i64(ownSteps));
    storeResultRows(i, first, {}, values);
  }
  ownRows = false;
  scopes.pop_back();
}

/// Writes rows of a result for the thread's channels, those that are there:
/// the `first` and those after it, each by channel.
void WaveKernels::storeResultRows(unsigned result, Value first, Value isActive,
                                  ArrayRef<SmallVector<Value>> values) {
  AffineMap map = getResultMap(result);
  unsigned argument = resultArguments[result];
  Type element = getStorageType(signature.arguments[argument].element);
  Value delta;
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    if (expr.isFunctionOfDim(space.getTime()))
      delta = strides[argument][axis];
  // Not bounded by the last step: nothing is written there.
  step = add(segmentBegin, first);
  time = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), step)
                            : add(sequenceBegin, step);
  goToChannel(0);
  Value base = getPointer(argument, map, point);
  auto write = [&](int64_t row) {
    Value pointer = base;
    if (row > 0)
      pointer = LLVM::GEPOp::create(
          b, loc, ptrType, element, base,
          ArrayRef<LLVM::GEPArg>{
              mul(delta, i64(space.getReverse() ? -row : row))});
    if (width == 1)
      return store(pointer, values[row].front());
    auto type = VectorType::get({width}, element);
    Value vector = LLVM::UndefOp::create(b, loc, type);
    for (auto [channel, value] : llvm::enumerate(values[row]))
      vector =
          LLVM::InsertElementOp::create(b, loc, vector, value, i32(channel));
    LLVM::StoreOp::create(b, loc, vector, pointer,
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
    for (size_t row = 0; row < values.size(); ++row)
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
  // A selective scan with 16 points on an H200: 870 cycles a step with two
  // channels a thread, 1260 with one.
  launch.stepCost = width > 1 ? 90 : 135;
  launch.pointCost = width > 1 ? 48 : 70;
  launch.registers = 128;
  launch.stepsInFlight = steps * width;
  describe(function, launch);
}
