//===-- compiler/Interpreter/LoopNest.cpp - loops over strided arrays
//--------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Merging of loops and the odometer over the outer ones.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/LoopNest.h"

using namespace recur::interpreter;
using llvm::ArrayRef;
using llvm::SmallVector;

LoopNest::LoopNest(ArrayRef<int64_t> sizes, ArrayRef<Operand> operands) {
  SmallVector<int64_t> merged;
  SmallVector<SmallVector<int64_t>> strides(operands.size());
  for (unsigned dim = 0; dim < sizes.size(); ++dim) {
    if (sizes[dim] == 0)
      isEmpty = true;
    if (sizes[dim] == 1)
      continue;
    // The loop before continues in this one if all arrays are contiguous.
    bool continues = !merged.empty();
    for (unsigned i = 0; i < operands.size() && continues; ++i)
      continues = strides[i].back() == operands[i].strides[dim] * sizes[dim];
    if (continues)
      merged.back() *= sizes[dim];
    else
      merged.push_back(sizes[dim]);
    for (unsigned i = 0; i < operands.size(); ++i) {
      if (continues)
        strides[i].back() = operands[i].strides[dim];
      else
        strides[i].push_back(operands[i].strides[dim]);
    }
  }
  if (merged.empty()) {
    innerStrides.assign(operands.size(), 1);
    return;
  }
  count = merged.pop_back_val();
  outerSizes = merged;
  for (unsigned i = 0; i < operands.size(); ++i) {
    innerStrides.push_back(strides[i].pop_back_val());
    for (int64_t &stride : strides[i])
      stride *= operands[i].elementSize;
  }
  outerSteps = std::move(strides);
}

void LoopNest::run(Kernel kernel, ArrayRef<char *> bases) const {
  if (isEmpty)
    return;
  if (outerSizes.empty())
    return kernel(count, bases.data(), innerStrides.data());
  SmallVector<char *, 4> pointers(bases);
  SmallVector<int64_t, 4> position(outerSizes.size(), 0);
  while (true) {
    kernel(count, pointers.data(), innerStrides.data());
    int dim = outerSizes.size() - 1;
    for (; dim >= 0; --dim) {
      for (unsigned i = 0; i < pointers.size(); ++i)
        pointers[i] += outerSteps[i][dim];
      if (++position[dim] < outerSizes[dim])
        break;
      for (unsigned i = 0; i < pointers.size(); ++i)
        pointers[i] -= outerSteps[i][dim] * outerSizes[dim];
      position[dim] = 0;
    }
    if (dim < 0)
      return;
  }
}
