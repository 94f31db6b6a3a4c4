//===-- Gpu.h - arrays on a GPU for recurc run ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Memory, copies, a stream and times on the first CUDA device: what a program
/// around the runtime brings, with the driver opened at run time.
#ifndef RECUR_COMPILER_DRIVER_GPU_H
#define RECUR_COMPILER_DRIVER_GPU_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace recur {

class Gpu {
public:
  /// Opens the driver and makes the context of device 0 current. Fails where
  /// there is no driver or no device.
  static llvm::Expected<std::unique_ptr<Gpu>> open();
  ~Gpu();
  Gpu(const Gpu &) = delete;

  const std::string &getName() const { return name; }
  /// 90 is 9.0.
  unsigned getCapability() const { return capability; }
  void *getStream() const { return stream; }

  /// Memory that lives as long as this object; never null.
  llvm::Expected<void *> allocate(size_t bytes);
  llvm::Error copyIn(void *device, const void *host, size_t bytes);
  /// Waits for the stream first.
  llvm::Error copyOut(void *host, const void *device, size_t bytes);
  llvm::Error wait();
  /// Milliseconds on the device between the start and the end of what `body`
  /// puts into the stream.
  llvm::Expected<double> time(llvm::function_ref<llvm::Error()> body);

  struct Driver;

private:
  Gpu() = default;
  llvm::Error start();
  llvm::Error check(int result, llvm::StringRef call) const;

  std::unique_ptr<Driver> driver;
  std::string name;
  unsigned capability = 0;
  void *context = nullptr, *stream = nullptr, *events[2] = {};
  std::vector<unsigned long long> memory;
};

} // namespace recur

#endif // RECUR_COMPILER_DRIVER_GPU_H
