# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What examples/run and test/run share: Debian's packages, the configured
# build, and lines that say what goes on. Sourced by bash, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${RECUR_BUILD_DIR:-$root/build}
jobs=${RECUR_JOBS:-$(nproc)}
llvm=/usr/lib/llvm-22
start=$SECONDS

# A cache of compiled files, where ccache is there, works from any checkout.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=1
export NINJA_STATUS=${NINJA_STATUS:-"[%f/%t %es] "}
export LC_ALL=C.UTF-8
export DEBIAN_FRONTEND=noninteractive

packagesToBuild=(g++ cmake ninja-build ccache libcli11-dev libdlpack-dev
                 libmlir-22-dev mlir-22-tools llvm-22-dev)
packagesToTest=(libboost-context-dev libgtest-dev llvm-22-tools python3
                python3-numpy)
packagesOfExamples=(gnuplot-nox python3)

# say TEXT...: a headline with the seconds since the start.
say() { printf '\n== %s (%ss)\n' "$*" $((SECONDS - start)); }

# die TEXT...: one line on stderr, then the end.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# missing PACKAGE...: prints those that are not installed.
missing() {
  local package status
  for package; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) ||
      status=absent
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

# setUp PACKAGE...: installs what is missing. Leaves apt alone when nothing is.
setUp() {
  command -v dpkg-query >/dev/null ||
    die "this set-up knows Debian 12 only; elsewhere install the like of: $*"
  local absent
  absent=$(missing "$@")
  [ -n "$absent" ] || return 0
  [ "$(id -u)" = 0 ] ||
    die "these Debian packages are missing and only root can install them:" \
      "${absent% } (apt-get install --no-install-recommends ${absent% })"
  say "installing ${absent% }"
  apt-get update -q || die "apt-get update failed"
  if [ -z "$(apt-cache madison llvm-22-dev)" ]; then
    die "no package source has llvm-22-dev: LLVM 22 for Debian 12 is in the" \
      "suite bookworm-security; add it to /etc/apt/sources.list"
  fi
  # shellcheck disable=SC2086
  apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 $absent ||
    die "could not install ${absent% }"
}

# configure [-DOPTION...]: both commands build with the preset ci, so that
# they share one build folder.
configure() {
  say "configuring $build"
  cmake -S "$root" --preset ci -B "$build" "$@" ||
    die "configuring failed"
}

# compile [TARGET...]: builds the targets, or everything.
compile() {
  say "building with $jobs jobs"
  cmake --build "$build" -j "$jobs" ${1:+--target "$@"} || die "the build failed"
}
