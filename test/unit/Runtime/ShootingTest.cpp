//===-- ShootingTest.cpp - segments of time at once -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Multiple shooting over hand-written kernels of h = a h + x in f64, which
/// forgets as fast as a says: results have the bits of one step after the
/// other, and the report says how they came to be.
#include <recur/runtime.h>

#include "gtest/gtest.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace {

enum Dim { B, T, D, S };
constexpr int32_t sequenceDims[] = {B, T, D}, stateDims[] = {B, D},
                  packedDims[] = {T, D}, packedState[] = {S, D},
                  segmentDims[] = {S}, channelDims[] = {D};
constexpr DLDataType f64 = {kDLFloat, 64, 1}, i32 = {kDLInt, 32, 1};
constexpr int64_t lanes = 8, warmUp = 64;

/// Calls of the kernels since they were last set to zero.
std::atomic<int> folds, segmentRuns, orderedRuns;

/// Arguments a, x, h0, (cu,) y, h_last. `Lanes` of 1: in order.
template <bool Packed, bool Reverse, int64_t Lanes> struct Kernels {
  static constexpr int Y = Packed ? 4 : 3, Rank = Packed ? 2 : 3;

  static double &at(const recur_frame *f, int argument, int64_t b, int64_t t,
                    int64_t d) {
    int64_t first = argument == 0   ? 0
                    : argument == 1 ? Rank
                                    : 2 * Rank + 2 + Packed;
    const int64_t *s = f->strides + first;
    return static_cast<double *>(
        f->data[argument])[Packed ? t * s[0] + d * s[1]
                                  : b * s[0] + t * s[1] + d * s[2]];
  }
  static double &state(const recur_frame *f, int argument, int64_t outer,
                       int64_t d) {
    int64_t first = argument == 2 ? 2 * Rank : 3 * Rank + 2 + Packed;
    const int64_t *s = f->strides + first;
    return static_cast<double *>(f->data[argument])[outer * s[0] + d * s[1]];
  }
  template <typename Visit>
  static void forItems(const recur_frame *f, const recur_tile *tile,
                       void *carry, Visit visit) {
    int64_t channels = f->sizes[D];
    for (int64_t item = tile->item_begin; item < tile->item_end; ++item)
      visit(static_cast<double *>(carry) + (item - tile->item_begin) * 8,
            Packed ? 0 : item / channels, item % channels);
  }
  static void start(const recur_frame *f, const recur_tile *tile, void *carry,
                    void *, void *) {
    forItems(f, tile, carry, [&](double *h, int64_t b, int64_t d) {
      for (int64_t lane = 0; lane < Lanes; ++lane)
        h[lane] = state(f, 2, Packed ? tile->segment : b, d);
    });
  }
  template <bool Writes>
  static void run(const recur_frame *f, const recur_tile *tile, void *carry,
                  void *, void *) {
    ++(!Writes                              ? folds
       : Lanes == 1 || !tile->segment_steps ? orderedRuns
                                            : segmentRuns);
    forItems(f, tile, carry, [&](double *h, int64_t b, int64_t d) {
      for (int64_t k = 0; k < tile->end - tile->begin; ++k)
        for (int64_t lane = 0; lane < Lanes; ++lane) {
          int64_t ahead = lane * tile->segment_steps;
          int64_t t =
              Reverse ? tile->end - 1 - k - ahead : tile->begin + k + ahead;
          ASSERT_GE(t, tile->sequence_begin);
          ASSERT_LT(t, tile->sequence_end);
          h[lane] = at(f, 0, b, t, d) * h[lane] + at(f, 1, b, t, d);
          if (Writes)
            at(f, Y, b, t, d) = h[lane];
        }
    });
  }
  static void finish(const recur_frame *f, const recur_tile *tile, void *carry,
                     void *, void *) {
    forItems(f, tile, carry, [&](double *h, int64_t b, int64_t d) {
      state(f, Y + 1, Packed ? tile->segment : b, d) = h[Lanes - 1];
    });
  }
  static recur_cpu_variant describe() {
    recur_cpu_variant v = {};
    v.name = Lanes > 1 ? "segments" : "in order";
    v.parallel_rank = Packed ? 1 : 2;
    v.parallel_dims = Packed ? channelDims : stateDims;
    v.lane_dim = v.contiguous_dim = -1;
    v.item_lanes = 1;
    v.carry_bytes = {64, 0, 0};
    v.scratch_bytes = {64, 0, 0};
    v.step_cost_ns = 10;
    v.step_latency_ns = 10;
    v.step_bytes = 24;
    v.start = start;
    v.replay = run<true>;
    v.finish = finish;
    if (Lanes > 1) {
      v.segment_lanes = Lanes;
      v.number_bytes = 8;
      v.warm_up = warmUp;
      v.max_passes = 16;
      v.fold = run<false>;
    }
    return v;
  }
};

