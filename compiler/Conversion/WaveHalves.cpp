//===-- WaveHalves.cpp - halves of the last units of a wave ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where the units of a wave are a few more than a multiple of the blocks that
/// run at once, most multiprocessors would be idle while the last ones run: 320
/// units on 132 take as long as 396. So these last ones are cut in two halves
/// of time, if there is room for all halves at once: first come blocks for the
/// first halves, then those with whole units, at last those for the second
/// halves. The states in the middle travel through the workspace, and are there
/// long before they are needed.
///
/// Nothing is assumed of the order in which blocks run: who comes to a unit
/// first says so in its word. A second half whose first has not begun takes the
/// whole unit, and the first does nothing when it comes later.
///
/// The workspace, if there are halves: for each unit a word, zero at first;
/// from a multiple of 256 bytes, the states: [unit][point][state][channel].
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/WaveKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

static constexpr int64_t kWordBytes = 4;
/// What a unit's word says.
static constexpr int64_t kFirstBegun = 1, kTaken = 2, kFirstDone = 3;

void WaveKernels::describeHalves(Launch &launch) {
  // Each half goes round all warps twice.
  launch.halvesFrom = 4 * warps * steps;
  launch.zeroedPerTile = kWordBytes;
  SmallVector<int64_t> part{/*perTile=*/0, 4 * int64_t(scan.getNumStates())};
  part.append(dims.inner.begin(), dims.inner.end());
  launch.workspace.push_back(b.getDenseI64ArrayAttr(part));
}

/// Finds the block's unit, and which of its segments are the block's.
void WaveKernels::locateHalf() {
  units = i64(1);
  for (unsigned dim : getUnitDims())
    units = mul(units, getUnits(dim, laneTile));
  Value block = getBlockId();
  Value blocks = arith::IndexCastOp::create(
      b, loc, i64Type, gpu::GridDimOp::create(b, loc, gpu::Dimension::x));
  Value halved = sub(blocks, units);
  Value isFirst = compare(arith::CmpIPredicate::slt, block, halved);
  Value isSecond = compare(arith::CmpIPredicate::sge, block, units);
  auto select = [&](Value condition, Value x, Value y) -> Value {
    return arith::SelectOp::create(b, loc, condition, x, y);
  };
  auto constant = [&](bool value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getBoolAttr(value));
  };
  unit = select(isFirst, add(block, sub(units, halved)), sub(block, halved));
  locateUnit(unit);

  Value isHalf = arith::OrIOp::create(b, loc, isFirst, isSecond);
  auto claim =
      scf::IfOp::create(b, loc, TypeRange{i64Type, i64Type, b.getI1Type()},
                        isHalf, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(claim.elseBlock());
    scf::YieldOp::create(b, loc, ValueRange{i64(0), length, constant(false)});
    b.setInsertionPointToStart(claim.thenBlock());
    Value found = claimUnit(select(isFirst, i32(kFirstBegun), i32(kTaken)));
    Value isAlone = isAny(compare(arith::CmpIPredicate::eq, found,
                                  select(isFirst, i32(kTaken), i32(0))));
    Value middle = arith::DivUIOp::create(b, loc, length, i64(2 * steps));
    Value begins = select(isAlone, i64(0), select(isSecond, middle, i64(0)));
    Value ends = select(isSecond, length,
                        select(isAlone, i64(0), mul(middle, i64(steps))));
    scf::YieldOp::create(b, loc, ValueRange{begins, ends, isAlone});
  }
  auto uniform = [&](Value value) -> Value {
    return toI64(callIntrinsic("llvm.nvvm.redux.sync.or",
                               {toI32(value), i32(-1)}, b.getI32Type()));
  };
  partBegin = uniform(claim.getResult(0));
  stop = uniform(claim.getResult(1));
  Value meets =
      arith::XOrIOp::create(b, loc, claim.getResult(2), constant(true));
  isContinued = arith::AndIOp::create(b, loc, isSecond, meets);
  isLeft = arith::AndIOp::create(b, loc, isFirst, meets);
}

