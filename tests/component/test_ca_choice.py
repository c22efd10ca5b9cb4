# SPDX-License-Identifier: Apache-2.0
"""What is asked of a CA beside names, and of which CA: profiles, chains, revocation, fail-over; against Pebble."""
import base64
import datetime
import json
import subprocess
import time

import pytest

from lib.api import condition, is_ready, secret_data
from lib.ca import Pebble
from lib.controller import binary
from lib.objects import acme, certificate, self_signed
from lib.proxy import Reset
from lib.tls import Leaf
from lib.wait import wait_for


@pytest.fixture
def watched(api, ns, pebble, ca, responder):
    """An Issuer that reaches Pebble through the proxy `ca`."""
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme")
    return ca


def days(leaf):
    return round((leaf.not_after - leaf.not_before) / datetime.timedelta(days=1))


def leaf_of(api, ns, name="web"):
    return Leaf(secret_data(api.get("Secret", ns, f"{name}-tls"), "tls.crt"))


def wait_failed(api, ns, name="web"):
    """The message of the attempt's failure."""
    crt = api.wait("Certificate", ns, name, lambda c: c.get("status", {}).get("failedIssuanceAttempts"), "a failure")
    return condition(crt, "Issuing")["message"]


# ---- profiles and names

def test_certificate_chooses_its_profile(api, ns, watched, controller):
    api.create(certificate(ns, "web", "acme", profile="shortlived"))
    api.wait_ready("Certificate", ns, "web")
    assert days(leaf_of(api, ns)) == 6
    api.patch("Certificate", ns, "web", {"spec": {"profile": "default"}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "issued again", 30)
    assert days(leaf_of(api, ns)) == 90


def test_profile_that_is_not_offered_spends_no_order(api, ns, watched, controller):
    api.create(certificate(ns, "web", "acme", profile="tlsserver"))
    message = wait_failed(api, ns)
    assert 'does not offer the profile "tlsserver"' in message and "shortlived" in message
    assert not watched.posts("order-plz")


def test_preferred_profile_is_taken_where_it_is(api, ns, pebble, responder, controller):
    api.create(acme(ns, pebble, "short", preferredProfile="shortlived"))
    api.create(acme(ns, pebble, "none", preferredProfile="tlsserver"))
    for name in ("short", "none"):
        api.wait_ready("Issuer", ns, name)
        api.create(certificate(ns, name, name))
        api.wait_ready("Certificate", ns, name)
    assert days(leaf_of(api, ns, "short")) == 6


def test_wildcard_over_http01_spends_no_order(api, ns, watched, controller):
    api.create(certificate(ns, "web", "acme", dnsNames=["*.wild.localhost"]))
    assert "a wildcard cannot be proven by HTTP-01" in wait_failed(api, ns)
    assert not watched.posts("order-plz")


def test_solver_that_is_turned_off_makes_its_issuer_unusable(api, ns, pebble, ca, controller):
    """Which feature gate it needs is in its condition, and nothing is ordered."""
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", solvers=[{"http01": {"ingress": {}}}, {"dnsPersist01": {}}]))
    found = api.wait("Issuer", ns, "acme", lambda i: condition(i, "Ready").get("reason") == "InvalidSolver", "refused")
    assert "solvers[1]: dns-persist-01 is alpha" in condition(found, "Ready")["message"]
    assert "--feature-gates=DNSPersist01=true" in condition(found, "Ready")["message"]
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"solvers": [{"http01": {"ingress": {}}}]}}})
    api.wait_ready("Issuer", ns, "acme")
    assert not ca.posts("order-plz")


def test_ip_address_is_issued_without_a_common_name(api, ns, pebble, acme_issuer, controller):
    api.create(certificate(ns, "web", "acme", dnsNames=None, ipAddresses=["127.0.0.1"]))
    api.wait_ready("Certificate", ns, "web", 40)
    assert leaf_of(api, ns).names == ["IP Address:127.0.0.1"]


def test_international_name_becomes_an_a_label(api, ns, acme_issuer, controller):
    api.create(certificate(ns, "web", "acme", dnsNames=["bücher.localhost"]))
    api.wait_ready("Certificate", ns, "web")
    assert leaf_of(api, ns).names == ["DNS:xn--bcher-kva.localhost"]


@pytest.mark.full
def test_hundred_names_in_one_order(api, ns, watched, controller):
    names = [f"n{i}.localhost" for i in range(100)]
    api.create(certificate(ns, "web", "acme", dnsNames=names))
    api.wait_ready("Certificate", ns, "web", 240)
    assert sorted(leaf_of(api, ns).names) == sorted(f"DNS:{n}" for n in names)
    assert len([r for r in watched.posts("order-plz") if r.status == 201]) == 1


