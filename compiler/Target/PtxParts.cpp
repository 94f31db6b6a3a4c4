//===-- PtxParts.cpp - GPU kernels compiled side by side ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// LLVM's passes and code generation are most of the way to PTX, and kernels do
/// not know of each other. One thread lowers them in turn, the largest first; a
/// second one compiles what is lowered, and the first joins it when nothing is
/// left to lower. What a kernel becomes does not depend on the thread, so the
/// same spec gives the same bytes on every machine.
//===----------------------------------------------------------------------===//

#include "compiler/Target/Ptx.h"

#include "compiler/Conversion/GpuKernels.h"
#include "compiler/Target/SideThread.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Pass.h"
#include "llvm/PassRegistry.h"
#include "llvm/Target/TargetMachine.h"

#include <condition_variable>
#include <deque>
#include <mutex>

using namespace mlir;
using namespace recur;

namespace {
/// The back end's passes. It looks for sums and products that differ by a
/// constant, and asks at each whether others may stand in for it, which is a
/// fifth of its time. In serial kernels that saves registers; tiles and waves
/// keep one address and constant distances from it as they are.
class KernelPassManager : public llvm::legacy::PassManager {
public:
  explicit KernelPassManager(bool isTiled) : isTiled(isTiled) {}

  void add(llvm::Pass *pass) override {
    const llvm::PassInfo *info =
        llvm::PassRegistry::getPassRegistry()->getPassInfo(pass->getPassID());
    StringRef name = info ? info->getPassArgument() : StringRef();
    if (isTiled && (name == "slsr" || name == "nary-reassociate")) {
      delete pass;
      return;
    }
    llvm::legacy::PassManager::add(pass);
  }

private:
  bool isTiled;
};

/// Some of a module's kernels on their way to PTX, with the functions and the
/// shared memory that they use.
struct Part {
  SmallVector<Operation *> ops;
  int64_t size = 0; ///< the number of operations
  bool isTiled = false;

  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
  SmallString<0> ptx;
  std::string error;

  /// From MLIR to LLVM IR.
  LogicalResult lower(gpu::GPUModuleOp parent, const TargetSpec &target);

  /// From LLVM IR to PTX, without MLIR.
  void compile();
};

/// What is lowered and waits to be compiled.
class Queue {
public:
  void push(Part &part) {
    std::lock_guard<std::mutex> lock(mutex);
    parts.push_back(&part);
    changed.notify_one();
  }
  /// Nothing is pushed any more.
  void close() {
    std::lock_guard<std::mutex> lock(mutex);
    isClosed = true;
    changed.notify_one();
  }
  /// Compiles until the queue is closed and empty.
  void drain() {
    while (Part *part = pop())
      part->compile();
  }

private:
  Part *pop() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return isClosed || !parts.empty(); });
    if (parts.empty())
      return nullptr;
    Part *part = parts.front();
    parts.pop_front();
    return part;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Part *> parts;
  bool isClosed = false;
};
} // namespace

LogicalResult Part::lower(gpu::GPUModuleOp parent, const TargetSpec &target) {
  OwningOpRef<gpu::GPUModuleOp> kernels(
      cast<gpu::GPUModuleOp>(parent->cloneWithoutRegions()));
  OpBuilder builder(parent.getContext());
  builder.createBlock(&kernels->getBodyRegion());
  for (Operation *op : ops)
    builder.clone(*op);
  if (!kernels->getOps<gpu::GPUFuncOp>().empty()) {
    PassManager passes(parent.getContext(),
                       gpu::GPUModuleOp::getOperationName());
    addNvvmPasses(passes);
#ifdef NDEBUG
    passes.enableVerifier(false);
#endif
    if (failed(passes.run(*kernels)))
      return failure();
  }
  auto translated = translateToNvptx(*kernels, target, context, machine);
  if (failed(translated))
    return failure();
  module = std::move(*translated);
  return success();
}

void Part::compile() {
  if (llvm::Error failed = optimizeForNvptx(*module, *machine)) {
    error = llvm::toString(std::move(failed));
    return;
  }
  llvm::raw_svector_ostream stream(ptx);
  KernelPassManager codegen(isTiled);
#ifdef NDEBUG
  constexpr bool disableVerifier = true;
#else
  constexpr bool disableVerifier = false;
#endif
  if (machine->addPassesToEmitFile(codegen, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile,
                                   disableVerifier)) {
    error = "NVPTX cannot emit assembly";
    return;
  }
  codegen.run(*module);
  // The back end makes calls of its own (of memcpy, say); nothing would
  // resolve them.
  size_t position = StringRef(ptx).find(".extern .func");
  if (position != StringRef::npos)
    error = ("PTX needs a function that nothing defines: " +
             StringRef(ptx).substr(position).split(';').first)
                .str();
}

