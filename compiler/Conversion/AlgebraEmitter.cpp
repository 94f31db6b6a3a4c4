//===-- AlgebraEmitter.cpp - code for the algebra of a scan ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The operators of the semirings as operations.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/AlgebraEmitter.h"

#include "compiler/Conversion/PairValues.h"
#include "dialect/IR/Scalars.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;

Value AlgebraEmitter::constant(double value) {
  return makeNumber(builder, loc, type, value);
}

Value AlgebraEmitter::zero() { return constant(getSemiringZero(semiring)); }
Value AlgebraEmitter::one() { return constant(getSemiringOne(semiring)); }

Value AlgebraEmitter::sum(Value x, Value y) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return mapParts(builder, loc, {x, y}, [&](ArrayRef<Value> v) -> Value {
      return arith::AddFOp::create(builder, loc, v[0], v[1], flags);
    });
  case Semiring::MaxPlus:
    return arith::MaximumFOp::create(builder, loc, x, y);
  case Semiring::MinPlus:
    return arith::MinimumFOp::create(builder, loc, x, y);
  case Semiring::LogSumExp: {
    // What is less by so much is lost in rounding; its exponential, or the
    // square of it, would be below the normal range and take a hundred times as
    // long.
    bool isDouble = getElementTypeOrSelf(type).isF64();
    Value greater = arith::MaximumFOp::create(builder, loc, x, y);
    Value lesser = arith::MinimumFOp::create(builder, loc, x, y);
    Value least = arith::SubFOp::create(builder, loc, greater,
                                        constant(isDouble ? 350 : 43));
    Value isLost = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OLT, lesser, least);
    lesser = select(isLost, least, lesser);
    Value total =
        LogAddExpOp::create(builder, loc, x.getType(), greater, lesser);
    return select(isLost, greater, total);
  }
  case Semiring::OrAnd:
    return arith::OrIOp::create(builder, loc, x, y);
  }
  llvm_unreachable("unknown semiring");
}

Value AlgebraEmitter::product(Value x, Value y) {
  if (semiring == Semiring::PlusTimes && isPair(type)) {
    Value parts[] = {getPart(builder, loc, x, 0), getPart(builder, loc, x, 1),
                     getPart(builder, loc, y, 0), getPart(builder, loc, y, 1)};
    auto times = [&](unsigned i, unsigned j) -> Value {
      return arith::MulFOp::create(builder, loc, parts[i], parts[j], flags);
    };
    Value re = times(1, 3), im = times(1, 2);
    re = arith::SubFOp::create(builder, loc, times(0, 2), re, flags);
    im = arith::AddFOp::create(builder, loc, times(0, 3), im, flags);
    return makePair(builder, loc, re, im);
  }
  if (semiring == Semiring::PlusTimes)
    return arith::MulFOp::create(builder, loc, x, y, flags);
  if (semiring == Semiring::OrAnd)
    return arith::AndIOp::create(builder, loc, x, y);
  // The sum of opposite infinities is the only one that is NaN although neither
  // operand is.
  Value total = arith::AddFOp::create(builder, loc, x, y);
  Value numbers =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, x, y);
  Value none = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO,
                                     total, total);
  Value opposite = arith::AndIOp::create(builder, loc, numbers, none);
  return arith::SelectOp::create(builder, loc, opposite, zero(), total);
}

Value AlgebraEmitter::select(Value condition, Value x, Value y) {
  return selectParts(builder, loc, condition, x, y);
}

Transition AlgebraEmitter::identity(const Carrier &carrier) {
  return widen(carrier, algebra::makeIdentity<AlgebraEmitter, Value>(
                            *this, carrier.product));
}

Transition AlgebraEmitter::widen(const Carrier &carrier,
                                 const Transition &map) {
  Transition wide = algebra::widen(*this, map, carrier.product);
  for (std::optional<Value> &rest : wide.rest)
    if (!rest)
      rest = zero();
  return wide;
}

Transition AlgebraEmitter::compose(const Carrier &carrier,
                                   const Transition &later,
                                   const Transition &earlier) {
  return algebra::compose(*this, later, earlier, carrier.product);
}
