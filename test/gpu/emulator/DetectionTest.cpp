//===-- DetectionTest.cpp - mistakes that the emulator finds --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Kernels that are right, and the same with one mistake: each mistake must be
/// found.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/KernelTest.h"
#include "test/gpu/emulator/Machine.h"

#include <cmath>
#include <numeric>

using namespace recur::emulator;
namespace emulator = recur::emulator;
using ::testing::AssertionResult;

namespace {
using DetectionTest = KernelTest;
using Words = std::vector<uint32_t>;
constexpr auto npos = std::string::npos;

/// Whether `text` holds the parts in this order.
AssertionResult says(const std::string &text,
                     const std::vector<std::string> &parts) {
  size_t at = 0;
  for (const std::string &part : parts) {
    at = text.find(part, at);
    if (at == npos)
      return ::testing::AssertionFailure()
             << "'" << text << "' lacks '" << part << "'";
  }
  return ::testing::AssertionSuccess();
}

/// `text` without its first `part`.
std::string without(std::string text, const std::string &part) {
  size_t at = text.find(part);
  EXPECT_NE(at, npos) << part;
  if (at != npos)
    text.erase(at, part.size());
  return text;
}

std::string replaced(std::string text, const std::string &part,
                     const std::string &by) {
  size_t at = text.find(part);
  EXPECT_NE(at, npos) << part;
  return at == npos ? text : text.replace(at, part.size(), by);
}

Launch makeLaunch(uint32_t blocks, uint32_t threads) {
  Launch launch;
  launch.blocks = {blocks, 1, 1};
  launch.threads = {threads, 1, 1};
  return launch;
}

//===----------------------------------------------------------------------===//
// Races
//===----------------------------------------------------------------------===//

/// Prefix sums over a block of 128 threads: shuffles, then shared memory.
const char blockScan[] = R"(
  %x = llvm.load %from : !llvm.ptr<1> -> f32
  %five = arith.constant 5 : i32
  %count = arith.constant 4 : i32
  %sum = scf.for %i = %zero to %five step %one iter_args(%s = %x) -> (f32) : i32 {
    %by = arith.shli %one, %i : i32
    %pair = nvvm.shfl.sync up %all, %s, %by, %zero {return_value_and_is_valid} : f32 -> !llvm.struct<(f32, i1)>
    %y = llvm.extractvalue %pair[0] : !llvm.struct<(f32, i1)>
    %p = llvm.extractvalue %pair[1] : !llvm.struct<(f32, i1)>
    %sy = arith.addf %s, %y : f32
    %next = arith.select %p, %sy, %s : f32
    scf.yield %next : f32
  }
  %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
  %w = arith.divui %thread, %warp : i32
  %isLast = arith.cmpi eq, %lane, %last : i32
  scf.if %isLast {
    %mine = llvm.getelementptr %sums[%w] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    llvm.store %sum, %mine : f32, !llvm.ptr<3>
    scf.yield
  }
  gpu.barrier
  %result = scf.for %i = %zero to %w step %one iter_args(%s = %sum) -> (f32) : i32 {
    %theirs = llvm.getelementptr %sums[%i] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %y = llvm.load %theirs : !llvm.ptr<3> -> f32
    %next = arith.addf %s, %y : f32
    scf.yield %next : f32
  }
  llvm.store %result, %at : f32, !llvm.ptr<1>)";
const char sums[] = "llvm.mlir.global internal @sums() {addr_space = 3 : i32} "
                    ": !llvm.array<4 x f32>\n";

TEST_F(DetectionTest, MissingBarrier) {
  std::vector<float> in(256, 1), out(256);
  auto isRight = [&] {
    for (size_t i = 0; i < out.size(); ++i)
      if (out[i] != float(i % 128 + 1))
        return false;
    return true;
  };
  Launch launch = makeLaunch(2, 128);
  ASSERT_EQ(compile(sums + kernel(blockScan)), "");
  for (launch.seed = 1; launch.seed <= 20; ++launch.seed) {
    ASSERT_EQ(run(out, in, launch), "");
    EXPECT_TRUE(isRight()) << "seed " << launch.seed;
  }
  ASSERT_EQ(compile(sums + kernel(without(blockScan, "gpu.barrier"))), "");
  int caught = 0;
  for (launch.seed = 1; launch.seed <= 20; ++launch.seed) {
    ASSERT_EQ(run(out, in, launch), "");
    caught += !isRight();
  }
  EXPECT_GE(caught, 15);
}

