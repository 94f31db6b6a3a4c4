//===-- Marks.cpp - maps that leave nothing of a state --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tells -0 from +0 by its bits.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Marks.h"

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;

Value recur::isAnew(OpBuilder &builder, Location loc, const Carrier &carrier,
                    const Transition &map) {
  if (!carrier.hasMarks())
    return {};
  Value entry =
      map.entries[map.pattern.index(carrier.markRow, carrier.markColumn)];
  if (isPair(entry.getType()))
    entry = getPart(builder, loc, entry, 0);
  unsigned width =
      getElementTypeOrSelf(entry.getType()).getIntOrFloatBitWidth();
  Type bits = builder.getIntegerType(width);
  TypedAttr sign =
      builder.getIntegerAttr(bits, APInt::getSignedMinValue(width));
  if (auto vector = dyn_cast<VectorType>(entry.getType())) {
    bits = vector.clone(bits);
    sign = DenseElementsAttr::get(cast<ShapedType>(bits), Attribute(sign));
  }
  entry = arith::BitcastOp::create(builder, loc, bits, entry);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, entry,
                               arith::ConstantOp::create(builder, loc, sign));
}
