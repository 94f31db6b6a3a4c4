//===-- ConvertToGpu.cpp - scheduled scans to GPU kernels -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The pass recur-convert-to-gpu: a gpu.module for each recurrence and target.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Artifact.h"
#include "compiler/Conversion/ExpandComplex.h"
#include "compiler/Conversion/ExpandMath.h"
#include "compiler/Conversion/GpuKernels.h"
#include "compiler/Conversion/NewtonKernels.h"
#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/SplitKernels.h"
#include "compiler/Conversion/TileKernels.h"
#include "compiler/Conversion/WaveKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

namespace recur {
#define GEN_PASS_DEF_CONVERTTOGPUPASS
#include "compiler/Conversion/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

/// Parameters of a kernel, in bytes, that every driver takes.
static constexpr unsigned kParameterLimit = 4096;

namespace {
struct ConvertToGpu : recur::impl::ConvertToGpuPassBase<ConvertToGpu> {
  using ConvertToGpuPassBase::ConvertToGpuPassBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      RecurrenceOpInterface recurrence = Signature::find(function);
      auto scan = recurrence
                      ? dyn_cast<ScanLikeOpInterface>(recurrence.getOperation())
                      : ScanLikeOpInterface();
      if (scan && scan.getSchedules() && failed(convert(function, scan)))
        return signalPassFailure();
    }
  }

  LogicalResult convert(func::FuncOp function, ScanLikeOpInterface scan) {
    SmallVector<ScheduleAttr> schedules;
    for (auto schedule : scan.getSchedules()->getAsRange<ScheduleAttr>())
      if (schedule.getTarget().starts_with("sm_"))
        schedules.push_back(schedule);
    if (schedules.empty())
      return success();
    if (failed(checkCovered(scan)) || failed(expandComplex(scan)))
      return failure();
    FailureOr<Signature> signature = Signature::get(function);
    if (failed(signature))
      return failure();
    unsigned words = 2 + scan.getSpace().getRank();
    for (const SignatureArgument &argument : signature->arguments)
      words += 1 + argument.dims.size();
    if (8 * words > kParameterLimit)
      return function.emitError() << "a GPU kernel would have " << 8 * words
                                  << " bytes of parameters, at most "
                                  << kParameterLimit << " are possible";

    OpBuilder builder(function);
    builder.setInsertionPointAfter(function);
    llvm::MapVector<StringRef, gpu::GPUModuleOp> modules;
    llvm::StringMap<unsigned> counts;
    llvm::StringMap<NewtonKernels::Shared> solvers;
    for (ScheduleAttr schedule : schedules) {
      StringRef target = schedule.getTarget();
      bool iterates = schedule.getAlgorithm() == "newton";
      if (!scan.isAffine() && !iterates && schedule.getAlgorithm() != "serial")
        return scan.emitError()
               << "schedule: expected algorithm=serial or newton for a step "
                  "that is not affine, found '"
               << schedule.getAlgorithm() << "'";
      if (scan.isAffine() && iterates)
        return scan.emitError() << "schedule: expected another algorithm than "
                                   "newton for a step that is affine";
      gpu::GPUModuleOp &module = modules[target];
      if (!module) {
        module =
            gpu::GPUModuleOp::create(builder, function.getLoc(),
                                     (function.getName() + "_" + target).str());
        module->setAttr(kTargetAttr, builder.getStringAttr(target));
      }
      auto affine = dyn_cast<ScanOp>(scan.getOperation());
      std::string prefix =
          (function.getName() + "__gpu" + Twine(counts[target]++)).str();
      if (iterates) {
        if (failed(NewtonKernels(cast<NewtonOp>(scan.getOperation()), schedule,
                                 *signature)
                       .emit(module, prefix, solvers[target])))
          return failure();
      } else if (schedule.isTiled()) {
        if (failed(
                TileKernels(affine, schedule, *signature).emit(module, prefix)))
          return failure();
      } else if (schedule.getAlgorithm() == "split") {
        if (failed(SplitKernels(affine, schedule, *signature)
                       .emit(module, prefix)))
          return failure();
      } else if (schedule.isWave()) {
        if (failed(
                WaveKernels(affine, schedule, *signature).emit(module, prefix)))
          return failure();
      } else if (failed(GpuKernels(scan, schedule, *signature)
                            .emit(module, prefix))) {
        return failure();
      }
    }
    // A step that is not affine is waited for by the next.
    if (!scan.isAffine())
      for (auto &[target, module] : modules)
        module.walk([&, isCoarse = hasCoarseTanh(scan)](Operation *op) {
          if (isCoarse && isa<math::TanhOp>(op))
            op->setDiscardableAttr(kCoarseAttr, builder.getUnitAttr());
          else if (isa<SigmoidOp, SiluOp, math::TanhOp>(op))
            op->setDiscardableAttr(kQuickAttr, builder.getUnitAttr());
        });
    SmallVector<Attribute> variants;
    for (auto &[target, module] : modules)
      describeVariants(module, target, variants);
    return addVariants(function, *signature, kGpuVariants, variants);
  }

  /// Kernels with the same `variant` are one schedule, launched in order.
  static void describeVariants(gpu::GPUModuleOp module, StringRef target,
                               SmallVectorImpl<Attribute> &variants) {
    Builder b(module.getContext());
    llvm::MapVector<StringAttr, SmallVector<Attribute>> kernels;
    for (auto kernel : module.getOps<gpu::GPUFuncOp>()) {
      auto launch = kernel->getAttrOfType<DictionaryAttr>(kLaunchAttr);
      if (!launch)
        continue;
      SmallVector<DictionaryAttr> launches{launch};
      if (auto also = kernel->getAttrOfType<ArrayAttr>(kLaunchAlsoAttr))
        llvm::append_range(launches, also.getAsRange<DictionaryAttr>());
      for (DictionaryAttr each : launches) {
        NamedAttrList list(each);
        list.set("symbol", b.getStringAttr(kernel.getName()));
        kernels[each.getAs<StringAttr>("variant")].push_back(
            list.getDictionary(b.getContext()));
      }
    }
    for (auto &[name, list] : kernels)
      variants.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("name", name),
           b.getNamedAttr("target", b.getStringAttr(target)),
           b.getNamedAttr("kernels", b.getArrayAttr(list))}));
  }
};
} // namespace
