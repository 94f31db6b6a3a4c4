//===-- ExpressionChecker.cpp - the expressions of a step -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Gives every expression its dtype and indices, expands functions and folds
/// constants.
#include "compiler/Frontend/CheckerImpl.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"
#include <cmath>

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

void Checker::error(llvm::SMLoc loc, const Twine &message, const Scope &scope) {
  diagnostics.error(loc, message);
  // A deep chain of calls says nothing after its first few.
  unsigned shown = 0;
  for (const CallSite *site = scope.site; site && shown < 4;
       site = site->caller, ++shown)
    diagnostics.note(site->loc, "in this call of '" + site->function + "'");
}

//===-- Values ------------------------------------------------------------===//

void Checker::reportFull(llvm::SMLoc loc, const Scope &scope) {
  if (!fullReported)
    error(loc,
          "expected a step of at most " + Twine(maximalValues) +
              " operations, found more once its functions are expanded",
          scope);
  fullReported = true;
}

Value *Checker::make(Value::Kind kind, Dtype dtype, llvm::SMLoc loc,
                     const Scope &scope) {
  if (out.values.size() >= maximalValues) {
    reportFull(loc, scope);
    return nullptr;
  }
  Value &value = out.values.emplace_back();
  value.kind = kind;
  value.dtype = dtype;
  value.loc = loc;
  value.site = scope.site;
  value.id = out.values.size() - 1;
  return &value;
}

Value *Checker::makeOperation(Operation operation, Dtype dtype,
                              llvm::ArrayRef<const Value *> operands,
                              llvm::SMLoc loc, const Scope &scope) {
  bool foldable = llvm::all_of(operands, [](const Value *operand) {
    return operand->kind == Value::Kind::Literal;
  });
  Value *value = make(foldable ? Value::Kind::Literal : Value::Kind::Operation,
                      dtype, loc, scope);
  if (!value)
    return nullptr;
  if (foldable) {
    llvm::SmallVector<std::complex<double>> literals;
    bool complex = isComplex(dtype);
    for (const Value *operand : operands) {
      literals.push_back(operand->literal);
      complex |= isComplex(operand->dtype);
    }
    value->literal = evaluate(operation, literals, complex);
    return value;
  }
  value->operation = operation;
  value->operands.assign(operands.begin(), operands.end());
  for (const Value *operand : operands)
    value->dims |= operand->dims;
  return value;
}

/// Gives a tree of constants its dtype by copying it: the same function
/// argument can meet f32 in one place and f64 in another.
const Value *Checker::settle(const Value *root, Dtype dtype) {
  // Operands have smaller numbers than users, so going through the constants
  // in order of their numbers needs no recursion.
  llvm::SmallVector<const Value *> pending{root}, constants;
  llvm::SmallPtrSet<const Value *, 8> seen{root};
  while (!pending.empty()) {
    const Value *value = pending.pop_back_val();
    constants.push_back(value);
    for (const Value *operand : value->operands)
      if (isConstant(operand->dtype) && seen.insert(operand).second)
        pending.push_back(operand);
  }
  llvm::sort(constants,
             [](const Value *a, const Value *b) { return a->id < b->id; });
  llvm::SmallDenseMap<const Value *, const Value *> settledAs;
  for (const Value *constant : constants) {
    // The parts of a complex constant stay real, and a real constant under a
    // complex one stays real too, unless it is the value asked for.
    Dtype own = constant == root             ? dtype
                : isComplex(constant->dtype) ? complexOf(dtype)
                                             : realPart(dtype);
    Scope scope;
    scope.site = constant->site;
    bool promotes = isComplex(own) && !isComplex(constant->dtype) &&
                    constant->kind != Value::Kind::Literal;
    Value *copy = make(constant->kind, promotes ? realPart(own) : own,
                       constant->loc, scope);
    if (!copy)
      return nullptr;
    copy->dims = constant->dims;
    copy->literal = constant->literal;
    copy->operation = constant->operation;
    for (const Value *operand : constant->operands) {
      const Value *known = settledAs.lookup(operand);
      copy->operands.push_back(known ? known : operand);
    }
    if (copy->kind == Value::Kind::Convert)
      copy->dtype = own;
    settledAs[constant] = copy;
  }
  const Value *result = settledAs.lookup(root);
  return result->dtype == dtype ? result : convert(result, dtype);
}

