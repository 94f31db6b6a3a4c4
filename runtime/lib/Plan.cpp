//===-- Plan.cpp - how one call is run on the CPU -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The cost model that chooses between splitting items and splitting time, and
/// the sizes of blocks, tiles and workspace.
#include "runtime/lib/Plan.h"

#include "runtime/lib/Error.h"
#include "runtime/lib/Machine.h"

#include <algorithm>
#include <cinttypes>

using namespace recur::runtime;

namespace {

/// A tile's inputs and outputs: stay in L2 between its fold and its replay.
constexpr double tileBytes = 512 << 10;
/// States of a block of items: stay in L1 or L2 from start to finish.
constexpr int64_t blockCarryBytes = 64 << 10;
/// Tile boundaries lie at multiples of this many steps, for lanes along time.
constexpr int64_t stepAlignment = 64;
/// Waking a thread pays from about here on.
constexpr double nanosecondsPerBody = 8'000;
/// Handing the state from one tile to the next, cache misses included.
constexpr double nanosecondsPerTile = 600;
/// What one core reads and writes; only its ratio to a step's cost matters.
constexpr double bytesPerNanosecond = 12.0;
/// Items whose pieces of a row of channels are about a page, and how much
/// longer shorter ones take to read: a core fetches ahead inside of pages, and
/// whole rows one behind the other.
constexpr int64_t pageItems = 64;
constexpr double cutRowsCost = 2.0;
/// Splitting time must promise this much, because it computes more.
constexpr double splitTimeGain = 0.8;
/// Segments have so many steps for each that runs in front of them.
constexpr int64_t segmentWarmUps = 4;
/// Running segments at once must promise this much, because it computes more
/// where they do not meet.
constexpr double shootingGain = 0.6;
/// Elements of the parallel space that a unit of segments walks together.
constexpr int64_t shootingItems = 16;
/// Arguments of so many bytes stay in a core's cache, whatever their strides.
constexpr double cachedBytes = 256 << 10;
/// Another variant than the first that fits must promise this much, and costs
/// so much more for each byte that it collects from strided memory.
constexpr double otherVariantGain = 0.7, nanosecondsPerStridedByte = 0.03;

int64_t roundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

int64_t divideUp(int64_t value, int64_t by) { return (value + by - 1) / by; }

/// A multiple of stepAlignment near `steps`, at least one.
int64_t alignSteps(double steps) {
  if (steps < 2.0 * stepAlignment)
    return stepAlignment;
  if (steps > 1e15)
    steps = 1e15;
  return static_cast<int64_t>(steps) / stepAlignment * stepAlignment;
}

/// False when the bytes overflow.
bool evaluate(const recur_extent &extent, const CheckedArguments &arguments,
              int64_t &bytes) {
  int64_t product = 1;
  for (int32_t d = 0; d < arguments.info().n_dims; ++d)
    if (extent.dim_mask >> d & 1)
      if (__builtin_mul_overflow(product, arguments.size(d), &product))
        return false;
  if (__builtin_mul_overflow(product, extent.per_product, &bytes) ||
      __builtin_add_overflow(bytes, extent.constant, &bytes) ||
      bytes > INT64_MAX - 64)
    return false;
  bytes = roundUp(bytes, 64);
  return true;
}

/// Time of a tile that is folded from memory and replayed from cache, over
/// that of one that is only replayed, from memory. A fold waits for the lines
/// of all arguments, as it asks for those of the results; the replay then
/// writes them back: measured on a Zen 4, 1.7 where memory is the limit.
/// `folding` is what a fold computes, which may be several times what a replay
/// does.
double costOfFolding(double computing, double folding, double moving) {
  double fold = std::max(folding, moving);
  double replay = std::max(computing, 0.7 * moving);
  return (fold + replay) / std::max(computing, moving);
}

/// The part of the items' lanes that hold elements.
double shareOfLanes(const recur_cpu_variant &variant,
                    const CheckedArguments &arguments) {
  if (variant.lane_dim < 0 || variant.item_lanes < 2)
    return 1.0;
  int64_t size = std::max<int64_t>(arguments.size(variant.lane_dim), 1);
  return static_cast<double>(size) /
         static_cast<double>(divideUp(size, variant.item_lanes) *
                             variant.item_lanes);
}

/// The argument that lacks the stride 1 the variant wants, and its axis.
struct Misfit {
  int32_t argument = -1, axis = -1;
};

/// Nanoseconds of computing, by one thread. Zero where nothing is known.
double costOfComputing(const recur_cpu_variant &variant,
                       const CheckedArguments &arguments) {
  double items = static_cast<double>(arguments.time());
  for (int32_t k = 0; k < variant.parallel_rank; ++k) {
    int32_t dim = variant.parallel_dims[k];
    int64_t count = arguments.size(dim);
    if (dim == variant.lane_dim)
      count = divideUp(count, std::max<int64_t>(variant.item_lanes, 1));
    items *= static_cast<double>(count);
  }
  double strided = variant.unit_stride_mask == 0 && variant.item_lanes > 1
                       ? variant.step_bytes * nanosecondsPerStridedByte
                       : 0.0;
  return items * (variant.step_cost_ns + strided);
}

/// Bytes of all that varies over time.
double bytesOverTime(const recur_cpu_variant &variant,
                     const CheckedArguments &arguments) {
  double elements = static_cast<double>(arguments.time());
  for (int32_t k = 0; k < variant.parallel_rank; ++k)
    elements *= static_cast<double>(arguments.size(variant.parallel_dims[k]));
  return elements * variant.step_bytes /
         static_cast<double>(std::max<int64_t>(variant.item_lanes, 1));
}

int32_t contiguousDim(const recur_cpu_variant &variant) {
  return variant.contiguous_dim >= 0 ? variant.contiguous_dim
                                     : variant.lane_dim;
}

/// Whether blocks of so many items are pieces of rows of channels, each shorter
/// than a page.
bool cutsRows(const recur_cpu_variant &variant,
              const CheckedArguments &arguments, int64_t items) {
  if (variant.unit_stride_mask == 0 || variant.lane_dim < 0 ||
      contiguousDim(variant) != variant.lane_dim ||
      variant.parallel_rank == 0 ||
      variant.parallel_dims[variant.parallel_rank - 1] != variant.lane_dim)
    return false;
  int64_t row = divideUp(arguments.size(variant.lane_dim),
                         std::max<int64_t>(variant.item_lanes, 1));
  return items < std::min(row, pageItems);
}

Misfit findMisfit(const recur_cpu_variant &variant,
                  const CheckedArguments &arguments) {
  int32_t dim = contiguousDim(variant);
  const recur_info &info = arguments.info();
  for (int32_t a = 0; a < info.n_arguments && dim >= 0; ++a) {
    if (!(variant.unit_stride_mask >> a & 1))
      continue;
    const recur_argument &argument = info.arguments[a];
    for (int32_t k = 0; k < argument.rank; ++k)
      if (argument.dims[k] == dim && arguments.stride(a, k) != 1 &&
          arguments.view(a).sizes[k] > 1)
        return {a, k};
  }
  return {};
}

} // namespace

