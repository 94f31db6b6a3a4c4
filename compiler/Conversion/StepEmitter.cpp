//===-- StepEmitter.cpp - code for one step of a scan ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Emits a step on demand: a value is computed in the outermost loop that
/// binds all inner dims it varies over, once. What must happen at every step
/// (states, reductions, outputs) is grouped so that one loop over the inner
/// dims updates a state and accumulates everything that reads it.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/StepEmitter.h"

#include "compiler/Conversion/AlgebraEmitter.h"
#include "compiler/Conversion/PairValues.h"
#include "compiler/Conversion/Reductions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

#include <map>

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

StepHooks::~StepHooks() = default;
StepSink::~StepSink() = default;

SmallVector<Value> StepSink::enter(OpBuilder &, Location, const Carrier &,
                                   const InnerPoint &) {
  llvm_unreachable("this schedule is for affine steps");
}

Value StepSink::reload(OpBuilder &, Location, unsigned, const InnerPoint &) {
  llvm_unreachable("elements do not read states");
}

void StepSink::store(OpBuilder &, Location, unsigned, Value,
                     const InnerPoint &) {
  llvm_unreachable("elements have no outputs");
}

Value StepHooks::loadInvariant(OpBuilder &, Location, Value,
                               const InnerPoint &) {
  return {};
}

Value StepHooks::getSplitPosition(unsigned) {
  llvm_unreachable("no dim is split");
}
Value StepHooks::combineSplit(OpBuilder &, Location, ReductionKind, Value) {
  llvm_unreachable("no dim is split");
}

static Value createI64(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getI64IntegerAttr(value));
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

/// A loop body (or the step itself) while it is being emitted.
struct StepEmitter::Scope {
  Scope *parent;
  OpBuilder builder;
  InnerPoint point;
  SmallBitVector bound;
  llvm::DenseMap<Value, Value> memo;
  /// Rows of values that are vectors along the row dim of a carrier.
  llvm::DenseMap<std::pair<Value, int64_t>, Value> rows;

  Scope(Scope *parent, OpBuilder builder, InnerPoint point,
        SmallBitVector bound)
      : parent(parent), builder(builder), point(std::move(point)),
        bound(std::move(bound)) {}
};

StepEmitter::StepEmitter(ScanLikeOpInterface scan, StepHooks &hooks,
                         int laneDim, int64_t width, int64_t unrollLimit)
    : scan(scan), hooks(hooks), dims(scan), carriers(recur::getCarriers(scan)),
      innerMask(scan.getSpace().getRank()), laneDims(scan.getSpace().getRank()),
      width(width), unrollLimit(unrollLimit),
      elementSets(IndexSets::compute(scan.getElements(), scan)),
      readoutSets(IndexSets::compute(scan.getReadout(), scan)) {
  for (unsigned dim : dims.inner)
    innerMask.set(dim);
  if (laneDim >= 0)
    laneDims.set(laneDim);
  for (auto [number, carrier] : llvm::enumerate(carriers))
    carrierOf.append(carrier.states, number);
}

const SmallBitVector &StepEmitter::getIndexSet(Value value) const {
  return value.getParentRegion() ==
                 &const_cast<ScanLikeOpInterface &>(scan).getElements()
             ? elementSets.get(value)
             : readoutSets.get(value);
}

SmallBitVector StepEmitter::getInnerSet(Value value) const {
  SmallBitVector set = getIndexSet(value);
  set &= innerMask;
  return set;
}

SmallVector<unsigned> StepEmitter::getInnerDims(unsigned state) {
  auto attr = cast<StateAttr>(scan.getStates()[state]);
  SmallVector<unsigned> result;
  for (unsigned dim : dims.inner)
    if (llvm::is_contained(attr.getDims(), scan.getSpace().getNames()[dim]))
      result.push_back(dim);
  return result;
}

SmallVector<unsigned> StepEmitter::getInnerDims(const Carrier &carrier) {
  SmallVector<unsigned> result = getInnerDims(carrier.state);
  if (carrier.row >= 0)
    llvm::erase(result, unsigned(carrier.row));
  return result;
}

Type StepEmitter::getType(Value value) const {
  if (getIndexSet(value).anyCommon(laneDims))
    return getKernelType(value.getType(), width);
  return getKernelType(value.getType());
}

