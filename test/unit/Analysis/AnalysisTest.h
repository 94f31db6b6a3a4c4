//===-- AnalysisTest.h - specs and contexts for tests -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What the tests of the analysis share: a context with the models of the ops,
/// and specs as IR.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_ANALYSIS_ANALYSISTEST_H
#define RECUR_TEST_UNIT_ANALYSIS_ANALYSISTEST_H

#include "compiler/Frontend/Frontend.h"
#include "compiler/Interpreter/Interpreter.h"
#include "dialect/IR/Recur.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/SourceMgr.h"

#include <gtest/gtest.h>

namespace recur {

inline mlir::MLIRContext &getContext() {
  static mlir::MLIRContext *context = [] {
    mlir::DialectRegistry registry;
    registry.insert<RecurDialect, mlir::func::FuncDialect,
                    mlir::arith::ArithDialect, mlir::math::MathDialect,
                    mlir::complex::ComplexDialect, mlir::tensor::TensorDialect,
                    mlir::ub::UBDialect>();
    registerStepModels(registry);
    auto *made =
        new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *context;
}

inline mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text), {});
  return parseSpec(sources, getContext());
}

inline std::string readSpec(const std::string &name) {
  auto buffer = llvm::MemoryBuffer::getFile(std::string(RECUR_SPECS) + "/" +
                                            name + ".recur");
  return buffer ? (*buffer)->getBuffer().str() : "";
}

inline mlir::func::FuncOp getFunction(mlir::ModuleOp module,
                                      llvm::StringRef name = "") {
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (name.empty() || function.getName() == name)
      return function;
  return {};
}

} // namespace recur

#endif // RECUR_TEST_UNIT_ANALYSIS_ANALYSISTEST_H
