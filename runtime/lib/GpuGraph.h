//===-- GpuGraph.h - a call as a graph of the driver ------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A call that zeroes its workspace's start and then launches asks the driver
/// at least twice. As a graph, which is made once and launched again and again,
/// it asks once: on an H200 1.2 us of the host's time instead of 6.2.
#ifndef RECUR_RUNTIME_LIB_GPUGRAPH_H
#define RECUR_RUNTIME_LIB_GPUGRAPH_H

#include "runtime/lib/GpuLaunch.h"

namespace recur::runtime {

/// Trivial, so that it can lie in memory that is all zeros: then it is empty.
struct GpuGraph {
  static constexpr int32_t maxKernels = 4;

  cuda::Graph graph;
  cuda::GraphExec executable;
  cuda::GraphNode zeroing, kernels[maxKernels];
  /// Launches of one graph wait for each other, so it serves one stream.
  cuda::Stream stream;
  bool isStale; ///< the parameters have changed since

  /// Makes it for a stream of the current context. Without it calls are made as
  /// ever: where the driver has no graphs or refuses, and where nothing is
  /// zeroed.
  void make(const cuda::Driver &driver, const GpuLaunch &launch,
            uint64_t zeroed, uint64_t *words, int32_t wordCount,
            cuda::Stream stream);

  /// Launches it. False, and nothing is launched: there is none for the stream,
  /// the stream is captured, or the driver refuses.
  bool run(const cuda::Driver &driver, const GpuLaunch &launch, uint64_t zeroed,
           uint64_t *words, int32_t wordCount, cuda::Stream stream);

  /// Gives it back; its context is current.
  void release(const cuda::Driver &driver);
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_GPUGRAPH_H
