//===-- Checker.cpp - the rules of the spec language ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Checks a whole file: its functions, then every recurrence with its
/// declarations, its assignments in order, and what must hold at the end.
#include "compiler/Frontend/CheckerImpl.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

std::unique_ptr<Program> recur::spec::check(const SpecFile &file,
                                            Diagnostics &diagnostics) {
  auto program = std::make_unique<Program>();
  DefinitionMap definitions;
  checkDefinitions(file.definitions, definitions, diagnostics);
  // Wrong functions are not expanded: they may call themselves.
  if (diagnostics.hasErrors())
    return nullptr;
  llvm::StringMap<llvm::SMLoc> names;
  MonoidMap monoids;
  for (const MonoidDecl &decl : file.monoids) {
    auto [found, isNew] = names.try_emplace(decl.name.text, decl.name.loc);
    if (!isNew) {
      diagnostics.error(decl.name.loc, "expected a new name for a monoid, "
                                       "found '" +
                                           decl.name.text + "' again");
      diagnostics.note(found->second,
                       "'" + decl.name.text + "' is defined here");
      continue;
    }
    if (auto monoid = checkMonoid(decl, definitions, diagnostics)) {
      monoids[monoid->name] = monoid.get();
      program->monoids.push_back(std::move(monoid));
    }
  }
  for (const RecurrenceDecl &decl : file.recurrences) {
    if (diagnostics.isFull())
      break;
    auto [found, isNew] = names.try_emplace(decl.name.text, decl.name.loc);
    if (!isNew) {
      diagnostics.error(decl.name.loc,
                        "expected a new name for a recurrence, found '" +
                            decl.name.text + "' again");
      diagnostics.note(found->second,
                       "'" + decl.name.text + "' is defined here");
    }
    DefinitionMap all = definitions;
    size_t errors = diagnostics.all().size();
    checkDefinitions(decl.definitions, all, diagnostics);
    if (diagnostics.all().size() != errors)
      continue;
    program->recurrences.push_back(
        Checker(decl, all, monoids, diagnostics).run());
  }
  return diagnostics.hasErrors() ? nullptr : std::move(program);
}

std::unique_ptr<Recurrence> Checker::run() {
  out.name = decl.name.text.str();
  out.loc = decl.name.loc;
  out.reverse = decl.reverse;
  declareArguments();
  declareClauses();
  declareStates();
  declareHistories();
  declareGuesses();
  declareResults();
  for (const Assignment &assignment : decl.assignments) {
    if (diagnostics.isFull() || fullReported)
      return nullptr;
    checkAssignment(assignment);
  }
  finishStates();
  finishResults();
  checkHistories();
  checkSizes();
  return std::move(recurrence);
}

void Checker::checkAssignment(const Assignment &assignment) {
  StringRef name = assignment.name.text;
  auto found = symbols.find(name);
  Symbol *known = found == symbols.end() ? nullptr : &found->second;
  State *state = known && known->kind == Symbol::Kind::State
                     ? &out.states[known->index]
                     : nullptr;
  bool isTuple = known && known->kind == Symbol::Kind::Tuple;
  bool isTaken = known && ((!state && !isTuple) || known->isAssigned);
  if (isTaken) {
    bool isArgument = known->kind == Symbol::Kind::Argument;
    diagnostics.error(assignment.name.loc,
                      isArgument
                          ? "expected a new name or a state, found the "
                            "argument '" +
                                name + "'"
                          : "expected each name to be assigned once, found '" +
                                name + "' again");
    diagnostics.note(state ? state->assignmentLoc : known->loc,
                     "'" + name + "' is " +
                         (isArgument ? "declared" : "assigned") + " here");
  }
  if (known && known->kind == Symbol::Kind::Tuple && !isTaken)
    return checkCombination(assignment, *known);
  Scope scope;
  const Value *value = checkExpr(*assignment.value, scope);
  if (isTaken)
    return;

  // Which indices the value may have, and in which order they are declared.
  std::optional<std::vector<unsigned>> declared, written;
  if (state)
    declared = state->dims;
  else if (auto result = resultOf.find(name); result != resultOf.end())
    declared = out.results[result->second].dims;
  if (assignment.hasIndices) {
    written = addDims(assignment.indices, /*binds=*/false);
    bool isMisplaced = false;
    for (const IndexDecl &index : assignment.indices)
      if (out.segments && findDim(index.name.text) == *out.segments) {
        diagnostics.error(index.name.loc,
                          "expected an index of the step, found the index of "
                          "segments '" +
                              index.name.text + "'");
        isMisplaced = true;
      }
    if (written && declared && !isMisplaced) {
      std::vector<unsigned> a = *written, b = *declared;
      llvm::erase(a, out.time);
      llvm::erase(b, out.time);
      if (a != b) {
        diagnostics.error(assignment.name.loc,
                          "expected the indices " + shownDims(*declared) +
                              " as '" + name + "' is declared, found " +
                              shownDims(*written));
        value = nullptr;
      }
    } else if (!declared) {
      declared = written;
    }
  }
  if (value && declared) {
    if (DimSet surplus = value->dims & ~setOf(*declared)) {
      unsigned first = 0;
      while (!(surplus & bit(first)))
        ++first;
      diagnostics.error(assignment.name.loc,
                        "expected a value with the indices of '" + name +
                            shownDims(*declared) +
                            "', found one that also varies over " +
                            shownSet(surplus) + "; reduce it, as in sum(" +
                            out.dims[first].name + ": ...)");
      value = nullptr;
    }
  }
  if (state) {
    if (value)
      value = store(value, state->dtype, name, assignment.value->loc);
    state->value = value;
    state->assignmentLoc = assignment.name.loc;
    known->value = value;
    known->isAssigned = true;
    return;
  }
  Symbol local;
  local.kind = Symbol::Kind::Local;
  local.loc = assignment.name.loc;
  local.value = value;
  local.isAssigned = true;
  local.hasDims = declared.has_value();
  if (declared)
    local.dims = *declared;
  llvm::erase(local.dims, out.time);
  symbols[name] = local;
  if (auto result = resultOf.find(name); value && result != resultOf.end()) {
    Result &stored = out.results[result->second];
    stored.value = store(value, stored.dtype, name, assignment.value->loc);
  }
}

