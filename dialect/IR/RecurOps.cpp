//===-- RecurOps.cpp - the ops, their maps and index sets -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The ops' definitions, the forms of maps, and the index sets of step values.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

#define GET_OP_CLASSES
#include "dialect/IR/RecurOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

bool recur::matchShiftedDim(AffineExpr expr, unsigned &dim, int64_t &offset) {
  offset = 0;
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
      sum && sum.getKind() == AffineExprKind::Add) {
    auto constant = dyn_cast<AffineConstantExpr>(sum.getRHS());
    if (!constant)
      return false;
    offset = constant.getValue();
    expr = sum.getLHS();
  }
  auto plain = dyn_cast<AffineDimExpr>(expr);
  if (!plain)
    return false;
  dim = plain.getPosition();
  return true;
}

int64_t recur::getTimeLag(AffineMap map, SpaceAttr space) {
  for (AffineExpr expr : map.getResults()) {
    unsigned dim;
    int64_t offset;
    if (matchShiftedDim(expr, dim, offset) && dim == space.getTime())
      return -offset;
  }
  return -1;
}

SmallBitVector recur::getMapDims(AffineMap map, SpaceAttr space) {
  SmallBitVector dims(space.getRank());
  for (unsigned dim = 0; dim < space.getRank(); ++dim)
    if (map.isFunctionOfDim(dim))
      dims.set(dim);
  return dims;
}

AffineMap recur::getDimsMap(SpaceAttr space, ArrayRef<StringAttr> names) {
  SmallVector<AffineExpr> exprs;
  for (StringAttr name : names)
    exprs.push_back(
        getAffineDimExpr(space.find(name.getValue()), space.getContext()));
  return AffineMap::get(space.getRank(), 0, exprs, space.getContext());
}

//===----------------------------------------------------------------------===//
// IndexSets
//===----------------------------------------------------------------------===//

SmallBitVector recur::getStateDims(StateAttr state, SpaceAttr space) {
  SmallBitVector dims(space.getRank());
  for (StringAttr name : state.getDims())
    if (int dim = space.find(name.getValue()); dim >= 0)
      dims.set(dim);
  return dims;
}

static SmallBitVector withTime(SmallBitVector dims, SpaceAttr space) {
  dims.set(space.getTime());
  return dims;
}

IndexSets::IndexSets(Region &region, RecurrenceOpInterface recurrence,
                     ArrayRef<SmallBitVector> argumentDims)
    : recurrence(recurrence) {
  for (auto [argument, dims] : llvm::zip(region.getArguments(), argumentDims))
    sets[argument] = dims;
  for (Operation &op : region.front())
    add(op);
}

void IndexSets::add(Operation &op) {
  SpaceAttr space = recurrence.getSpace();
  SmallBitVector dims(space.getRank());
  for (Value operand : op.getOperands())
    if (auto it = sets.find(operand); it != sets.end())
      dims |= it->second;
  if (auto prev = dyn_cast<PrevOp>(op)) {
    dims.set(space.getTime());
    if (std::optional<ArrayAttr> indices = prev.getIndices()) {
      for (auto name : indices->getAsRange<Attribute>())
        if (auto text = dyn_cast<StringAttr>(name))
          if (int dim = space.find(text.getValue()); dim >= 0)
            dims.set(dim);
    } else if (int state = recurrence.findState(prev.getState()); state >= 0) {
      dims |= getStateDims(recurrence.getState(state), space);
    }
  } else if (auto same = dyn_cast<SameOp>(op)) {
    for (StringRef name : {same.getFirst(), same.getSecond()})
      if (int dim = space.find(name); dim >= 0)
        dims.set(dim);
  } else if (auto reduce = dyn_cast<ReduceOp>(op)) {
    for (auto name : reduce.getDims().getAsRange<StringAttr>())
      if (int dim = space.find(name.getValue()); dim >= 0)
        dims.reset(dim);
  } else if (auto at = dyn_cast<AtOp>(op)) {
    SmallBitVector renamed = dims;
    for (auto name : at.getFrom().getAsRange<StringAttr>())
      if (int dim = space.find(name.getValue()); dim >= 0)
        renamed.reset(dim);
    for (auto [from, to] : llvm::zip(at.getFrom(), at.getTo())) {
      int source = space.find(cast<StringAttr>(from).getValue());
      if (auto text = dyn_cast<StringAttr>(to))
        if (int dim = space.find(text.getValue());
            dim >= 0 && source >= 0 && dims.test(source))
          renamed.set(dim);
    }
    dims = renamed;
  }
  for (Value result : op.getResults())
    sets[result] = dims;
}

IndexSets IndexSets::compute(Region &region, RecurrenceOpInterface recurrence) {
  SpaceAttr space = recurrence.getSpace();
  SmallVector<SmallBitVector> dims;
  for (unsigned i = 0, e = recurrence.getInputs().size(); i < e; ++i)
    dims.push_back(getMapDims(recurrence.getInputMap(i), space));
  // A readout also has each state one step ago and now, the elements of a step
  // that is not affine the former.
  unsigned copies = 0;
  if (auto scan = dyn_cast<ScanLikeOpInterface>(recurrence.getOperation()))
    copies = &region == &scan.getReadout() ? 1 + scan.getReadLags()
             : scan.isAffine()             ? 0
                                           : 1;
  for (unsigned i = 0; i < recurrence.getNumStates(); ++i)
    for (unsigned copy = 0; copy < copies; ++copy)
      dims.push_back(
          withTime(getStateDims(recurrence.getState(i), space), space));
  return IndexSets(region, recurrence, dims);
}

//===----------------------------------------------------------------------===//
// Scan and newton
//===----------------------------------------------------------------------===//

unsigned ScanOp::getReadLags() {
  AlgebraAttr algebra = getAlgebra();
  return algebra.getStructure() == Structure::Companion ? algebra.getOrder()
                                                        : 1;
}
bool ScanOp::isAffine() { return true; }

AlgebraAttr NewtonOp::getAlgebra() { return getJacobian(); }
unsigned NewtonOp::getReadLags() { return 1; }
bool NewtonOp::isAffine() { return false; }

MonoidOp recur::getMonoidOp(ScanLikeOpInterface op) {
  auto scan = dyn_cast<ScanOp>(op.getOperation());
  return scan ? scan.getMonoidOp() : MonoidOp();
}
bool recur::getPrepends(ScanLikeOpInterface op) {
  auto scan = dyn_cast<ScanOp>(op.getOperation());
  return scan && scan.getPrepends();
}
