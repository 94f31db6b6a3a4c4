//===-- compiler/Interpreter/Access.h - a tensor read through a map -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where a map reads a row-major array: the sum of one term for each dim of
/// the space.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_ACCESS_H
#define RECUR_COMPILER_INTERPRETER_ACCESS_H

#include "compiler/Interpreter/Interpreter.h"

namespace recur::interpreter {

/// Strides of a row-major array, in elements.
llvm::SmallVector<int64_t> getStrides(llvm::ArrayRef<int64_t> shape);

/// The index that `expr` (of the forms (R2) allows) has at `value` of its dim.
int64_t evaluateIndex(mlir::AffineExpr expr, int64_t value);
/// The dim that an index depends on, or -1 for a constant.
int getIndexDim(mlir::AffineExpr expr);

struct Access {
  /// The element at point p is data[offset + sum over dims of term(dim, p)],
  /// term(dim, p) being strides[dim] * p or, if there is one, tables[dim][p].
  /// Time counts plainly: a lag is subtracted by the caller.
  Access(mlir::AffineMap map, SpaceAttr space, const Array &array,
         llvm::ArrayRef<int64_t> sizes);

  bool isLinear() const {
    return llvm::all_of(tables,
                        [](const auto &table) { return table.empty(); });
  }
  /// Copies to `out`, row-major over the `dims` (all others at 0) with first
  /// index `starts` and `sizes`; `offset` is added to where the array is read.
  void copy(char *out, llvm::ArrayRef<unsigned> dims,
            llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> sizes,
            int64_t extraOffset) const;

  const char *data;
  int64_t elementSize;
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides;
  llvm::SmallVector<std::vector<int64_t>> tables;
};

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_ACCESS_H
