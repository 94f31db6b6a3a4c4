//===-- ExpandNarrowFloats.cpp - f16 and bf16 without their instructions --===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Conversions between f32 and f16 or bf16 by integer arithmetic, for CPUs
/// where LLVM would call a function of its runtime library.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/MathBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;

namespace {

bool isScalarOrVector(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return isa<FloatType>(type) ||
         (vector && vector.getRank() == 1 && !vector.isScalable());
}

Value compareBits(MathBuilder &b, arith::CmpIPredicate predicate, Value bits,
                  uint64_t with) {
  return arith::CmpIOp::create(b.builder, predicate, bits, b.integer(with));
}

/// The 16 bits of a bf16 nearest to the f32 with these bits, ties to even.
Value roundToBrain(MathBuilder &b, Value bits) {
  Value odd = b.bitAnd(b.shiftRight(bits, 16), b.integer(1));
  Value rounded = b.addInteger(b.addInteger(bits, b.integer(0x7fff)), odd);
  Value number = b.fromBits(bits);
  Value isNan = b.compare(arith::CmpFPredicate::UNO, number, number);
  Value quiet = b.bitOr(bits, b.integer(0x400000));
  return b.shiftRight(b.select(isNan, quiet, rounded), 16);
}

/// The 16 bits of an f16 nearest to the f32 with these bits, ties to even.
Value roundToHalf(MathBuilder &b, Value bits) {
  Value magnitude = b.bitAnd(bits, b.integer(0x7fffffff));
  Value odd = b.bitAnd(b.shiftRight(magnitude, 13), b.integer(1));
  // The exponent's bias is 112 less.
  Value rounded = b.addInteger(magnitude, b.addInteger(odd, b.integer(0xfff)));
  Value normal = b.subInteger(b.shiftRight(rounded, 13), b.integer(112 << 10));
  // Under 2^-14 the unit is 2^-24, that of numbers from 1/2 on.
  Value sum = b.add(b.fromBits(magnitude), b.constant(0.5));
  Value denormal = b.subInteger(b.toBits(sum), b.integer(b.bitsOf(0.5)));
  using Predicate = arith::CmpIPredicate;
  Value result =
      b.select(compareBits(b, Predicate::ult, magnitude, b.bitsOf(0x1p-14)),
               denormal, normal);
  // From halfway between the largest f16 and 2^16 on.
  result = b.select(compareBits(b, Predicate::uge, magnitude, b.bitsOf(65520)),
                    b.integer(0x7c00), result);
  result = b.select(compareBits(b, Predicate::ugt, magnitude, 0x7f800000),
                    b.integer(0x7e00), result);
  return b.bitOr(result, b.bitAnd(b.shiftRight(bits, 16), b.integer(0x8000)));
}

/// The f32 with the value of the f16 with these 16 bits.
Value extendHalf(MathBuilder &b, Value bits) {
  Value magnitude = b.bitAnd(bits, b.integer(0x7fff));
  Value shifted = b.shiftLeft(magnitude, 13);
  Value finite = b.mul(b.fromBits(shifted), b.constant(0x1p112));
  Value special = b.fromBits(b.bitOr(shifted, b.integer(0x7f800000)));
  Value isSpecial =
      compareBits(b, arith::CmpIPredicate::uge, magnitude, 0x7c00);
  Value value = b.toBits(b.select(isSpecial, special, finite));
  return b.fromBits(
      b.bitOr(value, b.shiftLeft(b.bitAnd(bits, b.integer(0x8000)), 16)));
}

struct ExpandTruncation : OpRewritePattern<arith::TruncFOp> {
  ExpandTruncation(MLIRContext *context, const ExpandMathOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    bool isBrain = element.isBF16();
    if (!isScalarOrVector(op.getType()) || (!isBrain && !element.isF16()))
      return rewriter.notifyMatchFailure(op, "not to f16 or bf16");
    Location loc = op.getLoc();
    Value value = op.getIn();
    bool isWide = getElementTypeOrSelf(value.getType()).isF64();
    if (!isBrain && options.fma && !isWide)
      return rewriter.notifyMatchFailure(op, "there is an instruction");
    MathBuilder source(rewriter, loc, value.getType(), options);
    MathBuilder b(rewriter, loc, source.withElement(rewriter.getF32Type()),
                  options);
    if (isWide)
      value = arith::TruncFOp::create(rewriter, loc, b.floatType, value);
    if (!isBrain && options.fma) {
      rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), value);
      return success();
    }
    Value bits = b.toBits(value);
    bits = isBrain ? roundToBrain(b, bits) : roundToHalf(b, bits);
    Value narrow = arith::TruncIOp::create(
        rewriter, loc, b.withElement(rewriter.getI16Type()), bits);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), narrow);
    return success();
  }

  ExpandMathOptions options;
};

