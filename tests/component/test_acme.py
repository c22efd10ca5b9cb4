# SPDX-License-Identifier: Apache-2.0
"""ACME over HTTP-01 against Pebble: the account, issuance, what it costs and what it leaves behind."""
import re

import pytest

from lib.api import condition, secret_data
from lib.objects import acme, certificate
from lib.tls import Leaf, public_of_key, verify
from lib.wait import wait_for

SOLVER = "acme.certroll.dev/http01-solver=true"


@pytest.fixture
def watched(api, ns, pebble, ca, responder):
    """An Issuer that reaches Pebble through the proxy `ca`."""
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme")
    return ca


def wait_clean(api, ns):
    """Nothing of an issuance is left but request and Order; the solver may linger."""
    wait_for("Ingress, Challenge and key Secret to be gone", lambda: not (
        api.list("Ingress", ns) or api.list("Challenge", ns) or
        api.list("Secret", ns, "certroll.dev/next-private-key=true")), show=lambda: api.describe(ns))


def check(api, ns, name, pebble, tmp_path):
    """The Secret holds a chain of Pebble's and the key to it; the leaf."""
    secret = api.get("Secret", ns, f"{name}-tls")
    root, between = tmp_path / "root.pem", tmp_path / "between.pem"
    root.write_text(pebble.root())
    chain = secret_data(secret, "tls.crt")
    between.write_text(chain)
    verify(chain, root, between)
    leaf = Leaf(chain)
    assert public_of_key(secret_data(secret, "tls.key")) == leaf.public_key
    return leaf


def test_account_is_registered_once_and_found_again(api, ns, pebble, watched, controller):
    first = api.get("Issuer", ns, "acme")
    assert condition(first, "Ready")["reason"] == "ACMEAccountRegistered"
    assert first["status"]["acme"]["uri"].startswith(watched.url)
    assert "PRIVATE KEY" in secret_data(api.get("Secret", ns, "acme-account"), "tls.key")
    # A second Issuer with the same key is the same account.
    api.create(acme(ns, pebble, "second", server=f"{watched.url}/dir", privateKeySecretRef={"name": "acme-account"}))
    second = api.wait_ready("Issuer", ns, "second")
    assert second["status"]["acme"]["uri"] == first["status"]["acme"]["uri"]
    assert [r.status for r in watched.posts("sign-me-up") if r.status < 300] == [201, 200]


def test_certificate_is_issued_within_24_writes_and_nothing_is_left(
        api, ns, pebble, watched, controller, audit, tmp_path):
    audit.mark()
    api.create(certificate(ns, "web", "acme", dnsNames=["a.localhost", "b.localhost"]))
    crt = api.wait_ready("Certificate", ns, "web")
    leaf = check(api, ns, "web", pebble, tmp_path)
    assert leaf.names == ["DNS:a.localhost", "DNS:b.localhost"]
    assert crt["status"]["revision"] == 1 and "nextPrivateKeySecretName" not in crt["status"]
    wait_clean(api, ns)
    writes = audit.writes(namespace=ns)
    assert len(writes) <= 24, f"{len(writes)}: {writes}"
    ingresses = {w.name for w in writes if w.kind == "ingresses"}
    assert len(ingresses) == 1, "two names of one order share an Ingress"
    assert [r.status for r in watched.posts("order-plz")] == [201]
    assert len([r for r in watched.posts("finalize-order") if r.status < 300]) == 1


def test_one_name_costs_at_most_24_writes_cold_and_20_warm(api, ns, acme_issuer, controller, audit):
    costs = []
    for name in ("cold", "warm"):
        audit.mark()
        api.create(certificate(ns, name, "acme"))
        api.wait_ready("Certificate", ns, name)
        wait_clean(api, ns)
        costs.append(len(audit.writes(namespace=ns)))
    assert costs[0] <= 24 and costs[1] <= 20, costs


