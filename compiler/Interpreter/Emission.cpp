//===-- compiler/Interpreter/Emission.cpp - from ops to loops
//------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Turns inputs, ops and the operators of a scan into actions on arrays.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/Program.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"

#include <cstring>

using namespace mlir;
using namespace recur;
using namespace recur::interpreter;
using llvm::SmallBitVector;

//===----------------------------------------------------------------------===//
// Sources of values
//===----------------------------------------------------------------------===//

Program::Value *Program::emitInput(unsigned number) {
  const Array &array = *execution.inputs[number];
  AffineMap map = op.getInputMap(number);
  int64_t lag = op.getInputLag(number);
  accesses.push_back(
      std::make_unique<Access>(map, space, array, execution.sizes));
  const Access *access = accesses.back().get();
  bool perSegment =
      space.getSegment() >= 0 && map.isFunctionOfDim(space.getSegment());
  Value *value = makeValue(array.isComplex(), /*moves=*/lag >= 0 || perSegment,
                           getMapDims(map, space));
  int64_t step = access->strides[space.getTime()];

  // A linear access without a lag is a view of the argument.
  if (lag == 0 && access->isLinear()) {
    int64_t offset = access->offset;
    for (unsigned dim : execution.order) {
      value->strides[dim] = access->strides[dim];
      offset += starts[dim] * access->strides[dim];
    }
    const char *base = access->data + offset * access->elementSize;
    emit(/*moves=*/true,
         [=, bytes = step * access->elementSize](const Moment &now) {
           value->base = const_cast<char *>(base) + now.time * bytes;
         });
    return value;
  }

  allocate(*value);
  SmallVector<unsigned> dims;
  for (unsigned dim : execution.order)
    if (value->dims.test(dim))
      dims.push_back(dim);
  if (lag < 0) {
    if (value->count > 0)
      emit(/*moves=*/perSegment, [=, this](const Moment &) {
        access->copy(value->base, dims, starts, sizes,
                     getSegmentOffset(*access));
      });
    return value;
  }

  // The values before the start are zero or those of the history. Where time
  // was, its map names the position that the first step reads; the next ones
  // follow it.
  const Access *history = nullptr;
  int64_t forward = 0;
  if (int32_t which = op.getInputHistories()[number]; which >= 0) {
    const Array &before = *execution.histories[which];
    accesses.push_back(std::make_unique<Access>(op.getHistoryMap(which), space,
                                                before, execution.sizes));
    history = accesses.back().get();
    if (before.shape.size() == array.shape.size())
      for (auto [expr, stride] :
           llvm::zip(map.getResults(), getStrides(before.shape)))
        if (getIndexDim(expr) == int(space.getTime()))
          forward = stride;
  }
  int64_t direction = space.getReverse() ? 1 : -1;
  emit(/*moves=*/true, [=, this](const Moment &now) {
    if (value->count == 0)
      return;
    if (now.elapsed >= lag)
      access->copy(value->base, dims, starts, sizes,
                   (now.time + direction * lag) * step);
    else if (history)
      history->copy(value->base, dims, starts, sizes, now.elapsed * forward);
    else
      std::memset(value->base, 0, value->count * value->elementSize());
  });
  return value;
}

Program::Value *Program::emitPrev(unsigned number, unsigned lag,
                                  std::optional<ArrayAttr> indices) {
  Value *slot = states[number].slots[lag - 1];
  if (!indices)
    return slot;
  SmallVector<unsigned> dims;
  for (StringAttr name : op.getState(number).getDims())
    dims.push_back(space.find(name.getValue()));
  return emitView(slot, dims, indices->getValue());
}

