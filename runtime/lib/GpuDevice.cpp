//===-- GpuDevice.cpp - devices, contexts and their memory ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Asks the driver about devices, contexts and pointers, and remembers answers.
#include "runtime/lib/GpuDevice.h"

#include "runtime/lib/Error.h"

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <pthread.h>

using namespace recur::runtime;
using namespace recur::runtime::cuda;

namespace {

constexpr int32_t maxDevices = 64;
struct KnownDevice {
  std::atomic<bool> known;
  GpuDevice device;
};
constinit KnownDevice devices[maxDevices];
pthread_mutex_t devicesMutex = PTHREAD_MUTEX_INITIALIZER;

int ask(const Driver &driver, GpuDevice &device) {
  GpuMachine &machine = device.machine;
  int32_t major = 0, minor = 0, clock = 0, memoryClock = 0, busBits = 0,
          shared = 0, sharedPerBlock = 0;
  struct {
    int attribute;
    int32_t *value;
  } numbers[] = {{CapabilityMajor, &major},
                 {CapabilityMinor, &minor},
                 {Multiprocessors, &machine.multiprocessors},
                 {ClockKilohertz, &clock},
                 {MemoryClockKilohertz, &memoryClock},
                 {MemoryBusBits, &busBits},
                 {ThreadsPerMultiprocessor, &machine.threads},
                 {BlocksPerMultiprocessor, &machine.blocks},
                 {RegistersPerMultiprocessor, &machine.registers},
                 {SharedPerMultiprocessor, &shared},
                 {SharedPerBlockOptIn, &sharedPerBlock}};
  for (auto &[attribute, value] : numbers)
    if (Result result =
            driver.deviceGetAttribute(value, attribute, device.ordinal))
      return failDriver(driver, result, "cuDeviceGetAttribute",
                        "CUDA device %d: attribute %d", device.ordinal,
                        attribute);
  if (driver.deviceGetName(device.name, sizeof device.name, device.ordinal))
    std::snprintf(device.name, sizeof device.name, "unnamed");
  machine.capability = 10 * major + minor;
  machine.clock = clock * 1e-6;
  // Two transfers a cycle. Some devices keep their memory clock to themselves.
  machine.bandwidth = 2.0 * memoryClock * 1e-6 * busBits / 8;
  if (machine.bandwidth <= 0)
    machine.bandwidth = 10.0 * machine.multiprocessors;
  if (machine.clock <= 0)
    machine.clock = 1;
  machine.sharedBytes = shared;
  machine.sharedBytesPerBlock = sharedPerBlock;
  return RECUR_OK;
}

/// Allocations that this thread has met.
struct KnownRange {
  uintptr_t begin, end;
  Device device;
};
constexpr int32_t rememberedRanges = 16;
thread_local KnownRange ranges[rememberedRanges];
thread_local int32_t nextRange;

bool isKnown(const GpuDevice &device, const MemoryUse &use) {
  for (const KnownRange &range : ranges)
    if (range.begin <= use.begin && use.end <= range.end &&
        range.device == device.ordinal && range.end > 0)
      return true;
  return false;
}

/// "recurrence 'ema': argument 'x'" or "recurrence 'ema': the workspace".
struct Place {
  char text[256];
  explicit Place(const MemoryUse &use) {
    if (use.argument)
      std::snprintf(text, sizeof text, "recurrence '%s': argument '%s'",
                    use.recurrence, use.argument);
    else
      std::snprintf(text, sizeof text, "recurrence '%s': the workspace",
                    use.recurrence);
  }
};

} // namespace

const GpuDevice *recur::runtime::findDevice(const Driver &driver,
                                            int32_t ordinal, int &status) {
  status = RECUR_OK;
  int count = 0;
  if (ordinal >= 0 && ordinal < maxDevices &&
      devices[ordinal].known.load(std::memory_order_acquire))
    return &devices[ordinal].device;
  if (Result result = driver.deviceGetCount(&count)) {
    status = failDriver(driver, result, "cuDeviceGetCount",
                        "cannot count the CUDA devices");
    return nullptr;
  }
  if (ordinal < 0 || ordinal >= count || ordinal >= maxDevices) {
    status = fail(RECUR_INVALID_ARGUMENT,
                  "expected a CUDA device from 0 to %d, found %d", count - 1,
                  ordinal);
    return nullptr;
  }
  KnownDevice &entry = devices[ordinal];
  pthread_mutex_lock(&devicesMutex);
  if (!entry.known.load(std::memory_order_relaxed)) {
    entry.device.ordinal = ordinal;
    status = ask(driver, entry.device);
    if (status == RECUR_OK)
      entry.known.store(true, std::memory_order_release);
  }
  pthread_mutex_unlock(&devicesMutex);
  return status == RECUR_OK ? &entry.device : nullptr;
}

