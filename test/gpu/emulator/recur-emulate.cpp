//===-- recur-emulate.cpp - tries a spec's GPU kernels on the CPU ---------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A tool for development: compiles a spec for a GPU, runs every variant in the
/// emulator and prints each result's error against the interpreter.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/EmulatedSpec.h"

#include "compiler/Driver/Arrays.h"
#include "compiler/Driver/Npy.h"
#include "compiler/Interpreter/Interpreter.h"

#include <algorithm>
#include <chrono>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace recur::emulator;

static const char usage[] =
    R"(usage: recur-emulate SPEC [NAME=SIZE ...] [OPTION ...]
Runs the GPU kernels of SPEC on the CPU and compares with the interpreter.
  NAME=SIZE             size of a dim (default 1)
  --target NAME         what to compile for (default sm_90a)
  --schedule TEXT       overrides the schedules, as recurc --schedule
  --segments N          adds variants that cut time into segments of N steps
  --recurrence NAME     which of the spec (default the first)
  --variant N           only this one (default all)
  --seeds N             orders of the threads to try (default 1)
  --seed N              the first of them (default 1)
  --data-seed N         seed of the data (default 1)
  --range LOW HIGH      of real inputs (default 0.1 0.9)
  --range-of NAME LOW HIGH
                        of the input NAME
  --in NAME=FILE        numbers of the input NAME, an .npy file
  --innermost NAME      dim that is innermost in memory
  --gap N               elements of padding along every axis
  --misaligned          align tensors to their elements only
  --in-place            write final states over initial ones
  --resident N          blocks at once (default: by the seed)
Prints one line a variant, worst errors over all seeds; fails if any is wrong.
)";

[[noreturn]] static void fail(const std::string &text) {
  std::fprintf(stderr, "error: %s\n", text.c_str());
  std::exit(2);
}

static void readInput(const std::string &text, SpecRun &run) {
  size_t equals = text.find('=');
  if (equals == std::string::npos)
    fail("--in expects NAME=FILE, found '" + text + "'");
  std::string error;
  auto tensor = recur::readNpy(text.substr(equals + 1), error);
  if (!tensor)
    fail(error);
  auto array = recur::toInterpreter(*tensor);
  std::vector<double> &values = run.values[text.substr(0, equals)];
  if (!array.isComplex())
    values = array.real();
  else
    for (std::complex<double> value : array.complex())
      values.insert(values.end(), {value.real(), value.imag()});
}

int main(int argc, char **argv) {
  SpecOptions options;
  SpecRun run;
  std::string file;
  int only = -1;
  uint64_t seeds = 1;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    auto next = [&]() -> std::string {
      if (++i >= argc)
        fail(argument + " needs a value");
      return argv[i];
    };
    auto number = [&] { return std::strtoull(next().c_str(), nullptr, 0); };
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (argument == "--target")
      options.target = next();
    else if (argument == "--schedule")
      options.schedule = next();
    else if (argument == "--segments")
      options.segments.push_back(int64_t(number()));
    else if (argument == "--recurrence")
      options.recurrence = next();
    else if (argument == "--variant")
      only = int(number());
    else if (argument == "--seeds")
      seeds = number();
    else if (argument == "--seed")
      run.seed = number();
    else if (argument == "--data-seed")
      run.dataSeed = number();
    else if (argument == "--range") {
      run.range.first = std::atof(next().c_str());
      run.range.second = std::atof(next().c_str());
    } else if (argument == "--range-of") {
      auto &range = run.ranges[next()];
      range.first = std::atof(next().c_str());
      range.second = std::atof(next().c_str());
    } else if (argument == "--in")
      readInput(next(), run);
    else if (argument == "--innermost")
      run.innermost = next();
    else if (argument == "--gap")
      run.gap = int64_t(number());
    else if (argument == "--misaligned")
      run.misaligned = true;
    else if (argument == "--in-place")
      run.inPlace = true;
    else if (argument == "--resident")
      run.resident = unsigned(number());
    else if (argument.starts_with("--"))
      fail("unknown option " + argument + "\n" + usage);
    else if (size_t equals = argument.find('='); equals != std::string::npos)
      run.sizes[argument.substr(0, equals)] =
          std::atoll(argument.c_str() + equals + 1);
    else
      file = argument;
  }
  if (file.empty())
    fail(std::string("no spec\n") + usage);
  std::ifstream stream(file);
  if (!stream)
    fail("cannot read " + file);
  std::stringstream text;
  text << stream.rdbuf();
  auto now = std::chrono::steady_clock::now;
  auto seconds = [](auto duration) {
    return std::chrono::duration<double>(duration).count();
  };
  auto start = now();
  EmulatedSpec spec(text.str(), options, file);
  if (!spec.getError().empty()) {
    std::fputs(spec.getError().c_str(), stderr);
    return 2;
  }
  for (auto &[name, size] : run.sizes)
    if (auto dims = spec.getDims();
        std::find(dims.begin(), dims.end(), name) == dims.end())
      fail("'" + name + "' is no dim whose size can be chosen");
  std::printf("compiled in %.2f s\n", seconds(now() - start));
  std::vector<std::string> variants = spec.getVariants();
  bool good = true;
  uint64_t firstSeed = run.seed;
  for (unsigned variant = 0; variant < variants.size(); ++variant) {
    if (only >= 0 && unsigned(only) != variant)
      continue;
    run.variant = variant;
    std::printf("%u %s: ", variant, variants[variant].c_str());
    SpecResult worst;
    std::string bits = "";
    start = now();
    for (run.seed = firstSeed; run.seed < firstSeed + seeds; ++run.seed) {
      SpecResult result = spec.run(run);
      if (result.error.empty() && run.seed > firstSeed &&
          result.bytes != worst.bytes)
        result.error =
            "the bits differ from those with seed " + std::to_string(firstSeed);
      bool wrong = !result.error.empty();
      if (run.seed == firstSeed || wrong)
        worst = std::move(result);
      if (wrong || !worst.refused.empty())
        break;
    }
    if (!worst.refused.empty()) {
      std::printf("does not apply: %s\n", worst.refused.c_str());
      continue;
    }
    for (const SpecResult::Output &output : worst.outputs)
      std::printf("%s %.2e  ", output.name.c_str(), output.error);
    if (worst.error.empty()) {
      std::printf("ok (%.2f s)\n", seconds(now() - start));
    } else {
      good = false;
      std::printf("WRONG with seed %llu: %s\n", (unsigned long long)run.seed,
                  worst.error.c_str());
    }
  }
  return !good;
}
