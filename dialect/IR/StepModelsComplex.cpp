//===-- StepModelsComplex.cpp - derivatives and costs of complex ops ------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Models of StepOpInterface for the ops of the complex dialect.
//===----------------------------------------------------------------------===//

#include "dialect/IR/StepModels.h"

#include "mlir/Dialect/Complex/IR/Complex.h"

using namespace mlir;
using namespace recur;

namespace {

struct AddModel : StepModel<AddModel, complex::AddOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange,
                         ArrayRef<Value> tangents) const {
    return buildAdd(builder, op->getLoc(), tangents[0], tangents[1]);
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    return buildAdd(builder, op->getLoc(), operands[0], operands[1]);
  }
  OpCost getCost(Operation *) const { return {2, 0}; }
  bool isSemiringSum(Operation *, Semiring semiring) const {
    return semiring == Semiring::PlusTimes;
  }
  std::string getSpelling(Operation *) const { return "+"; }
};

struct SubModel : StepModel<SubModel, complex::SubOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange,
                         ArrayRef<Value> tangents) const {
    return buildSub(builder, op->getLoc(), tangents[0], tangents[1]);
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    return buildSub(builder, op->getLoc(), operands[0], operands[1]);
  }
  OpCost getCost(Operation *) const { return {2, 0}; }
  std::string getSpelling(Operation *) const { return "-"; }
};

struct MulModel : StepModel<MulModel, complex::MulOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange operands,
                         ArrayRef<Value> tangents) const {
    Location loc = op->getLoc();
    return buildAdd(builder, loc,
                    buildMul(builder, loc, tangents[0], operands[1]),
                    buildMul(builder, loc, operands[0], tangents[1]));
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    return buildMul(builder, op->getLoc(), operands[0], operands[1]);
  }
  OpCost getCost(Operation *) const { return {6, 0}; }
  bool isSemiringProduct(Operation *, Semiring semiring) const {
    return semiring == Semiring::PlusTimes;
  }
  std::string getSpelling(Operation *) const { return "*"; }
};

struct DivModel : StepModel<DivModel, complex::DivOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange operands,
                         ArrayRef<Value> tangents) const {
    Location loc = op->getLoc();
    Value left = buildDiv(builder, loc, tangents[0], operands[1]);
    if (!tangents[1])
      return left;
    Value quotient = buildDiv(builder, loc, operands[0], operands[1]);
    return buildSub(builder, loc, left,
                    buildMul(builder, loc, quotient,
                             buildDiv(builder, loc, tangents[1], operands[1])));
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    if (!operands[0])
      return Value();
    return cloneWithZeros(op, builder, operands);
  }
  OpCost getCost(Operation *) const { return {9, 2}; }
  std::string getSpelling(Operation *) const { return "/"; }
};

struct NegModel : LinearModel<NegModel, complex::NegOp> {
  OpCost getCost(Operation *) const { return {2, 0}; }
  std::string getSpelling(Operation *) const { return "-"; }
};

/// Parts, conjugates and pairs: linear over the reals, not holomorphic.
template <typename OpT>
struct RealLinearModel : LinearModel<RealLinearModel<OpT>, OpT> {
  OpCost getCost(Operation *) const { return {0, 0}; }
  bool isHolomorphic(Operation *) const { return false; }
  std::string getSpelling(Operation *op) const {
    if constexpr (std::is_same_v<OpT, complex::ReOp>)
      return "real";
    if constexpr (std::is_same_v<OpT, complex::ImOp>)
      return "imag";
    if constexpr (std::is_same_v<OpT, complex::CreateOp>)
      return "complex";
    return op->getName().stripDialect().str();
  }
};

struct ConstantModel : StepModel<ConstantModel, complex::ConstantOp> {
  OpCost getCost(Operation *) const { return {0, 0}; }
};

struct ExpModel : UnaryModel<ExpModel, complex::ExpOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    return buildMul(b, loc, t, rebuild(b, op, x));
  }
  OpCost getCost(Operation *) const { return {4, 3}; }
};

struct LogModel : UnaryModel<LogModel, complex::LogOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    return buildDiv(b, loc, t, x);
  }
  OpCost getCost(Operation *) const { return {4, 3}; }
};

