//===-- GpuCapabilityTest.cpp - targets for devices -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Which code `--target cuda` makes for the device that is there.
#include "compiler/Target/TargetSpec.h"

#include "gtest/gtest.h"

using namespace recur;

namespace {

std::string targetFor(unsigned capability) {
  auto target = TargetSpec::forCapability(capability);
  return target ? target->name : llvm::toString(target.takeError());
}

// Code for exactly the device where there is such, else of the last before it.
TEST(GpuCapability, BestTarget) {
  EXPECT_EQ(targetFor(80), "sm_80");
  EXPECT_EQ(targetFor(86), "sm_86");
  EXPECT_EQ(targetFor(88), "sm_87");
  EXPECT_EQ(targetFor(89), "sm_89");
  EXPECT_EQ(targetFor(90), "sm_90a");
  EXPECT_EQ(targetFor(100), "sm_100a");
  EXPECT_EQ(targetFor(110), "sm_103");
  EXPECT_EQ(targetFor(120), "sm_120a");
  EXPECT_EQ(targetFor(130), "sm_121");
}

TEST(GpuCapability, TooOld) {
  EXPECT_EQ(targetFor(75),
            "expected a GPU of capability 8.0 or later, found 7.5");
}

} // namespace
