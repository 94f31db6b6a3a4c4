//===-- EngineTest.cpp - fold, combine, replay over threads ---------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the affine recurrence, whose composition does not commute, through
/// both shapes of schedule at sizes that break tiles and blocks.
#include "test/unit/Runtime/AffineRecurrence.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

using namespace recur;
using namespace recur::test;

namespace {

/// Threads for one test, and the default again afterwards.
class Threads {
public:
  explicit Threads(int32_t count) {
    EXPECT_EQ(recur_set_num_threads(count), RECUR_OK);
  }
  ~Threads() {
    recur_set_parallel_for(nullptr, nullptr, 0);
    recur_set_num_threads(0);
  }
};

std::string callAndCompare(AffineRecurrence &recurrence,
                           AffineProblem &problem) {
  ArgumentList arguments = problem.call();
  int status = recur_call(&recurrence.info, arguments.pointers(),
                          arguments.size(), nullptr, 0, nullptr);
  if (status != RECUR_OK)
    return recur_last_error();
  return problem.difference();
}

/// A cost so high that every thread is worth waking and time worth splitting.
constexpr double expensive = 1e6;

std::vector<int64_t> sizes() { return {0, 1, 2, 31, 32, 33, 97, 1009}; }

} // namespace

// Blocks of items: every remainder of lanes, blocks and threads.
TEST(Engine, SplitsItems) {
  AffineRecurrence recurrence({.stepCost = expensive});
  for (int32_t threads : {1, 2, 7}) {
    Threads use(threads);
    for (int64_t d : sizes())
      for (int64_t b : {0, 1, 3}) {
        AffineProblem problem({}, b, 5, d);
        EXPECT_EQ(callAndCompare(recurrence, problem), "")
            << "b " << b << ", d " << d << ", threads " << threads;
      }
  }
}

// Few items: tiles of time with their look-back, forward and backward.
TEST(Engine, SplitsTime) {
  for (bool reverse : {false, true}) {
    AffineOptions options{.reverse = reverse, .stepCost = expensive};
    AffineRecurrence recurrence(options);
    for (int32_t threads : {1, 2, 3, 8}) {
      Threads use(threads);
      for (int64_t t : sizes())
        for (int64_t d : {1, 3, 5}) {
          AffineProblem problem(options, 1, t, d);
          EXPECT_EQ(callAndCompare(recurrence, problem), "")
              << "t " << t << ", d " << d << ", threads " << threads;
        }
    }
  }
}

// Every length around the boundaries of the first groups of tiles.
TEST(Engine, SplitsTimeAroundTileBoundaries) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(3);
  for (int64_t t : {63,  64,  65,  127, 128, 129, 191, 192, 193, 255, 256,
                    257, 319, 320, 321, 383, 384, 385, 767, 768, 769, 5000}) {
    AffineProblem problem(options, 1, t, 2);
    EXPECT_EQ(callAndCompare(recurrence, problem), "") << "t " << t;
  }
}

namespace {
/// Kernels that count in which phases the half of the least normal number is 0.
std::atomic<int> folds, flushedFolds, flushedReplays;
bool flushesTiny() {
  volatile float least = std::numeric_limits<float>::min();
  return least * 0.5f == 0;
}
void countFold(const recur_frame *, const recur_tile *, void *, void *,
               void *) {
  ++folds;
  flushedFolds += flushesTiny();
}
void countReplay(const recur_frame *, const recur_tile *, void *, void *,
                 void *) {
  flushedReplays += flushesTiny();
}
} // namespace

#if defined(__x86_64__)
// Products that a fold composes end under the normal range, where arithmetic is
// slow: there they are 0. What is written, and the caller's arithmetic, keeps
// such numbers.
TEST(Engine, FlushesTinyNumbersInFoldsAlone) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  recurrence.variant.fold = countFold;
  recurrence.variant.replay = countReplay;
  folds = flushedFolds = flushedReplays = 0;
  Threads use(3);
  AffineProblem problem(options, 1, 5000, 2);
  ArgumentList arguments = problem.call();
  ASSERT_EQ(recur_call(&recurrence.info, arguments.pointers(), arguments.size(),
                       nullptr, 0, nullptr),
            RECUR_OK);
  EXPECT_GT(folds, 0);
  EXPECT_EQ(flushedFolds, folds);
  EXPECT_EQ(flushedReplays, 0);
  EXPECT_FALSE(flushesTiny());
}
#endif

