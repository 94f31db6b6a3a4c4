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
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

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

/// Vector operations of (+) and of (x), counted in the code that they become. A
/// sum of products of numbers is one.
static std::pair<double, double> getOperatorCosts(Semiring semiring) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return {0, 1};
  case Semiring::MaxPlus:
  case Semiring::MinPlus:
    return {4, 4};
  case Semiring::LogSumExp:
    return {45, 4};
  case Semiring::OrAnd:
    return {1, 1};
  }
  llvm_unreachable("unknown semiring");
}

/// Operations of a region's code: a function counts 15.
static double countOperations(Block &block) {
  double cost = 0;
  for (Operation &op : block.without_terminator()) {
    StringRef dialect = op.getName().getDialectNamespace();
    cost += dialect == "math" || dialect == "recur" ? 15 : 1;
  }
  return cost;
}

int64_t CpuKernels::chooseSquare(StepEmitter &emitter) {
  double once = 0, scanned = 0, tables = 0;
  bool inRegisters = true;
  int64_t bits = 32;
  for (const Carrier &carrier : carriers) {
    auto [sum, product] = getOperatorCosts(carrier.semiring);
    bool isUniform = emitter.isUniform(carrier);
    // Products of the decays of many segments are numbers below the normal
    // range, each of which takes a hundred times as long.
    if (carrier.semiring == Semiring::PlusTimes && !carrier.monoid &&
        !isUniform && carrier.product.count() > 0)
      return 0;
    // The chain of functions through the steps is long: several squares
    // together fill the time that it waits.
    inRegisters &= sum < 10;
    bits = std::max(bits, 8 * getBytes(carrier.type));
    double terms = 0, composed = 0;
    for (unsigned i = 0; i < carrier.size; ++i)
      for (unsigned j = 0; j < carrier.size; ++j) {
        if (carrier.product(i, j) == algebra::Entry::Zero)
          continue;
        ++terms;
        if (carrier.product(i, j) != algebra::Entry::Any)
          continue;
        for (unsigned k = 0; k < carrier.size; ++k)
          composed += carrier.product(i, k) != algebra::Entry::Zero &&
                      carrier.product(k, j) != algebra::Entry::Zero;
      }
    double apply = terms * (sum + product);
    double multiply = composed * product + (composed - 1) * sum;
    double entries = carrier.product.count();
    if (MonoidOp monoid = carrier.monoid) {
      apply = countOperations(monoid.getCombine().front());
      multiply = 0;
    }
    if (isUniform)
      multiply = entries = 0;
    once += 2 * apply + multiply;
    scanned += apply + llvm::Log2_64(width) *
                           (apply + multiply + entries + carrier.size);
  }
  for (unsigned i = 0; i < scan.getInputs().size(); ++i)
    tables += scan.getInputMap(i).isFunctionOfDim(space.getTime());
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    tables += !scan.getOutput(i).isFinal();
  if (inRegisters) {
    int64_t steps = kBlockBits / bits;
    double cost = once + tables * llvm::Log2_64(steps) + scanned / steps;
    return cost < 0.8 * scanned ? steps : 0;
  }
  once += tables * (llvm::Log2_64(width) + 3) + scanned / width;
  return once < 0.8 * scanned ? width : 0;
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

/// The lane that holds a segment of the current square. Its steps lie together
/// in one vector in memory, block `q` of that with the number `m`.
int64_t CpuKernels::getLaneOfSegment(int64_t segment) {
  if (!square)
    return segment;
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
  for (int64_t i = 0; i < square->steps; ++i) {
    Address row = getRow(address, i64(i));
    if (square->unrolled && folding)
      prefetch(argument, map, row, element, /*write=*/false);
    rows.push_back(LLVM::LoadOp::create(
        b, loc, vector, gep(data[argument], storage, getMemoryOffset(row)),
        storage.getIntOrFloatBitWidth() / 8));
  }
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
  transpose(rows);
  for (int64_t i = 0; i < square->steps; ++i) {
    Address row = getRow(address, i64(i));
    if (square->unrolled)
      prefetch(argument, map, row, element, /*write=*/true);
    LLVM::StoreOp::create(b, loc, rows[i],
                          gep(data[argument], storage, getMemoryOffset(row)),
                          storage.getIntOrFloatBitWidth() / 8);
  }
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
        for (int64_t step = 0; step < layout.steps; ++step)
          emitStep(i64(step), folds);
      });
    auto steps = scf::ForOp::create(b, loc, i64(0), i64(layout.steps), i64(1));
    b.setInsertionPoint(steps.getBody()->getTerminator());
    forEachSquare([&]() { emitStep(steps.getInductionVar(), folds); });
    b.setInsertionPointAfter(steps);
  };
  InnerPoint point(space.getRank());
  forEachSquare([&]() {
    for (auto [input, table] : layout.inputs)
      loadSquare(input, table);
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
      StepSink::Moved moved = sink.scanLanes(carrier, map, point, true);
      if (!fold)
        storeVector(carrier, carrySlots(), point, moved.previous);
    }
  });
  if (!fold) {
    forEachStep(/*folds=*/false);
    forEachSquare([&]() {
      for (auto [number, table] : layout.results)
        storeSquare(number, table);
    });
  }
  b.setInsertionPointAfter(loop);
  prefixes = std::move(ofSteps);
  stepsAhead = ahead;
  return result;
}
