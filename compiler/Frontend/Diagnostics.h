//===-- Diagnostics.h - located messages about a spec -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Collects the errors and notes that the lexer, parser and checker report
/// about a spec, so that one run can report several and stop at a limit.
#ifndef RECUR_COMPILER_FRONTEND_DIAGNOSTICS_H
#define RECUR_COMPILER_FRONTEND_DIAGNOSTICS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/SMLoc.h"
#include "llvm/Support/SourceMgr.h"
#include <string>
#include <vector>

namespace recur::spec {

/// One error with the notes that belong to it.
struct Diagnostic {
  struct Note {
    llvm::SMLoc loc;
    std::string message;
  };
  llvm::SMLoc loc;
  std::string message;
  std::vector<Note> notes;
};

class Diagnostics {
public:
  /// After `limit` errors one more says so and the rest are dropped.
  explicit Diagnostics(unsigned limit = 20) : limit(limit) {}

  void error(llvm::SMLoc loc, const llvm::Twine &message);
  /// Attaches a note to the last error; dropped when that error was dropped.
  void note(llvm::SMLoc loc, const llvm::Twine &message);

  bool hasErrors() const { return !list.empty(); }
  /// True once the limit is passed: going on can report nothing more.
  bool isFull() const { return list.size() > limit; }
  const std::vector<Diagnostic> &all() const { return list; }

  /// Writes `FILE:LINE:COL: error: ...` with the source line and a caret.
  void print(const llvm::SourceMgr &sources, llvm::raw_ostream &os) const;

private:
  unsigned limit;
  bool lastDropped = false;
  std::vector<Diagnostic> list;
};

/// The candidate closest to `name`, or empty when none is near enough to be a
/// misspelling of it.
llvm::StringRef nearestName(llvm::StringRef name,
                            llvm::ArrayRef<llvm::StringRef> candidates);

/// `; did you mean 'x'?` or the empty string.
std::string didYouMean(llvm::StringRef name,
                       llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_DIAGNOSTICS_H
