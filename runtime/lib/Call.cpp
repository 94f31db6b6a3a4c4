//===-- Call.cpp - the calls of generated recurrences ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur_call and its queries: check, plan, find workspace, run.
#include "runtime/lib/Arguments.h"
#include "runtime/lib/Engine.h"
#include "runtime/lib/Error.h"
#include "runtime/lib/GpuCall.h"
#include "runtime/lib/Plan.h"
#include "runtime/lib/ThreadPool.h"

#include <cinttypes>
#include <cstdlib>
#include <pthread.h>

using namespace recur::runtime;

namespace {

/// Workspace that a thread keeps between its calls. It grows and is freed with
/// the thread.
struct KeptWorkspace {
  char *memory;
  int64_t bytes;
  bool inUse; ///< by a call further up this thread's stack
};
thread_local KeptWorkspace kept;

pthread_once_t keyOnce = PTHREAD_ONCE_INIT;
pthread_key_t keptKey;

void makeKey() {
  pthread_key_create(&keptKey, [](void *memory) {
    std::free(memory);
    kept = {}; // for calls that other destructors of this thread make
  });
}

/// Workspace for one call: the caller's, the thread's, or (when a call runs
/// inside another, from an embedder's parallel loop) memory of its own.
class Workspace {
public:
  Workspace() = default;
  Workspace(const Workspace &) = delete;
  ~Workspace() {
    if (usesKept)
      kept.inUse = false;
    std::free(own);
  }

  /// Null when memory cannot be had.
  char *find(void *callers, int64_t bytes) {
    if (bytes == 0)
      return nullptr;
    if (callers)
      return align(static_cast<char *>(callers));
    if (kept.inUse) {
      own = static_cast<char *>(std::malloc(bytes));
      return align(own);
    }
    if (kept.bytes < bytes) {
      std::free(kept.memory);
      // Some room to grow, so that slowly growing sizes do not allocate in
      // every call.
      int64_t room = bytes + bytes / 4;
      kept.memory = static_cast<char *>(std::malloc(room));
      kept.bytes = kept.memory ? room : 0;
      pthread_once(&keyOnce, makeKey);
      pthread_setspecific(keptKey, kept.memory);
    }
    usesKept = kept.inUse = kept.memory != nullptr;
    return align(kept.memory);
  }

private:
  static char *align(char *memory) {
    auto address = reinterpret_cast<uintptr_t>(memory);
    return memory ? memory + (-address & 63) : nullptr;
  }

  char *own = nullptr;
  bool usesKept = false;
};

/// The part that all calls share.
int check(const recur_info *info, const DLTensor *const *tensors, int32_t count,
          CheckedArguments &arguments) {
  if (!info)
    return fail(RECUR_INVALID_ARGUMENT,
                "expected the description of a recurrence, found a null "
                "pointer");
  return arguments.check(*info, tensors, count);
}

/// What the queries ask for.
struct Choice {
  const char *variant;
  int64_t workspaceBytes;
};

int choose(const recur_info *info, const DLTensor *const *tensors,
           int32_t count, Choice &choice) {
  CheckedArguments arguments;
  if (int status = check(info, tensors, count, arguments))
    return status;
  if (arguments.onGpu()) {
    GpuPlan plan;
    if (int status = planOnGpu(arguments, plan))
      return status;
    choice = {plan.variant->name, plan.workspaceBytes};
    return RECUR_OK;
  }
  Plan plan;
  if (int status = plan.make(arguments, Execution::current().threads))
    return status;
  choice = {plan.name(), plan.workspaceBytes};
  return RECUR_OK;
}

} // namespace

const void *recur::runtime::findKeptWorkspace(int64_t bytes) {
  return kept.memory && kept.bytes >= bytes && !kept.inUse ? kept.memory
                                                           : nullptr;
}

extern "C" int recur_call(const recur_info *info,
                          const DLTensor *const *tensors, int32_t count,
                          void *workspace, size_t workspaceBytes,
                          void *stream) {
  clearError();
  GpuRequest request = {info,           tensors,
                        count,          workspace,
                        workspaceBytes, static_cast<cuda::Stream>(stream)};
  if (int status; repeatOnGpu(request, status))
    return status;
  CheckedArguments arguments;
  if (int status = check(info, tensors, count, arguments))
    return status;
  if (arguments.onGpu())
    return callOnGpu(arguments, request);
  Execution execution = Execution::current();
  Plan plan;
  if (int status = plan.make(arguments, execution.threads))
    return status;
  if (workspace)
    if (int status = checkWorkspace(arguments, plan.workspaceBytes, workspace,
                                    workspaceBytes))
      return status;
  Workspace memory;
  char *found = memory.find(workspace, plan.workspaceBytes);
  if (!found && plan.workspaceBytes > 0)
    return fail(RECUR_OUT_OF_MEMORY,
                "recurrence '%s': could not allocate %" PRId64
                " bytes of workspace",
                info->name, plan.workspaceBytes);
  Engine(arguments, plan, found).run(execution);
  return RECUR_OK;
}

extern "C" int recur_workspace(const recur_info *info,
                               const DLTensor *const *tensors, int32_t count,
                               size_t *bytes) {
  clearError();
  if (!bytes)
    return fail(RECUR_INVALID_ARGUMENT,
                "recur_workspace: expected where to store the bytes, found a "
                "null pointer");
  Choice choice;
  if (int status = choose(info, tensors, count, choice))
    return status;
  *bytes = static_cast<size_t>(choice.workspaceBytes);
  return RECUR_OK;
}

extern "C" int recur_select(const recur_info *info,
                            const DLTensor *const *tensors, int32_t count,
                            const char **variant) {
  clearError();
  if (!variant)
    return fail(RECUR_INVALID_ARGUMENT,
                "recur_select: expected where to store the name, found a null "
                "pointer");
  Choice choice;
  if (int status = choose(info, tensors, count, choice))
    return status;
  *variant = choice.variant;
  return RECUR_OK;
}
