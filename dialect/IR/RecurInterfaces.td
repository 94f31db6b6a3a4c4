//===-- RecurInterfaces.td - what passes ask of ops --------*- tablegen -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Op interfaces: the common shape of recurrence, scan and newton, what kernels
// are made from, and the knowledge about a scalar operation of a step.

#ifndef RECUR_INTERFACES_TD
#define RECUR_INTERFACES_TD

include "mlir/IR/OpBase.td"

def RecurrenceOpInterface : OpInterface<"RecurrenceOpInterface"> {
  let cppNamespace = "::recur";
  let description = [{
    What `recur.recurrence`, `recur.scan` and `recur.newton` have in common:
    tensors read through maps, states, results, an index space.
  }];
  let methods = [
    InterfaceMethod<"The index space.", "::recur::SpaceAttr", "getSpace">,
    InterfaceMethod<"One tensor for each access of the step.", "::mlir::OperandRange", "getInputs">,
    InterfaceMethod<"Tensors that hold start values.", "::mlir::OperandRange", "getInits">,
    InterfaceMethod<"Values of lagged inputs before the start.", "::mlir::OperandRange", "getHistories">,
    InterfaceMethod<"Cumulative lengths of packed sequences, or null.",
                    "::mlir::TypedValue<::mlir::RankedTensorType>", "getSegments">,
    InterfaceMethod<"Maps from the space to each input.", "::mlir::ArrayAttr", "getInputMaps">,
    InterfaceMethod<"Maps from the space to each init.", "::mlir::ArrayAttr", "getInitMaps">,
    InterfaceMethod<"Maps from the space to each history.", "::mlir::ArrayAttr", "getHistoryMaps">,
    InterfaceMethod<"For each input the number of its history, or -1.",
                    "::llvm::ArrayRef<int32_t>", "getInputHistories">,
    InterfaceMethod<"The states.", "::mlir::ArrayAttr", "getStates">,
    InterfaceMethod<"The results.", "::mlir::ArrayAttr", "getOutputs">,
    InterfaceMethod<"By the name of a state the number of the input that guesses it.",
                    "::std::optional<::mlir::DictionaryAttr>", "getGuesses", (ins), [{}],
                    [{ return ::std::nullopt; }]>,
  ];
  let extraSharedClassDeclaration = [{
    ::mlir::AffineMap getInputMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>($_op.getInputMaps()[i]).getValue();
    }
    ::mlir::AffineMap getInitMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>($_op.getInitMaps()[i]).getValue();
    }
    ::mlir::AffineMap getHistoryMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>($_op.getHistoryMaps()[i]).getValue();
    }
    unsigned getNumStates() { return $_op.getStates().size(); }
    ::recur::StateAttr getState(unsigned i) {
      return ::llvm::cast<::recur::StateAttr>($_op.getStates()[i]);
    }
    /// Position of the state called `name`, or -1.
    int findState(::llvm::StringRef name) {
      for (unsigned i = 0; i < getNumStates(); ++i)
        if (getState(i).getName().getValue() == name)
          return i;
      return -1;
    }
    /// The result attribute of SSA result `i`.
    ::recur::ResultAttr getOutput(unsigned i) {
      return ::llvm::cast<::recur::ResultAttr>($_op.getOutputs()[i]);
    }
    /// The input that holds a guess of state `i`, or -1.
    int getGuess(unsigned i) {
      ::std::optional<::mlir::DictionaryAttr> all = $_op.getGuesses();
      auto number = all ? all->getAs<::mlir::IntegerAttr>(getState(i).getName()) : ::mlir::IntegerAttr();
      return number ? int(number.getInt()) : -1;
    }
    /// Whether input `i` holds a guess of some state.
    bool isGuess(unsigned i) {
      for (unsigned state = 0; state < getNumStates(); ++state)
        if (getGuess(state) == int(i))
          return true;
      return false;
    }
    /// The lag of input `i` (0: not lagged; -1: does not vary over time).
    int64_t getInputLag(unsigned i) {
      return ::recur::getTimeLag(getInputMap(i), $_op.getSpace());
    }
  }];
}

