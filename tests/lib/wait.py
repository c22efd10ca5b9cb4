# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions. A sleep is never the answer."""
import select
import time

INTERVAL = 0.05


def wait_for(what, probe, timeout=20, show=None):
    """The first true value of probe(). After timeout seconds an AssertionError says what was waited for, what the
    probe said last, and show(): a text on the state of things."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = f"waited {timeout} s for {what}; last answer: {value!r}"
            raise AssertionError(f"{text}\n{show()}" if show else text)
        time.sleep(INTERVAL)


def stays(what, probe, seconds, show=None):
    """Asserts that probe() stays true for so long: for what must not happen. Time is the subject here."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert probe(), f"no longer: {what}\n{show() if show else ''}"
        time.sleep(INTERVAL)


def readable(sockets, timeout):
    """Those that have something to read, within so many seconds. select() knows the first 1,024 descriptors of a process
    only, and a long run of tests has more."""
    poll = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(timeout * 1000)]
