//===-- recur/tensor.h - an owning host tensor ------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur::Tensor, host memory with a dtype, a shape and strides that can be
/// handed to a generated recurrence as a DLTensor, and the conversions between
/// f32 and the 16-bit floats. Header only, C++17.
#ifndef RECUR_TENSOR_H
#define RECUR_TENSOR_H

#include <recur/runtime.h>

#include <cassert>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace recur {

//===----------------------------------------------------------------------===//
// 16-bit floats
//===----------------------------------------------------------------------===//

/// Nearest bfloat16, ties to even; a NaN stays a (quiet) NaN.
inline uint16_t bf16FromFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float floatFromBf16(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Nearest IEEE binary16, ties to even; overflow gives infinity.
inline uint16_t f16FromFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x47800000u) // 2^16 and above
    return sign | 0x7c00;
  if (magnitude < 0x38800000u) { // below 2^-14: denormal, in units of 2^-24
    if (magnitude < 0x33000000u) // below 2^-25
      return sign;
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    uint32_t shift = 126 - (magnitude >> 23);
    uint32_t half = mantissa >> shift, rest = mantissa << (32 - shift);
    if (rest > 0x80000000u || (rest == 0x80000000u && (half & 1)))
      ++half;
    return static_cast<uint16_t>(sign | half);
  }
  // Rebias the exponent and round; a carry moves on to the exponent, and from
  // the largest one to infinity.
  uint32_t rebiased = magnitude - (uint32_t(127 - 15) << 23);
  return static_cast<uint16_t>(
      sign | ((rebiased + 0xfff + (rebiased >> 13 & 1)) >> 13));
}

