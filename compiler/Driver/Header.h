//===-- Header.h - the C header of an artifact ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Writes the C11 and C++17 header that goes with an object made by recurc. It
/// is made from the description inside the object, so that the two agree.
#ifndef RECUR_COMPILER_DRIVER_HEADER_H
#define RECUR_COMPILER_DRIVER_HEADER_H

#include <recur/runtime.h>

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace recur {

/// The header of the functions described by `infos`, in their order. `spec` is
/// the spec's file name, for the comment on top and the include guard.
std::string writeHeader(llvm::ArrayRef<const recur_info *> infos,
                        llvm::StringRef spec);

/// Fails if `name` cannot be the name of a function in C and C++.
llvm::Error checkFunctionName(llvm::StringRef name);

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_HEADER_H
