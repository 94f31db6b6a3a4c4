//===-- EmulatedModule.cpp - loaded kernels -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Translates to LLVM IR, lowers, optimises for this machine, links with the
/// emulator.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/EmulatedModule.h"

#include "test/gpu/emulator/Lowering.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace recur::emulator;
namespace orc = llvm::orc;

EmulatedModule::EmulatedModule() = default;
EmulatedModule::EmulatedModule(EmulatedModule &&) noexcept = default;
EmulatedModule &EmulatedModule::operator=(EmulatedModule &&) noexcept = default;
EmulatedModule::~EmulatedModule() = default;

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1)
      .run(module, modules);
}

llvm::Expected<EmulatedModule>
EmulatedModule::create(mlir::gpu::GPUModuleOp module) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> llvmModule =
      mlir::translateModuleToLLVMIR(module, *context, module.getName());
  if (!llvmModule)
    return llvm::createStringError("'" + module.getName() +
                                   "' cannot be translated to LLVM IR");
  auto host = orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return host.takeError();
  auto machine = host->createTargetMachine();
  if (!machine)
    return machine.takeError();
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  auto kernels = lower(*llvmModule);
  if (!kernels)
    return kernels.takeError();
  optimize(*llvmModule, **machine);

  EmulatedModule result;
  result.kernels = std::move(*kernels);
  auto jit =
      orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*host)).create();
  if (!jit)
    return jit.takeError();
  result.jit = std::move(*jit);
  orc::SymbolMap symbols;
  for (auto [name, address] : getOperations())
    symbols[result.jit->mangleAndIntern(name)] = {
        orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  orc::JITDylib &library = result.jit->getMainJITDylib();
  if (llvm::Error error =
          library.define(orc::absoluteSymbols(std::move(symbols))))
    return error;
  if (llvm::Error error = result.jit->addIRModule(
          orc::ThreadSafeModule(std::move(llvmModule), std::move(context))))
    return error;
  for (Kernel &kernel : result.kernels) {
    auto entry = result.jit->lookup((kEntryPrefix + kernel.name).str());
    if (!entry)
      return entry.takeError();
    kernel.entry = entry->toPtr<void(const uint64_t *)>();
  }
  return result;
}

const Kernel *EmulatedModule::find(llvm::StringRef name) const {
  for (const Kernel &kernel : kernels)
    if (kernel.name == name)
      return &kernel;
  return nullptr;
}
