//===-- GpuErrorsTest.cpp - what calls on a GPU refuse --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Errors name the argument or the driver's function, and nothing is launched.
#include "test/unit/Runtime/GpuRecurrence.h"

#include <cstdlib>

using namespace recur::test;

namespace {

class GpuErrorsTest : public GpuCallTest {
protected:
  GpuErrorsTest() {
    auto &variant = affine.add("serial", {affine.kernel("errors")}, {},
                               {{4, 0, 0, nullptr}});
    variant.zeroed_constant = 4;
    make(0, 3, 100, 50);
    bytes = workspace(affine);
    memory = fake::allocate(0, bytes);
  }
  void expect(int status, const std::string &text) {
    EXPECT_EQ(call(affine, memory, bytes), status);
    EXPECT_EQ(recur_last_error(), text);
    EXPECT_TRUE(fake::launches().empty());
    EXPECT_TRUE(fake::memsets().empty());
  }

  GpuRecurrence affine;
  size_t bytes;
  uint64_t memory;
};

TEST_F(GpuErrorsTest, ArgumentsOnSeveralDevices) {
  tensors[2]->tensor.device = {kDLCPU, 0};
  expect(RECUR_INVALID_ARGUMENT,
         "recurrence 'affine': argument 'h0': expected a tensor on CUDA device "
         "0, as argument 'a', found one on the CPU");
  tensors[2]->tensor.device = {kDLCUDA, 1};
  expect(RECUR_INVALID_ARGUMENT,
         "recurrence 'affine': argument 'h0': expected a tensor on CUDA device "
         "0, as argument 'a', found one on CUDA device 1");
  tensors[2]->tensor.device = {kDLROCM, 0};
  expect(
      RECUR_UNSUPPORTED,
      "recurrence 'affine': argument 'h0': expected a tensor on the CPU or a "
      "CUDA device, found one on ROCm device 0; no code in the artifact runs "
      "there (its targets: sm_80)");
}

TEST_F(GpuErrorsTest, NoSuchDevice) {
  for (auto &tensor : tensors)
    tensor->tensor.device.device_id = 7;
  expect(RECUR_INVALID_ARGUMENT, "expected a CUDA device from 0 to 2, found 7");
}

// An artifact for GPUs alone has nothing for the CPU.
TEST_F(GpuErrorsTest, TensorsOnTheCpu) {
  for (auto &tensor : tensors)
    tensor->tensor.device = {kDLCPU, 0};
  expect(
      RECUR_UNSUPPORTED,
      "recurrence 'affine': expected code for the CPU in the artifact, found "
      "only targets: sm_80");
}

TEST_F(GpuErrorsTest, MemoryOfAnother) {
  void *own = tensors[1]->tensor.data;
  static float onHost[16];
  auto text = [&](const std::string &rest) {
    char address[32];
    std::snprintf(address, sizeof address, "%p", tensors[1]->tensor.data);
    return "recurrence 'affine': argument 'x': expected memory of CUDA device "
           "0, found " +
           (rest.empty() ? "memory of device 1"
                         : "the address " + std::string(address) + rest);
  };
  tensors[1]->tensor.data = onHost;
  expect(RECUR_INVALID_ARGUMENT, text(", which is not the driver's"));
  tensors[1]->tensor.data =
      reinterpret_cast<void *>(fake::allocate(-1, 1 << 20));
  expect(RECUR_INVALID_ARGUMENT, text(", which is the host's"));
  tensors[1]->tensor.data =
      reinterpret_cast<void *>(fake::allocate(1, 1 << 20));
  expect(RECUR_INVALID_ARGUMENT, text(""));
  tensors[1]->tensor.data = own;
  EXPECT_EQ(call(affine, memory, bytes), RECUR_OK) << recur_last_error();
}

TEST_F(GpuErrorsTest, MemoryPastItsAllocation) {
  uint64_t small = fake::allocate(0, 59996);
  tensors[1]->tensor.data = reinterpret_cast<void *>(small);
  char text[256];
  std::snprintf(text, sizeof text,
                "recurrence 'affine': argument 'x': expected memory inside one "
                "allocation, found %#llx to %#llx, which leaves %#llx to %#llx",
                (unsigned long long)small, (unsigned long long)small + 60000,
                (unsigned long long)small, (unsigned long long)small + 59996);
  expect(RECUR_INVALID_ARGUMENT, text);
}

TEST_F(GpuErrorsTest, Workspace) {
  EXPECT_EQ(bytes, 256u + 768 + 255);
  uint64_t good = memory;
  memory = 0;
  expect(RECUR_INVALID_WORKSPACE,
         "recurrence 'affine': expected a workspace of at least 1279 bytes on "
         "CUDA device 0, found a null pointer");
  memory = good;
  bytes = 1278;
  expect(RECUR_INVALID_WORKSPACE,
         "recurrence 'affine': expected a workspace of at least 1279 bytes, "
         "found 1278");
  bytes = 1279;
  memory = tensors[3]->address();
  expect(RECUR_INVALID_WORKSPACE,
         "recurrence 'affine': expected a workspace apart from the arguments, "
         "found an overlap with argument 'y'");
  memory = fake::allocate(1, bytes);
  expect(
      RECUR_INVALID_WORKSPACE,
      "recurrence 'affine': the workspace: expected memory of CUDA device 0, "
      "found memory of device 1");
}

// Every function of the driver that a first call needs fails once.
TEST_F(GpuErrorsTest, DriverFunctions) {
  struct {
    const char *function;
    int result;
    const char *text;
  } cases[] = {
      {"cuCtxGetCurrent", 1,
       "cannot tell this thread's CUDA context: cuCtxGetCurrent: "
       "CUDA_ERROR_INVALID_VALUE (1): words of the driver"},
      {"cuPointerGetAttributes", 700,
       "recurrence 'affine': argument 'a': cuPointerGetAttributes: "
       "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was "
       "encountered"},
      {"cuModuleLoadDataEx", 218,
       "recurrence 'affine': cannot load its PTX for sm_80 on CUDA device 0 "
       "(Fake H100): ptxas says no: cuModuleLoadDataEx: "
       "CUDA_ERROR_INVALID_PTX (218): words of the driver"},
      {"cuModuleGetFunction", 500,
       "recurrence 'affine': kernel 'errors_fresh' on CUDA device 0: "
       "cuModuleGetFunction: CUDA_ERROR_NOT_FOUND (500): words of the driver"},
      {"cuFuncLoad", 2,
       "recurrence 'affine': kernel 'errors_fresh' on CUDA device 0: "
       "cuFuncLoad: CUDA_ERROR_OUT_OF_MEMORY (2): words of the driver"},
      {"cuMemsetD32Async", 12345,
       "recurrence 'affine': zeroing the workspace, 'serial': "
       "cuMemsetD32Async: unknown error (12345): words of the driver"},
  };
  GpuRecurrence fresh;
  fresh
      .add("serial", {fresh.kernel("errors_fresh")},
           {fresh.image("sm_80", RECUR_GPU_PTX, 80, "fresh code")})
      .zeroed_constant = 2000;
  make(0, 3, 100, 50); // memory that this thread has not met
  size_t needed = workspace(fresh);
  uint64_t where = fake::allocate(0, needed);
  for (auto &[function, result, text] : cases) {
    fake::setJitLog("ptxas says no");
    fake::fail(function, result);
    EXPECT_EQ(call(fresh, where, needed), RECUR_DEVICE_ERROR) << function;
    EXPECT_STREQ(recur_last_error(), text);
    EXPECT_TRUE(fake::launches().empty());
  }
  fake::fail("cuLaunchKernel", 700);
  EXPECT_EQ(call(fresh, where, needed), RECUR_DEVICE_ERROR);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': errors_fresh, 'serial': cuLaunchKernel: "
               "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was "
               "encountered");
  // The next one is as if nothing had been.
  EXPECT_EQ(call(fresh, where, needed), RECUR_OK) << recur_last_error();
  EXPECT_STREQ(recur_last_error(), "");
}

