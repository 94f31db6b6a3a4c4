//===-- Overlap.h - do two strided views share memory? ----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Exact answers to whether a strided view visits an element twice, and
/// whether two views have a byte in common.
#ifndef RECUR_RUNTIME_LIB_OVERLAP_H
#define RECUR_RUNTIME_LIB_OVERLAP_H

#include <cstdint>

namespace recur::runtime {

/// A strided view of memory. Strides are in elements and may be negative; the
/// sizes are such that no offset overflows.
struct StridedView {
  uintptr_t address; ///< of the element at index 0
  int64_t elementBytes;
  int32_t rank;
  const int64_t *sizes;
  const int64_t *strides;

  bool empty() const;
};

/// The bytes between the first and the last one that a view touches.
struct ByteRange {
  uintptr_t begin, end;
};
ByteRange byteRange(const StridedView &view);

/// True when two different indices of the view are the same memory.
bool overlapsItself(const StridedView &view);

/// True when the views have a byte in common. Exact (two interleaved views do
/// not overlap) but for adversarial strides, where it may say true wrongly
/// rather than search for long.
bool overlap(const StridedView &x, const StridedView &y);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_OVERLAP_H
