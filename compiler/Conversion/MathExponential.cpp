//===-- MathExponential.cpp - exp and the functions made of it ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// exp(x) = 2^n exp(r) with n = round(x / log 2) and r = x - n log 2 in two
/// parts (Cody and Waite 1980, chapter 6); exp2, expm1, tanh, sigmoid, silu.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/MathCoefficients.h"
#include "compiler/Conversion/MathFunctions.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace recur;
using namespace recur::math_coefficients;
using Predicate = arith::CmpFPredicate;

namespace {
/// x = n log 2 + r, |r| <= log(2) / 2.
struct Reduced {
  /// n as a float, and n + roundingShift(): n is in its low bits.
  Value n, shifted;
  Value r;
};
} // namespace

/// Reduces |x| < 2^10.
static Reduced reduceByLog2(MathBuilder &b, Value x) {
  ArrayRef<double> log2 = b.isF64 ? log2F64 : log2F32;
  Value shift = b.constant(b.roundingShift());
  Reduced reduced;
  reduced.shifted = b.fma(x, b.constant(1.4426950408889634), shift);
  reduced.n = b.sub(reduced.shifted, shift);
  Value high = b.fma(reduced.n, b.constant(-log2[0]), x);
  reduced.r = b.fma(reduced.n, b.constant(-log2[1]), high);
  return reduced;
}

/// exp(r) for |r| <= log(2) / 2. What is made of it has more to round: f32 then
/// has a polynomial of one degree more.
static Value expOfReduced(MathBuilder &b, Value r, bool isResult) {
  ArrayRef<double> coefficients = expm1F32;
  if (b.isF64)
    coefficients = expF64;
  else if (isResult)
    coefficients = expF32;
  Value one = b.constant(1);
  return b.fma(b.fma(b.polynomial(r, coefficients), r, one), r, one);
}

/// exp(r) - 1 for |r| <= log(2) / 2.
static Value expm1OfReduced(MathBuilder &b, Value r) {
  Value rest = b.isF64 ? b.polynomial(r, expF64) : b.polynomial(r, expm1F32);
  return b.fma(b.mul(r, r), rest, r);
}

/// 2^(n + extra) where that is a normal number.
static Value powerOfTwo(MathBuilder &b, const Reduced &reduced, int extra) {
  Value n = b.shiftLeft(b.toBits(reduced.shifted), b.significandBits);
  Value one = b.integer(uint64_t(b.bias + extra) << b.significandBits);
  return b.fromBits(b.addInteger(n, one));
}

/// value * 2^n, to infinity and through the denormals.
static Value scale(MathBuilder &b, Value value, const Reduced &reduced) {
  if (b.hasAvx512())
    return b.scaleByExponent(value, reduced.n);
  // In two steps, 2^floor(n/2) and the rest, as 2^n itself may not be normal.
  // The bits of the rounding shift above n leave at the top.
  Value bits = b.toBits(reduced.shifted);
  Value all = b.shiftLeft(bits, b.significandBits);
  Value half = b.shiftLeft(b.shiftRight(bits, 1), b.significandBits);
  Value one = b.integer(b.bitsOf(1));
  Value first = b.fromBits(b.addInteger(half, one));
  Value second = b.fromBits(b.addInteger(b.subInteger(all, half), one));
  return b.mul(b.mul(value, first), second);
}

/// exp(factor x) as 2^y, y rounded: a relative error of |y| 2^-25 and 2 units
/// in the last place.
static Value expQuickly(MathBuilder &b, Value x, double factor) {
  return b.callIntrinsic("llvm.nvvm.ex2.approx.ftz",
                         {b.mul(x, b.constant(factor * log2eF32[0]))});
}

/// exp(x) in f32 by the special-function unit, whose 2^y has an error of 2
/// units in the last place. y = x log2(e) is rounded; exp(x) = 2^y (1 + log(2)
/// (x log2(e)
/// - y)) to first order. Results under the smallest normal number are 0.
static Value expOnGpu(MathBuilder &b, Value x) {
  if (b.options.approximate)
    return expQuickly(b, x, 1);
  Value factor = b.constant(log2eF32[0]);
  Value bounded = b.atLeast(x, -110);
  // Not 128: that is infinite, but exp of some x that round to it is not.
  Value y = arith::MinNumFOp::create(b.builder, b.mul(bounded, factor),
                                     b.constant(0x1.fffffep6));
  Value rest =
      b.fma(bounded, b.constant(log2eF32[1]), b.fma(bounded, factor, b.neg(y)));
  Value power = b.callIntrinsic("llvm.nvvm.ex2.approx.ftz", {y});
  return b.fma(power, b.mul(rest, b.constant(0.6931471805599453)), power);
}

