//===-- RecurFunctions.cpp - folds of the named functions -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Constant folding and canonicalization of sigmoid, softplus, silu, relu and
/// logaddexp, in f64 by formulas that are stable for every argument.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/Dialect/CommonFolders.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace recur;

/// Applies `function` in f64 and rounds to the semantics of the operand.
static APFloat applyInDouble(const APFloat &value, double (*function)(double)) {
  APFloat wide = value;
  bool lossy;
  wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
  APFloat result(function(wide.convertToDouble()));
  result.convert(value.getSemantics(), APFloat::rmNearestTiesToEven, &lossy);
  return result;
}

static OpFoldResult foldUnary(ArrayRef<Attribute> operands,
                              double (*function)(double)) {
  return constFoldUnaryOp<FloatAttr>(operands, [&](const APFloat &value) {
    return applyInDouble(value, function);
  });
}

static double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
static double softplus(double x) {
  return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}
static double silu(double x) {
  // At -infinity x * sigmoid(x) would be -inf * 0; the limit is -0.
  return x == -std::numeric_limits<double>::infinity() ? -0.0 : x * sigmoid(x);
}
static double relu(double x) { return x > 0 || std::isnan(x) ? x : 0; }

OpFoldResult SigmoidOp::fold(FoldAdaptor adaptor) {
  return foldUnary(adaptor.getOperands(), sigmoid);
}
OpFoldResult SoftplusOp::fold(FoldAdaptor adaptor) {
  // fmax drops a NaN.
  return foldUnary(adaptor.getOperands(),
                   [](double x) { return std::isnan(x) ? x : softplus(x); });
}
OpFoldResult SiluOp::fold(FoldAdaptor adaptor) {
  return foldUnary(adaptor.getOperands(), silu);
}
OpFoldResult ReluOp::fold(FoldAdaptor adaptor) {
  return foldUnary(adaptor.getOperands(), relu);
}

OpFoldResult LogAddExpOp::fold(FoldAdaptor adaptor) {
  return constFoldBinaryOp<FloatAttr>(
      adaptor.getOperands(), [](const APFloat &lhs, const APFloat &rhs) {
        bool lossy;
        APFloat a = lhs, b = rhs;
        a.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
        b.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
        double x = a.convertToDouble(), y = b.convertToDouble();
        // Equal infinities: their difference is NaN, the sum is not.
        double sum = std::isnan(x) || std::isnan(y) ? x + y
                     : x == y && std::isinf(x)
                         ? x
                         : std::fmax(x, y) +
                               std::log1p(std::exp(-std::fabs(x - y)));
        APFloat result(sum);
        result.convert(lhs.getSemantics(), APFloat::rmNearestTiesToEven,
                       &lossy);
        return result;
      });
}

namespace {
/// relu(relu(x)) = relu(x).
struct FoldNestedRelu : OpRewritePattern<ReluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReluOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getOperand().getDefiningOp<ReluOp>())
      return rewriter.notifyMatchFailure(op, "operand is not a relu");
    rewriter.replaceOp(op, op.getOperand());
    return success();
  }
};
} // namespace

void ReluOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<FoldNestedRelu>(context);
}
