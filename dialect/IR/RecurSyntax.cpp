//===-- RecurSyntax.cpp - parsing and printing of ops ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The assembly of ops whose maps are written with the space's dim names.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

using namespace mlir;
using namespace recur;

//===----------------------------------------------------------------------===//
// Maps as lists of index expressions
//===----------------------------------------------------------------------===//

/// Prints `expr` with the dims' names; only the forms that (R2) allows.
static void printIndex(OpAsmPrinter &printer, AffineExpr expr,
                       SpaceAttr space) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    if (dim.getPosition() < space.getRank())
      printer.printKeywordOrString(space.getName(dim.getPosition()));
    else
      printer << "d" << dim.getPosition();
    return;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    printer << constant.getValue();
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary) {
    printer << expr;
    return;
  }
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  bool nested = isa<AffineBinaryOpExpr>(binary.getLHS());
  if (nested)
    printer << '(';
  printIndex(printer, binary.getLHS(), space);
  if (nested)
    printer << ')';
  if (expr.getKind() == AffineExprKind::Add && constant &&
      constant.getValue() < 0) {
    printer << " - " << -constant.getValue();
    return;
  }
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    printer << " + ";
    break;
  case AffineExprKind::Mul:
    printer << " * ";
    break;
  case AffineExprKind::FloorDiv:
    printer << " floordiv ";
    break;
  case AffineExprKind::CeilDiv:
    printer << " ceildiv ";
    break;
  default:
    printer << " mod ";
    break;
  }
  printIndex(printer, binary.getRHS(), space);
}

static void printMap(OpAsmPrinter &printer, AffineMap map, SpaceAttr space) {
  printer << '[';
  llvm::interleaveComma(map.getResults(), printer, [&](AffineExpr expr) {
    printIndex(printer, expr, space);
  });
  printer << ']';
}

/// Parses what printIndex prints. Not parser.parseAffineExpr, which takes a dim
/// called `mod` for the operator and knows no quoted names.
static ParseResult parseIndex(OpAsmParser &parser, SpaceAttr space,
                              AffineExpr &expr) {
  MLIRContext *context = parser.getContext();
  int64_t constant;
  OptionalParseResult parsed = parser.parseOptionalInteger(constant);
  if (parsed.has_value()) {
    expr = getAffineConstantExpr(constant, context);
    return *parsed;
  }
  if (succeeded(parser.parseOptionalLParen())) {
    if (parseIndex(parser, space, expr) || parser.parseRParen())
      return failure();
  } else {
    SMLoc loc = parser.getCurrentLocation();
    std::string name;
    if (parser.parseKeywordOrString(&name))
      return failure();
    int dim = space.find(name);
    if (dim < 0)
      return parser.emitError(loc, "expected a dim of the space, found '")
             << name << "'";
    expr = getAffineDimExpr(dim, context);
  }

  // At most one operator; its right-hand side is an index too.
  AffineExprKind kind;
  parsed = parser.parseOptionalInteger(constant); // the `- 2` of `t - 2`
  if (parsed.has_value()) {
    expr = expr + constant;
    return *parsed;
  }
  if (succeeded(parser.parseOptionalPlus()))
    kind = AffineExprKind::Add;
  else if (succeeded(parser.parseOptionalStar()))
    kind = AffineExprKind::Mul;
  else if (succeeded(parser.parseOptionalKeyword("floordiv")))
    kind = AffineExprKind::FloorDiv;
  else if (succeeded(parser.parseOptionalKeyword("ceildiv")))
    kind = AffineExprKind::CeilDiv;
  else if (succeeded(parser.parseOptionalKeyword("mod")))
    kind = AffineExprKind::Mod;
  else
    return success();
  AffineExpr rhs;
  if (parseIndex(parser, space, rhs))
    return failure();
  expr = getAffineBinaryOpExpr(kind, expr, rhs);
  return success();
}

static ParseResult parseMap(OpAsmParser &parser, SpaceAttr space,
                            Attribute &map) {
  SmallVector<AffineExpr> exprs;
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&]() {
        return parseIndex(parser, space, exprs.emplace_back());
      }))
    return failure();
  map = AffineMapAttr::get(
      AffineMap::get(space.getRank(), 0, exprs, parser.getContext()));
  return success();
}

//===----------------------------------------------------------------------===//
// Recurrence, scan, newton
//===----------------------------------------------------------------------===//