Value recur::buildExp(MathBuilder &b, Value x) {
  if (b.options.gpu && !b.isF64)
    return expOnGpu(b, x);
  // Bounds beyond which the result is 0 and infinity anyway.
  Value bounded =
      b.atMost(b.atLeast(x, b.isF64 ? -746 : -104), b.isF64 ? 710 : 89);
  Reduced reduced = reduceByLog2(b, bounded);
  return scale(b, expOfReduced(b, reduced.r, true), reduced);
}

Value recur::buildExpOfNegative(MathBuilder &b, Value x, bool isBounded) {
  if (b.options.gpu && !b.isF64)
    return expOnGpu(b, x);
  if (!isBounded)
    x = b.atLeast(x, b.isF64 ? -746 : -104);
  Reduced reduced = reduceByLog2(b, x);
  return scale(b, expOfReduced(b, reduced.r, false), reduced);
}

Value recur::buildExp2(MathBuilder &b, Value x) {
  if (b.options.gpu && !b.isF64)
    return b.callIntrinsic("llvm.nvvm.ex2.approx.ftz", {x});
  Value bounded =
      b.atMost(b.atLeast(x, b.isF64 ? -1076 : -151), b.isF64 ? 1025 : 129);
  Value shift = b.constant(b.roundingShift());
  Reduced reduced;
  reduced.shifted = b.add(bounded, shift);
  reduced.n = b.sub(reduced.shifted, shift);
  reduced.r = b.mul(b.sub(bounded, reduced.n), b.constant(0.6931471805599453));
  return scale(b, expOfReduced(b, reduced.r, true), reduced);
}

Value recur::buildExpm1(MathBuilder &b, Value x) {
  // Beyond the bounds the result rounds to -1 and overflows.
  Value bounded =
      b.atMost(b.atLeast(x, b.isF64 ? -38 : -18), b.isF64 ? 710 : 89);
  Reduced reduced = reduceByLog2(b, bounded);
  Value rest = expm1OfReduced(b, reduced.r);
  // Half of 2^n (exp(r) - 1) + (2^n - 1), as 2^n may overflow.
  Value power = powerOfTwo(b, reduced, -1);
  Value half = b.fma(power, rest, b.sub(power, b.constant(0.5)));
  return b.copySign(b.add(half, half), x);
}

/// tanh(x) = 1 - 2 / (exp(2x) + 1), also where that is infinite; a polynomial
/// where it cancels.
static Value tanhQuickly(MathBuilder &b, Value x) {
  Value one = b.constant(1);
  Value power = expQuickly(b, x, 2);
  Value reciprocal =
      b.callIntrinsic("llvm.nvvm.rcp.approx.ftz.f", {b.add(power, one)});
  Value large = b.fma(reciprocal, b.constant(-2), one);
  Value square = b.mul(x, x);
  Value small = b.fma(b.mul(x, square), b.polynomial(square, tanhQuick), x);
  Value isSmall = b.compare(Predicate::OLT, b.abs(x), b.constant(0.25));
  return b.select(isSmall, small, large);
}

/// tanh(|x|) = 1 - 2 / (exp(2|x|) + 1), a polynomial where that cancels.
static Value tanhOnGpu(MathBuilder &b, Value x) {
  if (b.options.coarse)
    return LLVM::TanhOp::create(b.builder, x.getType(), x,
                                LLVM::FastmathFlags::afn);
  if (b.options.quick)
    return tanhQuickly(b, x);
  Value magnitude = b.abs(x);
  Value doubled = b.add(magnitude, magnitude);
  Value one = b.constant(1);
  Value power = expOnGpu(b, b.atMost(doubled, 20));
  Value reciprocal =
      b.callIntrinsic("llvm.nvvm.rcp.approx.ftz.f", {b.add(power, one)});
  Value large = b.fma(reciprocal, b.constant(-2), one);
  Value square = b.mul(x, x);
  Value small =
      b.fma(b.mul(magnitude, square), b.polynomial(square, tanhF32), magnitude);
  Value isSmall = b.compare(Predicate::OLT, magnitude, b.constant(0.625));
  return b.copySign(b.select(isSmall, small, large), x);
}

