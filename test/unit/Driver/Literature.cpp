//===-- Literature.cpp - specs against papers -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles an example spec, runs it on random data of several lengths and
/// compares with a reference.
//===----------------------------------------------------------------------===//

#include "Literature.h"

#include <recur/compiler.h>
#include <recur/tensor.h>

#include "gtest/gtest.h"

#include <fstream>
#include <random>
#include <sstream>

using namespace recur;
using namespace recur::literature;

void recur::literature::compare(const Case &test) {
  std::ifstream file(std::string(RECUR_SPECS "/") + test.name + ".recur");
  std::stringstream text;
  text << file.rdbuf();
  Program program = Program::compile(text.str());
  ASSERT_TRUE(program) << program.errors();
  Function function = program[program.names().front()];
  const recur_info &info = function.info();
  for (int64_t steps : test.steps) {
    Arrays arrays(test.sizes);
    arrays.sizes["t"] = steps;
    std::mt19937_64 random(steps);
    std::vector<Tensor> tensors;
    for (int i = 0; i < info.n_arguments; ++i) {
      const recur_argument &argument = info.arguments[i];
      auto &array = arrays.arrays[argument.name];
      int64_t count = 1;
      for (int k = 0; k < argument.rank; ++k) {
        const recur_dim &dim = info.dims[argument.dims[k]];
        int64_t size = dim.size >= 0 ? dim.size : arrays[dim.name];
        arrays.sizes[dim.name] = size;
        array.shape.push_back(size);
        count *= size;
      }
      Dtype dtype;
      ASSERT_TRUE(dtypeOf(argument.dtype, dtype));
      Tensor tensor(dtype, array.shape);
      auto range = test.ranges.find(argument.name);
      auto [low, high] =
          range == test.ranges.end() ? std::pair(-1.0, 1.0) : range->second;
      std::uniform_real_distribution<double> uniform(low, high);
      array.values.assign(count, NAN);
      if (argument.role != RECUR_RESULT && argument.role != RECUR_FINAL)
        for (Complex &value : array.values) {
          value = uniform(random);
          if (argument.dtype.code == kDLComplex)
            value.imag(uniform(random));
        }
      tensors.push_back(tensor);
    }
    if (test.prepare)
      test.prepare(arrays);
    for (int i = 0; i < info.n_arguments; ++i) {
      std::vector<Complex> &values =
          arrays.arrays[info.arguments[i].name].values;
      int64_t next = 0;
      tensors[i].forEach([&](int64_t offset) {
        tensors[i].store(offset, values[next]);
        values[next++] = tensors[i].load(offset); // as it is rounded
      });
    }
    std::vector<DLTensor> views;
    std::vector<const DLTensor *> pointers;
    for (const Tensor &tensor : tensors)
      views.push_back(tensor.dl());
    for (const DLTensor &view : views)
      pointers.push_back(&view);
    ASSERT_EQ(function.call(pointers.data(), int(pointers.size())), RECUR_OK)
        << recur_last_error();
    test.reference(arrays);
    int compared = 0;
    for (int i = 0; i < info.n_arguments; ++i) {
      const recur_argument &argument = info.arguments[i];
      if (argument.role != RECUR_RESULT && argument.role != RECUR_FINAL)
        continue;
      const std::vector<Complex> &expected =
          arrays.arrays[argument.name].values;
      if (expected.empty() || std::isnan(expected[0].real()))
        continue;
      ++compared;
      double error = 0, norm = 0;
      int64_t next = 0;
      tensors[i].forEach([&](int64_t offset) {
        error += std::norm(tensors[i].load(offset) - expected[next]);
        norm += std::norm(expected[next++]);
      });
      double limit = argument.dtype.bits == 16 ? 1e-2 : 1e-5;
      EXPECT_LE(std::sqrt(error / (norm > 0 ? norm : 1)), limit)
          << argument.name << " after " << steps << " steps";
    }
    EXPECT_GT(compared, 0);
  }
}
