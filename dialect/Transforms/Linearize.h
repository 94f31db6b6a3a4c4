//===-- dialect/Transforms/Linearize.h - Newton's form ----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The newton of a recurrence whose step is not affine.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TRANSFORMS_LINEARIZE_H
#define RECUR_TRANSFORMS_LINEARIZE_H

#include "compiler/Analysis/Structure.h"

namespace recur {

/// A newton, or why there is none.
struct Linearization {
  NewtonOp newton;
  std::optional<Refusal> refusal;
};

/// How close corrections come to the states of `recurrence`: the resolution of
/// its coarsest state, and the tolerance where none is given.
double getResolution(RecurrenceOp recurrence);
double getDefaultTolerance(RecurrenceOp recurrence);

/// Makes the newton of `recurrence`, which stays, before it.
Linearization linearize(RecurrenceOp recurrence, double tolerance,
                        int64_t maxIterations);

} // namespace recur

#endif // RECUR_TRANSFORMS_LINEARIZE_H
