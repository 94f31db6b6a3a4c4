//===-- TileMaps.cpp - the maps of tiles and how they travel --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Composition and application of the maps of several steps, the powers of
/// transitions that do not vary over time, and maps as parts of 32 or 64 bits
/// in shuffles and shared memory.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

//===----------------------------------------------------------------------===//
// The algebra
//===----------------------------------------------------------------------===//

TileKernels::State TileKernels::getNeutral(unsigned carrier) {
  return getAlgebra(carriers[carrier]).neutral(carriers[carrier]);
}

/// What the states start from, at the current position.
TileKernels::States TileKernels::createStartsOfAll() {
  States starts;
  for (const Carrier &carrier : carriers)
    starts.push_back(createStarts(carrier, InnerPoint(space.getRank())));
  return starts;
}

/// Every part of the map a value, in the pattern of tiles.
TileKernels::Map TileKernels::widen(unsigned carrier, const Transition &map) {
  AlgebraEmitter algebra = getAlgebra(carriers[carrier]);
  Map wide = algebra::widen(algebra, map, patterns[carrier]);
  for (std::optional<Value> &rest : wide.rest)
    if (!rest)
      rest = algebra.zero();
  return wide;
}

TileKernels::Map TileKernels::getIdentity(unsigned carrier) {
  AlgebraEmitter algebra = getAlgebra(carriers[carrier]);
  Map identity = widen(carrier, algebra::makeIdentity<AlgebraEmitter, Value>(
                                    algebra, patterns[carrier]));
  State rest = getNeutral(carrier);
  identity.rest.assign(rest.begin(), rest.end());
  return identity;
}

/// While maps of several steps are combined, that of a constant leaves no trace
/// of the state before, not even of one that is not finite: packed sequences do
/// not touch each other.
Value TileKernels::isApart(unsigned carrier, const Map &map) {
  Type part = getPart(carrier);
  // (the element of a monoid says itself whether it stands alone)
  if (!isPacked() || !isCombining || !isa<FloatType>(part) ||
      carriers[carrier].monoid)
    return {};
  SmallVector<Value> parts, zeros;
  for (Value entry : map.entries) {
    appendParts(entry, parts);
    appendParts(getAlgebra(carriers[carrier]).zero(), zeros);
  }
  Value apart;
  for (auto [value, none] : llvm::zip(parts, zeros)) {
    Value here =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, value, none);
    apart = apart ? arith::AndIOp::create(b, loc, apart, here) : here;
  }
  return apart;
}

/// Computes numbers of a carrier without telling opposite infinities from
/// others, and again, as it must be, if some come out as no numbers. (Sums of
/// exponentials are so much code that twice as much would not fit in
/// registers.)
TileKernels::State
TileKernels::computeFast(unsigned carrier,
                         llvm::function_ref<State(AlgebraEmitter &)> compute) {
  AlgebraEmitter algebra = getAlgebra(carriers[carrier]);
  if (getOrder(carrier) < 3 || !isa<FloatType>(getPart(carrier)) ||
      carriers[carrier].monoid ||
      carriers[carrier].semiring == Semiring::PlusTimes ||
      carriers[carrier].semiring == Semiring::LogSumExp)
    return compute(algebra);
  algebra.setGuards(false);
  State fast = compute(algebra);
  Value all;
  for (Value number : fast)
    all = all ? arith::MaximumFOp::create(b, loc, all, number).getResult()
              : number;
  Value isNone =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, all, all);
  auto again = scf::IfOp::create(b, loc, ValueRange(fast).getTypes(), isNone,
                                 /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(again.elseBlock());
  scf::YieldOp::create(b, loc, fast);
  b.setInsertionPointToEnd(again.thenBlock());
  algebra.setGuards(true);
  scf::YieldOp::create(b, loc, compute(algebra));
  ValueRange results = again.getResults();
  return State(results.begin(), results.end());
}

TileKernels::State TileKernels::apply(unsigned carrier, const Map &map,
                                      const State &state) {
  State next = computeFast(carrier, [&](AlgebraEmitter &algebra) {
    return algebra.apply(carriers[carrier], map, state);
  });
  if (Value apart = isApart(carrier, map))
    for (auto [value, rest] : llvm::zip(next, map.rest))
      value = selectParts(b, loc, apart, *rest, value);
  return next;
}

TileKernels::State TileKernels::getRest(const Transition &map) {
  State state;
  for (const std::optional<Value> &part : map.rest)
    state.push_back(*part);
  return state;
}

