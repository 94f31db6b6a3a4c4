//===-- MakeStep.cpp - the function of one time step ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-make-step: derives from a recurrence the function that makes one step.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Structure.h"
#include "dialect/IR/Scalars.h"
#include "dialect/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSet.h"

#include <map>

namespace recur {
#define GEN_PASS_DEF_MAKESTEPPASS
#include "dialect/Transforms/Passes.h.inc"
} // namespace recur

using namespace mlir;
using namespace recur;

namespace {

/// Builds @f_step from @f.
class StepBuilder {
public:
  StepBuilder(func::FuncOp function, RecurrenceOp from)
      : function(function), from(from), builder(function.getContext()) {}
  func::FuncOp build();

private:
  /// An argument of the new function.
  struct Argument {
    std::string name;
    SmallVector<StringAttr> dims;
    RankedTensorType type;
  };
  /// An access of the new recurrence.
  struct Input {
    unsigned argument;
    AffineMap map;
  };
  using Key = std::pair<unsigned, unsigned>; // number, lag

  void makeSpace();
  AffineMap convert(AffineMap map);
  RankedTensorType getTensorType(ArrayRef<StringAttr> dims, Type element);
  std::string makeUnique(std::string name);
  std::string getName(unsigned argument);
  SmallVector<StringAttr> getDims(unsigned argument);
  void planArguments();
  void planPast();
  void planStates();
  void planResults();
  unsigned getStateArgument(unsigned state, unsigned lag);
  unsigned addInput(unsigned argument, AffineMap map);
  void emitRecurrence(func::FuncOp made);
  void emitStep(RecurrenceOp made);

  func::FuncOp function;
  RecurrenceOp from;
  OpBuilder builder;
  bool keepsStates = false;
  SpaceAttr space;
  SmallVector<int> newDims; // by old dim; -1: gone
  llvm::StringSet<> argumentNames, resultNames;

  SmallVector<Argument> arguments;
  std::map<unsigned, unsigned> kept; // old argument -> new
  std::map<Key, unsigned> stateArguments, pastArguments;
  SmallVector<Input> inputs;
  DenseMap<Value, unsigned> inputOf; // old block argument or prev -> input
  SmallVector<Attribute> outputs;
  SmallVector<Type> outputTypes;
};

} // namespace

static std::string getLagSuffix(unsigned lag) {
  return lag > 1 ? std::to_string(lag) : "";
}

std::string StepBuilder::getName(unsigned argument) {
  auto name = function.getArgAttrOfType<StringAttr>(argument, "recur.name");
  return name ? name.str() : "arg" + std::to_string(argument);
}

/// The dims that an argument is declared with, or those of its first access.
SmallVector<StringAttr> StepBuilder::getDims(unsigned argument) {
  SmallVector<StringAttr> dims;
  if (auto attr = function.getArgAttrOfType<ArrayAttr>(argument, "recur.dims"))
    llvm::append_range(dims, attr.getAsRange<StringAttr>());
  return dims;
}

/// The space without the dim of packed sequences, and with one step of time.
void StepBuilder::makeSpace() {
  SpaceAttr old = from.getSpace();
  SmallVector<StringAttr> dims;
  SmallVector<int64_t> sizes;
  unsigned time = 0;
  for (unsigned dim = 0; dim < old.getRank(); ++dim) {
    if (int(dim) == old.getSegment()) {
      newDims.push_back(-1);
      continue;
    }
    if (dim == old.getTime())
      time = dims.size();
    newDims.push_back(dims.size());
    dims.push_back(old.getNames()[dim]);
    sizes.push_back(dim == old.getTime() ? 1 : old.getSizes()[dim]);
  }
  space = SpaceAttr::get(builder.getContext(), dims, sizes, time,
                         old.getReverse(), /*segment=*/-1);
}

