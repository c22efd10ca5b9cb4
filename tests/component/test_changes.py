# SPDX-License-Identifier: Apache-2.0
"""What a change of the spec, of the Secret or of time brings about, and whose a Secret is."""
import base64
import datetime

import pytest

from lib.api import condition, is_ready, secret_data
from lib.objects import acme, certificate, issuer as issuer_body
from lib.tls import Leaf, key_text, public_of_key
from lib.wait import stays, wait_for


def issue(api, body):
    """Creates a Certificate and waits until it is Ready; its serial number."""
    api.create(body)
    api.wait_ready("Certificate", body["metadata"]["namespace"], body["metadata"]["name"])
    return serial(api, body["metadata"]["namespace"], body["spec"]["secretName"])


def secret_of(api, ns, name):
    return api.get("Secret", ns, name)


def serial(api, ns, secret="web-tls"):
    """The serial number of what the Secret holds, None without one."""
    secret = secret_of(api, ns, secret)
    if secret is None or "tls.crt" not in (secret.get("data") or {}):
        return None
    try:
        return Leaf(secret_data(secret, "tls.crt")).serial
    except AssertionError:
        return None  # garbage, which a test has put there


def wait_new(api, ns, old, secret="web-tls", timeout=20):
    """Waits until the Secret holds another certificate; its serial number."""
    return wait_for(f"a new certificate in {secret}",
                    lambda: (now := serial(api, ns, secret)) not in (None, old) and now, timeout,
                    lambda: api.describe(ns))


def revision(api, ns, name="web"):
    return api.get("Certificate", ns, name)["status"].get("revision")


def wait_reason(api, ns, name, reason, kind="Ready", status="False"):
    """Waits for a condition with that reason; its message."""
    crt = api.wait("Certificate", ns, name, lambda c: condition(c, kind).get("reason") == reason
                   and condition(c, kind)["status"] == status, f"{kind}={status} with reason {reason}")
    return condition(crt, kind)["message"]


# ---- keys

