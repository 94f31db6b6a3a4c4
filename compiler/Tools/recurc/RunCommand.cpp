//===-- RunCommand.cpp - recurc run SPEC ----------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles a spec in this process and runs it on .npy files, or interprets
/// it, or both and compares.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Arrays.h"
#include "compiler/Driver/Jit.h"
#include "compiler/Driver/Npy.h"
#include "compiler/Driver/OutputFile.h"
#include "compiler/Tools/recurc/Commands.h"
#include "compiler/Tools/recurc/RunOnGpu.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>
#include <optional>

using namespace recur;
using namespace recur::recurc;

namespace {
/// One `recurc run`.
class Run {
public:
  explicit Run(const CommandLine &line) : line(line) {}
  int run();

private:
  int chooseTarget();
  int prepare();
  std::optional<unsigned> findArgument(const std::string &name) const;
  int unknownArgument(const char *flag, const std::string &name,
                      bool written) const;
  int checkNames() const;
  int readInputs();
  int createOutputs();
  int interpret();
  int load();
  int call();
  int check() const;
  int writeOutputs();
  /// Calls `body` until its median is settled and prints it.
  template <typename Body> int time(Body body);

  const CommandLine &line;
  std::string text;
  bool onInterpreter = false;
  /// Compiled for this; on the GPU if there is one here.
  std::string target;
  std::unique_ptr<Gpu> gpu;
  /// The spec as it was written, for the signature and the interpreter.
  std::optional<Compilation> written;
  std::optional<Signature> signature;
  std::vector<Dtype> states;
  std::optional<Arrays> arrays;
  std::vector<interpreter::Array> expected;
  std::unique_ptr<JitObject> code;
  const recur_info *info = nullptr;
  std::vector<std::pair<unsigned, OutputFile>> outputs;
};
} // namespace

int Run::prepare() {
  auto spec = readSpec(line.spec);
  if (int *error = std::get_if<int>(&spec))
    return *error;
  text = std::move(std::get<std::string>(spec));
  CompileOptions options;
  options.recurrence = line.name;
  written.emplace(text, specName(line.spec), options);
  if (int error = report(*written, written->compileTo(Phase::Recur)))
    return error;
  if (written->getNames().size() > 1)
    return fail("the spec has " + llvm::Twine(written->getNames().size()) +
                " recurrences; pick one with --name: " +
                llvm::join(written->getNames(), ", "));
  mlir::func::FuncOp function = written->getRecurrences().front();
  auto read = Signature::get(function);
  if (mlir::failed(read))
    return report(*written, Outcome::Internal);
  signature.emplace(std::move(*read));
  RecurrenceOpInterface recurrence = Signature::find(function);
  for (unsigned n = 0; n < recurrence.getNumStates(); ++n)
    states.push_back(dtypeOf(recurrence.getState(n).getType()));
  arrays.emplace(*signature);
  return ExitOk;
}

std::optional<unsigned> Run::findArgument(const std::string &name) const {
  for (auto [number, argument] : llvm::enumerate(signature->arguments))
    if (argument.name == name)
      return number;
  return std::nullopt;
}

int Run::unknownArgument(const char *flag, const std::string &name,
                         bool isResult) const {
  std::string known;
  for (const SignatureArgument &argument : signature->arguments)
    if (isWritten(argument) == isResult)
      known += (known.empty() ? "" : ", ") + argument.name;
  if (known.empty())
    known = "none";
  return fail(llvm::Twine(flag) + " " + name + ": recurrence '" +
              signature->name + "' has no " +
              (isResult ? "result" : "argument") + " '" + name +
              "', expected one of: " + known);
}

