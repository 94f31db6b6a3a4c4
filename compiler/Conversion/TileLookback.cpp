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
/// Wider windows read more, and what is read besides the tensors counts: where
/// lanes run along channels, twice as wide ones pay for one number of 32 bits
/// a step and input (1 to 2 %, on an H200), not for 16 bits. With four units
/// and less a state's way is what takes the time: 5 to 15 % of streaming.
static constexpr int64_t kWindow = 8;

/// Tiles of all units that are to be on their way before a state is needed: on
/// an H200 16 MB in 2 us, the way of a state from window to window.
static constexpr int64_t kTilesUnderWay = 512;

/// The same where maps take more arithmetic than sums of products: with 16
/// units small windows are 1 to 2 % better.
static constexpr int64_t kCostlyTilesUnderWay = 128;

/// Pieces of 32 bits of the numbers of a carrier.
unsigned TileKernels::getPieces(unsigned carrier) const {
  return getParts(carrier) * getPart(carrier).getIntOrFloatBitWidth() / 32;
}

/// Those of a transition that is published; one that is uniform is known
/// everywhere.
unsigned TileKernels::getTransitionPieces(unsigned carrier) const {
  return isUniform(carrier) ? 0
                            : patterns[carrier].count() * getPieces(carrier);
}

/// And those of a map.
unsigned TileKernels::getMapPieces(unsigned carrier) const {
  return getTransitionPieces(carrier) + getOrder(carrier) * getPieces(carrier);
}

/// Words of a map, two pieces each.
unsigned TileKernels::getMapWords(unsigned carrier) const {
  return (getMapPieces(carrier) + 1) / 2;
}

/// Words of a state: as those of a map, from the one on that has its first
/// offset.
unsigned TileKernels::getStateWords(unsigned carrier) const {
  return getMapWords(carrier) - getTransitionPieces(carrier) / 2;
}

/// Words that a tile publishes for each channel.
int64_t TileKernels::getWords() const {
  int64_t words = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    words += getMapWords(carrier) + getStateWords(carrier);
  return words;
}

