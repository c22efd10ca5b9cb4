# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The API server. Its audit log is an oracle of the tests: who wrote what, and
# what came of it, one JSON object a line, complete as soon as the request is.

write_audit_policy() {
  cat >"$conf_dir/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
YAML
}

run_kube_apiserver() {
  local place=()
  # Without a node nobody uses the Service `kubernetes`, and loopback is not a
  # legal address of one.
  if [[ $(mode) == no-node ]]; then place=(--endpoint-reconciler-type=none); fi
  write_audit_policy
  start kube-apiserver "$bin_dir/kube-apiserver" \
    --etcd-servers "http://127.0.0.1:$etcd_port" \
    --bind-address "$address" --advertise-address "$address" --secure-port "$api_port" \
    --service-cluster-ip-range "$service_net" --cert-dir "$run_dir/apiserver" \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --client-ca-file "$pki/cluster-ca.crt" --authorization-mode Node,RBAC --allow-privileged \
    --service-account-key-file "$pki/accounts.pub" --service-account-signing-key-file "$pki/accounts.key" \
    --service-account-issuer https://kubernetes.default.svc \
    --kubelet-client-certificate "$pki/admin.crt" --kubelet-client-key "$pki/admin.key" \
    --kubelet-certificate-authority "$pki/cluster-ca.crt" \
    --kubelet-preferred-address-types InternalIP \
    --requestheader-client-ca-file "$pki/cluster-ca.crt" --requestheader-allowed-names front-proxy \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key" \
    --audit-policy-file "$conf_dir/audit-policy.yaml" --audit-log-path "$audit_log" \
    --audit-log-mode blocking --audit-log-maxsize 4096 --audit-log-maxbackup 1 \
    "${place[@]}"
}

# ask_api PATH: as the admin, without the start-up time of kubectl.
ask_api() {
  curl -sf --max-time 5 --cacert "$pki/cluster-ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" \
    "https://$address:$api_port$1"
}

ready_kube_apiserver() { ready kube-apiserver 60 ask_api /readyz; }

kubectl() { "$bin_dir/kubectl" --kubeconfig "$kubeconfig" "$@"; }