namespace {
/// One parenthesised list of tensors with their maps.
struct Accesses {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Attribute> maps;
  SmallVector<Type> types;
  SmallVector<int32_t> histories;
};
} // namespace

static ParseResult parseAccesses(OpAsmParser &parser, StringRef keyword,
                                 SpaceAttr space, Accesses &accesses) {
  if (failed(parser.parseOptionalKeyword(keyword)))
    return success();
  if (parser.parseLParen())
    return failure();
  do {
    int32_t history = -1;
    if (parser.parseOperand(accesses.operands.emplace_back()) ||
        parseMap(parser, space, accesses.maps.emplace_back()))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("before")) &&
        parser.parseInteger(history))
      return failure();
    accesses.histories.push_back(history);
  } while (succeeded(parser.parseOptionalComma()));
  return failure(parser.parseColonTypeList(accesses.types) ||
                 parser.parseRParen());
}

static void printAccesses(OpAsmPrinter &printer, StringRef keyword,
                          SpaceAttr space, OperandRange operands,
                          ArrayAttr maps, ArrayRef<int32_t> histories = {}) {
  if (operands.empty())
    return;
  printer.printNewline();
  printer << "    " << keyword << '(';
  for (unsigned i = 0; i < operands.size(); ++i) {
    printer << (i ? ", " : "") << operands[i];
    printMap(printer, cast<AffineMapAttr>(maps[i]).getValue(), space);
    if (i < histories.size() && histories[i] >= 0)
      printer << " before " << histories[i];
  }
  printer << " : " << operands.getTypes() << ')';
}

template <typename AttrT>
static ParseResult parseStrippedList(OpAsmParser &parser,
                                     SmallVectorImpl<Attribute> &list) {
  do {
    AttrT attr;
    if (parser.parseCustomAttributeWithFallback(attr))
      return failure();
    list.push_back(attr);
  } while (succeeded(parser.parseOptionalComma()));
  return success();
}

/// Parses everything between the op's name and its regions.
template <typename OpT>
static ParseResult parseHead(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  SpaceAttr space;
  if (parser.parseCustomAttributeWithFallback(space))
    return failure();
  Accesses inputs, inits, histories;
  if (parseAccesses(parser, "ins", space, inputs))
    return failure();
  if constexpr (std::is_same_v<OpT, RecurrenceOp>)
    if (succeeded(parser.parseOptionalKeyword("last_is_reset")))
      result.getOrAddProperties<typename OpT::Properties>().setHasReset(
          builder.getUnitAttr());
  if (parseAccesses(parser, "inits", space, inits) ||
      parseAccesses(parser, "histories", space, histories))
    return failure();
  Accesses segments;
  if (succeeded(parser.parseOptionalKeyword("segments")) &&
      (parser.parseLParen() ||
       parser.parseOperand(segments.operands.emplace_back()) ||
       parser.parseColonType(segments.types.emplace_back()) ||
       parser.parseRParen()))
    return failure();
  SmallVector<Attribute> states, outputs;
  if (succeeded(parser.parseOptionalKeyword("states")) &&
      (parser.parseLParen() || parseStrippedList<StateAttr>(parser, states) ||
       parser.parseRParen()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("outs")) &&
      (parser.parseLParen() || parseStrippedList<ResultAttr>(parser, outputs) ||
       parser.parseColonTypeList(result.types) || parser.parseRParen()))
    return failure();
  for (Accesses *group : {&inputs, &inits, &histories, &segments})
    if (parser.resolveOperands(group->operands, group->types,
                               parser.getCurrentLocation(), result.operands))
      return failure();
  auto &properties = result.getOrAddProperties<typename OpT::Properties>();
  llvm::copy(ArrayRef<int32_t>({int32_t(inputs.operands.size()),
                                int32_t(inits.operands.size()),
                                int32_t(histories.operands.size()),
                                int32_t(segments.operands.size())}),
             properties.operandSegmentSizes.begin());
  properties.setSpace(space);
  properties.setInputMaps(builder.getArrayAttr(inputs.maps));
  properties.setInitMaps(builder.getArrayAttr(inits.maps));
  properties.setHistoryMaps(builder.getArrayAttr(histories.maps));
  properties.setInputHistories(builder.getDenseI32ArrayAttr(inputs.histories));
  properties.setStates(builder.getArrayAttr(states));
  properties.setOutputs(builder.getArrayAttr(outputs));
  return parser.parseOptionalAttrDictWithKeyword(result.attributes);
}

