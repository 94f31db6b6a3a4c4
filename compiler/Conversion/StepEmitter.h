//===-- StepEmitter.h - code for one step of a scan -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the regions of a recur.scan or recur.newton at one point of (time x
/// parallel space), as scalar code or as vectors along one dim. Targets say
/// through hooks where inputs and states live.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_STEPEMITTER_H
#define RECUR_COMPILER_CONVERSION_STEPEMITTER_H

#include "compiler/Conversion/Carriers.h"
#include "compiler/Conversion/ScanDims.h"

namespace recur {

/// Positions along the inner dims, by dim of the space; null where a dim is
/// not bound. All are i64.
using InnerPoint = llvm::SmallVector<mlir::Value>;

/// Where a StepEmitter finds the leaves of a step. "At the point" means at the
/// current time, the current parallel position and the given inner positions;
/// a value that varies over the lane dim is a vector.
class StepHooks {
public:
  virtual ~StepHooks();
  /// The element of input `input` at the point, in the input's element type.
  virtual mlir::Value loadInput(mlir::OpBuilder &builder, mlir::Location loc,
                                unsigned input, const InnerPoint &point) = 0;
  /// A value of a region that the target has computed before (invariants);
  /// null if it has not.
  virtual mlir::Value loadInvariant(mlir::OpBuilder &builder,
                                    mlir::Location loc, mlir::Value value,
                                    const InnerPoint &point);
  /// The size of a dim, as i64.
  virtual mlir::Value getSize(mlir::OpBuilder &builder, mlir::Location loc,
                              unsigned dim) = 0;
  /// The `number`th position along the split dim that this thread has.
  virtual mlir::Value getSplitPosition(unsigned number);
  /// What the threads that share the split dim have reduced each for itself,
  /// reduced over all of them; every thread gets it.
  virtual mlir::Value combineSplit(mlir::OpBuilder &builder, mlir::Location loc,
                                   ReductionKind kind, mlir::Value value);
};

/// The states of a step and what becomes of them; implemented by a target for
/// each phase.
class StepSink {
public:
  virtual ~StepSink();
  /// The components of a carrier before a step; asked for if the step is not
  /// affine, before `advance`.
  virtual llvm::SmallVector<mlir::Value> enter(mlir::OpBuilder &builder,
                                               mlir::Location loc,
                                               const Carrier &carrier,
                                               const InnerPoint &point);
  /// The components of a carrier before a step and after it.
  struct Moved {
    llvm::SmallVector<mlir::Value> previous, current;
  };
  /// Called once at each inner point of a carrier with the map of the step (see
  /// Carrier::step). The map of a step that is not affine has no entries where
  /// the readout is emitted, so that it maps any state to the new one; else its
  /// entries are the Jacobian's. What it returns is for the readout, and may be
  /// empty if the readout is not emitted.
  virtual Moved advance(mlir::OpBuilder &builder, mlir::Location loc,
                        const Carrier &carrier, const Transition &map,
                        const InnerPoint &point) = 0;
  /// The new value of a state that `advance` has stored, at another point; for
  /// readouts, and steps that are not affine.
  virtual mlir::Value reload(mlir::OpBuilder &builder, mlir::Location loc,
                             unsigned state, const InnerPoint &point);
  /// Takes the value of result `result` at the point, of a readout.
  virtual void store(mlir::OpBuilder &builder, mlir::Location loc,
                     unsigned result, mlir::Value value,
                     const InnerPoint &point);
};

/// Emits steps of one scan.
class StepEmitter {
public:
  /// `laneDim` is the dim along which values are vectors of `width` elements,
  /// or -1 for scalar code. Loops over inner dims of a static size up to
  /// `unrollLimit` are unrolled.
  StepEmitter(ScanLikeOpInterface scan, StepHooks &hooks, int laneDim,
              int64_t width, int64_t unrollLimit);

  /// Makes what varies over `dim` a vector too, along with the lane dim.
  void addLaneDim(unsigned dim) { laneDims.set(dim); }

  /// Threads share the inner dim `dim`: each has `count` positions along it,
  /// which the hooks name.
  void splitDim(unsigned dim, unsigned count) {
    split = int(dim);
    splitCount = count;
  }

  /// Steps with a readout have the entries of the Jacobian too.
  void setAlwaysEntries(bool always) { alwaysEntries = always; }

  const ScanDims &getDims() const { return dims; }
  llvm::ArrayRef<Carrier> getCarriers() const { return carriers; }

