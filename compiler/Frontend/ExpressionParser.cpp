//===-- ExpressionParser.cpp - the expressions of a spec ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Parses expressions, weakest operator first.
#include "compiler/Frontend/ParserImpl.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

//===-- Nodes -------------------------------------------------------------===//

Expr *Parser::make(Expr::Kind kind, llvm::SMLoc loc) {
  Expr &expr = file.expressions.emplace_back();
  expr.kind = kind;
  expr.loc = loc;
  return &expr;
}

Expr *Parser::addOperand(Expr *expr, Expr *operand) {
  expr->operands.push_back(operand);
  expr->height = std::max(expr->height, operand->height + 1);
  if (expr->height <= maximalHeight)
    return expr;
  diagnostics.error(expr->loc, "expected an expression of at most " +
                                   Twine(maximalHeight) +
                                   " operators in a row, found a longer one");
  return nullptr;
}

Expr *Parser::makeBinary(BinaryOperator op, llvm::SMLoc loc, Expr *left,
                         Expr *right) {
  Expr *expr = make(Expr::Kind::Binary, loc);
  expr->op = op;
  return addOperand(expr, left) ? addOperand(expr, right) : nullptr;
}

bool Parser::Nesting::tooDeep() const {
  if (parser.nesting <= maximalNesting)
    return false;
  parser.diagnostics.error(parser.peek().loc(),
                           "expected at most " + Twine(maximalNesting) +
                               " levels of nesting, found more");
  return true;
}

//===-- Operators, weakest first ------------------------------------------===//

Expr *Parser::parseExpression() {
  Nesting level(*this);
  return level.tooDeep() ? nullptr : parseOr();
}

Expr *Parser::parseLeftToRight(
    Expr *(Parser::*operand)(),
    llvm::ArrayRef<std::pair<TokenKind, BinaryOperator>> operators) {
  Expr *left = (this->*operand)();
  while (left) {
    const auto *found = llvm::find_if(
        operators, [&](const auto &entry) { return at(entry.first); });
    if (found == operators.end())
      return left;
    llvm::SMLoc loc = take().loc();
    Expr *right = (this->*operand)();
    if (!right)
      return nullptr;
    left = makeBinary(found->second, loc, left, right);
  }
  return nullptr;
}

Expr *Parser::parseOr() {
  return parseLeftToRight(&Parser::parseAnd,
                          {{TokenKind::KwOr, BinaryOperator::Or}});
}

Expr *Parser::parseAnd() {
  return parseLeftToRight(&Parser::parseNot,
                          {{TokenKind::KwAnd, BinaryOperator::And}});
}

Expr *Parser::parseNot() {
  if (!at(TokenKind::KwNot))
    return parseComparison();
  Nesting level(*this);
  if (level.tooDeep())
    return nullptr;
  Expr *expr = make(Expr::Kind::Not, take().loc());
  Expr *operand = parseNot();
  return operand ? addOperand(expr, operand) : nullptr;
}

Expr *Parser::parseComparison() {
  static constexpr std::pair<TokenKind, BinaryOperator> comparisons[] = {
      {TokenKind::EqualEqual, BinaryOperator::Equal},
      {TokenKind::NotEqual, BinaryOperator::NotEqual},
      {TokenKind::Less, BinaryOperator::Less},
      {TokenKind::LessEqual, BinaryOperator::LessEqual},
      {TokenKind::Greater, BinaryOperator::Greater},
      {TokenKind::GreaterEqual, BinaryOperator::GreaterEqual}};
  auto here = [&] {
    return llvm::find_if(comparisons,
                         [&](const auto &entry) { return at(entry.first); });
  };
  Expr *left = parseSum();
  if (!left)
    return nullptr;
  const auto *found = here();
  if (found == std::end(comparisons))
    return left;
  llvm::SMLoc loc = take().loc();
  Expr *right = parseSum();
  if (!right)
    return nullptr;
  if (here() != std::end(comparisons)) {
    expected("'and', 'or' or the end of the comparison",
             "; comparisons do not chain");
    return nullptr;
  }
  return makeBinary(found->second, loc, left, right);
}

