//===-- recur/compiler.h - compiles specs at run time -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The compiler as a library: a program compiles the text of a spec and calls
/// its recurrences. C++17; needs librecur-compiler. Programs that compile ahead
/// of time need only recur/runtime.h.
///
/// \code
///   recur::Program program = recur::Program::compile(text);
///   if (!program) {
///     std::cerr << program.errors();
///     return 1;
///   }
///   recur::Function smooth = program["smooth"];
///   if (smooth(&x, &a, &y) != RECUR_OK)
///     std::cerr << recur_last_error() << '\n';
/// \endcode
#ifndef RECUR_COMPILER_H
#define RECUR_COMPILER_H

#include <recur/runtime.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace recur {

/// How a spec is compiled.
struct ProgramOptions {
  /// `cpu` (this machine), x86-64-v2, x86-64-v3, x86-64-v4, and GPUs such as
  /// sm_90a: a call runs where its tensors are.
  std::vector<std::string> targets = {"cpu"};
  /// Overrides the schedule, as recurc's --schedule does; empty: chosen.
  std::string schedule;
  /// Of Newton's method for steps that are not affine, on GPUs: the correction
  /// under which a channel has converged, relative to its states (0: 1e-5 for
  /// f32 states, 1e-10 for f64), and after how many passes it is finished in
  /// order. recur_read_report tells what a call took.
  double tolerance = 0;
  int passes = 16;
  /// Also makes NAME_step, one time step for decoding, of every recurrence.
  bool steps = false;
  /// What messages call the spec.
  std::string file = "<spec>";
};

/// A message about a spec. Lines and columns count from 1; 0: the whole spec.
struct Message {
  enum class Kind { Error, Warning, Remark, Note };
  Kind kind = Kind::Error;
  unsigned line = 0, column = 0;
  std::string text;
};

/// One compiled recurrence. Copies are cheap and keep the code loaded.
class RECUR_EXPORT Function {
public:
  Function() = default;
  /// False for a name that the program does not have.
  explicit operator bool() const { return description != nullptr; }

  /// Its dims and arguments, as the C ABI describes them.
  const recur_info &info() const { return *description; }
  const char *name() const { return description->name; }

  /// Calls it on the tensors of all arguments in the order of
  /// info().arguments: inputs, then results. Returns a recur_status, of which
  /// recur_last_error() has the text. May run on several threads at once.
  int call(const DLTensor *const *arguments, int32_t count,
           void *workspace = nullptr, size_t workspaceBytes = 0,
           void *stream = nullptr) const;
  template <typename... Tensors>
  int operator()(const Tensors *...tensors) const {
    const DLTensor *arguments[] = {tensors..., nullptr};
    return call(arguments, static_cast<int32_t>(sizeof...(tensors)));
  }
  /// Bytes of workspace that a call on these tensors needs.
  int workspace(const DLTensor *const *arguments, int32_t count,
                size_t &bytes) const;

private:
  friend class Program;
  Function(std::shared_ptr<const void> code, const recur_info *description)
      : code(std::move(code)), description(description) {}
  std::shared_ptr<const void> code;
  const recur_info *description = nullptr;
};

/// A compiled spec, or why it could not be compiled.
class RECUR_EXPORT Program {
public:
  /// Compiles `text`. The same text with the same options is compiled once in a
  /// process. Safe to call from several threads; never throws anything but
  /// std::bad_alloc.
  static Program compile(std::string_view text,
                         const ProgramOptions &options = {});

  /// True if it compiled.
  explicit operator bool() const;
  /// The messages as `FILE:LINE:COL: error: ...` with the line and a caret;
  /// empty if there are none.
  const std::string &errors() const;
  const std::vector<Message> &messages() const;

  /// The names of the recurrences in the order of the spec.
  std::vector<std::string> names() const;
  /// The recurrence `name`; false if there is none.
  Function operator[](std::string_view name) const;

private:
  struct Compiled;
  explicit Program(std::shared_ptr<const Compiled> compiled)
      : compiled(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled;
};

} // namespace recur

#endif // RECUR_COMPILER_H