const Value *Checker::convert(const Value *value, Dtype dtype) {
  if (!value || value->dtype == dtype)
    return value;
  if (isConstant(value->dtype) && !isConstant(dtype))
    return settle(value, dtype);
  Scope scope;
  scope.site = value->site;
  Value *converted =
      make(value->kind == Value::Kind::Literal ? Value::Kind::Literal
                                               : Value::Kind::Convert,
           dtype, value->loc, scope);
  if (!converted)
    return nullptr;
  converted->literal = value->literal;
  if (converted->kind == Value::Kind::Convert) {
    converted->dims = value->dims;
    converted->operands = {value};
  }
  return converted;
}

const Value *Checker::store(const Value *value, Dtype dtype, StringRef name,
                            llvm::SMLoc loc) {
  Dtype found = value->dtype;
  if (found == dtype)
    return value;
  std::string wanted =
      ("expected " + spec::name(dtype) + " for '" + name + "', found " +
       (isConstant(found) ? "a " : "") + spec::name(found))
          .str();
  StringRef advice;
  if (found == Dtype::Bool)
    advice = "; write select(condition, 1, 0)";
  else if (dtype == Dtype::Bool)
    advice = "; compare it with a number";
  else if (isComplex(found) && !isComplex(dtype))
    advice = "; take real(), imag() or abs() of it";
  else if (isInteger(dtype) && !(isInteger(found) && found < dtype))
    advice = isInteger(found) ? "; an integer is not narrowed"
                              : "; arithmetic gives real numbers";
  else
    return convert(value, dtype);
  diagnostics.error(loc, wanted + advice);
  return nullptr;
}

bool Checker::requireNumber(const Value *value, llvm::SMLoc loc, StringRef of,
                            const Scope &scope) {
  if (value->dtype != Dtype::Bool)
    return true;
  error(loc,
        "expected a number in " + of +
            ", found bool; write select(condition, 1, 0)",
        scope);
  return false;
}

//===-- Operators ---------------------------------------------------------===//

static StringRef shown(BinaryOperator op) {
  static constexpr StringRef spellings[] = {"'+'",  "'-'",  "'*'",   "'/'",
                                            "'=='", "'!='", "'<'",   "'<='",
                                            "'>'",  "'>='", "'and'", "'or'"};
  return spellings[static_cast<int>(op)];
}

static Operation operationOf(BinaryOperator op) {
  static constexpr Operation operations[] = {
      Operation::Add,          Operation::Subtract,  Operation::Multiply,
      Operation::Divide,       Operation::Equal,     Operation::NotEqual,
      Operation::Less,         Operation::LessEqual, Operation::Greater,
      Operation::GreaterEqual, Operation::And,       Operation::Or};
  return operations[static_cast<int>(op)];
}