//===----------------------------------------------------------------------===//
// ContextScope
//===----------------------------------------------------------------------===//

ContextScope::~ContextScope() {
  Context popped;
  if (pushed)
    driver.ctxPopCurrent(&popped);
  if (retained >= 0)
    driver.devicePrimaryCtxRelease(retained);
}

int ContextScope::enter(const GpuDevice &device, const void *memory) {
  Context context = nullptr;
  Device current = -1;
  if (Result result = driver.ctxGetCurrent(&context))
    return failDriver(driver, result, "cuCtxGetCurrent",
                      "cannot tell this thread's CUDA context");
  bool usable = context && driver.ctxGetDevice(&current) == 0 &&
                current == device.ordinal;
  if (!usable) {
    context = nullptr;
    int attribute = PointerContext;
    void *value = &context;
    if (driver.pointerGetAttributes(1, &attribute, &value,
                                    reinterpret_cast<Pointer>(memory)) != 0)
      context = nullptr;
    if (!context) {
      unsigned flags = 0;
      int active = 0;
      if (Result result =
              driver.devicePrimaryCtxGetState(device.ordinal, &flags, &active))
        return failDriver(driver, result, "cuDevicePrimaryCtxGetState",
                          "CUDA device %d", device.ordinal);
      if (!active)
        return fail(RECUR_DEVICE_ERROR,
                    "CUDA device %d: expected a context that is current or the "
                    "device's primary one, found none",
                    device.ordinal);
      if (Result result =
              driver.devicePrimaryCtxRetain(&context, device.ordinal))
        return failDriver(driver, result, "cuDevicePrimaryCtxRetain",
                          "CUDA device %d", device.ordinal);
      retained = device.ordinal;
    }
    if (Result result = driver.ctxPushCurrent(context))
      return failDriver(driver, result, "cuCtxPushCurrent", "CUDA device %d",
                        device.ordinal);
    pushed = true;
  }
  // Drivers before CUDA 12 have no numbers for contexts.
  if (!driver.ctxGetId || driver.ctxGetId(context, &identity) != 0)
    identity = reinterpret_cast<uintptr_t>(context);
  return RECUR_OK;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

int recur::runtime::checkMemory(const Driver &driver, const GpuDevice &device,
                                const MemoryUse &use) {
  if (use.begin == use.end || isKnown(device, use))
    return RECUR_OK;
  constexpr unsigned count = 5;
  unsigned type = 0, managed = 0;
  int ordinal = -1;
  Pointer start = 0;
  size_t size = 0;
  int attributes[count] = {PointerMemoryType, PointerManaged, PointerDevice,
                           PointerRangeStart, PointerRangeSize};
  void *values[count] = {&type, &managed, &ordinal, &start, &size};
  if (Result result =
          driver.pointerGetAttributes(count, attributes, values, use.begin))
    return failDriver(driver, result, "cuPointerGetAttributes", "%s",
                      Place(use).text);
  constexpr unsigned onDevice = 2; // CU_MEMORYTYPE_DEVICE
  if (managed) { // wherever it is now, it comes to the device that uses it
    type = onDevice;
    ordinal = device.ordinal;
  }
  if (type != onDevice)
    return fail(RECUR_INVALID_ARGUMENT,
                "%s: expected memory of CUDA device %d, found the address "
                "%#" PRIxPTR ", which is %s",
                Place(use).text, device.ordinal, use.begin,
                type == 0 ? "not the driver's" : "the host's");
  if (ordinal != device.ordinal)
    return fail(RECUR_INVALID_ARGUMENT,
                "%s: expected memory of CUDA device %d, found memory of device "
                "%d",
                Place(use).text, device.ordinal, ordinal);
  if (size == 0) { // the driver does not say: only the address is known
    start = use.begin;
    size = use.end - use.begin;
  }
  if (use.begin < start || use.end > start + size)
    return fail(RECUR_INVALID_ARGUMENT,
                "%s: expected memory inside one allocation, found %#" PRIxPTR
                " to %#" PRIxPTR ", which leaves %#llx to %#llx",
                Place(use).text, use.begin, use.end, start, start + size);
  ranges[nextRange] = {static_cast<uintptr_t>(start),
                       static_cast<uintptr_t>(start + size), ordinal};
  nextRange = (nextRange + 1) % rememberedRanges;
  return RECUR_OK;
}
