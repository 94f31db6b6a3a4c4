//===-- GpuCode.cpp - kernels loaded into contexts ------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A hash table that only grows: readers follow its lists without a lock,
/// writers hold one. Code is known by its content and not by its address, since
/// a program may unload an artifact and load another in its place.
#include "runtime/lib/GpuCode.h"

#include "runtime/lib/Error.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>

using namespace recur::runtime;
using namespace recur::runtime::cuda;

namespace {

/// What code is: where, of what image.
struct CodeKey {
  unsigned long long context;
  uint64_t hash;
  int64_t size;

  bool operator==(const CodeKey &other) const {
    return context == other.context && hash == other.hash && size == other.size;
  }
};

struct ModuleNode {
  CodeKey key;
  Module module;
  ModuleNode *next;
};
struct KernelNode {
  CodeKey key;
  LoadedKernel kernel;
  KernelNode *next;
  char symbol[]; ///< its own copy, with a NUL
};

constexpr size_t bucketCount = 256;
constinit std::atomic<KernelNode *> buckets[bucketCount];
constinit ModuleNode *modules = nullptr; // under the mutex
pthread_mutex_t loadMutex = PTHREAD_MUTEX_INITIALIZER;

size_t bucketOf(const CodeKey &key, const char *symbol) {
  uint64_t mixed = key.context ^ key.hash;
  for (const char *c = symbol; *c; ++c)
    mixed = (mixed ^ static_cast<unsigned char>(*c)) * 0x100000001b3;
  return (mixed ^ mixed >> 32) % bucketCount;
}

const KernelNode *findKernel(const CodeKey &key, const char *symbol) {
  const KernelNode *node =
      buckets[bucketOf(key, symbol)].load(std::memory_order_acquire);
  while (node && !(node->key == key && std::strcmp(node->symbol, symbol) == 0))
    node = node->next;
  return node;
}

/// One load, while the mutex is held.
class Loader {
public:
  Loader(const Driver &driver, const GpuDevice &device, const char *recurrence)
      : driver(driver), device(device), recurrence(recurrence) {
    pthread_mutex_lock(&loadMutex);
    // Loading may allocate, which a thread that captures a stream must say it
    // means.
    mode = CaptureRelaxed;
    exchanged = driver.threadExchangeStreamCaptureMode(&mode) == 0;
  }
  Loader(const Loader &) = delete;
  ~Loader() {
    if (exchanged)
      driver.threadExchangeStreamCaptureMode(&mode);
    pthread_mutex_unlock(&loadMutex);
  }

  int load(const CodeKey &key, const recur_gpu_variant &variant,
           const recur_gpu_kernel &kernel, const KernelNode *&node);

private:
  int findModule(const CodeKey &key, const recur_gpu_variant &variant,
                 Module &module);
  int loadImages(const recur_gpu_variant &variant, Module &module);
  int prepare(Module module, const recur_gpu_kernel &kernel,
              LoadedKernel &loaded);
  int failMemory() {
    return fail(RECUR_OUT_OF_MEMORY,
                "recurrence '%s': could not allocate memory to note what is "
                "loaded",
                recurrence);
  }

