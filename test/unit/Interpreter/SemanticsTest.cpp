//===-- test/unit/Interpreter/SemanticsTest.cpp - what each clause of a
//recurrence means -===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Lags, starts, resets, sequences, direction, reductions: small recurrences
/// with values computed by hand.
//===----------------------------------------------------------------------===//

#include "Interpreting.h"

#include <cmath>

using namespace recur::interpreter;

namespace {
using Semantics = Interpreting;

/// h = a * prev(h) + x with what `clauses` and `results` add.
std::string linear(llvm::StringRef arguments, llvm::StringRef space,
                   llvm::StringRef clauses, llvm::StringRef blockArguments) {
  return (R"(
func.func @linear(%x: tensor<?xf32>)" +
          arguments + R"() -> (tensor<?xf32>) {
  %y = recur.recurrence )" +
          space + clauses + R"(
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%x0: f32)" +
          blockArguments + R"():
    %h = recur.prev h : f32
    %two = arith.constant 2.0 : f32
    %0 = arith.mulf %two, %h : f32
    %1 = arith.addf %0, %x0 : f32
    recur.yield %1, %1 : f32, f32
  }
  return %y : tensor<?xf32>
})")
      .str();
}

TEST_F(Semantics, StateStartsAtALiteral) {
  auto results = run(linear("", "<[t] over t>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {array({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {21, 44, 91});
}

TEST_F(Semantics, ReverseRunsFromTheEnd) {
  auto results = run(linear("", "<[t] over t reverse>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {array({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {97, 48, 23});
}

// The state is put back before the step, so the step sees the start.
TEST_F(Semantics, ResetAtEveryPosition) {
  for (int at = 0; at < 3; ++at) {
    std::vector<double> reset(3, 0.0);
    reset[at] = 1;
    auto results =
        run(linear(", %r: tensor<?xi32>", "<[t] over t>",
                   "ins(%x[t], %r[t] : tensor<?xf32>, tensor<?xi32>) "
                   "last_is_reset states(<h[] : f32 = 10.0>)",
                   ", %r0: i32"),
            {array({3}, {1, 2, 3}), array({3}, reset)});
    ASSERT_EQ(results.size(), 1u) << messages;
    double h = 10;
    std::vector<double> wanted;
    for (int t = 0; t < 3; ++t) {
      h = 2 * (t == at ? 10 : h) + t + 1;
      wanted.push_back(h);
    }
    expectNear(results[0].real(), wanted);
  }
}

TEST_F(Semantics, NoStepsGiveNoOutput) {
  auto results = run(linear("", "<[t] over t>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {Array::zeros({0})});
  ASSERT_EQ(results.size(), 1u) << messages;
  EXPECT_EQ(results[0].shape, std::vector<int64_t>{0});
}

TEST_F(Semantics, WrongRankNamesTheArgument) {
  auto results = run(linear("", "<[t] over t>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {array({3, 1}, {1, 2, 3})});
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(messages, "argument 0 has rank 2, expected 1\n");
}
} // namespace
