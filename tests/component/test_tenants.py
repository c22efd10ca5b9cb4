# SPDX-License-Identifier: Apache-2.0
"""Two tenants on one ClusterIssuer, and so on one account at the CA: what one has, the other cannot get. Whatever is
refused is refused before an order is spent."""
import uuid

import pytest

from lib.api import condition
from lib.cluster import service_account
from lib import objects
from lib.objects import acme, certificate
from lib.ports import free_port
from lib.wait import stays, wait_for
from test_shared import HOME, SERVICE, publish

A, B = "one", "two"


@pytest.fixture(scope="module")
def leader(api, folder, request):
    """Answers by itself, behind the Service; the account's issuers are its."""
    from lib.controller import Controller
    api.delete("Lease", HOME, "certroll-controller")
    kubeconfig, _ = service_account(api, folder, HOME, "tenants")
    port = free_port()
    one = Controller(kubeconfig, folder, "tenants", HOME, allow_private_urls="true", solver_linger="20s",
                     failure_backoff_min="2s", failure_backoff_max="8s", http01_port=port, http01_service=SERVICE)
    one.log.unlink(missing_ok=True)
    one.start()
    wait_for("it to lead", lambda: "msg=leading" in one.text(), 25, one.tail)
    publish(api, [port])
    yield one
    one.stop()


@pytest.fixture
def tenants(api):
    names = [api.namespace(f"t-{who}-{uuid.uuid4().hex[:6]}") for who in (A, B)]
    yield names
    for name in names:
        api.delete("Namespace", None, name)


@pytest.fixture
def cluster_issuer(api, pebble, responder, leader, ca):
    """Makes ClusterIssuers of one account, all through the proxy `ca`."""
    account, made = f"x-{uuid.uuid4().hex[:8]}", []

    def make(kind, **spec):
        name = f"{account}-{len(made)}"
        tiers = {"pod": {"ingress": {}}, "shared": {"shared": {}}, "standing": {"shared": {"standing": True}}}
        body = acme(None, pebble, name, "ClusterIssuer", server=f"{ca.url}/dir", privateKeySecretRef={"name": account},
                    solvers=[{"http01": tiers[kind]}])
        owners = spec.pop("nameOwnership", None)
        if owners:
            body["spec"]["acme"]["nameOwnership"] = owners
        body["spec"].update(spec)
        api.create(body)
        made.append(name)
        api.wait_ready("ClusterIssuer", None, name)
        return {"name": name, "kind": "ClusterIssuer"}

    yield make
    for name in made:
        api.delete("ClusterIssuer", None, name)
    api.delete("Secret", HOME, account)


def route(api, ns, host):
    api.create(objects.route(ns, host, name=host.split(".")[0]))


def host_of(what):
    return f"{what}-{uuid.uuid4().hex[:6]}.localhost"


def orders(ca):
    return len([r for r in ca.posts("order-plz") if r.status == 201])


def refused(api, ns, ca, reason):
    """The request says why; no order has been spent and no Challenge made."""
    def told():
        return [c for r in api.list("CertificateRequest", ns) if (c := condition(r, "Ready")).get("reason") == reason]

    before = orders(ca)
    [found] = wait_for(f"{reason} in {ns}", told, 20, lambda: api.describe(ns))
    stays("no order and no Challenge", lambda: orders(ca) == before and not api.list("Challenge", ns), 1)
    return found["message"]


def ask(api, ns, issuer, host):
    api.create(certificate(ns, "web", issuerRef=issuer, dnsNames=[host]))


def test_a_name_is_granted_by_a_route_of_the_namespace(api, tenants, cluster_issuer, ca):
    issuer, host = cluster_issuer("shared"), host_of("routed")
    ask(api, tenants[0], issuer, host)
    assert host in refused(api, tenants[0], ca, "NameNotAllowed")
    assert orders(ca) == 0
    route(api, tenants[0], host)
    api.wait_ready("Certificate", tenants[0], "web", 40)


