//===-- TilePhases.cpp - fold, combine and replay of a tile ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The phases inside a block: over the steps of a thread, the threads of a warp
/// and the warps. Their maps are in TileMaps.cpp.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// The fewest steps of a thread that are less work at once.
static constexpr int64_t kShortestRun = 4;

/// The most registers of a thread for the products and sums of its steps.
static constexpr int64_t kRunRegisters = 64;

//===----------------------------------------------------------------------===//
// The phases' sinks
//===----------------------------------------------------------------------===//

/// Composes the maps of a thread's steps.
class TileKernels::FoldSink final : public StepSink {
public:
  explicit FoldSink(TileKernels &kernels) : k(kernels) {}

  Moved advance(OpBuilder &builder, Location, const Carrier &carrier,
                const Transition &map, const InnerPoint &) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    unsigned number = k.getNumber(carrier);
    Map &all = k.folded[k.chunkNow][k.channelNow][number];
    bool isFirst = k.stepNow == 0;
    if (k.isPacked()) {
      // Where a sequence starts, what was before has no part.
      AlgebraEmitter algebra = k.getAlgebra(carrier);
      Map own{k.patterns[number], {}, {}};
      own.entries.assign(own.pattern.count(), algebra.zero());
      for (Value part :
           algebra.apply(carrier, map, k.starts[k.channelNow][number]))
        own.rest.push_back(part);
      all = isFirst ? k.widen(number, map) : k.compose(number, all, map);
      all = k.select(k.restarts, own, all);
      return {};
    }
    if (k.isUniform(number)) {
      // Its entries are the same in every thread (see getPowers).
      Transition moves = map;
      moves.entries = k.stepMaps[k.channelNow][number].entries;
      Map next = isFirst ? k.getIdentity(number) : all;
      if (isFirst)
        for (auto [part, rest] : llvm::zip(next.rest, map.rest))
          part = rest ? rest : part;
      if (isFirst)
        next = k.open(number, next);
      else
        for (auto [part, value] :
             llvm::zip(next.rest, k.apply(number, moves, getRest(all))))
          part = value;
      all = next;
      return {};
    }
    bool masks = k.hasFinal && !k.keepsLast;
    if (k.hasRuns(number)) {
      Map step = k.widen(number, map);
      if (masks)
        step = k.select(k.isInside(k.chunkNow, k.stepNow), step,
                        k.getIdentity(number));
      Run &run = k.runs[k.chunkNow][k.channelNow][number];
      llvm::append_range(run.as, step.entries);
      run.bs.push_back(*step.rest[0]);
      if (k.stepNow + 1 == k.steps)
        k.foldRun(number);
      return {};
    }
    if (masks && (isFirst || carrier.isSingle())) {
      Map step = k.select(k.isInside(k.chunkNow, k.stepNow),
                          k.widen(number, map), k.getIdentity(number));
      all = isFirst ? k.open(number, step) : k.compose(number, all, step);
      return {};
    }
    Map next = isFirst ? k.open(number, k.widen(number, map))
                       : k.compose(number, all, map);
    all = masks ? k.select(k.isInside(k.chunkNow, k.stepNow), next, all) : next;
    return {};
  }

private:
  TileKernels &k;
};

/// Applies a step to the states, and keeps the outputs.
class TileKernels::ReplaySink final : public StepSink {
public:
  ReplaySink(TileKernels &kernels, States &states)
      : k(kernels), states(states) {}

  Moved advance(OpBuilder &builder, Location, const Carrier &carrier,
                const Transition &map, const InnerPoint &) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    unsigned number = k.getNumber(carrier);
    State previous = states[number];
    if (k.isPacked())
      previous = k.select(k.restarts, k.starts[k.channelNow][number], previous);
    State &next = states[number];
    if (k.hasRuns(number)) {
      next = {k.runs[k.chunkNow][k.channelNow][number].states[k.stepNow]};
      return {SmallVector<Value>(previous.begin(), previous.end()),
              SmallVector<Value>(next.begin(), next.end())};
    }
    State &open = k.opened[k.chunkNow][k.channelNow][number];
    if (k.stepNow == 0 || k.isPacked())
      open = k.open(number, previous);
    open = k.computeFast(number, [&](AlgebraEmitter &algebra) {
      return algebra.apply(carrier, map, open);
    });
    next = k.close(number, open);
    return {SmallVector<Value>(previous.begin(), previous.end()),
            SmallVector<Value>(next.begin(), next.end())};
  }
  Value reload(OpBuilder &, Location, unsigned state,
               const InnerPoint &point) override {
    const Carrier &carrier = k.carriers[k.carrierOf[state]];
    int64_t component = carrier.row >= 0
                            ? *getConstantIntValue(point[carrier.row])
                            : state - carrier.state;
    return states[k.carrierOf[state]][component];
  }
  void store(OpBuilder &, Location, unsigned result, Value value,
             const InnerPoint &point) override {
    int64_t number = k.getInnerNumber(k.getResultMap(result), point);
    int64_t element =
        (k.chunkNow * k.steps + k.stepNow) * k.channels + k.channelNow;
    int64_t inner = k.getInnerCount(k.getResultMap(result));
    k.outputs[result].resize(k.getElements() * inner);
    k.outputs[result][element * inner + number] = value;
  }

