//===-- RunOnGpu.h - recurc run on a GPU ------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs a compiled recurrence on arrays of the host with a GPU.
#ifndef RECUR_COMPILER_TOOLS_RECURC_RUNONGPU_H
#define RECUR_COMPILER_TOOLS_RECURC_RUNONGPU_H

#include "compiler/Driver/Arrays.h"
#include "compiler/Driver/Gpu.h"

namespace recur::recurc {

/// Copies the arguments to the GPU, calls, and copies the results back. With
/// `isTimed` calls until the median is settled and prints the time on the
/// device and that of a call on the host.
llvm::Error runOnGpu(Gpu &gpu, const recur_info &info, Arrays &arrays,
                     bool isTimed);

} // namespace recur::recurc

#endif // RECUR_COMPILER_TOOLS_RECURC_RUNONGPU_H
