//===-- Schedules.cpp - choice of schedules -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Schedules by target and declared layout.
//===----------------------------------------------------------------------===//

#include "compiler/Analysis/Schedules.h"
#include "compiler/Analysis/Jacobian.h"
#include "compiler/Analysis/Monoids.h"
#include "compiler/Analysis/Waves.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

/// Whether a scan is that of `NAME_step`, over one step of time.
static bool isStep(ScanLikeOpInterface scan) {
  auto function = scan->getParentOfType<func::FuncOp>();
  return function && function->hasAttr("recur.step");
}

/// Counts the last dims of the operands that vary over time.
static void countLastDims(ScanLikeOpInterface scan,
                          SmallVectorImpl<unsigned> &last) {
  SpaceAttr space = scan.getSpace();
  last.assign(space.getRank(), 0);
  auto count = [&](AffineMap map) {
    if (!map.isFunctionOfDim(space.getTime()) || map.getNumResults() == 0)
      return;
    AffineExpr expr = map.getResults().back();
    for (unsigned dim = 0; dim < space.getRank(); ++dim)
      if (expr.isFunctionOfDim(dim))
        ++last[dim];
  };
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  for (unsigned i = 0, e = scan.getInputs().size(); i < e; ++i)
    count(recurrence.getInputMap(i));
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>())
    if (!output.isFinal())
      count(getDimsMap(space, output.getDims()));
}

LaneDims recur::getLaneDims(ScanLikeOpInterface scan) {
  SpaceAttr space = scan.getSpace();
  LaneDims dims;
  dims.inner.resize(space.getRank());
  auto add = [&](Attribute name) {
    dims.inner.set(space.find(cast<StringAttr>(name).getValue()));
  };
  for (Region *region : {&scan.getElements(), &scan.getReadout()}) {
    for (auto reduce : region->getOps<ReduceOp>())
      llvm::for_each(reduce.getDims(), add);
    for (auto at : region->getOps<AtOp>())
      llvm::for_each(at.getFrom(), add);
  }
  dims.reduced = dims.inner;
  for (Region *region : {&scan.getElements(), &scan.getReadout()})
    for (auto at : region->getOps<AtOp>())
      for (ArrayAttr names : {at.getFrom(), at.getTo()})
        for (Attribute position : names)
          if (auto name = dyn_cast<StringAttr>(position))
            dims.reduced.reset(space.find(name.getValue()));
  if (std::optional<ArrayAttr> pair = scan.getBlockDims()) {
    llvm::for_each(*pair, add);
    dims.reduced.reset();
  }

  // Best is a dim that every state and every output has: along another one
  // what lacks it would be computed again.
  SmallBitVector any(space.getRank()), every(space.getRank(), true);
  auto count = [&](ArrayRef<StringAttr> names) {
    SmallBitVector have(space.getRank());
    for (StringAttr name : names)
      have.set(space.find(name.getValue()));
    any |= have;
    every &= have;
  };
  for (auto state : scan.getStates().getAsRange<StateAttr>())
    count(state.getDims());
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>())
    if (!output.isFinal())
      count(output.getDims());
  any.reset(dims.inner);
  any.reset(space.getTime());
  if (space.getSegment() >= 0)
    any.reset(space.getSegment());
  every &= any;
  dims.parallel = any;

  SmallVector<unsigned> last;
  countLastDims(scan, last);
  dims.timeLast = last[space.getTime()];
  for (unsigned dim : (every.any() ? every : any).set_bits())
    if (dims.channel < 0 || last[dim] >= last[dims.channel])
      dims.channel = dim;
  if (dims.channel >= 0)
    dims.channelLast = last[dims.channel];
  return dims;
}

bool recur::needsOnlyFirsts(ScanLikeOpInterface scan) {
  unsigned segment = scan.getSpace().getSegment();
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  for (unsigned i = 0, e = scan.getInputs().size(); i < e; ++i)
    if (scan.getInputLag(i) > 0 ||
        recurrence.getInputMap(i).isFunctionOfDim(segment))
      return false;
  for (unsigned i = 0, e = recurrence.getInitMaps().size(); i < e; ++i)
    if (recurrence.getInitMap(i).isFunctionOfDim(segment))
      return false;
  return llvm::none_of(scan.getOutputs().getAsRange<ResultAttr>(),
                       [](ResultAttr output) { return output.isFinal(); });
}

/// Lanes of the widest state in a register of `bits`.
static int64_t getWidth(ScanLikeOpInterface scan, unsigned bits) {
  unsigned widest = 32;
  for (auto state : scan.getStates().getAsRange<StateAttr>()) {
    Type type = state.getType();
    if (auto complex = dyn_cast<ComplexType>(type))
      type = complex.getElementType(); // parts have vectors of their own
    widest = std::max(widest, type.getIntOrFloatBitWidth());
  }
  return std::max(1u, bits / widest);
}

