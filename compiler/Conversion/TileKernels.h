//===-- TileKernels.h - GPU kernels that work on tiles of time --*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the one kernel of a schedule `tile` or `lookback`. A block holds a
/// tile of time in registers: it reads it once, folds it, combines over
/// threads (registers), warps (shuffles), the block (shared memory) and the
/// tiles before it, replays it from its entry state, and writes it once.
///
///   `tile`      the block walks its tiles in order, the entry state of the
///               next is the exit state of the last; the next tile is on its
///               way while this one is replayed
///   `lookback`  the tiles of a sequence run in parallel (Merrill and Garland,
///               Single-pass Parallel Prefix Scan with Decoupled Look-back,
///               2016); blocks take tickets, so that a block waits only for
///               blocks that have started before it
///
/// Look-back without fences: a published number is split into halves of 32
/// bits, each in one 64-bit word with a flag, so a word that has its flag has
/// its number. And with equal bits in every run: the entry state is always that
/// which a tile so many before ends in, and the maps of those between, applied
/// in order. One wait is thus for a whole window of tiles, and what is read
/// again while waiting is one word a channel.
///
/// Steps of a thread, from the fastest: `steps` consecutive ones, the warp's
/// threads along time, `chunks`, the block's warps.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_TILEKERNELS_H
#define RECUR_COMPILER_CONVERSION_TILEKERNELS_H

#include "compiler/Conversion/GpuKernels.h"

namespace recur {

class TileKernels : GpuKernels {
public:
  TileKernels(ScanOp scan, ScheduleAttr schedule, const Signature &signature);

  /// Emits the kernel at the end of `module`. Fails with a diagnostic for a
  /// scan that has no tiles (see `isTileable`).
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module, llvm::StringRef name);

  /// Whether a scan's steps can be held in registers: no dims that each thread
  /// walks, carriers of one number of 32 or 64 bits.
  static bool isTileable(ScanOp scan);

private:
  static constexpr int64_t kWarp = 32;
  /// Bytes at the start of the workspace, which hold the counter of tickets;
  /// the status words follow.
  static constexpr int64_t kTicketBytes = 256;

  class FoldSink;
  class ReplaySink;
  /// h -> P h + E.
  struct Map {
    Value transition, exit;
  };
  /// How an input is kept while a tile is worked on.
  enum class Access {
    Direct,     // read where it is used
    Sequence,   // one register for each channel, read where a sequence starts
    Constant,   // one register for each channel of the thread
    Step,       // one for each step
    Element,    // one for each step and channel
    StepVector, // one vector for each chunk, over its steps
    Vector,     // one vector for each step, over the channels
  };
  using Maps = llvm::SmallVector<Map>;     // by state
  using States = llvm::SmallVector<Value>; // by state

  // Geometry.
  int64_t getElements() const { return chunks * steps * channels; }
  void locate();
  Value getUnits(unsigned dim);
  Value getFirstChannel();
  void locateUnit(Value unit);
  void goToTile(Value begin);
  void goToChannel(int64_t channel);
  void setElement(int64_t chunk, int64_t step, int64_t channel);
  Value isInside(int64_t chunk, int64_t step);

  // Packed sequences (TileSegments.cpp).
  bool isPacked() const { return segmentsArgument >= 0; }
  Value getBound(Value number);
  Value getSequence(Value number);
  void findSequences();
  void enterSequence(Value number);
  Value getDistance(Value number);
  void enterStep(int64_t chunk, int64_t step);
  void storeFinalsOfStep(llvm::ArrayRef<States> states);
  void storeFinalsOfEmpty();

  // Registers of inputs.
  Access getAccess(unsigned input);
  unsigned getRegisters(unsigned input);
  bool isVectorAxis(unsigned argument, mlir::AffineMap map);
  void loadConstants();
  llvm::SmallVector<Value> loadTile();
  Value getStepStride(unsigned argument, mlir::AffineMap map);
  Value getElementPointer(unsigned argument, mlir::AffineMap map, int64_t chunk,
                          int64_t step, int64_t channel, int64_t span,
                          bool clamp, llvm::SmallVectorImpl<Value> &last);
  void loadAll(bool clamp, llvm::SmallVectorImpl<Value> &registers);
  Value getRegister(int64_t number);
  Value loadInput(mlir::OpBuilder &builder, mlir::Location loc, unsigned input,
                  const InnerPoint &point) override;

