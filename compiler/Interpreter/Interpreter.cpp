//===-- compiler/Interpreter/Interpreter.cpp - checks and tiles
//--------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Binds arguments to the op, checks their shapes, and runs the tiles.
//===----------------------------------------------------------------------===//

#include "compiler/Interpreter/Interpreter.h"

#include "compiler/Interpreter/Program.h"

#include <atomic>
#include <thread>

using namespace mlir;
using namespace recur;
using namespace recur::interpreter;

Array Array::zeros(std::vector<int64_t> shape, bool isComplex) {
  Array array;
  array.shape = std::move(shape);
  if (isComplex)
    array.data = Complex(array.size());
  else
    array.data = Real(array.size());
  return array;
}

int64_t Array::size() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

namespace {
/// Finds the op of a function, gives it its arrays and checks that they fit.
class Binder {
public:
  Binder(func::FuncOp function, ArrayRef<Array> arguments, Execution &execution)
      : function(function), arguments(arguments), execution(execution) {}
  LogicalResult bind();

private:
  LogicalResult findOp();
  LogicalResult checkArgument(unsigned number);
  LogicalResult readSegments();
  /// Takes the sizes of dims that `operand` has as plain indices.
  LogicalResult bindSizes(Value operand, AffineMap map);
  LogicalResult checkReads(Value operand, AffineMap map);
  LogicalResult checkViews();
  /// Calls `visit` for each tensor operand and its map.
  LogicalResult
  forEachOperand(function_ref<LogicalResult(Value, AffineMap)> visit);

  /// `argument 2 ('x')`.
  std::string describe(unsigned argument);
  static unsigned getNumber(Value operand) {
    return cast<BlockArgument>(operand).getArgNumber();
  }
  const Array &getArray(Value operand) { return arguments[getNumber(operand)]; }
  InFlightDiagnostic error() { return function.emitError(); }
  std::string dimName(unsigned dim) {
    return ("'" + space.getName(dim) + "'").str();
  }

  func::FuncOp function;
  ArrayRef<Array> arguments;
  Execution &execution;
  RecurrenceOpInterface op;
  SpaceAttr space;
  /// For each dim what gave its size.
  SmallVector<std::string> origins;
};
} // namespace

std::string Binder::describe(unsigned argument) {
  if (auto name = function.getArgAttrOfType<StringAttr>(argument, "recur.name"))
    return ("argument " + Twine(argument) + " ('" + name.getValue() + "')")
        .str();
  return ("argument " + Twine(argument)).str();
}

LogicalResult Binder::findOp() {
  if (!function.getBody().hasOneBlock())
    return error() << "expected a function of one block";
  for (Operation &operation : function.front().without_terminator()) {
    auto found = dyn_cast<RecurrenceOpInterface>(operation);
    if (!found || op)
      return operation.emitError()
             << "expected one recurrence and a return, found '"
             << operation.getName() << "'";
    op = found;
  }
  if (!op)
    return error() << "expected the function to hold a recurrence";
  auto isArgument = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == &function.front();
  };
  if (!llvm::all_of(op->getOperands(), isArgument))
    return op->emitError() << "expected operands that are arguments";
  return success();
}

LogicalResult Binder::checkArgument(unsigned number) {
  const Array &array = arguments[number];
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[number]);
  if (!type)
    return error() << describe(number) << " is not a ranked tensor";
  if (int64_t(array.shape.size()) != type.getRank())
    return error() << describe(number) << " has rank " << array.shape.size()
                   << ", expected " << type.getRank();
  bool isComplex = isa<ComplexType>(type.getElementType());
  if (array.isComplex() != isComplex)
    return error() << describe(number) << " is "
                   << (array.isComplex() ? "complex" : "real")
                   << ", expected elements of type " << type.getElementType();
  for (auto [axis, have, want] :
       llvm::enumerate(array.shape, type.getShape())) {
    if (have < 0)
      return error() << "dim " << axis << " of " << describe(number)
                     << " has size " << have;
    if (!ShapedType::isDynamic(want) && have != want)
      return error() << "dim " << axis << " of " << describe(number)
                     << " has size " << have << ", expected " << want;
  }
  int64_t elements = isComplex ? array.complex().size() : array.real().size();
  if (elements != array.size())
    return error() << describe(number) << " holds " << elements
                   << " elements, expected " << array.size()
                   << " for its shape";
  return success();
}

