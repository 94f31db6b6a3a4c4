//===-- Explain.cpp - text of recurc --explain ----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Explanations of scans.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Explain.h"

#include "compiler/Analysis/Economy.h"
#include "compiler/Analysis/Expressions.h"
#include "compiler/Analysis/Jacobian.h"

#include "compiler/Analysis/Monoids.h"
#include "compiler/Analysis/Schedules.h"
#include "compiler/Analysis/Structure.h"
#include "dialect/IR/Scalars.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// `b, t, d` for the dims in `set`.
static std::string listDims(SpaceAttr space, const SmallBitVector &set) {
  std::string text;
  for (unsigned dim : set.set_bits())
    text += (text.empty() ? "" : ", ") + space.getName(dim).str();
  return text;
}

/// The names of the arguments of `elements`.
static SmallVector<std::string> getElementArguments(ScanLikeOpInterface scan) {
  SmallVector<std::string> names =
      getArgumentNames(cast<RecurrenceOpInterface>(scan.getOperation()));
  names.resize(scan.getInputs().size());
  if (!scan.isAffine())
    for (auto state : scan.getStates().getAsRange<StateAttr>())
      names.push_back("prev(" + state.getName().getValue().str() + ")");
  return names;
}

/// The names of what `elements` yields, in its order.
static SmallVector<std::string> getElementNames(ScanLikeOpInterface scan) {
  SmallVector<std::string> names;
  unsigned order = scan.getAlgebra().getOrder();
  unsigned count = scan.getStates().size();
  // What a step does: h' = a h + b, or h' = f(h) with the Jacobian J.
  std::string a = scan.isAffine() ? "a" : "J", b = scan.isAffine() ? "b" : "f";
  switch (scan.getAlgebra().getStructure()) {
  case Structure::Diagonal:
  case Structure::OuterProduct:
    for (unsigned i = 0; i < count; ++i)
      names.append({a, b});
    return names;
  case Structure::Companion:
    for (unsigned k = 1; k <= order; ++k)
      names.push_back(a + std::to_string(k));
    names.push_back(b);
    return names;
  case Structure::Monoid:
    for (Attribute member : getMonoidOp(scan).getMembers())
      names.push_back(cast<StringAttr>(member).getValue().str());
    if (scan.getElements().front().getTerminator()->getNumOperands() > count)
      names.push_back("combined");
    return names;
  case Structure::Block:
    break;
  }
  if (scan.getBlockDims())
    return {a, b};
  for (unsigned row = 1; row <= order; ++row)
    for (unsigned column = 1; column <= order; ++column)
      names.push_back(a + std::to_string(row) + std::to_string(column));
  for (unsigned row = 1; row <= order; ++row)
    names.push_back(b + std::to_string(row));
  return names;
}

