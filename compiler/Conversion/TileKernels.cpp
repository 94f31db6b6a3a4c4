//===-- TileKernels.cpp - GPU kernels that work on tiles of time ----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The kernel around the phases and the launch's description. The phases inside
/// a block are in TilePhases.cpp, look-back is in TileLookback.cpp, registers
/// of inputs and results are in TileRegisters.cpp.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "compiler/Analysis/Monoids.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Rows of a block whose warps work each on a row of its own.
static constexpr int64_t kRowsPerBlock = 4;

/// The most components of a carrier that is a vector, and of a tuple; the most
/// points of inner dims.
static constexpr int64_t kLargestCarrier = 8, kLargestTuple = 16,
                         kLargestInner = 64;

/// The barriers of a block besides the one of all its threads.
static constexpr int64_t kNamedBarriers = 15;

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

TileKernels::TileKernels(ScanOp scan, ScheduleAttr schedule,
                         const Signature &signature)
    : GpuKernels(scan, schedule, signature),
      timeLanes(laneDim == int(space.getTime())),
      lookback(schedule.getAlgorithm() == "lookback"),
      hasFinal(
          llvm::any_of(scan.getOutputs().getAsRange<ResultAttr>(),
                       [](ResultAttr output) { return output.isFinal(); })),
      width(schedule.getWidth()), steps(schedule.getSteps()),
      group(timeLanes ? 1 : schedule.getGroup()), teams(kWarp / group),
      chunks(schedule.getChunks()), warps(schedule.getWarps()),
      channels(timeLanes ? 1 : width), stages(schedule.getStages()),
      laneTile(group * channels), tileSteps(warps * chunks * teams * steps),
      rows(warps == 1 && !lookback ? kRowsPerBlock : 1),
      threads(kWarp * warps * rows) {
  for (unsigned i = 0; i < scan.getInputs().size(); ++i)
    accesses.push_back(getAccess(i));
  auto yield = cast<YieldOp>(scan.getElements().front().getTerminator());
  for (const Carrier &carrier : carriers) {
    algebra::Pattern pattern = carrier.product;
    bool varies = scan.getSegments() != nullptr;
    for (unsigned i = 0; i < carrier.size; ++i)
      for (unsigned j = 0; j < carrier.size; ++j) {
        // Where a sequence starts, nothing is left of the state before. Of a
        // monoid one number says so.
        if (scan.getSegments() && pattern(i, j) == algebra::Entry::One &&
            (!carrier.monoid || i == 0))
          pattern(i, j) = algebra::Entry::Any;
        if (carrier.step(i, j) == algebra::Entry::Any)
          varies |=
              emitter
                  .getIndexSet(yield.getOperand(carrier.getEntryOperand(i, j)))
                  .test(space.getTime());
      }
    uniform.push_back(!varies && !carrier.monoid && pattern.count() > 0);
    keepsLast |= hasFinal && uniform.back();
    patterns.push_back(std::move(pattern));
  }
  planStages();
}

bool TileKernels::isTileable(ScanLikeOpInterface scan) {
  ScanDims dims(scan);
  SpaceAttr space = scan.getSpace();
  int64_t points = 1;
  for (unsigned dim : dims.inner) {
    if (!space.isStatic(dim) || space.getSizes()[dim] > kLargestInner)
      return false;
    points *= std::max<int64_t>(1, space.getSizes()[dim]);
  }
  auto isInner = [&](const Carrier &carrier, StringAttr name) {
    int dim = space.find(name.getValue());
    return dims.isInner(dim) && dim != carrier.row;
  };
  return scan.getNumStates() > 0 && points <= kLargestInner &&
         llvm::all_of(getCarriers(scan), [&](const Carrier &carrier) {
           Type part = getPartType(getKernelType(carrier.type));
           if (llvm::any_of(
                   scan.getState(carrier.state).getDims(),
                   [&](StringAttr name) { return isInner(carrier, name); }))
             return false;
           return carrier.size <=
                      (carrier.monoid ? kLargestTuple : kLargestCarrier) &&
                  (part.isInteger(1) || (isa<FloatType>(part) &&
                                         part.getIntOrFloatBitWidth() >= 32));
         });
}

