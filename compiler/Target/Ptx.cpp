//===-- Ptx.cpp - GPU kernels to LLVM IR for NVPTX ------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// gpu.module -> llvm and nvvm dialects -> LLVM IR for NVPTX.
//===----------------------------------------------------------------------===//

#include "compiler/Target/Ptx.h"

#include "compiler/Conversion/Passes.h"

#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace mlir;
using namespace recur;

void recur::registerPtxTranslations(DialectRegistry &registry) {
  registerAllGPUToLLVMIRTranslations(registry);
}

void recur::addNvvmPasses(OpPassManager &modulePasses) {
  ExpandMathPassOptions expansion;
  expansion.target = "gpu";
  // What is not made twice is not converted twice; folding what the
  // conversions leave is LLVM's, which does it faster.
  modulePasses.addPass(createCSEPass());
  modulePasses.addPass(createExpandMathPass(expansion));
  modulePasses.addPass(createConvertToNvvmPass());
  modulePasses.addPass(createReconcileUnrealizedCastsPass());
}

/// LLVM ends the process over an instruction that it cannot select, so what
/// NVPTX lacks is found first. The list names the intrinsics that math lowers
/// to.
static StringRef getUnselectable(const llvm::CallBase &call) {
  const llvm::Function *callee = call.getCalledFunction();
  if (!callee || !callee->isDeclaration())
    return "";
  switch (callee->getIntrinsicID()) {
  case llvm::Intrinsic::not_intrinsic:
  case llvm::Intrinsic::exp:
  case llvm::Intrinsic::exp10:
  case llvm::Intrinsic::log:
  case llvm::Intrinsic::log10:
  case llvm::Intrinsic::log2:
  case llvm::Intrinsic::pow:
  case llvm::Intrinsic::powi:
    return callee->getName();
  case llvm::Intrinsic::exp2:
    return call.getType()->isFloatTy() ? "" : callee->getName();
  case llvm::Intrinsic::sin:
  case llvm::Intrinsic::cos:
  case llvm::Intrinsic::tanh:
    return call.getType()->isFloatTy() && call.hasApproxFunc()
               ? ""
               : callee->getName();
  default:
    return "";
  }
}

static LogicalResult checkSelectable(gpu::GPUModuleOp module,
                                     const llvm::Module &llvmModule) {
  for (const llvm::Function &function : llvmModule)
    for (const llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = dyn_cast<llvm::CallBase>(&instruction))
        if (StringRef name = getUnselectable(*call); !name.empty())
          return module.emitError()
                 << "kernel '" << function.getName() << "' calls '" << name
                 << "', which is not an instruction of the GPU; expected math "
                    "to be expanded before";
  return success();
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const TargetSpec &target, const llvm::Triple &triple) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  std::string error;
  const llvm::Target *backEnd =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backEnd)
    return nullptr;
  llvm::TargetOptions options;
  // a * h + b is one instruction; the interpreter is compared within a
  // tolerance that allows the missing rounding.
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(backEnd->createTargetMachine(
      triple, target.chip, target.features, options, llvm::Reloc::PIC_,
      std::nullopt,
      // Aggressive has GVN for EarlyCSE, twice; kernels are no smaller for it.
      llvm::CodeGenOptLevel::Default));
}

/// What kernels need of LLVM's middle end. They are written in registers and
/// unrolled; what remains is folding, loop-invariant code, and making one of
/// the loads of whole and of partial tiles, which needs fewer registers. LLVM's
/// own O3 takes five times as long, and unrolls loops that ptxas unrolls again.
static constexpr llvm::StringLiteral kernelPasses =
    "function(early-cse,instcombine<no-verify-fixpoint>,simplifycfg,"
    "loop-mssa(loop-rotate,licm),early-cse,"
    "simplifycfg<hoist-common-insts;sink-common-insts>)";

llvm::Error recur::optimizeForNvptx(llvm::Module &module,
                                    llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, kernelPasses))
    return error;
  passes.run(module, modules);
  return llvm::Error::success();
}

FailureOr<std::unique_ptr<llvm::Module>>
recur::translateToNvptx(gpu::GPUModuleOp module, const TargetSpec &target,
                        llvm::LLVMContext &context,
                        std::unique_ptr<llvm::TargetMachine> &machine) {
  assert(target.isGpu() && "PTX is for a GPU");
  llvm::Triple triple("nvptx64-nvidia-cuda");
  machine = createMachine(target, triple);
  if (!machine) {
    module.emitError("this build of LLVM has no NVPTX back end");
    return failure();
  }
#ifdef NDEBUG
  constexpr bool disableVerifier = true;
#else
  constexpr bool disableVerifier = false;
#endif
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(
      module, context, module.getName(), disableVerifier);
  if (!llvmModule) {
    module.emitError("cannot be translated to LLVM IR");
    return failure();
  }
  llvmModule->setTargetTriple(triple);
  llvmModule->setDataLayout(machine->createDataLayout());
  if (failed(checkSelectable(module, *llvmModule)))
    return failure();
  return llvmModule;
}

FailureOr<std::unique_ptr<llvm::Module>>
recur::translateToNvptx(gpu::GPUModuleOp module, const TargetSpec &target,
                        llvm::LLVMContext &context) {
  std::unique_ptr<llvm::TargetMachine> machine;
  auto llvmModule = translateToNvptx(module, target, context, machine);
  if (failed(llvmModule))
    return failure();
  if (llvm::Error error = optimizeForNvptx(**llvmModule, *machine))
    return module.emitError(llvm::toString(std::move(error)));
  return llvmModule;
}
