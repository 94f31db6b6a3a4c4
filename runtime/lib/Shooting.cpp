//===-- Shooting.cpp - segments of time at once on the CPU ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The phases of multiple shooting, each over all units at once.
#include "runtime/lib/Shooting.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

using namespace recur::runtime;

namespace {

/// From so many elements on one is looked at first.
constexpr int64_t sampledItems = 4;

/// The `i`th of numbers of `bytes`.
double numberAt(const char *numbers, int64_t i, int64_t bytes) {
  double number;
  if (bytes == 8) {
    std::memcpy(&number, numbers + 8 * i, 8);
    return number;
  }
  float narrow;
  std::memcpy(&narrow, numbers + 4 * i, 4);
  return narrow;
}

} // namespace

Shooting::Shooting(const CheckedArguments &arguments, const ShootingPlan &plan,
                   char *workspace)
    : arguments(arguments), plan(plan), variant(plan.variant),
      frame(arguments.frame()),
      reports(reinterpret_cast<recur_channel_report *>(workspace)),
      solved(workspace + plan.reportBytes),
      changed(solved + arguments.sequences()),
      entries(workspace + plan.reportBytes + plan.markBytes),
      exits(entries + plan.edgeBytes), scratchMemory(exits + plan.edgeBytes) {}

int64_t Shooting::run(const Execution &execution) {
  std::memset(reports, 0, plan.items * sizeof(recur_channel_report));
  int64_t left = 0;
  for (int64_t s = 0; s < arguments.sequences(); ++s) {
    solved[s] = runSequence(s, execution);
    left += !solved[s];
  }
  return left;
}

bool Shooting::runSequence(int64_t number, const Execution &execution) {
  sequence = number;
  steps = arguments.sequenceEnd(number) - arguments.sequenceBegin(number);
  if (steps < plan.leastSteps)
    return false;
  groups = plan.groupsOf(steps);
  pass = 0;
  gap.store(0, std::memory_order_relaxed);
  // One element tells of most chaotic steps, before much is lost to them.
  bool isHopeless = false;
  if (plan.items > sampledItems) {
    guess(groupAt(0), 0, 0, 1, scratchMemory);
    isHopeless = predictPasses() > plan.mostPasses;
  }
  if (!isHopeless)
    runPhase(Phase::Guess, execution);
  double expected = predictPasses();
  // (some more, since a guess at them is no more than that)
  double most = std::min<double>(variant->max_passes, expected + 2);
  if (expected > plan.mostPasses)
    most = 0;
  bool meets = false;
  while (pass < most && !meets) {
    if (pass == 0)
      runPhase(Phase::Meet, execution);
    ++pass;
    runPhase(Phase::Run, execution);
    runPhase(Phase::Meet, execution);
    meets = changes.load(std::memory_order_relaxed) == 0;
  }
  for (int64_t item = 0; item < plan.items; ++item)
    report(item, meets);
  if (meets)
    runPhase(Phase::Finish, execution);
  return meets;
}

void Shooting::runPhase(Phase now, const Execution &execution) {
  phase = now;
  nextUnit.store(0, std::memory_order_relaxed);
  changes.store(0, std::memory_order_relaxed);
  execution.parallelFor(
      plan.bodies,
      [](void *self, int64_t body) {
        static_cast<Shooting *>(self)->runUnits(body);
      },
      this);
}

void Shooting::runUnits(int64_t body) {
  char *scratch = scratchMemory + body * plan.scratchBytes;
  // The last group's units alone have something to finish.
  int64_t units = plan.blocks() * (phase == Phase::Finish ? 1 : groups);
  for (;;) {
    int64_t unit = nextUnit.fetch_add(1, std::memory_order_relaxed);
    if (unit >= units)
      return;
    runUnit(unit, scratch);
  }
}

