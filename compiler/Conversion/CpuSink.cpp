//===-- CpuSink.cpp - what becomes of a CPU kernel's steps ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Updates of states, one step or a vector of steps at a time, and stores of
/// results. A vector of steps is an in-register scan (Hillis and Steele 1986)
/// of the steps' maps.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "compiler/Conversion/Marks.h"
#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// `value`, or zero below the normal range: products of decays end there, and
/// arithmetic on them takes a hundred times as long.
Value CpuKernels::flushTiny(const Carrier &carrier, Value value) {
  if (carrier.semiring != Semiring::PlusTimes)
    return value;
  if (isPair(value.getType()))
    return mapParts(b, loc, value, [&](ArrayRef<Value> part) {
      return flushTiny(carrier, part[0]);
    });
  auto element = cast<FloatType>(getElementTypeOrSelf(value.getType()));
  auto constant = [&](APFloat number) -> Value {
    TypedAttr attr = FloatAttr::get(element, number);
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      attr = DenseElementsAttr::get(vector, attr);
    return arith::ConstantOp::create(b, loc, attr);
  };
  const llvm::fltSemantics &semantics = element.getFloatSemantics();
  Value least = constant(APFloat::getSmallestNormalized(semantics));
  Value zero = constant(APFloat::getZero(semantics));
  Value tiny =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                            math::AbsFOp::create(b, loc, value), least);
  // (a zero may be marked)
  if (carrier.hasMarks())
    tiny = arith::AndIOp::create(
        b, loc, tiny,
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value, zero));
  return arith::SelectOp::create(b, loc, tiny, zero, value);
}

/// The vector at `base` moves on by one step.
void CpuKernels::Sink::move(const Carrier &carrier, const Transition &map,
                            Value base, const InnerPoint &point, Moved &moved) {
  Type type = k.getType(carrier);
  AlgebraEmitter algebra = k.getAlgebra(carrier, type);
  std::vector<Value> previous = k.loadVector(carrier, base, point, type);
  std::vector<Value> current = algebra.apply(carrier, map, previous);
  k.storeVector(carrier, base, point, current);
  moved.previous.assign(previous.begin(), previous.end());
  moved.current.assign(current.begin(), current.end());
}

/// The summary takes in one step.
void CpuKernels::Sink::fold(const Carrier &carrier, const Transition &map,
                            const InnerPoint &point, Value exponent) {
  Type type = k.getType(carrier);
  if (k.square && k.square->isFirst && !carrier.monoid) {
    // The summary of one step is the step.
    AlgebraEmitter algebra = k.getAlgebra(carrier, type);
    std::vector<Value> exit = algebra.neutral(carrier);
    for (auto [value, rest] : llvm::zip(exit, map.rest))
      value = rest.value_or(value);
    k.storeVector(carrier, k.exitSlots(), point, exit);
    if (!isUniform(carrier))
      k.storeTransition(carrier, point, algebra.widen(carrier, map).entries);
    return;
  }
  Moved exit;
  Transition step = map;
  if (!carrier.isAffine) { // b is the new state, not what is added to A h
    step.pattern = algebra::Pattern(carrier.size);
    step.entries.clear();
  }
  move(carrier, step, k.exitSlots(), point, exit);
  if (isUniform(carrier))
    return; // the powers are made once
  if (Decay decay = k.square ? Decay() : k.getDecay(carrier); decay.sum) {
    // (what all points share is added once)
    if (!decay.rate)
      k.addExponent(carrier, point, exponent);
    return;
  }
  AlgebraEmitter algebra = k.getAlgebra(carrier, type);
  std::vector<Value> entries =
      algebra.multiply(carrier, map, k.loadTransition(carrier, point, type));
  // (products of two steps are used once)
  if (!k.square || k.square->steps > 2)
    for (Value &entry : entries)
      entry = k.flushTiny(carrier, entry);
  k.storeTransition(carrier, point, entries);
}

SmallVector<Value> CpuKernels::Sink::enter(OpBuilder &builder, Location,
                                           const Carrier &carrier,
                                           const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  std::vector<Value> values =
      k.loadVector(carrier, getSlots(), point, k.getType(carrier));
  builder.restoreInsertionPoint(k.b.saveInsertionPoint());
  return SmallVector<Value>(values.begin(), values.end());
}

