//===-- NewtonGrid.cpp - segments over the grid ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Segments that all run at once, in three kernels:
///   - each segment finds its entry by running some steps before it from the
///     start state, or from what the caller guesses to be the state there,
///     which a step that forgets makes right, and keeps entry and exit; a
///     thread may have a segment of some neighbouring channels;
///   - those whose entry is not the exit in front of them run again from there:
///     what forgets within a segment is right then;
///   - states that are affine once the others are known have their segments'
///     transitions P, and entries h = E + P (h - s) from segment to segment,
///     exactly, before segments run again, which they do twice then: what an
///     affine part feeds has its right entry in the second run;
///   - what does not meet now runs again some more times, by the threads of one
///     block a channel; what is left is finished in order, and no further than
///     until it meets again.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/NewtonKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Entries are not corrected, so that their gaps are errors of what is written:
/// where linear parts leave some, they must be smaller than corrections, which
/// are errors to the second power.
static constexpr double kGapShare = 1.0 / 64;

/// Edges of segments that a thread loads together.
static constexpr int64_t kEdgesAtOnce = 4;

/// Edges that say how large a channel is.
static constexpr int64_t kScaleEdges = 4;

/// How often a block runs again what does not meet, at most: each time one more
/// segment is right at least, and all threads' segments cost as much as one.
static constexpr int64_t kRounds = 16;

/// Segments that a thread looks at before it runs some of them: bits of a word.
static constexpr int64_t kSegmentsAtOnce = 64;

/// Steps in front of a segment that find its entry.
static constexpr int64_t kWarmUp = 64;
/// How often, and after how many steps each time, a guess has to be the state
/// to be taken for the solution. Once is too seldom: one of some thousands
/// of wrong guesses is right by chance, and whoever runs a segment again is
/// waited for by all.
static constexpr int64_t kGuessChecks = 2, kGuessSteps = 8;
/// Blocks on a multiprocessor, of threads with one channel: they may take 128
/// registers, of which what is loaded ahead takes many.
static constexpr int64_t kSegmentBlocks = 8;
/// What waiting for the first loads of a segment, and of the steps in front of
/// it, costs in steps.
static constexpr int64_t kFirstLoads = 24;

/// The length of the segments is a parameter: schedules that differ in it share
/// the kernels.
LogicalResult NewtonKernels::emitSegments(gpu::GPUFuncOp function,
                                          std::optional<Edge> again) {
  describeSegments(function, again ? 1 + (*again == Edge::Last) : 0);
  if (!again)
    function->setAttr(
        "nvvm.minctasm",
        b.getI32IntegerAttr(kSegmentBlocks / schedule.getWidth()));
  readParameters(function);
  channels = again ? 1 : schedule.getWidth();
  LogicalResult result =
      forEachItem(/*bySegments=*/true, [&]() -> LogicalResult {
        if (!again)
          return emitFirst();
        return emitAgain(
            getEdge(*again),
            getEdge(*again == Edge::First ? Edge::Last : Edge::First));
      });
  channels = 1;
  gpu::ReturnOp::create(b, loc);
  return result;
}

/// `run`: how often segments have run before.
void NewtonKernels::describeSegments(gpu::GPUFuncOp function, int64_t run) {
  int64_t steps = schedule.getSegment();
  // Few run again, but those that linear parts correct.
  bool again = run > (hasLinear() ? 1 : 0);
  Launch launch;
  launch.phase = again ? "combine" : "replay";
  launch.variant = getVariant();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = launch.block = kSegmentThreads;
  launch.timeTile = steps;
  if (run == 0)
    addVectors(launch);
  int64_t extra = run == 0 ? kWarmUp + kFirstLoads : kFirstLoads;
  launch.stepCost = again ? 0 : getStepLatency() * (steps + extra) / steps;
  launch.stepsInFlight = again ? 1 << 20 : 8;
  // More warps than about ten on a processor wait for it and not for their
  // steps; these are the registers that would leave room for so many.
  if (!again)
    launch.registers = 200;
  addWorkspace(launch);
  describe(function, launch);
}

