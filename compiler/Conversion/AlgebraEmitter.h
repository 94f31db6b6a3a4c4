//===-- AlgebraEmitter.h - code for the algebra of a scan -------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits the operators of a semiring on scalars and vectors. With them
/// compiler/Algebra/SparseMap.h composes and applies the maps of any carrier.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_ALGEBRAEMITTER_H
#define RECUR_COMPILER_CONVERSION_ALGEBRAEMITTER_H

#include "compiler/Conversion/Carriers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace recur {

/// For the test of the tests: maps are then composed in the wrong order, which
/// all tests of carriers whose maps do not commute must find.
extern bool composesInWrongOrder;

/// The operators of a semiring on values of `type`, a number or a vector of
/// numbers, emitted where `builder` stands.
class AlgebraEmitter {
public:
  /// With `onGpu` special functions of f32 are those of the GPU's hardware.
  AlgebraEmitter(
      mlir::OpBuilder &builder, mlir::Location loc, Semiring semiring,
      mlir::Type type,
      mlir::arith::FastMathFlags flags = mlir::arith::FastMathFlags::none,
      bool onGpu = false)
      : builder(builder), loc(loc), semiring(semiring), type(type),
        flags(flags), onGpu(onGpu) {}

  mlir::Value zero();
  mlir::Value one();
  mlir::Value sum(mlir::Value x, mlir::Value y);
  /// Over the sums of numbers zero, an infinity, annihilates the other one too:
  /// results do not depend on how time is cut.
  mlir::Value product(mlir::Value x, mlir::Value y);
  /// The sum of many terms: over the sums of exponentials with one logarithm.
  mlir::Value sumAll(const std::vector<mlir::Value> &terms);
  mlir::Value negate(mlir::Value x);
  /// Whether products tell opposite infinities from other numbers, which takes
  /// more than the product. Where none do, the sum of such numbers is NaN.
  void setGuards(bool value) { guards = value; }
  /// A sum of exponentials that grows, as a pair (m, s) with the value
  /// m + log s: then a sum takes no logarithm, and one exponential, which the
  /// next does not wait for. Sums and products take such numbers too. Others
  /// stay as they are.
  mlir::Value open(mlir::Value x);
  /// The value of what may be such a pair.
  mlir::Value close(mlir::Value x);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  /// The marked entry of a map that starts anew where `anew` says so.
  mlir::Value mark(mlir::Value anew, mlir::Value entry);

  /// What an empty segment ends in: (+)'s zero, or a monoid's neutral element.
  std::vector<mlir::Value> neutral(const Carrier &carrier);
  /// The map that changes nothing, in the layout of all products of steps.
  Transition identity(const Carrier &carrier);
  /// Every part of the map a value, in that layout.
  Transition widen(const Carrier &carrier, const Transition &map);
  /// The map of `earlier` and then `later`.
  Transition compose(const Carrier &carrier, const Transition &later,
                     const Transition &earlier);
  /// The state after the steps of `map`.
  std::vector<mlir::Value> apply(const Carrier &carrier, const Transition &map,
                                 const std::vector<mlir::Value> &state);
  /// The entries of the map of `earlier` and then `later`, in the layout of all
  /// products of steps or in that of `pattern`.
  std::vector<mlir::Value> multiply(const Carrier &carrier,
                                    const Transition &later,
                                    const Transition &earlier) {
    return multiply(carrier, later, earlier, carrier.product);
  }
  std::vector<mlir::Value> multiply(const Carrier &carrier,
                                    const Transition &later,
                                    const Transition &earlier,
                                    const algebra::Pattern &pattern);

private:
  std::vector<mlir::Value> combine(const Carrier &carrier,
                                   const std::vector<mlir::Value> &state,
                                   const Transition &element);
  mlir::Value constant(double value);
  mlir::Value isAnew(const Carrier &carrier, const Transition &map);
  bool hasOpen() const;
  mlir::Value callSpecial(llvm::StringRef name, mlir::Value operand);
  /// exp -|x - y|, NaN of equal infinities.
  mlir::Value getLesser(mlir::Value x, mlir::Value y);
  mlir::Value addLogarithms(mlir::Value x, mlir::Value y);
  mlir::Value addOpen(mlir::Value x, mlir::Value y);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  Semiring semiring;
  mlir::Type type;
  mlir::arith::FastMathFlags flags;
  bool onGpu;
  bool guards = true;
  bool hasResets = false; ///< zero takes away what is no number too
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_ALGEBRAEMITTER_H