static InFlightDiagnostic reportOverride(ScanLikeOpInterface scan,
                                         const Twine &text) {
  return scan.emitError() << "schedule: " << text;
}

/// Applies `overrides` to `schedule`.
static FailureOr<ScheduleAttr> applyOverrides(ScanLikeOpInterface scan,
                                              const LaneDims &dims,
                                              ScheduleAttr schedule,
                                              StringRef overrides) {
  SpaceAttr space = scan.getSpace();
  std::string lanes = schedule.getLanes().str();
  std::string algorithm = schedule.getAlgorithm().str();
  int64_t width = schedule.getWidth(), segment = schedule.getSegment();
  int64_t steps = schedule.getSteps(), group = schedule.getGroup(),
          chunks = schedule.getChunks(), warps = schedule.getWarps(),
          stages = 0;
  bool contiguous = schedule.getContiguous();
  SmallVector<StringRef> parts;
  overrides.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    auto [key, value] = part.split('=');
    key = key.trim();
    value = value.trim();
    if (key == "lanes") {
      int dim = space.find(value);
      if (dim < 0)
        return reportOverride(scan, "expected lanes to be a dim of the "
                                    "recurrence, found '" +
                                        value + "'");
      lanes = value.str();
    } else if (key == "width") {
      if (value.getAsInteger(10, width) || width < 1 || width > 1024)
        return reportOverride(scan, "expected a width of 1 to 1024, found '" +
                                        value + "'");
    } else if (key == "segment") {
      if (value.getAsInteger(10, segment) || segment < 0)
        return reportOverride(
            scan,
            "expected a segment of at least 0 steps, found '" + value + "'");
    } else if (key == "contiguous") {
      if (value != "true" && value != "false")
        return reportOverride(
            scan,
            "expected contiguous to be true or false, found '" + value + "'");
      contiguous = value == "true";
    } else if (key == "algorithm") {
      algorithm = value.str();
    } else if (int64_t *number = llvm::StringSwitch<int64_t *>(key)
                                     .Case("steps", &steps)
                                     .Case("group", &group)
                                     .Case("chunks", &chunks)
                                     .Case("warps", &warps)
                                     .Case("stages", &stages)
                                     .Default(nullptr)) {
      if (value.getAsInteger(10, *number))
        return reportOverride(scan, "expected a number for " + key +
                                        ", found '" + value + "'");
    } else {
      return reportOverride(
          scan, "expected algorithm, lanes, width, segment, contiguous, steps, "
                "group, chunks, warps or stages, found '" +
                    key + "'");
    }
  }
  // Threads share a dim that is reduced, and run along others.
  bool waves = algorithm == "wave", splits = algorithm == "split",
       iterates = algorithm == "newton",
       tiled =
           algorithm == "tile" || algorithm == "lookback" || waves || iterates;
  if (int dim = space.find(lanes);
      !splits && dim != int(space.getTime()) && !dims.parallel.test(dim))
    return reportOverride(scan, "lanes cannot run along '" + lanes +
                                    "', which is reduced, renamed or an index "
                                    "of no state and result");
  bool alongTime = space.find(lanes) == int(space.getTime());
  for (auto [number, initial, has] :
       {std::tuple(&steps, alongTime ? int(width) : 16, tiled),
        {&group,
         waves || iterates ? 32
         : splits          ? 4
                           : 1,
         tiled || splits},
        {&chunks, 1, tiled},
        {&warps, 8, tiled}})
    *number = !has ? 0 : *number ? *number : initial;
  // Segments of time lie apart.
  contiguous &= algorithm != "shooting";
  auto changed = ScheduleAttr::getChecked(
      [&] { return scan.emitError() << "schedule: "; }, scan.getContext(),
      schedule.getTarget(), StringRef(algorithm), StringRef(lanes), width,
      contiguous, segment, steps, group, chunks, warps, stages);
  if (!changed)
    return failure();
  return changed;
}

/// The most numbers of a tuple in registers, and the most rows of a matrix: of
/// one that is the same for all steps, and of others.
static constexpr int64_t kLargestTuple = 16, kLargestUniform = 6,
                         kLargestVarying = 5;

/// Operations of the combinations that a thread makes of its steps, at most:
/// they are unrolled.
static constexpr int64_t kMostWork = 4096;