/// The channels of a thread are one vector of each tensor that varies over
/// time.
void NewtonKernels::addVectors(Launch &launch) {
  int64_t width = schedule.getWidth();
  if (width == 1)
    return;
  launch.laneTile = launch.sizeMultiple = width;
  for (auto [i, argument] : llvm::enumerate(signature.arguments))
    if (isa<FloatType>(argument.element) &&
        llvm::is_contained(argument.dims, int32_t(laneDim)) &&
        llvm::is_contained(argument.dims, int32_t(space.getTime()))) {
      launch.vectors |= uint64_t(1) << i;
      launch.vectorBytes =
          std::max(launch.vectorBytes, width * getBytes(argument.element));
    }
}

/// A segment from the steps in front of it.
LogicalResult NewtonKernels::emitFirst() {
  Registers state = makeRegisters(Summary::State);
  emitStart(state);
  Value begin = stepBegin, end = stepEnd;
  stepBegin = arith::MaxSIOp::create(b, loc, i64(0), sub(begin, i64(kWarmUp)));
  stepEnd = begin;
  if (failed(emitWarmUp(begin, state)))
    return failure();
  storeEdges(getEdge(Edge::Entry), state, segment);
  stepBegin = begin;
  stepEnd = end;
  if (failed(emitSegment(state)))
    return failure();
  storeEdges(getEdge(Edge::First), state, segment);
  return success();
}

/// A segment from its entry to its exit, and the transition of linear parts.
LogicalResult NewtonKernels::emitSegment(Registers &state) {
  if (!hasLinear())
    return emitReplay(state);
  Registers entry = state, transition;
  if (failed(emitSummary(entry, state, transition, /*writes=*/true)))
    return failure();
  storeTransitions(transition, segment);
  return success();
}

/// The steps from `stepBegin` to `end`, which write nothing. Where the caller's
/// guess is where some steps lead to, to the last bit, it is taken at the end
/// too.
LogicalResult NewtonKernels::emitWarmUp(Value end, Registers &state) {
  if (!hasGuess())
    return emitReplay(state, /*writes=*/false);
  Value isLater = compare(arith::CmpIPredicate::sgt, stepBegin, i64(0));
  Registers guess = state;
  emitGuess(stepBegin, guess);
  for (auto [value, known] : llvm::zip(getSlots({&state}), flatten(guess)))
    *value = arith::SelectOp::create(b, loc, isLater, known, *value);
  Registers none = fill(state, NAN);
  Registers last = none;
  emitGuess(end, last);
  Value differs = arith::OrIOp::create(
      b, loc, compare(arith::CmpIPredicate::eq, stepBegin, i64(0)),
      isAnyWild(last));
  Value first = stepBegin;
  auto getCheck = [&](Value number) {
    return arith::MinSIOp::create(b, loc, end,
                                  add(first, mul(number, i64(kGuessSteps))))
        .getResult();
  };
  SmallVector<Value> start = flatten(state);
  start.push_back(differs);
  auto checks =
      scf::ForOp::create(b, loc, i64(0), i64(kGuessChecks), i64(1), start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(checks.getBody());
    assign(state, checks.getRegionIterArgs().drop_back());
    differs = checks.getRegionIterArgs().back();
    Value number = checks.getInductionVar();
    stepBegin = getCheck(number);
    stepEnd = getCheck(add(number, i64(1)));
    if (failed(emitReplay(state, /*writes=*/false)))
      return failure();
    Registers reached = none;
    emitGuess(stepEnd, reached);
    for (auto [x, y] : llvm::zip(flatten(reached), flatten(state)))
      differs = arith::OrIOp::create(
          b, loc, differs,
          arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, x, y));
    SmallVector<Value> next = flatten(state);
    next.push_back(differs);
    scf::YieldOp::create(b, loc, next);
  }
  assign(state, checks.getResults().drop_back());
  differs = checks.getResults().back();
  SmallVector<Type> types;
  for (Value value : flatten(state))
    types.push_back(value.getType());
  auto branch = scf::IfOp::create(b, loc, types, differs, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(b, loc, flatten(last));
  b.setInsertionPointToEnd(branch.thenBlock());
  stepBegin = getCheck(i64(kGuessChecks));
  stepEnd = end;
  if (failed(emitReplay(state, /*writes=*/false)))
    return failure();
  scf::YieldOp::create(b, loc, flatten(state));
  assign(state, branch.getResults());
  return success();
}

