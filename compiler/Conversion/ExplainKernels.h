//===-- ExplainKernels.h - what kernels save --------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Says what the kernels of each schedule do less than the recurrence says.
#ifndef RECUR_COMPILER_CONVERSION_EXPLAINKERNELS_H
#define RECUR_COMPILER_CONVERSION_EXPLAINKERNELS_H

#include "compiler/Conversion/Signature.h"
#include "dialect/IR/Recur.h"

namespace recur {

/// A line for each saving and target, with the schedules that have it; nothing
/// if none has any. The scan is not changed.
void explainKernels(ScanLikeOpInterface scan, const Signature &signature,
                    llvm::raw_ostream &os);

} // namespace recur
#endif // RECUR_COMPILER_CONVERSION_EXPLAINKERNELS_H
