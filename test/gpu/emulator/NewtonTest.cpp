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

#include "test/unit/Golden.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <fstream>
#include <sstream>

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
    // A part is linear: what is fed by a cell, what feeds one, with a decay
    // that depends on the cell, and two numbers of it.
    {"Integrated", "recurrence r over t (x[b,t,d], w[d]) -> (y[b,t,d], "
                   "final u, final v) {\n  state u[b,d]\n  state v[b,d] = 0.5\n"
                   "  u = tanh(w * prev(u) + x - 0.5)\n  v = prev(v) + u\n"
                   "  y = v * prev(u)\n}"},
    {"Filtered", "recurrence r over t (x[b,t,d], w[d]) -> (u[b,t,d], final v) "
                 "{\n  state v[b,d]\n  state u[b,d]\n"
                 "  v = 0.995 * prev(v) + 0.005 * x\n"
                 "  u = tanh(w * prev(u) + v)\n}"},
    {"Gated", "recurrence r over t (x[b,t,d], w[d]) -> (v[b,t,d], final p) {\n"
              "  state u[b,d]\n  state v[b,d]\n  state p[b,d] = 1\n"
              "  u = tanh(w * prev(u) + x)\n"
              "  v = sigmoid(4 + u) * prev(v) + 0.1 * prev(p)\n"
              "  p = 0.9 * prev(p) - 0.05 * prev(v) + 0.1 * u\n}"},
    {"AllLinear", "recurrence r over t (x[b,t,d]) -> (v[b,t,d]) {\n"
                  "  state u[b,d]\n  state v[b,d]\n"
                  "  u = 0.9 * prev(u) + 0.1 * x\n"
                  "  v = sigmoid(prev(u)) * prev(v) + x\n}"},
    // What is guessed is wrong everywhere.
    {"Guess",
     "recurrence r over t (x[b,t,d], w[d], g[b,d,t]: bf16) -> "
     "(h[b,t,d], final h) {\n  state h[b,d]\n  guess h = g\n"
     "  h = tanh(w * prev(h) + x)\n}",
     {{"w", {-2, 2}}, {"g", {-9, 9}}}},
    {"GuessReverseReset",
     "recurrence r over t reverse (x[b,t,d], h0[b,d], g[b,t,d]) -> (y[b,t,d], "
     "final h) {\n  reset z[b,t]: bool\n  state h[b,d] = h0\n"
     "  guess h = g\n  h = tanh(prev(h) + x)\n  y = h - prev(h)\n}"},
    {"GuessLags", "recurrence r over t (x[b,t,d], g[b,t,d]) -> (y[b,t,d]) {\n"
                  "  state y[b,d] = 0.1, 0.5, -0.25\n  guess y = g\n"
                  "  y = tanh(prev(y) - 0.5 * prev(y, 3) + x)\n}"},
    {"GuessOne",
     "recurrence r over t (x[b,t,d], w[d], g[b,t,d]: f64) -> (y[b,t,d]) {\n"
     "  state u[b,d] = 0.5\n  state v[b,d]\n  guess v = g\n"
     "  u = tanh(w * prev(v) + x)\n"
     "  v = sigmoid(u) * prev(u) - 0.5 * prev(v)\n  y = u * prev(v)\n}"},
    {"GuessHeads",
     "recurrence r over t (x[b,t,d,i=4], R[d,i,j=4], g[b,t,d,i]) -> "
     "(h[b,t,d,i]) {\n  state h[b,d,i]\n  guess h = g\n"
     "  h = 0.5 * h[b,t-1,d,i] + tanh(sum(j: R * h[b,t-1,d,j]) - x)\n}"},
    {"GuessPacked",
     "recurrence r over t (x[t,d], g[t,d]) -> (h[t,d]) {\n  segments cu[s]\n"
     "  state h[d]\n  guess h = g\n  h = tanh(prev(h) + x)\n}"},
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

