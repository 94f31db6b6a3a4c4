//===-- NewtonKernels.cpp - Newton's method on a GPU ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Fold, combine and replay of the segments of a tile, repeated on chip (Bock
/// and Plitt 1984, multiple shooting; Lim et al. 2023, eq. 4, of one step a
/// segment).
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/NewtonKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Static shared memory of a block.
static constexpr int64_t kSharedLimit = 48 << 10;

/// E := f(E), P := J P.
class NewtonKernels::Fold final : public StepSink {
public:
  Fold(NewtonKernels &kernels, Registers &exit, Registers &transition)
      : k(kernels), exit(exit), transition(transition) {}

  SmallVector<Value> enter(OpBuilder &builder, Location, const Carrier &carrier,
                           const InnerPoint &point) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    std::vector<Value> values =
        k.readVector(exit, Summary::State, carrier, point);
    return SmallVector<Value>(values.begin(), values.end());
  }
  Moved advance(OpBuilder &builder, Location, const Carrier &carrier,
                const Transition &map, const InnerPoint &point) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    AlgebraEmitter algebra = k.getAlgebra(carrier);
    SmallVector<Value> next;
    for (const std::optional<Value> &value : map.rest)
      next.push_back(value ? *value : algebra.zero());
    k.writeVector(exit, Summary::State, carrier, point, next);
    Transition before{
        carrier.product,
        k.readVector(transition, Summary::Transition, carrier, point),
        {}};
    before.rest.resize(carrier.size);
    k.writeVector(transition, Summary::Transition, carrier, point,
                  algebra::multiply(algebra, map, before, carrier.product));
    return {};
  }
  Value reload(OpBuilder &builder, Location, unsigned state,
               const InnerPoint &point) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    return k.readState(exit, state, point);
  }
  void store(OpBuilder &, Location, unsigned, Value,
             const InnerPoint &) override {
    llvm_unreachable("a fold has no outputs");
  }

private:
  NewtonKernels &k;
  Registers &exit, &transition;
};

NewtonKernels::NewtonKernels(NewtonOp newton, ScheduleAttr schedule,
                             const Signature &signature)
    : GpuKernels(newton, schedule, signature), newton(newton),
      warps(schedule.getWarps()),
      tolerance(newton.getTolerance().convertToDouble()) {}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

LogicalResult NewtonKernels::emit(gpu::GPUModuleOp target, StringRef symbol,
                                  Shared &shared) {
  module = target;
  if (segmentsArgument >= 0)
    return scan.emitError() << "schedule 'newton' expects no packed segments, "
                               "whose lengths differ from lane to lane";
  if (llvm::is_contained(pointCount, 0) || getSharedBytes() > kSharedLimit)
    return scan.emitError()
           << "schedule 'newton' expects states and Jacobians that fit in "
              "registers and in "
           << kSharedLimit << " bytes of shared memory for " << warps
           << " segments of 32 channels, found " << getSharedBytes();
  std::string key =
      (schedule.getLanes() + (schedule.getContiguous() ? "+" : "-") +
       (isOverGrid() ? "g" : "b") + Twine(schedule.getSteps()) + "," +
       Twine(warps))
          .str();
  SmallVector<gpu::GPUFuncOp> &kernels = shared[key];
  auto describeAll = [&](ArrayRef<gpu::GPUFuncOp> list) {
    if (isOverGrid()) {
      describeSegments(list[0], /*again=*/false);
      describeSegments(list[1], /*again=*/true);
    }
    describeNewton(list.back());
  };
  if (!kernels.empty()) {
    // The same code, launched otherwise.
    SmallVector<Attribute> before;
    for (gpu::GPUFuncOp kernel : kernels)
      before.push_back(kernel->getAttr(kLaunchAttr));
    describeAll(kernels);
    for (auto [kernel, first] : llvm::zip(kernels, before)) {
      SmallVector<Attribute> also;
      if (auto known = kernel->getAttrOfType<ArrayAttr>(kLaunchAlsoAttr))
        llvm::append_range(also, known);
      also.push_back(kernel->getAttr(kLaunchAttr));
      kernel->setAttr(kLaunchAlsoAttr, b.getArrayAttr(also));
      kernel->setAttr(kLaunchAttr, first);
    }
    return success();
  }
  auto create = [&](const Twine &suffix, int32_t threads) {
    kernels.push_back(createKernel(module, (symbol + suffix).str(), threads));
    return kernels.back();
  };
  if (isOverGrid()) {
    if (failed(emitSegments(create("_segments", kSegmentThreads),
                            /*again=*/false)) ||
        failed(emitSegments(create("_again", kSegmentThreads),
                            /*again=*/true)))
      return failure();
  }
  name = symbol;
  gpu::GPUFuncOp last =
      create(isOverGrid() ? "_finish" : "", int32_t(kWarp * warps));
  describeNewton(last);
  readParameters(last);
  return emitSolver();
}

