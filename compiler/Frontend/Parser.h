//===-- Parser.h - from the text of a spec to its tree ----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Parses a spec. The grammar is in LANGUAGE.md.
#ifndef RECUR_COMPILER_FRONTEND_PARSER_H
#define RECUR_COMPILER_FRONTEND_PARSER_H

#include "compiler/Frontend/AST.h"
#include "compiler/Frontend/Diagnostics.h"

namespace recur::spec {

/// Brackets and unary operators may nest this deep; past it the parser reports
/// an error instead of running out of stack.
constexpr unsigned maximalNesting = 200;
/// Bound on the height of an expression: the length of one sum or product.
constexpr unsigned maximalHeight = 500;
/// Bound on lags: a state keeps this many past values at most.
constexpr int64_t maximalLag = 65536;

/// Parses `text`, which must be inside a buffer that outlives the result. On an
/// error, which is reported, parsing goes on at the next statement; the tree
/// then holds what could be read and is good for nothing but tests.
SpecFile parse(llvm::StringRef text, Diagnostics &diagnostics);

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_PARSER_H