  // Phases.
  void emitSerial();
  void emitLookback();
  void emitFold();
  void combineWarp();
  void publishToBlock(Value buffer);
  Value getTotal(Value buffer, unsigned state, Value row);
  int64_t getTotalBytes();
  Value getEntry(unsigned state, Value channel);
  Map loadWarpTotal(unsigned state, Value buffer, int64_t warp, Value channel);
  void emitReplay(llvm::ArrayRef<States> entries);
  struct OutputShape {
    int64_t span, count;
    bool vector;
  };
  OutputShape getOutputShape(unsigned result);
  llvm::SmallVector<Value> packOutputs(unsigned result);
  void storeTile();
  void storeFinals(llvm::ArrayRef<Value> states);

  // Look-back. What a tile publishes: its map, and the state it ends in.
  enum Part { Transition, Exit, Final };
  static constexpr int64_t kParts = 3;
  unsigned getPieces(unsigned state) const;
  int64_t getWords();
  Value getStatus(Value tile, Value channel, unsigned state, Value part,
                  unsigned piece);
  void publish(Value channel, unsigned state, Part part, Value value);
  Value readPublished(Value tile, Value channel, unsigned state, Value part,
                      Value &isThere);
  Value getWindowBegin();
  Value getWindowSlot(unsigned state, Value row);
  int64_t getWindowBytes();
  void readWindow();
  States lookBack(Value channel);

  // Small builders.
  AlgebraEmitter getAlgebra(mlir::Type type);
  Map compose(const Map &first, const Map &second);
  Value isApart(const Map &map);
  Value apply(const Map &map, Value state);
  Map select(Value condition, const Map &x, const Map &y);
  Map getIdentity(unsigned state);
  using GpuKernels::shuffle;
  Map shuffle(const Map &map, int32_t lane, mlir::gpu::ShuffleMode mode);
  void storePair(Value slot, const Map &map);
  Map loadPair(unsigned state, Value slot);
  Value createShared(llvm::StringRef name, int64_t bytes);
  void describeTile(mlir::gpu::GPUFuncOp function);

  // The schedule.
  bool timeLanes, lookback, hasFinal;
  int64_t width, steps, group, teams, chunks, warps, channels;
  int64_t laneTile, tileSteps, rows, threads;
  llvm::SmallVector<Access> accesses;
  mlir::gpu::GPUModuleOp module;
  std::string prefix;

  // While a kernel is emitted. Numbers of threads and tiles are i32.
  Value thread, lane, warp, team;
  Value tile, unit, units, tiles;
  Value channelBase, threadChannel, isChannel; // i64, i64, i1
  Value threadBegin, isFull;
  // Packed: the range of all sequences; by chunk the number of the first bound
  // that is not before it. At the current step: the number of the next bound
  // and how far after the thread's first step it is (i32), where the sequence
  // starts, whether it does so here, and what it starts from, by channel.
  Value packedBegin, packedEnd;
  llvm::SmallVector<Value> firstBounds;
  Value nextNumber, nextBound, ownBegin, restarts;
  llvm::SmallVector<States> starts;
  bool isCombining = false;
  Value totals, entriesShared, windowShared; // in shared memory
  llvm::SmallVector<Value> registers;
  llvm::DenseMap<int64_t, Value> reread; // registers of 16-bit numbers, again
  Value zero;                            // unknown to be 0
  bool isReplay = false;
  llvm::SmallVector<unsigned> firstRegister;
  llvm::SmallVector<llvm::SmallVector<Value>> constants; // [input][channel]
  int64_t chunkNow = 0, stepNow = 0, channelNow = 0;
  llvm::SmallVector<llvm::SmallVector<Maps>> folded;   // [chunk][channel]
  llvm::SmallVector<Maps> warpTotal;                   // [channel]
  llvm::SmallVector<llvm::SmallVector<Value>> outputs; // [result][element]
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_TILEKERNELS_H
