//===-- AffineRecurrence.h - hand-written kernels for tests -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// h = a * h + x written by hand as the five steps that the compiler
/// generates, in 64-bit integers that wrap: composing affine maps does not
/// commute, and the arithmetic is exact, so any order error changes the result
/// and any right schedule gives the same bits.
#ifndef RECUR_TEST_UNIT_RUNTIME_AFFINERECURRENCE_H
#define RECUR_TEST_UNIT_RUNTIME_AFFINERECURRENCE_H

#include <recur/tensor.h>

#include <string>
#include <vector>

namespace recur::test {

/// a[b,t,d], x[b,t,d], h0[b,d] -> y[b,t,d], final h[b,d]; with segments
/// a[t,d], x[t,d], h0[s,d], cu[s+1] -> y[t,d], final h[s,d]. A reset puts the
/// state back to h0 before a step where a is `resetValue`.
struct AffineOptions {
  bool reverse = false;
  bool segments = false;
  int64_t lanes = 4;
  /// Cost that the variant claims; a high one makes small sizes split.
  double stepCost = 1.0;
  double foldCost = 0.8; ///< of a step's
  double stepBytes = 24.0;
};

constexpr int64_t resetValue = 77;

/// The description, with kernels, of the affine recurrence.
class AffineRecurrence {
public:
  explicit AffineRecurrence(AffineOptions options);
  AffineRecurrence(const AffineRecurrence &) = delete;

  enum Dim { B, T, D, S };

  recur_info info{};
  recur_cpu_variant variant{};
  std::vector<recur_dim> dims;
  std::vector<recur_argument> arguments;

private:
  AffineOptions options;
};

/// Tensors of one problem, and what the results must be.
struct AffineProblem {
  AffineOptions options;
  int64_t b, t, d;
  std::vector<int64_t> cumulative; ///< of segments
  Tensor a, x, h0, cu, y, last;
  Tensor expectedY, expectedLast;

  AffineProblem(AffineOptions options, int64_t b, int64_t t, int64_t d,
                std::vector<int64_t> cumulative = {}, uint32_t seed = 1);
  ArgumentList call();
  /// Fills the results with a value that no right result has everywhere.
  void poison();
  /// Empty, or where the results differ from the expected ones.
  std::string difference() const;
};

} // namespace recur::test
#endif // RECUR_TEST_UNIT_RUNTIME_AFFINERECURRENCE_H
