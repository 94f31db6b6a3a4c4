//===-- Overlap.cpp - do two strided views share memory? ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Two views share a byte when base_x + sum(i_k s_k) + u = base_y + sum(j_k
/// r_k) + v has a solution within the bounds of the indices and of the bytes u
/// and v of an element. With every sign folded into the bound this is
/// sum(c_k x_k) = b with c_k > 0 and 0 <= x_k <= m_k: a search over the largest
/// coefficients first, cut by the range and the gcd of the rest, ends after a
/// few steps for the strides that tensors have.
#include "runtime/lib/Overlap.h"

#include <initializer_list>
#include <numeric>

using namespace recur::runtime;

namespace {

using Wide = __int128;

class BoundedEquation {
public:
  /// Adds the term coefficient * x with 0 <= x <= bound.
  void add(int64_t coefficient, int64_t bound) {
    if (bound == 0)
      return;
    int32_t k = 0;
    while (k < count && terms[k].coefficient > coefficient)
      ++k;
    if (k < count && terms[k].coefficient == coefficient) {
      terms[k].bound += bound;
      return;
    }
    for (int32_t j = count; j > k; --j)
      terms[j] = terms[j - 1];
    terms[k] = {coefficient, bound};
    ++count;
  }

  /// True when at least `wanted` assignments reach `target`, or when the
  /// search got too long to tell.
  bool hasSolutions(Wide target, int32_t wanted) {
    restSum[count] = 0;
    restGcd[count] = 0;
    for (int32_t k = count - 1; k >= 0; --k) {
      restSum[k] = restSum[k + 1] + terms[k].coefficient * terms[k].bound;
      restGcd[k] = std::gcd(terms[k].coefficient, restGcd[k + 1]);
    }
    missing = wanted;
    budget = 1 << 14;
    search(0, target);
    return missing <= 0 || budget <= 0;
  }

private:
  void search(int32_t k, Wide target) {
    if (--budget <= 0 || target < 0 || target > restSum[k])
      return;
    if (k == count) {
      --missing; // restSum[count] is 0, so target is
      return;
    }
    if (target % restGcd[k] != 0)
      return;
    const Term &term = terms[k];
    Wide first = 0;
    if (target > restSum[k + 1])
      first =
          (target - restSum[k + 1] + term.coefficient - 1) / term.coefficient;
    Wide last = target / term.coefficient;
    if (last > term.bound)
      last = term.bound;
    for (Wide x = first; x <= last && missing > 0 && budget > 0; ++x)
      search(k + 1, target - x * term.coefficient);
  }

  struct Term {
    int64_t coefficient;
    Wide bound;
  };
  // Two tensors and the bytes of an element; checked arguments have at most
  // maxRank dims each.
  static constexpr int32_t capacity = 2 * 64 + 2;
  Term terms[capacity];
  Wide restSum[capacity + 1];
  int64_t restGcd[capacity + 1];
  int32_t count = 0;
  int32_t missing = 0;
  int32_t budget = 0;
};

int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

} // namespace

bool StridedView::empty() const {
  for (int32_t k = 0; k < rank; ++k)
    if (sizes[k] == 0)
      return true;
  return false;
}

ByteRange recur::runtime::byteRange(const StridedView &view) {
  if (view.empty())
    return {view.address, view.address};
  int64_t lowest = 0, highest = 0;
  for (int32_t k = 0; k < view.rank; ++k) {
    int64_t reach = (view.sizes[k] - 1) * view.strides[k];
    (reach < 0 ? lowest : highest) += reach;
  }
  return {view.address + lowest * view.elementBytes,
          view.address + (highest + 1) * view.elementBytes};
}

bool recur::runtime::overlapsItself(const StridedView &view) {
  if (view.empty())
    return false;
  // Differences d_k of two indices reach 0 only with all d_k = 0; d_k is
  // shifted by size - 1 to start at zero, and that one solution is expected.
  BoundedEquation difference;
  Wide target = 0;
  bool nested = true;
  for (int32_t k = 0; k < view.rank; ++k) {
    if (view.sizes[k] == 1)
      continue;
    int64_t stride = magnitude(view.strides[k]), reach = view.sizes[k] - 1;
    if (stride == 0)
      return true;
    // Row-major nesting, the usual case, needs no search: this stride is
    // longer than all that the later dims reach.
    int64_t inner = 0;
    for (int32_t j = 0; j < view.rank; ++j) {
      if (j == k || view.sizes[j] == 1)
        continue;
      int64_t other = magnitude(view.strides[j]);
      if (other == stride)
        return true;
      if (other < stride)
        inner += (view.sizes[j] - 1) * other;
    }
    nested &= inner < stride;
    difference.add(stride, 2 * reach);
    target += Wide(stride) * reach;
  }
  return !nested && difference.hasSolutions(target, 2);
}

bool recur::runtime::overlap(const StridedView &x, const StridedView &y) {
  if (x.empty() || y.empty())
    return false;
  ByteRange xBytes = byteRange(x), yBytes = byteRange(y);
  if (xBytes.end <= yBytes.begin || yBytes.end <= xBytes.begin)
    return false;
  // Offsets of x count up from its lowest byte, those of y down from its
  // highest: x.begin + (...) = y.end - 1 - (...).
  BoundedEquation equation;
  for (const StridedView *view : {&x, &y}) {
    for (int32_t k = 0; k < view->rank; ++k)
      if (view->strides[k] != 0)
        equation.add(magnitude(view->strides[k]) * view->elementBytes,
                     view->sizes[k] - 1);
    equation.add(1, view->elementBytes - 1);
  }
  return equation.hasSolutions(Wide(yBytes.end) - 1 - Wide(xBytes.begin), 1);
}
