//===-- dialect/IR/Scalars.h - scalar arithmetic for any type ---*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds scalar arithmetic that works alike for real, complex and bool values,
/// and the two operators of each semiring. A null value is an exact zero.
//===----------------------------------------------------------------------===//
#ifndef RECUR_DIALECT_IR_SCALARS_H
#define RECUR_DIALECT_IR_SCALARS_H

#include "dialect/IR/Recur.h"

namespace recur {

/// The constant `value` of a float, complex (real part) or integer type.
mlir::Value buildConstant(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Type type, double value);
/// A literal as StateAttr holds it: a typed attribute, or a pair if complex.
mlir::Value buildLiteral(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Type type, mlir::Attribute literal);

/// x + y, x - y, x * y, x / y, -x of one float or complex type. Null is zero;
/// products with the constant one fold.
mlir::Value buildAdd(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x, mlir::Value y);
mlir::Value buildSub(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x, mlir::Value y);
mlir::Value buildMul(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x, mlir::Value y);
mlir::Value buildDiv(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x, mlir::Value y);
mlir::Value buildNeg(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x);
/// condition ? x : y, where null is zero; null if both are.
mlir::Value buildSelect(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value condition, mlir::Value x, mlir::Value y);
/// `value` != 0 as an i1, for a bool, integer or float; NaN is not zero.
mlir::Value buildIsNonzero(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value value);

/// Whether `value` is the constant `expected` (with an imaginary part of 0).
bool isConstant(mlir::Value value, double expected);

/// x (+) y, x (x) y and their neutral elements in `semiring`.
mlir::Value buildSemiringSum(mlir::OpBuilder &builder, mlir::Location loc,
                             Semiring semiring, mlir::Value x, mlir::Value y);
mlir::Value buildSemiringProduct(mlir::OpBuilder &builder, mlir::Location loc,
                                 Semiring semiring, mlir::Value x,
                                 mlir::Value y);
mlir::Value buildSemiringZero(mlir::OpBuilder &builder, mlir::Location loc,
                              Semiring semiring, mlir::Type type);
mlir::Value buildSemiringOne(mlir::OpBuilder &builder, mlir::Location loc,
                             Semiring semiring, mlir::Type type);
/// The (+) of `value` over `dim`.
mlir::Value buildSemiringReduction(mlir::OpBuilder &builder, mlir::Location loc,
                                   Semiring semiring, mlir::Value value,
                                   mlir::StringAttr dim);
/// The neutral elements as numbers (a bool's: 0 and 1).
double getSemiringZero(Semiring semiring);
double getSemiringOne(Semiring semiring);
/// Whether `value` is the constant zero or one of the semiring.
bool isSemiringZero(Semiring semiring, mlir::Value value);
bool isSemiringOne(Semiring semiring, mlir::Value value);
/// Whether (x) is the addition of numbers.
bool isProductAddition(Semiring semiring);

} // namespace recur

#endif // RECUR_DIALECT_IR_SCALARS_H
