# SPDX-License-Identifier: Apache-2.0
"""HTTP-01 by routes of the Gateway API: an HTTPRoute in the Certificate's namespace, to a solver pod there or to
certroll's own replicas. The kinds are real and a data plane of the test's own reads them; Traefik is in tests/e2e."""
import pytest

from test_shared import HOME, SERVICE, port_of, publish

from lib.api import condition
from lib.audit import Audit
from lib.cluster import service_account
from lib.objects import certificate, gateway, gateway_acme, route
from lib.ports import free_port
from lib.wait import wait_for

GATEWAY = {"name": "gateway"}
KINDS = ("HTTPRoute", "ReferenceGrant")
GRANT = "certroll-http01-from-{}"


def remove_gateway_api(api):
    names = [name for crd in api.list("CustomResourceDefinition")
             if (name := crd["metadata"]["name"]).endswith(".gateway.networking.k8s.io")]
    for name in names:
        api.delete("CustomResourceDefinition", None, name)
    for name in names:
        api.wait("CustomResourceDefinition", None, name, lambda crd: crd is None, "gone", 60)


@pytest.fixture(scope="module")
def gateway_account(api, folder):
    """The controller's where the chart has gatewayAPI.enabled: kubeconfig and user name."""
    return service_account(api, folder, HOME, "gateway", gateway=True)


@pytest.fixture
def allowed(api, env, gateway_account, make_controller):
    """A controller that may make routes; its rights are enough for all that a test makes it do."""
    seen = Audit(env["AUDIT_LOG"], gateway_account[1])
    api.delete("Lease", HOME, "certroll-controller")
    with make_controller("gateway", gateway_account[0]) as one:
        yield one
    assert not seen.refused(), seen.refused()


@pytest.fixture(scope="module")
def gateway_api(cluster, api):
    """Its kinds, for as long as a module."""
    cluster.call("gateway-api")
    yield
    remove_gateway_api(api)


def issue(api, ns, name="web", **spec):
    api.create(certificate(ns, name, "acme", **spec))
    return api.wait_ready("Certificate", ns, name)


def ready_issuer(api, *arguments, **more):
    api.create(gateway_acme(*arguments, **more))
    api.wait_ready("Issuer", arguments[0], "acme")


def told(api, ns, text):
    """Waits until the Certificate says it."""
    found = api.wait("Certificate", ns, "web", lambda c: text in str(c.get("status")), f"to say {text!r}", 20)
    assert condition(found, "Ready")["status"] == "False"


def test_without_the_gateway_api_it_says_so_once(api, env, ns, pebble, responder, gateway_account, allowed):
    remove_gateway_api(api)
    audit = Audit(env["AUDIT_LOG"], gateway_account[1])
    ready_issuer(api, ns, pebble, GATEWAY)
    api.create(certificate(ns, "web", "acme"))
    told(api, ns, "install the Gateway API")
    assert len([e for e in audit.entries() if e.kind == "httproutes" and e.verb == "patch"]) == 1
    wait_for("the Challenge to go", lambda: not api.list("Challenge", ns), 10)


@pytest.mark.refusals
def test_without_rights_it_says_what_to_set(api, ns, pebble, responder, gateway_api, make_controller):
    api.delete("Lease", HOME, "certroll-controller")
    with make_controller("gateway-none"):
        ready_issuer(api, ns, pebble, GATEWAY)
        api.create(certificate(ns, "web", "acme"))
        told(api, ns, "gatewayAPI.enabled")


def test_a_solver_pod_behind_an_http_route(api, env, ns, pebble, responder, gateway_api, gateway_account, allowed):
    api.create(gateway(ns))
    ready_issuer(api, ns, pebble, GATEWAY)
    audit = Audit(env["AUDIT_LOG"], gateway_account[1])
    issue(api, ns)
    wait_for("the Challenge to go", lambda: not api.list("Challenge", ns), 10)
    assert not api.list("HTTPRoute", ns) and not api.list("Ingress", ns)
    writes = [w for w in audit.writes(namespace=ns) if w.kind != "issuers/status"]
    print(len(writes), "writes:", writes)
    assert len(writes) <= 24, writes


