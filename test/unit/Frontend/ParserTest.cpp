//===-- ParserTest.cpp - from text to tree --------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests what the parser makes of correct text.
#include "SpecTest.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace recur::spec;

namespace {

/// An expression with all its parentheses.
std::string shown(const Expr &expr) {
  static const char *operators[] = {
      "+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and", "or"};
  auto operand = [&](unsigned i) { return shown(*expr.operands[i]); };
  switch (expr.kind) {
  case Expr::Kind::Number:
  case Expr::Kind::Boolean: {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%g", expr.number);
    return text;
  }
  case Expr::Kind::Access:
    return expr.name.text.str() +
           (expr.hasIndices ? "[" + std::to_string(expr.indices.size()) + "]"
                            : "");
  case Expr::Kind::Previous:
    return "prev(" + expr.name.text.str() + "," + std::to_string(expr.lag) +
           ")";
  case Expr::Kind::Negate:
    return "(-" + operand(0) + ")";
  case Expr::Kind::Not:
    return "(not " + operand(0) + ")";
  case Expr::Kind::Binary:
    return "(" + operand(0) + " " + operators[int(expr.op)] + " " + operand(1) +
           ")";
  case Expr::Kind::Call: {
    std::string text = expr.name.text.str() + "(";
    for (unsigned i = 0; i < expr.operands.size(); ++i)
      text += (i ? "," : "") + operand(i);
    return text + ")";
  }
  case Expr::Kind::Reduction: {
    std::string text = expr.name.text.str() + "(";
    for (const Name &index : expr.reduced)
      text += index.text.str() + ":";
    return text + operand(0) + ")";
  }
  }
  return "";
}

/// The expression `text` as the parser nests it.
std::string parsed(const std::string &text) {
  Reading reading(withBody("v = " + text), /*checks=*/false);
  if (reading.diagnostics.hasErrors())
    return reading.errors();
  return shown(*reading.tree.recurrences.at(0).assignments.at(0).value);
}

TEST(Parser, PrecedenceFollowsArithmetic) {
  EXPECT_EQ(parsed("a + b * c - d"), "((a + (b * c)) - d)");
  EXPECT_EQ(parsed("a / b / c"), "((a / b) / c)");
  EXPECT_EQ(parsed("-a * b"), "((-a) * b)");
  EXPECT_EQ(parsed("--a"), "(-(-a))");
  EXPECT_EQ(parsed("(a + b) * c"), "((a + b) * c)");
}

// `not` binds weaker than comparisons, stronger than `and`, then `or`.
TEST(Parser, PrecedenceOfLogic) {
  EXPECT_EQ(parsed("a or b and not c < d + 1"),
            "(a or (b and (not (c < (d + 1)))))");
  EXPECT_EQ(parsed("not not a == b"), "(not (not (a == b)))");
}

// A colon tells `max(n: x)` from `max(a, b)`.
TEST(Parser, TellsReductionsFromCalls) {
  EXPECT_EQ(parsed("max(a, b)"), "max(a,b)");
  EXPECT_EQ(parsed("max(n: a)"), "max(n:a)");
  EXPECT_EQ(parsed("sum(i, j: a * b)"), "sum(i:j:(a * b))");
}

TEST(Parser, ReadsPrev) {
  EXPECT_EQ(parsed("prev(h)"), "prev(h,1)");
  EXPECT_EQ(parsed("prev(h, 2) + prev(x[b,t])"), "(prev(h,2) + prev(x,1))");
}

TEST(Parser, ReadsIndices) {
  Reading reading(withBody("v = B[b,t-2,h/8,n%4,i+1,3,k-0]"), false);
  ASSERT_EQ(reading.errors(), "");
  const Expr &access = *reading.tree.recurrences.at(0).assignments.at(0).value;
  using Kind = IndexExpr::Kind;
  std::vector<std::pair<Kind, int64_t>> found;
  for (const IndexExpr &index : access.indices)
    found.push_back({index.kind, index.value});
  std::vector<std::pair<Kind, int64_t>> expected = {
      {Kind::Plain, 0},  {Kind::Subtract, 2}, {Kind::Divide, 8},
      {Kind::Modulo, 4}, {Kind::Add, 1},      {Kind::Constant, 3},
      {Kind::Plain, 0}};
  EXPECT_EQ(found, expected);
}

// Line breaks only separate tokens: a statement ends where the next begins.
TEST(Parser, LineBreaksMeanNothing) {
  Reading reading("recurrence f over t(x[b,t])->(y[b,t]){state h[b]h=prev(h)\n"
                  "+\nx y=h}");
  EXPECT_EQ(reading.errors(), "");
  EXPECT_EQ(reading.tree.recurrences[0].assignments.size(), 2u);
}

TEST(Parser, ReadsClausesInTheHeadAndInTheBody) {
  Reading head("recurrence f over t (x[t]) -> (h[t]) reset r[t] segments cu[s] "
               "{ state h[] h = prev(h) + x }");
  EXPECT_EQ(head.errors(), "");
  Reading body("recurrence f over t (x[t]) -> (h[t]) { reset r[t] "
               "segments cu[s] state h[] h = prev(h) + x }");
  EXPECT_EQ(body.errors(), "");
  for (const Reading *reading : {&head, &body}) {
    EXPECT_EQ(reading->tree.recurrences[0].resets.size(), 1u);
    EXPECT_EQ(reading->tree.recurrences[0].segments.size(), 1u);
  }
}

TEST(Parser, ReadsStarts) {
  Reading reading(
      withBody("state h[b] = -inf state g[b] = 1, -2.5 state k[b] = nan "
               "state m[b]: bool = true state n[b] = x0"),
      false);
  ASSERT_EQ(reading.errors(), "");
  const auto &states = reading.tree.recurrences[0].states;
  EXPECT_EQ(states[0].starts[0].number,
            -std::numeric_limits<double>::infinity());
  EXPECT_EQ(states[1].starts[1].number, -2.5);
  EXPECT_TRUE(std::isnan(states[2].starts[0].number));
  EXPECT_TRUE(states[3].starts[0].isBoolean);
  EXPECT_EQ(states[4].starts[0].argument->text, "x0");
}

TEST(Parser, ReadsSeveralRecurrencesAndDefinitions) {
  Reading reading("def g(x) = x * x\n"
                  "recurrence a over t (x[t]) -> (y[t]) { y = g(x) }\n"
                  "recurrence b over t reverse (x[t]) -> (y[t]) { y = x }");
  EXPECT_EQ(reading.errors(), "");
  ASSERT_EQ(reading.tree.recurrences.size(), 2u);
  EXPECT_FALSE(reading.tree.recurrences[0].reverse);
  EXPECT_TRUE(reading.tree.recurrences[1].reverse);
}

// Lists may end in a comma, so that lines can be moved.
TEST(Parser, AcceptsTrailingCommas) {
  Reading reading("recurrence f over t (x[b,t,],) -> (y[b,t],) { y = x }");
  EXPECT_EQ(reading.errors(), "");
}

// The limits on nesting leave room for what people and programs write.
TEST(Parser, AcceptsDeepAndLongExpressions) {
  std::string deep = std::string(150, '(') + "x" + std::string(150, ')');
  EXPECT_EQ(Reading(withBody("y = " + deep)).errors(), "");
  std::string sum = "x";
  for (int i = 0; i < 400; ++i)
    sum += " + x";
  EXPECT_EQ(Reading(withBody("y = " + sum)).errors(), "");
}

} // namespace
