# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

command_down() {
  no_arguments down "$@"
  if [[ ! -d $run_dir ]]; then return; fi
  locked
  clean
}

# clean: everything that lives, whoever started it and however it ended. All
# state goes with it, so nothing has to end gracefully.
clean() {
  local name
  if [[ $(mode) == node ]]; then
    end_cgroup
    remove_cgroups
    disconnect
  fi
  for name in $(recorded); do end "$name"; done
  if grep -q " $run_dir/" /proc/mounts; then die "something is mounted in $run_dir"; fi
  rm -rf --one-file-system "$run_dir"
}