Expr *Parser::parseSum() {
  return parseLeftToRight(&Parser::parseProduct,
                          {{TokenKind::Plus, BinaryOperator::Add},
                           {TokenKind::Minus, BinaryOperator::Subtract}});
}

Expr *Parser::parseProduct() {
  return parseLeftToRight(&Parser::parseUnary,
                          {{TokenKind::Star, BinaryOperator::Multiply},
                           {TokenKind::Slash, BinaryOperator::Divide}});
}

Expr *Parser::parseUnary() {
  if (!at(TokenKind::Minus))
    return parsePrimary();
  Nesting level(*this);
  if (level.tooDeep())
    return nullptr;
  Expr *expr = make(Expr::Kind::Negate, take().loc());
  Expr *operand = parseUnary();
  return operand ? addOperand(expr, operand) : nullptr;
}

//===-- Primaries ---------------------------------------------------------===//

Expr *Parser::parsePrimary() {
  Token token = peek();
  switch (token.kind) {
  case TokenKind::Number:
    return parseNumber();
  case TokenKind::KwInf:
  case TokenKind::KwNan: {
    Expr *expr = make(Expr::Kind::Number, take().loc());
    expr->number = token.kind == TokenKind::KwInf
                       ? std::numeric_limits<double>::infinity()
                       : std::numeric_limits<double>::quiet_NaN();
    return expr;
  }
  case TokenKind::KwTrue:
  case TokenKind::KwFalse: {
    Expr *expr = make(Expr::Kind::Boolean, take().loc());
    expr->number = token.kind == TokenKind::KwTrue;
    return expr;
  }
  case TokenKind::LeftParen: {
    llvm::SMLoc loc = take().loc();
    Expr *inner = parseExpression();
    if (inner && at(TokenKind::Comma)) {
      Expr *tuple = make(Expr::Kind::Tuple, loc);
      if (!addOperand(tuple, inner))
        return nullptr;
      while (accept(TokenKind::Comma) && !at(TokenKind::RightParen)) {
        Expr *next = parseExpression();
        if (!next || !addOperand(tuple, next))
          return nullptr;
      }
      inner = tuple;
    }
    return inner && expect(TokenKind::RightParen, " or an operator") ? inner
                                                                     : nullptr;
  }
  case TokenKind::Name:
    break;
  default:
    expected("an expression");
    return nullptr;
  }
  take();
  Name name{token.text, token.loc()};
  if (at(TokenKind::LeftParen))
    return parseCall(name);
  Expr *access = make(Expr::Kind::Access, name.loc);
  access->name = name;
  // `x = a` followed by `y[b,d] = ...` never clashes with an access: there a
  // name stands before the bracket, here it was just read.
  if (at(TokenKind::LeftBracket) && !parseIndices(*access))
    return nullptr;
  return access;
}

Expr *Parser::parseNumber() {
  Token token = take();
  double value = 0;
  bool failed = token.text.getAsDouble(value, /*AllowInexact=*/true);
  if (failed || !std::isfinite(value)) {
    diagnostics.error(token.loc(), "expected a number that fits f64, found '" +
                                       token.text + "'");
    return nullptr;
  }
  Expr *expr = make(Expr::Kind::Number, token.loc());
  expr->number = value;
  return expr;
}

/// `sum(n: ...)` or `max(i, j: ...)`, told from a call by the colon.
bool Parser::atReduction() const {
  size_t ahead = 1;
  while (peek(ahead).kind == TokenKind::Name &&
         peek(ahead + 1).kind == TokenKind::Comma)
    ahead += 2;
  return peek(ahead).kind == TokenKind::Name &&
         peek(ahead + 1).kind == TokenKind::Colon;
}

