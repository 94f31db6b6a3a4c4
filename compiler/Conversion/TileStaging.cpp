//===-- TileStaging.cpp - tiles that wait in shared memory ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// With a stage, what a tile reads goes to shared memory on its way, without
/// registers, and is read from there when steps are folded and once more when
/// they are replayed: more bytes are on their way, and more threads are there
/// to compute. A piece is what a register of an input holds: a vector over
/// steps or channels, or the numbers of a step.
///
/// With lanes along time a thread has several pieces one after the other, but
/// the warp reads memory in order: lane l copies the pieces l, l + 32, ... of
/// its warp. Results go the same way back. Each thread's pieces begin an odd
/// number of pieces after those of the thread before it, so that the banks of
/// shared memory serve all lanes at once, in both orders.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

static int64_t getPieceBytes(Type piece) {
  auto vector = dyn_cast<VectorType>(piece);
  return (vector ? vector.getNumElements() : 1) * getBytes(piece);
}

/// What cp.async copies at once.
static bool isPiece(Type type) {
  int64_t bytes = getPieceBytes(type);
  return bytes == 4 || bytes == 8 || bytes == 16;
}

/// Decides which inputs wait in shared memory, and which results pass through
/// it, in the place of an input of the same shape where there is one.
void TileKernels::planStages() {
  inputPlanes.assign(accesses.size(), {});
  resultPlanes.assign(scan->getNumResults(), {});
  if (!stages)
    return;
  auto addPlane = [&](Type type, int64_t pieces) {
    int64_t bytes = getPieceBytes(type);
    int64_t pitch = timeLanes && pieces > 1 ? pieces + 1 : pieces;
    Plane plane{type, bytes, pieces, pitch, stagedBytes};
    stagedBytes += (threads * pitch * bytes + 15) / 16 * 16;
    return plane;
  };
  SmallVector<Plane> unused;
  for (unsigned input = 0; input < accesses.size(); ++input) {
    int64_t count = getRegisters(input);
    if (count == 0 || !isPiece(getRegisterType(input)))
      continue;
    int64_t inner =
        isVector(accesses[input]) ? getInnerCount(scan.getInputMap(input)) : 1;
    for (int64_t i = 0; i < inner; ++i)
      inputPlanes[input].push_back(
          addPlane(getRegisterType(input), count / inner));
    llvm::append_range(unused, inputPlanes[input]);
  }
  for (unsigned result = 0; timeLanes && result < scan->getNumResults();
       ++result) {
    if (scan.getOutput(result).isFinal())
      continue;
    OutputShape shape = getOutputShape(result);
    int64_t pieces = steps / shape.span;
    Type type = getPackedType(result);
    if (pieces == 1 || !isPiece(type))
      continue;
    for (int64_t i = 0; i < shape.inner; ++i) {
      auto *same = llvm::find_if(unused, [&](const Plane &plane) {
        return plane.bytes == getPieceBytes(type) && plane.pieces == pieces;
      });
      if (same == unused.end()) {
        resultPlanes[result].push_back(addPlane(type, pieces));
        continue;
      }
      Plane plane = *same;
      plane.type = type;
      resultPlanes[result].push_back(plane);
      unused.erase(same);
    }
  }
}

/// Where this thread has piece `piece` of a plane.
Value TileKernels::getOwnPiece(const Plane &plane, int64_t piece) {
  Value own = arith::MulIOp::create(
      b, loc, thread, i32(plane.bytes * (timeLanes ? plane.pitch : 1)));
  int64_t apart = timeLanes ? plane.bytes : plane.bytes * threads;
  return at(stagedMemory, arith::AddIOp::create(
                              b, loc, own, i32(plane.offset + piece * apart)));
}

/// Where the piece is that comes to this lane in turn `turn` of a warp that
/// walks its pieces in the order of memory.
Value TileKernels::getPieceInOrder(const Plane &plane, int64_t turn) {
  int64_t pad = plane.pitch - plane.pieces;
  Value first = arith::MulIOp::create(b, loc, warp,
                                      i32(kWarp * plane.pitch * plane.bytes));
  Value before = lane;
  if (pad)
    before = arith::AddIOp::create(
        b, loc, lane, arith::DivUIOp::create(b, loc, lane, i32(plane.pieces)));
  first = arith::AddIOp::create(
      b, loc, first, arith::MulIOp::create(b, loc, before, i32(plane.bytes)));
  int64_t pieces = kWarp + pad * kWarp / plane.pieces;
  return at(stagedMemory, arith::AddIOp::create(
                              b, loc, first,
                              i32(plane.offset + turn * pieces * plane.bytes)));
}

