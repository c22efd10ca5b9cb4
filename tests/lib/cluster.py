# SPDX-License-Identifier: Apache-2.0
"""hack/cluster as the tests use it, and the user that a controller under test is."""
import base64
import os
import pathlib
import shlex
import subprocess

import yaml

from .api import GROUP, ApiError

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Cluster:
    """hack/cluster on a state folder of its own, or (folder None) on the caller's."""

    def __init__(self, folder=None, port_offset=None, node_index=None):
        self.environ = dict(os.environ)
        if folder is not None:
            self.environ.pop("KUBECONFIG", None)
            self.environ["CERTROLL_CLUSTER_DIR"] = str(folder)
        if port_offset is not None:
            self.environ["CERTROLL_PORT_OFFSET"] = str(port_offset)
        if node_index is not None:
            self.environ["CERTROLL_NODE_INDEX"] = str(node_index)

    def call(self, *arguments, **more):
        """Runs a command of hack/cluster, with more environment; its output."""
        done = subprocess.run([ROOT / "hack/cluster", *arguments], env={**self.environ, **more}, timeout=580, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, f"hack/cluster {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def env(self):
        """What `hack/cluster env` prints: KUBECONFIG, ACME_DIRECTORY, AUDIT_LOG ..."""
        return dict(word.split("=", 1) for word in shlex.split(self.call("env")) if "=" in word)


def kubectl(kubeconfig, *arguments, text=None):
    """The kubectl of the PATH or of the cluster; its output."""
    done = subprocess.run(["kubectl", *map(str, arguments)], env={**os.environ, "KUBECONFIG": str(kubeconfig)},
                          input=text, timeout=120, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f"kubectl {' '.join(map(str, arguments))}: {done.stderr}"
    return done.stdout


def install_crds(api):
    """The committed CRDs, as `kubectl apply -f crds/` does it."""
    names = []
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        api.apply(crd)
        names.append(crd["metadata"]["name"])
    return names


def rules(role="controller"):
    """The rules that the chart gives: charts/certroll/files/rbac.yaml."""
    text = (ROOT / "charts/certroll/files/rbac.yaml").read_text().replace("@G@", GROUP)
    return yaml.safe_load(text)[role]


def _ensure(api, body):
    try:
        api.create(body)
    except ApiError as error:
        if error.status != 409:
            raise


def service_account(api, folder, namespace, name, without=None, server=None, gateway=False, slices=False):
    """A ServiceAccount with the controller's roles, less what `without` says (resource -> verbs); the path of a
    kubeconfig and the user name that the audit log shows. server: another URL to reach the API server by. gateway: with
    gatewayAPI.enabled. slices: with responder.endpointSlices.enabled."""
    granted = rules() + (rules("gateway") if gateway else []) + (rules("endpoint-slices") if slices else [])
    for rule in granted:
        for resource in set(rule["resources"]) & set(without or {}):
            rule["verbs"] = [verb for verb in rule["verbs"] if verb not in without[resource]]
    authority = base64.b64encode(api.ca_pem.encode()).decode()
    subject = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    role, reference = f"{namespace}-{name}", {"apiGroup": "rbac.authorization.k8s.io"}
    for body in (
            {"kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
            {"kind": "ClusterRole", "metadata": {"name": role}, "rules": [r for r in granted if r["verbs"]]},
            {"kind": "ClusterRoleBinding", "metadata": {"name": role}, "subjects": subject,
             "roleRef": {**reference, "kind": "ClusterRole", "name": role}},
            {"kind": "Role", "metadata": {"name": name, "namespace": namespace},
             "rules": rules("leader-election") + rules("responder") + rules("state") +
             (rules("gateway-grants") if gateway else [])},
            {"kind": "RoleBinding", "metadata": {"name": name, "namespace": namespace}, "subjects": subject,
             "roleRef": {**reference, "kind": "Role", "name": name}}):
        _ensure(api, body)
    token = api.must("POST", api.path("ServiceAccount", namespace, name, "token"),
                     {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                      "spec": {"expirationSeconds": 7200}})["status"]["token"]
    path = pathlib.Path(folder) / f"{namespace}-{name}.kubeconfig"
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": server or api.server, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": name, "namespace": namespace}}]}))
    path.chmod(0o600)
    return path, f"system:serviceaccount:{namespace}:{name}"
