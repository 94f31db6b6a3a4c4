//===-- GpuBuilders.cpp - operations that GPU kernels are made of ---------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Arithmetic, and what the threads of a warp and of a block do together.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/GpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

Value GpuKernels::i32(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
}
Value GpuKernels::i64(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
}
Value GpuKernels::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value GpuKernels::sub(Value x, Value y) {
  return arith::SubIOp::create(b, loc, x, y);
}
Value GpuKernels::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}

Value GpuKernels::toI32(Value value) {
  return arith::TruncIOp::create(b, loc, b.getI32Type(), value);
}
Value GpuKernels::toI64(Value value) {
  return arith::ExtUIOp::create(b, loc, i64Type, value);
}
Value GpuKernels::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, predicate, x, y);
}
Value GpuKernels::at(Value base, Value bytes) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{bytes},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value GpuKernels::getThreadId() {
  return arith::IndexCastOp::create(
      b, loc, i64Type, gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x));
}
Value GpuKernels::getBlockId() {
  return arith::IndexCastOp::create(
      b, loc, i64Type, gpu::BlockIdOp::create(b, loc, gpu::Dimension::x));
}

void GpuKernels::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

Value GpuKernels::emitPtx(Type result, StringRef text, StringRef constraints,
                          ValueRange operands) {
  auto op = LLVM::InlineAsmOp::create(
      b, loc, result ? TypeRange(result) : TypeRange(), operands, text,
      constraints, /*hasSideEffects=*/true, /*isAlignStack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr{}, ArrayAttr{});
  return result ? op.getResult(0) : Value();
}

Value GpuKernels::callIntrinsic(StringRef name, ArrayRef<Value> operands,
                                Type result) {
  if (result)
    return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(name),
                                         operands)
        .getResults();
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr(name), operands);
  return {};
}

void GpuKernels::copyAsync(int64_t bytes, Value to, Value from) {
  callIntrinsic(bytes == 16  ? "llvm.nvvm.cp.async.cg.shared.global.16"
                : bytes == 8 ? "llvm.nvvm.cp.async.ca.shared.global.8"
                             : "llvm.nvvm.cp.async.ca.shared.global.4",
                {to, from});
}

Value GpuKernels::hide(Value value) {
  Type type = value.getType();
  if (isPair(type))
    return value;
  unsigned bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (auto vector = dyn_cast<VectorType>(type))
    bits *= vector.getNumElements();
  StringRef constraints = bits == 64   ? "=l,0"
                          : bits == 32 ? "=r,0"
                          : bits == 16 ? "=h,0"
                                       : "";
  if (constraints.empty())
    return value;
  Type whole = b.getIntegerType(bits);
  if (type != whole)
    value = LLVM::BitcastOp::create(b, loc, whole, value);
  value = emitPtx(whole, "", constraints, value);
  return type == whole
             ? value
             : LLVM::BitcastOp::create(b, loc, type, value).getResult();
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

void GpuKernels::syncWarp() {
  callIntrinsic("llvm.nvvm.bar.warp.sync", {i32(-1)});
}

Value GpuKernels::isAny(Value condition) {
  return callIntrinsic("llvm.nvvm.vote.any.sync", {i32(-1), condition},
                       b.getI1Type());
}

Value GpuKernels::shuffle(Value value, int32_t distance,
                          gpu::ShuffleMode mode) {
  return shuffle(value, i32(distance), mode);
}

Value GpuKernels::shuffle(Value value, Value lane, gpu::ShuffleMode mode) {
  auto move = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, loc, word, lane, i32(kWarp), mode)
        .getShuffleResult();
  };
  // Words of 32 bits are what threads exchange.
  Type type = value.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 32)
    return move(value);
  if (width < 32) {
    Type whole = b.getIntegerType(width);
    if (type != whole)
      value = arith::BitcastOp::create(b, loc, whole, value);
    value = move(arith::ExtUIOp::create(b, loc, b.getI32Type(), value));
    value = arith::TruncIOp::create(b, loc, whole, value);
    return type == whole
               ? value
               : arith::BitcastOp::create(b, loc, type, value).getResult();
  }
  Value bits = arith::BitcastOp::create(b, loc, i64Type, value);
  Value low = move(arith::TruncIOp::create(b, loc, b.getI32Type(), bits));
  Value high = move(arith::TruncIOp::create(
      b, loc, b.getI32Type(), arith::ShRUIOp::create(b, loc, bits, i64(32))));
  high = arith::ShLIOp::create(
      b, loc, arith::ExtUIOp::create(b, loc, i64Type, high), i64(32));
  low = arith::ExtUIOp::create(b, loc, i64Type, low);
  return arith::BitcastOp::create(b, loc, type,
                                  arith::OrIOp::create(b, loc, low, high));
}

Value GpuKernels::getSize(OpBuilder &, Location, unsigned dim) {
  return sizes[dim];
}
