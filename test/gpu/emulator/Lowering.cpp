//===-- Lowering.cpp - GPU LLVM IR to calls -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Intrinsics of NVVM, atomics, shared memory, and the kernels' entries.
/// Address spaces stay in the types: on the host they are all the same memory.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Lowering.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/IR/Verifier.h"

using namespace llvm;
using namespace recur::emulator;

/// The address space of shared memory.
static constexpr unsigned kShared = 3;

namespace {
/// Rewrites the intrinsics of one function.
class IntrinsicLowering {
public:
  IntrinsicLowering(CallBuilder &calls) : calls(calls) {}

  /// Replaces `call` of `llvm.nvvm.<name>`; false if nothing is known of it.
  bool lower(CallInst &call, StringRef name);

private:
  Value *lowerSpecial(StringRef name);
  Value *lowerBarrier(StringRef name);
  Value *lowerShuffle(StringRef name);
  Value *lowerVote(StringRef name);
  Value *lowerReduction(StringRef name);
  Value *lowerCopy(StringRef name);
  Value *lowerMath(StringRef name);

  Value *operand(unsigned number) { return call->getArgOperand(number); }
  Value *site(StringRef name) {
    return calls.makeSite(name, *call->getFunction());
  }
  /// For intrinsics without a result.
  Value *done() { return PoisonValue::get(b->getInt32Ty()); }

  CallBuilder &calls;
  CallInst *call = nullptr;
  IRBuilder<> *b = nullptr;
};
} // namespace

bool IntrinsicLowering::lower(CallInst &now, StringRef name) {
  IRBuilder<> builder(&now);
  call = &now;
  b = &builder;
  Value *result = nullptr;
  if (StringRef rest = name; rest.consume_front("read.ptx.sreg."))
    result = lowerSpecial(rest);
  else if (name.starts_with("barrier"))
    result = lowerBarrier(name);
  else if (name.starts_with("shfl.sync."))
    result = lowerShuffle(name);
  else if (name.starts_with("vote.") || name.starts_with("match.any.sync") ||
           name == "elect.sync" || name == "bar.warp.sync")
    result = lowerVote(name);
  else if (name.starts_with("redux.sync."))
    result = lowerReduction(name);
  else if (name.starts_with("cp.async."))
    result = lowerCopy(name);
  else if (name.starts_with("membar.") || name.starts_with("fence.")) {
    calls.access(builder, site(name), Access::Fence);
    result = done();
  } else if (name == "nanosleep") {
    calls.access(builder, site(name), Access::Pause);
    result = done();
  } else if (name.starts_with("prefetch") || name.starts_with("griddepcontrol"))
    result = done();
  else
    result = lowerMath(name);
  if (!result)
    return false;
  if (!now.getType()->isVoidTy()) {
    if (result->getType() != now.getType() && !now.getType()->isStructTy())
      result = result->getType()->isIntegerTy() && now.getType()->isIntegerTy()
                   ? builder.CreateZExtOrTrunc(result, now.getType())
                   : builder.CreateBitCast(result, now.getType());
    now.replaceAllUsesWith(result);
  }
  now.eraseFromParent();
  return true;
}

Value *IntrinsicLowering::lowerSpecial(StringRef name) {
  auto special = StringSwitch<std::optional<Special>>(name)
                     .Case("tid.x", Special::ThreadX)
                     .Case("tid.y", Special::ThreadY)
                     .Case("tid.z", Special::ThreadZ)
                     .Case("ntid.x", Special::ThreadsX)
                     .Case("ntid.y", Special::ThreadsY)
                     .Case("ntid.z", Special::ThreadsZ)
                     .Case("ctaid.x", Special::BlockX)
                     .Case("ctaid.y", Special::BlockY)
                     .Case("ctaid.z", Special::BlockZ)
                     .Case("nctaid.x", Special::BlocksX)
                     .Case("nctaid.y", Special::BlocksY)
                     .Case("nctaid.z", Special::BlocksZ)
                     .Case("laneid", Special::Lane)
                     .Case("warpid", Special::Warp)
                     .Case("nwarpid", Special::Warps)
                     .Case("smid", Special::Processor)
                     .Case("nsmid", Special::Processors)
                     .Default(std::nullopt);
  if (special)
    return calls.special(*b, *special);
  if (name == "warpsize")
    return b->getInt32(32);
  if (name.consume_front("lanemask.")) {
    Value *bit = b->CreateShl(b->getInt32(1), calls.special(*b, Special::Lane));
    Value *below = b->CreateSub(bit, b->getInt32(1));
    return name == "eq"   ? bit
           : name == "lt" ? below
           : name == "le" ? b->CreateOr(below, bit)
           : name == "ge" ? b->CreateNot(below)
                          : b->CreateNot(b->CreateOr(below, bit));
  }
  return nullptr;
}

