//===-- test/gpu/run_cuda/run_cuda.cpp - calls on a real GPU --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-run-cuda [--quick] [--times] [--large] [--only NAME] [NAME.so...]:
/// calls compiled recurrences through the runtime, as a program would: every
/// schedule, layouts, odd sizes, streams, threads, captured graphs, PTX,
/// several devices, errors
/// (--quick: fewer sizes); then measures what a call takes of the host and of
/// the device (--times: only that; --quick: not). --large adds a tensor of more
/// than 2^31 elements, --only tests one recurrence; shared libraries (recurc
/// NAME.recur --target x86-64-v3 --target sm_90a -o NAME.so) are tested instead
/// of what is linked. Needs the driver and nothing else; the last line is
/// `N passed, N failed`.
#include "test/gpu/run_cuda/Problem.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <set>
#include <thread>

using namespace recur::test;

// What CMake has compiled: NAME_info of every artifact.
#define RECUR_ARTIFACT(name) extern "C" const recur_info *name##_info(void);
#include "Artifacts.inc"
#undef RECUR_ARTIFACT

namespace {

const recur_info *const artifacts[] = {
#define RECUR_ARTIFACT(name) name##_info(),
#include "Artifacts.inc"
#undef RECUR_ARTIFACT
};

int passed = 0, failed = 0;
/// The largest error since somebody asked, relative to a result's norm.
double largest = 0;

void expect(bool good, const std::string &what) {
  ++(good ? passed : failed);
  if (!good)
    std::printf("FAIL %s\n", what.c_str());
}

const recur_info &find(const std::string &name) {
  for (const recur_info *info : artifacts)
    if (info->name == name)
      return *info;
  std::printf("error: no artifact %s\n", name.c_str());
  std::exit(1);
}

/// The names of the schedules, each once.
std::vector<std::string> schedules(const recur_info &info) {
  std::vector<std::string> names;
  for (int32_t v = 0; v < info.n_gpu_variants; ++v)
    if (std::find(names.begin(), names.end(), info.gpu_variants[v].name) ==
        names.end())
      names.push_back(info.gpu_variants[v].name);
  return names;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Twice, for equal bits.
void runOnce(Problem &problem, const std::string &schedule,
             const Stream &stream) {
  std::string what = problem.text + ", " + schedule;
  std::vector<uint8_t> bits;
  double worst = 0;
  for (int repeat = 0; repeat < 2; ++repeat) {
    problem.poison(stream.get());
    Memory workspace = problem.makeWorkspace(stream.get());
    if (problem.call(workspace, stream.get())) {
      expect(false, what + ": " + recur_last_error());
      return;
    }
    stream.wait();
    if (repeat == 0)
      bits = problem.resultBits();
  }
  std::string wrong = problem.difference(worst);
  largest = std::max(largest, worst);
  if (wrong.empty() && bits != problem.resultBits())
    wrong = "two equal calls gave different bits";
  expect(wrong.empty(), what + ": " + wrong);
}

/// Every schedule that takes the arguments.
void runSchedules(const recur_info &info, const Sizes &sizes, Layout layout,
                  const Stream &stream) {
  Problem problem(info, sizes, layout);
  expect(problem.isFinite,
         problem.text + ": found no inputs with finite results to compare");
  for (const std::string &schedule : schedules(info)) {
    setenv("RECUR_SCHEDULE", schedule.c_str(), 1);
    const char *name;
    int status =
        recur_select(&info, problem.arguments(), problem.count(), &name);
    if (status == RECUR_UNSUPPORTED)
      continue;
    runOnce(problem, schedule, stream);
  }
  unsetenv("RECUR_SCHEDULE");
  runOnce(problem, "the model's choice", stream);
}

void testResults(const recur_info &info, bool quick) {
  Stream stream;
  int before = passed, failedBefore = failed;
  largest = 0;
  std::vector<Sizes> sizes;
  std::set<std::string> dims;
  for (int32_t d = 0; d < info.n_dims; ++d)
    if (info.dims[d].size < 0)
      dims.insert(info.dims[d].name);
  auto add = [&](int64_t b, int64_t t, int64_t d) {
    Sizes full = {{"b", b}, {"t", t}, {"d", d},
                  {"n", 5}, {"s", 7}, {"h", std::max<int64_t>(d / 8, 1)}};
    Sizes own;
    for (const auto &[name, size] : full)
      if (dims.count(name))
        own[name] = size;
    sizes.push_back(own);
  };
  add(1, 1, 1);
  add(2, 0, 33);
  add(0, 5, 3);
  add(2, 2, 31);
  add(3, 97, 33);
  add(1, 1009, 65);
  if (!quick) {
    add(2, 31, 32);
    add(5, 32, 64);
    add(2, 33, 128);
    add(1, 255, 257);
    add(2, 256, 256);
    add(1, 257, 127);
    add(2, 4097, 40);
    add(1, 20000, 7);
    add(64, 200, 96);
    add(8, 1024, 512);
  }
  for (const Sizes &each : sizes)
    for (Layout layout :
         {Layout::Rows, Layout::Gaps, Layout::Shifted, Layout::Columns})
      runSchedules(info, each, layout, stream);
  std::printf("%s: %d schedules, %d passed, %d failed, error %.1e\n", info.name,
              int(schedules(info).size()), passed - before,
              failed - failedBefore, largest);
  std::fflush(stdout);
}

//===----------------------------------------------------------------------===//
// Graphs, streams, threads, images, devices
//===----------------------------------------------------------------------===//

/// The first call of all, in a capture of the strictest mode: code is loaded
/// there. The graph is launched several times.
void testCapture() {
  for (const recur_info *info : {&find("linear"), &find("selective_scan")}) {
    Stream stream;
    Problem problem(*info, {{"b", 2}, {"t", 1000}, {"d", 96}}, Layout::Rows);
    Memory workspace = problem.makeWorkspace(stream.get());
    stream.wait();
    void *graph = nullptr, *runnable = nullptr;
    CHECK(cuStreamBeginCapture_v2(stream.get(), /*GLOBAL=*/0));
    int status = problem.call(workspace, stream.get());
    std::string text = recur_last_error();
    CHECK(cuStreamEndCapture(stream.get(), &graph));
    expect(status == RECUR_OK, "capture of " + problem.text + ": " + text);
    if (status)
      continue;
    CHECK(cuGraphInstantiateWithFlags(&runnable, graph, 0));
    double worst = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {
      problem.poison(stream.get());
      CHECK(cuGraphLaunch(runnable, stream.get()));
      stream.wait();
      std::string wrong = problem.difference(worst);
      expect(wrong.empty(), "graph of " + problem.text + ": " + wrong);
    }
    CHECK(cuGraphExecDestroy(runnable));
    CHECK(cuGraphDestroy(graph));
  }
}

/// Calls on several streams at once, each with its own tensors and workspace.
void testStreams() {
  constexpr int count = 4;
  std::vector<std::unique_ptr<Problem>> problems;
  std::vector<Memory> workspaces;
  Stream streams[count];
  for (int k = 0; k < count; ++k) {
    problems.push_back(std::make_unique<Problem>(
        find("selective_scan"),
        Sizes{{"b", 2}, {"t", 700 + 100 * k}, {"d", 128}}, Layout::Rows,
        k + 1));
    workspaces.push_back(problems[k]->makeWorkspace(streams[k].get()));
    problems[k]->poison(streams[k].get());
  }
  for (int k = 0; k < count; ++k)
    expect(problems[k]->call(workspaces[k], streams[k].get()) == RECUR_OK,
           std::string("stream: ") + recur_last_error());
  for (int k = 0; k < count; ++k) {
    streams[k].wait();
    double worst = 0;
    std::string wrong = problems[k]->difference(worst);
    expect(wrong.empty(), "stream of " + problems[k]->text + ": " + wrong);
  }
  // The legacy stream is a stream like others.
  problems[0]->poison(nullptr);
  expect(problems[0]->call(workspaces[0], nullptr) == RECUR_OK,
         std::string("legacy stream: ") + recur_last_error());
  CHECK(cuStreamSynchronize(nullptr));
  double worst = 0;
  expect(problems[0]->difference(worst).empty(), "legacy stream");
}

/// Threads whose first call this is, none of which has a context.
void testThreads() {
  constexpr int count = 4;
  std::vector<std::unique_ptr<Problem>> problems;
  std::vector<Memory> workspaces;
  for (int k = 0; k < count; ++k) {
    problems.push_back(std::make_unique<Problem>(
        find("rg_lru"), Sizes{{"b", 1}, {"t", 500}, {"d", 64 + k}},
        Layout::Rows, k + 1));
    workspaces.push_back(problems[k]->makeWorkspace(nullptr));
    problems[k]->poison(nullptr);
  }
  CHECK(cuCtxSynchronize());
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int k = 0; k < count; ++k)
    threads.emplace_back([&, k] {
      for (int repeat = 0; repeat < 20; ++repeat)
        good += problems[k]->call(workspaces[k], nullptr) == RECUR_OK;
    });
  for (std::thread &thread : threads)
    thread.join();
  CHECK(cuCtxSynchronize());
  expect(good == count * 20, "calls of threads without a context");
  for (int k = 0; k < count; ++k) {
    double worst = 0;
    std::string wrong = problems[k]->difference(worst);
    expect(wrong.empty(), "thread of " + problems[k]->text + ": " + wrong);
  }
}

/// A description whose variants have only the images of one format.
class OneFormat {
public:
  OneFormat(const recur_info &from, int32_t format) : info(from) {
    for (int32_t v = 0; v < from.n_gpu_variants; ++v) {
      const recur_gpu_variant &variant = from.gpu_variants[v];
      for (int32_t k = 0; k < variant.n_images; ++k)
        if (variant.images[k].format == format) {
          variants.push_back(variant);
          variants.back().images = &variant.images[k];
          variants.back().n_images = 1;
        }
    }
    info.gpu_variants = variants.data();
    info.n_gpu_variants = int32_t(variants.size());
  }
  recur_info info;

private:
  std::vector<recur_gpu_variant> variants;
};

void testFormats() {
  for (int32_t format : {RECUR_GPU_PTX, RECUR_GPU_CUBIN}) {
    OneFormat only(find("linear"), format);
    const char *name = format == RECUR_GPU_PTX ? "PTX" : "cubin";
    if (only.info.n_gpu_variants == 0) {
      std::printf("no %s in the artifact\n", name);
      continue;
    }
    std::printf("%s:\n  ", name);
    Stream stream;
    runSchedules(only.info, {{"b", 2}, {"t", 300}, {"d", 64}}, Layout::Rows,
                 stream);
    std::printf("ran\n");
  }
}

/// Calls on a device that is not the thread's current one.
void testDevices() {
  int count = deviceCount();
  for (int device = 1; device < count; ++device) {
    useDevice(device);
    Problem problem(find("linear"), {{"b", 2}, {"t", 300}, {"d", 64}},
                    Layout::Rows);
    for (int32_t a = 0; a < problem.count(); ++a)
      const_cast<DLTensor *>(problem.arguments()[a])->device.device_id = device;
    problem.poison(nullptr);
    Memory workspace = problem.makeWorkspace(nullptr);
    CHECK(cuCtxSynchronize());
    useDevice(0);
    expect(problem.call(workspace, nullptr) == RECUR_OK,
           "device " + std::to_string(device) + ": " + recur_last_error());
    useDevice(device);
    CHECK(cuCtxSynchronize());
    double worst = 0;
    std::string wrong = problem.difference(worst);
    expect(wrong.empty(), "device " + std::to_string(device) + ": " + wrong);
  }
  useDevice(0);
}

/// What the real driver says of wrong pointers.
void testErrors() {
  const recur_info &info = find("linear");
  Problem problem(info, {{"b", 2}, {"t", 300}, {"d", 64}}, Layout::Rows);
  Memory workspace = problem.makeWorkspace(nullptr);
  std::vector<DLTensor> views;
  std::vector<const DLTensor *> list;
  for (int32_t a = 0; a < problem.count(); ++a)
    views.push_back(*problem.arguments()[a]);
  for (DLTensor &view : views)
    list.push_back(&view);
  auto refuse = [&](const char *text) {
    int status = recur_call(&info, list.data(), problem.count(),
                            workspace.get(), workspace.size(), nullptr);
    std::string said = recur_last_error();
    expect(status == RECUR_INVALID_ARGUMENT &&
               said.find(text) != std::string::npos,
           std::string("expected an error with '") + text + "', found '" +
               said + "'");
  };
  static float host[2 * 300 * 64];
  void *own = views[1].data;
  views[1].data = host;
  refuse("argument 'x': expected memory of CUDA device 0, found the address");
  // Past the end of its allocation, and maybe into that of another argument.
  // A thread of its own: this one may remember a larger allocation there.
  Memory small(1024);
  views[1].data = small.get();
  std::thread(refuse, "expected memory ").join();
  views[1].data = own;
  views[1].device = {kDLCPU, 0};
  refuse("argument 'x': expected a tensor on CUDA device 0, as argument 'a'");
}

//===----------------------------------------------------------------------===//
// Size and time
//===----------------------------------------------------------------------===//

/// More than 2^31 elements: constants, so that every column must be the same.
void testLarge() {
  const recur_info &info = find("linear");
  constexpr int64_t t = 16;
  size_t available = 0, total = 0;
  CHECK(cuMemGetInfo_v2(&available, &total));
  int64_t d = (int64_t(1) << 28) + 1000;
  int64_t elements = t * d;
  if (available < size_t(elements) * 12 + size_t(d) * 12 + (1u << 30)) {
    std::printf("large: skipped, %zu MB are too few\n", available >> 20);
    return;
  }
  Memory a(elements * 4), x(elements * 4), h0(d * 4), h(elements * 4),
      last(d * 4);
  float half = 0.5f, one = 1;
  unsigned bits;
  std::memcpy(&bits, &half, 4);
  CHECK(cuMemsetD32_v2(a.at(), bits, elements));
  std::memcpy(&bits, &one, 4);
  CHECK(cuMemsetD32_v2(x.at(), bits, elements));
  CHECK(cuMemsetD32_v2(h0.at(), 0, d));
  int64_t sequence[] = {1, t, d}, state[] = {1, d};
  DLTensor tensors[5] = {};
  const DLTensor *list[5];
  Memory *memory[] = {&a, &x, &h0, &h, &last};
  for (int k = 0; k < 5; ++k) {
    tensors[k].data = memory[k]->get();
    tensors[k].device = {kDLCUDA, 0};
    tensors[k].dtype = {kDLFloat, 32, 1};
    tensors[k].ndim = k == 2 || k == 4 ? 2 : 3;
    tensors[k].shape = tensors[k].ndim == 2 ? state : sequence;
    list[k] = &tensors[k];
  }
  for (const std::string &schedule : schedules(info)) {
    setenv("RECUR_SCHEDULE", schedule.c_str(), 1);
    size_t bytes = 0;
    if (recur_workspace(&info, list, 5, &bytes))
      continue;
    CHECK(cuMemsetD8_v2(h.at(), 0xff, h.size()));
    Memory workspace(bytes);
    int status = recur_call(&info, list, 5, workspace.get(), bytes, nullptr);
    expect(status == RECUR_OK,
           "large: " + schedule + ": " + recur_last_error());
    CHECK(cuCtxSynchronize());
    double expected = 0;
    bool right = true;
    std::vector<float> row(1 << 16);
    for (int64_t step = 0; step < t; ++step) {
      expected = 0.5 * expected + 1;
      for (int64_t at : {int64_t(0), d / 2, d - (int64_t(1) << 16)}) {
        CHECK(cuMemcpyDtoH_v2(row.data(), h.at() + 4 * (step * d + at),
                              row.size() * 4));
        for (float value : row)
          right &= std::abs(value - expected) < 1e-5;
      }
    }
    expect(right, "large: " + schedule);
    std::printf("large: %lld elements, %s: %s\n", (long long)elements,
                schedule.c_str(), right ? "right" : "wrong");
  }
  unsetenv("RECUR_SCHEDULE");
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

/// Microseconds of the host for one `body` of batches that the queue holds,
/// nothing waited for.
template <typename Body> double timeOnHost(const Stream &stream, Body body) {
  std::vector<double> times;
  for (int batch = 0; batch < 50; ++batch) {
    stream.wait();
    auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < 100; ++k)
      body();
    times.push_back(std::chrono::duration<double, std::micro>(
                        std::chrono::steady_clock::now() - start)
                        .count() /
                    100);
  }
  stream.wait();
  return median(times);
}

/// Host time of one call.
void measureHost(const char *name, const Sizes &sizes,
                 const char *schedule = nullptr) {
  const recur_info &info = find(name);
  Stream stream;
  Problem problem(info, sizes, Layout::Rows, 1, /*isChecked=*/false);
  if (schedule)
    setenv("RECUR_SCHEDULE", schedule, 1);
  Memory workspace = problem.makeWorkspace(stream.get());
  double time =
      timeOnHost(stream, [&] { problem.call(workspace, stream.get()); });
  const char *variant = "?";
  recur_select(&info, problem.arguments(), problem.count(), &variant);
  unsetenv("RECUR_SCHEDULE");
  std::printf("host: %s: %.2f us a call (median of 50 x 100; %s)\n",
              problem.text.c_str(), time, variant);
}

/// What the driver alone takes of the host for what a call asks of it: a
/// launch with 30 words of parameters, zeroing 4 KB.
void measureDriver() {
  const char *code = ".version 7.0\n.target sm_80\n.address_size 64\n"
                     ".visible .entry nothing(.param .align 8 .b8 w[240])\n"
                     "{\n  ret;\n}\n";
  void *module = nullptr, *function = nullptr;
  CHECK(cuModuleLoadDataEx(&module, code, 0, nullptr, nullptr));
  CHECK(cuModuleGetFunction(&function, module, "nothing"));
  Stream stream;
  Memory memory(4096);
  uint64_t words[30] = {};
  size_t bytes = sizeof words;
  void *packed[] = {reinterpret_cast<void *>(1), words,
                    reinterpret_cast<void *>(2), &bytes, nullptr};
  auto launch = [&] {
    CHECK(cuLaunchKernel(function, 64, 1, 1, 128, 1, 1, 0, stream.get(),
                         nullptr, packed));
  };
  auto zero = [&] {
    CHECK(cuMemsetD32Async(memory.at(), 0, 1024, stream.get()));
  };
  std::printf(
      "host: the driver alone: launch %.2f us, zeroing %.2f us (by "
      "bytes %.2f us), both %.2f us\n",
      timeOnHost(stream, launch), timeOnHost(stream, zero),
      timeOnHost(
          stream,
          [&] { CHECK(cuMemsetD8Async(memory.at(), 0, 4096, stream.get())); }),
      timeOnHost(stream, [&] {
        zero();
        launch();
      }));
}

/// Device time, by events and in a graph.
void measureDevice(const char *name, const Sizes &sizes) {
  const recur_info &info = find(name);
  Stream stream;
  Problem problem(info, sizes, Layout::Rows, 1, /*isChecked=*/false);
  for (const std::string &schedule : schedules(info)) {
    setenv("RECUR_SCHEDULE", schedule.c_str(), 1);
    const char *chosen;
    if (recur_select(&info, problem.arguments(), problem.count(), &chosen))
      continue;
    Memory workspace = problem.makeWorkspace(stream.get());
    std::vector<double> times;
    for (int k = 0; k < 12; ++k)
      times.push_back(
          timeOnDevice(stream, [&] { problem.call(workspace, stream.get()); }));
    times.erase(times.begin(), times.begin() + 2);
    double milliseconds = median(times);
    std::printf("device: %s: %.4f ms, %.0f GB/s: %s\n", problem.text.c_str(),
                milliseconds, problem.bytes() / milliseconds * 1e-6,
                schedule.c_str());
  }
  unsetenv("RECUR_SCHEDULE");
  const char *chosen = "?";
  recur_select(&info, problem.arguments(), problem.count(), &chosen);
  std::printf("device: %s: the model chooses %s\n", problem.text.c_str(),
              chosen);
}

} // namespace

