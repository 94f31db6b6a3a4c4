//===-- test/unit/Interpreter/ErrorsTest.cpp - what is wrong and where
//----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Wrong arguments and IR that cannot be interpreted are diagnosed.
//===----------------------------------------------------------------------===//

#include "Interpreting.h"

using namespace recur::interpreter;

namespace {
class Errors : public Interpreting {
protected:
  /// What the interpreter says of `arguments` to a function of x[b, t], h0[b].
  std::string explain(std::vector<Array> arguments) {
    EXPECT_TRUE(run(R"(
func.func @f(%x: tensor<?x?xf64> {recur.name = "x"},
             %h0: tensor<?xf64> {recur.name = "h0"}) -> tensor<?x?xf64> {
  %y = recur.recurrence <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf64>)
      inits(%h0[b] : tensor<?xf64>)
      states(<h[b] : f64 = init 0>)
      outs(<y[b, t]> : tensor<?x?xf64>) {
  ^bb0(%x0: f64):
    recur.yield %x0, %x0 : f64, f64
  }
  return %y : tensor<?x?xf64>
})",
                    arguments)
                    .empty());
    return messages;
  }
  /// What it says of a function with this body and an argument of two steps.
  std::string explainBody(const std::string &body) {
    EXPECT_TRUE(
        run("func.func @f(%x: tensor<?xf64>) -> tensor<?xf64> {\n" + body + "}",
            {Array::zeros({2})})
            .empty());
    return messages;
  }
};

TEST_F(Errors, CountOfArguments) {
  EXPECT_EQ(explain({Array::zeros({2, 3})}),
            "has 2 arguments, but 1 were given\n");
}

TEST_F(Errors, Rank) {
  EXPECT_EQ(explain({Array::zeros({2}), Array::zeros({2})}),
            "argument 0 ('x') has rank 1, expected 2\n");
}

TEST_F(Errors, SizeOfAnIndex) {
  EXPECT_EQ(explain({Array::zeros({2, 3}), Array::zeros({4})}),
            "dim 0 of argument 1 ('h0') has size 4, expected 2 for index 'b' "
            "from argument 0 ('x')\n");
}

TEST_F(Errors, ComplexForReal) {
  EXPECT_EQ(explain({Array::zeros({2, 3}, true), Array::zeros({2})}),
            "argument 0 ('x') is complex, expected elements of type 'f64'\n");
}

TEST_F(Errors, MissingElements) {
  EXPECT_EQ(explain({array({2, 3}, {1, 2}), Array::zeros({2})}),
            "argument 0 ('x') holds 2 elements, expected 6 for its shape\n");
}

TEST_F(Errors, UnknownOp) {
  EXPECT_EQ(explainBody(R"(
  %y = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf64>)
      outs(<y[t]> : tensor<?xf64>) {
  ^bb0(%x0: f64):
    %0 = math.cbrt %x0 : f64
    recur.yield %0 : f64
  }
  return %y : tensor<?xf64>
)"),
            "the interpreter does not know 'math.cbrt' on these types\n");
}

TEST_F(Errors, SizeThatNothingGives) {
  EXPECT_EQ(explainBody(R"(
  %y = recur.recurrence <[t, n] over t> ins(%x[t] : tensor<?xf64>)
      outs(<y[t]> : tensor<?xf64>) {
  ^bb0(%x0: f64):
    %0 = recur.reduce sum over [n] %x0 : f64
    recur.yield %0 : f64
  }
  return %y : tensor<?xf64>
)"),
            "no argument gives the size of index 'n'\n");
}

TEST_F(Errors, OtherOpsInTheFunction) {
  EXPECT_EQ(explainBody(R"(
  %y = tensor.cast %x : tensor<?xf64> to tensor<?xf64>
  return %y : tensor<?xf64>
)"),
            "expected one recurrence and a return, found 'tensor.cast'\n");
}

TEST_F(Errors, NoRecurrence) {
  EXPECT_EQ(explainBody("return %x : tensor<?xf64>\n"),
            "expected the function to hold a recurrence\n");
}

// A renamed dim must not be longer than the one it stands for.
TEST_F(Errors, RenamedDimIsLonger) {
  EXPECT_TRUE(run(R"(
func.func @f(%x: tensor<?x?xf64>, %w: tensor<?xf64>) -> tensor<?x?xf64> {
  %y = recur.recurrence <[t, i, j] over t>
      ins(%x[t, i], %w[j] : tensor<?x?xf64>, tensor<?xf64>)
      outs(<y[t, j]> : tensor<?x?xf64>) {
  ^bb0(%0: f64, %1: f64):
    %2 = recur.at %0 [i -> j] : f64
    recur.yield %2 : f64
  }
  return %y : tensor<?x?xf64>
})",
                  {Array::zeros({1, 2}), Array::zeros({3})})
                  .empty());
  EXPECT_EQ(messages, "reads index 'i' at 2, but its size is 2\n");
}
} // namespace
