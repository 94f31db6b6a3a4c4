//===-- CpuKernels.h - the five kernels of a CPU schedule -------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits start, fold, advance, replay and finish of one scan under one CPU
/// schedule (recur/runtime.h says what each does).
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_CPUKERNELS_H
#define RECUR_COMPILER_CONVERSION_CPUKERNELS_H

#include "compiler/Analysis/Economy.h"
#include "compiler/Conversion/AlgebraEmitter.h"
#include "compiler/Conversion/PairValues.h"
#include "compiler/Conversion/Signature.h"
#include "compiler/Conversion/StepEmitter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

#include <array>
#include <string>

namespace recur {

/// Bytes of one item: constant + perProduct * (product of the dims' sizes),
/// rounded up to 64.
struct ItemExtent {
  int64_t constant = 0, perProduct = 0;
  uint64_t dimMask = 0;
};

/// Removes what a new kernel does not need, and the kernel itself where its
/// module has an equal one, such as that of the recurrence for its one step.
/// Returns the name of the one that stays.
llvm::StringRef shareKernel(mlir::func::FuncOp kernel);

/// The type of an element in memory.
mlir::Type getStorageType(mlir::Type element);

/// Emits the kernels of one schedule. `arguments` maps every operand and
/// result of the scan to the number of its argument in the C ABI.
class CpuKernels : StepHooks {
public:
  CpuKernels(ScanLikeOpInterface scan, ScheduleAttr schedule,
             const Signature &signature);

  /// Whether a step reads states outside the loops that compute them. Lanes
  /// along time cannot: between loops only the last lane is kept.
  llvm::FailureOr<bool> readsStatesApart();

  /// What the kernels that walk over time save.
  struct Savings {
    bool powers = false;    ///< transitions of many steps are powers of one
    bool exponents = false; ///< decays add in the exponent
    /// Steps of the segments that are the lanes of a vector; 0: steps are.
    int64_t squareSteps = 0;
  };
  Savings getSavings();

  /// Names of the kernel of each phase; empty: there is none.
  enum Phase { Pack, Start, Fold, Advance, Replay, Finish };
  static constexpr llvm::StringLiteral kPhaseNames[] = {
      "pack", "start", "fold", "advance", "replay", "finish"};
  using Symbols = std::array<std::string, std::size(kPhaseNames)>;

  /// Emits the kernels, called `prefix` + "_start" and so on, at the end of the
  /// module; with `common` only those that walk over time, fold and replay, and
  /// the others are those. A kernel that is there already is not made again.
  /// Fails with a diagnostic for a scan that they do not cover.
  mlir::LogicalResult emit(llvm::StringRef prefix, const Symbols *common);

  const Symbols &getSymbols() const { return symbols; }

  /// The variant as the runtime needs it (recur_cpu_variant); after `emit`.
  mlir::DictionaryAttr describe();

private:
  using Value = mlir::Value;
  class Sink;

  // Functions and loops.
  void findCarriers(StepEmitter &emitter);
  mlir::LogicalResult emitKernel(llvm::StringRef name, Phase phase);
  void loadFrame();
  void locateRun();
  mlir::LogicalResult emitRuns(llvm::function_ref<mlir::LogicalResult()> body);
  Value countLanes();
  mlir::LogicalResult
  forEachBlock(llvm::function_ref<mlir::LogicalResult()> body);
  mlir::LogicalResult emitTime(StepEmitter &emitter, bool fold);
  mlir::LogicalResult emitSegments(StepEmitter &emitter, bool writes);
  Value timeAt(Value step);

  // Several rows of few channels in one vector.
  bool canPackRows();
  Value haveFewChannels();
  mlir::LogicalResult emitRows(Sink &sink, bool fold);
  Value permuteLanes(Value vector, Value lanes);

  // Steps that lie together in memory for each lane.
  /// The steps of all lanes, as many as there are lanes, and their numbers.
  struct Strip {
    struct InnerAxis {
      unsigned axis;
      int64_t size;
    };
    unsigned argument = 0;
    mlir::AffineMap map, first; ///< of a number, and of a step's first one
    mlir::Type element;
    int timeAxis = -1, laneAxis = -1;
    llvm::SmallVector<InnerAxis> inner;
    int64_t numbers = 1;     ///< of a step
    bool isTimeLast = false; ///< the steps of a number lie together
    Value table;             ///< a vector of lanes for each number
  };
  bool canUseStrips();
  std::optional<Strip> findStrip(unsigned argument, mlir::AffineMap map,
                                 mlir::Type element);
  Value liesTogether(const Strip &strip);
  Value getStripSlot(const Strip &strip, const InnerPoint &point);
  Value loadFromStrip(const Strip &strip, const InnerPoint &point);
  void storeToStrip(const Strip &strip, const InnerPoint &point, Value value);
  void turnStrip(const Strip &strip, Value present, bool writes);
  mlir::FailureOr<Value>
  emitStrips(bool fold, Value count,
             llvm::function_ref<mlir::LogicalResult()> emitStep);

