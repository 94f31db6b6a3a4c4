//===-- StepModels.cpp - derivatives and costs of arith and math ops ------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Models of StepOpInterface for the ops of arith and math.
//===----------------------------------------------------------------------===//

#include "dialect/IR/StepModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace recur;

namespace {

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

struct AddFModel : StepModel<AddFModel, arith::AddFOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange,
                         ArrayRef<Value> tangents) const {
    return buildAdd(builder, op->getLoc(), tangents[0], tangents[1]);
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    return buildAdd(builder, op->getLoc(), operands[0], operands[1]);
  }
  bool isSemiringSum(Operation *, Semiring semiring) const {
    return semiring == Semiring::PlusTimes;
  }
  bool isSemiringProduct(Operation *, Semiring semiring) const {
    return isProductAddition(semiring);
  }
  std::string getSpelling(Operation *) const { return "+"; }
};

struct SubFModel : StepModel<SubFModel, arith::SubFOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange,
                         ArrayRef<Value> tangents) const {
    return buildSub(builder, op->getLoc(), tangents[0], tangents[1]);
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    return buildSub(builder, op->getLoc(), operands[0], operands[1]);
  }
  std::string getSpelling(Operation *) const { return "-"; }
};

struct MulFModel : StepModel<MulFModel, arith::MulFOp> {
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
  bool isSemiringProduct(Operation *, Semiring semiring) const {
    return semiring == Semiring::PlusTimes;
  }
  std::string getSpelling(Operation *) const { return "*"; }
};

struct DivFModel : StepModel<DivFModel, arith::DivFOp> {
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
  OpCost getCost(Operation *) const { return {1, 1}; }
  std::string getSpelling(Operation *) const { return "/"; }
};

struct NegFModel : LinearModel<NegFModel, arith::NegFOp> {
  std::string getSpelling(Operation *) const { return "-"; }
};
struct ExtFModel : LinearModel<ExtFModel, arith::ExtFOp> {
  std::string getSpelling(Operation *) const { return ""; }
};
struct TruncFModel : LinearModel<TruncFModel, arith::TruncFOp> {
  std::string getSpelling(Operation *) const { return ""; }
};

/// max and min: the tangent of the operand that is taken.
template <typename OpT, arith::CmpFPredicate TakeFirst, Semiring Ring>
struct ExtremumModel : StepModel<ExtremumModel<OpT, TakeFirst, Ring>, OpT> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange operands,
                         ArrayRef<Value> tangents) const {
    if (!tangents[0] && !tangents[1])
      return Value();
    Value first = builder.createOrFold<arith::CmpFOp>(op->getLoc(), TakeFirst,
                                                      operands[0], operands[1]);
    return buildSelect(builder, op->getLoc(), first, tangents[0], tangents[1]);
  }
  bool isSemiringSum(Operation *, Semiring semiring) const {
    return semiring == Ring;
  }
  std::string getSpelling(Operation *) const {
    return Ring == Semiring::MaxPlus ? "max" : "min";
  }
};
using MaximumFModel =
    ExtremumModel<arith::MaximumFOp, arith::CmpFPredicate::OGE,
                  Semiring::MaxPlus>;
using MinimumFModel =
    ExtremumModel<arith::MinimumFOp, arith::CmpFPredicate::OLE,
                  Semiring::MinPlus>;

struct SelectModel : StepModel<SelectModel, arith::SelectOp> {
  MaybeValue pushforward(Operation *op, OpBuilder &builder, ValueRange operands,
                         ArrayRef<Value> tangents) const {
    return buildSelect(builder, op->getLoc(), operands[0], tangents[1],
                       tangents[2]);
  }
  MaybeValue evaluateWithZeros(Operation *op, OpBuilder &builder,
                               ArrayRef<Value> operands) const {
    if (!operands[0])
      return operands[2];
    return buildSelect(builder, op->getLoc(), operands[0], operands[1],
                       operands[2]);
  }
};

template <typename OpT>
struct CompareModel : StepModel<CompareModel<OpT>, OpT> {
  std::string getSpelling(Operation *op) const {
    StringRef name = stringifyEnum(cast<OpT>(op).getPredicate());
    // The first letter says ordered, unordered or the sign of integers.
    if (name.size() == 3)
      name = name.drop_front();
    if (name == "eq")
      return "==";
    if (name == "ne")
      return "!=";
    if (name == "lt")
      return "<";
    if (name == "le")
      return "<=";
    if (name == "gt")
      return ">";
    if (name == "ge")
      return ">=";
    return name.str();
  }
};

/// The ops of the bools: (+) and (x) of or-and.
struct OrIModel : StepModel<OrIModel, arith::OrIOp> {
  bool isSemiringSum(Operation *op, Semiring semiring) const {
    return semiring == Semiring::OrAnd &&
           op->getResult(0).getType().isInteger(1);
  }
  std::string getSpelling(Operation *) const { return "or"; }
};
struct AndIModel : StepModel<AndIModel, arith::AndIOp> {
  bool isSemiringProduct(Operation *op, Semiring semiring) const {
    return semiring == Semiring::OrAnd &&
           op->getResult(0).getType().isInteger(1);
  }
  std::string getSpelling(Operation *) const { return "and"; }
};
struct XOrIModel : StepModel<XOrIModel, arith::XOrIOp> {
  std::string getSpelling(Operation *) const { return "xor"; }
};

