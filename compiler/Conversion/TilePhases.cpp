//===-- TilePhases.cpp - fold, combine and replay of a tile ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The phases inside a block: over the steps of a thread, the threads of a warp
/// and the warps; the algebra of their maps; small builders.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

static int64_t getBytes(Type type) { return type.getIntOrFloatBitWidth() / 8; }

//===----------------------------------------------------------------------===//
// The phases' sinks
//===----------------------------------------------------------------------===//

/// Composes the maps of a thread's steps.
class TileKernels::FoldSink final : public StepSink {
public:
  explicit FoldSink(TileKernels &kernels) : k(kernels) {}

  std::pair<Value, Value> update(OpBuilder &builder, Location, unsigned state,
                                 Value a, Value b,
                                 const InnerPoint &) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    Map map{a, b};
    Map &all = k.folded[k.chunkNow][k.channelNow][state];
    if (k.isPacked()) {
      // Where a sequence starts, what was before has no part.
      Value start = k.starts[k.channelNow][state];
      Map own{k.getAlgebra(start.getType()).zero(), k.apply(map, start)};
      all = k.stepNow == 0 ? map : k.compose(all, map);
      all = k.select(k.restarts, own, all);
      return {};
    }
    if (k.hasFinal)
      map = k.select(k.isInside(k.chunkNow, k.stepNow), map,
                     k.getIdentity(state));
    all = k.stepNow == 0 ? map : k.compose(all, map);
    return {};
  }
  Value reload(OpBuilder &, Location, unsigned, const InnerPoint &) override {
    llvm_unreachable("elements do not read states");
  }
  void store(OpBuilder &, Location, unsigned, Value,
             const InnerPoint &) override {
    llvm_unreachable("fold has no outputs");
  }

private:
  TileKernels &k;
};

/// Applies a step to the states, and keeps the outputs.
class TileKernels::ReplaySink final : public StepSink {
public:
  ReplaySink(TileKernels &kernels, States &states)
      : k(kernels), states(states) {}

  std::pair<Value, Value> update(OpBuilder &builder, Location, unsigned state,
                                 Value a, Value b,
                                 const InnerPoint &) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    Value previous = states[state];
    if (k.isPacked())
      previous = arith::SelectOp::create(
          k.b, k.loc, k.restarts, k.starts[k.channelNow][state], previous);
    states[state] = k.apply({a, b}, previous);
    return {previous, states[state]};
  }
  Value reload(OpBuilder &, Location, unsigned state,
               const InnerPoint &) override {
    return states[state];
  }
  void store(OpBuilder &, Location, unsigned result, Value value,
             const InnerPoint &) override {
    k.outputs[result].push_back(value);
  }

private:
  TileKernels &k;
  States &states;
};

//===----------------------------------------------------------------------===//
// Fold, combine and replay inside a block
//===----------------------------------------------------------------------===//

void TileKernels::emitFold() {
  folded.assign(chunks, SmallVector<Maps>(channels, Maps(scan.getNumStates())));
  FoldSink sink(*this);
  if (isPacked())
    findSequences();
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t r = 0; r < steps; ++r) {
      enterStep(k, r);
      for (int64_t v = 0; v < channels; ++v) {
        setElement(k, r, v);
        OpBuilder body(b);
        LogicalResult done = emitter.emitStep(body, sink, false);
        assert(succeeded(done) && "the scan was checked before");
        (void)done;
        b.restoreInsertionPoint(body.saveInsertionPoint());
      }
    }
  isCombining = true;
}

