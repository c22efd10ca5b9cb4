# SPDX-License-Identifier: Apache-2.0
"""certroll with real CAs of four kinds and ages: each kind of account key, rejected nonces, reused authorizations,
names that are refused, certificates of seconds, and a CA that has lost everything."""
import base64
import datetime

import pytest

from lib.api import condition, secret_data
from lib.ca import Acme2certifier, DebianPebble, Pebble, StepCa
from lib.objects import acme, certificate
from lib.tls import Leaf, openssl, public_of_key, verify
from lib.wait import wait_for

PATIENCE = 90  # seconds for an issuance whose every second request is refused
KEYS = {"ES256": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"), "ES384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
        "RS256": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "EdDSA": ("ED25519",)}
# With 90 % of the nonces refused a request needs ten tries, and one in three is given up for a while.
QUICK = [(Pebble, "ES256", {"nonce_reject": 50, "authz_reuse": 100}), (Pebble, "RS256", {"nonce_reject": 5}),
         (DebianPebble, "ES384", {"nonce_reject": 5, "authz_reuse": 100}), (Acme2certifier, "ES256", {})]
PEBBLES = [(kind, algorithm, {"nonce_reject": nonces, "authz_reuse": reuse})
           for kind in (Pebble, DebianPebble) for nonces in (0, 5, 50, 90) for reuse in (0, 100)
           for algorithm in kind.algorithms]
OTHERS = [(kind, algorithm, {}) for kind in (StepCa, Acme2certifier) for algorithm in kind.algorithms]


def row(kind, algorithm, settings, *marks):
    words = [kind.__name__, algorithm, *(f"{name}-{value}" for name, value in settings.items())]
    return pytest.param(kind, algorithm, settings, id="-".join(words), marks=marks)


ROWS = [row(*one) for one in QUICK]
ROWS += [row(*one, pytest.mark.full) for one in PEBBLES + OTHERS if one not in QUICK]


def add_issuer(api, ns, ca, algorithm="ES256", **more):
    """An Issuer whose account key is of that kind, and the e-mail address that the CA may want; registered."""
    kind, *options = KEYS[algorithm]
    key = openssl("genpkey", "-algorithm", kind, *options)
    api.create({"kind": "Secret", "metadata": {"name": "acme-account", "namespace": ns},
                "stringData": {"tls.key": key}})
    api.create(acme(ns, ca, email=ca.email, **more))
    api.wait_ready("Issuer", ns, "acme", PATIENCE)


def check(api, ns, name, ca, folder):
    """The Secret holds the key and a chain that openssl follows to the CA's root; the leaf."""
    secret = api.get("Secret", ns, f"{name}-tls")
    chain = secret_data(secret, "tls.crt")
    root, between = folder / "root.pem", folder / "between.pem"
    root.write_text(ca.root())
    between.write_text(chain)
    verify(chain, root, between)
    leaf = Leaf(chain)
    assert public_of_key(secret_data(secret, "tls.key")) == leaf.public_key
    return leaf


def renew(api, ns, name):
    """By annotation, until it is done."""
    revision = api.get("Certificate", ns, name)["status"]["revision"] + 1
    api.patch("Certificate", ns, name, {"metadata": {"annotations": {"certroll.dev/renew": str(revision)}}})
    api.wait("Certificate", ns, name, lambda c: c["status"]["revision"] == revision, "renewed", PATIENCE)


def check_issued_and_renewed(api, ns, ca, audit, folder, settings):
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost", f"www.{ns}.localhost"]))
    crt = api.wait_ready("Certificate", ns, "web", PATIENCE)
    assert "failedIssuanceAttempts" not in crt["status"], crt["status"]
    first = check(api, ns, "web", ca, folder)
    assert sorted(first.names) == [f"DNS:{ns}.localhost", f"DNS:www.{ns}.localhost"]
    audit.mark()
    renew(api, ns, "web")
    assert check(api, ns, "web", ca, folder).serial != first.serial
    if "authz_reuse" in settings:
        proved = {write.kind for write in audit.writes(namespace=ns)} & {"challenges"}
        assert bool(proved) == (settings["authz_reuse"] == 0), "names are proved again when the CA asks for it only"


