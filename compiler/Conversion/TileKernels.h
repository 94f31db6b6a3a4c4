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
///               tiles that blocks have started before
///
/// An element of a tile is the map of a carrier, h -> P h + E, for any carrier
/// and semiring: its unknown entries and offsets are numbers in registers, and
/// travel through shuffles, shared memory and status words as parts of 32 or 64
/// bits. Where P does not vary over time only offsets travel; the transition of
/// a segment is a power that every thread has.
///
/// Look-back without fences: published numbers are split into pieces of 32
/// bits, two to a word of 64 bits which is 0 until it is there, so a word that
/// is there has its numbers. And with equal bits in every run: the entry state
/// is always that which a tile so many before ends in, and the maps of those
/// between, applied in order. One wait is thus for a whole window of tiles, and
/// what is read again while waiting is one word a channel. A block of one
/// channel has a window of as many tiles as it has threads, if only offsets are
/// published.
///
/// Steps of a thread, from the fastest: `steps` consecutive ones, the warp's
/// threads along time, `chunks`, the block's warps.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_TILEKERNELS_H
#define RECUR_COMPILER_CONVERSION_TILEKERNELS_H

#include "compiler/Conversion/GpuKernels.h"

#include "llvm/ADT/Sequence.h"

namespace recur {

class TileKernels : GpuKernels {
public:
  TileKernels(ScanOp scan, ScheduleAttr schedule, const Signature &signature);

  /// Emits the kernel at the end of `module`. Fails with a diagnostic for a
  /// scan that has no tiles (see `isTileable`).
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module, llvm::StringRef name);

  /// Whether a scan's steps can be held in registers: small carriers without
  /// dims that each thread walks, and other inner dims of small static sizes.
  static bool isTileable(ScanLikeOpInterface scan);

  /// Whether the transition of a tile is a power of one that all steps have.
  bool hasPowers() const { return llvm::is_contained(uniform, true); }

private:
  /// Bytes at the start of the workspace, which hold the counter of tickets;
  /// the status words follow.
  static constexpr int64_t kTicketBytes = 256;

  class FoldSink;
  class ReplaySink;
  /// h -> P h + E, in the carrier's pattern of tiles, all of E given.
  using Map = Transition;
  using State = std::vector<Value>; // the components of a carrier
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
  using Maps = llvm::SmallVector<Map>;     // by carrier
  using States = llvm::SmallVector<State>; // by carrier

  // Geometry.
  int64_t getElements() const { return chunks * steps * channels; }
  void locate();
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
  bool marksFirsts();
  void markFirsts();
  void findSequences();
  void enterSequence(Value number);
  Value getDistance(Value number);
  void enterStep(int64_t chunk, int64_t step);
  void storeFinalsOfStep(llvm::ArrayRef<States> states);
  void storeFinalsOfEmpty();

  /// Numbers of a step that lie together are vectors of their own: lanes along
  /// another dim are as far apart as these are many.
  bool isContiguous(unsigned argument, unsigned axis) const override;

  // Registers of inputs. Of an input with inner dims every step has several
  // numbers: so many registers for each vector over steps or channels, or one
  // register with all of them.
  Access getAccess(unsigned input);
  static bool isVector(Access access) {
    return access == Access::Vector || access == Access::StepVector;
  }
  llvm::SmallVector<unsigned> getInner(mlir::AffineMap map);
  bool isRegular(mlir::AffineMap map);
  int64_t getInnerCount(mlir::AffineMap map);
  int64_t getInnerNumber(mlir::AffineMap map, const InnerPoint &point);
  InnerPoint getInnerPoint(mlir::AffineMap map, int64_t number);
  Value getInnerOffset(unsigned argument, mlir::AffineMap map, int64_t number);
  unsigned getInnerAlignment(unsigned argument, mlir::AffineMap map);
  void checkInner();
  unsigned getRegisters(unsigned input);
  bool isVectorAxis(unsigned argument, mlir::AffineMap map);
  void loadConstant(unsigned input);
  void loadConstants();
  mlir::Type getRegisterType(unsigned input);
  llvm::SmallVector<Value> loadTile();
  Value loadApart(unsigned argument, mlir::AffineMap map, Value pointer);
  void storeApart(unsigned argument, mlir::AffineMap map, Value pointer,
                  Value packed);
  Value getStepStride(unsigned argument, mlir::AffineMap map);
  Value getElementPointer(unsigned argument, mlir::AffineMap map, int64_t chunk,
                          int64_t step, int64_t channel, int64_t span,
                          bool clamp, const InnerPoint &point,
                          llvm::SmallVectorImpl<Value> &last);
  void loadAll(bool clamp, llvm::SmallVectorImpl<Value> &registers);
  Value getRegister(unsigned input, int64_t number);
  Value loadInput(mlir::OpBuilder &builder, mlir::Location loc, unsigned input,
                  const InnerPoint &point) override;

