//===-- Parser.cpp - the declarations of a spec ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Parses recurrences, definitions and statements, and finds the place to go on
/// after an error.
#include "compiler/Frontend/Dtype.h"
#include "compiler/Frontend/ParserImpl.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

SpecFile recur::spec::parse(StringRef text, Diagnostics &diagnostics) {
  return Parser(text, diagnostics).run();
}

//===-- Tokens ------------------------------------------------------------===//

bool Parser::expected(const Twine &what, const Twine &advice) {
  diagnostics.error(peek().loc(),
                    "expected " + what + ", found " + peek().shown() + advice);
  return false;
}

bool Parser::expect(TokenKind kind, const Twine &context) {
  if (accept(kind))
    return true;
  return expected(spelling(kind) + context);
}

std::optional<Name> Parser::parseMember(StringRef what) {
  if (!at(TokenKind::Name))
    return parseName(what);
  Token token = take();
  return Name{token.text, token.loc()};
}

std::optional<Name> Parser::parseName(StringRef what) {
  if (at(TokenKind::Name) && peek().text.contains('.')) {
    expected(what, "; members are read, not declared");
    return std::nullopt;
  }
  if (at(TokenKind::Name)) {
    Token token = take();
    return Name{token.text, token.loc()};
  }
  bool isKeyword = llvm::is_contained(keywords(), peek().text);
  expected(what, isKeyword ? ", which is a keyword" : "");
  return std::nullopt;
}

std::optional<int64_t> Parser::parseInteger(StringRef what, int64_t minimum,
                                            int64_t maximum) {
  int64_t value = 0;
  if (at(TokenKind::Number)) {
    bool isInteger =
        peek().text.find_first_not_of("0123456789") == StringRef::npos;
    bool tooLarge = peek().text.getAsInteger(10, value);
    if (isInteger && !tooLarge && value >= minimum && value <= maximum) {
      take();
      return value;
    }
    if (isInteger && (tooLarge || value > maximum)) {
      expected(what + " up to " + Twine(maximum));
      return std::nullopt;
    }
  }
  expected(what + " of at least " + Twine(minimum));
  return std::nullopt;
}

//===-- Recovery ----------------------------------------------------------===//

/// Goes to the next recurrence or definition that starts a line.
void Parser::skipToTopLevel() {
  while (!atEnd() && !((at(TokenKind::KwRecurrence) || at(TokenKind::KwDef) ||
                        atMonoid()) &&
                       peek().startsLine))
    take();
}

bool Parser::startsStatement() const {
  switch (peek().kind) {
  case TokenKind::KwState:
  case TokenKind::KwHistory:
  case TokenKind::KwReset:
  case TokenKind::KwSegments:
  case TokenKind::KwDef:
    return true;
  case TokenKind::Name:
    return peek(1).kind == TokenKind::Equal ||
           peek(1).kind == TokenKind::LeftBracket || atGuess();
  default:
    return false;
  }
}

/// Goes to the next line that starts with a statement, or to the end of the
/// body. A brace or a recurrence that starts a line is taken for the end.
void Parser::skipToStatement() {
  while (!atEnd() && !at(TokenKind::RightBrace)) {
    if (peek().startsLine && (startsStatement() || at(TokenKind::KwRecurrence)))
      return;
    take();
  }
}

/// Goes to the next comma or `close` on the same level, or to a place where the
/// list has obviously ended.
void Parser::skipInList(TokenKind close) {
  unsigned depth = 0;
  while (!atEnd() && !at(TokenKind::LeftBrace) && !at(TokenKind::RightBrace) &&
         !at(TokenKind::KwRecurrence) && !at(TokenKind::Arrow)) {
    if (depth == 0 && (at(TokenKind::Comma) || at(close)))
      return;
    if (at(TokenKind::LeftParen) || at(TokenKind::LeftBracket))
      ++depth;
    if ((at(TokenKind::RightParen) || at(TokenKind::RightBracket)) && depth > 0)
      --depth;
    take();
  }
}

//===-- Top level ---------------------------------------------------------===//

