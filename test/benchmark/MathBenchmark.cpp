//===-- MathBenchmark.cpp - speed of the expanded functions ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Elements a second of every expanded function on one core, over an array in
/// the first-level cache.
//===----------------------------------------------------------------------===//

#include "test/unit/Conversion/MathJit.h"

#include <benchmark/benchmark.h>

#include <vector>

using namespace recur::test;

static void runMathLoop(benchmark::State &state, const MathCase &mathCase) {
  auto jit = MathJit::compile(mathCase);
  if (!jit) {
    std::string text = toString(jit.takeError());
    state.SkipWithError(text.c_str());
    return;
  }
  constexpr int64_t count = 2048;
  std::vector<double> x(count), y(count), out(count);
  for (int64_t i = 0; i < count; ++i) {
    // Both signs, but for the logarithm.
    double value = mathCase.op == "math.log" || mathCase.op == "math.sqrt"
                       ? 0.01 + 0.01 * i
                       : -8 + 16.0 * i / count;
    if (mathCase.element == "f64")
      x[i] = value;
    else
      reinterpret_cast<float *>(x.data())[i] = static_cast<float>(value);
  }
  y = x;
  for (auto _ : state) {
    jit->loop(x.data(), y.data(), out.data(), count);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * count);
}

int main(int argc, char **argv) {
  for (const char *op :
       {"math.exp", "math.exp2", "math.expm1", "math.log", "math.log1p",
        "math.tanh", "math.sin", "math.cos", "math.sqrt", "recur.sigmoid",
        "recur.silu", "recur.softplus", "recur.relu", "recur.logaddexp"})
    for (const char *element : {"f32", "f64"})
      for (auto [target, bits] :
           {std::pair("x86-64-v4", 512), std::pair("x86-64-v3", 256),
            std::pair("cpu", 128), std::pair("cpu", 0)}) {
        if (!MathJit::supports(target))
          continue;
        int width = std::string(element) == "f64" ? 64 : 32;
        MathCase mathCase{op, element, bits / width, target};
        std::string name = std::string(op) + "/" + element + "/" + target +
                           "/" + (bits ? std::to_string(bits) : "scalar");
        benchmark::RegisterBenchmark(name.c_str(),
                                     [mathCase](benchmark::State &state) {
                                       runMathLoop(state, mathCase);
                                     });
      }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
