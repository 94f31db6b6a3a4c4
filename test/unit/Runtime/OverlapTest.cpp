//===-- OverlapTest.cpp - do two strided views share memory? --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compares with marking every byte, over random small views, and looks at
/// layouts that real tensors have.
#include "runtime/lib/Overlap.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

using namespace recur::runtime;

namespace {

struct Layout {
  uintptr_t address;
  int64_t elementBytes;
  std::vector<int64_t> sizes, strides;

  StridedView view() const {
    return {address, elementBytes, static_cast<int32_t>(sizes.size()),
            sizes.data(), strides.data()};
  }
  /// Address of every element, in order of the indices.
  std::vector<uintptr_t> elements() const {
    std::vector<uintptr_t> all = {address};
    for (size_t k = 0; k < sizes.size(); ++k) {
      std::vector<uintptr_t> next;
      for (uintptr_t base : all)
        for (int64_t i = 0; i < sizes[k]; ++i)
          next.push_back(base + i * strides[k] * elementBytes);
      all = next;
    }
    return all;
  }
  std::set<uintptr_t> bytes() const {
    std::set<uintptr_t> touched;
    for (uintptr_t element : elements())
      for (int64_t k = 0; k < elementBytes; ++k)
        touched.insert(element + k);
    return touched;
  }
};

Layout randomLayout(std::mt19937 &random) {
  Layout layout;
  layout.address = 100'000 + random() % 64;
  layout.elementBytes = 1 << random() % 4;
  for (uint32_t rank = random() % 4; rank > 0; --rank) {
    layout.sizes.push_back(random() % 8 ? 1 + random() % 4 : 0);
    layout.strides.push_back(static_cast<int64_t>(random() % 25) - 12);
  }
  return layout;
}

} // namespace

TEST(Overlap, AgreesWithMarkingBytes) {
  std::mt19937 random(7);
  int64_t apartInside = 0; // ranges meet, bytes do not
  for (int round = 0; round < 20000; ++round) {
    Layout x = randomLayout(random), y = randomLayout(random);
    std::set<uintptr_t> xBytes = x.bytes(), yBytes = y.bytes();
    bool expected = false;
    for (uintptr_t byte : yBytes)
      expected |= xBytes.count(byte) > 0;
    ASSERT_EQ(overlap(x.view(), y.view()), expected);
    ByteRange range = byteRange(x.view());
    if (!xBytes.empty()) {
      ASSERT_EQ(range.begin, *xBytes.begin());
      ASSERT_EQ(range.end, *xBytes.rbegin() + 1);
      if (!yBytes.empty() && !expected && *yBytes.begin() < range.end &&
          *yBytes.rbegin() >= range.begin)
        ++apartInside;
    }
  }
  EXPECT_GT(apartInside, 1000);
}

TEST(Overlap, FindsRepeatedElements) {
  std::mt19937 random(8);
  int64_t distinctUnnested = 0;
  for (int round = 0; round < 20000; ++round) {
    Layout x = randomLayout(random);
    std::vector<uintptr_t> elements = x.elements();
    bool expected =
        std::set<uintptr_t>(elements.begin(), elements.end()).size() !=
        elements.size();
    ASSERT_EQ(overlapsItself(x.view()), expected);
    distinctUnnested += !expected && elements.size() > 2;
  }
  EXPECT_GT(distinctUnnested, 1000);
  // No row-major nesting, and yet all elements are distinct: 2i + 3j.
  EXPECT_FALSE(overlapsItself(Layout{0, 4, {3, 2}, {2, 3}}.view()));
  EXPECT_TRUE(overlapsItself(Layout{0, 4, {4, 3}, {2, 3}}.view()));
}

// q, k and v packed in one projection, and heads of another stride: answered
// at once although the views have a billion elements.
TEST(Overlap, AnswersForLargeTensors) {
  Layout q{1 << 20, 2, {8, 100'000, 1024}, {307'200'000, 3072, 1}}, k = q;
  k.address += 2 * 1024;
  EXPECT_FALSE(overlap(q.view(), k.view()));
  k.address -= 2;
  EXPECT_TRUE(overlap(q.view(), k.view()));
  Layout transposed{
      q.address + 2 * 2048, 2, {1024, 100'000, 8}, {1, 3072, 307'200'000}};
  EXPECT_FALSE(overlap(q.view(), transposed.view()));
}