/// Puts into their tables what the replay of a square takes from its fold.
void CpuKernels::Sink::keepElements(const Carrier &carrier,
                                    const Transition &map) {
  auto yield = cast<YieldOp>(k.scan.getElements().front().getTerminator());
  auto keep = [&](int operand, Value value) {
    auto table = k.square->elements.find(yield.getOperand(operand));
    if (table != k.square->elements.end())
      k.storeToTable(table->second, value);
  };
  for (unsigned i = 0; i < carrier.size; ++i) {
    for (unsigned j = 0; j < carrier.size; ++j)
      if (carrier.step(i, j) == algebra::Entry::Any)
        keep(carrier.getEntryOperand(i, j),
             map.entries[carrier.step.index(i, j)]);
    if (map.rest[i])
      keep(carrier.getRestOperand(i), *map.rest[i]);
  }
}

StepSink::Moved CpuKernels::Sink::advance(OpBuilder &builder, Location,
                                          const Carrier &carrier,
                                          const Transition &map,
                                          const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  Moved moved;
  if ((k.timeLanes && !k.square && !k.segmentLanes) || k.rows) {
    moved = scanLanes(carrier, map, point);
    builder.restoreInsertionPoint(k.b.saveInsertionPoint());
    return moved;
  }
  Transition values = map;
  Value exponent;
  if (!map.entries.empty())
    if (auto power = map.entries[0].getDefiningOp<math::ExpOp>())
      exponent = power.getOperand();
  if (isVector(k.getType(carrier))) {
    for (Value &entry : values.entries)
      entry = k.vectorOf(entry);
    for (std::optional<Value> &rest : values.rest)
      if (rest)
        rest = k.vectorOf(*rest);
  }
  if (folds && k.square)
    keepElements(carrier, values);
  if (k.segmentLanes && !values.entries.empty()) {
    // (nobody asks for the Jacobian)
    values.pattern = algebra::Pattern(carrier.size);
    values.entries.clear();
  }
  if (folds)
    fold(carrier, values, point, exponent);
  else
    move(carrier, values, k.carrySlots(), point, moved);
  return moved;
}

Value CpuKernels::Sink::reload(OpBuilder &builder, Location, unsigned state,
                               const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  return k.loadAligned(k.getStateSlot(state, point, getSlots()),
                       k.getStateType(state));
}

void CpuKernels::Sink::store(OpBuilder &builder, Location, unsigned result,
                             Value value, const InnerPoint &point) {
  k.b.restoreInsertionPoint(builder.saveInsertionPoint());
  if (k.square)
    return k.storeToTable(k.square->results.lookup(result), value);
  if (auto strip = k.resultStrips.find(result); strip != k.resultStrips.end())
    return k.storeToStrip(strip->second, point, value);
  AffineMap map = k.getResultMap(result);
  Value guard = k.isFirstInMissingDims(map);
  OpBuilder::InsertionGuard keep(k.b);
  if (guard) {
    auto branch = scf::IfOp::create(k.b, k.loc, guard, /*withElse=*/false);
    k.b.setInsertionPoint(branch.thenBlock()->getTerminator());
  }
  unsigned argument = k.resultArguments[result];
  Address address =
      k.getAddress(argument, map, point, k.schedule.getContiguous());
  k.prefetch(argument, map, address, value.getType(), /*write=*/true);
  k.store(argument, address, value, k.mask);
}

//===----------------------------------------------------------------------===//
// Vectors of steps
//===----------------------------------------------------------------------===//

