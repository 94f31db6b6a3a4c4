//===-- GpuModelTest.cpp - estimates of GPU schedules ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What the model must say whatever its constants are measured to be.
#include "runtime/lib/GpuModel.h"

#include "gtest/gtest.h"

using namespace recur::runtime;

namespace {

constexpr GpuMachine h100 = {90, 132,   1.7,       3350,     2048,
                             32, 65536, 228 << 10, 227 << 10};

recur_gpu_kernel makeSerial() {
  recur_gpu_kernel kernel{};
  kernel.block = 64;
  kernel.items_per_block = 64;
  kernel.lane_tile = 1;
  kernel.registers = 32;
  kernel.step_cost = 30;
  return kernel;
}

/// A scan whose blocks have one unit each, of so many neighbours.
recur_gpu_kernel makeBlocks(int32_t threads, int32_t lanes, int32_t stepCost) {
  recur_gpu_kernel kernel{};
  kernel.phase = RECUR_GPU_SCAN;
  kernel.block = threads;
  kernel.lane_tile = lanes;
  kernel.items_per_block = 1;
  kernel.step_cost = stepCost;
  return kernel;
}

double time(const recur_gpu_kernel &kernel, int64_t units, int64_t steps,
            int64_t tiles = 1) {
  double bytes = double(units) * double(steps) * 4;
  GpuGrid grid = {units, (units + 63) / 64 * tiles, tiles};
  GpuWork work = {steps, 2 * bytes, bytes, 0};
  return estimateKernel(h100, gpuConstants, kernel, grid, work, false, true);
}

// Lanes that are not neighbours in memory waste most of what they read.
TEST(GpuModelTest, AnyStridesMoveMoreBytes) {
  recur_gpu_kernel kernel = makeBlocks(256, 32, 30);
  kernel.time_tile = 256;
  kernel.steps_in_flight = 32;
  GpuWork work = {4096, 1e9, 5e8, 0};
  GpuGrid grid = {4096, 65536, 16};
  double neighbours =
      estimateKernel(h100, gpuConstants, kernel, grid, work, true, true);
  double apart =
      estimateKernel(h100, gpuConstants, kernel, grid, work, true, false);
  EXPECT_GT(apart, 2 * neighbours);
}

// A tile of 2048 steps is half empty in a row of 1024; one of 256 is not.
TEST(GpuModelTest, ShortRowsDoNotFillTiles) {
  recur_gpu_kernel wide = makeBlocks(256, 1, 30);
  wide.lane_dim = -1;
  wide.steps_in_flight = 8;
  recur_gpu_kernel narrow = wide;
  narrow.block = 32;
  auto estimate = [](const recur_gpu_kernel &kernel, int64_t steps) {
    GpuWork work = {steps, 5e8, 2.5e8, 0};
    GpuGrid grid = {65536, 65536, 1};
    return estimateKernel(h100, gpuConstants, kernel, grid, work, true, true);
  };
  EXPECT_GT(estimate(wide, 1024), 1.5 * estimate(narrow, 1024));
  EXPECT_LT(estimate(wide, 2048), 1.1 * estimate(narrow, 2048));
}

// The units behind the last full round, if there is room for all their halves.
TEST(GpuModelTest, HalvesTheLastUnits) {
  recur_gpu_kernel kernel = makeBlocks(384, 16, 900);
  kernel.registers = 128;
  kernel.halves_from = 768;
  ASSERT_EQ(residentBlocks(h100, kernel, 0), 1);
  auto halve = [&](int64_t units, int64_t steps) {
    return halvedUnits(h100, kernel, {units, units, 1}, steps);
  };
  EXPECT_EQ(halve(320, 2048), 56);
  EXPECT_EQ(halve(132 + 66, 768), 66);
  EXPECT_EQ(halve(132 + 67, 768), 0);
  EXPECT_EQ(halve(320, 767), 0);
  for (int64_t units : {1, 56, 132, 264})
    EXPECT_EQ(halve(units, 2048), 0) << units;
  auto estimate = [&](int64_t halved) {
    GpuGrid grid = {320, 320 + halved, 1};
    grid.halved = halved;
    GpuWork work = {2048, 1e6, 1e6, 0};
    return estimateKernel(h100, gpuConstants, kernel, grid, work, true, true);
  };
  EXPECT_LT(estimate(56), 0.9 * estimate(0));
  kernel.halves_from = 0;
  EXPECT_EQ(halve(320, 2048), 0);
}

// One multiprocessor moves no more than its share, whatever is in flight.
TEST(GpuModelTest, FewBlocksPullLess) {
  recur_gpu_kernel kernel = makeBlocks(256, 64, 0);
  kernel.steps_in_flight = 1 << 16;
  auto estimate = [&](int64_t blocks) {
    GpuWork work = {1 << 16, 1e9, 5e8, 0};
    return estimateKernel(h100, gpuConstants, kernel, {blocks, blocks, 1}, work,
                          true, true);
  };
  double all = estimate(h100.multiprocessors);
  EXPECT_NEAR(estimate(8), 2 * estimate(16), 0.01 * estimate(8));
  EXPECT_GT(estimate(8), 3 * all);
  EXPECT_NEAR(estimate(100), all, 0.01 * all);
}

// Few units: time goes with the steps, not with the units.
TEST(GpuModelTest, FewUnitsAreBoundByTheirSteps) {
  recur_gpu_kernel serial = makeSerial();
  EXPECT_NEAR(time(serial, 64, 20000) / time(serial, 64, 10000), 2, 0.1);
  EXPECT_NEAR(time(serial, 128, 10000) / time(serial, 64, 10000), 1, 0.01);
  EXPECT_NEAR(time(serial, 5, 10000) / time(serial, 64, 10000), 1, 0.01);
}

// Many units: the bytes at a bandwidth that devices reach.
TEST(GpuModelTest, ManyUnitsAreBoundByMemory) {
  recur_gpu_kernel serial = makeSerial();
  serial.step_cost = 1;
  double units = 1 << 20, steps = 1024;
  double least = units * steps * 12 / h100.bandwidth;
  double estimated = time(serial, int64_t(units), int64_t(steps));
  EXPECT_GT(estimated, least);
  EXPECT_LT(estimated, 2 * least);
}

// Fewer threads reach the bandwidth when each has more loads under way.
TEST(GpuModelTest, LoadsInFlight) {
  recur_gpu_kernel plain = makeSerial(), ahead = makeSerial();
  plain.step_cost = ahead.step_cost = 4;
  ahead.steps_in_flight = 8;
  EXPECT_NEAR(time(plain, 4096, 2048) / time(ahead, 4096, 2048),
              8 / gpuConstants.stepsInFlight, 0.5);
}

TEST(GpuModelTest, LookBackPaysForItsTiles) {
  recur_gpu_kernel tiles = makeSerial();
  tiles.time_tile = 16;
  EXPECT_GE(time(tiles, 64, 1 << 20, 1 << 16),
            65536 * gpuConstants.lookBackHop);
}

TEST(GpuModelTest, NothingTakesNoTime) {
  EXPECT_EQ(time(makeSerial(), 0, 100), 0);
}

// Threads, shared memory, registers and the device's own limit.
TEST(GpuModelTest, ResidentBlocks) {
  recur_gpu_kernel kernel = makeSerial();
  EXPECT_EQ(residentBlocks(h100, kernel, 0), 32);
  EXPECT_EQ(residentBlocks(h100, kernel, 100 << 10), 2);
  EXPECT_EQ(residentBlocks(h100, kernel, 228 << 10), 0);
  kernel.block = 1000; // 32 warps
  EXPECT_EQ(residentBlocks(h100, kernel, 0), 2);
  kernel = makeSerial();
  kernel.registers = 255;
  EXPECT_EQ(residentBlocks(h100, kernel, 0), 4);
}

TEST(GpuModelTest, KernelsAndZeroingAdd) {
  recur_gpu_kernel kernels[] = {makeSerial(), makeSerial()};
  recur_gpu_variant variant{};
  variant.kernels = kernels;
  variant.n_kernels = 1;
  GpuGrid grids[] = {{640, 10, 1}, {640, 10, 1}};
  GpuWork work = {100, 1e6, 1e6, 0};
  auto all = [&] {
    return estimateVariant(h100, gpuConstants, variant, grids, work);
  };
  double one = all();
  variant.n_kernels = 2;
  double two = all();
  variant.zeroed_constant = 1;
  EXPECT_GT(two, one + gpuConstants.nextLaunch);
  EXPECT_NEAR(all(), two + gpuConstants.zeroing, 1e-6);
}

TEST(GpuModelTest, ImagesRunOn) {
  recur_gpu_image image{};
  image.capability = 80;
  image.format = RECUR_GPU_CUBIN;
  EXPECT_TRUE(runsOn(image, 80));
  EXPECT_TRUE(runsOn(image, 86));
  EXPECT_FALSE(runsOn(image, 75));
  EXPECT_FALSE(runsOn(image, 90));
  image.format = RECUR_GPU_PTX;
  EXPECT_TRUE(runsOn(image, 90));
  EXPECT_TRUE(runsOn(image, 120));
  EXPECT_FALSE(runsOn(image, 75));
  image.capability = 90;
  image.exact = 1;
  EXPECT_TRUE(runsOn(image, 90));
  EXPECT_FALSE(runsOn(image, 100));
}

} // namespace
