//===-- compiler/Conversion/MathCoefficients.h ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The polynomials and split constants of the expanded functions, lowest degree
/// first; written by minimax.py, with the largest relative error of each.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_MATHCOEFFICIENTS_H
#define RECUR_COMPILER_CONVERSION_MATHCOEFFICIENTS_H

#include <cstdint>

namespace recur::math_coefficients {

/// exp(r) = 1 + r + r^2 c(r), |r| <= log(2)/2: error 2^-23.2.
inline constexpr double expF32[] = {
    0.499992311000824,
    0.16667115688323975,
    0.04189014807343483,
    0.008312471210956573};

/// exp(r) - 1 = r + r^2 c(r), |r| <= log(2)/2: error 2^-26.2.
inline constexpr double expm1F32[] = {
    0.4999999701976776,
    0.1666654348373413,
    0.04166720062494278,
    0.008366521447896957,
    0.0013882481725886464};

/// exp(r) - 1 = r + r^2 c(r), |r| <= log(2)/2: error 2^-55.6.
inline constexpr double expF64[] = {
    0.5000000000000006,
    0.16666666666666588,
    0.04166666666657676,
    0.008333333333389538,
    0.0013888888931565067,
    0.00019841269719036097,
    2.4801505273649037e-05,
    2.7557407516898023e-06,
    2.762603792267422e-07,
    2.5053782971033324e-08};

/// log(1 + f) = f - f^2/2 + f^3 c(f), 3/4 <= 1 + f <= 3/2: error 2^-27.6.
inline constexpr double logF32[] = {
    0.3333345055580139,
    -0.2500009536743164,
    0.19990861415863037,
    -0.1664731204509735,
    0.14478394389152527,
    -0.1316118836402893,
    0.10463015735149384,
    -0.045074786990880966};

/// log(1 + u) = u + u^2 c(u), 0 <= u <= 1: error 2^-27.5.
inline constexpr double log1pF32[] = {
    -0.4999993145465851,
    0.33330512046813965,
    -0.24958588182926178,
    0.19695401191711426,
    -0.1535540074110031,
    0.10680562257766724,
    -0.05766450986266136,
    0.02020462043583393,
    -0.003318480448797345};

/// log(1 + u) = u c(u), 0 <= u <= 1: relative error 2^-16.9.
inline constexpr double log1pApproximate[] = {
    0.9999915957450867,
    -0.4993613660335541,
    0.3252066969871521,
    -0.21004872024059296,
    0.10122229903936386,
    -0.02386915311217308};

/// 2 atanh(s) = 2 s + s z c(z), z = s^2, s = f / (2 + f), 3/4 <= 1 + f <= 3/2: error 2^-55.9.
inline constexpr double logF64[] = {
    0.6666666666667268,
    0.3999999999617692,
    0.2857142939282455,
    0.22222138684878404,
    0.18186349177000108,
    0.15250316057493302,
    0.1536726910132042};

/// 2 atanh(s) = 2 s + s z c(z), z = s^2, 0 <= s <= 1/3: error 2^-59.4.
inline constexpr double log1pF64[] = {
    0.6666666666666631,
    0.40000000000155117,
    0.2857142854811809,
    0.2222222395364013,
    0.18181744479349468,
    0.15386548385864757,
    0.13301121477774677,
    0.12104944075239409,
    0.08344975248546677,
    0.17009749557133066};

/// sin(r) = r + r z c(z), z = r^2, |r| <= pi/4: error 2^-28.0.
inline constexpr double sinF32[] = {
    -0.16666655242443085,
    0.00833216030150652,
    -0.00019515218446031213};

/// cos(r) = 1 - z/2 + z^2 c(z), z = r^2, |r| <= pi/4: error 2^-33.0.
inline constexpr double cosF32[] = {
    0.04166664555668831,
    -0.0013887315290048718,
    2.443308403599076e-05};

/// sin(r) = r + r z c(z), z = r^2, |r| <= pi/4: error 2^-57.9.
inline constexpr double sinF64[] = {
    -0.1666666666666663,
    0.008333333333322108,
    -0.0001984126982958021,
    2.7557313618013655e-06,
    -2.5050747215776312e-08,
    1.5896197430492693e-10};

/// cos(r) = 1 - z/2 + z^2 c(z), z = r^2, |r| <= pi/4: error 2^-64.0.
inline constexpr double cosF64[] = {
    0.041666666666666595,
    -0.001388888888887304,
    2.480158728884101e-05,
    -2.755731417611391e-07,
    2.087570039762149e-09,
    -1.1358512947994951e-11};

/// tanh(x) = x + x z c(z), z = x^2, |x| <= 5/8: error 2^-27.8.
inline constexpr double tanhF32[] = {
    -0.3333328068256378,
    0.13331441581249237,
    -0.05373971536755562,
    0.02063908614218235,
    -0.005704985000193119};

/// The same for |x| <= 1/4: error 2^-21.
inline constexpr double tanhQuick[] = {-0.3332457058, 0.1287639803};

/// log(2): times an integer of 9 bits, the first part is exact.
inline constexpr double log2F32[] = {
    0.693145751953125,
    1.428606765330187e-06};

/// log(2): times an integer of 12 bits, the first part is exact.
inline constexpr double log2F64[] = {
    0.693147180559663,
    2.8235290563031577e-13};

/// log2(e).
inline constexpr double log2eF32[] = {
    1.4426950216293335,
    1.925962855864327e-08};

/// pi/2 for f32 with fused multiply-adds.
inline constexpr double halfPiF32[] = {
    1.570796251296997,
    7.549789415861596e-08,
    5.390302529957765e-15};

/// pi/2 for f64: times an integer of 20 bits, the first three parts are exact.
inline constexpr double halfPiF64[] = {
    1.5707963267341256,
    6.077100506303966e-11,
    2.0222662487111665e-21,
    8.4784276603689e-32};

/// pi/2 as a sum of two f64.
inline constexpr double halfPiPairF64[] = {
    1.5707963267948966,
    6.123233995736765e-17};

/// The first 1280 bits of 2/pi behind the point, in words, most significant first.
inline constexpr uint32_t twoOverPi[] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599,
    0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0,
    0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5,
    0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4,
    0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b,
    0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1,
    0x1f8d5d08, 0x56033046, 0xfc7b6bab, 0xf0cfbc20, 0x9af4361d};

} // namespace recur::math_coefficients

#endif // RECUR_COMPILER_CONVERSION_MATHCOEFFICIENTS_H