  const Driver &driver;
  const GpuDevice &device;
  const char *recurrence;
  int mode;
  bool exchanged;
};

/// Newer drivers or other parts of the same major number may refuse a cubin and
/// still compile the PTX.
int Loader::loadImages(const recur_gpu_variant &variant, Module &module) {
  int status = RECUR_UNSUPPORTED;
  for (int32_t k = 0; k < variant.n_images; ++k) {
    const recur_gpu_image &image = variant.images[k];
    if (!runsOn(image, device.machine.capability))
      continue;
    char log[400] = "";
    int options[] = {JitErrorLog, JitErrorLogBytes};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    Result result =
        driver.moduleLoadDataEx(&module, image.bytes, 2, options, values);
    if (result == 0)
      return RECUR_OK;
    log[sizeof log - 1] = '\0';
    status = failDriver(
        driver, result, "cuModuleLoadDataEx",
        "recurrence '%s': cannot load its %s for %s on CUDA device %d (%s)%s%s",
        recurrence, image.format == RECUR_GPU_PTX ? "PTX" : "cubin",
        image.target, device.ordinal, device.name, *log ? ": " : "", log);
  }
  return status;
}

int Loader::findModule(const CodeKey &key, const recur_gpu_variant &variant,
                       Module &module) {
  for (ModuleNode *node = modules; node; node = node->next)
    if (node->key == key) {
      module = node->module;
      return RECUR_OK;
    }
  auto *node = static_cast<ModuleNode *>(std::malloc(sizeof(ModuleNode)));
  if (!node)
    return failMemory();
  if (int status = loadImages(variant, module)) {
    std::free(node);
    return status;
  }
  *node = {key, module, modules};
  modules = node;
  return RECUR_OK;
}

int Loader::prepare(Module module, const recur_gpu_kernel &kernel,
                    LoadedKernel &loaded) {
  auto failCall = [&](Result result, const char *call) {
    return failDriver(driver, result, call,
                      "recurrence '%s': kernel '%s' on CUDA device %d",
                      recurrence, kernel.symbol, device.ordinal);
  };
  loaded = {};
  if (Result result =
          driver.moduleGetFunction(&loaded.function, module, kernel.symbol))
    return failCall(result, "cuModuleGetFunction");
  // What grows with the inner dims may be all that there is.
  int64_t shared = kernel.shared_per_point > 0
                       ? device.machine.sharedBytesPerBlock
                       : kernel.shared_bytes;
  // (beside what the kernel has anyway it may be more than blocks get unasked)
  if (shared > 0)
    if (Result result = driver.funcSetAttribute(
            loaded.function, MaxDynamicShared, static_cast<int>(shared)))
      return failCall(result, "cuFuncSetAttribute");
  // Code that the driver would load at the first launch is loaded now.
  if (driver.funcLoad)
    if (Result result = driver.funcLoad(loaded.function))
      return failCall(result, "cuFuncLoad");
  if (!kernel.persistent)
    return RECUR_OK;
  if (Result result = driver.occupancy(
          &loaded.residentBlocks, loaded.function, kernel.block,
          static_cast<size_t>(kernel.shared_bytes)))
    return failCall(result, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  if (loaded.residentBlocks < 1)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': kernel '%s': no block of %d threads fits on "
                "CUDA device %d (%s)",
                recurrence, kernel.symbol, kernel.block, device.ordinal,
                device.name);
  return RECUR_OK;
}

int Loader::load(const CodeKey &key, const recur_gpu_variant &variant,
                 const recur_gpu_kernel &kernel, const KernelNode *&node) {
  node = findKernel(key, kernel.symbol);
  if (node) // another thread was first
    return RECUR_OK;
  Module module;
  if (int status = findModule(key, variant, module))
    return status;
  LoadedKernel loaded;
  if (int status = prepare(module, kernel, loaded))
    return status;
  size_t length = std::strlen(kernel.symbol) + 1;
  auto *made =
      static_cast<KernelNode *>(std::malloc(sizeof(KernelNode) + length));
  if (!made)
    return failMemory();
  std::atomic<KernelNode *> &bucket = buckets[bucketOf(key, kernel.symbol)];
  made->key = key;
  made->kernel = loaded;
  made->next = bucket.load(std::memory_order_relaxed);
  std::memcpy(made->symbol, kernel.symbol, length);
  bucket.store(made, std::memory_order_release);
  node = made;
  return RECUR_OK;
}

} // namespace

int recur::runtime::loadKernel(const Driver &driver, const GpuDevice &device,
                               unsigned long long context,
                               const char *recurrence,
                               const recur_gpu_variant &variant,
                               const recur_gpu_kernel &kernel,
                               LoadedKernel &loaded) {
  // The images of a variant are one code; its first stands for all.
  const recur_gpu_image &image = variant.images[0];
  CodeKey key = {context, image.hash, image.size};
  const KernelNode *node = findKernel(key, kernel.symbol);
  if (!node)
    if (int status =
            Loader(driver, device, recurrence).load(key, variant, kernel, node))
      return status;
  loaded = node->kernel;
  return RECUR_OK;
}
