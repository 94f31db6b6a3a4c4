//===-- BenchCase.h - what recur-bench measures -----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The cases of recur-bench, and a line of its table.
#ifndef RECUR_TEST_BENCHMARK_BENCHCASE_H
#define RECUR_TEST_BENCHMARK_BENCHCASE_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace recur::bench {

/// A recurrence at one size.
struct BenchCase {
  std::string name, spec, layout, dtype;
  /// Size of each index.
  std::map<std::string, int64_t> sizes;
  /// The indices in the order of the shape that is printed.
  std::vector<std::string> order;
  /// Arithmetic operations and functions at each b, t, d.
  double operations;
  /// The error is measured on so many of the channels of index `d`.
  int64_t checkedChannels;
};

std::vector<BenchCase> benchCases();
/// Those for a GPU: the shapes that test/benchmark/peers.py has, too.
std::vector<BenchCase> gpuCases();
/// The case with at most some thousand elements a tensor, to see that it works.
BenchCase shrink(BenchCase benchCase);
/// The selective scan, in f32.
extern const char *const selectiveScanSpec;

/// A line of the table; what a case does not have is empty.
struct Line {
  std::string name, shape, dtype, layout, target;
  int threads = 0;
  double ms = 0;
  std::optional<double> gbs, ratio, error, operations;
};

/// `3x4` for the sizes of a case.
std::string shapeOf(const BenchCase &benchCase);

/// Median milliseconds of each of `bodies`, run in turn so that what else the
/// machine does hits all alike.
std::vector<double> medianMs(const std::vector<std::function<void()>> &bodies);

/// Compiles, runs and checks one case, and the same bytes streamed. Empty
/// after an error, which has been printed.
std::optional<std::vector<Line>>
runCase(const BenchCase &benchCase, const std::string &target, int threads);

/// What every schedule of a case takes, and which one the runtime chooses.
struct TunedCase {
  std::string text; ///< `name shape dtype layout target`
  std::string chosen, best;
  double factor = 1;       ///< time of the chosen one over that of the best
  std::vector<Line> lines; ///< of all; the ratio is to the best
};
/// Times all schedules of a case for a CPU target, or for `cuda`. Empty after
/// an error, which has been printed.
std::optional<TunedCase> tuneCase(const BenchCase &benchCase,
                                  const std::string &target, int threads);
/// What fused multiply-adds reach: the flat roof of the roofline.
Line runPeak(int threads);
/// The times of compilations.
std::optional<std::vector<Line>> runCompilations(const std::string &target,
                                                 const std::string &recurc);

} // namespace recur::bench

#endif // RECUR_TEST_BENCHMARK_BENCHCASE_H
