//===-- BenchArguments.cpp - the arrays of a case -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Numbers for inputs, and the interpreter on some channels.

#include "BenchArguments.h"

#include "compiler/Driver/Compiler.h"

#include "llvm/Support/raw_ostream.h"

#include <random>

using namespace recur;
using namespace recur::bench;

std::nullopt_t recur::bench::fail(const llvm::Twine &message) {
  llvm::errs() << "recur-bench: error: " << message << "\n";
  return std::nullopt;
}

double Reference::errorOf(const Tensor &result) const {
  return relativeError(result.sliced(dim, begin, end).compacted(), expected);
}

/// Numbers as the arguments of these recurrences have them: decays below 1
/// for `a`, negative for `A`, else within (-1, 1).
static void fill(Tensor &tensor, const std::string &name) {
  std::minstd_rand random(std::hash<std::string>()(name) | 1);
  double low = -1, high = 1;
  if (name == "a")
    low = 0.8, high = 0.999;
  else if (name == "A")
    low = -16, high = -0.5;
  // A table is enough, and quick for gigabytes.
  std::vector<double> values(65521);
  for (double &value : values)
    value = low + (high - low) * (random() / 2147483647.0);
  int64_t count = tensor.count();
  for (int64_t i = 0, k = 0; i < count; ++i) {
    tensor.store(i, values[k]);
    k = k + 1 == int64_t(values.size()) ? 0 : k + 1;
  }
}

std::optional<Arguments>
recur::bench::makeArguments(const recur_info &info,
                            const BenchCase &benchCase) {
  Arguments arguments;
  for (int32_t i = 0; i < info.n_arguments; ++i) {
    const recur_argument &argument = info.arguments[i];
    std::vector<int64_t> shape;
    for (int32_t k = 0; k < argument.rank; ++k)
      shape.push_back(benchCase.sizes.at(info.dims[argument.dims[k]].name));
    Dtype dtype;
    dtypeOf(argument.dtype, dtype);
    Tensor tensor(dtype, shape);
    if (!tensor.valid())
      return fail("no memory for argument '" + llvm::Twine(argument.name) +
                  "' of " + benchCase.name);
    if (argument.role == RECUR_INPUT)
      fill(tensor, argument.name);
    arguments.bytes += tensor.bytes();
    arguments.tensors.push_back(tensor);
  }
  // The views point into the tensors, which stay where they are from now on.
  for (const Tensor &tensor : arguments.tensors)
    arguments.list.push(tensor);
  return arguments;
}

static int dimNamed(const recur_info &info, const recur_argument &argument,
                    llvm::StringRef name) {
  for (int32_t k = 0; k < argument.rank; ++k)
    if (name == info.dims[argument.dims[k]].name)
      return k;
  return -1;
}

std::optional<Reference>
recur::bench::interpretChannels(const BenchCase &benchCase,
                                const recur_info &info,
                                const Arguments &arguments) {
  Reference reference;
  reference.begin = (benchCase.sizes.at("d") - benchCase.checkedChannels) / 2;
  reference.end = reference.begin + benchCase.checkedChannels;
  Compilation compilation(benchCase.spec, benchCase.name, {});
  if (compilation.compileTo(Phase::Recur) != Outcome::Ok)
    return fail(compilation.render());
  std::vector<interpreter::Array> inputs;
  for (int32_t i = 0; i < info.n_arguments; ++i) {
    Tensor tensor = arguments.tensors[i];
    int dim = dimNamed(info, info.arguments[i], "d");
    if (dim >= 0)
      tensor = tensor.sliced(dim, reference.begin, reference.end).compacted();
    if (info.arguments[i].role == RECUR_INPUT)
      inputs.push_back(toInterpreter(tensor));
    else
      reference.dim = dim;
  }
  auto results =
      interpreter::interpret(compilation.getRecurrences()[0], inputs);
  if (mlir::failed(results))
    return fail("the interpreter refuses " + benchCase.name);
  reference.expected = std::move((*results)[0]);
  return reference;
}