LogicalResult TileKernels::emit(gpu::GPUModuleOp gpuModule, StringRef name) {
  if (!isTileable(scan))
    return scan.emitError() << "schedule '" << schedule.getAlgorithm()
                            << "' needs steps that fit in registers: states "
                               "of up to "
                            << kLargestCarrier
                            << " numbers that depend on each other, or tuples "
                               "of up to "
                            << kLargestTuple << ", and no other reduced dims";
  if (lookback && laneTile > threads)
    return scan.emitError()
           << "schedule 'lookback' needs a thread for each "
              "channel of a block, found "
           << laneTile << " channels and " << threads << " threads";
  if (timeLanes && steps % width != 0)
    return scan.emitError() << "expected steps to be vectors of " << width
                            << ", found " << steps;
  if (timeLanes && stages && (chunks != 1 || kWarp % (steps / width) != 0))
    return scan.emitError()
           << "expected one chunk of up to 32 vectors, a power of two, with "
              "stages along time, found "
           << chunks << " of " << steps / width;
  if (handsOver() && failed(checkStages()))
    return failure();
  module = gpuModule;
  prefix = name.str();
  gpu::GPUFuncOp function = createKernel(module, name, threads);
  describeTile(function);
  // Registers for as many blocks as keep a multiprocessor's memory busy.
  int64_t resident = handsOver()                 ? 1
                     : isLight()                 ? 1024 / threads
                     : hasLargeOrder()           ? 256 / threads
                     : stages && !hasLargeMaps() ? 768 / threads
                                                 : 512 / threads;
  function->setAttr("nvvm.minctasm",
                    b.getI32IntegerAttr(std::max<int64_t>(1, resident)));
  readParameters(function);
  locate();
  checkInner();
  if (isPacked()) {
    // Without sequences there are no start states to read.
    Value any =
        compare(arith::CmpIPredicate::sgt, sizes[space.getSegment()], i64(0));
    auto branch = scf::IfOp::create(b, loc, any, /*withElse=*/false);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    packedBegin = getBound(i64(0));
    packedEnd = getBound(sizes[space.getSegment()]);
  }
  if (lookback)
    emitLookback();
  else
    emitSerial();
  b.setInsertionPointToEnd(&function.front());
  gpu::ReturnOp::create(b, loc);
  return success();
}

LogicalResult TileKernels::checkStages() {
  if (timeLanes || group != kWarp || warps == 1 || warps > kNamedBarriers ||
      isPacked())
    return scan.emitError()
           << "schedule 'tile' with stages needs lanes along channels, a group "
              "of "
           << kWarp << ", 2 to " << kNamedBarriers
           << " warps and whole sequences, found lanes along '"
           << schedule.getLanes() << "', a group of " << group << " and "
           << warps << " warps" << (isPacked() ? ", packed" : "");
  for (unsigned input = 0; input < accesses.size(); ++input)
    if (getRegisters(input) > 0 && !isStaged(input))
      return scan.emitError()
             << "schedule 'tile' with stages needs pieces of 4, 8 or 16 bytes, "
                "found "
             << getRegisterType(input) << " of '"
             << signature.arguments[inputArguments[input]].name << "'";
  return success();
}

//===----------------------------------------------------------------------===//
// Where a thread is
//===----------------------------------------------------------------------===//

/// The thread's place in its block, and the counts of units and tiles.
void TileKernels::locate() {
  thread = toI32(getThreadId());
  lane = arith::AndIOp::create(b, loc, thread, i32(kWarp - 1));
  warp = arith::ShRUIOp::create(b, loc, thread, i32(5));
  team = arith::DivUIOp::create(b, loc, lane, i32(group));
  Value count = i64(1);
  for (unsigned dim : dims.parallel)
    count = mul(count, getUnits(dim, laneTile));
  units = toI32(count);
  Value length = sizes[space.getTime()];
  tiles = toI32(arith::DivUIOp::create(b, loc, add(length, i64(tileSteps - 1)),
                                       i64(tileSteps)));
  // A sequence without steps still has its final states.
  tiles = arith::MaxUIOp::create(b, loc, tiles, i32(1));
  sequenceBegin = i64(0);
  sequenceEnd = length;
}

