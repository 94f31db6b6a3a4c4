//===-- CompositionOrderTest.cpp - a test of the tests --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles kernels that compose maps in the wrong order, on purpose. Wherever
/// a size makes a kernel compose two steps, the comparison with the interpreter
/// must find it: otherwise no test would see such a mistake.
//===----------------------------------------------------------------------===//

#include "ExecutedSpec.h"

#include "compiler/Conversion/AlgebraEmitter.h"

#include "recur/runtime.h"
#include "llvm/Support/SaveAndRestore.h"
#include "gtest/gtest.h"

using namespace recur::test;

namespace {

/// Two states whose steps are dense matrices.
const char kMatrices[] = R"(
recurrence r over t (a[b,d,t], p[b,d,t], x[b,d,t]) -> (u[b,d,t], final v) {
  state u[b,d] = 0.5
  state v[b,d]
  u = 0.6 * a * prev(u) + 0.7 * p * prev(v) + x
  v = 0.8 * prev(u) - 0.5 * a * prev(v) + p
})";

/// Squares of segments: a filter, and best paths.
const char kFilter[] = R"(
recurrence r over t (x[b,d,t], c[d]) -> (y[b,d,t], final y) {
  state y[b,d] = 1
  y = c * prev(y) - 0.6 * prev(y, 2) + x
})";
const char kMaxPlus[] = R"(
recurrence r over t (a[b,d,t], x[b,d,t]) -> (v[b,d,t]) {
  state v[b,d] = 0.3
  v = max(prev(v) + a, x)
})";

/// What is wrong with a run with lanes along time, at `steps` steps.
std::string run(const char *text, int64_t steps) {
  ExecutedSpec spec(text, "cpu", "lanes=t");
  if (!spec.error().empty())
    return spec.error();
  Call call;
  call.sizes = {{"b", 2}, {"d", 3}, {"t", steps}};
  return spec.run(call);
}

class CompositionOrder : public testing::TestWithParam<const char *> {};

// Odd sizes, one step more and less than vectors and squares have.
TEST_P(CompositionOrder, MattersAtEverySize) {
  for (int64_t steps : {2, 3, 15, 17, 31, 33, 63, 65, 97, 1009}) {
    EXPECT_EQ(run(GetParam(), steps), "") << steps << " steps";
    llvm::SaveAndRestore wrong(recur::composesInWrongOrder, true);
    EXPECT_NE(run(GetParam(), steps), "") << steps << " steps";
  }
}

// One step is composed with none.
TEST_P(CompositionOrder, DoesNotMatterForOneStep) {
  llvm::SaveAndRestore wrong(recur::composesInWrongOrder, true);
  EXPECT_EQ(run(GetParam(), 1), "");
}

// Lanes along channels compose where time is split over threads.
TEST(CompositionOrderOfTiles, MattersWhereTimeIsSplit) {
  Call call;
  call.sizes = {{"b", 1}, {"d", 3}, {"t", 100003}};
  call.contiguous = "d";
  call.ranges = {{"a", {-0.95, 0.95}}};
  ASSERT_EQ(recur_set_num_threads(4), RECUR_OK);
  EXPECT_EQ(ExecutedSpec(kMatrices, "cpu", "lanes=d").run(call), "");
  llvm::SaveAndRestore wrong(recur::composesInWrongOrder, true);
  EXPECT_NE(ExecutedSpec(kMatrices, "cpu", "lanes=d").run(call), "");
  ASSERT_EQ(recur_set_num_threads(0), RECUR_OK);
}

std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  const char *names[] = {"matrices", "filter", "max_plus"};
  return names[info.index];
}

INSTANTIATE_TEST_SUITE_P(Specs, CompositionOrder,
                         testing::Values(kMatrices, kFilter, kMaxPlus), nameOf);

} // namespace