# ---- chains

class TestAlternateRoots:
    @pytest.fixture(scope="class", autouse=True)
    def roots(self, cluster):
        cluster.call("restart", "pebble", PEBBLE_ALTERNATE_ROOTS="2")
        yield
        cluster.call("restart", "pebble")

    def issuer_of(self, pebble, number):
        """Common name of the intermediate of that chain, and the SHA-256 of its key."""
        return Leaf(pebble.get(f"/intermediates/{number}"))

    def test_preferred_chain_is_taken(self, api, ns, pebble, responder, controller):
        by_name, by_key = self.issuer_of(pebble, 1), self.issuer_of(pebble, 2)
        wanted = {"by-name": by_name.common_name, "by-key": f"spki:{by_key.spki_sha256}", "nobody": "Another Root"}
        for name, chain in wanted.items():
            api.create(acme(ns, pebble, name, preferredChain=chain))
            api.wait_ready("Issuer", ns, name)
            api.create(certificate(ns, name, name))
        for name in wanted:
            api.wait_ready("Certificate", ns, name, 40)
        assert leaf_of(api, ns, "by-name").issuer == by_name.common_name
        assert leaf_of(api, ns, "by-key").issuer == by_key.common_name
        assert leaf_of(api, ns, "nobody").issuer == self.issuer_of(pebble, 0).common_name
        notes = [e for e in api.list("Event", ns) if e.get("reason") == "ChainNotFound"]
        assert len(notes) == 1 and "Another Root" in notes[0]["note"]


# ---- revocation

def revoked(pebble, leaf):
    """What Pebble says of a certificate: "Valid" or "Revoked", and the reason."""
    found = json.loads(pebble.get(f"/cert-status-by-serial/{leaf.serial.lower()}"))
    return found["Status"], found.get("Reason")


def test_revoked_certificate_is_replaced_with_a_new_key(api, ns, env, pebble, watched, controller):
    api.create(certificate(ns, "web", "acme", privateKey={"algorithm": "ECDSA", "rotationPolicy": "Never"}))
    api.wait_ready("Certificate", ns, "web")
    old = leaf_of(api, ns)
    said = subprocess.run([binary(), "revoke", "web", "-n", ns, "--reason", "keyCompromise"],
                          env={"KUBECONFIG": env["KUBECONFIG"]}, capture_output=True, text=True, check=False)
    assert said.returncode == 0 and "Asked to revoke certificate" in said.stdout, said
    crt = api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "replaced", 30)
    assert revoked(pebble, old) == ("Revoked", 1)
    told = crt["status"]["revocation"]
    assert told["reason"] == "keyCompromise" and told["serialNumber"] == old.serial.lower() and "message" not in told
    new = leaf_of(api, ns)
    assert new.public_key != old.public_key and revoked(pebble, new)[0] == "Valid"
    assert len(watched.posts("revoke-cert")) == 1
    api.wait_ready("Certificate", ns, "web")


def test_revoke_only_leaves_it_and_says_so(api, ns, pebble, acme_issuer, controller):
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    old = leaf_of(api, ns)
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {
        "certroll.dev/revoke": "superseded", "certroll.dev/revoke-only": "true"}}})
    crt = api.wait("Certificate", ns, "web", lambda c: condition(c, "Ready").get("reason") == "Revoked", "Revoked")
    assert revoked(pebble, old) == ("Revoked", 4) and crt["status"]["revision"] == 1
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/revoke-only": None}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "replaced", 30)


def test_certificate_of_another_account_is_revoked_by_its_key(api, ns, pebble, watched, controller):
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    old = leaf_of(api, ns)
    uri = api.get("Issuer", ns, "acme")["status"]["acme"]["uri"]
    api.delete("Secret", ns, "acme-account")
    api.wait("Issuer", ns, "acme", lambda i: i["status"]["acme"]["uri"] != uri and is_ready(i), "another account", 30)
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/revoke": "unspecified"}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "replaced", 40)
    assert revoked(pebble, old)[0] == "Revoked"
    assert [r.status for r in watched.posts("revoke-cert")][-2:] == [403, 200]


def test_other_issuers_are_not_asked(api, ns, issuer, controller):
    api.create(certificate(ns, "web"))
    api.wait_ready("Certificate", ns, "web")
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/revoke": "superseded"}}})
    crt = api.wait("Certificate", ns, "web", lambda c: c["status"].get("revocation", {}).get("time"), "refused")
    assert "no certificate of an ACME issuer" in crt["status"]["revocation"]["message"]
    assert condition(crt, "Ready")["status"] == "True" and crt["status"]["revision"] == 1