//===----------------------------------------------------------------------===//
// TimeTiling
//===----------------------------------------------------------------------===//

int64_t TimeTiling::count(int64_t steps) const {
  if (steps == 0)
    return 1;
  int64_t groupSteps = directSteps + (group - 1) * foldedSteps;
  int64_t rest = steps % groupSteps;
  int64_t restTiles = 0;
  if (rest > 0)
    restTiles =
        1 +
        (rest > directSteps ? divideUp(rest - directSteps, foldedSteps) : 0);
  return steps / groupSteps * group + restTiles;
}

StepRange TimeTiling::tile(int64_t index, int64_t steps) const {
  int64_t groupSteps = directSteps + (group - 1) * foldedSteps;
  int64_t inGroup = index % group;
  int64_t begin = index / group * groupSteps;
  if (inGroup > 0)
    begin += directSteps + (inGroup - 1) * foldedSteps;
  int64_t end = begin + (inGroup == 0 ? directSteps : foldedSteps);
  return {begin, std::min(end, steps)};
}

//===----------------------------------------------------------------------===//
// ShootingPlan
//===----------------------------------------------------------------------===//

int64_t ShootingPlan::groupsOf(int64_t steps) const {
  int64_t least = variant->segment_lanes * segmentWarmUps * variant->warm_up;
  return std::clamp<int64_t>(steps / least, 1, groups);
}

