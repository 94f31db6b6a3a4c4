//===-- SelectiveScanLoopsFastMath.cpp - loops with -O3 -march=native
//-ffast-math
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The loops of the selective scan, compiled with -O3 -march=native
/// -ffast-math.

#define TIME_OUTER scanTimeOuterFastMath
#define CHANNEL_OUTER scanChannelOuterFastMath
#include "SelectiveScanLoops.inc"
