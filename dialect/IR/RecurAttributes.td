//===-- RecurAttributes.td - spaces, states, algebras, schedules -*- tablegen -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
// Attributes: the index space, a state, a result, the algebra, a schedule.

#ifndef RECUR_ATTRIBUTES_TD
#define RECUR_ATTRIBUTES_TD

include "RecurDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"

class Recur_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<RecurDialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Recur_SpaceAttr : Recur_Attr<"Space", "space"> {
  let summary = "the named dims of a recurrence";
  let description = [{
    The dims in a fixed order, which of them is time, whether time runs
    backwards, and which one (if any) counts packed sequences. A dim's size is
    static (`n = 16`) or dynamic.

    ```mlir
    #recur.space<[b, t, d, n = 16] over t>
    #recur.space<[s, t, d] over t reverse, segments s>
    ```

    Constraints:
    - (I1) as many sizes as dims, each at least 0 or dynamic.
    - (I2) names are distinct and not empty.
    - (I3) time and segments are different dims of the space.
    - (I4) time and segments have dynamic sizes.
  }];
  let parameters = (ins
    ArrayRefParameter<"::mlir::StringAttr">:$names,
    ArrayRefParameter<"int64_t">:$sizes,
    "unsigned":$time,
    "bool":$reverse,
    "int":$segment // -1: none
  );
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    unsigned getRank() const { return getNames().size(); }
    ::llvm::StringRef getName(unsigned dim) const { return getNames()[dim].getValue(); }
    /// Position of the dim called `name`, or -1.
    int find(::llvm::StringRef name) const;
    bool isStatic(unsigned dim) const { return !::mlir::ShapedType::isDynamic(getSizes()[dim]); }
  }];
}

def Recur_StateAttr : Recur_Attr<"State", "state"> {
  let summary = "a state: its name, dims, type and start values";
  let description = [{
    `starts` has one entry for every lag (1, 2, ...) or a single one for all: a
    typed literal, or the number of an `inits` operand (an `index` attribute).

    ```mlir
    #recur.state<h[b, d, n] : f32 = 0.000000e+00>
    #recur.state<v[b] : f32 = init 0>
    #recur.state<z[b] : complex<f32> = [0.000000e+00 : f32, 1.000000e+00 : f32]>
    ```

    Constraints:
    - (H1) the type is a float, a signless integer, or a complex number of floats.
    - (H2) there is at least one start.
    - (H3) a start is a literal of the type (complex: a pair of literals of its part), or
      `init` and a number of at least 0.
  }];
  let parameters = (ins
    "::mlir::StringAttr":$name,
    ArrayRefParameter<"::mlir::StringAttr">:$dims,
    "::mlir::Type":$type,
    ArrayRefParameter<"::mlir::Attribute">:$starts
  );
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The start for `lag` (1-based).
    ::mlir::Attribute getStart(unsigned lag) const {
      return getStarts()[getStarts().size() == 1 ? 0 : lag - 1];
    }
    /// The number of the `inits` operand that `start` names, or -1 for a literal.
    static int getInitOperand(::mlir::Attribute start);
  }];
}

def Recur_ResultAttr : Recur_Attr<"Result", "result"> {
  let summary = "a result: its name and dims, or the state whose last value it is";
  let description = [{
    ```mlir
    #recur.result<y[b, t, d]>
    #recur.result<h_last[b, d] final h>
    #recur.result<h_before[b, d] final h lag 2>
    ```

    Constraints:
    - (O1) the dims are distinct.
    - (O2) the lag is at least 1, and 1 if the result is not final.
  }];
  let parameters = (ins
    "::mlir::StringAttr":$name,
    ArrayRefParameter<"::mlir::StringAttr">:$dims,
    OptionalParameter<"::mlir::StringAttr">:$finalState,
    DefaultValuedParameter<"unsigned", "1">:$lag
  );
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isFinal() const { return getFinalState() != nullptr; }
  }];
}

def Recur_Structure : I32EnumAttr<"Structure", "structure of a transition", [
    I32EnumAttrCase<"Diagonal", 0, "diagonal">,
    I32EnumAttrCase<"Block", 1, "block">,
    I32EnumAttrCase<"Companion", 2, "companion">,
    I32EnumAttrCase<"OuterProduct", 3, "outer_product">,
    I32EnumAttrCase<"Monoid", 4, "monoid">
  ]> {
  let cppNamespace = "::recur";
  let genSpecializedAttr = 0;
}

def Recur_Semiring : I32EnumAttr<"Semiring", "the two operators of a scan", [
    I32EnumAttrCase<"PlusTimes", 0, "plus_times">,
    I32EnumAttrCase<"MaxPlus", 1, "max_plus">,
    I32EnumAttrCase<"MinPlus", 2, "min_plus">,
    I32EnumAttrCase<"LogSumExp", 3, "log_sum_exp">,
    I32EnumAttrCase<"OrAnd", 4, "or_and">
  ]> {
  let cppNamespace = "::recur";
  let genSpecializedAttr = 0;
}