def check_refused(api, ns, ca):
    api.create(certificate(ns, "refused", "acme", dnsNames=[ca.refused]))
    crt = api.wait("Certificate", ns, "refused", lambda c: condition(c, "Issuing").get("status") == "False",
                   "refused", PATIENCE)
    assert (ca.refusal or ca.refused) in condition(crt, "Issuing")["message"]
    assert crt["status"]["failedIssuanceAttempts"] >= 1
    api.delete("Certificate", ns, "refused")


def check_found_again(api, ns, ca, folder):
    """After the CA has lost all accounts, and Pebble even its keys."""
    ca.forget()
    renew(api, ns, "web")
    check(api, ns, "web", ca, folder)
    assert condition(api.get("Issuer", ns, "acme"), "Ready")["status"] == "True"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind, algorithm, settings", ROWS)
def test_life_with_a_ca(api, ns, start_ca, controller, audit, tmp_path, kind, algorithm, settings):
    """Register, issue, renew, be refused, and go on after the CA has lost everything."""
    ca = start_ca(kind, **settings)
    add_issuer(api, ns, ca, algorithm)
    check_issued_and_renewed(api, ns, ca, audit, tmp_path, settings)
    check_refused(api, ns, ca)
    check_found_again(api, ns, ca, tmp_path)


@pytest.mark.parametrize("kind", [DebianPebble, pytest.param(StepCa, marks=pytest.mark.full)])
def test_certificate_of_seconds_is_renewed_by_time(api, ns, start_ca, controller, tmp_path, kind):
    """Half of its life is over when it is renewed, and it never runs out. The pinned Pebble would have it renewed at
    some time of two days around: it has renewalInfo."""
    ca = start_ca(kind, life=16)
    add_issuer(api, ns, ca)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    first = check(api, ns, "web", ca, tmp_path)
    ready = []

    def renewed():
        crt = api.get("Certificate", ns, "web")
        ready.append(condition(crt, "Ready")["status"])
        return crt["status"]["revision"] >= 2

    wait_for("the second revision", renewed, 30, lambda: api.describe(ns))
    second = check(api, ns, "web", ca, tmp_path)
    middle = first.not_before + (first.not_after - first.not_before) / 2
    assert second.not_before >= middle - datetime.timedelta(seconds=1), "not before its time"
    assert set(ready) == {"True"}, "and in time"


@pytest.mark.parametrize("kind", [Pebble, pytest.param(Acme2certifier, marks=pytest.mark.full)])
def test_ca_with_a_slow_validation(api, ns, start_ca, controller, tmp_path, kind):
    """Pebble takes up to 5 s, by chance, to look at each name."""
    ca = start_ca(kind, **({"sleep": True} if kind is Pebble else {}))
    add_issuer(api, ns, ca)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{n}.{ns}.localhost" for n in "abc"]))
    crt = api.wait_ready("Certificate", ns, "web", PATIENCE)
    assert "failedIssuanceAttempts" not in crt["status"]
    check(api, ns, "web", ca, tmp_path)


@pytest.mark.parametrize("length", [1, pytest.param(3, marks=pytest.mark.full)])
def test_chain_of_some_length(api, ns, start_ca, controller, tmp_path, length):
    """All intermediates are in tls.crt, leaf first, and the root is not."""
    ca = start_ca(Pebble, chain_length=length)
    add_issuer(api, ns, ca)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    check(api, ns, "web", ca, tmp_path)
    chain = secret_data(api.get("Secret", ns, "web-tls"), "tls.crt")
    assert chain.count("BEGIN CERTIFICATE") == 1 + length