bool StepEmitter::isUnrolled(unsigned dim) const {
  // Rows and columns of matrices are numbers in registers.
  for (const Carrier &carrier : carriers)
    if (int(dim) == carrier.row || int(dim) == carrier.column)
      return true;
  SpaceAttr space = const_cast<ScanLikeOpInterface &>(scan).getSpace();
  return int(dim) == split ||
         (space.isStatic(dim) && space.getSizes()[dim] <= unrollLimit);
}

/// How often the loop over a dim that is unrolled turns.
int64_t StepEmitter::getUnrolledSize(unsigned dim) const {
  return int(dim) == split ? splitCount
                           : const_cast<ScanLikeOpInterface &>(scan)
                                 .getSpace()
                                 .getSizes()[dim];
}

Value StepEmitter::getUnrolledPosition(OpBuilder &builder, Location loc,
                                       unsigned dim, int64_t number) {
  return int(dim) == split ? hooks.getSplitPosition(number)
                           : createI64(builder, loc, number);
}

//===----------------------------------------------------------------------===//
// Invariants
//===----------------------------------------------------------------------===//

SmallVector<Value> StepEmitter::getInvariants() {
  unsigned time = scan.getSpace().getTime();
  unsigned numInputs = scan.getInputs().size();
  // A value without time whose every operand chain ends in inputs.
  auto isInvariant = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getArgNumber() >= numInputs)
      return false;
    return !getIndexSet(value).test(time);
  };
  llvm::SetVector<Value> result;
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    // The states do not say time in their sets, but vary over it.
    llvm::DenseSet<Value> varying;
    for (BlockArgument argument : region->getArguments())
      if (!isInvariant(argument))
        varying.insert(argument);
    for (Operation &op : region->front()) {
      bool varies = isa<YieldOp>(op) ||
                    llvm::any_of(op.getOperands(),
                                 [&](Value v) { return varying.contains(v); });
      if (!varies)
        continue;
      for (Value value : op.getResults())
        varying.insert(value);
      for (Value operand : op.getOperands()) {
        if (varying.contains(operand))
          continue;
        SmallBitVector set = getIndexSet(operand);
        // Uniform scalars are computed once by ordinary hoisting.
        if (set.anyCommon(laneDims) || set.anyCommon(innerMask))
          result.insert(operand);
      }
    }
  }
  return result.takeVector();
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

Value StepEmitter::evaluate(Value value, Scope &scope) {
  SmallBitVector need = getInnerSet(value);
  Scope *target = &scope;
  while (target->parent) {
    SmallBitVector missing = need;
    missing.reset(target->parent->bound);
    if (missing.any())
      break;
    target = target->parent;
  }
  // The value may have been recorded in any scope on the way.
  for (Scope *it = &scope; it; it = it->parent) {
    if (auto found = it->memo.find(value); found != it->memo.end())
      return found->second;
    if (it == target)
      break;
  }
  Value result = hooks.loadInvariant(target->builder, value.getLoc(), value,
                                     target->point);
  if (!result) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      result = evaluateLeaf(argument, *target);
    else
      result = emitOp(value.getDefiningOp(), *target);
  }
  if (isVector(getType(value)))
    result = toVector(target->builder, value.getLoc(), result, width);
  target->memo[value] = result;
  return result;
}

Value StepEmitter::evaluateLeaf(BlockArgument argument, Scope &scope) {
  unsigned number = argument.getArgNumber();
  unsigned numInputs = scan.getInputs().size();
  if (number < numInputs)
    return hooks.loadInput(scope.builder, argument.getLoc(), number,
                           scope.point);
  bool isReadout = argument.getOwner()->getParent() == &scan.getReadout();
  unsigned copies = isReadout ? scan.getReadLags() + 1 : 1;
  unsigned state = (number - numInputs) / copies;
  if (int row = carriers[carrierOf[state]].row; row >= 0)
    if (std::optional<int64_t> index = getConstantIntValue(scope.point[row]))
      for (Scope *it = &scope; it; it = it->parent)
        if (auto found = it->rows.find({argument, *index});
            found != it->rows.end())
          return found->second;
  return sink->reload(scope.builder, argument.getLoc(), state, scope.point);
}