/// The lanes of `low` from `distance` on, and then the first ones of `high`. By
/// name, as LLVM has expansions and permutations of two registers for it when
/// they hold floats: on a Zen 4 they took 1.5 times as long.
Value CpuKernels::Sink::alignLanes(int64_t distance, Value low, Value high) {
  Type type = low.getType();
  bool wide = cast<VectorType>(type).getElementTypeBitWidth() == 64;
  std::string text = (Twine(wide ? "valignq" : "valignd") + " $$" +
                      Twine(distance) + ", $1, $2, $0")
                         .str();
  auto aligned = LLVM::InlineAsmOp::create(
      k.b, k.loc, TypeRange{type}, ValueRange{low, high}, text, "=v,v,v",
      /*has_side_effects=*/false, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  return aligned.getResult(0);
}

/// Each lane of `vector` from 2^stage steps before, from `fill` where there is
/// none.
Value CpuKernels::Sink::shiftLanes(unsigned stage, Value fill, Value vector) {
  if (isPair(vector.getType()))
    return mapParts(k.b, k.loc, {fill, vector}, [&](ArrayRef<Value> part) {
      return shiftLanes(stage, part[0], part[1]);
    });
  if (k.rows) {
    const Rows::Shift &shift = k.rows->shifts[stage];
    return arith::SelectOp::create(k.b, k.loc, shift.inside,
                                   k.permuteLanes(vector, shift.lanes), fill);
  }
  SmallVector<int64_t> lanes(k.width);
  int64_t distance = int64_t(1) << stage;
  bool upwards = true, downwards = true;
  for (int64_t i = 0; i < k.width; ++i) {
    int64_t lane = k.getLaneOfSegment(i);
    upwards &= lane == i;
    downwards &= lane == k.width - 1 - i;
    lanes[lane] =
        i < distance ? lane : k.width + k.getLaneOfSegment(i - distance);
  }
  // (all lanes of `fill` are equal)
  unsigned bits =
      getElementTypeOrSelf(vector.getType()).getIntOrFloatBitWidth();
  if ((upwards || downwards) && k.schedule.getTarget() == "x86-64-v4" &&
      (bits == 32 || bits == 64) && k.width * bits == 512)
    return upwards ? alignLanes(k.width - distance, fill, vector)
                   : alignLanes(distance, vector, fill);
  return vector::ShuffleOp::create(k.b, k.loc, fill, vector, lanes);
}

SmallVector<std::vector<Value>>
CpuKernels::Sink::composePrefixes(const Carrier &carrier, Transition map) {
  AlgebraEmitter algebra =
      k.getAlgebra(carrier, getKernelType(carrier.type, k.width));
  SmallVector<std::vector<Value>> prefixes{map.entries};
  for (unsigned stage = 0; !isLastStage(stage); ++stage) {
    Transition earlier = algebra.identity(carrier);
    for (auto [fill, value] : llvm::zip(earlier.entries, map.entries))
      fill = shiftLanes(stage, fill, value);
    std::vector<Value> entries = algebra.multiply(carrier, map, earlier);
    for (Value &entry : entries)
      entry = k.flushTiny(carrier, entry);
    if (k.rows)
      for (auto [entry, before] : llvm::zip(entries, map.entries))
        entry =
            selectParts(k.b, k.loc, k.rows->shifts[stage].used, entry, before);
    map.entries = entries;
    prefixes.push_back(std::move(entries));
  }
  return prefixes;
}

/// The prefixes of a carrier's entries if they are known: between steps that
/// are masked out they would be others.
ArrayRef<std::vector<Value>>
CpuKernels::Sink::getPrefixes(const Carrier &carrier) const {
  if (k.mask && !k.rows)
    return {};
  return k.prefixes[k.carrierOf[carrier.state]];
}

/// The maps of all prefixes of the lanes' steps, from `stage` on.
Transition CpuKernels::Sink::compose(const Carrier &carrier, unsigned stage,
                                     const Transition &map, bool segments) {
  if (isLastStage(stage))
    return map;
  Type type = getKernelType(carrier.type, k.width);
  AlgebraEmitter algebra = k.getAlgebra(carrier, type);
  ArrayRef<std::vector<Value>> known = getPrefixes(carrier);
  auto compose = [&]() {
    Transition earlier = algebra.identity(carrier);
    for (auto [fill, value] : llvm::zip(earlier.rest, map.rest))
      fill = shiftLanes(stage, *fill, *value);
    if (known.empty())
      for (auto [fill, value] : llvm::zip(earlier.entries, map.entries))
        fill = shiftLanes(stage, fill, value);
    Transition both = algebra.compose(carrier, map, earlier);
    if (!known.empty())
      both.entries = known[stage + 1];
    else if (segments)
      for (Value &entry : both.entries)
        entry = k.flushTiny(carrier, entry);
    return this->compose(carrier, stage + 1, both, segments);
  };
  if (!k.rows || stage == 0)
    return compose();
  auto yield = [&](const Transition &values) {
    SmallVector<Value> list;
    if (known.empty())
      llvm::append_range(list, values.entries);
    for (const std::optional<Value> &rest : values.rest)
      list.push_back(*rest);
    scf::YieldOp::create(k.b, k.loc, list);
  };
  unsigned count = known.empty() ? map.entries.size() : 0;
  auto branch = scf::IfOp::create(
      k.b, k.loc, SmallVector<Type>(count + carrier.size, type),
      k.rows->shifts[stage].used, /*withElse=*/true);
  k.b.setInsertionPointToEnd(branch.thenBlock());
  yield(compose());
  k.b.setInsertionPointToEnd(branch.elseBlock());
  yield(map);
  k.b.setInsertionPointAfter(branch);
  Transition result = map;
  unsigned next = 0;
  if (known.empty())
    for (Value &entry : result.entries)
      entry = branch.getResult(next++);
  else
    result.entries = known.back();
  for (std::optional<Value> &rest : result.rest)
    rest = branch.getResult(next++);
  return result;
}

/// As `compose`, of maps that may start anew. Which lanes' do is one bit each,
/// found beside the maps and not in them: those stay as they are, and are
/// marked once.
Transition CpuKernels::Sink::composeMarked(const Carrier &carrier,
                                           Transition map, bool segments) {
  Type type = getKernelType(carrier.type, k.width);
  AlgebraEmitter algebra = k.getAlgebra(carrier, type);
  Carrier plain = carrier;
  plain.anew = -1;
  Value anew = isAnew(k.b, k.loc, carrier, map);
  Value none = makeNumber(k.b, k.loc, anew.getType(), 0);
  for (unsigned stage = 0; !isLastStage(stage); ++stage) {
    Transition earlier = algebra.identity(carrier);
    for (auto [fill, value] : llvm::zip(earlier.entries, map.entries))
      fill = shiftLanes(stage, fill, value);
    for (auto [fill, value] : llvm::zip(earlier.rest, map.rest))
      fill = shiftLanes(stage, *fill, *value);
    Transition both = algebra.compose(plain, map, earlier);
    for (auto [entry, own] : llvm::zip(both.entries, map.entries)) {
      if (segments)
        entry = k.flushTiny(plain, entry);
      entry = selectParts(k.b, k.loc, anew, own, entry);
    }
    for (auto [rest, own] : llvm::zip(both.rest, map.rest))
      rest = selectParts(k.b, k.loc, anew, *own, *rest);
    map = both;
    anew =
        arith::OrIOp::create(k.b, k.loc, anew, shiftLanes(stage, none, anew));
  }
  unsigned marked = map.pattern.index(carrier.markRow, carrier.markColumn);
  Value zero = algebra.zero();
  for (auto [i, entry] : llvm::enumerate(map.entries))
    entry = i == marked ? algebra.mark(anew, entry)
                        : selectParts(k.b, k.loc, anew, zero, entry);
  return map;
}

/// Composes the maps of a vector of steps, applies them to the vector before
/// them and returns {h_{t-1}, h_t} for each lane. With lanes along time a slot
/// is one number, with several rows a vector that repeats the channels.
StepSink::Moved CpuKernels::Sink::scanLanes(const Carrier &carrier,
                                            const Transition &step,
                                            const InnerPoint &point,
                                            bool segments) {
  Type type = getKernelType(carrier.type, k.width);
  AlgebraEmitter algebra = k.getAlgebra(carrier, type);
  Transition map = algebra.widen(carrier, step);
  Transition identity = algebra.identity(carrier);
  auto prepare = [&](Value &value, Value otherwise) {
    value = k.vectorOf(value);
    // The identity where there is no step; of several rows those that are there
    // come first, and nothing is taken from the others.
    if (k.mask && !k.rows)
      value = selectParts(k.b, k.loc, k.mask, value, otherwise);
  };
  for (auto [entry, otherwise] : llvm::zip(map.entries, identity.entries))
    prepare(entry, otherwise);
  for (auto [rest, otherwise] : llvm::zip(map.rest, identity.rest))
    prepare(*rest, *otherwise);
  if (ArrayRef<std::vector<Value>> known = getPrefixes(carrier); !known.empty())
    map.entries = known.front();
  map = carrier.hasMarks() && !k.rows ? composeMarked(carrier, map, segments)
                                      : compose(carrier, 0, map, segments);
  // Slots hold the last of their lanes' values.
  Type slotType = k.rows ? type : getKernelType(carrier.type);
  auto spread = [&](Value value) { return k.vectorOf(value); };
  auto last = [&](Value value) -> Value {
    if (k.rows)
      return k.permuteLanes(value, k.rows->lastLane);
    return mapParts(k.b, k.loc, value, [&](ArrayRef<Value> part) -> Value {
      return vector::ExtractOp::create(k.b, k.loc, part[0],
                                       k.getLaneOfSegment(k.width - 1));
    });
  };
  // The state before a square is one number.
  llvm::SaveAndRestore outside(k.outsideSquare, true);
  Value base = folds ? k.exitSlots() : k.carrySlots();
  std::vector<Value> entry = k.loadVector(carrier, base, point, slotType);
  llvm::transform(entry, entry.begin(), spread);
  std::vector<Value> next = algebra.apply(carrier, map, entry);
  k.storeVector(carrier, base, point, llvm::map_to_vector(next, last));
  Moved moved;
  if (folds) {
    if (isUniform(carrier))
      return moved;
    Transition before = k.loadTransition(carrier, point, slotType);
    llvm::transform(before.entries, before.entries.begin(), spread);
    SmallVector<Value> entries;
    for (Value product : algebra.multiply(carrier, map, before))
      entries.push_back(k.flushTiny(carrier, last(product)));
    k.storeTransition(carrier, point, entries);
    return moved;
  }
  for (auto [before, after] : llvm::zip(entry, next))
    moved.previous.push_back(shiftLanes(0, before, after));
  moved.current.assign(next.begin(), next.end());
  return moved;
}
