//===-- TileLookback.cpp - combining tiles over the grid ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What tiles publish, and how a tile finds its entry state (Merrill and
/// Garland 2016). See TileKernels.h for the words and the order.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// A tile starts from the exit state of the tile so many before it, or of the
/// first, and the maps of those between: what it waits for moves on by so many
/// tiles at a time. Their words are on their way at the same time.
static constexpr int64_t kWindow = 16;

/// Halves of 32 bits of a state.
unsigned TileKernels::getPieces(unsigned state) const {
  Type type = const_cast<ScanOp &>(scan).getState(state).getType();
  return type.getIntOrFloatBitWidth() / 32;
}

/// Words that a tile publishes for each channel.
int64_t TileKernels::getWords() {
  int64_t words = 0;
  for (unsigned state = 0; state < scan.getNumStates(); ++state)
    words += kParts * getPieces(state);
  return words;
}

/// The address of a word: [tile][unit][state][part][piece][channel].
Value TileKernels::getStatus(Value number, Value channel, unsigned state,
                             Value part, unsigned piece) {
  int64_t row = piece;
  for (unsigned other = 0; other < state; ++other)
    row += kParts * getPieces(other);
  Value block = add(mul(toI64(number), toI64(units)), toI64(unit));
  Value inTile = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, part, i32(getPieces(state))),
      i32(row));
  inTile = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, inTile, i32(laneTile)), channel);
  Value word = add(mul(block, i64(getWords() * laneTile)), toI64(inTile));
  Value bytes = add(mul(word, i64(8)), i64(kTicketBytes));
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{bytes},
                             LLVM::GEPNoWrapFlags::inbounds);
}

/// Publishes one part of what this tile knows of a channel.
void TileKernels::publish(Value channel, unsigned state, Part part,
                          Value value) {
  unsigned pieces = getPieces(state);
  Value bits =
      arith::BitcastOp::create(b, loc, b.getIntegerType(32 * pieces), value);
  for (unsigned piece = 0; piece < pieces; ++piece) {
    Value half = bits;
    if (pieces == 1) {
      half = arith::ExtUIOp::create(b, loc, i64Type, bits);
    } else {
      half = arith::ShRUIOp::create(b, loc, bits, i64(32 * piece));
      half = arith::AndIOp::create(b, loc, half, i64(0xffffffff));
    }
    Value word = arith::OrIOp::create(b, loc, half, i64(int64_t(1) << 32));
    LLVM::StoreOp::create(
        b, loc, word, getStatus(tile, channel, state, i32(part), piece), 8,
        /*isVolatile=*/false, /*isNonTemporal=*/false,
        /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic, "device");
  }
}

/// Reads one part; clears `isThere` if it is not published yet.
Value TileKernels::readPublished(Value number, Value channel, unsigned state,
                                 Value part, Value &isThere) {
  unsigned pieces = getPieces(state);
  Value bits;
  for (unsigned piece = 0; piece < pieces; ++piece) {
    Value word = LLVM::LoadOp::create(
        b, loc, i64Type, getStatus(number, channel, state, part, piece), 8,
        /*isVolatile=*/false, /*isNonTemporal=*/false,
        /*isInvariant=*/false, /*isInvariantGroup=*/false,
        LLVM::AtomicOrdering::monotonic, "device");
    Value high = toI32(arith::ShRUIOp::create(b, loc, word, i64(32)));
    Value here = compare(arith::CmpIPredicate::ne, high, i32(0));
    isThere = isThere ? arith::AndIOp::create(b, loc, isThere, here).getResult()
                      : here;
    if (pieces == 1) {
      bits = toI32(word);
    } else {
      Value half = arith::AndIOp::create(b, loc, word, i64(0xffffffff));
      half = arith::ShLIOp::create(b, loc, half, i64(32 * piece));
      bits = bits ? arith::OrIOp::create(b, loc, bits, half).getResult() : half;
    }
  }
  return arith::BitcastOp::create(b, loc, scan.getState(state).getType(), bits);
}

/// The first of the tiles that this one looks at.
Value TileKernels::getWindowBegin() {
  Value begin = arith::SubIOp::create(b, loc, tile, i32(kWindow));
  return arith::MaxSIOp::create(b, loc, begin, i32(0));
}

/// Where what was read of a tile of the window is in shared memory:
/// [state][tile][channel]{P, E}.
Value TileKernels::getWindowSlot(unsigned state, Value row) {
  int64_t base = 0;
  for (unsigned other = 0; other < state; ++other)
    base += 8 * getPieces(other) * kWindow * laneTile;
  Value offset = arith::MulIOp::create(b, loc, row, i32(8 * getPieces(state)));
  return at(windowShared, arith::AddIOp::create(b, loc, offset, i32(base)));
}

