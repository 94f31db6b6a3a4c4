//===-- test/gpu/emulator/Operations.h - what kernels call ------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The codes that lowered kernels hand to the emulator's functions.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_OPERATIONS_H
#define RECUR_TEST_GPU_EMULATOR_OPERATIONS_H

#include <cstdint>

namespace recur::emulator {

enum class Special : uint32_t {
  ThreadX,
  ThreadY,
  ThreadZ,
  ThreadsX,
  ThreadsY,
  ThreadsZ,
  BlockX,
  BlockY,
  BlockZ,
  BlocksX,
  BlocksY,
  BlocksZ,
  Lane,
  Warp,
  Warps,
  Processor,
  Processors
};

/// What the lanes of a warp do together.
enum class Collective : uint32_t {
  Sync,
  ShuffleUp,
  ShuffleDown,
  ShuffleXor,
  ShuffleIndex,
  All,
  Any,
  Uniform,
  Ballot,
  MatchAny,
  Add,
  MinSigned,
  MaxSigned,
  MinUnsigned,
  MaxUnsigned,
  And,
  Or,
  Xor,
  Elect
};

/// How the threads of a block are reduced at a barrier.
enum class BarrierKind : uint32_t { Plain, Count, And, Or };

/// Accesses at which other threads may run first.
enum class Access : uint32_t { Load, Store, Update, Fence, Pause };

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_OPERATIONS_H
