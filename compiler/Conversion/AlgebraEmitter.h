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
#include "llvm/ADT/DenseMap.h"

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

  /// Many steps h -> a (x) h (+) b of one number at once, where that is less
  /// work than step by step: sums of exponentials against one reference, which
  /// take one exponential a step in the fold and one logarithm in the replay.
  /// With A the product of the steps' a after the first, up to a step, it ends
  /// in A (x) (y (+) the sum of all b / A so far), y = a (x) h of the first.
  struct Run {
    std::vector<mlir::Value> products; ///< A of each step but the first
    std::vector<mlir::Value> terms;    ///< b / A of each step
    mlir::Value greatest;              ///< of the terms
    std::vector<mlir::Value> sums;     ///< of terms up to each step / reference
    mlir::Value reference;
  };
  /// Whether there is such a way.
  bool hasRuns() const { return hasOpen(); }
  /// The products (none if every a is one) and terms of a run of steps. The
  /// result says whether the first term is not so much less than the greatest
  /// that precision is lost, in the products or in the sums. It is false where
  /// a term is no number or infinite, but for zeros after the first: so neither
  /// opposite infinities meet in the run nor does a zero meet infinity.
  mlir::Value beginRun(llvm::ArrayRef<mlir::Value> as,
                       llvm::ArrayRef<mlir::Value> bs, Run &run);
  /// The sums of a run. Gives what it ends in from zero.
  mlir::Value foldRun(Run &run);
  /// The states after the steps of a run; `first` is a (x) h of its first step.
  std::vector<mlir::Value> replayRun(const Run &run, mlir::Value first);

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
  /// A product over max-plus or min-plus, without guards, and its factors.
  struct Product {
    mlir::Value total, factors[2];
  };
  mlir::Value addToProduct(const Product &product, mlir::Value y);
  mlir::Value constant(double value);
  mlir::Value isAnew(const Carrier &carrier, const Transition &map);
  bool hasOpen() const;
  mlir::Value callSpecial(llvm::StringRef name, mlir::Value operand);
  /// 2^x and log2(x) of the special-function unit.
  mlir::Value callExp2(mlir::Value x);
  mlir::Value callLog2(mlir::Value x);
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
  llvm::DenseMap<mlir::Value, Product> products; ///< of CPUs, by their result
  bool hasResets = false; ///< zero takes away what is no number too
};

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_ALGEBRAEMITTER_H
