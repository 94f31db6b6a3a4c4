//===-- test/gpu/emulator/Machine.h - blocks, warps, threads ----*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The state of a launch: private to the emulator.
//===----------------------------------------------------------------------===//
#ifndef RECUR_TEST_GPU_EMULATOR_MACHINE_H
#define RECUR_TEST_GPU_EMULATOR_MACHINE_H

#include "test/gpu/emulator/Emulator.h"
#include "test/gpu/emulator/Operations.h"

#include <boost/context/detail/fcontext.hpp>
#include <deque>
#include <memory>

namespace recur::emulator {

constexpr uint32_t kWarp = 32;

/// Shared memory, and what cp.async has yet to bring, hold this: NaN in every
/// float format.
constexpr int kPoison = 0xff;

struct Block;

struct Copy {
  void *to;
  const void *from;
  uint32_t bytes, sourceBytes;
};

struct Thread {
  enum class State { Ready, AtBarrier, AtCollective, Ended };

  boost::context::detail::fcontext_t context = nullptr;
  void *stack = nullptr;
  Block *block = nullptr;
  uint32_t number = 0; // in the block
  uint32_t place = 0;  // in the block's list of those that are ready
  State state = State::Ready;
  uint32_t site = 0; // of the last op that could have let others run

  // At a barrier or collective.
  uint32_t barrier = 0;
  Collective kind{};
  uint32_t mask = 0, first = 0, second = 0;
  uint64_t value = 0, result = 0;

  /// What this thread's last atomic update found, to tell spinning.
  const void *updated = nullptr;
  std::array<uint8_t, 16> found{};

  std::vector<Copy> open; // not yet committed
  std::deque<std::vector<Copy>> groups;

  uint32_t lane() const { return number % kWarp; }
  uint32_t warp() const { return number / kWarp; }
};

struct Barrier {
  std::vector<Thread *> waiting;
  uint32_t arrived = 0, expected = 0;
  bool all = false;
  BarrierKind kind{};
  uint32_t set = 0;                 // threads whose predicate holds
  std::vector<uint32_t> siteOfWarp; // 1 + site; 0: none there yet
};

struct Block {
  uint32_t number = 0;
  std::vector<Thread> threads;
  std::vector<Thread *> ready;
  std::array<Barrier, 16> barriers;
  uint32_t ended = 0, firstEnded = 0;
  uint8_t *shared = nullptr;
};

/// Memory between two pages that cannot be touched.
class GuardedMemory {
public:
  /// With `low`, at addresses of 32 bits. Exits the process if there is none.
  explicit GuardedMemory(size_t bytes, bool low = false);
  GuardedMemory(GuardedMemory &&other) noexcept;
  GuardedMemory &operator=(GuardedMemory &&) = delete;
  ~GuardedMemory();
  uint8_t *begin() const { return first; }
  uint8_t *end() const { return first + size; }

private:
  uint8_t *first;
  size_t size; // whole pages
};

class Machine {
public:
  Machine(const Kernel &kernel, const std::vector<uint64_t> &words,
          const Launch &launch);
  ~Machine();

  std::string run();

  // Called by threads.
  void stop(const std::string &what);
  void pause();
  uint32_t barrier(uint32_t site, BarrierKind kind, uint32_t number,
                   uint32_t count, bool aligned, bool waits, bool predicate);
  uint64_t collective(uint32_t site, Collective kind, uint32_t mask,
                      uint64_t value, uint32_t first, uint32_t second);
  void access(uint32_t site, Access kind, const void *address, uint32_t bytes);
  void touchedBadly(const void *address);
  const std::string &site(uint32_t number) const;

  const Kernel &kernel;
  const Launch &launch;
  Thread *current = nullptr;

private:
  static void enter(boost::context::detail::transfer_t from);
  void startBlock();
  void endThread();
  void endBlock(Block &block);
  void leave(); // to the scheduler
  void block(Thread &thread, Thread::State state);
  void release(Thread &thread);
  void complete(Block &block, uint32_t warp, uint32_t mask);
  Thread &pick();
  uint64_t random(uint64_t below);
  std::string describe(const Thread &thread) const;
  std::string describeWaiting() const;

  const std::vector<uint64_t> &words;
  uint32_t blockThreads, blockCount;
  std::vector<uint32_t> order; // of the blocks
  size_t started = 0;
  uint64_t randomState;
  uint32_t stayWithThread, stayWithBlock; // of 256
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<GuardedMemory> sharedPool;
  std::vector<uint8_t *> freeShared;
  size_t sharedBytes, live = 0;
  uint64_t attempts = 0;
  std::string error;
  Block *last = nullptr;
  boost::context::detail::fcontext_t scheduler = nullptr;
};

/// The launch that runs on this thread of the host.
extern thread_local Machine *machine;

} // namespace recur::emulator

#endif // RECUR_TEST_GPU_EMULATOR_MACHINE_H
