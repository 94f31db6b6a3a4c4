//===-- GpuPlan.cpp - how one call is run on a GPU ------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Applicability of variants, their grids and workspace, and the choice.
#include "runtime/lib/GpuPlan.h"

#include "runtime/lib/Error.h"
#include "runtime/lib/Plan.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace recur::runtime;

namespace {

/// What the driver takes in the first dimension of a grid.
constexpr int64_t maxBlocks = 0x7fffffff;
/// What devices take as threads of a block.
constexpr int32_t maxThreads = 1024;

int64_t divideUp(int64_t value, int64_t by) { return (value + by - 1) / by; }

/// Products and sums that remember whether all of them fitted.
struct Checked {
  bool fits = true;
  int64_t times(int64_t x, int64_t y) {
    int64_t product = 0;
    fits &= !__builtin_mul_overflow(x, y, &product);
    return fits ? product : 0;
  }
  int64_t plus(int64_t x, int64_t y) {
    int64_t sum = 0;
    fits &= !__builtin_add_overflow(x, y, &sum);
    return fits ? sum : 0;
  }
  int64_t roundUp(int64_t x) {
    return plus(x, gpuWorkspaceAlignment - 1) & -gpuWorkspaceAlignment;
  }
};

/// Why a variant does not apply.
struct Reason {
  char text[320] = "";

  [[gnu::format(printf, 2, 3)]] bool because(const char *format, ...) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return false;
  }
};

/// How well a variant's code suits the device: its capability, and those of
/// exactly this device first; -1: no image runs there.
int32_t rankOf(const recur_gpu_variant &variant, int32_t capability) {
  int32_t rank = -1;
  for (int32_t k = 0; k < variant.n_images; ++k)
    if (runsOn(variant.images[k], capability))
      rank = std::max(rank, 2 * variant.images[k].capability +
                                (variant.images[k].exact != 0));
  return rank;
}

/// Tries one variant on the arguments.
class Candidate {
public:
  Candidate(const CheckedArguments &arguments, const GpuDevice &device,
            const recur_gpu_variant &variant)
      : arguments(arguments), info(arguments.info()), device(device),
        variant(variant) {}

  /// Fills `plan`, or says why the variant does not apply.
  bool fill(GpuPlan &plan, Reason &reason);

private:
  bool checkStrides(Reason &reason) const;
  bool checkVectors(Reason &reason) const;
  bool layOutGrids(GpuPlan &plan, Reason &reason);
  bool layOutWorkspace(GpuPlan &plan, Reason &reason);
  void estimate(GpuPlan &plan) const;

  int64_t steps() const { return std::max<int64_t>(arguments.time(), 1); }
  int64_t tilesOf(int64_t tile) const {
    return tile > 0 ? divideUp(steps(), tile) : 1;
  }

  const CheckedArguments &arguments;
  const recur_info &info;
  const GpuDevice &device;
  const recur_gpu_variant &variant;
  int64_t summaryBytes = 0;
};

bool Candidate::checkStrides(Reason &reason) const {
  int32_t dim = variant.contiguous_dim;
  if (dim < 0)
    return true;
  if (variant.size_multiple > 1 &&
      arguments.size(dim) % variant.size_multiple != 0)
    return reason.because("expected a size of '%s' that is a multiple of "
                          "%" PRId64 ", found %" PRId64,
                          info.dims[dim].name, variant.size_multiple,
                          arguments.size(dim));
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    if (!(variant.unit_stride_mask >> a & 1))
      continue;
    const recur_argument &argument = info.arguments[a];
    for (int32_t k = 0; k < argument.rank; ++k)
      if (argument.dims[k] == dim && arguments.stride(a, k) != 1 &&
          arguments.view(a).sizes[k] > 1)
        return reason.because("expected stride 1 along '%s' in argument '%s', "
                              "found %" PRId64,
                              info.dims[dim].name, argument.name,
                              arguments.stride(a, k));
  }
  return true;
}

bool Candidate::checkVectors(Reason &reason) const {
  int64_t bytes = variant.vector_bytes;
  for (int32_t a = 0; a < info.n_arguments && bytes > 1; ++a) {
    if (!(variant.vector_mask >> a & 1))
      continue;
    const recur_argument &argument = info.arguments[a];
    StridedView view = arguments.view(a);
    if (view.empty())
      continue;
    if (view.address % static_cast<uintptr_t>(bytes) != 0)
      return reason.because("expected argument '%s' aligned to %" PRId64
                            " bytes, found address %#" PRIxPTR,
                            argument.name, bytes, view.address);
    for (int32_t k = 0; k < argument.rank; ++k)
      if (argument.dims[k] != variant.contiguous_dim && view.sizes[k] > 1 &&
          view.strides[k] * view.elementBytes % bytes != 0)
        return reason.because("expected the stride along '%s' in argument '%s' "
                              "to be a multiple of %" PRId64
                              " bytes, found %" PRId64,
                              info.dims[argument.dims[k]].name, argument.name,
                              bytes, view.strides[k] * view.elementBytes);
  }
  return true;
}

