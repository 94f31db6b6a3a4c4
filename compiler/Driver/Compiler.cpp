//===-- Compiler.cpp - compiles a spec in this process --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the phases one after the other and tells mistakes of the user from
/// those of the compiler.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Compiler.h"

#include "compiler/Frontend/Frontend.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/Support/SourceMgr.h"

using namespace recur;

namespace {
/// Notices a pass that leaves invalid IR behind: then the compiler is wrong
/// and not the spec.
class InvalidIRDetector : public mlir::PassInstrumentation {
public:
  InvalidIRDetector(std::string &pass, DiagnosticList &diagnostics)
      : pass(pass), diagnostics(diagnostics) {}

  void runAfterPassFailed(mlir::Pass *failed, mlir::Operation *op) override {
    size_t count = diagnostics.list.size();
    if (pass.empty() && mlir::failed(mlir::verify(op)))
      pass = failed->getArgument().str();
    diagnostics.list.resize(count);
  }

private:
  std::string &pass;
  DiagnosticList &diagnostics;
};
} // namespace

Compilation::Compilation(std::string source, std::string file,
                         CompileOptions options)
    : source(std::move(source)), file(std::move(file)),
      options(std::move(options)) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  // One thread a compilation: specs are small, and programs that compile many
  // bring threads of their own.
  context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  context->printOpOnDiagnostic(false);
  collector = std::make_unique<DiagnosticCollector>(context.get(), diagnostics);
}

Compilation::~Compilation() = default;

Outcome Compilation::refuse(const llvm::Twine &message) {
  diagnostics.error(file, message);
  return Outcome::Refused;
}

Outcome Compilation::parse() {
  pipeline.schedule = options.schedule;
  for (const std::string &name : options.targets) {
    auto target = TargetSpec::parse(name);
    if (!target)
      return refuse(llvm::toString(target.takeError()));
    if (llvm::none_of(pipeline.targets, [&](const TargetSpec &other) {
          return other.name == target->name;
        }))
      pipeline.targets.push_back(std::move(*target));
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(source, file),
                             llvm::SMLoc());
  module = parseSpec(sources, *context);
  if (!module) {
    if (diagnostics.hasErrors())
      return Outcome::Refused;
    diagnostics.error(file, "the frontend failed without saying why");
    return Outcome::Internal;
  }
  if (mlir::failed(mlir::verify(*module)))
    return Outcome::Internal;
  return selectRecurrence();
}

Outcome Compilation::selectRecurrence() {
  std::string known;
  for (auto function : module->getOps<mlir::func::FuncOp>()) {
    names.push_back(function.getName().str());
    known += (known.empty() ? "'" : ", '") + names.back() + "'";
  }
  if (names.empty())
    return refuse("the spec has no recurrence");
  if (options.recurrence.empty())
    return Outcome::Ok;
  if (!llvm::is_contained(names, options.recurrence))
    return refuse("the spec has no recurrence '" + options.recurrence +
                  "'; it has " + known);
  for (mlir::func::FuncOp function : getRecurrences())
    if (function.getName() != options.recurrence)
      function.erase();
  names = {options.recurrence};
  return Outcome::Ok;
}

std::vector<mlir::func::FuncOp> Compilation::getRecurrences() {
  auto functions = module->getOps<mlir::func::FuncOp>();
  return {functions.begin(), functions.end()};
}

std::string Compilation::printIR() {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  return text;
}

Outcome Compilation::runPhase(Phase phase) {
  mlir::PassManager passes(context.get(), mlir::ModuleOp::getOperationName());
  populatePhase(passes, phase, pipeline);
  std::string invalid;
  passes.addInstrumentation(
      std::make_unique<InvalidIRDetector>(invalid, diagnostics));
  bool hadErrors = diagnostics.hasErrors();
  if (mlir::succeeded(passes.run(*module)))
    return Outcome::Ok;
  if (!invalid.empty()) {
    diagnostics.error(file, "the pass '" + invalid + "' made invalid IR");
    return Outcome::Internal;
  }
  if (!hadErrors && !diagnostics.hasErrors()) {
    diagnostics.error(file, "the phase '" + stringify(phase) +
                                "' failed without saying why");
    return Outcome::Internal;
  }
  return Outcome::Refused;
}

Outcome Compilation::compileTo(Phase phase) {
  if (!reached) {
    if (Outcome outcome = parse(); outcome != Outcome::Ok)
      return outcome;
    reached = Phase::Recur;
    if (save)
      save("recur.mlir", printIR());
  }
  while (*reached < phase) {
    auto next = static_cast<Phase>(static_cast<int>(*reached) + 1);
    if (Outcome outcome = runPhase(next); outcome != Outcome::Ok)
      return outcome;
    reached = next;
    if (save)
      save((stringify(next) + ".mlir").str(), printIR());
  }
  return Outcome::Ok;
}

Outcome Compilation::emitObject(std::string &) {
  return refuse("object code is not supported yet");
}
