//===-- compiler/Algebra/SparseMap.h - maps with known entries --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The maps h -> A (x) h (+) b of K numbers over a semiring, where some entries
/// of A are known to be zero or one in every step: how such knowledge composes,
/// and the composition and application that it leaves to compute. A diagonal, a
/// triangular and a companion matrix differ in their patterns alone.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ALGEBRA_SPARSEMAP_H
#define RECUR_COMPILER_ALGEBRA_SPARSEMAP_H

#include <optional>
#include <vector>

namespace recur::algebra {

/// What is known of an entry of a matrix. A matrix that rotates and scales has
/// the rows (c, -s) and (s, c): its second column is `Opposite`, minus the
/// entry (1, 0), and `Same`, the entry (0, 0).
enum class Entry : unsigned char { Zero, One, Any, Same, Opposite };

/// What is known of the entries of a square matrix.
class Pattern {
public:
  explicit Pattern(unsigned size = 0, Entry fill = Entry::Zero)
      : order(size), entries(size * size, fill) {}

  static Pattern identity(unsigned size) {
    Pattern result(size);
    for (unsigned i = 0; i < size; ++i)
      result(i, i) = Entry::One;
    return result;
  }

  /// Of the products of complex numbers on pairs of reals.
  static Pattern rotation() {
    Pattern result(2, Entry::Any);
    result(0, 1) = Entry::Opposite;
    result(1, 1) = Entry::Same;
    return result;
  }
  bool isRotation() const { return order == 2 && *this == rotation(); }

  unsigned size() const { return order; }
  Entry operator()(unsigned row, unsigned column) const {
    return entries[row * order + column];
  }
  Entry &operator()(unsigned row, unsigned column) {
    return entries[row * order + column];
  }
  bool operator==(const Pattern &other) const = default;

  /// How many entries are not known.
  unsigned count() const {
    unsigned number = 0;
    for (Entry entry : entries)
      number += entry == Entry::Any;
    return number;
  }
  /// The number of an unknown entry among them, row by row.
  unsigned index(unsigned row, unsigned column) const {
    unsigned number = 0;
    for (unsigned i = 0; i < row * order + column; ++i)
      number += entries[i] == Entry::Any;
    return number;
  }

  /// What is known of the product of two matrices.
  static Pattern multiply(const Pattern &x, const Pattern &y) {
    Pattern result(x.order);
    for (unsigned i = 0; i < x.order; ++i)
      for (unsigned j = 0; j < x.order; ++j) {
        unsigned terms = 0;
        bool one = true;
        for (unsigned k = 0; k < x.order; ++k) {
          if (x(i, k) == Entry::Zero || y(k, j) == Entry::Zero)
            continue;
          ++terms;
          one = one && x(i, k) == Entry::One && y(k, j) == Entry::One;
        }
        if (terms > 0)
          result(i, j) = terms == 1 && one ? Entry::One : Entry::Any;
      }
    return result;
  }

  /// What is known of a matrix that is of one pattern or of the other.
  static Pattern join(const Pattern &x, const Pattern &y) {
    Pattern result = x;
    for (unsigned i = 0; i < result.entries.size(); ++i)
      if (result.entries[i] != y.entries[i])
        result.entries[i] = Entry::Any;
    return result;
  }

