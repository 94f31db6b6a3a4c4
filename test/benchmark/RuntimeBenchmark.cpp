//===-- RuntimeBenchmark.cpp - host time and schedules of the runtime -----===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a call costs beside its kernels (on a GPU also beside the driver), what
/// waking the pool costs, and how near the two schedules come to streaming memory, with h = a * h + x written
/// by hand in vectors of eight floats.
#include "runtime/lib/ThreadPool.h"

#include <recur/tensor.h>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>

using namespace recur;

namespace {

// GCC's vectors: one vector is one item.
constexpr int64_t lanes = 8;
using Vector = float __attribute__((vector_size(4 * lanes), aligned(4)));

struct Summary {
  alignas(64) float p[lanes], e[lanes];
};

enum Argument { A, X, H0, Y, Last };
enum Dim { B, T, D };

const float *row(const recur_frame &f, int argument, int64_t item, int64_t t) {
  int64_t blocks = f.sizes[D] / lanes;
  const int64_t *s = f.strides + (argument == Y ? 8 : 3 * argument);
  return static_cast<const float *>(f.data[argument]) + item / blocks * s[0] +
         t * s[1] + item % blocks * lanes;
}

const Vector &load(const float *at) {
  return *reinterpret_cast<const Vector *>(at);
}

void start(const recur_frame *f, const recur_tile *tile, void *carry, void *,
           void *) {
  int64_t blocks = f->sizes[D] / lanes;
  for (int64_t i = tile->item_begin; i < tile->item_end; ++i) {
    const auto *h0 = static_cast<const float *>(f->data[H0]) +
                     i / blocks * f->strides[6] + i % blocks * lanes;
    auto *h = static_cast<float *>(carry) + (i - tile->item_begin) * 16;
    for (int64_t k = 0; k < lanes; ++k)
      h[k] = h0[k];
  }
}

#if defined(__x86_64__)
#define FOR_AVX2 __attribute__((target("avx2,fma")))
#else
#define FOR_AVX2
#endif

FOR_AVX2 void fold(const recur_frame *f, const recur_tile *tile, void *,
                   void *summary, void *) {
  for (int64_t i = tile->item_begin; i < tile->item_end; ++i) {
    auto &s = static_cast<Summary *>(summary)[i - tile->item_begin];
    const float *a = row(*f, A, i, 0), *x = row(*f, X, i, 0);
    int64_t sa = f->strides[1], sx = f->strides[4];
    Vector p = Vector{} + 1.0f, e = {};
    for (int64_t t = tile->begin; t < tile->end; ++t) {
      const Vector &at = load(a + t * sa);
      p *= at;
      e = at * e + load(x + t * sx);
    }
    for (int64_t k = 0; k < lanes; ++k) {
      s.p[k] = p[k];
      s.e[k] = e[k];
    }
  }
}

void advance(const recur_frame *, const recur_tile *tile, void *carry,
             void *summary, void *) {
  for (int64_t i = 0; i < tile->item_end - tile->item_begin; ++i) {
    auto &s = static_cast<Summary *>(summary)[i];
    auto *h = static_cast<float *>(carry) + i * 16;
    for (int64_t k = 0; k < lanes; ++k)
      h[k] = s.p[k] * h[k] + s.e[k];
  }
}

/// Neighbouring items are walked inside the loop over time, so that rows are
/// read in long pieces.
FOR_AVX2 void replay(const recur_frame *f, const recur_tile *tile, void *carry,
                     void *, void *) {
  int64_t blocks = f->sizes[D] / lanes, i = tile->item_begin;
  auto *states = static_cast<float *>(carry);
  while (i < tile->item_end) {
    int64_t items =
        std::min({tile->item_end - i, blocks - i % blocks, int64_t(128)});
    const float *a = row(*f, A, i, 0), *x = row(*f, X, i, 0);
    auto *y = const_cast<float *>(row(*f, Y, i, 0));
    int64_t sa = f->strides[1], sx = f->strides[4], sy = f->strides[9];
    for (int64_t t = tile->begin; t < tile->end; ++t)
      for (int64_t k = 0; k < items; ++k) {
        auto *h = reinterpret_cast<Vector *>(states + 16 * k);
        *h = load(a + t * sa + k * lanes) * *h + load(x + t * sx + k * lanes);
        *reinterpret_cast<Vector *>(y + t * sy + k * lanes) = *h;
      }
    i += items;
    states += 16 * items;
  }
}

void finish(const recur_frame *f, const recur_tile *tile, void *carry, void *,
            void *) {
  int64_t blocks = f->sizes[D] / lanes;
  for (int64_t i = tile->item_begin; i < tile->item_end; ++i) {
    auto *last = static_cast<float *>(f->data[Last]) +
                 i / blocks * f->strides[11] + i % blocks * lanes;
    auto *h = static_cast<float *>(carry) + (i - tile->item_begin) * 16;
    for (int64_t k = 0; k < lanes; ++k)
      last[k] = h[k];
  }
}

constexpr int32_t sequence[] = {B, T, D}, state[] = {B, D};
constexpr DLDataType f32 = {kDLFloat, 32, 1};
const recur_dim dims[] = {
    {"b", RECUR_DYNAMIC}, {"t", RECUR_DYNAMIC}, {"d", RECUR_DYNAMIC}};
const recur_argument arguments[] = {{"a", RECUR_INPUT, f32, 3, sequence},
                                    {"x", RECUR_INPUT, f32, 3, sequence},
                                    {"h0", RECUR_INITIAL, f32, 2, state},
                                    {"y", RECUR_RESULT, f32, 3, sequence},
                                    {"h", RECUR_FINAL, f32, 2, state}};

struct Problem {
  Tensor a, x, h0, y, last;
  recur_cpu_variant variant{};
  recur_info info{};
  ArgumentList list;

