//===-- NullCuda.cpp - a GPU driver that takes no time --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Stands in for libcuda.so.1 where the runtime's own share of a call is
/// measured: one device, one context, all memory is the device's, and every
/// other function does nothing.
#include "runtime/lib/CudaDriver.h"

#include <cstdint>

using namespace recur::runtime::cuda;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define NOTHING(symbol, ...)                                                   \
  EXPORT int symbol(__VA_ARGS__) { return 0; }

NOTHING(cuGetErrorName, int, const char **)
NOTHING(cuGetErrorString, int, const char **)
NOTHING(cuInit, unsigned)
NOTHING(cuDeviceGetName, char *, int, int)
NOTHING(cuDevicePrimaryCtxGetState, int, unsigned *, int *)
NOTHING(cuDevicePrimaryCtxRetain, Context *, int)
NOTHING(cuDevicePrimaryCtxRelease_v2, int)
NOTHING(cuCtxPushCurrent_v2, Context)
NOTHING(cuCtxPopCurrent_v2, Context *)
NOTHING(cuThreadExchangeStreamCaptureMode, int *)
NOTHING(cuModuleLoadDataEx, Module *, const void *, unsigned, int *, void **)
NOTHING(cuModuleUnload, Module)
NOTHING(cuModuleGetFunction, Function *, Module, const char *)
NOTHING(cuFuncSetAttribute, Function, int, int)
NOTHING(cuFuncLoad, Function)
NOTHING(cuOccupancyMaxActiveBlocksPerMultiprocessor, int *, Function, int,
        size_t)
NOTHING(cuMemsetD32Async, Pointer, unsigned, size_t, Stream)
NOTHING(cuLaunchKernel, Function, unsigned, unsigned, unsigned, unsigned,
        unsigned, unsigned, unsigned, Stream, void **, void **)

EXPORT int cuDeviceGetCount(int *count) {
  *count = 1;
  return 0;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == CapabilityMajor   ? 9
           : attribute == CapabilityMinor ? 0
                                          : 1 << 16;
  return 0;
}
EXPORT int cuCtxGetCurrent(Context *context) {
  *context = reinterpret_cast<Context>(0x1000);
  return 0;
}
EXPORT int cuCtxGetDevice(int *device) {
  *device = 0;
  return 0;
}
EXPORT int cuCtxGetId(Context, unsigned long long *id) {
  *id = 1;
  return 0;
}
EXPORT int cuPointerGetAttributes(unsigned count, int *attributes,
                                  void **values, Pointer) {
  for (unsigned k = 0; k < count; ++k)
    switch (attributes[k]) {
    case PointerMemoryType:
      *static_cast<unsigned *>(values[k]) = 2; // CU_MEMORYTYPE_DEVICE
      break;
    case PointerDevice:
      *static_cast<int *>(values[k]) = 0;
      break;
    case PointerRangeStart:
      *static_cast<Pointer *>(values[k]) = 1;
      break;
    case PointerRangeSize:
      *static_cast<size_t *>(values[k]) = ~size_t(0) >> 1;
      break;
    default:
      break;
    }
  return 0;
}
