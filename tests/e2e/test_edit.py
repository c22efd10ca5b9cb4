# SPDX-License-Identifier: Apache-2.0
"""HTTP-01 within the site's own Ingress (http01.ingress.name), through the cluster's ingress controller: the site is
served all the while, and its Ingress is as it was."""
import pytest

from conftest import leaf_of
from lib.objects import acme, certificate
from lib.recorder import Recorder
from lib.serving import Traffic
from lib.wait import wait_for
from lib.workloads import PLAIN, nginx


@pytest.fixture
def site(api, ns, pebble, test_image, env):
    """Makes the site of a host with its Ingress, and an Issuer that edits that; spec of the Ingress."""
    if "INGRESS_IP" not in env:
        pytest.skip("needs the address of the ingress controller (INGRESS_IP)")

    def make(host):
        nginx(api, ns, "web", test_image("nginx"), PLAIN, 8080)
        path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 8080}}}}
        made = api.create({"kind": "Ingress", "metadata": {"name": "web", "namespace": ns},
                           "spec": {"rules": [{"host": host, "http": {"paths": [path]}}]}})
        api.create(acme(ns, pebble, ingress={"name": "web"}))
        api.wait_ready("Issuer", ns, "acme")
        return made["spec"]

    return make


@pytest.mark.parametrize("rule", ["{0}", "*.{0}"])
def test_the_site_is_served_while_its_ingress_is_edited(api, ns, domain, env, site, rule):
    """By a rule for the name, and by a wildcard's: a new rule for the name would take the site from it."""
    name = f"www.{domain}" if rule.startswith("*") else domain
    spec = site(rule.format(domain))
    with Traffic(env["INGRESS_IP"], 80, name, "/index.html") as probing:
        wait_for("the site to answer", lambda: probing.total, 60, lambda: api.describe(ns))
    with Recorder(api, "Ingress", ns) as ingresses, \
            Traffic(env["INGRESS_IP"], 80, name, "/index.html") as traffic:
        before = traffic.total
        api.create(certificate(ns, "site", "acme", dnsNames=[name]))
        api.wait_ready("Certificate", ns, "site", 40)
        wait_for("the Ingress to be as it was", lambda: api.get("Ingress", ns, "web")["spec"] == spec, 10,
                 lambda: api.describe(ns))
        issued = traffic.total
        wait_for("some requests more", lambda: traffic.total > issued + 20)
    assert leaf_of(api, ns, "site-tls").names == [f"DNS:{name}"]
    assert not traffic.failed, traffic.failed[:5]
    assert issued > before
    assert len(ingresses.uids()) == 1, "none is made"
