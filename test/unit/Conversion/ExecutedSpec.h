//===-- test/unit/Conversion/ExecutedSpec.h - a spec, run two ways -*- C++ -*-//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles the text of a spec to object code, runs it on random data of any
/// sizes and layout, and compares with the reference interpreter.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_CONVERSION_EXECUTEDSPEC_H
#define RECUR_TEST_UNIT_CONVERSION_EXECUTEDSPEC_H

#include <recur/tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace recur::test {

/// One call of a compiled spec.
struct Call {
  /// Size of each dim by name; cumulative lengths of segments are random.
  std::map<std::string, int64_t> sizes;
  /// The dim that is innermost in memory where an argument has it; empty: as
  /// declared.
  std::string contiguous;
  /// Every tensor is a strided view of a larger one.
  bool strided = false;
  /// Every tensor lies in one with longer rows: the innermost stride stays 1.
  bool padded = false;
  /// Bounds of random inputs by argument; others are in (-0.95, 0.95).
  std::map<std::string, std::pair<double, double>> ranges;
  /// An input of which one element of 500 is one of `infinities`; empty: none
  /// is. Which of infinity and NaN a result is is not compared.
  std::string infinite = {};
  std::vector<double> infinities = {};
  unsigned seed = 1;
  /// Run only this variant of the artifact; -1: the runtime chooses.
  int variant = -1;
};

class ExecutedSpec {
public:
  /// Compiles the first recurrence of `text` for `target`. `error()` says what
  /// went wrong.
  ExecutedSpec(const std::string &text, const std::string &target = "cpu",
               const std::string &schedule = "");
  ~ExecutedSpec();

  const std::string &error() const { return message; }
  const recur_info *info() const;
  /// Runs once; empty if all results agree with the interpreter (1e-5 for f32,
  /// 1e-2 for 16-bit floats, 1e-12 for f64, norm-wise), else what differs.
  std::string run(const Call &call);
  /// Bits of the results of the last run.
  const std::vector<char> &bits() const { return lastBits; }

private:
  void compile(const std::string &text, const std::string &target,
               const std::string &schedule);
  struct Implementation;
  std::unique_ptr<Implementation> impl;
  std::string message;
  std::vector<char> lastBits;
};

} // namespace recur::test

#endif // RECUR_TEST_UNIT_CONVERSION_EXECUTEDSPEC_H