int64_t TileKernels::getWindowBytes() {
  return 8 * getWords() / kParts * kWindow * laneTile;
}

/// The block reads what the tiles before this one have published, each thread
/// some words, and waits for each: of the first of the window the exit state,
/// of those after it their maps.
void TileKernels::readWindow() {
  unsigned numStates = scan.getNumStates();
  Value begin = getWindowBegin();
  struct Row {
    Value number, from, channel, reads, isBase;
  };
  SmallVector<Row> rows;
  SmallVector<Type> types;
  int64_t count = kWindow * laneTile;
  for (int64_t first = 0; first < count; first += threads) {
    Row &row = rows.emplace_back();
    row.number = arith::AddIOp::create(b, loc, thread, i32(first));
    Value inWindow = arith::DivUIOp::create(b, loc, row.number, i32(laneTile));
    row.channel = arith::RemUIOp::create(b, loc, row.number, i32(laneTile));
    row.from = arith::AddIOp::create(b, loc, begin, inWindow);
    row.reads = compare(arith::CmpIPredicate::slt, row.from, tile);
    if (first + threads > count)
      row.reads = arith::AndIOp::create(
          b, loc, row.reads,
          compare(arith::CmpIPredicate::ult, row.number, i32(count)));
    row.isBase = compare(arith::CmpIPredicate::eq, inWindow, i32(0));
    for (unsigned state = 0; state < numStates; ++state)
      types.append(2, scan.getState(state).getType());
  }
  // A thread whose first word is of this tile has nothing to read; its other
  // words are of tiles after it, and the first serves again.
  auto branch = scf::IfOp::create(b, loc, rows[0].reads, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  for (Row &row : MutableArrayRef(rows).drop_front()) {
    row.from =
        arith::SelectOp::create(b, loc, row.reads, row.from, rows[0].from);
    row.channel = arith::SelectOp::create(b, loc, row.reads, row.channel,
                                          rows[0].channel);
    row.isBase =
        arith::SelectOp::create(b, loc, row.reads, row.isBase, rows[0].isBase);
  }
  auto loop = scf::WhileOp::create(b, loc, types, ValueRange());
  {
    OpBuilder::InsertionGuard keep(b);
    Block *before = b.createBlock(&loop.getBefore());
    b.setInsertionPointToStart(before);
    SmallVector<Value> values;
    Value isThere;
    for (const Row &row : rows)
      for (unsigned state = 0; state < numStates; ++state)
        for (Part part : {Transition, Exit})
          values.push_back(
              readPublished(row.from, row.channel, state,
                            arith::SelectOp::create(b, loc, row.isBase,
                                                    i32(Final), i32(part)),
                            isThere));
    Value again = arith::XOrIOp::create(
        b, loc, isThere,
        arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
    scf::ConditionOp::create(b, loc, again, values);
    SmallVector<Location> locations(types.size(), loc);
    Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
    b.setInsertionPointToStart(after);
    scf::YieldOp::create(b, loc);
  }
  ValueRange read = loop.getResults();
  for (const Row &row : rows) {
    OpBuilder::InsertionGuard keep(b);
    if (row.number != rows[0].number) {
      auto storing = scf::IfOp::create(b, loc, row.reads, /*withElse=*/false);
      b.setInsertionPoint(storing.thenBlock()->getTerminator());
    }
    for (unsigned state = 0; state < numStates; ++state)
      storePair(getWindowSlot(state, row.number),
                {read[2 * state], read[2 * state + 1]});
    read = read.drop_front(2 * numStates);
  }
}

/// The entry state of this tile's channel, from what the block has read.
TileKernels::States TileKernels::lookBack(Value channel) {
  States states;
  Value begin = getWindowBegin();
  for (int64_t row = 0; row < kWindow; ++row) {
    Value number = arith::AddIOp::create(b, loc, begin, i32(row));
    Value applies = compare(arith::CmpIPredicate::slt, number, tile);
    for (unsigned state = 0; state < scan.getNumStates(); ++state) {
      Value slot = arith::AddIOp::create(b, loc, channel, i32(row * laneTile));
      Map map = loadPair(state, getWindowSlot(state, slot));
      if (row == 0)
        states.push_back(map.exit);
      else
        states[state] = arith::SelectOp::create(
            b, loc, applies, apply(map, states[state]), states[state]);
    }
  }
  return states;
}