def test_solver_is_hardened_and_leaves_when_not_needed(api, ns, acme_issuer, controller):
    api.create(certificate(ns, "web", "acme"))
    pod = wait_for("a solver pod", lambda: api.list("Pod", ns, SOLVER))[0]
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    box = spec["containers"][0]
    assert box["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                      "capabilities": {"drop": ["ALL"]}}
    assert box["readinessProbe"]["httpGet"]["path"].startswith("/.well-known/acme-challenge/")
    api.wait_ready("Certificate", ns, "web")
    wait_for("solver pod and Service to be removed",
             lambda: not api.list("Pod", ns, SOLVER) and not api.list("Service", ns, SOLVER), 40,
             lambda: api.describe(ns))


def test_ingress_has_what_the_issuer_says(api, ns, pebble, responder, controller):
    template = {"metadata": {"labels": {"team": "web"}, "annotations": {"example.org/a": "b"}}}
    api.create(acme(ns, pebble, ingress={"ingressClassName": "special", "ingressTemplate": template}))
    api.create(certificate(ns, "web", "acme"))
    ingress = wait_for("the Ingress", lambda: api.list("Ingress", ns))[0]
    assert ingress["spec"]["ingressClassName"] == "special"
    assert ingress["metadata"]["labels"]["team"] == "web"
    assert ingress["metadata"]["annotations"]["example.org/a"] == "b"
    assert ingress["metadata"]["ownerReferences"][0]["kind"] == "Order"
    api.wait_ready("Certificate", ns, "web")


def test_renewal_keeps_the_old_certificate_until_the_new_one(api, ns, pebble, acme_issuer, controller, tmp_path):
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    old = check(api, ns, "web", pebble, tmp_path)
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
    ready = []

    def renewed():
        crt = api.get("Certificate", ns, "web")
        ready.append(condition(crt, "Ready")["status"])
        return crt["status"]["revision"] == 2

    wait_for("the second revision", renewed, show=lambda: api.describe(ns))
    assert set(ready) == {"True"}, "Ready stayed True"
    new = check(api, ns, "web", pebble, tmp_path)
    assert new.serial != old.serial and new.public_key != old.public_key


def test_cluster_issuer_keeps_its_key_in_the_controllers_namespace(api, ns, pebble, responder, controller):
    name = f"{ns}-acme"
    api.create(acme(None, pebble, name, "ClusterIssuer"))
    try:
        api.create(certificate(ns, "web", issuerRef={"name": name, "kind": "ClusterIssuer"}))
        api.wait_ready("Certificate", ns, "web")
        assert api.get("Secret", "certroll", f"{name}-account")
        assert not api.get("Secret", ns, f"{name}-account")
    finally:
        api.delete("ClusterIssuer", None, name)
        api.delete("Secret", "certroll", f"{name}-account")


def test_twenty_at_once(api, ns, acme_issuer, controller):
    for i in range(20):
        api.create(certificate(ns, f"n{i}", "acme"))
    for i in range(20):
        api.wait_ready("Certificate", ns, f"n{i}", 60)
    wait_clean(api, ns)


def test_pending_orders_cost_no_thread(api, ns, pebble, acme_issuer, controller, responder):
    """More of them than there are threads wait for an ingress that does not come. Who comes then is not held up."""
    other = api.namespace(f"{ns}-b")
    hosts = {f"n{i}.{ns}.localhost" for i in range(30)}
    threads = controller.threads()
    responder.unserved = {ns}
    try:
        for host in hosts:
            api.create(certificate(ns, host.split(".")[0], "acme", dnsNames=[host]))
        wait_for("30 self-checks", lambda: hosts <= responder.hosts, 60, lambda: api.describe(ns))
        assert controller.threads() <= threads
        api.create(acme(other, pebble))
        api.create(certificate(other, "web", "acme", dnsNames=[f"{other}.localhost"]))
        api.wait_ready("Certificate", other, "web", 15)
        assert len(api.list("Challenge", ns)) == 30
    finally:
        responder.unserved = set()
        api.delete("Namespace", None, other)
    for host in hosts:
        api.wait_ready("Certificate", ns, host.split(".")[0], 60)


def test_handwritten_order_and_challenge_get_nothing_done(api, ns, acme_issuer, watched_stranger, controller):
    """Only what hangs on a request by UID is acted on."""
    ca = watched_stranger
    reference = {"name": "acme"}
    api.create({"kind": "Order", "metadata": {"name": "forged", "namespace": ns},
                "spec": {"request": "Zm9yZ2Vk", "issuerRef": reference, "dnsNames": ["forged.localhost"]}})
    order = api.wait("Order", ns, "forged", lambda o: (o.get("status") or {}).get("state") == "errored", "refused")
    assert "not made by certroll" in order["status"]["reason"]
    api.create({"kind": "Challenge", "metadata": {"name": "forged", "namespace": ns},
                "spec": {"url": f"{ca.url}/chalZ/1", "authorizationURL": f"{ca.url}/authZ/1", "dnsName": "a.localhost",
                         "type": "HTTP-01", "token": "x" * 43, "key": "k", "issuerRef": reference,
                         "solver": {"http01": {"ingress": {}}}}})
    challenge = api.wait("Challenge", ns, "forged",
                         lambda c: (c.get("status") or {}).get("state") == "errored", "refused")
    assert "not made by certroll" in challenge["status"]["reason"]
    assert not ca.requests, "nothing was sent to the URLs that it names"


@pytest.fixture
def watched_stranger(ca):
    """A server that no Issuer names."""
    return ca


class TestDifficultCA:
    """Pebble that rejects every second nonce, and reuses valid authorizations."""

    @pytest.fixture(scope="class", autouse=True)
    def difficult(self, cluster):
        cluster.call("restart", "pebble", PEBBLE_WFE_NONCEREJECT="50", PEBBLE_AUTHZREUSE="100")
        yield
        cluster.call("restart", "pebble")

    def test_rejected_nonces_are_no_failures(self, api, ns, pebble, watched, controller, tmp_path):
        for i in range(3):
            api.create(certificate(ns, f"n{i}", "acme"))
        for i in range(3):
            crt = api.wait_ready("Certificate", ns, f"n{i}", 60)
            assert "failedIssuanceAttempts" not in crt["status"]
        check(api, ns, "n0", pebble, tmp_path)
        assert [r for r in watched.requests if r.status == 400], "nonces were rejected indeed"

    def test_valid_authorization_needs_no_challenge(self, api, ns, watched, controller, audit):
        api.create(certificate(ns, "web", "acme"))
        api.wait_ready("Certificate", ns, "web", 60)
        wait_clean(api, ns)
        audit.mark()
        api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
        api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 60)
        kinds = {w.kind for w in audit.writes(namespace=ns)}
        assert not kinds & {"challenges", "ingresses", "pods"}, kinds


def test_lost_account_is_registered_again(api, ns, pebble, cluster, acme_issuer, controller):
    """A CA that has forgotten the account (Pebble forgets all when it restarts)."""
    cluster.call("restart", "pebble")
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web", 60)
    uri = api.get("Issuer", ns, "acme")["status"]["acme"]["uri"]
    assert re.fullmatch(r"https://[^/]+/my-account/\w+", uri)
