//===-- CheckerErrorsTest.cpp - what the checker refuses ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests every error of the checker with its place, and the limits.
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

class CheckerErrors : public testing::TestWithParam<WrongSpec> {};

TEST_P(CheckerErrors, AreReported) {
  EXPECT_EQ(errorsOf(GetParam().text), GetParam().errors);
}

const WrongSpec wrongSpecs[] = {
    {"UnknownName", withBody("  y = xx"),
     "2:7: expected a declared name, found 'xx'\n"},
    {"UnknownNameNearArgument",
     "recurrence f over t (delta[t]) -> (y[t]) { y = dleta }",
     "1:48: expected a declared name, found 'dleta'; did you mean 'delta'?\n"},
    {"UnknownFunction", withBody("  y = sofplus(x)"),
     "2:7: expected a function, found 'sofplus'; did you mean 'softplus'?\n"},
    {"UnknownFunctionFarFromAll", withBody("  y = fourier(x)"),
     "2:7: expected a function, found 'fourier'\n"},
    {"FunctionAsValue", withBody("  y = exp"),
     "2:7: expected a value, found the function 'exp'; call it with '('\n"},
    {"IndexAsValue", withBody("  y = b"),
     "2:7: expected a value, found the index 'b'\n"},
    {"CallOfAnArgument", withBody("  y = x (1)"),
     "2:7: expected an operator after 'x', which is no function, found '('\n"},
    {"UseBeforeAssignment",
     withBody("  y = z\n"
              "  z = x"),
     "2:7: expected a value, found 'z' before its assignment\n"
     "3:3: note: 'z' is assigned here\n"},
    // The most common slip: the past must be asked for.
    {"StateBeforeAssignment",
     withBody("  state h[b]\n"
              "  h = h + x\n"
              "  y = h"),
     "3:7: expected a value, found the state 'h' before its assignment; write "
     "prev(h) for the step before\n"},
    {"AssignedTwice",
     withBody("  y = x\n"
              "  y = x"),
     "3:3: expected each name to be assigned once, found 'y' again\n"
     "2:3: note: 'y' is assigned here\n"},
    {"StateAssignedTwice",
     withBody("  state h[b]\n"
              "  h = x\n"
              "  h = x\n"
              "  y = h"),
     "4:3: expected each name to be assigned once, found 'h' again\n"
     "3:3: note: 'h' is assigned here\n"},
    {"ArgumentAssigned",
     withBody("  x = 1\n"
              "  y = x"),
     "2:3: expected a new name or a state, found the argument 'x'\n"
     "1:22: note: 'x' is declared here\n"},
    {"StateNotAssigned",
     withBody("  state h[b]\n"
              "  y = prev(h)"),
     "2:9: expected an assignment 'h = ...' of the state, found none\n"},
    {"ResultNotAssigned", withBody("  z = x"),
     "1:42: expected an assignment 'y = ...' of the result, found none\n"},
    // A name whose assignment is wrong is not reported again.
    {"ErrorsDoNotCascade",
     withBody("  z = nope\n"
              "  y = z + z"),
     "2:7: expected a declared name, found 'nope'\n"},
    {"TwoErrorsInOneExpression", withBody("  y = foo + bar"),
     "2:7: expected a declared name, found 'foo'\n"
     "2:13: expected a declared name, found 'bar'\n"},
    {"DuplicateArgument",
     "recurrence f over t (x[t], x[t]) -> (y[t]) { y = x }",
     "1:28: expected a new name, found 'x' again\n"
     "1:22: note: 'x' is declared here\n"},
    {"DuplicateResult", "recurrence f over t (x[t]) -> (y[t], y[t]) { y = x }",
     "1:38: expected results and arguments with different names, found 'y' "
     "again\n"
     "1:32: note: the other one is declared here\n"},
    {"ResultIsArgument", "recurrence f over t (x[t]) -> (x[t]) { }",
     "1:32: expected a result other than an argument, found 'x'\n"
     "1:22: note: 'x' is declared here\n"},
    {"StateIsArgument",
     withBody("  state x[b]\n"
              "  y = x"),
     "2:9: expected a new name, found 'x' again\n"
     "1:22: note: 'x' is declared here\n"},
    {"DuplicateRecurrence",
     "recurrence f over t (x[t]) -> (y[t]) { y = x }\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = x }",
     "2:12: expected a new name for a recurrence, found 'f' again\n"
     "1:12: note: 'f' is defined here\n"},
    // Results are told apart by name: that of `final h` is h_last.
    {"FinalNameClashes",
     "recurrence f over t (h_last[t]) -> (final h) { state h[] h = h_last }",
     "1:43: expected results and arguments with different names, found "
     "'h_last' again\n"
     "1:22: note: the other one is declared here\n"},
    {"NoTimeIndex", "recurrence f over t (x[b]) -> (y[b,t]) { y = x }",
     "1:19: expected an argument with the time index 't', found none\n"},
    {"ResultWithoutTime", "recurrence f over t (x[b,t]) -> (y[b]) { y = x }",
     "1:34: expected the time index 't' in the result 'y[b]', found none; the "
     "last value of a state is 'final NAME'\n"},
    {"StateWithTime",
     withBody("  state h[b,t]\n"
              "  h = x\n"
              "  y = h"),
     "2:13: expected a state without the index of time, found 't'; a state is "
     "a value at every step\n"},
    {"IndexTwice", "recurrence f over t (x[t,n,n]) -> (y[t]) { y = 1 }",
     "1:28: expected different indices, found 'n' twice\n"},
    {"SizesDisagree",
     "recurrence f over t (x[t,n=4], z[t,n=5]) -> (y[t]) { y = 1 }",
     "1:38: expected size 4 for 'n', found 5\n"
     "1:26: note: 'n' is declared here\n"},
    {"IndexWithoutSize",
     "recurrence f over t (x[t]) -> (y[t]) { state h[m] h = prev(h) + x y = "
     "max(m: h) }",
     "1:48: expected an argument with the index 'm' or a static size 'm=SIZE', "
     "found neither\n"},
    {"TrajectoryIndices",
     "recurrence f over t (x[b,t]) -> (h[t]) { state h[b] h = x }",
     "1:34: expected the indices of the state 'h[b]' and time, found 'h[t]'\n"},
    {"FinalOfUnknown",
     "recurrence f over t (x[t]) -> (final hh) { state h[] h = x }",
     "1:38: expected a state after 'final', found 'hh'\n"},
    {"FinalOfResult", "recurrence f over t (x[t]) -> (y[t], final y) { y = x }",
     "1:44: expected a state after 'final', found 'y'\n"},
    {"FinalDtype",
     "recurrence f over t (x[t]) -> (final h: bf16) { state h[] h = x }",
     "1:41: expected f32, the dtype of the state 'h', found bf16\n"},
    {"StateDtype",
     withBody("  state h[b]: bf16\n"
              "  h = x\n"
              "  y = h"),
     "2:15: expected f32, f64, c64, c128 or bool for a state, found bf16\n"},
    {"StartUnknown",
     withBody("  state h[b] = x0\n"
              "  h = x\n"
              "  y = h"),
     "2:16: expected an argument for a state to start at, found 'x0'\n"},
    {"StartOverTime",
     withBody("  state h[b] = x\n"
              "  h = x\n"
              "  y = h"),
     "2:16: expected a start without the time index, found 'x[b,t]'\n"},
    {"StartWithMoreIndices",
     withBody("  state h[b] = A\n"
              "  h = x\n"
              "  y = h"),
     "2:16: expected a start with indices of 'h[b]', found 'A[b,n]' with "
     "'n'\n"},
    {"StartDtype",
     "recurrence f over t (x[b,t], h0[b]: bf16) -> (h[b,t]) { state h[b] = h0 "
     "h = x }",
     "1:70: expected f32, the dtype of the state 'h', found 'h0: bf16'\n"},
    {"StartBoolForNumber",
     withBody("  state h[b] = true\n"
              "  h = x\n"
              "  y = h"),
     "2:16: expected a number for the state 'h', found bool\n"},
    {"StartNumberForBool",
     withBody("  state h[b]: bool = 1\n"
              "  h = x > 0\n"
              "  y = x"),
     "2:22: expected true or false for the state 'h', found a number\n"},
    {"TooManyStarts",
     withBody("  state h[b] = 1, 2, 3\n"
              "  h = prev(h) + prev(h, 2)\n"
              "  y = h"),
     "2:19: expected 1 start or 2 for the state 'h', of which the last 2 "
     "values are read, found 3\n"},
    // The message names the index that has to be reduced.
    {"SurplusIndex", withBody("  y = A * x"),
     "2:3: expected a value with the indices of 'y[b,t]', found one that also "
     "varies over 'n'; reduce it, as in sum(n: ...)\n"},
    {"SurplusIndexOfState",
     withBody("  state h[b]\n"
              "  h = A\n"
              "  y = h"),
     "3:3: expected a value with the indices of 'h[b]', found one that also "
     "varies over 'n'; reduce it, as in sum(n: ...)\n"},
    {"AssignmentIndices", withBody("  y[t,n] = x"),
     "2:3: expected the indices [b,t] as 'y' is declared, found [t,n]\n"},
    {"TooFewIndices", withBody("  y = A[b]"),
     "2:7: expected 2 indices for 'A[b,n]', found 1\n"},
    {"TooManyIndicesOfState",
     withBody("  state h[b]\n"
              "  h = h[b,t-1,n] + x\n"
              "  y = h"),
     "3:7: expected 1 index for 'h[b]' besides time, found 2\n"},
    {"UnknownIndex", withBody("  y = A[b,m]"),
     "2:11: expected a declared index, found 'm'\n"},
    {"UnknownReducedIndex", withBody("  y = sum(m: A)"),
     "2:11: expected a declared index, found 'm'\n"},
    {"TimeAtAnotherPosition", withBody("  y = A[t,0]"),
     "2:9: expected an index other than time, found 't' at a position that is "
     "not time's\n"},
    {"NoTimeAtItsPosition", withBody("  y = x[b,0]"),
     "2:11: expected 't' or 't-k' with a constant k, found a constant\n"},
    {"OtherIndexAtTime", withBody("  y = x[b,n]"),
     "2:11: expected 't' or 't-k' with a constant k, found 'n'\n"},
    {"FutureInput", withBody("  y = x[b,t+1]"),
     "2:11: expected 't' or 't-k' with a constant k, found a step that has not "
     "been computed yet\n"},
    // In reverse the step before is at t + 1.
    {"FutureInReverse",
     "recurrence f over t reverse (x[t]) -> (y[t]) { y = x[t-1] }",
     "1:54: expected 't' or 't+k' with a constant k, found a step that has not "
     "been computed yet\n"},
    {"TimeDivided", withBody("  y = x[b,t/2]"),
     "2:11: expected 't' or 't-k' with a constant k, found another operator\n"},
    {"LagTooLarge", withBody("  y = x[b,t-70000]"),
     "2:11: expected a lag of at most 65536, found 70000\n"},
    {"ConstantOutOfRange",
     "recurrence f over t (x[t], c[k=3]) -> (y[t]) { y = c[3] * x }",
     "1:54: expected a position below 3 for index 'k', found 3\n"},
    {"ShiftOutOfRange",
     "recurrence f over t (x[t,n=4]) -> (y[t,n]) { y = x[t,n+1] }",
     "1:54: expected a position below 4 for index 'n', found 4\n"},
    {"ShiftBelowZero",
     "recurrence f over t (x[t,n=4]) -> (y[t,n]) { y = x[t,n-1] }",
     "1:54: expected a position of at least 0 for index 'n', found -1\n"},
    {"DivisionOutOfRange",
     "recurrence f over t (x[t,h=8], B[t,g=2]) -> (y[t,h]) { y = B[t,h/3] }",
     "1:64: expected a position below 2 for index 'g', found 2\n"},
    {"RenamedIndexOfOtherSize",
     "recurrence f over t (x[t,i=2], W[i,j=3]) -> (y[t,i]) { y = sum(j: W * "
     "x[t,j]) }",
     "1:75: expected an index of size 2 for index 'i', found 'j' of size 3\n"},
    // Nothing would check such an index later.
    {"StateIndexWithoutSize",
     "recurrence f over t (x[t,i], W[i,j]) -> (h[t,i]) { state h[i] h = sum(j: "
     "W * h[t-1,j]) + x }",
     "1:84: expected an index of the same static size as 'i' (no static size), "
     "found 'j' (no static size)\n"},
    {"StateIndexComputed",
     "recurrence f over t (x[t,i=4]) -> (h[t,i]) { state h[i] h = h[t-1,i+1] + "
     "x }",
     "1:67: expected an index name or a constant for 'i' of 'h', found an "
     "expression; only arguments are read at computed positions\n"},
    {"StateConstantWithoutSize",
     "recurrence f over t (x[t,i]) -> (h[t,i]) { state h[i] h = h[t-1,0] + x }",
     "1:65: expected a static size of 'i' for a constant position in it, found "
     "none; write i=SIZE where it is declared\n"},
    {"LocalWithIndices",
     withBody("  z = A\n"
              "  y = z[b,0]"),
     "3:7: expected a bare name, found indices on 'z', whose indices have no "
     "declared order\n"
     "2:3: note: declare them here: z[...] = ...\n"},
    {"PrevOfLocal",
     withBody("  z = x\n"
              "  y = prev(z)"),
     "3:12: expected a state or an argument in prev, found 'z'; declare it "
     "with 'state z[...]' to keep its past\n"},
    {"PrevOfResult", withBody("  y = prev(y) + x"),
     "2:12: expected a state or an argument in prev, found 'y'; declare it "
     "with 'state y[...]' to keep its past\n"},
    {"LagOfLocal",
     withBody("  z[b] = x\n"
              "  y = z[b,t-1]"),
     "3:11: expected 't', found another step of 'z', which is not a state\n"},
    {"PrevWithoutTime", withBody("  y = sum(n: prev(A))"),
     "2:19: expected an argument with the index 't' in prev, found 'A', which "
     "does not change over time\n"},
    {"BoolInArithmetic", withBody("  y = (x > 0) * x"),
     "2:10: expected a number in '*', found bool; write select(condition, 1, "
     "0)\n"},
    {"BoolNegated", withBody("  y = -(x > 0)"),
     "2:11: expected a number in '-', found bool; write select(condition, 1, "
     "0)\n"},
    {"NumberInLogic", withBody("  y = select(x and x > 1, x, 0)"),
     "2:14: expected bool in 'and', found f32; compare it with a number\n"},
    {"NumberAsCondition", withBody("  y = select(x, x, 0)"),
     "2:14: expected bool in 'select', found f32; compare it with a number\n"},
    {"BoolAsResult", withBody("  y = x > 0"),
     "2:9: expected f32 for 'y', found bool; write select(condition, 1, 0)\n"},
    {"NumberAsBoolResult",
     "recurrence f over t (x[t]) -> (y[t]: bool) { y = x }",
     "1:50: expected bool for 'y', found f32; compare it with a number\n"},
    {"RealAsIntegerResult",
     "recurrence f over t (x[t]: i32) -> (y[t]: i32) { y = x + 1 }",
     "1:56: expected i32 for 'y', found f32; arithmetic gives real numbers\n"},
    {"IntegerNarrowed",
     "recurrence f over t (x[t]: i64) -> (y[t]: i32) { y = x }",
     "1:54: expected i32 for 'y', found i64; an integer is not narrowed\n"},
    {"ComplexAsRealResult",
     "recurrence f over t (x[t]: c64) -> (y[t]) { y = x }",
     "1:49: expected f32 for 'y', found c64; take real(), imag() or abs() of "
     "it\n"},
    {"ComplexOrdered",
     "recurrence f over t (x[t]: c64) -> (y[t]) { y = select(x < 1, 1, 0) }",
     "1:58: expected real numbers in '<', found c64; compare real(), imag() or "
     "abs()\n"},
    {"ComplexInRealFunction",
     "recurrence f over t (x[t]: c64) -> (y[t]) { y = sigmoid(x) }",
     "1:57: expected a real number in 'sigmoid', found c64; take real(), "
     "imag() or abs()\n"},
    {"ComplexMaximum",
     "recurrence f over t (x[t,n]: c64) -> (y[t]) { y = max(n: x) }",
     "1:58: expected a real number in 'max', found c64; take real(), imag() or "
     "abs()\n"},
    {"RealPartOfReal", withBody("  y = real(x)"),
     "2:12: expected a complex number in 'real', found f32\n"},
    {"ComplexOfComplex",
     "recurrence f over t (x[t]: c64) -> (y[t]: c64) { y = complex(x, 1) }",
     "1:62: expected a real number in 'complex', found c64; take real(), "
     "imag() or abs()\n"},
    {"BoolComparedWithNumber", withBody("  y = select((x > 0) == 1, x, 0)"),
     "2:22: expected two of a kind in '==', found bool and number\n"},
    {"BoolOrdered", withBody("  y = select((x > 0) < (x > 1), x, 0)"),
     "2:22: expected numbers in '<', found bool and bool\n"},
    {"BoolReduced", withBody("  y = sum(n: A > 0)"),
     "2:16: expected a number in 'sum', found bool; write select(condition, 1, "
     "0)\n"},
    {"WrongNumberOfArguments", withBody("  y = exp(x, x)"),
     "2:7: expected 1 argument of 'exp', found 2\n"},
    {"TooFewForMax", withBody("  y = max(x)"),
     "2:7: expected at least 2 arguments of 'max', found 1\n"},
    {"ReductionWithoutIndex", withBody("  y = sum(A)"),
     "2:7: expected an index to reduce, as in sum(n: expression), found a "
     "call\n"},
    {"UnknownReduction", withBody("  y = summ(n: A)"),
     "2:7: expected a reduction (sum, max, min, logsumexp), found 'summ'; did "
     "you mean 'sum'?\n"},
    {"ReductionOverTime", withBody("  y = sum(t: x)"),
     "2:11: expected an index other than time, found 't'; a state carries "
     "values over time\n"},
    {"ReductionTwice", withBody("  y = sum(n, n: A)"),
     "2:14: expected different indices, found 'n' twice\n"},
    // Nothing to reduce is a slip in a name, not a multiplication by the size.
    {"ReductionOfConstant", withBody("  y = sum(n: x)"),
     "2:14: expected an expression that varies over 'n', found one that varies "
     "over 'b'\n"},
    {"DefinitionCallsItself",
     "def g(x) = g(x - 1)\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = g(x) }",
     "1:12: expected functions that do not call themselves, found a call of "
     "'g' inside itself\n"
     "1:5: note: 'g' is defined here\n"},
    {"DefinitionsCallEachOther",
     "def a(x) = b(x)\n"
     "def b(x) = exp(a(x))\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = x }",
     "2:16: expected functions that do not call themselves, found a call of "
     "'a' inside itself\n"
     "1:5: note: 'a' is defined here\n"},
    {"DefinitionUsesAnArgument",
     "def g(value) = valeu * x\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = g(x) }",
     "1:16: expected a parameter of 'g', found 'valeu'; did you mean 'value'?\n"
     "1:24: expected a parameter of 'g', found 'x'\n"},
    {"DefinitionUsesPrev",
     "def g(v) = prev(v)\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = g(x) }",
     "1:12: expected no prev in a function, whose parameters are values; pass "
     "prev(v) to it instead\n"},
    {"DefinitionIndexesParameter",
     "def g(v) = v[t]\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = g(x) }",
     "1:12: expected a bare name, found indices on 'v'; a parameter is a "
     "value\n"},
    {"DefinitionTwice",
     "def g(v) = v\n"
     "def g(v) = v\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = g(x) }",
     "2:5: expected a new name for a function, found 'g' again\n"
     "1:5: note: 'g' is defined here\n"},
    {"DefinitionOfBuiltin",
     "def exp(v) = v\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = x }",
     "1:5: expected a new name for a function, found the built-in 'exp'\n"},
    {"DefinitionParameterTwice",
     "def g(v, v) = v\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = x }",
     "1:10: expected different parameters, found 'v' twice\n"},
    {"DefinitionArity",
     "def g(v) = v\n"
     "recurrence f over t (x[t]) -> (y[t]) { y = g(x, x) }",
     "2:44: expected 1 argument of 'g', found 2\n"
     "1:5: note: 'g' is defined here\n"},
    // The body is wrong for this argument: the call is shown as well.
    {"ErrorInsideACall",
     "def g(v) = sigmoid(v)\n"
     "def k(v) = g(v)\n"
     "recurrence f over t (x[t]: c64) -> (y[t]) { y = k(x) }",
     "1:20: expected a real number in 'sigmoid', found c64; take real(), "
     "imag() or abs()\n"
     "2:12: note: in this call of 'g'\n"
     "3:49: note: in this call of 'k'\n"},
    {"HistoryUnknown",
     withBody("  history x = x0\n"
              "  y = prev(x)"),
     "2:15: expected an argument that holds the history, found 'x0'\n"},
    {"HistoryOfConstant",
     withBody("  history A = x\n"
              "  y = x"),
     "2:11: expected an argument with the time index 't', found 'A[b,n]'\n"},
    {"HistoryShape",
     withBody("  history x = A\n"
              "  y = prev(x)"),
     "2:15: expected 'A[b,k=STEPS]' or 'A[b]' for the history of 'x', found "
     "'A[b,n]' without a static size\n"},
    {"HistoryDynamic",
     "recurrence f over t (x[b,t], p[b,k]) -> (y[b,t]) { history x = p y = "
     "prev(x) }",
     "1:64: expected 'p[b,k=STEPS]' or 'p[b]' for the history of 'x', found "
     "'p[b,k]' without a static size\n"},
    {"HistoryTooShort",
     "recurrence f over t (x[b,t], p[b,k=2]) -> (y[b,t]) { history x = p y = "
     "prev(x, 3) }",
     "1:62: expected a history of at least 3 steps, as 'x' is read 3 steps "
     "back, found 'p' with 2\n"},
    {"HistoryOfOneStepTooShort",
     "recurrence f over t (x[b,t], p[b]) -> (y[b,t]) { history x = p y = "
     "prev(x, 2) }",
     "1:58: expected a history of at least 2 steps, as 'x' is read 2 steps "
     "back, found 'p' with 1\n"},
    {"HistoryUnused",
     "recurrence f over t (x[b,t], p[b]) -> (y[b,t]) { history x = p y = x }",
     "1:58: expected prev(x) in the step, found a history that is not read\n"},
    {"HistoryTwice",
     "recurrence f over t (x[b,t], p[b]) -> (y[b,t]) { history x = p history x "
     "= p y = prev(x) }",
     "1:72: expected one history of 'x', found another\n"
     "1:58: note: the first is declared here\n"},
    {"HistoryDtype",
     "recurrence f over t (x[b,t]: bf16, p[b]) -> (y[b,t]) { history x = p y = "
     "prev(x) }",
     "1:68: expected bf16 as in 'x', found f32\n"},
    {"GuessUnknownState",
     "recurrence f over t (x[t], g[t]) -> (h[t]) {\n"
     "  state hold[]\n  guess hodl = g\n  hold = tanh(prev(hold) + x)\n"
     "  h = hold\n}",
     "3:9: expected a state to guess, found 'hodl'; did you mean 'hold'?\n"},
    {"GuessUnknownArgument",
     "recurrence f over t (x[t]) -> (h[t]) {\n"
     "  state h[]\n  guess h = g\n  h = tanh(prev(h) + x)\n}",
     "3:13: expected an argument with the guessed trajectory, found 'g'\n"},
    {"GuessWithoutTime",
     "recurrence f over t (x[b,t], g[b]) -> (h[b,t]) {\n"
     "  state h[b]\n  guess h = g\n  h = tanh(prev(h) + x)\n}",
     "3:13: expected the indices of the state 'h[b]' and time, found 'g[b]'\n"},
    {"GuessOfOtherIndices",
     "recurrence f over t (x[b,t], g[t]) -> (h[b,t]) {\n"
     "  state h[b]\n  guess h = g\n  h = tanh(prev(h) + x)\n}",
     "3:13: expected the indices of the state 'h[b]' and time, found 'g[t]'\n"},
    {"GuessTwice",
     "recurrence f over t (x[t], g[t]) -> (h[t]) {\n"
     "  state h[]\n  guess h = g\n  guess h = g\n"
     "  h = tanh(prev(h) + x)\n}",
     "4:9: expected one guess of 'h', found another\n"
     "3:9: note: the first is declared here\n"},
    {"GuessOfIntegers",
     "recurrence f over t (x[t], g[t]: i32) -> (h[t]) {\n"
     "  state h[]\n  guess h = g\n  h = tanh(prev(h) + x)\n}",
     "3:13: expected a real dtype for the guess of 'h', found i32\n"},
    {"GuessOfBools",
     "recurrence f over t (x[t]: bool, g[t]) -> (h[t]: bool) {\n"
     "  state h[]: bool\n  guess h = g\n  h = prev(h) or x\n}",
     "3:9: expected a state of f32 or f64 to guess, found 'h' of bool\n"},
    {"ResetWithoutTime",
     withBody("  reset r[b]\n"
              "  y = x"),
     "2:9: expected the time index 't' among the indices of the reset 'r', "
     "found [b]\n"},
    {"ResetTwice",
     withBody("  reset r[b,t]\n"
              "  reset q[b,t]\n"
              "  y = x"),
     "3:9: expected one reset, found another\n"
     "2:9: note: the first is declared here\n"},
    {"ResetComplex",
     withBody("  reset r[b,t]: c64\n"
              "  y = x"),
     "2:9: expected a real, integer or bool dtype for the reset 'r', found "
     "c64\n"},
    {"ResetIndexNotInState",
     "recurrence f over t (x[b,t]) -> (y[t,b]) { reset r[b,t] state h[] h = "
     "prev(h) + 1 y = h + x }",
     "1:63: expected the index 'b' of the reset 'r[b,t]' in the state 'h[]', "
     "found none\n"},
    {"ResetDeclaredOtherwise",
     "recurrence f over t (x[b,t], r[b,t]: bool) -> (y[t,b]) { reset r[t,b] y "
     "= x }",
     "1:64: expected 'r[b,t]: bool' as among the arguments, found another "
     "declaration\n"
     "1:30: note: the argument is declared here\n"},
    {"SegmentsTwice",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s] segments cv[q] y = "
     "x }",
     "1:64: expected one segments clause, found another\n"
     "1:49: note: the first is declared here\n"},
    {"SegmentsDtype",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s]: f32 y = x }",
     "1:49: expected i32 or i64 for the cumulative lengths 'cu', found f32\n"},
    {"SegmentsOverTime",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[t] y = x }",
     "1:52: expected an index that counts segments, found the time index "
     "'t'\n"},
    {"SegmentsIndexInStep",
     "recurrence f over t (x[t], h0[s]) -> (y[t]) { segments cu[s] y = x + h0 "
     "}",
     "1:70: expected a value of the step, found 'h0', which has the index of "
     "segments 's' and can only start a state\n"},
    {"SegmentsIndexUnused",
     "recurrence f over t (x[t], h0[s]) -> (y[t]) { segments cu[s] y = x }",
     "1:28: expected the index of segments 's' only where a state starts, "
     "found 'h0[s]'\n"},
    {"SegmentsIndexInState",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s] state h[s] h = x y "
     "= x }",
     "1:63: expected a state without the index of segments, found 's'; a state "
     "starts anew in every segment\n"},
    {"SegmentsIndexInResult",
     "recurrence f over t (x[t]) -> (y[t,s]) { segments cu[s] y = x }",
     "1:32: expected a result without the index of segments, found 'y[t,s]'; "
     "only final states have it\n"},
    {"SegmentsIndexAssigned",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s] z[s] = x y = z }",
     "1:57: expected an index of the step, found the index of segments 's'\n"},
    {"SegmentsRead",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s] y = x + cu }",
     "1:63: expected a value of the step, found the cumulative lengths 'cu'\n"},
    {"SegmentsReduced",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s] y = sum(s: x) }",
     "1:63: expected an index other than segments, found 's'; a state carries "
     "values over time\n"},
    {"SegmentsIndexInAccess",
     "recurrence f over t (x[t], w[n]) -> (y[t]) { segments cu[s] y = x + w[s] "
     "}",
     "1:71: expected an index of the step, found the index of segments 's'\n"},
    {"StaticTime", "recurrence f over t (x[t=8]) -> (y[t]) { y = x }",
     "1:24: expected no static size for the index of time 't', found 8\n"},
    {"StaticSegments",
     "recurrence f over t (x[t]) -> (y[t]) { segments cu[s=3] y = x }",
     "1:52: expected no static size for the index of segments 's', found 3\n"},
};

