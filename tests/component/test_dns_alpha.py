# SPDX-License-Identifier: Apache-2.0
"""Challenges by DNS that are behind feature gates, from the root down: Pebble validates with a recursive resolver of its
own, and zones are BIND's."""
import base64
import hashlib

from lib.objects import certificate, dns01_acme
from lib.wait import wait_for

FEATURES = "DNSAccount01=true"


def renewed(api, ns, revision):
    """The same again, as when it is due."""
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": str(revision)}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == revision, "renewed", 60)


# ---- dns-account-01

def label(api, ns):
    """draft-ietf-acme-dns-account-label, by other means than certroll's."""
    account = api.get("Issuer", ns, "acme")["status"]["acme"]["uri"]
    return "_" + base64.b32encode(hashlib.sha256(account.encode()).digest()[:10]).decode().lower()


def test_account_labels_issue_renew_and_leave_nothing(api, ns, dns01_ca, dns01_controller, bind, zone, dns_tree):
    """A wildcard and its apex at the name of the account, which is an alias for nobody else's."""
    api.create(bind.secret(ns))
    api.create(dns01_acme(ns, dns01_ca, bind.solver(challengeType="dns-account-01")))
    api.wait_ready("Issuer", ns, "acme", 30)
    name = f"{label(api, ns)}._acme-challenge.{zone}"
    bind.change(zone, f"_acme-challenge.{zone}", "of somebody else")
    api.create(certificate(ns, "web", "acme", dnsNames=[zone, f"*.{zone}"]))
    seen = wait_for("the records", lambda: {c["status"]["dns01"]["name"] for c in api.list("Challenge", ns)
                                            if c.get("status", {}).get("dns01")}, 20, lambda: api.describe(ns))
    assert seen == {name}
    assert {c["spec"]["type"] for c in api.list("Challenge", ns)} <= {"DNS-ACCOUNT-01"}
    api.wait_ready("Certificate", ns, "web", 60)
    gone = ("the values to go", lambda: bind.values(name) == {bind.address: []}, 20, lambda: api.describe(ns))
    wait_for(*gone)
    dns_tree.forget()  # the CA's resolver would have the old values for a minute
    renewed(api, ns, 2)
    wait_for(*gone)
    assert bind.values(f"_acme-challenge.{zone}") == {bind.address: ["of somebody else"]}


def test_an_account_label_is_an_alias(api, ns, dns01_ca, dns01_controller, bind, dns_tree):
    """What it is for: each installation has an alias of its own for one name."""
    zone, other = f"{ns}.test", f"{ns}.example"
    bind.add_zone(other)
    dns_tree.delegate(other, bind)
    api.create(bind.secret(ns))
    api.create(dns01_acme(ns, dns01_ca, bind.solver(challengeType="dns-account-01")))
    api.wait_ready("Issuer", ns, "acme", 30)
    bind.add_zone(zone, f"{label(api, ns)}._acme-challenge CNAME here.{other}.")
    dns_tree.delegate(zone, bind)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go", lambda: bind.values(f"here.{other}") == {bind.address: []}, 20, lambda: api.describe(ns))