def Recur_AlgebraAttr : Recur_Attr<"Algebra", "algebra"> {
  let summary = "the algebra of a scan";
  let description = [{
    The structure of the transition a_t, its order k (1 when diagonal) and the
    semiring of (+) and (x). A monoid has an operator of its own on k numbers.

    ```mlir
    #recur.algebra<diagonal>
    #recur.algebra<companion 2>
    #recur.algebra<diagonal, max_plus>
    #recur.algebra<monoid 3>
    ```

    Constraints: (A1) the order is 1, or for block, companion and monoid 1 to 1024.
  }];
  let parameters = (ins
    "::recur::Structure":$structure,
    DefaultValuedParameter<"int64_t", "1">:$order,
    DefaultValuedParameter<"::recur::Semiring", "::recur::Semiring::PlusTimes">:$semiring
  );
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Recur_ScheduleAttr : Recur_Attr<"Schedule", "schedule"> {
  let summary = "how a scan is computed on one target";
  let description = [{
    - `target`: an instruction set (`x86-64-v4`) or a GPU architecture (`sm_90a`);
    - `algorithm`: `segments` (fold, combine, replay over segments of time);
      on the GPU also `serial` (one segment a thread), `tile` (a block folds,
      combines and replays one tile of time after the other) and `lookback`
      (the tiles run in parallel over the grid; a tile combines by looking back
      at what its predecessors have published, Merrill and Garland 2016),
      `split` (one segment for `group` threads, which share the states of an item
      along a reduced dim `lanes`) and, for states with inner dims, `wave` (warps
      take segments of time in turn, and hand each other the states of one point
      of the inner dims after the other); for a newton `newton` (the warps of a block
      take the segments of a tile of time, and iterate on the states between them);
      on a CPU, for a newton, `shooting` (the lanes are segments of time that run
      at once from guesses of their entries, and again until they meet);
    - `lanes`: the dim that runs across SIMD lanes or GPU threads; the time dim
      means an in-register scan, or with `shooting` segments of time;
    - `width`: lanes of one item; neighbours along `lanes` that a GPU thread
      has in one vector;
    - `contiguous`: operands that vary along `lanes` have unit stride there;
    - `segment`: steps of a segment, 0 = chosen at run time.

    A tile is divided, from the fastest to the slowest, over
    - `steps`: consecutive steps of a thread (with lanes along time, vectors of
      `width`);
    - the threads of a warp: `group` neighbours along `lanes`, and 32 / `group`
      along time (with lanes along time, all 32);
    - `chunks`: how often a warp's steps repeat;
    - `warps`: of a block, along time.

    With `stages` of 1 a tile waits in shared memory instead of registers; then a
    thread with lanes along time may have several vectors of consecutive steps,
    which the warp reads and writes in the order of memory. So many `stages` of a
    `tile` are so many tiles in shared memory, all but one of which may be on
    their way; the warps of the block then hand states to each other instead of
    waiting for all. Lanes run along channels, 32 of them (`group`).

    A `newton` has segments of up to `steps` steps; each of the `warps` of a block
    takes 32 / `group` segments of `group` neighbours along `lanes`, a thread one;
    with a `segment` all segments of so many steps run at once over the grid, and
    what does not meet is finished in order. There a thread may have `width`
    neighbours along `lanes`, whose numbers it reads and writes together.

    A wave has segments of `steps` steps, one for each of the `warps` of a block
    at a time; a warp has `group` neighbours along `lanes`, each of `width`
    channels, and 32 / `group` threads that share a channel's points.

    ```mlir
    #recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d",
                    width = 16, contiguous = true, segment = 0>
    ```

    Constraints:
    - (C1) target and lanes are not empty.
    - (C2) the algorithm is `segments`, `serial`, `shooting`, `tile`, `lookback`,
      `wave`, `newton` or `split`.
    - (C3) the width is 1 to 1024.
    - (C4) the segment is at least 0.
    - (C5) steps, group, chunks and warps are given for `tile`, `lookback`, `wave`
      and `newton` alone: 1 to 64 steps, a group that divides 32, 1 to 64 chunks, 1 to
      32 warps; several chunks need lanes along time, so a group of 1. A `split`
      has a group, too. A `newton` has at least two segments.
    - (C6) stages are 0, up to 1 for `lookback`, up to 8 for `tile`.
  }];
  let parameters = (ins
    StringRefParameter<>:$target,
    StringRefParameter<>:$algorithm,
    StringRefParameter<>:$lanes,
    "int64_t":$width,
    "bool":$contiguous,
    DefaultValuedParameter<"int64_t", "0">:$segment,
    DefaultValuedParameter<"int64_t", "0">:$steps,
    DefaultValuedParameter<"int64_t", "0">:$group,
    DefaultValuedParameter<"int64_t", "0">:$chunks,
    DefaultValuedParameter<"int64_t", "0">:$warps,
    DefaultValuedParameter<"int64_t", "0">:$stages
  );
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$target, "::llvm::StringRef":$algorithm,
                     "::llvm::StringRef":$lanes, "int64_t":$width,
                     "bool":$contiguous, "int64_t":$segment), [{
      return $_get($_ctxt, target, algorithm, lanes, width, contiguous, segment,
                   0, 0, 0, 0, 0);
    }]>,
    AttrBuilder<(ins "::llvm::StringRef":$target, "::llvm::StringRef":$algorithm,
                     "::llvm::StringRef":$lanes, "int64_t":$width,
                     "bool":$contiguous, "int64_t":$segment, "int64_t":$steps,
                     "int64_t":$group, "int64_t":$chunks, "int64_t":$warps), [{
      return $_get($_ctxt, target, algorithm, lanes, width, contiguous, segment,
                   steps, group, chunks, warps, 0);
    }]>
  ];
  let extraClassDeclaration = [{
    /// Whether a block works on tiles of time.
    bool isTiled() const {
      return getAlgorithm() == "tile" || getAlgorithm() == "lookback";
    }
    /// Whether warps hand over the states of inner points.
    bool isWave() const { return getAlgorithm() == "wave"; }
  }];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // RECUR_ATTRIBUTES_TD