/// A segment whose entry is not where the one in front of it ended, or what
/// linear parts say.
LogicalResult NewtonKernels::emitAgain(Value from, Value to) {
  Value before = arith::MaxSIOp::create(b, loc, sub(segment, i64(1)), i64(0));
  Registers entry = loadEdges(getEdge(Edge::Entry), segment),
            exit = hasLinear() ? loadEdges(getEdge(Edge::Fixed), segment)
                               : loadEdges(from, before);
  // Of linear parts, some that lie apart: any of them may be near zero.
  Registers scale = fill(entry, 0);
  includeAll(entry, scale);
  includeAll(exit, scale);
  for (int64_t i = 1; hasLinear() && i < kScaleEdges; ++i) {
    Value apart =
        arith::DivUIOp::create(b, loc, mul(segments, i64(i)), i64(kScaleEdges));
    apart = arith::RemUIOp::create(b, loc, add(segment, apart), segments);
    includeAll(loadEdges(getEdge(Edge::Fixed), apart), scale);
  }
  Value isLater = compare(arith::CmpIPredicate::sgt, segment, i64(0));
  Value again =
      arith::AndIOp::create(b, loc, isLater, isApart(entry, exit, scale));
  auto branch = scf::IfOp::create(b, loc, again, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.elseBlock()->getTerminator());
  storeEdges(to, loadEdges(from, segment), segment);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  storeEdges(getEdge(Edge::Entry), exit, segment);
  if (failed(emitSegment(exit)))
    return failure();
  storeEdges(to, exit, segment);
  return success();
}

/// Whether an entry is not the exit in front of it: to the last bit, as nobody
/// knows by how much the steps behind magnify what is left, unless the step
/// reads linear parts. Their entries are corrected, and what is left of them is
/// rounding, which all that they feed has too.
Value NewtonKernels::isApart(const Registers &entry, const Registers &exit,
                             const Registers &scale) {
  Value exactly;
  if (!readsLinear)
    exactly = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  double whole = tolerance;
  tolerance *= kGapShare;
  Value apart = isChanged(entry, exit, scale, exactly, 1 / kGapShare);
  tolerance = whole;
  return apart;
}

/// [segment][number][item], behind the reports; the numbers are those of the
/// edges, and then the transition's.
Value NewtonKernels::getEdge(Value edge, const Carrier &carrier,
                             unsigned number, Value at) {
  int64_t row = number, numbers = getNumbers(Part::Exit);
  for (const Carrier &other : carriers.take_front(getNumber(carrier)))
    row += pointCount[getNumber(other)] * other.size;
  return getEdgeNumber(add(mul(edge, i64(numbers)), i64(row)), at);
}

Value NewtonKernels::getEdgeNumber(Value number, Value at) {
  Value base = alignWorkspace(mul(items, i64(kReportBytes)));
  Value place = add(mul(at, i64(getEdgeNumbers())), number);
  place = add(mul(place, items), item);
  Value offset = add(base, mul(place, i64(getNumberBytes())));
  return GpuKernels::at(workspace, offset);
}

void NewtonKernels::storeEdges(Value edge, Registers registers, Value at) {
  (void)forEachChannel([&] {
    for (const Carrier &carrier : carriers)
      for (auto [i, value] :
           llvm::enumerate(getChannel(registers, Summary::State, carrier)))
        store(getEdge(edge, carrier, i, at), value);
    return success();
  });
}

NewtonKernels::Registers NewtonKernels::loadEdges(Value edge, Value at) {
  Registers edges = makeRegisters(Summary::State);
  for (const Carrier &carrier : carriers)
    for (auto [i, value] : llvm::enumerate(edges[getNumber(carrier)]))
      value = load(getEdge(edge, carrier, i, at), carrier.type);
  return edges;
}

