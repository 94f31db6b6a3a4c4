//===-- Emitter.cpp - a checked spec as IR --------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds the function and the `recur.recurrence` of a checked recurrence: its
/// space, its accesses, its states and results, and the step.
#include "compiler/Frontend/Emitter.h"
#include "dialect/IR/Recur.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur::spec;
using llvm::SmallVector;

namespace {

class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, const Recurrence &recurrence, Locate locate)
      : builder(builder), in(recurrence), locate(locate),
        context(builder.getContext()) {}

  mlir::func::FuncOp emit();

private:
  /// How one access reads a tensor. Accesses that read the same element share
  /// an operand.
  struct Access {
    unsigned argument;
    mlir::AffineMap map;
    int32_t history = -1;
  };

  void markLive();
  void makeSpace();
  mlir::func::FuncOp makeFunction();
  static unsigned addAccess(std::vector<Access> &accesses, unsigned argument,
                            mlir::AffineMap map);
  void collectInputs();
  void collectStates();
  void collectGuesses();
  void bindSizes();
  void emitStep(recur::RecurrenceOp op);
  mlir::Value emitValue(const Value &value);

  bool isLive(const Value &value) const { return live[value.id]; }
  mlir::Location at(const Value &value);
  mlir::StringAttr dimName(unsigned dim) {
    return builder.getStringAttr(in.dims[dim].name);
  }
  SmallVector<mlir::StringAttr> dimNames(llvm::ArrayRef<unsigned> dims) {
    return llvm::map_to_vector(dims, [&](unsigned d) { return dimName(d); });
  }
  mlir::AffineExpr dimExpr(unsigned dim) {
    return builder.getAffineDimExpr(position[dim]);
  }
  mlir::AffineExpr indexExpr(const Index &index);
  mlir::AffineMap mapOf(llvm::ArrayRef<mlir::AffineExpr> exprs) {
    return mlir::AffineMap::get(space.getRank(), 0, exprs, context);
  }
  mlir::AffineMap plainMap(llvm::ArrayRef<unsigned> dims);
  mlir::AffineMap accessMap(const Value &access);
  mlir::AffineMap historyMap(unsigned argument, int64_t lag,
                             mlir::AffineMap input);
  mlir::RankedTensorType tensorType(llvm::ArrayRef<unsigned> dims, Dtype dtype,
                                    bool isSegments = false);
  mlir::Attribute literalAttr(double literal, Dtype dtype);

  mlir::OpBuilder &builder;
  const Recurrence &in;
  Locate locate;
  mlir::MLIRContext *context;

  std::vector<bool> live;
  recur::SpaceAttr space;
  /// The dim of the space for each dim of the spec; -1 for those the step does
  /// not run over.
  std::vector<int> position;
  mlir::func::FuncOp function;
  std::vector<Access> inputs;
  std::vector<Access> inits, histories;
  std::vector<mlir::Attribute> states;
  /// By state: the input with its trajectory, one step before.
  std::vector<mlir::NamedAttribute> guesses;
  llvm::DenseMap<const Value *, unsigned> inputOf;
  llvm::DenseMap<const Value *, mlir::Value> emitted;
  mlir::Block *step = nullptr;
};

} // namespace

/// The values that states and results need. Operands come before users, so one
/// pass from the back is enough.
void Emitter::markLive() {
  live.assign(in.values.size(), false);
  for (const State &state : in.states)
    live[state.value->id] = true;
  for (const Result &result : in.results)
    if (result.value)
      live[result.value->id] = true;
  for (const Value &value : llvm::reverse(in.values))
    if (isLive(value))
      for (const Value *operand : value.operands)
        live[operand->id] = true;
}

/// The space has the dims over which some value, state or result varies, in the
/// order of their declaration. `k` of `c[k=3]`, read as `c[0]`, is none.
void Emitter::makeSpace() {
  DimSet used = 0;
  auto use = [&](unsigned dim) { used |= DimSet(1) << dim; };
  use(in.time);
  if (in.segments)
    use(*in.segments);
  for (const Value &value : in.values) {
    if (!isLive(value))
      continue;
    used |= value.dims;
    for (unsigned dim : value.from)
      use(dim);
    for (unsigned dim : value.reduced)
      use(dim);
  }
  for (const State &state : in.states)
    llvm::for_each(state.dims, use);
  for (const Result &result : in.results)
    llvm::for_each(result.dims, use);
  if (in.resetArgument)
    llvm::for_each(in.arguments[*in.resetArgument].dims, use);

  SmallVector<mlir::StringAttr> names;
  SmallVector<int64_t> sizes;
  unsigned time = 0;
  int segment = -1;
  position.assign(in.dims.size(), -1);
  for (auto [dim, decl] : llvm::enumerate(in.dims)) {
    if (!(used >> dim & 1))
      continue;
    position[dim] = names.size();
    if (dim == in.time)
      time = names.size();
    if (dim == in.segments)
      segment = names.size();
    names.push_back(builder.getStringAttr(decl.name));
    sizes.push_back(decl.size.value_or(mlir::ShapedType::kDynamic));
  }
  space =
      recur::SpaceAttr::get(context, names, sizes, time, in.reverse, segment);
}

