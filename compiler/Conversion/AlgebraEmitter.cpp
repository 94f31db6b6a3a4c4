//===-- AlgebraEmitter.cpp - code for the algebra of a scan ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The operators of the semirings as operations.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/AlgebraEmitter.h"

#include "compiler/Conversion/Marks.h"
#include "compiler/Conversion/PairValues.h"
#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace recur;

bool recur::composesInWrongOrder = false;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2 = 0.6931471805599453;

/// How much less than the greatest term of a run its first may be: products up
/// to it, whose rounding adds to the states, are about as large.
static constexpr double kLargestSpread = 32;

/// The largest reference. Its logarithm to the base 2 is rounded by up to 2^5,
/// which all exponents of a run have in them: the exponentials are then normal
/// numbers still. (Larger numbers are common masks.)
static constexpr double kLargestReference = 0x1p29;

Value AlgebraEmitter::constant(double value) {
  return makeNumber(builder, loc, type, value);
}

Value AlgebraEmitter::zero() { return constant(getSemiringZero(semiring)); }
Value AlgebraEmitter::one() { return constant(getSemiringOne(semiring)); }

Value AlgebraEmitter::sum(Value x, Value y) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return mapParts(builder, loc, {x, y}, [&](ArrayRef<Value> v) -> Value {
      return arith::AddFOp::create(builder, loc, v[0], v[1], flags);
    });
  case Semiring::MaxPlus:
  case Semiring::MinPlus:
    if (auto it = products.find(x); it != products.end())
      return addToProduct(it->second, y);
    if (auto it = products.find(y); it != products.end())
      return addToProduct(it->second, x);
    if (semiring == Semiring::MaxPlus)
      return arith::MaximumFOp::create(builder, loc, x, y);
    return arith::MinimumFOp::create(builder, loc, x, y);
  case Semiring::LogSumExp: {
    if (isPair(x.getType()) || isPair(y.getType()))
      return addOpen(x, y);
    if (hasOpen())
      return addLogarithms(x, y);
    if (!onGpu && getElementTypeOrSelf(type).isF32())
      return LogAddExpOp::create(builder, loc, x.getType(), x, y);
    // What is less by so much is lost in rounding; its exponential, or the
    // square of it, would be below the normal range and take a hundred times as
    // long.
    bool isDouble = getElementTypeOrSelf(type).isF64();
    Value greater = arith::MaximumFOp::create(builder, loc, x, y);
    Value lesser = arith::MinimumFOp::create(builder, loc, x, y);
    Value least = arith::SubFOp::create(builder, loc, greater,
                                        constant(isDouble ? 350 : 43));
    Value isLost = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OLT, lesser, least);
    lesser = select(isLost, least, lesser);
    Value total =
        LogAddExpOp::create(builder, loc, x.getType(), greater, lesser);
    return select(isLost, greater, total);
  }
  case Semiring::OrAnd:
    return arith::OrIOp::create(builder, loc, x, y);
  }
  llvm_unreachable("unknown semiring");
}

/// The greater (lesser) of a product and a number. On x86 the instruction for
/// it gives its second operand where one is no number: that is right where
/// opposite infinities met in the product, and what is left is a NaN in its
/// factors.
Value AlgebraEmitter::addToProduct(const Product &product, Value y) {
  Value isFirst = arith::CmpFOp::create(builder, loc,
                                        semiring == Semiring::MaxPlus
                                            ? arith::CmpFPredicate::OGT
                                            : arith::CmpFPredicate::OLT,
                                        product.total, y);
  Value isNaN = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO,
                                      product.factors[0], product.factors[1]);
  if (hasResets) {
    Value isThere = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::UNE, product.factors[0], zero());
    isNaN = arith::AndIOp::create(builder, loc, isNaN, isThere);
  }
  // (not the total: the two selections would become one, of two comparisons)
  return select(isNaN, constant(std::numeric_limits<double>::quiet_NaN()),
                select(isFirst, product.total, y));
}

