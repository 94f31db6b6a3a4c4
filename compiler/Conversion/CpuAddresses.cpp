//===-- CpuAddresses.cpp - loads and stores of the CPU kernels ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Addresses through maps and strides, vector and gathered accesses, lagged
/// inputs before the start, and the description of a variant.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuKernels.h"
#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Truth values are stored as bytes. 16-bit floats move as integers: where
/// the machine has no such type, code generation would scalarise their masked
/// accesses and round each element by a call.
Type recur::getStorageType(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  if (element.isF16() || element.isBF16())
    return IntegerType::get(element.getContext(), 16);
  return getKernelType(element);
}

/// `type` with `element` as its element type.
static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), element);
  return element;
}

/// Bytes that a cache fetches at once.
static constexpr int64_t kLineBytes = 64;

static unsigned getAlignment(Type storage) {
  return getPartType(storage).getIntOrFloatBitWidth() / 8;
}

Value CpuKernels::createLaneNumbers() {
  auto lanes = llvm::to_vector(llvm::seq<int64_t>(0, width));
  auto type = VectorType::get({width}, i64Type);
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(type, ArrayRef<int64_t>(lanes)));
}

/// Steps of each lane after the first; null if lanes do not run along time.
Value CpuKernels::createLaneSteps() {
  if (laneSteps)
    return laneSteps;
  return rows ? rows->step : timeLanes ? createLaneNumbers() : Value();
}

/// Places of each lane along the lane dim after the first.
Value CpuKernels::createLaneChannels() {
  return rows ? rows->channel : createLaneNumbers();
}

/// Turns around the order of the steps in a vector.
Value CpuKernels::reverseLanes(Value vector) {
  if (isPair(vector.getType()))
    return mapParts(b, loc, vector, [&](ArrayRef<Value> part) {
      return reverseLanes(part[0]);
    });
  if (rows)
    return permuteLanes(vector, rows->mirroredLane);
  SmallVector<int64_t> lanes;
  for (int64_t i = width; i-- > 0;)
    lanes.push_back(i);
  return vector::ShuffleOp::create(b, loc, vector, vector, lanes);
}

/// The offset of the first element in memory of an address whose lanes are
/// neighbours there: a reverse recurrence starts with the last one.
Value CpuKernels::getMemoryOffset(const Address &address) {
  if (!space.getReverse() || !(timeLanes || rows))
    return address.offset;
  Value before = i64(width - 1);
  if (rows)
    before = mul(sub(rows->count, i64(1)), sizes[laneDim]);
  return sub(address.offset, before);
}

/// Applies offset, division and modulus of an index to `value`.
Value CpuKernels::applyIndex(const SignatureAccess &access, Value value) {
  auto constant = [&](int64_t number) {
    return isa<VectorType>(value.getType()) ? vectorOf(i64(number))
                                            : i64(number);
  };
  if (access.offset)
    value = add(value, constant(access.offset));
  if (access.divisor != 1)
    value = arith::DivUIOp::create(b, loc, value, constant(access.divisor));
  if (access.modulus)
    value = arith::RemUIOp::create(b, loc, value, constant(access.modulus));
  return value;
}

