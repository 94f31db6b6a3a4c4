// The kernels of a scan under each kind of CPU schedule, and what they say of
// themselves.
// RUN: recur-opt %s --recur-convert-to-cpu | FileCheck %s
// RUN: recur-opt %s --recur-convert-to-cpu --recur-drop-scans | FileCheck %s --check-prefix=DROPPED

// The scan stays for other targets until it is dropped.
// CHECK: module attributes {recur.artifacts = [{
// CHECK-SAME: accesses = [array<i64: 1, 2, 2, 0, 8, 0>]
// CHECK-SAME: advance = "linear__cpu0_advance"
// CHECK-SAME: carry_bytes = array<i64: 64, 0, 0>
// CHECK-SAME: contiguous_dim = 2
// CHECK-SAME: finish = "linear__cpu0_finish"
// CHECK-SAME: fold = "linear__cpu0_fold"
// CHECK-SAME: item_lanes = 16
// CHECK-SAME: replay = "linear__cpu0_replay"
// CHECK-SAME: start = "linear__cpu0_start"
// CHECK-SAME: unit_stride_mask = 9
// CHECK-SAME: advance = "linear__cpu1_advance"
// CHECK-SAME: contiguous_dim = 1
// CHECK-SAME: item_lanes = 1
// CHECK-SAME: lane_dim = -1
// CHECK-SAME: replay = "linear__cpu1_replay"
// Any strides: only the kernels that walk over time differ.
// CHECK-SAME: advance = "linear__cpu0_advance"
// CHECK-SAME: finish = "linear__cpu0_finish"
// CHECK-SAME: fold = "linear__cpu2_fold"
// CHECK-SAME: replay = "linear__cpu2_replay"
// CHECK-SAME: start = "linear__cpu0_start"
// CHECK-SAME: unit_stride_mask = 0
// CHECK-LABEL: func.func @linear(
// CHECK: recur.scan

// DROPPED: recur.artifacts
// DROPPED-NOT: recur.scan
// DROPPED: func.func private @linear__cpu0_start
func.func @linear(%a: tensor<?x?x?xf32> {recur.name = "a", recur.dims = ["b", "t", "d"]},
                  %x: tensor<?x?x?xf32> {recur.name = "x", recur.dims = ["b", "t", "g"]},
                  %h0: tensor<?x?xf32> {recur.name = "h0", recur.dims = ["b", "d"]})
    -> (tensor<?x?x?xf32>, tensor<?x?xf32>) {
  %y, %last = recur.scan <diagonal> <[b, t, d] over t>
      ins(%a[b, t, d], %x[b, t, d floordiv 8] : tensor<?x?x?xf32>, tensor<?x?x?xf32>)
      inits(%h0[b, d] : tensor<?x?xf32>)
      states(<h[b, d] : f32 = init 0>)
      outs(<y[b, t, d]>, <last[b, d] final h> : tensor<?x?x?xf32>, tensor<?x?xf32>)
  attributes {schedules = [
    #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d", width = 16, contiguous = true>,
    #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "t", width = 16, contiguous = true>,
    #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d", width = 16, contiguous = false>]}
  elements {
  ^bb0(%a0: f32, %x0: f32):
    recur.yield %a0, %x0 : f32, f32
  } readout {
  ^bb0(%a0: f32, %x0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return %y, %last : tensor<?x?x?xf32>, tensor<?x?xf32>
}

// The start state of a vector of channels comes from the init, through its
// strides.
// CHECK-LABEL: func.func private @linear__cpu0_start(
// CHECK: scf.while
// CHECK: %[[INIT:.*]] = llvm.intr.masked.gather
// CHECK: llvm.store %[[INIT]], %{{.*}} {alignment = 4 : i64} : vector<16xf32>

// Fold: the transition and the exit state from zero; nothing is written to
// results.
// CHECK-LABEL: func.func private @linear__cpu0_fold(
// CHECK: scf.for

// Where two rows of channels fit a vector and lie next to each other, whole rows
// are composed by four rounds of permutations at most, then the last one goes
// to the exit and to the transition.
// CHECK: arith.cmpi sle, %[[CHANNELS:.*]], %c8_i64
// CHECK: arith.cmpi eq, %{{.*}}, %[[CHANNELS]]
// CHECK: scf.if
// CHECK: scf.for %{{.*}} to %{{.*}} step %[[ROWS:.*]]  : i64
// CHECK: "llvm.intr.prefetch"{{.*}} rw = 0
// CHECK-COUNT-10: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
// The rest, less than a vector: the last row that is there goes on.
// CHECK: %[[ANY:.*]] = arith.cmpi sgt, %[[REST:.*]], %c0_i64
// CHECK: scf.if %[[ANY]]
// CHECK: arith.subi %[[REST]], %c1_i64
// CHECK-COUNT-10: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
// CHECK: } else {

// CHECK: scf.for
// CHECK: "llvm.intr.prefetch"{{.*}} rw = 0
// CHECK: %[[A:.*]] = llvm.intr.masked.load
// CHECK: %[[EXIT:.*]] = llvm.load %{{.*}} : !llvm.ptr -> vector<16xf32>
// CHECK: arith.mulf %[[A]], %[[EXIT]] fastmath<contract>
// CHECK: arith.addf
// CHECK: %[[TRANSITION:.*]] = llvm.load %{{.*}} : !llvm.ptr -> vector<16xf32>
// CHECK: %[[PRODUCT:.*]] = arith.mulf %[[A]], %[[TRANSITION]] fastmath<contract>
// A product below the normal range is zero.
// CHECK: %[[ABSOLUTE:.*]] = math.absf %[[PRODUCT]]
// CHECK: %[[TINY:.*]] = arith.cmpf olt, %[[ABSOLUTE]]
// CHECK: arith.select %[[TINY]], %{{.*}}, %[[PRODUCT]]
// CHECK-NOT: masked.store

// CHECK-LABEL: func.func private @linear__cpu0_advance(

// Replay: a plain dim is one masked load, a divided one a gather. Vectors of
// rows start from a state that repeats the channels.
// CHECK-LABEL: func.func private @linear__cpu0_replay(
// CHECK: %[[REPEATED:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
// CHECK-NEXT: llvm.store %[[REPEATED]]
// CHECK: scf.for
// CHECK: "llvm.intr.prefetch"{{.*}} rw = 1
// CHECK: llvm.intr.masked.store
// CHECK: } else {
// CHECK: scf.for
// CHECK: scf.for
// CHECK: llvm.intr.masked.load
// CHECK: arith.divui
// CHECK: llvm.intr.masked.gather
// CHECK: llvm.intr.masked.store

// CHECK-LABEL: func.func private @linear__cpu0_finish(
// CHECK: llvm.intr.masked.scatter

// Lanes along time: four rounds compose the maps of 16 steps; the last lane is
// the next carry.
// CHECK-LABEL: func.func private @linear__cpu1_replay(
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK-COUNT-8: llvm.inline_asm "valignd
// CHECK: vector.extract %{{.*}}[15]
// CHECK: llvm.store
// CHECK: scf.if
// CHECK: llvm.intr.masked.load

// CHECK-NOT: @linear__cpu2_start(
// CHECK: func.func private @linear__cpu2_fold(
// CHECK-NOT: @linear__cpu2_advance(
// CHECK: func.func private @linear__cpu2_replay(
// CHECK-NOT: @linear__cpu2_finish(
