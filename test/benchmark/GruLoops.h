//===-- GruLoops.h - what a user would write --------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The diagonal GRU of ParaRNN (examples/specs/paragru.recur) as plain loops in
/// C++, which the compiled one is measured against.
#ifndef RECUR_TEST_BENCHMARK_GRULOOPS_H
#define RECUR_TEST_BENCHMARK_GRULOOPS_H

#include <cstdint>

namespace recur::bench {

/// Row-major f32 arrays: u [t, 3, d]; w [3, d]; h [t, d].
struct Gru {
  int64_t t, d;
  const float *u, *w;
  float *h;
};

/// Channels [begin, end), with time or the channels as the outer loop; -O3
/// -march=native.
using GruLoops = void (*)(const Gru &gru, int64_t begin, int64_t end);
void gruTimeOuter(const Gru &gru, int64_t begin, int64_t end);
void gruChannelOuter(const Gru &gru, int64_t begin, int64_t end);

} // namespace recur::bench

#endif // RECUR_TEST_BENCHMARK_GRULOOPS_H