/// The ops of `elements` that a schedule runs: one step after the other needs
/// no Jacobian.
static llvm::SmallPtrSet<Operation *, 32> findNeeded(ScanLikeOpInterface scan) {
  llvm::SmallPtrSet<Operation *, 32> needed;
  SmallVector<Value> pending;
  Operation *yield = scan.getElements().front().getTerminator();
  for (auto [name, value] :
       llvm::zip(getElementNames(scan), yield->getOperands()))
    if (name[0] != 'J')
      pending.push_back(value);
  while (!pending.empty())
    if (Operation *op = pending.pop_back_val().getDefiningOp();
        op && needed.insert(op).second)
      llvm::append_range(pending, op->getOperands());
  return needed;
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

namespace {
/// Operations of one step by the dims they are done at, and bytes of tensors.
struct WorkTable {
  struct Tensor {
    std::string name;
    bool isResult;
    double elementBytes;
    SmallBitVector dims;
    /// Product of the sizes of axes that no dim names, for static sizes.
    double extra = 1;
  };
  std::vector<std::pair<SmallBitVector, OpCost>> costs;
  std::vector<Tensor> tensors;

  void addCost(const SmallBitVector &dims, OpCost cost) {
    for (auto &[have, total] : costs)
      if (have == dims) {
        total.arithmetic += cost.arithmetic;
        total.special += cost.special;
        return;
      }
    costs.push_back({dims, cost});
  }
};
} // namespace

static double getBytes(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * getBytes(complex.getElementType());
  return std::max(1.0, type.getIntOrFloatBitWidth() / 8.0);
}

/// What is computed from equal values is computed once, also when it occurs
/// in both regions.
static void countOps(ScanLikeOpInterface scan, WorkTable &table) {
  SpaceAttr space = scan.getSpace();
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  // Equal values have equal numbers; arguments of the two regions that are the
  // same input have the same number too.
  DenseMap<Value, unsigned> numbers;
  llvm::StringMap<unsigned> known;
  llvm::SmallPtrSet<Operation *, 32> needed = findNeeded(scan);
  unsigned inputs = scan.getInputs().size();
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    IndexSets sets = IndexSets::compute(*region, recurrence);
    bool isElements = region == &scan.getElements();
    for (BlockArgument argument : region->getArguments()) {
      // A state one step ago has a second argument behind it in the readout.
      unsigned number = argument.getArgNumber();
      numbers[argument] = isElements && number >= inputs
                              ? inputs + 2 * (number - inputs)
                              : number;
    }
    for (Operation &op : region->front().without_terminator()) {
      if (isElements && !needed.contains(&op))
        continue;
      std::string key;
      llvm::raw_string_ostream text(key);
      text << op.getName() << op.getPropertiesAsAttribute()
           << op.getAttrDictionary() << op.getResult(0).getType();
      for (Value operand : op.getOperands())
        text << ' ' << numbers[operand];
      auto [entry, isNew] = known.try_emplace(
          key, scan.getReadout().getNumArguments() + known.size());
      numbers[op.getResult(0)] = entry->second;
      auto step = dyn_cast<StepOpInterface>(op);
      OpCost cost = step ? step.getCost() : OpCost{1, 0};
      if (cost.arithmetic == 0 && cost.special == 0)
        continue;
      if (step && step.getSpelling().empty())
        continue; // conversions ride along with loads and stores
      if (!isNew)
        continue;
      SmallBitVector dims = sets.get(op.getResult(0));
      for (Value operand : op.getOperands())
        dims |= sets.get(operand);
      if (space.getSegment() >= 0)
        dims.reset(space.getSegment());
      table.addCost(dims, cost);
    }
  }
  if (MonoidOp monoid = getMonoidOp(scan)) {
    SmallBitVector dims =
        getMapDims(getDimsMap(space, scan.getState(0).getDims()), space);
    dims.set(space.getTime());
    table.addCost(dims, getCombineCost(monoid));
    return;
  }
  // a (x) h (+) b: two operations for each entry of the transition, four times
  // that for complex numbers.
  for (auto state : scan.getStates().getAsRange<StateAttr>()) {
    if (!scan.isAffine())
      break;
    SmallBitVector dims = getMapDims(getDimsMap(space, state.getDims()), space);
    dims.set(space.getTime());
    double terms = scan.getAlgebra().getOrder();
    double each = isa<ComplexType>(state.getType()) ? 8 : 2;
    table.addCost(dims, {terms * each, 0});
  }
}

