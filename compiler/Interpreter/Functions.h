//===-- compiler/Interpreter/Functions.h - the named functions in f64 -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The named functions of a step in f64, stable for every argument.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_FUNCTIONS_H
#define RECUR_COMPILER_INTERPRETER_FUNCTIONS_H

#include <cmath>
#include <limits>

namespace recur::interpreter {

inline double sigmoid(double x) {
  // exp of a negative argument never overflows.
  double e = std::exp(-std::fabs(x));
  return (x >= 0 ? 1.0 : e) / (1.0 + e);
}

/// The larger one; NaN if one is NaN.
inline double maximum(double x, double y) {
  return x > y || std::isnan(x) ? x : y;
}
inline double minimum(double x, double y) {
  return x < y || std::isnan(x) ? x : y;
}

inline double softplus(double x) {
  return maximum(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

inline double silu(double x) {
  // The limit; -inf * 0 would be NaN.
  return x == -std::numeric_limits<double>::infinity() ? -0.0 : x * sigmoid(x);
}

inline double logAddExp(double x, double y) {
  // Equal infinities: their difference is NaN, the sum is not.
  if (x == y)
    return x + M_LN2;
  return maximum(x, y) + std::log1p(std::exp(-std::fabs(x - y)));
}

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_FUNCTIONS_H
