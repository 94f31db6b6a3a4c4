//===-- CpuSharing.cpp - kernels that are there already -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Equal kernels are compiled once. Most of a compilation is LLVM's code
/// generation, and a recurrence and its one step replay in the same way.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuKernels.h"

#include "compiler/Conversion/ExpandMath.h"

#include "mlir/IR/Iterators.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace recur;

StringRef recur::shareKernel(func::FuncOp kernel) {
  // Arguments that only the start of a recurrence reads would make a
  // difference.
  kernel.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
  auto module = kernel->getParentOfType<ModuleOp>();
  for (auto other : module.getOps<func::FuncOp>()) {
    if (other == kernel || other.isExternal() ||
        other.getFunctionType() != kernel.getFunctionType() ||
        !kernel->hasAttr(kTargetAttr) ||
        other->getAttr(kTargetAttr) != kernel->getAttr(kTargetAttr) ||
        !OperationEquivalence::isRegionEquivalentTo(
            &other.getBody(), &kernel.getBody(),
            OperationEquivalence::IgnoreLocations))
      continue;
    kernel.erase();
    return other.getName();
  }
  return kernel.getName();
}
