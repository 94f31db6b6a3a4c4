//===-- Dtype.cpp - element types of the spec language --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The element types of a spec and the rules by which they meet in arithmetic.
#include "compiler/Frontend/Dtype.h"
#include <algorithm>
#include <iterator>

using namespace recur::spec;

// In the order of the enumeration.
static constexpr llvm::StringRef writtenNames[] = {
    "bool", "i8", "i32", "i64", "f16", "bf16", "f32", "f64", "c64", "c128"};

llvm::StringRef recur::spec::name(Dtype dtype) {
  if (dtype == Dtype::AnyReal)
    return "number";
  if (dtype == Dtype::AnyComplex)
    return "complex number";
  return writtenNames[static_cast<int>(dtype)];
}

std::optional<Dtype> recur::spec::dtypeFromName(llvm::StringRef name) {
  const auto *found =
      std::find(std::begin(writtenNames), std::end(writtenNames), name);
  if (found == std::end(writtenNames))
    return std::nullopt;
  return static_cast<Dtype>(found - std::begin(writtenNames));
}

llvm::ArrayRef<llvm::StringRef> recur::spec::dtypeNames() {
  return writtenNames;
}

bool recur::spec::isInteger(Dtype dtype) {
  return dtype == Dtype::I8 || dtype == Dtype::I32 || dtype == Dtype::I64;
}

bool recur::spec::isReal(Dtype dtype) {
  return (dtype >= Dtype::F16 && dtype <= Dtype::F64) ||
         dtype == Dtype::AnyReal;
}

bool recur::spec::isComplex(Dtype dtype) {
  return dtype == Dtype::C64 || dtype == Dtype::C128 ||
         dtype == Dtype::AnyComplex;
}

bool recur::spec::isConstant(Dtype dtype) {
  return dtype == Dtype::AnyReal || dtype == Dtype::AnyComplex;
}

Dtype recur::spec::computeDtype(Dtype dtype) {
  if (isInteger(dtype) || dtype == Dtype::F16 || dtype == Dtype::BF16)
    return Dtype::F32;
  return dtype;
}

/// 0 for a constant, 1 for single precision, 2 for double.
static int precision(Dtype dtype) {
  if (isConstant(dtype))
    return 0;
  return dtype == Dtype::F64 || dtype == Dtype::C128 ? 2 : 1;
}

Dtype recur::spec::promote(Dtype a, Dtype b) {
  static constexpr Dtype reals[] = {Dtype::AnyReal, Dtype::F32, Dtype::F64};
  static constexpr Dtype complexes[] = {Dtype::AnyComplex, Dtype::C64,
                                        Dtype::C128};
  int wider = std::max(precision(a), precision(b));
  return isComplex(a) || isComplex(b) ? complexes[wider] : reals[wider];
}

Dtype recur::spec::realPart(Dtype dtype) {
  switch (dtype) {
  case Dtype::C64:
    return Dtype::F32;
  case Dtype::C128:
    return Dtype::F64;
  case Dtype::AnyComplex:
    return Dtype::AnyReal;
  default:
    return dtype;
  }
}

Dtype recur::spec::complexOf(Dtype dtype) {
  return promote(dtype, Dtype::AnyComplex);
}

Dtype recur::spec::settled(Dtype dtype) {
  if (dtype == Dtype::AnyReal)
    return Dtype::F32;
  return dtype == Dtype::AnyComplex ? Dtype::C64 : dtype;
}
