//===-- CompileCommand.cpp - recurc SPEC ----------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles a spec and writes one of the things that come out.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Link.h"
#include "compiler/Driver/OutputFile.h"
#include "compiler/Tools/recurc/Commands.h"
#include "compiler/Tools/recurc/ExplainGpu.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace recur;
using namespace recur::recurc;

namespace {
/// What to do, after all flags have been understood.
struct Request {
  /// What to write; nothing when only an explanation is asked for.
  std::optional<Phase> emit;
  bool explain = false;
};

/// The artifact that a file's ending stands for.
std::optional<Phase> phaseFromPath(llvm::StringRef path) {
  llvm::StringRef ending = llvm::sys::path::extension(path);
  if (ending == ".o")
    return Phase::Object;
  if (ending == ".so")
    return Phase::Shared;
  if (ending == ".h")
    return Phase::Header;
  if (ending == ".ptx")
    return Phase::Ptx;
  if (ending == ".cubin")
    return Phase::Cubin;
  return std::nullopt;
}

bool isBinary(Phase phase) {
  return phase == Phase::Cubin || phase == Phase::Object ||
         phase == Phase::Shared;
}

std::string quoted(const std::string &text) { return "'" + text + "'"; }

/// Understands --emit, --compile-to and -o; returns an exit code on an error.
std::optional<int> understand(const CommandLine &line, Request &request) {
  auto usage = [](const std::string &message) {
    return usageError(message, false);
  };
  if (!line.emit.empty() && !line.compileTo.empty())
    return usage("--emit and --compile-to exclude each other");
  if (!line.emit.empty()) {
    request.emit = phaseFromName(line.emit);
    if (!request.emit)
      return usage("--emit: expected one of " + phaseNames() + ", found " +
                   quoted(line.emit));
  } else if (!line.compileTo.empty()) {
    request.emit = phaseFromName(line.compileTo);
    if (!request.emit || !isIR(*request.emit))
      return usage("--compile-to: expected one of " + phaseNames(true) +
                   ", found " + quoted(line.compileTo));
  } else if (!line.output.empty() && !line.explain && !line.printPipeline) {
    request.emit = phaseFromPath(line.output);
    if (!request.emit)
      return usage("-o " + quoted(line.output) +
                   " needs --emit: its ending is not .o, .so, .h, .ptx or "
                   ".cubin");
  }
  request.explain = line.explain || (!request.emit && !line.printPipeline);
  if (request.emit && isBinary(*request.emit) && line.output.empty() &&
      !line.printPipeline)
    return usage("--emit " + line.emit +
                 " needs -o PATH (- for the standard output)");
  if (!line.sizes.empty() && !request.explain)
    return usage("--size is for --explain");
  return std::nullopt;
}

/// Checks --target; returns an exit code on an error.
std::optional<int> understandTargets(const CommandLine &line,
                                     const Request &request,
                                     PipelineOptions &pipeline) {
  pipeline.schedule = line.schedule;
  pipeline.tolerance = line.tolerance;
  pipeline.passes = line.passes;
  for (const std::string &name : line.targets) {
    auto target = TargetSpec::parse(name);
    if (!target)
      return usageError("--target: " + llvm::toString(target.takeError()),
                        false);
    pipeline.targets.push_back(std::move(*target));
  }
  if (request.emit != Phase::Ptx && request.emit != Phase::Cubin)
    return std::nullopt;
  size_t count = llvm::count_if(pipeline.targets, [](const TargetSpec &target) {
    return target.isGpu();
  });
  if (count != 1)
    return usageError("--emit " + stringify(*request.emit).str() +
                          " needs one GPU target such as --target sm_90a, "
                          "found " +
                          std::to_string(count),
                      false);
  return std::nullopt;
}

/// Makes what --emit or --compile-to asks for.
Outcome make(Compilation &compilation, const CommandLine &line, Phase phase,
             std::string &bytes) {
  switch (phase) {
  case Phase::Ptx:
    return compilation.emitPtx(bytes);
  case Phase::Cubin:
    return compilation.emitCubin(bytes);
  case Phase::Object:
  case Phase::Shared:
    return compilation.emitObject(bytes);
  case Phase::Header:
    return compilation.emitHeader(bytes);
  case Phase::Llvm:
    // --compile-to stays with MLIR.
    if (line.compileTo.empty())
      return compilation.emitLlvm(bytes);
    [[fallthrough]];
  default:
    Outcome outcome = compilation.compileTo(phase);
    if (outcome == Outcome::Ok)
      bytes = compilation.printIR();
    return outcome;
  }
}

/// Writes a shared library with the code of `object`.
int writeShared(const CommandLine &line, const std::string &object,
                llvm::StringRef executable) {
  auto folder = findRuntimeFolder(executable);
  if (!folder)
    return fail(folder.takeError());
  auto file = OutputFile::create(line.output);
  if (!file)
    return fail(file.takeError());
  if (file->temporaryPath().empty())
    return fail("cannot write a shared library to '" + line.output +
                "': expected the path of a file");
  if (llvm::Error error = linkShared(object, file->temporaryPath(), *folder))
    return fail(std::move(error));
  if (llvm::Error error = file->commit())
    return fail(std::move(error));
  return ExitOk;
}

/// Makes --save-temps work: every step's output becomes a file in its folder.
int saveTemps(const CommandLine &line, Compilation &compilation) {
  if (std::error_code code = llvm::sys::fs::create_directories(line.saveTemps))
    return fail("cannot create the directory '" + line.saveTemps +
                "': " + llvm::StringRef(code.message()).lower());
  std::string stem =
      line.spec == "-" ? "stdin" : llvm::sys::path::stem(line.spec).str();
  compilation.save = [&line, stem](llvm::StringRef suffix,
                                   llvm::StringRef bytes) {
    llvm::SmallString<256> path(line.saveTemps);
    llvm::sys::path::append(path, stem + "." + suffix);
    if (llvm::Error error = writeFile(path, bytes))
      llvm::errs() << "recurc: warning: " << llvm::toString(std::move(error))
                   << '\n';
  };
  return ExitOk;
}
} // namespace