bool Candidate::layOutGrids(GpuPlan &plan, Reason &reason) {
  if (variant.n_kernels < 1 || variant.n_kernels > GpuPlan::maxKernels)
    return reason.because("expected 1 to %d kernels, found %d",
                          GpuPlan::maxKernels, variant.n_kernels);
  for (int32_t k = 0; k < variant.n_kernels; ++k) {
    const recur_gpu_kernel &kernel = variant.kernels[k];
    GpuGrid &grid = plan.grids[k];
    Checked checked;
    grid.units = 1;
    for (int32_t d = 0; d < kernel.parallel_rank; ++d) {
      int32_t dim = kernel.parallel_dims[d];
      int64_t count = arguments.size(dim);
      if (dim == kernel.lane_dim)
        count = divideUp(count, std::max<int64_t>(kernel.lane_tile, 1));
      grid.units = checked.times(grid.units, count);
    }
    grid.tiles = tilesOf(kernel.time_tile);
    grid.blocks = checked.times(
        divideUp(grid.units, std::max<int64_t>(kernel.items_per_block, 1)),
        grid.tiles);
    if (!checked.fits)
      return reason.because("expected fewer than 2^63 parallel elements");
    // (blocks that walk tiles count them in 32 bits)
    if (grid.blocks > maxBlocks && (!kernel.persistent || kernel.time_tile > 0))
      return reason.because("expected a grid of at most %" PRId64
                            " blocks, found %" PRId64,
                            maxBlocks, grid.blocks);
    if (kernel.block < 1 || kernel.block > maxThreads)
      return reason.because("expected blocks of 1 to %d threads, found %d",
                            maxThreads, kernel.block);
    int64_t points = kernel.point_rank > 0 ? 1 : 0;
    for (int32_t d = 0; d < kernel.point_rank; ++d)
      points = checked.times(points, arguments.size(kernel.point_dims[d]));
    grid.points = std::max<double>(1, static_cast<double>(points));
    grid.shared = checked.plus(kernel.shared_bytes,
                               checked.times(kernel.shared_per_point, points));
    if (int64_t rest = halvedUnits(device.machine, kernel, grid, steps());
        checked.fits && rest > 0) {
      grid.blocks += rest;
      grid.halved = rest;
    }
    if (!checked.fits || grid.shared > device.machine.sharedBytesPerBlock)
      return reason.because("expected at most %" PRId64
                            " bytes of shared memory, found %" PRId64,
                            device.machine.sharedBytesPerBlock, grid.shared);
  }
  return true;
}

bool Candidate::layOutWorkspace(GpuPlan &plan, Reason &reason) {
  const recur_gpu_kernel &first = variant.kernels[0];
  Checked checked;
  int64_t tiles = tilesOf(variant.tile_steps);
  plan.zeroedBytes = checked.roundUp(
      checked.plus(variant.zeroed_constant,
                   checked.times(variant.zeroed_per_tile,
                                 checked.times(plan.grids[0].units, tiles))));
  // Positions of the parallel space; a last unit that is not full has its room.
  int64_t positions = plan.grids[0].units;
  if (first.lane_dim >= 0)
    positions = checked.times(positions, std::max<int64_t>(first.lane_tile, 1));
  summaryBytes = 0;
  for (int32_t p = 0; p < variant.n_parts; ++p) {
    const recur_gpu_part &part = variant.parts[p];
    int64_t bytes = checked.times(part.value_bytes, positions);
    for (int32_t k = 0; k < part.rank; ++k)
      bytes = checked.times(bytes, arguments.size(part.dims[k]));
    if (part.kind == RECUR_GPU_PER_TILE)
      bytes = checked.times(bytes, tiles);
    summaryBytes = checked.plus(summaryBytes, checked.roundUp(bytes));
  }
  plan.workspaceBytes = checked.plus(plan.zeroedBytes, summaryBytes);
  if (plan.isEmpty() || (first.halves_from > 0 && plan.grids[0].halved == 0))
    plan.zeroedBytes = plan.workspaceBytes = 0;
  if (plan.workspaceBytes > 0)
    plan.workspaceBytes =
        checked.plus(plan.workspaceBytes, gpuWorkspaceAlignment - 1);
  return checked.fits || reason.because("the workspace exceeds 2^63 bytes");
}

