//===-- Passes.td - from scheduled scans to kernels --------*- tablegen -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The conversion passes.

#ifndef RECUR_CONVERSION_PASSES_TD
#define RECUR_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandMathPass : Pass<"recur-expand-math"> {
  let summary = "replace mathematical functions by arithmetic";
  let description = [{
    Expands the functions of the recur dialect (sigmoid, softplus, silu, relu,
    logaddexp) and exp, exp2, expm1, log, log1p, tanh, sin, cos and rsqrt of the math
    dialect into arithmetic, so that kernels call neither libm nor libdevice.
    Works on scalars and on vectors of rank 1, f32 and f64; f16 and bf16 are computed in f32,
    and converted by integer arithmetic where a CPU lacks the instruction.
    Run it before control flow is lowered: sin and cos make an `scf.if` for
    huge arguments.

    ```mlir
    %0 = math.exp %x : vector<16xf32>
    ```
    becomes, for `x86-64-v4`, a clamp, a reduction by multiples of log 2, a
    polynomial and one scaling by a power of two:
    ```mlir
    %n = ...
    %r0 = llvm.intr.fma(%n, %log2_high, %x) : (...) -> vector<16xf32>
    %r = llvm.intr.fma(%n, %log2_low, %r0) : (...) -> vector<16xf32>
    ...
    %2 = llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%p, %n, ...)
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cpu\"",
           "what the code runs on: cpu (the function's `recur.target`, else any), x86-64-v2, x86-64-v3, x86-64-v4 or gpu">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertToGpuPass : Pass<"recur-convert-to-gpu", "::mlir::ModuleOp"> {
  let summary = "make GPU kernels of scheduled scans";
  let description = [{
    For every function that holds a recur.scan with schedules for GPUs, makes one
    gpu.module for each target, called after the function and the target, with the kernels of
    its schedules: `serial` gives one, `segments` fold, combine and replay.
    The function stays, for other conversions to find.

    Parameters are words of 8 bytes: the data of the arguments and results, the
    workspace, the steps of a segment, the sizes of the space's dims, the strides.

    ```mlir
    func.func @ema(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
      %y = recur.scan #recur.algebra<diagonal> <[b, t, d] over t> ...
          schedules [<target = "sm_90a", algorithm = "serial", lanes = "d",
                      width = 1, contiguous = true, segment = 0>]
    // makes
    gpu.module @ema_sm_90a attributes {recur.target = "sm_90a"} {
      gpu.func @ema__gpu0(%x: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, ...) kernel
          attributes {known_block_size = array<i32: 64, 1, 1>,
                      recur.launch = {phase = "scan", ...}} {
        scf.for %item = ... {
          scf.for %step = ... iter_args(%h = ...)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"
  ];
}

def ConvertToNvvmPass : Pass<"recur-convert-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "lower GPU kernels to the LLVM and NVVM dialects";
  let description = [{
    Takes a gpu.module from gpu, scf, arith and math to llvm and nvvm. Functions that the
    hardware has become intrinsics: `math.exp2` is ex2.approx, `math.log2`
    lg2.approx, `math.sqrt`, `math.fma`, roundings and comparisons the instructions
    of their names. No library is linked, so any other function of math
    must have been expanded before; it is an error here.

    ```mlir
    gpu.func @k(%x: !llvm.ptr<1>) kernel {
      %t = gpu.thread_id x
      ...
      %1 = math.log2 %0 : f32
    // becomes
    llvm.func @k(%x: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
      %t = nvvm.read.ptx.sreg.tid.x : i32
      ...
      %1 = llvm.call_intrinsic "llvm.nvvm.lg2.approx.f"(%0) : (f32) -> f32
    ```
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::cf::ControlFlowDialect"
  ];
}

def ConvertToCpuPass : Pass<"recur-convert-to-cpu", "::mlir::ModuleOp"> {
  let summary = "make CPU kernels of scheduled scans";
  let description = [{
    For every `recur.scan` and every schedule of it with a CPU target, adds the
    kernels start, fold, advance, replay and finish (see recur/runtime.h) as private functions,
    and describes them in the module's attribute `recur.artifacts`. Schedules that differ only in
    `contiguous` share start, advance and finish. The scan stays.

    ```mlir
    func.func @ema(...) { recur.scan <diagonal> ... {schedules = [#recur.schedule<target = "x86-64-v4", ...>]} }
    ```
    becomes
    ```mlir
    func.func private @ema__cpu0_replay(%frame: !llvm.ptr, %tile: !llvm.ptr, %carry: !llvm.ptr,
                                        %summary: !llvm.ptr, %scratch: !llvm.ptr) {
      ...
      scf.for %t = ... {
        %h = llvm.load %slot : !llvm.ptr -> vector<16xf32>
    ```
    Memory is accessed through pointers and strides of the LLVM dialect: a
    kernel takes any strides, and a memref would pass five values for each argument.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::mlir::func::FuncDialect"];
}

def DropScansPass : Pass<"recur-drop-scans", "::mlir::ModuleOp"> {
  let summary = "remove the functions whose recurrences have become kernels";
  let description = [{
    Erases every function that holds a recurrence, scan or newton on tensors: the
    kernels and the attribute `recur.artifacts` stay.
  }];
}

#endif // RECUR_CONVERSION_PASSES_TD
