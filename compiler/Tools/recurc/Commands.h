//===-- Commands.h - the two things recurc does -----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// `recurc SPEC` and `recurc run SPEC`, after their flags have been read.
#ifndef RECUR_COMPILER_TOOLS_RECURC_COMMANDS_H
#define RECUR_COMPILER_TOOLS_RECURC_COMMANDS_H

#include "compiler/Driver/Compiler.h"
#include "compiler/Tools/recurc/CommandLine.h"
#include "llvm/Support/Error.h"
#include <string>
#include <variant>

namespace recur::recurc {

/// Both return the exit code.
int compileCommand(const CommandLine &commandLine);
int runCommand(const CommandLine &commandLine);

/// Prints `recurc: error: MESSAGE`; returns ExitError.
int fail(const llvm::Twine &message);
inline int fail(llvm::Error error) {
  return fail(llvm::toString(std::move(error)));
}

/// Prints the messages of a compilation and returns the exit code for how it
/// ended.
int report(Compilation &compilation, Outcome outcome);

/// The text of the spec; on an error the exit code, the error printed.
std::variant<std::string, int> readSpec(const std::string &path);
/// How messages call the spec.
std::string specName(const std::string &path);

} // namespace recur::recurc

#endif // RECUR_COMPILER_TOOLS_RECURC_COMMANDS_H
