//===-- test/unit/Conversion/GpuOnHost.h - GPU kernels on a CPU -*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the kernels of gpu.modules on this machine, one thread after another:
/// right for kernels whose threads never wait for each other.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_CONVERSION_GPUONHOST_H
#define RECUR_TEST_UNIT_CONVERSION_GPUONHOST_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

#include <cstdint>
#include <memory>

namespace recur {

class GpuOnHost {
public:
  /// Compiles the kernels of all gpu.modules in `module`, which stays as it is.
  static llvm::Expected<GpuOnHost> create(mlir::ModuleOp module);

  /// Runs every thread of a grid of `blocks` blocks of `threads` threads.
  /// `words` are the kernel's parameters, packed as for a launch.
  llvm::Error launch(llvm::StringRef kernel, llvm::ArrayRef<uint64_t> words,
                     int64_t blocks, int64_t threads);

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace recur

#endif // RECUR_TEST_UNIT_CONVERSION_GPUONHOST_H
