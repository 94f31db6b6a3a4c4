//===-- GpuKernels.cpp - the kernels of a GPU schedule --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The phases of the engine on the GPU, and the kernels made of them.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/GpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// Static inner dims up to this size are unrolled, and states of up to so many
/// values stay in registers (a thread has 255).
static constexpr int64_t kUnrollLimit = 64, kRegisterLimit = 64;

/// Threads of a block: whole warps, and few, so that little work still spreads
/// over many processors.
static constexpr int32_t kBlockThreads = 64;

/// Steps whose inputs are loaded before those of the steps in front of them are
/// used, where a step takes long: as long as memory takes, if the values of so
/// many inputs leave registers to the steps.
static int64_t getStepsAhead(size_t inputs) { return inputs > 4 ? 4 : 8; }

/// Steps of a segment when the schedule leaves them open.
static constexpr int64_t kDefaultSegmentSteps = 256;

/// Alignment of the parts of a workspace, in bytes.
static constexpr int64_t kWorkspaceAlignment = 256;

/// Cycles from one segment to the next where segments are combined.
static constexpr int64_t kSummaryLatency = 1500;

static int64_t getBytes(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * getBytes(complex.getElementType());
  return (type.getIntOrFloatBitWidth() + 7) / 8;
}

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
// Set-up
//===----------------------------------------------------------------------===//

GpuKernels::GpuKernels(ScanLikeOpInterface scan, ScheduleAttr schedule,
                       const Signature &signature)
    : scan(scan), schedule(schedule), signature(signature),
      space(scan.getSpace()), dims(scan),
      laneDim(space.find(schedule.getLanes())),
      emitter(scan, *this, /*laneDim=*/-1, /*width=*/1, kUnrollLimit),
      b(scan.getContext()), loc(scan.getLoc()), i64Type(b.getI64Type()),
      ptrType(LLVM::LLVMPointerType::get(b.getContext(), 1)) {
  // The lane dim is counted fastest: neighbouring threads, neighbouring items.
  if (laneDim >= 0 && dims.isParallel(laneDim)) {
    llvm::erase(dims.parallel, unsigned(laneDim));
    dims.parallel.push_back(laneDim);
  }
  auto number = [](OperandRange range, SmallVectorImpl<unsigned> &list) {
    for (Value value : range)
      list.push_back(cast<BlockArgument>(value).getArgNumber());
  };
  number(scan.getInputs(), inputArguments);
  number(scan.getInits(), initArguments);
  number(scan.getHistories(), historyArguments);
  if (Value cumulative = scan.getSegments())
    segmentsArgument = cast<BlockArgument>(cumulative).getArgNumber();
  auto function = scan->getParentOfType<func::FuncOp>();
  auto returned = cast<func::ReturnOp>(function.front().getTerminator());
  resultArguments.resize(scan->getNumResults());
  for (auto [i, value] : llvm::enumerate(returned.getOperands()))
    resultArguments[cast<OpResult>(value).getResultNumber()] =
        function.getNumArguments() + i;

  carriers = emitter.getCarriers();
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    carrierOf.append(carrier.states, number);
    SmallVector<unsigned> inner = emitter.getInnerDims(carrier);
    int64_t count = 1;
    for (unsigned dim : inner)
      count = space.isStatic(dim) && space.getSizes()[dim] <= kUnrollLimit
                  ? count * space.getSizes()[dim]
                  : kRegisterLimit + 1;
    pointCount.push_back(
        count * std::max(carrier.size, carrier.product.count()) <=
                kRegisterLimit
            ? count
            : 0);
    innerDims.push_back(std::move(inner));
  }
}

LogicalResult GpuKernels::emit(gpu::GPUModuleOp module, StringRef prefix) {
  if (schedule.getAlgorithm() == "serial")
    return emitKernel(module, prefix, Kernel::Serial);
  return failure(
      failed(emitKernel(module, (prefix + "_fold").str(), Kernel::Fold)) ||
      failed(
          emitKernel(module, (prefix + "_combine").str(), Kernel::Combine)) ||
      failed(emitKernel(module, (prefix + "_replay").str(), Kernel::Replay)));
}

//===----------------------------------------------------------------------===//
// The kernel around the phases
//===----------------------------------------------------------------------===//

