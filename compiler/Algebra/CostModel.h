//===-- compiler/Algebra/CostModel.h - bytes, operations, time --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a recurrence must move and compute, and the least time that takes on a
/// machine (Williams, Waterman and Patterson 2009, roofline).
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ALGEBRA_COSTMODEL_H
#define RECUR_COMPILER_ALGEBRA_COSTMODEL_H

#include <optional>
#include <string>
#include <string_view>

namespace recur::algebra {

/// Work of one call, counted once for each input read and each output
/// written.
struct Work {
  double bytesRead = 0, bytesWritten = 0;
  double arithmetic = 0; ///< f32 operations
  double special = 0;    ///< exp, log, sqrt, reciprocals

  double bytes() const { return bytesRead + bytesWritten; }
  /// Operations a byte, a special function counted as one.
  double intensity() const {
    return bytes() > 0 ? (arithmetic + special) / bytes() : 0;
  }
};

/// Peak rates a second.
struct Machine {
  std::string name;
  double bandwidth;  ///< bytes
  double arithmetic; ///< f32 operations, a fused multiply-add counted as two
  double special;    ///< special functions
  int cores;         ///< threads or multiprocessors
};

enum class Bound { Bandwidth, Arithmetic, Special };

/// The least time of `work` and what bounds it.
struct Roofline {
  double seconds;
  Bound bound;
};
Roofline estimate(const Work &work, const Machine &machine);
std::string_view describe(Bound bound);

/// This machine: its threads, an estimate of its arithmetic from the clock and
/// `vectorBits`, and a bandwidth that is measured at the first call (some 20
/// ms).
Machine getHost(unsigned vectorBits);

/// The GPU of a compute capability (80: A100, 90: H100, 100: B200), by its
/// vendor's figures; nothing for others.
std::optional<Machine> getGpu(unsigned capability);
/// An H200: the compute of an H100 with more memory bandwidth.
Machine getH200();

} // namespace recur::algebra

#endif // RECUR_COMPILER_ALGEBRA_COSTMODEL_H
