//===-- GpuRecurrence.h - a recurrence with GPU variants --------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The description of h = a * h + x as an artifact has it, with GPU variants
/// that tests shape, and tensors on devices of the fake driver.
#ifndef RECUR_TEST_UNIT_RUNTIME_GPURECURRENCE_H
#define RECUR_TEST_UNIT_RUNTIME_GPURECURRENCE_H

#include "test/unit/Runtime/FakeCuda.h"

#include <recur/runtime.h>

#include "gtest/gtest.h"

#include <deque>
#include <memory>

namespace recur::test {

/// a[b,t,d], x[b,t,d], h0[b,d] -> y[b,t,d], final h[b,d]; with segments also
/// cu[s+1] after h0, and then h0[s,d], h[s,d].
struct GpuRecurrence {
  enum Dim { B, T, D, S };

  explicit GpuRecurrence(bool segments = false);
  GpuRecurrence(const GpuRecurrence &) = delete;

  /// A kernel of one thread for each item, 64 to a block.
  static recur_gpu_kernel kernel(const char *symbol,
                                 int32_t phase = RECUR_GPU_SCAN);
  static recur_gpu_image image(const char *target, int32_t format,
                               int32_t capability, const char *text,
                               bool exact = false);
  /// Adds a variant; the arrays are kept. Without images it has PTX for sm_80.
  recur_gpu_variant &add(const char *name,
                         std::vector<recur_gpu_kernel> kernels,
                         std::vector<recur_gpu_image> images = {},
                         std::vector<recur_gpu_part> parts = {});
  /// The description; variants stay as they are from here on.
  const recur_info *get();

  recur_info info{};
  std::vector<recur_dim> dims;
  std::vector<recur_argument> arguments;

private:
  std::vector<recur_gpu_variant> variants;
  std::deque<std::vector<recur_gpu_kernel>> kernels;
  std::deque<std::vector<recur_gpu_image>> images;
  std::deque<std::vector<recur_gpu_part>> parts;
};

/// A tensor on a device; row-major unless strides are given.
struct GpuTensor {
  GpuTensor(int device, std::vector<int64_t> shape, DLDataType type,
            std::vector<int64_t> strides = {});
  GpuTensor(const GpuTensor &) = delete;

  uint64_t address() const { return reinterpret_cast<uint64_t>(tensor.data); }
  std::vector<int64_t> shape, strides;
  DLTensor tensor{};
};

/// The arguments of one call.
class GpuCallTest : public ::testing::Test {
protected:
  GpuCallTest() { fake::reset(); }
  /// Nothing is left pushed or held, and no call was made that a stream's
  /// capture forbids (the driver has none of those).
  ~GpuCallTest() override { EXPECT_EQ(fake::heldContexts(), 0); }

  /// Makes the tensors a, x, h0 (, cu), y, h.
  void make(int device, int64_t b, int64_t t, int64_t d, int64_t segments = -1);
  GpuTensor &replace(unsigned number, int device, std::vector<int64_t> shape,
                     std::vector<int64_t> strides = {});
  std::vector<const DLTensor *> pointers() const;

  int call(GpuRecurrence &recurrence, void *workspace = nullptr,
           size_t bytes = 0, void *stream = nullptr);
  int call(GpuRecurrence &recurrence, uint64_t workspace, size_t bytes,
           void *stream = nullptr) {
    return call(recurrence, reinterpret_cast<void *>(workspace), bytes, stream);
  }
  size_t workspace(GpuRecurrence &recurrence);
  std::string select(GpuRecurrence &recurrence);

  std::vector<std::unique_ptr<GpuTensor>> tensors;
};

} // namespace recur::test
#endif // RECUR_TEST_UNIT_RUNTIME_GPURECURRENCE_H