private:
  TileKernels &k;
  States &states;
};

//===----------------------------------------------------------------------===//
// Fold, combine and replay inside a block
//===----------------------------------------------------------------------===//

void TileKernels::emitFold() {
  folded.assign(chunks, SmallVector<Maps>(channels, Maps(carriers.size())));
  runs.assign(chunks, SmallVector<SmallVector<Run>>(
                          channels, SmallVector<Run>(carriers.size())));
  stepMaps.assign(channels, SmallVector<Transition>(carriers.size()));
  FoldSink sink(*this);
  // Powers of transitions that do not vary over time, while the tile is on its
  // way.
  powers.assign(channels, SmallVector<Powers>(carriers.size()));
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      if (!isUniform(carrier))
        continue;
      setElement(0, 0, v);
      stepMaps[v][carrier] = emitter.emitEntries(b, carriers[carrier],
                                                 InnerPoint(space.getRank()));
      powers[v][carrier] = getPowers(carrier, stepMaps[v][carrier]);
    }
  awaitStaged();
  stagedValues.clear();
  if (isPacked())
    findSequences();
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t r = 0; r < steps; ++r) {
      enterStep(k, r);
      for (int64_t v = 0; v < channels; ++v) {
        setElement(k, r, v);
        LogicalResult done = emitStep(sink, /*withReadout=*/false);
        assert(succeeded(done) && "the scan was checked before");
        (void)done;
      }
    }
  for (SmallVector<Maps> &maps : folded)
    for (Maps &all : maps)
      for (auto [carrier, map] : llvm::enumerate(all))
        map = close(carrier, map);
  isCombining = true;
}

/// Whether the steps of a thread are folded at once. They are in registers from
/// the fold to the replay, or their sums instead.
bool TileKernels::hasRuns(unsigned carrier) {
  return steps >= kShortestRun && !stages && !isPacked() &&
         2 * getElements() * int64_t(carriers.size()) <= kRunRegisters &&
         carriers[carrier].isSingle() && carriers[carrier].hasRest[0] &&
         !isUniform(carrier) && getAlgebra(carriers[carrier]).hasRuns();
}

