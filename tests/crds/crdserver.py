# SPDX-License-Identifier: Apache-2.0
"""Talking to the API server."""
import json
import pathlib
import subprocess
import time
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER_SCOPED = {"ClusterIssuer"}


def run(*command, check=True, stderr=None):
    """The output of a command."""
    return subprocess.run([str(word) for word in command], check=check, stdout=subprocess.PIPE, stderr=stderr,
                          text=True).stdout


def delete_crds(*which):
    """Not waited for: a CRD that goes soon after it was changed may find its "storage is (re)initializing", and the API
    server looks at it again only 5 minutes later."""
    run("kubectl", "delete", "--wait=false", "--ignore-not-found", *which)


class Api:
    """The objects of one API group, by kind, over `kubectl proxy`."""

    def __init__(self, url, group):
        self.url = url
        self.group = group

    def request(self, method, path, body=None, accept="application/json", headers=None):
        """Status code and decoded answer."""
        request = urllib.request.Request(self.url + path, method=method,
                                         headers={"Accept": accept, **(headers or {})})
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def group_of(self, kind):
        return f"acme.{self.group}" if kind in ("Order", "Challenge") else self.group

    def collection(self, kind):
        namespace = "" if kind in CLUSTER_SCOPED else "namespaces/default/"
        return f"/apis/{self.group_of(kind)}/v1/{namespace}{kind.lower()}s"

    def object(self, kind, spec, status=None, name=None):
        made = {"apiVersion": f"{self.group_of(kind)}/v1", "kind": kind,
                "metadata": {"name": name or f"t-{uuid.uuid4().hex[:12]}"}, "spec": spec}
        return made if status is None else {**made, "status": status}

    def create(self, kind, spec, dry_run=False):
        return self.request("POST", self.collection(kind) + ("?dryRun=All" if dry_run else ""), self.object(kind, spec))

    def update(self, kind, body, subresource=""):
        name = body["metadata"]["name"]
        return self.request("PUT", f"{self.collection(kind)}/{name}{subresource}", body)


def wait_served(server, kinds):
    """Established is said a moment before the first request for the kind succeeds."""
    deadline = time.monotonic() + 30
    for path in map(server.collection, kinds):
        while server.request("GET", path)[0] != 200:
            assert time.monotonic() < deadline, f"{path} is not served"
            time.sleep(0.1)