/// The positions of a unit, and the channels of this thread.
void TileKernels::locateUnit(Value number) {
  unit = number;
  position.assign(space.getRank(), Value());
  spread(
      unit, dims.parallel,
      [&](unsigned dim) { return toI32(getUnits(dim, laneTile)); }, position);
  for (unsigned dim : llvm::reverse(dims.parallel))
    position[dim] = toI64(position[dim]);
  if (timeLanes || laneDim < 0)
    return;
  channelBase = mul(position[laneDim], i64(laneTile));
  Value own = arith::RemUIOp::create(b, loc, lane, i32(group));
  own = arith::ExtUIOp::create(b, loc, i64Type, own);
  Value channel = add(channelBase, mul(own, i64(channels)));
  Value inside = compare(arith::CmpIPredicate::slt, channel, sizes[laneDim]);
  isChannel = isChannel
                  ? arith::AndIOp::create(b, loc, isChannel, inside).getResult()
                  : inside;
  // Threads past the last channel work on it again and write nothing.
  threadChannel = arith::MinSIOp::create(b, loc, channel,
                                         sub(sizes[laneDim], i64(channels)));
}

/// Goes to the tile whose first step is `begin`, and to the thread's first.
void TileKernels::goToTile(Value begin) {
  Value inWarp = arith::MulIOp::create(b, loc, team, i32(steps));
  Value inBlock =
      arith::MulIOp::create(b, loc, warp, i32(chunks * teams * steps));
  Value both = arith::AddIOp::create(b, loc, inWarp, inBlock);
  tileBegin = begin;
  threadBegin = add(begin, arith::ExtUIOp::create(b, loc, i64Type, both));
  Value end = add(begin, i64(tileSteps));
  isFull = compare(arith::CmpIPredicate::sle, end,
                   isPacked() ? packedEnd : sequenceEnd);
  if (isPacked())
    isFull = arith::AndIOp::create(
        b, loc, isFull, compare(arith::CmpIPredicate::sge, begin, packedBegin));
}

/// Goes to one of the thread's channels, if its lanes run along channels.
void TileKernels::goToChannel(int64_t channel) {
  if (!timeLanes && laneDim >= 0)
    position[laneDim] = add(threadChannel, i64(channel));
}

/// Goes to one element of the thread: `step`, `time` and the lane position.
void TileKernels::setElement(int64_t chunk, int64_t number, int64_t channel) {
  chunkNow = chunk;
  stepNow = number;
  channelNow = channel;
  goToChannel(channel);
  step = add(threadBegin, i64(chunk * teams * steps + number));
  time = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), step) : step;
}

Value TileKernels::isInside(int64_t chunk, int64_t number) {
  Value at = add(threadBegin, i64(chunk * teams * steps + number));
  if (!isPacked())
    return compare(arith::CmpIPredicate::slt, at, sequenceEnd);
  return arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::slt, at, packedEnd),
      compare(arith::CmpIPredicate::sge, at, packedBegin));
}

//===----------------------------------------------------------------------===//
// The two kernels
//===----------------------------------------------------------------------===//