/// `map` in the new space, with time read at t.
AffineMap StepBuilder::convert(AffineMap map) {
  SmallVector<AffineExpr> exprs, results;
  for (int dim : newDims)
    exprs.push_back(dim < 0 ? builder.getAffineConstantExpr(0)
                            : builder.getAffineDimExpr(dim));
  map = map.replaceDimsAndSymbols(exprs, {}, space.getRank(), 0);
  AffineExpr time = builder.getAffineDimExpr(space.getTime());
  for (AffineExpr expr : map.getResults())
    results.push_back(expr.isFunctionOfDim(space.getTime()) ? time : expr);
  return AffineMap::get(space.getRank(), 0, results, builder.getContext());
}

RankedTensorType StepBuilder::getTensorType(ArrayRef<StringAttr> dims,
                                            Type element) {
  SmallVector<int64_t> shape;
  for (StringAttr dim : dims)
    shape.push_back(space.getSizes()[space.find(dim.getValue())]);
  return RankedTensorType::get(shape, element);
}

/// An argument's name that no other has.
std::string StepBuilder::makeUnique(std::string name) {
  while (!argumentNames.insert(name).second)
    name += "_";
  return name;
}

/// Which arguments stay: those that are read without a lag, and start values
/// over exactly the dims of one state.
void StepBuilder::planArguments() {
  std::map<unsigned, bool> isRead; // by old argument; false: with lags only
  unsigned count = from.getInputs().size() - (from.getHasReset() ? 1 : 0);
  for (unsigned i = 0; i < count; ++i)
    isRead[cast<BlockArgument>(from.getInputs()[i]).getArgNumber()] |=
        getTimeLag(from.getInputMap(i), from.getSpace()) <= 0;
  std::map<unsigned, Key> starts;
  for (unsigned i = 0; i < from.getNumStates(); ++i) {
    StateAttr state = from.getState(i);
    for (auto [position, start] : llvm::enumerate(state.getStarts())) {
      int init = StateAttr::getInitOperand(start);
      if (init >= 0 &&
          from.getInitMap(init) == getDimsMap(from.getSpace(), state.getDims()))
        starts.try_emplace(
            cast<BlockArgument>(from.getInits()[init]).getArgNumber(), i,
            position + 1);
    }
  }
  for (BlockArgument argument : function.getArguments()) {
    unsigned old = argument.getArgNumber();
    auto read = isRead.find(old);
    auto start = starts.find(old);
    if (read == isRead.end() && start == starts.end())
      continue;
    if (read != isRead.end() && !read->second)
      continue;
    // A start value that is read as an input too stays what it was.
    if (read == isRead.end())
      stateArguments[start->second] = arguments.size();
    kept[old] = arguments.size();
    arguments.push_back({makeUnique(getName(old)), getDims(old),
                         cast<RankedTensorType>(argument.getType())});
  }
}

/// The number of an access, which equal ones share.
unsigned StepBuilder::addInput(unsigned argument, AffineMap map) {
  for (auto [i, have] : llvm::enumerate(inputs))
    if (have.argument == argument && have.map == map)
      return i;
  inputs.push_back({argument, map});
  return inputs.size() - 1;
}

/// The argument that holds a state `lag` steps ago.
unsigned StepBuilder::getStateArgument(unsigned number, unsigned lag) {
  auto [it, isNew] = stateArguments.try_emplace({number, lag}, 0);
  if (isNew) {
    StateAttr state = from.getState(number);
    it->second = arguments.size();
    arguments.push_back({makeUnique(state.getName().getValue().str() +
                                    "_before" + getLagSuffix(lag)),
                         llvm::to_vector(state.getDims()),
                         getTensorType(state.getDims(), state.getType())});
  }
  return it->second;
}

/// Arguments for earlier states; they become inputs unless states stay states.
void StepBuilder::planStates() {
  SmallVector<PrevOp> reads(from.getStep().getOps<PrevOp>());
  for (unsigned i = 0; i < from.getNumStates(); ++i)
    for (PrevOp prev : reads)
      if (from.findState(prev.getState()) == int(i))
        for (unsigned lag = 1; lag <= prev.getLag(); ++lag)
          getStateArgument(i, lag);
  if (keepsStates)
    return;
  for (PrevOp prev : reads) {
    unsigned number = from.findState(prev.getState());
    SmallVector<AffineExpr> exprs;
    ArrayRef<StringAttr> own = from.getState(number).getDims();
    for (unsigned axis = 0; axis < own.size(); ++axis) {
      Attribute index =
          prev.getIndices() ? (*prev.getIndices())[axis] : Attribute(own[axis]);
      if (auto name = dyn_cast<StringAttr>(index))
        exprs.push_back(builder.getAffineDimExpr(space.find(name.getValue())));
      else
        exprs.push_back(
            builder.getAffineConstantExpr(cast<IntegerAttr>(index).getInt()));
    }
    inputOf[prev] = addInput(
        getStateArgument(number, prev.getLag()),
        AffineMap::get(space.getRank(), 0, exprs, builder.getContext()));
  }
}

