//===-- Reductions.cpp - reductions as arithmetic -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Identities and steps by the kind of a reduction.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Reductions.h"

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace recur;

Value recur::createReductionIdentity(OpBuilder &builder, Location loc,
                                     ReductionKind kind, Type type) {
  double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
  case ReductionKind::Sum:
    return makeNumber(builder, loc, type, 0.0);
  case ReductionKind::Min:
    return makeNumber(builder, loc, type, infinity);
  case ReductionKind::Max:
  case ReductionKind::LogSumExp:
    return makeNumber(builder, loc, type, -infinity);
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
