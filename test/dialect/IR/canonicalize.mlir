// Simpler forms of recurrences, reductions and renamings.
// RUN: recur-opt %s --canonicalize --split-input-file | FileCheck %s

// A guess is read by no step and stays; its number moves.
// CHECK-LABEL: func.func @guessed
// CHECK: ins(%{{.*}}[t], %{{.*}}[t - 1] : tensor<?xf32>, tensor<?xf32>)
// CHECK: attributes {guesses = {h = 1 : i64}}
// CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
func.func @guessed(%x: tensor<?xf32>, %u: tensor<?xf32>, %g: tensor<?xf32>) -> tensor<?xf32> {
  %y = recur.recurrence <[t] over t>
      ins(%u[t], %x[t], %g[t - 1] : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {guesses = {h = 2 : i64}} {
  ^bb0(%u0: f32, %x0: f32, %g0: f32):
    %0 = recur.prev h : f32
    %1 = arith.addf %0, %x0 : f32
    %2 = math.tanh %1 : f32
    recur.yield %2, %2 : f32, f32
  }
  return %y : tensor<?xf32>
}

// -----

// An unused input, init and history go, and the numbers that are left move.
// CHECK-LABEL: func.func @unused
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf32>, %[[U:.*]]: tensor<?x?xf32>, %[[G:.*]]: tensor<?xf32>, %[[H:.*]]: tensor<?xf32>, %[[P:.*]]: tensor<?xf32>, %[[Q:.*]]: tensor<?xf32>
// CHECK: recur.recurrence
// CHECK-NEXT: ins(%[[X]][t - 1, d] before 0 : tensor<?x?xf32>)
// CHECK-NEXT: inits(%[[H]][d] : tensor<?xf32>)
// CHECK-NEXT: histories(%[[Q]][d] : tensor<?xf32>)
// CHECK-NEXT: states(<h[d] : f32 = init 0>)
// CHECK: ^bb0(%{{.*}}: f32):
func.func @unused(%x: tensor<?x?xf32>, %u: tensor<?x?xf32>, %g: tensor<?xf32>,
                  %h: tensor<?xf32>, %p: tensor<?xf32>, %q: tensor<?xf32>)
    -> tensor<?x?xf32> {
  %y = recur.recurrence <[t, d] over t>
      ins(%u[t, d], %x[t - 1, d] before 1 : tensor<?x?xf32>, tensor<?x?xf32>)
      inits(%g[d], %h[d] : tensor<?xf32>, tensor<?xf32>)
      histories(%p[d], %q[d] : tensor<?xf32>, tensor<?xf32>)
      states(<h[d] : f32 = init 1>)
      outs(<y[t, d]> : tensor<?x?xf32>) {
  ^bb0(%u0: f32, %x0: f32):
    %0 = recur.prev h : f32
    %1 = arith.addf %0, %x0 : f32
    recur.yield %1, %1 : f32, f32
  }
  return %y : tensor<?x?xf32>
}

// -----

// The only tensor that knows how many steps there are stays.
// CHECK-LABEL: func.func @sizes
// CHECK: ins(%{{.*}}[t] : tensor<?xf32>)
func.func @sizes(%u: tensor<?xf32>) -> tensor<?xf32> {
  %y = recur.recurrence <[t] over t>
      ins(%u[t] : tensor<?xf32>)
      states(<h[] : f32 = 1.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%u0: f32):
    %0 = recur.prev h : f32
    %1 = arith.addf %0, %0 : f32
    recur.yield %1, %1 : f32, f32
  }
  return %y : tensor<?xf32>
}

// -----

// The reset has no use in the step but a meaning.
// CHECK-LABEL: func.func @reset
// CHECK: ins(%{{.*}}[t], %{{.*}}[t] : tensor<?xf32>, tensor<?xi32>) last_is_reset
func.func @reset(%x: tensor<?xf32>, %r: tensor<?xi32>) -> tensor<?xf32> {
  %y = recur.recurrence <[t] over t>
      ins(%x[t], %r[t] : tensor<?xf32>, tensor<?xi32>) last_is_reset
      states(<h[] : f32 = 1.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%x0: f32, %r0: i32):
    %0 = recur.prev h : f32
    %1 = arith.addf %0, %x0 : f32
    recur.yield %1, %1 : f32, f32
  }
  return %y : tensor<?xf32>
}

// -----

