# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# All that a node runs, and all that those processes start, is in one cgroup of
# ours: shims, pods and haproxy are ended by membership, not by looking for them.

# One name for each state folder, so that two clusters never mix.
cgroup_name=certroll-$(printf '%s' "$cluster_dir" | sha256sum | cut -c1-8)

# cgroup_trees: our cgroup in each hierarchy of this machine (v1, hybrid or v2).
cgroup_trees() {
  awk -v name="$cgroup_name" '$3 == "cgroup" || $3 == "cgroup2" {print $2 "/" name}' /proc/mounts
}

# daemon_cgroup: where our daemons are: the v2 hierarchy if there is one, else
# systemd's or the first that can hold processes.
daemon_cgroup() {
  awk -v name="$cgroup_name" '
    $3 == "cgroup2" {best = $2}
    $3 == "cgroup" && !any {any = $2}
    END {print (best ? best : any) "/" name "/daemons"}' /proc/mounts
}

make_cgroups() {
  local tree
  while read -r tree; do
    mkdir -p "$tree" || die "cannot make the cgroup $tree"
    inherit_cpuset "$tree"
    delegate "$tree"
  done < <(cgroup_trees)
  mkdir -p "$(daemon_cgroup)"
}

# A new v1 cpuset is empty, and an empty one takes no process.
inherit_cpuset() {
  local file
  for file in cpuset.cpus cpuset.mems; do
    if [[ -e $1/$file && -e $1/cgroup.clone_children ]]; then
      cat "${1%/*}/$file" >"$1/$file"
    fi
  done
}

# On v2 the kubelet needs its controllers enabled down to its root.
delegate() {
  local controller folder
  [[ -e $1/cgroup.subtree_control ]] || return 0
  for folder in "${1%/*}" "$1"; do
    for controller in $(<"$folder/cgroup.controllers"); do
      echo "+$controller" >"$folder/cgroup.subtree_control" 2>/dev/null || true
    done
  done
}

# join_cgroup: this process, if the cgroup was made.
join_cgroup() {
  local folder
  folder=$(daemon_cgroup)
  if [[ -d $folder ]]; then echo "$BASHPID" >"$folder/cgroup.procs"; fi
}

cgroup_members() {
  local tree
  while read -r tree; do
    if [[ -d $tree ]]; then
      find "$tree" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    fi
  done < <(cgroup_trees) | sort -un
}

# end_cgroup: kills until nobody is left, because a member may fork meanwhile.
end_cgroup() {
  wait_for 30 "the last processes of the node to end" kill_members
}

kill_members() {
  local members
  mapfile -t members < <(cgroup_members)
  ((${#members[@]})) || return 0
  kill -KILL "${members[@]}" 2>/dev/null || true
  return 1
}

cgroups_removed() {
  local tree left=0
  while read -r tree; do
    [[ -d $tree ]] || continue
    find "$tree" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
  done < <(cgroup_trees)
  return $left
}

remove_cgroups() { wait_for 20 "the cgroups $cgroup_name to empty" cgroups_removed; }
