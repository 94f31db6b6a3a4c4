// Kernels of a diagonal scan: the phases of each algorithm, how parameters are
// passed, what a launch is told.

// RUN: recur-opt %s --split-input-file --verify-diagnostics --recur-convert-to-gpu | FileCheck %s

#serial = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d",
                          width = 1, contiguous = true>
#strided = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d",
                           width = 1, contiguous = false>
#segments = #recur.schedule<target = "sm_90a", algorithm = "segments", lanes = "d",
                            width = 1, contiguous = true>

// The function stays for other conversions.
// CHECK-LABEL: func.func @lin(
// CHECK: recur.scan
// CHECK-LABEL: gpu.module @lin_sm_90a attributes {recur.target = "sm_90a"}

// Inputs are read-only and alias nothing; the initial state (%arg2) and the
// final state (%arg4) may be the same memory.
// CHECK: gpu.func @lin__gpu0(
// CHECK-SAME: %[[A:arg0]]: !llvm.ptr<1> {llvm.noalias, llvm.readonly}
// CHECK-SAME: %[[X:arg1]]: !llvm.ptr<1> {llvm.noalias, llvm.readonly}
// CHECK-SAME: %[[H0:arg2]]: !llvm.ptr<1> {llvm.readonly}
// CHECK-SAME: %[[Y:arg3]]: !llvm.ptr<1> {llvm.noalias}
// CHECK-SAME: %[[LAST:arg4]]: !llvm.ptr<1>,
// CHECK-SAME: %[[WORKSPACE:arg5]]: !llvm.ptr<1> {llvm.noalias}
// CHECK-SAME: kernel attributes {known_block_size = array<i32: 64, 1, 1>
// CHECK-SAME: recur.launch = {block = 64 : i64, contiguous_dim = 2 : i64
// CHECK-SAME: lane_dim = 2 : i64, lane_tile = 1 : i64, parallel_dims = array<i32: 0, 2>
// CHECK-SAME: phase = "scan"
// CHECK-SAME: time_tile = 0 : i64, unit_stride_mask = 11 : i64, variant = "serial, lanes along d, unit stride"
// CHECK-SAME: workspace = []
// One thread an item: start, replay, finish.
// CHECK: scf.for %{{.*}} : i64 {
// CHECK: %[[START:.*]] = llvm.load {{.*}} : !llvm.ptr<1> -> f32
// CHECK: %[[EXIT:.*]] = scf.for %[[STEP:.*]] = {{.*}} iter_args(%[[H:.*]] = %[[START]]) -> (f32)
// CHECK: llvm.getelementptr inbounds %[[A]]
// A lagged input is zero before the start.
// CHECK: arith.cmpi sge, %[[STEP]]
// CHECK: scf.if
// CHECK: llvm.getelementptr inbounds %[[X]]
// CHECK: } else {
// CHECK-NEXT: arith.constant 0.000000e+00 : f32
// CHECK: arith.mulf %{{.*}}, %[[H]] : f32
// CHECK: llvm.getelementptr inbounds %[[Y]]
// CHECK: llvm.store
// CHECK: scf.yield
// CHECK: llvm.getelementptr inbounds %[[LAST]]
// CHECK: llvm.store %[[EXIT]]

// Without the promise of unit stride no argument must have it.
// CHECK: gpu.func @lin__gpu1(
// CHECK-SAME: contiguous_dim = -1 : i64
// CHECK-SAME: unit_stride_mask = 0 : i64

