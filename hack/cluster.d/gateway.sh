# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The kinds of the Gateway API, which not every test needs. An ingress controller that looks for them when it starts has to
# be started again.

command_gateway_api() {
  no_arguments gateway-api "$@"
  settled
  locked
  install_gateway_api
}

# Stored by apply without the annotation of old, for which they are too big.
install_gateway_api() {
  local folder crds
  "$root/hack/build-tools" gateway-api || die "the Gateway API could not be had"
  folder=$("$root/hack/build-tools" --dir gateway-api)/config/crd/standard
  mapfile -t crds < <(grep -l '^kind: CustomResourceDefinition' "$folder"/*.yaml)
  kubectl apply --server-side "${crds[@]/#/--filename=}" >/dev/null
  kubectl wait --for condition=Established --timeout 30s "${crds[@]/#/--filename=}" >/dev/null
}
