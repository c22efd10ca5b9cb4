# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every gate shares. A gate is a script hack/check-NAME [ROOT] that prints its findings and fails, or prints
# `ok NAME`. ROOT is the tree to look at (the gates' own tests give fixtures); without it, this repository.

# All of it is C locale: sorted the same everywhere.
export LC_ALL=C

gate=${0##*/check-}
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$hack/..}" || exit

# c_files DIR...: the C files and headers under the folders that exist.
c_files() {
  local dir
  for dir in "$@"; do
    [[ ! -d $dir ]] || find "$dir" -name '*.[ch]' -type f
  done | sort
}

# tracked: the files that belong to this tree: committed or not ignored; without git, all but what is made here.
tracked() {
  if [[ $(git rev-parse --show-toplevel 2>/dev/null) == "$(pwd -P)" ]]; then
    git ls-files -co --exclude-standard | while read -r f; do [[ ! -f $f ]] || echo "$f"; done
  else
    find . \( -name .git -o -name build -o -name .cluster \) -prune -o -type f -printf '%P\n'
  fi | sort
}

# jobs_at_once: how many things to run at once.
jobs_at_once() { nproc 2>/dev/null || echo 2; }

# need PROGRAM...: a gate without its tool is a failure, never a silent pass.
need() {
  local p missing=()
  for p in "$@"; do command -v "$p" >/dev/null || missing+=("$p"); done
  ((${#missing[@]} == 0)) && return
  echo "$gate: missing ${missing[*]}; run hack/setup build check"
  exit 1
}

# verdict TEXT: the end of a gate; TEXT is the findings, empty when there are none.
verdict() {
  if [[ -n $1 ]]; then
    printf '%s\n' "$1"
    printf 'FAILED %s: %d finding(s)\n' "$gate" "$(grep -c . <<<"$1")"
    exit 1
  fi
  echo "ok $gate"
  exit 0
}
