//===-- EmulatedSpec.cpp - a spec's kernels in the emulator ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles, makes tensors, launches, compares.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/EmulatedSpec.h"

#include "test/gpu/emulator/Buffer.h"
#include "test/gpu/emulator/EmulatedModule.h"
#include "test/gpu/emulator/LaunchPlan.h"

#include "compiler/Driver/Compiler.h"
#include "compiler/Interpreter/Interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using namespace recur;
using namespace recur::emulator;
using interpreter::Array;

struct EmulatedSpec::Implementation {
  std::unique_ptr<Compilation> compilation;
  OwningOpRef<ModuleOp> source;
  func::FuncOp function;
  Signature signature;
  std::optional<EmulatedModule> module;
  std::vector<VariantPlan> variants;

  // What the last data gave: many runs have the same.
  std::string lastKey;
  std::vector<Array> inputs, expected;

  bool isInput(size_t argument) {
    return argument < function.getNumArguments();
  }
  std::vector<int64_t> getShape(size_t argument,
                                const std::vector<int64_t> &sizes);
  std::string interpret(const SpecRun &run, const std::vector<int64_t> &sizes);
  size_t getShared(size_t argument, const SpecRun &run);
  std::vector<Buffer> makeBuffers(const SpecRun &run,
                                  const std::vector<int64_t> &sizes);
  std::string launch(const SpecRun &run, const VariantPlan &variant,
                     const std::vector<int64_t> &sizes,
                     std::vector<Buffer> &buffers);
  void compare(const SpecRun &run, std::vector<Buffer> &buffers,
               SpecResult &result);
};

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

EmulatedSpec::EmulatedSpec(const std::string &text, const SpecOptions &options,
                           const std::string &file)
    : impl(std::make_unique<Implementation>()),
      error(compile(text, options, file)) {}

EmulatedSpec::~EmulatedSpec() = default;

/// The schedules once more for every length of a segment.
static void addSegments(ModuleOp module, ArrayRef<int64_t> lengths) {
  module.walk([&](ScanOp scan) {
    SmallVector<Attribute> all(scan.getSchedulesAttr().getValue());
    size_t count = all.size();
    for (int64_t length : lengths)
      for (size_t i = 0; i < count; ++i) {
        auto whole = cast<ScheduleAttr>(all[i]);
        all.push_back(ScheduleAttr::get(
            module.getContext(), whole.getTarget(), "segments",
            whole.getLanes(), whole.getWidth(), whole.getContiguous(), length));
      }
    scan.setSchedulesAttr(ArrayAttr::get(module.getContext(), all));
  });
}

std::string EmulatedSpec::compile(const std::string &text,
                                  const SpecOptions &options,
                                  const std::string &file) {
  CompileOptions compileOptions;
  compileOptions.targets = {options.target};
  compileOptions.schedule = options.schedule;
  compileOptions.recurrence = options.recurrence;
  compileOptions.steps = false;
  impl->compilation =
      std::make_unique<Compilation>(text, file, std::move(compileOptions));
  Compilation &compilation = *impl->compilation;
  auto reach = [&](Phase phase) {
    return compilation.compileTo(phase) == Outcome::Ok;
  };
  if (!reach(Phase::Recur))
    return compilation.render();
  std::string name = compilation.getNames().front();
  impl->source = compilation.getModule().clone();
  impl->function = impl->source->lookupSymbol<func::FuncOp>(name);
  if (!reach(Phase::Scheduled))
    return compilation.render();
  FailureOr<Signature> signature =
      Signature::get(compilation.getModule().lookupSymbol<func::FuncOp>(name));
  addSegments(compilation.getModule(), options.segments);
  if (failed(signature) || !reach(Phase::Llvm))
    return compilation.render();
  impl->signature = std::move(*signature);
  gpu::GPUModuleOp kernels;
  for (auto each : compilation.getModule().getOps<gpu::GPUModuleOp>())
    if (each.getName().starts_with(name + "_sm_"))
      kernels = each;
  if (!kernels)
    return "no kernels for " + options.target + "\n";
  auto variants = readPlans(kernels, name);
  if (!variants)
    return llvm::toString(variants.takeError()) + "\n";
  if (variants->empty())
    return "no kernels of '" + name + "'\n";
  auto module = EmulatedModule::create(kernels);
  if (!module)
    return llvm::toString(module.takeError()) + "\n";
  impl->variants = std::move(*variants);
  impl->module.emplace(std::move(*module));
  return "";
}

