//===-- LexerTest.cpp - tokens of the spec language -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests the lexer: tokens, comments, and what it refuses.
#include "compiler/Frontend/Lexer.h"
#include "SpecTest.h"

using namespace recur::spec;

namespace {

/// The tokens of `text` between bars, then the errors.
std::string tokensOf(llvm::StringRef text) {
  Diagnostics diagnostics;
  std::string shown;
  for (const Token &token : lex(text, diagnostics))
    if (token.kind != TokenKind::EndOfFile)
      shown += token.text.str() + "|";
  for (const Diagnostic &diagnostic : diagnostics.all())
    shown += " " + diagnostic.message;
  return shown;
}

// Two-character punctuation is one token, whatever stands next to it.
TEST(Lexer, SplitsPunctuation) {
  EXPECT_EQ(tokensOf("a->b==c!=d<=e>=f<g>h"),
            "a|->|b|==|c|!=|d|<=|e|>=|f|<|g|>|h|");
  EXPECT_EQ(tokensOf("h[b,t-1]:c64=-inf"), "h|[|b|,|t|-|1|]|:|c64|=|-|inf|");
}

// White space, line ends of both kinds and comments only separate.
TEST(Lexer, SkipsSpaceAndComments) {
  EXPECT_EQ(tokensOf("a # -> b\r\n\t c#\n#"), "a|c|");
  EXPECT_EQ(tokensOf(""), "");
}

// A comment may hold anything, also bytes that are no UTF-8.
TEST(Lexer, AcceptsAnyByteInComments) {
  EXPECT_EQ(tokensOf("a # \xce\xb1\xff\x01\nb"), "a|b|");
}

TEST(Lexer, ReadsNumbers) {
  EXPECT_EQ(tokensOf("1 1.5 .5 1. 1e3 2.5E-3 1e+2"),
            "1|1.5|.5|1.|1e3|2.5E-3|1e+2|");
}

// `2x` is a forgotten operator and not two tokens.
TEST(Lexer, RefusesLettersAfterNumbers) {
  EXPECT_EQ(tokensOf("2x"), "2| expected a number, found '2x'");
  EXPECT_EQ(tokensOf("1.2.3"), "1.2| expected a number, found '1.2.3'");
  EXPECT_EQ(tokensOf("1e"), "1| expected a number, found '1e'");
}

TEST(Lexer, ExplainsHabitsOfOtherLanguages) {
  EXPECT_EQ(tokensOf("a ** b"),
            "a|**|b| unexpected '**'; there is no power operator; multiply, or "
            "use exp and log");
  EXPECT_EQ(tokensOf("a && b"), "a|&&|b| unexpected '&&'; write 'and'");
  EXPECT_EQ(tokensOf("!a"), "!|a| unexpected '!'; write 'not'");
  EXPECT_EQ(tokensOf("a // b\nc"),
            "a|c| unexpected '//'; comments start with '#'");
  EXPECT_EQ(tokensOf("a;"), "a| unexpected ';'; statements need no separator");
}

// One error a character in UTF-8, one a run of bytes that are none.
TEST(Lexer, ShowsUnknownCharacters) {
  EXPECT_EQ(tokensOf("\xce\xb1"), " unexpected character '\xce\xb1'");
  EXPECT_EQ(tokensOf("@"), " unexpected character '@'");
  EXPECT_EQ(tokensOf("\xff\xfe\xfd"), " unexpected byte 0xFF");
  EXPECT_EQ(tokensOf(llvm::StringRef("a\0b", 3)), "a|b| unexpected byte 0x0");
  EXPECT_EQ(tokensOf("\xe2\x82"), " unexpected byte 0xE2");
}

// Keywords are no names, but may start one.
TEST(Lexer, KnowsKeywords) {
  Diagnostics diagnostics;
  std::vector<Token> tokens = lex("state states State", diagnostics);
  EXPECT_EQ(tokens[0].kind, TokenKind::KwState);
  EXPECT_EQ(tokens[1].kind, TokenKind::Name);
  EXPECT_EQ(tokens[2].kind, TokenKind::Name);
}

} // namespace
