//===-- compiler/Conversion/ExpandMath.h - functions to arithmetic *- C++ -*-=//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Patterns that replace mathematical functions by arithmetic.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_EXPANDMATH_H
#define RECUR_COMPILER_CONVERSION_EXPANDMATH_H

#include "mlir/IR/PatternMatch.h"

#include <optional>

namespace recur {

/// Attribute of a kernel function: the target it is for.
inline constexpr llvm::StringLiteral kTargetAttr = "recur.target";

/// Discardable attribute of a function that a GPU may compute with a relative
/// error of 1e-5 within [-30, 30]: what feeds 16-bit results alone.
inline constexpr llvm::StringLiteral kApproximateAttr = "recur.approximate";

/// Discardable attribute of a sigmoid, silu or tanh on whose f32 a GPU has to
/// wait: as few instructions one after the other as leave a relative error of
/// 1e-6 within [-10, 10], and of 1e-7 |x| below.
inline constexpr llvm::StringLiteral kQuickAttr = "recur.quick";

/// Discardable attribute of a tanh between tensors of 16 bits, of which a GPU
/// may leave a relative error of 2^-11, a quarter of what their rounding does.
inline constexpr llvm::StringLiteral kCoarseAttr = "recur.coarse";

/// What the expansions may use.
struct ExpandMathOptions {
  /// NVPTX's approximate instructions for f32.
  bool gpu = false;
  /// A fused multiply-add instruction; without it, products are rounded.
  bool fma = false;
  /// AVX-512's scaling by powers of two and splitting into exponent and
  /// mantissa, on vectors of 128, 256 and 512 bits.
  bool avx512 = false;
  /// The op has kApproximateAttr (and gpu).
  bool approximate = false;
  /// The op has kQuickAttr (and gpu).
  bool quick = false;
  /// The op has kCoarseAttr (and gpu).
  bool coarse = false;

  /// The options of cpu, x86-64-v2, x86-64-v3, x86-64-v4 or gpu.
  static std::optional<ExpandMathOptions> forTarget(llvm::StringRef target);
};

/// Adds the patterns that expand functions of f32 and f64 scalars and rank-1
/// vectors. Errors in units in the last place are in ExpandMath.cpp.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns,
                                const ExpandMathOptions &options);

/// Adds the patterns that convert f32 and f64 to f16 and bf16, and f16 back, by
/// integer arithmetic where a CPU has no instruction. f64 is rounded to f32
/// first.
void populateExpandNarrowFloatPatterns(mlir::RewritePatternSet &patterns,
                                       const ExpandMathOptions &options);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_EXPANDMATH_H
