//===-- compiler/Analysis/Schedules.h - choice of schedules -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Decides which schedules of a scan are compiled for a target, in order of
/// preference for the layout that the spec declares.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_SCHEDULES_H
#define RECUR_COMPILER_ANALYSIS_SCHEDULES_H

#include "compiler/Target/TargetSpec.h"
#include "dialect/IR/Recur.h"

namespace recur {

/// What the dims of a scan are for a schedule.
struct LaneDims {
  /// Dims that a reduction sums up or that are renamed: loops inside one item.
  llvm::SmallBitVector inner;
  /// Of those, the dims that are summed up and not renamed: nothing is read at
  /// another position.
  llvm::SmallBitVector reduced;
  /// Dims that lanes can run along, without time.
  llvm::SmallBitVector parallel;
  /// The parallel dim that lanes run along, or -1.
  int channel = -1;
  /// How many operands that vary over time have time, or the channel, last.
  unsigned timeLast = 0, channelLast = 0;
};
LaneDims getLaneDims(ScanLikeOpInterface scan);

/// Whether all that a step of packed sequences has to know of its own is
/// whether it is the first there.
bool needsOnlyFirsts(ScanLikeOpInterface scan);

/// The schedules of `scan` for a target, the preferred one first.
/// `overrides` is empty or a list `lanes=d,width=8,contiguous=true,segment=64`,
/// any part of which may be missing; then only that schedule is made.
/// A wrong override is reported at the scan.
mlir::FailureOr<llvm::SmallVector<ScheduleAttr>>
chooseSchedules(ScanLikeOpInterface scan, const TargetSpec &target,
                llvm::StringRef overrides);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_SCHEDULES_H
