# SPDX-License-Identifier: Apache-2.0
"""The project's numbers on real pods: time by the wall clock, writes by the API server's audit log. Each test leaves
what it measured in the results."""
import time

import pytest

from lib.api import is_ready
from lib.objects import acme, certificate, self_signed
from lib.wait import wait_for


@pytest.fixture
def tell(record_property):
    """Into the JUnit file and the output."""
    def write(name, value):
        record_property(name, value)
        print(f"{name}: {value}")

    return write


def issue(api, ns, bodies, limit):
    """Creates all and waits until all are ready; the seconds that took."""
    started = time.monotonic()
    for body in bodies:
        api.create(body)
    wait_for(f"{len(bodies)} ready certificates",
             lambda: sum(is_ready(c) for c in api.list("Certificate", ns)) == len(bodies), limit,
             lambda: api.describe(ns))
    return time.monotonic() - started


def own_writes(audit, ns, still=1.5):
    """What certroll wrote there, once it has stopped writing."""
    seen = [(time.monotonic(), -1)]

    def quiet():
        count = len(audit.writes(namespace=ns))
        if count != seen[0][1]:
            seen[0] = (time.monotonic(), count)
        return time.monotonic() - seen[0][0] > still

    wait_for("certroll to stop writing", quiet, 30)
    return audit.writes(namespace=ns)


def by_kind(writes):
    counts = {}
    for w in writes:
        counts[f"{w.verb} {w.kind}"] = counts.get(f"{w.verb} {w.kind}", 0) + 1
    return counts


def test_a_cold_certificate(api, ns, acme_issuer, domain, audit, tell):
    """Solver pod, Service, Ingress and all: at most 4 s and 24 writes."""
    audit.mark()
    seconds = issue(api, ns, [certificate(ns, "cold", acme_issuer, dnsNames=[domain])], 30)
    writes = own_writes(audit, ns)
    tell("seconds", round(seconds, 2))
    tell("own_writes", len(writes))
    assert len(writes) <= 24, by_kind(writes)
    assert seconds <= 4


def test_twenty_at_once(api, ns, pebble, domain, audit, tell):
    """At most 6 s for all, cold, and 24 writes each."""
    api.create(acme(ns, pebble))
    api.wait_ready("Issuer", ns, "acme")
    audit.mark()
    bodies = [certificate(ns, f"c{i}", "acme", dnsNames=[f"c{i}.{domain}"]) for i in range(20)]
    seconds = issue(api, ns, bodies, 60)
    writes = own_writes(audit, ns)
    tell("seconds", round(seconds, 2))
    tell("own_writes_each", len(writes) / 20)
    assert len(writes) <= 24 * 20, by_kind(writes)
    assert seconds <= 6


def test_a_hundred_self_signed(api, ns, audit, tell):
    """At most 6 writes each, events included."""
    api.create(self_signed(ns))
    api.wait_ready("Issuer", ns, "selfsigned")
    audit.mark()
    seconds = issue(api, ns, [certificate(ns, f"c{i}") for i in range(100)], 60)
    writes = own_writes(audit, ns)
    tell("seconds", round(seconds, 2))
    tell("own_writes_each", len(writes) / 100)
    assert len(writes) <= 6 * 100, by_kind(writes)


def test_a_ready_certificate_is_left_alone(api, ns, issuer, audit):
    """No write and no read once all is well."""
    api.create(certificate(ns, "calm"))
    api.wait_ready("Certificate", ns, "calm")
    own_writes(audit, ns)
    audit.mark()
    time.sleep(5)  # time is the subject
    assert not audit.entries(namespace=ns)


def test_idle_memory(api, certroll, local, tell):
    """In its pod, leading, all caches filled: RssAnon at most 6 MB, VmRSS at most 18 MB."""
    certroll.restart()
    pod = certroll.leader()
    wait_for("it to be synced", lambda: "event=synced" in certroll.logs(400), 20)
    samples = []

    def steady():
        samples.append(certroll.memory(pod)["VmRSS"])
        return len(samples) > 40 and samples[-1] == samples[-40]

    wait_for("steady memory", steady, 30)
    memory = certroll.memory(pod)
    tell("RssAnon_KiB", memory["RssAnon"])
    tell("VmRSS_KiB", memory["VmRSS"])
    assert memory["VmRSS"] * 1024 <= 18_000_000
    assert memory["RssAnon"] * 1024 <= 6_000_000
