//===-- test/gpu/run_cuda/Problem.h - arguments and expectations *- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Random arguments for any recurrence, read off its description, on the host
/// and on the device. What results must be is what the CPU's kernels of the
/// same artifact compute, which the other tests compare with the interpreter.
#ifndef RECUR_TEST_GPU_RUN_CUDA_PROBLEM_H
#define RECUR_TEST_GPU_RUN_CUDA_PROBLEM_H

#include "test/gpu/run_cuda/Device.h"

#include <recur/runtime.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace recur::test {

using Sizes = std::map<std::string, int64_t>;

/// How tensors lie in memory: row-major; with gaps between rows; one element
/// past an aligned address; the first dim fastest.
enum class Layout { Rows, Gaps, Shifted, Columns };
const char *layoutName(Layout layout);

struct Problem {
  /// Without `isChecked` nothing is expected of the results, to be timed only.
  Problem(const recur_info &info, const Sizes &sizes, Layout layout,
          uint32_t seed = 1, bool isChecked = true);
  Problem(const Problem &) = delete;

  /// Fills the results' memory on the device with bytes that are NaN.
  void poison(void *stream);
  /// The arguments on the device.
  const DLTensor *const *arguments() const { return onDevice.data(); }
  int32_t count() const { return int32_t(onDevice.size()); }
  /// Workspace for the variant that would run now, full of NaN.
  Memory makeWorkspace(void *stream) const;
  int call(const Memory &workspace, void *stream) const;

  /// Empty if the results on the device are right and nothing beside them has
  /// been written; else what is wrong. `worst` is the largest relative error.
  std::string difference(double &worst) const;
  /// All bytes of the results on the device.
  std::vector<uint8_t> resultBits() const;
  /// Bytes of all arguments once.
  double bytes() const;

  const recur_info &info;
  std::string text; ///< "linear (b=2, t=97, d=33) rows"
  /// Whether what is expected is finite, if it is checked.
  bool isFinite = true;

private:
  struct Argument {
    std::vector<int64_t> shape, strides;
    int64_t first = 0; ///< element of the storage
    std::vector<uint8_t> host;
    std::optional<Memory> device;
    DLTensor hostView{}, deviceView{};
    int64_t elementBytes;

    int64_t count() const;
    uint8_t *at(std::vector<uint8_t> &storage, int64_t number) const;
  };
  bool isResult(size_t argument) const;
  void layOut(Argument &argument, Layout layout) const;
  struct Damping;
  bool variesOverTime(size_t argument) const;
  void fill(size_t number, uint32_t seed, const Damping &damping);
  void computeExpected(const Sizes &sizes, uint32_t seed);
  double largestResult();

  std::vector<Argument> all;
  std::vector<const DLTensor *> onHost, onDevice;
};

} // namespace recur::test
#endif // RECUR_TEST_GPU_RUN_CUDA_PROBLEM_H
