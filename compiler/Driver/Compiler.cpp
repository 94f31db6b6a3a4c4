//===-- Compiler.cpp - compiles a spec in this process --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the phases one after the other and tells mistakes of the user from
/// those of the compiler.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Compiler.h"

#include "compiler/Analysis/Explain.h"
#include "compiler/Conversion/Artifact.h"
#include "compiler/Conversion/ExplainKernels.h"
#include "compiler/Driver/Header.h"
#include "compiler/Driver/Jit.h"
#include "compiler/Frontend/Frontend.h"
#include "compiler/Target/Cubin.h"
#include "compiler/Target/HostObject.h"
#include "compiler/Target/Ptx.h"
#include "dialect/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/SourceMgr.h"
#include <utility>

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
  pipeline.tolerance = options.tolerance;
  pipeline.passes = options.passes;
  pipeline.steps = options.steps;
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

std::vector<std::string> Compilation::getFunctionNames() {
  std::vector<std::string> functions;
  if (auto artifacts =
          (*module)->getAttrOfType<mlir::ArrayAttr>(kArtifactsAttr))
    for (auto artifact : artifacts.getAsRange<mlir::DictionaryAttr>())
      functions.push_back(artifact.getAs<mlir::StringAttr>("name").str());
  return functions;
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
  // Verifying after every pass takes as long as the passes do; recur-opt does
  // it, which runs the same pipelines in the tests.
#ifdef NDEBUG
  passes.enableVerifier(false);
#endif
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

Outcome Compilation::failed(Phase phase, size_t errorsBefore) {
  if (diagnostics.list.size() > errorsBefore)
    return Outcome::Refused;
  diagnostics.error(file, "making the " + stringify(phase) +
                              " failed without saying why");
  return Outcome::Internal;
}

bool Compilation::emitImages(const TargetSpec &target,
                             std::vector<DeviceImage> &images) {
  mlir::gpu::GPUModuleOp kernels = findGpuModule(target);
  if (!kernels) {
    diagnostics.error(file, "no kernels for " + target.name);
    return false;
  }
  auto ptx = recur::emitPtx(kernels, target);
  if (mlir::failed(ptx))
    return false;
  if (save)
    save(target.name + ".ptx", *ptx);
  Cubin cubin;
  if (options.cubins)
    cubin = assembleCubin(*ptx, target);
  if (cubin.status == Cubin::Status::Failed) {
    diagnostics.error(file, "the assembler refuses our PTX: " + cubin.message);
    return false;
  }
  if (cubin.status == Cubin::Status::Ok) {
    if (save)
      save(target.name + ".cubin", cubin.bytes);
    images.push_back(
        {target, DeviceImage::Format::Cubin, std::move(cubin.bytes)});
  }
  images.push_back({target, DeviceImage::Format::Ptx, std::move(*ptx)});
  return true;
}

std::optional<HostInterfaceOptions> Compilation::describeHost(bool withImages) {
  HostInterfaceOptions interface;
  interface.sourceHash =
      llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(source)),
                  /*LowerCase=*/true);
  for (const TargetSpec &target : pipeline.targets) {
    interface.targets += (interface.targets.empty() ? "" : ",") + target.name;
    if (target.isGpu() && withImages && !emitImages(target, interface.images))
      return std::nullopt;
  }
  return interface;
}

Outcome Compilation::emitLlvm(std::string &text) {
  if (Outcome outcome = compileTo(Phase::Llvm); outcome != Outcome::Ok)
    return outcome;
  size_t before = diagnostics.list.size();
  llvm::LLVMContext llvm;
  llvm::raw_string_ostream os(text);
  if (pipeline.hasCpu()) {
    auto host =
        translateHost(*module, llvm, *describeHost(/*withImages=*/false));
    if (mlir::failed(host))
      return failed(Phase::Llvm, before);
    if (llvm::Error error = optimizeHost(**host)) {
      diagnostics.error(file, llvm::toString(std::move(error)));
      return Outcome::Internal;
    }
    (*host)->print(os, nullptr);
  }
  for (const TargetSpec &target : pipeline.targets) {
    if (!target.isGpu())
      continue;
    mlir::gpu::GPUModuleOp kernels = findGpuModule(target);
    if (!kernels)
      return failed(Phase::Llvm, before);
    auto device = translateToNvptx(kernels, target, llvm);
    if (mlir::failed(device))
      return failed(Phase::Llvm, before);
    (*device)->print(os, nullptr);
  }
  return Outcome::Ok;
}

