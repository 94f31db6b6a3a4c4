//===-- compiler/Interpreter/Kernels.cpp - one op over an array ---------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The table from op types to loops.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/Kernels.h"

#include "compiler/Interpreter/Functions.h"
#include "compiler/Interpreter/Loops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace recur;
using namespace recur::interpreter;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Ops whose loop depends on an attribute or a type
//===----------------------------------------------------------------------===//

static Kernel chooseCompareFloats(Operation *op) {
  using P = arith::CmpFPredicate;
  using R = double;
  switch (cast<arith::CmpFOp>(op).getPredicate()) {
  case P::AlwaysFalse:
    return real2([](R, R) { return 0.0; });
  case P::AlwaysTrue:
    return real2([](R, R) { return 1.0; });
  case P::OEQ:
    return real2([](R x, R y) { return R(x == y); });
  case P::OGT:
    return real2([](R x, R y) { return R(x > y); });
  case P::OGE:
    return real2([](R x, R y) { return R(x >= y); });
  case P::OLT:
    return real2([](R x, R y) { return R(x < y); });
  case P::OLE:
    return real2([](R x, R y) { return R(x <= y); });
  case P::ONE:
    return real2([](R x, R y) { return R(x < y || x > y); });
  case P::ORD:
    return real2([](R x, R y) { return R(!std::isunordered(x, y)); });
  case P::UEQ:
    return real2([](R x, R y) { return R(!(x < y || x > y)); });
  case P::UGT:
    return real2([](R x, R y) { return R(!(x <= y)); });
  case P::UGE:
    return real2([](R x, R y) { return R(!(x < y)); });
  case P::ULT:
    return real2([](R x, R y) { return R(!(x >= y)); });
  case P::ULE:
    return real2([](R x, R y) { return R(!(x > y)); });
  case P::UNE:
    return real2([](R x, R y) { return R(x != y); });
  case P::UNO:
    return real2([](R x, R y) { return R(std::isunordered(x, y)); });
  }
  return nullptr;
}

static Kernel chooseCompareIntegers(Operation *op) {
  using P = arith::CmpIPredicate;
  using R = double;
  // As a signed number the bit 1 is -1; the language orders no booleans.
  auto compare = cast<arith::CmpIOp>(op);
  bool boolean = compare.getLhs().getType().isInteger(1);
  switch (compare.getPredicate()) {
  case P::eq:
    return real2([](R x, R y) { return R(x == y); });
  case P::ne:
    return real2([](R x, R y) { return R(x != y); });
  case P::slt:
    return boolean ? nullptr : real2([](R x, R y) { return R(x < y); });
  case P::sle:
    return boolean ? nullptr : real2([](R x, R y) { return R(x <= y); });
  case P::sgt:
    return boolean ? nullptr : real2([](R x, R y) { return R(x > y); });
  case P::sge:
    return boolean ? nullptr : real2([](R x, R y) { return R(x >= y); });
  default:
    return nullptr; // the language has no unsigned integers
  }
}

static Kernel chooseSelect(Operation *op) {
  if (isa<ComplexType>(op->getResult(0).getType())) {
    auto pick = [](double c, Complex x, Complex y) { return c != 0 ? x : y; };
    return Ternary<decltype(pick), Complex, double, Complex, Complex>::run;
  }
  return real3([](double c, double x, double y) { return c != 0 ? x : y; });
}

/// Unsigned integers occur only as booleans.
static Kernel chooseFromUnsigned(Operation *op) {
  bool boolean = op->getOperand(0).getType().isInteger(1);
  return boolean ? getCopyKernel(/*isComplex=*/false) : nullptr;
}

static Kernel chooseFromSigned(Operation *op) {
  bool boolean = op->getOperand(0).getType().isInteger(1);
  return boolean ? nullptr : getCopyKernel(/*isComplex=*/false);
}

/// Sums, differences and products of integers are exact in f64 up to 2^53;
/// those of booleans would wrap.
template <typename F> static Kernel wideIntegers(Operation *op) {
  bool boolean = op->getResult(0).getType().isInteger(1);
  return boolean ? nullptr : real2(F{});
}

