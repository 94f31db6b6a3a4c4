//===-- GpuKernels.h - the kernels of a GPU schedule ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the GPU kernels of one scan under one schedule from the phases of the
/// engine: fold (a segment's transition P and exit E), combine (the entry state
/// of every segment from P and E) and replay (a segment's outputs from its
/// entry state).
///
///   algorithm "serial"    one kernel, one segment: start, replay, finish
///   algorithm "segments"  three kernels, P and E in the workspace:
///                         fold | start, combine, finish | replay
///
/// One thread walks one segment of one item, a point of the parallel space;
/// neighbouring threads have neighbouring items along the schedule's lane dim.
///
/// Every kernel has the same parameters, all of 8 bytes, so that a launch packs
/// them as one array of words: the data of every argument in the order of the
/// signature, the workspace, the steps of a segment, the size of every dim of
/// the space, the strides (in elements) of every argument's axes.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_GPUKERNELS_H
#define RECUR_COMPILER_CONVERSION_GPUKERNELS_H

#include "compiler/Conversion/AlgebraEmitter.h"
#include "compiler/Conversion/PairValues.h"
#include "compiler/Conversion/Signature.h"
#include "compiler/Conversion/StepEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace recur {

/// Discardable attribute of a kernel: what a launch needs to know.
inline constexpr llvm::StringLiteral kLaunchAttr = "recur.launch";

/// And a list of more of them, for other schedules that launch the same kernel.
inline constexpr llvm::StringLiteral kLaunchAlsoAttr = "recur.launch_also";

/// Whether kernels compute the tanh of a step that is not affine with a
/// relative error of 2^-11: all that varies over time is rounded to 16 bits.
bool hasCoarseTanh(ScanLikeOpInterface scan);

class GpuKernels : protected StepHooks {
public:
  GpuKernels(ScanLikeOpInterface scan, ScheduleAttr schedule,
             const Signature &signature);

  /// Emits the kernels at the end of `module`; names start with `prefix`.
  /// Fails with a diagnostic for a scan that they do not cover.
  mlir::LogicalResult emit(mlir::gpu::GPUModuleOp module,
                           llvm::StringRef prefix);

protected:
  using Value = mlir::Value;
  enum class Kernel { Serial, Fold, Combine, Replay };
  /// What the workspace holds for each segment: its exit state, which combine
  /// replaces by its entry state, and its transition.
  enum class Summary { State, Transition };
  class FoldSink;
  class StateSink;
  class ReplaySink;
  /// Numbers of every carrier at all its inner points, for those that fit.
  using Registers = llvm::SmallVector<llvm::SmallVector<Value>>;

  // The kernel around the phases.
  mlir::LogicalResult emitKernel(mlir::gpu::GPUModuleOp module,
                                 llvm::StringRef name, Kernel kernel);
  mlir::gpu::GPUFuncOp createKernel(mlir::gpu::GPUModuleOp module,
                                    llvm::StringRef name, int32_t threads);
  void readParameters(mlir::gpu::GPUFuncOp function);
  mlir::LogicalResult
  forEachItem(bool bySegments, llvm::function_ref<mlir::LogicalResult()> body);
  void locateItem(Value number, bool bySegments);
  /// Emits `body` for each channel that this thread has.
  mlir::LogicalResult
  forEachChannel(llvm::function_ref<mlir::LogicalResult()> body);
  /// Splits a number into positions along `order`, the last dim fastest; a dim
  /// has as many as `getExtent` says, of the number's type.
  void spread(Value number, llvm::ArrayRef<unsigned> order,
              llvm::function_ref<Value(unsigned)> getExtent,
              llvm::SmallVectorImpl<Value> &positions);
  /// The units along a dim: positions, or tiles of so many of the lane dim.
  Value getUnits(unsigned dim, int64_t laneTile);
  /// A cumulative length, kept inside the tensors.
  Value readBound(Value number);
  void locateSequence();
  /// What a launch must know; recur_gpu_variant and recur_gpu_kernel in
  /// recur/runtime.h say what each field means. A number below 0 is left out.
  struct Launch {
    llvm::StringRef phase = "scan";
    std::string variant;
    int laneDim = -1;
    int64_t laneTile = 1, itemsPerBlock = 1, timeTile = 0, block = 0,
            shared = 0, sharedPerPoint = -1, vectorBytes = 0, sizeMultiple = 1,
            zeroedConstant = 0, zeroedPerTile = 0, stepCost = 30,
            pointCost = -1, registers = 64, stepsInFlight = -1, halvesFrom = 0;
    uint64_t vectors = 0;
    bool persistent = false;
    bool bySequence = false; // packed sequences are units of their own
    llvm::SmallVector<mlir::Attribute> workspace;
  };
  void describe(mlir::gpu::GPUFuncOp function, const Launch &launch);
  int64_t getSegmentSteps() const;
  void describePhase(mlir::gpu::GPUFuncOp function, Kernel kernel);
  /// The arguments that the schedule promises unit stride.
  uint64_t getUnitStrideMask() const;

