# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# haproxy-ingress over Debian's haproxy, as processes of the node. With a
# prefix it keeps all of its files in one folder, and finds its templates in
# rootfs/ of the folder it runs in.

ingress_files=$run_dir/ingress
# Where the node sees them: the controller takes the first dot of a map's path
# for that of its extension, so its prefix must have none (.cluster has).
ingress_prefix=/run/ingress

prepare_ingress() {
  [[ -d $ingress_files ]] && return
  mkdir -p "$ingress_files/etc/haproxy" "$ingress_files/var/lib/haproxy"
  cp -RL "$bin_dir/rootfs" "$ingress_files/rootfs"
  cp -R "$ingress_files/rootfs/etc/lua" "$ingress_files/etc/haproxy/lua"
  chmod +x "$ingress_files/rootfs/haproxy-reload.sh"
  on_node mkdir "$ingress_prefix"
  on_node mount --bind "$ingress_files" "$ingress_prefix"
}

run_haproxy_ingress() {
  local gateways=true
  prepare_ingress
  # It reads Gateway API 1.0 and fails altogether over what Traefik writes into the status of a GatewayClass.
  if [[ -e $run_dir/traefik.pid ]]; then gateways=false; fi
  POD_NAMESPACE=kube-system POD_NAME=haproxy-ingress \
    start haproxy-ingress env --chdir="$ingress_prefix" "$bin_dir/haproxy-ingress" \
    --local-filesystem-prefix "$ingress_prefix" --kubeconfig "$conf_dir/ingress.kubeconfig" \
    --configmap kube-system/haproxy-ingress --publish-address "$address" \
    --rate-limit-update 5 --reload-strategy reusesocket --wait-before-update 50ms \
    --watch-ingress-without-class --watch-gateway="$gateways"
}

# Ready when haproxy answers, with a 404 for a host that nobody has.
ready_haproxy_ingress() { ready haproxy-ingress 30 curl -s -o /dev/null "http://$address/"; }

# The controller insists on being a pod; this one stands for it.
ingress_objects() {
  cat <<YAML
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: haproxy
  annotations: {ingressclass.kubernetes.io/is-default-class: "true"}
spec: {controller: haproxy-ingress.github.io/controller}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: haproxy-ingress, namespace: kube-system}
data: {ssl-redirect: "false", bind-ip-addr-http: "$address"}
---
apiVersion: v1
kind: Pod
metadata: {name: haproxy-ingress, namespace: kube-system, labels: {app: haproxy-ingress}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers: [{name: stand-in, image: "$pause_image", imagePullPolicy: Never}]
YAML
}