LogicalResult NewtonKernels::emitSolver() {
  locate();
  summaries = createShared("summaries", getSharedBytes());
  flags = createShared("flags", 4 * warps);
  Registers carry = makeRegisters(Summary::State);
  emitStart(carry);
  Findings findings;
  clear(carry, findings);
  if (failed(isOverGrid() ? emitUnmet(carry, findings)
                          : emitTiles(carry, findings)))
    return failure();
  emitReport(findings);
  Value isFirst = compare(arith::CmpIPredicate::eq, warp, i64(0));
  auto branch = scf::IfOp::create(b, loc, isFirst, /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    emitFinish(carry);
  }
  gpu::ReturnOp::create(b, loc);
  return success();
}

/// The channel of this lane. Lanes beyond the last compute it again, since all
/// threads of a block meet at barriers, and write nothing.
void NewtonKernels::locate() {
  Value thread = getThreadId();
  lane = arith::RemUIOp::create(b, loc, thread, i64(kWarp));
  warp = arith::DivUIOp::create(b, loc, thread, i64(kWarp));
  items = i64(1);
  for (unsigned dim : dims.parallel)
    items = mul(items, sizes[dim]);
  Value number = add(mul(getBlockId(), i64(kWarp)), lane);
  isInside = compare(arith::CmpIPredicate::slt, number, items);
  locateItem(arith::MinSIOp::create(b, loc, number, sub(items, i64(1))),
             /*bySegments=*/false);
}

Value NewtonKernels::isWriter(AffineMap map) {
  Value writes = isInside;
  if (Value first = GpuKernels::isWriter(map))
    writes = arith::AndIOp::create(b, loc, writes, first);
  return writes;
}

/// Nothing is known but the start.
void NewtonKernels::clear(const Registers &carry, Findings &findings) {
  findings.passes = findings.flags = i32(0);
  findings.residual = constant(b.getF32Type(), 0);
  findings.scale = carry;
  for (auto &list : findings.scale)
    for (Value &value : list) {
      Value start = value;
      value = constant(start.getType(), 0);
      include(start, value);
    }
}

/// The tiles in the order of time; `carry` is the exact state between them.
LogicalResult NewtonKernels::emitTiles(Registers &carry, Findings &findings) {
  Value total = stepEnd;
  // Short sequences are spread over all segments too.
  Value share =
      arith::DivSIOp::create(b, loc, add(total, i64(warps - 1)), i64(warps));
  Value steps = arith::MaxSIOp::create(
      b, loc, i64(1),
      arith::MinSIOp::create(b, loc, share, i64(schedule.getSteps())));
  unsigned states = flatten(carry).size();
  auto list = [&](const Registers &registers) {
    SmallVector<Value> values = flatten(registers);
    llvm::append_range(values, flatten(findings));
    return values;
  };
  auto take = [&](ValueRange values) {
    assign(carry, values.take_front(states));
    assign(findings, values.drop_front(states));
  };
  auto loop = scf::ForOp::create(b, loc, i64(0), total, mul(steps, i64(warps)),
                                 list(carry));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    take(loop.getRegionIterArgs());
    stepBegin = arith::MinSIOp::create(
        b, loc, total, add(loop.getInductionVar(), mul(warp, steps)));
    stepEnd = arith::MinSIOp::create(b, loc, total, add(stepBegin, steps));
    Registers exit = carry;
    if (failed(emitTile(carry, exit, findings)))
      return failure();
    scf::YieldOp::create(b, loc, list(exit));
  }
  take(loop.getResults());
  return success();
}

