//===-- MathLogarithm.cpp - log and the functions made of it --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// log(x) = e log 2 + log(1 + f) with x = 2^e (1 + f), 3/4 <= 1 + f < 3/2;
/// log1p, softplus, logaddexp.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/MathCoefficients.h"
#include "compiler/Conversion/MathFunctions.h"

#include <limits>

using namespace mlir;
using namespace recur;
using namespace recur::math_coefficients;
using Predicate = arith::CmpFPredicate;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

/// e log 2 + log(1 + f) for -1/4 <= f < 1/2.
static Value logOfReduced(MathBuilder &b, Value f, Value e) {
  ArrayRef<double> log2 = b.isF64 ? log2F64 : log2F32;
  Value square = b.mul(f, f);
  Value low = b.mul(e, b.constant(log2[1]));
  Value rest;
  if (b.isF64) {
    // log(1 + f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + z c(z))).
    Value half = b.mul(square, b.constant(0.5));
    Value s = b.div(f, b.add(f, b.constant(2)));
    Value z = b.mul(s, s);
    Value series = b.fma(z, b.polynomial(z, logF64), half);
    rest = b.sub(b.fma(s, series, low), half);
  } else {
    Value series = b.polynomial(f, logF32);
    rest = b.fma(b.mul(square, f), series, low);
    rest = b.fma(square, b.constant(-0.5), rest);
  }
  return b.fma(e, b.constant(log2[0]), b.add(f, rest));
}

/// e + bias in the exponent field and zeros below, for a normal x > 0.
static Value exponentField(MathBuilder &b, Value bits) {
  // Adding half a unit of the exponent rounds significands from 3/2 up.
  uint64_t half = uint64_t(1) << (b.significandBits - 1);
  uint64_t mask = ~((uint64_t(1) << b.significandBits) - 1);
  return b.bitAnd(b.addInteger(bits, b.integer(half)), b.integer(mask));
}

/// The exponent of a field as a float.
static Value exponentOf(MathBuilder &b, Value field) {
  // The integer put under the exponent of 2^significandBits is that much more.
  double power = b.isF64 ? 0x1p52 : 0x1p23;
  Value integer = b.bitOr(b.shiftRight(field, b.significandBits),
                          b.integer(b.bitsOf(power)));
  return b.sub(b.fromBits(integer), b.constant(power + b.bias));
}

/// NaN under 0, -infinity at 0 and x where x is infinite or NaN, else value.
static Value fixLog(MathBuilder &b, Value value, Value x, Value argument) {
  Value zero = b.constant(0);
  value = b.select(b.compare(Predicate::OLT, argument, b.constant(infinity)),
                   value, x);
  value = b.select(b.compare(Predicate::OEQ, argument, zero),
                   b.constant(-infinity), value);
  return b.select(b.compare(Predicate::OLT, argument, zero),
                  b.constant(notANumber), value);
}

Value recur::buildLog(MathBuilder &b, Value x) {
  Value one = b.constant(1);
  if (b.hasAvx512()) {
    // Right for zeros, denormals, infinities and negative arguments.
    Value significand = b.significand(x);
    Value e = b.sub(b.exponent(x), b.exponent(significand));
    return logOfReduced(b, b.sub(significand, one), e);
  }
  double smallest = b.isF64 ? 0x1p-1022 : 0x1p-126;
  double up = b.isF64 ? 0x1p54 : 0x1p25;
  Value isDenormal = b.compare(Predicate::OLT, x, b.constant(smallest));
  Value normal = b.select(isDenormal, b.mul(x, b.constant(up)), x);
  Value down =
      b.select(isDenormal, b.constant(b.isF64 ? 54 : 25), b.constant(0));
  Value bits = b.toBits(normal);
  Value field = exponentField(b, bits);
  Value e = b.sub(exponentOf(b, field), down);
  Value significand = b.fromBits(
      b.addInteger(b.subInteger(bits, field), b.integer(b.bitsOf(1))));
  Value value = logOfReduced(b, b.sub(significand, one), e);
  return fixLog(b, value, x, x);
}

