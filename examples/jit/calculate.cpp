//===-- calculate.cpp - compiles a recurrence at run time -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Takes a formula for the next state from the command line, compiles it and
/// runs it over the time steps 0, 1, 2, ...: `calculate "0.5 * prev(h) + x"`.
//===----------------------------------------------------------------------===//

#include <recur/compiler.h>
#include <recur/tensor.h>

#include <iostream>
#include <string>

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: calculate FORMULA\n";
    return 2;
  }
  std::string text = "recurrence formula over t (x[t]) -> (h[t]) {\n"
                     "  state h[]\n"
                     "  h = " +
                     std::string(argv[1]) + "\n}\n";
  recur::ProgramOptions options;
  options.file = "formula";
  recur::Program program = recur::Program::compile(text, options);
  if (!program) {
    std::cerr << program.errors();
    return 1;
  }
  constexpr int64_t steps = 8;
  recur::Tensor x(recur::Dtype::F32, {steps}), h(recur::Dtype::F32, {steps});
  for (int64_t t = 0; t < steps; ++t)
    x.as<float>()[t] = static_cast<float>(t);
  DLTensor xView = x.dl(), hView = h.dl();
  if (program["formula"](&xView, &hView) != RECUR_OK) {
    std::cerr << "calculate: " << recur_last_error() << '\n';
    return 1;
  }
  for (int64_t t = 0; t < steps; ++t)
    std::cout << h.as<float>()[t] << (t + 1 < steps ? " " : "\n");
  return 0;
}
