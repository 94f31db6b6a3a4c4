// Folds and canonicalizations of the named functions.
// RUN: recur-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @sigmoid
// CHECK-DAG: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: return %[[HALF]], %[[ONE]], %[[ZERO]]
func.func @sigmoid() -> (f32, f32, f32) {
  %zero = arith.constant 0.0 : f32
  %big = arith.constant 200.0 : f32
  %small = arith.constant -200.0 : f32
  %0 = recur.sigmoid %zero : f32
  %1 = recur.sigmoid %big : f32
  %2 = recur.sigmoid %small : f32
  return %0, %1, %2 : f32, f32, f32
}

// exp(200) overflows an f32; softplus(200) is 200.
// CHECK-LABEL: func.func @softplus
// CHECK-DAG: %[[LOG2:.*]] = arith.constant 0.69314718055994529 : f64
// CHECK-DAG: %[[BIG:.*]] = arith.constant 2.000000e+02 : f64
// CHECK: return %[[LOG2]], %[[BIG]]
func.func @softplus() -> (f64, f64) {
  %zero = arith.constant 0.0 : f64
  %big = arith.constant 200.0 : f64
  %0 = recur.softplus %zero : f64
  %1 = recur.softplus %big : f64
  return %0, %1 : f64, f64
}

// The limit at -inf, not -inf * 0.
// CHECK-LABEL: func.func @silu
// CHECK: %[[ZERO:.*]] = arith.constant -0.000000e+00 : f32
// CHECK: return %[[ZERO]]
func.func @silu() -> f32 {
  %minus = arith.constant 0xFF800000 : f32
  %0 = recur.silu %minus : f32
  return %0 : f32
}

// CHECK-LABEL: func.func @relu(
// CHECK-SAME: %[[X:.*]]: f32
// CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC00000 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[ONCE:.*]] = recur.relu %[[X]] : f32
// CHECK: return %[[ONCE]], %[[NAN]], %[[ZERO]]
func.func @relu(%x: f32) -> (f32, f32, f32) {
  %nan = arith.constant 0x7FC00000 : f32
  %minus = arith.constant -3.0 : f32
  %0 = recur.relu %x : f32
  %1 = recur.relu %0 : f32
  %2 = recur.relu %nan : f32
  %3 = recur.relu %minus : f32
  return %1, %2, %3 : f32, f32, f32
}

// CHECK-LABEL: func.func @logaddexp
// CHECK-DAG: %[[MINUS:.*]] = arith.constant 0xFFF0000000000000 : f64
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2.000000e+00 : f64
// CHECK: return %[[MINUS]], %[[TWO]]
func.func @logaddexp() -> (f64, f64) {
  %minus = arith.constant 0xFFF0000000000000 : f64
  %two = arith.constant 2.0 : f64
  %0 = recur.logaddexp %minus, %minus : f64
  %1 = recur.logaddexp %minus, %two : f64
  return %0, %1 : f64, f64
}
