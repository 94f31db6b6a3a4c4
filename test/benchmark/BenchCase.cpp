//===-- BenchCase.cpp - runs the cases of recur-bench ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The recurrences and sizes; compiling, timing and checking each.

#include "BenchCase.h"

#include "BenchArguments.h"
#include "GruLoops.h"
#include "SelectiveScanLoops.h"
#include "Streaming.h"

#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Jit.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <chrono>
#include <cstring>

using namespace recur;
using namespace recur::bench;

const char *const recur::bench::selectiveScanSpec = R"(
recurrence selective_scan over t (
    u[b,t,d], delta[b,t,d], A[d,n=16], B[b,t,n], C[b,t,n], D[d], z[b,t,d],
    bias[d]) -> (y[b,t,d]) {
  state h[b,d,n]
  dt = softplus(delta + bias)
  h  = exp(dt * A) * prev(h) + dt * B * u
  y  = (sum(n: C * h) + D * u) * silu(z)
}
)";

static BenchCase diagonal(const char *dtype, std::vector<std::string> order,
                          int64_t b, int64_t t, int64_t d) {
  std::string indices = order[0] + "," + order[1] + "," + order[2];
  std::string spec = llvm::formatv("recurrence diagonal over t (a[{0}]: {1}, "
                                   "x[{0}]: {1}) -> (y[{0}]: {1}) {{\n"
                                   "  state h[b,d]\n"
                                   "  h = a * prev(h) + x\n"
                                   "  y = h\n}\n",
                                   indices, dtype);
  return {"diagonal",
          spec,
          "[" + indices + "]",
          dtype,
          {{"b", b}, {"t", t}, {"d", d}},
          order,
          2,
          std::min<int64_t>(d, std::max<int64_t>(1, (1 << 20) / t))};
}

/// A recurrence over another algebra: many channels, and few over a long time.
/// `indices` stands for the order of the indices in `text`.
static void addAlgebra(std::vector<BenchCase> &cases, const char *name,
                       const char *dtype, const std::string &text,
                       double operations) {
  for (std::vector<std::string> order :
       {std::vector<std::string>{"b", "t", "d"}, {"b", "d", "t"}})
    for (bool isLong : {false, true}) {
      int64_t b = isLong ? 1 : 4, t = isLong ? 2 << 20 : 4096,
              d = isLong ? 8 : 1024;
      std::string indices = order[0] + "," + order[1] + "," + order[2];
      std::string spec = text;
      for (size_t at; (at = spec.find("indices")) != std::string::npos;)
        spec.replace(at, 7, indices);
      cases.push_back({name,
                       spec,
                       "[" + indices + "]",
                       dtype,
                       {{"b", b}, {"t", t}, {"d", d}, {"i", 2}, {"j", 2}},
                       order,
                       operations,
                       std::min<int64_t>(d, (1 << 18) / t + 1)});
    }
}

std::vector<BenchCase> recur::bench::benchCases() {
  std::vector<std::string> btd = {"b", "t", "d"}, bdt = {"b", "d", "t"};
  std::vector<BenchCase> cases = {
      diagonal("f32", btd, 8, 8192, 1024),
      diagonal("f32", bdt, 8, 8192, 1024),
      diagonal("f32", btd, 1, 8 << 20, 8),
      diagonal("f32", bdt, 1, 8 << 20, 8),
      diagonal("bf16", btd, 8, 8192, 1024),
      diagonal("bf16", bdt, 8, 8192, 1024),
      {"selective_scan",
       selectiveScanSpec,
       "[b,t,d]",
       "f32",
       {{"b", 1}, {"t", 2048}, {"d", 1536}, {"n", 16}},
       {"b", "t", "d", "n"},
       // Of each n: dt A, exp, times h, dt u B, plus, C h, sum; and softplus,
       // dt u, D u, plus, silu, times.
       8 * 16 + 7,
       16},
  };
  addAlgebra(cases, "max_plus", "f32",
             "recurrence r over t (a[indices], x[indices]) -> (v[indices]) {\n"
             "  state v[b,d] = -inf\n  v = max(prev(v) + a, x)\n}\n",
             2);
  addAlgebra(cases, "log_sum_exp", "f32",
             "recurrence r over t (A[indices], x[indices]) -> (v[indices]) {\n"
             "  state v[b,d] = -inf\n  v = logaddexp(prev(v) + A, x)\n}\n",
             5);
  addAlgebra(cases, "complex", "c64",
             "recurrence r over t (a[indices]: c64, x[indices]: c64) -> "
             "(h[indices]: c64) {\n"
             "  state h[b,d]: c64\n  h = 0.7 * a * prev(h) + x\n}\n",
             8);
  addAlgebra(cases, "order_2", "f32",
             "recurrence r over t (x[indices]) -> (y[indices]) {\n"
             "  state y[b,d]\n"
             "  y = 1.6 * prev(y) - 0.7 * prev(y, 2) + x\n}\n",
             4);
  addAlgebra(cases, "two_states", "f32",
             "recurrence r over t (a[indices], p[indices], x[indices]) -> "
             "(y[indices]) {\n  state u[b,d]\n  state v[b,d]\n"
             "  u = 0.5 * a * prev(u) + 0.4 * p * prev(v) + x\n"
             "  v = 0.4 * p * prev(u) - 0.5 * a * prev(v)\n  y = u + v\n}\n",
             12);
  // Many channels, and few over a long time.
  for (auto [t, d] : {std::pair<int64_t, int64_t>(16384, 256),
                      {65536, 1},
                      {65536, 4},
                      {65536, 16}})
    cases.push_back({"gru",
                     R"(
recurrence gru over t (u[b,t,g=3,d], w[g=3,d]) -> (h[b,t,d]) {
  state h[b,d]
  z = sigmoid(w[0,d] * prev(h) + u[b,t,0,d])
  r = sigmoid(w[1,d] * prev(h) + u[b,t,1,d])
  c = tanh(w[2,d] * prev(h) * r + u[b,t,2,d])
  h = (1 - z) * prev(h) + z * c
}
)",
                     "[b,t,d]",
                     "f32",
                     {{"b", 1}, {"t", t}, {"d", d}, {"g", 3}},
                     btd,
                     // Three functions of two operations, and ten of the step.
                     16,
                     std::min<int64_t>(d, 4)});
  return cases;
}