Value recur::buildTanh(MathBuilder &b, Value x) {
  if (b.options.gpu && !b.isF64)
    return tanhOnGpu(b, x);
  // tanh(|x|) = E / (E + 2) with E = exp(2|x|) - 1, accurate for small x too;
  // the bound is where it rounds to 1.
  Value bounded = b.atMost(b.abs(x), b.isF64 ? 20 : 10);
  Reduced reduced = reduceByLog2(b, b.add(bounded, bounded));
  Value power = powerOfTwo(b, reduced, 0);
  Value numerator =
      b.fma(power, expm1OfReduced(b, reduced.r), b.sub(power, b.constant(1)));
  return b.copySign(b.div(numerator, b.add(numerator, b.constant(2))), x);
}

/// numerator / denominator with the denominator in [1, 2].
static Value divide(MathBuilder &b, Value numerator, Value denominator) {
  if (!b.options.gpu || b.isF64)
    return b.div(numerator, denominator);
  return b.mul(numerator,
               b.callIntrinsic("llvm.nvvm.rcp.approx.ftz.f", {denominator}));
}

/// numerator / (1 + exp(-x)); exp(-x) may be infinite.
static Value divideQuickly(MathBuilder &b, Value numerator, Value x) {
  Value power = expQuickly(b, x, -1);
  return b.mul(numerator, b.callIntrinsic("llvm.nvvm.rcp.approx.ftz.f",
                                          {b.add(power, b.constant(1))}));
}

Value recur::buildSigmoid(MathBuilder &b, Value x) {
  if ((b.options.approximate || b.options.quick) && !b.isF64)
    return divideQuickly(b, b.constant(1), x);
  // 1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, with e = exp(-|x|) <= 1.
  Value one = b.constant(1);
  Value power = buildExpOfNegative(b, b.neg(b.abs(x)));
  Value isPositive = b.compare(Predicate::OGE, x, b.constant(0));
  return divide(b, b.select(isPositive, one, power), b.add(one, power));
}

Value recur::buildSilu(MathBuilder &b, Value x) {
  if ((b.options.approximate || b.options.quick) && !b.isF64) {
    // The bound keeps the product finite at -infinity.
    Value bounded = b.atLeast(x, -110);
    return divideQuickly(b, bounded, bounded);
  }
  // As sigmoid; for x < 0 the numerator x e is scaled once, as e alone may be
  // denormal. The bound keeps it finite at -infinity.
  Value negative = b.atLeast(b.neg(b.abs(x)), b.isF64 ? -760 : -110);
  Value power, product;
  if (b.options.gpu && !b.isF64) {
    power = expOnGpu(b, negative);
    product = b.mul(negative, power);
  } else {
    Reduced reduced = reduceByLog2(b, negative);
    Value value = expOfReduced(b, reduced.r, false);
    power = scale(b, value, reduced);
    product = scale(b, b.mul(negative, value), reduced);
  }
  Value isPositive = b.compare(Predicate::OGE, x, b.constant(0));
  return divide(b, b.select(isPositive, x, product),
                b.add(power, b.constant(1)));
}

Value recur::buildAbs(MathBuilder &b, Value x) { return b.abs(x); }

Value recur::buildRelu(MathBuilder &b, Value x) { return b.atLeast(x, 0); }

Value recur::buildSqrt(MathBuilder &b, Value x) {
  if (b.options.gpu)
    return b.callIntrinsic(
        b.isF64 ? "llvm.nvvm.sqrt.rn.d" : "llvm.nvvm.sqrt.rn.f", {x});
  return LLVM::SqrtOp::create(b.builder, b.floatType, x);
}

Value recur::buildRsqrt(MathBuilder &b, Value x) {
  return b.div(b.constant(1), buildSqrt(b, x));
}