/// log(exp x + exp y) by the special-function unit. The exponential is at most
/// 1 and the argument of the logarithm at least that, so that errors of 2^-22
/// of each are no more than that of the sum.
Value AlgebraEmitter::addLogarithms(Value x, Value y) {
  Value greater = arith::MaximumFOp::create(builder, loc, x, y);
  Value total = callLog2(
      arith::AddFOp::create(builder, loc, getLesser(x, y), constant(1)));
  // Equal infinities have no difference.
  Value same =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, x, y);
  total = select(same, constant(1), total);
  return math::FmaOp::create(builder, loc, total, constant(kLn2), greater);
}

/// The greatest term stands for what is subtracted from all; of terms that are
/// all infinite nothing is.
Value AlgebraEmitter::sumAll(const std::vector<Value> &terms) {
  bool isClosed =
      llvm::none_of(terms, [](Value term) { return isPair(term.getType()); });
  if (!hasOpen() || !isClosed || terms.size() < 3) {
    Value total = terms.front();
    for (Value term : ArrayRef(terms).drop_front())
      total = sum(total, term);
    return total;
  }
  Value greatest = terms.front();
  for (Value term : ArrayRef(terms).drop_front())
    greatest = arith::MaximumFOp::create(builder, loc, greatest, term);
  Value isFinite =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                            math::AbsFOp::create(builder, loc, greatest),
                            constant(std::numeric_limits<float>::infinity()));
  greatest = select(isFinite, greatest, constant(0));
  Value scale = constant(kLog2E);
  Value total;
  for (Value term : terms) {
    Value apart = arith::SubFOp::create(builder, loc, term, greatest);
    apart = arith::MulFOp::create(builder, loc, apart, scale);
    Value each = callExp2(apart);
    total = total ? arith::AddFOp::create(builder, loc, total, each).getResult()
                  : each;
  }
  Value log = callLog2(total);
  return math::FmaOp::create(builder, loc, log, constant(kLn2), greatest);
}

Value AlgebraEmitter::callSpecial(StringRef name, Value operand) {
  return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                       builder.getStringAttr(name), operand)
      .getResult(0);
}

Value AlgebraEmitter::callExp2(Value x) {
  return callSpecial("llvm.nvvm.ex2.approx.ftz", x);
}

Value AlgebraEmitter::callLog2(Value x) {
  return callSpecial("llvm.nvvm.lg2.approx.ftz.f", x);
}

Value AlgebraEmitter::getLesser(Value x, Value y) {
  Value apart = arith::SubFOp::create(builder, loc, x, y);
  apart = math::AbsFOp::create(builder, loc, apart);
  apart = arith::MulFOp::create(builder, loc, apart, constant(-kLog2E));
  return callExp2(apart);
}

bool AlgebraEmitter::hasOpen() const {
  return onGpu && semiring == Semiring::LogSumExp && type.isF32();
}

Value AlgebraEmitter::open(Value x) {
  return hasOpen() ? makePair(builder, loc, x, constant(1)) : x;
}

Value AlgebraEmitter::close(Value x) {
  if (!hasOpen() || !isPair(x.getType()))
    return x;
  Value log = callLog2(getPart(builder, loc, x, 1));
  return math::FmaOp::create(builder, loc, log, constant(kLn2),
                             getPart(builder, loc, x, 0));
}

/// The greater one's m is that of the sum, so s is at least 1 and at most the
/// count of the terms.
Value AlgebraEmitter::addOpen(Value x, Value y) {
  if (!isPair(x.getType()))
    x = open(x);
  if (!isPair(y.getType()))
    y = open(y);
  Value m = getPart(builder, loc, x, 0), n = getPart(builder, loc, y, 0);
  Value s = getPart(builder, loc, x, 1), r = getPart(builder, loc, y, 1);
  // Equal infinities have no difference; theirs is 0. (A NaN stays in m.)
  Value lesser =
      arith::MinNumFOp::create(builder, loc, getLesser(m, n), constant(1));
  Value isFirst =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGE, m, n);
  Value total = math::FmaOp::create(builder, loc, select(isFirst, r, s), lesser,
                                    select(isFirst, s, r));
  return makePair(builder, loc, arith::MaximumFOp::create(builder, loc, m, n),
                  total);
}