  /// What is known of every product of matrices of this pattern, the empty
  /// product (the identity) included.
  Pattern closure() const {
    if (isRotation())
      return *this;
    Pattern result = identity(order);
    for (;;) {
      Pattern wider =
          join(result, join(multiply(*this, result), multiply(result, result)));
      if (wider == result)
        return result;
      result = wider;
    }
  }

private:
  unsigned order;
  std::vector<Entry> entries;
};

/// h -> A (x) h (+) b. `entries` are those that `pattern` does not know, row by
/// row; a part of b without a value is zero.
template <typename Number> struct SparseMap {
  Pattern pattern;
  std::vector<Number> entries;
  std::vector<std::optional<Number>> rest;
};

/// The entry of `map` at a position. `Ops` has zero(), one(), sum(x, y),
/// product(x, y) and, for rotations, negate(x) of numbers.
template <typename Ops, typename Number>
Number getEntry(Ops &ops, const SparseMap<Number> &map, unsigned row,
                unsigned column) {
  switch (map.pattern(row, column)) {
  case Entry::Zero:
    return ops.zero();
  case Entry::One:
    return ops.one();
  case Entry::Any:
    break;
  case Entry::Same:
    return map.entries[map.pattern.index(0, 0)];
  case Entry::Opposite:
    return ops.negate(map.entries[map.pattern.index(1, 0)]);
  }
  return map.entries[map.pattern.index(row, column)];
}

/// `map` with what is known of it reduced to `wider`.
template <typename Ops, typename Number>
SparseMap<Number> widen(Ops &ops, const SparseMap<Number> &map,
                        const Pattern &wider) {
  SparseMap<Number> result{wider, {}, map.rest};
  for (unsigned i = 0; i < wider.size(); ++i)
    for (unsigned j = 0; j < wider.size(); ++j)
      if (wider(i, j) == Entry::Any)
        result.entries.push_back(getEntry(ops, map, i, j));
  return result;
}

/// The map that changes nothing.
template <typename Ops, typename Number>
SparseMap<Number> makeIdentity(Ops &ops, const Pattern &pattern) {
  SparseMap<Number> known{Pattern::identity(pattern.size()), {}, {}};
  known.rest.resize(pattern.size());
  return widen(ops, known, pattern);
}

/// Row `row` of A (x) h (+) b; nothing if it is zero. A part of h without a
/// value is zero. The sum begins with b, which is there before h: the chain
/// from step to step then has but the products, each fused with an addition.
template <typename Ops, typename Number>
std::optional<Number>
applyRow(Ops &ops, const SparseMap<Number> &map, unsigned row,
         const std::vector<std::optional<Number>> &state) {
  std::optional<Number> total = map.rest[row];
  for (unsigned j = 0; j < map.pattern.size(); ++j) {
    Entry entry = map.pattern(row, j);
    if (entry == Entry::Zero || !state[j])
      continue;
    Number term = entry == Entry::One
                      ? *state[j]
                      : ops.product(getEntry(ops, map, row, j), *state[j]);
    total = total ? ops.sum(term, *total) : term;
  }
  return total;
}

/// A (x) h (+) b.
template <typename Ops, typename Number>
std::vector<Number> apply(Ops &ops, const SparseMap<Number> &map,
                          const std::vector<Number> &state) {
  std::vector<std::optional<Number>> known(state.begin(), state.end());
  std::vector<Number> result;
  for (unsigned row = 0; row < map.pattern.size(); ++row) {
    std::optional<Number> value = applyRow(ops, map, row, known);
    result.push_back(value ? *value : ops.zero());
  }
  return result;
}

/// The sum of terms, one after the other, or as `Ops` has it.
template <typename Ops, typename Number>
Number sumAll(Ops &ops, const std::vector<Number> &terms) {
  if constexpr (requires { ops.sumAll(terms); })
    return ops.sumAll(terms);
  Number total = terms.front();
  for (unsigned i = 1; i < terms.size(); ++i)
    total = ops.sum(total, terms[i]);
  return total;
}

/// The matrix of the map that applies `earlier` and then `later`, in the layout
/// of `pattern`.
template <typename Ops, typename Number>
std::vector<Number> multiply(Ops &ops, const SparseMap<Number> &later,
                             const SparseMap<Number> &earlier,
                             const Pattern &pattern) {
  std::vector<Number> result;
  unsigned size = pattern.size();
  for (unsigned i = 0; i < size; ++i)
    for (unsigned j = 0; j < size; ++j) {
      if (pattern(i, j) != Entry::Any)
        continue;
      std::vector<Number> terms;
      for (unsigned k = 0; k < size; ++k) {
        Entry left = later.pattern(i, k), right = earlier.pattern(k, j);
        if (left == Entry::Zero || right == Entry::Zero)
          continue;
        Number term = left == Entry::One ? getEntry(ops, earlier, k, j)
                      : right == Entry::One
                          ? getEntry(ops, later, i, k)
                          : ops.product(getEntry(ops, later, i, k),
                                        getEntry(ops, earlier, k, j));
        terms.push_back(term);
      }
      result.push_back(terms.empty() ? ops.zero() : sumAll(ops, terms));
    }
  return result;
}

/// The map that applies `earlier` and then `later`, in the layout of `pattern`.
template <typename Ops, typename Number>
SparseMap<Number> compose(Ops &ops, const SparseMap<Number> &later,
                          const SparseMap<Number> &earlier,
                          const Pattern &pattern) {
  SparseMap<Number> result{pattern, multiply(ops, later, earlier, pattern), {}};
  for (unsigned row = 0; row < pattern.size(); ++row)
    result.rest.push_back(applyRow(ops, later, row, earlier.rest));
  return result;
}

} // namespace recur::algebra

#endif // RECUR_COMPILER_ALGEBRA_SPARSEMAP_H
