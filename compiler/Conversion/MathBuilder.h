//===-- compiler/Conversion/MathBuilder.h - arithmetic on floats *- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds arithmetic on f32 or f64 scalars and vectors, on their bits, and with
/// the instructions of a target, for the expansion of functions.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_MATHBUILDER_H
#define RECUR_COMPILER_CONVERSION_MATHBUILDER_H

#include "compiler/Conversion/ExpandMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace recur {

/// Arithmetic on values of one type: f32, f64 or a rank-1 vector of either.
/// Integers have the width of the float.
class MathBuilder {
public:
  MathBuilder(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type,
              const ExpandMathOptions &options);

  const bool isF64;
  const ExpandMathOptions options;
  /// Bits of the stored significand, and the exponent's bias.
  const unsigned significandBits;
  const int bias;
  mlir::Type floatType, integerType;
  mlir::ImplicitLocOpBuilder builder;

  /// `type` with the element type replaced.
  mlir::Type withElement(mlir::Type element) const;
  /// The same arithmetic on f64 where this is on f32.
  MathBuilder inF64();

  mlir::Value constant(double value);
  mlir::Value integer(uint64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  /// a * b + c, rounded once where the target has the instruction.
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::Value neg(mlir::Value a);
  mlir::Value abs(mlir::Value a);
  /// |magnitude| with the sign of `sign`.
  mlir::Value copySign(mlir::Value magnitude, mlir::Value sign);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a,
                      mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  /// The larger (smaller) of x and a bound; NaN for NaN.
  mlir::Value atLeast(mlir::Value x, double bound);
  mlir::Value atMost(mlir::Value x, double bound);
  /// coefficients[0] + coefficients[1] x + ... by Horner's rule.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients);

  mlir::Value toBits(mlir::Value a);
  mlir::Value fromBits(mlir::Value a);
  mlir::Value addInteger(mlir::Value a, mlir::Value b);
  mlir::Value subInteger(mlir::Value a, mlir::Value b);
  mlir::Value mulInteger(mlir::Value a, mlir::Value b);
  mlir::Value bitAnd(mlir::Value a, mlir::Value b);
  mlir::Value bitOr(mlir::Value a, mlir::Value b);
  mlir::Value bitXor(mlir::Value a, mlir::Value b);
  mlir::Value shiftLeft(mlir::Value a, unsigned bits);
  mlir::Value shiftRight(mlir::Value a, unsigned bits);

  /// The bits of the float 1.0, and of `value`.
  uint64_t bitsOf(double value) const;
  /// 1.5 * 2^significandBits: adding it rounds to an integer, which is
  /// then in the low bits.
  double roundingShift() const;

  /// Whether the type fills a vector register of AVX-512.
  bool hasAvx512() const;
  /// a * 2^floor(n), gradual underflow and overflow (AVX-512 only).
  mlir::Value scaleByExponent(mlir::Value a, mlir::Value n);
  /// floor(log2(|a|)) as a float, and the significand in [3/4, 3/2), NaN if
  /// negative (AVX-512 only).
  mlir::Value exponent(mlir::Value a);
  mlir::Value significand(mlir::Value a);

  /// Whether an instruction looks up each lane in a table of 32 numbers.
  bool hasTables() const;
  /// table[index mod 32] (where `hasTables`).
  mlir::Value lookUp(llvm::ArrayRef<double> table, mlir::Value index);

  /// Calls an intrinsic of LLVM that has the float type as its result.
  mlir::Value callIntrinsic(llvm::StringRef name, mlir::ValueRange arguments);

private:
  mlir::Value callAvx512(llvm::StringRef name, mlir::ValueRange arguments);
  mlir::Value llvmConstant(unsigned width, int64_t value);
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_MATHBUILDER_H
