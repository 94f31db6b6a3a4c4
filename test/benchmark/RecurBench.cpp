//===-- RecurBench.cpp - the speed of compiled recurrences ----------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// recur-bench: a line a case with its time, the bytes a second it moves, how
/// that compares with a streaming loop of the same run, and its error.

#include "BenchCase.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <set>
#include <variant>

using namespace recur::bench;

static const char usage[] =
    R"(usage: recur-bench [--target NAME]... [--tune] [--quick] [--filter TEXT]
                   [--threads N] [--json FILE]

Times recurrences compiled for this machine, against a streaming loop a*x+c on
as many bytes and, for the selective scan, against plain loops in C++; and
compilations.

  --target NAME  cpu, x86-64-v2, x86-64-v3, x86-64-v4: runs every case with it;
                 cuda: runs cases on the GPU of this machine; sm_80, sm_90a, ...:
                 times compilations to PTX. May be repeated; the default is cpu
                 and sm_90a, with --tune cpu alone
  --tune         times every schedule that the artifacts hold and that takes a
                 case's arguments, marks the one that the runtime chooses with a
                 star, and says at the end where another is faster, and by how
                 much. (On a machine with a GPU but without this program,
                 test/benchmark/peers.py --tune does so.)
  --quick        cases of some thousand elements: to see that all works
  --filter TEXT  only cases whose `name shape dtype layout target` contains TEXT
  --threads N    threads of kernels and loops (default 2)
  --json FILE    writes the table as JSON too

The columns: ms is a median; GB/s counts every argument once; ratio is to the
streaming loop, with --tune to the best schedule; error is ||out - ref|| / ||ref|| against the interpreter.
)";

namespace {
struct Options {
  std::vector<std::string> targets;
  std::string filter, json;
  int threads = 2;
  bool tune = false, quick = false;
};
} // namespace

/// The options, or the status to end with.
static std::variant<Options, int> parse(int argc, char **argv) {
  Options options;
  auto wrong = [](const llvm::Twine &message) {
    llvm::errs() << "recur-bench: error: " << message << "\n" << usage;
    return 2;
  };
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    if (flag == "--help") {
      llvm::outs() << usage;
      return 0;
    }
    if (flag == "--tune" || flag == "--quick") {
      (flag == "--tune" ? options.tune : options.quick) = true;
      continue;
    }
    if (flag != "--target" && flag != "--filter" && flag != "--json" &&
        flag != "--threads")
      return wrong("unknown argument '" + flag + "'");
    if (i + 1 == argc)
      return wrong("expected a value after " + flag);
    std::string value = argv[++i];
    if (flag == "--target")
      options.targets.push_back(value);
    else if (flag == "--filter")
      options.filter = value;
    else if (flag == "--json")
      options.json = value;
    else if (llvm::StringRef(value).getAsInteger(10, options.threads) ||
             options.threads < 1 || options.threads > 1024)
      return wrong("expected 1 to 1024 threads, found '" + value + "'");
  }
  if (options.targets.empty())
    options.targets = options.tune ? std::vector<std::string>{"cpu"}
                                   : std::vector<std::string>{"cpu", "sm_90a"};
  return options;
}

static void printRow(llvm::StringRef name, llvm::StringRef shape,
                     llvm::StringRef dtype, llvm::StringRef layout,
                     llvm::StringRef target, llvm::StringRef threads,
                     llvm::StringRef ms, llvm::StringRef gbs,
                     llvm::StringRef ratio, llvm::StringRef error) {
  llvm::outs() << llvm::formatv("{0,-24} {1,-16} {2,-5} {3,-8} {4,-10} {5,+7} "
                                "{6,+10} {7,+8} {8,+6} {9,+9}\n",
                                name, shape, dtype, layout, target, threads, ms,
                                gbs, ratio, error);
  llvm::outs().flush();
}

static std::string format(std::optional<double> value, const char *how) {
  char text[32];
  if (!value)
    return "-";
  snprintf(text, sizeof text, how, *value);
  return text;
}

static void printLine(const Line &line) {
  printRow(line.name, line.shape, line.dtype, line.layout, line.target,
           std::to_string(line.threads), format(line.ms, "%.3f"),
           format(line.gbs, "%.2f"), format(line.ratio, "%.2f"),
           format(line.error, "%.1e"));
}