/// Accesses; one with a lag reads what the caller kept of earlier calls.
void StepBuilder::planPast() {
  unsigned count = from.getInputs().size() - (from.getHasReset() ? 1 : 0);
  // One step needs no guess.
  auto isOnlyGuess = [&](unsigned input) {
    return from.isGuess(input) &&
           from.getStep().getArgument(input).use_empty();
  };
  // Arguments for all lags up to the largest, so that callers can shift them.
  for (unsigned i = 0; i < count; ++i) {
    if (isOnlyGuess(i))
      continue;
    unsigned old = cast<BlockArgument>(from.getInputs()[i]).getArgNumber();
    int64_t lag = getTimeLag(from.getInputMap(i), from.getSpace());
    for (int64_t step = 1; step <= lag; ++step) {
      auto [it, isNew] =
          pastArguments.try_emplace({old, step}, arguments.size());
      if (isNew)
        arguments.push_back(
            {makeUnique(getName(old) + "_before" + getLagSuffix(step)),
             getDims(old),
             cast<RankedTensorType>(function.getArgument(old).getType())});
    }
  }
  for (unsigned i = 0; i < count; ++i) {
    if (isOnlyGuess(i))
      continue;
    unsigned old = cast<BlockArgument>(from.getInputs()[i]).getArgNumber();
    int64_t lag = getTimeLag(from.getInputMap(i), from.getSpace());
    inputOf[from.getStep().getArgument(i)] =
        addInput(lag > 0 ? pastArguments[{old, unsigned(lag)}] : kept[old],
                 convert(from.getInputMap(i)));
  }
}

void StepBuilder::planResults() {
  SmallVector<bool> handed(from.getNumStates());
  auto add = [&](StringRef name, ArrayRef<StringAttr> dims, StringAttr state,
                 Type type) {
    std::string unique = name.str();
    while (!resultNames.insert(unique).second)
      unique += "_";
    outputs.push_back(ResultAttr::get(
        builder.getContext(), builder.getStringAttr(unique), dims, state, 1));
    outputTypes.push_back(type);
  };
  auto addFinal = [&](StringRef name, unsigned number) {
    StateAttr state = from.getState(number);
    handed[number] = true;
    add(name, state.getDims(), state.getName(),
        getTensorType(state.getDims(), state.getType()));
  };
  for (unsigned i = 0; i < from->getNumResults(); ++i) {
    auto output = cast<ResultAttr>(from.getOutputs()[i]);
    if (!output.isFinal())
      add(output.getName().getValue(), output.getDims(), {},
          from->getResult(i).getType());
    else if (output.getLag() == 1)
      addFinal(output.getName().getValue(),
               cast<RecurrenceOpInterface>(from.getOperation())
                   .findState(output.getFinalState().getValue()));
  }
  for (unsigned i = 0; i < from.getNumStates(); ++i)
    if (!handed[i])
      addFinal(from.getState(i).getName().getValue().str() + "_after", i);
}

void StepBuilder::emitStep(RecurrenceOp made) {
  Location loc = from.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&made.getStep());
  for (const Input &input : inputs)
    block->addArgument(arguments[input.argument].type.getElementType(), loc);
  IRMapping mapping;
  for (auto [value, input] : inputOf)
    mapping.map(value, block->getArgument(input));
  Operation *yield = from.getStep().front().getTerminator();
  for (Operation &op : from.getStep().front().without_terminator())
    if (!mapping.contains(op.getResult(0)))
      builder.clone(op, mapping);
  SmallVector<Value> values;
  for (Value value : yield->getOperands())
    values.push_back(mapping.lookup(value));
  YieldOp::create(builder, loc, values);
}

