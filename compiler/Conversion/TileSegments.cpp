//===-- TileSegments.cpp - packed sequences in tiles ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Packed sequences lie behind one another on one axis of time, which is cut
/// into tiles as if they were one. Where one starts, the map of the step is
/// that of a constant, so tiles of any sequences combine like others. A thread
/// finds the sequence of its first step by bisection and walks the bounds from
/// there. Where nothing else varies by sequence, a bit for each step of the
/// tile says whether one starts, and no thread has to know which.
///
/// Steps are counted in the direction of the recurrence. In reverse the last
/// sequence is the first that they meet.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Schedules.h"
#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Where a bound is that a thread does not reach, or there is none.
static constexpr int64_t kFar = std::numeric_limits<int32_t>::max();

/// The step of a bound.
Value TileKernels::getBound(Value number) {
  if (!space.getReverse())
    return readBound(number);
  Value bound = readBound(sub(sizes[space.getSegment()], number));
  return sub(sizes[space.getTime()], bound);
}

/// The index of the sequence that is met as number `number`.
Value TileKernels::getSequence(Value number) {
  Value last = sub(sizes[space.getSegment()], i64(1));
  number = arith::MinSIOp::create(b, loc, number, last);
  number = arith::MaxSIOp::create(b, loc, number, i64(0));
  return space.getReverse() ? sub(last, number) : number;
}

/// Whether the first steps of sequences are marked, and nothing else is looked
/// up.
bool TileKernels::marksFirsts() {
  return isPacked() && needsOnlyFirsts(scan) && 32 % steps == 0 &&
         !llvm::is_contained(accesses, Access::Direct);
}

