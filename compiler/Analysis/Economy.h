//===-- compiler/Analysis/Economy.h - states that need not be ---*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Removes states that carry nothing from step to step which inputs or other
/// states do not have.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_ECONOMY_H
#define RECUR_COMPILER_ANALYSIS_ECONOMY_H

#include "dialect/IR/Recur.h"

#include "llvm/ADT/SmallBitVector.h"

namespace recur {

/// Discardable attribute of a scan: what was removed, a text for each.
inline constexpr llvm::StringLiteral kRemovedAttr = "recur.removed";
void setRemoved(mlir::Operation *op, llvm::ArrayRef<std::string> texts);

/// Whether `removeStates` may find something: cheap, and true for few.
bool mayRemoveStates(RecurrenceOp step);

/// Removes from `step`
/// - states that always equal another one,
/// - states that are an input one or more steps ago: the input is read there,
/// - states that no later step reads and no result returns.
/// Returns a text for each, such as "state 'd' is x one step ago".
llvm::SmallVector<std::string> removeStates(RecurrenceOp step);

/// A decay that is the exponential of `sum`, or of `sum` times `rate`; the sums
/// of several steps' exponents are those of the product of their decays.
struct Decay {
  mlir::Value sum, rate;
};

/// What a decay is the exponential of; no sum if it is none. `rate` is set
/// apart if it does not vary over `time`, and `sum` over no dim but those in
/// `shared`.
Decay getDecay(mlir::Value decay, unsigned time,
               const llvm::SmallBitVector &shared,
               llvm::function_ref<llvm::SmallBitVector(mlir::Value)> getDims);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_ECONOMY_H
