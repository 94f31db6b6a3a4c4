//===-- test/unit/Conversion/SpecMatrix.h - a spec in many calls -*- C++ -*-==//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs compiled specs over sizes that break tiles, layouts, variants and
/// instruction sets; expectations fail where the interpreter disagrees.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_CONVERSION_SPECMATRIX_H
#define RECUR_TEST_UNIT_CONVERSION_SPECMATRIX_H

#include "ExecutedSpec.h"

#include <ostream>

namespace recur::test {

struct Spec {
  const char *name, *text;
  /// Bounds of random inputs by argument; others are in (-0.95, 0.95).
  std::map<std::string, std::pair<double, double>> ranges = {};
};
void PrintTo(const Spec &spec, std::ostream *out);

/// Every variant, at sizes around vectors, runs and tiles.
void runSizes(const Spec &spec);
/// Few channels whose rows do not lie next to each other.
void runGaps(const Spec &spec);
/// No elements along a dim; what is wrong, or nothing.
std::string runEmpty(ExecutedSpec &spec, const char *dim);
/// Long time over few channels is split over threads; the bits do not depend on
/// the run.
void runSplit(const Spec &spec);
/// Few channels over a time so long that its segments are lanes, at sizes around
/// those, by the variant that has such lanes.
void runShooting(const Spec &spec, const char *target);
/// The variants for one instruction set.
void runTarget(const Spec &spec, const char *target);

} // namespace recur::test

#endif // RECUR_TEST_UNIT_CONVERSION_SPECMATRIX_H