def test_rotation_never_keeps_the_key(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web", privateKey={"algorithm": "ECDSA", "rotationPolicy": "Never"}))
    key = secret_data(secret_of(api, ns, "web-tls"), "tls.key")
    api.patch("Certificate", ns, "web", {"spec": {"dnsNames": ["other.test"]}})
    wait_new(api, ns, old)
    assert secret_data(secret_of(api, ns, "web-tls"), "tls.key") == key


def test_rotation_always_makes_a_new_key(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    key = public_of_key(secret_data(secret_of(api, ns, "web-tls"), "tls.key"))
    api.patch("Certificate", ns, "web", {"spec": {"dnsNames": ["other.test"]}})
    wait_new(api, ns, old)
    assert public_of_key(secret_data(secret_of(api, ns, "web-tls"), "tls.key")) != key


def test_rotation_never_makes_a_new_key_when_the_algorithm_changes(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web", privateKey={"algorithm": "ECDSA", "rotationPolicy": "Never"}))
    api.patch("Certificate", ns, "web", {"spec": {"privateKey": {"algorithm": "RSA"}}})
    wait_new(api, ns, old)
    assert "Private-Key: (2048 bit" in key_text(secret_data(secret_of(api, ns, "web-tls"), "tls.key"))


# ---- the spec

def test_changed_names_are_issued(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.patch("Certificate", ns, "web", {"spec": {"dnsNames": ["a.test", "b.test"]}})
    wait_new(api, ns, old)
    api.wait_ready("Certificate", ns, "web")
    secret = secret_of(api, ns, "web-tls")
    assert Leaf(secret_data(secret, "tls.crt")).names == ["DNS:a.test", "DNS:b.test"]
    assert secret["metadata"]["annotations"]["certroll.dev/alt-names"] == "a.test,b.test"
    assert revision(api, ns) == 2


@pytest.mark.parametrize("change", [
    {"duration": "1000h"}, {"isCA": True}, {"usages": ["server auth"]}, {"commonName": "cn.test"},
    {"privateKey": {"size": 384}}, {"subject": {"organizations": ["Example"]}},
], ids=lambda change: next(iter(change)))
def test_changed_field_is_issued(api, ns, issuer, controller, change):
    old = issue(api, certificate(ns, "web"))
    api.patch("Certificate", ns, "web", {"spec": change})
    wait_new(api, ns, old)
    api.wait_ready("Certificate", ns, "web")


def test_changed_issuer_is_issued(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.create(issuer_body(ns, "second", selfSigned={}))
    api.patch("Certificate", ns, "web", {"spec": {"issuerRef": {"name": "second"}}})
    wait_new(api, ns, old)
    api.wait_ready("Certificate", ns, "web")
    assert secret_of(api, ns, "web-tls")["metadata"]["annotations"]["certroll.dev/issuer-name"] == "second"


@pytest.mark.parametrize("change", [{"renewBefore": "1h"}, {"revisionHistoryLimit": 3}], ids=lambda c: next(iter(c)))
def test_what_does_not_concern_the_certificate_is_not_issued(api, ns, issuer, controller, change):
    old = issue(api, certificate(ns, "web"))
    api.patch("Certificate", ns, "web", {"spec": change})
    api.wait_ready("Certificate", ns, "web")  # of the new generation
    assert serial(api, ns) == old and revision(api, ns) == 1


def test_secret_template_follows_without_a_new_certificate(api, ns, issuer, controller):
    template = {"labels": {"team": "web"}, "annotations": {"example.org/owner": "a"}}
    old = issue(api, certificate(ns, "web", secretTemplate=template))
    meta = secret_of(api, ns, "web-tls")["metadata"]
    assert meta["labels"]["team"] == "web" and meta["annotations"]["example.org/owner"] == "a"
    template = {"labels": {"team": "mail"}, "annotations": {"example.org/owner": None, "example.org/second": "b"}}
    api.patch("Certificate", ns, "web", {"spec": {"secretTemplate": template}})
    meta = api.wait("Secret", ns, "web-tls", lambda s: s["metadata"]["labels"].get("team") == "mail",
                    "the label of the changed template")["metadata"]
    assert meta["annotations"]["example.org/second"] == "b"
    assert "example.org/owner" not in meta["annotations"], "what left the template leaves the Secret"
    api.wait_ready("Certificate", ns, "web")
    assert serial(api, ns) == old


def test_removed_secret_template_leaves_the_secret(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web", secretTemplate={"labels": {"team": "web"}}))
    api.patch("Certificate", ns, "web", {"spec": {"secretTemplate": None}})
    api.wait("Secret", ns, "web-tls", lambda s: "team" not in s["metadata"]["labels"], "rid of the template's label")
    assert serial(api, ns) == old


def test_changed_secret_name_gets_a_secret_and_the_old_one_stays(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.patch("Certificate", ns, "web", {"spec": {"secretName": "moved-tls"}})
    wait_new(api, ns, None, "moved-tls")
    api.wait_ready("Certificate", ns, "web")
    assert serial(api, ns) == old


def test_revision_history(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web", revisionHistoryLimit=2))
    for i in range(3):
        api.patch("Certificate", ns, "web", {"spec": {"dnsNames": [f"n{i}.test"]}})
        old = wait_new(api, ns, old)
        api.wait_ready("Certificate", ns, "web")

    def revisions():
        return sorted(int(r["metadata"]["annotations"]["certroll.dev/certificate-revision"])
                      for r in api.list("CertificateRequest", ns))

    wait_for("two requests to be left", lambda: revisions() == [3, 4], show=lambda: api.describe(ns))
    assert revision(api, ns) == 4


def test_deleted_certificate_leaves_its_secret_and_takes_its_requests(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.delete("Certificate", ns, "web")
    wait_for("the garbage collector", lambda: not api.list("CertificateRequest", ns))
    assert serial(api, ns) == old


# ---- the Secret

def test_deleted_secret_is_issued_again(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.delete("Secret", ns, "web-tls")
    wait_new(api, ns, old)
    crt = api.wait_ready("Certificate", ns, "web")
    assert crt["status"]["revision"] == 2


@pytest.mark.parametrize("key", ["tls.crt", "tls.key"])
def test_tampered_secret_is_repaired(api, ns, issuer, controller, key):
    old = issue(api, certificate(ns, "web"))
    garbage = base64.b64encode(b"-----BEGIN NOTHING-----\n").decode()
    api.patch("Secret", ns, "web-tls", {"data": {key: garbage}}, manager="somebody")
    wait_new(api, ns, old)
    api.wait_ready("Certificate", ns, "web")
    secret = secret_of(api, ns, "web-tls")
    assert public_of_key(secret_data(secret, "tls.key")) == Leaf(secret_data(secret, "tls.crt")).public_key


def test_certificate_of_another_put_into_the_secret_is_replaced(api, ns, issuer, controller):
    issue(api, certificate(ns, "other"))
    issue(api, certificate(ns, "web"))
    api.patch("Secret", ns, "web-tls", {"data": secret_of(api, ns, "other-tls")["data"]}, manager="somebody")
    wait_for("the right names again", lambda: Leaf(secret_data(secret_of(api, ns, "web-tls"), "tls.crt")).names ==
             ["DNS:web.localhost"], show=lambda: api.describe(ns))
    api.wait_ready("Certificate", ns, "web")


def test_removed_annotation_comes_back_without_a_new_certificate(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.patch("Secret", ns, "web-tls", {"metadata": {"annotations": {"certroll.dev/fingerprint": None}}})
    api.wait("Secret", ns, "web-tls", lambda s: "certroll.dev/fingerprint" in s["metadata"]["annotations"],
             "the annotation back")
    assert serial(api, ns) == old


def test_existing_opaque_secret_keeps_its_type_and_other_data(api, ns, issuer, controller):
    api.create({"kind": "Secret", "metadata": {"name": "web-tls", "namespace": ns}, "type": "Opaque",
                "stringData": {"password": "kept"}})
    issue(api, certificate(ns, "web"))
    secret = secret_of(api, ns, "web-tls")
    assert secret["type"] == "Opaque"
    assert secret_data(secret, "password") == "kept"
    assert Leaf(secret_data(secret, "tls.crt")).names == ["DNS:web.localhost"]


def test_secret_of_a_foreign_type_is_refused(api, ns, issuer, controller, audit):
    api.create({"kind": "Secret", "metadata": {"name": "web-tls", "namespace": ns}, "type": "kubernetes.io/basic-auth",
                "stringData": {"username": "a", "password": "b"}})
    api.create(certificate(ns, "web"))
    message = wait_reason(api, ns, "web", "InvalidSpec")
    assert "web-tls" in message and "kubernetes.io/basic-auth" in message
    assert set(secret_of(api, ns, "web-tls")["data"]) == {"username", "password"}
    assert not [e for e in audit.writes(namespace=ns) if e.kind == "secrets"]
    # Somebody makes room.
    api.delete("Secret", ns, "web-tls")
    api.wait_ready("Certificate", ns, "web")


def test_two_certificates_for_one_secret_do_not_fight(api, ns, issuer, controller, audit):
    old = issue(api, certificate(ns, "web"))
    api.create(certificate(ns, "rival", secretName="web-tls"))
    message = wait_reason(api, ns, "rival", "SecretNameInUse")
    assert "web-tls" in message and "Certificate web" in message
    audit.mark()
    stays("the owner's certificate", lambda: serial(api, ns) == old, 2)
    assert not audit.writes(namespace=ns)
    # The owner lets go.
    api.patch("Certificate", ns, "web", {"spec": {"secretName": "own-tls"}})
    api.wait_ready("Certificate", ns, "rival")


def test_secret_of_an_issuer_is_never_overwritten(api, ns, issuer, controller, pebble, acme_issuer):
    before = secret_of(api, ns, "acme-account")
    api.create(certificate(ns, "thief", secretName="acme-account"))
    message = wait_reason(api, ns, "thief", "InvalidSpec")
    assert "acme-account" in message and "credential" in message
    assert secret_of(api, ns, "acme-account") == before


# ---- renewal

def test_renewal_by_time(api, ns, issuer, controller):
    """An hour is the shortest life; renewed 3 s after it began."""
    old = issue(api, certificate(ns, "web", duration="1h", renewBefore="59m57s"))
    crt = api.get("Certificate", ns, "web")
    due = datetime.datetime.fromisoformat(crt["status"]["renewalTime"].replace("Z", "+00:00"))
    wait_new(api, ns, old)
    assert datetime.datetime.now(datetime.timezone.utc) >= due, "not before its time"
    api.patch("Certificate", ns, "web", {"spec": {"renewBefore": "5m"}})
    crt = api.wait("Certificate", ns, "web", lambda c: is_ready(c) and c["status"]["revision"] >= 2, "renewed")
    assert not condition(crt, "Issuing")


def test_renewal_on_demand_as_cmctl_does_it(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    crt = api.get("Certificate", ns, "web")
    crt["status"]["conditions"].append({
        "type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by hand",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": crt["metadata"]["generation"]})
    api.patch("Certificate", ns, "web", {"status": {"conditions": crt["status"]["conditions"]}}, sub="status")
    new = wait_new(api, ns, old)
    crt = api.wait("Certificate", ns, "web", lambda c: not condition(c, "Issuing"), "done with it")
    assert crt["status"]["revision"] == 2
    stays("the new certificate", lambda: serial(api, ns) == new, 1)


def test_renewal_by_annotation_once(api, ns, issuer, controller):
    old = issue(api, certificate(ns, "web"))
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "please"}}})
    new = wait_new(api, ns, old)
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "recorded")
    stays("one renewal for one value", lambda: serial(api, ns) == new, 1)
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "again"}}})
    wait_new(api, ns, new)


# ---- what an attempt leaves behind

@pytest.mark.full
def test_authorizations_of_an_attempt_that_is_given_up_are_deactivated(api, ns, pebble, ca, responder, controller):
    """The name leads nowhere, so the CA is not asked to validate; then the Certificate goes."""
    dropped = []
    ca.change = lambda seen, answer: dropped.append(seen.path) if b'"deactivated"' in answer.body else None
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.create(certificate(ns, "web", "acme", dnsNames=[f"a.{ns}.test", f"b.{ns}.test"]))
    wait_for("both Challenges", lambda: len(api.list("Challenge", ns)) == 2)
    urls = {c["spec"]["authorizationURL"] for c in api.list("Challenge", ns)}
    api.delete("Certificate", ns, "web")
    wait_for("both to be deactivated", lambda: len(dropped) == 2, 60, lambda: api.describe(ns))
    assert {f"{ca.url}{path}" for path in dropped} == urls
