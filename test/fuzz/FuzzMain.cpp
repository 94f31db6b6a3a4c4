//===-- FuzzMain.cpp - mutates inputs where libFuzzer is missing ----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Runs the inputs of a corpus, then mutations of them and generated specs, for
/// a number of seconds. The same seed gives the same inputs. An input that
/// crashes is left in crash.recur.
#include "Fuzz.h"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>
#include <vector>

namespace {

std::string current;

/// Only calls that are allowed in a signal handler.
void keepCrash(int signal) {
  int file = open("crash.recur", O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (file >= 0) {
    [[maybe_unused]] ssize_t written =
        write(file, current.data(), current.size());
    close(file);
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}

/// Pieces of the language, so that mutations get past the lexer.
const char *const pieces[] = {
    "recurrence ", "over ",     "reverse ", "def ",      "state ",
    "final ",      "reset ",    "history ", "segments ", "and ",
    "or ",         "not ",      "true",     "false",     "inf",
    "nan",         "(",         ")",        "[",         "]",
    "{",           "}",         ",",        ":",         "=",
    "->",          "+",         "-",        "*",         "/",
    "%",           "==",        "!=",       "<",         ">=",
    "0",           "1",         "0.5",      "1e308",     "99999999999999999999",
    "prev(",       "sum(n: ",   "max(",     "exp(",      "select(",
    "logaddexp(",  "real(",     "complex(", "h",         "x",
    "t",           "b",         "d",        "n",         "y",
    "[b,t,d]",     "[b,t-1,d]", "n=4",      ": c64",     ": bool",
    ": bf16",      "prev(h)",   "\n",       "#",         "\xff",
};

class Mutator {
public:
  Mutator(std::vector<std::string> corpus, uint64_t seed)
      : corpus(std::move(corpus)), random(seed) {}

  std::string next() {
    if (corpus.empty() || below(4) == 0) {
      std::string spec = generateSpec(random);
      for (size_t i = below(3); i > 0; --i)
        mutate(spec);
      return spec;
    }
    std::string input = corpus[below(corpus.size())];
    for (size_t i = 1 + below(6); i > 0; --i)
      mutate(input);
    if (input.size() > 20000)
      input.resize(20000);
    return input;
  }

private:
  size_t below(size_t bound) { return bound ? random() % bound : 0; }

  void mutate(std::string &text) {
    size_t at = below(text.size() + 1);
    size_t size = std::min<size_t>(below(16), text.size() - at);
    switch (below(8)) {
    case 0:
      if (at < text.size())
        text[at] = char(random());
      break;
    case 1:
      text.erase(at, size);
      break;
    case 2:
    case 3:
      text.insert(at, pieces[below(std::size(pieces))]);
      break;
    case 4:
      text.replace(at, size, pieces[below(std::size(pieces))]);
      break;
    case 5: // Repeat a piece, sometimes very often: depth and length.
      for (size_t i = below(40) == 0 ? 3000 : below(3), end = at + size; i > 0;
           --i)
        text.insert(end, text.substr(at, size));
      break;
    case 6: // A part of another input.
      if (!corpus.empty()) {
        const std::string &other = corpus[below(corpus.size())];
        size_t from = below(other.size() + 1);
        text.insert(at, other.substr(from, below(80)));
      }
      break;
    case 7: { // One name for another, which keeps the form.
      std::string a = word(text, below(text.size() + 1));
      std::string b = word(text, below(text.size() + 1));
      if (size_t found = a.empty() ? std::string::npos : text.find(a, at);
          found != std::string::npos)
        text.replace(found, a.size(), b);
      break;
    }
    }
  }

  static std::string word(const std::string &text, size_t at) {
    size_t end = at;
    while (end < text.size() &&
           (std::isalnum((unsigned char)text[end]) || text[end] == '_'))
      ++end;
    return text.substr(at, end - at);
  }

  std::vector<std::string> corpus;
  std::mt19937_64 random;
};

void run(const std::string &input) {
  current = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(current.data()),
                         current.size());
}

} // namespace

/// So that the sanitizers' errors end in the signal above.
extern "C" const char *__asan_default_options() {
  return "abort_on_error=1:detect_leaks=0";
}
extern "C" const char *__ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1";
}

int main(int argc, char **argv) {
  double seconds = 4;
  uint64_t seed = 1;
  std::vector<std::string> corpus;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--seconds") && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else if (!std::strcmp(argv[i], "--seed") && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::vector<std::filesystem::path> files;
      if (std::filesystem::is_directory(argv[i]))
        for (const auto &entry : std::filesystem::directory_iterator(argv[i]))
          files.push_back(entry.path());
      else
        files.push_back(argv[i]);
      std::sort(files.begin(), files.end());
      for (const auto &path : files) {
        std::ifstream file(path, std::ios::binary);
        if (!file) {
          std::fprintf(stderr, "expected a file or a folder, found '%s'\n",
                       argv[i]);
          return 2;
        }
        corpus.emplace_back(std::istreambuf_iterator<char>(file),
                            std::istreambuf_iterator<char>());
      }
    }
  }
  for (int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS})
    std::signal(signal, keepCrash);
  for (const std::string &input : corpus)
    run(input);
  Mutator mutator(corpus, seed);
  auto start = std::chrono::steady_clock::now();
  uint64_t count = 0;
  auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  };
  for (; elapsed() < seconds; ++count)
    run(mutator.next());
  std::printf("%zu inputs of the corpus and %llu others in %.0f s\n",
              corpus.size(), (unsigned long long)count, elapsed());
}
