//===-- Classify.cpp - recurrences into scans -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-classify: rewrites recurrences that are affine over an algebra into
/// scans.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Economy.h"
#include "compiler/Analysis/Structure.h"
#include "dialect/IR/Monoids.h"
#include "dialect/IR/Scalars.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace recur {
#define GEN_PASS_DEF_CLASSIFYPASS
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

namespace {

/// Copies values of one region into another, with all that they need.
class SliceCloner {
public:
  SliceCloner(OpBuilder &builder) : builder(builder) {}
  void map(Value from, Value to) { mapping.map(from, to); }
  Value clone(Value value) {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      clone(operand);
    builder.clone(*op, mapping);
    return mapping.lookup(value);
  }

private:
  OpBuilder &builder;
  IRMapping mapping;
};

/// Builds the scan of one classified recurrence.
class ScanBuilder {
public:
  /// The scan is made where `recurrence` is, of what the analysis made of it.
  ScanBuilder(RecurrenceOp recurrence, Classification &found)
      : recurrence(*found.step), found(found), builder(recurrence),
        semiring(found.algebra.getSemiring()) {}
  ScanOp build();

private:
  void gatherInputs();
  void buildElements(Region &region);
  void buildMembers(Region &region);
  void buildReadout(Region &region, unsigned lags);
  Value buildStart(Region &region, StateAttr state);

  RecurrenceOp recurrence;
  Classification &found;
  OpBuilder builder;
  Semiring semiring;
  SmallVector<Value> inputs;
  SmallVector<Attribute> maps;
  SmallVector<int32_t> histories;
  /// For each init the number of the input it became, or -1.
  SmallVector<int> initInputs;
};

} // namespace

/// A reset needs the start values at every step, so their tensors are read as
/// inputs too.
void ScanBuilder::gatherInputs() {
  llvm::append_range(inputs, recurrence.getInputs());
  llvm::append_range(maps, recurrence.getInputMaps());
  llvm::append_range(histories, recurrence.getInputHistories());
  initInputs.assign(recurrence.getInits().size(), -1);
  if (!recurrence.getHasReset())
    return;
  for (StateAttr state : recurrence.getStates().getAsRange<StateAttr>())
    if (int init = StateAttr::getInitOperand(state.getStart(1));
        init >= 0 && initInputs[init] < 0) {
      initInputs[init] = inputs.size();
      inputs.push_back(recurrence.getInits()[init]);
      maps.push_back(recurrence.getInitMaps()[init]);
      histories.push_back(-1);
    }
}

/// The start of `state` inside `region`.
Value ScanBuilder::buildStart(Region &region, StateAttr state) {
  Attribute start = state.getStart(1);
  if (int init = StateAttr::getInitOperand(start); init >= 0)
    return region.getArgument(initInputs[init]);
  return buildLiteral(builder, recurrence.getLoc(), state.getType(), start);
}

