//===-- ExpandMathTest.cpp - errors of the expanded functions -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs every expanded function, for every target and width, on special values,
/// bit patterns and dense ranges, against long double.
//===----------------------------------------------------------------------===//

#include "test/unit/Conversion/MathJit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

using namespace recur::test;
using Wide = long double;

namespace {

/// A function, its reference and the errors allowed, in units in the last
/// place.
struct Function {
  const char *op;
  Wide (*reference)(Wide);
  double ulpsF32, ulpsF64, ulpsGpu;
};

Wide sigmoid(Wide x) { return 1 / (1 + expl(-x)); }
Wide softplus(Wide x) { return fmaxl(x, 0) + log1pl(expl(-fabsl(x))); }
Wide silu(Wide x) {
  return std::isinf(x) && x < 0 ? -0.0L : x / (1 + expl(-x));
}
Wide relu(Wide x) { return x < 0 ? 0 : x; }
Wide rsqrt(Wide x) { return 1 / sqrtl(x); }

const Function functions[] = {
    {"math.exp", expl, 2.5, 1.5, 4},
    {"math.exp2", exp2l, 2.5, 1.5, 4},
    {"math.expm1", expm1l, 2, 2.5, 2},
    {"math.log", logl, 1, 1, 1},
    {"math.log1p", log1pl, 1.5, 1.5, 1.5},
    {"math.tanh", tanhl, 2.5, 3, 4},
    {"math.sin", sinl, 2, 3, 2},
    {"math.cos", cosl, 2, 3, 2},
    {"math.sqrt", sqrtl, 0.5, 0.5, 0.5},
    {"math.rsqrt", rsqrt, 1.5, 1.5, 1.5},
    {"math.absf", fabsl, 0, 0, 0},
    {"recur.sigmoid", sigmoid, 3, 3, 4},
    {"recur.silu", silu, 3, 3, 4},
    {"recur.softplus", softplus, 3, 2, 4},
    {"recur.relu", relu, 0, 0, 0},
};

/// |got - reference| in units in the last place of T at the reference;
/// infinite if one is NaN, or infinite, and the other is not.
template <typename T> double ulps(T got, Wide reference) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(got) || std::isnan(reference))
    return std::isnan(got) && std::isnan(reference) ? 0 : INFINITY;
  if (std::isinf(reference))
    return got == reference ? 0 : INFINITY;
  // An infinity stands for the number behind the largest one.
  Wide value = std::isinf(got) ? copysignl(ldexpl(1, Limits::max_exponent), got)
                               : Wide(got);
  if (std::isinf(got) && std::isinf(static_cast<T>(reference)))
    return std::signbit(got) == std::signbit(reference) ? 0 : INFINITY;
  int exponent = Limits::min_exponent - 1;
  if (reference != 0)
    exponent = std::max(exponent, ilogbl(reference));
  return double(fabsl(value - reference) /
                ldexpl(1, exponent - Limits::digits + 1));
}

/// Special values, values around every power of two and multiple of pi/2, bit
/// patterns spread over the whole format, and dense ranges around zero.
template <typename T> std::vector<T> arguments() {
  using Limits = std::numeric_limits<T>;
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  std::vector<T> values = {0,
                           T(-0.0),
                           1,
                           -1,
                           Limits::infinity(),
                           -Limits::infinity(),
                           Limits::quiet_NaN(),
                           Limits::min(),
                           -Limits::min(),
                           Limits::denorm_min(),
                           -Limits::denorm_min(),
                           Limits::max(),
                           -Limits::max(),
                           100,
                           -100,
                           0.5,
                           -0.5,
                           88.72284f,
                           -87.33655f,
                           -103.97f,
                           -104,
                           709.7827,
                           -708.4,
                           -745.13};
  auto addAround = [&](T center) {
    T up = center, down = center;
    for (int i = 0; i < 4; ++i) {
      values.insert(values.end(), {up, -up, down, -down});
      up = std::nextafter(up, Limits::infinity());
      down = std::nextafter(down, T(0));
    }
  };
  for (int e = Limits::min_exponent - Limits::digits; e < Limits::max_exponent;
       ++e) {
    addAround(std::ldexp(T(1), e));
    addAround(std::ldexp(T(0.75), e));
  }
  for (int n = 1; n < 3000; ++n)
    addAround(static_cast<T>(n * 1.57079632679489661923L));
  for (Wide x :
       {logl(Limits::max()), logl(Limits::min()), logl(Limits::denorm_min())})
    addAround(static_cast<T>(x));
  std::mt19937_64 random(7);
  for (int i = 0; i < 100000; ++i)
    values.push_back(std::bit_cast<T>(static_cast<Bits>(random())));
  for (Wide range :
       {0.001L, 1.0L, 20.0L, 120.0L, sizeof(T) == 4 ? 1e5L : 800.0L}) {
    std::uniform_real_distribution<T> uniform(-range, range);
    for (int i = 0; i < 60000; ++i)
      values.push_back(uniform(random));
  }
  values.resize(values.size() / 16 * 16);
  return values;
}

