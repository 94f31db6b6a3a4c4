//===-- Scalars.cpp - scalar arithmetic for any type ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Scalar arithmetic over real, complex and bool values and over semirings.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

#include <limits>

using namespace mlir;
using namespace recur;

Value recur::buildConstant(OpBuilder &builder, Location loc, Type type,
                           double value) {
  if (auto complexType = dyn_cast<ComplexType>(type)) {
    Type part = complexType.getElementType();
    return complex::ConstantOp::create(
        builder, loc, type,
        builder.getArrayAttr({builder.getFloatAttr(part, value),
                              builder.getFloatAttr(part, 0)}));
  }
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(builder, loc,
                                     builder.getFloatAttr(type, value));
  return arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(type, int64_t(value)));
}

Value recur::buildLiteral(OpBuilder &builder, Location loc, Type type,
                          Attribute literal) {
  if (isa<ComplexType>(type))
    return complex::ConstantOp::create(builder, loc, type,
                                       cast<ArrayAttr>(literal));
  return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(literal));
}

bool recur::isConstant(Value value, double expected) {
  if (!value)
    return expected == 0;
  if (auto constant = value.getDefiningOp<complex::ConstantOp>()) {
    auto real = dyn_cast<FloatAttr>(constant.getValue()[0]);
    auto imaginary = dyn_cast<FloatAttr>(constant.getValue()[1]);
    return real && imaginary && real.getValueAsDouble() == expected &&
           imaginary.getValueAsDouble() == 0;
  }
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return false;
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble() == expected;
  if (auto number = dyn_cast<IntegerAttr>(attr))
    return (number.getType().isInteger(1)
                ? number.getValue().getZExtValue()
                : number.getValue().getSExtValue()) == expected;
  return false;
}

template <typename RealOp, typename ComplexOp, typename... Operands>
static Value buildFolded(OpBuilder &builder, Location loc, Value first,
                         Operands... rest) {
  if (isa<ComplexType>(first.getType()))
    return builder.createOrFold<ComplexOp>(loc, first, rest...);
  return builder.createOrFold<RealOp>(loc, first, rest...);
}

Value recur::buildAdd(OpBuilder &builder, Location loc, Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  // x + -y is x - y.
  if (auto negative = y.getDefiningOp<arith::NegFOp>())
    return buildSub(builder, loc, x, negative.getOperand());
  if (auto negative = y.getDefiningOp<complex::NegOp>())
    return buildSub(builder, loc, x, negative.getComplex());
  return buildFolded<arith::AddFOp, complex::AddOp>(builder, loc, x, y);
}

Value recur::buildNeg(OpBuilder &builder, Location loc, Value x) {
  return x ? buildFolded<arith::NegFOp, complex::NegOp>(builder, loc, x) : x;
}

Value recur::buildSub(OpBuilder &builder, Location loc, Value x, Value y) {
  if (!x)
    return buildNeg(builder, loc, y);
  if (!y)
    return x;
  return buildFolded<arith::SubFOp, complex::SubOp>(builder, loc, x, y);
}

Value recur::buildMul(OpBuilder &builder, Location loc, Value x, Value y) {
  if (!x || !y)
    return {};
  if (isConstant(x, 1))
    return y;
  if (isConstant(y, 1))
    return x;
  if (isConstant(x, -1))
    return buildNeg(builder, loc, y);
  if (isConstant(y, -1))
    return buildNeg(builder, loc, x);
  return buildFolded<arith::MulFOp, complex::MulOp>(builder, loc, x, y);
}

Value recur::buildDiv(OpBuilder &builder, Location loc, Value x, Value y) {
  if (!x || isConstant(y, 1))
    return x;
  return buildFolded<arith::DivFOp, complex::DivOp>(builder, loc, x, y);
}

Value recur::buildSelect(OpBuilder &builder, Location loc, Value condition,
                         Value x, Value y) {
  if (!x && !y)
    return {};
  Type type = (x ? x : y).getType();
  if (!x)
    x = buildConstant(builder, loc, type, 0);
  if (!y)
    y = buildConstant(builder, loc, type, 0);
  return builder.createOrFold<arith::SelectOp>(loc, condition, x, y);
}