const Value *Checker::checkExpr(const Expr &expr, const Scope &outer) {
  Scope scope = outer;
  // Functions that call functions twice double the work at every level, also
  // where errors leave no values to count.
  if (fullReported || diagnostics.isFull())
    return nullptr;
  if (++checkedExprs > 4 * maximalValues) {
    reportFull(expr.loc, scope);
    return nullptr;
  }
  // The parser bounds the height of an expression; functions that call
  // functions multiply it.
  if (++scope.depth > 2 * maximalHeight) {
    error(expr.loc, "expected calls nested less deeply", scope);
    return nullptr;
  }
  switch (expr.kind) {
  case Expr::Kind::Number: {
    Value *value = make(Value::Kind::Literal, Dtype::AnyReal, expr.loc, scope);
    if (value)
      value->literal = expr.number;
    return value;
  }
  case Expr::Kind::Boolean: {
    Value *value = make(Value::Kind::Literal, Dtype::Bool, expr.loc, scope);
    if (value)
      value->literal = expr.number;
    return value;
  }
  case Expr::Kind::Access:
  case Expr::Kind::Previous:
    return checkAccess(expr, scope);
  case Expr::Kind::Negate: {
    const Value *operand = checkExpr(*expr.operands[0], scope);
    if (!operand ||
        !requireNumber(operand, expr.operands[0]->loc, "'-'", scope))
      return nullptr;
    return arithmetic(expr, Operation::Negate, {operand}, scope);
  }
  case Expr::Kind::Not: {
    const Value *operand = checkExpr(*expr.operands[0], scope);
    return operand ? logical(expr, Operation::Not, {operand}, scope) : nullptr;
  }
  case Expr::Kind::Binary:
    return checkBinary(expr, scope);
  case Expr::Kind::Call:
    return checkCall(expr, scope);
  case Expr::Kind::Reduction:
    return checkReduction(expr, scope);
  case Expr::Kind::Tuple:
    error(expr.loc,
          "expected a value, found a tuple; only monoids combine tuples",
          scope);
    return nullptr;
  }
  return nullptr;
}

const Value *Checker::checkBinary(const Expr &expr, const Scope &scope) {
  // Both sides are checked even if the first is wrong: two errors in one line
  // are reported in one run.
  const Value *left = checkExpr(*expr.operands[0], scope);
  const Value *right = checkExpr(*expr.operands[1], scope);
  if (!left || !right)
    return nullptr;
  Operation operation = operationOf(expr.op);
  if (operation == Operation::And || operation == Operation::Or)
    return logical(expr, operation, {left, right}, scope);
  if (operation >= Operation::Equal && operation <= Operation::GreaterEqual)
    return compare(expr, operation, left, right, scope);
  if (!requireNumber(left, expr.operands[0]->loc, shown(expr.op), scope) ||
      !requireNumber(right, expr.operands[1]->loc, shown(expr.op), scope))
    return nullptr;
  return arithmetic(expr, operation, {left, right}, scope);
}

const Value *Checker::arithmetic(const Expr &expr, Operation operation,
                                 llvm::ArrayRef<const Value *> operands,
                                 const Scope &scope) {
  Dtype dtype = computeDtype(operands.front()->dtype);
  for (const Value *operand : operands.drop_front())
    dtype = promote(dtype, computeDtype(operand->dtype));
  llvm::SmallVector<const Value *, 2> converted;
  for (const Value *operand : operands) {
    converted.push_back(convert(operand, dtype));
    if (!converted.back())
      return nullptr;
  }
  return makeOperation(operation, dtype, converted, expr.loc, scope);
}

/// Whether the constant is an integer of this dtype, so that comparing with it
/// needs no rounding.
static bool fits(const Value *constant, Dtype dtype) {
  double bound = dtype == Dtype::I8    ? 0x1p7
                 : dtype == Dtype::I32 ? 0x1p31
                                       : 0x1p53;
  double number = constant->literal.real();
  return constant->kind == Value::Kind::Literal &&
         constant->dtype == Dtype::AnyReal && std::trunc(number) == number &&
         number >= -bound && number < bound;
}