Program::Value *Program::emitView(Value *source, ArrayRef<unsigned> from,
                                  ArrayRef<Attribute> to) {
  Value *view = makeValue(source->isComplex, source->moves,
                          SmallBitVector(space.getRank()));
  int64_t offset = 0;
  for (unsigned dim : execution.order) {
    if (!source->dims.test(dim))
      continue;
    auto it = llvm::find(from, dim);
    int target = dim;
    if (it != from.end()) {
      Attribute position = to[it - from.begin()];
      auto constant = dyn_cast<IntegerAttr>(position);
      if (constant) {
        offset += constant.getInt() * source->strides[dim];
        continue;
      }
      target = space.find(cast<StringAttr>(position).getValue());
    }
    view->dims.set(target);
    view->strides[target] += source->strides[dim];
  }
  int64_t bytes = offset * source->elementSize();
  emit(view->moves, [=](const Moment &) { view->base = source->base + bytes; });
  return view;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Program::Value *Program::emitMap(Kernel kernel, ArrayRef<Value *> operands,
                                 SmallBitVector dims, bool isComplex) {
  bool moves = llvm::any_of(operands, [](Value *v) { return v->moves; });
  Value *out = makeValue(isComplex, moves, dims);
  allocate(*out);
  SmallVector<const Value *, 4> all = {out};
  all.append(operands.begin(), operands.end());
  emit(moves, [=, nest = makeNest(out->dims, all)](const Moment &) {
    SmallVector<char *, 4> bases;
    for (const Value *value : all)
      bases.push_back(value->base);
    nest.run(kernel, bases);
  });
  return out;
}

Program::Value *Program::emitReduce(const ReductionKernels &kernels,
                                    Value *operand, const SmallBitVector &over,
                                    const SmallBitVector &dims) {
  Value *total = makeValue(operand->isComplex, operand->moves, dims);
  allocate(*total);
  SmallBitVector everything = operand->dims;
  everything |= over;
  auto reset = [this](Value *value, double identity) {
    emit(value->moves, [=](const Moment &) {
      if (value->isComplex)
        std::fill_n(reinterpret_cast<std::complex<double> *>(value->base),
                    value->count, std::complex<double>(identity));
      else
        std::fill_n(reinterpret_cast<double *>(value->base), value->count,
                    identity);
    });
  };
  reset(total, kernels.identity);
  emit(total->moves, [=, nest = makeNest(everything, {total, operand}),
                      kernel = kernels.accumulate](const Moment &) {
    nest.run(kernel, {total->base, operand->base});
  });
  if (!kernels.accumulateExp)
    return total;
  Value *sum = makeValue(/*isComplex=*/false, operand->moves, dims);
  allocate(*sum);
  reset(sum, 0);
  emit(total->moves, [=, nest = makeNest(everything, {sum, operand, total}),
                      kernel = kernels.accumulateExp](const Moment &) {
    nest.run(kernel, {sum->base, operand->base, total->base});
  });
  return emitMap(kernels.finish, {total, sum}, total->dims,
                 /*isComplex=*/false);
}

FailureOr<Program::Value *> Program::emitOp(Operation &operation,
                                            const SmallBitVector &dims) {
  auto toDims = [&](ArrayAttr names) {
    SmallVector<unsigned> list;
    for (auto name : names.getAsRange<StringAttr>())
      list.push_back(space.find(name.getValue()));
    return list;
  };
  if (auto prev = dyn_cast<PrevOp>(operation))
    return emitPrev(op.findState(prev.getState()), prev.getLag(),
                    prev.getIndices());
  if (auto at = dyn_cast<AtOp>(operation))
    return emitView(values.lookup(at.getOperand()), toDims(at.getFrom()),
                    at.getTo().getValue());
  if (auto same = dyn_cast<SameOp>(operation)) {
    Value *value = makeValue(/*isComplex=*/false, /*moves=*/false, dims);
    allocate(*value);
    int first = space.find(same.getFirst()),
        second = space.find(same.getSecond());
    auto *numbers = reinterpret_cast<double *>(value->base);
    std::fill_n(numbers, value->count, 0.0);
    for (int64_t k = 0; k < std::min(sizes[first], sizes[second]); ++k)
      numbers[k * (value->strides[first] + value->strides[second])] = 1;
    return value;
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(operation)) {
    if (isa<FloatAttr, IntegerAttr>(constant.getValue()))
      return emitConstant(constant.getValue(), constant.getType());
  } else if (auto constant = dyn_cast<complex::ConstantOp>(operation)) {
    return emitConstant(constant.getValue(), constant.getType());
  } else if (auto reduce = dyn_cast<ReduceOp>(operation)) {
    Value *operand = values.lookup(reduce.getOperand());
    ReductionKernels kernels =
        getReductionKernels(reduce.getKind(), operand->isComplex);
    if (!kernels.accumulate)
      return operation.emitError() << "complex numbers have no "
                                   << stringifyReductionKind(reduce.getKind());
    SmallBitVector over(space.getRank());
    for (unsigned dim : toDims(reduce.getDims()))
      over.set(dim);
    return emitReduce(kernels, operand, over, dims);
  } else if (auto combine = dyn_cast<CombineOp>(operation)) {
    if (!combined || combined.getMonoid() != combine.getMonoid() ||
        combined.getEarlier() != combine.getEarlier() ||
        combined.getLater() != combine.getLater()) {
      auto lookup = [&](mlir::Value value) { return values.lookup(value); };
      FailureOr<SmallVector<Value *>> members =
          emitCombination(SymbolTable::lookupNearestSymbolFrom<MonoidOp>(
                              op, combine.getMonoidAttr()),
                          llvm::map_to_vector(combine.getEarlier(), lookup),
                          llvm::map_to_vector(combine.getLater(), lookup));
      if (failed(members))
        return failure();
      combined = combine;
      combination = *members;
    }
    return combination[combine.getMember()];
  } else if (operation.getNumResults() == 1) {
    if (Kernel kernel = getElementwiseKernel(&operation)) {
      SmallVector<Value *> operands;
      for (mlir::Value operand : operation.getOperands())
        operands.push_back(values.lookup(operand));
      return emitMap(kernel, operands, dims,
                     isa<ComplexType>(operation.getResult(0).getType()));
    }
  }
  return operation.emitError() << "the interpreter does not know '"
                               << operation.getName() << "' on these types";
}

FailureOr<SmallVector<Program::Value *>>
Program::emitCombination(MonoidOp monoid, ArrayRef<Value *> earlier,
                         ArrayRef<Value *> later) {
  Block &body = monoid.getCombine().front();
  SmallVector<Value *> arguments(earlier);
  llvm::append_range(arguments, later);
  for (auto [argument, value] : llvm::zip(body.getArguments(), arguments))
    values[argument] = value;
  for (Operation &operation : body.without_terminator()) {
    SmallBitVector dims(space.getRank());
    for (mlir::Value operand : operation.getOperands())
      dims |= values.lookup(operand)->dims;
    FailureOr<Value *> value = emitOp(operation, dims);
    if (failed(value))
      return failure();
    values[operation.getResult(0)] = *value;
  }
  return llvm::map_to_vector(
      body.getTerminator()->getOperands(),
      [&](mlir::Value value) { return values.lookup(value); });
}

LogicalResult Program::emitRegion(Region &region, ArrayRef<Value *> arguments,
                                  SmallVectorImpl<Value *> &yielded) {
  IndexSets sets = IndexSets::compute(region, op);
  for (auto [argument, value] : llvm::zip(region.getArguments(), arguments))
    values[argument] = value;
  for (Operation &operation : region.front().without_terminator()) {
    SmallBitVector dims(space.getRank());
    if (operation.getNumResults() > 0)
      dims = sets.get(operation.getResult(0));
    FailureOr<Value *> value = emitOp(operation, dims);
    if (failed(value))
      return failure();
    values[operation.getResult(0)] = *value;
  }
  for (mlir::Value value : region.front().getTerminator()->getOperands())
    yielded.push_back(values.lookup(value));
  return success();
}

//===----------------------------------------------------------------------===//
// Scans
//===----------------------------------------------------------------------===//

/// The reduction that is the repeated sum of a semiring.
static ReductionKind getReduction(Semiring semiring) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return ReductionKind::Sum;
  case Semiring::MaxPlus:
  case Semiring::OrAnd:
    return ReductionKind::Max;
  case Semiring::MinPlus:
    return ReductionKind::Min;
  case Semiring::LogSumExp:
    return ReductionKind::LogSumExp;
  }
  return ReductionKind::Sum;
}