struct Problem {
  int64_t b = 1, t = 4096, d = 2;
  double decay = 0.25;
  bool reverse = false, packed = false, ordered = true;
  std::vector<int32_t> cumulative = {};
  std::vector<double> a = {}, x = {}, h0 = {}, y = {}, last = {};

  void fill() {
    int64_t outer = packed ? int64_t(cumulative.size()) - 1 : b;
    std::mt19937 random(1);
    std::uniform_real_distribution<double> number(-1, 1);
    a.assign(b * t * d, decay);
    x.resize(b * t * d);
    h0.resize(outer * d);
    for (double &value : x)
      value = number(random);
    for (double &value : h0)
      value = number(random);
    y.assign(b * t * d, NAN);
    last.assign(outer * d, NAN);
  }

  /// Runs; the report in `report` and `channels`.
  void run(recur_report &report, std::vector<recur_channel_report> &channels) {
    recur_cpu_variant variants[2];
    auto describe = [&](auto kernels) { return decltype(kernels)::describe(); };
    auto both = [&](auto ofSegments, auto inOrder) {
      variants[0] = describe(ofSegments);
      variants[1] = describe(inOrder);
    };
    if (packed && reverse)
      both(Kernels<true, true, lanes>(), Kernels<true, true, 1>());
    else if (packed)
      both(Kernels<true, false, lanes>(), Kernels<true, false, 1>());
    else if (reverse)
      both(Kernels<false, true, lanes>(), Kernels<false, true, 1>());
    else
      both(Kernels<false, false, lanes>(), Kernels<false, false, 1>());
    recur_dim dims[] = {{"b", packed ? 1 : RECUR_DYNAMIC},
                        {"t", RECUR_DYNAMIC},
                        {"d", RECUR_DYNAMIC},
                        {"s", RECUR_DYNAMIC}};
    int32_t rank = packed ? 2 : 3;
    const int32_t *sequence = packed ? packedDims : sequenceDims;
    const int32_t *states = packed ? packedState : stateDims;
    std::vector<recur_argument> arguments = {
        {"a", RECUR_INPUT, f64, rank, sequence},
        {"x", RECUR_INPUT, f64, rank, sequence},
        {"h0", RECUR_INITIAL, f64, 2, states}};
    if (packed)
      arguments.push_back({"cu", RECUR_SEGMENTS, i32, 1, segmentDims});
    arguments.push_back({"y", RECUR_RESULT, f64, rank, sequence});
    arguments.push_back({"last", RECUR_FINAL, f64, 2, states});
    recur_info info = {};
    info.abi_version = RECUR_ABI_VERSION;
    info.flags = reverse ? RECUR_REVERSE : 0;
    info.name = "forgets";
    info.source_hash = "0";
    info.targets = "cpu";
    info.n_dims = packed ? 4 : 3;
    info.n_arguments = int32_t(arguments.size());
    info.n_cpu_variants = ordered ? 2 : 1;
    info.time_dim = T;
    info.segment_dim = packed ? S : -1;
    info.dims = dims;
    info.arguments = arguments.data();
    info.cpu_variants = variants;

    int64_t outer = packed ? int64_t(cumulative.size()) - 1 : b;
    int64_t full[] = {b, t, d}, flat[] = {t, d}, small[] = {outer, d},
            bounds[] = {outer + 1};
    std::vector<DLTensor> tensors;
    auto add = [&](void *data, DLDataType type, int32_t axes, int64_t *shape) {
      tensors.push_back({data, {kDLCPU, 0}, axes, type, shape, nullptr, 0});
    };
    add(a.data(), f64, rank, packed ? flat : full);
    add(x.data(), f64, rank, packed ? flat : full);
    add(h0.data(), f64, 2, small);
    if (packed)
      add(cumulative.data(), i32, 1, bounds);
    add(y.data(), f64, rank, packed ? flat : full);
    add(last.data(), f64, 2, small);
    std::vector<const DLTensor *> list;
    for (DLTensor &tensor : tensors)
      list.push_back(&tensor);
    folds = segmentRuns = orderedRuns = 0;
    int32_t count = int32_t(list.size());
    ASSERT_EQ(recur_call(&info, list.data(), count, nullptr, 0, nullptr),
              RECUR_OK)
        << recur_last_error();
    channels.assign(b * d, {});
    ASSERT_EQ(recur_read_report(&info, list.data(), count, nullptr, 0, &report,
                                channels.data(), b * d),
              RECUR_OK)
        << recur_last_error();
  }