struct ConstantModel : StepModel<ConstantModel, arith::ConstantOp> {
  OpCost getCost(Operation *) const { return {0, 0}; }
};
/// Integers and bools as numbers.
template <typename OpT>
struct ConvertModel : StepModel<ConvertModel<OpT>, OpT> {
  std::string getSpelling(Operation *) const { return ""; }
};

//===----------------------------------------------------------------------===//
// math
//===----------------------------------------------------------------------===//

struct ExpModel : UnaryModel<ExpModel, math::ExpOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    return buildMul(b, loc, t, rebuild(b, op, x));
  }
  OpCost getCost(Operation *) const { return {1, 1}; }
};

struct ExpM1Model : UnaryModel<ExpM1Model, math::ExpM1Op> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    return buildMul(b, loc, t, b.createOrFold<math::ExpOp>(loc, x));
  }
  OpCost getCost(Operation *) const { return {2, 1}; }
};

struct LogModel : UnaryModel<LogModel, math::LogOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    return buildDiv(b, loc, t, x);
  }
  OpCost getCost(Operation *) const { return {1, 1}; }
};

struct Log1pModel : UnaryModel<Log1pModel, math::Log1pOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    Value one = buildConstant(b, loc, x.getType(), 1);
    return buildDiv(b, loc, t, buildAdd(b, loc, x, one));
  }
  OpCost getCost(Operation *) const { return {2, 1}; }
};

struct SqrtModel : UnaryModel<SqrtModel, math::SqrtOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    Value half = buildConstant(b, loc, x.getType(), 0.5);
    return buildDiv(b, loc, buildMul(b, loc, half, t), rebuild(b, op, x));
  }
  OpCost getCost(Operation *) const { return {0, 1}; }
};

struct TanhModel : UnaryModel<TanhModel, math::TanhOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *op, Value x,
                          Value t) {
    Value y = rebuild(b, op, x);
    Value one = buildConstant(b, loc, x.getType(), 1);
    return buildMul(b, loc, t, buildSub(b, loc, one, buildMul(b, loc, y, y)));
  }
  OpCost getCost(Operation *) const { return {3, 2}; }
};

struct SinModel : UnaryModel<SinModel, math::SinOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    return buildMul(b, loc, t, b.createOrFold<math::CosOp>(loc, x));
  }
  OpCost getCost(Operation *) const { return {1, 1}; }
};

struct CosModel : UnaryModel<CosModel, math::CosOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    return buildNeg(b, loc,
                    buildMul(b, loc, t, b.createOrFold<math::SinOp>(loc, x)));
  }
  OpCost getCost(Operation *) const { return {1, 1}; }
};

struct AbsFModel : UnaryModel<AbsFModel, math::AbsFOp> {
  static Value derivative(OpBuilder &b, Location loc, Operation *, Value x,
                          Value t) {
    Value zero = buildConstant(b, loc, x.getType(), 0);
    Value negative =
        b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, x, zero);
    return buildSelect(b, loc, negative, buildNeg(b, loc, t), t);
  }
  std::string getSpelling(Operation *) const { return "abs"; }
};

} // namespace

void recur::registerStepModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    arith::AddFOp::attachInterface<AddFModel>(*context);
    arith::SubFOp::attachInterface<SubFModel>(*context);
    arith::MulFOp::attachInterface<MulFModel>(*context);
    arith::DivFOp::attachInterface<DivFModel>(*context);
    arith::NegFOp::attachInterface<NegFModel>(*context);
    arith::ExtFOp::attachInterface<ExtFModel>(*context);
    arith::TruncFOp::attachInterface<TruncFModel>(*context);
    arith::MaximumFOp::attachInterface<MaximumFModel>(*context);
    arith::MinimumFOp::attachInterface<MinimumFModel>(*context);
    arith::SelectOp::attachInterface<SelectModel>(*context);
    arith::CmpFOp::attachInterface<CompareModel<arith::CmpFOp>>(*context);
    arith::CmpIOp::attachInterface<CompareModel<arith::CmpIOp>>(*context);
    arith::OrIOp::attachInterface<OrIModel>(*context);
    arith::AndIOp::attachInterface<AndIModel>(*context);
    arith::XOrIOp::attachInterface<XOrIModel>(*context);
    arith::ConstantOp::attachInterface<ConstantModel>(*context);
    arith::SIToFPOp::attachInterface<ConvertModel<arith::SIToFPOp>>(*context);
    arith::UIToFPOp::attachInterface<ConvertModel<arith::UIToFPOp>>(*context);
    arith::ExtSIOp::attachInterface<ConvertModel<arith::ExtSIOp>>(*context);
    arith::ExtUIOp::attachInterface<ConvertModel<arith::ExtUIOp>>(*context);
    arith::TruncIOp::attachInterface<ConvertModel<arith::TruncIOp>>(*context);
    arith::FPToSIOp::attachInterface<ConvertModel<arith::FPToSIOp>>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    math::ExpOp::attachInterface<ExpModel>(*context);
    math::ExpM1Op::attachInterface<ExpM1Model>(*context);
    math::LogOp::attachInterface<LogModel>(*context);
    math::Log1pOp::attachInterface<Log1pModel>(*context);
    math::SqrtOp::attachInterface<SqrtModel>(*context);
    math::TanhOp::attachInterface<TanhModel>(*context);
    math::SinOp::attachInterface<SinModel>(*context);
    math::CosOp::attachInterface<CosModel>(*context);
    math::AbsFOp::attachInterface<AbsFModel>(*context);
  });
  registerComplexStepModels(registry);
}
