# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How this script speaks and waits.

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'hack/cluster: %s\n' "$*" >&2
  exit 1
}

# try_for SECONDS COMMAND...: polls until the command succeeds.
try_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# wait_for SECONDS WHAT COMMAND...: the same, and the end of the world if not.
wait_for() {
  local seconds=$1 what=$2
  shift 2
  try_for "$seconds" "$@" || die "waited $seconds s for $what; see hack/cluster status"
}

# no_arguments COMMAND "$@": for the commands that take none.
no_arguments() {
  (($# == 1)) && return
  say "hack/cluster: $1 takes no arguments"
  exit 2
}

# locked: one hack/cluster at a time changes what runs.
locked() {
  mkdir -p "$cluster_dir" 2>/dev/null || die "cannot write $cluster_dir"
  echo '*' >"$cluster_dir/.gitignore" # private keys and databases, wherever in a clone it is
  exec 9>"$cluster_dir/lock"
  flock --nonblock 9 && return
  say "waiting for another hack/cluster"
  flock --timeout 600 9 || die "another hack/cluster has held $cluster_dir/lock for 10 minutes"
}
