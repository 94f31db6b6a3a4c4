//===-- GpuLaunch.h - kernels into a stream ---------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What is left of a call once everything is checked and loaded: zeroing the
/// workspace's start, and launches.
///
/// The words that blocks hand over to one another are zeroed by the stream
/// before every launch, and not by the kernel that has used them, nor told from
/// older ones by a tag. The workspace is the caller's, who may bring fresh
/// memory, let recurrences share it, or write over it between two replays of a
/// graph; and what a replay passes to a kernel is the same every time.
#ifndef RECUR_RUNTIME_LIB_GPULAUNCH_H
#define RECUR_RUNTIME_LIB_GPULAUNCH_H

#include "runtime/lib/GpuPlan.h"

namespace recur::runtime {

/// The kernels of a variant, loaded, with their grids.
struct GpuLaunch {
  struct Kernel {
    cuda::Function function;
    const char *symbol;
    unsigned blocks, threads, sharedBytes;
  };
  int64_t zeroedBytes;
  int32_t count;
  Kernel kernels[GpuPlan::maxKernels];
};

/// The aligned start of a workspace.
inline uintptr_t alignWorkspace(const void *workspace) {
  auto address = reinterpret_cast<uintptr_t>(workspace);
  return (address + gpuWorkspaceAlignment - 1) &
         ~static_cast<uintptr_t>(gpuWorkspaceAlignment - 1);
}

/// Puts all of it into the stream. `words` are the kernels' parameters (see
/// recur_gpu_kernel); the aligned workspace is the one after the arguments.
/// Returns RECUR_OK or the status after `fail`.
int launchKernels(const cuda::Driver &driver, const recur_info &info,
                  const char *variant, const GpuLaunch &launch, uint64_t *words,
                  int32_t wordCount, cuda::Stream stream);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPULAUNCH_H