static void countTensors(ScanLikeOpInterface scan, WorkTable &table) {
  SpaceAttr space = scan.getSpace();
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  llvm::SmallPtrSet<void *, 8> seen;
  auto addInput = [&](Value operand, AffineMap map) {
    if (!seen.insert(operand.getAsOpaquePointer()).second)
      return;
    auto type = cast<RankedTensorType>(operand.getType());
    WorkTable::Tensor tensor{
        getName(cast<RecurrenceOpInterface>(scan.getOperation()), operand),
        false, getBytes(type.getElementType()),
        SmallBitVector(space.getRank())};
    // The declared dims say more than one access does.
    auto argument = dyn_cast<BlockArgument>(operand);
    auto function = scan->getParentOfType<func::FuncOp>();
    ArrayAttr declared;
    if (argument && function)
      declared = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                      "recur.dims");
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      int dim = -1;
      if (declared && int64_t(declared.size()) == type.getRank())
        dim = space.find(cast<StringAttr>(declared[axis]).getValue());
      else
        for (unsigned i = 0; i < space.getRank(); ++i)
          if (map.getResult(axis).isFunctionOfDim(i))
            dim = i;
      if (dim >= 0)
        tensor.dims.set(dim);
      else if (!type.isDynamicDim(axis))
        tensor.extra *= type.getDimSize(axis);
    }
    table.tensors.push_back(std::move(tensor));
  };
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    addInput(input, recurrence.getInputMap(i));
  for (auto [i, init] : llvm::enumerate(scan.getInits()))
    addInput(init, recurrence.getInitMap(i));
  for (auto [i, history] : llvm::enumerate(scan.getHistories()))
    addInput(history, recurrence.getHistoryMap(i));
  for (unsigned i = 0; i < scan->getNumResults(); ++i) {
    auto output = cast<ResultAttr>(scan.getOutputs()[i]);
    table.tensors.push_back(
        {output.getName().getValue().str(), true,
         getBytes(getElementTypeOrSelf(scan->getResult(i).getType())),
         getMapDims(getDimsMap(space, output.getDims()), space)});
  }
}

/// Points of `dims`; nothing if a size is unknown.
static std::optional<double>
countPoints(SpaceAttr space, const SmallBitVector &dims,
            const llvm::StringMap<int64_t> &sizes) {
  double points = 1;
  for (unsigned dim : dims.set_bits()) {
    auto given = sizes.find(space.getName(dim));
    if (space.isStatic(dim))
      points *= space.getSizes()[dim];
    else if (given != sizes.end())
      points *= given->second;
    else if (int(dim) != space.getSegment())
      return std::nullopt;
  }
  return points;
}

static std::optional<algebra::Work>
countWork(ScanLikeOpInterface scan, const WorkTable &table,
          const llvm::StringMap<int64_t> &sizes) {
  SpaceAttr space = scan.getSpace();
  algebra::Work work;
  for (const auto &[dims, cost] : table.costs) {
    std::optional<double> points = countPoints(space, dims, sizes);
    if (!points)
      return std::nullopt;
    work.arithmetic += *points * cost.arithmetic;
    work.special += *points * cost.special;
  }
  for (const WorkTable::Tensor &tensor : table.tensors) {
    std::optional<double> points = countPoints(space, tensor.dims, sizes);
    if (!points)
      return std::nullopt;
    (tensor.isResult ? work.bytesWritten : work.bytesRead) +=
        *points * tensor.elementBytes * tensor.extra;
  }
  return work;
}

static WorkTable makeTable(ScanLikeOpInterface scan) {
  WorkTable table;
  countOps(scan, table);
  countTensors(scan, table);
  return table;
}

std::optional<algebra::Work>
recur::countWork(ScanLikeOpInterface scan,
                 const llvm::StringMap<int64_t> &sizes) {
  return ::countWork(scan, makeTable(scan), sizes);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// `12.3 M`, with a factor of 1000 between prefixes.
static std::string printQuantity(double value) {
  const char *prefixes[] = {"", " k", " M", " G", " T"};
  unsigned i = 0;
  for (; value >= 1000 && i < 4; ++i)
    value /= 1000;
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format(i == 0 || value >= 100 ? "%.0f" : "%.1f", value)
      << prefixes[i];
  return text;
}

static std::string printBytes(double bytes) {
  std::string text = printQuantity(bytes);
  return text + (text.find(' ') == std::string::npos ? " B" : "B");
}

static std::string printTime(double seconds) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (seconds < 1e-3)
    os << llvm::format("%.1f us", seconds * 1e6);
  else
    os << llvm::format("%.2f ms", seconds * 1e3);
  return text;
}

static std::string printStart(ScanLikeOpInterface scan, StateAttr state) {
  std::string text;
  for (Attribute start : state.getStarts()) {
    if (!text.empty())
      text += ", ";
    int init = StateAttr::getInitOperand(start);
    text += init >= 0
                ? getName(cast<RecurrenceOpInterface>(scan.getOperation()),
                          scan.getInits()[init])
                : printConstant(start);
  }
  return text;
}

