//===-- NewtonKernels.h - Newton's method on a GPU --------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the kernel of the schedule `newton`: multiple shooting over tiles of
/// time. The unknowns are the states at which the segments of a tile begin. A
/// warp has `group` channels and 32 / `group` segments of them, a thread one of
/// each. Every pass
///   - folds: each segment runs from its guess s to its exit E, with the
///     transition P = dE/ds;
///   - combines: h = E + P (h - s) from segment to segment, which is the linear
///     recurrence of Newton's corrections h - s, as a prefix over threads;
/// until no correction is above the tolerance; then the segments replay from
/// there. The replay's own exits say how far the segments are from meeting: the
/// residual of what has been written. The last exit is the next tile's entry.
/// The first segment's entry is known, and where h is s already, E is taken as
/// it is: every pass makes one entry more that of running one step after the
/// other. Channels that have not met at the limit of passes are finished in
/// order, one segment after the other.
///
/// A segment's first guess is the one that the caller gives for its entry, or
/// what the tile begins with where there is none or it is not finite.
///
/// With a `segment` in the schedule all of time is cut into segments of so many
/// steps that run over the grid at once (NewtonGrid.cpp).
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_NEWTONKERNELS_H
#define RECUR_COMPILER_CONVERSION_NEWTONKERNELS_H

#include "compiler/Conversion/GpuKernels.h"

namespace recur {

class NewtonKernels final : GpuKernels {
public:
  NewtonKernels(NewtonOp newton, ScheduleAttr schedule,
                const Signature &signature);

  /// Kernels that several schedules launch, by what they depend on.
  using Shared = llvm::StringMap<llvm::SmallVector<mlir::gpu::GPUFuncOp>>;

  /// Emits the kernels at the end of `module`, but those in `shared`, to which
  /// it adds its own. Fails with a diagnostic for a step that it does not
  /// cover.
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module, llvm::StringRef name,
                           Shared &shared);

private:
  class Fold;

  static constexpr int64_t kSegmentThreads = 64;
  /// Channels of a thread of segments over the grid, at most.
  static constexpr int64_t kMostChannels = 4;
  /// Steps of a segment whose inputs stay in registers.
  static constexpr int64_t kResidentSteps = 8;
  /// Bits and bytes of recur_channel_report.
  static constexpr int64_t kFinishedInOrder = 1, kNotFinite = 2,
                           kReportBytes = 16;

  /// The iteration on a tile: the entry of this warp's segment, the largest
  /// sizes of the states that this thread has seen, how many passes the block
  /// and this lane's channel have made, and whether the channel has not
  /// converged.
  struct Iteration {
    Registers entry, scale;
    Value pass, count, active;
  };
  /// What is known of this warp's segments of this lane's channel, over all
  /// tiles.
  struct Findings {
    Registers scale;
    Value passes, flags, residual;
  };

  // The segments over the grid (NewtonGrid.cpp).
  /// States that the workspace holds of each segment: where it began, where it
  /// ended first and in the end.
  enum class Edge { Entry, First, Last, Fixed };
  int64_t getEdges() const { return hasLinear() ? 4 : 3; }
  /// Numbers of a segment: its edges, and the transition of linear parts.
  int64_t getEdgeNumbers() const {
    return getEdges() * getNumbers(Part::Exit) +
           (hasLinear() ? getNumbers(Part::Transition) : 0);
  }
  /// Where the exits are in the end.
  Edge getLastEdge() const { return hasLinear() ? Edge::First : Edge::Last; }
  bool isOverGrid() const { return schedule.getSegment() > 0; }
  mlir::LogicalResult emitSegments(mlir::gpu::GPUFuncOp function,
                                   std::optional<Edge> again);
  void describeSegments(mlir::gpu::GPUFuncOp function, int64_t run);
  mlir::LogicalResult emitFirst();
  mlir::LogicalResult emitWarmUp(Value end, Registers &state);
  mlir::LogicalResult emitAgain(Value from, Value to);
  mlir::LogicalResult emitSegment(Registers &state);
  void emitChain(Value edge);
  mlir::LogicalResult emitLinear(mlir::gpu::GPUFuncOp function, Edge edge);
  void share(const llvm::Twine &kernel);
  mlir::LogicalResult emitUnmet(Registers &carry, Findings &findings);
  Value isApart(const Registers &entry, const Registers &exit,
                const Registers &scale);
  void includeWild(const Registers &states, Findings &findings);
  Value getEdge(Edge edge) { return i64(int64_t(edge)); }
  Value getEdge(Value edge, const Carrier &carrier, unsigned number,
                Value segment);
  Registers loadEdges(Value edge, Value segment);
  void storeEdges(Value edge, Registers registers, Value segment);
  Value getEdgeNumber(Value number, Value segment);
  void forEachLinear(
      llvm::function_ref<void(const Carrier &, unsigned, int64_t)> body);
  Registers loadTransitions(Value segment);
  void storeTransitions(const Registers &transition, Value segment);
  /// How many rounds there were, where they have left the exits, and the word
  /// of channels that still do not meet.
  struct Rounds {
    Value count, edge, unmet;
  };
  mlir::FailureOr<llvm::SmallVector<Value>>
  emitInOrder(const Registers &start, Value count, Value edge);
  mlir::FailureOr<Rounds> emitRounds(Value unmet, Value count);
  mlir::FailureOr<Value> emitRound(Value edge, Value next, Value word,
                                   Value count);
  Value findSetBit(Value word, Value below);
  void addWorkspace(Launch &launch);
  void addVectors(Launch &launch);

