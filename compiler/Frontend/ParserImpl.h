//===-- ParserImpl.h - the recursive-descent parser -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The parser's state and productions, shared by the files that implement
/// declarations and expressions. Private to the front end.
#ifndef RECUR_COMPILER_FRONTEND_PARSERIMPL_H
#define RECUR_COMPILER_FRONTEND_PARSERIMPL_H

#include "compiler/Frontend/Lexer.h"
#include "compiler/Frontend/Parser.h"
#include "llvm/ADT/StringSet.h"

namespace recur::spec {

/// A production returns false, null or nothing after it has reported an error;
/// its caller does the same up to a place where parsing can go on.
class Parser {
public:
  Parser(llvm::StringRef text, Diagnostics &diagnostics)
      : diagnostics(diagnostics), tokens(lex(text, diagnostics)) {}

  SpecFile run();

private:
  // Tokens.
  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(position + ahead, tokens.size() - 1)];
  }
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool atEnd() const { return at(TokenKind::EndOfFile); }
  Token take() {
    Token token = peek();
    if (!atEnd())
      ++position;
    return token;
  }
  bool accept(TokenKind kind) {
    if (!at(kind))
      return false;
    take();
    return true;
  }
  /// Reports `expected WHAT, found TOKEN` plus `advice`. Always false.
  bool expected(const llvm::Twine &what, const llvm::Twine &advice = "");
  bool expect(TokenKind kind, const llvm::Twine &context = "");
  std::optional<Name> parseName(llvm::StringRef what);
  /// A name or a member `s.v` of a tuple.
  std::optional<Name> parseMember(llvm::StringRef what);
  std::optional<int64_t> parseInteger(llvm::StringRef what, int64_t minimum,
                                      int64_t maximum);

  // Declarations (Parser.cpp).
  bool parseRecurrence();
  bool parseArguments(RecurrenceDecl &recurrence);
  bool parseResults(RecurrenceDecl &recurrence);
  std::optional<ResultDecl> parseResult();
  bool parseFinalName(ResultDecl &result);
  bool parseFinalPrevious(ResultDecl &result);
  void parseBody(RecurrenceDecl &recurrence);
  bool parseStatement(RecurrenceDecl &recurrence);
  bool parseClause(RecurrenceDecl &recurrence);
  bool parseState(RecurrenceDecl &recurrence);
  std::optional<StartDecl> parseStart();
  std::optional<std::pair<Name, Name>> parseGiven(llvm::StringRef receiverIs,
                                                  llvm::StringRef argumentIs);
  bool parseHistory(RecurrenceDecl &recurrence);
  bool parseGuess(RecurrenceDecl &recurrence);
  bool parseReset(RecurrenceDecl &recurrence);
  bool parseSegments(RecurrenceDecl &recurrence);
  bool parseAssignment(RecurrenceDecl &recurrence);
  bool parseDefinition(std::vector<Definition> &into);
  bool atMonoid() const;
  bool atGuess() const;
  bool parseMonoid();
  bool parseMonoidBody(MonoidDecl &monoid);
  bool parseStarts(std::vector<StartDecl> &into);
  bool acceptWord(llvm::StringRef word);
  std::optional<TensorDecl> parseTensor(llvm::StringRef what);
  bool parseIndexDecls(std::vector<IndexDecl> &into);
  bool parseDtype(std::optional<Name> &into);

  // Recovery.
  void skipToTopLevel();
  void skipToStatement();
  void skipInList(TokenKind close);
  bool startsStatement() const;

  // Expressions (ExpressionParser.cpp).
  Expr *parseExpression();
  Expr *parseOr();
  Expr *parseAnd();
  Expr *parseNot();
  Expr *parseComparison();
  Expr *parseSum();
  Expr *parseProduct();
  Expr *parseUnary();
  Expr *parsePrimary();
  Expr *parseNumber();
  Expr *parseCall(Name name);
  Expr *parsePrevious(Name name);
  Expr *parseReduction(Name name);
  Expr *parseLeftToRight(
      Expr *(Parser::*operand)(),
      llvm::ArrayRef<std::pair<TokenKind, BinaryOperator>> operators);
  bool atReduction() const;
  bool parseIndices(Expr &access);
  std::optional<IndexExpr> parseIndex();

  Expr *make(Expr::Kind kind, llvm::SMLoc loc);
  Expr *makeBinary(BinaryOperator op, llvm::SMLoc loc, Expr *left, Expr *right);
  /// Updates the height for a new operand. Null with an error when too high.
  Expr *addOperand(Expr *expr, Expr *operand);

  /// Counts one level of nesting for the lifetime of a production.
  struct Nesting {
    explicit Nesting(Parser &parser) : parser(parser) { ++parser.nesting; }
    ~Nesting() { --parser.nesting; }
    /// Reports an error and returns true past the limit.
    bool tooDeep() const;
    Parser &parser;
  };

  Diagnostics &diagnostics;
  std::vector<Token> tokens;
  size_t position = 0;
  unsigned nesting = 0;
  SpecFile file;
  /// What the file declares with 'monoid', which a state may name before.
  llvm::StringSet<> monoidNames;
  /// The monoid that has just been read in the place of a dtype.
  std::optional<Name> pendingMonoid;
};

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_PARSERIMPL_H
