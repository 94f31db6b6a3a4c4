//===-- SpecsTest.cpp - GPU kernels of specs, in the emulator -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Every example spec that has GPU kernels, and small specs for one feature
/// each: every variant, dtypes, sizes around warps and tiles, layouts, orders
/// of threads, against the interpreter. The same inputs must give the same bits
/// in any order. The environment makes longer runs: RECUR_EMULATOR_SEEDS is how
/// many orders are tried of each case (2), RECUR_EMULATOR_FULL=1 takes every
/// layout of every size.
//===----------------------------------------------------------------------===//

#include "compiler/Algebra/Semiring.h"
#include "test/gpu/emulator/Matrix.h"
#include "test/unit/InfiniteSpecs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

using namespace recur::emulator;

namespace {

//===----------------------------------------------------------------------===//
// Examples
//===----------------------------------------------------------------------===//

std::string read(const std::filesystem::path &path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::string> listExamples() {
  std::vector<std::string> names;
  for (auto &entry : std::filesystem::directory_iterator(RECUR_SPECS))
    if (entry.path().extension() == ".recur")
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class ExamplesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ExamplesTest, AgreeWithTheInterpreter) {
  std::string text = read(RECUR_SPECS "/" + GetParam() + ".recur");
  SpecOptions options;
  options.segments = {32};
  Matrix matrix(GetParam(), text, options);
  if (text.find(" A[") != std::string::npos) // decays
    matrix.ranges["A"] = {-0.9, -0.1};
  // What keeps the others from growing.
  if (GetParam() == "butterworth")
    matrix.ranges["a"] = {-0.4, 0.4};
  if (GetParam() == "holt")
    matrix.ranges["alpha"] = matrix.ranges["beta"] = {0.1, 0.9};
  if (GetParam() == "holt_winters")
    matrix.ranges["alpha"] = matrix.ranges["beta"] =
        matrix.ranges["gamma"] = {0.1, 0.3};
  if (GetParam() == "s4")
    matrix.ranges["Abar"] = {-0.25, 0.25};
  if (GetParam() == "s5")
    matrix.ranges["Lambda"] = {-0.9, -0.1};
  if (GetParam() == "heinsen")
    matrix.ranges["log_a"] = {-0.9, -0.1};
  if (GetParam() == "fitzhugh_nagumo")
    matrix.ranges["interval"] = {0.02, 0.1};
  matrix.run();
}

INSTANTIATE_TEST_SUITE_P(Specs, ExamplesTest,
                         ::testing::ValuesIn(listExamples()),
                         [](auto &info) { return info.param; });

//===----------------------------------------------------------------------===//
// Features
//===----------------------------------------------------------------------===//

struct Feature {
  const char *name, *text;
  int64_t segment = 32;
  bool inPlace = false;
};

void PrintTo(const Feature &feature, std::ostream *os) { *os << feature.text; }

const Feature features[] = {
    {"F64", "recurrence r over t (a[b,t,d]: f64, x[b,t,d]: f64, h0[b,d]: f64) "
            "-> (h[b,t,d]: f64, final h: f64) {\n"
            "  state h[b,d]: f64 = h0\n  h = a * prev(h) + x\n}\n"},
    {"Waves",
     "recurrence r over t reverse (x[b,t,d], g[b,t,d]: bf16, A[d,n], "
     "B[b,t,n],\n"
     "    C[b,t,n]: bf16, h0[b,d,n], r[b,t]) -> (y[b,t,d], z[b,t,d], final h)\n"
     "    reset r[b,t] {\n"
     "  state h[b,d,n] = h0\n  h = exp(g * A) * prev(h) + B * x * g\n"
     "  y = sum(n: C * h) + prev(x) * g\n  z = max(n: h) * silu(x)\n}\n"},
    {"WavesPacked",
     "recurrence r over t (x[t,d], g[t,d], B[t,n], A[d,n], h0[s,d,n])\n"
     "    -> (y[t,d], final h) segments cu[s] {\n"
     "  state h[d,n] = h0\n  h = exp(-g * A) * prev(h) + B * x\n"
     "  y = sum(n: h * B) * x\n}\n"},
    {"WavesOfPoints", "recurrence r over t (x[b,t,d], w[b,t,d,m,n], k[m,n])\n"
                      "    -> (y[b,t,d], all[b,t,d,m,n], final h) {\n"
                      "  state h[b,d,m,n]\n  h = w * prev(h) + x * k\n"
                      "  y = sum(m, n: h * k)\n  all = h + x\n}\n"},
    {"Bf16", "recurrence r over t (a[b,t,d]: bf16, x[b,t,d]: bf16) -> "
             "(h[b,t,d]: bf16, final h) {\n"
             "  state h[b,d]\n  h = a * prev(h) + x\n}\n"},
    {"F16", "recurrence r over t (a[b,t,d]: f16, x[b,t,d]: f16) -> "
            "(h[b,t,d]: f16, final h) {\n"
            "  state h[b,d]\n  h = a * prev(h) + x\n}\n"},
    {"MixedTypes", "recurrence r over t (a[d], x[b,t,d]: bf16, r[b,t]: bool) "
                   "-> (h[b,t,d], y[b,t,d]: f16) {\n"
                   "  state h[b,d] = 0.5\n"
                   "  h = a * prev(h) + select(r, x, 2 * x)\n"
                   "  y = h * h\n}\n"},
    {"TimeFirst", "recurrence r over t (a[t,b,d], x[t,b,d]) -> (h[t,b,d]) {\n"
                  "  state h[b,d]\n  h = a * prev(h) + x\n}\n"},
    {"TimeLast", "recurrence r over t (a[b,d,t], x[b,d,t]) -> (h[b,d,t], "
                 "final h) {\n"
                 "  state h[b,d]\n  h = a * prev(h) + x\n}\n"},
    {"OnlyTime", "recurrence r over t (a[t], x[t]) -> (h[t], final h) {\n"
                 "  state h[] = 3\n  h = a * prev(h) + x\n}\n"},
    {"Reverse", "recurrence r over t reverse (a[b,t,d], x[b,t,d], h0[b,d]) -> "
                "(h[b,t,d], final h) {\n"
                "  state h[b,d] = h0\n  h = a * prev(h) + x\n}\n"},
    {"InPlace",
     "recurrence r over t (a[b,t,d], x[b,t,d], h0[b,d]) -> "
     "(h[b,t,d], final h) {\n"
     "  state h[b,d] = h0\n  h = a * prev(h) + x\n}\n",
     1, true},
    {"Reset", "recurrence r over t (a[b,t,d], x[b,t,d], h0[b,d]) -> "
              "(h[b,t,d], final h) {\n  reset z[b,t]: bool\n"
              "  state h[b,d] = h0\n  h = a * prev(h) + x\n}\n"},
    {"Packed", "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> (h[t,d], "
               "final h) {\n  segments cu[s]\n"
               "  state h[d] = h0\n  h = a * prev(h) + x\n}\n"},
    {"PackedReverse", "recurrence r over t reverse (a[t,d], x[t,d]) -> "
                      "(h[t,d], final h) {\n"
                      "  reset z[t]: bool\n  segments cu[s]\n"
                      "  state h[d] = 1\n  h = a * prev(h) + x\n}\n"},
    {"PackedTimeLast",
     "recurrence r over t (a[d,t]: bf16, x[d,t]: bf16, h0[s,d]) -> "
     "(h[d,t]: bf16, final h) {\n  segments cu[s]\n"
     "  state h[d] = h0\n  h = a * prev(h) + x\n}\n"},
    {"PackedLags", "recurrence r over t (x[t,d], x0[k=3,d], w[d]) -> "
                   "(y[t,d], final h, final g) {\n"
                   "  segments cu[s]: i64\n  history x = x0\n"
                   "  state h[d] = 2\n  state g[d]\n"
                   "  h = w * prev(h) + 0.5 * prev(x) - 0.25 * x[t-3,d]\n"
                   "  g = 0.5 * prev(g) + x * x\n"
                   "  y = h - prev(h) * g\n}\n"},
    {"PackedOnlyTime", "recurrence r over t reverse (a[t]: f64, x[t]: f64, "
                       "h0[s]: f64) -> (h[t]: f64, final h: f64) {\n"
                       "  segments cu[s]\n  state h[]: f64 = h0\n"
                       "  h = a * prev(h) + x + prev(x, 2)\n}\n"},
    {"PackedShort", "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> "
                    "(h[t,d], final h) {\n  segments cu[s]\n"
                    "  state h[d] = h0\n  h = a * prev(h) + x\n}\n"},
    // Only whether a step is the first of a sequence matters.
    {"PackedMarks", "recurrence r over t reverse (a[t,d], x[t,d], h0[d]) -> "
                    "(h[t,d]) {\n  segments cu[s]\n"
                    "  state h[d] = h0\n  h = a * prev(h) + x\n}\n"},
    {"PackedMarksTimeLast",
     "recurrence r over t (a[d,t]: bf16, x[d,t]: bf16) -> (h[d,t]: bf16) {\n"
     "  segments cu[s]: i64\n  state h[d] = 2\n  h = a * prev(h) + x\n}\n"},
    {"Lags", "recurrence r over t (x[b,t,d], w[d]) -> (h[b,t,d]) {\n"
             "  state h[b,d]\n"
             "  h = w * prev(h) + x + 0.5 * prev(x) - 0.25 * x[b,t-3,d]\n}\n"},
    {"Histories", "recurrence r over t (x[b,t,d], x0[b,k=3,d], w[d]) -> "
                  "(h[b,t,d], final h) {\n"
                  "  history x = x0\n  state h[b,d]\n"
                  "  h = w * prev(h) + 0.5 * prev(x) - 0.25 * x[b,t-3,d]\n}\n"},
    {"LagsReverse", "recurrence r over t reverse (x[b,t]) -> (h[b,t], final "
                    "h) {\n  state h[b] = 2\n"
                    "  h = 0.5 * prev(h) + prev(x, 2)\n}\n"},
    {"TwoStates", "recurrence r over t (a[b,t,d], x[b,t,d], g[b,t]) -> "
                  "(y[b,t,d], final u, final v) {\n"
                  "  state u[b,d]\n  state v[b,d] = 1\n"
                  "  u = a * prev(u) + x\n  v = g * prev(v) + x * x\n"
                  "  y = u - v * prev(u)\n}\n"},
    {"StaticStates", "recurrence r over t (A[d,n=4], x[b,t,d], c[b,t,n]) -> "
                     "(y[b,t,d], final h) {\n  state h[b,d,n]\n"
                     "  h = exp(A) * prev(h) + x\n  y = sum(n: c * h)\n}\n"},
    {"DynamicStates", "recurrence r over t (A[d,n], x[b,t,d], c[b,t,n]) -> "
                      "(y[b,t,d], final h) {\n  state h[b,d,n]\n"
                      "  h = exp(A) * prev(h) + x\n  y = sum(n: c * h)\n}\n"},
    {"MaxPlus", "recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d], final "
                "v) {\n  reset z[b,t]: bool\n  state v[b,d] = -inf\n"
                "  v = max(prev(v) + a, x)\n}\n"},
    {"MinPlusPacked", "recurrence r over t (a[t,d], x[t,d], v0[s,d]) -> "
                      "(v[t,d], final v) {\n  segments cu[s]\n"
                      "  state v[d] = v0\n  v = min(prev(v) - a, x)\n}\n"},
    {"LogSumExp",
     "recurrence r over t reverse (a[b,t,d], x[b,t,d]) -> "
     "(v[b,t,d], y[b,t,d]) {\n  state v[b,d] = -1\n"
     "  v = logaddexp(prev(v) + a, x)\n  y = 0.5 * v + prev(v)\n}\n"},
    {"OrAnd", "recurrence r over t (h[b,t,d]: bool, s[b,t,d]: bool) -> "
              "(on[b,t,d]: bool, final on: bool) {\n  state on[b,d]: bool\n"
              "  on = prev(on) and h or s\n}\n"},
    {"CoupledStates",
     "recurrence r over t (a[b,t,d], x[b,t,d], p[d]) -> (y[b,t,d], final u, "
     "final v) {\n  reset z[b,t]: bool\n  state u[b,d] = 0.5\n  state v[b,d]\n"
     "  u = 0.5 * a * prev(u) + p * prev(v) * 0.25 + x\n"
     "  v = 0.25 * prev(u) - 0.5 * a * prev(v) + a\n  y = u - prev(v)\n}\n"},
    {"Cascade", "recurrence r over t reverse (x[t,d], a[d], u0[s,d]) -> "
                "(v[t,d], w[t,d], final u) {\n  segments cu[s]\n"
                "  state u[d] = u0\n  state v[d]\n  state w[d]\n"
                "  u = a * prev(u) + x\n  v = 0.5 * prev(v) + u\n"
                "  w = prev(w) * 0.25 + v - prev(u)\n}\n"},
    // Nothing is carried: the state is x one step ago.
    {"NoState", "recurrence r over t (x[b,t,d], z[b,t,d], x0[b,d]) -> "
                "(y[b,t,d]) {\n  state h[b,d] = x0\n  h = x\n"
                "  y = x - prev(h) * z + prev(z, 2)\n}\n"},
    {"Rotation",
     "recurrence r over t (angle[b,t,d], x[b,t,d], p0[b,d]) -> (y[b,t,d], "
     "final p, final q) {\n  reset z[b,t]: bool\n  state p[b,d] = p0\n"
     "  state q[b,d]\n  c = 0.9 * cos(angle)\n  s = 0.9 * sin(angle)\n"
     "  p = c * prev(p) - s * prev(q) + x\n  q = s * prev(p) + c * prev(q)\n"
     "  y = p - prev(q)\n}\n"},
    {"Filter", "recurrence r over t (x[b,t,d], c[b,t,d], y1[b,d], y2[b,d], "
               "y3[b,d]) -> (y[b,t,d], z[b,t,d], final y, final prev(y, 2)) "
               "{\n  state y[b,d] = y1, y2, y3\n"
               "  y = 0.3 * c * prev(y) - 0.3 * prev(y, 2) + x\n"
               "  z = y - prev(y, 2)\n}\n"},
    {"Matrix", "recurrence r over t (A[b,t,d,i=3,j=3], x[b,t,d], c[b,t,i], "
               "h0[b,d,i]) -> (y[b,t,d], h[b,t,d,i], final h) {\n"
               "  reset z[b,t]: bool\n  state h[b,d,i] = h0\n"
               "  h = 0.3 * sum(j: A * h[b,t-1,d,j]) + x * A[b,t,d,i,0]\n"
               "  y = sum(i: c * h) + h[b,t,d,1]\n}\n"},
    {"MatrixEight", "recurrence r over t (A[i=8,j=8], x[b,t,i]) -> "
                    "(h[b,t,i]) {\n  state h[b,i] = 0.5\n"
                    "  h = 0.12 * sum(j: A * h[b,t-1,j]) + x\n}\n"},
    {"Viterbi", "recurrence r over t (A[i=4,j=4], e[b,t,i]) -> (v[b,t,i], "
                "best[b,t], final v) {\n  state v[b,i]\n"
                "  v = max(j: A + v[b,t-1,j]) + e\n  best = max(i: v)\n}\n"},
    {"MatrixFour", "recurrence r over t reverse (A[b,t,d,i=4,j=4], x[b,t,d], "
                   "h0[b,d,i]) -> (h[b,t,d,i], final h) {\n"
                   "  reset z[b,t]: bool\n  state h[b,d,i] = h0\n"
                   "  h = 0.25 * sum(j: A * h[b,t+1,d,j]) + x\n}\n"},
    {"MatrixFourPacked",
     "recurrence r over t (A[t,i=4,j=4], x[t,i], v0[s,i]) -> (v[t,i], "
     "final v) {\n  segments cu[s]\n  state v[i] = v0\n"
     "  v = max(j: A + v[t-1,j]) + x\n}\n"},
    {"LogMatrix", "recurrence r over t (A[b,t,i=3,j=3], e[b,t,d,i]) -> "
                  "(v[b,t,d,i], all[b,t,d], final v) {\n"
                  "  reset z[b,t]: bool\n  state v[b,d,i] = -inf\n"
                  "  v = logaddexp(logsumexp(j: A + v[b,t-1,d,j]), e)\n"
                  "  all = logsumexp(i: v)\n}\n"},
    {"FilterSix", "recurrence r over t (x[b,t,d], c[d]) -> (y[b,t,d], "
                  "final y, final prev(y, 6)) {\n  state y[b,d] = 0.5\n"
                  "  y = 0.2 * c * prev(y) - 0.2 * prev(y, 2)\n"
                  "    + 0.2 * prev(y, 3) - 0.2 * c * prev(y, 6) + x\n}\n"},
    {"MatrixOuter",
     "recurrence r over t (A[b,t,i=2,j=2], x[b,t,d], k[b,t,n], c[b,t,n]) -> "
     "(y[b,t,d,i], final h) {\n  state h[b,d,n,i]\n"
     "  h = 0.5 * sum(j: A * h[b,t-1,d,n,j]) + x * k\n"
     "  y = sum(n: c * h)\n}\n"},
    {"Complex", "recurrence r over t (a[b,t,d]: c64, x[b,t,d]: c64, h0[b,d]: "
                "c64) -> (h[b,t,d]: c64, y[b,t,d], final h) {\n"
                "  reset z[b,t]: bool\n  state h[b,d]: c64 = h0\n"
                "  h = a * prev(h) + x\n"
                "  y = real(conj(x) * h) + abs(prev(h))\n}\n"},
    {"ComplexPacked",
     "recurrence r over t reverse (a[d]: c128, x[t,d]: c128) "
     "-> (y[t,d]: c128, final h) {\n  segments cu[s]\n"
     "  state h[d]: c128 = 1\n"
     "  h = a * prev(h) + x + prev(x)\n  y = h / (x + 3)\n}\n"},
    {"ComplexMatrix",
     "recurrence r over t (A[d,i=2,j=2]: c64, x[b,t,d]: c64) -> (y[b,t,d], "
     "final h) {\n  state h[b,d,i]: c64\n"
     "  h = 0.5 * sum(j: A * h[b,t-1,d,j]) + x\n"
     "  y = real(h[b,t,d,0]) + imag(h[b,t,d,1])\n}\n"},
    {"Functions", "recurrence r over t (x[b,t,d], z[b,t,d]) -> (y[b,t,d]) {\n"
                  "  state h[b,d]\n  g = sigmoid(z)\n"
                  "  h = g * prev(h) + (1 - g) * tanh(x)\n"
                  "  y = silu(h) + softplus(x) * log(z) - sqrt(z)\n}\n"},
};

class FeaturesTest : public ::testing::TestWithParam<Feature> {};

TEST_P(FeaturesTest, AgreeWithTheInterpreter) {
  SpecOptions options;
  options.segments = {GetParam().segment};
  Matrix matrix(GetParam().name, GetParam().text, options);
  if (std::string(GetParam().text).find("(A[") != std::string::npos)
    matrix.ranges["A"] = {-0.9, -0.1};
  matrix.inPlace = GetParam().inPlace;
  // Points in vectors and not, in one chunk and in several.
  if (std::string_view(GetParam().name).starts_with("Waves"))
    matrix.choices["n"] = {5, 36, 20};
  if (std::string(GetParam().name) == "WavesOfPoints") {
    matrix.others = {3, 1, 2};
    matrix.choices["n"] = {2, 3, 1};
  }
  if (std::string(GetParam().name) == "PackedShort" ||
      std::string_view(GetParam().name).starts_with("PackedMarks"))
    matrix.choices["s"] = {300, 1300, 64};
  matrix.run();
}

INSTANTIATE_TEST_SUITE_P(Specs, FeaturesTest, ::testing::ValuesIn(features),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

//===----------------------------------------------------------------------===//
// Schedules that are not compiled for whole sequences unless asked for
//===----------------------------------------------------------------------===//

struct Scheduled {
  const char *name, *schedule, *text;
  bool inPlace = false;
  const char *target = "sm_90a";
};

void PrintTo(const Scheduled &scheduled, std::ostream *os) {
  *os << scheduled.schedule << ": " << scheduled.text;
}

#define SELECTIVE_SCAN(n)                                                      \
  "recurrence r over t (u[b,t,d]: bf16, delta[b,t,d], A[d,n=" #n "], "         \
  "B[b,t,n]: bf16, C[b,t,n], h0[b,d,n]) -> (y[b,t,d]: bf16, final h) {\n"      \
  "  state h[b,d,n] = h0\n  dt = softplus(delta)\n"                            \
  "  h = exp(dt * A) * prev(h) + dt * B * u\n"                                 \
  "  y = sum(n: C * h) + u\n}\n"

const Scheduled schedules[] = {
    {"SplitVectors", "algorithm=split,lanes=n,group=4,width=4",
     SELECTIVE_SCAN(16), true},
    // Several vectors a thread, a whole warp an item.
    {"SplitWarp", "algorithm=split,lanes=n,group=32,width=2",
     SELECTIVE_SCAN(128)},
    {"SplitOne", "algorithm=split,lanes=n,group=1,width=4", SELECTIVE_SCAN(4),
     true},
    {"SplitScalars", "algorithm=split,lanes=n,group=2,width=1,contiguous=false",
     SELECTIVE_SCAN(6)},
    {"SplitReverse", "algorithm=split,lanes=n,group=8,width=2",
     "recurrence r over t reverse (x[b,t,d], c[b,t,n=16], w[n]) -> "
     "(y[b,t,d], final h) {\n"
     "  state h[b,d,n] = 0.5\n  h = w * prev(h) + c * x\n"
     "  y = max(n: h) - min(n: c * h)\n}\n"},
    {"SplitF64", "algorithm=split,lanes=n,group=4,width=2",
     "recurrence r over t (x[b,t,d]: f64, c[b,t,n=8]: f64) -> "
     "(y[b,t,d]: f64, final h: f64) {\n"
     "  state h[b,d,n]: f64\n  h = 0.5 * prev(h) + c * x\n"
     "  y = logsumexp(n: h)\n}\n"},
    {"SplitComplex", "algorithm=split,lanes=n,group=4,width=2",
     "recurrence r over t (x[b,t,d], c[b,t,n=8]: c64, w[n]) -> "
     "(y[b,t,d]) {\n"
     "  state h[b,d,n]: c64\n  h = w * prev(h) + c * x\n"
     "  y = real(sum(n: h * c))\n}\n"},
    // Tiles that wait in shared memory: along time in vectors, along channels,
    // numbers of a step that lie together, 16 bits, sums of exponentials.
    {"StagedTime",
     "algorithm=lookback,lanes=t,width=4,steps=16,chunks=1,warps=2,stages=1",
     "recurrence r over t (a[b,t,d], x[b,t,d], w[d], h0[b,d]) -> (h[b,t,d], "
     "y[b,t,d], final h) {\n  reset z[b,t]\n  state h[b,d] = h0\n"
     "  h = a * prev(h) + w * x\n  y = h - prev(h) * x + prev(x)\n}\n",
     true},
    {"StagedTimeReverse",
     "algorithm=lookback,lanes=t,width=2,steps=8,chunks=1,warps=2,stages=1",
     "recurrence r over t reverse (a[b,t,d]: c64, x[b,t,d]: c64) -> "
     "(h[b,t,d]: c64, y[b,t,d], final h) {\n  state h[b,d]: c64\n"
     "  h = a * prev(h) + x\n  y = real(h * x)\n}\n"},
    {"StagedTimeNarrow",
     "algorithm=lookback,lanes=t,width=8,steps=32,chunks=1,warps=1,stages=1",
     "recurrence r over t (a[b,t,d]: bf16, x[b,t,d]: bf16) -> "
     "(h[b,t,d]: bf16) {\n  state h[b,d]\n  h = a * prev(h) + x\n}\n"},
    {"StagedTimeBlocks",
     "algorithm=lookback,lanes=t,width=1,steps=4,chunks=1,warps=2,stages=1",
     "recurrence r over t (A[b,d,t,i=2,j=2], x[b,d,t,i], g[b,d,t]) -> "
     "(h[b,d,t,i], y[b,d,t], final h) {\n  state h[b,d,i]\n"
     "  h = 0.5 * sum(j: A * h[b,d,t-1,j]) + g * x\n"
     "  y = sum(i: h)\n}\n"},
    {"StagedChannels",
     "algorithm=lookback,lanes=d,width=2,steps=4,group=8,warps=2,stages=1",
     "recurrence r over t (a[b,t,d], x[b,t,d], s[b,t], h0[b,d]) -> "
     "(h[b,t,d], y[b,t,d], final h) {\n  reset z[b,t]\n"
     "  state h[b,d] = h0\n  state g[b] = 1\n  h = a * prev(h) + s * x\n"
     "  g = 0.5 * prev(g) + s\n  y = g - h\n}\n",
     true},
    {"StagedFilter",
     "algorithm=lookback,lanes=d,width=1,steps=8,group=16,warps=4,stages=1",
     "recurrence r over t (p[b,t,d], x[b,t,d]) -> (y[b,t,d], final y, "
     "final prev(y, 2)) {\n  state y[b,d]\n"
     "  y = 0.3 * p * prev(y) - 0.3 * prev(y, 2) + x\n}\n"},
    {"StagedFilterFour",
     "algorithm=lookback,lanes=d,width=1,steps=4,group=8,warps=2,stages=1",
     "recurrence r over t (x[b,t,d], c[b,t,d]) -> (y[b,t,d], final y, "
     "final prev(y, 4)) {\n  state y[b,d] = 0.5\n"
     "  y = 0.2 * c * prev(y) - 0.2 * prev(y, 2)\n"
     "    + 0.2 * prev(y, 3) - 0.2 * c * prev(y, 4) + x\n}\n"},
    {"StagedUniform",
     "algorithm=lookback,lanes=t,width=4,steps=16,chunks=1,warps=2,stages=1",
     "recurrence r over t (c[k=2], x[b,t,d]) -> (y[b,t,d], final y) {\n"
     "  state y[b,d]\n  y = 0.6 * c[0] * prev(y) - 0.2 * prev(y, 2) + x\n"
     "}\n"},
    {"StagedLogarithms",
     "algorithm=lookback,lanes=t,width=4,steps=16,chunks=1,warps=2,stages=1",
     "recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d], u[b,t,d], "
     "final v) {\n  state v[b,d] = -inf\n  v = logaddexp(prev(v) + a, x)\n"
     "  u = v - max(prev(v), -1)\n}\n",
     true},
    {"StagedPacked",
     "algorithm=lookback,lanes=t,width=4,steps=8,chunks=1,warps=2,stages=1",
     "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> (h[t,d], final h) {\n"
     "  segments cu[s]\n  state h[d] = h0\n  h = a * prev(h) + x\n}\n"},
    // Windows of sixteen tiles, of which a thread reads two, or four, and of
    // eight, where numbers have 16 bits.
    {"WideWindow",
     "algorithm=lookback,lanes=d,width=1,steps=2,group=32,warps=8",
     "recurrence r over t (a[b,t,d], x[b,t,d], h0[b,d]) -> (h[b,t,d], "
     "final h) {\n  reset z[b,t]\n  state h[b,d] = h0\n"
     "  h = a * prev(h) + x\n}\n",
     true},
    {"WideWindowOfFew",
     "algorithm=lookback,lanes=d,width=1,steps=4,group=16,warps=2",
     "recurrence r over t reverse (a[b,t,d], x[b,t,d]) -> (h[b,t,d]) {\n"
     "  state h[b,d] = 0.5\n  h = a * prev(h) + x\n}\n"},
    {"NarrowWindow",
     "algorithm=lookback,lanes=d,width=1,steps=2,group=32,warps=8",
     "recurrence r over t (a[b,t,d]: bf16, x[b,t,d]: bf16) -> "
     "(h[b,t,d]: bf16) {\n  state h[b,d]\n  h = a * prev(h) + x\n}\n"},
    // Rows of 16 bits in blocks of 64 and 128 threads.
    {"NarrowRows",
     "algorithm=tile,lanes=t,width=8,steps=8,group=1,chunks=2,warps=2",
     "recurrence r over t (a[b,d,t]: bf16, x[b,d,t]: bf16) -> "
     "(h[b,d,t]: bf16, final h) {\n  state h[b,d]\n"
     "  h = a * prev(h) + x\n}\n"},
    // Warps that hand their states to each other, with tiles on their way: with
    // lags and resets, 16 bits, parts of 64 bits, several numbers a channel, a
    // state of all channels.
    {"HandOver",
     "algorithm=tile,lanes=d,width=2,steps=4,group=32,warps=3,stages=2",
     "recurrence r over t (a[b,t,d], x[b,t,d], s[b,t], h0[b,d]) -> "
     "(h[b,t,d], y[b,t,d], final h) {\n  reset z[b,t]\n"
     "  state h[b,d] = h0\n  state g[b] = 1\n  h = a * prev(h) + s * x\n"
     "  g = 0.5 * prev(g) + s\n  y = g - h + prev(x)\n}\n",
     true},
    {"HandOverNarrow",
     "algorithm=tile,lanes=d,width=2,steps=4,group=32,warps=2,stages=3",
     "recurrence r over t reverse (a[b,t,d]: bf16, x[b,t,d]: bf16) -> "
     "(h[b,t,d]: bf16, final h) {\n  state h[b,d] = 0.5\n"
     "  h = a * prev(h) + x\n}\n"},
    {"HandOverWide",
     "algorithm=tile,lanes=d,width=1,steps=2,group=32,warps=4,stages=2",
     "recurrence r over t (a[b,t,d]: f64, x[b,t,d]: f64, h0[b,d]: f64) -> "
     "(h[b,t,d]: f64) {\n  state h[b,d]: f64 = h0\n"
     "  h = a * prev(h) + x\n}\n"},
    {"HandOverComplex",
     "algorithm=tile,lanes=d,width=2,steps=3,group=32,warps=2,stages=8",
     "recurrence r over t (a[b,t,d]: c64, x[b,t,d]: c64) -> "
     "(h[b,t,d]: c64, y[b,t,d], final h) {\n  state h[b,d]: c64\n"
     "  h = a * prev(h) + x\n  y = real(h * x)\n}\n"},
    {"HandOverFilter",
     "algorithm=tile,lanes=d,width=1,steps=4,group=32,warps=3,stages=2",
     "recurrence r over t (p[b,t,d], x[b,t,d]) -> (y[b,t,d], final y, "
     "final prev(y, 2)) {\n  state y[b,d]\n"
     "  y = 0.3 * p * prev(y) - 0.3 * prev(y, 2) + x\n}\n"},
    {"HandOverUniform",
     "algorithm=tile,lanes=d,width=1,steps=4,group=32,warps=5,stages=2",
     "recurrence r over t (c[k=2], x[b,t,d]) -> (y[b,t,d], final y) {\n"
     "  state y[b,d]\n  y = 0.6 * c[0] * prev(y) - 0.2 * prev(y, 2) + x\n"
     "}\n"},
    {"HandOverLogarithms",
     "algorithm=tile,lanes=d,width=2,steps=4,group=32,warps=2,stages=2",
     "recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d], u[b,t,d], "
     "final v) {\n  state v[b,d] = -inf\n  v = logaddexp(prev(v) + a, x)\n"
     "  u = v - max(prev(v), -1)\n}\n",
     true},
    {"HandOverBooleans",
     "algorithm=tile,lanes=d,width=2,steps=4,group=32,warps=2,stages=2",
     "recurrence r over t (x[b,t,d]) -> (v[b,t,d]: bool, final v: bool) {\n"
     "  state v[b,d]: bool\n  v = (prev(v) and x > 0.2) or x > 0.8\n}\n"},
    // A trajectory with the shared dim; a state without it; another inner dim,
    // and a sum that elements need.
    {"SplitShapes", "algorithm=split,lanes=n,group=4,width=2",
     "recurrence r over t (x[b,t,m=3,n=8], w[m], v[b,t,n]) -> "
     "(h[b,t,m,n], y[b,t], final g) {\n"
     "  state h[b,m,n]\n  state g[b]\n"
     "  h = w * prev(h) + x * sum(n: v)\n  g = 0.5 * prev(g) + sum(n: v)\n"
     "  y = sum(m, n: h) + g\n}\n"},
    // Chips without exchanges of 128 bits.
    {"WavePairs", "algorithm=wave,lanes=d,width=2,steps=8,group=32,warps=2",
     SELECTIVE_SCAN(5), false, "sm_80"},
};

class SchedulesTest : public ::testing::TestWithParam<Scheduled> {};

TEST_P(SchedulesTest, AgreeWithTheInterpreter) {
  SpecOptions options;
  options.schedule = GetParam().schedule;
  options.target = GetParam().target;
  Matrix matrix(GetParam().name, GetParam().text, options);
  matrix.ranges["A"] = {-0.9, -0.1};
  matrix.inPlace = GetParam().inPlace;
  matrix.run();
}

INSTANTIATE_TEST_SUITE_P(Specs, SchedulesTest, ::testing::ValuesIn(schedules),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

// Ten units on four blocks at once: two are cut in halves, whatever block comes
// first.
TEST(HalvesTest, AgreeWithTheInterpreter) {
  SpecOptions options;
  options.schedule = "algorithm=wave,lanes=d,width=1,steps=8,group=16,warps=9";
  EmulatedSpec spec(SELECTIVE_SCAN(5), options);
  ASSERT_EQ(spec.getError(), "");
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SpecRun run;
    run.sizes = {{"b", 2}, {"t", 300}, {"d", 72}};
    run.ranges["A"] = {-0.9, -0.1};
    run.innermost = "d";
    run.seed = seed;
    SpecResult result = spec.run(run);
    EXPECT_EQ(result.refused, "");
    EXPECT_EQ(result.error, "") << "seed " << seed;
  }
}

//===----------------------------------------------------------------------===//
// Packed sequences
//===----------------------------------------------------------------------===//

struct Packed {
  const char *name, *text;
};

void PrintTo(const Packed &packed, std::ostream *os) { *os << packed.text; }

const Packed packed[] = {
    {"Diagonal", "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> (h[t,d], "
                 "final h) {\n  segments cu[s]\n"
                 "  state h[d] = h0\n  h = a * prev(h) + x\n}\n"},
    {"Reverse", "recurrence r over t reverse (a[t,d]: bf16, x[t,d]: bf16) -> "
                "(h[t,d]: bf16) {\n  segments cu[s]\n"
                "  state h[d]\n  h = a * prev(h) + x\n}\n"},
    {"Tuples",
     "monoid affine(a, b) {\n  identity 1, 0\n  combine(p, q) {\n"
     "    a = q.a * p.a\n    b = q.a * p.b + q.b\n  }\n}\n"
     "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> (h[t,d], final m.b) "
     "{\n  segments cu[s]\n  state m[d]: affine = (0, h0)\n"
     "  m = affine(prev(m), (a, x))\n  h = m.b\n}\n"},
    {"Waves", "recurrence r over t (a[t,n], x[t,d], A[d,n]) -> (y[t,d]) {\n"
              "  segments cu[s]\n  state h[d,n]\n"
              "  h = exp(-A * a) * prev(h) + x\n  y = sum(n: h)\n}\n"},
};

class PackedTest : public ::testing::TestWithParam<Packed> {};

/// A sequence with infinities, or what is no number, does not touch the
/// sequences beside it: tiles hold parts of several, and combine them.
TEST_P(PackedTest, SequencesAreApart) {
  EmulatedSpec spec(GetParam().text, {}, GetParam().name);
  ASSERT_EQ(spec.getError(), "");
  SpecRun run;
  run.wild = "x";
  unsigned taken = 0;
  for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant)
    for (const char *innermost : {"d", "t"})
      for (int64_t time : {97, 1040}) {
        run.variant = variant;
        run.innermost = innermost;
        run.sizes = {{"t", time}, {"d", 40}, {"n", 3}, {"s", time / 30}};
        ++run.seed;
        SpecResult result = spec.run(run);
        taken += result.refused.empty();
        ASSERT_EQ(result.error, "")
            << spec.getVariants()[variant] << ", t = " << time << ", "
            << innermost << " innermost";
      }
  EXPECT_GE(taken, 2 * spec.getVariants().size());
}

INSTANTIATE_TEST_SUITE_P(Specs, PackedTest, ::testing::ValuesIn(packed),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

//===----------------------------------------------------------------------===//
// Inputs that are no numbers
//===----------------------------------------------------------------------===//

class InfiniteInputs
    : public ::testing::TestWithParam<recur::test::InfiniteSpec> {};

TEST_P(InfiniteInputs, StayInTheirPlaces) {
  EmulatedSpec spec(GetParam().text, {}, GetParam().name);
  ASSERT_EQ(spec.getError(), "");
  SpecRun run;
  run.infinite = GetParam().input;
  run.infinities = GetParam().numbers;
  run.ranges = recur::test::kResets;
  for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant)
    for (const char *innermost : {"d", "t"})
      for (auto [time, channels] : {std::pair(96, 40), std::pair(2080, 4)}) {
        run.variant = variant;
        run.innermost = innermost;
        run.sizes = {{"b", 2}, {"t", time}, {"d", channels}};
        ++run.seed;
        run.dataSeed = run.seed;
        EXPECT_EQ(spec.run(run).error, "")
            << spec.getVariants()[variant] << ", t = " << time << ", "
            << innermost << " innermost";
      }
}

/// The zero of a semiring takes any state away, NaN stays.
TEST(InfiniteStates, ZeroTakesAway) {
  EmulatedSpec spec("recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d]) {\n"
                    "  state v[b,d]\n  v = max(prev(v) + a, x)\n}\n");
  ASSERT_EQ(spec.getError(), "");
  constexpr double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  SpecRun run;
  run.sizes = {{"t", 8}};
  run.values["a"] = {-inf, 0.25, inf, 1, -inf, 0.5, nan, -inf};
  run.values["x"] = std::vector<double>(8, 0.5);
  const double wanted[] = {0.5, 0.75, inf, inf, 0.5, 1, nan, nan};
  for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant) {
    run.variant = variant;
    SpecResult result = spec.run(run);
    if (!result.refused.empty())
      continue;
    ASSERT_EQ(result.outputs.size(), 1u);
    for (int i = 0; i < 8; ++i) {
      double found = result.outputs[0].values[i];
      EXPECT_TRUE(found == wanted[i] ||
                  (std::isnan(found) && std::isnan(wanted[i])))
          << spec.getVariants()[variant] << ", step " << i << ": " << found;
    }
  }
}

/// Sums of exponentials give the algebra's states whatever steps come together:
/// zeros, infinities, and masks so low that a sum with them loses all else.
/// Threads fold and replay many steps at once where that is as good.
class SumsOfExponentials : public ::testing::TestWithParam<bool> {};

TEST_P(SumsOfExponentials, AreTheAlgebras) {
  using Algebra = recur::algebra::LogSumExp;
  bool decays = GetParam();
  EmulatedSpec spec(
      std::string("recurrence r over t (a[b,t,d], x[b,t,d]) -> (v[b,t,d]) {\n"
                  "  state v[b,d]\n  v = logaddexp(prev(v)") +
      (decays ? " + a, x)\n}\n" : ", x + 0 * a)\n}\n"));
  ASSERT_EQ(spec.getError(), "");
  constexpr double inf = std::numeric_limits<double>::infinity();
  constexpr double lowest = std::numeric_limits<float>::lowest();
  constexpr int64_t steps = 192, channels = 32;
  const double rare[] = {-inf, inf, -0x1p30, -24, 24, -40, 40};
  // Large numbers, each for as long as the first channels of every third: all
  // terms of a run are then as large.
  const double masks[] = {lowest, -1e30, -1e18, -1e12, -1e10,
                          -3e9,   -1e9,  -1e6,  1e6,   1e9};
  SpecRun run;
  run.sizes = {{"t", steps}, {"d", channels}};
  run.innermost = "d";
  std::mt19937 random(7);
  auto draw = [&](double low, double high, int64_t channel) {
    // Every other channel has none.
    if (channel % 2 && random() % 8 == 0)
      return rare[random() % std::size(rare)];
    return double(
        float(low + (high - low) * (double(random()) / std::mt19937::max())));
  };
  std::vector<double> &a = run.values["a"], &x = run.values["x"], wanted;
  std::vector<double> state(channels, 0), largest(channels, 1);
  for (int64_t step = 0; step < steps; ++step)
    for (int64_t channel = 0; channel < channels; ++channel) {
      // Some decay so fast that few steps at once are precise.
      a.push_back(!decays ? 0 : draw(channel % 4 == 2 ? -6 : -1, 0, channel));
      bool isMasked = channel % 3 == 1 && channel / 3 < int(std::size(masks)) &&
                      step >= 64 && step < 128;
      x.push_back(isMasked ? masks[channel / 3] : draw(-1, 1, channel));
      double &v = state[channel];
      v = Algebra::sum(Algebra::product(a.back(), v), x.back());
      wanted.push_back(v);
      if (std::fabs(v) < 0x1p20)
        largest[channel] = std::max(largest[channel], std::fabs(v));
    }
  for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant) {
    run.variant = variant;
    SpecResult result = spec.run(run);
    if (!result.refused.empty())
      continue;
    ASSERT_EQ(result.outputs.size(), 1u);
    for (size_t i = 0; i < wanted.size(); ++i) {
      double found = result.outputs[0].values[i];
      double error = std::fabs(found - wanted[i]);
      ASSERT_TRUE(found == wanted[i] ||
                  (std::isnan(found) && std::isnan(wanted[i])) ||
                  error <= 1e-5 * largest[i % channels] ||
                  error <= 1e-5 * std::fabs(wanted[i]))
          << spec.getVariants()[variant] << ", step " << i / channels
          << ", channel " << i % channels << ": " << found << " instead of "
          << wanted[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InfiniteStates, SumsOfExponentials, ::testing::Bool(),
                         [](auto &info) {
                           return info.param ? "Decaying" : "Cumulative";
                         });

INSTANTIATE_TEST_SUITE_P(Specs, InfiniteInputs,
                         ::testing::ValuesIn(recur::test::kInfiniteSpecs),
                         [](auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
