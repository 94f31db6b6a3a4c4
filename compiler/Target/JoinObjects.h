//===-- compiler/Target/JoinObjects.h - object files to one -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Makes one relocatable object of several that were compiled side by side.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_JOINOBJECTS_H
#define RECUR_COMPILER_TARGET_JOINOBJECTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace recur {

/// One relocatable ELF object of 64 bits, little endian, with the sections of
/// all `objects`. A hidden symbol that one of them defines is meant for the
/// others only: it is local in the result.
llvm::Expected<llvm::SmallVector<char, 0>>
joinObjects(llvm::ArrayRef<llvm::StringRef> objects);

} // namespace recur

#endif // RECUR_COMPILER_TARGET_JOINOBJECTS_H