/// Whether the step reads no earlier state.
static bool isNoRecurrence(ScanLikeOpInterface scan) {
  if (!scan.isAffine() || getMonoidOp(scan))
    return false;
  Operation *yield = scan.getElements().front().getTerminator();
  SmallVector<std::string> names = getElementNames(scan);
  for (auto [name, value] : llvm::zip(names, yield->getOperands()))
    if (name[0] == 'a' &&
        !isSemiringZero(scan.getAlgebra().getSemiring(), value))
      return false;
  return true;
}

static void explainRecognised(ScanLikeOpInterface scan, llvm::raw_ostream &os) {
  SpaceAttr space = scan.getSpace();
  os << "recognised: ";
  if (!scan.isAffine())
    os << "not affine in the state; its Jacobian is ";
  os << describe(scan.getAlgebra());
  if (isRotation(scan))
    os << ", a rotation: the states are the parts of one complex number";
  if (MonoidOp monoid = getMonoidOp(scan))
    os << ", combined by '" << monoid.getSymName() << "'"
       << (getPrepends(scan) ? " from the front" : "");
  if (isNoRecurrence(scan))
    os << "; no new state depends on an earlier one, so there is no recurrence";
  if (std::optional<ArrayAttr> pair = scan.getBlockDims())
    os << " (matrix over rows " << cast<StringAttr>((*pair)[0]).getValue()
       << " and columns " << cast<StringAttr>((*pair)[1]).getValue() << ")";
  os << "\n";
  Operation *yield = scan.getElements().front().getTerminator();
  SmallVector<std::string> arguments = getElementArguments(scan);
  SmallVector<std::string> names = getElementNames(scan);
  unsigned count = scan.getStates().size();
  bool byState = count &&
                 scan.getAlgebra().getStructure() != Structure::Block &&
                 scan.getAlgebra().getStructure() != Structure::Monoid;
  unsigned perState = byState ? names.size() / count : 0;
  bool decays = scan.isAffine() &&
                scan.getAlgebra().getSemiring() == Semiring::PlusTimes &&
                scan.getAlgebra().getStructure() == Structure::Diagonal;
  IndexSets sets = IndexSets::compute(
      scan.getElements(), cast<RecurrenceOpInterface>(scan.getOperation()));
  SmallBitVector shared = ~getLaneDims(scan).inner;
  auto showDecay = [&](Value value) {
    Decay decay = getDecay(value, space.getTime(), shared,
                           [&](Value part) { return sets.get(part); });
    if (!decay.sum)
      return;
    os << "    (over steps exp(";
    if (decay.rate)
      os << printExpression(decay.rate, arguments) << " * ";
    os << "sum of " << printExpression(decay.sum, arguments) << "))";
  };
  auto showElements = [&](unsigned begin, unsigned end) {
    for (unsigned i = begin; i < end; ++i) {
      Value value = yield->getOperand(i);
      SmallBitVector dims = sets.get(value);
      os << "    " << names[i] << " = " << printExpression(value, arguments);
      if (dims.none())
        os << "    (constant)";
      else if (!dims.test(space.getTime()))
        os << "    (does not vary over " << space.getName(space.getTime())
           << ")";
      else if (byState && i % perState == 0 && decays)
        showDecay(value);
      os << "\n";
    }
  };
  for (auto [i, state] :
       llvm::enumerate(scan.getStates().getAsRange<StateAttr>())) {
    os << "  state " << state.getName().getValue() << "[";
    llvm::interleave(
        state.getDims(), os, [&](StringAttr dim) { os << dim.getValue(); },
        ",");
    os << "]: " << state.getType() << ", starts at " << printStart(scan, state)
       << "\n";
    if (byState)
      showElements(i * perState, (i + 1) * perState);
  }
  if (!byState)
    showElements(0, names.size());
}

