/*===-- runtime-header.c - the installed header in a plain program ---------===*\
|* Part of Recur, under the Apache License v2.0 with LLVM Exceptions.         *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
\*===----------------------------------------------------------------------===*/
/** \file
 * Includes the installed header alone and calls the installed library: as C
 * and as C++, without a warning. */
#include <recur/runtime.h>
#include <stdio.h>

int main(void) {
  if (recur_abi_version() != RECUR_ABI_VERSION) {
    fprintf(stderr, "the library has ABI %d, the header %d\n",
            (int)recur_abi_version(), RECUR_ABI_VERSION);
    return 1;
  }
  return recur_last_error()[0] != '\0';
}
