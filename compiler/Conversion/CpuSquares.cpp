//===-- CpuSquares.cpp - vectors of segments of time ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Lanes along time, a square at a time: with W lanes, W^2 neighbouring steps
/// are W segments of W steps, one a lane. Rows of the square are read as they
/// lie in memory and transposed, so that a vector holds the same step of every
/// segment. Then the engine's three phases run inside the square: all segments
/// are folded at once, one scan over the lanes combines them, and all are
/// replayed from their entry states. A step is composed once and applied once;
/// the scan of a vector of steps composes log2(W) times.
///
/// Segments may be shorter: then the "square" is W segments of S steps. Of two
/// steps with 16 bits each a segment is a word of 32 bits, so that what widens
/// the numbers takes them apart as well.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Squares whose segments are folded and replayed together.
static constexpr int64_t kSquares = 4;

/// Bits within which an instruction interleaves two vectors.
static constexpr int64_t kBlockBits = 128;

//===----------------------------------------------------------------------===//
// Whether squares are worth it
//===----------------------------------------------------------------------===//

/// Whether two elements in memory are a word.
static bool isHalf(Type element) {
  return element.isIntOrFloat() && element.getIntOrFloatBitWidth() == 16;
}

CpuKernels::Composing CpuKernels::chooseComposing(StepEmitter &emitter) {
  double once = 0, scanned = 0, tables = 0, halves = 0;
  bool inRegisters = true, leavesRange = false;
  int64_t bits = 32;
  for (const Carrier &carrier : carriers) {
    // Products of the decays of many segments are numbers below the normal
    // range, each of which takes a hundred times as long.
    leavesRange |= carrier.semiring == Semiring::PlusTimes && !carrier.monoid &&
                   !emitter.isUniform(carrier) && carrier.product.count() > 0;
    // The chain of functions through the steps is long: several squares
    // together fill the time that it waits.
    inRegisters &= carrier.semiring != Semiring::LogSumExp;
    bits = std::max(bits, 8 * getBytes(carrier.type));
    CompositionCost cost = getCompositionCost(emitter, carrier);
    once += 2 * cost.apply + cost.multiply;
    scanned += cost.apply + llvm::Log2_64(width) *
                                (cost.apply + cost.multiply + cost.numbers);
  }
  auto count = [&](Type tensor) {
    ++tables;
    halves += isHalf(getElementTypeOrSelf(tensor));
  };
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    if (scan.getInputMap(i).isFunctionOfDim(space.getTime()))
      count(input.getType());
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal())
      count(scan->getResult(i).getType());
  Composing vectors = {0, scanned};
  auto choose = [&](int64_t steps, double cost) {
    cost += once + scanned / steps;
    return cost < 0.8 * scanned ? Composing{steps, cost} : vectors;
  };
  if (!inRegisters)
    return leavesRange ? vectors
                       : choose(width, tables * (llvm::Log2_64(width) + 3));
  // Pairs of steps, whose products have twice the exponents only. Each number
  // is shuffled once, but one of 16 bits is spared an instruction.
  if (leavesRange)
    return choose(2, tables - 2 * halves);
  int64_t steps = kBlockBits / bits;
  return choose(steps, tables * llvm::Log2_64(steps));
}

bool CpuKernels::canUseSquares(StepEmitter &emitter) {
  if (!timeLanes || !schedule.getContiguous() || !dims.inner.empty() ||
      width < 4 || !llvm::isPowerOf2_64(width) || carriers.empty())
    return false;
  auto isPlain = [&](Type type) {
    type = getElementTypeOrSelf(type);
    return type.isIntOrFloat() && !type.isInteger(1) &&
           type.getIntOrFloatBitWidth() >= 16;
  };
  for (unsigned i = 0; i < scan.getInputs().size(); ++i) {
    AffineMap map = scan.getInputMap(i);
    if (map.isFunctionOfDim(space.getTime()) &&
        (scan.getInputLag(i) > 0 || !isContiguous(inputArguments[i], map) ||
         !isPlain(scan.getInputs()[i].getType())))
      return false;
  }
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal() &&
        (!isContiguous(resultArguments[i], getResultMap(i)) ||
         !isPlain(scan->getResult(i).getType())))
      return false;
  for (const Carrier &carrier : carriers)
    if (!carrier.isAffine || !isPlain(carrier.type))
      return false;
  return chooseSquare(emitter) > 0;
}