void Shooting::runUnit(int64_t unit, char *scratch) {
  int64_t number = unit / plan.blocks();
  int64_t item = unit % plan.blocks() * plan.blockItems;
  int64_t end = std::min(item + plan.blockItems, plan.items);
  Group group = groupAt(number);
  switch (phase) {
  case Phase::Guess:
    return guess(group, number, item, end, scratch);
  case Phase::Meet:
    changed[unit] = meet(number, item, end);
    if (changed[unit])
      changes.fetch_add(1, std::memory_order_relaxed);
    return;
  case Phase::Run: {
    if (!changed[unit])
      return;
    recur_tile tile =
        tileOf(item, end, group.begin, group.begin + group.steps, group.steps);
    char *carry = exitOf(number, item);
    std::memcpy(carry, entryOf(number, item), (end - item) * plan.carryBytes);
    variant->replay(&frame, &tile, carry, nullptr, scratch);
    return;
  }
  case Phase::Finish:
    return finish(item, end, scratch);
  }
}

/// All groups but the last have segments of the same steps; the last one has
/// what is left, and steps behind its last segment.
Shooting::Group Shooting::groupAt(int64_t number) const {
  int64_t segment = plan.segmentSteps(steps, groups);
  int64_t begin = number * variant->segment_lanes * segment;
  if (number == groups - 1)
    segment = plan.segmentSteps(steps - begin, 1);
  return {begin, segment};
}

/// Exits from the last steps of each segment, which begin at the start state;
/// those of half as many, too, which go where the entries will be.
void Shooting::guess(const Group &group, int64_t number, int64_t item,
                     int64_t end, char *scratch) {
  recur_tile whole = tileOf(item, end, 0, steps, 0);
  int64_t last = group.begin + group.steps;
  int64_t count = std::min<int64_t>(variant->warm_up, group.steps);
  for (auto [carry, begin] :
       {std::pair(entryOf(number, item), last - count / 2),
        std::pair(exitOf(number, item), last - count)}) {
    recur_tile tile = tileOf(item, end, begin, last, group.steps);
    variant->start(&frame, &whole, carry, nullptr, scratch);
    variant->fold(&frame, &tile, carry, nullptr, scratch);
  }
  compareGuesses(number, item, end);
  if (number == 0) // the first segment's entry
    variant->start(&frame, &whole, entryOf(0, item), nullptr, scratch);
}

/// Takes in how far the two guesses of all exits are apart.
void Shooting::compareGuesses(int64_t number, int64_t item, int64_t end) {
  int64_t bytes = variant->number_bytes;
  const char *shorter = entryOf(number, item), *longer = exitOf(number, item);
  // (where they have the same bits nothing is left to see)
  if (std::memcmp(shorter, longer, (end - item) * plan.carryBytes) == 0)
    return;
  float largest = 0;
  for (int64_t i = 0; i < (end - item) * plan.carryBytes / bytes; ++i) {
    double x = numberAt(shorter, i, bytes), y = numberAt(longer, i, bytes);
    double apart = std::fabs(x - y) / std::max(1.0, std::fabs(y));
    if (!(apart <= largest)) // what is no number is as far as can be
      largest = apart == apart ? static_cast<float>(apart) : INFINITY;
  }
  auto bits = __builtin_bit_cast(uint32_t, largest); // in order, as it is >= 0
  uint32_t before = gap.load(std::memory_order_relaxed);
  while (before < bits &&
         !gap.compare_exchange_weak(before, bits, std::memory_order_relaxed))
    ;
}

/// Passes until segments meet to the last bit, if each run of steps makes gaps
/// smaller by the same part.
double Shooting::predictPasses() const {
  double apart = __builtin_bit_cast(float, gap.load(std::memory_order_relaxed));
  double resolution = variant->number_bytes == 8 ? 0x1p-53 : 0x1p-24;
  if (!(apart < 0.9))
    return INFINITY;
  int64_t runs = 1; // of half of the steps in front of a segment
  for (double left = apart; left > resolution; left *= apart)
    ++runs;
  int64_t behind = runs * variant->warm_up / 2 - variant->warm_up;
  int64_t segment = groupAt(0).steps;
  return 1.0 +
         static_cast<double>(behind > 0 ? (behind + segment - 1) / segment : 0);
}