/// Calls `visit` with the address in the tensor of each piece that comes to
/// this lane, in turn.
void TileKernels::forEachInOrder(
    unsigned argument, AffineMap map, const Plane &plane,
    const InnerPoint &point,
    llvm::function_ref<void(int64_t turn, Value pointer)> visit) {
  int64_t span = steps / plane.pieces;
  Value saved = threadBegin;
  Value inWarp = arith::MulIOp::create(b, loc, lane, i32(steps));
  Value inOrder = arith::MulIOp::create(b, loc, lane, i32(span));
  threadBegin = sub(threadBegin, toI64(inWarp));
  threadBegin = add(threadBegin, toI64(inOrder));
  setElement(0, 0, 0);
  time = space.getReverse() ? sub(sub(sequenceEnd, i64(span)), step) : step;
  Value first = getPointer(argument, map, point);
  Value stride = mul(getStepStride(argument, map), i64(kWarp * span));
  Type storage = getStorageType(signature.arguments[argument].element);
  for (int64_t turn = 0; turn < plane.pieces; ++turn)
    visit(turn, turn == 0 ? first
                          : LLVM::GEPOp::create(
                                b, loc, ptrType, storage, first,
                                ArrayRef<LLVM::GEPArg>{mul(stride, i64(turn))})
                                .getResult());
  threadBegin = saved;
}

/// Bytes that a lane copies at once of a row.
static constexpr int64_t kRowPiece = 16;

/// Whether the pieces of a warp's lanes are rows of 32 pieces that lie together
/// in the tensor, several of which the warp copies at once.
bool TileKernels::hasRows(const Plane &plane) const {
  return handsOver() && plane.pieces == steps && plane.bytes < kRowPiece &&
         steps % (kRowPiece / plane.bytes) == 0;
}

/// Finds out whether all rows of the block's channels are there, and aligned.
void TileKernels::requireRows() {
  isInRows = {};
  for (unsigned input = 0; input < accesses.size(); ++input) {
    if (accesses[input] != Access::Vector || inputPlanes[input].size() != 1 ||
        !hasRows(inputPlanes[input][0]))
      continue;
    // All low bits that must be 0.
    unsigned argument = inputArguments[input];
    AffineMap map = scan.getInputMap(input);
    int64_t bytes = inputPlanes[input][0].bytes / channels;
    Value low = LLVM::PtrToIntOp::create(b, loc, i64Type, data[argument]);
    for (unsigned axis = 0; axis < map.getNumResults(); ++axis)
      if (!isContiguous(argument, axis))
        low = arith::OrIOp::create(b, loc, low,
                                   mul(strides[argument][axis], i64(bytes)));
    low = arith::AndIOp::create(b, loc, low, i64(kRowPiece - 1));
    Value aligned = compare(arith::CmpIPredicate::eq, low, i64(0));
    isInRows =
        isInRows ? arith::AndIOp::create(b, loc, isInRows, aligned).getResult()
                 : aligned;
  }
  if (isInRows)
    isInRows = arith::AndIOp::create(b, loc, isInRows,
                                     compare(arith::CmpIPredicate::sle,
                                             add(channelBase, i64(laneTile)),
                                             sizes[laneDim]));
}

/// Copies the rows of a warp, neighbouring lanes neighbouring pieces.
void TileKernels::copyRows(unsigned input, const Plane &plane) {
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  int64_t together = kRowPiece / plane.bytes, across = kWarp / together;
  Value row = arith::DivUIOp::create(b, loc, lane, i32(across));
  Value column = arith::MulIOp::create(
      b, loc, arith::RemUIOp::create(b, loc, lane, i32(across)),
      i32(kRowPiece));
  Value savedBegin = threadBegin, savedChannel = threadChannel;
  threadBegin = add(threadBegin, toI64(row));
  threadChannel = channelBase;
  setElement(0, 0, 0);
  Value pointer = getPointer(argument, map, getInnerPoint(map, 0));
  threadBegin = savedBegin;
  threadChannel = savedChannel;
  pointer = LLVM::GEPOp::create(b, loc, ptrType, b.getI8Type(), pointer,
                                ArrayRef<LLVM::GEPArg>{toI64(column)});
  Type storage = getStorageType(signature.arguments[argument].element);
  Value stride = mul(getStepStride(argument, map), i64(together));
  int64_t rowBytes = threads * plane.bytes; // from a row to a warp's next
  Value to = arith::AddIOp::create(
      b, loc, column, arith::MulIOp::create(b, loc, row, i32(rowBytes)));
  to = arith::AddIOp::create(
      b, loc, to,
      arith::MulIOp::create(b, loc, warp, i32(kWarp * plane.bytes)));
  to = at(stagedMemory, to);
  for (int64_t r = 0; r < steps; r += together) {
    copyAsync(kRowPiece, at(to, i32(plane.offset + r * rowBytes)), pointer);
    if (r + together < steps)
      pointer = LLVM::GEPOp::create(b, loc, ptrType, storage, pointer,
                                    ArrayRef<LLVM::GEPArg>{stride});
  }
}