# ---- fail-over

def test_another_issuer_takes_over_and_the_first_comes_back(api, ns, pebble, ca, responder, controller):
    api.create(self_signed(ns, "spare"))
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", failover=[{"name": "spare"}], failoverAfterAttempts=2))
    api.wait_ready("Issuer", ns, "acme")
    ca.before = lambda seen: (400, json.dumps({"type": "urn:ietf:params:acme:error:rejectedIdentifier",
                                               "detail": "not today"}).encode()) if "/order-plz" in seen.path else None
    api.create(certificate(ns, "web", "acme"))
    crt = api.wait_ready("Certificate", ns, "web", 40)
    assert len(ca.posts("order-plz")) == 2, "two failures, then the other issuer"
    assert "failedIssuanceAttempts" not in crt["status"] and crt["status"]["revision"] == 1
    assert api.get("Secret", ns, "web-tls")["metadata"]["annotations"]["certroll.dev/issuer-name"] == "spare"
    assert [e for e in api.list("Event", ns) if e.get("reason") == "FailedOver"]
    ca.before = lambda seen: None
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 40)
    assert api.get("Secret", ns, "web-tls")["metadata"]["annotations"]["certroll.dev/issuer-name"] == "acme"


@pytest.mark.full
@pytest.mark.timeout(240)
def test_a_ca_that_is_away_is_stood_in_for(api, ns, pebble, ca, start_ca, responder, controller):
    """For a minute nothing of it is heard; another CA, with an account of its own, issues. The order that was never
    placed is not counted as a failure."""
    def away(_seen):
        raise Reset

    api.create(acme(ns, start_ca(Pebble), "spare"))
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", failover=[{"name": "spare"}], failoverAfterOutage="1m"))
    uris = [api.wait_ready("Issuer", ns, name)["status"]["acme"]["uri"] for name in ("acme", "spare")]
    ca.before = away
    began = time.monotonic()
    api.create(certificate(ns, "web", "acme"))
    crt = api.wait_ready("Certificate", ns, "web", 180)
    assert time.monotonic() - began >= 60, "not before its time"
    assert "failedIssuanceAttempts" not in crt["status"] and crt["status"]["revision"] == 1
    annotations = api.get("Secret", ns, "web-tls")["metadata"]["annotations"]
    assert annotations["certroll.dev/issuer-name"] == "spare"
    assert annotations["certroll.dev/acme-account"] == uris[1] != uris[0]
    # Who starts anew knows of no silence.
    ca.before = lambda seen: None
    controller.stop()
    controller.start()
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 40)
    assert api.get("Secret", ns, "web-tls")["metadata"]["annotations"]["certroll.dev/issuer-name"] == "acme"


# ---- the end of a certificate

def test_ready_ends_with_the_certificate(api, ns, controller, tmp_path):
    """An issuer of somebody else's signs for twelve seconds, and then never again."""
    api.create(certificate(ns, "web", issuerRef={"name": "ext", "kind": "Ext", "group": "ext.example"}))
    request = wait_for("the CertificateRequest", lambda: api.list("CertificateRequest", ns))[0]
    (tmp_path / "csr").write_bytes(base64.b64decode(request["spec"]["request"]))
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=12)
    chain = sign_until(tmp_path, end)
    api.patch("CertificateRequest", ns, request["metadata"]["name"], {"status": {
        "certificate": chain, "conditions": [
            {"type": kind, "status": "True", "reason": "Test", "message": "x", "lastTransitionTime":
             end.strftime("%Y-%m-%dT%H:%M:%SZ")} for kind in ("Approved", "Ready")]}}, "status")
    api.wait_ready("Certificate", ns, "web", 10)
    crt = api.wait("Certificate", ns, "web", lambda c: condition(c, "Ready").get("reason") == "Expired", "Expired", 30)
    assert condition(crt, "Ready")["status"] == "False"
    late = datetime.datetime.fromisoformat(condition(crt, "Ready")["lastTransitionTime"].replace("Z", "+00:00")) - end
    assert abs(late.total_seconds()) <= 2, "by timer, not when something else happens"


def sign_until(folder, end):
    """A chain for the CSR in the folder that ends then, signed by a CA of the test's own; base64 of PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    csr = x509.load_pem_x509_csr((folder / "csr").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test CA")])
    san = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    leaf = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(name).public_key(csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end.replace(tzinfo=None) - datetime.timedelta(minutes=1))
            .not_valid_after(end.replace(tzinfo=None))
            .add_extension(san, critical=True).sign(key, hashes.SHA256()))
    return base64.b64encode(leaf.public_bytes(serialization.Encoding.PEM)).decode()
