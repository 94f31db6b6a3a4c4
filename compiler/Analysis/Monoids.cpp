//===-- Monoids.cpp - tests of user monoids -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Evaluates a monoid's regions in f64, on many elements at once, by the loops
/// of the interpreter; and recognises the steps that use it.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Monoids.h"

#include "compiler/Interpreter/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace recur;

/// Triples that are tested, and how often elements are drawn to get as many as
/// lie in the domain.
static constexpr size_t kSamples = 64, kRounds = 2000;

/// How far two ways to combine may lie apart, relative to the largest member
/// of what they combine: sums of f64 that cancel keep more digits than these.
static constexpr double kTolerance = 1e-6;

namespace {

/// One number of each sample.
using Column = std::vector<double>;
/// One column for each member.
using Tuples = std::vector<Column>;

class MonoidTest {
public:
  explicit MonoidTest(MonoidOp monoid)
      : monoid(monoid), size(monoid.getNumMembers()) {}

  std::optional<Refusal> run();

private:
  std::optional<Tuples> evaluate(Region &region, const Tuples &arguments);
  std::optional<Tuples> combine(const Tuples &earlier, const Tuples &later);
  std::optional<Tuples> draw();
  std::optional<Refusal> compare(const Tuples &found, const Tuples &expected,
                                 ArrayRef<const Tuples *> operands,
                                 StringRef left, StringRef right);
  std::string show(const Tuples &tuples, size_t sample);
  Refusal refuse(std::string message, unsigned member = 0) {
    Block &body = monoid.getCombine().front();
    Value value = body.getTerminator()->getOperand(member);
    Operation *op = value.getDefiningOp();
    return {op ? op->getLoc() : monoid.getLoc(),
            "monoid '" + monoid.getSymName().str() + "' " + message};
  }

  MonoidOp monoid;
  unsigned size;
  std::mt19937_64 random{20240229};
  Operation *unknown = nullptr;
};

} // namespace

std::optional<Tuples> MonoidTest::evaluate(Region &region,
                                           const Tuples &arguments) {
  DenseMap<Value, Column> values;
  size_t count = arguments[0].size();
  for (auto [argument, column] : llvm::zip(region.getArguments(), arguments))
    values[argument] = column;
  for (Operation &op : region.front().without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      double number = 0;
      if (auto real = dyn_cast<FloatAttr>(constant.getValue()))
        number = real.getValueAsDouble();
      else if (auto integer = dyn_cast<IntegerAttr>(constant.getValue()))
        number = integer.getValue() != 0; // a bool
      values[constant] = Column(count, number);
      continue;
    }
    interpreter::Kernel kernel = interpreter::getElementwiseKernel(&op);
    if (!kernel || op.getNumResults() != 1) {
      unknown = &op;
      return std::nullopt;
    }
    Column result(count);
    SmallVector<char *> bases{reinterpret_cast<char *>(result.data())};
    for (Value operand : op.getOperands())
      bases.push_back(
          reinterpret_cast<char *>(values.find(operand)->second.data()));
    SmallVector<int64_t> strides(bases.size(), 1);
    kernel(count, bases.data(), strides.data());
    values[op.getResult(0)] = std::move(result);
  }
  Tuples results;
  for (Value value : region.front().getTerminator()->getOperands())
    results.push_back(values.find(value)->second);
  return results;
}

std::optional<Tuples> MonoidTest::combine(const Tuples &earlier,
                                          const Tuples &later) {
  Tuples both = earlier;
  llvm::append_range(both, later);
  return evaluate(monoid.getCombine(), both);
}

/// NaN without its sign.
static std::string showNumber(double value) {
  if (std::isnan(value))
    return "nan";
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", value);
  return text;
}

/// Elements of the domain: some of small integers, where comparisons find equal
/// numbers, the others of any.
std::optional<Tuples> MonoidTest::draw() {
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int> integer(-2, 3);
  Tuples chosen(size);
  for (size_t round = 0; round < kRounds && chosen[0].size() < kSamples;
       ++round) {
    Tuples tuples(size, Column(kSamples));
    for (size_t sample = 0; sample < kSamples; ++sample)
      for (Column &column : tuples)
        column[sample] = sample % 4 == 0   ? integer(random)
                         : sample % 4 == 1 ? std::fabs(normal(random))
                                           : 2 * normal(random);
    Column isElement(kSamples, 1);
    if (!monoid.getDomain().empty()) {
      std::optional<Tuples> inside = evaluate(monoid.getDomain(), tuples);
      if (!inside)
        return std::nullopt;
      isElement = (*inside)[0];
    }
    for (size_t sample = 0; sample < kSamples; ++sample)
      if (isElement[sample] != 0 && chosen[0].size() < kSamples)
        for (unsigned member = 0; member < size; ++member)
          chosen[member].push_back(tuples[member][sample]);
  }
  return chosen;
}