/// Folds the steps of the current chunk and channel: at once, or one after the
/// other where that is not precise.
void TileKernels::foldRun(unsigned carrier) {
  AlgebraEmitter algebra = getAlgebra(carriers[carrier]);
  Run &run = runs[chunkNow][channelNow][carrier];
  AlgebraEmitter::Run sums;
  run.isSummed = algebra.beginRun(run.as, run.bs, sums);
  SmallVector<Value> values(run.bs);
  values.append(run.as.begin(), run.as.end());
  values.append(2, run.bs[0]);
  auto branch = scf::IfOp::create(b, loc, ValueRange(values).getTypes(),
                                  run.isSummed, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  Value exit = algebra.foldRun(sums);
  values.assign(sums.sums.begin(), sums.sums.end());
  if (!run.as.empty())
    values.push_back(algebra.product(run.as[0], sums.products.back()));
  llvm::append_range(values, sums.products);
  values.append({sums.reference, exit});
  scf::YieldOp::create(b, loc, values);

  b.setInsertionPointToEnd(branch.elseBlock());
  Map all;
  for (int64_t i = 0; i < steps; ++i) {
    Map step{patterns[carrier], {}, {run.bs[i]}};
    if (!run.as.empty())
      step.entries.push_back(run.as[i]);
    all = i == 0 ? open(carrier, step) : compose(carrier, all, step);
  }
  all = close(carrier, all);
  values.assign(run.bs.begin(), run.bs.end());
  llvm::append_range(values, all.entries);
  llvm::append_range(values, ArrayRef(run.as).drop_front(!run.as.empty()));
  values.append({run.bs[0], *all.rest[0]});
  scf::YieldOp::create(b, loc, values);

  ValueRange results = branch.getResults();
  Map &map = folded[chunkNow][channelNow][carrier];
  map = Map{patterns[carrier], {}, {results.back()}};
  run.reference = results.drop_back().back();
  run.bs.assign(results.begin(), results.begin() + steps);
  if (run.as.empty())
    return;
  map.entries.push_back(results[steps]);
  for (int64_t i = 1; i < steps; ++i)
    run.as[i] = results[steps + i];
}

/// The states after the steps of the current chunk and channel.
std::vector<Value> TileKernels::replayRun(unsigned carrier, Value entry) {
  AlgebraEmitter algebra = getAlgebra(carriers[carrier]);
  const Run &run = runs[chunkNow][channelNow][carrier];
  auto branch =
      scf::IfOp::create(b, loc, SmallVector<Type>(steps, entry.getType()),
                        run.isSummed, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  AlgebraEmitter::Run sums;
  sums.sums.assign(run.bs.begin(), run.bs.end());
  sums.reference = run.reference;
  if (!run.as.empty())
    sums.products.assign(run.as.begin() + 1, run.as.end());
  Value first = entry;
  if (!run.as.empty()) {
    Map step{patterns[carrier], {run.as[0]}, {std::nullopt}};
    first = algebra.apply(carriers[carrier], step, {entry})[0];
  }
  scf::YieldOp::create(b, loc, algebra.replayRun(sums, first));

  b.setInsertionPointToEnd(branch.elseBlock());
  SmallVector<Value> states;
  State state = open(carrier, State{entry});
  for (int64_t i = 0; i < steps; ++i) {
    Map step{patterns[carrier], {}, {run.bs[i]}};
    if (!run.as.empty())
      step.entries.push_back(run.as[i]);
    state = algebra.apply(carriers[carrier], step, state);
    states.push_back(algebra.close(state[0]));
  }
  scf::YieldOp::create(b, loc, states);
  ValueRange results = branch.getResults();
  return {results.begin(), results.end()};
}

/// Replaces every thread's map by that of the warp's steps before it, and
/// leaves the map of all the warp's steps in `warpTotal`.
void TileKernels::combineWarp() {
  warpTotal.assign(channels, Maps());
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      // The transitions of maps that are uniform are known at every level.
      Map running = getIdentity(carrier);
      for (int64_t k = 0; k < chunks; ++k) {
        Map map = folded[k][v][carrier];
        unsigned level = 0;
        auto setTransition = [&] {
          if (isUniform(carrier))
            map.entries = powers[v][carrier].levels[level++];
        };
        setTransition();
        Map before = getIdentity(carrier);
        if (teams > 1) {
          // Hillis and Steele's scan, over the teams of the warp.
          for (int64_t distance = group; distance < kWarp; distance *= 2) {
            Map left =
                shuffle(carrier, map, i32(distance), gpu::ShuffleMode::UP);
            Value has = compare(arith::CmpIPredicate::uge, lane, i32(distance));
            map = select(has, compose(carrier, left, map), map);
            setTransition();
          }
          before = shuffle(carrier, map, i32(group), gpu::ShuffleMode::UP);
          Value isFirst = compare(arith::CmpIPredicate::ult, lane, i32(group));
          before = select(isFirst, getIdentity(carrier), before);
          if (isUniform(carrier))
            before.entries = powers[v][carrier].lane;
        }
        folded[k][v][carrier] =
            k == 0 ? before : compose(carrier, running, before);
        if (k + 1 == chunks && warps > 1) {
          // Only the last team needs the total, and has it.
          running = k == 0 ? map : compose(carrier, running, map);
          break;
        }
        if (teams > 1) {
          Value last = arith::OrIOp::create(b, loc, lane, i32(kWarp - group));
          map = shuffle(carrier, map, last, gpu::ShuffleMode::IDX);
        }
        running = k == 0 ? map : compose(carrier, running, map);
      }
      warpTotal[v].push_back(running);
    }
}

/// The address of a warp's total, in `buffer`: [carrier][warp][channel]{P, E}.
Value TileKernels::getTotal(Value buffer, unsigned carrier, Value row) {
  int64_t base = 0, bytes = 0;
  for (unsigned other = 0; other <= carrier; ++other) {
    base += warps * laneTile * bytes;
    bytes = getRecordBytes(getPart(other), getMapParts(other));
  }
  Value offset = arith::MulIOp::create(b, loc, row, i32(bytes));
  return at(buffer, arith::AddIOp::create(b, loc, offset, i32(base)));
}

/// Bytes of the totals of a block.
int64_t TileKernels::getTotalBytes() {
  int64_t bytes = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    bytes += warps * laneTile *
             getRecordBytes(getPart(carrier), getMapParts(carrier));
  return (bytes + 15) / 16 * 16;
}

/// Where a channel's entry state is shared by the block:
/// [carrier][channel]{state}.
Value TileKernels::getEntry(unsigned carrier, Value channel) {
  int64_t base = 0, bytes = 0;
  for (unsigned other = 0; other <= carrier; ++other) {
    base += laneTile * bytes;
    bytes = std::max<int64_t>(
        8, getRecordBytes(getPart(other), getOrder(other) * getParts(other)));
  }
  Value offset = arith::MulIOp::create(b, loc, channel, i32(bytes));
  return at(entriesShared, arith::AddIOp::create(b, loc, offset, i32(base)));
}

int64_t TileKernels::getEntryBytes() {
  int64_t bytes = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    bytes += laneTile *
             std::max<int64_t>(
                 8, getRecordBytes(getPart(carrier),
                                   getOrder(carrier) * getParts(carrier)));
  return bytes;
}

/// The last team of each warp writes the warp's totals.
void TileKernels::publishToBlock(Value buffer) {
  Value isLast = compare(arith::CmpIPredicate::eq, team, i32(teams - 1));
  auto branch = scf::IfOp::create(b, loc, isLast, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  Value row = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, warp, i32(laneTile)),
      getFirstChannel());
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      storeMap(
          getTotal(buffer, carrier, arith::AddIOp::create(b, loc, row, i32(v))),
          carrier, warpTotal[v][carrier]);
}