/// A block (or a warp, if a block has several rows) walks the tiles of a unit.
void TileKernels::emitSerial() {
  Value number = toI32(getBlockId());
  isChannel = {};
  if (rows > 1) {
    number = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, number, i32(rows)), warp);
    isChannel = compare(arith::CmpIPredicate::ult, number, units);
    Value last = arith::SubIOp::create(b, loc, units, i32(1));
    number = arith::MinUIOp::create(b, loc, number, last);
    warp = i32(0);
  }
  locateUnit(number);
  if (!isChannel)
    isChannel = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  loadConstants();
  SmallVector<States> starts(channels);
  for (int64_t v = 0; v < channels; ++v) {
    goToChannel(v);
    if (!isPacked())
      starts[v] = createStartsOfAll();
    else
      for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
        starts[v].push_back(getNeutral(carrier));
  }
  SmallVector<Value> carried;
  if (handsOver()) {
    beginHandOver(starts);
  } else {
    for (const States &states : starts)
      for (const State &state : states)
        llvm::append_range(carried, state);
    if (warps > 1)
      totals = createShared(module, prefix + "_totals", 2 * getTotalBytes());
  }
  unsigned numCarries = carried.size();
  auto split = [&](ValueRange values) {
    SmallVector<States> states(channels);
    for (int64_t v = 0; v < channels; ++v)
      for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
        unsigned size = getOrder(carrier);
        states[v].emplace_back(values.begin(), values.begin() + size);
        values = values.drop_front(size);
      }
    return states;
  };
  if (isPacked() && hasFinal)
    storeFinalsOfEmpty();

  if (handsOver()) {
    carried.push_back(loadFirstTiles());
  } else {
    goToTile(i64(0));
    llvm::append_range(carried, loadTile());
  }
  auto loop =
      scf::ForOp::create(b, loc, i64(0), sequenceEnd, i64(tileSteps), carried);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value begin = loop.getInductionVar();
    goToTile(begin);
    auto arguments = loop.getRegionIterArgs();
    Value stage;
    if (handsOver()) {
      stage = arguments.back();
      stagedMemory = at(stagesMemory, stage);
    } else {
      registers.assign(arguments.begin() + numCarries, arguments.end());
    }
    emitFold();
    combineWarp();
    // One barrier a tile: tiles alternate between two buffers.
    Value buffer;
    if (warps > 1 && !handsOver()) {
      Value odd = arith::AndIOp::create(
          b, loc, arith::DivUIOp::create(b, loc, begin, i64(tileSteps)),
          i64(1));
      buffer = at(totals, mul(odd, i64(getTotalBytes())));
      publishToBlock(buffer);
      gpu::BarrierOp::create(b, loc);
    }
    SmallVector<States> carries, entries;
    if (handsOver())
      entries = handOver();
    else
      carries = split(ValueRange(arguments));
    for (int64_t v = 0; v < int64_t(carries.size()); ++v) {
      States &entry = entries.emplace_back();
      for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
        State &carry = carries[v][carrier];
        if (warps == 1) {
          entry.push_back(carry);
          carry = apply(carrier, warpTotal[v][carrier], carry);
          continue;
        }
        carry = open(carrier, carry);
        State own = carry;
        Value channel =
            arith::AddIOp::create(b, loc, getFirstChannel(), i32(v));
        for (int64_t w = 0; w < warps; ++w) {
          Value here = compare(arith::CmpIPredicate::eq, warp, i32(w));
          own = select(here, carry, own);
          Map map = loadWarpTotal(carrier, buffer, w, channel);
          if (!sharesTransition(carrier))
            map.entries = warpTotal[v][carrier].entries;
          carry = apply(carrier, map, carry);
        }
        carry = close(carrier, carry);
        entry.push_back(close(carrier, own));
      }
    }
    emitReplay(entries);
    storeTile();
    if (keepsLast)
      storeFinalsOfLast();
    SmallVector<Value> next;
    for (const States &states : carries)
      for (const State &state : states)
        llvm::append_range(next, state);
    if (handsOver()) {
      // There is room where the warp has read from.
      syncStages();
      goToTile(add(begin, i64(stages * tileSteps)));
      loadTile();
      commitStaged();
      stage = arith::AddIOp::create(b, loc, stage, i32(stagedBytes));
      Value isEnd =
          compare(arith::CmpIPredicate::eq, stage, i32(stages * stagedBytes));
      next.push_back(arith::SelectOp::create(b, loc, isEnd, i32(0), stage));
    } else {
      goToTile(add(begin, i64(tileSteps)));
      llvm::append_range(next, loadTile());
    }
    scf::YieldOp::create(b, loc, next);
  }
  if (handsOver())
    endHandOver();
  else if (hasFinal && !isPacked())
    storeFinalsAtEnd(split(loop.getResults()));
}

