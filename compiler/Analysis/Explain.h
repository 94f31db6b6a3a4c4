//===-- compiler/Analysis/Explain.h - text of recurc --explain --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Says in words what was recognised in a recurrence, how it is computed, and
/// what that must cost.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_EXPLAIN_H
#define RECUR_COMPILER_ANALYSIS_EXPLAIN_H

#include "compiler/Algebra/CostModel.h"
#include "dialect/IR/Recur.h"

#include "llvm/ADT/StringMap.h"

namespace recur {

/// The work of one call for the `sizes` of the dims; nothing if one is missing.
/// Each tensor is read or written once, values are computed once for each
/// point of the dims they vary over.
std::optional<algebra::Work> countWork(ScanLikeOpInterface scan,
                                       const llvm::StringMap<int64_t> &sizes);

/// Explains a scheduled scan. `sizes` may be empty or incomplete: then there
/// are no totals and no times.
void explain(ScanLikeOpInterface scan, const llvm::StringMap<int64_t> &sizes,
             llvm::raw_ostream &os);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_EXPLAIN_H
