//===-- TileRegisters.cpp - what a tile reads and writes ------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The inputs of a tile are read into registers before anything is computed,
/// as vectors where the tensor allows; the outputs are written at the end.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Whether the elements of a thread along the lane dim are neighbours in the
/// memory of an argument read or written through `map`.
bool TileKernels::isVectorAxis(unsigned argument, AffineMap map) {
  if (width == 1 || laneDim < 0 || !map.isFunctionOfDim(space.getTime()))
    return false;
  int found = 0;
  bool unit = false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(laneDim))
      continue;
    ++found;
    SignatureAccess access = splitIndex(expr);
    unit = isContiguous(argument, axis) && access.dim == laneDim &&
           access.offset == 0 && access.divisor == 1 && access.modulus == 0;
  }
  return found == 1 && unit;
}

TileKernels::Access TileKernels::getAccess(unsigned input) {
  AffineMap map = scan.getInputMap(input);
  if (scan.getInputLag(input) > 0)
    return Access::Direct;
  bool overTime = map.isFunctionOfDim(space.getTime());
  if (space.getSegment() >= 0 && map.isFunctionOfDim(space.getSegment()))
    return overTime ? Access::Direct : Access::Sequence;
  bool overLanes = laneDim >= 0 && map.isFunctionOfDim(laneDim);
  if (!overTime)
    return Access::Constant;
  if (isVectorAxis(inputArguments[input], map))
    return timeLanes ? Access::StepVector : Access::Vector;
  return timeLanes || overLanes ? Access::Element : Access::Step;
}

unsigned TileKernels::getRegisters(unsigned input) {
  switch (accesses[input]) {
  case Access::Direct:
  case Access::Sequence:
  case Access::Constant:
    return 0;
  case Access::StepVector:
    return chunks;
  case Access::Step:
  case Access::Vector:
    return chunks * steps;
  case Access::Element:
    return chunks * steps * channels;
  }
  llvm_unreachable("all kinds of access are handled");
}

/// Reads what does not vary over time.
void TileKernels::loadConstants() {
  constants.assign(accesses.size(), {});
  firstRegister.clear();
  unsigned next = 0;
  for (unsigned input = 0; input < accesses.size(); ++input) {
    firstRegister.push_back(next);
    next += getRegisters(input);
    if (accesses[input] != Access::Constant)
      continue;
    AffineMap map = scan.getInputMap(input);
    Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
    bool overLanes = !timeLanes && laneDim >= 0 && map.isFunctionOfDim(laneDim);
    for (int64_t v = 0; v < channels; ++v) {
      if (v > 0 && !overLanes) {
        constants[input].push_back(constants[input].front());
        continue;
      }
      goToChannel(v);
      constants[input].push_back(
          load(getPointer(inputArguments[input], map, {}), element, true));
    }
  }
}

/// Reads the current tile. Steps after the last are read as the last.
SmallVector<Value> TileKernels::loadTile() {
  SmallVector<Type> types;
  for (unsigned input = 0; input < accesses.size(); ++input) {
    Type type =
        getStorageType(getElementTypeOrSelf(scan.getInputs()[input].getType()));
    if (accesses[input] == Access::Vector ||
        accesses[input] == Access::StepVector)
      type = VectorType::get({width}, type);
    types.append(getRegisters(input), type);
  }
  if (types.empty())
    return {};
  auto full = scf::IfOp::create(b, loc, types, isFull, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(full.thenBlock());
  SmallVector<Value> values;
  loadAll(/*clamp=*/false, values);
  scf::YieldOp::create(b, loc, values);
  // A tile without steps reads nothing.
  b.setInsertionPointToEnd(full.elseBlock());
  Value any = compare(arith::CmpIPredicate::sgt, sequenceEnd, i64(0));
  auto part = scf::IfOp::create(b, loc, types, any, /*withElse=*/true);
  scf::YieldOp::create(b, loc, part.getResults());
  b.setInsertionPointToEnd(part.thenBlock());
  values.clear();
  loadAll(/*clamp=*/true, values);
  scf::YieldOp::create(b, loc, values);
  b.setInsertionPointToEnd(part.elseBlock());
  values.clear();
  for (Type type : types)
    values.push_back(arith::ConstantOp::create(b, loc, b.getZeroAttr(type)));
  scf::YieldOp::create(b, loc, values);
  return llvm::to_vector(ValueRange(full.getResults()));
}

/// How far apart the elements of consecutive steps are.
Value TileKernels::getStepStride(unsigned argument, AffineMap map) {
  Value stride;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(space.getTime()))
      continue;
    Value here =
        isContiguous(argument, axis) ? i64(1) : strides[argument][axis];
    stride = stride ? add(stride, here) : here;
  }
  return space.getReverse() ? sub(i64(0), stride) : stride;
}

