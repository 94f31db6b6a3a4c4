/*===-- RuntimeTest.c - the runtime from plain C --------------------------===*\
|* Part of Recur, under the Apache License v2.0 with LLVM Exceptions.         *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
\*===----------------------------------------------------------------------===*/
/// \file
/// A recurrence whose tables are C constants, as the ones recurc generates:
/// y = y + x over t.
#include <recur/runtime.h>
#include <stdio.h>

static void start(const recur_frame *frame, const recur_tile *tile, void *carry,
                  void *summary, void *scratch) {
  (void)frame, (void)tile, (void)summary, (void)scratch;
  *(float *)carry = 0.0f;
}

static void replay(const recur_frame *frame, const recur_tile *tile,
                   void *carry, void *summary, void *scratch) {
  (void)summary, (void)scratch;
  const float *x = (const float *)frame->data[0];
  float *y = (float *)frame->data[1];
  float *sum = (float *)carry;
  for (int64_t t = tile->begin; t < tile->end; ++t) {
    *sum += x[t * frame->strides[0]];
    y[t * frame->strides[1]] = *sum;
  }
}

static const recur_dim dims[] = {{"t", RECUR_DYNAMIC}};
static const int32_t argument_dims[] = {0};
static const recur_argument arguments[] = {
    {"x", RECUR_INPUT, {kDLFloat, 32, 1}, 1, argument_dims},
    {"y", RECUR_RESULT, {kDLFloat, 32, 1}, 1, argument_dims}};
static const recur_cpu_variant variants[] = {{.name = "sum",
                                              .lane_dim = -1,
                                              .contiguous_dim = -1,
                                              .item_lanes = 1,
                                              .carry_bytes = {64, 0, 0},
                                              .step_cost_ns = 1.0,
                                              .step_bytes = 8.0,
                                              .start = start,
                                              .replay = replay}};
static const recur_info sum = {.abi_version = RECUR_ABI_VERSION,
                               .name = "sum",
                               .source_hash = "0",
                               .targets = "cpu",
                               .n_dims = 1,
                               .n_arguments = 2,
                               .n_cpu_variants = 1,
                               .segment_dim = -1,
                               .dims = dims,
                               .arguments = arguments,
                               .cpu_variants = variants};

int main(void) {
  float x[5] = {1, 2, 3, 4, 5}, y[5] = {0};
  int64_t shape[1] = {5}, other[1] = {4};
  DLTensor in = {.data = x,
                 .device = {kDLCPU, 0},
                 .ndim = 1,
                 .dtype = {kDLFloat, 32, 1},
                 .shape = shape};
  DLTensor out = in;
  out.data = y;
  const DLTensor *tensors[] = {&in, &out};
  int failures = 0;
  if (recur_abi_version() != RECUR_ABI_VERSION) {
    fprintf(stderr, "the library has another ABI version than the header\n");
    ++failures;
  }
  if (recur_call(&sum, tensors, 2, NULL, 0, NULL) != RECUR_OK || y[4] != 15) {
    fprintf(stderr, "expected 15, found %g: %s\n", y[4], recur_last_error());
    ++failures;
  }
  out.shape = other;
  if (recur_call(&sum, tensors, 2, NULL, 0, NULL) != RECUR_INVALID_ARGUMENT) {
    fprintf(stderr, "a wrong size was accepted\n");
    ++failures;
  }
  return failures != 0;
}
