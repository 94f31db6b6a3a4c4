//===-- CheckerTest.cpp - what names, indices and dtypes mean -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Tests what the checker makes of correct specs.
#include "SpecTest.h"

using namespace recur::spec;

namespace {

/// The dtype of `expression` over x: f32, w: f64, k: i32, l: i64, u: bf16,
/// c: c64 and m: bool.
std::string dtypeOf(const std::string &expression, const char *result) {
  Reading reading("recurrence f over t (x[t], w[t]: f64, k[t]: i32, l[t]: i64, "
                  "u[t]: bf16, c[t]: c64, m[t]: bool) -> (y[t]: " +
                  std::string(result) + ") { y = " + expression + " }");
  if (!reading.program)
    return reading.errors();
  const Value *value = reading.recurrence().results[0].value;
  // Under the conversion to the result's dtype.
  if (value->kind == Value::Kind::Convert)
    value = value->operands[0];
  return name(value->dtype).str();
}

TEST(Checker, DtypesOfArithmetic) {
  EXPECT_EQ(dtypeOf("x + u", "f32"), "f32");
  EXPECT_EQ(dtypeOf("u * u", "f32"), "f32");
  EXPECT_EQ(dtypeOf("x + w", "f64"), "f64");
  EXPECT_EQ(dtypeOf("k + l", "f32"), "f32");
  EXPECT_EQ(dtypeOf("k * w", "f64"), "f64");
  EXPECT_EQ(dtypeOf("c * x", "c64"), "c64");
  EXPECT_EQ(dtypeOf("c * w", "c128"), "c128");
  EXPECT_EQ(dtypeOf("abs(c)", "f32"), "f32");
  EXPECT_EQ(dtypeOf("complex(w, 1)", "c128"), "c128");
  EXPECT_EQ(dtypeOf("select(m, k, l)", "i64"), "i64");
  EXPECT_EQ(dtypeOf("select(m, x, c)", "c64"), "c64");
  EXPECT_EQ(dtypeOf("m and x > 1", "bool"), "bool");
}

// A value is rounded once, into the result; a copy is not computed at all.
TEST(Checker, ResultsAreConvertedToTheirDtype) {
  EXPECT_EQ(dtypeOf("w * x", "bf16"), "f64");
  EXPECT_EQ(dtypeOf("l", "i64"), "i64");
  EXPECT_EQ(dtypeOf("x", "c128"), "f32");
}

// 0.1 in f32 is not 0.1: constants take the precision of what they meet.
TEST(Checker, ConstantsKeepTheirPrecision) {
  Reading reading("def scaled(v, s) = s * v\n"
                  "recurrence f over t (x[t], w[t]: f64) -> (y[t], z[t]: f64) "
                  "{ tenth = 1 / 10 y = scaled(x, tenth) z = scaled(w, tenth) "
                  "+ select(w > 0, 0.1, 0.2) }");
  ASSERT_EQ(reading.errors(), "");
  for (const Value &value : reading.recurrence().values)
    if (value.kind == Value::Kind::Convert)
      FAIL() << "a conversion at value " << value.id;
}

// Comparing token numbers as f32 would call 2^24 and 2^24 + 1 equal.
TEST(Checker, IntegersAreComparedAsIntegers) {
  Reading reading("recurrence f over t (k[t]: i64) -> (y[t]) { "
                  "y = select(k == prev(k) and k >= 3, 1, 0) }");
  ASSERT_EQ(reading.errors(), "");
  unsigned comparisons = 0;
  for (const Value &value : reading.recurrence().values)
    if (value.kind == Value::Kind::Operation &&
        (value.operation == Operation::Equal ||
         value.operation == Operation::GreaterEqual)) {
      ++comparisons;
      for (const Value *operand : value.operands)
        EXPECT_EQ(operand->dtype, Dtype::I64);
    }
  EXPECT_EQ(comparisons, 2u);
}

TEST(Checker, ConstantsAreFolded) {
  Reading reading(withBody("y = x * (2 * 3 + exp(0) - max(1, 5, 2))"));
  ASSERT_EQ(reading.errors(), "");
  const Value *product = reading.recurrence().results[0].value;
  ASSERT_EQ(product->operands[1]->kind, Value::Kind::Literal);
  EXPECT_EQ(product->operands[1]->literal, 2.0);
}

// Indices unite in operations and go in reductions.
TEST(Checker, IndicesOfValues) {
  Reading reading("recurrence f over t (u[b,t,d], A[d,n], B[b,t,n]) -> "
                  "(y[b,t,d]) { v = u * A * B y = sum(n: v) }");
  ASSERT_EQ(reading.errors(), "");
  const Recurrence &recurrence = reading.recurrence();
  auto set = [&](llvm::StringRef names) {
    DimSet all = 0;
    for (unsigned dim = 0; dim < recurrence.dims.size(); ++dim)
      if (names.contains(recurrence.dims[dim].name))
        all |= DimSet(1) << dim;
    return all;
  };
  const Value *sum = recurrence.results[0].value;
  EXPECT_EQ(sum->dims, set("bd"));
  EXPECT_EQ(sum->operands[0]->dims, set("bdn"));
}

// The reset and then the segments follow the arguments, wherever they are
// written.
TEST(Checker, OrderOfArguments) {
  Reading reading("recurrence f over t (x[t], h0[s]) -> (h[t], final h) { "
                  "segments cu[s] reset r[t] state h[] = h0 "
                  "h = prev(h) + x }");
  ASSERT_EQ(reading.errors(), "");
  const Recurrence &recurrence = reading.recurrence();
  std::string order;
  for (const Argument &argument : recurrence.arguments)
    order += argument.name + " ";
  EXPECT_EQ(order, "x h0 r cu ");
  EXPECT_EQ(recurrence.arguments[*recurrence.resetArgument].name, "r");
  EXPECT_EQ(recurrence.arguments[*recurrence.segmentsArgument].dtype,
            Dtype::I32);
}

// A final state has the index of segments before its own.
TEST(Checker, FinalStatesOfSegments) {
  Reading reading("recurrence f over t (x[t,d]) -> (final h, final prev(h, 2)) "
                  "{ segments cu[s] state h[d] h = prev(h) + x }");
  ASSERT_EQ(reading.errors(), "");
  const Recurrence &recurrence = reading.recurrence();
  const Result &last = recurrence.results[0], &before = recurrence.results[1];
  EXPECT_EQ(last.name, "h_last");
  EXPECT_EQ(before.name, "h_last_2");
  ASSERT_EQ(last.dims.size(), 2u);
  EXPECT_EQ(recurrence.dims[last.dims[0]].name, "s");
  EXPECT_EQ(recurrence.dims[last.dims[1]].name, "d");
  // Three values are kept for prev(h, 2) after the last step.
  EXPECT_EQ(recurrence.states[0].order, 3);
}

// prev adds to a lag that is written in the indices.
TEST(Checker, LagsAdd) {
  Reading reading("recurrence f over t (x[b,t,n=2]) -> (y[b,t]) { "
                  "state h[b] h = h[b,t-2] + prev(h[b,t-2], 3) "
                  "+ prev(x[b,t-1,0]) y = h }");
  ASSERT_EQ(reading.errors(), "");
  EXPECT_EQ(reading.recurrence().states[0].order, 5);
  EXPECT_EQ(reading.recurrence().arguments[0].maxLag, 2);
}

// In reverse the step before is at t + 1.
TEST(Checker, ReverseLags) {
  Reading reading("recurrence f over t reverse (x[t]) -> (y[t]) { "
                  "state h[] h = h[t+1] + x[t+3] y = h }");
  ASSERT_EQ(reading.errors(), "");
  EXPECT_EQ(reading.recurrence().states[0].order, 1);
  EXPECT_EQ(reading.recurrence().arguments[0].maxLag, 3);
}

// What a bare state means changes at its assignment, and nothing else does.
TEST(Checker, BareStateIsThisStep) {
  Reading reading(withBody("state h[b] h = prev(h) + x y = h"));
  ASSERT_EQ(reading.errors(), "");
  EXPECT_EQ(reading.recurrence().results[0].value,
            reading.recurrence().states[0].value);
}

// A reset may be an argument that the step reads as well.
TEST(Checker, ResetNamesAnArgument) {
  Reading reading("recurrence f over t (r[b,t]: bool, x[b,t]) -> (h[b,t]) "
                  "reset r[b,t] { state h[b] h = prev(h) + "
                  "select(r, 0, x) }");
  ASSERT_EQ(reading.errors(), "");
  EXPECT_EQ(reading.recurrence().arguments.size(), 2u);
  EXPECT_EQ(*reading.recurrence().resetArgument, 0u);
}

// Functions of the body come to those of the file.
TEST(Checker, DefinitionsOfTheBody) {
  Reading reading("def g(v) = 2 * v\n"
                  "recurrence f over t (x[t]) -> (y[t]) { "
                  "def k(v, w) = g(v) + w y = k(x, 1) }");
  EXPECT_EQ(reading.errors(), "");
}

// A declared order of indices lets a local be read elsewhere.
TEST(Checker, LocalsWithIndices) {
  Reading reading("recurrence f over t (x[t,i=2,j=2], z[t,i]) -> (y[t,i]) { "
                  "v[i] = z * 2 y = sum(j: x * v[j]) }");
  EXPECT_EQ(reading.errors(), "");
}

// Index names and values do not clash: DESIGN's `B[b,t,h/8,n]` beside a state
// h.
TEST(Checker, IndicesAndValuesHaveNamesOfTheirOwn) {
  Reading reading("recurrence f over t (B[t,g,n], x[t,h,n]) -> (h[t,h,n]) { "
                  "state h[h,n] h = prev(h) + B[t,h/8,n] * x }");
  EXPECT_EQ(reading.errors(), "");
}

} // namespace