template <typename OpT> static void printHead(OpAsmPrinter &printer, OpT op) {
  SpaceAttr space = op.getSpace();
  printer << ' ';
  printer.printStrippedAttrOrType(space);
  printAccesses(printer, "ins", space, op.getInputs(), op.getInputMaps(),
                op.getInputHistories());
  if constexpr (std::is_same_v<OpT, RecurrenceOp>)
    if (op.getHasReset())
      printer << " last_is_reset";
  printAccesses(printer, "inits", space, op.getInits(), op.getInitMaps());
  printAccesses(printer, "histories", space, op.getHistories(),
                op.getHistoryMaps());
  if (Value segments = op.getSegments()) {
    printer.printNewline();
    printer << "    segments(" << segments << " : " << segments.getType()
            << ')';
  }
  auto printList = [&](StringRef keyword, auto range) {
    printer.printNewline();
    printer << "    " << keyword << '(';
    llvm::interleaveComma(range, printer, [&](auto attr) {
      printer.printStrippedAttrOrType(attr);
    });
  };
  if (!op.getStates().empty()) {
    printList("states", op.getStates().template getAsRange<StateAttr>());
    printer << ')';
  }
  if (!op.getOutputs().empty()) {
    printList("outs", op.getOutputs().template getAsRange<ResultAttr>());
    printer << " : " << op.getResultTypes() << ')';
  }
  printer.printOptionalAttrDictWithKeyword(
      op->getAttrs(), {"space", "inputMaps", "initMaps", "historyMaps",
                       "inputHistories", "states", "outputs", "hasReset",
                       "algebra", "jacobian", "operandSegmentSizes"});
  printer << ' ';
}

ParseResult RecurrenceOp::parse(OpAsmParser &parser, OperationState &result) {
  return failure(parseHead<RecurrenceOp>(parser, result) ||
                 parser.parseRegion(*result.addRegion()));
}

void RecurrenceOp::print(OpAsmPrinter &printer) {
  printHead(printer, *this);
  printer.printRegion(getStep());
}

/// Parses a leading stripped algebra and then the common head.
template <typename OpT>
static ParseResult parseAlgebraAndHead(OpAsmParser &parser,
                                       OperationState &result,
                                       AlgebraAttr &algebra) {
  return failure(parser.parseCustomAttributeWithFallback(algebra) ||
                 parseHead<OpT>(parser, result));
}

/// Parses and prints the two regions of a scan or newton.
static ParseResult parseElementsAndReadout(OpAsmParser &parser,
                                           OperationState &result) {
  return failure(parser.parseKeyword("elements") ||
                 parser.parseRegion(*result.addRegion()) ||
                 parser.parseKeyword("readout") ||
                 parser.parseRegion(*result.addRegion()));
}

static void printElementsAndReadout(OpAsmPrinter &printer,
                                    ScanLikeOpInterface op) {
  printer << "elements ";
  printer.printRegion(op.getElements());
  printer << " readout ";
  printer.printRegion(op.getReadout());
}

ParseResult ScanOp::parse(OpAsmParser &parser, OperationState &result) {
  AlgebraAttr algebra;
  if (parseAlgebraAndHead<ScanOp>(parser, result, algebra))
    return failure();
  result.getOrAddProperties<Properties>().setAlgebra(algebra);
  return parseElementsAndReadout(parser, result);
}

void ScanOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printStrippedAttrOrType(getAlgebra());
  printHead(printer, *this);
  printElementsAndReadout(printer, *this);
}

ParseResult NewtonOp::parse(OpAsmParser &parser, OperationState &result) {
  AlgebraAttr jacobian;
  if (parseAlgebraAndHead<NewtonOp>(parser, result, jacobian))
    return failure();
  result.getOrAddProperties<Properties>().setJacobian(jacobian);
  return parseElementsAndReadout(parser, result);
}

void NewtonOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printStrippedAttrOrType(getJacobian());
  printHead(printer, *this);
  printElementsAndReadout(printer, *this);
}

//===----------------------------------------------------------------------===//
// prev, reduce, at
//===----------------------------------------------------------------------===//

/// Parses `name` or an integer constant.
static ParseResult parsePosition(OpAsmParser &parser, Attribute &position) {
  int64_t constant;
  OptionalParseResult parsed = parser.parseOptionalInteger(constant);
  if (parsed.has_value()) {
    position = parser.getBuilder().getI64IntegerAttr(constant);
    return *parsed;
  }
  std::string name;
  if (parser.parseKeywordOrString(&name))
    return failure();
  position = parser.getBuilder().getStringAttr(name);
  return success();
}

