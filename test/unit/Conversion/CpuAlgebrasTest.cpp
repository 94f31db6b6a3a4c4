//===-- CpuAlgebrasTest.cpp - CPU kernels over every algebra --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every CPU variant of recurrences over semirings, of several coupled
/// states, of matrices and of several lags, over sizes that break tiles.
//===----------------------------------------------------------------------===//

#include "SpecMatrix.h"

#include "test/unit/InfiniteSpecs.h"

#include <recur/runtime.h>

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace recur::test;

namespace {

const Spec kSpecs[] = {
    //===-- Semirings -----------------------------------------------------===//
    {"max_plus", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d], final v) {
  state v[b,d] = -inf
  v = max(prev(v) + a, x)
})"},
    {"min_plus", R"(
recurrence r over t (a[b,t,d], x[b,t,d], v0[b,d]) -> (v[b,t,d], final v) {
  reset z[b,t]: bool
  state v[b,d] = v0
  v = min(prev(v) - a, x)
})"},
    // Lanes along time: segments of a few steps, and the powers of equal ones.
    {"max_plus_reverse", R"(
recurrence r over t reverse (a[b,t,d], x[b,t,d]) -> (v[b,t,d], w[b,t,d], final v) {
  state v[b,d] = -1
  v = max(prev(v) + sigmoid(a) - 0.6, x)
  w = v - prev(v)
})"},
    {"filter_reverse", R"(
recurrence r over t reverse (x[b,t,d], c[d]: f64) -> (y[b,t,d]: f64, final y: f64) {
  state y[b,d]: f64 = 0.5
  y = 0.5 * c * prev(y) - 0.3 * prev(y, 2) + x
})"},
    // A clamp: the queue of a server that works at a rate.
    {"clamp", R"(
recurrence r over t (x[b,t,d], rate[d]) -> (q[b,t,d], final q) {
  state q[b,d]
  q = max(prev(q) + x - rate, 0)
})"},
    {"log_sum_exp", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d], final v) {
  state v[b,d] = -inf
  v = logaddexp(prev(v) + a, x)
})"},
    {"log_sum_exp_reset", R"(
recurrence r over t reverse (a[b,t,d], x[b,t,d]) -> (y[b,t,d], final v) {
  reset z[b,t]: bool
  state v[b,d] = -1
  v = logaddexp(prev(v) + a, x)
  y = v - prev(v)
})"},
    {"max_plus_packed", R"(
recurrence r over t (a[t,d], x[t,d], v0[s,d]) -> (v[t,d], final v) {
  segments cu[s]
  state v[d] = v0
  v = max(prev(v) + a, x)
})"},
    {"or_and", R"(
recurrence r over t (hold[b,t,d]: bool, set[b,t,d]: bool) -> (on[b,t,d]: bool, final on: bool) {
  state on[b,d]: bool
  on = prev(on) and hold or set
})"},
    {"max_plus_f64", R"(
recurrence r over t (a[b,t,d]: f64, x[b,t,d]: f64) -> (v[b,t,d]: f64, final v: f64) {
  state v[b,d]: f64 = 0.5
  v = max(prev(v) + a, x)
})"},
    //===-- Coupled states ------------------------------------------------===//
    {"two_states", R"(
recurrence r over t (a[b,t,d], x[b,t,d], p[d]) -> (y[b,t,d], final u, final v) {
  reset z[b,t]: bool
  state u[b,d] = 0.5
  state v[b,d]
  u = 0.5 * a * prev(u) + p * prev(v) * 0.25 + x
  v = 0.25 * prev(u) - 0.5 * a * prev(v) + a
  y = u - prev(v)
})"},
    // Triangular: the second state reads the new first one.
    {"cascade", R"(
recurrence r over t (x[b,t,d], a[d]) -> (v[b,t,d], w[b,t,d], final u) {
  state u[b,d] = 1
  state v[b,d]
  state w[b,d]
  u = a * prev(u) + x
  v = 0.5 * prev(v) + u
  w = prev(w) * 0.25 + v - prev(u)
})"},
    {"rotation", R"(
recurrence r over t (angle[b,t,d], x[b,t,d], y[b,t,d]) -> (p[b,t,d], q[b,t,d]) {
  state p[b,d]
  state q[b,d]
  c = 0.9 * cos(angle)
  s = 0.9 * sin(angle)
  p = c * prev(p) - s * prev(q) + x
  q = s * prev(p) + c * prev(q) + y
})"},
    {"rotation_reset", R"(
recurrence r over t reverse (angle[b,t,d], x[b,t,d], r0[b,d]) -> (p[b,t,d], final p, final q) {
  reset z[b,t]: bool
  state p[b,d] = r0
  state q[b,d] = 0.5
  c = 0.9 * cos(angle)
  s = 0.9 * sin(angle)
  p = c * prev(p) - s * prev(q) + x
  q = s * prev(p) + c * prev(q)
})"},
    // Neither forgets nor commutes: every step's place counts.
    {"reflections", R"(
recurrence r over t (angle[b,t,d]: f64, x[b,t,d]: f64) -> (p[b,t,d]: f64, final q: f64) {
  state p[b,d]: f64 = 1
  state q[b,d]: f64
  c = cos(3 * angle)
  s = sin(3 * angle)
  p = c * prev(p) + s * prev(q) + 0.01 * x
  q = s * prev(p) - c * prev(q)
})"},
    {"two_states_packed", R"(
recurrence r over t reverse (a[t,d], x[t,d], u0[s,d]) -> (v[t,d], final u, final v) {
  segments cu[s]
  state u[d] = u0
  state v[d] = 0.5
  u = 0.5 * a * prev(u) + 0.25 * prev(v) + x
  v = 0.25 * prev(u) - 0.5 * a * prev(v)
})"},
    //===-- Lags ----------------------------------------------------------===//
    {"biquad", R"(
recurrence r over t (x[b,t,d], c1[d], c2[d]) -> (y[b,t,d], final y, final prev(y)) {
  state y[b,d] = 0.5, 0.25
  y = 0.6 * c1 * prev(y) - 0.3 * c2 * prev(y, 2) + x + 2 * prev(x) + x[b,t-2,d]
})"},
    {"order_three", R"(
recurrence r over t (x[b,t,d], c[b,t,d], y1[b,d], y2[b,d], y3[b,d]) -> (y[b,t,d], z[b,t,d], final prev(y, 2)) {
  state y[b,d] = y1, y2, y3
  y = 0.3 * c * prev(y) - 0.3 * prev(y, 2) + x
  z = y - prev(y, 2)
})"},
    {"lags_reset", R"(
recurrence r over t (x[b,t,d], c[b,t,d], y0[b,d]) -> (y[b,t,d], w[b,t,d], final prev(y, 2)) {
  reset z[b,t]: bool
  state y[b,d] = y0, 0.5, -0.25
  y = 0.3 * c * prev(y) - 0.3 * prev(y, 2) + x
  w = y + prev(y, 2)
})"},
    {"lags_two_states", R"(
recurrence r over t reverse (x[t,d], c[t,d]) -> (v[t,d], final u, final v) {
  segments cu[s]
  state u[d] = 0.5, 0.25
  state v[d]
  u = 0.3 * c * prev(u) - 0.3 * prev(u, 2) + x
  v = 0.5 * u + 0.2 * prev(u, 2) - 0.4 * prev(v) + 0.1 * prev(v, 3)
})"},
    {"lag_max", R"(
recurrence r over t (x[b,t,d], c[b,t,d]) -> (y[b,t,d]) {
  state y[b,d] = -inf
  y = max(max(prev(y) + c, prev(y, 2) - 0.5), x)
})"},
    // Numbers of 16 bits in the past, with a history and without; one in f64.
    {"lag_half", R"(
recurrence r over t (x[b,t,d]: bf16, past[b,d]: bf16, w[b,t,d]: bf16) -> (y[b,t,d]: bf16, h[b,t,d]: f64) {
  history x = past
  state h[b,d]: f64
  h = 0.5 * prev(h) + x
  y = x + 2 * prev(x) - w[b,t-2,d]
})"},
    //===-- Matrices ------------------------------------------------------===//
    {"matrix", R"(
recurrence r over t (A[b,t,d,i=2,j=2], x[b,t,d,i]) -> (h[b,t,d,i], final h) {
  state h[b,d,i] = 0.5
  h = 0.5 * sum(j: A * h[b,t-1,d,j]) + x
})"},
    {"matrix_readout", R"(
recurrence r over t (A[d,i=3,j=3], x[b,t,d], c[b,t,i], h0[b,d,i]) -> (y[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d,i] = h0
  h = 0.3 * sum(j: A * h[b,t-1,d,j]) + x * A[d,i,0]
  y = sum(i: c * h) + h[b,t,d,1]
})"},
    {"matrix_viterbi", R"(
recurrence r over t (A[i=4,j=4], e[b,t,i]) -> (v[b,t,i], best[b,t], final v) {
  state v[b,i] = 0
  v = max(j: A + v[b,t-1,j]) + e
  best = max(i: v)
})"},
    {"matrix_forward",
     R"(
recurrence r over t (A[i=3,j=3], e[b,t,d,i]) -> (f[b,t,d,i], final f) {
  state f[b,d,i] = 0
  f = logaddexp(logsumexp(j: A + f[b,t-1,d,j]), e)
})",
     {{"A", {-4, -2}}}},
    {"matrix_outer", R"(
recurrence r over t (A[b,t,i=2,j=2], x[b,t,d], k[b,t,n], c[b,t,n]) -> (y[b,t,d,i], final h) {
  state h[b,d,n,i]
  h = 0.5 * sum(j: A * h[b,t-1,d,n,j]) + x * k
  y = sum(n: c * h)
})"},
    {"matrix_eight", R"(
recurrence r over t (A[d,i=8,j=8], x[b,t,d,i]) -> (h[b,t,d,i]) {
  state h[b,d,i] = 0.5
  h = 0.12 * sum(j: A * h[b,t-1,d,j]) + x
})"},
    //===-- Complex numbers -----------------------------------------------===//
    {"complex_diagonal", R"(
recurrence r over t (a[b,t,d]: c64, x[b,t,d]: c64, h0[b,d]: c64) -> (h[b,t,d]: c64, y[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d]: c64 = h0
  h = a * prev(h) + x
  y = real(conj(x) * h) + abs(prev(h))
})"},
    {"complex_double", R"(
recurrence r over t reverse (a[b,t,d]: c128, x[b,t,d]: f64) -> (h[b,t,d]: c128) {
  state h[b,d]: c128 = 1
  h = a * prev(h) + x
})"},
    {"complex_packed", R"(
recurrence r over t (a[d]: c64, x[t,d]: c64, h0[s,d]: c64) -> (y[t,d]: c64, final h) {
  segments cu[s]
  state h[d]: c64 = h0
  h = a * prev(h) + x + prev(x)
  y = h / (x + 3)
})"},
    {"complex_functions", R"(
recurrence r over t (x[b,t,d], w[d], z[b,t,d]: c64) -> (y[b,t,d], u[b,t,d]: c64) {
  state h[b,d]: c64
  h = exp(complex(-0.1, w)) * prev(h) + x
  y = imag(h)
  u = sqrt(z) + tanh(z) + sin(z) * cos(z) + expm1(z) + complex(x, y) / z
})"},
    {"complex_matrix", R"(
recurrence r over t (A[d,i=2,j=2]: c64, x[b,t,d]: c64) -> (y[b,t,d], final h) {
  state h[b,d,i]: c64
  h = 0.5 * sum(j: A * h[b,t-1,d,j]) + x
  y = real(h[b,t,d,0]) + imag(h[b,t,d,1])
})"},
    {"complex_states", R"(
recurrence r over t (A[d,n]: c64, B[d,n]: c64, u[b,t,d], C[d,n]: c64) -> (y[b,t,d]) {
  state h[b,d,n]: c64
  h = 0.9 * A * prev(h) + B * u
  y = 2 * real(sum(n: C * h))
})"},
    //===-- Steps that lie together for each lane -------------------------===//
    // All numbers of a step, two of them by their index, and a number alone.
    {"numbers_last", R"(
recurrence r over t (A[i=3,j=3], x[d,t,i], k[d,t,p=2], w[d,t]) -> (h[d,t,i], y[d,t], final h) {
  state h[d,i] = 0.5
  h = 0.3 * sum(j: A * h[d,t-1,j]) + k[d,t,1] * x + w * k[d,t,0]
  y = sum(i: h) * w
})"},
    // All steps of a number, backwards; more lanes than there are.
    {"steps_last", R"(
recurrence r over t reverse (A[d,i=2,j=2]: f64, a[b,d,t]: f64, x[b,i,d,t]: f64) -> (h[b,d,i,t]: f64, final h) {
  state h[b,d,i]: f64
  h = 0.4 * a * sum(j: A * h[b,d,j,t+1]) + x
})"},
    {"sequences_last", R"(
recurrence r over t (x[d,t,i=2], u[d,t], M[i,j=2]) -> (h[d,i,t], final h) reset z[d,t]: bool segments cu[s] {
  state h[d,i]
  h = 0.4 * u * sum(j: M * h[d,j,t-1]) + x + prev(u)
})"},
    //===-- Scalar decay, outer products ----------------------------------===//
    {"outer_product", R"(
recurrence r over t (a[b,t,d], B[b,t,n], x[b,t,d,p=3], C[b,t,n]) -> (y[b,t,d,p], final h) {
  state h[b,d,p,n]
  h = a * prev(h) + B * x
  y = sum(n: C * h)
})"},
    // Decays that add in the exponent: of each channel, of each point, and of
    // a channel with a rate for each point of two dims.
    {"decay", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  state h[b,d] = 1
  h = exp(-0.3 * abs(a)) * prev(h) + x
})"},
    {"decay_points", R"(
recurrence r over t reverse (a[b,t,n], x[b,t,d], c[b,t,n]) -> (y[b,t,d], final h) {
  state h[b,d,n] = 0.5
  h = exp(-abs(a)) * prev(h) + x
  y = sum(n: c * h)
})"},
    {"decay_rates", R"(
recurrence r over t (a[b,t,d], x[b,t,d], w[m,n], c[b,t,m]) -> (y[b,t,d], final h) {
  state h[b,d,m,n]
  h = exp(-abs(w) * abs(a)) * prev(h) + x * c
  y = sum(m, n: h)
})"},
    // The state one step ago inside a reduction over another dim.
    {"previous_reduced", R"(
recurrence r over t (x[b,t,d], c[b,t,n]) -> (y[b,t,d]) {
  state h[b,d]
  h = 0.5 * prev(h) + x
  y = sum(n: c * prev(h))
})"},
};