/// What decides over a scan's tiles.
struct TileShape {
  /// Halves of registers that a thread keeps for each of its elements.
  int64_t halves;
  /// All time-varying numbers have 16 bits or less, and share registers.
  bool narrow;
  /// Bits of the widest number that varies over time; a complex number has
  /// those of both parts.
  unsigned bits;
  /// The components of a state that depend on each other, and the numbers of
  /// the map of several steps that are not known or the same for all steps.
  int64_t order, travelling;
  bool isUniform; ///< the map's matrix is the same for all steps
  bool isTuple;   ///< elements of a monoid
  int64_t work;   ///< operations of one combination
  /// Bytes of a channel that a step reads, and the larger of those and what it
  /// writes.
  int64_t bytesRead, bytes;
  /// Whether all that is read can wait in shared memory, if `vector` numbers
  /// along time are one piece.
  bool canWait;
  /// Numbers of a step that lie together after the dims of lanes; of those
  /// tensors, whether time is nearer to them than the channel.
  bool innerLast, timeIsNearer;

  /// Numbers along time in a vector of 16 bytes. Several numbers of a step that
  /// lie together are vectors already.
  int64_t getVector() const { return innerLast ? 1 : std::max(1u, 128 / bits); }
  /// Maps of so many numbers that their steps had better wait in shared memory
  /// than in registers.
  bool isLarge() const { return !isUniform && !isTuple && order > 3; }
  /// So many steps that a thread combines no more than it should.
  int64_t limit(int64_t steps) const {
    return std::min<int64_t>(steps,
                             llvm::bit_floor<uint64_t>(std::max<int64_t>(
                                 1, kMostWork / std::max<int64_t>(1, work))));
  }
};

/// The bits of a number in memory.
static unsigned getBits(Type type) {
  type = getElementTypeOrSelf(type);
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * complex.getElementType().getIntOrFloatBitWidth();
  return type.getIntOrFloatBitWidth();
}

/// How many of the numbers that `elements` yields for a state's transition
/// vary over time.
static bool isTransitionUniform(ScanLikeOpInterface scan) {
  AlgebraAttr algebra = scan.getAlgebra();
  unsigned time = scan.getSpace().getTime();
  int64_t order = algebra.getOrder();
  IndexSets sets = IndexSets::compute(scan.getElements(), scan);
  OperandRange yielded =
      scan.getElements().front().getTerminator()->getOperands();
  unsigned count = 1; // of the first numbers of all, those of A
  bool blocks = algebra.getStructure() == Structure::Block;
  if (blocks && !scan.getBlockDims())
    count = order * order;
  else if (algebra.getStructure() == Structure::Companion)
    count = order;
  return !scan.getSegments() &&
         llvm::none_of(yielded.take_front(count),
                       [&](Value value) { return sets.get(value).test(time); });
}

/// How many of the numbers that `elements` yields vary over time.
static int64_t countVarying(ScanLikeOpInterface scan) {
  IndexSets sets = IndexSets::compute(scan.getElements(), scan);
  return llvm::count_if(
      scan.getElements().front().getTerminator()->getOperands(),
      [&](Value value) {
        return sets.get(value).test(scan.getSpace().getTime());
      });
}

