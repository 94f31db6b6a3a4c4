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
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

bool TileKernels::isContiguous(unsigned argument, unsigned axis) const {
  ArrayRef<int32_t> declared = signature.arguments[argument].dims;
  return GpuKernels::isContiguous(argument, axis) &&
         llvm::none_of(declared.drop_front(axis + 1), [&](int32_t dim) {
           return dim >= 0 && dims.isInner(dim);
         });
}

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

/// The inner dims that a map's positions vary over, in the order of its axes.
SmallVector<unsigned> TileKernels::getInner(AffineMap map) {
  SmallVector<unsigned> inner;
  for (AffineExpr expr : map.getResults())
    for (unsigned dim : dims.inner)
      if (expr.isFunctionOfDim(dim) && !llvm::is_contained(inner, dim))
        inner.push_back(dim);
  return inner;
}

/// Whether each inner dim is a position of its own.
bool TileKernels::isRegular(AffineMap map) {
  unsigned axes = 0;
  for (AffineExpr expr : map.getResults()) {
    SignatureAccess access = splitIndex(expr);
    if (access.dim < 0 || !dims.isInner(access.dim))
      continue;
    ++axes;
    if (access.offset || access.divisor != 1 || access.modulus)
      return false;
  }
  return axes == getInner(map).size();
}

/// How many numbers a step has of a tensor.
int64_t TileKernels::getInnerCount(AffineMap map) {
  int64_t count = 1;
  for (unsigned dim : getInner(map))
    count *= space.getSizes()[dim];
  return count;
}

/// The number of a point among those of a map, row-major.
int64_t TileKernels::getInnerNumber(AffineMap map, const InnerPoint &point) {
  int64_t number = 0;
  for (unsigned dim : getInner(map))
    number = number * space.getSizes()[dim] + *getConstantIntValue(point[dim]);
  return number;
}

InnerPoint TileKernels::getInnerPoint(AffineMap map, int64_t number) {
  InnerPoint point(space.getRank());
  for (unsigned dim : llvm::reverse(getInner(map))) {
    point[dim] = i64(number % space.getSizes()[dim]);
    number /= space.getSizes()[dim];
  }
  return point;
}

/// How many elements after the first of its step a number is.
Value TileKernels::getInnerOffset(unsigned argument, AffineMap map,
                                  int64_t number) {
  InnerPoint point = getInnerPoint(map, number);
  Value offset = i64(0);
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    if (int dim = splitIndex(expr).dim; dim >= 0 && dims.isInner(dim))
      offset = add(offset, mul(point[dim], strides[argument][axis]));
  return offset;
}

/// The alignment of the numbers of a step if they lie together.
unsigned TileKernels::getInnerAlignment(unsigned argument, AffineMap map) {
  Type storage = getStorageType(signature.arguments[argument].element);
  int64_t bytes = getPartType(storage).getIntOrFloatBitWidth() / 8 *
                  (isPair(storage) ? 2 : 1) * getInnerCount(map);
  return std::min<int64_t>(16, bytes & -bytes);
}

/// Finds out whether all numbers of a step lie together in all tensors that
/// have several, aligned.
void TileKernels::checkInner() {
  isInnerPacked = {};
  auto require = [&](Value condition) {
    isInnerPacked =
        isInnerPacked ? arith::AndIOp::create(b, loc, isInnerPacked, condition)
                            .getResult()
                      : condition;
  };
  auto check = [&](unsigned argument, AffineMap map) {
    Type storage = getStorageType(signature.arguments[argument].element);
    int64_t part = getPartType(storage).getIntOrFloatBitWidth() / 8;
    int64_t bytes = part * (isPair(storage) ? 2 : 1);
    unsigned alignment = getInnerAlignment(argument, map);
    if (bytes * getInnerCount(map) == part)
      return;
    // All low bits that must be 0.
    Value low = LLVM::PtrToIntOp::create(b, loc, i64Type, data[argument]);
    int64_t expected = 1;
    for (unsigned axis = map.getNumResults(); axis-- > 0;) {
      SignatureAccess access = splitIndex(map.getResult(axis));
      Value stride = strides[argument][axis];
      if (access.dim >= 0 && dims.isInner(access.dim)) {
        int64_t size = space.getSizes()[access.dim];
        if (size > 1)
          require(compare(arith::CmpIPredicate::eq, stride, i64(expected)));
        expected *= size;
      } else if (!isContiguous(argument, axis)) {
        low = arith::OrIOp::create(b, loc, low, mul(stride, i64(bytes)));
      }
    }
    low = arith::AndIOp::create(b, loc, low, i64(alignment - 1));
    require(compare(arith::CmpIPredicate::eq, low, i64(0)));
  };
  for (unsigned input = 0; input < accesses.size(); ++input)
    if (accesses[input] == Access::Element || accesses[input] == Access::Step)
      check(inputArguments[input], scan.getInputMap(input));
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal() && !getOutputShape(i).vector)
      check(resultArguments[i], getResultMap(i));
}

