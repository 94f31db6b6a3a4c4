//===-- recur-translate-gpu.cpp - GPU kernels to LLVM IR, PTX and cubin
//-------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads a module with one or more gpu.module and writes what a GPU loads; for
/// tests of the steps after the kernel level.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ExpandMath.h"
#include "compiler/Target/Cubin.h"
#include "compiler/Target/Ptx.h"
#include "dialect/IR/Recur.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

#include <chrono>

using namespace mlir;
using namespace recur;
namespace cl = llvm::cl;

namespace {
enum class Emit { Llvm, Ptx, Cubin };
}

static cl::opt<std::string> inputName(cl::Positional, cl::desc("<input>"),
                                      cl::init("-"));
static cl::opt<std::string> outputName("o", cl::desc("Output file"),
                                       cl::init("-"));
static cl::opt<std::string>
    targetName("target", cl::desc("GPU architecture, such as sm_90a"),
               cl::init("sm_80"));
static cl::opt<Emit>
    emit("emit", cl::desc("What to write"), cl::init(Emit::Ptx),
         cl::values(clEnumValN(Emit::Llvm, "llvm", "optimised LLVM IR"),
                    clEnumValN(Emit::Ptx, "ptx", "PTX"),
                    clEnumValN(Emit::Cubin, "cubin", "machine code")));
static cl::opt<Assembler> assembler(
    "assembler", cl::desc("What makes a cubin"), cl::init(Assembler::Any),
    cl::values(clEnumValN(Assembler::Any, "any", "whichever is there"),
               clEnumValN(Assembler::NvJitLink, "nvjitlink", "libnvJitLink"),
               clEnumValN(Assembler::Ptxas, "ptxas", "the ptxas program")));
static cl::opt<unsigned>
    repeat("time", cl::desc("Translate N times more; report the fastest"),
           cl::init(0));

static LogicalResult translate(gpu::GPUModuleOp module,
                               const TargetSpec &target,
                               llvm::raw_ostream &os) {
  PassManager passes(module.getContext(), gpu::GPUModuleOp::getOperationName());
  addNvvmPasses(passes);
  if (failed(passes.run(module)))
    return failure();
  if (emit == Emit::Llvm) {
    llvm::LLVMContext context;
    auto llvmModule = translateToNvptx(module, target, context);
    if (failed(llvmModule))
      return failure();
    (*llvmModule)->print(os, nullptr);
    return success();
  }
  FailureOr<std::string> ptx = emitPtx(module, target);
  if (failed(ptx))
    return failure();
  if (emit == Emit::Ptx) {
    os << *ptx;
    return success();
  }
  Cubin cubin = assembleCubin(*ptx, target, assembler);
  if (cubin.status == Cubin::Status::NotAvailable)
    return module.emitError("no assembler for PTX here: neither libnvJitLink "
                            "nor ptxas was found");
  if (cubin.status == Cubin::Status::Failed)
    return module.emitError(cubin.message);
  os << cubin.bytes;
  return success();
}

/// Translates all modules of `text`; the output of the last is kept.
static LogicalResult translateText(llvm::MemoryBufferRef text,
                                   MLIRContext &context,
                                   const TargetSpec &target,
                                   llvm::raw_ostream &os) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, false),
                             llvm::SMLoc());
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return failure();
  // Modules made for another target are left out.
  for (gpu::GPUModuleOp gpuModule : module->getOps<gpu::GPUModuleOp>()) {
    auto own = gpuModule->getAttrOfType<StringAttr>(kTargetAttr);
    if ((!own || own.getValue() == target.name) &&
        failed(translate(gpuModule, target, os)))
      return failure();
  }
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Recur GPU module translator\n");
  llvm::Expected<TargetSpec> target = TargetSpec::parse(targetName);
  std::string message = !target ? llvm::toString(target.takeError())
                        : !target->isGpu()
                            ? "target '" + targetName + "' is not a GPU"
                            : "";
  if (!message.empty()) {
    llvm::errs() << "error: " << message << '\n';
    return 1;
  }
  std::unique_ptr<llvm::MemoryBuffer> input =
      openInputFile(inputName, &message);
  std::unique_ptr<llvm::ToolOutputFile> output;
  if (input)
    output = openOutputFile(outputName, &message);
  if (!input || !output) {
    llvm::errs() << "error: " << message << '\n';
    return 1;
  }
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<RecurDialect>();
  registerPtxTranslations(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);

  if (failed(translateText(*input, context, *target, output->os())))
    return 1;
  using Clock = std::chrono::steady_clock;
  double fastest = 1e30;
  for (unsigned i = 0; i < repeat; ++i) {
    auto start = Clock::now();
    if (failed(translateText(*input, context, *target, llvm::nulls())))
      return 1;
    std::chrono::duration<double, std::milli> time = Clock::now() - start;
    fastest = std::min(fastest, time.count());
  }
  if (repeat)
    llvm::errs() << "translated in " << fastest << " ms\n";
  output->keep();
  return 0;
}