class CpuAlgebras : public testing::TestWithParam<Spec> {};

TEST_P(CpuAlgebras, AgreesWithTheInterpreter) { runSizes(GetParam()); }
TEST_P(CpuAlgebras, TakesRowsWithGaps) { runGaps(GetParam()); }
TEST_P(CpuAlgebras, TakesEmptyDims) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  for (const char *empty : {"t", "b"})
    EXPECT_EQ(runEmpty(spec, empty), "") << "no " << empty;
}
TEST_P(CpuAlgebras, SplitsTimeDeterministically) { runSplit(GetParam()); }
TEST_P(CpuAlgebras, RunsOnOlderInstructionSets) {
  for (const char *target : {"x86-64-v2", "x86-64-v3"})
    runTarget(GetParam(), target);
}

INSTANTIATE_TEST_SUITE_P(Specs, CpuAlgebras, testing::ValuesIn(kSpecs),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

//===----------------------------------------------------------------------===//
// Inputs that are no numbers
//===----------------------------------------------------------------------===//

class InfiniteInputs : public testing::TestWithParam<InfiniteSpec> {};

TEST_P(InfiniteInputs, StayInTheirPlaces) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  Call call;
  call.infinite = GetParam().input;
  call.infinities = GetParam().numbers;
  call.ranges = kResets;
  for (call.variant = 0; call.variant < spec.info()->n_cpu_variants;
       ++call.variant)
    for (const char *innermost : {"d", "t"})
      for (auto [t, d] :
           {std::pair(97, 40), std::pair(300, 3), std::pair(1 << 17, 2)}) {
        call.contiguous = innermost;
        call.sizes = {{"b", 2}, {"t", t}, {"d", d}, {"n", 3}};
        ++call.seed;
        std::string wrong = spec.run(call);
        // (a variant that wants another stride takes no part)
        if (wrong.find("status: ") != 0)
          EXPECT_EQ(wrong, "") << t << " steps, " << d << " channels, "
                               << innermost << " innermost";
      }
}

