// What the functions become on CPUs: nothing of math or recur is left.

// RUN: recur-opt %s --recur-expand-math=target=x86-64-v4 | FileCheck %s --check-prefixes=CHECK,V4
// RUN: recur-opt %s --recur-expand-math=target=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,V3
// RUN: recur-opt %s --recur-expand-math | FileCheck %s --check-prefixes=CHECK,V2
// RUN: recur-opt %s --recur-expand-math | FileCheck %s --check-prefix=NONE
// RUN: not recur-opt %s --recur-expand-math=target=avr 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: unknown target 'avr' of recur-expand-math: expected cpu, x86-64-v2, x86-64-v3, x86-64-v4 or gpu

// NONE-NOT: math.
// NONE-NOT: recur.

// The exponential: a clamp, a reduction in two parts, a polynomial, one scaling.
// CHECK-LABEL: func.func @exp_vector
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK: %[[LOW:.*]] = arith.cmpf ogt, %{{.*}}, %[[X]]
// CHECK: arith.select %[[LOW]], %{{.*}}, %[[X]]
// V4-COUNT-8: llvm.intr.fma
// V4: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// V3-COUNT-8: llvm.intr.fma(
// V3: arith.shrui
// V3-COUNT-2: arith.mulf
// V2-COUNT-8: llvm.intr.fmuladd(
// V2-NOT: llvm.intr.fma(
// CHECK: return
func.func @exp_vector(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// Scalars, and vectors that fill no register, have no scalef.
// CHECK-LABEL: func.func @exp_scalar
// CHECK-NOT: call_intrinsic
// CHECK: return
func.func @exp_scalar(%x: f32, %v: vector<32xf32>) -> (f32, vector<32xf32>) {
  %0 = math.exp %x : f32
  %1 = math.exp %v : vector<32xf32>
  return %0, %1 : f32, vector<32xf32>
}

// CHECK-LABEL: func.func @exp_f64
// V4: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.pd.256"
// V3: arith.bitcast %{{.*}} : vector<4xf64> to vector<4xi64>
// CHECK: return
func.func @exp_f64(%x: vector<4xf64>) -> vector<4xf64> {
  %0 = math.exp %x : vector<4xf64>
  return %0 : vector<4xf64>
}

// CHECK-LABEL: func.func @log
// V4: llvm.call_intrinsic "llvm.x86.avx512.mask.getmant.ps.512"
// V4: llvm.call_intrinsic "llvm.x86.avx512.mask.getexp.ps.512"
// V4-NOT: arith.select
// V3: arith.andi
// CHECK: return
func.func @log(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.log %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// One exponential and one division each.
// CHECK-LABEL: func.func @sigmoid
// V4-COUNT-1: scalef
// CHECK-COUNT-1: arith.divf
// CHECK-NOT: {{scalef|arith.divf}}
// CHECK: return
func.func @sigmoid(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = recur.sigmoid %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func.func @tanh
// CHECK-COUNT-1: arith.divf
// CHECK-NOT: arith.divf
// CHECK: llvm.intr.copysign
func.func @tanh(%x: f32) -> f32 {
  %0 = math.tanh %x : f32
  return %0 : f32
}

// softplus in f32 has no division, nor a logarithm with its exponent.
// CHECK-LABEL: func.func @softplus
// CHECK-NOT: {{arith.divf|getexp}}
// CHECK: return
func.func @softplus(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = recur.softplus %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// Huge arguments are reduced behind a branch that any lane takes for all.
// CHECK-LABEL: func.func @sin
// CHECK: %[[LARGE:.*]] = arith.cmpf uge
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %[[LARGE]]
// CHECK: scf.if %[[ANY]] -> (vector<8xf64>, vector<8xi64>)
func.func @sin(%x: vector<8xf64>) -> vector<8xf64> {
  %0 = math.sin %x : vector<8xf64>
  return %0 : vector<8xf64>
}

// CHECK-LABEL: func.func @others
// CHECK-NOT: {{math|recur}}.
// CHECK: return
func.func @others(%x: f64, %y: f64) -> f64 {
  %0 = math.exp2 %x : f64
  %1 = math.expm1 %0 : f64
  %2 = math.log1p %1 : f64
  %3 = math.cos %2 : f64
  %4 = math.rsqrt %3 : f64
  %5 = math.absf %4 : f64
  %6 = math.sqrt %5 : f64
  %7 = recur.silu %6 : f64
  %8 = recur.relu %7 : f64
  %9 = recur.logaddexp %8, %y : f64
  return %9 : f64
}

// A function of bf16 is that of f32; the rounding back is integer arithmetic.
// CHECK-LABEL: func.func @narrow
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK-NOT: arith.truncf
// CHECK: arith.trunci %{{.*}} : i32 to i16
// CHECK: arith.bitcast %{{.*}} : i16 to bf16
func.func @narrow(%x: bf16) -> bf16 {
  %0 = math.exp %x : bf16
  return %0 : bf16
}

// f16 has instructions from x86-64-v3 on.
// CHECK-LABEL: func.func @half
// V4: arith.truncf %{{.*}} : vector<16xf32> to vector<16xf16>
// V3: arith.truncf %{{.*}} : vector<16xf32> to vector<16xf16>
// V2-NOT: arith.truncf
// CHECK: return
func.func @half(%x: vector<16xf32>) -> vector<16xf16> {
  %0 = arith.truncf %x : vector<16xf32> to vector<16xf16>
  return %0 : vector<16xf16>
}