TEST_F(GpuErrorsTest, DriverFunctionsOfOtherContexts) {
  GpuRecurrence other;
  other.add("serial", {other.kernel("errors_other")});
  make(1, 3, 100, 50);
  fake::setPrimaryActive(1, true);
  for (const char *function :
       {"cuDevicePrimaryCtxGetState", "cuDevicePrimaryCtxRetain",
        "cuCtxPushCurrent_v2"}) {
    fake::fail(function, 201);
    EXPECT_EQ(call(other), RECUR_DEVICE_ERROR) << function;
    std::string name = function;
    if (name.ends_with("_v2"))
      name.resize(name.size() - 3);
    EXPECT_EQ(recur_last_error(),
              "CUDA device 1: " + name +
                  ": CUDA_ERROR_INVALID_CONTEXT (201): words of the driver");
    EXPECT_EQ(fake::heldContexts(), 0) << function;
  }
}

TEST_F(GpuErrorsTest, DriverFunctionsOfSpecialKernels) {
  auto kernel = affine.kernel("errors_special");
  kernel.persistent = 1;
  kernel.shared_bytes = 64 << 10;
  GpuRecurrence special;
  special.add("special", {kernel});
  fake::fail("cuFuncSetAttribute", 1);
  EXPECT_EQ(call(special), RECUR_DEVICE_ERROR);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': kernel 'errors_special' on CUDA device 0: "
               "cuFuncSetAttribute: CUDA_ERROR_INVALID_VALUE (1): words of the "
               "driver");
  fake::fail("cuOccupancyMaxActiveBlocksPerMultiprocessor", 1);
  EXPECT_EQ(call(special), RECUR_DEVICE_ERROR);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': kernel 'errors_special' on CUDA device 0: "
               "cuOccupancyMaxActiveBlocksPerMultiprocessor: "
               "CUDA_ERROR_INVALID_VALUE (1): words of the driver");
  fake::devices()[0].occupancy = 0;
  EXPECT_EQ(call(special), RECUR_UNSUPPORTED);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': kernel 'errors_special': no block of 64 "
               "threads fits on CUDA device 0 (Fake H100)");
  fake::devices()[0].occupancy = 8;
  EXPECT_EQ(call(special), RECUR_OK) << recur_last_error();
}

// A call whose checks fail leaves the text of its own error.
TEST_F(GpuErrorsTest, ResultsWithoutItems) {
  static constexpr int32_t onlyB[] = {GpuRecurrence::B};
  GpuRecurrence odd;
  odd.arguments[4].rank = 1;
  odd.arguments[4].dims = onlyB;
  odd.add("serial", {odd.kernel("odd")});
  make(0, 3, 10, 0);
  replace(4, 0, {3});
  EXPECT_EQ(call(odd), RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': expected 'd' to have elements, found size "
               "0; the argument 'h', which lacks 'd', could not be written");
}

TEST_F(GpuErrorsTest, QueriesWithoutAPlace) {
  auto list = pointers();
  EXPECT_EQ(recur_workspace(affine.get(), list.data(), 5, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_EQ(recur_select(affine.get(), list.data(), 5, nullptr),
            RECUR_INVALID_ARGUMENT);
}

} // namespace