/// Puts `word` in the place of a zero as the unit's word; gives what was there.
Value WaveKernels::claimUnit(Value word) {
  Value slot = at(pointsBase, i64(claimOffset - fixedBytes));
  when(compare(arith::CmpIPredicate::eq, thread, i32(0)), [&] {
    Value pair = LLVM::AtomicCmpXchgOp::create(
        b, loc, getUnitWord(), i32(0), word, LLVM::AtomicOrdering::monotonic,
        LLVM::AtomicOrdering::monotonic, "device");
    Value found =
        LLVM::ExtractValueOp::create(b, loc, pair, ArrayRef<int64_t>{0});
    LLVM::StoreOp::create(b, loc, found, slot, 4);
  });
  gpu::BarrierOp::create(b, loc);
  return LLVM::LoadOp::create(b, loc, b.getI32Type(), slot, 4);
}

Value WaveKernels::getUnitWord() {
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{mul(unit, i64(kWordBytes))},
                             LLVM::GEPNoWrapFlags::inbounds);
}

/// Where the workspace has a state of the unit at a point, for a channel of it.
Value WaveKernels::getKept(unsigned state, Value number, Value channel) {
  Value words = alignWorkspace(mul(units, i64(kWordBytes)));
  Value index = add(mul(unit, toI64(points)), toI64(number));
  index = add(mul(index, i64(scan.getNumStates())), i64(state));
  index = add(mul(index, i64(laneTile)), toI64(channel));
  return LLVM::GEPOp::create(
      b, loc, ptrType, b.getI8Type(), workspace,
      ArrayRef<LLVM::GEPArg>{add(words, mul(index, i64(4)))},
      LLVM::GEPNoWrapFlags::inbounds);
}

/// Waits for the block that has the first half.
void WaveKernels::awaitKept() {
  auto loop = scf::WhileOp::create(b, loc, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(b.createBlock(&loop.getBefore()));
  Value word = LLVM::LoadOp::create(
      b, loc, b.getI32Type(), getUnitWord(), 4, /*isVolatile=*/false,
      /*isNonTemporal=*/false, /*isInvariant=*/false,
      /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire, "device");
  Value isMissing =
      isAny(compare(arith::CmpIPredicate::ne, word, i32(kFirstDone)));
  scf::ConditionOp::create(b, loc, isMissing, ValueRange());
  b.setInsertionPointToStart(b.createBlock(&loop.getAfter()));
  scf::YieldOp::create(b, loc);
}

/// Leaves the states in the middle of the unit to the block that continues it.
/// This warp has them: the next would find them in its words.
void WaveKernels::keepStates() {
  syncWarp();
  Value all = arith::MulIOp::create(b, loc, points, i32(laneTile));
  auto loop = scf::ForOp::create(b, loc, i32(0), all, i32(kWarp));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    // Lanes behind the last write what it writes.
    Value index = arith::AddIOp::create(b, loc, loop.getInductionVar(), lane);
    index = arith::MinSIOp::create(b, loc, index,
                                   arith::SubIOp::create(b, loc, all, i32(1)));
    Value number = arith::DivUIOp::create(b, loc, index, i32(laneTile));
    Value channel = arith::RemUIOp::create(b, loc, index, i32(laneTile));
    Value word = at(getPointMemory(number),
                    arith::MulIOp::create(b, loc, channel, i32(8)));
    for (unsigned state = 0; state < scan.getNumStates(); ++state) {
      Value value = LLVM::LoadOp::create(
          b, loc, b.getF32Type(), at(word, i32(8 * laneTile * state)), 4);
      LLVM::StoreOp::create(b, loc, value, getKept(state, number, channel), 4);
    }
  }
  syncWarp();
  // By all lanes: they say the same.
  LLVM::StoreOp::create(b, loc, i32(kFirstDone), getUnitWord(), 4,
                        /*isVolatile=*/false, /*isNonTemporal=*/false,
                        /*isInvariantGroup=*/false,
                        LLVM::AtomicOrdering::release, "device");
}
