//===-- Machine.cpp - what this machine can run ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads cpuid once to place the machine on the x86-64 levels of the psABI.
#include "runtime/lib/Machine.h"

#include <recur/runtime.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace {

#if defined(__x86_64__)
/// Register state the operating system saves (XCR0).
uint64_t enabledState() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

int32_t detectLevel() {
  constexpr uint32_t fma = 1u << 12, movbe = 1u << 22, osxsave = 1u << 27,
                     avx = 1u << 28, f16c = 1u << 29; // leaf 1, ecx
  constexpr uint32_t bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8,
                     avx512f = 1u << 16, avx512dq = 1u << 17,
                     avx512cd = 1u << 28, avx512bw = 1u << 30,
                     avx512vl = 1u << 31; // leaf 7, ebx
  constexpr uint32_t lzcnt = 1u << 5;     // leaf 0x80000001, ecx
  constexpr uint64_t ymmState = 0x6, zmmState = 0xe6;

  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return RECUR_CPU_BASELINE;
  constexpr uint32_t needed1 = fma | movbe | osxsave | avx | f16c;
  if ((c & needed1) != needed1)
    return RECUR_CPU_BASELINE;
  uint64_t state = enabledState();
  if ((state & ymmState) != ymmState)
    return RECUR_CPU_BASELINE;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & lzcnt))
    return RECUR_CPU_BASELINE;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
    return RECUR_CPU_BASELINE;
  constexpr uint32_t needed3 = bmi1 | avx2 | bmi2;
  if ((b & needed3) != needed3)
    return RECUR_CPU_BASELINE;
  constexpr uint32_t needed4 =
      avx512f | avx512dq | avx512cd | avx512bw | avx512vl;
  if ((b & needed4) != needed4 || (state & zmmState) != zmmState)
    return RECUR_CPU_AVX2;
  return RECUR_CPU_AVX512;
}
#else
int32_t detectLevel() { return RECUR_CPU_BASELINE; }
#endif

int32_t levelCap() {
  const char *name = std::getenv("RECUR_CPU_LEVEL");
  if (name && !std::strcmp(name, "baseline"))
    return RECUR_CPU_BASELINE;
  if (name && !std::strcmp(name, "avx2"))
    return RECUR_CPU_AVX2;
  return RECUR_CPU_AVX512;
}

constexpr int32_t unknownLevel = -1;
std::atomic<int32_t> knownLevel{unknownLevel};

} // namespace

int32_t recur::runtime::cpuLevel() {
  int32_t level = knownLevel.load(std::memory_order_relaxed);
  if (level == unknownLevel) {
    int32_t cap = levelCap();
    level = detectLevel();
    if (level > cap)
      level = cap;
    knownLevel.store(level, std::memory_order_relaxed);
  }
  return level;
}

int32_t recur::runtime::usableCores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int32_t count = CPU_COUNT(&set);
    if (count > 0)
      return count;
  }
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<int32_t>(count) : 1;
}
