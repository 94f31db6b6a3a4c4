//===-- EquivalenceTest.cpp - rewritten recurrences compute the same ------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Interprets the example specs on random data before and after they are
/// rewritten into scans and newtons, and as one-step functions called once for
/// every time.
//===----------------------------------------------------------------------===//

#include "AnalysisTest.h"

#include <filesystem>
#include <map>
#include <random>
#include <set>

using namespace mlir;
using namespace recur;
using interpreter::Array;

namespace {

std::string getName(func::FuncOp function, unsigned argument) {
  return function.getArgAttrOfType<StringAttr>(argument, "recur.name").str();
}

constexpr int64_t steps = 19;

/// Sizes that no tile likes, but divisible where a spec divides.
int64_t getSize(llvm::StringRef dim) {
  static const std::map<std::string, int64_t> sizes = {
      {"t", steps}, {"b", 2}, {"d", 3}, {"h", 16}, {"g", 2}, {"s", 3}};
  auto it = sizes.find(dim.str());
  return it == sizes.end() ? 2 : it->second;
}

/// Random values in (0.1, 0.9), so that logarithms and quotients stay finite.
Array makeArgument(func::FuncOp function, unsigned number,
                   std::mt19937_64 &engine) {
  auto type = cast<RankedTensorType>(function.getArgument(number).getType());
  auto dims = function.getArgAttrOfType<ArrayAttr>(number, "recur.dims");
  std::vector<int64_t> shape;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    shape.push_back(type.isDynamicDim(axis)
                        ? getSize(cast<StringAttr>(dims[axis]).getValue())
                        : type.getDimSize(axis));
  auto recurrence = *function.getOps<RecurrenceOp>().begin();
  if (recurrence.getSegments() == function.getArgument(number)) {
    // An empty sequence among the others.
    Array lengths = Array::zeros({getSize("s") + 1});
    lengths.real() = {0, 5, 5, double(steps)};
    return lengths;
  }
  Array array = Array::zeros(shape, isa<ComplexType>(type.getElementType()));
  std::uniform_real_distribution<double> uniform(0.1, 0.9);
  bool isFlag = isa<IntegerType>(type.getElementType());
  if (array.isComplex()) {
    for (auto &value : array.complex())
      value = {uniform(engine), uniform(engine)};
  } else {
    for (double &value : array.real())
      value = isFlag ? double(engine() % 4 == 0) : uniform(engine);
  }
  return array;
}

std::vector<Array> makeArguments(func::FuncOp function) {
  std::mt19937_64 engine(7);
  std::vector<Array> arguments;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    arguments.push_back(makeArgument(function, i, engine));
  return arguments;
}

void expectNear(const Array &found, const Array &expected) {
  ASSERT_EQ(found.shape, expected.shape);
  ASSERT_EQ(found.isComplex(), expected.isComplex());
  double error = 0, norm = 0;
  auto add = [&](auto x, auto y) {
    if (x == y) // equal infinities too
      return;
    error += std::norm(x - y);
    norm += std::norm(y);
  };
  if (found.isComplex())
    for (int64_t i = 0; i < found.size(); ++i)
      add(found.complex()[i], expected.complex()[i]);
  else
    for (int64_t i = 0; i < found.size(); ++i)
      add(found.real()[i], expected.real()[i]);
  EXPECT_LE(error, 1e-22 * norm + 1e-28);
}

LogicalResult classify(ModuleOp module) {
  PassManager manager(&getContext());
  manager.addPass(createClassifyPass());
  manager.addPass(createLinearizePass());
  return manager.run(module);
}

//===----------------------------------------------------------------------===//
// Scans
//===----------------------------------------------------------------------===//

/// Compares the recurrence in `text` with the scan or newton it becomes.
void compareWithScan(const std::string &text, bool expectScan) {
  OwningOpRef<ModuleOp> before = parse(text), after = parse(text);
  ASSERT_TRUE(before && after);
  ASSERT_TRUE(succeeded(::classify(*after)));
  ASSERT_TRUE(succeeded(mlir::verify(after->getOperation())));
  func::FuncOp function = getFunction(*before), scanned = getFunction(*after);
  bool isScan = !scanned.getOps<ScanOp>().empty();
  EXPECT_EQ(isScan, expectScan);
  EXPECT_EQ(scanned.getOps<NewtonOp>().empty(), expectScan);
  std::vector<Array> arguments = makeArguments(function);
  auto expected = interpreter::interpret(function, arguments);
  auto found = interpreter::interpret(scanned, arguments);
  ASSERT_TRUE(succeeded(expected) && succeeded(found));
  for (size_t i = 0; i < expected->size(); ++i)
    expectNear((*found)[i], (*expected)[i]);
}

class ExampleSpec : public testing::TestWithParam<std::string> {};

TEST_P(ExampleSpec, ScanComputesTheSame) {
  // The cells that are not affine in their states.
  const std::set<std::string> nonlinear = {"cfc",
                                           "fitzhugh_nagumo",
                                           "gru",
                                           "gru_heads",
                                           "gru_reset_after",
                                           "indrnn",
                                           "kalman",
                                           "logistic_map",
                                           "lrcssm",
                                           "ltc",
                                           "ltc_fused",
                                           "mgu",
                                           "paragru",
                                           "paralstm",
                                           "peephole_lstm",
                                           "riccati",
                                           "slstm"};
  compareWithScan(readSpec(GetParam()), !nonlinear.count(GetParam()));
}

std::vector<std::string> listSpecs() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(RECUR_SPECS))
    if (entry.path().extension() == ".recur")
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}
INSTANTIATE_TEST_SUITE_P(Specs, ExampleSpec, testing::ValuesIn(listSpecs()),
                         [](const auto &info) { return info.param; });

