//===-- compiler/Analysis/Jacobian.h - derivative of a step -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The derivative of a step by the states before it, with its structure: which
/// entries are not zero follows from the tangents that each op propagates.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_JACOBIAN_H
#define RECUR_COMPILER_ANALYSIS_JACOBIAN_H

#include "compiler/Analysis/Structure.h"

namespace recur {

/// d(new states) / d(states before the step).
struct Jacobian {
  AlgebraAttr structure; ///< null if there is a refusal
  /// Row and column dim of a block over a dim pair.
  std::optional<std::pair<mlir::StringAttr, mlir::StringAttr>> blockDims;
  /// Diagonal: one for each state. Block of k states: k x k, row-major. Block
  /// over a dim pair: one, which varies over both dims. Null: zero.
  llvm::SmallVector<mlir::Value> entries;
  std::optional<Refusal> refusal;
};

/// Differentiates `updates`, the new states, that the ops of `elements` compute
/// from the arguments of the block: the inputs of `op` and then each state one
/// step ago. The derivatives are new ops at the end of the block, which has no
/// terminator yet; they share the primal's values.
Jacobian differentiate(RecurrenceOpInterface op, mlir::Block &elements,
                       llvm::ArrayRef<mlir::Value> updates);

/// How the states of a step that is not affine depend on each other, by state.
struct StateParts {
  /// The states that depend on each other both ways have one number.
  llvm::SmallVector<unsigned> part;
  /// Whether a state's part is affine in its states once the others are known.
  llvm::SmallVector<bool> isLinear;
  /// Whether a state of any other part depends on one of an affine part.
  bool readsLinear = false;
};

/// Of the Jacobian that `newton` yields: the states of an affine part are those
/// of a scan, the others are to be iterated.
StateParts findParts(NewtonOp newton);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_JACOBIAN_H
