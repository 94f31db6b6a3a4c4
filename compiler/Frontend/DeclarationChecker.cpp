//===-- DeclarationChecker.cpp - arguments, states and results ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Checks what a recurrence declares before its first assignment.
#include "compiler/Frontend/CheckerImpl.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

Dtype Checker::dtypeOf(const std::optional<Name> &dtype, Dtype fallback) {
  // The parser has refused unknown names.
  return dtype ? dtypeFromName(dtype->text).value_or(fallback) : fallback;
}

bool Checker::declareSymbol(Name name, Symbol::Kind kind, unsigned index) {
  Symbol symbol;
  symbol.kind = kind;
  symbol.loc = name.loc;
  symbol.index = index;
  auto [found, isNew] = symbols.try_emplace(name.text, symbol);
  if (isNew)
    return true;
  diagnostics.error(name.loc,
                    "expected a new name, found '" + name.text + "' again");
  diagnostics.note(found->second.loc, "'" + name.text + "' is declared here");
  return false;
}

//===-- Indices -----------------------------------------------------------===//

std::optional<unsigned> Checker::addDim(const IndexDecl &index, bool binds) {
  std::optional<unsigned> found = findDim(index.name.text);
  if (!found) {
    if (out.dims.size() == maximalDims) {
      diagnostics.error(index.name.loc, "expected at most " +
                                            Twine(maximalDims) +
                                            " different indices, found '" +
                                            index.name.text + "'");
      return std::nullopt;
    }
    found = out.dims.size();
    out.dims.push_back({index.name.text.str(), index.name.loc, {}, false});
  }
  Dim &dim = out.dims[*found];
  dim.isBound |= binds;
  if (index.size && dim.size && *index.size != *dim.size) {
    diagnostics.error(index.sizeLoc, "expected size " + Twine(*dim.size) +
                                         " for '" + dim.name + "', found " +
                                         Twine(*index.size));
    diagnostics.note(dim.loc, "'" + dim.name + "' is declared here");
    return std::nullopt;
  }
  if (index.size)
    dim.size = index.size;
  return found;
}

std::optional<std::vector<unsigned>>
Checker::addDims(llvm::ArrayRef<IndexDecl> indices, bool binds) {
  std::vector<unsigned> dims;
  for (const IndexDecl &index : indices) {
    std::optional<unsigned> dim = addDim(index, binds);
    if (!dim)
      return std::nullopt;
    if (llvm::is_contained(dims, *dim)) {
      diagnostics.error(index.name.loc, "expected different indices, found '" +
                                            index.name.text + "' twice");
      return std::nullopt;
    }
    dims.push_back(*dim);
  }
  return dims;
}

DimSet Checker::setOf(llvm::ArrayRef<unsigned> dims) const {
  DimSet set = 0;
  for (unsigned dim : dims)
    if (dim != out.time)
      set |= bit(dim);
  return set;
}

//===-- Arguments ---------------------------------------------------------===//

std::optional<unsigned> Checker::addArgument(const TensorDecl &tensor,
                                             Argument::Role role, Dtype dtype) {
  std::optional<std::vector<unsigned>> dims =
      addDims(tensor.indices, /*binds=*/true);
  unsigned number = out.arguments.size();
  // Declared even if its indices are wrong: its uses are no errors.
  bool isNew = declareSymbol(tensor.name, Symbol::Kind::Argument, number);
  Argument argument;
  argument.name = tensor.name.text.str();
  argument.loc = tensor.name.loc;
  argument.role = role;
  argument.dtype = dtypeOf(tensor.dtype, dtype);
  if (dims)
    argument.dims = *dims;
  if (!isNew)
    return std::nullopt;
  out.arguments.push_back(std::move(argument));
  return number;
}

void Checker::declareArguments() {
  for (const TensorDecl &argument : decl.arguments)
    addArgument(argument, Argument::Role::Input, Dtype::F32);
  std::optional<unsigned> time = findDim(decl.time.text);
  if (!time) {
    diagnostics.error(decl.time.loc,
                      "expected an argument with the time index '" +
                          decl.time.text + "', found none");
    IndexDecl index;
    index.name = decl.time;
    time = addDim(index, /*binds=*/true);
  }
  out.time = time.value_or(0);
}