const char copy[] = R"(
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %0 = llvm.getelementptr %s[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  nvvm.cp.async.shared.global %0, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  %x = llvm.load %0 : !llvm.ptr<3> -> f32
  llvm.store %x, %at : f32, !llvm.ptr<1>)";

TEST_F(DetectionTest, MissingWaitForACopy) {
  std::vector<float> in(32, 1), out(32);
  std::string s = "llvm.mlir.global internal @s() {addr_space = 3 : i32} : "
                  "!llvm.array<32 x f32>\n";
  ASSERT_EQ(compile(s + kernel(copy)), "");
  ASSERT_EQ(run(out, in, makeLaunch(1, 32)), "");
  EXPECT_EQ(out, in);
  for (const char *part :
       {"nvvm.cp.async.wait.group 0", "nvvm.cp.async.commit.group"}) {
    ASSERT_EQ(compile(s + kernel(without(copy, part))), "");
    ASSERT_EQ(run(out, in, makeLaunch(1, 32)), "");
    for (float x : out)
      EXPECT_TRUE(std::isnan(x)) << "without " << part;
  }
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

TEST_F(DetectionTest, BarrierThatSomeThreadsPassBy) {
  std::string body = R"(
  %p = arith.cmpi ult, %thread, %warp : i32
  scf.if %p {
    gpu.barrier
    scf.yield
  })";
  ASSERT_EQ(compile(kernel(body)), "");
  Words out, in;
  std::string error = run(out, in, makeLaunch(1, 64));
  EXPECT_TRUE(says(error, {"kernel 'k', block 0, thread ", "of 'k'"}));
  EXPECT_TRUE(error.find("ends, but") != npos ||
              error.find("has ended") != npos)
      << error;
}

TEST_F(DetectionTest, TwoBarriersOfOneWarp) {
  std::string body = R"(
  %p = arith.cmpi eq, %lane, %zero : i32
  scf.if %p {
    gpu.barrier
    llvm.store %one, %at : i32, !llvm.ptr<1>
  } else {
    gpu.barrier
    llvm.store %two, %at : i32, !llvm.ptr<1>
  })";
  ASSERT_EQ(compile(kernel(body)), "");
  Words out(64), in;
  EXPECT_TRUE(
      says(run(out, in, makeLaunch(1, 64)),
           {"is at ", "but another thread of its warp is at ", "must come"}));
}

TEST_F(DetectionTest, TwoBarriersOfOneBlock) {
  std::string body = R"(
  %p = arith.cmpi ult, %thread, %warp : i32
  scf.if %p {
    nvvm.barrier id = %one
    scf.yield
  } else {
    nvvm.barrier id = %two
    scf.yield
  })";
  ASSERT_EQ(compile(kernel(body)), "");
  Words out, in;
  EXPECT_TRUE(says(run(out, in, makeLaunch(3, 64)),
                   {"hangs, no thread can go on", "and 31 more wait at ",
                    "and 31 more wait at "}));
}

TEST_F(DetectionTest, BarrierBesideAShuffle) {
  std::string body = R"(
  %p = arith.cmpi eq, %lane, %last : i32
  scf.if %p {
    gpu.barrier
    scf.yield
  } else {
    nvvm.bar.warp.sync %all : i32
    scf.yield
  })";
  ASSERT_EQ(compile(kernel(body)), "");
  Words out, in;
  EXPECT_TRUE(says(run(out, in, makeLaunch(1, 32)),
                   {"hangs, no thread can go on", "thread 31 waits at barrier",
                    "and 30 more wait at bar.warp.sync", "for lanes 31"}));
}

