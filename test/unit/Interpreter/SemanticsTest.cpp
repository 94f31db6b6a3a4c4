//===-- test/unit/Interpreter/SemanticsTest.cpp - what each clause of a
// recurrence means -===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Lags, starts, resets, sequences, direction, reductions: small recurrences
/// with values computed by hand.
//===----------------------------------------------------------------------===//

#include "Interpreting.h"

#include <cmath>

using namespace recur::interpreter;

namespace {
using Semantics = Interpreting;

/// h = a * prev(h) + x with what `clauses` and `results` add.
std::string linear(llvm::StringRef arguments, llvm::StringRef space,
                   llvm::StringRef clauses, llvm::StringRef blockArguments) {
  return (R"(
func.func @linear(%x: tensor<?xf32>)" +
          arguments + R"() -> (tensor<?xf32>) {
  %y = recur.recurrence )" +
          space + clauses + R"(
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%x0: f32)" +
          blockArguments + R"():
    %h = recur.prev h : f32
    %two = arith.constant 2.0 : f32
    %0 = arith.mulf %two, %h : f32
    %1 = arith.addf %0, %x0 : f32
    recur.yield %1, %1 : f32, f32
  }
  return %y : tensor<?xf32>
})")
      .str();
}

/// `text` with `word` replaced by `by`.
std::string replaced(std::string text, llvm::StringRef word,
                     llvm::StringRef by) {
  text.replace(text.find(word), word.size(), by);
  return text;
}

TEST_F(Semantics, StateStartsAtALiteral) {
  auto results = run(linear("", "<[t] over t>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {array({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {21, 44, 91});
}

TEST_F(Semantics, ReverseRunsFromTheEnd) {
  auto results = run(linear("", "<[t] over t reverse>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {array({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {97, 48, 23});
}

// The state is put back before the step, so the step sees the start.
TEST_F(Semantics, ResetAtEveryPosition) {
  for (int at = 0; at < 3; ++at) {
    std::vector<double> reset(3, 0.0);
    reset[at] = 1;
    auto results =
        run(linear(", %r: tensor<?xi32>", "<[t] over t>",
                   "ins(%x[t], %r[t] : tensor<?xf32>, tensor<?xi32>) "
                   "last_is_reset states(<h[] : f32 = 10.0>)",
                   ", %r0: i32"),
            {array({3}, {1, 2, 3}), array({3}, reset)});
    ASSERT_EQ(results.size(), 1u) << messages;
    double h = 10;
    std::vector<double> wanted;
    for (int t = 0; t < 3; ++t) {
      h = 2 * (t == at ? 10 : h) + t + 1;
      wanted.push_back(h);
    }
    expectNear(results[0].real(), wanted);
  }
}

TEST_F(Semantics, NoStepsGiveNoOutput) {
  auto results = run(linear("", "<[t] over t>",
                            "ins(%x[t] : tensor<?xf32>) "
                            "states(<h[] : f32 = 10.0>)",
                            ""),
                     {Array::zeros({0})});
  ASSERT_EQ(results.size(), 1u) << messages;
  EXPECT_EQ(results[0].shape, std::vector<int64_t>{0});
}

// Before the start a lagged input is zero; in reverse it is the step before,
// one later in time.
TEST_F(Semantics, LaggedInputs) {
  const char *text = R"(
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = recur.recurrence <[t] over t SPACE>
      ins(%x[t], %x[t - 2] : tensor<?xf32>, tensor<?xf32>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    recur.yield %0 : f32
  }
  return %y : tensor<?xf32>
})";
  Array x = array({4}, {1, 10, 100, 1000});
  auto forward = run(replaced(text, "SPACE", ""), {x});
  ASSERT_EQ(forward.size(), 1u) << messages;
  expectNear(forward[0].real(), {1, 10, 101, 1010});
  auto backward = run(replaced(text, "SPACE", "reverse"), {x});
  ASSERT_EQ(backward.size(), 1u) << messages;
  expectNear(backward[0].real(), {101, 1010, 100, 1000});
}

// Three steps of history, the last one most recent; lag 2 starts at the second.
TEST_F(Semantics, HistoriesPrecedeTheStart) {
  const char *text = R"(
func.func @f(%x: tensor<?x?xf32>, %p: tensor<?x3xf32>) -> tensor<?x?xf32> {
  %y = recur.recurrence <[d, t] over t>
      ins(%x[d, t - 2] before 0 : tensor<?x?xf32>)
      histories(%p[d, 1] : tensor<?x3xf32>)
      outs(<y[d, t]> : tensor<?x?xf32>) {
  ^bb0(%a: f32):
    recur.yield %a : f32
  }
  return %y : tensor<?x?xf32>
})";
  auto results = run(text, {array({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}),
                            array({2, 3}, {-3, -2, -1, -6, -5, -4})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {-2, -1, 1, 2, -5, -4, 5, 6});
}

TEST_F(Semantics, HistoryOfOneStep) {
  const char *text = R"(
func.func @f(%x: tensor<?xf32>, %p: tensor<f32>) -> tensor<?xf32> {
  %y = recur.recurrence <[t] over t>
      ins(%x[t - 1] before 0 : tensor<?xf32>)
      histories(%p[] : tensor<f32>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%a: f32):
    recur.yield %a : f32
  }
  return %y : tensor<?xf32>
})";
  auto results = run(text, {array({3}, {1, 2, 3}), array({}, {7})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {7, 1, 2});
}

/// y = x + prev(y) + 10 prev(y, 2) from starts 1 (one step ago) and 2 (two).
const char *secondOrder = R"(
func.func @f(%x: tensor<?xf64>, %r: tensor<?xi1>)
    -> (tensor<?xf64>, tensor<f64>, tensor<f64>) {
  %y:3 = recur.recurrence <[t] over t>
      ins(%x[t], %r[t] : tensor<?xf64>, tensor<?xi1>) last_is_reset
      states(<y[] : f64 = 1.0, 2.0>)
      outs(<y[t]>, <last[] final y>, <before[] final y lag 2>
           : tensor<?xf64>, tensor<f64>, tensor<f64>) {
  ^bb0(%a: f64, %b: i1):
    %1 = recur.prev y : f64
    %2 = recur.prev y lag 2 : f64
    %ten = arith.constant 10.0 : f64
    %3 = arith.mulf %ten, %2 : f64
    %4 = arith.addf %1, %3 : f64
    %5 = arith.addf %4, %a : f64
    recur.yield %5, %5 : f64, f64
  }
  return %y#0, %y#1, %y#2 : tensor<?xf64>, tensor<f64>, tensor<f64>
})";

