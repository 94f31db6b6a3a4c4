//===-- HostParts.cpp - kernels compiled side by side ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// LLVM's passes and code generation are most of a compilation, and kernels
/// hardly know of each other: half of them is compiled on a thread of its own,
/// and the two objects are joined. The halves depend on the kernels alone, so
/// the same spec gives the same bytes on every machine.
//===----------------------------------------------------------------------===//

#include "compiler/Target/HostObject.h"

#include "compiler/Conversion/Artifact.h"
#include "compiler/Target/JoinObjects.h"
#include "compiler/Target/SideThread.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace recur;

namespace {
/// Some of a module's kernels on their way to an object.
struct Part {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  std::string error, text;
  llvm::SmallVector<char, 0> bytes;

  /// From LLVM IR to the object, without MLIR.
  void compile(bool withText) {
    if (llvm::Error failed = optimizeHost(*module)) {
      error = llvm::toString(std::move(failed));
      return;
    }
    if (withText) {
      llvm::raw_string_ostream os(text);
      module->print(os, nullptr);
    }
    auto emitted = emitHostObject(*module);
    if (emitted)
      bytes = std::move(*emitted);
    else
      error = llvm::toString(emitted.takeError());
  }
};
} // namespace

static int64_t countOperations(LLVM::LLVMFuncOp kernel) {
  int64_t count = 0;
  kernel.walk([&](Operation *) { ++count; });
  return count;
}

/// Kernels that the second part has: the largest ones first, each to the
/// smaller part.
static llvm::DenseSet<Operation *> chooseSide(ModuleOp module) {
  SmallVector<std::pair<int64_t, Operation *>> kernels;
  for (auto kernel : module.getOps<LLVM::LLVMFuncOp>())
    if (!kernel.isExternal())
      kernels.push_back({countOperations(kernel), kernel});
  llvm::stable_sort(
      kernels, [](const auto &a, const auto &b) { return a.first > b.first; });
  llvm::DenseSet<Operation *> side;
  // The first part has the info struct and its functions too.
  int64_t first = 200, second = 0;
  for (auto [count, kernel] : kernels) {
    bool isSide = second < first;
    (isSide ? second : first) += count;
    if (isSide)
      side.insert(kernel);
  }
  return side;
}

/// A copy of `module` with the kernels for which `isMine`; the others are
/// declared.
static OwningOpRef<ModuleOp>
copyPart(ModuleOp module, llvm::function_ref<bool(Operation *)> isMine) {
  auto part = OwningOpRef<ModuleOp>(ModuleOp::create(module.getLoc()));
  OpBuilder builder = OpBuilder::atBlockEnd(part->getBody());
  for (Operation &op : *module.getBody()) {
    auto kernel = dyn_cast<LLVM::LLVMFuncOp>(op);
    if (!kernel)
      continue;
    LLVM::LLVMFuncOp copy;
    if (kernel.isExternal() || isMine(&op)) {
      copy = cast<LLVM::LLVMFuncOp>(builder.clone(op));
    } else {
      copy = cast<LLVM::LLVMFuncOp>(builder.insert(op.cloneWithoutRegions()));
    }
    // One part calls what the other has; nobody else does.
    if (!kernel.isExternal()) {
      copy.setLinkage(LLVM::Linkage::External);
      copy.setVisibility_(LLVM::Visibility::Hidden);
    }
  }
  return part;
}

llvm::Expected<llvm::SmallVector<char, 0>>
recur::compileHost(ModuleOp module, const HostInterfaceOptions &options,
                   std::string *text) {
  auto artifacts = module->getAttrOfType<ArrayAttr>(kArtifactsAttr);
  if (!artifacts)
    return llvm::createStringError("expected kernels: no attribute '" +
                                   kArtifactsAttr + "'");
  llvm::DenseSet<Operation *> side = chooseSide(module);
  Part parts[2];
  auto translate = [&](bool isSide) -> llvm::Error {
    Part &part = parts[isSide];
    OwningOpRef<ModuleOp> kernels = copyPart(
        module, [&](Operation *op) { return side.contains(op) == isSide; });
    auto translated = translateKernels(*kernels, part.context);
    if (failed(translated))
      return llvm::createStringError("the kernels have no LLVM IR");
    part.module = std::move(*translated);
    return llvm::Error::success();
  };
  if (llvm::Error error = translate(/*isSide=*/true))
    return std::move(error);
  SideThread thread([&] { parts[1].compile(text != nullptr); });
  if (llvm::Error error = translate(/*isSide=*/false))
    return std::move(error);
  if (llvm::Error error =
          addHostInterface(*parts[0].module, artifacts, options))
    return std::move(error);
  parts[0].compile(text != nullptr);
  thread.join();
  for (Part &part : parts)
    if (!part.error.empty())
      return llvm::createStringError(part.error);
  if (text)
    *text = parts[0].text + parts[1].text;
  StringRef objects[] = {{parts[0].bytes.data(), parts[0].bytes.size()},
                         {parts[1].bytes.data(), parts[1].bytes.size()}};
  return joinObjects(objects);
}
