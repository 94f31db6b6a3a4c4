//===-- Machine.cpp - the scheduler of a launch ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Starts blocks, picks the thread that runs next, and tells when none can.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Machine.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <map>
#include <numeric>

using namespace recur::emulator;
namespace context = boost::context::detail;

thread_local Machine *recur::emulator::machine = nullptr;

//===----------------------------------------------------------------------===//
// Stacks
//===----------------------------------------------------------------------===//

static constexpr size_t kStackBytes = 128 << 10;

/// Stacks of this host thread, made once and used again.
static std::vector<GuardedMemory> &getStacks() {
  static thread_local std::vector<GuardedMemory> stacks;
  return stacks;
}
static std::vector<void *> &getFreeStacks() {
  static thread_local std::vector<void *> free;
  return free;
}

static void *takeStack() {
  std::vector<void *> &free = getFreeStacks();
  if (free.empty()) {
    getStacks().emplace_back(kStackBytes);
    return getStacks().back().end();
  }
  void *stack = free.back();
  free.pop_back();
  return stack;
}

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

Machine::Machine(const Kernel &kernel, const std::vector<uint64_t> &words,
                 const Launch &launch)
    : kernel(kernel), launch(launch), words(words),
      blockThreads(launch.threads[0] * launch.threads[1] * launch.threads[2]),
      blockCount(launch.blocks[0] * launch.blocks[1] * launch.blocks[2]),
      order(blockCount), randomState(launch.seed * 0x9e3779b97f4a7c15 + 1) {
  // Threads that run on for long, blocks that do, and neither.
  constexpr uint32_t habits[] = {0, 128, 230, 253};
  stayWithThread = habits[random(4)];
  stayWithBlock = habits[random(4)];
  std::iota(order.begin(), order.end(), 0);
  if (random(4) != 0)
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random(i)]);
  size_t alignment = std::max<size_t>(kernel.sharedAlignment, 16);
  sharedBytes = kernel.sharedBytes + launch.dynamicShared;
  sharedBytes = (sharedBytes + alignment - 1) / alignment * alignment;
}

Machine::~Machine() {
  for (std::unique_ptr<Block> &block : blocks)
    for (Thread &thread : block->threads)
      if (thread.stack)
        getFreeStacks().push_back(thread.stack);
}

uint64_t Machine::random(uint64_t below) {
  // splitmix64
  uint64_t z = randomState += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return uint64_t((unsigned __int128)z * below >> 64);
}

