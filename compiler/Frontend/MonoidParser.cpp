//===-- MonoidParser.cpp - the monoids of a spec --------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Parses `monoid`, whose words are names everywhere else.
#include "compiler/Frontend/ParserImpl.h"

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

bool Parser::atMonoid() const {
  return at(TokenKind::Name) && peek().text == "monoid" &&
         peek(1).kind == TokenKind::Name;
}

bool Parser::acceptWord(StringRef word) {
  if (!at(TokenKind::Name) || peek().text != word)
    return false;
  take();
  return true;
}

/// START {',' START}
bool Parser::parseStarts(std::vector<StartDecl> &into) {
  do {
    std::optional<StartDecl> start = parseStart();
    if (!start)
      return false;
    into.push_back(*start);
  } while (accept(TokenKind::Comma) && !at(TokenKind::RightParen));
  return true;
}

/// MONOID := 'monoid' NAME '(' NAME {',' NAME} ')' [':' DTYPE] '{' ... '}'
bool Parser::parseMonoid() {
  take();
  MonoidDecl monoid;
  std::optional<Name> name = parseName("the monoid's name");
  if (!name || !expect(TokenKind::LeftParen, " and the members of its tuple"))
    return false;
  monoid.name = *name;
  do {
    std::optional<Name> member = parseName("a member's name");
    if (!member)
      return false;
    monoid.members.push_back(*member);
  } while (accept(TokenKind::Comma) && !at(TokenKind::RightParen));
  if (!expect(TokenKind::RightParen, " or ',' in the members") ||
      !parseDtype(monoid.dtype) || !expect(TokenKind::LeftBrace))
    return false;
  if (!parseMonoidBody(monoid) ||
      !expect(TokenKind::RightBrace, " at the end of the monoid"))
    return false;
  file.monoids.push_back(std::move(monoid));
  return true;
}

/// 'identity' STARTS ['where' EXPR {',' EXPR}]
/// 'combine' '(' NAME ',' NAME ')' '{' {ASSIGNMENT} '}'
bool Parser::parseMonoidBody(MonoidDecl &monoid) {
  if (!acceptWord("identity"))
    return expected("'identity' and the neutral tuple");
  if (!parseStarts(monoid.identity))
    return false;
  if (acceptWord("where")) {
    do {
      Expr *condition = parseExpression();
      if (!condition)
        return false;
      monoid.domain.push_back(condition);
    } while (accept(TokenKind::Comma));
  }
  if (!acceptWord("combine"))
    return expected(monoid.domain.empty() ? "'where' or 'combine'"
                                          : "'combine'",
                    "; write combine(p, q) { ... }");
  if (!expect(TokenKind::LeftParen, " and the names of the two tuples"))
    return false;
  std::optional<Name> earlier = parseName("the name of the earlier tuple");
  if (!earlier || !expect(TokenKind::Comma))
    return false;
  std::optional<Name> later = parseName("the name of the later tuple");
  if (!later || !expect(TokenKind::RightParen) ||
      !expect(TokenKind::LeftBrace, " and the members of the result"))
    return false;
  monoid.earlier = *earlier;
  monoid.later = *later;
  while (!atEnd() && !at(TokenKind::RightBrace)) {
    if (!at(TokenKind::Name))
      return expected("an assignment or '}'");
    if (!parseAssignment(monoid.combine))
      return false;
  }
  return expect(TokenKind::RightBrace, " at the end of 'combine'");
}