/// Nothing if a scan has no tiles: its states have to fit in registers.
static std::optional<TileShape> getTileShape(ScanLikeOpInterface scan,
                                             const LaneDims &dims) {
  SpaceAttr space = scan.getSpace();
  AlgebraAttr algebra = scan.getAlgebra();
  if (scan.getNumStates() == 0 || isStep(scan))
    return std::nullopt;
  int row = -1;
  if (std::optional<ArrayAttr> pair = scan.getBlockDims())
    row = space.find(cast<StringAttr>((*pair)[0]).getValue());
  for (unsigned dim : dims.inner.set_bits()) {
    if (!space.isStatic(dim) || space.getSizes()[dim] > 4)
      return std::nullopt;
    for (auto state : scan.getStates().getAsRange<StateAttr>())
      if (int(dim) != row &&
          llvm::is_contained(state.getDims(), space.getNames()[dim]))
        return std::nullopt;
  }
  TileShape shape = {};
  bool single = algebra.getStructure() == Structure::Diagonal ||
                algebra.getStructure() == Structure::OuterProduct;
  bool companion = algebra.getStructure() == Structure::Companion;
  shape.order = single ? 1 : algebra.getOrder();
  shape.isTuple = algebra.getStructure() == Structure::Monoid;
  bool uniform = !shape.isTuple && isTransitionUniform(scan);
  if (shape.order > (shape.isTuple ? kLargestTuple
                     : uniform     ? kLargestUniform
                                   : kLargestVarying))
    return std::nullopt;
  shape.isUniform = uniform;
  shape.work =
      shape.order * (uniform ? shape.order : shape.order * (shape.order + 1));
  if (algebra.getSemiring() == Semiring::LogSumExp)
    shape.work *= 2;
  if (shape.isTuple) {
    OpCost cost = getCombineCost(getMonoidOp(scan));
    shape.work = int64_t(cost.arithmetic + 8 * cost.special);
  }
  shape.travelling =
      shape.order + (uniform         ? 0
                     : shape.isTuple ? scan.getSegments() != nullptr
                                     : shape.order * shape.order);

  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  shape.bits = 16;
  auto isTimed = [&](unsigned input) {
    return recurrence.getInputMap(input).isFunctionOfDim(space.getTime());
  };
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    if (isTimed(i))
      shape.bits = std::max(shape.bits, getBits(input.getType()));
  shape.narrow = shape.bits == 16;
  auto halves = [&](Type type) -> int64_t {
    unsigned bits = getBits(type);
    return shape.narrow ? std::max(1u, bits / 16) : 2 * std::max(1u, bits / 32);
  };
  int nearer = 0;
  auto getInnerCount = [&](AffineMap map) {
    int64_t count = 1;
    for (unsigned dim : dims.inner.set_bits())
      if (map.isFunctionOfDim(dim))
        count *= space.getSizes()[dim];
    if (count == 1)
      return count;
    ArrayRef<AffineExpr> exprs = map.getResults();
    for (unsigned dim : dims.inner.set_bits())
      shape.innerLast |= exprs.back().isFunctionOfDim(dim);
    int last = -1; // of time and the channel
    for (AffineExpr expr : exprs)
      for (int dim : {int(space.getTime()), dims.channel})
        if (dim >= 0 && expr.isFunctionOfDim(dim))
          last = dim;
    nearer += last == int(space.getTime()) ? 1 : -1;
    return count;
  };
  // What it has read, then the maps of the states and what the readout uses, or
  // the results (see TileKernels).
  int64_t read = 0, kept = 0, lagged = 0, written = 0, results = 0;
  for (auto state : scan.getStates().getAsRange<StateAttr>()) {
    int64_t offsets = companion ? 1 : shape.order;
    int64_t numbers = single          ? (shape.narrow ? 1 : 2)
                      : shape.isTuple ? countVarying(scan)
                      : uniform       ? offsets
                                      : offsets * (shape.order + 1);
    kept += halves(state.getType()) * numbers;
    if (!single && !companion && row < 0)
      break; // one block or tuple of all states
  }
  for (auto [i, input] : llvm::enumerate(scan.getInputs())) {
    if (!isTimed(i))
      continue;
    int64_t size =
        halves(input.getType()) * getInnerCount(recurrence.getInputMap(i));
    read += size;
    lagged += scan.getInputLag(i) > 0;
    if (!scan.getReadout().getArgument(i).use_empty())
      kept += size;
  }
  for (auto [output, type] :
       llvm::zip(scan.getOutputs().getAsRange<ResultAttr>(),
                 scan->getResultTypes())) {
    if (output.isFinal())
      continue;
    ++results;
    shape.bytes +=
        getBits(type) / 8 * getInnerCount(getDimsMap(space, output.getDims()));
    written = std::max(written, halves(type) * getInnerCount(getDimsMap(
                                                   space, output.getDims())));
  }
  shape.timeIsNearer = dims.channel < 0 || nearer > 0;
  shape.canWait = lagged == 0;
  for (auto [i, input] : llvm::enumerate(scan.getInputs())) {
    if (!isTimed(i))
      continue;
    int64_t bits = getBits(input.getType());
    int64_t inner = getInnerCount(recurrence.getInputMap(i));
    shape.bytesRead += bits * inner / 8;
    int64_t piece = bits / 8 * (shape.innerLast ? inner : shape.getVector());
    shape.canWait &= piece == 4 || piece == 8 || piece == 16;
  }
  shape.bytes = std::max(shape.bytes, shape.bytesRead);
  shape.halves = std::max({read, kept, written}) + 2 * lagged +
                 2 * std::max<int64_t>(0, results - 1);
  return shape;
}

/// Arithmetic operations of a step besides those of the carrier; a special
/// function counts as eight.
static double countOperations(ScanLikeOpInterface scan) {
  double count = 0;
  for (Region *region : {&scan.getElements(), &scan.getReadout()})
    region->walk([&](StepOpInterface op) {
      OpCost cost = op.getCost();
      count += cost.arithmetic + 8 * cost.special;
    });
  return count;
}

