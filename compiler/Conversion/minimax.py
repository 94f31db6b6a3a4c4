#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Computes the polynomials of MathCoefficients.h.

Each is the minimax polynomial (Remez's exchange algorithm on a dense grid, 60
digits) of the weighted error that its function's relative error is made of;
the leading coefficients of each series (1, x, ...) stay exact in the formulas
that use the polynomial. Coefficients are rounded to the format afterwards.
Needs mpmath. Usage: minimax.py > MathCoefficients.h
"""

import struct

from mpmath import mp, mpf, exp, expm1, log1p, atanh, sin, cos, tanh, sqrt, pi, log, lu_solve, matrix

mp.dps = 60


def minimax(function, weight, low, high, degree, points=1200):
    """Coefficients c with max weight * |c(x) - function(x)| minimal."""
    low, high = mpf(low), mpf(high)
    grid = [(low + high) / 2 - (high - low) / 2 * cos(pi * (i + mpf(1) / 2) / points)
            for i in range(points)]
    values = [function(x) for x in grid]
    weights = [weight(x) for x in grid]
    count = degree + 2
    chosen = [int((1 - cos(pi * (i + 0.5) / count)) / 2 * points) for i in range(count)]
    for _ in range(40):
        system, right = matrix(count, count), matrix(count, 1)
        for row, i in enumerate(chosen):
            for k in range(degree + 1):
                system[row, k] = grid[i] ** k
            system[row, degree + 1] = (-1) ** row / weights[i]
            right[row] = values[i]
        solution = lu_solve(system, right)
        c = [solution[k] for k in range(degree + 1)]
        error = []
        for x, v, w in zip(grid, values, weights):
            y = mpf(0)
            for a in reversed(c):
                y = y * x + a
            error.append((y - v) * w)
        # The largest error of each run of one sign.
        extrema, start = [], 0
        for i in range(1, points + 1):
            if i == points or (error[i] > 0) != (error[start] > 0):
                extrema.append(max(range(start, i), key=lambda j: abs(error[j])))
                start = i
        while len(extrema) > count:
            extrema.pop(0 if abs(error[extrema[0]]) < abs(error[extrema[-1]]) else -1)
        if len(extrema) < count:
            raise RuntimeError("the error does not alternate often enough")
        largest = max(abs(e) for e in error)
        level = min(abs(error[i]) for i in extrema)
        chosen = extrema
        if largest < level * mpf("1.001"):
            break
    return c, largest


def emit(name, comment, bits, *arguments):
    c, error = minimax(*arguments)
    # repr of the rounded value reads back to the same double (or float).
    if bits == 24:
        text = [repr(struct.unpack("f", struct.pack("f", float(a)))[0]) for a in c]
    else:
        text = [repr(float(a)) for a in c]
    print(f"/// {comment}: error 2^{float(log(error, 2)):.1f}.")
    print(f"inline constexpr double {name}[] = {{\n    " + ",\n    ".join(text) + "};\n")


def emit_table(name, comment, function, degree, count):
    """Polynomials of r for function(n + r), |r| <= 1/2, n = 0 ... count - 1; of
    each coefficient the numbers of all n."""
    rows, largest = [], mpf(0)
    for n in range(count):
        c, error = minimax(lambda r: function(n + r), lambda r: 1 / function(n + r),
                           mpf(-1) / 2, mpf(1) / 2, degree, 200)
        rows.append([repr(struct.unpack("f", struct.pack("f", float(a)))[0]) for a in c])
        largest = max(largest, error)
    print(f"/// {comment}: error 2^{float(log(largest, 2)):.1f}.")
    print(f"inline constexpr double {name}[][{count}] = {{")
    for k in range(degree + 1):
        lines = [", ".join(row[k] for row in rows[i:i + 4]) for i in range(0, count, 4)]
        print("    {" + ",\n     ".join(lines) + "}" + ("," if k < degree else "};\n"))


def truncated(value, bits):
    """The leading `bits` bits of value, rounded down."""
    scale = mpf(2) ** (bits - 1 - int(mp.floor(log(value, 2))))
    return mp.floor(value * scale) / scale


def parts(name, comment, value, widths):
    print(f"/// {comment}.")
    rest, text = mpf(value), []
    for bits in widths:
        part = truncated(rest, bits)
        rest -= part
        text.append(repr(float(part)))
    print(f"inline constexpr double {name}[] = {{\n    " + ",\n    ".join(text) + "};\n")


HEAD = """//===-- compiler/Conversion/MathCoefficients.h ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \\file
/// The polynomials and split constants of the expanded functions, lowest degree
/// first; written by minimax.py, with the largest relative error of each.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_MATHCOEFFICIENTS_H
#define RECUR_COMPILER_CONVERSION_MATHCOEFFICIENTS_H

#include <cstdint>

