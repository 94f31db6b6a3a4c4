//===-- test/gpu/emulator/Lowering.h - GPU LLVM IR to calls -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Turns the LLVM IR of GPU kernels, the same that becomes PTX, into IR for the
/// host in which everything that a GPU does its own way calls the emulator.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_LOWERING_H
#define RECUR_TEST_GPU_EMULATOR_LOWERING_H

#include "test/gpu/emulator/Emulator.h"
#include "test/gpu/emulator/Operations.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace recur::emulator {

/// Prefix of the functions that take a kernel's parameters as words.
inline constexpr llvm::StringLiteral kEntryPrefix = "recur_emulator_entry_";

/// Builds calls of the emulator for the places of a module.
class CallBuilder {
public:
  explicit CallBuilder(llvm::Module &module);

  /// A new place in `function` where threads meet.
  llvm::Value *makeSite(llvm::StringRef what, const llvm::Function &function);
  llvm::Value *special(llvm::IRBuilderBase &b, Special which);
  llvm::Value *shared(llvm::IRBuilderBase &b);
  llvm::Value *barrier(llvm::IRBuilderBase &b, llvm::Value *site,
                       BarrierKind kind, llvm::Value *number,
                       llvm::Value *count, bool aligned, bool waits = true,
                       llvm::Value *predicate = nullptr);
  llvm::Value *collective(llvm::IRBuilderBase &b, llvm::Value *site,
                          Collective kind, llvm::Value *mask,
                          llvm::Value *value = nullptr,
                          llvm::Value *first = nullptr,
                          llvm::Value *second = nullptr);
  void access(llvm::IRBuilderBase &b, llvm::Value *site, Access kind,
              llvm::Value *pointer = nullptr, uint32_t bytes = 0);
  void copy(llvm::IRBuilderBase &b, llvm::Value *site, llvm::Value *to,
            llvm::Value *from, uint32_t bytes, llvm::Value *sourceBytes);
  void commit(llvm::IRBuilderBase &b);
  void wait(llvm::IRBuilderBase &b, llvm::Value *groups);
  /// Stops the emulation if `pointer` is not a multiple of `alignment`.
  void checkAlignment(llvm::Instruction *before, llvm::Value *pointer,
                      uint64_t alignment, bool writes);

  /// Stops the emulation instead of the process.
  void trap(llvm::CallInst &call);

  llvm::Value *generic(llvm::IRBuilderBase &b, llvm::Value *pointer);

  std::vector<std::string> sites;

private:
  llvm::Module &module;
  llvm::Type *i32, *i64, *none;
  llvm::PointerType *ptr;
};

/// Rewrites `module`; gives its kernels without addresses.
llvm::Expected<std::vector<Kernel>> lower(llvm::Module &module);

/// Rewrites one call of inline PTX.
llvm::Error lowerInlinePtx(llvm::CallInst &call, CallBuilder &calls);

/// The value of a special-function unit's approximation, computed precisely;
/// null if `name` (as in `ex2`) is none.
llvm::Value *createApproximation(llvm::IRBuilderBase &b, llvm::StringRef name,
                                 llvm::Value *operand);

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_LOWERING_H
