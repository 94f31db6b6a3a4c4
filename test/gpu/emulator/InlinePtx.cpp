//===-- InlinePtx.cpp - inline PTX to LLVM IR -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads the statements of an inline assembly and builds what they do. Knows
/// the forms that kernels use inline PTX for: ordered, vector and hinted memory
/// accesses, atomics, collectives, asynchronous copies, conversions,
/// approximations, and the moves and sums around them.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Lowering.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

using namespace llvm;
using namespace recur::emulator;

namespace {
/// The type at the end of an opcode: `f32`, `b64`, `pred`, `bf16x2`.
struct PtxType {
  char kind = 0; // f, b, s, u, p(redicate), h (bf16)
  unsigned bits = 0;

  static PtxType parse(StringRef text) {
    if (text == "pred")
      return {'p', 1};
    if (text == "bf16")
      return {'h', 16};
    if (text == "bf16x2" || text == "f16x2")
      return {'b', 32};
    PtxType type;
    unsigned bits;
    if (text.size() > 1 && StringRef("fbsu").contains(text[0]) &&
        !text.drop_front().getAsInteger(10, bits))
      type = {text[0], bits};
    return type;
  }
  explicit operator bool() const { return kind; }
  bool isFloat() const { return kind == 'f' || kind == 'h'; }
};

class PtxLowering {
public:
  PtxLowering(CallInst &call, CallBuilder &calls)
      : call(call), calls(calls), b(&call) {}

  Error run();

private:
  Error runStatement(StringRef statement);
  bool runOpcode();
  bool runLoad();
  bool runStore();
  bool runAtomic();
  bool runCopy();
  bool runCollective();
  bool runArithmetic();
  bool runConversion();

  // Operands.
  AllocaInst *makeSlot(unsigned bits);
  AllocaInst *findSlot(StringRef operand);
  Value *read(StringRef operand, unsigned bits);
  Value *read(StringRef operand, PtxType type);
  bool write(StringRef operand, Value *value);
  Value *address(StringRef operand);
  Type *irType(PtxType type);
  bool has(StringRef part) const { return is_contained(parts, part); }
  Value *site() { return calls.makeSite(opcode, *call.getFunction()); }
  bool ordered() const {
    return has("relaxed") || has("acquire") || has("release") ||
           has("acq_rel") || has("volatile");
  }

  CallInst &call;
  CallBuilder &calls;
  IRBuilder<> b;
  SmallVector<AllocaInst *> outputs;
  SmallVector<Value *> inputs;
  StringMap<AllocaInst *> registers;
  StringRef opcode;
  SmallVector<StringRef> parts; // of the opcode
  SmallVector<StringRef> operands;
  PtxType type;
};
} // namespace

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

AllocaInst *PtxLowering::makeSlot(unsigned bits) {
  BasicBlock &entry = call.getFunction()->getEntryBlock();
  IRBuilder<> begin(&entry, entry.begin());
  return begin.CreateAlloca(begin.getIntNTy(bits));
}

AllocaInst *PtxLowering::findSlot(StringRef operand) {
  unsigned number;
  if (operand.consume_front("$")) {
    operand.consume_front("{");
    operand.consume_back("}");
    return !operand.getAsInteger(10, number) && number < outputs.size()
               ? outputs[number]
               : nullptr;
  }
  return registers.lookup(operand);
}

Type *PtxLowering::irType(PtxType wanted) {
  if (wanted.kind == 'h')
    return b.getBFloatTy();
  if (wanted.kind == 'f')
    return wanted.bits == 16   ? b.getHalfTy()
           : wanted.bits == 32 ? b.getFloatTy()
                               : b.getDoubleTy();
  return b.getIntNTy(wanted.bits);
}

