//===-- OutputFile.h - files that appear whole or not at all ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Writes output files atomically: into a temporary file beside the target,
/// which takes the target's name once everything is written. After an error or
/// a crash neither exists.
#ifndef RECUR_COMPILER_DRIVER_OUTPUTFILE_H
#define RECUR_COMPILER_DRIVER_OUTPUTFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include <optional>
#include <string>
#include <vector>

namespace recur {

/// One file in the making. `-` is the standard output; a device or a pipe is
/// written directly, since it cannot be replaced.
class OutputFile {
public:
  /// Checks that `path` can be written and creates the temporary file.
  static llvm::Expected<OutputFile> create(llvm::StringRef path);

  OutputFile(OutputFile &&other);
  OutputFile &operator=(OutputFile &&) = delete;
  /// Removes the temporary file unless the file was committed.
  ~OutputFile();

  /// Appends `bytes`.
  llvm::Error write(llvm::StringRef bytes);
  /// Gives the file its name.
  llvm::Error commit();
  /// Where a tool that writes by itself (a linker) has to write; empty when
  /// the output is not a regular file.
  llvm::StringRef temporaryPath() const;

private:
  explicit OutputFile(std::string path) : path(std::move(path)) {}
  llvm::Error failure(std::error_code code) const;

  std::string path;
  std::optional<llvm::sys::fs::TempFile> temporary;
  /// Written directly: the standard output, a device or a pipe.
  int descriptor = -1;
  bool ownsDescriptor = false;
};

/// Writes `bytes` to `path`, whole or not at all.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_OUTPUTFILE_H