/// The address of a word: [tile][unit][carrier][word][channel].
Value TileKernels::getStatus(Value number, Value channel, unsigned carrier,
                             Value word) {
  int64_t first = 0;
  for (unsigned other = 0; other < carrier; ++other)
    first += getMapWords(other) + getStateWords(other);
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

/// Publishes numbers of a carrier of this tile, from word `word` on, the first
/// `skipped` pieces without a number. A word is there when it is not 0: its
/// bits are inverted, and its second piece is not that NaN of which none would
/// be left (nor is a single one; of f64 it has the sign).
void TileKernels::publish(Value channel, unsigned carrier, unsigned word,
                          unsigned skipped, ArrayRef<Value> numbers) {
  SmallVector<Value> parts, pieces(skipped, i32(0));
  for (Value number : numbers)
    appendParts(number, parts);
  for (Value part : parts) {
    unsigned width = part.getType().getIntOrFloatBitWidth();
    Value bits =
        arith::BitcastOp::create(b, loc, b.getIntegerType(width), part);
    pieces.push_back(width == 32 ? bits : toI32(bits));
    if (width > 32)
      pieces.push_back(toI32(arith::ShRUIOp::create(b, loc, bits, i64(32))));
  }
  if (pieces.size() % 2)
    pieces.push_back({});
  for (size_t i = 0; i < pieces.size(); i += 2, ++word) {
    Value low = pieces[i], high = pieces[i + 1];
    Value &kept = high ? high : low;
    Value none = compare(arith::CmpIPredicate::eq, kept, i32(-1));
    kept = arith::SelectOp::create(b, loc, none, i32(0x7fffffff), kept);
    Value bits = arith::ExtUIOp::create(b, loc, i64Type, low);
    if (high) {
      high = arith::ExtUIOp::create(b, loc, i64Type, high);
      high = arith::ShLIOp::create(b, loc, high, i64(32));
      bits = arith::OrIOp::create(b, loc, bits, high);
    }
    bits = arith::XOrIOp::create(b, loc, bits,
                                 i64(high ? int64_t(-1) : int64_t(0xffffffff)));
    LLVM::StoreOp::create(
        b, loc, bits, getStatus(tile, channel, carrier, i32(word)), 8,
        /*isVolatile=*/false, /*isNonTemporal=*/false,
        /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic, "device");
  }
}

void TileKernels::publishMap(Value channel, unsigned carrier, const Map &map) {
  SmallVector<Value> numbers;
  if (!isUniform(carrier))
    llvm::append_range(numbers, map.entries);
  llvm::append_range(numbers, getRest(map));
  publish(channel, carrier, 0, 0, numbers);
}

void TileKernels::publishFinal(Value channel, unsigned carrier,
                               const State &state) {
  publish(channel, carrier, getMapWords(carrier),
          getTransitionPieces(carrier) % 2, state);
}

/// Reads the parts of a tile's map, or, for the base of a window, as much of
/// the state that it ends in: the offsets' place has the state. Clears
/// `isThere` if a word is not published yet.
SmallVector<Value> TileKernels::readPublished(Value number, Value channel,
                                              unsigned carrier, Value isBase,
                                              Value &isThere) {
  unsigned words = getMapWords(carrier);
  unsigned before = getTransitionPieces(carrier) / 2;
  SmallVector<Value> pieces;
  for (unsigned word = 0; word < words; ++word) {
    unsigned base = words + (word < before ? 0 : word - before);
    Value index = arith::SelectOp::create(b, loc, isBase, i32(base), i32(word));
    Value loaded = LLVM::LoadOp::create(
        b, loc, i64Type, getStatus(number, channel, carrier, index), 8,
        /*isVolatile=*/false, /*isNonTemporal=*/false,
        /*isInvariant=*/false, /*isInvariantGroup=*/false,
        LLVM::AtomicOrdering::monotonic, "device");
    Value here = compare(arith::CmpIPredicate::ne, loaded, i64(0));
    isThere = isThere ? arith::AndIOp::create(b, loc, isThere, here).getResult()
                      : here;
    loaded = arith::XOrIOp::create(b, loc, loaded, i64(-1));
    pieces.push_back(toI32(loaded));
    pieces.push_back(toI32(arith::ShRUIOp::create(b, loc, loaded, i64(32))));
  }
  Type part = getPart(carrier);
  bool isWide = part.getIntOrFloatBitWidth() > 32;
  SmallVector<Value> parts;
  for (unsigned i = 0; i < getMapPieces(carrier); i += isWide ? 2 : 1) {
    Value bits = pieces[i];
    if (isWide) {
      Value high = arith::ExtUIOp::create(b, loc, i64Type, pieces[i + 1]);
      bits = arith::OrIOp::create(b, loc,
                                  arith::ExtUIOp::create(b, loc, i64Type, bits),
                                  arith::ShLIOp::create(b, loc, high, i64(32)));
    }
    parts.push_back(arith::BitcastOp::create(b, loc, part, bits));
  }
  return parts;
}

/// Whether a thread composes the maps that it reads of a channel. Transitions
/// that are uniform are known to the thread that applies them.
bool TileKernels::composesWindow() const {
  return looksWide() ||
         llvm::none_of(llvm::seq<size_t>(0, carriers.size()),
                       [&](size_t carrier) { return isUniform(carrier); });
}

/// The tiles of a window, at most.
int64_t TileKernels::getLargestWindow() {
  if (looksWide())
    return threads;
  bool isPlain = !timeLanes && carriers.size() == 1 && carriers[0].size == 1 &&
                 !carriers[0].monoid &&
                 getPart(0).getIntOrFloatBitWidth() == 32 && getParts(0) == 1;
  for (unsigned input = 0; input < accesses.size(); ++input)
    isPlain &= getRegisters(input) == 0 ||
               getElementTypeOrSelf(getRegisterType(input)).isF32();
  return isPlain ? 2 * kWindow : kWindow;
}

/// Threads that share the window of a channel.
int64_t TileKernels::getWindowSlots() {
  return looksWide() ? threads
                     : std::min(threads / laneTile, getLargestWindow());
}

/// The consecutive tiles that each of them reads, at most.
int64_t TileKernels::getTilesOfSlot() {
  return getLargestWindow() / getWindowSlots();
}

/// Rows of the window in shared memory: the maps of a warp's threads, of a
/// thread, or of a tile.
int64_t TileKernels::getWindowRows() {
  return looksWide()        ? warps
         : composesWindow() ? getWindowSlots()
                            : getWindowSlots() * getTilesOfSlot();
}

/// How many tiles this one looks at. Many units have enough tiles under way
/// with small windows, which read less.
Value TileKernels::getWindow() {
  int64_t most = getWindowSlots() * getTilesOfSlot();
  if (most <= kWindow)
    return i32(most);
  bool isCostly = llvm::any_of(carriers, [](const Carrier &carrier) {
    return carrier.semiring != Semiring::PlusTimes;
  });
  int64_t underWay = isCostly ? kCostlyTilesUnderWay : kTilesUnderWay;
  Value window = arith::DivUIOp::create(b, loc, i32(underWay), units);
  window = arith::MaxUIOp::create(b, loc, window, i32(kWindow));
  return arith::MinUIOp::create(b, loc, window, i32(most));
}

/// The first of the tiles that this one looks at.
Value TileKernels::getWindowBegin() {
  Value begin = arith::SubIOp::create(b, loc, tile, getWindow());
  return arith::MaxSIOp::create(b, loc, begin, i32(0));
}

/// The tile that a thread of the window reads as its number `number`.
Value TileKernels::getTileOfWindow(Value slot, int64_t number) {
  Value place = arith::MulIOp::create(b, loc, slot, i32(getTilesOfSlot()));
  place = arith::AddIOp::create(
      b, loc, place, i32(number - getWindowSlots() * getTilesOfSlot()));
  return arith::AddIOp::create(b, loc, tile, place);
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

/// The block reads what the tiles before this one have published, and waits for
/// it: of the first of the window the exit state, of those after it their maps.
/// Each thread reads some tiles of a channel. In a block of one channel the
/// warps then compose what their threads have.
void TileKernels::readWindow() {
  Value slot =
      looksWide()
          ? thread
          : arith::DivUIOp::create(b, loc, thread, i32(laneTile)).getResult();
  Value channel =
      looksWide()
          ? i32(0)
          : arith::RemUIOp::create(b, loc, thread, i32(laneTile)).getResult();
  Value begin = getWindowBegin();
  struct Row {
    Value number, exists, isBase;
  };
  SmallVector<Row> rows(getTilesOfSlot());
  SmallVector<Type> types;
  for (auto [i, row] : llvm::enumerate(rows)) {
    row.number = getTileOfWindow(slot, i);
    row.exists = compare(arith::CmpIPredicate::sge, row.number, begin);
    row.isBase = compare(arith::CmpIPredicate::eq, row.number, begin);
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      types.append(getPublishedParts(carrier), getPart(carrier));
  }
  // If a thread has less to read, its last tile serves for those before it.
  Row last = rows.back();
  Value reads = last.exists;
  if (int64_t all = getWindowSlots() * laneTile; all < threads)
    reads = arith::AndIOp::create(
        b, loc, reads, compare(arith::CmpIPredicate::ult, thread, i32(all)));
  auto branch = scf::IfOp::create(b, loc, types, reads, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.elseBlock());
  SmallVector<Value> nothing;
  for (size_t i = 0; i < rows.size(); ++i)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Map identity = getIdentity(carrier);
      if (!isUniform(carrier))
        for (Value entry : identity.entries)
          appendParts(entry, nothing);
      for (const std::optional<Value> &rest : identity.rest)
        appendParts(*rest, nothing);
    }
  scf::YieldOp::create(b, loc, nothing);
  b.setInsertionPointToEnd(branch.thenBlock());
  SmallVector<Value> published = awaitPublished(
      types, [&](SmallVectorImpl<Value> &values, Value &isThere) {
        for (const Row &row : rows) {
          auto select = [&](Value x, Value y) -> Value {
            return arith::SelectOp::create(b, loc, row.exists, x, y);
          };
          Value number = select(row.number, last.number);
          Value isBase = select(row.isBase, last.isBase);
          for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
            llvm::append_range(values, readPublished(number, channel, carrier,
                                                     isBase, isThere));
        }
      });
  b.setInsertionPointToEnd(branch.thenBlock());
  scf::YieldOp::create(b, loc, published);
  b.setInsertionPointAfter(branch);
  SmallVector<Value> parts(branch.getResults());
  ArrayRef<Value> rest(parts);
  auto store = [&](unsigned carrier, const Map &map, Value row) {
    SmallVector<Value> record;
    if (!isUniform(carrier))
      for (Value entry : map.entries)
        appendParts(entry, record);
    for (const std::optional<Value> &number : map.rest)
      appendParts(*number, record);
    storeRecord(getWindowSlot(carrier, row), record);
  };
  Maps all;
  for (auto [i, row] : llvm::enumerate(rows))
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Map map = takePublished(carrier, rest, powers.front()[carrier]);
      if (!composesWindow()) {
        OpBuilder::InsertionGuard keep(b);
        auto storing = scf::IfOp::create(b, loc, reads, /*withElse=*/false);
        b.setInsertionPoint(storing.thenBlock()->getTerminator());
        Value place = arith::MulIOp::create(b, loc, slot, i32(rows.size()));
        place = arith::AddIOp::create(b, loc, place, i32(i));
        place = arith::MulIOp::create(b, loc, place, i32(laneTile));
        store(carrier, map, arith::AddIOp::create(b, loc, place, channel));
        continue;
      }
      // Nothing is left of what is before the state that the window starts
      // from.
      if (!isUniform(carrier)) {
        Map base = map;
        base.entries.assign(base.entries.size(),
                            getAlgebra(carriers[carrier]).zero());
        map = select(row.isBase, base, map);
        if (i + 1 < rows.size())
          map = select(row.exists, map, getIdentity(carrier));
      }
      if (i == 0)
        all.push_back(map);
      else
        all[carrier] = compose(carrier, all[carrier], map);
    }
  if (!composesWindow())
    return;
  unsigned level = 0;
  for (int64_t distance = 1; looksWide() && distance < kWarp;
       distance *= 2, ++level)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Map later =
          shuffle(carrier, all[carrier], i32(distance), gpu::ShuffleMode::DOWN);
      all[carrier] = compose(carrier, all[carrier], later);
      if (isUniform(carrier))
        all[carrier].entries = powers.front()[carrier].tiles[level + 1];
    }
  Value stores = looksWide() ? compare(arith::CmpIPredicate::eq, lane, i32(0))
                             : compare(arith::CmpIPredicate::ult, thread,
                                       i32(getWindowSlots() * laneTile));
  auto storing = scf::IfOp::create(b, loc, stores, /*withElse=*/false);
  b.setInsertionPoint(storing.thenBlock()->getTerminator());
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    store(carrier, all[carrier], looksWide() ? warp : thread);
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
    Value number = getTileOfWindow(i32(0), row);
    Value isBase = compare(arith::CmpIPredicate::eq, number, begin);
    Value applies = compare(arith::CmpIPredicate::sgt, number, begin);
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      Value slot = arith::AddIOp::create(b, loc, channel, i32(row * laneTile));
      SmallVector<Value> parts =
          loadRecord(getWindowSlot(carrier, slot), getPart(carrier),
                     getPublishedParts(carrier));
      ArrayRef<Value> rest(parts);
      Map map = takePublished(carrier, rest, powers.front()[carrier]);
      if (isUniform(carrier))
        map.entries = looksWide() ? powers.front()[carrier].tiles.back()
                                  : own[carrier].entries;
      State exit = open(carrier, getRest(map));
      State &state = states[carrier];
      if (row == 0)
        state = exit;
      else if (composesWindow())
        state = apply(carrier, map, state);
      else
        state = select(isBase, exit,
                       select(applies, apply(carrier, map, state), state));
    }
  }
  for (auto [carrier, state] : llvm::enumerate(states))
    state = close(carrier, state);
  return states;
}
