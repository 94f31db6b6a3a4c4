//===-- GpuStates.cpp - where GPU kernels keep their states ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a summary holds of the carriers, in registers or in the workspace, and
/// what the states start from.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/GpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Alignment of the parts of a workspace, in bytes.
static constexpr int64_t kWorkspaceAlignment = 256;

void GpuKernels::forEachPoint(
    unsigned state, llvm::function_ref<void(const InnerPoint &)> body) {
  emitter.emitLoops(b, loc, emitter.getInnerDims(state),
                    [&](OpBuilder &builder, const InnerPoint &point) {
                      OpBuilder::InsertionGuard guard(b);
                      b.restoreInsertionPoint(builder.saveInsertionPoint());
                      body(point);
                    });
}

void GpuKernels::forEachPoint(
    const Carrier &carrier, llvm::function_ref<void(const InnerPoint &)> body) {
  emitter.emitLoops(b, loc, innerDims[getNumber(carrier)],
                    [&](OpBuilder &builder, const InnerPoint &point) {
                      OpBuilder::InsertionGuard guard(b);
                      b.restoreInsertionPoint(builder.saveInsertionPoint());
                      body(point);
                    });
}

GpuKernels::Registers GpuKernels::makeRegisters(Summary summary) {
  Registers registers;
  for (const Carrier &carrier : carriers)
    registers.emplace_back(channels * pointCount[getNumber(carrier)] *
                           getCount(carrier, summary));
  return registers;
}

MutableArrayRef<mlir::Value>
GpuKernels::getChannel(Registers &registers, Summary summary,
                       const Carrier &carrier) const {
  int64_t count = pointCount[getNumber(carrier)] * getCount(carrier, summary);
  return MutableArrayRef(registers[getNumber(carrier)])
      .slice(channel * count, count);
}

bool GpuKernels::usesWorkspace(const Carrier &carrier, Summary summary) const {
  if (getCount(carrier, summary) == 0)
    return false;
  if (schedule.getAlgorithm() == "segments")
    return true;
  return summary == Summary::State && !inRegisters(carrier);
}

/// Row-major number of an inner point of a carrier.
Value GpuKernels::getInnerLinear(const Carrier &carrier,
                                 const InnerPoint &point) {
  Value linear;
  for (unsigned dim : innerDims[getNumber(carrier)])
    linear = linear ? add(mul(linear, sizes[dim]), point[dim]) : point[dim];
  return linear ? linear : i64(0);
}

/// Known where all positions are constants.
int64_t GpuKernels::getPointNumber(const Carrier &carrier,
                                   const InnerPoint &point) {
  int64_t number = 0;
  for (unsigned dim : innerDims[getNumber(carrier)]) {
    std::optional<int64_t> index = getConstantIntValue(point[dim]);
    if (!index)
      return -1;
    number = number * space.getSizes()[dim] + *index;
  }
  return number;
}

Value GpuKernels::read(Registers &registers, Summary summary,
                       const Carrier &carrier, const InnerPoint &point,
                       Value number) {
  if (!inRegisters(carrier))
    return load(getSlot(summary, carrier, point, number), carrier.type);
  MutableArrayRef<Value> values = getChannel(registers, summary, carrier);
  int64_t linear = getPointNumber(carrier, point);
  std::optional<int64_t> index = getConstantIntValue(number);
  unsigned count = getCount(carrier, summary);
  if (linear >= 0 && index)
    return values[linear * count + *index];
  // Registers have no addresses: choose.
  Value wanted = getInnerLinear(carrier, point);
  if (count != 1)
    wanted = add(mul(wanted, i64(count)), number);
  Value chosen = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    Value here =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, wanted, i64(i));
    chosen = selectParts(b, loc, here, values[i], chosen);
  }
  return chosen;
}

void GpuKernels::write(Registers &registers, Summary summary,
                       const Carrier &carrier, const InnerPoint &point,
                       Value number, Value value) {
  if (!inRegisters(carrier))
    return store(getSlot(summary, carrier, point, number), value);
  int64_t linear = getPointNumber(carrier, point);
  assert(linear >= 0 && "dims of carriers in registers are unrolled");
  getChannel(registers, summary, carrier)[linear * getCount(carrier, summary) +
                                          *getConstantIntValue(number)] = value;
}

