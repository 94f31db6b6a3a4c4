//===-- CpuCosts.cpp - what steps of the CPU kernels cost -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Rough counts of operations: for the choice of how steps are composed, and,
/// as nanoseconds, for the runtime's division of work.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuKernels.h"

#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace recur;

/// Of an operation on a vector, in chains that wait for some of their results:
/// the forward algorithm over 4 states takes 210 ns a step on a Xeon.
static constexpr double kNanosecondsPerOperation = 0.25;

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

/// Sets the nanoseconds that one step of an item computes, in a replay and in a
/// fold.
void CpuKernels::computeCosts(StepEmitter &emitter) {
  auto countPoints = [&](ArrayRef<unsigned> inner) {
    double points = 1;
    for (unsigned dim : inner)
      points *= space.isStatic(dim) ? space.getSizes()[dim] : kUnknownPoints;
    return points;
  };
  auto costOf = [&](Region &region) {
    double cost = 0;
    for (Operation &op : region.front().without_terminator()) {
      StringRef dialect = op.getName().getDialectNamespace();
      cost += (dialect == "math" || dialect == "recur" ? 5.0 : 0.3) *
              countPoints(getInnerList(emitter, op.getResult(0)));
    }
    return timeLanes ? cost / width : cost;
  };
  foldCost = costOf(scan.getElements());
  stepCost = foldCost + costOf(scan.getReadout());
  if (!scan.isAffine())
    return;
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
