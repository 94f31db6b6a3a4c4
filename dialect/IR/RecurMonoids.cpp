//===-- RecurMonoids.cpp - monoids that a user declares -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Monoids, what combines their elements, and the scans over them: syntax and
/// constraints.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Monoids.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace recur;

//===----------------------------------------------------------------------===//
// MonoidOp
//===----------------------------------------------------------------------===//

LogicalResult MonoidOp::verify() {
  // (M1)
  if (getMembers().empty())
    return emitOpError() << "expected at least one member";
  llvm::SmallPtrSet<Attribute, 8> seen;
  for (Attribute name : getMembers())
    if (!seen.insert(name).second)
      return emitOpError() << "has member " << name << " twice";
  // (M2)
  if (getIdentity().size() != getMembers().size())
    return emitOpError() << "expected a neutral number for each of "
                         << getMembers().size() << " members, found "
                         << getIdentity().size();
  for (Attribute attr : getIdentity()) {
    auto number = dyn_cast<FloatAttr>(attr);
    if (!number || !(number.getType().isF32() || number.getType().isF64()) ||
        number.getType() != getType())
      return emitOpError() << "expected neutral numbers of one type, f32 or "
                              "f64, found "
                           << attr;
  }
  return success();
}

LogicalResult MonoidOp::verifyRegions() {
  auto verifyRegion = [&](Region &region, StringRef name, unsigned arguments,
                          ArrayRef<Type> results) -> LogicalResult {
    if (region.getNumArguments() != arguments ||
        !llvm::all_of(region.getArgumentTypes(),
                      [&](Type type) { return type == getType(); }))
      return emitOpError() << "expected the " << name << " region to have "
                           << arguments << " arguments of type " << getType();
    for (Operation &op : region.front())
      if (op.getNumRegions() != 0 || !isMemoryEffectFree(&op) ||
          isa<PrevOp, ReduceOp, AtOp, CombineOp>(op)) // (M5)
        return op.emitOpError() << "cannot occur in a monoid";
    auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
    if (!yield || yield.getOperandTypes() != results)
      return emitOpError() << "expected the " << name << " region to yield "
                           << results.size() << " values of type "
                           << results.front();
    return success();
  };
  // (M4)
  if (!getDomain().empty() &&
      failed(verifyRegion(getDomain(), "where", getNumMembers(),
                          IntegerType::get(getContext(), 1))))
    return failure();
  // (M3)
  return verifyRegion(getCombine(), "combine", 2 * getNumMembers(),
                      SmallVector<Type>(getNumMembers(), getType()));
}

SmallVector<Value> recur::buildCombination(OpBuilder &builder, MonoidOp monoid,
                                           ValueRange earlier,
                                           ValueRange later) {
  Block &body = monoid.getCombine().front();
  IRMapping values;
  values.map(body.getArguments().take_front(earlier.size()), earlier);
  values.map(body.getArguments().drop_front(earlier.size()), later);
  for (Operation &op : body.without_terminator())
    builder.clone(op, values);
  return llvm::map_to_vector(body.getTerminator()->getOperands(),
                             [&](Value value) { return values.lookup(value); });
}

//===----------------------------------------------------------------------===//
// CombineOp
//===----------------------------------------------------------------------===//

ParseResult CombineOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  int64_t member;
  SmallVector<OpAsmParser::UnresolvedOperand> earlier, later;
  Type type;
  if (parser.parseSymbolName(name) || parser.parseLSquare() ||
      parser.parseInteger(member) || parser.parseRSquare() ||
      parser.parseOperandList(earlier, OpAsmParser::Delimiter::Paren) ||
      parser.parseOperandList(later, OpAsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperands(earlier, type, result.operands) ||
      parser.resolveOperands(later, type, result.operands))
    return failure();
  auto &properties = result.getOrAddProperties<Properties>();
  properties.setMonoid(FlatSymbolRefAttr::get(name));
  properties.setMember(parser.getBuilder().getI64IntegerAttr(member));
  properties.operandSegmentSizes = {int32_t(earlier.size()),
                                    int32_t(later.size())};
  result.addTypes(type);
  return success();
}

void CombineOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getMonoid());
  printer << '[' << getMember() << "](" << getEarlier() << ")(" << getLater()
          << ')';
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"monoid", "member", "operandSegmentSizes"});
  printer << " : " << getType();
}

LogicalResult CombineOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto monoid =
      symbols.lookupNearestSymbolFrom<MonoidOp>(*this, getMonoidAttr());
  // (B1)
  if (!monoid)
    return emitOpError() << "expected " << getMonoidAttr()
                         << " to be a recur.monoid";
  if (monoid.getType() != getType())
    return emitOpError() << "expected type " << monoid.getType() << " of "
                         << getMonoidAttr() << ", found " << getType();
  // (B2)
  for (size_t found : {getEarlier().size(), getLater().size()})
    if (found != monoid.getNumMembers())
      return emitOpError() << "expected tuples of " << monoid.getNumMembers()
                           << " members, found " << found;
  // (B3)
  if (getMember() >= monoid.getNumMembers())
    return emitOpError() << "expected a member below " << monoid.getNumMembers()
                         << ", found " << int64_t(getMember());
  return success();
}

OpCost CombineOp::getCost() {
  auto monoid =
      SymbolTable::lookupNearestSymbolFrom<MonoidOp>(*this, getMonoidAttr());
  OpCost cost;
  if (getMember() != 0 || !monoid) // the others come with the first
    return cost;
  for (Operation &op : monoid.getCombine().front())
    if (auto step = dyn_cast<StepOpInterface>(op)) {
      cost.arithmetic += step.getCost().arithmetic;
      cost.special += step.getCost().special;
    }
  return cost;
}

std::string CombineOp::getSpelling() { return getMonoid().str(); }

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

MonoidOp ScanOp::getMonoidOp() {
  if (!getMonoidAttr())
    return {};
  return SymbolTable::lookupNearestSymbolFrom<MonoidOp>(*this, getMonoidAttr());
}

/// (S8)
LogicalResult ScanOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getMonoidAttr())
    return success();
  auto monoid =
      symbols.lookupNearestSymbolFrom<MonoidOp>(*this, getMonoidAttr());
  if (!monoid)
    return emitOpError() << "expected " << getMonoidAttr()
                         << " to be a recur.monoid";
  if (monoid.getNumMembers() != getStates().size())
    return emitOpError() << "expected a state for each of "
                         << monoid.getNumMembers() << " members of "
                         << getMonoidAttr() << ", found " << getStates().size();
  auto first = cast<StateAttr>(getStates()[0]);
  for (auto state : getStates().getAsRange<StateAttr>()) {
    if (state.getType() != monoid.getType())
      return emitOpError() << "expected state '" << state.getName().getValue()
                           << "' to have type " << monoid.getType() << " of "
                           << getMonoidAttr() << ", found " << state.getType();
    if (state.getDims() != first.getDims())
      return emitOpError() << "expected state '" << state.getName().getValue()
                           << "' to have the indices of state '"
                           << first.getName().getValue() << "'";
  }
  return success();
}