  Problem(int64_t b, int64_t t, int64_t d)
      : a(Dtype::F32, {b, t, d}), x(Dtype::F32, {b, t, d}),
        h0(Dtype::F32, {b, d}), y(Dtype::F32, {b, t, d}),
        last(Dtype::F32, {b, d}) {
    for (int64_t k = 0; k < a.count(); ++k) {
      a.as<float>()[k] = 0.5f;
      x.as<float>()[k] = 1.0f;
    }
    variant.name = "channels";
    variant.level = RECUR_CPU_AVX2;
    variant.parallel_rank = 2;
    variant.parallel_dims = state;
    variant.lane_dim = D;
    variant.contiguous_dim = D;
    variant.item_lanes = lanes;
    variant.carry_bytes = {64, 0, 0};
    variant.summary_bytes = {sizeof(Summary), 0, 0};
    variant.step_cost_ns = 2.0;
    variant.fold_cost_ns = 2.0;
    variant.step_bytes = 12.0 * lanes;
    variant.start = start;
    variant.fold = fold;
    variant.advance = advance;
    variant.replay = replay;
    variant.finish = finish;
    info.abi_version = RECUR_ABI_VERSION;
    info.name = "scan";
    info.targets = "cpu";
    info.n_dims = 3;
    info.n_arguments = 5;
    info.n_cpu_variants = 1;
    info.time_dim = T;
    info.segment_dim = -1;
    info.dims = dims;
    info.arguments = arguments;
    info.cpu_variants = &variant;
    for (const Tensor *tensor : {&a, &x, &h0, &y, &last})
      list.push(*tensor);
  }
};

void call(benchmark::State &state, int64_t b, int64_t t, int64_t d,
          int32_t threads) {
  recur_set_num_threads(threads);
  Problem problem(b, t, d);
  const DLTensor *const *tensors = problem.list.pointers();
  for (auto _ : state)
    if (recur_call(&problem.info, tensors, 5, nullptr, 0, nullptr) !=
        RECUR_OK) {
      state.SkipWithError(recur_last_error());
      return;
    }
  state.SetBytesProcessed(state.iterations() * 3 * problem.y.bytes());
}

/// The same plan as for `threads`, all of it on this thread: its time over that
/// of one thread alone is the price of splitting.
void callInOrder(benchmark::State &state, int64_t b, int64_t t, int64_t d,
                 int32_t threads) {
  recur_set_parallel_for(
      [](void *, int64_t n, void (*body)(void *, int64_t), void *context) {
        for (int64_t i = 0; i < n; ++i)
          body(context, i);
      },
      nullptr, threads);
  call(state, b, t, d, threads);
  recur_set_parallel_for(nullptr, nullptr, 0);
}

/// y = a * b + c over as much memory, split evenly: the floor.
FOR_AVX2 void streamPart(float *y, const float *a, const float *x,
                         int64_t count) {
  for (int64_t k = 0; k < count; k += lanes)
    *reinterpret_cast<Vector *>(y + k) = load(a + k) * 0.5f + load(x + k);
}

void stream(benchmark::State &state, int64_t count, int32_t threads) {
  Problem problem(1, count / 8, 8);
  struct Context {
    Problem *problem;
    int64_t part;
  } context{&problem, count / threads};
  runtime::Execution execution{nullptr, nullptr, threads};
  for (auto _ : state)
    execution.parallelFor(
        threads,
        [](void *opaque, int64_t i) {
          auto &[problem, part] = *static_cast<Context *>(opaque);
          streamPart(problem->y.as<float>() + i * part,
                     problem->a.as<float>() + i * part,
                     problem->x.as<float>() + i * part, part);
        },
        &context);
  state.SetBytesProcessed(state.iterations() * 12 * count);
}

constexpr recur_gpu_image image = {
    "sm_80", RECUR_GPU_PTX, /*capability=*/80, /*exact=*/0, 0, "", 0, 1};

/// Kernels of `variants` look-back schedules, which also zero some workspace.
struct GpuProblem {
  recur_gpu_kernel kernel{};
  recur_gpu_variant variants[6];
  recur_info info{};
  int64_t sequenceSizes[3] = {2, 64, 1024}, stateSizes[2] = {2, 1024};
  DLTensor tensors[5];
  const DLTensor *list[5];

