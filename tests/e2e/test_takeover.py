# SPDX-License-Identifier: Apache-2.0
"""Two replicas: one works, and the other takes over when it ends, however it ends. Times are those of the Lease."""
import datetime
import time

import pytest

from conftest import VALUES
from lib.objects import certificate
from lib.wait import wait_for


@pytest.fixture(scope="module")
def pair(certroll):
    certroll.install(**VALUES, replicas=2)
    yield certroll
    certroll.install(**VALUES)
    wait_for("one pod to be left", lambda: len(certroll.pods()) == 1 and certroll.leader(), 40)


@pytest.fixture
def two(pair):
    """Both pods ready and one of them leading: its name."""
    pair.scale(2)
    return pair.wait_leader()


def taken_after(release, leader, started, limit):
    """Seconds from then until the Lease was acquired by another process."""
    old = leader["holderIdentity"]
    wait_for("another holder", lambda: release.lease().get("holderIdentity") not in ("", None, old), limit + 10,
             release.logs)
    lease = release.lease()
    assert lease["leaseTransitions"] > leader.get("leaseTransitions", 0)
    acquired = datetime.datetime.fromisoformat(lease["acquireTime"].replace("Z", "+00:00"))
    return (acquired - started).total_seconds()


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def check_it_works(api, ns, name):
    api.create(certificate(ns, name))
    api.wait_ready("Certificate", ns, name)


def test_a_leader_that_is_asked_to_end_hands_over(api, ns, issuer, pair, two, record_property):
    lease, started = pair.lease(), now()
    api.delete("Pod", pair.namespace, two)
    seconds = taken_after(pair, lease, started, 3)
    record_property("seconds", round(seconds, 2))
    assert seconds <= 3
    check_it_works(api, ns, "handed-over")


def test_a_leader_that_is_killed_is_replaced(api, ns, issuer, pair, two, local, record_property):
    """kill -9, and the pod is taken away so that it cannot come back."""
    lease, started = pair.lease(), now()
    pair.kill(two)
    api.must("DELETE", api.path("Pod", pair.namespace, two) + "?gracePeriodSeconds=0")
    seconds = taken_after(pair, lease, started, 17)
    record_property("seconds", round(seconds, 2))
    assert seconds <= 17
    check_it_works(api, ns, "taken-over")


def test_one_works_and_the_other_waits(api, ns, issuer, pair, two, audit):
    """Both are ready; all writes but the Lease's come from one address."""
    audit.mark()
    check_it_works(api, ns, "by-one")
    time.sleep(0.5)  # for events
    [address] = {a for e in audit.writes(namespace=ns) for a in e.raw["sourceIPs"]}
    assert address == api.get("Pod", pair.namespace, two)["status"]["podIP"]