//===----------------------------------------------------------------------===//
// Transposition
//===----------------------------------------------------------------------===//

/// Turns S vectors of W numbers: each block of S of them holds an SxS matrix
/// then transposed. Blocks of 128 bits are turned by interleaving pairs of
/// rows, larger ones then by such blocks.
void CpuKernels::transpose(SmallVectorImpl<Value> &rows) {
  auto type = cast<VectorType>(rows.front().getType());
  int64_t bits = type.getElementTypeBitWidth(), size = rows.size();
  int64_t inBlock = size < width ? size : std::min(width, kBlockBits / bits);
  int64_t blocks = size / inBlock;
  auto shuffle = [&](Value x, Value y,
                     llvm::function_ref<int64_t(int64_t)> lane) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < width; ++i)
      lanes.push_back(lane(i));
    return vector::ShuffleOp::create(b, loc, x, y, lanes);
  };
  // Of two rows, the low or the high halves of their blocks, interleaved.
  auto interleave = [&](Value x, Value y, int64_t first) {
    return shuffle(x, y, [&](int64_t i) {
      int64_t within = i % inBlock;
      return i - within + first + within / 2 + (within % 2) * width;
    });
  };
  SmallVector<Value> next(size);
  for (int64_t stage = 1; stage < inBlock; stage *= 2) {
    for (int64_t group = 0; group < size; group += inBlock)
      for (int64_t k = 0; k < inBlock / 2; ++k) {
        Value x = rows[group + k], y = rows[group + k + inBlock / 2];
        next[group + 2 * k] = interleave(x, y, 0);
        next[group + 2 * k + 1] = interleave(x, y, inBlock / 2);
      }
    llvm::copy(next, rows.begin());
  }
  // The even or odd blocks of two vectors, one after the other. A vector's bits
  // of the block's number are found from the lowest on.
  auto deal = [&](Value x, Value y, int64_t odd) {
    return shuffle(x, y, [&](int64_t i) {
      int64_t block = i / inBlock * 2 + odd;
      return block * inBlock + i % inBlock;
    });
  };
  for (int64_t column = 0; column < inBlock; ++column) {
    struct Part {
      SmallVector<Value> vectors;
      int64_t block;
    };
    SmallVector<Part> parts(1);
    parts[0].block = 0;
    for (int64_t group = 0; group < blocks; ++group)
      parts[0].vectors.push_back(rows[group * inBlock + column]);
    for (int64_t bit = 1; bit < blocks; bit *= 2) {
      SmallVector<Part> dealt;
      for (Part &part : parts)
        for (int64_t odd : {0, 1}) {
          Part half{{}, part.block + odd * bit};
          for (size_t i = 0; i < part.vectors.size(); i += 2)
            half.vectors.push_back(
                deal(part.vectors[i], part.vectors[i + 1], odd));
          dealt.push_back(std::move(half));
        }
      parts = std::move(dealt);
    }
    for (Part &part : parts)
      next[part.block * inBlock + column] = part.vectors[0];
  }
  llvm::copy(next, rows.begin());
}

/// The low and the high halves of words.
SmallVector<Value> CpuKernels::splitWords(Value words) {
  auto type = cast<VectorType>(words.getType());
  auto half = type.clone(b.getI16Type());
  Value high = arith::ShRUIOp::create(
      b, loc, words, vectorOf(arith::ConstantIntOp::create(b, loc, 16, 32)));
  return {arith::TruncIOp::create(b, loc, half, words),
          arith::TruncIOp::create(b, loc, half, high)};
}

Value CpuKernels::joinWords(ArrayRef<Value> halves) {
  auto words = VectorType::get({width}, b.getI32Type());
  Value low = arith::ExtUIOp::create(b, loc, words, halves[0]);
  Value high = arith::ExtUIOp::create(b, loc, words, halves[1]);
  high = arith::ShLIOp::create(
      b, loc, high, vectorOf(arith::ConstantIntOp::create(b, loc, 16, 32)));
  return arith::OrIOp::create(b, loc, low, high);
}

