//===-- ConvertToGpu.cpp - scheduled scans to GPU kernels -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The pass recur-convert-to-gpu: a gpu.module for each recurrence and target.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Artifact.h"
#include "compiler/Conversion/ExpandMath.h"
#include "compiler/Conversion/GpuKernels.h"
#include "compiler/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

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
      auto scan =
          recurrence ? dyn_cast<ScanOp>(recurrence.getOperation()) : ScanOp();
      if (scan && scan.getSchedules() && failed(convert(function, scan)))
        return signalPassFailure();
    }
  }

  LogicalResult convert(func::FuncOp function, ScanOp scan) {
    SmallVector<ScheduleAttr> schedules;
    for (auto schedule : scan.getSchedules()->getAsRange<ScheduleAttr>())
      if (schedule.getTarget().starts_with("sm_"))
        schedules.push_back(schedule);
    if (schedules.empty())
      return success();
    if (failed(checkDiagonalReal(scan)))
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
    llvm::StringMap<gpu::GPUModuleOp> modules;
    llvm::StringMap<unsigned> counts;
    for (ScheduleAttr schedule : schedules) {
      StringRef target = schedule.getTarget();
      gpu::GPUModuleOp &module = modules[target];
      if (!module) {
        module =
            gpu::GPUModuleOp::create(builder, function.getLoc(),
                                     (function.getName() + "_" + target).str());
        module->setAttr(kTargetAttr, builder.getStringAttr(target));
      }
      GpuKernels kernels(scan, schedule, *signature);
      std::string prefix =
          (function.getName() + "__gpu" + Twine(counts[target]++)).str();
      if (failed(kernels.emit(module, prefix)))
        return failure();
    }
    return success();
  }
};
} // namespace
