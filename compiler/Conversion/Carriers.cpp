//===-- Carriers.cpp - what a scan carries from step to step --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads the carriers and the known entries of their maps off a scan.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Carriers.h"

#include "compiler/Analysis/Jacobian.h"
#include "dialect/IR/Scalars.h"

using namespace mlir;
using namespace recur;
using algebra::Entry;

int Carrier::getEntryOperand(unsigned i, unsigned j) const {
  if (monoid)
    return element + size;
  if (row >= 0 || isSingle())
    return element;
  if (states == 1) // a companion matrix shifts all rows but the first
    return i == 0 ? int(element + j) : -1;
  return element + i * size + j;
}

int Carrier::getRestOperand(unsigned i) const {
  if (monoid)
    return element + i;
  if (row >= 0 || isSingle())
    return element + 1;
  if (states == 1)
    return i == 0 ? int(element + size) : -1;
  return element + size * size + i;
}

unsigned Carrier::getNumOperands() const {
  if (monoid)
    return size + startsAnew();
  if (row >= 0 || isSingle())
    return 2;
  return states == 1 ? size + 1 : size * size + size;
}

/// What is known of a value that `elements` yields.
static Entry getKnown(Semiring semiring, Value value) {
  if (isSemiringZero(semiring, value))
    return Entry::Zero;
  return isSemiringOne(semiring, value) ? Entry::One : Entry::Any;
}

/// A carrier starts anew where the operand `anew` of the elements says so; if
/// nothing of the state before is left in any step, there is nothing to say.
static void findMark(Carrier &carrier, int anew) {
  for (unsigned i = 0; i < carrier.size; ++i)
    for (unsigned j = 0; j < carrier.size; ++j)
      if (carrier.step(i, j) == Entry::Any) {
        carrier.anew = anew;
        carrier.markRow = i;
        carrier.markColumn = j;
        return;
      }
}

SmallVector<Carrier, 2> recur::getCarriers(ScanLikeOpInterface scan) {
  SmallVector<Carrier, 2> carriers;
  AlgebraAttr algebra = scan.getAlgebra();
  SpaceAttr space = scan.getSpace();
  unsigned numStates = scan.getStates().size(), element = 0;
  for (unsigned state = 0; state < numStates;) {
    Carrier carrier;
    carrier.state = state;
    carrier.type = cast<StateAttr>(scan.getStates()[state]).getType();
    carrier.element = element;
    carrier.semiring = algebra.getSemiring();
    carrier.isAffine = scan.isAffine();
    switch (algebra.getStructure()) {
    case Structure::Diagonal:
    case Structure::OuterProduct:
      break;
    case Structure::Companion:
      carrier.size = carrier.lags = algebra.getOrder();
      break;
    case Structure::Block:
      carrier.size = algebra.getOrder();
      if (std::optional<ArrayAttr> pair = scan.getBlockDims()) {
        carrier.row = space.find(cast<StringAttr>((*pair)[0]).getValue());
        carrier.column = space.find(cast<StringAttr>((*pair)[1]).getValue());
      } else {
        carrier.states = numStates;
      }
      break;
    case Structure::Monoid:
      carrier.size = carrier.states = numStates;
      carrier.monoid = getMonoidOp(scan);
      carrier.prepends = getPrepends(scan);
      break;
    }
    auto yield = cast<YieldOp>(scan.getElements().front().getTerminator());
    algebra::Pattern step(carrier.size);
    if (carrier.monoid) {
      step = algebra::Pattern::identity(carrier.size);
      if (yield.getNumOperands() > numStates)
        step(0, 0) = Entry::Any;
      carrier.step = carrier.product = step;
      carrier.hasRest.assign(carrier.size, true);
      state += carrier.states;
      carriers.push_back(std::move(carrier));
      continue;
    }
    for (unsigned i = 0; i < carrier.size; ++i) {
      for (unsigned j = 0; j < carrier.size; ++j)
        if (int number = carrier.getEntryOperand(i, j); number >= 0)
          step(i, j) =
              getKnown(algebra.getSemiring(), yield.getOperand(number));
        else
          step(i, j) = i == j + 1 ? Entry::One : Entry::Zero;
      int rest = carrier.getRestOperand(i);
      carrier.hasRest.push_back(
          rest >= 0 &&
          !isSemiringZero(algebra.getSemiring(), yield.getOperand(rest)));
    }
    carrier.isLinear.assign(carrier.size, false);
    if (auto newton = dyn_cast<NewtonOp>(scan.getOperation());
        newton && carrier.row < 0) {
      StateParts parts = findParts(newton);
      for (unsigned i = 0; i < carrier.size; ++i) {
        unsigned own = carrier.getState(i);
        carrier.isLinear[i] = parts.isLinear[own];
        for (unsigned j = 0; j < carrier.size; ++j) {
          unsigned other = carrier.getState(j);
          if (parts.part[own] != parts.part[other] &&
              (parts.isLinear[own] || parts.isLinear[other]))
            step(i, j) = Entry::Zero;
        }
      }
    }
    if (isRotation(scan))
      step = algebra::Pattern::rotation();
    carrier.step = step;
    carrier.product = step.closure();
    state += carrier.states;
    element += carrier.getNumOperands();
    carriers.push_back(std::move(carrier));
  }
  // What is behind the elements of all carriers says where they start anew.
  unsigned count = scan.getElements().front().getTerminator()->getNumOperands();
  for (Carrier &carrier : carriers)
    if (!carrier.monoid && count > element)
      findMark(carrier, element);
  return carriers;
}
