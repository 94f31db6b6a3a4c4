//===-- GpuAddresses.cpp - loads and stores of the GPU kernels ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Addresses through maps and strides, lagged inputs before the start, and
/// results.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/GpuKernels.h"
#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Truth values are stored as bytes.
Type GpuKernels::getStorageType(Type element) {
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 8)
                              : getKernelType(element);
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

/// Whether the schedule promises unit stride along `axis`: it is declared over
/// the lane dim of a tensor that varies over time.
bool GpuKernels::isContiguous(unsigned argument, unsigned axis) const {
  const SignatureArgument &declared = signature.arguments[argument];
  return schedule.getContiguous() && laneDim >= 0 &&
         declared.role != Role::Segments && declared.dims[axis] == laneDim &&
         llvm::is_contained(declared.dims, int32_t(space.getTime()));
}

/// The position along one axis.
Value GpuKernels::getIndex(const SignatureAccess &access,
                           const InnerPoint &point) {
  if (access.dim < 0)
    return i64(access.offset);
  if (access.dim == int(space.getTime())) {
    // The shift of time counts steps back.
    if (!access.offset)
      return time;
    return space.getReverse() ? sub(time, i64(access.offset))
                              : add(time, i64(access.offset));
  }
  Value index =
      dims.isInner(access.dim) ? point[access.dim] : position[access.dim];
  if (access.offset)
    index = add(index, i64(access.offset));
  if (access.divisor != 1)
    index = arith::DivUIOp::create(b, loc, index, i64(access.divisor));
  if (access.modulus)
    index = arith::RemUIOp::create(b, loc, index, i64(access.modulus));
  return index;
}

Value GpuKernels::getPointer(unsigned argument, AffineMap map,
                             const InnerPoint &point, HistoryAxis history) {
  // What changes slowly is summed first, so that sums can leave loops.
  SmallVector<Value> parallel, inner, timed;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    SignatureAccess access = splitIndex(expr);
    // A history's constant is the position of the step before the first.
    Value index = int(axis) == history.axis
                      ? add(i64(access.offset), history.step)
                      : getIndex(access, point);
    Value term = isContiguous(argument, axis)
                     ? index
                     : mul(index, strides[argument][axis]);
    bool isTime = int(axis) == history.axis ||
                  (access.dim >= 0 && access.dim == int(space.getTime()));
    bool isInner = access.dim >= 0 && dims.isInner(access.dim);
    (isTime ? timed : isInner ? inner : parallel).push_back(term);
  }
  Value offset;
  for (SmallVector<Value> *terms : {&parallel, &inner, &timed})
    for (Value term : *terms)
      offset = offset ? add(offset, term) : term;
  Type storage = getStorageType(signature.arguments[argument].element);
  return LLVM::GEPOp::create(b, loc, ptrType, storage, data[argument],
                             ArrayRef<LLVM::GEPArg>{offset ? offset : i64(0)},
                             LLVM::GEPNoWrapFlags::inbounds);
}

unsigned GpuKernels::getAlignment(unsigned, AffineMap, const InnerPoint &) {
  return 0;
}

Value GpuKernels::load(Value pointer, Type element, bool isInput,
                       unsigned alignment) {
  Type storage = getStorageType(element);
  if (isPair(storage)) {
    Type part = getPartType(storage);
    Value re = load(pointer, part, isInput);
    return makePair(b, loc, re, load(getSecond(pointer, part), part, isInput));
  }
  if (!alignment)
    alignment = storage.getIntOrFloatBitWidth() / 8;
  // Nothing writes inputs while a kernel runs: they go through the read-only
  // cache, and the compiler may move their loads.
  Value value = LLVM::LoadOp::create(
      b, loc, storage, pointer, alignment,
      /*isVolatile=*/false, /*isNonTemporal=*/false, /*isInvariant=*/isInput);
  if (storage == element)
    return value;
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(storage));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
}

/// The imaginary part of the complex number at `pointer`.
Value GpuKernels::getSecond(Value pointer, Type part) {
  return LLVM::GEPOp::create(b, loc, pointer.getType(), part, pointer,
                             ArrayRef<LLVM::GEPArg>{1},
                             LLVM::GEPNoWrapFlags::inbounds);
}