/// Sends the tiles of all stages on their way. Gives the stage of the first.
Value TileKernels::loadFirstTiles() {
  stagesMemory = createDynamicShared(module, prefix);
  requireRows();
  auto loop = scf::ForOp::create(b, loc, i32(0), i32(stages), i32(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value number = loop.getInductionVar();
  stagedMemory =
      at(stagesMemory, arith::MulIOp::create(b, loc, number, i32(stagedBytes)));
  goToTile(mul(toI64(number), i64(tileSteps)));
  loadTile();
  commitStaged();
  b.setInsertionPoint(loop);
  return i32(0);
}

/// Every thread of the first warp has the final states; its first team writes.
void TileKernels::storeFinalsAtEnd(ArrayRef<States> states) {
  Value one = compare(arith::CmpIPredicate::eq, team, i32(0));
  Value zero = compare(arith::CmpIPredicate::eq, warp, i32(0));
  Value writes = arith::AndIOp::create(b, loc, one, zero);
  writes = arith::AndIOp::create(b, loc, writes, isChannel);
  if (keepsLast) // those of a sequence without steps
    writes = arith::AndIOp::create(
        b, loc, writes, compare(arith::CmpIPredicate::eq, sequenceEnd, i64(0)));
  when(writes, [&] { storeFinalsOfAll(states); });
}

/// Draws a ticket, which only the first thread has then. Tickets are given in
/// the order in which blocks ask for them, so a block waits only for tiles of
/// blocks that run: those of smaller tickets, which each block works on first.
Value TileKernels::drawTicket() {
  Type i32Type = b.getI32Type();
  auto drawing = scf::IfOp::create(
      b, loc, i32Type, compare(arith::CmpIPredicate::eq, thread, i32(0)), true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(drawing.thenBlock());
  Value ticket = LLVM::AtomicRMWOp::create(
      b, loc, LLVM::AtomicBinOp::add, workspace, i32(1),
      LLVM::AtomicOrdering::monotonic, "device");
  scf::YieldOp::create(b, loc, ticket);
  b.setInsertionPointToEnd(drawing.elseBlock());
  scf::YieldOp::create(b, loc, i32(0));
  return drawing.getResult(0);
}

/// Gives all threads the ticket of the first.
Value TileKernels::shareTicket(Value ticket) {
  when(compare(arith::CmpIPredicate::eq, thread, i32(0)),
       [&] { LLVM::StoreOp::create(b, loc, ticket, ticketShared, 4); });
  gpu::BarrierOp::create(b, loc);
  return LLVM::LoadOp::create(b, loc, b.getI32Type(), ticketShared, 4);
}

/// Whether a block that is done with a tile goes on with another: it starts
/// sooner than a new one, which has to draw a ticket first. Measured on an
/// H200, sums of products gain up to a tenth. What is bound by arithmetic loses
/// as much, where fewer blocks fit with the registers of a loop.
bool TileKernels::isPersistent() const {
  if (stages) // as many blocks as share the memory are there anyway
    return false;
  if (!timeLanes)
    return dims.inner.empty();
  return llvm::all_of(carriers, [](const Carrier &carrier) {
    return carrier.semiring == Semiring::PlusTimes;
  });
}

/// A block works on the tile of its ticket, or on those of its tickets, one
/// after the other.
void TileKernels::emitLookback() {
  ticketShared = createShared(module, prefix + "_ticket", 16);
  totals = createShared(module, prefix + "_totals", getTotalBytes());
  entriesShared = createShared(module, prefix + "_entries", getEntryBytes());
  windowShared = createShared(module, prefix + "_window", getWindowBytes());
  Value count = arith::MulIOp::create(b, loc, tiles, units);
  Type i32Type = b.getI32Type();
  Value drawn = shareTicket(drawTicket());
  if (!isPersistent()) {
    emitTile(drawn);
    return;
  }
  auto loop = scf::WhileOp::create(b, loc, TypeRange{i32Type}, drawn);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, i32Type, loc);
  b.setInsertionPointToStart(before);
  Value exists =
      compare(arith::CmpIPredicate::ult, before->getArgument(0), count);
  scf::ConditionOp::create(b, loc, exists, before->getArguments());
  Block *body = b.createBlock(&loop.getAfter(), {}, i32Type, loc);
  b.setInsertionPointToStart(body);
  Value next = emitTile(body->getArgument(0));
  scf::YieldOp::create(b, loc, ValueRange{shareTicket(next)});
}

/// Works on the tile of a ticket. Draws the next, if there is one, before the
/// results are written: no other tile waits for anything of this one then.
Value TileKernels::emitTile(Value ticket) {
  // Neighbouring units first: their tiles are neighbours in memory, and a
  // tile's predecessor has started long before.
  tile = arith::DivUIOp::create(b, loc, ticket, units);
  isChannel = {};
  locateUnit(arith::RemUIOp::create(b, loc, ticket, units));
  if (!isChannel)
    isChannel = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  goToTile(mul(toI64(tile), i64(tileSteps)));

  if (stages)
    stagedMemory = createDynamicShared(module, prefix);
  loadConstants();
  registers = loadTile();
  if (isPacked() && hasFinal) {
    auto first = scf::IfOp::create(
        b, loc, compare(arith::CmpIPredicate::eq, tile, i32(0)), false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(first.thenBlock()->getTerminator());
    storeFinalsOfEmpty();
  }
  emitFold();
  combineWarp();
  publishToBlock(totals);
  gpu::BarrierOp::create(b, loc);

  // One thread a channel publishes the tile's map.
  Value isFirst = compare(arith::CmpIPredicate::eq, tile, i32(0));
  Value looks = compare(arith::CmpIPredicate::ult, thread, i32(laneTile));
  SmallVector<Type> mapTypes, types;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
    Type type = getKernelType(carriers[carrier].type);
    types.append(getOrder(carrier), type);
    mapTypes.append(patterns[carrier].count() + getOrder(carrier), type);
  }
  auto composing = scf::IfOp::create(b, loc, mapTypes, looks, true);
  {
    OpBuilder::InsertionGuard guard(b);
    auto yield = [&](ArrayRef<Map> maps) {
      SmallVector<Value> values;
      for (const Map &map : maps) {
        llvm::append_range(values, map.entries);
        for (const std::optional<Value> &rest : map.rest)
          values.push_back(*rest);
      }
      scf::YieldOp::create(b, loc, values);
    };
    b.setInsertionPointToEnd(composing.thenBlock());
    Maps all;
    SmallVector<Maps> before(carriers.size());
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Map map = open(carrier, loadWarpTotal(carrier, totals, 0, thread));
      for (int64_t w = 1; w < warps; ++w) {
        before[carrier].push_back(close(carrier, map));
        map = compose(carrier, map, loadWarpTotal(carrier, totals, w, thread));
      }
      map = close(carrier, map);
      publishMap(thread, carrier, map);
      all.push_back(std::move(map));
    }
    // The total of each warp makes room for the map of the warps before it.
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      for (int64_t w = 1; w < warps; ++w) {
        Value row = arith::AddIOp::create(b, loc, thread, i32(w * laneTile));
        storeMap(getTotal(totals, carrier, row), carrier,
                 before[carrier][w - 1]);
      }
    yield(all);
    b.setInsertionPointToEnd(composing.elseBlock());
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      all[carrier] = getIdentity(carrier);
    yield(all);
  }
  Maps own;
  ValueRange composed = composing.getResults();
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
    unsigned count = patterns[carrier].count(), size = getOrder(carrier);
    Map &map = own.emplace_back(Map{patterns[carrier], {}, {}});
    map.entries.assign(composed.begin(), composed.begin() + count);
    composed = composed.drop_front(count);
    map.rest.assign(composed.begin(), composed.begin() + size);
    composed = composed.drop_front(size);
  }
  readWindow();
  gpu::BarrierOp::create(b, loc);

  // It also combines it with the tiles before.
  auto looking = scf::IfOp::create(b, loc, looks, /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(looking.thenBlock()->getTerminator());
    Value valid = isChannel;
    if (!timeLanes && laneDim >= 0) {
      Value own = add(channelBase, toI64(thread));
      valid = compare(arith::CmpIPredicate::slt, own, sizes[laneDim]);
      position[laneDim] =
          arith::MinSIOp::create(b, loc, own, sub(sizes[laneDim], i64(1)));
    }
    auto branch = scf::IfOp::create(b, loc, types, isFirst, /*withElse=*/true);
    {
      OpBuilder::InsertionGuard keep(b);
      b.setInsertionPointToEnd(branch.thenBlock());
      auto yield = [&](const States &states) {
        SmallVector<Value> values;
        for (const State &state : states)
          llvm::append_range(values, state);
        scf::YieldOp::create(b, loc, values);
      };
      States starts;
      if (!isPacked())
        starts = createStartsOfAll();
      for (unsigned carrier = 0; isPacked() && carrier < carriers.size();
           ++carrier)
        starts.push_back(getNeutral(carrier));
      yield(starts);
      b.setInsertionPointToEnd(branch.elseBlock());
      yield(lookBack(thread, own));
    }
    States exits;
    ValueRange entered = branch.getResults();
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      State entry(entered.begin(), entered.begin() + getOrder(carrier));
      entered = entered.drop_front(getOrder(carrier));
      exits.push_back(apply(carrier, own[carrier], entry));
      publishFinal(thread, carrier, exits.back());
      SmallVector<Value> parts;
      for (Value number : entry)
        appendParts(number, parts);
      storeRecord(getEntry(carrier, thread), parts);
    }
    if (hasFinal && !isPacked() && !keepsLast) {
      Value last = arith::SubIOp::create(b, loc, tiles, i32(1));
      Value writes = compare(arith::CmpIPredicate::eq, tile, last);
      writes = arith::AndIOp::create(b, loc, writes, valid);
      auto writing = scf::IfOp::create(b, loc, writes, /*withElse=*/false);
      b.setInsertionPoint(writing.thenBlock()->getTerminator());
      storeFinals(exits);
    }
  }
  gpu::BarrierOp::create(b, loc);
  SmallVector<States> entries(channels);
  Value isFirstWarp = compare(arith::CmpIPredicate::eq, warp, i32(0));
  Value first = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, warp, i32(laneTile)),
      getFirstChannel());
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Value channel = arith::AddIOp::create(b, loc, getFirstChannel(), i32(v));
      Value row = arith::AddIOp::create(b, loc, first, i32(v));
      SmallVector<Value> parts =
          loadRecord(getEntry(carrier, channel), getPart(carrier),
                     getOrder(carrier) * getParts(carrier));
      ArrayRef<Value> rest(parts);
      State entry = takeNumbers(carrier, getOrder(carrier), rest);
      if (warps > 1) {
        Map before = loadMap(carrier, getTotal(totals, carrier, row));
        entry = select(isFirstWarp, entry, apply(carrier, before, entry));
      }
      entries[v].push_back(entry);
    }
  emitReplay(entries);
  Value next = isPersistent() ? drawTicket() : Value();
  storeTile();
  if (keepsLast)
    storeFinalsOfLast();
  return next;
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

