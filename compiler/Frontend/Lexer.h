//===-- Lexer.h - tokens of the spec language -------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Splits the text of a spec into tokens.
#ifndef RECUR_COMPILER_FRONTEND_LEXER_H
#define RECUR_COMPILER_FRONTEND_LEXER_H

#include "compiler/Frontend/Diagnostics.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace recur::spec {

enum class TokenKind {
  EndOfFile,
  Name,
  Number,
  // Keywords.
  KwRecurrence,
  KwOver,
  KwReverse,
  KwDef,
  KwState,
  KwFinal,
  KwReset,
  KwSegments,
  KwHistory,
  KwAnd,
  KwOr,
  KwNot,
  KwTrue,
  KwFalse,
  KwInf,
  KwNan,
  // Punctuation.
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  LeftBrace,
  RightBrace,
  Comma,
  Colon,
  Equal,
  Arrow,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  EqualEqual,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
};

struct Token {
  TokenKind kind = TokenKind::EndOfFile;
  llvm::StringRef text;
  /// First token of its line. Line breaks mean nothing to the grammar; the
  /// parser uses this only to find where to go on after an error.
  bool startsLine = false;

  llvm::SMLoc loc() const { return llvm::SMLoc::getFromPointer(text.data()); }
  /// How a message shows the token: `'text'` or `end of file`.
  std::string shown() const;
};

/// The spelling of a kind of token as messages quote it, such as `'->'` or
/// `a name`.
llvm::StringRef spelling(TokenKind kind);

/// All tokens of `text`, ending with EndOfFile. A character that starts no
/// token is reported and skipped, a malformed number is reported and becomes 0.
std::vector<Token> lex(llvm::StringRef text, Diagnostics &diagnostics);

/// The words that cannot be names.
llvm::ArrayRef<llvm::StringRef> keywords();

} // namespace recur::spec

#endif // RECUR_COMPILER_FRONTEND_LEXER_H
