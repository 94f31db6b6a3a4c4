//===-- EmulatedSpec.cpp - a spec's kernels in the emulator ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles, makes tensors, calls, compares. The call goes through the runtime:
/// it checks the arguments, lays out grids, workspace and parameters as for a
/// GPU, and launches by a stand-in for the driver, which runs the emulator.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/EmulatedSpec.h"

#include "test/gpu/emulator/Buffer.h"
#include "test/gpu/emulator/EmulatedModule.h"
#include "test/unit/Runtime/FakeCuda.h"

#include "compiler/Conversion/Signature.h"
#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Jit.h"
#include "compiler/Interpreter/Interpreter.h"
#include "compiler/Target/HostObject.h"

#include <recur/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace mlir;
using namespace recur;
using namespace recur::emulator;
using interpreter::Array;
namespace fake = recur::test::fake;

struct EmulatedSpec::Implementation {
  std::unique_ptr<Compilation> compilation;
  OwningOpRef<ModuleOp> source;
  func::FuncOp function;
  Signature signature;
  std::optional<EmulatedModule> module;
  std::unique_ptr<JitObject> object;
  const recur_info *info = nullptr;
  int ordinal = 0; // of the device that has the target's capability

  // What the last data gave: many runs have the same.
  std::string lastKey;
  std::vector<Array> inputs, expected;

  llvm::Error load(const TargetSpec &target, llvm::StringRef name);
  bool isInput(size_t argument) {
    return argument < function.getNumArguments();
  }
  std::vector<int64_t> getShape(size_t argument,
                                const std::vector<int64_t> &sizes);
  void makeWild(const SignatureArgument &argument, ArrayRef<int64_t> shape,
                std::vector<double> &values, std::mt19937_64 &random);
  std::string interpret(const SpecRun &run, const std::vector<int64_t> &sizes);
  size_t getShared(size_t argument, const SpecRun &run);
  std::vector<Buffer> makeBuffers(const SpecRun &run,
                                  const std::vector<int64_t> &sizes);
  void call(const SpecRun &run, std::vector<Buffer> &buffers,
            SpecResult &result);
  void compare(const SpecRun &run, std::vector<Buffer> &buffers,
               SpecResult &result);
};

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

namespace {
/// The call that this thread makes: what launches need.
struct Calling {
  const EmulatedModule &module;
  const recur_gpu_variant &variant;
  const SpecRun &run;
  std::vector<Range> ranges;
  std::string error;
};
thread_local Calling *calling = nullptr;
} // namespace

static void launchInEmulator(const fake::Launch &call) {
  if (!calling->error.empty())
    return;
  const Kernel *kernel = calling->module.find(call.symbol);
  if (!kernel) {
    calling->error = "there is no kernel '" + call.symbol + "'";
    return;
  }
  const SpecRun &run = calling->run;
  Launch launch;
  launch.blocks[0] = call.grid;
  for (int i = 0; i < calling->variant.n_kernels; ++i)
    // Any smaller grid does.
    if (calling->variant.kernels[i].symbol == call.symbol &&
        calling->variant.kernels[i].persistent)
      launch.blocks[0] = 1 + uint32_t(run.seed % std::min(call.grid, 7u));
  launch.threads[0] = call.block;
  launch.dynamicShared = call.shared;
  launch.seed = run.seed;
  launch.resident = run.resident;
  launch.ranges = calling->ranges;
  calling->error = emulator::run(*kernel, call.words, launch);
}