std::optional<unsigned> Checker::findArgument(Name name, StringRef purpose) {
  auto found = symbols.find(name.text);
  if (found != symbols.end() && found->second.kind == Symbol::Kind::Argument)
    return found->second.index;
  std::vector<StringRef> names;
  for (const Argument &argument : out.arguments)
    names.push_back(argument.name);
  diagnostics.error(name.loc, "expected an argument " + purpose + ", found '" +
                                  name.text + "'" +
                                  didYouMean(name.text, names));
  return std::nullopt;
}

//===-- Reset, segments, histories ----------------------------------------===//

void Checker::declareClauses() {
  // Resets come first in the list of arguments, wherever they are written.
  for (const TensorDecl &reset : decl.resets)
    declareReset(reset);
  for (const SegmentsDecl &segments : decl.segments)
    declareSegments(segments);
}

void Checker::declareReset(const TensorDecl &reset) {
  if (out.resetArgument) {
    diagnostics.error(reset.name.loc, "expected one reset, found another");
    diagnostics.note(out.arguments[*out.resetArgument].loc,
                     "the first is declared here");
    return;
  }
  auto found = symbols.find(reset.name.text);
  std::optional<unsigned> number;
  if (found == symbols.end()) {
    number = addArgument(reset, Argument::Role::Reset, Dtype::F32);
  } else {
    // An argument of the list, named again: it must be declared the same way.
    number = found->second.index;
    Argument &argument = out.arguments[*number];
    std::optional<std::vector<unsigned>> dims =
        addDims(reset.indices, /*binds=*/false);
    if (!dims)
      return;
    if (*dims != argument.dims ||
        (reset.dtype && dtypeOf(reset.dtype, Dtype::F32) != argument.dtype)) {
      diagnostics.error(reset.name.loc,
                        "expected '" + argument.name +
                            shownDims(argument.dims) + ": " +
                            name(argument.dtype) +
                            "' as among the arguments, found another "
                            "declaration");
      diagnostics.note(argument.loc, "the argument is declared here");
      return;
    }
    argument.role = Argument::Role::Reset;
  }
  if (!number)
    return;
  const Argument &argument = out.arguments[*number];
  if (!llvm::is_contained(argument.dims, out.time)) {
    diagnostics.error(reset.name.loc,
                      "expected the time index '" + decl.time.text +
                          "' among the indices of the reset '" + argument.name +
                          "', found " + shownDims(argument.dims));
    return;
  }
  if (isComplex(argument.dtype)) {
    diagnostics.error(reset.name.loc, "expected a real, integer or bool dtype "
                                      "for the reset '" +
                                          argument.name + "', found " +
                                          name(argument.dtype));
    return;
  }
  out.resetArgument = number;
}

void Checker::declareSegments(const SegmentsDecl &segments) {
  if (out.segmentsArgument) {
    diagnostics.error(segments.name.loc,
                      "expected one segments clause, found another");
    diagnostics.note(out.arguments[*out.segmentsArgument].loc,
                     "the first is declared here");
    return;
  }
  if (segments.index.name.text == decl.time.text) {
    diagnostics.error(segments.index.name.loc,
                      "expected an index that counts segments, found the time "
                      "index '" +
                          decl.time.text + "'");
    return;
  }
  TensorDecl tensor;
  tensor.name = segments.name;
  tensor.indices = {segments.index};
  tensor.dtype = segments.dtype;
  std::optional<unsigned> number =
      addArgument(tensor, Argument::Role::Segments, Dtype::I32);
  std::optional<unsigned> dim = findDim(segments.index.name.text);
  if (!number || !dim)
    return;
  Dtype dtype = out.arguments[*number].dtype;
  if (dtype != Dtype::I32 && dtype != Dtype::I64) {
    diagnostics.error(segments.name.loc,
                      "expected i32 or i64 for the cumulative lengths '" +
                          segments.name.text + "', found " + name(dtype));
    return;
  }
  out.segmentsArgument = number;
  out.segments = dim;
}

