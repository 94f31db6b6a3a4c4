//===-- RecurAttributes.cpp - syntax and checks of attributes -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Parsing, printing and verification of the dialect's attributes.
//===----------------------------------------------------------------------===//

#include "dialect/IR/Recur.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace recur;

#define GET_ATTRDEF_CLASSES
#include "dialect/IR/RecurAttributes.cpp.inc"

void RecurDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/IR/RecurAttributes.cpp.inc"
      >();
}

static ParseResult parseName(AsmParser &parser, StringAttr &name) {
  std::string text;
  if (parser.parseKeywordOrString(&text))
    return failure();
  name = StringAttr::get(parser.getContext(), text);
  return success();
}

static void printNames(AsmPrinter &printer, ArrayRef<StringAttr> names) {
  printer << '[';
  llvm::interleaveComma(names, printer, [&](StringAttr name) {
    printer.printKeywordOrString(name.getValue());
  });
  printer << ']';
}

static ParseResult parseNames(AsmParser &parser,
                              SmallVectorImpl<StringAttr> &names) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    return parseName(parser, names.emplace_back());
  });
}

//===----------------------------------------------------------------------===//
// SpaceAttr
//===----------------------------------------------------------------------===//

int SpaceAttr::find(StringRef name) const {
  for (auto [i, dim] : llvm::enumerate(getNames()))
    if (dim.getValue() == name)
      return i;
  return -1;
}

Attribute SpaceAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes;
  StringAttr time, segment;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square,
          [&]() -> ParseResult {
            int64_t size = ShapedType::kDynamic;
            if (parseName(parser, names.emplace_back()))
              return failure();
            if (succeeded(parser.parseOptionalEqual()) &&
                parser.parseInteger(size))
              return failure();
            sizes.push_back(size);
            return success();
          }) ||
      parser.parseKeyword("over") || parseName(parser, time))
    return {};
  bool reverse = succeeded(parser.parseOptionalKeyword("reverse"));
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("segments") || parseName(parser, segment)))
    return {};
  if (parser.parseGreater())
    return {};
  auto position = [&](StringAttr name) -> int {
    auto *it = llvm::find(names, name);
    return it == names.end() ? -1 : it - names.begin();
  };
  if (position(time) < 0 || (segment && position(segment) < 0)) {
    parser.emitError(loc, "expected time and segments to be dims of the space");
    return {};
  }
  return parser.getChecked<SpaceAttr>(loc, parser.getContext(), names, sizes,
                                      unsigned(position(time)), reverse,
                                      segment ? position(segment) : -1);
}

void SpaceAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(llvm::seq<unsigned>(0, getRank()), printer,
                        [&](unsigned i) {
                          printer.printKeywordOrString(getName(i));
                          if (isStatic(i))
                            printer << " = " << getSizes()[i];
                        });
  printer << "] over ";
  printer.printKeywordOrString(getName(getTime()));
  if (getReverse())
    printer << " reverse";
  if (getSegment() >= 0) {
    printer << ", segments ";
    printer.printKeywordOrString(getName(getSegment()));
  }
  printer << '>';
}

LogicalResult SpaceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<StringAttr> names,
                                ArrayRef<int64_t> sizes, unsigned time,
                                bool reverse, int segment) {
  // (I1)
  if (names.size() != sizes.size())
    return emitError() << "expected as many sizes as dims, found "
                       << sizes.size() << " for " << names.size();
  for (auto [name, size] : llvm::zip(names, sizes))
    if (!ShapedType::isDynamic(size) && size < 0)
      return emitError() << "expected dim '" << name.getValue()
                         << "' to have a size of at least 0, found " << size;
  // (I2)
  llvm::SmallPtrSet<Attribute, 8> seen;
  for (StringAttr name : names) {
    if (name.empty())
      return emitError() << "expected every dim to have a name";
    if (!seen.insert(name).second)
      return emitError() << "dim '" << name.getValue() << "' occurs twice";
  }
  // (I3)
  if (time >= names.size() || segment >= int(names.size()) ||
      segment == int(time))
    return emitError() << "expected time and segments to be different dims";
  // (I4)
  if (!ShapedType::isDynamic(sizes[time]) ||
      (segment >= 0 && !ShapedType::isDynamic(sizes[segment])))
    return emitError() << "expected time and segments to have dynamic sizes";
  return success();
}

//===----------------------------------------------------------------------===//
// StateAttr
//===----------------------------------------------------------------------===//

