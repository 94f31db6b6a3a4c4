//===-- PlanTest.cpp - the split of work ----------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tiles cover time exactly once, and time is split only where that pays.
#include "runtime/lib/Plan.h"
#include "test/unit/Runtime/AffineRecurrence.h"

#include <gtest/gtest.h>

using namespace recur;
using namespace recur::runtime;
using namespace recur::test;

namespace {

Plan planFor(AffineOptions options, int64_t b, int64_t t, int64_t d,
             int32_t threads, std::vector<int64_t> cumulative = {}) {
  AffineRecurrence recurrence(options);
  AffineProblem problem(options, b, t, d, std::move(cumulative));
  ArgumentList list = problem.call();
  CheckedArguments arguments;
  EXPECT_EQ(arguments.check(recurrence.info, list.pointers(), list.size()),
            RECUR_OK);
  Plan plan;
  EXPECT_EQ(plan.make(arguments, threads), RECUR_OK);
  return plan;
}

} // namespace

TEST(TimeTiling, CoversTimeOnce) {
  for (int64_t group : {1, 2, 5})
    for (int64_t steps : {0, 1, 63, 64, 65, 111, 112, 113, 1000, 4096}) {
      TimeTiling tiling = {112, 64, group};
      int64_t at = 0, count = tiling.count(steps);
      for (int64_t k = 0; k < count; ++k) {
        StepRange tile = tiling.tile(k, steps);
        EXPECT_EQ(tile.begin, at);
        EXPECT_TRUE(tile.end > at || steps == 0);
        at = tile.end;
      }
      EXPECT_EQ(at, steps) << "group " << group;
    }
}

// One channel over a long time keeps all threads busy only by tiles of time.
TEST(Plan, SplitsTimeOfFewItems) {
  Plan plan = planFor({}, 1, 1'000'000, 4, 2);
  EXPECT_TRUE(plan.splitsTime);
  EXPECT_EQ(plan.bodies, 2);
  EXPECT_GE(plan.tiling.count(1'000'000), 8);
}

// Lanes that hold no elements move no bytes: tiles of time grow until they fill
// the cache.
TEST(Plan, SizesTilesByTheLanesInUse) {
  AffineRecurrence recurrence({});
  recurrence.variant.item_lanes = 16;
  auto stepsOf = [&](int64_t channels) {
    AffineProblem problem({}, 1, 1'000'000, channels);
    ArgumentList list = problem.call();
    CheckedArguments arguments;
    EXPECT_EQ(arguments.check(recurrence.info, list.pointers(), list.size()),
              RECUR_OK);
    Plan plan;
    EXPECT_EQ(plan.make(arguments, 2), RECUR_OK);
    EXPECT_TRUE(plan.splitsTime);
    return static_cast<double>(plan.tiling.foldedSteps);
  };
  EXPECT_NEAR(stepsOf(4) / stepsOf(16), 4.0, 0.1);
}

