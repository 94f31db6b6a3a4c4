//===-- compiler/Interpreter/Program.cpp - a step compiled for one tile
//-------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The execution of a tile: sequences, steps, starts, resets, finals.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/Program.h"

#include <cstring>

using namespace mlir;
using namespace recur;
using namespace recur::interpreter;
using llvm::SmallBitVector;

SmallVector<unsigned>
recur::interpreter::getStateLags(RecurrenceOpInterface op) {
  SmallVector<unsigned> lags(op.getNumStates(), 1);
  auto use = [&](StringRef state, uint64_t lag) {
    unsigned &most = lags[op.findState(state)];
    most = std::max<uint64_t>(most, lag);
  };
  op->walk([&](PrevOp prev) { use(prev.getState(), prev.getLag()); });
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (ResultAttr output = op.getOutput(i); output.isFinal())
      use(output.getFinalState().getValue(), output.getLag());
  if (auto scan = dyn_cast<ScanOp>(op.getOperation()))
    if (scan.getAlgebra().getStructure() == Structure::Companion)
      use(op.getState(0).getName().getValue(), scan.getAlgebra().getOrder());
  return lags;
}

Program::Program(Execution &execution, int64_t begin, int64_t end)
    : execution(execution), op(execution.op), space(op.getSpace()),
      starts(space.getRank(), 0), sizes(execution.sizes) {
  if (execution.tiledDim >= 0) {
    starts[execution.tiledDim] = begin;
    sizes[execution.tiledDim] = end - begin;
  }
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Program::Value *Program::makeValue(bool isComplex, bool moves,
                                   SmallBitVector dims) {
  dims.reset(space.getTime());
  if (space.getSegment() >= 0)
    dims.reset(space.getSegment());
  owned.push_back(std::make_unique<Value>());
  Value &value = *owned.back();
  value.isComplex = isComplex;
  value.moves = moves;
  value.dims = std::move(dims);
  value.strides.assign(space.getRank(), 0);
  return &value;
}

void Program::allocate(Value &value) {
  int64_t count = 1;
  for (unsigned dim : llvm::reverse(execution.order)) {
    if (!value.dims.test(dim))
      continue;
    value.strides[dim] = count;
    count *= sizes[dim];
  }
  value.storage.reset(
      new char[std::max<int64_t>(count, 1) * value.elementSize()]());
  value.count = count;
  value.base = value.storage.get();
}

void Program::emit(bool moves, Action action) {
  (moves ? body : prologue).push_back(std::move(action));
}

LoopNest Program::makeNest(const SmallBitVector &dims,
                           ArrayRef<const Value *> values) const {
  SmallVector<int64_t> nestSizes;
  SmallVector<Operand> operands(values.size());
  for (unsigned dim : execution.order) {
    if (!dims.test(dim))
      continue;
    nestSizes.push_back(sizes[dim]);
    for (auto [operand, value] : llvm::zip(operands, values))
      operand.strides.push_back(value->strides[dim]);
  }
  for (auto [operand, value] : llvm::zip(operands, values))
    operand.elementSize = value->elementSize();
  return LoopNest(nestSizes, operands);
}

//===----------------------------------------------------------------------===//
// Starts, resets, results
//===----------------------------------------------------------------------===//

static void fill(Attribute literal, bool isComplex, char *out, int64_t count) {
  auto part = [](Attribute attr) {
    if (auto integer = dyn_cast<IntegerAttr>(attr))
      return integer.getType().isInteger(1)
                 ? double(!integer.getValue().isZero())
                 : double(integer.getInt());
    return cast<FloatAttr>(attr).getValueAsDouble();
  };
  if (isComplex) {
    auto pair = cast<ArrayAttr>(literal);
    std::complex<double> number(part(pair[0]), part(pair[1]));
    std::fill_n(reinterpret_cast<std::complex<double> *>(out), count, number);
  } else {
    std::fill_n(reinterpret_cast<double *>(out), count, part(literal));
  }
}

Program::Value *Program::emitConstant(Attribute attr, Type type) {
  Value *value = makeValue(isa<ComplexType>(type), /*moves=*/false,
                           SmallBitVector(space.getRank()));
  allocate(*value);
  fill(attr, value->isComplex, value->base, 1);
  return value;
}

int64_t Program::getSegmentOffset(const Access &access) const {
  int dim = space.getSegment();
  if (dim < 0)
    return 0;
  return access.tables[dim].empty() ? access.strides[dim] * segment
                                    : access.tables[dim][segment];
}

void Program::fillStart(unsigned number, unsigned lag) {
  Attribute start = op.getState(number).getStart(lag);
  Value &value = *states[number].starts[lag - 1];
  int init = StateAttr::getInitOperand(start);
  if (init < 0)
    return fill(start, value.isComplex, value.base, value.count);
  Access access(op.getInitMap(init), space, *execution.inits[init],
                execution.sizes);
  int64_t offset = getSegmentOffset(access);
  SmallVector<unsigned> dims;
  for (unsigned dim : execution.order)
    if (value.dims.test(dim))
      dims.push_back(dim);
  if (value.count > 0)
    access.copy(value.base, dims, starts, sizes, offset);
}

void Program::emitReset(Value *reset) {
  for (State &state : states) {
    Kernel kernel = getResetKernel(state.next->isComplex);
    LoopNest nest = makeNest(state.next->dims, {state.next, reset, state.next});
    for (auto [slot, start] : llvm::zip(state.slots, state.starts))
      emit(/*moves=*/true, [=, slot = slot, start = start](const Moment &) {
        nest.run(kernel, {slot->base, reset->base, start->base});
      });
  }
}

Program::Value Program::getResultView(unsigned number) {
  Array &array = execution.results[number];
  ResultAttr output = op.getOutput(number);
  Value view;
  view.isComplex = array.isComplex();
  view.dims.resize(space.getRank());
  view.strides.assign(space.getRank(), 0);
  view.base = view.isComplex ? reinterpret_cast<char *>(array.complex().data())
                             : reinterpret_cast<char *>(array.real().data());
  SmallVector<int64_t> axisStrides = getStrides(array.shape);
  for (auto [name, stride] : llvm::zip(output.getDims(), axisStrides)) {
    int dim = space.find(name.getValue());
    view.dims.set(dim);
    view.strides[dim] = stride;
    view.base += starts[dim] * stride * view.elementSize();
  }
  return view;
}

void Program::emitStore(unsigned number, Value *value) {
  Value view = getResultView(number);
  int64_t step = view.strides[space.getTime()] * view.elementSize();
  char *base = view.base;
  Kernel kernel = getCopyKernel(view.isComplex);
  LoopNest nest = makeNest(view.dims, {&view, value});
  emit(/*moves=*/true, [=](const Moment &now) {
    nest.run(kernel, {base + now.time * step, value->base});
  });
}

void Program::storeFinals(int64_t segment) {
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    ResultAttr output = op.getOutput(i);
    if (!output.isFinal())
      continue;
    State &state = states[op.findState(output.getFinalState().getValue())];
    Value *value = state.slots[output.getLag() - 1];
    Value view = getResultView(i);
    char *base = view.base;
    if (int dim = space.getSegment(); dim >= 0)
      base += segment * view.strides[dim] * view.elementSize();
    makeNest(view.dims, {&view, value})
        .run(getCopyKernel(view.isComplex), {base, value->base});
  }
}

