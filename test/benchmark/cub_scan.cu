//===-- cub_scan.cu - scans by CUB for peers.py ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A program's way to the diagonal scan with CUB: one flat scan over pairs (p,
/// e), whose p is 0 where a row begins, so that no row reaches into the next;
/// and CUB's own sum over everything, which reads one array less.
#include <cub/device/device_scan.cuh>
#include <cuda_bf16.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/iterator/transform_output_iterator.h>

namespace {

/// h -> p h + e.
struct Pair {
  float p, e;
};

struct Compose {
  __host__ __device__ Pair operator()(const Pair &x, const Pair &y) const {
    return {x.p * y.p, x.e * y.p + y.e};
  }
};

/// Rows of a power of two of steps need no division.
template <typename T> struct Load {
  const T *a, *x;
  long long steps, mask; // mask: -1 when steps is no power of two
  __device__ Pair operator()(long long i) const {
    bool begins = (mask >= 0 ? i & mask : i % steps) == 0;
    return {begins ? 0.0f : float(a[i]), float(x[i])};
  }
};

template <typename T> struct Exit {
  __host__ __device__ T operator()(const Pair &pair) const { return T(pair.e); }
};

template <typename T>
cudaError_t scan(void *memory, size_t *bytes, const void *a, const void *x,
                 void *y, long long rows, long long steps, cudaStream_t stream) {
  long long mask = (steps & (steps - 1)) == 0 ? steps - 1 : -1;
  auto input = thrust::make_transform_iterator(
      thrust::counting_iterator<long long>(0),
      Load<T>{static_cast<const T *>(a), static_cast<const T *>(x), steps,
              mask});
  auto output =
      thrust::make_transform_output_iterator(static_cast<T *>(y), Exit<T>{});
  return cub::DeviceScan::InclusiveScan(memory, *bytes, input, output,
                                        Compose{}, rows * steps, stream);
}

template <typename T>
cudaError_t sum(void *memory, size_t *bytes, const void *x, void *y,
                long long count, cudaStream_t stream) {
  return cub::DeviceScan::InclusiveSum(memory, *bytes,
                                       static_cast<const T *>(x),
                                       static_cast<T *>(y), count, stream);
}

} // namespace

/// Results of a scan of rows of `steps`, or with null memory the bytes of
/// memory that it needs. `type` is 0 for f32 and 1 for bf16. Returns a
/// cudaError_t.
extern "C" int recur_cub_scan(int type, void *memory, size_t *bytes,
                              const void *a, const void *x, void *y,
                              long long rows, long long steps, void *stream) {
  auto *on = static_cast<cudaStream_t>(stream);
  return type == 0
             ? scan<float>(memory, bytes, a, x, y, rows, steps, on)
             : scan<__nv_bfloat16>(memory, bytes, a, x, y, rows, steps, on);
}

/// The running sum of `count` numbers, likewise.
extern "C" int recur_cub_sum(int type, void *memory, size_t *bytes,
                             const void *x, void *y, long long count,
                             void *stream) {
  auto *on = static_cast<cudaStream_t>(stream);
  return type == 0 ? sum<float>(memory, bytes, x, y, count, on)
                   : sum<__nv_bfloat16>(memory, bytes, x, y, count, on);
}
