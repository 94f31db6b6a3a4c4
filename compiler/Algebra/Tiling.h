//===-- compiler/Algebra/Tiling.h - arithmetic of tiles ---------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Segments of time and tiles of channels in 64-bit arithmetic that does not
/// overflow unnoticed.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_ALGEBRA_TILING_H
#define RECUR_COMPILER_ALGEBRA_TILING_H

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace recur::algebra {

/// The quotient rounded up, for size >= 0 and tile >= 1. Right up to the
/// largest size.
constexpr int64_t ceilDiv(int64_t size, int64_t tile) {
  return size / tile + (size % tile != 0);
}

/// `size` rounded up to a multiple of `tile`, nothing if that overflows.
inline std::optional<int64_t> alignTo(int64_t size, int64_t tile) {
  int64_t result;
  if (__builtin_mul_overflow(ceilDiv(size, tile), tile, &result))
    return std::nullopt;
  return result;
}

/// The product of sizes, nothing if it overflows. A zero among them makes it 0
/// whatever the others are.
inline std::optional<int64_t> multiply(std::initializer_list<int64_t> sizes) {
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end())
    return 0;
  int64_t result = 1;
  for (int64_t size : sizes)
    if (__builtin_mul_overflow(result, size, &result))
      return std::nullopt;
  return result;
}

/// Half-open range of steps or channels.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// [0, size) cut into tiles of `tile`, the last of which may be shorter.
struct Tiling {
  int64_t size, tile;
  int64_t count() const { return ceilDiv(size, tile); }
  Range operator[](int64_t i) const {
    return {i * tile,
            std::min(size, (i + 1 == count()) ? size : (i + 1) * tile)};
  }
};

/// [0, steps) cut into `count` segments whose lengths differ by at most one
/// multiple of `grain`; fewer if there are not that many grains.
inline Tiling cutIntoSegments(int64_t steps, int64_t count, int64_t grain) {
  int64_t grains = ceilDiv(steps, grain);
  int64_t perSegment = std::max<int64_t>(1, ceilDiv(grains, count));
  return {steps,
          perSegment > INT64_MAX / grain ? INT64_MAX : perSegment * grain};
}

} // namespace recur::algebra

#endif // RECUR_COMPILER_ALGEBRA_TILING_H
