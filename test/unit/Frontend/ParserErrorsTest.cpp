//===-- ParserErrorsTest.cpp - what the parser refuses --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests every error of the parser with its place, and the limits.
#include "SpecTest.h"

using namespace recur::spec;

namespace {

struct WrongSpec {
  const char *name;
  std::string text;
  /// All that is reported, at its place.
  const char *errors;
};

/// For the names of the tests.
void PrintTo(const WrongSpec &spec, std::ostream *os) { *os << spec.name; }

class ParserErrors : public testing::TestWithParam<WrongSpec> {};

TEST_P(ParserErrors, AreReported) {
  EXPECT_EQ(errorsOf(GetParam().text), GetParam().errors);
}

const WrongSpec wrongSpecs[] = {
    // Anything but a definition or a recurrence at the top.
    {"NotARecurrence", "recurence f over t",
     "1:1: expected 'recurrence', 'monoid' or 'def', found 'recurence'; did you mean "
     "'recurrence'?\n"},
    {"EmptyFile", "# nothing\n",
     "2:1: expected a recurrence, found end of file\n"},
    {"NoName", "recurrence over t () -> () {}",
     "1:12: expected the recurrence's name, found 'over', which is a "
     "keyword\n"},
    {"KeywordAsName", "recurrence f over t (state[b]) -> (y[t]) {}",
     "1:22: expected an argument's name, found 'state', which is a keyword\n"},
    {"NoOver", "recurrence f (x[t]) -> (y[t]) {}",
     "1:14: expected 'over' and the name of the time index, found '('\n"},
    {"NoTime", "recurrence f over (x[t]) -> (y[t]) {}",
     "1:19: expected the name of the time index, found '('\n"},
    {"NoArguments", "recurrence f over t -> (y[t]) {}",
     "1:21: expected '(' and the arguments, found '->'\n"},
    // `x` alone could be a scalar or a forgotten list of indices.
    {"ArgumentWithoutIndices",
     "recurrence f over t (x, z[t]) -> (y[t]) { y = z }",
     "1:23: expected '[' and the indices of 'x', found ','; a scalar is "
     "written x[]\n"},
    // Each argument is reported.
    {"TwoArgumentsWrong",
     "recurrence f over t (x, z: f32, w[t]) -> (y[t]) { y = w }",
     "1:23: expected '[' and the indices of 'x', found ','; a scalar is "
     "written x[]\n"
     "1:26: expected '[' and the indices of 'z', found ':'; a scalar is "
     "written z[]\n"},
    {"ArgumentsWithoutComma",
     "recurrence f over t (x[t] z[t]) -> (y[t]) { y = x }",
     "1:27: expected ')' or ',' in the arguments, found 'z'\n"},
    {"NoArrow", "recurrence f over t (x[t]) (y[t]) { y = x }",
     "1:28: expected '->' and the results, found '('\n"},
    {"NoResults", "recurrence f over t (x[t]) -> () { }",
     "1:32: expected a result, found ')'\n"},
    {"FinalWithIndices",
     "recurrence f over t (x[t]) -> (final h[b]) { state h[] h = x }",
     "1:39: expected ',' or ')', found '['; a final state has the state's own "
     "indices\n"},
    {"FinalLagZero",
     "recurrence f over t (x[t]) -> (final prev(h, 0)) { state h[] h = x }",
     "1:46: expected a lag of at least 1, found '0'\n"},
    {"NoBody", "recurrence f over t (x[t]) -> (y[t])",
     "1:37: expected '{' and the body, found end of file\n"},
    {"NoClosingBrace",
     "recurrence f over t (x[t]) -> (y[t]) { y = x\n"
     "recurrence g over t (x[t]) -> (y[t]) { y = x }",
     "2:1: expected '}' at the end of the body, found 'recurrence'\n"},
    {"UnknownDtype",
     "recurrence f over t (x[t]: float32, z[t]: bf61) -> (y[t]) { y = x }",
     "1:28: expected a dtype (bool, i8, i32, i64, f16, bf16, f32, f64, c64, "
     "c128), found 'float32'\n"
     "1:43: expected a dtype (bool, i8, i32, i64, f16, bf16, f32, f64, c64, "
     "c128), found 'bf61'; did you mean 'bf16'?\n"},
    {"NoDtype", "recurrence f over t (x[t]: ) -> (y[t]) { y = x }",
     "1:28: expected a dtype, found ')'\n"},
    {"IndexWithArithmeticInDeclaration",
     "recurrence f over t (x[t-1]) -> (y[t]) { y = x }",
     "1:25: expected ']' or ',', found '-'; a declaration has plain indices\n"},
    {"SizeZero", "recurrence f over t (x[t,n=0]) -> (y[t]) { y = x }",
     "1:28: expected a size of at least 1, found '0'\n"},
    {"SizeNotANumber", "recurrence f over t (x[t,n=m]) -> (y[t]) { y = x }",
     "1:28: expected a size of at least 1, found 'm'\n"},
    {"SizeTooLarge",
     "recurrence f over t (x[t,n=99999999999999999999]) -> (y[t]) { y = x }",
     "1:28: expected a size up to 1099511627776, found "
     "'99999999999999999999'\n"},
    {"UnclosedIndices", "recurrence f over t (x[t) -> (y[t]) { y = x }",
     "1:25: expected ']' or ',', found ')'\n"},
    {"StatementExpected", withBody("  + x"),
     "2:3: expected a statement or '}', found '+'\n"},
    {"StatementMisspelt",
     withBody("  stat h[b]\n"
              "  y = x"),
     "2:3: expected a statement, found 'stat'; did you mean 'state'?\n"},
    {"AssignmentWithoutEqual", withBody("  y x"),
     "2:5: expected '=' after 'y', found 'x'\n"},
    {"ForgottenOperator", withBody("  y = A x"),
     "2:9: expected an operator or a statement, found 'x'\n"},
    // Recovery goes on at the next line that starts a statement.
    {"TwoErrorsInTwoStatements",
     withBody("  y = x +\n"
              "  state h[b] = *\n"
              "  h = prev(h + 1)\n"
              "  z = (x"),
     "3:3: expected an expression, found 'state'\n"
     "3:16: expected a literal or the name of an argument to start at, found "
     "'*'\n"
     "4:14: expected ')' or ',', found '+'; prev takes a name, not an "
     "expression\n"
     "6:1: expected ')' or an operator, found '}'\n"},
    {"StateStartExpression",
     withBody("  state h[b] = 2 * x\n"
              "  y = x"),
     "2:18: expected a statement, found '*'; a state starts at a literal or at "
     "an argument\n"},
    {"StateStartMissing",
     withBody("  state h[b] =\n"
              "  y = x"),
     "3:3: expected a literal or the name of an argument to start at, found "
     "'y'\n"},
    {"StateStartNegatedName",
     withBody("  state h[b] = -x\n"
              "  y = x"),
     "2:17: expected a number, found 'x'\n"},
    {"HistoryWithoutEqual",
     withBody("  history x x0\n"
              "  y = x"),
     "2:13: expected '=' and the argument with its history, found 'x0'\n"},
    {"HistoryOfNumber",
     withBody("  history x = 0\n"
              "  y = x"),
     "2:15: expected an argument's name, found '0'\n"},
    {"GuessWithoutEqual",
     withBody("  guess h x\n"
              "  y = x"),
     "2:11: expected '=' and the argument with its trajectory, found 'x'\n"},
    {"GuessOfNumber",
     withBody("  guess h = 0\n"
              "  y = x"),
     "2:13: expected an argument's name, found '0'\n"},
    {"ResetWithoutIndices",
     withBody("  reset r\n"
              "  y = x"),
     "3:3: expected '[' and the indices of 'r', found 'y'; a scalar is written "
     "r[]\n"},
    {"SegmentsWithTwoIndices",
     withBody("  segments cu[s,q]\n"
              "  y = x"),
     "2:12: expected one index for the cumulative lengths 'cu', found 2\n"},
    {"ChainedComparison", withBody("  y = select(0 < x < 1, x, 0)"),
     "2:20: expected 'and', 'or' or the end of the comparison, found '<'; "
     "comparisons do not chain\n"},
    {"UnclosedParenthesis", withBody("  y = (x + 1"),
     "3:1: expected ')' or an operator, found '}'\n"},
    {"UnclosedCall", withBody("  y = exp(x y"),
     "2:13: expected ')' or ',' in the call of 'exp', found 'y'\n"},
    {"PrevOfExpression", withBody("  y = prev(x + 1)"),
     "2:14: expected ')' or ',', found '+'; prev takes a name, not an "
     "expression\n"},
    {"PrevOfNumber", withBody("  y = prev(1)"),
     "2:12: expected the name of a state or an argument, found '1'\n"},
    {"PrevLagZero", withBody("  y = prev(x, 0)"),
     "2:15: expected a lag of at least 1, found '0'\n"},
    {"PrevLagNotInteger", withBody("  y = prev(x, 1.5)"),
     "2:15: expected a lag of at least 1, found '1.5'\n"},
    {"PrevLagTooLarge", withBody("  y = prev(x, 100000)"),
     "2:15: expected a lag up to 65536, found '100000'\n"},
    {"IndexIsExpression", withBody("  y = A[b, 2*b]"),
     "2:13: expected ']' or ',', found '*'; an index is i, i+k, i-k, i/k, i%k "
     "or a constant\n"},
    {"IndexIsSum", withBody("  y = A[b, b/2+1]"),
     "2:15: expected ']' or ',', found '+'; an index is i, i+k, i-k, i/k, i%k "
     "or a constant\n"},
    {"IndexNegative", withBody("  y = A[b, -1]"),
     "2:12: expected an index, found '-'\n"},
    {"IndexFraction", withBody("  y = A[b, 0.5]"),
     "2:12: expected a constant index of at least 0, found '0.5'\n"},
    {"IndexDividedByZero", withBody("  y = A[b/0, 0]"),
     "2:11: expected an integer of at least 1, found '0'\n"},
    {"IndexPlusName", withBody("  y = A[b+n, 0]"),
     "2:11: expected an integer of at least 0, found 'n'\n"},
    {"NumberTooLarge", withBody("  y = 1e999"),
     "2:7: expected a number that fits f64, found '1e999'\n"},
    {"DefinitionWithoutBody",
     "def g(x)\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = x }",
     "2:1: expected '=' and the function's expression, found 'recurrence'\n"},
    {"DefinitionParameter",
     "def g(1) = 2\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = x }",
     "1:7: expected a parameter's name or ')', found '1'\n"},
    {"ReductionUnclosed", withBody("  y = sum(n: A"),
     "3:1: expected ')' or an operator, found '}'\n"},
    {"PowerOperator", withBody("  y = x^2"),
     "2:8: unexpected '^'; there is no power operator; multiply, or use exp "
     "and log\n"},
};

INSTANTIATE_TEST_SUITE_P(All, ParserErrors, testing::ValuesIn(wrongSpecs),
                         [](const auto &info) { return info.param.name; });

// A wrong file reports the first errors and says that it stops.
TEST(ParserLimits, StopsAfterTwentyErrors) {
  std::string body;
  for (int i = 0; i < 100; ++i)
    body += "z = )\n";
  Reading reading(withBody(body));
  ASSERT_EQ(reading.diagnostics.all().size(), 21u);
  EXPECT_EQ(reading.diagnostics.all().back().message,
            "too many errors, stopping here");
}

// Depth is an error and not the end of the stack.
TEST(ParserLimits, RefusesDeepNesting) {
  for (const char *open : {"(", "-", "not ", "exp(", "sum(n: "}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i)
      deep += open;
    Reading reading(withBody("y = " + deep));
    EXPECT_EQ(reading.diagnostics.all().at(0).message,
              "expected at most 200 levels of nesting, found more")
        << open;
  }
}

TEST(ParserLimits, RefusesLongChains) {
  std::string sum = "x";
  for (int i = 0; i < 100000; ++i)
    sum += " + x";
  Reading reading(withBody("y = " + sum));
  EXPECT_EQ(reading.diagnostics.all().at(0).message,
            "expected an expression of at most 500 operators in a row, found a "
            "longer one");
}

// The text, the line and the caret, as every compiler prints them.
TEST(ParserErrors, PrintWithLineAndCaret) {
  Reading reading(withBody("  y = x +"));
  std::string printed;
  llvm::raw_string_ostream os(printed);
  reading.diagnostics.print(reading.sources, os);
  EXPECT_EQ(printed, "a.recur:3:1: error: expected an expression, found '}'\n"
                     "}\n^\n");
}

} // namespace