/// Makes the emulator the process's GPU.
static void installDriver() {
  static const bool done = [] {
    setenv("RECUR_CUDA_LIBRARY", RECUR_FAKE_CUDA, 1);
    unsetenv("RECUR_SCHEDULE");
    fake::reset();
    // Few blocks at once, so that small grids take several rounds.
    for (fake::Device &device : fake::devices())
      device.multiprocessors = 4;
    fake::setEffects(launchInEmulator, [](const fake::Memset &fill) {
      std::memset(reinterpret_cast<void *>(fill.address), fill.value,
                  fill.bytes);
    });
    return true;
  }();
  (void)done;
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

EmulatedSpec::EmulatedSpec(const std::string &text, const SpecOptions &options,
                           const std::string &file)
    : impl(std::make_unique<Implementation>()),
      error(compile(text, options, file)) {}

EmulatedSpec::~EmulatedSpec() = default;

/// The serial schedules once more for every length of a segment.
static void addSegments(ModuleOp module, ArrayRef<int64_t> lengths) {
  module.walk([&](ScanOp scan) {
    SmallVector<Attribute> all(scan.getSchedulesAttr().getValue());
    size_t count = all.size();
    for (int64_t length : lengths)
      for (size_t i = 0; i < count; ++i) {
        auto whole = cast<ScheduleAttr>(all[i]);
        // Tiles and shared states are what segments do not have.
        if (whole.getAlgorithm() != "serial")
          continue;
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
  compileOptions.tolerance = options.tolerance;
  compileOptions.passes = options.passes;
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
  if (options.edit)
    options.edit(kernels);
  auto module = EmulatedModule::create(kernels);
  if (!module)
    return llvm::toString(module.takeError()) + "\n";
  impl->module.emplace(std::move(*module));
  const TargetSpec &target = compilation.getPipelineOptions().targets.front();
  if (llvm::Error error = impl->load(target, name))
    return llvm::toString(std::move(error)) + compilation.render() + "\n";
  if (!impl->info->n_gpu_variants)
    return "no kernels of '" + name + "'\n";
  return "";
}

/// The host's side: the description of the recurrence for the runtime.
llvm::Error EmulatedSpec::Implementation::load(const TargetSpec &target,
                                               llvm::StringRef name) {
  installDriver();
  const std::vector<fake::Device> &devices = fake::devices();
  ordinal = -1;
  for (size_t i = 0; i < devices.size(); ++i) {
    int capability = devices[i].capability, wanted = int(target.level);
    if (target.exact ? capability == wanted : capability >= wanted)
      ordinal = ordinal < 0 || capability < devices[ordinal].capability
                    ? int(i)
                    : ordinal;
  }
  if (ordinal < 0)
    return llvm::createStringError("no device runs code for " + target.name);
  // No two specs share an image, or the runtime would share their kernels.
  static int count = 0;
  HostInterfaceOptions options;
  options.sourceHash = "0";
  options.targets = target.name;
  options.images.push_back({target, DeviceImage::Format::Ptx,
                            "emulated " + std::to_string(count++)});
  llvm::LLVMContext context;
  auto host = translateHost(compilation->getModule(), context, options);
  if (failed(host))
    return llvm::createStringError("the host's side cannot be translated: ");
  if (llvm::Error error = optimizeHost(**host))
    return error;
  auto bytes = emitHostObject(**host);
  if (!bytes)
    return bytes.takeError();
  auto loaded = JitObject::load({bytes->data(), bytes->size()});
  if (!loaded)
    return loaded.takeError();
  object = std::move(*loaded);
  auto found = object->info(name);
  if (!found)
    return found.takeError();
  info = *found;
  return llvm::Error::success();
}

std::vector<std::string> EmulatedSpec::getVariants() const {
  std::vector<std::string> names;
  for (int i = 0; i < impl->info->n_gpu_variants; ++i)
    names.push_back(impl->info->gpu_variants[i].name);
  return names;
}

int64_t EmulatedSpec::getTileSteps(unsigned variant) const {
  return impl->info->gpu_variants[variant].tile_steps;
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

/// Puts numbers that are not finite at some times, in all channels.
void EmulatedSpec::Implementation::makeWild(const SignatureArgument &argument,
                                            ArrayRef<int64_t> shape,
                                            std::vector<double> &values,
                                            std::mt19937_64 &random) {
  int64_t inner = 1, times = 1;
  for (auto [dim, size] : llvm::zip(argument.dims, shape)) {
    inner *= size;
    if (dim == int32_t(signature.space.getTime())) {
      times = size;
      inner = 1;
    }
  }
  double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> wild(times, 0);
  for (double &value : wild)
    if (random() % 100 == 0)
      value = random() % 2 ? infinity : std::nan("");
  for (auto [i, value] : llvm::enumerate(values))
    if (double other = wild[i / inner % times]; other != 0)
      value = other;
}

/// Makes the inputs and what the interpreter makes of them.
std::string
EmulatedSpec::Implementation::interpret(const SpecRun &run,
                                        const std::vector<int64_t> &sizes) {
  auto getRange = [&](const std::string &name) {
    auto found = run.ranges.find(name);
    return found == run.ranges.end() ? run.range : found->second;
  };
  std::string key =
      std::to_string(run.dataSeed) + " " + run.wild + " " + run.infinite;
  for (size_t i = 0; isInput(i); ++i) {
    auto [low, high] = getRange(signature.arguments[i].name);
    key += " " + std::to_string(low) + " " + std::to_string(high);
  }
  for (int64_t size : sizes)
    key += " " + std::to_string(size);
  for (const auto &[name, values] : run.values)
    for (double value : values)
      key += " " + name + " " + std::to_string(value);
  if (key == lastKey)
    return "";
  lastKey.clear();
  inputs.clear();
  std::mt19937_64 random(run.dataSeed);
  for (size_t i = 0; isInput(i); ++i) {
    const SignatureArgument &argument = signature.arguments[i];
    std::vector<int64_t> shape = getShape(i, sizes);
    Array array = Array::zeros(shape, isa<ComplexType>(argument.element));
    std::vector<double> none;
    std::vector<double> &values = array.isComplex() ? none : array.real();
    if (auto known = run.values.find(argument.name);
        known != run.values.end()) {
      // Rounded as the tensor will hold it; complex numbers are pairs.
      Buffer one(argument.element, {}, {}, false, 16);
      const std::vector<double> &numbers = known->second;
      size_t count =
          array.isComplex() ? 2 * array.complex().size() : values.size();
      if (numbers.size() != count)
        return "expected " + std::to_string(count) + " numbers of '" +
               argument.name + "', found " + std::to_string(numbers.size());
      for (auto [i, value] : llvm::enumerate(values)) {
        one.set(0, numbers[i]);
        value = one.get(0);
      }
      if (array.isComplex())
        for (auto [i, value] : llvm::enumerate(array.complex())) {
          one.set(0, numbers[2 * i]);
          one.set(0, numbers[2 * i + 1], 1);
          value = {one.get(0), one.get(0, 1)};
        }
    } else if (argument.role == Role::Segments) {
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
      if (argument.name == run.wild)
        makeWild(argument, shape, values, random);
      if (argument.name == run.infinite)
        for (double &value : values)
          if (random() % 500 == 0)
            value = run.infinities[random() % run.infinities.size()];
      // Products of complex numbers must not grow.
      if (array.isComplex())
        for (std::complex<double> &value : array.complex()) {
          one.set(0, 0.7 * uniform(random));
          one.set(0, 0.7 * uniform(random), 1);
          value = {one.get(0), one.get(0, 1)};
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
    auto complex = dyn_cast<ComplexType>(argument.element);
    Type part = complex ? complex.getElementType() : argument.element;
    int64_t elementBytes =
        (part.getIntOrFloatBitWidth() + 7) / 8 * (complex ? 2 : 1);
    buffers.emplace_back(argument.element, shape, strides,
                         /*atEnd=*/(run.seed + i) % 2 == 0,
                         run.misaligned ? elementBytes : 16);
    if (isInput(i))
      for (int64_t k = 0; k < buffers.back().count(); ++k)
        if (complex) {
          buffers.back().set(k, inputs[i].complex()[k].real());
          buffers.back().set(k, inputs[i].complex()[k].imag(), 1);
        } else {
          buffers.back().set(k, inputs[i].real()[k]);
        }
    buffers.back().remember();
  }
  return buffers;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

void EmulatedSpec::Implementation::call(const SpecRun &run,
                                        std::vector<Buffer> &buffers,
                                        SpecResult &result) {
  // Only the variant that is asked for.
  recur_info only = *info;
  only.gpu_variants += run.variant;
  only.n_gpu_variants = 1;
  Calling now{*module, *only.gpu_variants, run, {}, {}};
  std::vector<DLTensor> tensors(buffers.size());
  std::vector<const DLTensor *> pointers;
  for (size_t i = 0; i < buffers.size(); ++i) {
    Buffer &buffer = buffers[getShared(i, run)];
    tensors[i].data = buffer.begin();
    tensors[i].device = {kDLCUDA, ordinal};
    tensors[i].ndim = int(buffer.shape.size());
    tensors[i].dtype = info->arguments[i].dtype;
    tensors[i].shape = buffer.shape.data();
    tensors[i].strides = buffer.strides.data();
    pointers.push_back(&tensors[i]);
    now.ranges.push_back(
        {info->arguments[i].name, buffer.begin(), buffer.bytes()});
  }
  auto check = [&](int status) {
    if (status == RECUR_UNSUPPORTED)
      result.refused = recur_last_error();
    else if (status != RECUR_OK)
      result.error = recur_last_error();
    return status == RECUR_OK;
  };
  size_t bytes = 0;
  if (!check(recur_workspace(&only, pointers.data(), int(pointers.size()),
                             &bytes)))
    return;
  // What lies beyond cannot be touched. The kernels use the aligned part: let
  // that be the end.
  GuardedMemory memory(std::max<size_t>(bytes, 1));
  std::memset(memory.begin(), kPoison, memory.end() - memory.begin());
  now.ranges.push_back({"the workspace", memory.end() - bytes, bytes});
  calling = &now;
  // All memory is that device's.
  fake::setPrimaryActive(ordinal, true);
  fake::removeRange(1);
  fake::addRange(1, size_t(1) << 62, ordinal);
  check(recur_call(&only, pointers.data(), int(pointers.size()),
                   bytes ? memory.end() - bytes : nullptr, bytes, nullptr));
  calling = nullptr;
  if (result.error.empty() && result.refused.empty())
    check(recur_read_report(&only, pointers.data(), int(pointers.size()),
                            bytes ? memory.end() - bytes : nullptr, bytes,
                            &result.report, nullptr, 0));
  if (!now.error.empty())
    result.error = now.error;
  fake::reset(); // what it has recorded
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
      double found = buffer.get(k);
      double want =
          wanted.isComplex() ? wanted.complex()[k].real() : wanted.real()[k];
      if (buffer.isPoison(k) && !std::isnan(want)) {
        ++unwritten;
        first = k;
      }
      if ((std::isinf(want) && found == want) ||
          (std::isnan(want) && std::isnan(found)) ||
          (!run.infinite.empty() && !std::isfinite(want) &&
           !std::isfinite(found)))
        continue;
      error += (found - want) * (found - want);
      norm += want * want;
      if (wanted.isComplex()) {
        double other = wanted.complex()[k].imag();
        error += std::pow(buffer.get(k, 1) - other, 2);
        norm += other * other;
      }
    }
    for (int64_t k = 0; k < buffer.count(); ++k)
      result.bytes.insert(result.bytes.end(), buffer.at(k),
                          buffer.at(k) + buffer.elementBytes());
    unsigned bits = buffer.part.getIntOrFloatBitWidth();
    double relative = std::sqrt(error / (norm > 0 ? norm : 1));
    double tolerance = !isa<FloatType>(buffer.part) ? 0
                       : bits == 64                 ? 1e-12
                       : bits == 32                 ? 1e-5
                                                    : 1e-2;
    result.outputs.push_back({name, relative, tolerance, {}});
    for (int64_t k = 0; k < buffer.count(); ++k)
      result.outputs.back().values.push_back(buffer.get(k));
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
  if (int(run.variant) >= impl->info->n_gpu_variants) {
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
  impl->call(run, buffers, result);
  if (result.refused.empty() && result.error.empty())
    impl->compare(run, buffers, result);
  return result;
}
