//===-- Economy.cpp - states that need not be -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A recurrence of which all states go becomes no recurrence at all.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Economy.h"

#include "compiler/Analysis/Expressions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

namespace {

class StateRemover {
public:
  explicit StateRemover(RecurrenceOp step)
      : step(step), yield(step.getStep().front().getTerminator()) {}

  bool removeTwin(unsigned state);
  bool readInput(unsigned state);
  bool removeUnread(unsigned state);
  SmallVector<std::string> takeNotes() { return std::move(notes); }

private:
  std::string getName(unsigned state) {
    return step.getState(state).getName().getValue().str();
  }
  bool isFinal(unsigned state) {
    return llvm::any_of(
        step.getOutputs().getAsRange<ResultAttr>(), [&](ResultAttr output) {
          return output.getFinalState() == step.getState(state).getName();
        });
  }
  SmallVector<PrevOp> getReads(unsigned state) {
    SmallVector<PrevOp> reads;
    for (PrevOp prev : step.getStep().getOps<PrevOp>())
      if (prev.getState() == getName(state))
        reads.push_back(prev);
    return reads;
  }
  std::optional<unsigned> getHistory(unsigned input, StateAttr state,
                                     int64_t lag);
  BlockArgument addInput(unsigned input, int64_t lag, int32_t history);
  void erase(unsigned state);

  RecurrenceOp step;
  Operation *yield;
  SmallVector<std::string> notes;
};

} // namespace

/// The guesses with that of state `from` as that of `to`, or without it.
static void moveGuess(RecurrenceOp step, StringRef from, StringRef to = {}) {
  NamedAttrList guesses(step.getGuessesAttr());
  Attribute guess = guesses.erase(from);
  if (!guess)
    return;
  if (!to.empty() && !guesses.get(to))
    guesses.set(to, guess);
  step.setGuessesAttr(guesses.getDictionary(step.getContext()));
}

void StateRemover::erase(unsigned state) {
  moveGuess(step, getName(state));
  SmallVector<Attribute> states(step.getStates().begin(),
                                step.getStates().end());
  states.erase(states.begin() + state);
  step.setStatesAttr(ArrayAttr::get(step.getContext(), states));
  yield->eraseOperand(state);
}

/// An earlier state that starts equal and moves on equal.
bool StateRemover::removeTwin(unsigned state) {
  StateAttr attr = step.getState(state);
  for (unsigned other = 0; other < state; ++other) {
    StateAttr twin = step.getState(other);
    if (yield->getOperand(other) != yield->getOperand(state) ||
        twin.getDims() != attr.getDims() || twin.getType() != attr.getType() ||
        twin.getStarts() != attr.getStarts())
      continue;
    for (PrevOp prev : getReads(state))
      prev.setState(twin.getName().getValue());
    SmallVector<Attribute> outputs;
    for (auto output : step.getOutputs().getAsRange<ResultAttr>())
      outputs.push_back(output.getFinalState() == attr.getName()
                            ? ResultAttr::get(step.getContext(),
                                              output.getName(),
                                              output.getDims(), twin.getName(),
                                              output.getLag())
                            : output);
    step.setOutputsAttr(ArrayAttr::get(step.getContext(), outputs));
    moveGuess(step, getName(state), getName(other));
    notes.push_back("state '" + getName(state) + "' always equals state '" +
                    getName(other) + "'");
    erase(state);
    return true;
  }
  return false;
}

/// What the input is before the start, if that is where the state starts: -1
/// (zero) or the number of a history, which is added.
std::optional<unsigned> StateRemover::getHistory(unsigned input,
                                                 StateAttr state, int64_t lag) {
  Attribute start = state.getStart(lag);
  int init = StateAttr::getInitOperand(start);
  if (init < 0) {
    auto zero = dyn_cast<FloatAttr>(start);
    if (zero && zero.getValue().isPosZero())
      return -1;
    return std::nullopt;
  }
  // A history without the index of time holds one step.
  AffineMap map = step.getInputMap(input), before = step.getInitMap(init);
  SmallVector<AffineExpr> others;
  for (AffineExpr expr : map.getResults())
    if (!expr.isFunctionOfDim(step.getSpace().getTime()))
      others.push_back(expr);
  if (lag != 1 || step.getSegments() ||
      before.getResults() != ArrayRef(others) ||
      getElementTypeOrSelf(step.getInits()[init]) !=
          getElementTypeOrSelf(step.getInputs()[input]))
    return std::nullopt;
  Value tensor = step.getInits()[init];
  step.getHistoriesMutable().append(tensor);
  SmallVector<Attribute> maps(step.getHistoryMaps().begin(),
                              step.getHistoryMaps().end());
  maps.push_back(AffineMapAttr::get(before));
  step.setHistoryMapsAttr(ArrayAttr::get(step.getContext(), maps));
  return maps.size() - 1;
}

BlockArgument StateRemover::addInput(unsigned input, int64_t lag,
                                     int32_t history) {
  SpaceAttr space = step.getSpace();
  AffineExpr time = getAffineDimExpr(space.getTime(), step.getContext());
  AffineMap map =
      step.getInputMap(input).replace({{time, time - lag}}, space.getRank(), 0);
  SmallVector<Attribute> maps(step.getInputMaps().begin(),
                              step.getInputMaps().end());
  SmallVector<int32_t> histories(step.getInputHistories());
  maps.push_back(AffineMapAttr::get(map));
  histories.push_back(history);
  Value tensor = step.getInputs()[input];
  step.getInputsMutable().append(tensor);
  step.setInputMapsAttr(ArrayAttr::get(step.getContext(), maps));
  step.setInputHistories(histories);
  return step.getStep().front().addArgument(getElementTypeOrSelf(tensor),
                                            step.getLoc());
}

