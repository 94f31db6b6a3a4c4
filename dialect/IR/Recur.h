//===-- dialect/IR/Recur.h - the recur dialect ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The recur dialect: its attributes, interfaces and ops.
//===----------------------------------------------------------------------===//
#ifndef RECUR_DIALECT_IR_RECUR_H
#define RECUR_DIALECT_IR_RECUR_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SmallBitVector.h"

#include "dialect/IR/RecurDialect.h.inc"
#include "dialect/IR/RecurEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/IR/RecurAttributes.h.inc"

namespace recur {

/// Operations of one evaluation of a step op: plain ones and those that go to
/// a GPU's special-function unit.
struct OpCost {
  double arithmetic = 0, special = 0;
};

/// `op` rebuilt on `operands`, with null ones replaced by constant zeros.
mlir::Value cloneWithZeros(mlir::Operation *op, mlir::OpBuilder &builder,
                           llvm::ArrayRef<mlir::Value> operands);

/// Registers what StepOpInterface says of arith, math and complex ops.
void registerStepModels(mlir::DialectRegistry &registry);

/// Whether tensors and states can hold `type`: a float, a signless integer or a
/// complex number of floats.
bool isElementType(mlir::Type type);

/// Splits `dim + offset`; false for any other form.
bool matchShiftedDim(mlir::AffineExpr expr, unsigned &dim, int64_t &offset);

/// The lag k of a map that reads time at `t - k`; -1 if it does not vary over
/// time.
int64_t getTimeLag(mlir::AffineMap map, SpaceAttr space);

/// The dims of the space that a map varies over.
llvm::SmallBitVector getMapDims(mlir::AffineMap map, SpaceAttr space);

/// The dims of a state, without time.
llvm::SmallBitVector getStateDims(StateAttr state, SpaceAttr space);

/// The identity-like map from `space` to the dims called `names`.
mlir::AffineMap getDimsMap(SpaceAttr space,
                           llvm::ArrayRef<mlir::StringAttr> names);

} // namespace recur

#include "dialect/IR/RecurInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialect/IR/RecurOps.h.inc"

namespace recur {

/// The operator of a scan over a monoid; null for any other.
MonoidOp getMonoidOp(ScanLikeOpInterface op);
/// Whether that operator has the elements of steps in front.
bool getPrepends(ScanLikeOpInterface op);

/// For every value of a step region the dims of the space it varies over
/// (bit i: dim i).
class IndexSets {
public:
  /// Computes the sets of `region`, whose entry arguments vary over
  /// `argumentDims`.
  IndexSets(mlir::Region &region, RecurrenceOpInterface recurrence,
            llvm::ArrayRef<llvm::SmallBitVector> argumentDims);
  /// Sets of the regions of `recurrence`, with the arguments as the op defines.
  static IndexSets compute(mlir::Region &region,
                           RecurrenceOpInterface recurrence);
  /// Computes the sets of the results of `op`, whose operands have theirs.
  void add(mlir::Operation &op);
  const llvm::SmallBitVector &get(mlir::Value value) const {
    return sets.find(value)->second;
  }

private:
  RecurrenceOpInterface recurrence;
  llvm::DenseMap<mlir::Value, llvm::SmallBitVector> sets;
};

} // namespace recur

#endif // RECUR_DIALECT_IR_RECUR_H
