# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a machine needs, checked before anything is started, one clear line each.

# problems MODE: prints what stands in the way.
problems() {
  missing_packages
  too_little_disk
  if [[ $1 == node ]]; then
    problems_of_node
  else
    used_ports
  fi
}

command_doctor() {
  no_arguments doctor "$@"
  local found mode=node
  if [[ -n $(mode) ]]; then
    echo "a cluster is up here; hack/cluster status tells how it is"
    return
  fi
  ((EUID == 0)) || mode=no-node
  settle "$mode"
  found=$(problems "$mode")
  if [[ -n $found ]]; then
    printf '%s\n' "$found"
    exit 1
  fi
  echo "this machine has what a cluster needs"
}

check_machine() {
  local found
  found=$(problems "$1")
  [[ -z $found ]] || die "${found%%$'\n'*}"
}

install_hint="install the packages of hack/packages/cluster.txt (hack/setup cluster)"

missing_programs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || echo "no $program: $install_hint"
  done
}

missing_packages() { missing_programs curl openssl flock setsid ss jq; }

problems_of_node() {
  ((EUID == 0)) || echo "a node needs root; hack/cluster up --no-node does not"
  missing_programs containerd runc ctr haproxy ip iptables conntrack nsenter unshare sysctl busybox cc
  [[ -x /usr/lib/cni/ptp ]] || echo "no /usr/lib/cni/ptp: $install_hint"
  # A socket's path has room for 107 bytes.
  ((${#run_dir} <= 70)) || echo "the path $run_dir is too long for sockets; set CERTROLL_CLUSTER_DIR to a shorter one"
  hidden_state
  taken_network
}

# What the node hides of the machine cannot hold its own files.
hidden_state() {
  local folder
  for folder in "${hidden_folders[@]}"; do
    [[ $cluster_dir/ != "$folder"/* ]] || echo "the state folder cannot be under $folder; set CERTROLL_CLUSTER_DIR"
  done
}

taken_network() {
  local net
  if ip link show "$node_link" >/dev/null 2>&1; then
    echo "the interface $node_link exists: another cluster is up on this machine; CERTROLL_NODE_INDEX=1 makes one beside it"
    return
  fi
  for net in "$node_net.0/24" "$service_net" "$pod_net"; do
    [[ -z $(ip route show "$net") ]] || echo "the network $net is in use; CERTROLL_NODE_INDEX=1 takes others"
  done
}

too_little_disk() {
  local folder free
  for folder in "$cluster_dir" "$cache_dir"; do
    mkdir -p "$folder" 2>/dev/null || { echo "cannot write $folder"; continue; }
    free=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
    ((free >= 2048)) || echo "only $free MB free at $folder, 2048 are needed"
  done
}

used_ports() {
  local port owner
  for port in "$etcd_port" "$etcd_peer_port" "$api_port" "$manager_port" "$pebble_port" "$pebble_mgmt_port" "$dns_port" "$dns_mgmt_port"; do
    owner=$(ss -Htlnp "sport = :$port" | awk '{print $6}' | head -n 1)
    if [[ -n $(ss -Htln "sport = :$port") ]]; then
      echo "port $port is in use${owner:+ by $owner}; CERTROLL_PORT_OFFSET=100 moves all of ours"
    fi
  done
}
