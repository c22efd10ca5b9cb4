# SPDX-License-Identifier: Apache-2.0
"""A staging CA is asked first: by the controller, of two Pebbles, and by kubectl certroll preflight."""
import signal
import subprocess

import pytest

from lib.api import condition, secret_data
from lib.ca import Pebble
from lib.controller import binary
from lib.objects import acme, certificate
from lib.tls import Leaf
from lib.wait import wait_for

PATIENCE = 60


@pytest.fixture
def staging(api, ns, start_ca):
    """An Issuer of a Pebble of its own, which refuses refused.localhost."""
    one = start_ca(Pebble)
    api.create(acme(ns, one, "staging"))
    api.wait_ready("Issuer", ns, "staging", PATIENCE)
    return one


@pytest.fixture
def real(api, ns, pebble, ca, responder):
    """An Issuer that reaches the cluster's Pebble through a proxy."""
    api.create(acme(ns, pebble, "real", server=f"{ca.url}/dir"))
    api.wait_ready("Issuer", ns, "real", PATIENCE)
    return ca


def with_preflight(ns, name="web", **more):
    return certificate(ns, name, "real", preflight={"issuerRef": {"name": "staging"}}, **more)


def orders(ca):
    return [r for r in ca.posts("order-plz") if r.status == 201]


def preflights(api, ns):
    return [r for r in api.list("CertificateRequest", ns)
            if "certroll.dev/preflight" in r["metadata"].get("annotations", {})]


def wait_gone(api, ns):
    wait_for("preflight, its Order and all of the solvers' to be gone", lambda: not (
        preflights(api, ns) or api.list("Ingress", ns) or api.list("Challenge", ns) or
        [o for o in api.list("Order", ns) if "preflight" in o["metadata"]["name"]]), PATIENCE,
             lambda: api.describe(ns))


def run(env, ns, *arguments, verb=("preflight",)):
    return subprocess.run([binary(), *verb, *arguments, "-n", ns], capture_output=True, text=True, timeout=120,
                          env={"KUBECONFIG": env["KUBECONFIG"], "PATH": env["PATH"]})


def test_real_certificate_follows_the_staging_one(api, ns, staging, real, pebble, controller, audit):
    audit.mark()
    api.create(with_preflight(ns))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    wait_gone(api, ns)
    leaf = Leaf(secret_data(api.get("Secret", ns, "web-tls"), "tls.crt"))
    assert leaf.names == ["DNS:web.localhost"]
    assert len(orders(real)) == 1
    assert [r["spec"]["issuerRef"]["name"] for r in api.list("CertificateRequest", ns)] == ["real"]
    writes = audit.writes(namespace=ns)
    assert [w for w in writes if "preflight" in (w.name or "") and w.kind == "certificaterequests"]
    assert len(writes) <= 34, f"an order each, and three: {len(writes)}: {writes}"
    # A renewal has its own.
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", PATIENCE)
    assert len(orders(real)) == 2


def test_real_ca_hears_nothing_of_what_the_staging_one_refuses(api, ns, staging, real, controller):
    api.create(with_preflight(ns, dnsNames=[staging.refused]))
    crt = api.wait("Certificate", ns, "web",
                   lambda c: (c.get("status") or {}).get("failedIssuanceAttempts", 0) >= 2, "failed twice", PATIENCE)
    assert staging.refused in condition(crt, "Issuing")["message"]
    assert condition(crt, "Issuing")["reason"] == "PreflightFailed"
    assert not real.posts("order-plz") and not api.get("Secret", ns, "web-tls")
    # Another spec is another preflight, at once.
    api.patch("Certificate", ns, "web", {"spec": {"dnsNames": ["web.localhost"]}})
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    assert len(orders(real)) == 1


def test_command_reports_step_by_step_and_leaves_nothing(api, ns, env, staging, real, controller):
    api.create(certificate(ns, "web", "real"))
    api.create(with_preflight(ns, "bad", dnsNames=[staging.refused]))
    api.wait_ready("Certificate", ns, "web", PATIENCE)
    before = api.get("Secret", ns, "web-tls")["metadata"]["resourceVersion"]
    asked = len(orders(real))
    none = run(env, ns, "web")
    assert none.returncode == 1 and "write --issuer" in none.stdout, none
    api.patch("Certificate", ns, "web", {"metadata": {"labels": {"app": "web"}}})
    good = run(env, ns, "-l", "app=web", "--issuer", "staging", verb=("renew", "--dry-run"))
    assert good.returncode == 0, good
    for step in ("the request is approved", "is placed", "issued by CN=Pebble Intermediate", "a TLS handshake",
                 "1 passed, 0 failed"):
        assert step in good.stdout, good
    bad = run(env, ns, "--all", "--issuer", "Issuer/staging")
    assert bad.returncode == 1 and "1 passed, 1 failed" in bad.stdout and staging.refused in bad.stdout, bad
    assert run(env, ns).returncode == 2
    wait_for("the command's requests to be gone",
             lambda: all(r["metadata"]["annotations"]["certroll.dev/preflight"] == "attempt"
                         for r in preflights(api, ns)), PATIENCE)
    assert api.get("Secret", ns, "web-tls")["metadata"]["resourceVersion"] == before
    assert len(orders(real)) == asked


def test_interrupted_command_cleans_up(api, ns, env, staging, real, controller):
    api.create(certificate(ns, "web", "real", dnsNames=["nobody.invalid"]))
    with subprocess.Popen([binary(), "preflight", "web", "--issuer", "staging", "-n", ns], stdout=subprocess.PIPE,
                          text=True, env={"KUBECONFIG": env["KUBECONFIG"], "PATH": env["PATH"]}) as command:
        wait_for("its request", lambda: preflights(api, ns), PATIENCE)
        command.send_signal(signal.SIGINT)
        said, _ = command.communicate(timeout=60)
    assert command.returncode == 1 and "Interrupt" in said, said
    assert not preflights(api, ns)
