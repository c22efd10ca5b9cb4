# SPDX-License-Identifier: Apache-2.0
"""Challenges by DNS that are behind feature gates, from the root down: Pebble validates with a recursive resolver of its
own, and zones are BIND's."""
import base64
import hashlib
import subprocess

import pytest

from lib import ca as ca_kinds
from lib.controller import binary
from lib.objects import acme, certificate, dns01_acme
from lib.ports import free_port
from lib.wait import wait_for

FEATURES = "DNSAccount01=true,DNSPersist01=true"


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


# ---- dns-persist-01

@pytest.fixture(scope="module")
def named_ca(folder, authority, dns_tree):
    """A Pebble that has names for itself, and proves each name anew."""
    with ca_kinds.Pebble(folder / "ca", authority, dns_tree, free_port(), "pebble-persist",
                         identities=["pebble.example", "other.example"]) as one:
        yield one


def add_issuer(api, ns, ca, **config):
    """Of the account's URL."""
    api.create(acme(ns, ca, solvers=[{"dnsPersist01": config}]))
    return api.wait_ready("Issuer", ns, "acme", 30)["status"]["acme"]["uri"]


def wanted(api, ns):
    """The records that somebody has to put into DNS: (name, value)."""
    found = [c.get("status", {}).get("dnsPersist01") for c in api.list("Challenge", ns)]
    return {(one["name"], one["value"]) for one in found if one}


def events(api, ns):
    return [e for e in api.list("Event", ns) if e["reason"] == "RecordWanted"]


def test_a_record_is_put_once_and_serves_for_good(api, ns, named_ca, dns01_controller, bind, zone, env, audit):
    """One record for a wildcard and its apex, taken from status as a user would; the renewal wants nobody."""
    account = add_issuer(api, ns, named_ca)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone, f"*.{zone}"]))
    [(name, value)] = wait_for("the record", lambda: wanted(api, ns), 20, lambda: api.describe(ns))
    assert (name, value) == (f"_validation-persist.{zone}", f"pebble.example; accounturi={account}; policy=wildcard")
    why = subprocess.run([binary(), "why", "web", "-n", ns, "--kubeconfig", env["KUBECONFIG"]], capture_output=True,
                         text=True, timeout=20, check=False)
    assert f'put this TXT record into DNS, where it stays: {name} "{value}"' in why.stdout, why
    bind.change(zone, name, "of another CA; accounturi=https://ca.example/1")
    bind.change(zone, name, value)
    api.wait_ready("Certificate", ns, "web", 60)
    assert len(events(api, ns)) == 2, "one for each Challenge"
    audit.mark()
    renewed(api, ns, 2)
    writes = [e for e in audit.writes(namespace=ns) if e.kind.startswith("challenges")]
    assert len([e for e in writes if e.kind == "challenges/status"]) <= 2, "that each is proven"
    assert len(events(api, ns)) == 2
    api.delete("Certificate", ns, "web")
    assert value in bind.values(name)[bind.address], "nothing is ever taken away"


def test_a_record_that_does_not_allow_it_is_told(api, ns, named_ca, dns01_controller, bind, zone):
    """Each server and what it has; the CA is not asked before all is right, so nothing is failed there."""
    account = add_issuer(api, ns, named_ca, issuerDomainName="other.example")
    name = f"_validation-persist.{zone}"
    api.create(certificate(ns, "web", "acme", dnsNames=[f"*.{zone}"]))
    wait_for("the record", lambda: wanted(api, ns), 20, lambda: api.describe(ns))
    for value, told in (("other.example; accounturi=https://ca.example/1; policy=wildcard", "a record for another account"),
                        (f"other.example; accounturi={account}", "a record without policy=wildcard"),
                        (f"other.example; accounturi={account}; policy=wildcard; persistUntil=1", "persistUntil is over")):
        bind.change(zone, name, value)
        wait_for(told, lambda: told in said(api, ns), 40, lambda: api.describe(ns))
    assert len(events(api, ns)) == 1
    bind.change(zone, name, f"pebble.example; accounturi={account}; policy=WildCard; persistUntil=4102444800")
    api.wait_ready("Certificate", ns, "web", 60)
    assert len(api.list("Order", ns)) == 1


def said(api, ns):
    return "\n".join(c.get("status", {}).get("reason", "") for c in api.list("Challenge", ns))


def test_a_record_that_every_server_has(api, ns, named_ca, dns01_controller, late):
    """A secondary that lags is waited for and named."""
    primary, secondary, zone = late
    account = add_issuer(api, ns, named_ca, wildcardPolicy=True)
    primary.change(zone, f"_validation-persist.{zone}", f"pebble.example; accounturi={account}; policy=wildcard")
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    wait_for("the reason", lambda: f"{secondary.address} has no such record" in said(api, ns), 20, lambda: api.describe(ns))
    secondary.release()
    api.wait_ready("Certificate", ns, "web", 60)