/// Calls with each entry of the transitions that is of a linear part, its place
/// in the carrier's registers and in the workspace.
void NewtonKernels::forEachLinear(
    function_ref<void(const Carrier &, unsigned, int64_t)> body) {
  int64_t slot = getEdges() * getNumbers(Part::Exit);
  forEachVector([&](const Carrier &carrier, unsigned, unsigned point) {
    const algebra::Pattern &pattern = carrier.product;
    for (unsigned row = 0; row < carrier.size; ++row)
      for (unsigned column = 0; column < carrier.size; ++column) {
        if (pattern(row, column) != algebra::Entry::Any)
          continue;
        if (carrier.isLinear[row] && carrier.isLinear[column])
          body(carrier, point * pattern.count() + pattern.index(row, column),
               slot);
        ++slot;
      }
  });
}

/// The transition of linear parts; what is not linear has none.
NewtonKernels::Registers NewtonKernels::loadTransitions(Value at) {
  Registers transition = makeRegisters(Summary::Transition);
  for (const Carrier &carrier : carriers)
    for (Value &value : transition[getNumber(carrier)])
      value = constant(carrier.type, 0);
  forEachLinear([&](const Carrier &carrier, unsigned place, int64_t slot) {
    transition[getNumber(carrier)][place] =
        load(getEdgeNumber(i64(slot), at), carrier.type);
  });
  return transition;
}

void NewtonKernels::storeTransitions(const Registers &transition, Value at) {
  forEachLinear([&](const Carrier &carrier, unsigned place, int64_t slot) {
    store(getEdgeNumber(i64(slot), at), transition[getNumber(carrier)][place]);
  });
}

/// Where segments shall begin: what is linear at h = E + P (h - s), the rest at
/// the exit in front. A block goes through the segments of its channels, a
/// thread has one of them at a time.
LogicalResult NewtonKernels::emitLinear(gpu::GPUFuncOp function, Edge edge) {
  describeNewton(function);
  readParameters(function);
  locate();
  share(function.getName());
  emitChain(getEdge(edge));
  gpu::ReturnOp::create(b, loc);
  isInside = {}; // what runs again has no threads that only meet others
  return success();
}

void NewtonKernels::emitChain(Value edge) {
  Value count = arith::DivUIOp::create(
      b, loc, sub(add(stepEnd, segmentSteps), i64(1)), segmentSteps);
  Registers carry = makeRegisters(Summary::State);
  emitStart(carry);
  auto loop =
      scf::ForOp::create(b, loc, i64(0), count, i64(places), flatten(carry));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  assign(carry, loop.getRegionIterArgs());
  Value here = add(loop.getInductionVar(), place), last = sub(count, i64(1));
  Value at = arith::MinSIOp::create(b, loc, here, last);
  Registers exit = loadEdges(edge, at),
            guess = loadEdges(getEdge(Edge::Entry), at),
            transition = loadTransitions(at), none = fill(guess, 0);
  Iteration now{guess, none, i64(0), i32(0), {}};
  emitCorrections(carry, exit, transition, none, now);
  Value writes = arith::AndIOp::create(
      b, loc, isInside, compare(arith::CmpIPredicate::sle, here, last));
  when(writes, [&] { storeEdges(getEdge(Edge::Fixed), now.entry, at); });
  // The exit from there is what the next ones begin with.
  Registers moved = now.entry;
  for (auto [value, old] : llvm::zip(getSlots({&moved}), flatten(guess)))
    *value = arith::SelectOp::create(
        b, loc, isSame(*value, old), constant(value->getType(), 0),
        arith::SubFOp::create(b, loc, *value, old));
  applyUnlessZero(transition, exit, moved);
  gpu::BarrierOp::create(b, loc);
  storeShared(Part::Exit, moved, place);
  gpu::BarrierOp::create(b, loc);
  carry = loadExits(arith::MinSIOp::create(b, loc, i64(places - 1),
                                           sub(last, loop.getInductionVar())));
  gpu::BarrierOp::create(b, loc);
  scf::YieldOp::create(b, loc, flatten(carry));
}