// Splitting time computes more: it is not done where items suffice.
TEST(Plan, SplitsItemsWhereTheySuffice) {
  EXPECT_FALSE(planFor({}, 1, 100'000, 8, 2).splitsTime);
  EXPECT_FALSE(planFor({}, 2, 100'000, 4, 2).splitsTime);
  EXPECT_FALSE(planFor({}, 1, 1'000'000, 4, 1).splitsTime);
}

// Where a fold costs several steps, two threads take longer than one would;
// many threads still gain, by direct tiles that are as much longer.
TEST(Plan, SplitsTimeOnlyWhereFoldsPay) {
  AffineOptions options{.stepCost = 200, .foldCost = 4};
  EXPECT_FALSE(planFor(options, 1, 1'000'000, 4, 2).splitsTime);
  Plan plan = planFor(options, 1, 1'000'000, 4, 16);
  EXPECT_TRUE(plan.splitsTime);
  EXPECT_NEAR(static_cast<double>(plan.tiling.directSteps),
              5.0 * static_cast<double>(plan.tiling.foldedSteps), 128);
  options.foldCost = 0.8;
  EXPECT_TRUE(planFor(options, 1, 1'000'000, 4, 2).splitsTime);
}

// Where memory is the limit, a fold takes as long as a direct tile of as many
// steps, and its replay from cache most of that again.
TEST(Plan, GivesDirectTilesTheTimeOfAFold) {
  AffineOptions options{.stepCost = 0.1, .foldCost = 2};
  Plan plan = planFor(options, 1, 10'000'000, 1, 2);
  EXPECT_TRUE(plan.splitsTime);
  EXPECT_NEAR(static_cast<double>(plan.tiling.directSteps),
              1.7 * static_cast<double>(plan.tiling.foldedSteps), 128);
}

// A tiny call runs on its caller.
TEST(Plan, DoesNotWakeThreadsForLittleWork) {
  EXPECT_EQ(planFor({}, 1, 1, 512, 16).bodies, 1);
  EXPECT_EQ(planFor({}, 1, 512, 4, 16).bodies, 1);
}

// Many sequences are as good as many items; one that dwarfs the others is not.
TEST(Plan, CountsSequencesAsParallel) {
  AffineOptions options{.segments = true};
  std::vector<int64_t> even, uneven = {0, 10, 990'000, 1'000'000};
  for (int64_t k = 0; k <= 100; ++k)
    even.push_back(k * 10'000);
  Plan plan = planFor(options, 1, 1'000'000, 4, 4, even);
  EXPECT_FALSE(plan.splitsTime);
  EXPECT_EQ(plan.bodies, 4);
  EXPECT_TRUE(planFor(options, 1, 1'000'000, 4, 4, uneven).splitsTime);
}

// The states of a block of items stay in cache, however many items there are.
TEST(Plan, BoundsTheStatesOfABlock) {
  Plan plan = planFor({}, 1, 1, 100'000, 1);
  EXPECT_LE(plan.blockItems * plan.carryBytes, 64 << 10);
  EXPECT_LE(plan.workspaceBytes, 256 << 10);
}

// Kernels without fold are never given a part of the time.
TEST(Plan, NeedsFoldToSplitTime) {
  AffineRecurrence recurrence({});
  recurrence.variant.fold = nullptr;
  AffineProblem problem({}, 1, 1'000'000, 4);
  ArgumentList list = problem.call();
  CheckedArguments arguments;
  ASSERT_EQ(arguments.check(recurrence.info, list.pointers(), list.size()),
            RECUR_OK);
  Plan plan;
  ASSERT_EQ(plan.make(arguments, 8), RECUR_OK);
  EXPECT_FALSE(plan.splitsTime);
}

// Extents that depend on sizes, and those that overflow.
TEST(Plan, MeasuresExtents) {
  AffineRecurrence recurrence({});
  recurrence.variant.scratch_bytes = {
      64, 100, 1u << AffineRecurrence::D | 1u << AffineRecurrence::B};
  AffineProblem problem({}, 3, 4, 5);
  ArgumentList list = problem.call();
  CheckedArguments arguments;
  ASSERT_EQ(arguments.check(recurrence.info, list.pointers(), list.size()),
            RECUR_OK);
  Plan plan;
  ASSERT_EQ(plan.make(arguments, 1), RECUR_OK);
  EXPECT_EQ(plan.scratchBytes, 64 + 1536); // 100 * 15 rounded up to 64
  recurrence.variant.carry_bytes.per_product = INT64_MAX / 2;
  recurrence.variant.carry_bytes.dim_mask = 1u << AffineRecurrence::D;
  EXPECT_EQ(plan.make(arguments, 1), RECUR_OUT_OF_MEMORY);
  EXPECT_STREQ(
      recur_last_error(),
      "recurrence 'affine': the states of one element exceed 2^63 bytes");
}

// What computes less is taken where the arguments stay in cache, and strided
// memory costs little; elsewhere the first variant that fits is.
TEST(Plan, TakesTheVariantThatComputesLess) {
  AffineRecurrence recurrence({});
  recur_cpu_variant variants[] = {recurrence.variant, recurrence.variant};
  variants[0].item_lanes = 1; // steps share a vector
  variants[0].step_cost_ns = 4;
  variants[0].step_bytes = 12;
  variants[1].item_lanes = 16;
  variants[1].unit_stride_mask = 0;
  variants[1].step_cost_ns = 12;
  variants[1].step_bytes = 192;
  recurrence.info.cpu_variants = variants;
  recurrence.info.n_cpu_variants = 2;
  auto chosen = [&](int64_t b, int64_t t, int64_t d) {
    AffineProblem problem({}, b, t, d);
    ArgumentList list = problem.call();
    CheckedArguments arguments;
    EXPECT_EQ(arguments.check(recurrence.info, list.pointers(), list.size()),
              RECUR_OK);
    Plan plan;
    EXPECT_EQ(plan.make(arguments, 1), RECUR_OK);
    return plan.variant - variants;
  };
  EXPECT_EQ(chosen(2, 70, 24), 1);
  EXPECT_EQ(chosen(2, 70, 2), 0);    // most lanes would be empty
  EXPECT_EQ(chosen(2, 700, 240), 0); // strided rows fall out of the cache
  variants[0].step_cost_ns = 0;      // memory is the limit
  EXPECT_EQ(chosen(2, 70, 24), 0);
}