SpecFile Parser::run() {
  for (size_t i = 0; i + 1 < tokens.size(); ++i)
    if (tokens[i].text == "monoid" && tokens[i].startsLine)
      monoidNames.insert(tokens[i + 1].text);
  while (!atEnd() && !diagnostics.isFull()) {
    if (at(TokenKind::KwDef)) {
      if (!parseDefinition(file.definitions))
        skipToTopLevel();
    } else if (at(TokenKind::KwRecurrence)) {
      if (!parseRecurrence())
        skipToTopLevel();
    } else if (atMonoid()) {
      if (!parseMonoid())
        skipToTopLevel();
    } else {
      StringRef known[] = {"recurrence", "monoid", "def"};
      expected("'recurrence', 'monoid' or 'def'",
               at(TokenKind::Name) ? didYouMean(peek().text, known) : "");
      skipToTopLevel();
    }
  }
  if (file.recurrences.empty() && !diagnostics.hasErrors())
    expected("a recurrence");
  return std::move(file);
}

bool Parser::parseRecurrence() {
  take();
  file.recurrences.emplace_back();
  RecurrenceDecl &recurrence = file.recurrences.back();
  std::optional<Name> name = parseName("the recurrence's name");
  if (!name || !expect(TokenKind::KwOver, " and the name of the time index"))
    return false;
  recurrence.name = *name;
  std::optional<Name> time = parseName("the name of the time index");
  if (!time)
    return false;
  recurrence.time = *time;
  recurrence.reverse = accept(TokenKind::KwReverse);
  if (!parseArguments(recurrence) ||
      !expect(TokenKind::Arrow, " and the results") ||
      !parseResults(recurrence))
    return false;
  while (at(TokenKind::KwReset) || at(TokenKind::KwSegments))
    if (!parseClause(recurrence))
      return false;
  if (!expect(TokenKind::LeftBrace, " and the body"))
    return false;
  parseBody(recurrence);
  recurrence.end = peek().loc();
  return expect(TokenKind::RightBrace, " at the end of the body");
}

bool Parser::parseArguments(RecurrenceDecl &recurrence) {
  if (!expect(TokenKind::LeftParen, " and the arguments"))
    return false;
  while (!at(TokenKind::RightParen)) {
    if (std::optional<TensorDecl> argument = parseTensor("an argument's name"))
      recurrence.arguments.push_back(std::move(*argument));
    else
      skipInList(TokenKind::RightParen);
    if (!accept(TokenKind::Comma))
      break;
  }
  return expect(TokenKind::RightParen, " or ',' in the arguments");
}

bool Parser::parseResults(RecurrenceDecl &recurrence) {
  if (!expect(TokenKind::LeftParen, " and the results"))
    return false;
  if (at(TokenKind::RightParen))
    return expected("a result");
  while (!at(TokenKind::RightParen)) {
    if (std::optional<ResultDecl> result = parseResult())
      recurrence.results.push_back(std::move(*result));
    else
      skipInList(TokenKind::RightParen);
    if (!accept(TokenKind::Comma))
      break;
  }
  return expect(TokenKind::RightParen, " or ',' in the results");
}

/// RESULT := TENSOR | 'final' NAME [':' DTYPE]
///         | 'final' 'prev' '(' NAME [',' LAG] ')' [':' DTYPE]
std::optional<ResultDecl> Parser::parseResult() {
  ResultDecl result;
  if (!accept(TokenKind::KwFinal)) {
    std::optional<TensorDecl> tensor = parseTensor("a result's name");
    if (!tensor)
      return std::nullopt;
    result.tensor = std::move(*tensor);
    return result;
  }
  result.isFinal = true;
  result.lagLoc = peek().loc();
  bool isPrevious =
      peek().text == "prev" && peek(1).kind == TokenKind::LeftParen;
  if (isPrevious) {
    take();
    take();
    result.lag = 1;
  }
  if (isPrevious ? !parseFinalPrevious(result) : !parseFinalName(result)) {
    // The list goes on behind the parenthesis of prev.
    if (isPrevious) {
      skipInList(TokenKind::RightParen);
      if (accept(TokenKind::Comma))
        skipInList(TokenKind::RightParen);
      accept(TokenKind::RightParen);
    }
    return std::nullopt;
  }
  if (at(TokenKind::LeftBracket)) {
    expected("',' or ')'", "; a final state has the state's own indices");
    return std::nullopt;
  }
  if (!parseDtype(result.tensor.dtype))
    return std::nullopt;
  return result;
}

