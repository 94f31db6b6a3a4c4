//===-- test/gpu/run_cuda/Device.h - a real GPU for tests -------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The driver's functions that a program around the runtime calls, opened at
/// run time: memory, streams, events, graphs, contexts. A failing call ends the
/// program, since nothing can be said of a device after one.
#ifndef RECUR_TEST_GPU_RUN_CUDA_DEVICE_H
#define RECUR_TEST_GPU_RUN_CUDA_DEVICE_H

#include <cstddef>
#include <cstdint>

namespace recur::test {

using Pointer = unsigned long long;

#define RECUR_TEST_DRIVER(X)                                                   \
  X(cuInit, unsigned)                                                          \
  X(cuDriverGetVersion, int *)                                                 \
  X(cuDeviceGetCount, int *)                                                   \
  X(cuDeviceGetName, char *, int, int)                                         \
  X(cuDevicePrimaryCtxRetain, void **, int)                                    \
  X(cuCtxSetCurrent, void *)                                                   \
  X(cuCtxSynchronize)                                                          \
  X(cuMemGetInfo_v2, size_t *, size_t *)                                       \
  X(cuMemAlloc_v2, Pointer *, size_t)                                          \
  X(cuMemFree_v2, Pointer)                                                     \
  X(cuMemcpyHtoD_v2, Pointer, const void *, size_t)                            \
  X(cuMemcpyDtoH_v2, void *, Pointer, size_t)                                  \
  X(cuMemcpyDtoDAsync_v2, Pointer, Pointer, size_t, void *)                    \
  X(cuMemsetD8_v2, Pointer, unsigned char, size_t)                             \
  X(cuMemsetD32_v2, Pointer, unsigned, size_t)                                 \
  X(cuMemsetD8Async, Pointer, unsigned char, size_t, void *)                   \
  X(cuMemsetD32Async, Pointer, unsigned, size_t, void *)                       \
  X(cuModuleLoadDataEx, void **, const void *, unsigned, int *, void **)       \
  X(cuModuleGetFunction, void **, void *, const char *)                        \
  X(cuLaunchKernel, void *, unsigned, unsigned, unsigned, unsigned, unsigned,  \
    unsigned, unsigned, void *, void **, void **)                              \
  X(cuStreamCreate, void **, unsigned)                                         \
  X(cuStreamSynchronize, void *)                                               \
  X(cuStreamDestroy_v2, void *)                                                \
  X(cuStreamBeginCapture_v2, void *, int)                                      \
  X(cuStreamEndCapture, void *, void **)                                       \
  X(cuGraphInstantiateWithFlags, void **, void *, unsigned long long)          \
  X(cuGraphLaunch, void *, void *)                                             \
  X(cuGraphExecDestroy, void *)                                                \
  X(cuGraphDestroy, void *)                                                    \
  X(cuEventCreate, void **, unsigned)                                          \
  X(cuEventRecord, void *, void *)                                             \
  X(cuEventSynchronize, void *)                                                \
  X(cuEventElapsedTime, float *, void *, void *)                               \
  X(cuGetErrorString, int, const char **)

#define RECUR_TEST_DECLARE(name, ...) extern int (*name)(__VA_ARGS__);
RECUR_TEST_DRIVER(RECUR_TEST_DECLARE)
#undef RECUR_TEST_DECLARE

/// Ends the program when `code` is not 0.
void check(int code, const char *call);
#define CHECK(call) ::recur::test::check(call, #call)

/// Opens the driver; false, with a line printed, when there is no GPU.
bool openDriver();
int deviceCount();
/// Makes the primary context of a device current for this thread.
void useDevice(int device);

/// Memory of the current device.
class Memory {
public:
  explicit Memory(size_t bytes);
  Memory(Memory &&other) noexcept;
  Memory(const Memory &) = delete;
  ~Memory();

  void *get() const { return reinterpret_cast<void *>(address); }
  Pointer at() const { return address; }
  size_t size() const { return bytes; }

private:
  Pointer address = 0;
  size_t bytes = 0;
};

/// A stream that does not wait for the legacy one.
class Stream {
public:
  Stream() { CHECK(cuStreamCreate(&stream, 1)); }
  Stream(const Stream &) = delete;
  ~Stream() { CHECK(cuStreamDestroy_v2(stream)); }
  void *get() const { return stream; }
  void wait() const { CHECK(cuStreamSynchronize(stream)); }

private:
  void *stream = nullptr;
};

/// Milliseconds of the device for what `body` puts into the stream.
template <typename Body> float timeOnDevice(const Stream &stream, Body body) {
  static void *events[2] = {};
  for (void *&event : events)
    if (!event)
      CHECK(cuEventCreate(&event, 0));
  CHECK(cuEventRecord(events[0], stream.get()));
  body();
  CHECK(cuEventRecord(events[1], stream.get()));
  CHECK(cuEventSynchronize(events[1]));
  float milliseconds = 0;
  CHECK(cuEventElapsedTime(&milliseconds, events[0], events[1]));
  return milliseconds;
}

} // namespace recur::test
#endif // RECUR_TEST_GPU_RUN_CUDA_DEVICE_H
