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

} // namespace
