//===-- recurc.cpp - the compiler as a command ----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads the flags and does what they say; any crash ends with exit code 70.
//===----------------------------------------------------------------------===//

#include "compiler/Tools/recurc/Commands.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <unistd.h>

using namespace recur;
using namespace recur::recurc;

int recur::recurc::fail(const llvm::Twine &message) {
  llvm::errs() << "recurc: error: " << message << '\n';
  return ExitError;
}

int recur::recurc::report(Compilation &compilation, Outcome outcome) {
  llvm::errs() << compilation.render();
  if (outcome == Outcome::Ok)
    return ExitOk;
  if (outcome == Outcome::Refused)
    return ExitError;
  llvm::errs() << "recurc: internal error: the compiler itself is wrong here; "
                  "please report this with the spec\n";
  return ExitInternal;
}

std::string recur::recurc::specName(const std::string &path) {
  return path == "-" ? "<stdin>" : path;
}

std::variant<std::string, int>
recur::recurc::readSpec(const std::string &path) {
  auto unreadable = [&](const llvm::Twine &why) {
    llvm::errs() << specName(path) << ": error: cannot read the spec: " << why
                 << '\n';
    return static_cast<int>(ExitError);
  };
  if (path != "-" && llvm::sys::fs::is_directory(path))
    return unreadable("it is a directory");
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/true);
  if (!buffer)
    return unreadable(llvm::StringRef(buffer.getError().message()).lower());
  return (*buffer)->getBuffer().str();
}

namespace {
void writeText(llvm::StringRef text) {
  (void)!::write(STDERR_FILENO, text.data(), text.size());
}

/// A fatal error inside LLVM.
void onFatalError(void *, const char *reason, bool) {
  writeText("recurc: internal error: ");
  writeText(reason);
  writeText("\n");
  // Removes the temporary files and ends with our code.
  llvm::sys::RunInterruptHandlers();
  ::_exit(ExitInternal);
}

/// A crash. LLVM's handler has removed the temporary files by now.
void onCrash(void *) {
  writeText("recurc: internal error: the compiler has crashed; please report "
            "this with the spec\n");
  ::_exit(ExitInternal);
}
} // namespace

int main(int argc, char **argv) {
  llvm::install_fatal_error_handler(onFatalError);
  llvm::sys::AddSignalHandler(onCrash, nullptr);
  // Writing past a limit or into a closed pipe shall be an error like others:
  // after LLVM's handlers, which take these for crashes.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);

  CommandLine commandLine;
  if (std::optional<int> code = parse(argc, argv, commandLine))
    return *code;
  commandLine.executable = llvm::sys::fs::getMainExecutable(
      argv[0], reinterpret_cast<void *>(&writeText));
  return commandLine.isRun ? runCommand(commandLine)
                           : compileCommand(commandLine);
}