int Run::checkNames() const {
  for (const auto &[name, file] : line.inputs) {
    std::optional<unsigned> number = findArgument(name);
    if (!number || isWritten(signature->arguments[*number]))
      return unknownArgument("--in", name, false);
  }
  for (const auto &[name, file] : line.outputs) {
    std::optional<unsigned> number = findArgument(name);
    if (!number || !isWritten(signature->arguments[*number]))
      return unknownArgument("--out", name, true);
  }
  for (auto [number, argument] : llvm::enumerate(signature->arguments))
    if (!isWritten(argument) &&
        llvm::none_of(line.inputs, [&, name = argument.name](const auto &in) {
          return in.first == name;
        }))
      return fail("argument " + arrays->describe(number) +
                  " has no array; give one with --in " + argument.name +
                  "=FILE");
  return ExitOk;
}

int Run::readInputs() {
  // In the order of the arguments, so that the first names an index's size.
  for (auto [number, argument] : llvm::enumerate(signature->arguments))
    for (const auto &[name, file] : line.inputs) {
      if (name != argument.name || isWritten(argument))
        continue;
      std::string error;
      std::optional<Tensor> tensor = readNpy(file, error);
      if (!tensor)
        return fail("argument '" + name + "': " + error);
      if (llvm::Error error = arrays->set(number, std::move(*tensor), file))
        return fail(std::move(error));
    }
  if (llvm::Error error = arrays->allocateResults())
    return fail(std::move(error));
  return ExitOk;
}

int Run::createOutputs() {
  // Before the work, so that a path that cannot be written costs nothing.
  for (const auto &[name, file] : line.outputs) {
    auto output = OutputFile::create(file);
    if (!output)
      return fail("--out " + name + ": " + llvm::toString(output.takeError()));
    if (file == "-")
      return fail("--out " + name + ": expected the path of a file, found '" +
                  file + "'");
    outputs.emplace_back(*findArgument(name), std::move(*output));
  }
  return ExitOk;
}

template <typename Body> int Run::time(Body body) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  double total = 0;
  // At least 5 runs, and as many as fit into a second.
  while (times.size() < 5 || (total < 1 && times.size() < 1000)) {
    auto start = Clock::now();
    if (int error = body())
      return error;
    times.push_back(
        std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2,
                   times.end());
  double median = times[times.size() / 2];
  llvm::outs() << "time: " << llvm::format("%.4g", median * 1e3)
               << " ms (median of " << times.size() << "), "
               << llvm::format("%.4g", static_cast<double>(arrays->bytes()) /
                                           median * 1e-9)
               << " GB/s\n";
  return ExitOk;
}

int Run::interpret() {
  std::vector<interpreter::Array> inputs;
  for (auto [number, argument] : llvm::enumerate(signature->arguments))
    if (!isWritten(argument))
      inputs.push_back(toInterpreter((*arrays)[number]));
  interpreter::Options options;
  options.threads = line.threads;
  auto once = [&]() -> int {
    auto results = interpreter::interpret(written->getRecurrences().front(),
                                          inputs, options);
    if (mlir::failed(results))
      return report(*written, Outcome::Refused);
    expected = std::move(*results);
    return ExitOk;
  };
  if (int error = once())
    return error;
  return onInterpreter && line.time ? time(once) : ExitOk;
}

int Run::load() {
  CompileOptions options;
  options.targets = {target};
  options.schedule = line.schedule;
  options.tolerance = line.tolerance;
  options.passes = line.passes;
  options.steps = false;
  options.recurrence = line.name;
  Compilation compilation(text, specName(line.spec), options);
  std::string object;
  if (int error = report(compilation, compilation.emitObject(object)))
    return error;
  auto loaded = JitObject::load(object);
  if (!loaded)
    return fail(loaded.takeError());
  code = std::move(*loaded);
  auto found = code->info(signature->name);
  if (!found)
    return fail(found.takeError());
  info = *found;
  return ExitOk;
}

