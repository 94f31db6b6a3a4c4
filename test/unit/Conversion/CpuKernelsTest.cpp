//===-- CpuKernelsTest.cpp - compiled specs against the interpreter -------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every CPU variant of diagonal recurrences over sizes that break tiles,
/// layouts, dtypes, resets, segments, lags and directions.
//===----------------------------------------------------------------------===//

#include "SpecMatrix.h"

#include "gtest/gtest.h"

using namespace recur::test;

namespace {

const char *const kLinear = R"(
recurrence linear over t (a[b,t,d], x[b,t,d], h0[b,d]) -> (h[b,t,d], final h) {
  state h[b,d] = h0
  h = a * prev(h) + x
})";

/// S6 in f32; abs keeps random data from growing.
const char *const kSelective = R"(
recurrence selective over t (u[b,t,d], delta[b,t,d], A[d,n], B[b,t,n], C[b,t,n],
    D[d], z[b,t,d], bias[d]) -> (y[b,t,d], final h) {
  state h[b,d,n]
  dt = softplus(delta + bias)
  h  = exp(-dt * abs(A)) * prev(h) + dt * B * u
  y  = (sum(n: C * h) + D * u) * silu(z)
})";

/// Lags of an input with and without a history, reset, the state one step ago.
const char *const kMixed = R"(
recurrence mixed over t (a[b,t,d], x[b,t,d], xs[b,k=2,d]) ->
    (y[b,t,d], final h) {
  reset r[b,t]: bool
  history x = xs
  state h[b,d] = 0.5
  h = a * prev(h) + prev(x, 2) - x
  y = h * prev(h) + sigmoid(prev(x)) - prev(a)
})";

/// A state and a result that lack the dim of the lanes, beside ones that have
/// it.
const char *const kUniform = R"(
recurrence uniform over t (w[b,t], x[b,t,d], gain[d]) ->
    (y[b,t,d], m[b,t], final g, final h) {
  state g[b]
  state h[b,d] = 1
  g = 0.5 * prev(g) + w
  h = sigmoid(gain) * prev(h) + w * x
  y = h * g
  m = g - prev(g)
})";

const char *const kReverse = R"(
recurrence discounted over t reverse (a[b,t,d], x[b,t,d]) -> (y[b,t,d], final h) {
  reset r[b,t]: i32
  state h[b,d]
  h = a * prev(h) + prev(x) + x
  y = tanh(h) - prev(h)
})";

const char *const kPacked = R"(
recurrence packed over t (a[t,d], x[t,d], h0[s,d]) -> (y[t,d], final h) {
  segments cu[s]
  state h[d] = h0
  h = a * prev(h) + x + prev(x)
  y = h
})";

/// A reset goes back to the start of the sequence it is in.
const char *const kPackedReset = R"(
recurrence packed_reset over t (a[t,d], x[t,d], h0[s,d]) -> (y[t,d], final h) {
  segments cu[s]
  reset r[t,d]: bool
  state h[d] = h0
  h = a * prev(h) + x
  y = h - prev(h)
})";

const char *const kHalf = R"(
recurrence half over t (a[b,t,d]: bf16, x[b,t,d]: f16) -> (y[b,t,d]: bf16, z[b,t,d]: f16) {
  state h[b,d]
  h = a * prev(h) + x
  y = h
  z = h - x
})";

/// With lanes along time, words of two steps beside pairs of numbers.
const char *const kWords = R"(
recurrence words over t reverse (a[b,t,d]: bf16, x[b,t,d]: bf16, w[b,t,d]) ->
    (y[b,t,d]: bf16, z[b,t,d], final h) {
  state h[b,d] = 0.25
  h = a * prev(h) + x
  y = h + w
  z = h - prev(h)
})";

const char *const kDouble = R"(
recurrence double over t (a[b,t,d]: f64, x[b,t,d]: f64) -> (y[b,t,d]: f64) {
  state h[b,d]: f64
  h = sigmoid(a) * prev(h) + exp(x)
  y = log(1.5 + abs(h)) + tanh(h)
})";

class CpuKernels : public testing::TestWithParam<Spec> {};

TEST_P(CpuKernels, AgreesWithTheInterpreter) { runSizes(GetParam()); }
TEST_P(CpuKernels, TakesRowsWithGaps) { runGaps(GetParam()); }
TEST_P(CpuKernels, TakesEmptyDims) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  for (const char *empty : {"t", "b", "d", "n"}) {
    std::string found = runEmpty(spec, empty);
    if (GetParam().text == kUniform && std::string(empty) == "d")
      EXPECT_NE(found.find("argument 'm', which lacks 'd'"), std::string::npos)
          << found;
    else
      EXPECT_EQ(found, "") << "no " << empty;
  }
}
TEST_P(CpuKernels, SplitsTimeDeterministically) { runSplit(GetParam()); }
TEST_P(CpuKernels, RunsOnOlderInstructionSets) {
  for (const char *target : {"x86-64-v2", "x86-64-v3"}) {
    if (std::string(target) == "x86-64-v2" && GetParam().text == kHalf)
      EXPECT_NE(ExecutedSpec(kHalf, target).error().find("f16"),
                std::string::npos);
    else
      runTarget(GetParam(), target);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Specs, CpuKernels,
    testing::Values(Spec{"linear", kLinear}, Spec{"selective", kSelective},
                    Spec{"mixed", kMixed}, Spec{"uniform", kUniform},
                    Spec{"reverse", kReverse}, Spec{"packed", kPacked},
                    Spec{"packed_reset", kPackedReset}, Spec{"half", kHalf},
                    Spec{"words", kWords}, Spec{"double", kDouble}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