TileKernels::Access TileKernels::getAccess(unsigned input) {
  AffineMap map = scan.getInputMap(input);
  if (scan.getInputLag(input) > 0)
    return Access::Direct;
  bool overTime = map.isFunctionOfDim(space.getTime());
  if (overTime && !isRegular(map))
    return Access::Direct;
  if (space.getSegment() >= 0 && map.isFunctionOfDim(space.getSegment()))
    return overTime ? Access::Direct : Access::Sequence;
  bool overLanes = laneDim >= 0 && map.isFunctionOfDim(laneDim);
  if (!overTime)
    return Access::Constant;
  if (isVectorAxis(inputArguments[input], map))
    return timeLanes ? Access::StepVector : Access::Vector;
  return timeLanes || overLanes ? Access::Element : Access::Step;
}

/// Registers of an input: for a vector over steps or channels one for each
/// inner point.
unsigned TileKernels::getRegisters(unsigned input) {
  int64_t inner = getInnerCount(scan.getInputMap(input));
  switch (accesses[input]) {
  case Access::Direct:
  case Access::Sequence:
  case Access::Constant:
    return 0;
  case Access::StepVector:
    return inner * chunks * steps / width;
  case Access::Vector:
    return inner * chunks * steps;
  case Access::Step:
    return chunks * steps;
  case Access::Element:
    return chunks * steps * channels;
  }
  llvm_unreachable("all kinds of access are handled");
}

/// Reads what does not vary over time, of the current channel.
void TileKernels::loadConstant(unsigned input) {
  AffineMap map = scan.getInputMap(input);
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  for (int64_t number = 0; number < getInnerCount(map); ++number)
    constants[input].push_back(
        load(getPointer(inputArguments[input], map, getInnerPoint(map, number)),
             element, true));
}

void TileKernels::loadConstants() {
  constants.assign(accesses.size(), {});
  firstRegister.clear();
  unsigned next = 0;
  for (unsigned input = 0; input < accesses.size(); ++input) {
    firstRegister.push_back(next);
    next += isStaged(input) ? 0 : getRegisters(input);
    if (accesses[input] != Access::Constant)
      continue;
    AffineMap map = scan.getInputMap(input);
    bool overLanes = !timeLanes && laneDim >= 0 && map.isFunctionOfDim(laneDim);
    for (int64_t v = 0; v < channels; ++v) {
      if (v > 0 && !overLanes) {
        for (int64_t i = 0; i < getInnerCount(map); ++i)
          constants[input].push_back(constants[input][i]);
        continue;
      }
      goToChannel(v);
      loadConstant(input);
    }
  }
}

/// The type of an input's registers.
Type TileKernels::getRegisterType(unsigned input) {
  Type storage =
      getStorageType(getElementTypeOrSelf(scan.getInputs()[input].getType()));
  int64_t count = isVector(accesses[input])
                      ? width
                      : getInnerCount(scan.getInputMap(input));
  count *= isPair(storage) ? 2 : 1;
  Type part = getPartType(storage);
  return count == 1 ? part : Type(VectorType::get({count}, part));
}

