//===-- ArgumentsTest.cpp - what wrong arguments are told -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// One test a check: the status, the whole text, and that nothing was written.
#include "test/unit/Runtime/AffineRecurrence.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

using namespace recur;
using namespace recur::test;

namespace {

/// A right call of affine(a[b,t,d], x, h0[b,d]) -> (y, final h) with b = 2,
/// t = 6, d = 3, which each test breaks in one way.
class Arguments : public testing::Test {
protected:
  enum { A, X, H0, Y, H };

  /// The error text after breaking the call with `change`.
  std::string errorAfter(const std::function<void(ArgumentList &)> &change,
                         int expectedStatus = RECUR_INVALID_ARGUMENT) {
    ArgumentList list = problem.call();
    change(list);
    return error(list.pointers(), list.size(), expectedStatus);
  }
  std::string error(const DLTensor *const *tensors, int32_t count,
                    int expectedStatus) {
    problem.poison();
    int status =
        recur_call(&recurrence.info, tensors, count, nullptr, 0, nullptr);
    EXPECT_EQ(status, expectedStatus);
    if (status != RECUR_OK)
      for (const Tensor *result : {&problem.y, &problem.last})
        for (int64_t k = 0; k < result->count(); ++k)
          EXPECT_EQ(result->as<int64_t>()[k], -0x7ead)
              << "written although an error was reported";
    return recur_last_error();
  }

  AffineRecurrence recurrence{{}};
  AffineProblem problem{{}, 2, 6, 3};
};

/// The same for packed sequences: a[t,d], x, h0[s,d], cu[s+1] -> (y, h).
class SegmentArguments : public testing::Test {
protected:
  std::string errorWith(std::vector<int32_t> cumulative) {
    AffineProblem problem(options, 1, 6, 3, {0, 2, 6});
    for (size_t k = 0; k < cumulative.size(); ++k)
      problem.cu.as<int32_t>()[k] = cumulative[k];
    ArgumentList list = problem.call();
    EXPECT_EQ(recur_call(&recurrence.info, list.pointers(), list.size(),
                         nullptr, 0, nullptr),
              RECUR_INVALID_ARGUMENT);
    EXPECT_EQ(problem.y.as<int64_t>()[0], -0x7ead);
    return recur_last_error();
  }

  AffineOptions options{.segments = true};
  AffineRecurrence recurrence{options};
};

} // namespace

TEST_F(Arguments, ARightCallLeavesNoError) {
  EXPECT_NE(errorAfter([](ArgumentList &l) { l[A].ndim = 2; }), "");
  EXPECT_EQ(errorAfter([](ArgumentList &) {}, RECUR_OK), "");
  EXPECT_EQ(problem.difference(), "");
}

TEST_F(Arguments, NullDescription) {
  EXPECT_EQ(recur_call(nullptr, nullptr, 0, nullptr, 0, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(), "expected the description of a recurrence, "
                                   "found a null pointer");
}

TEST_F(Arguments, OtherAbi) {
  recurrence.info.abi_version = RECUR_ABI_VERSION + 1;
  EXPECT_EQ(errorAfter([](ArgumentList &) {}, RECUR_ABI_MISMATCH),
            "the artifact was made for version 6 of the runtime's ABI, this "
            "runtime has version 5");
}

TEST_F(Arguments, MissingAndExtraArguments) {
  ArgumentList list = problem.call();
  EXPECT_EQ(error(list.pointers(), 4, RECUR_INVALID_ARGUMENT),
            "recurrence 'affine': expected 5 arguments, found 4");
  EXPECT_EQ(error(list.pointers(), 6, RECUR_INVALID_ARGUMENT),
            "recurrence 'affine': expected 5 arguments, found 6");
  EXPECT_EQ(error(nullptr, 5, RECUR_INVALID_ARGUMENT),
            "recurrence 'affine': expected an array of 5 arguments, found a "
            "null pointer");
  const DLTensor *tensors[5];
  std::copy_n(list.pointers(), 5, tensors);
  tensors[X] = nullptr;
  EXPECT_EQ(error(tensors, 5, RECUR_INVALID_ARGUMENT),
            "recurrence 'affine': argument 'x': expected a tensor, found a "
            "null pointer");
}

TEST_F(Arguments, Device) {
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[X].device = {kDLCUDA, 1}; },
                       RECUR_UNSUPPORTED),
            "recurrence 'affine': argument 'x': expected a tensor on the CPU, "
            "found one on CUDA device 1; no code in the artifact runs there "
            "(its targets: cpu)");
  // Pinned memory is host memory.
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[X].device = {kDLCUDAHost, 0}; },
                       RECUR_OK),
            "");
}