TileKernels::State TileKernels::open(unsigned carrier, const State &state) {
  // (of packed sequences maps that leave nothing are told apart)
  State result = state;
  if (!isPacked())
    for (Value &number : result)
      number = getAlgebra(carriers[carrier]).open(number);
  return result;
}

TileKernels::State TileKernels::close(unsigned carrier, const State &state) {
  State result = state;
  for (Value &number : result)
    number = getAlgebra(carriers[carrier]).close(number);
  return result;
}

TileKernels::Map TileKernels::open(unsigned carrier, const Map &map) {
  State rest = open(carrier, getRest(map));
  return {map.pattern, map.entries, {rest.begin(), rest.end()}};
}

TileKernels::Map TileKernels::close(unsigned carrier, const Map &map) {
  State rest = close(carrier, getRest(map));
  return {map.pattern, map.entries, {rest.begin(), rest.end()}};
}

/// The map of `first` and then `second`, which may be that of one step.
TileKernels::Map TileKernels::compose(unsigned carrier, const Map &first,
                                      const Transition &second) {
  State all = computeFast(carrier, [&](AlgebraEmitter &algebra) {
    State numbers =
        algebra.multiply(carriers[carrier], second, first, patterns[carrier]);
    llvm::append_range(
        numbers, algebra.apply(carriers[carrier], second, getRest(first)));
    return numbers;
  });
  auto firstOffset = all.begin() + patterns[carrier].count();
  Map map{
      patterns[carrier], {all.begin(), firstOffset}, {firstOffset, all.end()}};
  Value apart = isApart(carrier, second);
  if (!apart)
    return map;
  if (second.pattern == patterns[carrier])
    for (auto [entry, other] : llvm::zip(map.entries, second.entries))
      entry = selectParts(b, loc, apart, other, entry);
  for (auto [value, rest] : llvm::zip(map.rest, second.rest))
    value = selectParts(b, loc, apart, *rest, *value);
  return map;
}

TileKernels::Map TileKernels::select(Value condition, const Map &x,
                                     const Map &y) {
  Map map = x;
  for (auto [value, other] : llvm::zip(map.entries, y.entries))
    value = selectParts(b, loc, condition, value, other);
  for (auto [value, other] : llvm::zip(map.rest, y.rest))
    value = selectParts(b, loc, condition, *value, *other);
  return map;
}

TileKernels::State TileKernels::select(Value condition, const State &x,
                                       const State &y) {
  State state = x;
  for (auto [value, other] : llvm::zip(state, y))
    value = selectParts(b, loc, condition, value, other);
  return state;
}

/// Powers are computed in f64: squaring doubles the error of what it squares.
TileKernels::Powers TileKernels::getPowers(unsigned number,
                                           const Transition &step) {
  const Carrier &carrier = carriers[number];
  const algebra::Pattern &pattern = patterns[number];
  Type type = carrier.type;
  bool widens =
      carrier.semiring == Semiring::PlusTimes && getPart(number).isF32();
  if (widens)
    type = isa<ComplexType>(type) ? Type(ComplexType::get(b.getF64Type()))
                                  : b.getF64Type();
  AlgebraEmitter algebra(b, loc, carrier.semiring, getKernelType(type));
  Transition once{step.pattern, {}, {}};
  for (Value entry : step.entries)
    once.entries.push_back(widens
                               ? mapParts(b, loc, entry,
                                          [&](ArrayRef<Value> v) -> Value {
                                            return arith::ExtFOp::create(
                                                b, loc, b.getF64Type(), v[0]);
                                          })
                               : entry);
  auto multiply = [&](const Transition &later, const Transition &earlier) {
    return Transition{
        pattern, algebra::multiply(algebra, later, earlier, pattern), {}};
  };
  auto narrow = [&](const Transition &power) {
    std::vector<Value> entries = power.entries;
    if (widens)
      for (Value &entry : entries)
        entry = mapParts(b, loc, entry, [&](ArrayRef<Value> v) -> Value {
          return arith::TruncFOp::create(b, loc, b.getF32Type(), v[0]);
        });
    return entries;
  };
  once.rest.resize(carrier.size);
  auto raise = [&](const Transition &map, uint64_t exponent) {
    Transition power = algebra::widen(algebra, map, pattern);
    for (uint64_t bit = llvm::bit_floor(exponent) / 2; bit; bit /= 2) {
      power = multiply(power, power);
      if (exponent & bit)
        power = multiply(map, power);
    }
    return power;
  };
  Transition power = raise(once, steps);
  Powers powers;
  powers.levels.push_back(narrow(power));
  AlgebraEmitter narrowAlgebra = getAlgebra(carrier);
  Map before = getIdentity(number);
  for (int64_t distance = group; distance < kWarp; distance *= 2) {
    Transition level{pattern, powers.levels.back(), {}};
    Value bit = arith::AndIOp::create(b, loc, lane, i32(distance));
    bit = compare(arith::CmpIPredicate::ne, bit, i32(0));
    Map with{pattern, algebra::multiply(narrowAlgebra, level, before, pattern),
             before.rest};
    before = select(bit, with, before);
    power = multiply(power, power);
    powers.levels.push_back(narrow(power));
  }
  powers.lane = before.entries;
  if (!looksWide())
    return powers;
  power.rest.resize(carrier.size);
  power = raise(power, chunks * warps);
  powers.tiles.push_back(narrow(power));
  for (int64_t distance = 1; distance < kWarp; distance *= 2) {
    power = multiply(power, power);
    powers.tiles.push_back(narrow(power));
  }
  return powers;
}