Value StepEmitter::emitOp(Operation *op, Scope &scope) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return emitReduction(reduce, scope);
  if (auto at = dyn_cast<AtOp>(op)) {
    Scope *root = &scope;
    while (root->parent)
      root = root->parent;
    Scope renamed(root, scope.builder, scope.point, scope.bound);
    SpaceAttr space = scan.getSpace();
    for (auto [from, to] : llvm::zip(at.getFrom(), at.getTo())) {
      int source = space.find(cast<StringAttr>(from).getValue());
      if (auto name = dyn_cast<StringAttr>(to))
        renamed.point[source] = scope.point[space.find(name.getValue())];
      else
        renamed.point[source] = createI64(renamed.builder, op->getLoc(),
                                          cast<IntegerAttr>(to).getInt());
      renamed.bound.set(source);
    }
    return evaluate(at.getOperand(), renamed);
  }
  if (auto same = dyn_cast<SameOp>(op)) {
    auto at = [&](StringRef name) {
      return scope.point[scan.getSpace().find(name)];
    };
    return scope.builder.createOrFold<arith::CmpIOp>(
        op->getLoc(), arith::CmpIPredicate::eq, at(same.getFirst()),
        at(same.getSecond()));
  }
  if (auto literal = dyn_cast<complex::ConstantOp>(op))
    return makeLiteral(scope.builder, op->getLoc(), literal.getValue());
  bool vector = isVector(getType(op->getResult(0)));
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Value value = evaluate(operand, scope);
    operands.push_back(
        vector ? toVector(scope.builder, op->getLoc(), value, width) : value);
  }
  if (isa<complex::CreateOp>(op))
    return makePair(scope.builder, op->getLoc(), operands[0], operands[1]);
  if (isa<complex::ReOp, complex::ImOp>(op))
    return getPart(scope.builder, op->getLoc(), operands[0],
                   isa<complex::ImOp>(op));
  SmallVector<Type> types;
  for (Value result : op->getResults())
    types.push_back(getType(result));
  OperationState state(op->getLoc(), op->getName(), operands, types,
                       op->getAttrs());
  Operation *created = scope.builder.create(state);
  // A product that feeds a sum may be fused with it.
  auto fast = dyn_cast<arith::ArithFastMathInterface>(created);
  if (fast && fast.getFastMathFlagsAttr())
    created->setAttr(
        fast.getFastMathAttrName(),
        arith::FastMathFlagsAttr::get(
            created->getContext(), arith::FastMathFlags::contract |
                                       fast.getFastMathFlagsAttr().getValue()));
  return created->getResult(0);
}

/// Emits loops over `innerDims` below `outer`; `accumulators` are carried.
template <typename ScopeT>
static void
emitNest(ScopeT &outer, Location loc, ArrayRef<unsigned> innerDims,
         SmallVectorImpl<Value> &accumulators,
         llvm::function_ref<bool(unsigned)> isUnrolled,
         llvm::function_ref<int64_t(unsigned)> getUnrolledSize,
         llvm::function_ref<Value(OpBuilder &, unsigned, int64_t)>
             getUnrolledPosition,
         llvm::function_ref<Value(OpBuilder &, unsigned)> getSize,
         llvm::function_ref<void(ScopeT &, SmallVectorImpl<Value> &)> body) {
  if (innerDims.empty())
    return body(outer, accumulators);
  unsigned dim = innerDims.front();
  auto recurse = [&](ScopeT &child) {
    child.bound.set(dim);
    emitNest<ScopeT>(child, loc, innerDims.drop_front(), accumulators,
                     isUnrolled, getUnrolledSize, getUnrolledPosition, getSize,
                     body);
  };
  if (isUnrolled(dim)) {
    for (int64_t k = 0; k < getUnrolledSize(dim); ++k) {
      ScopeT child(&outer, outer.builder, outer.point, outer.bound);
      child.point[dim] = getUnrolledPosition(child.builder, dim, k);
      recurse(child);
      outer.builder = child.builder;
    }
    return;
  }
  Value zero = createI64(outer.builder, loc, 0);
  Value one = createI64(outer.builder, loc, 1);
  Value size = getSize(outer.builder, dim);
  auto loop =
      scf::ForOp::create(outer.builder, loc, zero, size, one, accumulators);
  // What is hoisted out of the loop while its body is emitted goes before it.
  Block *block = loop->getBlock();
  for (ScopeT *it = &outer; it; it = it->parent)
    if (it->builder.getInsertionBlock() == block)
      it->builder.setInsertionPoint(loop);
  bool hasYield = accumulators.empty();
  OpBuilder inside = hasYield ? OpBuilder(loop.getBody()->getTerminator())
                              : OpBuilder::atBlockEnd(loop.getBody());
  ScopeT child(&outer, inside, outer.point, outer.bound);
  child.point[dim] = loop.getInductionVar();
  llvm::copy(loop.getRegionIterArgs(), accumulators.begin());
  recurse(child);
  if (!hasYield)
    scf::YieldOp::create(child.builder, loc, accumulators);
  for (ScopeT *it = &outer; it; it = it->parent)
    if (it->builder.getInsertionBlock() == block)
      it->builder.setInsertionPointAfter(loop);
  llvm::copy(loop.getResults(), accumulators.begin());
}

