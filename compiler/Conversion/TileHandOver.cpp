//===-- TileHandOver.cpp - warps of a tile that hand over their states ----===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The combine of a block that walks all of time with stages. A warp waits for
/// the states that its steps begin with, applies its map to them and hands the
/// result to the next warp, the last to the first for the next tile. No warp
/// waits for all others, and none does the work of another; the states' way is
/// short beside what a tile takes to read.
///
/// Barrier 1 + w of the block is for warp w and the one before it: one arrives,
/// the other waits, without looking again and again. One place for each number
/// of a channel is enough: who writes there has read it before.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Bytes of a part of a state for all channels.
int64_t TileKernels::getHandOverBytes(unsigned carrier) const {
  return laneTile * getPart(carrier).getIntOrFloatBitWidth() / 8;
}

/// Calls `visit` for each part of a carrier's states, with the type of what a
/// lane has of it, for all its channels, and where: [carrier][part][channel].
void TileKernels::forEachHandOver(
    llvm::function_ref<void(unsigned carrier, int64_t part, Type type,
                            Value place, unsigned alignment)>
        visit) {
  int64_t offset = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
    Type part = getPart(carrier);
    int64_t bytes = part.getIntOrFloatBitWidth() / 8;
    Type type = channels == 1 ? part : Type(VectorType::get({channels}, part));
    Value first =
        at(handOverShared,
           arith::MulIOp::create(b, loc, getFirstChannel(), i32(bytes)));
    for (int64_t i = 0; i < getOrder(carrier) * getParts(carrier); ++i) {
      visit(carrier, i, type, at(first, i32(offset)), bytes * channels);
      offset += getHandOverBytes(carrier);
    }
  }
}

/// Waits at the barrier of a warp, or arrives there.
void TileKernels::meet(Value number, bool waits) {
  Value barrier = arith::AddIOp::create(b, loc, number, i32(1));
  callIntrinsic(waits ? "llvm.nvvm.barrier.cta.sync.aligned.count"
                      : "llvm.nvvm.barrier.cta.arrive.aligned.count",
                {barrier, i32(2 * kWarp)});
}

/// Writes a number or vector to shared memory by atomic exchanges of 64 or 32
/// bits, which take as long as stores. The barriers order all accesses
/// without them, but compute-sanitizer's racecheck (2025.3) takes what a warp
/// writes before it arrives at a barrier where another waits for a race, as
/// soon as a block has two such barriers; of atomics it knows that they are
/// meant.
void TileKernels::exchange(Value value, Value place, unsigned alignment) {
  auto vector = dyn_cast<VectorType>(value.getType());
  int64_t bits = getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth() *
                 (vector ? vector.getNumElements() : 1);
  if (bits % 32 != 0) {
    LLVM::StoreOp::create(b, loc, value, place, alignment);
    return;
  }
  int64_t wordBits = bits % 64 == 0 ? 64 : 32;
  Type word = b.getIntegerType(wordBits);
  int64_t count = bits / wordBits;
  Type type = count == 1 ? word : Type(VectorType::get({count}, word));
  value = LLVM::BitcastOp::create(b, loc, type, value);
  for (int64_t i = 0; i < count; ++i) {
    Value part =
        count == 1
            ? value
            : LLVM::ExtractElementOp::create(b, loc, value, i32(i)).getResult();
    LLVM::AtomicRMWOp::create(b, loc, LLVM::AtomicBinOp::xchg,
                              at(place, i32(i * wordBits / 8)), part,
                              LLVM::AtomicOrdering::monotonic, "block");
  }
}

void TileKernels::writeHandOver(ArrayRef<States> states) {
  forEachHandOver([&](unsigned carrier, int64_t part, Type type, Value place,
                      unsigned alignment) {
    SmallVector<Value> numbers;
    for (const States &own : states) {
      SmallVector<Value> parts;
      for (Value number : own[carrier])
        appendParts(number, parts);
      numbers.push_back(parts[part]);
    }
    Value all = numbers[0];
    if (channels > 1) {
      all = LLVM::UndefOp::create(b, loc, type);
      for (auto [v, number] : llvm::enumerate(numbers))
        all = LLVM::InsertElementOp::create(b, loc, all, number, i32(v));
    }
    exchange(all, place, alignment);
  });
}

SmallVector<TileKernels::States> TileKernels::readHandOver() {
  SmallVector<SmallVector<SmallVector<Value>>> parts(
      channels, SmallVector<SmallVector<Value>>(carriers.size()));
  forEachHandOver([&](unsigned carrier, int64_t, Type type, Value place,
                      unsigned alignment) {
    Value all = LLVM::LoadOp::create(b, loc, type, place, alignment);
    for (int64_t v = 0; v < channels; ++v)
      parts[v][carrier].push_back(
          channels == 1 ? all
                        : LLVM::ExtractElementOp::create(b, loc, all, i32(v))
                              .getResult());
  });
  SmallVector<States> states(channels);
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier) {
      ArrayRef<Value> rest(parts[v][carrier]);
      states[v].push_back(takeNumbers(carrier, getOrder(carrier), rest));
    }
  return states;
}

/// The last warp hands what the sequence starts from to the first.
void TileKernels::beginHandOver(ArrayRef<States> starts) {
  int64_t bytes = 0;
  for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
    bytes += getHandOverBytes(carrier) * getOrder(carrier) * getParts(carrier);
  handOverShared = createShared(module, prefix + "_states", bytes);
  Value isLast = compare(arith::CmpIPredicate::eq, warp, i32(warps - 1));
  when(isLast, [&] {
    writeHandOver(starts);
    meet(i32(0), /*waits=*/false);
  });
}

/// The states that the warp's steps begin with, by channel, once the next warp
/// has its own.
SmallVector<TileKernels::States> TileKernels::handOver() {
  meet(warp, /*waits=*/true);
  SmallVector<States> entries = readHandOver(), exits;
  for (const auto &[entry, total] : llvm::zip(entries, warpTotal)) {
    States &exit = exits.emplace_back();
    for (unsigned carrier = 0; carrier < carriers.size(); ++carrier)
      exit.push_back(close(carrier, apply(carrier, total[carrier],
                                          open(carrier, entry[carrier]))));
  }
  writeHandOver(exits);
  Value next = arith::AddIOp::create(b, loc, warp, i32(1));
  Value isLast = compare(arith::CmpIPredicate::eq, next, i32(warps));
  meet(arith::SelectOp::create(b, loc, isLast, i32(0), next),
       /*waits=*/false);
  return entries;
}

/// The first warp receives what the sequence ends with, and writes it.
void TileKernels::endHandOver() {
  Value isFirst = compare(arith::CmpIPredicate::eq, warp, i32(0));
  when(isFirst, [&] {
    meet(i32(0), /*waits=*/true);
    if (hasFinal)
      storeFinalsAtEnd(readHandOver());
  });
}
