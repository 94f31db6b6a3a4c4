//===-- Emitter.h - a checked spec as IR ------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Translates a checked recurrence into `recur.recurrence`. Private to the
/// front end; callers use Frontend.h.
#ifndef RECUR_COMPILER_FRONTEND_EMITTER_H
#define RECUR_COMPILER_FRONTEND_EMITTER_H

#include "compiler/Frontend/Program.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"

namespace recur::spec {

/// Turns places in the spec into locations of the IR.
using Locate = llvm::function_ref<mlir::Location(llvm::SMLoc)>;

/// The element type that stands for a dtype of a tensor.
mlir::Type elementType(mlir::MLIRContext *context, Dtype dtype);

/// Appends the function of `recurrence` at the insertion point.
mlir::func::FuncOp emitRecurrence(mlir::OpBuilder &builder,
                                  const Recurrence &recurrence, Locate locate);

/// Appends the `recur.monoid` of `monoid` at the insertion point.
void emitMonoid(mlir::OpBuilder &builder, const Monoid &monoid, Locate locate);

/// Emits the operations of a step at the insertion point of `builder`. Operands
/// are all of the dtypes that the checker has decided on.
mlir::Value emitOperation(mlir::OpBuilder &builder, mlir::Location loc,
                          const Value &value, mlir::ValueRange operands);
mlir::Value emitConversion(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value operand, Dtype from, Dtype to);
mlir::Value emitLiteral(mlir::OpBuilder &builder, mlir::Location loc,
                        std::complex<double> literal, Dtype dtype);

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_EMITTER_H