Value recur::buildLog1p(MathBuilder &b, Value x) {
  Value sum = b.add(x, b.constant(1));
  Value field = exponentField(b, b.toBits(sum));
  // f = 2^-e x + (2^-e - 1) is rounded once, where 1 + x may have lost all of
  // x. With 2^(2-e), as 2^-e may be denormal.
  Value power = b.fromBits(b.subInteger(
      b.integer(uint64_t(2 * b.bias + 2) << b.significandBits), field));
  Value quarter = b.constant(0.25);
  Value f = b.fma(b.mul(x, quarter), power,
                  b.sub(b.mul(power, quarter), b.constant(1)));
  Value value = fixLog(b, logOfReduced(b, f, exponentOf(b, field)), x, sum);
  Value isTiny = b.compare(Predicate::OLT, b.abs(x),
                           b.constant(b.isF64 ? 0x1p-54 : 0x1p-25));
  return b.select(isTiny, x, value);
}

/// base + log(1 + u) for 0 <= u <= 1.
static Value addLog1p(MathBuilder &b, Value u, Value base) {
  if (!b.isF64) {
    Value factor = b.options.approximate
                       ? b.polynomial(u, log1pApproximate)
                       : b.fma(u, b.polynomial(u, log1pF32), b.constant(1));
    return b.fma(u, factor, base);
  }
  // As in logOfReduced.
  Value half = b.mul(b.mul(u, u), b.constant(0.5));
  Value s = b.div(u, b.add(u, b.constant(2)));
  Value z = b.mul(s, s);
  Value series = b.fma(z, b.polynomial(z, log1pF64), half);
  Value rest = b.sub(b.mul(s, series), half);
  return b.add(base, b.add(u, rest));
}

Value recur::buildSoftplus(MathBuilder &b, Value x) {
  // max(x, 0) + log(1 + exp(-|x|)).
  Value zero = b.constant(0);
  Value positive = b.select(b.compare(Predicate::OGT, x, zero), x, zero);
  return addLog1p(b, buildExpOfNegative(b, b.neg(b.abs(x))), positive);
}

/// For f32 on a GPU. What is added to the larger is at most log(2), so that the
/// error of 2^y, y = -|x - y| log2(e) rounded, is no more than that of the sum.
/// The difference of equal infinities is no number: there, as where it is
/// large, nothing is added.
static Value logAddExpOnGpu(MathBuilder &b, Value x, Value y) {
  Value larger = arith::MaximumFOp::create(b.builder, x, y);
  Value distance = arith::MaxNumFOp::create(
      b.builder, b.neg(b.abs(b.sub(x, y))), b.constant(-110));
  Value power =
      b.callIntrinsic("llvm.nvvm.ex2.approx.ftz",
                      {b.mul(distance, b.constant(1.4426950408889634))});
  return addLog1p(b, power, larger);
}

/// larger + log(1 + exp(-distance)) by tables of polynomials around 0 ... 31,
/// whose error of 2^-25 is relative. From 31.5 on, 2e-14, nothing is added.
static Value addSoftplus(MathBuilder &b, Value distance, Value larger) {
  Value shift = b.constant(b.roundingShift());
  Value shifted = b.add(distance, shift);
  Value r = b.sub(distance, b.sub(shifted, shift));
  Value index = b.toBits(shifted), value;
  for (const double(&table)[32] : llvm::reverse(softplusF32)) {
    Value coefficient = b.lookUp(table, index);
    value = value ? b.fma(value, r, coefficient) : coefficient;
  }
  Value isLost = b.compare(Predicate::OGE, distance, b.constant(31.5));
  return b.select(isLost, larger, b.add(larger, value));
}

Value recur::buildLogAddExp(MathBuilder &b, Value x, Value y) {
  if (b.options.gpu && !b.isF64)
    return logAddExpOnGpu(b, x, y);
  // max + log(1 + exp(-|x - y|)); the difference of equal infinities is 0.
  Value larger = b.select(b.compare(Predicate::OGT, x, y), x, y);
  Value difference =
      b.select(b.compare(Predicate::UNE, x, y), b.sub(x, y), b.constant(0));
  if (b.hasTables())
    return addSoftplus(b, b.abs(difference), larger);
  Value distance = b.neg(b.abs(difference));
  if (b.options.gpu || b.isF64)
    return addLog1p(b, buildExpOfNegative(b, distance), larger);
  // Exponentials below the normal range would take a hundred times as long.
  Value isLost = b.compare(Predicate::OLT, distance, b.constant(-87));
  Value lesser = buildExpOfNegative(b, b.atLeast(distance, -87), true);
  return addLog1p(b, b.select(isLost, b.constant(0), lesser), larger);
}
