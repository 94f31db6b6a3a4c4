//===-- Operations.cpp - the operators and functions of a spec ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The table of functions and their values on constants.
#include "compiler/Frontend/Operations.h"
#include <algorithm>
#include <cmath>
#include <iterator>

using namespace recur::spec;
using llvm::StringRef;

static constexpr FunctionInfo functionTable[] = {
    {"exp", Operation::Exp, Signature::Number, 1},
    {"log", Operation::Log, Signature::Number, 1},
    {"log1p", Operation::Log1p, Signature::Number, 1},
    {"expm1", Operation::Expm1, Signature::Number, 1},
    {"sqrt", Operation::Sqrt, Signature::Number, 1},
    {"tanh", Operation::Tanh, Signature::Number, 1},
    {"sigmoid", Operation::Sigmoid, Signature::Real, 1},
    {"softplus", Operation::Softplus, Signature::Real, 1},
    {"silu", Operation::Silu, Signature::Real, 1},
    {"relu", Operation::Relu, Signature::Real, 1},
    {"sin", Operation::Sin, Signature::Number, 1},
    {"cos", Operation::Cos, Signature::Number, 1},
    {"abs", Operation::Abs, Signature::Magnitude, 1},
    {"min", Operation::Min, Signature::Real, 2, /*variadic=*/true},
    {"max", Operation::Max, Signature::Real, 2, /*variadic=*/true},
    {"logaddexp", Operation::LogAddExp, Signature::Real, 2},
    {"select", Operation::Select, Signature::Select, 3},
    {"real", Operation::Real, Signature::ComplexPart, 1},
    {"imag", Operation::Imag, Signature::ComplexPart, 1},
    {"conj", Operation::Conj, Signature::ComplexOnly, 1},
    {"complex", Operation::Complex, Signature::MakeComplex, 2},
};

// In the order of ReductionKind.
static constexpr StringRef reductionTable[] = {"sum", "max", "min",
                                               "logsumexp"};

llvm::ArrayRef<FunctionInfo> recur::spec::functions() { return functionTable; }

const FunctionInfo *recur::spec::findFunction(StringRef name) {
  const auto *found =
      std::find_if(std::begin(functionTable), std::end(functionTable),
                   [&](const FunctionInfo &f) { return f.name == name; });
  return found == std::end(functionTable) ? nullptr : found;
}

std::optional<ReductionKind> recur::spec::findReduction(StringRef name) {
  const auto *found =
      std::find(std::begin(reductionTable), std::end(reductionTable), name);
  if (found == std::end(reductionTable))
    return std::nullopt;
  return static_cast<ReductionKind>(found - std::begin(reductionTable));
}

llvm::ArrayRef<StringRef> recur::spec::reductionNames() {
  return reductionTable;
}

/// Large positive and negative arguments neither overflow nor lose digits.
static double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

static double sigmoid(double x) {
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  return std::exp(x) / (1 + std::exp(x));
}

static double logAddExp(double a, double b) {
  // Equal infinities would give inf - inf.
  if (a == b)
    return a + std::log(2.0);
  return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)));
}

/// min and max give nan when either operand is nan, as the operations do.
static double minimum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b);
}
static double maximum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
}

static double evaluateReal(Operation operation, double a, double b, double c) {
  switch (operation) {
  case Operation::Add:
    return a + b;
  case Operation::Subtract:
    return a - b;
  case Operation::Multiply:
    return a * b;
  case Operation::Divide:
    return a / b;
  case Operation::Negate:
    return -a;
  case Operation::Equal:
    return a == b;
  case Operation::NotEqual:
    return a != b;
  case Operation::Less:
    return a < b;
  case Operation::LessEqual:
    return a <= b;
  case Operation::Greater:
    return a > b;
  case Operation::GreaterEqual:
    return a >= b;
  case Operation::And:
    return a != 0 && b != 0;
  case Operation::Or:
    return a != 0 || b != 0;
  case Operation::Not:
    return a == 0;
  case Operation::Exp:
    return std::exp(a);
  case Operation::Log:
    return std::log(a);
  case Operation::Log1p:
    return std::log1p(a);
  case Operation::Expm1:
    return std::expm1(a);
  case Operation::Sqrt:
    return std::sqrt(a);
  case Operation::Tanh:
    return std::tanh(a);
  case Operation::Sigmoid:
    return sigmoid(a);
  case Operation::Softplus:
    return softplus(a);
  case Operation::Silu:
    return a * sigmoid(a);
  case Operation::Relu:
    return maximum(a, 0);
  case Operation::Sin:
    return std::sin(a);
  case Operation::Cos:
    return std::cos(a);
  case Operation::Abs:
    return std::abs(a);
  case Operation::Min:
    return minimum(a, b);
  case Operation::Max:
    return maximum(a, b);
  case Operation::LogAddExp:
    return logAddExp(a, b);
  case Operation::Select:
    return a != 0 ? b : c;
  case Operation::Real:
  case Operation::Conj:
    return a;
  case Operation::Imag:
  case Operation::Complex: // Always evaluated as complex.
    return 0;
  }
  return 0;
}

static std::complex<double> evaluateComplex(Operation operation,
                                            std::complex<double> a,
                                            std::complex<double> b,
                                            std::complex<double> c) {
  switch (operation) {
  case Operation::Add:
    return a + b;
  case Operation::Subtract:
    return a - b;
  case Operation::Multiply:
    return a * b;
  case Operation::Divide:
    return a / b;
  case Operation::Negate:
    return -a;
  case Operation::Equal:
    return a == b;
  case Operation::NotEqual:
    return a != b;
  case Operation::Exp:
    return std::exp(a);
  case Operation::Log:
    return std::log(a);
  case Operation::Log1p:
    return std::log(1.0 + a);
  case Operation::Expm1:
    // exp(x + iy) - 1 without cancellation near 0:
    // expm1(x) cos(y) - 2 sin^2(y/2) + i exp(x) sin(y).
    return {std::expm1(a.real()) * std::cos(a.imag()) -
                2 * std::pow(std::sin(a.imag() / 2), 2),
            std::exp(a.real()) * std::sin(a.imag())};
  case Operation::Sqrt:
    return std::sqrt(a);
  case Operation::Tanh:
    return std::tanh(a);
  case Operation::Sin:
    return std::sin(a);
  case Operation::Cos:
    return std::cos(a);
  case Operation::Abs:
    return std::abs(a);
  case Operation::Select:
    return a != 0.0 ? b : c;
  case Operation::Real:
    return a.real();
  case Operation::Imag:
    return a.imag();
  case Operation::Conj:
    return std::conj(a);
  case Operation::Complex:
    return {a.real(), b.real()};
  default: // Signature::Real: the checker has refused complex operands.
    return evaluateReal(operation, a.real(), b.real(), c.real());
  }
}

std::complex<double>
recur::spec::evaluate(Operation operation,
                      llvm::ArrayRef<std::complex<double>> operands,
                      bool isComplex) {
  auto operand = [&](size_t i) {
    return i < operands.size() ? operands[i] : std::complex<double>();
  };
  if (isComplex)
    return evaluateComplex(operation, operand(0), operand(1), operand(2));
  return evaluateReal(operation, operand(0).real(), operand(1).real(),
                      operand(2).real());
}