/// One tile, whose first segment begins at `carry`: passes, and the replay,
/// which also finds whether the segments meet; where they do not, passes go on.
/// `exit` becomes the state after the last segment.
LogicalResult NewtonKernels::emitTile(const Registers &carry, Registers &exit,
                                      Findings &findings) {
  Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  Iteration now{carry, findings.scale, i64(0), i32(0), yes};
  SmallVector<Value> start = flatten(now);
  SmallVector<Type> types;
  for (Value value : start)
    types.push_back(value.getType());
  // What comes out besides: the exit, the residual, the flags.
  SmallVector<Type> results = types;
  for (Value value : flatten(carry))
    results.push_back(value.getType());
  results.append({b.getF32Type(), b.getI32Type()});
  auto loop = scf::WhileOp::create(b, loc, results, start);
  Value passesBefore = findings.passes;
  {
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore(), {}, types,
                                  SmallVector<Location>(types.size(), loc));
    b.setInsertionPointToStart(before);
    assign(now, before->getArguments());
    if (failed(emitPasses(carry, now)))
      return failure();
    Registers leaving = now.entry;
    if (failed(emitReplay(leaving)))
      return failure();
    storeShared(Part::Exit, leaving);
    gpu::BarrierOp::create(b, loc);
    // Where this segment should have begun, and the last exit, before anyone
    // may write to the same words again.
    Registers arriving =
        loadExits(arith::MaxSIOp::create(b, loc, sub(warp, i64(1)), i64(0)));
    Value isFirst = compare(arith::CmpIPredicate::eq, warp, i64(0));
    for (auto [own, other] : llvm::zip(carry, arriving))
      for (auto [known, found] : llvm::zip(own, other))
        found = arith::SelectOp::create(b, loc, isFirst, known, found);
    Registers last = loadExits(i64(warps - 1));
    Value residual = constant(b.getF32Type(), 0);
    for (auto [x, y, scale] :
         llvm::zip(flatten(arriving), flatten(now.entry), flatten(now.scale)))
      residual =
          arith::MaximumFOp::create(b, loc, residual, getGap(x, y, scale));
    Value far = isChanged(now.entry, arriving, now.scale);
    Value any = findAny(far);
    // A channel whose last correction was not small is right by the number of
    // its passes alone.
    Value inOrder = now.active;
    if (isLimited())
      inOrder =
          arith::OrIOp::create(b, loc, inOrder,
                               compare(arith::CmpIPredicate::sgt, now.count,
                                       i32(newton.getMaxIterations())));
    Value flagsNow =
        arith::SelectOp::create(b, loc, inOrder, i32(kFinishedInOrder), i32(0));
    flagsNow =
        arith::OrIOp::create(b, loc, flagsNow,
                             arith::SelectOp::create(b, loc, isAnyWild(leaving),
                                                     i32(kNotFinite), i32(0)));
    Value again = arith::AndIOp::create(
        b, loc, compare(arith::CmpIPredicate::ne, any, i32(0)),
        compare(arith::CmpIPredicate::slt, now.pass, i64(warps - 1)));
    now.active = arith::SelectOp::create(b, loc, again, isSet(any), now.active);
    SmallVector<Value> next = flatten(now);
    llvm::append_range(next, flatten(last));
    next.append({residual, flagsNow});
    scf::ConditionOp::create(b, loc, again, next);
    Block *after = b.createBlock(&loop.getAfter(), {}, results,
                                 SmallVector<Location>(results.size(), loc));
    b.setInsertionPointToStart(after);
    scf::YieldOp::create(b, loc,
                         after->getArguments().take_front(types.size()));
  }
  ValueRange ends = loop.getResults();
  assign(now, ends.take_front(types.size()));
  assign(exit, ends.drop_front(types.size()).drop_back(2));
  findings.scale = now.scale;
  findings.passes = arith::MaxSIOp::create(b, loc, passesBefore, now.count);
  findings.flags =
      arith::OrIOp::create(b, loc, findings.flags, ends[ends.size() - 1]);
  findings.residual = arith::MaximumFOp::create(b, loc, findings.residual,
                                                ends[ends.size() - 2]);
  return success();
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// Newton's method on the entries of the tile's segments, until no correction
/// is above the tolerance, or all entries are those of one step after the
/// other. A channel that has converged stays as it is: what it is does not
/// depend on its neighbours.
LogicalResult NewtonKernels::emitPasses(const Registers &carry,
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
  storeShared(Part::Exit, exit);
  storeShared(Part::Transition, transition);
  storeShared(Part::Guess, guess);
  gpu::BarrierOp::create(b, loc);
  now.pass = add(now.pass, i64(1));
  now.count = add(now.count,
                  arith::ExtUIOp::create(b, loc, b.getI32Type(), now.active));
  emitCorrections(carry, now);
  for (auto [old, corrected] : llvm::zip(guess, now.entry))
    for (auto [kept, value] : llvm::zip(old, corrected))
      value = arith::SelectOp::create(b, loc, now.active, value, kept);
  // What is finished in order is finished to the last bit, and so is what
  // makes small errors large.
  Value exactly = mayGrow(transition);
  if (isLimited())
    exactly = arith::OrIOp::create(b, loc, exactly,
                                   compare(arith::CmpIPredicate::sgt, now.count,
                                           i32(newton.getMaxIterations())));
  Value any = findAny(isChanged(guess, now.entry, now.scale, exactly));
  now.active = isSet(any);
  // After so many passes every entry is that of one step after the other.
  Value more = arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::ne, any, i32(0)),
      compare(arith::CmpIPredicate::slt, now.pass, i64(warps - 1)));
  scf::ConditionOp::create(b, loc, more, flatten(now));
  Block *after = b.createBlock(&loop.getAfter(), {}, types,
                               SmallVector<Location>(types.size(), loc));
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, loc, after->getArguments());
  assign(now, loop.getResults());
  return success();
}