/// Tiles that wait in shared memory: a block has a multiprocessor for itself,
/// and eight warps. Measured on an H200, where rows of 256 bytes and one block
/// a multiprocessor reach 95 to 98 % of streaming; two blocks, or rows of 128
/// bytes, 88 to 94 %. Of 16-bit numbers short tiles are best where there is a
/// block for every multiprocessor, longer ones where there are fewer; steps
/// that compute much want more warps, and still gain a fifth, and so do sums of
/// exponentials (92 % with twelve warps, 85 with eight). Of wider numbers steps
/// that compute much are better off in registers. False if a step does not
/// suit.
static bool addStagedTiles(ScanLikeOpInterface scan, const TargetSpec &target,
                           const LaneDims &dims, const TileShape &shape,
                           SmallVectorImpl<ScheduleAttr> &schedules) {
  constexpr int64_t kRowPiece = 8;
  if (!shape.canWait || shape.bits > 32 || scan.getSegments() ||
      dims.inner.any() || (!shape.narrow && countOperations(scan) > 8))
    return false;
  SpaceAttr space = scan.getSpace();
  auto recurrence = cast<RecurrenceOpInterface>(scan.getOperation());
  int64_t width = std::max<int64_t>(1, 8 * kRowPiece / shape.bits);
  int64_t pieces = 0; // bytes of a step's pieces, of one thread
  for (auto [i, input] : llvm::enumerate(scan.getInputs())) {
    AffineMap map = recurrence.getInputMap(i);
    if (!map.isFunctionOfDim(space.getTime()))
      continue;
    int64_t piece = getBits(input.getType()) / 8;
    for (AffineExpr expr : map.getResults()) {
      if (!expr.isFunctionOfDim(dims.channel))
        continue;
      if (!isa<AffineDimExpr>(expr))
        return false;
      piece *= width;
    }
    if (piece != 4 && piece != 8 && piece != 16)
      return false;
    pieces += piece;
  }
  if (pieces == 0)
    return false;
  auto add = [&](int64_t steps, int64_t warps, int64_t bytes) {
    int64_t stages =
        std::clamp<int64_t>(bytes / (steps * pieces * 32 * warps), 2, 8);
    schedules.push_back(ScheduleAttr::get(
        scan.getContext(), target.name, "tile", space.getName(dims.channel),
        width, /*contiguous=*/true, /*segment=*/0, steps, /*group=*/32,
        /*chunks=*/1, warps, stages));
  };
  bool isLog = scan.getAlgebra().getSemiring() == Semiring::LogSumExp;
  if (isLog || (shape.narrow && countOperations(scan) > 12)) {
    add(/*steps=*/8, /*warps=*/12, 96 << 10);
    return true;
  }
  if (shape.narrow)
    add(/*steps=*/4, /*warps=*/8, 48 << 10);
  add(/*steps=*/8, /*warps=*/8, (shape.narrow ? 96 : 128) << 10);
  return true;
}

