//===-- AccessChecker.cpp - names and indices in a step -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Resolves what a name with or without indices reads, and checks the indices
/// against what was declared.
#include "compiler/Frontend/CheckerImpl.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

std::optional<unsigned> Checker::findDim(StringRef name) const {
  for (unsigned dim = 0; dim < out.dims.size(); ++dim)
    if (out.dims[dim].name == name)
      return dim;
  return std::nullopt;
}

std::optional<unsigned> Checker::requireDim(Name name) {
  if (std::optional<unsigned> dim = findDim(name.text))
    return dim;
  std::vector<StringRef> names;
  for (const Dim &dim : out.dims)
    names.push_back(dim.name);
  diagnostics.error(name.loc, "expected a declared index, found '" + name.text +
                                  "'" + didYouMean(name.text, names));
  return std::nullopt;
}

std::string Checker::shownDims(llvm::ArrayRef<unsigned> dims) const {
  std::string shown = "[";
  for (unsigned dim : dims)
    shown += (shown.size() > 1 ? "," : "") + out.dims[dim].name;
  return shown + "]";
}

std::string Checker::shownSet(DimSet dims) const {
  std::string shown;
  for (unsigned dim = 0; dim < out.dims.size(); ++dim)
    if (dims & bit(dim))
      shown += (shown.empty() ? "'" : ", '") + out.dims[dim].name + "'";
  return shown;
}

void Checker::unknownName(Name name, const Scope &scope) {
  if (definitions.count(name.text) || findFunction(name.text) ||
      findReduction(name.text) || name.text == "prev")
    return error(name.loc,
                 "expected a value, found the function '" + name.text +
                     "'; call it with '('",
                 scope);
  for (const Assignment &assignment : decl.assignments)
    if (assignment.name.text == name.text) {
      error(name.loc,
            "expected a value, found '" + name.text + "' before its assignment",
            scope);
      diagnostics.note(assignment.name.loc,
                       "'" + name.text + "' is assigned here");
      return;
    }
  if (findDim(name.text))
    return error(name.loc,
                 "expected a value, found the index '" + name.text + "'",
                 scope);
  std::vector<StringRef> names;
  for (const auto &symbol : symbols)
    names.push_back(symbol.getKey());
  llvm::sort(names); // The map's order is not the same in every run.
  error(name.loc,
        "expected a declared name, found '" + name.text + "'" +
            didYouMean(name.text, names),
        scope);
}

//===-- Indices -----------------------------------------------------------===//

/// The lag of an index at the position of time: `t` is 0, `t-k` is k. In a
/// reverse recurrence the step computed before is at `t+k`.
std::optional<int64_t> Checker::timeLag(const IndexExpr &index) {
  StringRef time = decl.time.text;
  auto past = decl.reverse ? IndexExpr::Kind::Add : IndexExpr::Kind::Subtract;
  std::string wanted = ("expected '" + time + "' or '" + time +
                        (decl.reverse ? "+k'" : "-k'") + " with a constant k")
                           .str();
  if (index.name.text != time) {
    diagnostics.error(index.loc(),
                      wanted + (index.kind == IndexExpr::Kind::Constant
                                    ? ", found a constant"
                                    : ", found '" + index.name.text + "'"));
    return std::nullopt;
  }
  if (index.kind == IndexExpr::Kind::Plain)
    return 0;
  if (index.kind != past) {
    bool isFuture = index.kind == IndexExpr::Kind::Add ||
                    index.kind == IndexExpr::Kind::Subtract;
    diagnostics.error(index.loc(),
                      wanted + (isFuture ? ", found a step that has not been "
                                           "computed yet"
                                         : ", found another operator"));
    return std::nullopt;
  }
  if (index.value > maximalLag) {
    diagnostics.error(index.loc(), "expected a lag of at most " +
                                       Twine(maximalLag) + ", found " +
                                       Twine(index.value));
    return std::nullopt;
  }
  return index.value;
}

