//===-- Engine.h - fold, combine, replay on the CPU -------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the five steps of a variant as a plan says.
#ifndef RECUR_RUNTIME_LIB_ENGINE_H
#define RECUR_RUNTIME_LIB_ENGINE_H

#include "runtime/lib/Arguments.h"
#include "runtime/lib/Plan.h"
#include "runtime/lib/Shooting.h"
#include "runtime/lib/ThreadPool.h"

#include <atomic>

namespace recur::runtime {

/// Where calls of this thread without a workspace leave what they found, if
/// that has the bytes; null: nowhere.
const void *findKeptWorkspace(int64_t bytes);

/// One call in execution.
class Engine {
public:
  /// `workspace` is 64-byte aligned and has the plan's bytes.
  Engine(const CheckedArguments &arguments, const Plan &plan, char *workspace);

  /// Runs everything and returns when all results are written.
  void run(const Execution &execution);

private:
  /// What one body works with.
  struct Memory {
    char *carry, *summary, *scratch;
  };
  Memory memoryOf(int64_t body) const;

  /// Whether nothing is left to do for a sequence.
  bool isSolved(int64_t sequence) const {
    return plan.shooting.variant && shooting.isSolved(sequence);
  }

  // Items split: one segment over the whole time, no combine.
  void runUnits(int64_t body);
  void runSequence(int64_t sequence, int64_t itemBegin, int64_t itemEnd,
                   const Memory &memory) const;
  int64_t firstSequenceOfBlock(int64_t block) const;

  // Time split: fold, combine, replay.
  struct Position {
    int64_t sequence, index, count;
    bool isFirst() const { return index == 0; }
    bool isLast() const { return index == count - 1; }
  };
  void numberTiles();
  void runTiles(int64_t body);
  void runTile(int64_t ticket, const Memory &memory);
  Position locate(int64_t ticket) const;
  void awaitTurn(int64_t ticket) const;
  void passTurn(int64_t ticket);

  // The steps.
  recur_tile tileOf(int64_t sequence, StepRange steps) const;
  void start(const recur_tile &tile, const Memory &memory) const;
  void fold(const recur_tile &tile, const Memory &memory) const;
  void combine(const recur_tile &tile, const Memory &memory);
  void replay(const recur_tile &tile, const Memory &memory) const;
  void finish(const recur_tile &tile, const Memory &memory) const;

  const CheckedArguments &arguments;
  const Plan &plan;
  const recur_cpu_variant &variant;
  recur_frame frame;
  Shooting shooting;
  char *bodyMemory;
  int64_t units; ///< of work, handed out in order

  // Shared when time is split.
  char *runningCarry = nullptr;
  int64_t *firstTicket = nullptr;           ///< of each sequence, and the end
  std::atomic<int64_t> *replayed = nullptr; ///< tiles of each sequence

  alignas(64) std::atomic<int64_t> nextUnit{0};
  alignas(64) std::atomic<int64_t> turn{0};
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_ENGINE_H
