//===-- compiler/Analysis/StepLatency.h - what a step waits for -*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// How long the next step waits for the states of one.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_STEPLATENCY_H
#define RECUR_COMPILER_ANALYSIS_STEPLATENCY_H

#include "dialect/IR/Recur.h"

namespace recur {

/// The longest chain of operations from the states before a step of `scan` to
/// one of `results`, which its elements yield, where an arithmetic operation
/// takes `arithmetic` and a special function `special`. Of a user's monoid it
/// is the chain of its combination.
double getStepLatency(ScanLikeOpInterface scan, mlir::ValueRange results,
                      double arithmetic, double special);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_STEPLATENCY_H