// A reset in every structure, with starts that are not neutral.
TEST(Reset, IsFoldedIntoADiagonal) {
  compareWithScan("recurrence f over t (a[b,t], x[b,t], h0[b]) -> (y[b,t], "
                  "final h) reset r[b,t]: bool { state h[b] = h0\n"
                  "h = a * prev(h) + x\n y = h - prev(h) }",
                  true);
}
TEST(Reset, IsFoldedIntoABlockOfStates) {
  compareWithScan(
      "recurrence f over t (x[b,t], h0[b]) -> (h[b,t], final c) "
      "reset r[b,t]: bool { state c[b] = 2\n state h[b] = h0\n"
      "c = 0.5 * prev(c) - 0.3 * prev(h)\n h = 0.9 * prev(h) + c + x }",
      true);
}
TEST(Reset, IsFoldedIntoABlockOverDims) {
  compareWithScan("recurrence f over t (A[b,t,i=3,j=3], x[b,t,i], h0[b,i]) -> "
                  "(h[b,t,i]) reset r[b,t]: bool { state h[b,i] = h0\n"
                  "h = sum(j: A * h[b,t-1,j]) + x }",
                  true);
}
TEST(Reset, IsFoldedIntoMaxPlus) {
  compareWithScan("recurrence f over t (x[b,t], y[b,t], v0[b]) -> (v[b,t]) "
                  "reset r[b,t]: bool { state v[b] = v0\n"
                  "v = max(prev(v) - x, y - 1) }",
                  true);
}
TEST(Reset, InReverse) {
  compareWithScan("recurrence f over t reverse (a[b,t], x[b,t], h0[b]) -> "
                  "(h[b,t]) reset r[b,t]: bool { state h[b] = h0\n"
                  "h = a * prev(h) + x }",
                  true);
}

TEST(Reset, IsPartOfAStepThatIsNotAffine) {
  compareWithScan("recurrence f over t (x[b,t], h0[b], g0[b]) -> (h[b,t], "
                  "final g, y[b,t]) reset r[b,t]: bool { state h[b] = h0\n"
                  "state g[b] = g0\n g = tanh(prev(h, 2) + x)\n"
                  "h = prev(g) * g\n y = prev(h) - g }",
                  false);
}
TEST(Reset, IsPartOfAStepOverDims) {
  compareWithScan("recurrence f over t (A[b,t,i=3,j=3], x[b,t,i], h0[b,i]) -> "
                  "(h[b,t,i]) reset r[b,t]: bool { state h[b,i] = h0\n"
                  "h = tanh(sum(j: A * h[b,t-1,j]) + x) }",
                  false);
}