std::vector<Value> GpuKernels::readVector(Registers &registers, Summary summary,
                                          const Carrier &carrier,
                                          const InnerPoint &point) {
  std::vector<Value> values;
  for (unsigned i = 0; i < getCount(carrier, summary); ++i)
    values.push_back(read(registers, summary, carrier, point, i64(i)));
  return values;
}

void GpuKernels::writeVector(Registers &registers, Summary summary,
                             const Carrier &carrier, const InnerPoint &point,
                             ArrayRef<Value> values) {
  for (auto [i, value] : llvm::enumerate(values))
    write(registers, summary, carrier, point, i64(i), value);
}

void GpuKernels::multiply(Registers &transition, const Carrier &carrier,
                          const Transition &map, const InnerPoint &point) {
  Transition before{carrier.product,
                    readVector(transition, Summary::Transition, carrier, point),
                    {}};
  before.rest.resize(carrier.size);
  writeVector(transition, Summary::Transition, carrier, point,
              getAlgebra(carrier).multiply(carrier, map, before));
}

Value GpuKernels::readState(Registers &registers, unsigned state,
                            const InnerPoint &point, int64_t lag) {
  const Carrier &carrier = carriers[carrierOf[state]];
  Value component = carrier.row >= 0     ? point[carrier.row]
                    : carrier.states > 1 ? i64(state - carrier.state)
                                         : i64(lag - 1);
  return read(registers, Summary::State, carrier, point, component);
}

Value GpuKernels::alignWorkspace(Value bytes) {
  bytes = add(bytes, i64(kWorkspaceAlignment - 1));
  return arith::AndIOp::create(b, loc, bytes, i64(-kWorkspaceAlignment));
}

/// Address of a number in the workspace: [segment][inner][item], so that
/// neighbouring threads touch neighbouring words.
Value GpuKernels::getSlot(Summary summary, const Carrier &carrier,
                          const InnerPoint &point, Value number) {
  auto getRows = [&](const Carrier &other, Summary part) {
    Value product = i64(getCount(other, part));
    for (unsigned dim : innerDims[getNumber(other)])
      product = mul(product, sizes[dim]);
    return product;
  };
  Value base = i64(0);
  for (const Carrier &other : carriers.take_front(getNumber(carrier) + 1))
    for (Summary part : {Summary::State, Summary::Transition}) {
      if (getNumber(other) == getNumber(carrier) && part == summary)
        break;
      if (!usesWorkspace(other, part))
        continue;
      Value count = mul(items, getRows(other, part));
      if (segments)
        count = mul(count, segments);
      Value bytes = mul(count, i64(getBytes(other.type)));
      base = add(base, alignWorkspace(bytes));
    }
  Value row = getInnerLinear(carrier, point);
  if (getCount(carrier, summary) != 1)
    row = add(mul(row, i64(getCount(carrier, summary))), number);
  if (segment)
    row = add(mul(segment, getRows(carrier, summary)), row);
  Value offset =
      add(base, mul(add(mul(row, items), item), i64(getBytes(carrier.type))));
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

std::vector<Value> GpuKernels::createStarts(const Carrier &carrier,
                                            const InnerPoint &point) {
  std::vector<Value> starts;
  for (unsigned i = 0; i < carrier.size; ++i) {
    InnerPoint at = point;
    if (carrier.row >= 0)
      at[carrier.row] = i64(i);
    starts.push_back(
        createStart(carrier.getState(i), at, carrier.lags > 1 ? i + 1 : 1));
  }
  return starts;
}

Value GpuKernels::createStart(unsigned state, const InnerPoint &point,
                              int64_t lag) {
  Attribute start = scan.getState(state).getStart(lag);
  int init = StateAttr::getInitOperand(start);
  if (init < 0)
    return makeLiteral(b, loc, start);
  unsigned argument = initArguments[init];
  AffineMap map = scan.getInitMap(init);
  return load(getPointer(argument, map, point), scan.getState(state).getType(),
              /*isInput=*/false, getAlignment(argument, map, point));
}