void GpuKernels::store(Value pointer, Value value, unsigned alignment) {
  if (isPair(value.getType())) {
    store(pointer, getPart(b, loc, value, 0));
    return store(getSecond(pointer, getPartType(value.getType())),
                 getPart(b, loc, value, 1));
  }
  Type storage = getStorageType(value.getType());
  if (storage != value.getType())
    value = arith::ExtUIOp::create(b, loc, storage, value);
  if (!alignment)
    alignment = storage.getIntOrFloatBitWidth() / 8;
  LLVM::StoreOp::create(b, loc, value, pointer, alignment);
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

Value GpuKernels::loadInput(OpBuilder &builder, Location, unsigned input,
                            const InnerPoint &point) {
  b.restoreInsertionPoint(builder.saveInsertionPoint());
  if (!loadedAhead.empty() && loadedAhead[input]) {
    Value loaded = loadedAhead[input];
    return isa<VectorType>(loaded.getType())
               ? LLVM::ExtractElementOp::create(b, loc, loaded, i32(channel))
                     .getResult()
               : loaded;
  }
  if (int64_t lag = scan.getInputLag(input); lag > 0)
    return loadLagged(input, lag, point);
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  return load(getPointer(argument, map, point),
              getElementTypeOrSelf(scan.getInputs()[input].getType()),
              /*isInput=*/true, getAlignment(argument, map, point));
}

bool GpuKernels::isVector(unsigned argument, AffineMap map) const {
  if (channels == 1 || !isa<FloatType>(signature.arguments[argument].element))
    return false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    SignatureAccess access = splitIndex(expr);
    if (access.dim == laneDim)
      return isContiguous(argument, axis) && access.divisor == 1 &&
             !access.modulus && access.offset % channels == 0;
  }
  return false;
}

/// Where no store is in their way, optimizers move what the loop over steps
/// loads ahead into the next round, where a step waits for it.
Value GpuKernels::loadAhead(unsigned input) {
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  InnerPoint point(position);
  auto keep = [&](Value value) { return onlyReads ? hide(value) : value; };
  if (!isVector(argument, map))
    return keep(loadInput(b, loc, input, point));
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  return keep(LLVM::LoadOp::create(
      b, loc, VectorType::get({channels}, element),
      getPointer(argument, map, point), channels * getBytes(element),
      /*isVolatile=*/false, /*isNonTemporal=*/false, /*isInvariant=*/true));
}

/// Before the start of its sequence a lagged input is read from its history,
/// or zero.
Value GpuKernels::loadLagged(unsigned input, int64_t lag,
                             const InnerPoint &point) {
  AffineMap map = scan.getInputMap(input);
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  Value inside =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, step, i64(lag));
  auto branch = scf::IfOp::create(b, loc, getKernelType(element), inside,
                                  /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b); // returns to the point after the branch
  b.setInsertionPointToEnd(branch.thenBlock());
  Value value = load(getPointer(inputArguments[input], map, point), element,
                     /*isInput=*/true);
  scf::YieldOp::create(b, loc, ValueRange{value});

  b.setInsertionPointToEnd(branch.elseBlock());
  Value before;
  if (int number = scan.getInputHistories()[input]; number >= 0) {
    AffineMap historyMap = scan.getHistoryMap(number);
    HistoryAxis axis;
    if (historyMap.getNumResults() == map.getNumResults())
      for (auto [k, expr] : llvm::enumerate(map.getResults()))
        if (splitIndex(expr).dim == int(space.getTime()))
          axis = {int(k), step};
    before = load(getPointer(historyArguments[number], historyMap, point, axis),
                  element, /*isInput=*/true);
  } else {
    before = makeNumber(b, loc, getKernelType(element), 0);
  }
  scf::YieldOp::create(b, loc, ValueRange{before});
  return branch.getResult(0);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

AffineMap GpuKernels::getResultMap(unsigned result) {
  return getDimsMap(space, scan.getOutput(result).getDims());
}

/// A result without some parallel dim is written by the first item along it.
/// Null if it has all of them.
Value GpuKernels::isFirstInMissingDims(AffineMap map) {
  Value first;
  for (unsigned dim : dims.parallel) {
    if (map.isFunctionOfDim(dim))
      continue;
    Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                       position[dim], i64(0));
    first = first ? arith::AndIOp::create(b, loc, first, here) : here;
  }
  return first;
}

Value GpuKernels::isWriter(AffineMap map) { return isFirstInMissingDims(map); }