/// States that the step has and the scan has not.
static void explainRemoved(ScanLikeOpInterface scan, llvm::raw_ostream &os) {
  if (auto removed = scan->getAttrOfType<ArrayAttr>(kRemovedAttr))
    for (auto text : removed.getAsRange<StringAttr>())
      os << "removed: " << text.getValue() << "\n";
}

/// States that need no iteration.
static void explainParts(ScanLikeOpInterface scan, llvm::raw_ostream &os) {
  auto newton = dyn_cast<NewtonOp>(scan.getOperation());
  if (!newton)
    return;
  StateParts parts = findParts(newton);
  auto list = [&](bool linear) {
    std::string text;
    for (unsigned i = 0; i < parts.isLinear.size(); ++i)
      if (parts.isLinear[i] == linear)
        text += (text.empty() ? "" : ", ") +
                newton.getState(i).getName().getValue().str();
    return text;
  };
  std::string linear = list(true), rest = list(false);
  if (!linear.empty())
    os << "split: " << linear << " affine once the others are known, a scan; "
       << (rest.empty() ? "none" : rest) << " iterated\n";
}

/// Where the iteration begins, if the spec says it.
static void explainGuesses(ScanLikeOpInterface scan, llvm::raw_ostream &os) {
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  for (unsigned i = 0; i < recurrence.getNumStates(); ++i)
    if (int input = recurrence.getGuess(i); input >= 0)
      os << "guessed: state " << recurrence.getState(i).getName().getValue()
         << " is " << getName(recurrence, scan.getInputs()[input])
         << " where segments begin, if that is finite; one step after the "
            "other (CPUs, serial) does not read it\n";
}

static void explainInvariants(ScanLikeOpInterface scan, llvm::raw_ostream &os) {
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  llvm::SmallSetVector<StringRef, 4> shown;
  std::vector<std::string> keep;
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    if (recurrence.getInputLag(i) < 0)
      keep.push_back(
          getName(cast<RecurrenceOpInterface>(scan.getOperation()), input));
  for (const std::string &name : keep)
    shown.insert(name);
  if (shown.empty())
    return;
  os << "read once, do not vary over "
     << scan.getSpace().getName(scan.getSpace().getTime()) << ": ";
  llvm::interleaveComma(shown, os);
  os << "\n";
}

static void explainSchedules(ScanLikeOpInterface scan, llvm::raw_ostream &os) {
  std::optional<ArrayAttr> schedules = scan.getSchedules();
  if (!schedules || schedules->empty())
    return;
  SpaceAttr space = scan.getSpace();
  LaneDims dims = getLaneDims(scan);
  bool iterates = llvm::any_of(schedules->getAsRange<ScheduleAttr>(),
                               [](ScheduleAttr schedule) {
                                 return schedule.getAlgorithm() == "newton" ||
                                        schedule.getAlgorithm() == "shooting";
                               });
  if (!scan.isAffine() && !iterates)
    os << "one step after the other: one segment of all of time, one pass\n";
  os << "schedules:\n";
  StringRef target;
  for (auto schedule : schedules->getAsRange<ScheduleAttr>()) {
    bool first = schedule.getTarget() != target;
    target = schedule.getTarget();
    bool overTime = schedule.getLanes() == space.getName(space.getTime());
    os << "  " << target << ": " << schedule.getAlgorithm() << ", ";
    if (schedule.getWidth() > 1 && schedule.getAlgorithm() == "newton")
      os << "one thread for each " << schedule.getWidth() << " of "
         << schedule.getLanes();
    else if (schedule.getWidth() > 1)
      os << schedule.getWidth() << " lanes along " << schedule.getLanes();
    else
      os << "one thread for each " << schedule.getLanes();
    os << (schedule.getContiguous() ? ", unit stride there" : ", any strides");
    if (schedule.getAlgorithm() == "newton" && schedule.getSegment() > 0)
      os << ", segments of " << schedule.getSegment()
         << " steps over the grid, 1 pass expected, then 1 where they do not "
            "meet, then in order";
    else if (schedule.getAlgorithm() == "newton")
      os << ", " << 32 * schedule.getWarps() / schedule.getGroup()
         << " segments of up to " << schedule.getSteps()
         << " steps at once, 2 to 4 passes expected, at last in order";
    else if (schedule.getAlgorithm() == "shooting")
      os << ", each a segment of it, where time is long and channels are few: "
            "1 "
            "pass expected, others where they do not meet, at last in order";
    else if (schedule.getSegment() > 0)
      os << ", segments of " << schedule.getSegment() << " steps";
    if (first) {
      unsigned last = overTime ? dims.timeLast : dims.channelLast;
      os << "  <- preferred";
      if (last > 0)
        os << ": " << schedule.getLanes() << " is the last index of " << last
           << (last == 1 ? " tensor that varies over "
                         : " tensors that vary over ")
           << space.getName(space.getTime());
    }
    os << "\n";
  }
}

