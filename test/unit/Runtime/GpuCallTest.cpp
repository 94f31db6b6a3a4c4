//===-- GpuCallTest.cpp - calls put kernels into a stream -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What calls ask of the driver: launches and their parameters, contexts,
/// modules, captures. The fake driver has no function that allocates, creates a
/// stream or waits.
#include "test/unit/Runtime/GpuRecurrence.h"

#include <cmath>
#include <cstdlib>
#include <thread>

#include <algorithm>

using namespace recur::test;

namespace {

using Calls = std::vector<std::string>;
void *const stream = reinterpret_cast<void *>(0x5712);

// Words in the order that kernels read them: data, workspace, steps, sizes,
// strides.
TEST_F(GpuCallTest, PassesWordsToTheKernel) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("words_kernel")});
  make(0, 3, 100, 50);
  replace(1, 0, {3, 100, 50}, {6000, 60, 1});
  ASSERT_EQ(call(affine, nullptr, 0, stream), RECUR_OK) << recur_last_error();
  ASSERT_EQ(fake::launches().size(), 1u);
  fake::Launch launch = fake::launches()[0];
  EXPECT_EQ(launch.symbol, "words_kernel");
  EXPECT_EQ(launch.stream, stream);
  EXPECT_EQ(launch.block, 64u);
  EXPECT_EQ(launch.grid, 3u); // 150 items
  EXPECT_EQ(launch.shared, 0u);
  std::vector<uint64_t> expected;
  for (auto &tensor : tensors)
    expected.push_back(tensor->address());
  for (uint64_t word : {0, 1, 3, 100, 50, // workspace, steps, sizes
                        5000, 50, 1, 6000, 60, 1, 50, 1, 5000, 50, 1, 50, 1})
    expected.push_back(word);
  EXPECT_EQ(launch.words, expected);
  EXPECT_TRUE(fake::memsets().empty());
}

// The second call asks nothing that the first one has answered.
TEST_F(GpuCallTest, AsksLittleInLaterCalls) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("later_kernel")});
  make(0, 3, 100, 50);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  fake::clearCalls();
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::calls(),
            (Calls{"cuCtxGetCurrent", "cuCtxGetId", "cuLaunchKernel"}));
}

// Kernels of a variant go in order; all are loaded before the first is
// launched.
TEST_F(GpuCallTest, LaunchesFoldCombineReplay) {
  GpuRecurrence affine;
  auto fold = affine.kernel("f", RECUR_GPU_FOLD),
       combine = affine.kernel("c", RECUR_GPU_COMBINE),
       replay = affine.kernel("r", RECUR_GPU_REPLAY);
  fold.time_tile = replay.time_tile = 32;
  auto &variant = affine.add("segments", {fold, combine, replay}, {},
                             {{4, 1, 0, nullptr}, {8, 0, 0, nullptr}});
  variant.tile_steps = 32;
  make(0, 3, 100, 50);
  // 150 items, 4 tiles: 2400 bytes and 1200, each rounded up to 256.
  size_t bytes = workspace(affine);
  EXPECT_EQ(bytes, 2560u + 1280u + 255u);
  uint64_t memory = fake::allocate(0, bytes);
  ASSERT_EQ(call(affine, memory, bytes), RECUR_OK) << recur_last_error();
  auto launches = fake::launches();
  ASSERT_EQ(launches.size(), 3u);
  EXPECT_EQ(launches[0].symbol, "f");
  EXPECT_EQ(launches[1].symbol, "c");
  EXPECT_EQ(launches[2].symbol, "r");
  EXPECT_EQ(launches[0].grid, 12u); // 3 blocks of items, 4 tiles
  EXPECT_EQ(launches[1].grid, 3u);
  EXPECT_EQ(launches[2].grid, 12u);
  for (auto &launch : launches) {
    EXPECT_EQ(launch.words[5], memory);
    EXPECT_EQ(launch.words[6], 32u);
  }
  Calls calls = fake::calls();
  auto lastLoad =
      std::find(calls.rbegin(), calls.rend(), "cuModuleGetFunction");
  auto firstLaunch = std::find(calls.begin(), calls.end(), "cuLaunchKernel");
  EXPECT_LT(lastLoad.base() - calls.begin(), firstLaunch - calls.begin() + 1);
}

