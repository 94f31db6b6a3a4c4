//===-- Npy.h - .npy files ---------------------------------------*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads and writes NumPy's .npy files as recur::Tensor. Format:
/// numpy.lib.format, versions 1.0 to 3.0.
#ifndef RECUR_COMPILER_DRIVER_NPY_H
#define RECUR_COMPILER_DRIVER_NPY_H

#include <recur/tensor.h>

#include <optional>
#include <string>
#include <string_view>

namespace recur {

/// Reads a file. Elements may be '?', b1, i1, i4, i8, f2, f4, f8, c8 or c16 in
/// either byte order; a Fortran-order array becomes a strided tensor over the
/// memory as it is. On an error the result is empty and `error` names the file
/// and says what was expected and found.
std::optional<Tensor> readNpy(const std::string &path, std::string &error);

/// The same from memory; `name` stands for the file in messages.
std::optional<Tensor> parseNpy(std::string_view bytes, const std::string &name,
                               std::string &error);

/// Writes a file in row-major order, bf16 as f32. The file appears under its
/// name only when it is complete; after an error (false) nothing is left.
bool writeNpy(const std::string &path, const Tensor &tensor,
              std::string &error);

} // namespace recur
#endif // RECUR_COMPILER_DRIVER_NPY_H
