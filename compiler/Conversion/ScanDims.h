//===-- ScanDims.h - the dims that a kernel walks ---------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What kernels do with each dim of a scan.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_SCANDIMS_H
#define RECUR_COMPILER_CONVERSION_SCANDIMS_H

#include "dialect/IR/Recur.h"

namespace recur {

/// Splits the dims of a scan into time, segments, inner dims (reduced by some
/// recur.reduce or renamed by some recur.at: each thread walks them all) and
/// parallel dims (all others that a state or an output varies over).
struct ScanDims {
  llvm::SmallVector<unsigned> parallel, inner;
  explicit ScanDims(ScanLikeOpInterface scan);
  bool isInner(unsigned dim) const { return llvm::is_contained(inner, dim); }
  bool isParallel(unsigned dim) const {
    return llvm::is_contained(parallel, dim);
  }
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_SCANDIMS_H
