//===-- GpuPhases.cpp - fold, combine and replay on a GPU -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The phases of the engine over the steps of a segment, one thread for each
/// segment.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/GpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

//===----------------------------------------------------------------------===//
// The phases' sinks: what becomes of (a, b) at each inner point
//===----------------------------------------------------------------------===//

/// E := A E + b, P := A P.
class GpuKernels::FoldSink final : public StepSink {
public:
  FoldSink(GpuKernels &kernels, Registers &exit, Registers &transition)
      : k(kernels), exit(exit), transition(transition) {}

  Moved advance(OpBuilder &builder, Location, const Carrier &carrier,
                const Transition &map, const InnerPoint &point) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    AlgebraEmitter algebra = k.getAlgebra(carrier);
    k.writeVector(
        exit, Summary::State, carrier, point,
        algebra.apply(carrier, map,
                      k.readVector(exit, Summary::State, carrier, point)));
    k.multiply(transition, carrier, map, point);
    return {};
  }

private:
  GpuKernels &k;
  Registers &exit, &transition;
};

SmallVector<mlir::Value> GpuKernels::StateSink::enter(OpBuilder &builder,
                                                      Location,
                                                      const Carrier &carrier,
                                                      const InnerPoint &point) {
  kernels.b.restoreInsertionPoint(builder.saveInsertionPoint());
  return llvm::to_vector(
      kernels.readVector(states, Summary::State, carrier, point));
}

Value GpuKernels::StateSink::reload(OpBuilder &builder, Location,
                                    unsigned state, const InnerPoint &point) {
  kernels.b.restoreInsertionPoint(builder.saveInsertionPoint());
  return kernels.readState(states, state, point);
}

void GpuKernels::StateSink::store(OpBuilder &builder, Location, unsigned result,
                                  Value value, const InnerPoint &point) {
  kernels.b.restoreInsertionPoint(builder.saveInsertionPoint());
  if (writes)
    kernels.storeResult(result, point, value);
}

/// h := A h + b, and the outputs.
class GpuKernels::ReplaySink final : public StateSink {
public:
  ReplaySink(GpuKernels &kernels, Registers &carry, bool writes)
      : StateSink(kernels, carry, writes), k(kernels) {}

  Moved advance(OpBuilder &builder, Location, const Carrier &carrier,
                const Transition &map, const InnerPoint &point) override {
    k.b.restoreInsertionPoint(builder.saveInsertionPoint());
    std::vector<Value> previous =
        k.readVector(states, Summary::State, carrier, point);
    std::vector<Value> next =
        k.getAlgebra(carrier).apply(carrier, map, previous);
    k.writeVector(states, Summary::State, carrier, point, next);
    return {SmallVector<Value>(previous.begin(), previous.end()),
            SmallVector<Value>(next.begin(), next.end())};
  }

private:
  GpuKernels &k;
};

//===----------------------------------------------------------------------===//
// The phases
//===----------------------------------------------------------------------===//

/// carry := start state.
void GpuKernels::emitStart(Registers &carry) {
  (void)forEachChannel([&] {
    for (const Carrier &carrier : carriers)
      forEachPoint(carrier, [&](const InnerPoint &point) {
        writeVector(carry, Summary::State, carrier, point,
                    createStarts(carrier, point));
      });
    return success();
  });
}

