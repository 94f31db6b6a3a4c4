//===-- Machine.h - what this machine can run -------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The machine's instruction-set level and number of usable cores.
#ifndef RECUR_RUNTIME_LIB_MACHINE_H
#define RECUR_RUNTIME_LIB_MACHINE_H

#include <cstdint>

namespace recur::runtime {

/// Highest recur_cpu_level this machine runs; looked up once. The environment
/// variable RECUR_CPU_LEVEL (baseline, avx2, avx512) lowers it, never raises.
int32_t cpuLevel();

/// Cores this process may run on (its affinity mask), at least 1.
int32_t usableCores();

/// Tells the core that it is in a spinning loop.
inline void relaxCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// While it lives, what this thread computes in f32 and f64 is 0 where it would
/// be under the normal range, and not slow. Operands there stay as they are.
class FlushesTiny {
public:
#if defined(__x86_64__)
  FlushesTiny() : before(__builtin_ia32_stmxcsr()) {
    __builtin_ia32_ldmxcsr(before | flushToZero);
  }
  ~FlushesTiny() { __builtin_ia32_ldmxcsr(before); }

private:
  static constexpr uint32_t flushToZero = 1u << 15; // of MXCSR
  uint32_t before;
#else
  FlushesTiny() {}
  ~FlushesTiny() {}
#endif
  FlushesTiny(const FlushesTiny &) = delete;
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_MACHINE_H
