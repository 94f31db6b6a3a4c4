//===-- Diagnostics.cpp - located messages about a spec -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Collects, prints and words the diagnostics of the spec language.
#include "compiler/Frontend/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace recur::spec;

void Diagnostics::error(llvm::SMLoc loc, const llvm::Twine &message) {
  lastDropped = list.size() >= limit;
  if (list.size() < limit)
    list.push_back({loc, message.str(), {}});
  else if (list.size() == limit)
    list.push_back({loc, "too many errors, stopping here", {}});
}

void Diagnostics::note(llvm::SMLoc loc, const llvm::Twine &message) {
  if (!lastDropped && !list.empty())
    list.back().notes.push_back({loc, message.str()});
}

void Diagnostics::print(const llvm::SourceMgr &sources,
                        llvm::raw_ostream &os) const {
  for (const Diagnostic &diagnostic : list) {
    sources.PrintMessage(os, diagnostic.loc, llvm::SourceMgr::DK_Error,
                         diagnostic.message, {}, {}, /*ShowColors=*/false);
    for (const Diagnostic::Note &note : diagnostic.notes)
      sources.PrintMessage(os, note.loc, llvm::SourceMgr::DK_Note, note.message,
                           {}, {}, /*ShowColors=*/false);
  }
}

llvm::StringRef
recur::spec::nearestName(llvm::StringRef name,
                         llvm::ArrayRef<llvm::StringRef> candidates) {
  // Names are short, so one edit in three letters is still a misspelling but
  // two edits in three letters are another name. One-letter names never match:
  // 'a' for 'b' says nothing.
  unsigned best = std::min<size_t>(name.size() / 3 + 1, 3);
  llvm::StringRef found;
  for (llvm::StringRef candidate : candidates) {
    if (name.size() < 2 && candidate.size() < 2) {
      if (candidate.equals_insensitive(name) && candidate != name)
        return candidate;
      continue;
    }
    if (candidate == name || std::min(name.size(), candidate.size()) < 2)
      continue;
    unsigned distance = name.equals_insensitive(candidate)
                            ? 0
                            : name.edit_distance(candidate, true, best);
    if (distance < best || (distance == best && found.empty())) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string
recur::spec::didYouMean(llvm::StringRef name,
                        llvm::ArrayRef<llvm::StringRef> candidates) {
  llvm::StringRef nearest = nearestName(name, candidates);
  return nearest.empty() ? "" : ("; did you mean '" + nearest + "'?").str();
}
