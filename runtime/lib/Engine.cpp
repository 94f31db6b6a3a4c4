//===-- Engine.cpp - fold, combine, replay on the CPU ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Two shapes of schedule. With enough items for all threads, each block of
/// items runs its sequences from start to end. With few items and a long time,
/// time is cut into tiles that threads take in order: each folds its tile, then
/// in its turn takes the running state as its entry and advances it by the
/// tile's summary for the next one, then replays the tile, which the fold has
/// brought into cache, from its true entry state.
///
/// Tiles are handed out in order and a tile waits only for earlier ones, whose
/// holders are running: there is no deadlock, however few threads there are.
#include "runtime/lib/Engine.h"

#include "runtime/lib/Machine.h"

#include <cstring>
#include <new>
#include <sched.h>

using namespace recur::runtime;

namespace {

/// Waits for another thread: spinning first, then letting others run, which
/// matters where threads outnumber cores.
template <typename Done> void waitUntil(Done done) {
  for (int32_t round = 0; !done(); ++round) {
    if (round < 2000)
      relaxCore();
    else
      sched_yield();
  }
}

} // namespace

Engine::Engine(const CheckedArguments &arguments, const Plan &plan,
               char *workspace)
    : arguments(arguments), plan(plan), variant(*plan.variant),
      frame(arguments.frame()), shooting(arguments, plan.shooting, workspace),
      bodyMemory(workspace + plan.shooting.bytes + plan.sharedBytes),
      units(plan.itemBlocks * plan.sequenceBlocks) {
  if (!plan.splitsTime)
    return;
  int64_t sequences = arguments.sequences();
  runningCarry = workspace;
  firstTicket =
      reinterpret_cast<int64_t *>(workspace + plan.items * plan.carryBytes);
  replayed =
      reinterpret_cast<std::atomic<int64_t> *>(firstTicket + sequences + 1);
  numberTiles();
}

void Engine::run(const Execution &execution) {
  if (plan.shooting.variant && shooting.run(execution) == 0)
    return;
  auto body = plan.splitsTime
                  ? [](void *self,
                       int64_t i) { static_cast<Engine *>(self)->runTiles(i); }
                  : [](void *self, int64_t i) {
                      static_cast<Engine *>(self)->runUnits(i);
                    };
  if (plan.items > 0 && arguments.sequences() > 0)
    execution.parallelFor(plan.bodies, body, this);
}

Engine::Memory Engine::memoryOf(int64_t body) const {
  char *carry = bodyMemory + body * plan.bodyBytes;
  char *summary = carry + plan.bodyItems() * plan.carryBytes;
  char *scratch =
      summary + (plan.splitsTime ? plan.bodyItems() * plan.summaryBytes : 0);
  return {carry, summary, scratch};
}

//===----------------------------------------------------------------------===//
// Items split
//===----------------------------------------------------------------------===//

void Engine::runUnits(int64_t body) {
  Memory memory = memoryOf(body);
  for (;;) {
    int64_t unit = nextUnit.fetch_add(1, std::memory_order_relaxed);
    if (unit >= units)
      return;
    int64_t itemBlock = unit / plan.sequenceBlocks;
    int64_t sequenceBlock = unit % plan.sequenceBlocks;
    // Balanced blocks: sizes differ by at most one.
    int64_t share = plan.items / plan.itemBlocks;
    int64_t longer = plan.items % plan.itemBlocks;
    int64_t begin =
        itemBlock * share + (itemBlock < longer ? itemBlock : longer);
    int64_t end = begin + share + (itemBlock < longer ? 1 : 0);
    int64_t last = firstSequenceOfBlock(sequenceBlock + 1);
    for (int64_t s = firstSequenceOfBlock(sequenceBlock); s < last; ++s)
      if (!isSolved(s))
        runSequence(s, begin, end, memory);
  }
}

