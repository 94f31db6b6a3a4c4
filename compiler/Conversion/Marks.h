//===-- Marks.h - maps that leave nothing of a state ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The mark in the map of steps of which a reset has made one start anew: -0 in
/// its first entry (see Carrier::markRow), where every other zero is +0.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_MARKS_H
#define RECUR_COMPILER_CONVERSION_MARKS_H

#include "compiler/Conversion/Carriers.h"

namespace recur {

/// Whether a map starts anew, as a truth value or a vector of them; null for
/// carriers without marks.
mlir::Value isAnew(mlir::OpBuilder &builder, mlir::Location loc,
                   const Carrier &carrier, const Transition &map);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_MARKS_H
