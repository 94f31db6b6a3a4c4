//===-- test/unit/InfiniteSpecs.h - inputs that are no numbers --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Recurrences over every algebra, and which of their inputs is infinite or NaN
/// at some elements: CPU and GPU kernels promise the same of them, finite
/// results exactly where the interpreter has finite ones.
#ifndef RECUR_TEST_UNIT_INFINITESPECS_H
#define RECUR_TEST_UNIT_INFINITESPECS_H

#include <limits>
#include <ostream>
#include <vector>

namespace recur::test {

struct InfiniteSpec {
  const char *name, *input, *text;
  /// What the input is there.
  std::vector<double> numbers = {
      std::numeric_limits<double>::infinity(),
      -std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::quiet_NaN(),
  };
};

/// Over a semiring whose zero is -inf, all but that: it takes away even +inf,
/// which in the interpreter, who knows no semirings, is no number.
inline const std::vector<double> kAboveZero = {
    std::numeric_limits<double>::infinity(),
    std::numeric_limits<double>::quiet_NaN()};
inline const std::vector<double> kZero = {
    -std::numeric_limits<double>::infinity()};

inline void PrintTo(const InfiniteSpec &spec, std::ostream *out) {
  *out << spec.text;
}

// One equation over two inputs; and filters.
#define RECUR_STEP(step)                                                       \
  "recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {\n"        \
  "  state h[b,d]\n"                                                           \
  "  h = " step "\n"                                                           \
  "}"
inline constexpr char kLinear[] = RECUR_STEP("a * prev(h) + x"),
                      kMaxPlus[] = RECUR_STEP("max(prev(h) + a, x)"),
                      kMinPlus[] = RECUR_STEP("min(prev(h) - a, x)"),
                      kLogSumExp[] = RECUR_STEP("logaddexp(prev(h) + a, x)");
#undef RECUR_STEP
#define RECUR_FILTER(factor)                                                   \
  "recurrence r over t (x[b,t,d], " factor ") -> (y[b,t,d], final y) {\n"      \
  "  state y[b,d]\n"                                                           \
  "  y = 0.4 * c * prev(y) - 0.3 * prev(y, 2) + x\n"                           \
  "}"
inline constexpr char kFilter[] = RECUR_FILTER("c[d]"),
                      kVaryingFilter[] = RECUR_FILTER("c[b,t,d]");
#undef RECUR_FILTER

inline const InfiniteSpec kInfiniteSpecs[] = {
    // The first state is 0: inf * 0.
    {"factor", "a", kLinear},
    {"summand", "x", kLinear},
    {"start", "h0", R"(
recurrence r over t reverse (a[b,t,d], x[b,t,d], h0[b,d]) -> (h[b,t,d], final h) {
  state h[b,d] = h0
  h = a * prev(h) + x
})"},
    {"constant_factor", "c", R"(
recurrence r over t (c[d], x[b,t,d]) -> (h[b,t,d], final h) {
  state h[b,d]
  h = c * prev(h) + x
})"},
    {"decay", "g", R"(
recurrence r over t (g[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  state h[b,d]
  h = exp(-softplus(g)) * prev(h) + x
})"},
    {"points", "g", R"(
recurrence r over t (g[b,t,d], A[d,n], B[b,t,n], x[b,t,d]) -> (y[b,t,d]) {
  state h[b,d,n=3]
  h = exp(-softplus(g) * abs(A)) * prev(h) + g * B * x
  y = sum(n: h)
})"},
    {"filter", "x", kFilter},
    {"varying_filter", "c", kVaryingFilter},
    {"rotation", "x", R"(
recurrence r over t (x[b,t,d], w[b,t,d]) -> (p[b,t,d], q[b,t,d]) {
  state p[b,d]
  state q[b,d]
  p = 0.9 * (cos(w) * prev(p) - sin(w) * prev(q)) + x
  q = 0.9 * (sin(w) * prev(p) + cos(w) * prev(q))
})"},
    {"max_plus", "a", kMaxPlus, kAboveZero},
    {"max_plus_zero", "a", kMaxPlus, kZero},
    {"max_plus_bound", "x", kMaxPlus},
    {"min_plus", "a", kMinPlus, kAboveZero},
    {"min_plus_zero", "a", kMinPlus, kZero},
    {"log_sum_exp", "a", kLogSumExp, kAboveZero},
    {"log_sum_exp_zero", "a", kLogSumExp, kZero},
    {"log_sum_exp_summand", "x", kLogSumExp},
    {"moments", "x", R"(
monoid moments(n, s) {
  identity 0, 0
  combine(p, q) {
    n = p.n + q.n
    s = p.s + q.s
  }
}
recurrence r over t (x[b,t,d]) -> (mean[b,t,d]) {
  state m[b,d]: moments
  m = moments(prev(m), (1, x))
  mean = m.s / m.n
})"},
};

} // namespace recur::test

#endif // RECUR_TEST_UNIT_INFINITESPECS_H
