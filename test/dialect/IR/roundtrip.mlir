// What is printed parses to the same again, as text and as bytecode.
// RUN: recur-opt %s | recur-opt | FileCheck %s
// RUN: recur-opt %s --mlir-print-op-generic | recur-opt | FileCheck %s
// RUN: recur-opt %s --emit-bytecode | recur-opt | FileCheck %s

// Every clause of a recurrence's head, in order.
// CHECK-LABEL: func.func @head
// CHECK: recur.recurrence <[s, t, d, g = 4] over t reverse, segments s>
// CHECK-NEXT: ins(%{{.*}}[t, d], %{{.*}}[t - 2, d] before 0, %{{.*}}[d floordiv 8, 3], %{{.*}}[d mod 4, g + 1], %{{.*}}[t] : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) last_is_reset
// CHECK-NEXT: inits(%{{.*}}[s, d] : tensor<?x?xf32>)
// CHECK-NEXT: histories(%{{.*}}[1, d] : tensor<3x?xf32>)
// CHECK-NEXT: segments(%{{.*}} : tensor<?xi32>)
// CHECK-NEXT: states(<h[d] : f32 = init 0, 1.500000e+00>, <v[d] : complex<f32> = [0.000000e+00 : f32, 1.000000e+00 : f32]>, <on[d] : i1 = true>)
// CHECK-NEXT: outs(<y[t, d]>, <last[s, d] final h>, <before[s, d] final h lag 2> : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) attributes {note = "kept"}
func.func @head(%x: tensor<?x?xf32>, %m: tensor<?x8xf32>, %r: tensor<?xi32>,
                %h0: tensor<?x?xf32>, %past: tensor<3x?xf32>,
                %cu: tensor<?xi32>) {
  %y:3 = recur.recurrence <[s, t, d, g = 4] over t reverse, segments s>
      ins(%x[t, d], %x[t - 2, d] before 0, %m[d floordiv 8, 3],
          %m[d mod 4, g + 1], %r[t]
          : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x8xf32>,
            tensor<?x8xf32>, tensor<?xi32>) last_is_reset
      inits(%h0[s, d] : tensor<?x?xf32>)
      histories(%past[1, d] : tensor<3x?xf32>)
      segments(%cu : tensor<?xi32>)
      states(<h[d] : f32 = init 0, 1.5>,
             <v[d] : complex<f32> = [0.0 : f32, 1.0 : f32]>,
             <on[d] : i1 = true>)
      outs(<y[t, d]>, <last[s, d] final h>, <before[s, d] final h lag 2>
           : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
      attributes {note = "kept"} {
  ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: i32):
    %v = recur.prev v : complex<f32>
    %on = recur.prev on : i1
    recur.yield %0, %v, %on, %1 : f32, complex<f32>, i1, f32
  }
  return
}

// A recurrence without inputs, states or results.
// CHECK-LABEL: func.func @empty
// CHECK: recur.recurrence <[t] over t> {
// CHECK-NEXT: recur.yield
func.func @empty() {
  recur.recurrence <[t] over t> {
    recur.yield
  }
  return
}

// The ops of a step.
// CHECK-LABEL: func.func @step
func.func @step(%x: tensor<?x4x4xf32>) {
  %y = recur.recurrence <[t, i = 4, j = 4] over t>
      ins(%x[t, i, j] : tensor<?x4x4xf32>)
      states(<h[i] : f32 = 0.0>)
      outs(<y[t, i]> : tensor<?x4xf32>) {
  ^bb0(%a: f32):
    // CHECK: %[[H:.*]] = recur.prev h : f32
    %h = recur.prev h : f32
    // CHECK: recur.prev h lag 2 : f32
    %h2 = recur.prev h lag 2 : f32
    // CHECK: %[[HJ:.*]] = recur.prev h[j] : f32
    %hj = recur.prev h[j] : f32
    // CHECK: recur.prev h[3] lag 4 {note} : f32
    %h3 = recur.prev h[3] lag 4 {note} : f32
    %p = arith.mulf %a, %hj : f32
    // CHECK: recur.reduce sum over [j] %{{.*}} : f32
    %s = recur.reduce sum over [j] %p : f32
    // CHECK: recur.reduce max over [i, j] %{{.*}} : f32
    %m = recur.reduce max over [i, j] %p : f32
    // CHECK: recur.reduce min over [j] %{{.*}} : f32
    %n = recur.reduce min over [j] %p : f32
    // CHECK: recur.reduce logsumexp over [j] %{{.*}} {note} : f32
    %l = recur.reduce logsumexp over [j] %p {note} : f32
    // CHECK: recur.at %[[H]] [i -> j] : f32
    %at = recur.at %h [i -> j] : f32
    // CHECK: recur.at %{{.*}} [i -> j, j -> 2] {note} : f32
    %at2 = recur.at %a [i -> j, j -> 2] {note} : f32
    // CHECK: recur.sigmoid %[[H]] : f32
    %f0 = recur.sigmoid %h : f32
    // CHECK: recur.softplus %[[H]] : f32
    %f1 = recur.softplus %h : f32
    // CHECK: recur.silu %[[H]] : f32
    %f2 = recur.silu %h : f32
    // CHECK: recur.relu %[[H]] : f32
    %f3 = recur.relu %h : f32
    // CHECK: recur.logaddexp %[[H]], %[[H]] : f32
    %f4 = recur.logaddexp %h, %h : f32
    recur.yield %s, %n : f32, f32
  }
  return
}

