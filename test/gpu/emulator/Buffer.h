//===-- test/gpu/emulator/Buffer.h - a guarded tensor -----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A tensor between pages that cannot be touched; knows what was written.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_BUFFER_H
#define RECUR_TEST_GPU_EMULATOR_BUFFER_H

#include "test/gpu/emulator/Machine.h"

#include "mlir/IR/BuiltinTypes.h"

namespace recur::emulator {

class Buffer {
public:
  /// All bytes are kPoison. The end touches the guard, or else the beginning
  /// does; `offset` bytes are left before the first element.
  Buffer(mlir::Type type, std::vector<int64_t> shape,
         std::vector<int64_t> strides, bool atEnd, int64_t alignment);

  int64_t count() const { return int64_t(offsets.size()); }
  int64_t elementBytes() const { return width; }
  /// The element at a row-major position.
  uint8_t *at(int64_t number) const { return first + offsets[number]; }
  /// A number, or a part of a complex one: 0 real, 1 imaginary.
  void set(int64_t number, double value, unsigned part = 0);
  double get(int64_t number, unsigned part = 0) const;
  bool isPoison(int64_t number) const;
  std::string index(int64_t number) const;

  /// Remembers all bytes.
  void remember();
  /// Where bytes have changed since, those of elements only if `elements`;
  /// the offset in bytes from the first element, or nothing.
  std::optional<int64_t> findChange(bool elements);

  uint8_t *begin() const { return first; }
  size_t bytes() const { return used; }

  mlir::Type type;
  mlir::Type part; // of a complex number, or the type itself
  std::vector<int64_t> shape, strides;

private:
  int64_t width;
  std::vector<int64_t> offsets; // of the elements, in bytes
  size_t used;
  GuardedMemory memory;
  uint8_t *first;
  std::vector<uint8_t> before;
};

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_BUFFER_H
