# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each step of giving an ACME account another key, and a new process: the right key is found, and the
account is the same. As in test_crash.py, proxies kill the controller when the server has carried out a write and the
controller does not know yet."""
import concurrent.futures
import signal
import threading
import types
import uuid

import pytest

from lib.cluster import service_account
from lib.controller import Controller
from lib.objects import acme
from lib.proxy import Cut, Proxy
from lib.wait import wait_for

HOME = "certroll"
AT_ONCE = 3


def wish(value):
    return {"metadata": {"annotations": {"certroll.dev/rotate-account-key": value}}}


class Rotation:
    """A change of an account's key, and a crash at the write of that number, or none. Reads of the CA are POSTs."""

    def __init__(self, world, point):
        self.api, self.point = world.api, point
        self.ns = world.api.namespace(f"rotate-{uuid.uuid4().hex[:8]}")
        self.lock, self.counting, self.count, self.died_at = threading.Lock(), False, 0, None
        pki = f"{world.env['CLUSTER_DIR']}/conf/pki"
        self.kube = Proxy(world.api.server, f"{pki}/cluster-ca.crt", f"{pki}/apiserver.crt", f"{pki}/apiserver.key")
        self.ca = Proxy(world.pebble.directory, world.pebble.ca_file, f"{pki}/acme.crt", f"{pki}/acme.key")
        self.kube.after = self.ca.after = self.after
        kubeconfig, _ = service_account(world.api, world.folder, self.ns, "controller", server=self.kube.url)
        self.controller = Controller(kubeconfig, world.folder, f"rotate-{point}", HOME, namespace=self.ns,
                                     leader_elect="false", allow_private_urls="true", solver_linger="20s")
        self.controller.log.unlink(missing_ok=True)
        world.api.create(acme(self.ns, world.pebble, server=f"{self.ca.url}/dir"))

    def after(self, seen):
        """On a proxy's thread: the server has answered and the controller waits for that."""
        if seen.method in ("GET", "HEAD") or "/events" in seen.path or not self.counting:
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
            self.api.wait_ready("Issuer", self.ns, "acme", 60)
            # Not the first time: what one change leaves behind must not harm the next.
            self.api.patch("Issuer", self.ns, "acme", wish("0"))
            wait_for("the first change", lambda: self.account().get("keyRotation") == "0", 60, self.describe)
            first = self.account()
            self.counting = True
            self.api.patch("Issuer", self.ns, "acme", wish("1"))
            wait_for("the crash or the end", lambda: self.died_at or self.is_done(), 60, self.describe)
            if self.died_at is None:
                return None
            self.controller.start(ready=False)
            self.judge(first)
            return ""
        except (AssertionError, OSError) as error:
            return f"killed at {self.point}, {self.died_at}: {error}\n"
        finally:
            self.controller.kill()
            self.kube.close()
            self.ca.close()
            self.api.delete("Namespace", None, self.ns)

    def account(self):
        return self.api.get("Issuer", self.ns, "acme")["status"]["acme"]

    def is_done(self):
        return self.account().get("keyRotation") == "1"

    def describe(self):
        asked = "\n".join(map(str, self.ca.requests))
        return f"{self.api.describe(self.ns)}\n{asked}\n{self.controller.tail(15)}"

    def judge(self, first):
        wait_for("the key to be changed", self.is_done, 60, self.describe)
        self.controller.check_log()
        now = self.account()
        assert now["uri"] == first["uri"], "the account is the same"
        assert now["thumbprint"] != first["thumbprint"]
        assert list(self.api.get("Secret", self.ns, "acme-account")["data"]) == ["tls.key"]
        assert [r.status for r in self.ca.posts("sign-me-up")].count(201) == 1, "one account, whatever happened"
        assert len([r for r in self.ca.posts("rollover-account-key") if r.status == 200]) == 2
        # The CA takes the key that is left: it signs the next change.
        self.api.patch("Issuer", self.ns, "acme", wish("2"))
        wait_for("the next change", lambda: self.account().get("keyRotation") == "2", 60, self.describe)


@pytest.mark.timeout(240)
def test_kill_at_each_step_of_another_key(api, env, folder, pebble):
    world = types.SimpleNamespace(api=api, env=env, folder=folder, pebble=pebble)
    undisturbed = Rotation(world, None)
    assert undisturbed.run() is None
    assert undisturbed.count >= 6, "so many steps at least are known"
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda point: Rotation(world, point).run(), range(1, undisturbed.count + 1))
    failures = [text for text in outcomes if text]
    assert not failures, "\n".join(failures)
