# SPDX-License-Identifier: Apache-2.0
"""Two replicas and one lease. Each is a user of its own, so that the audit log tells them apart."""
import signal
import time

import pytest

from lib.audit import WRITES, Audit
from lib.cluster import service_account
from lib.objects import certificate, self_signed
from lib.wait import stays, wait_for

HOME, LEASE = "certroll", "certroll-controller"
LEASE_LOST = 3


@pytest.fixture
def replicas(api, folder, make_controller, env):
    """The leader, the one that waits, and what either does to the API."""
    api.delete("Lease", HOME, LEASE)
    made = []
    for name in ("replica-a", "replica-b"):
        kubeconfig, user = service_account(api, folder, HOME, name)
        made.append((make_controller(name, kubeconfig), Audit(env["AUDIT_LOG"], user)))
    for one, _ in made:
        one.start()
        wait_for(f"a leader beside or before {one.name}", lambda: leads(made[0][0]), 20, one.tail)
    assert not leads(made[1][0])
    return made


def leads(one):
    return "msg=leading" in one.text()


def holder(api):
    return api.get("Lease", HOME, LEASE)["spec"].get("holderIdentity", "")


def own_writes(audit):
    """All successful ones, that of the lease included."""
    return [e for e in audit.entries() if e.verb in WRITES and e.code < 300]


def test_only_the_leader_works(api, ns, replicas):
    (_, _), (_, waiting) = replicas
    api.create(self_signed(ns))
    api.create(certificate(ns, "web"))
    api.wait_ready("Certificate", ns, "web")
    assert not own_writes(waiting)


def test_released_lease_is_taken_within_3_s(replicas):
    (first, _), (second, _) = replicas
    first.signal(signal.SIGTERM)
    assert first.wait(10) == 0
    ended = time.monotonic()
    wait_for("the other to lead", lambda: leads(second), 3, second.tail)
    assert time.monotonic() - ended <= 3


def test_killed_leader_is_replaced_within_17_s(api, ns, replicas):
    (first, _), (second, _) = replicas
    api.create(self_signed(ns))
    first.kill()
    killed = time.monotonic()
    api.create(certificate(ns, "web"))
    wait_for("the other to lead", lambda: leads(second), 17, second.tail)
    assert time.monotonic() - killed <= 17
    api.wait_ready("Certificate", ns, "web")
    second.stop()


def test_leader_that_was_stopped_for_20_s_writes_nothing_more_and_exits_3(api, ns, replicas):
    (first, audit), (second, _) = replicas
    api.create(self_signed(ns))
    for i in range(40):  # it is in the middle of something when it stops
        api.create(certificate(ns, f"n{i}"))
    first.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for("the other to lead", lambda: leads(second), 20, second.tail)
    assert second.name in holder(api)
    audit.mark()
    # Time itself is what is tested.
    stays("the new leader", lambda: second.name in holder(api), max(0, 20 - (time.monotonic() - stopped)))
    first.signal(signal.SIGCONT)
    assert first.wait(10) == LEASE_LOST, first.tail()
    assert not own_writes(audit), own_writes(audit)
    for i in range(40):
        api.wait_ready("Certificate", ns, f"n{i}", 30)
    assert len(api.list("CertificateRequest", ns)) == 40
    second.stop()


def test_leader_that_is_stopped_briefly_goes_on(api, ns, replicas):
    (first, _), (second, _) = replicas
    api.create(self_signed(ns))
    first.signal(signal.SIGSTOP)
    api.create(certificate(ns, "web"))
    stays("the lease", lambda: first.name in holder(api), 3)
    first.signal(signal.SIGCONT)
    api.wait_ready("Certificate", ns, "web")
    assert first.running() and not leads(second)