//===-- Maps and types ----------------------------------------------------===//

mlir::AffineExpr Emitter::indexExpr(const Index &index) {
  if (!index.dim)
    return builder.getAffineConstantExpr(index.offset);
  mlir::AffineExpr expr = dimExpr(*index.dim) + index.offset;
  if (index.divisor != 1)
    expr = expr.floorDiv(index.divisor);
  if (index.modulus)
    expr = expr % index.modulus;
  return expr;
}

mlir::AffineMap Emitter::plainMap(llvm::ArrayRef<unsigned> dims) {
  return mapOf(
      llvm::map_to_vector(dims, [&](unsigned dim) { return dimExpr(dim); }));
}

/// A lag is written `t - k` in both directions of time: k steps ago in the
/// order in which they are computed.
mlir::AffineMap Emitter::accessMap(const Value &access) {
  SmallVector<mlir::AffineExpr> exprs;
  for (const Index &index : access.indices)
    exprs.push_back(index.dim == in.time ? dimExpr(in.time) - access.lag
                                         : indexExpr(index));
  return mapOf(exprs);
}

/// The history of an access: its indices, where time was the position that the
/// first step reads, K - lag of K.
mlir::AffineMap Emitter::historyMap(unsigned argument, int64_t lag,
                                    mlir::AffineMap input) {
  const Argument &of = in.arguments[argument];
  const Argument &before = in.arguments[*of.history];
  SmallVector<mlir::AffineExpr> exprs;
  for (auto [axis, dim] : llvm::enumerate(of.dims)) {
    if (dim != in.time)
      exprs.push_back(input.getResult(axis));
    else if (before.dims.size() == of.dims.size())
      exprs.push_back(builder.getAffineConstantExpr(
          *in.dims[before.dims[axis]].size - lag));
  }
  return mapOf(exprs);
}

mlir::RankedTensorType Emitter::tensorType(llvm::ArrayRef<unsigned> dims,
                                           Dtype dtype, bool isSegments) {
  SmallVector<int64_t> shape;
  for (unsigned dim : dims)
    shape.push_back(in.dims[dim].size ? *in.dims[dim].size + isSegments
                                      : mlir::ShapedType::kDynamic);
  return mlir::RankedTensorType::get(shape, elementType(context, dtype));
}

mlir::Attribute Emitter::literalAttr(double literal, Dtype dtype) {
  mlir::Type type = elementType(context, dtype);
  if (auto complex = mlir::dyn_cast<mlir::ComplexType>(type)) {
    mlir::Type part = complex.getElementType();
    return builder.getArrayAttr(
        {builder.getFloatAttr(part, literal), builder.getFloatAttr(part, 0.0)});
  }
  if (dtype == Dtype::Bool)
    return builder.getIntegerAttr(type, literal != 0);
  return builder.getFloatAttr(type, literal);
}

//===-- Accesses and states -----------------------------------------------===//

unsigned Emitter::addAccess(std::vector<Access> &accesses, unsigned argument,
                            mlir::AffineMap map) {
  for (auto [i, known] : llvm::enumerate(accesses))
    if (known.argument == argument && known.map == map)
      return i;
  accesses.push_back({argument, map});
  return accesses.size() - 1;
}

void Emitter::collectInputs() {
  SmallVector<const Value *> accesses;
  for (const Value &value : in.values)
    if (isLive(value) && value.kind == Value::Kind::Argument)
      accesses.push_back(&value);
  // Operands come in the order of the arguments, not in that of their use.
  llvm::stable_sort(accesses, [](const Value *a, const Value *b) {
    return a->source < b->source;
  });
  for (const Value *access : accesses) {
    unsigned input = addAccess(inputs, access->source, accessMap(*access));
    inputOf[access] = input;
    const Argument &argument = in.arguments[access->source];
    if (argument.history && access->lag > 0)
      inputs[input].history =
          addAccess(histories, *argument.history,
                    historyMap(access->source, access->lag, inputs[input].map));
  }
}