/// (P, E) of a segment, from the identity.
LogicalResult GpuKernels::emitFold() {
  Registers exit = makeRegisters(Summary::State),
            transition = makeRegisters(Summary::Transition);
  for (const Carrier &carrier : carriers)
    forEachPoint(carrier, [&](const InnerPoint &point) {
      Transition identity = getAlgebra(carrier).identity(carrier);
      SmallVector<Value> rest;
      for (const std::optional<Value> &zero : identity.rest)
        rest.push_back(*zero);
      writeVector(exit, Summary::State, carrier, point, rest);
      writeVector(transition, Summary::Transition, carrier, point,
                  identity.entries);
    });
  FoldSink sink(*this, exit, transition);
  if (failed(emitSteps({&exit, &transition}, sink, /*withReadout=*/false)))
    return failure();
  auto storeAll = [&](Registers &registers, Summary summary,
                      const Carrier &carrier, const InnerPoint &point) {
    for (auto [i, value] :
         llvm::enumerate(readVector(registers, summary, carrier, point)))
      store(getSlot(summary, carrier, point, i64(i)), value);
  };
  for (const Carrier &carrier : carriers)
    if (inRegisters(carrier))
      forEachPoint(carrier, [&](const InnerPoint &point) {
        storeAll(exit, Summary::State, carrier, point);
        storeAll(transition, Summary::Transition, carrier, point);
      });
  return success();
}

/// The exclusive prefix over the segments of an item: E becomes the entry
/// state; what leaves the last segment is final.
void GpuKernels::emitCombine() {
  for (const Carrier &carrier : carriers)
    forEachPoint(carrier, [&](const InnerPoint &point) {
      std::vector<Value> starts = createStarts(carrier, point);
      auto loop =
          scf::ForOp::create(b, loc, i64(0), segments, i64(1),
                             SmallVector<Value>(starts.begin(), starts.end()));
      {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(loop.getBody());
        segment = loop.getInductionVar();
        auto entries = loop.getRegionIterArgs();
        auto loadNumber = [&](Summary summary, unsigned i) {
          return load(getSlot(summary, carrier, point, i64(i)), carrier.type);
        };
        Transition map{carrier.product, {}, {}};
        for (unsigned i = 0; i < carrier.size; ++i)
          map.rest.push_back(loadNumber(Summary::State, i));
        for (unsigned i = 0; i < carrier.product.count(); ++i)
          map.entries.push_back(loadNumber(Summary::Transition, i));
        for (auto [i, entry] : llvm::enumerate(entries))
          store(getSlot(Summary::State, carrier, point, i64(i)), entry);
        std::vector<Value> carried = getAlgebra(carrier).apply(
            carrier, map, std::vector<Value>(entries.begin(), entries.end()));
        scf::YieldOp::create(
            b, loc, SmallVector<Value>(carried.begin(), carried.end()));
      }
      for (unsigned i = 0; i < scan->getNumResults(); ++i) {
        ResultAttr output = scan.getOutput(i);
        if (!output.isFinal())
          continue;
        unsigned state = scan.findState(output.getFinalState().getValue());
        if (getNumber(carrier) != carrierOf[state])
          continue;
        if (carrier.row < 0) {
          storeResult(i, point,
                      loop.getResult(carrier.states > 1 ? state - carrier.state
                                                        : output.getLag() - 1));
          continue;
        }
        for (unsigned row = 0; row < carrier.size; ++row) {
          InnerPoint at = point;
          at[carrier.row] = i64(row);
          storeResult(i, at, loop.getResult(row));
        }
      }
    });
}

/// A segment's outputs from its entry state; carry := exit state.
LogicalResult GpuKernels::emitReplay(Registers &carry, bool writes) {
  ReplaySink sink(*this, carry, writes);
  onlyReads = !writes;
  LogicalResult result = emitSteps({&carry}, sink, /*withReadout=*/true);
  onlyReads = false;
  return result;
}

/// Writes the final states.
void GpuKernels::emitFinish(Registers &carry) {
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    ResultAttr output = scan.getOutput(i);
    if (!output.isFinal())
      continue;
    unsigned state = scan.findState(output.getFinalState().getValue());
    forEachPoint(state, [&](const InnerPoint &point) {
      storeResult(i, point, readState(carry, state, point, output.getLag()));
    });
  }
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

void GpuKernels::setStep(Value number) {
  step = number;
  time = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), step)
                            : add(sequenceBegin, step);
}

