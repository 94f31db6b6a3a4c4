//===-- Carriers.h - what a scan carries from step to step ------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The numbers that a scan's steps carry on, in vectors whose components depend
/// on each other: one state, several states, the rows of a matrix or the lags
/// of one state. Everything else that kernels know of an algebra follows from
/// the patterns of these vectors' maps.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_CONVERSION_CARRIERS_H
#define RECUR_COMPILER_CONVERSION_CARRIERS_H

#include "compiler/Algebra/SparseMap.h"
#include "dialect/IR/Recur.h"

namespace recur {

/// A map of a carrier, as values of the IR.
using Transition = algebra::SparseMap<mlir::Value>;

/// A vector h of `size` numbers of one type that a step maps to A (x) h (+) b;
/// of a step that is not affine to b, with A the Jacobian there.
struct Carrier {
  unsigned state;      ///< the first state in it
  unsigned states = 1; ///< how many states
  int64_t lags = 1;    ///< how many earlier values of its one state
  int row = -1;        ///< the dim along which its one state is a vector, or -1
  int column = -1;     ///< the column dim of its matrix, or -1
  unsigned size = 1;
  mlir::Type type;
  Semiring semiring;
  bool isAffine = true;
  /// The operator on its vectors, if a user has declared it: then the elements
  /// of steps are vectors like h, and A is but the number 1, or the number 0
  /// where a step does not see h.
  MonoidOp monoid;
  bool prepends = false;    ///< e o h instead of h o e
  unsigned element;         ///< the first of its values that `elements` yields
  algebra::Pattern step;    ///< of A in one step
  algebra::Pattern product; ///< of A in any number of steps
  llvm::SmallVector<bool> hasRest; ///< which parts of b are not always zero
  /// What `elements` yields to say where a reset makes the states start anew,
  /// or -1. There the map leaves nothing of the state before, not even of one
  /// that is infinite or no number.
  int anew = -1;
  /// The first entry of A that is not known: over the real and complex numbers
  /// it is -0 in the maps of steps of which some start anew, and +0 where it is
  /// zero without that (a product of decays).
  unsigned markRow = 0, markColumn = 0;
  /// Of a step that is not affine: which components follow from an affine map
  /// of their part of the states once the others are known. The entries of `step`
  /// between such a part and others are left out.
  llvm::SmallVector<bool> isLinear;

  bool hasLinear() const { return llvm::is_contained(isLinear, true); }
  bool hasResets() const { return anew >= 0; }
  /// Whether maps say by a mark that they start anew. Over other semirings it
  /// is enough that zero, an infinity, takes any number away.
  bool hasMarks() const {
    return hasResets() && semiring == Semiring::PlusTimes;
  }
  bool isSingle() const { return size == 1 && !monoid; }
  /// Whether some step of a monoid starts anew.
  bool startsAnew() const {
    return monoid && step(0, 0) == algebra::Entry::Any;
  }
  /// The state that component `i` belongs to.
  unsigned getState(unsigned i) const { return states > 1 ? state + i : state; }
  /// The number that `elements` yields for the entry, or -1 if it yields none.
  int getEntryOperand(unsigned row, unsigned column) const;
  int getRestOperand(unsigned row) const;
  unsigned getNumOperands() const;
};

/// The carriers of a scan or newton; each state is in one.
llvm::SmallVector<Carrier, 2> getCarriers(ScanLikeOpInterface scan);

} // namespace recur

#endif // RECUR_COMPILER_CONVERSION_CARRIERS_H