void Emitter::collectStates() {
  for (const State &state : in.states) {
    SmallVector<mlir::Attribute> starts;
    for (const Start &start : state.starts) {
      if (!start.argument) {
        starts.push_back(literalAttr(start.literal, state.dtype));
        continue;
      }
      const Argument &argument = in.arguments[*start.argument];
      starts.push_back(builder.getIndexAttr(
          addAccess(inits, *start.argument, plainMap(argument.dims))));
    }
    states.push_back(recur::StateAttr::get(
        context, builder.getStringAttr(state.name), dimNames(state.dims),
        elementType(context, state.dtype), starts));
  }
}

/// What a state is guessed to be is read where it is one step ago.
void Emitter::collectGuesses() {
  for (const State &state : in.states) {
    if (!state.guess)
      continue;
    auto exprs = llvm::map_to_vector(
        in.arguments[*state.guess].dims, [&](unsigned dim) {
          return dim == in.time ? dimExpr(dim) - 1 : dimExpr(dim);
        });
    guesses.push_back(builder.getNamedAttr(
        state.name, builder.getI64IntegerAttr(
                        addAccess(inputs, *state.guess, mapOf(exprs)))));
  }
}

/// A size that is not static is taken from an operand read plainly along that
/// dim. Where no access of the step is one (`x[b,t,0]` alone for `x[b,t,d]`),
/// the first argument that has the index is read besides.
void Emitter::bindSizes() {
  for (unsigned dim = 0; dim < in.dims.size(); ++dim) {
    if (position[dim] < 0 || in.dims[dim].size || dim == in.segments)
      continue;
    auto binds = [&](const Access &access) {
      return llvm::is_contained(access.map.getResults(), dimExpr(dim)) &&
             llvm::is_contained(in.arguments[access.argument].dims, dim);
    };
    if (llvm::any_of(inputs, binds) || llvm::any_of(inits, binds))
      continue;
    for (auto [number, argument] : llvm::enumerate(in.arguments))
      if (argument.role != Argument::Role::Segments &&
          llvm::is_contained(argument.dims, dim) &&
          llvm::all_of(argument.dims,
                       [&](unsigned d) { return position[d] >= 0; }) &&
          !(in.segments && llvm::is_contained(argument.dims, *in.segments))) {
        addAccess(inputs, number, plainMap(argument.dims));
        break;
      }
  }
}

//===-- Function and step -------------------------------------------------===//

mlir::func::FuncOp Emitter::makeFunction() {
  SmallVector<mlir::Type> arguments, results;
  for (const Argument &argument : in.arguments)
    arguments.push_back(tensorType(argument.dims, argument.dtype,
                                   argument.role == Argument::Role::Segments));
  for (const Result &result : in.results)
    results.push_back(tensorType(result.dims, result.dtype));
  function =
      mlir::func::FuncOp::create(builder, locate(in.loc), in.name,
                                 builder.getFunctionType(arguments, results));
  mlir::Block *body = function.addEntryBlock();
  auto names = [&](llvm::ArrayRef<unsigned> dims) {
    SmallVector<mlir::Attribute> all;
    for (mlir::StringAttr name : dimNames(dims))
      all.push_back(name);
    return builder.getArrayAttr(all);
  };
  for (auto [i, argument] : llvm::enumerate(in.arguments)) {
    function.setArgAttr(i, "recur.name", builder.getStringAttr(argument.name));
    function.setArgAttr(i, "recur.dims", names(argument.dims));
    body->getArgument(i).setLoc(locate(argument.loc));
  }
  for (auto [i, result] : llvm::enumerate(in.results))
    function.setResultAttr(i, "recur.name", builder.getStringAttr(result.name));
  return function;
}

mlir::func::FuncOp Emitter::emit() {
  markLive();
  makeSpace();
  mlir::OpBuilder::InsertionGuard guard(builder);
  makeFunction();
  mlir::Block &body = function.getBody().front();
  builder.setInsertionPointToStart(&body);
  collectInputs();
  collectStates();
  collectGuesses();
  bindSizes();
  if (in.resetArgument) // Always an operand of its own, and the last one.
    inputs.push_back(
        {*in.resetArgument, plainMap(in.arguments[*in.resetArgument].dims)});

  auto tensors = [&](llvm::ArrayRef<Access> accesses) {
    return llvm::map_to_vector(accesses, [&](const Access &access) {
      return mlir::Value(body.getArgument(access.argument));
    });
  };
  auto maps = [&](llvm::ArrayRef<Access> accesses) {
    return builder.getAffineMapArrayAttr(llvm::map_to_vector(
        accesses, [](const Access &access) { return access.map; }));
  };
  SmallVector<int32_t> inputHistories;
  for (const Access &input : inputs)
    inputHistories.push_back(input.history);
  SmallVector<mlir::Attribute> outputs;
  for (const Result &result : in.results) {
    bool isFinal = result.kind == Result::Kind::Final;
    outputs.push_back(recur::ResultAttr::get(
        context, builder.getStringAttr(result.name), dimNames(result.dims),
        isFinal ? builder.getStringAttr(in.states[result.state].name)
                : mlir::StringAttr(),
        isFinal ? result.lag + 1 : 1));
  }
  mlir::Value segments = in.segmentsArgument
                             ? body.getArgument(*in.segmentsArgument)
                             : mlir::Value();
  mlir::Location loc = locate(in.loc);
  auto op = recur::RecurrenceOp::create(
      builder, loc, function.getFunctionType().getResults(), tensors(inputs),
      tensors(inits), tensors(histories), segments, space, maps(inputs),
      maps(inits), maps(histories),
      builder.getDenseI32ArrayAttr(inputHistories),
      builder.getArrayAttr(states), builder.getArrayAttr(outputs),
      guesses.empty() ? mlir::DictionaryAttr()
                      : builder.getDictionaryAttr(guesses),
      in.resetArgument ? builder.getUnitAttr() : mlir::UnitAttr());
  mlir::func::ReturnOp::create(builder, loc, op.getResults());
  emitStep(op);
  return function;
}

