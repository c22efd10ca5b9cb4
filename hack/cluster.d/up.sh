# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# In the order they start.
no_node_components=(etcd challtestsrv pebble kube-apiserver)
node_components=(etcd challtestsrv pebble containerd kube-apiserver)
api_clients=(kube-controller-manager kube-scheduler kubelet kube-proxy coredns haproxy-ingress)

command_up() {
  local want=node traefik=no
  case "$*" in
    "") ;;
    --no-node) want=no-node ;;
    --traefik) traefik=yes ;;
    *) say "usage: hack/cluster up [--no-node | --traefik]"; exit 2 ;;
  esac
  if external; then
    say "CERTROLL_EXTERNAL_CLUSTER: using the cluster of $KUBECONFIG"
    return
  fi
  local started=$SECONDS
  locked
  [[ -z $(mode) || $(mode) == "$want" ]] || die "a '$(mode)' cluster is up here: hack/cluster down first"
  settle "$want"
  standing || begin "$want"
  if [[ $want == node ]]; then up_node; else up_no_node; fi
  if [[ $traefik == yes ]]; then up_traefik; fi
  say "up in $((SECONDS - started)) s; to use it: eval \"\$(hack/cluster env)\""
}

# standing: what cannot be started again without losing the cluster's state.
standing() {
  [[ -n $(mode) ]] && alive etcd || return 1
  [[ $(mode) == no-node ]] || alive namespaces
}

# begin MODE: from nothing, whatever a crash or a reboot left behind.
begin() {
  if [[ -d $run_dir ]]; then
    say "removing the leftovers of an earlier run"
    clean
  fi
  check_machine "$1"
  rm -rf "$log_dir" "$conf_dir"
  mkdir -p "$run_dir" "$log_dir"
  printf '%s\n' "$1" >"$run_dir/mode"
}

# external: the user brings a cluster, and we keep our hands off it.
external() {
  [[ ${CERTROLL_EXTERNAL_CLUSTER:-0} == 1 ]] || return 1
  [[ -n ${KUBECONFIG:-} ]] || die "CERTROLL_EXTERNAL_CLUSTER=1 needs KUBECONFIG"
}

# run NAME...: starts components; each has a function run_NAME.
run() {
  local name
  for name in "$@"; do "run_${name//-/_}"; done
}

await() {
  local name
  for name in "$@"; do "ready_${name//-/_}"; done
}

up_no_node() {
  link_kubernetes
  link_tools etcd pebble helm
  link_assets
  make_pki
  run "${no_node_components[@]}"
  await "${no_node_components[@]}"
  run kube-controller-manager # gives up when the API server is not healthy within 10 s
  await kube-controller-manager
}

up_node() {
  link_kubernetes
  link_tools etcd pebble coredns haproxy-ingress helm
  link_assets
  scratch_images
  run namespaces
  make_pki
  run "${node_components[@]}"
  await containerd
  import_scratch_images
  await "${node_components[@]}"
  run kube-controller-manager kube-scheduler kubelet kube-proxy coredns
  await kube-controller-manager
  # The pod below needs its namespace's account, which has just been made.
  wait_for 20 "the account kube-system/default" ask_api /api/v1/namespaces/kube-system/serviceaccounts/default
  { dns_objects; echo ---; ingress_objects; } | kubectl apply -f - >/dev/null
  run haproxy-ingress
  await "${api_clients[@]}"
}
