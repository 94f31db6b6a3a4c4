//===-- dialect/IR/Monoids.h - what a monoid computes -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds the arithmetic of a user's monoid.
//===----------------------------------------------------------------------===//
#ifndef RECUR_DIALECT_IR_MONOIDS_H
#define RECUR_DIALECT_IR_MONOIDS_H

#include "dialect/IR/Recur.h"

namespace recur {

/// The members of the tuple that `monoid` makes of two tuples.
llvm::SmallVector<mlir::Value> buildCombination(mlir::OpBuilder &builder,
                                                MonoidOp monoid,
                                                mlir::ValueRange earlier,
                                                mlir::ValueRange later);

} // namespace recur

#endif // RECUR_DIALECT_IR_MONOIDS_H
