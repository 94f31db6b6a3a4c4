//===-- compiler/Interpreter/Access.cpp - a tensor read through a map
//--------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds accesses from maps and copies arrays through them.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/Access.h"

#include <cstring>

using namespace mlir;
using namespace recur;
using namespace recur::interpreter;

SmallVector<int64_t> recur::interpreter::getStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int axis = int(shape.size()) - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

int64_t recur::interpreter::evaluateIndex(AffineExpr expr, int64_t value) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return value;
  int64_t lhs = evaluateIndex(binary.getLHS(), value);
  int64_t rhs = evaluateIndex(binary.getRHS(), value);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::FloorDiv:
    return lhs / rhs - (lhs % rhs < 0);
  default: // Mod
    return lhs % rhs < 0 ? lhs % rhs + rhs : lhs % rhs;
  }
}

int recur::interpreter::getIndexDim(AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition();
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr))
    return getIndexDim(binary.getLHS());
  return -1;
}

/// Whether the index is its dim plus a constant.
static bool isShifted(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  return !binary || (binary.getKind() == AffineExprKind::Add &&
                     isShifted(binary.getLHS()));
}

Access::Access(AffineMap map, SpaceAttr space, const Array &array,
               ArrayRef<int64_t> sizes)
    : strides(space.getRank(), 0), tables(space.getRank()) {
  elementSize =
      array.isComplex() ? sizeof(std::complex<double>) : sizeof(double);
  data = array.isComplex()
             ? reinterpret_cast<const char *>(array.complex().data())
             : reinterpret_cast<const char *>(array.real().data());
  SmallVector<int64_t> axisStrides = getStrides(array.shape);
  for (auto [expr, stride] : llvm::zip(map.getResults(), axisStrides)) {
    int dim = getIndexDim(expr);
    if (dim == int(space.getTime())) {
      strides[dim] += stride;
    } else if (isShifted(expr)) {
      offset += evaluateIndex(expr, 0) * stride;
      if (dim >= 0)
        strides[dim] += stride;
    } else {
      tables[dim].resize(sizes[dim]);
      for (int64_t i = 0; i < sizes[dim]; ++i)
        tables[dim][i] += evaluateIndex(expr, i) * stride;
    }
  }
  // A dim may occur in an index of either form.
  for (unsigned dim = 0; dim < tables.size(); ++dim)
    for (auto [i, entry] : llvm::enumerate(tables[dim]))
      entry += int64_t(i) * strides[dim];
}

void Access::copy(char *out, ArrayRef<unsigned> dims, ArrayRef<int64_t> starts,
                  ArrayRef<int64_t> sizes, int64_t extraOffset) const {
  if (dims.empty()) {
    std::memcpy(out, data + (offset + extraOffset) * elementSize, elementSize);
    return;
  }
  unsigned dim = dims.front();
  int64_t volume = elementSize;
  for (unsigned inner : dims.drop_front())
    volume *= sizes[inner];
  bool isInner = dims.size() == 1;
  for (int64_t i = 0; i < sizes[dim]; ++i, out += volume) {
    int64_t position = starts[dim] + i;
    int64_t term = extraOffset + (tables[dim].empty() ? strides[dim] * position
                                                      : tables[dim][position]);
    if (isInner)
      std::memcpy(out, data + (offset + term) * elementSize, elementSize);
    else
      copy(out, dims.drop_front(), starts, sizes, term);
  }
}
