//===-- BenchCompile.cpp - how long compilations take ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Specs to host objects and to PTX in this process, and by recurc as a process
/// of its own.

#include "BenchArguments.h"

#include "compiler/Driver/Compiler.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace recur;
using namespace recur::bench;

/// recurc, from its start to its end.
static std::optional<double> coldMs(const std::string &recurc,
                                    const std::string &target,
                                    const std::string &text) {
  llvm::SmallString<64> spec, object;
  int descriptor;
  if (llvm::sys::fs::createTemporaryFile("bench", "recur", descriptor, spec) ||
      llvm::sys::fs::createTemporaryFile("bench", "o", object))
    return fail("cannot make a temporary file");
  llvm::FileRemover removeSpec(spec), removeObject(object);
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << text;
  bool isGpu = target.starts_with("sm_");
  std::vector<llvm::StringRef> arguments = {
      recurc, spec.str(),  "--target",
      target, "--emit",    isGpu ? "ptx" : "object",
      "-o",   object.str()};
  std::string message;
  int status = 0;
  double ms = medianMs({[&] {
    int result = llvm::sys::ExecuteAndWait(recurc, arguments, std::nullopt, {},
                                           0, 0, &message);
    status = status ? status : result;
  }})[0];
  if (status)
    return fail(recurc + " ended with status " + llvm::Twine(status) + " " +
                message);
  return ms;
}

/// Adds the times of compiling `text`, the recurrence `name`, to `lines`.
static bool runCompilation(const std::string &name, const std::string &text,
                           const std::string &target, const std::string &recurc,
                           std::vector<Line> &lines) {
  bool isGpu = llvm::StringRef(target).starts_with("sm_");
  bool failed = false;
  auto compileOnce = [&] {
    CompileOptions options;
    options.targets = {target};
    Compilation compilation(text, name, options);
    std::string bytes;
    Outcome outcome =
        isGpu ? compilation.emitPtx(bytes) : compilation.emitObject(bytes);
    if (outcome != Outcome::Ok && !failed) {
      failed = true;
      llvm::errs() << compilation.render();
    }
  };
  double ms = medianMs({compileOnce})[0];
  if (failed) {
    fail(name + " does not compile for " + target);
    return false;
  }
  const char *what = isGpu ? "spec to PTX" : "spec to object";
  lines.push_back({what, name, "f32", "-", target, 1, ms, {}, {}, {}, {}});
  auto cold = coldMs(recurc, target, text);
  if (cold)
    lines.push_back(
        {"recurc, cold", name, "f32", "-", target, 1, *cold, {}, {}, {}, {}});
  return cold.has_value();
}

std::optional<std::vector<Line>>
recur::bench::runCompilations(const std::string &target,
                              const std::string &recurc) {
  std::vector<Line> lines;
  // The first of the cases is the simplest recurrence of all.
  BenchCase simple = benchCases().front();
  if (!runCompilation("selective_scan", selectiveScanSpec, target, recurc,
                      lines) ||
      !runCompilation(simple.name, simple.spec, target, recurc, lines))
    return std::nullopt;
  return lines;
}