void Checker::finishStates() {
  for (State &state : out.states) {
    if (!symbols.find(state.spelling)->second.isAssigned) {
      StringRef whole = StringRef(state.spelling).split('.').first;
      if (state.member == 0)
        diagnostics.error(state.loc, "expected an assignment '" + whole +
                                         " = ...' of the state, found none");
      continue;
    }
    auto other = symbols.find(state.name);
    if (state.monoid && other != symbols.end() &&
        (other->second.kind == Symbol::Kind::State ||
         other->second.kind == Symbol::Kind::Argument))
      diagnostics.error(other->second.loc,
                        "expected no other '" + state.name +
                            "', which names '" + state.spelling +
                            "' outside of the spec, found one");
    // A start that was refused is missing from the list.
    bool isComplete = true;
    for (const StateDecl &written : decl.states)
      if (written.tensor.name.loc == state.loc)
        isComplete = written.starts.size() <= state.starts.size();
    if (isComplete && state.starts.size() > 1 &&
        int64_t(state.starts.size()) != state.order)
      diagnostics.error(state.starts[1].loc,
                        "expected 1 start or " + Twine(state.order) +
                            " for the state '" + state.name +
                            "', of which the last " + Twine(state.order) +
                            (state.order == 1 ? " value is" : " values are") +
                            " read, found " + Twine(state.starts.size()));
    if (!out.resetArgument)
      continue;
    const Argument &reset = out.arguments[*out.resetArgument];
    if (DimSet surplus = setOf(reset.dims) & ~setOf(state.dims))
      diagnostics.error(state.loc, "expected the index " + shownSet(surplus) +
                                       " of the reset '" + reset.name +
                                       shownDims(reset.dims) +
                                       "' in the state '" + state.name +
                                       shownDims(state.dims) + "', found none");
  }
}

void Checker::finishResults() {
  for (Result &result : out.results) {
    if (result.kind == Result::Kind::Trajectory) {
      const State &state = out.states[result.state];
      if (state.value)
        result.value =
            store(state.value, result.dtype, result.name, result.loc);
    } else if (result.kind == Result::Kind::Value &&
               !symbols.count(result.name)) {
      diagnostics.error(result.loc, "expected an assignment '" + result.name +
                                        " = ...' of the result, found none");
    }
  }
}

void Checker::checkHistories() {
  for (const Argument &argument : out.arguments) {
    if (!argument.history)
      continue;
    const Argument &before = out.arguments[*argument.history];
    int64_t steps = 1;
    if (before.dims.size() == argument.dims.size())
      for (auto [dim, of] : llvm::zip(before.dims, argument.dims))
        if (of == out.time)
          steps = *out.dims[dim].size;
    if (argument.maxLag == 0)
      diagnostics.error(argument.historyLoc,
                        "expected prev(" + argument.name +
                            ") in the step, found a history that is not read");
    else if (argument.maxLag > steps)
      diagnostics.error(argument.historyLoc,
                        "expected a history of at least " +
                            Twine(argument.maxLag) + " steps, as '" +
                            argument.name + "' is read " +
                            Twine(argument.maxLag) + " steps back, found '" +
                            before.name + "' with " + Twine(steps));
  }
}

/// Every index needs a size: from an argument that has it, or static.
void Checker::checkSizes() {
  for (const Dim &dim : out.dims)
    if (!dim.isBound && !dim.size)
      diagnostics.error(dim.loc, "expected an argument with the index '" +
                                     dim.name + "' or a static size '" +
                                     dim.name + "=SIZE', found neither");
  for (std::optional<unsigned> dim : {std::optional(out.time), out.segments})
    if (dim && out.dims[*dim].size)
      diagnostics.error(out.dims[*dim].loc,
                        "expected no static size for the index of " +
                            Twine(dim == out.time ? "time" : "segments") +
                            " '" + out.dims[*dim].name + "', found " +
                            Twine(*out.dims[*dim].size));
  if (!out.segments)
    return;
  for (const Argument &argument : out.arguments)
    if (argument.role == Argument::Role::Input && !argument.isStart &&
        llvm::is_contained(argument.dims, *out.segments))
      diagnostics.error(argument.loc,
                        "expected the index of segments '" +
                            out.dims[*out.segments].name +
                            "' only where a state starts, found '" +
                            argument.name + shownDims(argument.dims) + "'");
}
