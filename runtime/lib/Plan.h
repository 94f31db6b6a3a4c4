//===-- Plan.h - how one call is run on the CPU -----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Picks the variant and the split of the work over threads. A plan depends on
/// sizes, strides and the number of threads, never on timing: equal calls run
/// equal tiles and give equal bits.
#ifndef RECUR_RUNTIME_LIB_PLAN_H
#define RECUR_RUNTIME_LIB_PLAN_H

#include "runtime/lib/Arguments.h"

namespace recur::runtime {

/// Steps [begin, end) in the order in which a sequence is walked.
struct StepRange {
  int64_t begin, end;
};

/// Cuts a sequence into groups of tiles. The first tile of a group is direct:
/// it is replayed as soon as its entry state is known. The others are folded
/// ahead, while earlier tiles still run, and replayed afterwards from cache.
/// One direct tile a group saves its fold; it is longer, so that it takes as
/// long as the fold and the replay of the others.
struct TimeTiling {
  int64_t directSteps, foldedSteps;
  int64_t group; ///< tiles in a group, one of them direct

  /// Tiles of a sequence; an empty one has one, for its start and finish.
  int64_t count(int64_t steps) const;
  StepRange tile(int64_t index, int64_t steps) const;
  bool isDirect(int64_t index) const { return index % group == 0; }
};

/// Without elements of the parallel dims nothing is computed, so every result
/// must be empty. Returns RECUR_OK or the status after `fail`.
int checkNothingToWrite(const CheckedArguments &arguments,
                        const int32_t *parallelDims, int32_t parallelRank);

/// How sequences of steps that are not affine run in lanes that are segments of
/// time: G groups of lanes, one behind the other.
struct ShootingPlan {
  const recur_cpu_variant *variant = nullptr; ///< null: they do not
  /// Elements of the parallel space, and those of a unit of work.
  int64_t items, blockItems;
  int64_t groups;     ///< of the longest sequence
  int64_t leastSteps; ///< of a sequence that is run so
  double mostPasses;  ///< that pay, of one step after the other
  int64_t carryBytes, scratchBytes;
  int32_t bodies;
  /// The workspace's parts, from its beginning: a recur_channel_report an item,
  /// a byte a sequence and unit, entry and exit states, scratch.
  int64_t reportBytes, markBytes, edgeBytes, bytes;

  int64_t blocks() const { return (items + blockItems - 1) / blockItems; }
  /// Steps of the segments of a sequence of `steps` in all groups but the last.
  int64_t segmentSteps(int64_t steps, int64_t sequenceGroups) const;
  /// Groups of a sequence.
  int64_t groupsOf(int64_t steps) const;
};

struct Plan {
  const recur_cpu_variant *variant;
  /// Elements of the flattened parallel space.
  int64_t items;
  /// Parts that run at once, each with its own memory.
  int32_t bodies;

  /// False: a unit of work is a block of items, over the whole time of a range
  /// of sequences. True: it is a tile of time, all items.
  bool splitsTime;
  int64_t itemBlocks, blockItems, sequenceBlocks;
  TimeTiling tiling;
  /// Sequences that it takes run so first; the others, and those whose segments
  /// do not meet, as above.
  ShootingPlan shooting;

  /// Bytes: of a state or summary per item, of scratch per body.
  int64_t carryBytes, summaryBytes, scratchBytes;
  /// Workspace: the shared part, then one part for each body.
  int64_t sharedBytes, bodyBytes, workspaceBytes;

  /// Items whose states a body holds at once.
  int64_t bodyItems() const { return splitsTime ? items : blockItems; }

  /// Name of the variant that runs.
  const char *name() const {
    return shooting.variant ? shooting.variant->name : variant->name;
  }

  /// Returns RECUR_OK or the status after `fail`.
  int make(const CheckedArguments &arguments, int32_t threads);

private:
  int pickVariant(const CheckedArguments &arguments);
  int measure(const CheckedArguments &arguments);
  void split(const CheckedArguments &arguments, int32_t threads);
  int planShooting(const CheckedArguments &arguments, int32_t threads);
  int layOutWorkspace(const CheckedArguments &arguments);
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_PLAN_H
