//===-- ExpandComplex.cpp - complex arithmetic to real --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The parts of every complex operation.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ExpandComplex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace recur;

namespace {

struct Parts {
  Value re, im;
};

/// Real arithmetic where an op stands.
struct Arithmetic {
  OpBuilder builder;
  Location loc;

  Value add(Value x, Value y) {
    return arith::AddFOp::create(builder, loc, x, y);
  }
  Value sub(Value x, Value y) {
    return arith::SubFOp::create(builder, loc, x, y);
  }
  Value mul(Value x, Value y) {
    return arith::MulFOp::create(builder, loc, x, y);
  }
  Value div(Value x, Value y) {
    return arith::DivFOp::create(builder, loc, x, y);
  }
  Value neg(Value x) { return arith::NegFOp::create(builder, loc, x); }
  Value number(Value like, double value) {
    return arith::ConstantOp::create(builder, loc,
                                     FloatAttr::get(like.getType(), value));
  }
  Value less(Value x, Value y) {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(builder, loc, condition, x, y);
  }
  template <typename OpTy> Value call(Value x) {
    return OpTy::create(builder, loc, x);
  }
  /// cosh and sinh, exact near 0.
  Parts hyperbolic(Value x) {
    Value up = call<math::ExpOp>(x), down = call<math::ExpOp>(neg(x));
    Value half = number(x, 0.5), less1 = call<math::ExpM1Op>(x);
    Value ratio = div(less1, add(less1, number(x, 1)));
    Value sinh = mul(half, add(less1, ratio));
    // Far below 0 the ratio loses its digits.
    Value far = less(x, number(x, -1));
    sinh = select(far, mul(half, sub(up, down)), sinh);
    return {mul(half, add(up, down)), sinh};
  }
  /// The absolute value, without overflow of squares.
  Value abs(Parts x) {
    Value re = call<math::AbsFOp>(x.re), im = call<math::AbsFOp>(x.im);
    Value large = arith::MaximumFOp::create(builder, loc, re, im);
    Value small = arith::MinimumFOp::create(builder, loc, re, im);
    Value zero = number(large, 0);
    Value ratio = div(small, large);
    Value length = mul(
        large, call<math::SqrtOp>(add(number(large, 1), mul(ratio, ratio))));
    Value isZero = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OEQ, large, zero);
    return select(isZero, zero, length);
  }
  Parts mul(Parts x, Parts y) {
    return {sub(mul(x.re, y.re), mul(x.im, y.im)),
            add(mul(x.re, y.im), mul(x.im, y.re))};
  }
  /// Smith, Algorithm 116: complex division (1962).
  Parts div(Parts x, Parts y) {
    Value swap = less(call<math::AbsFOp>(y.re), call<math::AbsFOp>(y.im));
    Value large = select(swap, y.im, y.re), small = select(swap, y.re, y.im);
    Value ratio = div(small, large);
    Value scale = div(number(large, 1), add(large, mul(small, ratio)));
    Value first = select(swap, x.im, x.re), second = select(swap, x.re, x.im);
    Value re = mul(add(first, mul(second, ratio)), scale);
    Value im = mul(sub(second, mul(first, ratio)), scale);
    return {re, select(swap, neg(im), im)};
  }
  Parts exp(Parts x) {
    Value length = call<math::ExpOp>(x.re);
    return {mul(length, call<math::CosOp>(x.im)),
            mul(length, call<math::SinOp>(x.im))};
  }
  /// exp(x) - 1 = expm1(re) cos(im) - 2 sin(im / 2)^2 + i exp(re) sin(im).
  Parts expm1(Parts x) {
    Value sine = call<math::SinOp>(mul(x.im, number(x.im, 0.5)));
    Value re = sub(mul(call<math::ExpM1Op>(x.re), call<math::CosOp>(x.im)),
                   mul(number(sine, 2), mul(sine, sine)));
    return {re, mul(call<math::ExpOp>(x.re), call<math::SinOp>(x.im))};
  }
  Parts sqrt(Parts x) {
    Value half = number(x.re, 0.5), zero = number(x.re, 0);
    Value size =
        call<math::SqrtOp>(mul(half, add(call<math::AbsFOp>(x.re), abs(x))));
    Value other = div(mul(half, x.im), size);
    Value isZero = arith::CmpFOp::create(builder, loc,
                                         arith::CmpFPredicate::OEQ, size, zero);
    other = select(isZero, zero, other);
    Value left = less(x.re, zero);
    Value below = less(x.im, zero);
    return {select(left, call<math::AbsFOp>(other), size),
            select(left, select(below, neg(size), size), other)};
  }
  /// tanh(x + iy) = (t + i s c (1 - t^2)) / (c^2 + t^2 s^2), t = tanh x.
  Parts tanh(Parts x) {
    Value t = call<math::TanhOp>(x.re), s = call<math::SinOp>(x.im),
          c = call<math::CosOp>(x.im);
    Value square = mul(t, t);
    Value below = add(mul(c, c), mul(square, mul(s, s)));
    Value im = mul(mul(s, c), sub(number(t, 1), square));
    return {div(t, below), div(im, below)};
  }
  Parts sin(Parts x) {
    Parts h = hyperbolic(x.im);
    return {mul(call<math::SinOp>(x.re), h.re),
            mul(call<math::CosOp>(x.re), h.im)};
  }
  Parts cos(Parts x) {
    Parts h = hyperbolic(x.im);
    return {mul(call<math::CosOp>(x.re), h.re),
            neg(mul(call<math::SinOp>(x.re), h.im))};
  }
};

