//===-- Collectives.cpp - barriers, shuffles, votes -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What the threads of a block or the lanes of a warp do together. Nobody is
/// in step with anybody: a collective happens when its last lane arrives.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Machine.h"

#include <algorithm>
#include <bit>
#include <cstdio>

using namespace recur::emulator;

static std::string hex(uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

uint32_t Machine::barrier(uint32_t where, BarrierKind kind, uint32_t number,
                          uint32_t count, bool aligned, bool waits,
                          bool predicate) {
  Thread &thread = *current;
  Block &owner = *thread.block;
  thread.site = where;
  if (number >= owner.barriers.size()) {
    stop("there is no barrier " + std::to_string(number) + " (at " +
         site(where) + ")");
    return 0;
  }
  Barrier &barrier = owner.barriers[number];
  uint32_t expected = count ? count : blockThreads;
  if (!barrier.arrived) {
    barrier.expected = expected;
    barrier.all = !count;
    barrier.kind = kind;
    barrier.set = 0;
    barrier.siteOfWarp.assign((blockThreads + kWarp - 1) / kWarp, 0);
  }
  if (!count && owner.ended)
    stop("is at " + site(where) + ", but thread " +
         std::to_string(owner.firstEnded) + " of its block has ended");
  if (count % kWarp)
    stop("waits for " + std::to_string(count) + " threads at " + site(where) +
         ", expected whole warps");
  if (barrier.expected != expected || barrier.kind != kind)
    stop("is at " + site(where) + ", but others are at the same barrier at " +
         site(barrier.siteOfWarp.empty() ? 0 : barrier.waiting.front()->site));
  uint32_t &warpSite = barrier.siteOfWarp[thread.warp()];
  if (aligned && warpSite && warpSite != where + 1)
    stop("is at " + site(where) + ", but another thread of its warp is at " +
         site(warpSite - 1) + "; all threads of a warp must come to one");
  warpSite = where + 1;
  ++barrier.arrived;
  barrier.set += predicate;
  thread.barrier = number;
  if (waits) {
    barrier.waiting.push_back(&thread);
    block(thread, Thread::State::AtBarrier);
  }
  if (barrier.arrived == barrier.expected) {
    uint32_t result = kind == BarrierKind::Count ? barrier.set
                      : kind == BarrierKind::And
                          ? barrier.set == barrier.expected
                          : barrier.set != 0;
    barrier.arrived = 0;
    for (Thread *other : barrier.waiting) {
      other->result = result;
      release(*other);
    }
    barrier.waiting.clear();
  }
  pause();
  return uint32_t(thread.result);
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

uint64_t Machine::collective(uint32_t where, Collective kind, uint32_t mask,
                             uint64_t value, uint32_t first, uint32_t second) {
  Thread &thread = *current;
  Block &owner = *thread.block;
  thread.site = where;
  thread.kind = kind;
  thread.mask = mask;
  thread.value = value;
  thread.first = first;
  thread.second = second;
  if (!(mask >> thread.lane() & 1))
    stop("is at " + site(where) + ", but lane " +
         std::to_string(thread.lane()) + " is not in its mask " + hex(mask));
  block(thread, Thread::State::AtCollective);
  uint32_t begin = thread.warp() * kWarp;
  bool all = true;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint32_t number = begin + std::countr_zero(rest);
    if (number >= blockThreads ||
        owner.threads[number].state == Thread::State::Ended) {
      stop("is at " + site(where) + " with mask " + hex(mask) + ", but lane " +
           std::to_string(number - begin) +
           (number >= blockThreads ? " does not exist" : " has ended"));
      return 0;
    }
    const Thread &other = owner.threads[number];
    bool here =
        other.state == Thread::State::AtCollective && other.mask == mask;
    if (here && other.kind != kind)
      stop("is at " + site(where) + ", but " + describe(other) +
           " of its warp is at " + site(other.site));
    all &= here;
  }
  if (all)
    complete(owner, thread.warp(), mask);
  pause();
  return thread.result;
}

/// The lane that a shuffle reads, and whether it is in range.
static std::pair<uint32_t, bool> getSource(const Thread &thread) {
  uint32_t lane = thread.lane(), by = thread.first & 31;
  uint32_t clamp = thread.second & 31, segment = thread.second >> 8 & 31;
  uint32_t highest = (lane & segment) | (clamp & ~segment);
  uint32_t lowest = lane & segment;
  switch (thread.kind) {
  case Collective::ShuffleUp: {
    int from = int(lane) - int(by);
    return {uint32_t(from), from >= int(highest)};
  }
  case Collective::ShuffleDown:
    return {lane + by, lane + by <= highest};
  case Collective::ShuffleXor:
    return {lane ^ by, (lane ^ by) <= highest};
  default: {
    uint32_t from = lowest | (by & ~segment);
    return {from, from <= highest};
  }
  }
}

static uint64_t reduce(Collective kind, uint32_t x, uint32_t y) {
  switch (kind) {
  case Collective::Add:
    return x + y;
  case Collective::MinSigned:
    return uint32_t(std::min(int32_t(x), int32_t(y)));
  case Collective::MaxSigned:
    return uint32_t(std::max(int32_t(x), int32_t(y)));
  case Collective::MinUnsigned:
    return std::min(x, y);
  case Collective::MaxUnsigned:
    return std::max(x, y);
  case Collective::And:
    return x & y;
  case Collective::Or:
    return x | y;
  default:
    return x ^ y;
  }
}

void Machine::complete(Block &owner, uint32_t warp, uint32_t mask) {
  Thread *lanes = owner.threads.data() + warp * kWarp;
  auto forEach = [&](auto visit) {
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      visit(lanes[std::countr_zero(rest)]);
  };
  uint32_t leader = std::countr_zero(mask), ballot = 0;
  uint32_t reduced = uint32_t(lanes[leader].value);
  forEach([&](Thread &lane) {
    ballot |= uint32_t(lane.value & 1) << lane.lane();
    if (lane.lane() != leader)
      reduced = uint32_t(reduce(lane.kind, reduced, uint32_t(lane.value)));
  });
  forEach([&](Thread &lane) {
    switch (lane.kind) {
    case Collective::Sync:
      break;
    case Collective::ShuffleUp:
    case Collective::ShuffleDown:
    case Collective::ShuffleXor:
    case Collective::ShuffleIndex: {
      auto [from, inRange] = getSource(lane);
      if (!inRange)
        from = lane.lane();
      // What a lane outside the mask holds is anyone's guess.
      lane.result =
          mask >> from & 1 ? uint32_t(lanes[from].value) : ~uint32_t(0);
      lane.result |= uint64_t(inRange) << 32;
      break;
    }
    case Collective::All:
      lane.result = ballot == mask;
      break;
    case Collective::Any:
      lane.result = ballot != 0;
      break;
    case Collective::Uniform:
      lane.result = ballot == mask || ballot == 0;
      break;
    case Collective::Ballot:
      lane.result = ballot;
      break;
    case Collective::MatchAny:
      lane.result = 0;
      forEach([&](Thread &other) {
        lane.result |= uint64_t(other.value == lane.value) << other.lane();
      });
      break;
    case Collective::Elect:
      lane.result = leader | uint64_t(lane.lane() == leader) << 32;
      break;
    default:
      lane.result = reduced;
    }
  });
  forEach([&](Thread &lane) { release(lane); });
}
