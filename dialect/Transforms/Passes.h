//===-- dialect/Transforms/Passes.h - recur to recur ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The passes from the recur dialect to itself and their registration.
//===----------------------------------------------------------------------===//
#ifndef RECUR_DIALECT_TRANSFORMS_PASSES_H
#define RECUR_DIALECT_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace recur {
#define GEN_PASS_DECL
#include "dialect/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

#endif // RECUR_DIALECT_TRANSFORMS_PASSES_H