/// A target and a width (0: scalar) of the vectors.
struct Variant {
  const char *target;
  int bits;
};
const Variant variants[] = {
    {"cpu", 0},         {"cpu", 128},       {"x86-64-v3", 0},
    {"x86-64-v3", 256}, {"x86-64-v4", 0},   {"x86-64-v4", 128},
    {"x86-64-v4", 256}, {"x86-64-v4", 512}, {"gpu", 0},
};

template <typename T>
void checkErrors(const Function &function, const Variant &variant,
                 const std::vector<T> &x, const std::vector<Wide> &expected) {
  bool isF32 = sizeof(T) == 4;
  bool isGpu = std::string(variant.target) == "gpu";
  auto jit =
      MathJit::compile({function.op, isF32 ? "f32" : "f64",
                        variant.bits / int(8 * sizeof(T)), variant.target});
  ASSERT_TRUE(static_cast<bool>(jit)) << toString(jit.takeError());
  std::vector<T> out(x.size());
  jit->loop(x.data(), x.data(), out.data(), x.size());
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    // On the GPU exp in f32 is 0 where it is under the smallest normal number,
    // and so is what sigmoid, silu and softplus make of it.
    if (isGpu && isF32 && out[i] == 0 &&
        (fabsl(expected[i]) < std::numeric_limits<T>::min() || x[i] < -87.33f))
      continue;
    double error = ulps(out[i], expected[i]);
    if (error > worst) {
      worst = error;
      at = i;
    }
  }
  std::string name = std::string(variant.target) + "_" +
                     std::to_string(variant.bits) + (isF32 ? "_f32" : "_f64");
  std::replace(name.begin(), name.end(), '-', '_');
  testing::Test::RecordProperty(name, std::to_string(worst));
  double allowed = !isF32  ? function.ulpsF64
                   : isGpu ? function.ulpsGpu
                           : function.ulpsF32;
  EXPECT_LE(worst, allowed) << function.op << "(" << x[at] << ") = " << out[at]
                            << ", expected " << double(expected[at]);
}

class ExpandMath : public testing::TestWithParam<Function> {
protected:
  template <typename T> void checkVariants() {
    std::vector<T> x = arguments<T>();
    std::vector<Wide> expected;
    for (T argument : x)
      expected.push_back(GetParam().reference(argument));
    for (const Variant &variant : variants)
      if (MathJit::supports(variant.target)) {
        SCOPED_TRACE(testing::Message()
                     << variant.target << ", " << variant.bits << " bits");
        checkErrors(GetParam(), variant, x, expected);
      }
  }
};

// Every function stays within its error on every kind of argument, on every
// target that this host can run, as a scalar and in vectors.
TEST_P(ExpandMath, ErrorInF32) { checkVariants<float>(); }
TEST_P(ExpandMath, ErrorInF64) { checkVariants<double>(); }

INSTANTIATE_TEST_SUITE_P(Functions, ExpandMath, testing::ValuesIn(functions),
                         [](const testing::TestParamInfo<Function> &info) {
                           std::string name = info.param.op;
                           return name.substr(name.find('.') + 1);
                         });

// With few instructions one after the other, errors stay within what is
// promised, and infinite arguments have the values of their limits.
TEST(ExpandMathTest, Quick) {
  std::vector<float> x = arguments<float>();
  for (const Function &function : functions) {
    std::string op = function.op;
    if (op != "math.tanh" && op != "recur.sigmoid" && op != "recur.silu")
      continue;
    auto jit = MathJit::compile({op, "f32", 0, "gpu", "", "{recur.quick}"});
    ASSERT_TRUE(static_cast<bool>(jit)) << toString(jit.takeError());
    std::vector<float> out(x.size());
    jit->loop(x.data(), x.data(), out.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      Wide expected = function.reference(x[i]);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(out[i])) << op << "(" << x[i] << ")";
        continue;
      }
      if (out[i] == expected)
        continue;
      Wide allowed = 1e-6L * fmaxl(1, fabsl(x[i]) / 10) * fabsl(expected);
      // What is under the smallest normal number may be 0.
      allowed += 100 * std::numeric_limits<float>::min();
      EXPECT_LE(fabsl(out[i] - expected), allowed) << op << "(" << x[i] << ")";
    }
  }
}

