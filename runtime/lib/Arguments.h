//===-- Arguments.h - checked arguments of one call -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Turns the caller's DLPack tensors into the frame that kernels see, or into
/// an error that names the recurrence, the argument and what was expected.
#ifndef RECUR_RUNTIME_LIB_ARGUMENTS_H
#define RECUR_RUNTIME_LIB_ARGUMENTS_H

#include "runtime/lib/Overlap.h"

#include <recur/runtime.h>

namespace recur::runtime {

/// Cumulative lengths of packed sequences, as the caller stores them.
class SegmentBounds {
public:
  SegmentBounds() = default;
  SegmentBounds(const void *values, int64_t stride, bool wide)
      : values(values), stride(stride), wide(wide) {}

  int64_t operator[](int64_t segment) const {
    int64_t at = segment * stride;
    return wide ? static_cast<const int64_t *>(values)[at]
                : static_cast<const int32_t *>(values)[at];
  }

private:
  const void *values = nullptr;
  int64_t stride = 0;
  bool wide = false;
};

/// The arguments of one call after `check` accepted them. Lives on the
/// caller's stack: checking allocates nothing.
class CheckedArguments {
public:
  static constexpr int32_t maxStrides = 8 * RECUR_MAX_ARGUMENTS;

  /// Checks everything the kernels rely on, but for what only the device could
  /// tell. Returns RECUR_OK or the status after `fail`.
  int check(const recur_info &info, const DLTensor *const *tensors,
            int32_t count);

  /// Whether the arguments are on a GPU, and on which.
  bool onGpu() const { return device.device_type != kDLCPU; }
  int32_t deviceOrdinal() const { return device.device_id; }

  recur_frame frame() const {
    return {data, strides, sizes, data + firstResult,
            strides + firstResultStride};
  }
  const recur_info &info() const { return *recurrence; }

  int64_t size(int32_t dim) const { return sizes[dim]; }
  int64_t stride(int32_t argument, int32_t axis) const {
    return strides[firstStride[argument] + axis];
  }
  /// Steps of the whole time dimension (1 for a recurrence without one).
  int64_t time() const {
    return recurrence->time_dim >= 0 ? sizes[recurrence->time_dim] : 1;
  }
  /// Number of sequences along time: the segments, or one. The bounds of
  /// segments are known on the CPU only.
  int64_t sequences() const { return segmented ? segmentCount : 1; }
  int64_t sequenceBegin(int64_t sequence) const {
    return segmented ? segmentBounds[sequence] : 0;
  }
  int64_t sequenceEnd(int64_t sequence) const {
    return segmented ? segmentBounds[sequence + 1] : time();
  }
  int64_t longestSequence() const { return longest; }

  /// The memory that an argument is.
  StridedView view(int32_t argument) const;

private:
  int checkShapeOfInfo() const;
  int checkDevice(int32_t argument, const DLTensor &tensor);
  int checkType(int32_t argument, const DLTensor &tensor) const;
  int bindSizes(int32_t argument, const DLTensor &tensor);
  int bindMemory(int32_t argument, const DLTensor &tensor);
  int checkSegments();
  int checkAccesses() const;
  int checkOverlaps() const;

  const recur_info *recurrence = nullptr;
  DLDevice device = {kDLCPU, 0}; ///< of all arguments, kDLCPU or kDLCUDA
  bool segmented = false;
  int64_t segmentCount = 0;
  int64_t longest = 0;
  SegmentBounds segmentBounds;
  int32_t sizeBoundBy[RECUR_MAX_DIMS]; ///< argument, or -1
  int64_t sizes[RECUR_MAX_DIMS];
  void *data[RECUR_MAX_ARGUMENTS];
  int64_t elementBytes[RECUR_MAX_ARGUMENTS];
  int32_t firstStride[RECUR_MAX_ARGUMENTS];
  int32_t firstResult = 0, firstResultStride = 0;
  int64_t strides[maxStrides];
  int64_t shapes[maxStrides];
};

/// Checks that a workspace has at least `needed` bytes and lies apart from all
/// arguments; a status.
int checkWorkspace(const CheckedArguments &arguments, int64_t needed,
                   const void *workspace, size_t bytes);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_ARGUMENTS_H