TEST_F(DetectionTest, BlockOfTooManyThreads) {
  std::string text = replaced(kernel(""), "kernel {",
                              "kernel attributes {known_block_size = "
                              "array<i32: 32, 1, 1>} {");
  ASSERT_EQ(compile(text), "");
  Words out, in;
  EXPECT_EQ(run(out, in, makeLaunch(1, 64)),
            "kernel 'k' was compiled for blocks of 32 threads, found 64");
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

TEST_F(DetectionTest, LanesThatAreNotThere) {
  Words out(32), in;
  // Lane 31 is missing from its own mask.
  ASSERT_EQ(compile(kernel(R"(
  %mask = arith.constant 2147483647 : i32
  nvvm.bar.warp.sync %mask : i32)")),
            "");
  EXPECT_TRUE(says(run(out, in, makeLaunch(1, 32)),
                   {"thread 31: is at bar.warp.sync",
                    "lane 31 is not in its mask 0x7fffffff"}));
  // A block of 16 threads has no lane 16.
  ASSERT_EQ(compile(kernel("  nvvm.bar.warp.sync %all : i32")), "");
  EXPECT_TRUE(says(run(out, in, makeLaunch(1, 16)),
                   {"with mask 0xffffffff, but lane 16 does not exist"}));
  // Lane 0 goes home.
  ASSERT_EQ(compile(kernel(R"(
  %p = arith.cmpi ne, %lane, %zero : i32
  scf.if %p {
    %x = nvvm.shfl.sync idx %all, %lane, %one, %last : i32 -> i32
    llvm.store %x, %at : i32, !llvm.ptr<1>
    scf.yield
  })")),
            "");
  Launch launch = makeLaunch(1, 32);
  for (launch.seed = 1; launch.seed <= 4; ++launch.seed) {
    std::string error = run(out, in, launch);
    EXPECT_TRUE(error.find("but lane 0 has ended") != npos ||
                error.find("thread 0: ends, but block 0, thread ") != npos)
        << error;
  }
}

TEST_F(DetectionTest, TwoCollectivesOfOneWarp) {
  ASSERT_EQ(compile(kernel(R"(
  %p = arith.cmpi eq, %lane, %zero : i32
  %r = scf.if %p -> (i32) {
    %x = nvvm.shfl.sync idx %all, %lane, %one, %last : i32 -> i32
    scf.yield %x : i32
  } else {
    %x = nvvm.shfl.sync bfly %all, %lane, %one, %last : i32 -> i32
    scf.yield %x : i32
  }
  llvm.store %r, %at : i32, !llvm.ptr<1>)")),
            "");
  Words out(32), in;
  EXPECT_TRUE(says(run(out, in, makeLaunch(1, 32)),
                   {"is at shfl.sync", "of its warp is at shfl.sync"}));
}

//===----------------------------------------------------------------------===//
// Waiting for other blocks
//===----------------------------------------------------------------------===//

/// Each block adds its number to its predecessor's sum: (sum << 1) | 1.
const char lookBack[] = R"(
  %isFirst = arith.cmpi eq, %thread, %zero : i32
  scf.if %isFirst {
    %tile = TICKET
    %none = arith.cmpi eq, %tile, %zero : i32
    %slot = llvm.getelementptr %out[%tile] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %before0 = llvm.getelementptr %slot[-1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %sum = scf.if %none -> (i32) {
      scf.yield %one : i32
    } else {
      %word = scf.while (%w = %zero) : (i32) -> i32 {
        %now = llvm.load %before0 atomic syncscope("device") acquire {alignment = 4 : i64} : !llvm.ptr<1> -> i32
        %bit = arith.andi %now, %one : i32
        %absent = arith.cmpi eq, %bit, %zero : i32
        scf.condition(%absent) %now : i32
      } do {
      ^bb0(%w: i32):
        scf.yield %w : i32
      }
      scf.yield %word : i32
    }
    %double = arith.shli %tile, %one : i32
    %next = arith.addi %sum, %double : i32
    STORE
    scf.yield
  })";
const char store[] =
    "llvm.store %next, %slot atomic syncscope(\"device\") release "
    "{alignment = 4 : i64} : i32, !llvm.ptr<1>";
const char ticket[] = "llvm.atomicrmw add %in, %one syncscope(\"device\") "
                      "monotonic : !llvm.ptr<1>, i32";

TEST_F(DetectionTest, LookBackWithTicketsGoesOn) {
  ASSERT_EQ(compile(kernel(replaced(replaced(lookBack, "TICKET", ticket),
                                    "STORE", store))),
            "");
  Launch launch = makeLaunch(40, 32);
  for (launch.seed = 1; launch.seed <= 10; ++launch.seed) {
    Words out(40), in(1);
    ASSERT_EQ(run(out, in, launch), "");
    for (uint32_t i = 0; i < 40; ++i)
      EXPECT_EQ(out[i], i * (i + 1) + 1) << "seed " << launch.seed;
  }
}

TEST_F(DetectionTest, LookBackInTheOrderOfBlocksHangs) {
  std::string text =
      replaced(lookBack, "TICKET", "arith.addi %block, %zero : i32");
  ASSERT_EQ(compile(kernel(replaced(text, "STORE", store))), "");
  Launch launch = makeLaunch(40, 32);
  int hung = 0;
  for (launch.seed = 1; launch.seed <= 8; ++launch.seed) {
    Words out(40), in(1);
    std::string error = run(out, in, launch);
    hung += !error.empty();
    EXPECT_TRUE(error.empty() ||
                says(error, {"hangs, all threads that could go on wait for "
                             "memory that nobody changes",
                             "is at an atomic load"}));
  }
  EXPECT_GE(hung, 4);
}

TEST_F(DetectionTest, LookBackForWhatNobodyWritesHangs) {
  std::string text = replaced(lookBack, "TICKET", ticket);
  ASSERT_EQ(compile(kernel(replaced(text, "STORE", ""))), "");
  Words out(40), in(1);
  EXPECT_TRUE(says(run(out, in, makeLaunch(40, 32)),
                   {"kernel 'k' hangs, all threads that could go on wait"}));
}

TEST_F(DetectionTest, LockThatIsNeverFree) {
  ASSERT_EQ(compile(kernel(R"(
  scf.while : () -> () {
    %old = llvm.atomicrmw xchg %out, %one syncscope("device") acquire : !llvm.ptr<1>, i32
    %taken = arith.cmpi ne, %old, %zero : i32
    scf.condition(%taken)
  } do {
    scf.yield
  })")),
            "");
  Words out(1), in;
  EXPECT_TRUE(says(run(out, in, makeLaunch(1, 32)),
                   {"hangs, all threads that could go on wait",
                    "more are at an atomic update"}));
}

TEST_F(DetectionTest, Traps) {
  ASSERT_EQ(compile(kernel(R"(
  %p = arith.cmpi eq, %thread, %last : i32
  scf.if %p {
    llvm.intr.trap
    scf.yield
  })")),
            "");
  Words out, in;
  EXPECT_TRUE(says(run(out, in, makeLaunch(1, 32)),
                   {"block 0, thread 31: has come to a trap of 'k'"}));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(DetectionTest, AddressesOutOfBounds) {
  // Each thread reads a word `far` bytes from the start of in.
  ASSERT_EQ(compile(kernel(R"(
  %far = llvm.load %out : !llvm.ptr<1> -> i64
  %p = llvm.getelementptr %in[%far] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
  llvm.store %one, %p : i32, !llvm.ptr<1>)")),
            "");
  const Kernel *k = module->find("k");
  GuardedMemory memory(4096);
  for (int64_t far : {4096, -4, 0}) {
    Launch launch;
    launch.ranges = {{"in", memory.begin(), 4096}};
    std::string error =
        emulator::run(*k,
                      {reinterpret_cast<uintptr_t>(&far),
                       reinterpret_cast<uintptr_t>(memory.begin())},
                      launch);
    if (far == 0)
      EXPECT_EQ(error, "");
    else
      EXPECT_EQ(error, far > 0
                           ? "kernel 'k', block 0, thread 0: touches memory 0 "
                             "bytes past the end of 'in'"
                           : "kernel 'k', block 0, thread 0: touches memory 4 "
                             "bytes before the start of 'in'");
  }
}

TEST_F(DetectionTest, SharedMemoryOutOfBounds) {
  ASSERT_EQ(compile("llvm.mlir.global internal @s() {addr_space = 3 : i32, "
                    "alignment = 16 : i64} : !llvm.array<32 x i32>\n" +
                    kernel(R"(
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %p = llvm.getelementptr %s[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %one, %p : i32, !llvm.ptr<3>)")),
            "");
  Words out, in;
  EXPECT_EQ(run(out, in, makeLaunch(2, 32)), "");
  EXPECT_TRUE(says(run(out, in, makeLaunch(2, 64)),
                   {"bytes past the end of shared memory"}));
}

TEST_F(DetectionTest, MisalignedAddresses) {
  std::string text = kernel(R"(
  %x = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
  llvm.store %x, %at {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr<1>)");
  ASSERT_EQ(compile(text), "");
  alignas(16) static float data[8] = {};
  const Kernel *k = module->find("k");
  for (int offset : {0, 1}) {
    std::string error =
        emulator::run(*k,
                      {reinterpret_cast<uintptr_t>(data),
                       reinterpret_cast<uintptr_t>(data + offset)},
                      makeLaunch(1, 1));
    if (offset)
      EXPECT_TRUE(says(
          error, {"thread 0: reads address ", "expected a multiple of 16"}));
    else
      EXPECT_EQ(error, "");
  }
}

} // namespace
