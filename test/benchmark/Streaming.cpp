//===-- Streaming.cpp - the speed of memory -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The streaming loop, compiled with -O3 -march=native.

#include "Streaming.h"

#include <algorithm>
#include <thread>
#include <vector>

using namespace recur::bench;

void recur::bench::onThreads(
    int threads, int64_t count,
    const std::function<void(int64_t, int64_t)> &body) {
  int64_t part = (count / threads + 15) / 16 * 16;
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back([&, i] {
      body(std::min(i * part, count),
           i + 1 == threads ? count : std::min((i + 1) * part, count));
    });
  body(0, threads == 1 ? count : std::min(part, count));
  for (std::thread &thread : others)
    thread.join();
}

Streaming::Streaming(int64_t bytes, int threads)
    : count(bytes / 12), threads(threads), a(new float[count]),
      x(new float[count]), y(new float[count]) {
  // Each part is touched first by the thread that will use it.
  onThreads(threads, count, [this](int64_t begin, int64_t end) {
    std::fill(a.get() + begin, a.get() + end, 0.5f);
    std::fill(x.get() + begin, x.get() + end, 1.0f);
    std::fill(y.get() + begin, y.get() + end, 0.0f);
  });
}

static void stream(const float *__restrict a, const float *__restrict x,
                   float *__restrict y, float c, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    y[i] = a[i] * x[i] + c;
}

void Streaming::run() {
  onThreads(threads, count, [this](int64_t begin, int64_t end) {
    stream(a.get() + begin, x.get() + begin, y.get() + begin, 0.25f,
           end - begin);
  });
}

double recur::bench::multiplyAdd(int threads) {
  // More chains than an addition has cycles of latency, in registers.
  using Vector = float __attribute__((vector_size(64)));
  constexpr int64_t chains = 12, steps = 1 << 21;
  onThreads(threads, threads * 16, [&](int64_t, int64_t) {
    Vector h[chains] = {};
    for (int64_t t = 0; t < steps; ++t)
      for (Vector &each : h)
        each = each * 0.5f + 1.0f;
    // Keeps the loop.
    for (Vector &each : h)
      asm volatile("" : : "m"(each));
  });
  return 2.0 * threads * steps * chains * 16;
}
