//===-- OperationEmitter.cpp - the operations of a step as IR -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Picks the op for each operation of a spec and its dtype: arith and math for
/// reals, complex for complex numbers, recur for the named functions.
#include "compiler/Frontend/Emitter.h"
#include "dialect/IR/Recur.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace recur::spec;

mlir::Type recur::spec::elementType(mlir::MLIRContext *context, Dtype dtype) {
  mlir::Builder builder(context);
  switch (dtype) {
  case Dtype::Bool:
    return builder.getI1Type();
  case Dtype::I8:
    return builder.getI8Type();
  case Dtype::I32:
    return builder.getI32Type();
  case Dtype::I64:
    return builder.getI64Type();
  case Dtype::F16:
    return builder.getF16Type();
  case Dtype::BF16:
    return builder.getBF16Type();
  case Dtype::F64:
    return builder.getF64Type();
  case Dtype::C64:
  case Dtype::AnyComplex:
    return mlir::ComplexType::get(builder.getF32Type());
  case Dtype::C128:
    return mlir::ComplexType::get(builder.getF64Type());
  case Dtype::F32:
  case Dtype::AnyReal:
    break;
  }
  return builder.getF32Type();
}

mlir::Value recur::spec::emitLiteral(mlir::OpBuilder &builder,
                                     mlir::Location loc,
                                     std::complex<double> literal,
                                     Dtype dtype) {
  mlir::Type type = elementType(builder.getContext(), dtype);
  if (isComplex(dtype)) {
    mlir::Type part = mlir::cast<mlir::ComplexType>(type).getElementType();
    mlir::ArrayAttr parts =
        builder.getArrayAttr({builder.getFloatAttr(part, literal.real()),
                              builder.getFloatAttr(part, literal.imag())});
    return mlir::complex::ConstantOp::create(builder, loc, type, parts);
  }
  mlir::TypedAttr attr =
      mlir::isa<mlir::FloatType>(type)
          ? mlir::TypedAttr(builder.getFloatAttr(type, literal.real()))
          : mlir::TypedAttr(
                builder.getIntegerAttr(type, int64_t(literal.real())));
  return mlir::arith::ConstantOp::create(builder, loc, attr);
}

mlir::Value recur::spec::emitConversion(mlir::OpBuilder &builder,
                                        mlir::Location loc, mlir::Value operand,
                                        Dtype from, Dtype to) {
  if (from == to)
    return operand;
  mlir::Type type = elementType(builder.getContext(), to);
  if (isComplex(from)) { // The checker lets complex become complex only.
    auto part = [&](mlir::Value value) {
      return emitConversion(builder, loc, value, realPart(from), realPart(to));
    };
    mlir::Value re = part(mlir::complex::ReOp::create(builder, loc, operand));
    mlir::Value im = part(mlir::complex::ImOp::create(builder, loc, operand));
    return mlir::complex::CreateOp::create(builder, loc, type, re, im);
  }
  if (isComplex(to)) {
    Dtype part = realPart(to);
    mlir::Value re = emitConversion(builder, loc, operand, from, part);
    mlir::Value im = emitLiteral(builder, loc, 0.0, part);
    return mlir::complex::CreateOp::create(builder, loc, type, re, im);
  }
  if (isInteger(from) && isInteger(to))
    return mlir::arith::ExtSIOp::create(builder, loc, type, operand);
  if (isInteger(from))
    return mlir::arith::SIToFPOp::create(builder, loc, type, operand);
  unsigned have = operand.getType().getIntOrFloatBitWidth();
  unsigned want = type.getIntOrFloatBitWidth();
  if (have < want)
    return mlir::arith::ExtFOp::create(builder, loc, type, operand);
  if (have > want)
    return mlir::arith::TruncFOp::create(builder, loc, type, operand);
  // f16 and bf16 have no common part; arithmetic has gone through f32 anyway.
  mlir::Value wide =
      mlir::arith::ExtFOp::create(builder, loc, builder.getF32Type(), operand);
  return mlir::arith::TruncFOp::create(builder, loc, type, wide);
}

namespace {

/// Builds one op of a kind from operands of one dtype.
class OperationEmitter {
public:
  OperationEmitter(mlir::OpBuilder &builder, mlir::Location loc,
                   const Value &value, mlir::ValueRange operands)
      : builder(builder), loc(loc), value(value), operands(operands),
        type(elementType(builder.getContext(), value.dtype)) {}

  mlir::Value emit() {
    if (value.operation == Operation::Select)
      return make<mlir::arith::SelectOp>();
    Dtype of = value.operands.front()->dtype;
    if (of == Dtype::Bool)
      return emitBool();
    if (isInteger(of))
      return compareIntegers();
    return isComplex(of) ? emitComplex() : emitReal();
  }

private:
  template <typename Op> mlir::Value make() {
    return Op::create(builder, loc, mlir::TypeRange(type), operands,
                      llvm::ArrayRef<mlir::NamedAttribute>{})
        ->getResult(0);
  }

  mlir::Value compare(mlir::arith::CmpFPredicate predicate) {
    return mlir::arith::CmpFOp::create(builder, loc, predicate, operands[0],
                                       operands[1]);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate) {
    return mlir::arith::CmpIOp::create(builder, loc, predicate, operands[0],
                                       operands[1]);
  }

