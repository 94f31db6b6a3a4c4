//===-- test/gpu/run_cuda/Problem.cpp - arguments and expectations --------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Makes, runs on the CPU, and compares.
#include "test/gpu/run_cuda/Problem.h"

#include <recur/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace recur;
using namespace recur::test;

const char *recur::test::layoutName(Layout layout) {
  constexpr const char *names[] = {"rows", "gaps", "shifted", "columns"};
  return names[int(layout)];
}

static double readNumber(DLDataType type, const uint8_t *at) {
  uint64_t bits = 0;
  std::memcpy(&bits, at, type.bits / 8);
  if (type.code == kDLFloat && type.bits == 64) {
    double value;
    std::memcpy(&value, at, 8);
    return value;
  }
  if (type.code == kDLFloat && type.bits == 16)
    return floatFromF16(uint16_t(bits));
  if (type.code == kDLFloat || type.code == kDLBfloat) {
    uint32_t single = type.code == kDLBfloat ? uint32_t(bits) << 16 : bits;
    float value;
    std::memcpy(&value, &single, 4);
    return value;
  }
  return double(bits);
}

static void writeNumber(DLDataType type, uint8_t *at, double value) {
  auto single = float(value);
  uint32_t word;
  std::memcpy(&word, &single, 4);
  uint64_t bits = uint64_t(int64_t(value));
  if (type.code == kDLBfloat)
    bits = (word + 0x7fff + (word >> 16 & 1)) >> 16;
  else if (type.code == kDLFloat && type.bits == 32)
    bits = word;
  else if (type.code == kDLFloat && type.bits == 16)
    bits = f16FromFloat(single);
  else if (type.code == kDLFloat)
    std::memcpy(&bits, &value, 8);
  std::memcpy(at, &bits, type.bits / 8);
}

/// The type of the parts of a number, and how many it has.
static DLDataType partType(DLDataType type, int &parts) {
  parts = type.code == kDLComplex ? 2 : 1;
  if (parts == 2)
    type = {kDLFloat, uint8_t(type.bits / 2), 1};
  return type;
}