/// Odd, so that the lanes' addresses, which lie so many steps apart, are not
/// all in one set of a cache.
int64_t ShootingPlan::segmentSteps(int64_t steps,
                                   int64_t sequenceGroups) const {
  int64_t share = steps / (variant->segment_lanes * sequenceGroups);
  return share - (share % 2 == 0);
}

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

int Plan::make(const CheckedArguments &arguments, int32_t threads) {
  if (int status = pickVariant(arguments))
    return status;
  if (int status = measure(arguments))
    return status;
  split(arguments, threads);
  if (int status = planShooting(arguments, threads))
    return status;
  return layOutWorkspace(arguments);
}

int Plan::pickVariant(const CheckedArguments &arguments) {
  const recur_info &info = arguments.info();
  Misfit misfit; // of the last variant that the machine could run
  const recur_cpu_variant *unfit = nullptr, *first = nullptr, *best = nullptr,
                          *segments = nullptr;
  for (int32_t v = 0; v < info.n_cpu_variants; ++v) {
    variant = &info.cpu_variants[v];
    if (variant->level > cpuLevel() || (first && variant->level < first->level))
      continue;
    if (variant->segment_lanes > 0) {
      segments = segments ? segments : variant;
      continue;
    }
    misfit = findMisfit(*variant, arguments);
    if (misfit.argument >= 0) {
      unfit = variant;
      continue;
    }
    if (!first) {
      first = best = variant;
    } else if (bytesOverTime(*first, arguments) <= cachedBytes &&
               // (where memory is the limit, the first is the best)
               costOfComputing(*variant, arguments) <
                   otherVariantGain * costOfComputing(*best, arguments)) {
      best = variant;
    }
  }
  shooting = {};
  shooting.variant = segments;
  // One segment of all of time is in order, too.
  variant = best ? best : segments;
  if (variant)
    return RECUR_OK;
  if (info.n_cpu_variants == 0)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': expected code for the CPU in the artifact, "
                "found only targets: %s",
                info.name, info.targets ? info.targets : "none");
  if (!unfit)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': expected a machine of level x86-64-v%d or "
                "higher, found a lower one",
                info.name, info.cpu_variants[info.n_cpu_variants - 1].level);
  return fail(RECUR_UNSUPPORTED,
              "recurrence '%s': no variant of the artifact takes these "
              "strides; expected stride 1 along '%s' in argument '%s', found "
              "%" PRId64,
              info.name, info.dims[contiguousDim(*unfit)].name,
              info.arguments[misfit.argument].name,
              arguments.stride(misfit.argument, misfit.axis));
}

int recur::runtime::checkNothingToWrite(const CheckedArguments &arguments,
                                        const int32_t *parallelDims,
                                        int32_t parallelRank) {
  const recur_info &info = arguments.info();
  int32_t empty = 0;
  for (int32_t k = 0; k < parallelRank; ++k)
    if (arguments.size(parallelDims[k]) == 0)
      empty = parallelDims[k];
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    const recur_argument &argument = info.arguments[a];
    if (argument.role != RECUR_RESULT && argument.role != RECUR_FINAL)
      continue;
    bool hasElements = true;
    for (int32_t k = 0; k < argument.rank; ++k)
      hasElements &= arguments.size(argument.dims[k]) > 0;
    if (hasElements)
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': expected '%s' to have elements, found size "
                  "0; the argument '%s', which lacks '%s', could not be "
                  "written",
                  info.name, info.dims[empty].name, argument.name,
                  info.dims[empty].name);
  }
  return RECUR_OK;
}

int Plan::measure(const CheckedArguments &arguments) {
  items = 1;
  for (int32_t k = 0; k < variant->parallel_rank; ++k) {
    int32_t dim = variant->parallel_dims[k];
    int64_t count = arguments.size(dim);
    if (dim == variant->lane_dim)
      count = divideUp(count, std::max<int64_t>(variant->item_lanes, 1));
    if (__builtin_mul_overflow(items, count, &items))
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': expected fewer than 2^63 parallel elements",
                  arguments.info().name);
  }
  if (items == 0)
    if (int status = checkNothingToWrite(arguments, variant->parallel_dims,
                                         variant->parallel_rank))
      return status;
  if (evaluate(variant->carry_bytes, arguments, carryBytes) &&
      evaluate(variant->summary_bytes, arguments, summaryBytes) &&
      evaluate(variant->scratch_bytes, arguments, scratchBytes))
    return RECUR_OK;
  return fail(RECUR_OUT_OF_MEMORY,
              "recurrence '%s': the states of one element exceed 2^63 bytes",
              arguments.info().name);
}

