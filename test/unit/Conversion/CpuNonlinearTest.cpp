//===-- CpuNonlinearTest.cpp - CPU kernels of steps that are not affine ---===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every CPU variant of recurrences that are not affine in their states,
/// with every feature that a recurrence has, over sizes that break tiles.
//===----------------------------------------------------------------------===//

#include "SpecMatrix.h"

#include "gtest/gtest.h"

using namespace recur::test;

namespace {

const Spec kSpecs[] = {
    {"tanh", R"(
recurrence r over t (x[b,t,d], w[d], h0[b,d]) -> (h[b,t,d], final h) {
  state h[b,d] = h0
  h = tanh(w * prev(h) + x)
})"},
    {"f64", R"(
recurrence r over t (x[b,t,d]: f64, w[d]: f64) -> (h[b,t,d]: f64, final h: f64) {
  state h[b,d]: f64 = 0.5
  h = tanh(w * prev(h) + x)
})"},
    {"bf16", R"(
recurrence r over t (x[b,t,d]: bf16, w[d]) -> (h[b,t,d]: bf16, final h) {
  state h[b,d]
  h = sigmoid(w * prev(h) + x)
})"},
    {"time_last", R"(
recurrence r over t (x[b,d,t], w[d]) -> (h[b,d,t], final h) {
  state h[b,d]
  h = tanh(w * prev(h) + x)
})"},
    {"reverse_reset", R"(
recurrence r over t reverse (x[b,t,d], h0[b,d]) -> (y[b,t,d], final h) {
  reset z[b,t]: bool
  state h[b,d] = h0
  h = tanh(prev(h) + x)
  y = h - prev(h)
})"},
    {"packed", R"(
recurrence r over t (x[t,d], h0[s,d]) -> (h[t,d], final h) {
  segments cu[s]
  state h[d] = h0
  h = tanh(prev(h) + x)
})"},
    {"packed_reset", R"(
recurrence r over t reverse (x[t,d], h0[s,d]) -> (h[t,d], final h) {
  reset z[t]
  segments cu[s]
  state h[d] = h0
  h = prev(h) * sigmoid(prev(h) + x)
})"},
    {"two_states", R"(
recurrence r over t (x[b,t,d], w[d]) -> (y[b,t,d], final u, final v) {
  reset z[b,t]: bool
  state u[b,d] = 0.5
  state v[b,d]
  u = tanh(w * prev(v) + x)
  v = sigmoid(u) * prev(u) - 0.5 * prev(v)
  y = u * prev(v)
})"},
    {"states_apart", R"(
recurrence r over t (x[b,t,d]) -> (y[b,t,d], final u, final v) {
  state u[b,d] = 0.5
  state v[b]
  u = tanh(prev(u) + x)
  v = prev(v) / (1 + prev(v) * prev(v)) + 0.25
  y = u + v
})"},
    {"lags", R"(
recurrence r over t (x[b,t,d]) -> (y[b,t,d], w[b,t,d], final prev(y, 2)) {
  reset z[b,t]: bool
  state y[b,d] = 0.1, 0.5, -0.25
  y = tanh(prev(y) - 0.5 * prev(y, 3) + x) + prev(x)
  w = y + prev(y, 2)
})"},
    {"history", R"(
recurrence r over t (x[b,t,d], x0[b,k=2,d]) -> (h[b,t,d]) {
  history x = x0
  state h[b,d]
  h = tanh(prev(h) + x[b,t-2,d])
})"},
    // Each position of n by itself, summed by the output alone.
    {"inner", R"(
recurrence r over t (x[b,t,d], A[d,n], C[b,t,n]) -> (y[b,t,d], final h) {
  state h[b,d,n]
  h = tanh(A * prev(h) + x)
  y = sum(n: C * h)
})"},
    {"heads", R"(
recurrence r over t (x[b,t,d,i=4], R[d,i,j=4], h0[b,d,i]) -> (h[b,t,d,i], final h) {
  reset z[b,t]: bool
  state h[b,d,i] = h0
  h = 0.5 * h[b,t-1,d,i] + tanh(sum(j: R * h[b,t-1,d,j]) + x)
})"},
    {"heads_readout", R"(
recurrence r over t (x[b,t,d,i=3], R[i,j=3], C[b,t,i]) -> (y[b,t,d], final h) {
  state h[b,d,i]
  h = tanh(sum(j: R * h[b,t-1,d,j]) + x)
  y = sum(i: C * h) + max(i: h[b,t-1,d,i])
})"},
    // A sum over all rows that enters each of them.
    {"heads_norm", R"(
recurrence r over t (x[b,t,d,i=3], k[i,j=3]) -> (h[b,t,d,i]) {
  state h[b,d,i] = 0.5
  h = (h[b,t-1,d,i] + x) / (1 + sum(j: h[b,t-1,d,j] * h[b,t-1,d,j]))
})"},
    // No dim to have lanes along.
    {"scalar", R"(
recurrence r over t (x[t]) -> (h[t], final h) {
  state h[]
  h = 1 + tanh(0.5 * prev(h) + x)
})"},
    {"no_output",
     R"(
recurrence r over t (x[b,t,d], h0[b,d]) -> (final h) {
  state h[b,d] = h0
  h = (1.4 + x) * prev(h) * (1 - prev(h))
})",
     {{"h0", {0.1, 0.9}}}},
    // Affine outputs of a step that is not, and an output without lanes.
    {"outputs", R"(
recurrence r over t (x[b,t,d], y[b,t]) -> (p[b,t,d], q[b,t], m[b,t]) {
  state h[b,d]
  state g[b]
  h = tanh(prev(h) + x)
  g = sigmoid(prev(g) + y)
  p = prev(h) * g
  q = g
  m = max(d: x)
})"},
};

class CpuNonlinear : public testing::TestWithParam<Spec> {};

TEST_P(CpuNonlinear, AgreesWithTheInterpreter) { runSizes(GetParam()); }
TEST_P(CpuNonlinear, TakesRowsWithGaps) { runGaps(GetParam()); }
TEST_P(CpuNonlinear, TakesEmptyDims) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  EXPECT_EQ(runEmpty(spec, "b"), "");
}
TEST_P(CpuNonlinear, TakesManyThreads) { runSplit(GetParam()); }
TEST_P(CpuNonlinear, HasLanesOfSegments) { runShooting(GetParam(), "cpu"); }
TEST_P(CpuNonlinear, HasLanesOfSegmentsOnOlderInstructionSets) {
  for (const char *target : {"x86-64-v2", "x86-64-v3"})
    runShooting(GetParam(), target);
}
TEST_P(CpuNonlinear, RunsOnOlderInstructionSets) {
  for (const char *target : {"x86-64-v2", "x86-64-v3"})
    runTarget(GetParam(), target);
}

INSTANTIATE_TEST_SUITE_P(Specs, CpuNonlinear, testing::ValuesIn(kSpecs),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
