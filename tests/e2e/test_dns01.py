# SPDX-License-Identifier: Apache-2.0
"""DNS-01 from real pods: certroll as the chart installs it writes to BIND, and to PowerDNS by a webhook made for cert-manager;
Pebble validates from the root of the test's DNS down; a web server in pods serves what comes of it. The servers are
processes of this machine, on addresses that pods reach."""
import os
import pathlib

import pytest

from conftest import VALUES, leaf_of, renew
from lib.ca import Authority, Pebble
from lib.cluster import ROOT
from lib.dns import Bind, PowerDns, Tree, Webhook, beside
from lib.objects import certificate, dns01_acme
from lib.ports import free_port
from lib.serving import NamedContext, tls_serial
from lib.wait import wait_for
from lib.workloads import TLS, State, nginx, settled

[GROUP] = VALUES["dns01"]["webhookGroups"]


class World:
    """tree: the DNS from its root; ca: a Pebble that asks it; host: the machine, as pods see it."""

    def __init__(self, folder, host, tree):
        self.folder, self.host, self.tree = folder, host, tree
        self.authority = Authority(folder / "authority")
        self.ca = Pebble(folder, self.authority, tree, free_port(), "pebble-dns", host=host)

    def issuer(self, ns, dns01):
        """An Issuer whose zones and servers are found in the tree, and not by the cluster's resolver."""
        return dns01_acme(ns, self.ca, {**dns01, "selfCheck": {"nameservers": [self.tree.address]}})


@pytest.fixture(scope="module")
def world(cluster, env):
    if cluster is None:
        pytest.skip("needs the node of hack/cluster: its pods reach servers of this machine")
    folder = pathlib.Path(ROOT / os.environ.get("BUILD", "build") / "logs/e2e/dns")
    folder.mkdir(parents=True, exist_ok=True)
    with beside(env["HOST_IP"]), Tree(folder, remember=1) as tree:
        made = World(folder, env["HOST_IP"], tree)
        with made.ca:
            yield made


@pytest.fixture
def bind(world, ns):
    """A primary with the zone of the test."""
    with Bind(world.folder, f"bind-{ns}") as one:
        one.add_zone(f"{ns}.test")
        world.tree.delegate(f"{ns}.test", one)
        yield one


def said(api, ns):
    return "\n".join(c.get("status", {}).get("reason", "") for c in api.list("Challenge", ns))


def test_a_wildcard_is_issued_served_renewed_and_rolled(api, ns, world, bind, test_image):
    zone, name = f"{ns}.test", f"_acme-challenge.{ns}.test"
    address = nginx(api, ns, "web", test_image("nginx"), TLS, 8443, "web-tls", "true")
    api.create(bind.secret(ns))
    api.create(world.issuer(ns, bind.solver()))
    api.create(certificate(ns, "web", "acme", dnsNames=[zone, f"*.{zone}"]))
    api.wait_ready("Certificate", ns, "web", 60)
    first = leaf_of(api, ns, "web-tls")
    assert sorted(first.names) == sorted([f"DNS:{zone}", f"DNS:*.{zone}"])
    before = settled(api, "Deployment", ns, "web")
    for served in (zone, f"any.{zone}"):
        assert tls_serial(address, 8443, NamedContext(served, world.ca.root())) == first.serial
    wait_for("the values to go", lambda: bind.values(name) == {bind.address: []}, 20, lambda: api.describe(ns))

    second = renew(api, ns, "web", 40)
    wait_for("the roll", lambda: State(api, "Deployment", ns, "web").fingerprint, 20)
    after = settled(api, "Deployment", ns, "web")
    assert not set(before.pods) & set(after.pods)
    assert tls_serial(address, 8443, NamedContext(f"any.{zone}", world.ca.root())) == second.serial
    wait_for("the values to go again", lambda: bind.values(name) == {bind.address: []}, 20, lambda: api.describe(ns))


def test_the_chart_lets_certroll_call_a_webhook(api, ns, world):
    """dns01.webhookGroups: through the API server, which trusts the webhook by the caBundle of its APIService."""
    zone = f"{ns}.test"
    with PowerDns(world.folder, f"powerdns-{ns}") as server, \
            Webhook(world.folder, api, world.authority, ns, GROUP, world.host) as webhook:
        server.add_zone(zone)
        world.tree.delegate(zone, server)
        api.create(server.secret(ns))
        api.create(world.issuer(ns, webhook.solver(server)))
        api.create(certificate(ns, "web", "acme", dnsNames=[f"*.{zone}"]))
        api.wait_ready("Certificate", ns, "web", 60)
        wait_for("the value to go", lambda: server.values(f"_acme-challenge.{zone}") == {server.address: []}, 20,
                 lambda: api.describe(ns))


def test_the_chart_lets_certroll_ask_for_a_token(api, ns, world, bind, audit):
    """dns01.serviceAccountTokens: the token is made; here is no AWS that would take it, and that is what is said."""
    api.create({"kind": "ServiceAccount", "metadata": {"name": "dns", "namespace": ns}})
    api.create(world.issuer(ns, {"route53": {"region": "eu-central-1", "role": "arn:aws:iam::123456789012:role/dns",
                                             "auth": {"kubernetes": {"serviceAccountRef": {"name": "dns"}}}}}))
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.test"]))
    wait_for("AWS' role to be what fails", lambda: "role arn:aws:iam::123456789012:role/dns" in said(api, ns), 40,
             lambda: api.describe(ns))
    made = [e for e in audit.entries(namespace=ns) if e.kind == "serviceaccounts/token"]
    assert made and all((e.verb, e.name, e.code) == ("create", "dns", 201) for e in made)
    assert "eyJ" not in api.describe(ns)