void Plan::split(const CheckedArguments &arguments, int32_t threads) {
  // Nanoseconds of one item at one time.
  double computing = std::max(variant->step_cost_ns, 0.01);
  double moving = std::max(variant->step_bytes, 1.0) *
                  shareOfLanes(*variant, arguments) / bytesPerNanosecond;
  double stepCost = std::max(computing, moving);
  double steps = static_cast<double>(arguments.time());
  double longest = static_cast<double>(arguments.longestSequence());
  double elements = static_cast<double>(items) * steps;
  threads = std::max<int32_t>(
      1, static_cast<int32_t>(std::min<double>(
             threads, elements * computing / nanosecondsPerBody)));

  // Split over items (and sequences): the slowest thread runs the longest
  // sequence, or its share of the rounds.
  double wholeCost = std::max(elements / threads, longest) * stepCost;
  if (arguments.sequences() == 1) {
    int64_t share = divideUp(items, threads);
    double cost = cutsRows(*variant, arguments, share)
                      ? std::max(computing, cutRowsCost * moving)
                      : stepCost;
    wholeCost = static_cast<double>(share) * steps * cost;
  }

  // Split over time: in the time of one direct tile every other thread folds
  // and replays a tile that is shorter by `folding`.
  double folding = costOfFolding(computing, variant->fold_cost_ns, moving);
  double tileSteps =
      tileBytes / (static_cast<double>(std::max<int64_t>(items, 1)) * moving *
                   bytesPerNanosecond);
  tileSteps = std::min(tileSteps, longest / (4.0 * threads));
  tiling = {alignSteps(tileSteps * folding), alignSteps(tileSteps), threads};
  double splitCost =
      elements * stepCost / (1.0 + (threads - 1) / folding) +
      static_cast<double>(tiling.count(arguments.longestSequence())) *
          nanosecondsPerTile;
  splitsTime = threads > 1 && variant->fold && variant->advance &&
               splitCost < splitTimeGain * wholeCost;
  if (splitsTime) {
    bodies = threads;
    itemBlocks = sequenceBlocks = 1;
    blockItems = items;
    return;
  }

  // Some blocks more than threads, so that a slow thread does not hold up the
  // rest; but where memory is the limit, wide enough to read rows in pieces of
  // a page.
  int64_t least = threads * (computing > moving ? int64_t(8) : pageItems);
  int64_t wanted = threads;
  if (threads > 1)
    wanted *= items >= 4 * least ? 4 : items >= 2 * least ? 2 : 1;
  int64_t most =
      std::max<int64_t>(1, blockCarryBytes / std::max<int64_t>(carryBytes, 1));
  itemBlocks =
      std::max({std::min(items, wanted), divideUp(items, most), int64_t(1)});
  blockItems = divideUp(items, itemBlocks);
  sequenceBlocks = 1;
  if (threads > 1 && itemBlocks < wanted)
    sequenceBlocks = std::max<int64_t>(
        1, std::min(arguments.sequences(), divideUp(4 * threads, itemBlocks)));
  bodies = static_cast<int32_t>(
      std::min<int64_t>(threads, itemBlocks * sequenceBlocks));
}