static llvm::json::Value toJson(const Line &line) {
  auto optional = [](std::optional<double> value) -> llvm::json::Value {
    // JSON has no NaN and no infinity.
    if (!value || !std::isfinite(*value))
      return nullptr;
    return *value;
  };
  return llvm::json::Object{{"name", line.name},
                            {"shape", line.shape},
                            {"dtype", line.dtype},
                            {"layout", line.layout},
                            {"target", line.target},
                            {"threads", line.threads},
                            {"ms", line.ms},
                            {"gbs", optional(line.gbs)},
                            {"ratio", optional(line.ratio)},
                            {"error", optional(line.error)},
                            {"operations", optional(line.operations)}};
}

static bool writeJson(const std::string &path, const std::vector<Line> &lines) {
  std::error_code error;
  llvm::raw_fd_ostream out(path, error);
  if (error) {
    llvm::errs() << "recur-bench: error: cannot write '" << path
                 << "': " << error.message() << "\n";
    return false;
  }
  llvm::json::Array cases;
  for (const Line &line : lines)
    cases.push_back(toJson(line));
  out << llvm::formatv("{0:2}\n", llvm::json::Value(llvm::json::Object{
                                      {"cases", std::move(cases)}}));
  return true;
}

/// Where the runtime chose wrong.
static void reportChoices(const std::vector<TunedCase> &tuned) {
  double worst = 1;
  size_t good = 0;
  for (const TunedCase &each : tuned) {
    worst = std::max(worst, each.factor);
    good += each.factor <= 1.1;
  }
  llvm::outs() << llvm::formatv(
      "the choice is within 10 % of the best in {0} of {1} cases; at worst it "
      "takes {2:f2} times as long\n",
      good, tuned.size(), worst);
  for (const TunedCase &each : tuned)
    if (each.factor > 1.1)
      llvm::outs() << llvm::formatv(
          "  {0:f2} {1}: chose '{2}', best is '{3}'\n", each.factor, each.text,
          each.chosen, each.best);
}

int main(int argc, char **argv) {
  auto parsed = parse(argc, argv);
  if (int *status = std::get_if<int>(&parsed))
    return *status;
  const Options &options = std::get<Options>(parsed);
  std::string self = llvm::sys::fs::getMainExecutable(
      argv[0], reinterpret_cast<void *>(&main));
  llvm::SmallString<256> recurc = llvm::sys::path::parent_path(self);
  llvm::sys::path::append(recurc, "recurc");

  printRow("name", "shape", "dtype", "layout", "target", "threads", "ms",
           "GB/s", "ratio", "error");
  std::vector<Line> lines;
  bool failed = false;
  auto take = [&](std::optional<std::vector<Line>> more) {
    failed |= !more;
    if (more)
      for (Line &line : *more) {
        printLine(line);
        lines.push_back(line);
      }
  };
  auto isChosen = [&](const std::string &text) {
    return text.find(options.filter) != std::string::npos;
  };
  std::vector<TunedCase> tuned;
  // On a GPU nothing streams beside the cases: the schedule that is chosen is
  // one of those that --tune times.
  auto tune = [&](const BenchCase &benchCase, const std::string &target) {
    std::optional<TunedCase> all = tuneCase(benchCase, target, options.threads);
    if (!all)
      return take(std::nullopt);
    if (options.tune)
      tuned.push_back(*all);
    else
      llvm::erase_if(all->lines, [&](Line &line) {
        line.ratio = std::nullopt;
        return !llvm::StringRef(line.name).ends_with("*");
      });
    take(all->lines);
  };
  for (const std::string &target : options.targets) {
    bool onGpu = target == "cuda";
    if (!llvm::StringRef(target).starts_with("sm_"))
      for (BenchCase benchCase : onGpu ? gpuCases() : benchCases()) {
        if (options.quick)
          benchCase = shrink(benchCase);
        if (!isChosen(benchCase.name + " " + shapeOf(benchCase) + " " +
                      benchCase.dtype + " " + benchCase.layout + " " + target))
          continue;
        if (onGpu || options.tune)
          tune(benchCase, target);
        else
          take(runCase(benchCase, target, options.threads));
      }
    if (onGpu || options.tune)
      continue;
    if (!llvm::StringRef(target).starts_with("sm_") && isChosen("peak"))
      for (int threads : std::set<int>{1, options.threads})
        take({{runPeak(threads)}});
    if (isChosen("compile " + target))
      take(runCompilations(target, recurc.str().str()));
  }
  if (!tuned.empty())
    reportChoices(tuned);
  if (!options.json.empty())
    failed |= !writeJson(options.json, lines);
  return failed;
}