Outcome Compilation::emitObject(std::string &bytes) {
  if (!object.empty()) {
    bytes = object;
    return Outcome::Ok;
  }
  if (Outcome outcome = compileTo(Phase::Recur); outcome != Outcome::Ok)
    return outcome;
  for (const std::string &name : names)
    if (llvm::Error error = checkFunctionName(name))
      return refuse(llvm::toString(std::move(error)));
  if (Outcome outcome = compileTo(Phase::Llvm); outcome != Outcome::Ok)
    return outcome;
  size_t before = diagnostics.list.size();
  std::optional<HostInterfaceOptions> interface =
      describeHost(/*withImages=*/true);
  if (!interface)
    return failed(Phase::Object, before);
  std::string text;
  auto emitted = compileHost(*module, *interface, save ? &text : nullptr);
  if (!emitted) {
    diagnostics.error(file, llvm::toString(emitted.takeError()));
    return Outcome::Internal;
  }
  if (save)
    save("ll", text);
  object.assign(emitted->begin(), emitted->end());
  bytes = object;
  if (save)
    save("o", object);
  return Outcome::Ok;
}

const TargetSpec *Compilation::findGpuTarget() const {
  for (const TargetSpec &target : pipeline.targets)
    if (target.isGpu())
      return &target;
  return nullptr;
}

mlir::gpu::GPUModuleOp Compilation::findGpuModule(const TargetSpec &target) {
  mlir::gpu::GPUModuleOp found;
  for (auto kernels :
       llvm::make_early_inc_range(module->getOps<mlir::gpu::GPUModuleOp>())) {
    auto name = kernels->getAttrOfType<mlir::StringAttr>("recur.target");
    if (!name || name.getValue() != target.name)
      continue;
    if (!found) {
      found = kernels;
      continue;
    }
    // One PTX file holds one module: the kernels of all recurrences go there.
    mlir::SymbolTable symbols(found);
    for (mlir::Operation &op :
         llvm::make_early_inc_range(kernels.getBody()->getOperations())) {
      // What both modules declare is the same function of the device.
      auto function = llvm::dyn_cast<mlir::FunctionOpInterface>(op);
      if (function && function.isExternal() &&
          symbols.lookup(function.getName()))
        continue;
      op.remove();
      symbols.insert(&op);
    }
    kernels.erase();
  }
  return found;
}

Outcome Compilation::emitPtx(std::string &ptx) {
  // Kernels are lowered one by one beside the compilation of others, unless
  // somebody wants to see them lowered.
  if (Outcome outcome = compileTo(save ? Phase::Llvm : Phase::Kernel);
      outcome != Outcome::Ok)
    return outcome;
  const TargetSpec *target = findGpuTarget();
  if (!target)
    return refuse("PTX needs a GPU target such as sm_90a");
  size_t before = diagnostics.list.size();
  mlir::gpu::GPUModuleOp kernels = findGpuModule(*target);
  if (!kernels)
    return refuse("no kernels for " + target->name);
  auto emitted = recur::emitPtx(kernels, *target);
  if (mlir::failed(emitted))
    return failed(Phase::Ptx, before);
  ptx = std::move(*emitted);
  if (save)
    save(target->name + ".ptx", ptx);
  return Outcome::Ok;
}

