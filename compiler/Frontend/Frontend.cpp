//===-- Frontend.cpp - from the text of a spec to IR ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the front end over a buffer and hands its diagnostics to MLIR.
#include "compiler/Frontend/Frontend.h"
#include "compiler/Frontend/Checker.h"
#include "compiler/Frontend/Emitter.h"
#include "compiler/Frontend/Parser.h"
#include "dialect/IR/Recur.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/SourceMgr.h"

using namespace recur;

mlir::OwningOpRef<mlir::ModuleOp> recur::parseSpec(llvm::SourceMgr &sources,
                                                   mlir::MLIRContext &context) {
  context.loadDialect<RecurDialect, mlir::arith::ArithDialect,
                      mlir::complex::ComplexDialect, mlir::func::FuncDialect,
                      mlir::math::MathDialect>();
  unsigned buffer = sources.getMainFileID();
  const llvm::MemoryBuffer *text = sources.getMemoryBuffer(buffer);
  auto file = mlir::StringAttr::get(&context, text->getBufferIdentifier());
  auto locate = [&](llvm::SMLoc loc) -> mlir::Location {
    auto [line, column] = sources.getLineAndColumn(loc, buffer);
    return mlir::FileLineColLoc::get(file, line, column);
  };

  spec::Diagnostics diagnostics;
  spec::SpecFile tree = spec::parse(text->getBuffer(), diagnostics);
  std::unique_ptr<spec::Program> program;
  if (!diagnostics.hasErrors())
    program = spec::check(tree, diagnostics);
  for (const spec::Diagnostic &diagnostic : diagnostics.all()) {
    mlir::InFlightDiagnostic error =
        mlir::emitError(locate(diagnostic.loc), diagnostic.message);
    for (const spec::Diagnostic::Note &note : diagnostic.notes)
      error.attachNote(locate(note.loc)) << note.message;
  }
  if (!program)
    return nullptr;

  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::FileLineColLoc::get(file, 1, 1));
  builder.setInsertionPointToEnd(module->getBody());
  for (const auto &monoid : program->monoids)
    spec::emitMonoid(builder, *monoid, locate);
  for (const auto &recurrence : program->recurrences)
    spec::emitRecurrence(builder, *recurrence, locate);
  if (failed(mlir::verify(*module)))
    return nullptr;
  return module;
}