  // Costs, in operations on vectors or numbers.
  struct CompositionCost {
    double apply = 0;    ///< a map to a state
    double multiply = 0; ///< the transitions of two maps
    double numbers = 0;  ///< of a map, which move between lanes
  };
  CompositionCost getCompositionCost(StepEmitter &emitter,
                                     const Carrier &carrier);
  void computeCosts(StepEmitter &emitter);
  double getVectors() const;
  double countOverTime();

  // Segments of time as lanes.
  bool canUseSquares(StepEmitter &emitter);
  /// How steps are composed with lanes along time: the steps of a lane's
  /// segment, 0 where a vector of steps is scanned, and operations a vector.
  struct Composing {
    int64_t squareSteps;
    double cost;
  };
  Composing chooseComposing(StepEmitter &emitter);
  int64_t chooseSquare(StepEmitter &emitter) {
    return chooseComposing(emitter).squareSteps;
  }
  bool canDropGuards() const;
  void
  emitUnguarded(StepEmitter &emitter, bool fold,
                llvm::function_ref<void()> states,
                llvm::function_ref<void(llvm::function_ref<void()>)> inSquare);
  mlir::LogicalResult emitSquares(StepEmitter &emitter, Sink &sink, bool fold,
                                  Value to);
  llvm::SmallVector<Value> findCostlyElements(StepEmitter &emitter);
  void transpose(llvm::SmallVectorImpl<Value> &rows);
  llvm::SmallVector<Value> splitWords(Value words);
  Value joinWords(llvm::ArrayRef<Value> halves);
  void dealPairs(llvm::SmallVectorImpl<Value> &rows);
  void joinPairs(llvm::SmallVectorImpl<Value> &rows);
  Value createTable(mlir::Type element, int64_t count);
  Value getTableSlot(Value table, mlir::Type vector, Value number);
  Value getSquareSlots(Value slots);
  Value loadFromTable(Value table, mlir::Type element);
  void storeToTable(Value table, Value value);
  int64_t getStepOfElement(int64_t number);
  int64_t getLaneOfSegment(int64_t segment);

  // Phases.
  mlir::LogicalResult emitStart(StepEmitter &emitter);
  mlir::LogicalResult emitFold(StepEmitter &emitter);
  mlir::LogicalResult emitAdvance(StepEmitter &emitter);
  mlir::LogicalResult emitReplay(StepEmitter &emitter);
  mlir::LogicalResult emitFinish(StepEmitter &emitter);
  Value createStart(unsigned state, int64_t lag, const InnerPoint &point);

  // Transitions that are the same at all times.
  Transition createUniformMap(StepEmitter &emitter, const Carrier &carrier,
                              const InnerPoint &point, mlir::Type type);
  std::vector<Value> createPower(StepEmitter &emitter, const Carrier &carrier,
                                 const InnerPoint &point, Value count);
  mlir::LogicalResult storePowers(StepEmitter &emitter);
  void planPrefixes(StepEmitter &emitter, Sink &sink);
  void forEachPoint(StepEmitter &emitter, const Carrier &carrier,
                    llvm::function_ref<void(const InnerPoint &)> body);

  // Decays that add in the exponent.
  Decay getDecay(const Carrier &carrier);
  void clearExponents(StepEmitter &emitter);
  void addExponents(StepEmitter &emitter);
  void addExponent(const Carrier &carrier, const InnerPoint &point,
                   Value exponent);
  void finishExponents(StepEmitter &emitter);

  // Hooks.
  Value loadInput(mlir::OpBuilder &builder, mlir::Location loc, unsigned input,
                  const InnerPoint &point) override;
  Value loadInvariant(mlir::OpBuilder &builder, mlir::Location loc, Value value,
                      const InnerPoint &point) override;
  Value getSize(mlir::OpBuilder &builder, mlir::Location loc,
                unsigned dim) override;