Kernel recur::interpreter::getChooseKernel() {
  return real3([](double c, double x, double y) { return c != 0 ? x : y; });
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {
class Table {
public:
  Table() {
    addArith();
    addMath();
    addComplex();
    addRecur();
  }
  Kernel find(Operation *op) const {
    std::optional<TypeID> type;
    if (std::optional<RegisteredOperationName> name =
            op->getName().getRegisteredInfo())
      type = name->getTypeID();
    auto it = type ? entries.find(*type) : entries.end();
    if (it == entries.end())
      return nullptr;
    return it->second.kernel ? it->second.kernel : it->second.choose(op);
  }

private:
  struct Entry {
    Kernel kernel = nullptr;
    Kernel (*choose)(Operation *) = nullptr;
  };
  template <typename... OpTs> void add(Kernel kernel) {
    ((entries[TypeID::get<OpTs>()].kernel = kernel), ...);
  }
  template <typename... OpTs> void choose(Kernel (*function)(Operation *)) {
    ((entries[TypeID::get<OpTs>()].choose = function), ...);
  }
  void addArith();
  void addMath();
  void addComplex();
  void addRecur();

  llvm::DenseMap<TypeID, Entry> entries;
};
} // namespace

void Table::addArith() {
  using R = double;
  auto plus = [](R x, R y) { return x + y; };
  auto minus = [](R x, R y) { return x - y; };
  auto times = [](R x, R y) { return x * y; };
  add<arith::AddFOp>(real2(plus));
  add<arith::SubFOp>(real2(minus));
  add<arith::MulFOp>(real2(times));
  choose<arith::AddIOp>(wideIntegers<decltype(plus)>);
  choose<arith::SubIOp>(wideIntegers<decltype(minus)>);
  choose<arith::MulIOp>(wideIntegers<decltype(times)>);
  add<arith::DivFOp>(real2([](R x, R y) { return x / y; }));
  add<arith::RemFOp>(real2([](R x, R y) { return std::fmod(x, y); }));
  add<arith::NegFOp>(real1([](R x) { return -x; }));
  add<arith::MaximumFOp>(real2([](R x, R y) { return maximum(x, y); }));
  add<arith::MinimumFOp>(real2([](R x, R y) { return minimum(x, y); }));
  add<arith::MaxNumFOp>(real2([](R x, R y) { return std::fmax(x, y); }));
  add<arith::MinNumFOp>(real2([](R x, R y) { return std::fmin(x, y); }));
  add<arith::AndIOp>(
      real2([](R x, R y) { return R(int64_t(x) & int64_t(y)); }));
  add<arith::OrIOp>(real2([](R x, R y) { return R(int64_t(x) | int64_t(y)); }));
  add<arith::XOrIOp>(
      real2([](R x, R y) { return R(int64_t(x) ^ int64_t(y)); }));
  choose<arith::CmpFOp>(chooseCompareFloats);
  choose<arith::CmpIOp>(chooseCompareIntegers);
  choose<arith::SelectOp>(chooseSelect);
  add<arith::ExtFOp, arith::TruncFOp>(getCopyKernel(/*isComplex=*/false));
  choose<arith::UIToFPOp, arith::ExtUIOp>(chooseFromUnsigned);
  choose<arith::SIToFPOp, arith::ExtSIOp>(chooseFromSigned);
  add<arith::FPToSIOp>(real1([](R x) { return std::trunc(x); }));
}

void Table::addMath() {
  using R = double;
  add<math::ExpOp>(real1([](R x) { return std::exp(x); }));
  add<math::Exp2Op>(real1([](R x) { return std::exp2(x); }));
  add<math::ExpM1Op>(real1([](R x) { return std::expm1(x); }));
  add<math::LogOp>(real1([](R x) { return std::log(x); }));
  add<math::Log1pOp>(real1([](R x) { return std::log1p(x); }));
  add<math::Log2Op>(real1([](R x) { return std::log2(x); }));
  add<math::SqrtOp>(real1([](R x) { return std::sqrt(x); }));
  add<math::RsqrtOp>(real1([](R x) { return 1 / std::sqrt(x); }));
  add<math::TanhOp>(real1([](R x) { return std::tanh(x); }));
  add<math::SinOp>(real1([](R x) { return std::sin(x); }));
  add<math::CosOp>(real1([](R x) { return std::cos(x); }));
  add<math::ErfOp>(real1([](R x) { return std::erf(x); }));
  add<math::AbsFOp, math::AbsIOp>(real1([](R x) { return std::fabs(x); }));
  add<math::FloorOp>(real1([](R x) { return std::floor(x); }));
  add<math::CeilOp>(real1([](R x) { return std::ceil(x); }));
  add<math::PowFOp>(real2([](R x, R y) { return std::pow(x, y); }));
  add<math::Atan2Op>(real2([](R x, R y) { return std::atan2(x, y); }));
  add<math::CopySignOp>(real2([](R x, R y) { return std::copysign(x, y); }));
  add<math::FmaOp>(real3([](R x, R y, R z) { return std::fma(x, y, z); }));
  add<math::IsNaNOp>(real1([](R x) { return R(std::isnan(x)); }));
  add<math::IsInfOp>(real1([](R x) { return R(std::isinf(x)); }));
  add<math::IsFiniteOp>(real1([](R x) { return R(std::isfinite(x)); }));
}

void Table::addComplex() {
  using C = Complex;
  auto create = [](double re, double im) { return C(re, im); };
  add<complex::CreateOp>(Binary<decltype(create), C, double, double>::run);
  add<complex::ReOp>(realOfComplex1([](C x) { return x.real(); }));
  add<complex::ImOp>(realOfComplex1([](C x) { return x.imag(); }));
  add<complex::AbsOp>(realOfComplex1([](C x) { return std::abs(x); }));
  add<complex::AngleOp>(realOfComplex1([](C x) { return std::arg(x); }));
  add<complex::AddOp>(complex2([](C x, C y) { return x + y; }));
  add<complex::SubOp>(complex2([](C x, C y) { return x - y; }));
  add<complex::MulOp>(complex2([](C x, C y) { return x * y; }));
  add<complex::DivOp>(complex2([](C x, C y) { return x / y; }));
  add<complex::NegOp>(complex1([](C x) { return -x; }));
  add<complex::ConjOp>(complex1([](C x) { return std::conj(x); }));
  add<complex::ExpOp>(complex1([](C x) { return std::exp(x); }));
  add<complex::LogOp>(complex1([](C x) { return std::log(x); }));
  // Near zero exp(x) - 1 and log(1 + x) lose all digits; these do not.
  add<complex::Expm1Op>(complex1([](C x) {
    double half = std::sin(x.imag() / 2);
    return C(std::expm1(x.real()) * std::cos(x.imag()) - 2 * half * half,
             std::exp(x.real()) * std::sin(x.imag()));
  }));
  add<complex::Log1pOp>(complex1([](C x) {
    double norm = x.real() * (2 + x.real()) + x.imag() * x.imag();
    return C(std::log1p(norm) / 2, std::atan2(x.imag(), 1 + x.real()));
  }));
  add<complex::SqrtOp>(complex1([](C x) { return std::sqrt(x); }));
  add<complex::SinOp>(complex1([](C x) { return std::sin(x); }));
  add<complex::CosOp>(complex1([](C x) { return std::cos(x); }));
  add<complex::TanhOp>(complex1([](C x) { return std::tanh(x); }));
  add<complex::EqualOp>(
      realOfComplex2([](C x, C y) { return double(x == y); }));
  add<complex::NotEqualOp>(
      realOfComplex2([](C x, C y) { return double(x != y); }));
}

void Table::addRecur() {
  using R = double;
  add<SigmoidOp>(real1([](R x) { return sigmoid(x); }));
  add<SoftplusOp>(real1([](R x) { return softplus(x); }));
  add<SiluOp>(real1([](R x) { return silu(x); }));
  add<ReluOp>(real1([](R x) { return maximum(x, 0.0); }));
  add<LogAddExpOp>(real2([](R x, R y) { return logAddExp(x, y); }));
}

Kernel recur::interpreter::getElementwiseKernel(Operation *op) {
  static const Table table;
  return table.find(op);
}

//===----------------------------------------------------------------------===//
// Reductions, copies, semirings
//===----------------------------------------------------------------------===//

/// Adds exp(x - max) to the first array; x is the second, max the third.
static void sumExp(int64_t n, char *const *p, const int64_t *s) {
  double *sum = reinterpret_cast<double *>(p[0]);
  const double *x = reinterpret_cast<const double *>(p[1]);
  const double *max = reinterpret_cast<const double *>(p[2]);
  for (int64_t i = 0; i < n; ++i) {
    double m = max[i * s[2]];
    // At an infinite maximum the differences are NaN and the sum unused.
    sum[i * s[0]] += std::isinf(m) ? 0.0 : std::exp(x[i * s[1]] - m);
  }
}

ReductionKernels recur::interpreter::getReductionKernels(ReductionKind kind,
                                                         bool isComplex) {
  using R = double;
  auto plus = [](R x, R y) { return x + y; };
  auto complexPlus = [](Complex x, Complex y) { return x + y; };
  auto max = [](R x, R y) { return maximum(x, y); };
  auto min = [](R x, R y) { return minimum(x, y); };
  if (isComplex && kind != ReductionKind::Sum)
    return {0, nullptr};
  switch (kind) {
  case ReductionKind::Sum:
    return {0, isComplex ? Accumulate<decltype(complexPlus), Complex>::run
                         : Accumulate<decltype(plus), R>::run};
  case ReductionKind::Max:
    return {-infinity, Accumulate<decltype(max), R>::run};
  case ReductionKind::Min:
    return {infinity, Accumulate<decltype(min), R>::run};
  case ReductionKind::LogSumExp:
    return {-infinity, Accumulate<decltype(max), R>::run, sumExp,
            real2([](R m, R sum) {
              return std::isinf(m) ? m : m + std::log(sum);
            })};
  }
  return {0, nullptr};
}

Kernel recur::interpreter::getCopyKernel(bool isComplex) {
  return isComplex ? complex1([](Complex x) { return x; })
                   : real1([](double x) { return x; });
}

template <typename T>
static void resetLoop(int64_t n, char *const *p, const int64_t *s) {
  T *out = reinterpret_cast<T *>(p[0]);
  const double *reset = reinterpret_cast<const double *>(p[1]);
  const T *start = reinterpret_cast<const T *>(p[2]);
  for (int64_t i = 0; i < n; ++i)
    if (reset[i * s[1]] != 0)
      out[i * s[0]] = start[i * s[2]];
}

Kernel recur::interpreter::getResetKernel(bool isComplex) {
  return isComplex ? resetLoop<Complex> : resetLoop<double>;
}

Kernel recur::interpreter::getSemiringSum(Semiring semiring, bool isComplex) {
  using R = double;
  if (isComplex)
    return semiring == Semiring::PlusTimes
               ? complex2([](Complex x, Complex y) { return x + y; })
               : nullptr;
  switch (semiring) {
  case Semiring::PlusTimes:
    return real2([](R x, R y) { return x + y; });
  case Semiring::MaxPlus:
    return real2([](R x, R y) { return maximum(x, y); });
  case Semiring::MinPlus:
    return real2([](R x, R y) { return minimum(x, y); });
  case Semiring::LogSumExp:
    return real2([](R x, R y) { return logAddExp(x, y); });
  case Semiring::OrAnd:
    return real2([](R x, R y) { return R(x != 0 || y != 0); });
  }
  return nullptr;
}

Kernel recur::interpreter::getSemiringProduct(Semiring semiring,
                                              bool isComplex) {
  using R = double;
  if (isComplex)
    return semiring == Semiring::PlusTimes
               ? complex2([](Complex x, Complex y) { return x * y; })
               : nullptr;
  switch (semiring) {
  case Semiring::PlusTimes:
    return real2([](R x, R y) { return x * y; });
  case Semiring::MaxPlus:
  case Semiring::MinPlus:
  case Semiring::LogSumExp:
    return real2([](R x, R y) { return x + y; });
  case Semiring::OrAnd:
    return real2([](R x, R y) { return R(x != 0 && y != 0); });
  }
  return nullptr;
}
