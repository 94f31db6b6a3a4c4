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

/// Tiles of all units that are to be on their way before a state is needed: on
/// an H200 16 MB in 2 us, the way of a state from window to window.
static constexpr int64_t kTilesUnderWay = 512;

/// Words of the numbers of a carrier: halves of 32 bits.
unsigned TileKernels::getPieces(unsigned carrier) const {
  return getParts(carrier) * getPart(carrier).getIntOrFloatBitWidth() / 32;
}

/// Words of a map; transitions that are uniform are known everywhere.
unsigned TileKernels::getMapPieces(unsigned carrier) const {
  unsigned numbers = getOrder(carrier);
  if (!isUniform(carrier))
    numbers += patterns[carrier].count();
  return numbers * getPieces(carrier);
}

/// Words that a tile publishes for each channel.
int64_t TileKernels::getWords() const {
  int64_t words = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    words += getMapPieces(carrier) + getOrder(carrier) * getPieces(carrier);
  return words;
}

/// The address of a word: [tile][unit][carrier][word][channel].
Value TileKernels::getStatus(Value number, Value channel, unsigned carrier,
                             Value word) {
  int64_t first = 0;
  for (unsigned other = 0; other < carrier; ++other)
    first += getMapPieces(other) + getOrder(other) * getPieces(other);
  Value block = add(mul(toI64(number), toI64(units)), toI64(unit));
  Value inTile = arith::AddIOp::create(b, loc, word, i32(first));
  inTile = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, inTile, i32(laneTile)), channel);
  Value index = add(mul(block, i64(getWords() * laneTile)), toI64(inTile));
  Value bytes = add(mul(index, i64(8)), i64(kTicketBytes));
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{bytes},
                             LLVM::GEPNoWrapFlags::inbounds);
}

/// Publishes numbers of a carrier of this tile, from word `word` on.
void TileKernels::publish(Value channel, unsigned carrier, unsigned word,
                          ArrayRef<Value> numbers) {
  SmallVector<Value> parts;
  for (Value number : numbers)
    appendParts(number, parts);
  unsigned pieces = getPart(carrier).getIntOrFloatBitWidth() / 32;
  for (Value part : parts) {
    Value bits =
        arith::BitcastOp::create(b, loc, b.getIntegerType(32 * pieces), part);
    for (unsigned piece = 0; piece < pieces; ++piece) {
      Value half = bits;
      if (pieces == 1) {
        half = arith::ExtUIOp::create(b, loc, i64Type, bits);
      } else {
        half = arith::ShRUIOp::create(b, loc, bits, i64(32 * piece));
        half = arith::AndIOp::create(b, loc, half, i64(0xffffffff));
      }
      Value flagged = arith::OrIOp::create(b, loc, half, i64(int64_t(1) << 32));
      LLVM::StoreOp::create(b, loc, flagged,
                            getStatus(tile, channel, carrier, i32(word++)), 8,
                            /*isVolatile=*/false, /*isNonTemporal=*/false,
                            /*isInvariantGroup=*/false,
                            LLVM::AtomicOrdering::monotonic, "device");
    }
  }
}

void TileKernels::publishMap(Value channel, unsigned carrier, const Map &map) {
  SmallVector<Value> numbers;
  if (!isUniform(carrier))
    llvm::append_range(numbers, map.entries);
  for (const std::optional<Value> &rest : map.rest)
    numbers.push_back(*rest);
  publish(channel, carrier, 0, numbers);
}

void TileKernels::publishFinal(Value channel, unsigned carrier,
                               const State &state) {
  publish(channel, carrier, getMapPieces(carrier), state);
}

/// Reads the parts of a tile's map, or, for the base of a window, as much of
/// the state that it ends in: the offsets' place has the state. Clears
/// `isThere` if a word is not published yet.
SmallVector<Value> TileKernels::readPublished(Value number, Value channel,
                                              unsigned carrier, Value isBase,
                                              Value &isThere) {
  Type part = getPart(carrier);
  unsigned pieces = part.getIntOrFloatBitWidth() / 32;
  unsigned count = getMapPieces(carrier);
  unsigned transition = count - getOrder(carrier) * getPieces(carrier);
  SmallVector<Value> parts;
  for (unsigned first = 0; first < count; first += pieces) {
    Value bits;
    for (unsigned piece = 0; piece < pieces; ++piece) {
      unsigned word = first + piece;
      unsigned base = count + (word < transition ? piece : word - transition);
      Value index =
          arith::SelectOp::create(b, loc, isBase, i32(base), i32(word));
      Value loaded = LLVM::LoadOp::create(
          b, loc, i64Type, getStatus(number, channel, carrier, index), 8,
          /*isVolatile=*/false, /*isNonTemporal=*/false,
          /*isInvariant=*/false, /*isInvariantGroup=*/false,
          LLVM::AtomicOrdering::monotonic, "device");
      Value high = toI32(arith::ShRUIOp::create(b, loc, loaded, i64(32)));
      Value here = compare(arith::CmpIPredicate::ne, high, i32(0));
      isThere = isThere
                    ? arith::AndIOp::create(b, loc, isThere, here).getResult()
                    : here;
      if (pieces == 1) {
        bits = toI32(loaded);
      } else {
        Value half = arith::AndIOp::create(b, loc, loaded, i64(0xffffffff));
        half = arith::ShLIOp::create(b, loc, half, i64(32 * piece));
        bits =
            bits ? arith::OrIOp::create(b, loc, bits, half).getResult() : half;
      }
    }
    parts.push_back(arith::BitcastOp::create(b, loc, part, bits));
  }
  return parts;
}

