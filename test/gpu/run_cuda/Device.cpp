//===-- test/gpu/run_cuda/Device.cpp - a real GPU for tests ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Opens the driver and its functions.
#include "test/gpu/run_cuda/Device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <type_traits>

using namespace recur::test;

#define DEFINE(name, ...) int (*recur::test::name)(__VA_ARGS__) = nullptr;
RECUR_TEST_DRIVER(DEFINE)

void recur::test::check(int code, const char *call) {
  if (!code)
    return;
  const char *text = nullptr;
  cuGetErrorString(code, &text);
  std::printf("error: %s failed with %d (%s)\n", call, code,
              text ? text : "no text");
  std::fflush(stdout);
  std::_Exit(1);
}

bool recur::test::openDriver() {
  const char *path = std::getenv("RECUR_CUDA_LIBRARY");
  void *library = dlopen(path && *path ? path : "libcuda.so.1", RTLD_NOW);
  if (!library) {
    std::printf("no GPU driver: %s\n", dlerror());
    return false;
  }
#define FIND(name, ...)                                                        \
  recur::test::name =                                                          \
      reinterpret_cast<decltype(recur::test::name)>(dlsym(library, #name));    \
  if (!recur::test::name) {                                                    \
    std::printf("the driver has no " #name "\n");                              \
    return false;                                                              \
  }
  RECUR_TEST_DRIVER(FIND)
  CHECK(cuInit(0));
  int version = 0;
  CHECK(cuDriverGetVersion(&version));
  char name[128];
  CHECK(cuDeviceGetName(name, sizeof name, 0));
  std::printf("device: %s, %d in all, driver of CUDA %d.%d\n", name,
              deviceCount(), version / 1000, version % 1000 / 10);
  return true;
}

int recur::test::deviceCount() {
  int count = 0;
  CHECK(cuDeviceGetCount(&count));
  return count;
}

void recur::test::useDevice(int device) {
  void *context = nullptr;
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
}

Memory::Memory(size_t bytes) : bytes(bytes) {
  CHECK(cuMemAlloc_v2(&address, std::max<size_t>(bytes, 1)));
}
Memory::Memory(Memory &&other) noexcept
    : address(other.address), bytes(other.bytes) {
  other.address = 0;
}
Memory::~Memory() {
  if (address)
    CHECK(cuMemFree_v2(address));
}
