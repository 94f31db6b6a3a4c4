//===-- run_ptx.cpp - generated kernels on a real GPU ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// run_ptx DIR: loads what emit_kernels wrote to DIR, runs it on random data
/// and compares with plain loops in f64. Needs only the driver (libcuda.so.1,
/// opened at run time) and prints `N passed, N failed`. Build:
/// c++ -std=c++20 -O2 run_ptx.cpp -ldl -o run_ptx
//===----------------------------------------------------------------------===//

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

namespace {

using Pointer = unsigned long long;

#define DRIVER_FUNCTIONS(X)                                                    \
  X(cuInit, unsigned)                                                          \
  X(cuDeviceGet, int *, int)                                                   \
  X(cuDeviceGetName, char *, int, int)                                         \
  X(cuDevicePrimaryCtxRetain, void **, int)                                    \
  X(cuCtxSetCurrent, void *)                                                   \
  X(cuModuleLoadData, void **, const void *)                                   \
  X(cuModuleUnload, void *)                                                    \
  X(cuModuleGetFunction, void **, void *, const char *)                        \
  X(cuMemAlloc_v2, Pointer *, size_t)                                          \
  X(cuMemFree_v2, Pointer)                                                     \
  X(cuMemcpyHtoD_v2, Pointer, const void *, size_t)                            \
  X(cuMemcpyDtoH_v2, void *, Pointer, size_t)                                  \
  X(cuMemsetD8_v2, Pointer, unsigned char, size_t)                             \
  X(cuEventCreate, void **, unsigned)                                          \
  X(cuEventRecord, void *, void *)                                             \
  X(cuEventSynchronize, void *)                                                \
  X(cuEventElapsedTime_v2, float *, void *, void *)                            \
  X(cuGetErrorString, int, const char **)                                      \
  X(cuLaunchKernel, void *, unsigned, unsigned, unsigned, unsigned, unsigned,  \
    unsigned, unsigned, void *, void **, void **)

#define DECLARE(name, ...) int (*name)(__VA_ARGS__) = nullptr;
DRIVER_FUNCTIONS(DECLARE)

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

void check(int code, const char *call) {
  if (!code)
    return;
  const char *text = nullptr;
  if (cuGetErrorString)
    cuGetErrorString(code, &text);
  fail(std::string(call) + " failed with " + std::to_string(code) + " (" +
       (text ? text : "no text") + ")");
}
#define CHECK(call) check(call, #call)

void openDriver() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library)
    fail(std::string("no GPU driver: ") + dlerror());
  auto find = [&](auto &function, std::string name) {
    void *symbol = dlsym(library, name.c_str());
    // Drivers before CUDA 12.8 have only the first version of a function.
    if (!symbol && name.ends_with("_v2"))
      symbol = dlsym(library, name.substr(0, name.size() - 3).c_str());
    if (!symbol)
      fail("the driver has no " + name);
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
#define FIND(name, ...) find(name, #name);
  DRIVER_FUNCTIONS(FIND)
  CHECK(cuInit(0));
  int device;
  CHECK(cuDeviceGet(&device, 0));
  void *context;
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
  char name[128];
  CHECK(cuDeviceGetName(name, sizeof(name), device));
  std::printf("device: %s\n", name);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

enum class Type { F32, Bf16 };

/// Values in f64, rounded to what `type` holds, and their copy on the device.
struct Tensor {
  Type type;
  std::vector<int64_t> shape;
  std::vector<double> values;
  /// Elements from one row-major position to the next along each axis.
  std::vector<int64_t> strides;
  int64_t elements = 1; // with gaps
  Pointer device = 0;

  int64_t bytes() const { return elements * (type == Type::F32 ? 4 : 2); }
};

uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
float fromBf16(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

std::mt19937 randomBits(11);

/// `gap` elements lie between rows.
Tensor makeTensor(Type type, std::vector<int64_t> shape, double low,
                  double high, int64_t gap) {
  Tensor tensor{type, std::move(shape), {}, {}};
  tensor.strides.resize(tensor.shape.size());
  int64_t count = 1;
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    tensor.strides[axis] = tensor.elements;
    tensor.elements = tensor.elements * tensor.shape[axis] +
                      (axis + 1 == tensor.shape.size() ? gap : 0);
    count *= tensor.shape[axis];
  }
  std::uniform_real_distribution<double> uniform(low, high);
  tensor.values.resize(count);
  for (double &value : tensor.values) {
    value = float(uniform(randomBits));
    if (type == Type::Bf16)
      value = fromBf16(toBf16(value));
  }
  return tensor;
}

int64_t offsetOf(const Tensor &tensor, int64_t number) {
  int64_t offset = 0;
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    offset += number % tensor.shape[axis] * tensor.strides[axis];
    number /= tensor.shape[axis];
  }
  return offset;
}

