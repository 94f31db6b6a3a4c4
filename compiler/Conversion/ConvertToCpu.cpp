//===-- ConvertToCpu.cpp - scans to CPU kernels ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Pass recur-convert-to-cpu: the five kernels of every CPU schedule of every
/// scan, and what the host interface must say about them.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Structure.h"
#include "compiler/Conversion/Artifact.h"
#include "compiler/Conversion/CpuKernels.h"
#include "compiler/Conversion/ExpandComplex.h"
#include "compiler/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace recur {
#define GEN_PASS_DEF_CONVERTTOCPUPASS
#include "compiler/Conversion/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

LogicalResult recur::checkCovered(ScanLikeOpInterface scan) {
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  if (std::optional<std::string> reason =
          findUnsupported(scan.getAlgebra(), recurrence))
    return scan.emitError() << *reason;
  unsigned lags = scan.getReadLags();
  for (auto state : scan.getStates().getAsRange<StateAttr>())
    if (state.getStarts().size() != 1 && state.getStarts().size() < lags)
      return scan.emitError() << "state '" << state.getName().getValue()
                              << "' has " << state.getStarts().size()
                              << " start values, expected 1 or " << lags;
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>())
    if (output.isFinal() && output.getLag() > lags)
      return scan.emitError()
             << "result '" << output.getName().getValue() << "' has lag "
             << output.getLag() << ", the scan keeps " << lags
             << (lags == 1 ? " step" : " steps");
  return success();
}

namespace {
struct ConvertToCpuPass
    : public recur::impl::ConvertToCpuPassBase<ConvertToCpuPass> {
  using ConvertToCpuPassBase::ConvertToCpuPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      auto scan = dyn_cast_or_null<ScanLikeOpInterface>(
          Signature::find(function).getOperation());
      if (!scan || !scan.getSchedules())
        continue;
      if (failed(convert(function, scan)))
        return signalPassFailure();
    }
    if (!module->hasAttr(kArtifactsAttr))
      module->setAttr(kArtifactsAttr, ArrayAttr::get(&getContext(), {}));
  }

  /// Whether no other schedule of the scan has the same target.
  static bool isOnlyOne(ScanLikeOpInterface scan, ScheduleAttr schedule) {
    return llvm::count_if(scan.getSchedules()->getAsRange<ScheduleAttr>(),
                          [&](ScheduleAttr other) {
                            return other.getTarget() == schedule.getTarget() &&
                                   other.getLanes() != schedule.getLanes();
                          }) == 0;
  }

  /// Whether lanes of all states have the same size.
  static bool haveOneType(ScanLikeOpInterface scan) {
    auto states = scan.getStates().getAsRange<StateAttr>();
    return llvm::all_of(states, [&](StateAttr state) {
      return state.getType() == (*states.begin()).getType();
    });
  }

  static bool usesHalf(const Signature &signature) {
    return llvm::any_of(signature.arguments, [](const SignatureArgument &a) {
      return a.element.isF16();
    });
  }

  LogicalResult convert(func::FuncOp function, ScanLikeOpInterface scan) {
    if (failed(checkCovered(scan)) || failed(expandComplex(scan)))
      return failure();
    FailureOr<Signature> signature = Signature::get(function);
    if (failed(signature))
      return failure();
    SmallVector<Attribute> variants;
    llvm::DenseMap<Attribute, CpuKernels::Symbols> byLanes;
    for (auto schedule : scan.getSchedules()->getAsRange<ScheduleAttr>()) {
      if (!schedule.getTarget().starts_with("x86-64"))
        continue;
      bool alongTime = schedule.getLanes() ==
                       scan.getSpace().getName(scan.getSpace().getTime());
      bool shoots = schedule.getAlgorithm() == "shooting";
      if (shoots && (scan.isAffine() || !alongTime))
        return scan.emitError()
               << "schedule: expected another algorithm than shooting "
               << (alongTime ? "for a step that is affine"
                             : "with lanes along another dim than time");
      if (shoots && !haveOneType(scan))
        return scan.emitError() << "schedule: shooting expects states of one "
                                   "type";
      // Lanes along time have nothing to run along in one step, and cannot keep
      // the states of all lanes for a later loop; steps that are not affine do
      // not compose.
      if (alongTime && !shoots) {
        FailureOr<bool> apart =
            scan.isAffine()
                ? CpuKernels(scan, schedule, *signature).readsStatesApart()
                : FailureOr<bool>(true);
        if (failed(apart))
          return failure();
        if ((*apart || function->hasAttr("recur.step")) &&
            !isOnlyOne(scan, schedule))
          continue;
        if (*apart)
          schedule = ScheduleAttr::get(
              scan.getContext(), schedule.getTarget(), schedule.getAlgorithm(),
              schedule.getLanes(), /*width=*/1, schedule.getContiguous(),
              schedule.getSegment());
      }
      if (schedule.getTarget() == "x86-64-v2" && usesHalf(*signature))
        return function.emitError()
               << "f16 arguments need x86-64-v3 or later, which converts them";
      CpuKernels kernels(scan, schedule, *signature);
      std::string prefix =
          signature->name + "__cpu" + std::to_string(variants.size());
      // Start, advance and finish do not know which strides are 1: schedules
      // with the same lanes have the same.
      auto [common, isFirst] = byLanes.try_emplace(ScheduleAttr::get(
          scan.getContext(), schedule.getTarget(), schedule.getAlgorithm(),
          schedule.getLanes(), schedule.getWidth(), /*contiguous=*/false,
          schedule.getSegment()));
      if (failed(kernels.emit(prefix, isFirst ? nullptr : &common->second)))
        return failure();
      if (isFirst)
        common->second = kernels.getSymbols();
      variants.push_back(kernels.describe());
    }
    return addVariants(function, *signature, kCpuVariants, variants);
  }
};
} // namespace
