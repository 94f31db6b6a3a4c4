//===-- recur-lsp-server.cpp - a language server for the IR ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// mlir-lsp-server with the recur dialect: diagnostics, hovers and definitions
/// of .mlir files in an editor.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<recur::RecurDialect>();
  return mlir::succeeded(mlir::MlirLspServerMain(argc, argv, registry)) ? 0 : 1;
}
