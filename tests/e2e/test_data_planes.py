# SPDX-License-Identifier: Apache-2.0
"""Every tier of HTTP-01 on both data planes: haproxy-ingress, which other files have for Ingresses, too, and Traefik, which
takes minutes to build."""
import pytest

from conftest import NAMESPACE, leaf_of
from lib.ca.server import build_tool
from lib.objects import acme, certificate, gateway
from lib.serving import Traffic
from lib.wait import wait_for
from lib.workloads import PLAIN, RESTRICTED, body, nginx, service

class Plane:
    """name: of its IngressClass and of its GatewayClass."""

    def __init__(self, name, address):
        self.name, self.address = name, address


@pytest.fixture(scope="module")
def gateway_api(cluster, api):
    """Its kinds; haproxy-ingress looks for them when it starts."""
    if cluster is None:
        pytest.skip("needs the node of hack/cluster: its ingress controllers")
    cluster.call("gateway-api")
    api.apply({"kind": "GatewayClass", "metadata": {"name": "haproxy"},
               "spec": {"controllerName": "haproxy-ingress.github.io/controller"}})


@pytest.fixture(scope="module")
def haproxy(cluster, env, gateway_api):
    if "TRAEFIK_IP" in cluster.env():
        pytest.skip("needs a cluster where Traefik has not run: haproxy-ingress cannot read its GatewayClass")
    cluster.call("restart", "haproxy-ingress")
    return Plane("haproxy", env["INGRESS_IP"])


@pytest.fixture(scope="module")
def traefik(cluster, gateway_api):
    build_tool("traefik")
    cluster.call("up", "--traefik")
    return Plane("traefik", cluster.env()["TRAEFIK_IP"])


@pytest.fixture(scope="module")
def plane(request):
    """All rows of one, then all of the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def names(domain, plane, dns):
    """Two that lead to the data plane."""
    found = [domain, f"www.{domain}"]
    for name in found:
        dns.address(name, plane.address)
    yield found
    for name in found:
        dns.forget(name)


def on_both(*short):
    """A row for each data plane; only those named are short."""
    return pytest.mark.parametrize("plane", [pytest.param(name, marks=() if name in short else pytest.mark.full)
                                             for name in ("haproxy", "traefik")], indirect=True)


def site(api, ns, plane, names):
    """The namespace's own Ingress for the names, that says whose they are."""
    return api.create({"kind": "Ingress", "metadata": {"name": "site", "namespace": ns}, "spec": {
        "ingressClassName": plane.name, "rules": [{"host": name, "http": {"paths": [{
            "path": "/", "pathType": "Prefix", "backend": {"service": {"name": "site", "port": {"number": 8080}}}}]}}
            for name in names]}})


def ready_issuer(api, ns, pebble, http01):
    api.create(acme(ns, pebble, solvers=[{"http01": http01}]))
    api.wait_ready("Issuer", ns, "acme")


def issue(api, ns, names):
    api.create(certificate(ns, "web", "acme", dnsNames=names))
    api.wait_ready("Certificate", ns, "web", 40)
    assert sorted(leaf_of(api, ns, "web-tls").names) == sorted(f"DNS:{n}" for n in names)


def leftovers(api, ns):
    return [f"{kind} {t['metadata']['name']}" for kind, where in (
        ("Ingress", ns), ("HTTPRoute", ns), ("Challenge", ns), ("Ingress", NAMESPACE))
        for t in api.list(kind, where) if t["metadata"]["name"] != "site"] + [
        f"{kind} {t['metadata']['name']}" for kind in ("Service", "EndpointSlice") for t in api.list(kind, ns)
        if t["metadata"]["name"].startswith("certroll-http01-")]


def wait_clean(api, ns):
    wait_for("all routes to go", lambda: not leftovers(api, ns), 10, lambda: leftovers(api, ns))


@on_both()
def test_a_solver_pod_behind_an_ingress(api, ns, pebble, plane, names):
    ready_issuer(api, ns, pebble, {"ingress": {"ingressClassName": plane.name}})
    issue(api, ns, names)
    wait_clean(api, ns)


@on_both()
def test_own_replicas_merged_with_the_site_of_another_namespace(api, ns, pebble, plane, names, test_image):
    """What solvers with http01.shared need of an ingress controller."""
    nginx(api, ns, "site", test_image("nginx"), PLAIN, 8080)
    site(api, ns, plane, names)
    ready_issuer(api, ns, pebble, {"shared": {"ingressClassName": plane.name}})
    with Traffic(plane.address, 80, names[0], "/index.html") as traffic:
        wait_for("the site to answer", lambda: traffic.total > len(traffic.failed), 60, lambda: api.describe(ns))
        failed = len(traffic.failed)
        issue(api, ns, names)
        wait_clean(api, ns)
        assert len(traffic.failed) == failed, traffic.failed[-5:]