static SmallVector<unsigned> toList(const SmallBitVector &set) {
  return llvm::to_vector(set.set_bits());
}

Value StepEmitter::emitReduction(ReduceOp reduce, Scope &scope) {
  SmallVector<unsigned> reduced;
  for (auto name : reduce.getDims().getAsRange<StringAttr>())
    reduced.push_back(scan.getSpace().find(name.getValue()));
  Location loc = reduce.getLoc();
  SmallVector<Value> accumulators{createReductionIdentity(
      scope.builder, loc, reduce.getKind(), getType(reduce.getResult()))};
  emitNest<Scope>(
      scope, loc, reduced, accumulators,
      [&](unsigned dim) { return isUnrolled(dim); },
      [&](unsigned dim) { return getUnrolledSize(dim); },
      [&](OpBuilder &builder, unsigned dim, int64_t number) {
        return getUnrolledPosition(builder, loc, dim, number);
      },
      [&](OpBuilder &builder, unsigned dim) {
        return hooks.getSize(builder, loc, dim);
      },
      [&](Scope &inside, SmallVectorImpl<Value> &values) {
        Value value = evaluate(reduce.getOperand(), inside);
        if (isa<VectorType>(values[0].getType()))
          value = toVector(inside.builder, loc, value, width);
        values[0] = createReductionStep(inside.builder, loc, reduce.getKind(),
                                        values[0], value);
      });
  if (llvm::is_contained(reduced, unsigned(split)))
    return hooks.combineSplit(scope.builder, loc, reduce.getKind(),
                              accumulators[0]);
  return accumulators[0];
}

void StepEmitter::emitLoops(
    OpBuilder &builder, Location loc, ArrayRef<unsigned> innerDims,
    llvm::function_ref<void(OpBuilder &, const InnerPoint &)> body) {
  unsigned rank = scan.getSpace().getRank();
  Scope root(nullptr, builder, InnerPoint(rank), SmallBitVector(rank));
  SmallVector<Value> none;
  emitNest<Scope>(
      root, loc, innerDims, none, [&](unsigned dim) { return isUnrolled(dim); },
      [&](unsigned dim) { return getUnrolledSize(dim); },
      [&](OpBuilder &builder, unsigned dim, int64_t number) {
        return getUnrolledPosition(builder, loc, dim, number);
      },
      [&](OpBuilder &at, unsigned dim) { return hooks.getSize(at, loc, dim); },
      [&](Scope &inside, SmallVectorImpl<Value> &) {
        body(inside.builder, inside.point);
      });
  builder = root.builder;
}

template <typename Result>
Result StepEmitter::emitAt(OpBuilder &builder, const InnerPoint &point,
                           llvm::function_ref<Result(Scope &)> emit) {
  SmallBitVector bound(point.size());
  for (auto [dim, position] : llvm::enumerate(point))
    if (position)
      bound.set(dim);
  // What is read at other positions starts from a scope that binds none.
  Scope root(nullptr, builder, InnerPoint(point.size()),
             SmallBitVector(point.size()));
  Scope scope(&root, builder, point, bound);
  Result result = emit(scope);
  builder = scope.builder;
  return result;
}