/// Whether to combine two maps takes more registers than the usual.
bool TileKernels::hasLargeMaps() const {
  return llvm::any_of(
      llvm::seq<size_t>(0, carriers.size()), [&](size_t carrier) {
        return getParts(carrier) *
                   (getOrder(carrier) + patterns[carrier].count()) >
               8;
      });
}

/// Whether matrices have more rows than registers are enough for with several
/// blocks a multiprocessor: on an H200 blocks of order 5 and 6 take 1.14 and
/// 0.30 ms with two, and 0.86 and 0.17 with one, which spills less. (Order 4
/// and tuples of 14 are slower with one.)
bool TileKernels::hasLargeOrder() const {
  return llvm::any_of(carriers, [](const Carrier &carrier) {
    return !carrier.monoid && carrier.size > 4;
  });
}

/// Operations of a step that is folded and replayed, where they are more work
/// than to move a step.
int64_t TileKernels::getWork(const Carrier &carrier) const {
  if (MonoidOp monoid = carrier.monoid) {
    OpCost cost = getCombineCost(monoid);
    return 2 * int64_t(cost.arithmetic + 8 * cost.special);
  }
  bool isLog = carrier.semiring == Semiring::LogSumExp;
  int64_t size = carrier.size, entries = patterns[getNumber(carrier)].count();
  if (size == 1 || (size <= 3 && !isLog))
    return 0;
  int64_t work =
      isUniform(getNumber(carrier)) ? 2 * size * size : (2 + size) * entries;
  return isLog ? 4 * work : work;
}

