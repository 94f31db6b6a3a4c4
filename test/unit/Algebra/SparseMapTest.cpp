//===-- SparseMapTest.cpp - composition with known entries ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What is known of products, and composition that leaves out what is known,
/// against dense matrices over every semiring.
//===----------------------------------------------------------------------===//

#include "compiler/Algebra/SparseMap.h"

#include "compiler/Algebra/Affine.h"

#include <gtest/gtest.h>

#include <complex>
#include <random>

using namespace recur::algebra;

namespace {

Pattern makePattern(const std::vector<std::string> &rows) {
  Pattern pattern(rows.size());
  for (unsigned i = 0; i < rows.size(); ++i)
    for (unsigned j = 0; j < rows.size(); ++j)
      pattern(i, j) = rows[i][j] == '0'   ? Entry::Zero
                      : rows[i][j] == '1' ? Entry::One
                                          : Entry::Any;
  return pattern;
}

TEST(Pattern, ClosureKeepsWhatAllProductsHave) {
  EXPECT_EQ(makePattern({"*"}).closure(), makePattern({"*"}));
  EXPECT_EQ(makePattern({"1"}).closure(), makePattern({"1"}));
  EXPECT_EQ(makePattern({"0"}).closure(), makePattern({"*"}));
  EXPECT_EQ(makePattern({"*00", "0*0", "00*"}).closure(),
            makePattern({"*00", "0*0", "00*"}));
  EXPECT_EQ(makePattern({"*00", "**0", "***"}).closure(),
            makePattern({"*00", "**0", "***"}));
  // Unit diagonals stay, what they couple spreads.
  EXPECT_EQ(makePattern({"100", "*10", "0*1"}).closure(),
            makePattern({"100", "*10", "**1"}));
  EXPECT_EQ(makePattern({"**", "10"}).closure(), makePattern({"**", "**"}));
  // A cycle of shifts fills the matrix.
  EXPECT_EQ(makePattern({"001", "100", "010"}).closure(),
            makePattern({"***", "***", "***"}));
}

// Products of rotations are rotations, of two numbers instead of four.
TEST(Pattern, KnowsRotations) {
  Pattern rotation = Pattern::rotation();
  EXPECT_TRUE(rotation.isRotation());
  EXPECT_FALSE(makePattern({"**", "**"}).isRotation());
  EXPECT_EQ(rotation.closure(), rotation);
  EXPECT_EQ(rotation.count(), 2u);
}

TEST(Pattern, NumbersUnknownEntries) {
  Pattern pattern = makePattern({"*1", "0*"});
  EXPECT_EQ(pattern.count(), 2u);
  EXPECT_EQ(pattern.index(0, 0), 0u);
  EXPECT_EQ(pattern.index(1, 1), 1u);
}

/// Semiring S as operations.
template <typename S> struct Operations {
  using Number = typename S::Element;
  Number zero() { return S::zero(); }
  Number one() { return S::one(); }
  Number negate(Number x) { return Number(-x); }
  Number sum(Number x, Number y) { return S::sum(x, y); }
  Number product(Number x, Number y) {
    ++products;
    return S::product(x, y);
  }
  int products = 0;
};

template <typename S> class SparseMaps : public testing::Test {};
using Semirings =
    testing::Types<PlusTimes<double>, MaxPlus, MinPlus, LogSumExp>;
TYPED_TEST_SUITE(SparseMaps, Semirings);

/// Random maps of a pattern, and the same as dense ones.
TYPED_TEST(SparseMaps, AgreeWithDenseOnes) {
  using S = TypeParam;
  constexpr size_t K = 3;
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-1, 1);
  const std::vector<std::vector<std::string>> patterns = {
      {"***", "***", "***"}, {"*00", "**0", "***"}, {"***", "100", "010"},
      {"100", "*10", "0*1"}, {"*00", "010", "00*"}, {"000", "100", "010"}};
  for (auto &rows : patterns) {
    Pattern step = makePattern(rows), product = step.closure();
    Operations<S> ops;
    auto total = makeIdentity<Operations<S>, double>(ops, product);
    auto dense = Block<S, K>::identity();
    for (int n = 0; n < 7; ++n) {
      SparseMap<double> map{step, {}, {}};
      Block<S, K> same;
      for (unsigned i = 0; i < K; ++i) {
        for (unsigned j = 0; j < K; ++j) {
          if (step(i, j) == Entry::Any)
            map.entries.push_back(uniform(random));
          same.a[i][j] = getEntry(ops, map, i, j);
        }
        // Some parts of b are known to be zero.
        same.b[i] = S::zero();
        map.rest.push_back(std::nullopt);
        if (i != 1)
          map.rest[i] = same.b[i] = uniform(random);
      }
      total = compose(ops, map, total, product);
      dense = Block<S, K>::compose(same, dense);
    }
    std::vector<double> state = {0.3, -0.4, 0.5};
    std::vector<double> found = apply(ops, total, state);
    auto expected = dense.apply({0.3, -0.4, 0.5});
    for (unsigned i = 0; i < K; ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-12) << rows[i];
  }
}

/// Known entries cost nothing.
TEST(SparseMaps, SkipKnownEntries) {
  Operations<PlusTimes<double>> ops;
  SparseMap<double> map{makePattern({"**", "10"}), {2, 3}, {5.0, std::nullopt}};
  EXPECT_EQ(apply(ops, map, {7, 11}), (std::vector<double>{52, 7}));
  EXPECT_EQ(ops.products, 2);
}

// (c, s) as a matrix moves (re, im) as c + i s moves re + i im.
TEST(SparseMap, RotationsAreComplexNumbers) {
  Operations<PlusTimes<double>> ops;
  using Map = SparseMap<double>;
  Pattern pattern = Pattern::rotation();
  Map first{pattern, {0.6, 0.8}, {1.0, 2.0}};
  Map second{pattern, {-0.5, 2.0}, {std::nullopt, 3.0}};
  std::complex<double> a(0.6, 0.8), b(1, 2), c(-0.5, 2), d(0, 3), h(0.25, -4);
  Map both = compose(ops, second, first, pattern);
  std::vector<double> after = apply(ops, both, {h.real(), h.imag()});
  std::complex<double> expected = c * (a * h + b) + d;
  EXPECT_DOUBLE_EQ(after[0], expected.real());
  EXPECT_DOUBLE_EQ(after[1], expected.imag());
  EXPECT_DOUBLE_EQ(both.entries[0], (c * a).real());
  EXPECT_DOUBLE_EQ(both.entries[1], (c * a).imag());
  Map identity =
      makeIdentity<Operations<PlusTimes<double>>, double>(ops, pattern);
  EXPECT_EQ(identity.entries, (std::vector<double>{1, 0}));
}

} // namespace
