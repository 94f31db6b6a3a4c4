//===-- SpecFuzzer.cpp - feeds the front end with any bytes ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What must hold for every input: a wrong spec has errors, with places inside
/// the text; a right one becomes IR that verifies and survives printing.
#include "Fuzz.h"
#include "compiler/Frontend/Checker.h"
#include "compiler/Frontend/Frontend.h"
#include "compiler/Frontend/Parser.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <memory>

static void require(bool holds, const char *promise,
                    const std::string &detail = "") {
  if (holds)
    return;
  llvm::errs() << "broken promise: " << promise << '\n' << detail << '\n';
  std::abort();
}

/// A context is not made anew for each input, which would take most of the
/// time; nor kept for ever, since it keeps every type and attribute.
static mlir::MLIRContext &freshContext() {
  static std::unique_ptr<mlir::MLIRContext> current;
  static unsigned uses = 0;
  if (!current || ++uses % 2000 == 0)
    current = std::make_unique<mlir::MLIRContext>(
        mlir::MLIRContext::Threading::DISABLED);
  return *current;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::SourceMgr sources;
  unsigned buffer = sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(text, "fuzz.recur"), llvm::SMLoc());
  llvm::StringRef copy = sources.getMemoryBuffer(buffer)->getBuffer();

  recur::spec::Diagnostics diagnostics;
  recur::spec::SpecFile tree = recur::spec::parse(copy, diagnostics);
  std::unique_ptr<recur::spec::Program> program;
  if (!diagnostics.hasErrors())
    program = recur::spec::check(tree, diagnostics);
  require(!program == diagnostics.hasErrors(), "no program without an error");
  for (const recur::spec::Diagnostic &diagnostic : diagnostics.all()) {
    const char *place = diagnostic.loc.getPointer();
    require(place >= copy.begin() && place <= copy.end(),
            "errors are inside the text", diagnostic.message);
    require(!diagnostic.message.empty(), "errors say something");
  }
  std::string printed;
  llvm::raw_string_ostream os(printed);
  diagnostics.print(sources, os);

  mlir::MLIRContext &context = freshContext();
  std::string reported;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          reported += diagnostic.str() + "\n";
                                          return mlir::success();
                                        });
  mlir::OwningOpRef<mlir::ModuleOp> module = recur::parseSpec(sources, context);
  require(bool(module) == bool(program), "a checked spec becomes IR", reported);
  require(bool(module) == reported.empty(), "errors are reported");
  if (!module)
    return 0;
  std::string ir;
  llvm::raw_string_ostream irStream(ir);
  module->print(irStream);
  auto again = mlir::parseSourceString<mlir::ModuleOp>(ir, &context);
  require(bool(again), "the IR can be read again", reported + ir);
  return 0;
}
