/*===-- discount.c - calls a recurrence from C ------------------------------===*\
|* Part of Recur, under the Apache License v2.0 with LLVM Exceptions.         *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
\*===----------------------------------------------------------------------===*/
/**
 * \file
 * Discounted returns of one episode: `discount GAMMA REWARD...` prints the
 * return at every step.
 */

#include "returns.h"

#include <stdio.h>
#include <stdlib.h>

enum { capacity = 1024 };

/* A compact f32 tensor over memory that the caller keeps. */
static DLTensor tensor(float *data, int rank, int64_t *shape) {
  DLTensor result = {.data = data,
                     .device = {kDLCPU, 0},
                     .ndim = rank,
                     .dtype = {kDLFloat, 32, 1},
                     .shape = shape};
  return result;
}

int main(int argc, char **argv) {
  static float reward[capacity], done[capacity], returns[capacity];
  float gamma, bootstrap = 0;
  int64_t steps = argc - 2;
  if (steps < 1 || steps > capacity) {
    fprintf(stderr, "usage: discount GAMMA REWARD...\n");
    return 2;
  }
  gamma = strtof(argv[1], NULL);
  for (int64_t t = 0; t < steps; ++t)
    reward[t] = strtof(argv[t + 2], NULL);

  int64_t sequence[2] = {1, steps};
  DLTensor rewards = tensor(reward, 2, sequence);
  DLTensor ends = tensor(done, 2, sequence);
  DLTensor discount = tensor(&gamma, 0, NULL);
  DLTensor after = tensor(&bootstrap, 1, sequence);
  DLTensor result = tensor(returns, 2, sequence);
  if (discounted_returns(&rewards, &ends, &discount, &after, &result, NULL, 0,
                         NULL) != RECUR_OK) {
    fprintf(stderr, "discount: %s\n", recur_last_error());
    return 1;
  }
  for (int64_t t = 0; t < steps; ++t)
    printf("%g%c", returns[t], t + 1 < steps ? ' ' : '\n');
  return 0;
}