void Emitter::emitStep(recur::RecurrenceOp op) {
  step = builder.createBlock(&op.getStep());
  for (const Access &input : inputs) {
    const Argument &argument = in.arguments[input.argument];
    step->addArgument(elementType(context, argument.dtype),
                      locate(argument.loc));
  }
  for (const Value &value : in.values)
    if (isLive(value))
      emitted[&value] = emitValue(value);
  SmallVector<mlir::Value> yielded;
  for (const State &state : in.states)
    yielded.push_back(emitted[state.value]);
  for (const Result &result : in.results)
    if (result.kind != Result::Kind::Final)
      yielded.push_back(emitted[result.value]);
  recur::YieldOp::create(builder, locate(in.loc), yielded);
}

mlir::Location Emitter::at(const Value &value) {
  mlir::Location loc = locate(value.loc);
  for (const CallSite *site = value.site; site; site = site->caller)
    loc = mlir::CallSiteLoc::get(loc, locate(site->loc));
  return loc;
}

mlir::Value Emitter::emitValue(const Value &value) {
  mlir::Location loc = at(value);
  SmallVector<mlir::Value> operands;
  for (const Value *operand : value.operands)
    operands.push_back(emitted[operand]);
  auto positions = [&] {
    SmallVector<mlir::Attribute> all;
    for (const Index &index : value.indices)
      all.push_back(index.dim ? mlir::Attribute(dimName(*index.dim))
                              : builder.getI64IntegerAttr(index.offset));
    return builder.getArrayAttr(all);
  };
  auto names = [&](llvm::ArrayRef<unsigned> dims) {
    SmallVector<mlir::Attribute> all;
    for (unsigned dim : dims)
      all.push_back(dimName(dim));
    return builder.getArrayAttr(all);
  };
  switch (value.kind) {
  case Value::Kind::Literal:
    return emitLiteral(builder, loc, value.literal, value.dtype);
  case Value::Kind::Argument:
    return step->getArgument(inputOf[&value]);
  case Value::Kind::State:
    return recur::PrevOp::create(
        builder, loc, elementType(context, value.dtype),
        builder.getStringAttr(in.states[value.source].name),
        builder.getI64IntegerAttr(value.lag),
        value.indices.empty() ? mlir::ArrayAttr() : positions());
  case Value::Kind::Renamed:
    return recur::AtOp::create(builder, loc, operands[0].getType(), operands[0],
                               names(value.from), positions());
  case Value::Kind::Operation:
    return emitOperation(builder, loc, value, operands);
  case Value::Kind::Reduction:
    return recur::ReduceOp::create(
        builder, loc, operands[0].getType(),
        recur::ReductionKindAttr::get(
            context, static_cast<recur::ReductionKind>(value.reduction)),
        names(value.reduced), operands[0]);
  case Value::Kind::Convert:
    return emitConversion(builder, loc, operands[0], value.operands[0]->dtype,
                          value.dtype);
  case Value::Kind::Combined: {
    mlir::ValueRange tuples(operands);
    size_t size = operands.size() / 2;
    return recur::CombineOp::create(
        builder, loc, elementType(context, value.dtype),
        mlir::FlatSymbolRefAttr::get(context, value.monoid->name),
        builder.getI64IntegerAttr(value.source), tuples.take_front(size),
        tuples.drop_front(size));
  }
  case Value::Kind::Parameter: // of a monoid, which has no step
    break;
  }
  return {};
}

mlir::func::FuncOp recur::spec::emitRecurrence(mlir::OpBuilder &builder,
                                               const Recurrence &recurrence,
                                               Locate locate) {
  return Emitter(builder, recurrence, locate).emit();
}
