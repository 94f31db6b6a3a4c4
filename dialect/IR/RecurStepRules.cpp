//===-- RecurStepRules.cpp - derivatives and costs of recur ops -----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// StepOpInterface of the dialect's own ops. The rules of the named functions
/// stay finite where those of the expanded formulas do not.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace recur;

//===----------------------------------------------------------------------===//
// prev, reduce, at
//===----------------------------------------------------------------------===//

OpCost PrevOp::getCost() { return {0, 0}; }
OpCost SameOp::getCost() { return {0, 0}; }

/// The reduction of `value` as `op` reduces.
static Value buildReduce(OpBuilder &builder, ReduceOp op, ReductionKind kind,
                         Value value) {
  return ReduceOp::create(builder, op.getLoc(), value.getType(),
                          ReductionKindAttr::get(op.getContext(), kind),
                          op.getDims(), value);
}

FailureOr<Value> ReduceOp::pushforward(OpBuilder &builder, ValueRange operands,
                                       ArrayRef<Value> tangents) {
  if (!tangents[0])
    return Value();
  Location loc = getLoc();
  if (getKind() == ReductionKind::Sum)
    return buildReduce(builder, *this, ReductionKind::Sum, tangents[0]);
  Value result = operands[0] == getOperand()
                     ? getResult()
                     : buildReduce(builder, *this, getKind(), operands[0]);
  Value weighted;
  if (getKind() == ReductionKind::LogSumExp) {
    Value share = builder.createOrFold<math::ExpOp>(
        loc, buildSub(builder, loc, operands[0], result));
    weighted = buildMul(builder, loc, share, tangents[0]);
  } else {
    // The tangent of the element that is taken.
    Value taken = builder.createOrFold<arith::CmpFOp>(
        loc, arith::CmpFPredicate::OEQ, operands[0], result);
    weighted = buildSelect(builder, loc, taken, tangents[0], Value());
  }
  return buildReduce(builder, *this, ReductionKind::Sum, weighted);
}

FailureOr<Value> ReduceOp::evaluateWithZeros(OpBuilder &builder,
                                             ArrayRef<Value> operands) {
  // A logsumexp of zeros counts the elements.
  if (!operands[0] && getKind() != ReductionKind::LogSumExp)
    return Value();
  return cloneWithZeros(*this, builder, operands);
}

OpCost ReduceOp::getCost() {
  return getKind() == ReductionKind::LogSumExp ? OpCost{3, 1} : OpCost{1, 0};
}

bool ReduceOp::isSemiringSum(Semiring semiring) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return getKind() == ReductionKind::Sum;
  case Semiring::MaxPlus:
    return getKind() == ReductionKind::Max;
  case Semiring::MinPlus:
    return getKind() == ReductionKind::Min;
  case Semiring::LogSumExp:
    return getKind() == ReductionKind::LogSumExp;
  case Semiring::OrAnd:
    return getKind() == ReductionKind::Max && getType().isInteger(1);
  }
  llvm_unreachable("unknown semiring");
}

std::string ReduceOp::getSpelling() {
  return stringifyReductionKind(getKind()).str();
}

FailureOr<Value> AtOp::pushforward(OpBuilder &builder, ValueRange,
                                   ArrayRef<Value> tangents) {
  return evaluateWithZeros(builder, tangents);
}

FailureOr<Value> AtOp::evaluateWithZeros(OpBuilder &builder,
                                         ArrayRef<Value> operands) {
  if (!operands[0])
    return Value();
  return cloneWithZeros(*this, builder, operands);
}

OpCost AtOp::getCost() { return {0, 0}; }

//===----------------------------------------------------------------------===//
// Named functions
//===----------------------------------------------------------------------===//

static Value buildSigmoid(OpBuilder &builder, Location loc, Value x) {
  return builder.createOrFold<SigmoidOp>(loc, x.getType(), x);
}

FailureOr<Value> SigmoidOp::pushforward(OpBuilder &builder, ValueRange operands,
                                        ArrayRef<Value> tangents) {
  if (!tangents[0])
    return Value();
  Location loc = getLoc();
  Value y = buildSigmoid(builder, loc, operands[0]);
  Value one = buildConstant(builder, loc, getType(), 1);
  Value slope = buildMul(builder, loc, y, buildSub(builder, loc, one, y));
  return buildMul(builder, loc, tangents[0], slope);
}
OpCost SigmoidOp::getCost() { return {3, 2}; }

FailureOr<Value> SoftplusOp::pushforward(OpBuilder &builder,
                                         ValueRange operands,
                                         ArrayRef<Value> tangents) {
  if (!tangents[0])
    return Value();
  return buildMul(builder, getLoc(), tangents[0],
                  buildSigmoid(builder, getLoc(), operands[0]));
}
OpCost SoftplusOp::getCost() { return {5, 2}; }

FailureOr<Value> SiluOp::pushforward(OpBuilder &builder, ValueRange operands,
                                     ArrayRef<Value> tangents) {
  if (!tangents[0])
    return Value();
  // s + x s (1 - s) with s = sigmoid(x).
  Location loc = getLoc();
  Value s = buildSigmoid(builder, loc, operands[0]);
  Value one = buildConstant(builder, loc, getType(), 1);
  Value rest = buildMul(builder, loc, buildMul(builder, loc, operands[0], s),
                        buildSub(builder, loc, one, s));
  return buildMul(builder, loc, tangents[0], buildAdd(builder, loc, s, rest));
}
OpCost SiluOp::getCost() { return {4, 2}; }

FailureOr<Value> ReluOp::pushforward(OpBuilder &builder, ValueRange operands,
                                     ArrayRef<Value> tangents) {
  if (!tangents[0])
    return Value();
  Value zero = buildConstant(builder, getLoc(), getType(), 0);
  Value positive = builder.createOrFold<arith::CmpFOp>(
      getLoc(), arith::CmpFPredicate::OGT, operands[0], zero);
  return buildSelect(builder, getLoc(), positive, tangents[0], Value());
}
OpCost ReluOp::getCost() { return {1, 0}; }

FailureOr<Value> LogAddExpOp::pushforward(OpBuilder &builder,
                                          ValueRange operands,
                                          ArrayRef<Value> tangents) {
  if (!tangents[0] && !tangents[1])
    return Value();
  // sigmoid(x - y) tx + sigmoid(y - x) ty; equal operands share evenly, which
  // also covers equal infinities, whose difference is NaN.
  Location loc = getLoc();
  Value x = operands[0], y = operands[1];
  Value equal =
      builder.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, x, y);
  Value half = buildConstant(builder, loc, getType(), 0.5);
  auto part = [&](Value from, Value other, Value tangent) -> Value {
    if (!tangent)
      return {};
    Value share =
        buildSigmoid(builder, loc, buildSub(builder, loc, from, other));
    return buildMul(builder, loc, tangent,
                    buildSelect(builder, loc, equal, half, share));
  };
  return buildAdd(builder, loc, part(x, y, tangents[0]),
                  part(y, x, tangents[1]));
}
OpCost LogAddExpOp::getCost() { return {5, 2}; }
bool LogAddExpOp::isSemiringSum(Semiring semiring) {
  return semiring == Semiring::LogSumExp;
}
