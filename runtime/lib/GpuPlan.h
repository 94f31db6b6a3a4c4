//===-- GpuPlan.h - how one call is run on a GPU ----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Picks the variant, by what applies and then by the model's estimate, and its
/// grids and workspace. Depends on sizes, strides, alignment and the device.
#ifndef RECUR_RUNTIME_LIB_GPUPLAN_H
#define RECUR_RUNTIME_LIB_GPUPLAN_H

#include "runtime/lib/Arguments.h"
#include "runtime/lib/GpuDevice.h"

namespace recur::runtime {

/// Every workspace address is raised to a multiple of so many bytes.
constexpr int64_t gpuWorkspaceAlignment = 256;

/// What came of trying one variant.
struct GpuTrial {
  const recur_gpu_variant *variant;
  const char *refusal; ///< why it does not apply; null: it does
  double nanoseconds;  ///< estimated, where it applies
};

/// Is told of every variant that is tried.
class GpuTrialObserver {
public:
  virtual void tried(const GpuTrial &trial) = 0;

protected:
  ~GpuTrialObserver() = default;
};

struct GpuPlan {
  static constexpr int32_t maxKernels = 16;

  const recur_gpu_variant *variant;
  GpuGrid grids[maxKernels]; ///< of the variant's kernels
  int64_t zeroedBytes;
  /// What the caller brings: with room to align it; 0: nothing.
  int64_t workspaceBytes;
  double nanoseconds; ///< estimated

  /// Nothing is to be computed: all results are empty.
  bool isEmpty() const { return grids[0].units == 0; }

  /// Returns RECUR_OK or the status after `fail`.
  int make(const CheckedArguments &arguments, const GpuDevice &device,
           GpuTrialObserver *observer = nullptr);
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUPLAN_H
