//===-- test/gpu/emulator/LaunchPlan.h - what a launch needs ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads the launch descriptions off kernels; recur_gpu_variant and
/// recur_gpu_kernel in recur/runtime.h say what they mean.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_LAUNCHPLAN_H
#define RECUR_TEST_GPU_EMULATOR_LAUNCHPLAN_H

#include "compiler/Conversion/Signature.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace recur::emulator {

struct KernelPlan {
  std::string symbol;
  std::vector<int32_t> parallelDims;
  int64_t laneDim = -1, laneTile = 1, itemsPerBlock = 1, timeTile = 0;
  int64_t block = 1, shared = 0;
  bool persistent = false;

  int64_t getUnits(const std::vector<int64_t> &sizes) const;
  int64_t getBlocks(const std::vector<int64_t> &sizes, unsigned time) const;
};

/// A tensor as a choice between variants sees it.
struct TensorView {
  uintptr_t address;
  int64_t elementBytes;
  std::vector<int64_t> shape, strides;
};

struct VariantPlan {
  std::string name;
  std::vector<KernelPlan> kernels; // in the order of their launches
  int64_t contiguousDim = -1;
  uint64_t unitStrideMask = 0, vectorMask = 0;
  int64_t vectorBytes = 0, sizeMultiple = 1;
  int64_t zeroedConstant = 0, zeroedPerTile = 0, tileSteps = 0;
  struct Part {
    bool perTile;
    int64_t valueBytes;
    std::vector<int64_t> dims;
  };
  std::vector<Part> parts;

  int64_t getZeroedBytes(const std::vector<int64_t> &sizes,
                         unsigned time) const;
  int64_t getWorkspaceBytes(const std::vector<int64_t> &sizes,
                            unsigned time) const;
  /// Why the variant does not take these tensors; empty if it does.
  std::string refuse(const Signature &signature,
                     const std::vector<int64_t> &sizes,
                     const std::vector<TensorView> &tensors) const;
};

/// The variants of `recurrence` in `module`, in their order of preference.
llvm::Expected<std::vector<VariantPlan>>
readPlans(mlir::gpu::GPUModuleOp module, llvm::StringRef recurrence);

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_LAUNCHPLAN_H