/// a (x) h (+) b for the elements of a scan.
LogicalResult Program::emitAffine(ScanLikeOpInterface scan,
                                  ArrayRef<Value *> elements,
                                  SmallVectorImpl<Value *> &news) {
  AlgebraAttr algebra = scan.getAlgebra();
  Semiring semiring = algebra.getSemiring();
  for (State &state : states)
    if (!getSemiringSum(semiring, state.next->isComplex))
      return scan->emitError() << "complex numbers have no semiring "
                               << stringifySemiring(semiring);

  auto combine = [&](Kernel kernel, Value *lhs, Value *rhs) {
    SmallBitVector dims = lhs->dims;
    dims |= rhs->dims;
    return emitMap(kernel, {lhs, rhs}, dims, lhs->isComplex);
  };
  auto sum = [&](Value *lhs, Value *rhs) {
    return combine(getSemiringSum(semiring, lhs->isComplex), lhs, rhs);
  };
  auto product = [&](Value *lhs, Value *rhs) {
    return combine(getSemiringProduct(semiring, lhs->isComplex), lhs, rhs);
  };

  int64_t order = algebra.getOrder();
  switch (algebra.getStructure()) {
  case Structure::Diagonal:
  case Structure::OuterProduct:
    for (unsigned i = 0; i < states.size(); ++i)
      news.push_back(sum(product(elements[2 * i], states[i].slots[0]),
                         elements[2 * i + 1]));
    break;
  case Structure::Companion: {
    Value *total = elements.back();
    for (int64_t k = 0; k < order; ++k)
      total = sum(product(elements[k], states[0].slots[k]), total);
    news.push_back(total);
    break;
  }
  case Structure::Monoid: {
    SmallVector<Value *> before, element(elements);
    for (State &state : states)
      before.push_back(state.slots[0]);
    element.resize(states.size());
    FailureOr<SmallVector<Value *>> both =
        getPrepends(scan)
            ? emitCombination(getMonoidOp(scan), element, before)
            : emitCombination(getMonoidOp(scan), before, element);
    if (failed(both))
      return failure();
    for (auto [value, part] : llvm::zip(*both, element)) {
      news.push_back(value);
      if (elements.size() == states.size())
        continue;
      // Where the last number is zero the element replaces what was before.
      SmallBitVector dims = value->dims;
      dims |= elements.back()->dims;
      news.back() = emitMap(getChooseKernel(), {elements.back(), value, part},
                            dims, /*isComplex=*/false);
    }
    break;
  }
  case Structure::Block:
    if (std::optional<ArrayAttr> pair = scan.getBlockDims()) {
      unsigned row = space.find(cast<StringAttr>((*pair)[0]).getValue());
      unsigned column = space.find(cast<StringAttr>((*pair)[1]).getValue());
      Value *previous = emitView(states[0].slots[0], {row}, {(*pair)[1]});
      Value *products = product(elements[0], previous);
      SmallBitVector over(space.getRank()), dims = products->dims;
      over.set(column);
      dims.reset(column);
      Value *total = emitReduce(
          getReductionKernels(getReduction(semiring), products->isComplex),
          products, over, dims);
      news.push_back(sum(total, elements[1]));
      break;
    }
    for (int64_t i = 0; i < order; ++i) {
      Value *total = elements[order * order + i];
      for (int64_t j = 0; j < order; ++j)
        total =
            sum(product(elements[i * order + j], states[j].slots[0]), total);
      news.push_back(total);
    }
    break;
  }
  return success();
}