def ScanLikeOpInterface : OpInterface<"ScanLikeOpInterface", [RecurrenceOpInterface]> {
  let cppNamespace = "::recur";
  let description = [{
    What `recur.scan` and `recur.newton` have in common, and kernels are made
    from: a step taken apart into `elements`, from which the new states follow,
    and `readout`, which computes the outputs. The elements of a scan are those
    of an affine map of the states; the elements of a newton take the states one
    step ago as arguments behind the inputs, and are the Jacobian and the new
    states themselves.
  }];
  let methods = [
    InterfaceMethod<"Semiring and structure of the map, or of its Jacobian.", "::recur::AlgebraAttr", "getAlgebra">,
    InterfaceMethod<"The region that yields the map of a step.", "::mlir::Region &", "getElements">,
    InterfaceMethod<"The region that yields the outputs.", "::mlir::Region &", "getReadout">,
    InterfaceMethod<"Row and column dim of a block over a dim pair.",
                    "::std::optional<::mlir::ArrayAttr>", "getBlockDims">,
    InterfaceMethod<"The schedules it is compiled with.", "::std::optional<::mlir::ArrayAttr>", "getSchedules">,
    InterfaceMethod<"Sets the schedules.", "void", "setSchedulesAttr", (ins "::mlir::ArrayAttr":$schedules)>,
    InterfaceMethod<"Earlier values of each state that `readout` gets.", "unsigned", "getReadLags">,
    InterfaceMethod<"Whether the elements are those of an affine map.", "bool", "isAffine">,
  ];
}

def StepOpInterface : OpInterface<"StepOpInterface"> {
  let cppNamespace = "::recur";
  let description = [{
    Knowledge about one scalar operation of a step, for arith, math, complex
    and recur ops. Analyses ask the op; they never switch on its name. A null
    tangent or operand stands for an exact zero. The models of ops of other
    dialects are registered by `registerStepModels`.
  }];
  let methods = [
    InterfaceMethod<[{
        The derivative of the op's one result in the direction of the operands'
        `tangents` (one for each operand; null: zero). Returns null if it is
        zero, failure if the op has no derivative.
      }],
      "::mlir::FailureOr<::mlir::Value>", "pushforward",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands,
           "::llvm::ArrayRef<::mlir::Value>":$tangents), [{}],
      [{ return ::mlir::FailureOr<::mlir::Value>(::mlir::Value()); }]>,
    InterfaceMethod<[{
        Rebuilds the op on `operands`, of which a null one is exactly zero.
        Returns null if the result is exactly zero too.
      }],
      "::mlir::FailureOr<::mlir::Value>", "evaluateWithZeros",
      (ins "::mlir::OpBuilder &":$builder, "::llvm::ArrayRef<::mlir::Value>":$operands), [{}],
      [{ return ::recur::cloneWithZeros($_op, builder, operands); }]>,
    InterfaceMethod<"Arithmetic operations of one evaluation.", "::recur::OpCost", "getCost", (ins),
      [{}], [{ return ::recur::OpCost{1.0, 0.0}; }]>,
    InterfaceMethod<"Whether the op is the sum (+) of the semiring.", "bool", "isSemiringSum",
      (ins "::recur::Semiring":$semiring), [{}], [{ return false; }]>,
    InterfaceMethod<"Whether the op is the product (x) of the semiring.", "bool", "isSemiringProduct",
      (ins "::recur::Semiring":$semiring), [{}], [{ return false; }]>,
    InterfaceMethod<[{
        Whether the derivative of a complex op is the multiplication by a complex
        number. Otherwise its `pushforward` is linear over the reals only.
      }],
      "bool", "isHolomorphic", (ins), [{}], [{ return true; }]>,
    InterfaceMethod<[{
        How a spec writes the op: an infix operator, a function's name, or
        nothing for an op that a spec does not show (a conversion).
      }],
      "std::string", "getSpelling", (ins), [{}],
      [{ return $_op->getName().stripDialect().str(); }]>,
  ];
}

#endif // RECUR_INTERFACES_TD
