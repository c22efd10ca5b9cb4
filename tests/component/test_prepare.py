# SPDX-License-Identifier: Apache-2.0
"""Prepare hooks over HTTP: before the order, undone after it, whatever happens between."""
import http.server
import json
import threading
import time

import pytest

from lib.api import condition
from lib.cluster import rules
from lib.objects import acme, certificate
from lib.ports import free_port
from lib.wait import wait_for

HOME = "certroll"


class Firewall:
    """An HTTP server that is told to open and close; answers with `status`."""

    def __init__(self):
        self.calls, self.status = [], 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.calls.append((body["action"], tuple(body["names"]), self.headers.get("Authorization"), time.time()))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/acme"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def actions(self):
        return [call[0] for call in self.calls]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def firewall():
    one = Firewall()
    yield one
    one.close()


@pytest.fixture
def allowed(api, ns):
    """The chart's rights where prepare.allowedNamespaces has the namespace."""
    api.create({"kind": "Role", "metadata": {"name": "prepare", "namespace": ns}, "rules": rules("prepare")})
    api.create({"kind": "RoleBinding", "metadata": {"name": "prepare", "namespace": ns},
                "subjects": [{"kind": "ServiceAccount", "name": "controller", "namespace": HOME}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "prepare"}})
    return ns


@pytest.fixture
def running(make_controller, ns):
    """A controller of this namespace only, in which hooks may run."""
    return make_controller(namespace=ns, leader_elect="false", prepare_namespaces=f"other,{ns}",
                           failure_backoff_min="600s").start()


def issuer(api, ns, pebble, ca, firewall, **http_hook):
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", prepare={"http": {"url": firewall.url, **http_hook}}))
    api.wait_ready("Issuer", ns, "acme")


def orders(api, ns):
    return api.list("Order", ns)


def finalizers(order):
    return order["metadata"].get("finalizers") or []


def test_it_is_called_before_the_order_and_undone_after_it(api, allowed, pebble, ca, responder, firewall, running):
    ns, ordered = allowed, []
    ca.before = lambda seen: ordered.append(time.time()) if "/order-plz" in seen.path else None
    api.create({"kind": "Secret", "metadata": {"name": "token", "namespace": ns,
                                               "labels": {"certroll.dev/prepare-headers": "true"}},
                "stringData": {"Authorization": "Bearer x"}})
    issuer(api, ns, pebble, ca, firewall, headersFrom={"name": "token"})
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    order = wait_for("the hook to be undone", lambda: next(
        (o for o in orders(api, ns) if o["status"]["prepare"]["state"] == "Undone" and not finalizers(o)), None),
        show=lambda: api.describe(ns))
    assert order["status"]["state"] == "valid"
    assert firewall.actions() == ["prepare", "undo"]
    assert {call[1:3] for call in firewall.calls} == {(("web.localhost",), "Bearer x")}
    assert firewall.calls[0][3] < ordered[0] < firewall.calls[1][3]


def test_where_it_is_not_allowed_nothing_is_ordered(api, ns, pebble, ca, responder, firewall, make_controller):
    make_controller(namespace=ns, leader_elect="false", failure_backoff_min="600s").start()
    issuer(api, ns, pebble, ca, firewall)
    api.create(certificate(ns, "web", "acme"))
    order = wait_for("the refusal", lambda: next(
        (o for o in orders(api, ns) if (o.get("status") or {}).get("state") == "errored"), None))
    assert "prepare.allowedNamespaces" in order["status"]["reason"]
    assert not firewall.calls and not ca.posts("order-plz") and not finalizers(order)


def test_a_kill_and_a_deletion_leave_nothing_open(api, allowed, pebble, ca, responder, firewall, running):
    """Killed once the hook was called, and the Certificate deleted while nobody runs."""
    ns, held = allowed, threading.Event()

    def hold(seen):
        if "/order-plz" in seen.path:
            held.set()
            return 503, b"{}"
        return None

    ca.before = hold
    issuer(api, ns, pebble, ca, firewall)
    api.create(certificate(ns, "web", "acme"))
    wait_for("newOrder", held.is_set)
    running.kill()
    assert firewall.actions() == ["prepare"]
    assert orders(api, ns)[0]["status"]["prepare"]["state"] == "Started"
    for kind in ("Certificate", "CertificateRequest"):
        for one in api.list(kind, ns):
            api.delete(kind, ns, one["metadata"]["name"])
    for order in orders(api, ns):
        api.delete("Order", ns, order["metadata"]["name"])
    assert orders(api, ns), "the finalizer holds it"
    firewall.status = 500
    running.start()
    wait_for("the undo to be tried", lambda: firewall.actions().count("undo") >= 2, 30)
    assert orders(api, ns)
    firewall.status = 200
    wait_for("the Order to go", lambda: not orders(api, ns), 60, lambda: api.describe(ns))
    assert firewall.actions()[-1] == "undo"