void upload(Tensor &tensor) {
  CHECK(cuMemAlloc_v2(&tensor.device, tensor.bytes()));
  std::vector<uint8_t> bytes(tensor.bytes(), 0xff);
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    int64_t offset = offsetOf(tensor, i);
    float value = tensor.values[i];
    uint16_t half = toBf16(value);
    if (tensor.type == Type::F32)
      std::memcpy(&bytes[4 * offset], &value, 4);
    else
      std::memcpy(&bytes[2 * offset], &half, 2);
  }
  CHECK(cuMemcpyHtoD_v2(tensor.device, bytes.data(), bytes.size()));
}

std::vector<double> download(const Tensor &tensor) {
  std::vector<uint8_t> bytes(tensor.bytes());
  CHECK(cuMemcpyDtoH_v2(bytes.data(), tensor.device, bytes.size()));
  std::vector<double> values(tensor.values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t offset = offsetOf(tensor, i);
    float value;
    uint16_t half;
    if (tensor.type == Type::F32) {
      std::memcpy(&value, &bytes[4 * offset], 4);
      values[i] = value;
    } else {
      std::memcpy(&half, &bytes[2 * offset], 2);
      values[i] = fromBf16(half);
    }
  }
  return values;
}

//===----------------------------------------------------------------------===//
// A run of one spec
//===----------------------------------------------------------------------===//

int passed = 0, failed = 0;

struct Problem {
  std::string spec, shape;
  std::vector<int64_t> sizes;    // of the space's dims
  std::vector<Tensor> arguments; // inputs, then results
  size_t inputs;
  int64_t items, times, workspace; // workspace: bytes of one item and segment
  double tolerance;
  /// Fills the results' values.
  std::function<void(std::vector<Tensor> &)> reference;
};

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void runKernels(Problem &problem, const std::string &directory,
                const std::string &extension, bool strided, int64_t segment) {
  std::string file =
      directory + "/" + problem.spec + (segment ? "_segments" : "") + extension;
  std::string image = readFile(file);
  if (image.empty()) {
    if (extension == ".ptx")
      fail("cannot read '" + file + "'");
    return; // no assembler where the kernels were emitted
  }
  void *module;
  CHECK(cuModuleLoadData(&module, image.c_str()));

  int64_t segments = segment ? (problem.times + segment - 1) / segment : 1;
  Pointer workspace;
  size_t workspaceBytes =
      2 * problem.workspace * problem.items * segments + 65536;
  CHECK(cuMemAlloc_v2(&workspace, workspaceBytes));
  CHECK(cuMemsetD8_v2(workspace, 0xff, workspaceBytes));
  std::vector<uint64_t> words;
  for (size_t i = 0; i < problem.arguments.size(); ++i) {
    Tensor &tensor = problem.arguments[i];
    words.push_back(tensor.device);
    if (i >= problem.inputs)
      CHECK(cuMemsetD8_v2(tensor.device, 0xff, tensor.bytes()));
  }
  words.push_back(workspace);
  words.push_back(segment ? segment : 1);
  words.insert(words.end(), problem.sizes.begin(), problem.sizes.end());
  for (Tensor &tensor : problem.arguments)
    words.insert(words.end(), tensor.strides.begin(), tensor.strides.end());

  std::string kernel = problem.spec + "__gpu" + (strided ? "1" : "0");
  std::vector<std::string> names{kernel};
  if (segment)
    names = {kernel + "_fold", kernel + "_combine", kernel + "_replay"};
  void *start, *stop;
  CHECK(cuEventCreate(&start, 0));
  CHECK(cuEventCreate(&stop, 0));
  float best = std::numeric_limits<float>::infinity();
  for (int repeat = 0; repeat < 5; ++repeat) {
    CHECK(cuEventRecord(start, nullptr));
    for (const std::string &name : names) {
      void *function;
      CHECK(cuModuleGetFunction(&function, module, name.c_str()));
      int64_t threads = problem.items;
      if (segment && name != kernel + "_combine")
        threads *= segments;
      unsigned blocks = unsigned((threads + 63) / 64);
      size_t size = 8 * words.size();
      void *extra[] = {reinterpret_cast<void *>(1), words.data(),
                       reinterpret_cast<void *>(2), &size, nullptr};
      CHECK(cuLaunchKernel(function, blocks ? blocks : 1, 1, 1, 64, 1, 1, 0,
                           nullptr, nullptr, extra));
    }
    CHECK(cuEventRecord(stop, nullptr));
    CHECK(cuEventSynchronize(stop));
    float ms;
    CHECK(cuEventElapsedTime_v2(&ms, start, stop));
    best = std::fmin(best, ms);
  }
  bool right = true;
  double worst = 0, bytes = 0;
  for (size_t i = 0; i < problem.arguments.size(); ++i) {
    Tensor &tensor = problem.arguments[i];
    bytes += tensor.values.size() * (tensor.type == Type::F32 ? 4.0 : 2.0);
    if (i < problem.inputs)
      continue;
    std::vector<double> found = download(tensor);
    double error = 0, norm = 0;
    for (size_t k = 0; k < found.size(); ++k) {
      error += std::pow(found[k] - tensor.values[k], 2);
      norm += std::pow(tensor.values[k], 2);
    }
    double relative = norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
    right = right && relative <= problem.tolerance; // NaN is wrong
    worst = std::isnan(worst) || relative <= worst ? worst : relative;
  }
  ++(right ? passed : failed);
  std::printf("%s %s%s %s %s segment %lld: error %.2e, %.3f ms, %.0f GB/s\n",
              right ? "pass" : "FAIL", problem.spec.c_str(), extension.c_str(),
              problem.shape.c_str(), strided ? "strided" : "rows",
              static_cast<long long>(segment), worst, best,
              bytes / best * 1e-6);
  CHECK(cuMemFree_v2(workspace));
  CHECK(cuModuleUnload(module));
}

