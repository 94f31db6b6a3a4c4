//===-- Error.cpp - the thread's error text -------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// One fixed buffer per thread holds the last error, so that reporting an
/// error never allocates.
#include "runtime/lib/Error.h"

#include <cstdarg>
#include <cstdio>

namespace {
thread_local char text[1024];
} // namespace

int recur::runtime::fail(recur_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return status;
}

void recur::runtime::clearError() { text[0] = '\0'; }

extern "C" const char *recur_last_error(void) { return text; }
extern "C" int32_t recur_abi_version(void) { return RECUR_ABI_VERSION; }