/// Goes to an element and finds the address of its register, which holds
/// `span` steps: the first step of a chunk through the map, each other from
/// the one before it, which `last` keeps by channel. Clamped, steps after the
/// last are where the last is.
Value TileKernels::getElementPointer(unsigned argument, AffineMap map,
                                     int64_t chunk, int64_t number,
                                     int64_t channel, int64_t span, bool clamp,
                                     SmallVectorImpl<Value> &last) {
  setElement(chunk, number, channel);
  last.resize(channels);
  Value &pointer = last[channel];
  if (number == 0) {
    if (clamp)
      step = arith::MinSIOp::create(b, loc, step, sub(sequenceEnd, i64(span)));
    // Of a vector along time the lowest address counts.
    time = space.getReverse() ? sub(sub(sequenceEnd, i64(span)), step) : step;
    return pointer = getPointer(argument, map, {});
  }
  assert(span == 1 && "a chunk is one vector along time");
  Value stride = getStepStride(argument, map);
  if (clamp)
    stride = arith::SelectOp::create(b, loc, isInside(chunk, number), stride,
                                     i64(0));
  // Steps after the last have addresses too, outside of the tensor.
  Type storage = getStorageType(signature.arguments[argument].element);
  return pointer = LLVM::GEPOp::create(b, loc, ptrType, storage, pointer,
                                       ArrayRef<LLVM::GEPArg>{stride});
}

void TileKernels::loadAll(bool clamp, SmallVectorImpl<Value> &values) {
  for (unsigned input = 0; input < accesses.size(); ++input) {
    Access access = accesses[input];
    if (getRegisters(input) == 0)
      continue;
    unsigned argument = inputArguments[input];
    AffineMap map = scan.getInputMap(input);
    Type storage =
        getStorageType(getElementTypeOrSelf(scan.getInputs()[input].getType()));
    bool vector = access == Access::Vector || access == Access::StepVector;
    Type type = vector ? Type(VectorType::get({width}, storage)) : storage;
    unsigned alignment =
        storage.getIntOrFloatBitWidth() / 8 * (vector ? width : 1);
    // Steps of one register, and how many of its channels have one each.
    int64_t span = access == Access::StepVector ? steps : 1;
    int64_t count = access == Access::Element ? channels : 1;
    SmallVector<Value> last;
    for (int64_t k = 0; k < chunks; ++k)
      for (int64_t r = 0; r < steps; r += span)
        for (int64_t v = 0; v < count; ++v) {
          Value pointer =
              getElementPointer(argument, map, k, r, v, span, clamp, last);
          values.push_back(LLVM::LoadOp::create(
              b, loc, type, pointer, alignment, /*isVolatile=*/false,
              /*isNonTemporal=*/false, /*isInvariant=*/true));
        }
  }
}

/// Numbers of 16 bits are converted when the tile is folded and once more when
/// it is replayed, and stay two to a register between. So that the compiler
/// does not keep the first result, what is replayed is combined with a zero
/// that it does not know.
Value TileKernels::getRegister(int64_t number) {
  Value value = registers[number];
  auto type = dyn_cast<VectorType>(value.getType());
  if (!isReplay || !type || type.getElementTypeBitWidth() != 16 ||
      type.getNumElements() % 2)
    return value;
  Value &again = reread[number];
  if (again)
    return again;
  auto words = VectorType::get({type.getNumElements() / 2}, b.getI32Type());
  if (!zero) {
    // The top bit of what is never negative.
    Value top = arith::ShRUIOp::create(b, loc, segmentSteps, i64(63));
    zero = toI32(top);
  }
  Value bits = LLVM::BitcastOp::create(b, loc, words, value);
  Value result = LLVM::UndefOp::create(b, loc, words);
  for (int64_t i = 0; i < words.getNumElements(); ++i) {
    Value word = LLVM::ExtractElementOp::create(b, loc, bits, i32(i));
    word = arith::XOrIOp::create(b, loc, word, zero);
    result = LLVM::InsertElementOp::create(b, loc, result, word, i32(i));
  }
  return again = LLVM::BitcastOp::create(b, loc, type, result);
}

Value TileKernels::loadInput(OpBuilder &builder, Location, unsigned input,
                             const InnerPoint &point) {
  b.restoreInsertionPoint(builder.saveInsertionPoint());
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  Access access = accesses[input];
  if (access == Access::Constant || access == Access::Sequence)
    return constants[input][channelNow];
  if (access == Access::Direct) {
    // A lagged input; steps after the last are read as the last.
    Value saved = step, savedTime = time;
    step = arith::MinSIOp::create(b, loc, step, sub(sequenceEnd, i64(1)));
    step = arith::MaxSIOp::create(b, loc, step, i64(0));
    time = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), step) : step;
    // (a step outside of all sequences may be before where its own starts)
    if (isPacked())
      step = arith::MaxSIOp::create(b, loc, sub(step, ownBegin), i64(0));
    Value value = loadLagged(input, scan.getInputLag(input), point);
    step = saved;
    time = savedTime;
    return value;
  }
  int64_t number = chunkNow * steps + stepNow, lane = -1;
  if (access == Access::StepVector) {
    number = chunkNow;
    lane = space.getReverse() ? steps - 1 - stepNow : stepNow;
  } else if (access == Access::Vector) {
    lane = channelNow;
  } else if (access == Access::Element) {
    number = number * channels + channelNow;
  }
  Value value = getRegister(firstRegister[input] + number);
  if (lane >= 0)
    value = LLVM::ExtractElementOp::create(b, loc, value, i32(lane));
  if (value.getType() == element)
    return value;
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
}