def test_a_name_that_the_other_routes_is_not_mine(api, tenants, cluster_issuer, ca):
    issuer, host = cluster_issuer("shared"), host_of("theirs")
    route(api, tenants[0], host)
    ask(api, tenants[1], issuer, host)
    refused(api, tenants[1], ca, "NameNotAllowed")


def test_a_name_is_granted_by_the_issuer(api, tenants, cluster_issuer, ca):
    host = host_of("granted")
    issuer = cluster_issuer("shared", allowedNames=[{
        "names": [host], "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenants[0]}}}])
    ask(api, tenants[1], issuer, host)
    refused(api, tenants[1], ca, "NameNotAllowed")
    ask(api, tenants[0], issuer, host)
    api.wait_ready("Certificate", tenants[0], "web")


@pytest.mark.parametrize("mine, theirs", [("shared", "shared"), ("pod", "shared"), ("shared", "pod"), ("pod", "pod")])
def test_a_name_that_the_other_holds_is_not_mine(api, tenants, cluster_issuer, ca, mine, theirs):
    """By whatever tier, though I route it too, and though the account's authorization for it is still valid."""
    host = host_of("held")
    first, second = cluster_issuer(theirs), cluster_issuer(mine)
    for ns in tenants:
        route(api, ns, host)
    ask(api, tenants[0], first, host)
    api.wait_ready("Certificate", tenants[0], "web")
    ask(api, tenants[1], second, host)
    assert tenants[0] not in refused(api, tenants[1], ca, "NameHeldElsewhere"), "who it is, is not told"


def test_who_lets_any_have_it_lets_any_have_it(api, tenants, cluster_issuer):
    host = host_of("any")
    issuer = cluster_issuer("shared", nameOwnership="Any")
    for ns in tenants:
        route(api, ns, host)
        ask(api, ns, issuer, host)
    for ns in tenants:
        api.wait_ready("Certificate", ns, "web", 30)


@pytest.mark.parametrize("mine", ["pod", "shared", "standing"])
def test_a_standing_route_of_the_other_is_no_way_in(api, tenants, cluster_issuer, ca, mine):
    """Though it leads to replicas that would answer, and though I route the name, too."""
    host = host_of("stands")
    theirs, second = cluster_issuer("standing"), cluster_issuer(mine)
    for ns in tenants:
        route(api, ns, host)
    ask(api, tenants[0], theirs, host)
    api.wait_ready("Certificate", tenants[0], "web")
    assert host in [rule["host"] for i in api.list("Ingress", HOME) for rule in i["spec"]["rules"]]
    ask(api, tenants[1], second, host)
    refused(api, tenants[1], ca, "NameHeldElsewhere")


def test_a_spec_alone_holds_no_name(api, tenants, cluster_issuer, ca):
    """My Certificate is the older one and was issued, for another name. Writing the other's into its spec neither gets
    me what was proven for the other, nor takes the name away there."""
    host, issuer = host_of("squatted"), cluster_issuer("pod")
    ask(api, tenants[1], issuer, host_of("mine"))
    api.wait_ready("Certificate", tenants[1], "web")
    ask(api, tenants[0], issuer, host)
    api.wait_ready("Certificate", tenants[0], "web")
    api.patch("Certificate", tenants[1], "web", {"spec": {"dnsNames": [host]}})
    refused(api, tenants[1], ca, "NameHeldElsewhere")
    api.patch("Certificate", tenants[0], "web", {"metadata": {"annotations": {"certroll.dev/renew": "now"}}})
    wait_for("the other's renewal", lambda: api.get("Certificate", tenants[0], "web")["status"]["revision"] == 2, 30,
             lambda: api.describe(tenants[0]))


@pytest.mark.parametrize("http01", [{"shared": {}}, {"shared": {"standing": True}},
                                    {"redirect": {"url": "http://central.localhost"}},
                                    {"shared": {"gatewayHTTPRoute": {"parentRefs": [{"name": "g"}]}}}],
                         ids=["shared", "standing", "redirect", "gateway"])
def test_an_account_of_my_own_is_no_way_in(api, tenants, pebble, cluster_issuer, ca, http01):
    """certroll's replicas answer for any account, and the route to them is certroll's: an Issuer of the namespace gets
    them only for names that the namespace routes, whatever it allows itself."""
    host, theirs = host_of("foreign"), cluster_issuer("shared")
    route(api, tenants[0], host)
    ask(api, tenants[0], theirs, host)
    api.wait_ready("Certificate", tenants[0], "web")
    body = acme(tenants[1], pebble, "own", server=f"{ca.url}/dir", solvers=[{"http01": http01}])
    body["spec"]["allowedNames"] = [{"names": ["*"]}]
    api.create(body)
    api.wait_ready("Issuer", tenants[1], "own")
    ask(api, tenants[1], {"name": "own"}, host)
    refused(api, tenants[1], ca, "NameNotAllowed")
    assert host not in [rule["host"] for i in api.list("Ingress", HOME) for rule in i["spec"]["rules"]]


def test_a_central_host_of_the_other_is_no_way_in(api, tenants, pebble, cluster_issuer, ca):
    """A name of my own is sent on to a host where certroll's replicas would answer: only to one that I route."""
    mine, central = host_of("sent"), host_of("central")
    route(api, tenants[1], mine)
    api.create(acme(tenants[1], pebble, "own", server=f"{ca.url}/dir",
                    solvers=[{"http01": {"redirect": {"url": f"http://{central}"}}}]))
    api.wait_ready("Issuer", tenants[1], "own")
    ask(api, tenants[1], {"name": "own"}, mine)
    assert central in refused(api, tenants[1], ca, "NameNotAllowed")
    assert central not in [rule["host"] for i in api.list("Ingress", HOME) for rule in i["spec"]["rules"]]


def test_a_solver_that_is_slipped_in_is_no_way_in(api, tenants, pebble, cluster_issuer, ca):
    """Whoever serves the answers himself, with an account of his own, needs no grant: his order for any name is placed. In
    place of his own answers he does not get certroll's, and the next attempt spends no order."""
    host, theirs = host_of("slipped"), cluster_issuer("shared")
    route(api, tenants[0], host)
    ask(api, tenants[0], theirs, host)
    api.wait_ready("Certificate", tenants[0], "web")
    api.create(acme(tenants[1], pebble, "own", server=f"{ca.url}/dir", solvers=[{"http01": {"external": {}}}]))
    api.wait_ready("Issuer", tenants[1], "own")
    ask(api, tenants[1], {"name": "own"}, host)
    wait_for("its Challenge", lambda: api.list("Challenge", tenants[1]), 20, lambda: api.describe(tenants[1]))
    api.patch("Issuer", tenants[1], "own", {"spec": {"acme": {"solvers": [{"http01": {"shared": {}}}]}}})
    wait_for("the order to be given up", lambda: not api.list("Challenge", tenants[1]), 30,
             lambda: api.describe(tenants[1]))
    assert host in refused(api, tenants[1], ca, "NameNotAllowed")
    assert host not in [rule["host"] for i in api.list("Ingress", HOME) for rule in i["spec"]["rules"]]


def test_the_other_s_warm_solver_is_no_way_in(api, tenants, cluster_issuer, ca, responder):
    """The first has gone, its Pod is still there, and what it proved lives on at the CA. Whoever comes next proves the
    name anew: a route that nobody serves gets no certificate."""
    host = host_of("reused")
    issuer = cluster_issuer("pod")
    ask(api, tenants[0], issuer, host)
    api.wait_ready("Certificate", tenants[0], "web")
    api.delete("Certificate", tenants[0], "web")
    responder.unserved = {tenants[1]}
    try:
        ask(api, tenants[1], issuer, host)
        stays("without a certificate", lambda: api.get("Secret", tenants[1], "web-tls") is None, 8)
        assert api.list("Pod", tenants[0]), "it is warm"
    finally:
        responder.unserved = set()
    api.wait_ready("Certificate", tenants[1], "web", 60)
