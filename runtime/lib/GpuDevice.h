//===-- GpuDevice.h - devices, contexts and their memory --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a device can do, the context that a call runs in, and whether memory is
/// the device's.
#ifndef RECUR_RUNTIME_LIB_GPUDEVICE_H
#define RECUR_RUNTIME_LIB_GPUDEVICE_H

#include "runtime/lib/CudaDriver.h"
#include "runtime/lib/GpuModel.h"

namespace recur::runtime {

struct GpuDevice {
  cuda::Device ordinal;
  char name[64];
  GpuMachine machine;
};

/// The device, asked once for the process; null after `fail`, with the status.
const GpuDevice *findDevice(const cuda::Driver &driver, int32_t ordinal,
                            int &status);

/// Makes a context of a device current for the scope of a call: the thread's
/// own if it is of that device, else the one that `memory` was allocated in,
/// else the device's primary one, if the program has made it active.
class ContextScope {
public:
  explicit ContextScope(const cuda::Driver &driver) : driver(driver) {}
  ContextScope(const ContextScope &) = delete;
  ~ContextScope();

  /// Returns RECUR_OK or the status after `fail`.
  int enter(const GpuDevice &device, const void *memory);
  /// Differs for any two contexts, also when one has the other's old handle.
  unsigned long long id() const { return identity; }

private:
  const cuda::Driver &driver;
  unsigned long long identity = 0;
  bool pushed = false;
  int32_t retained = -1; ///< device whose primary context is held
};

/// A piece of memory that a call uses.
struct MemoryUse {
  uintptr_t begin, end;
  const char *recurrence;
  const char *argument; ///< null: the workspace
};

/// Checks that the memory lies in one allocation on the device. What was found
/// is remembered by the thread, so that the driver is asked once for every
/// allocation and not in every call.
int checkMemory(const cuda::Driver &driver, const GpuDevice &device,
                const MemoryUse &use);

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUDEVICE_H
