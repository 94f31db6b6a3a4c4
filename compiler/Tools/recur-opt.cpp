//===-- recur-opt.cpp - runs passes on textual IR -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// mlir-opt with the recur dialect and its passes.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Passes.h"
#include "dialect/IR/Recur.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<recur::RecurDialect>();
  mlir::registerTransformsPasses();
  recur::registerStepModels(registry);
  recur::registerRecurTransformsPasses();
  recur::registerRecurConversionPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Recur optimizer driver\n", registry));
}