void Program::emitUpdate(unsigned number, Value *value) {
  Value *next = states[number].next;
  Kernel kernel = getCopyKernel(next->isComplex);
  LoopNest nest = makeNest(next->dims, {next, value});
  emit(/*moves=*/true,
       [=](const Moment &) { nest.run(kernel, {next->base, value->base}); });
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

LogicalResult Program::build() {
  for (auto [i, lags] : llvm::enumerate(getStateLags(op))) {
    StateAttr state = op.getState(i);
    SmallBitVector dims(space.getRank());
    for (StringAttr name : state.getDims())
      dims.set(space.find(name.getValue()));
    auto make = [&]() {
      Value *value =
          makeValue(isa<ComplexType>(state.getType()), /*moves=*/true, dims);
      allocate(*value);
      return value;
    };
    State &made = states.emplace_back();
    made.next = make();
    for (unsigned lag = 1; lag <= lags; ++lag) {
      made.slots.push_back(make());
      made.starts.push_back(make());
    }
  }
  SmallVector<Value *> arguments;
  for (unsigned i = 0; i < op.getInputs().size(); ++i)
    arguments.push_back(emitInput(i));

  auto scan = dyn_cast<ScanLikeOpInterface>(op.getOperation());
  SmallVector<Value *> outputs;
  if (scan) {
    if (failed(emitScan(scan, arguments, outputs)))
      return failure();
  } else {
    auto recurrence = cast<RecurrenceOp>(op.getOperation());
    if (recurrence.getHasReset())
      emitReset(arguments.back());
    SmallVector<Value *> yielded;
    if (failed(emitRegion(recurrence.getStep(), arguments, yielded)))
      return failure();
    for (unsigned i = 0; i < states.size(); ++i)
      emitUpdate(i, yielded[i]);
    outputs.assign(yielded.begin() + states.size(), yielded.end());
  }
  unsigned next = 0;
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (!op.getOutput(i).isFinal())
      emitStore(i, outputs[next++]);
  return success();
}

void Program::run() {
  for (const Action &action : prologue)
    action({0, 0});
  for (segment = 0; segment + 1 < int64_t(execution.segments.size());
       ++segment) {
    int64_t begin = execution.segments[segment];
    int64_t end = execution.segments[segment + 1];
    for (auto [i, state] : llvm::enumerate(states))
      for (unsigned lag = 1; lag <= state.slots.size(); ++lag) {
        fillStart(i, lag);
        Value &start = *state.starts[lag - 1];
        std::memcpy(state.slots[lag - 1]->base, start.base,
                    start.count * start.elementSize());
      }
    for (int64_t elapsed = 0; elapsed < end - begin; ++elapsed) {
      Moment now = {space.getReverse() ? end - 1 - elapsed : begin + elapsed,
                    elapsed};
      for (const Action &action : body)
        action(now);
      for (State &state : states) {
        char *oldest = state.slots.back()->base;
        for (unsigned slot = state.slots.size() - 1; slot > 0; --slot)
          state.slots[slot]->base = state.slots[slot - 1]->base;
        state.slots[0]->base = state.next->base;
        state.next->base = oldest;
      }
    }
    storeFinals(segment);
  }
}