void GpuKernels::storeResult(unsigned result, const InnerPoint &point,
                             Value value) {
  AffineMap map = getResultMap(result);
  unsigned argument = resultArguments[result];
  if (isVector(argument, map)) {
    waiting.resize(scan->getNumResults());
    SmallVector<Value> &values = waiting[result];
    if (channel == 0)
      values = {getPointer(argument, map, point)};
    values.push_back(value);
    if (channel + 1 == channels)
      storeVector(values.front(), ArrayRef(values).drop_front(), isWriter(map));
    return;
  }
  auto write = [&] {
    store(getPointer(argument, map, point), value,
          getAlignment(argument, map, point));
  };
  Value writes = isWriter(map);
  if (!writes)
    return write();
  if (isStoredInLine(map) && !isPair(value.getType()))
    return storeInLine(writes, getPointer(argument, map, point), value);
  when(writes, write);
}

/// The values of all channels of this thread, if `writes`, or it is null. Those
/// that have been narrowed are narrowed together.
void GpuKernels::storeVector(Value pointer, ArrayRef<Value> values,
                             Value writes) {
  Type element = values.front().getType();
  SmallVector<Value> wide;
  for (Value value : values)
    if (auto narrow = value.getDefiningOp<arith::TruncFOp>();
        narrow && narrow.getIn().getType().isF32())
      wide.push_back(narrow.getIn());
  bool narrows = wide.size() == values.size();
  if (narrows)
    values = wide;
  auto type =
      VectorType::get({int64_t(values.size())}, values.front().getType());
  Value vector = LLVM::UndefOp::create(b, loc, type);
  for (auto [i, value] : llvm::enumerate(values))
    vector = LLVM::InsertElementOp::create(b, loc, vector, value, i32(i));
  if (narrows)
    vector = arith::TruncFOp::create(
        b, loc, VectorType::get({int64_t(values.size())}, element), vector);
  auto write = [&] {
    LLVM::StoreOp::create(b, loc, vector, pointer,
                          values.size() * getBytes(element));
  };
  if (!writes)
    return write();
  when(writes, write);
}

/// Writes a value if `writes`, without a branch: what it is computed of is
/// loaded beside everything else, not behind the branch.
void GpuKernels::storeInLine(Value writes, Value pointer, Value value) {
  Type storage = getStorageType(value.getType());
  if (storage != value.getType())
    value = arith::ExtUIOp::create(b, loc, storage, value);
  unsigned bits = storage.getIntOrFloatBitWidth();
  // 8 bits travel in 16.
  Type word = b.getIntegerType(std::max(bits, 16u));
  if (!storage.isInteger())
    value = arith::BitcastOp::create(b, loc, word, value);
  else if (bits < 16)
    value = arith::ExtUIOp::create(b, loc, word, value);
  std::string text = "{\n.reg .pred %writes;\nsetp.ne.u32 %writes, $0, 0;\n"
                     "@%writes st.global.b" +
                     std::to_string(bits) + " [$1], $2;\n}";
  StringRef constraints = bits == 64 ? "r,l,l" : bits == 32 ? "r,l,r" : "r,l,h";
  Value condition = arith::ExtUIOp::create(b, loc, b.getI32Type(), writes);
  emitPtx({}, text, constraints, {condition, pointer, value});
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

Value GpuKernels::createShared(gpu::GPUModuleOp module, const Twine &name,
                               int64_t bytes) {
  std::string symbol = name.str();
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto global = LLVM::GlobalOp::create(
        b, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, symbol,
        Attribute(), /*alignment=*/16, /*addrSpace=*/3);
    // Shared memory has no initial value.
    Block *block = b.createBlock(&global.getInitializerRegion());
    b.setInsertionPointToEnd(block);
    Value undefined = LLVM::UndefOp::create(b, loc, type);
    LLVM::ReturnOp::create(b, loc, undefined);
  }
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 3);
  return LLVM::AddressOfOp::create(b, loc, pointer, symbol);
}

Value GpuKernels::createDynamicShared(gpu::GPUModuleOp module,
                                      StringRef prefix) {
  std::string symbol = (prefix + "_shared").str();
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           symbol, Attribute(), /*alignment=*/16,
                           /*addrSpace=*/3);
  }
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 3);
  return LLVM::AddressOfOp::create(b, loc, pointer, symbol);
}
