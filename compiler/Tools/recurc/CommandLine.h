//===-- CommandLine.h - what recurc is asked to do --------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The flags of recurc, read and checked as far as that goes without a spec.
/// Plain C++: the flags are read by a library that throws, the compiler does
/// not.
#ifndef RECUR_COMPILER_TOOLS_RECURC_COMMANDLINE_H
#define RECUR_COMPILER_TOOLS_RECURC_COMMANDLINE_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace recur::recurc {

/// Exit codes.
enum ExitCode { ExitOk = 0, ExitError = 1, ExitUsage = 2, ExitInternal = 70 };

struct CommandLine {
  bool isRun = false;
  /// The path of this program, beside which the runtime is.
  std::string executable;
  std::string spec;
  std::vector<std::string> targets;
  std::string name;
  std::string schedule;
  double tolerance = 0;
  int64_t passes = 16;
  std::string output;

  // Of a compilation.
  std::string emit, compileTo, saveTemps;
  bool explain = false, printPipeline = false, gradient = false;
  std::vector<std::pair<std::string, int64_t>> sizes;

  // Of a run.
  std::vector<std::pair<std::string, std::string>> inputs, outputs;
  int threads = 0;
  bool time = false, check = false;
};

/// Reads the flags. Returns an exit code when there is nothing more to do: the
/// help has been printed, or an error.
std::optional<int> parse(int argc, const char *const *argv,
                         CommandLine &commandLine);

/// Prints `recurc: error: MESSAGE` and a hint at the help; returns ExitUsage.
int usageError(const std::string &message, bool isRun);

} // namespace recur::recurc

#endif // RECUR_COMPILER_TOOLS_RECURC_COMMANDLINE_H