std::optional<Index> Checker::resolveIndex(const IndexExpr &index) {
  Index resolved;
  if (index.kind == IndexExpr::Kind::Constant) {
    resolved.offset = index.value;
    return resolved;
  }
  std::optional<unsigned> dim = requireDim(index.name);
  if (!dim)
    return std::nullopt;
  if (dim == out.time) {
    diagnostics.error(index.loc(),
                      "expected an index other than time, found '" +
                          index.name.text +
                          "' at a position that is not time's");
    return std::nullopt;
  }
  if (dim == out.segments) {
    diagnostics.error(index.loc(), "expected an index of the step, found the "
                                   "index of segments '" +
                                       index.name.text + "'");
    return std::nullopt;
  }
  resolved.dim = dim;
  switch (index.kind) {
  case IndexExpr::Kind::Add:
    resolved.offset = index.value;
    break;
  case IndexExpr::Kind::Subtract:
    resolved.offset = -index.value;
    break;
  case IndexExpr::Kind::Divide:
    resolved.divisor = index.value;
    break;
  case IndexExpr::Kind::Modulo:
    resolved.modulus = index.value;
    break;
  default:
    break;
  }
  return resolved;
}

/// What can be said about an access before the sizes are known. The rest is
/// checked when the recurrence is called.
bool Checker::checkBounds(const Index &index, unsigned axis, llvm::SMLoc loc) {
  std::optional<int64_t> size = out.dims[axis].size;
  int64_t first = index.offset, last = index.offset;
  if (index.dim) {
    std::optional<int64_t> range = out.dims[*index.dim].size;
    if (!range && index.modulus == 0)
      last = first; // Unbounded above, but it still starts at `first`.
    else
      last += range ? (*range - 1) / index.divisor : index.modulus - 1;
    if (index.modulus)
      last = std::min(last, index.modulus - 1);
  }
  std::string shown = "index '" + out.dims[axis].name + "'";
  if (index.isPlain() && size) {
    std::optional<int64_t> found = out.dims[*index.dim].size;
    if (!found || *found == *size)
      return true;
    diagnostics.error(loc, "expected an index of size " + Twine(*size) +
                               " for " + shown + ", found '" +
                               out.dims[*index.dim].name + "' of size " +
                               Twine(*found));
    return false;
  }
  if (first < 0) {
    diagnostics.error(loc, "expected a position of at least 0 for " + shown +
                               ", found " + Twine(first));
    return false;
  }
  if (size && last >= *size) {
    diagnostics.error(loc, "expected a position below " + Twine(*size) +
                               " for " + shown + ", found " + Twine(last));
    return false;
  }
  return true;
}

bool Checker::checkCount(const Expr &expr, size_t wanted,
                         llvm::ArrayRef<unsigned> dims, bool timeOptional) {
  if (expr.indices.size() == wanted)
    return true;
  diagnostics.error(expr.name.loc, "expected " + Twine(wanted) +
                                       (wanted == 1 ? " index" : " indices") +
                                       " for '" + expr.name.text +
                                       shownDims(dims) + "'" +
                                       (timeOptional ? " besides time" : "") +
                                       ", found " + Twine(expr.indices.size()));
  return false;
}

//===-- Reads -------------------------------------------------------------===//

const Value *Checker::checkAccess(const Expr &expr, const Scope &scope) {
  if (scope.definition) {
    // checkDefinitions has seen to it that the name is a bare parameter.
    for (auto [parameter, value] :
         llvm::zip(scope.definition->parameters, scope.parameters))
      if (parameter.text == expr.name.text)
        return value;
    return nullptr;
  }
  int64_t lag = expr.kind == Expr::Kind::Previous ? expr.lag : 0;
  auto found = symbols.find(expr.name.text);
  bool isAssignedLater =
      found == symbols.end() &&
      llvm::any_of(decl.assignments, [&](const Assignment &assignment) {
        return assignment.name.text == expr.name.text;
      });
  bool isLocal =
      found != symbols.end() && found->second.kind == Symbol::Kind::Local;
  if (lag && (isLocal || isAssignedLater)) {
    diagnostics.error(expr.name.loc,
                      "expected a state or an argument in prev, found '" +
                          expr.name.text + "'; declare it with 'state " +
                          expr.name.text + "[...]' to keep its past");
    return nullptr;
  }
  if (found == symbols.end()) {
    unknownName(expr.name, scope);
    return nullptr;
  }
  Symbol &symbol = found->second;
  switch (symbol.kind) {
  case Symbol::Kind::Argument:
    return readArgument(expr, symbol.index, lag, scope);
  case Symbol::Kind::State:
    return readState(expr, symbol, lag, scope);
  case Symbol::Kind::Tuple:
    if (symbol.index == Symbol::kNoMembers)
      return nullptr;
    diagnostics.error(expr.name.loc, "expected a number, found the tuple '" +
                                         expr.name.text +
                                         "'; read a member of it, as in " +
                                         out.states[symbol.index].spelling);
    return nullptr;
  case Symbol::Kind::Local:
    break;
  }
  return symbol.value ? readLocal(expr, symbol, scope) : nullptr;
}