struct Expm1Model : UnaryModel<Expm1Model, complex::Expm1Op> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    return buildMul(b, loc, t, b.createOrFold<complex::ExpOp>(loc, x));
  }
  OpCost getCost(Operation *) const { return {8, 4}; }
};

struct Log1pModel : UnaryModel<Log1pModel, complex::Log1pOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    Value one = buildConstant(b, loc, x.getType(), 1);
    return buildDiv(b, loc, t, buildAdd(b, loc, x, one));
  }
  OpCost getCost(Operation *) const { return {8, 3}; }
};

struct SqrtModel : UnaryModel<SqrtModel, complex::SqrtOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    Value half = buildConstant(b, loc, x.getType(), 0.5);
    return buildDiv(b, loc, buildMul(b, loc, half, t), rebuild(b, op, x));
  }
  OpCost getCost(Operation *) const { return {6, 3}; }
};

struct TanhModel : UnaryModel<TanhModel, complex::TanhOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    Value y = rebuild(b, op, x);
    Value one = buildConstant(b, loc, x.getType(), 1);
    return buildMul(b, loc, t, buildSub(b, loc, one, buildMul(b, loc, y, y)));
  }
  OpCost getCost(Operation *) const { return {12, 5}; }
};

struct SinModel : UnaryModel<SinModel, complex::SinOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    return buildMul(b, loc, t, b.createOrFold<complex::CosOp>(loc, x));
  }
  OpCost getCost(Operation *) const { return {6, 4}; }
};

struct CosModel : UnaryModel<CosModel, complex::CosOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    Value sine = b.createOrFold<complex::SinOp>(loc, x);
    return buildNeg(b, loc, buildMul(b, loc, t, sine));
  }
  OpCost getCost(Operation *) const { return {6, 4}; }
};

/// |z|: the part of t along z.
struct AbsModel : UnaryModel<AbsModel, complex::AbsOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value z,
                          Value t) {
    Value conjugate = b.createOrFold<complex::ConjOp>(loc, z);
    Value along =
        b.createOrFold<complex::ReOp>(loc, buildMul(b, loc, conjugate, t));
    return buildDiv(b, loc, along, rebuild(b, op, z));
  }
  OpCost getCost(Operation *) const { return {3, 1}; }
  bool isHolomorphic(Operation *) const { return false; }
};

/// Comparisons of complex numbers.
template <typename OpT, char First>
struct EqualityModel : StepModel<EqualityModel<OpT, First>, OpT> {
  OpCost getCost(Operation *) const { return {3, 0}; }
  bool isHolomorphic(Operation *) const { return false; }
  std::string getSpelling(Operation *) const {
    return std::string(1, First) + "=";
  }
};

} // namespace

void recur::registerComplexStepModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, complex::ComplexDialect *) {
    complex::AddOp::attachInterface<AddModel>(*context);
    complex::SubOp::attachInterface<SubModel>(*context);
    complex::MulOp::attachInterface<MulModel>(*context);
    complex::DivOp::attachInterface<DivModel>(*context);
    complex::NegOp::attachInterface<NegModel>(*context);
    complex::ReOp::attachInterface<RealLinearModel<complex::ReOp>>(*context);
    complex::ImOp::attachInterface<RealLinearModel<complex::ImOp>>(*context);
    complex::ConjOp::attachInterface<RealLinearModel<complex::ConjOp>>(
        *context);
    complex::CreateOp::attachInterface<RealLinearModel<complex::CreateOp>>(
        *context);
    complex::ConstantOp::attachInterface<ConstantModel>(*context);
    complex::ExpOp::attachInterface<ExpModel>(*context);
    complex::Expm1Op::attachInterface<Expm1Model>(*context);
    complex::Log1pOp::attachInterface<Log1pModel>(*context);
    complex::LogOp::attachInterface<LogModel>(*context);
    complex::SqrtOp::attachInterface<SqrtModel>(*context);
    complex::TanhOp::attachInterface<TanhModel>(*context);
    complex::SinOp::attachInterface<SinModel>(*context);
    complex::CosOp::attachInterface<CosModel>(*context);
    complex::AbsOp::attachInterface<AbsModel>(*context);
    complex::EqualOp::attachInterface<EqualityModel<complex::EqualOp, '='>>(
        *context);
    complex::NotEqualOp::attachInterface<
        EqualityModel<complex::NotEqualOp, '!'>>(*context);
  });
}
