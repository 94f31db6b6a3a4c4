//===-- StepLatency.cpp - what a step waits for ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The longest chain from the states before a step to those after it.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/StepLatency.h"

using namespace mlir;
using namespace recur;

double recur::getStepLatency(ScanLikeOpInterface scan, ValueRange results,
                             double arithmetic, double special) {
  DenseMap<Value, double> latest;
  MonoidOp monoid = getMonoidOp(scan);
  Block &step =
      monoid ? monoid.getCombine().front() : scan.getElements().front();
  // (what a monoid combines its states with is taken for a state)
  size_t firstState = monoid ? 0 : scan.getInputs().size();
  for (Operation &op : step.without_terminator()) {
    double begin = -1;
    for (Value operand : op.getOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      bool isState = argument && argument.getArgNumber() >= firstState;
      auto found = latest.find(operand);
      begin = std::max(begin, isState                 ? 0
                              : found == latest.end() ? -1
                                                      : found->second);
    }
    if (begin < 0)
      continue;
    auto known = dyn_cast<StepOpInterface>(op);
    OpCost cost = known ? known.getCost() : OpCost{1, 0};
    double end = begin + arithmetic * cost.arithmetic + special * cost.special;
    for (Value result : op.getResults())
      latest[result] = end;
  }
  double longest = 0;
  if (monoid)
    results = step.getTerminator()->getOperands();
  for (Value value : results)
    longest = std::max(longest, latest.lookup(value));
  return longest;
}