// The zeroed part: for each unit and tile, on the caller's stream, before the
// kernel, at the aligned start of the workspace.
TEST_F(GpuCallTest, ZeroesTheStartOfTheWorkspace) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("lookback");
  kernel.lane_tile = 32;
  kernel.items_per_block = 1;
  kernel.time_tile = 64;
  auto &variant = affine.add("look-back", {kernel}, {}, {{16, 1, 0, nullptr}});
  variant.tile_steps = 64;
  variant.zeroed_constant = 8;
  variant.zeroed_per_tile = 4;
  make(0, 3, 100, 50);
  // Units: 3 * ceil(50 / 32) = 6; tiles: 2; 8 + 4 * 12 bytes are one line of
  // 256; a part for 6 * 32 positions and 2 tiles.
  size_t bytes = workspace(affine);
  EXPECT_EQ(bytes, 256u + 16 * 192 * 2 + 255u);
  uint64_t memory = fake::allocate(0, bytes + 8) + 8;
  ASSERT_EQ(call(affine, memory, bytes, stream), RECUR_OK)
      << recur_last_error();
  ASSERT_EQ(fake::memsets().size(), 1u);
  fake::Memset memset = fake::memsets()[0];
  EXPECT_EQ(memset.address, memory - 8 + 256);
  EXPECT_EQ(memset.bytes, 256u);
  EXPECT_EQ(memset.value, 0);
  EXPECT_EQ(memset.stream, stream);
  EXPECT_EQ(fake::launches()[0].grid, 12u);
  EXPECT_EQ(fake::launches()[0].words[5], memory - 8 + 256);
  Calls calls = fake::calls();
  auto zeroing = std::find(calls.begin(), calls.end(), "cuMemsetD32Async");
  ASSERT_LT(zeroing, calls.end() - 1);
  EXPECT_EQ(zeroing[1], "cuLaunchKernel");
}

// One block runs on each of 132 multiprocessors: 66 blocks more for the 66
// units behind the last full round, and their states; nothing where all rounds
// are full.
TEST_F(GpuCallTest, HalvesTheLastUnits) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("waves");
  kernel.lane_tile = 16;
  kernel.items_per_block = 1;
  kernel.block = 512;
  kernel.registers = 128;
  kernel.halves_from = 100;
  auto &variant = affine.add("waves", {kernel}, {}, {{4, 0, 0, nullptr}});
  variant.zeroed_per_tile = 4;
  make(0, 99, 100, 32);
  size_t bytes = workspace(affine);
  EXPECT_EQ(bytes, 1024u + (198 * 16 * 4 + 255) / 256 * 256 + 255u);
  uint64_t memory = fake::allocate(0, bytes);
  ASSERT_EQ(call(affine, memory, bytes, stream), RECUR_OK)
      << recur_last_error();
  EXPECT_EQ(fake::launches()[0].grid, 198u + 66);
  ASSERT_EQ(fake::memsets().size(), 1u);
  EXPECT_EQ(fake::memsets()[0].bytes, 1024u);
  make(0, 132, 100, 32);
  EXPECT_EQ(workspace(affine), 0u);
  ASSERT_EQ(call(affine, nullptr, 0, stream), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[1].grid, 264u);
  EXPECT_EQ(fake::memsets().size(), 1u);
}

// A part of the workspace also counts inner dims of the state.
TEST_F(GpuCallTest, CountsInnerDimsInTheWorkspace) {
  GpuRecurrence affine;
  static constexpr int32_t inner[] = {GpuRecurrence::T};
  affine.add("serial", {affine.kernel("inner")}, {}, {{4, 0, 1, inner}});
  make(0, 3, 100, 50);
  EXPECT_EQ(workspace(affine), (150u * 100 * 4 + 255) / 256 * 256 + 255);
}