Value AlgebraEmitter::beginRun(ArrayRef<Value> as, ArrayRef<Value> bs,
                               Run &run) {
  for (size_t i = 0; i < bs.size(); ++i) {
    Value term = bs[i];
    if (i > 0 && !as.empty()) {
      Value a = as[i];
      if (!run.products.empty())
        a = arith::AddFOp::create(builder, loc, run.products.back(), a);
      run.products.push_back(a);
      term = arith::SubFOp::create(builder, loc, term, a);
    }
    // (NaN if a term is)
    run.greatest =
        i == 0 ? term
               : arith::MaximumFOp::create(builder, loc, run.greatest, term)
                     .getResult();
    run.terms.push_back(term);
  }
  auto isLess = [&](Value x, double bound) -> Value {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x,
                                 constant(bound));
  };
  Value spread =
      arith::SubFOp::create(builder, loc, run.greatest, run.terms.front());
  return arith::AndIOp::create(
      builder, loc, isLess(spread, kLargestSpread),
      isLess(math::AbsFOp::create(builder, loc, run.greatest),
             kLargestReference));
}

/// The reference is exact as a logarithm to the base 2: all terms are against
/// the same.
Value AlgebraEmitter::foldRun(Run &run) {
  Value scale = constant(kLog2E);
  Value shift = arith::NegFOp::create(
      builder, loc, arith::MulFOp::create(builder, loc, run.greatest, scale));
  run.reference = arith::MulFOp::create(builder, loc, shift, constant(-kLn2));
  Value total;
  for (Value term : run.terms) {
    term = callExp2(math::FmaOp::create(builder, loc, term, scale, shift));
    total = total ? arith::AddFOp::create(builder, loc, total, term).getResult()
                  : term;
    run.sums.push_back(total);
  }
  Value base = run.reference;
  if (!run.products.empty())
    base = arith::AddFOp::create(builder, loc, run.products.back(), base);
  return math::FmaOp::create(builder, loc, callLog2(total), constant(kLn2),
                             base);
}

std::vector<Value> AlgebraEmitter::replayRun(const Run &run, Value first) {
  Value reference =
      arith::MaximumFOp::create(builder, loc, first, run.reference);
  auto getWeight = [&](Value x) {
    x = arith::SubFOp::create(builder, loc, x, reference);
    return callExp2(arith::MulFOp::create(builder, loc, x, constant(kLog2E)));
  };
  Value scale = getWeight(run.reference);
  // (an infinite state has no difference from itself; NaN stays in the
  // reference)
  Value before =
      arith::MinNumFOp::create(builder, loc, getWeight(first), constant(1));
  std::vector<Value> states;
  for (auto [i, sum] : llvm::enumerate(run.sums)) {
    Value base = reference;
    if (i > 0 && !run.products.empty())
      base =
          arith::AddFOp::create(builder, loc, run.products[i - 1], reference);
    Value total = math::FmaOp::create(builder, loc, sum, scale, before);
    states.push_back(math::FmaOp::create(builder, loc, callLog2(total),
                                         constant(kLn2), base));
  }
  return states;
}

