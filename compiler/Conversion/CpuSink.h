//===-- CpuSink.h - what becomes of a CPU kernel's steps --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The sink of the CPU kernels that step through time: states move on, or are
/// summarised, and results are written.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_CPUSINK_H
#define RECUR_COMPILER_CONVERSION_CPUSINK_H

#include "compiler/Conversion/CpuKernels.h"

namespace recur {

/// What becomes of a step's map at each inner point: a fold composes the maps,
/// a replay applies them.
class CpuKernels::Sink final : public StepSink {
public:
  Sink(CpuKernels &kernels, bool fold) : k(kernels), folds(fold) {}

  llvm::SmallVector<Value> enter(mlir::OpBuilder &builder, mlir::Location loc,
                                 const Carrier &carrier,
                                 const InnerPoint &point) override;
  Moved advance(mlir::OpBuilder &builder, mlir::Location loc,
                const Carrier &carrier, const Transition &map,
                const InnerPoint &point) override;
  Value reload(mlir::OpBuilder &builder, mlir::Location loc, unsigned state,
               const InnerPoint &point) override;
  void store(mlir::OpBuilder &builder, mlir::Location loc, unsigned result,
             Value value, const InnerPoint &point) override;
  /// The entries of the maps of all prefixes of a vector of equal steps, at
  /// each stage of their composition.
  llvm::SmallVector<std::vector<Value>> composePrefixes(const Carrier &carrier,
                                                        Transition map);

  /// Composes the maps of all lanes, applies them to the state before and
  /// returns the states before and after each lane. The maps are those of
  /// steps, or of `segments`, whose products may leave the normal range.
  Moved scanLanes(const Carrier &carrier, const Transition &map,
                  const InnerPoint &point, bool segments = false);

private:
  /// The states that the steps move on: those of the tile's summary, or the
  /// carry.
  Value getSlots() { return folds ? k.exitSlots() : k.carrySlots(); }
  void move(const Carrier &carrier, const Transition &map, Value base,
            const InnerPoint &point, Moved &moved);
  void fold(const Carrier &carrier, const Transition &map,
            const InnerPoint &point, Value exponent);
  void keepElements(const Carrier &carrier, const Transition &map);
  bool isUniform(const Carrier &carrier) const {
    return k.emitterSets->isUniform(carrier);
  }
  Value shiftLanes(unsigned stage, Value fill, Value vector);
  Value alignLanes(int64_t distance, Value low, Value high);
  llvm::ArrayRef<std::vector<Value>> getPrefixes(const Carrier &carrier) const;
  bool isLastStage(unsigned stage) const {
    return int64_t(1) << stage >= k.width ||
           (k.rows && stage >= k.rows->shifts.size());
  }
  Transition compose(const Carrier &carrier, unsigned stage,
                     const Transition &map, bool segments);
  Transition composeMarked(const Carrier &carrier, Transition map,
                           bool segments);

  CpuKernels &k;
  bool folds;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_CPUSINK_H