const Value *Checker::compare(const Expr &expr, Operation operation,
                              const Value *left, const Value *right,
                              const Scope &scope) {
  bool isOrder =
      operation != Operation::Equal && operation != Operation::NotEqual;
  Dtype a = left->dtype, b = right->dtype, dtype;
  if (a == Dtype::Bool || b == Dtype::Bool) {
    if (a != b || isOrder) {
      error(expr.loc,
            "expected " + Twine(isOrder ? "numbers" : "two of a kind") +
                " in " + shown(expr.op) + ", found " + name(a) + " and " +
                name(b),
            scope);
      return nullptr;
    }
    dtype = Dtype::Bool;
  } else if (isInteger(a) && isInteger(b)) {
    dtype = std::max(a, b);
  } else if (isInteger(a) && fits(right, a)) {
    dtype = a;
  } else if (isInteger(b) && fits(left, b)) {
    dtype = b;
  } else {
    dtype = promote(computeDtype(a), computeDtype(b));
  }
  if (isOrder && isComplex(dtype)) {
    error(expr.loc,
          "expected real numbers in " + shown(expr.op) + ", found " +
              name(isComplex(a) ? a : b) + "; compare real(), imag() or abs()",
          scope);
    return nullptr;
  }
  bool foldable =
      left->kind == Value::Kind::Literal && right->kind == Value::Kind::Literal;
  if (!foldable)
    dtype = settled(dtype);
  left = convert(left, dtype);
  right = convert(right, dtype);
  if (!left || !right)
    return nullptr;
  return makeOperation(operation, Dtype::Bool, {left, right}, expr.loc, scope);
}

const Value *Checker::logical(const Expr &expr, Operation operation,
                              llvm::ArrayRef<const Value *> operands,
                              const Scope &scope) {
  for (auto [operand, written] : llvm::zip(operands, expr.operands))
    if (operand->dtype != Dtype::Bool) {
      StringRef of = operation == Operation::Not   ? "'not'"
                     : operation == Operation::And ? "'and'"
                                                   : "'or'";
      error(written->loc,
            "expected bool in " + of + ", found " + name(operand->dtype) +
                "; compare it with a number",
            scope);
      return nullptr;
    }
  return makeOperation(operation, Dtype::Bool, operands, expr.loc, scope);
}

//===-- Calls -------------------------------------------------------------===//

const Value *Checker::checkCall(const Expr &expr, const Scope &scope) {
  StringRef name = expr.name.text;
  if (name == repeatName)
    return checkRepeat(expr, scope);
  const FunctionInfo *function = findFunction(name);
  const Definition *definition = definitions.lookup(name);
  if (!function && !definition) {
    if (findReduction(name)) {
      error(expr.loc,
            "expected an index to reduce, as in " + name +
                "(n: expression), found a call",
            scope);
      return nullptr;
    }
    if (monoids.count(name)) {
      error(expr.loc,
            "expected a number, found a tuple of the monoid '" + name +
                "'; assign it to a state, as in state s[...]: " + name,
            scope);
      return nullptr;
    }
    if (symbols.count(name) && !scope.definition) {
      error(expr.loc,
            "expected an operator after '" + name +
                "', which is no function, found '('",
            scope);
      return nullptr;
    }
    std::vector<StringRef> names(reductionNames());
    names.push_back("prev");
    names.push_back(repeatName);
    for (const FunctionInfo &known : functions())
      names.push_back(known.name);
    for (const auto &known : definitions)
      names.push_back(known.getKey());
    llvm::sort(names); // The map's order is not the same in every run.
    error(expr.loc,
          "expected a function, found '" + name + "'" + didYouMean(name, names),
          scope);
    return nullptr;
  }
  llvm::SmallVector<const Value *, 2> operands;
  bool failed = false;
  for (const Expr *operand : expr.operands) {
    operands.push_back(checkExpr(*operand, scope));
    failed |= !operands.back();
  }
  if (failed)
    return nullptr;
  size_t arity = function ? function->arity : definition->parameters.size();
  bool isVariadic = function && function->variadic;
  if (isVariadic ? operands.size() < arity : operands.size() != arity) {
    error(expr.loc,
          "expected " + Twine(isVariadic ? "at least " : "") + Twine(arity) +
              (arity == 1 ? " argument" : " arguments") + " of '" + name +
              "', found " + Twine(operands.size()),
          scope);
    if (definition)
      diagnostics.note(definition->name.loc, "'" + name + "' is defined here");
    return nullptr;
  }
  return function ? applyFunction(expr, *function, std::move(operands), scope)
                  : callDefinition(expr, *definition, operands, scope);
}

