//===-- PairValues.h - complex numbers in kernels ---------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// In kernels a complex number is a struct of its real and imaginary part, and
/// a vector of complex numbers a struct of two vectors.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_PAIRVALUES_H
#define RECUR_COMPILER_CONVERSION_PAIRVALUES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace recur {

/// The type of a number of type `element` in kernels; with `lanes`, of so many.
mlir::Type getKernelType(mlir::Type element, int64_t lanes = 0);
bool isPair(mlir::Type type);
/// The type of a part of a pair, or `type` itself.
mlir::Type getPartType(mlir::Type type);
/// Bytes of a number in memory; of one lane, if it is a vector.
int64_t getBytes(mlir::Type type);
/// Whether a value is a vector or a pair of vectors.
bool isVector(mlir::Type type);

mlir::Value getPart(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value pair, unsigned part);
mlir::Value makePair(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value re, mlir::Value im);

/// What `apply` makes of values: of each part in turn, if they are pairs.
mlir::Value
mapParts(mlir::OpBuilder &builder, mlir::Location loc,
         llvm::ArrayRef<mlir::Value> values,
         llvm::function_ref<mlir::Value(llvm::ArrayRef<mlir::Value>)> apply);
/// condition ? x : y, lane by lane if the condition is a vector.
mlir::Value selectParts(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value condition, mlir::Value x, mlir::Value y);

/// `value` as a vector of `width` elements, broadcast if it is a scalar.
mlir::Value toVector(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value value, int64_t width);
/// The constant `value` (with an imaginary part of zero) of a number, a vector
/// or a pair.
mlir::Value makeNumber(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Type type, double value);
/// A literal as StateAttr holds it, as a number.
mlir::Value makeLiteral(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Attribute literal);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_PAIRVALUES_H