TEST_F(Semantics, LaggedStatesHaveTheirStarts) {
  auto results =
      run(secondOrder, {array({3}, {0, 0, 0}), array({3}, {0, 0, 0})});
  ASSERT_EQ(results.size(), 3u) << messages;
  expectNear(results[0].real(), {21, 31, 241});
  expectNear(results[1].real(), {241});
  expectNear(results[2].real(), {31});
}

// A reset puts every lag back: the step after it sees the first start two
// steps ago.
TEST_F(Semantics, ResetPutsEveryLagBack) {
  auto results =
      run(secondOrder, {array({4}, {0, 0, 0, 0}), array({4}, {0, 0, 1, 0})});
  ASSERT_EQ(results.size(), 3u) << messages;
  expectNear(results[0].real(), {21, 31, 21, 31});
}

// With fewer steps than lags the finals are starts.
TEST_F(Semantics, FinalsOfShortSequences) {
  auto none = run(secondOrder, {Array::zeros({0}), Array::zeros({0})});
  ASSERT_EQ(none.size(), 3u) << messages;
  expectNear(none[1].real(), {1});
  expectNear(none[2].real(), {2});
  auto one = run(secondOrder, {Array::zeros({1}), Array::zeros({1})});
  expectNear(one[1].real(), {21});
  expectNear(one[2].real(), {1});
}

