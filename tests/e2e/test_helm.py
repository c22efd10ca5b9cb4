# SPDX-License-Identifier: Apache-2.0
"""The chart's life: install, upgrade, rollback, uninstall, install again. Nobody loses a certificate by any of it."""
import json

import pytest

from conftest import VALUES, leaf_of
from lib.api import ApiError
from lib.cluster import kubectl
from lib.objects import certificate
from lib.wait import stays, wait_for


def arguments(release):
    return release.deployment()["spec"]["template"]["spec"]["containers"][0]["args"]


def test_installed_and_ready(api, certroll):
    status = certroll.deployment()["status"]
    assert status["readyReplicas"] == 1 and not status.get("unavailableReplicas")
    [pod] = [api.get("Pod", certroll.namespace, p) for p in certroll.pods()]
    assert all(c["restartCount"] == 0 for c in pod["status"]["containerStatuses"])
    labels = api.get("Namespace", None, certroll.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("path, has", [("livez", ""), ("readyz", ""), ("metrics", "certroll_")])
def test_probes_and_metrics(api, certroll, path, has):
    status, text = api.request("GET", api.path("Pod", certroll.namespace, f"{certroll.leader()}:9402", f"proxy/{path}"))
    assert status == 200, text
    assert has in str(text)


def test_metrics_service(api, certroll):
    [service] = [s["metadata"]["name"] for s in api.list("Service", certroll.namespace)
                 if s["spec"]["ports"][0]["port"] == 9402]
    status, text = api.request("GET", api.path("Service", certroll.namespace, f"{service}:9402", "proxy/metrics"))
    assert status == 200 and "certroll_" in text


def test_explain(api, certroll):
    text = kubectl(api.kubeconfig, "explain", "certificates.certroll.dev.spec.issuerRef")
    assert "The issuer that signs this certificate" in text
    for field in ("name", "kind", "group"):
        assert f"  {field}\t<string>" in text
    text = kubectl(api.kubeconfig, "explain", "certificates.certroll.dev", "--recursive")
    assert "<no description>" not in text


def test_get_shows_columns(api, ns, issuer, certroll):
    api.create(certificate(ns, "seen"))
    api.wait_ready("Certificate", ns, "seen")
    head, row = kubectl(api.kubeconfig, "get", "certificates.certroll.dev", "-n", ns, "-o", "wide").splitlines()
    assert head.split()[:4] == ["NAME", "READY", "SECRET", "ISSUER"]
    assert row.split()[:4] == ["seen", "True", "seen-tls", "selfsigned"]


def test_upgrade_and_rollback(certroll):
    before = arguments(certroll)
    assert "--log-level=debug" not in before
    certroll.install(**VALUES, logLevel="debug")
    assert "--log-level=debug" in arguments(certroll)
    [revision] = [r["revision"] for r in json.loads(certroll.helm("history", "certroll", "--max", "1", "-o", "json"))]
    certroll.helm("rollback", "certroll", str(revision - 1), "--wait", "--timeout", "2m")
    assert arguments(certroll) == before
    certroll.wait_leader()


def test_a_misspelled_value_is_refused(certroll):
    with pytest.raises(AssertionError, match="replica"):
        certroll.install(**VALUES, replica=2)


def secret_versions(api, ns, names):
    return {n: api.get("Secret", ns, f"{n}-tls")["metadata"]["resourceVersion"] for n in names}


def test_uninstall_keeps_what_matters_and_install_takes_over(api, ns, issuer, certroll):
    for name in ("a", "b"):
        api.create(certificate(ns, name))
        api.wait_ready("Certificate", ns, name)
    serials = {n: leaf_of(api, ns, f"{n}-tls").serial for n in ("a", "b")}
    versions = secret_versions(api, ns, serials)
    requests = {r["metadata"]["uid"] for r in api.list("CertificateRequest", ns)}
    certroll.uninstall()
    try:
        assert certroll.deployment() is None
        crds = [c["metadata"]["name"] for c in api.list("CustomResourceDefinition")]
        assert {"certificates.certroll.dev", "orders.acme.certroll.dev"} <= set(crds)
        assert [r["metadata"]["name"] for r in api.list("ClusterRole")
                if r["metadata"]["name"].startswith("certroll-")] == []
        assert {c["metadata"]["name"] for c in api.list("Certificate", ns)} == {"a", "b"}
        api.create(certificate(ns, "meanwhile"))
    finally:
        certroll.install(**VALUES)
    api.wait_ready("Certificate", ns, "meanwhile")
    stays("the same Secrets", lambda: secret_versions(api, ns, versions) == versions, 2)
    assert {n: leaf_of(api, ns, f"{n}-tls").serial for n in serials} == serials
    mine = {r["metadata"]["uid"] for r in api.list("CertificateRequest", ns)
            if not r["metadata"]["name"].startswith("meanwhile-")}
    assert mine == requests


def test_a_certificate_that_makes_no_sense_is_refused(api, ns, certroll):
    with pytest.raises(ApiError) as refused:
        api.create(certificate(ns, "wrong", dnsNames=["https://web.test/"]))
    assert refused.value.status == 422 and "write a DNS name such as" in refused.value.message


def test_deleting_a_certificate_leaves_its_secret(api, ns, issuer, certroll):
    api.create(certificate(ns, "kept"))
    api.wait_ready("Certificate", ns, "kept")
    api.delete("Certificate", ns, "kept")
    api.wait_gone("Certificate", ns, "kept")
    wait_for("its requests to go", lambda: not api.list("CertificateRequest", ns), 20)
    assert api.get("Secret", ns, "kept-tls") is not None