CpuKernels::Address CpuKernels::getAddress(unsigned argument, AffineMap map,
                                           const InnerPoint &point,
                                           bool contiguous,
                                           HistoryAxis history) {
  Address address;
  // Terms that change slowly come first, so that sums can leave loops.
  SmallVector<Value> terms[4];
  Value lanes;
  unsigned laneAxes = 0, timeAxes = 0;
  auto addLanes = [&](Value numbers, Value stride) {
    Value offsets = mul(numbers, vectorOf(stride));
    lanes = lanes ? add(lanes, offsets) : offsets;
    address.varies = true;
  };
  bool reverse = space.getReverse();
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    SignatureAccess access = splitIndex(expr);
    Value stride = strides[argument][axis];
    int dim = access.dim;
    if (int(axis) == history.axis) {
      // The map names what the first step reads; later ones read on.
      Value index = add(i64(access.offset), history.step);
      terms[1].push_back(mul(index, stride));
      if (Value steps = createLaneSteps())
        addLanes(steps, stride);
      continue;
    }
    if (dim < 0) {
      terms[0].push_back(mul(i64(access.offset), stride));
      continue;
    }
    if (dim == int(space.getTime())) {
      // The map's shift counts steps back.
      Value index = reverse ? sub(time, i64(access.offset))
                            : add(time, i64(access.offset));
      terms[1].push_back(mul(index, stride));
      ++timeAxes;
      if (Value steps = createLaneSteps())
        addLanes(steps, reverse ? sub(i64(0), stride) : stride);
      continue;
    }
    if (dim == laneDim) {
      ++laneAxes;
      Value first =
          block ? add(position[dim], mul(block, i64(width))) : position[dim];
      bool plain = access.divisor == 1 && access.modulus == 0;
      if (plain) {
        if (contiguous)
          stride = i64(1);
        terms[2].push_back(mul(applyIndex(access, first), stride));
        addLanes(createLaneChannels(), stride);
        continue;
      }
      contiguous = false;
      addLanes(applyIndex(access, add(createLaneChannels(), vectorOf(first))),
               stride);
      continue;
    }
    bool inner = dims.isInner(dim);
    Value index = dim == space.getSegment() ? segment
                  : inner                   ? point[dim]
                                            : position[dim];
    terms[inner ? 3 : 0].push_back(mul(applyIndex(access, index), stride));
  }
  for (auto &group : terms)
    for (Value term : group)
      address.offset = address.offset ? add(address.offset, term) : term;
  if (!address.offset)
    address.offset = i64(0);
  address.unit = address.varies && contiguous &&
                 (timeLanes ? timeAxes : laneAxes) == 1 &&
                 (!rows || timeAxes == 1);
  if (!address.unit)
    address.laneOffsets = lanes;
  return address;
}

/// Pointers of all lanes of an address that is not unit-stride.
Value CpuKernels::getLanePointers(unsigned argument, const Address &address,
                                  Type storage) {
  Value offsets = add(address.laneOffsets, vectorOf(address.offset));
  return LLVM::GEPOp::create(b, loc, VectorType::get({width}, ptrType), storage,
                             data[argument], ArrayRef<LLVM::GEPArg>{offsets});
}

Value CpuKernels::load(unsigned argument, const Address &address, Type element,
                       Value laneMask, Value passThrough) {
  Type storage = getStorageType(element);
  if (isPair(storage))
    return loadPairs(argument, address, storage, laneMask);
  unsigned alignment = getAlignment(storage);
  auto toElement = [&](Value value) -> Value {
    if (storage == element)
      return value;
    if (!element.isInteger(1))
      return arith::BitcastOp::create(
          b, loc, withElement(value.getType(), element), value);
    Value zero =
        arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
  };
  if (!address.varies) {
    auto loaded = LLVM::LoadOp::create(
        b, loc, storage, gep(data[argument], storage, address.offset),
        alignment);
    // Nothing that a kernel writes lies in an input: what does not vary over
    // time is read, and powers of it are made, before the loop over time.
    loaded.setInvariant(signature.arguments[argument].role == Role::Input);
    return toElement(loaded);
  }
  auto type = VectorType::get({width}, storage);
  if (!passThrough)
    passThrough = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  if (address.unit) {
    bool reversed = space.getReverse() && (timeLanes || rows);
    Value pointer = gep(data[argument], storage, getMemoryOffset(address));
    Value value;
    if (laneMask) {
      if (reversed)
        passThrough = reverseLanes(passThrough);
      value = LLVM::MaskedLoadOp::create(
          b, loc, type, pointer, reversed ? reverseLanes(laneMask) : laneMask,
          passThrough, alignment);
    } else {
      value = LLVM::LoadOp::create(b, loc, type, pointer, alignment);
    }
    return toElement(reversed ? reverseLanes(value) : value);
  }
  if (!laneMask)
    laneMask = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(VectorType::get({width}, b.getI1Type()), true));
  Value pointers = getLanePointers(argument, address, storage);
  return toElement(LLVM::masked_gather::create(b, loc, type, pointers, laneMask,
                                               ValueRange{passThrough},
                                               b.getI32IntegerAttr(alignment)));
}

