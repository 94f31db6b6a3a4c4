//===-- dialect/IR/StepModels.h - shorthand for step models -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Base classes of the models of StepOpInterface for ops of other dialects.
//===----------------------------------------------------------------------===//
#ifndef RECUR_DIALECT_IR_STEPMODELS_H
#define RECUR_DIALECT_IR_STEPMODELS_H

#include "dialect/IR/Scalars.h"

namespace recur {

using MaybeValue = mlir::FailureOr<mlir::Value>;

/// A model of `OpT`: an op without a derivative (a constant, a comparison,
/// bool arithmetic) unless a derived class says more.
template <typename ModelT, typename OpT>
struct StepModel : StepOpInterface::ExternalModel<ModelT, OpT> {};

/// f(x) whose derivative `ModelT::derivative(builder, loc, op, x, t)` is
/// written in terms of the operand x and its tangent t.
template <typename ModelT, typename OpT>
struct UnaryModel : StepModel<ModelT, OpT> {
  MaybeValue pushforward(mlir::Operation *op, mlir::OpBuilder &builder,
                         mlir::ValueRange operands,
                         llvm::ArrayRef<mlir::Value> tangents) const {
    if (!tangents[0])
      return mlir::Value();
    return ModelT::derivative(builder, op->getLoc(), op, operands[0],
                              tangents[0]);
  }
};

/// A map that is linear in all its operands together: its derivative is the op
/// itself on the tangents.
template <typename ModelT, typename OpT>
struct LinearModel : StepModel<ModelT, OpT> {
  MaybeValue pushforward(mlir::Operation *op, mlir::OpBuilder &builder,
                         mlir::ValueRange,
                         llvm::ArrayRef<mlir::Value> tangents) const {
    return evaluateWithZeros(op, builder, tangents);
  }
  MaybeValue evaluateWithZeros(mlir::Operation *op, mlir::OpBuilder &builder,
                               llvm::ArrayRef<mlir::Value> operands) const {
    if (llvm::none_of(operands, [](mlir::Value v) { return bool(v); }))
      return mlir::Value();
    return cloneWithZeros(op, builder, operands);
  }
};

/// `op` again on `x`: the value f(x), which CSE merges with the primal.
inline mlir::Value rebuild(mlir::OpBuilder &builder, mlir::Operation *op,
                           mlir::Value x) {
  return x == op->getOperand(0) ? op->getResult(0)
                                : cloneWithZeros(op, builder, x);
}

/// Attaches the models of complex ops; part of registerStepModels.
void registerComplexStepModels(mlir::DialectRegistry &registry);

} // namespace recur

#endif // RECUR_DIALECT_IR_STEPMODELS_H