/// The new state is an input, so that the state of earlier steps is the input
/// of those.
bool StateRemover::readInput(unsigned state) {
  if (step.getHasReset() || isFinal(state))
    return false;
  StateAttr attr = step.getState(state);
  Value value = yield->getOperand(state);
  auto widened = value.getDefiningOp<arith::ExtFOp>();
  auto argument =
      dyn_cast<BlockArgument>(widened ? widened.getOperand() : value);
  if (!argument)
    return false;
  unsigned input = argument.getArgNumber();
  SpaceAttr space = step.getSpace();
  llvm::SmallBitVector dims = getStateDims(attr, space);
  dims.set(space.getTime());
  AffineMap map = step.getInputMap(input);
  if (step.getInputLag(input) != 0 || getMapDims(map, space) != dims)
    return false;
  SmallVector<PrevOp> reads = getReads(state);
  if (reads.empty())
    return false;
  SmallVector<int32_t> histories;
  for (PrevOp prev : reads)
    if (prev.getIndices())
      return false;
  for (PrevOp prev : reads) {
    if (widened && StateAttr::getInitOperand(attr.getStart(prev.getLag())) >= 0)
      return false;
    std::optional<unsigned> history = getHistory(input, attr, prev.getLag());
    if (!history)
      return false;
    histories.push_back(*history);
  }
  for (auto [prev, history] : llvm::zip(reads, histories)) {
    OpBuilder builder(prev);
    Value past = addInput(input, prev.getLag(), history);
    if (widened)
      past =
          arith::ExtFOp::create(builder, prev.getLoc(), prev.getType(), past);
    prev.getResult().replaceAllUsesWith(past);
    prev.erase();
  }
  notes.push_back("state '" + getName(state) + "' is only " +
                  recur::getName(step, step.getInputs()[input]) +
                  " of earlier steps, which is read there");
  erase(state);
  return true;
}

bool StateRemover::removeUnread(unsigned state) {
  if (isFinal(state) || !getReads(state).empty())
    return false;
  notes.push_back("state '" + getName(state) + "' is read by no later step");
  erase(state);
  return true;
}

bool recur::mayRemoveStates(RecurrenceOp step) {
  Operation *yield = step.getStep().front().getTerminator();
  llvm::StringSet<> read;
  for (PrevOp prev : step.getStep().getOps<PrevOp>())
    read.insert(prev.getState());
  llvm::SmallPtrSet<Value, 4> values;
  for (unsigned i = 0; i < step.getNumStates(); ++i) {
    Value value = yield->getOperand(i);
    if (!read.contains(step.getState(i).getName().getValue()) ||
        !values.insert(value).second || isa<BlockArgument>(value) ||
        isa_and_present<arith::ExtFOp>(value.getDefiningOp()))
      return true;
  }
  return false;
}

void recur::setRemoved(Operation *op, ArrayRef<std::string> texts) {
  if (!texts.empty())
    op->setAttr(kRemovedAttr, Builder(op->getContext())
                                  .getStrArrayAttr(SmallVector<StringRef>(
                                      texts.begin(), texts.end())));
}

SmallVector<std::string> recur::removeStates(RecurrenceOp step) {
  StateRemover remover(step);
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = 0; i < step.getNumStates() && !changed; ++i)
      changed = remover.removeTwin(i) || remover.readInput(i) ||
                remover.removeUnread(i);
  }
  return remover.takeNotes();
}

/// Whether a value is never below 0 (1), never above (-1) or neither is known.
static int getSign(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return 0;
  FloatAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant.getValue().isNegative() ? -1 : 1;
  if (isa<math::ExpOp, math::AbsFOp, SoftplusOp, SigmoidOp>(op))
    return 1;
  if (isa<arith::NegFOp>(op))
    return -getSign(op->getOperand(0));
  if (isa<arith::ExtFOp>(op))
    return getSign(op->getOperand(0));
  if (isa<arith::MulFOp, arith::DivFOp>(op))
    return getSign(op->getOperand(0)) * getSign(op->getOperand(1));
  if (isa<arith::AddFOp>(op)) {
    int first = getSign(op->getOperand(0));
    return first == getSign(op->getOperand(1)) ? first : 0;
  }
  return 0;
}

Decay recur::getDecay(Value decay, unsigned time, const SmallBitVector &shared,
                      llvm::function_ref<SmallBitVector(Value)> getDims) {
  auto power = decay.getDefiningOp<math::ExpOp>();
  if (!power || !isa<FloatType>(decay.getType()))
    return {};
  // Sums of one sign: where exponents cancel, the sum's error is that of the
  // largest part of it, and products of decays are better.
  Value exponent = power.getOperand();
  auto product = exponent.getDefiningOp<arith::MulFOp>();
  for (unsigned i = 0; product && i < 2 && !shared.all(); ++i) {
    Value sum = product->getOperand(i), rate = product->getOperand(1 - i);
    if (!getDims(sum).test(shared) && !getDims(rate).test(time) &&
        getSign(sum) != 0)
      return {sum, rate};
  }
  if (getSign(exponent) >= 0)
    return {};
  return {exponent, {}};
}