/// Exit and transition of this warp's segment from the guess.
LogicalResult NewtonKernels::emitSummary(const Registers &guess,
                                         Registers &exit,
                                         Registers &transition) {
  exit = guess;
  transition = makeRegisters(Summary::Transition);
  for (const Carrier &carrier : carriers)
    forEachPoint(carrier, [&](const InnerPoint &point) {
      writeVector(transition, Summary::Transition, carrier, point,
                  getAlgebra(carrier).identity(carrier).entries);
    });
  Fold sink(*this, exit, transition);
  return emitSteps({&exit, &transition}, sink, /*withReadout=*/false);
}

/// The entry of this warp's segment: the corrections of those before it, one
/// after the other.
void NewtonKernels::emitCorrections(const Registers &carry, Iteration &now) {
  Registers &entry = now.entry;
  // Beyond the limit of passes, exits are taken as they are: the channel is
  // finished one segment after the other.
  Value mayCorrect;
  if (isLimited())
    mayCorrect = compare(arith::CmpIPredicate::sle, now.count,
                         i32(newton.getMaxIterations()));
  SmallVector<Value> start = flatten(carry);
  unsigned states = start.size();
  llvm::append_range(start, flatten(now.scale));
  auto take = [&](ValueRange values) {
    assign(entry, values.take_front(states));
    assign(now.scale, values.drop_front(states));
  };
  auto loop = scf::ForOp::create(b, loc, i64(0), warp, i64(1), start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    take(loop.getRegionIterArgs());
    for (const Carrier &carrier : carriers)
      for (unsigned point = 0; point < pointCount[getNumber(carrier)]; ++point)
        correct(carrier, point, loop.getInductionVar(), mayCorrect, entry);
    for (auto [values, scales] : llvm::zip(entry, now.scale))
      for (auto [value, scale] : llvm::zip(values, scales))
        include(value, scale);
    SmallVector<Value> next = flatten(entry);
    llvm::append_range(next, flatten(now.scale));
    scf::YieldOp::create(b, loc, next);
  }
  take(loop.getResults());
}

