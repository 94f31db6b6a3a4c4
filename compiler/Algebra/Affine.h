//===-- compiler/Algebra/Affine.h - composition of affine maps --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The elements of a scan: maps h -> a (x) h (+) b for each structure of a,
/// with their composition (Blelloch 1990, section 1.4), identity, and value at
/// a state. Composition is associative and not commutative: `later` is the map
/// that is applied second.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ALGEBRA_AFFINE_H
#define RECUR_COMPILER_ALGEBRA_AFFINE_H

#include "compiler/Algebra/Semiring.h"

#include <array>
#include <cstddef>

namespace recur::algebra {

/// a is one number.
template <typename S> struct Diagonal {
  using Element = typename S::Element;
  using State = Element;
  Element a, b;

  static Diagonal identity() { return {S::one(), S::zero()}; }
  static Diagonal compose(const Diagonal &later, const Diagonal &earlier) {
    return {S::product(later.a, earlier.a),
            S::sum(S::product(later.a, earlier.b), later.b)};
  }
  State apply(const State &h) const { return S::sum(S::product(a, h), b); }
};

/// a is a K x K matrix, row-major; b has K rows.
template <typename S, size_t K> struct Block {
  using Element = typename S::Element;
  using State = std::array<Element, K>;
  std::array<std::array<Element, K>, K> a;
  State b;

  static Block identity() {
    Block result;
    for (size_t i = 0; i < K; ++i) {
      for (size_t j = 0; j < K; ++j)
        result.a[i][j] = i == j ? S::one() : S::zero();
      result.b[i] = S::zero();
    }
    return result;
  }
  State multiply(const State &h) const {
    State result;
    for (size_t i = 0; i < K; ++i) {
      result[i] = S::zero();
      for (size_t j = 0; j < K; ++j)
        result[i] = S::sum(result[i], S::product(a[i][j], h[j]));
    }
    return result;
  }
  static Block compose(const Block &later, const Block &earlier) {
    Block result;
    for (size_t i = 0; i < K; ++i)
      for (size_t j = 0; j < K; ++j) {
        result.a[i][j] = S::zero();
        for (size_t k = 0; k < K; ++k)
          result.a[i][j] = S::sum(result.a[i][j],
                                  S::product(later.a[i][k], earlier.a[k][j]));
      }
    result.b = later.apply(earlier.b);
    return result;
  }
  State apply(const State &h) const {
    State result = multiply(h);
    for (size_t i = 0; i < K; ++i)
      result[i] = S::sum(result[i], b[i]);
    return result;
  }
};

/// y = a_1 y[t-1] + ... + a_K y[t-K] + b as a block over (y[t], ..., y[t-K+1]).
template <typename S, size_t K>
Block<S, K> makeCompanion(const std::array<typename S::Element, K> &a,
                          const typename S::Element &b) {
  Block<S, K> result = Block<S, K>::identity();
  for (size_t j = 0; j < K; ++j) {
    for (size_t i = 1; i < K; ++i)
      result.a[i][j] = i == j + 1 ? S::one() : S::zero();
    result.a[0][j] = a[j];
  }
  result.b[0] = b;
  return result;
}

/// The state is a P x N matrix, a one number for all of it (Dao and Gu 2024,
/// SSD). The rank of b grows with composition, so it is held as a matrix.
template <typename S, size_t P, size_t N> struct OuterProduct {
  using Element = typename S::Element;
  using State = std::array<std::array<Element, N>, P>;
  Element a;
  State b;

  /// The map of one step: b = u v^T.
  static OuterProduct make(const Element &a, const std::array<Element, P> &u,
                           const std::array<Element, N> &v) {
    OuterProduct result;
    result.a = a;
    for (size_t p = 0; p < P; ++p)
      for (size_t n = 0; n < N; ++n)
        result.b[p][n] = S::product(u[p], v[n]);
    return result;
  }
  static OuterProduct identity() {
    OuterProduct result;
    result.a = S::one();
    for (auto &row : result.b)
      row.fill(S::zero());
    return result;
  }
  static OuterProduct compose(const OuterProduct &later,
                              const OuterProduct &earlier) {
    return {S::product(later.a, earlier.a), later.apply(earlier.b)};
  }
  State apply(const State &h) const {
    State result;
    for (size_t p = 0; p < P; ++p)
      for (size_t n = 0; n < N; ++n)
        result[p][n] = S::sum(S::product(a, h[p][n]), b[p][n]);
    return result;
  }
};

} // namespace recur::algebra

#endif // RECUR_COMPILER_ALGEBRA_AFFINE_H
