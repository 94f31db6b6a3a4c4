//===-- compiler/Target/SideThread.h - work beside the caller's -*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A thread for a part of a compilation. A process that may not start threads
/// still compiles.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_SIDETHREAD_H
#define RECUR_COMPILER_TARGET_SIDETHREAD_H

#include <functional>
#include <pthread.h>

namespace recur {

/// Runs `body` on a thread, or in `join` where there is none to be had.
class SideThread {
public:
  explicit SideThread(std::function<void()> run) : body(std::move(run)) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    // As much as a main thread has: LLVM recurses deeply.
    pthread_attr_setstacksize(&attributes, size_t(8) << 20);
    started = pthread_create(
                  &thread, &attributes,
                  [](void *self) -> void * {
                    static_cast<SideThread *>(self)->body();
                    return nullptr;
                  },
                  this) == 0;
    pthread_attr_destroy(&attributes);
  }
  SideThread(const SideThread &) = delete;
  SideThread &operator=(const SideThread &) = delete;
  ~SideThread() { join(); }

  /// Waits for the end of `body`.
  void join() {
    if (isDone)
      return;
    isDone = true;
    if (started)
      pthread_join(thread, nullptr);
    else
      body();
  }

private:
  std::function<void()> body;
  pthread_t thread;
  bool started = false, isDone = false;
};

} // namespace recur

#endif // RECUR_COMPILER_TARGET_SIDETHREAD_H