  /// One step after the other; the first difference in bits, or nothing.
  std::string compare() {
    int64_t outer = packed ? int64_t(cumulative.size()) - 1 : b;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t c = 0; c < d; ++c) {
        int64_t first = packed ? cumulative[o] : 0,
                end = packed ? cumulative[o + 1] : t;
        double h = h0[o * d + c];
        auto differs = [&](double found) {
          return std::memcmp(&h, &found, sizeof(h)) != 0 &&
                 !(std::isnan(h) && std::isnan(found));
        };
        for (int64_t k = first; k < end; ++k) {
          int64_t time = reverse ? first + end - 1 - k : k;
          int64_t at = ((packed ? 0 : o) * t + time) * d + c;
          h = a[at] * h + x[at];
          if (differs(y[at]))
            return "y at sequence " + std::to_string(o) + ", time " +
                   std::to_string(time) + ", channel " + std::to_string(c);
        }
        if (differs(last[o * d + c]))
          return "last state of sequence " + std::to_string(o);
      }
    return "";
  }
};

TEST(Shooting, MeetsInOnePassWhereTheStepForgets) {
  for (bool reverse : {false, true})
    for (int32_t threads : {1, 3})
      for (int64_t t : {1024, 1025, 1151, 4096, 4097, 8209, 20011})
        for (int64_t d : {1, 2, 17}) {
          ASSERT_EQ(recur_set_num_threads(threads), RECUR_OK);
          Problem problem;
          problem.t = t;
          problem.d = d;
          problem.reverse = reverse;
          problem.fill();
          recur_report report;
          std::vector<recur_channel_report> channels;
          problem.run(report, channels);
          EXPECT_EQ(problem.compare(), "") << t << " " << d;
          if (t < 4 * 1024)
            continue; // (may be too little to do)
          EXPECT_STREQ(report.variant, "segments");
          EXPECT_EQ(report.channels, d);
          EXPECT_EQ(report.finished_in_order, 0);
          EXPECT_EQ(report.passes, 1);
          EXPECT_EQ(report.not_finite, 0);
          EXPECT_EQ(report.residual, 0);
        }
  ASSERT_EQ(recur_set_num_threads(0), RECUR_OK);
}

TEST(Shooting, TakesMorePassesWhereItForgetsSlowly) {
  Problem problem;
  problem.t = 16384;
  problem.d = 1;
  problem.decay = 0.9;
  problem.fill();
  recur_report report;
  std::vector<recur_channel_report> channels;
  problem.run(report, channels);
  EXPECT_EQ(problem.compare(), "");
  EXPECT_EQ(report.finished_in_order, 0);
  EXPECT_EQ(report.passes, 2);
  EXPECT_GT(segmentRuns.load(), 0);
}

