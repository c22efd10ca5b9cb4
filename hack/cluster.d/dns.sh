# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Cluster DNS: CoreDNS as a process of the node behind the usual Service. What
# is not in the cluster is asked of challtestsrv.

write_corefile() {
  cat >"$conf_dir/Corefile" <<COREFILE
. {
  bind $address
  ready 127.0.0.1:8181
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $conf_dir/cluster-dns.kubeconfig
    pods insecure
    ttl 1
    fallthrough in-addr.arpa
  }
  forward . $address:$dns_port
}
COREFILE
}

run_coredns() {
  write_corefile
  start coredns "$bin_dir/coredns" -conf "$conf_dir/Corefile"
}

ready_coredns() { ready coredns 30 on_node curl -sf http://127.0.0.1:8181/ready; }

dns_objects() {
  cat <<YAML
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: $service_dns
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-node, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [$address], conditions: {ready: true}}]
ports:
- {name: dns, port: 53, protocol: UDP}
- {name: dns-tcp, port: 53, protocol: TCP}
YAML
}
