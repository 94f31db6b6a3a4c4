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
#include "dialect/Transforms/StepParts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

namespace recur {
#define GEN_PASS_DEF_CLASSIFYPASS
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

namespace {

/// Builds the scan of one classified recurrence.
class ScanBuilder {
public:
  /// The scan is made where `recurrence` is, of what the analysis made of it.
  ScanBuilder(RecurrenceOp recurrence, Classification &found)
      : recurrence(*found.step), found(found), builder(recurrence),
        semiring(found.algebra.getSemiring()), parts(*found.step, builder) {}
  ScanOp build();

private:
  void buildElements(Region &region);
  void buildMembers(Region &region);

  RecurrenceOp recurrence;
  Classification &found;
  OpBuilder builder;
  Semiring semiring;
  StepParts parts;
};

} // namespace

void ScanBuilder::buildElements(Region &region) {
  Location loc = recurrence.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = parts.createBlock(region, /*copies=*/0);
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

  Value reset = parts.buildReset(*block);
  if (reset) {
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
      Value at = parts.buildStart(*block, state);
      bool isZero =
          StateAttr::getInitOperand(start) < 0 && isSemiringZero(semiring, at);
      // (of other factors a product with zero may be no number)
      if (isZero && matchPattern(values[i], m_Constant()))
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
  if (reset)
    values.push_back(reset);
  YieldOp::create(builder, loc, values);
}

/// The members of a step's element. Where the states start anew, it is combined
/// with the start and replaces what was before.
void ScanBuilder::buildMembers(Region &region) {
  Location loc = recurrence.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = parts.createBlock(region, /*copies=*/0);
  SliceCloner cloner(builder);
  for (auto [from, to] :
       llvm::zip((*found.step).getStep().getArguments(), block->getArguments()))
    cloner.map(from, to);
  SmallVector<Value> values;
  for (Value value : found.elements)
    values.push_back(cloner.clone(value));
  if (Value reset = parts.buildReset(*block)) {
    SmallVector<Value> starts;
    for (StateAttr state : recurrence.getStates().getAsRange<StateAttr>())
      starts.push_back(parts.buildStart(*block, state));
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

ScanOp ScanBuilder::build() {
  ArrayAttr blockDims;
  if (found.blockDims)
    blockDims =
        builder.getArrayAttr({found.blockDims->first, found.blockDims->second});
  auto scan = ScanOp::create(
      builder, recurrence.getLoc(), recurrence.getResultTypes(), found.algebra,
      parts.inputs, recurrence.getInits(), recurrence.getHistories(),
      recurrence.getSegments(), recurrence.getSpace(),
      builder.getArrayAttr(parts.maps), recurrence.getInitMaps(),
      recurrence.getHistoryMaps(), parts.histories, recurrence.getStates(),
      recurrence.getOutputs(), blockDims, /*schedules=*/ArrayAttr(),
      found.monoid ? FlatSymbolRefAttr::get(found.monoid.getSymNameAttr())
                   : FlatSymbolRefAttr(),
      found.prepends);
  if (found.monoid)
    buildMembers(scan.getElements());
  else
    buildElements(scan.getElements());
  parts.buildReadout(scan.getReadout(), scan.getReadLags(),
                     found.dependsOnState);
  SmallVector<std::string> removed = found.removed;
  RecurrenceOp step = *found.step;
  for (NamedAttribute guess : step.getGuesses().value_or(DictionaryAttr::get(
           builder.getContext())))
    removed.push_back("the guess of state '" + guess.getName().str() +
                      "': the step is affine, nothing iterates");
  setRemoved(scan, removed);
  return scan;
}

namespace {
struct ClassifyPass : recur::impl::ClassifyPassBase<ClassifyPass> {
  LogicalResult initialize(MLIRContext *context) override {
    patterns = getStepPatterns(context);
    return success();
  }

  void runOnOperation() override {
    if (failed(rewriteRecurrences(
            getOperation(), [&](RecurrenceOp op) { return rewrite(op); })))
      signalPassFailure();
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
    simplify(scan, patterns);
    remark::passed(scan.getLoc(),
                   remark::RemarkOpts::name("scan").category("recur-classify"))
        << (llvm::is_contained(found.dependsOnState, true)
                ? describe(found.algebra)
                : std::string("no recurrence: no new state depends on an "
                              "earlier one"));
    return success();
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