  // The phases (GpuPhases.cpp).
  void emitStart(Registers &carry);
  mlir::LogicalResult emitFold();
  void emitCombine();
  /// `writes`: the outputs; else the steps only lead to the state after them.
  mlir::LogicalResult emitReplay(Registers &carry, bool writes = true);
  void emitFinish(Registers &carry);
  virtual mlir::LogicalResult emitSteps(llvm::ArrayRef<Registers *> carried,
                                        StepSink &sink, bool withReadout);
  mlir::LogicalResult emitStepLoop(llvm::ArrayRef<Registers *> carried,
                                   StepSink &sink, bool withReadout,
                                   Value begin, Value end);
  /// Steps that are loaded ahead where so many inputs are.
  mlir::LogicalResult emitAheadLoop(llvm::ArrayRef<Registers *> carried,
                                    StepSink &sink, bool withReadout,
                                    Value begin, Value end);
  void setStep(Value number);
  /// What the steps carry, by its place.
  static llvm::SmallVector<Value *> getSlots(llvm::ArrayRef<Registers *> all);
  /// Emits one step where the builder stands, and goes behind it.
  mlir::LogicalResult emitStep(StepSink &sink, bool withReadout);
  /// P := A P.
  void multiply(Registers &transition, const Carrier &carrier,
                const Transition &map, const InnerPoint &point);
  /// The inputs whose elements of later steps are loaded ahead.
  llvm::SmallVector<unsigned> findLoadedAhead();
  int64_t getStepsAhead(llvm::ArrayRef<unsigned> inputs);
  /// The elements of this step for all channels of this thread.
  Value loadAhead(unsigned input);
  /// Estimated cycles from the states before a step to those after it.
  int64_t getStepLatency();

  // States (GpuStates.cpp). What a summary holds of a carrier is `getCount`
  // numbers at each inner point: the vector, or the unknown entries of its
  // transition.
  void forEachPoint(const Carrier &carrier,
                    llvm::function_ref<void(const InnerPoint &)> body);
  void forEachPoint(unsigned state,
                    llvm::function_ref<void(const InnerPoint &)> body);
  static unsigned getCount(const Carrier &carrier, Summary summary) {
    return summary == Summary::State ? carrier.size : carrier.product.count();
  }
  unsigned getNumber(const Carrier &carrier) const {
    return carrierOf[carrier.state];
  }
  bool inRegisters(const Carrier &carrier) const {
    return pointCount[getNumber(carrier)] > 0;
  }
  bool usesWorkspace(const Carrier &carrier, Summary summary) const;
  Registers makeRegisters(Summary summary);
  /// The registers of a carrier for the channel that is worked on.
  llvm::MutableArrayRef<Value> getChannel(Registers &registers, Summary summary,
                                          const Carrier &carrier) const;
  Value read(Registers &registers, Summary summary, const Carrier &carrier,
             const InnerPoint &point, Value number);
  void write(Registers &registers, Summary summary, const Carrier &carrier,
             const InnerPoint &point, Value number, Value value);
  std::vector<Value> readVector(Registers &registers, Summary summary,
                                const Carrier &carrier,
                                const InnerPoint &point);
  void writeVector(Registers &registers, Summary summary,
                   const Carrier &carrier, const InnerPoint &point,
                   llvm::ArrayRef<Value> values);
  Value readState(Registers &registers, unsigned state, const InnerPoint &point,
                  int64_t lag = 1);
  Value getSlot(Summary summary, const Carrier &carrier,
                const InnerPoint &point, Value number);
  /// The next beginning of a part of the workspace.
  Value alignWorkspace(Value bytes);
  Value getInnerLinear(const Carrier &carrier, const InnerPoint &point);
  /// The number of a point among those in registers; -1 if it is not known yet.
  virtual int64_t getPointNumber(const Carrier &carrier,
                                 const InnerPoint &point);
  Value createStart(unsigned state, const InnerPoint &point, int64_t lag = 1);
  std::vector<Value> createStarts(const Carrier &carrier,
                                  const InnerPoint &point);
  AlgebraEmitter getAlgebra(const Carrier &carrier) {
    return AlgebraEmitter(b, loc, carrier.semiring, getKernelType(carrier.type),
                          mlir::arith::FastMathFlags::none, /*onGpu=*/true);
  }

