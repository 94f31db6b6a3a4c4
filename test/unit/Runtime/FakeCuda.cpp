//===-- FakeCuda.cpp - a GPU driver for tests -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The driver functions that the runtime asks for, and their control.
/// Signatures and numbers are those of NVIDIA's documentation of the driver
/// interface.
#include "test/unit/Runtime/FakeCuda.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

using namespace recur::test;
using namespace recur::test::fake;

namespace {

constexpr int invalidValue = 1, invalidDevice = 101, invalidContext = 201,
              notFound = 500, captureUnsupported = 900;
constexpr int captureGlobal = 0, captureRelaxed = 2;

struct Context {
  int device;
  unsigned long long id;
};
struct Module {
  std::string image;
  Context *context;
};
struct Function {
  std::string symbol;
  Module *module;
  int maxShared = 48 << 10;
};
struct Range {
  uint64_t begin;
  size_t bytes;
  int device;
  Context *context;
};
struct Failure {
  int result, skip;
};

struct State {
  std::recursive_mutex mutex;
  std::vector<fake::Device> devices;
  std::vector<std::unique_ptr<Context>> contexts;
  std::map<int, Context *> primary;
  std::map<int, bool> primaryActive;
  std::vector<std::unique_ptr<Module>> modules;
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<Range> ranges;
  std::map<std::string, Failure> failures;
  std::vector<std::string> calls;
  std::vector<Launch> launches;
  std::vector<Memset> memsets;
  std::function<void(const Launch &)> launchEffect;
  std::function<void(const Memset &)> memsetEffect;
  std::string jitLog;
  FILE *log = nullptr;
  bool capturing = false;
  int held = 0, loads = 0;
  unsigned long long nextId = 1;
  /// Never reused, so that what the runtime remembers of old memory is not met
  /// again.
  uint64_t nextAddress = uint64_t(1) << 40;
};

State &state() {
  static auto &made = *new State;
  return made;
}
thread_local std::vector<Context *> stack;
thread_local int captureMode = captureGlobal;

Context *makeContext(int device) {
  State &s = state();
  s.contexts.push_back(std::make_unique<Context>(Context{device, s.nextId++}));
  return s.contexts.back().get();
}

/// Records a call and finds the result it has been told to return.
class Recorded {
public:
  explicit Recorded(const char *name) : lock(state().mutex) {
    state().calls.emplace_back(name);
    if (state().log) {
      std::fprintf(state().log, "%s\n", name);
      std::fflush(state().log);
    }
    auto found = state().failures.find(name);
    if (found == state().failures.end())
      return;
    if (found->second.skip-- > 0)
      return;
    result = found->second.result;
    state().failures.erase(found);
  }
  int result = 0;

private:
  std::lock_guard<std::recursive_mutex> lock;
};

bool loadingIsLegal() {
  return !state().capturing || captureMode == captureRelaxed;
}

} // namespace

#define FAKE(name)                                                             \
  Recorded recorded(name);                                                     \
  if (recorded.result)                                                         \
  return recorded.result
#define EXPORT extern "C" __attribute__((visibility("default")))

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

