//===-- AffineRecurrence.cpp - hand-written kernels for tests -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The kernels, the description and a sequential reference.
#include "test/unit/Runtime/AffineRecurrence.h"

#include <random>

using namespace recur;
using namespace recur::test;

namespace {

/// Wrapping arithmetic needs unsigned integers.
using Value = uint64_t;
constexpr int64_t maxLanes = 8;

struct Carry {
  Value h[maxLanes];
};
struct Summary {
  Value p[maxLanes], e[maxLanes];
};

template <bool Reverse, bool Segments, int64_t Lanes> struct Kernels {
  // Positions of the arguments in the frame.
  static constexpr int A = 0, X = 1, H0 = 2, Y = Segments ? 4 : 3,
                       Last = Segments ? 5 : 4;
  static constexpr int sequenceRank = Segments ? 2 : 3;

  static Value &sequenceElement(const recur_frame &f, int argument, int64_t b,
                                int64_t t, int64_t d) {
    // Ranks before: a and x are of sequenceRank, h0 of 2, cu of 1.
    int64_t first = argument == A   ? 0
                    : argument == X ? sequenceRank
                                    : 2 * sequenceRank + 2 + Segments;
    const int64_t *s = f.strides + first;
    int64_t offset =
        Segments ? t * s[0] + d * s[1] : b * s[0] + t * s[1] + d * s[2];
    return static_cast<Value *>(f.data[argument])[offset];
  }
  static Value &stateElement(const recur_frame &f, int argument, int64_t outer,
                             int64_t d) {
    int64_t first =
        argument == H0 ? 2 * sequenceRank : 3 * sequenceRank + 2 + Segments;
    const int64_t *s = f.strides + first;
    return static_cast<Value *>(f.data[argument])[outer * s[0] + d * s[1]];
  }

  /// visit(position among the items, batch or segment, lane, channel).
  template <typename Visit>
  static void forLanes(const recur_frame &f, const recur_tile &tile,
                       Visit visit) {
    int64_t channels = f.sizes[AffineRecurrence::D];
    int64_t blocks = (channels + Lanes - 1) / Lanes;
    for (int64_t item = tile.item_begin; item < tile.item_end; ++item)
      for (int64_t lane = 0; lane < Lanes; ++lane) {
        int64_t d = item % blocks * Lanes + lane;
        if (d < channels)
          visit(item - tile.item_begin, Segments ? tile.segment : item / blocks,
                lane, d);
      }
  }

  template <typename Step>
  static void forSteps(const recur_tile &tile, Step step) {
    if (Reverse)
      for (int64_t t = tile.end; t-- > tile.begin;)
        step(t);
    else
      for (int64_t t = tile.begin; t < tile.end; ++t)
        step(t);
  }

  static void start(const recur_frame *f, const recur_tile *tile, void *carry,
                    void *, void *) {
    forLanes(*f, *tile, [&](int64_t i, int64_t outer, int64_t l, int64_t d) {
      static_cast<Carry *>(carry)[i].h[l] = stateElement(*f, H0, outer, d);
    });
  }
  static void fold(const recur_frame *f, const recur_tile *tile, void *,
                   void *summary, void *) {
    forLanes(*f, *tile, [&](int64_t i, int64_t outer, int64_t l, int64_t d) {
      Value p = 1, e = 0;
      forSteps(*tile, [&](int64_t t) {
        Value a = sequenceElement(*f, A, outer, t, d);
        if (a == Value(resetValue)) {
          p = 0;
          e = stateElement(*f, H0, outer, d);
        }
        p = a * p;
        e = a * e + sequenceElement(*f, X, outer, t, d);
      });
      static_cast<Summary *>(summary)[i].p[l] = p;
      static_cast<Summary *>(summary)[i].e[l] = e;
    });
  }
  static void advance(const recur_frame *f, const recur_tile *tile, void *carry,
                      void *summary, void *) {
    forLanes(*f, *tile, [&](int64_t i, int64_t, int64_t l, int64_t) {
      Value &h = static_cast<Carry *>(carry)[i].h[l];
      const Summary &s = static_cast<Summary *>(summary)[i];
      h = s.p[l] * h + s.e[l];
    });
  }
  static void replay(const recur_frame *f, const recur_tile *tile, void *carry,
                     void *, void *scratch) {
    // Scratch is this body's alone: another body's value here would show.
    static_cast<Carry *>(scratch)->h[0] = tile->begin;
    forLanes(*f, *tile, [&](int64_t i, int64_t outer, int64_t l, int64_t d) {
      Value &h = static_cast<Carry *>(carry)[i].h[l];
      forSteps(*tile, [&](int64_t t) {
        Value a = sequenceElement(*f, A, outer, t, d);
        if (a == Value(resetValue))
          h = stateElement(*f, H0, outer, d);
        h = a * h + sequenceElement(*f, X, outer, t, d);
        sequenceElement(*f, Y, outer, t, d) = h;
      });
    });
    if (static_cast<Carry *>(scratch)->h[0] != Value(tile->begin))
      std::abort();
  }
  static void finish(const recur_frame *f, const recur_tile *tile, void *carry,
                     void *, void *) {
    forLanes(*f, *tile, [&](int64_t i, int64_t outer, int64_t l, int64_t d) {
      stateElement(*f, Last, outer, d) = static_cast<Carry *>(carry)[i].h[l];
    });
  }

  static void install(recur_cpu_variant &variant) {
    variant.start = start;
    variant.fold = fold;
    variant.advance = advance;
    variant.replay = replay;
    variant.finish = finish;
  }
};

template <int64_t Lanes>
void install(recur_cpu_variant &variant, bool reverse, bool segments) {
  if (segments)
    reverse ? Kernels<true, true, Lanes>::install(variant)
            : Kernels<false, true, Lanes>::install(variant);
  else
    reverse ? Kernels<true, false, Lanes>::install(variant)
            : Kernels<false, false, Lanes>::install(variant);
}

constexpr int32_t batched[] = {AffineRecurrence::B, AffineRecurrence::T,
                               AffineRecurrence::D};
constexpr int32_t packed[] = {AffineRecurrence::T, AffineRecurrence::D};
constexpr int32_t batchedState[] = {AffineRecurrence::B, AffineRecurrence::D};
constexpr int32_t packedState[] = {AffineRecurrence::S, AffineRecurrence::D};
constexpr int32_t segmentDims[] = {AffineRecurrence::S};
constexpr int32_t channelDims[] = {AffineRecurrence::D};
constexpr DLDataType i64 = {kDLInt, 64, 1}, i32 = {kDLInt, 32, 1};

} // namespace