// Sequences of 2, 0, 1 and 3 steps with their own starts; lagged inputs do not
// look into the sequence before.
TEST_F(Semantics, PackedSequences) {
  const char *text = R"(
func.func @f(%x: tensor<?x?xf32>, %h0: tensor<?x?xf32>, %cu: tensor<?xi32>)
    -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %y, %last = recur.recurrence <[s, t, d] over t SPACE, segments s>
      ins(%x[t, d], %x[t - 1, d] : tensor<?x?xf32>, tensor<?x?xf32>)
      inits(%h0[s, d] : tensor<?x?xf32>)
      segments(%cu : tensor<?xi32>)
      states(<h[d] : f32 = init 0>)
      outs(<y[t, d]>, <last[s, d] final h> : tensor<?x?xf32>, tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = recur.prev h : f32
    %1 = arith.addf %0, %a : f32
    %2 = arith.addf %1, %b : f32
    recur.yield %2, %2 : f32, f32
  }
  return %y, %last : tensor<?x?xf32>, tensor<?x?xf32>
})";
  Array x = array({6, 1}, {1, 2, 3, 4, 5, 6});
  Array h0 = array({4, 1}, {100, 200, 300, 400});
  Array cu = array({5}, {0, 2, 2, 3, 6});
  auto forward = run(replaced(text, "SPACE", ""), {x, h0, cu});
  ASSERT_EQ(forward.size(), 2u) << messages;
  expectNear(forward[0].real(), {101, 104, 303, 404, 413, 424});
  expectNear(forward[1].real(), {104, 200, 303, 424});
  auto backward = run(replaced(text, "SPACE", "reverse"), {x, h0, cu});
  ASSERT_EQ(backward.size(), 2u) << messages;
  expectNear(backward[0].real(), {105, 102, 303, 426, 417, 406});
  expectNear(backward[1].real(), {105, 200, 303, 426});

  EXPECT_TRUE(
      run(replaced(text, "SPACE", ""), {x, h0, array({5}, {0, 3, 2, 3, 6})})
          .empty());
  EXPECT_EQ(messages, "argument 2 decreases at index 2\n");
  EXPECT_TRUE(
      run(replaced(text, "SPACE", ""), {x, h0, array({5}, {0, 2, 2, 3, 5})})
          .empty());
  EXPECT_EQ(messages, "argument 2 must hold cumulative lengths from 0 to the "
                      "number of steps, 6\n");
  EXPECT_TRUE(
      run(replaced(text, "SPACE", ""), {x, h0, Array::zeros({0})}).empty());
  EXPECT_EQ(messages, "argument 2 is empty, expected cumulative lengths that "
                      "begin with 0\n");
}

/// Four reductions of x over n, and a sum over m that x does not have.
const char *reductions = R"(
func.func @f(%x: tensor<?x?xf64>, %w: tensor<?xf64>) -> (tensor<?xf64>,
    tensor<?xf64>, tensor<?xf64>, tensor<?xf64>, tensor<?xf64>) {
  %y:5 = recur.recurrence <[t, n, m] over t>
      ins(%x[t, n], %w[m] : tensor<?x?xf64>, tensor<?xf64>)
      outs(<a[t]>, <b[t]>, <c[t]>, <d[t]>, <e[t]> : tensor<?xf64>,
           tensor<?xf64>, tensor<?xf64>, tensor<?xf64>, tensor<?xf64>) {
  ^bb0(%0: f64, %unused: f64):
    %1 = recur.reduce sum over [n] %0 : f64
    %2 = recur.reduce max over [n] %0 : f64
    %3 = recur.reduce min over [n] %0 : f64
    %4 = recur.reduce logsumexp over [n] %0 : f64
    %5 = recur.reduce sum over [n, m] %0 : f64
    recur.yield %1, %2, %3, %4, %5 : f64, f64, f64, f64, f64
  }
  return %y#0, %y#1, %y#2, %y#3, %y#4 : tensor<?xf64>, tensor<?xf64>,
    tensor<?xf64>, tensor<?xf64>, tensor<?xf64>
})";

TEST_F(Semantics, Reductions) {
  double inf = INFINITY;
  auto results = run(reductions, {array({3, 2}, {1, 2, -inf, 1000, -inf, -inf}),
                                  array({3}, {0, 0, 0})});
  ASSERT_EQ(results.size(), 5u) << messages;
  EXPECT_EQ(results[0].real(), (std::vector<double>{3, -inf, -inf}));
  EXPECT_EQ(results[1].real(), (std::vector<double>{2, 1000, -inf}));
  EXPECT_EQ(results[2].real(), (std::vector<double>{1, -inf, -inf}));
  EXPECT_DOUBLE_EQ(results[3].real()[0], std::log(std::exp(1) + std::exp(2)));
  EXPECT_EQ(results[3].real()[1], 1000);
  EXPECT_EQ(results[3].real()[2], -inf);
  EXPECT_EQ(results[4].real()[0], 9);
}