namespace recur::math_coefficients {
"""


def main():
    print(HEAD)
    half = log(2) / 2 * mpf("1.0001")
    exp_rest = lambda r: (exp(r) - 1 - r) / r**2 if abs(r) > 1e-8 else mpf(1) / 2 + r / 6 + r * r / 24
    by_exp = lambda r: r**2 / exp(r)
    by_expm1 = lambda r: abs(r**2 / expm1(r))
    emit("expF32", "exp(r) = 1 + r + r^2 c(r), |r| <= log(2)/2", 24, exp_rest, by_exp, -half, half, 3)
    emit("expm1F32", "exp(r) - 1 = r + r^2 c(r), |r| <= log(2)/2", 24, exp_rest, by_expm1, -half, half, 4)
    emit("expF64", "exp(r) - 1 = r + r^2 c(r), |r| <= log(2)/2", 53, exp_rest, by_expm1, -half, half, 9)

    emit("logF32", "log(1 + f) = f - f^2/2 + f^3 c(f), 3/4 <= 1 + f <= 3/2", 24,
         lambda f: (log1p(f) - f + f * f / 2) / f**3, lambda f: abs(f**3 / log1p(f)),
         mpf(-1) / 4, mpf(1) / 2, 7)
    emit("log1pF32", "log(1 + u) = u + u^2 c(u), 0 <= u <= 1", 24,
         lambda u: (log1p(u) - u) / u**2, lambda u: u**2 / log1p(u), mpf("1e-6"), 1, 8)
    emit_table("softplusF32", "log(1 + exp(-n - r)) = c_n(r), |r| <= 1/2, n < 32",
               lambda d: log1p(exp(-d)), 6, 32)
    series = lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z
    weight = lambda z: z * sqrt(z) / (2 * atanh(sqrt(z)))
    emit("logF64", "2 atanh(s) = 2 s + s z c(z), z = s^2, s = f / (2 + f), 3/4 <= 1 + f <= 3/2", 53,
         series, weight, mpf("1e-9"), mpf(1) / 25, 6)
    emit("log1pF64", "2 atanh(s) = 2 s + s z c(z), z = s^2, 0 <= s <= 1/3", 53,
         series, weight, mpf("1e-9"), mpf(1) / 9, 9)

    quarter = (pi / 4 * mpf("1.0001")) ** 2
    sin_rest = lambda z: (sin(sqrt(z)) - sqrt(z)) / (z * sqrt(z))
    sin_weight = lambda z: z * sqrt(z) / sin(sqrt(z))
    cos_rest = lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2
    cos_weight = lambda z: z**2 / cos(sqrt(z))
    tiny = mpf("1e-7")
    emit("sinF32", "sin(r) = r + r z c(z), z = r^2, |r| <= pi/4", 24, sin_rest, sin_weight, tiny, quarter, 2)
    emit("cosF32", "cos(r) = 1 - z/2 + z^2 c(z), z = r^2, |r| <= pi/4", 24, cos_rest, cos_weight, tiny, quarter, 2)
    emit("sinF64", "sin(r) = r + r z c(z), z = r^2, |r| <= pi/4", 53, sin_rest, sin_weight, tiny, quarter, 5)
    emit("cosF64", "cos(r) = 1 - z/2 + z^2 c(z), z = r^2, |r| <= pi/4", 53, cos_rest, cos_weight, tiny, quarter, 5)
    emit("tanhF32", "tanh(x) = x + x z c(z), z = x^2, |x| <= 5/8", 24,
         lambda z: (tanh(sqrt(z)) - sqrt(z)) / (z * sqrt(z)), lambda z: z * sqrt(z) / tanh(sqrt(z)),
         tiny, mpf(25) / 64, 4)

    parts("log2F32", "log(2): times an integer of 9 bits, the first part is exact", log(2), [15, 24])
    parts("log2F64", "log(2): times an integer of 12 bits, the first part is exact", log(2), [41, 53])
    parts("log2eF32", "log2(e)", 1 / log(2), [24, 24])
    parts("halfPiF32", "pi/2 for f32 with fused multiply-adds", pi / 2, [24, 24, 24])
    parts("halfPiF64", "pi/2 for f64: times an integer of 20 bits, the first three parts are exact",
          pi / 2, [33, 33, 33, 53])
    parts("halfPiPairF64", "pi/2 as a sum of two f64", pi / 2, [53, 53])
    mp.dps = 500
    bits = int(mp.floor(2 / pi * mpf(2) ** (32 * 40)))
    text = [f"0x{(bits >> (32 * (39 - i))) & 0xFFFFFFFF:08x}" for i in range(40)]
    print("/// The first 1280 bits of 2/pi behind the point, in words, most significant first.")
    print("inline constexpr uint32_t twoOverPi[] = {\n    " + ",\n    ".join(
        ", ".join(text[i:i + 5]) for i in range(0, 40, 5)) + "};\n")
    print("} // namespace recur::math_coefficients\n")
    print("#endif // RECUR_COMPILER_CONVERSION_MATHCOEFFICIENTS_H")


main()