/// Replaces every thread's map by that of the warp's steps before it, and
/// leaves the map of all the warp's steps in `warpTotal`.
void TileKernels::combineWarp() {
  warpTotal.assign(channels, Maps());
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned state = 0; state < scan.getNumStates(); ++state) {
      Map running = getIdentity(state);
      for (int64_t k = 0; k < chunks; ++k) {
        Map map = folded[k][v][state];
        Map before = getIdentity(state);
        if (teams > 1) {
          // Hillis and Steele's scan, over the teams of the warp.
          for (int64_t distance = group; distance < kWarp; distance *= 2) {
            Map left = shuffle(map, distance, gpu::ShuffleMode::UP);
            Value has = compare(arith::CmpIPredicate::uge, lane, i32(distance));
            map = select(has, compose(left, map), map);
          }
          before = shuffle(map, group, gpu::ShuffleMode::UP);
          Value isFirst = compare(arith::CmpIPredicate::ult, lane, i32(group));
          before = select(isFirst, getIdentity(state), before);
        }
        folded[k][v][state] = k == 0 ? before : compose(running, before);
        if (k + 1 == chunks && warps > 1) {
          // Only the last team needs the total, and has it.
          running = k == 0 ? map : compose(running, map);
          break;
        }
        if (teams > 1) {
          Value last = arith::OrIOp::create(b, loc, lane, i32(kWarp - group));
          map = {shuffle(map.transition, last, gpu::ShuffleMode::IDX),
                 shuffle(map.exit, last, gpu::ShuffleMode::IDX)};
        }
        running = k == 0 ? map : compose(running, map);
      }
      warpTotal[v].push_back(running);
    }
}

/// The address of a warp's total, in `buffer`: [state][warp][channel]{P, E}.
Value TileKernels::getTotal(Value buffer, unsigned state, Value row) {
  int64_t base = 0;
  for (unsigned other = 0; other < state; ++other)
    base += warps * laneTile * 2 * getBytes(scan.getState(other).getType());
  int64_t bytes = 2 * getBytes(scan.getState(state).getType());
  Value offset = arith::MulIOp::create(b, loc, row, i32(bytes));
  return at(buffer, arith::AddIOp::create(b, loc, offset, i32(base)));
}

/// Bytes of the totals of a block.
int64_t TileKernels::getTotalBytes() {
  int64_t bytes = 0;
  for (unsigned state = 0; state < scan.getNumStates(); ++state)
    bytes += warps * laneTile * 2 * getBytes(scan.getState(state).getType());
  return (bytes + 15) / 16 * 16;
}

/// Where a channel's entry state is shared by the block.
Value TileKernels::getEntry(unsigned state, Value channel) {
  Value number = arith::AddIOp::create(b, loc, channel, i32(state * laneTile));
  return at(entriesShared, arith::MulIOp::create(b, loc, number, i32(8)));
}

/// The last team of each warp writes the warp's totals.
void TileKernels::publishToBlock(Value buffer) {
  Value isLast = compare(arith::CmpIPredicate::eq, team, i32(teams - 1));
  auto branch = scf::IfOp::create(b, loc, isLast, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  Value row = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, warp, i32(laneTile)),
      getFirstChannel());
  for (int64_t v = 0; v < channels; ++v)
    for (unsigned state = 0; state < scan.getNumStates(); ++state)
      storePair(
          getTotal(buffer, state, arith::AddIOp::create(b, loc, row, i32(v))),
          warpTotal[v][state]);
}

TileKernels::Map TileKernels::loadWarpTotal(unsigned state, Value buffer,
                                            int64_t number, Value channel) {
  Value row = arith::AddIOp::create(b, loc, channel, i32(number * laneTile));
  return loadPair(state, getTotal(buffer, state, row));
}

/// The first channel of this thread in its unit.
Value TileKernels::getFirstChannel() {
  Value own = arith::RemUIOp::create(b, loc, lane, i32(group));
  return arith::MulIOp::create(b, loc, own, i32(channels));
}

/// Runs every element from the entry state of the warp, by channel.
void TileKernels::emitReplay(ArrayRef<States> entries) {
  outputs.assign(scan->getNumResults(), {});
  reread.clear();
  zero = {};
  isReplay = true;
  // The outputs are collected in the order of the elements.
  SmallVector<SmallVector<States>> states(chunks);
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t v = 0; v < channels; ++v) {
      States &now = states[k].emplace_back();
      for (unsigned state = 0; state < scan.getNumStates(); ++state)
        now.push_back(apply(folded[k][v][state], entries[v][state]));
    }
  isCombining = false;
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t r = 0; r < steps; ++r) {
      enterStep(k, r);
      for (int64_t v = 0; v < channels; ++v) {
        setElement(k, r, v);
        ReplaySink sink(*this, states[k][v]);
        OpBuilder body(b);
        LogicalResult done = emitter.emitStep(body, sink, true);
        assert(succeeded(done) && "the scan was checked before");
        (void)done;
        b.restoreInsertionPoint(body.saveInsertionPoint());
      }
      if (isPacked() && hasFinal)
        storeFinalsOfStep(states[k]);
    }
  isReplay = false;
}

