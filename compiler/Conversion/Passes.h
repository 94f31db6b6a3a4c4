//===-- compiler/Conversion/Passes.h - to kernels ---------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The conversion passes and their registration.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_PASSES_H
#define RECUR_COMPILER_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace recur {
#define GEN_PASS_DECL
#include "compiler/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Conversion/Passes.h.inc"
} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_PASSES_H
