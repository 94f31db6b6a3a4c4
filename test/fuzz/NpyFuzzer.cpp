//===-- NpyFuzzer.cpp - arbitrary bytes as a .npy file --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The libFuzzer entry: whatever the bytes, reading gives a tensor or an error
/// that names the file, and a tensor can be walked to its end.
#include "compiler/Driver/Npy.h"

#include <cstdlib>

using namespace recur;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  std::optional<Tensor> tensor =
      parseNpy({reinterpret_cast<const char *>(data), size}, "f.npy", error);
  if (tensor.has_value() != error.empty())
    std::abort();
  if (!tensor) {
    if (error.compare(0, 7, "f.npy: ") != 0)
      std::abort();
    return 0;
  }
  volatile double sum = 0;
  tensor->forEach(
      [&](int64_t offset) { sum = sum + tensor->load(offset).real(); });
  return 0;
}
