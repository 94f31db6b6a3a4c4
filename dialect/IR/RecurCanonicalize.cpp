//===-- RecurCanonicalize.cpp - simpler forms of the ops ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Canonicalization of recurrences, reductions and renamings. Each pattern
/// saves work in kernels: an operand less to load, a loop less to run.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

//===----------------------------------------------------------------------===//
// Operands of recurrences
//===----------------------------------------------------------------------===//

/// The dims whose size `map`'s tensor gives: those it reads plainly, and time.
static SmallBitVector getBoundDims(AffineMap map, SpaceAttr space) {
  SmallBitVector dims(space.getRank());
  for (AffineExpr expr : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      dims.set(dim.getPosition());
  if (getTimeLag(map, space) >= 0)
    dims.set(space.getTime());
  return dims;
}

/// Whether every size that `map`'s tensor gives is known without it. `kind`
/// (0: inputs, 1: inits, 2: histories) and `number` say which operand it is of.
static bool isSizeKnownWithout(RecurrenceOpInterface op, unsigned kind,
                               unsigned number) {
  SpaceAttr space = op.getSpace();
  ArrayAttr groups[] = {op.getInputMaps(), op.getInitMaps(),
                        op.getHistoryMaps()};
  SmallBitVector needed, bound(space.getRank());
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    if (space.isStatic(dim) || int(dim) == space.getSegment())
      bound.set(dim);
  for (unsigned group = 0; group < 3; ++group)
    for (auto [i, map] : llvm::enumerate(groups[group])) {
      SmallBitVector dims =
          getBoundDims(cast<AffineMapAttr>(map).getValue(), space);
      if (group == kind && i == number)
        needed = dims;
      else
        bound |= dims;
    }
  needed.reset(bound);
  return needed.none();
}

static ArrayAttr without(ArrayAttr list, unsigned number) {
  SmallVector<Attribute> kept(list.begin(), list.end());
  kept.erase(kept.begin() + number);
  return ArrayAttr::get(list.getContext(), kept);
}

/// The guesses with the inputs behind `dropped` one less.
static void renumberGuesses(Operation *op, unsigned dropped) {
  auto guesses = op->getAttrOfType<DictionaryAttr>("guesses");
  if (!guesses)
    return;
  Builder builder(op->getContext());
  SmallVector<NamedAttribute> list;
  for (NamedAttribute guess : guesses) {
    int64_t input = cast<IntegerAttr>(guess.getValue()).getInt();
    list.push_back({guess.getName(), builder.getI64IntegerAttr(
                                         input - (input > dropped))});
  }
  op->setAttr("guesses", builder.getDictionaryAttr(list));
}

template <typename OpT> static bool isReset(OpT op, unsigned input) {
  if constexpr (std::is_same_v<OpT, RecurrenceOp>)
    return op.getHasReset() && input + 1 == op.getInputs().size();
  return false;
}

static bool isArgumentUsed(Operation *op, unsigned number) {
  return llvm::any_of(op->getRegions(), [&](Region &region) {
    return !region.getArgument(number).use_empty();
  });
}

namespace {
/// An input whose element no region uses is not loaded.
template <typename OpT> struct DropUnusedInput : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    for (unsigned i = 0; i < op.getInputs().size(); ++i) {
      auto recurrence = cast<RecurrenceOpInterface>(op.getOperation());
      if (isReset(op, i) || isArgumentUsed(op, i) || recurrence.isGuess(i) ||
          !isSizeKnownWithout(op, 0, i))
        continue;
      rewriter.modifyOpInPlace(op, [&]() {
        op.getInputsMutable().erase(i);
        op.setInputMapsAttr(without(op.getInputMaps(), i));
        SmallVector<int32_t> histories(op.getInputHistories());
        histories.erase(histories.begin() + i);
        op.setInputHistories(histories);
        renumberGuesses(op, i);
        for (Region &region : op->getRegions())
          region.eraseArgument(i);
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "every input is used");
  }
};

/// Two accesses of one tensor at the same indices are one.
template <typename OpT> struct MergeEqualInputs : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    for (unsigned i = 0; i < op.getInputs().size(); ++i)
      for (unsigned j = i + 1; j < op.getInputs().size(); ++j) {
        if (op.getInputs()[i] != op.getInputs()[j] ||
            op.getInputMaps()[i] != op.getInputMaps()[j] ||
            op.getInputHistories()[i] != op.getInputHistories()[j] ||
            !isArgumentUsed(op, j))
          continue;
        for (Region &region : op->getRegions())
          rewriter.replaceAllUsesWith(region.getArgument(j),
                                      region.getArgument(i));
        return success();
      }
    return rewriter.notifyMatchFailure(op, "no two inputs are equal");
  }
};

