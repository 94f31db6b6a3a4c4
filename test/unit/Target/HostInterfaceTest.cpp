//===-- HostInterfaceTest.cpp - launches as constant data -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Every key of `recur.launch` must end in its own field of the C structs: each
/// has another value here.
#include "compiler/Target/HostObject.h"

#include "compiler/Driver/Jit.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "gtest/gtest.h"

#include <recur/runtime.h>

using namespace recur;

namespace {

constexpr const char *artifacts = R"([{
  name = "f", dims = [{name = "b", size = -1 : i64}, {name = "t", size = 7 : i64}],
  arguments = [{name = "x", role = 0 : i64, element = f32, dims = array<i32: 0, 1>}],
  accesses = [array<i64: 0, 1, 1, 2, 3, 4>],
  space_rank = 2 : i64, time = 1 : i64, segment = -1 : i64, step = false, reverse = true,
  cpu_variants = [],
  gpu_variants = [{name = "look-back", target = "sm_90a", kernels = [
    {symbol = "k1", phase = "fold", variant = "look-back", parallel_dims = array<i32: 0, 1>,
     lane_dim = 1 : i64, lane_tile = 32 : i64, items_per_block = 3 : i64, time_tile = 64 : i64,
     block = 96 : i64, shared = 1024 : i64, persistent = true, contiguous_dim = 1 : i64,
     unit_stride_mask = 5 : i64, vector_bytes = 16 : i64, vector_mask = 8 : i64,
     size_multiple = 4 : i64, zeroed_constant = 12 : i64, zeroed_per_tile = 20 : i64,
     workspace = [array<i64: 1, 8, 0>, array<i64: 0, 2>], step_cost = 33 : i64,
     registers = 40 : i64, steps_in_flight = 16 : i64, halves_from = 96 : i64},
    {symbol = "k2", phase = "replay", variant = "look-back", parallel_dims = array<i32: 0>,
     lane_dim = -1 : i64, lane_tile = 1 : i64, items_per_block = 128 : i64,
     time_tile = 0 : i64, block = 128 : i64, shared = 0 : i64, persistent = false,
     contiguous_dim = 1 : i64, unit_stride_mask = 2 : i64, vector_bytes = 8 : i64,
     vector_mask = 1 : i64, size_multiple = 2 : i64, zeroed_constant = 0 : i64,
     zeroed_per_tile = 0 : i64, workspace = [], step_cost = 10 : i64, registers = 0 : i64}
  ]}]}])";

/// Loads the interface of `text`, or fails with its error.
llvm::Expected<std::unique_ptr<JitObject>>
load(llvm::StringRef text, const HostInterfaceOptions &options) {
  mlir::DialectRegistry registry;
  registerHostTranslations(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          message += diagnostic.str();
                                          return mlir::success();
                                        });
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  (*module)->setAttr("recur.artifacts", mlir::parseAttribute(text, &context));
  llvm::LLVMContext llvm;
  auto host = translateHost(*module, llvm, options);
  if (mlir::failed(host))
    return llvm::createStringError(message);
  auto bytes = emitHostObject(**host);
  if (!bytes)
    return bytes.takeError();
  return JitObject::load(llvm::StringRef(bytes->data(), bytes->size()));
}

DeviceImage image(const char *target, DeviceImage::Format format,
                  const char *bytes) {
  return {llvm::cantFail(TargetSpec::parse(target)), format, bytes};
}

HostInterfaceOptions withImages() {
  HostInterfaceOptions options{"hash", "sm_80,sm_90a", {}};
  options.images = {image("sm_80", DeviceImage::Format::Ptx, "not this one"),
                    image("sm_90a", DeviceImage::Format::Cubin, "cubin"),
                    image("sm_90a", DeviceImage::Format::Ptx, "ptx")};
  return options;
}

