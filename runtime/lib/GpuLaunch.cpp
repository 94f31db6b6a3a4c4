//===-- GpuLaunch.cpp - kernels into a stream -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The driver's calls that put work into a stream.
#include "runtime/lib/GpuLaunch.h"

using namespace recur::runtime;
using namespace recur::runtime::cuda;

int recur::runtime::launchKernels(const Driver &driver, const recur_info &info,
                                  const char *variant, const GpuLaunch &launch,
                                  uint64_t *words, int32_t wordCount,
                                  Stream stream) {
  auto failCall = [&](Result result, const char *call, const char *what) {
    return failDriver(driver, result, call, "recurrence '%s': %s, '%s'",
                      info.name, what, variant);
  };
  if (launch.zeroedBytes > 0) // a multiple of 4: see GpuPlan
    if (Result result = driver.memsetD32Async(
            words[info.n_arguments], 0,
            static_cast<size_t>(launch.zeroedBytes) / 4, stream))
      return failCall(result, "cuMemsetD32Async", "zeroing the workspace");
  size_t size = static_cast<size_t>(wordCount) * sizeof *words;
  // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE and the end.
  void *packed[] = {reinterpret_cast<void *>(1), words,
                    reinterpret_cast<void *>(2), &size, nullptr};
  for (int32_t k = 0; k < launch.count; ++k) {
    const GpuLaunch::Kernel &kernel = launch.kernels[k];
    if (Result result = driver.launchKernel(
            kernel.function, kernel.blocks, 1, 1, kernel.threads, 1, 1,
            kernel.sharedBytes, stream, nullptr, packed))
      return failCall(result, "cuLaunchKernel", kernel.symbol);
  }
  return RECUR_OK;
}