// Steps that use what the rules of ops say in less common ways.
TEST(Forms, DivisionCastsAndSelects) {
  compareWithScan("recurrence f over t (x[b,t]: bf16, m[b,t]: bool, y[b,t]) -> "
                  "(h[b,t]: f16) { state h[b]: f64\n"
                  "h = select(m, -(prev(h) - x) / y, (x + prev(h) * y) / 2) }",
                  true);
}
TEST(Forms, SumOverADimOfTheCoefficientOnly) {
  compareWithScan("recurrence f over t (w[b,t,n], x[b,t]) -> (h[b,t]) { "
                  "state h[b]\n h = 0.3 * sum(n: w * prev(h)) + x }",
                  true);
}
TEST(Forms, StateOfADifferentTimeInTheOutput) {
  compareWithScan("recurrence f over t (x[b,t,i=3]) -> (y[b,t]) { "
                  "state h[b,i]\n h = 0.5 * prev(h) + x\n"
                  "y = h[b,t-1,2] + sum(i: h) }",
                  true);
}

//===----------------------------------------------------------------------===//
// Single steps
//===----------------------------------------------------------------------===//

/// The part of `array` at time `t`, with its time dim of size 1.
Array takeStep(const Array &array, size_t axis, int64_t t) {
  std::vector<int64_t> shape = array.shape;
  int64_t outer = 1, inner = 1;
  for (size_t i = 0; i < shape.size(); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  int64_t length = shape[axis];
  shape[axis] = 1;
  Array result = Array::zeros(shape, array.isComplex());
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i)
      if (array.isComplex())
        result.complex()[o * inner + i] =
            array.complex()[(o * length + t) * inner + i];
      else
        result.real()[o * inner + i] =
            array.real()[(o * length + t) * inner + i];
  return result;
}

int findTime(ArrayAttr dims, llvm::StringRef time) {
  for (auto [i, dim] : llvm::enumerate(dims.getAsRange<StringAttr>()))
    if (dim.getValue() == time)
      return i;
  return -1;
}

