# SPDX-License-Identifier: Apache-2.0
"""CAA records that forbid are found before an order is spent."""
import json
import urllib.request

import pytest

from lib.api import Api, condition
from lib.objects import acme, certificate
from lib.wait import wait_for


@pytest.fixture
def named_ca(ca, pebble):
    """The CA says that CAA records call it pebble.test."""
    with urllib.request.urlopen(f"{ca.url}/dir", context=pebble.context, timeout=10) as answer:
        directory = json.load(answer)
    directory["meta"]["caaIdentities"] = ["pebble.test"]
    body = json.dumps(directory).encode()
    ca.before = lambda seen: (200, body) if seen.path == "/dir" else None
    return ca


def test_a_record_that_forbids_costs_no_order(api: Api, env, ns, pebble, named_ca, responder, make_controller, dns):
    api.delete("Lease", "certroll", "certroll-controller")
    make_controller(nameservers=env["DNS_SERVER"]).start()
    dns.post("/add-caa", host=f"{ns}.example.", policies=[{"tag": "issue", "value": "other.test"}])
    api.create(acme(ns, pebble, server=f"{named_ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"www.{ns}.example"]))
    says = wait_for("a reason", lambda: next((o.get("status", {}).get("reason") for o in api.list("Order", ns)), None),
                    show=lambda: api.describe(ns))
    assert f'0 issue "other.test" at {ns}.example keeps this CA from issuing for www.{ns}.example' in says
    assert '0 issue "pebble.test"' in says
    request = wait_for("the request to say so", lambda: next(
        (r for r in api.list("CertificateRequest", ns) if "CAA" in condition(r, "Ready").get("message", "")), None),
        show=lambda: api.describe(ns))
    assert condition(request, "Ready")["reason"] == "Pending"
    assert not named_ca.posts("order-plz"), "no order was spent"
    # Whoever knows better says so; the Order that waits goes on.
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"caa": "off"}}})
    api.wait_ready("Certificate", ns, "web", 30)
    assert [r.status for r in named_ca.posts("order-plz")] == [201]
    dns.post("/clear-caa", host=f"{ns}.example.")


def test_a_record_that_allows_is_no_obstacle(api: Api, env, ns, pebble, named_ca, responder, make_controller, dns):
    api.delete("Lease", "certroll", "certroll-controller")
    make_controller(nameservers=env["DNS_SERVER"]).start()
    dns.post("/add-caa", host=f"{ns}.example.", policies=[
        {"tag": "issue", "value": "other.test"}, {"tag": "issue", "value": "pebble.test; validationmethods=http-01"}])
    dns.post("/set-servfail", host=f"b.{ns}.example.")
    api.create(acme(ns, pebble, server=f"{named_ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"a.{ns}.example"]))
    api.wait_ready("Certificate", ns, "web", 30)
    # What DNS does not tell is left to the CA, here to fail at validation.
    api.create(certificate(ns, "failing", "acme", dnsNames=[f"b.{ns}.example"]))
    wait_for("its order", lambda: len(named_ca.posts("order-plz")) == 2)
    dns.post("/clear-servfail", host=f"b.{ns}.example.")
    dns.post("/clear-caa", host=f"{ns}.example.")