/// Whether `kernel` computes tiles or waves; null and what is no kernel do not.
static bool isTile(Operation *kernel) {
  auto launch = kernel->getAttrOfType<DictionaryAttr>(kLaunchAttr);
  auto variant = launch ? launch.getAs<StringAttr>("variant") : StringAttr();
  return variant && (variant.getValue().starts_with("tile") ||
                     variant.getValue().starts_with("lookback") ||
                     variant.getValue().starts_with("wave"));
}

/// Counts the operations inside `op`, and calls `found` with the names that
/// they use. (What an operation uses, by its attributes, takes long to ask.)
static int64_t visit(Operation &op, llvm::function_ref<void(StringRef)> found) {
  int64_t count = 0;
  op.walk([&](Operation *each) {
    ++count;
    if (auto address = dyn_cast<LLVM::AddressOfOp>(each))
      found(address.getGlobalName());
    else if (auto call = dyn_cast<CallOpInterface>(each))
      if (auto callee = dyn_cast<SymbolRefAttr>(call.getCallableForCallee()))
        found(callee.getRootReference());
  });
  return count;
}

/// Parts in the order of the file: no kernel without what it uses, and small
/// kernels together, since each part costs passes of its own.
static std::vector<std::unique_ptr<Part>> split(gpu::GPUModuleOp module) {
  SymbolTable symbols(module);
  llvm::EquivalenceClasses<Operation *> together;
  SmallVector<std::pair<Operation *, int64_t>> counts;
  int64_t total = 0;
  for (Operation &op : *module.getBody()) {
    together.insert(&op);
    counts.push_back({&op, visit(op, [&](StringRef name) {
                        if (Operation *used = symbols.lookup(name))
                          together.unionSets(&op, used);
                      })});
    total += counts.back().second;
  }
  struct Group {
    SmallVector<Operation *> ops;
    int64_t size = 0;
    size_t last = 0;
  };
  llvm::MapVector<Operation *, Group> byLeader;
  for (auto [i, each] : llvm::enumerate(counts)) {
    Group &group = byLeader[together.getLeaderValue(each.first)];
    group.ops.push_back(each.first);
    group.size += each.second;
    group.last = i;
  }
  // A kernel comes after what it uses, which comes in any order.
  auto groups = byLeader.takeVector();
  llvm::stable_sort(groups, [](const auto &a, const auto &b) {
    return a.second.last < b.second.last;
  });
  std::vector<std::unique_ptr<Part>> parts;
  for (auto &[leader, group] : groups) {
    auto &[ops, size, last] = group;
    bool isTiled = llvm::any_of(ops, isTile);
    if (parts.empty() || parts.back()->isTiled != isTiled ||
        parts.back()->size + size > total / 8) {
      parts.push_back(std::make_unique<Part>());
      parts.back()->isTiled = isTiled;
    }
    parts.back()->ops.append(ops);
    parts.back()->size += size;
  }
  return parts;
}

FailureOr<std::string> recur::emitPtx(gpu::GPUModuleOp module,
                                      const TargetSpec &target) {
  std::vector<std::unique_ptr<Part>> parts = split(module);
  std::vector<Part *> bySize;
  for (auto &part : parts)
    bySize.push_back(part.get());
  llvm::stable_sort(bySize, [](Part *a, Part *b) { return a->size > b->size; });
  // The other thread has something to do early, and nothing large at the end.
  if (bySize.size() > 2)
    std::rotate(bySize.begin(), bySize.end() - 1, bySize.end());
  Queue queue;
  LogicalResult lowered = success();
  {
    SideThread thread([&] { queue.drain(); });
    for (Part *part : bySize) {
      lowered = part->lower(module, target);
      if (failed(lowered))
        break;
      queue.push(*part);
    }
    queue.close();
    if (succeeded(lowered))
      queue.drain();
  }
  if (failed(lowered))
    return failure();
  std::string ptx;
  for (auto &part : parts) {
    if (!part->error.empty())
      return module.emitError(part->error);
    // One file has one header.
    StringRef text = part->ptx;
    ptx += ptx.empty() ? text : text.split(".address_size 64\n").second;
  }
  return ptx;
}