static void explainWork(ScanLikeOpInterface scan, const WorkTable &table,
                        llvm::raw_ostream &os) {
  SpaceAttr space = scan.getSpace();
  os << "operations:\n";
  for (const auto &[dims, cost] : table.costs)
    os << "  for each [" << listDims(space, dims)
       << "]: " << llvm::format("%g", cost.arithmetic) << " arithmetic, "
       << llvm::format("%g", cost.special) << " special functions\n";
  os << "bytes:\n";
  for (const WorkTable::Tensor &tensor : table.tensors)
    os << "  " << (tensor.isResult ? "writes " : "reads ") << tensor.name << "["
       << listDims(space, tensor.dims)
       << "]: " << llvm::format("%g", tensor.elementBytes * tensor.extra)
       << " for each\n";
}

static void explainTimes(ScanLikeOpInterface scan, const algebra::Work &work,
                         llvm::raw_ostream &os) {
  os << "in all: reads " << printBytes(work.bytesRead) << ", writes "
     << printBytes(work.bytesWritten) << ", " << printQuantity(work.arithmetic)
     << " arithmetic and " << printQuantity(work.special)
     << " special operations, " << llvm::format("%.2f", work.intensity())
     << " operations a byte\n";
  std::optional<ArrayAttr> schedules = scan.getSchedules();
  if (!schedules)
    return;
  os << "least time:\n";
  StringRef target;
  for (auto schedule : schedules->getAsRange<ScheduleAttr>()) {
    if (schedule.getTarget() == target)
      continue;
    target = schedule.getTarget();
    llvm::Expected<TargetSpec> spec = TargetSpec::parse(target);
    if (!spec) {
      llvm::consumeError(spec.takeError());
      continue;
    }
    auto show = [&](const algebra::Machine &machine) {
      algebra::Roofline roofline = algebra::estimate(work, machine);
      os << "  " << target << " (" << machine.name << ", "
         << printQuantity(machine.bandwidth)
         << "B/s): " << printTime(roofline.seconds) << ", bound by "
         << algebra::describe(roofline.bound) << "\n";
    };
    if (!spec->isGpu())
      show(algebra::getHost(spec->level == 4   ? 512
                            : spec->level == 3 ? 256
                                               : 128));
    else if (auto machine = algebra::getGpu(spec->level))
      show(*machine);
    if (spec->isGpu() && spec->level == 90)
      show(algebra::getH200());
  }
}

void recur::explain(ScanLikeOpInterface scan,
                    const llvm::StringMap<int64_t> &sizes,
                    llvm::raw_ostream &os) {
  auto function = scan->getParentOfType<func::FuncOp>();
  SpaceAttr space = scan.getSpace();
  os << (function ? function.getName() : StringRef("recurrence")) << " over "
     << space.getName(space.getTime()) << (space.getReverse() ? " reverse" : "")
     << "\n";
  explainRecognised(scan, os);
  explainRemoved(scan, os);
  explainParts(scan, os);
  explainGuesses(scan, os);
  explainInvariants(scan, os);
  explainSchedules(scan, os);
  WorkTable table = makeTable(scan);
  explainWork(scan, table, os);
  if (std::optional<algebra::Work> work = ::countWork(scan, table, sizes))
    explainTimes(scan, *work, os);
}