  // Addresses. Offsets are in elements.
  struct Address {
    Value offset;        // of the first lane
    Value laneOffsets;   // of each lane from there; null if unit or uniform
    bool varies = false; // along the lane dim
    bool unit = false;   // lanes are neighbours in memory
  };
  /// The axis of a history that holds past steps, and the number of the step
  /// (of the first lane) in its sequence.
  struct HistoryAxis {
    int axis = -1;
    Value step;
  };
  Address getAddress(unsigned argument, mlir::AffineMap map,
                     const InnerPoint &point, bool contiguous,
                     HistoryAxis history);
  Address getAddress(unsigned argument, mlir::AffineMap map,
                     const InnerPoint &point, bool contiguous) {
    return getAddress(argument, map, point, contiguous, HistoryAxis());
  }
  Value applyIndex(const SignatureAccess &access, Value value);
  Address getRow(const Address &address, Value row);
  void prefetchRow(unsigned argument, mlir::AffineMap map, mlir::Type tensor,
                   bool write);
  void loadSquare(unsigned input, Value table);
  void storeSquare(unsigned result, Value table);
  Value getLanePointers(unsigned argument, const Address &address,
                        mlir::Type storage);
  Value load(unsigned argument, const Address &address, mlir::Type element,
             Value laneMask, Value passThrough);
  void store(unsigned argument, const Address &address, Value value,
             Value laneMask);
  Value loadPairs(unsigned argument, const Address &address, mlir::Type storage,
                  Value laneMask);
  void storePairs(unsigned argument, const Address &address, Value value,
                  Value laneMask);
  Value doubleLanes(Value vector);
  void prefetch(unsigned argument, mlir::AffineMap map, const Address &address,
                mlir::Type type, bool write);
  Value loadLagged(unsigned input, int64_t lag, const InnerPoint &point);
  bool isContiguous(unsigned argument, mlir::AffineMap map) const;
  mlir::AffineMap getResultMap(unsigned result) const;
  Value isFirstInMissingDims(mlir::AffineMap map);

  // Slots of states in carry and summary, of invariants in scratch.
  void computeExtents(StepEmitter &emitter);
  int64_t getSlotLanes() const {
    return timeLanes && !isInSquare() && !segmentLanes ? 1 : width;
  }
  /// Of what does not vary over time.
  int64_t getInvariantLanes() const { return timeLanes ? 1 : width; }
  bool isLaneState(unsigned state) const;
  mlir::Type getStateType(unsigned state) const;
  mlir::Type getType(const Carrier &carrier) const {
    return getStateType(carrier.state);
  }
  Value getInnerProduct(llvm::ArrayRef<unsigned> inner);
  Value getInnerLinear(llvm::ArrayRef<unsigned> inner, const InnerPoint &point);
  llvm::SmallVector<unsigned> getInnerList(StepEmitter &emitter, Value value);
  Value extentBytes(const ItemExtent &extent);
  Value getItemPointer(Value base, const ItemExtent &extent);
  Value carrySlots();
  Value transitionSlots();
  Value exitSlots();
  Value getSlot(const Carrier &carrier, Value base, const InnerPoint &point,
                Value number, llvm::function_ref<unsigned(const Carrier &)>);
  Value getComponentSlot(const Carrier &carrier, Value base,
                         const InnerPoint &point, Value component);
  Value getTransitionSlot(const Carrier &carrier, const InnerPoint &point,
                          unsigned entry);
  Value getStateSlot(unsigned state, const InnerPoint &point, Value base,
                     int64_t lag = 1);
  std::vector<Value> loadVector(const Carrier &carrier, Value base,
                                const InnerPoint &point, mlir::Type type);
  void storeVector(const Carrier &carrier, Value base, const InnerPoint &point,
                   llvm::ArrayRef<Value> values);
  Transition loadTransition(const Carrier &carrier, const InnerPoint &point,
                            mlir::Type type);
  void storeTransition(const Carrier &carrier, const InnerPoint &point,
                       llvm::ArrayRef<Value> entries);
  AlgebraEmitter getAlgebra(const Carrier &carrier, mlir::Type type) {
    AlgebraEmitter algebra(b, loc, carrier.semiring, type,
                           mlir::arith::FastMathFlags::contract);
    algebra.setGuards(guards);
    return algebra;
  }
  Value getInvariantSlot(Value value, const InnerPoint &point);
  llvm::SmallVector<Value> planInvariants(StepEmitter &emitter);
  mlir::LogicalResult emitPack(StepEmitter &emitter);
  void packInvariants(StepEmitter &emitter);

