//===-- ExecutedSpec.cpp - a spec, run two ways ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles, loads, runs and compares.
//===----------------------------------------------------------------------===//

#include "ExecutedSpec.h"

#include "compiler/Conversion/Passes.h"
#include "compiler/Frontend/Frontend.h"
#include "compiler/Interpreter/Interpreter.h"
#include "compiler/Target/HostObject.h"
#include "dialect/IR/Recur.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace mlir;
using namespace recur;
using namespace recur::test;

struct ExecutedSpec::Implementation {
  DialectRegistry registry;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> source;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  const recur_info *info = nullptr;
  func::FuncOp function;
};

ExecutedSpec::~ExecutedSpec() = default;
const recur_info *ExecutedSpec::info() const { return impl->info; }

ExecutedSpec::ExecutedSpec(const std::string &text, const std::string &target,
                           const std::string &schedule)
    : impl(std::make_unique<Implementation>()) {
  compile(text, target, schedule);
}

void ExecutedSpec::compile(const std::string &text, const std::string &target,
                           const std::string &schedule) {
  registerStepModels(impl->registry);
  registerHostTranslations(impl->registry);
  impl->registry.insert<RecurDialect, func::FuncDialect>();
  impl->context = std::make_unique<MLIRContext>(
      impl->registry, MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler handler(impl->context.get(), [&](Diagnostic &d) {
    if (d.getSeverity() == DiagnosticSeverity::Error)
      message += d.str() + "\n";
    return success();
  });
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, "test"),
                             llvm::SMLoc());
  impl->source = parseSpec(sources, *impl->context);
  if (!impl->source)
    return;
  impl->function = *impl->source->getOps<func::FuncOp>().begin();

  OwningOpRef<ModuleOp> module = impl->source->clone();
  PassManager passes(impl->context.get());
  passes.addPass(createClassifyPass());
  passes.addPass(createLinearizePass());
  passes.addPass(createCanonicalizerPass());
  SchedulePassOptions options;
  options.targets = {target};
  options.schedule = schedule;
  passes.addPass(createSchedulePass(options));
  passes.addPass(createConvertToCpuPass());
  passes.addPass(createDropScansPass());
  addHostLoweringPasses(passes);
  if (failed(passes.run(*module))) {
    message += "the passes failed\n";
    return;
  }
  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translateHost(*module, *llvmContext, {"test", target, {}});
  if (failed(llvmModule))
    return;
  auto fail = [&](llvm::Error error) {
    message += llvm::toString(std::move(error)) + "\n";
  };
  if (llvm::Error error = optimizeHost(**llvmModule))
    return fail(std::move(error));
  auto object = emitHostObject(**llvmModule);
  if (!object)
    return fail(object.takeError());
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return fail(jit.takeError());
  impl->jit = std::move(*jit);
  auto &library = impl->jit->getMainJITDylib();
  auto define = [&](const char *name, auto *address) {
    llvm::cantFail(library.define(
        llvm::orc::absoluteSymbols({{impl->jit->mangleAndIntern(name),
                                     {llvm::orc::ExecutorAddr::fromPtr(address),
                                      llvm::JITSymbolFlags::Exported}}})));
  };
  define("recur_call", &recur_call);
  define("recur_workspace", &recur_workspace);
  // What code generation makes of copies and fills.
  define("memset", &memset);
  define("memcpy", &memcpy);
  if (llvm::Error error =
          impl->jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
              llvm::StringRef(object->data(), object->size()))))
    return fail(std::move(error));
  auto symbol = impl->jit->lookup(impl->function.getName().str() + "_info");
  if (!symbol)
    return fail(symbol.takeError());
  impl->info = symbol->toPtr<const recur_info *(*)()>()();
}

/// A tensor whose storage has `contiguous` innermost, perhaps with gaps.
static Tensor createTensor(Dtype dtype, const std::vector<int64_t> &shape,
                           int innermost, bool strided, bool padded) {
  std::vector<int> order;
  for (int k = 0; k < int(shape.size()); ++k)
    if (k != innermost)
      order.push_back(k);
  if (innermost >= 0)
    order.push_back(innermost);
  std::vector<int64_t> storage;
  for (int k : order)
    storage.push_back(strided ? 2 * shape[k] + 1 : shape[k]);
  if (padded && !storage.empty())
    storage.back() += 3;
  Tensor tensor(dtype, storage);
  if (padded && !storage.empty())
    tensor = tensor.sliced(int(storage.size()) - 1, 0, storage.back() - 3);
  if (strided)
    for (size_t k = 0; k < storage.size(); ++k)
      tensor = tensor.sliced(k, 1, 2 * shape[order[k]] + 1, 2);
  std::vector<int> inverse(order.size());
  for (size_t k = 0; k < order.size(); ++k)
    inverse[order[k]] = int(k);
  return tensor.permuted(inverse);
}

