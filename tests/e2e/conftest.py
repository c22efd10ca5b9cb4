# SPDX-License-Identifier: Apache-2.0
"""certroll as people run it: from its image, by its chart, with real pods behind a real ingress.

Without more said, the suite starts a node of its own; CERTROLL_CLUSTER_DIR picks one of hack/cluster's that stays up.
On somebody's own cluster (CERTROLL_EXTERNAL_CLUSTER=1) it needs:

KUBECONFIG              its administrator; kubectl and helm are in PATH
CERTROLL_IMAGE          the image, pushed to where nodes pull it
ACME_DIRECTORY          an ACME server that reaches the ingress controller by HTTP; ACME_CA_BUNDLE: its root, a file
CERTROLL_TEST_DOMAIN    a zone whose names all lead to the ingress controller
CERTROLL_POD_NETWORK=1  if this machine reaches pods and Services, and images of tests/images are there by
CERTROLL_TEST_IMAGES    this prefix (certroll-test/)

Tests that need Pebble's management, the audit log or the node's processes are skipped there.
"""
import os
import pathlib
import uuid

import pytest

from lib.api import Api, secret_data
from lib.audit import Audit
from lib.cluster import ROOT, Cluster
from lib.objects import acme, self_signed
from lib.pebble import Dns, Pebble
from lib.release import Release
from lib.tls import Leaf
from lib.wait import wait_for

NAMESPACE = "certroll"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
# As tests need it: solvers that go soon, and every right that there is.
VALUES = {"extraArgs": ["--solver-linger=20s", "--failure-backoff-min=2s", "--failure-backoff-max=8s"],
          "gatewayAPI": {"enabled": True}, "responder": {"endpointSlices": {"enabled": True}},
          "dns01": {"webhookGroups": ["webhooks.example.com"], "serviceAccountTokens": True}}
NAMES = ("KUBECONFIG", "ACME_DIRECTORY", "ACME_CA_BUNDLE", "INGRESS_IP", "PATH", "CERTROLL_IMAGE")

EXTERNAL = os.environ.get("CERTROLL_EXTERNAL_CLUSTER") == "1"


def pytest_collection_modifyitems(items):
    """What the whole run has done to the API is judged last."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what certroll had to say."""
    report = (yield).get_result()
    release = item.funcargs.get("certroll")
    if report.failed and release is not None:
        report.sections.append(("certroll's log", release.logs()))


# ---- the cluster

@pytest.fixture(scope="session")
def cluster():
    """hack/cluster with a node and all images on it; None for somebody's own."""
    if EXTERNAL:
        yield None
        return
    if os.geteuid() != 0:
        pytest.skip("a node needs root")
    named = os.environ.get("CERTROLL_CLUSTER_DIR")
    build = pathlib.Path(ROOT / os.environ.get("BUILD", "build"))
    ours = Cluster() if named else Cluster(build / "e2e-cluster", node_index=8)
    try:
        ours.call("up")
        ours.call("test-images")
        if "CERTROLL_IMAGE" not in os.environ:
            ours.call("build-image")
            ours.call("load-image", "certroll:dev")
        yield ours
    finally:
        if not named:
            ours.call("down")


@pytest.fixture(scope="session")
def env(cluster):
    """The variables that `hack/cluster env` prints; the caller's, for somebody's own cluster."""
    if cluster is None:
        return {k: os.environ[k] for k in NAMES if k in os.environ}
    found = cluster.env()
    os.environ["PATH"] = found["PATH"].removesuffix(":$PATH") + ":" + os.environ["PATH"]
    return found


@pytest.fixture(scope="session")
def api(env):
    """The administrator."""
    return Api(env["KUBECONFIG"])


@pytest.fixture(scope="session")
def whole_audit(env):
    """What certroll did since the suite began, or None without an audit log."""
    return Audit(env["AUDIT_LOG"], f"system:serviceaccount:{NAMESPACE}:certroll") if "AUDIT_LOG" in env else None


@pytest.fixture(scope="session")
def image(env):
    return os.environ.get("CERTROLL_IMAGE", "certroll:dev")