/// An init that no state starts at is dropped.
template <typename OpT> struct DropUnusedInit : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    SmallBitVector used(op.getInits().size());
    for (StateAttr state : op.getStates().template getAsRange<StateAttr>())
      for (Attribute start : state.getStarts())
        if (int init = StateAttr::getInitOperand(start); init >= 0)
          used.set(init);
    for (unsigned i = 0; i < op.getInits().size(); ++i) {
      if (used.test(i) || !isSizeKnownWithout(op, 1, i))
        continue;
      rewriter.modifyOpInPlace(op, [&]() {
        op.getInitsMutable().erase(i);
        op.setInitMapsAttr(without(op.getInitMaps(), i));
        op.setStatesAttr(renumber(op.getStates(), i));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "every init is used");
  }

private:
  /// The states with init numbers past `dropped` one less.
  static ArrayAttr renumber(ArrayAttr states, int dropped) {
    SmallVector<Attribute> list;
    for (StateAttr state : states.getAsRange<StateAttr>()) {
      SmallVector<Attribute> starts(state.getStarts());
      for (Attribute &start : starts)
        if (int init = StateAttr::getInitOperand(start); init > dropped)
          start =
              IntegerAttr::get(IndexType::get(states.getContext()), init - 1);
      list.push_back(StateAttr::get(states.getContext(), state.getName(),
                                    state.getDims(), state.getType(), starts));
    }
    return ArrayAttr::get(states.getContext(), list);
  }
};

/// A history that no input reads is dropped.
template <typename OpT> struct DropUnusedHistory : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    for (unsigned i = 0; i < op.getHistories().size(); ++i) {
      if (llvm::is_contained(op.getInputHistories(), int32_t(i)) ||
          !isSizeKnownWithout(op, 2, i))
        continue;
      rewriter.modifyOpInPlace(op, [&]() {
        op.getHistoriesMutable().erase(i);
        op.setHistoryMapsAttr(without(op.getHistoryMaps(), i));
        SmallVector<int32_t> histories(op.getInputHistories());
        for (int32_t &history : histories)
          history -= history > int32_t(i);
        op.setInputHistories(histories);
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "every history is read");
  }
};
} // namespace

template <typename OpT>
static void addOperandPatterns(RewritePatternSet &patterns) {
  patterns.add<DropUnusedInput<OpT>, MergeEqualInputs<OpT>, DropUnusedInit<OpT>,
               DropUnusedHistory<OpT>>(patterns.getContext());
}

void RecurrenceOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                               MLIRContext *) {
  addOperandPatterns<RecurrenceOp>(patterns);
}
void ScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *) {
  addOperandPatterns<ScanOp>(patterns);
}
void NewtonOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *) {
  addOperandPatterns<NewtonOp>(patterns);
}

//===----------------------------------------------------------------------===//
// reduce, at
//===----------------------------------------------------------------------===//

namespace {
/// sum over [i] of sum over [j] is one sum over [j, i]; so for all kinds.
struct MergeNestedReduce : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<ReduceOp>();
    if (!inner || inner.getKind() != op.getKind() || !inner->hasOneUse())
      return rewriter.notifyMatchFailure(op, "operand is no reduction of the "
                                             "same kind for this use alone");
    // The inner result does not vary over its dims: a sum over one of them
    // again counts its points.
    SmallVector<Attribute> dims(inner.getDims().begin(), inner.getDims().end());
    for (Attribute dim : op.getDims()) {
      if (llvm::is_contained(inner.getDims(), dim))
        return rewriter.notifyMatchFailure(op, "a dim is reduced twice");
      dims.push_back(dim);
    }
    rewriter.modifyOpInPlace(op, [&]() {
      op.setDimsAttr(rewriter.getArrayAttr(dims));
      op.getOperandMutable().assign(inner.getOperand());
    });
    return success();
  }
};

/// Two renamings, one after the other, are one.
struct MergeNestedAt : OpRewritePattern<AtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AtOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<AtOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a renaming");
    SmallVector<Attribute> from(inner.getFrom().begin(), inner.getFrom().end());
    SmallVector<Attribute> to(inner.getTo().begin(), inner.getTo().end());
    for (Attribute &position : to)
      for (auto [source, target] : llvm::zip(op.getFrom(), op.getTo()))
        if (source == position) {
          position = target;
          break;
        }
    for (auto [source, target] : llvm::zip(op.getFrom(), op.getTo()))
      if (!llvm::is_contained(inner.getFrom(), source)) {
        from.push_back(source);
        to.push_back(target);
      }
    rewriter.modifyOpInPlace(op, [&]() {
      op.setFromAttr(rewriter.getArrayAttr(from));
      op.setToAttr(rewriter.getArrayAttr(to));
      op.getOperandMutable().assign(inner.getOperand());
    });
    return success();
  }
};
} // namespace

void ReduceOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<MergeNestedReduce>(context);
}

void AtOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                       MLIRContext *context) {
  patterns.add<MergeNestedAt>(context);
}

/// Renaming every dim to itself changes nothing.
OpFoldResult AtOp::fold(FoldAdaptor) {
  return llvm::equal(getFrom(), getTo()) ? getOperand() : OpFoldResult();
}
