//===-- compiler/Analysis/Expressions.h - values as text --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Values of a step as a spec would write them.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_EXPRESSIONS_H
#define RECUR_COMPILER_ANALYSIS_EXPRESSIONS_H

#include "dialect/IR/Recur.h"

namespace recur {

/// The name of the function's argument that `operand` is.
std::string getName(RecurrenceOpInterface op, mlir::Value operand);

/// What the arguments of the step stand for, or those of a scan's readout.
llvm::SmallVector<std::string> getArgumentNames(RecurrenceOpInterface op);

std::string printConstant(mlir::Attribute attr);

/// `value` with `names` for the region's arguments, cut off when it is long.
std::string printExpression(mlir::Value value,
                            llvm::ArrayRef<std::string> names);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_EXPRESSIONS_H
