//===-- BenchArguments.h - the arrays of a case -----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Arrays for a case of recur-bench, and what its results must be.
#ifndef RECUR_TEST_BENCHMARK_BENCHARGUMENTS_H
#define RECUR_TEST_BENCHMARK_BENCHARGUMENTS_H

#include "BenchCase.h"

#include "compiler/Driver/Arrays.h"

#include "llvm/ADT/Twine.h"

#include <recur/tensor.h>

#include <optional>
#include <vector>

namespace recur::bench {

/// Prints an error of recur-bench.
std::nullopt_t fail(const llvm::Twine &message);

/// The arrays of a call, in the order of the description.
struct Arguments {
  std::vector<Tensor> tensors;
  ArgumentList list;
  int64_t bytes = 0;
};

/// Arrays of the sizes of the case with numbers in its inputs; empty after an
/// error, which has been printed.
std::optional<Arguments> makeArguments(const recur_info &info,
                                       const BenchCase &benchCase);

/// The interpreter's result for some channels in the middle, and the error of
/// a result there.
struct Reference {
  interpreter::Array expected;
  int dim;
  int64_t begin, end;

  double errorOf(const Tensor &result) const;
};

/// Computes the reference for a case; empty after an error.
std::optional<Reference> interpretChannels(const BenchCase &benchCase,
                                           const recur_info &info,
                                           const Arguments &arguments);

} // namespace recur::bench

#endif // RECUR_TEST_BENCHMARK_BENCHARGUMENTS_H