/// `history x = x0`: x0 has the indices of x in their order, with a static
/// index that counts steps in the place of time, or without one for a single
/// step.
void Checker::declareHistories() {
  for (const HistoryDecl &history : decl.histories) {
    std::optional<unsigned> input =
        findArgument(history.input, "that has a history");
    std::optional<unsigned> past =
        findArgument(history.argument, "that holds the history");
    if (!input || !past)
      continue;
    Argument &of = out.arguments[*input];
    Argument &before = out.arguments[*past];
    if (!llvm::is_contained(of.dims, out.time)) {
      diagnostics.error(history.input.loc,
                        "expected an argument with the time index '" +
                            decl.time.text + "', found '" + of.name +
                            shownDims(of.dims) + "'");
      continue;
    }
    if (of.history) {
      diagnostics.error(history.input.loc, "expected one history of '" +
                                               of.name + "', found another");
      diagnostics.note(of.historyLoc, "the first is declared here");
      continue;
    }
    std::vector<unsigned> without, found = before.dims;
    size_t position = 0;
    for (auto [i, dim] : llvm::enumerate(of.dims))
      if (dim == out.time)
        position = i;
      else
        without.push_back(dim);
    bool hasSteps = found.size() == of.dims.size();
    bool isStatic = true;
    if (hasSteps) {
      const Dim &steps = out.dims[found[position]];
      isStatic = steps.size && !llvm::is_contained(without, found[position]) &&
                 found[position] != out.time && found[position] != out.segments;
      found.erase(found.begin() + position);
    }
    if (found != without || !isStatic) {
      std::string steps;
      for (unsigned dim : of.dims)
        steps += (steps.empty() ? "" : ",") +
                 (dim == out.time ? "k=STEPS" : out.dims[dim].name);
      diagnostics.error(history.argument.loc,
                        "expected '" + before.name + "[" + steps + "]' or '" +
                            before.name + shownDims(without) +
                            "' for the history of '" + of.name + "', found '" +
                            before.name + shownDims(before.dims) + "'" +
                            (isStatic ? "" : " without a static size"));
      continue;
    }
    if (before.dtype != of.dtype) {
      diagnostics.error(history.argument.loc,
                        "expected " + name(of.dtype) + " as in '" + of.name +
                            "', found " + name(before.dtype));
      continue;
    }
    before.isHistory = true;
    of.history = past;
    of.historyLoc = history.input.loc;
  }
}

//===-- States ------------------------------------------------------------===//

/// The indices of a state, which are none of time and segments.
std::optional<std::vector<unsigned>>
Checker::declareStateDims(const TensorDecl &tensor) {
  std::optional<std::vector<unsigned>> dims =
      addDims(tensor.indices, /*binds=*/false);
  for (const IndexDecl &index : tensor.indices) {
    std::optional<unsigned> dim = findDim(index.name.text);
    if (!dim || (dim != out.time && dim != out.segments))
      continue;
    bool isTime = dim == out.time;
    diagnostics.error(index.name.loc,
                      "expected a state without the index of " +
                          Twine(isTime ? "time" : "segments") + ", found '" +
                          index.name.text + "'; " +
                          (isTime ? "a state is a value at every step"
                                  : "a state starts anew in every segment"));
    if (dims)
      llvm::erase(*dims, *dim);
  }
  return dims;
}

void Checker::declareStates() {
  for (const StateDecl &written : decl.states) {
    const TensorDecl &tensor = written.tensor;
    if (written.monoid) {
      declareTuple(written);
      continue;
    }
    unsigned number = out.states.size();
    if (!declareSymbol(tensor.name, Symbol::Kind::State, number))
      continue;
    State &state = out.states.emplace_back();
    state.name = state.spelling = tensor.name.text.str();
    state.loc = tensor.name.loc;
    state.dtype = dtypeOf(tensor.dtype, Dtype::F32);
    bool isStateDtype = state.dtype == Dtype::F32 ||
                        state.dtype == Dtype::F64 || isComplex(state.dtype) ||
                        state.dtype == Dtype::Bool;
    if (!isStateDtype) {
      diagnostics.error(tensor.dtype->loc,
                        "expected f32, f64, c64, c128 or bool for a state, "
                        "found " +
                            name(state.dtype));
      state.dtype = Dtype::F32;
    }
    if (std::optional<std::vector<unsigned>> dims = declareStateDims(tensor))
      state.dims = *dims;
    for (const StartDecl &start : written.starts)
      addStart(state, start);
    if (written.starts.empty())
      state.starts.push_back({std::nullopt, 0, state.loc});
  }
}

