//===-- GpuCode.h - kernels loaded into contexts ----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Loads an artifact's images, once in each context, when one of their kernels
/// is first called there.
#ifndef RECUR_RUNTIME_LIB_GPUCODE_H
#define RECUR_RUNTIME_LIB_GPUCODE_H

#include "runtime/lib/GpuDevice.h"

namespace recur::runtime {

/// A kernel that can be launched in one context.
struct LoadedKernel {
  cuda::Function function;
  int32_t residentBlocks; ///< on one SM; only of persistent kernels
};

/// Finds `kernel` of `variant` in the current context, which has the number
/// `context`, and loads it if need be. Finding takes no lock. Loading is legal
/// while a stream is captured. Code stays loaded as long as its context.
/// Returns RECUR_OK or the status after `fail`.
int loadKernel(const cuda::Driver &driver, const GpuDevice &device,
               unsigned long long context, const char *recurrence,
               const recur_gpu_variant &variant, const recur_gpu_kernel &kernel,
               LoadedKernel &loaded);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUCODE_H
