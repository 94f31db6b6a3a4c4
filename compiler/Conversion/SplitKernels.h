//===-- SplitKernels.h - GPU kernels that share a channel's states -*- C++ -*-//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the one kernel of a schedule `split`, for scans whose states have an
/// inner dim that the outputs reduce, as the n of a selective scan (Gu and Dao,
/// Mamba, 2023, algorithm 2), and few steps, as one: then moving the states is
/// all the work. `group` neighbouring threads share an item, a point of the
/// parallel space: they take turns along the inner dim `lanes`, `width`
/// neighbours in one vector, so that a warp reads and writes whole lines. What
/// is reduced over the dim is combined by shuffles. A step reads all its inputs
/// first: then it waits for the memory once.
///
/// All threads of a warp go through all of time: those behind the last item
/// work on it again and write nothing.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_SPLITKERNELS_H
#define RECUR_COMPILER_CONVERSION_SPLITKERNELS_H

#include "compiler/Conversion/GpuKernels.h"

#include <map>

namespace recur {

class SplitKernels : GpuKernels {
public:
  SplitKernels(ScanOp scan, ScheduleAttr schedule, const Signature &signature);

  /// Emits the kernel at the end of `module`. Fails with a diagnostic for a
  /// scan or a size that cannot be split so.
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module, llvm::StringRef name);

  /// Whether threads can share dim `dim`: a state varies over it, its size is
  /// static, nothing reads it at another position, and all items have the same
  /// steps.
  static bool isSplittable(ScanLikeOpInterface scan, unsigned dim);

private:
  void locate();
  void describeSplit(mlir::gpu::GPUFuncOp function);
  /// Whether the elements of a thread's vector are neighbours in `argument`.
  bool isVector(unsigned argument, mlir::AffineMap map) const;

  /// Where an input's element is among those of a thread; nothing if that is
  /// known only when the kernel runs.
  std::optional<std::vector<int64_t>> getNumbers(unsigned input,
                                                 const InnerPoint &point);

  void beginStep() override;
  Value loadInput(mlir::OpBuilder &builder, mlir::Location loc, unsigned input,
                  const InnerPoint &point) override;
  int64_t getPointNumber(const Carrier &carrier,
                         const InnerPoint &point) override;
  bool isContiguous(unsigned argument, unsigned axis) const override;
  unsigned getAlignment(unsigned argument, mlir::AffineMap map,
                        const InnerPoint &point) override;
  Value isWriter(mlir::AffineMap map) override;
  bool isStoredInLine(mlir::AffineMap map) override {
    return !map.isFunctionOfDim(laneDim);
  }
  Value getSplitPosition(unsigned number) override;
  Value combineSplit(mlir::OpBuilder &builder, mlir::Location loc,
                     ReductionKind kind, Value value) override;

  int64_t group, width;
  int64_t count = 0; ///< positions of a thread
  /// Bytes of the widest vector, to which launches check addresses; 0: no
  /// vectors.
  int64_t vectorBytes = 0;

  // While the kernel is emitted.
  Value isInside, isFirst; // of the items; of an item's threads
  llvm::SmallVector<Value> positions;
  /// What a step reads, by input and numbers.
  std::map<std::pair<unsigned, std::vector<int64_t>>, Value> inputs;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_SPLITKERNELS_H
