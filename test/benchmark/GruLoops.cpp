//===-- GruLoops.cpp - the diagonal GRU as loops --------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// One step after the other, as the equations stand.

#include "GruLoops.h"

#include <cmath>

using namespace recur::bench;

static inline float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// One channel at one time.
static inline float step(const Gru &gru, int64_t t, int64_t d, float h) {
  const float *u = gru.u + t * 3 * gru.d + d;
  const float z = sigmoid(gru.w[d] * h + u[0]);
  const float r = sigmoid(gru.w[gru.d + d] * h + u[gru.d]);
  const float c = std::tanh(gru.w[2 * gru.d + d] * h * r + u[2 * gru.d]);
  return (1 - z) * h + z * c;
}

void recur::bench::gruTimeOuter(const Gru &gru, int64_t begin, int64_t end) {
  for (int64_t t = 0; t < gru.t; ++t)
    for (int64_t d = begin; d < end; ++d)
      gru.h[t * gru.d + d] =
          step(gru, t, d, t > 0 ? gru.h[(t - 1) * gru.d + d] : 0);
}

void recur::bench::gruChannelOuter(const Gru &gru, int64_t begin, int64_t end) {
  for (int64_t d = begin; d < end; ++d) {
    float h = 0;
    for (int64_t t = 0; t < gru.t; ++t)
      gru.h[t * gru.d + d] = h = step(gru, t, d, h);
  }
}