AffineRecurrence::AffineRecurrence(AffineOptions options) : options(options) {
  dims = {{"b", RECUR_DYNAMIC}, {"t", RECUR_DYNAMIC}, {"d", RECUR_DYNAMIC}};
  if (options.segments) {
    dims[B].size = 1;
    dims.push_back({"s", RECUR_DYNAMIC});
  }
  const int32_t *sequence = options.segments ? packed : batched;
  const int32_t *state = options.segments ? packedState : batchedState;
  int32_t rank = options.segments ? 2 : 3;
  arguments = {{"a", RECUR_INPUT, i64, rank, sequence},
               {"x", RECUR_INPUT, i64, rank, sequence},
               {"h0", RECUR_INITIAL, i64, 2, state}};
  if (options.segments)
    arguments.push_back({"cu", RECUR_SEGMENTS, i32, 1, segmentDims});
  arguments.push_back({"y", RECUR_RESULT, i64, rank, sequence});
  arguments.push_back({"h", RECUR_FINAL, i64, 2, state});

  variant.name = "affine";
  variant.level = RECUR_CPU_BASELINE;
  variant.parallel_rank = options.segments ? 1 : 2;
  variant.parallel_dims = options.segments ? channelDims : batchedState;
  variant.lane_dim = D;
  variant.contiguous_dim = -1;
  variant.item_lanes = options.lanes;
  variant.carry_bytes = {sizeof(Carry), 0, 0};
  variant.summary_bytes = {sizeof(Summary), 0, 0};
  variant.scratch_bytes = {64, 0, 0};
  variant.step_cost_ns = options.stepCost;
  variant.fold_cost_ns = options.stepCost * options.foldCost;
  variant.step_bytes = options.stepBytes;
  if (options.lanes == 1)
    install<1>(variant, options.reverse, options.segments);
  else
    install<4>(variant, options.reverse, options.segments);

  info.abi_version = RECUR_ABI_VERSION;
  info.flags = options.reverse ? RECUR_REVERSE : 0;
  info.name = "affine";
  info.source_hash = "0";
  info.targets = "cpu";
  info.n_dims = static_cast<int32_t>(dims.size());
  info.n_arguments = static_cast<int32_t>(arguments.size());
  info.n_cpu_variants = 1;
  info.time_dim = T;
  info.segment_dim = options.segments ? S : -1;
  info.dims = dims.data();
  info.arguments = arguments.data();
  info.cpu_variants = &variant;
}

