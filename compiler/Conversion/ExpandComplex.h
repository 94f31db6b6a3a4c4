//===-- ExpandComplex.h - complex arithmetic to real ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Rewrites the complex arithmetic in the regions of a scan to arithmetic on
/// real and imaginary parts.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_EXPANDCOMPLEX_H
#define RECUR_COMPILER_CONVERSION_EXPANDCOMPLEX_H

#include "dialect/IR/Recur.h"

namespace recur {

/// Leaves complex values only as arguments of the regions, whose parts
/// complex.re and complex.im take, and as what complex.create makes for the
/// terminators. Fails with a diagnostic for a function without an expansion.
mlir::LogicalResult expandComplex(ScanLikeOpInterface scan);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_EXPANDCOMPLEX_H
