//===-- Expressions.cpp - values as a spec writes them --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Prints the values of a step, for messages and explanations.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Expressions.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace recur;

static std::string printIndex(AffineExpr expr, SpaceAttr space) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return space.getName(dim.getPosition()).str();
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::string left = printIndex(binary.getLHS(), space);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() == AffineExprKind::Add && constant &&
      constant.getValue() < 0)
    return left + "-" + std::to_string(-constant.getValue());
  StringRef sign = binary.getKind() == AffineExprKind::Add        ? "+"
                   : binary.getKind() == AffineExprKind::FloorDiv ? "/"
                   : binary.getKind() == AffineExprKind::Mod      ? "%"
                                                                  : "*";
  if (sign != "+" && isa<AffineBinaryOpExpr>(binary.getLHS()))
    left = "(" + left + ")";
  return left + sign.str() + printIndex(binary.getRHS(), space);
}

static std::string printAccess(StringRef name, AffineMap map, SpaceAttr space) {
  std::string text = name.str() + "[";
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    text += (i ? "," : "") + printIndex(expr, space);
  return text + "]";
}

/// The name of the function's argument that `operand` is.
std::string recur::getName(RecurrenceOpInterface op, Value operand) {
  if (auto argument = dyn_cast<BlockArgument>(operand)) {
    auto function =
        dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
    if (function) {
      if (auto name = function.getArgAttrOfType<StringAttr>(
              argument.getArgNumber(), "recur.name"))
        return name.str();
      return "arg" + std::to_string(argument.getArgNumber());
    }
  }
  return "tensor";
}

/// Whether `map` reads the argument at the indices it is declared with.
static bool isDeclaredAccess(RecurrenceOpInterface op, Value operand,
                             AffineMap map) {
  auto argument = dyn_cast<BlockArgument>(operand);
  auto function =
      argument
          ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp())
          : FunctionOpInterface();
  if (!argument || !function)
    return false;
  auto dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                   "recur.dims");
  if (!dims || dims.size() != map.getNumResults())
    return false;
  SpaceAttr space = op.getSpace();
  for (auto [name, expr] :
       llvm::zip(dims.getAsRange<StringAttr>(), map.getResults()))
    if (printIndex(expr, space) != name.getValue())
      return false;
  return true;
}

SmallVector<std::string>
recur::getArgumentNames(RecurrenceOpInterface recurrence) {
  SmallVector<std::string> names;
  for (auto [i, input] : llvm::enumerate(recurrence.getInputs())) {
    AffineMap map = recurrence.getInputMap(i);
    std::string name = getName(recurrence, input);
    names.push_back(isDeclaredAccess(recurrence, input, map)
                        ? name
                        : printAccess(name, map, recurrence.getSpace()));
  }
  auto scan = dyn_cast<ScanLikeOpInterface>(recurrence.getOperation());
  if (!scan)
    return names;
  for (auto state : scan.getStates().getAsRange<StateAttr>()) {
    std::string name = state.getName().getValue().str();
    for (unsigned lag = 1; lag <= scan.getReadLags(); ++lag)
      names.push_back("prev(" + name +
                      (lag > 1 ? ", " + std::to_string(lag) : "") + ")");
    names.push_back(name);
  }
  return names;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

namespace {
/// Text and how tightly its outermost operator binds.
struct Expression {
  std::string text;
  int precedence; // 1: comparisons, 2: + -, 3: * /, 4: unary, 5: the rest
};
} // namespace

static int getPrecedence(StringRef spelling) {
  if (spelling == "+" || spelling == "-")
    return 2;
  if (spelling == "*" || spelling == "/")
    return 3;
  return 1;
}

std::string recur::printConstant(Attribute attr) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto number = dyn_cast<FloatAttr>(attr))
    os << llvm::format("%g", number.getValueAsDouble());
  else if (auto number = dyn_cast<IntegerAttr>(attr))
    os << (number.getType().isInteger(1)
               ? (number.getValue().isZero() ? "false" : "true")
               : std::to_string(number.getValue().getSExtValue()));
  else if (auto pair = dyn_cast<ArrayAttr>(attr); pair && pair.size() == 2)
    os << "complex(" << printConstant(pair[0]) << ", " << printConstant(pair[1])
       << ")";
  else
    os << attr;
  return text;
}

/// `budget` is the number of ops that may still be shown: shared values are
/// written out wherever they are used, which can grow without bound.
static Expression print(Value value, ArrayRef<std::string> names, int &budget) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return {names[argument.getArgNumber()], 5};
  if (budget-- <= 0)
    return {"...", 5};
  Operation *op = value.getDefiningOp();
  if (auto prev = dyn_cast<PrevOp>(op)) {
    std::string text = "prev(" + prev.getState().str();
    llvm::raw_string_ostream os(text);
    if (std::optional<ArrayAttr> indices = prev.getIndices()) {
      os << "[";
      llvm::interleave(
          *indices, os,
          [&](Attribute index) {
            if (auto name = dyn_cast<StringAttr>(index))
              os << name.getValue();
            else
              os << cast<IntegerAttr>(index).getInt();
          },
          ",");
      os << "]";
    }
    if (prev.getLag() > 1)
      os << ", " << prev.getLag();
    return {text + ")", 5};
  }
  if (op->hasTrait<OpTrait::ConstantLike>())
    if (Attribute attr = op->getAttr("value"))
      return {printConstant(attr), 5};
  auto step = dyn_cast<StepOpInterface>(op);
  std::string spelling =
      step ? step.getSpelling() : op->getName().stripDialect().str();
  if (spelling.empty())
    return print(op->getOperand(0), names, budget);
  if (auto at = dyn_cast<AtOp>(op)) {
    std::string text = "(" + print(at.getOperand(), names, budget).text + ")[";
    llvm::raw_string_ostream os(text);
    llvm::interleaveComma(
        llvm::zip(at.getFrom(), at.getTo()), os, [&](auto pair) {
          os << cast<StringAttr>(std::get<0>(pair)).getValue() << " -> ";
          Attribute to = std::get<1>(pair);
          if (auto name = dyn_cast<StringAttr>(to))
            os << name.getValue();
          else
            os << cast<IntegerAttr>(to).getInt();
        });
    os << "]";
    return {text, 5};
  }
  bool infix = spelling == "and" || spelling == "or" || spelling == "xor" ||
               !isalpha(spelling[0]);
  if (infix && op->getNumOperands() == 2) {
    int precedence = getPrecedence(spelling);
    auto side = [&](Value operand, bool isRight) {
      Expression inner = print(operand, names, budget);
      // The right side of - and / needs its own brackets.
      bool bracket = inner.precedence < precedence ||
                     (isRight && inner.precedence == precedence &&
                      spelling != "+" && spelling != "*");
      return bracket ? "(" + inner.text + ")" : inner.text;
    };
    return {side(op->getOperand(0), false) + " " + spelling + " " +
                side(op->getOperand(1), true),
            precedence};
  }
  if (infix && op->getNumOperands() == 1) {
    Expression inner = print(op->getOperand(0), names, budget);
    return {spelling +
                (inner.precedence < 4 ? "(" + inner.text + ")" : inner.text),
            4};
  }
  std::string text = spelling + "(";
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    for (auto [i, dim] :
         llvm::enumerate(reduce.getDims().getAsRange<StringAttr>()))
      text += (i ? ", " : "") + dim.getValue().str();
    text += ": ";
  }
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    text += (i ? ", " : "") + print(operand, names, budget).text;
  return {text + ")", 5};
}

std::string recur::printExpression(Value value, ArrayRef<std::string> names) {
  int budget = 100;
  return print(value, names, budget).text;
}
