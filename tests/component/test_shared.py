# SPDX-License-Identifier: Apache-2.0
"""HTTP-01 answered by certroll's own replicas: the leader's and the waiting one's, through one Ingress for each order
in certroll's own namespace."""
import contextlib
import http.client
import http.server
import socket
import subprocess
import threading

import pytest

from lib.api import condition
from lib.audit import Audit
from lib.cluster import service_account
from lib.controller import binary
from lib.objects import acme, certificate, route, shared_acme
from lib.ports import free_port
from lib.wait import stays, wait_for

HOME, SERVICE = "certroll", "certroll-http01"
PATH = "/.well-known/acme-challenge/"


def own_address():
    """One of this machine's that an EndpointSlice may hold: loopback is not allowed there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but loopback")


def publish(api, ports):
    """The Service of the chart, and behind it replicas on these ports of this machine."""
    api.apply({"kind": "Service", "metadata": {"name": SERVICE, "namespace": HOME},
               "spec": {"ports": [{"name": "http01", "port": 8089}]}})
    for i in range(4):
        api.delete("EndpointSlice", HOME, f"{SERVICE}-{i}")
    for i, port in enumerate(ports):
        api.create({"kind": "EndpointSlice", "addressType": "IPv4",
                    "metadata": {"name": f"{SERVICE}-{i}", "namespace": HOME,
                                 "labels": {"kubernetes.io/service-name": SERVICE}},
                    "ports": [{"name": "http01", "port": port}],
                    "endpoints": [{"addresses": [own_address()], "conditions": {"ready": True}}]})


@pytest.fixture
def replicas(api, folder, make_controller):
    """The leader and the one that waits, both behind the Service."""
    api.delete("Lease", HOME, "certroll-controller")
    made = []
    for name in ("shared-a", "shared-b"):
        kubeconfig, _ = service_account(api, folder, HOME, name)
        made.append(make_controller(name, kubeconfig, http01_port=free_port(), http01_service=SERVICE))
        made[-1].start()
        wait_for("a leader", lambda: "msg=leading" in made[0].text(), 20, made[0].tail)
    publish(api, [port_of(one) for one in made])
    yield made
    for one in made:
        one.stop()


def port_of(one):
    [flag] = [f for f in one.command if f.startswith("--http01-port=")]
    return int(flag.split("=")[1])


def ask(one, host, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(one), timeout=5)
    try:
        connection.request(method, path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def routes(api):
    return api.list("Ingress", HOME)


@pytest.fixture
def by_slices(api, env, folder, make_controller):
    """A replica that may write EndpointSlices; its rights are enough for all that a test makes it do."""
    kubeconfig, user = service_account(api, folder, HOME, "slices", slices=True)
    seen = Audit(env["AUDIT_LOG"], user)
    api.delete("Lease", HOME, "certroll-controller")
    with make_controller("slices", kubeconfig, http01_port=free_port(), http01_service=SERVICE) as one:
        publish(api, [port_of(one)])
        yield one
    assert not seen.refused(), seen.refused()


@pytest.fixture
def names_here(api, ns):
    """All names of these tests are the namespace's: replicas answer for no others."""
    api.create(route(ns, "*.localhost", f"*.{ns}.localhost"))


@pytest.fixture
def shared_issuer(api, ns, pebble, responder, replicas, names_here):
    api.create(shared_acme(ns, pebble))
    api.wait_ready("Issuer", ns, "acme")
    return "acme"


def test_issued_without_a_pod_within_16_writes(api, ns, shared_issuer, env):
    wait_for("routes of other tests to go", lambda: not routes(api), 20)
    watch = Audit(env["AUDIT_LOG"], f"system:serviceaccount:{HOME}:shared-a")
    api.create(certificate(ns, "web", shared_issuer))
    api.wait_ready("Certificate", ns, "web")
    wait_for("route and Challenge to go", lambda: not routes(api) and not api.list("Challenge", ns), 10)
    writes = [w for w in watch.writes(namespace=ns) + watch.writes(namespace=HOME) if w.kind != "issuers/status"]
    assert {w.kind for w in writes}.isdisjoint({"pods", "services"})
    assert len(writes) <= 16, f"{len(writes)}: {writes}"
    assert [i["metadata"]["name"] for i in api.list("Ingress", ns)] == ["names"]