LogicalResult GpuKernels::emitKernel(gpu::GPUModuleOp module, StringRef name,
                                     Kernel kernel) {
  gpu::GPUFuncOp function = createKernel(module, name, kBlockThreads);
  describePhase(function, kernel);
  readParameters(function);
  bool bySegments = kernel == Kernel::Fold || kernel == Kernel::Replay;
  LogicalResult result = forEachItem(bySegments, [&]() -> LogicalResult {
    if (kernel == Kernel::Fold)
      return emitFold();
    if (kernel == Kernel::Combine) {
      emitCombine();
      return success();
    }
    Registers carry = makeRegisters(Summary::State);
    if (kernel == Kernel::Serial)
      emitStart(carry);
    else
      for (const Carrier &carrier : carriers)
        if (inRegisters(carrier))
          forEachPoint(carrier, [&](const InnerPoint &point) {
            SmallVector<Value> entry;
            for (unsigned i = 0; i < carrier.size; ++i)
              entry.push_back(
                  load(getSlot(Summary::State, carrier, point, i64(i)),
                       carrier.type));
            writeVector(carry, Summary::State, carrier, point, entry);
          });
    if (failed(emitReplay(carry)))
      return failure();
    if (kernel == Kernel::Serial)
      emitFinish(carry);
    return success();
  });
  gpu::ReturnOp::create(b, loc);
  return result;
}

gpu::GPUFuncOp GpuKernels::createKernel(gpu::GPUModuleOp module, StringRef name,
                                        int32_t threads) {
  unsigned numArguments = signature.arguments.size();
  SmallVector<Type> types(numArguments + 1, ptrType);
  size_t words = 1 + space.getRank();
  for (const SignatureArgument &argument : signature.arguments)
    words += argument.dims.size();
  types.append(words, i64Type);
  b.setInsertionPointToEnd(module.getBody());
  auto function =
      gpu::GPUFuncOp::create(b, loc, name, b.getFunctionType(types, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({threads, 1, 1}));

  // A final state may be written over the initial state it continues; nothing
  // else may overlap what is written.
  bool hasInitial = llvm::any_of(signature.arguments, [](auto &argument) {
    return argument.role == Role::Initial;
  });
  Attribute unit = b.getUnitAttr();
  StringAttr noAlias = b.getStringAttr("llvm.noalias"),
             readOnly = b.getStringAttr("llvm.readonly");
  for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
    bool isInput =
        argument.role == Role::Input || argument.role == Role::Segments;
    if (isInput || argument.role == Role::Initial)
      function.setArgAttr(i, readOnly, unit);
    if (isInput || argument.role == Role::Result ||
        (argument.role == Role::Final && !hasInitial))
      function.setArgAttr(i, noAlias, unit);
  }
  function.setArgAttr(numArguments, noAlias, unit);
  return function;
}

void GpuKernels::readParameters(gpu::GPUFuncOp function) {
  Block &entry = function.front();
  b.setInsertionPointToStart(&entry);
  auto next = entry.args_begin();
  data.clear();
  strides.clear();
  sizes.clear();
  for (size_t i = 0; i < signature.arguments.size(); ++i)
    data.push_back(*next++);
  workspace = *next++;
  segmentSteps = *next++;
  for (unsigned dim = 0; dim < space.getRank(); ++dim, ++next)
    sizes.push_back(space.isStatic(dim) ? i64(space.getSizes()[dim]) : *next);
  for (const SignatureArgument &argument : signature.arguments) {
    strides.emplace_back();
    for (size_t axis = 0; axis < argument.dims.size(); ++axis)
      strides.back().push_back(*next++);
  }
}

