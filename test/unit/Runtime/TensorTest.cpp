//===-- TensorTest.cpp - the owning host tensor ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Conversions of the 16-bit floats over all their values, and views.
#include <recur/tensor.h>

#include <gtest/gtest.h>

using namespace recur;

namespace {

uint16_t next(uint16_t half) { return static_cast<uint16_t>(half + 1); }

/// Every finite value survives a round trip, and the halfway point between two
/// neighbours goes to the even one, points beside it to the nearer one.
template <typename To, typename From>
void checkRounding(uint16_t infinity, To toFloat, From fromFloat) {
  for (uint32_t sign : {0u, 0x8000u})
    for (uint32_t k = 0; k < infinity; ++k) {
      auto half = static_cast<uint16_t>(sign | k);
      float value = toFloat(half);
      ASSERT_EQ(fromFloat(value), half);
      if (next(half) == (sign | infinity))
        break;
      float other = toFloat(next(half));
      float middle = value + (other - value) / 2;
      ASSERT_EQ(fromFloat(middle), half & 1 ? next(half) : half);
      ASSERT_EQ(fromFloat(std::nextafter(middle, value)), half);
      ASSERT_EQ(fromFloat(std::nextafter(middle, other)), next(half));
    }
}

} // namespace

TEST(F16, RoundsToNearestEven) {
  checkRounding(0x7c00, floatFromF16, f16FromFloat);
  EXPECT_EQ(f16FromFloat(65519.996f), 0x7bff);
  EXPECT_EQ(f16FromFloat(65520.0f), 0x7c00);
  EXPECT_EQ(f16FromFloat(-1e30f), 0xfc00);
  EXPECT_EQ(f16FromFloat(INFINITY), 0x7c00);
  EXPECT_TRUE(std::isnan(floatFromF16(f16FromFloat(NAN))));
}

TEST(Bf16, RoundsToNearestEven) {
  checkRounding(0x7f80, floatFromBf16, bf16FromFloat);
  EXPECT_EQ(bf16FromFloat(3.4e38f), 0x7f80);
  EXPECT_EQ(bf16FromFloat(INFINITY), 0x7f80);
  EXPECT_TRUE(std::isnan(floatFromBf16(bf16FromFloat(NAN))));
}

// 1 + 2^-8 + 2^-40 is above the middle of two bf16 values, though the float
// nearest to it is the middle itself.
TEST(Tensor, RoundsDoublesOnce) {
  Tensor tensor(Dtype::BF16, {1});
  tensor.store(0, 1.0 + 0x1p-8 + 0x1p-40);
  EXPECT_EQ(tensor.load(0).real(), 1.0 + 0x1p-7);
  tensor.store(0, 1.0 + 0x1p-8);
  EXPECT_EQ(tensor.load(0).real(), 1.0);
  tensor.store(0, -1.0 - 0x1p-8 - 0x1p-40);
  EXPECT_EQ(tensor.load(0).real(), -1.0 - 0x1p-7);
}

TEST(Tensor, SaturatesIntegers) {
  Tensor tensor(Dtype::I8, {1});
  for (auto [value, expected] :
       {std::pair<double, int>{127.6, 127}, {-129, -128}, {2.5, 2}, {NAN, 0}}) {
    tensor.store(0, value);
    EXPECT_EQ(tensor.as<int8_t>()[0], expected);
  }
  Tensor wide(Dtype::I64, {1});
  wide.store(0, 1e30);
  EXPECT_EQ(wide.as<int64_t>()[0], INT64_MAX);
}

TEST(Tensor, IsAlignedAndZero) {
  for (int64_t size : {0, 1, 7, 1000}) {
    Tensor tensor(Dtype::F32, {size, 3});
    ASSERT_TRUE(tensor.valid());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u);
    for (int64_t k = 0; k < tensor.count(); ++k)
      EXPECT_EQ(tensor.load(k), 0.0);
  }
}

TEST(Tensor, RefusesImpossibleSizes) {
  EXPECT_FALSE(Tensor(Dtype::F32, {-1}).valid());
  EXPECT_FALSE(
      Tensor(Dtype::F64, {int64_t(1) << 40, int64_t(1) << 40}).valid());
  EXPECT_TRUE(Tensor(Dtype::F64, {int64_t(1) << 40, 0, 1 << 10}).valid());
}

TEST(Tensor, Views) {
  Tensor tensor(Dtype::I32, {2, 3, 4});
  for (int32_t k = 0; k < 24; ++k)
    tensor.as<int32_t>()[k] = k;
  Tensor view = tensor.permuted({2, 0, 1}).sliced(0, 3, -1, -2);
  EXPECT_EQ(view.shape(), (std::vector<int64_t>{2, 2, 3}));
  EXPECT_FALSE(view.isCompact());
  EXPECT_EQ(view.at({1, 1, 2}), tensor.at({1, 2, 1}));
  Tensor copy = view.compacted();
  EXPECT_TRUE(copy.isCompact());
  EXPECT_EQ(copy.at({1, 1, 2}), tensor.at({1, 2, 1}));
  DLTensor dl = view.dl();
  EXPECT_EQ(dl.ndim, 3);
  EXPECT_EQ(static_cast<int32_t *>(dl.data)[0], 3);
  EXPECT_EQ(dl.strides[0], -2);
  EXPECT_TRUE(tensor.sliced(1, 2, 2).isCompact());
}

TEST(Tensor, NamesDtypes) {
  for (const char *name : {"f64", "f32", "f16", "bf16", "c64", "c128", "i8",
                           "i32", "i64", "bool"}) {
    Dtype dtype, back;
    ASSERT_TRUE(dtypeNamed(name, dtype));
    EXPECT_STREQ(dtypeName(dtype), name);
    ASSERT_TRUE(dtypeOf(dlDataType(dtype), back));
    EXPECT_EQ(dtype, back);
  }
  Dtype dtype;
  EXPECT_FALSE(dtypeNamed("f8", dtype));
  EXPECT_FALSE(dtypeOf({kDLUInt, 8, 1}, dtype));
}