/// Finds the channels of which each segment begins where the one before it
/// ends; the others are finished in order. `carry` becomes the last state.
LogicalResult NewtonKernels::emitUnmet(Registers &carry, Findings &findings) {
  Value count = arith::DivUIOp::create(
      b, loc, sub(add(stepEnd, segmentSteps), i64(1)), segmentSteps);
  Value no = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  // The threads of a channel share the edges; some are loaded at once.
  SmallVector<Value> start = flatten(findings);
  start.push_back(no);
  auto loop = scf::ForOp::create(b, loc, add(place, i64(1)), count,
                                 i64(kEdgesAtOnce * places), start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    assign(findings, loop.getRegionIterArgs().drop_back());
    Value apart = loop.getRegionIterArgs().back();
    SmallVector<Registers> exits, entries;
    for (int64_t number = 0; number < kEdgesAtOnce; ++number) {
      Value here = arith::MinSIOp::create(
          b, loc, add(loop.getInductionVar(), i64(number * places)),
          sub(count, i64(1)));
      exits.push_back(loadEdges(getEdge(getLastEdge()), sub(here, i64(1))));
      entries.push_back(loadEdges(getEdge(Edge::Entry), here));
    }
    for (const Registers &exit : exits)
      includeAll(exit, findings.scale);
    for (auto [exit, entry] : llvm::zip(exits, entries)) {
      for (auto [x, y, scale] :
           llvm::zip(flatten(exit), flatten(entry), flatten(findings.scale)))
        findings.residual = arith::MaximumFOp::create(b, loc, findings.residual,
                                                      getGap(x, y, scale));
      apart = arith::OrIOp::create(b, loc, apart,
                                   isApart(entry, exit, findings.scale));
      includeWild(exit, findings);
    }
    SmallVector<Value> next = flatten(findings);
    next.push_back(apart);
    scf::YieldOp::create(b, loc, next);
  }
  assign(findings, loop.getResults().drop_back());
  Value unmet = findAny(
      arith::AndIOp::create(b, loc, loop.getResults().back(), isInside));
  FailureOr<Rounds> rounds = emitRounds(unmet, count);
  if (failed(rounds))
    return failure();
  Value isUnmet = isSet(rounds->unmet), wasUnmet = isSet(unmet);
  // (other channels took no part)
  Value edge = arith::SelectOp::create(b, loc, wasUnmet, rounds->edge,
                                       getEdge(getLastEdge()));
  // What is finished meets, to the last bit.
  findings.residual = arith::SelectOp::create(
      b, loc, wasUnmet, constant(b.getF32Type(), 0), findings.residual);
  findings.passes = arith::SelectOp::create(
      b, loc, wasUnmet,
      arith::AddIOp::create(b, loc, i32(2), toI32(rounds->count)), i32(1));
  Value inOrder =
      arith::SelectOp::create(b, loc, isUnmet, i32(kFinishedInOrder), i32(0));
  findings.flags = arith::OrIOp::create(b, loc, findings.flags, inOrder);

  // The last states are written by the first thread of a channel.
  SmallVector<Type> types;
  for (Value value : flatten(carry))
    types.push_back(value.getType());
  Value isAny = arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::sgt, count, i64(0)),
      compare(arith::CmpIPredicate::eq, place, i64(0)));
  auto some = scf::IfOp::create(b, loc, types, isAny, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(some.elseBlock());
    scf::YieldOp::create(b, loc, flatten(carry));
    b.setInsertionPointToEnd(some.thenBlock());
    auto branch = scf::IfOp::create(b, loc, types, isUnmet, /*withElse=*/true);
    scf::YieldOp::create(b, loc, branch.getResults());
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, loc, flatten(loadEdges(edge, sub(count, i64(1)))));
    b.setInsertionPointToEnd(branch.thenBlock());
    FailureOr<SmallVector<Value>> last = emitInOrder(carry, count, edge);
    if (failed(last))
      return failure();
    scf::YieldOp::create(b, loc, *last);
  }
  assign(carry, some.getResults());
  includeWild(carry, findings);
  return success();
}