/// Reads the current tile. Steps after the last are read as the last.
SmallVector<Value> TileKernels::loadTile() {
  SmallVector<Type> types;
  for (unsigned input = 0; input < accesses.size(); ++input)
    if (!isStaged(input))
      types.append(getRegisters(input), getRegisterType(input));
  if (types.empty() && stagedBytes == 0)
    return {};
  Value whole = isFull;
  if (isInnerPacked)
    whole = arith::AndIOp::create(b, loc, whole, isInnerPacked);
  auto full = scf::IfOp::create(b, loc, types, whole, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  // (a branch without results has its yields)
  auto enter = [&](Block *block) {
    if (types.empty())
      b.setInsertionPoint(block->getTerminator());
    else
      b.setInsertionPointToEnd(block);
  };
  auto yield = [&](ValueRange values) {
    if (!types.empty())
      scf::YieldOp::create(b, loc, values);
  };
  enter(full.thenBlock());
  SmallVector<Value> values;
  copyStaged();
  loadAll(/*clamp=*/false, values);
  yield(values);
  // A tile without steps reads nothing.
  enter(full.elseBlock());
  Value any = compare(arith::CmpIPredicate::slt, tileBegin, sequenceEnd);
  auto part = scf::IfOp::create(b, loc, types, any, /*withElse=*/true);
  yield(part.getResults());
  enter(part.thenBlock());
  values.clear();
  loadAll(/*clamp=*/true, values);
  yield(values);
  enter(part.elseBlock());
  values.clear();
  auto makeZero = [&](Type type) -> Value {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  };
  for (unsigned input = 0; input < accesses.size(); ++input)
    if (isStaged(input))
      storeStaged(input, SmallVector<Value>(getRegisters(input),
                                            makeZero(getRegisterType(input))));
  llvm::append_range(values, llvm::map_range(types, makeZero));
  yield(values);
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
                                     const InnerPoint &point,
                                     SmallVectorImpl<Value> &last) {
  setElement(chunk, number, channel);
  last.resize(channels);
  Value &pointer = last[channel];
  if (number == 0) {
    if (clamp)
      step = arith::MinSIOp::create(b, loc, step, sub(sequenceEnd, i64(span)));
    // Of a vector along time the lowest address counts.
    time = space.getReverse() ? sub(sub(sequenceEnd, i64(span)), step) : step;
    return pointer = getPointer(argument, map, point);
  }
  Value stride = getStepStride(argument, map);
  if (span > 1)
    stride = mul(stride, i64(span));
  if (clamp)
    stride = arith::SelectOp::create(b, loc, isInside(chunk, number), stride,
                                     i64(0));
  // Steps after the last have addresses too, outside of the tensor.
  Type storage = getStorageType(signature.arguments[argument].element);
  return pointer = LLVM::GEPOp::create(b, loc, ptrType, storage, pointer,
                                       ArrayRef<LLVM::GEPArg>{stride});
}

/// Reads or writes a step's numbers one by one, where they do not lie together.
Value TileKernels::loadApart(unsigned argument, AffineMap map, Value pointer) {
  Type storage = getStorageType(signature.arguments[argument].element);
  SmallVector<Value> numbers;
  for (int64_t i = 0; i < getInnerCount(map); ++i) {
    Value slot = LLVM::GEPOp::create(
        b, loc, ptrType, storage, pointer,
        ArrayRef<LLVM::GEPArg>{getInnerOffset(argument, map, i)});
    numbers.push_back(load(slot, storage, /*isInput=*/true));
  }
  return packStorage(numbers);
}

void TileKernels::storeApart(unsigned argument, AffineMap map, Value pointer,
                             Value packed) {
  Type element = signature.arguments[argument].element;
  Type storage = getStorageType(element);
  for (int64_t i = 0; i < getInnerCount(map); ++i) {
    Value slot = LLVM::GEPOp::create(
        b, loc, ptrType, storage, pointer,
        ArrayRef<LLVM::GEPArg>{getInnerOffset(argument, map, i)});
    store(slot, unpackStorage(packed, i, isPair(storage) ? element : storage));
  }
}

void TileKernels::loadAll(bool clamp, SmallVectorImpl<Value> &values) {
  for (unsigned input = 0; input < accesses.size(); ++input) {
    Access access = accesses[input];
    if (getRegisters(input) == 0 || (isStaged(input) && !clamp))
      continue;
    SmallVector<Value> pieces;
    unsigned argument = inputArguments[input];
    AffineMap map = scan.getInputMap(input);
    Type type = getRegisterType(input);
    Type storage = getStorageType(signature.arguments[argument].element);
    unsigned alignment = isVector(access)
                             ? getPartType(storage).getIntOrFloatBitWidth() /
                                   8 * (isPair(storage) ? 2 : 1) * width
                             : getInnerAlignment(argument, map);
    // Steps of one register, and how many of its channels have one each.
    int64_t span = access == Access::StepVector ? width : 1;
    int64_t count = access == Access::Element ? channels : 1;
    for (int64_t i = 0; i < (isVector(access) ? getInnerCount(map) : 1); ++i) {
      InnerPoint point = getInnerPoint(map, i);
      SmallVector<Value> last;
      for (int64_t k = 0; k < chunks; ++k)
        for (int64_t r = 0; r < steps; r += span)
          for (int64_t v = 0; v < count; ++v) {
            Value pointer = getElementPointer(argument, map, k, r, v, span,
                                              clamp, point, last);
            pieces.push_back(clamp && !isVector(access) && isa<VectorType>(type)
                                 ? loadApart(argument, map, pointer)
                                 : LLVM::LoadOp::create(b, loc, type, pointer,
                                                        alignment,
                                                        /*isVolatile=*/false,
                                                        /*isNonTemporal=*/false,
                                                        /*isInvariant=*/true)
                                       .getResult());
          }
    }
    if (isStaged(input))
      storeStaged(input, pieces);
    else
      llvm::append_range(values, pieces);
  }
}

/// Numbers of 16 bits are converted when the tile is folded and once more when
/// it is replayed, and stay two to a register between. So that the compiler
/// does not keep the first result, what is replayed is combined with a zero
/// that it does not know.
Value TileKernels::getRegister(unsigned input, int64_t number) {
  if (isStaged(input))
    return readStaged(input, number);
  number += firstRegister[input];
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
    // The top bit of what is never negative, in all places.
    Value top = arith::ShRSIOp::create(b, loc, segmentSteps, i64(63));
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
  AffineMap map = scan.getInputMap(input);
  int64_t inner = getInnerNumber(map, point);
  if (access == Access::Constant || access == Access::Sequence)
    return constants[input][channelNow * getInnerCount(map) + inner];
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
  int64_t number = chunkNow * steps + stepNow, lane = inner;
  if (access == Access::StepVector) {
    number = (inner * chunks * steps + number) / width;
    lane = stepNow % width;
    lane = space.getReverse() ? width - 1 - lane : lane;
  } else if (access == Access::Vector) {
    number += inner * chunks * steps;
    lane = channelNow;
  } else if (access == Access::Element) {
    number = number * channels + channelNow;
  }
  return unpackStorage(getRegister(input, number), lane, element);
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
      auto [span, count, vector, inner] = getOutputShape(result);
      unsigned argument = resultArguments[result];
      Type storage = getStorageType(signature.arguments[argument].element);
      unsigned alignment = vector
                               ? getPartType(storage).getIntOrFloatBitWidth() /
                                     8 * (isPair(storage) ? 2 : 1) * width
                               : getInnerAlignment(argument, map);
      ArrayRef<Value> next(values[result]);
      if (!guarded && !resultPlanes[result].empty()) {
        storeThroughStages(result, next);
        continue;
      }
      for (int64_t i = 0; i < inner; ++i) {
        InnerPoint point = getInnerPoint(map, i);
        SmallVector<Value> last;
        for (int64_t k = 0; k < chunks; ++k)
          for (int64_t r = 0; r < steps; r += span)
            for (int64_t v = 0; v < count; ++v) {
              OpBuilder::InsertionGuard guard(b);
              Value value = next.front();
              next = next.drop_front();
              Value pointer = getElementPointer(argument, map, k, r, v, span,
                                                /*clamp=*/false, point, last);
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
              if (guarded && !vector && isa<VectorType>(value.getType()))
                storeApart(argument, map, pointer, value);
              else
                LLVM::StoreOp::create(b, loc, value, pointer, alignment);
            }
      }
    }
  };
  Value whole = arith::AndIOp::create(b, loc, isFull, isChannel);
  if (isInnerPacked)
    whole = arith::AndIOp::create(b, loc, whole, isInnerPacked);
  auto branch = scf::IfOp::create(b, loc, whole, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  storeAll(/*guarded=*/false);
  b.setInsertionPoint(branch.elseBlock()->getTerminator());
  storeAll(/*guarded=*/true);
}

