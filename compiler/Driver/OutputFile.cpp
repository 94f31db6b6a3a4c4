//===-- OutputFile.cpp - files that appear whole or not at all ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Writes output files atomically.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/OutputFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <unistd.h>
#include <utility>

using namespace recur;
namespace fs = llvm::sys::fs;

namespace {
llvm::Error cannotWrite(llvm::StringRef path, const llvm::Twine &why) {
  return llvm::createStringError("cannot write '" + path + "': " + why);
}
} // namespace

llvm::Error OutputFile::failure(std::error_code code) const {
  return cannotWrite(path == "-" ? "<stdout>" : path,
                     llvm::StringRef(code.message()).lower());
}

llvm::Expected<OutputFile> OutputFile::create(llvm::StringRef path) {
  OutputFile file(path.str());
  if (path.empty())
    return llvm::createStringError("the output path is empty");
  if (path == "-") {
    file.descriptor = STDOUT_FILENO;
    return file;
  }
  fs::file_status status;
  if (!fs::status(path, status)) {
    if (fs::is_directory(status))
      return cannotWrite(path, "it is a directory, expected a file");
    if (!fs::is_regular_file(status)) {
      if (std::error_code code = fs::openFileForWrite(
              path, file.descriptor, fs::CD_OpenExisting, fs::OF_None))
        return file.failure(code);
      file.ownsDescriptor = true;
      return file;
    }
  }
  llvm::StringRef parent = llvm::sys::path::parent_path(path);
  if (!parent.empty() && !fs::is_directory(parent))
    return cannotWrite(path, "there is no directory '" + parent + "'");

  // Follow a link, so that the file behind it is replaced and not the link.
  llvm::SmallString<256> target;
  if (fs::is_symlink_file(path) && !fs::real_path(path, target))
    file.path = target.str().str();
  auto temporary = fs::TempFile::create(file.path + ".%%%%%%.tmp");
  if (!temporary)
    return cannotWrite(
        path, llvm::StringRef(llvm::toString(temporary.takeError())).lower());
  file.temporary.emplace(std::move(*temporary));
  return file;
}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)),
      temporary(std::exchange(other.temporary, std::nullopt)),
      descriptor(other.descriptor),
      ownsDescriptor(std::exchange(other.ownsDescriptor, false)) {}

OutputFile::~OutputFile() {
  if (temporary)
    llvm::consumeError(temporary->discard());
  if (ownsDescriptor && descriptor >= 0)
    ::close(descriptor);
}

llvm::Error OutputFile::write(llvm::StringRef bytes) {
  int fd = temporary ? temporary->FD : descriptor;
  while (!bytes.empty()) {
    // Linux writes at most 2 GiB at a time; what is left goes round again.
    ssize_t written = llvm::sys::RetryAfterSignal(
        -1, ::write, fd, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (written < 0)
      return failure(std::error_code(errno, std::generic_category()));
    bytes = bytes.drop_front(written);
  }
  return llvm::Error::success();
}

llvm::Error OutputFile::commit() {
  if (!temporary)
    return llvm::Error::success();
  llvm::Error error = temporary->keep(path);
  temporary.reset();
  if (!error)
    return error;
  return cannotWrite(path, llvm::toString(std::move(error)));
}

llvm::StringRef OutputFile::temporaryPath() const {
  return temporary ? llvm::StringRef(temporary->TmpName) : llvm::StringRef();
}

llvm::Error recur::writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(bytes))
    return error;
  return file->commit();
}
