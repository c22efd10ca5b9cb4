# SPDX-License-Identifier: Apache-2.0
"""The chart on the server: everything in it is accepted, and the roles give what they should."""
import json
import subprocess
import time
import uuid

import pytest

from crdserver import ROOT, Api, delete_crds, run, wait_served
from test_rules import SPECS

CHART = ROOT / "charts/certroll"
NAMESPACE = "default"
USERS = {"viewer": "view", "editor": "edit", "reader": "@name@-cluster-view"}  # user -> ClusterRole


class Release:
    """A release of the chart under a group of its own. No pod needs to run for it."""

    def __init__(self, proxy):
        self.name = f"t-{uuid.uuid4().hex[:8]}"
        self.group = f"{self.name}.example.org"
        self.api = Api(proxy, self.group)
        self.notes = self.helm("install").split("NOTES:")[1]

    def helm(self, verb, *arguments):
        return run("helm", verb, self.name, CHART, "--namespace", NAMESPACE,
                   "--set", f"fullnameOverride={self.name},apiGroup={self.group}",
                   "--set", "networkPolicy.enabled=true,config.workers=2", *arguments)

    def bind_users(self):
        for user, role in USERS.items():
            run("kubectl", "create", "clusterrolebinding", f"{self.name}-{user}", f"--user={self.name}-{user}",
                f"--clusterrole={role.replace('@name@', self.name)}")

    def wait_aggregated(self):
        """The controller manager puts the rules of the chart's roles into view and edit of Kubernetes."""
        deadline = time.monotonic() + 30
        for role in ("view", "edit"):
            path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}"
            while self.group not in str(self.api.request("GET", path)[1].get("rules")):
                assert time.monotonic() < deadline, f"{role} does not have the rules of {self.name}-{role}"
                time.sleep(0.1)

    def can(self, user, verb, resource, namespace="", name=""):
        """Whether the server's RBAC lets user do it; resource is GROUP/RESOURCE[/SUBRESOURCE]."""
        group, resource, *subresource = resource.replace("@G@", self.group).split("/")
        code, review = self.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": "".join(subresource),
                "namespace": namespace, "name": name}}})
        assert code == 201, review
        return review["status"]["allowed"]

    def uninstall(self):
        run("helm", "uninstall", self.name, "--namespace", NAMESPACE, "--ignore-not-found")

    def remove(self):
        self.uninstall()
        run("kubectl", "delete", "--ignore-not-found", *(f"clusterrolebinding/{self.name}-{user}" for user in USERS))
        delete_crds("crd", "-l", f"app.kubernetes.io/instance={self.name}")


@pytest.fixture(scope="module")
def release(proxy):
    made = Release(proxy)
    try:
        made.bind_users()
        made.wait_aggregated()
        yield made
    finally:
        made.remove()


def test_notes_say_what_to_do_next(release):
    assert release.notes.count(f"apiVersion: {release.group}/v1") == 2


def test_upgrade(release):
    assert "REVISION: 2" in release.helm("upgrade", "--set", "replicas=2")


@pytest.fixture(scope="module")
def restricted(release):
    """A namespace that warns of pods outside the restricted Pod Security Standard."""
    run("kubectl", "create", "namespace", release.name)
    run("kubectl", "label", "namespace", release.name, "pod-security.kubernetes.io/warn=restricted")
    yield release.name
    run("kubectl", "delete", "namespace", "--wait=false", release.name)


@pytest.mark.parametrize("securely", [True, False])
def test_pods_are_restricted(release, restricted, tmp_path, securely):
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{release.name}"
    deployment = release.api.request("GET", path)[1]
    deployment["metadata"] = {"name": "x"}
    if not securely:
        del deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    (tmp_path / "deployment.json").write_text(json.dumps(deployment))
    answer = run("kubectl", "create", "--dry-run=server", "--warnings-as-errors", "--namespace", restricted,
                 "-f", tmp_path / "deployment.json", "-o", "name", check=False, stderr=subprocess.STDOUT)
    assert ("would violate PodSecurity" in answer) is not securely, answer
    assert "deployment.apps/x" in answer, answer


def test_uninstall_keeps_certificates(proxy):
    other = Release(proxy)
    try:
        wait_served(other.api, SPECS)
        _, made = other.api.create("Certificate", SPECS["Certificate"])
        other.uninstall()
        path = f"{other.api.collection('Certificate')}/{made['metadata']['name']}"
        assert other.api.request("GET", path) == (200, made)
        assert other.api.request("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{other.name}")[0] == 404
    finally:
        other.remove()


@pytest.mark.parametrize("verb, resource, allowed", [
    ("watch", "@G@/certificates", True), ("update", "@G@/certificates", False), ("create", "@G@/certificates", False),
    ("update", "@G@/certificates/status", True), ("patch", "@G@/certificates/status", False),
    ("create", "@G@/issuers", False), ("list", "@G@/clusterissuers", True), ("create", "acme.@G@/orders", True),
    ("update", "acme.@G@/orders/status", True), ("update", "acme.@G@/orders", False), ("list", "/secrets", True),
    ("patch", "/secrets", True), ("update", "/secrets", False), ("patch", "apps/deployments", True),
    ("delete", "apps/deployments", False), ("create", "/pods", True), ("watch", "/pods", False),
    ("create", "/pods/exec", False), ("create", "/serviceaccounts/token", False), ("get", "/configmaps", False),
    ("get", "/namespaces", True), ("list", "/namespaces", False), ("impersonate", "/users", False),
    ("create", "coordination.k8s.io/leases", False),
    ("create", "rbac.authorization.k8s.io/clusterroles", False),
])
def test_what_the_controller_may_do(release, verb, resource, allowed):
    assert release.can(f"system:serviceaccount:{NAMESPACE}:{release.name}", verb, resource) is allowed


@pytest.mark.parametrize("verb, namespace, name, allowed", [
    ("get", NAMESPACE, "certroll-controller", True), ("create", NAMESPACE, "", True),
    ("update", NAMESPACE, "certroll-controller", True), ("delete", NAMESPACE, "certroll-controller", False),
    ("update", NAMESPACE, "somebody-else", False), ("update", "kube-system", "certroll-controller", False),
])
def test_its_own_lease_only(release, verb, namespace, name, allowed):
    account = f"system:serviceaccount:{NAMESPACE}:{release.name}"
    assert release.can(account, verb, "coordination.k8s.io/leases", namespace, name) is allowed


@pytest.mark.parametrize("user, verb, resource, allowed", [
    ("viewer", "list", "@G@/certificates", True), ("viewer", "list", "acme.@G@/challenges", True),
    ("viewer", "create", "@G@/certificates", False), ("viewer", "get", "/secrets", False),
    ("editor", "create", "@G@/certificates", True), ("editor", "delete", "@G@/certificaterequests", True),
    ("editor", "patch", "@G@/issuers", True), ("editor", "get", "acme.@G@/orders", True),
    ("editor", "create", "acme.@G@/orders", False), ("editor", "delete", "acme.@G@/orders", False),
    ("editor", "create", "acme.@G@/challenges", False), ("editor", "patch", "acme.@G@/challenges", False),
    ("editor", "update", "@G@/certificates/status", False), ("editor", "patch", "acme.@G@/orders/status", False),
    ("editor", "create", "@G@/clusterissuers", False), ("editor", "list", "@G@/clusterissuers", False),
    ("reader", "list", "@G@/clusterissuers", True), ("reader", "create", "@G@/clusterissuers", False),
])
def test_what_people_may_do(release, user, verb, resource, allowed):
    assert release.can(f"{release.name}-{user}", verb, resource) is allowed
