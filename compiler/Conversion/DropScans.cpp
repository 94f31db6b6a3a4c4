//===-- DropScans.cpp - remove what has become kernels --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Pass recur-drop-scans: erases the functions on tensors.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/Signature.h"

namespace recur {
#define GEN_PASS_DEF_DROPSCANSPASS
#include "compiler/Conversion/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

namespace {
struct DropScansPass : public recur::impl::DropScansPassBase<DropScansPass> {
  using DropScansPassBase::DropScansPassBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (Signature::find(function))
        function.erase();
    // Their operators are in the kernels.
    SmallVector<MonoidOp> monoids(getOperation().getOps<MonoidOp>());
    for (MonoidOp monoid : monoids)
      monoid.erase();
  }
};
} // namespace
