//===-- FakeCuda.h - a GPU driver for tests ---------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Control of the library that stands in for libcuda.so.1: it has devices,
/// contexts, allocations and modules, records every call, runs no kernel, and
/// fails where it is told to. Memory is only addresses: whoever reads it
/// crashes. The environment of a process that only opens it: FAKE_CUDA_INIT is
/// the result of cuInit, FAKE_CUDA_DEVICES=0 leaves it without devices,
/// FAKE_CUDA_FAIL=FUNCTION makes that one fail, FAKE_CUDA_LOG=FILE gets the
/// names of all calls.
#ifndef RECUR_TEST_UNIT_RUNTIME_FAKECUDA_H
#define RECUR_TEST_UNIT_RUNTIME_FAKECUDA_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace recur::test::fake {

struct Device {
  int capability = 90;
  std::string name = "Fake H100";
  int multiprocessors = 132;
  int sharedPerBlock = 227 << 10;
  int occupancy = 8; ///< blocks of any kernel on one multiprocessor
};

struct Launch {
  std::string symbol;
  std::string image; ///< the bytes that the module was loaded from
  unsigned grid, block, shared;
  void *stream;
  int device;
  std::vector<uint64_t> words;
};

struct Memset {
  uint64_t address;
  size_t bytes;
  unsigned value; ///< of every word of 32 bits
  void *stream;
};

/// Forgets everything but what modules, contexts and threads of the runtime
/// may still hold. Devices 0, 1 and 2 have the capabilities 9.0, 8.0 and 12.0;
/// the primary context of device 0 is active and current.
void reset();

std::vector<Device> &devices();
/// Makes a context of a device; returns it.
void *createContext(int device);
void *primaryContext(int device);
void setPrimaryActive(int device, bool active);
/// Of the calling thread.
void setCurrent(void *context);
void *current();
/// Contexts that calls have pushed or retained and not given back.
int heldContexts();

/// In the place of a device: memory that the driver moves.
constexpr int managed = -3;

/// Memory of a device (or managed, or, with device -1, pinned memory of the
/// host) that nothing backs.
uint64_t allocate(int device, size_t bytes, void *context = nullptr);

/// Makes memory that exists known as a device's.
void addRange(uint64_t begin, size_t bytes, int device);
void removeRange(uint64_t begin);

/// Notes a call of a function that other files define; returns what it shall.
int record(const char *function);
/// What launches and memsets do, beside being recorded.
void setEffects(std::function<void(const Launch &)> launch,
                std::function<void(const Memset &)> memset);
int currentDevice();

/// The next call of `function` after `skip` more returns `result`.
void fail(const std::string &function, int result, int skip = 0);
/// What the compiler of PTX says when a load fails.
void setJitLog(const std::string &text);
/// A stream is captured in the strictest mode: loading is illegal but for
/// threads that have said that they mean it.
void setCapturing(bool capturing);
bool isCapturing();

/// Names of the driver functions that were called, in order.
std::vector<std::string> calls();
void clearCalls();
std::vector<Launch> launches();
std::vector<Memset> memsets();
int loads();

} // namespace recur::test::fake
#endif // RECUR_TEST_UNIT_RUNTIME_FAKECUDA_H
