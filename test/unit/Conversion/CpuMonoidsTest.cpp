//===-- CpuMonoidsTest.cpp - CPU kernels over user monoids ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every CPU variant of recurrences that combine tuples by an operator of
/// the spec, most of which do not commute.
//===----------------------------------------------------------------------===//

#include "SpecMatrix.h"

#include "test/unit/MonoidSpecs.h"

#include "gtest/gtest.h"

using namespace recur::test;

namespace {

#define ARGMAX                                                                 \
  "monoid argmax(v, i) {\n  identity -inf, -1\n  combine(p, q) {\n"            \
  "    v = select(q.v > p.v, q.v, p.v)\n"                                      \
  "    i = select(q.v > p.v, q.i, p.i)\n  }\n}\n"

const Spec kSpecs[] = {
    {"argmax", ARGMAX "recurrence r over t (x[b,t,d], n[t]) -> (v[b,t,d], "
                      "i[b,t,d], final s.v) {\n  state s[b,d]: argmax\n"
                      "  s = argmax(prev(s), (x, n))\n"
                      "  v = s.v\n  i = s.i + 0.5 * prev(s.i)\n}"},
    // Starts anew, from a tuple of arguments and numbers.
    {"argmax_reset",
     ARGMAX "recurrence r over t (x[b,t,d], n[t], v0[b,d]) -> (v[b,t,d], "
            "i[b,t,d], final s.i) {\n  reset z[b,t]: bool\n"
            "  state s[b,d]: argmax = (v0, -7)\n"
            "  s = argmax(prev(s), (x, n))\n  v = s.v\n  i = s.i\n}"},
    // The last of equal numbers wins from the other side.
    {"argmax_front", ARGMAX
     "recurrence r over t reverse (x[t,d], n[t]) -> (i[t,d], final s.v) {\n"
     "  segments cu[s]\n  state s[d]: argmax\n"
     "  s = argmax((x, n), prev(s))\n  i = s.i\n}"},
    {"affine", AFFINE(f32) "recurrence r over t (a[b,t,d], x[b,t,d]) -> "
                           "(h[b,t,d], final s.a) {\n"
                           "  state s[b,d]: affine = (0, 0.5)\n"
                           "  s = affine(prev(s), (a, x))\n  h = s.b\n}"},
    {"affine_f64_reset",
     AFFINE(f64) "recurrence r over t (a[b,t,d]: f64, x[b,t,d]: f64) -> "
                 "(h[b,t,d]: f64, final s.b: f64) {\n  reset z[b,t]: bool\n"
                 "  state s[b,d]: affine = (0, 0.5)\n"
                 "  s = affine(prev(s), (a, x))\n  h = s.b\n}"},
    // From the front the steps apply in the other order.
    {"affine_front",
     AFFINE(f32) "recurrence r over t (a[b,t,d], x[b,t,d]) -> (u[b,t,d], "
                 "w[b,t,d]) {\n  reset z[b,t]: bool\n"
                 "  state s[b,d]: affine = (0.5, 0.25)\n"
                 "  s = affine((a, x), prev(s))\n  u = s.a\n  w = s.b\n}"},
    {"packed", AFFINE(f32) "recurrence r over t (a[t,d], x[t,d], h0[s,d]) -> "
                           "(h[t,d], final s_.b) {\n  segments cu[s]\n"
                           "  state s_[d]: affine = (0, h0)\n"
                           "  s_ = affine(prev(s_), (a, x))\n  h = s_.b\n}"},
    // Inner dims, and functions in the operator.
    {"log_sum", LOG_SUM(f32)},
    {"matrices", MATRIX
     "recurrence r over t (w[b,t,d]: f64) -> (u[b,t,d]: f64, v[b,t,d]: f64, "
     "final m.c) {\n"
     "  state m[b,d]: matrix\n  c = cos(3 * w)\n  s = sin(3 * w)\n"
     "  m = matrix(prev(m), (c, s, s, -c))\n  u = m.a\n  v = m.b\n}"},
};

class CpuMonoids : public testing::TestWithParam<Spec> {};

TEST_P(CpuMonoids, AgreesWithTheInterpreter) { runSizes(GetParam()); }
TEST_P(CpuMonoids, TakesRowsWithGaps) { runGaps(GetParam()); }
TEST_P(CpuMonoids, SplitsTimeDeterministically) { runSplit(GetParam()); }
TEST_P(CpuMonoids, RunsOnOlderInstructionSets) {
  for (const char *target : {"x86-64-v2", "x86-64-v3"})
    runTarget(GetParam(), target);
}

INSTANTIATE_TEST_SUITE_P(Specs, CpuMonoids, testing::ValuesIn(kSpecs),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
