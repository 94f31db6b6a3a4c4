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

/// Tiles that one thread looks at together; their words are on their way at
/// the same time.
static constexpr int64_t kWindow = 4;

/// Halves of 32 bits of a state.
unsigned TileKernels::getPieces(unsigned state) const {
  Type type = const_cast<ScanOp &>(scan).getState(state).getType();
  return type.getIntOrFloatBitWidth() / 32;
}

/// The address of a word: [tile][unit][state][P or E][piece][channel].
Value TileKernels::getStatus(Value number, Value channel, unsigned state,
                             bool exit, unsigned piece) {
  int64_t row = 0, all = 0;
  for (unsigned other = 0; other < scan.getNumStates(); ++other) {
    if (other < state)
      row += 2 * getPieces(other);
    all += 2 * getPieces(other);
  }
  row += exit * getPieces(state) + piece;
  auto wide = [&](Value value) -> Value {
    return arith::ExtUIOp::create(b, loc, i64Type, value);
  };
  Value block = add(mul(wide(number), wide(units)), wide(unit));
  Value word = add(mul(block, i64(all * laneTile)),
                   add(wide(channel), i64(row * laneTile)));
  Value bytes = add(mul(word, i64(8)), i64(kTicketBytes));
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{bytes},
                             LLVM::GEPNoWrapFlags::inbounds);
}

/// Publishes the maps of this tile, or its exit state as the map {0, exit}.
void TileKernels::publish(Value channel, ArrayRef<Map> maps, Flag flag) {
  OpBuilder::InsertionGuard guard(b);
  enterFirstLane();
  for (auto [state, map] : llvm::enumerate(maps))
    for (bool exit : {false, true}) {
      Value value = exit ? map.exit : map.transition;
      unsigned pieces = getPieces(state);
      Value bits = arith::BitcastOp::create(
          b, loc, b.getIntegerType(32 * pieces), value);
      for (unsigned piece = 0; piece < pieces; ++piece) {
        Value half = bits;
        if (pieces == 1) {
          half = arith::ExtUIOp::create(b, loc, i64Type, bits);
        } else {
          half = arith::ShRUIOp::create(b, loc, bits, i64(32 * piece));
          half = arith::AndIOp::create(b, loc, half, i64(0xffffffff));
        }
        Value word =
            arith::OrIOp::create(b, loc, half, i64(int64_t(flag) << 32));
        LLVM::StoreOp::create(b, loc, word,
                              getStatus(tile, channel, state, exit, piece), 8,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariantGroup=*/false,
                              LLVM::AtomicOrdering::monotonic, "device");
      }
    }
}

/// Reads what a tile has published.
TileKernels::Published TileKernels::readPublished(Value number, Value channel) {
  Published result;
  Value flag, same;
  for (unsigned state = 0; state < scan.getNumStates(); ++state) {
    Map &map = result.maps.emplace_back();
    for (bool exit : {false, true}) {
      unsigned pieces = getPieces(state);
      Value bits;
      for (unsigned piece = 0; piece < pieces; ++piece) {
        Value word = LLVM::LoadOp::create(
            b, loc, i64Type, getStatus(number, channel, state, exit, piece), 8,
            /*isVolatile=*/false, /*isNonTemporal=*/false,
            /*isInvariant=*/false, /*isInvariantGroup=*/false,
            LLVM::AtomicOrdering::monotonic, "device");
        Value high = arith::ShRUIOp::create(b, loc, word, i64(32));
        Value here = toI32(high);
        if (!flag) {
          flag = here;
        } else {
          Value equal = compare(arith::CmpIPredicate::eq, flag, here);
          same = same ? arith::AndIOp::create(b, loc, same, equal).getResult()
                      : equal;
        }
        if (pieces == 1) {
          bits = toI32(word);
        } else {
          Value half = arith::AndIOp::create(b, loc, word, i64(0xffffffff));
          half = arith::ShLIOp::create(b, loc, half, i64(32 * piece));
          bits = bits ? arith::OrIOp::create(b, loc, bits, half).getResult()
                      : half;
        }
      }
      Value value = arith::BitcastOp::create(
          b, loc, scan.getState(state).getType(), bits);
      (exit ? map.exit : map.transition) = value;
    }
  }
  // Words of both kinds beside each other: the tile is just being published.
  auto isKind = [&](Flag kind) -> Value {
    Value equal = compare(arith::CmpIPredicate::eq, flag, i32(kind));
    return arith::AndIOp::create(b, loc, equal, same);
  };
  result.summary = isKind(Summary);
  result.inclusive = isKind(Inclusive);
  return result;
}

