//===-- test/unit/Driver/Literature.h - specs against papers ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiled example specs against sequential implementations in f64 that follow
/// the papers' equations and share nothing with the compiler.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_DRIVER_LITERATURE_H
#define RECUR_TEST_UNIT_DRIVER_LITERATURE_H

#include <cmath>
#include <complex>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace recur::literature {

using Complex = std::complex<double>;

/// Arrays by name: what a spec reads and what it should write.
class Arrays {
public:
  explicit Arrays(std::map<std::string, int64_t> sizes)
      : sizes(std::move(sizes)) {}

  int64_t operator[](const std::string &dim) const { return sizes.at(dim); }
  /// The number of an argument at a position.
  Complex &at(const std::string &name, std::initializer_list<int64_t> index) {
    auto &array = arrays.at(name);
    int64_t offset = 0, axis = 0;
    for (int64_t i : index)
      offset = offset * array.shape[axis++] + i;
    return array.values.at(offset);
  }
  double real(const std::string &name, std::initializer_list<int64_t> index) {
    return at(name, index).real();
  }

  struct Array {
    std::vector<int64_t> shape;
    std::vector<Complex> values;
  };
  std::map<std::string, int64_t> sizes;
  std::map<std::string, Array> arrays;
};

struct Case {
  const char *name; ///< of the spec
  std::map<std::string, int64_t> sizes;
  std::map<std::string, std::pair<double, double>> ranges;
  /// Writes the results that are compared.
  std::function<void(Arrays &)> reference;
  /// Changes random inputs into those that the paper allows.
  std::function<void(Arrays &)> prepare = {};
  /// Sizes of time, one run each.
  std::vector<int64_t> steps = {1, 2, 33, 500};
};
inline void PrintTo(const Case &test, std::ostream *out) { *out << test.name; }

/// Expects that the spec, compiled, writes what the reference writes.
void compare(const Case &test);

/// Calls `body` for every index below the sizes.
template <typename... Sizes, typename Body>
void forEach(Body body, int64_t size, Sizes... rest) {
  for (int64_t i = 0; i < size; ++i) {
    if constexpr (sizeof...(rest) == 0)
      body(i);
    else
      forEach([&](auto... more) { body(i, more...); }, rest...);
  }
}

} // namespace recur::literature

#endif // RECUR_TEST_UNIT_DRIVER_LITERATURE_H