  // Hooks.
  /// Called where the code of a step begins.
  virtual void beginStep() {}
  Value loadInput(mlir::OpBuilder &builder, mlir::Location loc, unsigned input,
                  const InnerPoint &point) override;
  Value getSize(mlir::OpBuilder &builder, mlir::Location loc,
                unsigned dim) override;

  // Addresses (GpuAddresses.cpp).
  /// Where a history is read: along its axis of time, so many steps after its
  /// last.
  struct HistoryAxis {
    HistoryAxis(int axis = -1, Value step = {}) : axis(axis), step(step) {}
    int axis;
    Value step;
  };
  Value getPointer(unsigned argument, mlir::AffineMap map,
                   const InnerPoint &point,
                   HistoryAxis history = HistoryAxis());
  Value getIndex(const SignatureAccess &access, const InnerPoint &point);
  virtual bool isContiguous(unsigned argument, unsigned axis) const;
  /// What an element's address is a multiple of, in bytes, by all that a launch
  /// has checked; 0: what its type says.
  virtual unsigned getAlignment(unsigned argument, mlir::AffineMap map,
                                const InnerPoint &point);
  static mlir::Type getStorageType(mlir::Type element);
  /// An alignment of 0 is that of an element.
  Value load(Value pointer, mlir::Type element, bool isInput = false,
             unsigned alignment = 0);
  void store(Value pointer, Value value, unsigned alignment = 0);
  Value getSecond(Value pointer, mlir::Type part);
  Value loadLagged(unsigned input, int64_t lag, const InnerPoint &point);
  void storeResult(unsigned result, const InnerPoint &point, Value value);
  /// Whether the channels of a thread are one vector of the argument.
  bool isVector(unsigned argument, mlir::AffineMap map) const;
  void storeVector(Value pointer, llvm::ArrayRef<Value> values, Value writes);
  mlir::AffineMap getResultMap(unsigned result);
  Value isFirstInMissingDims(mlir::AffineMap map);
  /// Whether this thread writes a result with this map; null: it does.
  virtual Value isWriter(mlir::AffineMap map);
  /// Whether such a result is written without a branch.
  virtual bool isStoredInLine(mlir::AffineMap map) { return false; }
  void storeInLine(Value writes, Value pointer, Value value);

