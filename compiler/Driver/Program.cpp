//===-- Program.cpp - compiles specs at run time --------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The public library: Compilation and JitObject behind a header without LLVM,
/// and a cache of what was compiled.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Jit.h"
#include "recur/compiler.h"

#include "llvm/ADT/StringExtras.h"
#include <deque>
#include <map>
#include <mutex>

using namespace recur;

struct Program::Compiled {
  bool good = false;
  std::string errors;
  std::vector<Message> messages;
  std::unique_ptr<JitObject> code;
  std::vector<std::pair<std::string, const recur_info *>> functions;

  Compiled(std::string_view text, const ProgramOptions &options);
  void fail(llvm::StringRef file, llvm::Error error);
};

namespace {
void append(std::vector<Message> &messages, const Diagnostic &diagnostic) {
  auto kind = Message::Kind::Error;
  if (diagnostic.severity == Severity::Warning)
    kind = Message::Kind::Warning;
  else if (diagnostic.severity == Severity::Remark)
    kind = Message::Kind::Remark;
  else if (diagnostic.severity == Severity::Note)
    kind = Message::Kind::Note;
  messages.push_back(
      {kind, diagnostic.line, diagnostic.column, diagnostic.message});
  for (const Diagnostic &note : diagnostic.notes)
    append(messages, note);
}
} // namespace

void Program::Compiled::fail(llvm::StringRef file, llvm::Error error) {
  std::string text = llvm::toString(std::move(error));
  messages.push_back({Message::Kind::Error, 0, 0, text});
  errors += (file + ": error: " + text + "\n").str();
}

Program::Compiled::Compiled(std::string_view text,
                            const ProgramOptions &options) {
  CompileOptions request;
  request.targets = options.targets;
  request.schedule = options.schedule;
  request.tolerance = options.tolerance;
  request.passes = options.passes;
  request.steps = options.steps;
  Compilation compilation(std::string(text), options.file, request);
  std::string object;
  Outcome outcome = compilation.emitObject(object);
  errors = compilation.render();
  for (const Diagnostic &diagnostic : compilation.getDiagnostics().list)
    append(messages, diagnostic);
  if (outcome != Outcome::Ok)
    return;
  auto loaded = JitObject::load(object);
  if (!loaded) {
    fail(options.file, loaded.takeError());
    return;
  }
  code = std::move(*loaded);
  for (const std::string &name : compilation.getFunctionNames()) {
    auto info = code->info(name);
    if (!info) {
      fail(options.file, info.takeError());
      return;
    }
    functions.emplace_back(name, *info);
  }
  good = true;
}

namespace {
/// What was compiled last, by everything the result depends on. Programs that
/// are still held by someone stay valid after they have left the cache.
template <typename Value> class Cache {
public:
  std::shared_ptr<const Value> find(const std::string &key) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = entries.find(key);
    return found == entries.end() ? nullptr : found->second;
  }
  /// Returns what another thread has put there meanwhile, if it has.
  std::shared_ptr<const Value> insert(const std::string &key,
                                      std::shared_ptr<const Value> value) {
    std::lock_guard<std::mutex> lock(mutex);
    auto [entry, isNew] = entries.emplace(key, value);
    std::shared_ptr<const Value> result = entry->second;
    if (isNew) {
      order.push_back(key);
      if (order.size() > capacity) {
        entries.erase(order.front());
        order.pop_front();
      }
    }
    return result;
  }

private:
  static constexpr size_t capacity = 256;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const Value>> entries;
  std::deque<std::string> order;
};

/// Every part with its length in front, so that no two requests share a key.
std::string makeKey(std::string_view text, const ProgramOptions &options) {
  std::string key;
  auto add = [&](std::string_view part) {
    key += std::to_string(part.size()) + ":";
    key += part;
  };
  add(text);
  add(options.file);
  add(options.schedule);
  char number[32];
  std::snprintf(number, sizeof number, "%a", options.tolerance);
  add(number);
  add(std::to_string(options.passes));
  add(options.steps ? "steps" : "");
  for (const std::string &target : options.targets)
    add(target);
  return key;
}
} // namespace

Program Program::compile(std::string_view text, const ProgramOptions &options) {
  // Never destroyed: programs may be freed after static objects are gone.
  static auto &cache = *new Cache<Compiled>;
  std::string key = makeKey(text, options);
  if (auto found = cache.find(key))
    return Program(found);
  auto compiled = std::make_shared<const Compiled>(text, options);
  return Program(cache.insert(key, std::move(compiled)));
}

Program::operator bool() const { return compiled->good; }
const std::string &Program::errors() const { return compiled->errors; }
const std::vector<Message> &Program::messages() const {
  return compiled->messages;
}

std::vector<std::string> Program::names() const {
  std::vector<std::string> names;
  if (compiled->good)
    for (const auto &[name, info] : compiled->functions)
      names.push_back(name);
  return names;
}

Function Program::operator[](std::string_view name) const {
  if (compiled->good)
    for (const auto &[known, info] : compiled->functions)
      if (known == name)
        return Function(compiled, info);
  return Function();
}

int Function::call(const DLTensor *const *arguments, int32_t count,
                   void *workspace, size_t workspaceBytes, void *stream) const {
  return recur_call(description, arguments, count, workspace, workspaceBytes,
                    stream);
}

int Function::workspace(const DLTensor *const *arguments, int32_t count,
                        size_t &bytes) const {
  return recur_workspace(description, arguments, count, &bytes);
}
