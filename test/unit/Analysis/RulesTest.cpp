//===-- RulesTest.cpp - derivatives of step operations --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compares the derivative of every function that a spec can call, as the ops'
/// interface builds it, with central differences.
//===----------------------------------------------------------------------===//

#include "AnalysisTest.h"

#include <cmath>

using namespace mlir;
using namespace recur;
using interpreter::Array;

namespace {

/// Replaces what the step yields by its derivative along the input `v`, when
/// the input `x` moves along it. False if an op has no rule.
bool differentiate(RecurrenceOp recurrence) {
  Block &block = recurrence.getStep().front();
  Operation *yield = block.getTerminator();
  OpBuilder builder(yield);
  llvm::DenseMap<Value, Value> tangents;
  tangents[block.getArgument(0)] = block.getArgument(1);
  // The rules add ops, which are not differentiated again.
  llvm::SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator())
    ops.push_back(&op);
  for (Operation *op : ops) {
    auto step = dyn_cast<StepOpInterface>(op);
    if (!step)
      return false;
    llvm::SmallVector<Value> moved;
    for (Value operand : op->getOperands())
      moved.push_back(tangents.lookup(operand));
    auto tangent = step.pushforward(builder, op->getOperands(), moved);
    if (failed(tangent))
      return false;
    tangents[op->getResult(0)] = *tangent;
  }
  Value tangent = tangents.lookup(yield->getOperand(0));
  if (!tangent)
    return false;
  yield->setOperand(0, tangent);
  return true;
}

struct Rule {
  const char *name, *expression;
};

class Derivative : public testing::TestWithParam<Rule> {};

TEST_P(Derivative, AgreesWithCentralDifferences) {
  // v is used so that it is an input of the step.
  std::string text = "recurrence f over t (x[t,n=3], v[t,n]) -> (y[t,n]) { y = "
                     "select(v > 9, v, " +
                     std::string(GetParam().expression) + ") }";
  auto primal = parse(text), tangent = parse(text);
  ASSERT_TRUE(primal && tangent);
  auto recurrence = *getFunction(*tangent).getOps<RecurrenceOp>().begin();
  ASSERT_TRUE(differentiate(recurrence));
  Array x = Array::zeros({7, 3}), v = x;
  // Far from the kinks of relu, abs, max and min at 0 and 0.5.
  for (int i = 0; i < 21; ++i) {
    x.real()[i] = 0.07 + 0.11 * i - 0.0037 * i * i;
    v.real()[i] = 0.3 + 0.05 * i;
  }
  double step = 1e-5;
  Array above = x, below = x;
  for (int i = 0; i < 21; ++i) {
    above.real()[i] += step * v.real()[i];
    below.real()[i] -= step * v.real()[i];
  }
  auto high = interpreter::interpret(getFunction(*primal), {above, v});
  auto low = interpreter::interpret(getFunction(*primal), {below, v});
  auto slope = interpreter::interpret(getFunction(*tangent), {x, v});
  ASSERT_TRUE(succeeded(high) && succeeded(low) && succeeded(slope));
  for (int i = 0; i < 21; ++i) {
    double expected = ((*high)[0].real()[i] - (*low)[0].real()[i]) / (2 * step);
    EXPECT_NEAR((*slope)[0].real()[i], expected,
                1e-7 * std::max(1.0, std::fabs(expected)))
        << "at " << x.real()[i];
  }
}

const Rule rules[] = {
    {"Add", "x + x"},
    {"Subtract", "1 - x"},
    {"Multiply", "x * x * x"},
    {"Divide", "(1 + x) / (2 + x * x)"},
    {"Negate", "-x"},
    {"Exp", "exp(x)"},
    {"Log", "log(x)"},
    {"Log1p", "log1p(x)"},
    {"Expm1", "expm1(x)"},
    {"Sqrt", "sqrt(x)"},
    {"Tanh", "tanh(x)"},
    {"Sin", "sin(x)"},
    {"Cos", "cos(x)"},
    {"Abs", "abs(x - 0.5)"},
    {"Max", "max(x, 1 - x)"},
    {"Min", "min(x * x, 0.25)"},
    {"Select", "select(x > 0.5, x * x, exp(x))"},
    {"Sigmoid", "sigmoid(3 * x - 1)"},
    {"Softplus", "softplus(x - 0.5)"},
    {"Silu", "silu(2 * x - 1)"},
    {"Relu", "relu(x - 0.5)"},
    {"LogAddExp", "logaddexp(x, 2 * x - 1)"},
    {"Sum", "x * sum(n: x * x)"},
    {"Maximum", "max(n: x) * x"},
    {"Minimum", "min(n: x) * x"},
    {"LogSumExp", "logsumexp(n: 2 * x)"},
    {"ComplexExp", "real(exp(complex(x, 2 * x)))"},
    {"ComplexLog", "imag(log(complex(x, 1 + x)))"},
    {"ComplexExpm1", "real(expm1(complex(x, x * x)))"},
    {"ComplexLog1p", "imag(log1p(complex(x, x)))"},
    {"ComplexSqrt", "real(sqrt(complex(x, 1)))"},
    {"ComplexTanh", "real(tanh(complex(x, 0.5 * x)))"},
    {"ComplexSin", "real(sin(complex(x, x)))"},
    {"ComplexCos", "imag(cos(complex(x, x)))"},
    {"ComplexAbs", "abs(complex(x, 1 - x))"},
    {"ComplexArithmetic", "real(-conj(complex(x, 1)) * complex(1, x) / "
                          "(complex(x, 2) - complex(0, x)))"},
};
INSTANTIATE_TEST_SUITE_P(Rules, Derivative, testing::ValuesIn(rules),
                         [](const auto &info) { return info.param.name; });

// The expanded formulas give NaN here: 0 * inf and inf / inf.
TEST(Derivative, NamedFunctionsStayFiniteFarOut) {
  for (const char *expression :
       {"sigmoid(x)", "softplus(x)", "silu(x)", "logaddexp(x, 0)", "tanh(x)"}) {
    std::string text = "recurrence f over t (x[t], v[t]) -> (y[t]) { y = "
                       "select(v > 9, v, " +
                       std::string(expression) + ") }";
    auto module = parse(text);
    ASSERT_TRUE(module);
    auto recurrence = *getFunction(*module).getOps<RecurrenceOp>().begin();
    ASSERT_TRUE(differentiate(recurrence));
    Array x = Array::zeros({2}), v = x;
    x.real() = {-1000, 1000};
    v.real() = {1, 1};
    auto slope = interpreter::interpret(getFunction(*module), {x, v});
    ASSERT_TRUE(succeeded(slope));
    for (double value : (*slope)[0].real())
      EXPECT_TRUE(std::isfinite(value)) << expression;
  }
}

} // namespace
