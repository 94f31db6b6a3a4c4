//===-- ExplainGpu.cpp - GPU schedules of an artifact ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Makes the artifact, reads its description, and lets the runtime's own plan
/// choose for a device by its data sheet.
//===----------------------------------------------------------------------===//

#include "compiler/Tools/recurc/ExplainGpu.h"

#include "compiler/Driver/Jit.h"
#include "runtime/lib/GpuPlan.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <map>

using namespace recur;
using namespace recur::recurc;
using namespace recur::runtime;

/// A device of `capability` as its vendor describes it (as compiler/Algebra's
/// cost model does), or of the next older kind.
static GpuDevice describeDevice(unsigned capability) {
  static const GpuDevice known[] = {
      {0, "A100", {80, 108, 1.41, 2039, 2048, 32, 65536, 164 << 10, 163 << 10}},
      {0, "H100", {90, 132, 1.98, 3350, 2048, 32, 65536, 228 << 10, 227 << 10}},
      {0,
       "B200",
       {100, 148, 1.965, 7700, 2048, 32, 65536, 228 << 10, 227 << 10}}};
  GpuDevice found = known[0];
  for (const GpuDevice &device : known)
    if (device.machine.capability <= static_cast<int>(capability))
      found = device;
  if (found.machine.capability != static_cast<int>(capability)) {
    // Other parts differ in size, which their names do not tell.
    std::strcat(found.name, "-like");
    found.machine.capability = static_cast<int32_t>(capability);
  }
  return found;
}

static llvm::StringRef describePhase(int32_t phase) {
  constexpr llvm::StringLiteral names[] = {"scan", "fold", "combine", "replay"};
  return names[phase];
}

static void listVariants(const recur_info &info, llvm::raw_ostream &os) {
  os << "GPU schedules of " << info.name << ":\n";
  for (int32_t v = 0; v < info.n_gpu_variants; ++v) {
    const recur_gpu_variant &variant = info.gpu_variants[v];
    os << "  " << variant.images[0].target << ": " << variant.name << ":";
    for (int32_t k = 0; k < variant.n_kernels; ++k) {
      const recur_gpu_kernel &kernel = variant.kernels[k];
      os << (k ? ", " : " ") << describePhase(kernel.phase) << " of "
         << kernel.block << " threads";
      if (kernel.time_tile)
        os << " for " << kernel.time_tile << " steps";
      if (kernel.shared_bytes)
        os << " with " << kernel.shared_bytes << " B shared";
    }
    os << "\n";
  }
}

namespace {
/// Row-major tensors that nothing backs.
class Arguments {
public:
  Arguments(const recur_info &info, const std::map<std::string, int64_t> &sizes)
      : tensors(info.n_arguments), shapes(info.n_arguments) {
    for (int32_t a = 0; a < info.n_arguments; ++a) {
      const recur_argument &argument = info.arguments[a];
      for (int32_t axis = 0; axis < argument.rank; ++axis) {
        const recur_dim &dim = info.dims[argument.dims[axis]];
        auto given = sizes.find(dim.name);
        int64_t size = dim.size;
        if (given != sizes.end())
          size = given->second;
        complete &= size >= 0;
        shapes[a].push_back(size + (argument.role == RECUR_SEGMENTS));
      }
      // Apart by more than any tensor is long.
      tensors[a].data = reinterpret_cast<void *>(uint64_t(a + 1) << 48);
      tensors[a].device = {kDLCUDA, 0};
      tensors[a].ndim = argument.rank;
      tensors[a].dtype = argument.dtype;
      tensors[a].shape = shapes[a].data();
      pointers.push_back(&tensors[a]);
    }
  }
  bool complete = true;
  std::vector<const DLTensor *> pointers;

private:
  std::vector<DLTensor> tensors;
  std::vector<std::vector<int64_t>> shapes;
};

class TrialList final : public GpuTrialObserver {
public:
  struct Line {
    const recur_gpu_variant *variant;
    std::string text;
  };
  void tried(const GpuTrial &trial) override {
    std::string text;
    llvm::raw_string_ostream os(text);
    if (trial.refusal)
      os << "not taken: " << trial.refusal;
    else
      os << "estimated " << llvm::format("%.4g", trial.nanoseconds * 1e-3)
         << " us";
    lines.push_back({trial.variant, text});
  }
  std::vector<Line> lines;
};
} // namespace

static llvm::Error explainChoice(const recur_info &info,
                                 const TargetSpec &target,
                                 const std::map<std::string, int64_t> &sizes,
                                 llvm::raw_ostream &os) {
  Arguments arguments(info, sizes);
  if (!arguments.complete)
    return llvm::Error::success();
  GpuDevice device = describeDevice(target.level);
  CheckedArguments checked;
  GpuPlan plan;
  TrialList trials;
  if (checked.check(info, arguments.pointers.data(), info.n_arguments) ||
      plan.make(checked, device, &trials))
    return llvm::createStringError(recur_last_error());
  os << "at these sizes on an " << device.name << ":\n";
  for (const TrialList::Line &line : trials.lines)
    os << "  " << line.variant->images[0].target << ": " << line.variant->name
       << ": " << line.text
       << (line.variant == plan.variant ? "  <- chosen" : "") << "\n";
  return llvm::Error::success();
}

Outcome
recur::recurc::explainGpu(Compilation &compilation,
                          llvm::ArrayRef<std::pair<std::string, int64_t>> sizes,
                          std::string &text) {
  std::string object;
  if (Outcome outcome = compilation.emitObject(object); outcome != Outcome::Ok)
    return outcome;
  auto code = JitObject::load(object);
  if (!code)
    return compilation.refuse(llvm::toString(code.takeError()));
  std::map<std::string, int64_t> known(sizes.begin(), sizes.end());
  llvm::raw_string_ostream os(text);
  for (const std::string &name : compilation.getFunctionNames()) {
    auto info = (*code)->info(name);
    if (!info)
      return compilation.refuse(llvm::toString(info.takeError()));
    listVariants(**info, os);
    for (const TargetSpec &target : compilation.getPipelineOptions().targets)
      if (llvm::Error error = explainChoice(**info, target, known, os))
        return compilation.refuse(llvm::toString(std::move(error)));
  }
  return Outcome::Ok;
}
