//===-- RecurOps.td - recurrences, scans and step operations -*- tablegen -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// The ops of the recur dialect.

#ifndef RECUR_OPS_TD
#define RECUR_OPS_TD

include "RecurAttributes.td"
include "RecurInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Recur_Op<string mnemonic, list<Trait> traits = []>
    : Op<RecurDialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Monoids that a user declares
//===----------------------------------------------------------------------===//

def Recur_MonoidOp : Recur_Op<"monoid", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "an associative operator on tuples of numbers";
  let description = [{
    The names of a tuple's members, the tuple that is neutral on both sides, and `combine`, which yields the members of
    p o q from those of p (earlier in time) and then those of q. `domain` says which tuples are elements; without
    it all are. `recur-classify` tests the neutral element and associativity on elements drawn at random.

    ```mlir
    recur.monoid @argmax ["v", "i"] identity [0xFF800000 : f32, -1.0 : f32] combine {
    ^bb0(%pv: f32, %pi: f32, %qv: f32, %qi: f32):
      %0 = arith.cmpf ogt, %qv, %pv : f32
      %1 = arith.select %0, %qv, %pv : f32
      %2 = arith.select %0, %qi, %pi : f32
      recur.yield %1, %2 : f32, f32
    }
    ```
    Constraints:
    - (M1) there is at least one member; their names are distinct.
    - (M2) the neutral element has a number for each member, all of one type, f32 or f64.
    - (M3) `combine` takes two tuples of that type and yields one.
    - (M4) `domain` is empty, or takes one tuple and yields an i1.
    - (M5) the ops of both regions are arithmetic on the members: they have no regions and no side effects, and are none
      of `recur.prev`, `recur.reduce`, `recur.at` and `recur.combine`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$members, ArrayAttr:$identity);
  let regions = (region AnyRegion:$domain, SizedRegion<1>:$combine);
  let assemblyFormat = [{
    $sym_name $members `identity` $identity (`where` $domain^)? `combine` $combine attr-dict-with-keyword
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumMembers() { return getMembers().size(); }
    ::llvm::StringRef getMember(unsigned i) { return ::llvm::cast<::mlir::StringAttr>(getMembers()[i]).getValue(); }
    /// The type of all members.
    ::mlir::Type getType() { return ::llvm::cast<::mlir::FloatAttr>(getIdentity()[0]).getType(); }
    double getNeutral(unsigned i) { return ::llvm::cast<::mlir::FloatAttr>(getIdentity()[i]).getValueAsDouble(); }
  }];
}

//===----------------------------------------------------------------------===//
// Recurrences over time
//===----------------------------------------------------------------------===//

