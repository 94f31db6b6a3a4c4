//===-- CpuSlots.cpp - where the CPU kernels keep numbers -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Slots of states in carry and summary, and of what does not vary over time in
/// scratch.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuKernels.h"

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Slots of states
//===----------------------------------------------------------------------===//

Value CpuKernels::getInnerProduct(ArrayRef<unsigned> inner) {
  Value product = i64(1);
  for (unsigned dim : inner)
    product = mul(product, arith::MaxSIOp::create(b, loc, sizes[dim], i64(1)));
  return product;
}

Value CpuKernels::getInnerLinear(ArrayRef<unsigned> inner,
                                 const InnerPoint &point) {
  Value linear;
  for (unsigned dim : inner)
    linear = linear ? add(mul(linear, sizes[dim]), point[dim]) : point[dim];
  return linear ? linear : i64(0);
}

/// Bytes of an extent before rounding.
Value CpuKernels::extentBytes(const ItemExtent &extent) {
  SmallVector<unsigned> inner;
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    if (extent.dimMask >> dim & 1)
      inner.push_back(dim);
  if (extent.perProduct == 0)
    return i64(extent.constant);
  return add(i64(extent.constant),
             mul(i64(extent.perProduct), getInnerProduct(inner)));
}

/// Start of the current item in per-item storage.
Value CpuKernels::getItemPointer(Value base, const ItemExtent &extent) {
  Value bytes = arith::AndIOp::create(b, loc, add(extentBytes(extent), i64(63)),
                                      i64(-64));
  Value number = sub(block ? add(item, block) : item, itemBegin);
  return gep(base, b.getI8Type(), mul(number, bytes));
}

Value CpuKernels::carrySlots() {
  return isInSquare() ? getSquareSlots(square->carry)
                      : getItemPointer(carryPtr, carry);
}
Value CpuKernels::transitionSlots() {
  if (isInSquare())
    return getSquareSlots(square->transition);
  return getItemPointer(summaryPtr, summary);
}
Value CpuKernels::exitSlots() {
  if (isInSquare())
    return getSquareSlots(square->exit);
  return gep(transitionSlots(), b.getI8Type(), extentBytes(transition));
}

/// Where `number` of the carrier's `count` numbers lies behind `base`.
Value CpuKernels::getSlot(const Carrier &carrier, Value base,
                          const InnerPoint &point, Value number,
                          llvm::function_ref<unsigned(const Carrier &)> count) {
  unsigned index = carrierOf[carrier.state];
  auto slotBytes = [&](const Carrier &other) {
    return getSlotLanes() * getBytes(other.type);
  };
  Value bytes = i64(0);
  for (unsigned other = 0; other < index; ++other)
    bytes = add(bytes,
                mul(getInnerProduct(innerDims[other]),
                    i64(count(carriers[other]) * slotBytes(carriers[other]))));
  Value linear = getInnerLinear(innerDims[index], point);
  if (count(carrier) != 1)
    linear = add(mul(linear, i64(count(carrier))), number);
  return gep(base, b.getI8Type(),
             add(bytes, mul(linear, i64(slotBytes(carrier)))));
}

Value CpuKernels::getComponentSlot(const Carrier &carrier, Value base,
                                   const InnerPoint &point, Value component) {
  return getSlot(carrier, base, point, component,
                 [](const Carrier &other) { return other.size; });
}

Value CpuKernels::getStateSlot(unsigned state, const InnerPoint &point,
                               Value base, int64_t lag) {
  const Carrier &carrier = carriers[carrierOf[state]];
  Value component = carrier.row >= 0     ? point[carrier.row]
                    : carrier.states > 1 ? i64(state - carrier.state)
                                         : i64(lag - 1);
  return getComponentSlot(carrier, base, point, component);
}

std::vector<Value> CpuKernels::loadVector(const Carrier &carrier, Value base,
                                          const InnerPoint &point, Type type) {
  std::vector<Value> values;
  for (unsigned i = 0; i < carrier.size; ++i)
    values.push_back(
        loadAligned(getComponentSlot(carrier, base, point, i64(i)), type));
  return values;
}

