//===-- Artifact.cpp - what the host interface says of a recurrence -------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Keeps one dictionary for each recurrence in the module's attribute.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/Artifact.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace recur;

/// A recurrence without variants.
static DictionaryAttr describe(const Signature &signature, bool isStep,
                               Builder &b) {
  SmallVector<Attribute> dims, arguments, accesses;
  SpaceAttr space = signature.space;
  for (const SignatureDim &dim : signature.dims)
    dims.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", b.getStringAttr(dim.name)),
         b.getNamedAttr("size", b.getI64IntegerAttr(dim.size))}));
  for (const SignatureArgument &argument : signature.arguments)
    arguments.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", b.getStringAttr(argument.name)),
         b.getNamedAttr("role", b.getI64IntegerAttr(int(argument.role))),
         b.getNamedAttr("element", TypeAttr::get(argument.element)),
         b.getNamedAttr("dims", b.getDenseI32ArrayAttr(argument.dims))}));
  for (const SignatureAccess &access : signature.accesses)
    accesses.push_back(b.getDenseI64ArrayAttr(
        {access.argument, access.axis, access.dim, access.offset,
         access.divisor, access.modulus}));
  ArrayAttr none = b.getArrayAttr({});
  return b.getDictionaryAttr(
      {b.getNamedAttr("name", b.getStringAttr(signature.name)),
       b.getNamedAttr("dims", b.getArrayAttr(dims)),
       b.getNamedAttr("arguments", b.getArrayAttr(arguments)),
       b.getNamedAttr("accesses", b.getArrayAttr(accesses)),
       b.getNamedAttr("space_rank", b.getI64IntegerAttr(space.getRank())),
       b.getNamedAttr("time", b.getI64IntegerAttr(space.getTime())),
       b.getNamedAttr("segment", b.getI64IntegerAttr(space.getSegment())),
       b.getNamedAttr("step", b.getBoolAttr(isStep)),
       b.getNamedAttr("reverse", b.getBoolAttr(space.getReverse())),
       b.getNamedAttr(kCpuVariants, none), b.getNamedAttr(kGpuVariants, none)});
}

LogicalResult recur::addVariants(func::FuncOp function,
                                 const Signature &signature, StringRef key,
                                 ArrayRef<Attribute> variants) {
  // As many as a mask has bits.
  if (signature.arguments.size() > 64)
    return function.emitError() << "has " << signature.arguments.size()
                                << " arguments, at most 64 are supported";
  auto module = function->getParentOfType<ModuleOp>();
  Builder b(module.getContext());
  SmallVector<Attribute> artifacts;
  if (auto existing = module->getAttrOfType<ArrayAttr>(kArtifactsAttr))
    llvm::append_range(artifacts, existing);
  auto *found = llvm::find_if(artifacts, [&](Attribute artifact) {
    return cast<StringAttr>(cast<DictionaryAttr>(artifact).get("name"))
               .getValue() == signature.name;
  });
  if (found == artifacts.end()) {
    artifacts.push_back(
        describe(signature, function->hasAttr("recur.step"), b));
    found = &artifacts.back();
  }
  NamedAttrList entries(cast<DictionaryAttr>(*found));
  SmallVector<Attribute> all(cast<ArrayAttr>(entries.get(key)).getValue());
  llvm::append_range(all, variants);
  entries.set(key, b.getArrayAttr(all));
  *found = entries.getDictionary(b.getContext());
  module->setAttr(kArtifactsAttr, b.getArrayAttr(artifacts));
  return success();
}