std::vector<BenchCase> recur::bench::gpuCases() {
  std::vector<std::string> btd = {"b", "t", "d"}, bdt = {"b", "d", "t"};
  std::vector<BenchCase> cases;
  constexpr int64_t shapes[][3] = {
      {8, 4096, 4096}, {8, 2048, 2048},   {64, 1024, 1024},
      {1, 65536, 512}, {1, 131072, 1024}, {1, 1048576, 128},
      {4, 16384, 512}, {2, 2048, 1024},   {1, 4096, 256}};
  for (const char *dtype : {"f32", "bf16"})
    for (auto [b, t, d] : shapes)
      for (const auto &order : {btd, bdt})
        cases.push_back(diagonal(dtype, order, b, t, d));
  for (BenchCase &each : cases) // the interpreter takes its time
    each.checkedChannels = std::min<int64_t>(each.checkedChannels, 3);
  for (BenchCase &each : benchCases())
    if (each.name == "selective_scan") {
      each.checkedChannels = 2;
      cases.push_back(each);
    }
  return cases;
}

BenchCase recur::bench::shrink(BenchCase benchCase) {
  for (auto [index, most] : {std::pair("b", 2), {"t", 70}, {"d", 24}}) {
    int64_t &size = benchCase.sizes[index];
    size = std::min<int64_t>(size, most);
  }
  benchCase.checkedChannels = std::min<int64_t>(benchCase.checkedChannels, 3);
  return benchCase;
}

std::string recur::bench::shapeOf(const BenchCase &benchCase) {
  std::string shape;
  for (const std::string &index : benchCase.order)
    shape +=
        (shape.empty() ? "" : "x") + std::to_string(benchCase.sizes.at(index));
  return shape;
}

static double operationsOf(const BenchCase &benchCase) {
  double points = 1;
  for (const char *index : {"b", "t", "d"})
    points *= benchCase.sizes.at(index);
  return points * benchCase.operations;
}

static double msOf(const std::function<void()> &body) {
  auto start = std::chrono::steady_clock::now();
  body();
  std::chrono::duration<double, std::milli> time =
      std::chrono::steady_clock::now() - start;
  return time.count();
}

std::vector<double>
recur::bench::medianMs(const std::vector<std::function<void()>> &bodies) {
  std::vector<std::vector<double>> times(bodies.size());
  double spent = 0;
  for (const auto &body : bodies)
    body();
  while (times[0].size() < 7 || (spent < 1500 && times[0].size() < 51))
    for (size_t i = 0; i < bodies.size(); ++i) {
      times[i].push_back(msOf(bodies[i]));
      spent += times[i].back();
    }
  std::vector<double> medians;
  for (std::vector<double> &of : times) {
    std::nth_element(of.begin(), of.begin() + of.size() / 2, of.end());
    medians.push_back(of[of.size() / 2]);
  }
  return medians;
}

/// Times `versions`, loops over a range of `channels` each, that write
/// `result`.
static void
addLoops(const BenchCase &benchCase, const Arguments &arguments,
         const Reference &reference, double bytesPerMs, int maxThreads,
         int64_t channels, const Tensor &result,
         const std::vector<
             std::pair<const char *, std::function<void(int64_t, int64_t)>>>
             &versions,
         std::vector<Line> &lines) {
  for (int threads = 1; threads <= maxThreads; threads += maxThreads - 1) {
    for (const auto &[name, loops] : versions) {
      double ms = medianMs(
          {[&, &loops = loops] { onThreads(threads, channels, loops); }})[0];
      lines.push_back({name, shapeOf(benchCase), "f32", benchCase.layout,
                       "native", threads, ms, arguments.bytes / ms / 1e6,
                       arguments.bytes / ms / bytesPerMs,
                       reference.errorOf(result), operationsOf(benchCase)});
    }
    if (maxThreads == 1)
      break;
  }
}

