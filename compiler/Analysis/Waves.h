//===-- Waves.h - scans whose inner points are independent ------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Which scans the schedule `wave` computes.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_WAVES_H
#define RECUR_COMPILER_ANALYSIS_WAVES_H

#include "dialect/IR/Recur.h"

namespace recur {

/// Whether a scan has inner dims over which all of its states vary, each point
/// by itself, f32 states, and dim `lane` in every state and result; its outputs
/// reduce all inner dims at once or have them all.
bool hasWaves(ScanLikeOpInterface scan, unsigned lane);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_WAVES_H
