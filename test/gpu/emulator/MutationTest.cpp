//===-- MutationTest.cpp - mistakes in generated kernels are found --------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Takes one op at a time out of a spec's kernels, or moves an address, and
/// checks that the comparison with the interpreter, or the emulator, notices.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/EmulatedSpec.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "gtest/gtest.h"

#include <algorithm>

using namespace recur::emulator;

namespace {

const char spec[] = "recurrence r over t (a[b,t,d], x[b,t,d], h0[b,d]) -> "
                    "(h[b,t,d], final h) {\n"
                    "  state h[b,d] = h0\n  h = a * prev(h) + x\n}\n";

/// The ops of a kind, in order.
using Choose = std::function<bool(mlir::Operation *)>;
std::vector<mlir::Operation *> find(mlir::gpu::GPUModuleOp module,
                                    const Choose &choose) {
  std::vector<mlir::Operation *> found;
  module.walk([&](mlir::Operation *op) {
    if (choose(op))
      found.push_back(op);
  });
  return found;
}

bool isStore(mlir::Operation *op) { return mlir::isa<mlir::LLVM::StoreOp>(op); }
/// The op's name, or the intrinsic's that it calls.
llvm::StringRef getName(mlir::Operation *op) {
  if (auto call = mlir::dyn_cast<mlir::LLVM::CallIntrinsicOp>(op)) {
    llvm::StringRef name = call.getIntrin();
    name.consume_front("llvm.");
    return name;
  }
  return op->getName().getStringRef();
}
bool isBarrier(mlir::Operation *op) {
  return getName(op).starts_with("nvvm.barrier");
}
bool isCopyWait(mlir::Operation *op) {
  return getName(op).starts_with("nvvm.cp.async.wait");
}

/// The number of the variant that a kernel NAME__gpuN or NAME__gpuN_PHASE
/// belongs to.
unsigned getVariant(llvm::StringRef kernel) {
  unsigned number = 0;
  llvm::StringRef digits = kernel.split("__gpu").second;
  EXPECT_FALSE(digits.consumeInteger(10, number)) << kernel.str();
  return number;
}

/// Leaves only the kernels of one variant: the others would take time.
void keepVariant(mlir::gpu::GPUModuleOp module, unsigned variant) {
  for (auto kernel : llvm::make_early_inc_range(
           module.getBody()->getOps<mlir::LLVM::LLVMFuncOp>()))
    if (kernel.getName().contains("__gpu") &&
        getVariant(kernel.getName()) != variant)
      kernel.erase();
}

/// What the first run that fails says; nothing if none does.
std::string runVariant(EmulatedSpec &kernels, unsigned variant) {
  if (!kernels.getError().empty())
    return kernels.getError();
  for (const char *innermost : {"d", "t"})
    for (int64_t time : {600, 33})
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        SpecRun run;
        run.sizes = {{"b", 2}, {"t", time}, {"d", 40}};
        run.innermost = innermost;
        run.variant = variant;
        run.seed = seed;
        SpecResult result = kernels.run(run);
        if (!result.error.empty())
          return result.error;
        if (!result.refused.empty())
          break;
      }
  return "";
}

/// Of how many ops of a kind it is tried that they are gone, and for how many
/// nothing notices.
std::pair<size_t, size_t> countUnnoticed(const Choose &choose) {
  constexpr size_t tries = 8;
  std::vector<unsigned> variants; // of the ops
  SpecOptions options;
  options.segments = {32};
  options.edit = [&](mlir::gpu::GPUModuleOp module) {
    for (mlir::Operation *op : find(module, choose))
      variants.push_back(
          getVariant(op->getParentOfType<mlir::LLVM::LLVMFuncOp>().getName()));
    keepVariant(module, 0);
  };
  EmulatedSpec whole(spec, options);
  EXPECT_EQ(runVariant(whole, 0), "");
  size_t unnoticed = 0, count = std::min(tries, variants.size());
  for (size_t i = 0; i < count; ++i) {
    size_t number = i * variants.size() / count;
    options.edit = [&](mlir::gpu::GPUModuleOp module) {
      find(module, choose)[number]->erase();
      keepVariant(module, variants[number]);
    };
    EmulatedSpec lacking(spec, options);
    unnoticed += runVariant(lacking, variants[number]).empty();
  }
  return {count, unnoticed};
}

// One or another op may be there for sizes that are not run here.
TEST(MutationTest, StoresThatAreGoneAreFound) {
  auto [count, unnoticed] = countUnnoticed(isStore);
  EXPECT_GT(count, 0u);
  EXPECT_LE(unnoticed, count / 2) << "of " << count;
}

TEST(MutationTest, BarriersAndWaitsThatAreGoneAreFound) {
  for (const Choose &choose : {Choose(isBarrier), Choose(isCopyWait)}) {
    auto [count, unnoticed] = countUnnoticed(choose);
    EXPECT_LE(unnoticed, count / 2) << "of " << count;
  }
}

/// What is said when all loads or all stores of a variant are so many elements
/// off.
std::string runMoved(int32_t elements, bool loads) {
  SpecOptions options;
  options.edit = [&](mlir::gpu::GPUModuleOp module) {
    keepVariant(module, 0);
    module.walk([&](mlir::Operation *op) {
      unsigned operand = loads ? 0 : 1;
      if (!(loads ? mlir::isa<mlir::LLVM::LoadOp>(op) : isStore(op)))
        return;
      mlir::OpBuilder b(op);
      mlir::Value address = op->getOperand(operand);
      op->setOperand(
          operand, mlir::LLVM::GEPOp::create(
                       b, op->getLoc(), address.getType(), b.getF32Type(),
                       address, llvm::ArrayRef<mlir::LLVM::GEPArg>{elements}));
    });
  };
  EmulatedSpec moved(spec, options);
  return runVariant(moved, 0);
}

TEST(MutationTest, AddressesThatAreOffAreFound) {
  for (int32_t elements : {1, -1, 1 << 12, -(1 << 12)}) {
    EXPECT_NE(runMoved(elements, /*loads=*/true), "");
    EXPECT_NE(runMoved(elements, /*loads=*/false), "");
  }
}

} // namespace
