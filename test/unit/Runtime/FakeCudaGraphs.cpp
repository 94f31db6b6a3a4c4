//===-- FakeCudaGraphs.cpp - graphs of the driver for tests ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Graphs of memsets and kernels, one after the other. A launch of one makes
/// the calls that its nodes stand for.
#include "runtime/lib/CudaDriver.h"
#include "test/unit/Runtime/FakeCuda.h"

#include <map>
#include <memory>

using namespace recur::runtime::cuda;
using namespace recur::test;

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cuMemsetD32Async(uint64_t, unsigned, size_t, void *);
EXPORT int cuLaunchKernel(Function, unsigned, unsigned, unsigned, unsigned,
                          unsigned, unsigned, unsigned, void *, void **,
                          void **);

namespace {

constexpr int invalidValue = 1;

struct Node {
  bool isKernel;
  GraphMemset memset;
  GraphKernel kernel;
  std::vector<uint64_t> words;
};
using Nodes = std::vector<std::unique_ptr<Node>>;
/// The nodes of the graph that it was made of, as they are now.
using Runnable = std::vector<std::pair<const Node *, Node>>;

Node describe(const GraphKernel &kernel) {
  auto *words = static_cast<const uint64_t *>(kernel.extra[1]);
  size_t count = *static_cast<const size_t *>(kernel.extra[3]) / sizeof *words;
  return {true, {}, kernel, std::vector<uint64_t>(words, words + count)};
}

/// Every node comes after the one before it.
int add(Node **node, Nodes *graph, Node *const *after, size_t count,
        Node made) {
  if (count != (graph->empty() ? 0u : 1u) ||
      (count && *after != graph->back().get()))
    return invalidValue;
  graph->push_back(std::make_unique<Node>(std::move(made)));
  *node = graph->back().get();
  return 0;
}

int change(Runnable *runnable, const Node *node, Node to) {
  for (auto &[of, now] : *runnable)
    if (of == node && now.isKernel == to.isKernel) {
      now = std::move(to);
      return 0;
    }
  return invalidValue;
}

} // namespace

#define FAKE(name)                                                             \
  if (int result = fake::record(name))                                         \
  return result

EXPORT int cuStreamIsCapturing(void *, int *status) {
  FAKE("cuStreamIsCapturing");
  *status = fake::isCapturing();
  return 0;
}
EXPORT int cuGraphCreate(Nodes **graph, unsigned) {
  FAKE("cuGraphCreate");
  *graph = new Nodes;
  return 0;
}
EXPORT int cuGraphDestroy(Nodes *graph) {
  FAKE("cuGraphDestroy");
  delete graph;
  return 0;
}
EXPORT int cuGraphAddMemsetNode(Node **node, Nodes *graph, Node *const *after,
                                size_t count, const GraphMemset *memset,
                                void *) {
  FAKE("cuGraphAddMemsetNode");
  return add(node, graph, after, count, {false, *memset, {}, {}});
}
EXPORT int cuGraphAddKernelNode_v2(Node **node, Nodes *graph,
                                   Node *const *after, size_t count,
                                   const GraphKernel *kernel) {
  FAKE("cuGraphAddKernelNode_v2");
  return add(node, graph, after, count, describe(*kernel));
}
EXPORT int cuGraphInstantiateWithFlags(Runnable **runnable, Nodes *graph,
                                       unsigned long long) {
  FAKE("cuGraphInstantiateWithFlags");
  *runnable = new Runnable;
  for (const auto &node : *graph)
    (*runnable)->emplace_back(node.get(), *node);
  return 0;
}
EXPORT int cuGraphExecMemsetNodeSetParams(Runnable *runnable, Node *node,
                                          const GraphMemset *memset, void *) {
  FAKE("cuGraphExecMemsetNodeSetParams");
  return change(runnable, node, {false, *memset, {}, {}});
}
EXPORT int cuGraphExecKernelNodeSetParams_v2(Runnable *runnable, Node *node,
                                             const GraphKernel *kernel) {
  FAKE("cuGraphExecKernelNodeSetParams_v2");
  return change(runnable, node, describe(*kernel));
}
EXPORT int cuGraphExecDestroy(Runnable *runnable) {
  FAKE("cuGraphExecDestroy");
  delete runnable;
  return 0;
}
EXPORT int cuGraphLaunch(Runnable *runnable, void *stream) {
  FAKE("cuGraphLaunch");
  for (auto &[of, node] : *runnable) {
    size_t size = node.words.size() * sizeof(uint64_t);
    void *extra[] = {reinterpret_cast<void *>(1), node.words.data(),
                     reinterpret_cast<void *>(2), &size, nullptr};
    const GraphKernel &k = node.kernel;
    int result =
        node.isKernel
            ? cuLaunchKernel(k.function, k.grid[0], k.grid[1], k.grid[2],
                             k.block[0], k.block[1], k.block[2], k.sharedBytes,
                             stream, nullptr, extra)
            : cuMemsetD32Async(node.memset.address, node.memset.value,
                               node.memset.width * node.memset.height, stream);
    if (result)
      return result;
  }
  return 0;
}
