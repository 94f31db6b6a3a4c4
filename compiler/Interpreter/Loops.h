//===-- compiler/Interpreter/Loops.h - loops of scalar functions -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Kernels made from scalar functions of one to three operands.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_LOOPS_H
#define RECUR_COMPILER_INTERPRETER_LOOPS_H

#include "compiler/Interpreter/LoopNest.h"

#include <complex>

namespace recur::interpreter {

using Complex = std::complex<double>;

// Unit and zero strides are spelled out so that they are vectorised. F is the
// type of a lambda without captures.

template <typename F, typename Out, typename A> struct Unary {
  static void run(int64_t n, char *const *p, const int64_t *s) {
    Out *__restrict out = reinterpret_cast<Out *>(p[0]);
    const A *a = reinterpret_cast<const A *>(p[1]);
    if (s[0] == 1 && s[1] == 1)
      for (int64_t i = 0; i < n; ++i)
        out[i] = F{}(a[i]);
    else
      for (int64_t i = 0; i < n; ++i)
        out[i * s[0]] = F{}(a[i * s[1]]);
  }
};

template <typename F, typename Out, typename A, typename B> struct Binary {
  static void run(int64_t n, char *const *p, const int64_t *s) {
    Out *__restrict out = reinterpret_cast<Out *>(p[0]);
    const A *a = reinterpret_cast<const A *>(p[1]);
    const B *b = reinterpret_cast<const B *>(p[2]);
    if (s[0] == 1 && s[1] == 1 && s[2] == 1)
      for (int64_t i = 0; i < n; ++i)
        out[i] = F{}(a[i], b[i]);
    else if (s[0] == 1 && s[1] == 0 && s[2] == 1)
      for (int64_t i = 0; i < n; ++i)
        out[i] = F{}(a[0], b[i]);
    else if (s[0] == 1 && s[1] == 1 && s[2] == 0)
      for (int64_t i = 0; i < n; ++i)
        out[i] = F{}(a[i], b[0]);
    else
      for (int64_t i = 0; i < n; ++i)
        out[i * s[0]] = F{}(a[i * s[1]], b[i * s[2]]);
  }
};

template <typename F, typename Out, typename A, typename B, typename C>
struct Ternary {
  static void run(int64_t n, char *const *p, const int64_t *s) {
    Out *__restrict out = reinterpret_cast<Out *>(p[0]);
    const A *a = reinterpret_cast<const A *>(p[1]);
    const B *b = reinterpret_cast<const B *>(p[2]);
    const C *c = reinterpret_cast<const C *>(p[3]);
    for (int64_t i = 0; i < n; ++i)
      out[i * s[0]] = F{}(a[i * s[1]], b[i * s[2]], c[i * s[3]]);
  }
};

/// Updates the first array with the second; a stride of 0 reduces.
template <typename F, typename T> struct Accumulate {
  static void run(int64_t n, char *const *p, const int64_t *s) {
    T *__restrict out = reinterpret_cast<T *>(p[0]);
    const T *a = reinterpret_cast<const T *>(p[1]);
    if (s[0] == 0) {
      T sum = *out;
      for (int64_t i = 0; i < n; ++i)
        sum = F{}(sum, a[i * s[1]]);
      *out = sum;
    } else if (s[0] == 1 && s[1] == 1) {
      for (int64_t i = 0; i < n; ++i)
        out[i] = F{}(out[i], a[i]);
    } else {
      for (int64_t i = 0; i < n; ++i)
        out[i * s[0]] = F{}(out[i * s[0]], a[i * s[1]]);
    }
  }
};

template <typename F> Kernel real1(F) { return Unary<F, double, double>::run; }
template <typename F> Kernel real2(F) {
  return Binary<F, double, double, double>::run;
}
template <typename F> Kernel real3(F) {
  return Ternary<F, double, double, double, double>::run;
}
template <typename F> Kernel complex1(F) {
  return Unary<F, Complex, Complex>::run;
}
template <typename F> Kernel complex2(F) {
  return Binary<F, Complex, Complex, Complex>::run;
}
/// Real functions of complex numbers.
template <typename F> Kernel realOfComplex1(F) {
  return Unary<F, double, Complex>::run;
}
template <typename F> Kernel realOfComplex2(F) {
  return Binary<F, double, Complex, Complex>::run;
}

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_LOOPS_H
