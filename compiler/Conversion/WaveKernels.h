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
/// Order: special functions are what a point takes most of. With many blocks
/// all but the first transitions of a point are computed after its entry state
/// is there, between its sums, so that both units are busy in every warp. With
/// few channels (more than 8 warps a block) the state's way through the warps
/// is what takes the time: then all that does not need the state comes before
/// it, and nothing but the states between its arrival and the hand-over.
///
/// Shared memory is dynamic. For each point of the inner dims: the words of the
/// states, and what varies over the points but not over time. Besides, for
/// each warp: a chunk of what varies over time and the points but not over the
/// channels; the inputs that this is computed of, brought in vectors a segment
/// ahead where their strides allow; and two tiles of the inputs along the
/// channels, of which one is on its way while the other is worked on.
///
/// A warp looks at a word while the warp before it may be writing it. What
/// orders them is the number that the word holds: one access reads or writes
/// state and number together, a warp goes on once the number is its segment's,
/// and only then overwrites the word.
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
  /// Points whose rows are in shared memory at once.
  static constexpr int64_t kChunk = 16;
  /// Points of a row that a lane brings at once, and rows that a warp does.
  static constexpr int64_t kVector = 4;
  static constexpr int64_t kRowsAtOnce = kWarp / (kChunk / kVector);
  /// Rows end with room for one vector, so that rows of neighbouring points
  /// begin in different banks.
  static constexpr int64_t kRowPadding = 4;
  /// Steps whose transitions are computed before the entry state is there. On
  /// an H200 a selective scan with 16 points and all 8 steps takes 20 % longer,
  /// with 0 or 4 steps 2 %.
  static constexpr int64_t kStepsAhead = 2;

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
  bool isRawInput(unsigned input) const;
  bool isPointResult(unsigned result);
  Value getStart(mlir::Operation *reduction) const;

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
  Value readWide(mlir::Operation *op, int64_t row, int64_t channel);
  Value getTileVector(unsigned input, int64_t row);
  Value widen(Value word, bool isHigh);
  Value extract(Value vector, mlir::Type element, int64_t number);

  // The kernel.
  void locateThread();
  void locateUnit(Value number);
  llvm::SmallVector<unsigned> getUnitDims() const;
  void emitSegments();
  void goToChannel(int64_t channel);
  void goToRow(Value row);
  void goToPoint(Value number);
  void emitSegment(Value begin, Value stage);
  void emitPoints(Value chunkBegin, Value begin, Value end, int64_t count,
                  llvm::SmallVectorImpl<Value> &sums);
  void emitPoint(Value number, Value memory, Value nextMemory, Value isActive,
                 llvm::SmallVectorImpl<Value> &sums);
  void emitOutputs(llvm::ArrayRef<Value> sums);
  bool hasResultPointer(unsigned result);
  Value getOwnRow();
  llvm::SmallVector<Value> getResultPointers(Value begin);
  void storeResultRows(unsigned result, Value first, Value isActive,
                       llvm::ArrayRef<llvm::SmallVector<Value>> values,
                       Value base);
  void storeFinal(unsigned state, Value value);
  void describeWave(mlir::gpu::GPUFuncOp function);

  // Halves of units (WaveHalves.cpp).
  void locateHalf();
  Value claimUnit(Value word);
  Value getUnitWord();
  Value getKept(unsigned state, Value number, Value channel);
  void awaitKept();
  void keepStates();
  void describeHalves(Launch &launch);

  // Shared memory (WaveMemory.cpp).
  void layOut();
  void emitEnter();
  void fetch(Value begin, Value stage, llvm::ArrayRef<Value> pointers);
  void fetchTile(Value base, llvm::ArrayRef<Value> pointers);
  void fetchRows(Value chunkBegin, llvm::ArrayRef<Value> pointers);
  void fetchNextRows(Value chunkBegin);
  Value getRawVector(size_t number, int64_t row);
  llvm::SmallVector<Value> getTilePointers(Value begin);
  llvm::SmallVector<Value> getRowPointers(Value begin);
  int64_t getLanesOfRow(unsigned input);
  Value goToPiece(unsigned input, int64_t first);
  Value areRowsVectors();
  Value getRowOfLane();
  Value getPlaceOfLane();
  Value getPointOfLane(Value chunkBegin);
  Value advance(Value pointer, unsigned argument, mlir::AffineMap map,
                Value rows);
  Value advance(Value pointer, unsigned input, Value rows);
  void bringRows(Value chunkBegin, Value chunkSize);
  void loadRaw(int64_t row);
  void storeRows(bool isRaw,
                 llvm::function_ref<void(int64_t row, Value k)> goTo);
  void loadRow(size_t number, int64_t row);
  void loadInvariants(Value memory);
  Value loadTile(unsigned number, int64_t row);
  llvm::SmallVector<Value> readWords(Value memory);
  Value isMissing(llvm::ArrayRef<Value> words);
  llvm::SmallVector<Value> awaitEntry(Value memory);
  void handOver(Value memory, unsigned state, llvm::ArrayRef<Value> values,
                Value tag);
  Value getPointMemory(Value number);
  int64_t getRowBytesOfPoint() const { return 4 * (steps + kRowPadding); }
  Value getRowsOfPoint(Value inChunk);
  Value getWords(Value memory, unsigned state);
  Value createWord(Value value, Value tag);

  // The schedule.
  int64_t width, steps, group, parts, warps, laneTile, ownSteps, threads,
      unroll; // points of one turn of the loop over them
  /// Whether the states' way through the warps is what takes the time.
  bool isTight;
  /// Whether the last units may be halved.
  bool hasHalves;
  /// Whether the words of a thread's channels are written at once.
  bool writesPairs;
  bool hasFinal, hasNarrowResults;
  llvm::SmallVector<Entry> constants, frontier, invariants, rows;
  llvm::SmallVector<mlir::Operation *> reductions;
  /// Inputs of the tiles: along the channels, and along the points.
  llvm::SmallVector<unsigned> staged, rawInputs;
  llvm::SmallVector<int64_t> stagedOffset, rawOffset;
  int64_t pointBytes = 0, rowBytes = 0, rawBytes = 0, tileBytes = 0,
          claimOffset = 0, fixedBytes = 0;
  llvm::DenseSet<Value> stateful; // values that depend on states
  mlir::gpu::GPUModuleOp module;
  std::string prefix;

  // While the kernel is emitted. Numbers of threads, points and segments are
  // i32.
  Value thread, lane, warp, own, part, points;
  Value pointsBase, rowsBase, rawBase, tilesBase; // in shared memory
  Value channelBase, threadChannel, isChannel;    // i64, i64, i1
  Value length, last;                             // of the sequence, in steps
  Value stop; // the step that the block ends before
  /// Where units may be halved: how many there are, the block's, and the first
  /// of its segments (i64); whether the block continues another's half, and
  /// whether another continues its half.
  Value units, unit, partBegin, isContinued, isLeft;
  Value segmentNumber, segmentBegin, remaining, isFull, tile;
  InnerPoint point;
  llvm::SmallVector<Memo> scopes;
  /// Whether rows are those of this lane's part of the segment, and inputs are
  /// read from the warp's tile.
  bool ownRows = false;
  /// Whether `time` and the position along the lanes are set already.
  bool isPlaced = false;
  /// Whether raw inputs are read in vectors.
  Value hasVectors;
  /// In a full segment: where this lane reads the first vector of each raw
  /// input, and where it writes the results that come after the points.
  llvm::SmallVector<Value> rowPointers, resultPointers;
  /// At a point: where its rows are; null elsewhere.
  Value rowsOfPoint;
  /// What is known of the invariants of the next point of a turn.
  Memo nextInvariants;
  /// This lane's vectors of raw inputs, and the number in them that is read.
  llvm::SmallVector<Value> rawValues;
  int64_t rawNow = -1;
  /// Whether steps of the segment may lie behind the sequence.
  bool isClamped = true;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_WAVEKERNELS_H
