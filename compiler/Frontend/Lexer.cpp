//===-- Lexer.cpp - tokens of the spec language ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Splits the text of a spec into tokens.
#include "compiler/Frontend/Lexer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

using namespace recur::spec;
using llvm::StringRef;

namespace {

struct Keyword {
  StringRef text;
  TokenKind kind;
};

constexpr Keyword keywordTable[] = {
    {"recurrence", TokenKind::KwRecurrence},
    {"over", TokenKind::KwOver},
    {"reverse", TokenKind::KwReverse},
    {"def", TokenKind::KwDef},
    {"state", TokenKind::KwState},
    {"final", TokenKind::KwFinal},
    {"reset", TokenKind::KwReset},
    {"segments", TokenKind::KwSegments},
    {"history", TokenKind::KwHistory},
    {"and", TokenKind::KwAnd},
    {"or", TokenKind::KwOr},
    {"not", TokenKind::KwNot},
    {"true", TokenKind::KwTrue},
    {"false", TokenKind::KwFalse},
    {"inf", TokenKind::KwInf},
    {"nan", TokenKind::KwNan},
};

/// Longer spellings first, so that '->' is not read as '-' '>'.
constexpr Keyword punctuationTable[] = {
    {"->", TokenKind::Arrow},        {"==", TokenKind::EqualEqual},
    {"!=", TokenKind::NotEqual},     {"<=", TokenKind::LessEqual},
    {">=", TokenKind::GreaterEqual}, {"(", TokenKind::LeftParen},
    {")", TokenKind::RightParen},    {"[", TokenKind::LeftBracket},
    {"]", TokenKind::RightBracket},  {"{", TokenKind::LeftBrace},
    {"}", TokenKind::RightBrace},    {",", TokenKind::Comma},
    {":", TokenKind::Colon},         {"=", TokenKind::Equal},
    {"+", TokenKind::Plus},          {"-", TokenKind::Minus},
    {"*", TokenKind::Star},          {"/", TokenKind::Slash},
    {"%", TokenKind::Percent},       {"<", TokenKind::Less},
    {">", TokenKind::Greater},
};

/// What people write from habit and how Recur says it. Where it stands for a
/// token, the parser gets that one, so that it finds no second error there.
struct Habit {
  StringRef text, advice;
  TokenKind meant = TokenKind::EndOfFile;
};
constexpr Habit habitTable[] = {
    {"**", "there is no power operator; multiply, or use exp and log",
     TokenKind::Star},
    {"^", "there is no power operator; multiply, or use exp and log",
     TokenKind::Star},
    {"&&", "write 'and'", TokenKind::KwAnd},
    {"||", "write 'or'", TokenKind::KwOr},
    {"!", "write 'not'", TokenKind::KwNot},
    {"//", "comments start with '#'"},
    {"/*", "comments start with '#'"},
    {";", "statements need no separator"},
    {"?", "write select(condition, a, b)"},
};

bool isNameStart(char c) { return llvm::isAlpha(c) || c == '_'; }
bool isNamePart(char c) { return llvm::isAlnum(c) || c == '_'; }

class Lexer {
public:
  Lexer(StringRef text, Diagnostics &diagnostics)
      : text(text), diagnostics(diagnostics) {}

  std::vector<Token> run() {
    while (true) {
      skipSpace();
      if (position == text.size() || diagnostics.isFull())
        break;
      next();
    }
    // The end of file sits after the last token rather than after trailing
    // blank lines, where a caret would point at nothing.
    size_t end =
        tokens.empty() ? text.size() : tokens.back().text.end() - text.begin();
    add(TokenKind::EndOfFile, text.substr(end, 0));
    return std::move(tokens);
  }

private:
  void skipSpace() {
    while (position < text.size()) {
      char c = text[position];
      if (c == '\n')
        startsLine = true;
      else if (c == '#') {
        position = std::min(text.find('\n', position), text.size());
        continue;
      } else if (c != ' ' && c != '\t' && c != '\r')
        return;
      ++position;
    }
  }