def test_every_replica_answers_the_exact_pair_and_nothing_else(api, ns, shared_issuer, responder, replicas):
    responder.deaf = set(responder.ports)  # the self-check fails, so that there is time to look
    try:
        api.create(certificate(ns, "web", shared_issuer, dnsNames=["a.localhost", "b.localhost"]))
        challenges = wait_for("two Challenges", lambda: (c := api.list("Challenge", ns)) and len(c) == 2 and c)
        pairs = {c["spec"]["dnsName"]: c["spec"]["token"] for c in challenges}
        thumbprint = api.get("Issuer", ns, "acme")["status"]["acme"]["thumbprint"]
        for one in replicas:
            for host, token in pairs.items():
                wait_for(f"{one.name} to answer for {host}",
                         lambda o=one, h=host, t=token: ask(o, h, PATH + t) == (200, f"{t}.{thumbprint}"), 5)
            good = PATH + pairs["a.localhost"]
            assert ask(one, "A.LOCALHOST:80", good)[0] == 200
            assert ask(one, "a.localhost", good, "HEAD") == (200, "")
            for host, path in (("b.localhost", good), ("", good), ("a.localhost", good + "x"),
                               ("a.localhost", PATH), ("a.localhost", "/"), ("a.localhost", "/metrics")):
                assert ask(one, host, path)[0] in (400, 404), (host, path)
            assert ask(one, "a.localhost", good, "POST")[0] == 405
            assert ask(one, "a.localhost", good, Upgrade="websocket", Connection="Upgrade")[0] == 400
        [route] = wait_for("the route", lambda: routes(api))
        assert sorted(r["host"] for r in route["spec"]["rules"]) == sorted(pairs)
    finally:
        responder.deaf = set()
    api.wait_ready("Certificate", ns, "web")


def route_objects(api, ns):
    """What leads to certroll's own replicas from a namespace."""
    return [f"{kind} {t['metadata']['name']}" for kind in ("Ingress", "Service", "EndpointSlice")
            for t in api.list(kind, ns) if t["metadata"]["name"] != "names"]


def test_without_a_route_in_another_namespace(api, ns, pebble, responder, by_slices, names_here, env):
    """An ingress controller that serves none of certroll's own, as those do that keep a host to one namespace."""
    api.create(shared_acme(ns, pebble, shared={"endpointSlice": True}))
    api.wait_ready("Issuer", ns, "acme")
    watch = Audit(env["AUDIT_LOG"], f"system:serviceaccount:{HOME}:slices")
    responder.unserved = {HOME}
    try:
        api.create(certificate(ns, "web", "acme"))
        api.wait_ready("Certificate", ns, "web")
    finally:
        responder.unserved = set()
    wait_for("route and Challenge to go", lambda: not route_objects(api, ns) and not api.list("Challenge", ns), 10,
             lambda: route_objects(api, ns))
    writes = [w for w in watch.writes(namespace=ns) + watch.writes(namespace=HOME) if w.kind != "issuers/status"]
    assert "pods" not in {w.kind for w in writes} and len(writes) <= 19, f"{len(writes)}: {writes}"


