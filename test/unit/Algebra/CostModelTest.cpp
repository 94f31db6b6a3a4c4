//===-- CostModelTest.cpp - tests of the roofline -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests of roofline times and of the machines' figures.
//===----------------------------------------------------------------------===//

#include "compiler/Algebra/CostModel.h"

#include <gtest/gtest.h>

using namespace recur::algebra;

TEST(CostModel, TheSlowestResourceBounds) {
  Machine machine{"test", 100, 1000, 10, 1};
  Work work{50, 50, 500, 5};
  EXPECT_EQ(estimate(work, machine).bound, Bound::Bandwidth);
  EXPECT_DOUBLE_EQ(estimate(work, machine).seconds, 1);
  work.special = 20;
  EXPECT_EQ(estimate(work, machine).bound, Bound::Special);
  EXPECT_DOUBLE_EQ(estimate(work, machine).seconds, 2);
  work.arithmetic = 3000;
  EXPECT_EQ(estimate(work, machine).bound, Bound::Arithmetic);
  EXPECT_DOUBLE_EQ(estimate(work, machine).seconds, 3);
}

TEST(CostModel, NoWorkTakesNoTime) {
  EXPECT_EQ(estimate({}, *getGpu(90)).seconds, 0);
  EXPECT_EQ(Work().intensity(), 0);
}

TEST(CostModel, MachinesArePlausible) {
  for (unsigned capability : {80u, 90u, 100u}) {
    std::optional<Machine> gpu = getGpu(capability);
    ASSERT_TRUE(gpu);
    EXPECT_GT(gpu->arithmetic, gpu->special);
    EXPECT_GT(gpu->special, gpu->bandwidth / 8);
  }
  EXPECT_FALSE(getGpu(75));
  EXPECT_GT(getH200().bandwidth, getGpu(90)->bandwidth);
  Machine host = getHost(256);
  EXPECT_GE(host.cores, 1);
  EXPECT_GT(host.bandwidth, 1e8);
  EXPECT_LT(host.bandwidth, 1e13);
}