TileKernels::Map TileKernels::loadWarpTotal(unsigned carrier, Value buffer,
                                            int64_t number, Value channel) {
  Value row = arith::AddIOp::create(b, loc, channel, i32(number * laneTile));
  return loadMap(carrier, getTotal(buffer, carrier, row));
}

/// The first channel of this thread in its unit.
Value TileKernels::getFirstChannel() {
  Value own = arith::RemUIOp::create(b, loc, lane, i32(group));
  return arith::MulIOp::create(b, loc, own, i32(channels));
}

/// Runs every element from the entry state of the warp, by channel.
void TileKernels::emitReplay(ArrayRef<States> entries) {
  outputs.assign(scan->getNumResults(), {});
  reread.clear();
  stagedValues.clear();
  zero = {};
  isReplay = true;
  opened.assign(chunks, SmallVector<States>(channels, States(carriers.size())));
  SmallVector<SmallVector<States>> states(chunks);
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t v = 0; v < channels; ++v) {
      States &now = states[k].emplace_back();
      for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
        now.push_back(
            apply(carrier, folded[k][v][carrier], entries[v][carrier]));
    }
  isCombining = false;
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t v = 0; v < channels; ++v)
      for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
        if (hasRuns(carrier)) {
          chunkNow = k;
          channelNow = v;
          runs[k][v][carrier].states =
              replayRun(carrier, states[k][v][carrier][0]);
        }
  lastStates = states[0];
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t r = 0; r < steps; ++r) {
      enterStep(k, r);
      for (int64_t v = 0; v < channels; ++v) {
        setElement(k, r, v);
        ReplaySink sink(*this, states[k][v]);
        LogicalResult done = emitStep(sink, /*withReadout=*/true);
        assert(succeeded(done) && "the scan was checked before");
        (void)done;
      }
      if (isPacked() && hasFinal)
        storeFinalsOfStep(states[k]);
      if (keepsLast)
        keepLast(k, r, states[k]);
    }
  isReplay = false;
}

/// Keeps the states after a step, if it is the last of the sequence.
void TileKernels::keepLast(int64_t chunk, int64_t number,
                           ArrayRef<States> states) {
  Value rest = sub(sub(sequenceEnd, i64(1)), threadBegin);
  Value isLast = compare(arith::CmpIPredicate::eq, rest,
                         i64(chunk * teams * steps + number));
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      lastStates[v][carrier] =
          select(isLast, states[v][carrier], lastStates[v][carrier]);
}

/// Writes the final states, the thread that has the last step. A sequence
/// without steps ends in what it starts from.
void TileKernels::storeFinalsOfLast() {
  Value rest = sub(sub(sequenceEnd, i64(1)), threadBegin);
  // (a rest below 0 is a large one here)
  Value isTile =
      compare(arith::CmpIPredicate::ult, rest, i64(chunks * teams * steps));
  Value inTeam = arith::RemUIOp::create(b, loc, rest, i64(teams * steps));
  Value has = arith::AndIOp::create(
      b, loc, isTile, compare(arith::CmpIPredicate::ult, inTeam, i64(steps)));
  Value isEmpty = compare(arith::CmpIPredicate::eq, sequenceEnd, i64(0));
  isEmpty = arith::AndIOp::create(
      b, loc, isEmpty, compare(arith::CmpIPredicate::eq, team, i32(0)));
  isEmpty = arith::AndIOp::create(
      b, loc, isEmpty, compare(arith::CmpIPredicate::eq, warp, i32(0)));
  has = arith::OrIOp::create(b, loc, has, isEmpty);
  has = arith::AndIOp::create(b, loc, has, isChannel);
  when(has, [&] { storeFinalsOfAll(lastStates); });
}
