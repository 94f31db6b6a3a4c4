//===-- Buffer.cpp - a guarded tensor -------------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Elements of any type at any strides.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Buffer.h"

#include "llvm/ADT/bit.h"

#include <recur/tensor.h>

#include <algorithm>
#include <cstring>

using namespace recur;
using namespace recur::emulator;

/// Offsets of all elements in bytes, in row-major order.
static std::vector<int64_t> getOffsets(const std::vector<int64_t> &shape,
                                       const std::vector<int64_t> &strides,
                                       int64_t element) {
  std::vector<int64_t> offsets{0};
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<int64_t> finer;
    finer.reserve(offsets.size() * shape[axis]);
    for (int64_t offset : offsets)
      for (int64_t i = 0; i < shape[axis]; ++i)
        finer.push_back(offset + i * strides[axis] * element);
    offsets = std::move(finer);
  }
  return offsets;
}

static mlir::Type getPart(mlir::Type type) {
  auto complex = mlir::dyn_cast<mlir::ComplexType>(type);
  return complex ? complex.getElementType() : type;
}

Buffer::Buffer(mlir::Type type, std::vector<int64_t> shape,
               std::vector<int64_t> strides, bool atEnd, int64_t alignment)
    : type(type), part(getPart(type)), shape(std::move(shape)),
      strides(std::move(strides)),
      width((part.getIntOrFloatBitWidth() + 7) / 8 * (part == type ? 1 : 2)),
      offsets(getOffsets(this->shape, this->strides, width)),
      used(offsets.empty() ? 0 : size_t(offsets.back() + width)),
      memory(std::max<size_t>(used, 1) + alignment) {
  std::memset(memory.begin(), kPoison, memory.end() - memory.begin());
  first = memory.begin();
  if (atEnd)
    first = memory.end() - (used + alignment - 1) / alignment * alignment;
  // Aligned to no more than asked for.
  if (reinterpret_cast<uintptr_t>(first) % (2 * alignment) == 0)
    first += atEnd ? -alignment : alignment;
}

void Buffer::set(int64_t number, double value, unsigned index) {
  mlir::Type type = part;
  int64_t width = (type.getIntOrFloatBitWidth() + 7) / 8;
  uint64_t bits = uint64_t(int64_t(value));
  if (type.isF32())
    bits = llvm::bit_cast<uint32_t>(float(value));
  else if (type.isBF16())
    bits = bf16FromFloat(float(value));
  else if (type.isF16())
    bits = f16FromFloat(float(value));
  else if (type.isF64())
    bits = llvm::bit_cast<uint64_t>(value);
  std::memcpy(at(number) + index * width, &bits, width);
}

double Buffer::get(int64_t number, unsigned index) const {
  mlir::Type type = part;
  int64_t width = (type.getIntOrFloatBitWidth() + 7) / 8;
  uint64_t bits = 0;
  std::memcpy(&bits, at(number) + index * width, width);
  if (type.isF32())
    return llvm::bit_cast<float>(uint32_t(bits));
  if (type.isBF16())
    return floatFromBf16(uint16_t(bits));
  if (type.isF16())
    return floatFromF16(uint16_t(bits));
  if (type.isF64())
    return llvm::bit_cast<double>(bits);
  unsigned unused = 64 - 8 * unsigned(width);
  return type.isInteger(1) ? double(bits)
                           : double(int64_t(bits << unused) >> unused);
}

bool Buffer::isPoison(int64_t number) const {
  const uint8_t *bytes = at(number);
  for (int64_t i = 0; i < elementBytes(); ++i)
    if (bytes[i] != kPoison)
      return false;
  return true;
}

std::string Buffer::index(int64_t number) const {
  std::string text;
  for (size_t axis = shape.size(); axis-- > 0; number /= shape[axis])
    text = std::to_string(number % shape[axis]) + (text.empty() ? "" : ", ") +
           text;
  return "[" + text + "]";
}

void Buffer::remember() { before.assign(memory.begin(), memory.end()); }

std::optional<int64_t> Buffer::findChange(bool elements) {
  uint8_t *begin = memory.begin();
  if (!elements)
    for (int64_t i = 0; i < count(); ++i)
      std::memcpy(before.data() + (at(i) - begin), at(i), width);
  if (!std::memcmp(before.data(), begin, before.size()))
    return std::nullopt;
  auto [was, is] = std::mismatch(before.begin(), before.end(), begin);
  return is - first;
}
