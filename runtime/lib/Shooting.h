//===-- Shooting.h - segments of time at once on the CPU --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Multiple shooting for steps that are not affine: few channels, long time.
/// The lanes of a vector are neighbouring segments of time, and groups of lanes
/// lie one behind the other. Each segment begins where the one before it ended:
///
///   exits := guesses, from the last steps of each segment alone
///   if half of those steps lead elsewhere by far: leave it to the caller
///   repeat
///     entries := exits of the segments before; the first begins at the start
///     if no entry has changed: done
///     exits := the segments run from their entries, and write their results
///
/// A step that forgets makes the first guesses right, and the second look at
/// them the last. Entries are compared by their bits, so that what is written
/// is what one step after the other writes. Each pass makes at least one more
/// entry right; what has not met when the passes are used up is left to the
/// caller. By how much the guesses still change tells how fast a step forgets,
/// and so how many passes it will take: a chaotic step is left to the caller
/// before the first.
#ifndef RECUR_RUNTIME_LIB_SHOOTING_H
#define RECUR_RUNTIME_LIB_SHOOTING_H

#include "runtime/lib/Arguments.h"
#include "runtime/lib/Plan.h"
#include "runtime/lib/ThreadPool.h"

#include <atomic>

namespace recur::runtime {

/// The sequences of one call that are long enough.
class Shooting {
public:
  /// `workspace` is 64-byte aligned and has the plan's bytes.
  Shooting(const CheckedArguments &arguments, const ShootingPlan &plan,
           char *workspace);

  /// Runs them. Returns how many sequences there are to run still.
  int64_t run(const Execution &execution);

  /// Whether nothing is left to do for a sequence.
  bool isSolved(int64_t sequence) const { return solved[sequence] != 0; }

  /// Takes in the last states of items [begin, end) of the variant `ordered`,
  /// which has run a sequence in order: `carryBytes` an item. What no lane has
  /// is 0.
  void reportOrdered(const recur_cpu_variant &ordered, int64_t begin,
                     int64_t end, const char *carry, int64_t carryBytes) const;

private:
  /// What a unit of work, some elements of the parallel space in one group of
  /// lanes, does.
  enum class Phase { Guess, Meet, Run, Finish };

  /// A group's lanes: where the first begins, counted from the sequence's
  /// start, and the steps of each.
  struct Group {
    int64_t begin, steps;
  };
  Group groupAt(int64_t number) const;

  bool runSequence(int64_t number, const Execution &execution);
  void runPhase(Phase phase, const Execution &execution);
  void runUnits(int64_t body);
  void runUnit(int64_t unit, char *scratch);
  void guess(const Group &group, int64_t number, int64_t item, int64_t end,
             char *scratch);
  void compareGuesses(int64_t number, int64_t item, int64_t end);
  double predictPasses() const;
  bool meet(int64_t number, int64_t item, int64_t end);
  void finish(int64_t item, int64_t end, char *scratch);
  void report(int64_t item, bool isSequenceSolved);

  recur_tile tileOf(int64_t item, int64_t end, int64_t from, int64_t to,
                    int64_t segmentSteps) const;
  char *entryOf(int64_t group, int64_t item) const {
    return entries + (group * plan.items + item) * plan.carryBytes;
  }
  char *exitOf(int64_t group, int64_t item) const {
    return exits + (group * plan.items + item) * plan.carryBytes;
  }

  const CheckedArguments &arguments;
  const ShootingPlan &plan;
  const recur_cpu_variant *variant; ///< null: there is nothing to run
  recur_frame frame;
  recur_channel_report *reports;
  /// Bytes: of each sequence, and of each unit whether its entries have
  /// changed.
  char *solved, *changed;
  char *entries, *exits, *scratchMemory;

  // The sequence at hand.
  int64_t sequence = 0, steps = 0, groups = 0;
  int32_t pass = 0;
  Phase phase = Phase::Guess;
  alignas(64) std::atomic<int64_t> nextUnit{0};
  std::atomic<int64_t> changes{0};
  /// The bits of the largest gap between the guesses of a sequence.
  std::atomic<uint32_t> gap{0};
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_SHOOTING_H