void StepBuilder::emitRecurrence(func::FuncOp made) {
  builder.setInsertionPointToStart(made.addEntryBlock());
  SmallVector<Value> operands, inits;
  SmallVector<Attribute> maps, initMaps, states;
  for (const Input &input : inputs) {
    operands.push_back(made.getArgument(input.argument));
    maps.push_back(AffineMapAttr::get(input.map));
  }
  for (unsigned i = 0; i < from.getNumStates(); ++i) {
    StateAttr state = from.getState(i);
    // Nothing reads the start of a state that is handed in as an input.
    Attribute start = builder.getZeroAttr(state.getType());
    if (auto complex = dyn_cast<ComplexType>(state.getType())) {
      Attribute zero = builder.getZeroAttr(complex.getElementType());
      start = builder.getArrayAttr({zero, zero});
    }
    if (auto it = stateArguments.find({i, 1});
        keepsStates && it != stateArguments.end()) {
      start = builder.getIndexAttr(inits.size());
      inits.push_back(made.getArgument(it->second));
      initMaps.push_back(
          AffineMapAttr::get(getDimsMap(space, state.getDims())));
    }
    states.push_back(StateAttr::get(builder.getContext(), state.getName(),
                                    state.getDims(), state.getType(), start));
  }
  auto recurrence = RecurrenceOp::create(
      builder, from.getLoc(), outputTypes, operands, inits, ValueRange(),
      Value(), space, builder.getArrayAttr(maps),
      builder.getArrayAttr(initMaps), builder.getArrayAttr({}),
      SmallVector<int32_t>(inputs.size(), -1), builder.getArrayAttr(states),
      builder.getArrayAttr(outputs), /*guesses=*/DictionaryAttr(),
      /*hasReset=*/false);
  emitStep(recurrence);
  func::ReturnOp::create(builder, from.getLoc(), recurrence.getResults());
}

func::FuncOp StepBuilder::build() {
  Classification found = classify(from);
  // Values of more than one step ago are handed in one by one.
  keepsStates = !found.refusal && !findUnsupported(found.algebra, from) &&
                found.algebra.getStructure() != Structure::Companion;
  makeSpace();
  planArguments();
  planStates();
  planPast();
  planResults();
  SmallVector<Type> types;
  for (const Argument &argument : arguments)
    types.push_back(argument.type);
  builder.setInsertionPointAfter(function);
  auto made = func::FuncOp::create(builder, function.getLoc(),
                                   (function.getName() + "_step").str(),
                                   builder.getFunctionType(types, outputTypes));
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    made.setArgAttr(i, "recur.name", builder.getStringAttr(argument.name));
    SmallVector<Attribute> dims(argument.dims.begin(), argument.dims.end());
    made.setArgAttr(i, "recur.dims", builder.getArrayAttr(dims));
  }
  for (auto [i, output] : llvm::enumerate(outputs))
    made.setResultAttr(i, "recur.name", cast<ResultAttr>(output).getName());
  made->setAttr("recur.step", builder.getUnitAttr());
  emitRecurrence(made);
  return made;
}

namespace {
struct MakeStepPass : recur::impl::MakeStepPassBase<MakeStepPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (function.isExternal() || function->hasAttr("recur.step"))
        continue;
      auto recurrences = function.getOps<RecurrenceOp>();
      if (!llvm::hasSingleElement(recurrences))
        continue;
      std::string name = (function.getName() + "_step").str();
      if (getOperation().lookupSymbol(name)) {
        function.emitError() << "'" << name
                             << "' is the name of its one-step function and "
                                "of another recurrence";
        return signalPassFailure();
      }
      RecurrenceOp recurrence = *recurrences.begin();
      if (!llvm::all_of(recurrence->getOperands(),
                        llvm::IsaPred<BlockArgument>)) {
        function.emitError() << "expected the recurrence to read arguments of "
                                "its function only";
        return signalPassFailure();
      }
      StepBuilder(function, recurrence).build();
    }
  }
};
} // namespace