  mlir::LogicalResult emitSolver();
  void locate();
  void clear(const Registers &carry, Findings &findings);
  bool hasGuess();
  void emitGuess(Value begin, Registers &state);
  void emitReport(const Findings &findings);
  mlir::LogicalResult emitTiles(Registers &carry, Findings &findings);
  mlir::LogicalResult emitTile(Value begin, Value steps, const Registers &carry,
                               Registers &exit, Findings &findings);

  // Passes (NewtonPasses.cpp).
  void loadResident(Value total);
  mlir::LogicalResult emitSteps(llvm::ArrayRef<Registers *> carried,
                                StepSink &sink, bool withReadout) override;
  /// `scale`: of the states before the tile.
  mlir::LogicalResult emitPasses(const Registers &carry, const Registers &scale,
                                 Iteration &now);
  int64_t getPassLimit();
  mlir::LogicalResult emitSummary(const Registers &guess, Registers &exit,
                                  Registers &transition, bool writes = false);
  void emitCorrections(const Registers &carry, const Registers &exit,
                       const Registers &transition, const Registers &scale,
                       Iteration &now);
  void emitWarpTotals(Registers &offset, Registers &scale);
  void correct(const Registers &arriving, const Registers &offset,
               Registers &entry);
  /// Calls with every carrier, its number and the number of its point.
  void forEachVector(
      llvm::function_ref<void(const Carrier &, unsigned, unsigned)> body);
  Transition getMap(const Carrier &carrier, unsigned point,
                    const Registers &product, const Registers &sum);
  void applyUnlessZero(const Registers &product, const Registers &sum,
                       Registers &value);
  void composeWith(const Registers &earlierProduct, const Registers &earlierSum,
                   Registers &product, Registers &sum);
  Registers shuffleUp(const Registers &registers, int32_t distance);
  Registers loadArriving(const Registers &carry);
  mlir::LogicalResult emitRest(const Registers &carry, Value begin,
                               Value steps);

  // Numbers, and what threads share (NewtonNumbers.cpp).
  /// Linear parts have `linearShare` of the tolerance; 0: they are not looked
  /// at.
  Value isChanged(const Registers &guess, const Registers &entry,
                  const Registers &scale, Value exactly = {},
                  double linearShare = 1);
  bool hasLinear() const;
  llvm::SmallVector<bool> flattenLinear() const;
  void include(Value size, Value &scale);
  void includeAll(const Registers &states, Registers &scale);
  Value isZero(llvm::ArrayRef<Value> values);
  Value isAnyWild(const Registers &registers);
  Value mayGrow(const Registers &transition);
  Value findAny(Value changed);
  Value isSet(Value word);
  Value combineWarps(Value word);
  Value isSame(Value x, Value y);
  Value getDistance(Value x, Value y);
  Value isFar(Value x, Value y, Value scale);
  Value getGap(Value x, Value y, Value scale);
  Value constant(mlir::Type type, double value);
  /// As many numbers as `like` has, all of one value.
  Registers fill(const Registers &like, double value);

  // Registers as values that loops carry.
  static llvm::SmallVector<Value> flatten(const Registers &registers);
  static void assign(Registers &registers, mlir::ValueRange values);
  static llvm::SmallVector<Value> flatten(const Iteration &now);
  static void assign(Iteration &now, mlir::ValueRange values);
  static llvm::SmallVector<Value> flatten(const Findings &findings);
  static void assign(Findings &findings, mlir::ValueRange values);

  // Shared memory: numbers of every segment, and totals of every warp, of
  // `group` channels.
  enum class Part { Exit, Guess, Transition, Sum, Scale };
  static constexpr Part kParts[] = {Part::Exit, Part::Guess, Part::Transition,
                                    Part::Sum, Part::Scale};
  using GpuKernels::getCount;
  static unsigned getCount(const Carrier &carrier, Part part) {
    return part == Part::Transition ? carrier.product.count() : carrier.size;
  }
  int64_t getRows(Part part) const {
    return part == Part::Exit || part == Part::Guess ? places : warps;
  }
  int64_t getNumbers(Part part) const;
  /// Of a number of any state in memory.
  int64_t getNumberBytes() const;
  int64_t getSharedBytes() const;
  Value getShared(Part part, const Carrier &carrier, unsigned number,
                  Value row);
  Registers loadShared(Part part, Summary summary, Value row);
  Registers loadExits(Value segment);
  void storeShared(Part part, const Registers &registers, Value row);

  Value isWriter(mlir::AffineMap map) override;
  std::string getVariant();
  void describeNewton(mlir::gpu::GPUFuncOp function);

  NewtonOp newton;
  mlir::gpu::GPUModuleOp module;
  llvm::StringRef name;
  int64_t warps, group, places; // places: segments of a channel in a block
  double tolerance;             // of gaps and corrections
  bool readsLinear;             // what is iterated depends on what is not
  // This thread's channel and segment in the block, and it among its warp's.
  Value lane, place, thread, warp, isInside;
  /// By step of the segment and by input: what all passes use.
  llvm::SmallVector<llvm::SmallVector<Value>> resident;
  Value takesStep;        // this segment has the step; null: it does
  Value summaries, flags; // in shared memory
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_NEWTONKERNELS_H