/// How a result is written: so many steps and so many channels one by one, or
/// as vectors, for so many inner points one by one.
TileKernels::OutputShape TileKernels::getOutputShape(unsigned result) {
  AffineMap map = getResultMap(result);
  bool vector = isVectorAxis(resultArguments[result], map);
  bool overLanes = !timeLanes && laneDim >= 0 && map.isFunctionOfDim(laneDim);
  return {vector && timeLanes ? width : 1, overLanes && !vector ? channels : 1,
          vector, vector ? getInnerCount(map) : 1};
}

/// The type of the values that are written together.
Type TileKernels::getPackedType(unsigned result) {
  Type storage =
      getStorageType(signature.arguments[resultArguments[result]].element);
  OutputShape shape = getOutputShape(result);
  int64_t count = shape.vector ? width : getInnerCount(getResultMap(result));
  count *= isPair(storage) ? 2 : 1;
  Type part = getPartType(storage);
  return count == 1 ? part : Type(VectorType::get({count}, part));
}

/// The values that are written together, in the order of their addresses.
SmallVector<Value> TileKernels::packOutputs(unsigned result) {
  auto [span, count, vector, inner] = getOutputShape(result);
  int64_t all = getInnerCount(getResultMap(result));
  bool reverse = space.getReverse();
  auto valueAt = [&](int64_t k, int64_t r, int64_t v, int64_t i) {
    return outputs[result][((k * steps + r) * channels + v) * all + i];
  };
  SmallVector<Value> values;
  for (int64_t i = 0; i < inner; ++i)
    for (int64_t k = 0; k < chunks; ++k)
      for (int64_t r = 0; r < steps; r += span)
        for (int64_t v = 0; v < count; ++v) {
          SmallVector<Value> numbers;
          for (int64_t j = 0; j < (vector ? width : all); ++j)
            numbers.push_back(
                !vector ? valueAt(k, r, v, j)
                : timeLanes
                    ? valueAt(k, r + (reverse ? width - 1 - j : j), 0, i)
                    : valueAt(k, r, j, i));
          values.push_back(packStorage(numbers));
        }
  return values;
}

/// Writes final states at the current position.
void TileKernels::storeFinals(const States &states) {
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    ResultAttr output = scan.getOutput(i);
    if (!output.isFinal())
      continue;
    unsigned state = scan.findState(output.getFinalState().getValue());
    const Carrier &carrier = carriers[carrierOf[state]];
    const State &values = states[carrierOf[state]];
    InnerPoint point(space.getRank());
    if (carrier.row < 0) {
      storeResult(i, point,
                  values[carrier.states > 1 ? state - carrier.state
                                            : output.getLag() - 1]);
      continue;
    }
    for (unsigned row = 0; row < carrier.size; ++row) {
      point[carrier.row] = i64(row);
      storeResult(i, point, values[row]);
    }
  }
}

/// Writes those of all the thread's channels.
void TileKernels::storeFinalsOfAll(ArrayRef<States> states) {
  for (int64_t v = 0; v < channels; ++v) {
    goToChannel(v);
    storeFinals(states[v]);
  }
}