int recur::recurc::compileCommand(const CommandLine &line) {
  Request request;
  if (std::optional<int> code = understand(line, request))
    return *code;
  CompileOptions options;
  options.targets =
      line.targets.empty() ? std::vector<std::string>{"cpu"} : line.targets;
  options.schedule = line.schedule;
  options.tolerance = line.tolerance;
  options.passes = line.passes;
  options.recurrence = line.name;
  // A header says nothing of them.
  options.cubins = request.emit != Phase::Header;
  PipelineOptions pipeline;
  CommandLine withTargets = line;
  withTargets.targets = options.targets;
  if (std::optional<int> code =
          understandTargets(withTargets, request, pipeline))
    return *code;
  if (line.gradient)
    return fail("--gradient is not supported yet: only the forward pass can "
                "be compiled");
  if (line.printPipeline) {
    llvm::outs() << pipelineText(request.emit.value_or(Phase::Llvm), pipeline)
                 << '\n';
    return ExitOk;
  }

  auto spec = readSpec(line.spec);
  if (int *code = std::get_if<int>(&spec))
    return *code;
  Compilation compilation(std::move(std::get<std::string>(spec)),
                          specName(line.spec), options);
  if (!line.saveTemps.empty())
    if (int code = saveTemps(line, compilation))
      return code;
  if (request.explain) {
    // Another compilation: this one makes no steps, which would be explained
    // like recurrences of their own.
    Compilation explained(compilation.getSource(), specName(line.spec),
                          options);
    std::string text;
    Outcome outcome = explained.explain(line.sizes, text);
    // With --emit to the standard output the explanation must not get into it.
    llvm::raw_ostream &os = request.emit ? llvm::errs() : llvm::outs();
    os << text;
    os.flush();
    if (int code = report(explained, outcome))
      return code;
    if (pipeline.hasGpu()) {
      CompileOptions onGpu = options;
      onGpu.targets.clear();
      for (const TargetSpec &target : pipeline.targets)
        if (target.isGpu())
          onGpu.targets.push_back(target.name);
      onGpu.steps = onGpu.cubins = false;
      Compilation artifact(compilation.getSource(), specName(line.spec), onGpu);
      text.clear();
      outcome = explainGpu(artifact, line.sizes, text);
      os << text;
      os.flush();
      if (int code = report(artifact, outcome))
        return code;
    }
    if (!request.emit)
      return ExitOk;
  }
  std::string bytes;
  Outcome outcome = make(compilation, line, *request.emit, bytes);
  if (int code = report(compilation, outcome))
    return code;
  if (request.emit == Phase::Shared)
    return writeShared(line, bytes, line.executable);
  if (llvm::Error error =
          writeFile(line.output.empty() ? "-" : line.output, bytes))
    return fail(std::move(error));
  return ExitOk;
}