  // Shared memory of inputs and results (TileStaging.cpp). A plane holds the
  // pieces of an input or result, of one inner point, of all threads.
  struct Plane {
    mlir::Type type;
    int64_t bytes, pieces; ///< of a piece; of each thread
    int64_t pitch; ///< pieces from thread to thread, with lanes along time
    int64_t offset;
  };
  bool isStaged(unsigned input) const { return !inputPlanes[input].empty(); }
  void planStages();
  Value getOwnPiece(const Plane &plane, int64_t piece);
  Value getPieceInOrder(const Plane &plane, int64_t turn);
  void
  forEachInOrder(unsigned argument, mlir::AffineMap map, const Plane &plane,
                 const InnerPoint &point,
                 llvm::function_ref<void(int64_t turn, Value pointer)> visit);
  void copyStaged();
  bool hasRows(const Plane &plane) const;
  void requireRows();
  void copyPieces(unsigned input);
  void copyRows(unsigned input, const Plane &plane);
  void commitStaged();
  void storeStaged(unsigned input, llvm::ArrayRef<Value> pieces);
  void awaitStaged();
  void syncStages();
  Value readStaged(unsigned input, int64_t number);
  void storeThroughStages(unsigned result, llvm::ArrayRef<Value> values);

  // States that warps hand to each other (TileHandOver.cpp).
  int64_t getHandOverBytes(unsigned carrier) const;
  void forEachHandOver(
      llvm::function_ref<void(unsigned carrier, int64_t part, mlir::Type type,
                              Value place, unsigned alignment)>
          visit);
  void meet(Value number, bool waits);
  void exchange(Value value, Value place, unsigned alignment);
  void writeHandOver(llvm::ArrayRef<States> states);
  llvm::SmallVector<States> readHandOver();
  void beginHandOver(llvm::ArrayRef<States> starts);
  llvm::SmallVector<States> handOver();
  void endHandOver();

  // Phases.
  /// Whether tiles that a block walks wait in shared memory: then warps hand
  /// states to each other.
  bool handsOver() const { return stages > 0 && !lookback; }
  llvm::LogicalResult checkStages();
  void emitSerial();
  Value loadFirstTiles();
  void storeFinalsAtEnd(llvm::ArrayRef<States> states);
  bool isPersistent() const;
  Value drawTicket();
  Value shareTicket(Value ticket);
  void emitLookback();
  Value emitTile(Value ticket);
  void emitFold();
  bool hasRuns(unsigned carrier);
  void foldRun(unsigned carrier);
  std::vector<Value> replayRun(unsigned carrier, Value entry);
  void combineWarp();
  void publishToBlock(Value buffer);
  Value getTotal(Value buffer, unsigned carrier, Value row);
  int64_t getTotalBytes();
  Value getEntry(unsigned carrier, Value channel);
  int64_t getEntryBytes();
  Map loadWarpTotal(unsigned carrier, Value buffer, int64_t warp,
                    Value channel);
  void emitReplay(llvm::ArrayRef<States> entries);
  void keepLast(int64_t chunk, int64_t step, llvm::ArrayRef<States> states);
  void storeFinalsOfLast();
  struct OutputShape {
    int64_t span, count;
    bool vector;
    int64_t inner;
  };
  OutputShape getOutputShape(unsigned result);
  mlir::Type getPackedType(unsigned result);
  llvm::SmallVector<Value> packOutputs(unsigned result);
  void storeTile();
  void storeFinals(const States &states);
  void storeFinalsOfAll(llvm::ArrayRef<States> states);

