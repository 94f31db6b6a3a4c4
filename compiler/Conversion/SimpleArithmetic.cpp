//===-- SimpleArithmetic.cpp - arith to llvm, one for one -----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Arithmetic that is one operation of the llvm dialect.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/SimpleArithmetic.h"

#include "mlir/Conversion/ArithCommon/AttrToLLVMConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using mlir::Value;

/// Numbers whose type is the llvm dialect's too; narrow floats are expanded
/// elsewhere.
static bool isSimple(Type type) {
  if (auto vector = dyn_cast<VectorType>(type)) {
    if (vector.getRank() != 1 || vector.isScalable())
      return false;
    type = vector.getElementType();
  }
  return isa<IntegerType, Float16Type, BFloat16Type, Float32Type, Float64Type>(
      type);
}

namespace {
/// Makes the twin of an operation, or nothing.
struct Lowering {
  OpBuilder b;

  template <typename To, typename From> Value makeFloat(From op) {
    return To::create(b, op.getLoc(), op.getType(), op.getLhs(), op.getRhs(),
                      arith::convertArithFastMathFlagsToLLVM(op.getFastmath()));
  }
  template <typename To, typename From> Value makeWrapping(From op) {
    return To::create(
        b, op.getLoc(), op.getType(), op.getLhs(), op.getRhs(),
        arith::convertArithOverflowFlagsToLLVM(op.getOverflowFlags()));
  }
  template <typename To, typename From> Value makeExact(From op) {
    return To::create(b, op.getLoc(), op.getType(), op.getLhs(), op.getRhs(),
                      op.getIsExact());
  }
  template <typename To, typename From> Value makeBinary(From op) {
    return To::create(b, op.getLoc(), op.getType(), op.getLhs(), op.getRhs());
  }
  template <typename To, typename From> Value makeCast(From op) {
    return To::create(b, op.getLoc(), op.getType(), op.getIn());
  }

  Value make(Operation *op) {
    using namespace arith;
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case([&](ConstantOp op) -> Value {
          return LLVM::ConstantOp::create(b, op.getLoc(), op.getType(),
                                          op.getValue());
        })
        .Case([&](AddFOp op) { return makeFloat<LLVM::FAddOp>(op); })
        .Case([&](SubFOp op) { return makeFloat<LLVM::FSubOp>(op); })
        .Case([&](MulFOp op) { return makeFloat<LLVM::FMulOp>(op); })
        .Case([&](DivFOp op) { return makeFloat<LLVM::FDivOp>(op); })
        .Case([&](AddIOp op) { return makeWrapping<LLVM::AddOp>(op); })
        .Case([&](SubIOp op) { return makeWrapping<LLVM::SubOp>(op); })
        .Case([&](MulIOp op) { return makeWrapping<LLVM::MulOp>(op); })
        .Case([&](ShLIOp op) { return makeWrapping<LLVM::ShlOp>(op); })
        .Case([&](AndIOp op) { return makeBinary<LLVM::AndOp>(op); })
        .Case([&](XOrIOp op) { return makeBinary<LLVM::XOrOp>(op); })
        .Case([&](OrIOp op) { return makeBinary<LLVM::OrOp>(op); })
        .Case([&](MinSIOp op) { return makeBinary<LLVM::SMinOp>(op); })
        .Case([&](MaxSIOp op) { return makeBinary<LLVM::SMaxOp>(op); })
        .Case([&](RemUIOp op) { return makeBinary<LLVM::URemOp>(op); })
        .Case([&](RemSIOp op) { return makeBinary<LLVM::SRemOp>(op); })
        .Case([&](ExtUIOp op) { return makeCast<LLVM::ZExtOp>(op); })
        .Case([&](TruncIOp op) -> Value {
          return LLVM::TruncOp::create(
              b, op.getLoc(), op.getType(), op.getIn(),
              arith::convertArithOverflowFlagsToLLVM(op.getOverflowFlags()));
        })
        .Case([&](DivUIOp op) { return makeExact<LLVM::UDivOp>(op); })
        .Case([&](DivSIOp op) { return makeExact<LLVM::SDivOp>(op); })
        .Case([&](ShRUIOp op) { return makeExact<LLVM::LShrOp>(op); })
        .Case([&](ShRSIOp op) { return makeExact<LLVM::AShrOp>(op); })
        .Case([&](ExtSIOp op) { return makeCast<LLVM::SExtOp>(op); })
        .Case([&](BitcastOp op) { return makeCast<LLVM::BitcastOp>(op); })
        .Case([&](ExtFOp op) { return makeCast<LLVM::FPExtOp>(op); })
        .Case([&](CmpIOp op) -> Value {
          return LLVM::ICmpOp::create(
              b, op.getLoc(), op.getType(),
              static_cast<LLVM::ICmpPredicate>(op.getPredicate()), op.getLhs(),
              op.getRhs());
        })
        .Case([&](SelectOp op) -> Value {
          return LLVM::SelectOp::create(b, op.getLoc(), op.getType(),
                                        op.getCondition(), op.getTrueValue(),
                                        op.getFalseValue());
        })
        .Default(Value());
  }
};
} // namespace

void recur::lowerSimpleArithmetic(Operation *root) {
  Lowering lowering{OpBuilder(root->getContext())};
  root->walk([&](Operation *op) {
    if (!isa<arith::ArithDialect>(op->getDialect()) ||
        !llvm::all_of(op->getOperandTypes(), isSimple) ||
        !llvm::all_of(op->getResultTypes(), isSimple))
      return;
    lowering.b.setInsertionPoint(op);
    if (Value twin = lowering.make(op)) {
      op->getResult(0).replaceAllUsesWith(twin);
      op->erase();
    }
  });
}
