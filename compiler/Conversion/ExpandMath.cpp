//===-- ExpandMath.cpp - mathematical functions to arithmetic -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The pass recur-expand-math and its patterns.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ExpandMath.h"

#include "compiler/Conversion/Passes.h"
#include "dialect/IR/Recur.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/ADT/StringSwitch.h"

namespace recur {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "compiler/Conversion/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

std::optional<ExpandMathOptions>
ExpandMathOptions::forTarget(StringRef target) {
  using Options = ExpandMathOptions;
  return llvm::StringSwitch<std::optional<Options>>(target)
      .Cases({"cpu", "x86-64-v2"}, Options{})
      .Case("x86-64-v3", Options{.fma = true})
      .Case("x86-64-v4", Options{.fma = true, .avx512 = true})
      .Case("gpu", Options{.gpu = true, .fma = true})
      .Default(std::nullopt);
}

namespace {
/// relu(x) = max(x, 0); arith.maximumf keeps NaN.
struct ExpandRelu : OpRewritePattern<ReluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReluOp op,
                                PatternRewriter &rewriter) const override {
    Value zero = arith::ConstantOp::create(rewriter, op.getLoc(),
                                           rewriter.getZeroAttr(op.getType()));
    rewriter.replaceOpWithNewOp<arith::MaximumFOp>(op, op.getOperand(), zero);
    return success();
  }
};

struct ExpandMathPass : recur::impl::ExpandMathPassBase<ExpandMathPass> {
  using ExpandMathPassBase::ExpandMathPassBase;
  void runOnOperation() override {
    auto options = ExpandMathOptions::forTarget(target);
    if (!options) {
      getOperation()->emitError("unknown target '")
          << target
          << "' of recur-expand-math: expected cpu, x86-64-v2, x86-64-v3, "
             "x86-64-v4 or gpu";
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns, *options);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

void recur::populateExpandMathPatterns(RewritePatternSet &patterns,
                                       const ExpandMathOptions &options) {
  patterns.add<ExpandRelu>(patterns.getContext());
}
