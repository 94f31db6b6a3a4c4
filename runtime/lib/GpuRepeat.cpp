//===-- GpuRepeat.cpp - calls like earlier ones ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What a plan depends on is compared: the artifact by what it says and by the
/// hash of its code (a program may unload it and load another in its place),
/// the device, dtypes, shapes, strides, alignment, and RECUR_SCHEDULE. What
/// depends on addresses is checked again when one has changed, but only as far
/// as is quick; what then seems to overlap is left to the full checks.
#include "runtime/lib/GpuRepeat.h"

#include "runtime/lib/GpuGraph.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <pthread.h>

using namespace recur::runtime;
using namespace recur::runtime::cuda;

namespace {

constexpr int32_t rememberedCalls = 16;
/// Calls with more are not remembered.
constexpr int32_t maxArguments = 32, maxAxes = 128, maxKernels = 4;

struct RememberedArgument {
  recur_argument description;
  DLDevice device;
  DLDataType dtype;
  bool hasStrides;
  /// Largest power of two up to alignmentCap that divides the address.
  uintptr_t alignment;
  int64_t lowest, highest; ///< bytes from the address; both 0: empty
  uintptr_t address;       ///< in the latest call
};

struct RememberedCall {
  // Null: there is none.
  const recur_info *info = nullptr;

  // The artifact.
  recur_info artifact;
  int32_t variantIndex;
  recur_gpu_variant variant;
  recur_gpu_kernel kernels[maxKernels];
  uint64_t codeHash;
  int64_t codeBytes;

  // The arguments; shapes and strides of all, one after the other.
  uintptr_t alignmentCap;
  RememberedArgument arguments[maxArguments];
  int64_t shapes[maxAxes], strides[maxAxes];
  char schedule[80]; ///< what RECUR_SCHEDULE said

  // Where.
  const GpuDevice *device;
  unsigned long long context;

