//===-- test/unit/Dialect/AttributesTest.cpp - what no text can say -------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Constraints of attributes that the assembly cannot break.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/IR/Diagnostics.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace recur;

namespace {
class Attributes : public ::testing::Test {
protected:
  Attributes() { context.loadDialect<RecurDialect>(); }

  MLIRContext context;
  std::string message;
  ScopedDiagnosticHandler handler{&context, [this](Diagnostic &diagnostic) {
                                    message = diagnostic.str();
                                    return success();
                                  }};
  std::function<InFlightDiagnostic()> emit = [this]() {
    return emitError(UnknownLoc::get(&context));
  };
  StringAttr name(StringRef text) { return StringAttr::get(&context, text); }
};

// (I1) as many sizes as dims
TEST_F(Attributes, SpaceHasASizeForEachDim) {
  EXPECT_FALSE(SpaceAttr::getChecked(emit, &context, {name("t"), name("d")},
                                     {ShapedType::kDynamic}, 0u, false, -1));
  EXPECT_EQ(message, "expected as many sizes as dims, found 1 for 2");
}

// (H2) there is at least one start
TEST_F(Attributes, StateHasAStart) {
  EXPECT_FALSE(StateAttr::getChecked(emit, &context, name("h"), {},
                                     Float32Type::get(&context), {}));
  EXPECT_EQ(message, "expected a start value for state 'h'");
}

// (O2) only a final result has a lag
TEST_F(Attributes, OnlyFinalResultsHaveLags) {
  EXPECT_FALSE(
      ResultAttr::getChecked(emit, &context, name("y"), {}, StringAttr(), 2u));
  EXPECT_EQ(message, "expected the lag of result 'y' to be 1, found 2");
}
} // namespace