std::vector<std::string> EmulatedSpec::getVariants() const {
  std::vector<std::string> names;
  for (const VariantPlan &variant : impl->variants)
    names.push_back(variant.name);
  return names;
}

int64_t EmulatedSpec::getTileSteps(unsigned variant) const {
  return impl->variants[variant].tileSteps;
}

std::vector<std::string> EmulatedSpec::getDims() const {
  std::vector<std::string> names;
  for (const SignatureDim &dim : impl->signature.dims)
    if (dim.size < 0)
      names.push_back(dim.name);
  return names;
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

std::vector<int64_t>
EmulatedSpec::Implementation::getShape(size_t argument,
                                       const std::vector<int64_t> &sizes) {
  const SignatureArgument &declared = signature.arguments[argument];
  std::vector<int64_t> shape;
  for (auto [axis, dim] : llvm::enumerate(declared.dims)) {
    int64_t size = sizes[dim] + (declared.role == Role::Segments);
    if (isInput(argument))
      if (auto type =
              cast<RankedTensorType>(function.getArgument(argument).getType());
          !type.isDynamicDim(axis))
        size = type.getDimSize(axis);
    shape.push_back(size);
  }
  return shape;
}

/// Makes the inputs and what the interpreter makes of them.
std::string
EmulatedSpec::Implementation::interpret(const SpecRun &run,
                                        const std::vector<int64_t> &sizes) {
  auto getRange = [&](const std::string &name) {
    auto found = run.ranges.find(name);
    return found == run.ranges.end() ? run.range : found->second;
  };
  std::string key = std::to_string(run.dataSeed);
  for (size_t i = 0; isInput(i); ++i) {
    auto [low, high] = getRange(signature.arguments[i].name);
    key += " " + std::to_string(low) + " " + std::to_string(high);
  }
  for (int64_t size : sizes)
    key += " " + std::to_string(size);
  if (key == lastKey)
    return "";
  lastKey.clear();
  inputs.clear();
  std::mt19937_64 random(run.dataSeed);
  for (size_t i = 0; isInput(i); ++i) {
    const SignatureArgument &argument = signature.arguments[i];
    std::vector<int64_t> shape = getShape(i, sizes);
    Array array = Array::zeros(shape);
    std::vector<double> &values = array.real();
    if (argument.role == Role::Segments) {
      // Some sequences are empty.
      int64_t total = sizes[signature.space.getTime()];
      for (double &value : values)
        value = double(random() % uint64_t(total + 1));
      std::sort(values.begin(), values.end());
      values.front() = 0;
      values.back() = double(total);
    } else {
      // Rounded as the tensor will hold it.
      auto [low, high] = getRange(argument.name);
      std::uniform_real_distribution<double> uniform(low, high);
      Buffer one(argument.element, {}, {}, false, 16);
      for (double &value : values) {
        bool isReal = isa<FloatType>(argument.element);
        one.set(0, isReal ? uniform(random) : double(random() % 5 == 0));
        value = one.get(0);
      }
    }
    inputs.push_back(std::move(array));
  }
  auto results = interpreter::interpret(function, inputs, {.threads = 1});
  if (failed(results))
    return "the interpreter failed: " + compilation->render();
  expected = std::move(*results);
  lastKey = key;
  return "";
}

/// The argument whose memory `argument` is: an initial state for the final
/// state that continues it, if that is wanted, else itself.
size_t EmulatedSpec::Implementation::getShared(size_t argument,
                                               const SpecRun &run) {
  const SignatureArgument &final = signature.arguments[argument];
  if (run.inPlace && final.role == Role::Final)
    for (size_t i = 0; isInput(i); ++i) {
      const SignatureArgument &initial = signature.arguments[i];
      if (initial.role == Role::Initial && initial.dims == final.dims &&
          initial.element == final.element)
        return i;
    }
  return argument;
}

std::vector<Buffer>
EmulatedSpec::Implementation::makeBuffers(const SpecRun &run,
                                          const std::vector<int64_t> &sizes) {
  std::vector<Buffer> buffers;
  for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
    std::vector<int64_t> shape = getShape(i, sizes);
    std::vector<size_t> order; // slowest axis first
    size_t innermost = shape.size();
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (signature.dims[argument.dims[axis]].name == run.innermost)
        innermost = axis;
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (axis != innermost)
        order.push_back(axis);
    if (innermost < shape.size())
      order.push_back(innermost);
    std::vector<int64_t> strides(shape.size());
    int64_t stride = 1;
    for (size_t axis : llvm::reverse(order)) {
      strides[axis] = stride;
      stride *= shape[axis] + run.gap;
    }
    int64_t elementBytes = (argument.element.getIntOrFloatBitWidth() + 7) / 8;
    buffers.emplace_back(argument.element, shape, strides,
                         /*atEnd=*/(run.seed + i) % 2 == 0,
                         run.misaligned ? elementBytes : 16);
    if (isInput(i))
      for (int64_t k = 0; k < buffers.back().count(); ++k)
        buffers.back().set(k, inputs[i].real()[k]);
    buffers.back().remember();
  }
  return buffers;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

std::string EmulatedSpec::Implementation::launch(
    const SpecRun &run, const VariantPlan &variant,
    const std::vector<int64_t> &sizes, std::vector<Buffer> &buffers) {
  unsigned time = signature.space.getTime();
  int64_t bytes = variant.getWorkspaceBytes(sizes, time);
  // As large as it must be: what lies beyond cannot be touched.
  GuardedMemory memory(std::max<int64_t>(bytes, 1));
  std::memset(memory.begin(), kPoison, memory.end() - memory.begin());
  uint8_t *workspace = memory.end() - bytes;
  std::memset(workspace, 0, variant.getZeroedBytes(sizes, time));

  std::vector<uint64_t> words;
  Launch launch;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer &buffer = buffers[getShared(i, run)];
    words.push_back(reinterpret_cast<uintptr_t>(buffer.begin()));
    launch.ranges.push_back(
        {signature.arguments[i].name, buffer.begin(), buffer.bytes()});
  }
  words.push_back(reinterpret_cast<uintptr_t>(workspace));
  launch.ranges.push_back({"the workspace", workspace, size_t(bytes)});
  words.push_back(variant.tileSteps);
  words.insert(words.end(), sizes.begin(),
               sizes.begin() + signature.space.getRank());
  for (const Buffer &buffer : buffers)
    words.insert(words.end(), buffer.strides.begin(), buffer.strides.end());

  for (const KernelPlan &plan : variant.kernels) {
    if (!plan.getUnits(sizes))
      continue;
    const Kernel *kernel = module->find(plan.symbol);
    if (!kernel)
      return "there is no kernel '" + plan.symbol + "'";
    int64_t blocks = plan.getBlocks(sizes, time);
    // A persistent kernel takes any smaller grid.
    if (plan.persistent)
      blocks = 1 + int64_t(run.seed % uint64_t(std::min<int64_t>(blocks, 7)));
    launch.blocks = {uint32_t(blocks), 1, 1};
    launch.threads = {uint32_t(plan.block), 1, 1};
    launch.dynamicShared = size_t(plan.shared);
    launch.seed = run.seed;
    launch.resident = run.resident;
    if (std::string error = emulator::run(*kernel, words, launch);
        !error.empty())
      return error;
  }
  return "";
}