@on_both()
def test_within_the_ingress_of_the_site(api, ns, pebble, plane, names, test_image):
    """http01.ingress.name: none is made, and afterwards it is as it was."""
    nginx(api, ns, "site", test_image("nginx"), PLAIN, 8080)
    spec = site(api, ns, plane, names)["spec"]
    ready_issuer(api, ns, pebble, {"ingress": {"name": "site"}})
    issue(api, ns, names)
    wait_for("the Ingress to be as it was", lambda: api.get("Ingress", ns, "site")["spec"] == spec, 10,
             lambda: api.describe(ns))
    wait_clean(api, ns)


@on_both("haproxy")
def test_a_pod_that_sends_the_ca_on(api, ns, pebble, plane, names, dns, image):
    """http01.redirect: the names are served by somebody else, here by `certroll solver --forward`; the one route that
    certroll makes is for the central host."""
    central = f"acme.{names[0]}"
    dns.address(central, plane.address)
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED,
                 "args": ["solver", "--listen=:8080", f"--forward=http://{central}"]}
    api.create(body("Deployment", ns, "site", {"containers": [container]}, replicas=1))
    service(api, ns, "site", {"web": 8080})
    site(api, ns, plane, [*names, central])
    ready_issuer(api, ns, pebble, {"redirect": {"url": f"http://{central}", "ingressClassName": plane.name}})
    issue(api, ns, names)
    assert len(api.list("Pod", ns)) == 1, "the answers came from certroll's own replicas"
    wait_clean(api, ns)
    dns.forget(central)


@on_both("haproxy")
def test_own_replicas_by_way_of_the_namespace(api, ns, pebble, plane, names):
    """What solvers with http01.shared.endpointSlice need: that an address in an EndpointSlice may be a Service's."""
    site(api, ns, plane, names)
    ready_issuer(api, ns, pebble, {"shared": {"ingressClassName": plane.name, "endpointSlice": True}})
    issue(api, ns, names)
    assert not api.list("Pod", ns)
    wait_clean(api, ns)


@on_both()
def test_a_renewal_over_a_standing_route(api, ns, pebble, plane, names):
    site(api, ns, plane, names)
    ready_issuer(api, ns, pebble, {"shared": {"ingressClassName": plane.name, "standing": True}})
    issue(api, ns, names[:1])
    [route] = api.list("Ingress", NAMESPACE)
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "now"}}})
    wait_for("the renewal", lambda: api.get("Certificate", ns, "web")["status"]["revision"] == 2, 30)
    assert [r["metadata"]["uid"] for r in api.list("Ingress", NAMESPACE)] == [route["metadata"]["uid"]]
    api.delete("Certificate", ns, "web")
    wait_clean(api, ns)


def own_gateway(api, ns, plane):
    """A Gateway of the namespace that takes its routes only, as listeners do unless they say more."""
    made = gateway(ns, class_name=plane.name)
    made["spec"]["listeners"][0]["hostname"] = "*.example.test"
    api.create(made)


@on_both("haproxy")
def test_a_solver_pod_behind_an_http_route(api, ns, pebble, plane, names):
    own_gateway(api, ns, plane)
    ready_issuer(api, ns, pebble, {"gatewayHTTPRoute": {"parentRefs": [{"name": "gateway"}]}})
    issue(api, ns, names[:1])
    wait_clean(api, ns)


@on_both()
def test_own_replicas_behind_an_http_route(api, ns, pebble, plane, names):
    if plane.name == "haproxy":
        pytest.skip("haproxy-ingress 0.16 looks for each Service in the route's own namespace")
    own_gateway(api, ns, plane)
    ready_issuer(api, ns, pebble, {"shared": {"gatewayHTTPRoute": {"parentRefs": [{"name": "gateway"}]}}})
    issue(api, ns, names[:1])
    assert [g["spec"]["from"][0]["namespace"] for g in api.list("ReferenceGrant", NAMESPACE)] == [ns]
    wait_clean(api, ns)
    wait_for("the grant to go", lambda: not api.list("ReferenceGrant", NAMESPACE), 40)


@on_both()
def test_the_addresses_of_the_gateway(api, ns, pebble, plane, names):
    """As its controller writes them."""
    if plane.name == "haproxy":
        pytest.skip("haproxy-ingress 0.16 writes no status.addresses")
    own_gateway(api, ns, plane)
    ready_issuer(api, ns, pebble, {"gatewayHTTPRoute": {"parentRefs": [{"name": "gateway"}]},
                                   "selfCheck": {"mode": "ingressStatus"}})
    issue(api, ns, names[:1])
    assert [a["value"] for a in api.get("Gateway", ns, "gateway")["status"]["addresses"]] == [plane.address]
