//===-- compiler/Target/Cubin.h - PTX to machine code -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Assembles PTX to a cubin with what the machine has: NVIDIA's libnvJitLink,
/// opened at run time, or the ptxas program. Neither is needed to build or to
/// run Recur; without them the driver compiles the PTX when it is loaded.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_CUBIN_H
#define RECUR_COMPILER_TARGET_CUBIN_H

#include "compiler/Target/TargetSpec.h"

#include <string>

namespace recur {

/// What came of an assembly.
struct Cubin {
  enum class Status {
    Ok,
    /// The machine has no assembler. Not an error of the PTX.
    NotAvailable,
    /// The assembler refused the PTX; `message` has what it said.
    Failed
  };
  Status status = Status::NotAvailable;
  std::string bytes;
  std::string message;
};

/// Which assembler to use.
enum class Assembler { Any, NvJitLink, Ptxas };

/// The cubin of `ptx` for `target`. `Any` tries libnvJitLink and then ptxas.
/// libnvJitLink and ptxas are looked for in $CUDA_HOME, in the system's paths
/// and in /usr/local/cuda. Safe to call from several threads.
Cubin assembleCubin(llvm::StringRef ptx, const TargetSpec &target,
                    Assembler assembler = Assembler::Any);

} // namespace recur

#endif // RECUR_COMPILER_TARGET_CUBIN_H