  // What it came to.
  size_t workspaceBytes;
  uintptr_t workspaceBegin, workspaceEnd; ///< of the latest call
  GpuLaunch launch;
  GpuGraph graph; ///< of the same
  int32_t wordCount;
  uint64_t words[maxArguments + 2 + RECUR_MAX_DIMS + maxAxes];
};

struct RememberedCalls {
  RememberedCall calls[rememberedCalls];
  int32_t latest = 0, oldest = 0;
};
thread_local RememberedCalls *remembered;

pthread_once_t keyOnce = PTHREAD_ONCE_INIT;
pthread_key_t key;
bool hasKey;

/// Graphs of threads that have ended, where the driver cannot be called any
/// more: the next thread that makes one in their context gives them back.
struct LeftGraph {
  GpuGraph graph;
  unsigned long long context;
  LeftGraph *next;
};
LeftGraph *leftGraphs;
pthread_mutex_t leftMutex = PTHREAD_MUTEX_INITIALIZER;

void leaveGraphs(const RememberedCalls &all) {
  for (const RememberedCall &call : all.calls) {
    if (!call.info || !call.graph.executable)
      continue;
    auto *left = static_cast<LeftGraph *>(std::malloc(sizeof(LeftGraph)));
    if (!left)
      return;
    pthread_mutex_lock(&leftMutex);
    *left = {call.graph, call.context, leftGraphs};
    leftGraphs = left;
    pthread_mutex_unlock(&leftMutex);
  }
}

/// Those of the current context.
void releaseLeftGraphs(const Driver &driver, unsigned long long context) {
  pthread_mutex_lock(&leftMutex);
  for (LeftGraph **place = &leftGraphs; *place;) {
    LeftGraph *left = *place;
    if (left->context != context) {
      place = &left->next;
      continue;
    }
    *place = left->next;
    left->graph.release(driver);
    std::free(left);
  }
  pthread_mutex_unlock(&leftMutex);
}

void makeKey() {
  hasKey = pthread_key_create(&key, [](void *memory) {
             leaveGraphs(*static_cast<RememberedCalls *>(memory));
             std::free(memory);
             remembered = nullptr; // for calls of other destructors
           }) == 0;
}

/// The thread's memory of calls; null when it cannot be had.
RememberedCalls *makeRemembered() {
  if (remembered)
    return remembered;
  pthread_once(&keyOnce, makeKey);
  auto *made = hasKey ? static_cast<RememberedCalls *>(
                            std::calloc(1, sizeof(RememberedCalls)))
                      : nullptr;
  if (made && pthread_setspecific(key, made) != 0) {
    std::free(made);
    made = nullptr;
  }
  return remembered = made;
}

const char *scheduleOf() {
  const char *schedule = std::getenv("RECUR_SCHEDULE");
  return schedule ? schedule : "";
}

uintptr_t alignmentOf(uintptr_t address, uintptr_t cap) {
  address |= cap;
  return address & -address;
}

uintptr_t addressOf(const DLTensor &tensor) {
  return reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset;
}

bool isWritten(const RememberedArgument &argument) {
  return argument.description.role == RECUR_RESULT ||
         argument.description.role == RECUR_FINAL;
}

ByteRange rangeAt(const RememberedArgument &argument, uintptr_t address) {
  return {address + argument.lowest, address + argument.highest};
}

bool intersect(ByteRange x, ByteRange y) {
  return x.begin < y.end && y.begin < x.end;
}

/// Whether the artifact still says what it did. Nothing of the remembered
/// variant is followed before it is known to be alive.
bool sameArtifact(const RememberedCall &call, const recur_info &info) {
  if (std::memcmp(&info, &call.artifact, sizeof info) != 0)
    return false;
  const recur_gpu_variant &variant = info.gpu_variants[call.variantIndex];
  if (std::memcmp(&variant, &call.variant, sizeof variant) != 0 ||
      variant.images[0].hash != call.codeHash ||
      variant.images[0].size != call.codeBytes)
    return false;
  for (int32_t k = 0; k < variant.n_kernels; ++k)
    if (std::memcmp(&variant.kernels[k], &call.kernels[k],
                    sizeof(recur_gpu_kernel)) != 0)
      return false;
  return true;
}

bool sameWords(const int64_t *x, const int64_t *y, int32_t count) {
  for (int32_t k = 0; k < count; ++k)
    if (x[k] != y[k])
      return false;
  return true;
}

/// Whether all that a plan depends on is as it was, but for the context.
bool samePlan(const RememberedCall &call, const GpuRequest &request) {
  if (call.info != request.info || !sameArtifact(call, *request.info) ||
      request.count != request.info->n_arguments)
    return false;
  int32_t axis = 0;
  for (int32_t a = 0; a < request.count; ++a) {
    const RememberedArgument &argument = call.arguments[a];
    const DLTensor *tensor = request.tensors[a];
    const recur_argument &now = request.info->arguments[a];
    if (!tensor || tensor->device.device_type != argument.device.device_type ||
        tensor->device.device_id != argument.device.device_id ||
        tensor->dtype.code != argument.dtype.code ||
        tensor->dtype.bits != argument.dtype.bits ||
        tensor->dtype.lanes != argument.dtype.lanes ||
        (tensor->strides != nullptr) != argument.hasStrides ||
        std::memcmp(&now, &argument.description, sizeof now) != 0)
      return false;
    int32_t rank = argument.description.rank;
    if (tensor->ndim != rank || (rank > 0 && !tensor->shape) ||
        !sameWords(tensor->shape, call.shapes + axis, rank) ||
        (tensor->strides &&
         !sameWords(tensor->strides, call.strides + axis, rank)) ||
        alignmentOf(addressOf(*tensor), call.alignmentCap) !=
            argument.alignment)
      return false;
    axis += rank;
  }
  return std::strcmp(scheduleOf(), call.schedule) == 0;
}

/// Whether memory that moved is apart from the results' and the workspace's. A
/// final state in the very place of the initial one was so in the remembered
/// call too.
bool liesApart(const RememberedCall &call, const uintptr_t *addresses,
               ByteRange workspace) {
  for (int32_t a = 0; a < call.info->n_arguments; ++a) {
    const RememberedArgument &argument = call.arguments[a];
    ByteRange range = rangeAt(argument, addresses[a]);
    if (range.begin != range.end && intersect(range, workspace))
      return false;
    if (!isWritten(argument))
      continue;
    for (int32_t o = 0; o < call.info->n_arguments; ++o) {
      const RememberedArgument &other = call.arguments[o];
      if (o == a || (isWritten(other) && o < a))
        continue;
      bool isInPlace = other.description.role == RECUR_INITIAL &&
                       argument.description.role == RECUR_FINAL &&
                       addresses[o] == addresses[a] &&
                       other.address == argument.address;
      if (!isInPlace && intersect(range, rangeAt(other, addresses[o])))
        return false;
    }
  }
  return true;
}

/// Checks what depends on addresses, and notes them.
bool checkAddresses(RememberedCall &call, const GpuRequest &request,
                    const Driver &driver) {
  ByteRange workspace = {0, 0};
  if (call.workspaceBytes > 0) {
    workspace.begin = reinterpret_cast<uintptr_t>(request.workspace);
    workspace.end = workspace.begin + request.workspaceBytes;
    if (!request.workspace || request.workspaceBytes < call.workspaceBytes)
      return false;
  }
  bool isSame = workspace.begin == call.workspaceBegin &&
                workspace.end == call.workspaceEnd;
  uintptr_t addresses[maxArguments];
  for (int32_t a = 0; a < call.info->n_arguments; ++a) {
    addresses[a] = addressOf(*request.tensors[a]);
    isSame &= addresses[a] == call.arguments[a].address;
  }
  if (isSame)
    return true;
  if (!liesApart(call, addresses, workspace))
    return false;
  const char *name = call.info->name;
  for (int32_t a = 0; a < call.info->n_arguments; ++a) {
    const RememberedArgument &argument = call.arguments[a];
    ByteRange range = rangeAt(argument, addresses[a]);
    if (addresses[a] != argument.address &&
        checkMemory(driver, *call.device,
                    {range.begin, range.end, name, argument.description.name}))
      return false;
  }
  if (checkMemory(driver, *call.device,
                  {workspace.begin, workspace.end, name, nullptr}))
    return false;
  for (int32_t a = 0; a < call.info->n_arguments; ++a) {
    call.arguments[a].address = addresses[a];
    call.words[a] = addresses[a];
  }
  call.workspaceBegin = workspace.begin;
  call.workspaceEnd = workspace.end;
  call.words[call.info->n_arguments] = alignWorkspace(request.workspace);
  call.graph.isStale = true;
  return true;
}

/// Whether the thread's current context is the one of the call. Drivers before
/// CUDA 12 cannot say, since a new context may have the handle of an old one.
bool sameContext(const RememberedCall &call, const Driver &driver) {
  Context context = nullptr;
  unsigned long long id = 0;
  return driver.ctxGetId && driver.ctxGetCurrent(&context) == 0 && context &&
         driver.ctxGetId(context, &id) == 0 && id == call.context;
}

} // namespace

