//===-- CpuSink.cpp - what becomes of a CPU kernel's steps ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Updates of states, one step or a vector of steps at a time, and stores of
/// results. A vector of steps is an in-register scan (Hillis and Steele 1986)
/// of the affine maps h -> a h + b.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// A product that feeds a sum may be fused with it.
static constexpr auto kContract = arith::FastMathFlags::contract;

/// `value`, or zero below the normal range: products of decays end there, and
/// arithmetic on them takes a hundred times as long.
Value CpuKernels::flushTiny(Value value) {
  auto element = cast<FloatType>(getElementTypeOrSelf(value.getType()));
  auto constant = [&](APFloat number) -> Value {
    TypedAttr attr = FloatAttr::get(element, number);
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      attr = DenseElementsAttr::get(vector, attr);
    return arith::ConstantOp::create(b, loc, attr);
  };
  const llvm::fltSemantics &semantics = element.getFloatSemantics();
  Value least = constant(APFloat::getSmallestNormalized(semantics));
  Value zero = constant(APFloat::getZero(semantics));
  Value tiny =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                            math::AbsFOp::create(b, loc, value), least);
  return arith::SelectOp::create(b, loc, tiny, zero, value);
}

std::pair<Value, Value> CpuKernels::Sink::update(OpBuilder &builder,
                                                 Location loc, unsigned state,
                                                 Value a, Value b,
                                                 const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  if (k.timeLanes || k.rows) {
    auto result = scanLanes(state, a, b, point);
    builder.restoreInsertionPoint(k.b.saveInsertionPoint());
    return result;
  }
  Type type = k.getStateType(state);
  if (isa<VectorType>(type)) {
    a = k.vectorOf(a);
    b = k.vectorOf(b);
  }
  auto combine = [&](Value slot, Value addend) {
    Value previous = k.loadAligned(slot, type);
    Value next = arith::MulFOp::create(k.b, loc, a, previous, kContract);
    next = addend ? arith::AddFOp::create(k.b, loc, next, addend, kContract)
                  : k.flushTiny(next);
    k.storeAligned(slot, next);
    return std::make_pair(previous, next);
  };
  if (!fold)
    return combine(k.getStateSlot(state, point, k.carrySlots()), b);
  combine(k.getStateSlot(state, point, k.exitSlots()), b);
  combine(k.getStateSlot(state, point, k.transitionSlots()), {});
  return {};
}

Value CpuKernels::Sink::reload(OpBuilder &builder, Location, unsigned state,
                               const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  Type type = k.getStateType(state);
  return k.loadAligned(k.getStateSlot(state, point, k.carrySlots()),
                       k.timeLanes ? getElementTypeOrSelf(type) : type);
}

void CpuKernels::Sink::store(OpBuilder &builder, Location, unsigned result,
                             Value value, const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  AffineMap map = k.getResultMap(result);
  Value guard = k.isFirstInMissingDims(map);
  OpBuilder::InsertionGuard keep(k.b);
  if (guard) {
    auto branch = scf::IfOp::create(k.b, k.loc, guard, /*withElse=*/false);
    k.b.setInsertionPoint(branch.thenBlock()->getTerminator());
  }
  unsigned argument = k.resultArguments[result];
  Address address =
      k.getAddress(argument, map, point, k.schedule.getContiguous());
  k.prefetch(argument, map, address, value.getType(), /*write=*/true);
  k.store(argument, address, value, k.mask);
}

//===----------------------------------------------------------------------===//
// Vectors of steps
//===----------------------------------------------------------------------===//

/// Each lane of `vector` from 2^stage steps before, from `fill` where there is
/// none.
Value CpuKernels::Sink::shiftLanes(unsigned stage, Value fill, Value vector) {
  if (k.rows) {
    const Rows::Shift &shift = k.rows->shifts[stage];
    return arith::SelectOp::create(k.b, k.loc, shift.inside,
                                   k.permuteLanes(vector, shift.lanes), fill);
  }
  SmallVector<int64_t> lanes;
  int64_t distance = int64_t(1) << stage;
  for (int64_t i = 0; i < k.width; ++i)
    lanes.push_back(i < distance ? i : k.width + i - distance);
  return vector::ShuffleOp::create(k.b, k.loc, fill, vector, lanes);
}

