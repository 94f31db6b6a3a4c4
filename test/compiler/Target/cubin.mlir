// REQUIRES: ptxas
// Every target's PTX assembles, by both assemblers where they are there.

// RUN: recur-translate-gpu %s --target=sm_80 --emit=cubin --assembler=ptxas -o %t.80 && od -A n -c -N 4 %t.80 | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_86 --emit=cubin -o %t.86 && od -A n -c -N 4 %t.86 | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_89 --emit=cubin -o %t.89 && od -A n -c -N 4 %t.89 | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_90 --emit=cubin -o %t.90 && od -A n -c -N 4 %t.90 | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_90a --emit=cubin -o %t.90a && od -A n -c -N 4 %t.90a | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_100 --emit=cubin -o %t.100 && od -A n -c -N 4 %t.100 | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_100a --emit=cubin -o %t.100a && od -A n -c -N 4 %t.100a | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_103a --emit=cubin -o %t.103a && od -A n -c -N 4 %t.103a | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_120 --emit=cubin -o %t.120 && od -A n -c -N 4 %t.120 | FileCheck %s
// RUN: recur-translate-gpu %s --target=sm_121a --emit=cubin -o %t.121a && od -A n -c -N 4 %t.121a | FileCheck %s
// CHECK: 177 E L F
gpu.module @kernels {
  gpu.func @copy(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) kernel {
    %0 = llvm.load %x : !llvm.ptr<1> -> f32
    llvm.store %0, %y : f32, !llvm.ptr<1>
    gpu.return
  }
}