// What the channels of Newton's method left in the workspace, one by one and
// in all. Tensors are in the fake driver's memory, the workspace is ours.
TEST_F(GpuCallTest, ReadsTheChannelsReports) {
  GpuRecurrence solved;
  solved.add("newton", {solved.kernel("newton")}, {},
             {{16, RECUR_GPU_REPORT, 0, nullptr}});
  make(0, 1, 100, 3);
  size_t bytes = workspace(solved);
  ASSERT_GE(bytes, 3 * sizeof(recur_channel_report));
  alignas(256) static recur_channel_report memory[64] = {
      {2, 0, 1e-7f, 0},
      {5, RECUR_FINISHED_IN_ORDER, 0, 0},
      {3, RECUR_FINISHED_IN_ORDER | RECUR_NOT_FINITE, 3e-7f, 0},
      {99, RECUR_NOT_FINITE, 1, 0}}; // no channel
  auto list = pointers();
  auto read = [&](const void *workspace, size_t bytes, recur_report *report,
                  recur_channel_report *channels, int64_t room) {
    return recur_read_report(solved.get(), list.data(), int32_t(list.size()),
                             workspace, bytes, report, channels, room);
  };
  recur_report report;
  recur_channel_report channels[3];
  ASSERT_EQ(read(memory, sizeof memory, &report, channels, 3), RECUR_OK)
      << recur_last_error();
  EXPECT_STREQ(report.variant, "newton");
  EXPECT_EQ(report.channels, 3);
  EXPECT_EQ(report.finished_in_order, 2);
  EXPECT_EQ(report.not_finite, 1);
  EXPECT_EQ(report.passes, 5);
  EXPECT_FLOAT_EQ(report.residual, 3e-7f);
  EXPECT_EQ(channels[1].passes, 5);
  // A residual that is no number is not passed over.
  memory[0].residual = NAN;
  ASSERT_EQ(read(memory, sizeof memory, &report, nullptr, 0), RECUR_OK);
  EXPECT_TRUE(std::isnan(report.residual));

  EXPECT_EQ(read(memory, sizeof memory, nullptr, nullptr, 0),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(), "recur_read_report: expected where to store "
                                   "the report, found a null pointer");
  EXPECT_EQ(read(memory, sizeof memory, &report, channels, 2),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(), "recurrence 'affine': expected room for 3 "
                                   "channels, found 2");
  EXPECT_EQ(read(nullptr, 0, &report, nullptr, 0), RECUR_INVALID_WORKSPACE);
  EXPECT_EQ(read(memory, 16, &report, nullptr, 0), RECUR_INVALID_WORKSPACE);
  fake::fail("cuMemcpyDtoH_v2", 700);
  EXPECT_EQ(read(memory, sizeof memory, &report, nullptr, 0),
            RECUR_DEVICE_ERROR);
}

// Of every channel, also where a thread has two of them.
TEST_F(GpuCallTest, ReportsAllChannelsOfPairs) {
  GpuRecurrence solved;
  auto kernel = solved.kernel("newton");
  kernel.lane_tile = 2;
  solved.add("newton", {kernel}, {}, {{16, RECUR_GPU_REPORT, 0, nullptr}});
  make(0, 1, 100, 4);
  alignas(256) static recur_channel_report memory[64] = {
      {2, 0, 0, 0}, {2, 0, 0, 0}, {2, 0, 0, 0}, {7, RECUR_NOT_FINITE, 0, 0}};
  auto list = pointers();
  recur_report report;
  ASSERT_EQ(recur_read_report(solved.get(), list.data(), int32_t(list.size()),
                              memory, sizeof memory, &report, nullptr, 0),
            RECUR_OK)
      << recur_last_error();
  EXPECT_EQ(report.channels, 4);
  EXPECT_EQ(report.not_finite, 1);
  EXPECT_EQ(report.passes, 7);
}

// One step after the other: nothing to report but that.
TEST_F(GpuCallTest, ReportsNoChannelsWhereNothingIterates) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("bare")});
  make(0, 1, 100, 3);
  auto list = pointers();
  recur_report report;
  ASSERT_EQ(recur_read_report(affine.get(), list.data(), int32_t(list.size()),
                              nullptr, 0, &report, nullptr, 0),
            RECUR_OK);
  EXPECT_STREQ(report.variant, "serial");
  EXPECT_EQ(report.channels, 0);
}

TEST_F(GpuCallTest, NeedsNoWorkspaceWhereNoneIsUsed) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("bare")});
  make(0, 3, 100, 50);
  EXPECT_EQ(workspace(affine), 0u);
}

// No items: no launch, no load. No steps: the final state must be written.
TEST_F(GpuCallTest, EmptyDims) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("empty_kernel");
  kernel.time_tile = 64;
  affine.add("look-back", {kernel}).tile_steps = 64;
  make(0, 0, 100, 50);
  EXPECT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_TRUE(fake::launches().empty());
  EXPECT_EQ(fake::loads(), 0);
  make(0, 3, 0, 50);
  EXPECT_EQ(call(affine), RECUR_OK) << recur_last_error();
  ASSERT_EQ(fake::launches().size(), 1u);
  EXPECT_EQ(fake::launches()[0].grid, 3u);
}