struct ExpandExtension : OpRewritePattern<arith::ExtFOp> {
  ExpandExtension(MLIRContext *context, const ExpandMathOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Value value = op.getIn();
    if (!isScalarOrVector(value.getType()) ||
        !getElementTypeOrSelf(value.getType()).isF16())
      return rewriter.notifyMatchFailure(op, "not from f16");
    MathBuilder result(rewriter, op.getLoc(), op.getType(), options);
    MathBuilder b(rewriter, op.getLoc(),
                  result.withElement(rewriter.getF32Type()), options);
    Value bits = arith::BitcastOp::create(
        rewriter, op.getLoc(), b.withElement(rewriter.getI16Type()), value);
    bits = arith::ExtUIOp::create(rewriter, op.getLoc(), b.integerType, bits);
    Value extended = extendHalf(b, bits);
    if (result.isF64)
      extended =
          arith::ExtFOp::create(rewriter, op.getLoc(), op.getType(), extended);
    rewriter.replaceOp(op, extended);
    return success();
  }

  ExpandMathOptions options;
};

/// By way of integers: LLVM would take a vector of bf16 apart, and make bf16 of
/// its elements again by a function that not every library has.
struct ExpandBrainToDouble : OpRewritePattern<arith::ExtFOp> {
  ExpandBrainToDouble(MLIRContext *context, const ExpandMathOptions &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Value value = op.getIn();
    if (!isScalarOrVector(value.getType()) ||
        !getElementTypeOrSelf(value.getType()).isBF16() ||
        !getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not from bf16 to f64");
    MathBuilder result(rewriter, op.getLoc(), op.getType(), options);
    MathBuilder b(rewriter, op.getLoc(),
                  result.withElement(rewriter.getF32Type()), options);
    Value bits = arith::BitcastOp::create(
        rewriter, op.getLoc(), b.withElement(rewriter.getI16Type()), value);
    bits = arith::ExtUIOp::create(rewriter, op.getLoc(), b.integerType, bits);
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(
        op, op.getType(), b.fromBits(b.shiftLeft(bits, 16)));
    return success();
  }

  ExpandMathOptions options;
};

/// An element of pairs of bf16: one half of a word, which has the upper bits of
/// the f32, so that one operation makes it. (As an element it would be taken
/// out first.)
struct ExpandBrainElement : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    auto element = op.getIn().getDefiningOp<LLVM::ExtractElementOp>();
    APInt number;
    if (!element || !op.getIn().getType().isBF16() || !op.getType().isF32() ||
        !matchPattern(element.getPosition(), m_ConstantInt(&number)))
      return rewriter.notifyMatchFailure(op, "no bf16 of a vector");
    int64_t size =
        cast<VectorType>(element.getVector().getType()).getDimSize(0);
    int64_t at = number.getSExtValue();
    if (size % 2 != 0)
      return rewriter.notifyMatchFailure(op, "no pairs");
    Location loc = op.getLoc();
    Type i32 = rewriter.getI32Type();
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(
          rewriter, loc, rewriter.getI32IntegerAttr(int32_t(value)));
    };
    Value word = LLVM::BitcastOp::create(
        rewriter, loc, size == 2 ? i32 : VectorType::get({size / 2}, i32),
        element.getVector());
    if (size > 2)
      word =
          LLVM::ExtractElementOp::create(rewriter, loc, word, constant(at / 2));
    Value bits =
        at % 2 == 0
            ? arith::ShLIOp::create(rewriter, loc, word, constant(16))
                  .getResult()
            : arith::AndIOp::create(rewriter, loc, word, constant(0xffff0000))
                  .getResult();
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

} // namespace

void recur::populateExpandNarrowFloatPatterns(
    RewritePatternSet &patterns, const ExpandMathOptions &options) {
  if (options.gpu) {
    patterns.add<ExpandBrainElement>(patterns.getContext());
    return;
  }
  patterns.add<ExpandTruncation, ExpandBrainToDouble>(patterns.getContext(),
                                                      options);
  // x86-64-v3 has the extension of f16; that of bf16 is a shift everywhere.
  if (!options.fma)
    patterns.add<ExpandExtension>(patterns.getContext(), options);
}
