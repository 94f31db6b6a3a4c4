//===-- WaveMemory.cpp - the shared memory of a wave ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where a block keeps its words, rows and tiles, how they get there, and how
/// a state is handed from warp to warp. See WaveKernels.h.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/WaveKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Bytes that one lane brings to shared memory at once.
static constexpr int64_t kFetchBytes = 16;

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

void WaveKernels::layOut() {
  pointBytes = laneTile * (8 * scan.getNumStates() + 4 * invariants.size());
  rowBytes = rows.size() * kChunk * (steps + kRowPadding) * 4;
  int64_t bytes = 0;
  stagedOffset.clear();
  for (unsigned input : staged) {
    stagedOffset.push_back(bytes);
    bytes += steps * laneTile *
             getBytes(signature.arguments[inputArguments[input]].element);
  }
  tileBytes = 2 * bytes;
  rawOffset.clear();
  rawBytes = 0;
  for (unsigned input : rawInputs) {
    rawOffset.push_back(rawBytes);
    rawBytes += steps * kChunk *
                getBytes(signature.arguments[inputArguments[input]].element);
  }
  fixedBytes = warps * (rowBytes + rawBytes + tileBytes);
  claimOffset = fixedBytes;
  if (hasHalves)
    fixedBytes += 16;
}

/// What shared memory has of a point of the inner dims.
Value WaveKernels::getPointMemory(Value number) {
  return at(pointsBase, arith::MulIOp::create(b, loc, number, i32(pointBytes)));
}

/// Where the rows of a point of the chunk are.
Value WaveKernels::getRowsOfPoint(Value inChunk) {
  return at(rowsBase,
            arith::MulIOp::create(b, loc, inChunk, i32(getRowBytesOfPoint())));
}