// logaddexp is within 2 units in the last place of the larger of its arguments
// and its result, exact where an argument is infinite, NaN if one is.
template <typename T> void checkLogAddExp(const Variant &variant) {
  using Limits = std::numeric_limits<T>;
  constexpr T inf = Limits::infinity(), nan = Limits::quiet_NaN();
  std::vector<T> special = {0, 1, -1, 80, -80, 1e30f, -1e30f, inf, -inf, nan};
  std::vector<T> x, y;
  for (T a : special)
    for (T b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  std::mt19937 random(3);
  std::uniform_real_distribution<T> uniform(-90, 90);
  while (x.size() < 100000 || x.size() % 16) {
    x.push_back(uniform(random));
    y.push_back(uniform(random) / 4 + x.back());
  }
  auto jit =
      MathJit::compile({"recur.logaddexp", sizeof(T) == 4 ? "f32" : "f64",
                        variant.bits / int(8 * sizeof(T)), variant.target});
  ASSERT_TRUE(static_cast<bool>(jit)) << toString(jit.takeError());
  std::vector<T> out(x.size());
  jit->loop(x.data(), y.data(), out.data(), x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    Wide a = x[i], b = y[i];
    if (std::isnan(a) || std::isnan(b)) {
      ASSERT_TRUE(std::isnan(out[i])) << x[i] << ", " << y[i];
      continue;
    }
    if (std::isinf(a) || std::isinf(b) || a == -b) {
      T expected =
          static_cast<T>(std::isinf(a) || std::isinf(b)
                             ? fmaxl(a, b)
                             : fmaxl(a, b) + log1pl(expl(-fabsl(a - b))));
      ASSERT_FLOAT_EQ(out[i], expected) << x[i] << ", " << y[i];
      continue;
    }
    Wide expected = fmaxl(a, b) + log1pl(expl(-fabsl(a - b)));
    Wide magnitude = fmaxl(fabsl(expected), fmaxl(fabsl(a), fabsl(b)));
    ASSERT_LE(fabsl(out[i] - expected), 2 * magnitude * Limits::epsilon())
        << x[i] << ", " << y[i];
  }
}

TEST(ExpandMathTest, LogAddExp) {
  for (const Variant &variant : variants)
    if (MathJit::supports(variant.target)) {
      SCOPED_TRACE(variant.target);
      checkLogAddExp<float>(variant);
      checkLogAddExp<double>(variant);
    }
}

// f16 and bf16 are computed in f32 and rounded.
TEST(ExpandMathTest, NarrowFormats) {
  uint16_t half[] = {0x3c00, 0x0000, 0xfc00, 0x7e00}; // 1, 0, -inf, NaN
  uint16_t brain[] = {0x3f80, 0x0000, 0xff80, 0x7fc0};
  uint16_t out[4];
  auto ofHalf = MathJit::compile({"math.exp", "f16", 4, "cpu"});
  ASSERT_TRUE(static_cast<bool>(ofHalf)) << toString(ofHalf.takeError());
  ofHalf->loop(half, half, out, 4);
  EXPECT_EQ(out[0], 0x4170); // 2.71875
  EXPECT_EQ(out[1], 0x3c00);
  EXPECT_EQ(out[2], 0);
  EXPECT_EQ(out[3] & 0x7e00, 0x7e00);
  auto ofBrain = MathJit::compile({"math.exp", "bf16", 0, "cpu"});
  ASSERT_TRUE(static_cast<bool>(ofBrain)) << toString(ofBrain.takeError());
  ofBrain->loop(brain, brain, out, 4);
  EXPECT_EQ(out[0], 0x402e); // 2.71875
  EXPECT_EQ(out[1], 0x3f80);
  EXPECT_EQ(out[2], 0);
  EXPECT_EQ(out[3] & 0x7fc0, 0x7fc0);
}

/// A format of 16 bits by its definition: sign, exponent, significand.
struct Narrow {
  const char *name;
  int significandBits, bias;

  double valueOf(uint16_t bits) const {
    int magnitude = bits & 0x7fff;
    int exponent = magnitude >> significandBits;
    int significand = magnitude & ((1 << significandBits) - 1);
    double value;
    if (exponent == (1 << (15 - significandBits)) - 1)
      value = significand ? NAN : INFINITY;
    else if (exponent == 0)
      value = std::ldexp(significand, 1 - bias - significandBits);
    else
      value = std::ldexp(significand + (1 << significandBits),
                         exponent - bias - significandBits);
    return bits & 0x8000 ? -value : value;
  }
};
const Narrow narrowFormats[] = {{"f16", 10, 15}, {"bf16", 7, 127}};

// Every f16 and bf16 has its value in f32 and f64.
TEST(ExpandMathTest, Extension) {
  std::vector<uint16_t> x(65536);
  std::iota(x.begin(), x.end(), 0);
  for (const Narrow &format : narrowFormats)
    for (const Variant &variant : variants) {
      if (!MathJit::supports(variant.target) ||
          std::string(variant.target) == "gpu")
        continue;
      auto jit = MathJit::compile({"arith.extf", format.name, variant.bits / 32,
                                   variant.target, "f32"});
      ASSERT_TRUE(static_cast<bool>(jit)) << toString(jit.takeError());
      std::vector<float> out(x.size());
      jit->loop(x.data(), x.data(), out.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        double expected = format.valueOf(x[i]);
        if (std::isnan(expected))
          ASSERT_TRUE(std::isnan(out[i])) << format.name << " " << x[i];
        else
          ASSERT_EQ(out[i], expected) << format.name << " " << x[i];
        ASSERT_EQ(std::signbit(out[i]), x[i] >> 15) << format.name << x[i];
      }
    }
}

// f32 becomes the nearest f16 and bf16, the even one of two; f64 nearly.
TEST(ExpandMathTest, Truncation) {
  std::vector<float> x = arguments<float>();
  // Halfway between two neighbours, and around that.
  for (const Narrow &format : narrowFormats)
    for (int bits = 0; bits < 0x7fff; bits += 3) {
      float halfway = static_cast<float>(
          (format.valueOf(bits) + format.valueOf(bits + 1)) / 2);
      x.insert(x.end(), {halfway, -halfway, std::nextafter(halfway, 0.0f)});
    }
  x.resize(x.size() / 16 * 16);
  for (const Narrow &format : narrowFormats)
    for (const Variant &variant : variants) {
      if (!MathJit::supports(variant.target) ||
          std::string(variant.target) == "gpu")
        continue;
      SCOPED_TRACE(testing::Message() << format.name << " " << variant.target
                                      << " " << variant.bits);
      auto jit = MathJit::compile({"arith.truncf", "f32", variant.bits / 32,
                                   variant.target, format.name});
      ASSERT_TRUE(static_cast<bool>(jit)) << toString(jit.takeError());
      std::vector<uint16_t> out(x.size());
      jit->loop(x.data(), x.data(), out.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        double got = format.valueOf(out[i]);
        if (std::isnan(x[i]) || std::isinf(x[i]) || x[i] == 0) {
          ASSERT_TRUE(std::isnan(x[i]) ? std::isnan(got) : got == x[i]) << x[i];
          continue;
        }
        ASSERT_EQ(std::signbit(x[i]), out[i] >> 15) << x[i];
        // An infinity stands for the number behind the largest one.
        uint16_t magnitude = out[i] & 0x7fff;
        double largest = format.valueOf(
            (0x7fff >> format.significandBits << format.significandBits) - 1);
        auto distance = [&](uint16_t bits) {
          double value = format.valueOf(bits);
          if (std::isinf(value))
            value = std::ldexp(1, std::ilogb(largest) + 1);
          return std::fabs(value - std::fabs(x[i]));
        };
        double error = distance(magnitude);
        if (std::isfinite(got) && error > distance(magnitude + 1))
          FAIL() << x[i] << " became " << got << ", the next is nearer";
        if (magnitude && error > distance(magnitude - 1) &&
            !(std::isinf(got) && std::fabs(x[i]) > 2 * largest))
          FAIL() << x[i] << " became " << got << ", the one before is nearer";
        bool isTie = (std::isfinite(got) && error == distance(magnitude + 1)) ||
                     (magnitude && error == distance(magnitude - 1));
        if (isTie)
          ASSERT_EQ(magnitude & 1, 0) << x[i] << " became " << got;
      }
      auto ofWide = MathJit::compile({"arith.truncf", "f64", variant.bits / 64,
                                      variant.target, format.name});
      ASSERT_TRUE(static_cast<bool>(ofWide)) << toString(ofWide.takeError());
      double wide[] = {1.0, 1.5, -3.0, 1e300, -0.0, NAN, 0.25, -INFINITY};
      ofWide->loop(wide, wide, out.data(), 8);
      for (int i = 0; i < 8; ++i)
        if (!std::isnan(wide[i]))
          ASSERT_EQ(format.valueOf(out[i]), i == 3 ? INFINITY : wide[i]);
        else
          ASSERT_TRUE(std::isnan(format.valueOf(out[i])));
    }
}

} // namespace
