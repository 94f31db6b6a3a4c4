//===-- Waves.cpp - scans whose inner points are independent --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Which scans the schedule `wave` computes.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Waves.h"
#include "compiler/Analysis/Schedules.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;

bool recur::hasWaves(ScanLikeOpInterface scan, unsigned lane) {
  LaneDims dims = getLaneDims(scan);
  SpaceAttr space = scan.getSpace();
  if (scan.getAlgebra().getStructure() != Structure::Diagonal ||
      scan.getAlgebra().getSemiring() != Semiring::PlusTimes ||
      dims.inner.none() || !dims.parallel.test(lane) ||
      scan.getNumStates() == 0 || scan.getBlockDims())
    return false;
  auto countInner = [&](ArrayRef<StringAttr> names) {
    return llvm::count_if(names, [&](StringAttr name) {
      return dims.inner.test(space.find(name.getValue()));
    });
  };
  StringRef laneName = space.getName(lane);
  auto hasLane = [&](ArrayRef<StringAttr> names) {
    return llvm::any_of(
        names, [&](StringAttr name) { return name.getValue() == laneName; });
  };
  if (!llvm::all_of(scan->getResultTypes(), [](Type type) {
        return isa<FloatType>(getElementTypeOrSelf(type));
      }))
    return false;
  for (auto state : scan.getStates().getAsRange<StateAttr>())
    if (!state.getType().isF32() || !hasLane(state.getDims()) ||
        countInner(state.getDims()) != int64_t(dims.inner.count()))
      return false;
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>()) {
    int64_t count = countInner(output.getDims());
    if (!hasLane(output.getDims()) ||
        (count && count != int64_t(dims.inner.count())))
      return false;
  }
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    llvm::DenseSet<Value> reduced;
    for (Operation &op : region->front()) {
      if (isa<AtOp>(op))
        return false;
      bool readsReduced = llvm::any_of(
          op.getOperands(), [&](Value v) { return reduced.contains(v); });
      if (auto reduce = dyn_cast<ReduceOp>(op)) {
        // One loop over all points of all reductions.
        if (region == &scan.getElements() || readsReduced ||
            reduce.getDims().size() != dims.inner.count())
          return false;
        readsReduced = true;
      }
      if (readsReduced)
        reduced.insert(op.result_begin(), op.result_end());
    }
  }
  IndexSets elements = IndexSets::compute(scan.getElements(), scan),
            readout = IndexSets::compute(scan.getReadout(), scan);
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    const IndexSets &sets = region == &scan.getElements() ? elements : readout;
    llvm::DenseSet<Value> reduced;
    for (Operation &op : region->front()) {
      if (isa<YieldOp>(op) && region == &scan.getReadout())
        // What a reduction has given cannot be an output at every point.
        for (Value value : op.getOperands())
          if (reduced.contains(value))
            for (unsigned dim : dims.inner.set_bits())
              if (sets.get(value).test(dim))
                return false;
      if (isa<ReduceOp>(op) || llvm::any_of(op.getOperands(), [&](Value v) {
            return reduced.contains(v);
          }))
        reduced.insert(op.result_begin(), op.result_end());
    }
    // Rows are kept as numbers of 32 bits.
    for (BlockArgument argument : region->getArguments()) {
      Type type = argument.getType();
      if (!isa<FloatType>(type) || type.getIntOrFloatBitWidth() > 32)
        return false;
    }
  }
  return true;
}
