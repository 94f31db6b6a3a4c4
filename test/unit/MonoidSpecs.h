//===-- test/unit/MonoidSpecs.h - operators on tuples -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Definitions of monoids, as the heads of specs that CPU and GPU kernels are
/// tested with; macros, since the specs are literals.
#ifndef RECUR_TEST_UNIT_MONOIDSPECS_H
#define RECUR_TEST_UNIT_MONOIDSPECS_H

/// Affine maps h -> a h + b, the later one applied second: no commuting.
#define AFFINE(dtype)                                                          \
  "monoid affine(a, b): " #dtype " {\n  identity 1, 0\n  combine(p, q) {\n"    \
  "    a = q.a * p.a\n    b = q.a * p.b + q.b\n  }\n}\n"

/// Matrices of two rows; rotations do not commute with reflections.
#define MATRIX                                                                 \
  "monoid matrix(a, b, c, d): f64 {\n  identity 1, 0, 0, 1\n"                  \
  "  combine(p, q) {\n    a = q.a * p.a + q.b * p.c\n"                         \
  "    b = q.a * p.b + q.b * p.d\n    c = q.c * p.a + q.d * p.c\n"             \
  "    d = q.c * p.b + q.d * p.d\n  }\n}\n"

/// The logarithm of a sum of exponentials, over an inner dim.
#define LOG_SUM(dtype)                                                         \
  "monoid f(m, l): " #dtype " {\n  identity -inf, 0\n  combine(p, q) {\n"      \
  "    m = max(p.m, q.m)\n"                                                    \
  "    l = select(p.m == -inf, 0, p.l * exp(p.m - m))\n"                       \
  "      + select(q.m == -inf, 0, q.l * exp(q.m - m))\n  }\n}\n"               \
  "recurrence r over t (x[b,t,d], w[d,n]) -> (y[b,t,d]) {\n"                   \
  "  state s[b,d,n]: f\n  s = f(prev(s), (x * w, 1))\n"                        \
  "  y = sum(n: log(s.l) + s.m)\n}\n"

#endif // RECUR_TEST_UNIT_MONOIDSPECS_H