/// repeat(k, f, x, ...) is f(f(... f(x, ...) ..., ...), ...), k calls of f.
const Value *Checker::checkRepeat(const Expr &expr, const Scope &scope) {
  constexpr double maximalCount = 1000;
  const Expr *named = getRepeated(expr);
  const Definition *definition =
      named ? definitions.lookup(named->name.text) : nullptr;
  double count = expr.operands.empty() ? 0 : expr.operands[0]->number;
  if (expr.operands.empty() || expr.operands[0]->kind != Expr::Kind::Number ||
      count < 1 || count > maximalCount || std::trunc(count) != count) {
    error(expr.operands.empty() ? expr.loc : expr.operands[0]->loc,
          "expected a whole number from 1 to " + Twine(int(maximalCount)) +
              " as the first argument of 'repeat', as in repeat(6, f, x)",
          scope);
    return nullptr;
  }
  if (!definition) {
    error(expr.operands.size() > 1 ? expr.operands[1]->loc : expr.loc,
          "expected the name of a function of the spec as the second argument "
          "of 'repeat', as in repeat(6, f, x)",
          scope);
    return nullptr;
  }
  size_t arity = definition->parameters.size();
  if (arity == 0 || expr.operands.size() - 2 != arity) {
    error(expr.loc,
          "expected " + Twine(arity) +
              (arity == 1 ? " argument" : " arguments") + " of '" +
              named->name.text + "' in 'repeat', found " +
              Twine(expr.operands.size() - 2),
          scope);
    diagnostics.note(definition->name.loc,
                     "'" + named->name.text + "' is defined here");
    return nullptr;
  }
  llvm::SmallVector<const Value *, 4> operands;
  for (const Expr *operand : llvm::drop_begin(expr.operands, 2))
    operands.push_back(checkExpr(*operand, scope));
  if (llvm::is_contained(operands, nullptr))
    return nullptr;
  for (int i = 0; i < int(count); ++i) {
    operands[0] = callDefinition(expr, *definition, operands, scope);
    if (!operands[0])
      return nullptr;
  }
  return operands[0];
}

const Value *Checker::callDefinition(const Expr &expr,
                                     const Definition &definition,
                                     llvm::ArrayRef<const Value *> operands,
                                     const Scope &scope) {
  out.sites.push_back({expr.loc, definition.name.text.str(), scope.site});
  Scope inner;
  inner.definition = &definition;
  inner.parameters = operands;
  inner.site = &out.sites.back();
  inner.depth = scope.depth;
  return checkExpr(*definition.body, inner);
}

