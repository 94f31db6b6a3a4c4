//===-- recur-translate.cpp - a spec as IR, for tests ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Translates between the languages at Recur's edges, one step at a time, with
/// MLIR's options for tests (--split-input-file, --verify-diagnostics).
//===----------------------------------------------------------------------===//

#include "compiler/Frontend/Frontend.h"
#include "dialect/IR/Recur.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/SourceMgr.h"

static void registerImportSpec() {
  static mlir::TranslateToMLIRRegistration registration(
      "import-spec", "spec (.recur) to recur.recurrence",
      [](llvm::SourceMgr &sources,
         mlir::MLIRContext *context) -> mlir::OwningOpRef<mlir::Operation *> {
        return recur::parseSpec(sources, *context);
      },
      [](mlir::DialectRegistry &registry) {
        registry.insert<recur::RecurDialect, mlir::func::FuncDialect>();
      });
}

int main(int argc, char **argv) {
  registerImportSpec();
  return failed(mlir::mlirTranslateMain(
      argc, argv, "Translates specs to the IR of the recur dialect\n"));
}
