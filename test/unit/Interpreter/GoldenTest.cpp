//===-- test/unit/Interpreter/GoldenTest.cpp - published cells against known
// values ------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// ParaGRU, ParaLSTM and the selective scan: whole cells, as IR text.
//===----------------------------------------------------------------------===//

#include "Interpreting.h"

#include <cmath>

using namespace recur::interpreter;

namespace {
using Golden = Interpreting;

/// u[t][v] = 1.5 sin(1 + 3t + v), six steps of three gates.
Array gateInputs() {
  Array u = Array::zeros({6, 3});
  for (int i = 0; i < 18; ++i)
    u.real()[i] = 1.5 * std::sin(1.0 + i);
  return u;
}

// z = s(az h + uz), r = s(ar h + ur), c = tanh(ac h r + uc),
// h' = (1 - z) h + z c; values computed independently in f64.
TEST_F(Golden, ParaGru) {
  auto results = run(R"(
func.func @gru(%u: tensor<?x3xf64>, %a: tensor<3xf64>) -> tensor<?xf64> {
  %h = recur.recurrence <[t] over t>
      ins(%u[t, 0], %u[t, 1], %u[t, 2], %a[0], %a[1], %a[2]
          : tensor<?x3xf64>, tensor<?x3xf64>, tensor<?x3xf64>,
            tensor<3xf64>, tensor<3xf64>, tensor<3xf64>)
      states(<h[] : f64 = 0.0>)
      outs(<h[t]> : tensor<?xf64>) {
  ^bb0(%uz: f64, %ur: f64, %uc: f64, %az: f64, %ar: f64, %ac: f64):
    %h0 = recur.prev h : f64
    %0 = arith.mulf %az, %h0 : f64
    %1 = arith.addf %0, %uz : f64
    %z = recur.sigmoid %1 : f64
    %2 = arith.mulf %ar, %h0 : f64
    %3 = arith.addf %2, %ur : f64
    %r = recur.sigmoid %3 : f64
    %4 = arith.mulf %ac, %h0 : f64
    %5 = arith.mulf %4, %r : f64
    %6 = arith.addf %5, %uc : f64
    %c = math.tanh %6 : f64
    %one = arith.constant 1.0 : f64
    %7 = arith.subf %one, %z : f64
    %8 = arith.mulf %7, %h0 : f64
    %9 = arith.mulf %z, %c : f64
    %h1 = arith.addf %8, %9 : f64
    recur.yield %h1, %h1 : f64, f64
  }
  return %h : tensor<?xf64>
})",
                     {gateInputs(), array({3}, {0.3, -0.2, 0.4})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(),
             {0.162563756383525, 0.0241911632178016, 0.411726797694058,
              0.0573823621854489, 0.518023174707384, -0.049137797767724},
             1e-14);
}

// Two states, the second read before and after its update through c':
// f = s(af h + uf + pf c), g = tanh(ag h + ug), c' = f c + (1 - f) g,
// o = s(ao h + uo + po c'), h' = o tanh(c').
TEST_F(Golden, ParaLstm) {
  auto results = run(
      R"(
func.func @lstm(%u: tensor<?x3xf64>, %a: tensor<3xf64>, %p: tensor<2xf64>)
    -> (tensor<?xf64>, tensor<?xf64>) {
  %c, %h = recur.recurrence <[t] over t>
      ins(%u[t, 0], %u[t, 1], %u[t, 2], %a[0], %a[1], %a[2], %p[0], %p[1]
          : tensor<?x3xf64>, tensor<?x3xf64>, tensor<?x3xf64>, tensor<3xf64>,
            tensor<3xf64>, tensor<3xf64>, tensor<2xf64>, tensor<2xf64>)
      states(<c[] : f64 = 0.0>, <h[] : f64 = 0.0>)
      outs(<c[t]>, <h[t]> : tensor<?xf64>, tensor<?xf64>) {
  ^bb0(%uf: f64, %uo: f64, %ug: f64, %af: f64, %ao: f64, %ag: f64, %pf: f64,
       %po: f64):
    %c0 = recur.prev c : f64
    %h0 = recur.prev h : f64
    %0 = arith.mulf %af, %h0 : f64
    %1 = arith.addf %0, %uf : f64
    %2 = arith.mulf %pf, %c0 : f64
    %3 = arith.addf %1, %2 : f64
    %f = recur.sigmoid %3 : f64
    %4 = arith.mulf %ag, %h0 : f64
    %5 = arith.addf %4, %ug : f64
    %g = math.tanh %5 : f64
    %6 = arith.mulf %f, %c0 : f64
    %one = arith.constant 1.0 : f64
    %7 = arith.subf %one, %f : f64
    %8 = arith.mulf %7, %g : f64
    %c1 = arith.addf %6, %8 : f64
    %9 = arith.mulf %ao, %h0 : f64
    %10 = arith.addf %9, %uo : f64
    %11 = arith.mulf %po, %c1 : f64
    %12 = arith.addf %10, %11 : f64
    %o = recur.sigmoid %12 : f64
    %13 = math.tanh %c1 : f64
    %h1 = arith.mulf %o, %13 : f64
    recur.yield %c1, %h1, %c1, %h1 : f64, f64, f64, f64
  }
  return %c, %h : tensor<?xf64>, tensor<?xf64>
})",
      {gateInputs(), array({3}, {0.3, -0.2, 0.4}), array({2}, {0.25, -0.35})});
  ASSERT_EQ(results.size(), 2u) << messages;
  expectNear(results[0].real(),
             {0.0460102314501216, -0.277493404714605, -0.0427965563094341,
              -0.483621205430795, -0.0184199332009885, -0.501234916801513},
             1e-14);
  expectNear(results[1].real(),
             {0.036496099456146, -0.0557687417385385, -0.0350326912903648,
              -0.0944096889618253, -0.0150887297633725, -0.102039936059772},
             1e-14);
}

