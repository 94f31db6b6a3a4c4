//===-- NewtonPasses.cpp - fold, combine, replay of segments --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The passes over the segments of a tile: each folds them from their guesses,
/// and combines what is left of the gaps between them: with g the gap in front
/// of a segment and P its transition, what comes to its exit is y := P (g + y),
/// an exclusive prefix over the segments, in warps by shuffles, then over
/// warps. An exit to which nothing comes stays as it is, to the last bit.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/NewtonKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Fold
//===----------------------------------------------------------------------===//

/// What a correction leaves is of its second power: the entries are near enough
/// when corrections are not yet as small as the gaps shall be, which the replay
/// finds.
static constexpr double kCorrectionShare = 32;

/// E := f(E), P := J P; with the outputs, if it `writes`.
class NewtonKernels::Fold final : public StateSink {
public:
  Fold(NewtonKernels &kernels, Registers &exit, Registers &transition,
       bool writes = false)
      : StateSink(kernels, exit, writes), k(kernels), transition(transition) {}

  Moved advance(OpBuilder &builder, Location, const Carrier &carrier,
                const Transition &map, const InnerPoint &point) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    AlgebraEmitter algebra = k.getAlgebra(carrier);
    SmallVector<Value> next;
    std::vector<Value> previous =
        k.readVector(states, Summary::State, carrier, point);
    for (const std::optional<Value> &value : map.rest)
      next.push_back(value ? *value : algebra.zero());
    k.writeVector(states, Summary::State, carrier, point, next);
    k.multiply(transition, carrier, map, point);
    if (!writes)
      return {};
    return {SmallVector<Value>(previous.begin(), previous.end()), next};
  }

private:
  NewtonKernels &k;
  Registers &transition;
};

/// Exit and transition of this thread's segment from the guess.
LogicalResult NewtonKernels::emitSummary(const Registers &guess,
                                         Registers &exit, Registers &transition,
                                         bool writes) {
  exit = guess;
  transition = makeRegisters(Summary::Transition);
  for (const Carrier &carrier : carriers)
    forEachPoint(carrier, [&](const InnerPoint &point) {
      writeVector(transition, Summary::Transition, carrier, point,
                  getAlgebra(carrier).identity(carrier).entries);
    });
  Fold sink(*this, exit, transition, writes);
  emitter.setAlwaysEntries(writes);
  LogicalResult result = emitSteps({&exit, &transition}, sink, writes);
  emitter.setAlwaysEntries(false);
  return result;
}

/// The inputs of a segment's steps, which all passes over it use.
void NewtonKernels::loadResident(Value total) {
  resident.clear();
  if (schedule.getSteps() > kResidentSteps)
    return;
  SmallVector<unsigned> inputs = findLoadedAhead();
  for (int64_t i = 0; i < schedule.getSteps(); ++i) {
    setStep(arith::MinSIOp::create(b, loc, add(stepBegin, i64(i)),
                                   sub(total, i64(1))));
    SmallVector<Value> values(scan.getInputs().size());
    for (unsigned input : inputs)
      values[input] = loadInput(b, loc, input, InnerPoint(position));
    resident.push_back(std::move(values));
  }
  step = time = {};
}