/// Blocks of sequences have about the same number of steps: block k starts at
/// the first sequence that begins at or after k's share of the time.
int64_t Engine::firstSequenceOfBlock(int64_t block) const {
  if (block == 0)
    return 0;
  if (block == plan.sequenceBlocks)
    return arguments.sequences();
  auto share = static_cast<int64_t>(static_cast<__int128>(arguments.time()) *
                                    block / plan.sequenceBlocks);
  int64_t low = 0, high = arguments.sequences();
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (arguments.sequenceBegin(middle) < share)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void Engine::runSequence(int64_t sequence, int64_t itemBegin, int64_t itemEnd,
                         const Memory &memory) const {
  int64_t begin = arguments.sequenceBegin(sequence);
  int64_t end = arguments.sequenceEnd(sequence);
  recur_tile whole = {itemBegin, itemEnd, sequence, begin, end, begin, end, 0};
  bool reports = plan.shooting.variant;
  int64_t stateBytes = (itemEnd - itemBegin) * plan.carryBytes;
  if (reports) // (lanes and numbers that there are not are not looked at)
    std::memset(memory.carry, 0, stateBytes);
  start(whole, memory);
  replay(whole, memory);
  if (reports)
    shooting.reportOrdered(variant, itemBegin, itemEnd, memory.carry,
                           plan.carryBytes);
  finish(whole, memory);
}

//===----------------------------------------------------------------------===//
// Time split
//===----------------------------------------------------------------------===//

void Engine::numberTiles() {
  int64_t tickets = 0, sequences = arguments.sequences();
  for (int64_t s = 0; s < sequences; ++s) {
    firstTicket[s] = tickets;
    tickets += plan.tiling.count(arguments.sequenceEnd(s) -
                                 arguments.sequenceBegin(s));
    new (&replayed[s]) std::atomic<int64_t>(0);
  }
  firstTicket[sequences] = tickets;
  units = tickets;
}

Engine::Position Engine::locate(int64_t ticket) const {
  int64_t low = 0, high = arguments.sequences() - 1;
  while (low < high) { // the last sequence whose first ticket is not later
    int64_t middle = low + (high - low + 1) / 2;
    if (firstTicket[middle] <= ticket)
      low = middle;
    else
      high = middle - 1;
  }
  return {low, ticket - firstTicket[low],
          firstTicket[low + 1] - firstTicket[low]};
}

void Engine::awaitTurn(int64_t ticket) const {
  waitUntil([&] { return turn.load(std::memory_order_acquire) == ticket; });
}

void Engine::passTurn(int64_t ticket) {
  turn.store(ticket + 1, std::memory_order_release);
}

void Engine::runTiles(int64_t body) {
  Memory memory = memoryOf(body);
  for (;;) {
    int64_t ticket = nextUnit.fetch_add(1, std::memory_order_relaxed);
    if (ticket >= units)
      return;
    runTile(ticket, memory);
  }
}

void Engine::runTile(int64_t ticket, const Memory &memory) {
  Position at = locate(ticket);
  int64_t steps =
      arguments.sequenceEnd(at.sequence) - arguments.sequenceBegin(at.sequence);
  recur_tile tile = tileOf(at.sequence, plan.tiling.tile(at.index, steps));
  int64_t stateBytes = plan.items * plan.carryBytes;

  if (at.isFirst()) {
    // The entry state is the start state: nothing to wait for.
    start(tileOf(at.sequence, {0, steps}), memory);
    replay(tile, memory);
    awaitTurn(ticket);
    if (!at.isLast())
      std::memcpy(runningCarry, memory.carry, stateBytes);
    passTurn(ticket);
  } else if (at.isLast()) {
    // Nobody asks for the exit state: no fold.
    awaitTurn(ticket);
    std::memcpy(memory.carry, runningCarry, stateBytes);
    passTurn(ticket);
    replay(tile, memory);
  } else if (plan.tiling.isDirect(at.index)) {
    awaitTurn(ticket);
    std::memcpy(memory.carry, runningCarry, stateBytes);
    replay(tile, memory);
    std::memcpy(runningCarry, memory.carry, stateBytes);
    passTurn(ticket);
  } else {
    fold(tile, memory);
    awaitTurn(ticket);
    std::memcpy(memory.carry, runningCarry, stateBytes);
    combine(tile, memory);
    passTurn(ticket);
    replay(tile, memory);
  }

  std::atomic<int64_t> &done = replayed[at.sequence];
  if (!at.isLast()) {
    done.fetch_add(1, std::memory_order_release);
    return;
  }
  // A final state may be written over the start state, which resets in earlier
  // tiles still read.
  waitUntil(
      [&] { return done.load(std::memory_order_acquire) == at.count - 1; });
  finish(tileOf(at.sequence, {0, steps}), memory);
}

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

/// The tile of all items at `steps` of a sequence; a reverse recurrence walks
/// its sequence from the end.
recur_tile Engine::tileOf(int64_t sequence, StepRange steps) const {
  int64_t begin = arguments.sequenceBegin(sequence);
  int64_t end = arguments.sequenceEnd(sequence);
  bool reverse = arguments.info().flags & RECUR_REVERSE;
  return {0,
          plan.items,
          sequence,
          begin,
          end,
          reverse ? end - steps.end : begin + steps.begin,
          reverse ? end - steps.begin : begin + steps.end,
          0};
}

void Engine::start(const recur_tile &tile, const Memory &memory) const {
  variant.start(&frame, &tile, memory.carry, nullptr, memory.scratch);
}

/// Products of numbers less than 1, over the steps of a tile, leave the normal
/// range and would stay under it, where a step takes many times as long: there
/// a summary has 0 instead. A replay rounds nothing to 0.
void Engine::fold(const recur_tile &tile, const Memory &memory) const {
  FlushesTiny flushes;
  variant.fold(&frame, &tile, nullptr, memory.summary, memory.scratch);
}

/// Advances the running state past the tile.
void Engine::combine(const recur_tile &tile, const Memory &memory) {
  variant.advance(&frame, &tile, runningCarry, memory.summary, memory.scratch);
}

void Engine::replay(const recur_tile &tile, const Memory &memory) const {
  if (tile.begin < tile.end)
    variant.replay(&frame, &tile, memory.carry, nullptr, memory.scratch);
}

void Engine::finish(const recur_tile &tile, const Memory &memory) const {
  if (variant.finish)
    variant.finish(&frame, &tile, memory.carry, nullptr, memory.scratch);
}