int64_t Problem::Argument::count() const {
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

uint8_t *Problem::Argument::at(std::vector<uint8_t> &storage,
                               int64_t number) const {
  int64_t offset = first;
  for (size_t axis = shape.size(); axis-- > 0; number /= shape[axis])
    offset += number % shape[axis] * strides[axis];
  return storage.data() + offset * elementBytes;
}

bool Problem::isResult(size_t argument) const {
  int32_t role = info.arguments[argument].role;
  return role == RECUR_RESULT || role == RECUR_FINAL;
}

void Problem::layOut(Argument &argument, Layout layout) const {
  size_t rank = argument.shape.size();
  argument.strides.resize(rank);
  int64_t stride = 1, last = 0;
  for (size_t i = 0; i < rank; ++i) {
    size_t axis = layout == Layout::Columns ? i : rank - 1 - i;
    argument.strides[axis] = stride;
    last += std::max<int64_t>(argument.shape[axis] - 1, 0) * stride;
    stride *= std::max<int64_t>(argument.shape[axis], 1);
    stride += layout == Layout::Gaps ? 3 : 0;
  }
  argument.first = layout == Layout::Shifted ? 1 : 0;
  // NaN, and minus one, all over; some of it past the end.
  argument.host.assign((argument.first + last + 1 + 16) * argument.elementBytes,
                       0xff);
}

/// What random inputs are multiplied by, one after the other until the states
/// stay finite: first those alone that do not vary over time, which are what a
/// state is multiplied by at every step (a matrix, a rate of either sign).
struct Problem::Damping {
  double factor;
  bool ofAll;
};
static constexpr double kFactors[] = {-1,    0.5,   -0.5,  0.25,
                                      -0.25, 0.125, -0.125};

/// A state that has grown so much is on its way to an infinity.
static constexpr double kLargest = 1e6;

bool Problem::variesOverTime(size_t argument) const {
  const recur_argument &own = info.arguments[argument];
  return std::find(own.dims, own.dims + own.rank, info.time_dim) !=
         own.dims + own.rank;
}

void Problem::fill(size_t number, uint32_t seed, const Damping &damping) {
  const recur_argument &argument = info.arguments[number];
  Argument &own = all[number];
  std::mt19937 random(seed * 1000 + uint32_t(number));
  // Decay rates are negative, whatever else is a factor below 1.
  bool isRate = std::string(argument.name) == "A";
  std::uniform_real_distribution<double> uniform(isRate ? -1 : 0.1,
                                                 isRate ? -0.1 : 0.9);
  // A prime number of values, over and over: large tensors are for times.
  std::vector<double> values(65537);
  for (double &value : values)
    value = uniform(random) *
            (damping.ofAll || !variesOverTime(number) ? damping.factor : 1);
  std::vector<int64_t> bounds;
  if (argument.role == RECUR_SEGMENTS) {
    // Cumulative lengths, empty sequences among them.
    int64_t steps = 1;
    for (size_t other = 0; other < all.size(); ++other)
      for (int32_t axis = 0; axis < info.arguments[other].rank; ++axis)
        if (info.arguments[other].dims[axis] == info.time_dim)
          steps = all[other].shape[axis];
    bounds.resize(own.count());
    for (int64_t &bound : bounds)
      bound = int64_t(random() % uint64_t(steps + 1));
    bounds.front() = 0;
    bounds.back() = steps;
    std::sort(bounds.begin(), bounds.end());
  }
  int parts;
  DLDataType part = partType(argument.dtype, parts);
  for (int64_t k = 0; k < own.count(); ++k) {
    bool isReal = part.code == kDLFloat || part.code == kDLBfloat;
    double value = argument.role == RECUR_SEGMENTS ? double(bounds[k])
                   : isReal                        ? values[k % values.size()]
                                                   : double(random() % 16 == 0);
    for (int i = 0; i < parts; ++i)
      writeNumber(part, own.at(own.host, k) + i * (part.bits / 8),
                  i ? 0.5 - value : value);
  }
}

Problem::Problem(const recur_info &info, const Sizes &sizes, Layout layout,
                 uint32_t seed, bool isChecked)
    : info(info), text(std::string(info.name) + " (") {
  for (const auto &[name, size] : sizes)
    text +=
        (text.back() == '(' ? "" : ", ") + name + "=" + std::to_string(size);
  text += std::string(") ") + layoutName(layout);
  all.resize(info.n_arguments);
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    const recur_argument &argument = info.arguments[a];
    Argument &own = all[a];
    own.elementBytes = argument.dtype.bits / 8;
    for (int32_t axis = 0; axis < argument.rank; ++axis) {
      const recur_dim &dim = info.dims[argument.dims[axis]];
      auto given = sizes.find(dim.name);
      int64_t size = dim.size >= 0          ? dim.size
                     : given != sizes.end() ? given->second
                                            : 1;
      own.shape.push_back(size + (argument.role == RECUR_SEGMENTS));
    }
    layOut(own, layout);
  }
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    Argument &own = all[a];
    if (!isResult(a))
      fill(a, seed, {1, false});
    own.device.emplace(own.host.size());
    DLTensor view{};
    view.ndim = int32_t(own.shape.size());
    view.dtype = info.arguments[a].dtype;
    view.shape = own.shape.data();
    view.strides = own.strides.data();
    own.hostView = own.deviceView = view;
    own.hostView.data = own.host.data() + own.first * own.elementBytes;
    own.hostView.device = {kDLCPU, 0};
    own.deviceView.data = static_cast<uint8_t *>(own.device->get()) +
                          own.first * own.elementBytes;
    own.deviceView.device = {kDLCUDA, 0};
    onHost.push_back(&own.hostView);
    onDevice.push_back(&own.deviceView);
  }
  if (isChecked)
    computeExpected(sizes, seed);
  for (Argument &own : all)
    CHECK(cuMemcpyHtoD_v2(own.device->at(), own.host.data(), own.host.size()));
}

/// Computes what is expected on the CPU, of inputs with which it is finite.
void Problem::computeExpected(const Sizes &sizes, uint32_t seed) {
  auto isTame = [&](double limit) {
    if (recur_call(&info, onHost.data(), count(), nullptr, 0, nullptr)) {
      std::printf("FAIL %s on the CPU: %s\n", text.c_str(), recur_last_error());
      return true;
    }
    return largestResult() <= limit;
  };
  auto isTamedBy = [&](const Damping &damping) {
    for (int32_t a = 0; a < info.n_arguments; ++a)
      if (!isResult(a))
        fill(a, seed, damping);
    return isTame(kLargest);
  };
  auto time = sizes.find(info.dims[info.time_dim].name);
  bool hasSteps = time == sizes.end() || time->second > 0;
  // (without steps the results are the start, which may be infinite)
  if (isTame(std::numeric_limits<double>::max()) || !hasSteps)
    return;
  for (bool ofAll : {false, true})
    for (double factor : kFactors)
      if (isTamedBy({factor, ofAll}))
        return;
  isFinite = false;
}

