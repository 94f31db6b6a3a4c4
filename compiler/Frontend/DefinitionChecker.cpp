//===-- DefinitionChecker.cpp - the functions of a spec -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Checks what holds for a `def` whatever it is called with: its names, the
/// functions it calls and that it does not call itself.
#include "compiler/Frontend/CheckerImpl.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSet.h"

using namespace recur::spec;
using llvm::StringRef;
using llvm::Twine;

namespace {

class DefinitionChecker {
public:
  DefinitionChecker(const DefinitionMap &known, Diagnostics &diagnostics)
      : known(known), diagnostics(diagnostics) {}

  void checkBody(const Definition &definition) {
    llvm::StringSet<> seen;
    for (const Name &parameter : definition.parameters)
      if (!seen.insert(parameter.text).second)
        diagnostics.error(parameter.loc,
                          "expected different parameters, found '" +
                              parameter.text + "' twice");
    // An explicit stack: a body is as high as an expression may be.
    std::vector<const Expr *> pending{definition.body};
    while (!pending.empty()) {
      const Expr *expr = pending.back();
      pending.pop_back();
      // What `repeat` calls is a function, no parameter.
      const Expr *repeated =
          expr->kind == Expr::Kind::Call && expr->name.text == repeatName
              ? getRepeated(*expr)
              : nullptr;
      for (const Expr *operand : llvm::reverse(expr->operands))
        if (operand != repeated)
          pending.push_back(operand);
      if (expr->kind == Expr::Kind::Previous)
        diagnostics.error(expr->loc,
                          "expected no prev in a function, whose parameters "
                          "are values; pass prev(" +
                              expr->name.text + ") to it instead");
      else if (expr->kind == Expr::Kind::Access)
        checkName(definition, *expr);
    }
  }

  /// Reports every definition from which a call leads back to itself.
  void checkRecursion(llvm::ArrayRef<Definition> definitions) {
    for (const Definition &definition : definitions)
      if (!done.contains(&definition))
        search(definition);
  }

private:
  void checkName(const Definition &definition, const Expr &expr) {
    bool isParameter = llvm::any_of(definition.parameters, [&](const Name &p) {
      return p.text == expr.name.text;
    });
    if (!isParameter) {
      std::vector<StringRef> names;
      for (const Name &parameter : definition.parameters)
        names.push_back(parameter.text);
      diagnostics.error(expr.loc, "expected a parameter of '" +
                                      definition.name.text + "', found '" +
                                      expr.name.text + "'" +
                                      didYouMean(expr.name.text, names));
    } else if (expr.hasIndices) {
      diagnostics.error(expr.loc, "expected a bare name, found indices on '" +
                                      expr.name.text +
                                      "'; a parameter is a value");
    }
  }

  /// Depth first over the calls with an explicit stack, since a file can hold
  /// any number of definitions that call each other.
  void search(const Definition &root) {
    struct Frame {
      const Definition *definition;
      std::vector<const Expr *> pending;
    };
    std::vector<Frame> stack;
    llvm::SmallPtrSet<const Definition *, 8> active;
    auto enter = [&](const Definition *definition) {
      active.insert(definition);
      stack.push_back({definition, {definition->body}});
    };
    enter(&root);
    while (!stack.empty()) {
      if (stack.back().pending.empty()) {
        active.erase(stack.back().definition);
        done.insert(stack.back().definition);
        stack.pop_back();
        continue;
      }
      const Expr *expr = stack.back().pending.back();
      stack.back().pending.pop_back();
      stack.back().pending.insert(stack.back().pending.end(),
                                  expr->operands.begin(), expr->operands.end());
      if (expr->kind != Expr::Kind::Call)
        continue;
      const Expr *repeated =
          expr->name.text == repeatName ? getRepeated(*expr) : nullptr;
      const Definition *callee =
          known.lookup(repeated ? repeated->name.text : expr->name.text);
      if (!callee)
        continue;
      if (active.contains(callee)) {
        diagnostics.error(expr->loc, "expected functions that do not call "
                                     "themselves, found a call of '" +
                                         callee->name.text + "' inside itself");
        diagnostics.note(callee->name.loc,
                         "'" + callee->name.text + "' is defined here");
      } else if (!done.contains(callee)) {
        enter(callee);
      }
    }
  }

  const DefinitionMap &known;
  Diagnostics &diagnostics;
  llvm::SmallPtrSet<const Definition *, 8> done;
};

} // namespace

void recur::spec::checkDefinitions(llvm::ArrayRef<Definition> definitions,
                                   DefinitionMap &known,
                                   Diagnostics &diagnostics) {
  for (const Definition &definition : definitions) {
    StringRef name = definition.name.text;
    if (name == "prev" || name == repeatName || findFunction(name) ||
        findReduction(name)) {
      diagnostics.error(definition.name.loc,
                        "expected a new name for a function, found the "
                        "built-in '" +
                            name + "'");
      continue;
    }
    auto [found, isNew] = known.try_emplace(name, &definition);
    if (!isNew) {
      diagnostics.error(definition.name.loc, "expected a new name for a "
                                             "function, found '" +
                                                 name + "' again");
      diagnostics.note(found->second->name.loc,
                       "'" + name + "' is defined here");
    }
  }
  DefinitionChecker checker(known, diagnostics);
  for (const Definition &definition : definitions)
    checker.checkBody(definition);
  checker.checkRecursion(definitions);
}