const Value *Checker::readArgument(const Expr &expr, unsigned number,
                                   int64_t lag, const Scope &scope) {
  Argument &argument = out.arguments[number];
  if (argument.role == Argument::Role::Segments) {
    diagnostics.error(expr.name.loc, "expected a value of the step, found the "
                                     "cumulative lengths '" +
                                         argument.name + "'");
    return nullptr;
  }
  if (out.segments && llvm::is_contained(argument.dims, *out.segments)) {
    diagnostics.error(expr.name.loc,
                      "expected a value of the step, found '" + argument.name +
                          "', which has the index of segments '" +
                          out.dims[*out.segments].name +
                          "' and can only start a state");
    argument.isStart = true; // One error is enough.
    return nullptr;
  }
  bool hasTime = llvm::is_contained(argument.dims, out.time);
  if (lag && !hasTime) {
    diagnostics.error(expr.name.loc, "expected an argument with the index '" +
                                         decl.time.text + "' in prev, found '" +
                                         argument.name +
                                         "', which does not change over time");
    return nullptr;
  }
  std::vector<Index> indices;
  if (expr.hasIndices) {
    if (!checkCount(expr, argument.dims.size(), argument.dims, false))
      return nullptr;
    for (auto [index, dim] : llvm::zip(expr.indices, argument.dims)) {
      if (dim == out.time) {
        std::optional<int64_t> written = timeLag(index);
        if (!written)
          return nullptr;
        lag += *written;
        Index time;
        time.dim = dim;
        indices.push_back(time);
        continue;
      }
      std::optional<Index> resolved = resolveIndex(index);
      if (!resolved || !checkBounds(*resolved, dim, index.loc()))
        return nullptr;
      indices.push_back(*resolved);
    }
  } else {
    for (unsigned dim : argument.dims) {
      Index plain;
      plain.dim = dim;
      indices.push_back(plain);
    }
  }
  argument.isRead = true;
  argument.maxLag = std::max(argument.maxLag, lag);
  Value *value = make(Value::Kind::Argument, argument.dtype, expr.loc, scope);
  if (!value)
    return nullptr;
  value->source = number;
  value->lag = lag;
  for (const Index &index : indices)
    if (index.dim && *index.dim != out.time)
      value->dims |= bit(*index.dim);
  value->indices = std::move(indices);
  return value;
}

const Value *Checker::readState(const Expr &expr, Symbol &symbol, int64_t lag,
                                const Scope &scope) {
  State &state = out.states[symbol.index];
  llvm::SmallVector<IndexExpr> others;
  if (expr.hasIndices) {
    bool hasTime = false;
    for (const IndexExpr &index : expr.indices) {
      bool isTime = index.name.text == decl.time.text &&
                    index.kind != IndexExpr::Kind::Constant;
      if (!isTime || hasTime) {
        others.push_back(index);
        continue;
      }
      std::optional<int64_t> written = timeLag(index);
      if (!written)
        return nullptr;
      lag += *written;
      hasTime = true;
    }
    Expr counted = expr;
    counted.indices = {others.begin(), others.end()};
    if (!checkCount(counted, state.dims.size(), state.dims, true))
      return nullptr;
  }
  if (lag == 0) {
    if (!symbol.isAssigned) {
      std::string past = ("prev(" + expr.name.text + ")").str();
      diagnostics.error(expr.name.loc, "expected a value, found the state '" +
                                           expr.name.text +
                                           "' before its assignment; write " +
                                           past + " for the step before");
      return nullptr;
    }
    if (!symbol.value || !expr.hasIndices)
      return symbol.value;
    return rename(expr, symbol.value, state.dims, others, scope);
  }
  int64_t most = state.monoid ? 1 : maximalLag;
  if (lag > most) {
    diagnostics.error(expr.name.loc,
                      "expected a lag of at most " + Twine(most) +
                          (state.monoid ? " for a member of a tuple" : "") +
                          ", found " + Twine(lag));
    return nullptr;
  }
  std::optional<std::vector<Index>> indices;
  if (expr.hasIndices) {
    indices = resolveRenaming(expr, state.dims, others);
    if (!indices)
      return nullptr;
  }
  state.order = std::max(state.order, lag);
  Value *value = make(Value::Kind::State, state.dtype, expr.loc, scope);
  if (!value)
    return nullptr;
  value->source = symbol.index;
  value->lag = lag;
  value->dims = indices ? 0 : setOf(state.dims);
  if (indices) {
    for (const Index &index : *indices)
      if (index.dim)
        value->dims |= bit(*index.dim);
    value->indices = std::move(*indices);
  }
  return value;
}

