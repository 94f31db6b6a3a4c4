//===-- MonoidErrorsTest.cpp - what is refused of a monoid ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests the errors of monoids, of the states that hold their tuples, and of
/// the assignments that combine them, with their places.
#include "SpecTest.h"

using namespace recur::spec;

namespace {

struct WrongSpec {
  const char *name;
  std::string text;
  const char *errors;
};

void PrintTo(const WrongSpec &spec, std::ostream *os) { *os << spec.name; }

class MonoidErrors : public testing::TestWithParam<WrongSpec> {};

TEST_P(MonoidErrors, AreReported) {
  EXPECT_EQ(errorsOf(GetParam().text), GetParam().errors);
}

/// A monoid over (n, m) with this body, which starts on line 2.
std::string withMonoid(const std::string &body) {
  return "monoid f(n, m) {\n" + body +
         "\n}\nrecurrence r over t (x[b,t]) -> (y[b,t]) {\n"
         "  y = x\n}";
}

/// A recurrence with this body, which starts on line 7.
std::string withTuple(const std::string &body) {
  return "monoid f(n, m) {\n  identity 0, 0\n"
         "  combine(p, q) { n = p.n + q.n\n m = p.m + q.m }\n}\n"
         "recurrence r over t (x[b,t]) -> (y[b,t]) {\n" +
         body + "\n}";
}

const WrongSpec wrongSpecs[] = {
    {"NoIdentity", withMonoid("  combine(p, q) { n = p.n\n m = p.m }"),
     "2:3: expected 'identity' and the neutral tuple, found 'combine'\n"},
    {"ShortIdentity",
     withMonoid("  identity 0\n  combine(p, q) { n = p.n\n m = p.m }"),
     "2:12: expected a number for each of the 2 members of 'f', found 1\n"},
    {"NamedIdentity",
     withMonoid("  identity 0, x\n  combine(p, q) { n = p.n\n m = p.m }"),
     "2:15: expected a number in the identity, found another\n"},
    {"NoCombine", withMonoid("  identity 0, 0"),
     "3:1: expected 'where' or 'combine', found '}'; write combine(p, q) { "
     "... }\n"},
    {"OneTuple", withMonoid("  identity 0, 0\n  combine(p) { n = p.n }"),
     "3:12: expected ',', found ')'\n"},
    {"SameTuple",
     withMonoid("  identity 0, 0\n  combine(p, p) { n = p.n\n m = p.m }"),
     "3:14: expected different names for the two tuples, found 'p' twice\n"},
    {"MissingMember",
     withMonoid("  identity 0, 0\n  combine(p, q) { n = p.n }"),
     "1:13: expected an assignment 'm = ...' in 'combine', found none\n"},
    {"UnknownMember",
     withMonoid("  identity 0, 0\n  combine(p, q) { n = p.k\n m = q.m }"),
     "3:23: expected a declared name, found 'p.k'; did you mean 'p.m'?\n"},
    {"BoolMember",
     withMonoid("  identity 0, 0\n  combine(p, q) { n = p.n > 0\n m = q.m }"),
     "3:19: expected f32 for 'n', found bool; write select(condition, 1, 0)\n"},
    {"MemberTwice",
     "monoid f(n, n) {\n  identity 0, 0\n  combine(p, q) { n = p.n }\n}\n"
     "recurrence r over t (x[t]) -> (y[t]) { y = x }",
     "1:13: expected different members, found 'n' twice\n"},
    {"NumberAsDomain",
     withMonoid("  identity 0, 0\n  where n + 1\n"
                "  combine(p, q) { n = p.n\n m = p.m }"),
     "3:11: expected a condition on the members of 'f', found f32; compare it "
     "with a number\n"},
    {"ComplexMembers",
     "monoid f(n): c64 {\n  identity 0\n  combine(p, q) { n = p.n }\n}\n"
     "recurrence r over t (x[t]) -> (y[t]) { y = x }",
     "1:14: expected f32 or f64 for the members of a tuple, found c64\n"},
    {"BuiltIn",
     "monoid exp(n) {\n  identity 0\n  combine(p, q) { n = p.n }\n}\n"
     "recurrence r over t (x[t]) -> (y[t]) { y = x }",
     "1:8: expected a new name for a monoid, found the function 'exp'\n"},
    {"NameTaken",
     "monoid r(n) {\n  identity 0\n  combine(p, q) { n = p.n }\n}\n"
     "recurrence r over t (x[t]) -> (y[t]) { y = x }",
     "5:12: expected a new name for a recurrence, found 'r' again\n"
     "1:8: note: 'r' is defined here\n"},
    {"IndicesInCombine",
     withMonoid("  identity 0, 0\n  combine(p, q) { n = p.n[b]\n m = p.m }"),
     "3:23: expected a bare name, found indices on 'p.n', whose indices have "
     "no "
     "declared order\n1:10: note: declare them here: p.n[...] = ...\n"},
    // States and assignments.
    {"AnotherExpression", withTuple("  state s[b]: f\n  s = x\n  y = s.n"),
     "8:7: expected 'f(prev(s), (...))' or 'f((...), prev(s))' for the tuple "
     "'s', found another expression\n"},
    {"NoPast", withTuple("  state s[b]: f\n  s = f((x, x), (x, x))\n  y = s.n"),
     "8:7: expected 'f(prev(s), (...))' or 'f((...), prev(s))' for the tuple "
     "'s', found another expression\n"},
    {"ShortTuple", withTuple("  state s[b]: f\n  s = f(prev(s), x)\n  y = s.n"),
     "8:18: expected a tuple of the 2 members of 'f', found 1\n"},
    {"ShortStart",
     withTuple("  state s[b]: f = (0, 0, 0)\n"
               "  s = f(prev(s), (x, 1))\n  y = s.n"),
     "7:20: expected a start for each of the 2 members of 'f', found 3\n"},
    {"TupleAsNumber",
     withTuple("  state s[b]: f\n  s = f(prev(s), (x, 1))\n  y = s"),
     "9:7: expected a number, found the tuple 's'; read a member of it, as in "
     "s.n\n"},
    {"MemberBefore",
     withTuple("  state s[b]: f\n  y = s.n\n  s = f(prev(s), (x, 1))"),
     "8:7: expected a value, found the state 's.n' before its assignment; "
     "write prev(s.n) for the step before\n"},
    {"LongAgo",
     withTuple("  state s[b]: f\n  s = f(prev(s), (x, 1))\n"
               "  y = prev(s.n, 2)"),
     "9:12: expected a lag of at most 1 for a member of a tuple, found 2\n"},
    {"AssignedMember", withTuple("  state s[b]: f\n  s.n = x\n  y = x"),
     "8:3: expected the name of a whole tuple to assign to, found its member "
     "'s.n'\n"},
    {"NotAssigned", withTuple("  state s[b]: f\n  y = x"),
     "7:9: expected an assignment 's = ...' of the state, found none\n"},
    {"NameOutside",
     withTuple("  state s[b]: f\n  state s_n[b]\n"
               "  s = f(prev(s), (x, 1))\n"
               "  s_n = prev(s_n) + x\n  y = s.n"),
     "8:9: expected no other 's_n', which names 's.n' outside of the spec, "
     "found one\n"},
    {"TupleInAStep", withTuple("  y = (x, x)"),
     "7:7: expected a value, found a tuple; only monoids combine tuples\n"},
    {"CallInAStep", withTuple("  y = f(x, x) + 1"),
     "7:7: expected a number, found a tuple of the monoid 'f'; assign it to a "
     "state, as in state s[...]: f\n"},
    {"SurplusIndex",
     "monoid f(n) {\n  identity 0\n  combine(p, q) { n = p.n + q.n }\n}\n"
     "recurrence r over t (x[b,t,d]) -> (y[b,t]) {\n"
     "  state s[b]: f\n  s = f(prev(s), x)\n  y = s.n\n}",
     "7:18: expected a value with the indices of 's.n[b]', found one that also "
     "varies over 'd'\n"},
};

INSTANTIATE_TEST_SUITE_P(Specs, MonoidErrors, testing::ValuesIn(wrongSpecs),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
