//===-- DtypeTest.cpp - how dtypes meet -----------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests the promotion rules of dtypes.
#include "compiler/Frontend/Dtype.h"
#include <gtest/gtest.h>

using namespace recur::spec;

namespace {

TEST(Dtype, NamesRoundTrip) {
  for (llvm::StringRef written : dtypeNames())
    EXPECT_EQ(name(*dtypeFromName(written)), written);
  EXPECT_FALSE(dtypeFromName("float"));
  EXPECT_FALSE(dtypeFromName("number"));
}

TEST(Dtype, StorageIsComputedInSinglePrecision) {
  for (Dtype storage :
       {Dtype::F16, Dtype::BF16, Dtype::I8, Dtype::I32, Dtype::I64})
    EXPECT_EQ(computeDtype(storage), Dtype::F32);
  EXPECT_EQ(computeDtype(Dtype::F64), Dtype::F64);
  EXPECT_EQ(computeDtype(Dtype::C64), Dtype::C64);
}

TEST(Dtype, PromotionTakesPrecisionAndComplexFromEitherSide) {
  EXPECT_EQ(promote(Dtype::F32, Dtype::F64), Dtype::F64);
  EXPECT_EQ(promote(Dtype::C64, Dtype::F64), Dtype::C128);
  EXPECT_EQ(promote(Dtype::F32, Dtype::C64), Dtype::C64);
}

// A constant never widens what it meets.
TEST(Dtype, ConstantsTakeWhatTheyMeet) {
  EXPECT_EQ(promote(Dtype::AnyReal, Dtype::F32), Dtype::F32);
  EXPECT_EQ(promote(Dtype::F64, Dtype::AnyReal), Dtype::F64);
  EXPECT_EQ(promote(Dtype::AnyComplex, Dtype::F64), Dtype::C128);
  EXPECT_EQ(promote(Dtype::AnyReal, Dtype::AnyComplex), Dtype::AnyComplex);
  EXPECT_EQ(settled(Dtype::AnyReal), Dtype::F32);
  EXPECT_EQ(settled(Dtype::AnyComplex), Dtype::C64);
}

TEST(Dtype, PartsOfComplex) {
  EXPECT_EQ(realPart(Dtype::C128), Dtype::F64);
  EXPECT_EQ(realPart(Dtype::F32), Dtype::F32);
  EXPECT_EQ(complexOf(Dtype::F64), Dtype::C128);
  EXPECT_EQ(complexOf(Dtype::AnyReal), Dtype::AnyComplex);
}

} // namespace