/// Rows of the window in shared memory: tiles, or all tiles of a warp's
/// threads.
int64_t TileKernels::getWindowRows() const {
  return looksWide() ? warps : kWindow;
}

/// The first of the tiles that this one looks at.
Value TileKernels::getWindowBegin() {
  Value begin = arith::SubIOp::create(b, loc, tile, i32(kWindow));
  return arith::MaxSIOp::create(b, loc, begin, i32(0));
}

/// Where what was read of a tile of the window is in shared memory:
/// [carrier][tile][channel]{P, E}.
Value TileKernels::getWindowSlot(unsigned carrier, Value row) {
  int64_t base = 0, bytes = 0;
  for (unsigned other = 0; other <= carrier; ++other) {
    base += bytes * getWindowRows() * laneTile;
    bytes = getRecordBytes(getPart(other), getPublishedParts(other));
  }
  Value offset = arith::MulIOp::create(b, loc, row, i32(bytes));
  return at(windowShared, arith::AddIOp::create(b, loc, offset, i32(base)));
}

/// The parts that a tile's map is published in.
int64_t TileKernels::getPublishedParts(unsigned carrier) const {
  return getMapPieces(carrier) * 32 / getPart(carrier).getIntOrFloatBitWidth();
}

int64_t TileKernels::getWindowBytes() {
  int64_t bytes = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    bytes += getRecordBytes(getPart(carrier), getPublishedParts(carrier));
  return bytes * getWindowRows() * laneTile;
}

/// Reads until all is there.
SmallVector<Value> TileKernels::awaitPublished(
    TypeRange types,
    llvm::function_ref<void(SmallVectorImpl<Value> &, Value &)> read) {
  auto loop = scf::WhileOp::create(b, loc, types, ValueRange());
  OpBuilder::InsertionGuard keep(b);
  Block *before = b.createBlock(&loop.getBefore());
  b.setInsertionPointToStart(before);
  SmallVector<Value> values;
  Value isThere;
  read(values, isThere);
  Value again = arith::XOrIOp::create(
      b, loc, isThere, arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
  scf::ConditionOp::create(b, loc, again, values);
  SmallVector<Location> locations(types.size(), loc);
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, loc);
  return llvm::to_vector(ValueRange(loop.getResults()));
}

/// The block reads what the tiles before this one have published, each thread
/// some words, and waits for each: of the first of the window the exit state,
/// of those after it their maps.
void TileKernels::readWindow() {
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
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      types.append(getPublishedParts(carrier), getPart(carrier));
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
  SmallVector<Value> published = awaitPublished(
      types, [&](SmallVectorImpl<Value> &values, Value &isThere) {
        for (const Row &row : rows)
          for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
            llvm::append_range(values,
                               readPublished(row.from, row.channel, carrier,
                                             row.isBase, isThere));
      });
  ArrayRef<Value> read(published);
  for (const Row &row : rows) {
    OpBuilder::InsertionGuard keep(b);
    if (row.number != rows[0].number) {
      auto storing = scf::IfOp::create(b, loc, row.reads, /*withElse=*/false);
      b.setInsertionPoint(storing.thenBlock()->getTerminator());
    }
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      int64_t count = getPublishedParts(carrier);
      storeRecord(getWindowSlot(carrier, row.number), read.take_front(count));
      read = read.drop_front(count);
    }
  }
}