const Value *
Checker::applyFunction(const Expr &expr, const FunctionInfo &function,
                       llvm::SmallVector<const Value *, 2> operands,
                       const Scope &scope) {
  std::string of = ("'" + function.name + "'").str();
  auto wrong = [&](size_t i, StringRef wanted, StringRef advice) {
    error(expr.operands[i]->loc,
          "expected " + wanted + " in " + of + ", found " +
              name(operands[i]->dtype) + advice,
          scope);
    return nullptr;
  };
  bool isSelect = function.signature == Signature::Select;
  if (isSelect && operands[0]->dtype != Dtype::Bool)
    return wrong(0, "bool", "; compare it with a number");
  bool selectsBool = isSelect && operands[1]->dtype == Dtype::Bool &&
                     operands[2]->dtype == Dtype::Bool;
  for (size_t i = isSelect; i < operands.size() && !selectsBool; ++i)
    if (!requireNumber(operands[i], expr.operands[i]->loc, of, scope))
      return nullptr;
  switch (function.signature) {
  case Signature::Real:
  case Signature::MakeComplex:
    for (auto [i, operand] : llvm::enumerate(operands))
      if (isComplex(operand->dtype))
        return wrong(i, "a real number", "; take real(), imag() or abs()");
    break;
  case Signature::ComplexPart:
  case Signature::ComplexOnly:
    if (!isComplex(operands[0]->dtype))
      return wrong(0, "a complex number", "");
    break;
  default:
    break;
  }
  if (isSelect) {
    Dtype a = operands[1]->dtype, b = operands[2]->dtype;
    Dtype dtype = selectsBool ? Dtype::Bool
                  : isInteger(a) && isInteger(b)
                      ? std::max(a, b)
                      : promote(computeDtype(a), computeDtype(b));
    const Value *then = convert(operands[1], dtype);
    const Value *otherwise = convert(operands[2], dtype);
    if (!then || !otherwise)
      return nullptr;
    return makeOperation(function.operation, dtype,
                         {operands[0], then, otherwise}, expr.loc, scope);
  }
  if (function.signature == Signature::MakeComplex) {
    Dtype part = promote(computeDtype(operands[0]->dtype),
                         computeDtype(operands[1]->dtype));
    const Value *re = convert(operands[0], part);
    const Value *im = convert(operands[1], part);
    if (!re || !im)
      return nullptr;
    return makeOperation(function.operation, complexOf(part), {re, im},
                         expr.loc, scope);
  }
  if (function.signature == Signature::ComplexPart ||
      (function.signature == Signature::Magnitude &&
       isComplex(operands[0]->dtype)))
    return makeOperation(function.operation, realPart(operands[0]->dtype),
                         operands, expr.loc, scope);
  // min(a, b, c) is min(min(a, b), c).
  while (operands.size() > 2) {
    const Value *first =
        arithmetic(expr, function.operation, {operands[0], operands[1]}, scope);
    if (!first)
      return nullptr;
    operands.erase(operands.begin());
    operands[0] = first;
  }
  return arithmetic(expr, function.operation, operands, scope);
}

//===-- Reductions --------------------------------------------------------===//

const Value *Checker::checkReduction(const Expr &expr, const Scope &scope) {
  std::optional<ReductionKind> kind = findReduction(expr.name.text);
  if (!kind) {
    std::vector<StringRef> names(reductionNames());
    error(expr.loc,
          "expected a reduction (sum, max, min, logsumexp), found '" +
              expr.name.text + "'" + didYouMean(expr.name.text, names),
          scope);
    return nullptr;
  }
  DimSet reduced = 0;
  std::vector<unsigned> dims;
  for (const Name &index : expr.reduced) {
    std::optional<unsigned> dim = requireDim(index);
    if (!dim)
      return nullptr;
    if (dim == out.time || dim == out.segments) {
      error(index.loc,
            "expected an index other than " +
                Twine(dim == out.time ? "time" : "segments") + ", found '" +
                index.text + "'; a state carries values over time",
            scope);
      return nullptr;
    }
    if (reduced & bit(*dim)) {
      error(index.loc,
            "expected different indices, found '" + index.text + "' twice",
            scope);
      return nullptr;
    }
    reduced |= bit(*dim);
    dims.push_back(*dim);
  }
  const Value *operand = checkExpr(*expr.operands[0], scope);
  if (!operand || !requireNumber(operand, expr.operands[0]->loc,
                                 ("'" + expr.name.text + "'").str(), scope))
    return nullptr;
  if (DimSet missing = reduced & ~operand->dims) {
    error(expr.operands[0]->loc,
          "expected an expression that varies over " + shownSet(missing) +
              ", found one that varies over " +
              (operand->dims ? shownSet(operand->dims) : "no index"),
          scope);
    return nullptr;
  }
  Dtype dtype = settled(computeDtype(operand->dtype));
  if (isComplex(dtype) && *kind != ReductionKind::Sum) {
    error(expr.operands[0]->loc,
          "expected a real number in '" + expr.name.text + "', found " +
              name(dtype) + "; take real(), imag() or abs()",
          scope);
    return nullptr;
  }
  operand = convert(operand, dtype);
  if (!operand)
    return nullptr;
  Value *value = make(Value::Kind::Reduction, dtype, expr.loc, scope);
  if (!value)
    return nullptr;
  value->reduction = *kind;
  value->reduced = std::move(dims);
  value->operands = {operand};
  value->dims = operand->dims & ~reduced;
  return value;
}
