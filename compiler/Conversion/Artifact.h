//===-- Artifact.h - what the host interface says of a recurrence -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The module attribute that conversions leave for the host interface.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_ARTIFACT_H
#define RECUR_COMPILER_CONVERSION_ARTIFACT_H

#include "compiler/Conversion/Signature.h"

namespace recur {

/// Module attribute: an array with one dictionary for each recurrence.
inline constexpr llvm::StringLiteral kArtifactsAttr = "recur.artifacts";

/// Keys of an artifact's variants: what recur-convert-to-cpu and
/// recur-convert-to-gpu add.
inline constexpr llvm::StringLiteral kCpuVariants = "cpu_variants";
inline constexpr llvm::StringLiteral kGpuVariants = "gpu_variants";

/// Adds `variants` under `key` to what the module says of the recurrence in
/// `function`: its dims, arguments, accesses and variants (see recur_info in
/// recur/runtime.h). Fails with a diagnostic for a recurrence that the C ABI
/// cannot describe.
mlir::LogicalResult addVariants(mlir::func::FuncOp function,
                                const Signature &signature, llvm::StringRef key,
                                llvm::ArrayRef<mlir::Attribute> variants);

/// Whether kernels cover the algebra, the types and the lags of `scan`; fails
/// with a diagnostic if they do not.
mlir::LogicalResult checkCovered(ScanLikeOpInterface scan);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_ARTIFACT_H