bool Parser::parseFinalName(ResultDecl &result) {
  std::optional<Name> name = parseMember("a state's name");
  if (name)
    result.tensor.name = *name;
  return name.has_value();
}

/// NAME [',' LAG] ')' behind `final prev(`.
bool Parser::parseFinalPrevious(ResultDecl &result) {
  if (!parseFinalName(result))
    return false;
  if (accept(TokenKind::Comma)) {
    result.lagLoc = peek().loc();
    std::optional<int64_t> lag = parseInteger("a lag", 1, maximalLag);
    if (!lag)
      return false;
    result.lag = *lag;
  }
  return expect(TokenKind::RightParen, " or ','");
}

bool Parser::parseClause(RecurrenceDecl &recurrence) {
  return at(TokenKind::KwReset) ? parseReset(recurrence)
                                : parseSegments(recurrence);
}

//===-- Body --------------------------------------------------------------===//

void Parser::parseBody(RecurrenceDecl &recurrence) {
  while (!atEnd() && !at(TokenKind::RightBrace) && !diagnostics.isFull()) {
    if (at(TokenKind::KwRecurrence)) // A missing brace, told by the caller.
      return;
    if (!parseStatement(recurrence))
      skipToStatement();
  }
}

bool Parser::parseStatement(RecurrenceDecl &recurrence) {
  switch (peek().kind) {
  case TokenKind::KwState:
    return parseState(recurrence);
  case TokenKind::KwHistory:
    return parseHistory(recurrence);
  case TokenKind::KwReset:
  case TokenKind::KwSegments:
    return parseClause(recurrence);
  case TokenKind::KwDef:
    return parseDefinition(recurrence.definitions);
  case TokenKind::Name:
    return atGuess() ? parseGuess(recurrence) : parseAssignment(recurrence);
  default:
    break;
  }
  if (!recurrence.assignments.empty() && !peek().startsLine)
    return expected("an operator or a statement");
  return expected("a statement or '}'");
}

bool Parser::parseState(RecurrenceDecl &recurrence) {
  take();
  std::optional<TensorDecl> tensor = parseTensor("a state's name");
  if (!tensor)
    return false;
  StateDecl state;
  state.tensor = std::move(*tensor);
  state.monoid = std::exchange(pendingMonoid, std::nullopt);
  bool isTuple = state.monoid && at(TokenKind::Equal) &&
                 peek(1).kind == TokenKind::LeftParen;
  if (isTuple) {
    take();
    take();
    if (!parseStarts(state.starts) ||
        !expect(TokenKind::RightParen, " or ',' in the start of a tuple"))
      return false;
  } else if (accept(TokenKind::Equal)) {
    do {
      std::optional<StartDecl> start = parseStart();
      if (!start)
        return false;
      state.starts.push_back(*start);
    } while (accept(TokenKind::Comma));
    if (!at(TokenKind::RightBrace) && !startsStatement() && !atEnd())
      return expected("a statement",
                      "; a state starts at a literal or at an argument");
  }
  recurrence.statements.push_back(
      {Statement::Kind::State, unsigned(recurrence.states.size())});
  recurrence.states.push_back(std::move(state));
  return true;
}

