//===-- Compiler.h - compiles a spec in this process ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The compiler as a library: a spec goes in, IR of any phase, PTX, a host
/// object and messages come out. Compilations do not share state, so any
/// number can run at once on threads of their own.
#ifndef RECUR_COMPILER_DRIVER_COMPILER_H
#define RECUR_COMPILER_DRIVER_COMPILER_H

#include "compiler/Driver/Diagnostics.h"
#include "compiler/Driver/Pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm
namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace recur {
struct DeviceImage;
struct HostInterfaceOptions;

/// How a step of a compilation ended.
enum class Outcome {
  Ok,
  /// The spec or a request is wrong or not supported; the messages say why.
  Refused,
  /// The compiler is wrong: a pass made invalid IR, or failed without a word.
  Internal
};

struct CompileOptions {
  /// Names as TargetSpec knows them.
  std::vector<std::string> targets = {"cpu"};
  /// Overrides the schedules; empty lets the cost model choose.
  std::string schedule;
  /// Of Newton's method for steps that are not affine: see PipelineOptions.
  double tolerance = 0;
  int64_t passes = 16;
  /// Compiles only the recurrence of this name; empty: all.
  std::string recurrence;
  /// Also makes NAME_step, one time step for decoding, of every recurrence.
  bool steps = true;
  /// Assembles PTX to cubins for the object, where the machine has an assembler.
  bool cubins = true;
};

/// One spec on its way through the phases.
class Compilation {
public:
  /// `file` is the spec's name in messages.
  Compilation(std::string source, std::string file, CompileOptions options);
  ~Compilation();

  /// Runs the phases up to the IR phase `phase` that have not run yet.
  Outcome compileTo(Phase phase);
  /// The IR at the phase reached last.
  mlir::ModuleOp getModule() { return *module; }
  std::string printIR();
  /// The functions of the recurrences, before they are lowered to kernels.
  std::vector<mlir::func::FuncOp> getRecurrences();
  /// The names of the recurrences, in the order of the spec.
  const std::vector<std::string> &getNames() const { return names; }
  /// The names of the functions in the object, those of steps included.
  std::vector<std::string> getFunctionNames();

  /// The optimised LLVM IR of every target.
  Outcome emitLlvm(std::string &text);
  /// The bytes of a host object with all that `recur/runtime.h` says.
  Outcome emitObject(std::string &object);
  /// PTX for the one GPU target.
  Outcome emitPtx(std::string &ptx);
  /// A cubin for the one GPU target, where the machine has an assembler.
  Outcome emitCubin(std::string &cubin);
  /// What was recognised, the schedules, and the work and time for `sizes`,
  /// which may be incomplete.
  Outcome explain(llvm::ArrayRef<std::pair<std::string, int64_t>> sizes,
                  std::string &text);
  /// The C header of the object.
  Outcome emitHeader(std::string &header);

  const std::string &getSource() const { return source; }
  const PipelineOptions &getPipelineOptions() const { return pipeline; }
  mlir::MLIRContext &getContext() { return *context; }
  DiagnosticList &getDiagnostics() { return diagnostics; }
  /// The messages as text with carets.
  std::string render() const { return diagnostics.render(source, file); }
  /// Adds an error about the spec as a whole.
  Outcome refuse(const llvm::Twine &message);

  /// Called with what each step has made: a suffix such as `classified.mlir`
  /// or `ptx`, and the bytes.
  std::function<void(llvm::StringRef suffix, llvm::StringRef bytes)> save;

private:
  Outcome parse();
  Outcome runPhase(Phase phase);
  Outcome selectRecurrence();
  /// The outcome of a step that failed: not our user's mistake if no message
  /// has been added to the first `errorsBefore`.
  Outcome failed(Phase phase, size_t errorsBefore);
  /// What the info structs say, with the code for all GPUs if wanted; none
  /// where that fails.
  std::optional<HostInterfaceOptions> describeHost(bool withImages);
  /// Adds PTX for `target`, after a cubin where the machine has an assembler.
  bool emitImages(const TargetSpec &target, std::vector<DeviceImage> &images);
  const TargetSpec *findGpuTarget() const;
  mlir::gpu::GPUModuleOp findGpuModule(const TargetSpec &target);

  std::string source, file;
  CompileOptions options;
  PipelineOptions pipeline;
  DiagnosticList diagnostics;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<DiagnosticCollector> collector;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> names;
  std::optional<Phase> reached;
  std::string object;
};

/// What a whole compilation gives.
struct Artifact {
  Outcome outcome = Outcome::Ok;
  DiagnosticList diagnostics;
  /// The messages as text with carets.
  std::string messages;
  std::vector<std::string> names;
  std::string object;

  explicit operator bool() const { return outcome == Outcome::Ok; }
};

/// Compiles `source` to a host object.
Artifact compile(llvm::StringRef source, const CompileOptions &options = {},
                 llvm::StringRef file = "<spec>");

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_COMPILER_H