void CpuKernels::store(unsigned argument, const Address &address, Value value,
                       Value laneMask) {
  if (isPair(value.getType()))
    return storePairs(argument, address, value, laneMask);
  Type element = getElementTypeOrSelf(value.getType());
  Type storage = getStorageType(element);
  unsigned alignment = getAlignment(storage);
  if (address.varies)
    value = vectorOf(value);
  if (storage != element) {
    Type stored = withElement(value.getType(), storage);
    if (element.isInteger(1))
      value = arith::ExtUIOp::create(b, loc, stored, value);
    else
      value = arith::BitcastOp::create(b, loc, stored, value);
  }
  if (!address.varies) {
    LLVM::StoreOp::create(
        b, loc, value, gep(data[argument], storage, address.offset), alignment);
    return;
  }
  if (address.unit) {
    bool reversed = space.getReverse() && (timeLanes || rows);
    Value pointer = gep(data[argument], storage, getMemoryOffset(address));
    if (reversed) {
      value = reverseLanes(value);
      laneMask = laneMask ? reverseLanes(laneMask) : laneMask;
    }
    if (laneMask)
      LLVM::MaskedStoreOp::create(b, loc, value, pointer, laneMask,
                                  b.getI32IntegerAttr(alignment));
    else
      LLVM::StoreOp::create(b, loc, value, pointer, alignment);
    return;
  }
  if (!laneMask)
    laneMask = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(VectorType::get({width}, b.getI1Type()), true));
  LLVM::masked_scatter::create(b, loc, value,
                               getLanePointers(argument, address, storage),
                               laneMask, b.getI32IntegerAttr(alignment));
}

//===----------------------------------------------------------------------===//
// Complex numbers: both parts beside each other in memory
//===----------------------------------------------------------------------===//

/// Each lane twice.
Value CpuKernels::doubleLanes(Value vector) {
  SmallVector<int64_t> lanes;
  for (int64_t i = 0; i < 2 * width; ++i)
    lanes.push_back(i / 2);
  return vector::ShuffleOp::create(b, loc, vector, vector, lanes);
}

Value CpuKernels::loadPairs(unsigned argument, const Address &address,
                            Type storage, Value laneMask) {
  Type part = getPartType(storage);
  unsigned alignment = getAlignment(storage);
  if (!address.varies) {
    Value pointer = gep(data[argument], storage, address.offset);
    Value re = LLVM::LoadOp::create(b, loc, part, pointer, alignment);
    Value im = LLVM::LoadOp::create(b, loc, part, gep(pointer, part, i64(1)),
                                    alignment);
    return makePair(b, loc, re, im);
  }
  if (address.unit) {
    bool reversed = space.getReverse() && (timeLanes || rows);
    Value pointer = gep(data[argument], storage, getMemoryOffset(address));
    auto type = VectorType::get({2 * width}, part);
    Value both;
    if (laneMask)
      both = LLVM::MaskedLoadOp::create(
          b, loc, type, pointer,
          doubleLanes(reversed ? reverseLanes(laneMask) : laneMask),
          arith::ConstantOp::create(b, loc, b.getZeroAttr(type)).getResult(),
          alignment);
    else
      both = LLVM::LoadOp::create(b, loc, type, pointer, alignment);
    Value parts[2];
    for (int64_t first : {0, 1}) {
      SmallVector<int64_t> lanes;
      for (int64_t i = 0; i < width; ++i)
        lanes.push_back(2 * i + first);
      parts[first] = vector::ShuffleOp::create(b, loc, both, both, lanes);
    }
    Value pair = makePair(b, loc, parts[0], parts[1]);
    return reversed ? reverseLanes(pair) : pair;
  }
  if (!laneMask)
    laneMask = makeNumber(b, loc, VectorType::get({width}, b.getI1Type()), 1);
  auto type = VectorType::get({width}, part);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value pointers = getLanePointers(argument, address, storage);
  auto gather = [&]() -> Value {
    return LLVM::masked_gather::create(b, loc, type, pointers, laneMask,
                                       ValueRange{zero},
                                       b.getI32IntegerAttr(alignment));
  };
  Value re = gather();
  pointers = LLVM::GEPOp::create(b, loc, pointers.getType(), part, pointers,
                                 ArrayRef<LLVM::GEPArg>{1});
  return makePair(b, loc, re, gather());
}