/// What `path`, NAME.so, has of NAME; null, with a message, if it has nothing.
const recur_info *loadLibrary(const std::string &path) {
  size_t begin = path.rfind('/') + 1;
  std::string name = path.substr(begin, path.rfind('.') - begin);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  auto getInfo = library ? reinterpret_cast<const recur_info *(*)()>(
                               dlsym(library, (name + "_info").c_str()))
                         : nullptr;
  if (!getInfo)
    std::fprintf(stderr, "error: %s\n", dlerror());
  return getInfo ? getInfo() : nullptr;
}

int main(int argc, char **argv) {
  bool quick = false, large = false, onlyTimes = false;
  std::string only;
  std::vector<const recur_info *> loaded;
  for (int k = 1; k < argc; ++k) {
    std::string flag = argv[k];
    if (flag == "--quick")
      quick = true;
    else if (flag == "--times")
      onlyTimes = true;
    else if (flag == "--large")
      large = true;
    else if (flag == "--only" && k + 1 < argc)
      only = argv[++k];
    else if (flag.ends_with(".so")) {
      loaded.push_back(loadLibrary(flag));
      if (!loaded.back())
        return 1;
    } else {
      std::fprintf(stderr,
                   "usage: %s [--quick] [--times] [--large] [--only NAME] "
                   "[NAME.so...]\n",
                   argv[0]);
      return 2;
    }
  }
  if (!openDriver()) {
    std::printf("0 passed, 0 failed\n");
    return 77;
  }
  useDevice(0);
  bool isAll = only.empty() && loaded.empty();
  if (isAll && !onlyTimes) {
    testCapture();
    testStreams();
    testThreads();
    testFormats();
    testDevices();
    testErrors();
    std::printf("graphs, streams, threads, images, devices, errors: %d passed, "
                "%d failed\n",
                passed, failed);
    std::fflush(stdout);
  }
  for (const recur_info *info : loaded)
    testResults(*info, quick);
  for (const recur_info *info : artifacts)
    if (!onlyTimes && (isAll || only == info->name))
      testResults(*info, quick);
  if (large)
    testLarge();
  if (isAll && !quick) {
    measureDriver();
    measureHost("linear", {{"b", 1}, {"t", 1}, {"d", 64}});
    measureHost("linear", {{"b", 2}, {"t", 64}, {"d", 1024}});
    measureHost("linear", {{"b", 2}, {"t", 2048}, {"d", 1024}}, "lookback");
    measureHost("selective_scan", {{"b", 1}, {"t", 1}, {"d", 64}});
    measureHost("selective_scan_step", {{"b", 64}, {"d", 4096}});
    measureDevice("selective_scan_step", {{"b", 64}, {"d", 4096}});
    measureDevice("linear", {{"b", 8}, {"t", 2048}, {"d", 2048}});
    measureDevice("linear_bdt", {{"b", 8}, {"t", 2048}, {"d", 2048}});
    measureDevice("linear", {{"b", 1}, {"t", 65536}, {"d", 512}});
    measureDevice("selective_scan", {{"b", 8}, {"t", 2048}, {"d", 2048}});
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