inline float floatFromF16(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
  float value;
  if (exponent == 0) { // zero or denormal
    value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  uint32_t bits = sign | mantissa << 13 |
                  (exponent == 31 ? 0xffu : exponent + 127 - 15) << 23;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

//===----------------------------------------------------------------------===//
// Dtypes
//===----------------------------------------------------------------------===//

/// The element types of specs, under their names there.
enum class Dtype { F64, F32, F16, BF16, C64, C128, I8, I32, I64, Bool };

/// "f32", as specs write it.
inline const char *dtypeName(Dtype dtype) {
  constexpr const char *names[] = {"f64",  "f32", "f16", "bf16", "c64",
                                   "c128", "i8",  "i32", "i64",  "bool"};
  return names[static_cast<int>(dtype)];
}

inline DLDataType dlDataType(Dtype dtype) {
  switch (dtype) {
  case Dtype::F64:
    return {kDLFloat, 64, 1};
  case Dtype::F32:
    return {kDLFloat, 32, 1};
  case Dtype::F16:
    return {kDLFloat, 16, 1};
  case Dtype::BF16:
    return {kDLBfloat, 16, 1};
  case Dtype::C64:
    return {kDLComplex, 64, 1};
  case Dtype::C128:
    return {kDLComplex, 128, 1};
  case Dtype::I8:
    return {kDLInt, 8, 1};
  case Dtype::I32:
    return {kDLInt, 32, 1};
  case Dtype::I64:
    return {kDLInt, 64, 1};
  case Dtype::Bool:
    return {RECUR_DL_BOOL, 8, 1};
  }
  return {kDLFloat, 32, 1};
}

/// False when specs have no such type.
inline bool dtypeOf(DLDataType type, Dtype &dtype) {
  for (int k = 0; k <= static_cast<int>(Dtype::Bool); ++k) {
    dtype = static_cast<Dtype>(k);
    DLDataType candidate = dlDataType(dtype);
    if (candidate.code == type.code && candidate.bits == type.bits &&
        candidate.lanes == type.lanes)
      return true;
  }
  return false;
}

/// False when `name` is not a dtype.
inline bool dtypeNamed(std::string_view name, Dtype &dtype) {
  for (int k = 0; k <= static_cast<int>(Dtype::Bool); ++k) {
    dtype = static_cast<Dtype>(k);
    if (name == dtypeName(dtype))
      return true;
  }
  return false;
}

inline int64_t dtypeBytes(Dtype dtype) { return dlDataType(dtype).bits / 8; }

inline bool isComplex(Dtype dtype) {
  return dtype == Dtype::C64 || dtype == Dtype::C128;
}

//===----------------------------------------------------------------------===//
// Tensor
//===----------------------------------------------------------------------===//

/// A tensor in host memory: shared ownership of 64-byte aligned storage, a
/// shape, and strides in elements. Copying a Tensor shares the memory.
class Tensor {
public:
  Tensor() = default;

  /// A compact row-major tensor of zeros. Throws nothing: when memory cannot
  /// be had, or the size overflows, `valid()` is false.
  Tensor(Dtype dtype, std::vector<int64_t> shape)
      : type(dtype), extents(std::move(shape)) {
    int64_t count = 1;
    bool empty = false;
    steps.assign(extents.size(), 1);
    for (size_t k = extents.size(); k-- > 0;) {
      if (extents[k] < 0 || (extents[k] > 0 && count > maxBytes / extents[k]))
        return;
      steps[k] = count;
      count *= extents[k] > 0 ? extents[k] : 1;
      empty |= extents[k] == 0;
    }
    if (count > maxBytes / dtypeBytes(dtype))
      return;
    int64_t used = empty ? 1 : count * dtypeBytes(dtype);
    size_t bytes = static_cast<size_t>(used + 63) & ~size_t(63);
    auto *raw = static_cast<char *>(std::aligned_alloc(64, bytes));
    if (!raw)
      return;
    std::memset(raw, 0, bytes);
    memory = std::shared_ptr<char>(raw, [](char *p) { std::free(p); });
    first = raw;
  }

  Tensor(Dtype dtype, std::initializer_list<int64_t> shape)
      : Tensor(dtype, std::vector<int64_t>(shape)) {}

  bool valid() const { return memory != nullptr; }
  Dtype dtype() const { return type; }
  int64_t rank() const { return static_cast<int64_t>(extents.size()); }
  const std::vector<int64_t> &shape() const { return extents; }
  const std::vector<int64_t> &strides() const { return steps; }
  int64_t size(int64_t k) const { return extents[k]; }
  /// Number of elements.
  int64_t count() const {
    int64_t product = 1;
    for (int64_t extent : extents)
      product *= extent;
    return product;
  }
  int64_t bytes() const { return count() * dtypeBytes(type); }

  /// The element at index 0.
  void *data() { return first; }
  const void *data() const { return first; }
  template <typename T> T *as() {
    assert(sizeof(T) == static_cast<size_t>(dtypeBytes(type)));
    return reinterpret_cast<T *>(first);
  }
  template <typename T> const T *as() const {
    return const_cast<Tensor *>(this)->as<T>();
  }

  /// Row-major without gaps; an empty tensor always is.
  bool isCompact() const {
    int64_t step = 1;
    if (count() == 0)
      return true;
    for (size_t k = extents.size(); k-- > 0;) {
      if (extents[k] != 1 && steps[k] != step)
        return false;
      step *= extents[k];
    }
    return true;
  }

  /// The same memory with its dims in the order `order`.
  Tensor permuted(const std::vector<int> &order) const {
    Tensor view = *this;
    for (size_t k = 0; k < order.size(); ++k) {
      view.extents[k] = extents[order[k]];
      view.steps[k] = steps[order[k]];
    }
    return view;
  }

  /// The same memory with dim `dim` reduced to [begin, end) in steps of
  /// `step`; a negative step walks from `begin` down to `end`, exclusive.
  Tensor sliced(int64_t dim, int64_t begin, int64_t end,
                int64_t step = 1) const {
    Tensor view = *this;
    int64_t span = step > 0 ? end - begin : begin - end;
    int64_t width = step > 0 ? step : -step;
    view.extents[dim] = span > 0 ? (span + width - 1) / width : 0;
    view.first += begin * steps[dim] * dtypeBytes(type);
    view.steps[dim] *= step;
    return view;
  }

  /// The same memory under another shape and strides (in elements), which the
  /// caller vouches for.
  Tensor viewed(std::vector<int64_t> shape, std::vector<int64_t> strides,
                int64_t offset = 0) const {
    Tensor view = *this;
    view.extents = std::move(shape);
    view.steps = std::move(strides);
    view.first += offset * dtypeBytes(type);
    return view;
  }

  /// Memory of its own, compact and row-major.
  Tensor compacted() const {
    Tensor copy(type, extents);
    if (!copy.valid())
      return copy;
    int64_t width = dtypeBytes(type);
    char *to = copy.first;
    forEach([&](int64_t offset) {
      std::memcpy(to, first + offset * width, static_cast<size_t>(width));
      to += width;
    });
    return copy;
  }

  /// Elements as numbers: `offset` is in elements from data().
  std::complex<double> load(int64_t offset) const {
    const char *at = first + offset * dtypeBytes(type);
    switch (type) {
    case Dtype::F64:
      return read<double>(at);
    case Dtype::F32:
      return read<float>(at);
    case Dtype::F16:
      return floatFromF16(read<uint16_t>(at));
    case Dtype::BF16:
      return floatFromBf16(read<uint16_t>(at));
    case Dtype::C64:
      return {read<float>(at), read<float>(at + 4)};
    case Dtype::C128:
      return {read<double>(at), read<double>(at + 8)};
    case Dtype::I8:
      return read<int8_t>(at);
    case Dtype::I32:
      return read<int32_t>(at);
    case Dtype::I64:
      return static_cast<double>(read<int64_t>(at));
    case Dtype::Bool:
      return read<uint8_t>(at) != 0;
    }
    return 0.0;
  }

  /// Rounds to nearest; integers are rounded and saturated, NaN gives 0.
  void store(int64_t offset, std::complex<double> value) {
    char *at = first + offset * dtypeBytes(type);
    double real = value.real();
    switch (type) {
    case Dtype::F64:
      return write(at, real);
    case Dtype::F32:
      return write(at, static_cast<float>(real));
    case Dtype::F16:
      return write(at, f16FromFloat(oddFloat(real)));
    case Dtype::BF16:
      return write(at, bf16FromFloat(oddFloat(real)));
    case Dtype::C64:
      write(at, static_cast<float>(real));
      return write(at + 4, static_cast<float>(value.imag()));
    case Dtype::C128:
      write(at, real);
      return write(at + 8, value.imag());
    case Dtype::I8:
      return write(at, saturate<int8_t>(real));
    case Dtype::I32:
      return write(at, saturate<int32_t>(real));
    case Dtype::I64:
      return write(at, saturate<int64_t>(real));
    case Dtype::Bool:
      return write(at, static_cast<uint8_t>(real != 0));
    }
  }

  std::complex<double> at(std::initializer_list<int64_t> index) const {
    return load(offsetOf(index));
  }
  void set(std::initializer_list<int64_t> index, std::complex<double> value) {
    store(offsetOf(index), value);
  }
  int64_t offsetOf(std::initializer_list<int64_t> index) const {
    assert(static_cast<int64_t>(index.size()) == rank());
    int64_t offset = 0;
    size_t k = 0;
    for (int64_t i : index)
      offset += i * steps[k++];
    return offset;
  }

  /// Calls visit(offset in elements) for every element, in row-major order.
  template <typename Visit> void forEach(Visit visit) const {
    int64_t total = count();
    std::vector<int64_t> index(extents.size(), 0);
    int64_t offset = 0;
    for (int64_t n = 0; n < total; ++n) {
      visit(offset);
      for (size_t k = extents.size(); k-- > 0;) {
        offset += steps[k];
        if (++index[k] < extents[k])
          break;
        offset -= steps[k] * extents[k];
        index[k] = 0;
      }
    }
  }

  /// A compact copy of another dtype, rounded as `store` does.
  Tensor converted(Dtype to) const {
    Tensor result(to, extents);
    int64_t n = 0;
    if (result.valid())
      forEach([&](int64_t offset) { result.store(n++, load(offset)); });
    return result;
  }

  /// A view for a call. It points into this Tensor, which must outlive it and
  /// not be moved or assigned meanwhile.
  DLTensor dl() const {
    DLTensor tensor{};
    tensor.data = first;
    tensor.device = {kDLCPU, 0};
    tensor.ndim = static_cast<int>(extents.size());
    tensor.dtype = dlDataType(type);
    tensor.shape = const_cast<int64_t *>(extents.data());
    tensor.strides = const_cast<int64_t *>(steps.data());
    tensor.byte_offset = 0;
    return tensor;
  }

private:
  static constexpr int64_t maxBytes = std::numeric_limits<int64_t>::max() / 2;

  template <typename T> static T read(const char *at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  template <typename T> static void write(char *at, T value) {
    std::memcpy(at, &value, sizeof value);
  }
  template <typename T> static T saturate(double value) {
    double low = static_cast<double>(std::numeric_limits<T>::min());
    double rounded = std::nearbyint(value);
    if (!(rounded >= low))
      return rounded < low ? std::numeric_limits<T>::min() : T(0);
    if (rounded >= -low) // 2^(bits - 1), one above the largest
      return std::numeric_limits<T>::max();
    return static_cast<T>(rounded);
  }
  /// Rounds to odd, so that rounding the float once more is as if `value` had
  /// been rounded only once.
  static float oddFloat(double value) {
    auto nearest = static_cast<float>(value);
    if (static_cast<double>(nearest) == value || !(std::abs(value) <= 3.4e38))
      return nearest;
    uint32_t bits;
    std::memcpy(&bits, &nearest, sizeof bits);
    if (bits & 1)
      return nearest;
    // Even and inexact: take the odd neighbour on value's side.
    bool up = value > nearest;
    bits = (up == !std::signbit(nearest)) ? bits + 1 : bits - 1;
    if (nearest == 0.0f) // value lies below the smallest denormal
      bits = (std::signbit(value) ? 0x80000000u : 0u) | 1u;
    std::memcpy(&nearest, &bits, sizeof nearest);
    return nearest;
  }

  Dtype type = Dtype::F32;
  std::vector<int64_t> extents, steps;
  std::shared_ptr<char> memory;
  char *first = nullptr;
};

/// The views of several tensors, in the form calls take them.
class ArgumentList {
public:
  ArgumentList(std::initializer_list<const Tensor *> tensors) {
    for (const Tensor *tensor : tensors)
      push(*tensor);
  }
  ArgumentList() = default;

  void push(const Tensor &tensor) { views.push_back(tensor.dl()); }
  /// The views can be changed before `pointers()` is called.
  DLTensor &operator[](size_t k) { return views[k]; }
  int32_t size() const { return static_cast<int32_t>(views.size()); }
  const DLTensor *const *pointers() {
    addresses.clear();
    for (const DLTensor &view : views)
      addresses.push_back(&view);
    return addresses.data();
  }

private:
  std::vector<DLTensor> views;
  std::vector<const DLTensor *> addresses;
};

} // namespace recur
#endif // RECUR_TENSOR_H
