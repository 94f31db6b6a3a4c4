//===-- Gpu.cpp - arrays on a GPU for recurc run --------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The driver's functions that a program calls beside the runtime's.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Gpu.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>

using namespace recur;

using Pointer = unsigned long long;

#define DRIVER_FUNCTIONS(X)                                                    \
  X(cuGetErrorName, int, const char **)                                        \
  X(cuGetErrorString, int, const char **)                                      \
  X(cuInit, unsigned)                                                          \
  X(cuDeviceGetCount, int *)                                                   \
  X(cuDeviceGetName, char *, int, int)                                         \
  X(cuDeviceGetAttribute, int *, int, int)                                     \
  X(cuDevicePrimaryCtxRetain, void **, int)                                    \
  X(cuDevicePrimaryCtxRelease_v2, int)                                         \
  X(cuCtxSetCurrent, void *)                                                   \
  X(cuStreamCreate, void **, unsigned)                                         \
  X(cuStreamDestroy_v2, void *)                                                \
  X(cuStreamSynchronize, void *)                                               \
  X(cuEventCreate, void **, unsigned)                                          \
  X(cuEventDestroy_v2, void *)                                                 \
  X(cuEventRecord, void *, void *)                                             \
  X(cuEventSynchronize, void *)                                                \
  X(cuEventElapsedTime, float *, void *, void *)                               \
  X(cuMemAlloc_v2, Pointer *, size_t)                                          \
  X(cuMemFree_v2, Pointer)                                                     \
  X(cuMemcpyHtoD_v2, Pointer, const void *, size_t)                            \
  X(cuMemcpyDtoH_v2, void *, Pointer, size_t)

struct Gpu::Driver {
#define DECLARE(name, ...) int (*name)(__VA_ARGS__) = nullptr;
  DRIVER_FUNCTIONS(DECLARE)
#undef DECLARE
};

static Pointer addressOf(const void *device) {
  return reinterpret_cast<uintptr_t>(device);
}

llvm::Error Gpu::check(int result, llvm::StringRef call) const {
  if (!result)
    return llvm::Error::success();
  const char *code = nullptr, *text = nullptr;
  driver->cuGetErrorName(result, &code);
  driver->cuGetErrorString(result, &text);
  return llvm::createStringError(
      call + ": " + (code ? code : "unknown error") + " (" +
      llvm::Twine(result) + "): " + (text ? text : "the driver has no text"));
}

/// Returns from the function when the driver reports an error.
#define TRY(function, ...)                                                     \
  if (llvm::Error error = check(driver->function(__VA_ARGS__), #function))     \
  return error

llvm::Error Gpu::start() {
  // The same library as the runtime's.
  const char *path = std::getenv("RECUR_CUDA_LIBRARY");
  if (!path || !*path)
    path = "libcuda.so.1";
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return llvm::createStringError("cannot open the CUDA driver '" +
                                   llvm::Twine(path) + "': " + dlerror());
  driver = std::make_unique<Driver>();
#define FIND(name, ...)                                                        \
  driver->name =                                                               \
      reinterpret_cast<decltype(driver->name)>(dlsym(library, #name));         \
  if (!driver->name)                                                           \
    return llvm::createStringError("the CUDA driver '" + llvm::Twine(path) +   \
                                   "' has no " #name);
  DRIVER_FUNCTIONS(FIND)
#undef FIND
  TRY(cuInit, 0);
  int count = 0;
  TRY(cuDeviceGetCount, &count);
  if (count == 0)
    return llvm::createStringError("the CUDA driver knows no device");
  char text[128] = "";
  TRY(cuDeviceGetName, text, sizeof text, 0);
  name = text;
  int major = 0, minor = 0;
  TRY(cuDeviceGetAttribute, &major, /*CAPABILITY_MAJOR=*/75, 0);
  TRY(cuDeviceGetAttribute, &minor, /*CAPABILITY_MINOR=*/76, 0);
  capability = 10 * major + minor;
  TRY(cuDevicePrimaryCtxRetain, &context, 0);
  TRY(cuCtxSetCurrent, context);
  TRY(cuStreamCreate, &stream, /*CU_STREAM_NON_BLOCKING=*/1);
  TRY(cuEventCreate, &events[0], 0);
  TRY(cuEventCreate, &events[1], 0);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Gpu>> Gpu::open() {
  std::unique_ptr<Gpu> gpu(new Gpu);
  if (llvm::Error error = gpu->start())
    return error;
  return gpu;
}

Gpu::~Gpu() {
  if (!context)
    return;
  if (stream)
    driver->cuStreamSynchronize(stream);
  for (Pointer address : memory)
    driver->cuMemFree_v2(address);
  for (void *event : events)
    if (event)
      driver->cuEventDestroy_v2(event);
  if (stream)
    driver->cuStreamDestroy_v2(stream);
  driver->cuDevicePrimaryCtxRelease_v2(0);
}

llvm::Expected<void *> Gpu::allocate(size_t bytes) {
  Pointer address = 0;
  TRY(cuMemAlloc_v2, &address, std::max<size_t>(bytes, 1));
  memory.push_back(address);
  return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
}

llvm::Error Gpu::copyIn(void *device, const void *host, size_t bytes) {
  if (bytes)
    TRY(cuMemcpyHtoD_v2, addressOf(device), host, bytes);
  return llvm::Error::success();
}

llvm::Error Gpu::copyOut(void *host, const void *device, size_t bytes) {
  if (llvm::Error error = wait())
    return error;
  if (bytes)
    TRY(cuMemcpyDtoH_v2, host, addressOf(device), bytes);
  return llvm::Error::success();
}

llvm::Error Gpu::wait() {
  TRY(cuStreamSynchronize, stream);
  return llvm::Error::success();
}

llvm::Expected<double> Gpu::time(llvm::function_ref<llvm::Error()> body) {
  TRY(cuEventRecord, events[0], stream);
  if (llvm::Error error = body())
    return error;
  TRY(cuEventRecord, events[1], stream);
  TRY(cuEventSynchronize, events[1]);
  float milliseconds = 0;
  TRY(cuEventElapsedTime, &milliseconds, events[0], events[1]);
  return milliseconds;
}
