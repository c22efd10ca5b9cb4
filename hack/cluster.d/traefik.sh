# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Traefik as a second data plane, for Ingresses of the class traefik and Gateways of the class traefik. It has an
# address of its own on the node, as both serve port 80.

up_traefik() {
  if alive traefik; then return; fi
  link_tools traefik
  install_gateway_api
  on_node ip addr replace "$traefik_address/24" dev eth0
  stop haproxy-ingress
  run traefik haproxy-ingress
  traefik_objects | kubectl apply -f - >/dev/null
  await traefik haproxy-ingress
}

run_traefik() {
  KUBECONFIG=$conf_dir/ingress.kubeconfig start traefik "$bin_dir/traefik" \
    --global.checkNewVersion=false --global.sendAnonymousUsage=false --log.level=INFO \
    --entryPoints.web.address="$traefik_address:80" --providers.providersThrottleDuration=100ms \
    --providers.kubernetesIngress=true --providers.kubernetesIngress.ingressClass=traefik \
    --providers.kubernetesIngress.ingressEndpoint.ip="$traefik_address" \
    --providers.kubernetesGateway=true --providers.kubernetesGateway.statusAddress.ip="$traefik_address"
}

# Ready when it answers, with a 404 for a host that nobody has.
ready_traefik() { ready traefik 30 curl -s -o /dev/null "http://$traefik_address/"; }

traefik_objects() {
  cat <<YAML
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik}
spec: {controller: traefik.io/ingress-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: traefik.io/gateway-controller}
YAML
}
