# SPDX-License-Identifier: Apache-2.0
"""A staging issuer is asked first, by the controller and by kubectl certroll preflight: with pods and a real ingress. The
staging CA here is the same one by another URL, and so with another account."""
import subprocess

import pytest

from conftest import leaf_of
from lib.controller import binary
from lib.objects import acme, certificate
from lib.wait import wait_for


@pytest.fixture
def issuers(api, ns, pebble):
    for name, server in (("staging", f"{pebble.directory}?staging"), ("real", pebble.directory)):
        api.create(acme(ns, pebble, name, server=server))
        api.wait_ready("Issuer", ns, name)


def requests(api, ns):
    return {r["metadata"]["name"]: r["spec"]["issuerRef"]["name"] for r in api.list("CertificateRequest", ns)}


def preflight(env, ns, *arguments):
    return subprocess.run([binary(), "preflight", *arguments, "-n", ns], capture_output=True, text=True, timeout=120,
                          env={"KUBECONFIG": env["KUBECONFIG"], "PATH": env["PATH"]})


def test_the_staging_issuer_is_asked_first(api, ns, issuers, domain):
    seen = {}
    api.create(certificate(ns, "web", "real", dnsNames=[domain], preflight={"issuerRef": {"name": "staging"}}))
    wait_for("the certificate", lambda: seen.update(requests(api, ns)) or api.get("Secret", ns, "web-tls"), 60,
             lambda: api.describe(ns))
    api.wait_ready("Certificate", ns, "web")
    assert sorted(seen.values()) == ["real", "staging"]
    assert leaf_of(api, ns, "web-tls").names == [f"DNS:{domain}"]
    wait_for("the preflight to go", lambda: set(requests(api, ns).values()) == {"real"}, 20)


def test_the_command_tries_without_touching_what_is_served(api, env, ns, issuers, domain):
    api.create(certificate(ns, "web", "real", dnsNames=[domain]))
    api.wait_ready("Certificate", ns, "web")
    served = api.get("Secret", ns, "web-tls")["metadata"]["resourceVersion"]
    good = preflight(env, ns, "web", "--issuer", "staging")
    assert good.returncode == 0 and "1 passed, 0 failed" in good.stdout, good
    assert api.get("Secret", ns, "web-tls")["metadata"]["resourceVersion"] == served
    wait_for("all of it to go", lambda: set(requests(api, ns).values()) == {"real"} and not api.list("Ingress", ns), 20)
