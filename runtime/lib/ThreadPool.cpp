//===-- ThreadPool.cpp - the runtime's own threads ------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Idle threads watch a counter for some microseconds, so that calls in quick
/// succession find them awake, and then sleep on a condition variable.
#include "runtime/lib/ThreadPool.h"

#include "runtime/lib/Error.h"
#include "runtime/lib/Machine.h"

#include <cstdlib>
#include <signal.h>
#include <time.h>

using namespace recur::runtime;

namespace {

constexpr int64_t spinNanoseconds = 20'000;

int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/// Spins until `done()` or until some microseconds passed.
template <typename Done> bool spinUntil(Done done) {
  int64_t deadline = 0;
  for (int32_t round = 0;; ++round) {
    if (done())
      return true;
    relaxCore();
    if (round % 64 == 63) {
      int64_t now = nanoseconds();
      if (deadline == 0)
        deadline = now + spinNanoseconds;
      else if (now > deadline)
        return false;
    }
  }
}

class Locked {
public:
  explicit Locked(pthread_mutex_t &mutex) : mutex(mutex) {
    pthread_mutex_lock(&mutex);
  }
  ~Locked() { pthread_mutex_unlock(&mutex); }
  Locked(const Locked &) = delete;

private:
  pthread_mutex_t &mutex;
};

constinit ThreadPool pool;

pthread_mutex_t settingsMutex = PTHREAD_MUTEX_INITIALIZER;
Execution settings = {nullptr, nullptr, 0}; // threads 0: not looked up yet
int32_t ownThreads = 0;

/// The default: RECUR_NUM_THREADS where it is a positive number, else the
/// cores this process may use.
int32_t defaultThreads() {
  if (const char *text = std::getenv("RECUR_NUM_THREADS")) {
    char *end;
    long value = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && value > 0 && value <= 1024)
      return static_cast<int32_t>(value);
  }
  return usableCores();
}

int32_t ownThreadsLocked() {
  if (ownThreads == 0)
    ownThreads = defaultThreads();
  return ownThreads;
}

[[gnu::constructor]] void watchForks() {
  pthread_atfork(
      [] {
        pthread_mutex_lock(&settingsMutex);
        pool.beforeFork();
      },
      [] {
        pool.afterForkInParent();
        pthread_mutex_unlock(&settingsMutex);
      },
      [] {
        pool.afterForkInChild();
        pthread_mutex_init(&settingsMutex, nullptr);
      });
}

// Threads must not outlive the code they run when the library is unloaded.
[[gnu::destructor]] void endThreads() { pool.shutDown(); }

} // namespace

//===----------------------------------------------------------------------===//
// ThreadPool
//===----------------------------------------------------------------------===//

void ThreadPool::Loop::help() {
  for (;;) {
    int64_t i = claimed.fetch_add(1, std::memory_order_relaxed);
    if (i >= n)
      return;
    body(context, i);
  }
}

void ThreadPool::parallelFor(int64_t n, Body body, void *context,
                             int32_t helpers) {
  if (helpers > n - 1)
    helpers = static_cast<int32_t>(n - 1);
  if (helpers <= 0) {
    for (int64_t i = 0; i < n; ++i)
      body(context, i);
    return;
  }
  Loop loop{body, context, n, nullptr};
  {
    Locked lock(mutex);
    startThreads(helpers);
    Loop **last = &loops;
    while (*last)
      last = &(*last)->next;
    *last = &loop;
    posts.fetch_add(1, std::memory_order_release);
    if (sleeping > 0)
      pthread_cond_broadcast(&loopPosted);
  }
  loop.help();
  {
    Locked lock(mutex);
    remove(loop); // nobody joins from here on
  }
  auto allLeft = [&] {
    return loop.helping.load(std::memory_order_acquire) == 0;
  };
  if (spinUntil(allLeft))
    return;
  Locked lock(mutex);
  while (!allLeft())
    pthread_cond_wait(&helperLeft, &mutex);
}

void ThreadPool::remove(Loop &loop) {
  for (Loop **at = &loops; *at; at = &(*at)->next)
    if (*at == &loop) {
      *at = loop.next;
      return;
    }
}

/// Joins the oldest loop that has indices left; the mutex is held.
ThreadPool::Loop *ThreadPool::joinLoop() {
  for (Loop *loop = loops; loop; loop = loop->next)
    if (!loop->exhausted()) {
      loop->helping.fetch_add(1, std::memory_order_relaxed);
      return loop;
    }
  return nullptr;
}

void ThreadPool::startThreads(int32_t wanted) {
  if (wanted > maxThreads)
    wanted = maxThreads;
  if (ending || threadCount >= wanted)
    return;
  // Signals are the program's business, not for these threads to receive.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (threadCount < wanted) {
    // Without the thread the loop still ends: its caller does the work.
    if (pthread_create(&threads[threadCount], nullptr, threadMain, this) != 0)
      break;
    ++threadCount;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void *ThreadPool::threadMain(void *pool) {
  static_cast<ThreadPool *>(pool)->work();
  return nullptr;
}

void ThreadPool::work() {
  uint32_t seen = posts.load(std::memory_order_acquire) - 1;
  for (;;) {
    spinUntil([&] { return posts.load(std::memory_order_acquire) != seen; });
    Loop *loop;
    {
      Locked lock(mutex);
      while (!(loop = joinLoop())) {
        if (ending)
          return;
        seen = posts.load(std::memory_order_relaxed);
        ++sleeping;
        pthread_cond_wait(&loopPosted, &mutex);
        --sleeping;
      }
      seen = posts.load(std::memory_order_relaxed);
    }
    loop->help();
    if (loop->helping.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      // The loop may be gone already; only the pool is touched.
      Locked lock(mutex);
      pthread_cond_broadcast(&helperLeft);
    }
  }
}

void ThreadPool::shutDown() {
  int32_t count;
  {
    Locked lock(mutex);
    ending = true;
    count = threadCount;
    threadCount = 0;
    posts.fetch_add(1, std::memory_order_release);
    pthread_cond_broadcast(&loopPosted);
  }
  for (int32_t k = 0; k < count; ++k)
    pthread_join(threads[k], nullptr);
}

void ThreadPool::afterForkInChild() {
  pthread_mutex_init(&mutex, nullptr);
  pthread_cond_init(&loopPosted, nullptr);
  pthread_cond_init(&helperLeft, nullptr);
  loops = nullptr;
  sleeping = 0;
  threadCount = 0;
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

Execution Execution::current() {
  Locked lock(settingsMutex);
  if (settings.run)
    return settings;
  return {nullptr, nullptr, ownThreadsLocked()};
}

void Execution::parallelFor(int64_t n, ThreadPool::Body body,
                            void *context) const {
  if (n == 1)
    body(context, 0);
  else if (run)
    run(user, n, body, context);
  else
    pool.parallelFor(n, body, context, threads - 1);
}

extern "C" void recur_set_parallel_for(recur_parallel_for run, void *user,
                                       int32_t threads) {
  Locked lock(settingsMutex);
  settings = {run, user, threads > 0 ? threads : 1};
}

extern "C" int recur_set_num_threads(int32_t threads) {
  if (threads < 0 || threads > 1024)
    return fail(RECUR_INVALID_ARGUMENT,
                "recur_set_num_threads: expected 0 (the default) to 1024 "
                "threads, found %d",
                threads);
  clearError();
  Locked lock(settingsMutex);
  ownThreads = threads;
  return RECUR_OK;
}

extern "C" int32_t recur_num_threads(void) {
  return Execution::current().threads;
}