  void next() {
    StringRef rest = text.substr(position);
    char c = rest.front();
    if (isNameStart(c)) {
      StringRef word = rest.take_while(isNamePart);
      // The member of a tuple is one word with it.
      StringRef tail = rest.substr(word.size());
      if (tail.size() > 1 && tail[0] == '.' && isNameStart(tail[1]))
        word = rest.take_front(word.size() + 1 +
                               tail.drop_front().take_while(isNamePart).size());
      TokenKind kind = TokenKind::Name;
      for (const Keyword &keyword : keywordTable)
        if (keyword.text == word)
          kind = keyword.kind;
      add(kind, word);
      position += word.size();
      return;
    }
    if (llvm::isDigit(c) ||
        (c == '.' && rest.size() > 1 && llvm::isDigit(rest[1])))
      return number(rest);
    for (const Habit &habit : habitTable)
      if (rest.starts_with(habit.text) && !rest.starts_with("!=")) {
        diagnostics.error(here(),
                          "unexpected '" + habit.text + "'; " + habit.advice);
        bool isComment = habit.text == "//" || habit.text == "/*";
        if (habit.meant != TokenKind::EndOfFile)
          add(habit.meant, rest.take_front(habit.text.size()));
        position = isComment ? std::min(text.find('\n', position), text.size())
                             : position + habit.text.size();
        return;
      }
    for (const Keyword &punctuation : punctuationTable)
      if (rest.starts_with(punctuation.text)) {
        add(punctuation.kind, rest.take_front(punctuation.text.size()));
        position += punctuation.text.size();
        return;
      }
    unknown(rest);
  }

  /// Digits, an optional fraction, an optional exponent. `1x` is an error and
  /// not two tokens: it is a forgotten '*' or a name that starts with a digit.
  void number(StringRef rest) {
    size_t size = 0;
    auto digits = [&] {
      while (size < rest.size() && llvm::isDigit(rest[size]))
        ++size;
    };
    digits();
    if (size < rest.size() && rest[size] == '.') {
      ++size;
      digits();
    }
    if (size < rest.size() && (rest[size] == 'e' || rest[size] == 'E')) {
      size_t exponent = size + 1;
      if (exponent < rest.size() &&
          (rest[exponent] == '+' || rest[exponent] == '-'))
        ++exponent;
      if (exponent < rest.size() && llvm::isDigit(rest[exponent])) {
        size = exponent;
        digits();
      }
    }
    StringRef digitsOnly = rest.take_front(size);
    StringRef tail = rest.substr(size).take_while(
        [](char c) { return isNamePart(c) || c == '.'; });
    if (!tail.empty()) {
      StringRef whole = rest.take_front(size + tail.size());
      diagnostics.error(here(), "expected a number, found '" + whole + "'");
    }
    add(TokenKind::Number, digitsOnly);
    position += size + tail.size();
  }

  void unknown(StringRef rest) {
    // Show a whole UTF-8 character; anything else as the byte it is.
    unsigned size = llvm::getNumBytesForUTF8(rest.front());
    const auto *bytes = reinterpret_cast<const llvm::UTF8 *>(rest.data());
    if (size > 1 && size <= rest.size() &&
        llvm::isLegalUTF8Sequence(bytes, bytes + size)) {
      diagnostics.error(here(),
                        "unexpected character '" + rest.take_front(size) + "'");
      position += size;
      return;
    }
    char c = rest.front();
    if (llvm::isPrint(c))
      diagnostics.error(here(),
                        "unexpected character '" + llvm::Twine(c) + "'");
    else
      diagnostics.error(here(), "unexpected byte 0x" +
                                    llvm::utohexstr((unsigned char)c));
    // A run of bytes that are not text is one error, not one a byte.
    ++position;
    while (position < text.size() && !llvm::isPrint(text[position]) &&
           !llvm::isSpace(text[position]))
      ++position;
  }

  void add(TokenKind kind, StringRef spelled) {
    tokens.push_back({kind, spelled, startsLine});
    startsLine = false;
  }

  llvm::SMLoc here() const {
    return llvm::SMLoc::getFromPointer(text.data() + position);
  }

  StringRef text;
  Diagnostics &diagnostics;
  size_t position = 0;
  bool startsLine = true;
  std::vector<Token> tokens;
};

} // namespace

std::string Token::shown() const {
  if (kind == TokenKind::EndOfFile)
    return "end of file";
  return ("'" + text + "'").str();
}

StringRef recur::spec::spelling(TokenKind kind) {
  switch (kind) {
  case TokenKind::EndOfFile:
    return "end of file";
  case TokenKind::Name:
    return "a name";
  case TokenKind::Number:
    return "a number";
  default:
    break;
  }
  static const auto quoted = [] {
    std::vector<std::pair<TokenKind, std::string>> all;
    for (const Keyword &keyword : keywordTable)
      all.push_back({keyword.kind, ("'" + keyword.text + "'").str()});
    for (const Keyword &keyword : punctuationTable)
      all.push_back({keyword.kind, ("'" + keyword.text + "'").str()});
    return all;
  }();
  for (const auto &[candidate, shown] : quoted)
    if (candidate == kind)
      return shown;
  return "a token";
}

std::vector<Token> recur::spec::lex(StringRef text, Diagnostics &diagnostics) {
  return Lexer(text, diagnostics).run();
}

llvm::ArrayRef<StringRef> recur::spec::keywords() {
  static const auto words = [] {
    std::vector<StringRef> all;
    for (const Keyword &keyword : keywordTable)
      all.push_back(keyword.text);
    return all;
  }();
  return words;
}
