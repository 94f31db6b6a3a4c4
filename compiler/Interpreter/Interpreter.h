//===-- compiler/Interpreter/Interpreter.h - sequential f64 semantics -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The reference interpreter: what a recurrence means, step after step in f64.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_INTERPRETER_H
#define RECUR_COMPILER_INTERPRETER_INTERPRETER_H

#include "dialect/IR/Recur.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <complex>
#include <cstdint>
#include <variant>
#include <vector>

namespace recur::interpreter {

/// A dense row-major array. Real, integer and boolean tensors are arrays of
/// doubles (true is 1), complex ones arrays of pairs of doubles.
struct Array {
  using Real = std::vector<double>;
  using Complex = std::vector<std::complex<double>>;

  std::vector<int64_t> shape;
  std::variant<Real, Complex> data;

  /// An array of zeros.
  static Array zeros(std::vector<int64_t> shape, bool isComplex = false);

  bool isComplex() const { return std::holds_alternative<Complex>(data); }
  int64_t size() const;
  Real &real() { return std::get<Real>(data); }
  const Real &real() const { return std::get<Real>(data); }
  Complex &complex() { return std::get<Complex>(data); }
  const Complex &complex() const { return std::get<Complex>(data); }
};

struct Options {
  /// Threads to use; 0: as many as the machine has.
  unsigned threads = 0;
};

/// Runs `function`, whose body is one recur.recurrence, recur.scan or
/// recur.newton and a return, and gives its results. All arithmetic is f64
/// whatever the types say; nothing is rounded to storage. A scan runs its two
/// operators one step after the other, a newton its step.
///
/// Arguments with a wrong rank, size or kind, lengths of packed sequences that
/// do not fit, and ops without known semantics are diagnosed on `function`'s
/// location or the op's; then the result is failure.
mlir::FailureOr<std::vector<Array>> interpret(mlir::func::FuncOp function,
                                              llvm::ArrayRef<Array> arguments,
                                              const Options &options = {});

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_INTERPRETER_H
