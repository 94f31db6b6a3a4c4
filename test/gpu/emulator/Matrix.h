//===-- test/gpu/emulator/Matrix.h - a spec through sizes and layouts -----===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every GPU variant of a spec in the emulator over sizes around warps and
/// tiles, layouts and orders of threads, against the interpreter.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_MATRIX_H
#define RECUR_TEST_GPU_EMULATOR_MATRIX_H

#include "test/gpu/emulator/EmulatedSpec.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace recur::emulator {

inline uint64_t getNumber(const char *variable, uint64_t otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

using Sizes = std::map<std::string, int64_t>;

/// One spec through all sizes and layouts.
class Matrix {
public:
  Matrix(const std::string &name, const std::string &text,
         const SpecOptions &options)
      : name(name), spec(text, options, name),
        seeds(getNumber("RECUR_EMULATOR_SEEDS", 2)),
        full(getNumber("RECUR_EMULATOR_FULL", 0)) {}

  std::map<std::string, std::pair<double, double>> ranges;
  /// Sizes of dims by name, taken in turn.
  std::map<std::string, std::vector<int64_t>> choices = {
      {"b", {3, 1, 2}}, {"n", {5, 1, 16}}, {"s", {4, 1, 7}}};
  std::vector<int64_t> others = {33, 1, 65, 32, 2, 97, 31};
  bool inPlace = false;

  void run() {
    ASSERT_EQ(spec.getError(), "");
    size_t number = 0;
    for (auto &[time, tile] : getTimes()) {
      Sizes sizes;
      for (const std::string &dim : spec.getDims()) {
        const std::vector<int64_t> &list =
            choices.count(dim) ? choices[dim] : others;
        // Long and wide would be slow.
        int64_t size = list[number % list.size()];
        sizes[dim] = dim == "t"   ? time
                     : time > 300 ? std::min<int64_t>(size, 3)
                                  : size;
      }
      runLayouts(sizes, number++, tile);
      if (::testing::Test::HasFailure())
        return;
    }
    // Vectors need sizes that they divide.
    runVectors(number);
    // Nothing to compute.
    for (const std::string &empty : spec.getDims())
      if (empty == "b" || empty == "d") {
        Sizes sizes;
        for (const std::string &dim : spec.getDims())
          sizes[dim] = dim == empty ? 0 : 3;
        runLayouts(sizes, number++);
      }
    for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant)
      EXPECT_TRUE(taken.count(variant))
          << name << ": no case was taken by variant " << variant << ", "
          << spec.getVariants()[variant];
  }

private:
  static constexpr int64_t anyTile = -1;

  /// Rows of channels and rows of steps that vectors divide: part of a tile,
  /// a tile and some steps, several.
  void runVectors(size_t number) {
    auto runAll = [&](int64_t time, int64_t other, const char *innermost,
                      int64_t tile = anyTile) {
      SpecRun run;
      for (const std::string &dim : spec.getDims())
        run.sizes[dim] = dim == "t"           ? time
                         : choices.count(dim) ? choices[dim][2]
                                              : other;
      run.ranges = ranges;
      run.inPlace = inPlace;
      run.innermost = innermost;
      runVariants(run, number++, tile);
    };
    for (int64_t time : {40, 520})
      runAll(time, 2, "t");
    std::set<int64_t> tiles;
    for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant)
      if (int64_t tile = spec.getTileSteps(variant); tile > 1200)
        tiles.insert(tile);
    for (int64_t tile : tiles)
      runAll(tile + 8, 1, "t", tile);
    const auto &dims = spec.getDims();
    bool hasColumns = std::find(dims.begin(), dims.end(), "c") != dims.end();
    runAll(530, 72, hasColumns ? "c" : "d");
  }

  /// Sizes around warps, for all variants, and around the variants' tiles, for
  /// those that have the tile.
  std::map<int64_t, int64_t> getTimes() {
    std::map<int64_t, int64_t> times;
    for (int64_t time : {0, 1, 2, 31, 32, 33, 97, 1009})
      times[time] = anyTile;
    for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant)
      if (int64_t tile = spec.getTileSteps(variant))
        for (int64_t time : {tile - 1, tile, tile + 1, 2 * tile + 1})
          if (time < 1200)
            times.insert({time, full ? anyTile : tile});
    return times;
  }

  void runLayouts(const Sizes &sizes, size_t number, int64_t tile = anyTile) {
    SpecRun rows;
    rows.sizes = sizes;
    rows.ranges = ranges;
    rows.inPlace = inPlace;
    std::vector<SpecRun> layouts;
    for (auto &[dim, size] : sizes) {
      layouts.push_back(rows);
      layouts.back().innermost = dim;
    }
    layouts.push_back(rows);
    layouts.back().gap = 3;
    layouts.push_back(rows);
    layouts.back().misaligned = true;
    runVariants(rows, number, tile);
    for (size_t i = 0; i < layouts.size(); ++i)
      if (full || i == number % layouts.size())
        runVariants(layouts[i], number, tile);
  }

  void runVariants(SpecRun run, size_t number, int64_t tile = anyTile) {
    for (unsigned variant = 0; variant < spec.getVariants().size(); ++variant) {
      if (tile != anyTile && spec.getTileSteps(variant) != tile)
        continue;
      run.variant = variant;
      std::vector<uint8_t> bytes;
      // Every third case in several orders.
      for (uint64_t i = 0; i < (number % 3 && !full ? 1 : seeds); ++i) {
        run.seed = 1 + number * 31 + variant * 7 + i;
        SpecResult result = spec.run(run);
        if (!result.refused.empty())
          break;
        taken.insert(variant);
        if (!result.error.empty()) {
          ADD_FAILURE() << describe(run) << ": " << result.error;
          return;
        }
        if (i && result.bytes != bytes) {
          ADD_FAILURE() << describe(run)
                        << ": another order of the threads gives other bits";
          return;
        }
        bytes = std::move(result.bytes);
      }
    }
  }

  /// As arguments of recur-emulate.
  std::string describe(const SpecRun &run) {
    std::string text = name;
    for (auto &[dim, size] : run.sizes)
      text += " " + dim + "=" + std::to_string(size);
    if (!run.innermost.empty())
      text += " --innermost " + run.innermost;
    if (run.gap)
      text += " --gap " + std::to_string(run.gap);
    if (run.misaligned)
      text += " --misaligned";
    if (run.inPlace)
      text += " --in-place";
    for (auto &[input, range] : run.ranges)
      text += " --range-of " + input + " " + std::to_string(range.first) + " " +
              std::to_string(range.second);
    return text + " --variant " + std::to_string(run.variant) + " --seed " +
           std::to_string(run.seed) + " (" + spec.getVariants()[run.variant] +
           ")";
  }

  std::string name;
  EmulatedSpec spec;
  uint64_t seeds;
  bool full;
  std::set<unsigned> taken;
};

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_MATRIX_H