/// Whether 64 registers are enough for a block that walks rows of 16-bit
/// numbers: what it has read and what is on its way fill half of them.
bool TileKernels::isLight() {
  if (!timeLanes || lookback || stages || rows > 1 || width < 8 ||
      hasLargeMaps())
    return false;
  int64_t bits = 0;
  for (unsigned input = 0; input < accesses.size(); ++input)
    if (int64_t count = getRegisters(input); count > 0) {
      auto vector = dyn_cast<VectorType>(getRegisterType(input));
      Type element = getElementTypeOrSelf(getRegisterType(input));
      bits += count * (vector ? vector.getNumElements() : 1) *
              element.getIntOrFloatBitWidth();
    }
  return bits <= 16 * 32;
}

/// So much shared memory that a multiprocessor of the target holds one block:
/// blocks read rows of a few hundred bytes each, and the more of them are under
/// way, the further apart is what the memory is asked for. Measured on an H200
/// (bf16, 8 x 4096 x 4096), 98 % of streaming with one block and 92 % with two.
int64_t TileKernels::getSharedOfOneBlock() const {
  // (multiprocessors of 8.6, 8.9 and 12 have 100 kB, larger ones 164 or 228)
  StringRef target = schedule.getTarget();
  bool isSmall = target.starts_with("sm_86") || target.starts_with("sm_89") ||
                 target.starts_with("sm_12");
  return (isSmall ? 52 : 116) << 10;
}

