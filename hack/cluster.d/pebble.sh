# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The ACME server, and the DNS server that it and the pods ask: every name has
# the ingress' address, unless a test says otherwise on its management port.

run_challtestsrv() {
  start challtestsrv "$bin_dir/pebble-challtestsrv" \
    -defaultIPv4 "$address" -defaultIPv6 "" -http01 "" -https01 "" -tlsalpn01 "" -doh "" \
    -dnsserver "$address:$dns_port" -management "$address:$dns_mgmt_port"
}

# Any answer will do: the management port has nothing to read at its root.
ready_challtestsrv() { ready challtestsrv 10 curl -s -o /dev/null "http://$address:$dns_mgmt_port/"; }

write_pebble_config() {
  local eab=false
  if [[ ${PEBBLE_EAB:-0} == 1 ]]; then eab=true; fi
  # The MAC keys are those of Pebble's own example configuration.
  cat >"$conf_dir/pebble.json" <<JSON
{"pebble": {
  "listenAddress": "$address:$pebble_port",
  "managementListenAddress": "$address:$pebble_mgmt_port",
  "certificate": "$pki/acme.crt",
  "privateKey": "$pki/acme.key",
  "httpPort": $http_port,
  "tlsPort": $tls_port,
  "ocspResponderURL": "",
  "keyAlgorithm": "ecdsa",
  "externalAccountBindingRequired": $eab,
  "externalAccountMACKeys": {
    "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
    "kid-2": "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH"
  },
  "domainBlocklist": ["blocked-domain.example", "blocked.test"],
  "retryAfter": {"authz": 3, "order": 5},
  "profiles": {
    "default": {"description": "90 days", "validityPeriod": 7776000},
    "shortlived": {"description": "6 days", "validityPeriod": 518400}
  }
}}
JSON
}

run_pebble() {
  local flags=()
  if [[ ${PEBBLE_STRICT:-0} == 1 ]]; then flags=(-strict); fi
  write_pebble_config
  # The defaults that the project's numbers are measured with; any other
  # PEBBLE_* variable of the caller passes through.
  PEBBLE_VA_NOSLEEP=${PEBBLE_VA_NOSLEEP:-1} \
    PEBBLE_WFE_NONCEREJECT=${PEBBLE_WFE_NONCEREJECT:-0} \
    start pebble "$bin_dir/pebble" -config "$conf_dir/pebble.json" \
    -dnsserver "$address:$dns_port" "${flags[@]}"
}

ready_pebble() {
  ready pebble 20 curl -sf --cacert "$pki/acme-ca.crt" "https://$address:$pebble_port/dir"
}
