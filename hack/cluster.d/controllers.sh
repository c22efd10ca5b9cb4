# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The controller manager (owner references, ServiceAccounts, Deployments) and the scheduler.

run_kube_controller_manager() {
  # Each controller asks for a token of its own first: with the default rate of
  # 20 requests a second that alone takes four seconds.
  start kube-controller-manager "$bin_dir/kube-controller-manager" \
    --kubeconfig "$conf_dir/kube-controller-manager.kubeconfig" --leader-elect=false \
    --bind-address 127.0.0.1 --secure-port "$manager_port" --cert-dir "$run_dir/manager" \
    --root-ca-file "$pki/cluster-ca.crt" --service-account-private-key-file "$pki/accounts.key" \
    --cluster-signing-cert-file "$pki/cluster-ca.crt" --cluster-signing-key-file "$pki/cluster-ca.key" \
    --use-service-account-credentials --kube-api-qps 200 --kube-api-burst 400
}

# It works as soon as it has made the first thing it makes.
ready_kube_controller_manager() {
  ready kube-controller-manager 30 ask_api /api/v1/namespaces/default/serviceaccounts/default
}

run_kube_scheduler() {
  start kube-scheduler "$bin_dir/kube-scheduler" --kubeconfig "$conf_dir/kube-scheduler.kubeconfig" \
    --leader-elect=false --bind-address 127.0.0.1 --cert-dir "$run_dir/scheduler"
}

ready_kube_scheduler() {
  ready kube-scheduler 30 on_node curl -skf https://127.0.0.1:10259/readyz
}
