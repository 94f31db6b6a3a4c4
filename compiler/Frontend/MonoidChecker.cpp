//===-- MonoidChecker.cpp - monoids and the tuples they combine -----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Checks what a monoid declares, the states that hold its tuples, and the
/// assignments that combine them. Whether it is a monoid is for the analysis.
#include "compiler/Frontend/CheckerImpl.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

//===-- Declarations ------------------------------------------------------===//

/// A name whose value is member `member` of a tuple, the `tuple`th.
void Checker::addParameter(StringRef name, llvm::SMLoc loc, Dtype dtype,
                           unsigned number) {
  Scope scope;
  Value *value = make(Value::Kind::Parameter, dtype, loc, scope);
  if (!value)
    return;
  value->source = number;
  Symbol symbol;
  symbol.kind = Symbol::Kind::Local;
  symbol.loc = loc;
  symbol.value = value;
  symbol.isAssigned = true;
  symbols.try_emplace(name, symbol);
}

/// All conditions of 'where' at once.
const Value *Checker::checkDomain(const MonoidDecl &monoid, Dtype dtype) {
  for (auto [i, member] : llvm::enumerate(monoid.members))
    addParameter(member.text, member.loc, dtype, i);
  const Value *all = nullptr;
  for (const Expr *condition : monoid.domain) {
    Scope scope;
    const Value *value = checkExpr(*condition, scope);
    if (!value)
      return nullptr;
    if (value->dtype != Dtype::Bool) {
      diagnostics.error(condition->loc,
                        "expected a condition on the members of '" +
                            monoid.name.text + "', found " +
                            name(value->dtype) + "; compare it with a number");
      return nullptr;
    }
    all = all ? makeOperation(Operation::And, Dtype::Bool, {all, value},
                              condition->loc, scope)
              : value;
  }
  return all;
}

std::vector<const Value *> Checker::checkCombine(const MonoidDecl &monoid,
                                                 Dtype dtype) {
  unsigned count = monoid.members.size();
  if (monoid.earlier.text == monoid.later.text)
    diagnostics.error(monoid.later.loc,
                      "expected different names for the two tuples, found '" +
                          monoid.later.text + "' twice");
  for (auto [i, member] : llvm::enumerate(monoid.members)) {
    addParameter((monoid.earlier.text + "." + member.text).str(), member.loc,
                 dtype, i);
    addParameter((monoid.later.text + "." + member.text).str(), member.loc,
                 dtype, count + i);
  }
  for (const Assignment &assignment : decl.assignments) {
    if (assignment.hasIndices)
      diagnostics.error(assignment.name.loc,
                        "expected a bare name, found indices on '" +
                            assignment.name.text +
                            "'; a monoid combines numbers");
    checkAssignment(assignment);
  }
  std::vector<const Value *> combined;
  for (const Name &member : monoid.members) {
    auto found = symbols.find(member.text);
    if (found == symbols.end()) {
      diagnostics.error(member.loc, "expected an assignment '" + member.text +
                                        " = ...' in 'combine', found none");
      continue;
    }
    if (const Value *value = found->second.value)
      if (const Value *stored =
              store(value, dtype, member.text, found->second.loc))
        combined.push_back(stored);
  }
  return combined;
}

std::unique_ptr<Monoid>
recur::spec::checkMonoid(const MonoidDecl &decl,
                         const DefinitionMap &definitions,
                         Diagnostics &diagnostics) {
  auto monoid = std::make_unique<Monoid>();
  size_t errors = diagnostics.all().size();
  monoid->name = decl.name.text.str();
  monoid->loc = decl.name.loc;
  if (decl.dtype)
    monoid->dtype = dtypeFromName(decl.dtype->text).value_or(Dtype::F32);
  if (monoid->dtype != Dtype::F32 && monoid->dtype != Dtype::F64)
    diagnostics.error(decl.dtype->loc, "expected f32 or f64 for the members "
                                       "of a tuple, found " +
                                           name(monoid->dtype));
  if (findFunction(decl.name.text) || findReduction(decl.name.text) ||
      decl.name.text == "prev" || definitions.count(decl.name.text))
    diagnostics.error(decl.name.loc, "expected a new name for a monoid, found "
                                     "the function '" +
                                         decl.name.text + "'");
  for (auto [i, member] : llvm::enumerate(decl.members)) {
    monoid->members.push_back(member.text.str());
    for (const Name &other : llvm::ArrayRef(decl.members).take_front(i))
      if (other.text == member.text)
        diagnostics.error(member.loc, "expected different members, found '" +
                                          member.text + "' twice");
  }
  for (const StartDecl &number : decl.identity) {
    if (number.argument || number.isBoolean)
      diagnostics.error(number.loc,
                        "expected a number in the identity, found another");
    monoid->identity.push_back(number.number);
  }
  if (decl.identity.size() != decl.members.size())
    diagnostics.error(decl.identity.front().loc,
                      "expected a number for each of the " +
                          Twine(decl.members.size()) + " members of '" +
                          decl.name.text + "', found " +
                          Twine(decl.identity.size()));
  if (diagnostics.all().size() != errors)
    return nullptr;
  if (!decl.domain.empty()) {
    RecurrenceDecl none;
    Checker checker(none, definitions, {}, diagnostics);
    monoid->domain = checker.checkDomain(decl, monoid->dtype);
    monoid->domainStep = checker.release();
  }
  Checker checker(decl.combine, definitions, {}, diagnostics);
  monoid->combined = checker.checkCombine(decl, monoid->dtype);
  monoid->combineStep = checker.release();
  return diagnostics.all().size() == errors ? std::move(monoid) : nullptr;
}

