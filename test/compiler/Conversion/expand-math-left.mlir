// Types that the expansion does not do are left to others.

// RUN: recur-opt %s --recur-expand-math | FileCheck %s

// CHECK-LABEL: func.func @left
// CHECK: math.exp %{{.*}} : vector<4x16xf32>
// CHECK: math.exp %{{.*}} : tensor<4xf32>
// CHECK: math.exp %{{.*}} : vector<[4]xf32>
// CHECK: math.exp %{{.*}} : f128
func.func @left(%a: vector<4x16xf32>, %b: tensor<4xf32>, %c: vector<[4]xf32>,
                %d: f128)
    -> (vector<4x16xf32>, tensor<4xf32>, vector<[4]xf32>, f128) {
  %0 = math.exp %a : vector<4x16xf32>
  %1 = math.exp %b : tensor<4xf32>
  %2 = math.exp %c : vector<[4]xf32>
  %3 = math.exp %d : f128
  return %0, %1, %2, %3 : vector<4x16xf32>, tensor<4xf32>, vector<[4]xf32>, f128
}
