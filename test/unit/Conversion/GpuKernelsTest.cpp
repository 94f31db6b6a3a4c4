//===-- GpuKernelsTest.cpp - GPU kernels compute what specs say -----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiles specs to GPU kernels, runs them on the host and compares them with
/// the interpreter: schedules, segment lengths, dtypes, layouts, odd sizes.
/// Results and workspace hold NaN before every run.
//===----------------------------------------------------------------------===//

#include "test/unit/Conversion/GpuOnHost.h"

#include "compiler/Conversion/GpuKernels.h"
#include "compiler/Conversion/Passes.h"
#include "compiler/Frontend/Frontend.h"
#include "compiler/Interpreter/Interpreter.h"
#include "compiler/Target/HostObject.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

#include <map>
#include <random>

using namespace mlir;
using namespace recur;
using interpreter::Array;

namespace {

/// A tensor in memory: elements of `type` at `strides`.
struct Storage {
  Type type;
  std::vector<int64_t> shape, strides;
  std::vector<uint8_t> bytes;

  int64_t elementBytes() const {
    return (type.getIntOrFloatBitWidth() + 7) / 8;
  }
  int64_t count() const {
    int64_t product = 1;
    for (int64_t size : shape)
      product *= size;
    return product;
  }
  /// Bytes at the row-major position `number`.
  uint8_t *at(int64_t number) {
    int64_t offset = 0;
    for (size_t axis = shape.size(); axis-- > 0; number /= shape[axis])
      offset += number % shape[axis] * strides[axis];
    return bytes.data() + offset * elementBytes();
  }
  void set(int64_t number, double value) {
    uint64_t bits = int64_t(value);
    if (auto real = dyn_cast<FloatType>(type)) {
      llvm::APFloat rounded(value);
      bool lost;
      rounded.convert(real.getFloatSemantics(),
                      llvm::APFloat::rmNearestTiesToEven, &lost);
      bits = rounded.bitcastToAPInt().getZExtValue();
    }
    std::memcpy(at(number), &bits, elementBytes());
  }
  double get(int64_t number) {
    uint64_t bits = 0;
    std::memcpy(&bits, at(number), elementBytes());
    auto real = dyn_cast<FloatType>(type);
    if (!real)
      return double(bits);
    llvm::APFloat value(real.getFloatSemantics(),
                        llvm::APInt(real.getWidth(), bits));
    bool lost;
    value.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &lost);
    return value.convertToDouble();
  }
};

/// How tensors lie in memory: rows, rows with gaps, or the first dim fastest.
enum class Layout { Rows, Gaps, Columns };

struct Case {
  std::map<std::string, int64_t> sizes;
  Layout layout = Layout::Rows;
  /// 0: the serial kernel; else fold, combine, replay with so many steps.
  int64_t segment = 0;
  double tolerance = 1e-5;
  int64_t blocks = 2;
  /// Integer arguments by name (cumulative lengths).
  std::map<std::string, std::vector<double>> given = {};
};

