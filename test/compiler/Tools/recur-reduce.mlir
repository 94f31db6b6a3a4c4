// The reducer drops what the script does not ask for: here the function
// without a softplus.
// RUN: recur-reduce %s -reduction-tree='traversal-mode=0 test=%S/Inputs/has-softplus.sh' | FileCheck %s

// CHECK-NOT: func.func @other
// CHECK-LABEL: func.func @wanted
// CHECK: recur.softplus
func.func @other(%x: f32) -> f32 {
  %0 = recur.sigmoid %x : f32
  return %0 : f32
}
func.func @wanted(%x: f32) -> f32 {
  %0 = recur.softplus %x : f32
  return %0 : f32
}
