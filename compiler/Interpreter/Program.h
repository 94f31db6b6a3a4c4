//===-- compiler/Interpreter/Program.h - a step compiled for one tile -*- C++
//-*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A recurrence made into loops over arrays, for one range of one of its dims.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_INTERPRETER_PROGRAM_H
#define RECUR_COMPILER_INTERPRETER_PROGRAM_H

#include "compiler/Interpreter/Access.h"
#include "compiler/Interpreter/Kernels.h"

#include <functional>
#include <memory>

namespace recur::interpreter {

/// The arrays and sizes of one execution, shared by its tiles.
struct Execution {
  RecurrenceOpInterface op;
  llvm::SmallVector<const Array *> inputs, inits, histories;
  /// Cumulative lengths; of one sequence if the op has no segments.
  std::vector<int64_t> segments;
  llvm::SmallVector<int64_t> sizes;
  /// The dims other than time and segments, slowest first in every array.
  llvm::SmallVector<unsigned> order;
  /// The dim that tiles divide, or -1.
  int tiledDim = -1;
  std::vector<Array> results;
};

/// Steps back that the states are remembered.
llvm::SmallVector<unsigned> getStateLags(RecurrenceOpInterface op);

class Program {
public:
  /// The part of `execution` with the tiled dim in [begin, end).
  Program(Execution &execution, int64_t begin, int64_t end);
  Program(const Program &) = delete;

  /// Compiles the regions; diagnoses an op without known semantics.
  mlir::LogicalResult build();
  /// Runs all sequences and writes this tile's part of the results.
  void run();

private:
  /// An array over some dims: the value of an SSA value at one time.
  struct Value {
    bool isComplex;
    bool moves; // depends on time
    llvm::SmallBitVector dims;
    char *base = nullptr;
    int64_t count = 0; // elements of an allocated value
    llvm::SmallVector<int64_t>
        strides; // in elements, for each dim of the space
    std::unique_ptr<char[]> storage;

    int64_t elementSize() const {
      return isComplex ? sizeof(std::complex<double>) : sizeof(double);
    }
  };
  struct Moment {
    int64_t time, elapsed;
  };
  using Action = std::function<void(const Moment &)>;
  struct State {
    Value *next;                 // the slot that is written
    std::vector<Value *> slots;  // slot k - 1 is the state k steps ago
    std::vector<Value *> starts; // for each lag
  };

  Value *makeValue(bool isComplex, bool moves, llvm::SmallBitVector dims);
  void allocate(Value &value);
  void emit(bool moves, Action action);
  LoopNest makeNest(const llvm::SmallBitVector &dims,
                    llvm::ArrayRef<const Value *> values) const;

  mlir::LogicalResult emitRegion(mlir::Region &region,
                                 llvm::ArrayRef<Value *> arguments,
                                 llvm::SmallVectorImpl<Value *> &yielded);
  mlir::FailureOr<Value *> emitOp(mlir::Operation &op,
                                  const llvm::SmallBitVector &dims);
  Value *emitConstant(mlir::Attribute attr, mlir::Type type);
  Value *emitInput(unsigned number);
  Value *emitPrev(unsigned state, unsigned lag,
                  std::optional<mlir::ArrayAttr> indices = {});
  Value *emitView(Value *value, llvm::ArrayRef<unsigned> from,
                  llvm::ArrayRef<mlir::Attribute> to);
  Value *emitMap(Kernel kernel, llvm::ArrayRef<Value *> operands,
                 llvm::SmallBitVector dims, bool isComplex);
  Value *emitReduce(const ReductionKernels &kernels, Value *operand,
                    const llvm::SmallBitVector &over,
                    const llvm::SmallBitVector &dims);
  /// The members of two tuples combined.
  mlir::FailureOr<llvm::SmallVector<Value *>>
  emitCombination(MonoidOp monoid, llvm::ArrayRef<Value *> earlier,
                  llvm::ArrayRef<Value *> later);
  void emitReset(Value *reset);
  void emitStore(unsigned result, Value *value);
  void emitUpdate(unsigned state, Value *value);
  mlir::LogicalResult emitScan(ScanLikeOpInterface scan,
                               llvm::ArrayRef<Value *> inputs,
                               llvm::SmallVectorImpl<Value *> &outputs);
  mlir::LogicalResult emitAffine(ScanLikeOpInterface scan,
                                 llvm::ArrayRef<Value *> elements,
                                 llvm::SmallVectorImpl<Value *> &news);

  void fillStart(unsigned state, unsigned lag);
  /// Where the current sequence lies in an array that varies over segments.
  int64_t getSegmentOffset(const Access &access) const;
  void storeFinals(int64_t segment);
  /// Strides of result `number` for each dim of the space, and this tile's
  /// first element.
  Value getResultView(unsigned number);

  Execution &execution;
  RecurrenceOpInterface op;
  SpaceAttr space;
  llvm::SmallVector<int64_t> starts, sizes; // of this tile
  llvm::DenseMap<mlir::Value, Value *> values;
  std::vector<std::unique_ptr<Value>> owned;
  std::vector<std::unique_ptr<Access>> accesses;
  std::vector<State> states;
  /// What the last `recur.combine` combined: the others of its tuple share it.
  CombineOp combined;
  llvm::SmallVector<Value *> combination;
  std::vector<Action> prologue, body;
  /// The sequence that runs.
  int64_t segment = 0;
};

} // namespace recur::interpreter

#endif // RECUR_COMPILER_INTERPRETER_PROGRAM_H