void TileKernels::describeTile(gpu::GPUFuncOp function) {
  uint64_t vectors = 0;
  int64_t vectorBytes = 0;
  auto addVector = [&](unsigned argument) {
    vectors |= uint64_t(1) << argument;
    Type element = getStorageType(signature.arguments[argument].element);
    int64_t bytes = getPartType(element).getIntOrFloatBitWidth() / 8;
    vectorBytes =
        std::max(vectorBytes, width * bytes * (isPair(element) ? 2 : 1));
  };
  for (auto [i, access] : llvm::enumerate(accesses))
    if (access == Access::Vector || access == Access::StepVector)
      addVector(inputArguments[i]);
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal() &&
        isVectorAxis(resultArguments[i], getResultMap(i)))
      addVector(resultArguments[i]);
  Launch launch;
  llvm::raw_string_ostream os(launch.variant);
  os << schedule.getAlgorithm() << " along " << schedule.getLanes() << ", "
     << tileSteps << " x " << laneTile
     << (timeLanes && width == 1 ? ", one by one" : "")
     << (schedule.getContiguous() ? "" : ", any strides")
     << (stages ? ", staged" : "");
  launch.shared = stagedBytes;
  if (handsOver())
    launch.shared = std::max(stages * stagedBytes, getSharedOfOneBlock());
  launch.laneDim = timeLanes ? -1 : laneDim;
  launch.laneTile = laneTile;
  launch.itemsPerBlock = rows;
  launch.block = threads;
  launch.vectorBytes = vectorBytes;
  launch.vectors = vectors;
  launch.sizeMultiple = width;
  if (lookback) {
    launch.timeTile = tileSteps;
    launch.persistent = isPersistent();
    launch.zeroedConstant = kTicketBytes;
    launch.zeroedPerTile = 8 * getWords() * laneTile;
  }
  for (const Carrier &carrier : carriers)
    launch.stepCost = std::max(launch.stepCost, 4 * getWork(carrier));
  launch.registers = handsOver()                              ? 128
                     : hasLargeOrder()                        ? 255
                     : stages && timeLanes && !hasLargeMaps() ? 80
                     : lookback                               ? 128
                     : rows > 1                               ? 56
                     : isLight()                              ? 64
                                                              : 96;
  launch.stepsInFlight = getElements() * std::max<int64_t>(1, stages);
  describe(function, launch);
}