/// Few steps, one after the other without a loop; those beyond the segment's
/// last change nothing.
LogicalResult NewtonKernels::emitSteps(ArrayRef<Registers *> carried,
                                       StepSink &sink, bool withReadout) {
  if (resident.empty())
    return GpuKernels::emitSteps(carried, sink, withReadout);
  Value last = sub(sizes[space.getTime()], i64(1));
  for (auto [i, inputs] : llvm::enumerate(resident)) {
    Value here = add(stepBegin, i64(i));
    takesStep = compare(arith::CmpIPredicate::slt, here, stepEnd);
    setStep(arith::MinSIOp::create(b, loc, here, last));
    SmallVector<Value> before;
    for (Value *slot : getSlots(carried))
      before.push_back(*slot);
    beginStep();
    loadedAhead = inputs;
    LogicalResult emitted = emitStep(sink, withReadout);
    loadedAhead.clear();
    if (failed(emitted))
      return failure();
    for (auto [slot, old] : llvm::zip(getSlots(carried), before))
      *slot = arith::SelectOp::create(b, loc, takesStep, *slot, old);
  }
  step = time = takesStep = {};
  return success();
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// Newton's method on the entries of the tile's segments, until no correction
/// is large, or there have been so many that all entries are
/// those of one step after the other, or the limit is reached. A channel that
/// has converged stays as it is: what it is does not depend on its neighbours.
LogicalResult NewtonKernels::emitPasses(const Registers &carry,
                                        const Registers &scale,
                                        Iteration &now) {
  SmallVector<Value> start = flatten(now);
  SmallVector<Type> types;
  for (Value value : start)
    types.push_back(value.getType());
  auto loop = scf::WhileOp::create(b, loc, types, start);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types,
                                SmallVector<Location>(types.size(), loc));
  b.setInsertionPointToStart(before);
  assign(now, before->getArguments());
  Registers guess = now.entry, exit, transition;
  if (failed(emitSummary(guess, exit, transition)))
    return failure();
  now.pass = add(now.pass, i64(1));
  now.count = add(now.count,
                  arith::ExtUIOp::create(b, loc, b.getI32Type(), now.active));
  emitCorrections(carry, exit, transition, scale, now);
  for (auto [kept, value] :
       llvm::zip(getSlots({&guess}), getSlots({&now.entry})))
    *value = arith::SelectOp::create(b, loc, now.active, *value, *kept);
  // What makes small errors large is right to the last bit.
  double whole = tolerance;
  // Parts that are linear follow the others to the first power, and are right
  // when those are.
  if (!hasLinear())
    tolerance *= kCorrectionShare;
  Value any = findAny(isChanged(guess, now.entry, now.scale,
                                mayGrow(transition), /*linearShare=*/0));
  tolerance = whole;
  now.active = isSet(any);
  Value more = arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::ne, any, i32(0)),
      compare(arith::CmpIPredicate::slt, now.pass, i64(getPassLimit())));
  scf::ConditionOp::create(b, loc, more, flatten(now));
  Block *after = b.createBlock(&loop.getAfter(), {}, types,
                               SmallVector<Location>(types.size(), loc));
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, loc, after->getArguments());
  assign(now, loop.getResults());
  return success();
}

/// As many as there are entries to find, at most.
int64_t NewtonKernels::getPassLimit() {
  return std::min<int64_t>(newton.getMaxIterations(), places - 1);
}

//===----------------------------------------------------------------------===//
// Combine
//===----------------------------------------------------------------------===//

void NewtonKernels::forEachVector(
    function_ref<void(const Carrier &, unsigned, unsigned)> body) {
  for (const Carrier &carrier : carriers)
    for (unsigned point = 0; point < pointCount[getNumber(carrier)]; ++point)
      body(carrier, getNumber(carrier), point);
}

Transition NewtonKernels::getMap(const Carrier &carrier, unsigned point,
                                 const Registers &product,
                                 const Registers &sum) {
  unsigned number = getNumber(carrier), count = carrier.product.count();
  Transition map{carrier.product, {}, {}};
  for (Value entry : ArrayRef(product[number]).slice(point * count, count))
    map.entries.push_back(entry);
  for (Value part :
       ArrayRef(sum[number]).slice(point * carrier.size, carrier.size))
    map.rest.push_back(part);
  return map;
}

/// value := P value + q, but q where the value is zero, to the last bit: P may
/// be infinite.
void NewtonKernels::applyUnlessZero(const Registers &product,
                                    const Registers &sum, Registers &value) {
  forEachVector([&](const Carrier &carrier, unsigned number, unsigned point) {
    Value *own = &value[number][point * carrier.size];
    std::vector<Value> before(own, own + carrier.size);
    Transition map = getMap(carrier, point, product, sum);
    std::vector<Value> after = getAlgebra(carrier).apply(carrier, map, before);
    Value same = isZero(before);
    for (unsigned i = 0; i < carrier.size; ++i)
      own[i] = arith::SelectOp::create(b, loc, same, *map.rest[i], after[i]);
  });
}

Value NewtonKernels::isZero(ArrayRef<Value> values) {
  Value all;
  for (Value value : values) {
    Value here = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, value,
                                       constant(value.getType(), 0));
    all = all ? arith::AndIOp::create(b, loc, all, here).getResult() : here;
  }
  return all;
}

/// (P, q) := (P, q) after (earlier P, earlier q).
void NewtonKernels::composeWith(const Registers &earlierProduct,
                                const Registers &earlierSum, Registers &product,
                                Registers &sum) {
  Registers moved = earlierSum;
  applyUnlessZero(product, sum, moved);
  forEachVector([&](const Carrier &carrier, unsigned number, unsigned point) {
    std::vector<Value> entries = getAlgebra(carrier).multiply(
        carrier, getMap(carrier, point, product, sum),
        getMap(carrier, point, earlierProduct, earlierSum));
    llvm::copy(entries, &product[number][point * entries.size()]);
  });
  sum = moved;
}

