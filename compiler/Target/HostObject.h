//===-- compiler/Target/HostObject.h - kernels to object code ---*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Turns a module of CPU kernels into LLVM IR with its host interface, and that
/// into the bytes of an object file: the same for a JIT and for a linker.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_HOSTOBJECT_H
#define RECUR_COMPILER_TARGET_HOSTOBJECT_H

#include "compiler/Target/TargetSpec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace recur {

/// Code for a GPU that becomes data of the host object.
struct DeviceImage {
  enum class Format { Ptx, Cubin };
  TargetSpec target;
  Format format;
  std::string bytes;
};

/// What the info struct says beside the recurrence itself.
struct HostInterfaceOptions {
  /// Hash of the spec's text, hexadecimal.
  std::string sourceHash;
  /// The targets of the artifact, with commas.
  std::string targets;
  /// The code of all GPU variants, for each target the best first; empty leaves
  /// those variants out.
  std::vector<DeviceImage> images;
};

/// Registers what `translateHost` and the passes before it need.
void registerHostTranslations(mlir::DialectRegistry &registry);

/// Adds the passes that take CPU kernels from func, scf, arith, math and vector
/// to the llvm dialect.
void addHostLoweringPasses(mlir::OpPassManager &passes);

/// The bytes of a position-independent object file of a module that
/// `addHostLoweringPasses` has lowered, with its host interface. Uses two
/// threads. Its optimised LLVM IR goes to `text` where that is not null.
llvm::Expected<llvm::SmallVector<char, 0>>
compileHost(mlir::ModuleOp module, const HostInterfaceOptions &options,
            std::string *text);

/// LLVM IR of the kernels of a module that `addHostLoweringPasses` has lowered,
/// for this machine's architecture. GPU modules must not be in it.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
translateKernels(mlir::ModuleOp kernels, llvm::LLVMContext &context);

/// LLVM IR of a module that `addHostLoweringPasses` has lowered, with the info
/// struct and the C functions of every recurrence in `recur.artifacts`. GPU
/// modules are left out. Fails with a diagnostic at the module.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
translateHost(mlir::ModuleOp module, llvm::LLVMContext &context,
              const HostInterfaceOptions &options);

/// Adds to `module` the info struct NAME_info_data and the functions
/// NAME, NAME_workspace and NAME_info of each recurrence in `artifacts`.
llvm::Error addHostInterface(llvm::Module &module, mlir::ArrayAttr artifacts,
                             const HostInterfaceOptions &options);

/// Optimises `module` in place for this machine's architecture; kernels carry
/// their own instruction sets.
llvm::Error optimizeHost(llvm::Module &module);

/// The bytes of a position-independent object file.
llvm::Expected<llvm::SmallVector<char, 0>> emitHostObject(llvm::Module &module);

} // namespace recur

#endif // RECUR_COMPILER_TARGET_HOSTOBJECT_H