TEST(HostInterface, EveryLaunchKeyHasItsField) {
  auto code = load(artifacts, withImages());
  ASSERT_TRUE(bool(code)) << llvm::toString(code.takeError());
  auto found = (*code)->info("f");
  ASSERT_TRUE(bool(found)) << llvm::toString(found.takeError());
  const recur_info &info = **found;
  EXPECT_EQ(info.n_gpu_variants, 1);
  EXPECT_EQ(info.n_cpu_variants, 0);
  EXPECT_EQ(info.n_space_dims, 2);
  EXPECT_EQ(info.flags, RECUR_REVERSE);
  EXPECT_EQ(info.accesses[0].modulus, 4);

  const recur_gpu_variant &variant = info.gpu_variants[0];
  EXPECT_STREQ(variant.name, "look-back");
  EXPECT_EQ(variant.contiguous_dim, 1);
  // What must hold for one kernel must hold for the variant.
  EXPECT_EQ(variant.unit_stride_mask, 7u);
  EXPECT_EQ(variant.vector_mask, 9u);
  EXPECT_EQ(variant.vector_bytes, 16);
  EXPECT_EQ(variant.size_multiple, 4);
  EXPECT_EQ(variant.zeroed_constant, 12);
  EXPECT_EQ(variant.zeroed_per_tile, 20);
  EXPECT_EQ(variant.tile_steps, 64);

  ASSERT_EQ(variant.n_images, 2);
  EXPECT_EQ(variant.images[0].format, RECUR_GPU_CUBIN);
  EXPECT_EQ(variant.images[0].size, 5);
  EXPECT_EQ(variant.images[1].format, RECUR_GPU_PTX);
  EXPECT_EQ(variant.images[1].capability, 90);
  EXPECT_EQ(variant.images[1].exact, 1);
  EXPECT_STREQ(variant.images[1].target, "sm_90a");
  EXPECT_STREQ(static_cast<const char *>(variant.images[1].bytes), "ptx");
  EXPECT_NE(variant.images[0].hash, variant.images[1].hash);

  ASSERT_EQ(variant.n_parts, 2);
  EXPECT_EQ(variant.parts[0].kind, RECUR_GPU_PER_TILE);
  EXPECT_EQ(variant.parts[0].value_bytes, 8);
  EXPECT_EQ(variant.parts[0].rank, 1);
  EXPECT_EQ(variant.parts[0].dims[0], 0);
  EXPECT_EQ(variant.parts[1].kind, RECUR_GPU_PER_POSITION);
  EXPECT_EQ(variant.parts[1].value_bytes, 2);
  EXPECT_EQ(variant.parts[1].rank, 0);

  ASSERT_EQ(variant.n_kernels, 2);
  const recur_gpu_kernel &fold = variant.kernels[0];
  EXPECT_STREQ(fold.symbol, "k1");
  EXPECT_EQ(fold.phase, RECUR_GPU_FOLD);
  EXPECT_EQ(fold.parallel_rank, 2);
  EXPECT_EQ(fold.parallel_dims[1], 1);
  EXPECT_EQ(fold.lane_dim, 1);
  EXPECT_EQ(fold.lane_tile, 32);
  EXPECT_EQ(fold.items_per_block, 3);
  EXPECT_EQ(fold.time_tile, 64);
  EXPECT_EQ(fold.block, 96);
  EXPECT_EQ(fold.shared_bytes, 1024);
  EXPECT_EQ(fold.persistent, 1);
  EXPECT_EQ(fold.registers, 40);
  EXPECT_EQ(fold.steps_in_flight, 16);
  EXPECT_EQ(fold.step_cost, 33);
  EXPECT_EQ(fold.halves_from, 96);
  const recur_gpu_kernel &replay = variant.kernels[1];
  EXPECT_EQ(replay.phase, RECUR_GPU_REPLAY);
  EXPECT_EQ(replay.lane_dim, -1);
  EXPECT_EQ(replay.persistent, 0);
  EXPECT_EQ(replay.steps_in_flight, 0);
  EXPECT_EQ(replay.halves_from, 0);
  EXPECT_EQ(replay.step_cost, 10);
}

// IR of the host alone: variants without their code are left out.
TEST(HostInterface, WithoutImages) {
  auto code = load(artifacts, {"hash", "sm_90a", {}});
  ASSERT_TRUE(bool(code)) << llvm::toString(code.takeError());
  EXPECT_EQ(llvm::cantFail((*code)->info("f"))->n_gpu_variants, 0);
}

TEST(HostInterface, Mistakes) {
  HostInterfaceOptions other = withImages();
  other.images.resize(1);
  auto code = load(artifacts, other);
  ASSERT_FALSE(bool(code));
  EXPECT_EQ(llvm::toString(code.takeError()), "there is no code for 'sm_90a'");
  std::string wrong = artifacts;
  wrong.replace(wrong.find("\"fold\""), 6, "\"fald\"");
  auto unknown = load(wrong, withImages());
  ASSERT_FALSE(bool(unknown));
  EXPECT_EQ(llvm::toString(unknown.takeError()),
            "kernel 'k1' has an unknown phase 'fald'");
}

} // namespace
