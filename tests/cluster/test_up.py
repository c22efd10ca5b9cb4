# SPDX-License-Identifier: Apache-2.0
"""`hack/cluster up` gives a cluster that works as its user expects."""
import json
import ssl
import time
import urllib.error
import urllib.request

import pytest

from conftest import needs_root, poll

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: certroll-test/busybox:dev
        command: [sh, -c, "mkdir /www && hostname >/www/index.html && exec busybox httpd -f -p 8080 -h /www"]
        readinessProbe: {httpGet: {port: 8080, path: /index.html}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: default}
spec:
  rules:
  - host: web.example.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


def fetch(url, host=None, cafile=None):
    """The body of an answer, or None."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    context = ssl.create_default_context(cafile=cafile) if cafile else None
    try:
        with urllib.request.urlopen(request, timeout=3, context=context) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


@pytest.fixture(scope="module")
def node(cluster):
    needs_root()
    cluster.must("up")
    return cluster


@pytest.fixture(scope="module")
def web(node):
    """A Deployment of two, its Service and its Ingress; the name of one of its pods."""
    node.kubectl("apply", "-f", "-", text=WEB)
    node.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    return node.kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")


def test_help_and_mistakes(cluster):
    assert "usage:" in cluster.must("--help")
    for wrong in (["nonsense"], [], ["up", "--nonsense"], ["down", "now"], ["load-image"]):
        done = cluster.call(*wrong)
        assert done.returncode == 2 and done.stderr, wrong
    for early in (["env"], ["logs", "etcd"], ["load-image", "x"], ["install"]):
        done = cluster.call(*early)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, (early, done.stderr)


def test_an_external_cluster_is_left_alone(cluster):
    more = {"CERTROLL_EXTERNAL_CLUSTER": "1", "KUBECONFIG": "/nowhere/config"}
    cluster.must("up", **more)
    assert "/nowhere/config" in cluster.must("env", **more)
    assert not (cluster.folder / "run").exists()


def test_a_port_in_use_is_named(cluster):
    import socket
    with socket.create_server(("127.0.0.1", 14000 + 900)):
        done = cluster.call("up", "--no-node")
    assert done.returncode == 1
    assert "port 14900 is in use" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_node_is_ready(node):
    nodes = json.loads(node.kubectl("get", "nodes", "-o", "json"))["items"]
    assert len(nodes) == 1 and nodes[0]["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.2"
    assert "v1.34.2" in node.kubectl("version")


def test_up_twice_keeps_everything(node):
    node.kubectl("create", "namespace", "kept")
    started = time.monotonic()
    node.must("up")
    assert time.monotonic() - started < 10
    node.kubectl("get", "namespace", "kept")
    done = node.call("up", "--no-node")
    assert done.returncode == 1 and "down first" in done.stderr


def test_up_starts_what_has_died(node):
    import os
    import signal
    os.kill(node.pid("pebble"), signal.SIGKILL)
    poll(5, "status to tell", lambda: node.call("status").returncode == 1)
    node.must("up")
    node.kubectl("get", "namespace", "kept")
    assert node.call("status").returncode == 0


def test_ingress_answers(node, web):
    address = node.env()["INGRESS_IP"]
    body = poll(10, "the Ingress", lambda: fetch(f"http://{address}/index.html", "web.example.test"))
    assert body.startswith("web-")
    ingress = poll(10, "the address of the Ingress", lambda: node.kubectl(
        "get", "ingress", "web", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}"))
    assert ingress == address


def test_services_answer_from_the_machine(node, web):
    address = node.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    assert poll(10, "the Service", lambda: fetch(f"http://{address}/index.html")).startswith("web-")


@pytest.mark.parametrize("host", ["web", "web.default.svc.cluster.local", "web.example.test"])
def test_names_in_a_pod(node, web, host):
    """A short name, a full one, and one of the outside that leads to the ingress."""
    body = node.kubectl("exec", web, "--", "wget", "-qO-", f"http://{host}/index.html")
    assert body.startswith("web-")


def test_pebble_answers_everyone(node, web):
    env = node.env()
    directory = json.loads(fetch(env["ACME_DIRECTORY"], cafile=env["ACME_CA_BUNDLE"]))
    assert set(directory["meta"]["profiles"]) == {"default", "shortlived"}
    assert "BEGIN CERTIFICATE" in fetch(env["PEBBLE_MGMT"] + "/roots/0", cafile=env["ACME_CA_BUNDLE"])
    inside = node.kubectl("exec", web, "--", "wget", "-qO-", "--no-check-certificate", env["ACME_DIRECTORY"])
    assert json.loads(inside) == directory


def test_a_name_can_be_pointed_elsewhere(node, web):
    env = node.env()
    data = json.dumps({"host": "moved.example.test.", "addresses": ["192.0.2.7"]}).encode()
    urllib.request.urlopen(env["DNS_MGMT"] + "/add-a", data, timeout=5).close()
    answer = node.kubectl("exec", web, "--", "nslookup", "moved.example.test")
    assert "192.0.2.7" in answer


def test_pebble_restarts_with_other_settings(node):
    node.must("restart", "pebble", PEBBLE_WFE_NONCEREJECT="50", PEBBLE_EAB="1")
    with open(f"/proc/{node.pid('pebble')}/environ", encoding="utf-8") as file:
        assert "PEBBLE_WFE_NONCEREJECT=50" in file.read().split("\0")
    env = node.env()
    meta = json.loads(fetch(env["ACME_DIRECTORY"], cafile=env["ACME_CA_BUNDLE"]))["meta"]
    assert meta["externalAccountRequired"] is True


def test_the_audit_log_names_writers(node):
    node.kubectl("create", "configmap", "audited", "-n", "default")
    with open(node.env()["AUDIT_LOG"], encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    write = [e for e in events if e["verb"] == "create" and e.get("objectRef", {}).get("name") == "audited"
             or e["verb"] == "create" and e["requestURI"].startswith("/api/v1/namespaces/default/configmaps")]
    assert [(e["user"]["username"], e["responseStatus"]["code"]) for e in write
            if e["user"]["username"] == "admin"] == [("admin", 201)]
