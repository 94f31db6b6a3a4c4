//===-- GpuRepeatTest.cpp - calls like earlier ones -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A thread that has made a call makes the next like one that has not: every
/// change that matters is noticed. How a call was made shows in what the driver
/// was asked: a remembered one asks for no device of the context and enters
/// none.
#include "test/unit/Runtime/GpuRecurrence.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

using namespace recur::test;

namespace {

class GpuRepeatTest : public GpuCallTest {
protected:
  GpuRepeatTest() {
    // Every test has an artifact of its own, also where it lies at the same
    // place as an earlier one.
    static std::deque<std::string> hashes;
    affine.info.source_hash = hashes.emplace_back("hash").c_str();
    make(0, 3, 100, 52);
    auto kernel = affine.kernel("repeated");
    kernel.time_tile = 64;
    auto &fast = affine.add("vectors", {kernel}, {}, {{4, 0, 0, nullptr}});
    fast.contiguous_dim = GpuRecurrence::D;
    fast.unit_stride_mask = 0b11011;
    fast.vector_mask = 0b11011;
    fast.vector_bytes = 16;
    fast.zeroed_per_tile = 8;
    fast.tile_steps = 64;
    affine.add("plain", {affine.kernel("repeated_plain")});
    bytes = 1 << 20;
    memory = fake::allocate(0, bytes);
  }

  int callNow() { return GpuCallTest::call(affine, memory, bytes); }
  /// A call that must be one of the remembered.
  void repeat() {
    fake::clearCalls();
    EXPECT_EQ(callNow(), RECUR_OK) << recur_last_error();
    EXPECT_TRUE(wasRemembered());
    expectAsInAFreshThread();
  }
  /// A good call that must not be.
  void plan() {
    fake::clearCalls();
    EXPECT_EQ(callNow(), RECUR_OK) << recur_last_error();
    EXPECT_FALSE(wasRemembered());
    expectAsInAFreshThread();
  }
  void refuse(int status, const std::string &part) {
    size_t launches = fake::launches().size(), memsets = fake::memsets().size();
    EXPECT_EQ(callNow(), status);
    EXPECT_NE(std::string(recur_last_error()).find(part), std::string::npos)
        << recur_last_error();
    EXPECT_EQ(fake::launches().size(), launches);
    EXPECT_EQ(fake::memsets().size(), memsets);
  }

