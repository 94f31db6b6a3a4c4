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

/// The dictionary of one recurrence: its dims, arguments, accesses and CPU
/// variants (see recur_info in recur/runtime.h).
mlir::DictionaryAttr describeArtifact(const Signature &signature,
                                      llvm::ArrayRef<mlir::Attribute> variants,
                                      bool isStep, mlir::Builder &builder);

/// Fails with a located diagnostic unless kernels can be made for the scan:
/// diagonal, over plus and times, with real states.
mlir::LogicalResult checkDiagonalReal(ScanOp scan);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_ARTIFACT_H
