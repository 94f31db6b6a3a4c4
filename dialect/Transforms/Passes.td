//===-- Passes.td - from recurrences to scheduled scans ----*- tablegen -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The passes from the recur dialect to itself.

#ifndef RECUR_TRANSFORMS_PASSES_TD
#define RECUR_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ClassifyPass : Pass<"recur-classify"> {
  let summary = "rewrite recurrences that are affine over an algebra into scans";
  let description = [{
    Finds the semiring and the structure of each `recur.recurrence` from its
    step alone and rewrites it into a `recur.scan`: a `readout` region with the
    outputs and an `elements` region with a and b, into which a reset is folded
    (a' = 0, b' = a (x) start (+) b where it applies, and one value more says where that is). A recurrence that has no
    such form stays as it is; `recur-check-supported` says why.

    ```mlir
    %y = recur.recurrence <[b, t] over t> ins(%x[b, t] : tensor<?x?xf32>)
        states(h[b] : f32 = 0.0) outs(y[b, t] : tensor<?x?xf32>) {
    ^bb0(%x0: f32):
      %half = arith.constant 0.5 : f32
      %h = recur.prev h : f32
      %0 = arith.mulf %half, %h : f32
      %1 = arith.addf %0, %x0 : f32
      recur.yield %1, %1 : f32, f32
    }
    ```
    becomes
    ```mlir
    %y = recur.scan <diagonal> <[b, t] over t> ins(%x[b, t] : tensor<?x?xf32>)
        states(h[b] : f32 = 0.0) outs(y[b, t] : tensor<?x?xf32>) elements {
    ^bb0(%x0: f32):
      %half = arith.constant 0.5 : f32
      recur.yield %half, %x0 : f32, f32
    } readout {
    ^bb0(%x0: f32, %before: f32, %now: f32):
      recur.yield %now : f32
    }
    ```
  }];
  let dependentDialects = ["::recur::RecurDialect", "::mlir::ub::UBDialect"];
}

def LinearizePass : Pass<"recur-linearize"> {
  let summary = "rewrite recurrences that are not affine into Newton's form";
  let description = [{
    Derives the Jacobian d(new states) / d(states one step ago) of each
    `recur.recurrence` that `recur-classify` has left because its step is not affine,
    and rewrites it into a `recur.newton`. The derivatives share the step's own
    values; which entries are zero follows from the tangents that reach them, so that
    the structure is inferred: diagonal, or k x k over the states or over a small dim
    that is summed, in which zeros and ones stay known. A reset becomes part of the
    step. A recurrence that has no derivative stays as it is;
    `recur-check-supported` says why.

    ```mlir
    %y = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf32>)
        states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>) {
    ^bb0(%x0: f32):
      %h = recur.prev h : f32
      %0 = arith.addf %h, %x0 : f32
      %1 = math.tanh %0 : f32
      recur.yield %1, %1 : f32, f32
    }
    ```
    becomes
    ```mlir
    %y = recur.newton <diagonal> <[t] over t> ins(%x[t] : tensor<?xf32>)
        states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
        attributes {maxIterations = 16 : i64, tolerance = 1.0e-5 : f64} elements {
    ^bb0(%x0: f32, %h: f32):
      %one = arith.constant 1.0 : f32
      %0 = arith.addf %h, %x0 : f32
      %f = math.tanh %0 : f32
      %1 = arith.mulf %f, %f : f32
      %J = arith.subf %one, %1 : f32
      recur.yield %J, %f : f32, f32
    } readout {
    ^bb0(%x0: f32, %before: f32, %now: f32):
      recur.yield %now : f32
    }
    ```
  }];
  let options = [
    Option<"tolerance", "tolerance", "double", "0",
           "correction under which a state has converged, relative to the largest size it has had "
           "(0: 1e-5 for f32 states, 1e-10 for f64)">,
    Option<"maxIterations", "max-iterations", "int64_t", "16",
           "passes with corrections after which a channel is finished in order">
  ];
  let dependentDialects = ["::recur::RecurDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect", "::mlir::ub::UBDialect"];
}

def SchedulePass : Pass<"recur-schedule"> {
  let summary = "attach to every scan and newton the schedules it is compiled with";
  let description = [{
    For each CPU target: lanes along the channel dim and lanes along time, both
    for unit stride, and a fallback for any strides. For each GPU: one thread an
    item along the channel dim, and the fallback. They come in order of preference
    for the layout the spec declares, that is for the last index of the operands
    that vary over time. Lanes never run along a dim that is reduced.

    ```mlir
    %y = recur.scan <diagonal> <[b, t, d] over t> ... elements { ... }
    ```
    becomes, for `targets=x86-64-v4`,
    ```mlir
    %y = recur.scan <diagonal> <[b, t, d] over t> ...
      attributes {schedules = [
        #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d", width = 16, contiguous = true>,
        #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "t", width = 16, contiguous = true>,
        #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d", width = 16, contiguous = false>]}
      elements { ... }
    ```
  }];
  let options = [
    ListOption<"targets", "targets", "std::string",
               "cpu (this machine), x86-64-v2, x86-64-v3, x86-64-v4, sm_80 ...">,
    Option<"schedule", "schedule", "std::string", "",
           "instead of the choice: lanes=DIM,width=N,contiguous=true|false,segment=N, any part of it">
  ];
  let dependentDialects = ["::recur::RecurDialect"];
}

def CheckSupportedPass : Pass<"recur-check-supported"> {
  let summary = "refuse what no kernels exist for";
  let description = [{
    Reports an error for every recurrence that is no scan and no newton, at the
    operation of the spec that makes it none, and for every scan whose structure, semiring or
    type no kernels cover yet. Changes nothing.

    ```
    gru.recur:9:14: error: the step is not affine in state 'h': 'tanh' of a value that depends on it
    ```
  }];
  let dependentDialects = ["::recur::RecurDialect"];
}

def MakeStepPass : Pass<"recur-make-step", "::mlir::ModuleOp"> {
  let summary = "derive the function that makes one step, for decoding";
  let description = [{
    Adds for each function @f with a `recur.recurrence` a function @f_step that
    makes one time step: what varies over time has the time dim with size 1.
    Arguments:
    - those of @f that a step reads, in order. A reset, cumulative lengths, histories
      and start values are gone, but a start value over just the dims of its state
      stays: it holds the state before the step;
    - then for each other state h `h_before`, and if h is read k > 1 steps
      ago `h_before2` ... : the state before that;
    - then for each input x read k steps ago `x_before` ... `x_beforek`: x of earlier calls.

    Results: those of @f in order, without final states of a lag above 1; then `h_after`
    for each state without a `final` result. What is h_after now is h_before in
    the next call and h_before2 in the one after it.

    If the recurrence has a diagonal real scan, its states stay states that start from
    their arguments. Otherwise (a step that is not affine, blocks, semirings) the
    states of earlier steps are read as inputs, and what remains is no
    recurrence: every real step can be decoded.

    The function has the attribute `recur.step`.
  }];
  let dependentDialects = ["::recur::RecurDialect", "::mlir::func::FuncDialect"];
}

#endif // RECUR_TRANSFORMS_PASSES_TD
