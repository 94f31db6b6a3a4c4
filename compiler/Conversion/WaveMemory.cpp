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
/// Rows end with room for one vector, so that rows of neighbouring points begin
/// in different banks.
static constexpr int64_t kRowPadding = 4;

static int64_t getBytes(Type type) { return type.getIntOrFloatBitWidth() / 8; }

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
  fixedBytes = warps * (rowBytes + tileBytes);
}

/// Dynamic shared memory, as much as the launch gives.
Value WaveKernels::getSharedMemory() {
  std::string symbol = prefix + "_shared";
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           symbol, Attribute(), /*alignment=*/16,
                           /*addrSpace=*/3);
  }
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 3);
  return LLVM::AddressOfOp::create(b, loc, pointer, symbol);
}

/// The word of a state's value: [point][state][channel of a lane][lane].
Value WaveKernels::getWord(Value number, unsigned state, Value channel,
                           Value lane) {
  Value bytes = arith::MulIOp::create(b, loc, number, i32(pointBytes));
  Value index = arith::MulIOp::create(
      b, loc, arith::AddIOp::create(b, loc, channel, i32(state * width)),
      i32(group));
  index = arith::AddIOp::create(b, loc, index, lane);
  index = arith::MulIOp::create(b, loc, index, i32(8));
  return at(pointsBase, arith::AddIOp::create(b, loc, bytes, index));
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

/// A value, and the number of the segment that it enters, in one word: who
/// reads the number has the value.
Value WaveKernels::createWord(Value value, Value tag) {
  Value low = arith::BitcastOp::create(b, loc, b.getI32Type(), value);
  low = arith::ExtUIOp::create(b, loc, i64Type, low);
  Value high = arith::ShLIOp::create(
      b, loc, arith::ExtUIOp::create(b, loc, i64Type, tag), i64(32));
  return arith::OrIOp::create(b, loc, low, high);
}

/// The words of the entry states at a point, for the thread's channels, by
/// state and channel. They may be those of an earlier segment.
SmallVector<Value> WaveKernels::readWords(Value number) {
  SmallVector<Value> words;
  for (unsigned i = 0; i < scan.getNumStates() * width; ++i)
    words.push_back(LLVM::LoadOp::create(
        b, loc, i64Type, getWord(number, i / width, i32(i % width), own), 8,
        /*volatile=*/true));
  return words;
}

/// Whether one of the words does not enter the current segment yet.
Value WaveKernels::isMissing(ArrayRef<Value> words) {
  Value tag;
  for (Value word : words) {
    Value next = toI32(arith::ShRUIOp::create(b, loc, word, i64(32)));
    tag = tag ? arith::MinSIOp::create(b, loc, tag, next).getResult() : next;
  }
  return compare(arith::CmpIPredicate::slt, tag, segmentNumber);
}

/// The entry states of the current segment at a point. Waits for the warp
/// before. (Words read before the transitions are late more often: 16 points
/// leave the warps of a block no room to fall back.)
SmallVector<Value> WaveKernels::awaitEntry(Value number) {
  SmallVector<Type> types(scan.getNumStates() * width, i64Type);
  auto loop = scf::WhileOp::create(b, loc, types, ValueRange{});
  {
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore());
    b.setInsertionPointToStart(before);
    SmallVector<Value> words = readWords(number);
    scf::ConditionOp::create(b, loc, isMissing(words), words);
    SmallVector<Location> locations(types.size(), loc);
    Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
    b.setInsertionPointToStart(after);
    scf::YieldOp::create(b, loc);
  }
  SmallVector<Value> states;
  for (Value word : loop.getResults())
    states.push_back(
        arith::BitcastOp::create(b, loc, b.getF32Type(), toI32(word)));
  return states;
}

void WaveKernels::handOver(Value number, unsigned state, int64_t channel,
                           Value value, Value tag) {
  LLVM::StoreOp::create(b, loc, createWord(value, tag),
                        getWord(number, state, i32(channel), own), 8,
                        /*isVolatile=*/true);
}