LogicalResult
Binder::forEachOperand(function_ref<LogicalResult(Value, AffineMap)> visit) {
  for (auto [i, operand] : llvm::enumerate(op.getInputs()))
    if (failed(visit(operand, op.getInputMap(i))))
      return failure();
  for (auto [i, operand] : llvm::enumerate(op.getInits()))
    if (failed(visit(operand, op.getInitMap(i))))
      return failure();
  for (auto [i, operand] : llvm::enumerate(op.getHistories()))
    if (failed(visit(operand, op.getHistoryMap(i))))
      return failure();
  return success();
}

LogicalResult Binder::bindSizes(Value operand, AffineMap map) {
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    int dim = getIndexDim(expr);
    if (dim < 0 || (!isa<AffineDimExpr>(expr) && dim != int(space.getTime())))
      continue;
    unsigned number = getNumber(operand);
    int64_t size = arguments[number].shape[axis];
    if (ShapedType::isDynamic(execution.sizes[dim])) {
      execution.sizes[dim] = size;
      origins[dim] = describe(number);
    } else if (execution.sizes[dim] != size) {
      return error() << "dim " << axis << " of " << describe(number)
                     << " has size " << size << ", expected "
                     << execution.sizes[dim] << " for index " << dimName(dim)
                     << " from " << origins[dim];
    }
  }
  return success();
}

LogicalResult Binder::checkReads(Value operand, AffineMap map) {
  unsigned number = getNumber(operand);
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    int dim = getIndexDim(expr);
    if (dim == int(space.getTime()) || isa<AffineDimExpr>(expr))
      continue;
    // Nothing is read over a dim without points.
    int64_t size = arguments[number].shape[axis];
    int64_t points = dim < 0 ? 1 : execution.sizes[dim];
    for (int64_t point = 0; point < points; ++point) {
      int64_t index = evaluateIndex(expr, point);
      if (index >= 0 && index < size)
        continue;
      InFlightDiagnostic diagnostic =
          error() << "dim " << axis << " of " << describe(number)
                  << " has size " << size << ", but is read at index " << index;
      if (dim >= 0)
        diagnostic << ", where " << dimName(dim) << " is " << point;
      return diagnostic;
    }
  }
  return success();
}

LogicalResult Binder::readSegments() {
  int64_t steps = execution.sizes[space.getTime()];
  if (!op.getSegments()) {
    execution.segments = {0, steps};
    return success();
  }
  unsigned number = getNumber(op.getSegments());
  const Array::Real &lengths = arguments[number].real();
  if (lengths.front() != 0 || lengths.back() != steps)
    return error() << describe(number)
                   << " must hold cumulative lengths from 0 to the number of "
                      "steps, "
                   << steps;
  for (size_t i = 1; i < lengths.size(); ++i)
    if (lengths[i] < lengths[i - 1])
      return error() << describe(number) << " decreases at index " << i;
  execution.segments.assign(lengths.begin(), lengths.end());
  return success();
}

