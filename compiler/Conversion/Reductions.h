//===-- Reductions.h - reductions as arithmetic -----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The steps of a recur.reduce.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_REDUCTIONS_H
#define RECUR_COMPILER_CONVERSION_REDUCTIONS_H

#include "dialect/IR/Recur.h"

namespace recur {

/// The identity of a reduction as a constant of `type` (scalar or vector).
mlir::Value createReductionIdentity(mlir::OpBuilder &builder,
                                    mlir::Location loc, ReductionKind kind,
                                    mlir::Type type);
/// One step of a reduction.
mlir::Value createReductionStep(mlir::OpBuilder &builder, mlir::Location loc,
                                ReductionKind kind, mlir::Value accumulator,
                                mlir::Value value);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_REDUCTIONS_H
