//===-- JacobianTest.cpp - derived Jacobians against differences ----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compares the Jacobians that recur-linearize derives, and the zeros that it
/// infers, with central differences on random steps.
//===----------------------------------------------------------------------===//

#include "AnalysisTest.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace recur;
using interpreter::Array;

namespace {

/// The newton that `text` becomes, in a module of its own.
OwningOpRef<ModuleOp> linearize(const std::string &text) {
  OwningOpRef<ModuleOp> module = parse(text);
  PassManager manager(&getContext());
  manager.addPass(createClassifyPass());
  manager.addPass(createLinearizePass());
  if (!module || failed(manager.run(*module)))
    return {};
  return module;
}

NewtonOp getNewton(ModuleOp module) {
  for (NewtonOp newton : getFunction(module).getOps<NewtonOp>())
    return newton;
  return {};
}

std::vector<double> run(ModuleOp module, const std::vector<Array> &arguments) {
  auto results = interpreter::interpret(getFunction(module), arguments);
  std::vector<double> numbers;
  if (succeeded(results))
    for (const Array &result : *results)
      numbers.insert(numbers.end(), result.real().begin(), result.real().end());
  return numbers;
}

/// Random expressions of what a spec can call, smooth almost everywhere.
class Expressions {
public:
  explicit Expressions(unsigned seed) : engine(seed) {}

