//===-- Pipeline.h - the phases of a compilation ----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Names the phases from a spec to a binary and builds the passes that lead
/// from each to the next.
#ifndef RECUR_COMPILER_DRIVER_PIPELINE_H
#define RECUR_COMPILER_DRIVER_PIPELINE_H

#include "compiler/Target/TargetSpec.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>
#include <string>
#include <vector>

namespace recur {

/// What a compilation can stop at, in order. The first five are IR; the rest
/// is made from the llvm phase.
enum class Phase {
  Recur,
  Classified,
  Scheduled,
  Kernel,
  Llvm,
  Ptx,
  Cubin,
  Object,
  Header,
  Shared
};

/// The name that flags use.
llvm::StringRef stringify(Phase phase);
std::optional<Phase> phaseFromName(llvm::StringRef name);
/// All names with commas; only those of IR phases if asked.
std::string phaseNames(bool onlyIR = false);
inline bool isIR(Phase phase) { return phase <= Phase::Llvm; }

/// What the passes need to know.
struct PipelineOptions {
  std::vector<TargetSpec> targets;
  /// Overrides the schedules; empty lets the cost model choose.
  std::string schedule;
  /// Of Newton's method for steps that are not affine: the correction, relative
  /// to the states, under which a channel has converged (0: what fits their
  /// type), and after how many passes it is finished in order.
  double tolerance = 0;
  int64_t passes = 16;
  /// Derives the function NAME_step of every recurrence NAME.
  bool steps = true;

  bool hasCpu() const;
  bool hasGpu() const;
};

/// recur.recurrence -> recur.scan, of the whole and of one step.
void populateClassifyPipeline(mlir::OpPassManager &passes,
                              const PipelineOptions &options);
/// Attaches schedules to scans.
void populateSchedulePipeline(mlir::OpPassManager &passes,
                              const PipelineOptions &options);
/// recur.scan -> functions and GPU modules in scf, vector, memref and arith.
void populateKernelPipeline(mlir::OpPassManager &passes,
                            const PipelineOptions &options);
/// Everything to the llvm and nvvm dialects.
void populateLlvmPipeline(mlir::OpPassManager &passes,
                          const PipelineOptions &options);

/// The passes of one IR phase alone, from the phase before it.
void populatePhase(mlir::OpPassManager &passes, Phase phase,
                   const PipelineOptions &options);
/// All passes from a spec's IR to `phase`. What a binary is made from is the
/// llvm phase.
void populatePipeline(mlir::OpPassManager &passes, Phase phase,
                      const PipelineOptions &options);

/// The pipeline as text that recur-opt takes with --pass-pipeline.
std::string pipelineText(Phase phase, const PipelineOptions &options);

/// Registers the dialects, extensions and translations that the pipelines
/// need.
void registerDialects(mlir::DialectRegistry &registry);
/// Registers our passes, so that the text of a pipeline can name them.
void registerPasses();

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_PIPELINE_H