NewtonKernels::Registers NewtonKernels::shuffleUp(const Registers &registers,
                                                  int32_t distance) {
  Registers moved = registers;
  for (Value *value : getSlots({&moved}))
    *value = shuffle(*value, distance, gpu::ShuffleMode::UP);
  return moved;
}

static void choose(OpBuilder &b, Location loc, Value condition,
                   ArrayRef<Value *> values, ArrayRef<Value *> otherwise) {
  for (auto [value, other] : llvm::zip(values, otherwise))
    *value = arith::SelectOp::create(b, loc, condition, *value, *other);
}

/// The exit in front of this thread's segment; what the tile begins with in
/// front of the first.
NewtonKernels::Registers NewtonKernels::loadArriving(const Registers &carry) {
  Registers arriving =
      loadExits(arith::MaxSIOp::create(b, loc, sub(place, i64(1)), i64(0)));
  Registers known = carry;
  choose(b, loc, compare(arith::CmpIPredicate::ne, place, i64(0)),
         getSlots({&arriving}), getSlots({&known}));
  return arriving;
}

/// The entry of this thread's segment: the exit in front of it and what comes
/// there of the gaps before.
void NewtonKernels::emitCorrections(const Registers &carry,
                                    const Registers &exit,
                                    const Registers &transition,
                                    const Registers &scale, Iteration &now) {
  storeShared(Part::Exit, exit, place);
  gpu::BarrierOp::create(b, loc);
  Registers arriving = loadArriving(carry), gap = arriving, guess = now.entry,
            none = arriving;
  for (auto [value, known, zero] :
       llvm::zip(getSlots({&gap}), getSlots({&guess}), getSlots({&none}))) {
    *zero = constant(value->getType(), 0);
    *value =
        arith::SelectOp::create(b, loc, isSame(*value, *known), *zero,
                                arith::SubFOp::create(b, loc, *value, *known));
  }
  // Of this pass alone: guesses far off may have been large.
  now.scale = scale;
  for (auto [value, size] :
       llvm::zip(getSlots({&arriving}), getSlots({&now.scale})))
    include(*value, *size);

  // Over the segments of a warp.
  Registers product = transition, sum = gap;
  applyUnlessZero(transition, none, sum);
  for (int32_t distance = group; distance < kWarp; distance *= 2) {
    Registers earlierProduct = shuffleUp(product, distance),
              earlierSum = shuffleUp(sum, distance), newProduct = product,
              newSum = sum;
    composeWith(earlierProduct, earlierSum, newProduct, newSum);
    Value isLater = compare(arith::CmpIPredicate::sge, thread, i64(distance));
    choose(b, loc, isLater, getSlots({&newProduct, &newSum}),
           getSlots({&product, &sum}));
    product = newProduct;
    sum = newSum;
    for (Value *scale : getSlots({&now.scale}))
      include(shuffle(*scale, distance, gpu::ShuffleMode::XOR), *scale);
  }

  // Over warps.
  Registers offset = none;
  if (warps > 1) {
    Value isLast =
        compare(arith::CmpIPredicate::sge, thread, i64(kWarp - group));
    when(isLast, [&] {
      storeShared(Part::Transition, product, warp);
      storeShared(Part::Sum, sum, warp);
      storeShared(Part::Scale, now.scale, warp);
    });
    gpu::BarrierOp::create(b, loc);
    emitWarpTotals(offset, now.scale);
  }
  if (group < kWarp) {
    Registers before = offset;
    applyUnlessZero(shuffleUp(product, group), shuffleUp(sum, group), before);
    choose(b, loc, compare(arith::CmpIPredicate::sge, thread, i64(group)),
           getSlots({&before}), getSlots({&offset}));
    offset = before;
  }
  correct(arriving, offset, now.entry);
}