//===----------------------------------------------------------------------===//
// The algebra
//===----------------------------------------------------------------------===//

AlgebraEmitter TileKernels::getAlgebra(Type type) {
  return AlgebraEmitter(b, loc, scan.getAlgebra().getSemiring(), type);
}

TileKernels::Map TileKernels::getIdentity(unsigned state) {
  AlgebraEmitter algebra = getAlgebra(scan.getState(state).getType());
  return {algebra.one(), algebra.zero()};
}

/// While maps of several steps are combined, that of a constant leaves no trace
/// of the state before, not even of one that is not finite: packed sequences do
/// not touch each other.
Value TileKernels::isApart(const Map &map) {
  if (!isPacked() || !isCombining || !isa<FloatType>(map.exit.getType()))
    return {};
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                               map.transition,
                               getAlgebra(map.exit.getType()).zero());
}

Value TileKernels::apply(const Map &map, Value state) {
  AlgebraEmitter algebra = getAlgebra(state.getType());
  Value next = algebra.sum(algebra.product(map.transition, state), map.exit);
  Value apart = isApart(map);
  return apart ? arith::SelectOp::create(b, loc, apart, map.exit, next) : next;
}

TileKernels::Map TileKernels::compose(const Map &first, const Map &second) {
  Value transition = getAlgebra(first.exit.getType())
                         .product(second.transition, first.transition);
  if (Value apart = isApart(second))
    transition =
        arith::SelectOp::create(b, loc, apart, second.transition, transition);
  return {transition, apply(second, first.exit)};
}

TileKernels::Map TileKernels::select(Value condition, const Map &x,
                                     const Map &y) {
  return {
      arith::SelectOp::create(b, loc, condition, x.transition, y.transition),
      arith::SelectOp::create(b, loc, condition, x.exit, y.exit)};
}

TileKernels::Map TileKernels::shuffle(const Map &map, int32_t distance,
                                      gpu::ShuffleMode mode) {
  return {shuffle(map.transition, distance, mode),
          shuffle(map.exit, distance, mode)};
}

//===----------------------------------------------------------------------===//
// Small builders
//===----------------------------------------------------------------------===//

/// A map in shared memory.
void TileKernels::storePair(Value slot, const Map &map) {
  Type type = map.exit.getType();
  Value pair = LLVM::UndefOp::create(b, loc, VectorType::get({2}, type));
  pair = LLVM::InsertElementOp::create(b, loc, pair, map.transition, i32(0));
  pair = LLVM::InsertElementOp::create(b, loc, pair, map.exit, i32(1));
  LLVM::StoreOp::create(b, loc, pair, slot, 2 * getBytes(type));
}

TileKernels::Map TileKernels::loadPair(unsigned state, Value slot) {
  Type type = scan.getState(state).getType();
  Value pair = LLVM::LoadOp::create(b, loc, VectorType::get({2}, type), slot,
                                    2 * getBytes(type));
  return {LLVM::ExtractElementOp::create(b, loc, pair, i32(0)),
          LLVM::ExtractElementOp::create(b, loc, pair, i32(1))};
}

/// Shared memory of the block.
Value TileKernels::createShared(StringRef name, int64_t bytes) {
  std::string symbol = (prefix + "_" + name).str();
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto global = LLVM::GlobalOp::create(
        b, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, symbol,
        Attribute(), /*alignment=*/16, /*addrSpace=*/3);
    // Shared memory has no initial value.
    Block *block = b.createBlock(&global.getInitializerRegion());
    b.setInsertionPointToEnd(block);
    Value undefined = LLVM::UndefOp::create(b, loc, type);
    LLVM::ReturnOp::create(b, loc, undefined);
  }
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 3);
  return LLVM::AddressOfOp::create(b, loc, pointer, symbol);
}
