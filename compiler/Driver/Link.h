//===-- Link.h - shared libraries from objects ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Links an object with Recur's runtime into a shared library, by the C
/// compiler or the linker that the machine has.
#ifndef RECUR_COMPILER_DRIVER_LINK_H
#define RECUR_COMPILER_DRIVER_LINK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace recur {

/// Finds librecur-runtime beside the program `executable`, as in a build folder
/// or an installation.
llvm::Expected<std::string> findRuntimeFolder(llvm::StringRef executable);

/// Writes a shared library with the code of `object` to `path`. It finds the
/// runtime in `runtimeFolder`.
llvm::Error linkShared(llvm::StringRef object, llvm::StringRef path,
                       llvm::StringRef runtimeFolder);

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_LINK_H