/// The zero of a semiring takes any state away but NaN, in lanes of channels
/// and of time, in one piece of it and in several.
TEST(InfiniteStates, ZeroTakesAway) {
  ExecutedSpec spec(
      "recurrence r over t (a[d,t], x[d,t]) -> (v[d,t], final v) {\n"
      "  state v[d] = -inf\n  v = max(prev(v) + a, x)\n}\n");
  ASSERT_EQ(spec.error(), "");
  constexpr float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int64_t steps : {70, 1000, 1 << 16}) {
    const int64_t channels = 7;
    // Where states become infinite and end, in the same square and far apart,
    // and at random; the third channel's is no number in the end.
    std::vector<float> a(channels * steps, 0.25f), x(channels * steps, -3.0f);
    a[10] = inf, a[12] = -inf, a[65] = inf;
    a[steps + 1] = inf, a[steps + 60] = -inf, x[steps + 62] = inf;
    a[steps + 66] = -inf, a[2 * steps + 2] = inf, a[3 * steps - 3] = nan;
    a[3 * steps - 2] = -inf;
    std::minstd_rand random(7);
    for (int64_t d = 3; d < channels; ++d)
      for (int64_t k = d * steps; k < (d + 1) * steps; ++k)
        if (random() % (d * d * d * d) == 0)
          (random() % 3 == 0 ? x : a)[k] = random() % 2 == 0 ? inf : -inf;
    std::vector<float> wanted(channels * steps), last(channels);
    for (int64_t d = 0; d < channels; ++d) {
      float v = -inf;
      for (int64_t k = d * steps; k < (d + 1) * steps; ++k) {
        float moved = v + a[k];
        if (!std::isnan(v) && !std::isnan(a[k]) && std::isnan(moved))
          moved = -inf;
        wanted[k] = v = std::isnan(moved) || moved > x[k] ? moved : x[k];
      }
    }
    for (bool timeInnermost : {true, false})
      for (int32_t k = 0; k < spec.info()->n_cpu_variants; ++k) {
        recur_info info = *spec.info();
        info.cpu_variants += k;
        info.n_cpu_variants = 1;
        std::vector<float> found(channels * steps), memory[2];
        int64_t shape[] = {channels, steps}, stride[] = {steps, 1}, one = 1;
        if (!timeInnermost)
          stride[0] = 1, stride[1] = channels;
        auto lay = [&](const std::vector<float> &values) {
          std::vector<float> laid(values.size());
          for (int64_t i = 0; i < channels; ++i)
            for (int64_t t = 0; t < steps; ++t)
              laid[i * stride[0] + t * stride[1]] = values[i * steps + t];
          return laid;
        };
        auto view = [&](std::vector<float> &data, int rank) {
          DLTensor tensor{};
          tensor.data = data.data();
          tensor.device = {kDLCPU, 0};
          tensor.dtype = {kDLFloat, 32, 1};
          tensor.ndim = rank;
          tensor.shape = shape;
          tensor.strides = rank == 1 ? &one : stride;
          return tensor;
        };
        memory[0] = lay(a), memory[1] = lay(x);
        const DLTensor tensors[] = {view(memory[0], 2), view(memory[1], 2),
                                    view(found, 2), view(last, 1)};
        const DLTensor *arguments[] = {&tensors[0], &tensors[1], &tensors[2],
                                       &tensors[3]};
        if (recur_call(&info, arguments, 4, nullptr, 0, nullptr) != RECUR_OK)
          continue; // (another stride)
        std::vector<float> expected = lay(wanted);
        for (int64_t i = 0; i < channels * steps; ++i)
          ASSERT_TRUE(found[i] == expected[i] ||
                      (std::isnan(found[i]) && std::isnan(expected[i])))
              << info.cpu_variants->name << ", " << steps << " steps, "
              << (timeInnermost ? "time" : "channels") << " innermost: " << i
              << " is " << found[i] << ", expected " << expected[i];
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, InfiniteInputs,
                         testing::ValuesIn(kInfiniteSpecs),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
