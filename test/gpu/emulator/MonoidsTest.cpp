//===-- MonoidsTest.cpp - GPU kernels over user monoids -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Recurrences that combine tuples by an operator of the spec: every GPU
/// variant and segments of time, in the emulator.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Matrix.h"
#include "test/unit/MonoidSpecs.h"

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

using namespace recur::emulator;

namespace {

struct Combined {
  const char *name, *schedule, *text;
};

void PrintTo(const Combined &combined, std::ostream *os) {
  *os << combined.text;
}

#define RESET                                                                  \
  AFFINE(f32)                                                                  \
  "recurrence r over t (a[b,t,d], x[b,t,d], h0[b,d]) -> (h[b,t,d], "           \
  "final s.a) {\n  reset z[b,t]: bool\n"                                       \
  "  state s[b,d]: affine = (0.5, h0)\n"                                       \
  "  s = affine(prev(s), (a, x))\n  h = s.b + prev(s.a)\n}\n"

#define FRONT                                                                  \
  AFFINE(f32)                                                                  \
  "recurrence r over t reverse (a[b,t,d], x[b,t,d]) -> (h[b,t,d], "            \
  "final s.b) {\n  state s[b,d]: affine\n"                                     \
  "  s = affine((a, x), prev(s))\n  h = s.b\n}\n"
#define PACKED                                                                 \
  AFFINE(f32)                                                                  \
  "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> (h[t,d], "                 \
  "final m.b) {\n  segments cu[s]\n"                                           \
  "  state m[d]: affine = (0, h0)\n"                                           \
  "  m = affine(prev(m), (a, x))\n  h = m.b\n}\n"

const Combined kCombined[] = {
    {"Reset", "", RESET},
    {"ResetSegments", "algorithm=segments,segment=8", RESET},
    {"ResetStaged",
     "algorithm=lookback,lanes=t,width=4,steps=8,chunks=1,warps=2,stages=1",
     RESET},
    {"Front", "", FRONT},
    {"FrontSegments", "algorithm=segments,segment=5", FRONT},
    {"FrontTiles", "algorithm=tile,lanes=d,width=2,steps=2,group=8,warps=2",
     FRONT},
    {"Packed", "", PACKED},
    {"PackedSegments", "algorithm=segments,segment=4", PACKED},
    // Only whether a step is the first of a sequence matters.
    {"PackedMarks", "",
     AFFINE(f32) "recurrence r over t reverse (a[d,t], x[d,t]) -> (h[d,t]) {\n"
                 "  segments cu[s]\n  state m[d]: affine = (0.5, 0.25)\n"
                 "  m = affine((a, x), prev(m))\n  h = m.a * m.b\n}\n"},
    // Numbers of 64 bits; some tuples are the neutral one.
    {"Matrices", "",
     MATRIX
     "recurrence r over t (w[b,t,d]: f64) -> (u[b,t,d]: f64, v[b,t,d]: f64, "
     "final m.c) {\n"
     "  state m[b,d]: matrix\n  c = cos(3 * w)\n  s = sin(3 * w)\n"
     "  m = matrix(prev(m), (select(w > 0, c, 1), select(w > 0, s, 0),\n"
     "    select(w > 0, s, 0), select(w > 0, -c, 1)))\n"
     "  u = m.a\n  v = m.b - prev(m.c)\n}\n"},
    // Inner dims, in registers and in memory, and functions in the operator.
    {"InnerDims", "", LOG_SUM(f64)},
};

class MonoidsTest : public ::testing::TestWithParam<Combined> {};

TEST_P(MonoidsTest, AgreeWithTheInterpreter) {
  SpecOptions options;
  options.schedule = GetParam().schedule;
  if (options.schedule.empty())
    options.segments = {32};
  Matrix matrix(GetParam().name, GetParam().text, options);
  matrix.run();
}

INSTANTIATE_TEST_SUITE_P(Specs, MonoidsTest, ::testing::ValuesIn(kCombined),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

/// Welford's monoid over a long sequence of f32, against the definition of mean
/// and variance in f64: halves that are combined keep digits which one sample
/// after the other loses, so a difference between the two is no fault of tiles.
TEST(LongMoments, TilesAreNearerThanStepsInOrder) {
  std::ifstream file(RECUR_SPECS "/welford.recur");
  std::stringstream text;
  text << file.rdbuf();
  SpecOptions options;
  options.segments = {256};
  EmulatedSpec spec(text.str(), options, "welford");
  ASSERT_EQ(spec.getError(), "");
  const int64_t steps = 131072;
  std::mt19937_64 random(5);
  std::uniform_real_distribution<float> uniform(0.1f, 0.9f);
  SpecRun run;
  run.sizes = {{"b", 1}, {"t", steps}};
  std::vector<double> &x = run.values["x"];
  std::vector<double> mean, variance;
  // Sums of distances to a number near the mean cancel nothing.
  double sum = 0, squares = 0;
  for (int64_t t = 0; t < steps; ++t) {
    x.push_back(uniform(random));
    sum += x[t] - 0.5;
    squares += (x[t] - 0.5) * (x[t] - 0.5);
    double n = double(t + 1);
    mean.push_back(0.5 + sum / n);
    variance.push_back(squares / n - (sum / n) * (sum / n));
  }
  auto getError = [](const std::vector<double> &found,
                     const std::vector<double> &expected) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      error += std::pow(found[i] - expected[i], 2);
      norm += std::pow(expected[i], 2);
    }
    return std::sqrt(error / norm);
  };
  std::vector<std::string> variants = spec.getVariants();
  double inOrder = 0, worst = 0;
  for (unsigned variant = 0; variant < variants.size(); ++variant) {
    run.variant = variant;
    SpecResult result = spec.run(run);
    if (!result.refused.empty())
      continue;
    ASSERT_EQ(result.outputs.size(), 3u) << variants[variant] << result.error;
    double ofMean = getError(result.outputs[0].values, mean),
           ofVariance = getError(result.outputs[1].values, variance);
    if (variants[variant].rfind("serial", 0) == 0) {
      inOrder = std::max(inOrder, ofVariance);
      EXPECT_LT(ofMean, 2e-5) << variants[variant];
      EXPECT_LT(ofVariance, 5e-5) << variants[variant];
      continue;
    }
    worst = std::max(worst, ofVariance);
    EXPECT_LT(ofMean, 2e-6) << variants[variant];
    EXPECT_LT(ofVariance, 2e-6) << variants[variant];
  }
  // Both kinds have run.
  EXPECT_GT(worst, 0);
  EXPECT_GT(inOrder, 4 * worst);
}

} // namespace
