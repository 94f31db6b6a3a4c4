//===-- Link.cpp - shared libraries from objects --------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs a linker on temporary files.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Link.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace recur;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

llvm::Expected<std::string>
recur::findRuntimeFolder(llvm::StringRef executable) {
  llvm::StringRef prefix = path::parent_path(path::parent_path(executable));
  for (llvm::StringRef folder : {"lib", RECUR_LIBRARY_FOLDER}) {
    llvm::SmallString<256> candidate(prefix);
    path::append(candidate, folder, "librecur-runtime.so");
    if (fs::exists(candidate))
      return path::parent_path(candidate).str();
  }
  return llvm::createStringError("cannot find librecur-runtime.so: expected it "
                                 "in '" +
                                 prefix + "/" RECUR_LIBRARY_FOLDER "'");
}

namespace {
/// A program that links, and whether it is a compiler driver, which knows
/// where the C library is.
struct Linker {
  std::string program;
  bool isDriver;
};

llvm::Expected<Linker> findLinker() {
  for (const char *name : {"cc", "c++", "gcc", "clang", "clang-22"})
    if (auto program = llvm::sys::findProgramByName(name))
      return Linker{*program, true};
  for (const char *name : {"ld.lld", "ld.lld-22", "ld"})
    if (auto program = llvm::sys::findProgramByName(name))
      return Linker{*program, false};
  return llvm::createStringError(
      "no linker for a shared library: expected cc, c++, gcc, clang, ld.lld or "
      "ld on PATH");
}

/// A file that is removed at the end of its scope.
struct TemporaryFile {
  llvm::SmallString<128> name;
  std::optional<llvm::FileRemover> remover;

  llvm::Error create(llvm::StringRef ending) {
    if (std::error_code code = fs::createTemporaryFile("recurc", ending, name))
      return llvm::createStringError("cannot create a temporary file: " +
                                     code.message());
    remover.emplace(name);
    return llvm::Error::success();
  }
};
} // namespace

llvm::Error recur::linkShared(llvm::StringRef object, llvm::StringRef output,
                              llvm::StringRef runtimeFolder) {
  auto linker = findLinker();
  if (!linker)
    return linker.takeError();
  TemporaryFile input, messages;
  if (llvm::Error error = input.create("o"))
    return error;
  if (llvm::Error error = messages.create("txt"))
    return error;
  std::error_code code;
  {
    llvm::raw_fd_ostream os(input.name, code, fs::OF_None);
    if (!code) {
      os << object;
      os.close();
      code = os.error();
      os.clear_error();
    }
  }
  if (code)
    return llvm::createStringError("cannot write '" + input.name +
                                   "': " + code.message());

  std::string search = ("-L" + runtimeFolder).str();
  llvm::SmallVector<llvm::StringRef> arguments = {
      linker->program, "-shared",        "-o", output, input.name,
      search,          "-lrecur-runtime"};
  std::string where = ("-Wl,-rpath," + runtimeFolder).str();
  if (linker->isDriver)
    arguments.append({where, "-lm"});
  else
    arguments.append({"-rpath", runtimeFolder});

  std::optional<llvm::StringRef> redirects[] = {std::nullopt,
                                                llvm::StringRef(messages.name),
                                                llvm::StringRef(messages.name)};
  std::string error;
  int status = llvm::sys::ExecuteAndWait(linker->program, arguments,
                                         std::nullopt, redirects, 0, 0, &error);
  if (status == 0)
    return llvm::Error::success();
  if (auto text = llvm::MemoryBuffer::getFile(messages.name))
    error += (*text)->getBuffer().rtrim();
  return llvm::createStringError(
      "'" + linker->program + "' failed to link the shared library: " + error);
}