@pytest.mark.full
@pytest.mark.parametrize("profile, seconds", [("classic", 7776000), ("shortlived", 576000), ("minute", 60)])
def test_profile(api, ns, start_ca, controller, tmp_path, profile, seconds):
    profiles = {"classic": {"description": "90 days", "validityPeriod": 7776000},
                "shortlived": {"description": "160 hours", "validityPeriod": 576000},
                "minute": {"description": "a minute", "validityPeriod": 60}}
    ca = start_ca(Pebble, profiles=profiles)
    add_issuer(api, ns, ca, profile=profile)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    leaf = check(api, ns, "web", ca, tmp_path)
    life = (leaf.not_after - leaf.not_before).total_seconds()
    assert abs(life - seconds) <= 1


# ---- what the CAs offer beside

@pytest.mark.parametrize("kind", [Pebble, pytest.param(Acme2certifier, marks=pytest.mark.full)])
def test_external_account(api, ns, start_ca, controller, tmp_path, kind):
    """A CA that registers nobody it does not know."""
    ca = start_ca(kind, eab=True)
    api.create({"kind": "Secret", "metadata": {"name": "binding", "namespace": ns}, "stringData": {"mac": ca.eab[1]}})
    add_issuer(api, ns, ca, externalAccountBinding={"keyID": ca.eab[0],
                                                    "keySecretRef": {"name": "binding", "key": "mac"}})
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    check(api, ns, "web", ca, tmp_path)


def test_chain_by_the_name_of_its_root(api, ns, start_ca, controller, tmp_path):
    """The second of Pebble's alternates, which only comes when it is asked for."""
    ca = start_ca(Pebble, alternate_roots=2)
    root = tmp_path / "wanted.pem"
    root.write_text(ca.root(2))
    add_issuer(api, ns, ca, preferredChain=Leaf(ca.root(2)).subject.removeprefix("CN="))
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    chain = secret_data(api.get("Secret", ns, "web-tls"), "tls.crt")
    between = tmp_path / "between.pem"
    between.write_text(chain)
    verify(chain, root, between)


def test_long_names_and_names_of_other_scripts(api, ns, start_ca, controller, tmp_path):
    """None fits into a common name, and one is written as people write it."""
    ca = start_ca(Pebble)
    add_issuer(api, ns, ca)
    long = f"{'x' * 60}.{ns}.localhost"
    api.create(certificate(ns, "web", "acme", dnsNames=[long, f"{'y' * 60}.légo.{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    leaf = check(api, ns, "web", ca, tmp_path)
    assert sorted(leaf.names) == [f"DNS:{long}", f"DNS:{'y' * 60}.xn--lgo-bma.{ns}.localhost"]


def test_name_whose_dns_fails(api, ns, start_ca, controller, names):
    """For the CA alone: what it says reaches the user, and later it works."""
    add_issuer(api, ns, start_ca(Pebble))
    name = f"{ns}.localhost"
    names.dns.servfail(name)
    try:
        api.create(certificate(ns, "web", "acme", dnsNames=[name]))
        crt = api.wait("Certificate", ns, "web", lambda c: condition(c, "Issuing").get("status") == "False", "failed",
                       PATIENCE)
        message = condition(crt, "Issuing")["message"]
        assert f"authorization of {name} is invalid: connection: " in message, message
    finally:
        names.dns.forget(name)
    api.wait_ready("Certificate", ns, "web", PATIENCE)


def test_request_made_by_hand(api, ns, start_ca, controller, tmp_path):
    """A CertificateRequest with a CSR that openssl has made; the key stays where it is."""
    ca = start_ca(Pebble)
    add_issuer(api, ns, ca)
    key = tmp_path / "key.pem"
    csr = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", str(key),
                  "-subj", "/", "-addext", f"subjectAltName=DNS:{ns}.localhost")
    api.create({"kind": "CertificateRequest", "metadata": {"name": "hand", "namespace": ns},
                "spec": {"request": base64.b64encode(csr.encode()).decode(), "issuerRef": {"name": "acme"}}})
    request = api.wait_ready("CertificateRequest", ns, "hand", PATIENCE)
    leaf = Leaf(base64.b64decode(request["status"]["certificate"]).decode())
    assert leaf.names == [f"DNS:{ns}.localhost"] and leaf.public_key == public_of_key(key.read_text())