/// scale := max(scale, |size|), of what is finite.
void NewtonKernels::include(Value size, Value &scale) {
  Value magnitude = math::AbsFOp::create(b, loc, size);
  Value takes = arith::AndIOp::create(
      b, loc,
      arith::CmpFOp::create(
          b, loc, arith::CmpFPredicate::OLT, magnitude,
          constant(size.getType(), std::numeric_limits<double>::infinity())),
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, magnitude,
                            scale));
  scale = arith::SelectOp::create(b, loc, takes, magnitude, scale);
}

/// h := E + P (h - s); E where h is s already, since P may be infinite, and
/// where the correction is not finite.
void NewtonKernels::correct(const Carrier &carrier, unsigned point,
                            Value segment, Value mayCorrect, Registers &entry) {
  auto read = [&](Part part, unsigned number) -> Value {
    return LLVM::LoadOp::create(
        b, loc, carrier.type, getShared(part, carrier, point, number, segment));
  };
  Value *h = &entry[getNumber(carrier)][point * carrier.size];
  std::vector<std::optional<Value>> difference;
  Value same;
  for (unsigned i = 0; i < carrier.size; ++i) {
    Value guess = read(Part::Guess, i);
    Value here = isSame(h[i], guess);
    same = same ? arith::AndIOp::create(b, loc, same, here).getResult() : here;
    difference.push_back(
        arith::SubFOp::create(b, loc, h[i], guess).getResult());
  }
  Transition map{carrier.product, {}, {}};
  for (unsigned i = 0; i < carrier.product.count(); ++i)
    map.entries.push_back(read(Part::Transition, i));
  for (unsigned i = 0; i < carrier.size; ++i)
    map.rest.push_back(read(Part::Exit, i));
  AlgebraEmitter algebra = getAlgebra(carrier);
  Value infinity = arith::ConstantOp::create(
      b, loc,
      FloatAttr::get(carrier.type, std::numeric_limits<double>::infinity()));
  for (unsigned i = 0; i < carrier.size; ++i) {
    Value corrected = *algebra::applyRow(algebra, map, i, difference);
    Value isFinite = arith::CmpFOp::create(
        b, loc, arith::CmpFPredicate::OLT,
        math::AbsFOp::create(b, loc, corrected), infinity);
    Value takes = arith::AndIOp::create(
        b, loc, isFinite,
        arith::XOrIOp::create(
            b, loc, same,
            arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
    if (mayCorrect)
      takes = arith::AndIOp::create(b, loc, takes, mayCorrect);
    h[i] = arith::SelectOp::create(b, loc, takes, corrected, *map.rest[i]);
  }
}

/// Equal, or both no number.
Value NewtonKernels::isSame(Value x, Value y) {
  Value equal = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, x, y);
  Value neither = arith::AndIOp::create(
      b, loc, arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x),
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, y, y));
  return arith::OrIOp::create(b, loc, equal, neither);
}

Value NewtonKernels::constant(Type type, double value) {
  return arith::ConstantOp::create(b, loc, FloatAttr::get(type, value));
}

Value NewtonKernels::getDistance(Value x, Value y) {
  return math::AbsFOp::create(b, loc, arith::SubFOp::create(b, loc, x, y));
}

