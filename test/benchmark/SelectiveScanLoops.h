//===-- SelectiveScanLoops.h - what a user would write ----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The selective scan as plain loops in C++, which the compiled one is measured
/// against.
#ifndef RECUR_TEST_BENCHMARK_SELECTIVESCANLOOPS_H
#define RECUR_TEST_BENCHMARK_SELECTIVESCANLOOPS_H

#include <cstdint>

namespace recur::bench {

/// Row-major f32 arrays: u, delta, z, y [t, d]; A [d, n]; B, C [t, n];
/// D, bias [d]. `h` is room for d * n floats.
struct SelectiveScan {
  int64_t t, d, n;
  const float *u, *delta, *A, *B, *C, *D, *z, *bias;
  float *y, *h;
};

/// Channels [begin, end), with time or the channels as the outer loop.
using SelectiveScanLoops = void (*)(const SelectiveScan &s, int64_t begin,
                                    int64_t end);

// -O3 -march=native.
void scanTimeOuter(const SelectiveScan &s, int64_t begin, int64_t end);
void scanChannelOuter(const SelectiveScan &s, int64_t begin, int64_t end);
// -O3 -march=native -ffast-math.
void scanTimeOuterFastMath(const SelectiveScan &s, int64_t begin, int64_t end);
void scanChannelOuterFastMath(const SelectiveScan &s, int64_t begin,
                              int64_t end);

} // namespace recur::bench

#endif // RECUR_TEST_BENCHMARK_SELECTIVESCANLOOPS_H