/// Renamed dims must not run past the dim they stand for.
LogicalResult Binder::checkViews() {
  auto check = [&](Operation *operation, StringRef from,
                   Attribute to) -> LogicalResult {
    int64_t size = execution.sizes[space.find(from)];
    int64_t last;
    if (auto constant = dyn_cast<IntegerAttr>(to))
      last = constant.getInt();
    else
      last = execution.sizes[space.find(cast<StringAttr>(to).getValue())] - 1;
    if (last >= size)
      return operation->emitError() << "reads index '" << from << "' at "
                                    << last << ", but its size is " << size;
    return success();
  };
  WalkResult result = op->walk([&](Operation *operation) {
    if (auto at = dyn_cast<AtOp>(operation)) {
      for (auto [from, to] : llvm::zip(at.getFrom(), at.getTo()))
        if (failed(check(at, cast<StringAttr>(from).getValue(), to)))
          return WalkResult::interrupt();
    } else if (auto prev = dyn_cast<PrevOp>(operation);
               prev && prev.getIndices()) {
      StateAttr state = op.getState(op.findState(prev.getState()));
      for (auto [from, to] : llvm::zip(state.getDims(), *prev.getIndices()))
        if (failed(check(prev, from.getValue(), to)))
          return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult Binder::bind() {
  if (failed(findOp()))
    return failure();
  execution.op = op;
  space = op.getSpace();
  if (arguments.size() != function.getNumArguments())
    return error() << "has " << function.getNumArguments() << " arguments, but "
                   << arguments.size() << " were given";
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (failed(checkArgument(i)))
      return failure();

  llvm::append_range(execution.sizes, space.getSizes());
  origins.assign(space.getRank(), "the declaration");
  if (Value segments = op.getSegments()) {
    if (getArray(segments).real().empty())
      return error() << describe(getNumber(segments))
                     << " is empty, expected cumulative lengths that begin "
                        "with 0";
    execution.sizes[space.getSegment()] =
        int64_t(getArray(segments).real().size()) - 1;
    origins[space.getSegment()] = describe(getNumber(segments));
  }
  if (failed(forEachOperand([&](Value operand, AffineMap map) {
        return bindSizes(operand, map);
      })))
    return failure();
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    if (ShapedType::isDynamic(execution.sizes[dim]))
      return op->emitError()
             << "no argument gives the size of index " << dimName(dim);
  if (failed(readSegments()) ||
      failed(forEachOperand([&](Value operand, AffineMap map) {
        return checkReads(operand, map);
      })) ||
      failed(checkViews()))
    return failure();

  for (Value input : op.getInputs())
    execution.inputs.push_back(&getArray(input));
  for (Value init : op.getInits())
    execution.inits.push_back(&getArray(init));
  for (Value history : op.getHistories())
    execution.histories.push_back(&getArray(history));
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Whether every point of `dim` is computed apart from the others: all states
/// and results have it, and no op mixes its points.
static bool isIndependent(RecurrenceOpInterface op, unsigned dim) {
  SpaceAttr space = op.getSpace();
  StringAttr name = space.getNames()[dim];
  if (dim == space.getTime() || int(dim) == space.getSegment())
    return false;
  for (unsigned i = 0; i < op.getNumStates(); ++i)
    if (!llvm::is_contained(op.getState(i).getDims(), name))
      return false;
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (!llvm::is_contained(op.getOutput(i).getDims(), name))
      return false;
  if (auto scan = dyn_cast<ScanLikeOpInterface>(op.getOperation());
      scan && scan.getBlockDims() &&
      llvm::is_contained(*scan.getBlockDims(), name))
    return false;
  WalkResult result = op->walk([&](Operation *operation) {
    bool mixes = false;
    if (auto reduce = dyn_cast<ReduceOp>(operation)) {
      mixes = llvm::is_contained(reduce.getDims(), name);
    } else if (auto at = dyn_cast<AtOp>(operation)) {
      mixes = llvm::is_contained(at.getFrom(), name) ||
              llvm::is_contained(at.getTo(), name);
    } else if (auto prev = dyn_cast<PrevOp>(operation);
               prev && prev.getIndices()) {
      StateAttr state = op.getState(op.findState(prev.getState()));
      for (auto [own, index] : llvm::zip(state.getDims(), *prev.getIndices()))
        mixes |= (own == name) != (index == name);
    }
    return mixes ? WalkResult::interrupt() : WalkResult::advance();
  });
  return !result.wasInterrupted();
}

/// Orders the dims so that the longest independent one is innermost.
static void chooseOrder(Execution &execution) {
  SpaceAttr space = execution.op.getSpace();
  auto isLonger = [&](unsigned dim, int than) {
    return than < 0 || execution.sizes[dim] > execution.sizes[than];
  };
  int longest = -1;
  for (unsigned dim = 0; dim < space.getRank(); ++dim) {
    if (dim == space.getTime() || int(dim) == space.getSegment())
      continue;
    execution.order.push_back(dim);
    if (isLonger(dim, longest))
      longest = dim;
    if (isIndependent(execution.op, dim) && isLonger(dim, execution.tiledDim))
      execution.tiledDim = dim;
  }
  int innermost = execution.tiledDim >= 0 ? execution.tiledDim : longest;
  llvm::stable_sort(execution.order, [&](unsigned lhs, unsigned rhs) {
    return int(lhs) != innermost && int(rhs) == innermost;
  });
}

/// Steps of the tiled dim that keep one value of a step in the caches.
static int64_t getTileSize(const Execution &execution, unsigned threads) {
  int64_t others = 1;
  for (unsigned dim : execution.order)
    if (int(dim) != execution.tiledDim)
      others *= std::max<int64_t>(execution.sizes[dim], 1);
  int64_t size = execution.sizes[execution.tiledDim];
  int64_t cached = std::max<int64_t>(4096 / others, 16);
  int64_t shared = (size + threads - 1) / threads;
  return std::max<int64_t>(std::min(cached, shared), 1);
}

static LogicalResult runTiles(Execution &execution, const Options &options) {
  unsigned threads =
      options.threads ? options.threads : std::thread::hardware_concurrency();
  threads = std::max(threads, 1u);
  int64_t size = 1, tile = 1;
  if (execution.tiledDim >= 0) {
    size = execution.sizes[execution.tiledDim];
    tile = getTileSize(execution, threads);
  }
  // The first tile finds the errors.
  Program first(execution, 0, std::min(tile, size));
  if (failed(first.build()))
    return failure();
  int64_t tiles = (size + tile - 1) / tile;
  std::atomic<int64_t> next = 1;
  auto work = [&]() {
    for (int64_t i = next++; i < tiles; i = next++) {
      Program program(execution, i * tile, std::min((i + 1) * tile, size));
      if (succeeded(program.build()))
        program.run();
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads && int64_t(i) < tiles; ++i)
    workers.emplace_back(work);
  first.run();
  work();
  for (std::thread &worker : workers)
    worker.join();
  return success();
}

FailureOr<std::vector<Array>>
recur::interpreter::interpret(func::FuncOp function, ArrayRef<Array> arguments,
                              const Options &options) {
  Execution execution;
  if (failed(Binder(function, arguments, execution).bind()))
    return failure();
  RecurrenceOpInterface op = execution.op;
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    std::vector<int64_t> shape;
    for (StringAttr name : op.getOutput(i).getDims())
      shape.push_back(execution.sizes[op.getSpace().find(name.getValue())]);
    Type element =
        cast<RankedTensorType>(op->getResult(i).getType()).getElementType();
    execution.results.push_back(
        Array::zeros(std::move(shape), isa<ComplexType>(element)));
  }
  chooseOrder(execution);
  if (failed(runTiles(execution, options)))
    return failure();

  std::vector<Array> results;
  for (Value value : function.front().getTerminator()->getOperands()) {
    if (auto result = dyn_cast<OpResult>(value))
      results.push_back(execution.results[result.getResultNumber()]);
    else
      results.push_back(arguments[cast<BlockArgument>(value).getArgNumber()]);
  }
  return results;
}