class GpuKernelsTest : public ::testing::Test {
protected:
  GpuKernelsTest() {
    DialectRegistry registry;
    registry.insert<RecurDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                    scf::SCFDialect, cf::ControlFlowDialect,
                    vector::VectorDialect>();
    registerStepModels(registry);
    registerHostTranslations(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.disableMultithreading();
  }

  static std::string example(const std::string &name) {
    auto buffer =
        llvm::MemoryBuffer::getFile(RECUR_SPECS "/" + name + ".recur");
    EXPECT_TRUE(buffer) << "no example called " << name;
    return buffer ? (*buffer)->getBuffer().str() : "";
  }

  void compile(const std::string &text) {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text),
                               llvm::SMLoc());
    SourceMgrDiagnosticHandler handler(sources, &context);
    source = parseSpec(sources, context);
    ASSERT_TRUE(source);
    kernels = source->clone();
    PassManager passes(&context);
    passes.addPass(createClassifyPass());
    SchedulePassOptions options;
    options.targets = {"sm_80"};
    passes.addPass(createSchedulePass(options));
    ASSERT_TRUE(succeeded(passes.run(*kernels)));
    // The same schedules again with time split into segments.
    kernels->walk([&](ScanOp scan) {
      SmallVector<Attribute> all(scan.getSchedulesAttr().getValue());
      count = all.size();
      for (unsigned i = 0; i < count; ++i) {
        auto serial = cast<ScheduleAttr>(all[i]);
        all.push_back(ScheduleAttr::get(
            &context, serial.getTarget(), "segments", serial.getLanes(),
            serial.getWidth(), serial.getContiguous(), 0));
      }
      scan.setSchedulesAttr(ArrayAttr::get(&context, all));
    });
    PassManager conversion(&context);
    conversion.addPass(createConvertToGpuPass());
    ASSERT_TRUE(succeeded(conversion.run(*kernels)));
    auto compiled = GpuOnHost::create(*kernels);
    ASSERT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError());
    host.emplace(std::move(*compiled));
  }

  Storage makeStorage(Type type, std::vector<int64_t> shape, Layout layout) {
    Storage storage{type, std::move(shape), {}, {}};
    storage.strides.resize(storage.shape.size());
    int64_t stride = 1, last = 0;
    for (size_t i = 0; i < storage.shape.size(); ++i) {
      size_t axis =
          layout == Layout::Columns ? i : storage.shape.size() - 1 - i;
      storage.strides[axis] = stride;
      last += std::max<int64_t>(storage.shape[axis] - 1, 0) * stride;
      stride *= storage.shape[axis] + (layout == Layout::Gaps ? 3 : 0);
    }
    storage.bytes.assign((last + 1) * storage.elementBytes(), 0xff);
    return storage;
  }

  bool takes(unsigned number, ArrayRef<Storage> storages,
             ArrayRef<SignatureArgument> arguments);
  void run(const Case &c);

  MLIRContext context;
  OwningOpRef<ModuleOp> source, kernels;
  std::optional<GpuOnHost> host;
  unsigned count = 0; // serial schedules
};

/// Whether the arguments that a serial kernel wants contiguous are.
bool GpuKernelsTest::takes(unsigned number, ArrayRef<Storage> storages,
                           ArrayRef<SignatureArgument> arguments) {
  DictionaryAttr launch;
  kernels->walk([&](gpu::GPUFuncOp kernel) {
    if (kernel.getName().ends_with("__gpu" + std::to_string(number)))
      launch = kernel->getAttrOfType<DictionaryAttr>(kLaunchAttr);
  });
  uint64_t mask = launch.getAs<IntegerAttr>("unit_stride_mask").getInt();
  int64_t lanes = launch.getAs<IntegerAttr>("contiguous_dim").getInt();
  for (size_t i = 0; i < storages.size(); ++i)
    for (size_t axis = 0; axis < storages[i].shape.size(); ++axis)
      if ((mask >> i & 1) && arguments[i].dims[axis] == lanes &&
          storages[i].shape[axis] > 1 && storages[i].strides[axis] != 1)
        return false;
  return true;
}