  GpuProblem() {
    kernel.symbol = "kernel";
    kernel.parallel_rank = 2;
    kernel.parallel_dims = state;
    kernel.lane_dim = D;
    kernel.block = 128;
    kernel.lane_tile = 32;
    kernel.items_per_block = 1;
    kernel.time_tile = 32;
    kernel.step_cost = 30;
    for (recur_gpu_variant &variant : variants) {
      variant = {};
      variant.name = "lookback";
      variant.n_kernels = variant.n_images = 1;
      variant.contiguous_dim = D;
      variant.kernels = &kernel;
      variant.images = &image;
      variant.unit_stride_mask = 0b11011;
      variant.vector_mask = 0b11011;
      variant.vector_bytes = 16;
      variant.size_multiple = 4;
      variant.zeroed_per_tile = 64;
      variant.tile_steps = 32;
    }
    info.abi_version = RECUR_ABI_VERSION;
    info.name = "scan";
    info.targets = "sm_80";
    info.n_dims = info.n_space_dims = 3;
    info.n_arguments = 5;
    info.n_gpu_variants = std::size(variants);
    info.time_dim = T;
    info.segment_dim = -1;
    info.dims = dims;
    info.arguments = arguments;
    info.gpu_variants = variants;
    for (int k = 0; k < 5; ++k) {
      int rank = arguments[k].rank;
      list[k] = &tensors[k];
      tensors[k] = {};
      tensors[k].data = reinterpret_cast<void *>((k + 1ull) << 30);
      tensors[k].device = {kDLCUDA, 0};
      tensors[k].ndim = rank;
      tensors[k].dtype = f32;
      tensors[k].shape = rank == 3 ? sequenceSizes : stateSizes;
    }
  }
};

/// The runtime's share of a call on a GPU. With `moves`, the tensors are others
/// in every call.
void callOnGpu(benchmark::State &state, bool moves) {
  GpuProblem problem;
  size_t bytes = 0;
  if (recur_workspace(&problem.info, problem.list, 5, &bytes) != RECUR_OK)
    state.SkipWithError(recur_last_error());
  auto *workspace = reinterpret_cast<void *>(1ull << 40);
  for (auto _ : state) {
    for (DLTensor &tensor : problem.tensors)
      tensor.byte_offset = moves ? (tensor.byte_offset + 4096) & 0xfffff : 0;
    if (recur_call(&problem.info, problem.list, 5, workspace, bytes, nullptr) !=
        RECUR_OK) {
      state.SkipWithError(recur_last_error());
      return;
    }
  }
}

void emptyLoop(benchmark::State &state, int32_t threads) {
  runtime::Execution execution{nullptr, nullptr, threads};
  for (auto _ : state)
    execution.parallelFor(threads, [](void *, int64_t) {}, nullptr);
}

void add(const std::string &name,
         void (*run)(benchmark::State &, int64_t, int64_t, int64_t, int32_t),
         int64_t b, int64_t t, int64_t d, int32_t threads) {
  benchmark::RegisterBenchmark(
      (name + "/b:" + std::to_string(b) + "/t:" + std::to_string(t) +
       "/d:" + std::to_string(d) + "/threads:" + std::to_string(threads))
          .c_str(),
      [=](benchmark::State &state) { run(state, b, t, d, threads); })
      ->UseRealTime();
}

} // namespace

int main(int argc, char **argv) {
  setenv("RECUR_CUDA_LIBRARY", RECUR_NULL_CUDA, /*overwrite=*/1);
  benchmark::Initialize(&argc, argv);
  constexpr int64_t large = int64_t(1) << 26; // elements: 256 MB a tensor
  int32_t cores = recur_num_threads();
  add("tiny_call", call, 1, 1, 8, 1);
  add("tiny_call", call, 1, 1, 8, cores);
  for (bool moves : {false, true})
    benchmark::RegisterBenchmark(
        moves ? "gpu_call/other_tensors" : "gpu_call/same_tensors",
        [=](benchmark::State &s) { callOnGpu(s, moves); });
  benchmark::RegisterBenchmark("wake_pool", [=](benchmark::State &s) {
    emptyLoop(s, cores);
  })->UseRealTime();
  for (int32_t threads = 1; threads <= cores; threads *= 2) {
    benchmark::RegisterBenchmark(
        ("stream/threads:" + std::to_string(threads)).c_str(),
        [=](benchmark::State &s) { stream(s, large, threads); })
        ->UseRealTime();
    add("split_items", call, 1, large / 4096, 4096, threads);
    add("split_items", call, 1, large / 1024, 1024, threads);
    add("split_time", call, 1, large / 8, 8, threads);
    add("split_time_in_order", callInOrder, 1, large / 8, 8, threads);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