std::string MonoidTest::show(const Tuples &tuples, size_t sample) {
  std::string text = "(";
  llvm::raw_string_ostream os(text);
  for (unsigned member = 0; member < size; ++member)
    os << (member ? ", " : "") << monoid.getMember(member) << " = "
       << llvm::format("%.6g", tuples[member][sample]);
  return text + ")";
}

std::optional<Refusal> MonoidTest::compare(const Tuples &found,
                                           const Tuples &expected,
                                           ArrayRef<const Tuples *> operands,
                                           StringRef left, StringRef right) {
  auto same = [](double x, double y, double scale) {
    if (std::isnan(x) || std::isnan(y))
      return std::isnan(x) && std::isnan(y);
    return x == y || std::fabs(x - y) <= kTolerance * scale;
  };
  for (size_t sample = 0; sample < found[0].size(); ++sample) {
    double scale = 1;
    for (const Tuples *tuples : operands)
      for (const Column &column : *tuples)
        if (std::isfinite(column[sample]))
          scale = std::max(scale, std::fabs(column[sample]));
    for (unsigned member = 0; member < size; ++member) {
      double x = found[member][sample], y = expected[member][sample];
      if (same(x, y, std::max({scale, std::fabs(x), std::fabs(y)})))
        continue;
      std::string text;
      llvm::raw_string_ostream os(text);
      const char *names[] = {"x", "y", "z"};
      os << "for ";
      for (auto [i, tuples] : llvm::enumerate(operands))
        os << (i ? (i + 1 == operands.size() ? " and " : ", ") : "") << names[i]
           << " = " << show(*tuples, sample);
      os << ", member '" << monoid.getMember(member) << "' of " << left
         << " is " << showNumber(x) << ", of " << right << " " << showNumber(y);
      return refuse(text, member);
    }
  }
  return std::nullopt;
}

std::optional<Refusal> MonoidTest::run() {
  std::optional<Tuples> x = draw(), y = draw(), z = draw();
  auto know = [&](const auto &...tuples) { return (... && bool(tuples)); };
  auto cannot = [&]() -> Refusal {
    return {unknown->getLoc(), "monoid '" + monoid.getSymName().str() +
                                   "' cannot be tested: '" +
                                   unknown->getName().getStringRef().str() +
                                   "' cannot be evaluated"};
  };
  if (!know(x, y, z))
    return cannot();
  if ((*x)[0].size() < kSamples || (*y)[0].size() < kSamples ||
      (*z)[0].size() < kSamples)
    return Refusal{
        monoid.getLoc(),
        "monoid '" + monoid.getSymName().str() + "' cannot be tested: of " +
            std::to_string(kRounds * kSamples) +
            " tuples drawn at random fewer than " + std::to_string(kSamples) +
            " fulfil its 'where'; expected wider conditions"};
  Tuples neutral;
  for (unsigned member = 0; member < size; ++member)
    neutral.push_back(Column(kSamples, monoid.getNeutral(member)));
  std::optional<Tuples> after = combine(neutral, *x),
                        before = combine(*x, neutral);
  if (!know(after, before))
    return cannot();
  if (auto wrong = compare(*after, *x, {&*x}, "identity o x", "x"))
    return Refusal{wrong->loc, wrong->message +
                                   "; expected an identity that changes "
                                   "nothing"};
  if (auto wrong = compare(*before, *x, {&*x}, "x o identity", "x"))
    return Refusal{wrong->loc, wrong->message +
                                   "; expected an identity that changes "
                                   "nothing"};
  // Then on products, which the domain need not be spread over.
  for (int round = 0; round < 2; ++round) {
    std::optional<Tuples> xy = combine(*x, *y), yz = combine(*y, *z);
    if (!know(xy, yz))
      return cannot();
    std::optional<Tuples> left = combine(*xy, *z), right = combine(*x, *yz);
    if (!know(left, right))
      return cannot();
    if (auto wrong = compare(*left, *right, {&*x, &*y, &*z}, "(x o y) o z",
                             "x o (y o z)"))
      return Refusal{
          wrong->loc,
          wrong->message +
              "; expected an associative operator; if it is one for some "
              "tuples only, say for which, as in 'where a >= 0'"};
    // The next triple: products of what the first had.
    Tuples first = *xy, second = *yz;
    *z = *x;
    *x = std::move(first);
    *y = std::move(second);
  }
  // A number must come out somewhere, else nothing has been compared.
  for (unsigned member = 0; member < size; ++member)
    if (llvm::all_of((*x)[member], [](double v) { return std::isnan(v); }))
      return refuse("cannot be tested: member '" +
                        monoid.getMember(member).str() +
                        "' of x o y is not a number for any elements; state "
                        "where its elements lie with 'where'",
                    member);
  return std::nullopt;
}

std::optional<Refusal> recur::testMonoid(MonoidOp monoid) {
  return MonoidTest(monoid).run();
}