// Packed sequences of every kind of length, empty ones first, last and between.
TEST(Engine, RunsSegments) {
  const std::vector<std::vector<int64_t>> cases = {
      {0},
      {0, 0},
      {0, 1},
      {0, 0, 0, 5, 5, 6, 6},
      {0, 1000, 1000, 1001, 3000, 3033, 3033},
      {0, 4000},
      {0, 3, 4000, 4000, 9000},
  };
  for (bool reverse : {false, true})
    for (int32_t threads : {1, 2, 5})
      for (const std::vector<int64_t> &cumulative : cases)
        for (int64_t d : {1, 6, 200}) {
          AffineOptions options{
              .reverse = reverse, .segments = true, .stepCost = expensive};
          AffineRecurrence recurrence(options);
          Threads use(threads);
          AffineProblem problem(options, 1, cumulative.back(), d, cumulative);
          EXPECT_EQ(callAndCompare(recurrence, problem), "")
              << cumulative.size() - 1 << " segments, d " << d << ", threads "
              << threads << (reverse ? ", reverse" : "");
        }
}

// Many short sequences are shared out by their lengths.
TEST(Engine, RunsManySegments) {
  std::vector<int64_t> cumulative = {0};
  for (int64_t k = 0; k < 500; ++k)
    cumulative.push_back(cumulative.back() + k * 7 % 13);
  AffineOptions options{.segments = true, .stepCost = expensive};
  AffineRecurrence recurrence(options);
  for (int32_t threads : {1, 3, 16}) {
    Threads use(threads);
    AffineProblem problem(options, 1, cumulative.back(), 3, cumulative);
    EXPECT_EQ(callAndCompare(recurrence, problem), "");
  }
}

// The final state may overwrite the start state, which resets in earlier tiles
// still read: those tiles are held up here until the last one would be done.
TEST(Engine, WritesFinalOverInitial) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  static recur_cpu_kernel replay = recurrence.variant.replay;
  recurrence.variant.replay = [](const recur_frame *frame,
                                 const recur_tile *tile, void *carry,
                                 void *summary, void *scratch) {
    if (tile->end < tile->sequence_end)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    replay(frame, tile, carry, summary, scratch);
  };
  Threads use(4);
  for (int repeat = 0; repeat < 5; ++repeat) {
    AffineProblem problem(options, 1, 3000, 3);
    problem.last = problem.h0;
    EXPECT_EQ(callAndCompare(recurrence, problem), "");
  }
}

// More threads than cores: waiting threads must let the others run.
TEST(Engine, RunsWithMoreThreadsThanCores) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(64);
  for (int repeat = 0; repeat < 5; ++repeat) {
    AffineProblem problem(options, 1, 40000, 2);
    EXPECT_EQ(callAndCompare(recurrence, problem), "");
  }
}

// An embedder's loop that runs everything on the caller must not deadlock,
// although it is asked for eight bodies.
TEST(Engine, RunsOnASequentialCallback) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(0);
  for (bool backwards : {false, true}) {
    int64_t calls = 0;
    struct User {
      bool backwards;
      int64_t *calls;
    } user{backwards, &calls};
    recur_set_parallel_for(
        [](void *context, int64_t n, void (*body)(void *, int64_t),
           void *bodyContext) {
          auto *user = static_cast<User *>(context);
          ++*user->calls;
          for (int64_t i = 0; i < n; ++i)
            body(bodyContext, user->backwards ? n - 1 - i : i);
        },
        &user, 8);
    EXPECT_EQ(recur_num_threads(), 8);
    AffineProblem problem(options, 1, 3000, 3);
    EXPECT_EQ(callAndCompare(recurrence, problem), "");
    EXPECT_EQ(calls, 1);
  }
}

