//===-- MathTrigonometric.cpp - sin and cos -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// sin and cos of r = x - n pi/2, |r| <= pi/4, with pi/2 in parts (Cody and
/// Waite 1980, chapter 8) and, behind a branch, with as many bits of 2/pi as
/// any argument needs (Payne and Hanek 1983).
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/MathCoefficients.h"
#include "compiler/Conversion/MathFunctions.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace recur;
using namespace recur::math_coefficients;
using Predicate = arith::CmpFPredicate;

namespace {
/// x = n pi/2 + r; of n, an integer, only the lowest two bits count.
struct Quadrant {
  Value r, n;
};
} // namespace

/// For |x| < 2^17 (f32, with fused multiply-adds) or 2^20 (f64).
static Quadrant reduceByParts(MathBuilder &b, Value x) {
  Value shift = b.constant(b.roundingShift());
  Value shifted = b.fma(x, b.constant(0.6366197723675814), shift);
  Value n = b.sub(shifted, shift);
  Value integer = b.toBits(shifted);
  if (!b.isF64) {
    Value r = x;
    for (double part : halfPiF32)
      r = b.fma(n, b.constant(-part), r);
    return {r, integer};
  }
  // n times a part is exact, and so is the first difference; `lost` is the
  // rounding error of the second.
  Value first = b.fma(n, b.constant(-halfPiF64[0]), x);
  Value second = b.mul(n, b.constant(halfPiF64[1]));
  Value difference = b.sub(first, second);
  Value lost = b.sub(b.sub(first, difference), second);
  Value rest = b.fma(n, b.constant(-halfPiF64[2]), lost);
  rest = b.fma(n, b.constant(-halfPiF64[3]), rest);
  return {b.add(difference, rest), integer};
}

/// 32 bits of 2/pi in each of `count` integers of 64 bits, from bit
/// `offset` (0 ... 2047, an integer) of its binary digits on, where 64 zeros
/// precede the point.
static SmallVector<Value> selectBits(MathBuilder &b, Value offset,
                                     unsigned count, unsigned wordBits) {
  SmallVector<Value> words = {b.integer(0), b.integer(0)};
  for (uint32_t word : twoOverPi)
    words.push_back(b.integer(word));
  // Shifts by 2^k words, for each bit of the word number from the top.
  for (int k = wordBits - 1; k >= 0; --k) {
    Value bit = b.bitAnd(offset, b.integer(uint64_t(32) << k));
    Value isSet = arith::CmpIOp::create(b.builder, arith::CmpIPredicate::ne,
                                        bit, b.integer(0));
    size_t needed = count + (size_t(1) << k);
    for (size_t i = 0; i < needed && i < words.size(); ++i) {
      size_t from = i + (size_t(1) << k);
      Value moved = from < words.size() ? words[from] : b.integer(0);
      words[i] = b.select(isSet, moved, words[i]);
    }
    words.resize(std::min(words.size(), needed));
  }
  // And by the bits within a word.
  Value bits = b.bitAnd(offset, b.integer(31));
  Value low = b.integer(0xffffffff);
  SmallVector<Value> result;
  for (unsigned i = 0; i < count; ++i) {
    Value pair = b.bitOr(b.shiftLeft(words[i], 32), words[i + 1]);
    Value moved = arith::ShLIOp::create(b.builder, pair, bits);
    result.push_back(b.bitAnd(b.shiftRight(moved, 32), low));
  }
  return result;
}

/// For any finite |x| >= 2^17. `b` is of f64; x is an f32 if `isF32`.
static Quadrant reduceByBits(MathBuilder &b, Value x, bool isF32) {
  // |x| = m 2^e with an integer m of 53 bits.
  Value bits = b.toBits(b.abs(x));
  Value m = b.bitOr(b.bitAnd(bits, b.integer((uint64_t(1) << 52) - 1)),
                    b.integer(uint64_t(1) << 52));
  Value exponent = b.shiftRight(bits, 52);
  // Digits of 2/pi whose products with m 2^e are multiples of 4 fall away:
  // the first one left is worth 2 for m = 1, and e - 2 are left out.
  Value offset =
      b.addInteger(exponent, b.integer(uint64_t(int64_t(64 - 2 - 1023 - 52))));
  // f32 arguments reach 2^128.
  SmallVector<Value> words = selectBits(b, offset, 6, isF32 ? 3 : 6);

  // The product modulo 2^192 by columns of 32 bits, the first is the highest;
  // what the last one misses is below 2^-125 of a quadrant.
  Value low = b.integer(0xffffffff);
  Value mLow = b.bitAnd(m, low), mHigh = b.shiftRight(m, 32);
  SmallVector<Value> byLow, byHigh;
  for (Value word : words) {
    byLow.push_back(b.mulInteger(mLow, word));
    byHigh.push_back(b.mulInteger(mHigh, word));
  }
  SmallVector<Value> columns(5);
  Value carry = b.integer(0);
  for (int j = 4; j >= 0; --j) {
    Value sum = b.addInteger(carry, b.bitAnd(byLow[j], low));
    sum = b.addInteger(sum, b.shiftRight(byLow[j + 1], 32));
    sum = b.addInteger(sum, b.bitAnd(byHigh[j + 1], low));
    if (j + 2 < 6)
      sum = b.addInteger(sum, b.shiftRight(byHigh[j + 2], 32));
    columns[j] = b.bitAnd(sum, low);
    carry = b.shiftRight(sum, 32);
  }
  Value high = b.bitOr(b.shiftLeft(columns[0], 32), columns[1]);
  Value next = b.bitOr(b.shiftLeft(columns[2], 32), columns[3]);

  // The two highest bits are n, rounded; the rest is a signed fraction in
  // 2^-62 of a quadrant.
  Value n = b.shiftRight(b.addInteger(high, b.integer(uint64_t(1) << 61)), 62);
  Value fraction = b.subInteger(high, b.shiftLeft(n, 62));
  auto toFloat = [&](Value integer) -> Value {
    return arith::SIToFPOp::create(b.builder, b.floatType, integer);
  };
  Value leading = toFloat(fraction);
  Value rounding = b.subInteger(
      fraction, arith::FPToSIOp::create(b.builder, b.integerType, leading));
  Value rest = b.fma(toFloat(b.shiftRight(next, 1)), b.constant(0x1p-63),
                     toFloat(rounding));
  Value r =
      b.mul(b.add(leading, rest), b.constant(0x1p-62 * 1.5707963267948966));

  // -x has -r and -n; infinities have neither.
  Value isNegative = b.compare(Predicate::OLT, x, b.constant(0));
  r = b.select(isNegative, b.neg(r), r);
  n = b.select(isNegative, b.subInteger(b.integer(0), n), n);
  Value isFinite =
      b.compare(Predicate::OLT, b.abs(x),
                b.constant(std::numeric_limits<double>::infinity()));
  Value nan = b.constant(std::numeric_limits<double>::quiet_NaN());
  return {b.select(isFinite, r, nan), n};
}

