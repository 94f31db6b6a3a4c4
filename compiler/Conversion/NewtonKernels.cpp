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

static constexpr int64_t kWarp = 32;

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
      warps(schedule.getWarps()) {}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

LogicalResult NewtonKernels::emit(gpu::GPUModuleOp target, StringRef symbol) {
  module = target;
  name = symbol;
  if (segmentsArgument >= 0)
    return scan.emitError() << "schedule 'newton' expects no packed segments, "
                               "whose lengths differ from lane to lane";
  if (llvm::is_contained(pointCount, 0) || getSharedBytes() > kSharedLimit)
    return scan.emitError()
           << "schedule 'newton' expects states and Jacobians that fit in "
              "registers and in "
           << kSharedLimit << " bytes of shared memory for " << warps
           << " segments of 32 channels, found " << getSharedBytes();
  gpu::GPUFuncOp function = createKernel(module, name, kWarp * warps);
  describeNewton(function);
  readParameters(function);
  locate();
  summaries = createShared("summaries", getSharedBytes());
  handover = createShared("handover", 8 * kWarp * getNumbers(Part::Exit));
  flags = createShared("flags", 4 * warps);
  Registers carry = makeRegisters(Summary::State);
  emitStart(carry);
  if (failed(emitTiles(carry)))
    return failure();
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

/// The tiles in the order of time; `carry` is the exact state between them.
LogicalResult NewtonKernels::emitTiles(Registers &carry) {
  Value total = stepEnd;
  // Short sequences are spread over all segments too.
  Value share =
      arith::DivSIOp::create(b, loc, add(total, i64(warps - 1)), i64(warps));
  Value steps = arith::MaxSIOp::create(
      b, loc, i64(1),
      arith::MinSIOp::create(b, loc, share, i64(schedule.getSteps())));
  auto loop = scf::ForOp::create(b, loc, i64(0), total, mul(steps, i64(warps)),
                                 flatten(carry));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    assign(carry, loop.getRegionIterArgs());
    stepBegin = arith::MinSIOp::create(
        b, loc, total, add(loop.getInductionVar(), mul(warp, steps)));
    stepEnd = arith::MinSIOp::create(b, loc, total, add(stepBegin, steps));
    Registers entry = carry;
    if (failed(emitPasses(carry, entry)) || failed(emitReplay(entry)))
      return failure();
    // The last exit goes to all.
    Value isLast = compare(arith::CmpIPredicate::eq, warp, i64(warps - 1));
    auto branch = scf::IfOp::create(b, loc, isLast, /*withElse=*/false);
    auto forEachNumber =
        [&](llvm::function_ref<void(const Carrier &, unsigned, Value &)> body) {
          for (const Carrier &carrier : carriers)
            for (auto [i, value] : llvm::enumerate(entry[getNumber(carrier)]))
              body(carrier, i, value);
        };
    {
      OpBuilder::InsertionGuard inside(b);
      b.setInsertionPoint(branch.thenBlock()->getTerminator());
      forEachNumber([&](const Carrier &carrier, unsigned i, Value &value) {
        LLVM::StoreOp::create(b, loc, value, getHandover(carrier, i));
      });
    }
    gpu::BarrierOp::create(b, loc);
    forEachNumber([&](const Carrier &carrier, unsigned i, Value &value) {
      value = LLVM::LoadOp::create(b, loc, value.getType(),
                                   getHandover(carrier, i));
    });
    scf::YieldOp::create(b, loc, flatten(entry));
  }
  assign(carry, loop.getResults());
  return success();
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// Newton's method on the entries of the tile's segments, from the carry as
/// the guess of all.
LogicalResult NewtonKernels::emitPasses(const Registers &carry,
                                        Registers &entry) {
  SmallVector<Value> start = flatten(carry);
  start.push_back(i64(1));
  SmallVector<Type> types;
  for (Value value : start)
    types.push_back(value.getType());
  auto loop = scf::WhileOp::create(b, loc, types, start);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types,
                                SmallVector<Location>(types.size(), loc));
  b.setInsertionPointToStart(before);
  Registers guess = carry;
  assign(guess, before->getArguments().drop_back());
  Value pass = before->getArguments().back();
  Registers exit, transition;
  if (failed(emitSummary(guess, exit, transition)))
    return failure();
  storeShared(Part::Exit, exit);
  storeShared(Part::Transition, transition);
  storeShared(Part::Guess, guess);
  gpu::BarrierOp::create(b, loc);
  emitCorrections(carry, entry);
  // After so many passes every entry is that of one step after the other.
  Value more = arith::AndIOp::create(
      b, loc, isAnyChanged(isChanged(guess, entry)),
      compare(arith::CmpIPredicate::slt, pass, i64(warps - 1)));
  SmallVector<Value> next = flatten(entry);
  next.push_back(add(pass, i64(1)));
  scf::ConditionOp::create(b, loc, more, next);
  Block *after = b.createBlock(&loop.getAfter(), {}, types,
                               SmallVector<Location>(types.size(), loc));
  b.setInsertionPointToStart(after);
  scf::YieldOp::create(b, loc, after->getArguments());
  assign(entry, loop.getResults().drop_back());
  return success();
}

