# SPDX-License-Identifier: Apache-2.0
"""DNS-01 by servers that run here as users run them: PowerDNS' HTTP API, and a webhook made for cert-manager. Pebble
validates from the root down."""
import base64

import pytest

from lib.ca import Authority
from lib.dns import PowerDns, Secondary, Webhook
from lib.objects import certificate, dns01_acme
from lib.proxy import Proxy
from lib.wait import wait_for


@pytest.fixture(scope="module")
def powerdns(folder, dns_tree):
    with PowerDns(folder / "dns") as one:
        yield one


@pytest.fixture
def pdns_zone(ns, powerdns, dns_tree):
    """A zone of the test's own on it."""
    name = f"{ns}.test"
    powerdns.add_zone(name)
    dns_tree.delegate(name, *powerdns.servers())
    return name


def add_issuer(api, ns, ca, server, dns01):
    api.create(server.secret(ns))
    api.create(dns01_acme(ns, ca, dns01))
    api.wait_ready("Issuer", ns, "acme", 30)


def reason(api, ns):
    """What the Challenge says that keeps it."""
    return next((c["status"]["reason"] for c in api.list("Challenge", ns) if c.get("status", {}).get("reason")), "")


# ---- PowerDNS

def test_powerdns_issues_and_leaves_what_is_not_ours(api, ns, dns01_ca, dns01_controller, powerdns, pdns_zone):
    """Wildcard and apex at one name, beside values of somebody else."""
    name, others = f"_acme-challenge.{pdns_zone}", ['"of somebody else"', '"in two" "strings"']
    status, answer = powerdns.request("PATCH", f"/zones/{pdns_zone}.", {"rrsets": [{
        "name": f"{name}.", "type": "TXT", "ttl": 77, "changetype": "REPLACE",
        "records": [{"content": content, "disabled": False} for content in others]}]})
    assert status == 204, answer
    add_issuer(api, ns, dns01_ca, powerdns, powerdns.solver())
    api.create(certificate(ns, "web", "acme", dnsNames=[f"*.{pdns_zone}", pdns_zone]))
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("ours to go", lambda: powerdns.values(name) == {powerdns.address: ["in twostrings", "of somebody else"]})
    left = powerdns.rrset(pdns_zone, name)
    assert left["ttl"] == 77 and sorted(r["content"] for r in left["records"]) == sorted(others)


def test_powerdns_tells_its_secondaries(api, ns, folder, dns01_ca, dns01_controller, dns_tree):
    """The CA is asked when both have the value, and that is not a minute later."""
    with Secondary(folder / "dns", "pdns-copy") as copy, PowerDns(folder / "dns", "pdns-primary", [copy]) as primary:
        zone = f"{ns}.test"
        primary.add_zone(zone, "Master")
        dns_tree.delegate(zone, *primary.servers())
        add_issuer(api, ns, dns01_ca, primary, primary.solver())
        api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
        api.wait_ready("Certificate", ns, "web", 30)
        wait_for("it to go from both", lambda: not any(primary.values(f"_acme-challenge.{zone}").values()))


def test_powerdns_with_another_key(api, ns, dns01_ca, dns01_controller, powerdns, pdns_zone):
    """The Challenge says what to do, the key is not in it, and a corrected Secret is enough."""
    api.create({"kind": "Secret", "metadata": {"name": "powerdns", "namespace": ns},
                "stringData": {"key": "an-old-api-key\n"}})
    api.create(dns01_acme(ns, dns01_ca, powerdns.solver()))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[pdns_zone]))
    said = wait_for("a reason", lambda: reason(api, ns), 30, lambda: api.describe(ns))
    assert "powerdns" in said and "look at the Secret" in said and "an-old-api-key" not in api.describe(ns)
    api.patch("Secret", ns, "powerdns", {"stringData": {"key": f"{powerdns.key}\n"}})
    api.wait_ready("Certificate", ns, "web", 30)


def test_powerdns_by_https_with_a_ca_of_its_own(api, ns, folder, dns01_ca, dns01_controller, powerdns, pdns_zone):
    """Whose CA the system does not know: that is said, with the field to write it into; another CA is not it."""
    own, other = (Authority(folder / "ca" / name, name) for name in ("powerdns-root", "other-root"))
    front = Proxy(powerdns.url, None, *own.server())
    try:
        add_issuer(api, ns, dns01_ca, powerdns, {"powerdns": {**powerdns.solver()["powerdns"], "url": front.url}})
        api.create(certificate(ns, "web", "acme", dnsNames=[pdns_zone]))
        wait_for("the advice", lambda: "write it into caBundle" in reason(api, ns), 30, lambda: api.describe(ns))
        set_bundle(api, ns, front.url, powerdns, other)
        wait_for("another advice", lambda: "chain up to caBundle" in reason(api, ns), 30, lambda: api.describe(ns))
        assert not front.requests
        set_bundle(api, ns, front.url, powerdns, own)
        api.wait_ready("Certificate", ns, "web", 30)
        wait_for("the value to go", lambda: powerdns.values(f"_acme-challenge.{pdns_zone}") == {powerdns.address: []}, 20,
                 lambda: api.describe(ns))
    finally:
        front.close()


