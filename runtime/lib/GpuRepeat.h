//===-- GpuRepeat.h - calls like earlier ones -------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Programs call the same recurrence with the same shapes again and again. Each
/// thread remembers its latest different calls, with what they came to: when
/// everything that the plan depends on is as it was, only addresses are looked
/// at and the kernels launched.
#ifndef RECUR_RUNTIME_LIB_GPUREPEAT_H
#define RECUR_RUNTIME_LIB_GPUREPEAT_H

#include "runtime/lib/GpuLaunch.h"

namespace recur::runtime {

/// A call as the caller made it.
struct GpuRequest {
  const recur_info *info;
  const DLTensor *const *tensors;
  int32_t count;
  void *workspace;
  size_t workspaceBytes;
  cuda::Stream stream;
};

/// Whether the call is like one that this thread remembers, in the same
/// context: it has then been made, with `status`. Whatever is new or wrong
/// about it, false: the full checks make the call or say what is wrong. Nothing
/// has been done then.
bool repeatOnGpu(const GpuRequest &request, int &status);

/// Remembers a call that has just been made in the current context, whose
/// number is `context`. `words` are its kernels' parameters.
void rememberOnGpu(const GpuRequest &request, const CheckedArguments &arguments,
                   const GpuDevice &device, unsigned long long context,
                   const GpuPlan &plan, const GpuLaunch &launch,
                   const uint64_t *words, int32_t wordCount);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUREPEAT_H
