//===-- NewtonGrid.cpp - segments over the grid ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Segments that all run at once, in three kernels:
///   - each segment finds its entry by running some steps before it from the
///     start state, which a step that forgets makes right, and keeps entry and
///     exit;
///   - those whose entry is not the exit in front of them run again from there:
///     what forgets within a segment is right then;
///   - what does not meet now is finished in order, channel by channel, and no
///     further than until it meets again.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/NewtonKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <algorithm>

using namespace mlir;
using namespace recur;
using mlir::Value;

static constexpr int64_t kWorkspaceAlignment = 256;

/// Entries are not corrected, so that their gaps are errors of what is written:
/// they must be smaller than corrections, which are errors to the second power.
static constexpr double kGapShare = 1.0 / 64;

/// Edges of segments that a thread loads together.
static constexpr int64_t kEdgesAtOnce = 4;

/// Steps in front of a segment that find its entry.
static constexpr int64_t kWarmUp = 64;

/// The length of the segments is a parameter: schedules that differ in it share
/// the kernels.
LogicalResult NewtonKernels::emitSegments(gpu::GPUFuncOp function, bool again) {
  describeSegments(function, again);
  readParameters(function);
  LogicalResult result =
      forEachItem(/*bySegments=*/true, [&]() -> LogicalResult {
        return again ? emitAgain() : emitFirst();
      });
  gpu::ReturnOp::create(b, loc);
  return result;
}

void NewtonKernels::describeSegments(gpu::GPUFuncOp function, bool again) {
  int64_t steps = schedule.getSegment();
  Launch launch;
  launch.phase = again ? "combine" : "replay";
  launch.variant = getVariant();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = launch.block = kSegmentThreads;
  launch.timeTile = steps;
  // Few run again.
  launch.stepCost = again ? 0 : getStepLatency() * (steps + kWarmUp) / steps;
  launch.stepsInFlight = again ? 1 << 20 : 8;
  // More warps than about ten on a processor wait for it and not for their
  // steps; these are the registers that would leave room for so many.
  if (!again)
    launch.registers = 200;
  addWorkspace(launch);
  describe(function, launch);
}

/// A segment from the steps in front of it.
LogicalResult NewtonKernels::emitFirst() {
  Registers state = makeRegisters(Summary::State);
  emitStart(state);
  Value begin = stepBegin, end = stepEnd;
  stepBegin = arith::MaxSIOp::create(b, loc, i64(0), sub(begin, i64(kWarmUp)));
  stepEnd = begin;
  if (failed(emitReplay(state, /*writes=*/false)))
    return failure();
  storeEdges(Edge::Entry, state);
  stepBegin = begin;
  stepEnd = end;
  if (failed(emitReplay(state)))
    return failure();
  storeEdges(Edge::First, state);
  return success();
}

/// A segment whose entry is not where the one in front of it ended.
LogicalResult NewtonKernels::emitAgain() {
  Value before = arith::MaxSIOp::create(b, loc, sub(segment, i64(1)), i64(0));
  Registers entry = loadEdges(Edge::Entry, segment),
            exit = loadEdges(Edge::First, before);
  Registers scale = entry;
  for (auto [scales, values] : llvm::zip(scale, exit))
    for (auto [size, value] : llvm::zip(scales, values)) {
      Value own = size;
      size = constant(own.getType(), 0);
      include(own, size);
      include(value, size);
    }
  Value isLater = compare(arith::CmpIPredicate::sgt, segment, i64(0));
  Value again =
      arith::AndIOp::create(b, loc, isLater, isApart(entry, exit, scale));
  auto branch = scf::IfOp::create(b, loc, again, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.elseBlock()->getTerminator());
  storeEdges(Edge::Last, loadEdges(Edge::First, segment));
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  storeEdges(Edge::Entry, exit);
  if (failed(emitReplay(exit)))
    return failure();
  storeEdges(Edge::Last, exit);
  return success();
}

/// Whether an entry is not the exit in front of it.
Value NewtonKernels::isApart(const Registers &entry, const Registers &exit,
                             const Registers &scale) {
  double whole = tolerance;
  tolerance *= kGapShare;
  Value apart = isChanged(entry, exit, scale);
  tolerance = whole;
  return apart;
}

/// [segment][edge][number][item], behind the reports.
Value NewtonKernels::getEdge(Edge edge, const Carrier &carrier, unsigned number,
                             Value at) {
  int64_t row = number, numbers = getNumbers(Part::Exit);
  for (const Carrier &other : carriers.take_front(getNumber(carrier)))
    row += pointCount[getNumber(other)] * other.size;
  row += int64_t(edge) * numbers;
  Value base = arith::AndIOp::create(
      b, loc, add(mul(items, i64(kReportBytes)), i64(kWorkspaceAlignment - 1)),
      i64(-kWorkspaceAlignment));
  Value place =
      add(mul(add(mul(at, i64(kEdges * numbers)), i64(row)), items), item);
  Value offset = add(base, mul(place, i64(getNumberBytes())));
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

NewtonKernels::Registers NewtonKernels::loadEdges(Edge edge, Value at) {
  Registers edges = makeRegisters(Summary::State);
  for (const Carrier &carrier : carriers)
    for (auto [i, value] : llvm::enumerate(edges[getNumber(carrier)]))
      value = load(getEdge(edge, carrier, i, at), carrier.type);
  return edges;
}

void NewtonKernels::storeEdges(Edge edge, const Registers &registers) {
  for (const Carrier &carrier : carriers)
    for (auto [i, value] : llvm::enumerate(registers[getNumber(carrier)]))
      store(getEdge(edge, carrier, i, segment), value);
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
      exits.push_back(loadEdges(Edge::Last, sub(here, i64(1))));
      entries.push_back(loadEdges(Edge::Entry, here));
    }
    for (auto [exit, entry] : llvm::zip(exits, entries)) {
      for (auto [lists, scales] : llvm::zip(exit, findings.scale))
        for (auto [value, scale] : llvm::zip(lists, scales))
          include(value, scale);
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
  Value isUnmet = isSet(findAny(loop.getResults().back()));
  // What is finished meets, to the last bit.
  findings.residual = arith::SelectOp::create(
      b, loc, isUnmet, constant(b.getF32Type(), 0), findings.residual);
  findings.passes = arith::SelectOp::create(b, loc, isUnmet, i32(2), i32(1));
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
    scf::YieldOp::create(b, loc,
                         flatten(loadEdges(Edge::Last, sub(count, i64(1)))));
    b.setInsertionPointToEnd(branch.thenBlock());
    Edges edges;
    edges.loadEntry = [&](Value at) { return loadEdges(Edge::Entry, at); };
    edges.loadExit = [&](Value at) { return loadEdges(Edge::Last, at); };
    // Where some do not meet, small errors may have grown large.
    FailureOr<SmallVector<Value>> last =
        emitInOrder(carry, i64(0), count, segmentSteps, edges);
    if (failed(last))
      return failure();
    scf::YieldOp::create(b, loc, *last);
  }
  assign(carry, some.getResults());
  includeWild(carry, findings);
  return success();
}

void NewtonKernels::includeWild(const Registers &states, Findings &findings) {
  findings.flags =
      arith::OrIOp::create(b, loc, findings.flags,
                           arith::SelectOp::create(b, loc, isAnyWild(states),
                                                   i32(kNotFinite), i32(0)));
}
