//===-- GpuGraph.cpp - a call as a graph of the driver --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// One node zeroes, and one for each kernel follows.
#include "runtime/lib/GpuGraph.h"

using namespace recur::runtime;
using namespace recur::runtime::cuda;

namespace {

GraphMemset describeZeroing(const GpuLaunch &launch, uint64_t zeroed) {
  GraphMemset node = {};
  node.address = zeroed;
  node.elementBytes = 4;
  node.width = static_cast<size_t>(launch.zeroedBytes) / 4;
  node.height = 1;
  return node;
}

/// A kernel's node, with the parameters in one buffer.
struct KernelParameters {
  KernelParameters(const GpuLaunch::Kernel &kernel, uint64_t *words,
                   int32_t count)
      : size(static_cast<size_t>(count) * sizeof *words),
        packed{reinterpret_cast<void *>(1), words, reinterpret_cast<void *>(2),
               &size, nullptr} {
    node.function = kernel.function;
    node.grid[0] = kernel.blocks;
    node.block[0] = kernel.threads;
    node.grid[1] = node.grid[2] = node.block[1] = node.block[2] = 1;
    node.sharedBytes = kernel.sharedBytes;
    node.extra = packed;
  }
  KernelParameters(const KernelParameters &) = delete;

  GraphKernel node = {};

private:
  size_t size;
  void *packed[5];
};

bool isCaptured(const Driver &driver, Stream stream) {
  int status = 0;
  return driver.streamIsCapturing(stream, &status) != 0 || status != 0;
}

} // namespace

void GpuGraph::make(const Driver &driver, const GpuLaunch &launch,
                    uint64_t zeroed, uint64_t *words, int32_t wordCount,
                    Stream forStream) {
  *this = {};
  if (launch.zeroedBytes <= 0 || launch.count > maxKernels ||
      !driver.hasGraphs() || isCaptured(driver, forStream))
    return;
  Context context = nullptr;
  if (driver.ctxGetCurrent(&context) || driver.graphCreate(&graph, 0))
    return;
  GraphMemset memset = describeZeroing(launch, zeroed);
  bool made = driver.graphAddMemsetNode(&zeroing, graph, nullptr, 0, &memset,
                                        context) == 0;
  const GraphNode *last = &zeroing;
  for (int32_t k = 0; made && k < launch.count; last = &kernels[k++]) {
    KernelParameters parameters(launch.kernels[k], words, wordCount);
    made = driver.graphAddKernelNode(&kernels[k], graph, last, 1,
                                     &parameters.node) == 0;
  }
  if (!made || driver.graphInstantiate(&executable, graph, 0)) {
    executable = nullptr;
    release(driver);
    return;
  }
  stream = forStream;
}

bool GpuGraph::run(const Driver &driver, const GpuLaunch &launch,
                   uint64_t zeroed, uint64_t *words, int32_t wordCount,
                   Stream onStream) {
  if (!executable || onStream != stream || isCaptured(driver, onStream))
    return false;
  bool updated = true;
  if (isStale) {
    Context context = nullptr;
    GraphMemset memset = describeZeroing(launch, zeroed);
    updated = driver.ctxGetCurrent(&context) == 0 &&
              driver.graphExecMemsetNodeSetParams(executable, zeroing, &memset,
                                                  context) == 0;
    for (int32_t k = 0; updated && k < launch.count; ++k) {
      KernelParameters parameters(launch.kernels[k], words, wordCount);
      updated = driver.graphExecKernelNodeSetParams(executable, kernels[k],
                                                    &parameters.node) == 0;
    }
    isStale = false;
  }
  if (updated && driver.graphLaunch(executable, onStream) == 0)
    return true;
  release(driver);
  return false;
}

void GpuGraph::release(const Driver &driver) {
  if (executable)
    driver.graphExecDestroy(executable);
  if (graph)
    driver.graphDestroy(graph);
  *this = {};
}
