//===-- MathBuilder.cpp - arithmetic on floats ----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Arithmetic on f32 or f64 scalars and vectors with the instructions of a
/// target.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/MathBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <bit>

using namespace mlir;
using namespace recur;

MathBuilder::MathBuilder(OpBuilder &builder, Location loc, Type type,
                         const ExpandMathOptions &options)
    : isF64(getElementTypeOrSelf(type).isF64()), options(options),
      significandBits(isF64 ? 52 : 23), bias(isF64 ? 1023 : 127),
      floatType(type), integerType(), builder(loc, builder) {
  integerType = withElement(builder.getIntegerType(isF64 ? 64 : 32));
}

Type MathBuilder::withElement(Type element) const {
  if (auto vector = dyn_cast<VectorType>(floatType))
    return vector.clone(element);
  return element;
}

MathBuilder MathBuilder::inF64() {
  return MathBuilder(builder, builder.getLoc(),
                     withElement(builder.getF64Type()), options);
}

/// `value`, or a vector of it.
static Value splat(ImplicitLocOpBuilder &builder, Type type, TypedAttr value) {
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(builder, value);
}

Value MathBuilder::constant(double value) {
  Type element = getElementTypeOrSelf(floatType);
  return splat(builder, floatType, builder.getFloatAttr(element, value));
}

Value MathBuilder::integer(uint64_t value) {
  unsigned width = isF64 ? 64 : 32;
  return splat(builder, integerType,
               builder.getIntegerAttr(builder.getIntegerType(width),
                                      APInt(64, value).trunc(width)));
}

Value MathBuilder::add(Value a, Value b) {
  return arith::AddFOp::create(builder, a, b);
}
Value MathBuilder::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, a, b);
}
Value MathBuilder::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, a, b);
}
Value MathBuilder::div(Value a, Value b) {
  return arith::DivFOp::create(builder, a, b);
}

Value MathBuilder::fma(Value a, Value b, Value c) {
  // llvm.fma without the instruction is a call of libm; fmuladd then is a
  // multiplication and an addition.
  if (options.fma)
    return LLVM::FMAOp::create(builder, floatType, a, b, c);
  return LLVM::FMulAddOp::create(builder, floatType, a, b, c);
}

Value MathBuilder::neg(Value a) { return arith::NegFOp::create(builder, a); }
Value MathBuilder::abs(Value a) {
  return LLVM::FAbsOp::create(builder, floatType, a);
}
Value MathBuilder::copySign(Value magnitude, Value sign) {
  return LLVM::CopySignOp::create(builder, floatType, magnitude, sign);
}
Value MathBuilder::compare(arith::CmpFPredicate predicate, Value a, Value b) {
  return arith::CmpFOp::create(builder, predicate, a, b);
}
Value MathBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, condition, a, b);
}

// On x86 max(a, b) is a > b ? a : b, which is one instruction and gives b for
// NaN; sm_80 has max.NaN.
Value MathBuilder::atLeast(Value x, double bound) {
  Value limit = constant(bound);
  if (options.gpu)
    return arith::MaximumFOp::create(builder, x, limit);
  return select(compare(arith::CmpFPredicate::OGT, limit, x), limit, x);
}
Value MathBuilder::atMost(Value x, double bound) {
  Value limit = constant(bound);
  if (options.gpu)
    return arith::MinimumFOp::create(builder, x, limit);
  return select(compare(arith::CmpFPredicate::OLT, limit, x), limit, x);
}

Value MathBuilder::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, constant(coefficient));
  return sum;
}