/// The entry state of this tile's channel, found by one thread: waits until
/// one of the last tiles has its exit state and those after it their maps.
TileKernels::States TileKernels::lookBack(Value channel) {
  unsigned numStates = scan.getNumStates();
  SmallVector<Type> types;
  SmallVector<Value> initial;
  for (unsigned state = 0; state < numStates; ++state) {
    types.push_back(scan.getState(state).getType());
    initial.push_back(constant(state, 0));
  }
  auto loop = scf::WhileOp::create(b, loc, types, initial);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(numStates, loc);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  b.setInsertionPointToStart(before);
  SmallVector<Published> window;
  for (int64_t m = 0; m < kWindow; ++m) {
    // Before the first tile there is nothing: its own words serve again.
    Value number = arith::SubIOp::create(b, loc, tile, i32(m + 1));
    number = arith::MaxSIOp::create(b, loc, number, i32(0));
    window.push_back(readPublished(number, channel));
  }
  Value open = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  Value found = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  SmallVector<Value> hits;
  for (const Published &published : window) {
    Value hit = arith::AndIOp::create(b, loc, open, published.inclusive);
    hits.push_back(hit);
    found = arith::OrIOp::create(b, loc, found, hit);
    open = arith::AndIOp::create(b, loc, open, published.summary);
  }
  States states(initial);
  for (int64_t m = kWindow; m-- > 0;)
    for (unsigned state = 0; state < numStates; ++state) {
      const Map &map = window[m].maps[state];
      states[state] = arith::SelectOp::create(b, loc, hits[m], map.exit,
                                              apply(map, states[state]));
    }
  Value again = arith::XOrIOp::create(
      b, loc, found, arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
  scf::ConditionOp::create(b, loc, again, states);
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, loc, after->getArguments());
  return States(loop.getResults().begin(), loop.getResults().end());
}

/// The same by a warp: a lane for each of the last 32 tiles.
TileKernels::States TileKernels::lookBackByWarp() {
  unsigned numStates = scan.getNumStates();
  SmallVector<Type> types{b.getI32Type()};
  SmallVector<Value> initial{i32(0)};
  for (unsigned state = 0; state < numStates; ++state)
    for (bool exit : {false, true}) {
      types.push_back(scan.getState(state).getType());
      initial.push_back(constant(state, exit));
    }
  auto loop = scf::WhileOp::create(b, loc, types, initial);
  SmallVector<Location> locations(types.size(), loc);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
    b.setInsertionPointToStart(before);
    Value number = arith::SubIOp::create(
        b, loc, tile, arith::AddIOp::create(b, loc, lane, i32(1)));
    number = arith::MaxSIOp::create(b, loc, number, i32(0));
    Published published = readPublished(number, i32(0));
    // The nearest lane with an exit state, and the nearest that blocks: the
    // minimum over the warp of 2 * lane + (it blocks).
    Value isOpen = published.summary;
    Value twice = arith::ShLIOp::create(b, loc, lane, i32(1));
    Value blocked = arith::AddIOp::create(b, loc, twice, i32(1));
    Value key = arith::SelectOp::create(b, loc, isOpen, i32(2 * 32), blocked);
    key = arith::SelectOp::create(b, loc, published.inclusive, twice, key);
    for (int32_t distance = 1; distance < 32; distance *= 2) {
      Value other = shuffle(key, distance, gpu::ShuffleMode::XOR);
      key = arith::MinUIOp::create(b, loc, key, other);
    }
    // Odd: blocked; 64: all have maps but none an exit state yet.
    Value odd = arith::AndIOp::create(b, loc, key, i32(1));
    Value isOdd = compare(arith::CmpIPredicate::ne, odd, i32(0));
    Value none = compare(arith::CmpIPredicate::eq, key, i32(2 * 32));
    Value again = arith::OrIOp::create(b, loc, isOdd, none);
    SmallVector<Value> results{arith::ShRUIOp::create(b, loc, key, i32(1))};
    for (const Map &map : published.maps) {
      results.push_back(map.transition);
      results.push_back(map.exit);
    }
    scf::ConditionOp::create(b, loc, again, results);
    Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
    b.setInsertionPointToStart(after);
    scf::YieldOp::create(b, loc, after->getArguments());
  }
  // From the exit state of that tile, the maps of those after it in order.
  Value nearest = loop.getResult(0);
  States states;
  for (unsigned state = 0; state < numStates; ++state)
    states.push_back(
        shuffle(loop.getResult(2 + 2 * state), nearest, gpu::ShuffleMode::IDX));
  auto walk = scf::ForOp::create(b, loc, i32(0), nearest, i32(1), states);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(walk.getBody());
  Value from = arith::SubIOp::create(
      b, loc, arith::SubIOp::create(b, loc, nearest, i32(1)),
      walk.getInductionVar());
  SmallVector<Value> next;
  for (unsigned state = 0; state < numStates; ++state) {
    Map map{
        shuffle(loop.getResult(1 + 2 * state), from, gpu::ShuffleMode::IDX),
        shuffle(loop.getResult(2 + 2 * state), from, gpu::ShuffleMode::IDX)};
    next.push_back(apply(map, walk.getRegionIterArg(state)));
  }
  scf::YieldOp::create(b, loc, next);
  return States(walk.getResults().begin(), walk.getResults().end());
}
