/* Calls a compiled spec from C. */
#include "smoothing.h"
#include <math.h>
#include <stdio.h>

int main(void) {
  enum { T = 100, D = 3 };
  static float x[T][D], y[T][D];
  float a[D] = {0.0f, 0.5f, 0.9f};
  for (int t = 0; t < T; ++t)
    for (int d = 0; d < D; ++d)
      x[t][d] = (float)(t % 7);
  int64_t sequence[2] = {T, D}, channels[1] = {D};
  DLTensor tx = {.data = x,
                 .device = {kDLCPU, 0},
                 .ndim = 2,
                 .dtype = {kDLFloat, 32, 1},
                 .shape = sequence};
  DLTensor ty = tx, ta = tx;
  ty.data = y;
  ta.data = a;
  ta.ndim = 1;
  ta.shape = channels;
  if (smoothing(&tx, &ta, &ty, NULL, 0, NULL) != RECUR_OK) {
    fprintf(stderr, "%s\n", recur_last_error());
    return 1;
  }
  for (int d = 0; d < D; ++d) {
    double h = 0;
    for (int t = 0; t < T; ++t)
      h = a[d] * h + (1 - a[d]) * x[t][d];
    if (fabs(y[T - 1][d] - h) > 1e-5) {
      fprintf(stderr, "channel %d: expected %g, found %g\n", d, h, y[T - 1][d]);
      return 1;
    }
  }
  return 0;
}
