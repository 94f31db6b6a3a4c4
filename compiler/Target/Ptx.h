//===-- compiler/Target/Ptx.h - GPU kernels to PTX --------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Turns a gpu.module into PTX in this process, with nothing but LLVM's NVPTX
/// back end.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_PTX_H
#define RECUR_COMPILER_TARGET_PTX_H

#include "compiler/Target/TargetSpec.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <memory>

namespace llvm {
class Error;
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm
namespace mlir {
class OpPassManager;
}

namespace recur {

/// Registers what translating a gpu.module to LLVM IR needs.
void registerPtxTranslations(mlir::DialectRegistry &registry);

/// Adds the passes that take a gpu.module from gpu, scf, arith and math to the
/// llvm and nvvm dialects. `modulePasses` runs on gpu.module.
void addNvvmPasses(mlir::OpPassManager &modulePasses);

/// The optimised LLVM IR of a module that `addNvvmPasses` has lowered. Fails
/// with a diagnostic, at the module or the op, when a kernel uses something
/// that is not an instruction of the target.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
translateToNvptx(mlir::gpu::GPUModuleOp module, const TargetSpec &target,
                 llvm::LLVMContext &context);

/// The same before it is optimised, and the `machine` that it is for.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
translateToNvptx(mlir::gpu::GPUModuleOp module, const TargetSpec &target,
                 llvm::LLVMContext &context,
                 std::unique_ptr<llvm::TargetMachine> &machine);

/// Runs the passes that kernels need of LLVM's middle end.
llvm::Error optimizeForNvptx(llvm::Module &module,
                             llvm::TargetMachine &machine);

/// The PTX of a module, lowered or not; `module` stays as it is.
mlir::FailureOr<std::string> emitPtx(mlir::gpu::GPUModuleOp module,
                                     const TargetSpec &target);

} // namespace recur

#endif // RECUR_COMPILER_TARGET_PTX_H
