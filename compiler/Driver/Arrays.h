//===-- Arrays.h - arrays for the arguments of a recurrence -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Fits arrays to the arguments of a recurrence: dtypes, the sizes of indices,
/// the shapes of results, and the arrays of the reference interpreter.
#ifndef RECUR_COMPILER_DRIVER_ARRAYS_H
#define RECUR_COMPILER_DRIVER_ARRAYS_H

#include "compiler/Conversion/Signature.h"
#include "compiler/Interpreter/Interpreter.h"
#include "llvm/Support/Error.h"
#include <recur/tensor.h>
#include <vector>

namespace recur {

/// True for arguments that a call writes.
inline bool isWritten(const SignatureArgument &argument) {
  return argument.role == Role::Result || argument.role == Role::Final;
}

/// The dtype of an argument's elements.
Dtype dtypeOf(mlir::Type element);

/// The arguments of one call.
class Arrays {
public:
  explicit Arrays(const Signature &signature);

  /// Gives argument `number` an array. An f32 array is rounded for a bf16
  /// argument, any other difference is an error that names both, as is a size
  /// that another argument has given differently. `origin` says in messages
  /// where the array is from.
  llvm::Error set(unsigned number, Tensor tensor, llvm::StringRef origin);
  /// Makes the results, after all other arguments have been set.
  llvm::Error allocateResults();

  const Tensor &operator[](unsigned number) const { return tensors[number]; }
  Tensor &operator[](unsigned number) { return tensors[number]; }
  unsigned size() const { return tensors.size(); }

  /// Bytes of all arrays together.
  int64_t bytes() const;
  /// `u[b, t, d]: bf16`, with static sizes.
  std::string describe(unsigned number) const;

private:
  const Signature &signature;
  std::vector<Tensor> tensors;
  /// Of each dim: its size or -1, and what gave it.
  std::vector<int64_t> sizes;
  std::vector<std::string> sources;
};

/// The array of f64 or c128 that the interpreter reads.
interpreter::Array toInterpreter(const Tensor &tensor);
/// Rounds to `dtype`.
Tensor fromInterpreter(const interpreter::Array &array, Dtype dtype);

/// ||found - expected|| / ||expected||, or ||found - expected|| where expected
/// is zero. Equal infinities and two NaNs do not differ; any other pair that
/// is not finite gives infinity.
double relativeError(const Tensor &found, const interpreter::Array &expected);

/// The relative error a correct result may have: that of the coarsest of its
/// dtype and the states'.
double tolerance(Dtype result, llvm::ArrayRef<Dtype> states);

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_ARRAYS_H
