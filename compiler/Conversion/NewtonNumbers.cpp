//===-- NewtonNumbers.cpp - gaps, and what threads share ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Which states are the same, near or no numbers; states as values that loops
/// carry, and in shared memory.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/NewtonKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

/// Equal, or both no number.
Value NewtonKernels::isSame(Value x, Value y) {
  Value equal = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, x, y);
  Value neither = arith::AndIOp::create(
      b, loc, arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x),
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, y, y));
  return arith::OrIOp::create(b, loc, equal, neither);
}

Value NewtonKernels::constant(Type type, double value) {
  return arith::ConstantOp::create(b, loc, FloatAttr::get(type, value));
}

NewtonKernels::Registers NewtonKernels::fill(const Registers &like,
                                             double value) {
  Registers filled = like;
  for (Value *number : getSlots({&filled}))
    *number = constant(number->getType(), value);
  return filled;
}

Value NewtonKernels::getDistance(Value x, Value y) {
  return math::AbsFOp::create(b, loc, arith::SubFOp::create(b, loc, x, y));
}

/// The distance relative to `scale`, in f32; 0 of equal values, infinite ones
/// and no numbers too.
Value NewtonKernels::getGap(Value x, Value y, Value scale) {
  Value gap = arith::SelectOp::create(
      b, loc, isSame(x, y), constant(x.getType(), 0),
      arith::DivFOp::create(b, loc, getDistance(x, y), scale));
  if (gap.getType().isF64())
    gap = arith::TruncFOp::create(b, loc, b.getF32Type(), gap);
  return gap;
}

/// |x - y| > tolerance scale, or one of them no number.
Value NewtonKernels::isFar(Value x, Value y, Value scale) {
  Value bound =
      arith::MulFOp::create(b, loc, constant(x.getType(), tolerance), scale);
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGT,
                               getDistance(x, y), bound);
}

/// Whether the entries of any row of a transition sum up to more than 1, or to
/// no number: else the largest error does not grow by it.
Value NewtonKernels::mayGrow(const Registers &transition) {
  Value grows = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  forEachVector([&](const Carrier &carrier, unsigned number, unsigned point) {
    AlgebraEmitter algebra = getAlgebra(carrier);
    unsigned count = carrier.product.count();
    ArrayRef<Value> entries =
        ArrayRef(transition[number]).slice(point * count, count);
    Transition map{carrier.product, {entries.begin(), entries.end()}, {}};
    for (unsigned row = 0; row < carrier.size; ++row) {
      if (carrier.isLinear[row])
        continue;
      Value sum;
      for (unsigned column = 0; column < carrier.size; ++column) {
        if (carrier.product(row, column) == algebra::Entry::Zero)
          continue;
        Value size = math::AbsFOp::create(
            b, loc, algebra::getEntry(algebra, map, row, column));
        sum = sum ? arith::AddFOp::create(b, loc, sum, size).getResult() : size;
      }
      if (sum)
        grows = arith::OrIOp::create(
            b, loc, grows,
            arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGT, sum,
                                  constant(carrier.type, 1)));
    }
  });
  return grows;
}

/// Whether a state is infinite or no number.
Value NewtonKernels::isAnyWild(const Registers &registers) {
  Value wild = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  for (Value value : flatten(registers))
    wild = arith::OrIOp::create(
        b, loc, wild,
        arith::CmpFOp::create(
            b, loc, arith::CmpFPredicate::UGE,
            math::AbsFOp::create(b, loc, value),
            constant(value.getType(),
                     std::numeric_limits<double>::infinity())));
  return wild;
}