@pytest.fixture(scope="session")
def certroll(api, image, whole_audit):
    """The release; its namespace enforces the restricted Pod Security Standard. What runs is of this image: a tag may
    have been built anew."""
    release = Release(api, image, NAMESPACE)
    api.apply({"kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
    release.install(**VALUES, podAnnotations={"tests/run": uuid.uuid4().hex})
    return release


# ---- what only some clusters have

@pytest.fixture
def local(cluster):
    """Skips where processes of the node are not this machine's."""
    if cluster is None:
        pytest.skip("needs the node of hack/cluster: its processes")


@pytest.fixture
def audit(env, certroll):
    """What certroll does to the API since the start of the test."""
    if "AUDIT_LOG" not in env:
        pytest.skip("needs the API server's audit log (AUDIT_LOG)")
    return Audit(env["AUDIT_LOG"], certroll.user)


@pytest.fixture
def dns(env):
    if "DNS_MGMT" not in env:
        pytest.skip("needs the management of challtestsrv (DNS_MGMT)")
    return Dns(env)


@pytest.fixture
def test_image(cluster):
    """The name of an image of tests/images, where this machine can also talk to its pods."""
    if cluster is None and os.environ.get("CERTROLL_POD_NETWORK") != "1":
        pytest.skip("needs this machine to reach pods (CERTROLL_POD_NETWORK=1)")
    return lambda name: f"{os.environ.get('CERTROLL_TEST_IMAGES', 'certroll-test/')}{name}:dev"


# ---- ACME

@pytest.fixture(scope="session")
def pebble(env):
    """directory and bundle() for Issuers, whatever the CA is."""
    if "ACME_DIRECTORY" not in env:
        pytest.skip("needs an ACME server (ACME_DIRECTORY)")
    return Pebble(env) if "PEBBLE_MGMT" in env else OtherCa(env)


class OtherCa(Pebble):
    """A CA that we cannot manage."""

    def __init__(self, env):
        self.directory = env["ACME_DIRECTORY"]
        self.ca_file = env.get("ACME_CA_BUNDLE")

    def bundle(self):
        return super().bundle() if self.ca_file else None


@pytest.fixture
def roots(pebble):
    """The roots of the CA's certificates, PEM."""
    if isinstance(pebble, OtherCa):
        pytest.skip("needs Pebble's management for its root (PEBBLE_MGMT)")
    return pebble.root()


@pytest.fixture
def domain():
    """A name of the test's own; names below it lead to the ingress, too."""
    return f"t-{uuid.uuid4().hex[:8]}.{os.environ.get('CERTROLL_TEST_DOMAIN', 'example.test')}"


# ---- namespaces and issuers

def make_namespace(api):
    """One that enforces the restricted Pod Security Standard."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    api.create({"kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    wait_for(f"the default account of {name}", lambda: api.get("ServiceAccount", name, "default"))
    return name


@pytest.fixture
def ns(api, certroll):
    name = make_namespace(api)
    yield name
    api.delete("Namespace", None, name)


@pytest.fixture
def issuer(api, ns):
    """A selfSigned Issuer."""
    return api.create(self_signed(ns))["metadata"]["name"]


@pytest.fixture
def acme_issuer(api, ns, pebble):
    """An Issuer with an account at the CA."""
    api.create(acme(ns, pebble))
    api.wait_ready("Issuer", ns, "acme")
    return "acme"


# ---- what tests ask again and again

def leaf_of(api, namespace, secret):
    """What the Secret holds now."""
    return Leaf(secret_data(api.get("Secret", namespace, secret), "tls.crt"))


def renew(api, namespace, name, timeout=20):
    """By annotation; the new leaf."""
    secret = api.get("Certificate", namespace, name)["spec"]["secretName"]
    before = leaf_of(api, namespace, secret).serial
    api.patch("Certificate", namespace, name, {"metadata": {"annotations": {"certroll.dev/renew": uuid.uuid4().hex}}})
    wait_for(f"another certificate in Secret {namespace}/{secret}",
             lambda: leaf_of(api, namespace, secret).serial != before, timeout, lambda: api.describe(namespace))
    return leaf_of(api, namespace, secret)
