//===-- NewtonKernels.h - Newton's method on a GPU --------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the kernel of the schedule `newton`: multiple shooting over tiles of
/// time. The unknowns are the states at which the segments of a tile begin, one
/// segment a warp, one channel a lane. Every pass
///   - folds: each segment runs from its guess s to its exit E, with the
///     transition P = dE/ds;
///   - combines: h = E + P (h - s) from segment to segment, which is the linear
///     recurrence of Newton's corrections h - s;
/// until no correction is above the tolerance; then the segments replay from
/// there, and the last exit is the next tile's entry. The first segment's entry
/// is known, and where h is s already, E is taken as it is: every pass makes
/// one entry more that of running one step after the other. So as many passes
/// as there are entries to find end every iteration with that answer, also
/// where Newton's method does not converge.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_NEWTONKERNELS_H
#define RECUR_COMPILER_CONVERSION_NEWTONKERNELS_H

#include "compiler/Conversion/GpuKernels.h"

namespace recur {

class NewtonKernels final : GpuKernels {
public:
  NewtonKernels(NewtonOp newton, ScheduleAttr schedule,
                const Signature &signature);

  /// Emits the kernel at the end of `module`. Fails with a diagnostic for a
  /// step that it does not cover.
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module, llvm::StringRef name);

private:
  class Fold;

  void locate();
  mlir::LogicalResult emitTiles(Registers &carry);
  mlir::LogicalResult emitPasses(const Registers &carry, Registers &entry);
  mlir::LogicalResult emitSummary(const Registers &guess, Registers &exit,
                                  Registers &transition);
  void emitCorrections(const Registers &carry, Registers &entry);
  void correct(const Carrier &carrier, unsigned point, Value segment,
               Registers &entry);
  Value isChanged(const Registers &guess, const Registers &entry);
  Value isAnyChanged(Value changed);
  Value isSame(Value x, Value y);
  Value isFar(Value x, Value y);

  // Registers as values that loops carry.
  static llvm::SmallVector<Value> flatten(const Registers &registers);
  static void assign(Registers &registers, mlir::ValueRange values);

  // Shared memory: numbers of every segment, of one channel a lane.
  Value createShared(llvm::StringRef name, int64_t bytes);
  enum class Part { Exit, Transition, Guess };
  int64_t getNumbers(Part part) const;
  int64_t getSharedBytes() const;
  Value getShared(Part part, const Carrier &carrier, unsigned point,
                  unsigned number, Value segment);
  Value getHandover(const Carrier &carrier, unsigned number);
  void storeShared(Part part, const Registers &registers);

  Value isWriter(mlir::AffineMap map) override;
  void describeNewton(mlir::gpu::GPUFuncOp function);

  NewtonOp newton;
  mlir::gpu::GPUModuleOp module;
  llvm::StringRef name;
  int64_t warps;
  Value lane, warp, isInside;
  Value summaries, handover, flags; // in shared memory
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_NEWTONKERNELS_H
