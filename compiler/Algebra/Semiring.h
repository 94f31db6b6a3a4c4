//===-- compiler/Algebra/Semiring.h - pairs of operators --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The semirings that a scan can run over. Each has an element type, the sum
/// (+) with its neutral element `zero` and the product (x) with `one`; zero
/// annihilates under (x), and (x) distributes over (+) from both sides.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ALGEBRA_SEMIRING_H
#define RECUR_COMPILER_ALGEBRA_SEMIRING_H

#include <algorithm>
#include <cmath>
#include <limits>

namespace recur::algebra {

/// Numbers (double or std::complex<double>) with + and *.
template <typename T> struct PlusTimes {
  using Element = T;
  static T zero() { return T(0); }
  static T one() { return T(1); }
  static T sum(const T &x, const T &y) { return x + y; }
  static T product(const T &x, const T &y) { return x * y; }
};

/// The larger of two numbers, NaN if one is NaN, and +.
struct MaxPlus {
  using Element = double;
  static double zero() { return -std::numeric_limits<double>::infinity(); }
  static double one() { return 0; }
  static double sum(double x, double y) {
    return std::isnan(x) || std::isnan(y) ? x + y : std::max(x, y);
  }
  static double product(double x, double y) {
    // -inf annihilates even +inf, whose sum would be NaN.
    return x == zero() || y == zero() ? zero() : x + y;
  }
};

struct MinPlus {
  using Element = double;
  static double zero() { return std::numeric_limits<double>::infinity(); }
  static double one() { return 0; }
  static double sum(double x, double y) {
    return std::isnan(x) || std::isnan(y) ? x + y : std::min(x, y);
  }
  static double product(double x, double y) {
    return x == zero() || y == zero() ? zero() : x + y;
  }
};

/// Probabilities by their logarithms: log(exp x + exp y) and +.
struct LogSumExp {
  using Element = double;
  static double zero() { return -std::numeric_limits<double>::infinity(); }
  static double one() { return 0; }
  static double sum(double x, double y) {
    // Equal operands cover equal infinities, whose difference is NaN.
    if (x == y)
      return x + (std::isinf(x) ? 0 : std::log(2.0));
    return std::max(x, y) + std::log1p(std::exp(-std::fabs(x - y)));
  }
  static double product(double x, double y) {
    return x == zero() || y == zero() ? zero() : x + y;
  }
};

struct OrAnd {
  using Element = bool;
  static bool zero() { return false; }
  static bool one() { return true; }
  static bool sum(bool x, bool y) { return x || y; }
  static bool product(bool x, bool y) { return x && y; }
};

} // namespace recur::algebra

#endif // RECUR_COMPILER_ALGEBRA_SEMIRING_H
