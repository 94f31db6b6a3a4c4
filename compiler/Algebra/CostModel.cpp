//===-- CostModel.cpp - bytes, operations, time ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Roofline times and the machines they are for.
//===----------------------------------------------------------------------===//

#include "compiler/Algebra/CostModel.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

using namespace recur::algebra;

Roofline recur::algebra::estimate(const Work &work, const Machine &machine) {
  Roofline result{work.bytes() / machine.bandwidth, Bound::Bandwidth};
  auto consider = [&](double seconds, Bound bound) {
    if (seconds > result.seconds)
      result = {seconds, bound};
  };
  consider(work.arithmetic / machine.arithmetic, Bound::Arithmetic);
  consider(work.special / machine.special, Bound::Special);
  return result;
}

std::string_view recur::algebra::describe(Bound bound) {
  switch (bound) {
  case Bound::Bandwidth:
    return "memory bandwidth";
  case Bound::Arithmetic:
    return "arithmetic";
  case Bound::Special:
    return "special functions";
  }
  return "";
}

/// Bytes a second of a copy by all threads, reads and writes counted: the
/// best of three over arrays that no cache of a common size holds.
static double measureBandwidth(unsigned threads) {
  constexpr size_t total = size_t(48) << 20;
  std::vector<char> from(total, 1), to(total, 2);
  double best = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; ++i)
      workers.emplace_back([&, i] {
        size_t first = total / threads * i;
        size_t last = i + 1 == threads ? total : total / threads * (i + 1);
        std::memcpy(to.data() + first, from.data() + first, last - first);
      });
    for (std::thread &worker : workers)
      worker.join();
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - begin;
    best = std::max(best, 2.0 * total / elapsed.count());
  }
  return best;
}

/// Clock in Hz as the kernel reports it, or 2.5 GHz.
static double readClock() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line))
    if (line.rfind("cpu MHz", 0) == 0)
      if (size_t colon = line.find(':'); colon != std::string::npos)
        if (double mhz = std::strtod(line.c_str() + colon + 1, nullptr);
            mhz > 0)
          return mhz * 1e6;
  return 2.5e9;
}

Machine recur::algebra::getHost(unsigned vectorBits) {
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  static const double bandwidth = measureBandwidth(threads);
  static const double clock = readClock();
  double lanes = vectorBits / 32.0;
  // Two fused multiply-adds a clock; an exp or log by polynomial takes about
  // 16 vector operations, so one special function a lane every 8 clocks.
  return {"this machine", bandwidth, threads * clock * lanes * 4,
          threads * clock * lanes / 8, int(threads)};
}

/// Special functions: 16 a clock and multiprocessor (CUDA C++ programming
/// guide, table of arithmetic throughput).
static Machine makeGpu(const char *name, double bandwidth, double arithmetic,
                       int multiprocessors, double clock) {
  return {name, bandwidth, arithmetic, 16.0 * multiprocessors * clock,
          multiprocessors};
}

std::optional<Machine> recur::algebra::getGpu(unsigned capability) {
  switch (capability) {
  case 80: // NVIDIA A100 80GB SXM datasheet, 2021
    return makeGpu("A100", 2.039e12, 19.5e12, 108, 1.41e9);
  case 90: // NVIDIA H100 SXM datasheet, 2023
    return makeGpu("H100", 3.35e12, 67e12, 132, 1.98e9);
  case 100: // NVIDIA Blackwell architecture brief, 2024 (HGX B200 over 8)
    return makeGpu("B200", 7.7e12, 75e12, 148, 1.965e9);
  default:
    return std::nullopt;
  }
}

Machine recur::algebra::getH200() {
  // NVIDIA H200 SXM datasheet, 2023.
  return makeGpu("H200", 4.8e12, 67e12, 132, 1.98e9);
}