/// Start states and what does not vary over time, at all points of the block's
/// channels.
void WaveKernels::emitEnter() {
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
    Value lane = arith::DivUIOp::create(b, loc, channel, i32(width));
    Value inLane = arith::RemUIOp::create(b, loc, channel, i32(width));
    Value isEmpty = compare(arith::CmpIPredicate::sle, length, i64(0));
    isEmpty = arith::AndIOp::create(b, loc, isEmpty, isInside);
    // What the thread knows is of its own channels.
    SmallVector<Memo> kept;
    std::swap(kept, scopes);
    scopes.emplace_back();
    isPlaced = true;
    for (unsigned state = 0; state < scan.getNumStates(); ++state) {
      Value start = createStart(state, point);
      LLVM::StoreOp::create(b, loc, createWord(start, i32(0)),
                            getWord(number, state, inLane, lane), 8,
                            /*isVolatile=*/true);
      if (hasFinal)
        when(isEmpty, [&] { storeFinal(state, start); });
    }
    Value bytes = arith::MulIOp::create(b, loc, number, i32(pointBytes));
    bytes = arith::AddIOp::create(
        b, loc, bytes, arith::MulIOp::create(b, loc, channel, i32(4)));
    int64_t offset = 8 * laneTile * scan.getNumStates();
    for (auto [i, entry] : llvm::enumerate(invariants)) {
      Value address =
          at(pointsBase, arith::AddIOp::create(b, loc, bytes,
                                               i32(offset + i * laneTile * 4)));
      LLVM::StoreOp::create(b, loc, get(entry.first, 0, 0, entry.second),
                            address, 4);
    }
    isPlaced = false;
    std::swap(kept, scopes);
  }
  gpu::BarrierOp::create(b, loc);
}

