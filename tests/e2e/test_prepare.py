# SPDX-License-Identifier: Apache-2.0
"""A prepare hook that is a Job, with real pods: one that runs while an order does, and one that undoes it."""
import pytest

from conftest import VALUES
from lib.objects import acme, certificate
from lib.wait import wait_for
from lib.workloads import PROBE, RESTRICTED, RESTRICTED_POD


@pytest.fixture
def allowed(certroll, ns):
    """Hooks may run in the namespace."""
    certroll.install(**VALUES, prepare={"allowedNamespaces": [ns]})
    yield ns
    certroll.install(**VALUES)


def job(word, image, **container):
    """Of certroll's own image, which is there for sure."""
    return {"metadata": {"labels": {"word": word}}, "spec": {"backoffLimit": 0, "template": {
        "metadata": {"labels": {"word": word}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "securityContext": RESTRICTED_POD,
                 "automountServiceAccountToken": False,
                 "containers": [{"name": "hook", "image": image, "imagePullPolicy": "IfNotPresent",
                                 "securityContext": RESTRICTED, **container}]}}}}


def test_a_job_is_ready_before_the_order_and_undone_after_it(api, allowed, pebble, domain, image, certroll):
    ns = allowed
    up = job("open", image, args=["solver", "--listen=:8089", "--thumbprint=" + "A" * 43],
             readinessProbe={"httpGet": {"port": 8089, "path": PROBE}, "periodSeconds": 1})
    api.create(acme(ns, pebble, prepare={"job": {"template": up, "undo": job("close", image, args=["version"])}}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme", dnsNames=[domain]))
    pod = wait_for("the pod of the hook", lambda: next(iter(api.list("Pod", ns, "word=open")), None), 20,
                   lambda: api.describe(ns) + certroll.logs())
    env = {e["name"]: e.get("value") for e in pod["spec"]["containers"][0]["env"]}
    assert env["CERTROLL_NAMES"] == domain
    api.wait_ready("Certificate", ns, "web", 60)
    [undo] = wait_for("the Job that undoes", lambda: api.list("Job", ns, "word=close"), 20, lambda: api.describe(ns))
    assert "ownerReferences" not in undo["metadata"]
    [order] = wait_for("the hook to be undone", lambda: [
        o for o in api.list("Order", ns) if not o["metadata"].get("finalizers")], 40, lambda: api.describe(ns))
    assert (order["status"]["state"], order["status"]["prepare"]["state"]) == ("valid", "Undone")
    wait_for("the pod of the hook to go", lambda: not api.list("Pod", ns, "word=open"), 30, lambda: api.describe(ns))
    [undone] = api.list("Job", ns, "word=close")
    assert undone["status"].get("succeeded") == 1