def test_a_hook_that_fails_spends_no_order(api, allowed, pebble, ca, responder, firewall, running):
    """A Secret without the label is refused at once."""
    ns = allowed
    api.create({"kind": "Secret", "metadata": {"name": "token", "namespace": ns}, "stringData": {"A": "x"}})
    issuer(api, ns, pebble, ca, firewall, headersFrom={"name": "token"})
    api.create(certificate(ns, "web", "acme"))
    crt = api.wait("Certificate", ns, "web", lambda c: condition(c, "Issuing").get("status") == "False", "failed", 30)
    assert "lacks the label" in condition(crt, "Issuing")["message"]
    assert not ca.posts("order-plz") and not firewall.calls


def pod_of(api, ns, job):
    """The pod that the Job controller made; no node runs it."""
    return wait_for(f"a pod of Job {job}", lambda: next(
        iter(api.list("Pod", ns, f"batch.kubernetes.io/job-name={job}")), None), 30, lambda: api.describe(ns))


def play_kubelet(api, ns, job, phase):
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    name = pod_of(api, ns, job)["metadata"]["name"]
    api.must("PATCH", api.path("Pod", ns, name, "status"),
             {"status": {"phase": phase, "conditions": ready if phase == "Running" else []}},
             "application/merge-patch+json")


def template(word):
    return {"metadata": {"labels": {"word": word}}, "spec": {"backoffLimit": 0, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}}}}


def test_a_job_is_ready_before_the_order_and_undone_by_another(api, allowed, pebble, ca, responder, running):
    ns = allowed
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", prepare={
        "job": {"template": template("open"), "undo": template("close")}}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme"))
    job = wait_for("the Job", lambda: api.list("Job", ns, "word=open"), show=lambda: api.describe(ns))[0]
    name = job["metadata"]["name"]
    assert job["metadata"]["ownerReferences"][0]["kind"] == "Order"
    env = pod_of(api, ns, name)["spec"]["containers"][0]["env"]
    assert {"name": "CERTROLL_NAMES", "value": "web.localhost"} in env
    assert not ca.posts("order-plz")
    running.kill()
    running.start()
    play_kubelet(api, ns, name, "Running")
    api.wait_ready("Certificate", ns, "web", 40)
    undo = wait_for("the Job that undoes", lambda: api.list("Job", ns, "word=close"), 20,
                    lambda: api.describe(ns))[0]["metadata"]
    assert "ownerReferences" not in undo
    assert finalizers(orders(api, ns)[0]), "not undone yet"
    play_kubelet(api, ns, undo["name"], "Succeeded")
    wait_for("the hook to be undone", lambda: not finalizers(orders(api, ns)[0]), 30, lambda: api.describe(ns))
    wait_for("the first Job to go", lambda: not api.list("Job", ns, "word=open"), 20)
    assert orders(api, ns)[0]["status"]["prepare"]["state"] == "Undone"


def test_a_job_that_fails_spends_no_order(api, allowed, pebble, ca, responder, running):
    ns = allowed
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", prepare={"job": {"template": template("open")}}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme"))
    job = wait_for("the Job", lambda: api.list("Job", ns, "word=open"), show=lambda: api.describe(ns))[0]
    play_kubelet(api, ns, job["metadata"]["name"], "Failed")
    crt = api.wait("Certificate", ns, "web", lambda c: condition(c, "Issuing").get("status") == "False", "failed", 40)
    assert "nothing was ordered" in condition(crt, "Issuing")["message"]
    wait_for("the Job to go", lambda: not api.list("Job", ns, "word=open"), 20)
    assert not ca.posts("order-plz") and not finalizers(orders(api, ns)[0]), "deleting the Job is enough"


@pytest.mark.refusals
def test_a_namespace_that_is_deleted_goes_though_its_rights_go_first(api, allowed, pebble, ca, responder, running):
    """What would undo cannot be created any more: it is told, and the finalizer comes off without the hooks' rights."""
    ns = allowed
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", prepare={
        "job": {"template": template("open"), "undo": template("close")}}))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme"))
    wait_for("the Job", lambda: api.list("Job", ns, "word=open"), show=lambda: api.describe(ns))
    assert finalizers(orders(api, ns)[0])
    api.delete("RoleBinding", ns, "prepare")
    api.delete("Namespace", None, ns)
    wait_for("the namespace to go", lambda: api.get("Namespace", None, ns) is None, 60, lambda: api.describe(ns))