Value StepEmitter::emitValue(OpBuilder &builder, Value value,
                             const InnerPoint &point) {
  return emitAt<Value>(builder, point,
                       [&](Scope &scope) { return evaluate(value, scope); });
}

bool StepEmitter::isUniform(const Carrier &carrier) {
  if (carrier.monoid || !carrier.isAffine || carrier.product.count() == 0)
    return false;
  auto yield = cast<YieldOp>(scan.getElements().front().getTerminator());
  unsigned time = scan.getSpace().getTime();
  for (unsigned i = 0; i < carrier.size; ++i)
    for (unsigned j = 0; j < carrier.size; ++j)
      if (carrier.step(i, j) == algebra::Entry::Any &&
          getIndexSet(yield.getOperand(carrier.getEntryOperand(i, j)))
              .test(time))
        return false;
  return true;
}

Transition StepEmitter::emitEntries(OpBuilder &builder, const Carrier &carrier,
                                    const InnerPoint &point) {
  return emitAt<Transition>(builder, point, [&](Scope &scope) {
    return emitMap(carrier, scope, /*withRest=*/false);
  });
}

//===----------------------------------------------------------------------===//
// Emission of a step
//===----------------------------------------------------------------------===//

/// The map of a step at the scope's point.
Transition StepEmitter::emitMap(const Carrier &carrier, Scope &scope,
                                bool withRest) {
  auto yield = cast<YieldOp>(scan.getElements().front().getTerminator());
  auto emit = [&](unsigned operand, int row, int column) {
    if (carrier.row < 0)
      return evaluate(yield.getOperand(operand), scope);
    Scope child(&scope, scope.builder, scope.point, scope.bound);
    auto bind = [&](int dim, int index) {
      if (index < 0)
        return;
      child.point[dim] = createI64(child.builder, scan.getLoc(), index);
      child.bound.set(dim);
    };
    bind(carrier.row, row);
    bind(carrier.column, column);
    Value value = evaluate(yield.getOperand(operand), child);
    scope.builder = child.builder;
    return value;
  };
  bool hasEntries = carrier.isAffine || wantsEntries;
  Transition map{
      hasEntries ? carrier.step : algebra::Pattern(carrier.size), {}, {}};
  map.rest.resize(carrier.size);
  for (unsigned i = 0; i < carrier.size; ++i) {
    for (unsigned j = 0; j < carrier.size; ++j)
      if (map.pattern(i, j) == algebra::Entry::Any)
        map.entries.push_back(emit(carrier.getEntryOperand(i, j), i, j));
    if (withRest && carrier.hasRest[i])
      map.rest[i] = emit(carrier.getRestOperand(i), i, -1);
  }
  if (carrier.hasMarks()) {
    Value anew = evaluate(yield.getOperand(carrier.anew), scope);
    Value &marked = map.entries.front();
    if (isVector(anew.getType()) || isVector(marked.getType()))
      for (Value *value : {&anew, &marked})
        *value = toVector(scope.builder, scan.getLoc(), *value, width);
    AlgebraEmitter algebra(scope.builder, scan.getLoc(), carrier.semiring,
                           marked.getType());
    marked = algebra.mark(anew, marked);
  }
  return map;
}

/// Makes the states before a step that is not affine known to its elements.
void StepEmitter::enter(const Carrier &carrier, Scope &scope) {
  Block &elements = scan.getElements().front();
  unsigned first = scan.getInputs().size() + carrier.state;
  SmallVector<Value> before =
      sink->enter(scope.builder, scan.getLoc(), carrier, scope.point);
  for (unsigned i = 0; i < carrier.size; ++i)
    if (carrier.row >= 0)
      scope.rows[{elements.getArgument(first), i}] = before[i];
    else
      scope.memo[elements.getArgument(first + i)] = before[i];
}