  // Small builders at the current position.
  Value i64(int64_t value);
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value gep(Value pointer, mlir::Type element, Value offset);
  Value loadField(Value pointer, unsigned index, mlir::Type type);
  Value loadAligned(Value slot, mlir::Type type);
  void storeAligned(Value slot, Value value);
  Value flushTiny(const Carrier &carrier, Value value);
  Value createLaneNumbers();
  Value createLaneSteps();
  Value createLaneChannels();
  Value lanesBelow(Value count);
  Value reverseLanes(Value vector);
  Value getMemoryOffset(const Address &address);
  Value vectorOf(Value scalar) { return toVector(b, loc, scalar, width); }

  ScanLikeOpInterface scan;
  ScheduleAttr schedule;
  const Signature &signature;
  SpaceAttr space;
  ScanDims dims;
  int laneDim = -1;
  int64_t width, runItems = 1;
  bool timeLanes = false, splitTail = false;
  bool guards = true; ///< of products (see AlgebraEmitter::setGuards)
  /// Lanes along time that are segments of it, for a step that is not affine:
  /// the runtime says how many steps they are apart.
  bool segmentLanes = false;
  ItemExtent carry, transition, summary, scratch;
  // Of one step of an item, in nanoseconds.
  double stepCost = 0, foldCost = 0, stepLatency = 0;
  llvm::SmallVector<unsigned> inputArguments, initArguments, historyArguments,
      resultArguments;
  llvm::SmallVector<Carrier, 2> carriers;
  llvm::SmallVector<unsigned> carrierOf;                    // by state
  llvm::SmallVector<llvm::SmallVector<unsigned>> innerDims; // by carrier

  Symbols symbols;

  // While a kernel is emitted.
  mlir::func::FuncOp kernel;
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Type i64Type, ptrType;
  StepEmitter *emitterSets = nullptr;
  llvm::SmallVector<Value> data, sizes;
  llvm::SmallVector<llvm::SmallVector<Value>> strides;
  Value carryPtr, summaryPtr, scratchPtr;
  Value itemBegin, itemEnd, segment, sequenceBegin, sequenceEnd, begin, end;
  Value laneSteps; // of each lane after the first; null: none or 0, 1, 2 ...
  llvm::SmallVector<Value> position; // of the run's first item, by dim
  Value item, runLength;             // the run's first item, its items
  Value stepsAhead;                  // from a result's store to its prefetch
  Value block, time, mask;           // null: no blocks, no time, all lanes
  /// Lanes that hold `count` rows of all channels, one after the other.
  struct Rows {
    Value count;         // of rows in a vector
    Value step, channel; // of each lane
    Value channelLane;   // the lane of the first row with the same channel
    Value lastLane;      // and that of the last row that there is
    Value mirroredLane;  // and that of the row at the other end
    struct Shift {
      Value lanes, inside; // lanes to read, and which of them exist
      Value used;          // there are so many rows
    };
    llvm::SmallVector<Shift> shifts; // by 1, 2, 4 ... rows
  };
  std::optional<Rows> rows; // while code for them is emitted
  /// Lanes that hold a segment of time each; tables hold a vector for every
  /// step of them, slots one for every number of a state.
  struct Square {
    Value number, step;
    int64_t steps = 0;     // of each lane
    bool unrolled = false; // tables and slots end as registers
    bool folds = false;
    bool isFirst = false;  // known to be the first step of all segments
    int64_t slotBytes = 0; // of all slots of one square
    llvm::MapVector<unsigned, Value> inputs, results; // tables, by number
    llvm::MapVector<Value, Value> elements; // that a fold has computed
    Value carry, transition, exit;
  };
  std::optional<Square> square; // while code for one is emitted
  bool outsideSquare = false;   // slots are those of the state before it
  bool isInSquare() const { return square && !outsideSquare; }
  /// By number, while steps of strips are emitted; and which of their steps.
  llvm::MapVector<unsigned, Strip> inputStrips, resultStrips;
  Value stripStep;
  struct Packed {
    Value base;
    int64_t slotBytes;
    llvm::SmallVector<unsigned> inner;
  };
  llvm::DenseMap<Value, Packed> packed;
  bool packing = false, folding = false;
  /// By carrier and stage: the entries of the maps of 1, 2, 4 ... of a vector's
  /// steps that end with each lane; empty where they vary over time.
  llvm::SmallVector<llvm::SmallVector<std::vector<Value>>> prefixes;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_CPUKERNELS_H
