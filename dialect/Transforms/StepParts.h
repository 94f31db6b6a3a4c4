//===-- dialect/Transforms/StepParts.h - a step taken apart -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What recur-classify and recur-linearize make of a recurrence in the same
/// way: the inputs of both regions, the states before a step as a reset leaves
/// them, and the readout.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TRANSFORMS_STEPPARTS_H
#define RECUR_TRANSFORMS_STEPPARTS_H

#include "dialect/IR/Recur.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"

namespace recur {

/// Copies values of one region into another, with all that they need.
class SliceCloner {
public:
  SliceCloner(mlir::OpBuilder &builder) : builder(builder) {}
  void map(mlir::Value from, mlir::Value to) { mapping.map(from, to); }
  mlir::Value clone(mlir::Value value);

private:
  mlir::OpBuilder &builder;
  mlir::IRMapping mapping;
};

class StepParts {
public:
  /// Of `step`; new ops are made where `builder` stands.
  StepParts(RecurrenceOp step, mlir::OpBuilder &builder);

  /// A reset needs the start values at every step, so their tensors are read as
  /// inputs too.
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<mlir::Attribute> maps;
  llvm::SmallVector<int32_t> histories;

  /// A block for `region` with an argument for each input, then `copies` for
  /// each state, and the builder at its end.
  mlir::Block *createBlock(mlir::Region &region, unsigned copies);
  /// The start of `state` in a block with the inputs as arguments.
  mlir::Value buildStart(mlir::Block &block, StateAttr state);
  /// Whether the element of the reset is not zero; null: there is no reset.
  mlir::Value buildReset(mlir::Block &block);
  /// Makes the step's arguments and the states of earlier steps, as a reset
  /// leaves them, those of `block`, where `getArgument` names the latter by
  /// state and lag.
  void
  mapLeaves(SliceCloner &cloner, mlir::Block &block,
            llvm::function_ref<mlir::Value(unsigned, unsigned)> getArgument);
  /// The outputs; `lags` earlier values of each state are arguments. New states
  /// in `isRead` are read, not computed again.
  void buildReadout(mlir::Region &region, unsigned lags,
                    llvm::ArrayRef<bool> isRead);

private:
  RecurrenceOp step;
  mlir::OpBuilder &builder;
  /// For each init the number of the input it became, or -1.
  llvm::SmallVector<int> initInputs;
};

/// The canonicalizations of all ops of a step.
mlir::FrozenRewritePatternSet getStepPatterns(mlir::MLIRContext *context);

/// Folds, drops dead code and merges equal values in both regions.
void simplify(ScanLikeOpInterface op,
              const mlir::FrozenRewritePatternSet &patterns);

/// Hands every recurrence below `op` to `rewrite`, which may replace it.
mlir::LogicalResult rewriteRecurrences(
    mlir::Operation *op,
    llvm::function_ref<mlir::LogicalResult(RecurrenceOp)> rewrite);

} // namespace recur

#endif // RECUR_TRANSFORMS_STEPPARTS_H
