//===-- test/unit/Interpreter/Interpreting.h - IR text to results -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the interpreter on IR text and keeps its diagnostics.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_INTERPRETER_INTERPRETING_H
#define RECUR_TEST_UNIT_INTERPRETER_INTERPRETING_H

#include "compiler/Interpreter/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <string>

namespace recur::interpreter {

/// Arrays from shapes and values.
inline Array array(std::vector<int64_t> shape, std::vector<double> values) {
  return {std::move(shape), std::move(values)};
}
inline Array complexArray(std::vector<int64_t> shape,
                          std::vector<std::complex<double>> values) {
  return {std::move(shape), std::move(values)};
}

class Interpreting : public ::testing::Test {
protected:
  Interpreting() {
    context.loadDialect<RecurDialect, mlir::func::FuncDialect>();
  }

  /// Runs the first function of `text`; empty, with `messages`, if it failed.
  std::vector<Array> run(llvm::StringRef text, std::vector<Array> arguments,
                         Options options = {}) {
    messages.clear();
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &d) {
      messages += d.str() + "\n";
      return mlir::success();
    });
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return {};
    auto function = *module->getOps<mlir::func::FuncOp>().begin();
    auto results = interpret(function, arguments, options);
    return mlir::succeeded(results) ? *results : std::vector<Array>();
  }

  static void expectNear(const std::vector<double> &found,
                         const std::vector<double> &wanted,
                         double tolerance = 1e-12) {
    ASSERT_EQ(found.size(), wanted.size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], wanted[i], tolerance) << "at " << i;
  }

  mlir::MLIRContext context;
  std::string messages;
};

} // namespace recur::interpreter

#endif // RECUR_TEST_UNIT_INTERPRETER_INTERPRETING_H
