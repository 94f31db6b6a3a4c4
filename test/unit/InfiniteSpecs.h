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
#include <map>
#include <ostream>
#include <string>
#include <utility>
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

/// Ranges of resets that are floats: one that is never there, and one that is
/// at one step of eight, where the least number above zero is nearer than zero.
inline const std::map<std::string, std::pair<double, double>> kResets = {
    {"never", {0, 0}}, {"rare", {0, 8e-46}}};

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
    {"log_sum_exp_mask", "a", kLogSumExp, {-1e9}},
    {"log_sum_exp_jump", "x", kLogSumExp, {-1e9, 1e9, 50}},
    // What is behind a reset does not know what was before: the state is finite
    // again, in every algebra, however time is cut.
    {"reset", "x", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d]
  h = a * prev(h) + x
})"},
    // A factor counts where it meets the start too.
    {"reset_factor", "a", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], p[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d]
  p = prev(h)
  h = a * prev(h) + x
})"},
    {"reset_to_argument", "x", R"(
recurrence r over t reverse (a[b,t,d]: bf16, x[b,t,d]: bf16, h0[b,d]) -> (h[b,t,d]: bf16, final h) {
  reset z[b,t]: bool
  state h[b,d] = h0
  h = a * prev(h) + x
})"},
    {"reset_f64", "x", R"(
recurrence r over t (c[d]: f64, x[b,t,d]: f64) -> (h[b,t,d]: f64, final h: f64) {
  reset z[b,t,d]: i32
  state h[b,d]: f64 = 0.5
  h = c * prev(h) + x
})"},
    {"reset_lags", "x", R"(
recurrence r over t (x[b,t,d], c[b,t,d]) -> (y[b,t,d], final y) {
  reset z[b,t]: bool
  state y[b,d] = 0.25
  y = 0.4 * c * prev(y) - 0.3 * prev(y, 2) + x
})"},
    {"reset_rotation", "x", R"(
recurrence r over t (x[b,t,d], w[b,t,d]) -> (p[b,t,d], q[b,t,d]) {
  reset z[b,t]: bool
  state p[b,d]
  state q[b,d] = 0.5
  p = 0.9 * (cos(w) * prev(p) - sin(w) * prev(q)) + x
  q = 0.9 * (sin(w) * prev(p) + cos(w) * prev(q))
})"},
    {"reset_matrix", "x", R"(
recurrence r over t (A[d,i=3,j=3], x[b,t,d]) -> (h[b,t,d,i], final h) {
  reset z[b,t]: bool
  state h[b,d,i] = 0.5
  h = 0.3 * sum(j: A * h[b,t-1,d,j]) + x
})"},
    {"reset_complex", "x", R"(
recurrence r over t (A[d]: c64, x[b,t,d]) -> (y[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d]: c64
  h = 0.9 * A * prev(h) + x
  y = real(h) + imag(h)
})"},
    {"reset_points", "x", R"(
recurrence r over t (g[b,t,d], A[d,n], B[b,t,n], x[b,t,d]) -> (y[b,t,d]) {
  reset rare[b,t]
  state h[b,d,n=3]
  h = exp(-softplus(g) * abs(A)) * prev(h) + g * B * x
  y = sum(n: h)
})"},
    {"reset_max_plus", "x", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d]
  h = max(prev(h) + a, x)
})",
     kAboveZero},
    {"reset_min_plus_pair",
     "x",
     R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (p[b,t,d], q[b,t,d]) {
  reset z[b,t]: bool
  state p[b,d] = 1
  state q[b,d]
  p = min(min(prev(p) - a, prev(q) + 0.5), x)
  q = min(prev(p) + 0.25, prev(q) + a)
})",
     {-std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::quiet_NaN()}},
    {"reset_log_sum_exp", "x", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d] = -1
  h = logaddexp(prev(h) + a, x)
})",
     kAboveZero},
    {"reset_cell", "x", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d] = 0.5
  h = 0.9 * tanh(a * prev(h)) + x
})"},
    // No reset comes: products of decays that end in zero take nothing away.
    {"no_reset", "x", R"(
recurrence r over t (a[b,t,d], x[b,t,d]) -> (h[b,t,d], final h) {
  reset never[b,t]
  state h[b,d]
  h = 0.1 * a * prev(h) + x
})"},
    {"no_reset_rotation", "x", R"(
recurrence r over t (x[b,t,d], w[b,t,d]) -> (p[b,t,d], q[b,t,d]) {
  reset never[b,t]
  state p[b,d]
  state q[b,d]
  p = 0.1 * (cos(w) * prev(p) - sin(w) * prev(q)) + x
  q = 0.1 * (sin(w) * prev(p) + cos(w) * prev(q))
})"},
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