/// The thread's channels of what does not vary over time.
void WaveKernels::loadInvariants(Value number) {
  Value bytes = arith::MulIOp::create(b, loc, number, i32(pointBytes));
  bytes = arith::AddIOp::create(
      b, loc, bytes, arith::MulIOp::create(b, loc, own, i32(4 * width)));
  Type type = b.getF32Type();
  if (width > 1)
    type = VectorType::get({width}, type);
  int64_t offset = 8 * laneTile * scan.getNumStates();
  for (auto [i, entry] : llvm::enumerate(invariants)) {
    Value address =
        at(pointsBase, arith::AddIOp::create(b, loc, bytes,
                                             i32(offset + i * laneTile * 4)));
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

/// Goes to this lane's point of the first chunk, and returns its first row.
Value WaveKernels::goToRowLane(Value chunkBegin, Value chunkSize) {
  Value inChunk = arith::AndIOp::create(b, loc, lane, i32(kChunk - 1));
  inChunk = arith::MinSIOp::create(
      b, loc, inChunk, arith::SubIOp::create(b, loc, chunkSize, i32(1)));
  goToPoint(arith::AddIOp::create(b, loc, chunkBegin, inChunk));
  return toI64(arith::DivUIOp::create(b, loc, lane, i32(kChunk)));
}

/// Where this lane reads the rows of the first chunk of a segment.
SmallVector<Value> WaveKernels::getRowPointers(Value segment) {
  SmallVector<Value> pointers;
  segmentBegin = mul(segment, i64(steps));
  isClamped = false;
  goToRow(
      goToRowLane(i32(0), arith::MinSIOp::create(b, loc, points, i32(kChunk))));
  isClamped = true;
  for (unsigned input : rowInputs)
    pointers.push_back(
        getPointer(inputArguments[input], scan.getInputMap(input), point));
  return pointers;
}

/// The address of an input some rows (an i64) later.
Value WaveKernels::advance(Value pointer, unsigned input, Value count) {
  unsigned argument = inputArguments[input];
  Value stride;
  for (auto [axis, expr] :
       llvm::enumerate(scan.getInputMap(input).getResults()))
    if (expr.isFunctionOfDim(space.getTime()))
      stride = strides[argument][axis];
  Value offset = mul(stride, count);
  if (space.getReverse())
    offset = sub(i64(0), offset);
  return LLVM::GEPOp::create(
      b, loc, ptrType, getStorageType(signature.arguments[argument].element),
      pointer, ArrayRef<LLVM::GEPArg>{offset});
}

/// This lane's share of the rows of a chunk of points, of global memory: by
/// turn and row. What the later chunks compute must not leave the loop over the
/// chunks: most scans have one.
SmallVector<Value> WaveKernels::readRows(Value chunkBegin, Value chunkSize,
                                         bool isLater) {
  if (rows.empty())
    return {};
  int64_t turns = kChunk * steps / kWarp;
  Value row = goToRowLane(chunkBegin, chunkSize);
  if (isLater)
    row = hide(row);
  auto read = [&](bool byPointers) {
    SmallVector<Value> values;
    isPlaced = true;
    for (int64_t turn = 0; turn < turns; ++turn) {
      int64_t number = turn * (kWarp / kChunk);
      goToRow(add(row, i64(number)));
      if (byPointers)
        rowNow = number;
      scopes.emplace_back();
      for (const Entry &entry : rows)
        values.push_back(get(entry.first, 0, 0, entry.second));
      scopes.pop_back();
    }
    isPlaced = false;
    rowNow = -1;
    return values;
  };
  SmallVector<Type> types(turns * rows.size(), b.getF32Type());
  auto branch = scf::IfOp::create(b, loc, types, isFull, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  isClamped = false;
  scf::YieldOp::create(b, loc, read(/*byPointers=*/!isLater));
  isClamped = true;
  b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(b, loc, read(/*byPointers=*/false));
  return SmallVector<Value>(branch.getResults());
}

/// Brings the rows of a chunk to the warp's part of shared memory.
void WaveKernels::storeRows(ArrayRef<Value> values) {
  if (rows.empty())
    return;
  syncWarp();
  auto next = values.begin();
  for (int64_t k = 0; k < kChunk * steps / kWarp; ++k) {
    Value index = arith::AddIOp::create(b, loc, lane, i32(k * kWarp));
    Value inChunk = arith::AndIOp::create(b, loc, index, i32(kChunk - 1));
    Value row = arith::DivUIOp::create(b, loc, index, i32(kChunk));
    for (size_t i = 0; i < rows.size(); ++i) {
      Value bytes = arith::MulIOp::create(b, loc, inChunk,
                                          i32(4 * (steps + kRowPadding)));
      bytes = arith::AddIOp::create(b, loc, bytes,
                                    arith::MulIOp::create(b, loc, row, i32(4)));
      bytes = arith::AddIOp::create(
          b, loc, bytes, i32(i * kChunk * 4 * (steps + kRowPadding)));
      LLVM::StoreOp::create(b, loc, *next++, at(rowsBase, bytes), 4);
    }
  }
  syncWarp();
}

void WaveKernels::loadRows(Value inChunk) {
  constexpr int64_t vector = 4;
  auto type = VectorType::get({vector}, b.getF32Type());
  for (auto [i, entry] : llvm::enumerate(rows))
    for (int64_t row = 0; row < steps; row += vector) {
      Value bytes = arith::MulIOp::create(b, loc, inChunk,
                                          i32(4 * (steps + kRowPadding)));
      bytes = arith::AddIOp::create(
          b, loc, bytes, i32(i * kChunk * 4 * (steps + kRowPadding) + 4 * row));
      Value values =
          LLVM::LoadOp::create(b, loc, type, at(rowsBase, bytes), 4 * vector);
      for (int64_t k = 0; k < vector; ++k)
        remember(entry, row + k, 0,
                 LLVM::ExtractElementOp::create(b, loc, values, i32(k)));
    }
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

/// Where this lane finds its first piece of each tile of a segment.
SmallVector<Value> WaveKernels::getTilePointers(Value segment) {
  SmallVector<Value> pointers;
  segmentBegin = mul(segment, i64(steps));
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
  Value isWhole =
      compare(arith::CmpIPredicate::sle, add(begin, i64(steps)), length);
  auto branch = scf::IfOp::create(b, loc, isWhole, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    fetchRows(base, pointers);
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    fetchRows(base, {});
  }
  callIntrinsic("llvm.nvvm.cp.async.commit.group", {});
}

/// Sends for all pieces: by the pointers of a full segment, or one by one.
void WaveKernels::fetchRows(Value base, ArrayRef<Value> pointers) {
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
        callIntrinsic("llvm.nvvm.cp.async.cg.shared.global.16", {to, from});
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
  if (width > 1)
    type = VectorType::get({width}, type);
  return LLVM::LoadOp::create(b, loc, type, at(tile, offset), width * bytes);
}

//===----------------------------------------------------------------------===//
// Small builders
//===----------------------------------------------------------------------===//

void WaveKernels::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

/// The value of another lane; those under 32 bits travel in words.
Value WaveKernels::shuffle(Value value, Value lane, gpu::ShuffleMode mode) {
  Type type = value.getType();
  int64_t bits = type.getIntOrFloatBitWidth();
  Type whole = b.getIntegerType(bits);
  if (bits < 32) {
    if (type != whole)
      value = arith::BitcastOp::create(b, loc, whole, value);
    value = arith::ExtUIOp::create(b, loc, b.getI32Type(), value);
  }
  value = gpu::ShuffleOp::create(b, loc, value, lane, i32(kWarp), mode)
              .getShuffleResult();
  if (bits < 32) {
    value = arith::TruncIOp::create(b, loc, whole, value);
    if (type != whole)
      value = arith::BitcastOp::create(b, loc, type, value);
  }
  return value;
}

void WaveKernels::callIntrinsic(StringRef name, ArrayRef<Value> operands) {
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr(name), operands);
}

/// The same value, of which the compiler knows nothing.
Value WaveKernels::hide(Value value) {
  return LLVM::InlineAsmOp::create(
             b, loc, value.getType(), ValueRange{value}, "mov.b64 $0, $1;",
             "=l,l", /*hasSideEffects=*/true, /*isAlignStack=*/false,
             LLVM::TailCallKind::None, LLVM::AsmDialectAttr{}, ArrayAttr{})
      .getResult(0);
}

void WaveKernels::syncWarp() {
  callIntrinsic("llvm.nvvm.bar.warp.sync", {i32(-1)});
}
