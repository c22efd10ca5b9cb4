# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each step of an ACME issuance, and a new process: one certificate, one order acted on, nothing left over.

A proxy before the API server and one before the CA kill the controller at its n-th write, when the server has carried
it out and the controller does not know yet. Each crash has a namespace, a controller that watches only that, and
proxies of its own, so that several run at a time."""
import concurrent.futures
import signal
import threading
import types
import uuid

import pytest

from lib.api import secret_data
from lib.ca import Pebble
from lib.cluster import service_account
from lib.controller import Controller
from lib.objects import acme, certificate
from lib.proxy import Cut, Proxy
from lib.tls import Leaf, public_of_key
from lib.wait import wait_for

HOME = "certroll"
AT_ONCE = 6
SOLVER = "acme.certroll.dev/http01-solver=true"


class Issuance:
    """One cold issuance, and a crash at the write of that number, or none. Reads of the CA are POSTs and count. staging:
    another CA that is asked first."""

    def __init__(self, world, point, staging=None):
        self.api, self.point = world.api, point
        self.ns = world.api.namespace(f"crash-{uuid.uuid4().hex[:8]}")
        self.lock, self.count, self.died_at = threading.Lock(), 0, None
        pki = f"{world.env['CLUSTER_DIR']}/conf/pki"
        self.kube = Proxy(world.api.server, f"{pki}/cluster-ca.crt", f"{pki}/apiserver.crt", f"{pki}/apiserver.key")
        self.ca = Proxy(world.pebble.directory, world.pebble.ca_file, f"{pki}/acme.crt", f"{pki}/acme.key")
        self.kube.after = self.ca.after = self.after
        kubeconfig, _ = service_account(world.api, world.folder, self.ns, "controller", server=self.kube.url)
        self.controller = Controller(kubeconfig, world.folder, f"crash-at-{point}", HOME, namespace=self.ns,
                                     leader_elect="false", allow_private_urls="true", solver_linger="20s",
                                     failure_backoff_min="1s", **self.flags(world))
        self.controller.log.unlink(missing_ok=True)
        self.add_issuers(world, staging)
        world.api.create(certificate(self.ns, "web", "acme", dnsNames=[self.host()],
                                     preflight={"issuerRef": {"name": "staging"}} if staging else None))

    def flags(self, _world):
        return {}

    def host(self):
        return f"{self.ns}.localhost"

    def add_issuers(self, world, staging):
        world.api.create(acme(self.ns, world.pebble, server=f"{self.ca.url}/dir"))
        if staging:
            world.api.create(acme(self.ns, staging, "staging"))

    def after(self, seen):
        """On a proxy's thread: the server has answered and the controller waits for that."""
        if seen.method in ("GET", "HEAD") or seen.status >= 300 or "/events" in seen.path:
            return
        with self.lock:
            self.count += 1
            if self.count != self.point:
                return
        what = f"{seen.method} {seen.path.partition('?')[0].replace(self.ns, 'NS')}"
        self.controller.signal(signal.SIGKILL)
        self.controller.process.wait()
        self.died_at = what
        raise Cut

    def run(self):
        """None when there are fewer writes; else what went wrong, "" for nothing."""
        try:
            self.controller.start(ready=False)
            wait_for("the crash or the end", lambda: self.died_at or self.is_done(), 60, self.describe)
            if self.died_at is None:
                return None
            self.controller.start(ready=False)
            self.judge()
            return ""
        except (AssertionError, OSError) as error:
            return f"killed at {self.point}, {self.died_at}: {error}\n"
        finally:
            self.end()

    def end(self):
        self.controller.kill()
        self.kube.close()
        self.ca.close()
        self.api.delete("Namespace", None, self.ns)

    def is_done(self):
        """Ready, and nothing left but what stays: request, Order and the lingering solver."""
        crt = self.api.get("Certificate", self.ns, "web")
        ready = [c for c in (crt.get("status") or {}).get("conditions") or []
                 if (c["type"], c["status"]) == ("Ready", "True")]
        return ready and not (self.api.list("Ingress", self.ns) or self.api.list("Challenge", self.ns) or
                              self.api.list("Secret", self.ns, "certroll.dev/next-private-key=true") or
                              [o for kind in ("CertificateRequest", "Order") for o in self.api.list(kind, self.ns)
                               if "preflight" in o["metadata"]["name"]])

    def describe(self):
        asked = "\n".join(map(str, self.ca.requests))
        return f"{self.api.describe(self.ns)}\n{asked}\n{self.controller.tail(15)}"

    def judge(self):
        wait_for("the certificate, and nothing beside it", self.is_done, 60, self.describe)
        self.controller.check_log()
        secret = self.api.get("Secret", self.ns, "web-tls")
        leaf = Leaf(secret_data(secret, "tls.crt"))
        assert public_of_key(secret_data(secret, "tls.key")) == leaf.public_key
        crt = self.api.get("Certificate", self.ns, "web")
        assert crt["status"]["revision"] == 1, crt["status"]
        assert "failedIssuanceAttempts" not in crt["status"], crt["status"]
        assert len(self.api.list("CertificateRequest", self.ns)) == 1
        assert len(self.api.list("Order", self.ns)) == 1
        finalized = {r.path for r in self.ca.posts("finalize-order") if r.status < 300}
        assert len(finalized) == 1, finalized
        orders = [r for r in self.ca.posts("order-plz") if r.status == 201]
        assert len(orders) == 1, f"an order whose URL was lost is found again: {orders}"
        accounts = [r for r in self.ca.posts("sign-me-up") if r.status == 201]
        assert len(accounts) == 1, "one account, whatever happened"


@pytest.mark.timeout(240)
def test_kill_at_each_step_of_an_issuance(api, env, folder, pebble, responder):
    world = types.SimpleNamespace(api=api, env=env, folder=folder, pebble=pebble)
    undisturbed = Issuance(world, None)
    assert undisturbed.run() is None
    assert undisturbed.count > 20, "so many steps at least are known"
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda point: Issuance(world, point).run(), range(1, undisturbed.count + 1))
    failures = [text for text in outcomes if text]
    assert not failures, "\n".join(failures)


@pytest.mark.full
@pytest.mark.timeout(400)
def test_kill_at_each_step_of_an_issuance_with_a_preflight(api, env, folder, pebble, responder, start_ca):
    world = types.SimpleNamespace(api=api, env=env, folder=folder, pebble=pebble)
    staging = start_ca(Pebble)
    undisturbed = Issuance(world, None, staging)
    assert undisturbed.run() is None
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda point: Issuance(world, point, staging).run(), range(1, undisturbed.count + 1))
    failures = [text for text in outcomes if text]
    assert not failures, "\n".join(failures)


def test_solver_of_a_killed_controller_is_removed_by_the_next(api, ns, pebble, responder, make_controller):
    first = make_controller("first", leader_elect="false").start()
    api.create(acme(ns, pebble))
    api.create(certificate(ns, "web", "acme"))
    wait_for("a solver pod", lambda: api.list("Pod", ns, SOLVER), show=lambda: api.describe(ns))
    first.kill()
    api.delete("Certificate", ns, "web")
    make_controller("second", leader_elect="false").start()
    wait_for("the solver to be removed", lambda: not (
        api.list("Pod", ns, SOLVER) or api.list("Service", ns, SOLVER)), 40, lambda: api.describe(ns))