Value *IntrinsicLowering::lowerBarrier(StringRef name) {
  Value *zero = b->getInt32(0);
  if (name == "barrier0")
    return calls.barrier(*b, site(name), BarrierKind::Plain, zero, nullptr,
                         true);
  StringRef rest = name;
  bool legacy = rest.consume_front("barrier0.");
  if (!legacy && !rest.consume_front("barrier.cta."))
    return nullptr;
  auto kind = BarrierKind::Plain;
  bool waits = true, reduces = legacy || rest.consume_front("red.");
  if (reduces) {
    auto [word, after] = rest.split('.');
    kind = word == "popc"  ? BarrierKind::Count
           : word == "and" ? BarrierKind::And
                           : BarrierKind::Or;
    rest = after;
  } else if (rest.consume_front("arrive."))
    waits = false;
  else if (!rest.consume_front("sync."))
    return nullptr;
  bool aligned = legacy || rest.consume_front("aligned.");
  Value *number = legacy ? zero : operand(0);
  unsigned next = legacy ? 0 : 1;
  Value *count = rest == "count" ? operand(next++) : nullptr;
  Value *predicate = reduces ? operand(next) : nullptr;
  if (predicate && !predicate->getType()->isIntegerTy(1))
    predicate = b->CreateIsNotNull(predicate);
  return calls.barrier(*b, site(name), kind, number, count, aligned, waits,
                       predicate);
}

Value *IntrinsicLowering::lowerShuffle(StringRef name) {
  StringRef rest = name;
  rest.consume_front("shfl.sync.");
  auto [mode, type] = rest.split('.');
  auto kind = StringSwitch<Collective>(mode)
                  .Case("up", Collective::ShuffleUp)
                  .Case("down", Collective::ShuffleDown)
                  .Case("bfly", Collective::ShuffleXor)
                  .Default(Collective::ShuffleIndex);
  Value *value = b->CreateBitCast(operand(1), b->getInt32Ty());
  Value *packed = calls.collective(*b, site(name), kind, operand(0), value,
                                   operand(2), operand(3));
  Value *bits = b->CreateTrunc(packed, b->getInt32Ty());
  Value *result = b->CreateBitCast(bits, operand(1)->getType());
  if (!type.ends_with("p"))
    return result;
  Value *inRange = b->CreateTrunc(b->CreateLShr(packed, 32), b->getInt1Ty());
  Value *pair = PoisonValue::get(call->getType());
  pair = b->CreateInsertValue(pair, result, 0);
  return b->CreateInsertValue(pair, inRange, 1);
}

Value *IntrinsicLowering::lowerVote(StringRef name) {
  if (name == "bar.warp.sync")
    return calls.collective(*b, site(name), Collective::Sync, operand(0));
  if (name == "elect.sync") {
    Value *packed =
        calls.collective(*b, site(name), Collective::Elect, operand(0));
    Value *pair = PoisonValue::get(call->getType());
    pair =
        b->CreateInsertValue(pair, b->CreateTrunc(packed, b->getInt32Ty()), 0);
    return b->CreateInsertValue(
        pair, b->CreateTrunc(b->CreateLShr(packed, 32), b->getInt1Ty()), 1);
  }
  auto kind = StringSwitch<std::optional<Collective>>(name)
                  .Case("vote.all.sync", Collective::All)
                  .Case("vote.any.sync", Collective::Any)
                  .Case("vote.uni.sync", Collective::Uniform)
                  .Case("vote.ballot.sync", Collective::Ballot)
                  .StartsWith("match.any.sync", Collective::MatchAny)
                  .Default(std::nullopt);
  if (!kind)
    return nullptr;
  return calls.collective(*b, site(name), *kind, operand(0), operand(1));
}