/// Writes the outputs of the tile.
void TileKernels::storeTile() {
  // What is written together is one value before it is known where: numbers of
  // 16 bits share registers.
  SmallVector<SmallVector<Value>> values(scan->getNumResults());
  for (unsigned result = 0; result < scan->getNumResults(); ++result)
    if (!scan.getOutput(result).isFinal())
      values[result] = packOutputs(result);

  auto storeAll = [&](bool guarded) {
    for (unsigned result = 0; result < scan->getNumResults(); ++result) {
      if (scan.getOutput(result).isFinal())
        continue;
      AffineMap map = getResultMap(result);
      auto [span, count, vector] = getOutputShape(result);
      ArrayRef<Value> next(values[result]);
      SmallVector<Value> last;
      for (int64_t k = 0; k < chunks; ++k)
        for (int64_t r = 0; r < steps; r += span)
          for (int64_t v = 0; v < count; ++v) {
            OpBuilder::InsertionGuard guard(b);
            Value value = next.front();
            next = next.drop_front();
            Value pointer =
                getElementPointer(resultArguments[result], map, k, r, v, span,
                                  /*clamp=*/false, last);
            if (guarded) {
              Value valid =
                  arith::AndIOp::create(b, loc, isChannel, isInside(k, r));
              auto branch = scf::IfOp::create(b, loc, valid, false);
              b.setInsertionPoint(branch.thenBlock()->getTerminator());
            }
            if (Value first = isFirstInMissingDims(map)) {
              auto branch = scf::IfOp::create(b, loc, first, false);
              b.setInsertionPoint(branch.thenBlock()->getTerminator());
            }
            Type element = getElementTypeOrSelf(value.getType());
            LLVM::StoreOp::create(b, loc, value, pointer,
                                  element.getIntOrFloatBitWidth() / 8 *
                                      (vector ? width : 1));
          }
    }
  };
  Value whole = arith::AndIOp::create(b, loc, isFull, isChannel);
  auto branch = scf::IfOp::create(b, loc, whole, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  storeAll(/*guarded=*/false);
  b.setInsertionPoint(branch.elseBlock()->getTerminator());
  storeAll(/*guarded=*/true);
}

/// How a result is written: so many steps and so many channels one by one, or
/// as vectors.
TileKernels::OutputShape TileKernels::getOutputShape(unsigned result) {
  AffineMap map = getResultMap(result);
  bool vector = isVectorAxis(resultArguments[result], map);
  bool overLanes = !timeLanes && laneDim >= 0 && map.isFunctionOfDim(laneDim);
  return {vector && timeLanes ? steps : 1, overLanes && !vector ? channels : 1,
          vector};
}

/// The values that are written together, in the order of their addresses.
SmallVector<Value> TileKernels::packOutputs(unsigned result) {
  auto [span, count, vector] = getOutputShape(result);
  bool reverse = space.getReverse();
  auto valueAt = [&](int64_t k, int64_t r, int64_t v) {
    Value value = outputs[result][(k * steps + r) * channels + v];
    Type storage = getStorageType(value.getType());
    if (storage != value.getType())
      value = arith::ExtUIOp::create(b, loc, storage, value);
    return value;
  };
  SmallVector<Value> values;
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t r = 0; r < steps; r += span)
      for (int64_t v = 0; v < count; ++v) {
        Value value = valueAt(k, r, v);
        if (vector) {
          value = LLVM::UndefOp::create(
              b, loc, VectorType::get({width}, value.getType()));
          for (int64_t i = 0; i < width; ++i) {
            Value part = timeLanes ? valueAt(k, reverse ? steps - 1 - i : i, 0)
                                   : valueAt(k, r, i);
            value = LLVM::InsertElementOp::create(b, loc, value, part, i32(i));
          }
        }
        values.push_back(value);
      }
  return values;
}

/// Writes final states at the current position.
void TileKernels::storeFinals(ArrayRef<Value> states) {
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    ResultAttr output = scan.getOutput(i);
    if (output.isFinal())
      storeResult(i, {},
                  states[scan.findState(output.getFinalState().getValue())]);
  }
}