TEST_F(Arguments, TypeOfElements) {
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[A].dtype = {kDLFloat, 32, 1}; }),
            "recurrence 'affine': argument 'a': expected dtype i64, found f32");
  EXPECT_EQ(
      errorAfter([](ArgumentList &l) { l[A].dtype = {kDLBfloat, 16, 1}; }),
      "recurrence 'affine': argument 'a': expected dtype i64, found bf16");
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[A].dtype = {kDLInt, 64, 2}; }),
            "recurrence 'affine': argument 'a': expected dtype i64, found "
            "DLPack type code 0 with 64 bits and 2 lanes");
}

TEST_F(Arguments, BoolTakesBytes) {
  recurrence.arguments[A].dtype = {RECUR_DL_BOOL, 8, 1};
  EXPECT_EQ(errorAfter([](ArgumentList &) {}),
            "recurrence 'affine': argument 'a': expected dtype bool, found "
            "i64");
  Tensor flags(Dtype::Bool, {2, 6, 3});
  for (uint8_t code : {RECUR_DL_BOOL, int(kDLUInt)}) {
    ArgumentList list = problem.call();
    list[A] = flags.dl();
    list[A].dtype.code = code;
    size_t bytes;
    EXPECT_EQ(
        recur_workspace(&recurrence.info, list.pointers(), list.size(), &bytes),
        RECUR_OK)
        << recur_last_error();
  }
}

TEST_F(Arguments, Rank) {
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[H0].ndim = 1; }),
            "recurrence 'affine': argument 'h0': expected rank 2 [b,d], found "
            "rank 1");
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[H0].shape = nullptr; }),
            "recurrence 'affine': argument 'h0': expected a shape, found a "
            "null pointer");
}

TEST_F(Arguments, Sizes) {
  int64_t other[] = {2, 7, 3}, negative[] = {2, -1, 3}, state[] = {2, 4};
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[X].shape = other; }),
            "recurrence 'affine': argument 'x': expected size 6 of dimension 1 "
            "(t, as in argument 'a'), found 7");
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[H].shape = state; }),
            "recurrence 'affine': argument 'h': expected size 3 of dimension 1 "
            "(d, as in argument 'a'), found 4");
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[A].shape = negative; }),
            "recurrence 'affine': argument 'a': expected a non-negative size "
            "of dimension 1 (t), found -1");
  recurrence.dims[AffineRecurrence::D].size = 16;
  EXPECT_EQ(errorAfter([](ArgumentList &) {}),
            "recurrence 'affine': argument 'a': expected size 16 of dimension "
            "2 (d, fixed by the recurrence), found 3");
}

TEST_F(Arguments, SizesThatOverflow) {
  int64_t huge[] = {int64_t(1) << 31, int64_t(1) << 31, 3};
  int64_t far[] = {int64_t(1) << 60, 3, 1};
  EXPECT_EQ(errorAfter([&](ArgumentList &l) {
              l[A].shape = huge;
              l[A].strides = nullptr;
            }),
            "recurrence 'affine': argument 'a': expected a size in bytes below "
            "2^63, found a shape and strides that overflow it");
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[X].strides = far; }),
            "recurrence 'affine': argument 'x': expected a size in bytes below "
            "2^63, found a shape and strides that overflow it");
}

TEST_F(Arguments, Memory) {
  EXPECT_EQ(errorAfter([](ArgumentList &l) { l[X].data = nullptr; }),
            "recurrence 'affine': argument 'x': expected memory, found a null "
            "data pointer");
  std::string text = errorAfter([](ArgumentList &l) { l[X].byte_offset = 4; });
  EXPECT_EQ(text.substr(0, text.find("0x")),
            "recurrence 'affine': argument 'x': expected memory aligned to 8 "
            "bytes, found address ");
}

TEST_F(Arguments, ByteOffsetAndCompactStrides) {
  std::vector<int64_t> memory(10 + 36);
  std::copy_n(problem.a.as<int64_t>(), 36, memory.data() + 10);
  EXPECT_EQ(errorAfter(
                [&](ArgumentList &l) {
                  l[A].data = memory.data();
                  l[A].byte_offset = 80;
                  l[A].strides = nullptr;
                },
                RECUR_OK),
            "");
  EXPECT_EQ(problem.difference(), "");
}

