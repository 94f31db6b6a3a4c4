//===-- Linearize.cpp - recurrences into Newton's form --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-linearize: rewrites recurrences that are not affine into newtons.
//===----------------------------------------------------------------------===//

#include "dialect/Transforms/Linearize.h"

#include "compiler/Analysis/Economy.h"
#include "compiler/Analysis/Jacobian.h"
#include "dialect/IR/Scalars.h"
#include "dialect/Transforms/Passes.h"
#include "dialect/Transforms/StepParts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

namespace recur {
#define GEN_PASS_DEF_LINEARIZEPASS
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

/// What the elements yield: J and f in the places that a scan has for a and b.
static SmallVector<Value> arrange(const Jacobian &jacobian,
                                  ArrayRef<Value> updates) {
  SmallVector<Value> values;
  unsigned count = updates.size();
  if (jacobian.structure.getStructure() == Structure::Block &&
      !jacobian.blockDims) {
    values.assign(jacobian.entries.begin(), jacobian.entries.end());
    values.append(updates.begin(), updates.end());
    return values;
  }
  for (unsigned i = 0; i < count; ++i) {
    values.push_back(jacobian.entries[i]);
    values.push_back(updates[i]);
  }
  return values;
}

static bool hasF32(RecurrenceOp recurrence) {
  return llvm::any_of(recurrence.getStates().getAsRange<StateAttr>(),
                      [](StateAttr state) { return state.getType().isF32(); });
}

double recur::getResolution(RecurrenceOp recurrence) {
  return std::ldexp(1.0, hasF32(recurrence) ? -23 : -52);
}

double recur::getDefaultTolerance(RecurrenceOp recurrence) {
  return hasF32(recurrence) ? 1e-5 : 1e-10;
}

Linearization recur::linearize(RecurrenceOp recurrence, double tolerance,
                               int64_t maxIterations) {
  OwningOpRef<RecurrenceOp> spread(cast<RecurrenceOp>(recurrence->clone()));
  RecurrenceOp step = *spread;
  SmallVector<std::string> removed;
  if (mayRemoveStates(step))
    removed = removeStates(step);
  if (hasLags(step))
    spreadLags(step);

  OpBuilder builder(recurrence);
  StepParts parts(step, builder);
  auto diagonal = AlgebraAttr::get(builder.getContext(), Structure::Diagonal, 1,
                                   Semiring::PlusTimes);
  auto newton = NewtonOp::create(
      builder, recurrence.getLoc(), recurrence.getResultTypes(), diagonal,
      parts.inputs, step.getInits(), step.getHistories(), step.getSegments(),
      step.getSpace(), builder.getArrayAttr(parts.maps), step.getInitMaps(),
      step.getHistoryMaps(), parts.histories, step.getStates(),
      step.getOutputs(), /*blockDims=*/ArrayAttr(), APFloat(tolerance),
      maxIterations, step.getGuessesAttr(), /*schedules=*/ArrayAttr());

  Block *block = parts.createBlock(newton.getElements(), /*copies=*/1);
  SliceCloner cloner(builder);
  parts.mapLeaves(cloner, *block, [&](unsigned state, unsigned) -> Value {
    return block->getArgument(parts.inputs.size() + state);
  });
  Operation *yield = step.getStep().front().getTerminator();
  SmallVector<Value> updates;
  for (unsigned i = 0; i < step.getNumStates(); ++i)
    updates.push_back(cloner.clone(yield->getOperand(i)));
  Jacobian jacobian = differentiate(newton, *block, updates);
  if (jacobian.refusal) {
    newton.erase();
    return {{}, jacobian.refusal};
  }
  newton.setJacobianAttr(jacobian.structure);
  if (jacobian.blockDims)
    newton.setBlockDimsAttr(builder.getArrayAttr(
        {jacobian.blockDims->first, jacobian.blockDims->second}));
  builder.setInsertionPointToEnd(block);
  for (auto [i, entry] : llvm::enumerate(jacobian.entries))
    if (!entry)
      entry = buildConstant(builder, newton.getLoc(),
                            updates[i < updates.size() ? i : 0].getType(), 0);
  YieldOp::create(builder, newton.getLoc(), arrange(jacobian, updates));
  builder.setInsertionPoint(recurrence);
  parts.buildReadout(newton.getReadout(), /*lags=*/1,
                     SmallVector<bool>(updates.size(), true));
  setRemoved(newton, removed);
  return {newton, std::nullopt};
}

namespace {
struct LinearizePass : recur::impl::LinearizePassBase<LinearizePass> {
  using LinearizePassBase::LinearizePassBase;

  void runOnOperation() override {
    if (failed(rewriteRecurrences(
            getOperation(), [&](RecurrenceOp op) { return rewrite(op); })))
      signalPassFailure();
  }

private:
  LogicalResult rewrite(RecurrenceOp recurrence) {
    if (!classify(recurrence).isNonlinear)
      return success();
    double resolution = getResolution(recurrence);
    if (tolerance != 0 && !(tolerance >= resolution))
      return recurrence.emitError()
             << "expected a tolerance of at least "
             << llvm::formatv("{0:e2}", resolution).str()
             << ", the resolution of " << (resolution > 1e-10 ? "f32" : "f64")
             << " states, found "
             << llvm::formatv("{0:e2}", double(tolerance)).str()
             << "; a smaller one needs states declared f64, none is needed by "
                "schedule algorithm=serial";
    if (maxIterations < 1)
      return recurrence.emitError()
             << "expected a limit of at least 1 pass, found "
             << int64_t(maxIterations);
    Linearization made =
        linearize(recurrence,
                  tolerance != 0 ? tolerance : getDefaultTolerance(recurrence),
                  maxIterations);
    if (made.refusal) {
      remark::missed(
          made.refusal->loc,
          remark::RemarkOpts::name("no newton").category("recur-linearize"))
          << made.refusal->message;
      return success();
    }
    recurrence->replaceAllUsesWith(made.newton->getResults());
    recurrence->erase();
    // Most modules have no newton: they need not wait for these.
    simplify(made.newton, getStepPatterns(&getContext()));
    remark::passed(
        made.newton.getLoc(),
        remark::RemarkOpts::name("newton").category("recur-linearize"))
        << "Jacobian: " << describe(made.newton.getJacobian());
    return success();
  }
};
} // namespace