def test_many_names_take_two_routes(api, ns, pebble, responder, gateway_api, allowed):
    """And the Gateway's ListenerSet will do as a parent."""
    api.create(gateway(ns, "infra"))
    api.create({"kind": "ListenerSet", "metadata": {"name": "ours", "namespace": ns}, "spec": {
        "parentRef": {"name": "infra"}, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
    ready_issuer(api, ns, pebble, {"name": "ours", "kind": "ListenerSet", "sectionName": "http"},
                 route={"labels": {"gateway": "infra"}})
    names = [f"n{i}.localhost" for i in range(17)]
    responder.deaf = set(responder.ports)  # the self-check fails, so that there is time to look
    try:
        api.create(certificate(ns, "web", "acme", dnsNames=names))
        routes = wait_for("two routes", lambda: (r := api.list("HTTPRoute", ns)) and len(r) == 2 and r)
    finally:
        responder.deaf = set()
    assert sorted(len(r["spec"]["hostnames"]) for r in routes) == [1, 16]
    assert sorted(n for r in routes for n in r["spec"]["hostnames"]) == sorted(names)
    [order] = api.list("Order", ns)
    for one in routes:
        assert one["metadata"]["labels"]["gateway"] == "infra"
        assert [o["uid"] for o in one["metadata"]["ownerReferences"]] == [order["metadata"]["uid"]]
        assert one["spec"]["parentRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "ListenerSet",
                                                "name": "ours", "sectionName": "http"}]
    api.wait_ready("Certificate", ns, "web", 40)
    wait_for("the routes to go", lambda: not api.list("HTTPRoute", ns), 10)


def test_the_addresses_of_the_gateway_stand_for_dns(api, ns, pebble, responder, gateway_api, allowed, dns):
    """certroll's own DNS does not know the name: hairpin NAT and split horizons look like this."""
    name = f"{ns}.example"
    api.create(gateway(ns))
    ready_issuer(api, ns, pebble, GATEWAY, selfCheck={"mode": "ingressStatus"})
    api.create(certificate(ns, "web", "acme", dnsNames=[name]))
    wait_for("the route", lambda: api.list("HTTPRoute", ns))
    assert not api.get("Gateway", ns, "gateway")["status"].get("addresses")
    api.patch("Gateway", ns, "gateway", {"status": {"addresses": [{"type": "IPAddress", "value": "127.0.0.1"}]}},
              sub="status")
    api.wait_ready("Certificate", ns, "web")
    dns.forget(name)


@pytest.fixture
def replicas(api, gateway_account, gateway_api, make_controller):
    """The leader and the one that waits, both behind the Service."""
    api.delete("Lease", HOME, "certroll-controller")
    made = []
    for name in ("gateway-a", "gateway-b"):
        made.append(make_controller(name, gateway_account[0], http01_port=free_port(), http01_service=SERVICE))
        made[-1].start()
        wait_for("a leader", lambda: "msg=leading" in made[0].text(), 20, made[0].tail)
    publish(api, [port_of(one) for one in made])
    yield made
    for one in made:
        one.stop()


def test_own_replicas_behind_an_http_route(api, env, ns, pebble, responder, replicas, gateway_account):
    """The first order of a namespace makes the grant, the next ones find it, and it goes as a solver pod would."""
    api.create(gateway(ns))
    api.create(route(ns, "web.localhost", "mail.localhost"))  # replicas answer for names of the namespace only
    ready_issuer(api, ns, pebble, GATEWAY, shared=True)
    audit = Audit(env["AUDIT_LOG"], gateway_account[1])
    for name, most, about in (("web", 17, ["patch"]), ("mail", 16, [])):
        audit.mark()
        issue(api, ns, name)
        wait_for("route and Challenge to go", lambda: not api.list("HTTPRoute", ns) and not api.list("Challenge", ns), 10)
        writes = [w for w in audit.writes(namespace=ns) + audit.writes(namespace=HOME) if w.kind != "issuers/status"]
        print(len(writes), "writes:", writes)
        assert {w.kind for w in writes}.isdisjoint({"pods", "services", "ingresses"})
        assert [w.verb for w in writes if w.kind == "referencegrants"] == about
        assert len(writes) <= most, writes
    assert api.get("ReferenceGrant", HOME, GRANT.format(ns))
    audit.mark()
    wait_for("the grant to go", lambda: not api.get("ReferenceGrant", HOME, GRANT.format(ns)), 30)
    assert [w.verb for w in audit.writes(namespace=HOME) if w.kind == "referencegrants"] == ["delete"]
    assert not audit.refused(), audit.refused()


def test_a_grant_that_somebody_deletes_comes_back(api, ns, pebble, responder, replicas):
    """While an order needs it; and in the meantime the name is not proven."""
    api.create(gateway(ns))
    api.create(route(ns, "web.localhost"))
    ready_issuer(api, ns, pebble, GATEWAY, shared=True)
    responder.deaf = set(responder.ports)
    try:
        api.create(certificate(ns, "web", "acme"))
        wait_for("the route", lambda: api.list("HTTPRoute", ns))
        first = api.get("ReferenceGrant", HOME, GRANT.format(ns))["metadata"]["uid"]
        api.delete("ReferenceGrant", HOME, GRANT.format(ns))
        responder.deaf = set()
        api.wait_ready("Certificate", ns, "web", 40)
        assert api.get("ReferenceGrant", HOME, GRANT.format(ns))["metadata"]["uid"] != first
    finally:
        responder.deaf = set()


def test_what_a_leader_that_died_has_left_goes(api, ns, pebble, responder, replicas):
    api.create(gateway(ns))
    api.create(route(ns, "web.localhost"))  # replicas answer for names of the namespace only
    ready_issuer(api, ns, pebble, GATEWAY, shared=True)
    responder.deaf = set(responder.ports)
    try:
        api.create(certificate(ns, "web", "acme"))
        [made] = wait_for("the route", lambda: api.list("HTTPRoute", ns))
        grant = api.get("ReferenceGrant", HOME, GRANT.format(ns))
        assert grant["spec"]["from"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": ns}]
        assert made["spec"]["rules"][0]["backendRefs"][0]["namespace"] == HOME
        leader, other = replicas
        leader.kill()
        api.delete("Lease", HOME, "certroll-controller")
        api.delete("Certificate", ns, "web")
        wait_for("route and grants to go", lambda: not any(api.list(kind) for kind in KINDS), 60, other.tail)
    finally:
        responder.deaf = set()
