//===-- ProgramTest.cpp - the compiler as a library -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles specs at run time as a user's program does, with nothing but the
/// installed headers.
//===----------------------------------------------------------------------===//

#include <recur/compiler.h>
#include <recur/tensor.h>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

using namespace recur;

namespace {
/// h = factor * prev(h) + x; every factor is another program.
std::string decay(const std::string &factor) {
  return "recurrence decay over t (x[t]) -> (y[t]) {\n"
         "  state h[]\n"
         "  h = " +
         factor + " * prev(h) + x\n  y = h\n}\n";
}

/// The last of 1, 1 + f, 1 + f + f^2, ... over `steps` steps.
float lastOfOnes(const Function &function, int64_t steps) {
  Tensor x(Dtype::F32, {steps}), y(Dtype::F32, {steps});
  for (int64_t t = 0; t < steps; ++t)
    x.as<float>()[t] = 1;
  DLTensor xView = x.dl(), yView = y.dl();
  EXPECT_EQ(function(&xView, &yView), RECUR_OK) << recur_last_error();
  return y.as<float>()[steps - 1];
}

TEST(Program, CompilesAndCalls) {
  Program program = Program::compile(decay("0.5"));
  ASSERT_TRUE(program) << program.errors();
  EXPECT_EQ(program.names(), std::vector<std::string>{"decay"});
  EXPECT_TRUE(program.messages().empty());
  Function function = program["decay"];
  ASSERT_TRUE(function);
  EXPECT_STREQ(function.name(), "decay");
  EXPECT_EQ(function.info().n_arguments, 2);
  EXPECT_FLOAT_EQ(lastOfOnes(function, 3), 1.75f);
}

TEST(Program, UnknownNameGivesNoFunction) {
  Program program = Program::compile(decay("0.5"));
  ASSERT_TRUE(program) << program.errors();
  EXPECT_FALSE(program["delay"]);
}

// A function stays callable when its program and the cache are gone.
TEST(Program, FunctionKeepsItsCode) {
  Function function = Program::compile(decay("0.25"))["decay"];
  for (int k = 0; k < 300; ++k)
    Program::compile("recurrence");
  EXPECT_FLOAT_EQ(lastOfOnes(function, 2), 1.25f);
}

TEST(Program, CompilesTheSameOnce) {
  Program first = Program::compile(decay("0.125"));
  Program second = Program::compile(decay("0.125"));
  ASSERT_TRUE(first) << first.errors();
  EXPECT_EQ(&first["decay"].info(), &second["decay"].info());
  ProgramOptions other;
  other.schedule = "lanes=t";
  Program third = Program::compile(decay("0.125"), other);
  ASSERT_TRUE(third) << third.errors();
  EXPECT_NE(&first["decay"].info(), &third["decay"].info());
}

// Every message has its place; the text is what recurc prints.
TEST(Program, ReportsErrorsWithPlaces) {
  ProgramOptions options;
  options.file = "mine.recur";
  Program program = Program::compile(decay("speed"), options);
  EXPECT_FALSE(program);
  ASSERT_EQ(program.messages().size(), 1u);
  const Message &message = program.messages().front();
  EXPECT_EQ(message.kind, Message::Kind::Error);
  EXPECT_EQ(message.line, 3u);
  EXPECT_EQ(message.column, 7u);
  EXPECT_NE(message.text.find("'speed'"), std::string::npos) << message.text;
  EXPECT_EQ(program.errors().rfind("mine.recur:3:7: error: ", 0), 0u)
      << program.errors();
  EXPECT_NE(program.errors().find("\n      ^"), std::string::npos)
      << program.errors();
  EXPECT_TRUE(program.names().empty());
  EXPECT_FALSE(program["decay"]);
}

TEST(Program, RefusesUnknownTarget) {
  ProgramOptions options;
  options.targets = {"z80"};
  Program program = Program::compile(decay("0.5"), options);
  EXPECT_FALSE(program);
  EXPECT_NE(program.errors().find("z80"), std::string::npos)
      << program.errors();
}

// What is wrong with a call is an error with a text, and the same text that
// the program's own runtime has.
TEST(Program, WrongCallSetsLastError) {
  Function function = Program::compile(decay("0.5"))["decay"];
  ASSERT_TRUE(function);
  Tensor x(Dtype::F64, {3}), y(Dtype::F32, {3});
  DLTensor xView = x.dl(), yView = y.dl();
  EXPECT_EQ(function(&xView, &yView), RECUR_INVALID_ARGUMENT);
  EXPECT_NE(std::string(recur_last_error()).find("'x'"), std::string::npos)
      << recur_last_error();
  EXPECT_NE(function(&xView), RECUR_OK);
}

// Different programs and the same one, compiled and called on threads at once.
TEST(Program, CompilesOnManyThreads) {
  constexpr int threads = 8;
  std::vector<float> last(threads);
  std::vector<std::thread> pool;
  for (int k = 0; k < threads; ++k)
    pool.emplace_back([k, &last] {
      std::string factor = std::to_string(0.03125 * (1 + k / 2));
      Program program = Program::compile(decay(factor));
      ASSERT_TRUE(program) << program.errors();
      last[k] = lastOfOnes(program["decay"], 2);
    });
  for (std::thread &thread : pool)
    thread.join();
  for (int k = 0; k < threads; ++k)
    EXPECT_FLOAT_EQ(last[k], 1 + 0.03125f * (1 + k / 2));
}
// A program for GPUs holds their code and what a launch must know.
TEST(Program, HoldsCodeForGpus) {
  ProgramOptions options;
  options.targets = {"cpu", "sm_80", "sm_90a"};
  Program program = Program::compile(
      "recurrence scan over t (a[b,t,d], x[b,t,d]) -> (y[b,t,d]) {\n"
      "  state h[b,d]\n  h = a * prev(h) + x\n  y = h\n}\n",
      options);
  ASSERT_TRUE(program) << program.errors();
  const recur_info &info = program["scan"].info();
  EXPECT_STREQ(std::string(info.targets).c_str() +
                   std::string(info.targets).find(","),
               ",sm_80,sm_90a");
  EXPECT_GE(info.n_cpu_variants, 1);
  EXPECT_EQ(info.n_space_dims, 3);
  ASSERT_GE(info.n_gpu_variants, 2);
  bool hopper = false;
  for (int32_t v = 0; v < info.n_gpu_variants; ++v) {
    const recur_gpu_variant &variant = info.gpu_variants[v];
    ASSERT_GE(variant.n_images, 1);
    ASSERT_GE(variant.n_kernels, 1);
    EXPECT_STRNE(variant.name, "");
    // PTX is always there, last, and names every kernel.
    const recur_gpu_image &ptx = variant.images[variant.n_images - 1];
    EXPECT_EQ(ptx.format, RECUR_GPU_PTX);
    std::string text = static_cast<const char *>(ptx.bytes);
    EXPECT_EQ(int64_t(text.size()), ptx.size);
    EXPECT_NE(text.find(std::string(".target ") + ptx.target),
              std::string::npos);
    bool isHopper = std::string(ptx.target) == "sm_90a";
    hopper |= isHopper;
    EXPECT_EQ(ptx.capability, isHopper ? 90 : 80);
    EXPECT_EQ(ptx.exact, isHopper);
    for (int32_t k = 0; k < variant.n_kernels; ++k) {
      const recur_gpu_kernel &kernel = variant.kernels[k];
      EXPECT_NE(text.find(std::string(".entry ") + kernel.symbol),
                std::string::npos);
      EXPECT_GE(kernel.block, 1);
      EXPECT_GE(kernel.items_per_block, 1);
      EXPECT_GE(kernel.lane_tile, 1);
      EXPECT_GE(kernel.step_cost, 0);
    }
  }
  EXPECT_TRUE(hopper);
}

// What a fold computes is known to the runtime: of matrices over a small state
// set, several times what a replay does; of numbers, little more.
TEST(Program, SaysWhatFoldsCost) {
  auto ratioOf = [](const char *step) {
    Program program = Program::compile(
        std::string("recurrence scan over t (A[i=4,j=4], e[b,t,i], x[b,t]) -> "
                    "(y[b,t]) {\n") +
        step + "}\n");
    EXPECT_TRUE(program) << program.errors();
    // (with lanes along sequences: along time a replay composes too)
    const recur_info &info = program["scan"].info();
    const recur_cpu_variant &variant =
        info.cpu_variants[info.n_cpu_variants - 1];
    EXPECT_GE(variant.lane_dim, 0);
    EXPECT_GT(variant.step_cost_ns, 0);
    return variant.fold_cost_ns / variant.step_cost_ns;
  };
  double matrices = ratioOf("  state v[b,i]\n"
                            "  v = logsumexp(j: A + v[b,t-1,j]) + e\n"
                            "  y = max(i: v)\n");
  double numbers = ratioOf("  state v[b]\n"
                           "  v = logaddexp(prev(v) + x, sum(i: e))\n"
                           "  y = v\n");
  EXPECT_GT(matrices, 3);
  EXPECT_LT(matrices, 5);
  EXPECT_LT(numbers, 1.2);
}

// Code for GPUs alone is refused for tensors on the CPU, by its targets.
TEST(Program, ForGpusAlone) {
  ProgramOptions options;
  options.targets = {"sm_80"};
  Program program = Program::compile(decay("0.75"), options);
  ASSERT_TRUE(program) << program.errors();
  EXPECT_EQ(program["decay"].info().n_cpu_variants, 0);
  Tensor x(Dtype::F32, {2}), y(Dtype::F32, {2});
  DLTensor xView = x.dl(), yView = y.dl();
  EXPECT_EQ(program["decay"](&xView, &yView), RECUR_UNSUPPORTED);
  EXPECT_STREQ(recur_last_error(),
               "recurrence 'decay': expected code for the CPU in the artifact, "
               "found only targets: sm_80");
}

} // namespace
