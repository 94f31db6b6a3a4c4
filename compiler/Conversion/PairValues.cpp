//===-- PairValues.cpp - complex numbers in kernels -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Pairs as LLVM structs.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;

Type recur::getKernelType(Type element, int64_t lanes) {
  if (auto complex = dyn_cast<ComplexType>(element)) {
    Type part = getKernelType(complex.getElementType(), lanes);
    return LLVM::LLVMStructType::getLiteral(element.getContext(), {part, part});
  }
  return lanes ? Type(VectorType::get({lanes}, element)) : element;
}

bool recur::isPair(Type type) { return isa<LLVM::LLVMStructType>(type); }

Type recur::getPartType(Type type) {
  if (auto pair = dyn_cast<LLVM::LLVMStructType>(type))
    return pair.getBody()[0];
  return type;
}

int64_t recur::getBytes(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * getBytes(complex.getElementType());
  type = getElementTypeOrSelf(type);
  return (type.getIntOrFloatBitWidth() + 7) / 8;
}

bool recur::isVector(Type type) { return isa<VectorType>(getPartType(type)); }

Value recur::getPart(OpBuilder &builder, Location loc, Value pair,
                     unsigned part) {
  // Look through the making of the pair.
  Value at = pair;
  while (auto insert = at.getDefiningOp<LLVM::InsertValueOp>()) {
    if (insert.getPosition()[0] == part)
      return insert.getValue();
    at = insert.getContainer();
  }
  return LLVM::ExtractValueOp::create(builder, loc, pair,
                                      ArrayRef<int64_t>{int64_t(part)});
}

Value recur::makePair(OpBuilder &builder, Location loc, Value re, Value im) {
  Type type = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                               {re.getType(), im.getType()});
  Value pair = LLVM::UndefOp::create(builder, loc, type);
  pair =
      LLVM::InsertValueOp::create(builder, loc, pair, re, ArrayRef<int64_t>{0});
  return LLVM::InsertValueOp::create(builder, loc, pair, im,
                                     ArrayRef<int64_t>{1});
}

Value recur::mapParts(OpBuilder &builder, Location loc, ArrayRef<Value> values,
                      llvm::function_ref<Value(ArrayRef<Value>)> apply) {
  if (!isPair(values.front().getType()))
    return apply(values);
  Value parts[2];
  for (unsigned part : {0, 1}) {
    SmallVector<Value> of;
    for (Value value : values)
      of.push_back(getPart(builder, loc, value, part));
    parts[part] = apply(of);
  }
  return makePair(builder, loc, parts[0], parts[1]);
}

Value recur::selectParts(OpBuilder &builder, Location loc, Value condition,
                         Value x, Value y) {
  if (x == y)
    return x;
  return mapParts(builder, loc, {x, y}, [&](ArrayRef<Value> v) -> Value {
    return arith::SelectOp::create(builder, loc, condition, v[0], v[1]);
  });
}

Value recur::toVector(OpBuilder &builder, Location loc, Value value,
                      int64_t width) {
  if (isVector(value.getType()))
    return value;
  return mapParts(builder, loc, value, [&](ArrayRef<Value> v) -> Value {
    return vector::BroadcastOp::create(
        builder, loc, VectorType::get({width}, v[0].getType()), v[0]);
  });
}

Value recur::makeNumber(OpBuilder &builder, Location loc, Type type,
                        double value) {
  if (isPair(type))
    return makePair(builder, loc,
                    makeNumber(builder, loc, getPartType(type), value),
                    makeNumber(builder, loc, getPartType(type), 0));
  Type element = getElementTypeOrSelf(type);
  TypedAttr attr;
  if (isa<FloatType>(element))
    attr = FloatAttr::get(element, value);
  else
    attr = IntegerAttr::get(element, int64_t(value));
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(builder, loc, attr);
}

Value recur::makeLiteral(OpBuilder &builder, Location loc, Attribute literal) {
  if (auto pair = dyn_cast<ArrayAttr>(literal))
    return makePair(builder, loc, makeLiteral(builder, loc, pair[0]),
                    makeLiteral(builder, loc, pair[1]));
  return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(literal));
}
