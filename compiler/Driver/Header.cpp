//===-- Header.cpp - the C header of an artifact --------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Writes declarations with comments that say shapes and dtypes.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Header.h"

#include <recur/tensor.h>

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace recur;

namespace {
/// Words that C11 or C++17 (and <stddef.h>, <stdint.h> as macros) keep for
/// themselves.
bool isReserved(llvm::StringRef name) {
  static const llvm::StringSet<> words = {
      "alignas",     "alignof",      "and",       "and_eq",
      "asm",         "auto",         "bitand",    "bitor",
      "bool",        "break",        "case",      "catch",
      "char",        "char16_t",     "char32_t",  "char8_t",
      "class",       "co_await",     "co_return", "co_yield",
      "compl",       "concept",      "const",     "const_cast",
      "consteval",   "constexpr",    "constinit", "continue",
      "decltype",    "default",      "delete",    "do",
      "double",      "dynamic_cast", "else",      "enum",
      "explicit",    "export",       "extern",    "false",
      "float",       "for",          "friend",    "goto",
      "if",          "inline",       "int",       "linux",
      "long",        "mutable",      "namespace", "new",
      "noexcept",    "not",          "not_eq",    "nullptr",
      "operator",    "or",           "or_eq",     "private",
      "protected",   "public",       "register",  "reinterpret_cast",
      "requires",    "restrict",     "return",    "short",
      "signed",      "sizeof",       "static",    "static_assert",
      "static_cast", "struct",       "switch",    "template",
      "this",        "thread_local", "throw",     "true",
      "try",         "typedef",      "typeid",    "typename",
      "typeof",      "union",        "unix",      "unsigned",
      "using",       "virtual",      "void",      "volatile",
      "wchar_t",     "while",        "xor",       "xor_eq",
      "NULL",        "offsetof"};
  return words.contains(name);
}

/// The name of a parameter: one that C keeps or the header uses itself gets an
/// underscore.
std::string parameterName(llvm::StringRef name) {
  static const llvm::StringSet<> used = {"workspace", "workspace_bytes",
                                         "stream", "bytes"};
  if (isReserved(name) || used.contains(name))
    return (name + "_").str();
  return name.str();
}

bool isWritten(const recur_argument &argument) {
  return argument.role == RECUR_RESULT || argument.role == RECUR_FINAL;
}

std::string shapeText(const recur_info &info, const recur_argument &argument) {
  std::string text = "[";
  for (int32_t axis = 0; axis < argument.rank; ++axis) {
    const recur_dim &dim = info.dims[argument.dims[axis]];
    text += axis ? ", " : "";
    text += dim.name;
    if (argument.role == RECUR_SEGMENTS)
      text += " + 1";
    else if (dim.size != RECUR_DYNAMIC)
      text += " = " + std::to_string(dim.size);
  }
  return text + "]";
}

llvm::StringRef roleText(int32_t role) {
  switch (role) {
  case RECUR_SEGMENTS:
    return "cumulative lengths of the packed sequences";
  case RECUR_RESULT:
    return "written";
  case RECUR_FINAL:
    return "written: the last value of the state";
  case RECUR_INITIAL:
    return "read: start of a state, may be the memory of its last value";
  default:
    return "read";
  }
}

/// The parameters that are tensors, as a list to start a declaration with.
std::string parameters(const recur_info &info, bool allConst) {
  std::string text;
  for (const recur_argument &argument :
       llvm::ArrayRef(info.arguments, info.n_arguments)) {
    text +=
        allConst || !isWritten(argument) ? "const DLTensor *" : "DLTensor *";
    text += parameterName(argument.name) + ", ";
  }
  return text;
}

/// A declaration over as many lines as 80 columns ask for.
void declare(llvm::raw_ostream &os, const std::string &head,
             const std::string &list) {
  std::string line = head + "(";
  std::string indent(line.size(), ' ');
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(list).split(parts, ", ");
  for (auto [number, part] : llvm::enumerate(parts)) {
    std::string piece = (part + (number + 1 < parts.size() ? "," : ");")).str();
    if (number && line.size() + 1 + piece.size() > 80) {
      os << line << '\n';
      line = indent + piece;
    } else {
      line += (number ? " " : "") + piece;
    }
  }
  os << line << "\n";
}

void declareRecurrence(llvm::raw_ostream &os, const recur_info &info) {
  std::string name = info.name;
  os << "/**\n * " << name;
  if (info.flags & RECUR_STEP)
    os << ": one time step";
  else
    os << ": a recurrence over " << info.dims[info.time_dim].name
       << (info.flags & RECUR_REVERSE ? ", from the last to the first" : "");
  os << ".\n *\n";
  for (const recur_argument &argument :
       llvm::ArrayRef(info.arguments, info.n_arguments)) {
    Dtype dtype = Dtype::F32;
    dtypeOf(argument.dtype, dtype);
    os << " * \\param " << parameterName(argument.name) << ' '
       << shapeText(info, argument) << ' ' << dtypeName(dtype) << ", "
       << roleText(argument.role) << '\n';
  }
  os << " * \\param workspace memory for the call, on the tensors' device; on "
        "the "
        "CPU\n"
        " *   NULL lets the runtime keep its own\n"
        " * \\param workspace_bytes size of workspace\n"
        " * \\param stream CUDA stream (NULL: the default one); ignored on the "
        "CPU\n"
        " * \\return 0, or a recur_status whose text recur_last_error() has\n"
        " */\n";
  declare(os, "int " + name,
          parameters(info, false) +
              "void *workspace, size_t workspace_bytes, void *stream");
  os << "/** Bytes of workspace that " << name
     << " needs for these arguments. */\n";
  declare(os, "int " + name + "_workspace",
          parameters(info, true) + "size_t *bytes");
  os << "/** The description of " << name << ". */\n";
  os << "const recur_info *" << name << "_info(void);\n\n";
}
} // namespace