  // Small builders at the current location (GpuBuilders.cpp).
  Value i32(int64_t value);
  Value i64(int64_t value);
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value toI32(Value value);
  /// Of what is not negative.
  Value toI64(Value value);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  /// `bytes` after `base`, which is in shared memory.
  Value at(Value base, Value bytes);
  /// Bytes of the block's shared memory, aligned to 16, of a kernel of
  /// `module`.
  Value createShared(mlir::gpu::GPUModuleOp module, const llvm::Twine &name,
                     int64_t bytes);
  /// The shared memory that a launch asks for, under a name of the kernel.
  Value createDynamicShared(mlir::gpu::GPUModuleOp module,
                            llvm::StringRef prefix);
  Value getThreadId();
  Value getBlockId();
  /// Emits `body` where the condition holds.
  void when(Value condition, llvm::function_ref<void()> body);
  /// Inline assembly; null if there is no result.
  Value emitPtx(mlir::Type result, llvm::StringRef text,
                llvm::StringRef constraints, mlir::ValueRange operands);
  /// Null where there is no result, too.
  Value callIntrinsic(llvm::StringRef name, llvm::ArrayRef<Value> operands,
                      mlir::Type result = {});
  /// Sends 4, 8 or 16 bytes from global to shared memory.
  void copyAsync(int64_t bytes, Value to, Value from);
  /// A number, or a vector of 32 bits, of which optimizers know nothing: what
  /// is computed of it, and what it is computed of, stays where it is.
  Value hide(Value value);

  // What the threads of a warp do together.
  static constexpr int64_t kWarp = 32;
  void syncWarp();
  /// Whether it holds in some lane, in a form of which the assembler sees that
  /// all lanes have the same.
  Value isAny(Value condition);
  /// A number of another thread, of up to 32 bits or of 64.
  Value shuffle(Value value, int32_t lane, mlir::gpu::ShuffleMode mode);
  Value shuffle(Value value, Value lane, mlir::gpu::ShuffleMode mode);

  ScanLikeOpInterface scan;
  ScheduleAttr schedule;
  const Signature &signature;
  SpaceAttr space;
  ScanDims dims;
  int laneDim;
  StepEmitter emitter;
  llvm::SmallVector<unsigned> inputArguments, initArguments, historyArguments,
      resultArguments;
  int segmentsArgument = -1;
  llvm::ArrayRef<Carrier> carriers;
  llvm::SmallVector<unsigned> carrierOf; // by state
  // By carrier; the points of one that is in memory count 0.
  llvm::SmallVector<llvm::SmallVector<unsigned>> innerDims;
  llvm::SmallVector<int64_t> pointCount;

  // While a kernel is emitted.
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Type i64Type, ptrType;
  llvm::SmallVector<Value> data, sizes;
  llvm::SmallVector<llvm::SmallVector<Value>> strides;
  Value workspace, segmentSteps;     // steps: of a segment
  Value items, segments;             // how many there are
  Value item, segment;               // of this thread
  llvm::SmallVector<Value> position; // of the item, by dim
  Value sequenceBegin, sequenceEnd;
  Value stepBegin, stepEnd; // of this segment, counted in the sequence
  Value step, time;         // now
  /// Neighbours along the lane dim that a thread has, and the one that is
  /// worked on.
  int64_t channels = 1, channel = 0;
  /// By result: where the channels of this thread are stored at once, and the
  /// values of those before.
  llvm::SmallVector<llvm::SmallVector<Value>> waiting;
  /// Whether few threads run on a processor, and may take many registers.
  bool hasFewThreads = true;
  /// Whether the steps now emitted write nothing.
  bool onlyReads = false;
  /// By input: the element at this step where it has been loaded before.
  llvm::SmallVector<Value> loadedAhead;
};

/// Steps that read the states where they are kept between steps, and write the
/// outputs if they shall.
class GpuKernels::StateSink : public StepSink {
public:
  StateSink(GpuKernels &kernels, Registers &states, bool writes)
      : states(states), writes(writes), kernels(kernels) {}

  llvm::SmallVector<Value> enter(mlir::OpBuilder &builder, mlir::Location loc,
                                 const Carrier &carrier,
                                 const InnerPoint &point) override;
  Value reload(mlir::OpBuilder &builder, mlir::Location loc, unsigned state,
               const InnerPoint &point) override;
  void store(mlir::OpBuilder &builder, mlir::Location loc, unsigned result,
             Value value, const InnerPoint &point) override;

protected:
  Registers &states;
  bool writes;

private:
  GpuKernels &kernels;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_GPUKERNELS_H