Value AlgebraEmitter::product(Value x, Value y) {
  if (semiring == Semiring::PlusTimes && isPair(type)) {
    Value parts[] = {getPart(builder, loc, x, 0), getPart(builder, loc, x, 1),
                     getPart(builder, loc, y, 0), getPart(builder, loc, y, 1)};
    auto times = [&](unsigned i, unsigned j) -> Value {
      return arith::MulFOp::create(builder, loc, parts[i], parts[j], flags);
    };
    Value re = times(1, 3), im = times(1, 2);
    re = arith::SubFOp::create(builder, loc, times(0, 2), re, flags);
    im = arith::AddFOp::create(builder, loc, times(0, 3), im, flags);
    return makePair(builder, loc, re, im);
  }
  if (semiring == Semiring::PlusTimes)
    return arith::MulFOp::create(builder, loc, x, y, flags);
  if (semiring == Semiring::OrAnd)
    return arith::AndIOp::create(builder, loc, x, y);
  if (isPair(y.getType()))
    return makePair(builder, loc, product(x, getPart(builder, loc, y, 0)),
                    getPart(builder, loc, y, 1));
  // (`x` is an entry of a map, which a reset has made zero.)
  // The sum of opposite infinities is the only one that is NaN although neither
  // operand is.
  Value total = arith::AddFOp::create(builder, loc, x, y);
  bool isTropical =
      semiring == Semiring::MaxPlus || semiring == Semiring::MinPlus;
  if (!guards) {
    if (isTropical && !onGpu)
      products[total] = {total, {x, y}};
    return total;
  }
  Value numbers =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, x, y);
  Value none = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO,
                                     total, total);
  Value opposite = arith::AndIOp::create(builder, loc, numbers, none);
  if (hasResets) {
    Value isZero = arith::CmpFOp::create(builder, loc,
                                         arith::CmpFPredicate::OEQ, x, zero());
    opposite = arith::OrIOp::create(builder, loc, opposite, isZero);
  }
  Value result = arith::SelectOp::create(builder, loc, opposite, zero(), total);
  if (isTropical && !onGpu)
    products[result] = {total, {x, y}};
  return result;
}

Value AlgebraEmitter::negate(Value x) {
  return arith::NegFOp::create(builder, loc, x, flags);
}

Value AlgebraEmitter::select(Value condition, Value x, Value y) {
  return selectParts(builder, loc, condition, x, y);
}

/// The element of `map` combined with what is before it, or alone where the
/// steps of `map` have started anew.
std::vector<Value> AlgebraEmitter::combine(const Carrier &carrier,
                                           const std::vector<Value> &state,
                                           const Transition &map) {
  std::vector<Value> element;
  for (const std::optional<Value> &part : map.rest)
    element.push_back(*part);
  MonoidOp monoid = carrier.monoid;
  Block &body = monoid.getCombine().front();
  IRMapping values;
  unsigned size = carrier.size;
  values.map(body.getArguments().take_front(size),
             carrier.prepends ? element : state);
  values.map(body.getArguments().drop_front(size),
             carrier.prepends ? state : element);
  auto vector = dyn_cast<VectorType>(type);
  for (Operation &op : body.without_terminator()) {
    Operation *copy = builder.clone(op, values);
    copy->setLoc(loc);
    for (Value result : copy->getResults())
      if (vector)
        result.setType(vector.clone(result.getType()));
    if (auto constant = dyn_cast<arith::ConstantOp>(copy); constant && vector)
      constant.setValueAttr(
          DenseElementsAttr::get(cast<ShapedType>(constant.getType()),
                                 cast<arith::ConstantOp>(op).getValue()));
    auto fast = dyn_cast<arith::ArithFastMathInterface>(copy);
    if (fast && fast.getFastMathFlagsAttr())
      copy->setAttr(fast.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(
                        copy->getContext(),
                        flags | fast.getFastMathFlagsAttr().getValue()));
  }
  std::vector<Value> result;
  Value kept;
  // (in packed sequences also where no step of its own does)
  if (!map.entries.empty())
    kept = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE,
                                 map.entries[0], constant(0));
  for (auto [value, part] :
       llvm::zip(body.getTerminator()->getOperands(), element)) {
    Value both = values.lookup(value);
    result.push_back(kept ? select(kept, both, part) : both);
  }
  return result;
}

