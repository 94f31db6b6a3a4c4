//===-- Schedule.cpp - schedules for scans --------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-schedule: attaches to every scan the schedules it is compiled with.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Schedules.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/IR/Remarks.h"

namespace recur {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

namespace {
struct SchedulePass : recur::impl::SchedulePassBase<SchedulePass> {
  using SchedulePassBase::SchedulePassBase;

  void runOnOperation() override {
    SmallVector<TargetSpec> specs;
    for (const std::string &name : targets) {
      llvm::Expected<TargetSpec> spec = TargetSpec::parse(name);
      if (!spec) {
        getOperation()->emitError() << llvm::toString(spec.takeError());
        return signalPassFailure();
      }
      // `cpu` may be a level that is named as well.
      if (llvm::none_of(specs, [&](const TargetSpec &have) {
            return have.name == spec->name;
          }))
        specs.push_back(*spec);
    }
    WalkResult result = getOperation()->walk([&](ScanLikeOpInterface scan) {
      return WalkResult(attach(scan, specs));
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult attach(ScanLikeOpInterface scan, ArrayRef<TargetSpec> specs) {
    SmallVector<Attribute> all;
    for (const TargetSpec &target : specs) {
      FailureOr<SmallVector<ScheduleAttr>> chosen =
          chooseSchedules(scan, target, schedule);
      if (failed(chosen))
        return failure();
      llvm::append_range(all, *chosen);
      remark::passed(
          scan.getLoc(),
          remark::RemarkOpts::name("schedule").category("recur-schedule"))
          << target.name << ": lanes along " << chosen->front().getLanes().str()
          << " preferred of " << std::to_string(chosen->size());
    }
    scan.setSchedulesAttr(ArrayAttr::get(&getContext(), all));
    return success();
  }
};
} // namespace
