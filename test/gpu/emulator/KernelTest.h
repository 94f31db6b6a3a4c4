//===-- test/gpu/emulator/KernelTest.h - small kernels ----------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A fixture for kernels written in the test: compiles their text by the passes
/// that lead to PTX, and runs them.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_KERNELTEST_H
#define RECUR_TEST_GPU_EMULATOR_KERNELTEST_H

#include "test/gpu/emulator/EmulatedModule.h"

#include "compiler/Driver/Pipeline.h"
#include "compiler/Target/Ptx.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <set>

namespace recur::emulator {

class KernelTest : public ::testing::Test {
protected:
  KernelTest() : context(mlir::MLIRContext::Threading::DISABLED) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    mlir::PassManager passes(&context,
                             mlir::gpu::GPUModuleOp::getOperationName());
    addNvvmPasses(passes);
    passes.getDependentDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// Compiles `kernels`, functions and globals of a gpu.module; the error of
  /// that, or nothing.
  std::string compile(const std::string &kernels) {
    source = mlir::parseSourceString<mlir::ModuleOp>(
        "gpu.module @m {\n" + kernels + "\n}", &context);
    if (!source)
      return "cannot be parsed";
    mlir::PassManager passes(&context);
    addNvvmPasses(passes.nest<mlir::gpu::GPUModuleOp>());
    if (mlir::failed(passes.run(*source)))
      return "cannot be lowered";
    auto compiled = EmulatedModule::create(
        *source->getOps<mlir::gpu::GPUModuleOp>().begin());
    if (!compiled)
      return llvm::toString(compiled.takeError());
    module.emplace(std::move(*compiled));
    return "";
  }

  /// A kernel @k(out, in) of one statement after the other, with the values
  /// %thread, %lane, %block (i32) and %at (where out has this thread's word of
  /// 4 bytes).
  static std::string kernel(const std::string &body) {
    return R"(
gpu.func @k(%out: !llvm.ptr<1>, %in: !llvm.ptr<1>) kernel {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %threads = nvvm.read.ptx.sreg.ntid.x : i32
  %lane = nvvm.read.ptx.sreg.laneid : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %before = arith.muli %block, %threads : i32
  %number = arith.addi %before, %thread : i32
  %at = llvm.getelementptr %out[%number] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %from = llvm.getelementptr %in[%number] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %all = arith.constant -1 : i32
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  %last = arith.constant 31 : i32
  %warp = arith.constant 32 : i32
)" + body + "\n  gpu.return\n}\n";
  }

  template <typename T, typename U>
  std::string run(std::vector<T> &out, const std::vector<U> &in,
                  Launch launch = {}, const std::string &name = "k") {
    const Kernel *kernel = module ? module->find(name) : nullptr;
    if (!kernel)
      return "no kernel " + name;
    launch.ranges = {{"out", out.data(), out.size() * sizeof(T)},
                     {"in", in.data(), in.size() * sizeof(U)}};
    return emulator::run(*kernel,
                         {reinterpret_cast<uintptr_t>(out.data()),
                          reinterpret_cast<uintptr_t>(in.data())},
                         launch);
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> source;
  std::optional<EmulatedModule> module;
};

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_KERNELTEST_H
