//===-- compiler/Analysis/Structure.h - structure of a step -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Decides over which algebra a step is affine and with which structure.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_STRUCTURE_H
#define RECUR_COMPILER_ANALYSIS_STRUCTURE_H

#include "compiler/Analysis/Forms.h"

namespace recur {

/// Why a step is no scan: where in the spec and what is wrong there.
struct Refusal {
  mlir::Location loc;
  std::string message;
};

/// A step taken apart. The values lie in `step`, a copy of the recurrence.
struct Classification {
  mlir::OwningOpRef<RecurrenceOp> step;
  AlgebraAttr algebra; ///< null if there is a refusal
  /// Row and column dim of a block over a dim pair.
  std::optional<std::pair<mlir::StringAttr, mlir::StringAttr>> blockDims;
  /// The operator of a monoid, and whether a step's element comes before the
  /// states.
  MonoidOp monoid;
  bool prepends = false;
  /// What `recur.scan` yields for this algebra; null: the semiring's zero.
  llvm::SmallVector<mlir::Value> elements;
  /// For each state whether its new value depends on any earlier one.
  llvm::SmallVector<bool> dependsOnState;
  /// The states that were removed before, a text for each.
  llvm::SmallVector<std::string> removed;
  std::optional<Refusal> refusal;
  /// The structure was found, and the refusal is for something else.
  bool isFinal = false;
  /// Whether the step is not affine and its states are f32 or f64: one for
  /// Newton's method.
  bool isNonlinear = false;
};

/// Gives each value of more than one step ago a state of its own, which is
/// where one step ago the state of one step less was.
void spreadLags(RecurrenceOp step);

/// Whether some state is read, or returned, as it was before the last step.
bool hasLags(RecurrenceOp recurrence);

/// Tries the reals and then the other semirings.
Classification classify(RecurrenceOp recurrence);

/// Whether the two states of `scan` are the parts of one complex number, which
/// its steps multiply by another: a11 = a22 and a12 = -a21.
bool isRotation(ScanLikeOpInterface scan);

/// Why no kernels exist for `scan`, or nothing.
std::optional<std::string> findUnsupported(AlgebraAttr algebra,
                                           RecurrenceOpInterface recurrence);

/// A name for messages and remarks: `diagonal over max_plus`, `block 2`.
std::string describe(AlgebraAttr algebra);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_STRUCTURE_H