Value NewtonKernels::isChanged(const Registers &guess, const Registers &entry,
                               const Registers &scales, Value exactly,
                               double linearShare) {
  Value changed = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  double whole = tolerance;
  for (auto [x, y, scale, linear] : llvm::zip(
           flatten(entry), flatten(guess), flatten(scales), flattenLinear())) {
    if (linear && linearShare == 0)
      continue;
    tolerance = linear ? linearShare * whole : whole;
    Value far = isFar(x, y, scale);
    tolerance = whole;
    if (exactly && !linear)
      far = arith::OrIOp::create(b, loc, far, exactly);
    Value here = arith::AndIOp::create(
        b, loc, far,
        arith::XOrIOp::create(
            b, loc, isSame(x, y),
            arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
    changed = arith::OrIOp::create(b, loc, changed, here);
  }
  return changed;
}

/// scale := max(scale, |size|), of what is finite.
void NewtonKernels::include(Value size, Value &scale) {
  Value magnitude = math::AbsFOp::create(b, loc, size);
  Value takes = arith::AndIOp::create(
      b, loc,
      arith::CmpFOp::create(
          b, loc, arith::CmpFPredicate::OLT, magnitude,
          constant(size.getType(), std::numeric_limits<double>::infinity())),
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, magnitude,
                            scale));
  scale = arith::SelectOp::create(b, loc, takes, magnitude, scale);
}

void NewtonKernels::includeAll(const Registers &states, Registers &scale) {
  for (auto [value, size] : llvm::zip(flatten(states), getSlots({&scale})))
    include(value, *size);
}

//===----------------------------------------------------------------------===//
// Over a block
//===----------------------------------------------------------------------===//

/// A word with a bit for each channel of the block: whether it is so for any
/// of its segments.
Value NewtonKernels::findAny(Value changed) {
  Value word = callIntrinsic("llvm.nvvm.vote.ballot.sync", {i32(-1), changed},
                             b.getI32Type());
  for (int64_t distance = kWarp / 2; distance >= group; distance /= 2)
    word = arith::OrIOp::create(
        b, loc, word, arith::ShRUIOp::create(b, loc, word, i32(distance)));
  if (group < kWarp)
    word = arith::AndIOp::create(b, loc, word, i32((int64_t(1) << group) - 1));
  return combineWarps(word);
}

Value NewtonKernels::isSet(Value word) {
  Value bit = arith::AndIOp::create(
      b, loc, arith::ShRUIOp::create(b, loc, word, toI32(lane)), i32(1));
  return compare(arith::CmpIPredicate::ne, bit, i32(0));
}

/// The bits that any warp of the block has set.
Value NewtonKernels::combineWarps(Value word) {
  auto getFlag = [&](Value number) {
    return at(flags, arith::MulIOp::create(b, loc, toI32(number), i32(4)));
  };
  Value isFirst = compare(arith::CmpIPredicate::eq, thread, i64(0));
  when(isFirst, [&] { LLVM::StoreOp::create(b, loc, word, getFlag(warp)); });
  gpu::BarrierOp::create(b, loc);
  Value any = i32(0);
  for (int64_t number = 0; number < warps; ++number)
    any = arith::OrIOp::create(
        b, loc, any,
        LLVM::LoadOp::create(b, loc, b.getI32Type(), getFlag(i64(number))));
  return any;
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

bool NewtonKernels::hasLinear() const {
  return llvm::any_of(
      carriers, [](const Carrier &carrier) { return carrier.hasLinear(); });
}

/// By state of a list of registers, whether it is of a linear part.
SmallVector<bool> NewtonKernels::flattenLinear() const {
  SmallVector<bool> linear;
  for (const Carrier &carrier : carriers)
    for (unsigned point = 0; point < pointCount[getNumber(carrier)]; ++point)
      llvm::append_range(linear, carrier.isLinear);
  return linear;
}

SmallVector<Value> NewtonKernels::flatten(const Registers &registers) {
  SmallVector<Value> values;
  for (const auto &list : registers)
    llvm::append_range(values, list);
  return values;
}

SmallVector<Value> NewtonKernels::flatten(const Iteration &now) {
  SmallVector<Value> values = flatten(now.entry);
  llvm::append_range(values, flatten(now.scale));
  values.append({now.pass, now.count, now.active});
  return values;
}

void NewtonKernels::assign(Iteration &now, ValueRange values) {
  unsigned states = (values.size() - 3) / 2;
  assign(now.entry, values.take_front(states));
  assign(now.scale, values.slice(states, states));
  now.pass = values[values.size() - 3];
  now.count = values[values.size() - 2];
  now.active = values.back();
}

SmallVector<Value> NewtonKernels::flatten(const Findings &findings) {
  SmallVector<Value> values = flatten(findings.scale);
  values.append({findings.passes, findings.flags, findings.residual});
  return values;
}

void NewtonKernels::assign(Findings &findings, ValueRange values) {
  assign(findings.scale, values.drop_back(3));
  findings.passes = values[values.size() - 3];
  findings.flags = values[values.size() - 2];
  findings.residual = values.back();
}

void NewtonKernels::assign(Registers &registers, ValueRange values) {
  auto next = values.begin();
  for (auto &list : registers)
    for (Value &value : list)
      value = *next++;
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// How many numbers of a channel and segment, or warp, of all carriers.
int64_t NewtonKernels::getNumbers(Part part) const {
  int64_t numbers = 0;
  for (const Carrier &carrier : carriers)
    numbers += pointCount[getNumber(carrier)] * getCount(carrier, part);
  return numbers;
}

int64_t NewtonKernels::getNumberBytes() const {
  bool wide = llvm::any_of(
      carriers, [](const Carrier &carrier) { return carrier.type.isF64(); });
  return wide ? 8 : 4;
}

/// A number takes as many bytes as the widest state.
int64_t NewtonKernels::getSharedBytes() const {
  int64_t numbers = 0;
  for (Part part : kParts)
    numbers += getNumbers(part) * getRows(part);
  return getNumberBytes() * group * numbers;
}

/// [number][segment or warp][lane], so that neighbouring lanes touch
/// neighbouring words.
Value NewtonKernels::getShared(Part part, const Carrier &carrier,
                               unsigned number, Value row) {
  int64_t first = 0;
  for (Part before : kParts) {
    if (before == part)
      break;
    first += getNumbers(before) * getRows(before);
  }
  for (const Carrier &other : carriers.take_front(getNumber(carrier)))
    first +=
        pointCount[getNumber(other)] * getCount(other, part) * getRows(part);
  Value at = add(i64(first + number * getRows(part)), row);
  return GpuKernels::at(summaries, toI32(mul(add(mul(at, i64(group)), lane),
                                             i64(getNumberBytes()))));
}

NewtonKernels::Registers NewtonKernels::loadShared(Part part, Summary summary,
                                                   Value row) {
  Registers registers = makeRegisters(summary);
  for (const Carrier &carrier : carriers)
    for (auto [i, value] : llvm::enumerate(registers[getNumber(carrier)]))
      value = LLVM::LoadOp::create(b, loc, carrier.type,
                                   getShared(part, carrier, i, row));
  return registers;
}

/// The exits of a segment.
NewtonKernels::Registers NewtonKernels::loadExits(Value segment) {
  return loadShared(Part::Exit, Summary::State, segment);
}

void NewtonKernels::storeShared(Part part, const Registers &registers,
                                Value row) {
  for (const Carrier &carrier : carriers)
    for (auto [i, value] : llvm::enumerate(registers[getNumber(carrier)]))
      LLVM::StoreOp::create(b, loc, value, getShared(part, carrier, i, row));
}
