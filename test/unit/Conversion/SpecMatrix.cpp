//===-- SpecMatrix.cpp - a spec in many calls -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The calls and what is expected of them.
//===----------------------------------------------------------------------===//

#include "SpecMatrix.h"

#include "gtest/gtest.h"

using namespace recur::test;

void recur::test::PrintTo(const Spec &spec, std::ostream *out) {
  *out << spec.name;
}

void recur::test::runSizes(const Spec &parameter) {
  ExecutedSpec spec(parameter.text);
  ASSERT_EQ(spec.error(), "");
  ASSERT_NE(spec.info(), nullptr);
  struct Size {
    int64_t b, t, d, n, s;
  };
  const Size sizes[] = {{1, 1, 1, 1, 1},
                        {2, 2, 31, 3, 2},
                        {1, 31, 32, 16, 4},
                        {3, 33, 33, 5, 1},
                        {2, 97, 17, 2, 7},
                        {1, 1009, 7, 4, 3},
                        {1, 64, 1100, 1, 2},
                        // Several rows in a vector, and one more than fits.
                        {1, 101, 1, 2, 3},
                        {2, 37, 2, 1, 2},
                        {1, 50, 3, 2, 4},
                        {3, 19, 4, 1, 2},
                        {1, 53, 5, 3, 5},
                        {1, 27, 6, 1, 3},
                        {2, 41, 8, 2, 3},
                        {1, 33, 9, 1, 2}};
  unsigned seed = 1;
  for (const Size &size : sizes)
    for (int variant = -1; variant < spec.info()->n_cpu_variants; ++variant)
      for (const char *contiguous : {"", "d", "t"}) {
        Call call;
        call.ranges = parameter.ranges;
        call.sizes = {{"b", size.b},
                      {"t", size.t},
                      {"d", size.d},
                      {"n", size.n},
                      {"s", size.s}};
        call.variant = variant;
        call.contiguous = contiguous;
        // A variant that asks for unit stride gets the layout it asks for,
        // others what is strided, and what is not: there the steps of a lane
        // may lie together.
        std::vector<bool> kinds = {false};
        if (variant >= 0) {
          const recur_cpu_variant &v = spec.info()->cpu_variants[variant];
          if (v.unit_stride_mask) {
            int dim = v.contiguous_dim >= 0 ? v.contiguous_dim : v.lane_dim;
            if (call.contiguous != spec.info()->dims[dim].name)
              continue;
          } else {
            kinds = {true, false};
          }
        }
        for (bool strided : kinds) {
          call.strided = strided;
          call.seed = seed++;
          EXPECT_EQ(spec.run(call), "")
              << "variant " << variant << " b=" << size.b << " t=" << size.t
              << " d=" << size.d << " n=" << size.n << " s=" << size.s
              << " contiguous " << contiguous << " strided " << strided;
        }
      }
}

void recur::test::runGaps(const Spec &parameter) {
  ExecutedSpec spec(parameter.text);
  ASSERT_EQ(spec.error(), "");
  for (int64_t channels : {1, 2, 5, 8}) {
    Call call;
    call.ranges = parameter.ranges;
    call.sizes = {{"b", 2}, {"t", 37}, {"d", channels}, {"n", 2}, {"s", 3}};
    call.contiguous = "d";
    call.padded = true;
    EXPECT_EQ(spec.run(call), "") << channels << " channels";
    // The numbers of a step lie together, and not the steps.
    call.contiguous = "";
    for (int variant = 0; variant < spec.info()->n_cpu_variants; ++variant) {
      if (spec.info()->cpu_variants[variant].unit_stride_mask)
        continue;
      call.variant = variant;
      EXPECT_EQ(spec.run(call), "")
          << channels << " channels, variant " << variant;
    }
  }
}

std::string recur::test::runEmpty(ExecutedSpec &spec, const char *dim) {
  Call call;
  call.sizes = {{"b", 2}, {"t", 5}, {"d", 3}, {"n", 2}, {"s", 2}};
  call.sizes[dim] = 0;
  return spec.run(call);
}

void recur::test::runSplit(const Spec &parameter) {
  ExecutedSpec spec(parameter.text);
  ASSERT_EQ(spec.error(), "");
  Call call;
  call.ranges = parameter.ranges;
  ASSERT_EQ(recur_set_num_threads(4), RECUR_OK);
  // Several rows in a vector, and several vectors a row.
  for (int64_t channels : {3, 8, 40}) {
    int64_t steps = channels > 8 ? 20011 : 100003;
    call.sizes = {{"b", 1}, {"t", steps}, {"d", channels}, {"n", 2}, {"s", 2}};
    EXPECT_EQ(spec.run(call), "") << channels << " channels";
    std::vector<char> first = spec.bits();
    EXPECT_EQ(spec.run(call), "") << channels << " channels";
    EXPECT_EQ(first, spec.bits());
  }
  ASSERT_EQ(recur_set_num_threads(0), RECUR_OK);
}

void recur::test::runShooting(const Spec &parameter, const char *target) {
  ExecutedSpec spec(parameter.text, target);
  ASSERT_EQ(spec.error(), "");
  int shooting = 0;
  while (shooting < spec.info()->n_cpu_variants &&
         !spec.info()->cpu_variants[shooting].segment_lanes)
    ++shooting;
  ASSERT_LT(shooting, spec.info()->n_cpu_variants) << "no lanes of segments";
  const recur_cpu_variant &variant = spec.info()->cpu_variants[shooting];
  int64_t least = 2 * variant.segment_lanes * variant.warm_up;
  ASSERT_EQ(recur_set_num_threads(3), RECUR_OK);
  unsigned seed = 1;
  for (int64_t steps : {least - 1, least, least + 1, 5 * least / 2 + 77})
    for (int64_t channels : {1, 3, 17}) {
      Call call;
      call.ranges = parameter.ranges;
      call.sizes = {
          {"b", 1}, {"t", steps}, {"d", channels}, {"n", 2}, {"s", 1}};
      call.variant = shooting;
      call.strided = channels == 3;
      call.seed = seed++;
      EXPECT_EQ(spec.run(call), "")
          << target << ": " << steps << " steps, " << channels << " channels";
      // Two blocks of the other parallel dims.
      if (channels > 1)
        continue;
      call.sizes["b"] = 2;
      EXPECT_EQ(spec.run(call), "") << target << ": " << steps << " steps, b=2";
    }
  ASSERT_EQ(recur_set_num_threads(0), RECUR_OK);
}

void recur::test::runTarget(const Spec &parameter, const char *target) {
  ExecutedSpec spec(parameter.text, target);
  ASSERT_EQ(spec.error(), "");
  for (int variant = 0; variant < spec.info()->n_cpu_variants; ++variant) {
    Call call;
    call.ranges = parameter.ranges;
    call.sizes = {{"b", 2}, {"t", 37}, {"d", 41}, {"n", 3}, {"s", 3}};
    call.variant = variant;
    const recur_cpu_variant &v = spec.info()->cpu_variants[variant];
    int dim = v.contiguous_dim >= 0 ? v.contiguous_dim : v.lane_dim;
    if (v.unit_stride_mask)
      call.contiguous = spec.info()->dims[dim].name;
    EXPECT_EQ(spec.run(call), "") << target << " " << v.name;
  }
}