void ScanBuilder::buildElements(Region &region) {
  Location loc = recurrence.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&region);
  for (Value input : inputs)
    block->addArgument(getElementTypeOrSelf(input), loc);
  RecurrenceOp step = *found.step;
  SliceCloner cloner(builder);
  for (auto [from, to] :
       llvm::zip(step.getStep().getArguments(), block->getArguments()))
    cloner.map(from, to);

  unsigned count = recurrence.getNumStates();
  unsigned perState = count ? found.elements.size() / count : 0;
  bool block2d = found.algebra.getStructure() == Structure::Block && count > 1;
  // Elements of a block of k states are ordered a_11 ... a_kk, b_1 ... b_k.
  auto isRest = [&](unsigned i) {
    return block2d ? i >= count * count : i % perState == perState - 1;
  };
  auto getRow = [&](unsigned i) {
    return block2d ? (isRest(i) ? i - count * count : i / count) : i / perState;
  };
  SmallVector<Value> values;
  for (Value value : found.elements)
    values.push_back(value ? cloner.clone(value) : Value());

  if (recurrence.getHasReset()) {
    Value reset = buildIsNonzero(
        builder, loc, block->getArgument(recurrence.getInputs().size() - 1));
    auto zero = [&](Type type) {
      return buildSemiringZero(builder, loc, semiring, type);
    };
    // b' = a (x) start (+) b, with one product for each column.
    SmallVector<Value> restarted(values);
    for (unsigned i = 0; i < values.size(); ++i) {
      if (isRest(i) || !values[i])
        continue;
      unsigned row = getRow(i);
      unsigned column = block2d ? i % count : row;
      unsigned rest =
          block2d ? count * count + row : row * perState + perState - 1;
      StateAttr state = recurrence.getState(column);
      Attribute start = state.getStart(1);
      Value at = buildStart(region, state);
      bool isZero =
          StateAttr::getInitOperand(start) < 0 && isSemiringZero(semiring, at);
      if (isZero)
        continue;
      // The start varies over the rows of a dim pair; the sum runs over
      // columns.
      if (found.blockDims)
        at = AtOp::create(builder, loc, at.getType(), at,
                          builder.getArrayAttr(found.blockDims->first),
                          builder.getArrayAttr(found.blockDims->second));
      Value from = buildSemiringProduct(builder, loc, semiring, values[i], at);
      if (found.blockDims)
        from = buildSemiringReduction(builder, loc, semiring, from,
                                      found.blockDims->second);
      restarted[rest] =
          buildSemiringSum(builder, loc, semiring, from, restarted[rest]);
    }
    for (unsigned i = 0; i < values.size(); ++i) {
      Value kept = values[i];
      Value now = isRest(i) ? restarted[i] : Value();
      if (kept == now)
        continue;
      Type type = recurrence.getState(getRow(i)).getType();
      values[i] = builder.createOrFold<arith::SelectOp>(
          loc, reset, now ? now : zero(type), kept ? kept : zero(type));
    }
  }
  for (unsigned i = 0; i < values.size(); ++i)
    if (!values[i])
      values[i] = buildSemiringZero(builder, loc, semiring,
                                    recurrence.getState(getRow(i)).getType());
  YieldOp::create(builder, loc, values);
}

/// The members of a step's element. Where the states start anew, it is combined
/// with the start and replaces what was before.
void ScanBuilder::buildMembers(Region &region) {
  Location loc = recurrence.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&region);
  for (Value input : inputs)
    block->addArgument(getElementTypeOrSelf(input), loc);
  SliceCloner cloner(builder);
  for (auto [from, to] :
       llvm::zip((*found.step).getStep().getArguments(), block->getArguments()))
    cloner.map(from, to);
  SmallVector<Value> values;
  for (Value value : found.elements)
    values.push_back(cloner.clone(value));
  if (recurrence.getHasReset()) {
    Value reset = buildIsNonzero(
        builder, loc, block->getArgument(recurrence.getInputs().size() - 1));
    SmallVector<Value> starts;
    for (StateAttr state : recurrence.getStates().getAsRange<StateAttr>())
      starts.push_back(buildStart(region, state));
    SmallVector<Value> anew =
        found.prepends
            ? buildCombination(builder, found.monoid, values, starts)
            : buildCombination(builder, found.monoid, starts, values);
    for (auto [value, other] : llvm::zip(values, anew))
      value = arith::SelectOp::create(builder, loc, reset, other, value);
    Type type = found.monoid.getType();
    values.push_back(arith::SelectOp::create(
        builder, loc, reset, buildConstant(builder, loc, type, 0),
        buildConstant(builder, loc, type, 1)));
  }
  YieldOp::create(builder, loc, values);
}