/// The distance relative to `scale`, in f32; 0 of equal values, infinite ones
/// and no numbers too.
Value NewtonKernels::getGap(Value x, Value y, Value scale) {
  Value gap = arith::SelectOp::create(
      b, loc, isSame(x, y), constant(x.getType(), 0),
      arith::DivFOp::create(b, loc, getDistance(x, y), scale));
  if (gap.getType().isF64())
    gap = arith::TruncFOp::create(b, loc, b.getF32Type(), gap);
  return gap;
}

/// |x - y| > tolerance scale, or one of them no number.
Value NewtonKernels::isFar(Value x, Value y, Value scale) {
  Value bound =
      arith::MulFOp::create(b, loc, constant(x.getType(), tolerance), scale);
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGT,
                               getDistance(x, y), bound);
}

/// Whether the entries of a transition sum up to more than 1, or to no number:
/// else no error grows by it.
Value NewtonKernels::mayGrow(const Registers &transition) {
  Value grows = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  for (const Carrier &carrier : carriers)
    for (unsigned point = 0; point < pointCount[getNumber(carrier)]; ++point) {
      ArrayRef<Value> entries = transition[getNumber(carrier)];
      unsigned count = carrier.product.count();
      Value sum = constant(carrier.type, 0);
      for (Value entry : entries.slice(point * count, count))
        sum = arith::AddFOp::create(b, loc, sum,
                                    math::AbsFOp::create(b, loc, entry));
      grows = arith::OrIOp::create(
          b, loc, grows,
          arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGT, sum,
                                constant(carrier.type, 1)));
    }
  return grows;
}

/// Whether a state is infinite or no number.
Value NewtonKernels::isAnyWild(const Registers &registers) {
  Value wild = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  for (Value value : flatten(registers))
    wild = arith::OrIOp::create(
        b, loc, wild,
        arith::CmpFOp::create(
            b, loc, arith::CmpFPredicate::UGE,
            math::AbsFOp::create(b, loc, value),
            constant(value.getType(),
                     std::numeric_limits<double>::infinity())));
  return wild;
}

