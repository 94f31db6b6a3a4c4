//===-- NpyHeader.h - the header of a .npy file ------------------*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The dictionary that says what a .npy file holds.
#ifndef RECUR_COMPILER_DRIVER_NPYHEADER_H
#define RECUR_COMPILER_DRIVER_NPYHEADER_H

#include <recur/tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace recur {

struct NpyHeader {
  Dtype dtype = Dtype::F32;
  bool swapped = false; ///< bytes are in the other order than this machine's
  bool fortranOrder = false;
  std::vector<int64_t> shape;

  /// Parses the text of the dictionary, a Python literal. On failure `error`
  /// says what was expected and found.
  bool parse(std::string_view text, std::string &error);

  /// Magic, version, length and dictionary, padded to a multiple of 64 bytes.
  static std::string format(Dtype dtype, const std::vector<int64_t> &shape);
};

} // namespace recur
#endif // RECUR_COMPILER_DRIVER_NPYHEADER_H
