//===-- NewtonTest.cpp - Newton's method in the emulator ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Steps that are not affine, by the serial and the Newton kernels, with every
/// feature that a recurrence has, over sizes that break tiles; and steps on
/// which Newton's method does not converge, whose answer must be that of one
/// step after the other.
//===----------------------------------------------------------------------===//

#include "Matrix.h"

#include "gtest/gtest.h"

using namespace recur::emulator;

namespace {

struct Nonlinear {
  const char *name, *text;
  std::map<std::string, std::pair<double, double>> ranges = {};
  bool inPlace = false;
};

void PrintTo(const Nonlinear &spec, std::ostream *os) { *os << spec.text; }

const Nonlinear kNonlinear[] = {
    {"Tanh", "recurrence r over t (x[b,t,d], w[d], h0[b,d]) -> (h[b,t,d], "
             "final h) {\n  state h[b,d] = h0\n  h = tanh(w * prev(h) + x)\n}"},
    // Far from where Newton's method starts: several passes.
    {"Steep",
     "recurrence r over t (x[b,t,d], w[d]) -> (h[b,t,d], final h) {\n"
     "  state h[b,d]\n  h = tanh(w * prev(h) + x)\n}",
     {{"w", {-6, 3}}, {"x", {-1, 1}}}},
    {"F64", "recurrence r over t (x[b,t,d]: f64, w[d]: f64) -> (h[b,t,d]: f64, "
            "final h: f64) {\n  state h[b,d]: f64 = 0.5\n"
            "  h = tanh(w * prev(h) + x)\n}"},
    {"Bf16", "recurrence r over t (x[b,t,d]: bf16, w[d]) -> (h[b,t,d]: bf16, "
             "final h) {\n  state h[b,d]\n  h = sigmoid(w * prev(h) + x)\n}"},
    {"TimeLast", "recurrence r over t (x[b,d,t], w[d]) -> (h[b,d,t]) {\n"
                 "  state h[b,d]\n  h = tanh(w * prev(h) + x)\n}"},
    {"InPlace",
     "recurrence r over t (x[b,t,d], h0[b,d]) -> (final h) {\n"
     "  state h[b,d] = h0\n  h = tanh(prev(h) + x)\n}",
     {},
     true},
    {"ReverseReset",
     "recurrence r over t reverse (x[b,t,d], h0[b,d]) -> (y[b,t,d], final h) "
     "{\n  reset z[b,t]: bool\n  state h[b,d] = h0\n"
     "  h = tanh(prev(h) + x)\n  y = h - prev(h)\n}"},
    {"Packed", "recurrence r over t (x[t,d], h0[s,d]) -> (h[t,d], final h) {\n"
               "  segments cu[s]\n  state h[d] = h0\n"
               "  h = tanh(prev(h) + x)\n}"},
    {"TwoStates",
     "recurrence r over t (x[b,t,d], w[d]) -> (y[b,t,d], final u, final v) {\n"
     "  state u[b,d] = 0.5\n  state v[b,d]\n"
     "  u = tanh(w * prev(v) + x)\n"
     "  v = sigmoid(u) * prev(u) - 0.5 * prev(v)\n  y = u * prev(v)\n}"},
    {"StatesApart",
     "recurrence r over t (x[b,t,d]) -> (y[b,t,d], final u, final v) {\n"
     "  state u[b,d] = 0.5\n  state v[b,d]\n  u = tanh(prev(u) + x)\n"
     "  v = prev(v) / (1 + prev(v) * prev(v)) + 0.25\n  y = u + v\n}"},
    {"Lags", "recurrence r over t (x[b,t,d]) -> (y[b,t,d], final prev(y, 2)) "
             "{\n  state y[b,d] = 0.1, 0.5, -0.25\n"
             "  y = tanh(prev(y) - 0.5 * prev(y, 3) + x) + prev(x)\n}"},
    {"Heads",
     "recurrence r over t (x[b,t,d,i=4], R[d,i,j=4], h0[b,d,i]) -> "
     "(h[b,t,d,i], final h) {\n  state h[b,d,i] = h0\n"
     "  h = 0.5 * h[b,t-1,d,i] + tanh(sum(j: R * h[b,t-1,d,j]) - x)\n}"},
    {"Inner", "recurrence r over t (x[b,t,d], A[d,n], C[b,t,n]) -> (y[b,t,d], "
              "final h) {\n  state h[b,d,n]\n  h = tanh(A * prev(h) + x)\n"
              "  y = sum(n: C * h)\n}"},
    {"Scalar", "recurrence r over t (x[t]) -> (h[t], final h) {\n"
               "  state h[]\n  h = 1 + tanh(0.5 * prev(h) + x)\n}"},
    // The state starts at no number that differences can be taken of.
    {"Infinite", "recurrence r over t (x[b,t,d], a[b,t,d]) -> (c[b,t,d], "
                 "final m) {\n  state m[b,d] = -inf\n  state c[b,d]\n"
                 "  m = max(prev(m) - a, x)\n"
                 "  c = prev(c) * exp(prev(m) - a - m) + exp(x - m)\n}"},
};

class NewtonTest : public ::testing::TestWithParam<Nonlinear> {};

TEST_P(NewtonTest, AgreesWithTheInterpreter) {
  SpecOptions options;
  options.segments = {};
  Matrix matrix(GetParam().name, GetParam().text, options);
  matrix.ranges = GetParam().ranges;
  matrix.inPlace = GetParam().inPlace;
  matrix.run();
}

INSTANTIATE_TEST_SUITE_P(Specs, NewtonTest, ::testing::ValuesIn(kNonlinear),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

/// The results of every variant that takes the call.
std::map<std::string, std::vector<uint8_t>> runAll(EmulatedSpec &spec,
                                                   SpecRun run) {
  std::map<std::string, std::vector<uint8_t>> results;
  for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant) {
    run.variant = variant;
    SpecResult result = spec.run(run);
    if (result.refused.empty())
      results[spec.getVariants()[variant]] = result.bytes;
  }
  return results;
}

// A chaotic map doubles every difference within a few steps: unless the passes
// end with the states of one step after the other, nothing is the same.
TEST(Chaos, EndsAsOneStepAfterTheOther) {
  EmulatedSpec spec(
      "recurrence r over t (r[b,t]: f64, x0[b]: f64) -> (x[b,t]: f64) {\n"
      "  state x[b]: f64 = x0\n  x = r * prev(x) * (1 - prev(x))\n}",
      {}, "chaos");
  ASSERT_EQ(spec.getError(), "");
  SpecRun run;
  run.sizes = {{"b", 5}, {"t", 1009}};
  run.ranges = {{"r", {3.8, 3.99}}, {"x0", {0.2, 0.8}}};
  run.innermost = "b";
  auto results = runAll(spec, run);
  ASSERT_GE(results.size(), 2u);
  for (auto &[variant, bytes] : results)
    EXPECT_EQ(bytes, results.begin()->second) << variant;
}

// What overflows, and ends as no number, does so in every variant.
TEST(Chaos, OverflowsAlike) {
  EmulatedSpec spec("recurrence r over t (x[b,t]) -> (h[b,t]) {\n"
                    "  state h[b] = 1\n  h = prev(h) * prev(h) + x\n}",
                    {}, "overflow");
  ASSERT_EQ(spec.getError(), "");
  SpecRun run;
  run.sizes = {{"b", 3}, {"t", 300}};
  run.innermost = "b";
  auto results = runAll(spec, run);
  ASSERT_GE(results.size(), 2u);
  for (auto &[variant, bytes] : results)
    EXPECT_EQ(bytes, results.begin()->second) << variant;
}

} // namespace