/// Emits `body` for every item that falls to this thread, or for every
/// segment of one. Any grid does.
LogicalResult
GpuKernels::forEachItem(bool bySegments,
                        llvm::function_ref<LogicalResult()> body) {
  auto toI64 = [&](Value index) {
    return arith::IndexCastOp::create(b, loc, i64Type, index).getResult();
  };
  Value width = toI64(gpu::BlockDimOp::create(b, loc, gpu::Dimension::x));
  Value block = getBlockId();
  Value thread = getThreadId();
  Value blocks = toI64(gpu::GridDimOp::create(b, loc, gpu::Dimension::x));
  items = i64(1);
  for (unsigned dim : dims.parallel)
    items = mul(items, sizes[dim]);
  if (segmentsArgument >= 0)
    items = mul(items, sizes[space.getSegment()]);
  Value total = items;
  segments = {};
  if (schedule.getAlgorithm() == "segments" || bySegments) {
    Value last = sub(add(sizes[space.getTime()], segmentSteps), i64(1));
    segments = arith::DivUIOp::create(b, loc, last, segmentSteps);
    if (bySegments)
      total = mul(items, segments);
  }
  Value first = add(mul(block, width), thread);
  auto loop = scf::ForOp::create(b, loc, first, total, mul(blocks, width));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  locateItem(loop.getInductionVar(), bySegments);
  return body();
}

/// Splits the number of an item into its position, and finds its steps.
void GpuKernels::locateItem(Value number, bool bySegments) {
  item = number;
  segment = {};
  if (bySegments) {
    item = arith::RemUIOp::create(b, loc, number, items);
    segment = arith::DivUIOp::create(b, loc, number, items);
  }
  position.assign(space.getRank(), Value());
  SmallVector<unsigned> order(dims.parallel);
  if (segmentsArgument >= 0)
    order.insert(order.begin(), space.getSegment());
  spread(item, order, [&](unsigned dim) { return sizes[dim]; }, position);

  locateSequence();
  stepBegin = i64(0);
  stepEnd = sub(sequenceEnd, sequenceBegin);
  if (bySegments) {
    stepBegin = mul(segment, segmentSteps);
    stepEnd =
        arith::MinSIOp::create(b, loc, stepEnd, add(stepBegin, segmentSteps));
  }
}

void GpuKernels::spread(Value number, ArrayRef<unsigned> order,
                        llvm::function_ref<Value(unsigned)> getExtent,
                        SmallVectorImpl<Value> &positions) {
  for (auto [i, dim] : llvm::enumerate(llvm::reverse(order))) {
    if (i + 1 == order.size()) {
      positions[dim] = number;
      return;
    }
    Value extent = getExtent(dim);
    positions[dim] = arith::RemUIOp::create(b, loc, number, extent);
    number = arith::DivUIOp::create(b, loc, number, extent);
  }
}

Value GpuKernels::getUnits(unsigned dim, int64_t laneTile) {
  if (int(dim) != laneDim)
    return sizes[dim];
  return arith::DivUIOp::create(b, loc, add(sizes[dim], i64(laneTile - 1)),
                                i64(laneTile));
}

/// Cumulative lengths come from the device's memory unchecked.
Value GpuKernels::readBound(Value number) {
  Type element = signature.arguments[segmentsArgument].element;
  Value pointer = LLVM::GEPOp::create(
      b, loc, ptrType, element, data[segmentsArgument],
      ArrayRef<LLVM::GEPArg>{mul(number, strides[segmentsArgument][0])},
      LLVM::GEPNoWrapFlags::inbounds);
  Value bound = load(pointer, element, /*isInput=*/true);
  if (element != i64Type)
    bound = arith::ExtSIOp::create(b, loc, i64Type, bound);
  bound = arith::MaxSIOp::create(b, loc, bound, i64(0));
  return arith::MinSIOp::create(b, loc, bound, sizes[space.getTime()]);
}

/// Finds where the item's sequence begins and ends.
void GpuKernels::locateSequence() {
  sequenceBegin = i64(0);
  sequenceEnd = sizes[space.getTime()];
  if (segmentsArgument < 0)
    return;
  Value sequence = position[space.getSegment()];
  sequenceBegin = readBound(sequence);
  sequenceEnd = readBound(add(sequence, i64(1)));
}

//===----------------------------------------------------------------------===//
// The phases
//===----------------------------------------------------------------------===//