/// Two rows of a square become the first elements of all pairs of neighbours in
/// memory and the second ones.
void CpuKernels::dealPairs(SmallVectorImpl<Value> &rows) {
  if (space.getReverse())
    std::swap(rows[0], rows[1]);
  Value dealt[2];
  for (int64_t odd : {0, 1}) {
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < width; ++i)
      lanes.push_back(2 * i + odd);
    dealt[odd] = vector::ShuffleOp::create(b, loc, rows[0], rows[1], lanes);
  }
  llvm::copy(dealt, rows.begin());
}

/// The other way around.
void CpuKernels::joinPairs(SmallVectorImpl<Value> &rows) {
  Value joined[2];
  for (int64_t half : {0, 1}) {
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < width; ++i)
      lanes.push_back((half * width + i) / 2 + i % 2 * width);
    joined[half] = vector::ShuffleOp::create(b, loc, rows[0], rows[1], lanes);
  }
  if (space.getReverse())
    std::swap(joined[0], joined[1]);
  llvm::copy(joined, rows.begin());
}

/// The lane that holds a segment of the current square. Its steps lie together
/// in one vector in memory, block `q` of that with the number `m`; pairs of
/// steps are in the order of memory.
int64_t CpuKernels::getLaneOfSegment(int64_t segment) {
  if (!square)
    return segment;
  if (square->steps == 2)
    return space.getReverse() ? width - 1 - segment : segment;
  int64_t blocks = width / square->steps;
  int64_t m = segment / blocks, q = segment % blocks;
  if (space.getReverse())
    q = blocks - 1 - q;
  return q * square->steps + m;
}

//===----------------------------------------------------------------------===//
// Tables: a vector for every step of the lanes
//===----------------------------------------------------------------------===//

