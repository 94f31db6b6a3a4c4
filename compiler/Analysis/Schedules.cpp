//===-- Schedules.cpp - choice of schedules -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Schedules by target and declared layout.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Schedules.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

/// Counts the last dims of the operands that vary over time.
static void countLastDims(ScanOp scan, SmallVectorImpl<unsigned> &last) {
  SpaceAttr space = scan.getSpace();
  last.assign(space.getRank(), 0);
  auto count = [&](AffineMap map) {
    if (!map.isFunctionOfDim(space.getTime()) || map.getNumResults() == 0)
      return;
    AffineExpr expr = map.getResults().back();
    for (unsigned dim = 0; dim < space.getRank(); ++dim)
      if (expr.isFunctionOfDim(dim))
        ++last[dim];
  };
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  for (unsigned i = 0, e = scan.getInputs().size(); i < e; ++i)
    count(recurrence.getInputMap(i));
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>())
    if (!output.isFinal())
      count(getDimsMap(space, output.getDims()));
}

LaneDims recur::getLaneDims(ScanOp scan) {
  SpaceAttr space = scan.getSpace();
  LaneDims dims;
  dims.inner.resize(space.getRank());
  auto add = [&](Attribute name) {
    dims.inner.set(space.find(cast<StringAttr>(name).getValue()));
  };
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    for (auto reduce : region->getOps<ReduceOp>())
      llvm::for_each(reduce.getDims(), add);
    for (auto at : region->getOps<AtOp>())
      llvm::for_each(at.getFrom(), add);
  }
  if (std::optional<ArrayAttr> pair = scan.getBlockDims())
    llvm::for_each(*pair, add);

  // Best is a dim that every state and every output has: along another one
  // what lacks it would be computed again.
  SmallBitVector any(space.getRank()), every(space.getRank(), true);
  auto count = [&](ArrayRef<StringAttr> names) {
    SmallBitVector have(space.getRank());
    for (StringAttr name : names)
      have.set(space.find(name.getValue()));
    any |= have;
    every &= have;
  };
  for (auto state : scan.getStates().getAsRange<StateAttr>())
    count(state.getDims());
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>())
    if (!output.isFinal())
      count(output.getDims());
  any.reset(dims.inner);
  any.reset(space.getTime());
  if (space.getSegment() >= 0)
    any.reset(space.getSegment());
  every &= any;
  dims.parallel = any;

  SmallVector<unsigned> last;
  countLastDims(scan, last);
  dims.timeLast = last[space.getTime()];
  for (unsigned dim : (every.any() ? every : any).set_bits())
    if (dims.channel < 0 || last[dim] >= last[dims.channel])
      dims.channel = dim;
  if (dims.channel >= 0)
    dims.channelLast = last[dims.channel];
  return dims;
}

/// Lanes of the widest state in a register of `bits`.
static int64_t getWidth(ScanOp scan, unsigned bits) {
  unsigned widest = 32;
  for (auto state : scan.getStates().getAsRange<StateAttr>()) {
    Type type = state.getType();
    unsigned parts = 1;
    if (auto complex = dyn_cast<ComplexType>(type)) {
      type = complex.getElementType();
      parts = 2;
    }
    widest = std::max(widest, parts * type.getIntOrFloatBitWidth());
  }
  return std::max(1u, bits / widest);
}

static InFlightDiagnostic reportOverride(ScanOp scan, const Twine &text) {
  return scan.emitError() << "schedule: " << text;
}

/// Applies `overrides` to `schedule`.
static FailureOr<ScheduleAttr> applyOverrides(ScanOp scan, const LaneDims &dims,
                                              ScheduleAttr schedule,
                                              StringRef overrides) {
  SpaceAttr space = scan.getSpace();
  std::string lanes = schedule.getLanes().str();
  int64_t width = schedule.getWidth(), segment = schedule.getSegment();
  bool contiguous = schedule.getContiguous();
  SmallVector<StringRef> parts;
  overrides.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    auto [key, value] = part.split('=');
    key = key.trim();
    value = value.trim();
    if (key == "lanes") {
      int dim = space.find(value);
      if (dim < 0)
        return reportOverride(scan, "expected lanes to be a dim of the "
                                    "recurrence, found '" +
                                        value + "'");
      if (dim != int(space.getTime()) && !dims.parallel.test(dim))
        return reportOverride(scan,
                              "lanes cannot run along '" + value +
                                  "', which is reduced, renamed or an index of "
                                  "no state and result");
      lanes = value.str();
    } else if (key == "width") {
      if (value.getAsInteger(10, width) || width < 1 || width > 1024)
        return reportOverride(scan, "expected a width of 1 to 1024, found '" +
                                        value + "'");
    } else if (key == "segment") {
      if (value.getAsInteger(10, segment) || segment < 0)
        return reportOverride(
            scan,
            "expected a segment of at least 0 steps, found '" + value + "'");
    } else if (key == "contiguous") {
      if (value != "true" && value != "false")
        return reportOverride(
            scan,
            "expected contiguous to be true or false, found '" + value + "'");
      contiguous = value == "true";
    } else {
      return reportOverride(scan, "expected lanes, width, segment or "
                                  "contiguous, found '" +
                                      key + "'");
    }
  }
  return ScheduleAttr::get(scan.getContext(), schedule.getTarget(),
                           schedule.getAlgorithm(), lanes, width, contiguous,
                           segment);
}

FailureOr<SmallVector<ScheduleAttr>>
recur::chooseSchedules(ScanOp scan, const TargetSpec &target,
                       StringRef overrides) {
  MLIRContext *context = scan.getContext();
  SpaceAttr space = scan.getSpace();
  LaneDims dims = getLaneDims(scan);
  bool gpu = target.isGpu();
  // Vector registers have 128, 256 or 512 bits; other machines are taken to
  // have 128.
  unsigned bits = target.level == 4 ? 512 : target.level == 3 ? 256 : 128;
  int64_t width = gpu ? 1 : getWidth(scan, bits);
  StringRef algorithm = gpu ? "serial" : "segments";
  StringRef time = space.getName(space.getTime());
  StringRef channel = dims.channel < 0 ? time : space.getName(dims.channel);
  auto make = [&](StringRef lanes, bool contiguous) {
    return ScheduleAttr::get(context, target.name, algorithm, lanes, width,
                             contiguous, /*segment=*/0);
  };
  SmallVector<ScheduleAttr> schedules;
  if (gpu) {
    if (dims.channel >= 0)
      schedules.push_back(make(channel, true));
  } else {
    schedules.push_back(make(time, true));
    if (dims.channel >= 0) {
      auto *at = dims.timeLast > dims.channelLast ? schedules.end()
                                                  : schedules.begin();
      schedules.insert(at, make(channel, true));
    }
  }
  schedules.push_back(make(channel, false));
  if (overrides.empty())
    return schedules;
  FailureOr<ScheduleAttr> chosen =
      applyOverrides(scan, dims, schedules.front(), overrides);
  if (failed(chosen))
    return failure();
  return SmallVector<ScheduleAttr>{*chosen};
}
