//===-- TargetSpec.cpp - target names -------------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The lists of known targets and the check of a name against them.
//===----------------------------------------------------------------------===//

#include "compiler/Target/TargetSpec.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace recur;
using llvm::StringRef;

/// The chips that PTX 8.8 describes and that have the instructions the kernels
/// use (bf16 conversions need sm_80).
static constexpr StringRef gpuChips[] = {
    "sm_80",   "sm_86",  "sm_87",   "sm_89",  "sm_90",   "sm_90a", "sm_100",
    "sm_100a", "sm_103", "sm_103a", "sm_120", "sm_120a", "sm_121", "sm_121a"};

/// The lowest PTX version that has all of gpuChips; LLVM's default for a chip
/// can be too old for the chip's own instructions.
static constexpr StringRef ptxFeature = "+ptx88";

static constexpr StringRef cpuLevels[] = {"x86-64-v2", "x86-64-v3",
                                          "x86-64-v4"};

static TargetSpec makeX86(unsigned level) {
  TargetSpec spec;
  spec.name = spec.chip = cpuLevels[level - 2].str();
  spec.level = level;
  return spec;
}

TargetSpec TargetSpec::host() {
#if defined(__x86_64__) || defined(_M_X64)
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names,
                        [&](StringRef name) { return features.lookup(name); });
  };
  bool v3 =
      has({"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"});
  bool v4 = has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  return makeX86(v3 && v4 ? 4 : v3 ? 3 : 2);
#else
  TargetSpec spec;
  spec.name = "cpu";
  spec.chip = llvm::sys::getHostCPUName().str();
  return spec;
#endif
}

std::string TargetSpec::known() {
  return "cpu, " + llvm::join(llvm::ArrayRef(cpuLevels), ", ") + ", " +
         llvm::join(llvm::ArrayRef(gpuChips), ", ");
}

llvm::Expected<TargetSpec> TargetSpec::parse(StringRef name) {
  if (name == "cpu")
    return host();
  if (const auto *it = llvm::find(cpuLevels, name); it != std::end(cpuLevels))
    return makeX86(2 + (it - std::begin(cpuLevels)));
  if (llvm::is_contained(gpuChips, name)) {
    TargetSpec spec;
    spec.kind = Kind::Gpu;
    spec.name = spec.chip = name.str();
    spec.features = ptxFeature.str();
    StringRef digits = name.drop_front(3);
    spec.exact = digits.consume_back("a");
    digits.getAsInteger(10, spec.level);
    return spec;
  }
  return llvm::createStringError("unknown target '" + name.str() +
                                 "', expected one of " + known());
}

llvm::Expected<TargetSpec> TargetSpec::forCapability(unsigned capability) {
  // Later names are of later chips, and code for exactly one chip comes after
  // that for all that follow it.
  for (StringRef name : llvm::reverse(gpuChips)) {
    llvm::Expected<TargetSpec> spec = parse(name);
    if (spec && (spec->level == capability ||
                 (!spec->exact && spec->level < capability)))
      return spec;
    if (!spec)
      llvm::consumeError(spec.takeError());
  }
  return llvm::createStringError(
      "expected a GPU of capability 8.0 or later, found " +
      llvm::Twine(capability / 10) + "." + llvm::Twine(capability % 10));
}
