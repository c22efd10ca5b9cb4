# SPDX-License-Identifier: Apache-2.0
"""The life of an ACME account against Pebble: external account binding, recovery, another key, its end."""
import base64
import json

import pytest

from lib.api import condition, secret_data
from lib.objects import acme, certificate
from lib.pebble import OwnPebble
from lib.proxy import Proxy
from lib.tls import public_of_key

def decoded(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) or "null")


def sent(ca, word):
    """Payloads of the POSTs to a path with this word, and how they were answered."""
    return [(decoded(json.loads(r.body)["payload"]), r.status) for r in ca.posts(word)]


def proxy_before(env, pebble):
    pki = f"{env['CLUSTER_DIR']}/conf/pki"
    return Proxy(pebble.directory, pebble.ca_file, f"{pki}/acme.crt", f"{pki}/acme.key")


def secret(ns, name, **data):
    return {"kind": "Secret", "metadata": {"name": name, "namespace": ns}, "stringData": data}


def account_of(api, ns):
    return api.get("Issuer", ns, "acme")["status"]["acme"]


def wait_not_ready(api, ns, words, reason=None):
    """Waits until Ready=False says that; the Issuer."""
    def says(issuer):
        ready = condition(issuer, "Ready")
        return ready.get("status") == "False" and words in ready["message"] and reason in (None, ready["reason"])
    return api.wait("Issuer", ns, "acme", says, f"Ready=False with {words}")


def annotate(api, ns, **annotations):
    names = {f"certroll.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
    api.patch("Issuer", ns, "acme", {"metadata": {"annotations": names}})


# ---- external account binding

@pytest.fixture
def customers_only(env, folder):
    """A proxy before a Pebble that serves known customers only."""
    pebble = OwnPebble(env, folder)
    proxy = proxy_before(env, pebble)
    yield pebble, proxy
    proxy.close()
    pebble.close()


def test_external_account_is_bound_once(api, ns, customers_only, controller, responder):
    pebble, ca = customers_only
    key_id, mac = pebble.external
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    wait_not_ready(api, ns, "write spec.acme.externalAccountBinding", "InvalidConfig")
    # Each step of the user is seen at once: the Secret is watched.
    binding = {"keyID": key_id, "keySecretRef": {"name": "eab", "key": "secret"}}
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"externalAccountBinding": binding}}})
    wait_not_ready(api, ns, f"put the MAC key of the CA into Secret {ns}/eab")
    api.create(secret(ns, "eab", secret="not base64!"))
    wait_not_ready(api, ns, "write the key as the CA shows it", "InvalidConfig")
    api.patch("Secret", ns, "eab", {"stringData": {"secret": "AAAA"}})
    wait_not_ready(api, ns, "hold what the CA gave you?", "ErrRegisterACMEAccount")
    api.patch("Secret", ns, "eab", {"stringData": {"secret": f"{mac}\n"}})
    uri = api.wait_ready("Issuer", ns, "acme")["status"]["acme"]["uri"]
    bound = [status for payload, status in sent(ca, "sign-me-up") if "externalAccountBinding" in payload]
    assert bound[-1] == 201 and bound.count(201) == 1
    # A lost status finds the account by its key, and the binding is not spent again.
    api.patch("Issuer", ns, "acme", {"status": {"acme": None}}, "status")
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"email": "a@example.org"}}})
    api.wait("Issuer", ns, "acme", lambda i: (i["status"].get("acme") or {}).get("uri") == uri and
             i["status"]["acme"].get("lastRegisteredEmail") == "a@example.org", "the same account")
    assert len([1 for payload, _ in sent(ca, "sign-me-up") if "externalAccountBinding" in payload]) == len(bound)
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")


# ---- keys

def test_keys_of_every_algorithm_are_used(api, ns, pebble, controller, tmp_path):
    """Made by certroll as the spec says; EdDSA is refused by Pebble, with what it takes."""
    for algorithm in ("ES256", "ES384", "RS256"):
        name = algorithm.lower()
        api.create(acme(ns, pebble, name, accountKey={"algorithm": algorithm}))
        api.wait_ready("Issuer", ns, name)
        kind = "rsaEncryption" if algorithm == "RS256" else "id-ecPublicKey"
        assert kind in key_kind(secret_data(api.get("Secret", ns, f"{name}-account"), "tls.key"))
    api.create(acme(ns, pebble, accountKey={"algorithm": "EdDSA"}))
    wait_not_ready(api, ns, "badSignatureAlgorithm")


def key_kind(pem):
    """The OID's name in a PKCS#8 key, found by its bytes."""
    der = base64.b64decode("".join(pem.strip().splitlines()[1:-1]))
    return {b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01": "rsaEncryption",
            b"\x2a\x86\x48\xce\x3d\x02\x01": "id-ecPublicKey"}[
                next(oid for oid in (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", b"\x2a\x86\x48\xce\x3d\x02\x01")
                     if oid in der)]


def test_key_is_changed_on_demand(api, ns, acme_issuer, controller):
    for wish in ("1", "2"):
        before = account_of(api, ns)
        old = public_of_key(secret_data(api.get("Secret", ns, "acme-account"), "tls.key"))
        annotate(api, ns, rotate_account_key=wish)
        after = api.wait("Issuer", ns, "acme", lambda i, w=wish: i["status"]["acme"].get("keyRotation") == w,
                         "another key")["status"]["acme"]
        assert after["uri"] == before["uri"] and after["thumbprint"] != before["thumbprint"]
        kept = api.get("Secret", ns, "acme-account")
        assert list(kept["data"]) == ["tls.key"], "the next key has taken the old one's place"
        assert public_of_key(secret_data(kept, "tls.key")) != old
    assert [e for e in api.list("Event", ns) if e["reason"] == "AccountKeyChanged"]
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")


# ---- the end

def test_account_is_given_up_and_another_begins(api, ns, acme_issuer, controller):
    first = account_of(api, ns)["uri"]
    annotate(api, ns, deactivate_account="true")
    issuer = wait_not_ready(api, ns, f"delete Secret {ns}/acme-account", "AccountDeactivated")
    assert not (issuer["status"].get("acme") or {}).get("uri")
    annotate(api, ns, deactivate_account=None)
    wait_not_ready(api, ns, "to begin anew with another account", "ErrVerifyACMEAccount")
    api.delete("Secret", ns, "acme-account")
    second = api.wait_ready("Issuer", ns, "acme")["status"]["acme"]["uri"]
    assert second != first
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")


def test_account_that_the_ca_ended_is_shown(api, ns, pebble, acme_issuer, controller, env):
    """Somebody with the key has deactivated it elsewhere: an order finds out, and the Issuer says what to do."""
    api.create(acme(ns, pebble, "twin", privateKeySecretRef={"name": "acme-account"}))
    api.wait_ready("Issuer", ns, "twin")
    api.patch("Issuer", ns, "twin", {"metadata": {"annotations": {"certroll.dev/deactivate-account": "true"}}})
    api.wait("Issuer", ns, "twin", lambda i: condition(i, "Ready")["status"] == "False", "given up")
    api.create(certificate(ns, "web", "acme"))
    wait_not_ready(api, ns, f"delete Secret {ns}/acme-account", "ErrVerifyACMEAccount")