EXPORT int cuGetErrorName(int result, const char **text) {
  static const std::map<int, const char *> names = {
      {1, "CUDA_ERROR_INVALID_VALUE"},
      {2, "CUDA_ERROR_OUT_OF_MEMORY"},
      {100, "CUDA_ERROR_NO_DEVICE"},
      {201, "CUDA_ERROR_INVALID_CONTEXT"},
      {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {218, "CUDA_ERROR_INVALID_PTX"},
      {500, "CUDA_ERROR_NOT_FOUND"},
      {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}};
  auto found = names.find(result);
  *text = found == names.end() ? nullptr : found->second;
  return *text ? 0 : invalidValue;
}
EXPORT int cuGetErrorString(int result, const char **text) {
  *text = result == 700 ? "an illegal memory access was encountered"
                        : "words of the driver";
  return 0;
}
EXPORT int cuInit(unsigned) {
  FAKE("cuInit");
  const char *result = std::getenv("FAKE_CUDA_INIT");
  const char *count = std::getenv("FAKE_CUDA_DEVICES");
  if (state().devices.empty() && !(count && std::atoi(count) == 0))
    fake::reset();
  if (const char *function = std::getenv("FAKE_CUDA_FAIL"))
    fake::fail(function, 2);
  if (const char *path = std::getenv("FAKE_CUDA_LOG"); path && !state().log)
    state().log = std::fopen(path, "w");
  return result ? std::atoi(result) : 0;
}
EXPORT int cuDeviceGetCount(int *count) {
  FAKE("cuDeviceGetCount");
  *count = int(state().devices.size());
  return 0;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
  FAKE("cuDeviceGetAttribute");
  if (device < 0 || device >= int(state().devices.size()))
    return invalidDevice;
  const fake::Device &d = state().devices[device];
  switch (attribute) {
  case 13:
    *value = 1'700'000;
    return 0;
  case 16:
    *value = d.multiprocessors;
    return 0;
  case 36:
    *value = 2'600'000;
    return 0;
  case 37:
    *value = 5120;
    return 0;
  case 39:
    *value = 2048;
    return 0;
  case 75:
    *value = d.capability / 10;
    return 0;
  case 76:
    *value = d.capability % 10;
    return 0;
  case 81:
    *value = 228 << 10;
    return 0;
  case 82:
    *value = 65536;
    return 0;
  case 97:
    *value = d.sharedPerBlock;
    return 0;
  case 106:
    *value = 32;
    return 0;
  default:
    return invalidValue;
  }
}
EXPORT int cuDeviceGetName(char *name, int size, int device) {
  FAKE("cuDeviceGetName");
  std::strncpy(name, state().devices[device].name.c_str(), size);
  return 0;
}
EXPORT int cuDevicePrimaryCtxGetState(int device, unsigned *flags,
                                      int *active) {
  FAKE("cuDevicePrimaryCtxGetState");
  *flags = 0;
  *active = state().primaryActive[device];
  return 0;
}
EXPORT int cuDevicePrimaryCtxRetain(Context **context, int device) {
  FAKE("cuDevicePrimaryCtxRetain");
  *context = state().primary[device];
  state().primaryActive[device] = true;
  ++state().held;
  return 0;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  FAKE("cuDevicePrimaryCtxRelease_v2");
  --state().held;
  return 0;
}
EXPORT int cuCtxGetCurrent(Context **context) {
  FAKE("cuCtxGetCurrent");
  *context = stack.empty() ? nullptr : stack.back();
  return 0;
}
EXPORT int cuCtxPushCurrent_v2(Context *context) {
  FAKE("cuCtxPushCurrent_v2");
  stack.push_back(context);
  ++state().held;
  return 0;
}
EXPORT int cuCtxPopCurrent_v2(Context **context) {
  FAKE("cuCtxPopCurrent_v2");
  *context = stack.back();
  stack.pop_back();
  --state().held;
  return 0;
}
EXPORT int cuCtxGetDevice(int *device) {
  FAKE("cuCtxGetDevice");
  if (stack.empty() || !stack.back())
    return invalidContext;
  *device = stack.back()->device;
  return 0;
}
#ifndef FAKE_OLD_DRIVER
EXPORT int cuCtxGetId(Context *context, unsigned long long *id) {
  FAKE("cuCtxGetId");
  *id = context->id;
  return 0;
}
EXPORT int cuFuncLoad(Function *) {
  FAKE("cuFuncLoad");
  return loadingIsLegal() ? 0 : captureUnsupported;
}
EXPORT int cuThreadExchangeStreamCaptureMode(int *mode) {
  FAKE("cuThreadExchangeStreamCaptureMode");
  std::swap(*mode, captureMode);
  return 0;
}
#endif
EXPORT int cuPointerGetAttributes(unsigned count, int *attributes,
                                  void **values, uint64_t address) {
  FAKE("cuPointerGetAttributes");
  const Range *found = nullptr;
  for (const Range &range : state().ranges)
    if (range.begin <= address && address < range.begin + range.bytes)
      found = &range;
  for (unsigned k = 0; k < count; ++k)
    switch (attributes[k]) {
    case 1:
      *static_cast<void **>(values[k]) = found ? found->context : nullptr;
      break;
    case 2:
      *static_cast<unsigned *>(values[k]) = !found              ? 0
                                            : found->device < 0 ? 1
                                                                : 2;
      break;
    case 8:
      *static_cast<unsigned *>(values[k]) = found && found->device == managed;
      break;
    case 9:
      *static_cast<int *>(values[k]) = found ? found->device : -2;
      break;
    case 11:
      *static_cast<uint64_t *>(values[k]) = found ? found->begin : 0;
      break;
    case 12:
      *static_cast<size_t *>(values[k]) = found ? found->bytes : 0;
      break;
    default:
      return invalidValue;
    }
  return 0;
}
EXPORT int cuModuleLoadDataEx(Module **module, const void *image,
                              unsigned count, int *options, void **values) {
  Recorded recorded("cuModuleLoadDataEx");
  int result = recorded.result;
  if (!result && !loadingIsLegal())
    result = captureUnsupported;
  if (result) {
    for (unsigned k = 0; k < count; ++k)
      if (options[k] == 5)
        std::strcpy(static_cast<char *>(values[k]), state().jitLog.c_str());
    return result;
  }
  if (stack.empty())
    return invalidContext;
  ++state().loads;
  state().modules.push_back(std::make_unique<Module>(
      Module{static_cast<const char *>(image), stack.back()}));
  *module = state().modules.back().get();
  return 0;
}
EXPORT int cuModuleUnload(Module *) {
  FAKE("cuModuleUnload");
  return 0;
}
EXPORT int cuModuleGetFunction(Function **function, Module *module,
                               const char *symbol) {
  FAKE("cuModuleGetFunction");
  if (std::string(symbol) == "missing")
    return notFound;
  state().functions.push_back(
      std::make_unique<Function>(Function{symbol, module}));
  *function = state().functions.back().get();
  return 0;
}
EXPORT int cuFuncSetAttribute(Function *function, int attribute, int value) {
  FAKE("cuFuncSetAttribute");
  if (attribute != 8)
    return invalidValue;
  function->maxShared = value;
  return 0;
}
EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                       Function *function, int,
                                                       size_t) {
  FAKE("cuOccupancyMaxActiveBlocksPerMultiprocessor");
  *blocks = state().devices[function->module->context->device].occupancy;
  return 0;
}
EXPORT int cuMemsetD32Async(uint64_t address, unsigned value, size_t count,
                            void *stream) {
  FAKE("cuMemsetD32Async");
  if (address % 4 != 0)
    return invalidValue;
  state().memsets.push_back({address, 4 * count, value, stream});
  if (state().memsetEffect)
    state().memsetEffect(state().memsets.back());
  return 0;
}
EXPORT int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  FAKE("cuMemcpyDtoH_v2");
  std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
  return 0;
}
EXPORT int cuLaunchKernel(Function *function, unsigned gridX, unsigned gridY,
                          unsigned gridZ, unsigned blockX, unsigned blockY,
                          unsigned blockZ, unsigned shared, void *stream,
                          void **parameters, void **extra) {
  FAKE("cuLaunchKernel");
  if (stack.empty() || stack.back() != function->module->context)
    return invalidContext;
  if (gridX == 0 || gridY != 1 || gridZ != 1 || blockX == 0 || blockY != 1 ||
      blockZ != 1 || parameters || int(shared) > function->maxShared)
    return invalidValue;
  if (extra[0] != reinterpret_cast<void *>(1) ||
      extra[2] != reinterpret_cast<void *>(2) || extra[4])
    return invalidValue;
  auto *words = static_cast<const uint64_t *>(extra[1]);
  size_t count = *static_cast<const size_t *>(extra[3]) / sizeof(uint64_t);
  state().launches.push_back({function->symbol, function->module->image, gridX,
                              blockX, shared, stream,
                              function->module->context->device,
                              std::vector<uint64_t>(words, words + count)});
  if (state().launchEffect)
    state().launchEffect(state().launches.back());
  return 0;
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void fake::reset() {
  State &s = state();
  std::lock_guard lock(s.mutex);
  if (s.devices.empty()) {
    s.devices = {{},
                 {80, "Fake A100", 108, 163 << 10, 8},
                 {120, "Fake RTX", 188, 99 << 10, 4}};
    for (int d = 0; d < int(s.devices.size()); ++d)
      s.primary[d] = makeContext(d);
  }
  for (int d = 0; d < int(s.devices.size()); ++d)
    s.primaryActive[d] = d == 0;
  s.failures.clear();
  s.calls.clear();
  s.launches.clear();
  s.memsets.clear();
  s.jitLog.clear();
  s.capturing = false;
  s.held = s.loads = 0;
  captureMode = captureGlobal;
  stack = {s.primary[0]};
}
std::vector<fake::Device> &fake::devices() { return state().devices; }
void *fake::createContext(int device) {
  std::lock_guard lock(state().mutex);
  return makeContext(device);
}
void *fake::primaryContext(int device) { return state().primary[device]; }
void fake::setPrimaryActive(int device, bool active) {
  state().primaryActive[device] = active;
}
void fake::setCurrent(void *context) {
  stack.clear();
  if (context)
    stack.push_back(static_cast<Context *>(context));
}
void *fake::current() { return stack.empty() ? nullptr : stack.back(); }
int fake::heldContexts() { return state().held; }
uint64_t fake::allocate(int device, size_t bytes, void *context) {
  State &s = state();
  std::lock_guard lock(s.mutex);
  uint64_t address = s.nextAddress;
  s.nextAddress += (bytes + 4096 + 511) / 512 * 512;
  s.ranges.push_back({address, bytes, device, static_cast<Context *>(context)});
  return address;
}
void fake::addRange(uint64_t begin, size_t bytes, int device) {
  std::lock_guard lock(state().mutex);
  state().ranges.push_back({begin, bytes, device, nullptr});
}
void fake::removeRange(uint64_t begin) {
  std::lock_guard lock(state().mutex);
  std::erase_if(state().ranges,
                [&](const Range &range) { return range.begin == begin; });
}
int fake::record(const char *function) { return Recorded(function).result; }
void fake::setEffects(std::function<void(const Launch &)> launch,
                      std::function<void(const Memset &)> memset) {
  state().launchEffect = std::move(launch);
  state().memsetEffect = std::move(memset);
}
int fake::currentDevice() { return stack.empty() ? 0 : stack.back()->device; }
void fake::fail(const std::string &function, int result, int skip) {
  std::lock_guard lock(state().mutex);
  state().failures[function] = {result, skip};
}
void fake::setJitLog(const std::string &text) { state().jitLog = text; }
void fake::setCapturing(bool capturing) { state().capturing = capturing; }
bool fake::isCapturing() { return state().capturing; }
std::vector<std::string> fake::calls() {
  std::lock_guard lock(state().mutex);
  return state().calls;
}
void fake::clearCalls() {
  std::lock_guard lock(state().mutex);
  state().calls.clear();
}
std::vector<Launch> fake::launches() {
  std::lock_guard lock(state().mutex);
  return state().launches;
}
std::vector<Memset> fake::memsets() {
  std::lock_guard lock(state().mutex);
  return state().memsets;
}
int fake::loads() {
  std::lock_guard lock(state().mutex);
  return state().loads;
}
