//===-- SpecTest.h - shared by the tests of the spec language ---*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the parser and the checker over a text and shows what they report.
#ifndef RECUR_TEST_UNIT_FRONTEND_SPECTEST_H
#define RECUR_TEST_UNIT_FRONTEND_SPECTEST_H

#include "compiler/Frontend/Checker.h"
#include "compiler/Frontend/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <string>

namespace recur::spec {

/// A spec with the result of reading it.
struct Reading {
  explicit Reading(const std::string &text, bool checks = true) {
    buffer = sources.AddNewSourceBuffer(
        llvm::MemoryBuffer::getMemBufferCopy(text, "a.recur"), llvm::SMLoc());
    tree = parse(sources.getMemoryBuffer(buffer)->getBuffer(), diagnostics);
    if (checks && !diagnostics.hasErrors())
      program = check(tree, diagnostics);
  }

  /// `LINE:COLUMN: message`, one a line; notes start with `note: `.
  std::string errors() const {
    std::string text;
    llvm::raw_string_ostream os(text);
    auto show = [&](llvm::SMLoc loc, const std::string &message) {
      auto [line, column] = sources.getLineAndColumn(loc, buffer);
      os << line << ':' << column << ": " << message << '\n';
    };
    for (const Diagnostic &diagnostic : diagnostics.all()) {
      show(diagnostic.loc, diagnostic.message);
      for (const Diagnostic::Note &note : diagnostic.notes)
        show(note.loc, "note: " + note.message);
    }
    return text;
  }

  const Recurrence &recurrence() const { return *program->recurrences.at(0); }

  llvm::SourceMgr sources;
  unsigned buffer = 0;
  Diagnostics diagnostics;
  SpecFile tree;
  std::unique_ptr<Program> program;
};

/// A recurrence over `x[b,t]` and `A[b,n]` with result `y[b,t]` and state
/// `h[b]` whose body starts on line 2.
inline std::string withBody(const std::string &body) {
  return "recurrence f over t (x[b,t], A[b,n]) -> (y[b,t]) {\n" + body + "\n}";
}

/// The errors of a whole text, of a body.
inline std::string errorsOf(const std::string &text) {
  return Reading(text).errors();
}
inline std::string errorsIn(const std::string &body) {
  return errorsOf(withBody(body));
}

} // namespace recur::spec

#endif // RECUR_TEST_UNIT_FRONTEND_SPECTEST_H