INSTANTIATE_TEST_SUITE_P(All, CheckerErrors, testing::ValuesIn(wrongSpecs),
                         [](const auto &info) { return info.param.name; });

// Functions that double their work at each level would fill the memory.
TEST(CheckerLimits, RefusesExplodingFunctions) {
  std::string text = "def g0(v) = v + v\n";
  for (int i = 1; i < 40; ++i) {
    std::string inner = "g" + std::to_string(i - 1);
    text += "def g" + std::to_string(i) + "(v) = " + inner + "(v) * " + inner +
            "(v)\n";
  }
  text += "recurrence f over t (x[t]) -> (y[t]) { y = g39(x) }";
  Reading reading(text);
  ASSERT_FALSE(reading.diagnostics.all().empty());
  EXPECT_EQ(reading.diagnostics.all()[0].message,
            "expected a step of at most 50000 operations, found more once its "
            "functions are expanded");
}

// Functions that call one another in a long chain would fill the stack.
TEST(CheckerLimits, RefusesLongChainsOfCalls) {
  std::string text = "def g0(v) = v\n";
  for (int i = 1; i < 5000; ++i)
    text += "def g" + std::to_string(i) + "(v) = -g" + std::to_string(i - 1) +
            "(v)\n";
  text += "recurrence f over t (x[t]) -> (y[t]) { y = g4999(x) }";
  Reading reading(text);
  ASSERT_FALSE(reading.diagnostics.all().empty());
  EXPECT_EQ(reading.diagnostics.all()[0].message,
            "expected calls nested less deeply");
}

TEST(CheckerLimits, RefusesMoreThan64Indices) {
  std::string indices = "t";
  for (int i = 0; i < 64; ++i)
    indices += ",i" + std::to_string(i);
  EXPECT_EQ(
      errorsOf("recurrence f over t (x[" + indices + "]) -> (y[t]) { y = 1 }"),
      "1:268: expected at most 64 different indices, found 'i63'\n");
}

} // namespace