Expr *Parser::parseCall(Name name) {
  if (name.text == "prev")
    return parsePrevious(name);
  if (atReduction())
    return parseReduction(name);
  take();
  Expr *call = make(Expr::Kind::Call, name.loc);
  call->name = name;
  while (!at(TokenKind::RightParen)) {
    Expr *operand = parseExpression();
    if (!operand || !addOperand(call, operand))
      return nullptr;
    if (!accept(TokenKind::Comma))
      break;
  }
  return expect(TokenKind::RightParen,
                " or ',' in the call of '" + name.text + "'")
             ? call
             : nullptr;
}

/// prev '(' NAME ['[' INDICES ']'] [',' LAG] ')'
Expr *Parser::parsePrevious(Name name) {
  take();
  Expr *previous = make(Expr::Kind::Previous, name.loc);
  std::optional<Name> of = parseMember("the name of a state or an argument");
  if (!of)
    return nullptr;
  previous->name = *of;
  previous->lagLoc = of->loc;
  if (at(TokenKind::LeftBracket) && !parseIndices(*previous))
    return nullptr;
  if (accept(TokenKind::Comma)) {
    previous->lagLoc = peek().loc();
    std::optional<int64_t> lag = parseInteger("a lag", 1, maximalLag);
    if (!lag)
      return nullptr;
    previous->lag = *lag;
  } else if (!at(TokenKind::RightParen)) {
    expected("')' or ','", "; prev takes a name, not an expression");
    return nullptr;
  }
  return expect(TokenKind::RightParen, " after the lag") ? previous : nullptr;
}

Expr *Parser::parseReduction(Name name) {
  take();
  Expr *reduction = make(Expr::Kind::Reduction, name.loc);
  reduction->name = name;
  do {
    Token token = take();
    reduction->reduced.push_back({token.text, token.loc()});
  } while (accept(TokenKind::Comma));
  take(); // The colon that atReduction saw.
  Expr *operand = parseExpression();
  if (!operand || !addOperand(reduction, operand))
    return nullptr;
  return expect(TokenKind::RightParen, " or an operator") ? reduction : nullptr;
}

//===-- Indices -----------------------------------------------------------===//

bool Parser::parseIndices(Expr &access) {
  take();
  access.hasIndices = true;
  while (!at(TokenKind::RightBracket)) {
    std::optional<IndexExpr> index = parseIndex();
    if (!index)
      return false;
    access.indices.push_back(*index);
    if (!accept(TokenKind::Comma))
      break;
  }
  if (accept(TokenKind::RightBracket))
    return true;
  return expected("']' or ','",
                  "; an index is i, i+k, i-k, i/k, i%k or a constant");
}

std::optional<IndexExpr> Parser::parseIndex() {
  constexpr int64_t most = int64_t(1) << 40;
  IndexExpr index;
  index.name.loc = peek().loc();
  if (at(TokenKind::Number)) {
    std::optional<int64_t> value = parseInteger("a constant index", 0, most);
    if (!value)
      return std::nullopt;
    index.kind = IndexExpr::Kind::Constant;
    index.value = *value;
    return index;
  }
  std::optional<Name> name = parseName("an index");
  if (!name)
    return std::nullopt;
  index.name = *name;
  int64_t least = 0;
  switch (peek().kind) {
  case TokenKind::Plus:
    index.kind = IndexExpr::Kind::Add;
    break;
  case TokenKind::Minus:
    index.kind = IndexExpr::Kind::Subtract;
    break;
  case TokenKind::Slash:
    index.kind = IndexExpr::Kind::Divide;
    least = 1;
    break;
  case TokenKind::Percent:
    index.kind = IndexExpr::Kind::Modulo;
    least = 1;
    break;
  default:
    return index;
  }
  take();
  std::optional<int64_t> value = parseInteger("an integer", least, most);
  if (!value)
    return std::nullopt;
  index.value = *value;
  // `i + 0` is `i`, so that later code sees one form of a plain index.
  if (least == 0 && index.value == 0)
    index.kind = IndexExpr::Kind::Plain;
  return index;
}