/// Memory on the kernel's stack for `count` vectors of numbers of a type.
Value CpuKernels::createTable(Type element, int64_t count) {
  OpBuilder::InsertionGuard keep(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  int64_t bytes = width * getStorageType(element).getIntOrFloatBitWidth() / 8;
  return LLVM::AllocaOp::create(b, loc, ptrType, b.getI8Type(),
                                i64(count * bytes), /*alignment=*/bytes);
}

/// Where vector `number` of the current square lies in a table.
Value CpuKernels::getTableSlot(Value table, Type vector, Value number) {
  return gep(table, vector,
             add(mul(square->number, i64(square->steps)), number));
}

/// Where the current square's slots lie.
Value CpuKernels::getSquareSlots(Value slots) {
  return gep(slots, b.getI8Type(), mul(square->number, i64(square->slotBytes)));
}

/// The address of row `row` of the square that begins at `address`.
CpuKernels::Address CpuKernels::getRow(const Address &address, Value row) {
  Address result = address;
  Value distance = mul(row, i64(width));
  result.offset = space.getReverse() ? sub(address.offset, distance)
                                     : add(address.offset, distance);
  return result;
}

/// Asks for a row of the squares after these, so that memory has work while
/// steps are computed.
void CpuKernels::prefetchRow(unsigned argument, AffineMap map, Type tensor,
                             bool write) {
  Address address = getAddress(argument, map, InnerPoint(space.getRank()),
                               /*contiguous=*/true);
  prefetch(argument, map, getRow(address, square->step),
           getElementTypeOrSelf(tensor), write);
}

/// Which of the lanes' steps a segment's `number`th element in memory is.
int64_t CpuKernels::getStepOfElement(int64_t number) {
  return space.getReverse() ? square->steps - 1 - number : number;
}

/// Reads the square of an input into its table.
void CpuKernels::loadSquare(unsigned input, Value table) {
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  Address address = getAddress(argument, map, InnerPoint(space.getRank()),
                               /*contiguous=*/true);
  Type storage = getStorageType(element);
  auto vector = VectorType::get({width}, storage);
  SmallVector<Value> rows;
  int64_t bytes = storage.getIntOrFloatBitWidth() / 8;
  auto pointer = [&](const Address &row) {
    return gep(data[argument], storage, getMemoryOffset(row));
  };
  bool inWords = square->steps == 2 && isHalf(storage);
  for (int64_t i = 0; i < square->steps; ++i) {
    Address row = getRow(address, i64(i));
    if (square->unrolled && folding && !(inWords && i > 0))
      prefetch(argument, map, row, element, /*write=*/false);
    if (!inWords)
      rows.push_back(LLVM::LoadOp::create(b, loc, vector, pointer(row), bytes));
  }
  if (inWords)
    rows = splitWords(LLVM::LoadOp::create(
        b, loc, vector.clone(b.getI32Type()),
        pointer(getRow(address, i64(getStepOfElement(0)))), bytes));
  else if (square->steps == 2)
    dealPairs(rows);
  else
    transpose(rows);
  for (int64_t i = 0; i < square->steps; ++i)
    storeAligned(getTableSlot(table, vector, i64(getStepOfElement(i))),
                 rows[i]);
}

/// Writes the square of a result from its table.
void CpuKernels::storeSquare(unsigned result, Value table) {
  unsigned argument = resultArguments[result];
  AffineMap map = getResultMap(result);
  OpBuilder::InsertionGuard keep(b);
  if (Value guard = isFirstInMissingDims(map)) {
    auto branch = scf::IfOp::create(b, loc, guard, /*withElse=*/false);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
  }
  Type element = getElementTypeOrSelf(scan->getResult(result).getType());
  Address address = getAddress(argument, map, InnerPoint(space.getRank()),
                               /*contiguous=*/true);
  Type storage = getStorageType(element);
  auto vector = VectorType::get({width}, storage);
  SmallVector<Value> rows;
  for (int64_t i = 0; i < square->steps; ++i)
    rows.push_back(loadAligned(
        getTableSlot(table, vector, i64(getStepOfElement(i))), vector));
  int64_t bytes = storage.getIntOrFloatBitWidth() / 8;
  auto store = [&](Value value, int64_t number) {
    Address row = getRow(address, i64(number));
    if (square->unrolled)
      prefetch(argument, map, row, element, /*write=*/true);
    LLVM::StoreOp::create(b, loc, value,
                          gep(data[argument], storage, getMemoryOffset(row)),
                          bytes);
  };
  if (square->steps == 2 && isHalf(storage))
    return store(joinWords(rows), getStepOfElement(0));
  if (square->steps == 2)
    joinPairs(rows);
  else
    transpose(rows);
  for (auto [i, row] : llvm::enumerate(rows))
    store(row, i);
}

Value CpuKernels::loadFromTable(Value table, Type element) {
  Type storage = getStorageType(element);
  auto vector = VectorType::get({width}, storage);
  Value value = loadAligned(getTableSlot(table, vector, square->step), vector);
  if (storage != element)
    value = arith::BitcastOp::create(b, loc, vector.clone(element), value);
  return value;
}

void CpuKernels::storeToTable(Value table, Value value) {
  value = vectorOf(value);
  auto type = cast<VectorType>(value.getType());
  Type storage = getStorageType(type.getElementType());
  if (storage != type.getElementType())
    value = arith::BitcastOp::create(b, loc, type.clone(storage), value);
  storeAligned(getTableSlot(table, value.getType(), square->step), value);
}

//===----------------------------------------------------------------------===//
// Fold, combine, replay
//===----------------------------------------------------------------------===//

/// The values of elements that a replay takes from the fold: those that take
/// more to compute than to keep.
SmallVector<Value> CpuKernels::findCostlyElements(StepEmitter &emitter) {
  Block &elements = scan.getElements().front();
  llvm::DenseSet<Value> costly;
  for (Operation &op : elements.without_terminator()) {
    StringRef dialect = op.getName().getDialectNamespace();
    if (dialect == "math" || dialect == "recur" || isa<arith::DivFOp>(op) ||
        llvm::any_of(op.getOperands(),
                     [&](Value v) { return costly.contains(v); }))
      costly.insert(op.result_begin(), op.result_end());
  }
  llvm::SetVector<Value> list;
  for (Value value : elements.getTerminator()->getOperands())
    if (costly.contains(value) &&
        emitter.getIndexSet(value).test(space.getTime()) &&
        !value.getType().isInteger(1))
      list.insert(value);
  return list.takeVector();
}

/// Whether a square may be computed without guards of products first. Only
/// where opposite infinities meet is a product another one then, NaN, and NaN
/// stays in all that follows from it: in one number, which no reset takes away.
bool CpuKernels::canDropGuards() const {
  return llvm::all_of(carriers, [](const Carrier &carrier) {
    return carrier.isSingle() && !carrier.hasResets() &&
           (carrier.semiring == Semiring::MaxPlus ||
            carrier.semiring == Semiring::MinPlus);
  });
}

/// Emits `states`, which moves the states over a square, without guards of
/// products, and again with them where what comes out is NaN.
void CpuKernels::emitUnguarded(
    StepEmitter &emitter, bool fold, llvm::function_ref<void()> states,
    llvm::function_ref<void(llvm::function_ref<void()>)> inSquare) {
  InnerPoint point(space.getRank());
  auto load = [&]() {
    SmallVector<Value> values;
    for (const Carrier &carrier : carriers) {
      Type type = getKernelType(carrier.type);
      llvm::append_range(
          values,
          loadVector(carrier, fold ? exitSlots() : carrySlots(), point, type));
      if (fold && !emitter.isUniform(carrier))
        llvm::append_range(values,
                           loadTransition(carrier, point, type).entries);
    }
    return values;
  };
  SmallVector<Value> before = load();
  {
    llvm::SaveAndRestore unguarded(guards, false);
    states();
  }
  Value isNaN;
  auto check = [&](Value value) {
    Value is =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, value, value);
    if (isVector(is.getType()))
      is = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, is);
    isNaN = isNaN ? arith::OrIOp::create(b, loc, isNaN, is).getResult() : is;
  };
  llvm::for_each(load(), check);
  // The states that lanes end in: lanes in front of the last may have met
  // infinities that it has not.
  if (!fold)
    inSquare([&]() {
      for (const Carrier &carrier : carriers)
        llvm::for_each(
            loadVector(carrier, carrySlots(), point, getType(carrier)), check);
    });
  auto again = scf::IfOp::create(b, loc, isNaN, /*withElse=*/false);
  b.setInsertionPoint(again.thenBlock()->getTerminator());
  ArrayRef<Value> rest = before;
  for (const Carrier &carrier : carriers) {
    storeVector(carrier, fold ? exitSlots() : carrySlots(), point,
                rest.take_front(carrier.size));
    rest = rest.drop_front(carrier.size);
    if (fold && !emitter.isUniform(carrier)) {
      storeTransition(carrier, point, rest.take_front(carrier.product.count()));
      rest = rest.drop_front(carrier.product.count());
    }
  }
  states();
  b.setInsertionPointAfter(again);
}

