//===-- ThreadPool.h - the runtime's own threads ----------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Where the bodies of a call run: on the runtime's own threads, or wherever
/// the embedder's recur_parallel_for puts them.
#ifndef RECUR_RUNTIME_LIB_THREADPOOL_H
#define RECUR_RUNTIME_LIB_THREADPOOL_H

#include <recur/runtime.h>

#include <atomic>
#include <pthread.h>

namespace recur::runtime {

/// Persistent threads that help callers with their loops. Several callers may
/// run loops at once; a caller works on its own loop too and so never depends
/// on a thread being free. Uses neither exceptions nor the C++ library.
class ThreadPool {
public:
  using Body = void (*)(void *context, int64_t i);

  /// Runs body(context, i) for i in [0, n) and returns when all are done. At
  /// most `helpers` threads are started to help.
  void parallelFor(int64_t n, Body body, void *context, int32_t helpers);

  /// Lets the threads end; later loops run on their callers alone.
  void shutDown();

  /// Keep the pool usable in a forked child, which inherits no threads.
  void beforeFork() { pthread_mutex_lock(&mutex); }
  void afterForkInParent() { pthread_mutex_unlock(&mutex); }
  void afterForkInChild();

private:
  /// One parallelFor, on its caller's stack.
  struct Loop {
    Body body;
    void *context;
    int64_t n;
    Loop *next;
    std::atomic<int64_t> claimed{0};
    std::atomic<int32_t> helping{0};

    void help();
    bool exhausted() const {
      return claimed.load(std::memory_order_relaxed) >= n;
    }
  };

  static constexpr int32_t maxThreads = 1024;
  static void *threadMain(void *pool);
  void work();
  Loop *joinLoop();
  void startThreads(int32_t wanted);
  void remove(Loop &loop);

  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t loopPosted = PTHREAD_COND_INITIALIZER;
  pthread_cond_t helperLeft = PTHREAD_COND_INITIALIZER;
  // Guarded by the mutex but for the counter, which idle threads watch.
  Loop *loops = nullptr;
  int32_t sleeping = 0;
  int32_t threadCount = 0;
  bool ending = false;
  pthread_t threads[maxThreads] = {};
  std::atomic<uint32_t> posts{0};
};

/// How the bodies of one call are to be run, read once per call.
struct Execution {
  recur_parallel_for run; ///< the embedder's, or null for the own pool
  void *user;
  int32_t threads; ///< bodies that can run at once, at least 1

  static Execution current();
  void parallelFor(int64_t n, ThreadPool::Body body, void *context) const;
};

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_THREADPOOL_H