  std::string make(const std::vector<std::string> &leaves, int depth) {
    if (depth == 0 || pick(5) == 0)
      return leaves[pick(leaves.size())];
    std::string x = make(leaves, depth - 1);
    static const char *unary[] = {
        "tanh(", "sigmoid(",     "softplus(",  "silu(",        "relu(",
        "sin(",  "cos(",         "abs(",       "exp(0.3 * ",   "0.7 * (",
        "-(",    "expm1(0.2 * ", "log1p(abs(", "sqrt(1 + abs("};
    unsigned kind = pick(14 + 8);
    if (kind < 14)
      return unary[kind] + x + (kind >= 12 ? "))" : ")");
    std::string y = make(leaves, depth - 1);
    switch (kind) {
    case 14:
      return "max(" + x + ", " + y + ")";
    case 15:
      return "min(" + x + ", " + y + ")";
    case 16:
      return "logaddexp(" + x + ", " + y + ")";
    case 17:
      return "select(" + x + " > 0.21, " + y + ", x)";
    case 18:
      return "(" + x + ") / (1.5 + tanh(" + y + "))";
    case 19:
      return "(" + x + ") * (" + y + ")";
    case 20:
      return "(" + x + ") - (" + y + ")";
    default:
      return "(" + x + ") + (" + y + ")";
    }
  }
  unsigned pick(unsigned count) { return engine() % count; }
  double uniform() {
    return std::uniform_real_distribution<double>(-1, 1)(engine);
  }

private:
  std::mt19937 engine;
};

bool isZero(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : nullptr;
  return number && number.getValue().isZero();
}

/// df_i / dh_j by moving h_j, the argument at `first` + j.
std::vector<double> differences(ModuleOp module, std::vector<Array> arguments,
                                unsigned first, unsigned j) {
  double step = 1e-5;
  double &moved = arguments[first + j].real()[0];
  moved += step;
  std::vector<double> above = run(module, arguments);
  moved -= 2 * step;
  std::vector<double> below = run(module, arguments);
  for (size_t i = 0; i < above.size(); ++i)
    above[i] = (above[i] - below[i]) / (2 * step);
  return above;
}

class RandomStep : public testing::TestWithParam<unsigned> {};

TEST_P(RandomStep, HasTheJacobianOfItsDifferences) {
  Expressions random(GetParam());
  unsigned count = 1 + GetParam() % 3;
  std::string names = "hgk", head, states, updates, results;
  std::vector<std::string> expressions;
  for (unsigned i = 0; i < count; ++i) {
    std::string name(1, names[i]);
    head += ", " + name + "0[b]: f64";
    results += (i ? ", final " : "final ") + name + ": f64";
    states += "state " + name + "[b]: f64 = " + name + "0\n";
    // Some states read all earlier ones, some only a few.
    std::vector<std::string> leaves = {"x", "y", "prev(" + name + ")"};
    for (unsigned j = 0; j < count; ++j)
      if (random.pick(2))
        leaves.push_back("prev(" + std::string(1, names[j]) + ")");
    expressions.push_back(random.make(leaves, 4));
    updates += name + " = 0 * x + " + expressions.back() + "\n";
  }
  std::string text = "recurrence f over t (x[b,t]: f64, y[b,t]: f64" + head +
                     ") -> (" + results + ") {\n" + states + updates + "}";
  SCOPED_TRACE(text);
  OwningOpRef<ModuleOp> step = parse(text), derived = ::linearize(text);
  ASSERT_TRUE(step && derived);
  NewtonOp newton = getNewton(*derived);
  if (!newton)
    return; // affine after all
  std::vector<Array> arguments;
  for (unsigned i = 0; i < 2 + count; ++i) {
    arguments.push_back(i < 2 ? Array::zeros({1, 1}) : Array::zeros({1}));
    arguments.back().real()[0] = random.uniform();
  }
  ASSERT_EQ(run(*derived, arguments), run(*step, arguments));

  bool block = newton.getJacobian().getStructure() == Structure::Block;
  Operation *yield = newton.getElements().front().getTerminator();
  for (unsigned j = 0; j < count; ++j) {
    // The derived step yields column j in the place of the new states.
    OwningOpRef<ModuleOp> columns(cast<ModuleOp>(derived->clone()));
    Operation *changed =
        getNewton(*columns).getElements().front().getTerminator();
    for (unsigned i = 0; i < count; ++i)
      changed->setOperand(block ? count * count + i : 2 * i + 1,
                          changed->getOperand(block ? i * count + j : 2 * i));
    std::vector<double> column = run(*columns, arguments);
    std::vector<double> expected = differences(*step, arguments, 2, j);
    ASSERT_EQ(column.size(), expected.size());
    for (unsigned i = 0; i < count; ++i) {
      if (!block && i != j) {
        EXPECT_EQ(expected[i], 0) << i << ", " << j;
        continue;
      }
      EXPECT_NEAR(column[i], expected[i], 1e-6 * (1 + std::abs(expected[i])))
          << i << ", " << j;
      // A state that an update does not name has no entry.
      std::string read = "prev(" + std::string(1, names[j]) + ")";
      if (expressions[i].find(read) == std::string::npos) {
        EXPECT_TRUE(isZero(yield->getOperand(block ? i * count + j : 2 * i)));
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Steps, RandomStep, testing::Range(0u, 300u));

// A matrix over two dims: what is read along j, under a sum, a maximum and a
// logsumexp, and what is read plainly.
TEST(DimPair, HasTheJacobianOfItsDifferences) {
  for (const char *update :
       {"tanh(sum(j: R * h[b,t-1,j]) + x)",
        "0.3 * h[b,t-1,i] * sigmoid(x) + tanh(sum(j: R * h[b,t-1,j]))",
        "h[b,t-1,i] * sigmoid(sum(j: R * h[b,t-1,j])) + max(j: R * h[b,t-1,j])",
        "logsumexp(j: R * tanh(h[b,t-1,j]) * x)",
        "sum(j: R * h[b,t-1,j] * h[b,t-1,i])"}) {
    std::string text =
        "recurrence f over t (x[b,t,i=3]: f64, R[i,j=3]: f64, h0[b,i]: f64) "
        "-> (final h: f64) {\nstate h[b,i]: f64 = h0\nh = " +
        std::string(update) + "\n}";
    SCOPED_TRACE(text);
    OwningOpRef<ModuleOp> step = parse(text), derived = ::linearize(text);
    ASSERT_TRUE(step && derived);
    NewtonOp newton = getNewton(*derived);
    ASSERT_TRUE(newton && newton.getBlockDims());
    Expressions random(3);
    std::vector<Array> arguments = {Array::zeros({1, 1, 3}),
                                    Array::zeros({3, 3}), Array::zeros({1, 3})};
    for (Array &array : arguments)
      for (double &number : array.real())
        number = random.uniform();
    ASSERT_EQ(run(*derived, arguments), run(*step, arguments));
    for (unsigned j = 0; j < 3; ++j) {
      OwningOpRef<ModuleOp> columns(cast<ModuleOp>(derived->clone()));
      Operation *changed =
          getNewton(*columns).getElements().front().getTerminator();
      OpBuilder builder(changed);
      Value entry = changed->getOperand(0);
      changed->setOperand(
          1, AtOp::create(builder, changed->getLoc(), entry.getType(), entry,
                          builder.getStrArrayAttr({"j"}),
                          builder.getArrayAttr(builder.getIndexAttr(j))));
      std::vector<double> column = run(*columns, arguments);
      std::vector<Array> above = arguments, below = arguments;
      above[2].real()[j] += 1e-5;
      below[2].real()[j] -= 1e-5;
      std::vector<double> high = run(*step, above), low = run(*step, below);
      for (unsigned i = 0; i < 3; ++i)
        EXPECT_NEAR(column[i], (high[i] - low[i]) / 2e-5, 1e-7)
            << i << ", " << j;
    }
  }
}

} // namespace
