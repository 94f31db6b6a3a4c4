//===-- test/gpu/emulator/EmulatedSpec.h - a spec's kernels -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles a spec for a GPU, runs its kernels in the emulator on random data
/// and compares with the reference interpreter.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_EMULATEDSPEC_H
#define RECUR_TEST_GPU_EMULATOR_EMULATEDSPEC_H

#include <recur/runtime.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace recur::emulator {

struct SpecOptions {
  std::string target = "sm_90a";
  /// As `recurc --schedule` takes it.
  std::string schedule;
  std::string recurrence; // empty: the first
  /// Adds the variants that fold, combine and replay segments of so many steps.
  std::vector<int64_t> segments = {};
  /// Of Newton's method: 0 is the default.
  double tolerance = 0;
  int64_t passes = 16;
  /// Changes the lowered kernels, to see that mistakes are found.
  std::function<void(mlir::gpu::GPUModuleOp)> edit = {};
};

struct SpecRun {
  /// By name; dims that are missing here have size 1.
  std::map<std::string, int64_t> sizes;
  /// The dim that is innermost in memory where a tensor has it; empty: rows.
  std::string innermost;
  /// Elements of padding along every axis.
  int64_t gap = 0;
  /// The data of tensors is aligned to their elements only.
  bool misaligned = false;
  /// Final states are written over the initial states that they continue.
  bool inPlace = false;
  /// Of the data, and of the order of the threads.
  uint64_t dataSeed = 1, seed = 1;
  /// Real inputs lie between these, unless they are named below.
  std::pair<double, double> range{0.1, 0.9};
  std::map<std::string, std::pair<double, double>> ranges = {};
  /// The numbers of these inputs, rows one after the other, complex ones as
  /// pairs.
  std::map<std::string, std::vector<double>> values = {};
  /// An input over time that is infinite, or not a number, at about one time of
  /// a hundred; empty: none is.
  std::string wild = {};
  /// An input of which one element of 500 is one of `infinities`. Which of
  /// infinity and NaN a result is is not compared.
  std::string infinite = {};
  std::vector<double> infinities = {};
  unsigned variant = 0;
  unsigned resident = 0;
};

struct SpecResult {
  /// What went wrong; empty if all went well. Results that are too far from
  /// the interpreter's are wrong.
  std::string error;
  /// Why the variant does not take these tensors. Nothing has run then.
  std::string refused;
  struct Output {
    std::string name;
    double error, tolerance;
    std::vector<double> values; // real ones
  };
  std::vector<Output> outputs;
  /// What Newton's method found.
  recur_report report = {};
  /// All bytes of the results.
  std::vector<uint8_t> bytes;
};

class EmulatedSpec {
public:
  EmulatedSpec(const std::string &text, const SpecOptions &options = {},
               const std::string &file = "<spec>");
  ~EmulatedSpec();

  /// Why the spec has no kernels; empty if it has.
  const std::string &getError() const { return error; }
  /// Names of the variants, best first.
  std::vector<std::string> getVariants() const;
  /// Steps of a variant's tiles; 0: it does not cut time.
  int64_t getTileSteps(unsigned variant) const;
  /// Names of the dims whose sizes a run chooses.
  std::vector<std::string> getDims() const;
  SpecResult run(const SpecRun &run);

private:
  struct Implementation;
  std::string compile(const std::string &text, const SpecOptions &options,
                      const std::string &file);
  std::unique_ptr<Implementation> impl;
  std::string error;
};

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_EMULATEDSPEC_H