  // Look-back. What a tile publishes of a carrier: its map, then the state that
  // it ends in.
  unsigned getPieces(unsigned carrier) const;
  unsigned getTransitionPieces(unsigned carrier) const;
  unsigned getMapPieces(unsigned carrier) const;
  unsigned getMapWords(unsigned carrier) const;
  unsigned getStateWords(unsigned carrier) const;
  int64_t getWords() const;
  int64_t getPublishedParts(unsigned carrier) const;
  Value getStatus(Value tile, Value channel, unsigned carrier, Value word);
  void publish(Value channel, unsigned carrier, unsigned word, unsigned skipped,
               llvm::ArrayRef<Value> numbers);
  void publishMap(Value channel, unsigned carrier, const Map &map);
  void publishFinal(Value channel, unsigned carrier, const State &state);
  llvm::SmallVector<Value> readPublished(Value tile, Value channel,
                                         unsigned carrier, Value isBase,
                                         Value &isThere);
  bool composesWindow() const;
  int64_t getLargestWindow();
  int64_t getWindowSlots();
  int64_t getTilesOfSlot();
  int64_t getWindowRows();
  Value getWindow();
  Value getWindowBegin();
  Value getTileOfWindow(Value slot, int64_t number);
  Value getWindowSlot(unsigned carrier, Value row);
  int64_t getWindowBytes();
  /// Wide windows pay where only offsets are read.
  bool looksWide() const {
    return lookback && timeLanes &&
           llvm::all_of(
               llvm::seq<size_t>(0, carriers.size()), [&](size_t carrier) {
                 return isUniform(carrier) || patterns[carrier].count() == 0;
               });
  }
  llvm::SmallVector<Value> awaitPublished(
      mlir::TypeRange types,
      llvm::function_ref<void(llvm::SmallVectorImpl<Value> &, Value &)> read);
  void readWindow();

  // The algebra.
  using GpuKernels::getAlgebra;
  unsigned getOrder(unsigned carrier) const { return carriers[carrier].size; }
  bool isUniform(unsigned carrier) const { return uniform[carrier]; }
  State computeFast(unsigned carrier,
                    llvm::function_ref<State(AlgebraEmitter &)> compute);
  Map widen(unsigned carrier, const Transition &map);
  Map compose(unsigned carrier, const Map &first, const Transition &second);
  Value isApart(unsigned carrier, const Map &map);
  State apply(unsigned carrier, const Map &map, const State &state);
  // Sums of many terms, one after the other, stay open until they are done
  // (see AlgebraEmitter).
  State open(unsigned carrier, const State &state);
  State close(unsigned carrier, const State &state);
  Map open(unsigned carrier, const Map &map);
  Map close(unsigned carrier, const Map &map);
  static State getRest(const Transition &map);
  Map select(Value condition, const Map &x, const Map &y);
  State select(Value condition, const State &x, const State &y);
  Map getIdentity(unsigned carrier);
  /// What an empty segment ends in.
  State getNeutral(unsigned carrier);
  States createStartsOfAll();
  /// Entries of the powers of a transition that does not vary over time: of so
  /// many steps, of the steps of 1, 2, 4 ... teams and of those before the
  /// thread's, as a map without offsets.
  struct Powers {
    llvm::SmallVector<std::vector<Value>> levels;
    std::vector<Value> lane;
    llvm::SmallVector<std::vector<Value>> tiles; // of 1, 2, 4 ... 32 tiles
  };
  Powers getPowers(unsigned carrier, const Transition &step);
  Map takePublished(unsigned carrier, llvm::ArrayRef<Value> &parts,
                    const Powers &powers);
  States lookBack(Value channel, llvm::ArrayRef<Map> own);

  // Numbers as parts of 32 or 64 bits.
  mlir::Type getPart(unsigned carrier) const;
  int64_t getParts(unsigned carrier) const;
  void appendParts(Value number, llvm::SmallVectorImpl<Value> &parts);
  State takeNumbers(unsigned carrier, unsigned count,
                    llvm::ArrayRef<Value> &parts);
  Value shuffleNumber(Value value, Value lane, mlir::gpu::ShuffleMode mode);
  Map shuffle(unsigned carrier, const Map &map, Value lane,
              mlir::gpu::ShuffleMode mode);
  Value packStorage(llvm::ArrayRef<Value> numbers);
  Value unpackStorage(Value packed, int64_t number, mlir::Type element);