void CpuKernels::storeVector(const Carrier &carrier, Value base,
                             const InnerPoint &point, ArrayRef<Value> values) {
  for (auto [i, value] : llvm::enumerate(values))
    storeAligned(getComponentSlot(carrier, base, point, i64(i)), value);
}

Value CpuKernels::getTransitionSlot(const Carrier &carrier,
                                    const InnerPoint &point, unsigned entry) {
  return getSlot(carrier, transitionSlots(), point, i64(entry),
                 [](const Carrier &other) { return other.product.count(); });
}

/// The transition of the item's summary, without the rest.
Transition CpuKernels::loadTransition(const Carrier &carrier,
                                      const InnerPoint &point, Type type) {
  Transition map{carrier.product, {}, {}};
  map.rest.resize(carrier.size);
  for (unsigned i = 0; i < carrier.product.count(); ++i)
    map.entries.push_back(
        loadAligned(getTransitionSlot(carrier, point, i), type));
  return map;
}

void CpuKernels::storeTransition(const Carrier &carrier,
                                 const InnerPoint &point,
                                 ArrayRef<Value> entries) {
  for (auto [i, value] : llvm::enumerate(entries))
    storeAligned(getTransitionSlot(carrier, point, i), value);
}

//===----------------------------------------------------------------------===//
// Invariants
//===----------------------------------------------------------------------===//

Value CpuKernels::getInvariantSlot(Value value, const InnerPoint &point) {
  const Packed &entry = packed.find(value)->second;
  Value row = i64(0);
  if (block)
    row = mul(block, getInnerProduct(entry.inner));
  Value number = add(row, getInnerLinear(entry.inner, point));
  Value bytes = add(entry.base, mul(number, i64(entry.slotBytes)));
  return gep(scratchPtr, b.getI8Type(), bytes);
}

Value CpuKernels::loadInvariant(OpBuilder &builder, Location, Value value,
                                const InnerPoint &point) {
  if (square && !square->folds)
    if (auto table = square->elements.find(value);
        table != square->elements.end()) {
      b.restoreInsertionPoint(builder.saveInsertionPoint());
      return loadFromTable(table->second, value.getType());
    }
  if (packing || !packed.contains(value))
    return {};
  b.restoreInsertionPoint(builder.saveInsertionPoint());
  bool vector = laneDim >= 0 && emitterSets->getIndexSet(value).test(laneDim);
  Type type = getKernelType(value.getType(), vector ? width : 0);
  Value loaded = loadAligned(getInvariantSlot(value, point), type);
  return rows && vector ? permuteLanes(loaded, rows->channelLane) : loaded;
}

SmallVector<Value> CpuKernels::planInvariants(StepEmitter &emitter) {
  packed.clear();
  Value base = i64(0);
  SmallVector<Value> invariants;
  for (Value value : emitter.getInvariants()) {
    // Storage holds bytes; a truth value is recomputed instead.
    if (value.getType().isInteger(1))
      continue;
    int64_t slotBytes = getInvariantLanes() * getBytes(value.getType());
    SmallVector<unsigned> inner = getInnerList(emitter, value);
    packed[value] = {base, slotBytes, inner};
    base = add(base, mul(getInnerProduct(inner), i64(runItems * slotBytes)));
    invariants.push_back(value);
  }
  return invariants;
}

/// Fills the scratch of the run at `item`; all kernels that walk over time call
/// the same function for it, as they do it once a tile.
void CpuKernels::packInvariants(StepEmitter &emitter) {
  if (planInvariants(emitter).empty())
    return;
  SmallVector<Value> arguments(kernel.getArguments());
  arguments.push_back(item);
  func::CallOp::create(b, loc, symbols[Pack], TypeRange(), arguments);
}

LogicalResult CpuKernels::emitPack(StepEmitter &emitter) {
  SmallVector<Value> invariants = planInvariants(emitter);
  packing = true;
  time = {};
  LogicalResult result = forEachBlock([&]() {
    for (Value value : invariants)
      emitter.emitLoops(
          b, loc, packed.find(value)->second.inner,
          [&](OpBuilder &builder, const InnerPoint &point) {
            Value computed = emitter.emitValue(builder, value, point);
            b.restoreInsertionPoint(builder.saveInsertionPoint());
            storeAligned(getInvariantSlot(value, point), computed);
          });
    return success();
  });
  packing = false;
  return result;
}