/// Exit and transition of this warp's segment from the guess; nobody asks for
/// those of the last.
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
  auto list = [&]() {
    SmallVector<Value> values = flatten(exit);
    llvm::append_range(values, flatten(transition));
    return values;
  };
  SmallVector<Value> start = list();
  SmallVector<Type> types;
  for (Value value : start)
    types.push_back(value.getType());
  Value isAsked = compare(arith::CmpIPredicate::slt, warp, i64(warps - 1));
  auto branch = scf::IfOp::create(b, loc, types, isAsked, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, loc, start);
    b.setInsertionPointToEnd(branch.thenBlock());
    Fold sink(*this, exit, transition);
    if (failed(emitSteps({&exit, &transition}, sink, /*withReadout=*/false)))
      return failure();
    scf::YieldOp::create(b, loc, list());
  }
  unsigned numbers = flatten(exit).size();
  assign(exit, branch.getResults().take_front(numbers));
  assign(transition, branch.getResults().drop_front(numbers));
  return success();
}

/// The entry of this warp's segment: the corrections of those before it, one
/// after the other.
void NewtonKernels::emitCorrections(const Registers &carry, Registers &entry) {
  auto loop = scf::ForOp::create(b, loc, i64(0), warp, i64(1), flatten(carry));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    assign(entry, loop.getRegionIterArgs());
    for (const Carrier &carrier : carriers)
      for (unsigned point = 0; point < pointCount[getNumber(carrier)]; ++point)
        correct(carrier, point, loop.getInductionVar(), entry);
    scf::YieldOp::create(b, loc, flatten(entry));
  }
  assign(entry, loop.getResults());
}

/// h := E + P (h - s); E where h is s already, since P may be infinite, and
/// where the correction is not finite.
void NewtonKernels::correct(const Carrier &carrier, unsigned point,
                            Value segment, Registers &entry) {
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

/// |x - y| > tolerance max(1, |x|), or one of them no number.
Value NewtonKernels::isFar(Value x, Value y) {
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc,
                                     FloatAttr::get(x.getType(), value));
  };
  Value distance =
      math::AbsFOp::create(b, loc, arith::SubFOp::create(b, loc, x, y));
  Value scale = arith::MaximumFOp::create(b, loc, constant(1),
                                          math::AbsFOp::create(b, loc, x));
  Value bound = arith::MulFOp::create(
      b, loc, constant(newton.getTolerance().convertToDouble()), scale);
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGT, distance,
                               bound);
}

Value NewtonKernels::isChanged(const Registers &guess, const Registers &entry) {
  Value changed = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  for (auto [x, y] : llvm::zip(flatten(entry), flatten(guess))) {
    Value here = arith::AndIOp::create(
        b, loc, isFar(x, y),
        arith::XOrIOp::create(
            b, loc, isSame(x, y),
            arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
    changed = arith::OrIOp::create(b, loc, changed, here);
  }
  return changed;
}

/// Whether it is so for any thread of the block.
Value NewtonKernels::isAnyChanged(Value changed) {
  Value word = arith::ExtUIOp::create(b, loc, b.getI32Type(), changed);
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
  return compare(arith::CmpIPredicate::ne, any, i32(0));
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

/// A number takes as many bytes as the widest state.
int64_t NewtonKernels::getSharedBytes() const {
  bool wide = llvm::any_of(
      carriers, [](const Carrier &carrier) { return carrier.type.isF64(); });
  return (wide ? 8 : 4) * kWarp * warps *
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
  bool wide = llvm::any_of(
      carriers, [](const Carrier &other) { return other.type.isF64(); });
  Value place = add(mul(add(i64(row * warps), segment), i64(kWarp)), lane);
  return at(summaries, toI32(mul(place, i64(wide ? 8 : 4))));
}

/// Where the last segment's exit is handed to all; 8 bytes a number.
Value NewtonKernels::getHandover(const Carrier &carrier, unsigned number) {
  int64_t row = number;
  for (const Carrier &other : carriers.take_front(getNumber(carrier)))
    row += pointCount[getNumber(other)] * other.size;
  Value place = add(i64(row * kWarp), lane);
  return at(handover, toI32(mul(place, i64(8))));
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

void NewtonKernels::describeNewton(gpu::GPUFuncOp function) {
  Launch launch;
  launch.variant =
      ("newton, " + Twine(warps) + " segments of up to " +
       Twine(schedule.getSteps()) + " steps, lanes along " +
       schedule.getLanes() +
       (schedule.getContiguous() ? ", unit stride" : ", any strides"))
          .str();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = kWarp;
  launch.block = kWarp * warps;
  // Two passes with the tangent, each at two and a half steps, and the replay.
  launch.stepCost = launch.stepCost * 6 / warps;
  describe(function, launch);
}