Value recur::buildIsNonzero(OpBuilder &builder, Location loc, Value value) {
  Type type = value.getType();
  if (type.isInteger(1))
    return value;
  Value zero = buildConstant(builder, loc, type, 0);
  if (isa<FloatType>(type))
    return builder.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::UNE,
                                               value, zero);
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne,
                                             value, zero);
}

Value recur::cloneWithZeros(Operation *op, OpBuilder &builder,
                            ArrayRef<Value> operands) {
  IRMapping mapping;
  for (auto [old, now] : llvm::zip(op->getOperands(), operands))
    mapping.map(old,
                now ? now
                    : buildConstant(builder, op->getLoc(), old.getType(), 0));
  Operation *copy = builder.clone(*op, mapping);
  SmallVector<Value> folded;
  if (succeeded(builder.tryFold(copy, folded)) && folded.size() == 1) {
    copy->erase();
    return folded[0];
  }
  return copy->getResult(0);
}

//===----------------------------------------------------------------------===//
// Semirings
//===----------------------------------------------------------------------===//

bool recur::isProductAddition(Semiring semiring) {
  return semiring == Semiring::MaxPlus || semiring == Semiring::MinPlus ||
         semiring == Semiring::LogSumExp;
}

Value recur::buildSemiringSum(OpBuilder &builder, Location loc,
                              Semiring semiring, Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  switch (semiring) {
  case Semiring::PlusTimes:
    return buildAdd(builder, loc, x, y);
  case Semiring::MaxPlus:
    return builder.createOrFold<arith::MaximumFOp>(loc, x, y);
  case Semiring::MinPlus:
    return builder.createOrFold<arith::MinimumFOp>(loc, x, y);
  case Semiring::LogSumExp:
    return builder.createOrFold<LogAddExpOp>(loc, x, y);
  case Semiring::OrAnd:
    return builder.createOrFold<arith::OrIOp>(loc, x, y);
  }
  llvm_unreachable("unknown semiring");
}

Value recur::buildSemiringProduct(OpBuilder &builder, Location loc,
                                  Semiring semiring, Value x, Value y) {
  if (!x || !y)
    return {};
  if (semiring == Semiring::PlusTimes)
    return buildMul(builder, loc, x, y);
  if (semiring == Semiring::OrAnd)
    return builder.createOrFold<arith::AndIOp>(loc, x, y);
  if (isConstant(x, 0))
    return y;
  return isConstant(y, 0) ? x : buildAdd(builder, loc, x, y);
}

Value recur::buildSemiringReduction(OpBuilder &builder, Location loc,
                                    Semiring semiring, Value value,
                                    StringAttr dim) {
  ReductionKind kind = semiring == Semiring::PlusTimes ? ReductionKind::Sum
                       : semiring == Semiring::MinPlus ? ReductionKind::Min
                       : semiring == Semiring::LogSumExp
                           ? ReductionKind::LogSumExp
                           : ReductionKind::Max;
  return ReduceOp::create(builder, loc, value.getType(),
                          ReductionKindAttr::get(builder.getContext(), kind),
                          builder.getArrayAttr(dim), value);
}

double recur::getSemiringZero(Semiring semiring) {
  double infinity = std::numeric_limits<double>::infinity();
  return semiring == Semiring::MinPlus ? infinity
         : isProductAddition(semiring) ? -infinity
                                       : 0;
}

double recur::getSemiringOne(Semiring semiring) {
  return isProductAddition(semiring) ? 0 : 1;
}

bool recur::isSemiringZero(Semiring semiring, Value value) {
  return isConstant(value, getSemiringZero(semiring));
}

bool recur::isSemiringOne(Semiring semiring, Value value) {
  return isConstant(value, getSemiringOne(semiring));
}

Value recur::buildSemiringZero(OpBuilder &builder, Location loc,
                               Semiring semiring, Type type) {
  return buildConstant(builder, loc, type, getSemiringZero(semiring));
}

Value recur::buildSemiringOne(OpBuilder &builder, Location loc,
                              Semiring semiring, Type type) {
  return buildConstant(builder, loc, type, getSemiringOne(semiring));
}
