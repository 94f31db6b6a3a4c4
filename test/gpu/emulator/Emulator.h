//===-- test/gpu/emulator/Emulator.h - GPU threads as fibres ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs a grid of GPU threads on the CPU: one fibre a thread, some blocks at
/// once, in an order that a seed decides. A thread is left only where threads
/// can notice each other: at barriers, warp collectives, fences, atomics,
/// volatile, acquire and release accesses. What a kernel may not rely on is
/// made wrong on purpose: shared memory starts as NaN, blocks start in any
/// order, asynchronous copies arrive at the wait and not before. What would
/// hang or be undefined on a GPU is an error that names block and thread.
///
/// Not modelled: weak memory (every store is seen at once).
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_EMULATOR_H
#define RECUR_TEST_GPU_EMULATOR_EMULATOR_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace recur::emulator {

/// A kernel in machine code whose GPU ops call the functions of Operations.h.
struct Kernel {
  std::string name;
  /// Takes the parameters as words of 8 bytes.
  void (*entry)(const uint64_t *words) = nullptr;
  /// Bytes and alignment of the variables in shared memory.
  size_t sharedBytes = 0, sharedAlignment = 16;
  /// Threads of a block that the kernel was compiled for; 0: any number.
  uint32_t maxThreads = 0;
  /// What the sites (places in the code where threads meet) are, by number.
  std::vector<std::string> sites;
};

/// Memory that a kernel may use, for messages.
struct Range {
  std::string name;
  const void *begin;
  size_t bytes;
};

struct Launch {
  std::array<uint32_t, 3> blocks{1, 1, 1}, threads{1, 1, 1};
  /// Shared memory beyond the kernel's own variables.
  size_t dynamicShared = 0;
  uint64_t seed = 1;
  /// Blocks on the device at once; 0: the seed decides.
  unsigned resident = 0;
  /// Failed attempts to go on, for each thread, before all are declared stuck.
  uint64_t patience = 2000;
  std::vector<Range> ranges;
};

/// Runs every thread to its end; says what went wrong, or nothing.
std::string run(const Kernel &kernel, const std::vector<uint64_t> &words,
                const Launch &launch);

/// The functions that kernels call, by name, for a linker.
std::vector<std::pair<const char *, void *>> getOperations();

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_EMULATOR_H
