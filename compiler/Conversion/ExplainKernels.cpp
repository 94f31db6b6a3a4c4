//===-- ExplainKernels.cpp - what kernels save ----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The kernels themselves are asked, so that what is said is what they do.
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/ExplainKernels.h"

#include "compiler/Conversion/CpuKernels.h"
#include "compiler/Conversion/TileKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace recur;

static constexpr llvm::StringLiteral kPowers =
    "the transition of many steps is a power of one, made once";

namespace {
class SavingsList {
public:
  void add(ScheduleAttr schedule, StringRef saving) {
    std::string name = schedule.getTarget().starts_with("sm_")
                           ? schedule.getAlgorithm().str() + " "
                           : "lanes ";
    name += "along " + schedule.getLanes().str();
    std::string text = (schedule.getTarget() + ": " + saving).str();
    auto *line = llvm::find_if(
        lines, [&](const Line &other) { return other.text == text; });
    if (line == lines.end())
      line = lines.insert(line, {text, {}});
    if (!llvm::is_contained(line->schedules, name))
      line->schedules.push_back(name);
  }

  void addCpu(ScheduleAttr schedule, CpuKernels &kernels) {
    CpuKernels::Savings savings = kernels.getSavings();
    if (savings.powers)
      add(schedule, kPowers);
    if (savings.exponents)
      add(schedule, "decays add in the exponent, one exponential for many "
                    "steps");
    if (savings.squareSteps)
      add(schedule, "squares: vectors of " +
                        std::to_string(schedule.getWidth()) + " segments of " +
                        std::to_string(savings.squareSteps) +
                        " steps, transposed in registers");
  }

  void print(llvm::raw_ostream &os) const {
    if (!lines.empty())
      os << "saved:\n";
    for (const Line &line : lines)
      os << "  " << line.text << " (" << llvm::join(line.schedules, ", ")
         << ")\n";
  }

private:
  struct Line {
    std::string text;
    SmallVector<std::string, 2> schedules;
  };
  SmallVector<Line, 4> lines;
};
} // namespace

void recur::explainKernels(ScanLikeOpInterface scan, const Signature &signature,
                           llvm::raw_ostream &os) {
  std::optional<ArrayAttr> schedules = scan.getSchedules();
  bool isCoarse = hasCoarseTanh(scan);
  if (!schedules || !(scan.isAffine() || isCoarse))
    return;
  // Types of it are made though no kernel is.
  scan.getContext()->loadDialect<LLVM::LLVMDialect>();
  SavingsList list;
  StringRef time = scan.getSpace().getName(scan.getSpace().getTime());
  auto affine = dyn_cast<ScanOp>(scan.getOperation());
  for (auto schedule : schedules->getAsRange<ScheduleAttr>()) {
    if (isCoarse) {
      if (schedule.getTarget().starts_with("sm_"))
        list.add(schedule, "tanh is one instruction of a relative error of "
                           "2^-11, as all over time has 16 bits");
      continue;
    }
    if (!schedule.getTarget().starts_with("sm_")) {
      CpuKernels kernels(scan, schedule, signature);
      // (where states are read apart there are no lanes along time)
      FailureOr<bool> apart = schedule.getLanes() == time
                                  ? kernels.readsStatesApart()
                                  : FailureOr<bool>(false);
      if (succeeded(apart) && !*apart)
        list.addCpu(schedule, kernels);
    } else if (affine && schedule.isTiled() && TileKernels::isTileable(scan) &&
               TileKernels(affine, schedule, signature).hasPowers()) {
      list.add(schedule, kPowers);
    }
  }
  list.print(os);
}