int Run::call() {
  if (gpu) {
    if (llvm::Error error = runOnGpu(*gpu, *info, *arrays, line.time))
      return fail(std::move(error));
    return ExitOk;
  }
  std::vector<DLTensor> views;
  for (unsigned number = 0; number < arrays->size(); ++number)
    views.push_back((*arrays)[number].dl());
  std::vector<const DLTensor *> pointers;
  for (const DLTensor &view : views)
    pointers.push_back(&view);
  if (line.threads && recur_set_num_threads(line.threads) != RECUR_OK)
    return fail(recur_last_error());
  auto once = [&]() -> int {
    if (recur_call(info, pointers.data(), static_cast<int32_t>(pointers.size()),
                   nullptr, 0, nullptr) != RECUR_OK)
      return fail(recur_last_error());
    return ExitOk;
  };
  if (int error = once())
    return error;
  return line.time ? time(once) : ExitOk;
}

int Run::check() const {
  int code = ExitOk;
  size_t result = 0;
  for (auto [number, argument] : llvm::enumerate(signature->arguments)) {
    if (!isWritten(argument))
      continue;
    const Tensor &found = (*arrays)[number];
    double error = relativeError(found, expected[result++]);
    double limit = tolerance(found.dtype(), states);
    bool good = error <= limit;
    llvm::outs() << "check: " << argument.name << ": relative error "
                 << llvm::format("%.2e", error)
                 << (good ? " <= " : ", expected at most ")
                 << llvm::format("%.0e", limit) << '\n';
    if (!good)
      code = ExitError;
  }
  llvm::outs().flush();
  return code ? fail("the results differ from the reference interpreter's")
              : ExitOk;
}

int Run::writeOutputs() {
  for (auto &[number, file] : outputs) {
    // Under the temporary name, so that all results appear or none; a device
    // has none and is written directly.
    std::string path = file.temporaryPath().str(), error;
    const std::string &name = signature->arguments[number].name;
    if (path.empty())
      for (const auto &[result, given] : line.outputs)
        path = result == name ? given : path;
    if (!writeNpy(path, (*arrays)[number], error))
      return fail("--out " + name + ": " + error);
  }
  for (auto &[number, file] : outputs)
    if (llvm::Error error = file.commit())
      return fail(std::move(error));
  return ExitOk;
}

int Run::chooseTarget() {
  target = line.targets.front();
  onInterpreter = target == "interpreter";
  if (onInterpreter)
    return ExitOk;
  bool anyGpu = target == "cuda";
  bool onGpu = anyGpu;
  if (!anyGpu) {
    auto spec = TargetSpec::parse(target);
    if (!spec)
      return usageError("--target: " + llvm::toString(spec.takeError()) +
                            ", cuda, interpreter",
                        true);
    onGpu = spec->isGpu();
  }
  if (!onGpu)
    return ExitOk;
  auto opened = Gpu::open();
  if (!opened && !anyGpu)
    return fail("--target " + target +
                " needs a GPU: " + llvm::toString(opened.takeError()));
  if (!opened) {
    llvm::errs() << "recurc: warning: no GPU here, running on the CPU: "
                 << llvm::toString(opened.takeError()) << '\n';
    target = "cpu";
    return ExitOk;
  }
  gpu = std::move(*opened);
  if (anyGpu) {
    auto best = TargetSpec::forCapability(gpu->getCapability());
    if (!best)
      return fail("--target cuda: " + gpu->getName() + ": " +
                  llvm::toString(best.takeError()));
    target = best->name;
  }
  return ExitOk;
}

int Run::run() {
  if (int code = chooseTarget())
    return code;
  if (int code = prepare())
    return code;
  if (int code = checkNames())
    return code;
  if (int code = readInputs())
    return code;
  if (int code = createOutputs())
    return code;
  if (onInterpreter || line.check)
    if (int code = interpret())
      return code;
  if (onInterpreter) {
    size_t result = 0;
    for (auto [number, argument] : llvm::enumerate(signature->arguments))
      if (isWritten(argument))
        (*arrays)[number] =
            fromInterpreter(expected[result++], dtypeOf(argument.element));
  } else {
    if (int code = load())
      return code;
    if (int code = call())
      return code;
  }
  if (line.check)
    if (int code = check())
      return code;
  return writeOutputs();
}

int recur::recurc::runCommand(const CommandLine &commandLine) {
  return Run(commandLine).run();
}
