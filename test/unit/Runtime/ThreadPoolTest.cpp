//===-- ThreadPoolTest.cpp - the runtime's own threads --------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Every index runs once, threads really run at once, and the pool outlives
/// forks and a shut-down.
#include "runtime/lib/ThreadPool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace recur::runtime;

namespace {

/// A pool that ends with its test.
class OwnPool {
public:
  ~OwnPool() { pool->shutDown(); }
  ThreadPool *operator->() { return pool.get(); }

private:
  std::unique_ptr<ThreadPool> pool = std::make_unique<ThreadPool>();
};

void countOnce(void *context, int64_t i) {
  static_cast<std::atomic<int> *>(context)[i].fetch_add(1);
}

} // namespace

TEST(ThreadPool, RunsEveryIndexOnce) {
  OwnPool pool;
  for (int64_t n : {0, 1, 2, 100})
    for (int32_t helpers : {0, 1, 7}) {
      std::vector<std::atomic<int>> counts(static_cast<size_t>(n));
      pool->parallelFor(n, countOnce, counts.data(), helpers);
      for (const std::atomic<int> &count : counts)
        EXPECT_EQ(count.load(), 1);
    }
}

// Bodies that wait for each other end only if they run at the same time.
TEST(ThreadPool, RunsBodiesAtOnce) {
  OwnPool pool;
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::atomic<int> arrived{0};
    pool->parallelFor(
        4,
        [](void *context, int64_t) {
          auto &arrived = *static_cast<std::atomic<int> *>(context);
          arrived.fetch_add(1);
          while (arrived.load() < 4)
            std::this_thread::yield();
        },
        &arrived, 3);
    EXPECT_EQ(arrived.load(), 4);
    if (repeat % 10 == 0) // long enough for the threads to fall asleep
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(ThreadPool, ServesSeveralCallers) {
  OwnPool pool;
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 5; ++caller)
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 200; ++repeat) {
        std::vector<std::atomic<int>> counts(50);
        pool->parallelFor(50, countOnce, counts.data(), 3);
        for (const std::atomic<int> &count : counts)
          wrong += count.load() != 1;
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong.load(), 0);
}

// A child inherits none of the threads and must start its own.
TEST(ThreadPool, WorksInAForkedChild) {
  auto loop = [] {
    std::vector<std::atomic<int>> counts(64);
    Execution{nullptr, nullptr, 4}.parallelFor(64, countOnce, counts.data());
    for (const std::atomic<int> &count : counts)
      if (count.load() != 1)
        return false;
    return true;
  };
  ASSERT_TRUE(loop());
  pid_t child = fork();
  if (child == 0)
    _exit(loop() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(loop());
}

TEST(ThreadPool, RunsOnTheCallerAfterShutDown) {
  OwnPool pool;
  std::vector<std::atomic<int>> counts(8);
  pool->parallelFor(8, countOnce, counts.data(), 2);
  pool->shutDown();
  pool->parallelFor(8, countOnce, counts.data(), 2);
  for (const std::atomic<int> &count : counts)
    EXPECT_EQ(count.load(), 2);
}

TEST(Threads, CanBeSet) {
  EXPECT_EQ(recur_set_num_threads(3), RECUR_OK);
  EXPECT_EQ(recur_num_threads(), 3);
  EXPECT_EQ(recur_set_num_threads(-1), RECUR_INVALID_ARGUMENT);
  EXPECT_STREQ(recur_last_error(),
               "recur_set_num_threads: expected 0 (the default) to 1024 "
               "threads, found -1");
  EXPECT_EQ(recur_num_threads(), 3);
  EXPECT_EQ(recur_set_num_threads(0), RECUR_OK);
  EXPECT_GE(recur_num_threads(), 1);
}
