//===-- CallBuilder.cpp - calls of the emulator ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Declares and calls the functions of Memory.cpp; builds precise versions of
/// the approximate functions.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Lowering.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

using namespace llvm;
using namespace recur::emulator;

CallBuilder::CallBuilder(llvm::Module &module)
    : module(module), i32(Type::getInt32Ty(module.getContext())),
      i64(Type::getInt64Ty(module.getContext())),
      none(Type::getVoidTy(module.getContext())),
      ptr(PointerType::get(module.getContext(), 0)) {}

Value *CallBuilder::makeSite(StringRef what, const Function &function) {
  std::string text = what.str() + " of '" + function.getName().str() + "'";
  size_t count = 1;
  for (const std::string &other : sites)
    count += StringRef(other).starts_with(text);
  sites.push_back(text + " (number " + std::to_string(count) + ")");
  return ConstantInt::get(i32, sites.size());
}

/// Pointers to all memories are plain addresses.
Value *CallBuilder::generic(IRBuilderBase &b, Value *pointer) {
  return b.CreateAddrSpaceCast(pointer, ptr);
}

/// What does not change while a thread runs can be read once.
static void setConstant(FunctionCallee callee) {
  auto *function = cast<Function>(callee.getCallee());
  function->setDoesNotAccessMemory();
  function->setDoesNotThrow();
  function->setWillReturn();
}

Value *CallBuilder::special(IRBuilderBase &b, Special which) {
  FunctionCallee callee =
      module.getOrInsertFunction("recur_emulator_special", i32, i32);
  setConstant(callee);
  return b.CreateCall(callee, b.getInt32(uint32_t(which)));
}

Value *CallBuilder::shared(IRBuilderBase &b) {
  FunctionCallee callee =
      module.getOrInsertFunction("recur_emulator_shared", ptr);
  setConstant(callee);
  return b.CreateCall(callee);
}

Value *CallBuilder::barrier(IRBuilderBase &b, Value *site, BarrierKind kind,
                            Value *number, Value *count, bool aligned,
                            bool waits, Value *predicate) {
  FunctionCallee callee = module.getOrInsertFunction(
      "recur_emulator_barrier", i32, i32, i32, i32, i32, i32, i32);
  return b.CreateCall(
      callee,
      {site, b.getInt32(uint32_t(kind)), number, count ? count : b.getInt32(0),
       b.getInt32(aligned + 2 * waits),
       predicate ? b.CreateZExtOrTrunc(predicate, i32) : b.getInt32(0)});
}

Value *CallBuilder::collective(IRBuilderBase &b, Value *site, Collective kind,
                               Value *mask, Value *value, Value *first,
                               Value *second) {
  FunctionCallee callee = module.getOrInsertFunction(
      "recur_emulator_collective", i64, i32, i32, i32, i64, i32, i32);
  return b.CreateCall(
      callee, {site, b.getInt32(uint32_t(kind)), mask,
               value ? b.CreateZExtOrTrunc(value, i64) : b.getInt64(0),
               first ? first : b.getInt32(0), second ? second : b.getInt32(0)});
}

void CallBuilder::access(IRBuilderBase &b, Value *site, Access kind,
                         Value *pointer, uint32_t bytes) {
  FunctionCallee callee = module.getOrInsertFunction("recur_emulator_access",
                                                     none, i32, i32, ptr, i32);
  b.CreateCall(callee,
               {site, b.getInt32(uint32_t(kind)),
                pointer ? generic(b, pointer) : ConstantPointerNull::get(ptr),
                b.getInt32(bytes)});
}

void CallBuilder::copy(IRBuilderBase &b, Value *site, Value *to, Value *from,
                       uint32_t bytes, Value *sourceBytes) {
  FunctionCallee callee = module.getOrInsertFunction(
      "recur_emulator_copy", none, i32, ptr, ptr, i32, i32);
  b.CreateCall(callee,
               {site, generic(b, to), generic(b, from), b.getInt32(bytes),
                sourceBytes ? b.CreateZExtOrTrunc(sourceBytes, i32)
                            : b.getInt32(bytes)});
}

void CallBuilder::commit(IRBuilderBase &b) {
  b.CreateCall(module.getOrInsertFunction("recur_emulator_commit", none));
}

void CallBuilder::wait(IRBuilderBase &b, Value *groups) {
  b.CreateCall(module.getOrInsertFunction("recur_emulator_wait", none, i32),
               b.CreateZExtOrTrunc(groups, i32));
}

void CallBuilder::checkAlignment(Instruction *before, Value *pointer,
                                 uint64_t alignment, bool writes) {
  IRBuilder<> b(before);
  Value *address = b.CreatePtrToInt(pointer, i64);
  Value *rest = b.CreateAnd(address, b.getInt64(alignment - 1));
  Value *isWrong = b.CreateICmpNE(rest, b.getInt64(0));
  Value *plain = generic(b, pointer);
  Instruction *then = SplitBlockAndInsertIfThen(
      isWrong, before->getIterator(), /*Unreachable=*/false,
      MDNode::get(module.getContext(),
                  {MDString::get(module.getContext(), "branch_weights"),
                   ConstantAsMetadata::get(b.getInt32(1)),
                   ConstantAsMetadata::get(b.getInt32(100000))}));
  b.SetInsertPoint(then);
  FunctionCallee callee = module.getOrInsertFunction(
      "recur_emulator_misaligned", none, ptr, i32, i32);
  cast<Function>(callee.getCallee())->addFnAttr(Attribute::Cold);
  b.CreateCall(callee,
               {plain, b.getInt32(uint32_t(alignment)), b.getInt32(writes)});
}

void CallBuilder::trap(CallInst &call) {
  IRBuilder<> b(&call);
  b.CreateCall(module.getOrInsertFunction("recur_emulator_trap", none, i32),
               makeSite("a trap", *call.getFunction()));
  call.eraseFromParent();
}

Value *recur::emulator::createApproximation(IRBuilderBase &b, StringRef name,
                                            Value *operand) {
  Type *type = operand->getType();
  auto id = StringSwitch<Intrinsic::ID>(name)
                .Case("ex2", Intrinsic::exp2)
                .Case("lg2", Intrinsic::log2)
                .Case("sin", Intrinsic::sin)
                .Case("cos", Intrinsic::cos)
                .Case("tanh", Intrinsic::tanh)
                .Cases({"sqrt", "rsqrt"}, Intrinsic::sqrt)
                .Default(Intrinsic::not_intrinsic);
  Value *result = operand;
  if (id != Intrinsic::not_intrinsic)
    result = b.CreateUnaryIntrinsic(id, operand);
  else if (name != "rcp")
    return nullptr;
  if (name == "rsqrt" || name == "rcp")
    result = b.CreateFDiv(ConstantFP::get(type, 1.0), result);
  return result;
}
