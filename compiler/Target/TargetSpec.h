//===-- compiler/Target/TargetSpec.h - target names -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The targets that code can be made for, by name. LLVM ends the process when
/// it is asked for a chip or a feature that it does not know, so every name is
/// checked here first.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_TARGETSPEC_H
#define RECUR_COMPILER_TARGET_TARGETSPEC_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace recur {

/// A target whose name has been checked.
struct TargetSpec {
  enum class Kind { Cpu, Gpu };

  Kind kind = Kind::Cpu;
  /// The canonical name: `cpu` has become this machine's level, so it is what
  /// schedules and artifacts carry.
  std::string name;
  /// What LLVM calls the processor: `x86-64-v4`, `sm_90a`, or, on a machine
  /// that is not x86-64, the host's own name.
  std::string chip;
  /// LLVM's feature string: empty on x86-64, the PTX version on GPUs.
  std::string features;
  /// CPU: 2, 3 or 4 for x86-64-vN, 0 for other machines. GPU: the compute
  /// capability as in `sm_90`: 90.
  unsigned level = 0;
  /// GPU: code for exactly this chip (`sm_90a`), which newer ones do not run.
  bool exact = false;

  bool isGpu() const { return kind == Kind::Gpu; }

  /// Checks `name`; the error lists the names that are known.
  static llvm::Expected<TargetSpec> parse(llvm::StringRef name);
  /// The best CPU target that this machine runs.
  static TargetSpec host();
  /// The best GPU target for a device of `capability` (90 is 9.0). Fails for a
  /// device older than all targets.
  static llvm::Expected<TargetSpec> forCapability(unsigned capability);
  /// All names that `parse` takes, with commas.
  static std::string known();
};

} // namespace recur

#endif // RECUR_COMPILER_TARGET_TARGETSPEC_H
