//===-- CpuKernelsTest.cpp - compiled specs against the interpreter -------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every CPU variant of diagonal recurrences over sizes that break tiles,
/// layouts, dtypes, resets, segments, lags and directions.
//===----------------------------------------------------------------------===//

#include "ExecutedSpec.h"

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

const char *const kDouble = R"(
recurrence double over t (a[b,t,d]: f64, x[b,t,d]: f64) -> (y[b,t,d]: f64) {
  state h[b,d]: f64
  h = sigmoid(a) * prev(h) + exp(x)
  y = log(1.5 + abs(h)) + tanh(h)
})";

struct Spec {
  const char *name, *text;
};
void PrintTo(const Spec &spec, std::ostream *out) { *out << spec.name; }

class CpuKernels : public testing::TestWithParam<Spec> {};

/// Every variant, at sizes around vectors, runs and tiles.
TEST_P(CpuKernels, AgreesWithTheInterpreter) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  ASSERT_NE(spec.info(), nullptr);
  struct Size {
    int64_t b, t, d, n, s;
  };
  const Size sizes[] = {{1, 1, 1, 1, 1},
                        {2, 2, 31, 3, 2},
                        {1, 31, 32, 16, 4},
                        {3, 33, 33, 5, 1},
                        {2, 97, 17, 2, 7},
                        {1, 1009, 7, 4, 3},
                        {1, 64, 1100, 1, 2},
                        // Several rows in a vector, and one more than fits.
                        {1, 101, 1, 2, 3},
                        {2, 37, 2, 1, 2},
                        {1, 50, 3, 2, 4},
                        {3, 19, 4, 1, 2},
                        {1, 53, 5, 3, 5},
                        {1, 27, 6, 1, 3},
                        {2, 41, 8, 2, 3},
                        {1, 33, 9, 1, 2}};
  unsigned seed = 1;
  for (const Size &size : sizes)
    for (int variant = -1; variant < spec.info()->n_cpu_variants; ++variant)
      for (const char *contiguous : {"", "d", "t"}) {
        Call call;
        call.sizes = {{"b", size.b},
                      {"t", size.t},
                      {"d", size.d},
                      {"n", size.n},
                      {"s", size.s}};
        call.variant = variant;
        call.contiguous = contiguous;
        // A variant that asks for unit stride gets the layout it asks for.
        if (variant >= 0) {
          const recur_cpu_variant &v = spec.info()->cpu_variants[variant];
          if (v.unit_stride_mask) {
            int dim = v.contiguous_dim >= 0 ? v.contiguous_dim : v.lane_dim;
            if (call.contiguous != spec.info()->dims[dim].name)
              continue;
          } else {
            call.strided = true;
          }
        }
        call.seed = seed++;
        EXPECT_EQ(spec.run(call), "")
            << "variant " << variant << " b=" << size.b << " t=" << size.t
            << " d=" << size.d << " n=" << size.n << " s=" << size.s
            << " contiguous " << contiguous;
      }
}

/// Few channels whose rows do not lie next to each other.
TEST_P(CpuKernels, TakesRowsWithGaps) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  for (int64_t channels : {1, 2, 5, 8}) {
    Call call;
    call.sizes = {{"b", 2}, {"t", 37}, {"d", channels}, {"n", 2}, {"s", 3}};
    call.contiguous = "d";
    call.padded = true;
    EXPECT_EQ(spec.run(call), "") << channels << " channels";
  }
}

/// No steps, no channels, no states along an inner dim.
TEST_P(CpuKernels, TakesEmptyDims) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  for (const char *empty : {"t", "b", "d", "n"}) {
    Call call;
    call.sizes = {{"b", 2}, {"t", 5}, {"d", 3}, {"n", 2}, {"s", 2}};
    call.sizes[empty] = 0;
    std::string found = spec.run(call);
    if (GetParam().text == kUniform && std::string(empty) == "d")
      EXPECT_NE(found.find("argument 'm', which lacks 'd'"), std::string::npos)
          << found;
    else
      EXPECT_EQ(found, "") << "no " << empty;
  }
}

/// Long time over few channels is split over threads; the bits do not depend on
/// the run.
TEST_P(CpuKernels, SplitsTimeDeterministically) {
  ExecutedSpec spec(GetParam().text);
  ASSERT_EQ(spec.error(), "");
  Call call;
  ASSERT_EQ(recur_set_num_threads(4), RECUR_OK);
  for (int64_t channels : {3, 8}) {
    call.sizes = {{"b", 1}, {"t", 100003}, {"d", channels}, {"n", 2}, {"s", 2}};
    EXPECT_EQ(spec.run(call), "") << channels << " channels";
    std::vector<char> first = spec.bits();
    EXPECT_EQ(spec.run(call), "") << channels << " channels";
    EXPECT_EQ(first, spec.bits());
  }
  ASSERT_EQ(recur_set_num_threads(0), RECUR_OK);
}

/// The instruction sets below this machine's.
TEST_P(CpuKernels, RunsOnOlderInstructionSets) {
  for (const char *target : {"x86-64-v2", "x86-64-v3"}) {
    ExecutedSpec spec(GetParam().text, target);
    if (std::string(target) == "x86-64-v2" && GetParam().text == kHalf) {
      EXPECT_NE(spec.error().find("f16"), std::string::npos);
      continue;
    }
    ASSERT_EQ(spec.error(), "");
    for (int variant = 0; variant < spec.info()->n_cpu_variants; ++variant) {
      Call call;
      call.sizes = {{"b", 2}, {"t", 37}, {"d", 41}, {"n", 3}, {"s", 3}};
      call.variant = variant;
      const recur_cpu_variant &v = spec.info()->cpu_variants[variant];
      int dim = v.contiguous_dim >= 0 ? v.contiguous_dim : v.lane_dim;
      if (v.unit_stride_mask)
        call.contiguous = spec.info()->dims[dim].name;
      EXPECT_EQ(spec.run(call), "") << target << " " << v.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Specs, CpuKernels,
    testing::Values(Spec{"linear", kLinear}, Spec{"selective", kSelective},
                    Spec{"mixed", kMixed}, Spec{"uniform", kUniform},
                    Spec{"reverse", kReverse}, Spec{"packed", kPacked},
                    Spec{"packed_reset", kPackedReset}, Spec{"half", kHalf},
                    Spec{"double", kDouble}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
