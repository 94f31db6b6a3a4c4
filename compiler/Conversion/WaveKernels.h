//===-- WaveKernels.h - GPU kernels for states with inner dims --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the one kernel of a schedule `wave`, for scans whose states have inner
/// dims that the outputs reduce, as the n of a selective scan (Gu and Dao,
/// Mamba, 2023, algorithm 2).
///
/// A block owns some channels and walks all of time; a warp takes a segment of
/// `steps` steps, holds what does not vary over the inner dims in registers,
/// and goes through the points of the inner dims one after the other. The
/// states of different points do not know of each other, so warps follow each
/// other like waves: while one warp is at point n of its segment, the next is
/// at point n - 1 of the segment after it. The entry state of (segment, point)
/// is handed over in a word of shared memory that also holds the number of the
/// segment that it enters, so neither a barrier nor a fence stands between two
/// warps, and no step is computed twice: combine is a hand-over, fold is none.
///
/// Lanes: `group` lanes along the channels, with `width` channels each; the
/// 32 / group lanes of a channel share its points, its steps before and its
/// steps after the loop over the points.
///
/// Shared memory is dynamic. For each point of the inner dims: the words of the
/// states, and what varies over the points but not over time. Besides, for
/// each warp: a chunk of what varies over time and the points but not over the
/// channels, and two tiles of the inputs along the channels, of which one is
/// on its way while the other is worked on.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_WAVEKERNELS_H
#define RECUR_COMPILER_CONVERSION_WAVEKERNELS_H

#include "compiler/Conversion/GpuKernels.h"

#include <map>
#include <tuple>

namespace recur {

/// What is computed of a value: itself, or of a product (of the argument of an
/// exponential function) the factors without inner dims, those that vary over
/// inner dims alone, and the latter times log2(e).
enum class WavePart { Whole, Outer, Invariant, InvariantLog2 };

class WaveKernels : GpuKernels {
public:
  WaveKernels(ScanOp scan, ScheduleAttr schedule, const Signature &signature);

  /// Emits the kernel at the end of `module`. Fails with a diagnostic for a
  /// scan that has no waves (see `hasWaves`).
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module, llvm::StringRef name);

private:
  static constexpr int64_t kWarp = 32;
  /// Points whose rows are in shared memory at once.
  static constexpr int64_t kChunk = 16;

  using Part = WavePart;
  /// A value of the scan's regions that is computed ahead of its use.
  using Entry = std::pair<Value, Part>;
  using Key = std::tuple<void *, int, int64_t, int64_t>;
  using Memo = std::map<Key, Value>;
  struct Factors {
    llvm::SmallVector<Value> outer, invariant, rest;
  };

  // What varies over what (WaveStep.cpp).
  bool overTime(Value value) const;
  bool overInner(Value value) const;
  bool overLane(Value value) const;
  static bool isConstant(Value value);
  bool isState(Value value) const;
  Value getInput(Value value) const;
  Factors getFactors(Value product) const;
  bool isAhead(llvm::ArrayRef<Value> factors) const;
  Value getScaledArgument(Value value) const;
  bool isTileInput(unsigned input) const;
  bool isPointResult(unsigned result);

  // What is computed ahead (WaveStep.cpp).
  void collect();
  void collectAhead(Value value);
  void collectFactors(Value product, Value scaled);
  void collectConstants(Value value);

  // Evaluation (WaveStep.cpp).
  Key getKey(Value value, int64_t row, int64_t channel, Part part) const;
  void remember(const Entry &entry, int64_t row, int64_t channel, Value value);
  Value get(Value value, int64_t row, int64_t channel, Part part = Part::Whole);
  Value compute(Value value, int64_t row, int64_t channel, Part part);
  Value computeProduct(llvm::ArrayRef<Value> factors, int64_t row,
                       int64_t channel);
  Value computeByParts(Value product, Value scaled, int64_t row,
                       int64_t channel);
  Value readInput(unsigned input, int64_t row, int64_t channel);