/// Goes through `count` segments of a channel in order; those that begin where
/// the one before them ended, to the last bit, are as they should be: where
/// some do not meet, small errors may have grown large. `edge`: where their
/// exits are. Returns the last state.
FailureOr<SmallVector<Value>>
NewtonKernels::emitInOrder(const Registers &start, Value count, Value edge) {
  Registers state = start;
  Value total = sizes[space.getTime()];
  auto loop = scf::ForOp::create(b, loc, i64(0), count, i64(1), flatten(state));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  assign(state, loop.getRegionIterArgs());
  Value here = loop.getInductionVar();
  SmallVector<Type> types;
  for (Value value : flatten(state))
    types.push_back(value.getType());
  Value apart = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
  for (auto [x, y] : llvm::zip(flatten(loadEdges(getEdge(Edge::Entry), here)),
                               flatten(state)))
    apart = arith::OrIOp::create(
        b, loc, apart,
        arith::XOrIOp::create(
            b, loc, isSame(x, y),
            arith::ConstantOp::create(b, loc, b.getBoolAttr(true))));
  auto branch = scf::IfOp::create(b, loc, types, apart, /*withElse=*/true);
  scf::YieldOp::create(b, loc, branch.getResults());
  b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(b, loc, flatten(loadEdges(edge, here)));
  b.setInsertionPointToEnd(branch.thenBlock());
  stepBegin = mul(here, segmentSteps);
  stepEnd = arith::MinSIOp::create(b, loc, total, add(stepBegin, segmentSteps));
  if (failed(emitReplay(state)))
    return failure();
  scf::YieldOp::create(b, loc, flatten(state));
  return SmallVector<Value>(loop.getResults());
}

/// The channels of the word `unmet` run again, segment by segment, where an
/// entry is not the exit in front of it to the last bit, until all are: what
/// forgets meets after as many rounds as segments that it remembers. All
/// threads of the block share the segments. The exits of a round are not those
/// that it reads: what a segment finds does not depend on who runs first.
FailureOr<NewtonKernels::Rounds> NewtonKernels::emitRounds(Value unmet,
                                                           Value count) {
  SmallVector<Value> start = {i64(0), getEdge(getLastEdge()), unmet};
  SmallVector<Type> types = {i64Type, i64Type, b.getI32Type()};
  SmallVector<Location> locations(types.size(), loc);
  auto loop = scf::WhileOp::create(b, loc, types, start);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  b.setInsertionPointToStart(before);
  Value again = arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::ne, before->getArgument(2), i32(0)),
      compare(arith::CmpIPredicate::slt, before->getArgument(0), i64(kRounds)));
  scf::ConditionOp::create(b, loc, again, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  b.setInsertionPointToStart(after);
  Value edge = after->getArgument(1), word = after->getArgument(2);
  Value next = sub(i64(int64_t(Edge::First) + int64_t(Edge::Last)), edge);
  FailureOr<Value> changed = emitRound(edge, next, word, count);
  if (failed(changed))
    return failure();
  scf::YieldOp::create(
      b, loc, ValueRange{add(after->getArgument(0), i64(1)), next, *changed});
  return Rounds{loop.getResult(0), loop.getResult(1), loop.getResult(2)};
}

