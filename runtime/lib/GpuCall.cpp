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

/// Parameters of a kernel: see recur_gpu_kernel.
class Parameters {
public:
  Parameters(const CheckedArguments &arguments,
             const recur_gpu_variant &variant, void *workspace) {
    const recur_info &info = arguments.info();
    recur_frame frame = arguments.frame();
    for (int32_t a = 0; a < info.n_arguments; ++a)
      add(reinterpret_cast<uintptr_t>(frame.data[a]));
    add(reinterpret_cast<uintptr_t>(workspace));
    add(std::max<int64_t>(variant.tile_steps, 1));
    for (int32_t d = 0; d < info.n_space_dims; ++d)
      add(frame.sizes[d]);
    int64_t strides = 0;
    for (int32_t a = 0; a < info.n_arguments; ++a)
      strides += info.arguments[a].rank;
    for (int64_t k = 0; k < strides; ++k)
      add(frame.strides[k]);
  }

  void *data() { return words; }
  size_t bytes() const { return count * sizeof words[0]; }

private:
  void add(uint64_t word) { words[count++] = word; }

  uint64_t words[RECUR_MAX_ARGUMENTS + 2 + RECUR_MAX_DIMS +
                 CheckedArguments::maxStrides];
  size_t count = 0;
};

/// One call, after the driver and the device have been found.
class Call {
public:
  Call(const Driver &driver, const GpuDevice &device,
       const CheckedArguments &arguments, const GpuPlan &plan)
      : driver(driver), device(device), arguments(arguments),
        info(arguments.info()), plan(plan) {}

  int run(void *workspace, size_t workspaceBytes, Stream stream);

private:
  int checkArguments() const;
  int checkWorkspace(void *workspace, size_t bytes) const;
  int load(unsigned long long context);
  int launch(void *workspace, Stream stream) const;
  int failCall(Result result, const char *call, const char *what) const {
    return failDriver(driver, result, call, "recurrence '%s': %s, '%s'",
                      info.name, what, plan.variant->name);
  }

  const Driver &driver;
  const GpuDevice &device;
  const CheckedArguments &arguments;
  const recur_info &info;
  const GpuPlan &plan;
  LoadedKernel kernels[GpuPlan::maxKernels];
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
int Call::load(unsigned long long context) {
  for (int32_t k = 0; k < plan.variant->n_kernels; ++k)
    if (int status =
            loadKernel(driver, device, context, info.name, *plan.variant,
                       plan.variant->kernels[k], kernels[k]))
      return status;
  return RECUR_OK;
}

int Call::launch(void *workspace, Stream stream) const {
  const recur_gpu_variant &variant = *plan.variant;
  auto address = reinterpret_cast<uintptr_t>(workspace);
  address = (address + gpuWorkspaceAlignment - 1) &
            ~static_cast<uintptr_t>(gpuWorkspaceAlignment - 1);
  if (plan.zeroedBytes > 0)
    if (Result result = driver.memsetD8Async(
            address, 0, static_cast<size_t>(plan.zeroedBytes), stream))
      return failCall(result, "cuMemsetD8Async", "zeroing the workspace");
  Parameters parameters(arguments, variant, reinterpret_cast<void *>(address));
  size_t size = parameters.bytes();
  // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE and the end.
  void *packed[] = {reinterpret_cast<void *>(1), parameters.data(),
                    reinterpret_cast<void *>(2), &size, nullptr};
  for (int32_t k = 0; k < variant.n_kernels; ++k) {
    const recur_gpu_kernel &kernel = variant.kernels[k];
    int64_t blocks = plan.grids[k].blocks;
    if (blocks == 0)
      continue;
    if (kernel.persistent)
      blocks = std::min<int64_t>(blocks, int64_t(kernels[k].residentBlocks) *
                                             device.machine.multiprocessors);
    if (Result result = driver.launchKernel(
            kernels[k].function, static_cast<unsigned>(blocks), 1, 1,
            static_cast<unsigned>(kernel.block), 1, 1,
            static_cast<unsigned>(kernel.shared_bytes), stream, nullptr,
            packed))
      return failCall(result, "cuLaunchKernel", kernel.symbol);
  }
  return RECUR_OK;
}

int Call::run(void *workspace, size_t workspaceBytes, Stream stream) {
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
  if (int status = checkWorkspace(workspace, workspaceBytes))
    return status;
  if (int status = load(context.id()))
    return status;
  return launch(workspace, stream);
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
                              void *workspace, size_t workspaceBytes,
                              void *stream) {
  int status;
  const Driver *driver;
  const GpuDevice *device = findDeviceOf(arguments, driver, status);
  if (!device)
    return status;
  GpuPlan plan;
  if ((status = plan.make(arguments, *device)))
    return status;
  return Call(*driver, *device, arguments, plan)
      .run(workspace, workspaceBytes, static_cast<Stream>(stream));
}
