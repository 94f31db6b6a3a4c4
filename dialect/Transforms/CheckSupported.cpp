//===-- CheckSupported.cpp - refusal of what has no kernels ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-check-supported: says what keeps a recurrence from being compiled.
//===----------------------------------------------------------------------===//

#include "dialect/Transforms/Linearize.h"
#include "dialect/Transforms/Passes.h"

namespace recur {
#define GEN_PASS_DEF_CHECKSUPPORTEDPASS
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

namespace {
struct CheckSupportedPass
    : recur::impl::CheckSupportedPassBase<CheckSupportedPass> {
  void runOnOperation() override {
    bool refused = false;
    getOperation()->walk([&](RecurrenceOpInterface op) {
      if (std::optional<Refusal> refusal = check(op)) {
        emitError(refusal->loc) << refusal->message;
        refused = true;
      }
    });
    if (refused)
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

private:
  static std::optional<Refusal> check(RecurrenceOpInterface op) {
    if (auto recurrence = dyn_cast<RecurrenceOp>(op.getOperation())) {
      Classification found = classify(recurrence);
      if (found.isNonlinear) {
        Linearization made =
            linearize(recurrence, getDefaultTolerance(recurrence),
                      /*maxIterations=*/1);
        if (made.refusal)
          return made.refusal;
        made.newton.erase();
      }
      if (found.refusal)
        return found.refusal;
      return Refusal{op.getLoc(), "the recurrence has not been classified"};
    }
    if (auto scan = dyn_cast<ScanLikeOpInterface>(op.getOperation())) {
      if (std::optional<std::string> reason =
              findUnsupported(scan.getAlgebra(), op))
        return Refusal{op.getLoc(), *reason};
      return std::nullopt;
    }
    return std::nullopt;
  }
};
} // namespace
