# SPDX-License-Identifier: Apache-2.0
"""Bodies of our objects: what a user would write."""


def issuer(namespace, name, kind="Issuer", **spec):
    meta = {"name": name} if kind == "ClusterIssuer" else {"name": name, "namespace": namespace}
    return {"kind": kind, "metadata": meta, "spec": spec}


def self_signed(namespace, name="selfsigned"):
    return issuer(namespace, name, selfSigned={})


def acme(namespace, ca, name="acme", kind="Issuer", ingress=None, **more):
    """An HTTP-01 Issuer of a CA: lib.pebble's or one of lib.ca."""
    spec = {"server": ca.directory, "caBundle": ca.bundle(),
            "privateKeySecretRef": {"name": f"{name}-account"},
            "solvers": [{"http01": {"ingress": ingress or {}}}], **more}
    return issuer(namespace, name, kind, acme={k: v for k, v in spec.items() if v is not None})


def shared_acme(namespace, pebble, name="acme", kind="Issuer", shared=None, **more):
    """The same, answered by certroll's own replicas."""
    return acme(namespace, pebble, name, kind, solvers=[{"http01": {"shared": shared or {}}}], **more)


def gateway_acme(namespace, pebble, *parents, name="acme", kind="Issuer", shared=False, route=None, **http01):
    """The same, by HTTPRoutes of these parents: a solver pod's answer, or that of certroll's own replicas."""
    route = {"gatewayHTTPRoute": {"parentRefs": list(parents), **(route or {})}}
    solver = {"http01": {**({"shared": route} if shared else route), **http01}}
    return acme(namespace, pebble, name, kind, solvers=[solver])


def dns01_acme(namespace, ca, dns01, name="acme", kind="Issuer", **more):
    """The same, by DNS-01: what solver() of a server of lib.dns says."""
    return acme(namespace, ca, name, kind, **{"solvers": [{"dns01": dns01}], **more})


def gateway(namespace, name="gateway", class_name="tests", routes_from="Same"):
    """One that takes HTTP on port 80."""
    return {"kind": "Gateway", "metadata": {"name": name, "namespace": namespace}, "spec": {
        "gatewayClassName": class_name, "listeners": [{
            "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": routes_from}}}]}}


def route(namespace, *hosts, name="names", ingress_class="nobody"):
    """An Ingress that carries the hosts, which makes them the namespace's. Of a class that nobody serves unless given."""
    return {"kind": "Ingress", "metadata": {"name": name, "namespace": namespace}, "spec": {
        "ingressClassName": ingress_class, "rules": [{"host": host, "http": {"paths": [{
            "path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}} for host in hosts]}}


def certificate(namespace, name, issuer_name="selfsigned", **spec):
    """secretName is the name with -tls and dnsNames the name under .localhost unless given. ECDSA, for speed."""
    spec = {"secretName": f"{name}-tls", "dnsNames": [f"{name}.localhost"],
            "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
            "issuerRef": {"name": issuer_name}, **spec}
    return {"kind": "Certificate", "metadata": {"name": name, "namespace": namespace},
            "spec": {k: v for k, v in spec.items() if v is not None}}
