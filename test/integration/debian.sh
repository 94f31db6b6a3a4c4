#!/usr/bin/env bash
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Checks by hand that a newcomer's machine suffices: puts a minimal Debian 12
# with its security updates into a folder, a clean clone of the last commit into
# it, and runs both commands there, each twice. Needs root, debootstrap, git,
# about 6 GB, and the time of two full builds.
#
#   debian.sh FOLDER [COMMAND...]
#
# FOLDER is left for a look. If it exists, it has to be of an earlier call: then
# the commands run in it as it is. COMMANDs are run instead of the four.
# The mirrors are those of the machine's own apt, else debootstrap's default.

set -eu
[ $# -ge 1 ] || { sed -n '5,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }
source=$(cd "$(dirname "$0")/../.." && pwd)
system=$1
shift
[ $# -gt 0 ] || set -- examples/run test/run examples/run test/run
[ "$(id -u)" = 0 ] || { echo "error: only root can make a Debian system" >&2; exit 1; }
[ ! -e "$system" ] || [ -d "$system/root/recur" ] ||
  { echo "error: $system exists and was not made by this script" >&2; exit 1; }
command -v debootstrap >/dev/null ||
  { echo "error: debootstrap is missing (apt-get install debootstrap)" >&2; exit 1; }

# mirror CODENAME: where the machine's apt finds a suite.
mirror() {
  apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$1" '$1 == suite {print $2; exit}'
}

# make: a minimal system with the last commit.
make() {
  local archive security
  archive=$(mirror bookworm)
  security=$(mirror bookworm-security)
  debootstrap --variant=minbase bookworm "$system" ${archive:+"$archive"}
  archive=${archive:-$(awk '$1 == "deb" {print $2; exit}' "$system/etc/apt/sources.list")}
  cat >"$system/etc/apt/sources.list" <<EOF
deb $archive bookworm main
deb ${security:-${archive%/}-security} bookworm-security main
EOF
  # How this machine reaches its mirrors holds inside as well.
  apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)' \
    >"$system/etc/apt/apt.conf.d/99host" || true
  cp /etc/resolv.conf "$system/etc/resolv.conf"
  [ ! -e /etc/hosts ] || cp /etc/hosts "$system/etc/hosts"

  git clone -q --no-hardlinks "$source" "$system/root/recur"
}
[ -e "$system" ] || make

unmount() {
  for folder in dev/shm dev proc sys; do
    umount -l "$system/$folder" 2>/dev/null || true
  done
}
trap unmount EXIT
mount -t proc proc "$system/proc"
mount -t sysfs -o ro sysfs "$system/sys"
mount --bind /dev "$system/dev"
mount -t tmpfs tmpfs "$system/dev/shm"

summary=()
for command; do
  from=$SECONDS
  status=0
  echo "== $command in $system"
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
    chroot "$system" bash -c "cd /root/recur && $command" </dev/null || status=$?
  summary+=("$command: status $status, $((SECONDS - from)) s")
done
printf '%s\n' "${summary[@]}"
! printf '%s\n' "${summary[@]}" | grep -qv 'status 0,'