void EmulatedSpec::Implementation::compare(const SpecRun &run,
                                           std::vector<Buffer> &buffers,
                                           SpecResult &result) {
  auto fail = [&](const std::string &text) {
    if (result.error.empty())
      result.error = text;
  };
  std::vector<bool> written(buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i)
    if (!isInput(i))
      written[getShared(i, run)] = true;
  for (size_t i = 0; i < buffers.size(); ++i) {
    Buffer &buffer = buffers[getShared(i, run)];
    const std::string &name = signature.arguments[i].name;
    if (auto change = buffers[i].findChange(/*elements=*/!written[i]))
      fail("'" + name + "' was written at byte " + std::to_string(*change) +
           ", which is no element of a result");
    if (isInput(i))
      continue;
    const Array &wanted = expected[i - function.getNumArguments()];
    double error = 0, norm = 0;
    int64_t unwritten = 0, first = 0;
    for (int64_t k = buffer.count(); k-- > 0;) {
      double found = buffer.get(k), want = wanted.real()[k];
      if (buffer.isPoison(k) && !std::isnan(want)) {
        ++unwritten;
        first = k;
      }
      if ((std::isinf(want) && found == want) ||
          (std::isnan(want) && std::isnan(found)))
        continue;
      error += (found - want) * (found - want);
      norm += want * want;
    }
    for (int64_t k = 0; k < buffer.count(); ++k)
      result.bytes.insert(result.bytes.end(), buffer.at(k),
                          buffer.at(k) + buffer.elementBytes());
    unsigned bits = buffer.type.getIntOrFloatBitWidth();
    double relative = std::sqrt(error / (norm > 0 ? norm : 1));
    double tolerance = !isa<FloatType>(buffer.type) ? 0
                       : bits == 64                 ? 1e-12
                       : bits == 32                 ? 1e-5
                                                    : 1e-2;
    result.outputs.push_back({name, relative, tolerance});
    if (unwritten)
      fail("'" + name + "' was not written at " + std::to_string(unwritten) +
           " of " + std::to_string(buffer.count()) + " elements, such as " +
           buffer.index(first));
    // Not `>`: NaN must fail.
    if (!(relative <= tolerance)) {
      char numbers[80];
      std::snprintf(numbers, sizeof numbers, "%.3g, expected at most %.3g",
                    relative, tolerance);
      fail("'" + name + "' has the relative error " + numbers);
    }
  }
}

