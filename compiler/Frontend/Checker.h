//===-- Checker.h - the rules of the spec language --------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Resolves and checks a parsed spec. The rules are in LANGUAGE.md.
#ifndef RECUR_COMPILER_FRONTEND_CHECKER_H
#define RECUR_COMPILER_FRONTEND_CHECKER_H

#include "compiler/Frontend/AST.h"
#include "compiler/Frontend/Diagnostics.h"
#include "compiler/Frontend/Program.h"

namespace recur::spec {

/// Bound on the operations of one recurrence after its functions are expanded.
constexpr unsigned maximalValues = 50000;

/// The checked program; null after errors, which are reported.
std::unique_ptr<Program> check(const SpecFile &file, Diagnostics &diagnostics);

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_CHECKER_H
