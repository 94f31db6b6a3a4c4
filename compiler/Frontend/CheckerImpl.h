//===-- CheckerImpl.h - checks one recurrence -------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The checker's state, shared by the files that check definitions,
/// declarations, accesses and expressions. Private to the front end.
#ifndef RECUR_COMPILER_FRONTEND_CHECKERIMPL_H
#define RECUR_COMPILER_FRONTEND_CHECKERIMPL_H

#include "compiler/Frontend/Checker.h"
#include "compiler/Frontend/Parser.h"
#include "llvm/ADT/StringMap.h"

namespace recur::spec {

using DefinitionMap = llvm::StringMap<const Definition *>;
using MonoidMap = llvm::StringMap<const Monoid *>;

/// Checks names, calls and recursion of `definitions`, without dtypes, which
/// depend on the call, and adds them to `known`.
void checkDefinitions(llvm::ArrayRef<Definition> definitions,
                      DefinitionMap &known, Diagnostics &diagnostics);

/// Checks one monoid; null after an error.
std::unique_ptr<Monoid> checkMonoid(const MonoidDecl &decl,
                                    const DefinitionMap &definitions,
                                    Diagnostics &diagnostics);

/// The function that calls another a fixed number of times.
inline constexpr llvm::StringLiteral repeatName = "repeat";
/// The function that a call of `repeat` names; null: it names none.
inline const Expr *getRepeated(const Expr &call) {
  bool names = call.operands.size() > 1 &&
               call.operands[1]->kind == Expr::Kind::Access &&
               !call.operands[1]->hasIndices;
  return names ? call.operands[1] : nullptr;
}

/// Null or empty results mean that an error has been reported.
class Checker {
public:
  Checker(const RecurrenceDecl &decl, const DefinitionMap &fileDefinitions,
          const MonoidMap &monoids, Diagnostics &diagnostics)
      : decl(decl), definitions(fileDefinitions), monoids(monoids),
        diagnostics(diagnostics), recurrence(std::make_unique<Recurrence>()),
        out(*recurrence) {}

  std::unique_ptr<Recurrence> run();

  /// The conditions and the operator of a monoid; null or too few after an
  /// error. `release` hands over their values.
  const Value *checkDomain(const MonoidDecl &monoid, Dtype dtype);
  std::vector<const Value *> checkCombine(const MonoidDecl &monoid,
                                          Dtype dtype);
  std::unique_ptr<Recurrence> release() { return std::move(recurrence); }

private:
  /// What a name of the step means.
  struct Symbol {
    enum class Kind { Argument, State, Tuple, Local };
    /// The index of a tuple whose monoid has mistakes.
    static constexpr unsigned kNoMembers = ~0u;
    Kind kind;
    llvm::SMLoc loc;
    unsigned index = 0; ///< of the argument, the state or the first member
    /// The declared indices of a local, in order, if it has any; time left out.
    std::vector<unsigned> dims;
    bool hasDims = false;
    /// A local, or a state after its assignment; null after an error in it.
    const Value *value = nullptr;
    bool isAssigned = false;
  };

  /// Where an expression is checked: in the step, or in the body of a function
  /// that has been called.
  struct Scope {
    const Definition *definition = nullptr;
    llvm::ArrayRef<const Value *> parameters;
    const CallSite *site = nullptr;
    unsigned depth = 0; ///< calls and operators around the expression
  };

  // Declarations (DeclarationChecker.cpp) and the rest (Checker.cpp).
  void declareArguments();
  void declareClauses();
  void declareStates();
  void declareGuesses();
  std::optional<std::vector<unsigned>>
  declareStateDims(const TensorDecl &tensor);
  void declareHistories();
  void declareResults();
  void declareFinal(const ResultDecl &decl);
  void checkAssignment(const Assignment &assignment);
  void finishStates();
  void finishResults();
  void checkSizes();
  void checkHistories();
  void declareReset(const TensorDecl &reset);
  void declareSegments(const SegmentsDecl &segments);
  void addStart(State &state, const StartDecl &start);
  std::optional<unsigned> addArgument(const TensorDecl &tensor,
                                      Argument::Role role, Dtype dtype);
  std::optional<unsigned> findArgument(Name name, llvm::StringRef purpose);
  bool declareSymbol(Name name, Symbol::Kind kind, unsigned index);
  std::optional<unsigned> addDim(const IndexDecl &index, bool binds);
  std::optional<std::vector<unsigned>>
  addDims(llvm::ArrayRef<IndexDecl> indices, bool binds);
  static Dtype dtypeOf(const std::optional<Name> &dtype, Dtype fallback);