def test_what_leads_there_goes_with_its_order(api, ns, pebble, responder, by_slices, names_here):
    """Also when the leader has died between."""
    api.create(shared_acme(ns, pebble, shared={"endpointSlice": True}))
    api.wait_ready("Issuer", ns, "acme")
    responder.deaf = set(responder.ports)
    try:
        api.create(certificate(ns, "web", "acme"))
        wait_for("Ingress, Service and EndpointSlice", lambda: len(route_objects(api, ns)) == 3)
        by_slices.kill()
        api.delete("Certificate", ns, "web")
        api.delete("Lease", HOME, "certroll-controller")
        by_slices.start()
        wait_for("them to go", lambda: not route_objects(api, ns), 30, by_slices.tail)
    finally:
        responder.deaf = set()


@pytest.mark.refusals
def test_without_rights_on_endpoint_slices_it_says_what_to_set(api, ns, pebble, responder, replicas, names_here):
    api.create(shared_acme(ns, pebble, shared={"endpointSlice": True}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme"))
    told = api.wait("Certificate", ns, "web", lambda c: "responder.endpointSlices.enabled" in str(c.get("status")),
                    "to say so", 20)
    assert condition(told, "Ready")["status"] == "False"


def test_what_is_written_by_hand_is_not_served(api, ns, shared_issuer, replicas):
    token = "written-by-hand-0123456789"
    api.create({"kind": "Challenge", "metadata": {"name": "forged", "namespace": ns}, "spec": {
        "url": "https://ca.localhost/c", "authorizationURL": "https://ca.localhost/a", "dnsName": "a.localhost",
        "type": "HTTP-01", "token": token, "key": f"{token}.forged", "wildcard": False,
        "solver": {"http01": {"shared": {}}}, "issuerRef": {"name": "acme"}}})
    wait_for("the Challenge to be refused", lambda: api.get("Challenge", ns, "forged").get("status", {}).get("state") ==
             "errored", 10)
    for one in replicas:
        stays("silence", lambda o=one: ask(o, "a.localhost", PATH + token)[0] == 404, 0.3)


@contextlib.contextmanager
def nobody(port):
    """Answers 404 to all."""
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("", port), type("Nobody", (http.server.BaseHTTPRequestHandler,), {
        "do_GET": lambda self: self.send_error(404), "log_message": lambda *_: None}))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_a_replica_that_is_behind_is_waited_for(api, ns, shared_issuer, replicas):
    """It does not run at all, but says it does: somebody else listens there and knows nothing."""
    leader, other = replicas
    other.kill()
    with nobody(port_of(other)):
        api.create(certificate(ns, "web", shared_issuer))
        told = wait_for("the Challenge to say what it waits for", lambda: next(
            (c for c in api.list("Challenge", ns) if "replica" in c.get("status", {}).get("reason", "")), None), 30,
            leader.tail)
        assert told["status"]["state"] == "pending"
    other.start()
    api.wait_ready("Certificate", ns, "web", 40)


def test_routes_of_orders_that_are_gone_go(api, ns, shared_issuer, responder, replicas):
    """Also when the leader has died between."""
    responder.deaf = set(responder.ports)
    try:
        for name in ("a", "b"):
            api.create(certificate(ns, name, shared_issuer))
        wait_for("two routes", lambda: len(routes(api)) == 2)
        api.delete("Certificate", ns, "a")
        wait_for("the route of a to go", lambda: len(routes(api)) == 1, 10)
        leader, other = replicas
        leader.kill()
        api.delete("Certificate", ns, "b")
        wait_for("Order b to go", lambda: not api.list("Order", ns), 10)
        wait_for("the route of b to go", lambda: not routes(api), 30, other.tail)
    finally:
        responder.deaf = set()


def test_without_a_responder_it_says_what_to_set(api, ns, pebble, responder, make_controller, names_here):
    api.delete("Lease", HOME, "certroll-controller")
    with make_controller("shared-none"):
        api.create(shared_acme(ns, pebble))
        api.wait_ready("Issuer", ns, "acme")
        api.create(certificate(ns, "web", "acme"))
        told = api.wait("Certificate", ns, "web", lambda c: "--http01-port" in str(c.get("status")), "to say so", 20)
        assert condition(told, "Ready")["status"] == "False"


@pytest.fixture
def forwarders(env, tmp_path):
    """`certroll solver --forward` as it runs on a host of its own, on both ports."""
    made = []

    def start(url):
        for port in (80, env["HTTP01_PORT"]):
            with open(tmp_path / f"forward-{port}.log", "wb") as log:
                made.append(subprocess.Popen([binary(), "solver", "--forward", url, "--listen", f"127.0.0.2:{port}"],
                                             stdout=log, stderr=log))
            wait_for(f"port {port}", lambda p=port: status("127.0.0.2", int(p), "/") == 404)

    yield start
    for one in made:
        one.terminate()
        assert one.wait(10) == 0


def status(address, port, path):
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_a_host_elsewhere_sends_the_ca_on(api, env, ns, pebble, dns, responder, replicas, forwarders):
    name, central = f"www.{ns}.example", f"acme.{ns}.example"
    dns.address(name, "127.0.0.2")
    forwarders(f"http://{central}")
    token = PATH + "0123456789abcdef"
    assert status("127.0.0.2", 80, token) == 301
    assert [status("127.0.0.2", 80, path) for path in (PATH, PATH + "short", "/", "/metrics", token + "/")] == [404] * 5
    http01 = {"redirect": {"url": f"http://{central}"}, "selfCheck": {"nameservers": [env["DNS_SERVER"]]}}
    api.create(route(ns, name, central))
    api.create(acme(ns, pebble, solvers=[{"http01": http01}]))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme", dnsNames=[name]))
    seen = wait_for("the central host's route", lambda: routes(api))
    assert {r["host"] for r in seen[0]["spec"]["rules"]} == {central}
    api.wait_ready("Certificate", ns, "web")
    wait_for("the route to go", lambda: not routes(api), 10)
    dns.forget(name)


def test_a_standing_route_is_found_by_the_renewal(api, ns, pebble, responder, replicas, env, names_here):
    """It stays, so that a renewal writes nothing for its route, and goes with the last Certificate of its names."""
    api.create(shared_acme(ns, pebble, shared={"standing": True}))
    api.wait_ready("Issuer", ns, "acme")
    host = f"{ns}.localhost"
    for name in ("a", "b"):
        api.create(certificate(ns, name, "acme", dnsNames=[host]))
        api.wait_ready("Certificate", ns, name)
    [route] = routes(api)
    [path] = route["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == (PATH, "Prefix")
    watch = Audit(env["AUDIT_LOG"], f"system:serviceaccount:{HOME}:shared-a")
    api.patch("Certificate", ns, "a", {"metadata": {"annotations": {"certroll.dev/renew": "now"}}})
    wait_for("the renewal", lambda: api.get("Certificate", ns, "a")["status"]["revision"] == 2)
    wait_for("the Challenge to go", lambda: not api.list("Challenge", ns), 10)
    assert not watch.writes(namespace=HOME)
    api.delete("Certificate", ns, "a")
    stays("the route: b has the name", lambda: len(routes(api)) == 1, 1)
    api.patch("Certificate", ns, "b", {"spec": {"dnsNames": [f"other.{host}"]}})
    wait_for("the old route to go and the new one to stand", lambda: [
        rule["host"] for r in routes(api) for rule in r["spec"]["rules"]] == [f"other.{host}"], 20)
    api.delete("Certificate", ns, "b")
    wait_for("it to go", lambda: not routes(api), 10)


def test_standing_routes_go_with_their_namespace(api, ns, pebble, replicas):
    """Also when the Issuer that let them stand goes before the Certificate: nobody asks again then."""
    host = f"{ns}.localhost"
    api.create(route(ns, host))
    api.create(shared_acme(ns, pebble, shared={"standing": True}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme", dnsNames=[host]))
    wait_for("the route", lambda: len(routes(api)) == 1)
    api.delete("Issuer", ns, "acme")
    wait_for("it to go", lambda: not routes(api), 20)
