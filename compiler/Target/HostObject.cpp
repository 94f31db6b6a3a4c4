//===-- HostObject.cpp - kernels to object code ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// func, scf, arith, vector -> llvm dialect -> LLVM IR -> object bytes.
//===----------------------------------------------------------------------===//

#include "compiler/Target/HostObject.h"

#include "compiler/Conversion/Artifact.h"
#include "compiler/Conversion/Passes.h"
#include "compiler/Target/HostGathers.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <mutex>

using namespace mlir;
using namespace recur;

void recur::registerHostTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

void recur::addHostLoweringPasses(OpPassManager &passes) {
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(createCSEPass());
  functions.addPass(createExpandMathPass());
  // bf16 is no arithmetic type of these machines: its conversions become
  // shifts and rounding.
  arith::ArithExpandOpsPassOptions expansion;
  expansion.includeBf16 = true;
  functions.addPass(arith::createArithExpandOpsPass(expansion));
  // Folding what the expansions leave is LLVM's, which does it faster.
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

/// What kernels need of LLVM's middle end. They are loops over vectors already,
/// without calls and without stack slots: LLVM's own O2 would take ten times as
/// long to find nothing to inline and to unroll loops that run once a tile.
static constexpr llvm::StringLiteral kernelPasses =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "simplifycfg,loop-mssa(loop-simplifycfg,loop-rotate,licm),early-cse<memssa>,"
    "instcombine<no-verify-fixpoint>,simplifycfg)";

static void initializeHost() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createHostMachine() {
  initializeHost();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for " + triple.str() +
                                   ": " + error);
  bool x86 = triple.isX86();
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, x86 ? "x86-64-v2" : "", "", llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("no target machine for " + triple.str());
  return machine;
}

FailureOr<std::unique_ptr<llvm::Module>>
recur::translateKernels(ModuleOp kernels, llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(kernels, context, "recur");
  if (!llvmModule)
    return kernels.emitError("cannot translate the kernels to LLVM IR");
  auto machine = createHostMachine();
  if (!machine)
    return kernels.emitError(llvm::toString(machine.takeError()));
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  return llvmModule;
}

FailureOr<std::unique_ptr<llvm::Module>>
recur::translateHost(ModuleOp module, llvm::LLVMContext &context,
                     const HostInterfaceOptions &options) {
  auto artifacts = module->getAttrOfType<ArrayAttr>(kArtifactsAttr);
  if (!artifacts)
    return module.emitError("expected kernels: no attribute '")
           << kArtifactsAttr << "'";
  OwningOpRef<ModuleOp> host = module.clone();
  for (Operation &op :
       llvm::make_early_inc_range(host->getBody()->getOperations()))
    if (isa<gpu::GPUModuleOp>(op))
      op.erase();
  FailureOr<std::unique_ptr<llvm::Module>> llvmModule =
      translateKernels(*host, context);
  if (failed(llvmModule))
    return failure();
  if (llvm::Error error = addHostInterface(**llvmModule, artifacts, options))
    return module.emitError(llvm::toString(std::move(error)));
  return llvmModule;
}

llvm::Error recur::optimizeHost(llvm::Module &module) {
  auto machine = createHostMachine();
  if (!machine)
    return machine.takeError();
  expandGathers(module, **machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine->get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, kernelPasses))
    return error;
  passes.run(module, modules);
  return llvm::Error::success();
}

llvm::Expected<llvm::SmallVector<char, 0>>
recur::emitHostObject(llvm::Module &module) {
  auto machine = createHostMachine();
  if (!machine)
    return machine.takeError();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("this target cannot emit object files");
  passes.run(module);
  return bytes;
}
