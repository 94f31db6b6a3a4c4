//===-- compiler/Conversion/MathFunctions.h ---------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The expansions of the functions, for any target that a MathBuilder has.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_MATHFUNCTIONS_H
#define RECUR_COMPILER_CONVERSION_MATHFUNCTIONS_H

#include "compiler/Conversion/MathBuilder.h"

namespace recur {

mlir::Value buildExp(MathBuilder &b, mlir::Value x);
/// exp(x) for x <= 0, which is normal if `isBounded`.
mlir::Value buildExpOfNegative(MathBuilder &b, mlir::Value x,
                               bool isBounded = false);
mlir::Value buildExp2(MathBuilder &b, mlir::Value x);
mlir::Value buildExpm1(MathBuilder &b, mlir::Value x);
mlir::Value buildTanh(MathBuilder &b, mlir::Value x);
mlir::Value buildSigmoid(MathBuilder &b, mlir::Value x);
mlir::Value buildSilu(MathBuilder &b, mlir::Value x);

mlir::Value buildLog(MathBuilder &b, mlir::Value x);
mlir::Value buildLog1p(MathBuilder &b, mlir::Value x);
mlir::Value buildSoftplus(MathBuilder &b, mlir::Value x);
mlir::Value buildLogAddExp(MathBuilder &b, mlir::Value x, mlir::Value y);

mlir::Value buildSin(MathBuilder &b, mlir::Value x);
mlir::Value buildCos(MathBuilder &b, mlir::Value x);

mlir::Value buildAbs(MathBuilder &b, mlir::Value x);
mlir::Value buildRelu(MathBuilder &b, mlir::Value x);
mlir::Value buildSqrt(MathBuilder &b, mlir::Value x);
mlir::Value buildRsqrt(MathBuilder &b, mlir::Value x);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_MATHFUNCTIONS_H