AffineProblem::AffineProblem(AffineOptions options, int64_t b, int64_t t,
                             int64_t d, std::vector<int64_t> cumulative,
                             uint32_t seed)
    : options(options), b(b), t(t), d(d), cumulative(std::move(cumulative)) {
  bool segments = options.segments;
  std::vector<int64_t> sequence = {b, t, d};
  if (segments)
    sequence = {t, d};
  auto outer = segments ? static_cast<int64_t>(this->cumulative.size()) - 1 : b;
  a = x = y = Tensor();
  for (Tensor *tensor : {&a, &x, &y, &expectedY})
    *tensor = Tensor(Dtype::I64, sequence);
  for (Tensor *tensor : {&h0, &last, &expectedLast})
    *tensor = Tensor(Dtype::I64, {outer, d});
  std::mt19937_64 random(seed);
  for (Tensor *tensor : {&a, &x, &h0})
    for (int64_t k = 0; k < tensor->count(); ++k)
      tensor->as<int64_t>()[k] = static_cast<int64_t>(random() | 1);
  for (int64_t k = 0; k < a.count(); ++k)
    if (random() % 61 == 0)
      a.as<int64_t>()[k] = resetValue;
  if (segments) {
    cu = Tensor(Dtype::I32, {outer + 1});
    for (int64_t k = 0; k <= outer; ++k)
      cu.as<int32_t>()[k] = static_cast<int32_t>(this->cumulative[k]);
  }

  for (int64_t o = 0; o < outer; ++o)
    for (int64_t c = 0; c < d; ++c) {
      int64_t begin = segments ? this->cumulative[o] : 0;
      int64_t end = segments ? this->cumulative[o + 1] : t;
      auto initial = static_cast<Value>(h0.as<int64_t>()[o * d + c]),
           h = initial;
      for (int64_t k = 0; k < end - begin; ++k) {
        int64_t step = options.reverse ? end - 1 - k : begin + k;
        int64_t at = ((segments ? 0 : o * t) + step) * d + c;
        auto factor = static_cast<Value>(a.as<int64_t>()[at]);
        if (factor == Value(resetValue))
          h = initial;
        h = factor * h + static_cast<Value>(x.as<int64_t>()[at]);
        expectedY.as<int64_t>()[at] = static_cast<int64_t>(h);
      }
      expectedLast.as<int64_t>()[o * d + c] = static_cast<int64_t>(h);
    }
  poison();
}

void AffineProblem::poison() {
  for (Tensor *tensor : {&y, &last})
    for (int64_t k = 0; k < tensor->count(); ++k)
      tensor->as<int64_t>()[k] = -0x7ead;
}

ArgumentList AffineProblem::call() {
  ArgumentList list;
  for (Tensor *tensor : {&a, &x, &h0})
    list.push(*tensor);
  if (options.segments)
    list.push(cu);
  list.push(y);
  list.push(last);
  return list;
}

std::string AffineProblem::difference() const {
  auto compare = [](const char *name, const Tensor &found,
                    const Tensor &expected) -> std::string {
    for (int64_t k = 0; k < expected.count(); ++k)
      if (found.as<int64_t>()[k] != expected.as<int64_t>()[k])
        return std::string(name) + " differs first at element " +
               std::to_string(k) + " of " + std::to_string(expected.count());
    return "";
  };
  std::string text = compare("y", y, expectedY);
  return text.empty() ? compare("final h", last, expectedLast) : text;
}