  /// The inner dims that a state varies over, in the order of the space.
  llvm::SmallVector<unsigned> getInnerDims(unsigned state);
  /// Those of a carrier: without the dim along which it is a vector.
  llvm::SmallVector<unsigned> getInnerDims(const Carrier &carrier);

  /// The largest values that do not vary over time but over lanes or inner
  /// dims: worth computing once before the loop over time.
  llvm::SmallVector<mlir::Value> getInvariants();
  /// The dims that a value of a region varies over.
  const llvm::SmallBitVector &getIndexSet(mlir::Value value) const;
  /// Whether a carrier's maps have the same entries at all times, some of them
  /// numbers that are not known.
  bool isUniform(const Carrier &carrier);
  /// The type of a value: a vector if it varies over a lane dim.
  mlir::Type getType(mlir::Value value) const;

  /// Emits loops over the inner dims `innerDims` around `body`.
  void emitLoops(
      mlir::OpBuilder &builder, mlir::Location loc,
      llvm::ArrayRef<unsigned> innerDims,
      llvm::function_ref<void(mlir::OpBuilder &, const InnerPoint &)> body);

  /// Emits one invariant at the point, from its inputs.
  mlir::Value emitValue(mlir::OpBuilder &builder, mlir::Value value,
                        const InnerPoint &point);

  /// Emits the entries of a carrier's map at the point, which must not vary
  /// over time; its rest is left out.
  Transition emitEntries(mlir::OpBuilder &builder, const Carrier &carrier,
                         const InnerPoint &point);

  /// Emits the elements of every state (fold), and the readout if asked
  /// (replay). Fails with a diagnostic if the step needs a value of a state
  /// after it has been overwritten.
  mlir::LogicalResult emitStep(mlir::OpBuilder &builder, StepSink &sink,
                               bool withReadout);

  /// Whether a step reads a state, one step ago or new, outside the loops that
  /// compute it, as at a constant position. Fails like emitStep.
  llvm::FailureOr<bool> readsStatesApart();

private:
  struct Scope;
  /// Something that must be emitted at every step.
  struct Root {
    enum Kind { State, Reduction, Output } kind;
    unsigned number;   // of the carrier or the SSA result
    ReduceOp reduce;   // of a reduction
    mlir::Value value; // of an output
    llvm::SmallBitVector inner;
    int stage = 0;
  };
  template <typename Result>
  Result emitAt(mlir::OpBuilder &builder, const InnerPoint &point,
                llvm::function_ref<Result(Scope &)> emit);
  mlir::Value evaluate(mlir::Value value, Scope &scope);
  mlir::Value emitReduction(ReduceOp reduce, Scope &scope);
  mlir::Value emitOp(mlir::Operation *op, Scope &scope);
  mlir::Value evaluateLeaf(mlir::BlockArgument argument, Scope &scope);
  mlir::LogicalResult planRoots(llvm::SmallVectorImpl<Root> &roots,
                                bool withReadout);
  void emitGroup(llvm::ArrayRef<Root *> group, Scope &scope, StepSink &sink);
  void emitRoot(Root &root, Scope &scope, StepSink &sink,
                llvm::SmallVectorImpl<mlir::Value> &accumulators,
                unsigned &accumulator);
  Transition emitMap(const Carrier &carrier, Scope &scope,
                     bool withRest = true);
  void enter(const Carrier &carrier, Scope &scope);
  llvm::DenseSet<mlir::Value> findStateDependent();
  void remember(const Carrier &carrier, const StepSink::Moved &moved,
                Scope &scope);
  llvm::SmallBitVector getInnerSet(mlir::Value value) const;
  bool isUnrolled(unsigned dim) const;
  int64_t getUnrolledSize(unsigned dim) const;
  mlir::Value getUnrolledPosition(mlir::OpBuilder &builder, mlir::Location loc,
                                  unsigned dim, int64_t number);

  ScanLikeOpInterface scan;
  StepHooks &hooks;
  StepSink *sink = nullptr;
  bool readsApart = false, wantsEntries = true, alwaysEntries = false;
  ScanDims dims;
  llvm::SmallVector<Carrier, 2> carriers;
  llvm::SmallVector<unsigned> carrierOf; // by state
  llvm::SmallBitVector innerMask, laneDims;
  int64_t width, unrollLimit;
  int split = -1;
  unsigned splitCount = 0;
  IndexSets elementSets, readoutSets;
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_STEPEMITTER_H
