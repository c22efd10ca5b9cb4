# SPDX-License-Identifier: Apache-2.0
"""Memory over many issuances, of the binary that ships: sanitizers keep memory of their own."""
import time

import pytest

from lib.objects import certificate, self_signed
from lib.wait import wait_for

CERTIFICATES = 20
ROUNDS = 50  # 1,000 reissues
WARM_UP = 15  # rounds until allocator and connection pool have seen it all,
WARM_UP_SECONDS = 30  # and what is kept for a while (15 s, pki/recent) goes as fast as it comes


def reissue(api, ns, round_number):
    """Asks for a new certificate of each, and waits until all have it."""
    for i in range(CERTIFICATES):
        api.patch("Certificate", ns, f"c{i}", {"metadata": {"annotations": {"certroll.dev/renew": str(round_number)}}})
    wait_for(f"revision {round_number + 1} of all",
             lambda: all(c.get("status", {}).get("revision") == round_number + 1 for c in api.list("Certificate", ns)),
             60, lambda: api.describe(ns))


@pytest.mark.full
def test_memory_is_flat_over_a_thousand_reissues(api, ns, shipped, make_controller, record_property):
    """RSS after 1,000 reissues is within 5 % of what it was when warm."""
    api.create(self_signed(ns))
    one = make_controller(leader_elect="false", log_level="warn").start()
    for i in range(CERTIFICATES):
        api.create(certificate(ns, f"c{i}"))
    wait_for("the first certificates", lambda: all(
        c.get("status", {}).get("revision") == 1 for c in api.list("Certificate", ns)), 60, lambda: api.describe(ns))
    started, round_number = time.monotonic(), 0
    while round_number < WARM_UP or time.monotonic() < started + WARM_UP_SECONDS:
        round_number += 1
        reissue(api, ns, round_number)
    warm = one.memory()["VmRSS"]
    for again in range(round_number + 1, round_number + ROUNDS + 1):
        reissue(api, ns, again)
    end = one.memory()["VmRSS"]
    record_property("VmRSS_warm_KiB", warm)
    record_property("VmRSS_end_KiB", end)
    assert end <= warm * 1.05, f"{warm} KiB when warm, {end} KiB after {CERTIFICATES * ROUNDS} reissues"
