//===-- Signature.h - arguments of a recurrence in the C ABI ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The arguments of a compiled recurrence in their order in the C ABI: those of
/// its function, then its results.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_SIGNATURE_H
#define RECUR_COMPILER_CONVERSION_SIGNATURE_H

#include "dialect/IR/Recur.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace recur {

/// Name of the function-argument attribute that holds the spec's name of it.
inline constexpr llvm::StringLiteral kNameAttr = "recur.name";
/// Name of the function-argument attribute that holds its declared dims.
inline constexpr llvm::StringLiteral kDimsAttr = "recur.dims";

/// Numbers agree with recur_role in recur/runtime.h.
enum class Role { Input = 0, Segments = 1, Result = 2, Final = 3, Initial = 4 };

struct SignatureArgument {
  std::string name;
  Role role;
  mlir::Type element;
  llvm::SmallVector<int32_t> dims; // one for each axis, see Signature::dims

  bool isWritten() const { return role == Role::Result || role == Role::Final; }
};

/// A dim of the C ABI: those of the space, then dims that only arguments have
/// (the past steps of a history). A size of -1 is known at run time.
struct SignatureDim {
  std::string name;
  int64_t size;
};

/// An index other than a plain dim, at `axis` of `argument`: ((dim + offset) /
/// divisor) % modulus; dim -1: the constant `offset`; modulus 0: none.
struct SignatureAccess {
  int32_t argument, axis, dim;
  int64_t offset, divisor, modulus;
};

/// Splits an index expression of a map (axis and argument stay 0).
SignatureAccess splitIndex(mlir::AffineExpr expr);

struct Signature {
  std::string name;
  SpaceAttr space;
  llvm::SmallVector<SignatureDim> dims;
  llvm::SmallVector<SignatureArgument> arguments;
  llvm::SmallVector<SignatureAccess> accesses;

  /// Reads the signature off a function that holds one recurrence, scan or
  /// newton whose operands are the function's arguments and whose results it
  /// returns. Fails with a diagnostic for any other function.
  static mlir::FailureOr<Signature> get(mlir::func::FuncOp function);

  /// The one recurrence, scan or newton of `function`, or null.
  static RecurrenceOpInterface find(mlir::func::FuncOp function);
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_SIGNATURE_H
