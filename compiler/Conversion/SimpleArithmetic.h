//===-- compiler/Conversion/SimpleArithmetic.h - arith to llvm --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Arithmetic that is one operation of the llvm dialect, on types that need no
/// conversion.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_SIMPLEARITHMETIC_H
#define RECUR_COMPILER_CONVERSION_SIMPLEARITHMETIC_H

namespace mlir {
class Operation;
}

namespace recur {

/// Replaces each operation inside `root` that has a twin in the llvm dialect.
/// Most of a kernel is such arithmetic, for which dialect conversion takes ten
/// times as long. What needs a conversion of types, or more than one operation,
/// stays as it is.
void lowerSimpleArithmetic(mlir::Operation *root);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_SIMPLEARITHMETIC_H
