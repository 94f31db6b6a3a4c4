//===-- compiler/Interpreter/Kernels.h - one op over an array -*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The arithmetic of every operation of a step, as loops over arrays.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_KERNELS_H
#define RECUR_COMPILER_INTERPRETER_KERNELS_H

#include "compiler/Interpreter/LoopNest.h"
#include "dialect/IR/Recur.h"

namespace recur::interpreter {

/// The loop that evaluates `op` element by element, or null if `op` has no
/// known semantics.
Kernel getElementwiseKernel(mlir::Operation *op);

/// Loops of a reduction. `accumulate` adds the second array to the first;
/// `finish` makes the result (first) out of it and the running sums (second).
struct ReductionKernels {
  double identity;
  Kernel accumulate;
  /// logsumexp only: sums exp(x - max) of x (third) and max (second).
  Kernel accumulateExp = nullptr;
  Kernel finish = nullptr;
};
/// Null `accumulate` if the reduction does not exist for complex numbers.
ReductionKernels getReductionKernels(ReductionKind kind, bool isComplex);

/// Copies the second array to the first.
Kernel getCopyKernel(bool isComplex);
/// Copies the third array to the first where the second (real) is not zero.
Kernel getResetKernel(bool isComplex);

/// Copies the third array (real) to the first where the second is not zero, the
/// fourth elsewhere.
Kernel getChooseKernel();

/// The loops (+) and (x) of a semiring, of two operands.
Kernel getSemiringSum(Semiring semiring, bool isComplex);
Kernel getSemiringProduct(Semiring semiring, bool isComplex);

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_KERNELS_H