def set_bundle(api, ns, url, powerdns, authority):
    bundle = base64.b64encode(authority.root.read_bytes()).decode()
    solver = {"powerdns": {**powerdns.solver()["powerdns"], "url": url, "caBundle": bundle}}
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"solvers": [{"dns01": solver}]}}})


def test_a_zone_that_powerdns_does_not_have(api, ns, dns01_ca, dns01_controller, powerdns, bind, zone):
    """It is somebody else's: the Challenge says so, and another provider of the Issuer takes over, with the same order."""
    add_issuer(api, ns, dns01_ca, powerdns, powerdns.solver())
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    said = wait_for("a reason", lambda: reason(api, ns), 30, lambda: api.describe(ns))
    assert f"powerdns: TXT record _acme-challenge.{zone} in zone {zone}: " in said and "no zone" in said, said
    api.create(bind.secret(ns))
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"solvers": [{"dns01": bind.solver()}]}}})
    api.wait_ready("Certificate", ns, "web", 30)
    wait_for("the value to go", lambda: bind.values(f"_acme-challenge.{zone}") == {bind.address: []}, 20,
             lambda: api.describe(ns))
    assert len(api.list("Order", ns)) == 1


# ---- a webhook made for cert-manager

@pytest.fixture
def webhook(folder, api, authority, ns):
    """A group of the test's own."""
    with Webhook(folder / "dns", api, authority, ns, f"{ns}.webhooks.example") as one:
        yield one


def test_a_webhook_made_for_cert_manager(api, ns, dns01_ca, dns01_controller, powerdns, pdns_zone, webhook):
    """Through the real API server to a server of the library that vendors use."""
    webhook.allow("certroll", "controller")
    add_issuer(api, ns, dns01_ca, powerdns, webhook.solver(powerdns))
    api.create(certificate(ns, "web", "acme", dnsNames=[f"*.{pdns_zone}", pdns_zone]))
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("its values to go", lambda: powerdns.values(f"_acme-challenge.{pdns_zone}") == {powerdns.address: []})


@pytest.mark.refusals
def test_a_webhook_that_certroll_may_not_call(api, ns, dns01_ca, dns01_controller, powerdns, pdns_zone, webhook):
    """Says which value of the chart is missing; then what the webhook itself says; and goes on when both are right."""
    api.create(dns01_acme(ns, dns01_ca, webhook.solver(powerdns)))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[pdns_zone]))
    wait_for("the refusal", lambda: "dns01.webhookGroups" in reason(api, ns), 30, lambda: api.describe(ns))
    webhook.allow("certroll", "controller")
    wait_for("the webhook's words", lambda: 'secrets "powerdns" not found' in reason(api, ns), 60,
             lambda: api.describe(ns))
    api.create(powerdns.secret(ns))
    api.wait_ready("Certificate", ns, "web", 90)


def test_a_webhook_that_the_api_server_does_not_trust(api, ns, dns01_ca, dns01_controller, powerdns, pdns_zone, webhook,
                                                      tmp_path):
    """An APIService with the caBundle of somebody else: the API server calls it Available all the same, so that is said, and
    the right one is enough."""
    webhook.allow("certroll", "controller")
    webhook.trust(Authority(tmp_path, "stranger").root)
    add_issuer(api, ns, dns01_ca, powerdns, webhook.solver(powerdns))
    api.create(certificate(ns, "web", "acme", dnsNames=[pdns_zone]))
    wait_for("the refusal", lambda: "its caBundle is not that of its certificate" in reason(api, ns), 40,
             lambda: api.describe(ns))
    assert webhook.is_ready()
    webhook.trust(webhook.authority.root)
    api.wait_ready("Certificate", ns, "web", 90)


@pytest.mark.skip(reason="a webhook's own chart makes its serving certificate by a CA Issuer and the CA injector, which "
                         "come later; here the test makes it")
def test_a_webhook_by_its_own_chart():
    """selfSigned Issuer, Certificate of a CA, CA Issuer, serving Certificate, injected caBundle."""
