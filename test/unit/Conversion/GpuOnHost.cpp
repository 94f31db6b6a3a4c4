//===-- GpuOnHost.cpp - GPU kernels on a CPU ------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A kernel becomes void(words, block, thread, blocks, threads): parameters
/// are read from the words, and the ops that ask for a number of the grid are
/// replaced by the arguments.
//===----------------------------------------------------------------------===//

#include "test/unit/Conversion/GpuOnHost.h"

#include "compiler/Target/HostObject.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace recur;

static void outline(gpu::GPUFuncOp kernel, OpBuilder &b) {
  Location loc = kernel.getLoc();
  Type word = b.getI64Type();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto function = func::FuncOp::create(
      b, loc, kernel.getName(),
      b.getFunctionType({pointer, word, word, word, word}, {}));
  OpBuilder::InsertionGuard guard(b);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping map;
  for (auto [i, argument] : llvm::enumerate(kernel.getArguments())) {
    Value address =
        LLVM::GEPOp::create(b, loc, pointer, word, entry->getArgument(0),
                            ArrayRef<LLVM::GEPArg>{int32_t(i)});
    // Pointers to global memory are plain addresses here.
    map.map(argument,
            LLVM::LoadOp::create(b, loc, argument.getType(), address));
  }
  SmallVector<Value> numbers;
  for (unsigned i = 1; i < 5; ++i)
    numbers.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                                 entry->getArgument(i)));
  for (Operation &op : kernel.front()) {
    if (isa<gpu::BlockIdOp>(op))
      map.map(op.getResult(0), numbers[0]);
    else if (isa<gpu::ThreadIdOp>(op))
      map.map(op.getResult(0), numbers[1]);
    else if (isa<gpu::GridDimOp>(op))
      map.map(op.getResult(0), numbers[2]);
    else if (isa<gpu::BlockDimOp>(op))
      map.map(op.getResult(0), numbers[3]);
    else if (isa<gpu::ReturnOp>(op))
      func::ReturnOp::create(b, loc);
    else
      b.clone(op, map);
  }
}

llvm::Expected<GpuOnHost> GpuOnHost::create(ModuleOp module) {
  OwningOpRef<ModuleOp> host = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(host->getBody());
  module.walk([&](gpu::GPUFuncOp kernel) { outline(kernel, builder); });
  PassManager passes(module.getContext());
  addHostLoweringPasses(passes);
  if (failed(passes.run(*host)))
    return llvm::createStringError("the kernels cannot be lowered");

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto context = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translateModuleToLLVMIR(*host, *context);
  if (!llvmModule)
    return llvm::createStringError("the kernels cannot be translated");
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = (*jit)->addIRModule(llvm::orc::ThreadSafeModule(
          std::move(llvmModule), std::move(context))))
    return std::move(error);
  GpuOnHost result;
  result.jit = std::move(*jit);
  return result;
}

llvm::Error GpuOnHost::launch(StringRef kernel, ArrayRef<uint64_t> words,
                              int64_t blocks, int64_t threads) {
  auto address = jit->lookup(kernel);
  if (!address)
    return address.takeError();
  auto *run =
      address
          ->toPtr<void(const uint64_t *, int64_t, int64_t, int64_t, int64_t)>();
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t thread = 0; thread < threads; ++thread)
      run(words.data(), block, thread, blocks, threads);
  return llvm::Error::success();
}
