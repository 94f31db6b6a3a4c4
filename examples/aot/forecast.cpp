//===-- forecast.cpp - calls a recurrence compiled ahead of time ----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Forecasts a series by simple exponential smoothing: `forecast 3 5 4 6`
/// prints the level after each number.
//===----------------------------------------------------------------------===//

#include "smoothing.h"

#include <recur/tensor.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char **argv) {
  int64_t count = argc - 1;
  if (count == 0) {
    std::fprintf(stderr, "usage: forecast NUMBER...\n");
    return 2;
  }
  recur::Tensor x(recur::Dtype::F32, {1, count}), alpha(recur::Dtype::F32, {});
  recur::Tensor start(recur::Dtype::F32, {1});
  recur::Tensor level(recur::Dtype::F32, {1, count});
  recur::Tensor last(recur::Dtype::F32, {1});
  for (int64_t t = 0; t < count; ++t)
    x.as<float>()[t] = std::strtof(argv[t + 1], nullptr);
  *alpha.as<float>() = 0.5f;
  *start.as<float>() = *x.as<float>();

  DLTensor xView = x.dl(), alphaView = alpha.dl(), startView = start.dl();
  DLTensor levelView = level.dl(), lastView = last.dl();
  if (exponential_smoothing(&xView, &alphaView, &startView, &levelView,
                            &lastView, nullptr, 0, nullptr) != RECUR_OK) {
    std::fprintf(stderr, "forecast: %s\n", recur_last_error());
    return 1;
  }
  for (int64_t t = 0; t < count; ++t)
    std::printf("%g ", level.as<float>()[t]);
  std::printf("\nforecast: %g\n", *last.as<float>());
  return 0;
}
