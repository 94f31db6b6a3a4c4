//===-- MonoidEmitter.cpp - a checked monoid as IR ------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Builds the `recur.monoid` of a checked monoid.
#include "compiler/Frontend/Emitter.h"
#include "dialect/IR/Recur.h"
#include "llvm/ADT/STLExtras.h"

using namespace recur::spec;
using llvm::SmallVector;

/// Emits what `results` need of `step` into a new block of `region`, whose
/// `count` arguments are the parameters.
static void emitRegion(mlir::OpBuilder &builder, mlir::Region &region,
                       unsigned count, const Monoid &monoid,
                       const Recurrence &step,
                       llvm::ArrayRef<const Value *> results, Locate locate) {
  mlir::OpBuilder::InsertionGuard guard(builder);
  mlir::Block *block = builder.createBlock(&region);
  mlir::Type type = elementType(builder.getContext(), monoid.dtype);
  for (unsigned i = 0; i < count; ++i)
    block->addArgument(type, locate(monoid.loc));
  std::vector<bool> live(step.values.size());
  for (const Value *result : results)
    live[result->id] = true;
  for (const Value &value : llvm::reverse(step.values))
    if (live[value.id])
      for (const Value *operand : value.operands)
        live[operand->id] = true;
  llvm::DenseMap<const Value *, mlir::Value> emitted;
  for (const Value &value : step.values) {
    if (!live[value.id])
      continue;
    mlir::Location loc = locate(value.loc);
    for (const CallSite *site = value.site; site; site = site->caller)
      loc = mlir::CallSiteLoc::get(loc, locate(site->loc));
    SmallVector<mlir::Value> operands;
    for (const Value *operand : value.operands)
      operands.push_back(emitted[operand]);
    mlir::Value &made = emitted[&value];
    if (value.kind == Value::Kind::Parameter)
      made = block->getArgument(value.source);
    else if (value.kind == Value::Kind::Literal)
      made = emitLiteral(builder, loc, value.literal, value.dtype);
    else if (value.kind == Value::Kind::Convert)
      made = emitConversion(builder, loc, operands[0], value.operands[0]->dtype,
                            value.dtype);
    else
      made = emitOperation(builder, loc, value, operands);
  }
  recur::YieldOp::create(builder, locate(monoid.loc),
                         llvm::map_to_vector(results, [&](const Value *value) {
                           return emitted[value];
                         }));
}

void recur::spec::emitMonoid(mlir::OpBuilder &builder, const Monoid &monoid,
                             Locate locate) {
  SmallVector<mlir::Attribute> identity;
  SmallVector<llvm::StringRef> members;
  mlir::Type type = elementType(builder.getContext(), monoid.dtype);
  for (double number : monoid.identity)
    identity.push_back(builder.getFloatAttr(type, number));
  for (const std::string &member : monoid.members)
    members.push_back(member);
  auto op = recur::MonoidOp::create(
      builder, locate(monoid.loc), builder.getStringAttr(monoid.name),
      builder.getStrArrayAttr(members), builder.getArrayAttr(identity));
  unsigned count = members.size();
  if (monoid.domain)
    emitRegion(builder, op.getDomain(), count, monoid, *monoid.domainStep,
               monoid.domain, locate);
  emitRegion(builder, op.getCombine(), 2 * count, monoid, *monoid.combineStep,
             monoid.combined, locate);
}