TEST_F(GpuCallTest, PersistentGridsAreWhatIsResident) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("persistent_kernel");
  kernel.persistent = 1;
  affine.add("persistent", {kernel});
  make(0, 1000, 10, 1000);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[0].grid, 132u * 8);
  make(0, 1, 10, 100);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[1].grid, 2u);
}

// Sizes and strides are words of 64 bits, and so is the count of blocks until
// the grid's own limit.
TEST_F(GpuCallTest, SizesBeyond32Bits) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("wide")});
  make(0, 1, 2, int64_t(3) << 32);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[0].grid, (3u << 26));
  EXPECT_EQ(fake::launches()[0].words[9], uint64_t(3) << 32);
  EXPECT_EQ(fake::launches()[0].words[11], uint64_t(3) << 32);
  make(0, 1, 2, int64_t(1) << 38);
  EXPECT_EQ(call(affine), RECUR_UNSUPPORTED);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': no variant of the artifact takes these "
               "arguments; 'serial': expected a grid of at most 2147483647 "
               "blocks, found 4294967296");
}

TEST_F(GpuCallTest, AsksForMoreSharedMemory) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("shared_kernel");
  kernel.shared_bytes = 100 << 10;
  affine.add("block scan", {kernel});
  make(0, 3, 100, 50);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[0].shared, 100u << 10);
}

// Cumulative lengths on the device are not read by the host, whose address
// space has nothing there.
TEST_F(GpuCallTest, SegmentsStayOnTheDevice) {
  GpuRecurrence affine(/*segments=*/true);
  auto kernel = affine.kernel("packed_kernel");
  static constexpr int32_t parallel[] = {GpuRecurrence::S, GpuRecurrence::D};
  kernel.parallel_dims = parallel;
  affine.add("serial", {kernel});
  make(0, 1, 100, 50, /*segments=*/7);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[0].grid, 6u); // 350 items
}

// Managed memory is any device's; DLPack has a device type of its own for it.
TEST_F(GpuCallTest, TakesManagedMemory) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("managed_kernel")});
  make(0, 3, 100, 50);
  tensors[1]->tensor.data =
      reinterpret_cast<void *>(fake::allocate(fake::managed, 3 * 100 * 50 * 4));
  tensors[1]->tensor.device.device_type = static_cast<DLDeviceType>(13);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

// Once a context, also with several recurrences of one artifact.
TEST_F(GpuCallTest, LoadsAnImageOnceForEachContext) {
  GpuRecurrence first, second;
  auto image = first.image("sm_80", RECUR_GPU_PTX, 80, "loads an image once");
  first.add("serial", {first.kernel("one")}, {image});
  second.add("serial", {second.kernel("two")}, {image});
  make(0, 3, 100, 50);
  for (int repeat = 0; repeat < 3; ++repeat) {
    ASSERT_EQ(call(first), RECUR_OK) << recur_last_error();
    ASSERT_EQ(call(second), RECUR_OK) << recur_last_error();
  }
  EXPECT_EQ(fake::loads(), 1);
  fake::setCurrent(fake::createContext(0));
  ASSERT_EQ(call(first), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::loads(), 2);
}

// Code is known by what it is: another artifact at the same place is loaded.
TEST_F(GpuCallTest, LoadsOtherCodeUnderTheSameSymbol) {
  GpuRecurrence first, second;
  first.add("serial", {first.kernel("same_symbol")},
            {first.image("sm_80", RECUR_GPU_PTX, 80, "first code")});
  second.add("serial", {second.kernel("same_symbol")},
             {first.image("sm_80", RECUR_GPU_PTX, 80, "second code")});
  make(0, 3, 100, 50);
  ASSERT_EQ(call(first), RECUR_OK) << recur_last_error();
  ASSERT_EQ(call(second), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[0].image, "first code");
  EXPECT_EQ(fake::launches()[1].image, "second code");
}

