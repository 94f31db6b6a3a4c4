//===-- compiler/Interpreter/LoopNest.h - loops over strided arrays -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A nest of loops over several strided arrays, with one kernel as its
/// innermost loop.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_LOOPNEST_H
#define RECUR_COMPILER_INTERPRETER_LOOPNEST_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace recur::interpreter {

/// The innermost loop: `count` elements of the arrays at `pointers`, the
/// result's first, each advancing by its stride, counted in elements.
using Kernel = void (*)(int64_t count, char *const *pointers,
                        const int64_t *strides);

/// Strides of one array (in elements, one for each dim) and its element size.
struct Operand {
  llvm::SmallVector<int64_t> strides;
  int64_t elementSize;
};

class LoopNest {
public:
  LoopNest() = default;
  /// Loops over dims of `sizes`; dims that are contiguous for every operand
  /// are merged.
  LoopNest(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<Operand> operands);

  /// Runs `kernel` over everything; `bases` are the arrays' first elements.
  void run(Kernel kernel, llvm::ArrayRef<char *> bases) const;

private:
  bool isEmpty = false;
  int64_t count = 1;
  llvm::SmallVector<int64_t> innerStrides;
  /// Outer loops, the last one fastest; steps are in bytes, operand-major.
  llvm::SmallVector<int64_t> outerSizes;
  llvm::SmallVector<llvm::SmallVector<int64_t>> outerSteps;
};

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_LOOPNEST_H