//===----------------------------------------------------------------------===//
// Parts of numbers
//===----------------------------------------------------------------------===//

/// The type of the parts of a carrier's numbers; truth values travel as words.
Type TileKernels::getPart(unsigned carrier) const {
  Type part = getPartType(getKernelType(carriers[carrier].type));
  return part.isInteger(1) ? Type(IntegerType::get(part.getContext(), 32))
                           : part;
}

/// How many parts a number has.
int64_t TileKernels::getParts(unsigned carrier) const {
  return isa<ComplexType>(carriers[carrier].type) ? 2 : 1;
}

void TileKernels::appendParts(Value number, SmallVectorImpl<Value> &parts) {
  if (isPair(number.getType())) {
    parts.push_back(recur::getPart(b, loc, number, 0));
    parts.push_back(recur::getPart(b, loc, number, 1));
    return;
  }
  if (number.getType().isInteger(1))
    number = arith::ExtUIOp::create(b, loc, b.getI32Type(), number);
  parts.push_back(number);
}

/// Numbers of a carrier from their parts, which are removed.
TileKernels::State TileKernels::takeNumbers(unsigned carrier, unsigned count,
                                            ArrayRef<Value> &parts) {
  State numbers;
  for (unsigned i = 0; i < count; ++i) {
    Value number = parts.front();
    if (getParts(carrier) == 2)
      number = makePair(b, loc, parts[0], parts[1]);
    else if (carriers[carrier].type.isInteger(1))
      number = compare(arith::CmpIPredicate::ne, number, i32(0));
    parts = parts.drop_front(getParts(carrier));
    numbers.push_back(number);
  }
  return numbers;
}

Value TileKernels::shuffleNumber(Value value, Value from,
                                 gpu::ShuffleMode mode) {
  return mapParts(b, loc, value, [&](ArrayRef<Value> v) -> Value {
    if (!v[0].getType().isInteger(1))
      return GpuKernels::shuffle(v[0], from, mode);
    Value word = arith::ExtUIOp::create(b, loc, b.getI32Type(), v[0]);
    return compare(arith::CmpIPredicate::ne,
                   GpuKernels::shuffle(word, from, mode), i32(0));
  });
}

/// The map of another thread; transitions that are uniform stay.
TileKernels::Map TileKernels::shuffle(unsigned carrier, const Map &map,
                                      Value from, gpu::ShuffleMode mode) {
  Map moved = map;
  if (!isUniform(carrier))
    for (Value &entry : moved.entries)
      entry = shuffleNumber(entry, from, mode);
  for (std::optional<Value> &rest : moved.rest)
    rest = shuffleNumber(*rest, from, mode);
  return moved;
}

/// Numbers as they are stored, in one vector of parts, or the only part.
Value TileKernels::packStorage(ArrayRef<Value> numbers) {
  SmallVector<Value> parts;
  for (Value number : numbers) {
    if (isPair(number.getType())) {
      appendParts(number, parts);
      continue;
    }
    Type storage = getStorageType(number.getType());
    parts.push_back(storage == number.getType()
                        ? number
                        : arith::ExtUIOp::create(b, loc, storage, number));
  }
  if (parts.size() == 1)
    return parts.front();
  Value packed = LLVM::UndefOp::create(
      b, loc, VectorType::get({int64_t(parts.size())}, parts[0].getType()));
  for (auto [i, part] : llvm::enumerate(parts))
    packed = LLVM::InsertElementOp::create(b, loc, packed, part, i32(i));
  return packed;
}

