//===-- Operations.h - the operators and functions of a spec ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Everything a spec can compute with: which names exist, how many operands
/// they take, on which dtypes they work, and their value on constants.
#ifndef RECUR_COMPILER_FRONTEND_OPERATIONS_H
#define RECUR_COMPILER_FRONTEND_OPERATIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <complex>
#include <optional>

namespace recur::spec {

enum class Operation {
  Add,
  Subtract,
  Multiply,
  Divide,
  Negate,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  And,
  Or,
  Not,
  Exp,
  Log,
  Log1p,
  Expm1,
  Sqrt,
  Tanh,
  Sigmoid,
  Softplus,
  Silu,
  Relu,
  Sin,
  Cos,
  Abs,
  Min,
  Max,
  LogAddExp,
  Select,
  Real,
  Imag,
  Conj,
  Complex,
};

enum class ReductionKind { Sum, Max, Min, LogSumExp };

/// What a function takes and gives.
enum class Signature {
  Real,        ///< numbers to a number; complex refused
  Number,      ///< numbers to a number
  Magnitude,   ///< a number to a real
  Select,      ///< bool, two of a kind to that kind
  ComplexPart, ///< complex to real
  ComplexOnly, ///< complex to complex
  MakeComplex, ///< two reals to complex
};

struct FunctionInfo {
  llvm::StringRef name;
  Operation operation;
  Signature signature;
  unsigned arity;
  /// min and max also take more than two operands.
  bool variadic = false;
};

/// All functions a spec can call, in the order messages list them.
llvm::ArrayRef<FunctionInfo> functions();
const FunctionInfo *findFunction(llvm::StringRef name);
std::optional<ReductionKind> findReduction(llvm::StringRef name);
llvm::ArrayRef<llvm::StringRef> reductionNames();

/// The value of an operation whose operands are all constants: real unless
/// `isComplex`. Booleans are 0 and 1.
std::complex<double> evaluate(Operation operation,
                              llvm::ArrayRef<std::complex<double>> operands,
                              bool isComplex);

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_OPERATIONS_H