class Recur_RecurrenceLikeOp<string mnemonic, list<Trait> traits = []>
    : Recur_Op<mnemonic, traits # [
        Pure, IsolatedFromAbove, AttrSizedOperandSegments,
        DeclareOpInterfaceMethods<RecurrenceOpInterface>]> {
  dag commonArguments = (ins
    Variadic<AnyRankedTensor>:$inputs,
    Variadic<AnyRankedTensor>:$inits,
    Variadic<AnyRankedTensor>:$histories,
    Optional<AnyRankedTensor>:$segments,
    Recur_SpaceAttr:$space,
    ArrayAttr:$inputMaps,
    ArrayAttr:$initMaps,
    ArrayAttr:$historyMaps,
    DenseI32ArrayAttr:$inputHistories,
    ArrayAttr:$states,
    ArrayAttr:$outputs
  );
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def Recur_RecurrenceOp : Recur_RecurrenceLikeOp<"recurrence", [SingleBlock]> {
  let summary = "one time step of a recurrence, as the user wrote it";
  let description = [{
    Runs the `step` region for every time and every point of the space. Block
    arguments are the elements of the inputs at the points that their maps name,
    one for each access, and then, if there is a `reset` tensor, its element.
    `recur.prev` reads the states of earlier steps. The region yields the new value of each state and then
    the outputs that are not final states.

    Where the element of `reset` is not zero, the states go back to their start
    values before that step. An input with a lag reads `history` (or zero) before
    the start of the sequence.

    ```mlir
    %y, %last = recur.recurrence <[b, t, d] over t>
        ins(%a[b, t, d], %x[b, t, d] : tensor<?x?x?xf32>, tensor<?x?x?xf32>)
        states(h[b, d] : f32 = 0.0)
        outs(y[b, t, d], last[b, d] final h : tensor<?x?x?xf32>, tensor<?x?xf32>) {
    ^bb0(%a0: f32, %x0: f32):
      %h = recur.prev h : f32
      %0 = arith.mulf %a0, %h : f32
      %1 = arith.addf %0, %x0 : f32
      recur.yield %1, %1 : f32, f32
    }
    ```
    The reset tensor is the last of the inputs; `has_reset` says that it is there.

    Constraints:
    - (R1) one map for each input, init and history; each has one result for each dim of the tensor and the space's rank as dims.
    - (R2) the maps use dims plainly, shifted by a constant, divided or taken modulo a positive constant, or are constant; time may only be `t` or `t - k` with k >= 0, and once.
    - (R3) inits and histories do not vary over time; the segment dim occurs only in inits, in final results and
      in inputs of a scan (starts that a reset brings back).
    - (R4) block arguments have the element types of the inputs.
    - (R5) a state's dims are distinct dims of the space without time and segments; names are distinct.
    - (R6) a start is a literal of the state's type, or the number of an init operand of that element type.
    - (R7) `inputHistories` has an entry for each input: -1, or the number of a history of the same element type, only for a lagged input.
    - (R8) the results match `outputs`: number, rank, static sizes; their names are distinct; those that are not final have the time index, which final ones lack.
    - (R9) the terminator yields each state's type, then the element type of each output that is not final.
    - (R10) a yielded value varies only over the dims of its state or output.
    - (R11) segments is a rank-1 tensor of i32 or i64, present exactly when the space has a segment dim.
    - (R12) static tensor sizes agree with static sizes of the space, and constant indices with static sizes.
    - (R13) a final result has the element type and the dims of a state, and the segment dim if there is one; its lag has a start value.
    - (R14) a history has the rank of its input, with K - k of its K steps as the constant index in the place of time, k being the input's lag; or one dim less, if the lag is 1.
    - (R15) the reset tensor is real, read at time t, and varies only over dims that every state has.
    - (R16) tensors hold floats, signless integers or complex numbers of floats.
    - (R17) the ops of a region have no regions and no side effects.
    - (R18) `guesses` has, by the name of a state, the number of an input of floats (not the reset) that is read plainly at
      the state's dims and, with a lag, at time: what the state is believed to be as many steps ago. No result depends on it.
  }];
  let arguments = !con(commonArguments, (ins OptionalAttr<DictionaryAttr>:$guesses, UnitAttr:$hasReset));
  let regions = (region SizedRegion<1>:$step);
}

def Recur_ScanOp : Recur_RecurrenceLikeOp<"scan", [
    SingleBlock, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<ScanLikeOpInterface, ["getReadLags", "isAffine"]>]> {
  let summary = "a recurrence that is affine over an algebra";
  let description = [{
    h_t = a_t (x) h_{t-1} (+) b_t over `algebra`. The `elements` region
    computes a and b from the inputs alone (Martin and Cundy 2018, eq. 5;
    Blelloch 1990, section 1.4); the `readout` region computes the outputs from the
    inputs, the states one step ago and the new states.

    What `elements` yields depends on the structure:
    - diagonal, outer_product: a, b for each state in turn;
    - companion k: a_1 ... a_k, b, for the one state;
    - block k over a dim pair `blockDims = ["i", "j"]`: a (varying over i and j), b (over i);
    - block k of k states: a_11, a_12, ..., a_kk, then b_1 ... b_k;
    - monoid k: the element's k members, one for each of the k states, and then, if steps may start
      anew (a reset), a number that is 1 where the element is combined with the states before it
      and 0 where it replaces them.

    Where the other structures start anew (a reset), a is the zero of the algebra and b has the start in it. Then one
    more value, an i1, says whether they do: zero times a state that is infinite or no number would be no number.

    The operator of a monoid is that of `monoid`, a `recur.monoid`: h_t = h_{t-1} o e_t, or with `prepends`
    h_t = e_t o h_{t-1}.

    Arguments of `readout`: the inputs, then for every state its value one step ago (companion k: 1 to k
    steps ago) and its new value.

    Constraints:
    - (S1) everything numbered (R1) to (R8), (R11) to (R14), (R16), (R17) of `recur.recurrence`.
    - (S2) `elements` yields the number of values its structure asks for, of the states' types.
    - (S3) `readout` yields the element type of each output that is not final.
    - (S4) a yielded value varies only over the dims of its state or output (block: and the column dim).
    - (S5) neither region contains `recur.prev`.
    - (S6) every schedule is a #recur.schedule, its lanes a dim other than segments.
    - (S7) `blockDims` is a pair of dims of which the one state has the first and lacks the second.
    - (S8) `monoid` is there exactly for the structure monoid, and names a `recur.monoid` with as many members as the
      scan has states, all of its type and with the same dims.
    - (S9) the i1 that says where states start anew varies only over dims that all of them have.
  }];
  let arguments = !con((ins Recur_AlgebraAttr:$algebra), commonArguments,
    (ins OptionalAttr<StrArrayAttr>:$blockDims, OptionalAttr<ArrayAttr>:$schedules,
         OptionalAttr<FlatSymbolRefAttr>:$monoid, UnitAttr:$prepends));

  let regions = (region SizedRegion<1>:$elements, SizedRegion<1>:$readout);
  let extraClassDeclaration = [{
    /// The operator of a scan over a monoid.
    ::recur::MonoidOp getMonoidOp();
  }];
}

def Recur_NewtonOp : Recur_RecurrenceLikeOp<"newton", [
    SingleBlock, DeclareOpInterfaceMethods<ScanLikeOpInterface, ["getAlgebra", "getReadLags", "isAffine"]>]> {
  let summary = "a recurrence that is not affine, with the derivative of its step";
  let description = [{
    h_t = f(h_{t-1}, x_t), and J = df/dh_{t-1} of the structure `jacobian`. Newton's
    method solves for all h_t at once: it repeats the linear recurrence of
    corrections d_t = J_t d_{t-1} + f(h_{t-1}, x_t) - h_t until they are under `tolerance`
    (Lim et al. 2023, DEER). One step after the other needs f alone.

    The `elements` region has the inputs as arguments and then each state one step
    ago; it yields what the elements of a `recur.scan` of this structure
    are, with J in the place of a and f in the place of b. J shares what it can with
    f. The `readout` region is that of a `recur.scan`.

    ```mlir
    %y = recur.newton <diagonal> <[t] over t>
        ins(%x[t] : tensor<?xf32>)
        states(<h[] : f32 = 0.0>)
        outs(<y[t]> : tensor<?xf32>)
        attributes {maxIterations = 16 : i64, tolerance = 1.0e-5 : f64} elements {
    ^bb0(%x0: f32, %h: f32):
      %0 = arith.addf %h, %x0 : f32
      %f = math.tanh %0 : f32
      %one = arith.constant 1.0 : f32
      %1 = arith.mulf %f, %f : f32
      %J = arith.subf %one, %1 : f32
      recur.yield %J, %f : f32, f32
    } readout {
    ^bb0(%x0: f32, %before: f32, %now: f32):
      recur.yield %now : f32
    }
    ```
    Constraints:
    - (N1) everything numbered (S1), (S3) to (S7) of `recur.scan`, and (R18) of `recur.recurrence`.
    - (N2) the Jacobian is one over the reals, diagonal or a block, of states that are f32 or f64.
    - (N3) `tolerance`, relative to the largest size that the state has had, is at least the resolution of the states' types, and `maxIterations` at least 1.
    - (N4) `elements` has the states one step ago as arguments behind the inputs, and yields J and f as its structure asks.
  }];
  let arguments = !con((ins Recur_AlgebraAttr:$jacobian), commonArguments,
    (ins OptionalAttr<StrArrayAttr>:$blockDims, F64Attr:$tolerance, I64Attr:$maxIterations,
         OptionalAttr<DictionaryAttr>:$guesses, OptionalAttr<ArrayAttr>:$schedules));
  let regions = (region SizedRegion<1>:$elements, SizedRegion<1>:$readout);
}

//===----------------------------------------------------------------------===//
// Inside a step
//===----------------------------------------------------------------------===//

def Recur_YieldOp : Recur_Op<"yield", [Pure, Terminator,
    ParentOneOf<["RecurrenceOp", "ScanOp", "NewtonOp", "MonoidOp"]>]> {
  let summary = "the values that a region hands to its recurrence";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Recur_PrevOp : Recur_Op<"prev", [Pure,
    DeclareOpInterfaceMethods<StepOpInterface, ["getCost"]>]> {
  let summary = "a state, one or more steps ago";
  let description = [{
    Without `indices` the state at its own dims; with them, each a dim's name or a
    constant position, in the order of the state's dims.

    ```mlir
    %h1 = recur.prev h : f32
    %y2 = recur.prev y lag 2 : f32
    %hj = recur.prev h[b, d, j] : f32
    ```
    Constraints: (P1) the state exists and has the result's type; (P2) the lag is at least 1 and has a start value; (P3) the indices are dims of the
    space (not time, not segments) or constants within theirs, as many as the state has dims.
  }];
  let arguments = (ins StrAttr:$state, DefaultValuedAttr<I64Attr, "1">:$lag,
                       OptionalAttr<ArrayAttr>:$indices);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Recur_CombineOp : Recur_Op<"combine", [Pure, AttrSizedOperandSegments, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<StepOpInterface, ["getCost", "getSpelling"]>]> {
  let summary = "one member of two tuples combined by a monoid";
  let description = [{
    ```mlir
    %v = recur.combine @argmax[0](%p0, %p1)(%q0, %q1) : f32
    ```
    Constraints: (B1) the symbol is a `recur.monoid` of the result's type; (B2) both tuples have as many members as it;
    (B3) the member is one of them.
  }];
  let arguments = (ins FlatSymbolRefAttr:$monoid, I64Attr:$member,
                       Variadic<AnyFloat>:$earlier, Variadic<AnyFloat>:$later);
  let results = (outs AnyFloat:$result);
  let hasCustomAssemblyFormat = 1;
}

def Recur_ReductionKind : I32EnumAttr<"ReductionKind", "a reduction", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">,
    I32EnumAttrCase<"Min", 2, "min">, I32EnumAttrCase<"LogSumExp", 3, "logsumexp">
  ]> {
  let cppNamespace = "::recur";
  let genSpecializedAttr = 0;
}
def Recur_ReductionKindAttr : EnumAttr<RecurDialect, Recur_ReductionKind, "reduction">;

def Recur_ReduceOp : Recur_Op<"reduce", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<StepOpInterface, ["pushforward", "evaluateWithZeros", "getCost",
                                                "isSemiringSum", "getSpelling"]>]> {
  let summary = "reduction of a value over dims of the space";
  let description = [{
    ```mlir
    %y = recur.reduce sum over [n] %x : f32
    ```
    Constraints: (D1) the dims are distinct dims of the space, not time and not segments, at least one.
  }];
  let arguments = (ins Recur_ReductionKindAttr:$kind, StrArrayAttr:$dims, AnyType:$operand);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Recur_AtOp : Recur_Op<"at", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<StepOpInterface, ["pushforward", "evaluateWithZeros", "getCost"]>]> {
  let summary = "a value at other indices";
  let description = [{
    The operand with each dim of `from` replaced by the dim or constant position of `to`, all at once.

    ```mlir
    %hj = recur.at %h [i -> j] : f32
    %h0 = recur.at %h [i -> 0] : f32
    ```
    Constraints: (T1) as many `from` as `to`, each a dim of the space that is not time or segments, or (`to`) a
    constant within its dim; `from` distinct.
  }];
  let arguments = (ins AnyType:$operand, StrArrayAttr:$from, ArrayAttr:$to);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let hasFolder = 1;
}

def Recur_SameOp : Recur_Op<"same", [Pure,
    DeclareOpInterfaceMethods<StepOpInterface, ["getCost"]>]> {
  let summary = "whether two positions are equal";
  let description = [{
    True where the positions along the two dims are equal: the diagonal of a
    matrix over them.

    ```mlir
    %0 = recur.same i, j
    ```
    Constraints: (E1) the dims are two dims of the space, not time and not segments.
  }];
  let arguments = (ins StrAttr:$first, StrAttr:$second);
  let results = (outs I1:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Named functions, kept whole until late: their derivatives and expansions are
// stable where those of the expanded formula are not.
//===----------------------------------------------------------------------===//

class Recur_UnaryFunctionOp<string mnemonic, string text>
    : Recur_Op<mnemonic, [Pure, SameOperandsAndResultType, Elementwise, Scalarizable, Vectorizable,
        DeclareOpInterfaceMethods<StepOpInterface, ["pushforward", "getCost"]>]> {
  let summary = text;
  let arguments = (ins FloatLike:$operand);
  let results = (outs FloatLike:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

def Recur_SigmoidOp : Recur_UnaryFunctionOp<"sigmoid", "1 / (1 + exp(-x))"> { let hasFolder = 1; }
def Recur_SoftplusOp : Recur_UnaryFunctionOp<"softplus", "log(1 + exp(x))"> { let hasFolder = 1; }
def Recur_SiluOp : Recur_UnaryFunctionOp<"silu", "x / (1 + exp(-x))"> { let hasFolder = 1; }
def Recur_ReluOp : Recur_UnaryFunctionOp<"relu", "max(x, 0), NaN for NaN"> {
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def Recur_LogAddExpOp : Recur_Op<"logaddexp",
    [Pure, Commutative, SameOperandsAndResultType, Elementwise, Scalarizable, Vectorizable,
     DeclareOpInterfaceMethods<StepOpInterface, ["pushforward", "getCost", "isSemiringSum"]>]> {
  let summary = "log(exp(x) + exp(y)), exact at infinities";
  let arguments = (ins FloatLike:$lhs, FloatLike:$rhs);
  let results = (outs FloatLike:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
  let hasFolder = 1;
}

#endif // RECUR_OPS_TD