/// Both reductions; that by bits runs if any lane needs it.
static Quadrant reduce(MathBuilder &b, Value x) {
  // In f32 the parts of pi/2 need a fused multiply-add; CPUs have cheap f64.
  bool throughF64 = !b.isF64 && !b.options.gpu;
  MathBuilder wide = b.inF64();
  auto widen = [&](Value value) -> Value {
    return arith::ExtFOp::create(b.builder, wide.floatType, value);
  };
  auto narrow = [&](Quadrant quadrant) -> Quadrant {
    return {arith::TruncFOp::create(b.builder, b.floatType, quadrant.r),
            arith::TruncIOp::create(b.builder, b.integerType, quadrant.n)};
  };
  Quadrant fast =
      throughF64 ? narrow(reduceByParts(wide, widen(x))) : reduceByParts(b, x);
  // Not less, so that NaN takes the branch that handles it.
  Value isLarge =
      b.compare(Predicate::UGE, b.abs(x),
                b.constant(b.isF64 || throughF64 ? 0x1p20 : 0x1p17));
  Value any = isLarge;
  if (isa<VectorType>(b.floatType))
    any = vector::ReductionOp::create(b.builder, vector::CombiningKind::OR,
                                      isLarge);
  auto branch =
      scf::IfOp::create(b.builder, TypeRange{b.floatType, b.integerType}, any,
                        /*withElseRegion=*/true);
  // Both builders append to the branch in the order of the calls.
  OpBuilder::InsertionGuard guard(b.builder);
  b.builder.setInsertionPointToEnd(branch.thenBlock());
  wide.builder.setInsertionPointToEnd(branch.thenBlock());
  Quadrant slow = b.isF64
                      ? reduceByBits(b, x, /*isF32=*/false)
                      : narrow(reduceByBits(wide, widen(x), /*isF32=*/true));
  scf::YieldOp::create(b.builder,
                       ValueRange{b.select(isLarge, slow.r, fast.r),
                                  b.select(isLarge, slow.n, fast.n)});
  b.builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b.builder, ValueRange{fast.r, fast.n});
  return {branch.getResult(0), branch.getResult(1)};
}

/// sin(r + n pi/2).
static Value sinOfQuadrant(MathBuilder &b, Quadrant quadrant) {
  auto [r, n] = quadrant;
  Value z = b.mul(r, r);
  Value sinRest = b.isF64 ? b.polynomial(z, sinF64) : b.polynomial(z, sinF32);
  Value cosRest = b.isF64 ? b.polynomial(z, cosF64) : b.polynomial(z, cosF32);
  Value sine = b.fma(b.mul(r, z), sinRest, r);
  Value cosine =
      b.fma(b.mul(z, z), cosRest, b.fma(z, b.constant(-0.5), b.constant(1)));
  Value odd = arith::CmpIOp::create(b.builder, arith::CmpIPredicate::ne,
                                    b.bitAnd(n, b.integer(1)), b.integer(0));
  Value value = b.select(odd, cosine, sine);
  Value sign = b.shiftLeft(b.bitAnd(n, b.integer(2)),
                           b.significandBits + (b.isF64 ? 10 : 7));
  return b.fromBits(b.bitXor(b.toBits(value), sign));
}

Value recur::buildSin(MathBuilder &b, Value x) {
  return sinOfQuadrant(b, reduce(b, x));
}

Value recur::buildCos(MathBuilder &b, Value x) {
  Quadrant quadrant = reduce(b, x);
  quadrant.n = b.addInteger(quadrant.n, b.integer(1));
  return sinOfQuadrant(b, quadrant);
}
