//===-- CommandLine.cpp - what recurc is asked to do ----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The flags of `recurc` and of `recurc run`, with their help.
//===----------------------------------------------------------------------===//

#include "compiler/Tools/recurc/CommandLine.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sstream>

using namespace recur::recurc;

int recur::recurc::usageError(const std::string &message, bool isRun) {
  std::fprintf(stderr, "recurc: error: %s\nrecurc: try 'recurc %s--help'\n",
               message.c_str(), isRun ? "run " : "");
  return ExitUsage;
}

namespace {
/// Help in two columns that fit into 80.
class HelpFormatter : public CLI::Formatter {
public:
  HelpFormatter() {
    column_width(26);
    label("OPTIONS", "FLAGS");
    label("Positionals", "Arguments");
  }
  std::string make_option_desc(const CLI::Option *option) const override {
    std::istringstream words(option->get_description());
    std::string text, line, word;
    while (words >> word) {
      if (!line.empty() && line.size() + 1 + word.size() > 53) {
        text += line + "\n";
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    return text + line;
  }
};

/// Splits `x=FILE` at the first '='.
bool split(const std::string &text, std::pair<std::string, std::string> &pair) {
  size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    return false;
  pair = {text.substr(0, at), text.substr(at + 1)};
  return true;
}

std::optional<std::string>
splitAll(const char *flag, const std::vector<std::string> &from,
         std::vector<std::pair<std::string, std::string>> &to) {
  for (const std::string &text : from) {
    std::pair<std::string, std::string> pair;
    if (!split(text, pair))
      return std::string(flag) + ": expected NAME=FILE, found '" + text + "'";
    for (const auto &other : to)
      if (other.first == pair.first)
        return std::string(flag) + ": '" + pair.first + "' is given twice";
    to.push_back(std::move(pair));
  }
  return std::nullopt;
}

std::optional<std::string>
readSizes(const std::vector<std::string> &from,
          std::vector<std::pair<std::string, int64_t>> &to) {
  for (const std::string &text : from) {
    std::pair<std::string, std::string> pair;
    char *end = nullptr;
    long long size = -1;
    if (split(text, pair)) {
      errno = 0;
      size = std::strtoll(pair.second.c_str(), &end, 10);
    }
    if (!end || *end || size < 0 || errno)
      return "--size: expected INDEX=SIZE with a size of at least 0, found '" +
             text + "'";
    for (const auto &other : to)
      if (other.first == pair.first)
        return "--size: '" + pair.first + "' is given twice";
    to.emplace_back(pair.first, size);
  }
  return std::nullopt;
}

/// Takes a comma for a separator of list elements.
CLI::Option *list(CLI::Option *option) {
  return option->delimiter(',')->expected(1)->take_all()->allow_extra_args(
      false);
}

void addCommon(CLI::App &app, CommandLine &line) {
  app.add_option("SPEC", line.spec, "The spec, or - for the standard input")
      ->type_name("");
  app.add_option("--name", line.name,
                 "Take only the recurrence NAME of the spec")
      ->type_name("NAME");
  app.add_option(
         "--schedule", line.schedule,
         "Use this schedule instead of the one the cost model picks: "
         "KEY=VALUE with commas, keys algorithm, lanes, width, segment, "
         "contiguous, and for tiles on GPUs steps, group, chunks, warps, "
         "stages")
      ->type_name("KEY=VALUE");
  app.add_option("--tolerance", line.tolerance,
                 "Where Newton's method solves a step that is not affine: the "
                 "correction under which a channel has converged, relative to "
                 "its states (default: 1e-5 for f32 states, 1e-10 for f64)")
      ->type_name("X");
  app.add_option("--passes", line.passes,
                 "And after how many passes a channel is finished in order "
                 "(default: 16)")
      ->type_name("N");
}

/// Lower case at the start and no full stop, as all our messages.
std::string asMessage(std::string text) {
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(text[0]));
  while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
    text.pop_back();
  return text;
}

std::optional<int> parse(CLI::App &app, int argc, const char *const *argv,
                         const CommandLine &line) {
  app.set_help_flag("-h,--help", "Print this and exit");
  app.formatter(std::make_shared<HelpFormatter>());
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion &) {
    std::printf("recurc " RECUR_VERSION " (LLVM " RECUR_LLVM_VERSION ")\n");
    return ExitOk;
  } catch (const CLI::CallForHelp &) {
    std::fputs(app.help().c_str(), stdout);
    return ExitOk;
  } catch (const CLI::ParseError &error) {
    return usageError(asMessage(error.what()), line.isRun);
  }
  return std::nullopt;
}

std::optional<int> parseCompile(int argc, const char *const *argv,
                                CommandLine &line) {
  CLI::App app("Compiles recurrences over time.\n"
               "Without --emit, explains what was recognised and what it "
               "costs.",
               "recurc");
  std::vector<std::string> sizes;
  addCommon(app, line);
  list(app.add_option("--target", line.targets,
                      "What to make code for: cpu (this machine), x86-64-v2, "
                      "x86-64-v3, x86-64-v4, sm_80, sm_90, sm_90a, sm_100, "
                      "...; can be repeated (default: cpu)"))
      ->type_name("TARGET");
  app.add_option("--emit", line.emit,
                 "What to write: recur, classified, scheduled, kernel, llvm, "
                 "ptx, cubin, object, header or shared")
      ->type_name("WHAT");
  app.add_option("-o", line.output,
                 "Where to write it, - for the standard output (the default "
                 "for text)")
      ->type_name("PATH");
  app.add_option("--compile-to", line.compileTo,
                 "Stop after this phase and print the IR: recur, classified, "
                 "scheduled, kernel or llvm")
      ->type_name("PHASE");
  app.add_flag("--explain", line.explain,
               "Print what was recognised, the schedules and why, and the "
               "work and time they need");
  list(app.add_option("--size", sizes,
                      "Sizes that --explain counts with, such as b=1,t=2048"))
      ->type_name("INDEX=SIZE");
  app.add_flag("--print-pipeline", line.printPipeline,
               "Print the passes up to --compile-to or --emit as recur-opt "
               "takes them with --pass-pipeline");
  app.add_option("--save-temps", line.saveTemps,
                 "Also write what every phase makes into DIR")
      ->type_name("DIR");
  app.add_flag("--gradient", line.gradient,
               "Also make the backward pass (not supported yet)");
  app.set_version_flag("--version", "", "Print the version and exit");
  app.footer(
      "'recurc run SPEC ...' compiles and runs a spec on .npy files, see\n"
      "'recurc run --help'.\n"
      "Exit codes: 0 success, 1 error, 2 wrong usage, 70 internal "
      "error.");
  if (auto code = ::parse(app, argc, argv, line))
    return code;
  if (auto message = readSizes(sizes, line.sizes))
    return usageError(*message, false);
  return std::nullopt;
}

std::optional<int> parseRun(int argc, const char *const *argv,
                            CommandLine &line) {
  CLI::App app("Compiles a spec and runs it on .npy files.", "recurc run");
  std::vector<std::string> inputs, outputs;
  std::string target;
  addCommon(app, line);
  app.add_option("--in", inputs,
                 "The array of an argument; files have the declared dtype, f32 "
                 "files are rounded for bf16 arguments")
      ->type_name("NAME=FILE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--out", outputs,
                 "Where to write a result; bf16 results are written as f32")
      ->type_name("NAME=FILE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option(
         "--target", target,
         "Where to run: cpu (default), cuda (the CPU where there is no GPU), a "
         "target such as x86-64-v3 or sm_90a, or interpreter, which runs every "
         "spec, slowly, in f64")
      ->type_name("TARGET");
  app.add_option("--threads", line.threads,
                 "Threads to use (default: as many as the machine has)")
      ->type_name("N");
  app.add_flag("--time", line.time,
               "Print the median time of several runs and the bandwidth; on a "
               "GPU the time there, and what a call takes of the host");
  app.add_flag("--check", line.check,
               "Compare with the reference interpreter; exit with 1 when the "
               "relative error is over 1e-5 (f32), 1e-2 (bf16, f16) or 1e-12 "
               "(f64)");
  if (auto code = ::parse(app, argc, argv, line))
    return code;
  line.targets = {target.empty() ? "cpu" : target};
  if (line.threads < 0 || line.threads > 4096)
    return usageError("--threads: expected 1 to 4096, found " +
                          std::to_string(line.threads),
                      true);
  if (auto message = splitAll("--in", inputs, line.inputs))
    return usageError(*message, true);
  if (auto message = splitAll("--out", outputs, line.outputs))
    return usageError(*message, true);
  return std::nullopt;
}
} // namespace

std::optional<int> recur::recurc::parse(int argc, const char *const *argv,
                                        CommandLine &commandLine) {
  // A spec called `run` can be given as ./run.
  commandLine.isRun = argc > 1 && std::string(argv[1]) == "run";
  std::optional<int> code = commandLine.isRun
                                ? parseRun(argc - 1, argv + 1, commandLine)
                                : parseCompile(argc, argv, commandLine);
  if (code)
    return code;
  if (commandLine.spec.empty() && !commandLine.printPipeline)
    return usageError("expected the path of a spec", commandLine.isRun);
  return std::nullopt;
}