/// The tiles of a GPU's schedules, best first, for scans whose steps fit in
/// registers. Measured on an H200 with the diagonal scan: 64 registers of
/// elements a thread keep enough bytes on their way; look-back wants long
/// tiles, of rows of 64 to 128 bytes, and many channels are best walked in rows
/// of 256 bytes.
static void addTiles(ScanLikeOpInterface scan, const TargetSpec &target,
                     const LaneDims &dims,
                     SmallVectorImpl<ScheduleAttr> &schedules) {
  SpaceAttr space = scan.getSpace();
  std::optional<TileShape> shape = getTileShape(scan, dims);
  if (!shape)
    return;
  StringRef time = space.getName(space.getTime());
  auto add = [&](StringRef algorithm, StringRef lanes, int64_t width,
                 bool contiguous, int64_t group, int64_t warps, int64_t count) {
    bool timeLanes = lanes == time;
    int64_t rest = std::max<int64_t>(1, count / width);
    schedules.push_back(ScheduleAttr::get(
        scan.getContext(), target.name, algorithm, lanes, width, contiguous, 0,
        timeLanes ? width : rest, group, timeLanes ? rest : 1, warps));
  };
  bool narrow = shape->narrow;
  int64_t elements = std::clamp<int64_t>(
      llvm::bit_floor<uint64_t>(128 / shape->halves), shape->order > 1 ? 2 : 8,
      narrow || shape->halves <= 2 ? 64 : 32);
  elements = shape->limit(elements);
  // Vectors of 16 bytes along time, of 8 bytes along channels.
  int64_t vector = shape->getVector();
  int64_t pair = std::max<int64_t>(1, vector / 2);
  // Steps that wait in shared memory: 256 bytes a thread keep enough on their
  // way.
  int64_t waiting =
      std::clamp<int64_t>(llvm::bit_ceil<uint64_t>(llvm::divideCeil(
                              256, std::max<int64_t>(1, shape->bytes))),
                          vector, std::min<int64_t>(64, 32 * vector));
  waiting = std::max(vector, shape->limit(waiting));
  bool waits = shape->canWait && !scan.getSegments();
  if (dims.channel >= 0 && !(shape->innerLast && shape->timeIsNearer)) {
    StringRef channel = space.getName(dims.channel);
    // Fewer channels and longer tiles where a row of them is long enough: the
    // way of the maps is shorter. Of maps of matrices more are made and applied
    // along the way, so that steps are better than channels; 2 x 2 matrices
    // that lie together fill vectors, and twice the registers with them pay.
    bool matrices = shape->order > 1 && !shape->isUniform;
    bool few = narrow || shape->bits > 32;
    // Of large matrices what can waits in shared memory; the longer the tile
    // the better.
    if (shape->isLarge() && !scan.getSegments())
      schedules.push_back(ScheduleAttr::get(
          scan.getContext(), target.name, "lookback", channel, /*width=*/1,
          true, 0, waiting, /*group=*/shape->innerLast ? 4 : 8, /*chunks=*/1,
          /*warps=*/8, /*stages=*/1));
    // Tuples whose steps take much more in registers than in memory: long tiles
    // for few channels.
    int64_t longest = shape->limit(llvm::bit_floor<uint64_t>(
        std::max<int64_t>(1, 256 / std::max<int64_t>(1, shape->bytesRead))));
    if (shape->isTuple && waits && longest >= 4 * elements)
      schedules.push_back(ScheduleAttr::get(
          scan.getContext(), target.name, "lookback", channel, /*width=*/1,
          true, 0, longest, /*group=*/16, /*chunks=*/1, /*warps=*/8,
          /*stages=*/1));
    // Whole lines of memory where tiles are few; longer tiles else.
    if (matrices && !shape->innerLast && shape->bits == 32)
      add("lookback", channel, 1, true, 32, 8, elements);
    add("lookback", channel, matrices ? 1 : pair, true, few ? 8 : 16, 8,
        shape->order == 2 && shape->innerLast ? 2 * elements : elements);
    // With stages a warp applies its own map alone: of matrices too (the
    // order-2 filter, 88 -> 99 % of streaming). In registers every thread of a
    // block applies those of all its warps, and the next tile, and addresses
    // with any strides, take registers as well.
    bool isSmall = shape->travelling <= 2;
    bool staged = (isSmall || (shape->order <= 2 && !shape->isTuple)) &&
                  addStagedTiles(scan, target, dims, *shape, schedules);
    if (isSmall && !staged)
      add("tile", channel, std::min<int64_t>(pair, 2), true, 32, 8,
          elements / 2);
    if (!shape->innerLast)
      add("lookback", channel, 1, false, 32, 8,
          std::min<int64_t>(elements, 32) / 2);
  }
  if (shape->innerLast && !shape->timeIsNearer)
    return;
  // (where sequences begin takes registers for each vector along time, unless
  // a bit says it)
  bool walksBounds = scan.getSegments() && !needsOnlyFirsts(scan);
  int64_t share = walksBounds ? 2 : 1;
  // Maps that cost more than products and sums of numbers are composed by a
  // thread for many steps, which wait in shared memory.
  bool isSum = shape->order == 1 &&
               scan.getAlgebra().getSemiring() == Semiring::PlusTimes;
  if ((!isSum || shape->bits > 32) && waits)
    schedules.push_back(
        ScheduleAttr::get(scan.getContext(), target.name, "lookback", time,
                          vector, true, 0, waiting, /*group=*/1, /*chunks=*/1,
                          /*warps=*/shape->isLarge() ? 4 : 8, /*stages=*/1));
  else
    // Where only offsets travel, windows of more threads cost little. Sums of
    // products want tiles twice as long as what costs more arithmetic.
    add("lookback", time, vector, true, 1, shape->isUniform || isSum ? 8 : 4,
        std::min<int64_t>(elements, narrow ? 64 : 32) / share);
  // Rows of any length, whose steps no vector divides: lanes read neighbours.
  if (vector > 1)
    add("lookback", time, 1, true, 1, 8,
        std::min<int64_t>(elements, 32) / (2 * share));
  // A block or a warp a row, with less in its registers: the next steps are on
  // their way. A block's tile of 2048 steps wants rows as long, and sums that
  // cost little more than what is moved. Of numbers of 16 bits, blocks of 64
  // and 128 threads that share a multiprocessor by many are within 2 % of
  // streaming.
  bool hasBlocks = elements >= 32 && vector > 1 && !walksBounds && isSum;
  if (hasBlocks && narrow) {
    add("tile", time, vector, true, 1, 4, 16);
    add("tile", time, vector, true, 1, 2, 16);
  } else if (hasBlocks) {
    add("tile", time, vector, true, 1, 8, 8);
  }
  add("tile", time, vector, true, 1, 1,
      std::max<int64_t>(elements / 4, vector));
}

