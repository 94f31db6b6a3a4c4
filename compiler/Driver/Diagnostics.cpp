//===-- Diagnostics.cpp - what the compiler tells its user ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Collects and prints messages about a spec.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Diagnostics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace recur;

llvm::StringRef recur::stringify(Severity severity) {
  switch (severity) {
  case Severity::Error:
    return "error";
  case Severity::Warning:
    return "warning";
  case Severity::Remark:
    return "remark";
  case Severity::Note:
    return "note";
  }
  return "error";
}

bool DiagnosticList::hasErrors() const {
  return llvm::any_of(list, [](const Diagnostic &diagnostic) {
    return diagnostic.severity == Severity::Error;
  });
}

void DiagnosticList::error(llvm::StringRef file, const llvm::Twine &message) {
  list.push_back({Severity::Error, file.str(), 0, 0, message.str(), {}});
}

std::string DiagnosticList::render(llvm::StringRef source,
                                   llvm::StringRef file) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const Diagnostic &diagnostic : list)
    recur::render(os, diagnostic, source, file);
  return text;
}

void recur::render(llvm::raw_ostream &os, const Diagnostic &diagnostic,
                   llvm::StringRef source, llvm::StringRef file) {
  auto kind = llvm::SourceMgr::DK_Error;
  if (diagnostic.severity == Severity::Warning)
    kind = llvm::SourceMgr::DK_Warning;
  else if (diagnostic.severity == Severity::Remark)
    kind = llvm::SourceMgr::DK_Remark;
  else if (diagnostic.severity == Severity::Note)
    kind = llvm::SourceMgr::DK_Note;

  llvm::SourceMgr sources;
  llvm::SMLoc loc;
  if (diagnostic.line && diagnostic.file == file) {
    unsigned buffer = sources.AddNewSourceBuffer(
        llvm::MemoryBuffer::getMemBuffer(source, file), llvm::SMLoc());
    loc = sources.FindLocForLineAndColumn(buffer, diagnostic.line,
                                          diagnostic.column);
  }
  if (loc.isValid()) {
    sources.PrintMessage(os, loc, kind, diagnostic.message, {}, {},
                         /*ShowColors=*/false);
  } else {
    if (!diagnostic.file.empty()) {
      os << diagnostic.file << ':';
      if (diagnostic.line)
        os << diagnostic.line << ':' << diagnostic.column << ':';
      os << ' ';
    }
    os << stringify(diagnostic.severity) << ": " << diagnostic.message << '\n';
  }
  for (const Diagnostic &note : diagnostic.notes)
    render(os, note, source, file);
}

namespace {
/// The places a location stands for: where it is written and then, for what
/// came out of a `def`, the calls that led there.
void collectPlaces(mlir::Location loc,
                   llvm::SmallVectorImpl<mlir::FileLineColLoc> &places) {
  if (auto file = llvm::dyn_cast<mlir::FileLineColLoc>(loc)) {
    places.push_back(file);
  } else if (auto range = llvm::dyn_cast<mlir::FileLineColRange>(loc)) {
    places.push_back(mlir::FileLineColLoc::get(
        range.getFilename(), range.getStartLine(), range.getStartColumn()));
  } else if (auto named = llvm::dyn_cast<mlir::NameLoc>(loc)) {
    collectPlaces(named.getChildLoc(), places);
  } else if (auto call = llvm::dyn_cast<mlir::CallSiteLoc>(loc)) {
    collectPlaces(call.getCallee(), places);
    collectPlaces(call.getCaller(), places);
  } else if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(loc)) {
    // The first part that is a place: fusing keeps the op that matters first.
    for (mlir::Location part : fused.getLocations()) {
      collectPlaces(part, places);
      if (!places.empty())
        return;
    }
  }
}

void place(Diagnostic &diagnostic, mlir::FileLineColLoc at) {
  diagnostic.file = at.getFilename().str();
  diagnostic.line = at.getLine();
  diagnostic.column = at.getColumn();
}

Diagnostic convert(mlir::Diagnostic &from) {
  Diagnostic to;
  switch (from.getSeverity()) {
  case mlir::DiagnosticSeverity::Error:
    to.severity = Severity::Error;
    break;
  case mlir::DiagnosticSeverity::Warning:
    to.severity = Severity::Warning;
    break;
  case mlir::DiagnosticSeverity::Remark:
    to.severity = Severity::Remark;
    break;
  case mlir::DiagnosticSeverity::Note:
    to.severity = Severity::Note;
    break;
  }
  to.message = from.str();
  llvm::SmallVector<mlir::FileLineColLoc> places;
  collectPlaces(from.getLocation(), places);
  if (!places.empty()) {
    place(to, places.front());
    for (mlir::FileLineColLoc caller : llvm::ArrayRef(places).drop_front()) {
      Diagnostic note;
      note.severity = Severity::Note;
      note.message = "called from here";
      place(note, caller);
      to.notes.push_back(std::move(note));
    }
  }
  for (mlir::Diagnostic &note : from.getNotes())
    to.notes.push_back(convert(note));
  return to;
}
} // namespace

DiagnosticCollector::DiagnosticCollector(mlir::MLIRContext *context,
                                         DiagnosticList &into)
    : ScopedDiagnosticHandler(context, [&into](mlir::Diagnostic &diagnostic) {
        into.list.push_back(convert(diagnostic));
      }) {}
