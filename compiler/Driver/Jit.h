//===-- Jit.h - loads an object into this process ---------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Loads the bytes of an object file, the same that recurc writes, into this
/// process and finds the descriptions of its recurrences.
#ifndef RECUR_COMPILER_DRIVER_JIT_H
#define RECUR_COMPILER_DRIVER_JIT_H

#include <recur/runtime.h>

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm::orc {
class JITDylib;
}

namespace recur {

/// A loaded object. Its code lives as long as it does. Objects can be loaded,
/// looked into and freed from any thread.
class JitObject {
public:
  /// Copies and links `object`; calls of the runtime go to this process's.
  static llvm::Expected<std::unique_ptr<JitObject>>
  load(llvm::StringRef object);
  ~JitObject();
  JitObject(const JitObject &) = delete;
  JitObject &operator=(const JitObject &) = delete;

  /// The address of a symbol.
  llvm::Expected<void *> find(llvm::StringRef symbol) const;
  /// The description that `NAME_info` returns.
  llvm::Expected<const recur_info *> info(llvm::StringRef name) const;

private:
  explicit JitObject(llvm::orc::JITDylib &library) : library(library) {}
  llvm::orc::JITDylib &library;
};

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_JIT_H