void CpuKernels::storePairs(unsigned argument, const Address &address,
                            Value value, Value laneMask) {
  Type storage = getStorageType(signature.arguments[argument].element);
  Type part = getPartType(storage);
  unsigned alignment = getAlignment(storage);
  if (address.varies)
    value = vectorOf(value);
  Value re = getPart(b, loc, value, 0), im = getPart(b, loc, value, 1);
  if (!address.varies) {
    Value pointer = gep(data[argument], storage, address.offset);
    LLVM::StoreOp::create(b, loc, re, pointer, alignment);
    LLVM::StoreOp::create(b, loc, im, gep(pointer, part, i64(1)), alignment);
    return;
  }
  if (address.unit) {
    bool reversed = space.getReverse() && (timeLanes || rows);
    Value pointer = gep(data[argument], storage, getMemoryOffset(address));
    if (reversed) {
      re = reverseLanes(re);
      im = reverseLanes(im);
    }
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < width; ++i)
      lanes.append({i, width + i});
    Value both = vector::ShuffleOp::create(b, loc, re, im, lanes);
    if (laneMask)
      LLVM::MaskedStoreOp::create(
          b, loc, both, pointer,
          doubleLanes(reversed ? reverseLanes(laneMask) : laneMask),
          b.getI32IntegerAttr(alignment));
    else
      LLVM::StoreOp::create(b, loc, both, pointer, alignment);
    return;
  }
  if (!laneMask)
    laneMask = makeNumber(b, loc, VectorType::get({width}, b.getI1Type()), 1);
  Value pointers = getLanePointers(argument, address, storage);
  LLVM::masked_scatter::create(b, loc, re, pointers, laneMask,
                               b.getI32IntegerAttr(alignment));
  pointers = LLVM::GEPOp::create(b, loc, pointers.getType(), part, pointers,
                                 ArrayRef<LLVM::GEPArg>{1});
  LLVM::masked_scatter::create(b, loc, im, pointers, laneMask,
                               b.getI32IntegerAttr(alignment));
}

/// Asks for the lines that a later step will use.
void CpuKernels::prefetch(unsigned argument, AffineMap map,
                          const Address &address, Type type, bool write) {
  if (!stepsAhead || !address.unit)
    return;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (splitIndex(expr).dim != int(space.getTime()))
      continue;
    Value distance = mul(stepsAhead, strides[argument][axis]);
    Value offset = space.getReverse() ? sub(address.offset, distance)
                                      : add(address.offset, distance);
    Type element = signature.arguments[argument].element;
    Type storage = getStorageType(element);
    int64_t inLine = std::max<int64_t>(kLineBytes / getBytes(element), 1);
    for (int64_t lane = 0; lane < width; lane += inLine)
      LLVM::Prefetch::create(
          b, loc, gep(data[argument], storage, add(offset, i64(lane))),
          /*rw=*/write, /*hint=*/3, /*cache=*/1);
  }
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// Whether the schedule promises unit stride for what `map` reads of an
/// argument: it varies over time, and the lanes run along a declared axis.
bool CpuKernels::isContiguous(unsigned argument, AffineMap map) const {
  if (!schedule.getContiguous() || laneDim < 0 ||
      !map.isFunctionOfDim(space.getTime()))
    return false;
  const SignatureArgument &declared = signature.arguments[argument];
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    SignatureAccess access = splitIndex(expr);
    if (access.dim == laneDim && access.divisor == 1 && access.modulus == 0 &&
        declared.dims[axis] == laneDim)
      return true;
  }
  return false;
}

