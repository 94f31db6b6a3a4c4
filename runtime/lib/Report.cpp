//===-- Report.cpp - what a call of Newton's method found -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur_read_report: finds the channels' reports in a workspace, copies and
/// sums them.
#include "runtime/lib/Arguments.h"
#include "runtime/lib/Engine.h"
#include "runtime/lib/Error.h"
#include "runtime/lib/GpuCall.h"
#include "runtime/lib/GpuLaunch.h"
#include "runtime/lib/Plan.h"
#include "runtime/lib/ThreadPool.h"

#include <algorithm>
#include <cinttypes>
#include <cstdlib>

using namespace recur::runtime;

static_assert(sizeof(recur_channel_report) == 16,
              "kernels write four words a channel");

namespace {

/// Memory that is freed with it.
struct Memory {
  explicit Memory(size_t bytes)
      : begin(std::malloc(std::max<size_t>(bytes, 1))) {}
  Memory(const Memory &) = delete;
  ~Memory() { std::free(begin); }
  void *begin;
};

/// Whether the variant of `plan` leaves reports: the first part of its
/// workspace then, of which nothing is zeroed.
bool leavesReports(const GpuPlan &plan) {
  return plan.variant->n_parts > 0 &&
         plan.variant->parts[0].kind == RECUR_GPU_REPORT && !plan.isEmpty();
}

int copyFromDevice(const CheckedArguments &arguments, uintptr_t from, void *to,
                   size_t bytes) {
  int status;
  const cuda::Driver *driver = cuda::openDriver(status);
  if (!driver)
    return status;
  const GpuDevice *device =
      findDevice(*driver, arguments.deviceOrdinal(), status);
  if (!device)
    return status;
  const recur_info &info = arguments.info();
  if (!driver->memcpyDtoH)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': the CUDA driver has no cuMemcpyDtoH_v2",
                info.name);
  ContextScope context(*driver);
  if ((status = context.enter(*device, reinterpret_cast<void *>(from))))
    return status;
  if (cuda::Result result = driver->memcpyDtoH(to, from, bytes))
    return failDriver(*driver, result, "cuMemcpyDtoH_v2",
                      "recurrence '%s': reading the report", info.name);
  return RECUR_OK;
}

void sum(const recur_channel_report *channels, int64_t count,
         recur_report &report) {
  report.channels = count;
  for (int64_t c = 0; c < count; ++c) {
    const recur_channel_report &channel = channels[c];
    report.finished_in_order += (channel.flags & RECUR_FINISHED_IN_ORDER) != 0;
    report.not_finite += (channel.flags & RECUR_NOT_FINITE) != 0;
    report.passes = std::max(report.passes, channel.passes);
    // What is no number is the largest.
    if (report.residual == report.residual &&
        !(channel.residual <= report.residual))
      report.residual = channel.residual;
  }
}

int checkRoom(const recur_info &info, int64_t count,
              const recur_channel_report *channels, int64_t room) {
  if (channels && room < count)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': expected room for %" PRId64
                " channels, found %" PRId64,
                info.name, count, room);
  return RECUR_OK;
}

int readOnGpu(const CheckedArguments &arguments, const void *workspace,
              size_t workspaceBytes, recur_report &report,
              recur_channel_report *channels, int64_t room) {
  const recur_info &info = arguments.info();
  GpuPlan plan;
  if (int status = planOnGpu(arguments, plan))
    return status;
  report.variant = plan.variant->name;
  if (!leavesReports(plan))
    return RECUR_OK;
  if (!workspace)
    return fail(RECUR_INVALID_WORKSPACE,
                "recurrence '%s': expected the workspace of the call, found a "
                "null pointer",
                info.name);
  if (int status = checkWorkspace(arguments, plan.workspaceBytes, workspace,
                                  workspaceBytes))
    return status;
  // (units of the first kernel may be of several channels)
  const recur_gpu_kernel &first = plan.variant->kernels[0];
  int64_t count = 1;
  for (int32_t k = 0; k < first.parallel_rank; ++k)
    count *= arguments.size(first.parallel_dims[k]);
  if (int status = checkRoom(info, count, channels, room))
    return status;
  size_t bytes = static_cast<size_t>(count) * sizeof(recur_channel_report);
  Memory own(channels ? 0 : bytes);
  auto *list =
      channels ? channels : static_cast<recur_channel_report *>(own.begin);
  if (!list)
    return fail(RECUR_OUT_OF_MEMORY,
                "recurrence '%s': could not allocate %zu bytes for the report",
                info.name, bytes);
  if (int status =
          copyFromDevice(arguments, alignWorkspace(workspace), list, bytes))
    return status;
  sum(list, count, report);
  return RECUR_OK;
}

int readOnCpu(const CheckedArguments &arguments, const void *workspace,
              size_t workspaceBytes, recur_report &report,
              recur_channel_report *channels, int64_t room) {
  const recur_info &info = arguments.info();
  Plan plan;
  if (int status = plan.make(arguments, Execution::current().threads))
    return status;
  report.variant = plan.name();
  if (!plan.shooting.variant)
    return RECUR_OK;
  if (workspace) {
    if (int status = checkWorkspace(arguments, plan.workspaceBytes, workspace,
                                    workspaceBytes))
      return status;
  } else if (workspace = findKeptWorkspace(plan.workspaceBytes); !workspace) {
    return fail(
        RECUR_INVALID_WORKSPACE,
        "recurrence '%s': expected the workspace of the call, or a call "
        "before on this thread, found neither",
        info.name);
  }
  int64_t count = plan.shooting.items;
  if (int status = checkRoom(info, count, channels, room))
    return status;
  const auto *list = reinterpret_cast<const recur_channel_report *>(
      (reinterpret_cast<uintptr_t>(workspace) + 63) & ~uintptr_t(63));
  if (channels)
    std::copy(list, list + count, channels);
  sum(list, count, report);
  return RECUR_OK;
}

} // namespace

extern "C" int recur_read_report(const recur_info *info,
                                 const DLTensor *const *tensors, int32_t count,
                                 const void *workspace, size_t workspaceBytes,
                                 recur_report *report,
                                 recur_channel_report *channels, int64_t room) {
  clearError();
  if (!info || !report)
    return fail(RECUR_INVALID_ARGUMENT,
                "recur_read_report: expected %s, found a null pointer",
                info ? "where to store the report"
                     : "the description of a recurrence");
  *report = {};
  CheckedArguments arguments;
  if (int status = arguments.check(*info, tensors, count))
    return status;
  if (arguments.onGpu())
    return readOnGpu(arguments, workspace, workspaceBytes, *report, channels,
                     room);
  return readOnCpu(arguments, workspace, workspaceBytes, *report, channels,
                   room);
}
