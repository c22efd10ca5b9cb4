# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # read by the other parts
#
# Every path, address and port, once. The 0 sorts it first: the others read it.

export PATH=$PATH:/usr/sbin:/sbin # not in everyone's, and half of what a node needs is there

cluster_dir=${CERTROLL_CLUSTER_DIR:-$root/.cluster}
[[ $cluster_dir == /* ]] || cluster_dir=$PWD/$cluster_dir
cache_dir=${CERTROLL_CACHE:-${HOME:-}/.cache/certroll}

bin_dir=$cluster_dir/bin   # links to the pinned tools, by the names they are called by
conf_dir=$cluster_dir/conf # what we generate: certificates, kubeconfigs, configuration
run_dir=$cluster_dir/run   # what lives as long as the cluster: data, sockets, pids
log_dir=$cluster_dir/logs  # kept by `down`, renewed by `up`

kubeconfig=$conf_dir/admin.kubeconfig
audit_log=$log_dir/audit.jsonl

# --- the node's own network: a network namespace, reached through one veth
# pair. CERTROLL_NODE_INDEX moves all of it, for nodes side by side.
node_index=${CERTROLL_NODE_INDEX:-0}
[[ $node_index == [0-9] ]] || { echo "hack/cluster: CERTROLL_NODE_INDEX is a digit" >&2; exit 1; }
node_name=node1
node_net=192.168.$((77 + node_index))
node_link=certroll$node_index # the end of the pair that the machine sees
traefik_address=$node_net.3 # the node's as well
service_prefix=10.$((96 + node_index))
service_net=$service_prefix.0.0/16
service_api=$service_prefix.0.1
service_dns=$service_prefix.0.10
pod_net=10.$((244 + node_index)).0.0/16
pod_gateway=10.$((244 + node_index)).0.1

# mode: "node" or "no-node", fixed by the first `up` and forgotten by `down`.
mode() { cat "$run_dir/mode" 2>/dev/null || true; }

# settle MODE: the addresses and ports that follow from it. A node has a
# network of its own, so its ports are fixed; without one we share loopback.
settle() {
  local offset=0
  if [[ $1 == node ]]; then
    address=$node_net.1 host_address=$node_net.2
    http_port=80 tls_port=443 dns_port=8053
  else
    offset=${CERTROLL_PORT_OFFSET:-0}
    address=127.0.0.1 host_address=127.0.0.1
    http_port=$((5002 + offset)) tls_port=$((5001 + offset)) dns_port=$((8053 + offset))
  fi
  etcd_port=$((2379 + offset)) etcd_peer_port=$((2380 + offset))
  api_port=$((6443 + offset)) manager_port=$((10257 + offset))
  pebble_port=$((14000 + offset)) pebble_mgmt_port=$((15000 + offset))
  dns_mgmt_port=$((8055 + offset))
}