/// Number `number` of what packStorage makes.
Value TileKernels::unpackStorage(Value packed, int64_t number, Type element) {
  auto getPart = [&](int64_t part) -> Value {
    return isa<VectorType>(packed.getType())
               ? LLVM::ExtractElementOp::create(b, loc, packed, i32(part))
                     .getResult()
               : packed;
  };
  if (isa<ComplexType>(element)) {
    Value re = getPart(2 * number);
    return makePair(b, loc, re, getPart(2 * number + 1));
  }
  Value value = getPart(number);
  if (value.getType() == element)
    return value;
  Value none =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, none);
}

//===----------------------------------------------------------------------===//
// Records in shared memory
//===----------------------------------------------------------------------===//

/// The widest access to records of so many parts, in parts.
static int64_t getVectorParts(Type part, int64_t count) {
  return std::min<int64_t>(16 / getBytes(part),
                           llvm::bit_ceil<uint64_t>(count));
}

int64_t TileKernels::getRecordBytes(Type part, int64_t count) {
  int64_t vector = getVectorParts(part, count);
  return (count + vector - 1) / vector * vector * getBytes(part);
}

void TileKernels::storeRecord(Value slot, ArrayRef<Value> parts) {
  if (parts.empty())
    return;
  Type part = parts[0].getType();
  int64_t count = parts.size(), vector = getVectorParts(part, count);
  for (int64_t first = 0; first < count;) {
    // (a last vector that is not full, in pieces)
    int64_t size =
        std::min<int64_t>(vector, llvm::bit_floor<uint64_t>(count - first));
    Value value = parts[first];
    if (size > 1) {
      value = LLVM::UndefOp::create(b, loc, VectorType::get({size}, part));
      for (int64_t i = 0; i < size; ++i)
        value = LLVM::InsertElementOp::create(b, loc, value, parts[first + i],
                                              i32(i));
    }
    Value pointer = first ? at(slot, i32(first * getBytes(part))) : slot;
    LLVM::StoreOp::create(b, loc, value, pointer, size * getBytes(part));
    first += size;
  }
}

SmallVector<Value> TileKernels::loadRecord(Value slot, Type part,
                                           int64_t count) {
  SmallVector<Value> parts;
  int64_t vector = getVectorParts(part, count);
  while (int64_t(parts.size()) < count) {
    int64_t first = parts.size();
    int64_t size =
        std::min<int64_t>(vector, llvm::bit_floor<uint64_t>(count - first));
    Type type = size > 1 ? Type(VectorType::get({size}, part)) : part;
    Value pointer = first ? at(slot, i32(first * getBytes(part))) : slot;
    Value value =
        LLVM::LoadOp::create(b, loc, type, pointer, size * getBytes(part));
    for (int64_t i = 0; i < size; ++i)
      parts.push_back(
          size > 1 ? LLVM::ExtractElementOp::create(b, loc, value, i32(i))
                         .getResult()
                   : value);
  }
  return parts;
}

/// Parts of a map in shared memory.
int64_t TileKernels::getMapParts(unsigned carrier) const {
  int64_t numbers = getOrder(carrier);
  if (sharesTransition(carrier))
    numbers += patterns[carrier].count();
  return numbers * getParts(carrier);
}

void TileKernels::storeMap(Value slot, unsigned carrier, const Map &map) {
  SmallVector<Value> parts;
  if (sharesTransition(carrier))
    for (Value entry : map.entries)
      appendParts(entry, parts);
  for (const std::optional<Value> &rest : map.rest)
    appendParts(*rest, parts);
  storeRecord(slot, parts);
}

/// The map that storeMap wrote; without entries if they are not shared.
TileKernels::Map TileKernels::loadMap(unsigned carrier, Value slot) {
  SmallVector<Value> parts =
      loadRecord(slot, getPart(carrier), getMapParts(carrier));
  ArrayRef<Value> rest(parts);
  Map map{patterns[carrier], {}, {}};
  if (sharesTransition(carrier))
    map.entries = takeNumbers(carrier, patterns[carrier].count(), rest);
  for (Value part : takeNumbers(carrier, getOrder(carrier), rest))
    map.rest.push_back(part);
  return map;
}
