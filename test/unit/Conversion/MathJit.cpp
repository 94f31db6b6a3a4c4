//===-- MathJit.cpp - expanded functions as loops, compiled in process ----===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-expand-math, the conversions to LLVM, -O3 and LLJIT for one function.
//===----------------------------------------------------------------------===//

#include "test/unit/Conversion/MathJit.h"

#include "compiler/Conversion/Passes.h"
#include "dialect/IR/Recur.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <cmath>

using namespace recur::test;

MathJit::MathJit() = default;
MathJit::MathJit(MathJit &&) = default;
MathJit::~MathJit() = default;

bool MathJit::supports(llvm::StringRef target) {
  auto features = llvm::sys::getHostCPUFeatures();
  if (target == "x86-64-v4")
    return features["avx512f"] && features["avx512dq"] && features["avx512vl"];
  return target != "x86-64-v3" || (features["avx2"] && features["fma"]);
}

/// A loop over arrays with one vector (or scalar) an iteration.
static std::string sourceOf(const MathCase &c) {
  auto typeOf = [&](const std::string &element) -> std::string {
    if (!c.lanes)
      return element;
    return llvm::formatv("vector<{0}x{1}>", c.lanes, element);
  };
  const std::string &element = c.result.empty() ? c.element : c.result;
  std::string type = typeOf(c.element), result = typeOf(element);
  std::string call = c.op + " %a";
  if (c.op == "recur.logaddexp")
    call += ", %b";
  call += " " + c.attributes + " : " + type;
  if (!c.result.empty())
    call += " to " + result;
  return llvm::formatv(
      R"(llvm.func @loop(%x: !llvm.ptr, %y: !llvm.ptr, %out: !llvm.ptr, %count: i64) {{
  %zero = arith.constant 0 : i64
  %step = arith.constant {0} : i64
  scf.for %i = %zero to %count step %step : i64 {{
    %px = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, {1}
    %py = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, {1}
    %po = llvm.getelementptr %out[%i] : (!llvm.ptr, i64) -> !llvm.ptr, {2}
    %a = llvm.load %px {{alignment = 2} : !llvm.ptr -> {3}
    %b = llvm.load %py {{alignment = 2} : !llvm.ptr -> {3}
    %r = {5}
    llvm.store %r, %po {{alignment = 2} : {4}, !llvm.ptr
  }
  llvm.return
})",
      std::max(c.lanes, 1), c.element, element, type, result, call);
}

static float flush(float x) {
  return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x;
}
static float exp2OfGpu(float x) { return flush(std::exp2(flush(x))); }
static float reciprocalOfGpu(float x) { return flush(1 / flush(x)); }

/// Calls of NVPTX's intrinsics become calls of the functions above.
static void replaceGpuIntrinsics(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction :
         llvm::make_early_inc_range(llvm::instructions(function))) {
      auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
      if (!call)
        continue;
      llvm::IRBuilder<> builder(call);
      llvm::Value *operand =
          call->getNumOperands() ? call->getOperand(0) : nullptr;
      auto callHost = [&](float (*target)(float)) {
        auto *type =
            llvm::FunctionType::get(call->getType(), {call->getType()}, false);
        auto *address = builder.CreateIntToPtr(
            builder.getInt64(reinterpret_cast<uint64_t>(target)),
            builder.getPtrTy());
        return builder.CreateCall(type, address, {operand});
      };
      llvm::Value *result = nullptr;
      switch (call->getIntrinsicID()) {
      case llvm::Intrinsic::nvvm_ex2_approx_ftz:
        result = callHost(exp2OfGpu);
        break;
      case llvm::Intrinsic::nvvm_rcp_approx_ftz_f:
        result = callHost(reciprocalOfGpu);
        break;
      case llvm::Intrinsic::nvvm_sqrt_rn_f:
      case llvm::Intrinsic::nvvm_sqrt_rn_d:
        result = builder.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, operand);
        break;
      default:
        continue;
      }
      call->replaceAllUsesWith(result);
      call->eraseFromParent();
    }
}

static llvm::Error failure(const llvm::Twine &what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), what);
}

llvm::Expected<MathJit> MathJit::compile(const MathCase &c) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  mlir::DialectRegistry registry;
  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
                  mlir::scf::SCFDialect, mlir::vector::VectorDialect,
                  recur::RecurDialect>();
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(sourceOf(c), &context);
  if (!module)
    return failure("the source of " + c.op + " does not parse");

  mlir::PassManager manager(&context);
  recur::ExpandMathPassOptions options;
  options.target = c.target;
  manager.addPass(recur::createExpandMathPass(options));
  manager.addPass(mlir::createSCFToControlFlowPass());
  manager.addPass(mlir::createConvertVectorToLLVMPass());
  manager.addPass(mlir::createArithToLLVMConversionPass());
  manager.addPass(mlir::createConvertControlFlowToLLVMPass());
  manager.addPass(mlir::createReconcileUnrealizedCastsPass());
  if (mlir::failed(manager.run(*module)))
    return failure("the conversion of " + c.op + " failed");

  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = mlir::translateModuleToLLVMIR(*module, *llvmContext);
  if (!llvmModule)
    return failure("the translation of " + c.op + " failed");
  replaceGpuIntrinsics(*llvmModule);

  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  builder->setCPU(c.target == "gpu"   ? "x86-64-v3"
                  : c.target == "cpu" ? "x86-64-v2"
                                      : c.target);
  builder->getFeatures() = llvm::SubtargetFeatures();
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  auto machine = builder->createTargetMachine();
  if (!machine)
    return machine.takeError();
  llvmModule->setDataLayout((*machine)->createDataLayout());
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  for (llvm::Function &function : *llvmModule)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", builder->getCPU());
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("min-legal-vector-width", "512");
    }
  llvm::PassBuilder passes(machine->get());
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(components);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, components, modules);
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(*llvmModule, modules);

  MathJit result;
  auto jit = llvm::orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(*builder))
                 .create();
  if (!jit)
    return jit.takeError();
  result.jit = std::move(*jit);
  // No generator for the process's symbols: a call of libm fails to link.
  if (auto error = result.jit->addIRModule(llvm::orc::ThreadSafeModule(
          std::move(llvmModule), std::move(llvmContext))))
    return std::move(error);
  auto symbol = result.jit->lookup("loop");
  if (!symbol)
    return symbol.takeError();
  result.loop = symbol->toPtr<MathLoop>();
  return std::move(result);
}
