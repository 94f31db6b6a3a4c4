//===-- CudaDriver.h - the GPU driver, opened at run time -------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The functions of libcuda.so.1 that calls need. The library is opened when
/// the first tensor on a GPU is met, so the same program starts on machines
/// without one. RECUR_CUDA_LIBRARY names another library, for tests.
///
/// Nothing here allocates device memory, creates a stream or waits for one:
/// such functions are not in the table.
#ifndef RECUR_RUNTIME_LIB_CUDADRIVER_H
#define RECUR_RUNTIME_LIB_CUDADRIVER_H

#include <cstddef>
#include <cstdint>

namespace recur::runtime::cuda {

using Result = int; ///< CUresult: 0 is success
using Device = int; ///< CUdevice, an ordinal
using Pointer = unsigned long long;
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Graph = struct GraphTag *;
using GraphExec = struct GraphExecTag *;
using GraphNode = struct GraphNodeTag *;

/// CUDA_MEMSET_NODE_PARAMS.
struct GraphMemset {
  Pointer address;
  size_t pitch;
  unsigned value, elementBytes;
  size_t width, height;
};
/// CUDA_KERNEL_NODE_PARAMS_v2.
struct GraphKernel {
  Function function;
  unsigned grid[3], block[3], sharedBytes;
  void **parameters, **extra;
  void *kernel;
  Context context;
};

/// Numbers of cuda.h that calls need.
enum DeviceAttribute : int {
  ClockKilohertz = 13,
  Multiprocessors = 16,
  MemoryClockKilohertz = 36,
  MemoryBusBits = 37,
  ThreadsPerMultiprocessor = 39,
  CapabilityMajor = 75,
  CapabilityMinor = 76,
  SharedPerMultiprocessor = 81,
  RegistersPerMultiprocessor = 82,
  SharedPerBlockOptIn = 97,
  BlocksPerMultiprocessor = 106
};
enum PointerAttribute : int {
  PointerContext = 1,
  PointerMemoryType = 2,
  PointerManaged = 8,
  PointerDevice = 9,
  PointerRangeStart = 11,
  PointerRangeSize = 12
};
enum FunctionAttribute : int { MaxDynamicShared = 8 };
enum JitOption : int { JitErrorLog = 5, JitErrorLogBytes = 6 };
enum CaptureMode : int { CaptureGlobal = 0, CaptureRelaxed = 2 };

/// X(function without cu, symbol, parameters ...)
#define RECUR_CUDA_FUNCTIONS(X)                                                \
  X(getErrorName, cuGetErrorName, Result, const char **)                       \
  X(getErrorString, cuGetErrorString, Result, const char **)                   \
  X(init, cuInit, unsigned)                                                    \
  X(deviceGetCount, cuDeviceGetCount, int *)                                   \
  X(deviceGetAttribute, cuDeviceGetAttribute, int *, int, Device)              \
  X(deviceGetName, cuDeviceGetName, char *, int, Device)                       \
  X(devicePrimaryCtxGetState, cuDevicePrimaryCtxGetState, Device, unsigned *,  \
    int *)                                                                     \
  X(devicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, Context *, Device)       \
  X(devicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, Device)             \
  X(ctxGetCurrent, cuCtxGetCurrent, Context *)                                 \
  X(ctxPushCurrent, cuCtxPushCurrent_v2, Context)                              \
  X(ctxPopCurrent, cuCtxPopCurrent_v2, Context *)                              \
  X(ctxGetDevice, cuCtxGetDevice, Device *)                                    \
  X(pointerGetAttributes, cuPointerGetAttributes, unsigned, int *, void **,    \
    Pointer)                                                                   \
  X(threadExchangeStreamCaptureMode, cuThreadExchangeStreamCaptureMode, int *) \
  X(moduleLoadDataEx, cuModuleLoadDataEx, Module *, const void *, unsigned,    \
    int *, void **)                                                            \
  X(moduleUnload, cuModuleUnload, Module)                                      \
  X(moduleGetFunction, cuModuleGetFunction, Function *, Module, const char *)  \
  X(funcSetAttribute, cuFuncSetAttribute, Function, int, int)                  \
  X(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor, int *, Function,   \
    int, size_t)                                                               \
  X(memsetD32Async, cuMemsetD32Async, Pointer, unsigned, size_t, Stream)       \
  X(launchKernel, cuLaunchKernel, Function, unsigned, unsigned, unsigned,      \
    unsigned, unsigned, unsigned, unsigned, Stream, void **, void **)

/// Functions that older drivers lack; null there.
#define RECUR_CUDA_OPTIONAL_FUNCTIONS(X)                                       \
  X(memcpyDtoH, cuMemcpyDtoH_v2, void *, Pointer, size_t)                      \
  X(ctxGetId, cuCtxGetId, Context, unsigned long long *)                       \
  X(funcLoad, cuFuncLoad, Function)                                            \
  X(streamIsCapturing, cuStreamIsCapturing, Stream, int *)                     \
  X(graphCreate, cuGraphCreate, Graph *, unsigned)                             \
  X(graphDestroy, cuGraphDestroy, Graph)                                       \
  X(graphAddMemsetNode, cuGraphAddMemsetNode, GraphNode *, Graph,              \
    const GraphNode *, size_t, const GraphMemset *, Context)                    \
  X(graphAddKernelNode, cuGraphAddKernelNode_v2, GraphNode *, Graph,           \
    const GraphNode *, size_t, const GraphKernel *)                             \
  X(graphInstantiate, cuGraphInstantiateWithFlags, GraphExec *, Graph,         \
    unsigned long long)                                                        \
  X(graphExecMemsetNodeSetParams, cuGraphExecMemsetNodeSetParams, GraphExec,   \
    GraphNode, const GraphMemset *, Context)                                    \
  X(graphExecKernelNodeSetParams, cuGraphExecKernelNodeSetParams_v2,           \
    GraphExec, GraphNode, const GraphKernel *)                                  \
  X(graphExecDestroy, cuGraphExecDestroy, GraphExec)                           \
  X(graphLaunch, cuGraphLaunch, GraphExec, Stream)

struct Driver {
#define RECUR_CUDA_MEMBER(name, symbol, ...) Result (*name)(__VA_ARGS__);
  RECUR_CUDA_FUNCTIONS(RECUR_CUDA_MEMBER)
  RECUR_CUDA_OPTIONAL_FUNCTIONS(RECUR_CUDA_MEMBER)
#undef RECUR_CUDA_MEMBER

  bool hasGraphs() const {
    return streamIsCapturing && graphCreate && graphDestroy &&
           graphAddMemsetNode && graphAddKernelNode && graphInstantiate &&
           graphExecMemsetNodeSetParams && graphExecKernelNodeSetParams &&
           graphExecDestroy && graphLaunch;
  }
};

/// The driver, initialised; null after `fail` when there is none, with the
/// status in `status`. The first call opens it, once for the process.
const Driver *openDriver(int &status);

/// Reports that `call` returned `result`, with the driver's name and text of
/// it, and what else is known. Returns RECUR_DEVICE_ERROR.
[[gnu::format(printf, 4, 5)]] int failDriver(const Driver &driver,
                                             Result result, const char *call,
                                             const char *format, ...);

} // namespace recur::runtime::cuda
#endif // RECUR_RUNTIME_LIB_CUDADRIVER_H