Outcome Compilation::emitCubin(std::string &cubin) {
  std::string ptx;
  if (Outcome outcome = emitPtx(ptx); outcome != Outcome::Ok)
    return outcome;
  const TargetSpec *target = findGpuTarget();
  Cubin assembled = assembleCubin(ptx, *target);
  if (assembled.status == Cubin::Status::NotAvailable)
    return refuse("a cubin needs an assembler: expected libnvJitLink or ptxas "
                  "on this machine, found none");
  if (assembled.status == Cubin::Status::Failed) {
    diagnostics.error(file,
                      "the assembler refuses our PTX: " + assembled.message);
    return Outcome::Internal;
  }
  cubin = std::move(assembled.bytes);
  if (save)
    save(target->name + ".cubin", cubin);
  return Outcome::Ok;
}

Outcome Compilation::emitHeader(std::string &header) {
  std::string bytes;
  if (Outcome outcome = emitObject(bytes); outcome != Outcome::Ok)
    return outcome;
  auto internal = [&](llvm::Error error) {
    diagnostics.error(file, llvm::toString(std::move(error)));
    return Outcome::Internal;
  };
  auto code = JitObject::load(bytes);
  if (!code)
    return internal(code.takeError());
  std::vector<const recur_info *> infos;
  for (const std::string &name : getFunctionNames()) {
    auto info = (*code)->info(name);
    if (!info)
      return internal(info.takeError());
    infos.push_back(*info);
  }
  header = writeHeader(infos, file);
  if (save)
    save("h", header);
  return Outcome::Ok;
}

Outcome
Compilation::explain(llvm::ArrayRef<std::pair<std::string, int64_t>> sizes,
                     std::string &text) {
  // Steps would be explained like recurrences of their own.
  options.steps = false;
  if (Outcome outcome = compileTo(Phase::Recur); outcome != Outcome::Ok)
    return outcome;
  llvm::StringMap<int64_t> known;
  for (const auto &[name, size] : sizes) {
    std::string dims;
    bool found = false;
    for (mlir::func::FuncOp function : getRecurrences()) {
      SpaceAttr space = Signature::find(function).getSpace();
      for (unsigned dim = 0; dim < space.getRank(); ++dim) {
        dims += (dims.empty() ? "" : ", ") + space.getName(dim).str();
        found |= space.getName(dim) == name;
        if (space.getName(dim) == name && space.isStatic(dim) &&
            space.getSizes()[dim] != size)
          return refuse("--size " + name + ": the spec says " + name + " = " +
                        llvm::Twine(space.getSizes()[dim]) + ", found " +
                        llvm::Twine(size));
      }
    }
    if (!found)
      return refuse("--size " + name + ": expected one of the indices " + dims);
    known[name] = size;
  }
  if (Outcome outcome = compileTo(Phase::Scheduled); outcome != Outcome::Ok)
    return outcome;
  llvm::raw_string_ostream os(text);
  bool isFirst = true;
  for (mlir::func::FuncOp function : getRecurrences()) {
    auto scan = llvm::dyn_cast_or_null<ScanLikeOpInterface>(
        Signature::find(function).getOperation());
    if (!scan)
      continue;
    if (!std::exchange(isFirst, false))
      os << '\n';
    recur::explain(scan, known, os);
    if (auto signature = Signature::get(function); succeeded(signature))
      explainKernels(scan, *signature, os);
  }
  // What is no scan, or has no kernels, is refused after the rest has been
  // explained.
  mlir::PassManager check(context.get(), mlir::ModuleOp::getOperationName());
  check.addPass(createCheckSupportedPass());
  return mlir::succeeded(check.run(*module)) ? Outcome::Ok : Outcome::Refused;
}

Artifact recur::compile(llvm::StringRef source, const CompileOptions &options,
                        llvm::StringRef file) {
  Artifact artifact;
  Compilation compilation(source.str(), file.str(), options);
  artifact.outcome = compilation.emitObject(artifact.object);
  artifact.messages = compilation.render();
  artifact.diagnostics = compilation.getDiagnostics();
  if (artifact)
    artifact.names = compilation.getFunctionNames();
  return artifact;
}