/// A step's states shared by threads along their last dim, if it is reduced:
/// vectors of 16 bytes, up to four of them a thread, so that what all threads
/// of an item compute again weighs less, and pairs of threads at least, which
/// read whole sectors.
static void addSplit(ScanLikeOpInterface scan, const TargetSpec &target,
                     const LaneDims &dims,
                     SmallVectorImpl<ScheduleAttr> &schedules) {
  SpaceAttr space = scan.getSpace();
  if (scan.getSegments() || !isStep(scan))
    return;
  for (auto state : scan.getStates().getAsRange<StateAttr>()) {
    if (state.getDims().empty())
      continue;
    StringAttr last = state.getDims().back();
    unsigned dim = space.find(last.getValue());
    if (!dims.reduced.test(dim) || !space.isStatic(dim))
      continue;
    int64_t size = space.getSizes()[dim];
    if (!isa<FloatType>(state.getType()))
      continue;
    int64_t width = 128 / state.getType().getIntOrFloatBitWidth(), group = 32;
    while (size % width != 0)
      width /= 2;
    while (size % (width * group) != 0 ||
           (group > 2 && 4 * width * group > size))
      group /= 2;
    if (width * group == 1 || size / group > 16)
      continue;
    schedules.push_back(ScheduleAttr::get(
        scan.getContext(), target.name, "split", last.getValue(), width,
        /*contiguous=*/true, /*segment=*/0, 0, group, 0, 0));
    return;
  }
}

/// The waves of a GPU's schedules for states with inner dims. Measured on an
/// H200 with a selective scan of 16 points: two channels a thread and eight
/// steps where channels are many, two threads a channel where they are few.
static void addWaves(ScanLikeOpInterface scan, const TargetSpec &target,
                     const LaneDims &dims,
                     SmallVectorImpl<ScheduleAttr> &schedules) {
  if (dims.channel < 0 || !hasWaves(scan, dims.channel) || isStep(scan))
    return;
  StringRef channel = scan.getSpace().getName(dims.channel);
  auto add = [&](int64_t width, bool contiguous, int64_t steps, int64_t group,
                 int64_t warps) {
    schedules.push_back(ScheduleAttr::get(scan.getContext(), target.name,
                                          "wave", channel, width, contiguous, 0,
                                          steps, group, 1, warps));
  };
  add(2, true, 8, 32, 8);
  add(1, true, 16, 16, 12);
  add(1, false, 8, 32, 8);
}

/// Steps of a segment of what carries no state: enough to share addresses, few
/// enough to fill a GPU.
static constexpr int64_t kStatelessSteps = 16;

/// Steps of a segment of what fits in no tile: as many as there are segments in
/// 65536 steps, which one thread a channel combines one after the other.
static constexpr int64_t kLongSegment = 256;

/// Neighbours along the channel that a thread of segments over the grid has:
/// what a warp reads at once is whole lines of 128 bytes where it has two of 16
/// bits.
static int64_t getNewtonWidth(ScanLikeOpInterface scan, const LaneDims &dims) {
  auto newton = dyn_cast<NewtonOp>(scan.getOperation());
  if (!newton || dims.inner.any() ||
      (newton.getGuesses() && !newton.getGuesses()->empty()) ||
      llvm::is_contained(findParts(newton).isLinear, true))
    return 1;
  unsigned time = scan.getSpace().getTime();
  auto hasBits = [](Type type) {
    Type element = getElementTypeOrSelf(type);
    return element.isBF16() || element.isF16();
  };
  for (auto [i, input] : llvm::enumerate(scan.getInputs()))
    if (scan.getInputMap(i).isFunctionOfDim(time) && !hasBits(input.getType()))
      return 1;
  for (auto [i, type] : llvm::enumerate(scan->getResultTypes()))
    if (!scan.getOutput(i).isFinal() && !hasBits(type))
      return 1;
  return 2;
}

/// Newton's method. Over the grid, the warps of the last kernel's blocks are as
/// many as let the summaries of 32 channels fit in 48 kB of shared memory, up
/// to eight.
static void addNewton(ScanLikeOpInterface scan, const TargetSpec &target,
                      const LaneDims &dims,
                      SmallVectorImpl<ScheduleAttr> &schedules) {
  SpaceAttr space = scan.getSpace();
  if (scan.getSegments() || dims.channel < 0 || scan.getNumStates() == 0 ||
      isStep(scan))
    return;
  if (dims.inner.any() && !scan.getBlockDims())
    return;
  int64_t order = scan.getAlgebra().getOrder();
  int64_t numbers = scan.getBlockDims() || order > 1 ? order * order + 4 * order
                                                     : 5 * scan.getNumStates();
  bool wide =
      llvm::any_of(scan.getStates().getAsRange<StateAttr>(),
                   [](StateAttr state) { return state.getType().isF64(); });
  int64_t warps = 8;
  while (warps > 1 && (wide ? 8 : 4) * 32 * warps * numbers > 48 << 10)
    warps /= 2;
  auto add = [&](bool contiguous, int64_t segment, int64_t steps, int64_t group,
                 int64_t warps, int64_t width = 1) {
    schedules.push_back(ScheduleAttr::get(
        scan.getContext(), target.name, "newton", space.getName(dims.channel),
        width, contiguous, segment, steps, group, /*chunks=*/1, warps));
  };
  // Long segments where channels are many: the steps in front of them count
  // less. Short ones where channels are few.
  if (warps >= 2) {
    if (int64_t width = getNewtonWidth(scan, dims); width > 1)
      for (int64_t segment : {512, 256, 128})
        add(true, segment, 32, 32, warps, width);
    for (int64_t segment : {512, 256, 128, 32})
      add(true, segment, 32, 32, warps);
    add(false, 128, 32, 32, warps);
  }
  // A channel a block, its segments so short that they are many and their
  // inputs stay in registers: for short sequences of few channels. Measured on
  // an H200: fewer steps are as fast where weights are small, and slower where
  // they are not, since more passes are needed; steps of two states take
  // longer. Large blocks would be much code.
  if (order <= 2 && !dims.inner.any())
    add(false, 0, /*steps=*/order == 1 ? 8 : 6, /*group=*/1,
        /*warps=*/order == 1 ? 2 : 3);
}

