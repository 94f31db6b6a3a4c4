//===-- GpuPlanTest.cpp - which variant runs ------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Applicability, the cost model's choice, and RECUR_SCHEDULE.
#include "test/unit/Runtime/GpuRecurrence.h"

#include <cstdlib>

using namespace recur::test;

namespace {

class GpuPlanTest : public GpuCallTest {
protected:
  ~GpuPlanTest() override { unsetenv("RECUR_SCHEDULE"); }

  static std::string refusal(const std::string &rest) {
    return "recurrence 'affine': no variant of the artifact takes these "
           "arguments; 'vectors': " +
           rest;
  }
};

// Strides, then alignment, then sizes.
TEST_F(GpuPlanTest, TakesWhatApplies) {
  GpuRecurrence affine;
  auto &vectors = affine.add("vectors", {affine.kernel("v")});
  vectors.contiguous_dim = GpuRecurrence::D;
  vectors.unit_stride_mask = 0b01011;
  vectors.vector_mask = 0b01011;
  vectors.vector_bytes = 16;
  vectors.size_multiple = 4;
  make(0, 3, 100, 52);
  EXPECT_EQ(select(affine), "vectors");

  replace(1, 0, {3, 100, 52}, {10400, 104, 2});
  EXPECT_EQ(select(affine),
            refusal("expected stride 1 along 'd' in argument 'x', found 2"));
  replace(1, 0, {3, 100, 52}, {5400, 54, 1});
  EXPECT_EQ(select(affine), refusal("expected the stride along 't' in argument "
                                    "'x' to be a multiple of 16 bytes, found "
                                    "216"));
  GpuTensor &x = replace(1, 0, {3, 100, 52});
  x.tensor.byte_offset = 4;
  char address[32];
  std::snprintf(address, sizeof address, "%#llx",
                (unsigned long long)x.address() + 4);
  EXPECT_EQ(
      select(affine),
      refusal("expected argument 'x' aligned to 16 bytes, found address " +
              std::string(address)));
  make(0, 3, 100, 50);
  EXPECT_EQ(select(affine), refusal("expected a size of 'd' that is a multiple "
                                    "of 4, found 50"));
  // A stride along a size of 1 is never used.
  make(0, 1, 1, 4);
  replace(1, 0, {1, 1, 4}, {7, 3, 1});
  EXPECT_EQ(select(affine), "vectors");
  // Arguments outside the masks may have any.
  make(0, 3, 100, 52);
  replace(2, 0, {3, 52}, {2, 6});
  EXPECT_EQ(select(affine), "vectors");

  affine.add("any", {affine.kernel("s")});
  make(0, 3, 100, 50);
  EXPECT_EQ(select(affine), "any");
}

TEST_F(GpuPlanTest, NeedsCodeForTheDevice) {
  GpuRecurrence affine;
  affine.info.targets = "sm_90a";
  affine.add("serial", {affine.kernel("s")},
             {affine.image("sm_90a", RECUR_GPU_PTX, 90, "ptx", true)});
  make(1, 3, 100, 50);
  EXPECT_EQ(
      select(affine),
      "recurrence 'affine': no code in the artifact runs on CUDA device 1 "
      "(Fake A100, capability 8.0); its targets: sm_90a");
}

TEST_F(GpuPlanTest, NeedsSharedMemory) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("s");
  kernel.shared_bytes = 200 << 10;
  affine.add("big", {kernel});
  make(1, 3, 100, 50);
  EXPECT_EQ(select(affine),
            "recurrence 'affine': no variant of the artifact takes these "
            "arguments; 'big': expected at most 166912 bytes of shared memory, "
            "found 204800");
  make(0, 3, 100, 50);
  EXPECT_EQ(select(affine), "big");
}

/// A thread for each channel, and tiles of time over the grid.
void addBoth(GpuRecurrence &affine) {
  auto serial = affine.kernel("serial");
  affine.add("serial, lanes along d", {serial});
  auto tiles = affine.kernel("tiles");
  tiles.lane_tile = 32;
  tiles.items_per_block = 1;
  tiles.block = 256;
  tiles.time_tile = 256;
  auto &variant = affine.add("look-back, lanes along d", {tiles});
  variant.zeroed_per_tile = 4;
  variant.tile_steps = 256;
}

// Many channels fill the device; few do not, and time must be cut.
TEST_F(GpuPlanTest, TheModelChooses) {
  GpuRecurrence affine;
  addBoth(affine);
  make(0, 64, 256, 4096);
  EXPECT_EQ(select(affine), "serial, lanes along d");
  make(0, 1, 1 << 20, 128);
  EXPECT_EQ(select(affine), "look-back, lanes along d");
  make(0, 4, 1, 64);
  EXPECT_EQ(select(affine), "serial, lanes along d");
}

TEST_F(GpuPlanTest, TheEnvironmentOverrides) {
  GpuRecurrence affine;
  addBoth(affine);
  make(0, 64, 256, 4096);
  setenv("RECUR_SCHEDULE", "look-back", 1);
  EXPECT_EQ(select(affine), "look-back, lanes along d");
  setenv("RECUR_SCHEDULE", "", 1);
  EXPECT_EQ(select(affine), "serial, lanes along d");
  setenv("RECUR_SCHEDULE", "lanes along d", 1); // both: the model chooses
  EXPECT_EQ(select(affine), "serial, lanes along d");
  setenv("RECUR_SCHEDULE", "cluster", 1);
  EXPECT_EQ(select(affine),
            "recurrence 'affine': RECUR_SCHEDULE: expected a name or a part of "
            "one of 'serial, lanes along d', 'look-back, lanes along d', found "
            "'cluster'");
  // What it names must also apply.
  GpuRecurrence strict;
  addBoth(strict);
  auto &rows = strict.add("rows", {strict.kernel("rows")});
  rows.contiguous_dim = GpuRecurrence::T;
  rows.unit_stride_mask = 1;
  setenv("RECUR_SCHEDULE", "rows", 1);
  EXPECT_EQ(select(strict),
            "recurrence 'affine': no variant of the artifact that "
            "RECUR_SCHEDULE='rows' allows takes these arguments; 'rows': "
            "expected stride 1 along 't' in argument 'a', found 4096");
}

// A name that is part of another's can still be asked for.
TEST_F(GpuPlanTest, AnExactNameIsThatOne) {
  GpuRecurrence affine;
  affine.add("serial wide", {affine.kernel("w")});
  auto slow = affine.kernel("s");
  slow.step_cost = 1e6;
  affine.add("serial", {slow});
  make(0, 64, 256, 4096);
  EXPECT_EQ(select(affine), "serial wide");
  setenv("RECUR_SCHEDULE", "serial", 1);
  EXPECT_EQ(select(affine), "serial");
}

} // namespace
