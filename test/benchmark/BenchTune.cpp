//===-- BenchTune.cpp - what the runtime chooses and what is best ---------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Times every schedule that is compiled into a case's artifact and takes its
/// arguments, on the CPU or on the GPU. A schedule runs alone in a description
/// that has no other.

#include "BenchArguments.h"

#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Gpu.h"
#include "compiler/Driver/Jit.h"
#include "compiler/Target/TargetSpec.h"

#include <algorithm>
#include <cstring>

using namespace recur;
using namespace recur::bench;

namespace {
/// A schedule that takes the arguments.
struct Variant {
  std::string name;
  recur_info info; ///< of the recurrence with this schedule alone
  double ms = 0, error = 0;
};

/// The artifact of a case, and its arrays on the host.
class Tuned {
public:
  Tuned(const BenchCase &benchCase, std::string target)
      : benchCase(benchCase), target(std::move(target)) {}

  bool make();
  bool runOnCpu(int threads);
  bool runOnGpu(Gpu &gpu);
  TunedCase finish(int threads);

private:
  bool findVariants(const DLTensor *const *tensors, bool onGpu);
  bool check(int status);
  int32_t count() const { return arguments->list.size(); }

  const BenchCase &benchCase;
  std::string target;
  Artifact artifact;
  std::unique_ptr<JitObject> object;
  const recur_info *info = nullptr;
  std::optional<Arguments> arguments;
  std::optional<Reference> reference;
  std::vector<Variant> variants;
  std::string chosen;
};
} // namespace

bool Tuned::check(int status) {
  if (status)
    fail(benchCase.name + ": " + recur_last_error());
  return status == RECUR_OK;
}

bool Tuned::make() {
  CompileOptions options;
  options.targets = {target};
  options.steps = false;
  artifact = compile(benchCase.spec, options, benchCase.name);
  if (!artifact) {
    fail(artifact.messages);
    return false;
  }
  auto loaded = JitObject::load(artifact.object);
  if (!loaded) {
    fail(toString(loaded.takeError()));
    return false;
  }
  object = std::move(*loaded);
  auto found = object->info(artifact.names[0]);
  if (!found) {
    fail(toString(found.takeError()));
    return false;
  }
  info = *found;
  arguments = makeArguments(*info, benchCase);
  if (!arguments)
    return false;
  reference = interpretChannels(benchCase, *info, *arguments);
  return reference.has_value();
}

/// Which variants take the arguments, and which of them is chosen.
bool Tuned::findVariants(const DLTensor *const *tensors, bool onGpu) {
  const char *name = nullptr;
  if (!check(recur_select(info, tensors, count(), &name)))
    return false;
  chosen = name;
  for (int32_t v = 0; v < (onGpu ? info->n_gpu_variants : info->n_cpu_variants);
       ++v) {
    Variant variant;
    variant.info = *info;
    if (onGpu) {
      variant.info.gpu_variants = &info->gpu_variants[v];
      variant.info.n_gpu_variants = 1;
    } else {
      variant.info.cpu_variants = &info->cpu_variants[v];
      variant.info.n_cpu_variants = 1;
    }
    if (recur_select(&variant.info, tensors, count(), &name) != RECUR_OK)
      continue;
    variant.name = name;
    variants.push_back(variant);
  }
  return true;
}

bool Tuned::runOnCpu(int threads) {
  recur_set_num_threads(threads);
  const DLTensor *const *tensors = arguments->list.pointers();
  if (!findVariants(tensors, /*onGpu=*/false))
    return false;
  Tensor &result = arguments->tensors.back();
  std::vector<std::function<void()>> bodies;
  int status = RECUR_OK;
  for (Variant &variant : variants) {
    bodies.push_back([&] {
      status = recur_call(&variant.info, tensors, count(), nullptr, 0, nullptr);
    });
    // NaN everywhere first: what a kernel leaves out shows in the error.
    std::memset(result.data(), 0xff, result.bytes());
    bodies.back()();
    if (!check(status))
      return false;
    variant.error = reference->errorOf(result);
  }
  std::vector<double> times = medianMs(bodies);
  for (size_t i = 0; i < times.size(); ++i)
    variants[i].ms = times[i];
  return check(status);
}

