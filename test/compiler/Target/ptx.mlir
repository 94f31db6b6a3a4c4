// PTX of a hand-written kernel on the oldest, the measured and the newest
// architecture; math without a library, read-only loads, one fused multiply-add.

// RUN: recur-translate-gpu %s --target=sm_80 | FileCheck %s --check-prefixes=CHECK,SM80
// RUN: recur-translate-gpu %s --target=sm_90a | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: recur-translate-gpu %s --target=sm_100 | FileCheck %s --check-prefixes=CHECK,SM100

// CHECK-NOT: .extern
// CHECK: .version 8.8
// SM80: .target sm_80{{$}}
// SM90: .target sm_90a{{$}}
// SM100: .target sm_100{{$}}
// CHECK: .visible .entry axpy(
// CHECK: .maxntid 128, 1, 1
// CHECK: ld.global.nc.b16
// CHECK: ex2.approx
// CHECK: lg2.approx
// CHECK: sqrt.rn.f32
// CHECK: fma.rn.f32
// CHECK: st.global
// CHECK-NOT: .extern
gpu.module @kernels {
  gpu.func @axpy(%x: !llvm.ptr<1> {llvm.noalias, llvm.readonly},
                 %y: !llvm.ptr<1> {llvm.noalias}, %n: i64) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %block = gpu.block_id x
    %width = gpu.block_dim x
    %thread = gpu.thread_id x
    %base = arith.muli %block, %width : index
    %first = arith.addi %base, %thread : index
    %blocks = gpu.grid_dim x
    %step = arith.muli %blocks, %width : index
    %end = arith.index_cast %n : i64 to index
    scf.for %i = %first to %end step %step {
      %i64 = arith.index_cast %i : index to i64
      %source = llvm.getelementptr %x[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, bf16
      %stored = llvm.load %source : !llvm.ptr<1> -> bf16
      %v = arith.extf %stored : bf16 to f32
      %0 = math.exp2 %v : f32
      %1 = math.log2 %v : f32
      %2 = math.sqrt %v : f32
      %3 = arith.mulf %0, %1 : f32
      %4 = arith.addf %3, %2 : f32
      %target = llvm.getelementptr %y[%i64] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      llvm.store %4, %target : f32, !llvm.ptr<1>
    }
    gpu.return
  }
}
