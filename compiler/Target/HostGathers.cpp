//===-- HostGathers.cpp - gathers that are no instruction -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Gathers and scatters that the machine has no instruction for, such as those
/// of 16-bit floats. The back end would make a branch and a block for every
/// lane: a kernel with strided bf16 arguments has a hundred of them, and more
/// than half of a compilation goes there.
///
/// Narrow integers are gathered as the aligned words that hold them, which lie
/// in the same page. The rest become loops over the set bits of the mask, whose
/// lanes pass through memory on the stack.
//===----------------------------------------------------------------------===//

#include "compiler/Target/HostGathers.h"

#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

using namespace llvm;

namespace {
/// A gather or a scatter.
struct Access {
  explicit Access(IntrinsicInst &call)
      : call(call), isGather(call.getIntrinsicID() == Intrinsic::masked_gather),
        pointers(call.getArgOperand(isGather ? 0 : 1)),
        mask(call.getArgOperand(isGather ? 1 : 2)),
        value(call.getArgOperand(isGather ? 2 : 0)),
        type(cast<FixedVectorType>(value->getType())),
        alignment(call.getParamAlign(isGather ? 0 : 1).valueOrOne()) {}

  /// Whether an instruction gathers words instead of these elements.
  bool fitsWords(const TargetTransformInfo &machine) const {
    Type *element = type->getElementType();
    return isGather && (element->isIntegerTy(8) || element->isIntegerTy(16)) &&
           isInstruction(machine, getWords(), Align(4));
  }
  /// Whether the back end makes branches of it. One of all lanes becomes
  /// straight code, and masks are words here.
  bool needsLoop(const TargetTransformInfo &machine) const {
    auto *constant = dyn_cast<Constant>(mask);
    return type->getNumElements() <= 64 &&
           !(constant && constant->isAllOnesValue()) &&
           !isInstruction(machine, type, alignment);
  }
  FixedVectorType *getWords() const {
    return FixedVectorType::get(Type::getInt32Ty(call.getContext()),
                                type->getNumElements());
  }

  IntrinsicInst &call;
  bool isGather;
  Value *pointers, *mask, *value; // of a gather: what other lanes hold
  FixedVectorType *type;
  Align alignment;

private:
  bool isInstruction(const TargetTransformInfo &machine, FixedVectorType *of,
                     Align aligned) const {
    return isGather ? machine.isLegalMaskedGather(of, aligned) &&
                          !machine.forceScalarizeMaskedGather(of, aligned)
                    : machine.isLegalMaskedScatter(of, aligned) &&
                          !machine.forceScalarizeMaskedScatter(of, aligned);
  }
};

class Expansion {
public:
  explicit Expansion(Function &function) : function(function) {}

  void toWords(const Access &gather);
  void toLoop(const Access &access);

private:
  /// A place on the stack that all accesses with this type use in turn.
  Value *getPlace(Type *type) {
    AllocaInst *&place = places[type];
    if (!place) {
      BasicBlock &entry = function.getEntryBlock();
      IRBuilder<> builder(&entry, entry.begin());
      place = builder.CreateAlloca(type);
      place->setAlignment(Align(64));
    }
    return place;
  }

  Function &function;
  DenseMap<Type *, AllocaInst *> places;
};
} // namespace

void Expansion::toWords(const Access &gather) {
  IRBuilder<> builder(&gather.call);
  FixedVectorType *words = gather.getWords();
  Value *addresses = builder.CreatePtrToInt(
      gather.pointers,
      FixedVectorType::get(builder.getInt64Ty(), words->getNumElements()));
  auto splat = [&](int64_t value) {
    return ConstantInt::get(addresses->getType(), value);
  };
  Value *word = builder.CreateMaskedGather(
      words,
      builder.CreateIntToPtr(builder.CreateAnd(addresses, splat(-4)),
                             gather.pointers->getType()),
      Align(4), gather.mask, Constant::getNullValue(words));
  Value *bits = builder.CreateTrunc(
      builder.CreateShl(builder.CreateAnd(addresses, splat(3)), splat(3)),
      words);
  Value *narrow =
      builder.CreateTrunc(builder.CreateLShr(word, bits), gather.type);
  gather.call.replaceAllUsesWith(
      builder.CreateSelect(gather.mask, narrow, gather.value));
  gather.call.eraseFromParent();
}

void Expansion::toLoop(const Access &access) {
  IRBuilder<> builder(&access.call);
  unsigned lanes = access.type->getNumElements();
  Type *element = access.type->getElementType();
  Type *word = lanes > 32 ? builder.getInt64Ty() : builder.getInt32Ty();
  Value *pointers = getPlace(access.pointers->getType());
  Value *values = getPlace(access.type);
  builder.CreateStore(access.pointers, pointers);
  builder.CreateStore(access.value, values);
  Value *all = builder.CreateZExt(
      builder.CreateBitCast(access.mask, builder.getIntNTy(lanes)), word);

  BasicBlock *before = access.call.getParent();
  BasicBlock *after = SplitBlock(before, &access.call);
  BasicBlock *loop =
      BasicBlock::Create(function.getContext(), "", &function, after);
  auto isEmpty = [&](Value *set) { return builder.CreateIsNull(set); };
  before->getTerminator()->eraseFromParent();
  builder.SetInsertPoint(before);
  builder.CreateCondBr(isEmpty(all), after, loop);

  builder.SetInsertPoint(loop);
  PHINode *rest = builder.CreatePHI(word, 2);
  Value *lane = builder.CreateZExt(
      builder.CreateBinaryIntrinsic(Intrinsic::cttz, rest, builder.getTrue()),
      builder.getInt64Ty());
  Value *pointer = builder.CreateLoad(
      builder.getPtrTy(),
      builder.CreateInBoundsGEP(builder.getPtrTy(), pointers, lane));
  Value *slot = builder.CreateInBoundsGEP(element, values, lane);
  Value *from = access.isGather ? pointer : slot;
  Value *to = access.isGather ? slot : pointer;
  Align natural = function.getDataLayout().getABITypeAlign(element);
  Value *moved = builder.CreateAlignedLoad(
      element, from, access.isGather ? access.alignment : natural);
  builder.CreateAlignedStore(moved, to,
                             access.isGather ? natural : access.alignment);
  Value *next = builder.CreateAnd(
      rest, builder.CreateSub(rest, ConstantInt::get(word, 1)));
  builder.CreateCondBr(isEmpty(next), after, loop);
  rest->addIncoming(all, before);
  rest->addIncoming(next, loop);

  if (access.isGather) {
    builder.SetInsertPoint(&access.call);
    access.call.replaceAllUsesWith(builder.CreateLoad(access.type, values));
  }
  access.call.eraseFromParent();
}

void recur::expandGathers(Module &module, const TargetMachine &machine) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    TargetTransformInfo info = machine.getTargetTransformInfo(function);
    SmallVector<IntrinsicInst *> calls;
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<IntrinsicInst>(&instruction))
        if (call->getIntrinsicID() == Intrinsic::masked_gather ||
            call->getIntrinsicID() == Intrinsic::masked_scatter)
          calls.push_back(call);
    Expansion expansion(function);
    for (IntrinsicInst *call : calls) {
      Access access(*call);
      if (access.fitsWords(info))
        expansion.toWords(access);
      else if (access.needsLoop(info))
        expansion.toLoop(access);
    }
  }
}