/// The new states among the elements of a newton: those in the places of b.
static SmallVector<unsigned> getNewStates(ScanLikeOpInterface newton) {
  unsigned count = newton.getNumStates();
  bool dense = newton.getAlgebra().getStructure() == Structure::Block &&
               !newton.getBlockDims();
  SmallVector<unsigned> places;
  for (unsigned i = 0; i < count; ++i)
    places.push_back(dense ? count * count + i : 2 * i + 1);
  return places;
}

LogicalResult Program::emitScan(ScanLikeOpInterface scan,
                                ArrayRef<Value *> inputs,
                                SmallVectorImpl<Value *> &outputs) {
  SmallVector<Value *> before(inputs), elements, news;
  if (!scan.isAffine())
    for (State &state : states)
      before.push_back(state.slots[0]);
  if (failed(emitRegion(scan.getElements(), before, elements)))
    return failure();
  if (scan.isAffine()) {
    if (failed(emitAffine(scan, elements, news)))
      return failure();
  } else {
    for (unsigned place : getNewStates(scan))
      news.push_back(elements[place]);
  }

  SmallVector<Value *> arguments(inputs);
  for (unsigned i = 0; i < states.size(); ++i) {
    emitUpdate(i, news[i]);
    for (unsigned lag = 0; lag < scan.getReadLags(); ++lag)
      arguments.push_back(states[i].slots[lag]);
    arguments.push_back(news[i]);
  }
  return emitRegion(scan.getReadout(), arguments, outputs);
}
