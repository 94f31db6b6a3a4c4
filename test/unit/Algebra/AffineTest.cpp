//===-- AffineTest.cpp - laws of the elements of scans --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Every structure over every semiring: composition is associative, has its
/// identity, does not commute, and agrees with applying the maps in turn.
//===----------------------------------------------------------------------===//

#include "compiler/Algebra/Affine.h"

#include <gtest/gtest.h>

#include <complex>
#include <random>

using namespace recur::algebra;

namespace {

std::mt19937_64 &engine() {
  static std::mt19937_64 source(20240607);
  return source;
}

void fill(double &value) {
  value = std::uniform_real_distribution<double>(-1, 1)(engine());
}
void fill(bool &value) { value = engine()() & 1; }
void fill(std::complex<double> &value) {
  double re, im;
  fill(re);
  fill(im);
  value = {re, im};
}
template <typename T, size_t N> void fill(std::array<T, N> &values) {
  for (T &value : values)
    fill(value);
}
template <typename T> T makeRandom() {
  T result;
  fill(result.a);
  fill(result.b);
  return result;
}

/// The largest difference of two values; equal infinities do not differ.
double difference(double x, double y) { return x == y ? 0 : std::abs(x - y); }
double difference(bool x, bool y) { return x != y; }
double difference(std::complex<double> x, std::complex<double> y) {
  return std::abs(x - y);
}
template <typename T, size_t N>
double difference(const std::array<T, N> &x, const std::array<T, N> &y) {
  double largest = 0;
  for (size_t i = 0; i < N; ++i)
    largest = std::max(largest, difference(x[i], y[i]));
  return largest;
}
template <typename T> double difference(const T &x, const T &y) {
  return std::max(difference(x.a, y.a), difference(x.b, y.b));
}

template <typename T> class AffineLaws : public testing::Test {};

using Real = PlusTimes<double>;
using Complex = PlusTimes<std::complex<double>>;
using Structures =
    testing::Types<Diagonal<Real>, Diagonal<Complex>, Diagonal<MaxPlus>,
                   Diagonal<MinPlus>, Diagonal<LogSumExp>, Diagonal<OrAnd>,
                   Block<Real, 2>, Block<Real, 3>, Block<Real, 4>,
                   Block<Real, 8>, Block<Complex, 2>, Block<MaxPlus, 3>,
                   Block<MinPlus, 3>, Block<LogSumExp, 3>, Block<OrAnd, 3>,
                   OuterProduct<Real, 3, 5>, OuterProduct<Complex, 2, 2>>;
TYPED_TEST_SUITE(AffineLaws, Structures);

constexpr double tolerance = 1e-12;

TYPED_TEST(AffineLaws, CompositionIsAssociative) {
  for (int i = 0; i < 100; ++i) {
    auto x = makeRandom<TypeParam>(), y = makeRandom<TypeParam>(),
         z = makeRandom<TypeParam>();
    auto left = TypeParam::compose(TypeParam::compose(x, y), z);
    auto right = TypeParam::compose(x, TypeParam::compose(y, z));
    EXPECT_LT(difference(left, right), tolerance);
  }
}

TYPED_TEST(AffineLaws, IdentityIsNeutralOnBothSides) {
  for (int i = 0; i < 100; ++i) {
    auto x = makeRandom<TypeParam>();
    EXPECT_LT(difference(TypeParam::compose(x, TypeParam::identity()), x),
              tolerance);
    EXPECT_LT(difference(TypeParam::compose(TypeParam::identity(), x), x),
              tolerance);
  }
}

// A combine with its operands swapped must not go unnoticed in other tests.
TYPED_TEST(AffineLaws, CompositionDoesNotCommute) {
  double largest = 0;
  for (int i = 0; i < 100; ++i) {
    auto x = makeRandom<TypeParam>(), y = makeRandom<TypeParam>();
    largest = std::max(largest, difference(TypeParam::compose(x, y),
                                           TypeParam::compose(y, x)));
  }
  EXPECT_GT(largest, 0.1);
}

TYPED_TEST(AffineLaws, ComposedMapsAgreeWithMapsInTurn) {
  for (int steps : {1, 2, 31, 97}) {
    typename TypeParam::State start;
    fill(start);
    auto state = start;
    auto total = TypeParam::identity();
    for (int t = 0; t < steps; ++t) {
      auto map = makeRandom<TypeParam>();
      state = map.apply(state);
      total = TypeParam::compose(map, total);
    }
    // Random dense matrices grow, so errors are relative to the state.
    typename TypeParam::State zero{};
    double scale = std::max(1.0, difference(state, zero));
    EXPECT_LT(difference(total.apply(start), state), 1e-9 * scale);
  }
}

TEST(Companion, AgreesWithTheEquation) {
  std::array<double, 3> a{0.5, -0.25, 0.125};
  std::array<double, 3> h{1, 2, 3};
  auto map = makeCompanion<Real, 3>(a, 7);
  auto next = map.apply(h);
  EXPECT_DOUBLE_EQ(next[0], 0.5 * 1 - 0.25 * 2 + 0.125 * 3 + 7);
  EXPECT_DOUBLE_EQ(next[1], 1);
  EXPECT_DOUBLE_EQ(next[2], 2);
}

// -inf is a probability of zero: it neither becomes NaN nor swallows others.
TEST(LogSumExp, InfinitiesAreExact) {
  double zero = LogSumExp::zero();
  EXPECT_EQ(LogSumExp::sum(zero, zero), zero);
  EXPECT_EQ(LogSumExp::sum(zero, 1.5), 1.5);
  EXPECT_EQ(LogSumExp::product(zero, 1e300), zero);
  EXPECT_EQ(LogSumExp::sum(-zero, 1), -zero);
  EXPECT_NEAR(LogSumExp::sum(1000, 1000), 1000 + std::log(2.0), 1e-12);
}

TEST(MaxPlus, NanIsNotDropped) {
  EXPECT_TRUE(std::isnan(MaxPlus::sum(std::nan(""), 1)));
  EXPECT_TRUE(std::isnan(MaxPlus::sum(1, std::nan(""))));
}

} // namespace
