// Calls that no instruction and no function answers are found before the back
// end, which would end the process.

// RUN: not recur-translate-gpu %s 2>&1 | FileCheck %s
// CHECK: error: kernel 'k' calls '__nv_expf', which is not an instruction of the GPU
gpu.module @m {
  llvm.func @__nv_expf(f32) -> f32
  gpu.func @k(%x: f32, %y: !llvm.ptr<1>) kernel {
    %0 = llvm.call @__nv_expf(%x) : (f32) -> f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }
}