std::string ExecutedSpec::run(const Call &call) {
  if (!impl->info)
    return "not compiled: " + message;
  recur_info info = *impl->info;
  if (call.variant >= 0) {
    if (call.variant >= info.n_cpu_variants)
      return "no variant " + std::to_string(call.variant);
    info.cpu_variants += call.variant;
    info.n_cpu_variants = 1;
  }
  std::mt19937 random(call.seed);
  std::vector<Tensor> tensors;
  std::vector<interpreter::Array> arrays;
  auto sizeOf = [&](int dim) -> int64_t {
    if (info.dims[dim].size >= 0)
      return info.dims[dim].size;
    auto found = call.sizes.find(info.dims[dim].name);
    return found == call.sizes.end() ? 1 : found->second;
  };
  for (int i = 0; i < info.n_arguments; ++i) {
    const recur_argument &argument = info.arguments[i];
    std::vector<int64_t> shape;
    int innermost = -1;
    for (int k = 0; k < argument.rank; ++k) {
      shape.push_back(sizeOf(argument.dims[k]) +
                      (argument.role == RECUR_SEGMENTS));
      if (info.dims[argument.dims[k]].name == call.contiguous)
        innermost = k;
    }
    Dtype dtype;
    if (!dtypeOf(argument.dtype, dtype))
      return "unknown dtype";
    bool segments = argument.role == RECUR_SEGMENTS;
    Tensor tensor =
        createTensor(dtype, shape, segments ? -1 : innermost,
                     call.strided && !segments, call.padded && !segments);
    bool output = argument.role == RECUR_RESULT || argument.role == RECUR_FINAL;
    std::vector<int64_t> cuts;
    if (segments) {
      int64_t total = sizeOf(info.time_dim);
      for (int64_t k = 0; k < shape[0]; ++k)
        cuts.push_back(k == 0              ? 0
                       : k + 1 == shape[0] ? total
                                           : int64_t(random() % (total + 1)));
      std::sort(cuts.begin(), cuts.end());
    }
    auto range = call.ranges.find(argument.name);
    auto [low, high] =
        range == call.ranges.end() ? std::pair(-0.95, 0.95) : range->second;
    std::uniform_real_distribution<double> uniform(low, high);
    bool isComplex = argument.dtype.code == kDLComplex;
    interpreter::Array array = interpreter::Array::zeros(shape, isComplex);
    size_t next = 0;
    tensor.forEach([&](int64_t offset) {
      double value = output     ? std::numeric_limits<double>::quiet_NaN()
                     : segments ? double(cuts[next])
                     : argument.dtype.code == kDLFloat ||
                             argument.dtype.code == kDLBfloat || isComplex
                         ? uniform(random)
                         : double(random() % 5 == 0);
      if (argument.name == call.infinite && random() % 500 == 0)
        value = call.infinities[random() % call.infinities.size()];
      // Products of complex numbers must not grow.
      tensor.store(offset, isComplex ? std::complex<double>(
                                           0.7 * value, 0.7 * uniform(random))
                                     : value);
      if (!output && isComplex)
        array.complex()[next] = tensor.load(offset);
      else if (!output)
        array.real()[next] = tensor.load(offset).real();
      ++next;
    });
    tensors.push_back(tensor);
    if (!output)
      arrays.push_back(std::move(array));
  }
  std::vector<DLTensor> views;
  std::vector<const DLTensor *> pointers;
  for (const Tensor &tensor : tensors)
    views.push_back(tensor.dl());
  for (const DLTensor &view : views)
    pointers.push_back(&view);
  int status = recur_call(&info, pointers.data(), int(pointers.size()), nullptr,
                          0, nullptr);
  if (status != RECUR_OK)
    return std::string("status: ") + recur_last_error();

  auto expected = interpreter::interpret(impl->function, arrays);
  if (failed(expected))
    return "the interpreter failed";
  lastBits.clear();
  size_t result = 0;
  for (int i = 0; i < info.n_arguments; ++i) {
    const recur_argument &argument = info.arguments[i];
    if (argument.role != RECUR_RESULT && argument.role != RECUR_FINAL)
      continue;
    const interpreter::Array &reference = (*expected)[result++];
    double difference = 0, norm = 0;
    size_t next = 0;
    tensors[i].forEach([&](int64_t offset) {
      std::complex<double> found = tensors[i].load(offset);
      std::complex<double> want = reference.isComplex()
                                      ? reference.complex()[next]
                                      : reference.real()[next];
      ++next;
      auto *bytes = reinterpret_cast<const char *>(&found);
      lastBits.insert(lastBits.end(), bytes, bytes + sizeof found);
      if (std::isinf(want.real()) && found == want)
        return;
      if (!call.infinite.empty() && !std::isfinite(want.real()) &&
          !std::isfinite(found.real()))
        return;
      difference += std::norm(found - want);
      norm += std::norm(want);
    });
    double bits = argument.dtype.code == kDLComplex ? argument.dtype.bits / 2
                                                    : argument.dtype.bits;
    double tolerance = bits == 64 ? 1e-12 : bits == 32 ? 1e-5 : 1e-2;
    double relative = std::sqrt(difference / (norm > 0 ? norm : 1));
    if (!(relative <= tolerance))
      return std::string(argument.name) + ": error " +
             std::to_string(relative) + " over " + std::to_string(tolerance) +
             " in variant " +
             (call.variant >= 0 ? info.cpu_variants->name : "chosen");
  }
  return "";
}
