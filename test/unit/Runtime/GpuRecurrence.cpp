//===-- GpuRecurrence.cpp - a recurrence with GPU variants ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Descriptions and tensors, and the environment that leads to the fake driver.
#include "test/unit/Runtime/GpuRecurrence.h"

#include <cstdlib>
#include <cstring>

using namespace recur::test;

namespace {
constexpr int32_t batched[] = {GpuRecurrence::B, GpuRecurrence::T,
                               GpuRecurrence::D};
constexpr int32_t packed[] = {GpuRecurrence::T, GpuRecurrence::D};
constexpr int32_t batchedState[] = {GpuRecurrence::B, GpuRecurrence::D};
constexpr int32_t packedState[] = {GpuRecurrence::S, GpuRecurrence::D};
constexpr int32_t segmentDims[] = {GpuRecurrence::S};
constexpr DLDataType f32 = {kDLFloat, 32, 1}, i32 = {kDLInt, 32, 1};

/// Before main, so that the runtime opens this driver and no other.
[[maybe_unused]] const int chosen =
    setenv("RECUR_CUDA_LIBRARY", RECUR_FAKE_CUDA, /*overwrite=*/1);
} // namespace

GpuRecurrence::GpuRecurrence(bool segments) {
  dims = {{"b", RECUR_DYNAMIC}, {"t", RECUR_DYNAMIC}, {"d", RECUR_DYNAMIC}};
  if (segments) {
    dims[B].size = 1;
    dims.push_back({"s", RECUR_DYNAMIC});
  }
  const int32_t *sequence = segments ? packed : batched;
  const int32_t *state = segments ? packedState : batchedState;
  int32_t rank = segments ? 2 : 3;
  arguments = {{"a", RECUR_INPUT, f32, rank, sequence},
               {"x", RECUR_INPUT, f32, rank, sequence},
               {"h0", RECUR_INITIAL, f32, 2, state}};
  if (segments)
    arguments.push_back({"cu", RECUR_SEGMENTS, i32, 1, segmentDims});
  arguments.push_back({"y", RECUR_RESULT, f32, rank, sequence});
  arguments.push_back({"h", RECUR_FINAL, f32, 2, state});
  info.abi_version = RECUR_ABI_VERSION;
  info.name = "affine";
  info.source_hash = "0";
  info.targets = "sm_80";
  info.time_dim = T;
  info.segment_dim = segments ? S : -1;
}

recur_gpu_kernel GpuRecurrence::kernel(const char *symbol, int32_t phase) {
  recur_gpu_kernel kernel{};
  kernel.symbol = symbol;
  kernel.phase = phase;
  kernel.parallel_rank = 2;
  kernel.parallel_dims = batchedState;
  kernel.lane_dim = D;
  kernel.block = 64;
  kernel.lane_tile = 1;
  kernel.items_per_block = 64;
  kernel.registers = 32;
  kernel.step_cost = 30;
  return kernel;
}

recur_gpu_image GpuRecurrence::image(const char *target, int32_t format,
                                     int32_t capability, const char *text,
                                     bool exact) {
  uint64_t hash = std::hash<std::string>()(text);
  return {target, format, capability, exact, 0, text, int64_t(strlen(text)),
          hash};
}

recur_gpu_variant &GpuRecurrence::add(const char *name,
                                      std::vector<recur_gpu_kernel> list,
                                      std::vector<recur_gpu_image> code,
                                      std::vector<recur_gpu_part> memory) {
  if (code.empty())
    code = {image("sm_80", RECUR_GPU_PTX, 80, "ptx of sm_80")};
  kernels.push_back(std::move(list));
  images.push_back(std::move(code));
  parts.push_back(std::move(memory));
  recur_gpu_variant variant{};
  variant.name = name;
  variant.n_kernels = int32_t(kernels.back().size());
  variant.n_images = int32_t(images.back().size());
  variant.n_parts = int32_t(parts.back().size());
  variant.contiguous_dim = -1;
  variant.kernels = kernels.back().data();
  variant.images = images.back().data();
  variant.parts = parts.back().data();
  variant.size_multiple = 1;
  variants.reserve(16); // references stay good
  variants.push_back(variant);
  return variants.back();
}

const recur_info *GpuRecurrence::get() {
  info.n_dims = info.n_space_dims = int32_t(dims.size());
  info.n_arguments = int32_t(arguments.size());
  info.n_gpu_variants = int32_t(variants.size());
  info.dims = dims.data();
  info.arguments = arguments.data();
  info.gpu_variants = variants.data();
  return &info;
}

GpuTensor::GpuTensor(int device, std::vector<int64_t> sizes, DLDataType type,
                     std::vector<int64_t> steps)
    : shape(std::move(sizes)), strides(std::move(steps)) {
  if (strides.empty()) {
    strides.resize(shape.size());
    int64_t stride = 1;
    for (size_t k = shape.size(); k-- > 0; stride *= shape[k])
      strides[k] = stride;
  }
  int64_t elements = 1;
  for (size_t k = 0; k < shape.size(); ++k)
    elements += (shape[k] - 1) * strides[k];
  tensor.data = reinterpret_cast<void *>(
      fake::allocate(device, std::max<int64_t>(elements, 1) * type.bits / 8));
  tensor.device = {kDLCUDA, device};
  tensor.ndim = int32_t(shape.size());
  tensor.dtype = type;
  tensor.shape = shape.data();
  tensor.strides = strides.data();
}

void GpuCallTest::make(int device, int64_t b, int64_t t, int64_t d,
                       int64_t segments) {
  tensors.clear();
  auto add = [&](std::vector<int64_t> shape, DLDataType type = f32) {
    tensors.push_back(
        std::make_unique<GpuTensor>(device, std::move(shape), type));
  };
  bool packed = segments >= 0;
  std::vector<int64_t> sequence =
      packed ? std::vector<int64_t>{t, d} : std::vector<int64_t>{b, t, d};
  std::vector<int64_t> state = {packed ? segments : b, d};
  add(sequence);
  add(sequence);
  add(state);
  if (packed)
    add({segments + 1}, i32);
  add(sequence);
  add(state);
}

GpuTensor &GpuCallTest::replace(unsigned number, int device,
                                std::vector<int64_t> shape,
                                std::vector<int64_t> strides) {
  tensors[number] = std::make_unique<GpuTensor>(device, std::move(shape), f32,
                                                std::move(strides));
  return *tensors[number];
}

std::vector<const DLTensor *> GpuCallTest::pointers() const {
  std::vector<const DLTensor *> list;
  for (const auto &tensor : tensors)
    list.push_back(&tensor->tensor);
  return list;
}

int GpuCallTest::call(GpuRecurrence &recurrence, void *workspace, size_t bytes,
                      void *stream) {
  auto list = pointers();
  return recur_call(recurrence.get(), list.data(), int32_t(list.size()),
                    workspace, bytes, stream);
}

size_t GpuCallTest::workspace(GpuRecurrence &recurrence) {
  auto list = pointers();
  size_t bytes = ~size_t(0);
  EXPECT_EQ(recur_workspace(recurrence.get(), list.data(), int32_t(list.size()),
                            &bytes),
            RECUR_OK)
      << recur_last_error();
  return bytes;
}

std::string GpuCallTest::select(GpuRecurrence &recurrence) {
  auto list = pointers();
  const char *name = "none";
  if (recur_select(recurrence.get(), list.data(), int32_t(list.size()),
                   &name) != RECUR_OK)
    return recur_last_error();
  return name;
}
