//===-- Memory.cpp - guarded memory, synchronising accesses, copies -------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Memory of a launch, and the functions that kernels call.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/Machine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace recur::emulator;

//===----------------------------------------------------------------------===//
// Guarded memory
//===----------------------------------------------------------------------===//

static size_t getPage() {
  static const size_t page = size_t(sysconf(_SC_PAGESIZE));
  return page;
}

GuardedMemory::GuardedMemory(size_t bytes, bool low) {
  size_t page = getPage();
  size = (bytes + page - 1) / page * page;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#ifdef MAP_32BIT
  if (low)
    flags |= MAP_32BIT;
#endif
  void *all = mmap(nullptr, size + 2 * page, PROT_NONE, flags, -1, 0);
  first = static_cast<uint8_t *>(all) + page;
  if (all == MAP_FAILED || mprotect(first, size, PROT_READ | PROT_WRITE)) {
    std::fprintf(stderr, "error: cannot map %zu bytes\n", size + 2 * page);
    std::abort();
  }
}

GuardedMemory::GuardedMemory(GuardedMemory &&other) noexcept
    : first(other.first), size(other.size) {
  other.first = nullptr;
}

GuardedMemory::~GuardedMemory() {
  if (first)
    munmap(first - getPage(), size + 2 * getPage());
}

//===----------------------------------------------------------------------===//
// Synchronising accesses
//===----------------------------------------------------------------------===//

void Machine::access(uint32_t where, Access kind, const void *address,
                     uint32_t bytes) {
  Thread &thread = *current;
  thread.site = where;
  switch (kind) {
  case Access::Load:
  case Access::Pause:
    ++attempts;
    return pause();
  case Access::Store:
    attempts = 0;
    return pause();
  case Access::Fence:
    return pause();
  case Access::Update:
    pause();
    // An update that finds what this thread left there has changed nothing
    // last time.
    bytes = std::min<uint32_t>(bytes, thread.found.size());
    if (thread.updated == address &&
        !std::memcmp(thread.found.data(), address, bytes))
      ++attempts;
    else
      attempts = 0;
    thread.updated = address;
    std::memcpy(thread.found.data(), address, bytes);
    return;
  }
}

//===----------------------------------------------------------------------===//
// The functions that kernels call
//===----------------------------------------------------------------------===//

static uint32_t getSpecial(Special which) {
  const Thread &thread = *machine->current;
  const std::array<uint32_t, 3> &threads = machine->launch.threads,
                                &blocks = machine->launch.blocks;
  uint32_t number = thread.number, block = thread.block->number;
  switch (which) {
  case Special::ThreadX:
    return number % threads[0];
  case Special::ThreadY:
    return number / threads[0] % threads[1];
  case Special::ThreadZ:
    return number / threads[0] / threads[1];
  case Special::ThreadsX:
    return threads[0];
  case Special::ThreadsY:
    return threads[1];
  case Special::ThreadsZ:
    return threads[2];
  case Special::BlockX:
    return block % blocks[0];
  case Special::BlockY:
    return block / blocks[0] % blocks[1];
  case Special::BlockZ:
    return block / blocks[0] / blocks[1];
  case Special::BlocksX:
    return blocks[0];
  case Special::BlocksY:
    return blocks[1];
  case Special::BlocksZ:
    return blocks[2];
  case Special::Lane:
    return thread.lane();
  case Special::Warp:
    return thread.warp();
  case Special::Warps:
    return uint32_t(thread.block->threads.size() + kWarp - 1) / kWarp;
  case Special::Processor:
    return block % 4;
  case Special::Processors:
    return 4;
  }
  return 0;
}

static void *getShared() { return machine->current->block->shared; }

static uint32_t doBarrier(uint32_t site, uint32_t kind, uint32_t number,
                          uint32_t count, uint32_t flags, uint32_t predicate) {
  return machine->barrier(site, BarrierKind(kind), number, count, flags & 1,
                          flags & 2, predicate != 0);
}

static uint64_t doCollective(uint32_t site, uint32_t kind, uint32_t mask,
                             uint64_t value, uint32_t first, uint32_t second) {
  return machine->collective(site, Collective(kind), mask, value, first,
                             second);
}

static void doAccess(uint32_t site, uint32_t kind, const void *address,
                     uint32_t bytes) {
  machine->access(site, Access(kind), address, bytes);
}

static void startCopy(uint32_t site, void *to, const void *from, uint32_t bytes,
                      uint32_t sourceBytes) {
  Thread &thread = *machine->current;
  thread.site = site;
  if (reinterpret_cast<uintptr_t>(to) % bytes ||
      reinterpret_cast<uintptr_t>(from) % bytes)
    machine->stop("copies " + std::to_string(bytes) +
                  " bytes asynchronously from or to an address that is not a "
                  "multiple of that");
  // Nobody may look before the copy has been waited for.
  std::memset(to, kPoison, bytes);
  thread.open.push_back({to, from, bytes, std::min(sourceBytes, bytes)});
}

static void commitCopies() {
  Thread &thread = *machine->current;
  thread.groups.push_back(std::move(thread.open));
  thread.open.clear();
}

static void waitForCopies(uint32_t groups) {
  Thread &thread = *machine->current;
  for (; thread.groups.size() > groups; thread.groups.pop_front())
    for (const Copy &copy : thread.groups.front()) {
      std::memcpy(copy.to, copy.from, copy.sourceBytes);
      std::memset(static_cast<uint8_t *>(copy.to) + copy.sourceBytes, 0,
                  copy.bytes - copy.sourceBytes);
    }
}

static void complainAboutAlignment(const void *address, uint32_t alignment,
                                   uint32_t writes) {
  machine->stop(std::string(writes ? "writes" : "reads") + " address " +
                std::to_string(reinterpret_cast<uintptr_t>(address)) +
                ", expected a multiple of " + std::to_string(alignment));
}

static void complainAboutTrap(uint32_t site) {
  machine->current->site = site;
  machine->stop("has come to " + machine->site(site));
}

std::vector<std::pair<const char *, void *>> recur::emulator::getOperations() {
  auto address = [](auto *function) {
    return reinterpret_cast<void *>(function);
  };
  return {{"recur_emulator_special", address(getSpecial)},
          {"recur_emulator_shared", address(getShared)},
          {"recur_emulator_barrier", address(doBarrier)},
          {"recur_emulator_collective", address(doCollective)},
          {"recur_emulator_access", address(doAccess)},
          {"recur_emulator_copy", address(startCopy)},
          {"recur_emulator_commit", address(commitCopies)},
          {"recur_emulator_wait", address(waitForCopies)},
          {"recur_emulator_trap", address(complainAboutTrap)},
          {"recur_emulator_misaligned", address(complainAboutAlignment)}};
}