/// Marks the first steps of sequences among those of the tile, in one bit each.
/// The block looks at bounds at equal distances, then at those from the last of
/// them that is before the tile.
void TileKernels::markFirsts() {
  // (in whole vectors, before where to begin)
  int64_t words = (tileSteps + 127) / 128 * 4, bytes = 4 * words + 16;
  Value buffer =
      createShared(module, prefix + "_firsts", lookback ? bytes : 2 * bytes);
  Type i32Type = b.getI32Type();
  // Tiles alternate between two buffers, as for the totals.
  if (!lookback) {
    Value odd = arith::AndIOp::create(
        b, loc, arith::DivUIOp::create(b, loc, tileBegin, i64(tileSteps)),
        i64(1));
    buffer = at(buffer, toI32(mul(odd, i64(bytes))));
  }
  Value first = at(buffer, i32(4 * words));
  Value number = toI64(thread), last = sizes[space.getSegment()];
  for (int64_t word = 0; word < words; word += threads) {
    Value own = arith::AddIOp::create(b, loc, thread, i32(word));
    when(compare(arith::CmpIPredicate::ult, own, i32(words)), [&] {
      Value place = arith::MulIOp::create(b, loc, own, i32(4));
      LLVM::StoreOp::create(b, loc, i32(0), at(buffer, place), 4);
    });
  }
  Value stride =
      arith::DivUIOp::create(b, loc, add(last, i64(threads)), i64(threads));
  auto isBefore = [&](Value pivot) -> Value {
    Value exists = compare(arith::CmpIPredicate::sle, pivot, last);
    Value bound = getBound(arith::MinSIOp::create(b, loc, pivot, last));
    return arith::AndIOp::create(
        b, loc, exists, compare(arith::CmpIPredicate::slt, bound, tileBegin));
  };
  Value pivot = mul(number, stride);
  Value own = isBefore(pivot), next = isBefore(add(pivot, stride));
  Value isZero = compare(arith::CmpIPredicate::eq, thread, i32(0));
  // The last one before the tile, or the first of all.
  Value isLast = arith::AndIOp::create(
      b, loc, arith::OrIOp::create(b, loc, own, isZero),
      arith::XOrIOp::create(
          b, loc, next,
          arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
  when(isLast, [&] { LLVM::StoreOp::create(b, loc, pivot, first, 8); });
  gpu::BarrierOp::create(b, loc);
  Value begin = LLVM::LoadOp::create(b, loc, i64Type, first, 8);
  begin = arith::MaxSIOp::create(b, loc, begin, i64(0));
  begin = add(begin, number);
  Value end = add(tileBegin, i64(tileSteps));
  auto loop = scf::WhileOp::create(b, loc, TypeRange{i64Type}, begin);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *test = b.createBlock(&loop.getBefore(), {}, i64Type, loc);
    b.setInsertionPointToStart(test);
    scf::ConditionOp::create(
        b, loc, compare(arith::CmpIPredicate::sle, test->getArgument(0), last),
        test->getArguments());
    Block *body = b.createBlock(&loop.getAfter(), {}, i64Type, loc);
    b.setInsertionPointToStart(body);
    Value here = body->getArgument(0);
    Value bound = getBound(here);
    Value distance = sub(bound, tileBegin);
    // (a bound before the tile is far after it here)
    auto inside = scf::IfOp::create(
        b, loc, compare(arith::CmpIPredicate::ult, distance, i64(tileSteps)),
        false);
    {
      OpBuilder::InsertionGuard keep(b);
      b.setInsertionPoint(inside.thenBlock()->getTerminator());
      Value step = toI32(distance);
      Value word = arith::ShRUIOp::create(b, loc, step, i32(5));
      Value bit = arith::AndIOp::create(b, loc, step, i32(31));
      bit = arith::ShLIOp::create(b, loc, i32(1), bit);
      LLVM::AtomicRMWOp::create(
          b, loc, LLVM::AtomicBinOp::_or,
          at(buffer, arith::MulIOp::create(b, loc, word, i32(4))), bit,
          LLVM::AtomicOrdering::monotonic, "block");
    }
    Value goesOn = compare(arith::CmpIPredicate::slt, bound, end);
    Value following = add(here, i64(threads));
    scf::YieldOp::create(b, loc,
                         ValueRange{arith::SelectOp::create(
                             b, loc, goesOn, following, add(last, i64(1)))});
  }
  gpu::BarrierOp::create(b, loc);
  firstBits.clear();
  for (int64_t k = 0; k < chunks; ++k) {
    Value step = toI32(sub(threadBegin, tileBegin));
    step = arith::AddIOp::create(b, loc, step, i32(k * teams * steps));
    Value word = arith::ShRUIOp::create(b, loc, step, i32(5));
    word = LLVM::LoadOp::create(
        b, loc, i32Type,
        at(buffer, arith::MulIOp::create(b, loc, word, i32(4))), 4);
    firstBits.push_back(arith::ShRUIOp::create(
        b, loc, word, arith::AndIOp::create(b, loc, step, i32(31))));
  }
  // All sequences start from the same.
  position[space.getSegment()] = i64(0);
  starts.assign(channels, {});
  for (int64_t v = 0; v < channels; ++v) {
    goToChannel(v);
    starts[v] = createStartsOfAll();
  }
}

/// Finds, for each chunk of the thread, the first bound that is not before its
/// first step: all chunks by one bisection.
void TileKernels::findSequences() {
  if (marksFirsts()) {
    markFirsts();
    return;
  }
  SmallVector<Value> wanted, initial;
  for (int64_t k = 0; k < chunks; ++k) {
    wanted.push_back(add(threadBegin, i64(k * teams * steps)));
    initial.push_back(i64(0));
  }
  // The bound is among `count` of them from the one that is carried, or after.
  initial.push_back(add(sizes[space.getSegment()], i64(1)));
  SmallVector<Type> types(initial.size(), i64Type);
  SmallVector<Location> locations(initial.size(), loc);
  auto loop = scf::WhileOp::create(b, loc, types, initial);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  b.setInsertionPointToStart(before);
  Value again =
      compare(arith::CmpIPredicate::sgt, before->getArguments().back(), i64(0));
  scf::ConditionOp::create(b, loc, again, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  b.setInsertionPointToStart(after);
  Value count = after->getArguments().back();
  Value half = arith::ShRUIOp::create(b, loc, count, i64(1));
  // Halves of odd and even counts differ by one: the larger rest serves both,
  // and numbers past the end are kept at it.
  SmallVector<Value> next;
  for (int64_t k = 0; k < chunks; ++k) {
    Value first = after->getArgument(k);
    Value middle = add(first, half);
    Value exists =
        compare(arith::CmpIPredicate::sle, middle, sizes[space.getSegment()]);
    Value bound = getBound(
        arith::MinSIOp::create(b, loc, middle, sizes[space.getSegment()]));
    Value isBefore = arith::AndIOp::create(
        b, loc, exists, compare(arith::CmpIPredicate::slt, bound, wanted[k]));
    next.push_back(
        arith::SelectOp::create(b, loc, isBefore, add(middle, i64(1)), first));
  }
  next.push_back(half);
  scf::YieldOp::create(b, loc, next);
  b.setInsertionPointAfter(loop);
  firstBounds.clear();
  for (Value number : ValueRange(loop.getResults()).drop_back())
    firstBounds.push_back(toI32(number));
}

/// Goes to the sequence that is met as number `number`: reads what it starts
/// from and what the steps read of it.
void TileKernels::enterSequence(Value number) {
  position[space.getSegment()] = getSequence(number);
  starts.assign(channels, {});
  for (int64_t v = 0; v < channels; ++v) {
    goToChannel(v);
    starts[v] = createStartsOfAll();
  }
  for (unsigned input = 0; input < accesses.size(); ++input) {
    if (accesses[input] != Access::Sequence)
      continue;
    constants[input].clear();
    for (int64_t v = 0; v < channels; ++v) {
      goToChannel(v);
      loadConstant(input);
    }
  }
}

/// How many steps after the thread's first a bound is.
Value TileKernels::getDistance(Value number) {
  Value last = sizes[space.getSegment()];
  Value exists = compare(arith::CmpIPredicate::sle, number, last);
  Value bound = getBound(arith::MinSIOp::create(b, loc, number, last));
  Value distance =
      arith::MinSIOp::create(b, loc, sub(bound, threadBegin), i64(kFar));
  distance = arith::SelectOp::create(b, loc, exists, distance, i64(kFar));
  return toI32(distance);
}

/// Goes to a step of the thread, in packed sequences.
void TileKernels::enterStep(int64_t chunk, int64_t number) {
  if (!isPacked())
    return;
  if (marksFirsts()) {
    Value bit = arith::AndIOp::create(b, loc, firstBits[chunk],
                                      i32(int32_t(int64_t(1) << number)));
    restarts = compare(arith::CmpIPredicate::ne, bit, i32(0));
    return;
  }
  auto before = [&](Value number) { return sub(toI64(number), i64(1)); };
  if (number == 0) {
    nextNumber = firstBounds[chunk];
    nextBound = getDistance(toI64(nextNumber));
    Value own = before(nextNumber);
    ownBegin = getBound(arith::MaxSIOp::create(b, loc, own, i64(0)));
    enterSequence(own);
  }
  int64_t distance = chunk * teams * steps + number;
  restarts = compare(arith::CmpIPredicate::eq, nextBound, i32(distance));
  // What changes with the sequence.
  auto forEach = [&](llvm::function_ref<void(Value &)> visit) {
    visit(nextNumber);
    visit(nextBound);
    visit(ownBegin);
    for (States &states : starts)
      for (State &state : states)
        llvm::for_each(state, visit);
    for (unsigned input = 0; input < accesses.size(); ++input)
      if (accesses[input] == Access::Sequence)
        llvm::for_each(constants[input], visit);
  };
  auto collect = [&] {
    SmallVector<Value> values;
    forEach([&](Value &value) { values.push_back(value); });
    return values;
  };
  SmallVector<Value> here = collect();
  auto branch = scf::IfOp::create(b, loc, ValueRange(here).getTypes(), restarts,
                                  /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, loc, here);
    // Of sequences that start here all but the last are empty.
    b.setInsertionPointToEnd(branch.thenBlock());
    Type i32Type = b.getI32Type();
    auto loop = scf::WhileOp::create(b, loc, TypeRange{i32Type, i32Type},
                                     ValueRange{nextNumber});
    {
      OpBuilder::InsertionGuard keep(b);
      Block *test = b.createBlock(&loop.getBefore(), {}, i32Type, loc);
      b.setInsertionPointToStart(test);
      Value following =
          arith::AddIOp::create(b, loc, test->getArgument(0), i32(1));
      Value bound = getDistance(toI64(following));
      Value again = compare(arith::CmpIPredicate::sle, bound, i32(distance));
      scf::ConditionOp::create(b, loc, again, ValueRange{following, bound});
      Block *after =
          b.createBlock(&loop.getAfter(), {}, {i32Type, i32Type}, {loc, loc});
      b.setInsertionPointToStart(after);
      scf::YieldOp::create(b, loc, ValueRange{after->getArgument(0)});
    }
    nextNumber = loop.getResult(0);
    nextBound = loop.getResult(1);
    ownBegin = add(threadBegin, i64(distance));
    enterSequence(before(nextNumber));
    scf::YieldOp::create(b, loc, collect());
  }
  auto next = branch.getResults().begin();
  forEach([&](Value &value) { value = *next++; });
  position[space.getSegment()] = getSequence(before(nextNumber));
}

/// Writes the final states of a sequence after its last step.
void TileKernels::storeFinalsOfStep(ArrayRef<States> states) {
  int64_t following = chunkNow * teams * steps + stepNow + 1;
  Value ends = compare(arith::CmpIPredicate::eq, nextBound, i32(following));
  Value valid =
      arith::AndIOp::create(b, loc, isChannel, isInside(chunkNow, stepNow));
  valid = arith::AndIOp::create(b, loc, valid, ends);
  when(valid, [&] { storeFinalsOfAll(states); });
}

/// Writes the final states of sequences without steps, the teams of the block
/// in turn.
void TileKernels::storeFinalsOfEmpty() {
  Value first = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, warp, i32(teams)), team);
  auto loop =
      scf::ForOp::create(b, loc, arith::ExtUIOp::create(b, loc, i64Type, first),
                         sizes[space.getSegment()], i64(warps * teams));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value number = loop.getInductionVar();
  Value isEmpty = compare(arith::CmpIPredicate::sge, getBound(number),
                          getBound(add(number, i64(1))));
  isEmpty = arith::AndIOp::create(b, loc, isEmpty, isChannel);
  when(isEmpty, [&] {
    enterSequence(number);
    storeFinalsOfAll(starts);
  });
}
