//===-- StepPlan.cpp - the order of what a step computes ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What must be emitted at every step, and the stages in which it can be: what
/// is read comes first, and a state stays until all have read it.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/StepEmitter.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

namespace {
/// What a value needs before it can be computed.
struct Needs {
  int stage = 0;
  SmallBitVector previous, current; // states read, one step ago and new
  SmallBitVector renamed;           // new states read at other positions
};
} // namespace

/// The values of the elements that depend on the states before the step.
llvm::DenseSet<Value> StepEmitter::findStateDependent() {
  llvm::DenseSet<Value> found;
  Block &elements = scan.getElements().front();
  for (BlockArgument argument :
       elements.getArguments().drop_front(scan.getInputs().size()))
    found.insert(argument);
  for (Operation &op : elements)
    if (llvm::any_of(op.getOperands(),
                     [&](Value value) { return found.contains(value); }))
      found.insert(op.result_begin(), op.result_end());
  return found;
}

LogicalResult StepEmitter::planRoots(SmallVectorImpl<Root> &roots,
                                     bool withReadout) {
  unsigned rank = scan.getSpace().getRank(), numStates = scan.getNumStates();
  unsigned numInputs = scan.getInputs().size();
  unsigned copies = scan.getReadLags() + 1; // of a state in the readout
  for (auto [i, carrier] : llvm::enumerate(carriers)) {
    Root root{Root::State, unsigned(i), {}, {}, SmallBitVector(rank)};
    for (unsigned dim : getInnerDims(carrier))
      root.inner.set(dim);
    roots.push_back(root);
  }
  // Reductions that vary over no inner dim share loops with the states, unless
  // the states follow from them.
  llvm::DenseSet<Value> stateDependent = findStateDependent();
  auto elementsYield =
      cast<YieldOp>(scan.getElements().front().getTerminator());
  auto isWanted = [&](OpOperand &use) {
    return !isa<YieldOp>(use.getOwner()) || use.getOwner() != elementsYield ||
           wantsEntries || scan.isAffine() ||
           llvm::any_of(carriers, [&](const Carrier &carrier) {
             for (unsigned i = 0; i < carrier.size; ++i)
               if (carrier.getRestOperand(i) == int(use.getOperandNumber()))
                 return true;
             return false;
           });
  };
  SmallVector<Region *> regions{&scan.getElements()};
  if (withReadout)
    regions.push_back(&scan.getReadout());
  for (Region *region : regions) {
    llvm::DenseSet<Value> live;
    for (Operation &op : llvm::reverse(region->front())) {
      if (!isa<YieldOp>(op) && llvm::none_of(op.getResults(), [&](Value v) {
            return live.contains(v);
          }))
        continue;
      for (OpOperand &use : op.getOpOperands())
        if (isWanted(use))
          live.insert(use.get());
      auto reduce = dyn_cast<ReduceOp>(op);
      if (!reduce || getInnerSet(reduce.getResult()).any() ||
          stateDependent.contains(reduce.getResult()))
        continue;
      Root root{Root::Reduction, 0, reduce, {}, SmallBitVector(rank)};
      for (auto name : reduce.getDims().getAsRange<StringAttr>())
        root.inner.set(scan.getSpace().find(name.getValue()));
      roots.push_back(root);
    }
  }
  if (withReadout) {
    auto yield = cast<YieldOp>(scan.getReadout().front().getTerminator());
    unsigned next = 0;
    for (unsigned i = 0; i < scan->getNumResults(); ++i) {
      auto output = cast<ResultAttr>(scan.getOutputs()[i]);
      if (output.isFinal())
        continue;
      Root root{
          Root::Output, i, {}, yield.getOperand(next++), SmallBitVector(rank)};
      for (StringAttr name : output.getDims())
        root.inner.set(scan.getSpace().find(name.getValue()));
      root.inner &= innerMask;
      roots.push_back(root);
    }
  }

  // Stages to a fixpoint: raise a root until all it needs comes before it.
  for (unsigned round = 0; round < 4 * roots.size() + 4; ++round) {
    llvm::DenseMap<Value, Needs> needs;
    auto getStage = [&](ReduceOp reduce) {
      for (Root &root : roots)
        if (root.kind == Root::Reduction && root.reduce == reduce)
          return root.stage + 1;
      return 0;
    };
    for (Region *region : regions) {
      for (BlockArgument argument : region->getArguments()) {
        Needs &need = needs[argument];
        need.previous.resize(numStates);
        need.current.resize(numStates);
        need.renamed.resize(numStates);
        if (argument.getArgNumber() < numInputs)
          continue;
        unsigned number = argument.getArgNumber() - numInputs;
        bool isReadout = region == &scan.getReadout();
        unsigned state = isReadout ? number / copies : number;
        bool isNew = isReadout && number % copies + 1 == copies;
        (isNew ? need.current : need.previous).set(state);
      }
      for (Operation &op : region->front()) {
        if (op.getNumResults() == 0)
          continue;
        Needs need;
        need.previous.resize(numStates);
        need.current.resize(numStates);
        need.renamed.resize(numStates);
        if (auto reduce = dyn_cast<ReduceOp>(op); reduce && getStage(reduce)) {
          // Its own root carries the needs of its operand.
          need.stage = getStage(reduce);
          needs[op.getResult(0)] = need;
          continue;
        }
        for (Value operand : op.getOperands()) {
          Needs &other = needs[operand];
          need.stage = std::max(need.stage, other.stage);
          need.previous |= other.previous;
          need.current |= other.current;
          need.renamed |= other.renamed;
        }
        if (isa<AtOp>(op))
          need.renamed |= need.current;
        for (Value result : op.getResults())
          needs[result] = need;
      }
    }
    bool changed = false;
    readsApart = false;
    auto raise = [&](Root &root, int stage) {
      if (root.stage < stage) {
        root.stage = stage;
        changed = true;
      }
    };
    for (Root &root : roots) {
      SmallVector<Value> values;
      if (root.kind == Root::State)
        llvm::append_range(values, elementsYield.getOperands().slice(
                                       carriers[root.number].element,
                                       carriers[root.number].getNumOperands()));
      else if (root.kind == Root::Reduction)
        values = {root.reduce.getOperand()};
      else
        values = {root.value};
      for (Value value : values) {
        Needs &need = needs[value];
        raise(root, need.stage);
        for (unsigned state : need.current.set_bits()) {
          Root &from = roots[carrierOf[state]];
          bool apart = need.renamed.test(state) || from.inner != root.inner;
          raise(root, from.stage + apart);
        }
        for (unsigned state : (need.current | need.previous).set_bits()) {
          Root &from = roots[carrierOf[state]];
          readsApart |= from.inner.any() &&
                        (from.stage != root.stage || from.inner != root.inner);
        }
        // Values of a carrier that is outside all loops can be read anywhere
        // after it; others are overwritten.
        for (unsigned state : need.previous.set_bits())
          if (Root &from = roots[carrierOf[state]]; from.inner.none())
            raise(root, from.stage);
          else
            raise(from, root.stage + (from.inner != root.inner));
      }
    }
    if (!changed)
      return success();
  }
  return scan.emitError()
         << "the outputs read a state one step ago after its new value is "
            "needed; name that value in a state of its own";
}

FailureOr<bool> StepEmitter::readsStatesApart() {
  SmallVector<Root> roots;
  if (failed(planRoots(roots, /*withReadout=*/true)))
    return failure();
  return readsApart;
}
