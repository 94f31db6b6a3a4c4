#!/bin/sh
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# examples.sh PROJECT BUILD PREFIX EXPECTED COMMAND...: builds the project
# against the installation in PREFIX, as its user would, runs the command in
# the build folder and compares what it prints.
project=$1 build=$2 prefix=$3 expected=$4
shift 4
rm -rf "$build"
cmake -S "$project" -B "$build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_BUILD_TYPE=Release >"$build.log" 2>&1 &&
  cmake --build "$build" >>"$build.log" 2>&1 || {
  tail -30 "$build.log"
  exit 1
}
cd "$build" || exit 1
found=$("$@" 2>&1)
[ "$found" = "$expected" ] && exit 0
printf 'expected:\n%s\nfound:\n%s\n' "$expected" "$found"
exit 1