Value CpuKernels::loadInput(OpBuilder &builder, Location, unsigned input,
                            const InnerPoint &point) {
  b.restoreInsertionPoint(builder.saveInsertionPoint());
  if (square)
    if (auto table = square->inputs.find(input); table != square->inputs.end())
      return loadFromTable(
          table->second,
          getElementTypeOrSelf(scan.getInputs()[input].getType()));
  if (auto strip = inputStrips.find(input); strip != inputStrips.end())
    return loadFromStrip(strip->second, point);
  int64_t lag = scan.getInputLag(input);
  if (lag > 0)
    return loadLagged(input, lag, point);
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  Address address =
      getAddress(argument, map, point, isContiguous(argument, map));
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  if (folding)
    prefetch(argument, map, address, element, /*write=*/false);
  return load(argument, address, element, mask, {});
}

Value CpuKernels::loadLagged(unsigned input, int64_t lag,
                             const InnerPoint &point) {
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  Type element = getElementTypeOrSelf(scan.getInputs()[input].getType());
  // Number of this step (of the first lane) in its sequence.
  Value step = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), time)
                                  : sub(time, sequenceBegin);
  Value inside =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, step, i64(lag));
  Address plain = getAddress(argument, map, point, isContiguous(argument, map));
  Type type = getKernelType(element, plain.varies ? width : 0);
  // Numbers of 16 bits go through branches as integers: LLVM would widen a
  // float there, and narrow it again by a function that not every library has.
  Type element16 =
      element.isBF16() || element.isF16() ? b.getI16Type() : Type();
  auto cast = [&](Value value, Type to) -> Value {
    if (!element16)
      return value;
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      to = vector.clone(to);
    return arith::BitcastOp::create(b, loc, to, value);
  };
  if (element16)
    type = getKernelType(element16, plain.varies ? width : 0);
  auto loadBits = [&](unsigned from, const Address &at, Value lanes) {
    return cast(load(from, at, element, lanes, {}), element16);
  };
  auto branch = scf::IfOp::create(b, loc, TypeRange{type}, inside,
                                  /*withElse=*/true);
  OpBuilder::InsertionGuard keep(b); // returns to the point after the branch
  b.setInsertionPointToEnd(branch.thenBlock());
  scf::YieldOp::create(b, loc, ValueRange{loadBits(argument, plain, mask)});

  b.setInsertionPointToEnd(branch.elseBlock());
  Value before, laneStep = createLaneSteps();
  if (laneStep)
    laneStep = add(laneStep, vectorOf(step));
  // Lanes of this block that lie inside (lanes along time) read the input.
  if (int number = scan.getInputHistories()[input]; number >= 0) {
    AffineMap historyMap = scan.getHistoryMap(number);
    HistoryAxis axis;
    if (historyMap.getNumResults() == map.getNumResults())
      for (auto [k, expr] : llvm::enumerate(map.getResults()))
        if (splitIndex(expr).dim == int(space.getTime()))
          axis = {int(k), step};
    unsigned history = historyArguments[number];
    Address address = getAddress(history, historyMap, point, false, axis);
    Value lanes = mask;
    if (laneStep) {
      lanes = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, laneStep,
                                    vectorOf(i64(lag)));
      if (mask)
        lanes = arith::AndIOp::create(b, loc, lanes, mask);
    }
    before = loadBits(history, address, lanes);
    if (isVector(type))
      before = vectorOf(before);
  } else {
    before = element16 ? arith::ConstantOp::create(b, loc, b.getZeroAttr(type))
                       : makeNumber(b, loc, type, 0);
  }
  if (laneStep) {
    Value lanes = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge,
                                        laneStep, vectorOf(i64(lag)));
    Value active =
        mask ? Value(arith::AndIOp::create(b, loc, lanes, mask)) : lanes;
    before =
        selectParts(b, loc, lanes, loadBits(argument, plain, active), before);
  }
  scf::YieldOp::create(b, loc, ValueRange{before});
  b.setInsertionPointAfter(branch);
  return cast(branch.getResult(0), element);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

AffineMap CpuKernels::getResultMap(unsigned result) const {
  return getDimsMap(
      space,
      const_cast<ScanLikeOpInterface &>(scan).getOutput(result).getDims());
}

