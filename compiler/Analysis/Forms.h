//===-- compiler/Analysis/Forms.h - affine forms of step values -*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Writes every value of a step as c_1 (x) h_1 (+) ... (+) c_n (x) h_n (+) r
/// over a semiring, where the h_i are states of earlier steps and the c_i and r
/// do not depend on any state; or says which op makes that impossible.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ANALYSIS_FORMS_H
#define RECUR_COMPILER_ANALYSIS_FORMS_H

#include "dialect/IR/Recur.h"

namespace recur {

/// A state of an earlier step as a value reads it.
struct StateRead {
  unsigned state;
  int64_t lag;
  /// Per dim of the state a dim's name or a constant position.
  llvm::SmallVector<mlir::Attribute> indices;
  /// Dims among `indices` that the value sums over.
  llvm::SmallBitVector summed;

  bool operator==(const StateRead &other) const {
    return state == other.state && lag == other.lag &&
           indices == other.indices && summed == other.summed;
  }
  /// Whether the state is read at its own indices.
  bool isPlain(StateAttr attr) const;
};

/// One summand c (x) h.
struct Term {
  StateRead read;
  mlir::Value coefficient;
  mlir::Operation *origin; ///< the recur.prev
};

/// What makes a value no form.
struct Obstacle {
  mlir::Operation *op = nullptr;
  std::string reason;
  explicit operator bool() const { return op; }
};

/// A value as a function of the states.
struct Form {
  llvm::SmallVector<Term> terms;
  mlir::Value rest; ///< null: the semiring's zero
  Obstacle obstacle;
  bool dependsOnState() const { return obstacle || !terms.empty(); }
};

/// The forms of the values in a step region. Coefficients and rests are new
/// ops, put before the region's terminator.
class StepForms {
public:
  StepForms(RecurrenceOp recurrence, Semiring semiring);
  const Form &get(mlir::Value value) const { return forms.find(value)->second; }
  const IndexSets &getIndexSets() const { return sets; }

private:
  void visit(mlir::Operation &op);
  Form read(PrevOp op);
  Form rename(AtOp op, const Form &operand);
  Form reduce(ReduceOp op, const Form &operand);
  Form differentiate(StepOpInterface op, llvm::ArrayRef<const Form *> operands);
  Form distribute(StepOpInterface op, llvm::ArrayRef<const Form *> operands);
  Form choose(mlir::Operation *op, llvm::ArrayRef<const Form *> operands);
  Form multiply(mlir::Operation *op, const Form &form, mlir::Value factor);
  Form obstruct(mlir::Operation *op, llvm::ArrayRef<const Form *> operands);
  Obstacle findClash(mlir::Operation &op,
                     llvm::ArrayRef<const Form *> operands);
  bool dependsOnState(mlir::Value value);
  void addTerm(mlir::Operation *op, Form &form, Term term);

  RecurrenceOp recurrence;
  Semiring semiring;
  mlir::OpBuilder builder;
  IndexSets sets;
  llvm::DenseMap<mlir::Value, Form> forms;
  llvm::DenseMap<mlir::Value, bool> dependence;
};

} // namespace recur

#endif // RECUR_COMPILER_ANALYSIS_FORMS_H
