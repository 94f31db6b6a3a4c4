//===-- Signature.cpp - arguments of a recurrence in the C ABI ------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Reads names, roles, dims and index constraints off the IR.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Signature.h"

using namespace mlir;
using namespace recur;

RecurrenceOpInterface Signature::find(func::FuncOp function) {
  if (function.isExternal())
    return {};
  RecurrenceOpInterface found;
  for (Operation &op : function.front())
    if (auto recurrence = dyn_cast<RecurrenceOpInterface>(op)) {
      if (found)
        return {};
      found = recurrence;
    }
  return found;
}

/// Splits an index expression; (R2) of recur.recurrence allows no others.
SignatureAccess recur::splitIndex(AffineExpr expr) {
  SignatureAccess access{0, 0, -1, 0, 1, 0};
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (constant && expr.getKind() == AffineExprKind::FloorDiv) {
      access = splitIndex(binary.getLHS());
      access.divisor = constant.getValue();
      return access;
    }
    if (constant && expr.getKind() == AffineExprKind::Mod) {
      access = splitIndex(binary.getLHS());
      access.modulus = constant.getValue();
      return access;
    }
    if (constant && expr.getKind() == AffineExprKind::Add) {
      access = splitIndex(binary.getLHS());
      access.offset = constant.getValue();
      return access;
    }
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    access.dim = dim.getPosition();
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    access.offset = constant.getValue();
  return access;
}

FailureOr<Signature> Signature::get(func::FuncOp function) {
  RecurrenceOpInterface op = find(function);
  if (!op)
    return function.emitError() << "expected function '" << function.getName()
                                << "' to hold one recurrence";
  Signature signature;
  signature.name = function.getName().str();
  signature.space = op.getSpace();
  for (unsigned i = 0; i < op.getSpace().getRank(); ++i)
    signature.dims.push_back(
        {op.getSpace().getName(i).str(),
         op.getSpace().isStatic(i) ? op.getSpace().getSizes()[i] : -1});
  auto findDim = [&](StringRef name, int64_t size) -> int32_t {
    for (auto [i, dim] : llvm::enumerate(signature.dims))
      if (dim.name == name)
        return i;
    signature.dims.push_back(
        {name.str(), ShapedType::isDynamic(size) ? -1 : size});
    return signature.dims.size() - 1;
  };
  unsigned numArguments = function.getNumArguments();
  SmallVector<AffineMap> firstMap(numArguments);
  SmallVector<bool> used(numArguments, false), onlyInit(numArguments, true);

  auto visit = [&](Value operand, AffineMap map, bool isInit,
                   bool isHistory) -> LogicalResult {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument || argument.getOwner() != &function.front())
      return op->emitError() << "expected every operand to be an argument of "
                                "the function";
    unsigned number = argument.getArgNumber();
    used[number] = true;
    onlyInit[number] = onlyInit[number] && isInit;
    if (!firstMap[number])
      firstMap[number] = map;
    auto declared = function.getArgAttrOfType<ArrayAttr>(number, kDimsAttr);
    for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
      SignatureAccess access = splitIndex(expr);
      access.argument = number;
      access.axis = axis;
      if (access.dim == int(op.getSpace().getTime()))
        continue;
      bool plain = access.dim >= 0 && access.offset == 0 &&
                   access.divisor == 1 && access.modulus == 0;
      bool sameDim =
          plain && (!declared || cast<StringAttr>(declared[axis]).getValue() ==
                                     op.getSpace().getName(access.dim));
      // A history's time axis has a static size that the type says.
      if (!sameDim && !isHistory)
        signature.accesses.push_back(access);
    }
    return success();
  };
  for (auto [i, input] : llvm::enumerate(op.getInputs()))
    if (failed(visit(input, op.getInputMap(i), false, false)))
      return failure();
  for (auto [i, init] : llvm::enumerate(op.getInits()))
    if (failed(visit(init, op.getInitMap(i), true, false)))
      return failure();
  for (auto [i, history] : llvm::enumerate(op.getHistories()))
    if (failed(visit(history, op.getHistoryMap(i), false, true)))
      return failure();

  for (unsigned i = 0; i < numArguments; ++i) {
    auto type = dyn_cast<RankedTensorType>(function.getArgument(i).getType());
    if (!type)
      return function.emitError()
             << "expected argument " << i << " to be a ranked tensor, found "
             << function.getArgument(i).getType();
    SignatureArgument argument;
    auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr);
    argument.name = name ? name.str() : "arg" + std::to_string(i);
    argument.element = type.getElementType();
    argument.role = Role::Input;
    if (op.getSegments() == function.getArgument(i)) {
      argument.role = Role::Segments;
      argument.dims.push_back(op.getSpace().getSegment());
    } else if (auto declared =
                   function.getArgAttrOfType<ArrayAttr>(i, kDimsAttr)) {
      if (int64_t(declared.size()) != type.getRank())
        return function.emitError()
               << "argument " << i << " has rank " << type.getRank() << " but "
               << declared.size() << " names in '" << kDimsAttr << "'";
      for (auto [axis, dim] :
           llvm::enumerate(declared.getAsRange<StringAttr>()))
        argument.dims.push_back(findDim(dim.getValue(), type.getDimSize(axis)));
    } else {
      // Without names: the dims it is read at, or ones of its own.
      for (int64_t axis = 0; axis < type.getRank(); ++axis) {
        int dim =
            firstMap[i] ? splitIndex(firstMap[i].getResult(axis)).dim : -1;
        argument.dims.push_back(
            dim >= 0 ? dim
                     : findDim(argument.name + "." + std::to_string(axis),
                               type.getDimSize(axis)));
      }
    }
    if (used[i] && onlyInit[i] && argument.role == Role::Input)
      argument.role = Role::Initial;
    signature.arguments.push_back(argument);
  }
  auto returned = cast<func::ReturnOp>(function.front().getTerminator());
  for (Value value : returned.getOperands()) {
    auto result = dyn_cast<OpResult>(value);
    if (!result || result.getOwner() != op.getOperation())
      return function.emitError()
             << "expected the function to return results of the recurrence";
    ResultAttr attr = op.getOutput(result.getResultNumber());
    SignatureArgument argument;
    argument.name = attr.getName().str();
    argument.role = attr.isFinal() ? Role::Final : Role::Result;
    argument.element =
        cast<RankedTensorType>(result.getType()).getElementType();
    for (StringAttr dim : attr.getDims())
      argument.dims.push_back(op.getSpace().find(dim.getValue()));
    signature.arguments.push_back(argument);
  }
  return signature;
}
