//===-- Error.h - the thread's error text -----------------------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// The text behind `recur_last_error`: set by whoever finds the error, one per
/// thread.
#ifndef RECUR_RUNTIME_LIB_ERROR_H
#define RECUR_RUNTIME_LIB_ERROR_H

#include <recur/runtime.h>

namespace recur::runtime {

/// Stores the formatted text for `recur_last_error` and returns `status`.
[[gnu::format(printf, 2, 3)]] int fail(recur_status status, const char *format,
                                       ...);

/// Empties the text, as every successful call leaves it.
void clearError();

} // namespace recur::runtime
#endif // RECUR_RUNTIME_LIB_ERROR_H
