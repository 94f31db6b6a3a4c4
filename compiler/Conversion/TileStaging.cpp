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

static int64_t getBytes(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  int64_t count = vector ? vector.getNumElements() : 1;
  return count * getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8;
}

/// What cp.async copies at once.
static bool isPiece(Type type) {
  int64_t bytes = getBytes(type);
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
    int64_t bytes = getBytes(type);
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
        return plane.bytes == getBytes(type) && plane.pieces == pieces;
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

static void copyAsync(OpBuilder &b, Location loc, int64_t bytes, Value to,
                      Value from) {
  StringRef name = bytes == 16  ? "llvm.nvvm.cp.async.cg.shared.global.16"
                   : bytes == 8 ? "llvm.nvvm.cp.async.ca.shared.global.8"
                                : "llvm.nvvm.cp.async.ca.shared.global.4";
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr(name),
                                ValueRange{to, from});
}

/// Sends the whole current tile on its way to shared memory.
void TileKernels::copyStaged() {
  for (unsigned input = 0; input < accesses.size(); ++input) {
    unsigned argument = inputArguments[input];
    AffineMap map = scan.getInputMap(input);
    for (auto [i, plane] : llvm::enumerate(inputPlanes[input])) {
      InnerPoint point = getInnerPoint(map, i);
      if (timeLanes) {
        forEachInOrder(argument, map, plane, point,
                       [&](int64_t turn, Value from) {
                         copyAsync(b, loc, plane.bytes,
                                   getPieceInOrder(plane, turn), from);
                       });
        continue;
      }
      SmallVector<Value> last;
      int64_t each = plane.pieces / steps;
      for (int64_t r = 0; r < steps; ++r)
        for (int64_t v = 0; v < each; ++v)
          copyAsync(b, loc, plane.bytes, getOwnPiece(plane, r * each + v),
                    getElementPointer(argument, map, 0, r, v, /*span=*/1,
                                      /*clamp=*/false, point, last));
    }
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
  LLVM::CallIntrinsicOp::create(
      b, loc, b.getStringAttr("llvm.nvvm.cp.async.wait.all"), ValueRange{});
  syncWarp();
}

void TileKernels::syncWarp() {
  if (timeLanes)
    LLVM::CallIntrinsicOp::create(b, loc,
                                  b.getStringAttr("llvm.nvvm.bar.warp.sync"),
                                  ValueRange{i32(-1)});
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
  syncWarp();
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
