//===-- GpuModel.cpp - what a schedule costs on a GPU ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A kernel takes the longest of three times: what its threads compute one step
/// after the other, what its bytes need at the bandwidth that its loads in
/// flight can pull, and the way of the states through the tiles of time.
#include "runtime/lib/GpuModel.h"

#include <algorithm>
#include <cmath>

using namespace recur::runtime;

// From hand-written kernels on an H200: a * b + c reaches 4.1 of 4.8 TB/s; one
// thread a channel that loads 16 steps ahead 71 % of that with 16384 threads, a
// plain loop 20 % with 32768; look-back with tiles of 512 steps takes 0.27 us a
// tile, and 73 to 82 % of streaming where tiles are few.
const GpuConstants recur::runtime::gpuConstants = {
    .bandwidthShare = 0.86,
    .lookBackShare = 0.85,
    .stridedShare = 0.3,
    .bytesPerClock = 56,
    .memoryLatency = 1100,
    .stepsInFlight = 2,
    .firstLaunch = 2500,
    .nextLaunch = 1000,
    .zeroing = 1500,
    .blockOverhead = 800,
    .lookBackHop = 250,
};

namespace {

int64_t divideUp(int64_t value, int64_t by) { return (value + by - 1) / by; }

/// Shared memory that the system takes of each block, in bytes.
constexpr int64_t systemSharedBytes = 1024;
/// What the model takes a thread's registers to be when nothing is known.
constexpr int32_t usualRegisters = 32;

} // namespace

int32_t recur::runtime::residentBlocks(const GpuMachine &machine,
                                       const recur_gpu_kernel &kernel,
                                       int64_t shared) {
  if (shared > machine.sharedBytesPerBlock)
    return 0;
  int64_t threads = std::max<int64_t>(divideUp(kernel.block, 32) * 32, 32);
  int64_t registers = kernel.registers > 0 ? kernel.registers : usualRegisters;
  int64_t blocks = std::min<int64_t>(machine.blocks, machine.threads / threads);
  blocks = std::min(blocks, machine.registers / (threads * registers));
  if (shared > 0)
    blocks =
        std::min(blocks, machine.sharedBytes / (shared + systemSharedBytes));
  // The hint about registers is only one: the compiler makes a block fit.
  return static_cast<int32_t>(std::max<int64_t>(blocks, 1));
}

int64_t recur::runtime::halvedUnits(const GpuMachine &machine,
                                    const recur_gpu_kernel &kernel,
                                    const GpuGrid &grid, int64_t steps) {
  int64_t atOnce = int64_t(machine.multiprocessors) *
                   residentBlocks(machine, kernel, grid.shared);
  if (kernel.halves_from <= 0 || steps < kernel.halves_from ||
      grid.units <= atOnce)
    return 0;
  int64_t rest = grid.units % atOnce;
  return 2 * rest <= atOnce ? rest : 0;
}

