//===-- FakeCudaMemory.cpp - memory and streams of the fake driver --------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a program around the runtime calls: allocations that are memory of the
/// host, copies, streams, events and graphs. A kernel is computed by the CPU's
/// kernels of its artifact, where the process has that artifact as global
/// symbols, else it does nothing: what is tested is all but the kernel. Linked
/// only into the driver for tests of programs, so that the runtime's own tests
/// have a driver without functions that allocate or wait.
#include "test/unit/Runtime/FakeCuda.h"

#include <recur/runtime.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

using namespace recur::test;

namespace {

using Graph = std::vector<std::function<void()>>;

struct Work {
  void *captured = nullptr; ///< stream that is captured
  bool capturing = false;
  Graph *graph = nullptr;

  /// Does it now, or when the graph is launched.
  void put(void *stream, std::function<void()> what) {
    if (capturing && stream == captured)
      graph->push_back(std::move(what));
    else
      what();
  }
};
Work &work() {
  static auto &made = *new Work;
  return made;
}

template <typename Function> Function *find(const std::string &name) {
  return reinterpret_cast<Function *>(dlsym(RTLD_DEFAULT, name.c_str()));
}

/// The arguments of a call, read back from the words of its kernels.
void compute(const fake::Launch &launch) {
  std::string name = launch.symbol.substr(0, launch.symbol.find("__gpu"));
  auto *getInfo = find<const recur_info *()>(name + "_info");
  auto *call = find<decltype(recur_call)>("recur_call");
  // The last kernel of a schedule stands for all.
  bool isLast =
      !launch.symbol.ends_with("_fold") && !launch.symbol.ends_with("_combine");
  if (!getInfo || !call || !isLast)
    return;
  const recur_info &info = *getInfo();
  const uint64_t *sizes = launch.words.data() + info.n_arguments + 2;
  const uint64_t *strides = sizes + info.n_space_dims;
  std::vector<DLTensor> tensors(info.n_arguments);
  std::vector<std::vector<int64_t>> shapes(info.n_arguments);
  std::vector<const DLTensor *> list;
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    const recur_argument &argument = info.arguments[a];
    for (int32_t k = 0; k < argument.rank; ++k) {
      int32_t dim = argument.dims[k];
      int64_t size =
          dim < info.n_space_dims ? int64_t(sizes[dim]) : info.dims[dim].size;
      shapes[a].push_back(size + (argument.role == RECUR_SEGMENTS));
    }
    tensors[a].data = reinterpret_cast<void *>(launch.words[a]);
    tensors[a].device = {kDLCPU, 0};
    tensors[a].ndim = argument.rank;
    tensors[a].dtype = argument.dtype;
    tensors[a].shape = shapes[a].data();
    tensors[a].strides =
        reinterpret_cast<int64_t *>(const_cast<uint64_t *>(strides));
    strides += argument.rank;
    list.push_back(&tensors[a]);
  }
  call(&info, list.data(), info.n_arguments, nullptr, 0, nullptr);
}

[[maybe_unused]] const bool effectsAreSet = [] {
  fake::setEffects(
      [](const fake::Launch &launch) {
        work().put(launch.stream, [launch] { compute(launch); });
      },
      [](const fake::Memset &memset) {
        work().put(memset.stream, [memset] {
          std::fill_n(reinterpret_cast<uint32_t *>(memset.address),
                      memset.bytes / 4, memset.value);
        });
      });
  return true;
}();

void *pointer(uint64_t address) { return reinterpret_cast<void *>(address); }

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cuDriverGetVersion(int *version) {
  *version = 12080;
  return 0;
}
EXPORT int cuCtxSetCurrent(void *context) {
  fake::setCurrent(context);
  return 0;
}
EXPORT int cuCtxSynchronize() { return fake::record("cuCtxSynchronize"); }
EXPORT int cuMemGetInfo_v2(size_t *free, size_t *total) {
  *free = *total = size_t(1) << 30;
  return 0;
}
EXPORT int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (bytes == 0)
    return 1;
  void *memory = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (!memory)
    return 2;
  std::memset(memory, 0, bytes);
  *address = reinterpret_cast<uint64_t>(memory);
  fake::addRange(*address, bytes, fake::currentDevice());
  return fake::record("cuMemAlloc_v2");
}
EXPORT int cuMemFree_v2(uint64_t address) {
  std::free(pointer(address));
  fake::removeRange(address);
  return fake::record("cuMemFree_v2");
}
EXPORT int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  std::memcpy(pointer(to), from, bytes);
  return fake::record("cuMemcpyHtoD_v2");
}
EXPORT int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                                void *stream) {
  work().put(stream, [=] { std::memmove(pointer(to), pointer(from), bytes); });
  return fake::record("cuMemcpyDtoDAsync_v2");
}
EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                           void *stream) {
  work().put(stream, [=] { std::memset(pointer(to), value, bytes); });
  return fake::record("cuMemsetD8Async");
}
EXPORT int cuMemsetD8_v2(uint64_t to, unsigned char value, size_t bytes) {
  std::memset(pointer(to), value, bytes);
  return fake::record("cuMemsetD8_v2");
}
EXPORT int cuMemsetD32_v2(uint64_t to, unsigned value, size_t count) {
  for (size_t k = 0; k < count; ++k)
    std::memcpy(pointer(to + 4 * k), &value, 4);
  return fake::record("cuMemsetD32_v2");
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
EXPORT int cuStreamBeginCapture_v2(void *stream, int) {
  work().captured = stream;
  work().capturing = true;
  work().graph = new Graph;
  fake::setCapturing(true);
  return fake::record("cuStreamBeginCapture_v2");
}
EXPORT int cuStreamEndCapture(void *, void **graph) {
  *graph = work().graph;
  work().capturing = false;
  fake::setCapturing(false);
  return fake::record("cuStreamEndCapture");
}
EXPORT int cuGraphInstantiateWithFlags(void **runnable, void *graph,
                                       unsigned long long) {
  *runnable = new Graph(*static_cast<Graph *>(graph));
  return fake::record("cuGraphInstantiateWithFlags");
}
EXPORT int cuGraphLaunch(void *runnable, void *) {
  for (const auto &what : *static_cast<Graph *>(runnable))
    what();
  return fake::record("cuGraphLaunch");
}
EXPORT int cuGraphExecDestroy(void *runnable) {
  delete static_cast<Graph *>(runnable);
  return fake::record("cuGraphExecDestroy");
}
EXPORT int cuGraphDestroy(void *graph) {
  delete static_cast<Graph *>(graph);
  return fake::record("cuGraphDestroy");
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
