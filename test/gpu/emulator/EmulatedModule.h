//===-- test/gpu/emulator/EmulatedModule.h - loaded kernels -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The kernels of a gpu.module, compiled for the host and ready to run.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_EMULATEDMODULE_H
#define RECUR_TEST_GPU_EMULATOR_EMULATEDMODULE_H

#include "test/gpu/emulator/Emulator.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace recur::emulator {

class EmulatedModule {
public:
  /// Compiles `module`, which is in the llvm and nvvm dialects: what PTX is
  /// made from. The module stays as it is.
  static llvm::Expected<EmulatedModule> create(mlir::gpu::GPUModuleOp module);
  EmulatedModule(EmulatedModule &&) noexcept;
  EmulatedModule &operator=(EmulatedModule &&) noexcept;
  ~EmulatedModule();

  const std::vector<Kernel> &getKernels() const { return kernels; }
  /// Null if there is none.
  const Kernel *find(llvm::StringRef name) const;

private:
  EmulatedModule();
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::vector<Kernel> kernels;
};

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_EMULATEDMODULE_H