/// This lane's words of a state's values: [point][state][channel].
Value WaveKernels::getWords(Value memory, unsigned state) {
  Value words = at(memory, arith::MulIOp::create(b, loc, own, i32(8 * width)));
  return at(words, i32(8 * laneTile * state));
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

/// A value, and the number of the segment that it enters, in one word: who
/// reads the number has the value.
Value WaveKernels::createWord(Value value, Value tag) {
  auto pair = VectorType::get({2}, b.getI32Type());
  Value word = LLVM::UndefOp::create(b, loc, pair);
  Value low = arith::BitcastOp::create(b, loc, b.getI32Type(), value);
  word = LLVM::InsertElementOp::create(b, loc, word, low, i32(0));
  word = LLVM::InsertElementOp::create(b, loc, word, tag, i32(1));
  return LLVM::BitcastOp::create(b, loc, i64Type, word);
}

/// The words of the entry states at a point, for the thread's channels, by
/// state and channel. They may be those of an earlier segment. Two words of a
/// thread are read at once.
SmallVector<Value> WaveKernels::readWords(Value memory) {
  SmallVector<Value> words;
  for (unsigned state = 0; state < scan.getNumStates(); ++state) {
    Value from = getWords(memory, state);
    if (width == 1) {
      words.push_back(
          emitPtx(i64Type, "ld.volatile.shared.b64 $0, [$1];", "=l,l", from));
      continue;
    }
    auto pair =
        LLVM::LLVMStructType::getLiteral(b.getContext(), {i64Type, i64Type});
    Value both = emitPtx(pair,
                         "{\n.reg .b128 %both;\n"
                         "ld.volatile.shared.b128 %both, [$2];\n"
                         "mov.b128 {$0, $1}, %both;\n}",
                         "=l,=l,l", from);
    for (int64_t channel = 0; channel < width; ++channel)
      words.push_back(
          LLVM::ExtractValueOp::create(b, loc, both, ArrayRef(channel)));
  }
  return words;
}

/// Whether some of the words do not enter the current segment yet. Of those of
/// a thread's channels that are written at once, one is looked at.
Value WaveKernels::isMissing(ArrayRef<Value> words) {
  Value tag;
  for (size_t i = 0; i < words.size(); i += writesPairs ? width : 1) {
    Value word = words[i];
    Value next = toI32(arith::ShRUIOp::create(b, loc, word, i64(32)));
    tag = tag ? arith::MinSIOp::create(b, loc, tag, next).getResult() : next;
  }
  return compare(arith::CmpIPredicate::slt, tag, segmentNumber);
}

/// The entry states of the current segment at a point. Waits for the warp
/// before. The words are nearly always there. So the first look is no part of
/// the loop, and the branches are the whole warp's: where each lane has its
/// own, the assembler lets others run at every look and gathers the lanes
/// behind it, which takes 10 to 15 % of a selective scan's time.
SmallVector<Value> WaveKernels::awaitEntry(Value memory) {
  SmallVector<Type> types(scan.getNumStates() * width, i64Type);
  SmallVector<Value> first = readWords(memory);
  auto late = scf::IfOp::create(b, loc, types, isAny(isMissing(first)),
                                /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(late.elseBlock());
    scf::YieldOp::create(b, loc, first);
    b.setInsertionPointToStart(late.thenBlock());
    auto loop = scf::WhileOp::create(b, loc, types, ValueRange{});
    scf::YieldOp::create(b, loc, loop.getResults());
    Block *before = b.createBlock(&loop.getBefore());
    b.setInsertionPointToStart(before);
    SmallVector<Value> words = readWords(memory);
    scf::ConditionOp::create(b, loc, isAny(isMissing(words)), words);
    SmallVector<Location> locations(types.size(), loc);
    Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
    b.setInsertionPointToStart(after);
    scf::YieldOp::create(b, loc);
  }
  SmallVector<Value> states;
  for (Value word : late.getResults())
    states.push_back(
        arith::BitcastOp::create(b, loc, b.getF32Type(), toI32(word)));
  return states;
}

/// Writes the states that a segment ends with where the next begins. An atomic
/// exchange costs what a store does, and tells tools that know of barriers
/// alone (compute-sanitizer's racecheck) that the words are meant to be read
/// while they are written.
void WaveKernels::handOver(Value memory, unsigned state, ArrayRef<Value> values,
                           Value tag) {
  SmallVector<Value> operands{getWords(memory, state)};
  for (Value value : values)
    operands.push_back(createWord(value, tag));
  static constexpr StringLiteral one =
      "atom.relaxed.cta.shared.exch.b64 _, [$0], $1;";
  static constexpr StringLiteral pair =
      "{\n.reg .b128 %both, %old;\nmov.b128 %both, {$1, $2};\n"
      "atom.relaxed.cta.shared.exch.b128 %old, [$0], %both;\n}";
  static constexpr StringLiteral both =
      "atom.relaxed.cta.shared.exch.b64 _, [$0], $1;\n"
      "atom.relaxed.cta.shared.exch.b64 _, [$0+8], $2;";
  if (width == 1)
    emitPtx({}, one, "l,l", operands);
  else
    emitPtx({}, writesPairs ? pair : both, "l,l,l", operands);
}

/// Start states and what does not vary over time, at all points of the block's
/// channels.
void WaveKernels::emitEnter() {
  if (hasHalves)
    when(isContinued, [&] { awaitKept(); });
  Value all = arith::MulIOp::create(b, loc, points, i32(laneTile));
  auto loop = scf::ForOp::create(b, loc, thread, all, i32(threads));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    // The points of a channel are neighbours in most tensors.
    Value number =
        arith::RemUIOp::create(b, loc, loop.getInductionVar(), points);
    Value channel =
        arith::DivUIOp::create(b, loc, loop.getInductionVar(), points);
    Value index = add(channelBase, toI64(channel));
    Value isInside = compare(arith::CmpIPredicate::slt, index, sizes[laneDim]);
    position[laneDim] =
        arith::MinSIOp::create(b, loc, index, sub(sizes[laneDim], i64(1)));
    goToPoint(number);
    Value memory = getPointMemory(number);
    Value isEmpty = compare(arith::CmpIPredicate::sle, length, i64(0));
    isEmpty = arith::AndIOp::create(b, loc, isEmpty, isInside);
    // What the thread knows is of its own channels.
    SmallVector<Memo> kept;
    std::swap(kept, scopes);
    scopes.emplace_back();
    isPlaced = true;
    for (unsigned state = 0; state < scan.getNumStates(); ++state) {
      Value start = createStart(state, point), tag = i32(0);
      if (hasHalves) {
        tag = toI32(partBegin);
        auto kept = scf::IfOp::create(b, loc, start.getType(), isContinued,
                                      /*withElse=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(kept.thenBlock());
        Value value = LLVM::LoadOp::create(b, loc, start.getType(),
                                           getKept(state, number, channel), 4);
        scf::YieldOp::create(b, loc, value);
        b.setInsertionPointToStart(kept.elseBlock());
        scf::YieldOp::create(b, loc, start);
        start = kept.getResult(0);
      }
      Value word = arith::AddIOp::create(
          b, loc, arith::MulIOp::create(b, loc, channel, i32(8)),
          i32(8 * laneTile * state));
      LLVM::StoreOp::create(b, loc, createWord(start, tag), at(memory, word),
                            8);
      if (hasFinal)
        when(isEmpty, [&] { storeFinal(state, start); });
    }
    Value first = at(memory, arith::MulIOp::create(b, loc, channel, i32(4)));
    int64_t offset = 8 * laneTile * scan.getNumStates();
    for (auto [i, entry] : llvm::enumerate(invariants)) {
      Value address = at(first, i32(offset + i * laneTile * 4));
      LLVM::StoreOp::create(b, loc, get(entry.first, 0, 0, entry.second),
                            address, 4);
    }
    isPlaced = false;
    std::swap(kept, scopes);
  }
  gpu::BarrierOp::create(b, loc);
}

/// The thread's channels of what does not vary over time.
void WaveKernels::loadInvariants(Value memory) {
  Value first = at(memory, arith::MulIOp::create(b, loc, own, i32(4 * width)));
  Type type = b.getF32Type();
  if (width > 1)
    type = VectorType::get({width}, type);
  int64_t offset = 8 * laneTile * scan.getNumStates();
  for (auto [i, entry] : llvm::enumerate(invariants)) {
    Value address = at(first, i32(offset + i * laneTile * 4));
    Value vector = LLVM::LoadOp::create(b, loc, type, address, 4 * width);
    for (int64_t channel = 0; channel < width; ++channel) {
      Value value = vector;
      if (width > 1)
        value = LLVM::ExtractElementOp::create(b, loc, vector, i32(channel));
      remember(entry, 0, channel, value);
    }
  }
}

//===----------------------------------------------------------------------===//
// Rows: what varies over time and points, but not over channels
//===----------------------------------------------------------------------===//

/// Whether vectors of points of all raw inputs may be read: neighbouring points
/// are neighbours in memory, and every vector begins at a multiple of its size.
Value WaveKernels::areRowsVectors() {
  Value size = sizes[dims.inner.back()];
  auto isMultiple = [&](Value number, int64_t of) {
    return compare(arith::CmpIPredicate::eq,
                   arith::AndIOp::create(b, loc, number, i64(of - 1)), i64(0));
  };
  Value all = compare(arith::CmpIPredicate::sgt, points, i32(0));
  auto require = [&](Value condition) {
    all = arith::AndIOp::create(b, loc, all, condition);
  };
  require(isMultiple(size, kVector));
  for (unsigned input : rawInputs) {
    unsigned argument = inputArguments[input];
    int64_t bytes = getBytes(signature.arguments[argument].element);
    require(
        isMultiple(LLVM::PtrToIntOp::create(b, loc, i64Type, data[argument]),
                   kVector * bytes));
    for (auto [axis, expr] :
         llvm::enumerate(scan.getInputMap(input).getResults())) {
      Value stride = strides[argument][axis];
      require(expr.isFunctionOfDim(dims.inner.back())
                  ? compare(arith::CmpIPredicate::eq, stride, i64(1))
                  : isMultiple(stride, kVector));
    }
  }
  return all;
}

/// This lane's first row of a turn, an i64.
Value WaveKernels::getRowOfLane() {
  return toI64(arith::DivUIOp::create(b, loc, lane, i32(kChunk / kVector)));
}

/// This lane's first place in a chunk, an i32: `kVector` points in one row.
Value WaveKernels::getPlaceOfLane() {
  Value vector = arith::AndIOp::create(b, loc, lane, i32(kChunk / kVector - 1));
  return arith::MulIOp::create(b, loc, vector, i32(kVector));
}

/// This lane's first point of a chunk, an i32: the last vector of points for
/// places behind it.
Value WaveKernels::getPointOfLane(Value chunkBegin) {
  return arith::MinSIOp::create(
      b, loc, arith::AddIOp::create(b, loc, chunkBegin, getPlaceOfLane()),
      arith::SubIOp::create(b, loc, points, i32(kVector)));
}

/// Where this lane finds the first vector of each raw input, in the segment
/// that begins at a step.
SmallVector<Value> WaveKernels::getRowPointers(Value begin) {
  SmallVector<Value> pointers;
  if (rawInputs.empty())
    return pointers;
  segmentBegin = begin;
  isClamped = false;
  goToRow(getRowOfLane());
  isClamped = true;
  goToPoint(arith::MaxSIOp::create(b, loc, getPointOfLane(i32(0)), i32(0)));
  for (unsigned input : rawInputs)
    pointers.push_back(
        getPointer(inputArguments[input], scan.getInputMap(input), point));
  return pointers;
}

/// The address of an argument some rows (an i64) later.
Value WaveKernels::advance(Value pointer, unsigned argument, AffineMap map,
                           Value count) {
  Value stride;
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    if (expr.isFunctionOfDim(space.getTime()))
      stride = strides[argument][axis];
  Value offset = mul(stride, count);
  if (space.getReverse())
    offset = sub(i64(0), offset);
  return LLVM::GEPOp::create(
      b, loc, ptrType, getStorageType(signature.arguments[argument].element),
      pointer, ArrayRef<LLVM::GEPArg>{offset});
}

Value WaveKernels::advance(Value pointer, unsigned input, Value count) {
  return advance(pointer, inputArguments[input], scan.getInputMap(input),
                 count);
}

/// Sends for the raw rows of a chunk of points of the segment at
/// `segmentBegin`: by the pointers of a full segment, or one by one.
void WaveKernels::fetchRows(Value chunkBegin, ArrayRef<Value> pointers) {
  Value number = getPointOfLane(chunkBegin);
  for (auto [i, input] : llvm::enumerate(rawInputs)) {
    int64_t bytes =
        kVector * getBytes(signature.arguments[inputArguments[input]].element);
    for (int64_t row = 0; row < steps; row += kRowsAtOnce) {
      Value from;
      if (!pointers.empty()) {
        from = advance(pointers[i], input, i64(row));
      } else {
        goToRow(add(getRowOfLane(), i64(row)));
        goToPoint(number);
        from =
            getPointer(inputArguments[input], scan.getInputMap(input), point);
      }
      copyAsync(bytes, getRawVector(i, row), from);
    }
  }
  callIntrinsic("llvm.nvvm.cp.async.commit.group", {});
}

/// Where this lane keeps the vector of a raw input in the turn of a row. No
/// other lane reads it.
Value WaveKernels::getRawVector(size_t number, int64_t row) {
  Type element = signature.arguments[inputArguments[rawInputs[number]]].element;
  int64_t bytes = getBytes(element);
  Value lanes = at(rawBase, i64(rawOffset[number] + row * kChunk * bytes));
  return at(lanes, mul(toI64(lane), i64(kVector * bytes)));
}

/// Sends for the raw rows that follow a chunk: those of the next chunk, or of
/// the first chunk of this warp's next segment.
void WaveKernels::fetchNextRows(Value chunkBegin) {
  Value next = arith::AddIOp::create(b, loc, chunkBegin, i32(kChunk));
  Value isHere = compare(arith::CmpIPredicate::slt, next, points);
  auto select = [&](Value x, Value y) -> Value {
    return arith::SelectOp::create(b, loc, isHere, x, y);
  };
  Value far = i64(warps * steps), begin = segmentBegin;
  segmentBegin = select(begin, add(begin, far));
  next = select(next, i32(0));
  when(compare(arith::CmpIPredicate::slt, segmentBegin, stop), [&] {
    Value isWhole = compare(arith::CmpIPredicate::sle,
                            add(segmentBegin, i64(steps)), length);
    auto whole = scf::IfOp::create(b, loc, isWhole, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(whole.thenBlock()->getTerminator());
    Value points = toI64(arith::SubIOp::create(b, loc, getPointOfLane(next),
                                               getPointOfLane(i32(0))));
    SmallVector<Value> pointers;
    for (auto [i, input] : llvm::enumerate(rawInputs)) {
      Type element = signature.arguments[inputArguments[input]].element;
      Value chunk =
          LLVM::GEPOp::create(b, loc, ptrType, getStorageType(element),
                              rowPointers[i], ArrayRef<LLVM::GEPArg>{points});
      pointers.push_back(select(chunk, advance(rowPointers[i], input, far)));
    }
    fetchRows(next, pointers);
    b.setInsertionPoint(whole.elseBlock()->getTerminator());
    fetchRows(next, {});
  });
  segmentBegin = begin;
}

/// Brings the rows of a chunk of points to the warp's part of shared memory,
/// and sends for those of the next.
void WaveKernels::bringRows(Value chunkBegin, Value chunkSize) {
  // The rows there have been read.
  syncWarp();
  auto storeScalars = [&] {
    storeRows(/*isRaw=*/false, [&](int64_t row, Value k) {
      goToRow(add(getRowOfLane(), i64(row)));
      Value inChunk = arith::AddIOp::create(b, loc, getPlaceOfLane(), k);
      inChunk = arith::MinSIOp::create(
          b, loc, inChunk, arith::SubIOp::create(b, loc, chunkSize, i32(1)));
      goToPoint(arith::AddIOp::create(b, loc, chunkBegin, inChunk));
    });
  };
  if (rawInputs.empty()) {
    storeScalars();
  } else {
    auto branch = scf::IfOp::create(b, loc, hasVectors, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    // Those of the first chunk came with the segment.
    when(compare(arith::CmpIPredicate::ne, chunkBegin, i32(0)),
         [&] { callIntrinsic("llvm.nvvm.cp.async.wait.group", {i32(0)}); });
    Value first = getPointOfLane(chunkBegin);
    storeRows(/*isRaw=*/true, [&](int64_t row, Value k) {
      goToRow(add(getRowOfLane(), i64(row)));
      goToPoint(arith::AddIOp::create(b, loc, first, k));
    });
    // This lane has read what it replaces here.
    fetchNextRows(chunkBegin);
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    storeScalars();
  }
  syncWarp();
}

/// Reads this lane's vectors of raw rows of the tile.
void WaveKernels::loadRaw(int64_t row) {
  rawValues.clear();
  for (auto [i, input] : llvm::enumerate(rawInputs)) {
    Type element = signature.arguments[inputArguments[input]].element;
    int64_t bytes = kVector * getBytes(element);
    Type type = element.isBF16()
                    ? VectorType::get({kVector / 2}, b.getI32Type())
                    : VectorType::get({kVector}, element);
    rawValues.push_back(
        LLVM::LoadOp::create(b, loc, type, getRawVector(i, row), bytes));
  }
}

/// Computes this lane's share of the rows of a chunk and writes it, of raw
/// vectors or of elements; `goTo` goes to one of its points in the turn that
/// begins at a row. Where there are vectors, elements are for those arguments
/// alone that have none, and are read one after the other in little code.
void WaveKernels::storeRows(
    bool isRaw, llvm::function_ref<void(int64_t row, Value k)> goTo) {
  int64_t length = steps + kRowPadding;
  Value first = arith::MulIOp::create(b, loc, getPlaceOfLane(), i32(length));
  first = arith::AddIOp::create(b, loc, first, toI32(getRowOfLane()));
  first = at(rowsBase, arith::MulIOp::create(b, loc, first, i32(4)));
  auto storePoint = [&](int64_t row, Value k) {
    isPlaced = true;
    goTo(row, k);
    scopes.emplace_back();
    Value to = at(first, arith::MulIOp::create(b, loc, k, i32(4 * length)));
    for (auto [i, entry] : llvm::enumerate(rows))
      LLVM::StoreOp::create(b, loc, get(entry.first, 0, 0, entry.second),
                            at(to, i64(4 * (i * kChunk * length + row))), 4);
    scopes.pop_back();
    isPlaced = false;
  };
  for (int64_t row = 0; row < steps; row += kRowsAtOnce) {
    if (!isRaw && !rawInputs.empty()) {
      auto loop = scf::ForOp::create(b, loc, i32(0), i32(kVector), i32(1));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(loop.getBody()->getTerminator());
      storePoint(row, loop.getInductionVar());
      continue;
    }
    if (isRaw)
      loadRaw(row);
    for (int64_t k = 0; k < kVector; ++k) {
      rawNow = isRaw ? k : -1;
      storePoint(row, i32(k));
    }
  }
  rawNow = -1;
}

/// Loads the row of a point that has a step, and its neighbours.
void WaveKernels::loadRow(size_t number, int64_t row) {
  auto type = VectorType::get({kVector}, b.getF32Type());
  int64_t first = row / kVector * kVector;
  Value from = at(rowsOfPoint,
                  i32(number * kChunk * 4 * (steps + kRowPadding) + 4 * first));
  Value values = LLVM::LoadOp::create(b, loc, type, from, 4 * kVector);
  for (int64_t k = 0; k < kVector; ++k)
    remember(rows[number], first + k, 0,
             LLVM::ExtractElementOp::create(b, loc, values, i32(k)));
}

//===----------------------------------------------------------------------===//
// Tiles: inputs along the channels
//===----------------------------------------------------------------------===//

/// Lanes that bring one row of an input's tile.
int64_t WaveKernels::getLanesOfRow(unsigned input) {
  Type type = signature.arguments[inputArguments[input]].element;
  return laneTile * getBytes(type) / kFetchBytes;
}

/// Goes to the channel of the piece of a row that this lane brings, and returns
/// its row: of the turn that begins with piece `first`.
Value WaveKernels::goToPiece(unsigned input, int64_t first) {
  Type type = signature.arguments[inputArguments[input]].element;
  int64_t perRow = getLanesOfRow(input), across = std::min(perRow, kWarp);
  int64_t perPiece = kFetchBytes / getBytes(type);
  Value row = arith::DivUIOp::create(b, loc, lane, i32(across));
  Value piece = arith::RemUIOp::create(b, loc, lane, i32(across));
  piece = add(toI64(piece), i64(first % perRow));
  position[laneDim] = arith::MinSIOp::create(
      b, loc, add(channelBase, mul(piece, i64(perPiece))),
      sub(sizes[laneDim], i64(perPiece)));
  return add(toI64(row), i64(first / perRow));
}

/// Where this lane finds its first piece of each tile of the segment that
/// begins at a step.
SmallVector<Value> WaveKernels::getTilePointers(Value begin) {
  SmallVector<Value> pointers;
  segmentBegin = begin;
  isClamped = false;
  for (unsigned input : staged) {
    goToRow(goToPiece(input, 0));
    pointers.push_back(
        getPointer(inputArguments[input], scan.getInputMap(input), point));
  }
  isClamped = true;
  return pointers;
}

/// Sends for the tile of the segment that begins at step `begin`.
void WaveKernels::fetch(Value begin, Value stage, ArrayRef<Value> pointers) {
  segmentBegin = begin;
  Value base = at(tilesBase, mul(toI64(stage), i64(tileBytes / 2)));
  if (pointers.empty()) {
    fetchTile(base, {});
  } else {
    Value isWhole =
        compare(arith::CmpIPredicate::sle, add(begin, i64(steps)), length);
    auto branch = scf::IfOp::create(b, loc, isWhole, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    fetchTile(base, pointers);
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    fetchTile(base, {});
  }
  callIntrinsic("llvm.nvvm.cp.async.commit.group", {});
}

/// Sends for all pieces: by the pointers of a full segment, or one by one.
void WaveKernels::fetchTile(Value base, ArrayRef<Value> pointers) {
  for (auto [i, input] : llvm::enumerate(staged)) {
    int64_t perRow = getLanesOfRow(input), all = perRow * steps;
    // The lanes of a warp bring some whole rows, or a row in some turns.
    bool isLinear = !pointers.empty() && perRow <= kWarp;
    for (int64_t k = 0; k < all; k += kWarp) {
      auto send = [&] {
        Value from;
        if (isLinear) {
          from = k ? advance(pointers[i], input, i64(k / perRow)) : pointers[i];
        } else {
          goToRow(goToPiece(input, k));
          from =
              getPointer(inputArguments[input], scan.getInputMap(input), point);
        }
        Value index = arith::AddIOp::create(b, loc, lane, i32(k));
        Value to = at(base, add(i64(stagedOffset[i]),
                                mul(toI64(index), i64(kFetchBytes))));
        copyAsync(kFetchBytes, to, from);
      };
      if (k + kWarp <= all)
        send();
      else
        when(compare(arith::CmpIPredicate::ult, lane, i32(all - k)), send);
    }
  }
}

/// One step of a tile for the thread's channels.
Value WaveKernels::loadTile(unsigned number, int64_t row) {
  Type type = signature.arguments[inputArguments[staged[number]]].element;
  int64_t bytes = getBytes(type);
  Value step = i32(row);
  if (parts > 1)
    step = arith::AddIOp::create(
        b, loc, step, arith::MulIOp::create(b, loc, part, i32(ownSteps)));
  Value offset = arith::MulIOp::create(b, loc, step, i32(laneTile * bytes));
  offset = arith::AddIOp::create(
      b, loc, offset, arith::MulIOp::create(b, loc, own, i32(width * bytes)));
  offset = arith::AddIOp::create(b, loc, offset, i32(stagedOffset[number]));
  if (width == 2 && type.isBF16())
    type = b.getI32Type();
  else if (width > 1)
    type = VectorType::get({width}, type);
  return LLVM::LoadOp::create(b, loc, type, at(tile, offset), width * bytes);
}