bool recur::runtime::repeatOnGpu(const GpuRequest &request, int &status) {
  RememberedCalls *all = remembered;
  if (!all || !request.tensors)
    return false;
  for (int32_t k = 0; k < rememberedCalls; ++k) {
    int32_t index = (all->latest + k) % rememberedCalls;
    RememberedCall &call = all->calls[index];
    if (!call.info || !samePlan(call, request))
      continue;
    const Driver *driver = openDriver(status);
    if (!driver || !sameContext(call, *driver) ||
        !checkAddresses(call, request, *driver))
      return false;
    all->latest = index;
    status = RECUR_OK;
    if (!call.graph.run(*driver, call.launch,
                        call.words[call.info->n_arguments], call.words,
                        call.wordCount, request.stream))
      status =
          launchKernels(*driver, *call.info, call.variant.name, call.launch,
                        call.words, call.wordCount, request.stream);
    return true;
  }
  return false;
}

void recur::runtime::rememberOnGpu(const GpuRequest &request,
                                   const CheckedArguments &arguments,
                                   const GpuDevice &device,
                                   unsigned long long context,
                                   const GpuPlan &plan, const GpuLaunch &launch,
                                   const uint64_t *words, int32_t wordCount) {
  const recur_info &info = arguments.info();
  const char *schedule = scheduleOf();
  int32_t axes = 0;
  for (int32_t a = 0; a < info.n_arguments; ++a)
    axes += info.arguments[a].rank;
  if (info.n_arguments > maxArguments || axes > maxAxes ||
      plan.variant->n_kernels > maxKernels ||
      std::strlen(schedule) >= sizeof RememberedCall::schedule)
    return;
  // Whatever a variant asks of addresses has to be told from the alignment.
  int64_t cap = 16;
  for (int32_t v = 0; v < info.n_gpu_variants; ++v)
    cap = std::max(cap, info.gpu_variants[v].vector_bytes);
  if (cap > 4096 || (cap & (cap - 1)) != 0)
    return;
  RememberedCalls *all = makeRemembered();
  if (!all)
    return;
  // A call in another context, or with memory that overlaps in part, takes the
  // place of the one that it is like.
  int32_t index = -1;
  for (int32_t k = 0; k < rememberedCalls && index < 0; ++k)
    if (all->calls[k].info && samePlan(all->calls[k], request))
      index = k;
  bool isLike = index >= 0;
  if (!isLike) {
    index = all->oldest;
    all->oldest = (all->oldest + 1) % rememberedCalls;
  }
  RememberedCall &call = all->calls[index];
  call.info = nullptr;
  // The same call again keeps its graph. One of another context, which may be
  // gone, is left alone.
  int status;
  const Driver *driver = openDriver(status);
  bool isHere = call.context == context && driver && driver->ctxGetId;
  bool keepsGraph = isHere && isLike && call.graph.stream == request.stream;
  if (isHere && !keepsGraph)
    call.graph.release(*driver);
  std::memcpy(&call.artifact, &info, sizeof info);
  call.variantIndex = static_cast<int32_t>(plan.variant - info.gpu_variants);
  // Bytes that are padding are compared, too.
  std::memcpy(&call.variant, plan.variant, sizeof call.variant);
  std::memcpy(call.kernels, plan.variant->kernels,
              sizeof(recur_gpu_kernel) *
                  static_cast<size_t>(plan.variant->n_kernels));
  call.codeHash = plan.variant->images[0].hash;
  call.codeBytes = plan.variant->images[0].size;
  call.alignmentCap = static_cast<uintptr_t>(cap);
  int32_t axis = 0;
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    const DLTensor &tensor = *request.tensors[a];
    StridedView view = arguments.view(a);
    ByteRange range = byteRange(view);
    RememberedArgument &argument = call.arguments[a];
    std::memcpy(&argument.description, &info.arguments[a],
                sizeof argument.description);
    argument.device = tensor.device;
    argument.dtype = tensor.dtype;
    argument.hasStrides = tensor.strides != nullptr;
    argument.alignment = alignmentOf(view.address, call.alignmentCap);
    argument.lowest = static_cast<int64_t>(range.begin - view.address);
    argument.highest = static_cast<int64_t>(range.end - view.address);
    argument.address = view.address;
    for (int32_t k = 0; k < view.rank; ++k, ++axis) {
      call.shapes[axis] = view.sizes[k];
      call.strides[axis] = view.strides[k];
    }
  }
  std::strcpy(call.schedule, schedule);
  call.device = &device;
  call.context = context;
  call.workspaceBytes = static_cast<size_t>(plan.workspaceBytes);
  call.workspaceBegin = call.workspaceEnd = 0;
  if (plan.workspaceBytes > 0) {
    call.workspaceBegin = reinterpret_cast<uintptr_t>(request.workspace);
    call.workspaceEnd = call.workspaceBegin + request.workspaceBytes;
  }
  call.launch = launch;
  call.wordCount = wordCount;
  std::copy_n(words, wordCount, call.words);
  call.graph.isStale = true;
  if (!keepsGraph)
    call.graph = {};
  if (!keepsGraph && driver && driver->ctxGetId) {
    releaseLeftGraphs(*driver, context);
    call.graph.make(*driver, launch, call.words[info.n_arguments], call.words,
                    wordCount, request.stream);
  }
  call.info = &info;
  all->latest = index;
}