double recur::runtime::estimateKernel(const GpuMachine &machine,
                                      const GpuConstants &constants,
                                      const recur_gpu_kernel &kernel,
                                      const GpuGrid &grid, const GpuWork &work,
                                      bool vectors, bool unitStride) {
  if (grid.units == 0)
    return 0;
  double slots = static_cast<double>(machine.multiprocessors) *
                 std::max(residentBlocks(machine, kernel, grid.shared), 1);
  auto blocks = static_cast<double>(grid.blocks - grid.halved);
  double active = std::min(blocks, slots);
  // Rounds of blocks: one when all are resident; a last one that is not full
  // costs like half of one.
  double rounds = blocks <= slots   ? 1.0
                  : grid.halved > 0 ? std::floor(blocks / slots) + 0.5
                                    : blocks / slots + 0.5;

  // A thread's share of the positions and steps of its block.
  auto steps = static_cast<double>(work.steps);
  double blockSteps =
      kernel.time_tile > 0
          ? std::min(static_cast<double>(kernel.time_tile), steps)
          : steps;
  // Where threads have time along them, a tile of their steps that is not full
  // takes as long, and the only one of a short row moves less.
  double full = 1;
  if (kernel.phase == RECUR_GPU_SCAN && kernel.lane_dim < 0 &&
      kernel.time_tile == 0 && kernel.steps_in_flight > 0 && steps > 0) {
    double tile =
        static_cast<double>(kernel.steps_in_flight) * kernel.block /
        static_cast<double>(std::max<int64_t>(kernel.items_per_block, 1));
    blockSteps = std::ceil(steps / tile) * tile;
    full = std::min(1.0, steps / tile);
  }
  if (kernel.phase == RECUR_GPU_SCAN && kernel.lane_dim < 0 &&
      kernel.time_tile > 0 && steps > 0)
    full = steps / (static_cast<double>(grid.tiles) * kernel.time_tile);
  // A last block that is not full takes as long.
  double positions =
      static_cast<double>(std::max<int64_t>(kernel.items_per_block, 1)) *
      static_cast<double>(std::max<int64_t>(kernel.lane_tile, 1));
  double threadSteps = std::max(positions * blockSteps / kernel.block, 1.0);
  double computing =
      rounds *
      (constants.blockOverhead +
       threadSteps * (kernel.step_cost + grid.points * kernel.point_cost) /
           machine.clock);

  double bytes = work.inputBytes + work.resultBytes;
  switch (kernel.phase) {
  case RECUR_GPU_FOLD:
    bytes = work.inputBytes + work.summaryBytes;
    break;
  case RECUR_GPU_COMBINE:
    bytes = 2 * work.summaryBytes;
    break;
  case RECUR_GPU_REPLAY:
    bytes += work.summaryBytes;
    break;
  default:
    break;
  }
  // Little's law: what is in flight arrives once a latency.
  double total = blocks * kernel.block * threadSteps;
  double ahead = kernel.steps_in_flight > 0
                     ? kernel.steps_in_flight
                     : constants.stepsInFlight * (vectors ? 4 : 1);
  double inFlight =
      active * kernel.block * std::min(threadSteps, ahead) * bytes / total;
  bool looksBack = kernel.phase == RECUR_GPU_SCAN && grid.tiles > 1;
  // What a few multiprocessors can pull is less than the memory gives.
  double pulled =
      std::min(active, static_cast<double>(machine.multiprocessors)) *
      constants.bytesPerClock * machine.clock;
  double most = std::min(machine.bandwidth, pulled) * constants.bandwidthShare *
                (looksBack ? constants.lookBackShare : 1) *
                (unitStride ? 1 : constants.stridedShare) * full;
  double bandwidth = std::min(most, inFlight / constants.memoryLatency);
  double moving = bandwidth > 0 ? bytes / bandwidth : 0;

  double passing = 0;
  if (looksBack)
    passing = static_cast<double>(grid.tiles) * constants.lookBackHop;
  return std::max({computing, moving, passing});
}

double recur::runtime::estimateVariant(const GpuMachine &machine,
                                       const GpuConstants &constants,
                                       const recur_gpu_variant &variant,
                                       const GpuGrid *grids,
                                       const GpuWork &work) {
  double total = constants.firstLaunch;
  if (variant.zeroed_constant > 0 || variant.zeroed_per_tile > 0)
    total += constants.zeroing;
  for (int32_t k = 0; k < variant.n_kernels; ++k)
    total +=
        (k ? constants.nextLaunch : 0) +
        estimateKernel(machine, constants, variant.kernels[k], grids[k], work,
                       variant.vector_bytes > 4, variant.contiguous_dim >= 0);
  return total;
}

bool recur::runtime::runsOn(const recur_gpu_image &image, int32_t capability) {
  if (image.exact)
    return capability == image.capability;
  if (capability < image.capability)
    return false;
  return image.format == RECUR_GPU_PTX ||
         capability / 10 == image.capability / 10;
}