// Time in segments: E and P of each go through the workspace.
// CHECK: gpu.func @lin__gpu2_fold(
// CHECK-SAME: phase = "fold"
// CHECK-SAME: time_tile = 256 : i64, unit_stride_mask = 11 : i64, variant = "segments, lanes along d, unit stride"
// CHECK-SAME: workspace = [array<i64: 1, 4>, array<i64: 1, 4>]
// CHECK: scf.for {{.*}} -> (f32, f32)
// CHECK: gpu.func @lin__gpu2_combine(
// CHECK-SAME: phase = "combine"
// CHECK-SAME: time_tile = 0 : i64
// CHECK: scf.for {{.*}} -> (f32)
// CHECK: gpu.func @lin__gpu2_replay(
// CHECK-SAME: phase = "replay"
// CHECK: scf.for {{.*}} -> (f32)
func.func @lin(%a: tensor<?x?x?xf32>, %x: tensor<?x?x?xf32>, %h0: tensor<?x?xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?xf32>) {
  %y, %last = recur.scan #recur.algebra<diagonal> <[b, t, d] over t>
      ins(%a[b, t, d], %x[b, t - 1, d] : tensor<?x?x?xf32>, tensor<?x?x?xf32>)
      inits(%h0[b, d] : tensor<?x?xf32>)
      states(<h[b, d] : f32 = init 0>)
      outs(<y[b, t, d]>, <last[b, d] final h> : tensor<?x?x?xf32>, tensor<?x?xf32>)
      attributes {schedules = [#serial, #strided, #segments]} elements {
  ^bb0(%a0: f32, %x0: f32):
    recur.yield %a0, %x0 : f32, f32
  } readout {
  ^bb0(%a0: f32, %x0: f32, %previous: f32, %h: f32):
    %0 = arith.mulf %h, %h : f32
    recur.yield %0 : f32
  }
  return %y, %last : tensor<?x?x?xf32>, tensor<?x?xf32>
}

// -----

// States over a static dim are registers, over a dynamic one the workspace.
#serial = #recur.schedule<target = "sm_80", algorithm = "serial", lanes = "d",
                          width = 1, contiguous = true>

// CHECK-LABEL: gpu.module @registers_sm_80
// CHECK: gpu.func @registers__gpu0(
// CHECK-SAME: workspace = []
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (f32, f32, f32)
func.func @registers(%a: tensor<?x3xf32>, %x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = recur.scan #recur.algebra<diagonal> <[t, d, n = 3] over t>
      ins(%a[d, n], %x[t, d] : tensor<?x3xf32>, tensor<?x?xf32>)
      states(<h[d, n] : f32 = 0.0>)
      outs(<y[t, d]> : tensor<?x?xf32>)
      attributes {schedules = [#serial]} elements {
  ^bb0(%a0: f32, %x0: f32):
    recur.yield %a0, %x0 : f32, f32
  } readout {
  ^bb0(%a0: f32, %x0: f32, %previous: f32, %h: f32):
    %0 = recur.reduce sum over [n] %h : f32
    recur.yield %0 : f32
  }
  return %y : tensor<?x?xf32>
}

// CHECK-LABEL: gpu.module @workspace_sm_80
// CHECK: gpu.func @workspace__gpu0(
// CHECK-SAME: workspace = [array<i64: 0, 4, 2>]
func.func @workspace(%a: tensor<?x?xf32>, %x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = recur.scan #recur.algebra<diagonal> <[t, d, n] over t>
      ins(%a[d, n], %x[t, d] : tensor<?x?xf32>, tensor<?x?xf32>)
      states(<h[d, n] : f32 = 0.0>)
      outs(<y[t, d]> : tensor<?x?xf32>)
      attributes {schedules = [#serial]} elements {
  ^bb0(%a0: f32, %x0: f32):
    recur.yield %a0, %x0 : f32, f32
  } readout {
  ^bb0(%a0: f32, %x0: f32, %previous: f32, %h: f32):
    %0 = recur.reduce sum over [n] %h : f32
    recur.yield %0 : f32
  }
  return %y : tensor<?x?xf32>
}

// -----

#serial = #recur.schedule<target = "sm_80", algorithm = "serial", lanes = "d",
                          width = 1, contiguous = true>

func.func @narrow(%x: tensor<?x?xf16>) -> tensor<?x?xf16> {
  // expected-error @+1 {{state 'h' of type f16 has no kernels yet, expected f32 or f64}}
  %y = recur.scan #recur.algebra<diagonal, max_plus> <[t, d] over t>
      ins(%x[t, d] : tensor<?x?xf16>)
      states(<h[d] : f16 = 0.0>)
      outs(<y[t, d]> : tensor<?x?xf16>)
      attributes {schedules = [#serial]} elements {
  ^bb0(%x0: f16):
    recur.yield %x0, %x0 : f16, f16
  } readout {
  ^bb0(%x0: f16, %previous: f16, %h: f16):
    recur.yield %h : f16
  }
  return %y : tensor<?x?xf16>
}
