# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The node: containerd, the kubelet and kube-proxy.

containerd_socket=$run_dir/containerd.sock

write_cni_config() {
  mkdir -p "$conf_dir/cni"
  # ptp, not bridge: every packet between pods is routed, so Services work
  # without br_netfilter and nobody's source address changes.
  cat >"$conf_dir/cni/10-certroll.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "certroll", "plugins": [
  {"type": "ptp", "ipam": {
    "type": "host-local", "dataDir": "$run_dir/cni",
    "ranges": [[{"subnet": "$pod_net", "gateway": "$pod_gateway"}]],
    "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

write_containerd_config() {
  cat >"$conf_dir/containerd.toml" <<TOML
version = 2
root = "$run_dir/containerd"
state = "$run_dir/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause_image"
  # Without CAP_SYS_RESOURCE, as in many a container or small VM, lowering
  # oom_score_adj fails and takes the pod with it.
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$conf_dir/cni"
TOML
}

run_containerd() {
  write_cni_config
  write_containerd_config
  start containerd containerd --config "$conf_dir/containerd.toml"
}

ready_containerd() { ready containerd 20 ctr_on_node version; }

ctr_on_node() { on_node ctr --address "$containerd_socket" --namespace k8s.io "$@"; }

write_kubelet_config() {
  printf 'nameserver %s\n' "$address" >"$conf_dir/resolv.conf"
  cat >"$conf_dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/cluster-ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup_name
clusterDNS: [$service_dns]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$containerd_socket
enforceNodeAllocatable: []
evictionHard: {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%"}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
maxPods: 250
podLogsDir: $run_dir/pod-logs
resolvConf: $conf_dir/resolv.conf
serializeImagePulls: false
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
volumePluginDir: $run_dir/kubelet/plugins-exec
YAML
}

run_kubelet() {
  write_kubelet_config
  start kubelet "$bin_dir/kubelet" --config "$conf_dir/kubelet.yaml" \
    --kubeconfig "$conf_dir/node.kubeconfig" --root-dir "$run_dir/kubelet" \
    --cert-dir "$run_dir/kubelet/pki" --hostname-override "$node_name" --node-ip "$address"
}

ready_kubelet() { ready kubelet 60 node_is_ready; }

node_is_ready() {
  ask_api "/api/v1/nodes/$node_name" |
    jq -e 'any(.status.conditions[]; .type == "Ready" and .status == "True") and (.spec.taints | not)'
}

run_kube_proxy() {
  # The conntrack limits belong to the whole machine: 0 leaves them alone.
  start kube-proxy "$bin_dir/kube-proxy" --kubeconfig "$conf_dir/kube-proxy.kubeconfig" \
    --hostname-override "$node_name" --proxy-mode iptables --cluster-cidr "$pod_net" \
    --nodeport-addresses primary --healthz-bind-address 127.0.0.1:10256 --metrics-bind-address 127.0.0.1:10249 \
    --conntrack-max-per-core 0 --conntrack-min 0 \
    --conntrack-tcp-timeout-established 0s --conntrack-tcp-timeout-close-wait 0s
}

ready_kube_proxy() { ready kube-proxy 30 on_node curl -sf http://127.0.0.1:10256/healthz; }