TEST_F(Arguments, ResultsOfSharedElements) {
  int64_t broadcast[] = {18, 0, 1}, folded[] = {18, 2, 1};
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[Y].strides = broadcast; }),
            "recurrence 'affine': argument 'y': expected a result whose "
            "elements are distinct memory, found stride 0 in dimension 1 (t) "
            "of size 6");
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[Y].strides = folded; }),
            "recurrence 'affine': argument 'y': expected a result whose "
            "elements are distinct memory, found strides that make it overlap "
            "itself");
  // An input may repeat itself.
  EXPECT_EQ(
      errorAfter([&](ArgumentList &l) { l[X].strides = broadcast; }, RECUR_OK),
      "");
}

TEST_F(Arguments, ResultsOverOtherArguments) {
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[Y].data = l[A].data; }),
            "recurrence 'affine': argument 'y': expected memory apart from "
            "argument 'a', found an overlap");
  EXPECT_EQ(errorAfter([&](ArgumentList &l) { l[H].data = l[Y].data; }),
            "recurrence 'affine': argument 'y': expected memory apart from "
            "argument 'h', found an overlap");
  // Exactly the start state is fine for the final one, a part of it is not.
  EXPECT_EQ(
      errorAfter([&](ArgumentList &l) { l[H].data = l[H0].data; }, RECUR_OK),
      "");
  Tensor wide(Dtype::I64, {3, 3});
  EXPECT_EQ(errorAfter([&](ArgumentList &l) {
              l[H0].data = wide.data();
              l[H].data = wide.as<int64_t>() + 3;
            }),
            "recurrence 'affine': argument 'h': expected memory apart from "
            "argument 'h0' or exactly the same, found a partial overlap");
}

// Columns of one buffer lie between each other without sharing any memory.
TEST_F(Arguments, InterleavedViewsAreApart) {
  Tensor both(Dtype::I64, {2, 6, 6});
  Tensor left = both.sliced(2, 0, 6, 2), right = both.sliced(2, 1, 6, 2);
  left.forEach([&, k = 0](int64_t offset) mutable {
    left.as<int64_t>()[offset] = problem.a.as<int64_t>()[k++];
  });
  EXPECT_EQ(errorAfter(
                [&](ArgumentList &l) {
                  l[A] = left.dl();
                  l[Y] = right.dl();
                },
                RECUR_OK),
            "");
  EXPECT_EQ(right.compacted().as<int64_t>()[35],
            problem.expectedY.as<int64_t>()[35]);
}

TEST_F(Arguments, Accesses) {
  // h0[b, d/2 + 1] of size 3, say: the step reads up to (d - 1 + 2) / 2.
  recur_access access = {H0, 1, AffineRecurrence::T, 2, 2, 0};
  recurrence.info.n_accesses = 1;
  recurrence.info.accesses = &access;
  EXPECT_EQ(errorAfter([](ArgumentList &) {}),
            "recurrence 'affine': argument 'h0': expected dimension 1 (d) to "
            "hold the indices 1 to 3 that the step reads, found size 3");
  access.modulus = 3;
  EXPECT_EQ(errorAfter([](ArgumentList &) {}, RECUR_OK), "");
  access = {H0, 1, AffineRecurrence::D, -1, 1, 0};
  EXPECT_EQ(errorAfter([](ArgumentList &) {}),
            "recurrence 'affine': argument 'h0': expected dimension 1 (d) to "
            "hold the indices -1 to 1 that the step reads, found size 3");
  access = {H0, 1, -1, 3, 1, 0};
  EXPECT_EQ(errorAfter([](ArgumentList &) {}),
            "recurrence 'affine': argument 'h0': expected dimension 1 (d) to "
            "hold the indices 3 to 3 that the step reads, found size 3");
  access.offset = 2;
  EXPECT_EQ(errorAfter([](ArgumentList &) {}, RECUR_OK), "");
}

TEST_F(Arguments, NoVariantForTheMachine) {
  recurrence.variant.level = 99;
  EXPECT_EQ(errorAfter([](ArgumentList &) {}, RECUR_UNSUPPORTED),
            "recurrence 'affine': expected a machine of level x86-64-v99 or "
            "higher, found a lower one");
  recurrence.info.n_cpu_variants = 0;
  recurrence.info.targets = "sm_90a";
  EXPECT_EQ(errorAfter([](ArgumentList &) {}, RECUR_UNSUPPORTED),
            "recurrence 'affine': expected code for the CPU in the artifact, "
            "found only targets: sm_90a");
}