/// Makes the values of a carrier known to what the scope evaluates.
void StepEmitter::remember(const Carrier &carrier, const StepSink::Moved &moved,
                           Scope &scope) {
  if (moved.current.empty())
    return;
  Block &readout = scan.getReadout().front();
  unsigned copies = scan.getReadLags() + 1;
  unsigned first = scan.getInputs().size() + carrier.state * copies;
  for (unsigned i = 0; i < carrier.size; ++i) {
    if (carrier.row >= 0) {
      scope.rows[{readout.getArgument(first), i}] = moved.previous[i];
      scope.rows[{readout.getArgument(first + 1), i}] = moved.current[i];
    } else if (carrier.lags > 1) {
      scope.memo[readout.getArgument(first + i)] = moved.previous[i];
    } else {
      scope.memo[readout.getArgument(first + i * copies)] = moved.previous[i];
      scope.memo[readout.getArgument(first + i * copies + 1)] =
          moved.current[i];
    }
  }
  if (carrier.lags > 1)
    scope.memo[readout.getArgument(first + carrier.lags)] = moved.current[0];
}

void StepEmitter::emitRoot(Root &root, Scope &scope, StepSink &sink,
                           SmallVectorImpl<Value> &accumulators,
                           unsigned &accumulator) {
  Location loc = scan.getLoc();
  switch (root.kind) {
  case Root::State: {
    const Carrier &carrier = carriers[root.number];
    if (!carrier.isAffine)
      enter(carrier, scope);
    Transition map = emitMap(carrier, scope);
    remember(carrier,
             sink.advance(scope.builder, loc, carrier, map, scope.point),
             scope);
    return;
  }
  case Root::Reduction: {
    Value value = evaluate(root.reduce.getOperand(), scope);
    Value &sum = accumulators[accumulator++];
    if (isa<VectorType>(sum.getType()))
      value = toVector(scope.builder, loc, value, width);
    sum = createReductionStep(scope.builder, root.reduce.getLoc(),
                              root.reduce.getKind(), sum, value);
    return;
  }
  case Root::Output:
    sink.store(scope.builder, loc, root.number, evaluate(root.value, scope),
               scope.point);
    return;
  }
}

void StepEmitter::emitGroup(ArrayRef<Root *> group, Scope &scope,
                            StepSink &sink) {
  Location loc = scan.getLoc();
  SmallVector<Value> accumulators;
  for (Root *root : group)
    if (root->kind == Root::Reduction)
      accumulators.push_back(
          createReductionIdentity(scope.builder, loc, root->reduce.getKind(),
                                  getType(root->reduce.getResult())));
  emitNest<Scope>(
      scope, loc, toList(group.front()->inner), accumulators,
      [&](unsigned dim) { return isUnrolled(dim); },
      [&](unsigned dim) { return getUnrolledSize(dim); },
      [&](OpBuilder &builder, unsigned dim, int64_t number) {
        return getUnrolledPosition(builder, loc, dim, number);
      },
      [&](OpBuilder &builder, unsigned dim) {
        return hooks.getSize(builder, loc, dim);
      },
      [&](Scope &inside, SmallVectorImpl<Value> &values) {
        unsigned accumulator = 0;
        for (Root *root : group)
          emitRoot(*root, inside, sink, values, accumulator);
      });
  unsigned accumulator = 0;
  for (Root *root : group)
    if (root->kind == Root::Reduction) {
      Value &sum = accumulators[accumulator++];
      if (split >= 0 && root->inner.test(split))
        sum = hooks.combineSplit(scope.builder, root->reduce.getLoc(),
                                 root->reduce.getKind(), sum);
      scope.memo[root->reduce.getResult()] = sum;
    }
}

LogicalResult StepEmitter::emitStep(OpBuilder &builder, StepSink &stepSink,
                                    bool withReadout) {
  sink = &stepSink;
  wantsEntries = !withReadout || alwaysEntries;
  SmallVector<Root> roots;
  if (failed(planRoots(roots, withReadout)))
    return failure();
  // Groups in order of stage; in a stage those without loops first. Roots keep
  // their order (states, reductions, outputs) inside a group.
  std::map<std::pair<int, std::vector<unsigned>>, SmallVector<Root *>> groups;
  for (Root &root : roots) {
    SmallVector<unsigned> list = toList(root.inner);
    groups[{root.stage, std::vector<unsigned>(list.begin(), list.end())}]
        .push_back(&root);
  }
  unsigned rank = scan.getSpace().getRank();
  Scope scope(nullptr, builder, InnerPoint(rank), SmallBitVector(rank));
  for (auto &[key, group] : groups)
    emitGroup(group, scope, stepSink);
  builder = scope.builder;
  sink = nullptr;
  return success();
}
