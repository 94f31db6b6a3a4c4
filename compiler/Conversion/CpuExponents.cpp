//===-- CpuExponents.cpp - decays that add in the exponent ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where a carrier's decay is an exponential, a fold adds exponents instead of
/// multiplying decays, and takes the exponential of their sum once a tile. Of a
/// product of what varies over time and what does not, exp(dt A), the sum of
/// dt is enough: one for all points of the inner dims that A has and dt has
/// not.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/CpuKernels.h"

#include "compiler/Analysis/Economy.h"
#include "compiler/Conversion/PairValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace recur;
using llvm::SmallBitVector;
using mlir::Value;

/// What is added of a carrier; a null `sum`: its decays are multiplied. With
/// lanes along time the decays between lanes are needed too. With any strides
/// what is read is what takes time, not what is multiplied: no code for it.
Decay CpuKernels::getDecay(const Carrier &carrier) {
  if (timeLanes || !schedule.getContiguous() || rows || !carrier.isSingle() ||
      !carrier.isAffine || carrier.semiring != Semiring::PlusTimes ||
      carrier.step(0, 0) != algebra::Entry::Any ||
      emitterSets->isUniform(carrier))
    return {};
  auto yield = cast<YieldOp>(scan.getElements().front().getTerminator());
  Value decay = yield.getOperand(carrier.getEntryOperand(0, 0));
  if (decay.getType() != carrier.type)
    return {};
  SmallBitVector shared(space.getRank(), true);
  for (unsigned dim : innerDims[carrierOf[carrier.state]])
    shared.reset(dim);
  return recur::getDecay(decay, space.getTime(), shared, [&](Value value) {
    return emitterSets->getIndexSet(value);
  });
}

/// No exponents yet, where transitions were the identity's.
void CpuKernels::clearExponents(StepEmitter &emitter) {
  for (const Carrier &carrier : carriers)
    if (getDecay(carrier).sum)
      forEachPoint(emitter, carrier, [&](const InnerPoint &point) {
        storeTransition(carrier, point,
                        getAlgebra(carrier, getType(carrier)).zero());
      });
}

/// The slot at the first inner point holds the sum that all points share.
static InnerPoint getFirstPoint(ArrayRef<unsigned> inner, unsigned rank,
                                Value zero) {
  InnerPoint point(rank);
  for (unsigned dim : inner)
    point[dim] = zero;
  return point;
}

/// Adds the exponents of the current step that its points share.
void CpuKernels::addExponents(StepEmitter &emitter) {
  for (const Carrier &carrier : carriers) {
    Decay decay = getDecay(carrier);
    if (!decay.rate)
      continue;
    InnerPoint first = getFirstPoint(innerDims[carrierOf[carrier.state]],
                                     space.getRank(), i64(0));
    Value sum = emitter.emitValue(b, decay.sum, InnerPoint(space.getRank()));
    addExponent(carrier, first, sum);
  }
}

void CpuKernels::addExponent(const Carrier &carrier, const InnerPoint &point,
                             Value exponent) {
  Type type = getType(carrier);
  if (isVector(type))
    exponent = vectorOf(exponent);
  Value before = loadTransition(carrier, point, type).entries[0];
  storeTransition(carrier, point,
                  getAlgebra(carrier, type).sum(before, exponent));
}

/// Makes transitions of the sums of exponents.
void CpuKernels::finishExponents(StepEmitter &emitter) {
  for (const Carrier &carrier : carriers) {
    Decay decay = getDecay(carrier);
    if (!decay.sum)
      continue;
    Type type = getType(carrier);
    Value shared;
    if (decay.rate)
      shared = loadTransition(carrier,
                              getFirstPoint(innerDims[carrierOf[carrier.state]],
                                            space.getRank(), i64(0)),
                              type)
                   .entries[0];
    forEachPoint(emitter, carrier, [&](const InnerPoint &point) {
      Value exponent = shared;
      if (decay.rate) {
        Value rate = emitter.emitValue(b, decay.rate, point);
        if (isVector(type))
          rate = vectorOf(rate);
        exponent = getAlgebra(carrier, type).product(rate, shared);
      } else {
        exponent = loadTransition(carrier, point, type).entries[0];
      }
      Value power = math::ExpOp::create(b, loc, exponent);
      storeTransition(carrier, point, flushTiny(carrier, power));
    });
  }
}