Value *IntrinsicLowering::lowerReduction(StringRef name) {
  auto kind = StringSwitch<std::optional<Collective>>(name)
                  .Case("redux.sync.add", Collective::Add)
                  .Case("redux.sync.min", Collective::MinSigned)
                  .Case("redux.sync.max", Collective::MaxSigned)
                  .Case("redux.sync.umin", Collective::MinUnsigned)
                  .Case("redux.sync.umax", Collective::MaxUnsigned)
                  .Case("redux.sync.and", Collective::And)
                  .Case("redux.sync.or", Collective::Or)
                  .Case("redux.sync.xor", Collective::Xor)
                  .Default(std::nullopt);
  return kind ? calls.collective(*b, site(name), *kind, operand(1), operand(0))
              : nullptr;
}

Value *IntrinsicLowering::lowerCopy(StringRef name) {
  if (name == "cp.async.commit.group") {
    calls.commit(*b);
    return done();
  }
  if (name == "cp.async.wait.group") {
    calls.wait(*b, operand(0));
    return done();
  }
  if (name == "cp.async.wait.all") {
    calls.commit(*b);
    calls.wait(*b, b->getInt32(0));
    return done();
  }
  StringRef rest = name;
  uint32_t bytes;
  if (!(rest.consume_front("cp.async.ca.shared.global.") ||
        rest.consume_front("cp.async.cg.shared.global.")) ||
      rest.consumeInteger(10, bytes))
    return nullptr;
  calls.copy(*b, site(name), operand(0), operand(1), bytes,
             rest == ".s" ? operand(2) : nullptr);
  return done();
}