const Value *Checker::readLocal(const Expr &expr, const Symbol &symbol,
                                const Scope &scope) {
  if (!expr.hasIndices)
    return symbol.value;
  if (!symbol.hasDims) {
    diagnostics.error(expr.name.loc,
                      "expected a bare name, found indices on '" +
                          expr.name.text +
                          "', whose indices have no declared order");
    diagnostics.note(symbol.loc,
                     "declare them here: " + expr.name.text + "[...] = ...");
    return nullptr;
  }
  llvm::SmallVector<IndexExpr> others;
  bool hasTime = false;
  for (const IndexExpr &index : expr.indices) {
    if (hasTime || index.name.text != decl.time.text) {
      others.push_back(index);
      continue;
    }
    hasTime = true;
    if (index.kind != IndexExpr::Kind::Plain) {
      diagnostics.error(index.loc(), "expected '" + decl.time.text +
                                         "', found another step of '" +
                                         expr.name.text +
                                         "', which is not a state");
      return nullptr;
    }
  }
  Expr counted = expr;
  counted.indices = {others.begin(), others.end()};
  if (!checkCount(counted, symbol.dims.size(), symbol.dims, true))
    return nullptr;
  return rename(expr, symbol.value, symbol.dims, others, scope);
}

/// The indices of a value of the step, where other elements of the same step or
/// state are read. Nothing checks them later, so a renamed index must run over
/// the same range as the declared one, and both sizes must be known.
std::optional<std::vector<Index>>
Checker::resolveRenaming(const Expr &expr, llvm::ArrayRef<unsigned> declared,
                         llvm::ArrayRef<IndexExpr> indices) {
  std::vector<Index> resolved;
  for (auto [index, dim] : llvm::zip(indices, declared)) {
    std::optional<Index> position = resolveIndex(index);
    if (!position)
      return std::nullopt;
    resolved.push_back(*position);
    if (position->isPlain() && *position->dim == dim)
      continue;
    if (position->dim && !position->isPlain()) {
      diagnostics.error(index.loc(),
                        "expected an index name or a constant for '" +
                            out.dims[dim].name + "' of '" + expr.name.text +
                            "', found an expression; only arguments are read "
                            "at computed positions");
      return std::nullopt;
    }
    const Dim &wanted = out.dims[dim];
    auto shownSize = [](const Dim &d) {
      return d.size ? "size " + std::to_string(*d.size)
                    : std::string("no static size");
    };
    if (!position->dim) {
      if (!wanted.size) {
        diagnostics.error(index.loc(),
                          "expected a static size of '" + wanted.name +
                              "' for a constant position in it, "
                              "found none; write " +
                              wanted.name + "=SIZE where it is declared");
        return std::nullopt;
      }
      if (!checkBounds(*position, dim, index.loc()))
        return std::nullopt;
      continue;
    }
    const Dim &found = out.dims[*position->dim];
    if (!wanted.size || !found.size || *wanted.size != *found.size) {
      diagnostics.error(index.loc(),
                        "expected an index of the same static size as '" +
                            wanted.name + "' (" + shownSize(wanted) +
                            "), found '" + found.name + "' (" +
                            shownSize(found) + ")");
      return std::nullopt;
    }
  }
  return resolved;
}

const Value *Checker::rename(const Expr &expr, const Value *value,
                             llvm::ArrayRef<unsigned> declared,
                             llvm::ArrayRef<IndexExpr> indices,
                             const Scope &scope) {
  std::optional<std::vector<Index>> resolved =
      resolveRenaming(expr, declared, indices);
  if (!resolved)
    return nullptr;
  std::vector<unsigned> from;
  std::vector<Index> to;
  for (auto [dim, index] : llvm::zip(declared, *resolved))
    if (index.dim != dim) {
      from.push_back(dim);
      to.push_back(index);
    }
  if (from.empty())
    return value;
  Value *renamed = make(Value::Kind::Renamed, value->dtype, expr.loc, scope);
  if (!renamed)
    return nullptr;
  renamed->operands = {value};
  renamed->dims = value->dims & ~setOf(from);
  for (auto [dim, index] : llvm::zip(from, to))
    if (index.dim && (value->dims & bit(dim)))
      renamed->dims |= bit(*index.dim);
  renamed->from = std::move(from);
  renamed->indices = std::move(to);
  return renamed;
}
