//===-- GpuDriverTest.cpp - a process and its driver ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Prints how a call with tensors on a GPU ends, for processes whose driver is
/// missing, too old or out of order: the driver is opened once a process, so
/// each case is one.
#include <recur/runtime.h>

#include <cstdio>

int main() {
  constexpr int32_t dims[] = {0};
  recur_dim time = {"t", RECUR_DYNAMIC};
  recur_argument result = {"y", RECUR_RESULT, {kDLFloat, 32, 1}, 1, dims};
  recur_gpu_kernel kernel{};
  kernel.symbol = "kernel";
  recur_gpu_image image{};
  image.target = "sm_80";
  recur_gpu_variant variant{};
  variant.name = "serial";
  variant.n_kernels = variant.n_images = 1;
  variant.kernels = &kernel;
  variant.images = &image;
  recur_info info{};
  info.abi_version = RECUR_ABI_VERSION;
  info.name = "ema";
  info.n_dims = info.n_space_dims = info.n_arguments = info.n_gpu_variants = 1;
  info.dims = &time;
  info.arguments = &result;
  info.gpu_variants = &variant;

  int64_t size = 4;
  DLTensor tensor{};
  tensor.data = &size;
  tensor.device = {kDLCUDA, 0};
  tensor.ndim = 1;
  tensor.dtype = result.dtype;
  tensor.shape = &size;
  const DLTensor *list[] = {&tensor};
  // The answer stays the same.
  for (int repeat = 0; repeat < 2; ++repeat) {
    int status = recur_call(&info, list, 1, nullptr, 0, nullptr);
    std::printf("%d: %s\n", status, recur_last_error());
  }
}