/// Decides whether segments run at once. Nanoseconds of all sequences, of which
/// a thread has its share.
int Plan::planShooting(const CheckedArguments &arguments, int32_t threads) {
  const recur_cpu_variant *segments = shooting.variant;
  shooting.variant = nullptr;
  if (!segments || items == 0)
    return RECUR_OK;
  int64_t lanes = segments->segment_lanes;
  ShootingPlan s = {};
  s.variant = segments;
  s.items = 1;
  for (int32_t k = 0; k < segments->parallel_rank; ++k)
    if (__builtin_mul_overflow(
            s.items, arguments.size(segments->parallel_dims[k]), &s.items))
      return RECUR_OK;
  s.leastSteps = lanes * 2 * segments->warm_up;
  int64_t longest = arguments.longestSequence();
  if (s.items == 0 || longest < s.leastSteps)
    return RECUR_OK;
  s.groups = std::clamp<int64_t>(
      longest / (lanes * segmentWarmUps * segments->warm_up), 1, threads);
  s.blockItems = std::min(s.items, shootingItems);
  s.bodies =
      static_cast<int32_t>(std::min<int64_t>(threads, s.groups * s.blocks()));

  double steps = static_cast<double>(arguments.time());
  double perSegment =
      static_cast<double>(longest) / static_cast<double>(lanes * s.groups);
  double passCost = static_cast<double>(s.items) * steps /
                    static_cast<double>(lanes * s.bodies) *
                    segments->step_cost_ns;
  double shootingCost = passCost * (1.0 + 1.5 * segments->warm_up / perSegment);
  // In order a thread waits for a step where it has few others to do.
  double blockCost =
      std::max(static_cast<double>(blockItems) * variant->step_cost_ns,
               variant->step_latency_ns);
  double parallel =
      std::min<double>(threads, static_cast<double>(itemBlocks) *
                                    static_cast<double>(arguments.sequences()));
  double orderedCost =
      std::max(static_cast<double>(itemBlocks) * steps / parallel,
               static_cast<double>(longest)) *
      blockCost;
  // (what takes no longer than to wake a thread stays as it is)
  if (variant != segments && (shootingCost > shootingGain * orderedCost ||
                              orderedCost < 4 * nanosecondsPerBody))
    return RECUR_OK;
  s.mostPasses = shootingGain * orderedCost / passCost;

  bool fits = evaluate(segments->carry_bytes, arguments, s.carryBytes) &&
              evaluate(segments->scratch_bytes, arguments, s.scratchBytes);
  auto times = [&](int64_t x, int64_t y) {
    int64_t product = 0;
    fits &= !__builtin_mul_overflow(x, y, &product);
    return product;
  };
  auto plus = [&](int64_t x, int64_t y) {
    int64_t sum = 0;
    fits &= !__builtin_add_overflow(x, y, &sum);
    return sum;
  };
  s.reportBytes = plus(times(s.items, sizeof(recur_channel_report)), 63) & -64;
  s.markBytes =
      plus(plus(arguments.sequences(), times(s.groups, s.blocks())), 63) & -64;
  s.edgeBytes = times(times(s.groups, s.items), s.carryBytes);
  s.bytes = plus(plus(s.reportBytes, s.markBytes),
                 plus(times(2, s.edgeBytes), times(s.bodies, s.scratchBytes)));
  if (fits)
    shooting = s;
  return RECUR_OK;
}

int Plan::layOutWorkspace(const CheckedArguments &arguments) {
  bool fits = true;
  auto times = [&](int64_t x, int64_t y) {
    int64_t product = 0;
    fits &= !__builtin_mul_overflow(x, y, &product);
    return product;
  };
  auto plus = [&](int64_t x, int64_t y) {
    int64_t sum = 0;
    fits &= !__builtin_add_overflow(x, y, &sum);
    return sum;
  };
  // Shared when time is split: the running state, and for each sequence its
  // first ticket and its count of replayed tiles.
  sharedBytes = 0;
  if (splitsTime) {
    int64_t tables = plus(times(arguments.sequences(), 16), 8 + 63) & -64;
    sharedBytes = plus(times(items, carryBytes), tables);
  }
  int64_t states =
      times(bodyItems(), plus(carryBytes, splitsTime ? summaryBytes : 0));
  bodyBytes = plus(states, scratchBytes);
  workspaceBytes = plus(sharedBytes, times(bodyBytes, bodies));
  if (shooting.variant)
    workspaceBytes = plus(workspaceBytes, shooting.bytes);
  if (workspaceBytes > 0)
    workspaceBytes = plus(workspaceBytes, 63); // any address is made to do
  if (fits)
    return RECUR_OK;
  return fail(RECUR_OUT_OF_MEMORY,
              "recurrence '%s': the workspace exceeds 2^63 bytes",
              arguments.info().name);
}
