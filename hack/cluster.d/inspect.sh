# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The commands that only look.

# settled: the commands below are about a cluster that is up.
settled() {
  [[ -n $(mode) ]] || die "no cluster is up; hack/cluster up"
  settle "$(mode)"
}

command_status() {
  no_arguments status "$@"
  local name pid ill=0
  if external; then
    echo "external cluster of $KUBECONFIG"
    return
  fi
  if [[ -z $(mode) ]]; then
    echo "down"
    exit 1
  fi
  echo "mode $(mode)"
  for name in $(recorded); do
    if pid=$(pid_of "$name"); then
      printf '%-26s running, pid %s\n' "$name" "$pid"
    else
      printf '%-26s ended; %s\n' "$name" "$log_dir/$name.log"
      ill=1
    fi
  done
  return $ill
}

# export_line NAME VALUE: quoted for a shell to read.
export_line() { printf 'export %s=%q\n' "$1" "$2"; }

command_env() {
  no_arguments env "$@"
  if external; then
    export_line KUBECONFIG "$KUBECONFIG"
    export_line CLUSTER_DIR "$cluster_dir"
    return
  fi
  settled
  export_line KUBECONFIG "$kubeconfig"
  export_line ACME_DIRECTORY "https://$address:$pebble_port/dir"
  export_line ACME_CA_BUNDLE "$pki/acme-ca.crt"
  export_line PEBBLE_MGMT "https://$address:$pebble_mgmt_port"
  export_line DNS_MGMT "http://$address:$dns_mgmt_port"
  export_line DNS_SERVER "$address:$dns_port"
  export_line INGRESS_IP "$address"
  if alive traefik; then export_line TRAEFIK_IP "$traefik_address"; fi
  export_line HTTP01_PORT "$http_port"
  export_line HOST_IP "$host_address"
  export_line AUDIT_LOG "$audit_log"
  export_line CLUSTER_DIR "$cluster_dir"
  # shellcheck disable=SC2016 # $PATH is for the reader's shell
  printf 'export PATH=%q:"$PATH"\n' "$bin_dir"
}

# known_component NAME: or the list of those there are.
known_component() {
  [[ -e $run_dir/$1.pid ]] && return
  say "hack/cluster: no component '$1'; there are: $(recorded | paste -sd' ')"
  exit 2
}

command_logs() {
  local name=${1:-}
  settled
  known_component "$name"
  if [[ ${2:-} == -f ]]; then
    exec tail -n 100 -f "$log_dir/$name.log"
  fi
  cat "$log_dir/$name.log"
}

command_restart() {
  local name=${1:-}
  settled
  known_component "$name"
  locked
  [[ $name != namespaces ]] || die "the namespaces are the node: hack/cluster down, then up"
  stop "$name"
  run "$name"
  await "$name"
}
