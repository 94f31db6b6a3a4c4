# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Compiles runtime-header.c against an install prefix, statically linked, and
# runs it: LANGUAGE CC CXX INCLUDE-DIR LIB-DIR.
set -e
source=$(dirname "$0")/runtime-header.c
case $1 in
c11) "$2" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$4" "$source" \
  "$5/librecur-runtime.a" -pthread -o "runtime-header-$1" ;;
c++17) "$3" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$4" -x c++ "$source" \
  -x none "$5/librecur-runtime.a" -pthread -o "runtime-header-$1" ;;
esac
"./runtime-header-$1"
