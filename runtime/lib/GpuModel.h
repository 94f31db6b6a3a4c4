//===-- GpuModel.h - what a schedule costs on a GPU -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Estimates the time of a variant from its shape and the device's numbers; no
/// driver is asked, so it is tested without a GPU.
#ifndef RECUR_RUNTIME_LIB_GPUMODEL_H
#define RECUR_RUNTIME_LIB_GPUMODEL_H

#include <recur/runtime.h>

namespace recur::runtime {

/// What the model knows of a device.
struct GpuMachine {
  int32_t capability;                 ///< 90 is 9.0
  int32_t multiprocessors;            ///< SMs
  double clock;                       ///< cycles a nanosecond
  double bandwidth;                   ///< bytes a nanosecond, at most
  int32_t threads, blocks, registers; ///< of one SM
  int64_t sharedBytes;                ///< of one SM
  int64_t sharedBytesPerBlock;        ///< that a block can ask for
};

/// The measured numbers of the model, in one place so that they can be
/// calibrated.
struct GpuConstants {
  /// Of what the bus could carry, what streaming kernels reach.
  double bandwidthShare;
  /// Of that, what kernels reach whose tiles wait for one another.
  double lookBackShare;
  /// Of that, what kernels reach that take any strides.
  double stridedShare;
  /// What one multiprocessor reads and writes at most, in bytes a cycle.
  double bytesPerClock;
  /// From a load to its value, in ns.
  double memoryLatency;
  /// Steps of a position that a thread has in flight when its kernel does not
  /// say; four times that where a load takes several.
  double stepsInFlight;
  /// From one launch to the next, in ns: the first, each later one, and zeroing
  /// the start of the workspace.
  double firstLaunch, nextLaunch, zeroing;
  /// Start and end of a block, in ns.
  double blockOverhead;
  /// From one tile of time to the next when states travel along the grid, in
  /// ns.
  double lookBackHop;
};
extern const GpuConstants gpuConstants;

/// A call in the model's words.
struct GpuWork {
  int64_t steps;       ///< of time
  double inputBytes;   ///< every input once
  double resultBytes;  ///< every result once
  double summaryBytes; ///< the parts of the workspace
};

/// Units of a kernel's parallel space, and its blocks.
struct GpuGrid {
  int64_t units, blocks, tiles;
  int64_t shared = 0; ///< dynamic shared memory of a block, in bytes
  double points = 1;  ///< of the kernel's inner dims
  int64_t halved = 0; ///< units that two blocks share
};

/// Blocks of the kernel that are resident on one SM, by the model's knowledge;
/// 0 when not even one fits. `shared` is a block's dynamic shared memory, in
/// bytes.
int32_t residentBlocks(const GpuMachine &machine,
                       const recur_gpu_kernel &kernel, int64_t shared);

/// Units of the kernel that are cut in halves (see recur_gpu_kernel).
int64_t halvedUnits(const GpuMachine &machine, const recur_gpu_kernel &kernel,
                    const GpuGrid &grid, int64_t steps);

/// Nanoseconds of one kernel, without its launch.
double estimateKernel(const GpuMachine &machine, const GpuConstants &constants,
                      const recur_gpu_kernel &kernel, const GpuGrid &grid,
                      const GpuWork &work, bool vectors, bool unitStride);

/// Nanoseconds of all kernels of a variant; `grids` has one a kernel.
double estimateVariant(const GpuMachine &machine, const GpuConstants &constants,
                       const recur_gpu_variant &variant, const GpuGrid *grids,
                       const GpuWork &work);

/// Whether a device of `capability` runs the image.
bool runsOn(const recur_gpu_image &image, int32_t capability);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUMODEL_H
