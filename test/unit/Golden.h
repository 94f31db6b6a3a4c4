//===-- test/unit/Golden.h - published cells on known numbers ---*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// ParaGRU and ParaLSTM (examples/specs) on six steps of one channel, with
/// values that were computed independently in f64:
///   u[t][v] = 1.5 sin(1 + 3 t + v), gates in the order of the specs, states
///   that start at zero.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_UNIT_GOLDEN_H
#define RECUR_TEST_UNIT_GOLDEN_H

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace recur::golden {

struct Cell {
  const char *spec;
  std::map<std::string, std::vector<double>> inputs, results;
};

inline std::vector<double> getGates() {
  std::vector<double> gates;
  for (int i = 0; i < 18; ++i)
    gates.push_back(1.5 * std::sin(1.0 + i));
  return gates;
}

inline const Cell kCells[] = {
    {"paragru",
     {{"u", getGates()}, {"a", {0.3, -0.2, 0.4}}, {"h0", {0}}},
     {{"h",
       {0.162563756383525, 0.0241911632178016, 0.411726797694058,
        0.0573823621854489, 0.518023174707384, -0.049137797767724}},
      {"h_last", {-0.049137797767724}}}},
    {"paralstm",
     {{"u", getGates()},
      {"a", {0.3, -0.2, 0.4}},
      {"p", {0.25, -0.35}},
      {"h0", {0}},
      {"c0", {0}}},
     {{"h",
       {0.036496099456146, -0.0557687417385385, -0.0350326912903648,
        -0.0944096889618253, -0.0150887297633725, -0.102039936059772}},
      {"h_last", {-0.102039936059772}},
      {"c_last", {-0.501234916801513}}}},
};

} // namespace recur::golden

#endif // RECUR_TEST_UNIT_GOLDEN_H
