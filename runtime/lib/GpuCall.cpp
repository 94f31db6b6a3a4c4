//===-- GpuCall.cpp - one call on a GPU -----------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Finds driver, device and plan, checks memory, enters the context, loads what
/// is not loaded, and launches.
#include "runtime/lib/GpuCall.h"

#include "runtime/lib/Error.h"
#include "runtime/lib/GpuCode.h"

#include <algorithm>
#include <cinttypes>

using namespace recur::runtime;
using namespace recur::runtime::cuda;

namespace {

/// Parameters of a variant's kernels: see recur_gpu_kernel.
class Parameters {
public:
  Parameters(const CheckedArguments &arguments,
             const recur_gpu_variant &variant, uintptr_t workspace) {
    const recur_info &info = arguments.info();
    recur_frame frame = arguments.frame();
    for (int32_t a = 0; a < info.n_arguments; ++a)
      add(reinterpret_cast<uintptr_t>(frame.data[a]));
    add(workspace);
    add(std::max<int64_t>(variant.tile_steps, 1));
    for (int32_t d = 0; d < info.n_space_dims; ++d)
      add(frame.sizes[d]);
    int64_t strides = 0;
    for (int32_t a = 0; a < info.n_arguments; ++a)
      strides += info.arguments[a].rank;
    for (int64_t k = 0; k < strides; ++k)
      add(frame.strides[k]);
  }

  uint64_t words[RECUR_MAX_ARGUMENTS + 2 + RECUR_MAX_DIMS +
                 CheckedArguments::maxStrides];
  int32_t count = 0;

private:
  void add(uint64_t word) { words[count++] = word; }
};

/// One call, after the driver and the device have been found.
class Call {
public:
  Call(const Driver &driver, const GpuDevice &device,
       const CheckedArguments &arguments, const GpuPlan &plan)
      : driver(driver), device(device), arguments(arguments),
        info(arguments.info()), plan(plan) {}

  int run(const GpuRequest &request);

private:
  int checkArguments() const;
  int checkWorkspace(void *workspace, size_t bytes) const;
  int load(unsigned long long context, GpuLaunch &launch) const;

  const Driver &driver;
  const GpuDevice &device;
  const CheckedArguments &arguments;
  const recur_info &info;
  const GpuPlan &plan;
};

int Call::checkArguments() const {
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    ByteRange range = byteRange(arguments.view(a));
    if (int status = checkMemory(
            driver, device,
            {range.begin, range.end, info.name, info.arguments[a].name}))
      return status;
  }
  return RECUR_OK;
}

int Call::checkWorkspace(void *workspace, size_t bytes) const {
  if (plan.workspaceBytes == 0)
    return RECUR_OK;
  if (!workspace)
    return fail(RECUR_INVALID_WORKSPACE,
                "recurrence '%s': expected a workspace of at least %" PRId64
                " bytes on CUDA device %d, found a null pointer",
                info.name, plan.workspaceBytes, device.ordinal);
  if (int status = recur::runtime::checkWorkspace(
          arguments, plan.workspaceBytes, workspace, bytes))
    return status;
  auto begin = reinterpret_cast<uintptr_t>(workspace);
  int status =
      checkMemory(driver, device, {begin, begin + bytes, info.name, nullptr});
  return status == RECUR_INVALID_ARGUMENT ? int(RECUR_INVALID_WORKSPACE)
                                          : status;
}

/// All kernels before the first launch: what fails writes nothing.
int Call::load(unsigned long long context, GpuLaunch &launch) const {
  launch.zeroedBytes = plan.zeroedBytes;
  launch.count = 0;
  for (int32_t k = 0; k < plan.variant->n_kernels; ++k) {
    const recur_gpu_kernel &kernel = plan.variant->kernels[k];
    LoadedKernel loaded;
    if (int status = loadKernel(driver, device, context, info.name,
                                *plan.variant, kernel, loaded))
      return status;
    int64_t blocks = plan.grids[k].blocks;
    if (blocks == 0)
      continue;
    if (kernel.persistent)
      blocks = std::min<int64_t>(blocks, int64_t(loaded.residentBlocks) *
                                             device.machine.multiprocessors);
    launch.kernels[launch.count++] = {
        loaded.function, kernel.symbol, static_cast<unsigned>(blocks),
        static_cast<unsigned>(kernel.block),
        static_cast<unsigned>(plan.grids[k].shared)};
  }
  return RECUR_OK;
}

int Call::run(const GpuRequest &request) {
  if (plan.isEmpty())
    return RECUR_OK;
  const void *memory = nullptr;
  for (int32_t a = 0; a < info.n_arguments && !memory; ++a)
    if (!arguments.view(a).empty())
      memory = arguments.frame().data[a];
  ContextScope context(driver);
  if (int status = context.enter(device, memory))
    return status;
  if (int status = checkArguments())
    return status;
  if (int status = checkWorkspace(request.workspace, request.workspaceBytes))
    return status;
  GpuLaunch launch;
  if (int status = load(context.id(), launch))
    return status;
  Parameters parameters(arguments, *plan.variant,
                        alignWorkspace(request.workspace));
  if (int status =
          launchKernels(driver, info, plan.variant->name, launch,
                        parameters.words, parameters.count, request.stream))
    return status;
  rememberOnGpu(request, arguments, device, context.id(), plan, launch,
                parameters.words, parameters.count);
  return RECUR_OK;
}

/// The driver and the device; null after `fail`.
const GpuDevice *findDeviceOf(const CheckedArguments &arguments,
                              const Driver *&driver, int &status) {
  driver = openDriver(status);
  return driver ? findDevice(*driver, arguments.deviceOrdinal(), status)
                : nullptr;
}

} // namespace

int recur::runtime::planOnGpu(const CheckedArguments &arguments,
                              GpuPlan &plan) {
  int status;
  const Driver *driver;
  const GpuDevice *device = findDeviceOf(arguments, driver, status);
  return device ? plan.make(arguments, *device) : status;
}

int recur::runtime::callOnGpu(const CheckedArguments &arguments,
                              const GpuRequest &request) {
  int status;
  const Driver *driver;
  const GpuDevice *device = findDeviceOf(arguments, driver, status);
  if (!device)
    return status;
  GpuPlan plan;
  if ((status = plan.make(arguments, *device)))
    return status;
  return Call(*driver, *device, arguments, plan).run(request);
}
