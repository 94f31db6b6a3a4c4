//===-- Fuzz.h - what the fuzzers share -------------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The entry that libFuzzer and FuzzMain call, and the generator of specs.
#ifndef RECUR_TEST_FUZZ_FUZZ_H
#define RECUR_TEST_FUZZ_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

/// Runs one input; aborts when the front end breaks a promise.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// A spec that is right in most parts, so that inputs get through the checker.
std::string generateSpec(std::mt19937_64 &random);

#endif // RECUR_TEST_FUZZ_FUZZ_H
