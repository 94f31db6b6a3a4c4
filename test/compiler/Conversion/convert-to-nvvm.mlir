// Kernels become llvm and nvvm; functions become intrinsics, never calls.

// RUN: recur-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(gpu.module(recur-convert-to-nvvm))' | FileCheck %s

// CHECK-LABEL: gpu.module @functions
// CHECK: llvm.func @k(%{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly}
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.maxntid = array<i32: 64, 1, 1>
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: llvm.intr.exp2
// CHECK: llvm.call_intrinsic "llvm.nvvm.lg2.approx.f"
// CHECK: llvm.intr.tanh(%{{.*}}) {fastmathFlags = #llvm.fastmath<afn>}
// CHECK-NOT: llvm.call @
gpu.module @functions {
  gpu.func @k(%x: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %y: !llvm.ptr<1>) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %thread = gpu.thread_id x
    %i = arith.index_cast %thread : index to i64
    %p = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %0 = llvm.load %p : !llvm.ptr<1> -> f32
    %1 = math.exp2 %0 : f32
    %2 = math.log2 %1 : f32
    %3 = math.tanh %2 fastmath<afn> : f32
    %q = llvm.getelementptr %y[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    llvm.store %3, %q : f32, !llvm.ptr<1>
    gpu.return
  }
}

// -----

// What is left for a library is an error at the op, not a crash of the back end.
gpu.module @unexpanded {
  gpu.func @k(%x: f32) kernel {
    // expected-error @+1 {{'math.exp' on 'f32' has no GPU instruction, expected it to be expanded before}}
    %0 = math.exp %x : f32
    gpu.return
  }
}

// -----

gpu.module @double {
  gpu.func @k(%x: f64) kernel {
    // expected-error @+1 {{'math.exp2' on 'f64' has no GPU instruction}}
    %0 = math.exp2 %x : f64
    gpu.return
  }
}