// Names that are no identifiers are quoted.
// CHECK-LABEL: func.func @quoted
// CHECK: recur.recurrence <["a b", "1"] over "1">
// CHECK-NEXT: ins(%{{.*}}["1", "a b"] :
// CHECK-NEXT: states(<"h h"["a b"] : f32 = 0.000000e+00>)
// CHECK-NEXT: outs(<"y y"["1", "a b"]> :
// CHECK: recur.prev "h h" : f32
func.func @quoted(%x: tensor<?x?xf32>) {
  %y = "recur.recurrence"(%x) <{
      space = #recur.space<["a b", "1"] over "1">,
      inputMaps = [affine_map<(d0, d1) -> (d1, d0)>], initMaps = [],
      historyMaps = [], inputHistories = array<i32: -1>,
      states = [#recur.state<"h h"["a b"] : f32 = 0.0>],
      outputs = [#recur.result<"y y"["1", "a b"]>],
      operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    %h = recur.prev "h h" : f32
    recur.yield %h, %0 : f32, f32
  }) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// A dim may be called like an operator.
// CHECK-LABEL: func.func @operators
// CHECK: ins(%{{.*}}[t, mod mod 2, floordiv - 1] : tensor<?x?x?xf32>)
func.func @operators(%x: tensor<?x?x?xf32>) {
  %y = recur.recurrence <[t, mod, floordiv = 4] over t>
      ins(%x[t, mod mod 2, floordiv - 1] : tensor<?x?x?xf32>)
      outs(<y[t, mod, floordiv]> : tensor<?x?x4xf32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// CHECK-LABEL: func.func @scan
// CHECK: recur.scan <companion 2> <[t] over t>
// CHECK: attributes {schedules = [#recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "t", width = 1, contiguous = true>]} elements {
// CHECK: } readout {
func.func @scan(%x: tensor<?xf32>) {
  %y = recur.scan <companion 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>)
      attributes {schedules = [#recur.schedule<target = "sm_90a",
        algorithm = "serial", lanes = "t", width = 1, contiguous = true>]}
      elements {
  ^bb0(%0: f32):
    recur.yield %0, %0, %0 : f32, f32, f32
  } readout {
  ^bb0(%0: f32, %h1: f32, %h2: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// CHECK-LABEL: func.func @blocks
// CHECK: recur.scan <block 4, max_plus> <[t, i = 4, j = 4] over t>
// CHECK: attributes {blockDims = ["i", "j"]} elements {
func.func @blocks(%a: tensor<4x4xf32>, %x: tensor<?xf32>) {
  %y = recur.scan <block 4, max_plus> <[t, i = 4, j = 4] over t>
      ins(%a[i, j], %x[t] : tensor<4x4xf32>, tensor<?xf32>)
      states(<h[i] : f32 = 0xFF800000>)
      outs(<y[t, i]> : tensor<?x4xf32>)
      attributes {blockDims = ["i", "j"]} elements {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %1 : f32, f32
  } readout {
  ^bb0(%0: f32, %1: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// CHECK-LABEL: func.func @newton
// CHECK: recur.newton <diagonal> <[t] over t>
// CHECK: attributes {maxIterations = 10 : i64, tolerance = 9.9999999999999995E-7 : f64} elements {
// CHECK: } readout {
func.func @newton(%x: tensor<?xf32>) {
  %y = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>)
      attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    %1 = arith.addf %p, %p : f32
    %2 = arith.mulf %p, %p : f32
    recur.yield %1, %2 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// A Jacobian over two dims, with the diagonal of the matrix.
// CHECK-LABEL: func.func @newton_rows
// CHECK: recur.newton <block 2> <[t, i = 2, j = 2] over t>
// CHECK: attributes {blockDims = ["i", "j"]
// CHECK: recur.same i, j
func.func @newton_rows(%A: tensor<2x2xf32>) {
  %y = recur.newton <block 2> <[t, i = 2, j = 2] over t>
      ins(%A[i, j] : tensor<2x2xf32>)
      states(<h[i] : f32 = 0.0>)
      outs(<last[i] final h> : tensor<2xf32>)
      attributes {blockDims = ["i", "j"], tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    %1 = arith.mulf %p, %p : f32
    %same = recur.same i, j
    %2 = arith.select %same, %p, %0 : f32
    recur.yield %2, %1 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield
  }
  return
}

// Attributes by themselves.
// CHECK-LABEL: func.func private @attributes
// CHECK-SAME: algebra0 = #recur.algebra<diagonal>
// CHECK-SAME: algebra1 = #recur.algebra<outer_product, log_sum_exp>
// CHECK-SAME: algebra2 = #recur.algebra<companion 3, min_plus>
// CHECK-SAME: algebra3 = #recur.algebra<diagonal, or_and>
// CHECK-SAME: schedule = #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d", width = 16, contiguous = false, segment = 128>
// CHECK-SAME: space = #recur.space<[t] over t reverse>
// CHECK-SAME: state = #recur.state<h[] : f64 = 0x7FF0000000000000>
func.func private @attributes() attributes {
  algebra0 = #recur.algebra<diagonal 1, plus_times>,
  algebra1 = #recur.algebra<outer_product, log_sum_exp>,
  algebra2 = #recur.algebra<companion 3, min_plus>,
  algebra3 = #recur.algebra<diagonal, or_and>,
  schedule = #recur.schedule<target = "x86-64-v4", algorithm = "segments",
    lanes = "d", width = 16, contiguous = false, segment = 128>,
  space = #recur.space<[t] over t reverse>,
  state = #recur.state<h[] : f64 = 0x7FF0000000000000>}

// A monoid with a domain, a step that combines its tuples, and a scan over it.
// CHECK: recur.monoid @mean ["n", "m"] identity [0.000000e+00 : f32, 0.000000e+00 : f32] where {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
// CHECK: } combine {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32):
recur.monoid @mean ["n", "m"] identity [0.0 : f32, 0.0 : f32] where {
^bb0(%n: f32, %m: f32):
  %zero = arith.constant 0.0 : f32
  %0 = arith.cmpf ogt, %n, %zero : f32
  recur.yield %0 : i1
} combine {
^bb0(%pn: f32, %pm: f32, %qn: f32, %qm: f32):
  %n = arith.addf %pn, %qn : f32
  %m = arith.addf %pm, %qm : f32
  recur.yield %n, %m : f32, f32
}

// CHECK-LABEL: func.func @combined
// CHECK: %[[N:.*]] = recur.prev n : f32
// CHECK: %[[M:.*]] = recur.prev m : f32
// CHECK: recur.combine @mean[0](%[[N]], %[[M]])(%{{.*}}, %{{.*}}) : f32
// CHECK: recur.scan <monoid 2>
// CHECK: attributes {monoid = @mean, prepends} elements {
func.func @combined(%x: tensor<?xf32>) {
  %y = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<n[] : f32 = 0.0>, <m[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    %n = recur.prev n : f32
    %m = recur.prev m : f32
    %one = arith.constant 1.0 : f32
    %1 = recur.combine @mean[0](%n, %m)(%one, %0) : f32
    %2 = recur.combine @mean[1](%n, %m)(%one, %0) : f32
    recur.yield %1, %2, %2 : f32, f32, f32
  }
  %z = recur.scan <monoid 2> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<n[] : f32 = 0.0>, <m[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>)
      attributes {monoid = @mean, prepends} elements {
  ^bb0(%0: f32):
    %one = arith.constant 1.0 : f32
    recur.yield %one, %0, %one : f32, f32, f32
  } readout {
  ^bb0(%0: f32, %n0: f32, %n1: f32, %m0: f32, %m1: f32):
    recur.yield %m1 : f32
  }
  return
}