/// Sends the whole current tile on its way to shared memory.
void TileKernels::copyStaged() {
  for (unsigned input = 0; input < accesses.size(); ++input) {
    if (isInRows && accesses[input] == Access::Vector &&
        inputPlanes[input].size() == 1 && hasRows(inputPlanes[input][0])) {
      auto branch = scf::IfOp::create(b, loc, isInRows, /*withElse=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(branch.thenBlock()->getTerminator());
      copyRows(input, inputPlanes[input][0]);
      b.setInsertionPoint(branch.elseBlock()->getTerminator());
      copyPieces(input);
      continue;
    }
    copyPieces(input);
  }
}

/// Sends the pieces of an input on their way one by one: each thread its own,
/// or with lanes along time those that come to it in the order of memory.
void TileKernels::copyPieces(unsigned input) {
  unsigned argument = inputArguments[input];
  AffineMap map = scan.getInputMap(input);
  for (auto [i, plane] : llvm::enumerate(inputPlanes[input])) {
    InnerPoint point = getInnerPoint(map, i);
    if (timeLanes) {
      forEachInOrder(
          argument, map, plane, point, [&](int64_t turn, Value from) {
            copyAsync(plane.bytes, getPieceInOrder(plane, turn), from);
          });
      continue;
    }
    SmallVector<Value> last;
    int64_t each = plane.pieces / steps;
    for (int64_t r = 0; r < steps; ++r)
      for (int64_t v = 0; v < each; ++v)
        copyAsync(plane.bytes, getOwnPiece(plane, r * each + v),
                  getElementPointer(argument, map, 0, r, v, /*span=*/1,
                                    /*clamp=*/false, point, last));
  }
}

/// Writes pieces that were read one by one to shared memory.
void TileKernels::storeStaged(unsigned input, ArrayRef<Value> pieces) {
  for (const Plane &plane : inputPlanes[input])
    for (int64_t piece = 0; piece < plane.pieces; ++piece) {
      LLVM::StoreOp::create(b, loc, pieces.front(), getOwnPiece(plane, piece),
                            plane.bytes);
      pieces = pieces.drop_front();
    }
}

/// Waits for what the warp has sent on its way.
void TileKernels::awaitStaged() {
  if (!stages)
    return;
  if (handsOver()) // the tiles after this one may be on their way
    callIntrinsic("llvm.nvvm.cp.async.wait.group", {i32(stages - 1)});
  else
    callIntrinsic("llvm.nvvm.cp.async.wait.all", {});
  syncStages();
}

/// What was sent on its way since the last time is one group.
void TileKernels::commitStaged() {
  callIntrinsic("llvm.nvvm.cp.async.commit.group", {});
}

/// Makes the warp's lanes wait for each other, if they read what others of them
/// have copied.
void TileKernels::syncStages() {
  if (timeLanes || handsOver())
    syncWarp();
}

/// Register `number` of an input that waits in shared memory: read once for
/// each phase.
Value TileKernels::readStaged(unsigned input, int64_t number) {
  Value &value = stagedValues[{input, number}];
  if (!value) {
    int64_t pieces = inputPlanes[input][0].pieces;
    const Plane &plane = inputPlanes[input][number / pieces];
    value = LLVM::LoadOp::create(
        b, loc, plane.type, getOwnPiece(plane, number % pieces), plane.bytes);
  }
  return value;
}

/// Writes a result of a whole tile through shared memory, in the order of the
/// tensor; `values` has its pieces.
void TileKernels::storeThroughStages(unsigned result, ArrayRef<Value> values) {
  AffineMap map = getResultMap(result);
  for (auto [i, plane] : llvm::enumerate(resultPlanes[result])) {
    for (int64_t piece = 0; piece < plane.pieces; ++piece)
      LLVM::StoreOp::create(b, loc, values[i * plane.pieces + piece],
                            getOwnPiece(plane, piece), plane.bytes);
  }
  syncStages();
  for (auto [i, plane] : llvm::enumerate(resultPlanes[result]))
    forEachInOrder(resultArguments[result], map, plane, getInnerPoint(map, i),
                   [&](int64_t turn, Value pointer) {
                     OpBuilder::InsertionGuard guard(b);
                     Value value = LLVM::LoadOp::create(
                         b, loc, plane.type, getPieceInOrder(plane, turn),
                         plane.bytes);
                     if (Value first = isFirstInMissingDims(map)) {
                       auto branch = scf::IfOp::create(b, loc, first, false);
                       b.setInsertionPoint(branch.thenBlock()->getTerminator());
                     }
                     LLVM::StoreOp::create(b, loc, value, pointer, plane.bytes);
                   });
}
