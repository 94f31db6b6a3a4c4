//===-- LaunchPlan.cpp - what a launch needs ------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The dictionaries `recur.launch`, and the arithmetic of grids and workspaces.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/LaunchPlan.h"

#include "compiler/Conversion/GpuKernels.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

using namespace mlir;
using namespace recur;
using namespace recur::emulator;

static constexpr int64_t kWorkspaceAlignment = 256;

static int64_t ceilDiv(int64_t x, int64_t y) { return (x + y - 1) / y; }

int64_t KernelPlan::getUnits(const std::vector<int64_t> &sizes) const {
  int64_t units = 1;
  for (int32_t dim : parallelDims)
    units *= dim == laneDim ? ceilDiv(sizes[dim], laneTile) : sizes[dim];
  return units;
}

int64_t KernelPlan::getBlocks(const std::vector<int64_t> &sizes,
                              unsigned time) const {
  int64_t tiles =
      timeTile ? ceilDiv(std::max<int64_t>(sizes[time], 1), timeTile) : 1;
  return ceilDiv(getUnits(sizes), itemsPerBlock) * tiles;
}

int64_t VariantPlan::getZeroedBytes(const std::vector<int64_t> &sizes,
                                    unsigned time) const {
  int64_t tiles =
      tileSteps ? ceilDiv(std::max<int64_t>(sizes[time], 1), tileSteps) : 1;
  int64_t bytes =
      zeroedConstant + zeroedPerTile * kernels.front().getUnits(sizes) * tiles;
  return llvm::alignTo(bytes, kWorkspaceAlignment);
}

int64_t VariantPlan::getWorkspaceBytes(const std::vector<int64_t> &sizes,
                                       unsigned time) const {
  int64_t tiles =
      tileSteps ? ceilDiv(std::max<int64_t>(sizes[time], 1), tileSteps) : 1;
  int64_t bytes = getZeroedBytes(sizes, time);
  for (const Part &part : parts) {
    int64_t count = part.perTile ? tiles : 1;
    for (int32_t dim : kernels.front().parallelDims)
      count *= sizes[dim];
    for (int64_t dim : part.dims)
      count *= sizes[dim];
    bytes += llvm::alignTo(count * part.valueBytes, kWorkspaceAlignment);
  }
  return bytes;
}

std::string VariantPlan::refuse(const Signature &signature,
                                const std::vector<int64_t> &sizes,
                                const std::vector<TensorView> &tensors) const {
  if (contiguousDim >= 0 && sizes[contiguousDim] % sizeMultiple)
    return "the size of '" + signature.dims[contiguousDim].name +
           "' is no multiple of " + std::to_string(sizeMultiple);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const SignatureArgument &argument = signature.arguments[i];
    const TensorView &tensor = tensors[i];
    bool isVector = vectorMask >> i & 1;
    if (isVector && tensor.address % vectorBytes)
      return "'" + argument.name + "' is not aligned";
    for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      bool isContiguous = argument.dims[axis] == contiguousDim;
      if (isContiguous && (unitStrideMask >> i & 1) && tensor.shape[axis] > 1 &&
          tensor.strides[axis] != 1)
        return "'" + argument.name + "' has no unit stride";
      if (!isContiguous && isVector &&
          tensor.strides[axis] * tensor.elementBytes % vectorBytes)
        return "a stride of '" + argument.name + "' is not aligned";
    }
  }
  return "";
}

static llvm::Expected<KernelPlan>
readKernel(Operation *function, DictionaryAttr launch, VariantPlan &variant) {
  KernelPlan kernel;
  kernel.symbol = SymbolTable::getSymbolName(function).str();
  std::string missing;
  auto number = [&](StringRef key) -> int64_t {
    if (auto value = launch.getAs<IntegerAttr>(key))
      return value.getInt();
    missing += " " + key.str();
    return 0;
  };
  if (auto dims = launch.getAs<DenseI32ArrayAttr>("parallel_dims"))
    kernel.parallelDims = dims.asArrayRef().vec();
  else
    missing += " parallel_dims";
  kernel.laneDim = number("lane_dim");
  kernel.laneTile = number("lane_tile");
  kernel.itemsPerBlock = number("items_per_block");
  kernel.timeTile = number("time_tile");
  kernel.block = number("block");
  kernel.shared = number("shared");
  if (auto persistent = launch.getAs<BoolAttr>("persistent"))
    kernel.persistent = persistent.getValue();
  if (kernel.timeTile)
    variant.tileSteps = kernel.timeTile;
  if (!variant.kernels.empty())
    return kernel;
  if (auto name = launch.getAs<StringAttr>("variant"))
    variant.name = name.str();
  variant.contiguousDim = number("contiguous_dim");
  variant.unitStrideMask = number("unit_stride_mask");
  variant.vectorBytes = number("vector_bytes");
  variant.vectorMask = number("vector_mask");
  variant.sizeMultiple = number("size_multiple");
  variant.zeroedConstant = number("zeroed_constant");
  variant.zeroedPerTile = number("zeroed_per_tile");
  if (auto parts = launch.getAs<ArrayAttr>("workspace"))
    for (auto part : parts.getAsRange<DenseI64ArrayAttr>())
      variant.parts.push_back(
          {part[0] != 0, part[1], part.asArrayRef().drop_front(2).vec()});
  if (!missing.empty())
    return llvm::createStringError("the launch of '" + kernel.symbol +
                                   "' does not say:" + missing);
  return kernel;
}

llvm::Expected<std::vector<VariantPlan>>
recur::emulator::readPlans(gpu::GPUModuleOp module, StringRef recurrence) {
  std::map<unsigned, VariantPlan> variants;
  for (Operation &op : module.getBody()->getOperations()) {
    auto launch = op.getAttrOfType<DictionaryAttr>(kLaunchAttr);
    if (!launch)
      continue;
    // NAME__gpuK or NAME__gpuK_PHASE
    StringRef name = SymbolTable::getSymbolName(&op);
    unsigned number;
    if (!name.consume_front(recurrence) || !name.consume_front("__gpu") ||
        name.consumeInteger(10, number))
      continue;
    VariantPlan &variant = variants[number];
    auto kernel = readKernel(&op, launch, variant);
    if (!kernel)
      return kernel.takeError();
    variant.kernels.push_back(std::move(*kernel));
  }
  std::vector<VariantPlan> result;
  for (auto &[number, variant] : variants)
    result.push_back(std::move(variant));
  return result;
}
