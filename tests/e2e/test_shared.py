# SPDX-License-Identifier: Apache-2.0
"""HTTP-01 answered by certroll's own replicas, through the cluster's ingress controller: it merges the hosts of
Ingresses in several namespaces, so that a name whose site is in its own namespace can be routed from certroll's."""
import time

import pytest

from conftest import NAMESPACE, leaf_of
from lib.objects import certificate, route, shared_acme
from lib.serving import Traffic
from lib.wait import wait_for
from lib.workloads import PLAIN, nginx


@pytest.fixture
def names_here(api, ns, domain):
    """They are the namespace's: replicas answer for no others."""
    api.create(route(ns, domain, f"*.{domain}"))


@pytest.fixture
def shared_issuer(api, ns, pebble, names_here):
    api.create(shared_acme(ns, pebble))
    api.wait_ready("Issuer", ns, "acme")
    return "acme"


@pytest.fixture
def two_replicas(certroll):
    certroll.scale(2)
    yield
    certroll.scale(1)


def routes(api):
    return api.list("Ingress", NAMESPACE)


def test_names_of_one_order_through_one_route(api, ns, shared_issuer, domain):
    names = [domain, f"www.{domain}"]
    api.create(certificate(ns, "two", shared_issuer, dnsNames=names))
    api.wait_ready("Certificate", ns, "two")
    assert sorted(leaf_of(api, ns, "two-tls").names) == sorted(f"DNS:{n}" for n in names)
    wait_for("the route to go", lambda: not routes(api), 10)
    assert not api.list("Pod", ns)


def test_either_replica_answers(api, ns, shared_issuer, domain, two_replicas):
    """The CA asks several times for each, and the Service leads anywhere."""
    for i in range(4):
        api.create(certificate(ns, f"c{i}", shared_issuer, dnsNames=[f"c{i}.{domain}"]))
    for i in range(4):
        api.wait_ready("Certificate", ns, f"c{i}")
        [order] = [o for o in api.list("Order", ns) if o["metadata"]["name"].startswith(f"c{i}-")]
        assert order["status"]["state"] == "valid"


def test_hosts_of_two_namespaces_are_merged(api, ns, shared_issuer, domain, env, test_image):
    """The site on the name is served all the while: this is what solvers with http01.shared need of an ingress
    controller, and haproxy-ingress does it."""
    if "INGRESS_IP" not in env:
        pytest.skip("needs the address of the ingress controller (INGRESS_IP)")
    nginx(api, ns, "web", test_image("nginx"), PLAIN, 8080)
    api.create({"kind": "Ingress", "metadata": {"name": "web", "namespace": ns}, "spec": {"rules": [{
        "host": domain, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
            "service": {"name": "web", "port": {"number": 8080}}}}]}}]}})
    with Traffic(env["INGRESS_IP"], 80, domain, "/index.html") as traffic:
        wait_for("the web site to answer", lambda: traffic.total > len(traffic.failed), 60, lambda: api.describe(ns))
        failed = len(traffic.failed)
        api.create(certificate(ns, "site", shared_issuer, dnsNames=[domain]))
        api.wait_ready("Certificate", ns, "site")
        wait_for("the route to go", lambda: not routes(api), 10)
        assert len(traffic.failed) == failed, traffic.failed[-5:]


def test_a_renewal_over_a_standing_route(api, ns, pebble, domain, names_here, record_property):
    """Nothing is made but the order: within a second."""
    api.create(shared_acme(ns, pebble, shared={"standing": True}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme", dnsNames=[domain]))
    api.wait_ready("Certificate", ns, "web")
    [route] = routes(api)
    times = []
    for i in range(3):  # what else runs on the machine only ever adds
        revision = api.get("Certificate", ns, "web")["status"]["revision"]
        started = time.monotonic()
        api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": f"now-{i}"}}})
        wait_for("the renewal",
                 lambda want=revision + 1: api.get("Certificate", ns, "web")["status"]["revision"] == want, 30)
        times.append(time.monotonic() - started)
    record_property("seconds", ", ".join(f"{t:.2f}" for t in times))
    print("seconds:", times)
    assert [r["metadata"]["uid"] for r in routes(api)] == [route["metadata"]["uid"]]
    assert min(times) <= 1
    api.delete("Certificate", ns, "web")
    wait_for("the route to go", lambda: not routes(api), 10)
