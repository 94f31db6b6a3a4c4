//===-- OperationsTest.cpp - what GPU ops do in the emulator --------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Each op against what the PTX manual says of it, in kernels of a few lines.
//===----------------------------------------------------------------------===//

#include "test/gpu/emulator/KernelTest.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace recur::emulator;

namespace {
using OperationsTest = KernelTest;
using Words = std::vector<uint32_t>;

Words iota(size_t count, uint32_t first = 0) {
  Words words(count);
  std::iota(words.begin(), words.end(), first);
  return words;
}

TEST_F(OperationsTest, NumbersOfThreads) {
  ASSERT_EQ(compile(kernel(R"(
  %blocks = nvvm.read.ptx.sreg.nctaid.x : i32
  %y = nvvm.read.ptx.sreg.tid.y : i32
  %ten = arith.constant 10 : i32
  %0 = arith.muli %block, %ten : i32
  %1 = arith.addi %0, %blocks : i32
  %2 = arith.muli %1, %ten : i32
  %3 = arith.addi %2, %thread : i32
  %4 = arith.muli %3, %ten : i32
  %5 = arith.addi %4, %threads : i32
  %6 = arith.muli %5, %ten : i32
  %7 = arith.addi %6, %y : i32
  llvm.store %7, %at : i32, !llvm.ptr<1>)")),
            "");
  Words out(6), in(6);
  Launch launch;
  launch.blocks = {2, 1, 1};
  launch.threads = {3, 1, 1};
  ASSERT_EQ(run(out, in, launch), "");
  EXPECT_EQ(out, (Words{2030, 2130, 2230, 12030, 12130, 12230}));
}

TEST_F(OperationsTest, Shuffles) {
  struct Mode {
    const char *name;
    uint32_t by, clamp; // as nvvm.shfl.sync takes them
    int (*source)(int lane, int by);
  };
  // In segments of 8 lanes: clamp = 0x1800 + (7, or 0 for up).
  Mode modes[] = {
      {"up", 1, 0, [](int lane, int by) { return std::max(lane - by, -1); }},
      {"up", 3, 0x1800,
       [](int lane, int by) { return lane % 8 < by ? -1 : lane - by; }},
      {"down", 5, 31,
       [](int lane, int by) { return lane + by > 31 ? -1 : lane + by; }},
      {"down", 2, 0x1807,
       [](int lane, int by) { return lane % 8 + by > 7 ? -1 : lane + by; }},
      {"bfly", 16, 31, [](int lane, int by) { return lane ^ by; }},
      {"idx", 7, 31, [](int, int by) { return by; }},
      {"idx", 3, 0x1807, [](int lane, int by) { return lane / 8 * 8 + by; }},
  };
  for (const Mode &mode : modes) {
    ASSERT_EQ(
        compile(kernel(
            "  %by = arith.constant " + std::to_string(mode.by) +
            " : i32\n  %clamp = arith.constant " + std::to_string(mode.clamp) +
            " : i32\n  %x = llvm.load %from : !llvm.ptr<1> -> f32\n"
            "  %pair = nvvm.shfl.sync " +
            mode.name +
            " %all, %x, %by, %clamp {return_value_and_is_valid} : f32 -> "
            "!llvm.struct<(f32, i1)>\n"
            "  %y = llvm.extractvalue %pair[0] : !llvm.struct<(f32, i1)>\n"
            "  %p = llvm.extractvalue %pair[1] : !llvm.struct<(f32, i1)>\n"
            "  %none = arith.constant -1.0 : f32\n"
            "  %z = arith.select %p, %y, %none : f32\n"
            "  llvm.store %z, %at : f32, !llvm.ptr<1>\n")),
        "");
    std::vector<float> in(64), out(64);
    std::iota(in.begin(), in.end(), 100.f);
    Launch launch;
    launch.threads = {64, 1, 1};
    ASSERT_EQ(run(out, in, launch), "");
    for (int i = 0; i < 64; ++i) {
      int from = mode.source(i % 32, int(mode.by));
      EXPECT_EQ(out[i], from < 0 ? -1.f : in[i / 32 * 32 + from])
          << mode.name << " " << mode.by << ", thread " << i;
    }
  }
}

TEST_F(OperationsTest, VotesAndReductions) {
  // Each line computes %r of type i32 from %x, the thread's input.
  std::pair<const char *, uint32_t (*)(const Words &, int)> cases[] = {
      {"%p = arith.trunci %x : i32 to i1\n"
       "%r = nvvm.vote.sync ballot %all, %p -> i32",
       [](const Words &x, int) {
         uint32_t mask = 0;
         for (int i = 0; i < 32; ++i)
           mask |= (x[i] & 1) << i;
         return mask;
       }},
      {"%p = arith.trunci %x : i32 to i1\n"
       "%v = nvvm.vote.sync any %all, %p -> i1\n"
       "%r = arith.extui %v : i1 to i32",
       [](const Words &, int) { return 1u; }},
      {"%p = arith.trunci %x : i32 to i1\n"
       "%v = nvvm.vote.sync all %all, %p -> i1\n"
       "%r = arith.extui %v : i1 to i32",
       [](const Words &, int) { return 0u; }},
      {"%r = nvvm.redux.sync add %x, %all : i32 -> i32",
       [](const Words &x, int) {
         return std::accumulate(x.begin(), x.end(), 0u);
       }},
      {"%r = nvvm.redux.sync umax %x, %all : i32 -> i32",
       [](const Words &x, int) {
         return *std::max_element(x.begin(), x.end());
       }},
      {"%r = llvm.call_intrinsic \"llvm.nvvm.match.any.sync.i32\"(%all, %x)"
       " : (i32, i32) -> i32",
       [](const Words &x, int lane) {
         uint32_t mask = 0;
         for (int i = 0; i < 32; ++i)
           mask |= uint32_t(x[i] == x[lane]) << i;
         return mask;
       }},
      {"nvvm.bar.warp.sync %all : i32\n%r = arith.addi %x, %one : i32",
       [](const Words &x, int lane) { return x[lane] + 1; }},
  };
  Words in(32);
  for (int i = 0; i < 32; ++i)
    in[i] = i * 7 % 10;
  for (auto [text, expected] : cases) {
    ASSERT_EQ(compile(kernel("  %x = llvm.load %from : !llvm.ptr<1> -> i32\n" +
                             std::string(text) +
                             "\n  llvm.store %r, %at : i32, !llvm.ptr<1>\n")),
              "")
        << text;
    Words out(32);
    Launch launch;
    launch.threads = {32, 1, 1};
    ASSERT_EQ(run(out, in, launch), "") << text;
    for (int i = 0; i < 32; ++i)
      EXPECT_EQ(out[i], expected(in, i)) << text << ", lane " << i;
  }
}

// Two halves of a warp that do not meet.
TEST_F(OperationsTest, MasksOfPartsOfAWarp) {
  ASSERT_EQ(compile(kernel(R"(
  %half = arith.constant 16 : i32
  %low = arith.constant 65535 : i32
  %high = arith.constant -65536 : i32
  %isLow = arith.cmpi ult, %lane, %half : i32
  scf.if %isLow {
    %r = nvvm.redux.sync add %lane, %low : i32 -> i32
    llvm.store %r, %at : i32, !llvm.ptr<1>
  } else {
    %r = nvvm.redux.sync umin %lane, %high : i32 -> i32
    llvm.store %r, %at : i32, !llvm.ptr<1>
  })")),
            "");
  Words out(32), in;
  Launch launch;
  launch.threads = {32, 1, 1};
  for (launch.seed = 1; launch.seed < 5; ++launch.seed) {
    ASSERT_EQ(run(out, in, launch), "");
    EXPECT_EQ(out[3], 120u);
    EXPECT_EQ(out[20], 16u);
  }
}

TEST_F(OperationsTest, BarriersReduceAndHaveNumbers) {
  ASSERT_EQ(compile(kernel(R"(
  %x = llvm.load %from : !llvm.ptr<1> -> i32
  %p = arith.trunci %x : i32 to i1
  %count = llvm.call_intrinsic "llvm.nvvm.barrier.cta.red.popc.aligned.all"(%zero, %p) : (i32, i1) -> i32
  %sixtyFour = arith.constant 64 : i32
  %isFirst = arith.cmpi ult, %thread, %sixtyFour : i32
  scf.if %isFirst {
    nvvm.barrier id = %one number_of_threads = %sixtyFour
    scf.yield
  }
  llvm.store %count, %at : i32, !llvm.ptr<1>)")),
            "");
  Words out(96), in = iota(96);
  Launch launch;
  launch.threads = {96, 1, 1};
  ASSERT_EQ(run(out, in, launch), "");
  EXPECT_EQ(out, Words(96, 48));
}

TEST_F(OperationsTest, SharedMemoryIsOfTheBlockAndDirty) {
  // out = the neighbour's number, then what nobody has written.
  ASSERT_EQ(compile(R"(
llvm.mlir.global internal @own() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
llvm.mlir.global external @more() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
)" + kernel(R"(
  %own = llvm.mlir.addressof @own : !llvm.ptr<3>
  %more = llvm.mlir.addressof @more : !llvm.ptr<3>
  %mine = llvm.getelementptr %own[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %number, %mine : i32, !llvm.ptr<3>
  gpu.barrier
  %other = arith.xori %thread, %one : i32
  %theirs = llvm.getelementptr %own[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %x = llvm.load %theirs : !llvm.ptr<3> -> i32
  %dirty = llvm.getelementptr %more[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  %y = llvm.load %dirty : !llvm.ptr<3> -> f32
  %isNan = arith.cmpf uno, %y, %y : f32
  %r = arith.select %isNan, %x, %zero : i32
  llvm.store %r, %at : i32, !llvm.ptr<1>)")),
            "");
  Words out(64 * 5), in;
  Launch launch;
  launch.blocks = {5, 1, 1};
  launch.threads = {64, 1, 1};
  launch.dynamicShared = 256;
  for (launch.seed = 1; launch.seed < 10; ++launch.seed) {
    ASSERT_EQ(run(out, in, launch), "");
    for (uint32_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], i ^ 1);
  }
}

TEST_F(OperationsTest, AtomicsCountEveryThread) {
  ASSERT_EQ(compile(kernel(R"(
  %old = llvm.atomicrmw add %out, %one syncscope("device") monotonic : !llvm.ptr<1>, i32
  %next = llvm.getelementptr %out[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %max = llvm.atomicrmw umax %next, %number syncscope("device") monotonic : !llvm.ptr<1>, i32
  %third = llvm.getelementptr %out[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %isFirst = arith.cmpi eq, %old, %zero : i32
  scf.if %isFirst {
    %pair = llvm.cmpxchg %third, %zero, %warp acq_rel monotonic : !llvm.ptr<1>, i32
    scf.yield
  })")),
            "");
  Words out(3), in;
  Launch launch;
  launch.blocks = {9, 1, 1};
  launch.threads = {33, 1, 1};
  ASSERT_EQ(run(out, in, launch), "");
  EXPECT_EQ(out, (Words{297, 296, 32}));
}

TEST_F(OperationsTest, ApproximationsArePrecise) {
  std::pair<const char *, double (*)(double)> cases[] = {
      {"math.exp2 %x : f32", [](double x) { return std::exp2(x); }},
      {"math.log2 %x : f32", [](double x) { return std::log2(x); }},
      {"math.rsqrt %x : f32", [](double x) { return 1 / std::sqrt(x); }},
      {"math.sqrt %x : f32", [](double x) { return std::sqrt(x); }},
      {"math.exp %x : f32", [](double x) { return std::exp(x); }},
      {"math.tanh %x fastmath<afn> : f32",
       [](double x) { return std::tanh(x); }},
      {"llvm.call_intrinsic \"llvm.nvvm.ex2.approx.ftz.f32\"(%x) : (f32) -> "
       "f32",
       [](double x) { return std::exp2(x); }},
      {"llvm.call_intrinsic \"llvm.nvvm.rcp.approx.ftz.f\"(%x) : (f32) -> f32",
       [](double x) { return 1 / x; }},
  };
  for (auto [text, expected] : cases) {
    ASSERT_EQ(compile(kernel("  %x = llvm.load %from : !llvm.ptr<1> -> f32\n"
                             "  %r = " +
                             std::string(text) +
                             "\n  llvm.store %r, %at : f32, !llvm.ptr<1>\n")),
              "")
        << text;
    std::vector<float> in(32), out(32);
    for (int i = 0; i < 32; ++i)
      in[i] = 0.1f + float(i) / 5;
    Launch launch;
    launch.threads = {32, 1, 1};
    ASSERT_EQ(run(out, in, launch), "");
    for (int i = 0; i < 32; ++i)
      EXPECT_NEAR(out[i], expected(in[i]),
                  4e-7 * (1 + std::abs(expected(in[i]))))
          << text;
  }
}

// bf16 is rounded to nearest even.
TEST_F(OperationsTest, NarrowFloats) {
  ASSERT_EQ(compile(kernel(R"(
  %x = llvm.load %from : !llvm.ptr<1> -> f32
  %b = arith.truncf %x : f32 to bf16
  %h = arith.truncf %x : f32 to f16
  %0 = arith.bitcast %b : bf16 to i16
  %1 = arith.bitcast %h : f16 to i16
  %2 = arith.extui %0 : i16 to i32
  %3 = arith.extui %1 : i16 to i32
  %4 = arith.constant 16 : i32
  %5 = arith.shli %2, %4 : i32
  %6 = arith.ori %5, %3 : i32
  llvm.store %6, %at : i32, !llvm.ptr<1>)")),
            "");
  std::vector<float> in{1.f, 1.00390625f, 1.01171875f, 0.1f};
  Words out(4);
  Launch launch;
  launch.threads = {4, 1, 1};
  ASSERT_EQ(run(out, in, launch), "");
  EXPECT_EQ(out, (Words{0x3f803c00, 0x3f803c04, 0x3f823c0c, 0x3dcd2e66}));
}

TEST_F(OperationsTest, VectorsOfNarrowFloats) {
  ASSERT_EQ(compile(kernel(R"(
  %offset = arith.addi %thread, %thread : i32
  %p = llvm.getelementptr %in[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %x = llvm.load %p {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
  %y = arith.truncf %x : vector<2xf32> to vector<2xbf16>
  llvm.store %y, %at {alignment = 4 : i64} : vector<2xbf16>, !llvm.ptr<1>)")),
            "");
  alignas(8) static const float in[] = {1.f, 1.01171875f, NAN, 0.1f};
  Words out(2);
  Launch launch;
  launch.threads = {2, 1, 1};
  ASSERT_EQ(recur::emulator::run(*module->find("k"),
                                 {reinterpret_cast<uintptr_t>(out.data()),
                                  reinterpret_cast<uintptr_t>(in)},
                                 launch),
            "");
  EXPECT_EQ(out, (Words{0x3f823f80, 0x3dcd7fc0}));
}

TEST_F(OperationsTest, AsynchronousCopies) {
  ASSERT_EQ(compile(R"(
llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
)" + kernel(R"(
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %0 = llvm.getelementptr %s[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %second = arith.addi %thread, %warp : i32
  %1 = llvm.getelementptr %s[%second] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %from1 = llvm.getelementptr %in[%second] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  nvvm.cp.async.shared.global %0, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.shared.global %1, %from1, 4, cache = ca, %zero : !llvm.ptr<3>, !llvm.ptr<1>, i32
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 1
  %x = llvm.load %0 : !llvm.ptr<3> -> i32
  %early = llvm.load %1 : !llvm.ptr<3> -> i32
  nvvm.cp.async.wait.group 0
  %late = llvm.load %1 : !llvm.ptr<3> -> i32
  llvm.store %x, %at : i32, !llvm.ptr<1>
  %at1 = llvm.getelementptr %at[32] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %early, %at1 : i32, !llvm.ptr<1>
  %at2 = llvm.getelementptr %at[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %late, %at2 : i32, !llvm.ptr<1>)")),
            "");
  Words out(96), in = iota(64, 1000);
  Launch launch;
  launch.threads = {32, 1, 1};
  ASSERT_EQ(run(out, in, launch), "");
  for (uint32_t i = 0; i < 32; ++i) {
    EXPECT_EQ(out[i], 1000 + i);
    EXPECT_EQ(out[32 + i], ~0u); // not there before the wait
    EXPECT_EQ(out[64 + i], 0u);  // a source of no bytes gives zeros
  }
}

TEST_F(OperationsTest, InlinePtx) {
  // Each computes i32 $0 from the address $1 of the input and $2, the thread.
  std::pair<const char *, uint32_t (*)(const Words &, uint32_t)> cases[] = {
      {"ld.global.L1::no_allocate.b32 $0, [$1];",
       [](const Words &in, uint32_t i) { return in[i]; }},
      {"ld.acquire.gpu.global.u32 $0, [$1+4];",
       [](const Words &in, uint32_t i) { return in[i + 1]; }},
      {"{ .reg .b64 a, b; .reg .b32 lo, hi; mov.b64 a, {$2, 7};"
       " shl.b64 b, a, 4; mov.b64 {lo, hi}, b; add.u32 $0, lo, hi; }",
       [](const Words &, uint32_t i) { return 16 * i + 7 * 16; }},
      {"{\n.reg .pred p;\nsetp.lt.u32 p, $2, 5;\nmov.u32 $0, 3;\n"
       "@p ld.global.u32 $0, [$1];\n@!p add.u32 $0, $0, 1;\n}",
       [](const Words &in, uint32_t i) { return i < 5 ? in[i] : 4; }},
      {"shfl.sync.bfly.b32 $0, $2, 1, 31, -1;",
       [](const Words &, uint32_t i) { return i ^ 1; }},
      {"{ .reg .f32 x; cvt.rn.f32.u32 x, $2; ex2.approx.ftz.f32 x, x;"
       " cvt.rzi.u32.f32 $0, x; }",
       [](const Words &, uint32_t i) { return 1u << i; }},
      {"{ .reg .f32 x; cvt.rn.f32.u32 x, $2; cvt.rn.bf16x2.f32 $0, x, "
       "0f3f800000; }",
       [](const Words &, uint32_t i) {
         float x = float(i);
         uint32_t bits;
         std::memcpy(&bits, &x, sizeof bits);
         return (bits & 0xffff0000) | 0x3f80;
       }},
      {"mov.u32 $0, %laneid; fence.acq_rel.gpu; nanosleep.u32 20;",
       [](const Words &, uint32_t i) { return i; }},
  };
  for (auto [text, expected] : cases) {
    std::string escaped;
    for (char c : std::string(text))
      escaped += c == '\n' ? "\\0A" : std::string(1, c);
    ASSERT_EQ(
        compile(kernel("  %r = llvm.inline_asm has_side_effects \"" + escaped +
                       "\", \"=r,l,r\" %from, %thread : "
                       "(!llvm.ptr<1>, i32) -> i32\n"
                       "  llvm.store %r, %at : i32, !llvm.ptr<1>\n")),
        "")
        << text;
    Words out(32), in = iota(33, 500);
    Launch launch;
    launch.threads = {32, 1, 1};
    ASSERT_EQ(run(out, in, launch), "") << text;
    for (uint32_t i = 0; i < 30; ++i)
      EXPECT_EQ(out[i], expected(in, i)) << text << ", thread " << i;
  }
}

TEST_F(OperationsTest, InlinePtxOfSeveralResults) {
  ASSERT_EQ(compile(kernel(R"(
  %sixteen = arith.constant 16 : i32
  %offset = arith.muli %thread, %sixteen : i32
  %p = llvm.getelementptr %in[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %q = llvm.getelementptr %out[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %r = llvm.inline_asm has_side_effects "ld.relaxed.gpu.global.v2.b64 {$0, $1}, [$2];", "=l,=l,l" %p : (!llvm.ptr<1>) -> !llvm.struct<(i64, i64)>
  %x = llvm.extractvalue %r[0] : !llvm.struct<(i64, i64)>
  %y = llvm.extractvalue %r[1] : !llvm.struct<(i64, i64)>
  llvm.inline_asm has_side_effects "st.relaxed.gpu.global.v2.b64 [$0], {$1, $2};", "l,l,l" %q, %y, %x : (!llvm.ptr<1>, i64, i64) -> ())")),
            "");
  std::vector<uint64_t> in(64), out(64);
  std::iota(in.begin(), in.end(), uint64_t(1) << 40);
  Launch launch;
  launch.threads = {32, 1, 1};
  ASSERT_EQ(run(out, in, launch), "");
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(out[i], in[i ^ 1]);
}

// What is not known is said by name, before anything runs.
TEST_F(OperationsTest, UnknownOps) {
  EXPECT_EQ(compile(kernel("  llvm.inline_asm has_side_effects "
                           "\"frobnicate.b32 $0;\", \"r\" %thread : "
                           "(i32) -> ()\n")),
            "the emulator does not know the PTX 'frobnicate.b32 $0', which 'k' "
            "holds");
  EXPECT_EQ(compile(kernel("  %r = llvm.call_intrinsic "
                           "\"llvm.nvvm.activemask\"() : () -> i32\n"
                           "  llvm.store %r, %at : i32, !llvm.ptr<1>\n")),
            "the emulator does not know 'llvm.nvvm.activemask', which 'k' "
            "calls");
}

// Seeds give other orders, the same seed the same.
TEST_F(OperationsTest, SeedsDecideTheOrder) {
  ASSERT_EQ(compile(kernel(R"(
  %old = llvm.atomicrmw add %in, %one syncscope("device") monotonic : !llvm.ptr<1>, i32
  llvm.store %old, %at : i32, !llvm.ptr<1>)")),
            "");
  Launch launch;
  launch.blocks = {3, 1, 1};
  launch.threads = {40, 1, 1};
  std::set<Words> orders;
  for (launch.seed = 1; launch.seed <= 8; ++launch.seed) {
    Words first(120), again(120), counter(1), counterAgain(1);
    ASSERT_EQ(run(first, counter, launch), "");
    ASSERT_EQ(run(again, counterAgain, launch), "");
    EXPECT_EQ(first, again);
    orders.insert(first);
  }
  EXPECT_EQ(orders.size(), 8u);
}

} // namespace
