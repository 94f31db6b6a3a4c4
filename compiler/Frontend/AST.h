//===-- AST.h - the tree of a spec ------------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What the parser makes of a spec: exactly what is written, with locations
/// and before any name is resolved.
#ifndef RECUR_COMPILER_FRONTEND_AST_H
#define RECUR_COMPILER_FRONTEND_AST_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/SMLoc.h"
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace recur::spec {

/// A name where it is written.
struct Name {
  llvm::StringRef text;
  llvm::SMLoc loc;
};

/// An index in a declaration: `d`, or `n=16` with a static size.
struct IndexDecl {
  Name name;
  std::optional<int64_t> size;
  llvm::SMLoc sizeLoc;
};

/// An index in an access: `i`, `i+k`, `i-k`, `i/k`, `i%k` or the constant `k`.
struct IndexExpr {
  enum class Kind { Plain, Add, Subtract, Divide, Modulo, Constant };
  Kind kind = Kind::Plain;
  Name name; ///< empty for Constant, where only `loc` is set
  int64_t value = 0;
  llvm::SMLoc loc() const { return name.loc; }
};

enum class BinaryOperator {
  Add,
  Subtract,
  Multiply,
  Divide,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  And,
  Or,
};

/// An expression. Nodes live in their SpecFile, so that a tree of any shape is
/// freed without recursion.
struct Expr {
  enum class Kind {
    Number,    ///< number
    Boolean,   ///< number is 0 or 1
    Access,    ///< name, or name[indices]
    Previous,  ///< prev(name), prev(name[indices], lag)
    Negate,    ///< operands[0]
    Not,       ///< operands[0]
    Binary,    ///< operands[0] op operands[1]
    Call,      ///< name(operands)
    Reduction, ///< name(reduced: operands[0])
    Tuple,     ///< (operands), what a monoid combines
  };
  Kind kind;
  /// The operator of a binary expression, the first character of any other.
  llvm::SMLoc loc;
  /// Height of the tree under this node; the parser bounds it.
  unsigned height = 1;
  double number = 0;
  BinaryOperator op = BinaryOperator::Add;
  Name name;
  bool hasIndices = false;
  llvm::SmallVector<IndexExpr, 0> indices;
  int64_t lag = 1;
  llvm::SMLoc lagLoc;
  llvm::SmallVector<Name, 1> reduced;
  llvm::SmallVector<Expr *, 2> operands;
};

struct Definition {
  Name name;
  std::vector<Name> parameters;
  Expr *body = nullptr;
};

/// `name[indices] : dtype` wherever a tensor is declared.
struct TensorDecl {
  Name name;
  std::vector<IndexDecl> indices;
  std::optional<Name> dtype;
};

/// A value a state starts at.
struct StartDecl {
  llvm::SMLoc loc;
  /// The argument, or nothing when the start is the literal `number`.
  std::optional<Name> argument;
  double number = 0;
  bool isBoolean = false;
};

struct StateDecl {
  TensorDecl tensor;
  /// Whose tuples the state holds; then `tensor` has no dtype.
  std::optional<Name> monoid;
  std::vector<StartDecl> starts;
};

struct ResultDecl {
  /// What `final` names: a state, `lag` - 1 steps before the last one... lag 0
  /// is the last value, as `final h` says; `final prev(h, k)` has lag k.
  bool isFinal = false;
  int64_t lag = 0;
  llvm::SMLoc lagLoc;
  TensorDecl tensor; ///< without indices when isFinal
};

struct HistoryDecl {
  Name input, argument;
};

struct GuessDecl {
  Name state, argument;
};

struct SegmentsDecl {
  Name name;
  IndexDecl index;
  std::optional<Name> dtype;
};

struct Assignment {
  Name name;
  bool hasIndices = false;
  std::vector<IndexDecl> indices;
  Expr *value = nullptr;
};

/// One statement of a body, in source order.
struct Statement {
  enum class Kind { State, History, Guess, Reset, Segments, Assignment };
  Kind kind;
  /// Position in the list of this kind in the RecurrenceDecl.
  unsigned index;
};

struct RecurrenceDecl {
  Name name;
  Name time;
  bool reverse = false;
  std::vector<TensorDecl> arguments;
  std::vector<ResultDecl> results;
  std::vector<StateDecl> states;
  std::vector<HistoryDecl> histories;
  std::vector<GuessDecl> guesses;
  std::vector<TensorDecl> resets;
  std::vector<SegmentsDecl> segments;
  std::vector<Assignment> assignments;
  std::vector<Definition> definitions;
  std::vector<Statement> statements;
  llvm::SMLoc end; ///< the closing brace
};

/// monoid name(members) : dtype { identity ... where ... combine(p, q) { } }
struct MonoidDecl {
  Name name;
  std::vector<Name> members;
  std::optional<Name> dtype;
  std::vector<StartDecl> identity;
  std::vector<Expr *> domain;
  Name earlier, later;
  /// Holds the assignments alone.
  RecurrenceDecl combine;
};

struct SpecFile {
  std::vector<Definition> definitions;
  std::vector<MonoidDecl> monoids;
  std::vector<RecurrenceDecl> recurrences;
  std::deque<Expr> expressions;
};

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_AST_H
