//===-- ScanDims.cpp - the dims that a kernel walks -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Dims by what the regions and the states of a scan say of them.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ScanDims.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;

ScanDims::ScanDims(ScanLikeOpInterface scan) {
  SpaceAttr space = scan.getSpace();
  SmallBitVector innerSet(space.getRank()), used(space.getRank());
  auto mark = [&](SmallBitVector &set, Attribute position) {
    if (auto name = dyn_cast<StringAttr>(position))
      if (int dim = space.find(name.getValue()); dim >= 0)
        set.set(dim);
  };
  for (Region *region : {&scan.getElements(), &scan.getReadout()})
    for (Operation &op : region->front()) {
      if (auto reduce = dyn_cast<ReduceOp>(op))
        for (Attribute dim : reduce.getDims())
          mark(innerSet, dim);
      if (auto at = dyn_cast<AtOp>(op)) {
        for (Attribute dim : at.getFrom())
          mark(innerSet, dim);
        for (Attribute dim : at.getTo())
          mark(innerSet, dim);
      }
    }
  if (std::optional<ArrayAttr> pair = scan.getBlockDims())
    for (Attribute dim : *pair)
      mark(innerSet, dim);
  for (auto state : scan.getStates().getAsRange<StateAttr>())
    for (StringAttr name : state.getDims())
      mark(used, name);
  for (auto output : scan.getOutputs().getAsRange<ResultAttr>())
    for (StringAttr name : output.getDims())
      mark(used, name);
  for (unsigned dim = 0; dim < space.getRank(); ++dim) {
    if (dim == space.getTime() || int(dim) == space.getSegment())
      continue;
    if (innerSet.test(dim))
      inner.push_back(dim);
    else if (used.test(dim))
      parallel.push_back(dim);
  }
}