// Equal accesses become one; those at other times stay.
// CHECK-LABEL: func.func @equal
// CHECK: ins(%{{.*}}[t], %{{.*}}[t - 1] : tensor<?xf32>, tensor<?xf32>)
// CHECK: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: %[[AA:.*]] = arith.mulf %[[A]], %[[A]] : f32
// CHECK-NEXT: %[[AAB:.*]] = arith.mulf %[[AA]], %[[B]] : f32
func.func @equal(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = recur.recurrence <[t] over t>
      ins(%x[t], %x[t], %x[t - 1]
          : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.mulf %0, %c : f32
    recur.yield %1 : f32
  }
  return %y : tensor<?xf32>
}

// -----

// Both regions of a scan keep the same inputs.
// CHECK-LABEL: func.func @scan
// CHECK: ins(%{{.*}}[t], %{{.*}}[t - 1] : tensor<?xf32>, tensor<?xf32>)
// CHECK: ^bb0(%[[A:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: recur.yield %[[A]], %[[A]]
// CHECK: ^bb0(%{{.*}}: f32, %[[B:.*]]: f32, %{{.*}}: f32, %[[N:.*]]: f32):
// CHECK-NEXT: arith.addf %[[B]], %[[N]]
func.func @scan(%x: tensor<?xf32>, %u: tensor<?xf32>) -> tensor<?xf32> {
  %y = recur.scan <diagonal> <[t] over t>
      ins(%u[t], %x[t], %x[t - 1]
          : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%c: f32, %a: f32, %b: f32):
    recur.yield %a, %a : f32, f32
  } readout {
  ^bb0(%c: f32, %a: f32, %b: f32, %p: f32, %n: f32):
    %0 = arith.addf %b, %n : f32
    recur.yield %0 : f32
  }
  return %y : tensor<?xf32>
}

// -----

// Reductions of one kind merge; a sum counts a dim that is gone.
// CHECK-LABEL: func.func @reduce
// CHECK: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: %[[S:.*]] = recur.reduce sum over [j, i] %[[X]] : f32
// CHECK-NEXT: %[[M:.*]] = recur.reduce max over [j] %[[X]] : f32
// CHECK-NEXT: %[[SM:.*]] = recur.reduce sum over [i] %[[M]] : f32
// CHECK-NEXT: %[[T:.*]] = recur.reduce sum over [i] %[[X]] : f32
// CHECK-NEXT: %[[TT:.*]] = recur.reduce sum over [i] %[[T]] : f32
// CHECK-NEXT: recur.yield %[[S]], %[[SM]], %[[TT]]
func.func @reduce(%x: tensor<?x4x4xf32>)
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?x4xf32>) {
  %y:3 = recur.recurrence <[t, i = 4, j = 4] over t>
      ins(%x[t, i, j] : tensor<?x4x4xf32>)
      outs(<a[t]>, <b[t]>, <c[t, j]>
           : tensor<?xf32>, tensor<?xf32>, tensor<?x4xf32>) {
  ^bb0(%0: f32):
    %1 = recur.reduce sum over [j] %0 : f32
    %2 = recur.reduce sum over [i] %1 : f32
    %3 = recur.reduce max over [j] %0 : f32
    %4 = recur.reduce sum over [i] %3 : f32
    %5 = recur.reduce sum over [i] %0 : f32
    %6 = recur.reduce sum over [i] %5 : f32
    recur.yield %2, %4, %6 : f32, f32, f32
  }
  return %y#0, %y#1, %y#2 : tensor<?xf32>, tensor<?xf32>, tensor<?x4xf32>
}

// -----

// A swap and a swap back cancel; a dim that was renamed away stays so.
// CHECK-LABEL: func.func @at
// CHECK: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: %[[K:.*]] = recur.at %[[X]] [i -> k, j -> 1] : f32
// CHECK-NEXT: recur.yield %[[X]], %[[K]]
func.func @at(%x: tensor<?x4x4xf32>) -> (tensor<?x4x4xf32>, tensor<?x4xf32>) {
  %y:2 = recur.recurrence <[t, i = 4, j = 4, k = 4] over t>
      ins(%x[t, i, j] : tensor<?x4x4xf32>)
      outs(<a[t, i, j]>, <b[t, k]> : tensor<?x4x4xf32>, tensor<?x4xf32>) {
  ^bb0(%0: f32):
    %1 = recur.at %0 [i -> j, j -> i] : f32
    %2 = recur.at %1 [i -> j, j -> i] : f32
    %3 = recur.at %0 [i -> j, j -> 1] : f32
    %4 = recur.at %3 [j -> k, i -> 3] : f32
    recur.yield %2, %4 : f32, f32
  }
  return %y#0, %y#1 : tensor<?x4x4xf32>, tensor<?x4xf32>
}