/// Emits the steps [0, to) of the tile, a multiple of a square's. So many
/// squares are folded and replayed together that their chains of steps overlap.
LogicalResult CpuKernels::emitSquares(StepEmitter &emitter, Sink &sink,
                                      bool fold, Value to) {
  Square layout;
  layout.steps = chooseSquare(emitter);
  layout.unrolled = layout.steps < width;
  int64_t atOnce = layout.unrolled ? 1 : kSquares;
  int64_t vectors = atOnce * layout.steps, squareSteps = width * layout.steps;
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    if (scan.getInputMap(i).isFunctionOfDim(space.getTime()))
      layout.inputs[i] =
          createTable(getElementTypeOrSelf(input.getType()), vectors);
  if (!fold) {
    for (unsigned i = 0; i < scan->getNumResults(); ++i)
      if (!scan.getOutput(i).isFinal())
        layout.results[i] = createTable(
            getElementTypeOrSelf(scan->getResult(i).getType()), vectors);
    for (Value value : findCostlyElements(emitter))
      layout.elements[value] = createTable(value.getType(), vectors);
  }
  int64_t numbers = 0, entries = 0;
  Type widest = carriers.front().type;
  for (const Carrier &carrier : carriers) {
    numbers += carrier.size;
    entries += carrier.product.count();
    if (getBytes(carrier.type) > getBytes(widest))
      widest = carrier.type;
  }
  layout.slotBytes = std::max(numbers, entries) * width * getBytes(widest);
  for (Value *slots : {&layout.carry, &layout.exit, &layout.transition})
    *slots = createTable(widest, atOnce * std::max(numbers, entries));

  // Of equal steps, the powers of the lanes' segments.
  SmallVector<Transition> powers(carriers.size());
  auto ofSteps = std::move(prefixes);
  prefixes.assign(carriers.size(), {});
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    if (!emitter.isUniform(carrier))
      continue;
    Type type = getKernelType(carrier.type, width);
    AlgebraEmitter algebra = getAlgebra(carrier, type);
    Transition map =
        createUniformMap(emitter, carrier, InnerPoint(space.getRank()), type);
    for (int64_t steps = 1; steps < layout.steps; steps *= 2) {
      map.entries = algebra.multiply(carrier, map, map);
      for (Value &entry : map.entries)
        entry = flushTiny(carrier, entry);
    }
    powers[number] = map;
    square = layout;
    prefixes[number] = sink.composePrefixes(carrier, map);
    square.reset();
  }

  Value ahead = stepsAhead;
  if (!layout.unrolled)
    stepsAhead = i64(atOnce * squareSteps);
  auto loop = scf::ForOp::create(b, loc, i64(0), to, i64(atOnce * squareSteps));
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value first = loop.getInductionVar();
  Value count =
      arith::DivUIOp::create(b, loc, sub(to, first), i64(squareSteps));
  count = arith::MinSIOp::create(b, loc, count, i64(atOnce));
  auto forEachSquare = [&](llvm::function_ref<void()> body) {
    if (layout.unrolled) {
      square = layout;
      square->number = i64(0);
      time = timeAt(first);
      body();
      return square.reset();
    }
    auto each = scf::ForOp::create(b, loc, i64(0), count, i64(1));
    b.setInsertionPoint(each.getBody()->getTerminator());
    square = layout;
    square->number = each.getInductionVar();
    time = timeAt(add(first, mul(square->number, i64(squareSteps))));
    body();
    square.reset();
    b.setInsertionPointAfter(each);
  };
  LogicalResult result = success();
  auto emitStep = [&](Value step, bool folds) {
    square->step = step;
    square->folds = folds;
    if (!layout.unrolled && folds)
      for (auto [input, table] : layout.inputs)
        prefetchRow(inputArguments[input], scan.getInputMap(input),
                    scan.getInputs()[input].getType(), /*write=*/false);
    if (!layout.unrolled && !folds)
      for (auto [number, table] : layout.results)
        prefetchRow(resultArguments[number], getResultMap(number),
                    scan->getResult(number).getType(), /*write=*/true);
    Sink inner(*this, folds);
    if (succeeded(result))
      result = emitter.emitStep(b, inner, /*withReadout=*/!folds);
  };
  auto forEachStep = [&](bool folds) {
    if (layout.unrolled)
      return forEachSquare([&]() {
        for (int64_t step = 0; step < layout.steps; ++step) {
          square->isFirst = step == 0;
          emitStep(i64(step), folds);
        }
      });
    auto steps = scf::ForOp::create(b, loc, i64(0), i64(layout.steps), i64(1));
    b.setInsertionPoint(steps.getBody()->getTerminator());
    forEachSquare([&]() { emitStep(steps.getInductionVar(), folds); });
    b.setInsertionPointAfter(steps);
  };
  InnerPoint point(space.getRank());
  auto emitStates = [&]() {
    forEachSquare([&]() {
      for (const Carrier &carrier : carriers) {
        AlgebraEmitter algebra = getAlgebra(carrier, getType(carrier));
        if (!emitter.isUniform(carrier))
          storeTransition(carrier, point, algebra.identity(carrier).entries);
        storeVector(carrier, exitSlots(), point, algebra.neutral(carrier));
      }
    });
    forEachStep(/*folds=*/true);
    forEachSquare([&]() {
      for (auto [number, carrier] : llvm::enumerate(carriers)) {
        Type type = getType(carrier);
        Transition map = powers[number];
        if (!emitter.isUniform(carrier))
          map = loadTransition(carrier, point, type);
        for (auto [rest, exit] :
             llvm::zip(map.rest, loadVector(carrier, exitSlots(), point, type)))
          rest = exit;
        StepSink::Moved moved =
            sink.scanLanes(carrier, map, point, /*segments=*/layout.steps > 2);
        if (!fold)
          storeVector(carrier, carrySlots(), point, moved.previous);
      }
    });
    if (!fold)
      forEachStep(/*folds=*/false);
  };
  forEachSquare([&]() {
    for (auto [input, table] : layout.inputs)
      loadSquare(input, table);
  });
  if (layout.unrolled && canDropGuards())
    emitUnguarded(emitter, fold, emitStates, forEachSquare);
  else
    emitStates();
  if (!fold)
    forEachSquare([&]() {
      for (auto [number, table] : layout.results)
        storeSquare(number, table);
    });
  b.setInsertionPointAfter(loop);
  prefixes = std::move(ofSteps);
  stepsAhead = ahead;
  return result;
}
