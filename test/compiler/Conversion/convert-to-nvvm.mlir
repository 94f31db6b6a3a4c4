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

// Arithmetic with a twin in llvm keeps its flags; what is on index, or has no
// twin, is converted with its types.
// CHECK-LABEL: gpu.module @arithmetic
// CHECK: llvm.fadd %{{.*}}, %{{.*}} {fastmathFlags = #llvm.fastmath<contract>}
// CHECK: llvm.add %{{.*}}, %{{.*}} overflow<nsw, nuw>
// CHECK: llvm.udiv exact
// CHECK: llvm.icmp "ult"
// CHECK: llvm.select
// CHECK: llvm.intr.smax
// CHECK: llvm.trunc %{{.*}} overflow<nuw> : i64 to i32
// CHECK: llvm.fcmp "oeq"
// CHECK: llvm.intr.maxnum
// CHECK-NOT: arith.
gpu.module @arithmetic {
  gpu.func @k(%f: f32, %i: i64, %y: !llvm.ptr<1>) kernel {
    %thread = gpu.thread_id x
    %one = arith.constant 1 : index
    %next = arith.addi %thread, %one : index
    %n = arith.index_cast %next : index to i64
    %0 = arith.addf %f, %f fastmath<contract> : f32
    %1 = arith.addi %i, %n overflow<nsw, nuw> : i64
    %2 = arith.divui %1, %n exact : i64
    %3 = arith.cmpi ult, %1, %2 : i64
    %4 = arith.select %3, %1, %2 : i64
    %5 = arith.maxsi %4, %i : i64
    %6 = arith.trunci %5 overflow<nuw> : i64 to i32
    %7 = arith.cmpf oeq, %f, %0 : f32
    %8 = arith.maxnumf %f, %0 : f32
    llvm.store %6, %y : i32, !llvm.ptr<1>
    llvm.store %7, %y : i1, !llvm.ptr<1>
    llvm.store %8, %y : f32, !llvm.ptr<1>
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