/// The GRU as loops, on the same arrays.
static void addGruLoops(const BenchCase &benchCase, Arguments arguments,
                        const Reference &reference, double bytesPerMs,
                        int maxThreads, std::vector<Line> &lines) {
  Tensor h(Dtype::F32, arguments.tensors[2].shape());
  Gru gru{benchCase.sizes.at("t"), benchCase.sizes.at("d"),
          arguments.tensors[0].as<float>(), arguments.tensors[1].as<float>(),
          h.as<float>()};
  auto with = [&](GruLoops loops) {
    return
        [&gru, loops](int64_t begin, int64_t end) { loops(gru, begin, end); };
  };
  addLoops(benchCase, arguments, reference, bytesPerMs, maxThreads, gru.d, h,
           {{"loops t,d -O3", with(gruTimeOuter)},
            {"loops d,t -O3", with(gruChannelOuter)}},
           lines);
}

/// The selective scan as loops, on the same arrays.
static void addSelectiveScanLoops(const BenchCase &benchCase,
                                  Arguments arguments,
                                  const Reference &reference, double bytesPerMs,
                                  int maxThreads, std::vector<Line> &lines) {
  auto data = [&](int i) { return arguments.tensors[i].as<float>(); };
  std::vector<float> h(benchCase.sizes.at("d") * benchCase.sizes.at("n"));
  Tensor y(Dtype::F32, arguments.tensors[8].shape());
  SelectiveScan scan{benchCase.sizes.at("t"),
                     benchCase.sizes.at("d"),
                     benchCase.sizes.at("n"),
                     data(0),
                     data(1),
                     data(2),
                     data(3),
                     data(4),
                     data(5),
                     data(6),
                     data(7),
                     y.as<float>(),
                     h.data()};
  auto with = [&](SelectiveScanLoops loops) {
    return
        [&scan, loops](int64_t begin, int64_t end) { loops(scan, begin, end); };
  };
  addLoops(benchCase, arguments, reference, bytesPerMs, maxThreads, scan.d, y,
           {{"loops t,d,n -O3", with(scanTimeOuter)},
            {"loops d,t,n -O3", with(scanChannelOuter)},
            {"loops t,d,n -ffast-math", with(scanTimeOuterFastMath)},
            {"loops d,t,n -ffast-math", with(scanChannelOuterFastMath)}},
           lines);
}

std::optional<std::vector<Line>>
recur::bench::runCase(const BenchCase &benchCase, const std::string &target,
                      int threads) {
  CompileOptions options;
  options.targets = {target};
  Artifact artifact = compile(benchCase.spec, options, benchCase.name);
  if (!artifact)
    return fail(artifact.messages);
  auto loaded = JitObject::load(artifact.object);
  if (!loaded)
    return fail(toString(loaded.takeError()));
  auto info = (*loaded)->info(artifact.names[0]);
  if (!info)
    return fail(toString(info.takeError()));

  auto arguments = makeArguments(**info, benchCase);
  if (!arguments)
    return std::nullopt;
  int status = RECUR_OK;
  auto run = [&] {
    int result = recur_call(*info, arguments->list.pointers(),
                            arguments->list.size(), nullptr, 0, nullptr);
    status = status ? status : result;
  };
  auto reference = interpretChannels(benchCase, **info, *arguments);
  if (!reference)
    return std::nullopt;

  std::vector<Line> lines;
  std::vector<int> threadCounts = {threads};
  bool isSelectiveScan = benchCase.name == "selective_scan";
  if (isSelectiveScan && threads > 1)
    threadCounts = {1, threads};
  double bytesPerMs = 0, operations = operationsOf(benchCase);
  for (int count : threadCounts) {
    recur_set_num_threads(count);
    // NaN everywhere first: what a kernel leaves out shows in the error.
    Tensor &result = arguments->tensors.back();
    std::memset(result.data(), 0xff, result.bytes());
    Streaming streaming(arguments->bytes, count);
    auto ms = medianMs({run, [&] { streaming.run(); }});
    if (status)
      return fail(benchCase.name + ": " + recur_last_error());
    bytesPerMs = arguments->bytes / ms[1];
    lines.push_back({benchCase.name, shapeOf(benchCase), benchCase.dtype,
                     benchCase.layout, target, count, ms[0],
                     arguments->bytes / ms[0] / 1e6, ms[1] / ms[0],
                     reference->errorOf(result), operations});
    lines.push_back({"streaming", shapeOf(benchCase), "f32", benchCase.layout,
                     "native", count, ms[1], bytesPerMs / 1e6, 1.0,
                     std::nullopt, arguments->bytes / 6.0});
  }
  if (isSelectiveScan)
    addSelectiveScanLoops(benchCase, *arguments, *reference, bytesPerMs,
                          threads, lines);
  else if (benchCase.name == "gru")
    addGruLoops(benchCase, *arguments, *reference, bytesPerMs, threads, lines);
  return lines;
}

Line recur::bench::runPeak(int threads) {
  double operations = 0;
  double ms = medianMs({[&] { operations = multiplyAdd(threads); }})[0];
  return {"peak", "-", "f32", "-", "native",  threads,
          ms,     {},  {},    {},  operations};
}