  // Shared memory. A record is the parts of some numbers.
  static int64_t getRecordBytes(mlir::Type part, int64_t count);
  void storeRecord(Value slot, llvm::ArrayRef<Value> parts);
  llvm::SmallVector<Value> loadRecord(Value slot, mlir::Type part,
                                      int64_t count);
  bool sharesTransition(unsigned carrier) const {
    return lookback || !isUniform(carrier);
  }
  int64_t getMapParts(unsigned carrier) const;
  void storeMap(Value slot, unsigned carrier, const Map &map);
  Map loadMap(unsigned carrier, Value slot);
  bool hasLargeMaps() const;
  bool hasLargeOrder() const;
  bool isLight();
  int64_t getWork(const Carrier &carrier) const;
  int64_t getSharedOfOneBlock() const;
  void describeTile(mlir::gpu::GPUFuncOp function);

  // The schedule.
  bool timeLanes, lookback, hasFinal;
  bool keepsLast = false; // final states are kept while steps are replayed
  int64_t width, steps, group, teams, chunks, warps, channels, stages;
  int64_t laneTile, tileSteps, rows, threads;
  llvm::SmallVector<Access> accesses;
  llvm::SmallVector<llvm::SmallVector<Plane>> inputPlanes, resultPlanes;
  int64_t stagedBytes = 0;
  // By carrier: what is known of the maps of steps in tiles, and whether P
  // does not vary over time.
  llvm::SmallVector<algebra::Pattern> patterns;
  llvm::SmallVector<bool> uniform;
  mlir::gpu::GPUModuleOp module;
  std::string prefix;

  // While a kernel is emitted. Numbers of threads and tiles are i32.
  Value thread, lane, warp, team;
  Value tile, unit, units, tiles;
  Value channelBase, threadChannel, isChannel; // i64, i64, i1
  Value tileBegin, threadBegin, isFull;
  Value
      isInnerPacked; // all numbers of a step lie together; null: no inner dims
  // Packed: the range of all sequences; by chunk the number of the first bound
  // that is not before it. At the current step: the number of the next bound
  // and how far after the thread's first step it is (i32), where the sequence
  // starts, whether it does so here, and what it starts from, by channel.
  Value packedBegin, packedEnd;
  llvm::SmallVector<Value> firstBounds;
  Value nextNumber, nextBound, ownBegin, restarts;
  llvm::SmallVector<States> starts;
  // If marks are enough: those of the steps of each chunk, a bit each.
  llvm::SmallVector<Value> firstBits;
  bool isCombining = false;
  // In shared memory.
  Value ticketShared, totals, entriesShared, windowShared, handOverShared;
  /// What waits in shared memory; the stage of the current tile in it, and
  /// whether it may be copied in whole rows.
  Value stagesMemory, stagedMemory, isInRows;
  llvm::DenseMap<std::pair<unsigned, int64_t>, Value> stagedValues;
  llvm::SmallVector<Value> registers;
  llvm::DenseMap<int64_t, Value> reread; // registers of 16-bit numbers, again
  Value zero;                            // unknown to be 0
  bool isReplay = false;
  llvm::SmallVector<unsigned> firstRegister;
  llvm::SmallVector<llvm::SmallVector<Value>> constants; // [input][channel]
  int64_t chunkNow = 0, stepNow = 0, channelNow = 0;
  llvm::SmallVector<llvm::SmallVector<Maps>> folded;   // [chunk][channel]
  llvm::SmallVector<llvm::SmallVector<States>> opened; // of replay, likewise
  /// A thread's steps of a carrier of one number, folded at once.
  struct Run {
    llvm::SmallVector<Value> as, bs; ///< of the steps
    /// Whether the sums are there; if so, in place of the steps' a, after the
    /// first, and b.
    Value isSummed;
    Value reference;
    std::vector<Value> states; ///< after each step, of replay
  };
  llvm::SmallVector<llvm::SmallVector<llvm::SmallVector<Run>>> runs; // likewise
  llvm::SmallVector<llvm::SmallVector<Powers>> powers; // [channel][carrier]
  llvm::SmallVector<Maps> warpTotal;                   // [channel]
  llvm::SmallVector<llvm::SmallVector<Transition>> stepMaps; // of the uniform
  llvm::SmallVector<States> lastStates; // [channel]: after the last step
  llvm::SmallVector<llvm::SmallVector<Value>> outputs; // [result][element]
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_TILEKERNELS_H