/// carry := start state.
void GpuKernels::emitStart(Registers &carry) {
  for (const Carrier &carrier : carriers)
    forEachPoint(carrier, [&](const InnerPoint &point) {
      writeVector(carry, Summary::State, carrier, point,
                  createStarts(carrier, point));
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
  return emitSteps({&carry}, sink, /*withReadout=*/true);
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

void GpuKernels::setStep(Value number) {
  step = number;
  time = space.getReverse() ? sub(sub(sequenceEnd, i64(1)), step)
                            : add(sequenceBegin, step);
}

/// Those that every step reads at one place, which the step number alone says.
SmallVector<unsigned> GpuKernels::findLoadedAhead() {
  SmallVector<unsigned> found;
  // What is affine has schedules of its own for few channels.
  if (scan.isAffine() || !loadsAhead)
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

/// The steps of a segment; `carried` goes from step to step. One step, known to
/// be one, is no loop.
LogicalResult GpuKernels::emitSteps(ArrayRef<Registers *> carried,
                                    StepSink &sink, bool withReadout) {
  Value begin = stepBegin;
  bool isOne =
      getConstantIntValue(stepBegin) == 0 && getConstantIntValue(stepEnd) == 1;
  if (size_t inputs = findLoadedAhead().size(); !isOne && inputs > 0) {
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
  OpBuilder body(b);
  LogicalResult emitted = emitter.emitStep(body, sink, withReadout);
  b.restoreInsertionPoint(body.saveInsertionPoint());
  return emitted;
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
  int64_t count = getStepsAhead(inputs.size());
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
        values.push_back(loadInput(b, loc, input, InnerPoint(position)));
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

/// The longest chain of operations on the states; arithmetic takes about 6
/// cycles, and a special function with what belongs to it 56 (measured on an
/// H200).
int64_t GpuKernels::getStepLatency() {
  DenseMap<Value, int64_t> latest;
  int64_t longest = 0;
  MonoidOp monoid = getMonoidOp(scan);
  Block &step =
      monoid ? monoid.getCombine().front() : scan.getElements().front();
  // (what a monoid combines its states with is taken for a state)
  size_t firstState = monoid ? 0 : scan.getInputs().size();
  for (Operation &op : step.without_terminator()) {
    int64_t begin = -1;
    for (Value operand : op.getOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      bool isState = argument && argument.getArgNumber() >= firstState;
      auto found = latest.find(operand);
      begin = std::max(begin, isState                 ? 0
                              : found == latest.end() ? -1
                                                      : found->second);
    }
    if (begin < 0)
      continue;
    auto known = dyn_cast<StepOpInterface>(op);
    OpCost cost = known ? known.getCost() : OpCost{1, 0};
    int64_t end = begin + int64_t(6 * cost.arithmetic + 56 * cost.special);
    for (Value result : op.getResults())
      latest[result] = end;
  }
  for (Value value : step.getTerminator()->getOperands())
    longest = std::max(longest, latest.lookup(value));
  return std::max<int64_t>(longest, 10);
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

void GpuKernels::forEachPoint(
    unsigned state, llvm::function_ref<void(const InnerPoint &)> body) {
  emitter.emitLoops(b, loc, emitter.getInnerDims(state),
                    [&](OpBuilder &builder, const InnerPoint &point) {
                      OpBuilder::InsertionGuard guard(b);
                      b.restoreInsertionPoint(builder.saveInsertionPoint());
                      body(point);
                    });
}

void GpuKernels::forEachPoint(
    const Carrier &carrier, llvm::function_ref<void(const InnerPoint &)> body) {
  emitter.emitLoops(b, loc, innerDims[getNumber(carrier)],
                    [&](OpBuilder &builder, const InnerPoint &point) {
                      OpBuilder::InsertionGuard guard(b);
                      b.restoreInsertionPoint(builder.saveInsertionPoint());
                      body(point);
                    });
}

GpuKernels::Registers GpuKernels::makeRegisters(Summary summary) {
  Registers registers;
  for (const Carrier &carrier : carriers)
    registers.emplace_back(pointCount[getNumber(carrier)] *
                           getCount(carrier, summary));
  return registers;
}

bool GpuKernels::usesWorkspace(const Carrier &carrier, Summary summary) const {
  if (getCount(carrier, summary) == 0)
    return false;
  if (schedule.getAlgorithm() == "segments")
    return true;
  return summary == Summary::State && !inRegisters(carrier);
}

/// Row-major number of an inner point of a carrier.
Value GpuKernels::getInnerLinear(const Carrier &carrier,
                                 const InnerPoint &point) {
  Value linear;
  for (unsigned dim : innerDims[getNumber(carrier)])
    linear = linear ? add(mul(linear, sizes[dim]), point[dim]) : point[dim];
  return linear ? linear : i64(0);
}

/// Known where all positions are constants.
int64_t GpuKernels::getPointNumber(const Carrier &carrier,
                                   const InnerPoint &point) {
  int64_t number = 0;
  for (unsigned dim : innerDims[getNumber(carrier)]) {
    std::optional<int64_t> index = getConstantIntValue(point[dim]);
    if (!index)
      return -1;
    number = number * space.getSizes()[dim] + *index;
  }
  return number;
}

Value GpuKernels::read(Registers &registers, Summary summary,
                       const Carrier &carrier, const InnerPoint &point,
                       Value number) {
  if (!inRegisters(carrier))
    return load(getSlot(summary, carrier, point, number), carrier.type);
  auto &values = registers[getNumber(carrier)];
  int64_t linear = getPointNumber(carrier, point);
  std::optional<int64_t> index = getConstantIntValue(number);
  unsigned count = getCount(carrier, summary);
  if (linear >= 0 && index)
    return values[linear * count + *index];
  // Registers have no addresses: choose.
  Value wanted = getInnerLinear(carrier, point);
  if (count != 1)
    wanted = add(mul(wanted, i64(count)), number);
  Value chosen = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    Value here =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, wanted, i64(i));
    chosen = selectParts(b, loc, here, values[i], chosen);
  }
  return chosen;
}

void GpuKernels::write(Registers &registers, Summary summary,
                       const Carrier &carrier, const InnerPoint &point,
                       Value number, Value value) {
  if (!inRegisters(carrier))
    return store(getSlot(summary, carrier, point, number), value);
  int64_t linear = getPointNumber(carrier, point);
  assert(linear >= 0 && "dims of carriers in registers are unrolled");
  registers[getNumber(carrier)][linear * getCount(carrier, summary) +
                                *getConstantIntValue(number)] = value;
}

std::vector<Value> GpuKernels::readVector(Registers &registers, Summary summary,
                                          const Carrier &carrier,
                                          const InnerPoint &point) {
  std::vector<Value> values;
  for (unsigned i = 0; i < getCount(carrier, summary); ++i)
    values.push_back(read(registers, summary, carrier, point, i64(i)));
  return values;
}

void GpuKernels::writeVector(Registers &registers, Summary summary,
                             const Carrier &carrier, const InnerPoint &point,
                             ArrayRef<Value> values) {
  for (auto [i, value] : llvm::enumerate(values))
    write(registers, summary, carrier, point, i64(i), value);
}

void GpuKernels::multiply(Registers &transition, const Carrier &carrier,
                          const Transition &map, const InnerPoint &point) {
  Transition before{carrier.product,
                    readVector(transition, Summary::Transition, carrier, point),
                    {}};
  before.rest.resize(carrier.size);
  writeVector(transition, Summary::Transition, carrier, point,
              getAlgebra(carrier).multiply(carrier, map, before));
}

Value GpuKernels::readState(Registers &registers, unsigned state,
                            const InnerPoint &point, int64_t lag) {
  const Carrier &carrier = carriers[carrierOf[state]];
  Value component = carrier.row >= 0     ? point[carrier.row]
                    : carrier.states > 1 ? i64(state - carrier.state)
                                         : i64(lag - 1);
  return read(registers, Summary::State, carrier, point, component);
}

/// Address of a number in the workspace: [segment][inner][item], so that
/// neighbouring threads touch neighbouring words.
Value GpuKernels::getSlot(Summary summary, const Carrier &carrier,
                          const InnerPoint &point, Value number) {
  auto getRows = [&](const Carrier &other, Summary part) {
    Value product = i64(getCount(other, part));
    for (unsigned dim : innerDims[getNumber(other)])
      product = mul(product, sizes[dim]);
    return product;
  };
  Value base = i64(0);
  for (const Carrier &other : carriers.take_front(getNumber(carrier) + 1))
    for (Summary part : {Summary::State, Summary::Transition}) {
      if (getNumber(other) == getNumber(carrier) && part == summary)
        break;
      if (!usesWorkspace(other, part))
        continue;
      Value count = mul(items, getRows(other, part));
      if (segments)
        count = mul(count, segments);
      Value bytes = mul(count, i64(getBytes(other.type)));
      bytes = add(bytes, i64(kWorkspaceAlignment - 1));
      base = add(base, arith::AndIOp::create(b, loc, bytes,
                                             i64(-kWorkspaceAlignment)));
    }
  Value row = getInnerLinear(carrier, point);
  if (getCount(carrier, summary) != 1)
    row = add(mul(row, i64(getCount(carrier, summary))), number);
  if (segment)
    row = add(mul(segment, getRows(carrier, summary)), row);
  Value offset =
      add(base, mul(add(mul(row, items), item), i64(getBytes(carrier.type))));
  return LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), workspace,
                             ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

std::vector<Value> GpuKernels::createStarts(const Carrier &carrier,
                                            const InnerPoint &point) {
  std::vector<Value> starts;
  for (unsigned i = 0; i < carrier.size; ++i) {
    InnerPoint at = point;
    if (carrier.row >= 0)
      at[carrier.row] = i64(i);
    starts.push_back(
        createStart(carrier.getState(i), at, carrier.lags > 1 ? i + 1 : 1));
  }
  return starts;
}

Value GpuKernels::createStart(unsigned state, const InnerPoint &point,
                              int64_t lag) {
  Attribute start = scan.getState(state).getStart(lag);
  int init = StateAttr::getInitOperand(start);
  if (init < 0)
    return makeLiteral(b, loc, start);
  unsigned argument = initArguments[init];
  AffineMap map = scan.getInitMap(init);
  return load(getPointer(argument, map, point), scan.getState(state).getType(),
              /*isInput=*/false, getAlignment(argument, map, point));
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

uint64_t GpuKernels::getUnitStrideMask() const {
  uint64_t mask = 0;
  for (auto [i, argument] : llvm::enumerate(signature.arguments))
    for (unsigned axis = 0; axis < argument.dims.size(); ++axis)
      if (isContiguous(i, axis))
        mask |= uint64_t(1) << i;
  return mask;
}

void GpuKernels::describe(gpu::GPUFuncOp function, const Launch &launch) {
  SmallVector<int32_t> parallel(dims.parallel.begin(), dims.parallel.end());
  if (launch.bySequence && segmentsArgument >= 0)
    parallel.insert(parallel.begin(), space.getSegment());
  NamedAttrList list;
  auto number = [&](StringRef key, int64_t value) {
    list.append(key, b.getI64IntegerAttr(value));
  };
  list.append("phase", b.getStringAttr(launch.phase));
  list.append("variant", b.getStringAttr(launch.variant));
  list.append("parallel_dims", b.getDenseI32ArrayAttr(parallel));
  number("lane_dim", launch.laneDim);
  number("lane_tile", launch.laneTile);
  number("items_per_block", launch.itemsPerBlock);
  number("time_tile", launch.timeTile);
  number("block", launch.block);
  number("shared", launch.shared);
  if (launch.sharedPerPoint >= 0)
    number("shared_per_point", launch.sharedPerPoint);
  list.append("persistent", b.getBoolAttr(launch.persistent));
  number("contiguous_dim", schedule.getContiguous() ? laneDim : -1);
  number("unit_stride_mask", getUnitStrideMask());
  number("vector_bytes", launch.vectorBytes);
  number("vector_mask", launch.vectors);
  number("size_multiple", launch.sizeMultiple);
  number("zeroed_constant", launch.zeroedConstant);
  number("zeroed_per_tile", launch.zeroedPerTile);
  list.append("workspace", b.getArrayAttr(launch.workspace));
  number("step_cost", launch.stepCost);
  if (launch.pointCost >= 0) {
    SmallVector<int32_t> inner(dims.inner.begin(), dims.inner.end());
    list.append("point_dims", b.getDenseI32ArrayAttr(inner));
    number("point_cost", launch.pointCost);
  }
  number("registers", launch.registers);
  if (launch.halvesFrom > 0)
    number("halves_from", launch.halvesFrom);
  if (launch.stepsInFlight >= 0)
    number("steps_in_flight", launch.stepsInFlight);
  function->setAttr(kLaunchAttr, b.getDictionaryAttr(list));
}

int64_t GpuKernels::getSegmentSteps() const {
  int64_t segment = schedule.getSegment();
  return segment > 0 ? segment : kDefaultSegmentSteps;
}

void GpuKernels::describePhase(gpu::GPUFuncOp function, Kernel kernel) {
  static constexpr StringRef phases[] = {"scan", "fold", "combine", "replay"};
  bool segmented = schedule.getAlgorithm() == "segments";
  Launch launch;
  launch.phase = phases[int(kernel)];
  for (const Carrier &carrier : carriers)
    for (Summary summary : {Summary::State, Summary::Transition})
      if (usesWorkspace(carrier, summary)) {
        ArrayRef<unsigned> inner = innerDims[getNumber(carrier)];
        SmallVector<int64_t> part{segmented, getCount(carrier, summary) *
                                                 getBytes(carrier.type)};
        part.append(inner.begin(), inner.end());
        launch.workspace.push_back(b.getDenseI64ArrayAttr(part));
      }
  launch.bySequence = true;
  launch.variant =
      (schedule.getAlgorithm() + ", lanes along " + schedule.getLanes() +
       (schedule.getContiguous() ? ", unit stride" : ", any strides"))
          .str();
  if (laneDim >= 0 && dims.isParallel(laneDim))
    launch.laneDim = laneDim;
  launch.itemsPerBlock = launch.block = kBlockThreads;
  if (kernel == Kernel::Fold || kernel == Kernel::Replay)
    launch.timeTile = getSegmentSteps();
  if (!dims.inner.empty() && kernel != Kernel::Combine)
    launch.pointCost = 80;
  if (getMonoidOp(scan))
    launch.stepCost = std::max(launch.stepCost, getStepLatency());
  // One segment after the other: its summary comes from memory.
  if (kernel == Kernel::Combine)
    launch.stepCost = kSummaryLatency / getSegmentSteps() + 1;
  if (!scan.isAffine()) {
    launch.stepCost = getStepLatency();
    size_t inputs = findLoadedAhead().size();
    launch.stepsInFlight = inputs > 0 ? 2 * getStepsAhead(inputs) : 1;
  }
  describe(function, launch);
}

//===----------------------------------------------------------------------===//
// Small builders
//===----------------------------------------------------------------------===//

Value GpuKernels::i32(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
}
Value GpuKernels::i64(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
}
Value GpuKernels::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value GpuKernels::sub(Value x, Value y) {
  return arith::SubIOp::create(b, loc, x, y);
}
Value GpuKernels::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}

Value GpuKernels::toI32(Value value) {
  return arith::TruncIOp::create(b, loc, b.getI32Type(), value);
}
Value GpuKernels::toI64(Value value) {
  return arith::ExtUIOp::create(b, loc, i64Type, value);
}
Value GpuKernels::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, predicate, x, y);
}
Value GpuKernels::at(Value base, Value bytes) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{bytes},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value GpuKernels::getThreadId() {
  return arith::IndexCastOp::create(
      b, loc, i64Type, gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x));
}
Value GpuKernels::getBlockId() {
  return arith::IndexCastOp::create(
      b, loc, i64Type, gpu::BlockIdOp::create(b, loc, gpu::Dimension::x));
}

Value GpuKernels::shuffle(Value value, int32_t distance,
                          gpu::ShuffleMode mode) {
  return shuffle(value, i32(distance), mode);
}

Value GpuKernels::shuffle(Value value, Value lane, gpu::ShuffleMode mode) {
  auto move = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, loc, word, lane, i32(32), mode)
        .getShuffleResult();
  };
  Type type = value.getType();
  if (type.getIntOrFloatBitWidth() == 32)
    return move(value);
  // Words of 32 bits are what threads exchange.
  Value bits = arith::BitcastOp::create(b, loc, i64Type, value);
  Value low = move(arith::TruncIOp::create(b, loc, b.getI32Type(), bits));
  Value high = move(arith::TruncIOp::create(
      b, loc, b.getI32Type(), arith::ShRUIOp::create(b, loc, bits, i64(32))));
  high = arith::ShLIOp::create(
      b, loc, arith::ExtUIOp::create(b, loc, i64Type, high), i64(32));
  low = arith::ExtUIOp::create(b, loc, i64Type, low);
  return arith::BitcastOp::create(b, loc, type,
                                  arith::OrIOp::create(b, loc, low, high));
}

Value GpuKernels::getSize(OpBuilder &, Location, unsigned dim) {
  return sizes[dim];
}