//===-- States that hold tuples -------------------------------------------===//

void Checker::declareTuple(const StateDecl &written) {
  const Monoid *monoid = monoids.lookup(written.monoid->text);
  unsigned first = out.states.size();
  const Name &name = written.tensor.name;
  // A monoid with mistakes, which have been reported, gives no members.
  if (!declareSymbol(name, Symbol::Kind::Tuple,
                     monoid ? first : Symbol::kNoMembers) ||
      !monoid)
    return;
  if (!written.starts.empty() &&
      written.starts.size() != monoid->members.size())
    diagnostics.error(written.starts.front().loc,
                      "expected a start for each of the " +
                          Twine(monoid->members.size()) + " members of '" +
                          monoid->name + "', found " +
                          Twine(written.starts.size()));
  std::optional<std::vector<unsigned>> dims = declareStateDims(written.tensor);
  for (auto [i, member] : llvm::enumerate(monoid->members)) {
    State state;
    state.name = (name.text + "_" + member).str();
    state.spelling = (name.text + "." + member).str();
    state.loc = name.loc;
    state.dtype = monoid->dtype;
    state.monoid = monoid;
    state.member = i;
    if (dims)
      state.dims = *dims;
    Symbol symbol;
    symbol.kind = Symbol::Kind::State;
    symbol.loc = name.loc;
    symbol.index = out.states.size();
    symbols.try_emplace(state.spelling, symbol);
    if (i < written.starts.size())
      addStart(state, written.starts[i]);
    else
      state.starts.push_back({std::nullopt, monoid->identity[i], name.loc});
    out.states.push_back(std::move(state));
  }
}

/// `s = m(prev(s), (...))` or `s = m((...), prev(s))`.
void Checker::checkCombination(const Assignment &assignment, Symbol &tuple) {
  tuple.isAssigned = true;
  if (tuple.index == Symbol::kNoMembers)
    return;
  const Monoid &monoid = *out.states[tuple.index].monoid;
  unsigned count = monoid.members.size();
  const Expr &call = *assignment.value;
  StringRef name = assignment.name.text;
  std::string past = ("prev(" + name + ")").str();
  auto isPast = [&](const Expr &expr) {
    return expr.kind == Expr::Kind::Previous && expr.name.text == name &&
           !expr.hasIndices && expr.lag == 1;
  };
  for (unsigned i = 0; i < count; ++i) {
    Symbol &symbol = symbols.find(out.states[tuple.index + i].spelling)->second;
    symbol.isAssigned = true;
    out.states[tuple.index + i].assignmentLoc = assignment.name.loc;
  }
  bool fits = call.kind == Expr::Kind::Call && call.name.text == monoid.name &&
              call.operands.size() == 2 &&
              isPast(*call.operands[0]) != isPast(*call.operands[1]);
  if (!fits) {
    diagnostics.error(call.loc, "expected '" + monoid.name + "(" + past +
                                    ", (...))' or '" + monoid.name +
                                    "((...), " + past + ")' for the tuple '" +
                                    name + "', found another expression");
    return;
  }
  bool prepends = isPast(*call.operands[1]);
  const Expr &element = *call.operands[prepends ? 0 : 1];
  bool isTuple = element.kind == Expr::Kind::Tuple;
  size_t found = isTuple ? element.operands.size() : 1;
  if (found != count) {
    diagnostics.error(element.loc, "expected a tuple of the " + Twine(count) +
                                       " members of '" + monoid.name +
                                       "', found " + Twine(found));
    return;
  }
  Scope scope;
  llvm::SmallVector<const Value *> before, members;
  for (unsigned i = 0; i < count; ++i) {
    State &state = out.states[tuple.index + i];
    const Expr &part = isTuple ? *element.operands[i] : element;
    const Value *value = checkExpr(part, scope);
    if (value)
      value = store(value, monoid.dtype, state.spelling, part.loc);
    if (value)
      if (DimSet surplus = value->dims & ~setOf(state.dims)) {
        diagnostics.error(part.loc, "expected a value with the indices of '" +
                                        state.spelling + shownDims(state.dims) +
                                        "', found one that also varies over " +
                                        shownSet(surplus));
        value = nullptr;
      }
    Value *earlier = make(Value::Kind::State, state.dtype, call.loc, scope);
    if (!value || !earlier)
      return;
    earlier->source = tuple.index + i;
    earlier->lag = 1;
    earlier->dims = setOf(state.dims);
    before.push_back(earlier);
    members.push_back(value);
  }
  if (prepends)
    std::swap(before, members);
  before.append(members.begin(), members.end());
  for (unsigned i = 0; i < count; ++i) {
    State &state = out.states[tuple.index + i];
    Value *value = make(Value::Kind::Combined, state.dtype, call.loc, scope);
    if (!value)
      return;
    value->monoid = &monoid;
    value->source = i;
    value->operands.assign(before.begin(), before.end());
    value->dims = setOf(state.dims);
    state.value = value;
    symbols.find(state.spelling)->second.value = value;
  }
}