OpCost recur::getCombineCost(MonoidOp monoid) {
  OpCost cost{0, 0};
  for (Operation &op : monoid.getCombine().front())
    if (auto step = dyn_cast<StepOpInterface>(op)) {
      cost.arithmetic += step.getCost().arithmetic;
      cost.special += step.getCost().special;
    }
  return cost;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// What makes state `state` a member of a combined tuple, or null.
static CombineOp getCombination(RecurrenceOp recurrence, unsigned state) {
  return recurrence.getStep()
      .front()
      .getTerminator()
      ->getOperand(state)
      .getDefiningOp<CombineOp>();
}

bool recur::usesMonoid(RecurrenceOp recurrence) {
  for (unsigned i = 0; i < recurrence.getNumStates(); ++i)
    if (getCombination(recurrence, i))
      return true;
  return false;
}

Classification recur::classifyMonoid(RecurrenceOp original) {
  Classification result;
  result.step = cast<RecurrenceOp>(original->clone());
  RecurrenceOp step = *result.step;
  auto refuse = [&](Location loc, const Twine &message) {
    if (!result.refusal)
      result.refusal = Refusal{loc, message.str()};
  };
  unsigned count = step.getNumStates();
  // The states that are read: in order, plainly, one step ago.
  auto isTuple = [&](OperandRange tuple) {
    if (tuple.size() != count)
      return false;
    for (auto [i, value] : llvm::enumerate(tuple)) {
      auto prev = value.getDefiningOp<PrevOp>();
      if (!prev || prev.getLag() != 1 ||
          step.findState(prev.getState()) != int(i))
        return false;
      if (std::optional<ArrayAttr> indices = prev.getIndices();
          indices &&
          !llvm::equal(*indices, step.getState(i).getDims(),
                       [](Attribute x, StringAttr y) { return x == y; }))
        return false;
    }
    return true;
  };
  CombineOp first = getCombination(step, 0);
  for (unsigned i = 0; i < count && !result.refusal; ++i) {
    CombineOp op = getCombination(step, i);
    std::string name = step.getState(i).getName().getValue().str();
    if (!op) {
      Value update = step.getStep().front().getTerminator()->getOperand(i);
      refuse(update.getLoc(),
             "state '" + name +
                 "' is no member of the recurrence's monoid; expected a "
                 "recurrence of its own for it");
      break;
    }
    bool same = first && op.getMonoid() == first.getMonoid() &&
                op.getEarlier() == first.getEarlier() &&
                op.getLater() == first.getLater();
    if (!same || op.getMember() != i)
      refuse(op.getLoc(), "state '" + name +
                              "' is combined apart from the states before it; "
                              "expected one tuple of one monoid");
  }
  if (!result.refusal) {
    result.prepends = !isTuple(first.getEarlier());
    if (result.prepends && !isTuple(first.getLater()))
      refuse(first.getLoc(),
             "monoid '" + first.getMonoid() +
                 "' combines other tuples than the states one step ago and an "
                 "element of the step");
  }
  SetVector<Operation *> slice;
  auto visit = [&](auto &&self, Value value) -> void {
    Operation *op = value.getDefiningOp();
    if (!op || result.refusal || !slice.insert(op))
      return;
    if (auto prev = dyn_cast<PrevOp>(op))
      return refuse(op->getLoc(),
                    "the element that monoid '" + first.getMonoid() +
                        "' combines depends on state '" + prev.getState() +
                        "', expected one of the inputs alone");
    if (isa<CombineOp>(op))
      return refuse(op->getLoc(),
                    "monoid '" + cast<CombineOp>(op).getMonoid() +
                        "' is used elsewhere than for the new states");
    for (Value operand : op->getOperands())
      self(self, operand);
  };
  if (!result.refusal)
    for (Value value :
         result.prepends ? first.getEarlier() : first.getLater()) {
      visit(visit, value);
      result.elements.push_back(value);
    }
  if (!result.refusal && original.getOutputs().size())
    for (auto output : original.getOutputs().getAsRange<ResultAttr>())
      if (output.isFinal() && output.getLag() > 1)
        refuse(original.getLoc(), "the states of a monoid are known one step "
                                  "ago, result '" +
                                      output.getName().getValue() +
                                      "' asks for an earlier one");
  step.getStep().walk([&](PrevOp prev) {
    if (prev.getLag() > 1)
      refuse(prev.getLoc(), "state '" + prev.getState() +
                                "' of a monoid is read more than one step ago");
  });
  if (result.refusal)
    return result;
  result.monoid = SymbolTable::lookupNearestSymbolFrom<MonoidOp>(
      original, first.getMonoidAttr());
  if (std::optional<Refusal> wrong = testMonoid(result.monoid)) {
    result.refusal = wrong;
    return result;
  }
  result.dependsOnState.assign(count, true);
  result.algebra = AlgebraAttr::get(original.getContext(), Structure::Monoid,
                                    count, Semiring::PlusTimes);
  return result;
}
