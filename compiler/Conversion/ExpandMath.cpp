//===-- ExpandMath.cpp - mathematical functions to arithmetic -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The pass recur-expand-math and its patterns.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ExpandMath.h"

#include "compiler/Conversion/MathFunctions.h"
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
/// Replaces an op on floats by what `build` makes of its operands; f16 and bf16
/// are computed in f32.
template <typename OpTy, auto build>
struct ExpandFunction : OpRewritePattern<OpTy> {
  ExpandFunction(MLIRContext *context, const ExpandMathOptions &options)
      : OpRewritePattern<OpTy>(context), options(options) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Type type = op->getResult(0).getType();
    auto vector = dyn_cast<VectorType>(type);
    if (vector && (vector.getRank() != 1 || vector.isScalable()))
      return rewriter.notifyMatchFailure(op, [&](Diagnostic &diagnostic) {
        diagnostic << "expected a scalar or a fixed vector of rank 1, found "
                   << type;
      });
    if (isa<TensorType>(type))
      return rewriter.notifyMatchFailure(op, "works on a tensor");
    auto element = cast<FloatType>(getElementTypeOrSelf(type));
    bool isNarrow = element.getWidth() < 32;
    if (!isNarrow && !element.isF32() && !element.isF64())
      return rewriter.notifyMatchFailure(op, [&](Diagnostic &diagnostic) {
        diagnostic << "expected f16, bf16, f32 or f64, found " << element;
      });

    Type computed = type;
    if (isNarrow)
      computed = vector ? vector.clone(rewriter.getF32Type())
                        : Type(rewriter.getF32Type());
    SmallVector<Value, 2> operands(op->getOperands());
    if (isNarrow)
      for (Value &operand : operands)
        operand =
            arith::ExtFOp::create(rewriter, op.getLoc(), computed, operand);
    ExpandMathOptions used = options;
    used.approximate = options.gpu && op->hasAttr(kApproximateAttr);
    used.quick = options.gpu && op->hasAttr(kQuickAttr);
    used.coarse = options.gpu && op->hasAttr(kCoarseAttr);
    MathBuilder builder(rewriter, op.getLoc(), computed, used);
    Value result;
    if constexpr (std::is_invocable_v<decltype(build), MathBuilder &, Value,
                                      Value>)
      result = build(builder, operands[0], operands[1]);
    else
      result = build(builder, operands[0]);
    if (isNarrow)
      result = arith::TruncFOp::create(rewriter, op.getLoc(), type, result);
    rewriter.replaceOp(op, result);
    return success();
  }

  ExpandMathOptions options;
};

struct ExpandMathPass : recur::impl::ExpandMathPassBase<ExpandMathPass> {
  using ExpandMathPassBase::ExpandMathPassBase;
  void runOnOperation() override {
    // A kernel function knows its own target.
    StringRef name = target;
    if (auto own = getOperation()->getAttrOfType<StringAttr>(kTargetAttr);
        own && name == "cpu")
      name = own.getValue();
    auto options = ExpandMathOptions::forTarget(name);
    if (!options) {
      getOperation()->emitError("unknown target '")
          << name
          << "' of recur-expand-math: expected cpu, x86-64-v2, x86-64-v3, "
             "x86-64-v4 or gpu";
      return signalPassFailure();
    }
    // The second walk visits the conversions that the first one makes.
    RewritePatternSet functions(&getContext()), conversions(&getContext());
    populateExpandMathPatterns(functions, *options);
    populateExpandNarrowFloatPatterns(conversions, *options);
    walkAndApplyPatterns(getOperation(), std::move(functions));
    walkAndApplyPatterns(getOperation(), std::move(conversions));
  }
};
} // namespace

void recur::populateExpandMathPatterns(RewritePatternSet &patterns,
                                       const ExpandMathOptions &options) {
  patterns
      .add<ExpandFunction<SigmoidOp, buildSigmoid>,
           ExpandFunction<SoftplusOp, buildSoftplus>,
           ExpandFunction<SiluOp, buildSilu>, ExpandFunction<ReluOp, buildRelu>,
           ExpandFunction<LogAddExpOp, buildLogAddExp>,
           ExpandFunction<math::ExpOp, buildExp>,
           ExpandFunction<math::Exp2Op, buildExp2>,
           ExpandFunction<math::ExpM1Op, buildExpm1>,
           ExpandFunction<math::LogOp, buildLog>,
           ExpandFunction<math::Log1pOp, buildLog1p>,
           ExpandFunction<math::TanhOp, buildTanh>,
           ExpandFunction<math::SinOp, buildSin>,
           ExpandFunction<math::CosOp, buildCos>,
           ExpandFunction<math::SqrtOp, buildSqrt>,
           ExpandFunction<math::RsqrtOp, buildRsqrt>,
           ExpandFunction<math::AbsFOp, buildAbs>>(patterns.getContext(),
                                                   options);
}
