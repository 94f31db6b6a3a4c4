//===-- FakeCudaMemory.cpp - memory and streams of the fake driver --------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a program around the runtime calls: allocations that are memory of the
/// host, copies, streams and events. Kernels still do nothing. Linked only into
/// the driver for tests of programs, so that the runtime's own tests have a
/// driver without functions that allocate or wait.
#include "test/unit/Runtime/FakeCuda.h"

#include <cstdlib>
#include <cstring>

using namespace recur::test;

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cuCtxSetCurrent(void *context) {
  fake::setCurrent(context);
  return 0;
}
EXPORT int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (bytes == 0)
    return 1;
  void *memory = std::calloc(bytes, 1);
  *address = reinterpret_cast<uint64_t>(memory);
  fake::addRange(*address, bytes, 0);
  return memory ? fake::record("cuMemAlloc_v2") : 2;
}
EXPORT int cuMemFree_v2(uint64_t address) {
  std::free(reinterpret_cast<void *>(address));
  return fake::record("cuMemFree_v2");
}
EXPORT int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return fake::record("cuMemcpyHtoD_v2");
}
EXPORT int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return fake::record("cuMemcpyDtoH_v2");
}
EXPORT int cuStreamCreate(void **stream, unsigned) {
  *stream = std::malloc(1);
  return fake::record("cuStreamCreate");
}
EXPORT int cuStreamDestroy_v2(void *stream) {
  std::free(stream);
  return fake::record("cuStreamDestroy_v2");
}
EXPORT int cuStreamSynchronize(void *) {
  return fake::record("cuStreamSynchronize");
}
EXPORT int cuEventCreate(void **event, unsigned) {
  *event = std::malloc(1);
  return fake::record("cuEventCreate");
}
EXPORT int cuEventDestroy_v2(void *event) {
  std::free(event);
  return fake::record("cuEventDestroy_v2");
}
EXPORT int cuEventRecord(void *, void *) {
  return fake::record("cuEventRecord");
}
EXPORT int cuEventSynchronize(void *) {
  return fake::record("cuEventSynchronize");
}
EXPORT int cuEventElapsedTime(float *milliseconds, void *, void *) {
  *milliseconds = 0.25f;
  return fake::record("cuEventElapsedTime");
}
