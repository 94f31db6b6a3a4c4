//===-- Arrays.cpp - arrays for the arguments of a recurrence -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Checks arrays against a signature and compares results.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Arrays.h"

#include <cmath>

using namespace recur;

Dtype recur::dtypeOf(mlir::Type element) {
  if (auto complex = llvm::dyn_cast<mlir::ComplexType>(element))
    return complex.getElementType().isF64() ? Dtype::C128 : Dtype::C64;
  if (element.isF64())
    return Dtype::F64;
  if (element.isF16())
    return Dtype::F16;
  if (element.isBF16())
    return Dtype::BF16;
  if (element.isInteger(1))
    return Dtype::Bool;
  if (element.isInteger(8))
    return Dtype::I8;
  if (element.isInteger(32))
    return Dtype::I32;
  if (element.isInteger(64))
    return Dtype::I64;
  return Dtype::F32;
}

namespace {
std::string shapeText(llvm::ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [axis, size] : llvm::enumerate(shape))
    text += (axis ? ", " : "") + std::to_string(size);
  return text + "]";
}
} // namespace

Arrays::Arrays(const Signature &signature)
    : signature(signature), tensors(signature.arguments.size()) {
  for (const SignatureDim &dim : signature.dims) {
    sizes.push_back(dim.size);
    sources.push_back("the spec");
  }
}

std::string Arrays::describe(unsigned number) const {
  const SignatureArgument &argument = signature.arguments[number];
  std::string text = argument.name + "[";
  for (auto [axis, dim] : llvm::enumerate(argument.dims)) {
    text += (axis ? ", " : "") + signature.dims[dim].name;
    if (argument.role == Role::Segments)
      text += " + 1";
    else if (signature.dims[dim].size >= 0)
      text += " = " + std::to_string(signature.dims[dim].size);
  }
  return text + "]: " + dtypeName(dtypeOf(argument.element));
}

llvm::Error Arrays::set(unsigned number, Tensor tensor,
                        llvm::StringRef origin) {
  const SignatureArgument &argument = signature.arguments[number];
  Dtype dtype = dtypeOf(argument.element);
  auto refuse = [&](const llvm::Twine &why) {
    return llvm::createStringError("argument '" + argument.name + "' (" +
                                   origin + "): expected " + describe(number) +
                                   ", found " + dtypeName(tensor.dtype()) +
                                   " " + shapeText(tensor.shape()) + why);
  };
  if (tensor.dtype() != dtype &&
      !(tensor.dtype() == Dtype::F32 && dtype == Dtype::BF16))
    return refuse("");
  if (tensor.rank() != static_cast<int64_t>(argument.dims.size()))
    return refuse("");
  for (auto [axis, dim] : llvm::enumerate(argument.dims)) {
    int64_t size = tensor.size(axis);
    if (argument.role == Role::Segments && --size < 0)
      return refuse(": cumulative lengths start with a 0");
    if (sizes[dim] >= 0 && sizes[dim] != size)
      return refuse("; " + signature.dims[dim].name + " = " +
                    llvm::Twine(sizes[dim]) + " in " + sources[dim]);
    if (sizes[dim] < 0) {
      sizes[dim] = size;
      sources[dim] = "argument '" + argument.name + "'";
    }
  }
  if (tensor.dtype() != dtype) {
    tensor = tensor.converted(dtype);
    if (!tensor.valid())
      return refuse(": not enough memory");
  }
  tensors[number] = std::move(tensor);
  return llvm::Error::success();
}

llvm::Error Arrays::allocateResults() {
  for (auto [number, argument] : llvm::enumerate(signature.arguments)) {
    if (!isWritten(argument))
      continue;
    std::vector<int64_t> shape;
    for (int32_t dim : argument.dims) {
      if (sizes[dim] < 0)
        return llvm::createStringError(
            "result '" + argument.name + "': the size of index '" +
            signature.dims[dim].name + "' is not known");
      shape.push_back(sizes[dim]);
    }
    tensors[number] = Tensor(dtypeOf(argument.element), shape);
    if (!tensors[number].valid())
      return llvm::createStringError("result '" + argument.name +
                                     "': not enough memory for shape " +
                                     shapeText(shape));
  }
  return llvm::Error::success();
}

int64_t Arrays::bytes() const {
  int64_t sum = 0;
  for (const Tensor &tensor : tensors)
    sum += tensor.bytes();
  return sum;
}

interpreter::Array recur::toInterpreter(const Tensor &tensor) {
  auto array =
      interpreter::Array::zeros(tensor.shape(), isComplex(tensor.dtype()));
  size_t n = 0;
  if (array.isComplex())
    tensor.forEach(
        [&](int64_t offset) { array.complex()[n++] = tensor.load(offset); });
  else
    tensor.forEach([&](int64_t offset) {
      array.real()[n++] = tensor.load(offset).real();
    });
  return array;
}

Tensor recur::fromInterpreter(const interpreter::Array &array, Dtype dtype) {
  Tensor tensor(dtype, array.shape);
  if (!tensor.valid())
    return tensor;
  int64_t count = array.size();
  for (int64_t n = 0; n < count; ++n)
    tensor.store(n, array.isComplex() ? array.complex()[n] : array.real()[n]);
  return tensor;
}

double recur::relativeError(const Tensor &found,
                            const interpreter::Array &expected) {
  // Scaled sums of squares would matter only near the limits of f64.
  double difference = 0, norm = 0;
  size_t n = 0;
  auto add = [&](double f, double e) {
    if (f == e || (std::isnan(f) && std::isnan(e))) {
      norm += std::isfinite(e) ? e * e : 0;
    } else if (std::isfinite(f) && std::isfinite(e)) {
      difference += (f - e) * (f - e);
      norm += e * e;
    } else {
      difference = std::numeric_limits<double>::infinity();
    }
  };
  found.forEach([&](int64_t offset) {
    std::complex<double> f = found.load(offset);
    std::complex<double> e =
        expected.isComplex() ? expected.complex()[n] : expected.real()[n];
    ++n;
    add(f.real(), e.real());
    add(f.imag(), e.imag());
  });
  return norm > 0 ? std::sqrt(difference) / std::sqrt(norm)
                  : std::sqrt(difference);
}

double recur::tolerance(Dtype result, llvm::ArrayRef<Dtype> states) {
  auto of = [](Dtype dtype) {
    switch (dtype) {
    case Dtype::BF16:
    case Dtype::F16:
      return 1e-2;
    case Dtype::F64:
    case Dtype::C128:
      return 1e-12;
    default:
      return 1e-5;
    }
  };
  double coarsest = of(result);
  for (Dtype state : states)
    coarsest = std::max(coarsest, of(state));
  return coarsest;
}
