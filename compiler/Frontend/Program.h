//===-- Program.h - a checked spec ------------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What the checker makes of a spec: every name resolved, every function
/// expanded, every value with its dtype and the indices it varies over.
#ifndef RECUR_COMPILER_FRONTEND_PROGRAM_H
#define RECUR_COMPILER_FRONTEND_PROGRAM_H

#include "compiler/Frontend/Dtype.h"
#include "compiler/Frontend/Operations.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/SMLoc.h"
#include <complex>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace recur::spec {

/// A set of dimensions, one bit each, without time: every value of a step may
/// vary over time.
using DimSet = uint64_t;
constexpr unsigned maximalDims = 64;

/// An index name of the recurrence.
struct Dim {
  std::string name;
  llvm::SMLoc loc; ///< the first declaration that has it
  std::optional<int64_t> size;
  /// An argument has the index, so that its size is known at run time.
  bool isBound = false;
};

struct Argument {
  enum class Role { Input, Reset, Segments };
  std::string name;
  llvm::SMLoc loc;
  Role role = Role::Input;
  Dtype dtype = Dtype::F32;
  std::vector<unsigned> dims;
  /// Read by a statement of the step.
  bool isRead = false;
  /// Read as the start of a state, or as the history of an input.
  bool isStart = false, isHistory = false;
  /// The argument with the values before the start, set by `history`.
  std::optional<unsigned> history;
  llvm::SMLoc historyLoc;
  /// The largest lag at which a step reads it.
  int64_t maxLag = 0;
};

/// Where a state starts: an argument, or a literal when `argument` is absent.
struct Start {
  std::optional<unsigned> argument;
  double literal = 0;
  llvm::SMLoc loc;
};

struct Value;

/// A user's operator on tuples.
struct Monoid;

struct State {
  std::string name;
  /// As a spec writes it: `s.v` for member v of the tuple s, else the name.
  std::string spelling;
  /// What combines the tuple it is a member of, and which member it is.
  const Monoid *monoid = nullptr;
  unsigned member = 0;
  llvm::SMLoc loc;
  Dtype dtype = Dtype::F32;
  std::vector<unsigned> dims;
  /// One for all lags, or one a lag starting with lag 1.
  std::vector<Start> starts;
  /// How many past values a step reads; at least 1 for a state that is only
  /// returned.
  int64_t order = 1;
  /// This step's value, converted to `dtype`.
  const Value *value = nullptr;
  llvm::SMLoc assignmentLoc;
  /// The argument with a guess of its trajectory.
  std::optional<unsigned> guess;
  llvm::SMLoc guessLoc;
};

struct Result {
  enum class Kind { Value, Trajectory, Final };
  Kind kind = Kind::Value;
  std::string name; ///< for Final the state's name
  llvm::SMLoc loc;
  Dtype dtype = Dtype::F32;
  std::vector<unsigned> dims;
  unsigned state = 0; ///< of a Trajectory or a Final
  int64_t lag = 0;    ///< of a Final: how many steps before the last one
  /// Converted to `dtype`; null for Final.
  const Value *value = nullptr;
};

/// The calls, innermost first, through which a value came out of a `def`.
struct CallSite {
  llvm::SMLoc loc;
  std::string function;
  const CallSite *caller = nullptr;
};

/// One position of an access: (dim + offset) / divisor % modulus, or the
/// constant `offset` when there is no dim.
struct Index {
  std::optional<unsigned> dim;
  int64_t offset = 0;
  int64_t divisor = 1;
  int64_t modulus = 0; ///< 0: none
  bool isPlain() const {
    return dim && offset == 0 && divisor == 1 && modulus == 0;
  }
};

/// A node of the step. Operands are always made before their users.
struct Value {
  enum class Kind {
    Literal,   ///< `literal`; bool as 0 or 1
    Argument,  ///< argument `source` at `indices`, `lag` steps ago
    State,     ///< state `source` at `indices`, `lag` >= 1 steps ago
    Renamed,   ///< operands[0] with `from[k]` read at `indices[k]`
    Operation, ///< `operation` of the operands
    Reduction, ///< `reduction` of operands[0] over `reduced`
    Convert,   ///< operands[0] as `dtype`
    Parameter, ///< of a monoid: member `source` of both its tuples
    Combined,  ///< member `source` of what `monoid` makes of the operands
  };
  Kind kind;
  Dtype dtype;
  DimSet dims = 0;
  llvm::SMLoc loc;
  const CallSite *site = nullptr;
  unsigned id = 0; ///< position among the values of the recurrence
  std::complex<double> literal;
  unsigned source = 0;
  /// One a dim of the argument or state as declared. The position of an
  /// argument's time index holds the time dim; the lag is in `lag`.
  std::vector<Index> indices;
  std::vector<unsigned> from;
  int64_t lag = 0;
  Operation operation = Operation::Add;
  ReductionKind reduction = ReductionKind::Sum;
  std::vector<unsigned> reduced;
  const Monoid *monoid = nullptr;
  llvm::SmallVector<const Value *, 2> operands;
};

struct Recurrence {
  std::string name;
  llvm::SMLoc loc;
  bool reverse = false;
  unsigned time = 0;                ///< a dim
  std::optional<unsigned> segments; ///< a dim, with `segments`
  std::vector<Dim> dims;
  std::vector<Argument> arguments;
  std::optional<unsigned> resetArgument, segmentsArgument;
  std::vector<State> states;
  std::vector<Result> results;
  /// Operands before users.
  std::deque<Value> values;
  std::deque<CallSite> sites;
};

struct Monoid {
  std::string name;
  llvm::SMLoc loc;
  std::vector<std::string> members;
  Dtype dtype = Dtype::F32;
  std::vector<double> identity;
  /// The values of the domain and of the operator, whose parameters are a tuple
  /// and two tuples.
  std::unique_ptr<Recurrence> domainStep, combineStep;
  const Value *domain = nullptr; ///< bool; null: all tuples are elements
  std::vector<const Value *> combined;
};

/// A file of recurrences. Recurrences point into themselves, so they stay put.
struct Program {
  std::vector<std::unique_ptr<Monoid>> monoids;
  std::vector<std::unique_ptr<Recurrence>> recurrences;
};

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_PROGRAM_H
