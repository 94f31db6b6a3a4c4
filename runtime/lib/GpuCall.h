//===-- GpuCall.h - one call on a GPU ---------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Plans a call on the device that the arguments are on, and puts its kernels
/// into the caller's stream.
#ifndef RECUR_RUNTIME_LIB_GPUCALL_H
#define RECUR_RUNTIME_LIB_GPUCALL_H

#include "runtime/lib/GpuRepeat.h"

namespace recur::runtime {

/// The plan of a call whose arguments are on a GPU. Returns RECUR_OK or the
/// status after `fail`.
int planOnGpu(const CheckedArguments &arguments, GpuPlan &plan);

/// Plans and launches what was asked for with these arguments, and remembers
/// it. Returns RECUR_OK or the status after `fail`.
int callOnGpu(const CheckedArguments &arguments, const GpuRequest &request);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUCALL_H
