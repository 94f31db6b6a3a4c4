//===-- RecurDialect.cpp - registration of the recur dialect --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Registers the dialect's attributes and ops.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialect/IR/RecurDialect.cpp.inc"
#include "dialect/IR/RecurEnums.cpp.inc"
#include "dialect/IR/RecurInterfaces.cpp.inc"

void recur::RecurDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialect/IR/RecurOps.cpp.inc"
      >();
}

/// What a named function folds to becomes a constant of arith.
mlir::Operation *
recur::RecurDialect::materializeConstant(mlir::OpBuilder &builder,
                                         mlir::Attribute value, mlir::Type type,
                                         mlir::Location loc) {
  return mlir::arith::ConstantOp::materialize(builder, value, type, loc);
}