void Machine::startBlock() {
  auto block = std::make_unique<Block>();
  block->number = order[started++];
  block->threads.resize(blockThreads);
  if (freeShared.empty()) {
    // At the end of its pages, so that the first byte beyond is out of reach.
    sharedPool.emplace_back(std::max<size_t>(sharedBytes, 1), /*low=*/true);
    freeShared.push_back(sharedPool.back().end() - sharedBytes);
  }
  block->shared = freeShared.back();
  freeShared.pop_back();
  std::memset(block->shared, kPoison, sharedBytes);
  for (uint32_t i = 0; i < blockThreads; ++i) {
    Thread &thread = block->threads[i];
    thread.block = block.get();
    thread.number = i;
    thread.stack = takeStack();
    thread.context = context::make_fcontext(thread.stack, kStackBytes, enter);
    thread.place = i;
    block->ready.push_back(&thread);
  }
  live += blockThreads;
  attempts = 0;
  blocks.push_back(std::move(block));
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void Machine::enter(context::transfer_t from) {
  Machine &self = *static_cast<Machine *>(from.data);
  self.scheduler = from.fctx;
  self.kernel.entry(self.words.data());
  self.endThread();
  self.leave();
}

void Machine::leave() {
  scheduler = context::jump_fcontext(scheduler, nullptr).fctx;
}

void Machine::stop(const std::string &what) {
  if (error.empty())
    error = "kernel '" + kernel.name + "', " + describe(*current) + ": " + what;
  leave(); // for good
}

void Machine::pause() { leave(); }

void Machine::block(Thread &thread, Thread::State state) {
  std::vector<Thread *> &ready = thread.block->ready;
  ready.back()->place = thread.place;
  std::swap(ready[thread.place], ready.back());
  ready.pop_back();
  thread.state = state;
}

void Machine::release(Thread &thread) {
  thread.state = Thread::State::Ready;
  thread.place = uint32_t(thread.block->ready.size());
  thread.block->ready.push_back(&thread);
}

void Machine::endThread() {
  Thread &thread = *current;
  Block &owner = *thread.block;
  for (const Barrier &barrier : owner.barriers)
    if (barrier.all && barrier.arrived)
      return stop("ends, but " + std::to_string(barrier.arrived) +
                  " threads of its block are at " +
                  site(barrier.waiting.front()->site) + ", " +
                  describe(*barrier.waiting.front()) + " among them");
  uint32_t begin = thread.warp() * kWarp;
  for (uint32_t i = begin; i < std::min(begin + kWarp, blockThreads); ++i) {
    const Thread &other = owner.threads[i];
    if (other.state == Thread::State::AtCollective &&
        (other.mask >> thread.lane() & 1))
      return stop("ends, but " + describe(other) + " waits for it at " +
                  site(other.site));
  }
  block(thread, Thread::State::Ended);
  if (!owner.ended++)
    owner.firstEnded = thread.number;
  attempts = 0;
}

void Machine::endBlock(Block &block) {
  for (Thread &thread : block.threads) {
    getFreeStacks().push_back(thread.stack);
    thread.stack = nullptr;
  }
  freeShared.push_back(block.shared);
  live -= blockThreads;
  auto found = std::find_if(blocks.begin(), blocks.end(),
                            [&](auto &other) { return other.get() == &block; });
  blocks.erase(found);
  last = nullptr;
}

//===----------------------------------------------------------------------===//
// The scheduler
//===----------------------------------------------------------------------===//

Thread &Machine::pick() {
  uint64_t dice = random(1 << 16);
  if (last && !last->ready.empty()) {
    if (current && current->block == last &&
        current->state == Thread::State::Ready && (dice & 255) < stayWithThread)
      return *current;
    if (dice >> 8 < stayWithBlock)
      return *last->ready[random(last->ready.size())];
  }
  size_t number = random(blocks.size());
  while (blocks[number]->ready.empty())
    number = (number + 1) % blocks.size();
  Block &chosen = *blocks[number];
  return *chosen.ready[random(chosen.ready.size())];
}

static void handleFault(int number, siginfo_t *info, void *) {
  if (machine && machine->current)
    machine->touchedBadly(info->si_addr);
  signal(number, SIG_DFL);
}

std::string Machine::run() {
  if (kernel.maxThreads && blockThreads > kernel.maxThreads)
    return "kernel '" + kernel.name + "' was compiled for blocks of " +
           std::to_string(kernel.maxThreads) + " threads, found " +
           std::to_string(blockThreads);
  if (!blockThreads || blockThreads > 1024)
    return "kernel '" + kernel.name + "': expected 1 to 1024 threads, found " +
           std::to_string(blockThreads);
  size_t resident = launch.resident ? launch.resident : size_t(1) << random(4);
  resident = std::min<size_t>(resident, blockCount);
  machine = this;
  struct sigaction action = {}, oldSegv, oldBus;
  action.sa_sigaction = handleFault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &oldSegv);
  sigaction(SIGBUS, &action, &oldBus);
  while (error.empty()) {
    while (blocks.size() < resident && started < order.size())
      startBlock();
    if (blocks.empty())
      break;
    if (std::all_of(blocks.begin(), blocks.end(),
                    [](auto &block) { return block->ready.empty(); })) {
      error = "kernel '" + kernel.name +
              "' hangs, no thread can go on: " + describeWaiting();
      break;
    }
    if (attempts > launch.patience * live) {
      error = "kernel '" + kernel.name + "' hangs, all threads that could go " +
              "on wait for memory that nobody changes: " + describeWaiting();
      break;
    }
    current = &pick();
    last = current->block;
    current->context = context::jump_fcontext(current->context, this).fctx;
    if (current->state == Thread::State::Ended) {
      Block &block = *current->block;
      current = nullptr;
      if (block.ended == blockThreads)
        endBlock(block);
    }
  }
  current = nullptr;
  machine = nullptr;
  sigaction(SIGSEGV, &oldSegv, nullptr);
  sigaction(SIGBUS, &oldBus, nullptr);
  return error;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

const std::string &Machine::site(uint32_t number) const {
  static const std::string start = "its start";
  return number && number <= kernel.sites.size() ? kernel.sites[number - 1]
                                                 : start;
}

static std::string place(uint32_t number,
                         const std::array<uint32_t, 3> &sizes) {
  if (sizes[1] == 1 && sizes[2] == 1)
    return std::to_string(number);
  return "(" + std::to_string(number % sizes[0]) + ", " +
         std::to_string(number / sizes[0] % sizes[1]) + ", " +
         std::to_string(number / sizes[0] / sizes[1]) + ")";
}

std::string Machine::describe(const Thread &thread) const {
  return "block " + place(thread.block->number, launch.blocks) + ", thread " +
         place(thread.number, launch.threads);
}

std::string Machine::describeWaiting() const {
  std::string text;
  size_t shown = 0;
  for (const std::unique_ptr<Block> &block : blocks) {
    std::map<std::pair<Thread::State, uint32_t>, std::vector<const Thread *>>
        groups;
    for (const Thread &thread : block->threads)
      groups[{thread.state, thread.site}].push_back(&thread);
    for (auto &[key, threads] : groups) {
      if (++shown > 12)
        return text + "; and more";
      const Thread &first = *threads.front();
      text += (text.empty() ? "" : "; ") + describe(first);
      if (threads.size() > 1)
        text += " and " + std::to_string(threads.size() - 1) + " more";
      bool plural = threads.size() > 1;
      if (first.state == Thread::State::Ended) {
        text += plural ? " have ended" : " has ended";
        continue;
      }
      text += (first.state == Thread::State::Ready
                   ? (plural ? " are at " : " is at ")
                   : (plural ? " wait at " : " waits at ")) +
              site(first.site);
      if (first.state != Thread::State::AtCollective)
        continue;
      std::string lanes;
      for (uint32_t lane = 0; lane < kWarp; ++lane) {
        const Thread &other = block->threads[first.warp() * kWarp + lane];
        if ((first.mask >> lane & 1) &&
            (other.state != Thread::State::AtCollective ||
             other.kind != first.kind || other.mask != first.mask))
          lanes += (lanes.empty() ? "" : ", ") + std::to_string(lane);
      }
      text += " for lanes " + lanes;
    }
  }
  return text;
}

void Machine::touchedBadly(const void *address) {
  auto at = reinterpret_cast<uintptr_t>(address);
  std::string text = "touches address " + std::to_string(at);
  uintptr_t nearest = 1 << 16;
  auto consider = [&](const std::string &name, const void *begin,
                      size_t bytes) {
    auto from = reinterpret_cast<uintptr_t>(begin), to = from + bytes;
    if (at >= to && at - to < nearest) {
      nearest = at - to;
      text = "touches memory " + std::to_string(at - to) +
             " bytes past the end of " + name;
    } else if (at < from && from - at < nearest) {
      nearest = from - at;
      text = "touches memory " + std::to_string(from - at) +
             " bytes before the start of " + name;
    }
  };
  for (const Range &range : launch.ranges)
    consider("'" + range.name + "'", range.begin, range.bytes);
  consider("shared memory", current->block->shared, sharedBytes);
  if (current->site)
    text += ", after " + site(current->site);
  stop(text);
}

std::string recur::emulator::run(const Kernel &kernel,
                                 const std::vector<uint64_t> &words,
                                 const Launch &launch) {
  return Machine(kernel, words, launch).run();
}