Value MathBuilder::toBits(Value a) {
  return arith::BitcastOp::create(builder, integerType, a);
}
Value MathBuilder::fromBits(Value a) {
  return arith::BitcastOp::create(builder, floatType, a);
}
Value MathBuilder::addInteger(Value a, Value b) {
  return arith::AddIOp::create(builder, a, b);
}
Value MathBuilder::subInteger(Value a, Value b) {
  return arith::SubIOp::create(builder, a, b);
}
Value MathBuilder::mulInteger(Value a, Value b) {
  return arith::MulIOp::create(builder, a, b);
}
Value MathBuilder::bitAnd(Value a, Value b) {
  return arith::AndIOp::create(builder, a, b);
}
Value MathBuilder::bitOr(Value a, Value b) {
  return arith::OrIOp::create(builder, a, b);
}
Value MathBuilder::bitXor(Value a, Value b) {
  return arith::XOrIOp::create(builder, a, b);
}
Value MathBuilder::shiftLeft(Value a, unsigned bits) {
  return arith::ShLIOp::create(builder, a, integer(bits));
}
Value MathBuilder::shiftRight(Value a, unsigned bits) {
  return arith::ShRUIOp::create(builder, a, integer(bits));
}

uint64_t MathBuilder::bitsOf(double value) const {
  if (isF64)
    return std::bit_cast<uint64_t>(value);
  return std::bit_cast<uint32_t>(static_cast<float>(value));
}

double MathBuilder::roundingShift() const {
  return isF64 ? 0x1.8p52 : 0x1.8p23;
}

Value MathBuilder::llvmConstant(unsigned width, int64_t value) {
  Type type = builder.getIntegerType(width);
  return LLVM::ConstantOp::create(builder, type,
                                  builder.getIntegerAttr(type, value));
}

Value MathBuilder::callIntrinsic(StringRef name, ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(builder, floatType,
                                       builder.getStringAttr(name), arguments)
      .getResult(0);
}

bool MathBuilder::hasAvx512() const {
  auto vector = dyn_cast<VectorType>(floatType);
  if (!options.avx512 || !vector)
    return false;
  int64_t width = vector.getNumElements() * (isF64 ? 64 : 32);
  return width == 128 || width == 256 || width == 512;
}

/// `arguments`, then the values of lanes that the mask leaves out (none are),
/// the mask and, for 512 bits, the rounding mode of the thread.
Value MathBuilder::callAvx512(StringRef name, ValueRange arguments) {
  int64_t lanes = cast<VectorType>(floatType).getNumElements();
  int64_t width = lanes * (isF64 ? 64 : 32);
  SmallVector<Value> operands(arguments);
  operands.push_back(arguments.front());
  operands.push_back(llvmConstant(lanes == 16 ? 16 : 8, -1));
  if (width == 512)
    operands.push_back(llvmConstant(32, 4));
  return callIntrinsic(("llvm.x86.avx512.mask." + name +
                        (isF64 ? ".pd." : ".ps.") + Twine(width))
                           .str(),
                       operands);
}

bool MathBuilder::hasTables() const {
  return hasAvx512() && !isF64 &&
         cast<VectorType>(floatType).getNumElements() == 16;
}

Value MathBuilder::lookUp(ArrayRef<double> table, Value index) {
  Value halves[2];
  for (unsigned half : {0, 1}) {
    SmallVector<float> numbers;
    for (double number : table.slice(16 * half, 16))
      numbers.push_back(static_cast<float>(number));
    halves[half] = arith::ConstantOp::create(
        builder, DenseElementsAttr::get(cast<ShapedType>(floatType),
                                        ArrayRef<float>(numbers)));
  }
  return callIntrinsic("llvm.x86.avx512.vpermi2var.ps.512",
                       {halves[0], index, halves[1]});
}

Value MathBuilder::scaleByExponent(Value a, Value n) {
  return callAvx512("scalef", {a, n});
}
Value MathBuilder::exponent(Value a) { return callAvx512("getexp", {a}); }
Value MathBuilder::significand(Value a) {
  // Bits 1:0 choose [3/4, 3/2), bits 3:2 NaN for negative arguments.
  return callAvx512("getmant", {a, llvmConstant(32, 0b1011)});
}
