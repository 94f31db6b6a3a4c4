//===-- SelectiveScanLoops.cpp - loops with -O3 -march=native
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The loops of the selective scan, compiled with -O3 -march=native.

#define TIME_OUTER scanTimeOuter
#define CHANNEL_OUTER scanChannelOuter
#include "SelectiveScanLoops.inc"