static void printPosition(OpAsmPrinter &printer, Attribute position) {
  if (auto name = dyn_cast<StringAttr>(position))
    printer.printKeywordOrString(name.getValue());
  else if (auto constant = dyn_cast<IntegerAttr>(position))
    printer << constant.getInt();
  else
    printer << position;
}

ParseResult PrevOp::parse(OpAsmParser &parser, OperationState &result) {
  std::string state;
  SmallVector<Attribute> indices;
  int64_t lag = 1;
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<Properties>();
  if (parser.parseKeywordOrString(&state))
    return failure();
  bool indexed = false;
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::OptionalSquare,
                                     [&]() {
                                       indexed = true;
                                       return parsePosition(
                                           parser, indices.emplace_back());
                                     }) ||
      (succeeded(parser.parseOptionalKeyword("lag")) &&
       parser.parseInteger(lag)) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonTypeList(result.types))
    return failure();
  properties.setState(builder.getStringAttr(state));
  properties.setLag(builder.getI64IntegerAttr(lag));
  if (indexed)
    properties.setIndices(builder.getArrayAttr(indices));
  return success();
}

void PrevOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printKeywordOrString(getState());
  if (std::optional<ArrayAttr> indices = getIndices()) {
    printer << '[';
    llvm::interleaveComma(*indices, printer, [&](Attribute position) {
      printPosition(printer, position);
    });
    printer << ']';
  }
  if (getLag() != 1)
    printer << " lag " << getLag();
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"state", "lag", "indices"});
  printer << " : " << getType();
}

ParseResult ReduceOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  SmallVector<Attribute> dims;
  OpAsmParser::UnresolvedOperand operand;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<ReductionKind> kind = symbolizeReductionKind(keyword);
  if (!kind)
    return parser.emitError(loc, "expected a reduction (sum, max, min, "
                                 "logsumexp), found '")
           << keyword << "'";
  if (parser.parseKeyword("over") ||
      parser.parseCommaSeparatedList(
          OpAsmParser::Delimiter::Square,
          [&]() { return parsePosition(parser, dims.emplace_back()); }) ||
      parser.parseOperand(operand) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(operand, type, result.operands))
    return failure();
  auto &properties = result.getOrAddProperties<Properties>();
  properties.setKind(ReductionKindAttr::get(parser.getContext(), *kind));
  properties.setDims(parser.getBuilder().getArrayAttr(dims));
  result.addTypes(type);
  return success();
}

void ReduceOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyReductionKind(getKind()) << " over [";
  llvm::interleaveComma(getDims(), printer,
                        [&](Attribute dim) { printPosition(printer, dim); });
  printer << "] " << getOperand();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"kind", "dims"});
  printer << " : " << getType();
}

ParseResult AtOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand operand;
  SmallVector<Attribute> from, to;
  Type type;
  if (parser.parseOperand(operand) ||
      parser.parseCommaSeparatedList(
          OpAsmParser::Delimiter::Square,
          [&]() -> ParseResult {
            return failure(parsePosition(parser, from.emplace_back()) ||
                           parser.parseArrow() ||
                           parsePosition(parser, to.emplace_back()));
          }) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(operand, type, result.operands))
    return failure();
  auto &properties = result.getOrAddProperties<Properties>();
  properties.setFrom(parser.getBuilder().getArrayAttr(from));
  properties.setTo(parser.getBuilder().getArrayAttr(to));
  result.addTypes(type);
  return success();
}

void AtOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getOperand() << " [";
  llvm::interleaveComma(llvm::zip(getFrom(), getTo()), printer, [&](auto pair) {
    printPosition(printer, std::get<0>(pair));
    printer << " -> ";
    printPosition(printer, std::get<1>(pair));
  });
  printer << ']';
  printer.printOptionalAttrDict((*this)->getAttrs(), {"from", "to"});
  printer << " : " << getType();
}

ParseResult SameOp::parse(OpAsmParser &parser, OperationState &result) {
  std::string first, second;
  if (parser.parseKeywordOrString(&first) || parser.parseComma() ||
      parser.parseKeywordOrString(&second) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<Properties>();
  properties.setFirst(builder.getStringAttr(first));
  properties.setSecond(builder.getStringAttr(second));
  result.addTypes(builder.getI1Type());
  return success();
}

void SameOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printKeywordOrString(getFirst());
  printer << ", ";
  printer.printKeywordOrString(getSecond());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"first", "second"});
}