/// The complex values of one region.
class Expansion {
public:
  explicit Expansion(Region &region) : block(region.front()) {}
  LogicalResult run();

private:
  Parts get(Value value);
  LogicalResult expand(Operation *op);

  Block &block;
  llvm::DenseMap<Value, Parts> parts;
};

} // namespace

static bool isComplex(Value value) { return isa<ComplexType>(value.getType()); }

/// The parts of an argument or of a value that was expanded before.
Parts Expansion::get(Value value) {
  auto [it, isNew] = parts.try_emplace(value);
  if (!isNew)
    return it->second;
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  Value re = complex::ReOp::create(builder, value.getLoc(), value);
  Value im = complex::ImOp::create(builder, value.getLoc(), value);
  return parts[value] = {re, im};
}

LogicalResult Expansion::expand(Operation *op) {
  Arithmetic a{OpBuilder(op), op->getLoc()};
  auto operand = [&](unsigned i) { return get(op->getOperand(i)); };
  // The same op on each part of its complex operands.
  auto clone = [&](bool imaginary) {
    IRMapping mapping;
    for (Value value : op->getOperands())
      if (isComplex(value))
        mapping.map(value, imaginary ? get(value).im : get(value).re);
    Operation *copy = a.builder.clone(*op, mapping);
    Value result = copy->getResult(0);
    result.setType(cast<ComplexType>(result.getType()).getElementType());
    return result;
  };
  auto compare = [&](arith::CmpFPredicate predicate) {
    Parts x = operand(0), y = operand(1);
    return Parts{
        arith::CmpFOp::create(a.builder, a.loc, predicate, x.re, y.re),
        arith::CmpFOp::create(a.builder, a.loc, predicate, x.im, y.im)};
  };
  auto replace = [&](Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    return success();
  };
  auto define = [&](Parts value) {
    parts[op->getResult(0)] = value;
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<AtOp, ReduceOp, arith::SelectOp>(
          [&](auto) { return define({clone(false), clone(true)}); })
      .Case([&](complex::ConstantOp constant) {
        auto make = [&](unsigned i) -> Value {
          return arith::ConstantOp::create(
              a.builder, a.loc, cast<FloatAttr>(constant.getValue()[i]));
        };
        return define({make(0), make(1)});
      })
      .Case([&](complex::CreateOp create) {
        return define({create.getReal(), create.getImaginary()});
      })
      .Case([&](complex::ReOp) { return replace(operand(0).re); })
      .Case([&](complex::ImOp) { return replace(operand(0).im); })
      .Case([&](complex::AbsOp) { return replace(a.abs(operand(0))); })
      .Case([&](complex::EqualOp) {
        Parts both = compare(arith::CmpFPredicate::OEQ);
        return replace(
            arith::AndIOp::create(a.builder, a.loc, both.re, both.im));
      })
      .Case([&](complex::NotEqualOp) {
        Parts either = compare(arith::CmpFPredicate::UNE);
        return replace(
            arith::OrIOp::create(a.builder, a.loc, either.re, either.im));
      })
      .Case([&](complex::AddOp) {
        Parts x = operand(0), y = operand(1);
        return define({a.add(x.re, y.re), a.add(x.im, y.im)});
      })
      .Case([&](complex::SubOp) {
        Parts x = operand(0), y = operand(1);
        return define({a.sub(x.re, y.re), a.sub(x.im, y.im)});
      })
      .Case(
          [&](complex::MulOp) { return define(a.mul(operand(0), operand(1))); })
      .Case(
          [&](complex::DivOp) { return define(a.div(operand(0), operand(1))); })
      .Case([&](complex::NegOp) {
        Parts x = operand(0);
        return define({a.neg(x.re), a.neg(x.im)});
      })
      .Case([&](complex::ConjOp) {
        Parts x = operand(0);
        return define({x.re, a.neg(x.im)});
      })
      .Case([&](complex::ExpOp) { return define(a.exp(operand(0))); })
      .Case([&](complex::Expm1Op) { return define(a.expm1(operand(0))); })
      .Case([&](complex::SqrtOp) { return define(a.sqrt(operand(0))); })
      .Case([&](complex::TanhOp) { return define(a.tanh(operand(0))); })
      .Case([&](complex::SinOp) { return define(a.sin(operand(0))); })
      .Case([&](complex::CosOp) { return define(a.cos(operand(0))); })
      .Default([&](Operation *other) {
        return other->emitError()
               << "'" << other->getName().stripDialect()
               << "' of a complex number has no kernels yet; write it by the "
                  "real and imaginary part";
      });
}

LogicalResult Expansion::run() {
  SmallVector<Operation *> old;
  for (Operation &op : block.without_terminator())
    if (llvm::any_of(op.getOperands(), isComplex) ||
        llvm::any_of(op.getResults(), isComplex))
      old.push_back(&op);
  for (Operation *op : old)
    if (failed(expand(op)))
      return failure();
  Operation *yield = block.getTerminator();
  OpBuilder builder(yield);
  for (OpOperand &operand : yield->getOpOperands()) {
    Value value = operand.get();
    if (!isComplex(value) || isa<BlockArgument>(value) ||
        value.getDefiningOp<complex::ConstantOp>())
      continue;
    Parts both = get(value);
    operand.set(complex::CreateOp::create(builder, yield->getLoc(),
                                          value.getType(), both.re, both.im));
  }
  for (Operation *op : llvm::reverse(old))
    if (op->use_empty())
      op->erase();
  return success();
}

LogicalResult recur::expandComplex(ScanLikeOpInterface scan) {
  for (Region *region : {&scan.getElements(), &scan.getReadout()})
    if (failed(Expansion(*region).run()))
      return failure();
  return success();
}
