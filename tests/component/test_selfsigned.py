# SPDX-License-Identifier: Apache-2.0
"""What a certificate of a selfSigned issuer and its Secret are like."""
import datetime

import pytest

from lib.api import secret_data
from lib.objects import certificate, self_signed
from lib.tls import Leaf, key_text, public_of_key, verify

GROUP = "certroll.dev"


def issue(api, body):
    """Creates a Certificate and waits for it: the Certificate, its Secret, what openssl reads from that."""
    ns, name = body["metadata"]["namespace"], body["metadata"]["name"]
    api.create(body)
    crt = api.wait_ready("Certificate", ns, name)
    secret = api.get("Secret", ns, body["spec"]["secretName"])
    return crt, secret, Leaf(secret_data(secret, "tls.crt"))


def check_pair(secret, tmp_path):
    """Signature, dates and key, by openssl."""
    root = tmp_path / "ca.crt"
    root.write_text(secret_data(secret, "ca.crt"))
    verify(secret_data(secret, "tls.crt"), root)
    leaf = Leaf(secret_data(secret, "tls.crt"))
    assert public_of_key(secret_data(secret, "tls.key")) == leaf.public_key


def test_secret_has_type_data_label_annotations_and_one_manager(api, ns, issuer, controller, tmp_path):
    _, secret, leaf = issue(api, certificate(ns, "web", dnsNames=["web.test", "www.web.test"]))
    assert secret["type"] == "kubernetes.io/tls"
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert secret["metadata"]["labels"] == {f"controller.{GROUP}/fao": "true"}
    notes = dict(secret["metadata"]["annotations"])
    assert len(notes.pop("certroll.dev/fingerprint")) == 64
    datetime.datetime.fromisoformat(notes.pop("certroll.dev/issued-at").replace("Z", "+00:00"))
    assert notes == {
        f"{GROUP}/certificate-name": "web",
        f"{GROUP}/issuer-name": issuer,
        f"{GROUP}/issuer-kind": "Issuer",
        f"{GROUP}/issuer-group": GROUP,
        f"{GROUP}/common-name": "",
        f"{GROUP}/alt-names": "web.test,www.web.test",
        f"{GROUP}/ip-sans": "",
        f"{GROUP}/uri-sans": "",
    }
    managers = [(m["manager"], m["operation"]) for m in secret["metadata"]["managedFields"]]
    assert managers == [("certroll", "Apply")]
    assert "ownerReferences" not in secret["metadata"]
    assert leaf.names == ["DNS:web.test", "DNS:www.web.test"]
    check_pair(secret, tmp_path)


def test_annotations_tell_subject_and_all_names(api, ns, issuer, controller):
    _, secret, leaf = issue(api, certificate(
        ns, "full", commonName="full.test", dnsNames=["full.test"], ipAddresses=["192.0.2.7", "2001:db8::7"],
        uris=["spiffe://example.org/web"], emailAddresses=["hostmaster@full.test"],
        subject={"organizations": ["Example, Inc."], "countries": ["DE"], "serialNumber": "4711"}))
    notes = secret["metadata"]["annotations"]
    assert notes[f"{GROUP}/common-name"] == "full.test"
    assert notes[f"{GROUP}/ip-sans"] == "192.0.2.7,2001:db8::7"
    assert notes[f"{GROUP}/uri-sans"] == "spiffe://example.org/web"
    assert notes[f"{GROUP}/email-sans"] == "hostmaster@full.test"
    assert notes[f"{GROUP}/subject-organizations"] == '"Example, Inc."'
    assert notes[f"{GROUP}/subject-countries"] == "DE"
    assert notes[f"{GROUP}/subject-serialnumber"] == "4711"
    assert sorted(leaf.names) == sorted([
        "DNS:full.test", "IP Address:192.0.2.7", "IP Address:2001:DB8:0:0:0:0:0:7",
        "URI:spiffe://example.org/web", "email:hostmaster@full.test"])
    assert "CN=full.test" in leaf.subject and "O=Example\\, Inc." in leaf.subject


def test_status_tells_what_the_certificate_says(api, ns, issuer, controller, audit):
    api.wait_ready("Issuer", ns, issuer)
    audit.mark()
    crt, secret, leaf = issue(api, certificate(ns, "web"))
    status = crt["status"]
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    assert status["notBefore"] == leaf.not_before.strftime(stamp)
    assert status["notAfter"] == leaf.not_after.strftime(stamp)
    due = leaf.not_after - (leaf.not_after - leaf.not_before) / 3
    earliest = due - datetime.timedelta(hours=12)  # renewals are spread
    assert earliest.strftime(stamp) <= status["renewalTime"] <= due.strftime(stamp)
    assert status["revision"] == 1
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [("Ready", "True", "Ready")]
    assert status["conditions"][0]["observedGeneration"] == crt["metadata"]["generation"]
    assert leaf.not_after - leaf.not_before == datetime.timedelta(days=90)
    assert len(audit.writes(namespace=ns)) <= 6, audit.writes(namespace=ns)
    events = [e["reason"] for e in api.list("Event", ns)]
    assert len(events) <= 1, events
    assert secret["metadata"]["resourceVersion"]