/// Those that every step reads at one place, which the step number alone says.
SmallVector<unsigned> GpuKernels::findLoadedAhead() {
  SmallVector<unsigned> found;
  // What is affine has schedules of its own for few channels.
  if (scan.isAffine())
    return found;
  for (unsigned input = 0, e = scan.getInputs().size(); input < e; ++input) {
    AffineMap map = scan.getInputMap(input);
    if (scan.getInputLag(input) > 0 || scan.getInputHistories()[input] >= 0 ||
        !map.isFunctionOfDim(space.getTime()) ||
        llvm::any_of(dims.inner,
                     [&](unsigned dim) { return map.isFunctionOfDim(dim); }))
      continue;
    if (llvm::any_of(
            SmallVector<Region *>{&scan.getElements(), &scan.getReadout()},
            [&](Region *region) {
              return !region->getArgument(input).use_empty();
            }))
      found.push_back(input);
  }
  return found;
}

/// Steps whose inputs are loaded before those of the steps in front of them are
/// used, where a step takes long: as long as memory takes, if the values of so
/// many inputs leave registers to the steps. Where a thread has several
/// channels, threads are few.
int64_t GpuKernels::getStepsAhead(ArrayRef<unsigned> inputs) {
  if (inputs.size() > 4)
    return 4;
  auto isWord = [&](unsigned input) {
    return getBytes(getElementTypeOrSelf(scan.getInputs()[input].getType())) <=
           4;
  };
  return (hasFewThreads || channels > 1) && inputs.size() <= 3 &&
                 llvm::all_of(inputs, isWord)
             ? 16
             : 8;
}

/// The steps of a segment; `carried` goes from step to step. One step, known to
/// be one, is no loop.
LogicalResult GpuKernels::emitSteps(ArrayRef<Registers *> carried,
                                    StepSink &sink, bool withReadout) {
  Value begin = stepBegin;
  bool isOne =
      getConstantIntValue(stepBegin) == 0 && getConstantIntValue(stepEnd) == 1;
  if (SmallVector<unsigned> inputs = findLoadedAhead();
      !isOne && !inputs.empty()) {
    int64_t ahead = getStepsAhead(inputs);
    Value steps =
        arith::MaxSIOp::create(b, loc, sub(stepEnd, stepBegin), i64(0));
    Value end = add(
        begin, sub(steps, arith::RemUIOp::create(b, loc, steps, i64(ahead))));
    if (failed(emitAheadLoop(carried, sink, withReadout, begin, end)))
      return failure();
    begin = end;
  }
  return emitStepLoop(carried, sink, withReadout, begin, stepEnd);
}

SmallVector<mlir::Value *> GpuKernels::getSlots(ArrayRef<Registers *> all) {
  SmallVector<Value *> slots;
  for (Registers *registers : all)
    for (auto &list : *registers)
      for (Value &value : list)
        slots.push_back(&value);
  return slots;
}

LogicalResult GpuKernels::emitStep(StepSink &sink, bool withReadout) {
  return forEachChannel([&]() -> LogicalResult {
    OpBuilder body(b);
    LogicalResult emitted = emitter.emitStep(body, sink, withReadout);
    b.restoreInsertionPoint(body.saveInsertionPoint());
    return emitted;
  });
}

