// What the functions become on GPUs: the special-function unit where it is
// accurate, and no function of libdevice anywhere.

// RUN: recur-opt %s --recur-expand-math=target=gpu | FileCheck %s
// RUN: recur-opt %s --recur-expand-math=target=gpu | recur-translate-gpu - --target=sm_90a | FileCheck %s --check-prefix=PTX

// CHECK-NOT: {{math|recur}}.
// PTX-NOT: .extern
gpu.module @kernels {
  // CHECK-LABEL: gpu.func @exp
  // CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
  // PTX-LABEL: .entry exp(
  // PTX: max.NaN.f32
  // PTX: ex2.approx.ftz.f32
  // PTX: fma.rn.f32
  // PTX: st.global
  gpu.func @exp(%x: f32, %y: !llvm.ptr<1>) kernel {
    %0 = math.exp %x : f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @sigmoid
  // PTX-LABEL: .entry sigmoid(
  // PTX: ex2.approx.ftz.f32
  // PTX: rcp.approx.ftz.f32
  // PTX-NOT: div
  // PTX: st.global
  gpu.func @sigmoid(%x: f32, %y: !llvm.ptr<1>) kernel {
    %0 = recur.sigmoid %x : f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }

  // The larger, and what the other adds, of which 2^y is exact enough: equal
  // infinities are not told apart.
  // CHECK-LABEL: gpu.func @logaddexp
  // CHECK-NOT: arith.cmpf
  // CHECK-DAG: %[[LARGER:.*]] = arith.maximumf %{{.*}}, %{{.*}} : f32
  // CHECK-DAG: %[[NEAR:.*]] = arith.maxnumf %{{.*}}, %{{.*}} : f32
  // CHECK: arith.mulf %[[NEAR]]
  // CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
  // CHECK-NOT: arith.cmpf
  // CHECK: llvm.intr.fma(%{{.*}}, %{{.*}}, %[[LARGER]])
  // PTX-LABEL: .entry logaddexp(
  // PTX-NOT: setp
  // PTX: st.global
  gpu.func @logaddexp(%x: f32, %y: f32, %z: !llvm.ptr<1>) kernel {
    %0 = recur.logaddexp %x, %y : f32
    llvm.store %0, %z : f32, !llvm.ptr<1>
    gpu.return
  }

  // Not tanh.approx, whose error is 2^-11.
  // CHECK-LABEL: gpu.func @tanh
  // PTX-LABEL: .entry tanh(
  // PTX-NOT: tanh.approx
  // PTX: ex2.approx.ftz.f32
  // PTX: rcp.approx.ftz.f32
  // PTX-NOT: tanh.approx
  // PTX: copysign.f32
  gpu.func @tanh(%x: f32, %y: !llvm.ptr<1>) kernel {
    %0 = math.tanh %x : f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @coarse_tanh
  // CHECK: llvm.intr.tanh(%{{.*}}) {fastmathFlags = #llvm.fastmath<afn>
  // PTX-LABEL: .entry coarse_tanh(
  // PTX: tanh.approx.f32
  // PTX-NOT: ex2.approx
  // PTX: st.global
  gpu.func @coarse_tanh(%x: f32, %y: !llvm.ptr<1>) kernel {
    %0 = math.tanh %x {recur.coarse} : f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }

  // Not lg2.approx, which is wrong around 1; a polynomial costs as much.
  // CHECK-LABEL: gpu.func @log
  // PTX-LABEL: .entry log(
  // PTX-NOT: lg2.approx
  // PTX: st.global
  gpu.func @log(%x: f32, %y: !llvm.ptr<1>) kernel {
    %0 = math.log %x : f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @sqrt
  // PTX-LABEL: .entry sqrt(
  // PTX: sqrt.rn.f32
  // PTX: sqrt.rn.f64
  gpu.func @sqrt(%x: f32, %v: f64, %y: !llvm.ptr<1>, %z: !llvm.ptr<1>) kernel {
    %0 = math.sqrt %x : f32
    %1 = math.sqrt %v : f64
    llvm.store %0, %y : f32, !llvm.ptr<1>
    llvm.store %1, %z : f64, !llvm.ptr<1>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @all_f32
  // PTX-LABEL: .entry all_f32(
  // PTX: st.global
  gpu.func @all_f32(%x: f32, %v: f32, %y: !llvm.ptr<1>) kernel {
    %0 = math.exp2 %x : f32
    %1 = math.expm1 %0 : f32
    %2 = math.log1p %1 : f32
    %3 = math.sin %2 : f32
    %4 = math.cos %3 : f32
    %5 = math.rsqrt %4 : f32
    %6 = math.absf %5 : f32
    %7 = recur.silu %6 : f32
    %8 = recur.softplus %7 : f32
    %9 = recur.relu %8 : f32
    %10 = recur.logaddexp %9, %v : f32
    llvm.store %10, %y : f32, !llvm.ptr<1>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @all_f64
  // PTX-LABEL: .entry all_f64(
  // PTX: st.global
  // PTX-NOT: .extern
  gpu.func @all_f64(%x: f64, %v: f64, %y: !llvm.ptr<1>) kernel {
    %0 = math.exp2 %x : f64
    %1 = math.expm1 %0 : f64
    %2 = math.log1p %1 : f64
    %3 = math.sin %2 : f64
    %4 = math.cos %3 : f64
    %5 = math.rsqrt %4 : f64
    %6 = math.exp %5 : f64
    %7 = recur.silu %6 : f64
    %8 = recur.softplus %7 : f64
    %9 = recur.relu %8 : f64
    %10 = recur.logaddexp %9, %v : f64
    %11 = math.tanh %10 : f64
    %12 = recur.sigmoid %11 : f64
    %13 = math.log %12 : f64
    llvm.store %13, %y : f64, !llvm.ptr<1>
    gpu.return
  }
}
