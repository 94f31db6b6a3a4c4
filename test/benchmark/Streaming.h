//===-- Streaming.h - the speed of memory -----------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The loop y = a x + c over arrays, which moves as many bytes as a case.
#ifndef RECUR_TEST_BENCHMARK_STREAMING_H
#define RECUR_TEST_BENCHMARK_STREAMING_H

#include <cstdint>
#include <functional>
#include <memory>

namespace recur::bench {

/// Calls body(begin, end) on `threads` parts of [0, count), multiples of 16
/// but for the last end, on a thread each.
void onThreads(int threads, int64_t count,
               const std::function<void(int64_t, int64_t)> &body);

/// Runs fused multiply-adds on registers for some milliseconds; how many
/// operations those were, two each.
double multiplyAdd(int threads);

/// Two arrays that are read and one that is written, `bytes` together.
class Streaming {
public:
  Streaming(int64_t bytes, int threads);
  /// y = a x + c, once over the arrays.
  void run();

private:
  int64_t count;
  int threads;
  std::unique_ptr<float[]> a, x, y;
};

} // namespace recur::bench

#endif // RECUR_TEST_BENCHMARK_STREAMING_H