// Cubins of exactly this device, else PTX where the driver can compile it.
TEST_F(GpuCallTest, PicksTheImageForTheDevice) {
  GpuRecurrence affine;
  auto kernel = affine.kernel("image_kernel");
  affine.add("plain", {kernel},
             {affine.image("sm_80", RECUR_GPU_CUBIN, 80, "cubin of sm_80"),
              affine.image("sm_80", RECUR_GPU_PTX, 80, "ptx of 80")});
  affine.add("hopper", {kernel},
             {affine.image("sm_90a", RECUR_GPU_CUBIN, 90, "cubin of 90a", true),
              affine.image("sm_90a", RECUR_GPU_PTX, 90, "ptx of 90a", true)});
  const char *expected[] = {"cubin of 90a", "cubin of sm_80", "ptx of 80"};
  const char *names[] = {"hopper", "plain", "plain"};
  for (int device = 0; device < 3; ++device) {
    fake::setCurrent(fake::primaryContext(device));
    make(device, 3, 100, 50);
    EXPECT_EQ(select(affine), names[device]);
    ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
    EXPECT_EQ(fake::launches().back().image, expected[device]);
    EXPECT_EQ(fake::launches().back().device, device);
  }
}

// A driver that refuses a cubin may still compile the PTX.
TEST_F(GpuCallTest, FallsBackToPtx) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("fallback_kernel")},
             {affine.image("sm_90", RECUR_GPU_CUBIN, 90, "refused cubin"),
              affine.image("sm_90", RECUR_GPU_PTX, 90, "ptx behind it")});
  make(0, 3, 100, 50);
  fake::fail("cuModuleLoadDataEx", 209);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches()[0].image, "ptx behind it");
}

// Loading says that it means to, in the strictest capture; the thread's mode is
// as before afterwards.
TEST_F(GpuCallTest, LoadsWhileAStreamIsCaptured) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("captured")},
             {affine.image("sm_80", RECUR_GPU_PTX, 80, "captured code")});
  make(0, 3, 100, 50);
  fake::setCapturing(true);
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  Calls calls = fake::calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(),
                       "cuThreadExchangeStreamCaptureMode"),
            2);
}

// Threads that call at once for the first time load once.
TEST_F(GpuCallTest, ThreadsLoadOnce) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("threads")},
             {affine.image("sm_80", RECUR_GPU_PTX, 80, "code of threads")});
  make(0, 3, 100, 50);
  const recur_info *info = affine.get();
  auto list = pointers();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int k = 0; k < 8; ++k)
    threads.emplace_back([&] {
      fake::setCurrent(fake::primaryContext(0));
      for (int repeat = 0; repeat < 50; ++repeat)
        good += recur_call(info, list.data(), int32_t(list.size()), nullptr, 0,
                           nullptr) == RECUR_OK;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 400);
  EXPECT_EQ(fake::loads(), 1);
  EXPECT_EQ(fake::launches().size(), 400u);
}

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

// A thread without a context, or with one of another device, gets it back.
TEST_F(GpuCallTest, EntersThePrimaryContextOfTheTensors) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("primary")});
  make(1, 3, 100, 50);
  fake::setPrimaryActive(1, true);
  for (void *before : {static_cast<void *>(nullptr), fake::primaryContext(0)}) {
    fake::setCurrent(before);
    ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
    EXPECT_EQ(fake::launches().back().device, 1);
    EXPECT_EQ(fake::current(), before);
    EXPECT_EQ(fake::heldContexts(), 0);
  }
}

// Memory of a context that is not current: the call runs there.
TEST_F(GpuCallTest, EntersTheContextOfTheMemory) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("memory")});
  make(1, 3, 100, 50);
  void *own = fake::createContext(1);
  tensors[0]->tensor.data =
      reinterpret_cast<void *>(fake::allocate(1, 3 * 100 * 50 * 4, own));
  ASSERT_EQ(call(affine), RECUR_OK) << recur_last_error();
  EXPECT_EQ(fake::launches().back().device, 1);
  EXPECT_EQ(fake::current(), fake::primaryContext(0));
}

TEST_F(GpuCallTest, NeedsSomeContext) {
  GpuRecurrence affine;
  affine.add("serial", {affine.kernel("none")});
  make(1, 3, 100, 50);
  EXPECT_EQ(call(affine), RECUR_DEVICE_ERROR);
  EXPECT_STREQ(recur_last_error(),
               "CUDA device 1: expected a context that is current or the "
               "device's primary one, found none");
}

} // namespace
