//===-- OperationsTest.cpp - functions on constants -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests the values of operations whose operands are constants.
#include "compiler/Frontend/Operations.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace recur::spec;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double real(Operation operation,
            std::initializer_list<std::complex<double>> operands) {
  return evaluate(operation, operands, /*isComplex=*/false).real();
}

// The textbook formulas overflow here.
TEST(Operations, StayFiniteFarFromZero) {
  EXPECT_DOUBLE_EQ(real(Operation::Softplus, {1000.0}), 1000);
  EXPECT_EQ(real(Operation::Softplus, {-1000.0}), 0);
  EXPECT_EQ(real(Operation::Sigmoid, {-1000.0}), 0);
  EXPECT_EQ(real(Operation::Sigmoid, {1000.0}), 1);
  EXPECT_DOUBLE_EQ(real(Operation::LogAddExp, {1000.0, 1000.0}),
                   1000 + std::log(2.0));
}

// -inf is the zero of the log semiring: inf - inf must not appear.
TEST(Operations, LogAddExpKeepsInfinities) {
  EXPECT_EQ(real(Operation::LogAddExp, {-infinity, -infinity}), -infinity);
  EXPECT_EQ(real(Operation::LogAddExp, {-infinity, 3.0}), 3);
  EXPECT_EQ(real(Operation::LogAddExp, {infinity, infinity}), infinity);
}

TEST(Operations, MinAndMaxKeepNan) {
  double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(real(Operation::Max, {nan, 1.0})));
  EXPECT_TRUE(std::isnan(real(Operation::Min, {1.0, nan})));
  EXPECT_TRUE(std::isnan(real(Operation::Relu, {nan})));
}

// expm1 of a small complex number keeps its digits.
TEST(Operations, ComplexExpm1IsExactNearZero) {
  std::complex<double> z(1e-12, 1e-12);
  std::complex<double> value = evaluate(Operation::Expm1, z, true);
  EXPECT_NEAR(value.real() / 1e-12, 1, 1e-9);
  EXPECT_NEAR(value.imag() / 1e-12, 1, 1e-9);
}

TEST(Operations, FindsFunctionsByName) {
  EXPECT_EQ(findFunction("exp")->operation, Operation::Exp);
  EXPECT_EQ(findFunction("sum"), nullptr);
  EXPECT_EQ(findReduction("logsumexp"), ReductionKind::LogSumExp);
  EXPECT_FALSE(findReduction("exp"));
}

} // namespace
