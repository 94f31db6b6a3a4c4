//===-- ExplainGpu.h - GPU schedules of an artifact -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The part of --explain that asks the runtime: which GPU schedules an artifact
/// has, and which of them a call with given sizes would run and why.
#ifndef RECUR_COMPILER_TOOLS_RECURC_EXPLAINGPU_H
#define RECUR_COMPILER_TOOLS_RECURC_EXPLAINGPU_H

#include "compiler/Driver/Compiler.h"

namespace recur::recurc {

/// Compiles the spec for the GPU targets of `options` and appends to `text`.
/// With the sizes of all indices also the runtime's estimates for row-major
/// tensors.
Outcome explainGpu(Compilation &compilation,
                   llvm::ArrayRef<std::pair<std::string, int64_t>> sizes,
                   std::string &text);

} // namespace recur::recurc

#endif // RECUR_COMPILER_TOOLS_RECURC_EXPLAINGPU_H