  // Monoids (MonoidChecker.cpp).
  void addParameter(llvm::StringRef name, llvm::SMLoc loc, Dtype dtype,
                    unsigned number);
  void declareTuple(const StateDecl &written);
  void checkCombination(const Assignment &assignment, Symbol &tuple);

  // Names and indices (AccessChecker.cpp).
  const Value *checkAccess(const Expr &expr, const Scope &scope);
  const Value *readArgument(const Expr &expr, unsigned argument, int64_t lag,
                            const Scope &scope);
  const Value *readState(const Expr &expr, Symbol &symbol, int64_t lag,
                         const Scope &scope);
  const Value *readLocal(const Expr &expr, const Symbol &symbol,
                         const Scope &scope);
  const Value *rename(const Expr &expr, const Value *value,
                      llvm::ArrayRef<unsigned> declared,
                      llvm::ArrayRef<IndexExpr> indices, const Scope &scope);
  std::optional<std::vector<Index>>
  resolveRenaming(const Expr &expr, llvm::ArrayRef<unsigned> declared,
                  llvm::ArrayRef<IndexExpr> indices);
  std::optional<Index> resolveIndex(const IndexExpr &index);
  bool checkBounds(const Index &index, unsigned axis, llvm::SMLoc loc);
  std::optional<int64_t> timeLag(const IndexExpr &index);
  bool checkCount(const Expr &expr, size_t wanted,
                  llvm::ArrayRef<unsigned> dims, bool timeOptional);
  void unknownName(Name name, const Scope &scope);
  std::optional<unsigned> findDim(llvm::StringRef name) const;
  std::optional<unsigned> requireDim(Name name);
  std::string shownDims(llvm::ArrayRef<unsigned> dims) const;
  std::string shownSet(DimSet dims) const;

  // Expressions (ExpressionChecker.cpp).
  const Value *checkExpr(const Expr &expr, const Scope &scope);
  const Value *checkBinary(const Expr &expr, const Scope &scope);
  const Value *checkCall(const Expr &expr, const Scope &scope);
  const Value *checkReduction(const Expr &expr, const Scope &scope);
  const Value *checkRepeat(const Expr &expr, const Scope &scope);
  const Value *callDefinition(const Expr &expr, const Definition &definition,
                              llvm::ArrayRef<const Value *> operands,
                              const Scope &scope);
  const Value *applyFunction(const Expr &expr, const FunctionInfo &function,
                             llvm::SmallVector<const Value *, 2> operands,
                             const Scope &scope);
  const Value *compare(const Expr &expr, Operation operation, const Value *left,
                       const Value *right, const Scope &scope);
  const Value *logical(const Expr &expr, Operation operation,
                       llvm::ArrayRef<const Value *> operands,
                       const Scope &scope);
  const Value *arithmetic(const Expr &expr, Operation operation,
                          llvm::ArrayRef<const Value *> operands,
                          const Scope &scope);
  bool requireNumber(const Value *value, llvm::SMLoc loc, llvm::StringRef of,
                     const Scope &scope);
  void error(llvm::SMLoc loc, const llvm::Twine &message, const Scope &scope);

  // Values.
  Value *make(Value::Kind kind, Dtype dtype, llvm::SMLoc loc,
              const Scope &scope);
  Value *makeOperation(Operation operation, Dtype dtype,
                       llvm::ArrayRef<const Value *> operands, llvm::SMLoc loc,
                       const Scope &scope);
  /// `value` as `dtype`; a constant takes on the dtype instead.
  const Value *convert(const Value *value, Dtype dtype);
  const Value *settle(const Value *root, Dtype dtype);
  /// As `convert`, for a declared dtype that may not hold the value: reports.
  const Value *store(const Value *value, Dtype dtype, llvm::StringRef name,
                     llvm::SMLoc loc);
  /// Reports once that the step is too large; nothing is checked afterwards.
  void reportFull(llvm::SMLoc loc, const Scope &scope);

  static DimSet bit(unsigned dim) { return DimSet(1) << dim; }
  DimSet setOf(llvm::ArrayRef<unsigned> dims) const;

  const RecurrenceDecl &decl;
  DefinitionMap definitions;
  MonoidMap monoids;
  Diagnostics &diagnostics;
  std::unique_ptr<Recurrence> recurrence;
  Recurrence &out;
  llvm::StringMap<Symbol> symbols;
  llvm::StringMap<unsigned> resultOf; ///< results that are assigned
  bool fullReported = false;
  unsigned checkedExprs = 0;
};

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_CHECKERIMPL_H