// The first variant whose wishes hold is picked.
TEST_F(Arguments, PicksByStrides) {
  recur_cpu_variant variants[2] = {recurrence.variant, recurrence.variant};
  variants[0].name = "contiguous";
  variants[0].unit_stride_mask = 1u << A | 1u << H;
  recurrence.info.cpu_variants = variants;
  recurrence.info.n_cpu_variants = 2;
  const char *name = nullptr;
  ArgumentList list = problem.call();
  ASSERT_EQ(recur_select(&recurrence.info, list.pointers(), list.size(), &name),
            RECUR_OK);
  EXPECT_STREQ(name, "contiguous");
  int64_t permuted[] = {18, 1, 6};
  list[X].strides = permuted; // not one of the mask
  recur_select(&recurrence.info, list.pointers(), list.size(), &name);
  EXPECT_STREQ(name, "contiguous");
  list[A].strides = permuted;
  recur_select(&recurrence.info, list.pointers(), list.size(), &name);
  EXPECT_STREQ(name, "affine");
  variants[0].contiguous_dim = AffineRecurrence::T;
  recur_select(&recurrence.info, list.pointers(), list.size(), &name);
  EXPECT_STREQ(name, "contiguous");
  // Nothing left that takes these strides.
  variants[0].contiguous_dim = -1;
  recurrence.info.n_cpu_variants = 1;
  EXPECT_EQ(recur_select(&recurrence.info, list.pointers(), list.size(), &name),
            RECUR_UNSUPPORTED);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': no variant of the artifact takes these "
               "strides; expected stride 1 along 'd' in argument 'a', found 6");
}

TEST_F(Arguments, QueriesWithoutAPlaceForTheAnswer) {
  ArgumentList list = problem.call();
  EXPECT_EQ(recur_workspace(&recurrence.info, list.pointers(), 5, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(), "recur_workspace: expected where to store "
                                   "the bytes, found a null pointer");
  EXPECT_EQ(recur_select(&recurrence.info, list.pointers(), 5, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(), "recur_select: expected where to store the "
                                   "name, found a null pointer");
}

TEST_F(Arguments, WorkspaceOverAnArgument) {
  AffineProblem big({}, 2, 100, 300);
  ArgumentList list = big.call();
  EXPECT_EQ(recur_call(&recurrence.info, list.pointers(), list.size(),
                       big.y.data(), static_cast<size_t>(big.y.bytes()),
                       nullptr),
            RECUR_INVALID_WORKSPACE);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': expected a workspace apart from the "
               "arguments, found an overlap with argument 'y'");
}

TEST_F(SegmentArguments, CumulativeLengths) {
  EXPECT_EQ(errorWith({1, 2, 6}),
            "recurrence 'affine': argument 'cu': expected cumulative lengths "
            "that start at 0, found 1");
  EXPECT_EQ(errorWith({0, 7, 6}),
            "recurrence 'affine': argument 'cu': expected non-decreasing "
            "cumulative lengths, found 6 at 2 after 7");
  EXPECT_EQ(errorWith({0, 2, 5}),
            "recurrence 'affine': argument 'cu': expected cumulative lengths "
            "that end at 6 (the size of 't'), found 5");
}

TEST_F(SegmentArguments, SizeOfCumulativeLengths) {
  AffineProblem problem(options, 1, 6, 3, {0, 2, 6});
  ArgumentList list = problem.call();
  int64_t shorter[] = {2}, none[] = {0};
  list[3].shape = shorter;
  EXPECT_EQ(recur_call(&recurrence.info, list.pointers(), list.size(), nullptr,
                       0, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': argument 'cu': expected size 3 of "
               "dimension 0 (s+1, as in argument 'h0'), found 2");
  list[3].shape = none;
  EXPECT_EQ(recur_call(&recurrence.info, list.pointers(), list.size(), nullptr,
                       0, nullptr),
            RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'affine': argument 'cu': expected at least one "
               "cumulative length, found size 0");
}

// Errors are one thread's own.
TEST(LastError, BelongsToItsThread) {
  recur_call(nullptr, nullptr, 0, nullptr, 0, nullptr);
  std::string other = "unset";
  std::thread([&] { other = recur_last_error(); }).join();
  EXPECT_EQ(other, "");
  EXPECT_STRNE(recur_last_error(), "");
}