/// Null if the operand is not a number.
Value *PtxLowering::read(StringRef operand, unsigned bits) {
  if (AllocaInst *slot = findSlot(operand))
    return b.CreateZExtOrTrunc(b.CreateLoad(slot->getAllocatedType(), slot),
                               b.getIntNTy(bits));
  StringRef text = operand;
  unsigned number;
  if (text.consume_front("$")) {
    text.consume_front("{");
    text.consume_back("}");
    if (text.getAsInteger(10, number) ||
        number - outputs.size() >= inputs.size())
      return nullptr;
    Value *value = inputs[number - outputs.size()];
    if (value->getType()->isPointerTy())
      value = b.CreatePtrToInt(value, b.getInt64Ty());
    else
      value = b.CreateBitCast(
          value, b.getIntNTy(value->getType()->getPrimitiveSizeInBits()));
    return b.CreateZExtOrTrunc(value, b.getIntNTy(bits));
  }
  if (text.consume_front("%")) {
    auto special = StringSwitch<std::optional<Special>>(text)
                       .Case("laneid", Special::Lane)
                       .Case("tid.x", Special::ThreadX)
                       .Case("ntid.x", Special::ThreadsX)
                       .Case("ctaid.x", Special::BlockX)
                       .Case("nctaid.x", Special::BlocksX)
                       .Case("smid", Special::Processor)
                       .Default(std::nullopt);
    return special ? b.CreateZExtOrTrunc(calls.special(b, *special),
                                         b.getIntNTy(bits))
                   : nullptr;
  }
  APInt value(64, 0);
  uint64_t plain;
  int64_t negative;
  if ((text.consume_front("0f") || text.consume_front("0d") ||
       text.consume_front("0F") || text.consume_front("0D"))) {
    if (text.getAsInteger(16, plain))
      return nullptr;
  } else if (text.starts_with("-")) {
    if (text.getAsInteger(0, negative))
      return nullptr;
    plain = uint64_t(negative);
  } else {
    text.consume_back("U");
    if (text.getAsInteger(0, plain))
      return nullptr;
  }
  return b.CreateZExtOrTrunc(b.getInt64(plain), b.getIntNTy(bits));
}

Value *PtxLowering::read(StringRef operand, PtxType wanted) {
  Value *value = read(operand, wanted.bits);
  return value && wanted.isFloat() ? b.CreateBitCast(value, irType(wanted))
                                   : value;
}

bool PtxLowering::write(StringRef operand, Value *value) {
  if (operand == "_")
    return true;
  AllocaInst *slot = findSlot(operand);
  if (!slot)
    return false;
  if (value->getType()->isPointerTy())
    value = b.CreatePtrToInt(value, b.getInt64Ty());
  else if (!value->getType()->isIntegerTy())
    value = b.CreateBitCast(
        value, b.getIntNTy(value->getType()->getPrimitiveSizeInBits()));
  b.CreateStore(b.CreateZExtOrTrunc(value, slot->getAllocatedType()), slot);
  return true;
}

/// `[x]` or `[x + 16]`; x may be an address of 32 bits in shared memory.
Value *PtxLowering::address(StringRef operand) {
  if (!operand.consume_front("[") || !operand.consume_back("]"))
    return nullptr;
  auto [base, offset] = operand.split('+');
  Value *value = read(base.trim(), 64);
  if (!value)
    return nullptr;
  int64_t bytes = 0;
  if (!offset.empty() && offset.trim().getAsInteger(0, bytes))
    return nullptr;
  return b.CreateIntToPtr(b.CreateAdd(value, b.getInt64(bytes)), b.getPtrTy());
}