// An embedder's loop with a thread for each body.
TEST(Engine, RunsOnAThreadedCallback) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(0);
  recur_set_parallel_for(
      [](void *, int64_t n, void (*body)(void *, int64_t), void *context) {
        std::vector<std::thread> threads;
        for (int64_t i = 0; i < n; ++i)
          threads.emplace_back(body, context, i);
        for (std::thread &thread : threads)
          thread.join();
      },
      nullptr, 5);
  for (int64_t d : {2, 50}) {
    AffineProblem problem(options, 1, 3000, d);
    EXPECT_EQ(callAndCompare(recurrence, problem), "");
  }
}

// A callback may make calls of its own, on the thread that is in a call.
TEST(Engine, RunsInsideACallback) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(0);
  AffineProblem inner(options, 1, 500, 3);
  struct User {
    AffineRecurrence *recurrence;
    AffineProblem *inner;
    int depth;
  } user{&recurrence, &inner, 0};
  recur_set_parallel_for(
      [](void *context, int64_t n, void (*body)(void *, int64_t),
         void *bodyContext) {
        auto *user = static_cast<User *>(context);
        if (user->depth++ == 0)
          EXPECT_EQ(callAndCompare(*user->recurrence, *user->inner), "");
        --user->depth;
        for (int64_t i = 0; i < n; ++i)
          body(bodyContext, i);
      },
      &user, 4);
  AffineProblem problem(options, 1, 3000, 3);
  EXPECT_EQ(callAndCompare(recurrence, problem), "");
}

// Several user threads share the pool.
TEST(Engine, RunsConcurrentCalls) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(4);
  std::vector<std::thread> callers;
  std::vector<std::string> differences(6);
  for (size_t k = 0; k < differences.size(); ++k)
    callers.emplace_back([&, k] {
      for (int repeat = 0; repeat < 30; ++repeat) {
        AffineProblem problem(options, 1, k % 2 ? 2000 : 9, k % 2 ? 3 : 300, {},
                              static_cast<uint32_t>(k));
        std::string text = callAndCompare(recurrence, problem);
        if (!text.empty())
          differences[k] = text;
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  for (const std::string &text : differences)
    EXPECT_EQ(text, "");
}

// Strided, permuted, reversed and broadcast views.
TEST(Engine, TakesAnyStrides) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(3);
  AffineProblem problem(options, 2, 300, 5);
  // The same elements, stored as [d,b,t] and with time running backwards.
  Tensor stored = problem.a.permuted({2, 0, 1}).compacted();
  problem.a = stored.permuted({1, 2, 0});
  Tensor flipped = problem.x.sliced(1, 299, -1, -1).compacted();
  problem.x = flipped.sliced(1, 299, -1, -1);
  EXPECT_EQ(callAndCompare(recurrence, problem), "");
}

// The caller's workspace is used where given, at any address.
TEST(Engine, UsesTheCallersWorkspace) {
  AffineOptions options{.stepCost = expensive};
  AffineRecurrence recurrence(options);
  Threads use(3);
  for (int64_t d : {3, 500}) {
    AffineProblem problem(options, 1, 2000, d);
    ArgumentList arguments = problem.call();
    size_t bytes = 0;
    ASSERT_EQ(recur_workspace(&recurrence.info, arguments.pointers(),
                              arguments.size(), &bytes),
              RECUR_OK);
    ASSERT_GT(bytes, 0u);
    for (size_t shift : {0, 1, 63}) {
      problem.poison();
      constexpr unsigned char guard = 0xa5;
      std::vector<unsigned char> memory(bytes + shift + 1, guard);
      ASSERT_EQ(recur_call(&recurrence.info, arguments.pointers(),
                           arguments.size(), memory.data() + shift, bytes,
                           nullptr),
                RECUR_OK)
          << recur_last_error();
      EXPECT_EQ(problem.difference(), "");
      EXPECT_EQ(memory.back(), guard) << "wrote past the workspace";
    }
    std::vector<char> small(bytes - 1);
    problem.poison();
    EXPECT_EQ(recur_call(&recurrence.info, arguments.pointers(),
                         arguments.size(), small.data(), small.size(), nullptr),
              RECUR_INVALID_WORKSPACE);
    EXPECT_EQ(std::string(recur_last_error()),
              "recurrence 'affine': expected a workspace of at least " +
                  std::to_string(bytes) + " bytes, found " +
                  std::to_string(bytes - 1));
    EXPECT_EQ(problem.y.as<int64_t>()[0], -0x7ead) << "wrote after an error";
  }
}
