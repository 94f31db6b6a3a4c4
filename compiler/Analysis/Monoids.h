//===-- compiler/Analysis/Monoids.h - tests of user monoids -----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests that a declared monoid is one: its neutral element on both sides, and
/// associativity, on elements drawn at random from its domain.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_MONOIDS_H
#define RECUR_COMPILER_ANALYSIS_MONOIDS_H

#include "compiler/Analysis/Structure.h"

namespace recur {

/// What is wrong with `monoid`, with a counter-example; nothing if all tests
/// pass. The same elements are drawn in every run.
std::optional<Refusal> testMonoid(MonoidOp monoid);

/// Takes apart a step whose states are the members of one monoid's tuple.
Classification classifyMonoid(RecurrenceOp recurrence);

/// Whether some new state is a member of a combined tuple.
bool usesMonoid(RecurrenceOp recurrence);

/// What one combination of two tuples computes.
OpCost getCombineCost(MonoidOp monoid);

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_MONOIDS_H