bool Tuned::runOnGpu(Gpu &gpu) {
  auto isGood = [](llvm::Error error) {
    if (!error)
      return true;
    fail(toString(std::move(error)));
    return false;
  };
  std::vector<DLTensor> onDevice;
  for (const Tensor &tensor : arguments->tensors) {
    auto memory = gpu.allocate(tensor.bytes());
    if (!memory)
      return isGood(memory.takeError());
    if (!isGood(gpu.copyIn(*memory, tensor.data(), tensor.bytes())))
      return false;
    onDevice.push_back(*arguments->list.pointers()[onDevice.size()]);
    onDevice.back().data = *memory;
    onDevice.back().byte_offset = 0;
    onDevice.back().device = {kDLCUDA, 0};
  }
  std::vector<const DLTensor *> tensors;
  for (const DLTensor &tensor : onDevice)
    tensors.push_back(&tensor);
  if (!findVariants(tensors.data(), /*onGpu=*/true))
    return false;
  Tensor &result = arguments->tensors.back();
  for (Variant &variant : variants) {
    size_t bytes = 0;
    if (!check(recur_workspace(&variant.info, tensors.data(), count(), &bytes)))
      return false;
    void *workspace = nullptr;
    if (bytes) {
      auto memory = gpu.allocate(bytes);
      if (!memory)
        return isGood(memory.takeError());
      workspace = *memory;
    }
    int status = RECUR_OK;
    auto body = [&]() -> llvm::Error {
      status = recur_call(&variant.info, tensors.data(), count(), workspace,
                          bytes, gpu.getStream());
      return llvm::Error::success();
    };
    std::memset(result.data(), 0xff, result.bytes());
    if (!isGood(
            gpu.copyIn(onDevice.back().data, result.data(), result.bytes())))
      return false;
    std::vector<double> times;
    for (int repeat = 0; repeat < 11; ++repeat) {
      auto ms = gpu.time(body);
      if (!ms)
        return isGood(ms.takeError());
      if (!check(status))
        return false;
      if (repeat) // the first loads the code
        times.push_back(*ms);
    }
    if (!isGood(
            gpu.copyOut(result.data(), onDevice.back().data, result.bytes())))
      return false;
    std::nth_element(times.begin(), times.begin() + times.size() / 2,
                     times.end());
    variant.ms = times[times.size() / 2];
    variant.error = reference->errorOf(result);
  }
  return true;
}

TunedCase Tuned::finish(int threads) {
  TunedCase tuned;
  tuned.chosen = chosen;
  tuned.text = benchCase.name + " " + shapeOf(benchCase) + " " +
               benchCase.dtype + " " + benchCase.layout + " " + target;
  auto best = std::min_element(
      variants.begin(), variants.end(),
      [](const Variant &x, const Variant &y) { return x.ms < y.ms; });
  tuned.best = best->name;
  for (const Variant &variant : variants) {
    bool isChosen = variant.name == chosen;
    if (isChosen)
      tuned.factor = variant.ms / best->ms;
    tuned.lines.push_back({variant.name + (isChosen ? " *" : ""),
                           shapeOf(benchCase),
                           benchCase.dtype,
                           benchCase.layout,
                           target,
                           threads,
                           variant.ms,
                           arguments->bytes / variant.ms / 1e6,
                           best->ms / variant.ms,
                           variant.error,
                           {}});
  }
  return tuned;
}

std::optional<TunedCase> recur::bench::tuneCase(const BenchCase &benchCase,
                                                const std::string &target,
                                                int threads) {
  if (target != "cuda") {
    Tuned tuned(benchCase, target);
    if (!tuned.make() || !tuned.runOnCpu(threads))
      return std::nullopt;
    return tuned.finish(threads);
  }
  auto gpu = Gpu::open();
  if (!gpu)
    return fail(toString(gpu.takeError()));
  auto spec = TargetSpec::forCapability((*gpu)->getCapability());
  if (!spec)
    return fail((*gpu)->getName() + ": " + toString(spec.takeError()));
  Tuned tuned(benchCase, spec->name);
  if (!tuned.make() || !tuned.runOnGpu(**gpu))
    return std::nullopt;
  return tuned.finish(1);
}
