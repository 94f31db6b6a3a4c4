//===-- RunOnGpu.cpp - recurc run on a GPU --------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Staging, the call, and times.
//===----------------------------------------------------------------------===//

#include "compiler/Tools/recurc/RunOnGpu.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>

using namespace recur;
using namespace recur::recurc;

namespace {
/// The arguments of one call, on the device.
class GpuRun {
public:
  GpuRun(Gpu &gpu, const recur_info &info, Arrays &arrays)
      : gpu(gpu), info(info), arrays(arrays) {}

  llvm::Error stage();
  llvm::Error call() const;
  llvm::Error time() const;
  llvm::Error report() const;
  llvm::Error fetch();

private:
  const DLTensor *const *pointers() const { return list.data(); }
  int32_t count() const { return static_cast<int32_t>(list.size()); }

  Gpu &gpu;
  const recur_info &info;
  Arrays &arrays;
  std::vector<DLTensor> views;
  std::vector<const DLTensor *> list;
  void *workspace = nullptr;
  size_t workspaceBytes = 0;
};
} // namespace

/// Bytes from the first to the last element.
static size_t getSpan(const DLTensor &view) {
  int64_t last = 0;
  for (int axis = 0; axis < view.ndim; ++axis) {
    if (view.shape[axis] == 0)
      return 0;
    last += (view.shape[axis] - 1) * view.strides[axis];
  }
  return static_cast<size_t>((last + 1) * view.dtype.bits / 8);
}

static llvm::Error lastError() {
  return llvm::createStringError(recur_last_error());
}

static double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

llvm::Error GpuRun::stage() {
  for (unsigned number = 0; number < arrays.size(); ++number) {
    DLTensor view = arrays[number].dl();
    size_t bytes = getSpan(view);
    auto memory = gpu.allocate(bytes);
    if (!memory)
      return memory.takeError();
    // Results too: between the elements of a strided one nothing may change.
    if (llvm::Error error = gpu.copyIn(*memory, view.data, bytes))
      return error;
    view.data = *memory;
    view.device = {kDLCUDA, 0};
    views.push_back(view);
  }
  for (const DLTensor &view : views)
    list.push_back(&view);
  if (recur_workspace(&info, pointers(), count(), &workspaceBytes) != RECUR_OK)
    return lastError();
  if (workspaceBytes == 0)
    return llvm::Error::success();
  auto memory = gpu.allocate(workspaceBytes);
  if (!memory)
    return memory.takeError();
  workspace = *memory;
  return llvm::Error::success();
}

llvm::Error GpuRun::call() const {
  if (recur_call(&info, pointers(), count(), workspace, workspaceBytes,
                 gpu.getStream()) != RECUR_OK)
    return lastError();
  return llvm::Error::success();
}

llvm::Error GpuRun::time() const {
  using Clock = std::chrono::steady_clock;
  std::vector<double> device, host;
  double total = 0;
  // At least 5 runs, and as many as fit into a second.
  while (device.size() < 5 || (total < 1 && device.size() < 1000)) {
    auto begin = Clock::now();
    auto milliseconds = gpu.time([&]() -> llvm::Error {
      auto start = Clock::now();
      llvm::Error error = call();
      host.push_back(
          std::chrono::duration<double>(Clock::now() - start).count());
      return error;
    });
    if (!milliseconds)
      return milliseconds.takeError();
    device.push_back(*milliseconds * 1e-3);
    total += std::chrono::duration<double>(Clock::now() - begin).count();
  }
  const char *variant = "";
  if (recur_select(&info, pointers(), count(), &variant) != RECUR_OK)
    return lastError();
  double seconds = median(device);
  llvm::outs() << "time: " << llvm::format("%.4g", seconds * 1e3)
               << " ms (median of " << device.size() << "), "
               << llvm::format("%.4g", static_cast<double>(arrays.bytes()) /
                                           seconds * 1e-9)
               << " GB/s; " << llvm::format("%.3g", median(host) * 1e6)
               << " us of the host a call\n"
               << "device: " << gpu.getName() << "; schedule: " << variant
               << '\n';
  return llvm::Error::success();
}

/// What Newton's method found, where it ran; after the results have come.
llvm::Error GpuRun::report() const {
  recur_report found;
  if (recur_read_report(&info, pointers(), count(), workspace, workspaceBytes,
                        &found, nullptr, 0) != RECUR_OK)
    return lastError();
  if (found.channels == 0)
    return llvm::Error::success();
  llvm::outs() << "newton: at most " << found.passes
               << " passes for a tile, residual "
               << llvm::format("%.1e", found.residual) << "; of "
               << found.channels << " channels " << found.finished_in_order
               << " were finished in order, " << found.not_finite
               << " became infinite or no number\n";
  return llvm::Error::success();
}

llvm::Error GpuRun::fetch() {
  for (unsigned number = 0; number < arrays.size(); ++number) {
    int32_t role = info.arguments[number].role;
    if (role != RECUR_RESULT && role != RECUR_FINAL)
      continue;
    DLTensor host = arrays[number].dl();
    if (llvm::Error error =
            gpu.copyOut(host.data, views[number].data, getSpan(host)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error recur::recurc::runOnGpu(Gpu &gpu, const recur_info &info,
                                    Arrays &arrays, bool isTimed) {
  GpuRun run(gpu, info, arrays);
  if (llvm::Error error = run.stage())
    return error;
  if (llvm::Error error = run.call())
    return error;
  if (isTimed)
    if (llvm::Error error = run.time())
      return error;
  if (llvm::Error error = run.fetch())
    return error;
  return run.report();
}
