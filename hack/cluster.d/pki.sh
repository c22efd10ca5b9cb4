# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The cluster's certificates and kubeconfigs, made anew by each start: they are
# cheap, and so they can never be stale.

pki=$conf_dir/pki

openssl_quiet() { openssl "$@" 2>>"$log_dir/openssl.log" || die "openssl failed; see $log_dir/openssl.log"; }

# authority NAME: a self-signed CA.
authority() {
  openssl_quiet req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=$1" -keyout "$pki/$1.key" -out "$pki/$1.crt"
}

# certificate CA NAME SUBJECT [NAMES]: a key and a certificate for client and server.
certificate() {
  openssl_quiet req -x509 -CA "$pki/$1.crt" -CAkey "$pki/$1.key" \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "$3" \
    -addext "subjectAltName=${4:-DNS:$2}" -addext basicConstraints=CA:FALSE \
    -addext keyUsage=digitalSignature -addext extendedKeyUsage=clientAuth,serverAuth \
    -keyout "$pki/$2.key" -out "$pki/$2.crt"
}

# user NAME SUBJECT: a certificate and a kubeconfig that carries it.
user() {
  certificate cluster-ca "$1" "$2"
  cat >"$conf_dir/$1.kubeconfig" <<EOF_KUBECONFIG
apiVersion: v1
kind: Config
clusters:
- name: certroll
  cluster:
    server: https://$address:$api_port
    certificate-authority-data: $(base64 -w0 "$pki/cluster-ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$pki/$1.crt")
    client-key-data: $(base64 -w0 "$pki/$1.key")
contexts:
- name: certroll
  context: {cluster: certroll, user: $1}
current-context: certroll
EOF_KUBECONFIG
}

make_pki() {
  [[ -e $conf_dir/.complete ]] && return
  rm -rf "$conf_dir"
  (umask 077 && mkdir -p "$pki")
  local addresses="IP:127.0.0.1,IP:$address"
  authority cluster-ca
  authority acme-ca
  certificate cluster-ca apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:$service_api,$addresses"
  certificate cluster-ca front-proxy /CN=front-proxy
  certificate cluster-ca kubelet "/O=system:nodes/CN=system:node:$node_name" "DNS:$node_name,$addresses"
  certificate acme-ca acme /CN=acme "DNS:localhost,DNS:acme.test,$addresses"
  user admin /O=system:masters/CN=admin
  user kube-controller-manager /CN=system:kube-controller-manager
  user kube-scheduler /CN=system:kube-scheduler
  user kube-proxy /CN=system:kube-proxy
  user node "/O=system:nodes/CN=system:node:$node_name"
  user cluster-dns /O=system:masters/CN=cluster-dns
  user ingress /O=system:masters/CN=haproxy-ingress
  openssl_quiet ecparam -name prime256v1 -genkey -noout -out "$pki/accounts.key"
  openssl_quiet ec -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub"
  touch "$conf_dir/.complete"
}
