//===-- recur-opt.cpp - runs passes on textual IR -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// mlir-opt with the recur dialect and its passes: what `recurc
/// --print-pipeline` prints runs here.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Pipeline.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  recur::registerDialects(registry);
  mlir::registerAllPasses();
  recur::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Recur optimizer driver\n", registry));
}