int StateAttr::getInitOperand(Attribute start) {
  auto number = dyn_cast<IntegerAttr>(start);
  return number && number.getType().isIndex() ? number.getInt() : -1;
}

Attribute StateAttr::parse(AsmParser &parser, Type) {
  StringAttr name;
  SmallVector<StringAttr> dims;
  SmallVector<Attribute> starts;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseName(parser, name) ||
      parseNames(parser, dims) || parser.parseColonType(type) ||
      parser.parseEqual())
    return {};
  do {
    if (succeeded(parser.parseOptionalKeyword("init"))) {
      int64_t number;
      if (parser.parseInteger(number))
        return {};
      starts.push_back(
          IntegerAttr::get(IndexType::get(parser.getContext()), number));
    } else if (parser.parseAttribute(starts.emplace_back(),
                                     isa<FloatType>(type) ? type : Type())) {
      return {};
    }
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseGreater())
    return {};
  return parser.getChecked<StateAttr>(loc, parser.getContext(), name, dims,
                                      type, starts);
}

void StateAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printKeywordOrString(getName().getValue());
  printNames(printer, getDims());
  printer << " : " << getType() << " = ";
  llvm::interleaveComma(getStarts(), printer, [&](Attribute start) {
    if (int init = getInitOperand(start); init >= 0)
      printer << "init " << init;
    else if (isa<FloatType>(getType()))
      printer.printAttributeWithoutType(start);
    else
      printer.printAttribute(start);
  });
  printer << '>';
}

bool recur::isElementType(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return isa<FloatType>(complex.getElementType());
  return isa<FloatType>(type) || type.isSignlessInteger();
}

LogicalResult StateAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                StringAttr name, ArrayRef<StringAttr> dims,
                                Type type, ArrayRef<Attribute> starts) {
  // (H1)
  if (!isElementType(type))
    return emitError() << "expected state '" << name.getValue()
                       << "' to be a float, a signless integer or a complex "
                          "number, found "
                       << type;
  // (H2)
  if (starts.empty())
    return emitError() << "expected a start value for state '"
                       << name.getValue() << "'";
  // (H3)
  for (Attribute start : starts) {
    if (auto number = dyn_cast<IntegerAttr>(start);
        number && number.getType().isIndex()) {
      if (!llvm::isUInt<31>(number.getInt()))
        return emitError() << "expected the number of an init for state '"
                           << name.getValue() << "', found " << number.getInt();
      continue;
    }
    // A complex start is a pair [re, im] of literals of the element type.
    if (auto complex = dyn_cast<ComplexType>(type)) {
      auto pair = dyn_cast<ArrayAttr>(start);
      if (pair && pair.size() == 2 && llvm::all_of(pair, [&](Attribute part) {
            auto literal = dyn_cast<FloatAttr>(part);
            return literal && literal.getType() == complex.getElementType();
          }))
        continue;
    } else if (auto typed = dyn_cast<TypedAttr>(start);
               isa<FloatAttr, IntegerAttr>(start) && typed.getType() == type) {
      continue;
    }
    return emitError() << "expected the start of state '" << name.getValue()
                       << "' to be a literal of type " << type << ", found "
                       << start;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// ResultAttr
//===----------------------------------------------------------------------===//

Attribute ResultAttr::parse(AsmParser &parser, Type) {
  StringAttr name, state;
  SmallVector<StringAttr> dims;
  unsigned lag = 1;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseName(parser, name) || parseNames(parser, dims))
    return {};
  if (succeeded(parser.parseOptionalKeyword("final"))) {
    if (parseName(parser, state))
      return {};
    if (succeeded(parser.parseOptionalKeyword("lag")) &&
        parser.parseInteger(lag))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ResultAttr>(loc, parser.getContext(), name, dims,
                                       state, lag);
}

void ResultAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printKeywordOrString(getName().getValue());
  printNames(printer, getDims());
  if (isFinal()) {
    printer << " final ";
    printer.printKeywordOrString(getFinalState().getValue());
    if (getLag() != 1)
      printer << " lag " << getLag();
  }
  printer << '>';
}

LogicalResult ResultAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringAttr name, ArrayRef<StringAttr> dims,
                                 StringAttr finalState, unsigned lag) {
  // (O1)
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (StringAttr dim : dims)
    if (!seen.insert(dim).second)
      return emitError() << "result '" << name.getValue() << "' has index '"
                         << dim.getValue() << "' twice";
  // (O2)
  if (finalState ? lag < 1 : lag != 1)
    return emitError() << "expected the lag of result '" << name.getValue()
                       << "' to be " << (finalState ? "at least 1" : "1")
                       << ", found " << lag;
  return success();
}