TEST(Shooting, RunsInOrderWhatRemembers) {
  for (bool ordered : {true, false})
    for (double decay : {1.0, -1.0, 0.9999}) {
      Problem problem;
      problem.t = 16384;
      problem.d = 7;
      problem.decay = decay;
      problem.ordered = ordered;
      problem.fill();
      recur_report report;
      std::vector<recur_channel_report> channels;
      problem.run(report, channels);
      EXPECT_EQ(problem.compare(), "");
      EXPECT_EQ(report.finished_in_order, 7);
      EXPECT_EQ(report.passes, 0);
      // Nothing is lost to segments first.
      EXPECT_EQ(segmentRuns.load(), 0);
      EXPECT_GT(orderedRuns.load(), 0);
    }
}

/// What the guesses do not show: a part of time that remembers.
TEST(Shooting, FindsAPartThatRemembers) {
  Problem problem;
  problem.t = 16384;
  problem.d = 1;
  problem.fill();
  // Before the last steps of a segment: those are all that guesses run.
  for (int64_t t = 0; t < problem.t; ++t)
    if (t % 2048 < 1500)
      problem.a[t] = 1;
  recur_report report;
  std::vector<recur_channel_report> channels;
  problem.run(report, channels);
  EXPECT_EQ(problem.compare(), "");
}

TEST(Shooting, MeetsOnEveryChannelOrNone) {
  Problem problem;
  problem.t = 16384;
  problem.d = 5;
  problem.fill();
  for (int64_t t = 0; t < problem.t; ++t)
    problem.a[t * 5 + 3] = 1; // one that remembers
  recur_report report;
  std::vector<recur_channel_report> channels;
  problem.run(report, channels);
  EXPECT_EQ(problem.compare(), "");
  EXPECT_EQ(report.finished_in_order, 5);
}

TEST(Shooting, ReportsWhatIsNotFinite) {
  // In the last segment, which meets the others; in an early one, which makes
  // one more segment infinite in each pass; of a step that runs in order
  // anyway.
  struct Case {
    double decay;
    int64_t time;
    bool inOrder;
  };
  for (auto [decay, time, inOrder] :
       {Case{0.25, 16380, false}, {0.25, 100, true}, {1.0, 100, true}}) {
    Problem problem;
    problem.b = 2;
    problem.t = 16384;
    problem.d = 3;
    problem.decay = decay;
    problem.fill();
    // The second channel of the second batch.
    problem.x[(problem.t + time) * 3 + 1] = INFINITY;
    recur_report report;
    std::vector<recur_channel_report> channels;
    problem.run(report, channels);
    EXPECT_EQ(problem.compare(), "");
    EXPECT_EQ(report.finished_in_order, inOrder ? 6 : 0);
    EXPECT_EQ(report.not_finite, 1);
    for (int64_t c = 0; c < 6; ++c)
      EXPECT_EQ((channels[c].flags & RECUR_NOT_FINITE) != 0, c == 4) << c;
  }
}

TEST(Shooting, RunsLongSequencesOfPackedOnes) {
  for (bool reverse : {false, true})
    for (bool ordered : {true, false}) {
      Problem problem;
      problem.packed = true;
      problem.reverse = reverse;
      problem.ordered = ordered;
      problem.d = 3;
      problem.cumulative = {0, 0, 5, 9000, 9001, 9001, 14000, 30000, 30700};
      problem.t = 30700;
      problem.fill();
      recur_report report;
      std::vector<recur_channel_report> channels;
      problem.run(report, channels);
      EXPECT_EQ(problem.compare(), "");
      EXPECT_GT(segmentRuns.load(), 0);
      EXPECT_GT(orderedRuns.load(), 0);
    }
}

TEST(Shooting, EqualCallsGiveEqualBits) {
  Problem problem;
  problem.t = 20011;
  problem.decay = 0.97;
  problem.fill();
  std::vector<double> first;
  for (int32_t threads : {1, 2, 5, 5}) {
    ASSERT_EQ(recur_set_num_threads(threads), RECUR_OK);
    recur_report report;
    std::vector<recur_channel_report> channels;
    problem.run(report, channels);
    if (first.empty())
      first = problem.y;
    EXPECT_EQ(first, problem.y);
  }
  ASSERT_EQ(recur_set_num_threads(0), RECUR_OK);
}

} // namespace
