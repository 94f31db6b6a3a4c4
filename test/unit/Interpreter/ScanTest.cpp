//===-- test/unit/Interpreter/ScanTest.cpp - scans as their operators say
//------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Scans of each structure and semiring, with values computed by hand.
//===----------------------------------------------------------------------===//

#include "Interpreting.h"

#include <cmath>

using namespace recur::interpreter;

namespace {
class Scan : public Interpreting {
protected:
  /// h from start 1 over a = (2, 3) and b = (10, 20).
  std::vector<double> scan(const std::string &algebra) {
    auto results = run("func.func @f(%a: tensor<?xf64>, %b: tensor<?xf64>) -> "
                       "tensor<?xf64> {\n  %y = recur.scan " +
                           algebra + R"( <[t] over t>
      ins(%a[t], %b[t] : tensor<?xf64>, tensor<?xf64>)
      states(<h[] : f64 = 1.0>)
      outs(<y[t]> : tensor<?xf64>) elements {
  ^bb0(%0: f64, %1: f64):
    recur.yield %0, %1 : f64, f64
  } readout {
  ^bb0(%0: f64, %1: f64, %p: f64, %n: f64):
    recur.yield %n : f64
  }
  return %y : tensor<?xf64>
})",
                       {array({2}, {2, 3}), array({2}, {10, 20})});
    EXPECT_EQ(results.size(), 1u) << messages;
    return results.empty() ? std::vector<double>() : results[0].real();
  }
};

TEST_F(Scan, PlusTimes) { expectNear(scan("<diagonal>"), {12, 56}); }
TEST_F(Scan, MaxPlus) { expectNear(scan("<diagonal, max_plus>"), {10, 20}); }
TEST_F(Scan, MinPlus) { expectNear(scan("<diagonal, min_plus>"), {3, 6}); }
TEST_F(Scan, LogSumExp) {
  double first = std::log(std::exp(3) + std::exp(10));
  expectNear(scan("<diagonal, log_sum_exp>"),
             {first, std::log(std::exp(first + 3) + std::exp(20))});
}
TEST_F(Scan, OrAnd) { expectNear(scan("<diagonal, or_and>"), {1, 1}); }

// y = 2 prev(y) + 3 prev(y, 2) + 1, and a readout of both.
TEST_F(Scan, Companion) {
  auto results = run(R"(
func.func @f(%x: tensor<?xf64>) -> (tensor<?xf64>, tensor<?xf64>) {
  %y:2 = recur.scan <companion 2> <[t] over t>
      ins(%x[t] : tensor<?xf64>)
      states(<h[] : f64 = 1.0, 10.0>)
      outs(<y[t]>, <z[t]> : tensor<?xf64>, tensor<?xf64>) elements {
  ^bb0(%0: f64):
    %two = arith.constant 2.0 : f64
    %three = arith.constant 3.0 : f64
    recur.yield %two, %three, %0 : f64, f64, f64
  } readout {
  ^bb0(%0: f64, %one: f64, %two: f64, %n: f64):
    %1 = arith.subf %one, %two : f64
    recur.yield %n, %1 : f64, f64
  }
  return %y#0, %y#1 : tensor<?xf64>, tensor<?xf64>
})",
                     {array({3}, {1, 1, 1})});
  ASSERT_EQ(results.size(), 2u) << messages;
  expectNear(results[0].real(), {33, 70, 240});
  expectNear(results[1].real(), {-9, 32, 37});
}

// h_i = sum_j A_ij h_j + b_i.
TEST_F(Scan, BlockOverDims) {
  auto results =
      run(R"(
func.func @f(%a: tensor<2x2xf64>, %b: tensor<?x2xf64>) -> tensor<?x2xf64> {
  %y = recur.scan <block 2> <[t, i = 2, j = 2] over t>
      ins(%a[i, j], %b[t, i] : tensor<2x2xf64>, tensor<?x2xf64>)
      states(<h[i] : f64 = 1.0>)
      outs(<y[t, i]> : tensor<?x2xf64>)
      attributes {blockDims = ["i", "j"]} elements {
  ^bb0(%0: f64, %1: f64):
    recur.yield %0, %1 : f64, f64
  } readout {
  ^bb0(%0: f64, %1: f64, %p: f64, %n: f64):
    recur.yield %n : f64
  }
  return %y : tensor<?x2xf64>
})",
          {array({2, 2}, {1, 2, 3, 4}), array({2, 2}, {0, 1, 0, 0})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {3, 8, 19, 41});
}

// Two coupled states: (p, q) <- (p + 2 q + x, 3 p + 4 q).
TEST_F(Scan, BlockOfStates) {
  auto results = run(R"(
func.func @f(%x: tensor<?xf64>) -> (tensor<?xf64>, tensor<?xf64>) {
  %y:2 = recur.scan <block 2> <[t] over t>
      ins(%x[t] : tensor<?xf64>)
      states(<p[] : f64 = 1.0>, <q[] : f64 = 1.0>)
      outs(<p[t]>, <q[t]> : tensor<?xf64>, tensor<?xf64>) elements {
  ^bb0(%0: f64):
    %a = arith.constant 1.0 : f64
    %b = arith.constant 2.0 : f64
    %c = arith.constant 3.0 : f64
    %d = arith.constant 4.0 : f64
    %zero = arith.constant 0.0 : f64
    recur.yield %a, %b, %c, %d, %0, %zero : f64, f64, f64, f64, f64, f64
  } readout {
  ^bb0(%0: f64, %p0: f64, %p1: f64, %q0: f64, %q1: f64):
    recur.yield %p1, %q1 : f64, f64
  }
  return %y#0, %y#1 : tensor<?xf64>, tensor<?xf64>
})",
                     {array({2}, {10, 0})});
  ASSERT_EQ(results.size(), 2u) << messages;
  expectNear(results[0].real(), {13, 27});
  expectNear(results[1].real(), {7, 67});
}
} // namespace