//===----------------------------------------------------------------------===//
// AlgebraAttr
//===----------------------------------------------------------------------===//

Attribute AlgebraAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  int64_t order = 1;
  Semiring semiring = Semiring::PlusTimes;
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  std::optional<Structure> structure = symbolizeStructure(keyword);
  if (!structure) {
    parser.emitError(loc, "expected a structure (diagonal, block, companion, "
                          "outer_product), found '")
        << keyword << "'";
    return {};
  }
  OptionalParseResult parsed = parser.parseOptionalInteger(order);
  if (parsed.has_value() && failed(*parsed))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword(&keyword))
      return {};
    std::optional<Semiring> found = symbolizeSemiring(keyword);
    if (!found) {
      parser.emitError(loc, "expected a semiring (plus_times, max_plus, "
                            "min_plus, log_sum_exp, or_and), found '")
          << keyword << "'";
      return {};
    }
    semiring = *found;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<AlgebraAttr>(loc, parser.getContext(), *structure,
                                        order, semiring);
}

void AlgebraAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyStructure(getStructure());
  if (getOrder() != 1)
    printer << ' ' << getOrder();
  if (getSemiring() != Semiring::PlusTimes)
    printer << ", " << stringifySemiring(getSemiring());
  printer << '>';
}

LogicalResult AlgebraAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Structure structure, int64_t order,
                                  Semiring) {
  // (A1)
  bool wide = structure == Structure::Block ||
              structure == Structure::Companion ||
              structure == Structure::Monoid;
  if (wide ? order < 1 || order > 1024 : order != 1)
    return emitError() << "expected " << stringifyStructure(structure)
                       << " to have an order of " << (wide ? "1 to 1024" : "1")
                       << ", found " << order;
  return success();
}

//===----------------------------------------------------------------------===//
// ScheduleAttr
//===----------------------------------------------------------------------===//

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   StringRef target, StringRef algorithm,
                                   StringRef lanes, int64_t width, bool,
                                   int64_t segment, int64_t steps,
                                   int64_t group, int64_t chunks, int64_t warps,
                                   int64_t stages) {
  // (C1)
  if (target.empty() || lanes.empty())
    return emitError() << "expected a schedule to name its target and lanes";
  // (C2)
  bool tiled = algorithm == "tile" || algorithm == "lookback" ||
               algorithm == "wave" || algorithm == "newton";
  bool splits = algorithm == "split";
  if (algorithm != "segments" && algorithm != "serial" &&
      algorithm != "shooting" && !tiled && !splits)
    return emitError() << "expected algorithm 'segments', 'serial', 'shooting', "
                          "'tile', 'lookback', 'wave', 'newton' or 'split', "
                          "found '"
                       << algorithm << "'";
  // (C3)
  if (width < 1 || width > 1024)
    return emitError() << "expected a width of 1 to 1024, found " << width;
  // (C4)
  if (segment < 0)
    return emitError() << "expected a segment of at least 0, found " << segment;
  // (C5)
  if (splits && (group < 1 || 32 % group != 0))
    return emitError() << "expected a group that divides 32, found " << group;
  if (!tiled && (steps || (group && !splits) || chunks || warps))
    return emitError() << "expected no steps, group, chunks and warps with "
                          "algorithm '"
                       << algorithm << "'";
  if (tiled &&
      (steps < 1 || steps > 64 || group < 1 || 32 % group != 0 || chunks < 1 ||
       chunks > 64 || warps < 1 || warps > 32 || (chunks > 1 && group > 1)))
    return emitError() << "expected 1 to 64 steps, a group that divides 32, 1 "
                          "to 64 chunks (1 with a group) and 1 to 32 warps, "
                          "found "
                       << steps << ", " << group << ", " << chunks << " and "
                       << warps;
  if (algorithm == "newton" && 32 * warps < 2 * group)
    return emitError() << "expected at least 2 segments of 'warps' warps of "
                          "'group' channels with algorithm 'newton', found "
                       << warps << " and " << group;
  // (C6)
  int64_t most = algorithm == "lookback" ? 1 : algorithm == "tile" ? 8 : 0;
  if (stages < 0 || stages > most)
    return emitError() << "expected 0 stages, up to 1 with algorithm "
                          "'lookback' or up to 8 with 'tile', found "
                       << stages << " with algorithm '" << algorithm << "'";
  return success();
}