/// A result without some parallel dim is written by the first item along it.
/// Null if it has all of them.
Value CpuKernels::isFirstInMissingDims(AffineMap map) {
  Value first;
  for (unsigned dim : dims.parallel) {
    if (map.isFunctionOfDim(dim))
      continue;
    Value index = position[dim];
    if (int(dim) == laneDim && block)
      index = add(index, block);
    Value here =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, index, i64(0));
    first = first ? arith::AndIOp::create(b, loc, first, here) : here;
  }
  return first;
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

/// Steps in front of a segment of a step that is not affine, from whose start
/// its first guess comes.
static constexpr int64_t kWarmUpSteps = 64;

DictionaryAttr CpuKernels::describe() {
  uint64_t unitStride = 0;
  double bytes = 0;
  auto visit = [&](unsigned argument, AffineMap map, Type tensor) {
    if (!map.isFunctionOfDim(space.getTime()))
      return;
    if (isContiguous(argument, map))
      unitStride |= uint64_t(1) << argument;
    double lanes = laneDim >= 0 && !timeLanes && map.isFunctionOfDim(laneDim)
                       ? double(width)
                       : 1.0;
    Type element = getElementTypeOrSelf(tensor);
    bytes += lanes * getAlignment(getStorageType(element)) *
             (isa<ComplexType>(element) ? 2 : 1);
  };
  for (unsigned i = 0; i < scan.getInputs().size(); ++i)
    visit(inputArguments[i], scan.getInputMap(i),
          scan.getInputs()[i].getType());
  for (unsigned i = 0; i < scan->getNumResults(); ++i)
    if (!scan.getOutput(i).isFinal())
      visit(resultArguments[i], getResultMap(i), scan->getResult(i).getType());

  auto extent = [&](const ItemExtent &e) {
    return b.getDenseI64ArrayAttr(
        {e.constant, e.perProduct, int64_t(e.dimMask)});
  };
  SmallVector<int32_t> parallel(dims.parallel.begin(), dims.parallel.end());
  int64_t level = llvm::StringSwitch<int64_t>(schedule.getTarget())
                      .Case("x86-64-v4", 4)
                      .Case("x86-64-v3", 3)
                      .Default(0);
  std::string name =
      (schedule.getTarget() + (segmentLanes ? ", shooting" : "") +
       ", lanes along " + schedule.getLanes() + " x" + Twine(width) +
       (schedule.getContiguous() || segmentLanes ? "" : ", strided"))
          .str();
  NamedAttrList list;
  list.append("name", b.getStringAttr(name));
  // The runtime has no need of pack, which other kernels call.
  for (unsigned phase = Start; phase < symbols.size(); ++phase)
    if (!symbols[phase].empty())
      list.append(kPhaseNames[phase], b.getStringAttr(symbols[phase]));
  list.append("level", b.getI64IntegerAttr(level));
  list.append("parallel_dims", b.getDenseI32ArrayAttr(parallel));
  list.append("lane_dim", b.getI64IntegerAttr(timeLanes ? -1 : laneDim));
  list.append("contiguous_dim", b.getI64IntegerAttr(laneDim));
  list.append("item_lanes", b.getI64IntegerAttr(timeLanes ? 1 : width));
  list.append("unit_stride_mask", b.getI64IntegerAttr(unitStride));
  list.append("carry_bytes", extent(carry));
  list.append("summary_bytes", extent(summary));
  list.append("scratch_bytes", extent(scratch));
  list.append("segment_lanes", b.getI64IntegerAttr(segmentLanes ? width : 0));
  auto newton = dyn_cast<NewtonOp>(scan.getOperation());
  list.append(
      "number_bytes",
      b.getI64IntegerAttr(segmentLanes ? getBytes(carriers.front().type) : 0));
  list.append("warm_up", b.getI64IntegerAttr(segmentLanes ? kWarmUpSteps : 0));
  list.append("max_passes",
              b.getI64IntegerAttr(newton ? newton.getMaxIterations() : 0));
  list.append("step_latency_ns", b.getF64FloatAttr(stepLatency));
  list.append("step_cost_ns", b.getF64FloatAttr(stepCost));
  list.append("fold_cost_ns", b.getF64FloatAttr(foldCost));
  list.append("step_bytes", b.getF64FloatAttr(bytes));
  return b.getDictionaryAttr(list);
}