/// `lags` earlier values of each state are arguments.
void ScanBuilder::buildReadout(Region &region, unsigned lags) {
  Location loc = recurrence.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&region);
  for (Value input : inputs)
    block->addArgument(getElementTypeOrSelf(input), loc);
  for (StateAttr state : recurrence.getStates().getAsRange<StateAttr>())
    for (unsigned copy = 0; copy < lags + 1; ++copy)
      block->addArgument(state.getType(), loc);
  auto getArgument = [&](unsigned state, unsigned lag) -> Value {
    unsigned first = inputs.size() + state * (lags + 1);
    return block->getArgument(first + (lag == 0 ? lags : lag - 1));
  };

  RecurrenceOp step = *found.step;
  Operation *yield = step.getStep().front().getTerminator();
  SliceCloner cloner(builder);
  for (auto [from, to] :
       llvm::zip(step.getStep().getArguments(), block->getArguments()))
    cloner.map(from, to);

  // The states of earlier steps, as a reset leaves them.
  Value reset;
  if (recurrence.getHasReset())
    reset = buildIsNonzero(
        builder, loc, block->getArgument(recurrence.getInputs().size() - 1));
  DenseMap<std::pair<unsigned, unsigned>, Value> before;
  step.getStep().walk([&](PrevOp prev) {
    unsigned number = step.findState(prev.getState());
    StateAttr state = step.getState(number);
    Value &value = before[{number, unsigned(prev.getLag())}];
    if (!value) {
      value = getArgument(number, prev.getLag());
      if (reset)
        value = builder.createOrFold<arith::SelectOp>(
            loc, reset, buildStart(region, state), value);
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
  // A new state that depends on earlier ones is read, not computed again.
  for (unsigned i = 0, e = step.getNumStates(); i < e; ++i)
    if (Value update = yield->getOperand(i); update.getDefiningOp() &&
                                             !update.getDefiningOp<PrevOp>() &&
                                             found.dependsOnState[i])
      cloner.map(update, getArgument(i, 0));

  SmallVector<Value> values;
  for (Value value : yield->getOperands().drop_front(step.getNumStates()))
    values.push_back(cloner.clone(value));
  YieldOp::create(builder, loc, values);
}

ScanOp ScanBuilder::build() {
  gatherInputs();
  ArrayAttr blockDims;
  if (found.blockDims)
    blockDims =
        builder.getArrayAttr({found.blockDims->first, found.blockDims->second});
  auto scan = ScanOp::create(
      builder, recurrence.getLoc(), recurrence.getResultTypes(), found.algebra,
      inputs, recurrence.getInits(), recurrence.getHistories(),
      recurrence.getSegments(), recurrence.getSpace(),
      builder.getArrayAttr(maps), recurrence.getInitMaps(),
      recurrence.getHistoryMaps(), histories, recurrence.getStates(),
      recurrence.getOutputs(), blockDims, /*schedules=*/ArrayAttr(),
      found.monoid ? FlatSymbolRefAttr::get(found.monoid.getSymNameAttr())
                   : FlatSymbolRefAttr(),
      found.prepends);
  if (found.monoid)
    buildMembers(scan.getElements());
  else
    buildElements(scan.getElements());
  buildReadout(scan.getReadout(), scan.getReadLags());
  if (!found.removed.empty())
    scan->setAttr(kRemovedAttr,
                  builder.getStrArrayAttr(SmallVector<StringRef>(
                      found.removed.begin(), found.removed.end())));
  return scan;
}

namespace {
struct ClassifyPass : recur::impl::ClassifyPassBase<ClassifyPass> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    for (StringRef dialect : {"arith", "math", "complex", "recur"})
      for (RegisteredOperationName op :
           context->getRegisteredOperationsByDialect(dialect))
        op.getCanonicalizationPatterns(set, context);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    SmallVector<RecurrenceOp> recurrences;
    getOperation()->walk([&](RecurrenceOp op) { recurrences.push_back(op); });
    for (RecurrenceOp recurrence : recurrences)
      if (failed(rewrite(recurrence)))
        return signalPassFailure();
  }

private:
  LogicalResult rewrite(RecurrenceOp recurrence) {
    Classification found = classify(recurrence);
    if (found.refusal) {
      remark::missed(
          found.refusal->loc,
          remark::RemarkOpts::name("no scan").category("recur-classify"))
          << found.refusal->message;
      return success();
    }
    ScanOp scan = ScanBuilder(recurrence, found).build();
    recurrence->replaceAllUsesWith(scan->getResults());
    recurrence->erase();
    simplify(scan);
    remark::passed(scan.getLoc(),
                   remark::RemarkOpts::name("scan").category("recur-classify"))
        << (llvm::is_contained(found.dependsOnState, true)
                ? describe(found.algebra)
                : std::string("no recurrence: no new state depends on an "
                              "earlier one"));
    return success();
  }

  /// Folds, drops dead code and merges equal values.
  void simplify(ScanOp scan) {
    for (Region *region : {&scan.getElements(), &scan.getReadout()})
      (void)applyPatternsGreedily(*region, patterns);
    IRRewriter rewriter(scan);
    DominanceInfo dominance(scan);
    eliminateCommonSubExpressions(rewriter, dominance, scan);
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
