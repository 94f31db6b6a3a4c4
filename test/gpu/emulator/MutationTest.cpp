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
bool isBarrier(mlir::Operation *op) {
  return op->getName().getStringRef().starts_with("nvvm.barrier");
}
bool isCopyWait(mlir::Operation *op) {
  return op->getName().getStringRef() == "nvvm.cp.async.wait.group";
}

/// What the first run that fails says; nothing if none does.
std::string runAll(EmulatedSpec &kernels) {
  if (!kernels.getError().empty())
    return kernels.getError();
  unsigned variants = unsigned(kernels.getVariants().size());
  for (uint64_t seed = 1; seed <= 4; ++seed)
    for (unsigned variant = 0; variant < variants; ++variant)
      for (int64_t time : {97, 33, 600}) {
        SpecRun run;
        run.sizes = {{"b", 2}, {"t", time}, {"d", time > 100 ? 8 : 64}};
        run.variant = variant;
        run.seed = seed;
        SpecResult result = kernels.run(run);
        if (!result.error.empty())
          return result.error;
      }
  return "";
}

/// How many ops there are of a kind, and for how many nothing notices that they
/// are gone.
std::pair<size_t, size_t> countUnnoticed(const Choose &choose) {
  size_t count = 0, unnoticed = 0;
  SpecOptions options;
  options.segments = {32};
  options.edit = [&](mlir::gpu::GPUModuleOp module) {
    count = find(module, choose).size();
  };
  EmulatedSpec whole(spec, options);
  EXPECT_EQ(runAll(whole), "");
  for (size_t i = 0; i < count; ++i) {
    options.edit = [&](mlir::gpu::GPUModuleOp module) {
      find(module, choose)[i]->erase();
    };
    EmulatedSpec lacking(spec, options);
    unnoticed += runAll(lacking).empty();
  }
  return {count, unnoticed};
}

// One or another op may be there for sizes that are not run here.
TEST(MutationTest, StoresThatAreGoneAreFound) {
  auto [count, unnoticed] = countUnnoticed(isStore);
  EXPECT_GT(count, 0u);
  EXPECT_LE(unnoticed, count / 4) << "of " << count;
}

TEST(MutationTest, BarriersAndWaitsThatAreGoneAreFound) {
  for (const Choose &choose : {Choose(isBarrier), Choose(isCopyWait)}) {
    auto [count, unnoticed] = countUnnoticed(choose);
    EXPECT_LE(unnoticed, count / 2) << "of " << count;
  }
}

/// What is said when all loads or all stores are so many elements off.
std::string runMoved(int32_t elements, bool loads) {
  SpecOptions options;
  options.edit = [&](mlir::gpu::GPUModuleOp module) {
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
  return runAll(moved);
}

TEST(MutationTest, AddressesThatAreOffAreFound) {
  EXPECT_NE(runMoved(1, /*loads=*/true), "");
  EXPECT_NE(runMoved(-1, /*loads=*/true), "");
  for (int32_t elements : {1, -1, 1 << 12, -(1 << 12)}) {
    std::string error = runMoved(elements, /*loads=*/false);
    EXPECT_TRUE(error.find("was not written at") != std::string::npos ||
                error.find("which is no element of a result") !=
                    std::string::npos ||
                error.find("touches memory") != std::string::npos)
        << error;
  }
}

} // namespace