SpecResult EmulatedSpec::run(const SpecRun &run) {
  SpecResult result;
  if (!error.empty()) {
    result.error = error;
    return result;
  }
  if (run.variant >= impl->variants.size()) {
    result.error = "there is no variant " + std::to_string(run.variant);
    return result;
  }
  std::vector<int64_t> sizes;
  for (const SignatureDim &dim : impl->signature.dims) {
    auto found = run.sizes.find(dim.name);
    sizes.push_back(dim.size >= 0              ? dim.size
                    : found != run.sizes.end() ? found->second
                                               : 1);
  }
  if (result.error = impl->interpret(run, sizes); !result.error.empty())
    return result;
  std::vector<Buffer> buffers = impl->makeBuffers(run, sizes);
  std::vector<TensorView> views;
  for (const Buffer &buffer : buffers)
    views.push_back({reinterpret_cast<uintptr_t>(buffer.begin()),
                     buffer.elementBytes(), buffer.shape, buffer.strides});
  const VariantPlan &variant = impl->variants[run.variant];
  result.refused = variant.refuse(impl->signature, sizes, views);
  if (!result.refused.empty())
    return result;
  result.error = impl->launch(run, variant, sizes, buffers);
  if (result.error.empty())
    impl->compare(run, buffers, result);
  return result;
}