std::vector<Value> AlgebraEmitter::apply(const Carrier &carrier,
                                         const Transition &map,
                                         const std::vector<Value> &state) {
  if (carrier.monoid)
    return combine(carrier, state, map);
  llvm::SaveAndRestore keep(hasResets, carrier.hasResets());
  std::vector<Value> next = algebra::apply(*this, map, state);
  if (Value anew = isAnew(carrier, map))
    for (auto [value, rest] : llvm::zip(next, map.rest))
      value = select(anew, rest ? *rest : zero(), value);
  return next;
}

std::vector<Value> AlgebraEmitter::multiply(const Carrier &carrier,
                                            const Transition &last,
                                            const Transition &first,
                                            const algebra::Pattern &pattern) {
  const Transition &later = composesInWrongOrder ? first : last;
  const Transition &earlier = composesInWrongOrder ? last : first;
  llvm::SaveAndRestore keep(hasResets, carrier.hasResets());
  std::vector<Value> entries =
      algebra::multiply(*this, later, earlier, pattern);
  Value anew = isAnew(carrier, later), before = isAnew(carrier, earlier);
  if (!anew)
    return entries;
  anew = arith::OrIOp::create(builder, loc, anew, before);
  unsigned marked = pattern.index(carrier.markRow, carrier.markColumn);
  for (auto [i, entry] : llvm::enumerate(entries))
    entry = i == marked ? mark(anew, entry) : select(anew, zero(), entry);
  return entries;
}

Value AlgebraEmitter::isAnew(const Carrier &carrier, const Transition &map) {
  return recur::isAnew(builder, loc, carrier, map);
}

Value AlgebraEmitter::mark(Value anew, Value entry) {
  if (isPair(entry.getType()))
    return makePair(builder, loc, mark(anew, getPart(builder, loc, entry, 0)),
                    select(anew, makeNumber(builder, loc, getPartType(type), 0),
                           getPart(builder, loc, entry, 1)));
  Value none = makeNumber(builder, loc, entry.getType(), 0);
  Value isZero = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ,
                                       entry, none);
  entry = select(isZero, none, entry);
  return select(anew, makeNumber(builder, loc, entry.getType(), -0.0), entry);
}

std::vector<Value> AlgebraEmitter::neutral(const Carrier &carrier) {
  std::vector<Value> values;
  MonoidOp monoid = carrier.monoid;
  for (unsigned i = 0; i < carrier.size; ++i)
    values.push_back(monoid ? constant(monoid.getNeutral(i)) : zero());
  return values;
}

Transition AlgebraEmitter::identity(const Carrier &carrier) {
  if (carrier.monoid) {
    Transition map{carrier.product, {}, {}};
    for (Value value : neutral(carrier))
      map.rest.push_back(value);
    if (carrier.startsAnew())
      map.entries.push_back(one());
    return map;
  }
  return widen(carrier, algebra::makeIdentity<AlgebraEmitter, Value>(
                            *this, carrier.product));
}

Transition AlgebraEmitter::widen(const Carrier &carrier,
                                 const Transition &map) {
  Transition wide = algebra::widen(*this, map, carrier.product);
  for (std::optional<Value> &rest : wide.rest)
    if (!rest)
      rest = zero();
  return wide;
}

Transition AlgebraEmitter::compose(const Carrier &carrier,
                                   const Transition &last,
                                   const Transition &first) {
  const Transition &later = composesInWrongOrder ? first : last;
  const Transition &earlier = composesInWrongOrder ? last : first;
  if (carrier.monoid) {
    Transition map{carrier.product, multiply(carrier, later, earlier), {}};
    std::vector<Value> before;
    for (const std::optional<Value> &part : earlier.rest)
      before.push_back(*part);
    for (Value value : combine(carrier, before, later))
      map.rest.push_back(value);
    return map;
  }
  if (carrier.hasResets()) {
    Transition map{carrier.product, multiply(carrier, last, first), {}};
    std::vector<Value> before;
    for (const std::optional<Value> &part : earlier.rest)
      before.push_back(part ? *part : zero());
    for (Value value : apply(carrier, later, before))
      map.rest.push_back(value);
    return map;
  }
  return algebra::compose(*this, later, earlier, carrier.product);
}