TEST_F(Semantics, ReductionsOverNothing) {
  double inf = INFINITY;
  auto results = run(reductions, {Array::zeros({1, 0}), Array::zeros({1})});
  ASSERT_EQ(results.size(), 5u) << messages;
  std::vector<double> found;
  for (const Array &result : results)
    found.push_back(result.real()[0]);
  EXPECT_EQ(found, (std::vector<double>{0, -inf, inf, -inf, 0}));
}

// h_i = sum_j A_ij h_j + x, by prev's indices and by recur.at.
TEST_F(Semantics, IndicesOfStates) {
  for (const char *previous :
       {"%0 = recur.prev h[b, j] : f64",
        "%p = recur.prev h : f64\n %0 = recur.at %p [i -> j] : f64"}) {
    auto results =
        run(replaced(R"(
func.func @f(%a: tensor<2x2xf64>, %x: tensor<?x?xf64>) -> tensor<?x?x2xf64> {
  %y = recur.recurrence <[b, t, i = 2, j = 2] over t>
      ins(%a[i, j], %x[b, t] : tensor<2x2xf64>, tensor<?x?xf64>)
      states(<h[b, i] : f64 = 1.0>)
      outs(<h[b, t, i]> : tensor<?x?x2xf64>) {
  ^bb0(%a0: f64, %x0: f64):
    PREVIOUS
    %1 = arith.mulf %a0, %0 : f64
    %2 = recur.reduce sum over [j] %1 : f64
    %3 = arith.addf %2, %x0 : f64
    recur.yield %3, %3 : f64, f64
  }
  return %y : tensor<?x?x2xf64>
})",
                     "PREVIOUS", previous),
            {array({2, 2}, {1, 2, 3, 4}), array({2, 2}, {0, 0, 10, 20})});
    ASSERT_EQ(results.size(), 1u) << messages;
    expectNear(results[0].real(), {3, 7, 17, 37, 13, 17, 67, 127});
  }
}

// Constant positions, diagonals and swapped dims.
TEST_F(Semantics, RenamedDims) {
  auto results = run(R"(
func.func @f(%x: tensor<?x2x2xf64>) -> (tensor<?x2xf64>, tensor<?x2xf64>,
    tensor<?x2x2xf64>) {
  %y:3 = recur.recurrence <[t, i = 2, j = 2] over t>
      ins(%x[t, i, j] : tensor<?x2x2xf64>)
      outs(<a[t, j]>, <b[t, j]>, <c[t, i, j]> : tensor<?x2xf64>,
           tensor<?x2xf64>, tensor<?x2x2xf64>) {
  ^bb0(%0: f64):
    %1 = recur.at %0 [i -> 1] : f64
    %2 = recur.at %0 [i -> j] : f64
    %3 = recur.at %0 [i -> j, j -> i] : f64
    recur.yield %1, %2, %3 : f64, f64, f64
  }
  return %y#0, %y#1, %y#2 : tensor<?x2xf64>, tensor<?x2xf64>, tensor<?x2x2xf64>
})",
                     {array({1, 2, 2}, {1, 2, 3, 4})});
  ASSERT_EQ(results.size(), 3u) << messages;
  expectNear(results[0].real(), {3, 4});
  expectNear(results[1].real(), {1, 4});
  expectNear(results[2].real(), {1, 3, 2, 4});
}

TEST_F(Semantics, IndexArithmetic) {
  const char *text = R"(
func.func @f(%x: tensor<?x?xf64>, %g: tensor<?xf64>, %w: tensor<?xf64>,
             %s: tensor<?xf64>) -> tensor<?x?xf64> {
  %y = recur.recurrence <[t, h] over t>
      ins(%x[t, h], %g[h floordiv 2], %w[h mod 2], %s[h + 1]
          : tensor<?x?xf64>, tensor<?xf64>, tensor<?xf64>, tensor<?xf64>)
      outs(<y[t, h]> : tensor<?x?xf64>) {
  ^bb0(%0: f64, %1: f64, %2: f64, %3: f64):
    %4 = arith.addf %0, %1 : f64
    %5 = arith.addf %4, %2 : f64
    %6 = arith.addf %5, %3 : f64
    recur.yield %6 : f64
  }
  return %y : tensor<?x?xf64>
})";
  auto results =
      run(text, {array({1, 3}, {1, 2, 3}), array({2}, {10, 20}),
                 array({2}, {100, 200}), array({4}, {0, 1000, 2000, 3000})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {1111, 2212, 3123});
  EXPECT_TRUE(
      run(text, {array({1, 3}, {1, 2, 3}), array({1}, {10}),
                 array({2}, {100, 200}), array({4}, {0, 1000, 2000, 3000})})
          .empty());
  EXPECT_EQ(messages, "dim 0 of argument 1 has size 1, but is read at index 1, "
                      "where 'h' is 2\n");
}

