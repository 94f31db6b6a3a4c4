//===-- test/unit/Conversion/MathJit.h --------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles one expanded function in process as a loop over arrays.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_CONVERSION_MATHJIT_H
#define RECUR_TEST_UNIT_CONVERSION_MATHJIT_H

#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>

namespace llvm::orc {
class LLJIT;
}

namespace recur::test {

/// out[i] = function(x[i], y[i]) for i < count, a multiple of the lanes.
using MathLoop = void (*)(const void *x, const void *y, void *out,
                          int64_t count);

/// What to compile.
struct MathCase {
  std::string op;          ///< e.g. "math.exp", "recur.logaddexp"
  std::string element;     ///< f32, f64, f16 or bf16
  int lanes = 0;           ///< 0: scalar
  std::string target;      ///< of recur-expand-math
  std::string result = ""; ///< the element of what arith.extf or truncf makes
  std::string attributes = ""; ///< e.g. "{recur.quick}"
};

/// A compiled loop. For the target `gpu` it runs here: the approximate
/// instructions are replaced by exact ones that flush denormals alike.
class MathJit {
public:
  static llvm::Expected<MathJit> compile(const MathCase &mathCase);
  /// Whether this host can run code for `target`.
  static bool supports(llvm::StringRef target);
  MathJit(MathJit &&);
  ~MathJit();
  MathLoop loop = nullptr;

private:
  MathJit();
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace recur::test

#endif // RECUR_TEST_UNIT_CONVERSION_MATHJIT_H