std::string recur::writeHeader(llvm::ArrayRef<const recur_info *> infos,
                               llvm::StringRef spec) {
  std::string file = llvm::sys::path::filename(spec).str();
  // A comment ends at */, and names of files may hold anything.
  for (char &letter : file)
    if (!llvm::isPrint(letter) || letter == '*' || letter == '\\')
      letter = '_';
  std::string guard = "RECUR_GENERATED_";
  for (char letter : llvm::sys::path::stem(file))
    guard += llvm::isAlnum(letter) ? llvm::toUpper(letter) : '_';
  // Specs of the same name in two folders may be included together.
  if (!infos.empty())
    guard +=
        "_" + llvm::StringRef(infos.front()->source_hash).take_front(8).upper();
  guard += "_H";

  std::string text;
  llvm::raw_string_ostream os(text);
  os << "/* Made by recurc from " << file << ". Do not edit. */\n";
  if (!infos.empty())
    os << "/* Source " << infos.front()->source_hash << ", targets "
       << infos.front()->targets << ", ABI version "
       << infos.front()->abi_version << ". */\n";
  os << "#ifndef " << guard << "\n#define " << guard << "\n\n"
     << "#include <recur/runtime.h>\n\n"
     << "#if RECUR_ABI_VERSION != " << RECUR_ABI_VERSION << "\n"
     << "#error \"" << file << " was compiled for version " << RECUR_ABI_VERSION
     << " of Recur's ABI\"\n#endif\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (const recur_info *info : infos)
    declareRecurrence(os, *info);
  os << "#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* "
     << guard << " */\n";
  return text;
}

llvm::Error recur::checkFunctionName(llvm::StringRef name) {
  if (isReserved(name) || name == "main")
    return llvm::createStringError("'" + name +
                                   "' cannot be the name of a C function");
  if (name.starts_with("recur_") || name.starts_with("_"))
    return llvm::createStringError(
        "names that begin with '" +
        llvm::Twine(name[0] == '_' ? "_" : "recur_") +
        "' are not for recurrences, found '" + name + "'");
  return llvm::Error::success();
}