// A rotation by a quarter turn, its conjugate and its parts.
TEST_F(Semantics, ComplexStates) {
  auto results = run(R"(
func.func @f(%x: tensor<?xf32>, %w: tensor<complex<f32>>)
    -> (tensor<?xf32>, tensor<?xcomplex<f32>>, tensor<complex<f32>>) {
  %y:3 = recur.recurrence <[t] over t>
      ins(%x[t], %w[] : tensor<?xf32>, tensor<complex<f32>>)
      states(<z[] : complex<f32> = [1.0 : f32, 0.0 : f32]>)
      outs(<im[t]>, <conj[t]>, <last[] final z> : tensor<?xf32>,
           tensor<?xcomplex<f32>>, tensor<complex<f32>>) {
  ^bb0(%x0: f32, %w0: complex<f32>):
    %0 = recur.prev z : complex<f32>
    %1 = complex.mul %0, %w0 : complex<f32>
    %zero = arith.constant 0.0 : f32
    %2 = complex.create %x0, %zero : complex<f32>
    %3 = complex.add %1, %2 : complex<f32>
    %4 = complex.im %3 : complex<f32>
    %5 = complex.conj %3 : complex<f32>
    recur.yield %3, %4, %5 : complex<f32>, f32, complex<f32>
  }
  return %y#0, %y#1, %y#2
    : tensor<?xf32>, tensor<?xcomplex<f32>>, tensor<complex<f32>>
})",
                     {array({2}, {0, 3}), complexArray({}, {{0, 1}})});
  ASSERT_EQ(results.size(), 3u) << messages;
  expectNear(results[0].real(), {1, 0});
  EXPECT_EQ(results[1].complex(), (Array::Complex{{0, -1}, {2, 0}}));
  EXPECT_EQ(results[2].complex(), (Array::Complex{{2, 0}}));
}

// A latch: set or (held and not cleared).
TEST_F(Semantics, BooleanStates) {
  auto results =
      run(R"(
func.func @f(%s: tensor<?xi1>, %c: tensor<?xf32>) -> tensor<?xi1> {
  %y = recur.recurrence <[t] over t>
      ins(%s[t], %c[t] : tensor<?xi1>, tensor<?xf32>)
      states(<q[] : i1 = false>)
      outs(<q[t]> : tensor<?xi1>) {
  ^bb0(%s0: i1, %c0: f32):
    %0 = recur.prev q : i1
    %half = arith.constant 0.5 : f32
    %1 = arith.cmpf ogt, %c0, %half : f32
    %true = arith.constant true
    %2 = arith.xori %1, %true : i1
    %3 = arith.andi %0, %2 : i1
    %4 = arith.ori %s0, %3 : i1
    recur.yield %4, %4 : i1, i1
  }
  return %y : tensor<?xi1>
})",
          {array({5}, {0, 1, 0, 0, 0}), array({5}, {0, 0, 0, 1, 0})});
  ASSERT_EQ(results.size(), 1u) << messages;
  expectNear(results[0].real(), {0, 1, 1, 0, 0});
}

// No batch: nothing to compute, shapes as they should be.
TEST_F(Semantics, EmptyBatch) {
  auto results = run(R"(
func.func @f(%x: tensor<?x?xf64>) -> (tensor<?x?xf64>, tensor<?xf64>) {
  %y, %last = recur.recurrence <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf64>)
      states(<h[b] : f64 = 1.0>)
      outs(<y[b, t]>, <last[b] final h> : tensor<?x?xf64>, tensor<?xf64>) {
  ^bb0(%x0: f64):
    %0 = recur.prev h : f64
    %1 = arith.addf %0, %x0 : f64
    recur.yield %1, %1 : f64, f64
  }
  return %y, %last : tensor<?x?xf64>, tensor<?xf64>
})",
                     {Array::zeros({0, 3})});
  ASSERT_EQ(results.size(), 2u) << messages;
  EXPECT_EQ(results[0].shape, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(results[1].shape, (std::vector<int64_t>{0}));
}

} // namespace