void Checker::addStart(State &state, const StartDecl &written) {
  bool isBool = state.dtype == Dtype::Bool;
  Start start{std::nullopt, written.number, written.loc};
  if (!written.argument) {
    if (written.isBoolean != isBool)
      diagnostics.error(
          written.loc,
          Twine(isBool ? "expected true or false" : "expected a number") +
              " for the state '" + state.name + "', found " +
              (isBool ? "a number" : "bool"));
    state.starts.push_back(start);
    return;
  }
  std::optional<unsigned> number =
      findArgument(*written.argument, "for a state to start at");
  if (!number)
    return;
  Argument &argument = out.arguments[*number];
  DimSet allowed = setOf(state.dims);
  if (out.segments)
    allowed |= bit(*out.segments);
  if (llvm::is_contained(argument.dims, out.time)) {
    diagnostics.error(written.loc, "expected a start without the time index, "
                                   "found '" +
                                       argument.name +
                                       shownDims(argument.dims) + "'");
    return;
  }
  if (DimSet surplus = setOf(argument.dims) & ~allowed) {
    diagnostics.error(written.loc, "expected a start with indices of '" +
                                       state.name + shownDims(state.dims) +
                                       "', found '" + argument.name +
                                       shownDims(argument.dims) + "' with " +
                                       shownSet(surplus));
    return;
  }
  if (argument.dtype != state.dtype) {
    diagnostics.error(written.loc, "expected " + name(state.dtype) +
                                       ", the dtype of the state '" +
                                       state.name + "', found '" +
                                       argument.name + ": " +
                                       name(argument.dtype) + "'");
    return;
  }
  argument.isStart = true;
  start.argument = number;
  state.starts.push_back(start);
}

/// `guess h = g`: g has the indices of h and time, in any order.
void Checker::declareGuesses() {
  for (const GuessDecl &guess : decl.guesses) {
    auto found = symbols.find(guess.state.text);
    if (found == symbols.end() || found->second.kind != Symbol::Kind::State) {
      std::vector<StringRef> names;
      for (const State &state : out.states)
        names.push_back(state.name);
      diagnostics.error(guess.state.loc,
                        "expected a state to guess, found '" +
                            guess.state.text + "'" +
                            didYouMean(guess.state.text, names));
      continue;
    }
    std::optional<unsigned> number =
        findArgument(guess.argument, "with the guessed trajectory");
    if (!number)
      continue;
    State &state = out.states[found->second.index];
    const Argument &argument = out.arguments[*number];
    if (state.guess) {
      diagnostics.error(guess.state.loc, "expected one guess of '" +
                                             state.name + "', found another");
      diagnostics.note(state.guessLoc, "the first is declared here");
      continue;
    }
    if (state.monoid ||
        (state.dtype != Dtype::F32 && state.dtype != Dtype::F64)) {
      diagnostics.error(guess.state.loc,
                        "expected a state of f32 or f64 to guess, found '" +
                            state.name + "' of " +
                            (state.monoid ? "a tuple" : name(state.dtype)));
      continue;
    }
    if (setOf(argument.dims) != setOf(state.dims) ||
        !llvm::is_contained(argument.dims, out.time)) {
      diagnostics.error(guess.argument.loc,
                        "expected the indices of the state '" + state.name +
                            shownDims(state.dims) + "' and time, found '" +
                            argument.name + shownDims(argument.dims) + "'");
      continue;
    }
    if (argument.dtype != Dtype::F32 && argument.dtype != Dtype::F64 &&
        argument.dtype != Dtype::F16 && argument.dtype != Dtype::BF16) {
      diagnostics.error(guess.argument.loc,
                        "expected a real dtype for the guess of '" +
                            state.name + "', found " + name(argument.dtype));
      continue;
    }
    state.guess = number;
    state.guessLoc = guess.state.loc;
  }
}

//===-- Results -----------------------------------------------------------===//

