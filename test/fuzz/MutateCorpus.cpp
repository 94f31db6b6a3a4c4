//===-- MutateCorpus.cpp - seeded mutations without libFuzzer -------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// A main for fuzzers where there is no libFuzzer: runs every file of a corpus
/// and a number of seeded mutations and splices of them.
///
///   fuzz-test CORPUS ROUNDS [SEED]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

void runOne(const std::string &bytes) {
  // A copy without slack, so that sanitizers see reads past the end.
  std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string mutate(const std::vector<std::string> &corpus,
                   std::mt19937 &random) {
  std::string bytes = corpus[random() % corpus.size()];
  for (uint32_t edits = 1 + random() % 6; edits > 0; --edits) {
    size_t at = random() % (bytes.size() + 1);
    const std::string &other = corpus[random() % corpus.size()];
    size_t from = random() % (other.size() + 1);
    switch (random() % 6) {
    case 0:
      bytes.insert(at, 1, static_cast<char>(random()));
      break;
    case 1:
      bytes.erase(at, 1 + random() % 8);
      break;
    case 2:
      if (at < bytes.size())
        bytes[at] = static_cast<char>(random());
      break;
    case 3: // another place of another file
      bytes.replace(at, random() % 8, other, from, random() % 16);
      break;
    case 4:
      if (at < bytes.size())
        bytes[at] = "{}(),:'-0123456789\n <>|"[random() % 23];
      break;
    default:
      if (random() % 4 == 0)
        bytes.resize(at);
    }
  }
  return bytes;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s CORPUS ROUNDS [SEED]\n", argv[0]);
    return 2;
  }
  std::vector<std::string> names, corpus;
  for (const auto &entry : std::filesystem::directory_iterator(argv[1]))
    names.push_back(entry.path());
  std::sort(names.begin(), names.end());
  for (const std::string &name : names) {
    std::ifstream file(name, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
    runOne(corpus.back());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: expected a folder with files\n", argv[1]);
    return 1;
  }
  std::mt19937 random(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1);
  long rounds = std::atol(argv[2]);
  for (long round = 0; round < rounds; ++round)
    runOne(mutate(corpus, random));
  std::printf("%zu files, %ld mutations\n", corpus.size(), rounds);
  return 0;
}