Value *IntrinsicLowering::lowerMath(StringRef name) {
  auto [function, mode] = name.split('.');
  if (name == "reflect")
    return b->getInt32(0);
  if (mode.starts_with("approx") || mode.starts_with("rn") || name == "sqrt.f")
    if (call->arg_size() == 1)
      return createApproximation(*b, function, operand(0));
  if (mode.starts_with("approx") && function == "div")
    return b->CreateFDiv(operand(0), operand(1));
  if (function == "fma" && mode.starts_with("rn"))
    return b->CreateIntrinsic(Intrinsic::fma, {operand(0)->getType()},
                              {operand(0), operand(1), operand(2)});
  if (call->arg_size() == 2 && (mode.starts_with("rn") || mode == "f" ||
                                mode == "ftz.f" || mode == "d")) {
    if (function == "add")
      return b->CreateFAdd(operand(0), operand(1));
    if (function == "mul")
      return b->CreateFMul(operand(0), operand(1));
    if (function == "div")
      return b->CreateFDiv(operand(0), operand(1));
    if (function == "fmin")
      return b->CreateMinNum(operand(0), operand(1));
    if (function == "fmax")
      return b->CreateMaxNum(operand(0), operand(1));
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Lets others run before accesses that they could notice, and checks the
/// alignment that GPUs insist on.
static void lowerMemory(Instruction &instruction, CallBuilder &calls) {
  IRBuilder<> b(&instruction);
  const DataLayout &layout = instruction.getDataLayout();
  Function &function = *instruction.getFunction();
  auto check = [&](Value *pointer, Align alignment, bool writes) {
    if (alignment.value() > 1)
      calls.checkAlignment(&instruction, pointer, alignment.value(), writes);
  };
  if (auto *load = dyn_cast<LoadInst>(&instruction)) {
    uint32_t bytes = uint32_t(layout.getTypeStoreSize(load->getType()));
    if (load->isAtomic() || load->isVolatile()) {
      calls.access(b,
                   calls.makeSite(load->isAtomic() ? "an atomic load"
                                                   : "a volatile load",
                                  function),
                   Access::Load, load->getPointerOperand(), bytes);
      load->setAtomic(AtomicOrdering::NotAtomic);
      load->setVolatile(true);
    }
    check(load->getPointerOperand(), load->getAlign(), false);
  } else if (auto *store = dyn_cast<StoreInst>(&instruction)) {
    uint32_t bytes =
        uint32_t(layout.getTypeStoreSize(store->getValueOperand()->getType()));
    if (store->isAtomic() || store->isVolatile()) {
      calls.access(b,
                   calls.makeSite(store->isAtomic() ? "an atomic store"
                                                    : "a volatile store",
                                  function),
                   Access::Store, store->getPointerOperand(), bytes);
      store->setAtomic(AtomicOrdering::NotAtomic);
      store->setVolatile(true);
    }
    check(store->getPointerOperand(), store->getAlign(), true);
  } else if (auto *update = dyn_cast<AtomicRMWInst>(&instruction)) {
    calls.access(b, calls.makeSite("an atomic update", function),
                 Access::Update, update->getPointerOperand(),
                 uint32_t(layout.getTypeStoreSize(update->getType())));
    update->setSyncScopeID(SyncScope::System);
    update->setOrdering(AtomicOrdering::SequentiallyConsistent);
    check(update->getPointerOperand(), update->getAlign(), true);
  } else if (auto *swap = dyn_cast<AtomicCmpXchgInst>(&instruction)) {
    calls.access(
        b, calls.makeSite("an atomic compare-and-swap", function),
        Access::Update, swap->getPointerOperand(),
        uint32_t(layout.getTypeStoreSize(swap->getNewValOperand()->getType())));
    swap->setSyncScopeID(SyncScope::System);
    check(swap->getPointerOperand(), swap->getAlign(), true);
  } else if (isa<FenceInst>(instruction)) {
    calls.access(b, calls.makeSite("a fence", function), Access::Fence);
    instruction.eraseFromParent();
  } else if (Type *type = instruction.getType();
             isa<FPTruncInst>(instruction) &&
             type->getScalarType()->isBFloatTy()) {
    // The host may lack both the instruction and the library's function.
    Value *wide = b.CreateFPTrunc(instruction.getOperand(0),
                                  type->getWithNewType(b.getFloatTy()));
    Type *word = type->getWithNewType(b.getInt32Ty());
    auto constant = [&](uint64_t value) {
      return ConstantInt::get(word, value);
    };
    Value *bits = b.CreateBitCast(wide, word);
    Value *high = b.CreateLShr(bits, constant(16));
    Value *odd = b.CreateAnd(high, constant(1));
    Value *rounded = b.CreateAdd(bits, b.CreateAdd(odd, constant(0x7fff)));
    Value *half = b.CreateSelect(b.CreateFCmpUNO(wide, wide),
                                 b.CreateOr(high, constant(0x40)),
                                 b.CreateLShr(rounded, constant(16)));
    half = b.CreateTrunc(half, type->getWithNewType(b.getInt16Ty()));
    half = b.CreateBitCast(half, type);
    instruction.replaceAllUsesWith(half);
    instruction.eraseFromParent();
  }
}

/// Gives the variables in shared memory that each kernel uses their places,
/// those of unknown size where the others end.
static Error placeShared(llvm::Module &module, CallBuilder &calls,
                         std::vector<Kernel> &kernels) {
  const DataLayout &layout = module.getDataLayout();
  SmallVector<GlobalVariable *> variables;
  for (GlobalVariable &variable : module.globals())
    if (variable.getAddressSpace() == kShared)
      variables.push_back(&variable);
  auto isDynamic = [&](GlobalVariable *variable) {
    return layout.getTypeAllocSize(variable->getValueType()) == 0;
  };
  stable_sort(variables, [&](GlobalVariable *x, GlobalVariable *y) {
    return isDynamic(x) < isDynamic(y);
  });
  for (GlobalVariable *variable : variables) {
    convertUsersOfConstantsToInstructions({variable});
    Align align = std::max(variable->getAlign().valueOrOne(),
                           layout.getABITypeAlign(variable->getValueType()));
    DenseMap<Function *, Value *> addresses;
    for (Use &use : make_early_inc_range(variable->uses())) {
      auto *user = dyn_cast<Instruction>(use.getUser());
      auto kernel =
          user ? find_if(kernels,
                         [&](const Kernel &each) {
                           return user->getFunction()->getName() == each.name;
                         })
               : kernels.end();
      if (kernel == kernels.end())
        return createStringError("shared variable '" + variable->getName() +
                                 "' is used outside kernels");
      Value *&address = addresses[user->getFunction()];
      if (!address) {
        size_t begin = alignTo(kernel->sharedBytes, align);
        kernel->sharedBytes =
            begin + layout.getTypeAllocSize(variable->getValueType());
        kernel->sharedAlignment =
            std::max<size_t>(kernel->sharedAlignment, align.value());
        BasicBlock &entry = user->getFunction()->getEntryBlock();
        IRBuilder<> b(&entry, entry.begin());
        Value *base = b.CreatePtrAdd(calls.shared(b), b.getInt64(begin));
        address = b.CreateAddrSpaceCast(base, variable->getType());
      }
      use.set(address);
    }
    variable->eraseFromParent();
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

static Error lowerBody(Function &function, CallBuilder &calls) {
  SmallVector<Instruction *> all;
  for (Instruction &instruction : instructions(function))
    all.push_back(&instruction);
  IntrinsicLowering intrinsics(calls);
  for (Instruction *instruction : all) {
    auto *call = dyn_cast<CallInst>(instruction);
    if (!call) {
      lowerMemory(*instruction, calls);
      continue;
    }
    if (call->isInlineAsm()) {
      if (Error error = lowerInlinePtx(*call, calls))
        return error;
      continue;
    }
    Function *callee = call->getCalledFunction();
    if (!callee)
      return createStringError("'" + function.getName() +
                               "' calls a function by its address");
    StringRef name = callee->getName();
    if (name.consume_front("llvm.nvvm.")) {
      if (!intrinsics.lower(*call, name))
        return createStringError("the emulator does not know '" +
                                 callee->getName() + "', which '" +
                                 function.getName() + "' calls");
    } else if (callee->getIntrinsicID() == Intrinsic::trap)
      calls.trap(*call);
    else if (callee->isDeclaration() && !callee->isIntrinsic())
      return createStringError("'" + function.getName() + "' calls '" + name +
                               "', which nothing defines");
  }
  return Error::success();
}

/// void entry(words): calls the kernel.
static Error createEntry(Function &kernel) {
  llvm::Module &module = *kernel.getParent();
  LLVMContext &context = module.getContext();
  auto *ptr = PointerType::get(context, 0);
  auto *type = FunctionType::get(Type::getVoidTy(context), {ptr}, false);
  auto *entry = Function::Create(type, GlobalValue::ExternalLinkage,
                                 kEntryPrefix + kernel.getName(), module);
  IRBuilder<> b(BasicBlock::Create(context, "entry", entry));
  SmallVector<Value *> arguments;
  for (Argument &argument : kernel.args()) {
    Type *wanted = argument.getType();
    if (!wanted->isPointerTy() && !wanted->isIntegerTy() &&
        !wanted->isFloatingPointTy())
      return createStringError("parameter " + Twine(argument.getArgNo()) +
                               " of '" + kernel.getName() +
                               "' is neither a number nor a pointer");
    Value *address = b.CreateConstGEP1_64(b.getInt64Ty(), entry->getArg(0),
                                          argument.getArgNo());
    arguments.push_back(b.CreateAlignedLoad(wanted, address, Align(8)));
  }
  b.CreateCall(&kernel, arguments);
  b.CreateRetVoid();
  return Error::success();
}

Expected<std::vector<Kernel>> recur::emulator::lower(llvm::Module &module) {
  CallBuilder calls(module);
  SmallVector<Function *> functions, kernels;
  for (Function &function : module)
    if (!function.isDeclaration())
      functions.push_back(&function);
  for (Function *function : functions) {
    if (function->getCallingConv() == CallingConv::PTX_Kernel)
      kernels.push_back(function);
    if (Error error = lowerBody(*function, calls))
      return error;
    function->setCallingConv(CallingConv::C);
  }
  std::vector<Kernel> result;
  for (Function *function : kernels) {
    Kernel kernel;
    kernel.name = function->getName().str();
    if (Attribute known = function->getFnAttribute("nvvm.maxntid");
        known.isStringAttribute()) {
      SmallVector<StringRef> sizes;
      known.getValueAsString().split(sizes, ',');
      kernel.maxThreads = 1;
      for (StringRef text : sizes) {
        uint32_t size = 1;
        text.trim().getAsInteger(10, size);
        kernel.maxThreads *= size;
      }
    }
    result.push_back(std::move(kernel));
  }
  if (Error error = placeShared(module, calls, result))
    return error;
  for (Function *function : kernels) {
    if (Error error = createEntry(*function))
      return error;
    function->setLinkage(GlobalValue::InternalLinkage);
    // What is said of the parameters stays: reordering that it allows must
    // show here too.
    function->setAttributes(
        function->getAttributes().removeFnAttributes(module.getContext()));
  }
  for (Kernel &kernel : result)
    kernel.sites = calls.sites;
  if (NamedMDNode *annotations = module.getNamedMetadata("nvvm.annotations"))
    annotations->eraseFromParent();
  std::string broken;
  raw_string_ostream os(broken);
  if (verifyModule(module, &os))
    return createStringError("the emulator made invalid IR: " + broken);
  return result;
}