/// Entries become the exits in front of them; whether one is another then. All
/// are new before the first pass.
bool Shooting::meet(int64_t number, int64_t item, int64_t end) {
  int64_t bytes = variant->number_bytes,
          vector = variant->segment_lanes * variant->number_bytes;
  bool isChanged = pass == 0;
  auto take = [&](char *to, const char *from, int64_t count) {
    if (std::memcmp(to, from, count) == 0)
      return;
    std::memcpy(to, from, count);
    isChanged = true;
  };
  for (; item < end; ++item) {
    bool wasChanged = isChanged;
    isChanged = pass == 0;
    char *entry = entryOf(number, item), *exit = exitOf(number, item);
    for (int64_t at = 0; at + vector <= plan.carryBytes; at += vector) {
      if (number > 0)
        take(entry + at, exitOf(number - 1, item) + at + vector - bytes, bytes);
      take(entry + at + bytes, exit + at, vector - bytes);
    }
    isChanged |= wasChanged;
  }
  return isChanged;
}

/// The steps behind the last segment, and the final states: all lanes do the
/// same.
void Shooting::finish(int64_t item, int64_t end, char *scratch) {
  Group group = groupAt(groups - 1);
  int64_t bytes = variant->number_bytes,
          vector = variant->segment_lanes * variant->number_bytes;
  int64_t last = group.begin + variant->segment_lanes * group.steps;
  char *carry = exitOf(groups - 1, item);
  for (int64_t at = 0; at + vector <= (end - item) * plan.carryBytes;
       at += vector)
    for (int64_t lane = 0; lane + 1 < variant->segment_lanes; ++lane)
      std::memcpy(carry + at + lane * bytes, carry + at + vector - bytes,
                  bytes);
  recur_tile rest = tileOf(item, end, last, steps, 0),
             whole = tileOf(item, end, 0, steps, 0);
  if (last < steps)
    variant->replay(&frame, &rest, carry, nullptr, scratch);
  if (variant->finish)
    variant->finish(&frame, &whole, carry, nullptr, scratch);
}

void Shooting::report(int64_t item, bool isSequenceSolved) {
  recur_channel_report &channel = reports[item];
  channel.passes = std::max(channel.passes, pass);
  if (!isSequenceSolved) { // (reportOrdered knows the rest)
    channel.flags |= RECUR_FINISHED_IN_ORDER;
    return;
  }
  int64_t bytes = variant->number_bytes;
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t i = 0; i < plan.carryBytes / bytes; ++i)
      if (!std::isfinite(numberAt(exitOf(g, item), i, bytes)))
        channel.flags |= RECUR_NOT_FINITE;
}

void Shooting::reportOrdered(const recur_cpu_variant &ordered, int64_t begin,
                             int64_t end, const char *carry,
                             int64_t carryBytes) const {
  int64_t bytes = variant->number_bytes;
  int64_t lanes = ordered.lane_dim < 0 ? 1 : ordered.item_lanes;
  int64_t position[RECUR_MAX_DIMS] = {};
  for (int64_t item = begin; item < end; ++item, carry += carryBytes) {
    int64_t rest = item;
    for (int32_t k = ordered.parallel_rank; k-- > 0;) {
      int32_t dim = ordered.parallel_dims[k];
      int64_t size = arguments.size(dim),
              unit = dim == ordered.lane_dim ? lanes : 1;
      int64_t count = (size + unit - 1) / unit;
      position[dim] = rest % count * unit;
      rest /= count;
    }
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t element = 0;
      bool isInside = true;
      for (int32_t k = 0; k < variant->parallel_rank; ++k) {
        int32_t dim = variant->parallel_dims[k];
        int64_t at = position[dim] + (dim == ordered.lane_dim ? lane : 0);
        isInside &= at < arguments.size(dim);
        element = element * arguments.size(dim) + at;
      }
      for (int64_t i = lane; isInside && i < carryBytes / bytes; i += lanes)
        if (!std::isfinite(numberAt(carry, i, bytes)))
          __atomic_fetch_or(&reports[element].flags, RECUR_NOT_FINITE,
                            __ATOMIC_RELAXED);
    }
  }
}

/// Steps [from, to) of the sequence in the order in which it is walked, those
/// of the first lane.
recur_tile Shooting::tileOf(int64_t item, int64_t end, int64_t from, int64_t to,
                            int64_t segmentSteps) const {
  int64_t first = arguments.sequenceBegin(sequence),
          last = arguments.sequenceEnd(sequence);
  bool reverse = arguments.info().flags & RECUR_REVERSE;
  return {item,
          end,
          sequence,
          first,
          last,
          reverse ? last - to : first + from,
          reverse ? last - from : first + to,
          segmentSteps};
}
