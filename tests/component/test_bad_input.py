# SPDX-License-Identifier: Apache-2.0
"""What is wrong is said where people look, with what to do next; nothing spins and nothing crashes; and once it is put
right, the certificate comes."""
import base64
import json
import re
import time

import pytest

from lib.api import ApiError, condition, secret_data
from lib.objects import acme, certificate, self_signed
from lib.ports import free_port
from lib.wait import wait_for


@pytest.fixture
def idle(controller, audit, ns):
    """Call it: it comes to rest, though not at once (the first retries follow each other quickly): for a second and a
    half no more than one write and three reconciles. What spins never does."""
    def rests():
        audit.mark()
        before = controller.reconciles()
        time.sleep(1.5)
        return len(audit.writes(namespace=ns)) <= 1 and controller.reconciles() - before <= 3

    return lambda: wait_for("it to come to rest", rests, 20, controller.tail)


def wait_issuing(api, ns, name, status, words, timeout=20):
    """Waits for the Issuing condition with these words in its message; the Certificate."""
    return api.wait("Certificate", ns, name, lambda c: condition(c, "Issuing").get("status") == status and all(
        w in condition(c, "Issuing").get("message", "") for w in words), f"Issuing={status}, {words}", timeout)


def wait_issuer_not_ready(api, ns, name, words):
    """Waits for Ready=False with these words in the message; the condition."""
    return condition(api.wait("Issuer", ns, name, lambda i: condition(i, "Ready").get("status") == "False" and all(
        w in condition(i, "Ready")["message"] for w in words), f"Ready=False, {words}"), "Ready")


# ---- issuers

TERMS, AGREE = "https://ca.example/terms/2", "https://ca.example/agree/7"
CONSENT = json.dumps({"type": "urn:ietf:params:acme:error:userActionRequired", "detail": "the terms have changed",
                      "instance": AGREE}).encode()


def ask_for_consent(ca, word):
    """The CA refuses what goes to a path with this word until somebody accepts its terms (RFC 8555 section 7.3.3); call
    it for that. Its .refused counts."""
    def before(seen):
        if not accept.done and f"/{word}" in seen.path:
            accept.refused += 1
            return 403, CONSENT, {"Content-Type": "application/problem+json",
                                  "Link": f'<{TERMS}>;rel="terms-of-service"'}

    def accept():
        accept.done = True

    accept.done, accept.refused = False, 0
    ca.before = before
    return accept


def test_ca_wants_its_terms_accepted_before_it_registers(api, ns, pebble, ca, responder, controller, idle):
    accept = ask_for_consent(ca, "sign-me-up")
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    why = wait_issuer_not_ready(api, ns, "acme", [AGREE, TERMS, "do there what the CA asks for"])
    assert why["reason"] == "ErrRegisterACMEAccount"
    idle()
    accept()
    api.wait_ready("Issuer", ns, "acme", 60)
    assert accept.refused < 20


def test_ca_wants_its_terms_accepted_before_it_takes_an_order(api, ns, pebble, ca, responder, controller):
    accept = ask_for_consent(ca, "order-plz")
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.create(certificate(ns, "web", "acme"))
    crt = api.wait("Certificate", ns, "web", lambda c: c.get("status", {}).get("failedIssuanceAttempts"), "a failure")
    message = condition(crt, "Issuing")["message"]
    assert AGREE in message and TERMS in message and "then it goes on by itself" in message
    assert "failed" in crt["status"]["nextAction"] or "again" in crt["status"]["nextAction"], crt["status"]
    attempts = crt["status"]["failedIssuanceAttempts"]
    assert accept.refused <= attempts + 1, "once for each attempt"
    accept()
    api.wait_ready("Certificate", ns, "web", 60)


def test_unknown_issuer(api, ns, controller, idle):
    api.create(certificate(ns, "web", "missing"))
    crt = wait_issuing(api, ns, "web", "True", ["Issuer missing does not exist", "spec.issuerRef"])
    assert condition(crt, "Issuing")["reason"] == "IssuerNotFound"
    assert condition(crt, "Ready")["status"] == "False"
    assert "missing" in crt["status"]["nextAction"]
    idle()
    api.create(self_signed(ns, "missing"))
    api.wait_ready("Certificate", ns, "web")


