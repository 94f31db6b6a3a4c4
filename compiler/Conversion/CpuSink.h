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

/// What becomes of (a, b) at each inner point: a fold composes the maps
/// h -> a h + b, a replay applies them.
class CpuKernels::Sink final : public StepSink {
public:
  Sink(CpuKernels &kernels, bool fold) : k(kernels), fold(fold) {}

  std::pair<Value, Value> update(mlir::OpBuilder &builder, mlir::Location loc,
                                 unsigned state, Value a, Value b,
                                 const InnerPoint &point) override;
  Value reload(mlir::OpBuilder &builder, mlir::Location loc, unsigned state,
               const InnerPoint &point) override;
  void store(mlir::OpBuilder &builder, mlir::Location loc, unsigned result,
             Value value, const InnerPoint &point) override;

private:
  std::pair<Value, Value> scanLanes(unsigned state, Value a, Value b,
                                    const InnerPoint &point);
  Value shiftLanes(unsigned stage, Value fill, Value vector);
  std::pair<Value, Value> compose(unsigned stage, Value a, Value b);

  CpuKernels &k;
  bool fold;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_CPUSINK_H
