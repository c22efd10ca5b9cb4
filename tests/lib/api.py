# SPDX-License-Identifier: Apache-2.0
"""An API client over http.client, as the user of a kubeconfig. Thread-safe: a connection for each thread."""
import atexit
import base64
import http.client
import json
import os
import ssl
import tempfile
import threading
import time
import urllib.parse

import yaml

from .wait import wait_for

GROUP = "certroll.dev"

# kind -> (API version, plural, namespaced); add what a test needs.
KINDS = {
    "Namespace": ("v1", "namespaces", False),
    "Secret": ("v1", "secrets", True),
    "Pod": ("v1", "pods", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "ConfigMap": ("v1", "configmaps", True),
    "Event": ("events.k8s.io/v1", "events", True),
    "Deployment": ("apps/v1", "deployments", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "Job": ("batch/v1", "jobs", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "IngressClass": ("networking.k8s.io/v1", "ingressclasses", False),
    "GatewayClass": ("gateway.networking.k8s.io/v1", "gatewayclasses", False),
    "Gateway": ("gateway.networking.k8s.io/v1", "gateways", True),
    "ListenerSet": ("gateway.networking.k8s.io/v1", "listenersets", True),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes", True),
    "ReferenceGrant": ("gateway.networking.k8s.io/v1beta1", "referencegrants", True),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "APIService": ("apiregistration.k8s.io/v1", "apiservices", False),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Certificate": (f"{GROUP}/v1", "certificates", True),
    "CertificateRequest": (f"{GROUP}/v1", "certificaterequests", True),
    "Issuer": (f"{GROUP}/v1", "issuers", True),
    "ClusterIssuer": (f"{GROUP}/v1", "clusterissuers", False),
    "Order": (f"acme.{GROUP}/v1", "orders", True),
    "Challenge": (f"acme.{GROUP}/v1", "challenges", True),
}
OURS = ("Issuer", "Certificate", "CertificateRequest", "Order", "Challenge")

MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server's Status."""

    def __init__(self, status, body):
        self.status = status
        self.message = body.get("message", "") if isinstance(body, dict) else str(body)
        super().__init__(f"{status}: {self.message}")


def condition(thing, kind):
    """The condition of that type, or {} ."""
    conditions = ((thing or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def is_ready(thing):
    """Ready=True, for the present generation where the condition says one."""
    ready = condition(thing, "Ready")
    seen = ready.get("observedGeneration", (thing or {}).get("metadata", {}).get("generation"))
    return ready.get("status") == "True" and seen == thing["metadata"].get("generation", seen)


def secret_data(secret, key):
    """A Secret's value as text."""
    return base64.b64decode(secret["data"][key]).decode()


class Api:
    """Objects by kind. Writes raise ApiError; get() gives None for what is not there."""

    def __init__(self, kubeconfig):
        self.kubeconfig = str(kubeconfig)
        with open(kubeconfig, encoding="utf-8") as file:
            config = yaml.safe_load(file)
        context = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == context["cluster"])
        user = next(u["user"] for u in config["users"] if u["name"] == context["user"])
        self.server = cluster["server"]
        url = urllib.parse.urlsplit(self.server)
        self.address = (url.hostname, url.port or 443)
        self.ca_pem = _material(cluster, "certificate-authority")
        self.context = ssl.create_default_context(cadata=self.ca_pem)
        self.token = user.get("token")
        certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
        if certificate:
            self.context.load_cert_chain(_file(certificate), _file(key))
        self.local = threading.local()

    # ---- requests

    def request(self, method, path, body=None, content_type="application/json", patience=5):
        """Status code and decoded answer, whatever it is; what the server was too busy for (as it is for a new kind) is
        asked again when it says."""
        headers = {"Content-Type": content_type, "User-Agent": "certroll-tests"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = http.client.HTTPSConnection(*self.address, context=self.context, timeout=30)
                self.local.connection = connection
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                self.local.connection = None
                if attempt == 2:  # the first may have met a connection that the server had closed
                    raise
        if answer.status == 429 and patience:
            time.sleep(float(answer.headers.get("Retry-After", 1)))
            return self.request(method, path, body, content_type, patience - 1)
        try:
            return answer.status, json.loads(text or "{}")
        except ValueError:
            return answer.status, text

    def must(self, method, path, body=None, content_type="application/json"):
        status, answer = self.request(method, path, body, content_type)
        if status >= 300:
            raise ApiError(status, answer)
        return answer

    @staticmethod
    def path(kind, namespace=None, name=None, sub=None):
        version, plural, namespaced = KINDS[kind]
        base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        if namespaced and namespace:
            base += f"/namespaces/{namespace}"
        return "/".join(filter(None, (f"{base}/{plural}", name, sub)))

    # ---- objects

    def get(self, kind, namespace, name):
        status, answer = self.request("GET", self.path(kind, namespace, name))
        if status == 404:
            return None
        if status >= 300:
            raise ApiError(status, answer)
        return answer

    def list(self, kind, namespace=None, selector=""):
        query = f"?labelSelector={urllib.parse.quote(selector)}" if selector else ""
        return self.must("GET", self.path(kind, namespace) + query)["items"]

    def create(self, body):
        """Body with kind and metadata; the API version is ours to know."""
        version = KINDS[body["kind"]][0]
        path = self.path(body["kind"], body["metadata"].get("namespace"))
        return self.must("POST", path, {"apiVersion": version, **body})

    def apply(self, body, manager="tests"):
        version = KINDS[body["kind"]][0]
        meta = body["metadata"]
        path = self.path(body["kind"], meta.get("namespace"), meta["name"])
        return self.must("PATCH", f"{path}?fieldManager={manager}&force=true", {"apiVersion": version, **body}, APPLY)

    def patch(self, kind, namespace, name, body, sub=None, manager="tests"):
        """A merge patch."""
        path = self.path(kind, namespace, name, sub)
        return self.must("PATCH", f"{path}?fieldManager={manager}", body, MERGE)

    def delete(self, kind, namespace, name):
        """Deletes what is there; False when it was not."""
        status, answer = self.request("DELETE", self.path(kind, namespace, name))
        if status == 404:
            return False
        if status >= 300:
            raise ApiError(status, answer)
        return True

    def namespace(self, name):
        """A namespace, with its default account: pods can be made in it."""
        self.create({"kind": "Namespace", "metadata": {"name": name}})
        wait_for(f"the default account of {name}", lambda: self.get("ServiceAccount", name, "default"))
        return name

    # ---- waiting

    def wait(self, kind, namespace, name, probe, what, timeout=20):
        """The object as soon as probe(object) is true. A missing object is None to the probe."""
        found = []

        def look():
            found[:] = [self.get(kind, namespace, name)]
            return probe(found[0])

        wait_for(f"{kind} {namespace}/{name}: {what}", look, timeout, lambda: self.describe(namespace))
        return found[0]

    def wait_ready(self, kind, namespace, name, timeout=20):
        return self.wait(kind, namespace, name, lambda o: o and is_ready(o), "Ready", timeout)

    def wait_gone(self, kind, namespace, name, timeout=20):
        self.wait(kind, namespace, name, lambda o: o is None, "gone", timeout)

    def describe(self, namespace):
        """Our objects of a namespace, their conditions and the events, a line each."""
        lines = [f"--- namespace {namespace}"]
        for kind in OURS + ("Secret", "Pod", "Ingress"):
            for thing in self.list(kind, namespace):
                status = thing.get("status") or {}
                told = [f"{k}={status[k]}" for k in ("state", "reason", "nextAction", "revision") if status.get(k)]
                told += [f"{c['type']}={c['status']} {c.get('reason', '')}: {c.get('message', '')}"
                         for c in status.get("conditions") or []]
                lines.append(f"{kind} {thing['metadata']['name']} {' | '.join(told)}")
        for event in self.list("Event", namespace):
            lines.append(f"Event {event.get('regarding', {}).get('kind')} {event.get('reason')}: {event.get('note')}")
        return "\n".join(lines)


def _material(section, name):
    if f"{name}-data" in section:
        return base64.b64decode(section[f"{name}-data"]).decode()
    if name not in section:
        return None
    with open(section[name], encoding="utf-8") as file:
        return file.read()


def _file(text):
    """ssl reads certificates from files only."""
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(text)
    atexit.register(os.unlink, file.name)
    return file.name
