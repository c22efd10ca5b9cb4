# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

command_install() {
  [[ ${1:-} != -- ]] || shift
  needs_node
  [[ -e $root/charts/certroll/Chart.yaml ]] || die "there is no charts/certroll"
  command_build_image
  command_load_image "$own_image"
  "$bin_dir/helm" --kubeconfig "$kubeconfig" upgrade --install certroll "$root/charts/certroll" \
    --namespace certroll --create-namespace --wait --timeout 2m \
    --set image.repository="${own_image%:*}" --set image.tag="${own_image#*:}" \
    --set image.pullPolicy=IfNotPresent "$@"
  use_new_image
}

# use_new_image: the tag is always the same, so only we can tell that pods run
# an older build of it.
use_new_image() {
  local built noted=$run_dir/installed
  built=$(tar -xOf "$(saved "$own_image")" manifest.json | jq -r '.[0].Config')
  if [[ -e $noted && $(<"$noted") != "$built" ]]; then
    kubectl --namespace certroll rollout restart deployment
    kubectl --namespace certroll rollout status deployment --timeout 2m
  fi
  printf '%s\n' "$built" >"$noted"
}
