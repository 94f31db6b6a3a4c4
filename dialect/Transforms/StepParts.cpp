//===-- StepParts.cpp - a step taken apart --------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Inputs, resets and readouts of scans and newtons.
//===----------------------------------------------------------------------===//

#include "dialect/Transforms/StepParts.h"

#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace recur;

Value SliceCloner::clone(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    clone(operand);
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

StepParts::StepParts(RecurrenceOp step, OpBuilder &builder)
    : step(step), builder(builder) {
  llvm::append_range(inputs, step.getInputs());
  llvm::append_range(maps, step.getInputMaps());
  llvm::append_range(histories, step.getInputHistories());
  initInputs.assign(step.getInits().size(), -1);
  if (!step.getHasReset())
    return;
  for (StateAttr state : step.getStates().getAsRange<StateAttr>())
    if (int init = StateAttr::getInitOperand(state.getStart(1));
        init >= 0 && initInputs[init] < 0) {
      initInputs[init] = inputs.size();
      inputs.push_back(step.getInits()[init]);
      maps.push_back(step.getInitMaps()[init]);
      histories.push_back(-1);
    }
}

Block *StepParts::createBlock(Region &region, unsigned copies) {
  Block *block = builder.createBlock(&region);
  for (Value input : inputs)
    block->addArgument(getElementTypeOrSelf(input), step.getLoc());
  for (StateAttr state : step.getStates().getAsRange<StateAttr>())
    for (unsigned copy = 0; copy < copies; ++copy)
      block->addArgument(state.getType(), step.getLoc());
  return block;
}

Value StepParts::buildStart(Block &block, StateAttr state) {
  Attribute start = state.getStart(1);
  if (int init = StateAttr::getInitOperand(start); init >= 0)
    return block.getArgument(initInputs[init]);
  return buildLiteral(builder, step.getLoc(), state.getType(), start);
}

Value StepParts::buildReset(Block &block) {
  if (!step.getHasReset())
    return {};
  return buildIsNonzero(builder, step.getLoc(),
                        block.getArgument(step.getInputs().size() - 1));
}

void StepParts::mapLeaves(
    SliceCloner &cloner, Block &block,
    llvm::function_ref<Value(unsigned, unsigned)> getArgument) {
  for (auto [from, to] :
       llvm::zip(step.getStep().getArguments(), block.getArguments()))
    cloner.map(from, to);
  Value reset = buildReset(block);
  DenseMap<std::pair<unsigned, unsigned>, Value> before;
  step.getStep().walk([&](PrevOp prev) {
    unsigned number = step.findState(prev.getState());
    StateAttr state = step.getState(number);
    Value &value = before[{number, unsigned(prev.getLag())}];
    if (!value) {
      value = getArgument(number, prev.getLag());
      if (reset)
        value = builder.createOrFold<arith::SelectOp>(
            step.getLoc(), reset, buildStart(block, state), value);
    }
    // Other indices than the state's own.
    Value read = value;
    if (std::optional<ArrayAttr> indices = prev.getIndices()) {
      SmallVector<Attribute> from, to;
      for (auto [own, index] : llvm::zip(state.getDims(), *indices))
        if (own != index) {
          from.push_back(own);
          to.push_back(index);
        }
      if (!from.empty())
        read =
            AtOp::create(builder, prev.getLoc(), value.getType(), value,
                         builder.getArrayAttr(from), builder.getArrayAttr(to));
    }
    cloner.map(prev, read);
  });
}

void StepParts::buildReadout(Region &region, unsigned lags,
                             ArrayRef<bool> isRead) {
  OpBuilder::InsertionGuard guard(builder);
  Block *block = createBlock(region, lags + 1);
  auto getArgument = [&](unsigned state, unsigned lag) -> Value {
    unsigned first = inputs.size() + state * (lags + 1);
    return block->getArgument(first + (lag == 0 ? lags : lag - 1));
  };
  Operation *yield = step.getStep().front().getTerminator();
  SliceCloner cloner(builder);
  mapLeaves(cloner, *block, getArgument);
  for (unsigned i = 0, e = step.getNumStates(); i < e; ++i)
    if (Value update = yield->getOperand(i);
        update.getDefiningOp() && !update.getDefiningOp<PrevOp>() && isRead[i])
      cloner.map(update, getArgument(i, 0));

  SmallVector<Value> values;
  for (Value value : yield->getOperands().drop_front(step.getNumStates()))
    values.push_back(cloner.clone(value));
  YieldOp::create(builder, step.getLoc(), values);
}

FrozenRewritePatternSet recur::getStepPatterns(MLIRContext *context) {
  RewritePatternSet set(context);
  for (StringRef dialect : {"arith", "math", "complex", "recur"})
    for (RegisteredOperationName op :
         context->getRegisteredOperationsByDialect(dialect))
      op.getCanonicalizationPatterns(set, context);
  return set;
}

void recur::simplify(ScanLikeOpInterface op,
                     const FrozenRewritePatternSet &patterns) {
  for (Region *region : {&op.getElements(), &op.getReadout()})
    (void)applyPatternsGreedily(*region, patterns);
  IRRewriter rewriter(op);
  DominanceInfo dominance(op);
  eliminateCommonSubExpressions(rewriter, dominance, op);
}

LogicalResult recur::rewriteRecurrences(
    Operation *op, llvm::function_ref<LogicalResult(RecurrenceOp)> rewrite) {
  SmallVector<RecurrenceOp> recurrences;
  op->walk([&](RecurrenceOp recurrence) { recurrences.push_back(recurrence); });
  for (RecurrenceOp recurrence : recurrences)
    if (failed(rewrite(recurrence)))
      return failure();
  return success();
}