void GpuKernelsTest::run(const Case &c) {
  ASSERT_TRUE(host);
  auto function = *kernels->getOps<func::FuncOp>().begin();
  FailureOr<Signature> signature = Signature::get(function);
  ASSERT_TRUE(succeeded(signature));
  SpaceAttr space = signature->space;
  std::vector<int64_t> sizes;
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    sizes.push_back(space.isStatic(dim) ? space.getSizes()[dim]
                                        : c.sizes.at(space.getName(dim).str()));

  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(0.1, 0.9);
  std::vector<Storage> storages;
  std::vector<Array> arrays;
  for (auto [i, argument] : llvm::enumerate(signature->arguments)) {
    bool isInput = i < function.getNumArguments();
    std::vector<int64_t> shape;
    for (auto [axis, dim] : llvm::enumerate(argument.dims)) {
      int64_t size = dim >= 0 ? sizes[dim] : -1;
      if (argument.role == Role::Segments)
        ++size;
      if (isInput)
        if (auto type =
                cast<RankedTensorType>(function.getArgument(i).getType());
            !type.isDynamicDim(axis))
          size = type.getDimSize(axis);
      shape.push_back(size);
    }
    Storage storage = makeStorage(argument.element, shape, c.layout);
    if (isInput) {
      Array array = Array::zeros(shape);
      auto given = c.given.find(argument.name);
      for (int64_t k = 0; k < storage.count(); ++k) {
        double value = given != c.given.end() ? given->second[k]
                       : isa<FloatType>(argument.element)
                           ? uniform(random)
                           : double(random() % 4 == 0);
        storage.set(k, value);
        array.real()[k] = storage.get(k);
      }
      arrays.push_back(std::move(array));
    }
    storages.push_back(std::move(storage));
  }
  auto expected =
      interpreter::interpret(*source->getOps<func::FuncOp>().begin(), arrays);
  ASSERT_TRUE(succeeded(expected));

  // Results are wrong until written: 0xff is NaN.
  std::vector<uint64_t> workspace(1 << 20, ~uint64_t(0));
  std::vector<uint64_t> words;
  for (Storage &storage : storages)
    words.push_back(reinterpret_cast<uint64_t>(storage.bytes.data()));
  words.push_back(reinterpret_cast<uint64_t>(workspace.data()));
  words.push_back(std::max<int64_t>(c.segment, 1));
  words.insert(words.end(), sizes.begin(), sizes.end());
  for (Storage &storage : storages)
    words.insert(words.end(), storage.strides.begin(), storage.strides.end());

  // The first kernel that takes these strides, as a launch would choose.
  unsigned number = 0;
  while (number + 1 < count && !takes(number, storages, signature->arguments))
    ++number;
  if (c.segment)
    number += count;
  std::string name = signature->name + "__gpu" + std::to_string(number);
  std::vector<std::string> names{name};
  if (c.segment)
    names = {name + "_fold", name + "_combine", name + "_replay"};
  for (const std::string &kernel : names)
    ASSERT_FALSE(bool(host->launch(kernel, words, c.blocks, 64))) << kernel;

  for (size_t i = 0; i < expected->size(); ++i) {
    Storage &result = storages[function.getNumArguments() + i];
    const Array &wanted = (*expected)[i];
    ASSERT_EQ(result.shape, wanted.shape);
    double error = 0, norm = 0;
    for (int64_t k = 0; k < wanted.size(); ++k) {
      double difference = result.get(k) - wanted.real()[k];
      error += difference * difference;
      norm += wanted.real()[k] * wanted.real()[k];
    }
    // Not `>`: NaN must fail.
    EXPECT_TRUE(std::sqrt(error) <= c.tolerance * std::sqrt(norm))
        << "result " << i << " of " << name << ": error " << std::sqrt(error)
        << " of " << std::sqrt(norm) << ", segment " << c.segment;
  }
}

TEST_F(GpuKernelsTest, SmoothingOverSizesAndSegments) {
  compile(example("exponential_smoothing"));
  for (int64_t b : {1, 2, 31, 33, 200})
    for (int64_t t : {1, 2, 31, 97})
      for (int64_t segment : {0, 1, 7, 64, 1000})
        run({.sizes = {{"b", b}, {"t", t}}, .segment = segment});
}

// No steps: the final state is the start; no items: nothing happens.
TEST_F(GpuKernelsTest, EmptyTimeAndEmptyBatch) {
  compile(example("exponential_smoothing"));
  for (int64_t segment : {0, 4}) {
    run({.sizes = {{"b", 5}, {"t", 0}}, .segment = segment});
    run({.sizes = {{"b", 0}, {"t", 5}}, .segment = segment});
  }
}