/// The elements of `{a, b}`, or the operand itself.
static SmallVector<StringRef> getElements(StringRef operand) {
  SmallVector<StringRef> elements;
  if (operand.consume_front("{") && operand.consume_back("}")) {
    operand.split(elements, ',');
    for (StringRef &element : elements)
      element = element.trim();
  } else {
    elements.push_back(operand);
  }
  return elements;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

bool PtxLowering::runLoad() {
  Value *pointer = address(operands[1]);
  SmallVector<StringRef> elements = getElements(operands[0]);
  if (!pointer || !type)
    return false;
  uint32_t bytes = type.bits / 8, all = bytes * uint32_t(elements.size());
  if (ordered())
    calls.access(b, site(), Access::Load, pointer, all);
  calls.checkAlignment(&*b.GetInsertPoint(), pointer, all, false);
  b.SetInsertPoint(b.GetInsertPoint()->getParent(), b.GetInsertPoint());
  for (auto [i, element] : enumerate(elements)) {
    Value *from = b.CreateConstGEP1_64(b.getInt8Ty(), pointer, i * bytes);
    Value *value = b.CreateAlignedLoad(b.getIntNTy(type.bits), from,
                                       Align(bytes), /*isVolatile=*/ordered());
    if (type.kind == 's') // registers may be wider
      if (AllocaInst *slot = findSlot(element);
          slot && slot->getAllocatedType()->getIntegerBitWidth() > type.bits)
        value = b.CreateSExt(value, slot->getAllocatedType());
    if (!write(element, value))
      return false;
  }
  return true;
}

bool PtxLowering::runStore() {
  Value *pointer = address(operands[0]);
  SmallVector<StringRef> elements = getElements(operands[1]);
  if (!pointer || !type)
    return false;
  uint32_t bytes = type.bits / 8, all = bytes * uint32_t(elements.size());
  if (ordered())
    calls.access(b, site(), Access::Store, pointer, all);
  calls.checkAlignment(&*b.GetInsertPoint(), pointer, all, true);
  b.SetInsertPoint(b.GetInsertPoint()->getParent(), b.GetInsertPoint());
  for (auto [i, element] : enumerate(elements)) {
    Value *value = read(element, type.bits);
    if (!value)
      return false;
    Value *to = b.CreateConstGEP1_64(b.getInt8Ty(), pointer, i * bytes);
    b.CreateAlignedStore(value, to, Align(bytes), /*isVolatile=*/ordered());
  }
  return true;
}

bool PtxLowering::runAtomic() {
  bool returns = parts[0] == "atom";
  Value *pointer = address(operands[returns ? 1 : 0]);
  unsigned next = returns ? 2 : 1;
  if (!pointer || !type || operands.size() <= next)
    return false;
  uint32_t bytes = type.bits / 8;
  calls.access(b, site(), Access::Update, pointer, bytes);
  calls.checkAlignment(&*b.GetInsertPoint(), pointer, bytes, true);
  b.SetInsertPoint(b.GetInsertPoint()->getParent(), b.GetInsertPoint());
  // Threads are left at the emulator's calls only: plain accesses do.
  Value *old = b.CreateAlignedLoad(irType(type), pointer, Align(bytes), true);
  Value *x = read(operands[next], type), *result = nullptr;
  if (!x)
    return false;
  if (has("add"))
    result = type.isFloat() ? b.CreateFAdd(old, x) : b.CreateAdd(old, x);
  else if (has("exch"))
    result = x;
  else if (has("and"))
    result = b.CreateAnd(old, x);
  else if (has("or"))
    result = b.CreateOr(old, x);
  else if (has("xor"))
    result = b.CreateXor(old, x);
  else if (has("max") || has("min")) {
    bool isMax = has("max"), isSigned = type.kind == 's';
    result = b.CreateBinaryIntrinsic(
        isSigned ? (isMax ? Intrinsic::smax : Intrinsic::smin)
                 : (isMax ? Intrinsic::umax : Intrinsic::umin),
        old, x);
  } else if (has("inc"))
    result = b.CreateSelect(
        b.CreateICmpUGE(old, x), ConstantInt::get(x->getType(), 0),
        b.CreateAdd(old, ConstantInt::get(x->getType(), 1)));
  else if (has("cas")) {
    Value *with =
        operands.size() > next + 1 ? read(operands[next + 1], type) : nullptr;
    if (!with)
      return false;
    result = b.CreateSelect(b.CreateICmpEQ(old, x), with, old);
  }
  if (!result)
    return false;
  b.CreateAlignedStore(result, pointer, Align(bytes), true);
  return !returns || write(operands[0], old);
}

bool PtxLowering::runCopy() {
  if (has("commit_group")) {
    calls.commit(b);
    return true;
  }
  if (has("wait_all")) {
    calls.commit(b);
    calls.wait(b, b.getInt32(0));
    return true;
  }
  if (has("wait_group")) {
    Value *groups = read(operands[0], 32u);
    if (groups)
      calls.wait(b, groups);
    return groups;
  }
  uint32_t bytes;
  if (operands.size() < 3 || operands[2].getAsInteger(10, bytes)) {
    auto *constant =
        operands.size() < 3
            ? nullptr
            : dyn_cast_or_null<ConstantInt>(read(operands[2], 32u));
    if (!constant)
      return false;
    bytes = uint32_t(constant->getZExtValue());
  }
  Value *to = address(operands[0]), *from = address(operands[1]);
  // A fourth operand is the size of the source unless it is a cache policy.
  bool hasSize = operands.size() > 3 + has("L2::cache_hint");
  Value *size = hasSize ? read(operands[3], 32u) : nullptr;
  if (!to || !from || (hasSize && !size) ||
      !(has("shared") || has("shared::cta") || has("shared::cluster")))
    return false;
  calls.copy(b, site(), to, from, bytes, size);
  return true;
}

bool PtxLowering::runCollective() {
  StringRef name = parts[0];
  if (name == "bar" && has("warp")) {
    Value *mask = read(operands[0], 32u);
    if (mask)
      calls.collective(b, site(), Collective::Sync, mask);
    return mask;
  }
  if (name == "bar" || name == "barrier") {
    Value *number = read(operands[0], 32u);
    Value *count = operands.size() > 1 ? read(operands[1], 32u) : nullptr;
    if (!number || (operands.size() > 1 && !count) ||
        !(has("sync") || has("arrive")))
      return false;
    calls.barrier(b, site(), BarrierKind::Plain, number, count,
                  name == "bar" || has("aligned"), has("sync"));
    return true;
  }
  auto kind = StringSwitch<std::optional<Collective>>(
                  name == "redux" && has("s32") ? ("s." + parts[2]).str()
                  : parts.size() > 2            ? (name + "." + parts[2]).str()
                                                : "")
                  .Case("shfl.up", Collective::ShuffleUp)
                  .Case("shfl.down", Collective::ShuffleDown)
                  .Case("shfl.bfly", Collective::ShuffleXor)
                  .Case("shfl.idx", Collective::ShuffleIndex)
                  .Case("vote.all", Collective::All)
                  .Case("vote.any", Collective::Any)
                  .Case("vote.uni", Collective::Uniform)
                  .Case("vote.ballot", Collective::Ballot)
                  .Cases({"redux.add", "s.add"}, Collective::Add)
                  .Case("s.min", Collective::MinSigned)
                  .Case("s.max", Collective::MaxSigned)
                  .Case("redux.min", Collective::MinUnsigned)
                  .Case("redux.max", Collective::MaxUnsigned)
                  .Case("redux.and", Collective::And)
                  .Case("redux.or", Collective::Or)
                  .Case("redux.xor", Collective::Xor)
                  .Default(std::nullopt);
  if (!kind || operands.size() < 3)
    return false;
  bool shuffles = name == "shfl";
  if (shuffles && operands.size() < 5)
    return false;
  Value *mask = read(operands.back(), 32u);
  Value *value = read(operands[1], name == "vote" ? 1u : 32u);
  Value *first = shuffles ? read(operands[2], 32u) : nullptr;
  Value *second = shuffles ? read(operands[3], 32u) : nullptr;
  if (!mask || !value || (shuffles && (!first || !second)))
    return false;
  Value *packed =
      calls.collective(b, site(), *kind, mask, value, first, second);
  auto [result, predicate] = operands[0].split('|');
  if (!predicate.empty() &&
      !write(predicate.trim(),
             b.CreateTrunc(b.CreateLShr(packed, 32), b.getInt1Ty())))
    return false;
  return write(result.trim(), b.CreateTrunc(packed, b.getInt32Ty()));
}

bool PtxLowering::runConversion() {
  // cvt{.rounding}.to.from
  PtxType from = type, to = parts.size() > 2
                                ? PtxType::parse(parts[parts.size() - 2])
                                : PtxType();
  if (parts[0] == "cvta")
    return write(operands[0], read(operands[1], 64u));
  if (!from || !to)
    return false;
  if (has("bf16x2") || has("f16x2")) { // d = {high: a, low: b}
    if (operands.size() != 3)
      return false;
    Value *halves[2];
    for (int i = 0; i < 2; ++i) {
      Value *value = read(operands[i + 1], from);
      if (!value)
        return false;
      value = b.CreateFPTrunc(value,
                              has("bf16x2") ? b.getBFloatTy() : b.getHalfTy());
      halves[i] =
          b.CreateZExt(b.CreateBitCast(value, b.getInt16Ty()), b.getInt32Ty());
    }
    return write(operands[0],
                 b.CreateOr(b.CreateShl(halves[0], 16), halves[1]));
  }
  Value *value = read(operands[1], from);
  if (!value)
    return false;
  Type *wanted = irType(to);
  if (from.isFloat() && to.isFloat())
    value = b.CreateFPCast(value, wanted);
  else if (from.isFloat())
    value = to.kind == 's' ? b.CreateFPToSI(value, wanted)
                           : b.CreateFPToUI(value, wanted);
  else if (to.isFloat())
    value = from.kind == 's' ? b.CreateSIToFP(value, wanted)
                             : b.CreateUIToFP(value, wanted);
  else
    value = b.CreateIntCast(value, wanted, from.kind == 's');
  return write(operands[0], value);
}

bool PtxLowering::runArithmetic() {
  StringRef name = parts[0];
  if (name == "mov") {
    SmallVector<StringRef> to = getElements(operands[0]),
                           from = getElements(operands[1]);
    if (to.size() == 1 && from.size() == 1) {
      Value *value = read(from[0], type.bits);
      return value && write(to[0], value);
    }
    if (to.size() > 1) { // unpack
      unsigned bits = type.bits / to.size();
      Value *value = read(from[0], type.bits);
      for (auto [i, element] : enumerate(to))
        if (!value ||
            !write(element, b.CreateTrunc(b.CreateLShr(value, i * bits),
                                          b.getIntNTy(bits))))
          return false;
      return true;
    }
    unsigned bits = type.bits / from.size();
    Value *packed = ConstantInt::get(b.getIntNTy(type.bits), 0);
    for (auto [i, element] : enumerate(from)) {
      Value *value = read(element, bits);
      if (!value)
        return false;
      value = b.CreateZExt(value, packed->getType());
      packed = b.CreateOr(packed, b.CreateShl(value, i * bits));
    }
    return write(to[0], packed);
  }
  if (!type || operands.size() < 2)
    return false;
  SmallVector<Value *> v;
  for (auto [i, operand] : enumerate(drop_begin(operands))) {
    bool isPredicate = name == "selp" && i == 2;
    v.push_back(isPredicate ? read(operand, 1u) : read(operand, type));
    if (!v.back())
      return false;
  }
  bool real = type.isFloat(), isSigned = type.kind == 's';
  if (v.size() == 1) {
    Value *result =
        has("approx") || has("rn") || name == "tanh" || name == "ex2"
            ? createApproximation(b, name, v[0])
        : name == "not" ? b.CreateNot(v[0])
        : name == "neg" ? (real ? b.CreateFNeg(v[0]) : b.CreateNeg(v[0]))
        : name == "abs" && real ? b.CreateUnaryIntrinsic(Intrinsic::fabs, v[0])
                                : nullptr;
    return result && write(operands[0], result);
  }
  if (name == "setp" && v.size() == 2) {
    CmpInst::Predicate predicate =
        StringSwitch<CmpInst::Predicate>(parts[1])
            .Case("eq", real ? CmpInst::FCMP_OEQ : CmpInst::ICMP_EQ)
            .Case("ne", real ? CmpInst::FCMP_ONE : CmpInst::ICMP_NE)
            .Case("lt", real       ? CmpInst::FCMP_OLT
                        : isSigned ? CmpInst::ICMP_SLT
                                   : CmpInst::ICMP_ULT)
            .Case("le", real       ? CmpInst::FCMP_OLE
                        : isSigned ? CmpInst::ICMP_SLE
                                   : CmpInst::ICMP_ULE)
            .Case("gt", real       ? CmpInst::FCMP_OGT
                        : isSigned ? CmpInst::ICMP_SGT
                                   : CmpInst::ICMP_UGT)
            .Case("ge", real       ? CmpInst::FCMP_OGE
                        : isSigned ? CmpInst::ICMP_SGE
                                   : CmpInst::ICMP_UGE)
            .Default(CmpInst::BAD_ICMP_PREDICATE);
    return predicate != CmpInst::BAD_ICMP_PREDICATE &&
           write(operands[0], b.CreateCmp(predicate, v[0], v[1]));
  }
  Value *result = nullptr;
  if (name == "selp")
    result = b.CreateSelect(v[2], v[0], v[1]);
  else if (name == "fma" || (name == "mad" && !real))
    result = real ? b.CreateIntrinsic(Intrinsic::fma, {v[0]->getType()},
                                      {v[0], v[1], v[2]})
                  : b.CreateAdd(b.CreateMul(v[0], v[1]), v[2]);
  else if (name == "add")
    result = real ? b.CreateFAdd(v[0], v[1]) : b.CreateAdd(v[0], v[1]);
  else if (name == "sub")
    result = real ? b.CreateFSub(v[0], v[1]) : b.CreateSub(v[0], v[1]);
  else if (name == "mul" && (real || has("lo")))
    result = real ? b.CreateFMul(v[0], v[1]) : b.CreateMul(v[0], v[1]);
  else if (name == "and")
    result = b.CreateAnd(v[0], v[1]);
  else if (name == "or")
    result = b.CreateOr(v[0], v[1]);
  else if (name == "xor")
    result = b.CreateXor(v[0], v[1]);
  else if (name == "shl")
    result = b.CreateShl(v[0], v[1]);
  else if (name == "shr")
    result = isSigned ? b.CreateAShr(v[0], v[1]) : b.CreateLShr(v[0], v[1]);
  return result && write(operands[0], result);
}

bool PtxLowering::runOpcode() {
  StringRef name = parts[0];
  if (name == "ld" && operands.size() >= 2)
    return runLoad();
  if (name == "st" && operands.size() >= 2)
    return runStore();
  if ((name == "atom" || name == "red") && operands.size() >= 2)
    return runAtomic();
  if (name == "cp" && parts.size() > 1 && parts[1] == "async" && !has("bulk"))
    return runCopy();
  if (name == "fence" || name == "membar") {
    calls.access(b, site(), Access::Fence);
    return true;
  }
  if (name == "nanosleep") {
    calls.access(b, site(), Access::Pause);
    return true;
  }
  if (name == "prefetch" || name == "prefetchu" || name == "griddepcontrol" ||
      name == "discard" || name == "applypriority")
    return true;
  if (name == "createpolicy")
    return write(operands[0], b.getInt64(0));
  if (name == "bar" || name == "barrier" || name == "shfl" || name == "vote" ||
      name == "redux")
    return !operands.empty() && runCollective();
  if (name == "cvt" || name == "cvta")
    return operands.size() >= 2 && runConversion();
  return runArithmetic();
}

Error PtxLowering::runStatement(StringRef statement) {
  StringRef text = statement;
  if (text.consume_front(".reg")) {
    auto [typeText, names] = text.trim().split(' ');
    typeText.consume_front(".");
    PtxType declared = PtxType::parse(typeText.trim());
    SmallVector<StringRef> list;
    names.split(list, ',');
    for (StringRef name : list)
      registers[name.trim()] = makeSlot(declared ? declared.bits : 64);
    return Error::success();
  }
  b.SetInsertPoint(&call);
  if (text.consume_front("@")) {
    bool inverted = text.consume_front("!");
    auto [name, rest] = text.split(' ');
    Value *guard = read(name.trim(), 1u);
    if (!guard)
      return createStringError("unknown predicate '" + name + "'");
    if (inverted)
      guard = b.CreateNot(guard);
    b.SetInsertPoint(
        SplitBlockAndInsertIfThen(guard, call.getIterator(), false));
    text = rest.trim();
  }
  size_t end = text.find_first_of(" \t\n[{");
  opcode = text.take_front(end);
  text = end == StringRef::npos ? StringRef() : text.drop_front(end).trim();
  parts.clear();
  opcode.split(parts, '.');
  type = PtxType::parse(parts.back());
  operands.clear();
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? text[i] : ',';
    depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (c == ',' && (depth == 0 || i == text.size())) {
      if (StringRef operand = text.slice(begin, i).trim(); !operand.empty())
        operands.push_back(operand);
      begin = i + 1;
    }
  }
  if (!runOpcode())
    return createStringError("the emulator does not know the PTX '" +
                             statement + "', which '" +
                             call.getFunction()->getName() + "' holds");
  return Error::success();
}