//===----------------------------------------------------------------------===//
// The specs
//===----------------------------------------------------------------------===//

Problem makeLinear(int64_t b, int64_t t, int64_t d, int64_t gap) {
  Problem problem{"linear", "", {b, t, d}, {}, 3, b * d, t, 4, 1e-5, {}};
  auto add = [&](std::vector<int64_t> shape, double low, double high) {
    problem.arguments.push_back(
        makeTensor(Type::F32, std::move(shape), low, high, gap));
  };
  add({b, t, d}, 0.5, 1);
  add({b, t, d}, -1, 1);
  add({b, d}, -1, 1);
  add({b, t, d}, 0, 0);
  add({b, d}, 0, 0);
  problem.reference = [=](std::vector<Tensor> &v) {
    for (int64_t i = 0; i < b; ++i)
      for (int64_t k = 0; k < d; ++k) {
        double h = v[2].values[i * d + k];
        for (int64_t j = 0; j < t; ++j) {
          int64_t at = (i * t + j) * d + k;
          h = v[0].values[at] * h + v[1].values[at];
          v[3].values[at] = h;
        }
        v[4].values[i * d + k] = h;
      }
  };
  return problem;
}

Problem makeSelectiveScan(int64_t b, int64_t t, int64_t d, int64_t gap) {
  constexpr int64_t n = 16;
  Problem problem{
      "selective_scan", "", {b, t, d, n}, {}, 8, b * d, t, 4 * n, 1e-2, {}};
  auto add = [&](Type type, std::vector<int64_t> shape, double low,
                 double high) {
    problem.arguments.push_back(
        makeTensor(type, std::move(shape), low, high, gap));
  };
  add(Type::Bf16, {b, t, d}, -1, 1); // u
  add(Type::Bf16, {b, t, d}, -2, 1); // delta
  add(Type::F32, {d, n}, -1, -0.1);  // A
  add(Type::Bf16, {b, t, n}, -1, 1); // B
  add(Type::Bf16, {b, t, n}, -1, 1); // C
  add(Type::F32, {d}, -1, 1);        // D
  add(Type::Bf16, {b, t, d}, -1, 1); // z
  add(Type::F32, {d}, -1, 1);        // bias
  add(Type::Bf16, {b, t, d}, 0, 0);  // y
  problem.reference = [=](std::vector<Tensor> &v) {
    for (int64_t i = 0; i < b; ++i)
      for (int64_t k = 0; k < d; ++k) {
        double h[n] = {};
        for (int64_t j = 0; j < t; ++j) {
          int64_t at = (i * t + j) * d + k;
          double u = v[0].values[at], z = v[6].values[at];
          double dt = std::log1p(std::exp(v[1].values[at] + v[7].values[k]));
          double sum = 0;
          for (int64_t m = 0; m < n; ++m) {
            h[m] = std::exp(dt * v[2].values[k * n + m]) * h[m] +
                   dt * v[3].values[(i * t + j) * n + m] * u;
            sum += v[4].values[(i * t + j) * n + m] * h[m];
          }
          v[8].values[at] = (sum + v[5].values[k] * u) * z / (1 + std::exp(-z));
        }
      }
  };
  return problem;
}

void runProblem(Problem problem, const std::string &directory, bool gaps) {
  problem.shape = "(";
  for (int64_t size : problem.sizes)
    problem.shape += std::to_string(size) + ",";
  problem.shape.back() = ')';
  problem.reference(problem.arguments);
  for (Tensor &tensor : problem.arguments)
    upload(tensor);
  for (const char *extension : {".ptx", ".cubin"})
    for (int64_t segment : {0, 32, 100}) {
      runKernels(problem, directory, extension, true, segment);
      if (!gaps)
        runKernels(problem, directory, extension, false, segment);
    }
  for (Tensor &tensor : problem.arguments)
    CHECK(cuMemFree_v2(tensor.device));
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIR\n", argv[0]);
    return 2;
  }
  std::string directory = argv[1];
  openDriver();
  for (int64_t gap : {0, 3}) {
    for (auto [b, t, d] : {std::array<int64_t, 3>{1, 1, 1},
                           {2, 97, 33},
                           {3, 1009, 65},
                           {8, 2048, 1024}})
      runProblem(makeLinear(b, t, d, gap), directory, gap != 0);
    for (auto [b, t, d] : {std::array<int64_t, 3>{2, 33, 31}, {1, 2048, 1536}})
      runProblem(makeSelectiveScan(b, t, d, gap), directory, gap != 0);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