/// The largest size of a result on the host; infinite if one is no number.
double Problem::largestResult() {
  double largest = 0;
  for (size_t a = 0; a < all.size(); ++a) {
    if (!isResult(a))
      continue;
    int parts;
    DLDataType part = partType(info.arguments[a].dtype, parts);
    for (int64_t k = 0; k < all[a].count(); ++k)
      for (int i = 0; i < parts; ++i) {
        double size = std::abs(
            readNumber(part, all[a].at(all[a].host, k) + i * (part.bits / 8)));
        largest = std::isnan(size) ? INFINITY : std::max(largest, size);
      }
  }
  return largest;
}

void Problem::poison(void *stream) {
  for (int32_t a = 0; a < info.n_arguments; ++a)
    if (isResult(a))
      CHECK(cuMemsetD8Async(all[a].device->at(), 0xff, all[a].device->size(),
                            stream));
}

Memory Problem::makeWorkspace(void *stream) const {
  size_t bytes = 0;
  if (recur_workspace(&info, arguments(), count(), &bytes))
    std::printf("FAIL %s: workspace: %s\n", text.c_str(), recur_last_error());
  Memory memory(bytes);
  CHECK(cuMemsetD8Async(memory.at(), 0xff, bytes, stream));
  return memory;
}

int Problem::call(const Memory &workspace, void *stream) const {
  return recur_call(&info, arguments(), count(), workspace.get(),
                    workspace.size(), stream);
}

std::string Problem::difference(double &worst) const {
  std::string wrong;
  for (size_t a = 0; a < all.size(); ++a) {
    if (!isResult(a))
      continue;
    const Argument &own = all[a];
    const recur_argument &argument = info.arguments[a];
    std::vector<uint8_t> found(own.host.size()), expected = own.host;
    CHECK(cuMemcpyDtoH_v2(found.data(), own.device->at(), found.size()));
    double error = 0, norm = 0;
    int64_t firstBad = -1;
    int parts;
    DLDataType part = partType(argument.dtype, parts);
    double limit = part.bits == 16 ? 1e-2 : part.bits == 64 ? 1e-12 : 1e-5;
    for (int64_t k = 0; k < own.count(); ++k) {
      for (int i = 0; i < parts; ++i) {
        double x = readNumber(part, own.at(found, k) + i * (part.bits / 8));
        double y = readNumber(part, own.at(expected, k) + i * (part.bits / 8));
        // Infinite alike, or both no number.
        if (x == y || (std::isnan(x) && std::isnan(y)))
          continue;
        error += (x - y) * (x - y);
        norm += y * y;
        if (firstBad < 0 &&
            !(std::abs(x - y) <= 10 * limit * (1 + std::abs(y))))
          firstBad = k;
      }
      std::memset(own.at(found, k), 0xff, own.elementBytes);
    }
    double relative = norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
    worst = std::isnan(relative) || std::isnan(worst)
                ? NAN
                : std::max(worst, relative);
    if (!(relative <= limit))
      wrong += std::string(wrong.empty() ? "" : "; ") + argument.name +
               ": relative error " + std::to_string(relative) +
               ", first bad element " + std::to_string(firstBad);
    if (std::any_of(found.begin(), found.end(),
                    [](uint8_t byte) { return byte != 0xff; }))
      wrong += std::string(wrong.empty() ? "" : "; ") + argument.name +
               ": memory between or after its elements was written";
  }
  return wrong;
}

std::vector<uint8_t> Problem::resultBits() const {
  std::vector<uint8_t> bits;
  for (size_t a = 0; a < all.size(); ++a) {
    if (!isResult(a))
      continue;
    size_t at = bits.size();
    bits.resize(at + all[a].device->size());
    CHECK(cuMemcpyDtoH_v2(bits.data() + at, all[a].device->at(),
                          all[a].device->size()));
  }
  return bits;
}

double Problem::bytes() const {
  double sum = 0;
  for (const Argument &argument : all)
    sum += double(argument.count()) * double(argument.elementBytes);
  return sum;
}