/// One round, from the exits at `edge` to those at `next`. Returns the word of
/// the channels of which a segment has run. A thread looks at many segments
/// first, so that the threads of a warp run theirs together.
FailureOr<mlir::Value> NewtonKernels::emitRound(Value edge, Value next,
                                                Value word, Value count) {
  Value total = mul(toI64(LLVM::CtPopOp::create(b, loc, word)), count);
  auto own = std::tuple(item, segment, position, stepBegin, stepEnd, isInside);
  Value steps = stepEnd;
  isInside = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
  // Goes to a segment of a channel that need not be this thread's.
  Value channel, here;
  auto goTo = [&](Value number) {
    channel = findSetBit(word, arith::DivUIOp::create(b, loc, number, count));
    here = arith::RemUIOp::create(b, loc, number, count);
    locateItem(add(mul(getBlockId(), i64(group)), toI64(channel)),
               /*bySegments=*/false);
    Value before = arith::MaxSIOp::create(b, loc, sub(here, i64(1)), i64(0));
    return loadEdges(edge, before);
  };
  int64_t stride = kWarp * warps;
  auto loop =
      scf::ForOp::create(b, loc, getThreadId(), total,
                         i64(stride * kSegmentsAtOnce), ValueRange{i32(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value first = loop.getInductionVar();
    Value mine = arith::DivUIOp::create(
        b, loc, sub(add(sub(total, first), i64(stride)), i64(1)), i64(stride));
    mine = arith::MinSIOp::create(b, loc, mine, i64(kSegmentsAtOnce));
    auto look =
        scf::ForOp::create(b, loc, i64(0), mine, i64(1), ValueRange{i64(0)});
    {
      OpBuilder::InsertionGuard inside(b);
      b.setInsertionPointToEnd(look.getBody());
      Value number = look.getInductionVar();
      Registers arriving = goTo(add(first, mul(number, i64(stride))));
      Registers entry = loadEdges(getEdge(Edge::Entry), here);
      Value same = compare(arith::CmpIPredicate::eq, here, i64(0));
      Value equal = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
      for (auto [x, y] : llvm::zip(flatten(entry), flatten(arriving)))
        equal = arith::AndIOp::create(b, loc, equal, isSame(x, y));
      same = arith::OrIOp::create(b, loc, same, equal);
      storeEdges(next, loadEdges(edge, here), here);
      Value bit = arith::SelectOp::create(
          b, loc, same, i64(0), arith::ShLIOp::create(b, loc, i64(1), number));
      scf::YieldOp::create(b, loc,
                           ValueRange{arith::OrIOp::create(
                               b, loc, look.getRegionIterArg(0), bit)});
    }
    Type types[] = {i64Type, b.getI32Type()};
    SmallVector<Location> locations(2, loc);
    auto run = scf::WhileOp::create(
        b, loc, types, ValueRange{look.getResult(0), loop.getRegionIterArg(0)});
    {
      OpBuilder::InsertionGuard inside(b);
      Block *before = b.createBlock(&run.getBefore(), {}, types, locations);
      b.setInsertionPointToStart(before);
      scf::ConditionOp::create(
          b, loc,
          compare(arith::CmpIPredicate::ne, before->getArgument(0), i64(0)),
          before->getArguments());
      Block *after = b.createBlock(&run.getAfter(), {}, types, locations);
      b.setInsertionPointToStart(after);
      Value bits = after->getArgument(0);
      Value number = LLVM::CountTrailingZerosOp::create(
          b, loc, i64Type, bits, /*is_zero_poison=*/false);
      Registers state = goTo(add(first, mul(number, i64(stride))));
      storeEdges(getEdge(Edge::Entry), state, here);
      stepBegin = mul(here, segmentSteps);
      stepEnd =
          arith::MinSIOp::create(b, loc, steps, add(stepBegin, segmentSteps));
      if (failed(emitReplay(state)))
        return failure();
      storeEdges(next, state, here);
      Value rest = arith::AndIOp::create(b, loc, bits, sub(bits, i64(1)));
      Value ran =
          arith::OrIOp::create(b, loc, after->getArgument(1),
                               arith::ShLIOp::create(b, loc, i32(1), channel));
      scf::YieldOp::create(b, loc, ValueRange{rest, ran});
    }
    scf::YieldOp::create(b, loc, ValueRange{run.getResult(1)});
  }
  std::tie(item, segment, position, stepBegin, stepEnd, isInside) = own;
  Value changed = loop.getResult(0);
  for (int32_t distance = 1; distance < kWarp; distance *= 2)
    changed = arith::OrIOp::create(
        b, loc, changed, shuffle(changed, distance, gpu::ShuffleMode::XOR));
  // The flags of what was looked at before have been read.
  gpu::BarrierOp::create(b, loc);
  return combineWarps(changed);
}

/// The place of the set bit of a word with so many set bits below it.
Value NewtonKernels::findSetBit(Value word, Value below) {
  auto loop = scf::ForOp::create(b, loc, i64(0), below, i64(1), word);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value rest = loop.getRegionIterArg(0);
    scf::YieldOp::create(
        b, loc,
        ValueRange{arith::AndIOp::create(
            b, loc, rest, arith::SubIOp::create(b, loc, rest, i32(1)))});
  }
  return LLVM::CountTrailingZerosOp::create(
      b, loc, b.getI32Type(), loop.getResult(0), /*is_zero_poison=*/false);
}

void NewtonKernels::includeWild(const Registers &states, Findings &findings) {
  findings.flags =
      arith::OrIOp::create(b, loc, findings.flags,
                           arith::SelectOp::create(b, loc, isAnyWild(states),
                                                   i32(kNotFinite), i32(0)));
}
