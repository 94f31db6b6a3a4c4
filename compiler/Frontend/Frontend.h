//===-- Frontend.h - from the text of a spec to IR --------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The front end's entry: a spec becomes a module of functions, each of which
/// holds one `recur.recurrence`.
#ifndef RECUR_COMPILER_FRONTEND_FRONTEND_H
#define RECUR_COMPILER_FRONTEND_FRONTEND_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace llvm {
class SourceMgr;
} // namespace llvm

namespace recur {

/// Parses, checks and translates the main buffer of `sources`. Loads the
/// dialects it needs into `context`. Errors go to the context's diagnostic
/// engine with locations in the buffer, so that a SourceMgrDiagnosticHandler on
/// the same `sources` prints `FILE:LINE:COL: error: ...`, the line and a caret;
/// the result is then null.
///
/// Every `recurrence NAME` becomes `func.func @NAME` with one argument for each
/// tensor the caller passes: the arguments as written, then the reset, then the
/// cumulative lengths of segments. Arguments have `recur.name` and `recur.dims`
/// attributes, results `recur.name`; `final h` is called h_last. All ops have
/// the location of what they came from; ops out of a `def` have call-site
/// locations.
mlir::OwningOpRef<mlir::ModuleOp> parseSpec(llvm::SourceMgr &sources,
                                            mlir::MLIRContext &context);

} // namespace recur

#endif // RECUR_COMPILER_FRONTEND_FRONTEND_H
