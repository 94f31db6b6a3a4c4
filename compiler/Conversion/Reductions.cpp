//===-- Reductions.cpp - reductions as arithmetic -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Identities and steps by the kind of a reduction.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Reductions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;

static Value createSplat(OpBuilder &builder, Location loc, Type type,
                         double value) {
  auto element = cast<FloatType>(getElementTypeOrSelf(type));
  TypedAttr attr = FloatAttr::get(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(builder, loc, attr);
}

Value recur::createReductionIdentity(OpBuilder &builder, Location loc,
                                     ReductionKind kind, Type type) {
  double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
  case ReductionKind::Sum:
    return createSplat(builder, loc, type, 0.0);
  case ReductionKind::Min:
    return createSplat(builder, loc, type, infinity);
  case ReductionKind::Max:
  case ReductionKind::LogSumExp:
    return createSplat(builder, loc, type, -infinity);
  }
  llvm_unreachable("all reductions are handled");
}

Value recur::createReductionStep(OpBuilder &builder, Location loc,
                                 ReductionKind kind, Value accumulator,
                                 Value value) {
  switch (kind) {
  case ReductionKind::Sum:
    return arith::AddFOp::create(builder, loc, accumulator, value,
                                 arith::FastMathFlags::contract);
  case ReductionKind::Max:
    return arith::MaximumFOp::create(builder, loc, accumulator, value);
  case ReductionKind::Min:
    return arith::MinimumFOp::create(builder, loc, accumulator, value);
  case ReductionKind::LogSumExp:
    return LogAddExpOp::create(builder, loc, accumulator.getType(), accumulator,
                               value);
  }
  llvm_unreachable("all reductions are handled");
}
