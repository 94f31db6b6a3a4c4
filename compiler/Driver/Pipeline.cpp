//===-- Pipeline.cpp - the phases of a compilation ------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds the passes of each phase.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Pipeline.h"

#include "compiler/Conversion/Passes.h"
#include "compiler/Target/HostObject.h"
#include "compiler/Target/Ptx.h"
#include "dialect/IR/Recur.h"
#include "dialect/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur;

namespace {
constexpr llvm::StringLiteral names[] = {
    "recur", "classified", "scheduled", "kernel", "llvm",
    "ptx",   "cubin",      "object",    "header", "shared"};
} // namespace

llvm::StringRef recur::stringify(Phase phase) {
  return names[static_cast<size_t>(phase)];
}

std::optional<Phase> recur::phaseFromName(llvm::StringRef name) {
  const auto *found = llvm::find(names, name);
  if (found == std::end(names))
    return std::nullopt;
  return static_cast<Phase>(found - std::begin(names));
}

std::string recur::phaseNames(bool onlyIR) {
  std::string text;
  for (llvm::StringRef name : names) {
    if (onlyIR && !isIR(*phaseFromName(name)))
      continue;
    text += (text.empty() ? "" : ", ") + name.str();
  }
  return text;
}

bool PipelineOptions::hasCpu() const {
  return llvm::any_of(targets,
                      [](const TargetSpec &target) { return !target.isGpu(); });
}

bool PipelineOptions::hasGpu() const {
  return llvm::any_of(targets,
                      [](const TargetSpec &target) { return target.isGpu(); });
}

void recur::populatePhase(mlir::OpPassManager &passes, Phase phase,
                          const PipelineOptions &options) {
  switch (phase) {
  case Phase::Classified:
    return populateClassifyPipeline(passes, options);
  case Phase::Scheduled:
    return populateSchedulePipeline(passes, options);
  case Phase::Kernel:
    return populateKernelPipeline(passes, options);
  case Phase::Llvm:
    return populateLlvmPipeline(passes, options);
  default:
    return;
  }
}

void recur::populatePipeline(mlir::OpPassManager &passes, Phase phase,
                             const PipelineOptions &options) {
  for (Phase each :
       {Phase::Classified, Phase::Scheduled, Phase::Kernel, Phase::Llvm})
    if (each <= phase)
      populatePhase(passes, each, options);
}

std::string recur::pipelineText(Phase phase, const PipelineOptions &options) {
  mlir::OpPassManager passes(mlir::ModuleOp::getOperationName(),
                             mlir::OpPassManager::Nesting::Explicit);
  populatePipeline(passes, phase, options);
  std::string text;
  llvm::raw_string_ostream os(text);
  passes.printAsTextualPipeline(os);
  return text;
}

void recur::registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<RecurDialect, mlir::arith::ArithDialect,
                  mlir::cf::ControlFlowDialect, mlir::complex::ComplexDialect,
                  mlir::func::FuncDialect, mlir::gpu::GPUDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
                  mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::vector::VectorDialect>();
  registerStepModels(registry);
  registerHostTranslations(registry);
  registerPtxTranslations(registry);
}

void recur::registerPasses() {
  registerRecurTransformsPasses();
  registerRecurConversionPasses();
}

void recur::populateClassifyPipeline(mlir::OpPassManager &passes,
                                     const PipelineOptions &options) {
  if (options.steps)
    passes.addPass(createMakeStepPass());
  passes.addPass(createClassifyPass());
  LinearizePassOptions newton;
  newton.tolerance = options.tolerance;
  newton.maxIterations = options.passes;
  passes.addPass(createLinearizePass(newton));
}

void recur::populateSchedulePipeline(mlir::OpPassManager &passes,
                                     const PipelineOptions &options) {
  SchedulePassOptions schedule;
  for (const TargetSpec &target : options.targets)
    schedule.targets.push_back(target.name);
  schedule.schedule = options.schedule;
  passes.addPass(createSchedulePass(schedule));
}

void recur::populateKernelPipeline(mlir::OpPassManager &passes,
                                   const PipelineOptions &options) {
  passes.addPass(createCheckSupportedPass());
  if (options.hasGpu())
    passes.addPass(createConvertToGpuPass());
  if (options.hasCpu())
    passes.addPass(createConvertToCpuPass());
  passes.addPass(createDropScansPass());
}

void recur::populateLlvmPipeline(mlir::OpPassManager &passes,
                                 const PipelineOptions &options) {
  // GPU modules first: what is left of them then is no business of the host's
  // passes, which look into every function.
  if (options.hasGpu())
    addNvvmPasses(passes.nest<mlir::gpu::GPUModuleOp>());
  if (options.hasCpu())
    addHostLoweringPasses(passes);
}
