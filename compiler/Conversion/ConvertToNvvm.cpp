//===-- ConvertToNvvm.cpp - GPU kernels to LLVM and NVVM ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The pass recur-convert-to-nvvm. Upstream's convert-gpu-to-nvvm turns math
/// into calls of libdevice, which is not there on a machine without CUDA; this
/// one turns it into instructions.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/SimpleArithmetic.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

namespace recur {
#define GEN_PASS_DEF_CONVERTTONVVMPASS
#include "compiler/Conversion/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

/// More than upstream's patterns, which would call libdevice.
static constexpr unsigned hardwareBenefit = 10;

namespace {
/// A function of f32 that is one instruction by an NVVM intrinsic.
template <typename OpTy>
struct HardwareFunction : ConvertOpToLLVMPattern<OpTy> {
  HardwareFunction(const LLVMTypeConverter &converter, StringRef intrinsic)
      : ConvertOpToLLVMPattern<OpTy>(converter, hardwareBenefit),
        intrinsic(intrinsic) {}

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "only f32 has an instruction");
    auto call = LLVM::CallIntrinsicOp::create(
        rewriter, op.getLoc(), op.getType(), rewriter.getStringAttr(intrinsic),
        adaptor.getOperands());
    rewriter.replaceOp(op, call.getResults());
    return success();
  }

private:
  StringRef intrinsic;
};

struct ConvertToNvvm : recur::impl::ConvertToNvvmPassBase<ConvertToNvvm> {
  using ConvertToNvvmPassBase::ConvertToNvvmPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    ConvertToNvvmPassBase::getDependentDialects(registry);
    // The pass that owns the NVVM dialect knows its header, which is slow to
    // compile; borrow its registration.
    createConvertGpuOpsToNVVMOps()->getDependentDialects(registry);
  }

  void runOnOperation() override;
};
} // namespace

/// Functions of math that no instruction computes for their type.
static LogicalResult checkHasInstruction(Operation *op) {
  if (!isa<math::MathDialect>(op->getDialect()))
    return success();
  Type type = op->getResult(0).getType();
  if (isa<math::FmaOp, math::AbsFOp, math::AbsIOp, math::CopySignOp,
          math::FloorOp, math::CeilOp, math::RoundEvenOp, math::TruncOp,
          math::SqrtOp>(op))
    return success();
  if (isa<math::Exp2Op, math::Log2Op, math::RsqrtOp>(op) && type.isF32())
    return success();
  // The special-function unit's approximations, where the step allows them.
  bool approximate = false;
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(op))
    approximate = bitEnumContainsAll(fast.getFastMathFlagsAttr().getValue(),
                                     arith::FastMathFlags::afn);
  if (isa<math::SinOp, math::CosOp, math::TanhOp>(op) && type.isF32() &&
      approximate)
    return success();
  return op->emitError() << "'" << op->getName() << "' on " << type
                         << " has no GPU instruction, expected it to be "
                            "expanded before";
}

void ConvertToNvvm::runOnOperation() {
  gpu::GPUModuleOp module = getOperation();
  MLIRContext *context = &getContext();
  bool supported = true;
  module.walk(
      [&](Operation *op) { supported &= succeeded(checkHasInstruction(op)); });
  if (!supported)
    return signalPassFailure();

  // Structured loops first: the conversion below needs one block structure.
  RewritePatternSet structured(context);
  populateSCFToControlFlowConversionPatterns(structured);
  ConversionTarget structuredTarget(*context);
  structuredTarget.addIllegalDialect<scf::SCFDialect>();
  structuredTarget.markUnknownOpDynamicallyLegal(
      [](Operation *) { return true; });
  if (failed(applyPartialConversion(module, structuredTarget,
                                    std::move(structured))))
    return signalPassFailure();

  lowerSimpleArithmetic(module);

  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(64);
  LLVMTypeConverter converter(context, options);
  configureGpuToNVVMTypeConverter(converter);
  RewritePatternSet patterns(context);
  populateGpuToNVVMConversionPatterns(converter, patterns);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns,
                                       /*approximateLog1p=*/false,
                                       hardwareBenefit);
  patterns.add<HardwareFunction<math::Log2Op>>(converter,
                                               "llvm.nvvm.lg2.approx.f");
  patterns.add<HardwareFunction<math::RsqrtOp>>(converter,
                                                "llvm.nvvm.rsqrt.approx.f");

  LLVMConversionTarget target(*context);
  if (Dialect *nvvm = context->getLoadedDialect("nvvm"))
    target.addLegalDialect(nvvm->getNamespace());
  target.addIllegalDialect<gpu::GPUDialect>();
  target.addLegalOp<gpu::GPUModuleOp, gpu::YieldOp>();
  if (failed(applyPartialConversion(module, target, std::move(patterns))))
    signalPassFailure();
}
