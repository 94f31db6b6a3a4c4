//===-- Diagnostics.h - what the compiler tells its user --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Messages about a spec, whether they come from the frontend or from a pass,
/// in one form: `FILE:LINE:COL: error: ...`, the line of the spec and a caret.
#ifndef RECUR_COMPILER_DRIVER_DIAGNOSTICS_H
#define RECUR_COMPILER_DRIVER_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace recur {

enum class Severity { Error, Warning, Remark, Note };

llvm::StringRef stringify(Severity severity);

/// One message; `line` and `column` count from 1, 0 says that there is none.
struct Diagnostic {
  Severity severity = Severity::Error;
  std::string file;
  unsigned line = 0, column = 0;
  std::string message;
  std::vector<Diagnostic> notes;
};

/// The messages of one compilation, in the order they came.
struct DiagnosticList {
  std::vector<Diagnostic> list;

  bool hasErrors() const;
  void error(llvm::StringRef file, const llvm::Twine &message);
  /// The text of all, `source` being the text of the file called `file`.
  std::string render(llvm::StringRef source, llvm::StringRef file) const;
};

/// Writes one message with its notes; the line and the caret follow where the
/// message is about `source`.
void render(llvm::raw_ostream &os, const Diagnostic &diagnostic,
            llvm::StringRef source, llvm::StringRef file);

/// While it lives, adds what MLIR reports on `context` to a list.
class DiagnosticCollector : public mlir::ScopedDiagnosticHandler {
public:
  DiagnosticCollector(mlir::MLIRContext *context, DiagnosticList &into);
};

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_DIAGNOSTICS_H