void Checker::declareFinal(const ResultDecl &written) {
  Name name = written.tensor.name;
  auto found = symbols.find(name.text);
  if (found == symbols.end() || found->second.kind != Symbol::Kind::State) {
    std::vector<StringRef> names;
    for (const State &state : out.states)
      names.push_back(state.spelling);
    diagnostics.error(name.loc, "expected a state after 'final', found '" +
                                    name.text + "'" +
                                    didYouMean(name.text, names));
    return;
  }
  State &state = out.states[found->second.index];
  Dtype dtype = dtypeOf(written.tensor.dtype, state.dtype);
  if (dtype != state.dtype) {
    diagnostics.error(written.tensor.dtype->loc,
                      "expected " + spec::name(state.dtype) +
                          ", the dtype of the state '" + state.name +
                          "', found " + spec::name(dtype));
    return;
  }
  if (state.monoid && written.lag) {
    diagnostics.error(written.lagLoc,
                      "expected the last value of the tuple's member '" +
                          state.spelling + "', found an earlier one");
    return;
  }
  state.order = std::max(state.order, written.lag + 1);
  Result &result = out.results.emplace_back();
  result.kind = Result::Kind::Final;
  result.name = state.name + "_last";
  if (written.lag)
    result.name += "_" + std::to_string(written.lag);
  result.loc = name.loc;
  result.dtype = dtype;
  result.state = found->second.index;
  result.lag = written.lag;
  if (out.segments)
    result.dims.push_back(*out.segments);
  result.dims.insert(result.dims.end(), state.dims.begin(), state.dims.end());
}

void Checker::declareResults() {
  for (const ResultDecl &written : decl.results) {
    if (written.isFinal) {
      declareFinal(written);
      continue;
    }
    Name name = written.tensor.name;
    std::optional<std::vector<unsigned>> dims =
        addDims(written.tensor.indices, /*binds=*/false);
    auto found = symbols.find(name.text);
    if (found != symbols.end() && found->second.kind == Symbol::Kind::Tuple) {
      diagnostics.error(name.loc, "expected a result of one number, found the "
                                  "tuple '" +
                                      name.text +
                                      "'; assign a member of it to a result");
      continue;
    }
    if (found != symbols.end() &&
        found->second.kind == Symbol::Kind::Argument) {
      diagnostics.error(name.loc, "expected a result other than an argument, "
                                  "found '" +
                                      name.text + "'");
      diagnostics.note(found->second.loc,
                       "'" + name.text + "' is declared here");
      continue;
    }
    Result &result = out.results.emplace_back();
    result.name = name.text.str();
    result.loc = name.loc;
    if (dims)
      result.dims = *dims;
    if (out.segments && llvm::is_contained(result.dims, *out.segments))
      diagnostics.error(name.loc, "expected a result without the index of "
                                  "segments, found '" +
                                      result.name + shownDims(result.dims) +
                                      "'; only final states have it");
    if (dims && !llvm::is_contained(result.dims, out.time))
      diagnostics.error(name.loc,
                        "expected the time index '" + decl.time.text +
                            "' in the result '" + result.name +
                            shownDims(result.dims) +
                            "', found none; the last value of a state is "
                            "'final NAME'");
    if (found == symbols.end()) {
      result.dtype = dtypeOf(written.tensor.dtype, Dtype::F32);
      resultOf[result.name] = out.results.size() - 1;
      continue;
    }
    result.kind = Result::Kind::Trajectory;
    result.state = found->second.index;
    const State &state = out.states[result.state];
    result.dtype = dtypeOf(written.tensor.dtype, state.dtype);
    if (dims && setOf(result.dims) != setOf(state.dims))
      diagnostics.error(name.loc, "expected the indices of the state '" +
                                      state.name + shownDims(state.dims) +
                                      "' and time, found '" + result.name +
                                      shownDims(result.dims) + "'");
  }
  // Two results, or a result and an argument, cannot have one name: callers
  // tell them apart by it.
  llvm::StringMap<llvm::SMLoc> taken;
  for (const Argument &argument : out.arguments)
    taken[argument.name] = argument.loc;
  for (const Result &result : out.results) {
    auto [found, isNew] = taken.try_emplace(result.name, result.loc);
    if (isNew)
      continue;
    diagnostics.error(result.loc, "expected results and arguments with "
                                  "different names, found '" +
                                      result.name + "' again");
    diagnostics.note(found->second, "the other one is declared here");
  }
}
