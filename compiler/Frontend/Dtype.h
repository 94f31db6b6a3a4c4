//===-- Dtype.h - element types of the spec language ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The element types of a spec and the rules by which they meet in arithmetic.
#ifndef RECUR_COMPILER_FRONTEND_DTYPE_H
#define RECUR_COMPILER_FRONTEND_DTYPE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace recur::spec {

enum class Dtype {
  Bool,
  I8,
  I32,
  I64,
  F16,
  BF16,
  F32,
  F64,
  C64,
  C128,
  /// A constant that has not met a declared dtype: it takes the precision of
  /// whatever it meets, so that `0.1 * x` is exact for an f64 x. f32 (c64) if
  /// it meets nothing.
  AnyReal,
  AnyComplex,
};

/// The name as a spec writes it; `number` for the dtype of a constant.
llvm::StringRef name(Dtype dtype);
std::optional<Dtype> dtypeFromName(llvm::StringRef name);
/// The names a spec can write, for messages.
llvm::ArrayRef<llvm::StringRef> dtypeNames();

bool isInteger(Dtype dtype);  ///< i8, i32, i64
bool isReal(Dtype dtype);     ///< f16 ... f64 and real constants
bool isComplex(Dtype dtype);  ///< c64, c128 and complex constants
bool isConstant(Dtype dtype); ///< AnyReal, AnyComplex

/// What a value of this dtype is computed in: integers, f16 and bf16 in f32.
/// Bool stays bool.
Dtype computeDtype(Dtype dtype);
/// The dtype in which two numbers meet: f64 wins over f32, complex over real.
/// Both must be numbers.
Dtype promote(Dtype a, Dtype b);
/// The dtype of the real and imaginary parts; a real dtype itself.
Dtype realPart(Dtype dtype);
/// The complex dtype with parts of this real dtype; a complex dtype itself.
Dtype complexOf(Dtype dtype);
/// f32 and c64 for constants, everything else unchanged.
Dtype settled(Dtype dtype);

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_DTYPE_H