def test_unreachable_ca(api, ns, pebble, controller, idle):
    port = free_port()
    api.create(acme(ns, pebble, server=f"https://127.0.0.1:{port}/dir"))
    api.create(certificate(ns, "web", "acme"))
    why = wait_issuer_not_ready(api, ns, "acme", [f"127.0.0.1:{port}"])
    assert why["reason"] == "ErrRegisterACMEAccount"
    assert re.search("connect", why["message"], re.I), why["message"]
    wait_issuing(api, ns, "web", "True", ["Issuer acme is not ready", f"127.0.0.1:{port}"])
    idle()
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"server": pebble.directory}}})
    api.wait_ready("Issuer", ns, "acme")


def test_ca_with_an_untrusted_certificate(api, ns, pebble, controller, idle):
    api.create(acme(ns, pebble, caBundle=None))
    why = wait_issuer_not_ready(api, ns, "acme", ["certificate"])
    assert "caBundle" in why["message"], why["message"]
    idle()
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"caBundle": pebble.bundle()}}})
    api.wait_ready("Issuer", ns, "acme")


def test_malformed_ca_bundle(api, ns, pebble, controller, idle):
    api.create(acme(ns, pebble, caBundle=base64.b64encode(b"no certificate").decode()))
    wait_issuer_not_ready(api, ns, "acme", ["caBundle"])
    idle()


def test_server_that_is_no_acme_server(api, ns, pebble, ca, controller, idle):
    ca.before = lambda seen: (200, b"<html>welcome</html>")
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    why = wait_issuer_not_ready(api, ns, "acme", ["/dir"])
    assert "welcome" not in why["message"], "what a server answers is not repeated"
    idle()


def test_malformed_account_key(api, ns, pebble, controller, idle):
    api.create({"kind": "Secret", "metadata": {"name": "acme-account", "namespace": ns},
                "stringData": {"tls.key": "no key"}})
    api.create(acme(ns, pebble))
    wait_issuer_not_ready(api, ns, "acme", ["acme-account", "privateKeySecretRef"])
    assert secret_data(api.get("Secret", ns, "acme-account"), "tls.key") == "no key", "never overwritten"
    idle()
    api.delete("Secret", ns, "acme-account")
    api.wait_ready("Issuer", ns, "acme", 40)


def test_account_key_secret_without_the_key(api, ns, pebble, controller, idle):
    api.create({"kind": "Secret", "metadata": {"name": "acme-account", "namespace": ns}, "stringData": {"other": "x"}})
    api.create(acme(ns, pebble))
    wait_issuer_not_ready(api, ns, "acme", ["acme-account", "tls.key"])
    idle()


# ---- names

def test_name_that_the_ca_refuses(api, ns, acme_issuer, controller, idle):
    api.create(certificate(ns, "web", "acme", dnsNames=["blocked.test"]))
    crt = wait_issuing(api, ns, "web", "False", ["blocked.test", "rejectedIdentifier"])
    assert "next attempt at" in crt["status"]["nextAction"]
    assert crt["status"]["failedIssuanceAttempts"] >= 1 and crt["status"]["lastFailureTime"]
    api.patch("Certificate", ns, "web", {"spec": {"dnsNames": [f"{ns}.localhost"]}})
    crt = api.wait_ready("Certificate", ns, "web")
    assert "failedIssuanceAttempts" not in crt["status"], "at once, and the count is over"


def test_wildcard_by_http01(api, ns, acme_issuer, controller, idle):
    api.create(certificate(ns, "web", "acme", dnsNames=["*.wild.localhost"]))
    wait_issuing(api, ns, "web", "False", ["*.wild.localhost", "dns01"])


def test_ca_cannot_reach_the_name(api, ns, acme_issuer, controller, env, responder):
    """The self-check sees the answer and the CA does not: the attempt fails, and a later one succeeds."""
    responder.deaf = {int(env["HTTP01_PORT"])}
    try:
        api.create(certificate(ns, "web", "acme"))
        crt = wait_issuing(api, ns, "web", "False", ["web.localhost", "is invalid"], 40)
        assert "next attempt at" in crt["status"]["nextAction"]
        assert not api.list("Ingress", ns)
    finally:
        responder.deaf = set()
    api.wait_ready("Certificate", ns, "web", 40)


