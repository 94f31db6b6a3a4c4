//===-- NpyHeader.cpp - the header of a .npy file
//--------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A parser for the one Python literal that .npy headers are: a dictionary
/// with the keys 'descr', 'fortran_order' and 'shape'.
#include "compiler/Driver/NpyHeader.h"

#include <limits>

using namespace recur;

namespace {

struct NpyType {
  const char *code; ///< without the byte order
  Dtype dtype;
};
constexpr NpyType npyTypes[] = {
    {"f8", Dtype::F64}, {"f4", Dtype::F32},   {"f2", Dtype::F16},
    {"c8", Dtype::C64}, {"c16", Dtype::C128}, {"i1", Dtype::I8},
    {"i4", Dtype::I32}, {"i8", Dtype::I64},   {"b1", Dtype::Bool},
    {"?", Dtype::Bool},
};

class HeaderParser {
public:
  HeaderParser(std::string_view text, NpyHeader &header, std::string &error)
      : text(text), header(header), error(error) {}

  bool parse() {
    bool seen[3] = {false, false, false};
    if (!expect('{'))
      return false;
    while (!accept('}')) {
      std::string_view key;
      if (!parseString(key))
        return false;
      int which = key == "descr"           ? 0
                  : key == "fortran_order" ? 1
                  : key == "shape"         ? 2
                                           : -1;
      if (which < 0)
        return fail("unexpected key '" + printable(key) + "' in the header");
      if (seen[which])
        return fail("key '" + printable(key) + "' occurs twice in the header");
      seen[which] = true;
      if (!expect(':'))
        return false;
      bool good = which == 0   ? parseType()
                  : which == 1 ? parseFlag()
                               : parseShape();
      if (!good)
        return false;
      if (!accept(',') && peek() != '}')
        return expected("',' or '}'");
    }
    for (int k = 0; k < 3; ++k)
      if (!seen[k])
        return fail(std::string("the header lacks the key '") +
                    (k == 0   ? "descr"
                     : k == 1 ? "fortran_order"
                              : "shape") +
                    "'");
    skipSpace();
    return at == text.size() || expected("the end of the header");
  }

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  bool expected(const std::string &what) {
    skipSpace();
    std::string found = "its end";
    if (at < text.size()) {
      found = '\'';
      found += printable(text.substr(at, 1));
      found += '\'';
    }
    return fail("expected " + what + " at character " + std::to_string(at) +
                " of the header, found " + found);
  }
  static std::string printable(std::string_view part) {
    std::string result;
    for (char c : part.substr(0, 40))
      result += c >= 32 && c < 127 ? c : '.';
    return part.size() > 40 ? result + "..." : result;
  }
  void skipSpace() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' ||
                                text[at] == '\t' || text[at] == '\r'))
      ++at;
  }
  char peek() {
    skipSpace();
    return at < text.size() ? text[at] : '\0';
  }
  bool accept(char c) {
    skipSpace();
    if (at >= text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }
  bool expect(char c) {
    return accept(c) || expected(std::string("'") + c + "'");
  }

  bool parseString(std::string_view &value) {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      return expected("a string");
    size_t end = text.find(quote, at + 1);
    if (end == std::string_view::npos)
      return fail("a string in the header does not end");
    value = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return true;
  }

  bool parseType() {
    if (peek() == '[')
      return fail("expected one number an element, found a structured dtype");
    std::string_view descr;
    if (!parseString(descr))
      return false;
    std::string_view code = descr;
    char order = '=';
    if (!code.empty() && (code[0] == '<' || code[0] == '>' || code[0] == '|' ||
                          code[0] == '=')) {
      order = code[0];
      code.remove_prefix(1);
    }
    for (const NpyType &type : npyTypes)
      if (code == type.code) {
        header.dtype = type.dtype;
        constexpr bool bigMachine = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
        header.swapped = order == (bigMachine ? '<' : '>');
        return true;
      }
    return fail(
        "expected dtype f8, f4, f2, c16, c8, i8, i4, i1 or b1, found '" +
        printable(descr) + "'");
  }

  bool parseFlag() {
    skipSpace();
    for (bool value : {false, true}) {
      std::string_view word = value ? "True" : "False";
      if (text.substr(at, word.size()) == word) {
        at += word.size();
        header.fortranOrder = value;
        return true;
      }
    }
    return expected("True or False");
  }

  bool parseShape() {
    header.shape.clear();
    if (!expect('('))
      return false;
    bool comma = true; // whether another size may follow
    while (!accept(')')) {
      if (!comma)
        return expected("',' or ')'");
      int64_t size;
      if (!parseSize(size))
        return false;
      header.shape.push_back(size);
      // NumPy's own limit is 64 dims; nothing longer is a real array.
      if (header.shape.size() > 64)
        return fail("expected at most 64 dimensions in the shape");
      comma = accept(',');
    }
    if (header.shape.size() == 1 && !comma)
      return fail("expected a tuple as the shape, found one number in "
                  "parentheses");
    return true;
  }

  bool parseSize(int64_t &size) {
    bool negative = accept('-');
    if (peek() < '0' || peek() > '9')
      return expected("a size");
    size = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
      if (__builtin_mul_overflow(size, 10, &size) ||
          __builtin_add_overflow(size, text[at] - '0', &size))
        return fail("a size in the shape does not fit 64 bits");
    if (negative && size != 0)
      return fail("expected non-negative sizes in the shape, found -" +
                  std::to_string(size));
    if (at < text.size() && text[at] == 'L') // long, from Python 2
      ++at;
    return true;
  }

  std::string_view text;
  size_t at = 0;
  NpyHeader &header;
  std::string &error;
};

} // namespace

bool NpyHeader::parse(std::string_view text, std::string &error) {
  return HeaderParser(text, *this, error).parse();
}

std::string NpyHeader::format(Dtype dtype, const std::vector<int64_t> &shape) {
  const char *code = "f4";
  for (const NpyType &type : npyTypes)
    if (type.dtype == dtype && type.code[0] != '?')
      code = type.code;
  bool bigMachine = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
  char order = dtypeBytes(dtype) == 1 ? '|' : bigMachine ? '>' : '<';
  std::string dictionary = "{'descr': '";
  dictionary += order;
  dictionary += code;
  dictionary += "', 'fortran_order': False, 'shape': (";
  for (size_t k = 0; k < shape.size(); ++k) {
    if (k > 0)
      dictionary += ", ";
    dictionary += std::to_string(shape[k]);
  }
  dictionary += shape.size() == 1 ? ",), }" : "), }";
  constexpr size_t prefix = 10; // magic, version, two bytes of length
  while ((prefix + dictionary.size() + 1) % 64 != 0)
    dictionary += ' ';
  dictionary += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}