/// START := ['-'] (NUMBER | 'inf') | 'nan' | 'true' | 'false' | NAME
std::optional<StartDecl> Parser::parseStart() {
  StartDecl start;
  start.loc = peek().loc();
  bool negative = accept(TokenKind::Minus);
  switch (peek().kind) {
  case TokenKind::Number: {
    Expr *number = parseNumber();
    if (!number)
      return std::nullopt;
    start.number = number->number;
    break;
  }
  case TokenKind::KwInf:
    take();
    start.number = std::numeric_limits<double>::infinity();
    break;
  case TokenKind::KwNan:
    take();
    start.number = std::numeric_limits<double>::quiet_NaN();
    break;
  case TokenKind::KwTrue:
  case TokenKind::KwFalse:
    if (!negative) {
      start.number = take().kind == TokenKind::KwTrue;
      start.isBoolean = true;
      break;
    }
    [[fallthrough]];
  case TokenKind::Name:
    // `state h[b] =` with nothing behind it: the next line is no start.
    if (!negative && !(peek().startsLine && startsStatement())) {
      Token token = take();
      start.argument = Name{token.text, token.loc()};
      break;
    }
    [[fallthrough]];
  default:
    expected(negative ? "a number"
                      : "a literal or the name of an argument to start at");
    return std::nullopt;
  }
  if (negative)
    start.number = -start.number;
  return start;
}

/// `KEYWORD NAME = ARGUMENT`: returns the two names.
std::optional<std::pair<Name, Name>> Parser::parseGiven(StringRef receiverIs,
                                                        StringRef argumentIs) {
  take();
  std::optional<Name> receiver = parseName(receiverIs);
  if (!receiver || !expect(TokenKind::Equal, argumentIs))
    return std::nullopt;
  std::optional<Name> given = parseName("an argument's name");
  if (!given)
    return std::nullopt;
  return std::pair(*receiver, *given);
}

bool Parser::parseHistory(RecurrenceDecl &recurrence) {
  auto names =
      parseGiven("an argument's name", " and the argument with its history");
  if (!names)
    return false;
  recurrence.statements.push_back(
      {Statement::Kind::History, unsigned(recurrence.histories.size())});
  recurrence.histories.push_back({names->first, names->second});
  return true;
}

/// `guess` is a name elsewhere.
bool Parser::atGuess() const {
  return at(TokenKind::Name) && peek().text == "guess" &&
         peek(1).kind == TokenKind::Name && !peek(1).startsLine;
}

bool Parser::parseGuess(RecurrenceDecl &recurrence) {
  auto names =
      parseGiven("a state's name", " and the argument with its trajectory");
  if (!names)
    return false;
  recurrence.statements.push_back(
      {Statement::Kind::Guess, unsigned(recurrence.guesses.size())});
  recurrence.guesses.push_back({names->first, names->second});
  return true;
}

bool Parser::parseReset(RecurrenceDecl &recurrence) {
  take();
  std::optional<TensorDecl> reset = parseTensor("the reset argument's name");
  if (!reset)
    return false;
  recurrence.statements.push_back(
      {Statement::Kind::Reset, unsigned(recurrence.resets.size())});
  recurrence.resets.push_back(std::move(*reset));
  return true;
}

bool Parser::parseSegments(RecurrenceDecl &recurrence) {
  take();
  std::optional<TensorDecl> tensor =
      parseTensor("the name of the cumulative lengths");
  if (!tensor)
    return false;
  if (tensor->indices.size() != 1) {
    diagnostics.error(tensor->name.loc,
                      "expected one index for the cumulative lengths '" +
                          tensor->name.text + "', found " +
                          Twine(tensor->indices.size()));
    return true;
  }
  recurrence.statements.push_back(
      {Statement::Kind::Segments, unsigned(recurrence.segments.size())});
  recurrence.segments.push_back(
      {tensor->name, tensor->indices.front(), tensor->dtype});
  return true;
}