void Candidate::estimate(GpuPlan &plan) const {
  GpuWork work = {steps(), 0, 0, static_cast<double>(summaryBytes)};
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    const recur_argument &argument = info.arguments[a];
    StridedView view = arguments.view(a);
    auto bytes = static_cast<double>(view.elementBytes);
    for (int32_t k = 0; k < view.rank; ++k)
      bytes *= static_cast<double>(view.sizes[k]);
    bool written =
        argument.role == RECUR_RESULT || argument.role == RECUR_FINAL;
    (written ? work.resultBytes : work.inputBytes) += bytes;
  }
  plan.nanoseconds =
      estimateVariant(device.machine, gpuConstants, variant, plan.grids, work);
}

bool Candidate::fill(GpuPlan &plan, Reason &reason) {
  plan.variant = &variant;
  if (!checkStrides(reason) || !checkVectors(reason) ||
      !layOutGrids(plan, reason) || !layOutWorkspace(plan, reason))
    return false;
  estimate(plan);
  return true;
}

/// What RECUR_SCHEDULE lets pass.
class Filter {
public:
  explicit Filter(const recur_info &info)
      : name(std::getenv("RECUR_SCHEDULE")) {
    if (name && !*name)
      name = nullptr;
    for (int32_t v = 0; name && v < info.n_gpu_variants; ++v)
      exact |= std::strcmp(info.gpu_variants[v].name, name) == 0;
  }
  bool takes(const recur_gpu_variant &variant) const {
    return !name || (exact ? std::strcmp(variant.name, name) == 0
                           : std::strstr(variant.name, name) != nullptr);
  }
  const char *name;

private:
  bool exact = false;
};

/// "a; b; c": what the artifact has.
struct Names {
  char text[400] = "";
  explicit Names(const recur_info &info) {
    char *at = text, *end = text + sizeof text;
    for (int32_t v = 0; v < info.n_gpu_variants && at < end - 1; ++v) {
      // Variants of several targets have the same names.
      bool again = false;
      for (int32_t u = 0; u < v; ++u)
        again |= std::strcmp(info.gpu_variants[u].name,
                             info.gpu_variants[v].name) == 0;
      if (again)
        continue;
      at += std::snprintf(at, end - at, "%s'%s'", at == text ? "" : ", ",
                          info.gpu_variants[v].name);
    }
  }
};

} // namespace

int GpuPlan::make(const CheckedArguments &arguments, const GpuDevice &device,
                  GpuTrialObserver *observer) {
  const recur_info &info = arguments.info();
  Filter filter(info);
  Reason reason;
  const recur_gpu_variant *refused = nullptr;
  int32_t bestRank = -1;
  GpuPlan candidate;
  bool found = false, anyRuns = false, anyTaken = false;
  for (int32_t v = 0; v < info.n_gpu_variants; ++v) {
    const recur_gpu_variant &each = info.gpu_variants[v];
    int32_t rank = rankOf(each, device.machine.capability);
    anyTaken |= filter.takes(each);
    anyRuns |= rank >= 0;
    if (rank < 0 || !filter.takes(each) || (found && rank < bestRank))
      continue;
    Reason why;
    bool applies = Candidate(arguments, device, each).fill(candidate, why);
    if (observer)
      observer->tried({&each, applies ? nullptr : why.text,
                       applies ? candidate.nanoseconds : 0});
    if (!applies) {
      if (!refused) {
        refused = &each;
        reason = why;
      }
      continue;
    }
    if (found && rank == bestRank && candidate.nanoseconds >= nanoseconds)
      continue;
    *this = candidate;
    bestRank = rank;
    found = true;
  }
  if (found)
    return isEmpty() ? checkNothingToWrite(arguments,
                                           variant->kernels[0].parallel_dims,
                                           variant->kernels[0].parallel_rank)
                     : RECUR_OK;
  if (!anyRuns)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': no code in the artifact runs on CUDA device "
                "%d (%s, capability %d.%d); its targets: %s",
                info.name, device.ordinal, device.name,
                device.machine.capability / 10, device.machine.capability % 10,
                info.targets ? info.targets : "none");
  if (!anyTaken)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': RECUR_SCHEDULE: expected a name or a part of "
                "one of %s, found '%s'",
                info.name, Names(info).text, filter.name);
  return fail(RECUR_UNSUPPORTED,
              "recurrence '%s': no variant of the artifact%s%s%s takes these "
              "arguments; '%s': %s",
              info.name, filter.name ? " that RECUR_SCHEDULE='" : "",
              filter.name ? filter.name : "", filter.name ? "' allows" : "",
              refused ? refused->name : "none for this device", reason.text);
}
