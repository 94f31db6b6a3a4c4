//===-- CudaDriver.cpp - the GPU driver, opened at run time ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Opens the library, finds its functions and initialises it.
#include "runtime/lib/CudaDriver.h"

#include "runtime/lib/Error.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>

using namespace recur::runtime;
using namespace recur::runtime::cuda;

namespace {

Driver table;
/// Why there is no driver; empty when there is one.
char problem[512];
pthread_once_t once = PTHREAD_ONCE_INIT;

/// The driver's words for `result`, for example "CUDA_ERROR_NO_DEVICE (100): no
/// CUDA-capable device is detected".
void describe(const Driver &driver, Result result, char *text, size_t size) {
  const char *name = nullptr, *words = nullptr;
  if (driver.getErrorName(result, &name) != 0 || !name)
    name = "unknown error";
  if (driver.getErrorString(result, &words) != 0 || !words)
    words = "the driver has no text for it";
  std::snprintf(text, size, "%s (%d): %s", name, result, words);
}

template <typename Member>
bool find(void *library, const char *name, Member &m) {
  m = reinterpret_cast<Member>(dlsym(library, name));
  return m != nullptr;
}

void open() {
  const char *path = std::getenv("RECUR_CUDA_LIBRARY");
  if (!path || !*path)
    path = "libcuda.so.1";
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    std::snprintf(problem, sizeof problem,
                  "cannot open the CUDA driver '%s': %s", path,
                  why ? why : "no reason given");
    return;
  }
#define RECUR_CUDA_FIND(name, symbol, ...)                                     \
  if (!find(library, #symbol, table.name)) {                                   \
    std::snprintf(problem, sizeof problem,                                     \
                  "the CUDA driver '%s' is too old: it has no %s", path,       \
                  #symbol);                                                    \
    return;                                                                    \
  }
  RECUR_CUDA_FUNCTIONS(RECUR_CUDA_FIND)
#undef RECUR_CUDA_FIND
#define RECUR_CUDA_FIND(name, symbol, ...) find(library, #symbol, table.name);
  RECUR_CUDA_OPTIONAL_FUNCTIONS(RECUR_CUDA_FIND)
#undef RECUR_CUDA_FIND
  if (Result result = table.init(0)) {
    char words[256];
    describe(table, result, words, sizeof words);
    std::snprintf(problem, sizeof problem,
                  "the CUDA driver cannot start: cuInit: %s", words);
  }
}

} // namespace

const Driver *cuda::openDriver(int &status) {
  pthread_once(&once, open);
  status = RECUR_OK;
  if (!problem[0])
    return &table;
  status = fail(RECUR_DEVICE_ERROR, "%s", problem);
  return nullptr;
}

int cuda::failDriver(const Driver &driver, Result result, const char *call,
                     const char *format, ...) {
  char words[256], where[512];
  describe(driver, result, words, sizeof words);
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(where, sizeof where, format, arguments);
  va_end(arguments);
  return fail(RECUR_DEVICE_ERROR, "%s: %s: %s", where, call, words);
}