/// One step after the other.
LogicalResult GpuKernels::emitStepLoop(ArrayRef<Registers *> carried,
                                       StepSink &sink, bool withReadout,
                                       Value begin, Value end) {
  SmallVector<Value *> slots = getSlots(carried);
  SmallVector<Value> values;
  for (Value *slot : slots)
    values.push_back(*slot);
  auto emitStepAt = [&](Value number) -> LogicalResult {
    setStep(number);
    beginStep();
    LogicalResult emitted = emitStep(sink, withReadout);
    step = time = {};
    return emitted;
  };
  if (getConstantIntValue(begin) == 0 && getConstantIntValue(end) == 1)
    return emitStepAt(begin);
  auto loop = scf::ForOp::create(b, loc, begin, end, i64(1), values);
  for (auto [slot, value] : llvm::zip(slots, loop.getRegionIterArgs()))
    *slot = value;
  {
    OpBuilder::InsertionGuard guard(b);
    if (values.empty())
      b.setInsertionPoint(loop.getBody()->getTerminator());
    else
      b.setInsertionPointToEnd(loop.getBody());
    if (failed(emitStepAt(loop.getInductionVar())))
      return failure();
    if (!values.empty()) {
      for (auto [value, slot] : llvm::zip(values, slots))
        value = *slot;
      scf::YieldOp::create(b, loc, values);
    }
  }
  for (auto [slot, value] : llvm::zip(slots, loop.getResults()))
    *slot = value;
  return success();
}

/// Some steps at a time, while the inputs of the next so many are on
/// their way: a step waits for the one before it, not for memory too.
LogicalResult GpuKernels::emitAheadLoop(ArrayRef<Registers *> carried,
                                        StepSink &sink, bool withReadout,
                                        Value begin, Value end) {
  SmallVector<unsigned> inputs = findLoadedAhead();
  int64_t count = getStepsAhead(inputs);
  SmallVector<Value *> slots = getSlots(carried);
  SmallVector<Value> states;
  SmallVector<Type> types;
  for (Value *slot : slots) {
    states.push_back(*slot);
    types.push_back(slot->getType());
  }
  // Of no steps beyond the last, which may lie beyond the tensors.
  Value last = sub(end, i64(count));
  auto loadFrom = [&](Value first, SmallVectorImpl<Value> &values) {
    first = arith::MinSIOp::create(b, loc, first, last);
    for (int64_t ahead = 0; ahead < count; ++ahead) {
      setStep(add(first, i64(ahead)));
      for (unsigned input : inputs)
        values.push_back(loadAhead(input));
    }
  };
  Value isAny = compare(arith::CmpIPredicate::slt, begin, end);
  auto branch = scf::IfOp::create(b, loc, types, isAny, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    if (!types.empty()) {
      b.setInsertionPointToEnd(branch.elseBlock());
      scf::YieldOp::create(b, loc, states);
      b.setInsertionPointToEnd(branch.thenBlock());
    } else {
      b.setInsertionPoint(branch.thenBlock()->getTerminator());
    }
    SmallVector<Value> start = states;
    loadFrom(begin, start);
    auto loop = scf::ForOp::create(b, loc, begin, end, i64(count), start);
    {
      OpBuilder::InsertionGuard inside(b);
      b.setInsertionPointToEnd(loop.getBody());
      ValueRange arguments = loop.getRegionIterArgs();
      for (auto [slot, value] : llvm::zip(slots, arguments))
        *slot = value;
      ValueRange loaded = arguments.drop_front(slots.size());
      Value first = loop.getInductionVar();
      SmallVector<Value> later;
      loadFrom(add(first, i64(count)), later);
      for (int64_t ahead = 0; ahead < count; ++ahead) {
        setStep(add(first, i64(ahead)));
        beginStep();
        loadedAhead.assign(scan.getInputs().size(), Value());
        for (unsigned input : inputs) {
          loadedAhead[input] = loaded.front();
          loaded = loaded.drop_front();
        }
        LogicalResult emitted = emitStep(sink, withReadout);
        loadedAhead.clear();
        if (failed(emitted))
          return failure();
      }
      SmallVector<Value> next;
      for (Value *slot : slots)
        next.push_back(*slot);
      llvm::append_range(next, later);
      scf::YieldOp::create(b, loc, next);
    }
    if (!types.empty())
      scf::YieldOp::create(b, loc, loop.getResults().take_front(types.size()));
  }
  for (auto [slot, value] : llvm::zip(slots, branch.getResults()))
    *slot = value;
  step = time = {};
  return success();
}