const char *selectiveScan = R"(
func.func @s6(%u: tensor<?x?x?xf32>, %delta: tensor<?x?x?xf32>,
              %A: tensor<?x?xf32>, %B: tensor<?x?x?xf32>,
              %C: tensor<?x?x?xf32>, %D: tensor<?xf32>,
              %z: tensor<?x?x?xf32>, %bias: tensor<?xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?x?xf32>) {
  %y, %last = recur.recurrence <[b, t, d, n] over t>
      ins(%u[b, t, d], %delta[b, t, d], %A[d, n], %B[b, t, n], %C[b, t, n],
          %D[d], %z[b, t, d], %bias[d]
          : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>,
            tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?xf32>,
            tensor<?x?x?xf32>, tensor<?xf32>)
      states(<h[b, d, n] : f32 = 0.0>)
      outs(<y[b, t, d]>, <last[b, d, n] final h>
           : tensor<?x?x?xf32>, tensor<?x?x?xf32>) {
  ^bb0(%u0: f32, %delta0: f32, %A0: f32, %B0: f32, %C0: f32, %D0: f32,
       %z0: f32, %bias0: f32):
    %0 = arith.addf %delta0, %bias0 : f32
    %dt = recur.softplus %0 : f32
    %1 = arith.mulf %dt, %A0 : f32
    %2 = math.exp %1 : f32
    %3 = recur.prev h : f32
    %4 = arith.mulf %2, %3 : f32
    %5 = arith.mulf %dt, %B0 : f32
    %6 = arith.mulf %5, %u0 : f32
    %h = arith.addf %4, %6 : f32
    %7 = arith.mulf %C0, %h : f32
    %8 = recur.reduce sum over [n] %7 : f32
    %9 = arith.mulf %D0, %u0 : f32
    %10 = arith.addf %8, %9 : f32
    %11 = recur.silu %z0 : f32
    %12 = arith.mulf %10, %11 : f32
    recur.yield %h, %12 : f32, f32
  }
  return %y, %last : tensor<?x?x?xf32>, tensor<?x?x?xf32>
})";

std::vector<Array> selectiveScanInputs(int64_t b, int64_t t, int64_t d,
                                       int64_t n) {
  std::vector<Array> arguments;
  double phase = 0.1;
  for (std::vector<int64_t> shape : std::vector<std::vector<int64_t>>{{b, t, d},
                                                                      {b, t, d},
                                                                      {d, n},
                                                                      {b, t, n},
                                                                      {b, t, n},
                                                                      {d},
                                                                      {b, t, d},
                                                                      {d}}) {
    Array array = Array::zeros(shape);
    for (double &x : array.real())
      x = std::sin(phase += 0.7);
    arguments.push_back(array);
  }
  for (double &x : arguments[2].real())
    x = -1 - x * x; // A is negative
  return arguments;
}

// Gu and Dao 2023, algorithm 2, against a loop nest that shares nothing with
// the interpreter; sizes that leave a rest in every tile.
TEST_F(Golden, SelectiveScanMatchesLoops) {
  int64_t b = 2, t = 9, d = 37, n = 3;
  std::vector<Array> in = selectiveScanInputs(b, t, d, n);
  auto results = run(selectiveScan, in);
  ASSERT_EQ(results.size(), 2u) << messages;
  std::vector<double> h(b * d * n), y(b * t * d);
  for (int64_t ib = 0; ib < b; ++ib)
    for (int64_t it = 0; it < t; ++it)
      for (int64_t id = 0; id < d; ++id) {
        int64_t btd = (ib * t + it) * d + id;
        double dt =
            std::log(1 + std::exp(in[1].real()[btd] + in[7].real()[id]));
        double u = in[0].real()[btd], z = in[6].real()[btd], sum = 0;
        for (int64_t k = 0; k < n; ++k) {
          double &s = h[(ib * d + id) * n + k];
          int64_t btn = (ib * t + it) * n + k;
          s = std::exp(dt * in[2].real()[id * n + k]) * s +
              dt * in[3].real()[btn] * u;
          sum += in[4].real()[btn] * s;
        }
        y[btd] = (sum + in[5].real()[id] * u) * z / (1 + std::exp(-z));
      }
  expectNear(results[0].real(), y);
  expectNear(results[1].real(), h);
}

// Tiles and threads must not change a bit.
TEST_F(Golden, ThreadsDoNotChangeResults) {
  std::vector<Array> in = selectiveScanInputs(1, 5, 300, 2);
  auto one = run(selectiveScan, in, {.threads = 1});
  auto many = run(selectiveScan, in, {.threads = 7});
  ASSERT_EQ(one.size(), 2u) << messages;
  EXPECT_EQ(one[0].real(), many[0].real());
  EXPECT_EQ(one[1].real(), many[1].real());
}
} // namespace