Error PtxLowering::run() {
  auto *assembly = cast<InlineAsm>(call.getCalledOperand());
  Type *result = call.getType();
  SmallVector<Type *> results;
  if (auto *structure = dyn_cast<StructType>(result))
    results.append(structure->element_begin(), structure->element_end());
  else if (!result->isVoidTy())
    results.push_back(result);
  for (Type *each : results)
    outputs.push_back(
        makeSlot(each->isPointerTy() ? 64 : each->getPrimitiveSizeInBits()));
  unsigned argument = 0;
  for (const InlineAsm::ConstraintInfo &info :
       InlineAsm::ParseConstraints(assembly->getConstraintString())) {
    if (info.Type != InlineAsm::isInput)
      continue;
    Value *value = call.getArgOperand(argument++);
    inputs.push_back(value);
    int tied = -1;
    if (info.hasMatchingInput())
      tied = info.MatchingInput;
    else if (info.Codes.size() == 1)
      StringRef(info.Codes[0]).getAsInteger(10, tied);
    if (tied >= 0 && size_t(tied) < outputs.size())
      write("$" + std::to_string(tied), value);
  }
  std::string text = assembly->getAsmString().str();
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; },
      ' ');
  for (size_t at; (at = text.find("$$")) != std::string::npos;)
    text.erase(at, 1);
  StringRef rest = text;
  while (!rest.empty()) {
    auto [statement, after] = rest.split(';');
    rest = after;
    statement = statement.trim();
    // Braces around statements open a scope of names.
    while (statement.consume_front("{") || statement.consume_front("}"))
      statement = statement.trim();
    if (statement.empty())
      continue;
    if (Error error = runStatement(statement))
      return error;
  }
  b.SetInsertPoint(&call);
  Value *all = result->isStructTy() ? PoisonValue::get(result) : nullptr;
  for (auto [i, slot] : enumerate(outputs)) {
    Value *value = b.CreateLoad(slot->getAllocatedType(), slot);
    value = results[i]->isPointerTy() ? b.CreateIntToPtr(value, results[i])
                                      : b.CreateBitCast(value, results[i]);
    all = all ? b.CreateInsertValue(all, value, unsigned(i)) : value;
  }
  if (all)
    call.replaceAllUsesWith(all);
  call.eraseFromParent();
  return Error::success();
}

Error recur::emulator::lowerInlinePtx(CallInst &call, CallBuilder &calls) {
  return PtxLowering(call, calls).run();
}