  GpuRecurrence affine;
  size_t bytes;
  uint64_t memory;

private:
  static bool wasRemembered() {
    auto calls = fake::calls();
    return std::count(calls.begin(), calls.end(), "cuCtxGetDevice") == 0 &&
           std::count(calls.begin(), calls.end(), "cuCtxPushCurrent_v2") == 0;
  }
  /// A thread that remembers nothing makes the same launch and memset.
  void expectAsInAFreshThread() {
    fake::Launch mine = fake::launches().back();
    size_t memsets = fake::memsets().size();
    fake::Memset myMemset =
        memsets ? fake::memsets().back() : fake::Memset{0, 0, 0, nullptr};
    void *context = fake::current();
    std::thread([&] {
      fake::setCurrent(context);
      EXPECT_EQ(callNow(), RECUR_OK) << recur_last_error();
    }).join();
    fake::Launch fresh = fake::launches().back();
    EXPECT_EQ(mine.symbol, fresh.symbol);
    EXPECT_EQ(mine.image, fresh.image);
    EXPECT_EQ(mine.grid, fresh.grid);
    EXPECT_EQ(mine.block, fresh.block);
    EXPECT_EQ(mine.shared, fresh.shared);
    EXPECT_EQ(mine.stream, fresh.stream);
    EXPECT_EQ(mine.words, fresh.words);
    if (fake::memsets().size() == memsets)
      return;
    EXPECT_EQ(myMemset.address, fake::memsets().back().address);
    EXPECT_EQ(myMemset.bytes, fake::memsets().back().bytes);
  }
};

TEST_F(GpuRepeatTest, SameTensors) {
  plan();
  repeat();
  repeat();
  EXPECT_EQ(fake::launches().back().symbol, "repeated");
}

// Words are those of the memory of now, the workspace's too.
TEST_F(GpuRepeatTest, OtherMemory) {
  plan();
  for (int round = 0; round < 3; ++round) {
    replace(unsigned(round), 0, tensors[unsigned(round)]->shape);
    replace(3, 0, {3, 100, 52});
    memory = fake::allocate(0, bytes + 4096) + 8 * unsigned(round);
    repeat();
  }
}

TEST_F(GpuRepeatTest, OffsetsInBytes) {
  replace(1, 0, {3, 200, 52}).shape[1] = 100;
  plan();
  tensors[1]->tensor.byte_offset = 4 * 52 * 30;
  repeat();
  EXPECT_EQ(fake::launches().back().words[1],
            tensors[1]->address() + 4 * 52 * 30);
}

// The stream is no part of it.
TEST_F(GpuRepeatTest, OtherStream) {
  plan();
  auto *stream = reinterpret_cast<void *>(0x77);
  fake::clearCalls();
  ASSERT_EQ(GpuCallTest::call(affine, memory, bytes, stream), RECUR_OK);
  EXPECT_EQ(fake::calls().front(), "cuCtxGetCurrent");
  EXPECT_EQ(fake::launches().back().stream, stream);
  EXPECT_EQ(fake::memsets().back().stream, stream);
}

TEST_F(GpuRepeatTest, OtherSizes) {
  plan();
  make(0, 3, 101, 52);
  plan();
  for (auto &tensor : tensors)
    tensor->tensor.strides = nullptr;
  plan();
  make(0, 3, 103, 52);
  for (auto &tensor : tensors)
    tensor->tensor.strides = nullptr;
  plan();
  make(0, 3, 100, 52);
  repeat();
}

TEST_F(GpuRepeatTest, OtherStrides) {
  plan();
  replace(0, 0, {3, 100, 52}, {5200, 1, 100});
  plan();
  EXPECT_EQ(fake::launches().back().symbol, "repeated_plain");
  // No strides are row-major ones.
  replace(0, 0, {3, 100, 52});
  tensors[0]->tensor.strides = nullptr;
  plan();
  repeat();
  EXPECT_EQ(fake::launches().back().symbol, "repeated");
}

TEST_F(GpuRepeatTest, OtherAlignment) {
  replace(0, 0, {3, 101, 52}).shape[1] = 100;
  plan();
  tensors[0]->tensor.byte_offset = 4;
  plan();
  EXPECT_EQ(fake::launches().back().symbol, "repeated_plain");
  tensors[0]->tensor.byte_offset = 32;
  repeat();
  EXPECT_EQ(fake::launches().back().symbol, "repeated");
  tensors[0]->tensor.byte_offset = 2;
  refuse(RECUR_INVALID_ARGUMENT, "expected memory aligned to 4 bytes");
}

TEST_F(GpuRepeatTest, OtherSchedule) {
  plan();
  setenv("RECUR_SCHEDULE", "plain", 1);
  plan();
  EXPECT_EQ(fake::launches().back().symbol, "repeated_plain");
  repeat();
  setenv("RECUR_SCHEDULE", "none such", 1);
  refuse(RECUR_UNSUPPORTED, "RECUR_SCHEDULE: expected a name");
  unsetenv("RECUR_SCHEDULE");
  repeat();
  EXPECT_EQ(fake::launches().back().symbol, "repeated");
}

TEST_F(GpuRepeatTest, OtherContextAndDevice) {
  plan();
  fake::setCurrent(fake::createContext(0));
  plan();
  repeat();
  fake::setCurrent(nullptr);
  plan(); // in the primary one, which is entered for it
  EXPECT_EQ(fake::current(), nullptr);
  fake::setPrimaryActive(1, true);
  for (auto &tensor : tensors)
    replace(unsigned(&tensor - tensors.data()), 1, tensor->shape);
  memory = fake::allocate(1, bytes);
  plan();
  EXPECT_EQ(fake::launches().back().device, 1);
}

// Another artifact at the same place, as after unloading a library.
TEST_F(GpuRepeatTest, OtherCode) {
  plan();
  auto *info = const_cast<recur_info *>(affine.get());
  auto &variant = const_cast<recur_gpu_variant &>(info->gpu_variants[0]);
  auto &image = const_cast<recur_gpu_image &>(variant.images[0]);
  auto other = affine.image("sm_80", RECUR_GPU_PTX, 80, "PTX OF SM_80");
  image = other;
  plan();
  EXPECT_EQ(fake::launches().back().image, "PTX OF SM_80");
  variant.zeroed_per_tile = 16;
  plan();
  auto &kernel = const_cast<recur_gpu_kernel &>(variant.kernels[0]);
  kernel.block = 32;
  plan();
  EXPECT_EQ(fake::launches().back().block, 32u);
  info->abi_version = 99;
  refuse(RECUR_ABI_MISMATCH, "version 99");
}

TEST_F(GpuRepeatTest, BadArguments) {
  plan();
  repeat();
  auto &x = tensors[1]->tensor;
  DLTensor good = x;
  x.device.device_type = kDLCPU;
  refuse(RECUR_INVALID_ARGUMENT, "argument 'x': expected a tensor on");
  x = good;
  x.dtype.bits = 64;
  refuse(RECUR_INVALID_ARGUMENT, "argument 'x': expected dtype f32, found f64");
  x = good;
  x.ndim = 2;
  refuse(RECUR_INVALID_ARGUMENT, "argument 'x': expected rank 3");
  x = good;
  x.shape = nullptr;
  refuse(RECUR_INVALID_ARGUMENT, "argument 'x': expected a shape");
  x = good;
  x.data = nullptr;
  refuse(RECUR_INVALID_ARGUMENT, "argument 'x': expected memory");
  x.data = reinterpret_cast<void *>(fake::allocate(-1, 1 << 20));
  refuse(RECUR_INVALID_ARGUMENT, "argument 'x': expected memory of CUDA");
  x.data = reinterpret_cast<void *>(fake::allocate(1, 1 << 20));
  refuse(RECUR_INVALID_ARGUMENT, "found memory of device 1");
  x.data = reinterpret_cast<void *>(fake::allocate(0, 512));
  refuse(RECUR_INVALID_ARGUMENT, "expected memory inside one allocation");
  x = good;
  repeat();
  std::vector<const DLTensor *> list = pointers();
  list[2] = nullptr;
  EXPECT_EQ(recur_call(affine.get(), list.data(), 5, nullptr, 0, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_EQ(recur_call(affine.get(), list.data(), 4, nullptr, 0, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_EQ(recur_call(affine.get(), nullptr, 5, nullptr, 0, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_EQ(recur_call(nullptr, list.data(), 5, nullptr, 0, nullptr),
            RECUR_INVALID_ARGUMENT);
}

TEST_F(GpuRepeatTest, BadWorkspace) {
  plan();
  size_t good = bytes;
  bytes = 100;
  refuse(RECUR_INVALID_WORKSPACE, "expected a workspace of at least");
  bytes = good;
  uint64_t goodMemory = memory;
  memory = 0;
  refuse(RECUR_INVALID_WORKSPACE, "found a null pointer");
  memory = tensors[0]->address() + 4096;
  refuse(RECUR_INVALID_WORKSPACE, "found an overlap with argument 'a'");
  memory = fake::allocate(1, bytes);
  refuse(RECUR_INVALID_WORKSPACE, "found memory of device 1");
  memory = goodMemory;
  repeat();
}

TEST_F(GpuRepeatTest, Overlaps) {
  plan();
  void *y = tensors[3]->tensor.data, *h = tensors[4]->tensor.data;
  tensors[3]->tensor.data = tensors[0]->tensor.data;
  refuse(RECUR_INVALID_ARGUMENT,
         "'y': expected memory apart from argument 'a'");
  tensors[3]->tensor.data = y;
  repeat();
  // The final state in the place of the initial one, once that was looked at.
  tensors[4]->tensor.data = tensors[2]->tensor.data;
  plan();
  repeat();
  uint64_t both = fake::allocate(0, 3 * 52 * 4);
  tensors[2]->tensor.data = tensors[4]->tensor.data =
      reinterpret_cast<void *>(both);
  repeat();
  tensors[4]->tensor.data = h;
  repeat();
  replace(2, 0, {4, 52}).shape[0] = 3;
  tensors[4]->tensor.data =
      reinterpret_cast<void *>(tensors[2]->address() + 52 * 4);
  refuse(RECUR_INVALID_ARGUMENT, "found a partial overlap");
  tensors[4]->tensor.data = h;
  repeat();
}

// More shapes in turn than are remembered.
TEST_F(GpuRepeatTest, ManyShapes) {
  for (int round = 0; round < 2; ++round)
    for (int64_t t = 1; t <= 40; ++t) {
      make(0, 3, t, 52);
      plan();
      repeat();
    }
}

// What zeroes and launches is one graph, whose launch is all that a call asks
// for.
TEST_F(GpuRepeatTest, Graphs) {
  auto count = [](const std::string &name) {
    auto calls = fake::calls();
    return std::count(calls.begin(), calls.end(), name);
  };
  // The fresh thread that repeat() compares with makes a graph of its own.
  auto launchesGraph = [&] {
    fake::clearCalls();
    EXPECT_EQ(callNow(), RECUR_OK) << recur_last_error();
    EXPECT_EQ(count("cuLaunchKernel"), 1);
    EXPECT_EQ(count("cuMemsetD32Async"), 1);
    return count("cuGraphLaunch") == 1;
  };
  EXPECT_FALSE(launchesGraph());
  EXPECT_EQ(count("cuGraphInstantiateWithFlags"), 1);
  EXPECT_TRUE(launchesGraph());
  EXPECT_EQ(count("cuGraphExecKernelNodeSetParams_v2"), 0);
  repeat();
  replace(1, 0, tensors[1]->shape);
  memory = fake::allocate(0, bytes);
  EXPECT_TRUE(launchesGraph());
  EXPECT_EQ(count("cuGraphExecKernelNodeSetParams_v2"), 1);
  EXPECT_EQ(count("cuGraphExecMemsetNodeSetParams"), 1);
  repeat();
  fake::setCapturing(true);
  EXPECT_FALSE(launchesGraph());
  fake::setCapturing(false);
  // A call that goes another way, and comes to the same, keeps it.
  fake::fail("cuCtxGetId", 201);
  EXPECT_FALSE(launchesGraph());
  EXPECT_EQ(count("cuGraphInstantiateWithFlags"), 0);
  EXPECT_TRUE(launchesGraph());
  // A driver that refuses is not asked again.
  replace(1, 0, tensors[1]->shape);
  fake::fail("cuGraphExecKernelNodeSetParams_v2", 1);
  EXPECT_FALSE(launchesGraph());
  EXPECT_EQ(count("cuGraphExecDestroy"), 1);
  EXPECT_EQ(count("cuGraphDestroy"), 1);
  EXPECT_FALSE(launchesGraph());
  fake::clearCalls();
  int64_t steps = 200;
  for (const char *function :
       {"cuGraphCreate", "cuGraphAddMemsetNode", "cuGraphAddKernelNode_v2",
        "cuGraphInstantiateWithFlags", "cuStreamIsCapturing"}) {
    make(0, 3, steps++, 52);
    fake::fail(function, 1);
    EXPECT_FALSE(launchesGraph()) << function;
    EXPECT_FALSE(launchesGraph()) << function;
    EXPECT_EQ(count("cuGraphExecDestroy"), 0);
  }
  // What a thread has that ends is given back by one that makes a graph.
  fake::clearCalls();
  void *context = fake::current();
  std::thread([&] {
    fake::setCurrent(context);
    EXPECT_EQ(callNow(), RECUR_OK);
    EXPECT_EQ(callNow(), RECUR_OK);
    EXPECT_EQ(count("cuGraphExecDestroy"), 0);
  }).join();
  EXPECT_EQ(count("cuGraphLaunch"), 1);
  EXPECT_EQ(count("cuGraphExecDestroy"), 0);
  make(0, 3, 37, 52);
  EXPECT_FALSE(launchesGraph());
  EXPECT_GE(count("cuGraphExecDestroy"), 1);
}

TEST_F(GpuRepeatTest, DriverErrors) {
  plan();
  fake::fail("cuGraphLaunch", 700); // the same without, from here on
  repeat();
  fake::fail("cuMemsetD32Async", 700);
  EXPECT_EQ(callNow(), RECUR_DEVICE_ERROR);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': zeroing the workspace, 'vectors': "
               "cuMemsetD32Async: CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal "
               "memory access was encountered");
  fake::fail("cuLaunchKernel", 700);
  EXPECT_EQ(callNow(), RECUR_DEVICE_ERROR);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': repeated, 'vectors': cuLaunchKernel: "
               "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was "
               "encountered");
  repeat();
  EXPECT_STREQ(recur_last_error(), "");
}

} // namespace
