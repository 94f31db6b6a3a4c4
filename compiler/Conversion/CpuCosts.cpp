//===-- CpuCosts.cpp - what steps of the CPU kernels cost -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Rough counts of operations: for the choice of how steps are composed, and,
/// as nanoseconds, for the runtime's division of work.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/StepLatency.h"
#include "compiler/Conversion/CpuKernels.h"

#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace recur;

/// Of an operation on a vector, in chains that wait for some of their results:
/// the forward algorithm over 4 states takes 210 ns a step on a Xeon.
static constexpr double kNanosecondsPerOperation = 0.25;

/// Of a step's chain of operations on the states: a GRU takes 42 ns a step on
/// an EPYC (Zen 4) where a thread has one vector of channels.
static constexpr double kNanosecondsOfArithmetic = 1.5,
                        kNanosecondsOfFunction = 7;

/// Of a number that a lane of its own place in memory reads or writes.
static constexpr double kNanosecondsOfLane = 0.5;

/// An inner dim of unknown size is taken as so many points.
static constexpr double kUnknownPoints = 16;

/// Vector operations of (+) and of (x), counted in the code that they become. A
/// sum of products of numbers is one.
static std::pair<double, double> getOperatorCosts(Semiring semiring) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return {0, 1};
  case Semiring::MaxPlus:
  case Semiring::MinPlus:
    return {4, 4};
  case Semiring::LogSumExp:
    return {45, 4};
  case Semiring::OrAnd:
    return {1, 1};
  }
  llvm_unreachable("unknown semiring");
}

/// Operations of a region's code: a function counts 15.
static double countOperations(Block &block) {
  double cost = 0;
  for (Operation &op : block.without_terminator()) {
    StringRef dialect = op.getName().getDialectNamespace();
    cost += dialect == "math" || dialect == "recur" ? 15 : 1;
  }
  return cost;
}

CpuKernels::CompositionCost
CpuKernels::getCompositionCost(StepEmitter &emitter, const Carrier &carrier) {
  CompositionCost cost;
  bool isUniform = emitter.isUniform(carrier);
  cost.numbers = carrier.size + (isUniform ? 0 : carrier.product.count());
  if (MonoidOp monoid = carrier.monoid) {
    cost.apply = countOperations(monoid.getCombine().front());
    return cost;
  }
  auto [sum, product] = getOperatorCosts(carrier.semiring);
  double terms = 0, composed = 0, entries = 0;
  for (unsigned i = 0; i < carrier.size; ++i)
    for (unsigned j = 0; j < carrier.size; ++j) {
      if (carrier.product(i, j) == algebra::Entry::Zero)
        continue;
      ++terms;
      if (carrier.product(i, j) != algebra::Entry::Any)
        continue;
      ++entries;
      for (unsigned k = 0; k < carrier.size; ++k)
        composed += carrier.product(i, k) != algebra::Entry::Zero &&
                    carrier.product(k, j) != algebra::Entry::Zero;
    }
  cost.apply = terms * (sum + product);
  if (!isUniform)
    cost.multiply = composed * product + (composed - entries) * sum;
  return cost;
}

/// Registers that a vector of all lanes takes.
double CpuKernels::getVectors() const {
  int64_t bits = 8 * getBytes(carriers.front().type) * width;
  StringRef target = schedule.getTarget();
  int64_t one = target == "x86-64-v4" ? 512 : target == "x86-64-v3" ? 256 : 128;
  return std::max(1.0, double(bits) / double(one));
}

/// Numbers of a step that vary over time, in memory.
double CpuKernels::countOverTime() {
  double count = 0;
  auto include = [&](AffineMap map) {
    if (!map.isFunctionOfDim(space.getTime()))
      return;
    double points = 1;
    for (unsigned dim : dims.inner)
      if (map.isFunctionOfDim(dim))
        points *= space.isStatic(dim) ? space.getSizes()[dim] : kUnknownPoints;
    count += points;
  };
  for (unsigned i = 0; i < scan.getInputs().size(); ++i)
    include(scan.getInputMap(i));
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal())
      include(getResultMap(i));
  return count;
}

/// Sets the nanoseconds that one step of an item computes, in a replay and in a
/// fold.
void CpuKernels::computeCosts(StepEmitter &emitter) {
  auto countPoints = [&](ArrayRef<unsigned> inner) {
    double points = 1;
    for (unsigned dim : inner)
      points *= space.isStatic(dim) ? space.getSizes()[dim] : kUnknownPoints;
    return points;
  };
  // Of a step that is not affine nobody needs the Jacobian here.
  Operation *yield = scan.getElements().front().getTerminator();
  SmallVector<Value> results;
  for (const Carrier &carrier : carriers)
    for (unsigned i = 0; i < carrier.size; ++i)
      if (int operand = carrier.getRestOperand(i);
          operand >= 0 && !carrier.isAffine)
        results.push_back(yield->getOperand(operand));
  llvm::DenseSet<Value> needed(results.begin(), results.end());
  for (Operation &op : llvm::reverse(*yield->getBlock()))
    if (llvm::any_of(op.getResults(),
                     [&](Value value) { return needed.contains(value); }))
      needed.insert(op.operand_begin(), op.operand_end());
  auto costOf = [&](Region &region) {
    double cost = 0;
    for (Operation &op : region.front().without_terminator()) {
      if (!scan.isAffine() && &region == &scan.getElements() &&
          !needed.contains(op.getResult(0)))
        continue;
      StringRef dialect = op.getName().getDialectNamespace();
      cost += (dialect == "math" || dialect == "recur" ? 5.0 : 0.3) *
              countPoints(getInnerList(emitter, op.getResult(0)));
    }
    return segmentLanes ? cost * getVectors() : timeLanes ? cost / width : cost;
  };
  foldCost = costOf(scan.getElements());
  stepCost = foldCost + costOf(scan.getReadout());
  if (!scan.isAffine()) {
    stepLatency = getStepLatency(scan, results, kNanosecondsOfArithmetic,
                                 kNanosecondsOfFunction);
    if (segmentLanes)
      stepCost += kNanosecondsOfLane * width * countOverTime();
    return;
  }
  llvm::SaveAndRestore sets(emitterSets, &emitter);
  if (timeLanes) {
    double composing = kNanosecondsPerOperation / width;
    if (canUseSquares(emitter)) {
      composing *= chooseComposing(emitter).cost;
    } else {
      double scanned = 0;
      for (auto [number, carrier] : llvm::enumerate(carriers)) {
        CompositionCost cost = getCompositionCost(emitter, carrier);
        scanned +=
            countPoints(innerDims[number]) *
            (cost.apply + llvm::Log2_64(width) *
                              (cost.apply + cost.multiply + cost.numbers));
      }
      composing *= scanned;
    }
    stepCost += composing;
    foldCost += composing;
    return;
  }
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    CompositionCost cost = getCompositionCost(emitter, carrier);
    double points = countPoints(innerDims[number]) * kNanosecondsPerOperation;
    // Decays that add in the exponent are one addition.
    bool adds = bool(getDecay(carrier).sum);
    stepCost += points * cost.apply;
    foldCost += points * (cost.apply + (adds ? 1 : cost.multiply));
  }
}
