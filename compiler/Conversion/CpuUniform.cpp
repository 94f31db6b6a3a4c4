//===-- CpuUniform.cpp - transitions that are the same at all times -------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where the entries of a carrier's maps do not vary over time, a fold composes
/// the offsets alone: the transition of n steps is the nth power, made once by
/// repeated squaring. A vector of steps has the powers of its lanes before the
/// loop over time.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuSink.h"

#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace recur;
using mlir::Value;

/// The entries of one step of a uniform carrier, in the layout of all products.
Transition CpuKernels::createUniformMap(StepEmitter &emitter,
                                        const Carrier &carrier,
                                        const InnerPoint &point, Type type) {
  Transition map = emitter.emitEntries(b, carrier, point);
  if (isVector(type))
    for (Value &entry : map.entries)
      entry = vectorOf(entry);
  return getAlgebra(carrier, type).widen(carrier, map);
}

/// The transitions of the fold's summary for as many steps as the tile has.
LogicalResult CpuKernels::storePowers(StepEmitter &emitter) {
  if (llvm::none_of(carriers, [&](const Carrier &carrier) {
        return emitter.isUniform(carrier);
      }))
    return success();
  return forEachBlock([&]() {
    for (const Carrier &carrier : carriers)
      if (emitter.isUniform(carrier))
        forEachPoint(emitter, carrier, [&](const InnerPoint &point) {
          storeTransition(
              carrier, point,
              createPower(emitter, carrier, point, sub(end, begin)));
        });
    return success();
  });
}

/// The entries of `count` steps of a uniform carrier.
std::vector<Value> CpuKernels::createPower(StepEmitter &emitter,
                                           const Carrier &carrier,
                                           const InnerPoint &point,
                                           Value count) {
  Type type = getType(carrier);
  AlgebraEmitter algebra = getAlgebra(carrier, type);
  Transition square = createUniformMap(emitter, carrier, point, type);
  Transition power = algebra.identity(carrier);
  unsigned size = square.entries.size();
  SmallVector<Value> values{count};
  llvm::append_range(values, square.entries);
  llvm::append_range(values, power.entries);
  SmallVector<Type> types;
  for (Value value : values)
    types.push_back(value.getType());
  SmallVector<Location> locations(values.size(), loc);

  auto loop = scf::WhileOp::create(b, loc, types, values);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  b.setInsertionPointToStart(before);
  Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt,
                                     before->getArgument(0), i64(0));
  scf::ConditionOp::create(b, loc, more, before->getArguments());

  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  b.setInsertionPointToStart(after);
  Value left = after->getArgument(0);
  for (unsigned i = 0; i < size; ++i) {
    square.entries[i] = after->getArgument(1 + i);
    power.entries[i] = after->getArgument(1 + size + i);
  }
  Value isOdd = arith::TruncIOp::create(b, loc, b.getI1Type(), left);
  values = {arith::ShRUIOp::create(b, loc, left, i64(1))};
  for (Value product : algebra.multiply(carrier, square, square))
    values.push_back(flushTiny(carrier, product));
  for (auto [product, entry] :
       llvm::zip(algebra.multiply(carrier, square, power), power.entries))
    values.push_back(
        selectParts(b, loc, isOdd, flushTiny(carrier, product), entry));
  scf::YieldOp::create(b, loc, values);
  b.setInsertionPointAfter(loop);
  auto results = loop.getResults().drop_front(1 + size);
  return {results.begin(), results.end()};
}

/// The entries of all prefixes of a vector's steps at each stage of `compose`;
/// nothing for carriers that are not uniform.
void CpuKernels::planPrefixes(StepEmitter &emitter, Sink &sink) {
  prefixes.assign(carriers.size(), {});
  for (auto [number, carrier] : llvm::enumerate(carriers)) {
    if (!emitter.isUniform(carrier) || !innerDims[number].empty())
      continue;
    Type type = getKernelType(carrier.type, width);
    Transition map =
        createUniformMap(emitter, carrier, InnerPoint(space.getRank()), type);
    prefixes[number] = sink.composePrefixes(carrier, map);
  }
}
