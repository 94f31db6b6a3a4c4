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

#include "compiler/Analysis/Jacobian.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Static shared memory of a block.
static constexpr int64_t kSharedLimit = 48 << 10;

NewtonKernels::NewtonKernels(NewtonOp newton, ScheduleAttr schedule,
                             const Signature &signature)
    : GpuKernels(newton, schedule, signature), newton(newton),
      warps(schedule.getWarps()), group(schedule.getGroup()),
      places(kWarp * warps / group),
      tolerance(newton.getTolerance().convertToDouble()),
      readsLinear(findParts(newton).readsLinear) {
  hasFewThreads = false;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

LogicalResult NewtonKernels::emit(gpu::GPUModuleOp target, StringRef symbol,
                                  Shared &shared) {
  module = target;
  if (segmentsArgument >= 0)
    return scan.emitError() << "schedule 'newton' expects no packed segments, "
                               "whose lengths differ from lane to lane";
  if (int64_t width = schedule.getWidth();
      width > 1 && (width > kMostChannels || !llvm::isPowerOf2_64(width) ||
                    !isOverGrid() || !schedule.getContiguous() || hasGuess() ||
                    hasLinear() || !dims.inner.empty()))
    return scan.emitError()
           << "schedule 'newton' expects a width of 1, or 2 or "
           << kMostChannels
           << " for segments over the grid, unit stride, no inner dims, no "
              "guess and no states that are affine once others are known; "
              "found "
           << width;
  if (llvm::is_contained(pointCount, 0) || getSharedBytes() > kSharedLimit)
    return scan.emitError()
           << "schedule 'newton' expects states and Jacobians that fit in "
              "registers and in "
           << kSharedLimit << " bytes of shared memory for " << places
           << " segments of " << group << " channels, found "
           << getSharedBytes();
  std::string key =
      (schedule.getLanes() + (schedule.getContiguous() ? "+" : "-") +
       (isOverGrid() ? "g" : "b") + Twine(schedule.getSteps()) + "," +
       Twine(group) + "," + Twine(warps) + "," + Twine(schedule.getWidth()))
          .str();
  SmallVector<gpu::GPUFuncOp> &kernels = shared[key];
  auto describeAll = [&](ArrayRef<gpu::GPUFuncOp> list) {
    // Every second one of linear parts is a chain.
    unsigned stride = hasLinear() ? 2 : 1;
    for (unsigned i = 0; i + 1 < list.size(); ++i)
      if (i % stride == 0)
        describeSegments(list[i], i / stride);
      else
        describeNewton(list[i]);
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
  name = symbol;
  if (isOverGrid()) {
    if (failed(emitSegments(create("_segments", kSegmentThreads), {})))
      return failure();
    // What is not linear forgets in the first run what linear parts were wrong,
    // and has the right entry in the second.
    SmallVector<Edge> from{Edge::First};
    if (hasLinear())
      from.push_back(Edge::Last);
    for (Edge edge : from) {
      StringRef number = edge == Edge::First ? "" : "2";
      if (hasLinear() &&
          failed(emitLinear(create("_linear" + number, int32_t(kWarp * warps)),
                            edge)))
        return failure();
      if (failed(
              emitSegments(create("_again" + number, kSegmentThreads), edge)))
        return failure();
    }
  }
  gpu::GPUFuncOp last =
      create(isOverGrid() ? "_finish" : "", int32_t(kWarp * warps));
  describeNewton(last);
  readParameters(last);
  return emitSolver();
}

LogicalResult NewtonKernels::emitSolver() {
  locate();
  share(name);
  Registers carry = makeRegisters(Summary::State);
  emitStart(carry);
  Findings findings;
  clear(carry, findings);
  if (failed(isOverGrid() ? emitUnmet(carry, findings)
                          : emitTiles(carry, findings)))
    return failure();
  emitReport(findings);
  Value isFirst = compare(arith::CmpIPredicate::eq, place, i64(0));
  when(isFirst, [&] { emitFinish(carry); });
  gpu::ReturnOp::create(b, loc);
  return success();
}

/// What the threads of a block share.
void NewtonKernels::share(const Twine &kernel) {
  summaries = createShared(module, kernel + "_summaries", getSharedBytes());
  flags = createShared(module, kernel + "_flags", 4 * warps);
}

/// The channel and the segment of this thread. Those beyond the last channel
/// compute it again, since all threads of a block meet at barriers, and write
/// nothing.
void NewtonKernels::locate() {
  Value number = getThreadId();
  lane = arith::RemUIOp::create(b, loc, number, i64(group));
  place = arith::DivUIOp::create(b, loc, number, i64(group));
  thread = arith::RemUIOp::create(b, loc, number, i64(kWarp));
  warp = arith::DivUIOp::create(b, loc, number, i64(kWarp));
  items = i64(1);
  for (unsigned dim : dims.parallel)
    items = mul(items, sizes[dim]);
  Value channel = add(mul(getBlockId(), i64(group)), lane);
  isInside = compare(arith::CmpIPredicate::slt, channel, items);
  locateItem(arith::MinSIOp::create(b, loc, channel, sub(items, i64(1))),
             /*bySegments=*/false);
}

Value NewtonKernels::isWriter(AffineMap map) {
  Value writes = isInside;
  if (takesStep)
    writes = arith::AndIOp::create(b, loc, writes, takesStep);
  if (Value first = GpuKernels::isWriter(map))
    writes = writes ? arith::AndIOp::create(b, loc, writes, first).getResult()
                    : first;
  return writes;
}

/// Nothing is known but the start.
void NewtonKernels::clear(const Registers &carry, Findings &findings) {
  findings.passes = findings.flags = i32(0);
  findings.residual = constant(b.getF32Type(), 0);
  findings.scale = fill(carry, 0);
  includeAll(carry, findings.scale);
}

bool NewtonKernels::hasGuess() {
  return newton.getGuesses() && !newton.getGuesses()->empty();
}

/// `state` becomes what the caller guesses to be the states before step
/// `begin`, after the first, unless some of them are infinite or no numbers.
void NewtonKernels::emitGuess(Value begin, Registers &state) {
  setStep(begin);
  Registers guess = state;
  for (const Carrier &carrier : carriers)
    forEachPoint(carrier, [&](const InnerPoint &point) {
      auto values = readVector(guess, Summary::State, carrier, point);
      for (unsigned i = 0; i < carrier.size; ++i) {
        int input = newton.getGuess(carrier.getState(i));
        if (input < 0)
          continue;
        InnerPoint here = point;
        if (carrier.row >= 0)
          here[carrier.row] = i64(i);
        Value value = loadInput(b, loc, input, here);
        unsigned bits = value.getType().getIntOrFloatBitWidth(),
                 wanted = carrier.type.getIntOrFloatBitWidth();
        if (bits < wanted)
          value = arith::ExtFOp::create(b, loc, carrier.type, value);
        else if (bits > wanted)
          value = arith::TruncFOp::create(b, loc, carrier.type, value);
        values[i] = value;
      }
      writeVector(guess, Summary::State, carrier, point, values);
    });
  step = time = {};
  Value wild = isAnyWild(guess);
  for (auto [kept, value] : llvm::zip(getSlots({&state}), getSlots({&guess})))
    *kept = arith::SelectOp::create(b, loc, wild, *kept, *value);
}

/// The tiles in the order of time; `carry` is the exact state between them.
LogicalResult NewtonKernels::emitTiles(Registers &carry, Findings &findings) {
  Value total = stepEnd;
  // Short sequences are spread over all segments too.
  Value share =
      arith::DivSIOp::create(b, loc, add(total, i64(places - 1)), i64(places));
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
  auto loop = scf::ForOp::create(b, loc, i64(0), total, mul(steps, i64(places)),
                                 list(carry));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    take(loop.getRegionIterArgs());
    Registers exit = carry;
    if (failed(emitTile(loop.getInductionVar(), steps, carry, exit, findings)))
      return failure();
    scf::YieldOp::create(b, loc, list(exit));
  }
  take(loop.getResults());
  return success();
}

/// One tile, whose first segment begins at `begin` and `carry`: passes, and the
/// replay, which also finds whether the segments meet; where they do not,
/// passes go on up to the limit, and then the channel is finished in order.
/// `exit` becomes the state after the last.
LogicalResult NewtonKernels::emitTile(Value begin, Value steps,
                                      const Registers &carry, Registers &exit,
                                      Findings &findings) {
  Value total = sizes[space.getTime()];
  stepBegin =
      arith::MinSIOp::create(b, loc, total, add(begin, mul(place, steps)));
  stepEnd = arith::MinSIOp::create(b, loc, total, add(stepBegin, steps));
  loadResident(total);
  Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  Registers guess = carry;
  if (hasGuess()) {
    emitGuess(stepBegin, guess);
    // The first segment's entry is known.
    Value isLater = compare(arith::CmpIPredicate::ne, place, i64(0));
    for (auto [value, known] : llvm::zip(getSlots({&guess}), flatten(carry)))
      *value = arith::SelectOp::create(b, loc, isLater, *value, known);
  }
  Iteration now{guess, findings.scale, i64(0), i32(0), yes};
  SmallVector<Value> start = flatten(now);
  SmallVector<Type> types;
  for (Value value : start)
    types.push_back(value.getType());
  SmallVector<Type> results = types;
  results.push_back(b.getF32Type());
  auto loop = scf::WhileOp::create(b, loc, results, start);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore(), {}, types,
                                  SmallVector<Location>(types.size(), loc));
    b.setInsertionPointToStart(before);
    assign(now, before->getArguments());
    if (failed(emitPasses(carry, findings.scale, now)))
      return failure();
    Registers leaving = now.entry;
    if (failed(emitReplay(leaving)))
      return failure();
    storeShared(Part::Exit, leaving, place);
    storeShared(Part::Guess, now.entry, place);
    gpu::BarrierOp::create(b, loc);
    Registers arriving = loadArriving(carry);
    Value residual = constant(b.getF32Type(), 0);
    for (auto [x, y, scale] :
         llvm::zip(flatten(arriving), flatten(now.entry), flatten(now.scale)))
      residual =
          arith::MaximumFOp::create(b, loc, residual, getGap(x, y, scale));
    Value any = findAny(isChanged(now.entry, arriving, now.scale));
    Value again = arith::AndIOp::create(
        b, loc, compare(arith::CmpIPredicate::ne, any, i32(0)),
        compare(arith::CmpIPredicate::slt, now.pass, i64(getPassLimit())));
    // A channel whose last correction was not small, or that does not meet.
    now.active = arith::OrIOp::create(b, loc, now.active, isSet(any));
    SmallVector<Value> next = flatten(now);
    next.push_back(residual);
    scf::ConditionOp::create(b, loc, again, next);
    Block *after = b.createBlock(&loop.getAfter(), {}, results,
                                 SmallVector<Location>(results.size(), loc));
    b.setInsertionPointToStart(after);
    scf::YieldOp::create(b, loc, after->getArguments().drop_back());
  }
  resident.clear();
  assign(now, loop.getResults().drop_back());
  Value isUnmet = now.active;
  Value residual = arith::MaximumFOp::create(b, loc, findings.residual,
                                             loop.getResults().back());
  // What is finished meets, to the last bit.
  findings.residual =
      arith::SelectOp::create(b, loc, isUnmet, findings.residual, residual);
  findings.scale = now.scale;
  findings.passes = arith::MaxSIOp::create(b, loc, findings.passes, now.count);
  Value inOrder =
      arith::SelectOp::create(b, loc, isUnmet, i32(kFinishedInOrder), i32(0));
  findings.flags = arith::OrIOp::create(b, loc, findings.flags, inOrder);

  Value finishes = arith::AndIOp::create(
      b, loc, isUnmet, compare(arith::CmpIPredicate::eq, place, i64(0)));
  auto branch = scf::IfOp::create(b, loc, finishes, /*withElse=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    if (failed(emitRest(carry, begin, steps)))
      return failure();
  }
  // The exits are complete, and read, before anyone may write there again.
  gpu::BarrierOp::create(b, loc);
  includeWild(loadExits(place), findings);
  exit = loadExits(i64(places - 1));
  gpu::BarrierOp::create(b, loc);
  return success();
}

/// What was found goes to the workspace: a recur_channel_report for each
/// channel, of all its segments.
void NewtonKernels::emitReport(const Findings &findings) {
  // Nobody reads the last tile's summaries any more.
  auto getPlace = [&](Value number, int64_t part) {
    Value row = add(mul(number, i64(2)), i64(part));
    return at(summaries, toI32(mul(add(mul(row, i64(group)), lane), i64(4))));
  };
  Value residual = findings.residual, all = findings.flags;
  for (int32_t distance = group; distance < kWarp; distance *= 2) {
    residual = arith::MaximumFOp::create(
        b, loc, residual, shuffle(residual, distance, gpu::ShuffleMode::XOR));
    all = arith::OrIOp::create(b, loc, all,
                               shuffle(all, distance, gpu::ShuffleMode::XOR));
  }
  LLVM::StoreOp::create(b, loc, residual, getPlace(warp, 0));
  LLVM::StoreOp::create(b, loc, all, getPlace(warp, 1));
  gpu::BarrierOp::create(b, loc);
  Value isFirst = compare(arith::CmpIPredicate::eq, place, i64(0));
  auto branch = scf::IfOp::create(
      b, loc, arith::AndIOp::create(b, loc, isFirst, isInside),
      /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  for (int64_t number = 1; number < warps; ++number) {
    residual = arith::MaximumFOp::create(
        b, loc, residual,
        LLVM::LoadOp::create(b, loc, b.getF32Type(), getPlace(i64(number), 0)));
    all = arith::OrIOp::create(
        b, loc, all,
        LLVM::LoadOp::create(b, loc, b.getI32Type(), getPlace(i64(number), 1)));
  }
  Value words[] = {findings.passes, all, residual};
  for (auto [i, word] : llvm::enumerate(words)) {
    Value offset = add(mul(item, i64(kReportBytes)), i64(4 * i));
    store(at(workspace, offset), word);
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
    over = std::to_string(places) + " segments of up to " +
           std::to_string(schedule.getSteps()) + " steps";
  if (int64_t width = schedule.getWidth(); width > 1)
    over += ", " + std::to_string(width) + " channels a thread";
  return ("newton, " + over + ", lanes along " + schedule.getLanes() +
          (schedule.getContiguous() ? ", unit stride" : ", any strides"))
      .str();
}

void NewtonKernels::addWorkspace(Launch &launch) {
  launch.workspace.push_back(
      b.getDenseI64ArrayAttr({/*kind: a report*/ 2, kReportBytes}));
  if (isOverGrid())
    launch.workspace.push_back(b.getDenseI64ArrayAttr(
        {/*kind: for each segment*/ 1, getEdgeNumbers() * getNumberBytes()}));
}

void NewtonKernels::describeNewton(gpu::GPUFuncOp function) {
  Launch launch;
  launch.variant = getVariant();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = group;
  launch.block = kWarp * warps;
  addWorkspace(launch);
  if (isOverGrid()) {
    // Looks at the edges of the segments.
    launch.phase = "combine";
    launch.stepCost = 0;
    launch.stepsInFlight = 1 << 20;
  } else {
    // Three passes with the tangent, each at one and a quarter steps, and the
    // replay, in turn; a block's threads share the steps already. What threads
    // exchange takes as long in each pass, however many steps there are.
    int64_t steps = schedule.getSteps();
    launch.stepCost = 19 * getStepLatency() / 4 + 3000 / steps;
    launch.stepsInFlight = 2 * steps;
    // More warps than some on a processor wait for it.
    launch.registers = 128;
  }
  describe(function, launch);
}
