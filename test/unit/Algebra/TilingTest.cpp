//===-- TilingTest.cpp - tests of tile arithmetic -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests of segments, tiles and checked products.
//===----------------------------------------------------------------------===//

#include "compiler/Algebra/Tiling.h"

#include <gtest/gtest.h>

using namespace recur::algebra;

// The usual (size + tile - 1) / tile overflows here.
TEST(Tiling, CeilDivIsRightUpToTheLargestSize) {
  EXPECT_EQ(ceilDiv(0, 16), 0);
  EXPECT_EQ(ceilDiv(1, 16), 1);
  EXPECT_EQ(ceilDiv(16, 16), 1);
  EXPECT_EQ(ceilDiv(17, 16), 2);
  EXPECT_EQ(ceilDiv(INT64_MAX, 2), INT64_MAX / 2 + 1);
}

TEST(Tiling, OverflowIsNoticed) {
  EXPECT_EQ(multiply({1 << 20, 1 << 20, 1 << 20}), int64_t(1) << 60);
  EXPECT_EQ(multiply({int64_t(1) << 32, int64_t(1) << 31}), std::nullopt);
  EXPECT_EQ(multiply({int64_t(1) << 32, int64_t(1) << 32, 0}), 0);
  EXPECT_EQ(alignTo(33, 32), 64);
  EXPECT_EQ(alignTo(INT64_MAX, 64), std::nullopt);
}

// Every step lies in exactly one tile, at sizes around every boundary.
TEST(Tiling, TilesCoverEverythingOnce) {
  for (int64_t tile : {1, 2, 31, 32, 33, 97})
    for (int64_t size : {0, 1, 2, 31, 32, 33, 63, 64, 65, 97, 1009}) {
      Tiling tiling{size, tile};
      int64_t next = 0;
      for (int64_t i = 0; i < tiling.count(); ++i) {
        EXPECT_EQ(tiling[i].begin, next);
        EXPECT_GT(tiling[i].size(), 0);
        EXPECT_LE(tiling[i].size(), tile);
        next = tiling[i].end;
      }
      EXPECT_EQ(next, size);
    }
}

TEST(Tiling, SegmentsAreMultiplesOfTheGrain) {
  for (int64_t steps : {1, 63, 64, 65, 1000, 1009})
    for (int64_t count : {1, 2, 3, 7, 64}) {
      Tiling tiling = cutIntoSegments(steps, count, 16);
      EXPECT_EQ(tiling.tile % 16, 0);
      EXPECT_LE(tiling.count(), count);
      EXPECT_EQ(tiling[tiling.count() - 1].end, steps);
    }
}
