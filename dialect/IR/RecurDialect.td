//===-- RecurDialect.td - the recur dialect ----------------*- tablegen -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Defines the dialect itself.

#ifndef RECUR_DIALECT_TD
#define RECUR_DIALECT_TD

include "mlir/IR/OpBase.td"

def RecurDialect : Dialect {
  let name = "recur";
  let cppNamespace = "::recur";
  let summary = "Recurrences over time and the scans that compute them.";
  let description = [{
    A recurrence computes, for every time step, a new state from the state one
    or more steps ago and from tensors that vary over time:

      h_t = a_t (x) h_{t-1} (+) b_t      or      h_t = f(h_{t-1}, x_t)

    The dialect holds it at three levels: `recur.recurrence` is the step as the
    user wrote it, `recur.scan` is the step after its algebra has been found, and
    `recur.newton` is a step that is not affine, with its derivative. A
    `#recur.schedule` on a scan says how it is computed on a target.

    ### Values in a step region are functions of the indices

    The regions of these ops hold scalar code. A scalar there stands for one
    number at each point of some of the space's dims: a block argument varies
    over the dims that its access map names, the result of an op over the union
    of its operands' dims, `recur.reduce` removes dims and `recur.at` renames
    them. Nothing else has to be said about shapes.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::complex::ComplexDialect", "::mlir::tensor::TensorDialect",
    "::mlir::func::FuncDialect"
  ];
}

#endif // RECUR_DIALECT_TD