bool Parser::parseAssignment(RecurrenceDecl &recurrence) {
  // `h = a b` on one line: the second name is a forgotten operator rather than
  // a broken assignment.
  if (!startsStatement() && !recurrence.assignments.empty() &&
      !peek().startsLine)
    return expected("an operator or a statement");
  Assignment assignment;
  StringRef words[] = {"state", "history", "guess", "reset", "segments", "def"};
  std::string advice = didYouMean(peek().text, words);
  Token token = take();
  if (token.text.contains('.')) {
    diagnostics.error(token.loc(), "expected the name of a whole tuple to "
                                   "assign to, found its member '" +
                                       token.text + "'");
    return false;
  }
  assignment.name = {token.text, token.loc()};
  if (at(TokenKind::LeftBracket)) {
    assignment.hasIndices = true;
    if (!parseIndexDecls(assignment.indices))
      return false;
  }
  if (!at(TokenKind::Equal)) {
    if (!advice.empty() && at(TokenKind::Name)) {
      diagnostics.error(token.loc(), "expected a statement, found '" +
                                         token.text + "'" + advice);
      return false;
    }
    return expected("'=' after '" + token.text + "'");
  }
  take();
  assignment.value = parseExpression();
  if (!assignment.value)
    return false;
  recurrence.statements.push_back(
      {Statement::Kind::Assignment, unsigned(recurrence.assignments.size())});
  recurrence.assignments.push_back(std::move(assignment));
  return true;
}

bool Parser::parseDefinition(std::vector<Definition> &into) {
  take();
  Definition definition;
  std::optional<Name> name = parseName("the function's name");
  if (!name || !expect(TokenKind::LeftParen, " and the parameters"))
    return false;
  definition.name = *name;
  while (!at(TokenKind::RightParen)) {
    std::optional<Name> parameter = parseName("a parameter's name or ')'");
    if (!parameter)
      return false;
    definition.parameters.push_back(*parameter);
    if (!accept(TokenKind::Comma))
      break;
  }
  if (!expect(TokenKind::RightParen, " or ',' in the parameters") ||
      !expect(TokenKind::Equal, " and the function's expression"))
    return false;
  definition.body = parseExpression();
  if (!definition.body)
    return false;
  into.push_back(std::move(definition));
  return true;
}

//===-- Tensors -----------------------------------------------------------===//

/// TENSOR := NAME '[' [INDEX {',' INDEX}] ']' [':' DTYPE]
std::optional<TensorDecl> Parser::parseTensor(StringRef what) {
  TensorDecl tensor;
  std::optional<Name> name = parseName(what);
  if (!name)
    return std::nullopt;
  tensor.name = *name;
  if (!at(TokenKind::LeftBracket)) {
    expected("'[' and the indices of '" + name->text + "'",
             "; a scalar is written " + name->text + "[]");
    return std::nullopt;
  }
  if (!parseIndexDecls(tensor.indices) || !parseDtype(tensor.dtype))
    return std::nullopt;
  return tensor;
}

bool Parser::parseIndexDecls(std::vector<IndexDecl> &into) {
  if (!expect(TokenKind::LeftBracket))
    return false;
  while (!at(TokenKind::RightBracket)) {
    IndexDecl index;
    std::optional<Name> name = parseName("an index name or ']'");
    if (!name)
      return false;
    index.name = *name;
    if (accept(TokenKind::Equal)) {
      index.sizeLoc = peek().loc();
      index.size = parseInteger("a size", 1, int64_t(1) << 40);
      if (!index.size)
        return false;
    }
    into.push_back(index);
    if (!accept(TokenKind::Comma))
      break;
  }
  if (accept(TokenKind::RightBracket))
    return true;
  bool isArithmetic = at(TokenKind::Plus) || at(TokenKind::Minus) ||
                      at(TokenKind::Slash) || at(TokenKind::Percent);
  return expected("']' or ','",
                  isArithmetic ? "; a declaration has plain indices" : "");
}

bool Parser::parseDtype(std::optional<Name> &into) {
  if (!accept(TokenKind::Colon))
    return true;
  std::optional<Name> dtype = parseName("a dtype");
  if (!dtype)
    return false;
  if (monoidNames.contains(dtype->text)) {
    pendingMonoid = dtype;
    return true;
  }
  if (!dtypeFromName(dtype->text)) {
    std::string all;
    for (StringRef known : dtypeNames())
      all += (all.empty() ? "" : ", ") + known.str();
    diagnostics.error(dtype->loc, "expected a dtype (" + all + "), found '" +
                                      dtype->text + "'" +
                                      didYouMean(dtype->text, dtypeNames()));
    return true;
  }
  into = dtype;
  return true;
}