/// Vectors that a step of shooting has on its way at once: a step is a chain of
/// operations, each of which waits for the one before it.
static constexpr int64_t kShootingVectors = 4;

/// Multiple shooting on a CPU, for few channels and long time.
static bool canShoot(ScanLikeOpInterface scan) {
  auto newton = dyn_cast<NewtonOp>(scan.getOperation());
  if (!newton || isStep(scan) || scan.getNumStates() == 0)
    return false;
  Type type = scan.getState(0).getType();
  return llvm::all_of(scan.getStates().getAsRange<StateAttr>(),
                      [&](StateAttr state) { return state.getType() == type; });
}

FailureOr<SmallVector<ScheduleAttr>>
recur::chooseSchedules(ScanLikeOpInterface scan, const TargetSpec &target,
                       StringRef overrides) {
  MLIRContext *context = scan.getContext();
  SpaceAttr space = scan.getSpace();
  LaneDims dims = getLaneDims(scan);
  bool gpu = target.isGpu();
  // Vector registers have 128, 256 or 512 bits; other machines are taken to
  // have 128.
  unsigned bits = target.level == 4 ? 512 : target.level == 3 ? 256 : 128;
  int64_t width = gpu ? 1 : getWidth(scan, bits);
  StringRef algorithm = gpu ? "serial" : "segments";
  StringRef time = space.getName(space.getTime());
  StringRef channel = dims.channel < 0 ? time : space.getName(dims.channel);
  auto make = [&](StringRef lanes, bool contiguous) {
    return ScheduleAttr::get(context, target.name, algorithm, lanes, width,
                             contiguous, /*segment=*/0);
  };
  SmallVector<ScheduleAttr> schedules;
  if (!scan.isAffine()) {
    // One step after the other, or Newton's method where channels are few.
    if (dims.channel >= 0)
      schedules.push_back(make(channel, true));
    if (gpu)
      addNewton(scan, target, dims, schedules);
    else if (canShoot(scan))
      schedules.push_back(ScheduleAttr::get(
          context, target.name, "shooting", time, kShootingVectors * width,
          /*contiguous=*/false, /*segment=*/0));
  } else if (gpu) {
    addTiles(scan, target, dims, schedules);
    addSplit(scan, target, dims, schedules);
    addWaves(scan, target, dims, schedules);
    // What fits in no tile is read twice, where channels are few.
    if (schedules.empty() && dims.channel >= 0 && !isStep(scan) &&
        scan.getNumStates() > 0)
      schedules.push_back(
          ScheduleAttr::get(context, target.name, "segments", channel, width,
                            /*contiguous=*/false, kLongSegment));
    // What has waves needs the serial kernel only where they do not fit, and
    // over one step there are no strides to save.
    if (dims.channel >= 0 && !isStep(scan) &&
        (schedules.empty() || !schedules.back().isWave()))
      schedules.push_back(make(channel, true));
    // Without states all times are computed at once.
    if (scan.getNumStates() == 0 && !isStep(scan))
      schedules.push_back(
          ScheduleAttr::get(context, target.name, "segments", channel, width,
                            /*contiguous=*/false, /*segment=*/kStatelessSteps));
  } else {
    schedules.push_back(make(time, true));
    if (dims.channel >= 0) {
      auto *at = dims.timeLast > dims.channelLast ? schedules.end()
                                                  : schedules.begin();
      schedules.insert(at, make(channel, true));
    }
  }
  schedules.push_back(make(channel, false));
  // What is asked for is meant for whole sequences.
  if (overrides.empty() || (gpu && isStep(scan)))
    return schedules;
  // What is not said is as in the first schedule with lanes of unit stride.
  auto *base = llvm::find_if(
      schedules, [](ScheduleAttr own) { return own.getContiguous(); });
  if (base == schedules.end())
    base = schedules.begin();
  FailureOr<ScheduleAttr> chosen = applyOverrides(scan, dims, *base, overrides);
  if (failed(chosen))
    return failure();
  return SmallVector<ScheduleAttr>{*chosen};
}
