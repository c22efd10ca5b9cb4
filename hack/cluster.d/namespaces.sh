# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The node lives in a mount and a network namespace of its own, held by one
# sleeping process. Its mounts, its iptables rules and its pods' interfaces
# therefore exist nowhere else and go when its last process goes. The machine
# sees one end of one veth pair, and reaches the node, the Services and the
# pods through it.

hidden_folders=(/run /var/log /var/lib)

# hide FOLDER...: fresh folders over those that programs write to by fixed names.
hide() {
  local folder
  for folder in "$@"; do
    on_node mount -t tmpfs -o mode=755 certroll "$folder"
  done
}

# The kubelet sets these for the whole machine, so it gets plain files instead.
kubelet_sysctls=(vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

shield_sysctls() {
  local name copy
  for name in "${kubelet_sysctls[@]}"; do
    [[ -e /proc/sys/$name ]] || continue
    copy=$run_dir/sysctl/${name//\//.}
    mkdir -p "${copy%/*}"
    cat "/proc/sys/$name" >"$copy"
    on_node mount --bind "$copy" "/proc/sys/$name"
  done
}

run_namespaces() {
  if alive namespaces; then return; fi
  make_cgroups
  launch namespaces unshare --mount --net --propagation slave sleep infinity
  ready namespaces 10 unshared
  # Pods may ask for mounts that propagate, which a private tree cannot do.
  on_node mount --make-rshared /
  hide "${hidden_folders[@]}"
  shield_sysctls
  connect
}

# unshared: the holder has left the network namespace of this script.
unshared() {
  [[ $(readlink "/proc/$(pid_of namespaces)/ns/net") != $(readlink /proc/self/ns/net) ]]
}

connect() {
  ip link add "$node_link" type veth peer name eth0 netns "$(pid_of namespaces)"
  ip addr add "$host_address/24" dev "$node_link"
  ip link set "$node_link" up
  on_node ip link set lo up
  on_node ip addr add "$address/24" dev eth0
  on_node ip link set eth0 up
  # There is no default route: nothing of a test ever leaves this machine.
  # This one only lets the node's own processes reach Services.
  on_node ip route add "$service_net" dev eth0
  on_node sysctl -qw net.ipv4.ip_forward=1
  ip route add "$service_net" via "$address"
  ip route add "$pod_net" via "$address"
}

disconnect() {
  # It goes with the namespace, but not at once.
  ip link del "$node_link" 2>/dev/null || true
  wait_for 10 "the interface $node_link to go" no_link
}

no_link() { ! ip link show "$node_link"; }