def test_ingress_class_that_nobody_serves(api, ns, pebble, responder, controller, idle):
    responder.classes = {"served"}
    try:
        api.create(acme(ns, pebble, ingress={"ingressClassName": "nobody"}))
        api.create(certificate(ns, "web", "acme"))
        challenge = wait_for("a Challenge", lambda: api.list("Challenge", ns), show=lambda: api.describe(ns))[0]
        name = challenge["metadata"]["name"]
        challenge = api.wait("Challenge", ns, name, lambda c: (c.get("status") or {}).get("reason"), "a reason", 40)
        assert "self-check" in challenge["status"]["reason"] and "web.localhost" in challenge["status"]["reason"]
        assert "Ingress controller" in challenge["status"]["reason"]
        crt = api.wait("Certificate", ns, "web", lambda c: "self-check" in (c.get("status") or {}).get(
            "nextAction", ""), "the self-check told in nextAction", 20)
        assert condition(crt, "Issuing")["status"] == "True"
        idle()
    finally:
        responder.classes = None
    api.wait_ready("Certificate", ns, "web", 40)


# ---- the CA's bad days

def test_ca_that_is_out_of_order_is_waited_for(api, ns, pebble, ca, responder, controller):
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme")
    left = [3]

    def before(seen):
        if "order-plz" in seen.path and left[0]:
            left[0] -= 1
            return 503, b'{"type": "urn:ietf:params:acme:error:serverInternal", "detail": "tea time"}'
        return None

    ca.before = before
    api.create(certificate(ns, "web", "acme"))
    crt = api.wait_ready("Certificate", ns, "web", 40)
    assert "failedIssuanceAttempts" not in crt["status"]
    assert left == [0]


# ---- Secrets

@pytest.mark.parametrize("data", [
    {"tls.crt": "", "tls.key": ""}, {"tls.crt": "garbage", "tls.key": "garbage"},
    {"tls.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "tls.key": "x" * 200_000},
], ids=["empty", "garbage", "large"])
def test_malformed_secret_is_replaced(api, ns, issuer, controller, data):
    api.create({"kind": "Secret", "metadata": {"name": "web-tls", "namespace": ns}, "type": "kubernetes.io/tls",
                "stringData": data})
    api.create(certificate(ns, "web"))
    api.wait_ready("Certificate", ns, "web")
    assert "BEGIN CERTIFICATE" in secret_data(api.get("Secret", ns, "web-tls"), "tls.crt")


# ---- the spec

@pytest.mark.parametrize("spec, words", [
    ({"duration": "30m"}, ["spec.duration", "1h"]),
    ({"duration": "2h", "renewBefore": "3h"}, ["renewBefore", "shorter than"]),
    ({"secretName": "Not_A_Name"}, ["spec.secretName", "write the name of a Secret"]),
    ({"dnsNames": ["https://web.test/"]}, ["dnsNames", "without scheme"]),
    ({"dnsNames": None}, ["dnsNames"]),
    ({"ipAddresses": ["10.0.0.300"]}, ["ipAddresses", "192.0.2.7"]),
    ({"privateKey": {"algorithm": "RSA", "size": 1024}}, ["privateKey", "2048"]),
    ({"privateKey": {"algorithm": "DSA"}}, ["algorithm", "RSA", "ECDSA"]),
    ({"issuerRef": {"name": "x", "kind": "Isuer"}}, ["issuerRef", "Issuer or ClusterIssuer"]),
    ({"usages": ["server author"]}, ["usages", "server auth"]),
    ({"commonName": "x" * 65}, ["commonName", "64"]),
], ids=lambda value: ",".join(value) if isinstance(value, dict) else "")
def test_invalid_certificate_is_refused_with_a_message_that_helps(api, ns, spec, words):
    with pytest.raises(ApiError) as refused:
        api.create(certificate(ns, "web", **spec))
    assert refused.value.status == 422
    assert all(word in refused.value.message for word in words), refused.value.message
