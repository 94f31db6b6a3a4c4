//===-- Buffer.cpp - a guarded tensor -------------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Elements of any type at any strides.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Buffer.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"

#include <cstring>

using namespace recur::emulator;

static size_t getBytes(const std::vector<int64_t> &shape,
                       const std::vector<int64_t> &strides, int64_t element) {
  int64_t last = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!shape[axis])
      return 0;
    last += (shape[axis] - 1) * strides[axis];
  }
  return size_t((last + 1) * element);
}

Buffer::Buffer(mlir::Type type, std::vector<int64_t> shape,
               std::vector<int64_t> strides, bool atEnd, int64_t alignment)
    : type(type), shape(std::move(shape)), strides(std::move(strides)),
      used(getBytes(this->shape, this->strides, elementBytes())),
      memory(std::max<size_t>(used, 1) + alignment) {
  std::memset(memory.begin(), kPoison, memory.end() - memory.begin());
  first = memory.begin();
  if (atEnd)
    first = memory.end() - (used + alignment - 1) / alignment * alignment;
  // Aligned to no more than asked for.
  if (reinterpret_cast<uintptr_t>(first) % (2 * alignment) == 0)
    first += atEnd ? -alignment : alignment;
}

int64_t Buffer::count() const {
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

uint8_t *Buffer::at(int64_t number) const {
  int64_t offset = 0;
  for (size_t axis = shape.size(); axis-- > 0; number /= shape[axis])
    offset += number % shape[axis] * strides[axis];
  return first + offset * elementBytes();
}

void Buffer::set(int64_t number, double value) {
  if (type.isF32()) {
    float rounded = float(value);
    std::memcpy(at(number), &rounded, sizeof rounded);
    return;
  }
  uint64_t bits = uint64_t(int64_t(value));
  if (auto real = mlir::dyn_cast<mlir::FloatType>(type)) {
    llvm::APFloat rounded(value);
    bool lost;
    rounded.convert(real.getFloatSemantics(),
                    llvm::APFloat::rmNearestTiesToEven, &lost);
    bits = rounded.bitcastToAPInt().getZExtValue();
  }
  std::memcpy(at(number), &bits, elementBytes());
}

double Buffer::get(int64_t number) const {
  uint64_t bits = 0;
  std::memcpy(&bits, at(number), elementBytes());
  if (type.isF32()) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  auto real = mlir::dyn_cast<mlir::FloatType>(type);
  if (!real) {
    unsigned unused = 64 - 8 * unsigned(elementBytes());
    return type.isInteger(1) ? double(bits)
                             : double(int64_t(bits << unused) >> unused);
  }
  llvm::APFloat value(real.getFloatSemantics(),
                      llvm::APInt(real.getWidth(), bits));
  bool lost;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &lost);
  return value.convertToDouble();
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

std::optional<int64_t> Buffer::findChange(bool elements) const {
  std::vector<bool> isElement(before.size());
  if (!elements)
    for (int64_t i = 0; i < count(); ++i)
      for (int64_t byte = 0; byte < elementBytes(); ++byte)
        isElement[at(i) - memory.begin() + byte] = true;
  for (size_t i = 0; i < before.size(); ++i)
    if (!isElement[i] && before[i] != memory.begin()[i])
      return int64_t(i) - (first - memory.begin());
  return std::nullopt;
}
