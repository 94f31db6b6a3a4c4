//===-- test/unit/Interpreter/FunctionsTest.cpp - the named functions at hard
// arguments --===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Values of the named functions where naive formulas overflow or cancel.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/Functions.h"
#include "gtest/gtest.h"

using namespace recur::interpreter;

static constexpr double inf = std::numeric_limits<double>::infinity();

// exp(800) overflows; the sigmoid must not.
TEST(Functions, SigmoidNeverOverflows) {
  EXPECT_DOUBLE_EQ(sigmoid(0), 0.5);
  EXPECT_EQ(sigmoid(800), 1);
  EXPECT_EQ(sigmoid(-800), 0);
  EXPECT_EQ(sigmoid(inf), 1);
  EXPECT_EQ(sigmoid(-inf), 0);
  EXPECT_DOUBLE_EQ(sigmoid(-40), std::exp(-40.0));
  EXPECT_TRUE(std::isnan(sigmoid(NAN)));
}

TEST(Functions, SoftplusKeepsSmallAndLargeValues) {
  EXPECT_DOUBLE_EQ(softplus(0), M_LN2);
  EXPECT_EQ(softplus(800), 800);
  EXPECT_DOUBLE_EQ(softplus(-40), std::exp(-40.0));
  EXPECT_EQ(softplus(-inf), 0);
  EXPECT_EQ(softplus(inf), inf);
  EXPECT_TRUE(std::isnan(softplus(NAN)));
}

// -inf * sigmoid(-inf) would be NaN.
TEST(Functions, SiluHasItsLimits) {
  EXPECT_EQ(silu(-inf), 0);
  EXPECT_EQ(silu(inf), inf);
  EXPECT_DOUBLE_EQ(silu(1), 1 / (1 + std::exp(-1.0)));
  EXPECT_TRUE(std::isnan(silu(NAN)));
}

// -inf is the zero of the log semiring.
TEST(Functions, LogAddExpAtInfinities) {
  EXPECT_EQ(logAddExp(-inf, -inf), -inf);
  EXPECT_EQ(logAddExp(-inf, 3), 3);
  EXPECT_EQ(logAddExp(3, -inf), 3);
  EXPECT_EQ(logAddExp(inf, inf), inf);
  EXPECT_EQ(logAddExp(inf, -inf), inf);
  EXPECT_DOUBLE_EQ(logAddExp(1000, 1000), 1000 + M_LN2);
  EXPECT_DOUBLE_EQ(logAddExp(1, 2), std::log(std::exp(1.0) + std::exp(2.0)));
  EXPECT_TRUE(std::isnan(logAddExp(NAN, 1)));
  EXPECT_TRUE(std::isnan(logAddExp(1, NAN)));
}

TEST(Functions, MaximumPropagatesNaN) {
  EXPECT_EQ(maximum(1, 2), 2);
  EXPECT_EQ(minimum(1, 2), 1);
  EXPECT_TRUE(std::isnan(maximum(NAN, 1)));
  EXPECT_TRUE(std::isnan(maximum(1, NAN)));
  EXPECT_TRUE(std::isnan(minimum(NAN, 1)));
  EXPECT_TRUE(std::isnan(minimum(1, NAN)));
}