/// The tiles whose segments iterate on chip: of one channel a lane, and of
/// segments along the lanes, whose inputs stay in registers.
TEST_P(NewtonTest, InTiles) {
  std::string name = GetParam().name;
  if (name == "Packed" || name == "GuessPacked" || name == "Inner")
    return; // no such kernels
  for (const char *shape : {"steps=32", "steps=3,group=4,warps=2"}) {
    SCOPED_TRACE(shape);
    SpecOptions options;
    options.schedule = std::string("algorithm=newton,") + shape;
    Matrix matrix(GetParam().name, GetParam().text, options);
    matrix.ranges = GetParam().ranges;
    matrix.inPlace = GetParam().inPlace;
    matrix.run();
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, NewtonTest, ::testing::ValuesIn(kNonlinear),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

/// The results of every variant that takes the call.
std::map<std::string, SpecResult> runAll(EmulatedSpec &spec, SpecRun run) {
  std::map<std::string, SpecResult> results;
  for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant) {
    run.variant = variant;
    SpecResult result = spec.run(run);
    if (result.refused.empty())
      results[spec.getVariants()[variant]] = result;
  }
  return results;
}

std::string readSpec(const std::string &name) {
  std::ifstream file(RECUR_SPECS "/" + name + ".recur");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool isNewton(const std::string &variant) {
  return variant.rfind("newton", 0) == 0;
}

/// Runs all variants, which must agree to the last bit, and hands the reports
/// of Newton's method to `check`.
void runAlike(EmulatedSpec &spec, const SpecRun &run,
              const std::function<void(const recur_report &)> &check) {
  ASSERT_EQ(spec.getError(), "");
  auto results = runAll(spec, run);
  unsigned count = 0;
  for (auto &[variant, result] : results) {
    SCOPED_TRACE(variant);
    EXPECT_EQ(result.bytes, results.begin()->second.bytes);
    EXPECT_EQ(result.report.variant, variant);
    if (isNewton(variant)) {
      check(result.report);
      ++count;
    } else {
      EXPECT_EQ(result.report.channels, 0);
    }
  }
  EXPECT_GE(count, 1u);
  EXPECT_GT(results.size(), count);
}

/// Runs all variants, which must be right, and hands the reports of Newton's
/// method to `check`.
void runRight(EmulatedSpec &spec, const SpecRun &run,
              const std::function<void(const recur_report &)> &check) {
  ASSERT_EQ(spec.getError(), "");
  unsigned count = 0;
  for (auto &[variant, result] : runAll(spec, run)) {
    SCOPED_TRACE(variant);
    EXPECT_EQ(result.error, "");
    if (!isNewton(variant))
      continue;
    ++count;
    check(result.report);
  }
  EXPECT_GE(count, 1u);
}

const char kChaos[] =
    "recurrence r over t (r[b,t]: f64, x0[b]: f64) -> (x[b,t]: f64) {\n"
    "  state x[b]: f64 = x0\n  x = r * prev(x) * (1 - prev(x))\n}";

SpecRun runChaos() {
  SpecRun run;
  run.sizes = {{"b", 35}, {"t", 1009}};
  run.ranges = {{"r", {3.8, 3.99}}, {"x0", {0.2, 0.8}}};
  run.innermost = "b";
  return run;
}

// A chaotic map doubles every difference within a few steps: unless it ends
// with the states of one step after the other, nothing is the same. The report
// says that it had to.
TEST(Chaos, EndsAsOneStepAfterTheOther) {
  EmulatedSpec spec(kChaos, {}, "chaos");
  SpecRun run = runChaos();
  run.sizes["t"] = 1600; // more segments than a second run puts right
  runAlike(spec, run, [](const recur_report &report) {
    EXPECT_EQ(report.channels, 35);
    // Few segments have all run as often as there are.
    if (report.finished_in_order < 35)
      EXPECT_GE(report.passes, 1600 / 512);
    EXPECT_EQ(report.not_finite, 0);
    EXPECT_EQ(report.residual, 0);
  });
}

// So do the tiles, however few passes there may be.
TEST(Chaos, EndsTilesAsOneStepAfterTheOther) {
  EmulatedSpec serial(kChaos, {.schedule = "algorithm=serial"}, "chaos");
  ASSERT_EQ(serial.getError(), "");
  SpecResult expected = serial.run(runChaos());
  ASSERT_EQ(expected.error, "");
  for (int64_t passes : {16, 3, 1}) {
    SCOPED_TRACE(passes);
    for (auto [shape, places] :
         {std::pair("steps=32", 8), {"steps=4,group=4,warps=4", 32}}) {
      SCOPED_TRACE(shape);
      SpecOptions options;
      options.schedule = std::string("algorithm=newton,") + shape;
      options.passes = passes;
      EmulatedSpec spec(kChaos, options, "chaos");
      ASSERT_EQ(spec.getError(), "");
      SpecResult result = spec.run(runChaos());
      EXPECT_EQ(result.bytes, expected.bytes);
      EXPECT_EQ(result.report.channels, 35);
      EXPECT_EQ(result.report.finished_in_order, 35);
      EXPECT_EQ(result.report.passes, std::min<int64_t>(passes, places - 1));
      EXPECT_EQ(result.report.residual, 0);
    }
  }
}

// Only some channels are chaotic; the others converge, whoever is beside them.
TEST(Chaos, IsAMatterOfEachChannel) {
  EmulatedSpec spec(
      "recurrence r over t (r[b]: f64, d[b,t]: f64, x0[b]: f64) -> "
      "(x[b,t]: f64) {\n  state x[b]: f64 = x0\n"
      "  x = (r + d) * prev(x) * (1 - prev(x))\n}",
      {}, "chaos");
  ASSERT_EQ(spec.getError(), "");
  SpecRun run;
  run.sizes = {{"b", 64}, {"t", 1100}};
  run.ranges = {{"r", {2, 3.99}}, {"d", {0, 0}}, {"x0", {0.2, 0.8}}};
  run.innermost = "b";
  unsigned count = 0;
  for (auto &[variant, result] : runAll(spec, run))
    if (isNewton(variant)) {
      EXPECT_EQ(result.error, "") << variant;
      // Where more segments do not meet than run again until they do.
      if (result.report.passes < 16)
        continue;
      ++count;
      EXPECT_GT(result.report.finished_in_order, 8) << variant;
      EXPECT_LT(result.report.finished_in_order, 56) << variant;
    }
  EXPECT_GE(count, 2u);
}

// What remembers for some segments meets when they have run again as often,
// with the bits of one step after the other: however large a gap between
// segments becomes behind it, there is none.
TEST(Rounds, MeetToTheLastBitAfterWhatIsRemembered) {
  struct {
    const char *update;
    std::pair<double, double> weights;
  } cells[] = {{"  h = tanh(w * prev(h) + 0.01 * x)\n", {0.5, 0.99}},
               {"  z = sigmoid(w * prev(h) + x)\n"
                "  h = (1 - z) * prev(h) + z * tanh(w * prev(h) - x)\n",
                {-2, 2}}};
  unsigned again = 0;
  for (const auto &[update, weights] : cells) {
    SCOPED_TRACE(update);
    EmulatedSpec spec("recurrence r over t (x[b,t,d], w[d]) -> (h[b,t,d], "
                      "final h) {\n  state h[b,d]\n" +
                          std::string(update) + "}",
                      {}, "remembers");
    SpecRun run;
    run.sizes = {{"b", 1}, {"t", 1300}, {"d", 37}};
    run.innermost = "d";
    run.ranges = {{"w", weights}};
    ASSERT_EQ(spec.getError(), "");
    auto results = runAll(spec, run);
    auto serial =
        std::find_if(results.begin(), results.end(),
                     [](auto &result) { return !isNewton(result.first); });
    ASSERT_NE(serial, results.end());
    for (auto &[variant, result] : results) {
      SCOPED_TRACE(variant);
      EXPECT_EQ(result.error, "");
      if (variant.find("over the grid") == std::string::npos)
        continue;
      EXPECT_EQ(result.bytes, serial->second.bytes);
      EXPECT_EQ(result.report.finished_in_order, 0);
      EXPECT_EQ(result.report.residual, 0);
      again += result.report.passes > 2;
    }
  }
  EXPECT_GE(again, 4u);
}

// Where numbers of 16 bits lie side by side, threads have two channels, which
// end as those of threads with one: to the last bit, with steps that need
// another run, sizes that end no round of steps, in both orders of time, and
// with inputs, states and outputs that not all have channels. Odd numbers of
// channels are refused.
TEST(Pairs, EndWithTheBitsOfSingleChannels) {
  struct {
    const char *name, *text;
  } specs[] = {
      {"gru", "recurrence r over t (u[b,t,g=3,d]: bf16, a[g=3,d], h0[b,d]) -> "
              "(h[b,t,d]: bf16, final h) {\n  state h[b,d] = h0\n"
              "  z = sigmoid(a[0,d] * prev(h) + u[b,t,0,d])\n"
              "  r = sigmoid(a[1,d] * prev(h) + u[b,t,1,d])\n"
              "  c = tanh(a[2,d] * prev(h) * r + u[b,t,2,d])\n"
              "  h = (1 - z) * prev(h) + z * c\n}"},
      {"shared", "recurrence r over t reverse (x[b,t,d]: f16, s[b,t]: bf16, "
                 "a[d], h0[d]) -> (y[b,t,d]: f16, v[t,d]: bf16, final h) {\n"
                 "  state h[b,d] = h0\n  state v[d] = 0.5\n"
                 "  h = tanh(a * prev(h) + x + s)\n"
                 "  v = 1 / (2 + prev(v) * prev(v))\n  y = h - prev(h)\n}"}};
  for (const auto &[name, text] : specs) {
    EmulatedSpec spec(text, {}, name);
    ASSERT_EQ(spec.getError(), "") << name;
    for (int64_t steps : {1, 15, 577, 1300})
      for (int64_t channels : {6, 7}) {
        SCOPED_TRACE(std::string(name) + ", " + std::to_string(steps) +
                     " steps of " + std::to_string(channels));
        SpecRun run;
        run.sizes = {{"b", 3}, {"t", steps}, {"d", channels}};
        run.innermost = "d";
        run.ranges = {{"a", {-1.5, 1.5}}};
        auto results = runAll(spec, run);
        unsigned pairs = 0, single = 0;
        for (auto &[variant, result] : results) {
          SCOPED_TRACE(variant);
          EXPECT_EQ(result.error, "");
          if (variant.find("over the grid") == std::string::npos &&
              variant.find("serial") == std::string::npos)
            continue;
          if (variant.find("newton") == 0)
            EXPECT_EQ(result.report.channels, 3 * channels);
          ++(variant.find("2 channels a thread") == std::string::npos ? single
                                                                      : pairs);
          EXPECT_EQ(result.bytes, results.rbegin()->second.bytes);
        }
        EXPECT_EQ(pairs, channels % 2 == 0 ? 3u : 0u);
        EXPECT_GE(single, 2u);
      }
  }
}

// What a cell feeds, or what feeds a cell, may remember for ever: if it is
// linear, nothing waits for it.
TEST(Split, LinearPartsNeedNoRounds) {
  const char *updates[] = {
      "  u = tanh(w * prev(u) + x - 0.5)\n  v = prev(v) + u\n",
      "  v = 0.999 * prev(v) + 0.01 * x\n  u = tanh(w * prev(u) + v)\n",
      "  u = tanh(w * prev(u) + x)\n"
      "  v = sigmoid(8 + u) * prev(v) + 0.01 * u\n"};
  for (const char *update : updates)
    for (const char *schedule : {"", "algorithm=newton,steps=3,group=4,warps=2",
                                 "algorithm=newton,steps=32"}) {
      SCOPED_TRACE(std::string(update) + schedule);
      SpecOptions options;
      options.schedule = schedule;
      EmulatedSpec spec(
          std::string("recurrence r over t (x[b,t,d], w[d]) -> (u[b,t,d], "
                      "v[b,t,d]) {\n  state u[b,d]\n  state v[b,d] = 3\n") +
              update + "}",
          options, "split");
      SpecRun run;
      run.sizes = {{"b", 1}, {"t", 1300}, {"d", 37}};
      run.innermost = "d";
      run.ranges = {{"w", {-0.5, 0.5}}};
      runRight(spec, run, [](const recur_report &report) {
        EXPECT_EQ(report.channels, 37);
        EXPECT_EQ(report.finished_in_order, 0);
        EXPECT_LE(report.passes, 6);
        EXPECT_LE(report.residual, 1e-5);
      });
    }
}

// A step that remembers, with a guess of its trajectory.
const char kGuessed[] =
    "recurrence r over t (x[b,t,d], w[d], g[b,t,d]) -> (h[b,t,d]) {\n"
    "  state h[b,d]\n  guess h = g\n"
    "  h = tanh(w * prev(h) + 0.01 * x)\n}";

SpecRun runGuessed() {
  SpecRun run;
  run.sizes = {{"b", 1}, {"t", 1300}, {"d", 37}};
  run.innermost = "d";
  run.ranges = {{"w", {0.5, 0.99}}};
  return run;
}

const char *kGuessSchedules[] = {"", "algorithm=newton,steps=3,group=4,warps=2",
                                 "algorithm=newton,steps=32"};

// The former solution takes one pass; without it there are more.
TEST(Guess, OfTheSolutionTakesOnePass) {
  EmulatedSpec serial(kGuessed, {.schedule = "algorithm=serial"}, "guessed");
  ASSERT_EQ(serial.getError(), "");
  SpecRun zero = runGuessed();
  zero.values["g"].assign(1300 * 37, 0);
  SpecResult known = serial.run(zero);
  ASSERT_EQ(known.error, "");
  for (const char *schedule : kGuessSchedules) {
    SpecOptions options;
    options.schedule = schedule;
    EmulatedSpec spec(kGuessed, options, "guessed");
    ASSERT_EQ(spec.getError(), "");
    SpecRun run = runGuessed(), guessed = runGuessed();
    run.values["g"].assign(1300 * 37, 0);
    guessed.values["g"] = known.outputs[0].values;
    auto without = runAll(spec, run);
    unsigned more = 0;
    runRight(spec, guessed, [&](const recur_report &report) {
      EXPECT_EQ(report.passes, 1);
      EXPECT_LE(report.residual, 1e-6);
      more += without[report.variant].report.passes >= 2;
    });
    EXPECT_GE(more, 1u);
  }
}

// What is infinite, no number or far off in a guess does no harm.
TEST(Guess, MayBeWild) {
  for (const char *schedule : kGuessSchedules) {
    SpecOptions options;
    options.schedule = schedule;
    EmulatedSpec spec(kGuessed, options, "guessed");
    ASSERT_EQ(spec.getError(), "");
    SpecRun run = runGuessed();
    run.sizes["t"] = 400;
    const double wild[] = {NAN, INFINITY, -INFINITY, 1e38, 0};
    for (double value : wild) {
      SCOPED_TRACE(value);
      run.values["g"].assign(400 * 37, value);
      for (auto &[variant, result] : runAll(spec, run)) {
        EXPECT_EQ(result.error, "") << variant;
        EXPECT_EQ(result.report.not_finite, 0) << variant;
      }
    }
    // Some states of a trajectory only: those that are there are used.
    for (size_t i = 0; i < run.values["g"].size(); ++i)
      run.values["g"][i] = wild[i % 5];
    for (auto &[variant, result] : runAll(spec, run))
      EXPECT_EQ(result.error, "") << variant;
  }
}

// Guesses that are no numbers give what the start state gives, to the last bit.
TEST(Guess, ThatIsNoNumberIsNone) {
  std::string text = kGuessed;
  size_t guess = text.find("  guess h = g\n");
  std::string without = text.substr(0, guess) + text.substr(guess + 14);
  without.replace(without.find(", g[b,t,d]"), 10, "");
  for (const char *schedule : kGuessSchedules) {
    SpecOptions options;
    options.schedule = schedule;
    EmulatedSpec spec(text, options, "guessed"),
        plain(without, options, "plain");
    ASSERT_EQ(spec.getError(), "");
    ASSERT_EQ(plain.getError(), "");
    SpecRun run = runGuessed();
    run.sizes["t"] = 400;
    auto expected = runAll(plain, run);
    run.values["g"].assign(400 * 37, NAN);
    for (auto &[variant, result] : runAll(spec, run)) {
      EXPECT_EQ(result.bytes, expected[variant].bytes) << variant;
      EXPECT_EQ(result.report.passes, expected[variant].report.passes)
          << variant;
    }
  }
}

// Guesses of a chaotic map: the trajectory is found again in one pass; one that
// is a little off ends as one step after the other.
TEST(Guess, OfChaos) {
  std::string text = kChaos;
  text.replace(text.find(", x0"), 4, ", g[b,t]: f64, x0");
  text.replace(text.find("  x ="), 5, "  guess x = g\n  x =");
  EmulatedSpec spec(text, {}, "chaos"),
      serial(text, {.schedule = "algorithm=serial"}, "chaos");
  ASSERT_EQ(spec.getError(), "");
  SpecRun run = runChaos();
  run.values["g"].assign(35 * 1009, 0);
  SpecResult known = serial.run(run);
  ASSERT_EQ(known.error, "");
  for (double error : {0.0, 1e-12, 1e-3}) {
    SCOPED_TRACE(error);
    run.values["g"] = known.outputs[0].values;
    for (double &value : run.values["g"])
      value += error;
    runAlike(spec, run, [&](const recur_report &report) {
      EXPECT_EQ(report.residual, 0);
      if (error == 0)
        EXPECT_EQ(report.passes, 1);
    });
  }
}

// What overflows, and ends as no number, does so in every variant.
TEST(Chaos, OverflowsAlike) {
  EmulatedSpec spec("recurrence r over t (x[b,t]) -> (h[b,t]) {\n"
                    "  state h[b] = 1\n  h = prev(h) * prev(h) + x\n}",
                    {}, "overflow");
  SpecRun run;
  run.sizes = {{"b", 3}, {"t", 300}};
  run.innermost = "b";
  runAlike(spec, run, [](const recur_report &report) {
    EXPECT_EQ(report.channels, 3);
    EXPECT_EQ(report.not_finite, 3);
  });
}

// The published cells on numbers that are known, by every variant.
TEST(Golden, AgreesWithKnownNumbers) {
  for (const recur::golden::Cell &cell : recur::golden::kCells)
    for (const char *schedule : {"", "algorithm=newton,steps=1,group=4,warps=1",
                                 "algorithm=newton,steps=4,group=16,warps=2"}) {
      SCOPED_TRACE(std::string(cell.spec) + " " + schedule);
      SpecOptions options;
      options.schedule = schedule;
      EmulatedSpec spec(readSpec(cell.spec), options, cell.spec);
      ASSERT_EQ(spec.getError(), "");
      SpecRun run;
      run.sizes = {{"b", 1}, {"t", 6}, {"d", 1}};
      run.values = cell.inputs;
      for (auto &[variant, result] : runAll(spec, run)) {
        SCOPED_TRACE(variant);
        EXPECT_EQ(result.error, "");
        ASSERT_EQ(result.outputs.size(), cell.results.size());
        for (const SpecResult::Output &output : result.outputs) {
          const std::vector<double> &wanted = cell.results.at(output.name);
          ASSERT_EQ(output.values.size(), wanted.size());
          for (size_t i = 0; i < wanted.size(); ++i)
            EXPECT_NEAR(output.values[i], wanted[i], 2e-6) << output.name;
        }
      }
    }
}

// What forgets fast converges in few passes, and what is written fits together.
TEST(Report, CountsPasses) {
  EmulatedSpec spec("recurrence r over t (x[b,t,d], w[d]) -> (h[b,t,d]) {\n"
                    "  state h[b,d]\n  h = tanh(w * prev(h) + x)\n}",
                    {}, "tanh");
  SpecRun run;
  run.sizes = {{"b", 2}, {"t", 700}, {"d", 33}};
  run.innermost = "d";
  run.ranges = {{"w", {-0.5, 0.5}}};
  runRight(spec, run, [](const recur_report &report) {
    EXPECT_EQ(report.channels, 66);
    EXPECT_GE(report.passes, 1);
    EXPECT_LE(report.passes, 3);
    EXPECT_EQ(report.finished_in_order, 0);
    EXPECT_EQ(report.not_finite, 0);
    EXPECT_LE(report.residual, 1e-6);
  });
}

// The tolerance is relative to the states: small ones are not taken for zero.
TEST(Report, SmallStatesConverge) {
  EmulatedSpec spec("recurrence r over t (x[b,t]) -> (h[b,t]) {\n"
                    "  state h[b]\n"
                    "  h = tanh(0.95 * prev(h) + 1e-8 * x)\n}",
                    {}, "small");
  ASSERT_EQ(spec.getError(), "");
  SpecRun run;
  run.sizes = {{"b", 32}, {"t", 600}};
  run.innermost = "b";
  for (auto &[variant, result] : runAll(spec, run))
    for (const SpecResult::Output &output : result.outputs)
      EXPECT_LE(output.error, 1e-6) << variant;
}

} // namespace