  // The kernel.
  void locate();
  void goToChannel(int64_t channel);
  void goToRow(Value row);
  void goToPoint(Value number);
  void emitSegment(Value segment, Value stage);
  void emitPoints(Value chunkBegin, Value begin, Value end, int64_t count,
                  llvm::SmallVectorImpl<Value> &sums);
  void emitPoint(Value inChunk, Value number, Value isActive,
                 llvm::SmallVectorImpl<Value> &sums);
  void emitOutputs(llvm::ArrayRef<Value> sums);
  void storeResultRows(unsigned result, Value first, Value isActive,
                       llvm::ArrayRef<llvm::SmallVector<Value>> values);
  void storeFinal(unsigned state, Value value);
  void describeWave(mlir::gpu::GPUFuncOp function);

  // Shared memory (WaveMemory.cpp).
  void layOut();
  Value getSharedMemory();
  void emitEnter();
  void fetch(Value begin, Value stage, llvm::ArrayRef<Value> pointers);
  llvm::SmallVector<Value> readRows(Value chunkBegin, Value chunkSize,
                                    bool isLater);
  void fetchRows(Value base, llvm::ArrayRef<Value> pointers);
  llvm::SmallVector<Value> getTilePointers(Value segment);
  llvm::SmallVector<Value> getRowPointers(Value segment);
  int64_t getLanesOfRow(unsigned input);
  Value goToPiece(unsigned input, int64_t first);
  Value goToRowLane(Value chunkBegin, Value chunkSize);
  Value advance(Value pointer, unsigned input, Value rows);
  void storeRows(llvm::ArrayRef<Value> values);
  void loadRows(Value inChunk);
  void loadInvariants(Value number);
  Value loadTile(unsigned number, int64_t row);
  llvm::SmallVector<Value> readWords(Value number);
  Value isMissing(llvm::ArrayRef<Value> words);
  llvm::SmallVector<Value> awaitEntry(Value number);
  void handOver(Value number, unsigned state, int64_t channel, Value value,
                Value tag);
  Value getWord(Value number, unsigned state, Value channel, Value lane);
  Value createWord(Value value, Value tag);

  // Small builders (WaveMemory.cpp).
  void when(Value condition, llvm::function_ref<void()> body);
  Value hide(Value value);
  void syncWarp();
  Value shuffle(Value value, Value lane, mlir::gpu::ShuffleMode mode);
  void callIntrinsic(llvm::StringRef name, llvm::ArrayRef<Value> operands);

  // The schedule.
  int64_t width, steps, group, parts, warps, laneTile, ownSteps, threads,
      unroll; // points of one turn of the loop over them
  bool hasFinal, hasNarrowResults;
  llvm::SmallVector<Entry> constants, frontier, invariants, rows;
  llvm::SmallVector<mlir::Operation *> reductions;
  llvm::SmallVector<unsigned> staged, rowInputs; // inputs
  llvm::SmallVector<int64_t> stagedOffset;
  int64_t pointBytes = 0, rowBytes = 0, tileBytes = 0, fixedBytes = 0;
  llvm::DenseSet<Value> stateful; // values that depend on states
  mlir::gpu::GPUModuleOp module;
  std::string prefix;

  // While the kernel is emitted. Numbers of threads, points and segments are
  // i32.
  Value thread, lane, warp, own, part, points, segmentCount;
  Value pointsBase, rowsBase, tilesBase;       // in shared memory
  Value channelBase, threadChannel, isChannel; // i64, i64, i1
  Value length, last;                          // of the sequence, in steps
  Value segmentNumber, segmentBegin, remaining, isFull, tile;
  InnerPoint point;
  llvm::SmallVector<Memo> scopes;
  /// Whether rows are those of this lane's part of the segment, and inputs are
  /// read from the warp's tile.
  bool ownRows = false;
  /// Whether `time` and the position along the lanes are set already.
  bool isPlaced = false;
  /// Where this lane reads the inputs of rows, in a full segment: the address
  /// of its first row, and how many rows later the current one is.
  llvm::SmallVector<Value> rowPointers;
  int64_t rowNow = -1;
  /// Whether steps of the segment may lie behind the sequence.
  bool isClamped = true;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_WAVEKERNELS_H