// Any strides, also with more items than threads.
TEST_F(GpuKernelsTest, Layouts) {
  compile(example("rg_lru"));
  for (Layout layout : {Layout::Rows, Layout::Gaps, Layout::Columns})
    for (int64_t segment : {0, 5})
      run({.sizes = {{"b", 3}, {"t", 33}, {"d", 65}},
           .layout = layout,
           .segment = segment,
           .blocks = 1});
}

TEST_F(GpuKernelsTest, Reverse) {
  compile(example("discounted_returns"));
  for (int64_t segment : {0, 1, 6, 64})
    run({.sizes = {{"b", 7}, {"t", 41}}, .segment = segment});
}

// States over n stay in the workspace when n is not static.
TEST_F(GpuKernelsTest, SelectiveScanWithDynamicInnerDim) {
  compile(example("selective_scan"));
  for (int64_t n : {1, 4, 16})
    for (int64_t segment : {0, 8})
      run({.sizes = {{"b", 2}, {"t", 19}, {"d", 33}, {"n", n}},
           .segment = segment,
           .tolerance = 1e-2});
}

TEST_F(GpuKernelsTest, SelectiveScanWithStatesInRegisters) {
  std::string text = example("selective_scan");
  text.replace(text.find("A[d,n]"), 6, "A[d,n=16]");
  compile(text);
  for (Layout layout : {Layout::Rows, Layout::Gaps})
    for (int64_t segment : {0, 8})
      run({.sizes = {{"b", 2}, {"t", 19}, {"d", 33}},
           .layout = layout,
           .segment = segment,
           .tolerance = 1e-2});
}

// Sequences of lengths 5, 0, 1 and 23 with resets and a start each.
TEST_F(GpuKernelsTest, PackedSequences) {
  compile(example("packed_smoothing"));
  for (int64_t segment : {0, 1, 4, 100})
    run({.sizes = {{"t", 29}, {"d", 6}, {"s", 4}},
         .segment = segment,
         .given = {{"cu", {0, 5, 5, 6, 29}}}});
}

// Before the start a lagged input is zero, or its history.
TEST_F(GpuKernelsTest, LaggedInputs) {
  const char *text = R"(
recurrence lagged over t (x[b,t,d], x0[b,k=3,d], w[d]) -> (h[b,t,d]) {
  history x = x0
  state h[b,d]
  h = w * prev(h) + x + 0.5 * prev(x) - 0.25 * x[b,t-3,d]
}
)";
  compile(text);
  for (int64_t t : {1, 2, 3, 4, 20})
    for (int64_t segment : {0, 1, 2, 7})
      run({.sizes = {{"b", 2}, {"t", t}, {"d", 5}}, .segment = segment});
  compile("recurrence lagged over t reverse (x[b,t]) -> (h[b,t], final h) {\n"
          "  state h[b] = 2\n"
          "  h = 0.5 * prev(h) + prev(x, 2)\n}\n");
  for (int64_t t : {1, 2, 3, 11})
    for (int64_t segment : {0, 2})
      run({.sizes = {{"b", 3}, {"t", t}}, .segment = segment});
}

TEST_F(GpuKernelsTest, StorageTypes) {
  auto text = [](const std::string &type) {
    return "recurrence lin over t (a[b,t,d]: " + type + ", x[b,t,d]: " + type +
           ") -> (h[b,t,d]: " + type + ", final h) {\n  state h[b,d]" +
           (type == "f64" ? ": f64" : "") + "\n  h = a * prev(h) + x\n}\n";
  };
  std::pair<const char *, double> types[] = {
      {"f64", 1e-14}, {"f32", 1e-6}, {"f16", 1e-3}, {"bf16", 1e-2}};
  for (auto [type, tolerance] : types) {
    compile(text(type));
    for (int64_t segment : {0, 9})
      run({.sizes = {{"b", 2}, {"t", 50}, {"d", 17}},
           .segment = segment,
           .tolerance = tolerance});
  }
}

} // namespace