  mlir::Value emitBool() {
    switch (value.operation) {
    case Operation::And:
      return make<mlir::arith::AndIOp>();
    case Operation::Or:
      return make<mlir::arith::OrIOp>();
    case Operation::Equal:
      return compare(mlir::arith::CmpIPredicate::eq);
    case Operation::NotEqual:
      return compare(mlir::arith::CmpIPredicate::ne);
    default: { // Not
      mlir::Value truth = emitLiteral(builder, loc, 1.0, Dtype::Bool);
      return mlir::arith::XOrIOp::create(builder, loc, operands[0], truth);
    }
    }
  }

  mlir::Value compareIntegers() {
    using mlir::arith::CmpIPredicate;
    switch (value.operation) {
    case Operation::Equal:
      return compare(CmpIPredicate::eq);
    case Operation::NotEqual:
      return compare(CmpIPredicate::ne);
    case Operation::Less:
      return compare(CmpIPredicate::slt);
    case Operation::LessEqual:
      return compare(CmpIPredicate::sle);
    case Operation::Greater:
      return compare(CmpIPredicate::sgt);
    default:
      return compare(CmpIPredicate::sge);
    }
  }

  mlir::Value emitReal() {
    using mlir::arith::CmpFPredicate;
    switch (value.operation) {
    case Operation::Add:
      return make<mlir::arith::AddFOp>();
    case Operation::Subtract:
      return make<mlir::arith::SubFOp>();
    case Operation::Multiply:
      return make<mlir::arith::MulFOp>();
    case Operation::Divide:
      return make<mlir::arith::DivFOp>();
    case Operation::Negate:
      return make<mlir::arith::NegFOp>();
    case Operation::Equal:
      return compare(CmpFPredicate::OEQ);
    case Operation::NotEqual: // True for nan, as in C.
      return compare(CmpFPredicate::UNE);
    case Operation::Less:
      return compare(CmpFPredicate::OLT);
    case Operation::LessEqual:
      return compare(CmpFPredicate::OLE);
    case Operation::Greater:
      return compare(CmpFPredicate::OGT);
    case Operation::GreaterEqual:
      return compare(CmpFPredicate::OGE);
    case Operation::Exp:
      return make<mlir::math::ExpOp>();
    case Operation::Log:
      return make<mlir::math::LogOp>();
    case Operation::Log1p:
      return make<mlir::math::Log1pOp>();
    case Operation::Expm1:
      return make<mlir::math::ExpM1Op>();
    case Operation::Sqrt:
      return make<mlir::math::SqrtOp>();
    case Operation::Tanh:
      return make<mlir::math::TanhOp>();
    case Operation::Sin:
      return make<mlir::math::SinOp>();
    case Operation::Cos:
      return make<mlir::math::CosOp>();
    case Operation::Abs:
      return make<mlir::math::AbsFOp>();
    case Operation::Min:
      return make<mlir::arith::MinimumFOp>();
    case Operation::Max:
      return make<mlir::arith::MaximumFOp>();
    case Operation::Sigmoid:
      return make<recur::SigmoidOp>();
    case Operation::Softplus:
      return make<recur::SoftplusOp>();
    case Operation::Silu:
      return make<recur::SiluOp>();
    case Operation::Relu:
      return make<recur::ReluOp>();
    case Operation::LogAddExp:
      return make<recur::LogAddExpOp>();
    default: // Complex
      return make<mlir::complex::CreateOp>();
    }
  }

  mlir::Value emitComplex() {
    switch (value.operation) {
    case Operation::Add:
      return make<mlir::complex::AddOp>();
    case Operation::Subtract:
      return make<mlir::complex::SubOp>();
    case Operation::Multiply:
      return make<mlir::complex::MulOp>();
    case Operation::Divide:
      return make<mlir::complex::DivOp>();
    case Operation::Negate:
      return make<mlir::complex::NegOp>();
    case Operation::Equal:
      return make<mlir::complex::EqualOp>();
    case Operation::NotEqual:
      return make<mlir::complex::NotEqualOp>();
    case Operation::Exp:
      return make<mlir::complex::ExpOp>();
    case Operation::Log:
      return make<mlir::complex::LogOp>();
    case Operation::Log1p:
      return make<mlir::complex::Log1pOp>();
    case Operation::Expm1:
      return make<mlir::complex::Expm1Op>();
    case Operation::Sqrt:
      return make<mlir::complex::SqrtOp>();
    case Operation::Tanh:
      return make<mlir::complex::TanhOp>();
    case Operation::Sin:
      return make<mlir::complex::SinOp>();
    case Operation::Cos:
      return make<mlir::complex::CosOp>();
    case Operation::Abs:
      return make<mlir::complex::AbsOp>();
    case Operation::Real:
      return make<mlir::complex::ReOp>();
    case Operation::Imag:
      return make<mlir::complex::ImOp>();
    default: // Conj
      return make<mlir::complex::ConjOp>();
    }
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
  const Value &value;
  mlir::ValueRange operands;
  mlir::Type type;
};

} // namespace

mlir::Value recur::spec::emitOperation(mlir::OpBuilder &builder,
                                       mlir::Location loc, const Value &value,
                                       mlir::ValueRange operands) {
  return OperationEmitter(builder, loc, value, operands).emit();
}