/// What comes to the first segment of this warp, and the largest states of all
/// warps.
void NewtonKernels::emitWarpTotals(Registers &offset, Registers &scale) {
  auto include = [&](Value number, Registers &offset, Registers &scale) {
    Registers after = offset;
    applyUnlessZero(loadShared(Part::Transition, Summary::Transition, number),
                    loadShared(Part::Sum, Summary::State, number), after);
    choose(b, loc, compare(arith::CmpIPredicate::slt, number, warp),
           getSlots({&after}), getSlots({&offset}));
    offset = after;
    Registers sizes = loadShared(Part::Scale, Summary::State, number);
    for (auto [size, largest] :
         llvm::zip(getSlots({&sizes}), getSlots({&scale})))
      this->include(*size, *largest);
  };
  // Few numbers are loaded at once.
  if (warps * (getNumbers(Part::Transition) + getNumbers(Part::Sum)) <= 64) {
    for (int64_t number = 0; number < warps; ++number)
      include(i64(number), offset, scale);
    return;
  }
  SmallVector<Value> start = flatten(offset);
  unsigned states = start.size();
  llvm::append_range(start, flatten(scale));
  auto take = [&](ValueRange values) {
    assign(offset, values.take_front(states));
    assign(scale, values.drop_front(states));
  };
  auto loop = scf::ForOp::create(b, loc, i64(0), i64(warps), i64(1), start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    take(loop.getRegionIterArgs());
    include(loop.getInductionVar(), offset, scale);
    SmallVector<Value> next = flatten(offset);
    llvm::append_range(next, flatten(scale));
    scf::YieldOp::create(b, loc, next);
  }
  take(loop.getResults());
}

/// entry := arriving + offset; what arrives where nothing is to be added, or
/// where that is not finite.
void NewtonKernels::correct(const Registers &arriving, const Registers &offset,
                            Registers &entry) {
  forEachVector([&](const Carrier &carrier, unsigned number, unsigned point) {
    ArrayRef<Value> added =
        ArrayRef(offset[number]).slice(point * carrier.size, carrier.size);
    Value none = isZero(added);
    Value infinity = constant(carrier.type, INFINITY);
    for (unsigned i = 0; i < carrier.size; ++i) {
      unsigned at = point * carrier.size + i;
      Value corrected =
          arith::AddFOp::create(b, loc, arriving[number][at], added[i]);
      Value isFinite = arith::CmpFOp::create(
          b, loc, arith::CmpFPredicate::OLT,
          math::AbsFOp::create(b, loc, corrected), infinity);
      Value stays = arith::OrIOp::create(
          b, loc, none,
          arith::XOrIOp::create(
              b, loc, isFinite,
              arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
      entry[number][at] = arith::SelectOp::create(
          b, loc, stays, arriving[number][at], corrected);
    }
  });
}

//===----------------------------------------------------------------------===//
// One segment after the other
//===----------------------------------------------------------------------===//

/// Finishes a tile in order from the first segment that does not begin where
/// the one before it ended, to the last bit. The exits behind become the last
/// one.
LogicalResult NewtonKernels::emitRest(const Registers &carry, Value begin,
                                      Value steps) {
  Registers state = carry;
  SmallVector<Value> start = flatten(state);
  start.push_back(i64(0));
  auto look = scf::ForOp::create(b, loc, i64(0), i64(places), i64(1), start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(look.getBody());
    assign(state, look.getRegionIterArgs().drop_back());
    Value right = look.getRegionIterArgs().back();
    Value here = look.getInductionVar();
    Registers entry = loadShared(Part::Guess, Summary::State, here),
              exit = loadExits(here);
    Value meets = compare(arith::CmpIPredicate::eq, right, here);
    for (auto [x, y] : llvm::zip(flatten(entry), flatten(state)))
      meets = arith::AndIOp::create(b, loc, meets, isSame(x, y));
    choose(b, loc, meets, getSlots({&exit}), getSlots({&state}));
    SmallVector<Value> next = flatten(exit);
    next.push_back(add(
        right, toI64(arith::ExtUIOp::create(b, loc, b.getI32Type(), meets))));
    scf::YieldOp::create(b, loc, next);
  }
  assign(state, look.getResults().drop_back());
  Value right = look.getResults().back(), total = sizes[space.getTime()];
  stepBegin =
      arith::MinSIOp::create(b, loc, total, add(begin, mul(right, steps)));
  stepEnd = arith::MinSIOp::create(b, loc, total,
                                   add(begin, mul(i64(places), steps)));
  if (failed(emitReplay(state)))
    return failure();
  auto behind = scf::ForOp::create(b, loc, right, i64(places), i64(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(behind.getBody()->getTerminator());
  storeShared(Part::Exit, state, behind.getInductionVar());
  return success();
}