Value NewtonKernels::isChanged(const Registers &guess, const Registers &entry,
                               const Registers &scales, Value exactly) {
  Value changed = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  for (auto [x, y, scale] :
       llvm::zip(flatten(entry), flatten(guess), flatten(scales))) {
    Value far = isFar(x, y, scale);
    if (exactly)
      far = arith::OrIOp::create(b, loc, far, exactly);
    Value here = arith::AndIOp::create(
        b, loc, far,
        arith::XOrIOp::create(
            b, loc, isSame(x, y),
            arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
    changed = arith::OrIOp::create(b, loc, changed, here);
  }
  return changed;
}

/// A word with a bit for each channel of the block: whether it is so for any
/// of its segments.
Value NewtonKernels::findAny(Value changed) {
  Value word = arith::SelectOp::create(
      b, loc, changed, arith::ShLIOp::create(b, loc, i32(1), toI32(lane)),
      i32(0));
  return combineWarps(word);
}

Value NewtonKernels::isSet(Value word) {
  Value bit = arith::AndIOp::create(
      b, loc, arith::ShRUIOp::create(b, loc, word, toI32(lane)), i32(1));
  return compare(arith::CmpIPredicate::ne, bit, i32(0));
}

/// The bits that any thread of the block has set.
Value NewtonKernels::combineWarps(Value word) {
  for (int32_t distance = 1; distance < kWarp; distance *= 2)
    word = arith::OrIOp::create(b, loc, word,
                                shuffle(word, distance, gpu::ShuffleMode::XOR));
  auto getFlag = [&](Value number) {
    return at(flags, arith::MulIOp::create(b, loc, toI32(number), i32(4)));
  };
  Value isFirst = compare(arith::CmpIPredicate::eq, lane, i64(0));
  auto branch = scf::IfOp::create(b, loc, isFirst, /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    LLVM::StoreOp::create(b, loc, word, getFlag(warp));
  }
  gpu::BarrierOp::create(b, loc);
  Value any = i32(0);
  for (int64_t number = 0; number < warps; ++number)
    any = arith::OrIOp::create(
        b, loc, any,
        LLVM::LoadOp::create(b, loc, b.getI32Type(), getFlag(i64(number))));
  return any;
}

/// What was found goes to the workspace: a recur_channel_report for each
/// channel, of all its segments.
void NewtonKernels::emitReport(const Findings &findings) {
  // The last tile's summaries are no longer read: findAny has met since.
  auto place = [&](Value segment, int64_t part) {
    Value number =
        add(mul(add(mul(segment, i64(2)), i64(part)), i64(kWarp)), lane);
    return at(summaries, toI32(mul(number, i64(4))));
  };
  LLVM::StoreOp::create(b, loc, findings.residual, place(warp, 0));
  LLVM::StoreOp::create(b, loc, findings.flags, place(warp, 1));
  gpu::BarrierOp::create(b, loc);
  Value isFirst = compare(arith::CmpIPredicate::eq, warp, i64(0));
  auto branch = scf::IfOp::create(
      b, loc, arith::AndIOp::create(b, loc, isFirst, isInside),
      /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  Value residual = findings.residual, all = findings.flags;
  for (int64_t segment = 1; segment < warps; ++segment) {
    residual = arith::MaximumFOp::create(
        b, loc, residual,
        LLVM::LoadOp::create(b, loc, b.getF32Type(), place(i64(segment), 0)));
    all = arith::OrIOp::create(
        b, loc, all,
        LLVM::LoadOp::create(b, loc, b.getI32Type(), place(i64(segment), 1)));
  }
  Value words[] = {findings.passes, all, residual};
  for (auto [i, word] : llvm::enumerate(words)) {
    Value offset = add(mul(item, i64(kReportBytes)), i64(4 * i));
    Value pointer = LLVM::GEPOp::create(
        b, loc, ptrType, b.getI8Type(), workspace,
        ArrayRef<LLVM::GEPArg>{offset}, LLVM::GEPNoWrapFlags::inbounds);
    store(pointer, word);
  }
}

//===----------------------------------------------------------------------===//
// Registers and shared memory
//===----------------------------------------------------------------------===//

SmallVector<Value> NewtonKernels::flatten(const Registers &registers) {
  SmallVector<Value> values;
  for (const auto &list : registers)
    llvm::append_range(values, list);
  return values;
}

SmallVector<Value> NewtonKernels::flatten(const Iteration &now) {
  SmallVector<Value> values = flatten(now.entry);
  llvm::append_range(values, flatten(now.scale));
  values.append({now.pass, now.count, now.active});
  return values;
}

void NewtonKernels::assign(Iteration &now, ValueRange values) {
  unsigned states = (values.size() - 3) / 2;
  assign(now.entry, values.take_front(states));
  assign(now.scale, values.slice(states, states));
  now.pass = values[values.size() - 3];
  now.count = values[values.size() - 2];
  now.active = values.back();
}

SmallVector<Value> NewtonKernels::flatten(const Findings &findings) {
  SmallVector<Value> values = flatten(findings.scale);
  values.append({findings.passes, findings.flags, findings.residual});
  return values;
}

void NewtonKernels::assign(Findings &findings, ValueRange values) {
  assign(findings.scale, values.drop_back(3));
  findings.passes = values[values.size() - 3];
  findings.flags = values[values.size() - 2];
  findings.residual = values.back();
}

void NewtonKernels::assign(Registers &registers, ValueRange values) {
  auto next = values.begin();
  for (auto &list : registers)
    for (Value &value : list)
      value = *next++;
}

Value NewtonKernels::createShared(StringRef suffix, int64_t bytes) {
  std::string symbol = (name + "_" + suffix).str();
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

/// How many numbers of a channel and segment, of all carriers.
int64_t NewtonKernels::getNumbers(Part part) const {
  int64_t numbers = 0;
  for (const Carrier &carrier : carriers)
    numbers +=
        pointCount[getNumber(carrier)] *
        (part == Part::Transition ? carrier.product.count() : carrier.size);
  return numbers;
}

int64_t NewtonKernels::getNumberBytes() const {
  bool wide = llvm::any_of(
      carriers, [](const Carrier &carrier) { return carrier.type.isF64(); });
  return wide ? 8 : 4;
}

/// A number takes as many bytes as the widest state.
int64_t NewtonKernels::getSharedBytes() const {
  return getNumberBytes() * kWarp * warps *
         (2 * getNumbers(Part::Exit) + getNumbers(Part::Transition));
}

/// [number][segment][lane], so that neighbouring lanes touch neighbouring
/// words.
Value NewtonKernels::getShared(Part part, const Carrier &carrier,
                               unsigned point, unsigned number, Value segment) {
  auto count = [&](const Carrier &other) -> int64_t {
    return part == Part::Transition ? other.product.count() : other.size;
  };
  int64_t row = 0;
  for (Part before : {Part::Exit, Part::Transition, Part::Guess}) {
    if (before == part)
      break;
    row += getNumbers(before);
  }
  for (const Carrier &other : carriers.take_front(getNumber(carrier)))
    row += pointCount[getNumber(other)] * count(other);
  row += point * count(carrier) + number;
  Value place = add(mul(add(i64(row * warps), segment), i64(kWarp)), lane);
  return at(summaries, toI32(mul(place, i64(getNumberBytes()))));
}

/// The exits of a segment.
NewtonKernels::Registers NewtonKernels::loadExits(Value segment) {
  Registers exits = makeRegisters(Summary::State);
  for (const Carrier &carrier : carriers)
    for (auto [i, value] : llvm::enumerate(exits[getNumber(carrier)]))
      value =
          LLVM::LoadOp::create(b, loc, carrier.type,
                               getShared(Part::Exit, carrier, i / carrier.size,
                                         i % carrier.size, segment));
  return exits;
}

void NewtonKernels::storeShared(Part part, const Registers &registers) {
  for (const Carrier &carrier : carriers) {
    unsigned count =
        part == Part::Transition ? carrier.product.count() : carrier.size;
    for (auto [i, value] : llvm::enumerate(registers[getNumber(carrier)]))
      LLVM::StoreOp::create(
          b, loc, value, getShared(part, carrier, i / count, i % count, warp));
  }
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

std::string NewtonKernels::getVariant() {
  std::string over;
  if (isOverGrid())
    over = "segments of " + std::to_string(schedule.getSegment()) +
           " steps over the grid";
  else
    over = std::to_string(warps) + " segments of up to " +
           std::to_string(schedule.getSteps()) + " steps";
  return ("newton, " + over + ", lanes along " + schedule.getLanes() +
          (schedule.getContiguous() ? ", unit stride" : ", any strides"))
      .str();
}

void NewtonKernels::addWorkspace(Launch &launch) {
  launch.workspace.push_back(
      b.getDenseI64ArrayAttr({/*kind: a report*/ 2, kReportBytes}));
  if (isOverGrid())
    launch.workspace.push_back(b.getDenseI64ArrayAttr(
        {/*kind: for each segment*/ 1,
         kEdges * getNumbers(Part::Exit) * getNumberBytes()}));
}

void NewtonKernels::describeNewton(gpu::GPUFuncOp function) {
  Launch launch;
  launch.variant = getVariant();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = kWarp;
  launch.block = kWarp * warps;
  addWorkspace(launch);
  if (isOverGrid()) {
    // Looks at the edges of the segments.
    launch.phase = "combine";
    launch.stepCost = 0;
    launch.stepsInFlight = 1 << 20;
  } else {
    // Two passes with the tangent, each at one and a half steps, and the
    // replay, in turn; a block's threads share the steps already.
    launch.stepCost = 4 * getStepLatency();
    launch.stepsInFlight = 2;
  }
  describe(function, launch);
}
