# SPDX-License-Identifier: Apache-2.0
"""What certroll looks at before it asks the CA to validate, and web servers that are not its own."""
import subprocess

import pytest

from lib.api import condition
from lib.controller import binary
from lib.http01 import Responder
from lib.objects import acme, certificate
from lib.wait import wait_for
from lib.webservers import WebServer, sections

LOOP = "127.0.0.2"  # where the responder of other tests does not listen


@pytest.fixture
def v6_responder(env, api):
    made = Responder(api, [int(env["HTTP01_PORT"]), 80], "::1")
    yield made
    made.close()


def issuer(api, ns, pebble, http01, **more):
    solver = {"http01": http01, **more}
    api.create(acme(ns, pebble, solvers=[solver]))
    return api.wait_ready("Issuer", ns, "acme")


def reason(api, ns):
    """What the Challenge says that it waits for."""
    found = [c.get("status", {}).get("reason", "") for c in api.list("Challenge", ns)]
    return found[0] if found else ""


@pytest.fixture
def server(env):
    """challtestsrv as a DNS server: ADDRESS:PORT."""
    return env["DNS_SERVER"]


@pytest.fixture
def name(ns, dns):
    """A name that only challtestsrv knows."""
    found = f"{ns}.example"
    yield found
    dns.forget(found)


def test_nameservers_of_the_solver_are_asked(api, ns, pebble, responder, controller, server, name):
    issuer(api, ns, pebble, {"ingress": {}, "selfCheck": {"nameservers": [server]}})
    api.create(certificate(ns, "web", "acme", dnsNames=[name]))
    api.wait_ready("Certificate", ns, "web")


def test_a_name_with_an_ipv6_address_only(api, ns, pebble, v6_responder, controller, server, name, dns):
    dns.post("/set-default-ipv4", ip="")
    dns.post("/add-aaaa", host=f"{name}.", addresses=["::1"])
    try:
        issuer(api, ns, pebble, {"ingress": {}, "selfCheck": {"nameservers": [server]}})
        api.create(certificate(ns, "web", "acme", dnsNames=[name]))
        api.wait_ready("Certificate", ns, "web")
    finally:
        dns.post("/clear-aaaa", host=f"{name}.")
        dns.post("/set-default-ipv4", ip="127.0.0.1")


def test_a_wrong_answer_names_status_and_address(api, ns, pebble, responder, controller, server, name, dns):
    dns.address(name, "127.0.0.1", LOOP)
    issuer(api, ns, pebble, {"ingress": {}, "selfCheck": {"nameservers": [server]}})
    api.create(certificate(ns, "web", "acme", dnsNames=[name]))
    says = wait_for("the reason", lambda: reason(api, ns), 30, lambda: api.describe(ns))
    assert f"self-check at {LOOP}" in says and f"http://{name}/" in says, says
    dns.forget(name)
    api.wait_ready("Certificate", ns, "web")


def test_the_addresses_of_the_ingress_stand_for_dns(api, ns, pebble, responder, controller, name):
    """certroll's own DNS does not know the name: hairpin NAT and split horizons look like this."""
    issuer(api, ns, pebble, {"ingress": {}, "selfCheck": {"mode": "ingressStatus"}})
    api.create(certificate(ns, "web", "acme", dnsNames=[name]))
    says = wait_for("the reason", lambda: reason(api, ns), 30, lambda: api.describe(ns))
    assert "has no address in its status yet" in says
    ingress = api.list("Ingress", ns)[0]["metadata"]["name"]
    api.patch("Ingress", ns, ingress, {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}},
              sub="status")
    api.wait_ready("Certificate", ns, "web")


@pytest.mark.parametrize("how", [{"http01": {"selfCheck": {"mode": "none"}}},
                                 {"http01": {"selfCheck": {"mode": "wait", "wait": "1s"}}},
                                 {"waitInsteadOfSelfCheck": "0s"}], ids=["none", "wait", "cert-manager"])
def test_the_self_check_can_be_left_out(api, ns, pebble, responder, controller, name, how):
    http01 = {"ingress": {}, **how.get("http01", {})}
    more = {k: v for k, v in how.items() if k != "http01"}
    issuer(api, ns, pebble, http01, **more)
    api.create(certificate(ns, "web", "acme", dnsNames=[name]))
    api.wait_ready("Certificate", ns, "web")


@pytest.mark.parametrize("kind", ["nginx", "apache", "haproxy"])
def test_a_web_server_with_the_printed_lines_answers(api, env, ns, pebble, controller, server, name, dns, audit,
                                                     tmp_path, kind):
    """external: Pebble and the self-check reach a real server that has exactly what the plugin prints."""
    dns.address(name, LOOP)
    issuer(api, ns, pebble, {"external": {}, "selfCheck": {"nameservers": [server]}})
    printed = subprocess.run([binary(), "http01", "acme", "-n", ns, "--kubeconfig", env["KUBECONFIG"]],
                             capture_output=True, text=True, check=True).stdout
    addresses = [f"{LOOP}:80", f"{LOOP}:{env['HTTP01_PORT']}"]
    web = WebServer(kind, tmp_path / kind, addresses, sections(printed)[kind])
    try:
        api.create(certificate(ns, "web", "acme", dnsNames=[name]))
        api.wait_ready("Certificate", ns, "web")
        token = "/.well-known/acme-challenge/0123456789abcdef"
        assert web.get(token)[1].startswith("0123456789abcdef.")
        for path in ("/", "/x" + token, token + "/x", token[:-2], token + "%0d%0aX"):
            assert web.get(path)[0] == 404, path
    finally:
        web.close()
    assert not [w for w in audit.writes(namespace=ns) if w.kind in ("ingresses", "pods", "services")]
    assert condition(api.get("Certificate", ns, "web"), "Ready")["status"] == "True"
