//===-- recur-reduce.cpp - shrinks IR that shows a bug --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// mlir-reduce with the recur dialect: makes a file smaller as long as a
/// script still finds it interesting.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<recur::RecurDialect>();
  mlir::MLIRContext context(registry);
  return mlir::succeeded(mlir::mlirReduceMain(argc, argv, context)) ? 0 : 1;
}