@pytest.mark.parametrize("algorithm, size, encoding, head, text", [
    ("RSA", 2048, "PKCS1", "RSA PRIVATE KEY", "Private-Key: (2048 bit"),
    ("RSA", 3072, "PKCS8", "PRIVATE KEY", "Private-Key: (3072 bit"),
    ("ECDSA", 256, "PKCS1", "EC PRIVATE KEY", "ASN1 OID: prime256v1"),
    ("ECDSA", 384, "PKCS8", "PRIVATE KEY", "ASN1 OID: secp384r1"),
    ("ECDSA", 521, "PKCS1", "EC PRIVATE KEY", "ASN1 OID: secp521r1"),
    ("Ed25519", None, "PKCS8", "PRIVATE KEY", "ED25519 Private-Key"),
])
def test_key_algorithm_size_and_encoding(api, ns, issuer, controller, tmp_path, algorithm, size, encoding, head, text):
    key = {"algorithm": algorithm, "encoding": encoding, "rotationPolicy": "Always"}
    if size:
        key["size"] = size
    _, secret, _ = issue(api, certificate(ns, "key", privateKey=key))
    pem = secret_data(secret, "tls.key")
    assert pem.startswith(f"-----BEGIN {head}-----\n")
    assert text in key_text(pem)
    check_pair(secret, tmp_path)


def test_default_key_is_rsa_2048(api, ns, issuer, controller):
    _, secret, _ = issue(api, certificate(ns, "plain", privateKey=None))
    assert "Private-Key: (2048 bit" in key_text(secret_data(secret, "tls.key"))


def test_is_ca(api, ns, issuer, controller):
    _, _, leaf = issue(api, certificate(ns, "ca", isCA=True, commonName="Test CA", dnsNames=None))
    assert leaf.is_ca and "Certificate Sign" in leaf.extension("Key Usage")
    assert "CN=Test CA" in leaf.subject
    _, _, plain = issue(api, certificate(ns, "leaf"))
    assert not plain.is_ca


def test_usages(api, ns, issuer, controller):
    _, _, leaf = issue(api, certificate(ns, "both", usages=["digital signature", "server auth", "client auth"]))
    assert leaf.extension("Key Usage") == "Digital Signature"
    assert leaf.extension("Extended Key Usage") == \
        "TLS Web Server Authentication, TLS Web Client Authentication"
    _, _, leaf = issue(api, certificate(ns, "none"))
    assert leaf.extension("Key Usage") == "Digital Signature, Key Encipherment"


def test_duration(api, ns, issuer, controller):
    crt, _, leaf = issue(api, certificate(ns, "short", duration="48h"))
    assert leaf.not_after - leaf.not_before == datetime.timedelta(hours=48)
    # Half of its life, because it lives less than 10 days.
    due, stamp = leaf.not_before + datetime.timedelta(hours=24), "%Y-%m-%dT%H:%M:%SZ"
    spread = datetime.timedelta(minutes=48)  # a 60th of its life
    assert (due - spread).strftime(stamp) <= crt["status"]["renewalTime"] <= due.strftime(stamp)


@pytest.mark.parametrize("spec, before", [
    ({"renewBefore": "10h"}, datetime.timedelta(hours=10)),
    ({"renewBeforePercentage": 25}, datetime.timedelta(hours=25)),
])
def test_renew_before(api, ns, issuer, controller, spec, before):
    crt, _, leaf = issue(api, certificate(ns, "early", duration="100h", **spec))
    assert crt["status"]["renewalTime"] == (leaf.not_after - before).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_cluster_issuer(api, ns, controller):
    name = f"{ns}-cluster"
    api.create(self_signed(None, name) | {"kind": "ClusterIssuer", "metadata": {"name": name}})
    try:
        _, secret, _ = issue(api, certificate(ns, "web", issuerRef={"name": name, "kind": "ClusterIssuer"}))
        assert secret["metadata"]["annotations"][f"{GROUP}/issuer-kind"] == "ClusterIssuer"
    finally:
        api.delete("ClusterIssuer", None, name)


def test_hundred_certificates_with_at_most_six_writes_each(api, ns, issuer, controller, audit):
    for i in range(100):
        api.create(certificate(ns, f"many-{i}"))
    for i in range(100):
        api.wait_ready("Certificate", ns, f"many-{i}", 60)
    writes = audit.writes(namespace=ns)
    assert len(writes) <= 600, f"{len(writes)} writes: {writes[:20]}"
    assert len(api.list("CertificateRequest", ns)) == 100