/// The maps of all prefixes of the lanes' steps, from `stage` on.
std::pair<Value, Value> CpuKernels::Sink::compose(unsigned stage, Value a,
                                                  Value b) {
  if (int64_t(1) << stage >= k.width ||
      (k.rows && stage >= k.rows->shifts.size()))
    return {a, b};
  auto type = cast<VectorType>(a.getType());
  auto splat = [&](double value) -> Value {
    return arith::ConstantOp::create(
        k.b, k.loc,
        DenseElementsAttr::get(type,
                               FloatAttr::get(type.getElementType(), value)));
  };
  auto compose = [&]() {
    Value shifted = shiftLanes(stage, splat(0), b);
    Value product = arith::MulFOp::create(k.b, k.loc, a, shifted, kContract);
    Value sum = arith::AddFOp::create(k.b, k.loc, product, b, kContract);
    Value left = shiftLanes(stage, splat(1), a);
    return this->compose(stage + 1, arith::MulFOp::create(k.b, k.loc, a, left),
                         sum);
  };
  if (!k.rows || stage == 0)
    return compose();
  auto branch = scf::IfOp::create(k.b, k.loc, TypeRange{type, type},
                                  k.rows->shifts[stage].used,
                                  /*withElse=*/true);
  k.b.setInsertionPointToEnd(branch.thenBlock());
  auto [left, right] = compose();
  scf::YieldOp::create(k.b, k.loc, ValueRange{left, right});
  k.b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(k.b, k.loc, ValueRange{a, b});
  k.b.setInsertionPointAfter(branch);
  return {branch.getResult(0), branch.getResult(1)};
}

/// Composes the maps of a vector of steps, applies them to the state before
/// them and returns {h_{t-1}, h_t} for each lane. With lanes along time the
/// state is one number, with several rows a vector that repeats the channels.
std::pair<Value, Value> CpuKernels::Sink::scanLanes(unsigned state, Value a,
                                                    Value b,
                                                    const InnerPoint &point) {
  Type element = getElementTypeOrSelf(k.getStateType(state));
  auto type = VectorType::get({k.width}, element);
  a = k.vectorOf(a);
  b = k.vectorOf(b);
  if (k.mask) { // the identity where there is no step
    auto keep = [&](Value vector, double otherwise) -> Value {
      Value fill = arith::ConstantOp::create(
          k.b, k.loc,
          DenseElementsAttr::get(type, FloatAttr::get(element, otherwise)));
      return arith::SelectOp::create(k.b, k.loc, k.mask, vector, fill);
    };
    a = keep(a, 1);
    b = keep(b, 0);
  }
  std::tie(a, b) = compose(0, a, b);
  auto apply = [&](Value slot, Value addend) {
    Value entry = k.rows ? k.loadAligned(slot, type)
                         : k.vectorOf(k.loadAligned(slot, element));
    Value next = arith::MulFOp::create(k.b, k.loc, a, entry, kContract);
    if (addend)
      next = arith::AddFOp::create(k.b, k.loc, next, addend, kContract);
    Value last = k.rows ? k.permuteLanes(next, k.rows->lastLane)
                        : Value(vector::ExtractOp::create(
                              k.b, k.loc, next, int64_t(k.width - 1)));
    k.storeAligned(slot, addend ? last : k.flushTiny(last));
    return std::make_pair(entry, next);
  };
  if (fold) {
    apply(k.getStateSlot(state, point, k.exitSlots()), b);
    apply(k.getStateSlot(state, point, k.transitionSlots()), {});
    return {};
  }
  auto [entry, next] = apply(k.getStateSlot(state, point, k.carrySlots()), b);
  return {shiftLanes(0, entry, next), next};
}
