//===-- ExplainTest.cpp - tests of explanations ---------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// What the explanation of a scan says, and that its counts are those of a
/// count by hand.
//===----------------------------------------------------------------------===//

#include "AnalysisTest.h"

#include "compiler/Analysis/Explain.h"

using namespace mlir;
using namespace recur;

namespace {

OwningOpRef<ModuleOp> schedule(const std::string &text) {
  OwningOpRef<ModuleOp> module = parse(text);
  PassManager manager(&getContext());
  manager.addPass(createClassifyPass());
  manager.addPass(createLinearizePass());
  SchedulePassOptions options;
  options.targets.assign({"x86-64-v3", "sm_90a"});
  manager.addPass(createSchedulePass(options));
  if (!module || failed(manager.run(*module)))
    return {};
  return module;
}

std::string explainText(ModuleOp module,
                        const llvm::StringMap<int64_t> &sizes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.walk([&](ScanOp scan) { explain(scan, sizes, os); });
  return text;
}

// Bytes of S6: u, delta, z and y of 2 bytes at [b,t,d], B and C at [b,t,n], A
// at [d,n], D and bias at [d].
TEST(Explain, CountsOfTheSelectiveScan) {
  auto module = schedule(readSpec("selective_scan"));
  ASSERT_TRUE(module);
  llvm::StringMap<int64_t> sizes = {
      {"b", 1}, {"t", 2048}, {"d", 1536}, {"n", 16}};
  ScanOp scan = *getFunction(*module).getOps<ScanOp>().begin();
  std::optional<algebra::Work> work = countWork(scan, sizes);
  ASSERT_TRUE(work);
  double btd = 2048. * 1536, btn = 2048. * 16, dn = 1536. * 16;
  EXPECT_EQ(work->bytesRead, 3 * 2 * btd + 2 * 2 * btn + 4 * dn + 8 * 1536);
  EXPECT_EQ(work->bytesWritten, 2 * btd);
  // exp at [b,t,d,n], softplus and silu (two each) at [b,t,d].
  EXPECT_EQ(work->special, btd * 16 + 4 * btd);
  // Without a size there is no total.
  sizes.erase("n");
  EXPECT_FALSE(countWork(scan, sizes));
}

TEST(Explain, SaysWhatWasRecognised) {
  auto module = schedule(readSpec("selective_scan"));
  ASSERT_TRUE(module);
  std::string text =
      explainText(*module, {{"b", 1}, {"t", 2048}, {"d", 1536}, {"n", 16}});
  for (const char *line :
       {"selective_scan over t\n", "recognised: diagonal\n",
        "state h[b,d,n]: f32, starts at 0\n",
        "a = exp(softplus(delta + bias) * A)    (over steps exp(A * sum of "
        "softplus(delta + bias)))\n",
        "b = softplus(delta + bias) * B * u\n",
        "do not vary over t: A, D, bias\n",
        "x86-64-v3: segments, 8 lanes along d, unit stride there  <- "
        "preferred: "
        "d is the last index of 4 tensors that vary over t\n",
        "sm_90a (H100", "sm_90a (H200", "operations a byte\n"})
    EXPECT_NE(text.find(line), std::string::npos) << "no '" << line << "' in\n"
                                                  << text;
}

TEST(Explain, OperatorsKeepTheirBrackets) {
  auto module =
      schedule("recurrence f over t (x[b,t], y[b,t]) -> (h[b,t]) { "
               "state h[b]\n"
               "h = (x - (y - x)) / (x * (y + 1)) * prev(h) + -(x + y) }");
  ASSERT_TRUE(module);
  std::string text = explainText(*module, {});
  EXPECT_NE(text.find("a = (x - (y - x)) / (x * (y + 1))\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("b = -(x + y)\n"), std::string::npos) << text;
  // No sizes, no times.
  EXPECT_EQ(text.find("least time"), std::string::npos);
}

TEST(Explain, NoRecurrence) {
  auto module = schedule("recurrence f over t (x[b,t]) -> (y[b,t]) { "
                         "state h[b]\n y = prev(h)\n h = 2 * x }");
  ASSERT_TRUE(module);
  EXPECT_NE(explainText(*module, {}).find("there is no recurrence"),
            std::string::npos);
}

} // namespace