/// The same of a block of one channel: each thread waits for the map of one
/// tile, of as many before this one as there are threads, and the warps compose
/// them. Of the first of the window the exit state counts; what is before it
/// starts from nothing.
void TileKernels::readWideWindow() {
  Value number = arith::AddIOp::create(
      b, loc, arith::SubIOp::create(b, loc, tile, i32(threads)), thread);
  // Many units have enough tiles under way with small windows, which read less.
  Value window = arith::DivUIOp::create(b, loc, i32(kTilesUnderWay), units);
  window = arith::MaxUIOp::create(b, loc, window, i32(kWindow));
  window = arith::MinUIOp::create(b, loc, window, i32(threads));
  Value first = arith::SubIOp::create(b, loc, tile, window);
  first = arith::MaxSIOp::create(b, loc, first, i32(0));
  Value exists = compare(arith::CmpIPredicate::sge, number, first);
  Value isBase = compare(arith::CmpIPredicate::eq, number, first);
  SmallVector<Type> types;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    types.append(getPublishedParts(carrier), getPart(carrier));
  auto branch = scf::IfOp::create(b, loc, types, exists, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.thenBlock());
    SmallVector<Value> values = awaitPublished(
        types, [&](SmallVectorImpl<Value> &read, Value &isThere) {
          for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
            llvm::append_range(
                read, readPublished(number, i32(0), carrier, isBase, isThere));
        });
    b.setInsertionPointToEnd(branch.thenBlock());
    scf::YieldOp::create(b, loc, values);
    b.setInsertionPointToEnd(branch.elseBlock());
    values.clear();
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Map identity = getIdentity(carrier);
      if (!isUniform(carrier))
        for (Value entry : identity.entries)
          appendParts(entry, values);
      for (const std::optional<Value> &rest : identity.rest)
        appendParts(*rest, values);
    }
    scf::YieldOp::create(b, loc, values);
  }
  SmallVector<Value> parts(branch.getResults());
  ArrayRef<Value> rest(parts);
  Maps maps;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    maps.push_back(takePublished(carrier, rest, tilePowers[carrier]));
  unsigned level = 0;
  for (int64_t distance = 1; distance < kWarp; distance *= 2, ++level)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Map later = shuffle(carrier, maps[carrier], i32(distance),
                          gpu::ShuffleMode::DOWN);
      maps[carrier] = compose(carrier, maps[carrier], later);
      if (isUniform(carrier))
        maps[carrier].entries = tilePowers[carrier].tiles[level + 1];
    }
  auto storing = scf::IfOp::create(
      b, loc, compare(arith::CmpIPredicate::eq, lane, i32(0)), false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(storing.thenBlock()->getTerminator());
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
    SmallVector<Value> record;
    if (!isUniform(carrier))
      for (Value entry : maps[carrier].entries)
        appendParts(entry, record);
    for (const std::optional<Value> &part : maps[carrier].rest)
      appendParts(*part, record);
    storeRecord(getWindowSlot(carrier, warp), record);
  }
}

/// A map from its published parts, which are removed; transitions that are
/// uniform are those of a tile.
TileKernels::Map TileKernels::takePublished(unsigned carrier,
                                            ArrayRef<Value> &parts,
                                            const Powers &powers) {
  Map map{patterns[carrier], {}, {}};
  if (!isUniform(carrier))
    map.entries = takeNumbers(carrier, map.pattern.count(), parts);
  else if (looksWide())
    map.entries = powers.tiles.front();
  State exit = takeNumbers(carrier, getOrder(carrier), parts);
  map.rest.assign(exit.begin(), exit.end());
  return map;
}

/// The entry states of this tile's channel, from what the block has read; `own`
/// has the transitions that all tiles share.
TileKernels::States TileKernels::lookBack(Value channel, ArrayRef<Map> own) {
  States states(carriers.size());
  Value begin = getWindowBegin();
  for (int64_t row = 0; row < getWindowRows(); ++row) {
    Value number = arith::AddIOp::create(b, loc, begin, i32(row));
    Value applies = compare(arith::CmpIPredicate::slt, number, tile);
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Value slot = arith::AddIOp::create(b, loc, channel, i32(row * laneTile));
      SmallVector<Value> parts =
          loadRecord(getWindowSlot(carrier, slot), getPart(carrier),
                     getPublishedParts(carrier));
      ArrayRef<Value> rest(parts);
      Map map = takePublished(carrier, rest, tilePowers[carrier]);
      if (isUniform(carrier))
        map.entries = looksWide() ? tilePowers[carrier].tiles.back()
                                  : own[carrier].entries;
      State exit;
      for (const std::optional<Value> &part : map.rest)
        exit.push_back(*part);
      State &state = states[carrier];
      if (row == 0)
        state = exit;
      else if (looksWide())
        state = apply(carrier, map, state);
      else
        state = select(applies, apply(carrier, map, state), state);
    }
  }
  return states;
}