/// Calls the step function of `text` for every time and compares with one call
/// of the whole. Starts and the past before the first step are zero.
void compareWithSteps(const std::string &text, bool classifySteps) {
  OwningOpRef<ModuleOp> module = parse(text);
  ASSERT_TRUE(module);
  PassManager manager(&getContext());
  manager.addPass(createMakeStepPass());
  if (classifySteps) {
    manager.addPass(createClassifyPass());
    manager.addPass(createLinearizePass());
  }
  ASSERT_TRUE(succeeded(manager.run(*module)));
  OwningOpRef<ModuleOp> original = parse(text);
  func::FuncOp whole = getFunction(*original);
  func::FuncOp step = getFunction(*module, whole.getName().str() + "_step");
  ASSERT_TRUE(step);
  std::vector<Array> arguments = makeArguments(whole);
  auto recurrence = *whole.getOps<RecurrenceOp>().begin();
  std::string time =
      recurrence.getSpace().getName(recurrence.getSpace().getTime()).str();
  auto expected = interpreter::interpret(whole, arguments);
  ASSERT_TRUE(succeeded(expected));

  std::map<std::string, Array> given; // by name of the whole's arguments
  std::map<std::string, int> timeAxis;
  for (unsigned i = 0; i < whole.getNumArguments(); ++i) {
    given[getName(whole, i)] = arguments[i];
    timeAxis[getName(whole, i)] =
        findTime(whole.getArgAttrOfType<ArrayAttr>(i, "recur.dims"), time);
  }
  // Results by name, of this call and of earlier ones.
  std::vector<std::map<std::string, Array>> calls;
  auto described = cast<RecurrenceOpInterface>(
      *llvm::find_if(step.getBody().front(), [](Operation &op) {
        return isa<RecurrenceOpInterface>(op);
      }));
  std::map<std::string, std::string> finals; // state -> result
  for (auto output : described.getOutputs().getAsRange<ResultAttr>())
    if (output.isFinal())
      finals[output.getFinalState().str()] = output.getName().str();

  for (int64_t t = 0; t < steps; ++t) {
    std::vector<Array> now;
    for (unsigned i = 0; i < step.getNumArguments(); ++i) {
      std::string name = getName(step, i);
      size_t cut = name.find("_before");
      if (cut == std::string::npos) {
        now.push_back(timeAxis[name] < 0
                          ? given[name]
                          : takeStep(given[name], timeAxis[name], t));
        continue;
      }
      std::string source = name.substr(0, cut);
      int64_t lag = cut + 7 < name.size() ? std::stoi(name.substr(cut + 7)) : 1;
      if (given.count(source) && timeAxis[source] >= 0) {
        Array past = takeStep(given[source], timeAxis[source],
                              std::max<int64_t>(0, t - lag));
        if (t < lag)
          past = Array::zeros(past.shape, past.isComplex());
        now.push_back(past);
      } else if (t >= lag) {
        now.push_back(calls[t - lag][finals[source]]);
      } else {
        std::vector<int64_t> shape;
        auto dims = step.getArgAttrOfType<ArrayAttr>(i, "recur.dims");
        auto type = cast<RankedTensorType>(step.getArgument(i).getType());
        for (auto [axis, dim] : llvm::enumerate(dims.getAsRange<StringAttr>()))
          shape.push_back(type.isDynamicDim(axis) ? getSize(dim.getValue())
                                                  : type.getDimSize(axis));
        now.push_back(
            Array::zeros(shape, isa<ComplexType>(type.getElementType())));
      }
    }
    auto results = interpreter::interpret(step, now);
    ASSERT_TRUE(succeeded(results));
    std::map<std::string, Array> byName;
    for (auto [i, array] : llvm::enumerate(*results))
      byName[described.getOutput(i).getName().str()] = array;
    for (auto [i, output] :
         llvm::enumerate(recurrence.getOutputs().getAsRange<ResultAttr>())) {
      SmallVector<Attribute> dims(output.getDims().begin(),
                                  output.getDims().end());
      int axis = findTime(ArrayAttr::get(&getContext(), dims), time);
      if (!output.isFinal())
        expectNear(byName[output.getName().str()],
                   takeStep((*expected)[i], axis, t));
      else if (t == steps - 1 && output.getLag() == 1)
        expectNear(byName[output.getName().str()], (*expected)[i]);
    }
    calls.push_back(std::move(byName));
  }
}

// States stay states: what the CPU path compiles.
TEST(Step, SelectiveScan) {
  compareWithSteps(readSpec("selective_scan"), false);
  compareWithSteps(readSpec("selective_scan"), true);
}
// Lagged inputs come from earlier calls.
TEST(Step, LaggedInputs) {
  std::string text =
      "recurrence f over t (x[b,t]) -> (h[b,t]) { state h[b]\n"
      "h = 0.5 * prev(h) + x + 0.3 * prev(x) - 0.2 * prev(x, 3) }";
  compareWithSteps(text, false);
  compareWithSteps(text, true);
}
// A state that is read two steps ago.
TEST(Step, Companion) {
  std::string text = "recurrence f over t (x[b,t]) -> (y[b,t], final y) { "
                     "state y[b]\n y = 0.5 * prev(y) - 0.25 * prev(y, 2) + x }";
  compareWithSteps(text, false);
  compareWithSteps(text, true);
}
// Not affine: the earlier state becomes an input, and a scan without
// recurrence remains.
TEST(Step, NonlinearCell) {
  std::string text =
      "recurrence f over t (x[b,t,d]) -> (y[b,t]) { state h[b,d]\n"
      "h = tanh(prev(h) + x) * prev(h) + x\n y = sum(d: h) }";
  compareWithSteps(text, false);
  compareWithSteps(text, true);
}
TEST(Step, BlockOverDims) {
  std::string text =
      "recurrence f over t (A[b,t,i=2,j=2], x[b,t,i]) -> (h[b,t,i]) { "
      "state h[b,i]\n h = sum(j: A * h[b,t-1,j]) + x }";
  compareWithSteps(text, false);
  compareWithSteps(text, true);
}
TEST(Step, ComplexState) { compareWithSteps(readSpec("s4d"), true); }

} // namespace
